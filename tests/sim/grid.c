// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The grid: every policy in every cell, in the same jobs, against the oracle,
 * exact capacity weights and equal random.
 *
 * A group is the cells of all policies that serve the same jobs: those whose
 * ages need a run of the same length.  In a group a policy that uses no
 * metrics is run once.  Ratios are of means; their 95 % confidence interval is
 * that of the ratio in 16 equal parts of the time, which the common jobs make
 * tight.
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
#define AGES_SHORT (N_AGES - 1) /* the last needs longer runs */
#define GROUPS (2 * 2 * (N_LOADS + 1) * 2)
#define RUNS (GROUPS * (RUNS_ONCE + AGES_SHORT * RUNS_BY_AGE))

struct cell {
	unsigned int sites;
	unsigned int workers;
	double load;
	double age;
	bool unequal;
	bool known;
	enum sim_policy policy;
};

/* what is run in a group: once, and for each age */
enum once { RUN_RANDOM, RUN_CAPACITY, RUN_NEAREST, RUN_ORACLE, RUNS_ONCE };
enum by_age { RUN_KNOWN, RUN_UNKNOWN, RUN_BEST, RUN_P2C, RUNS_BY_AGE };

struct group {
	struct cell cell; /* without age, known and policy */
	const double *ages;
	size_t n_ages;
	double warm;
	double jobs;
	size_t at; /* its first run */
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
	struct group groups[GROUPS];
	size_t n_groups;
	struct sim_config configs[RUNS];
	struct sim_result results[RUNS];
	size_t n_runs;
	size_t n_written;
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

/* where a policy's result is in the group, at the a-th of its ages */
static const struct sim_result *result_of(const struct group *group, size_t a,
					  enum sim_policy policy, bool known)
{
	const struct sim_result *once = &grid.results[group->at];
	const struct sim_result *by_age = once + RUNS_ONCE + a * RUNS_BY_AGE;

	switch (policy) {
	case SIM_RANDOM:
		return &once[RUN_RANDOM];
	case SIM_CAPACITY:
		return &once[RUN_CAPACITY];
	case SIM_NEAREST:
		return &once[RUN_NEAREST];
	case SIM_ORACLE:
		return &once[RUN_ORACLE];
	case SIM_BEST:
		return &by_age[RUN_BEST];
	case SIM_P2C:
		return &by_age[RUN_P2C];
	default:
		return &by_age[known ? RUN_KNOWN : RUN_UNKNOWN];
	}
}

static void cell_write(const struct group *group, size_t a,
		       const struct cell *c)
{
	const struct sim_result *r = result_of(group, a, c->policy, c->known);
	const struct sim_result *best = result_of(group, a, SIM_ORACLE, true);
	double oracle = ratio(r, best), ci = ratio_ci(r, best);
	double capacity = ratio(r, result_of(group, a, SIM_CAPACITY, true));
	double random = ratio(r, result_of(group, a, SIM_RANDOM, true));

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
		"%s\n    {\"sites\": %u, \"workers\": %u, \"load\": %.2f, \"ageServiceTimes\": %.0f, \"capacity\": \"%s\", \"known\": %s, \"policy\": \"%s\", \"ratioToOracle\": %.4f, \"ratioToCapacity\": %.4f, \"ratioToRandom\": %.6f}",
		grid.n_written++ ? "," : "", c->sites, c->workers, c->load,
		c->age, c->unequal ? "unequal" : "equal",
		c->known ? "true" : "false", sim_policy_names[c->policy],
		oracle, capacity, random);
}

static void bar(struct sim_bars *bars, const char *name,
		const struct worst *worst, double limit)
{
	sim_bar(bars, name, worst->good, worst->all, worst->figure, limit,
		worst->where);
}

static void run_add(const struct group *group, double age,
		    enum sim_policy policy, bool known)
{
	struct sim_config *config = &grid.configs[grid.n_runs++];
	const struct cell *cell = &group->cell;

	sim_config_fill(config, cell->sites, cell->workers, cell->unequal,
			cell->load);
	sim_config_length(config, group->warm, group->jobs);
	config->routers = ROUTERS;
	config->seed = 1;
	config->interval_us = age * SIM_SERVICE_US;
	config->policy = policy;
	config->known = known;
}

/* in the order of the two enums */
static void group_add(struct cell cell, const double *of, size_t n, double warm,
		      double jobs)
{
	struct group *group = &grid.groups[grid.n_groups++];

	*group = (struct group){.cell = cell,
				.ages = of,
				.n_ages = n,
				.warm = warm,
				.jobs = jobs,
				.at = grid.n_runs};
	run_add(group, of[0], SIM_RANDOM, true);
	run_add(group, of[0], SIM_CAPACITY, true);
	run_add(group, of[0], SIM_NEAREST, true);
	run_add(group, of[0], SIM_ORACLE, true);
	for (size_t a = 0; a < n; a++) {
		run_add(group, of[a], SIM_SPREAD, true);
		run_add(group, of[a], SIM_SPREAD, false);
		run_add(group, of[a], SIM_BEST, true);
		run_add(group, of[a], SIM_P2C, true);
	}
}

/* Full sites vary more and settle later: more jobs, and a longer start. */
static void load_add(struct cell cell, bool quick)
{
	bool full = cell.load > 0.85;
	double jobs = full ? 2000e3 : cell.load > 0.75 ? 600e3 : 300e3;

	if (quick)
		jobs /= 5;
	group_add(cell, ages, AGES_SHORT, full ? 6000 : 3000, jobs);
	group_add(cell, ages + AGES_SHORT, 1, full ? 28000 : 12000, jobs);
}

/* quick: every other load */
static void groups_fill(bool quick)
{
	static const unsigned int site_counts[] = {3, 8};

	for (size_t s = 0; s < 2; s++) {
		for (int unequal = 0; unequal < 2; unequal++) {
			struct cell cell = {.sites = site_counts[s],
					    .unequal = unequal};

			for (size_t l = quick; l < N_LOADS;
			     l += quick ? 2 : 1) {
				cell.load = loads[l];
				cell.workers = 16;
				load_add(cell, quick);
			}
			cell.load = 0.8;
			cell.workers = 4;
			load_add(cell, quick);
		}
	}
}

static void group_write(const struct group *group)
{
	struct cell cell = group->cell;

	for (size_t a = 0; a < group->n_ages; a++) {
		cell.age = group->ages[a];
		for (int known = 1; known >= 0; known--) {
			cell.known = known;
			for (int p = 0; p < SIM_POLICIES; p++) {
				cell.policy = (enum sim_policy)p;
				cell_write(group, a, &cell);
			}
		}
	}
}

double sim_grid(FILE *csv, FILE *json, struct sim_bars *bars, bool quick)
{
	memset(&grid, 0, sizeof(grid));
	grid.csv = csv;
	grid.json = json;
	groups_fill(quick);
	sim_runs(grid.configs, grid.n_runs, grid.results);
	fprintf(csv,
		"sites,workers,load,ageServiceTimes,capacity,known,policy,meanServiceTimes,ratioToOracle,ratioToOracleCi,ratioToCapacity,ratioToRandom,shareStd,settledServiceTimes\n");
	fprintf(json, "  \"cells\": [");
	for (size_t g = 0; g < grid.n_groups; g++)
		group_write(&grid.groups[g]);
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
	return grid.settled / SIM_SERVICE_US;
}
