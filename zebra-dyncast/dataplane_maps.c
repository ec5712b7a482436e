// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Loading the program over maps that may exist already.
 *
 * Every map is pinned under dyncast_dp.dir and reused when it has our shape and
 * size.  One of another size is taken over into a new one: that is pinned as
 * "v2_new_NAME" until the new program has taken the old one's place everywhere,
 * and then under the old one's name.  The writers' maps do not change
 * meanwhile, so a start that finds such a pin throws it away and begins anew; a
 * flow table it keeps, since the program may have used it already, and adds
 * what the old one has.
 *
 * A pin that cannot be opened, or is something else, is never replaced: it may
 * hold somebody's flows, so the kernel side stays off and the reason names the
 * file.  zebra's main thread, privileges raised by the caller.
 */

#include "dataplane_port.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "dataplane_copy.h"
#include "dataplane_internal.h"
#include "dyncast.bpf.skel.h"

#define NEW_PREFIX DYNCAST_MAP_PIN_PREFIX "new_"

static struct bpf_map *skeleton_map(enum dyncast_dp_map which)
{
	struct dyncast_bpf *skeleton = dyncast_dp.skeleton;

	switch (which) {
	case DYNCAST_DP_MAP_INSTANCES:
		return skeleton->maps.instances;
	case DYNCAST_DP_MAP_IDENT_SERVICE:
		return skeleton->maps.ident_service;
	case DYNCAST_DP_MAP_IDENT_INSTANCE:
		return skeleton->maps.ident_instance;
	case DYNCAST_DP_MAP_SLOTS:
		return skeleton->maps.slots;
	case DYNCAST_DP_MAP_PINS:
		return skeleton->maps.pins;
	case DYNCAST_DP_MAP_SERVICES:
		return skeleton->maps.services;
	case DYNCAST_DP_MAP_FILTER:
		return skeleton->maps.filter;
	case DYNCAST_DP_MAP_FLOWS4:
		return skeleton->maps.flows4;
	case DYNCAST_DP_MAP_FLOWS6:
		return skeleton->maps.flows6;
	case DYNCAST_DP_MAP_FLOW_LOCKS:
		return skeleton->maps.flow_locks;
	case DYNCAST_DP_MAP_PROBATION4:
		return skeleton->maps.probation4;
	case DYNCAST_DP_MAP_PROBATION6:
		return skeleton->maps.probation6;
	case DYNCAST_DP_MAP_IFACES_NEAR:
		return skeleton->maps.ifaces_near;
	case DYNCAST_DP_MAP_IFACES:
		return skeleton->maps.ifaces;
	case DYNCAST_DP_MAP_COUNTERS:
		return skeleton->maps.counters;
	case DYNCAST_DP_MAP_INSTANCE_COUNTERS:
		return skeleton->maps.instance_counters;
	case DYNCAST_DP_MAP_RETIRED:
		return skeleton->maps.retired;
	case DYNCAST_DP_MAP_DECAP:
		return skeleton->maps.decap;
	case DYNCAST_DP_MAP_MAX:
		break;
	}
	return NULL;
}

static bool pin_path_of(char path[PATH_MAX], const char *prefix,
			const struct bpf_map *map)
{
	char name[64];

	snprintf(name, sizeof(name), "%s%s", prefix, bpf_map__name(map));
	return dyncast_dp_fs_path(path, name);
}

static bool pin_path(char path[PATH_MAX], const struct bpf_map *map)
{
	return pin_path_of(path, DYNCAST_MAP_PIN_PREFIX, map);
}

/* but for its size */
static bool same_shape(int fd, const struct bpf_map *map, uint32_t *size)
{
	struct bpf_map_info info = {};
	uint32_t len = sizeof(info);

	if (bpf_obj_get_info_by_fd(fd, &info, &len))
		return false;
	*size = info.max_entries;
	return info.type == bpf_map__type(map) &&
	       info.key_size == bpf_map__key_size(map) &&
	       info.value_size == bpf_map__value_size(map) &&
	       info.map_flags == bpf_map__map_flags(map);
}

/* number of IPv4's or IPv6's flow table, -1: none */
static int flow_table(enum dyncast_dp_map which)
{
	return which == DYNCAST_DP_MAP_FLOWS4	? 0
	       : which == DYNCAST_DP_MAP_FLOWS6 ? 1
						: -1;
}

/* what the program has written may be all that knows of a flow */
static bool has_flows(enum dyncast_dp_map which)
{
	return flow_table(which) >= 0 || which == DYNCAST_DP_MAP_PROBATION4 ||
	       which == DYNCAST_DP_MAP_PROBATION6 ||
	       which == DYNCAST_DP_MAP_FLOW_LOCKS;
}

static uint8_t family_of(enum dyncast_dp_map which)
{
	return flow_table(which) ? AF_INET6 : AF_INET;
}

/* Sizes ------------------------------------------------------------------- */

/* of a pinned map of ours; 0: there is none */
static uint32_t pinned_size(enum dyncast_dp_map which)
{
	const struct bpf_map *map = skeleton_map(which);
	uint32_t size = 0;
	char path[PATH_MAX];
	int fd = pin_path(path, map) ? bpf_obj_get(path) : -1;

	if (fd < 0)
		return 0;
	if (!same_shape(fd, map, &size))
		size = 0;
	close(fd);
	return size;
}

/* the largest number that an identity map gives out */
static uint32_t largest_number(enum dyncast_dp_map which)
{
	const struct bpf_map *map = skeleton_map(which);
	uint32_t size, number, largest = 0;
	uint8_t key[64];
	void *prev = NULL;
	char path[PATH_MAX];
	int fd = pin_path(path, map) ? bpf_obj_get(path) : -1;

	if (fd < 0)
		return 0;
	if (same_shape(fd, map, &size) && bpf_map__key_size(map) <= sizeof(key))
		while (!bpf_map_get_next_key(fd, prev, key)) {
			prev = key;
			if (!bpf_map_lookup_elem(fd, key, &number) &&
			    number > largest)
				largest = number;
		}
	close(fd);
	return largest;
}

/* as many as asked for, else as there are, but at least those in use */
static void choose_services(uint32_t asked)
{
	uint32_t size =
		asked ? asked : pinned_size(DYNCAST_DP_MAP_IDENT_SERVICE);
	uint32_t used = largest_number(DYNCAST_DP_MAP_IDENT_SERVICE) + 1;
	uint32_t ids = largest_number(DYNCAST_DP_MAP_IDENT_INSTANCE) + 1;

	if (!size)
		size = DYNCAST_DP_SERVICES_DEFAULT;
	if (dyncast_dp.upgrade &&
	    dyncast_dp_upgrade_services(dyncast_dp.upgrade) > used)
		used = dyncast_dp_upgrade_services(dyncast_dp.upgrade);
	if (used > size && used <= DYNCAST_DP_SERVICES_MAX) {
		dyncast_dp_warn(
			"a service table of %u entries has no room for the services there are: it gets %u",
			size, used);
		size = used;
	}
	/* ids beyond what so many services get */
	while (size < DYNCAST_DP_SERVICES_MAX &&
	       dyncast_dp_instances_for(size) < ids &&
	       ids <= DYNCAST_DP_INSTANCES_MAX)
		size++;
	dyncast_dp.services_max = size;
	dyncast_dp.instances_max = dyncast_dp_instances_for(size);
}

static uint32_t choose_flows(uint32_t asked)
{
	uint32_t size =
		asked ? asked
		      : dyncast_dp_flows_of(pinned_size(DYNCAST_DP_MAP_FLOWS4));

	if (!size && dyncast_dp.upgrade)
		size = dyncast_dp_upgrade_flows(dyncast_dp.upgrade);
	return size ? size : DYNCAST_DP_FLOWS_DEFAULT;
}

static void size_maps(uint32_t flows)
{
	uint32_t buckets = dyncast_dp_buckets_for(flows);
	/* The trie of services has one more: kernels before 6.13 want room for
	 * a new node also when it takes an old one's place. */
	const struct {
		enum dyncast_dp_map map;
		uint32_t size;
	} of[] = {
		{DYNCAST_DP_MAP_FLOWS4, buckets},
		{DYNCAST_DP_MAP_FLOWS6, buckets},
		{DYNCAST_DP_MAP_SERVICES, dyncast_dp.services_max + 1},
		{DYNCAST_DP_MAP_IDENT_SERVICE, dyncast_dp.services_max},
		{DYNCAST_DP_MAP_RETIRED, dyncast_dp.services_max + 1},
		{DYNCAST_DP_MAP_SLOTS,
		 dyncast_dp.services_max * DYNCAST_MAP_SLOTS},
		{DYNCAST_DP_MAP_PINS,
		 dyncast_dp.services_max * DYNCAST_MAP_SLOTS / 2},
		{DYNCAST_DP_MAP_INSTANCES, dyncast_dp.instances_max},
		{DYNCAST_DP_MAP_IDENT_INSTANCE, dyncast_dp.instances_max},
		{DYNCAST_DP_MAP_INSTANCE_COUNTERS, dyncast_dp.instances_max},
		{DYNCAST_DP_MAP_DECAP, dyncast_dp.instances_max},
	};

	for (size_t i = 0; i < sizeof(of) / sizeof(of[0]); i++)
		bpf_map__set_max_entries(skeleton_map(of[i].map), of[i].size);
	dyncast_dp.flow_table_size = flows;
	dyncast_dp.skeleton->rodata->flow_buckets = buckets;
}

/* Maps of before ---------------------------------------------------------- */

/* A start before this one was killed while it changed a size.  A flow table
 * that the program may have used already takes over from the one before it. */
static void finish_or_forget(enum dyncast_dp_map which)
{
	const struct bpf_map *map = skeleton_map(which);
	char path[PATH_MAX], path_new[PATH_MAX];
	uint32_t size;
	int fd, old;

	if (!pin_path(path, map) || !pin_path_of(path_new, NEW_PREFIX, map) ||
	    access(path_new, F_OK))
		return;
	fd = flow_table(which) < 0 ? -1 : bpf_obj_get(path_new);
	if (fd < 0 || !same_shape(fd, map, &size)) {
		unlink(path_new);
	} else {
		old = bpf_obj_get(path);
		if (old >= 0 && same_shape(old, map, &size)) {
			dyncast_dp.old[which] = old;
		} else if (old >= 0) {
			close(old);
		}
		rename(path_new, path);
	}
	if (fd >= 0)
		close(fd);
}

/* Maps of ours beside those of layout 1, which rule: an upgrade was killed, or
 * the first release ran for a while.  Flows tell by their generations. */
static void drop_unfinished(void)
{
	char path[PATH_MAX];

	for (int i = 0; i < DYNCAST_DP_MAP_MAX; i++)
		if (!has_flows(i) && pin_path(path, skeleton_map(i)))
			unlink(path);
}

/* Reuse the pinned map, or note that a new one takes over from it; false when
 * something is in the way.  No pin yet is fine. */
static bool reuse_map(enum dyncast_dp_map which)
{
	struct bpf_map *map = skeleton_map(which);
	char path[PATH_MAX];
	uint32_t size = 0;
	int fd, error;

	if (!pin_path(path, map))
		return false;
	/* where bpf() is refused, that is for load() to say */
	if (access(path, F_OK) && errno == ENOENT)
		return true;
	fd = bpf_obj_get(path);
	if (fd < 0) {
		dyncast_dp_fail(
			"cannot open the pinned map %s (%s): remove it and restart zebra",
			path, strerror(errno));
		return false;
	}
	if (!same_shape(fd, map, &size)) {
		close(fd);
		dyncast_dp_fail(
			"%s is no map of ours: remove it and restart zebra",
			path);
		return false;
	}
	if (size != bpf_map__max_entries(map)) {
		if (dyncast_dp.old[which] >= 0)
			close(dyncast_dp.old[which]);
		dyncast_dp.old[which] = fd;
		dyncast_dp.resizing[which] = true;
		return true;
	}
	error = bpf_map__reuse_fd(map, fd);
	close(fd);
	if (error)
		dyncast_dp_fail("cannot reuse %s: %s", path, strerror(-error));
	return !error;
}

/* the last element, of services that are gone, is not that of a service */
static bool take_over_retired(int from, int to)
{
	struct dyncast_map_instance_counters gone, none = {};
	struct bpf_map_info info = {};
	uint32_t len = sizeof(info), last;

	if (bpf_obj_get_info_by_fd(from, &info, &len))
		return false;
	last = info.max_entries - 1;
	if (bpf_map_lookup_elem(from, &last, &gone))
		return false;
	if (last < dyncast_dp.services_max)
		bpf_map_update_elem(to, &last, &none, BPF_ANY);
	return !bpf_map_update_elem(to, &dyncast_dp.services_max, &gone,
				    BPF_ANY);
}

static bool take_over(enum dyncast_dp_map which)
{
	int to = dyncast_dp.maps[which];

	/* also when it was begun by a start before this one */
	if (flow_table(which) >= 0) {
		if (dyncast_dp.old[which] >= 0)
			dyncast_dp_copy_table(dyncast_dp.old[which],
					      family_of(which), 0);
		return true;
	}
	if (!dyncast_dp.resizing[which])
		return true;
	if (dyncast_dp_copy_map(dyncast_dp.old[which], to) &&
	    (which != DYNCAST_DP_MAP_RETIRED ||
	     take_over_retired(dyncast_dp.old[which], to)))
		return true;
	dyncast_dp_fail("cannot take over the map %s: %s",
			bpf_map__name(skeleton_map(which)), strerror(errno));
	return false;
}

static bool pin_map(enum dyncast_dp_map which)
{
	struct bpf_map *map = skeleton_map(which);
	char path[PATH_MAX];

	if (!pin_path_of(path,
			 dyncast_dp.resizing[which] ? NEW_PREFIX
						    : DYNCAST_MAP_PIN_PREFIX,
			 map))
		return false;
	if (!access(path, F_OK))
		return true;
	if (bpf_obj_pin(bpf_map__fd(map), path)) {
		dyncast_dp_fail("cannot pin %s: %s", path, strerror(errno));
		return false;
	}
	return true;
}

/* The whole --------------------------------------------------------------- */

static void say_memory(void)
{
	struct dyncast_dp_memory *m = &dyncast_dp.memory;
	bool any = false;

	memset(m, 0, sizeof(*m));
	for (int i = 0; i < DYNCAST_DP_MAP_MAX; i++) {
		uint64_t bytes = dyncast_dp_map_bytes(skeleton_map(i));

		m->total += bytes;
		if (i == DYNCAST_DP_MAP_FLOWS4 || i == DYNCAST_DP_MAP_FLOWS6)
			m->flows += bytes;
		else if (i == DYNCAST_DP_MAP_SLOTS || i == DYNCAST_DP_MAP_PINS)
			m->slots += bytes;
		else if (i == DYNCAST_DP_MAP_INSTANCES ||
			 i == DYNCAST_DP_MAP_IDENT_INSTANCE ||
			 i == DYNCAST_DP_MAP_INSTANCE_COUNTERS)
			m->instances += bytes;
		any |= pinned_size(i) != bpf_map__max_entries(skeleton_map(i));
	}
	if (any)
		dyncast_dp_info(
			"memory for BPF maps: %.1f MB, of it %.1f for %u flows of each family, %.1f for the slots of %u services, %.1f for %u instances",
			m->total / 1e6, m->flows / 1e6,
			dyncast_dp.flow_table_size, m->slots / 1e6,
			dyncast_dp.services_max, m->instances / 1e6,
			dyncast_dp.instances_max);
}

/* which programs, of those that do the same, and what they do without */
static void choose_programs(void)
{
	struct dyncast_bpf *skeleton = dyncast_dp.skeleton;
	bool old = !dyncast_dp_has(DYNCAST_DP_FEATURE_POINTERS);

	skeleton->rodata->have_coarse_clock =
		dyncast_dp_has(DYNCAST_DP_FEATURE_COARSE_CLOCK);
	bpf_program__set_autoload(skeleton->progs.dyncast_ingress, !old);
	bpf_program__set_autoload(skeleton->progs.dyncast_ingress_l3, !old);
	bpf_program__set_autoload(skeleton->progs.dyncast_egress, !old);
	bpf_program__set_autoload(skeleton->progs.dyncast_ingress_old, old);
	bpf_program__set_autoload(skeleton->progs.dyncast_ingress_l3_old, old);
	bpf_program__set_autoload(skeleton->progs.dyncast_egress_old, old);
	bpf_map__set_autocreate(skeleton->maps.scratch, old);
}

/* of two one is loaded */
static int program_fd(const struct bpf_program *one,
		      const struct bpf_program *old)
{
	return bpf_program__fd(bpf_program__autoload(one) ? one : old);
}

static bool open_tables(void)
{
	for (int i = 0; i < DYNCAST_DP_MAP_MAX; i++) {
		int table = flow_table(i);

		if (table < 0 ||
		    dyncast_dp_table_open(&dyncast_dp.tables[table],
					  dyncast_dp.maps[i], family_of(i)))
			continue;
		dyncast_dp_fail("the flow table cannot be mapped: %s",
				strerror(errno));
		return false;
	}
	return true;
}

static bool load(void)
{
	struct dyncast_bpf *skeleton = dyncast_dp.skeleton;
	int error;

	choose_programs();
	error = dyncast_bpf__load(dyncast_dp.skeleton);
	if (error) {
		dyncast_dp_fail("the kernel refused the BPF program: %s",
				strerror(-error));
		return false;
	}
	for (int i = 0; i < DYNCAST_DP_MAP_MAX; i++)
		dyncast_dp.maps[i] = bpf_map__fd(skeleton_map(i));
	dyncast_dp.prog = program_fd(skeleton->progs.dyncast_ingress,
				     skeleton->progs.dyncast_ingress_old);
	dyncast_dp.prog_l3 = program_fd(skeleton->progs.dyncast_ingress_l3,
					skeleton->progs.dyncast_ingress_l3_old);
	dyncast_dp.prog_egress = program_fd(skeleton->progs.dyncast_egress,
					    skeleton->progs.dyncast_egress_old);
	dyncast_dp.prog_orders =
		bpf_program__fd(skeleton->progs.dyncast_flow_orders);
	return open_tables();
}

static bool open_maps(uint32_t flow_table_size, uint32_t service_table_size)
{
	dyncast_dp.cpus = libbpf_num_possible_cpus();
	if (dyncast_dp.cpus < 1) {
		dyncast_dp_fail("cannot read how many CPUs there may be");
		return false;
	}
	dyncast_dp.skeleton = dyncast_bpf__open();
	if (!dyncast_dp.skeleton) {
		dyncast_dp_fail("cannot open the BPF object: %s",
				strerror(errno));
		return false;
	}
	if (!dyncast_dp_upgrade_begin(&dyncast_dp.upgrade))
		return false;
	if (dyncast_dp.upgrade)
		drop_unfinished();
	for (int i = 0; i < DYNCAST_DP_MAP_MAX; i++)
		finish_or_forget(i);
	choose_services(service_table_size);
	size_maps(choose_flows(flow_table_size));
	say_memory();
	for (int i = 0; i < DYNCAST_DP_MAP_MAX; i++)
		if (!reuse_map(i))
			return false;
	dyncast_dp.skeleton->rodata->budget_per_second = dyncast_dp_budget_for(
		dyncast_dp.flow_table_size, sysconf(_SC_NPROCESSORS_ONLN));
	if (!load())
		return false;

	dyncast_dp.taken_over = dyncast_dp_now() - 1;
	for (int i = 0; i < DYNCAST_DP_MAP_MAX; i++)
		if (!take_over(i))
			return false;
	if (dyncast_dp.upgrade &&
	    !dyncast_dp_upgrade_convert(dyncast_dp.upgrade))
		return false;
	for (int i = 0; i < DYNCAST_DP_MAP_MAX; i++)
		if (!pin_map(i))
			return false;
	return true;
}

static bool any_resizing(void)
{
	for (int i = 0; i < DYNCAST_DP_MAP_MAX; i++)
		if (dyncast_dp.resizing[i])
			return true;
	return false;
}

bool dyncast_dp_maps_open(uint32_t flow_table_size, uint32_t service_table_size)
{
	if (open_maps(flow_table_size, service_table_size))
		return true;
	if (!any_resizing())
		return false;
	dyncast_dp_warn(
		"the tables keep their sizes: there may be no memory for those that are configured");
	dyncast_dp_maps_close();
	if (!open_maps(0, 0))
		return false;
	dyncast_dp.reason[0] = 0;
	return true;
}

void dyncast_dp_maps_commit(void)
{
	char from[PATH_MAX], to[PATH_MAX];

	for (int i = 0; i < DYNCAST_DP_MAP_MAX; i++) {
		if (dyncast_dp.resizing[i] &&
		    pin_path_of(from, NEW_PREFIX, skeleton_map(i)) &&
		    pin_path(to, skeleton_map(i)) && rename(from, to))
			dyncast_dp_warn("cannot rename %s: %s", from,
					strerror(errno));
		dyncast_dp.resizing[i] = false;
		if (dyncast_dp.old[i] < 0)
			continue;
		if (flow_table(i) >= 0)
			dyncast_dp_copy_table(dyncast_dp.old[i], family_of(i),
					      dyncast_dp.taken_over);
		close(dyncast_dp.old[i]);
		dyncast_dp.old[i] = -1;
	}
	if (dyncast_dp.upgrade)
		dyncast_dp_upgrade_finish(dyncast_dp.upgrade);
	dyncast_dp_upgrade_free(dyncast_dp.upgrade);
	dyncast_dp.upgrade = NULL;
	dyncast_dp_upgrade_remove();
}

void dyncast_dp_maps_close(void)
{
	for (int i = 0; i < 2; i++)
		dyncast_dp_table_close(&dyncast_dp.tables[i]);
	dyncast_bpf__destroy(dyncast_dp.skeleton);
	dyncast_dp.skeleton = NULL;
	dyncast_dp_upgrade_free(dyncast_dp.upgrade);
	dyncast_dp.upgrade = NULL;
	for (int i = 0; i < DYNCAST_DP_MAP_MAX; i++) {
		if (dyncast_dp.old[i] >= 0)
			close(dyncast_dp.old[i]);
		dyncast_dp.old[i] = -1;
		dyncast_dp.resizing[i] = false;
		dyncast_dp.maps[i] = -1;
	}
	dyncast_dp.prog = dyncast_dp.prog_l3 = dyncast_dp.prog_egress =
		dyncast_dp.prog_orders = -1;
	dyncast_dp.flow_table_size = 0;
	memset(&dyncast_dp.memory, 0, sizeof(dyncast_dp.memory));
}
