// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Where a packet would go, and why: the program's own rules
 * (lib/bpf/dyncast_place.h), followed without changing anything.  A TCP flow at
 * rest has no entry that could be listed, so this is how one asks for it.
 *
 * zebra's main thread; the public call raises privileges.
 */

#include "dataplane_port.h"

#include <string.h>

#include <arpa/inet.h>

#include <bpf/bpf.h>

#include "../lib/addr.h"
#include "../lib/bpf/dyncast_hash.h"
#include "dataplane_internal.h"

/* as the program's */
#define PROBES 32

static int find_service(uint32_t table_id, const struct dyncast_addr *dst)
{
	int best = -1;

	for (int i = 0; i < (int)dyncast_dp.services_max; i++) {
		const struct dyncast_dp_service_entry *service =
			&dyncast_dp.services[i];

		if (!service->listed || service->table_id != table_id ||
		    !dyncast_prefix_contains(&service->prefix, dst))
			continue;
		if (best < 0 ||
		    service->prefix.len > dyncast_dp.services[best].prefix.len)
			best = i;
	}
	return best;
}

static bool read_service(int index, struct dyncast_map_service *out)
{
	const struct dyncast_prefix *prefix =
		&dyncast_dp.services[index].prefix;
	struct dyncast_map_service_key key = {
		.prefixlen = DYNCAST_MAP_LPM_FIXED + prefix->len,
		.table_id = dyncast_dp.services[index].table_id,
		.family = prefix->addr.family,
	};

	dyncast_dp_addr_put(key.addr, &prefix->addr);
	return !bpf_map_lookup_elem(dyncast_dp.maps[DYNCAST_DP_MAP_SERVICES],
				    &key, out) &&
	       out->index == (uint32_t)index;
}

static void mask(uint8_t *bytes, unsigned int size, unsigned int bits)
{
	for (unsigned int i = 0; i < size; i++) {
		if (bits <= 8 * i)
			bytes[i] = 0;
		else if (bits < 8 * (i + 1))
			bytes[i] &= 0xff << (8 * (i + 1) - bits);
	}
}

static struct dyncast_map_flow_key
make_key(const struct dyncast_dp_lookup *q,
	 const struct dyncast_map_service *service)
{
	struct dyncast_map_flow_key key = {.service = service->index};
	bool source = service->affinity == DYNCAST_MAP_AFFINITY_SOURCE;
	struct dyncast_addr src = q->src;
	uint32_t addr[4];

	if (source)
		mask(src.bytes, dyncast_family_size(src.family), service->plen);
	if (!source)
		key.proto = q->proto;
	if (!source && (q->proto == IPPROTO_TCP || q->proto == IPPROTO_UDP)) {
		key.sport = htons(q->sport);
		key.dport = htons(q->dport);
	}
	if (src.family == AF_INET) {
		dyncast_dp_addr_put(addr, &src);
		key.saddr4 = addr[0];
		dyncast_dp_addr_put(addr, &q->dst);
		key.daddr4 = addr[0];
	} else {
		dyncast_dp_addr_put(key.saddr, &src);
		dyncast_dp_addr_put(key.daddr, &q->dst);
	}
	return key;
}

static bool usable(uint32_t id, int service)
{
	const struct dyncast_map_instance *in;

	if (!id || id >= dyncast_dp.instances_max)
		return false;
	in = &dyncast_dp.instances[id];
	return (in->flags & DYNCAST_MAP_INSTANCE_ALIVE) &&
	       in->service == service + 1;
}

static uint32_t slot_instance(const struct dyncast_dp_lookup *q, uint32_t hash,
			      bool before)
{
	if (before && usable(q->old, q->service))
		return q->old;
	if (usable(q->cur, q->service))
		return q->cur;
	for (uint32_t i = 1; i < PROBES; i++) {
		uint32_t id =
			dyncast_dp_slots(
				q->service)[(hash + i) % DYNCAST_RING_SLOTS]
				.cur;

		if (usable(id, q->service))
			return id;
	}
	return q->cur && usable(q->old, q->service) ? q->old : 0;
}

static void describe_entry(struct dyncast_dp_lookup *q,
			   struct dyncast_map_flow flow,
			   const struct dyncast_map_service *service)
{
	uint32_t now = dyncast_dp_now();
	int32_t idle;

	idle = now - flow.last_seen;
	q->entry = flow.instance;
	q->entry_age_s = now - flow.first_seen;
	q->entry_idle_s = idle > 0 ? idle : 0;
	q->entry_closed = flow.flags & DYNCAST_MAP_FLOW_CLOSED;
	q->entry_valid = idle <= service->timeout_s &&
			 usable(flow.instance, q->service) &&
			 dyncast_dp.instances[flow.instance].generation ==
				 flow.generation;
}

static void find_entry(struct dyncast_dp_lookup *q,
		       const struct dyncast_map_flow_key *key,
		       const struct dyncast_map_service *service)
{
	bool ipv4 = q->dst.family == AF_INET;
	struct dyncast_map_flow flow;

	q->has_entry =
		dyncast_dp_table_get(&dyncast_dp.tables[!ipv4], key, &flow);
	if (!q->has_entry)
		q->on_probation = !bpf_map_lookup_elem(
			dyncast_dp.maps[ipv4 ? DYNCAST_DP_MAP_PROBATION4
					     : DYNCAST_DP_MAP_PROBATION6],
			key, &flow);
	if (q->has_entry || q->on_probation)
		describe_entry(q, flow, service);
}

/* without a live entry */
static void by_slot(struct dyncast_dp_lookup *q, uint32_t hash, bool tcp)
{
	bool before = q->moving && tcp && !q->has_entry;

	q->instance = slot_instance(q, hash, before);
	q->opening = slot_instance(q, hash, false);
	if (!q->instance)
		q->why = DYNCAST_DP_WHY_NOBODY;
	else if (before && q->instance == q->old)
		q->why = DYNCAST_DP_WHY_BEFORE;
	else if (q->instance == q->cur)
		q->why = DYNCAST_DP_WHY_SLOT;
	else
		q->why = DYNCAST_DP_WHY_OTHER_SLOT;
}

static void lookup(struct dyncast_dp_lookup *q)
{
	struct dyncast_map_service service;
	struct dyncast_map_flow_key key;
	union dyncast_map_slot slot;
	uint32_t hash, now = dyncast_dp_now();
	bool tcp;

	q->service = find_service(q->table_id, &q->dst);
	if (q->service < 0 || !read_service(q->service, &service) ||
	    (service.flags & DYNCAST_MAP_SERVICE_RESTS)) {
		q->service = -1;
		return;
	}
	key = make_key(q, &service);
	hash = dyncast_hash_flow(&key, q->dst.family, service.seed);
	q->slot = hash % DYNCAST_RING_SLOTS;
	slot = dyncast_dp_slots(q->service)[q->slot];
	q->cur = slot.cur;
	q->old = slot.old;
	q->moving = slot.cur != slot.old &&
		    dyncast_map_slot_changed(slot, now, service.timeout_s);
	if (slot.t_change)
		q->changed_s = (now - slot.t_change) & DYNCAST_MAP_TIME_MASK;
	tcp = key.proto == IPPROTO_TCP;
	if (service.affinity == DYNCAST_MAP_AFFINITY_NONE) {
		by_slot(q, hash, false);
		return;
	}
	find_entry(q, &key, &service);
	by_slot(q, hash, tcp);
	if (!q->entry_valid)
		return;
	q->instance = q->entry;
	q->why = q->on_probation ? DYNCAST_DP_WHY_PROBATION
				 : DYNCAST_DP_WHY_ENTRY;
	if (!tcp || !q->entry_closed)
		q->opening = q->entry;
}

void dyncast_dp_service_each(void (*fn)(int index, uint32_t table_id,
					const struct dyncast_prefix *prefix,
					void *arg),
			     void *arg)
{
	for (int i = 0; i < (int)dyncast_dp.services_max; i++) {
		/* a copy: fn may delete the service */
		struct dyncast_dp_service_entry service =
			dyncast_dp.services[i];

		if (service.used)
			fn(i, service.table_id, &service.prefix, arg);
	}
}

void dyncast_dp_lookup(struct dyncast_dp_lookup *q)
{
	q->why = DYNCAST_DP_WHY_NO_SERVICE;
	q->service = -1;
	if (!dyncast_dp.active || q->src.family != q->dst.family)
		return;
	dyncast_dp_privs
	{
		lookup(q);
	}
}
