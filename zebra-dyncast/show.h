/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the files with show commands share.
 */

#ifndef DYNCAST_ZEBRA_SHOW_H
#define DYNCAST_ZEBRA_SHOW_H

#include "lib/json.h"
#include "lib/vty.h"

/* says that there is no such service */
void dyncast_show_unknown_service(struct vty *vty, const char *text);
void dyncast_show_history_init(void);

/* both forms of `show dyncast forwarding`, see show_forwarding.c */
void dyncast_show_forwarding_text(struct vty *vty);
json_object *dyncast_show_forwarding_json(void);

#endif /* DYNCAST_ZEBRA_SHOW_H */
