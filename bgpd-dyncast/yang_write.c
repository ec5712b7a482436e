// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The state as configuration data of the container `services`: a service, or
 * all that is not in one, takes the place of what a data store had there.
 * bgpd's main thread, after commands.
 */

#include "yang_internal.h"

static void write_local(struct lyd_node *parent,
			const struct dyncast_local *local)
{
	struct lyd_node *node;

	if (local->by_agent ||
	    lyd_new_list(parent, NULL, "instance", 0, &node, local->name))
		return;
	dyncast_leaf_write(node, dyncast_local_leaves, local);
}

static void write_cap(struct lyd_node *parent, const struct dyncast_cap *cap)
{
	char text[DYNCAST_ADDR_STRLEN] = "local";
	struct lyd_node *node;

	if (cap->site.family)
		dyncast_addr_str(&cap->site, text, sizeof(text));
	if (lyd_new_list(parent, NULL, "weight-cap", 0, &node, text))
		return;
	snprintf(text, sizeof(text), "%u", cap->percent);
	lyd_new_term(node, NULL, "percent", text, 0, NULL);
}

void dyncast_yang_write_service(struct lyd_node *container, const void *arg)
{
	const char *name = arg;
	struct dyncast_service *service = dyncast_service_find(name);
	struct dyncast_local *local;
	struct lyd_node *node;
	char path[64];

	snprintf(path, sizeof(path), "service[name='%s']", name);
	if (!lyd_find_path(container, path, 0, &node))
		lyd_free_tree(node);
	if (!service ||
	    lyd_new_list(container, NULL, "service", 0, &node, name))
		return;
	dyncast_leaf_write(node, dyncast_service_leaves, service);
	for (unsigned int i = 0; i < service->override.n_caps; i++)
		write_cap(node, &service->override.caps[i]);
	frr_each (dyncast_locals, &service->locals, local)
		write_local(node, local);
	lyd_new_implicit_tree(node, LYD_IMPLICIT_NO_STATE, NULL);
}

static void write_neighbor(struct lyd_node *container,
			   const struct dyncast_neighbor *neighbor)
{
	char text[DYNCAST_ADDR_STRLEN];
	struct lyd_node *node;

	dyncast_addr_str(&neighbor->addr, text, sizeof(text));
	if (lyd_new_list(container, NULL, "neighbor", 0, &node, text))
		return;
	/* the key is there */
	dyncast_leaf_write(node, dyncast_neighbor_leaves + 1, neighbor);
}

void dyncast_yang_write_router(struct lyd_node *container, const void *unused)
{
	struct dyncast_neighbor *neighbor;
	char text[DYNCAST_PREFIX_STRLEN];
	struct dyncast_filter *filter;
	struct lyd_node *child, *next;

	LY_LIST_FOR_SAFE(lyd_child(container), next, child)
	{
		if (strcmp(child->schema->name, "service"))
			lyd_free_tree(child);
	}
	dyncast_leaf_write(container, dyncast_router_leaves, &dyncast_state);
	frr_each (dyncast_neighbors, &dyncast_state.neighbors, neighbor)
		write_neighbor(container, neighbor);
	frr_each (dyncast_filters, &dyncast_state.filters, filter)
		lyd_new_term(
			container, NULL, "dbid-prefix",
			dyncast_prefix_str(&filter->prefix, text, sizeof(text)),
			0, NULL);
	lyd_new_implicit_tree(container, LYD_IMPLICIT_NO_STATE, NULL);
}
