// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What commands have changed, told to the northbound.  Not line by line: a file
 * of thousands of lines is read in one event, and a service of eight lines
 * would be written eight times.  So names are kept until the event is over; a
 * command that reads the data store itself asks for them before.
 *
 * bgpd's main thread.
 */

#include "yang_internal.h"

PREDECL_RBTREE_UNIQ(dyncast_changes);

struct dyncast_change_of {
	struct dyncast_changes_item item;
	char name[DYNCAST_NAME_SIZE];
};

static int change_cmp(const struct dyncast_change_of *a,
		      const struct dyncast_change_of *b)
{
	return strcmp(a->name, b->name);
}

DECLARE_RBTREE_UNIQ(dyncast_changes, struct dyncast_change_of, item,
		    change_cmp);
DEFINE_MTYPE_STATIC(DYNCAST, DYNCAST_CHANGE, "Dyncast change to be told");

static struct dyncast_changes_head changes = INIT_RBTREE_UNIQ(changes);
static bool router_changed;
static struct event *t_flush;

void dyncast_yang_flush(void)
{
	struct dyncast_change_of *change;

	dyncast_event_cancel(t_flush);
	if (router_changed)
		dyncast_nb_sync(dyncast_yang_write_router, NULL);
	router_changed = false;
	while ((change = dyncast_changes_pop(&changes))) {
		dyncast_nb_sync(dyncast_yang_write_service, change->name);
		XFREE(MTYPE_DYNCAST_CHANGE, change);
	}
}

static void flush_event(struct event *event)
{
	dyncast_yang_flush();
}

static void flush_later(void)
{
	dyncast_nb_touch();
	if (!t_flush)
		event_add_event(dyncast_state.loop, flush_event, NULL, 0,
				&t_flush);
}

void dyncast_yang_sync_service(const char *name)
{
	struct dyncast_change_of ref, *change;

	if (!dyncast_nb_active())
		return;
	flush_later();
	strlcpy(ref.name, name, sizeof(ref.name));
	if (dyncast_changes_find(&changes, &ref))
		return;
	change = XCALLOC(MTYPE_DYNCAST_CHANGE, sizeof(*change));
	strlcpy(change->name, name, sizeof(change->name));
	dyncast_changes_add(&changes, change);
}

void dyncast_yang_sync_router(void)
{
	if (!dyncast_nb_active())
		return;
	flush_later();
	router_changed = true;
}

void dyncast_yang_sync_fini(void)
{
	struct dyncast_change_of *change;

	dyncast_event_cancel(t_flush);
	while ((change = dyncast_changes_pop(&changes)))
		XFREE(MTYPE_DYNCAST_CHANGE, change);
}
