/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The leaves of frr-dyncast.yang's grouping of metrics, which an instance has
 * in bgpd's container and a candidate in zebra's.  Main thread of either
 * daemon.
 */

#ifndef DYNCAST_YANG_METRICS_H
#define DYNCAST_YANG_METRICS_H

#include <stdint.h>

struct dyncast_metrics;
struct yang_data;

/* NULL when the leaf is no metric, or nothing is known of it; age_ms: how old
 * they are, in milliseconds.  The caller owns what it gets. */
struct yang_data *dyncast_nb_metric(const char *leaf, const char *xpath,
				    const struct dyncast_metrics *metrics,
				    uint32_t age_ms);

#endif /* DYNCAST_YANG_METRICS_H */
