/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The route for a service's prefix in the RIB.  See route.c.
 */

#ifndef DYNCAST_ZEBRA_ROUTE_H
#define DYNCAST_ZEBRA_ROUTE_H

#include <stdint.h>
#include <stdbool.h>

struct dyncast_backend;
struct dyncast_service;

/* after a decision: send the route when it says something new.  Returns true
 * when a change of weights waits for the rate limit. */
bool dyncast_route_update(struct dyncast_service *service, int64_t now);
void dyncast_route_withdraw(struct dyncast_service *service);
/* A local instance's LAN has a strict reverse-path filter: its replies are let
 * in while the route leads there. */
bool dyncast_route_for_replies(const struct dyncast_backend *backend);
/* it has a next hop out of that interface */
bool dyncast_route_leads_to(const struct dyncast_service *service,
			    uint32_t ifindex);
/* next hops in the RIB, 0 when there is no route */
unsigned int dyncast_route_nexthops(const struct dyncast_service *service);

/* Soon, when it has a next hop out of such an interface: true then. */
bool dyncast_route_resend(struct dyncast_service *service,
			  bool (*affected)(uint32_t ifindex));

#endif /* DYNCAST_ZEBRA_ROUTE_H */
