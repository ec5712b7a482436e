// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Puts the first release in the place of what a dead zebra has left, for
 * topotests of the upgrade:
 *
 *   v1_tool DIR leave   map layout 1 and its program instead of ours, with the
 *                       same services and instances, and every slot at the
 *                       instance that comes after its own: what zebra would
 *                       make of the service anew is another ring
 *   v1_tool DIR turn    all slots to the next instance once more, so that
 *                       flows stay by their entries or their slots' memory
 *
 * IPv4 services whose instances are adjacent or reached by SRv6 by one next
 * hop.  Root, in the namespaces of the router.
 */

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "lib/ring.h"
#include "v1.h"
#include "zebra-dyncast/dataplane_internal.h"

static void need(bool condition, const char *what)
{
	if (condition)
		return;
	fprintf(stderr, "v1_tool: %s\n", what);
	exit(1);
}

static void put_service(struct v1_steer *v1, uint32_t index)
{
	const struct dyncast_dp_service_entry *from =
		&dyncast_dp.services[index];
	struct dyncast_v1_ident_service ident = {
		.table_id = from->table_id,
		.family = AF_INET,
		.len = from->prefix.len,
	};
	struct dyncast_v1_service_key key = {
		.prefixlen = 64 + from->prefix.len,
		.table_id = from->table_id,
		.family = AF_INET,
	};
	struct dyncast_v1_service value = {
		.index = index,
		.seed = dyncast_ring_seed(&from->prefix),
		.timeout_s = from->timeout_s,
		.affinity = DYNCAST_AFFINITY_FLOW,
		.plen = 32,
	};

	need(from->prefix.addr.family == AF_INET &&
		     index < DYNCAST_V1_SERVICES_MAX,
	     "only IPv4 services, and few");
	memcpy(ident.addr, from->prefix.addr.bytes, 4);
	memcpy(key.addr, from->prefix.addr.bytes, 4);
	need(v1_put(v1->maps.ident_service, &ident, &index) &&
		     v1_put(v1->maps.services, &key, &value),
	     "cannot write a service");
	for (uint32_t i = 0; i < DYNCAST_V1_SLOTS; i++) {
		union dyncast_v1_slot slot = {
			.cur = dyncast_dp_slots(index)[i].cur};
		uint32_t at = index * DYNCAST_V1_SLOTS + i;

		slot.old = slot.cur;
		need(v1_put(v1->maps.slots, &at, &slot), "cannot write a slot");
	}
}

static void put_instance(struct v1_steer *v1, uint32_t id)
{
	const struct dyncast_dp_instance_entry *owner = &dyncast_dp.owners[id];
	const struct dyncast_map_instance *from = &dyncast_dp.instances[id];
	struct dyncast_v1_ident_instance ident = {
		.service = owner->service,
		.family = owner->dbid.family,
	};
	struct dyncast_v1_instance to = {
		.kind = from->kind,
		.flags = from->flags,
		.service = from->service,
		.generation = from->generation,
		.ifindex = from->ifindex,
		.mtu = from->mtu,
		.dbid_family = owner->dbid.family,
		.nexthop_family = from->nexthop_family,
	};

	need(id < DYNCAST_V1_INSTANCES_MAX, "too many instances");
	need(!from->outer_family || from->outer_family == AF_INET6,
	     "only adjacent instances and SRv6");
	dyncast_dp_addr_put(ident.dbid, &owner->dbid);
	dyncast_dp_addr_put(to.dbid, &owner->dbid);
	memcpy(to.nexthop, from->nexthop, sizeof(to.nexthop));
	if (from->outer_family)
		memcpy(to.source, from->ipv6.source, sizeof(to.source));
	need(v1_put(v1->maps.ident_instance, &ident, &id) &&
		     v1_put(v1->maps.instances, &id, &to),
	     "cannot write an instance");
}

/* the live instance of the same service with the next id, or with the first */
static uint32_t after(int instances, uint32_t id)
{
	struct dyncast_v1_instance mine, other;

	need(!bpf_map_lookup_elem(instances, &id, &mine), "no such instance");
	for (uint32_t i = 1; i < DYNCAST_V1_INSTANCES_MAX; i++) {
		uint32_t next = (id + i) % DYNCAST_V1_INSTANCES_MAX;

		if (next && !bpf_map_lookup_elem(instances, &next, &other) &&
		    other.service == mine.service &&
		    (other.flags & DYNCAST_MAP_INSTANCE_ALIVE))
			return next;
	}
	return id;
}

static void turn(int slots, int instances, uint32_t now)
{
	uint32_t next[DYNCAST_V1_INSTANCES_MAX] = {};
	union dyncast_v1_slot slot;

	for (uint32_t at = 0; at < DYNCAST_V1_SERVICES_MAX * DYNCAST_V1_SLOTS;
	     at++) {
		if (bpf_map_lookup_elem(slots, &at, &slot) || !slot.cur)
			continue;
		if (!next[slot.cur])
			next[slot.cur] = after(instances, slot.cur);
		slot.old = now ? slot.cur : next[slot.cur];
		slot.cur = next[slot.cur];
		slot.t_change = now;
		need(!bpf_map_update_elem(slots, &at, &slot, BPF_ANY),
		     "cannot write a slot");
	}
}

static struct {
	uint32_t ifindex, table_id;
} ingress[16];
static unsigned int n_ingress;

static void see_ingress(uint32_t ifindex, void *arg)
{
	struct dyncast_map_iface iface;

	(void)arg;
	if (bpf_map_lookup_elem(dyncast_dp.maps[DYNCAST_DP_MAP_IFACES],
				&ifindex, &iface) ||
	    !(iface.flags & DYNCAST_MAP_IFACE_STEER) || n_ingress == 16)
		return;
	ingress[n_ingress].ifindex = ifindex;
	ingress[n_ingress++].table_id = iface.table_id;
}

static void each_pin(const char *dir, const char *prefix,
		     void (*fn)(int dir, const char *name))
{
	DIR *listing = opendir(dir);
	struct dirent *entry;

	need(listing, "no such directory");
	while ((entry = readdir(listing)))
		if (!strncmp(entry->d_name, prefix, strlen(prefix)))
			fn(dirfd(listing), entry->d_name);
	closedir(listing);
}

static void take_away(int dir, const char *name)
{
	need(!unlinkat(dir, name, 0), "cannot remove a pin");
}

/* to whom the directory belongs: zebra is not root */
static void give_away(int dir, const char *name)
{
	struct stat to;

	need(!fstat(dir, &to) && !fchownat(dir, name, to.st_uid, to.st_gid, 0),
	     "cannot give a pin away");
}

static void leave(const char *dir)
{
	struct v1_steer *v1;
	bool tcx;

	need(dyncast_dp_start(dir, 0, 0), "there is nothing");
	tcx = !strcmp(dyncast_dp.attach_mode, "tcx");
	v1 = v1_load();
	need(v1, "the kernel does not take the program");
	for (uint32_t i = 0; i < dyncast_dp.services_max; i++)
		if (dyncast_dp.services[i].used)
			put_service(v1, i);
	for (uint32_t id = 1; id < dyncast_dp.instances_max; id++)
		if (dyncast_dp.owners[id].used)
			put_instance(v1, id);
	turn(bpf_map__fd(v1->maps.slots), bpf_map__fd(v1->maps.instances), 0);
	dyncast_dp_attached_each(see_ingress, NULL);
	need(n_ingress, "no interface steers");

	dyncast_dp_detach_all();
	dyncast_dp_stop();
	each_pin(dir, DYNCAST_MAP_PIN_PREFIX, take_away);
	need(v1_pin_maps(v1, dir), "cannot pin the maps");
	for (unsigned int i = 0; i < n_ingress; i++)
		need(v1_attach(v1, dir, ingress[i].ifindex, ingress[i].table_id,
			       tcx),
		     "cannot attach the program");
	each_pin(dir, DYNCAST_V1_PIN_PREFIX, give_away);
	v1_steer__destroy(v1);
}

int main(int argc, char **argv)
{
	need(argc == 3, "usage: v1_tool DIR leave|turn");
	if (!strcmp(argv[2], "leave")) {
		leave(argv[1]);
		return 0;
	}
	need(!strcmp(argv[2], "turn"), "usage: v1_tool DIR leave|turn");
	int slots = bpf_obj_get(v1_path(argv[1], "slots"));
	int instances = bpf_obj_get(v1_path(argv[1], "instances"));

	need(slots >= 0 && instances >= 0, "nothing of layout 1 is there");
	turn(slots, instances, dyncast_dp_now());
	return 0;
}
