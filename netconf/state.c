// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * See state.h.  What FRR says is a tree of its own; each value in it that is no
 * configuration moves to its place, and away again.  A list entry that no
 * configuration names - an instance that an agent has brought up - moves as a
 * whole.
 */

#include "state.h"

#include <stdbool.h>
#include <stdlib.h>

#include "frr.h"
#include "sync.h"
#include "text.h"

static val_value_t **moved;
static unsigned int n_moved;

static bool move(val_value_t *val, val_value_t *to)
{
	val_value_t **more = moved;

	if (!(n_moved & (n_moved - 1)))
		more = realloc(moved,
			       (n_moved ? 2 * n_moved : 1) * sizeof(*moved));
	if (!more)
		return false;
	moved = more;
	if (val->parent)
		val_remove_child(val);
	val_add_child(val, to);
	moved[n_moved++] = val;
	return true;
}

static val_value_t *same(val_value_t *val, val_value_t *parent)
{
	val_value_t *child;

	for (child = val_get_first_child(parent); child;
	     child = val_get_next_child(child)) {
		if (child->obj != val->obj)
			continue;
		if (val->btyp != NCX_BT_LIST || val_index_match(val, child))
			return child;
	}
	return NULL;
}

static void merge(val_value_t *from, val_value_t *to)
{
	val_value_t *val, *next, *place;

	for (val = val_get_first_child(from); val; val = next) {
		next = val_get_next_child(val);
		if (!obj_get_config_flag(val->obj)) {
			move(val, to);
			continue;
		}
		if (typ_is_simple(val->btyp))
			continue;
		place = same(val, to);
		if (place)
			merge(val, place);
		else
			move(val, to);
	}
}

void dyncast_state_add(void)
{
	cfg_template_t *running = cfg_get_config_id(NCX_CFGID_RUNNING);
	char error[DYNCAST_ERROR_SIZE], *xml;
	val_value_t *state, *to;

	dyncast_state_remove();
	for (int i = 0; i < DYNCAST_OWNERS; i++) {
		const char *container = dyncast_owners[i].container;

		xml = dyncast_frr_state(&dyncast_owners[i], error);
		state = xml ? dyncast_text_read(xml,
						dyncast_sync_obj(container))
			    : NULL;
		to = val_find_child(running->root, DYNCAST_MODEL,
				    (const xmlChar *)container);
		free(xml);
		if (state && to)
			merge(state, to);
		/* nothing is configured */
		else if (state && move(state, running->root))
			continue;
		if (state)
			val_free_value(state);
	}
}

void dyncast_state_remove(void)
{
	for (unsigned int i = 0; i < n_moved; i++) {
		val_remove_child(moved[i]);
		val_free_value(moved[i]);
	}
	free(moved);
	moved = NULL;
	n_moved = 0;
}
