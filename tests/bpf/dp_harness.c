// SPDX-License-Identifier: GPL-2.0-or-later
/* See dp_harness.h. */

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include "dp_harness.h"

#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/ip.h>

#include <bpf/bpf.h>
#include <cmocka.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>

#include "lib/addr.h"
#include "lib/bpf/dyncast_hash.h"
#include "lib/ring.h"

char dp_dir[64];
uint32_t dp_ifindex;
static char root_dir[48];

void dp_run(const char *fmt, ...)
{
	char command[256];
	va_list args;

	va_start(args, fmt);
	vsnprintf(command, sizeof(command), fmt, args);
	va_end(args);
	if (system(command))
		fail_msg("failed: %s", command);
}

bool dp_output_has(const char *command, const char *text)
{
	char buf[8192] = "";
	FILE *pipe = popen(command, "r");

	assert_non_null(pipe);
	buf[fread(buf, 1, sizeof(buf) - 1, pipe)] = 0;
	pclose(pipe);
	return strstr(buf, text) != NULL;
}

int dp_group_setup(void **state)
{
	(void)state;
	if (geteuid()) {
		fprintf(stderr, "these tests need root\n");
		return -1;
	}
	if (unshare(CLONE_NEWNET | CLONE_NEWNS) ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL)) {
		perror("namespaces");
		return -1;
	}
	strcpy(root_dir, "/tmp/dyncast-test-XXXXXX");
	if (!mkdtemp(root_dir))
		return -1;
	snprintf(dp_dir, sizeof(dp_dir), "%s/bpf", root_dir);
	dp_run("ip link set lo up");
	return 0;
}

int dp_group_teardown(void **state)
{
	(void)state;
	return rmdir(root_dir);
}

int dp_setup(void **state)
{
	(void)state;
	dp_run("ip link add dv0 address 02:00:00:00:00:01 type veth peer name dv1");
	dp_run("ip link set dv0 up && ip link set dv1 up");
	dp_ifindex = if_nametoindex("dv0");
	assert_true(dyncast_dp_start(dp_dir, 8192));
	assert_true(dyncast_dp_attach(dp_ifindex, "dv0", DP_TABLE));
	assert_int_equal(dp_service(DP_TABLE, "10.255.0.1/32"), 0);
	return 0;
}

int dp_teardown(void **state)
{
	(void)state;
	dyncast_dp_uninstall();
	dp_run("ip link del dv0");
	return 0;
}

struct dyncast_addr dp_addr(const char *text)
{
	struct dyncast_addr addr;

	assert_true(dyncast_addr_parse(text, &addr));
	return addr;
}

struct dyncast_prefix dp_prefix(const char *text)
{
	struct dyncast_prefix prefix;

	assert_true(dyncast_prefix_parse(text, &prefix));
	return prefix;
}

int dp_service(uint32_t table_id, const char *prefix)
{
	struct dyncast_dp_service service = {
		.table_id = table_id,
		.prefix = dp_prefix(prefix),
		.affinity = DYNCAST_AFFINITY_FLOW,
		.timeout_s = DP_TIMEOUT,
	};
	bool created;
	int index = dyncast_dp_service_get(table_id, &service.prefix, &created);

	assert_true(index >= 0);
	assert_true(dyncast_dp_service_enable(index, &service));
	return index;
}

uint16_t dp_adjacent(int service, const char *dbid)
{
	struct dyncast_dp_instance in = {
		.kind = DYNCAST_KIND_ADJACENT,
		.alive = true,
		.dbid = dp_addr(dbid),
		.nexthop = dp_addr(dbid),
		.ifindex = dp_ifindex,
	};
	bool created;
	uint16_t id = dyncast_dp_instance_get(service, &in.dbid, &created);

	assert_int_not_equal(id, 0);
	assert_true(dyncast_dp_instance_set(id, &in));
	return id;
}

uint16_t dp_srv6(int service, const char *sid, const char *nexthop,
		 uint16_t mtu)
{
	struct dyncast_dp_instance in = {
		.kind = DYNCAST_KIND_SRV6,
		.alive = true,
		.dbid = dp_addr(sid),
		.encap_source = dp_addr("2001:db8::1"),
		.ifindex = dp_ifindex,
		.mtu = mtu,
	};
	bool created;
	uint16_t id = dyncast_dp_instance_get(service, &in.dbid, &created);

	if (nexthop)
		in.nexthop = dp_addr(nexthop);
	assert_int_not_equal(id, 0);
	assert_true(dyncast_dp_instance_set(id, &in));
	return id;
}

void dp_ring(int service, uint16_t even, uint16_t odd)
{
	uint16_t ring[DYNCAST_RING_SLOTS];

	for (int i = 0; i < DYNCAST_RING_SLOTS; i++)
		ring[i] = i % 2 ? odd : even;
	assert_true(dyncast_dp_ring_set(service, ring) >= 0);
}

/* one's complement sum; 0 over a header with a right checksum */
uint16_t dp_checksum(const void *data, size_t size)
{
	const uint8_t *bytes = data;
	uint32_t sum = 0;

	for (size_t i = 0; i + 1 < size; i += 2)
		sum += bytes[i] << 8 | bytes[i + 1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return ~sum;
}

uint32_t dp_build(const struct dp_packet *packet, uint8_t frame[2048])
{
	static const uint8_t macs[] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2};
	uint32_t l3 = sizeof(struct iphdr) + 4 * packet->options;
	uint8_t proto = packet->proto ? packet->proto : IPPROTO_TCP;
	uint32_t l4 = proto == IPPROTO_TCP ? 20 : 8;
	uint16_t ports[2] = {htons(packet->sport), htons(packet->dport)};
	struct iphdr ip = {};

	memset(frame, 0, 2048);
	memcpy(frame, macs, sizeof(macs));
	frame[12] = 8;
	ip.version = 4;
	ip.ihl = l3 / 4;
	ip.tos = packet->tos;
	ip.tot_len = htons(l3 + l4 + packet->payload);
	ip.frag_off = htons(packet->frag);
	ip.ttl = packet->ttl ? packet->ttl : 64;
	ip.protocol = proto;
	inet_pton(AF_INET, packet->src ? packet->src : "192.0.2.1", &ip.saddr);
	inet_pton(AF_INET, packet->dst ? packet->dst : "10.255.0.1", &ip.daddr);
	memcpy(frame + ETH_HLEN, &ip, sizeof(ip));
	/* options: all of them "no operation" */
	memset(frame + ETH_HLEN + sizeof(ip), 1, 4 * packet->options);
	ip.check = htons(dp_checksum(frame + ETH_HLEN, l3));
	memcpy(frame + ETH_HLEN, &ip, sizeof(ip));
	memcpy(frame + ETH_HLEN + l3, ports, sizeof(ports));
	if (proto == IPPROTO_TCP) {
		frame[ETH_HLEN + l3 + 12] = 5 << 4;
		frame[ETH_HLEN + l3 + 13] = packet->tcp_flags;
	}
	return ETH_HLEN + l3 + l4 + packet->payload;
}

struct dp_result dp_run_frame(const uint8_t *frame, uint32_t size)
{
	struct __sk_buff ctx = {.ifindex = dp_ifindex};
	struct dp_result result = {};
	DECLARE_LIBBPF_OPTS(
		bpf_test_run_opts, opts, .data_in = frame, .data_size_in = size,
		.data_out = result.data, .data_size_out = sizeof(result.data),
		.ctx_in = &ctx, .ctx_size_in = sizeof(ctx), .repeat = 1);

	assert_int_equal(bpf_prog_test_run_opts(dyncast_dp.prog, &opts), 0);
	result.verdict = opts.retval;
	result.size = opts.data_size_out;
	return result;
}

struct dp_result dp_run_packet(const struct dp_packet *packet)
{
	uint8_t frame[2048];
	uint32_t size = dp_build(packet, frame);

	return dp_run_frame(frame, size);
}

static struct dyncast_map_flow_key flow_key(const struct dp_packet *packet)
{
	struct dyncast_map_flow_key key = {
		.table_id = DP_TABLE,
		.family = AF_INET,
		.proto = packet->proto ? packet->proto : IPPROTO_TCP,
		.sport = htons(packet->sport),
		.dport = htons(packet->dport),
	};

	inet_pton(AF_INET, packet->src ? packet->src : "192.0.2.1", key.saddr);
	inet_pton(AF_INET, packet->dst ? packet->dst : "10.255.0.1", key.daddr);
	return key;
}

bool dp_entry(const struct dp_packet *packet, struct dyncast_map_flow *flow)
{
	struct dyncast_map_flow_key key = flow_key(packet);

	return !bpf_map_lookup_elem(dyncast_dp.maps[DYNCAST_DP_MAP_FLOWS], &key,
				    flow);
}

void dp_entry_write(const struct dp_packet *packet,
		    const struct dyncast_map_flow *flow)
{
	struct dyncast_map_flow_key key = flow_key(packet);

	assert_int_equal(
		bpf_map_update_elem(dyncast_dp.maps[DYNCAST_DP_MAP_FLOWS], &key,
				    flow, BPF_ANY),
		0);
}

static uint64_t steered(uint16_t id)
{
	struct dyncast_dp_counters counters;

	dyncast_dp_instance_counters(id, &counters);
	return counters.packets;
}

uint16_t dp_flow(const struct dp_packet *packet)
{
	static uint64_t before[DYNCAST_DP_INSTANCES_MAX];
	struct dp_result result;
	uint16_t got = 0;

	for (unsigned int id = 1; id < DYNCAST_DP_INSTANCES_MAX; id++)
		before[id] = steered(id);
	result = dp_run_packet(packet);
	for (unsigned int id = 1; id < DYNCAST_DP_INSTANCES_MAX; id++) {
		if (steered(id) == before[id])
			continue;
		assert_int_equal(got, 0);
		assert_int_not_equal(result.verdict, DP_PASS);
		got = id;
	}
	return got;
}

unsigned int dp_entries(void)
{
	struct dyncast_map_flow_key key;
	unsigned int n = 0;
	void *prev = NULL;

	while (!bpf_map_get_next_key(dyncast_dp.maps[DYNCAST_DP_MAP_FLOWS],
				     prev, &key)) {
		prev = &key;
		n++;
	}
	return n;
}

void dp_age(int service, int seconds)
{
	for (int i = 0; i < DYNCAST_RING_SLOTS; i++)
		dyncast_dp_slots(service)[i].t_change -= seconds;
}

uint32_t dp_slot(int service, const struct dp_packet *packet)
{
	struct dyncast_map_flow_key key = flow_key(packet);

	return dyncast_hash_flow(
		       &key, dyncast_ring_seed(
				     &dyncast_dp.services[service].prefix)) %
	       DYNCAST_RING_SLOTS;
}
