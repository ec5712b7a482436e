/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kernel's own end of an IP-in-IP tunnel: see ipip.c.
 */

#ifndef DYNCAST_ZEBRA_IPIP_H
#define DYNCAST_ZEBRA_IPIP_H

#include <stdbool.h>
#include <stdint.h>

#include <linux/netlink.h>

#include "../lib/dyncast.h"

/* Each has a rule, which every packet of the router passes. */
#define DYNCAST_IPIP_MAX 64
/* .. with those that are about to go, and those of a former run */
#define DYNCAST_IPIP_FOUND_MAX 256
/* of the rules and routes, in /etc/iproute2/rt_protos' free range, as that of
 * endpoint.c */
#define DYNCAST_IPIP_PROTOCOL 217

struct dyncast_ipip {
	struct dyncast_addr dbid;      /* outer destination, IPv4 */
	struct dyncast_prefix service; /* what may be inside */
	struct dyncast_addr address;   /* where it goes: an instance's own */
	uint32_t ifindex;	       /* .. on this link */
};

/* Nothing of one may be there (dyncast_ipip_clear()).  0 or an errno, and then
 * parts of it may be; EOPNOTSUPP: the kernel has no such device. */
int dyncast_ipip_make(const struct dyncast_ipip *ipip);
/* NULL when it is there as it should be, whoever made it; else what is not, for
 * "... is missing" */
const char *dyncast_ipip_missing(const struct dyncast_ipip *ipip);
/* of its device; 0: none */
uint32_t dyncast_ipip_ifindex(const struct dyncast_addr *dbid);
/* Also of one that is not there, or was made by a former run.  The kernel takes
 * some 10 ms for a device. */
void dyncast_ipip_clear(const struct dyncast_addr *dbid);
/* all that are there, whoever made them: all devices in the time of one */
void dyncast_ipip_clear_all(void);
/* D-BIDs of all that are there, too; how many were written */
unsigned int dyncast_ipip_list(struct dyncast_addr *dbids, unsigned int max);

#define DYNCAST_IPIP_NAME_SIZE 16
/* its device: dync-0a630101 for 10.99.1.1 */
void dyncast_ipip_name(const struct dyncast_addr *dbid,
		       char name[DYNCAST_IPIP_NAME_SIZE]);
bool dyncast_ipip_is(const char *ifname);
/* the D-BID by which a device, a table or a rule goes; false: not one of ours
 */
bool dyncast_ipip_of_name(const char *ifname, struct dyncast_addr *dbid);
struct dyncast_addr dyncast_ipip_of_table(uint32_t table);
bool dyncast_ipip_of_rule(const struct nlmsghdr *message,
			  struct dyncast_addr *dbid);

#endif /* DYNCAST_ZEBRA_IPIP_H */
