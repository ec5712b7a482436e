/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Hears when what is ours in the kernel goes: see watch.c.
 */

#ifndef DYNCAST_ZEBRA_WATCH_H
#define DYNCAST_ZEBRA_WATCH_H

#include <stdbool.h>

/* Whoever has something there that others could take wants it, and no more when
 * he has not; `watched` is his own, and false at first. */
void dyncast_watch(bool *watched, bool on);

#endif /* DYNCAST_ZEBRA_WATCH_H */
