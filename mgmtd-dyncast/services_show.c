// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The container `services` of a data store as commands: it is read into bgpd's
 * structures, which bgpd's own file writes.  mgmtd's main thread.
 */

#include "../bgpd-dyncast/cli_internal.h"
#include "../bgpd-dyncast/yang_internal.h"

#include "edit.h"

DEFINE_MGROUP(DYNCAST_MGMTD, "Dyncast in mgmtd");
DEFINE_MTYPE_STATIC(DYNCAST_MGMTD, DYNCAST_SHOWN, "Dyncast shown");

/* filled for one call of dyncast_services_show() */
struct dyncast_state dyncast_state;

static void *shown_new(size_t size)
{
	return XCALLOC(MTYPE_DYNCAST_SHOWN, size);
}

static void local_add(struct dyncast_service *service,
		      const struct lyd_node *node)
{
	struct dyncast_local *local = shown_new(sizeof(*local));

	dyncast_yang_read_local(node, local);
	local->service = service;
	dyncast_locals_add(&service->locals, local);
}

static void service_add(const struct lyd_node *node)
{
	struct dyncast_service *service = shown_new(sizeof(*service));
	const struct lyd_node *child;

	dyncast_yang_read_service(node, service);
	dyncast_locals_init(&service->locals);
	LY_LIST_FOR (lyd_child(node), child) {
		if (!strcmp(child->schema->name, "instance"))
			local_add(service, child);
	}
	dyncast_services_add(&dyncast_state.services, service);
}

static void neighbor_add(const struct lyd_node *node)
{
	struct dyncast_neighbor *neighbor = shown_new(sizeof(*neighbor));

	dyncast_yang_read_neighbor(node, neighbor);
	dyncast_neighbors_add(&dyncast_state.neighbors, neighbor);
}

static void filter_add(const struct lyd_node *node)
{
	struct dyncast_filter *filter = shown_new(sizeof(*filter));

	dyncast_prefix_parse(lyd_get_value(node), &filter->prefix);
	dyncast_prefix_mask(&filter->prefix);
	if (dyncast_filters_add(&dyncast_state.filters, filter))
		XFREE(MTYPE_DYNCAST_SHOWN, filter);
}

static void state_fill(const struct lyd_node *container)
{
	const struct lyd_node *child;

	dyncast_yang_read_router(container, &dyncast_state);
	dyncast_services_init(&dyncast_state.services);
	dyncast_neighbors_init(&dyncast_state.neighbors);
	dyncast_filters_init(&dyncast_state.filters);
	LY_LIST_FOR (lyd_child(container), child) {
		if (!strcmp(child->schema->name, "service"))
			service_add(child);
		else if (!strcmp(child->schema->name, "neighbor"))
			neighbor_add(child);
		else if (!strcmp(child->schema->name, "dbid-prefix"))
			filter_add(child);
	}
}

static void state_empty(void)
{
	struct dyncast_neighbor *neighbor;
	struct dyncast_service *service;
	struct dyncast_filter *filter;
	struct dyncast_local *local;

	while ((service = dyncast_services_pop(&dyncast_state.services))) {
		while ((local = dyncast_locals_pop(&service->locals)))
			XFREE(MTYPE_DYNCAST_SHOWN, local);
		XFREE(MTYPE_DYNCAST_SHOWN, service);
	}
	while ((neighbor = dyncast_neighbors_pop(&dyncast_state.neighbors)))
		XFREE(MTYPE_DYNCAST_SHOWN, neighbor);
	while ((filter = dyncast_filters_pop(&dyncast_state.filters)))
		XFREE(MTYPE_DYNCAST_SHOWN, filter);
}

void dyncast_services_show(struct vty *vty, const struct lyd_node *container,
			   bool defaults)
{
	state_fill(container);
	dyncast_cli_write(vty);
	state_empty();
}
