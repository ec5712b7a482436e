/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Commands edit mgmtd's candidate: bgpd's and zebra's files of commands are
 * compiled into this module too, and call the functions of the daemon's
 * apply.h, which services.c, router.c and forwarding.c have for mgmtd.  Each
 * reads what the candidate has into the daemon's own structure, changes it
 * there, and the table of leaves says what that is in the tree.
 *
 * mgmtd's main thread, one command at a time.
 */

#ifndef MGMTD_DYNCAST_EDIT_H
#define MGMTD_DYNCAST_EDIT_H

#include <stdbool.h>
#include <libyang/libyang.h>

#include "../yang/leaf.h"

#define DYNCAST_SERVICES "/frr-dyncast:services"
#define DYNCAST_FORWARDING "/frr-dyncast:forwarding"
/* longest path of a list entry here */
#define DYNCAST_EDIT_PATH_SIZE 256

struct nb_config;
struct vty;

/* before and after a command.  The changes become a commit of their own, or
 * wait for the one that is under way (a file that is read, or a session that
 * has locked the candidate).  Returns a command's result. */
void dyncast_edit_begin(struct vty *vty);
int dyncast_edit_end(bool ok, const char *error);

/* a node of the candidate, or NULL */
const struct lyd_node *dyncast_edit_find(const char *path);
/* value NULL takes the node away */
void dyncast_edit_leaf(const char *path, const char *value);
/* a list's or leaf-list's entry */
void dyncast_edit_entry(const char *path, bool there);
/* what differs, below base; number of leaves */
unsigned int dyncast_edit_diff(const char *base,
			       const struct dyncast_leaf *table,
			       const void *was, const void *want);
/* number of leaves in which they differ; edits nothing */
unsigned int dyncast_edit_count(const struct dyncast_leaf *table, const void *a,
				const void *b);

/* container, which config then owns, takes the place of the one that it has */
void dyncast_edit_replace(struct nb_config *config, struct lyd_node *container);

/* services_show.c, forwarding.c: a data store as commands, for running-config
 */
void dyncast_services_show(struct vty *vty, const struct lyd_node *container,
			   bool defaults);
void dyncast_forwarding_show(struct vty *vty, const struct lyd_node *container,
			     bool defaults);

/* load.c */
void dyncast_load_init(void);

#endif /* MGMTD_DYNCAST_EDIT_H */
