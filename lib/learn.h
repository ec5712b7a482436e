/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a site can learn of its own capacity: requests per second at full
 * utilisation, which is throughput divided by utilisation.
 *
 * Learnt at the site because only there all of its requests are seen, whichever
 * ingress sent them.  It does not depend on how much the site was given, so
 * weights that follow it cannot swing.
 *
 * Pure: the caller gives time.  Used by the agent and the simulator.
 */

#ifndef DYNCAST_LEARN_H
#define DYNCAST_LEARN_H

#include <stdbool.h>
#include <stdint.h>

/* sums over a past that is forgotten as requests go by */
struct dyncast_learn_sums {
	double requests;
	double busy_s; /* seconds times utilisation */
};

/* All zero at first. */
struct dyncast_learn {
	struct dyncast_learn_sums slow;	  /* what is believed */
	struct dyncast_learn_sums batch;  /* since the last comparison */
	struct dyncast_learn_sums recent; /* since surprises began to add up */
	double variance; /* of one request's part in an estimate */
	double above;	 /* surprises that added up, in standard deviations */
	double below;
};

/*
 * `requests` ended in the last `elapsed_s` seconds while utilisation was
 * `utilisation` (0 to 1) in the mean.
 */
void dyncast_learn_add(struct dyncast_learn *learn, double elapsed_s,
		       double requests, double utilisation);

/* Thousandths of a request per second at full utilisation; 0 while too little
 * was seen. */
uint32_t dyncast_learn_rate(const struct dyncast_learn *learn);

#endif /* DYNCAST_LEARN_H */
