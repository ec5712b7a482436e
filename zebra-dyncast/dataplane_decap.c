// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * D-BIDs of local instances that the program strips of their outer header
 * (IP-in-IP, and SRv6 where the kernel has no seg6local).  zebra's main
 * thread.
 */

#include "dataplane_port.h"

#include <errno.h>
#include <string.h>

#include <bpf/bpf.h>

#include "../lib/addr.h"
#include "dataplane_internal.h"

static struct dyncast_map_decap_key decap_key(const struct dyncast_addr *dbid)
{
	struct dyncast_map_decap_key key = {.family = dbid->family};

	dyncast_dp_addr_put(key.addr, dbid);
	return key;
}

bool dyncast_dp_decap_set(const struct dyncast_addr *dbid, uint32_t instance_id)
{
	struct dyncast_map_decap_key key = decap_key(dbid);
	int fd = dyncast_dp.maps[DYNCAST_DP_MAP_DECAP];
	struct dyncast_map_decap value = {.instance = instance_id};
	char buf[DYNCAST_ADDR_STRLEN];
	bool known = false;
	int error = -1;

	if (!dyncast_dp.active || !instance_id ||
	    instance_id >= dyncast_dp.instances_max ||
	    !dyncast_dp.owners[instance_id].used)
		return false;
	value.table_id =
		dyncast_dp.services[dyncast_dp.owners[instance_id].service]
			.table_id;
	dyncast_dp_privs
	{
		error = bpf_map_update_elem(fd, &key, &value, BPF_NOEXIST);
		if (error && errno == EEXIST) {
			known = true;
			error = bpf_map_update_elem(fd, &key, &value, BPF_ANY);
		}
	}
	if (error)
		dyncast_dp_warn("the kernel took no decapsulation of %s: %s",
				dyncast_addr_str(dbid, buf, sizeof(buf)),
				strerror(errno));
	else if (!known)
		dyncast_dp_filter_dbid(dbid, 1);
	return !error;
}

void dyncast_dp_decap_clear(const struct dyncast_addr *dbid,
			    uint32_t instance_id)
{
	struct dyncast_map_decap_key key = decap_key(dbid);
	int fd = dyncast_dp.maps[DYNCAST_DP_MAP_DECAP];
	struct dyncast_map_decap value;
	bool gone = false;

	if (!dyncast_dp.active)
		return;
	dyncast_dp_privs
	{
		if (!bpf_map_lookup_elem(fd, &key, &value) &&
		    value.instance == instance_id)
			gone = !bpf_map_delete_elem(fd, &key);
	}
	if (gone)
		dyncast_dp_filter_dbid(dbid, -1);
}
