// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Services and instances: who has which small number, and what the program
 * reads about it.
 *
 * Owns the mapped slot and instance arrays, the identity maps and the LPM
 * trie.  Order matters, since the program runs all the time and zebra may die
 * between any two steps: an id becomes known (identity map) only after its
 * generation has moved on, and is forgotten only after nothing leads to it.
 * zebra's main thread.
 */

#include "dataplane_port.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <bpf/bpf.h>

#include "../lib/addr.h"
#include "../lib/ring.h"
#include "dataplane_internal.h"

static size_t slots_bytes(void)
{
	return (size_t)dyncast_dp.services_max * DYNCAST_RING_SLOTS *
	       sizeof(union dyncast_map_slot);
}

static size_t pins_bytes(void)
{
	return (size_t)dyncast_dp.services_max * DYNCAST_RING_SLOTS / 2 *
	       sizeof(struct dyncast_map_pins);
}

static size_t instances_bytes(void)
{
	return (size_t)dyncast_dp.instances_max *
	       sizeof(struct dyncast_map_instance);
}

#define FILTER_BYTES (DYNCAST_MAP_FILTER_WORDS * sizeof(uint64_t))

static void *map_array(enum dyncast_dp_map which, size_t bytes)
{
	void *memory = MAP_FAILED;

	dyncast_dp_privs
	{
		memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED,
			      dyncast_dp.maps[which], 0);
	}
	return memory == MAP_FAILED ? NULL : memory;
}

static int map_update(enum dyncast_dp_map which, const void *key,
		      const void *value)
{
	int error = 0;

	if (!dyncast_dp.active)
		return 0;
	dyncast_dp_privs
	{
		error = bpf_map_update_elem(dyncast_dp.maps[which], key, value,
					    BPF_ANY);
	}
	return error;
}

static void map_delete(enum dyncast_dp_map which, const void *key)
{
	if (!dyncast_dp.active)
		return;
	dyncast_dp_privs
	{
		bpf_map_delete_elem(dyncast_dp.maps[which], key);
	}
}

/* Keys ------------------------------------------------------------------- */

static struct dyncast_map_ident_service
service_ident(uint32_t table_id, const struct dyncast_prefix *prefix)
{
	struct dyncast_map_ident_service key = {
		.table_id = table_id,
		.family = prefix->addr.family,
		.len = prefix->len,
	};

	dyncast_dp_addr_put(key.addr, &prefix->addr);
	return key;
}

static struct dyncast_map_service_key
service_lpm(uint32_t table_id, const struct dyncast_prefix *prefix)
{
	struct dyncast_map_service_key key = {
		.prefixlen = DYNCAST_MAP_LPM_FIXED + prefix->len,
		.table_id = table_id,
		.family = prefix->addr.family,
	};

	dyncast_dp_addr_put(key.addr, &prefix->addr);
	return key;
}

static struct dyncast_map_ident_instance
instance_ident(uint16_t service, const struct dyncast_addr *dbid)
{
	struct dyncast_map_ident_instance key = {
		.service = service,
		.family = dbid->family,
	};

	dyncast_dp_addr_put(key.dbid, dbid);
	return key;
}

/* Recovery --------------------------------------------------------------- */

/* false: it makes no sense */
static bool recover_service(const void *ident, uint32_t index)
{
	const struct dyncast_map_ident_service *key = ident;
	struct dyncast_dp_service_entry *service;
	struct dyncast_map_service_key lpm;
	struct dyncast_map_service value;

	if (index >= dyncast_dp.services_max ||
	    dyncast_dp.services[index].used ||
	    key->len > 8 * dyncast_family_size(key->family)) {
		dyncast_dp_warn(
			"forgetting a pinned service with index %u: its identity makes no sense",
			index);
		return false;
	}
	service = &dyncast_dp.services[index];
	service->used = service->moving = true;
	service->table_id = key->table_id;
	service->prefix.addr = dyncast_dp_addr_get(key->family, key->addr);
	service->prefix.len = key->len;
	service->timeout_s = DYNCAST_FLOW_TIMEOUT_DEFAULT;

	/* LPM lookup with the full key may find a shorter prefix: compare */
	lpm = service_lpm(service->table_id, &service->prefix);
	if (!bpf_map_lookup_elem(dyncast_dp.maps[DYNCAST_DP_MAP_SERVICES], &lpm,
				 &value) &&
	    value.index == index) {
		service->listed = true;
		service->enabled = !(value.flags & DYNCAST_MAP_SERVICE_RESTS);
		service->timeout_s = value.timeout_s;
	}
	return true;
}

/* into its service's list, where it is found without a look at all ids */
static void owner_add(uint32_t id, uint16_t service,
		      const struct dyncast_addr *dbid)
{
	struct dyncast_dp_service_entry *of = &dyncast_dp.services[service];

	dyncast_dp.owners[id] = (struct dyncast_dp_instance_entry){
		.used = true,
		.service = service,
		.next = of->first,
		.dbid = *dbid,
	};
	of->first = id;
	dyncast_dp.ids_used++;
}

static void owner_del(uint32_t id)
{
	struct dyncast_dp_instance_entry *owner = &dyncast_dp.owners[id];
	uint32_t *p = &dyncast_dp.services[owner->service].first;

	while (*p != id)
		p = &dyncast_dp.owners[*p].next;
	*p = owner->next;
	dyncast_dp.ids_used--;
	memset(owner, 0, sizeof(*owner));
}

static bool recover_instance(const void *ident, uint32_t id)
{
	const struct dyncast_map_ident_instance *key = ident;
	struct dyncast_addr dbid;

	if (id == 0 || id >= dyncast_dp.instances_max ||
	    dyncast_dp.owners[id].used ||
	    key->service >= dyncast_dp.services_max ||
	    !dyncast_dp.services[key->service].used ||
	    dyncast_dp.instances[id].service != key->service + 1) {
		dyncast_dp_warn(
			"forgetting a pinned instance with id %u: its identity makes no sense",
			id);
		return false;
	}
	dbid = dyncast_dp_addr_get(key->family, key->dbid);
	owner_add(id, key->service, &dbid);
	return true;
}

/* One that makes no sense goes: its number may be given to another soon, and
 * the next start might believe the wrong one.  By then the walk is past it. */
static void recover_each(enum dyncast_dp_map map,
			 bool (*recover)(const void *ident, uint32_t number))
{
	union {
		struct dyncast_map_ident_service service;
		struct dyncast_map_ident_instance instance;
	} key, next = {};
	int fd = dyncast_dp.maps[map];
	bool more = !bpf_map_get_next_key(fd, NULL, &key);
	uint32_t number;

	while (more) {
		more = !bpf_map_get_next_key(fd, &key, &next);
		if (!bpf_map_lookup_elem(fd, &key, &number) &&
		    !recover(&key, number))
			bpf_map_delete_elem(fd, &key);
		key = next;
	}
}

bool dyncast_dp_ids_open(void)
{
	dyncast_dp.next_id = 1;
	dyncast_dp.ids_used = 0;
	dyncast_dp.services =
		calloc(dyncast_dp.services_max, sizeof(*dyncast_dp.services));
	dyncast_dp.owners =
		calloc(dyncast_dp.instances_max, sizeof(*dyncast_dp.owners));
	if (!dyncast_dp.services || !dyncast_dp.owners)
		return false;
	if (!dyncast_dp.active) {
		dyncast_dp.slots = calloc(1, slots_bytes());
		dyncast_dp.instances = calloc(1, instances_bytes());
		dyncast_dp.filter = calloc(1, FILTER_BYTES);
		dyncast_dp.pins = calloc(1, pins_bytes());
		return dyncast_dp.slots && dyncast_dp.pins &&
		       dyncast_dp.instances && dyncast_dp.filter;
	}
	dyncast_dp.mapped = true;
	dyncast_dp.slots = map_array(DYNCAST_DP_MAP_SLOTS, slots_bytes());
	dyncast_dp.instances =
		map_array(DYNCAST_DP_MAP_INSTANCES, instances_bytes());
	dyncast_dp.filter = map_array(DYNCAST_DP_MAP_FILTER, FILTER_BYTES);
	dyncast_dp.pins = map_array(DYNCAST_DP_MAP_PINS, pins_bytes());
	if (!dyncast_dp.slots || !dyncast_dp.pins || !dyncast_dp.instances ||
	    !dyncast_dp.filter)
		return false;
	dyncast_dp_privs
	{
		recover_each(DYNCAST_DP_MAP_IDENT_SERVICE, recover_service);
		recover_each(DYNCAST_DP_MAP_IDENT_INSTANCE, recover_instance);
	}
	/* entries may have come by other ways than the program: a table of
	 * another size, an older layout */
	for (uint32_t i = 0; i < dyncast_dp.services_max; i++)
		if (dyncast_dp.services[i].used)
			dyncast_dp_ring_pin(i);
	dyncast_dp_filter_open();
	return true;
}

void dyncast_dp_ids_close(void)
{
	if (dyncast_dp.mapped) {
		if (dyncast_dp.slots)
			munmap(dyncast_dp.slots, slots_bytes());
		if (dyncast_dp.pins)
			munmap(dyncast_dp.pins, pins_bytes());
		if (dyncast_dp.instances)
			munmap(dyncast_dp.instances, instances_bytes());
		if (dyncast_dp.filter)
			munmap(dyncast_dp.filter, FILTER_BYTES);
	} else {
		free(dyncast_dp.slots);
		free(dyncast_dp.pins);
		free(dyncast_dp.instances);
		free(dyncast_dp.filter);
	}
	dyncast_dp.mapped = false;
	dyncast_dp.slots = NULL;
	dyncast_dp.pins = NULL;
	dyncast_dp.instances = NULL;
	dyncast_dp.filter = NULL;
	free(dyncast_dp.services);
	free(dyncast_dp.owners);
	dyncast_dp.services = NULL;
	dyncast_dp.owners = NULL;
}

/* Services --------------------------------------------------------------- */

static void service_steers(struct dyncast_dp_service_entry *service,
			   bool steers)
{
	if (steers != service->enabled)
		dyncast_dp_filter_prefix(&service->prefix, steers ? 1 : -1);
	service->enabled = steers;
}

int dyncast_dp_service_get(uint32_t table_id,
			   const struct dyncast_prefix *prefix, bool *created)
{
	struct dyncast_dp_service_entry *service;
	struct dyncast_map_ident_service key;
	union dyncast_map_slot empty = {};
	int unused = -1;

	*created = false;
	if (!dyncast_dp.started)
		return -1;
	for (int i = 0; i < (int)dyncast_dp.services_max; i++) {
		service = &dyncast_dp.services[i];
		if (!service->used && unused < 0)
			unused = i;
		if (service->used && service->table_id == table_id &&
		    !dyncast_prefix_cmp(&service->prefix, prefix))
			return i;
	}
	if (unused < 0)
		return -1;

	for (int i = 0; i < DYNCAST_RING_SLOTS; i++)
		dyncast_dp_slot_write(&dyncast_dp_slots(unused)[i], empty);
	service = &dyncast_dp.services[unused];
	*service = (struct dyncast_dp_service_entry){
		.used = true,
		.moving = true,
		.table_id = table_id,
		.prefix = *prefix,
		.timeout_s = DYNCAST_FLOW_TIMEOUT_DEFAULT,
	};
	key = service_ident(table_id, prefix);
	if (map_update(DYNCAST_DP_MAP_IDENT_SERVICE, &key, &unused))
		dyncast_dp_warn(
			"service index %d will not survive a restart: %s",
			unused, strerror(errno));
	*created = true;
	return unused;
}

bool dyncast_dp_service_enable(int index, const struct dyncast_dp_service *svc)
{
	struct dyncast_dp_service_entry *service;
	struct dyncast_map_service_key key;
	unsigned int bits;
	struct dyncast_map_service value = {
		.index = index,
		.affinity = svc->affinity,
		.plen = svc->plen,
		.timeout_s = svc->timeout_s ? svc->timeout_s
					    : DYNCAST_FLOW_TIMEOUT_DEFAULT,
		.flags = svc->rests ? DYNCAST_MAP_SERVICE_RESTS : 0,
	};

	if (!dyncast_dp_service_known(index))
		return false;
	service = &dyncast_dp.services[index];
	bits = 8 * dyncast_family_size(service->prefix.addr.family);
	if (!value.plen || value.plen > bits)
		value.plen = bits;
	key = service_lpm(service->table_id, &service->prefix);
	value.seed = dyncast_ring_seed(&service->prefix);
	/* A slot that came to rest by the old timeout must not begin to move
	 * again by a longer one; some do so while we write. */
	dyncast_dp_ring_settle(index);
	if (map_update(DYNCAST_DP_MAP_SERVICES, &key, &value)) {
		dyncast_dp_warn("the kernel took no service %d: %s", index,
				strerror(errno));
		return false;
	}
	dyncast_dp_ring_settle(index);
	service->listed = true;
	service_steers(service, !svc->rests);
	service->timeout_s = value.timeout_s;
	return dyncast_dp.active;
}

void dyncast_dp_service_del(int index)
{
	struct dyncast_dp_service_entry *service;
	struct dyncast_map_ident_service ident;
	struct dyncast_map_service_key lpm;
	union dyncast_map_slot empty = {};

	if (!dyncast_dp_service_known(index))
		return;
	service = &dyncast_dp.services[index];
	lpm = service_lpm(service->table_id, &service->prefix);
	map_delete(DYNCAST_DP_MAP_SERVICES, &lpm);
	while (service->first)
		dyncast_dp_instance_del(service->first);
	for (int i = 0; i < DYNCAST_RING_SLOTS; i++)
		dyncast_dp_slot_write(&dyncast_dp_slots(index)[i], empty);
	ident = service_ident(service->table_id, &service->prefix);
	map_delete(DYNCAST_DP_MAP_IDENT_SERVICE, &ident);
	dyncast_dp_counters_retire_service(index);
	service_steers(service, false);
	memset(service, 0, sizeof(*service));
}

/* Instances -------------------------------------------------------------- */

static uint32_t free_id(void)
{
	/* id 0 is nobody's */
	if (dyncast_dp.ids_used + 1 >= dyncast_dp.instances_max)
		return 0;
	for (unsigned int i = 0; i < dyncast_dp.instances_max; i++) {
		unsigned int id =
			(dyncast_dp.next_id + i) % dyncast_dp.instances_max;

		if (id && !dyncast_dp.owners[id].used) {
			dyncast_dp.next_id =
				(id + 1) % dyncast_dp.instances_max;
			return id;
		}
	}
	return 0;
}

uint32_t dyncast_dp_instance_get(int service, const struct dyncast_addr *dbid,
				 bool *created)
{
	struct dyncast_map_ident_instance key;
	struct dyncast_map_instance *shared;
	uint32_t id, generation;

	*created = false;
	if (!dyncast_dp_service_known(service))
		return 0;
	for (id = dyncast_dp.services[service].first; id;
	     id = dyncast_dp.owners[id].next)
		if (!dyncast_addr_cmp(&dyncast_dp.owners[id].dbid, dbid))
			return id;
	id = free_id();
	if (!id)
		return 0;

	/* A new array must not begin where the flows of a lost one (someone
	 * has removed its pin) would be taken for valid. */
	shared = &dyncast_dp.instances[id];
	generation = shared->generation ? shared->generation + 1
					: dyncast_dp_now() << 8 | 1;
	dyncast_dp_instance_head(id, 0, 0, service + 1, generation);
	owner_add(id, service, dbid);
	key = instance_ident(service, dbid);
	if (map_update(DYNCAST_DP_MAP_IDENT_INSTANCE, &key, &id))
		dyncast_dp_warn("instance id %u will not survive a restart: %s",
				id, strerror(errno));
	*created = true;
	return id;
}

void dyncast_dp_instance_del(uint32_t id)
{
	struct dyncast_map_ident_instance key;
	struct dyncast_dp_instance_entry *owner;

	if (!dyncast_dp_instance_known(id))
		return;
	owner = &dyncast_dp.owners[id];
	dyncast_dp_counters_retire_instance(id);
	dyncast_dp_instance_head(id, 0, 0, 0,
				 dyncast_dp.instances[id].generation + 1);
	dyncast_dp_ring_scrub(owner->service, id);
	key = instance_ident(owner->service, &owner->dbid);
	map_delete(DYNCAST_DP_MAP_IDENT_INSTANCE, &key);
	owner_del(id);
}

void dyncast_dp_instance_each(int service,
			      void (*fn)(uint32_t id,
					 const struct dyncast_addr *dbid,
					 void *arg),
			      void *arg)
{
	if (!dyncast_dp_service_known(service))
		return;
	for (uint32_t id = dyncast_dp.services[service].first, next; id;
	     id = next) {
		/* a copy: fn may delete the instance */
		struct dyncast_dp_instance_entry owner = dyncast_dp.owners[id];

		next = owner.next;
		fn(id, &owner.dbid, arg);
	}
}
