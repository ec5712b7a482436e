// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The part of the forwarding benchmark that has to be quick: loads the shipped
 * forwarding plane as zebra does, gives it services, instances and flows, and
 * sends packets through it.  tests/bench/forwarding makes the network, starts
 * this, writes a command a line to its input and reads a line of JSON for each;
 * see usage_text.
 *
 * It sees the dataplane's insides for three things that the public interface
 * has no reason to offer: entries of a million flows at once, slots that have
 * been at rest for long, and what the flow table takes of memory.
 */

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <net/if.h>
#include <netinet/in.h>

#include "forwarding_traffic.h"
#include "lib/addr.h"
#include "lib/ring.h"
#include "zebra-dyncast/dataplane_internal.h"

static const char usage_text[] =
	"usage: forwarding_run DIR FLOWS NETNS:IFNAME:ROLE...\n"
	"  roles: receive, swallow, sink, steer, out; and NETNS:-:generate\n"
	"  receive, swallow and sink: see forwarding_net.bpf.c; steer: attach the\n"
	"  forwarding plane; out: the way to its instances\n"
	"commands:\n"
	"  form adjacent|srv6|ipip  how instances are reached from now on\n"
	"  fill 4|6 FLOWS         entries for flows, as if they had been seen\n"
	"  places entries|none    where flows are to arrive: as filled, not known\n"
	"  check on|off           compare that\n"
	"  memory\n"
	"  run KEY=VALUE... [/ KEY=VALUE...]   keys: via, cpu, flows, mode, flood,\n"
	"                         ipv6, proto, to, packets, warm; after the slash\n"
	"                         what the other CPU sends meanwhile; hold: nothing,\n"
	"                         and runs nothing else either\n";

/* of all flows; a flood has others */
#define SOURCES 0x0a010000u
#define INSTANCES 8
#define TABLE 254u
#define TIMEOUT 3600
#define SERVICE4 "10.255.0.1/32"
#define SERVICE6 "2001:db8:ffff::1/128"

static struct {
	int index;
	uint32_t ids[INSTANCES];
} services[2]; /* IPv4, IPv6 */
static uint32_t out_ifindex;

static const uint32_t source_net[3] = {0xb80d0120, 0x0100, 0};

static struct dyncast_addr address(const char *text)
{
	struct dyncast_addr addr;

	if (!dyncast_addr_parse(text, &addr))
		bench_die("%s is no address", text);
	return addr;
}

static struct dyncast_addr numbered(const char *prefix, int n)
{
	char text[DYNCAST_ADDR_STRLEN];

	snprintf(text, sizeof(text), "%s%d", prefix, n);
	return address(text);
}

/* The forwarding plane --------------------------------------------------- */

static void set_instances(bool ipv6, uint8_t kind)
{
	bool created;

	for (int i = 0; i < INSTANCES; i++) {
		struct dyncast_addr identity = numbered("2001:db8:e::", i + 1);
		struct dyncast_dp_instance in = {
			.kind = kind,
			.alive = true,
			.dbid = identity,
			.encap_source = address("2001:db8:1::1"),
			.nexthop = numbered("fd00:9::", i + 1),
			.ifindex = out_ifindex,
			.mtu = 1500,
		};
		uint32_t id = dyncast_dp_instance_get(services[ipv6].index,
						      &identity, &created);

		if (kind == DYNCAST_KIND_ADJACENT && !ipv6)
			in.nexthop = numbered("10.9.0.", i + 1);
		if (kind == DYNCAST_KIND_IPIP) {
			in.nexthop = numbered("10.9.0.", i + 1);
			in.dbid = numbered("10.8.0.", i + 1);
			in.encap_source = address("10.8.1.1");
		}
		if (!id || !dyncast_dp_instance_set(id, &in))
			bench_die("no instance %d", i + 1);
		services[ipv6].ids[i] = id;
	}
}

static void run_form(const char *form)
{
	uint8_t kind = !strcmp(form, "adjacent") ? DYNCAST_KIND_ADJACENT
		       : !strcmp(form, "srv6")	 ? DYNCAST_KIND_SRV6
		       : !strcmp(form, "ipip")	 ? DYNCAST_KIND_IPIP
						 : DYNCAST_KIND_NONE;

	if (kind == DYNCAST_KIND_NONE)
		bench_die("no form %s", form);
	set_instances(false, kind);
	set_instances(true, kind);
	printf("{}\n");
}

/* a ring over all instances that has not changed for long */
static void make_service(bool ipv6)
{
	struct dyncast_dp_service svc = {
		.table_id = TABLE,
		.affinity = DYNCAST_AFFINITY_FLOW,
		.timeout_s = TIMEOUT,
	};
	uint32_t ring[DYNCAST_RING_SLOTS];
	bool created;

	if (!dyncast_prefix_parse(ipv6 ? SERVICE6 : SERVICE4, &svc.prefix))
		bench_die("no prefix");
	services[ipv6].index =
		dyncast_dp_service_get(TABLE, &svc.prefix, &created);
	if (services[ipv6].index < 0 ||
	    !dyncast_dp_service_enable(services[ipv6].index, &svc))
		bench_die("no service");
	set_instances(ipv6, DYNCAST_KIND_ADJACENT);
	for (int i = 0; i < DYNCAST_RING_SLOTS; i++)
		ring[i] = services[ipv6].ids[i % INSTANCES];
	if (dyncast_dp_ring_set(services[ipv6].index, ring) < 0)
		bench_die("no ring");
	for (int i = 0; i < DYNCAST_RING_SLOTS; i++)
		dyncast_dp_slots(services[ipv6].index)[i].t_change -=
			TIMEOUT + 1;
	dyncast_dp_ring_settle(services[ipv6].index);
}

static int instance_of_flow(uint32_t flow)
{
	return flow % INSTANCES;
}

static struct dyncast_map_flow_key key_of_flow(bool ipv6, uint32_t flow)
{
	struct dyncast_addr to =
		address(ipv6 ? "2001:db8:ffff::1" : "10.255.0.1");
	uint32_t source = htonl(SOURCES + (flow >> BENCH_PORT_BITS));
	struct dyncast_map_flow_key key = {
		.service = services[ipv6].index,
		.proto = IPPROTO_UDP,
		.sport = htons(BENCH_PORT +
			       (flow & ((1 << BENCH_PORT_BITS) - 1))),
		.dport = htons(BENCH_DESTINATION_PORT),
	};

	if (ipv6) {
		memcpy(key.saddr, source_net, sizeof(source_net));
		key.saddr[3] = source;
		memcpy(key.daddr, to.bytes, sizeof(key.daddr));
	} else {
		key.saddr4 = source;
		memcpy(&key.daddr4, to.bytes, sizeof(key.daddr4));
	}
	return key;
}

#define FILL_BATCH 4096

static void fill_batch(bool ipv6, uint32_t from, uint32_t n)
{
	static uint8_t keys[FILL_BATCH * sizeof(struct dyncast_map_flow_key)];
	static struct dyncast_map_flow entries[FILL_BATCH];
	size_t size = ipv6 ? sizeof(struct dyncast_map_flow_key)
			   : DYNCAST_MAP_FLOW_KEY4_SIZE;
	int map = dyncast_dp.maps[ipv6 ? DYNCAST_DP_MAP_FLOWS6
				       : DYNCAST_DP_MAP_FLOWS4];

	for (uint32_t i = 0; i < n; i++) {
		uint32_t id = services[ipv6].ids[instance_of_flow(from + i)];
		struct dyncast_map_flow_key key = key_of_flow(ipv6, from + i);

		memcpy(keys + i * size, &key, size);
		entries[i] = (struct dyncast_map_flow){
			.instance = id,
			.generation = dyncast_dp.instances[id].generation,
			.first_seen = dyncast_dp_now(),
			.last_seen = dyncast_dp_now(),
		};
	}
	if (bpf_map_update_batch(map, keys, entries, &n, NULL))
		bench_die("the flow table is full: %s", strerror(errno));
}

static void run_fill(const char *family, uint32_t flows)
{
	for (uint32_t at = 0; at < flows; at += FILL_BATCH)
		fill_batch(*family == '6', at,
			   flows - at < FILL_BATCH ? flows - at : FILL_BATCH);
	printf("{}\n");
}

static void run_places(const char *what)
{
	uint8_t *places = bench_traffic_places();

	for (uint32_t flow = 0; flow < BENCH_FLOWS_MAX; flow++)
		places[flow * 8] =
			strcmp(what, "none") ? instance_of_flow(flow) + 1 : 0;
	printf("{}\n");
}

/* what the kernel says that a map takes */
static unsigned long long map_bytes(enum dyncast_dp_map map)
{
	char path[64], line[128];
	unsigned long long bytes = 0;
	FILE *info;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d",
		 dyncast_dp.maps[map]);
	info = fopen(path, "r");
	while (info && fgets(line, sizeof(line), info))
		sscanf(line, "memlock: %llu", &bytes);
	if (info)
		fclose(info);
	return bytes;
}

static void run_memory(void)
{
	printf("{\"ipv4\": %llu, \"ipv6\": %llu, \"flows\": %u}\n",
	       map_bytes(DYNCAST_DP_MAP_FLOWS4),
	       map_bytes(DYNCAST_DP_MAP_FLOWS6), dyncast_dp.flow_table_size);
}

/* Packets ----------------------------------------------------------------- */

struct run {
	struct bench_stream streams[2];
	int n;
	uint64_t packets, warm;
};

static uint8_t mode_of(const char *name)
{
	static const char *const names[] = {"random", "sequence", "new",
					    "flood"};

	for (int i = 0; i < 4; i++)
		if (!strcmp(name, names[i]))
			return i;
	bench_die("no mode %s", name);
}

static void set_destination(struct bench_generator *g, const char *text)
{
	struct dyncast_addr to = address(text);

	g->ipv6 = to.family == AF_INET6;
	memcpy(g->destination, to.bytes, sizeof(g->destination));
}

static void set_key(struct run *run, const char *key, const char *value)
{
	struct bench_stream *stream = &run->streams[run->n - 1];
	struct bench_generator *g = &stream->packets;

	if (!strcmp(key, "via"))
		g->ifindex = if_nametoindex(value);
	else if (!strcmp(key, "cpu"))
		stream->cpu = atoi(value);
	else if (!strcmp(key, "flows"))
		g->flows = strtoul(value, NULL, 10);
	else if (!strcmp(key, "mode"))
		g->mode = mode_of(value);
	else if (!strcmp(key, "flood"))
		g->flood = atoi(value);
	else if (!strcmp(key, "proto"))
		g->proto = strcmp(value, "udp") ? IPPROTO_TCP : IPPROTO_UDP;
	else if (!strcmp(key, "flags"))
		g->tcp_flags = atoi(value);
	else if (!strcmp(key, "to"))
		set_destination(g, value);
	else if (!strcmp(key, "packets"))
		run->packets = strtoull(value, NULL, 10);
	else if (!strcmp(key, "warm"))
		run->warm = strtoull(value, NULL, 10);
	else
		bench_die("no key %s", key);
}

static void next_stream(struct run *run)
{
	static const uint8_t macs[12] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2};
	struct bench_generator *g = &run->streams[run->n++].packets;

	memcpy(g->macs, macs, sizeof(macs));
	memcpy(g->source_net, source_net, sizeof(source_net));
	g->sources = SOURCES;
	g->proto = IPPROTO_UDP;
	g->flows = 1;
}

static void print_counters(const struct dyncast_dp_status *before,
			   const struct dyncast_dp_status *after)
{
	printf("\"steered\": %" PRIu64 ", \"hits\": %" PRIu64
	       ", \"stateless\": %" PRIu64 ", \"new\": %" PRIu64
	       ", \"probation\": %" PRIu64 ", \"limited\": %" PRIu64
	       ", \"passed\": %" PRIu64,
	       after->packets_steered - before->packets_steered,
	       after->flow_hits - before->flow_hits,
	       after->flow_stateless - before->flow_stateless,
	       after->flow_new - before->flow_new,
	       after->flow_probation - before->flow_probation,
	       after->flow_limited - before->flow_limited,
	       after->passed - before->passed);
}

static void print_result(const struct bench_result *r)
{
	static const char *const forms[] = {"ipv4",	    "ipv6",
					    "ipv4-in-ipv6", "ipv6-in-ipv6",
					    "ipv4-in-ipv4", "ipv6-in-ipv4"};

	printf("{\"ns\": %.3f, \"wallNs\": %.3f, \"sent\": %" PRIu64
	       ", \"flooded\": %" PRIu64 ", \"swallowed\": %" PRIu64
	       ", \"checked\": %" PRIu64 ", \"strayed\": %" PRIu64
	       ", \"arrived\": {",
	       r->ns, r->wall_ns, r->sent, r->flooded,
	       (uint64_t)r->arrived.swallowed, (uint64_t)r->arrived.checked,
	       (uint64_t)r->arrived.strayed);
	for (int form = 0; form < BENCH_OTHER; form++) {
		printf("%s\"%s\": [", form ? ", " : "", forms[form]);
		for (int place = 0; place < BENCH_PLACES; place++)
			printf("%s%llu", place ? "," : "",
			       r->arrived.n[form][place]);
		printf("]");
	}
	printf("}, ");
}

static void run_packets(char *words)
{
	struct dyncast_dp_status before, after;
	struct bench_result result;
	struct run run = {.packets = 1000};
	char *rest = NULL;

	next_stream(&run);
	for (char *word = strtok_r(words, " ", &rest); word;
	     word = strtok_r(NULL, " ", &rest)) {
		char *value = strchr(word, '=');

		if (!strcmp(word, "/") && run.n == 1) {
			next_stream(&run);
			continue;
		}
		if (!strcmp(word, "hold")) {
			run.streams[run.n - 1].holds = true;
			continue;
		}
		if (!value)
			bench_die("%s has no value", word);
		*value = 0;
		set_key(&run, word, value + 1);
	}
	dyncast_dp_status_get(&before);
	bench_traffic_run(&run.streams[0], run.n > 1 ? &run.streams[1] : NULL,
			  run.warm, run.packets, &result);
	dyncast_dp_status_get(&after);
	print_result(&result);
	print_counters(&before, &after);
	printf("}\n");
}

/* The beginning, and commands --------------------------------------------- */

static void enter(const char *netns)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "/run/netns/%s", netns);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || setns(fd, CLONE_NEWNET))
		bench_die("no namespace %s: %s", netns, strerror(errno));
	close(fd);
}

/* NETNS:IFNAME:ROLE */
static void take_role(char *text)
{
	char *netns = strtok(text, ":"), *ifname = strtok(NULL, ":"),
	     *role = strtok(NULL, ":");

	if (!role)
		bench_die("wrong role\n%s", usage_text);
	enter(netns);
	if (!strcmp(role, "receive"))
		bench_traffic_attach(BENCH_ROLE_RECEIVE, ifname);
	else if (!strcmp(role, "swallow"))
		bench_traffic_attach(BENCH_ROLE_SWALLOW, ifname);
	else if (!strcmp(role, "sink"))
		bench_traffic_attach(BENCH_ROLE_SINK, ifname);
	else if (!strcmp(role, "out"))
		out_ifindex = if_nametoindex(ifname);
	else if (!strcmp(role, "generate"))
		bench_traffic_partner_start();
	else if (strcmp(role, "steer") ||
		 !dyncast_dp_attach(if_nametoindex(ifname), ifname, TABLE,
				    DYNCAST_DP_ATTACH_STEER))
		bench_die("%s: no role %s", ifname, role);
}

static void run_command(char *line)
{
	char *rest = line + strcspn(line, " ");

	if (*rest)
		*rest++ = 0;
	if (!strcmp(line, "run")) {
		run_packets(rest);
	} else if (!strcmp(line, "form")) {
		run_form(rest);
	} else if (!strcmp(line, "fill")) {
		run_fill(rest, strtoul(rest + 1, NULL, 10));
	} else if (!strcmp(line, "places")) {
		run_places(rest);
	} else if (!strcmp(line, "check")) {
		bench_traffic_check(!strcmp(rest, "on"), SOURCES);
		printf("{}\n");
	} else if (!strcmp(line, "memory")) {
		run_memory();
	} else {
		bench_die("no command %s\n%s", line, usage_text);
	}
}

int main(int argc, char **argv)
{
	char line[1024];

	if (argc < 4)
		bench_die("too few arguments\n%s", usage_text);
	setlinebuf(stdout);
	bench_traffic_start();
	if (!dyncast_dp_start(argv[1], strtoul(argv[2], NULL, 10), 0))
		bench_die("the forwarding plane did not start");
	for (int i = 3; i < argc; i++)
		take_role(argv[i]);
	make_service(false);
	make_service(true);
	printf("{\"attach\": \"%s\"}\n", dyncast_dp.attach_mode);
	while (fgets(line, sizeof(line), stdin)) {
		line[strcspn(line, "\n")] = 0;
		run_command(line);
	}
	dyncast_dp_uninstall();
	return 0;
}
