/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the files that apply configuration share: refusing with a reason, and
 * telling everyone who follows a service.  Nobody else includes this.
 * bgpd's main thread.
 */

#ifndef BGPD_DYNCAST_APPLY_INTERNAL_H
#define BGPD_DYNCAST_APPLY_INTERNAL_H

#include "apply.h"

/* says why, and returns false */
bool dyncast_apply_refuse(struct dyncast_apply *apply, const char *format, ...)
	PRINTFRR(2, 3);
/* instance may be NULL */
bool dyncast_apply_names_valid(struct dyncast_apply *apply, const char *name,
			       const char *instance);
/* NULL: none; without a family: this router */
bool dyncast_apply_site_valid(struct dyncast_apply *apply,
			      const struct dyncast_addr *site);
/* validation of a change to a service that `remove` requires to exist */
bool dyncast_apply_service_check(struct dyncast_apply *apply, const char *name,
				 bool remove);
/* tell everyone who follows the service; ends it with its last line */
void dyncast_apply_service_changed(struct dyncast_service *service);
/* the anycast address itself leads to no instance in particular */
bool dyncast_apply_is_service(const struct dyncast_prefix *prefix,
			      const struct dyncast_addr *addr);

#endif /* BGPD_DYNCAST_APPLY_INTERNAL_H */
