/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Both forms of `show dyncast forwarding`.  See show_forwarding.c.
 */

#ifndef DYNCAST_ZEBRA_SHOW_H
#define DYNCAST_ZEBRA_SHOW_H

#include "lib/json.h"
#include "lib/vty.h"

void dyncast_show_forwarding_text(struct vty *vty);
json_object *dyncast_show_forwarding_json(void);

#endif /* DYNCAST_ZEBRA_SHOW_H */
