/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The model's notifications that a daemon has sent, the last of them: for who
 * was not there when they came.  Each has a number, one more than that of the
 * one before it; the first since the daemon's start has 1.
 *
 * Main thread of either daemon.
 */

#ifndef DYNCAST_YANG_NOTIFICATIONS_H
#define DYNCAST_YANG_NOTIFICATIONS_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>

struct vty;

/* how many are kept */
#define DYNCAST_NOTIFICATIONS_MAX 256

/* names and values of leaves in turn, NULL ends; strings are copied, and a NULL
 * value leaves the leaf out */
void dyncast_notifications_note(const char *name, va_list leaves);

/* The ones with a larger number than `since`, the oldest first, as a command's
 * output; returns its result. */
int dyncast_notifications_show(struct vty *vty, uint64_t since, bool json);

void dyncast_notifications_fini(void);

#endif /* DYNCAST_YANG_NOTIFICATIONS_H */
