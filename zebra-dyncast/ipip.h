/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kernel's own end of an IP-in-IP tunnel: see ipip.c.
 */

#ifndef DYNCAST_ZEBRA_IPIP_H
#define DYNCAST_ZEBRA_IPIP_H

#include <stdbool.h>
#include <stdint.h>

#include "../lib/dyncast.h"

/* Each has a rule, which every packet of the router passes. */
#define DYNCAST_IPIP_MAX 64

struct dyncast_ipip {
	struct dyncast_addr dbid;      /* outer destination, IPv4 */
	struct dyncast_prefix service; /* what may be inside */
	struct dyncast_addr address;   /* where it goes: an instance's own */
	uint32_t ifindex;	       /* .. on this link */
};

/* Make it, or change where it leads.  0 or an errno, and then nothing of it is
 * left; EOPNOTSUPP: the kernel has no such device. */
int dyncast_ipip_set(const struct dyncast_ipip *ipip);
/* also of one that is not there, or was made by a former run */
void dyncast_ipip_clear(const struct dyncast_addr *dbid);
/* all that are there, whoever made them */
void dyncast_ipip_clear_all(void);
/* D-BIDs of all that are there, too; how many were written */
unsigned int dyncast_ipip_list(struct dyncast_addr *dbids, unsigned int max);

#define DYNCAST_IPIP_NAME_SIZE 16
/* its device: dync-0a630101 for 10.99.1.1 */
void dyncast_ipip_name(const struct dyncast_addr *dbid,
		       char name[DYNCAST_IPIP_NAME_SIZE]);
bool dyncast_ipip_is(const char *ifname);

#endif /* DYNCAST_ZEBRA_IPIP_H */
