/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The system's reverse-path filter, see rp_filter.c.
 */

#ifndef DYNCAST_ZEBRA_RP_FILTER_H
#define DYNCAST_ZEBRA_RP_FILTER_H

#include <stdbool.h>
#include <stdint.h>

/* What comes in there is dropped unless the route to its source leads out of
 * it.  As it was at most a second ago.  Main thread. */
bool dyncast_rp_filter_strict(uint32_t ifindex);

#endif /* DYNCAST_ZEBRA_RP_FILTER_H */
