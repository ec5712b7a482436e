// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The device of one D-BID (ipip.c), by rtnetlink.  zebra's main thread.
 */

#include "dataplane_port.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include <net/if.h>

#include <linux/if_link.h>

#include "ipip_link.h"
#include "netlink.h"

/* IFLA_IPTUN_LOCAL of <linux/if_tunnel.h>, which <netinet/ip.h> excludes */
#define IPTUN_LOCAL 2
/* of interfaces: all of ours go at once, where one takes the kernel some 10 ms
 */
#define GROUP 0x64796e63

static void put_name(struct dyncast_netlink *request, const char *name)
{
	dyncast_netlink_put(request, IFLA_IFNAME, name, strlen(name) + 1);
}

static void link_data_take(struct dyncast_ipip_link *link, struct rtattr *nest)
{
	unsigned int size = RTA_PAYLOAD(nest);

	for (struct rtattr *attr = RTA_DATA(nest); RTA_OK(attr, size);
	     attr = RTA_NEXT(attr, size))
		if (attr->rta_type == IPTUN_LOCAL)
			dyncast_netlink_copy(link->local, sizeof(link->local),
					     attr);
}

static void link_info_take(struct dyncast_ipip_link *link, struct rtattr *nest)
{
	unsigned int size = RTA_PAYLOAD(nest);

	for (struct rtattr *attr = RTA_DATA(nest); RTA_OK(attr, size);
	     attr = RTA_NEXT(attr, size)) {
		if (attr->rta_type == IFLA_INFO_KIND)
			dyncast_netlink_copy(link->kind, sizeof(link->kind) - 1,
					     attr);
		if (attr->rta_type == IFLA_INFO_DATA)
			link_data_take(link, attr);
	}
}

static void link_take(const struct nlmsghdr *message, void *arg)
{
	const struct ifinfomsg *head = NLMSG_DATA(message);
	unsigned int size = message->nlmsg_len - NLMSG_LENGTH(sizeof(*head));
	struct rtattr *attr = IFLA_RTA(head);
	struct dyncast_ipip_link *link = arg;

	if (message->nlmsg_type != RTM_NEWLINK)
		return;
	link->found = true;
	link->up = head->ifi_flags & IFF_UP;
	link->ifindex = head->ifi_index;
	for (; RTA_OK(attr, size); attr = RTA_NEXT(attr, size))
		if (attr->rta_type == IFLA_LINKINFO)
			link_info_take(link, attr);
}

/* Not by if_nametoindex(): for a name that is not there the kernel starts a
 * modprobe, and waits for it. */
struct dyncast_ipip_link dyncast_ipip_link_get(const char *name)
{
	struct ifinfomsg head = {};
	struct dyncast_ipip_link link = {};
	struct dyncast_netlink request;

	dyncast_netlink_begin(&request, RTM_GETLINK, 0, &head, sizeof(head));
	put_name(&request, name);
	dyncast_netlink_ask(&request, link_take, &link);
	return link;
}

const char *dyncast_ipip_link_kind(const struct dyncast_ipip *ipip)
{
	return ipip->service.addr.family == AF_INET6 ? "sit" : "ipip";
}

int dyncast_ipip_link_add(const struct dyncast_ipip *ipip, const char *name)
{
	const char *kind = dyncast_ipip_link_kind(ipip);
	struct ifinfomsg head = {.ifi_flags = IFF_UP, .ifi_change = IFF_UP};
	uint32_t group = GROUP;
	struct rtattr *info, *data;
	struct dyncast_netlink request;

	dyncast_netlink_begin(&request, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL,
			      &head, sizeof(head));
	put_name(&request, name);
	dyncast_netlink_put(&request, IFLA_GROUP, &group, sizeof(group));
	info = dyncast_netlink_nest(&request, IFLA_LINKINFO);
	dyncast_netlink_put(&request, IFLA_INFO_KIND, kind, strlen(kind));
	data = dyncast_netlink_nest(&request, IFLA_INFO_DATA);
	dyncast_netlink_put(&request, IPTUN_LOCAL, ipip->dbid.bytes, 4);
	dyncast_netlink_nest_end(&request, data);
	dyncast_netlink_nest_end(&request, info);
	return dyncast_netlink_exchange(&request);
}

/* Linux gives a sit device an IPv4-compatible address and the route ::/96,
 * which would send whatever comes for an address in there to any IPv4 address.
 */
int dyncast_ipip_link_bare(const struct dyncast_ipip *ipip, const char *name)
{
	struct ifaddrmsg head = {
		.ifa_family = AF_INET6,
		.ifa_prefixlen = 96,
		.ifa_index = dyncast_ipip_link_get(name).ifindex,
	};
	uint8_t address[16] = {};
	struct dyncast_netlink request;
	int error;

	memcpy(address + 12, ipip->dbid.bytes, 4);
	dyncast_netlink_begin(&request, RTM_DELADDR, 0, &head, sizeof(head));
	dyncast_netlink_put(&request, IFA_LOCAL, address, sizeof(address));
	error = dyncast_netlink_exchange(&request);
	return error == EADDRNOTAVAIL ? 0 : error;
}

void dyncast_ipip_link_del(const char *name)
{
	struct ifinfomsg head = {};
	struct dyncast_netlink request;

	dyncast_netlink_begin(&request, RTM_DELLINK, 0, &head, sizeof(head));
	put_name(&request, name);
	dyncast_netlink_exchange(&request);
}

void dyncast_ipip_link_del_all(void)
{
	struct ifinfomsg head = {};
	uint32_t group = GROUP;
	struct dyncast_netlink request;

	dyncast_netlink_begin(&request, RTM_DELLINK, 0, &head, sizeof(head));
	dyncast_netlink_put(&request, IFLA_GROUP, &group, sizeof(group));
	dyncast_netlink_exchange(&request);
}
