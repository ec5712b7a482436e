/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The device of a tunnel, for ipip.c: see ipip_link.c.
 */

#ifndef DYNCAST_ZEBRA_IPIP_LINK_H
#define DYNCAST_ZEBRA_IPIP_LINK_H

#include <stdbool.h>
#include <stdint.h>

#include "ipip.h"

struct dyncast_ipip_link {
	bool found, up;
	uint32_t ifindex;
	char kind[8];
	uint8_t local[4]; /* its end of the tunnel */
};

/* what is there by that name */
struct dyncast_ipip_link dyncast_ipip_link_get(const char *name);
/* "ipip" or "sit", by what is inside */
const char *dyncast_ipip_link_kind(const struct dyncast_ipip *ipip);
/* 0 or an errno; it is up then */
int dyncast_ipip_link_add(const struct dyncast_ipip *ipip, const char *name);
/* without the address that Linux gives to a sit device; 0 or an errno */
int dyncast_ipip_link_bare(const struct dyncast_ipip *ipip, const char *name);
/* also when there is none */
void dyncast_ipip_link_del(const char *name);
/* every one of ours, in the time of one */
void dyncast_ipip_link_del_all(void);

#endif /* DYNCAST_ZEBRA_IPIP_LINK_H */
