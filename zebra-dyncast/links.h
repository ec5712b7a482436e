/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Have interfaces changed in a way that decisions depend on: see links.c.
 */

#ifndef DYNCAST_ZEBRA_LINKS_H
#define DYNCAST_ZEBRA_LINKS_H

#include <stdbool.h>

/* since the last call; true for the first one */
bool dyncast_links_changed(void);

#endif /* DYNCAST_ZEBRA_LINKS_H */
