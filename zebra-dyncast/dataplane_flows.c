// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Looking at, clearing and sweeping the flow table, in batches, so that a table
 * of a million flows does not keep zebra's main thread busy.
 *
 * The table changes while it is walked: a flow that is there all the time is
 * seen once, one that comes or goes may be missed.  A walk ends early when the
 * table itself is replaced by one of another size.  zebra's main thread.
 */

#include "dataplane_port.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>

#include <bpf/bpf.h>

#include "dataplane_copy.h"
#include "dataplane_internal.h"

/* also the least the kernel's batch lookup gets: it needs room for all flows
 * of one hash bucket */
#define BATCH_MIN 256
#define BATCH_MAX 65536

/* in the order in which a walk reads them; it may leave out the last two */
static const struct table {
	enum dyncast_dp_map map;
	uint8_t family;
	bool probation;
} tables[] = {
	{DYNCAST_DP_MAP_FLOWS4, AF_INET, false},
	{DYNCAST_DP_MAP_FLOWS6, AF_INET6, false},
	{DYNCAST_DP_MAP_PROBATION4, AF_INET, true},
	{DYNCAST_DP_MAP_PROBATION6, AF_INET6, true},
};
#define TABLES 4
#define TABLES_FLOWS 2

struct dyncast_dp_walk {
	uint32_t epoch;
	unsigned int table;  /* of the next read, .. */
	unsigned int tables; /* .. of so many .. */
	unsigned int read;   /* .. and of what has been read */
	uint8_t *keys;
	struct dyncast_map_flow *values;
	uint32_t size;	   /* of both */
	uint32_t position; /* a bucket, or the kernel's, opaque */
	uint32_t first;	   /* bucket of the batch */
	uint32_t count;	   /* read and .. */
	uint32_t next;	   /* .. handed out already */
	bool begun;
	bool more; /* to read */
};

static bool walk_resize(struct dyncast_dp_walk *walk, uint32_t size)
{
	free(walk->keys);
	free(walk->values);
	walk->size = size;
	walk->keys = calloc(size, sizeof(struct dyncast_map_flow_key));
	walk->values = calloc(size, sizeof(*walk->values));
	return walk->keys && walk->values;
}

/* in the buffer: whole keys of a flow table, what the kernel gave of a hash */
static uint32_t key_size(const struct dyncast_dp_walk *walk)
{
	return tables[walk->read].probation &&
			       tables[walk->read].family == AF_INET
		       ? DYNCAST_MAP_FLOW_KEY4_SIZE
		       : sizeof(struct dyncast_map_flow_key);
}

static void *walk_key(const struct dyncast_dp_walk *walk, uint32_t i)
{
	return walk->keys + (size_t)i * key_size(walk);
}

static void walk_move(struct dyncast_dp_walk *walk, uint32_t to, uint32_t from)
{
	memmove(walk_key(walk, to), walk_key(walk, from), key_size(walk));
	walk->values[to] = walk->values[from];
}

static int walk_map(const struct dyncast_dp_walk *walk)
{
	return dyncast_dp.maps[tables[walk->read].map];
}

/* A bucket costs a cache miss even if it is empty: no more of them than flows.
 */
static void read_table(struct dyncast_dp_walk *walk)
{
	const struct dyncast_dp_table *table =
		&dyncast_dp.tables[tables[walk->read].family != AF_INET];
	uint32_t end = table->buckets;

	if (!walk->begun)
		walk->position = 0;
	walk->begun = true;
	walk->first = walk->position;
	if (end - walk->position > walk->size)
		end = walk->position + walk->size;
	while (walk->position < end &&
	       walk->count + DYNCAST_MAP_WAYS <= walk->size)
		walk->count += dyncast_dp_table_read(
			table, walk->position++, walk_key(walk, walk->count),
			walk->values + walk->count);
	if (walk->position >= table->buckets) {
		walk->begun = false;
		walk->table++;
	}
}

/* false on error */
static bool read_hash(struct dyncast_dp_walk *walk)
{
	int error = 0;

	do {
		walk->count = walk->size;
		dyncast_dp_privs
		{
			error = bpf_map_lookup_batch(
				walk_map(walk),
				walk->begun ? &walk->position : NULL,
				&walk->position, walk->keys, walk->values,
				&walk->count, NULL);
			error = error ? errno : 0;
		}
	} while (error == ENOSPC && walk->size < BATCH_MAX &&
		 walk_resize(walk, walk->size * 2));

	if (error && error != ENOENT) {
		walk->count = 0;
		return false;
	}
	walk->begun = !error;
	if (error)
		walk->table++;
	return true;
}

/* Fills the buffer with the next batch; false on error. */
static bool walk_read(struct dyncast_dp_walk *walk)
{
	walk->next = 0;
	walk->count = 0;
	walk->more = false;
	if (walk->epoch != dyncast_dp.epoch)
		return false;
	walk->read = walk->table;
	if (!tables[walk->read].probation)
		read_table(walk);
	else if (!read_hash(walk))
		return false;
	walk->more = walk->table < walk->tables;
	return true;
}

/* the walk at *cursor, made when there is none; NULL when it cannot be */
static struct dyncast_dp_walk *walk_begin(struct dyncast_dp_walk **cursor,
					  unsigned int max, unsigned int n)
{
	if (*cursor || !dyncast_dp.active)
		return *cursor;
	if (max < BATCH_MIN)
		max = BATCH_MIN;
	if (max > BATCH_MAX)
		max = BATCH_MAX;
	*cursor = calloc(1, sizeof(**cursor));
	if (!*cursor)
		return NULL;
	(*cursor)->epoch = dyncast_dp.epoch;
	(*cursor)->tables = n;
	if (!walk_resize(*cursor, max))
		dyncast_dp_flow_walk_end(cursor);
	return *cursor;
}

static void flow_describe(struct dyncast_dp_flow *out,
			  const struct dyncast_dp_walk *walk, uint32_t i,
			  uint32_t now)
{
	const struct dyncast_map_flow *flow = &walk->values[i];
	bool ipv4 = tables[walk->read].family == AF_INET;
	struct dyncast_map_flow_key key = {};
	/* the table's content is checked as any input: any id may be in it */
	uint32_t id = flow->instance % dyncast_dp.instances_max;
	int32_t age = now - flow->first_seen;
	int32_t idle = now - flow->last_seen;

	memcpy(&key, walk_key(walk, i), key_size(walk));
	*out = (struct dyncast_dp_flow){
		.service = key.service,
		.table_id =
			dyncast_dp
				.services[key.service % dyncast_dp.services_max]
				.table_id,
		.proto = key.proto,
		.sport = ntohs(key.sport),
		.dport = ntohs(key.dport),
		.src = ipv4 ? dyncast_dp_addr_get(AF_INET, &key.saddr4)
			    : dyncast_dp_addr_get(AF_INET6, key.saddr),
		.dst = ipv4 ? dyncast_dp_addr_get(AF_INET, &key.daddr4)
			    : dyncast_dp_addr_get(AF_INET6, key.daddr),
		.instance = flow->instance,
		.valid =
			dyncast_dp.owners[id].used &&
			dyncast_dp.instances[id].generation == flow->generation,
		.age_s = age > 0 ? age : 0,
		.idle_s = idle > 0 ? idle : 0,
	};
}

bool dyncast_dp_flow_walk(struct dyncast_dp_walk **cursor, unsigned int max,
			  void (*fn)(const struct dyncast_dp_flow *flow,
				     void *arg),
			  void *arg)
{
	struct dyncast_dp_walk *walk = walk_begin(cursor, max, TABLES_FLOWS);
	struct dyncast_dp_flow flow;
	uint32_t now = dyncast_dp_now();

	if (!walk)
		return false;
	if (walk->next == walk->count && !walk_read(walk))
		return false;
	while (walk->next < walk->count && max--) {
		flow_describe(&flow, walk, walk->next, now);
		walk->next++;
		fn(&flow, arg);
	}
	return walk->more || walk->next < walk->count;
}

void dyncast_dp_flow_walk_end(struct dyncast_dp_walk **cursor)
{
	if (!*cursor)
		return;
	free((*cursor)->keys);
	free((*cursor)->values);
	free(*cursor);
	*cursor = NULL;
}

/* Deletes the first n flows of the buffer; number that were there. */
static unsigned int walk_delete(struct dyncast_dp_walk *walk, uint32_t n,
				bool idle_only)
{
	unsigned int deleted = 0;
	uint32_t done = 0, count;

	dyncast_dp_privs
	{
		if (!tables[walk->read].probation) {
			deleted = dyncast_dp_table_order(
				idle_only ? DYNCAST_ORDER_FORGET_IDLE
					  : DYNCAST_ORDER_FORGET,
				tables[walk->read].family, walk_key(walk, 0),
				walk->values, n);
			done = n;
		}
		while (done < n) {
			count = n - done;
			if (!bpf_map_delete_batch(walk_map(walk),
						  walk_key(walk, done), &count,
						  NULL))
				count = n - done;
			else if (errno != ENOENT || count >= n - done)
				break;
			deleted += count;
			/* the next one was gone already */
			done += count + 1;
		}
	}
	return deleted;
}

/* moves the wanted keys of what was read to the front; their number */
static uint32_t walk_choose(struct dyncast_dp_walk *walk,
			    bool (*wanted)(const struct dyncast_dp_flow *flow,
					   void *arg),
			    void *arg)
{
	struct dyncast_dp_flow flow;
	uint32_t now = dyncast_dp_now(), n = 0;

	for (uint32_t i = 0; i < walk->count; i++) {
		flow_describe(&flow, walk, i, now);
		if (wanted(&flow, arg))
			walk_move(walk, n++, i);
	}
	walk->next = walk->count;
	return n;
}

bool dyncast_dp_flow_clear_walk(
	struct dyncast_dp_walk **cursor, unsigned int max,
	bool (*wanted)(const struct dyncast_dp_flow *flow, void *arg),
	void *arg, unsigned int *deleted)
{
	struct dyncast_dp_walk *walk = walk_begin(cursor, max, TABLES);
	unsigned int n;

	if (!walk || !walk_read(walk))
		return false;
	n = walk_delete(walk, walk_choose(walk, wanted, arg), false);
	if (!tables[walk->read].probation)
		*deleted += n;
	return walk->more;
}

static bool flow_ended(const struct dyncast_map_flow *flow, uint32_t now)
{
	const struct dyncast_dp_instance_entry *owner =
		&dyncast_dp.owners[flow->instance % dyncast_dp.instances_max];
	int32_t timeout = DYNCAST_FLOW_TIMEOUT_DEFAULT;
	int32_t idle = now - flow->last_seen;

	if (owner->used)
		timeout = dyncast_dp.services[owner->service].timeout_s;
	return idle > timeout ||
	       ((flow->flags & DYNCAST_MAP_FLOW_CLOSED) && idle > timeout / 4);
}

/* the buckets of the last batch */
static void settle(const struct dyncast_dp_walk *walk)
{
	dyncast_dp_privs
	{
		dyncast_dp_table_settle(
			&dyncast_dp
				 .tables[tables[walk->read].family != AF_INET],
			walk->first, walk->position);
	}
}

bool dyncast_dp_flow_sweep_walk(struct dyncast_dp_walk **cursor,
				unsigned int max, unsigned int *deleted)
{
	struct dyncast_dp_walk *walk = walk_begin(cursor, max, TABLES_FLOWS);
	uint32_t now = dyncast_dp_now(), n = 0;

	if (!walk || !walk_read(walk))
		return false;
	for (uint32_t i = 0; i < walk->count; i++)
		if (flow_ended(&walk->values[i], now))
			walk_move(walk, n++, i);
	*deleted += walk_delete(walk, n, true);
	settle(walk);
	return walk->more;
}

static bool is_of(const struct dyncast_dp_flow *flow, void *arg)
{
	const int *service = arg;

	return *service < 0 || flow->service == *service;
}

unsigned int dyncast_dp_flow_clear(int service)
{
	struct dyncast_dp_walk *walk = NULL;
	unsigned int deleted = 0;

	for (int i = 0; i < (int)dyncast_dp.services_max; i++)
		if (service < 0 || service == i)
			dyncast_dp_ring_clear(i);
	while (dyncast_dp_flow_clear_walk(&walk, BATCH_MAX, is_of, &service,
					  &deleted))
		;
	dyncast_dp_flow_walk_end(&walk);
	return deleted;
}
