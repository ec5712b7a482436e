// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The grid: every policy in every cell, in the same jobs, against the oracle,
 * exact capacity weights and equal random.
 *
 * A policy that uses no metrics is run once for all ages that have the same
 * length.  Ratios are of means; their 95 % confidence interval is that of the
 * ratio in 16 equal parts of the time, which the common jobs make tight.
 */

#include "report.h"

#include <math.h>
#include <string.h>

#define ROUTERS 4
#define T_95_15 2.131 /* Student's t for 15 degrees of freedom */

static const double loads[] = {0.3, 0.5, 0.7, 0.8, 0.9, 0.95};
static const double ages[] = {1, 25, 250, 2500};
#define N_LOADS (sizeof(loads) / sizeof(*loads))
#define N_AGES (sizeof(ages) / sizeof(*ages))

struct cell {
	unsigned int sites;
	unsigned int workers;
	double load;
	double age;
	bool unequal;
	bool known;
	enum sim_policy policy;
};

/* results of all policies in one cell's jobs; spread twice */
struct cell_results {
	struct sim_result of[SIM_POLICIES];
	struct sim_result unknown; /* spread */
};

struct worst {
	unsigned int good;
	unsigned int all;
	double figure;
	char where[96];
};

static struct {
	FILE *csv;
	FILE *json;
	bool first;
	struct worst oracle, capacity, random, four, four_of_8, control;
	double settled;
} grid;

static void worst_note(struct worst *worst, const struct cell *c, double figure,
		       double limit)
{
	worst->all++;
	worst->good += figure <= limit;
	if (worst->all > 1 && figure <= worst->figure)
		return;
	worst->figure = figure;
	snprintf(worst->where, sizeof(worst->where),
		 "%u sites x %u, load %.2f, age %.0f, %s, %s", c->sites,
		 c->workers, c->load, c->age, c->unequal ? "unequal" : "equal",
		 c->known ? "known" : "unknown");
}

static double ratio(const struct sim_result *a, const struct sim_result *b)
{
	return b->mean_us > 0 ? a->mean_us / b->mean_us : 0;
}

/* half of the 95 % interval of a's ratio to b */
static double ratio_ci(const struct sim_result *a, const struct sim_result *b)
{
	double sum = 0, square = 0, n = SIM_BATCHES;

	for (size_t i = 0; i < SIM_BATCHES; i++) {
		double r = b->batch_mean[i] > 0
				   ? a->batch_mean[i] / b->batch_mean[i]
				   : 0;

		sum += r;
		square += r * r;
	}
	return T_95_15 *
	       sqrt(fmax(square / n - sum / n * sum / n, 0) / (n - 1));
}

static void bars_note(const struct cell *c, double oracle, double capacity,
		      double random)
{
	if (c->policy == SIM_CAPACITY && c->sites == 3 && c->workers == 16 &&
	    c->load == 0.8 && c->age == 25 && !c->unequal && c->known)
		worst_note(&grid.control, c, fabs(oracle - 1.09), 0.03);
	if (c->policy != SIM_SPREAD)
		return;
	if (c->workers == 4) {
		worst_note(c->sites == 3 ? &grid.four : &grid.four_of_8, c,
			   oracle, 1.6);
		return;
	}
	if (c->load <= 0.8)
		worst_note(&grid.oracle, c, oracle, 1.15);
	worst_note(&grid.capacity, c, capacity, 1.05);
	worst_note(&grid.random, c, random, 1.05);
}

static void cell_write(const struct cell *c, const struct cell_results *all)
{
	const struct sim_result *r = c->policy == SIM_SPREAD && !c->known
					     ? &all->unknown
					     : &all->of[c->policy];
	double oracle = ratio(r, &all->of[SIM_ORACLE]);
	double capacity = ratio(r, &all->of[SIM_CAPACITY]);
	double random = ratio(r, &all->of[SIM_RANDOM]);
	double ci = ratio_ci(r, &all->of[SIM_ORACLE]);

	bars_note(c, oracle, capacity, random);
	if (c->policy == SIM_SPREAD && r->settled_us > grid.settled)
		grid.settled = r->settled_us;
	fprintf(grid.csv,
		"%u,%u,%.2f,%.0f,%s,%s,%s,%.4f,%.4f,%.4f,%.4f,%.4f,%.5f,%.0f\n",
		c->sites, c->workers, c->load, c->age,
		c->unequal ? "unequal" : "equal", c->known ? "true" : "false",
		sim_policy_names[c->policy], r->mean_us / SIM_SERVICE_US,
		oracle, ci, capacity, random, r->share_std_max,
		r->settled_us / SIM_SERVICE_US);
	fprintf(grid.json,
		"%s\n    {\"sites\": %u, \"workers\": %u, \"load\": %.2f, \"ageServiceTimes\": %.0f, \"capacity\": \"%s\", \"known\": %s, \"policy\": \"%s\", \"ratioToOracle\": %.4f, \"ratioToCapacity\": %.4f, \"ratioToRandom\": %.6f, \"ratioToOracleCi\": %.4f, \"settledServiceTimes\": %.0f}",
		grid.first ? "" : ",", c->sites, c->workers, c->load, c->age,
		c->unequal ? "unequal" : "equal", c->known ? "true" : "false",
		sim_policy_names[c->policy], oracle, capacity, random, ci,
		r->settled_us / SIM_SERVICE_US);
	grid.first = false;
}

static bool uses_metrics(enum sim_policy policy)
{
	return policy == SIM_SPREAD || policy == SIM_BEST || policy == SIM_P2C;
}

/* ages that have one length share the runs without metrics */
static void cells_run(struct cell cell, const double *age, size_t n,
		      double warm, double jobs)
{
	static struct cell_results all;
	struct sim_config config;

	sim_config_fill(&config, cell.sites, cell.workers, cell.unequal,
			cell.load);
	sim_config_length(&config, warm, jobs);
	config.routers = ROUTERS;
	config.known = true;
	config.seed = 1;
	for (size_t a = 0; a < n; a++) {
		cell.age = age[a];
		config.interval_us = age[a] * SIM_SERVICE_US;
		for (int p = 0; p < SIM_POLICIES; p++) {
			config.policy = (enum sim_policy)p;
			if (a == 0 || uses_metrics(config.policy))
				sim_run(&config, &all.of[p]);
		}
		config.policy = SIM_SPREAD;
		config.known = false;
		sim_run(&config, &all.unknown);
		config.known = true;
		for (int known = 1; known >= 0; known--) {
			cell.known = known;
			for (int p = 0; p < SIM_POLICIES; p++) {
				cell.policy = (enum sim_policy)p;
				cell_write(&cell, &all);
			}
		}
	}
}

static void bar(struct sim_bars *bars, const char *name,
		const struct worst *worst, double limit)
{
	sim_bar(bars, name, worst->good, worst->all, worst->figure, limit,
		worst->where);
}

/* Full sites vary more and settle later: more jobs, and a longer start. */
static void load_run(struct cell cell, bool quick)
{
	bool full = cell.load > 0.85;
	double jobs = full ? 1500e3 : cell.load > 0.75 ? 600e3 : 300e3;
	double warm = 10000, warm_long = full ? 60000 : 30000;

	if (quick) {
		jobs /= 5;
		warm /= 2.5;
		warm_long /= 2;
	}
	cells_run(cell, ages, N_AGES - 1, warm, jobs);
	cells_run(cell, ages + N_AGES - 1, 1, warm_long, jobs);
}

void sim_grid(FILE *csv, FILE *json, struct sim_bars *bars, bool quick)
{
	static const unsigned int site_counts[] = {3, 8};

	memset(&grid, 0, sizeof(grid));
	grid.csv = csv;
	grid.json = json;
	grid.first = true;
	fprintf(csv,
		"sites,workers,load,ageServiceTimes,capacity,known,policy,meanServiceTimes,ratioToOracle,ratioToOracleCi,ratioToCapacity,ratioToRandom,shareStd,settledServiceTimes\n");
	fprintf(json, "  \"cells\": [");
	for (size_t s = 0; s < 2; s++) {
		for (int unequal = 0; unequal < 2; unequal++) {
			struct cell cell = {.sites = site_counts[s],
					    .unequal = unequal};

			for (size_t l = 0; l < N_LOADS; l++) {
				cell.load = loads[l];
				cell.workers = 16;
				load_run(cell, quick);
			}
			cell.load = 0.8;
			cell.workers = 4;
			load_run(cell, quick);
		}
	}
	fprintf(json, "\n  ]");
	bar(bars, "control: capacity / oracle is 1.09 +- 0.03", &grid.control,
	    0.03);
	bar(bars, "spread / oracle, load <= 0.8", &grid.oracle, 1.15);
	bar(bars, "spread / capacity, everywhere", &grid.capacity, 1.05);
	bar(bars, "spread / random, no cell", &grid.random, 1.05);
	bar(bars, "spread / oracle, 3 sites of 4, load 0.8", &grid.four, 1.6);
	bar(bars, "spread / oracle, 8 sites of 4, load 0.8", &grid.four_of_8,
	    1.6);
	fprintf(bars->out, "longest settling: %.0f service times\n",
		grid.settled / SIM_SERVICE_US);
}
