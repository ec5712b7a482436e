// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The end of an IP-in-IP tunnel (RFC 2003, RFC 4213) by the kernel's own
 * devices, for one D-BID of one local instance:
 *
 *   dync-0a630101         device: ipip (IPv4 inside) or sit (IPv6), local end
 *                         the D-BID, from anybody
 *   D-BID/32              local, so that the tunnel gets the packet
 *   rule iif DEVICE       what comes out looks into a table of its own ..
 *     SERVICE/len         .. where the service leads to the instance
 *     default             .. and all else to nowhere: a sender may not choose
 *
 * But for the router's own addresses, which come before every rule: what is
 * inside for one of these is delivered, as by any tunnel (doc/deployment.rst).
 *
 * The table's number is the D-BID, which no other has.  The device's own
 * reverse-path filter is off: a client's address is never routed back into it.
 *
 * Everything is found again by its name or number, so what a former run has
 * left can be taken away without having been remembered.
 *
 * zebra's main thread; decap.c says when.
 */

#include "dataplane_port.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <arpa/inet.h>
#include <net/if.h>

#include <linux/fib_rules.h>
#include <linux/if_link.h>

#include "ipip.h"
#include "netlink.h"
#include "sysctl.h"
#include "../lib/addr.h"

/* in /etc/iproute2/rt_protos' free range, as that of endpoint.c */
#define PROTOCOL 217
/* before all rules that lead to the main table */
#define PRIORITY 217
#define PREFIX "dync-"
/* IFLA_IPTUN_LOCAL of <linux/if_tunnel.h>, which <netinet/ip.h> excludes */
#define IPTUN_LOCAL 2
/* of interfaces: all of ours go at once, where one takes the kernel some 10 ms
 */
#define GROUP 0x64796e63

static uint32_t table_of(const struct dyncast_addr *dbid)
{
	uint32_t number;

	memcpy(&number, dbid->bytes, sizeof(number));
	return ntohl(number);
}

void dyncast_ipip_name(const struct dyncast_addr *dbid,
		       char name[DYNCAST_IPIP_NAME_SIZE])
{
	snprintf(name, DYNCAST_IPIP_NAME_SIZE, PREFIX "%08x", table_of(dbid));
}

bool dyncast_ipip_is(const char *ifname)
{
	return strncmp(ifname, PREFIX, strlen(PREFIX)) == 0;
}

/* ---- the device ------------------------------------------------------- */

static void put_name(struct dyncast_netlink *request, const char *name)
{
	dyncast_netlink_put(request, IFLA_IFNAME, name, strlen(name) + 1);
}

static int link_add(const struct dyncast_ipip *ipip, const char *name)
{
	bool ipv6 = ipip->service.addr.family == AF_INET6;
	const char *kind = ipv6 ? "sit" : "ipip";
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
static int compatible_del(const struct dyncast_ipip *ipip, const char *name)
{
	struct ifaddrmsg head = {
		.ifa_family = AF_INET6,
		.ifa_prefixlen = 96,
		.ifa_index = if_nametoindex(name),
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

static void link_del(const char *name)
{
	struct ifinfomsg head = {};
	struct dyncast_netlink request;

	if (!if_nametoindex(name))
		return;
	dyncast_netlink_begin(&request, RTM_DELLINK, 0, &head, sizeof(head));
	put_name(&request, name);
	dyncast_netlink_exchange(&request);
}

static void group_del(void)
{
	struct ifinfomsg head = {};
	uint32_t group = GROUP;
	struct dyncast_netlink request;

	dyncast_netlink_begin(&request, RTM_DELLINK, 0, &head, sizeof(head));
	dyncast_netlink_put(&request, IFLA_GROUP, &group, sizeof(group));
	dyncast_netlink_exchange(&request);
}

/* ---- what leads to it, and from it ------------------------------------ */

static void route_begin(struct dyncast_netlink *request, bool add,
			struct rtmsg route, uint32_t table)
{
	route.rtm_protocol = PROTOCOL;
	dyncast_netlink_begin(request, add ? RTM_NEWROUTE : RTM_DELROUTE,
			      add ? NLM_F_CREATE | NLM_F_REPLACE : 0, &route,
			      sizeof(route));
	dyncast_netlink_put(request, RTA_TABLE, &table, sizeof(table));
}

static size_t addr_size(uint8_t family)
{
	return family == AF_INET ? 4 : 16;
}

static int dbid_route(const struct dyncast_ipip *ipip, const char *name)
{
	struct rtmsg route = {
		.rtm_family = AF_INET,
		.rtm_dst_len = 32,
		.rtm_scope = RT_SCOPE_HOST,
		.rtm_type = RTN_LOCAL,
	};
	uint32_t ifindex = if_nametoindex(name);
	struct dyncast_netlink request;

	route_begin(&request, true, route, RT_TABLE_LOCAL);
	dyncast_netlink_put(&request, RTA_DST, ipip->dbid.bytes, 4);
	dyncast_netlink_put(&request, RTA_OIF, &ifindex, sizeof(ifindex));
	return dyncast_netlink_exchange(&request);
}

static int service_route(const struct dyncast_ipip *ipip)
{
	uint8_t family = ipip->service.addr.family;
	struct rtmsg route = {
		.rtm_family = family,
		.rtm_dst_len = ipip->service.len,
		.rtm_scope = RT_SCOPE_UNIVERSE,
		.rtm_type = RTN_UNICAST,
		.rtm_flags = RTNH_F_ONLINK,
	};
	struct dyncast_netlink request;

	route_begin(&request, true, route, table_of(&ipip->dbid));
	dyncast_netlink_put(&request, RTA_DST, ipip->service.addr.bytes,
			    addr_size(family));
	dyncast_netlink_put(&request, RTA_GATEWAY, ipip->address.bytes,
			    addr_size(family));
	dyncast_netlink_put(&request, RTA_OIF, &ipip->ifindex,
			    sizeof(ipip->ifindex));
	return dyncast_netlink_exchange(&request);
}

static int default_route(const struct dyncast_ipip *ipip)
{
	struct rtmsg route = {
		.rtm_family = ipip->service.addr.family,
		.rtm_scope = RT_SCOPE_UNIVERSE,
		.rtm_type = RTN_BLACKHOLE,
	};
	struct dyncast_netlink request;

	route_begin(&request, true, route, table_of(&ipip->dbid));
	return dyncast_netlink_exchange(&request);
}

/* there are two, and one of another service that had the D-BID before */
#define ROUTES_MAX 8

struct routes {
	uint8_t family;
	uint32_t table;
	unsigned int n;
	struct {
		uint8_t len, type, dst[16];
	} found[ROUTES_MAX];
};

static void route_take(const struct nlmsghdr *message, void *arg)
{
	const struct rtmsg *route = NLMSG_DATA(message);
	unsigned int size = message->nlmsg_len - NLMSG_LENGTH(sizeof(*route));
	uint8_t dst[16] = {};
	struct routes *routes = arg;
	uint32_t table = route->rtm_table;
	struct rtattr *attr;

	if (message->nlmsg_type != RTM_NEWROUTE ||
	    route->rtm_protocol != PROTOCOL || routes->n == ROUTES_MAX)
		return;
	for (attr = RTM_RTA(route); RTA_OK(attr, size);
	     attr = RTA_NEXT(attr, size)) {
		if (attr->rta_type == RTA_TABLE)
			memcpy(&table, RTA_DATA(attr), sizeof(table));
		if (attr->rta_type == RTA_DST)
			memcpy(dst, RTA_DATA(attr), addr_size(routes->family));
	}
	if (table != routes->table)
		return;
	routes->found[routes->n].len = route->rtm_dst_len;
	routes->found[routes->n].type = route->rtm_type;
	memcpy(routes->found[routes->n].dst, dst, sizeof(dst));
	routes->n++;
}

static void table_clear(uint8_t family, uint32_t table)
{
	struct routes routes = {.family = family, .table = table};
	struct rtmsg route = {.rtm_family = family, .rtm_protocol = PROTOCOL};
	struct dyncast_netlink request;

	dyncast_netlink_begin(&request, RTM_GETROUTE, 0, &route, sizeof(route));
	dyncast_netlink_put(&request, RTA_TABLE, &table, sizeof(table));
	dyncast_netlink_dump(&request, route_take, &routes);
	for (unsigned int i = 0; i < routes.n; i++) {
		route.rtm_scope = RT_SCOPE_NOWHERE; /* any */
		route.rtm_dst_len = routes.found[i].len;
		route.rtm_type = routes.found[i].type;
		route_begin(&request, false, route, table);
		if (route.rtm_dst_len)
			dyncast_netlink_put(&request, RTA_DST,
					    routes.found[i].dst,
					    addr_size(family));
		dyncast_netlink_exchange(&request);
	}
}

static int rule(bool add, uint8_t family, const char *name, uint32_t table)
{
	struct fib_rule_hdr head = {
		.family = family,
		.action = FR_ACT_TO_TBL,
	};
	uint32_t priority = PRIORITY;
	uint8_t protocol = PROTOCOL;
	struct dyncast_netlink request;

	dyncast_netlink_begin(&request, add ? RTM_NEWRULE : RTM_DELRULE,
			      add ? NLM_F_CREATE | NLM_F_EXCL : 0, &head,
			      sizeof(head));
	dyncast_netlink_put(&request, FRA_IIFNAME, name, strlen(name) + 1);
	dyncast_netlink_put(&request, FRA_TABLE, &table, sizeof(table));
	dyncast_netlink_put(&request, FRA_PRIORITY, &priority,
			    sizeof(priority));
	dyncast_netlink_put(&request, FRA_PROTOCOL, &protocol,
			    sizeof(protocol));
	return dyncast_netlink_exchange(&request);
}

/* ---- all of it -------------------------------------------------------- */

/* The rule is first, since it is what everything else is found by; the tunnel
 * gets its first packet last of all. */
int dyncast_ipip_set(const struct dyncast_ipip *ipip)
{
	uint8_t family = ipip->service.addr.family;
	char name[DYNCAST_IPIP_NAME_SIZE];
	int error;

	if (ipip->dbid.family != AF_INET || ipip->address.family != family)
		return EAFNOSUPPORT;
	/* how a former one was set is not known */
	dyncast_ipip_clear(&ipip->dbid);
	dyncast_ipip_name(&ipip->dbid, name);
	error = rule(true, family, name, table_of(&ipip->dbid));
	if (!error)
		error = link_add(ipip, name);
	if (!error && family == AF_INET6) {
		dyncast_sysctl_zero("ipv6", name, "accept_ra");
		error = compatible_del(ipip, name);
	}
	if (!error)
		error = default_route(ipip);
	if (!error)
		error = service_route(ipip);
	if (!error && family == AF_INET)
		dyncast_sysctl_zero("ipv4", name, "rp_filter");
	if (!error)
		error = dbid_route(ipip, name);
	if (error)
		dyncast_ipip_clear(&ipip->dbid);
	return error;
}

static void rules_clear(const struct dyncast_addr *dbid, const char *name)
{
	static const uint8_t families[] = {AF_INET, AF_INET6};
	uint32_t table = table_of(dbid);

	for (unsigned int i = 0; i < sizeof(families); i++) {
		table_clear(families[i], table);
		rule(false, families[i], name, table);
	}
}

void dyncast_ipip_clear(const struct dyncast_addr *dbid)
{
	char name[DYNCAST_IPIP_NAME_SIZE];

	if (dbid->family != AF_INET)
		return;
	dyncast_ipip_name(dbid, name);
	link_del(name); /* the local route goes with it */
	rules_clear(dbid, name);
}

/* ---- those that are there --------------------------------------------- */

struct found {
	struct dyncast_addr *dbids;
	unsigned int n, max;
};

/* by their rules: what is left of one whose device went has one still */
static void take(const struct nlmsghdr *message, void *arg)
{
	const struct fib_rule_hdr *head = NLMSG_DATA(message);
	unsigned int size = message->nlmsg_len - NLMSG_LENGTH(sizeof(*head));
	struct rtattr *attr =
		(void *)((uint8_t *)head + NLMSG_ALIGN(sizeof(*head)));
	struct found *found = arg;
	bool ours = false;
	uint32_t number = 0;
	char *end;

	if (message->nlmsg_type != RTM_NEWRULE)
		return;
	for (; RTA_OK(attr, size); attr = RTA_NEXT(attr, size)) {
		const char *text = RTA_DATA(attr);

		if (attr->rta_type == FRA_PROTOCOL)
			ours = *(uint8_t *)RTA_DATA(attr) == PROTOCOL;
		if (attr->rta_type != FRA_IIFNAME ||
		    strncmp(text, PREFIX, strlen(PREFIX)) != 0)
			continue;
		number = strtoul(text + strlen(PREFIX), &end, 16);
		if (*end)
			number = 0;
	}
	if (!ours || !number || found->n == found->max)
		return;
	number = htonl(number);
	found->dbids[found->n++] = dyncast_addr_make(AF_INET, &number);
}

unsigned int dyncast_ipip_list(struct dyncast_addr *dbids, unsigned int max)
{
	static const uint8_t families[] = {AF_INET, AF_INET6};
	struct found found = {.dbids = dbids, .max = max};
	struct dyncast_netlink request;

	for (unsigned int i = 0; i < sizeof(families); i++) {
		struct fib_rule_hdr head = {.family = families[i]};

		dyncast_netlink_begin(&request, RTM_GETRULE, 0, &head,
				      sizeof(head));
		dyncast_netlink_dump(&request, take, &found);
	}
	return found.n;
}

void dyncast_ipip_clear_all(void)
{
	static struct dyncast_addr dbids[DYNCAST_IPIP_MAX];
	unsigned int n = dyncast_ipip_list(dbids, DYNCAST_IPIP_MAX);
	char name[DYNCAST_IPIP_NAME_SIZE];

	group_del();
	for (unsigned int i = 0; i < n; i++) {
		dyncast_ipip_name(&dbids[i], name);
		rules_clear(&dbids[i], name);
	}
}
