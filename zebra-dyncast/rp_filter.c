// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Reads net.ipv4.conf.*.rp_filter.  FRR leaves it to the system, and so do we;
 * but replies of instances have the service's address as their source, so where
 * the filter is strict, the service's route has to lead to their network.
 *
 * Decisions ask for each local instance, so answers are kept for a second.
 */

#include <zebra.h>

#include "compat.h"
#include "ingress.h"
#include "rp_filter.h"
#include "sysctl.h"

#define STRICT 1
#define KEPT_MS 1000
#define KEPT 64 /* a power of two */

static struct {
	uint32_t ifindex;
	bool strict;
	int64_t read_ms;
} kept[KEPT];

/* the kernel takes the larger one of both */
static bool read_strict(uint32_t ifindex)
{
	int all = dyncast_sysctl("ipv4", "conf/all/rp_filter"), own;
	char name[64];

	snprintf(name, sizeof(name), "conf/%s/rp_filter",
		 dyncast_ifindex_name(ifindex));
	own = dyncast_sysctl("ipv4", name);
	return MAX(all, own) == STRICT;
}

bool dyncast_rp_filter_strict(uint32_t ifindex)
{
	__typeof__(kept[0]) *k = &kept[ifindex % KEPT];
	int64_t now = dyncast_now_ms();

	if (k->ifindex != ifindex || now - k->read_ms >= KEPT_MS) {
		k->ifindex = ifindex;
		k->read_ms = now;
		k->strict = read_strict(ifindex);
	}
	return k->strict;
}
