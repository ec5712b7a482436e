/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * SRv6 End.DX6 in the kernel, by our own netlink: see endpoint.c.
 */

#ifndef DYNCAST_ENDPOINT_H
#define DYNCAST_ENDPOINT_H

#include <stdbool.h>

#include "../lib/dyncast.h"

/* Outer packets to the SID are unpacked and handed to the instance at the
 * address, on that link.  0 or an errno. */
int dyncast_endpoint_set(const struct dyncast_addr *sid,
			 const struct dyncast_addr *address, uint32_t ifindex);
/* 0 or an errno, ESRCH when there is none */
int dyncast_endpoint_remove(const struct dyncast_addr *sid);
/* the same; none there is 0, too */
int dyncast_endpoint_clear(const struct dyncast_addr *sid);
bool dyncast_endpoint_there(const struct dyncast_addr *sid);
/* SIDs of all such routes, also of those that a former run has left, as the
 * kernel tells them part by part (dyncast_netlink_dump_begin()): a socket, or
 * -1 */
int dyncast_endpoint_list_begin(void);
/* a part's routes, of which each has 48 bytes at least, are no more than that
 */
#define DYNCAST_ENDPOINT_PART 683
/* Adds those of the next part behind the `*n` that there are; there has to be
 * room.  false: that was the last part. */
bool dyncast_endpoint_list_next(int fd, struct dyncast_addr *sids,
				unsigned int *n);

#endif /* DYNCAST_ENDPOINT_H */
