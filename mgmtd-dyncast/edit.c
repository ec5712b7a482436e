// SPDX-License-Identifier: GPL-2.0-or-later
/* See edit.h. */

#include <zebra.h>

#include "lib/command.h"
#include "lib/northbound_cli.h"

#include "edit.h"

#define VALUE_SIZE 128

static struct vty *editor;
/* libfrr keeps pointers to values until it applies them */
static char values[VTY_MAXCFGCHANGES][VALUE_SIZE];

void dyncast_edit_begin(struct vty *vty)
{
	editor = vty;
	vty->num_cfg_changes = 0;
}

int dyncast_edit_end(bool ok, const char *error)
{
	if (ok)
		return nb_cli_apply_changes(editor, NULL);
	vty_out(editor, "%% dyncast: %s\n", error);
	return CMD_WARNING_CONFIG_FAILED;
}

const struct lyd_node *dyncast_edit_find(const char *path)
{
	struct lyd_node *node;

	if (lyd_find_path(editor->candidate_config->dnode, path, 0, &node))
		return NULL;
	return node;
}

void dyncast_edit_leaf(const char *path, const char *value)
{
	char *copy = values[editor->num_cfg_changes % VTY_MAXCFGCHANGES];

	if (value)
		strlcpy(copy, value, VALUE_SIZE);
	nb_cli_enqueue_change(editor, path,
			      value ? NB_OP_MODIFY : NB_OP_DESTROY,
			      value ? copy : NULL);
}

void dyncast_edit_entry(const char *path, bool there)
{
	nb_cli_enqueue_change(editor, path,
			      there ? NB_OP_CREATE : NB_OP_DESTROY, NULL);
}

void dyncast_edit_replace(struct nb_config *config, struct lyd_node *container)
{
	char path[DYNCAST_EDIT_PATH_SIZE];
	struct lyd_node *old;

	lyd_path(container, LYD_PATH_STD, path, sizeof(path));
	if (lyd_find_path(config->dnode, path, 0, &old))
		old = NULL;
	/* first the new one, so that there is always a first sibling */
	lyd_insert_sibling(config->dnode, container, &config->dnode);
	if (!old)
		return;
	if (config->dnode == old)
		config->dnode = old->next;
	lyd_free_tree(old);
}

struct differences {
	const char *base; /* NULL: only count */
	unsigned int n;
};

static void differs(const char *path, const char *value, void *arg)
{
	struct differences *d = arg;
	char whole[DYNCAST_EDIT_PATH_SIZE + 64];

	d->n++;
	if (!d->base)
		return;
	snprintf(whole, sizeof(whole), "%s/%s", d->base, path);
	dyncast_edit_leaf(whole, value);
}

unsigned int dyncast_edit_diff(const char *base,
			       const struct dyncast_leaf *table,
			       const void *was, const void *want)
{
	struct differences d = {.base = base};

	dyncast_leaf_diff(table, was, want, differs, &d);
	return d.n;
}

unsigned int dyncast_edit_count(const struct dyncast_leaf *table, const void *a,
				const void *b)
{
	return dyncast_edit_diff(NULL, table, a, b);
}
