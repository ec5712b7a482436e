// SPDX-License-Identifier: GPL-2.0-or-later
/* See v1.h. */

#include "v1.h"

#include <stdio.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "lib/bpf/dyncast_map.h"

#define TCX_INGRESS 46

const char *v1_path(const char *dir, const char *name)
{
	static char path[300];

	snprintf(path, sizeof(path), "%s/" DYNCAST_V1_PIN_PREFIX "%s", dir,
		 name);
	return path;
}

static int warn(enum libbpf_print_level level, const char *fmt, va_list args)
{
	return level == LIBBPF_WARN ? vfprintf(stderr, fmt, args) : 0;
}

struct v1_steer *v1_load(void)
{
	libbpf_set_print(warn);
	return v1_steer__open_and_load();
}

bool v1_put(const struct bpf_map *map, const void *key, const void *value)
{
	return !bpf_map_update_elem(bpf_map__fd(map), key, value, BPF_ANY);
}

bool v1_pin_maps(struct v1_steer *v1, const char *dir)
{
	struct bpf_map *map;

	bpf_object__for_each_map(map, v1->obj)
	{
		if (!bpf_map__is_internal(map) &&
		    bpf_obj_pin(bpf_map__fd(map),
				v1_path(dir, bpf_map__name(map))))
			return false;
	}
	return true;
}

static bool attach_link(int prog, const char *dir, uint32_t ifindex)
{
	int link = bpf_link_create(prog, ifindex, TCX_INGRESS, NULL), error;
	char name[32];

	if (link < 0)
		return false;
	snprintf(name, sizeof(name), "link_%u", ifindex);
	error = bpf_obj_pin(link, v1_path(dir, name));
	close(link);
	return !error;
}

static bool attach_filter(int prog, uint32_t ifindex)
{
	DECLARE_LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = ifindex,
			    .attach_point = BPF_TC_INGRESS);
	DECLARE_LIBBPF_OPTS(bpf_tc_opts, opts, .handle = 1, .priority = 0xd15,
			    .prog_fd = prog);

	return !bpf_tc_hook_create(&hook) && !bpf_tc_attach(&hook, &opts);
}

bool v1_attach(struct v1_steer *v1, const char *dir, uint32_t ifindex,
	       uint32_t table_id, bool tcx)
{
	struct dyncast_v1_iface iface = {.table_id = table_id};
	int prog = bpf_program__fd(v1->progs.v1_ingress);

	if (!tcx)
		iface.flags =
			DYNCAST_MAP_IFACE_CLSACT | DYNCAST_MAP_IFACE_OWN_QDISC;
	return v1_put(v1->maps.ifaces, &ifindex, &iface) &&
	       (tcx ? attach_link(prog, dir, ifindex)
		    : attach_filter(prog, ifindex));
}
