/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a site says of one of its services: builds the content of the
 * attribute from the local instances, quantised, and judges whether it differs
 * enough from what was said last.  Pure; bgpd's main thread; for advertise.c.
 *
 * draft-liu-dyncast-reqs-00 section 3.4: D2, the rate of signalling.
 */

#ifndef BGPD_DYNCAST_CONTENT_H
#define BGPD_DYNCAST_CONTENT_H

#include "service.h"

enum dyncast_change {
	DYNCAST_CHANGE_NONE,
	DYNCAST_CHANGE_MOVED, /* a metric past its threshold */
	/* up, down, drain, overload, other instances, another policy */
	DYNCAST_CHANGE_URGENT,
};

void dyncast_content_build(const struct dyncast_service *service,
			   struct dyncast_attr *attr);
enum dyncast_change
dyncast_content_compare(const struct dyncast_service *service,
			const struct dyncast_attr *said,
			const struct dyncast_attr *want);

#endif /* BGPD_DYNCAST_CONTENT_H */
