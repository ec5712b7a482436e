/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Tunnel devices of local instances, and what becomes of them: see tunnel.c.
 */

#ifndef DYNCAST_ZEBRA_TUNNEL_H
#define DYNCAST_ZEBRA_TUNNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ipip.h"

struct dyncast_backend;

enum dyncast_tunnel_state {
	DYNCAST_TUNNEL_NONE,   /* and there will be none: see the problem */
	DYNCAST_TUNNEL_COMING, /* in one of the next events */
	DYNCAST_TUNNEL_MADE,
	DYNCAST_TUNNEL_FAILED, /* tried again some time */
};

void dyncast_tunnel_init(void);
/* Devices stay in the kernel, for flows to go on until zebra is back. */
void dyncast_tunnel_fini(void);

/* Ask for one, or for another state of it, and for how far it is.  Never waits
 * for the kernel: dyncast_decap_update() is called when it got further. */
enum dyncast_tunnel_state dyncast_tunnel_want(struct dyncast_backend *owner,
					      const struct dyncast_ipip *ipip);
/* it is not wanted any more; no other instance's device goes */
void dyncast_tunnel_drop(const struct dyncast_backend *owner);

/* a former run's, which nobody has asked for: it goes */
void dyncast_tunnel_sweep(const struct dyncast_addr *dbid);
/* all, at once */
void dyncast_tunnel_clear(void);

/* one of them, or a part of it, may have gone; NULL: any */
void dyncast_tunnel_suspect(const struct dyncast_addr *dbid);
/* .. of those whose device, or whose instance's link, that is */
void dyncast_tunnel_suspect_link(uint32_t ifindex);

/* what `show` says of an instance's */
struct dyncast_tunnel_status {
	enum dyncast_tunnel_state state;
	char device[DYNCAST_IPIP_NAME_SIZE];
	char problem[160];     /* why it is not there; empty when it is */
	unsigned int retry_ms; /* until it is tried again, when it failed */
	unsigned int remade;   /* how often it had gone */
};
/* false: nobody asked for one */
bool dyncast_tunnel_status(const struct dyncast_backend *owner,
			   struct dyncast_tunnel_status *status);
/* what an operator can do about it; NULL when it is there, or comes */
const char *dyncast_tunnel_problem(const struct dyncast_backend *owner);

#endif /* DYNCAST_ZEBRA_TUNNEL_H */
