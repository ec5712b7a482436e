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
 * left can be taken away, or taken over, without having been remembered.
 *
 * zebra's main thread; tunnel.c says when.
 */

#include "dataplane_port.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <arpa/inet.h>

#include <linux/fib_rules.h>

#include "ipip.h"
#include "ipip_link.h"
#include "netlink.h"
#include "sysctl.h"
#include "../lib/addr.h"

#define PROTOCOL DYNCAST_IPIP_PROTOCOL
/* before all rules that lead to the main table */
#define PRIORITY 217
#define PREFIX "dync-"

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

struct dyncast_addr dyncast_ipip_of_table(uint32_t table)
{
	const uint32_t number = htonl(table);

	return dyncast_addr_make(AF_INET, &number);
}

bool dyncast_ipip_of_name(const char *ifname, struct dyncast_addr *dbid)
{
	unsigned long number;
	char *end;

	if (!dyncast_ipip_is(ifname))
		return false;
	number = strtoul(ifname + strlen(PREFIX), &end, 16);
	if (*end || !number || number > UINT32_MAX)
		return false;
	*dbid = dyncast_ipip_of_table(number);
	return true;
}

uint32_t dyncast_ipip_ifindex(const struct dyncast_addr *dbid)
{
	char name[DYNCAST_IPIP_NAME_SIZE];

	dyncast_ipip_name(dbid, name);
	return dyncast_ipip_link_get(name).ifindex;
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
	uint32_t ifindex = dyncast_ipip_link_get(name).ifindex;
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
	const uint8_t *only; /* a destination; NULL: all of the table */
	unsigned int n;
	struct {
		uint8_t len, type;
		uint8_t dst[16], gateway[16];
		uint32_t ifindex;
	} found[ROUTES_MAX];
};

static void route_take(const struct nlmsghdr *message, void *arg)
{
	const struct rtmsg *route = NLMSG_DATA(message);
	unsigned int size = message->nlmsg_len - NLMSG_LENGTH(sizeof(*route));
	struct routes *routes = arg;
	uint32_t table = route->rtm_table;
	uint8_t dst[16] = {}, gateway[16] = {};
	uint32_t ifindex = 0;
	struct rtattr *attr;

	if (message->nlmsg_type != RTM_NEWROUTE ||
	    route->rtm_protocol != PROTOCOL || routes->n == ROUTES_MAX)
		return;
	for (attr = RTM_RTA(route); RTA_OK(attr, size);
	     attr = RTA_NEXT(attr, size)) {
		if (attr->rta_type == RTA_TABLE)
			dyncast_netlink_copy(&table, sizeof(table), attr);
		if (attr->rta_type == RTA_DST)
			dyncast_netlink_copy(dst, sizeof(dst), attr);
		if (attr->rta_type == RTA_GATEWAY)
			dyncast_netlink_copy(gateway, sizeof(gateway), attr);
		if (attr->rta_type == RTA_OIF)
			dyncast_netlink_copy(&ifindex, sizeof(ifindex), attr);
	}
	if (table != routes->table ||
	    (routes->only &&
	     memcmp(dst, routes->only, addr_size(routes->family)) != 0))
		return;
	routes->found[routes->n].len = route->rtm_dst_len;
	routes->found[routes->n].type = route->rtm_type;
	routes->found[routes->n].ifindex = ifindex;
	memcpy(routes->found[routes->n].dst, dst, sizeof(dst));
	memcpy(routes->found[routes->n].gateway, gateway, sizeof(gateway));
	routes->n++;
}

static void routes_list(struct routes *routes)
{
	struct rtmsg route = {
		.rtm_family = routes->family,
		.rtm_protocol = PROTOCOL,
	};
	struct dyncast_netlink request;

	dyncast_netlink_begin(&request, RTM_GETROUTE, 0, &route, sizeof(route));
	dyncast_netlink_put(&request, RTA_TABLE, &routes->table,
			    sizeof(routes->table));
	dyncast_netlink_dump(&request, route_take, routes);
}

static void table_clear(uint8_t family, uint32_t table)
{
	struct routes routes = {.family = family, .table = table};
	struct rtmsg route = {.rtm_family = family, .rtm_protocol = PROTOCOL};
	struct dyncast_netlink request;

	routes_list(&routes);
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
int dyncast_ipip_make(const struct dyncast_ipip *ipip)
{
	uint8_t family = ipip->service.addr.family;
	char name[DYNCAST_IPIP_NAME_SIZE];
	int error;

	if (ipip->dbid.family != AF_INET || ipip->address.family != family)
		return EAFNOSUPPORT;
	dyncast_ipip_name(&ipip->dbid, name);
	error = rule(true, family, name, table_of(&ipip->dbid));
	if (!error)
		error = dyncast_ipip_link_add(ipip, name);
	if (!error && family == AF_INET6) {
		dyncast_sysctl_zero("ipv6", name, "accept_ra");
		error = dyncast_ipip_link_bare(ipip, name);
	}
	if (!error)
		error = default_route(ipip);
	if (!error)
		error = service_route(ipip);
	if (!error && family == AF_INET)
		dyncast_sysctl_zero("ipv4", name, "rp_filter");
	if (!error)
		error = dbid_route(ipip, name);
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
	dyncast_ipip_link_del(name); /* the local route goes with it */
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
	struct found *found = arg;
	struct dyncast_addr dbid;

	if (message->nlmsg_type == RTM_NEWRULE && found->n < found->max &&
	    dyncast_ipip_of_rule(message, &dbid))
		found->dbids[found->n++] = dbid;
}

bool dyncast_ipip_of_rule(const struct nlmsghdr *message,
			  struct dyncast_addr *dbid)
{
	const struct fib_rule_hdr *head = NLMSG_DATA(message);
	unsigned int size = message->nlmsg_len - NLMSG_LENGTH(sizeof(*head));
	struct rtattr *attr =
		(void *)((uint8_t *)head + NLMSG_ALIGN(sizeof(*head)));
	uint32_t priority = 0, table = head->table;
	bool named = false;
	uint8_t protocol = 0;

	for (; RTA_OK(attr, size); attr = RTA_NEXT(attr, size)) {
		if (attr->rta_type == FRA_PROTOCOL)
			dyncast_netlink_copy(&protocol, sizeof(protocol), attr);
		if (attr->rta_type == FRA_PRIORITY)
			dyncast_netlink_copy(&priority, sizeof(priority), attr);
		if (attr->rta_type == FRA_TABLE)
			dyncast_netlink_copy(&table, sizeof(table), attr);
		if (attr->rta_type == FRA_IIFNAME)
			named = dyncast_ipip_of_name(RTA_DATA(attr), dbid);
	}
	return named && protocol == PROTOCOL && priority == PRIORITY &&
	       table == table_of(dbid);
}

static void rules_list(uint8_t family, struct found *found)
{
	struct fib_rule_hdr head = {.family = family};
	struct dyncast_netlink request;

	dyncast_netlink_begin(&request, RTM_GETRULE, 0, &head, sizeof(head));
	dyncast_netlink_dump(&request, take, found);
}

unsigned int dyncast_ipip_list(struct dyncast_addr *dbids, unsigned int max)
{
	struct found found = {.dbids = dbids, .max = max};

	rules_list(AF_INET, &found);
	rules_list(AF_INET6, &found);
	return found.n;
}

static bool rule_found(const struct dyncast_ipip *ipip)
{
	static struct dyncast_addr dbids[DYNCAST_IPIP_FOUND_MAX];
	struct found found = {.dbids = dbids, .max = DYNCAST_IPIP_FOUND_MAX};

	rules_list(ipip->service.addr.family, &found);
	for (unsigned int i = 0; i < found.n; i++)
		if (dyncast_addr_cmp(&dbids[i], &ipip->dbid) == 0)
			return true;
	return false;
}

/* ---- is it there? ----------------------------------------------------- */

static const char *link_missing(const struct dyncast_ipip *ipip,
				const char *name, uint32_t *ifindex)
{
	struct dyncast_ipip_link link = dyncast_ipip_link_get(name);

	*ifindex = link.ifindex;
	if (!link.found)
		return "the device";
	if (strcmp(link.kind, dyncast_ipip_link_kind(ipip)) != 0 ||
	    memcmp(link.local, ipip->dbid.bytes, sizeof(link.local)) != 0)
		return "the device's right kind";
	return link.up ? NULL : "the device's being up";
}

static const char *table_missing(const struct dyncast_ipip *ipip)
{
	struct routes routes = {
		.family = ipip->service.addr.family,
		.table = table_of(&ipip->dbid),
	};
	size_t size = addr_size(routes.family);
	bool way = false, rest = false;

	routes_list(&routes);
	for (unsigned int i = 0; i < routes.n; i++) {
		if (routes.found[i].type == RTN_BLACKHOLE)
			rest = true;
		else
			way = routes.found[i].len == ipip->service.len &&
			      routes.found[i].ifindex == ipip->ifindex &&
			      memcmp(routes.found[i].gateway,
				     ipip->address.bytes, size) == 0 &&
			      memcmp(routes.found[i].dst,
				     ipip->service.addr.bytes, size) == 0;
	}
	return way && rest && routes.n == 2 ? NULL : "the routes of its table";
}

static const char *dbid_missing(const struct dyncast_ipip *ipip,
				uint32_t ifindex)
{
	struct routes routes = {
		.family = AF_INET,
		.table = RT_TABLE_LOCAL,
		.only = ipip->dbid.bytes,
	};

	routes_list(&routes);
	return routes.n == 1 && routes.found[0].ifindex == ifindex
		       ? NULL
		       : "the D-BID's route to it";
}

const char *dyncast_ipip_missing(const struct dyncast_ipip *ipip)
{
	char name[DYNCAST_IPIP_NAME_SIZE];
	const char *missing;
	uint32_t ifindex;

	dyncast_ipip_name(&ipip->dbid, name);
	missing = link_missing(ipip, name, &ifindex);
	if (!missing && !rule_found(ipip))
		missing = "the rule";
	if (!missing)
		missing = table_missing(ipip);
	if (!missing)
		missing = dbid_missing(ipip, ifindex);
	return missing;
}

void dyncast_ipip_clear_all(void)
{
	static struct dyncast_addr dbids[DYNCAST_IPIP_FOUND_MAX];
	unsigned int n = dyncast_ipip_list(dbids, DYNCAST_IPIP_FOUND_MAX);
	char name[DYNCAST_IPIP_NAME_SIZE];

	dyncast_ipip_link_del_all();
	for (unsigned int i = 0; i < n; i++) {
		dyncast_ipip_name(&dbids[i], name);
		rules_clear(&dbids[i], name);
	}
}
