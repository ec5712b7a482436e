/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Requests to the kernel that zebra cannot make for us: see netlink.c.
 */

#ifndef DYNCAST_NETLINK_H
#define DYNCAST_NETLINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/netlink.h>
#include <linux/rtnetlink.h>

struct dyncast_netlink {
	struct nlmsghdr header;
	uint8_t bytes[512];
};

/* head: the fixed structure that follows the message's header */
void dyncast_netlink_begin(struct dyncast_netlink *request, uint16_t type,
			   uint16_t flags, const void *head, size_t size);
/* Attributes must fit in the request; all of ours have a bounded size. */
struct rtattr *dyncast_netlink_put(struct dyncast_netlink *request,
				   uint16_t type, const void *data,
				   size_t size);
/* data may be put into it until it is ended */
struct rtattr *dyncast_netlink_nest(struct dyncast_netlink *request,
				    uint16_t type);
void dyncast_netlink_nest_end(struct dyncast_netlink *request,
			      struct rtattr *nest);

/* what an attribute of an answer holds, `size` bytes of it at most */
void dyncast_netlink_copy(void *to, size_t size, const struct rtattr *attr);

/* Privileges are raised; 0 or an errno. */
int dyncast_netlink_exchange(const struct dyncast_netlink *request);
/* The one message that answers a request; not called when there is none. */
void dyncast_netlink_ask(const struct dyncast_netlink *request,
			 void (*fn)(const struct nlmsghdr *message, void *arg),
			 void *arg);
/* Every message of the answer to a dump; fn may not ask the kernel again. */
void dyncast_netlink_dump(const struct dyncast_netlink *request,
			  void (*fn)(const struct nlmsghdr *message, void *arg),
			  void *arg);

/* The same part by part, 32 KiB at most: a socket, or -1; whoever has it closes
 * it.  The kernel makes a part when it is asked for.  It looks at all that its
 * filter leaves out meanwhile, so a request that may find little in much had
 * better not filter.  Nothing that it tells should be removed before its end:
 * the kernel would skip as many of those to come. */
int dyncast_netlink_dump_begin(const struct dyncast_netlink *request);
/* false: that was the end, or it failed */
bool dyncast_netlink_dump_next(int fd,
			       void (*fn)(const struct nlmsghdr *message,
					  void *arg),
			       void *arg);

#endif /* DYNCAST_NETLINK_H */
