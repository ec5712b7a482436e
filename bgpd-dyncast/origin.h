/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Our own path in a BGP table: one bgp_path_info per advertised service, type
 * SHARP and sub-type STATIC, so that it can be no `network` or redistributed
 * route of the user.  The bytes of the attribute travel in attr->transit.
 *
 * Stateless: the path is looked up each time, because bgpd may free a table
 * at any time (`no router bgp`).  bgpd's main thread; called by advertise.c.
 */

#ifndef BGPD_DYNCAST_ORIGIN_H
#define BGPD_DYNCAST_ORIGIN_H

#include "service.h"

enum dyncast_origin_result {
	DYNCAST_ORIGIN_NO_BGP,	  /* no BGP instance in this VRF */
	DYNCAST_ORIGIN_UNCHANGED, /* the path was there with these bytes */
	DYNCAST_ORIGIN_CHANGED,	  /* the path got new attributes */
	DYNCAST_ORIGIN_ADDED,	  /* there was no path */
};

/*
 * Make the table hold our path with this attribute (header included).  When
 * the user has a path of his own for the prefix, its attributes are taken and
 * nothing but ours is added; ours is then preferred, by weight.
 */
enum dyncast_origin_result
dyncast_origin_push(const char *vrf, const struct dyncast_prefix *prefix,
		    bool no_export, const uint8_t *attr, size_t len);
bool dyncast_origin_present(const char *vrf,
			    const struct dyncast_prefix *prefix);
void dyncast_origin_withdraw(struct bgp *bgp,
			     const struct dyncast_prefix *prefix);

/* is this path one that dyncast_origin_push made? */
bool dyncast_origin_is_own(const struct bgp_path_info *pi);

#endif /* BGPD_DYNCAST_ORIGIN_H */
