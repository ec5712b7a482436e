// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Loading the program over maps that may exist already.
 *
 * Every map is pinned under dyncast_dp.dir and reused when it has our shape.
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

#include "dataplane_internal.h"
#include "dyncast.bpf.skel.h"

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
	case DYNCAST_DP_MAP_PROBATION4:
		return skeleton->maps.probation4;
	case DYNCAST_DP_MAP_PROBATION6:
		return skeleton->maps.probation6;
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

static bool pin_path(char path[PATH_MAX], const struct bpf_map *map)
{
	char name[64];

	snprintf(name, sizeof(name), DYNCAST_MAP_PIN_PREFIX "%s",
		 bpf_map__name(map));
	return dyncast_dp_fs_path(path, name);
}

static bool same_shape(int fd, const struct bpf_map *map, bool any_size,
		       uint32_t *size)
{
	struct bpf_map_info info = {};
	uint32_t len = sizeof(info);

	if (bpf_obj_get_info_by_fd(fd, &info, &len))
		return false;
	*size = info.max_entries;
	return info.type == bpf_map__type(map) &&
	       info.key_size == bpf_map__key_size(map) &&
	       info.value_size == bpf_map__value_size(map) &&
	       info.map_flags == bpf_map__map_flags(map) &&
	       (any_size || info.max_entries == bpf_map__max_entries(map));
}

static bool is_flows(enum dyncast_dp_map which)
{
	return which == DYNCAST_DP_MAP_FLOWS4 || which == DYNCAST_DP_MAP_FLOWS6;
}

/* for maps that are new */
static void size_maps(uint32_t flow_table_size, uint32_t service_table_size)
{
	const struct {
		enum dyncast_dp_map map;
		uint32_t size;
	} of[] = {
		{DYNCAST_DP_MAP_FLOWS4, flow_table_size},
		{DYNCAST_DP_MAP_FLOWS6, flow_table_size},
		{DYNCAST_DP_MAP_SERVICES, dyncast_dp.services_max},
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
	if (service_table_size != dyncast_dp.services_max)
		dyncast_dp_info(
			"keeping the service table of %u entries that exists; to get %u, uninstall and restart zebra",
			dyncast_dp.services_max, service_table_size);
}

/* the number of services of maps that are pinned, else the one asked for */
static void choose_services(uint32_t service_table_size)
{
	struct bpf_map_info info = {};
	uint32_t len = sizeof(info), n = service_table_size;
	char path[PATH_MAX];
	int fd = -1;

	if (pin_path(path, skeleton_map(DYNCAST_DP_MAP_RETIRED)))
		fd = bpf_obj_get(path);
	if (fd >= 0 && !bpf_obj_get_info_by_fd(fd, &info, &len) &&
	    info.max_entries > 1 &&
	    info.max_entries <= DYNCAST_MAP_SERVICES_MAX + 1)
		n = info.max_entries - 1;
	if (fd >= 0)
		close(fd);
	dyncast_dp.services_max = n;
	dyncast_dp.instances_max = dyncast_dp_instances_for(n);
}

/* false when something is in the way; no pin yet is fine */
static bool reuse_map(enum dyncast_dp_map which, uint32_t flow_table_size)
{
	struct bpf_map *map = skeleton_map(which);
	char path[PATH_MAX];
	uint32_t size = 0;
	int fd, error;

	if (!pin_path(path, map))
		return false;
	fd = bpf_obj_get(path);
	if (fd < 0 && errno == ENOENT)
		return true;
	if (fd < 0) {
		dyncast_dp_fail(
			"cannot open the pinned map %s (%s): remove it and restart zebra",
			path, strerror(errno));
		return false;
	}
	if (!same_shape(fd, map, is_flows(which), &size)) {
		close(fd);
		dyncast_dp_fail(
			"%s is no map of ours: remove it and restart zebra",
			path);
		return false;
	}
	if (is_flows(which) && size != flow_table_size)
		dyncast_dp_info(
			"keeping the flow table of %u entries that exists; to get %u, remove %s and restart zebra",
			size, flow_table_size, path);
	error = bpf_map__reuse_fd(map, fd);
	close(fd);
	if (error)
		dyncast_dp_fail("cannot reuse %s: %s", path, strerror(-error));
	return !error;
}

static bool pin_map(enum dyncast_dp_map which)
{
	struct bpf_map *map = skeleton_map(which);
	char path[PATH_MAX];

	if (!pin_path(path, map))
		return false;
	if (!access(path, F_OK))
		return true;
	if (bpf_obj_pin(bpf_map__fd(map), path)) {
		dyncast_dp_fail("cannot pin %s: %s", path, strerror(errno));
		return false;
	}
	return true;
}

bool dyncast_dp_maps_open(uint32_t flow_table_size, uint32_t service_table_size)
{
	struct bpf_map_info info = {};
	uint32_t len = sizeof(info), budget;
	int error, cpus;

	dyncast_dp.skeleton = dyncast_bpf__open();
	if (!dyncast_dp.skeleton) {
		dyncast_dp_fail("cannot open the BPF object: %s",
				strerror(errno));
		return false;
	}
	choose_services(service_table_size);
	size_maps(flow_table_size, service_table_size);
	for (int i = 0; i < DYNCAST_DP_MAP_MAX; i++)
		if (!reuse_map(i, flow_table_size))
			return false;

	/* a table that is filled at this pace has forgotten nobody who was
	 * seen within the default timeout */
	cpus = libbpf_num_possible_cpus();
	budget = cpus > 0
			 ? flow_table_size / DYNCAST_FLOW_TIMEOUT_DEFAULT / cpus
			 : 0;
	if (budget > DYNCAST_MAP_BUDGET_MIN)
		dyncast_dp.skeleton->rodata->budget_per_second = budget;

	error = dyncast_bpf__load(dyncast_dp.skeleton);
	if (error) {
		dyncast_dp_fail("the kernel refused the BPF program: %s",
				strerror(-error));
		return false;
	}
	for (int i = 0; i < DYNCAST_DP_MAP_MAX; i++) {
		if (!pin_map(i))
			return false;
		dyncast_dp.maps[i] = bpf_map__fd(skeleton_map(i));
	}
	dyncast_dp.prog =
		bpf_program__fd(dyncast_dp.skeleton->progs.dyncast_ingress);
	dyncast_dp.prog_l3 =
		bpf_program__fd(dyncast_dp.skeleton->progs.dyncast_ingress_l3);
	dyncast_dp.prog_egress =
		bpf_program__fd(dyncast_dp.skeleton->progs.dyncast_egress);
	dyncast_dp.cpus = cpus;
	if (dyncast_dp.cpus < 1 ||
	    bpf_obj_get_info_by_fd(dyncast_dp.maps[DYNCAST_DP_MAP_FLOWS4],
				   &info, &len)) {
		dyncast_dp_fail("cannot read about the maps: %s",
				strerror(errno));
		return false;
	}
	dyncast_dp.flow_table_size = info.max_entries;
	return true;
}

void dyncast_dp_maps_close(void)
{
	dyncast_bpf__destroy(dyncast_dp.skeleton);
	dyncast_dp.skeleton = NULL;
	for (int i = 0; i < DYNCAST_DP_MAP_MAX; i++)
		dyncast_dp.maps[i] = -1;
	dyncast_dp.prog = dyncast_dp.prog_l3 = dyncast_dp.prog_egress = -1;
	dyncast_dp.flow_table_size = 0;
}
