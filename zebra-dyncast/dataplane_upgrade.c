// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Map layout 1 to today's, with running flows.
 *
 * The old program goes on steering by its own maps until the new one has taken
 * its place on every interface.  Ids and generations stay what they were, so
 * that flows mean the same in both.  v1_instances is the pin that says that
 * layout 1 rules: it goes first when the new layout has taken over, and as long
 * as it is there a start begins the upgrade anew.  Nothing but flows changes in
 * between, and flows are merged, so it does not matter where a start was
 * killed.
 *
 * zebra's main thread, privileges raised by the caller.
 */

#include "dataplane_port.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "dataplane_copy.h"
#include "dataplane_internal.h"
#include "dataplane_v1.h"

enum v1_map {
	V1_INSTANCES, /* first: it is the one that tells, see above */
	V1_SLOTS,
	V1_IDENT_SERVICE,
	V1_IDENT_INSTANCE,
	V1_SERVICES,
	V1_IFACES,
	V1_FLOWS,
	V1_PROBATION,
	V1_COUNTERS,
	V1_FILTER,
	V1_INSTANCE_COUNTERS,
	V1_MAX
};

static const struct {
	const char *name;
	uint32_t type, key_size, value_size;
	uint32_t max_entries; /* 0: any */
} shapes[V1_MAX] = {
	[V1_INSTANCES] = {"instances", BPF_MAP_TYPE_ARRAY, 4,
			  sizeof(struct dyncast_v1_instance),
			  DYNCAST_V1_INSTANCES_MAX},
	[V1_SLOTS] = {"slots", BPF_MAP_TYPE_ARRAY, 4,
		      sizeof(union dyncast_v1_slot),
		      DYNCAST_V1_SERVICES_MAX *DYNCAST_V1_SLOTS},
	[V1_IDENT_SERVICE] = {"ident_service", BPF_MAP_TYPE_HASH,
			      sizeof(struct dyncast_v1_ident_service), 4, 0},
	[V1_IDENT_INSTANCE] = {"ident_instance", BPF_MAP_TYPE_HASH,
			       sizeof(struct dyncast_v1_ident_instance), 4, 0},
	[V1_SERVICES] = {"services", BPF_MAP_TYPE_LPM_TRIE,
			 sizeof(struct dyncast_v1_service_key),
			 sizeof(struct dyncast_v1_service), 0},
	[V1_IFACES] = {"ifaces", BPF_MAP_TYPE_HASH, 4,
		       sizeof(struct dyncast_v1_iface), 0},
	[V1_FLOWS] = {"flows", BPF_MAP_TYPE_LRU_HASH,
		      sizeof(struct dyncast_v1_flow_key),
		      sizeof(struct dyncast_v1_flow), 0},
	[V1_PROBATION] = {"probation", BPF_MAP_TYPE_LRU_HASH,
			  sizeof(struct dyncast_v1_flow_key),
			  sizeof(struct dyncast_v1_flow), 0},
	[V1_COUNTERS] = {"counters", BPF_MAP_TYPE_PERCPU_ARRAY, 4, 128, 1},
	[V1_FILTER] = {"filter", BPF_MAP_TYPE_ARRAY, 4, 8, 0},
	[V1_INSTANCE_COUNTERS] = {"instance_counters",
				  BPF_MAP_TYPE_PERCPU_ARRAY, 4,
				  sizeof(struct dyncast_v1_instance_counters),
				  DYNCAST_V1_INSTANCES_MAX},
};

struct dyncast_dp_upgrade {
	int maps[V1_MAX];
	struct dyncast_v1_instance *instances;
	union dyncast_v1_slot *slots;
	uint32_t since; /* flows that are newer were not there at first */
};

static bool pin_path(char path[PATH_MAX], const char *name)
{
	char pin[64];

	snprintf(pin, sizeof(pin), DYNCAST_V1_PIN_PREFIX "%s", name);
	return dyncast_dp_fs_path(path, pin);
}

/* the map, -1: none, -2: something else is there */
static int open_map(enum v1_map which)
{
	struct bpf_map_info info = {};
	uint32_t len = sizeof(info);
	char path[PATH_MAX];
	int fd;

	if (!pin_path(path, shapes[which].name))
		return -2;
	fd = bpf_obj_get(path);
	if (fd < 0)
		return errno == ENOENT ? -1 : -2;
	if (!bpf_obj_get_info_by_fd(fd, &info, &len) &&
	    info.type == shapes[which].type &&
	    info.key_size == shapes[which].key_size &&
	    info.value_size == shapes[which].value_size &&
	    (!shapes[which].max_entries ||
	     info.max_entries == shapes[which].max_entries))
		return fd;
	close(fd);
	return -2;
}

static void *map_array(const struct dyncast_dp_upgrade *upgrade,
		       enum v1_map which)
{
	size_t bytes =
		(size_t)shapes[which].max_entries * shapes[which].value_size;
	void *memory = mmap(NULL, bytes, PROT_READ, MAP_SHARED,
			    upgrade->maps[which], 0);

	return memory == MAP_FAILED ? NULL : memory;
}

static bool open_maps(struct dyncast_dp_upgrade *upgrade)
{
	for (int i = 0; i < V1_MAX; i++)
		upgrade->maps[i] = open_map(i);
	/* what the others are worth without these is nothing */
	for (int i = 0; i <= V1_SERVICES; i++)
		if (upgrade->maps[i] < 0)
			return false;
	upgrade->instances = map_array(upgrade, V1_INSTANCES);
	upgrade->slots = map_array(upgrade, V1_SLOTS);
	return upgrade->instances && upgrade->slots;
}

void dyncast_dp_upgrade_free(struct dyncast_dp_upgrade *upgrade)
{
	if (!upgrade)
		return;
	if (upgrade->instances)
		munmap(upgrade->instances,
		       DYNCAST_V1_INSTANCES_MAX * sizeof(*upgrade->instances));
	if (upgrade->slots)
		munmap(upgrade->slots, DYNCAST_V1_SERVICES_MAX *
					       DYNCAST_V1_SLOTS *
					       sizeof(*upgrade->slots));
	for (int i = 0; i < V1_MAX; i++)
		if (upgrade->maps[i] >= 0)
			close(upgrade->maps[i]);
	free(upgrade);
}

bool dyncast_dp_upgrade_begin(struct dyncast_dp_upgrade **out)
{
	struct dyncast_dp_upgrade *upgrade;
	char path[PATH_MAX];

	*out = NULL;
	if (!pin_path(path, shapes[V1_INSTANCES].name) || access(path, F_OK))
		return true;
	upgrade = calloc(1, sizeof(*upgrade));
	if (!upgrade) {
		dyncast_dp_fail("out of memory");
		return false;
	}
	if (open_maps(upgrade)) {
		*out = upgrade;
		return true;
	}
	dyncast_dp_upgrade_free(upgrade);
	dyncast_dp_warn(
		"the maps of layout 1 in %s are incomplete: they are removed, and flows are placed anew",
		dyncast_dp.dir);
	return true;
}

uint32_t dyncast_dp_upgrade_flows(const struct dyncast_dp_upgrade *upgrade)
{
	struct bpf_map_info info = {};
	uint32_t len = sizeof(info);

	if (upgrade->maps[V1_FLOWS] < 0 ||
	    bpf_obj_get_info_by_fd(upgrade->maps[V1_FLOWS], &info, &len))
		return 0;
	return info.max_entries;
}

uint32_t dyncast_dp_upgrade_services(const struct dyncast_dp_upgrade *upgrade)
{
	struct dyncast_v1_ident_service key;
	uint32_t index, most = 0;
	void *prev = NULL;
	int fd = upgrade->maps[V1_IDENT_SERVICE];

	while (!bpf_map_get_next_key(fd, prev, &key)) {
		prev = &key;
		if (!bpf_map_lookup_elem(fd, &key, &index) &&
		    index < DYNCAST_V1_SERVICES_MAX && index >= most)
			most = index + 1;
	}
	return most;
}

/* Identities, services, interfaces --------------------------------------- */

static bool put(enum dyncast_dp_map which, const void *key, const void *value)
{
	return !bpf_map_update_elem(dyncast_dp.maps[which], key, value,
				    BPF_ANY);
}

static bool convert_identities(const struct dyncast_dp_upgrade *upgrade)
{
	_Static_assert(
		sizeof(struct dyncast_map_ident_service) ==
				sizeof(struct dyncast_v1_ident_service) &&
			sizeof(struct dyncast_map_ident_instance) ==
				sizeof(struct dyncast_v1_ident_instance),
		"identities are no longer what they were in layout 1");

	return dyncast_dp_copy_map(
		       upgrade->maps[V1_IDENT_SERVICE],
		       dyncast_dp.maps[DYNCAST_DP_MAP_IDENT_SERVICE]) &&
	       dyncast_dp_copy_map(
		       upgrade->maps[V1_IDENT_INSTANCE],
		       dyncast_dp.maps[DYNCAST_DP_MAP_IDENT_INSTANCE]);
}

static bool convert_services(const struct dyncast_dp_upgrade *upgrade,
			     uint16_t timeouts[DYNCAST_V1_SERVICES_MAX])
{
	struct dyncast_v1_service_key key;
	struct dyncast_v1_service value;
	void *prev = NULL;
	int fd = upgrade->maps[V1_SERVICES];

	while (!bpf_map_get_next_key(fd, prev, &key)) {
		struct dyncast_map_service_key to_key = {
			.prefixlen = key.prefixlen,
			.table_id = key.table_id,
			.family = key.family,
		};
		struct dyncast_map_service to = {};

		prev = &key;
		if (bpf_map_lookup_elem(fd, &key, &value) ||
		    value.index >= DYNCAST_V1_SERVICES_MAX)
			continue;
		memcpy(to_key.addr, key.addr, sizeof(to_key.addr));
		to.index = value.index;
		to.seed = value.seed;
		to.timeout_s = value.timeout_s;
		to.affinity = value.affinity;
		to.plen = value.plen;
		timeouts[value.index] = value.timeout_s;
		if (!put(DYNCAST_DP_MAP_SERVICES, &to_key, &to))
			return false;
	}
	return true;
}

static bool convert_ifaces(const struct dyncast_dp_upgrade *upgrade)
{
	struct dyncast_v1_iface value;
	uint32_t ifindex;
	void *prev = NULL;
	int fd = upgrade->maps[V1_IFACES];

	while (fd >= 0 && !bpf_map_get_next_key(fd, prev, &ifindex)) {
		struct dyncast_map_iface to = {};

		prev = &ifindex;
		if (bpf_map_lookup_elem(fd, &ifindex, &value))
			continue;
		to.table_id = value.table_id;
		to.flags = (value.flags & (DYNCAST_MAP_IFACE_CLSACT |
					   DYNCAST_MAP_IFACE_OWN_QDISC)) |
			   DYNCAST_MAP_IFACE_STEER;
		if (!put(DYNCAST_DP_MAP_IFACES, &ifindex, &to))
			return false;
	}
	return true;
}

/* Slots and instances ---------------------------------------------------- */

static union dyncast_map_slot convert_slot(union dyncast_v1_slot slot,
					   uint32_t timeout, uint32_t now)
{
	union dyncast_map_slot to = {};

	to.cur = slot.cur;
	to.old = slot.cur;
	/* at rest, or a change whose time does not fit any more */
	if (!slot.t_change || (int32_t)(now - slot.t_change) > (int32_t)timeout)
		return to;
	to.old = slot.old;
	to.t_change = dyncast_map_slot_time(slot.t_change);
	return to;
}

static bool convert_slots(const struct dyncast_dp_upgrade *upgrade,
			  const uint16_t timeouts[DYNCAST_V1_SERVICES_MAX],
			  uint32_t services)
{
	size_t bytes = (size_t)services * DYNCAST_V1_SLOTS *
		       sizeof(union dyncast_map_slot);
	uint32_t now = dyncast_dp_now();
	union dyncast_map_slot *to;

	if (!services)
		return true;
	to = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED,
		  dyncast_dp.maps[DYNCAST_DP_MAP_SLOTS], 0);
	if (to == MAP_FAILED)
		return false;
	for (uint32_t i = 0; i < services * DYNCAST_V1_SLOTS; i++)
		to[i] = convert_slot(upgrade->slots[i],
				     timeouts[i / DYNCAST_V1_SLOTS], now);
	munmap(to, bytes);
	return true;
}

/* how an instance is reached follows in dyncast_dp_upgrade_instances() */
static bool convert_heads(const struct dyncast_dp_upgrade *upgrade)
{
	for (uint32_t id = 1; id < DYNCAST_V1_INSTANCES_MAX; id++) {
		const struct dyncast_v1_instance *in = &upgrade->instances[id];
		struct dyncast_map_instance to = {};

		if (!in->generation)
			continue;
		to.kind = in->kind;
		to.flags = in->flags & DYNCAST_MAP_INSTANCE_VOIDED;
		to.service = in->service;
		to.generation = in->generation;
		if (!put(DYNCAST_DP_MAP_INSTANCES, &id, &to))
			return false;
	}
	return true;
}

void dyncast_dp_upgrade_instances(const struct dyncast_dp_upgrade *upgrade)
{
	for (uint32_t id = 1; id < DYNCAST_V1_INSTANCES_MAX; id++) {
		const struct dyncast_v1_instance *in = &upgrade->instances[id];
		struct dyncast_dp_instance to = {
			.kind = in->kind,
			.alive = true,
			.dbid = dyncast_dp_addr_get(in->dbid_family, in->dbid),
			.nexthop = dyncast_dp_addr_get(in->nexthop_family,
						       in->nexthop),
			.ifindex = in->ifindex,
			.mtu = in->mtu,
		};

		if (!(in->flags & DYNCAST_MAP_INSTANCE_ALIVE))
			continue;
		if (in->kind == DYNCAST_KIND_SRV6)
			to.encap_source =
				dyncast_dp_addr_get(AF_INET6, in->source);
		dyncast_dp_instance_set(id, &to);
	}
}

/* Counters ---------------------------------------------------------------- */

/* nobody's figures fall; by how many CPUs they were made is lost */
static void convert_counters(const struct dyncast_dp_upgrade *upgrade)
{
	int fd = upgrade->maps[V1_INSTANCE_COUNTERS], cpus = dyncast_dp.cpus;
	struct dyncast_v1_instance_counters *from;
	struct dyncast_map_instance_counters *to;

	from = calloc(cpus, sizeof(*from));
	to = calloc(cpus, sizeof(*to));
	for (uint32_t id = 1; from && to && id < DYNCAST_V1_INSTANCES_MAX;
	     id++) {
		if (!upgrade->instances[id].service ||
		    bpf_map_lookup_elem(fd, &id, from))
			continue;
		for (int cpu = 0; cpu < cpus; cpu++) {
			to[cpu].n[DYNCAST_ICOUNT_BYTES] = from[cpu].bytes;
			to[cpu].n[DYNCAST_ICOUNT_NEW] = from[cpu].flows_new;
			to[cpu].n[DYNCAST_ICOUNT_HIT] =
				from[cpu].packets - from[cpu].flows_new;
		}
		put(DYNCAST_DP_MAP_INSTANCE_COUNTERS, &id, to);
	}
	free(from);
	free(to);
}

/* Flows ------------------------------------------------------------------- */

/* of those that are void nothing need be known: they are placed anew */
static uint8_t convert_flow(const struct dyncast_dp_flow_copy *copy,
			    const void *from_key, const void *from,
			    struct dyncast_map_flow_key *to_key,
			    struct dyncast_map_flow *to)
{
	const struct dyncast_dp_upgrade *upgrade = copy->arg;
	const struct dyncast_v1_flow_key *key = from_key;
	const struct dyncast_v1_flow *flow = from;
	const struct dyncast_v1_instance *in;

	if (!flow->instance || flow->instance >= DYNCAST_V1_INSTANCES_MAX)
		return 0;
	in = &upgrade->instances[flow->instance];
	if (!in->service || in->generation != flow->generation)
		return 0;

	to_key->service = in->service - 1;
	to_key->proto = key->proto;
	to_key->sport = key->sport;
	to_key->dport = key->dport;
	to->instance = flow->instance;
	to->flags = flow->flags;
	to->generation = flow->generation;
	to->first_seen = flow->first_seen;
	to->last_seen = flow->last_seen;
	if (key->family == AF_INET) {
		to_key->saddr4 = key->saddr[0];
		to_key->daddr4 = key->daddr[0];
		return AF_INET;
	}
	memcpy(to_key->saddr, key->saddr, sizeof(to_key->saddr));
	memcpy(to_key->daddr, key->daddr, sizeof(to_key->daddr));
	return AF_INET6;
}

static uint32_t copy_flows(struct dyncast_dp_upgrade *upgrade, bool probation,
			   uint32_t since)
{
	const struct dyncast_dp_flow_copy copy = {
		.from = upgrade->maps[probation ? V1_PROBATION : V1_FLOWS],
		.key_size = sizeof(struct dyncast_v1_flow_key),
		.value_size = sizeof(struct dyncast_v1_flow),
		.convert = convert_flow,
		.arg = upgrade,
		.probation = probation,
		.since = since,
	};

	return copy.from < 0 ? 0 : dyncast_dp_copy_flows(&copy);
}

/* The whole --------------------------------------------------------------- */

bool dyncast_dp_upgrade_convert(struct dyncast_dp_upgrade *upgrade)
{
	uint16_t timeouts[DYNCAST_V1_SERVICES_MAX] = {};
	uint32_t flows;

	if (!convert_heads(upgrade) || !convert_services(upgrade, timeouts) ||
	    !convert_slots(upgrade, timeouts,
			   dyncast_dp_upgrade_services(upgrade)) ||
	    !convert_identities(upgrade) || !convert_ifaces(upgrade)) {
		dyncast_dp_fail(
			"cannot take over the maps of layout 1 (%s): remove %s/" DYNCAST_V1_PIN_PREFIX
			"* and restart zebra to do without its flows",
			strerror(errno), dyncast_dp.dir);
		return false;
	}
	if (upgrade->maps[V1_INSTANCE_COUNTERS] >= 0)
		convert_counters(upgrade);
	upgrade->since = dyncast_dp_now() - 1;
	flows = copy_flows(upgrade, false, 0);
	copy_flows(upgrade, true, 0);
	dyncast_dp_info("%u flows taken over from map layout 1", flows);
	return true;
}

void dyncast_dp_upgrade_finish(struct dyncast_dp_upgrade *upgrade)
{
	copy_flows(upgrade, false, upgrade->since);
	copy_flows(upgrade, true, upgrade->since);
}

void dyncast_dp_upgrade_remove(void)
{
	char path[PATH_MAX];

	for (int i = 0; i < V1_MAX; i++)
		if (pin_path(path, shapes[i].name))
			unlink(path);
}
