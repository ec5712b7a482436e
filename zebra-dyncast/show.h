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
/* the kernel side's state, with the reason why it is not active, also while it
 * starts or when it was cleared */
struct dyncast_dp_status;
void dyncast_show_status_get(struct dyncast_dp_status *dp);

void dyncast_show_forwarding_text(struct vty *vty);
json_object *dyncast_show_forwarding_json(void);

#endif /* DYNCAST_ZEBRA_SHOW_H */
