/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Joint cost and weights: what makes one candidate get more new flows than
 * another.  Pure functions of their input (no clock, no allocation), run by
 * zebra_dyncast, the tests and the simulator alike.
 *
 * draft-li-dyncast-architecture-00 section 3: network metric and instance
 * metric together choose the instance.
 */

#ifndef DYNCAST_COST_H
#define DYNCAST_COST_H

#include "dyncast.h"

/* weights are relative; the sum over a service's candidates is at most this */
#define DYNCAST_WEIGHT_SUM 65536u

#define DYNCAST_NETWORK_UNIT_DEFAULT 100u /* us per unit of IGP metric */

/* Age up to which metrics count in full, and from which they do not count.  A
 * site repeats metrics that do not change each ten seconds: a fresh age of less
 * would let the weights swing with that. */
#define DYNCAST_AGE_FRESH_MS 12000u
#define DYNCAST_AGE_STALE_MS 30000u

/* why a candidate has no weight, or what its weight is made of */
enum dyncast_verdict {
	DYNCAST_VERDICT_OK = 0,
	DYNCAST_VERDICT_NO_METRICS,    /* eligible; treated as average */
	DYNCAST_VERDICT_STALE,	       /* eligible; by capacity only */
	DYNCAST_VERDICT_DOWN,	       /* its site says so */
	DYNCAST_VERDICT_DRAIN,	       /* its site says so */
	DYNCAST_VERDICT_UNRESOLVED,    /* no route to the D-BID */
	DYNCAST_VERDICT_HELD,	       /* BGP path lost, D-BID still resolves */
	DYNCAST_VERDICT_NO_FORWARDING, /* neither adjacent nor encapsulable */
	DYNCAST_VERDICT_NOT_BEST,      /* `select best` chose another */
};
const char *dyncast_verdict_str(enum dyncast_verdict verdict);

struct dyncast_cost_input {
	struct dyncast_addr dbid; /* ties are broken by it */
	struct dyncast_metrics metrics;
	uint32_t network_metric; /* of the route to the D-BID */
	/* set by the caller when it already knows why there is none:
	 * DOWN, DRAIN, UNRESOLVED, HELD or NO_FORWARDING; else OK */
	uint8_t verdict;
	uint32_t weight; /* current, 0 for a new candidate */
};

struct dyncast_cost_output {
	uint64_t network_us;
	uint64_t delay_us; /* as counted, after the age gain */
	uint64_t cost_us;  /* joint cost; UINT64_MAX without a route */
	uint32_t target;   /* weight that it should have in the end */
	uint32_t weight;   /* weight now, after the bounded step */
	uint8_t verdict;   /* enum dyncast_verdict */
};

struct dyncast_cost_config {
	uint32_t network_unit_us; /* per unit of network metric */
	uint8_t action;		  /* enum dyncast_action */
	uint8_t policy;		  /* enum dyncast_cost_policy */
};

/*
 * Compute cost, target and next weight of n candidates (n <= 256).
 *
 * spread: target is proportional to capacity, corrected by joint cost
 * relative to the capacity-weighted mean; the correction shrinks with the age
 * of the metrics, to capacity alone when stale; a weight moves a part of the
 * way and at most by a bounded factor per call.  Never sends everything to the
 * apparent best.  Call it at a steady pace, about as often as metrics come
 * (once a second), besides at once when a verdict changes: a faster pace on
 * equally late metrics is what makes a loop swing.
 * best: everything to the cheapest, changed only for one that is cheaper by
 * the hysteresis.
 *
 * If every candidate is HELD the current weights stay: a reflector that
 * restarts must not stop the service.
 * Returns true when a further call would still move a weight.
 */
bool dyncast_cost_weights(const struct dyncast_cost_config *config,
			  const struct dyncast_cost_input *in,
			  struct dyncast_cost_output *out, size_t n);

#endif /* DYNCAST_COST_H */
