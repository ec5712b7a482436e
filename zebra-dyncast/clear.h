/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * `clear dyncast forwarding`: see clear.c.
 */

#ifndef DYNCAST_ZEBRA_CLEAR_H
#define DYNCAST_ZEBRA_CLEAR_H

#include <stdbool.h>

/* nothing of ours may be in the kernel or in the RIB */
extern bool dyncast_cleared;

void dyncast_clear_init(void);

/* cleared, but not for long: the kernel side is being started */
bool dyncast_clear_restarting(void);

/* it has been started */
void dyncast_clear_begun(void);

#endif /* DYNCAST_ZEBRA_CLEAR_H */
