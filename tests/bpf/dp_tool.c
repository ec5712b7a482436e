// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Drives the dataplane from the command line, without zebra: one command per
 * run, everything else recovered from the pins, as after a restart.  For
 * packets.py.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <net/if.h>

#include <bpf/bpf.h>

#include "lib/addr.h"
#include "zebra-dyncast/dataplane_internal.h"
#include "zebra-dyncast/endpoint.h"

#define FILL_BATCH 4096

static const char usage_text[] =
	"usage: dp_tool DIR COMMAND\n"
	"  attach IFNAME TABLE [steer|decap|egress...] | detach IFNAME |\n"
	"  uninstall | status | flows | clear |\n"
	"  fill N [AGE]                                 flows of no client\n"
	"  service TABLE PREFIX                         prints its index\n"
	"  adjacent SERVICE DBID IFNAME                 prints the id\n"
	"  srv6 SERVICE SID SOURCE NEXTHOP IFNAME MTU   prints the id;\n"
	"                                               NEXTHOP \"-\": by route\n"
	"  ipip SERVICE DBID SOURCE NEXTHOP IFNAME MTU  as srv6\n"
	"  decap DBID ID | nodecap DBID ID              for a local instance\n"
	"  dx6 SID ADDRESS IFNAME                       the egress's half\n"
	"  nodx6 SID\n"
	"  remove ID\n"
	"  ring SERVICE ID...                           repeated over the slots\n";

static void need(bool condition, const char *what)
{
	if (condition)
		return;
	fprintf(stderr, "dp_tool: %s\n%s", what, usage_text);
	exit(2);
}

static struct dyncast_addr address(const char *text)
{
	struct dyncast_addr addr = {};

	if (strcmp(text, "-"))
		need(dyncast_addr_parse(text, &addr), "not an address");
	return addr;
}

static int set_instance(int service, struct dyncast_dp_instance *in)
{
	bool created;
	uint32_t id = dyncast_dp_instance_get(service, &in->dbid, &created);

	in->alive = true;
	if (!id || !dyncast_dp_instance_set(id, in))
		return 1;
	printf("%u\n", id);
	return 0;
}

static int run_service(char **argv)
{
	struct dyncast_dp_service svc = {.table_id = atoi(argv[0])};
	bool created;
	int index;

	need(dyncast_prefix_parse(argv[1], &svc.prefix), "not a prefix");
	index = dyncast_dp_service_get(svc.table_id, &svc.prefix, &created);
	if (index < 0 || !dyncast_dp_service_enable(index, &svc))
		return 1;
	printf("%d\n", index);
	return 0;
}

static int run_adjacent(char **argv)
{
	struct dyncast_dp_instance in = {
		.kind = DYNCAST_KIND_ADJACENT,
		.dbid = address(argv[1]),
		.nexthop = address(argv[1]),
		.ifindex = if_nametoindex(argv[2]),
	};

	return set_instance(atoi(argv[0]), &in);
}

static int run_attach(char **argv, int n)
{
	uint32_t flags = n > 2 ? 0 : DYNCAST_DP_ATTACH_STEER;

	for (int i = 2; i < n; i++) {
		if (!strcmp(argv[i], "steer"))
			flags |= DYNCAST_DP_ATTACH_STEER;
		else if (!strcmp(argv[i], "decap"))
			flags |= DYNCAST_DP_ATTACH_DECAP;
		else if (!strcmp(argv[i], "egress"))
			flags |= DYNCAST_DP_ATTACH_EGRESS;
		else
			need(false, "no such flag");
	}
	return !dyncast_dp_attach(if_nametoindex(argv[0]), argv[0],
				  atoi(argv[1]), flags);
}

static int run_tunnel(uint8_t kind, char **argv)
{
	struct dyncast_dp_instance in = {
		.kind = kind,
		.dbid = address(argv[1]),
		.encap_source = address(argv[2]),
		.nexthop = address(argv[3]),
		.ifindex = if_nametoindex(argv[4]),
		.mtu = atoi(argv[5]),
	};

	return set_instance(atoi(argv[0]), &in);
}

static int run_dx6(char **argv)
{
	struct dyncast_addr sid = address(argv[0]), to = address(argv[1]);
	int error = dyncast_endpoint_set(&sid, &to, if_nametoindex(argv[2]));

	if (error)
		fprintf(stderr, "dp_tool: %s\n", strerror(error));
	return error;
}

static int run_ring(char **argv, int n)
{
	uint32_t ring[DYNCAST_RING_SLOTS];

	for (int i = 0; i < DYNCAST_RING_SLOTS; i++)
		ring[i] = atoi(argv[1 + i % (n - 1)]);
	return dyncast_dp_ring_set(atoi(argv[0]), ring) < 0;
}

static int run_status(void)
{
	struct dyncast_dp_status s;

	dyncast_dp_status_get(&s);
	printf("active %d\nattach_mode %s\npackets_steered %llu\n"
	       "flow_hits %llu\nflow_new %llu\nflow_repinned %llu\n"
	       "flow_refused %llu\nno_instance %llu\ntoo_big %llu\n"
	       "fragments %llu\nerrors %llu\ndecapsulated %llu\n"
	       "decap_dropped %llu\n",
	       s.active, s.attach_mode, (unsigned long long)s.packets_steered,
	       (unsigned long long)s.flow_hits, (unsigned long long)s.flow_new,
	       (unsigned long long)s.flow_repinned,
	       (unsigned long long)s.flow_refused,
	       (unsigned long long)s.no_instance, (unsigned long long)s.too_big,
	       (unsigned long long)s.fragments, (unsigned long long)s.errors,
	       (unsigned long long)s.decapsulated,
	       (unsigned long long)s.decap_dropped);
	return 0;
}

static void print_flow(const struct dyncast_dp_flow *flow, void *arg)
{
	char src[DYNCAST_ADDR_STRLEN], dst[DYNCAST_ADDR_STRLEN];

	(void)arg;
	printf("%u %s %u %s %u -> %u%s\n", flow->proto,
	       dyncast_addr_str(&flow->src, src, sizeof(src)), flow->sport,
	       dyncast_addr_str(&flow->dst, dst, sizeof(dst)), flow->dport,
	       flow->instance, flow->valid ? "" : " void");
}

static int run_flows(void)
{
	struct dyncast_dp_walk *walk = NULL;

	while (dyncast_dp_flow_walk(&walk, 1000, print_flow, NULL))
		;
	dyncast_dp_flow_walk_end(&walk);
	return 0;
}

/* the N flows of as many clients of the first service, as if they were seen so
 * many seconds ago */
static int run_fill(const char *number, const char *age)
{
	static struct dyncast_map_flow_key keys[FILL_BATCH];
	static struct dyncast_map_flow values[FILL_BATCH];
	struct dyncast_map_flow_key key = {.proto = 17, .dport = htons(80)};
	const struct dyncast_addr *to = &dyncast_dp.services[0].prefix.addr;
	uint32_t seen = dyncast_dp_now() - atoi(age);
	uint32_t n = atoi(number), count, done = 0;

	memcpy(&key.daddr4, to->bytes, sizeof(key.daddr4));
	for (uint32_t i = 0; i < n; i += count) {
		count = n - i < FILL_BATCH ? n - i : FILL_BATCH;
		for (uint32_t j = 0; j < count; j++) {
			key.saddr4 = htonl(0x0a400000 + (i + j));
			key.sport = htons(1024 + (i + j) % 60000);
			keys[j] = key;
			values[j] = (struct dyncast_map_flow){
				.instance = 1 + (i + j) % 2,
				.generation =
					dyncast_dp.instances[1 + (i + j) % 2]
						.generation,
				.first_seen = seen,
				.last_seen = seen,
			};
		}
		done += dyncast_dp_table_order(DYNCAST_ORDER_PUT, AF_INET, keys,
					       values, count);
	}
	return done != n; /* no room for more */
}

static int run(const char *command, char **argv, int n)
{
	if (!strcmp(command, "attach") && n >= 2)
		return run_attach(argv, n);
	if (!strcmp(command, "detach") && n == 1) {
		dyncast_dp_detach(if_nametoindex(argv[0]), argv[0]);
		return 0;
	}
	if (!strcmp(command, "service") && n == 2)
		return run_service(argv);
	if (!strcmp(command, "adjacent") && n == 3)
		return run_adjacent(argv);
	if (!strcmp(command, "srv6") && n == 6)
		return run_tunnel(DYNCAST_KIND_SRV6, argv);
	if (!strcmp(command, "ipip") && n == 6)
		return run_tunnel(DYNCAST_KIND_IPIP, argv);
	if (!strcmp(command, "decap") && n == 2) {
		struct dyncast_addr dbid = address(argv[0]);

		return !dyncast_dp_decap_set(&dbid, atoi(argv[1]));
	}
	if (!strcmp(command, "nodecap") && n == 2) {
		struct dyncast_addr dbid = address(argv[0]);

		dyncast_dp_decap_clear(&dbid, atoi(argv[1]));
		return 0;
	}
	if (!strcmp(command, "remove") && n == 1) {
		dyncast_dp_instance_del(atoi(argv[0]));
		return 0;
	}
	if (!strcmp(command, "dx6") && n == 3)
		return run_dx6(argv);
	if (!strcmp(command, "nodx6") && n == 1) {
		struct dyncast_addr sid = address(argv[0]);

		return dyncast_endpoint_clear(&sid);
	}
	if (!strcmp(command, "ring") && n >= 2)
		return run_ring(argv, n);
	if (!strcmp(command, "status") && n == 0)
		return run_status();
	if (!strcmp(command, "flows") && n == 0)
		return run_flows();
	if (!strcmp(command, "fill") && (n == 1 || n == 2))
		return run_fill(argv[0], n == 2 ? argv[1] : "0");
	if (!strcmp(command, "clear") && n == 0) {
		dyncast_dp_flow_clear(-1);
		return 0;
	}
	if (!strcmp(command, "uninstall") && n == 0) {
		dyncast_dp_uninstall();
		return 0;
	}
	need(false, "no such command");
	return 2;
}

int main(int argc, char **argv)
{
	int result;

	need(argc >= 3, "too few arguments");
	if (!dyncast_dp_start(argv[1], 0, 0))
		return 1;
	result = run(argv[2], argv + 3, argc - 3);
	dyncast_dp_stop();
	return result;
}
