/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Joint cost and selection weights.
 *
 * From each candidate's inputs to a cost in microseconds and a weight.  Run by
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

/* least time between two calls that no verdict or threshold asks for */
#define DYNCAST_COST_PACE_MS 50u

/* Age up to which metrics count in full, and from which they do not count.  A
 * site repeats metrics that do not change each ten seconds: a fresh age of less
 * would let the weights swing with that. */
#define DYNCAST_AGE_FRESH_MS 12000u
#define DYNCAST_AGE_STALE_MS 30000u

#define DYNCAST_HYSTERESIS_DEFAULT 10u /* % */
#define DYNCAST_HOLD_DEFAULT_S 2u

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
	DYNCAST_VERDICT_NOT_BEST,      /* the action chose another */
	DYNCAST_VERDICT_THRESHOLD,     /* past a threshold of the policy */
	DYNCAST_VERDICT_PINNED,	       /* the operator pins to another site */
	DYNCAST_VERDICT_CAPPED,	       /* the operator's cap leaves nothing */
};
const char *dyncast_verdict_str(enum dyncast_verdict verdict);

/* it may get new flows, now or at another weight */
static inline bool dyncast_verdict_eligible(enum dyncast_verdict verdict)
{
	return verdict <= DYNCAST_VERDICT_STALE ||
	       verdict == DYNCAST_VERDICT_NOT_BEST;
}

/* flows that it has may stay with it */
static inline bool dyncast_verdict_alive(enum dyncast_verdict verdict)
{
	return verdict != DYNCAST_VERDICT_DOWN &&
	       verdict != DYNCAST_VERDICT_UNRESOLVED &&
	       verdict != DYNCAST_VERDICT_NO_FORWARDING;
}

/*
 * What is remembered of a candidate from call to call, for the caller to keep:
 * all zero for a new one, then as the last call put it out.  `used` and `given`
 * are of the same times: what a site said of itself, and what part of the
 * traffic it was given here while it measured that.
 */
struct dyncast_cost_state {
	bool heard;	    /* those below up to smoothed are of reports */
	bool walking;	    /* its weight is not where it should be yet */
	bool chosen;	    /* the one that an action chose: a cap may give
			     * others more weight */
	uint32_t used;	    /* utilisation, smoothed, of 65536 */
	uint32_t given;	    /* weight, smoothed likewise */
	uint32_t delay_us;  /* smoothed likewise */
	uint32_t used_off;  /* how far a report is from that in the mean */
	uint32_t delay_off; /* likewise */
	uint32_t smoothed;  /* what is left of that, of 65536 */
	uint32_t age_ms;    /* of the metrics, at the last call */
	uint32_t since_ms;  /* the report before, */
	uint32_t chosen_ms; /* best: for how long it has been */
	uint64_t given_sum; /* weight times ms since since_ms */
};

struct dyncast_cost_input {
	struct dyncast_addr dbid; /* ties are broken by it */
	struct dyncast_metrics metrics;
	uint32_t network_metric; /* of the route to the D-BID */
	/* set by the caller when it already knows why there is none:
	 * DOWN, DRAIN, UNRESOLVED, HELD or NO_FORWARDING; else OK */
	uint8_t verdict;
	/* the operator's override (lib/override.h): pinned to another site; and
	 * which cap it is under, one number (1 to DYNCAST_CAPS_MAX) for all
	 * candidates of a site, 0 for none */
	bool pinned_away;
	uint8_t cap_group;
	uint8_t cap_percent;
	uint16_t withheld; /* of its target (dyncast.h) */
	uint32_t weight;   /* current, 0 for a new candidate */
	struct dyncast_cost_state state;
};

struct dyncast_cost_output {
	uint64_t network_us;
	uint64_t delay_us; /* as counted, after the age gain */
	uint64_t cost_us;  /* joint cost; UINT64_MAX without a route */
	uint32_t target;   /* weight that it should have in the end */
	uint32_t weight;   /* weight now, after the bounded step */
	uint8_t verdict;   /* enum dyncast_verdict */
	struct dyncast_cost_state state;
};

struct dyncast_cost_config {
	uint32_t network_unit_us; /* per unit of network metric */
	uint32_t elapsed_ms;	  /* since the call before */
	struct dyncast_policy policy;
};

/*
 * Is the candidate past one of the policy's thresholds?  What is stale says
 * nothing of it.  dyncast_cost_weights() takes new flows from those that are,
 * unless all are.  Pure.
 */
bool dyncast_cost_past_threshold(const struct dyncast_cost_config *config,
				 const struct dyncast_cost_input *in);

/*
 * Compute cost, target and next weight of n candidates (n <= 256).
 *
 * spread (spread.c): never sends everything to the apparent best; weights walk
 * to their targets in bounded steps, by elapsed_ms.  Call it when metrics
 * came, but not more often than each DYNCAST_COST_PACE_MS, every 250 ms while
 * it returns true, and at once when a verdict changes or a threshold is
 * crossed, either way.
 * The other actions: select.c.  The operator's pins hold while one of the
 * pinned site's candidates is eligible, his caps (cap.c) for all actions.
 *
 * If every candidate is HELD the current weights stay: a reflector that
 * restarts must not stop the service.
 * Returns true when a further call would still move a weight.
 */
bool dyncast_cost_weights(const struct dyncast_cost_config *config,
			  const struct dyncast_cost_input *in,
			  struct dyncast_cost_output *out, size_t n);

#endif /* DYNCAST_COST_H */
