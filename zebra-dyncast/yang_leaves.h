/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The container `forwarding` as a structure: see yang_leaves.c.
 */

#ifndef DYNCAST_ZEBRA_YANG_LEAVES_H
#define DYNCAST_ZEBRA_YANG_LEAVES_H

#include "../yang/leaf.h"

struct dyncast_config;

extern const struct dyncast_leaf dyncast_forwarding_leaves[];
/* defaults where a leaf, or the container (NULL), is absent */
void dyncast_yang_read_forwarding(const struct lyd_node *container,
				  struct dyncast_config *want);

#endif /* DYNCAST_ZEBRA_YANG_LEAVES_H */
