/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the simulator runs and writes: the grid of issue-sized cells, the
 * trials beside it, and the bars that they are held against.
 */

#ifndef DYNCAST_SIM_REPORT_H
#define DYNCAST_SIM_REPORT_H

#include <stdio.h>

#include "sim.h"

struct sim_bars {
	FILE *out;
	FILE *json; /* members of an array */
	unsigned int met;
	unsigned int missed;
};

/* one line: met or missed, how many of how many, and the worst figure */
void sim_bar(struct sim_bars *bars, const char *name, unsigned int good,
	     unsigned int all, double worst, double limit, const char *where);

/* a configuration with `workers` at each site, or 2 : 1 : 0.5 times that */
void sim_config_fill(struct sim_config *config, unsigned int sites,
		     unsigned int workers, bool unequal, double load);
/* end it so that `jobs` are counted after `warm` service times */
void sim_config_length(struct sim_config *config, double warm, double jobs);

/* each writes CSV; the grid writes JSON cells too.  Returns the longest
 * settling, in service times */
double sim_grid(FILE *csv, FILE *json, struct sim_bars *bars, bool quick);
void sim_trial_oscillation(FILE *csv, FILE *json, struct sim_bars *bars,
			   bool quick);
void sim_trial_change(FILE *csv, FILE *json, struct sim_bars *bars, bool quick);
void sim_trial_services(FILE *csv, struct sim_bars *bars, bool quick);
void sim_trial_network(FILE *csv, struct sim_bars *bars, bool quick);
void sim_trial_four(FILE *csv, struct sim_bars *bars, bool quick);

#endif /* DYNCAST_SIM_REPORT_H */
