/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A file with one container of frr-dyncast.yang, JSON or XML, named by a user:
 * what is wrong with it is said to the user.  Main thread of any daemon that
 * has the model; reads at most 64 MiB, and regular files only.
 */

#ifndef DYNCAST_YANG_FILE_H
#define DYNCAST_YANG_FILE_H

#include <libyang/libyang.h>

struct vty;

/* the text, NUL at its end, of MTYPE_TMP; NULL after a sentence to the user */
char *dyncast_file_read(struct vty *vty, const char *path);
LYD_FORMAT dyncast_file_format(const char *text);
/* the container of this name and nothing beside it, which the caller frees; not
 * validated; NULL after a sentence to the user */
struct lyd_node *dyncast_file_parse(struct vty *vty, const char *text,
				    const char *name);

#endif /* DYNCAST_YANG_FILE_H */
