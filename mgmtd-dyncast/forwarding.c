// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * zebra's commands as edits of the candidate, zebra's apply.h for mgmtd, and
 * the container `forwarding` of a data store as commands.  mgmtd's main thread.
 */

#include <zebra.h>

#include "lib/if.h"
#include "lib/vty.h"

#include "../zebra-dyncast/apply.h"
#include "../zebra-dyncast/ingress.h"
#include "../zebra-dyncast/cli.h"
#include "../zebra-dyncast/yang_leaves.h"
#include "../lib/addr.h"
#include "../lib/cost.h"

#include "edit.h"

/* filled for one call of dyncast_forwarding_show() */
struct dyncast_config dyncast_config;
static const struct lyd_node *shown;

static struct dyncast_config was, want;

/* ---- edits ------------------------------------------------------------------
 */

static void begin(void)
{
	dyncast_yang_read_forwarding(dyncast_edit_find(DYNCAST_FORWARDING),
				     &was);
	want = was;
}

static bool end(void)
{
	dyncast_edit_diff(DYNCAST_FORWARDING, dyncast_forwarding_leaves, &was,
			  &want);
	return true;
}

/* changes members of `want` */
#define EDIT(...)                                                              \
	({                                                                     \
		begin();                                                       \
		__VA_ARGS__;                                                   \
		end();                                                         \
	})

bool dyncast_apply_network_cost(enum dyncast_apply_phase phase, uint32_t unit,
				char *error, size_t size)
{
	return EDIT(want.network_unit_us = unit);
}

bool dyncast_apply_hold(enum dyncast_apply_phase phase, uint32_t seconds,
			char *error, size_t size)
{
	return EDIT(want.hold_s = seconds);
}

bool dyncast_apply_flow_table(enum dyncast_apply_phase phase, uint32_t flows,
			      char *error, size_t size)
{
	return EDIT(want.flow_table_size_set = flows != 0;
		    want.flow_table_size = flows);
}

bool dyncast_apply_service_table(enum dyncast_apply_phase phase,
				 uint32_t services, char *error, size_t size)
{
	return EDIT(want.service_table_size = services);
}

bool dyncast_apply_dry_run_all(enum dyncast_apply_phase phase, bool on,
			       char *error, size_t size)
{
	return EDIT(want.dry_run = on);
}

bool dyncast_apply_route_none(enum dyncast_apply_phase phase, bool none,
			      char *error, size_t size)
{
	return EDIT(want.route_none = none);
}

bool dyncast_apply_forwarding_kernel(enum dyncast_apply_phase phase, bool on,
				     char *error, size_t size)
{
	return EDIT(want.forwarding_kernel = on);
}

static bool unicast(const struct dyncast_addr *addr, const char *what,
		    char *error, size_t size)
{
	if (dyncast_addr_is_unicast(addr))
		return true;
	snprintf(error, size, "%s", what);
	return false;
}

bool dyncast_apply_encap_source(enum dyncast_apply_phase phase, uint8_t family,
				const struct dyncast_addr *source, char *error,
				size_t size)
{
	static const struct dyncast_addr none;

	if (source &&
	    !unicast(
		    source,
		    "the source of outer headers must be a global unicast address",
		    error, size))
		return false;
	if (!source)
		source = &none;
	if (family == AF_INET)
		return EDIT(memcpy(&want.encap_source4, source->bytes,
				   sizeof(want.encap_source4)));
	return EDIT(memcpy(&want.encap_source, source->bytes,
			   sizeof(want.encap_source)));
}

bool dyncast_apply_alias_prefix(enum dyncast_apply_phase phase,
				const struct prefix_ipv4 *prefix, char *error,
				size_t size)
{
	struct dyncast_addr addr;

	if (!prefix)
		return EDIT(want.alias_prefix_set = false);
	addr = dyncast_addr_make(AF_INET, &prefix->prefix);
	if (!unicast(&addr, "aliases must be unicast addresses", error, size))
		return false;
	return EDIT(want.alias_prefix_set = true; want.alias_prefix = *prefix;
		    apply_mask_ipv4(&want.alias_prefix));
}

bool dyncast_apply_ingress(enum dyncast_apply_phase phase, const char *ifname,
			   bool on, char *error, size_t size)
{
	char path[DYNCAST_EDIT_PATH_SIZE];

	/* the rest is the model's to say; this must fit into a path */
	if (!ifname[0] || strlen(ifname) >= IFNAMSIZ || strchr(ifname, '\'')) {
		snprintf(
			error, size,
			"an interface's name has 1 to %d characters, and no quote",
			IFNAMSIZ - 1);
		return false;
	}
	snprintf(path, sizeof(path),
		 DYNCAST_FORWARDING "/ingress/interface[.='%s']", ifname);
	dyncast_edit_entry(path, on);
	return true;
}

bool dyncast_apply_ingress_all(enum dyncast_apply_phase phase, bool on,
			       char *error, size_t size)
{
	return EDIT(want.ingress_all = on);
}

/* ---- running-config ---------------------------------------------------------
 */

void dyncast_ingress_names(void (*fn)(const char *ifname, void *arg), void *arg)
{
	const struct lyd_node *child;

	LY_LIST_FOR (lyd_child(dyncast_leaf_child(shown, "ingress")), child) {
		if (!strcmp(child->schema->name, "interface"))
			fn(lyd_get_value(child), arg);
	}
}

void dyncast_forwarding_show(struct vty *vty, const struct lyd_node *container,
			     bool defaults)
{
	shown = container;
	dyncast_yang_read_forwarding(container, &dyncast_config);
	dyncast_cli_write_forwarding(vty);
	shown = NULL;
}
