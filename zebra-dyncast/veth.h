/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The device that services' routes may lead to: see veth.c.
 */

#ifndef DYNCAST_ZEBRA_VETH_H
#define DYNCAST_ZEBRA_VETH_H

#include <stdbool.h>
#include <stdint.h>

#define DYNCAST_VETH_NAME "dyncast-out"
#define DYNCAST_VETH_PEER "dyncast-end"

/* make or remove it, as the configuration says; and its MTU */
void dyncast_veth_update(void);
/* remove one that a former run has left and nobody wants any more */
void dyncast_veth_forget(void);
/* zebra ends: it goes */
void dyncast_veth_fini(void);

struct dyncast_backend;
struct dyncast_service;

/* Must the route of a service lead to the device? */
bool dyncast_veth_needed(const struct dyncast_service *service);
/* What fits into the tunnel to an instance: its path's MTU less the outer
 * header; UINT32_MAX when there is no tunnel, or nothing is known. */
uint32_t dyncast_veth_inner_mtu(const struct dyncast_backend *backend);

/* one of the two devices */
bool dyncast_veth_is(const char *ifname);
/* `dyncast forwarding kernel`, and the kernel takes BPF */
bool dyncast_veth_steers(void);
/* .. and all that is routed has come to lead to the device */
bool dyncast_veth_has_all(void);
uint32_t dyncast_veth_attach_flags(uint32_t ifindex);
/* the device that services are routed to, 0 while it is not there */
uint32_t dyncast_veth_ifindex(void);

#endif /* DYNCAST_ZEBRA_VETH_H */
