// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The container `forwarding`: what a commit changes, by the apply functions
 * that the command line uses, and what data stores hold after a command.
 * zebra's main thread.
 */

#include <zebra.h>

#include "lib/if.h"
#include "lib/log.h"

#include "apply.h"
#include "compat.h"
#include "dataplane.h"
#include "ingress.h"
#include "module.h"
#include "yang.h"
#include "yang_leaves.h"
#include "../lib/addr.h"
#include "../lib/cost.h"
#include "../yang/leaf.h"
#include "../yang/managed.h"

/* ---- a commit ---------------------------------------------------------------
 */

struct change {
	const struct dyncast_config *want;
	const struct lyd_node *ingress; /* the container */
	bool commit;			/* VALIDATE alone when it is not set */
	char *error;
	size_t size;
};

/* the phases that are wanted of an apply function; false when it is refused */
#define APPLY(c, fn, ...)                                                      \
	(fn(DYNCAST_APPLY_VALIDATE, __VA_ARGS__, (c)->error, (c)->size) &&     \
	 (!(c)->commit ||                                                      \
	  fn(DYNCAST_APPLY_COMMIT, __VA_ARGS__, (c)->error, (c)->size)))

static void source_get(const struct dyncast_config *config, uint8_t family,
		       struct dyncast_addr *source)
{
	if (family == AF_INET)
		*source = dyncast_addr_make(AF_INET, &config->encap_source4);
	else
		*source = dyncast_addr_make(AF_INET6, &config->encap_source);
}

static bool source_apply(const struct change *c, uint8_t family)
{
	static const uint8_t zero[16];
	struct dyncast_addr was, want;
	bool set;

	source_get(&dyncast_config, family, &was);
	source_get(c->want, family, &want);
	if (!dyncast_addr_cmp(&was, &want))
		return true;
	set = memcmp(want.bytes, zero, dyncast_family_size(family));
	return APPLY(c, dyncast_apply_encap_source, family, set ? &want : NULL);
}

static bool alias_apply(const struct change *c)
{
	const struct dyncast_config *is = &dyncast_config, *to = c->want;

	if (is->alias_prefix_set == to->alias_prefix_set &&
	    (!to->alias_prefix_set ||
	     prefix_same((const struct prefix *)&is->alias_prefix,
			 (const struct prefix *)&to->alias_prefix)))
		return true;
	return APPLY(c, dyncast_apply_alias_prefix,
		     to->alias_prefix_set ? &to->alias_prefix : NULL);
}

static bool tables_apply(const struct change *c)
{
	const struct dyncast_config *is = &dyncast_config, *to = c->want;
	bool ok = true;

	if (is->flow_table_size_set != to->flow_table_size_set ||
	    (to->flow_table_size_set &&
	     is->flow_table_size != to->flow_table_size))
		ok &= APPLY(c, dyncast_apply_flow_table,
			    to->flow_table_size_set ? to->flow_table_size : 0);
	if (is->service_table_size != to->service_table_size)
		ok &= APPLY(c, dyncast_apply_service_table,
			    to->service_table_size);
	return ok;
}

static bool is_ingress(const struct lyd_node *ingress, const char *ifname)
{
	const struct lyd_node *child;

	LY_LIST_FOR (lyd_child(ingress), child) {
		if (!strcmp(child->schema->name, "interface") &&
		    !strcmp(lyd_get_value(child), ifname))
			return true;
	}
	return false;
}

struct names {
	const struct lyd_node *ingress;
	char (*gone)[IFNAMSIZ];
	unsigned int n;
};

static void name_count(const char *ifname, void *arg)
{
	struct names *names = arg;

	names->n++;
}

static void name_gone(const char *ifname, void *arg)
{
	struct names *names = arg;

	if (!is_ingress(names->ingress, ifname))
		strlcpy(names->gone[names->n++], ifname, IFNAMSIZ);
}

/* the list must not change while it is walked */
static bool ingress_remove(const struct change *c)
{
	struct names names = {.ingress = c->ingress};
	unsigned int i, n;
	bool ok = true;

	dyncast_ingress_names(name_count, &names);
	names.gone = XCALLOC(MTYPE_TMP, (names.n + 1) * sizeof(*names.gone));
	names.n = 0;
	dyncast_ingress_names(name_gone, &names);
	n = names.n;
	for (i = 0; i < n; i++)
		ok &= APPLY(c, dyncast_apply_ingress, names.gone[i], false);
	XFREE(MTYPE_TMP, names.gone);
	return ok;
}

static bool ingress_apply(const struct change *c)
{
	const struct lyd_node *child;
	bool ok = ingress_remove(c);

	LY_LIST_FOR (lyd_child(c->ingress), child) {
		if (!strcmp(child->schema->name, "interface"))
			ok &= APPLY(c, dyncast_apply_ingress,
				    lyd_get_value(child), true);
	}
	if (dyncast_config.ingress_all != c->want->ingress_all)
		ok &= APPLY(c, dyncast_apply_ingress_all, c->want->ingress_all);
	return ok;
}

static bool container_apply(const struct lyd_node *container, bool commit,
			    char *error, size_t size)
{
	struct dyncast_config want;
	const struct dyncast_config *is = &dyncast_config;
	struct change change = {
		.want = &want, .commit = commit, .error = error, .size = size};
	const struct change *c = &change;
	bool ok;

	dyncast_yang_read_forwarding(container, &want);
	change.ingress = dyncast_leaf_child(container, "ingress");

	/* tables first: they ask for memory, and other settings fill them */
	ok = tables_apply(c);
	if (is->network_unit_us != want.network_unit_us)
		ok &= APPLY(c, dyncast_apply_network_cost,
			    want.network_unit_us);
	if (is->hold_s != want.hold_s)
		ok &= APPLY(c, dyncast_apply_hold, want.hold_s);
	if (is->route_none != want.route_none)
		ok &= APPLY(c, dyncast_apply_route_none, want.route_none);
	if (is->dry_run != want.dry_run)
		ok &= APPLY(c, dyncast_apply_dry_run_all, want.dry_run);
	ok &= source_apply(c, AF_INET6);
	ok &= source_apply(c, AF_INET);
	ok &= alias_apply(c);
	if (is->forwarding_kernel != want.forwarding_kernel)
		ok &= APPLY(c, dyncast_apply_forwarding_kernel,
			    want.forwarding_kernel);
	return ok & ingress_apply(c);
}

/* what depends on nothing but itself can be validated by itself */
static bool check(const struct lyd_node *container, char *error, size_t size)
{
	return container_apply(container, false, error, size);
}

static void apply(const struct lyd_node *container)
{
	char error[128] = "";

	if (!container_apply(container, true, error, sizeof(error)))
		zlog_err(
			"dyncast: a part of a committed configuration could not be had: %s; `show running-config` has what is in force",
			error);
}

/* ---- after a command --------------------------------------------------------
 */

static void write_ingress(const char *ifname, void *arg)
{
	lyd_new_path(arg, NULL, "ingress/interface", ifname, 0, NULL);
}

static void write_all(struct lyd_node *container, const void *arg)
{
	struct lyd_node *child, *next;

	LY_LIST_FOR_SAFE(lyd_child(container), next, child)
	{
		lyd_free_tree(child);
	}
	dyncast_leaf_write(container, dyncast_forwarding_leaves,
			   &dyncast_config);
	dyncast_ingress_names(write_ingress, container);
	/* last: what is put into an implicit container leaves those above it
	 * marked as nothing but defaults, which are not shown */
	lyd_new_implicit_tree(container, LYD_IMPLICIT_NO_STATE, NULL);
}

void dyncast_yang_sync(void)
{
	dyncast_nb_sync(write_all, NULL);
}

static const struct dyncast_nb northbound = {
	.container = "forwarding",
	.other = "services",
	.other_owner = "bgpd",
	.check = check,
	.apply = apply,
	.get = dyncast_yang_get,
	.lists = dyncast_yang_lists,
	.rpc = "clear-flows",
	.rpc_call = dyncast_yang_clear_flows,
};

#ifdef DYNCAST_MGMT
static const struct dyncast_managed_host managed_host = {
	.name = "zebra",
	.client = &mgmt_be_client,
	.own = &zebra_be_client_data,
	.config = "/frr-dyncast:forwarding",
	.rpc = "/frr-dyncast:clear-flows",
};
#endif

void dyncast_yang_init(void)
{
	dyncast_nb_init(&northbound);
#ifdef DYNCAST_MGMT
	dyncast_managed_init(&managed_host, dyncast_loop);
#endif
}

void dyncast_yang_fini(void)
{
#ifdef DYNCAST_MGMT
	dyncast_managed_fini();
#endif
}
