// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Hears of what somebody else takes away of ours: tunnel devices, their rules
 * and routes (tunnel.c), and SIDs that zebra did not install (sid.c).  What
 * zebra has installed it adds again by itself; it hears of links and routes
 * too, but has no hook for rules, nor for routes that are not its own.
 *
 * A socket of our own, with a filter: a router with a full table has thousands
 * of routes come and go, of which none may wake us.  What is heard is a hint
 * only, our own changes among it.
 *
 * Silent: IPv4 routes go without a message when the link that they lead to goes
 * down, and IPv6 ones too by net.ipv6.route.skip_notify_on_dev_down; so news of
 * that link count.  Main thread.
 */

#include <zebra.h>

#include <linux/fib_rules.h>
#include <linux/filter.h>
#include <linux/rtnetlink.h>

#include "compat.h"
#include "ipip.h"
#include "module.h"
#include "sid.h"
#include "tunnel.h"
#include "watch.h"
#include "../lib/addr.h"

/* a message about a link has some 1.5 KiB, and more with many functions */
#define MESSAGE_SIZE 16384
/* heard in one event */
#define BATCH 64
/* rules of IPv6 have no RTMGRP_ */
#define GROUP(number) (1u << ((number)-1))

static int fd = -1;
static int users;
static struct event *t_read;
static bool refused; /* logged */

static bool filter_set(int socket)
{
	/* one message a time; the loads see network byte order */
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_ABS | BPF_H,
			 offsetof(struct nlmsghdr, nlmsg_type)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htons(RTM_NEWLINK), 5, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htons(RTM_DELLINK), 4, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htons(RTM_DELRULE), 3, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htons(RTM_DELROUTE), 0, 3),
		BPF_STMT(BPF_LD | BPF_ABS | BPF_B,
			 NLMSG_HDRLEN + offsetof(struct rtmsg, rtm_protocol)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, DYNCAST_IPIP_PROTOCOL, 0,
			 1),
		BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	const struct sock_fprog program = {
		.len = array_size(code),
		.filter = code,
	};

	return setsockopt(socket, SOL_SOCKET, SO_ATTACH_FILTER, &program,
			  sizeof(program)) == 0;
}

/* ---- what is heard ---------------------------------------------------- */

static void heard_link(const struct nlmsghdr *message)
{
	const struct ifinfomsg *head = NLMSG_DATA(message);
	unsigned int size = message->nlmsg_len - NLMSG_LENGTH(sizeof(*head));
	struct rtattr *attr = IFLA_RTA(head);
	struct dyncast_addr dbid;

	for (; RTA_OK(attr, size); attr = RTA_NEXT(attr, size))
		if (attr->rta_type == IFLA_IFNAME &&
		    dyncast_ipip_of_name(RTA_DATA(attr), &dbid))
			dyncast_tunnel_suspect(&dbid);
	dyncast_tunnel_suspect_link(head->ifi_index);
}

static void heard_rule(const struct nlmsghdr *message)
{
	struct dyncast_addr dbid;

	if (dyncast_ipip_of_rule(message, &dbid))
		dyncast_tunnel_suspect(&dbid);
}

static void heard_route(const struct nlmsghdr *message)
{
	const struct rtmsg *route = NLMSG_DATA(message);
	unsigned int size = message->nlmsg_len - NLMSG_LENGTH(sizeof(*route));
	uint32_t table = route->rtm_table;
	struct dyncast_addr dst = {};
	struct rtattr *attr;

	for (attr = RTM_RTA(route); RTA_OK(attr, size);
	     attr = RTA_NEXT(attr, size)) {
		if (attr->rta_type == RTA_TABLE &&
		    RTA_PAYLOAD(attr) == sizeof(table))
			memcpy(&table, RTA_DATA(attr), sizeof(table));
		if (attr->rta_type == RTA_DST &&
		    RTA_PAYLOAD(attr) == dyncast_family_size(route->rtm_family))
			dst = dyncast_addr_make(route->rtm_family,
						RTA_DATA(attr));
	}
	if (table == RT_TABLE_MAIN)
		dyncast_sid_taken(&dst);
	else if (table != RT_TABLE_LOCAL)
		dst = dyncast_ipip_of_table(table);
	dyncast_tunnel_suspect(&dst);
}

static void heard(const struct nlmsghdr *message)
{
	switch (message->nlmsg_type) {
	case RTM_NEWLINK:
	case RTM_DELLINK:
		heard_link(message);
		break;
	case RTM_DELRULE:
		heard_rule(message);
		break;
	case RTM_DELROUTE:
		heard_route(message);
		break;
	}
}

/* ---- hearing ---------------------------------------------------------- */

static void dyncast_watch_read(struct event *e)
{
	static uint8_t bytes[MESSAGE_SIZE]
		__attribute__((aligned(__alignof__(struct nlmsghdr))));
	struct nlmsghdr *message;
	ssize_t n = 0;

	(void)e;
	event_add_read(dyncast_loop, dyncast_watch_read, NULL, fd, &t_read);
	for (unsigned int i = 0; i < BATCH; i++) {
		n = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT);
		if (n < 0)
			break;
		message = (struct nlmsghdr *)bytes;
		for (; NLMSG_OK(message, n); message = NLMSG_NEXT(message, n))
			heard(message);
	}
	/* there was more than the socket holds */
	if (n < 0 && errno == ENOBUFS) {
		dyncast_tunnel_suspect(NULL);
		dyncast_sid_suspect();
	}
}

static void watch_end(void)
{
	dyncast_event_off(&t_read);
	if (fd >= 0)
		close(fd);
	fd = -1;
}

void dyncast_watch(bool *watched, bool on)
{
	struct sockaddr_nl address = {
		.nl_family = AF_NETLINK,
		.nl_groups = GROUP(RTNLGRP_LINK) | GROUP(RTNLGRP_IPV4_RULE) |
			     GROUP(RTNLGRP_IPV6_RULE) |
			     GROUP(RTNLGRP_IPV4_ROUTE) |
			     GROUP(RTNLGRP_IPV6_ROUTE),
	};

	if (on == *watched)
		return;
	*watched = on;
	users += on ? 1 : -1;
	if (!users) {
		watch_end();
		return;
	}
	if (fd >= 0)
		return;
	fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK,
		    NETLINK_ROUTE);
	if (fd >= 0 && filter_set(fd) &&
	    bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0) {
		event_add_read(dyncast_loop, dyncast_watch_read, NULL, fd,
			       &t_read);
		return;
	}
	if (!refused)
		zlog_warn(
			"dyncast: cannot hear of what others remove from the kernel: %s",
			safe_strerror(errno));
	refused = true;
	watch_end();
}
