// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Looking at and clearing the flow table, in batches, so that a table of a
 * million flows does not keep zebra's main thread busy.
 *
 * The table changes while it is walked: a flow that is there all the time is
 * seen once, one that comes or goes may be missed.  zebra's main thread.
 */

#include "dataplane_port.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>

#include <bpf/bpf.h>

#include "../lib/addr.h"
#include "dataplane_internal.h"

/* also the least the kernel's batch lookup gets: it needs room for all flows
 * of one hash bucket */
#define BATCH_MIN 256
#define BATCH_MAX 65536

/* IPv4's table, then IPv6's */
static const struct {
	enum dyncast_dp_map flows, probation;
	uint32_t key_size;
	uint8_t family;
} tables[] = {
	{DYNCAST_DP_MAP_FLOWS4, DYNCAST_DP_MAP_PROBATION4,
	 DYNCAST_MAP_FLOW_KEY4_SIZE, AF_INET},
	{DYNCAST_DP_MAP_FLOWS6, DYNCAST_DP_MAP_PROBATION6,
	 sizeof(struct dyncast_map_flow_key), AF_INET6},
};
enum { TABLES = sizeof(tables) / sizeof(tables[0]) };

struct dyncast_dp_walk {
	unsigned int table; /* of the next read .. */
	unsigned int read;  /* .. and of what has been read */
	uint8_t *keys;
	struct dyncast_map_flow *values;
	uint32_t size;	   /* of both */
	uint32_t position; /* the kernel's, opaque */
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

static const void *walk_key(const struct dyncast_dp_walk *walk, uint32_t i)
{
	return walk->keys + (size_t)i * tables[walk->read].key_size;
}

/* Fills the buffer with the next batch; false on error. */
static bool walk_read(struct dyncast_dp_walk *walk)
{
	int error = 0;

	walk->next = 0;
	walk->more = false;
	walk->read = walk->table;
	do {
		walk->count = walk->size;
		dyncast_dp_privs
		{
			error = bpf_map_lookup_batch(
				dyncast_dp.maps[tables[walk->read].flows],
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
	walk->more = walk->table < TABLES;
	return true;
}

/* the walk at *cursor, made when there is none; NULL when it cannot be */
static struct dyncast_dp_walk *walk_begin(struct dyncast_dp_walk **cursor,
					  unsigned int max)
{
	if (*cursor || !dyncast_dp.active)
		return *cursor;
	if (max < BATCH_MIN)
		max = BATCH_MIN;
	if (max > BATCH_MAX)
		max = BATCH_MAX;
	*cursor = calloc(1, sizeof(**cursor));
	if (*cursor && !walk_resize(*cursor, max))
		dyncast_dp_flow_walk_end(cursor);
	return *cursor;
}

static const struct dyncast_dp_service_entry *
service_of(const struct dyncast_map_flow_key *key)
{
	return &dyncast_dp.services[key->service % dyncast_dp.services_max];
}

static void flow_describe(struct dyncast_dp_flow *out,
			  const struct dyncast_dp_walk *walk, uint32_t i,
			  uint32_t now)
{
	const struct dyncast_map_flow *flow = &walk->values[i];
	struct dyncast_map_flow_key key = {};
	/* the table's content is checked as any input: any id may be in it */
	uint32_t id = flow->instance % dyncast_dp.instances_max;
	int32_t age = now - flow->first_seen;
	int32_t idle = now - flow->last_seen;

	memcpy(&key, walk_key(walk, i), tables[walk->read].key_size);
	*out = (struct dyncast_dp_flow){
		.table_id = service_of(&key)->table_id,
		.proto = key.proto,
		.sport = ntohs(key.sport),
		.dport = ntohs(key.dport),
		.src = tables[walk->read].family == AF_INET
			       ? dyncast_dp_addr_get(AF_INET, &key.saddr4)
			       : dyncast_dp_addr_get(AF_INET6, key.saddr),
		.dst = tables[walk->read].family == AF_INET
			       ? dyncast_dp_addr_get(AF_INET, &key.daddr4)
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
	struct dyncast_dp_walk *walk = walk_begin(cursor, max);
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

/* those on probation; there are few, and most are long gone */
static void probation_clear(void)
{
	struct dyncast_map_flow_key key;

	for (int table = 0; table < TABLES; table++) {
		int fd = dyncast_dp.maps[tables[table].probation];

		for (int i = 0; i < DYNCAST_MAP_PROBATION_MAX; i++)
			if (bpf_map_get_next_key(fd, NULL, &key) ||
			    bpf_map_delete_elem(fd, &key))
				break;
	}
}

static bool flow_delete(const struct dyncast_dp_walk *walk, uint32_t i)
{
	return !bpf_map_delete_elem(dyncast_dp.maps[tables[walk->read].flows],
				    walk_key(walk, i));
}

static bool flow_is_of(const struct dyncast_dp_walk *walk, uint32_t i,
		       int service)
{
	struct dyncast_map_flow_key key;

	memcpy(&key, walk_key(walk, i), DYNCAST_MAP_FLOW_KEY4_SIZE);
	return service < 0 || key.service == service;
}

bool dyncast_dp_flow_clear_walk(struct dyncast_dp_walk **cursor,
				unsigned int max, int service,
				unsigned int *deleted)
{
	bool first = !*cursor;
	struct dyncast_dp_walk *walk = walk_begin(cursor, max);

	/* flows without an entry are known by their slots' memory */
	for (int i = 0; first && i < (int)dyncast_dp.services_max; i++)
		if (service < 0 || service == i)
			dyncast_dp_ring_clear(i);
	if (!walk || !walk_read(walk))
		return false;
	dyncast_dp_privs
	{
		if (first)
			probation_clear();
		for (uint32_t i = 0; i < walk->count; i++)
			if (flow_is_of(walk, i, service))
				*deleted += flow_delete(walk, i);
	}
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

bool dyncast_dp_flow_sweep_walk(struct dyncast_dp_walk **cursor,
				unsigned int max, unsigned int *deleted)
{
	struct dyncast_dp_walk *walk = walk_begin(cursor, max);
	uint32_t now = dyncast_dp_now();

	if (!walk || !walk_read(walk))
		return false;
	dyncast_dp_privs
	{
		for (uint32_t i = 0; i < walk->count; i++)
			if (flow_ended(&walk->values[i], now))
				*deleted += flow_delete(walk, i);
	}
	return walk->more;
}

unsigned int dyncast_dp_flow_clear(int service)
{
	struct dyncast_dp_walk *walk = NULL;
	unsigned int deleted = 0;

	while (dyncast_dp_flow_clear_walk(&walk, BATCH_MAX, service, &deleted))
		;
	dyncast_dp_flow_walk_end(&walk);
	return deleted;
}
