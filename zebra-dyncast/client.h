/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * zebra_dyncast's own ZAPI session to the zebra that it lives in: next-hop
 * tracking, routes, opaque messages.  See client.c.
 */

#ifndef DYNCAST_ZEBRA_CLIENT_H
#define DYNCAST_ZEBRA_CLIENT_H

#include "lib/prefix.h"
#include "lib/vrf.h"
#include "compat.h"

/* what our routes are called in the RIB; below every IGP's distance */
#define DYNCAST_ROUTE_TYPE ZEBRA_ROUTE_SHARP
#define DYNCAST_ROUTE_DISTANCE 15

void dyncast_client_init(void);
void dyncast_client_fini(void);
bool dyncast_client_connected(void);
/* once a second: whether libfrr has closed it */
void dyncast_client_tick(void);

void dyncast_client_nht(bool add, const struct prefix *p, vrf_id_t vrf_id);
/* api: everything but type, instance and distance, which are set here */
void dyncast_client_route(bool add, struct zapi_route *api);
void dyncast_client_opaque(uint32_t type, const uint8_t *data, size_t len);

/*
 * One zapi_route for building: 100 KB, too much for the stack.  Zeroed; valid
 * until the next call.  Main thread only.
 */
struct zapi_route *dyncast_client_route_new(vrf_id_t vrf_id,
					    const struct prefix *p);

#endif /* DYNCAST_ZEBRA_CLIENT_H */
