/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What this site says about its services, and when: builds the attribute from
 * the local instances, sends it when a metric has moved past its threshold
 * and the minimum interval has passed (at once for up, down and drain), and
 * takes a service back so that ingresses re-pin instead of holding.
 *
 * bgpd's main thread.  Owns struct dyncast_origin; origin.c does the BGP part.
 * draft-liu-dyncast-reqs-00 section 3.4: D1 (signal), D2 (bounded rate).
 */

#ifndef BGPD_DYNCAST_ADVERTISE_H
#define BGPD_DYNCAST_ADVERTISE_H

#include "service.h"
#include "timer.h"

DECLARE_MTYPE(DYNCAST_ORIGIN);

/* up, down and drain go at once, but a flapping agent makes no storm */
#define DYNCAST_URGENT_MS 20
/* how long reports are collected before they are looked at, and how long at
 * least before a service's are looked at again */
#define DYNCAST_SOON_MS 2
#define DYNCAST_SOON_PACE_MS 50
/* between "all instances are down" and the withdrawal of the path */
#define DYNCAST_CLOSE_MS 1000
/* Unchanged metrics are said again this often while the agent reports, well
 * before an ingress takes them for stale (DYNCAST_AGE_STALE_MS in cost.h). */
#define DYNCAST_REFRESH_MS 10000

PREDECL_DLIST(dyncast_origins);

/* What is said for one (VRF, prefix). */
struct dyncast_origin {
	struct dyncast_origins_item item;
	char vrf[VRF_NAMSIZ + 1];
	struct dyncast_prefix prefix;
	struct dyncast_service *service; /* NULL: being taken back */
	bool no_export;
	struct dyncast_attr said; /* as last sent, quantised */
	uint8_t *value;		  /* the attribute, header included */
	size_t len;		  /* of value; 0: nothing was said yet */
	bool recode;		  /* it is to be said again, whatever it is */
	int64_t sent_ms;
	bool present;	       /* the path was in the table at the last look */
	unsigned int left_out; /* instances that did not fit */
	struct dyncast_alarm t_send;
	struct dyncast_alarm t_close;
	uint64_t updates;   /* sent in all */
	uint64_t refreshes; /* of these, for age alone */
	uint64_t held_back; /* changes that had to wait for the interval */
};

void dyncast_advertise_fini(void);
/* something about the service or its instances may have changed */
void dyncast_advertise_service(struct dyncast_service *service);
/* the same, for what may wait a moment and comes in floods: reports */
void dyncast_advertise_soon(struct dyncast_service *service);
/* the service is being freed */
void dyncast_advertise_gone(struct dyncast_service *service);
/* likewise for all services, some in each of the next events */
void dyncast_advertise_all(void);
/* the attribute's code changed: say everything again */
void dyncast_advertise_recode(void);
/* the service goes, or its prefix or VRF is about to change */
void dyncast_advertise_forget(struct dyncast_service *service);
/* once a second */
void dyncast_advertise_tick(struct dyncast_service *service);
void dyncast_advertise_bgp_gone(struct bgp *bgp);

/*
 * Whether a local instance is advertised, and with which flags.  Returns why
 * not, or why as down; "" when it is advertised as it is.
 */
const char *dyncast_advertise_local(const struct dyncast_local *local,
				    bool *advertise, uint8_t *flags);

#endif /* BGPD_DYNCAST_ADVERTISE_H */
