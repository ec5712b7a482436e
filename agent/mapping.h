/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From an instance's own metrics to Dyncast's: which sample is capacity,
 * requests in flight, utilisation and delay, and the delay that a new request
 * would see at the present load.
 *
 * Pure: text and time in, metrics out.  Called by scrape.c.
 *
 * The predicted delay.  A gauge is taken as it is.  Of a histogram or summary
 * it is the mean of the requests that ended in the last `window_ms`: the
 * increase of _sum by the increase of _count.  While none ended,
 *   - and requests wait: the last mean; when more are in flight than at the
 *     time of that mean, times in_flight / max(capacity, in flight then),
 *     because a queue that only grows will be waited for;
 *   - and none is in flight: the last mean moves within one window towards
 *     the mean that the instance has without a queue (estimated from mean,
 *     capacity and in flight), or an instance that was slow once would look
 *     slow for ever and get no request that could prove otherwise.
 * Before the first request that was seen to end it is the mean since the
 * instance started, and nothing when it served none.
 *
 * The learnt rate (lib/learn.h): requests that ended, which is the increase of
 * _count, by utilisation.  It needs both, and tells capacities apart where none
 * is configured or the configured one has become wrong.
 */

#ifndef DYNCAST_AGENT_MAPPING_H
#define DYNCAST_AGENT_MAPPING_H

#include "lib/dyncast.h"
#include "lib/learn.h"

#include "prometheus.h"

#define DYNCAST_MAPPING_POINTS 64

struct dyncast_mapping {
	/* a selector whose name is empty is not configured */
	struct dyncast_selector capacity;
	struct dyncast_selector in_flight;
	struct dyncast_selector utilisation;
	struct dyncast_selector delay;
	uint32_t capacity_fixed;  /* 0: none */
	double utilisation_scale; /* to hundredths of a percent */
	double delay_scale;	  /* to microseconds */
	unsigned int window_ms;
};

struct dyncast_mapping_point {
	uint64_t ms;
	double sum;
	double count;
	double in_flight;
};

/* What is remembered of an instance from scrape to scrape; all zero at first.
 * Delays are in the metric's own unit. */
struct dyncast_mapping_state {
	size_t n_points; /* oldest first, within the window */
	struct dyncast_mapping_point points[DYNCAST_MAPPING_POINTS];
	bool has_mean;
	double mean;
	double unloaded;
	double in_flight; /* when mean was measured; 0 when unknown */
	/* its capacity in requests per second, and the last scrape's figures */
	struct dyncast_learn learn;
	uint64_t learn_ms; /* 0: none yet */
	double learn_count;
	double learn_used;
};

/* Metrics that are configured but were absent or no usable number. */
struct dyncast_mapping_result {
	struct dyncast_metrics metrics;
	struct dyncast_prometheus_stats stats;
	uint8_t missing; /* DYNCAST_HAS_* */
};

/* Does it need a scrape?  A fixed capacity alone does not. */
bool dyncast_mapping_needs_text(const struct dyncast_mapping *mapping);

void dyncast_mapping_apply(const struct dyncast_mapping *mapping,
			   struct dyncast_mapping_state *state,
			   const char *text, size_t len, uint64_t now_ms,
			   struct dyncast_mapping_result *result);

#endif /* DYNCAST_AGENT_MAPPING_H */
