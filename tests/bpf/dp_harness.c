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

/* Do without features that the kernel has: their names in $DYNCAST_WITHOUT.
 * The tests' own; zebra's module does not look at it. */
static void pretend(void)
{
	const char *without = getenv("DYNCAST_WITHOUT");
	char names[128], *rest = names, *name;

	if (!without)
		return;
	snprintf(names, sizeof(names), "%s", without);
	while ((name = strsep(&rest, " ")))
		for (int i = 0; i < DYNCAST_DP_FEATURE_MAX; i++)
			if (!strcmp(name, dyncast_dp_feature_name(i)))
				dyncast_dp.pretend |= 1u << i;
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
	pretend();
	dp_run("ip link set lo up");
	return 0;
}

int dp_group_teardown(void **state)
{
	(void)state;
	dp_clean();
	return rmdir(root_dir);
}

void dp_link_del(const char *name)
{
	if (if_nametoindex(name))
		dp_run("ip link del %s", name);
}

void dp_clean(void)
{
	dyncast_dp_uninstall();
	dp_link_del("dv0");
}

void dp_link_setup(void)
{
	dp_clean();
	if (!umount2(dp_dir, MNT_DETACH))
		rmdir(dp_dir);
	dp_run("ip link add dv0 address 02:00:00:00:00:01 type veth peer name dv1");
	/* The kernel says nothing of its own on it: in older ones (5.10, 6.1)
	 * such packets may interrupt a test run, and share its scratch. */
	dp_run("ip link set dv1 addrgenmode none");
	dp_run("ip link set dv0 up && ip link set dv1 up");
	dp_ifindex = if_nametoindex("dv0");
}

int dp_setup(void **state)
{
	(void)state;
	dp_link_setup();
	assert_true(dyncast_dp_start(dp_dir, 8192, 0));
	assert_true(dyncast_dp_attach(dp_ifindex, "dv0", DP_TABLE,
				      DYNCAST_DP_ATTACH_STEER));
	assert_int_equal(dp_service(DP_TABLE, "10.255.0.1/32"), 0);
	return 0;
}

int dp_teardown(void **state)
{
	(void)state;
	dp_clean();
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
	return dp_service_idle(table_id, prefix, DP_TIMEOUT);
}

int dp_service_idle(uint32_t table_id, const char *prefix, uint32_t timeout)
{
	struct dyncast_dp_service service = {
		.table_id = table_id,
		.prefix = dp_prefix(prefix),
		.affinity = DYNCAST_AFFINITY_FLOW,
		.timeout_s = timeout,
	};
	bool created;
	int index = dyncast_dp_service_get(table_id, &service.prefix, &created);

	assert_true(index >= 0);
	assert_true(dyncast_dp_service_enable(index, &service));
	return index;
}

uint32_t dp_adjacent_at(int service, const char *dbid, uint32_t ifindex)
{
	struct dyncast_dp_instance in = {
		.kind = DYNCAST_KIND_ADJACENT,
		.alive = true,
		.dbid = dp_addr(dbid),
		.nexthop = dp_addr(dbid),
		.ifindex = ifindex,
	};
	bool created;
	uint32_t id = dyncast_dp_instance_get(service, &in.dbid, &created);

	assert_int_not_equal(id, 0);
	assert_true(dyncast_dp_instance_set(id, &in));
	return id;
}

uint32_t dp_adjacent(int service, const char *dbid)
{
	return dp_adjacent_at(service, dbid, dp_ifindex);
}

uint32_t dp_srv6(int service, const char *sid, const char *nexthop,
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
	uint32_t id = dyncast_dp_instance_get(service, &in.dbid, &created);

	if (nexthop)
		in.nexthop = dp_addr(nexthop);
	assert_int_not_equal(id, 0);
	assert_true(dyncast_dp_instance_set(id, &in));
	return id;
}

void dp_ring(int service, uint32_t even, uint32_t odd)
{
	uint32_t ring[DYNCAST_RING_SLOTS];

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

static const char *source_of(const struct dp_packet *packet)
{
	return packet->src    ? packet->src
	       : packet->ipv6 ? "2001:db8:9::2"
			      : "192.0.2.1";
}

static const char *destination_of(const struct dp_packet *packet)
{
	return packet->dst    ? packet->dst
	       : packet->ipv6 ? "2001:db8:ffff::1"
			      : "10.255.0.1";
}

static uint8_t proto_of(const struct dp_packet *packet)
{
	return packet->proto ? packet->proto : IPPROTO_TCP;
}

static uint32_t build_ipv4(const struct dp_packet *packet, uint32_t rest,
			   uint8_t *to)
{
	uint32_t size = sizeof(struct iphdr) + 4 * packet->options;
	struct iphdr ip = {
		.version = 4,
		.ihl = size / 4,
		.tos = packet->tos,
		.tot_len = htons(size + rest),
		.id = htons(packet->id),
		.frag_off = htons(packet->frag),
		.ttl = packet->ttl ? packet->ttl : 64,
		.protocol = proto_of(packet),
	};

	inet_pton(AF_INET, source_of(packet), &ip.saddr);
	inet_pton(AF_INET, destination_of(packet), &ip.daddr);
	memcpy(to, &ip, sizeof(ip));
	/* options: all of them "no operation" */
	memset(to + sizeof(ip), 1, 4 * packet->options);
	ip.check = htons(dp_checksum(to, size));
	memcpy(to, &ip, sizeof(ip));
	return size;
}

static uint8_t *add_options(uint8_t *to, uint32_t *size, uint8_t *next,
			    unsigned int n)
{
	for (; n; n--) {
		*next = IPPROTO_DSTOPTS;
		next = to + *size;
		to[*size + 2] = 1; /* PadN */
		to[*size + 3] = 4;
		*size += 8;
	}
	return next;
}

/* a chain: destination options, the fragment header, and options again */
static uint32_t build_ipv6(const struct dp_packet *packet, uint32_t rest,
			   uint8_t *to)
{
	uint32_t size = 40;
	uint8_t *next = add_options(to, &size, to + 6, packet->extensions);

	if (packet->frag) {
		*next = IPPROTO_FRAGMENT;
		next = to + size;
		to[size + 2] = packet->frag >> 5;
		to[size + 3] = packet->frag << 3 | packet->frag >> 13;
		to[size + 6] = packet->id >> 8;
		to[size + 7] = packet->id;
		size += 8;
	}
	next = add_options(to, &size, next, packet->inside);
	*next = proto_of(packet);
	to[0] = 0x60 | packet->tos >> 4;
	to[1] = packet->tos << 4;
	to[4] = (size - 40 + rest) >> 8;
	to[5] = size - 40 + rest;
	to[7] = packet->ttl ? packet->ttl : 64;
	inet_pton(AF_INET6, source_of(packet), to + 8);
	inet_pton(AF_INET6, destination_of(packet), to + 24);
	return size;
}

uint32_t dp_build(const struct dp_packet *packet, uint8_t frame[2048])
{
	static const uint8_t macs[] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2};
	uint32_t l4 = proto_of(packet) == IPPROTO_TCP ? 20 : 8;
	uint16_t ports[2] = {htons(packet->sport), htons(packet->dport)};
	uint32_t at = ETH_HLEN;

	memset(frame, 0, 2048);
	memcpy(frame, macs, sizeof(macs));
	frame[12] = packet->ipv6 ? 0x86 : 0x08;
	frame[13] = packet->ipv6 ? 0xdd : 0;
	if (packet->ipv6)
		at += build_ipv6(packet, l4 + packet->payload, frame + at);
	else
		at += build_ipv4(packet, l4 + packet->payload, frame + at);
	memcpy(frame + at, ports, sizeof(ports));
	if (l4 == 20) {
		frame[at + 12] = 5 << 4;
		frame[at + 13] = packet->tcp_flags;
	}
	return at + l4 + packet->payload;
}

uint32_t dp_build_error(const struct dp_packet *packet, const char *router,
			uint8_t frame[2048])
{
	struct dp_packet answer = *packet,
			 outer = {
				 .src = router,
				 .dst = packet->dst,
				 .ipv6 = packet->ipv6,
				 .proto = packet->ipv6 ? IPPROTO_ICMPV6
						       : IPPROTO_ICMP,
			 };
	uint8_t inner[2048];
	uint32_t size, at;

	answer.src = destination_of(packet);
	answer.dst = source_of(packet);
	answer.sport = packet->dport;
	answer.dport = packet->sport;
	size = dp_build(&answer, inner) - ETH_HLEN;
	outer.payload = size;
	at = dp_build(&outer, frame) - size;
	/* packet too big, fragmentation needed */
	frame[at - 8] = packet->ipv6 ? 2 : 3;
	frame[at - 7] = packet->ipv6 ? 0 : 4;
	memcpy(frame + at, inner + ETH_HLEN, size);
	return at + size;
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
		.proto = proto_of(packet),
		.sport = htons(packet->sport),
		.dport = htons(packet->dport),
	};

	if (packet->ipv6) {
		inet_pton(AF_INET6, source_of(packet), key.saddr);
		inet_pton(AF_INET6, destination_of(packet), key.daddr);
	} else {
		inet_pton(AF_INET, source_of(packet), &key.saddr4);
		inet_pton(AF_INET, destination_of(packet), &key.daddr4);
	}
	return key;
}

bool dp_entry(const struct dp_packet *packet, struct dyncast_map_flow *flow)
{
	struct dyncast_map_flow_key key = flow_key(packet);

	return dyncast_dp_table_get(&dyncast_dp.tables[packet->ipv6], &key,
				    flow);
}

void dp_entry_write(const struct dp_packet *packet,
		    const struct dyncast_map_flow *flow)
{
	struct dyncast_map_flow_key key = flow_key(packet);

	dyncast_dp_table_order(DYNCAST_ORDER_FORGET,
			       packet->ipv6 ? AF_INET6 : AF_INET, &key, flow,
			       1);
	assert_int_equal(
		dyncast_dp_table_order(DYNCAST_ORDER_PUT,
				       packet->ipv6 ? AF_INET6 : AF_INET, &key,
				       flow, 1),
		1);
}

static uint64_t steered(uint32_t id)
{
	struct dyncast_dp_counters counters;

	dyncast_dp_instance_counters(id, &counters);
	return counters.packets;
}

uint32_t dp_flow_frame(const uint8_t *frame, uint32_t size)
{
	static uint64_t before[DYNCAST_MAP_INSTANCES_MAX];
	struct dp_result result;
	uint32_t got = 0;

	for (uint32_t id = 1; id < dyncast_dp.instances_max; id++)
		if (dyncast_dp.owners[id].used)
			before[id] = steered(id);
	result = dp_run_frame(frame, size);
	for (uint32_t id = 1; id < dyncast_dp.instances_max; id++) {
		if (!dyncast_dp.owners[id].used || steered(id) == before[id])
			continue;
		assert_int_equal(got, 0);
		assert_int_not_equal(result.verdict, DP_PASS);
		got = id;
	}
	return got;
}

uint32_t dp_flow(const struct dp_packet *packet)
{
	uint8_t frame[2048];
	uint32_t size = dp_build(packet, frame);

	return dp_flow_frame(frame, size);
}

static unsigned int count_keys(enum dyncast_dp_map map)
{
	struct dyncast_map_flow_key key;
	unsigned int n = 0;
	void *prev = NULL;

	while (!bpf_map_get_next_key(dyncast_dp.maps[map], prev, &key)) {
		prev = &key;
		n++;
	}
	return n;
}

unsigned int dp_entries(void)
{
	struct dyncast_map_flow_key keys[DYNCAST_MAP_WAYS];
	struct dyncast_map_flow flows[DYNCAST_MAP_WAYS];
	unsigned int n = 0;

	for (int i = 0; i < 2; i++)
		for (uint32_t b = 0; b < dyncast_dp.tables[i].buckets; b++)
			n += dyncast_dp_table_read(&dyncast_dp.tables[i], b,
						   keys, flows);
	return n;
}

unsigned int dp_on_probation(void)
{
	return count_keys(DYNCAST_DP_MAP_PROBATION4) +
	       count_keys(DYNCAST_DP_MAP_PROBATION6);
}

void dp_age_probation(int seconds)
{
	int fd = dyncast_dp.maps[DYNCAST_DP_MAP_PROBATION4];
	unsigned int n = 0, count = dp_on_probation();
	struct dyncast_map_flow_key *keys = calloc(count, sizeof(*keys));
	struct dyncast_map_flow flow;

	/* first all keys: what is written moves to the head of its bucket */
	assert_non_null(keys);
	while (n < count &&
	       !bpf_map_get_next_key(fd, n ? &keys[n - 1] : NULL, &keys[n]))
		n++;
	for (unsigned int i = 0; i < n; i++) {
		assert_int_equal(bpf_map_lookup_elem(fd, &keys[i], &flow), 0);
		flow.last_seen -= seconds;
		assert_int_equal(bpf_map_update_elem(fd, &keys[i], &flow, 0),
				 0);
	}
	free(keys);
}

void dp_age(int service, int seconds)
{
	for (int i = 0; i < DYNCAST_RING_SLOTS; i++)
		if (dyncast_dp_slots(service)[i].t_change)
			dyncast_dp_slots(service)[i].t_change -= seconds + 1;
}

uint32_t dp_slot(int service, const struct dp_packet *packet)
{
	struct dyncast_map_flow_key key = flow_key(packet);

	return dyncast_hash_flow(
		       &key, packet->ipv6 ? AF_INET6 : AF_INET,
		       dyncast_ring_seed(
			       &dyncast_dp.services[service].prefix)) %
	       DYNCAST_RING_SLOTS;
}
