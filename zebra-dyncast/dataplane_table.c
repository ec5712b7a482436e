// SPDX-License-Identifier: GPL-2.0-or-later
/* See dataplane_table.h. */

#include "dataplane_port.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "../lib/bpf/dyncast_hash.h"
#include "dataplane_internal.h"
#include "dataplane_table.h"

static size_t bucket_size(uint8_t family)
{
	return family == AF_INET ? sizeof(struct dyncast_map_bucket4)
				 : sizeof(struct dyncast_map_bucket6);
}

bool dyncast_dp_table_open(struct dyncast_dp_table *table, int fd,
			   uint8_t family)
{
	struct bpf_map_info info = {};
	uint32_t len = sizeof(info);
	size_t page = sysconf(_SC_PAGESIZE);
	void *memory;

	memset(table, 0, sizeof(*table));
	if (bpf_obj_get_info_by_fd(fd, &info, &len))
		return false;
	if (info.value_size != bucket_size(family)) {
		errno = EINVAL;
		return false;
	}
	table->family = family;
	table->buckets = info.max_entries;
	table->bytes = ((size_t)info.max_entries * info.value_size + page - 1) /
		       page * page;
	memory = mmap(NULL, table->bytes, PROT_READ, MAP_SHARED, fd, 0);
	if (memory == MAP_FAILED)
		return false;
	table->memory = memory;
	return true;
}

void dyncast_dp_table_close(struct dyncast_dp_table *table)
{
	if (table->memory)
		munmap((void *)table->memory, table->bytes);
	memset(table, 0, sizeof(*table));
}

static const struct dyncast_map_tags *
bucket_of(const struct dyncast_dp_table *table, uint32_t bucket)
{
	return (const void *)((const uint8_t *)table->memory +
			      bucket * bucket_size(table->family));
}

static uint8_t tag_of(const struct dyncast_map_tags *tags, unsigned int way)
{
	uint64_t word = __atomic_load_n(&tags->word[way / 8], __ATOMIC_ACQUIRE);

	return word >> way % 8 * 8;
}

static void read_way(const struct dyncast_dp_table *table,
		     const struct dyncast_map_tags *tags, unsigned int way,
		     struct dyncast_map_flow_key *key,
		     struct dyncast_map_flow *flow)
{
	memset(key, 0, sizeof(*key));
	if (table->family == AF_INET) {
		const struct dyncast_map_bucket4 *bucket = (const void *)tags;

		memcpy(key, &bucket->entries[way].key,
		       sizeof(bucket->entries[way].key));
		*flow = bucket->entries[way].flow;
	} else {
		const struct dyncast_map_bucket6 *bucket = (const void *)tags;

		memcpy(key, &bucket->entries[way].key,
		       sizeof(bucket->entries[way].key));
		*flow = bucket->entries[way].flow;
	}
}

static bool find_in(const struct dyncast_dp_table *table,
		    const struct dyncast_map_tags *tags, uint8_t tag,
		    const struct dyncast_map_flow_key *key,
		    struct dyncast_map_flow *flow)
{
	size_t size = table->family == AF_INET ? DYNCAST_MAP_FLOW_KEY4_SIZE
					       : sizeof(*key);
	struct dyncast_map_flow_key there;

	for (unsigned int way = 0; way < DYNCAST_MAP_WAYS; way++) {
		if (tag_of(tags, way) != tag)
			continue;
		read_way(table, tags, way, &there, flow);
		if (!memcmp(&there, key, size))
			return true;
	}
	return false;
}

bool dyncast_dp_table_get(const struct dyncast_dp_table *table,
			  const struct dyncast_map_flow_key *key,
			  struct dyncast_map_flow *flow)
{
	struct dyncast_hash_place place;
	const struct dyncast_map_tags *tags;

	if (!table->memory)
		return false;
	place = dyncast_hash_place(key, table->family, table->buckets);
	for (unsigned int probe = 0; probe < DYNCAST_MAP_PROBES; probe++) {
		tags = bucket_of(table,
				 (place.bucket + probe) % table->buckets);
		if (find_in(table, tags, place.tag, key, flow))
			return true;
		if (!tags->spills)
			return false;
	}
	return false;
}

unsigned int
dyncast_dp_table_read(const struct dyncast_dp_table *table, uint32_t bucket,
		      struct dyncast_map_flow_key keys[DYNCAST_MAP_WAYS],
		      struct dyncast_map_flow flows[DYNCAST_MAP_WAYS])
{
	const struct dyncast_map_tags *tags;
	unsigned int n = 0;

	if (!table->memory || bucket >= table->buckets)
		return 0;
	tags = bucket_of(table, bucket);
	if (!tags->word[0] && !tags->word[1])
		return 0;
	for (unsigned int way = 0; way < DYNCAST_MAP_WAYS; way++) {
		if (!tag_of(tags, way))
			continue;
		read_way(table, tags, way, &keys[n], &flows[n]);
		n++;
	}
	return n;
}

struct packet {
	uint8_t head[DYNCAST_MAP_ORDERS_OFFSET];
	struct dyncast_map_order orders[DYNCAST_MAP_ORDERS_MAX];
};

/* how many were done */
static uint32_t run(const struct packet *packet, uint32_t n)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = packet,
		    .data_size_in = DYNCAST_MAP_ORDERS_OFFSET +
				    n * sizeof(packet->orders[0]),
		    .repeat = 1);

	return bpf_prog_test_run_opts(dyncast_dp.prog_orders, &opts)
		       ? 0
		       : opts.retval;
}

/* at most ORDERS_MAX */
static uint32_t order_some(enum dyncast_map_order_op op, uint8_t family,
			   const struct dyncast_map_flow_key *keys,
			   const struct dyncast_map_flow *flows, uint32_t n)
{
	struct packet packet = {};

	for (uint32_t i = 0; i < n; i++) {
		packet.orders[i].op = op;
		packet.orders[i].family = family;
		/* what is behind an IPv4 key in memory is anything */
		memcpy(&packet.orders[i].key, &keys[i],
		       family == AF_INET ? DYNCAST_MAP_FLOW_KEY4_SIZE
					 : sizeof(keys[i]));
		packet.orders[i].flow = flows[i];
	}
	return run(&packet, n);
}

uint32_t dyncast_dp_table_order(enum dyncast_map_order_op op, uint8_t family,
				const struct dyncast_map_flow_key *keys,
				const struct dyncast_map_flow *flows,
				uint32_t n)
{
	uint32_t done = 0, some;

	for (uint32_t i = 0; i < n; i += some) {
		some = n - i < DYNCAST_MAP_ORDERS_MAX ? n - i
						      : DYNCAST_MAP_ORDERS_MAX;
		done += order_some(op, family, keys + i, flows + i, some);
	}
	return done;
}

/* whether a flow behind the bucket belongs to it or to one before it */
static bool spilled_over(const struct dyncast_dp_table *table, uint32_t bucket)
{
	struct dyncast_map_flow_key keys[DYNCAST_MAP_WAYS];
	struct dyncast_map_flow flows[DYNCAST_MAP_WAYS];

	for (uint32_t probe = 1; probe < DYNCAST_MAP_PROBES; probe++) {
		uint32_t there = (bucket + probe) % table->buckets;
		uint32_t n = dyncast_dp_table_read(table, there, keys, flows);

		for (uint32_t i = 0; i < n; i++) {
			struct dyncast_hash_place place = dyncast_hash_place(
				&keys[i], table->family, table->buckets);
			uint32_t passed =
				(there + table->buckets - place.bucket) %
				table->buckets;

			if (passed >= probe)
				return true;
		}
	}
	return false;
}

void dyncast_dp_table_settle(const struct dyncast_dp_table *table,
			     uint32_t first, uint32_t end)
{
	struct packet packet = {};
	uint32_t n = 0;
	uint64_t spills;

	for (uint32_t i = first; table->memory && i < end && i < table->buckets;
	     i++) {
		spills = __atomic_load_n(&bucket_of(table, i)->spills,
					 __ATOMIC_ACQUIRE);
		if (!spills || spilled_over(table, i))
			continue;
		packet.orders[n++] = (struct dyncast_map_order){
			.op = DYNCAST_ORDER_SETTLE,
			.family = table->family,
			.word = {i, spills},
		};
		if (n < DYNCAST_MAP_ORDERS_MAX)
			continue;
		run(&packet, n);
		n = 0;
	}
	if (n)
		run(&packet, n);
}
