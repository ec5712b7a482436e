// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Which member of the configuration each leaf of the container `forwarding` is.
 * Main thread of zebra, or of mgmtd.
 */

#include <zebra.h>

#include "apply.h"
#include "yang_leaves.h"
#include "../lib/cost.h"

static const char *const route_names[] = {"install", "none", NULL};

static bool unit_present(const void *object)
{
	const struct dyncast_config *config = object;

	return config->network_unit_us != DYNCAST_NETWORK_UNIT_DEFAULT;
}

static bool hold_present(const void *object)
{
	const struct dyncast_config *config = object;

	return config->hold_s != DYNCAST_HOLD_DEFAULT;
}

#define LEAF(path, type, member, ...)                                          \
	{                                                                      \
		path, DYNCAST_LEAF_##type,                                     \
			offsetof(struct dyncast_config, member),               \
			sizeof(((struct dyncast_config *)0)->member),          \
			__VA_ARGS__                                            \
	}
#define MARK(member)                                                           \
	.has_mark = true, .mark = offsetof(struct dyncast_config, member)

const struct dyncast_leaf dyncast_forwarding_leaves[] = {
	LEAF("ingress/all", BOOL, ingress_all, ),
	LEAF("kernel", BOOL, forwarding_kernel, ),
	LEAF("route", ENUM, route_none, .names = route_names),
	LEAF("dry-run", BOOL, dry_run, ),
	LEAF("network-cost-unit", U32, network_unit_us,
	     .present = unit_present),
	LEAF("hold", U32, hold_s, .present = hold_present),
	LEAF("flow-table-size", U32, flow_table_size,
	     MARK(flow_table_size_set)),
	LEAF("service-table-size", U32, service_table_size, ),
	LEAF("encapsulation/source-ipv6", IN6, encap_source, ),
	LEAF("encapsulation/source-ipv4", IN4, encap_source4, ),
	LEAF("alias-prefix", PREFIX4, alias_prefix, MARK(alias_prefix_set)),
	{0},
};

void dyncast_yang_read_forwarding(const struct lyd_node *container,
				  struct dyncast_config *want)
{
	memset(want, 0, sizeof(*want));
	want->network_unit_us = DYNCAST_NETWORK_UNIT_DEFAULT;
	want->hold_s = DYNCAST_HOLD_DEFAULT;
	if (container)
		dyncast_leaf_read(container, dyncast_forwarding_leaves, want);
}
