// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The trials beside the grid: whether weights rest, what a site's loss costs,
 * other service times and bursts, and sites at a distance.
 */

#include "report.h"

#include <math.h>
#include <string.h>

static const double ages[] = {1, 25, 250, 2500};
#define N_AGES (sizeof(ages) / sizeof(*ages))

void sim_config_fill(struct sim_config *config, unsigned int sites,
		     unsigned int workers, bool unequal, double load)
{
	static const double parts[] = {2, 1, 0.5};

	memset(config, 0, sizeof(*config));
	config->sites = sites;
	config->routers = 4;
	config->load = load;
	config->seed = 1;
	for (unsigned int i = 0; i < sites; i++)
		config->workers[i] =
			unequal ? (unsigned int)(workers * parts[i % 3])
				: workers;
}

void sim_config_length(struct sim_config *config, double warm, double jobs)
{
	unsigned int workers = 0;

	for (unsigned int i = 0; i < config->sites; i++)
		workers += config->workers[i];
	config->warm_us = warm * SIM_SERVICE_US;
	config->end_us = config->warm_us +
			 jobs / (config->load * workers) * SIM_SERVICE_US;
}

/* ---- do weights rest? -----------------------------------------------------
 */

#define REST_LOADS 3
#define REST_ROUTERS 3
#define REST_RUNS (REST_LOADS * REST_ROUTERS * N_AGES * 2)
/* a second time with one of the sites wanted for a part of itself */
#define REST_WANTED 0.3
#define REST_SITE 1

static void rest_fill(struct sim_config *config, size_t i, bool quick)
{
	static const unsigned int routers[REST_ROUTERS] = {1, 4, 16};
	static const double loads[REST_LOADS] = {0.3, 0.8, 0.95};
	double age = ages[i / (REST_ROUTERS * REST_LOADS) % N_AGES];
	bool wanted = i >= REST_RUNS;

	sim_config_fill(config, 3, 16, true,
			loads[i / REST_ROUTERS % REST_LOADS]);
	config->routers = routers[i % REST_ROUTERS];
	config->known = i / (REST_ROUTERS * REST_LOADS * N_AGES) % 2;
	config->withheld[REST_SITE] = wanted ? 65536 * (1 - REST_WANTED) : 0;
	config->interval_us = age * SIM_SERVICE_US;
	config->delay_us = config->interval_us / 4;
	sim_config_length(config, age > 1000 ? 28000 : 6000,
			  quick ? 100e3 : 600e3);
}

static void rest_bar(struct sim_bars *bars, const char *name,
		     const struct sim_config *configs,
		     const struct sim_result *results)
{
	unsigned int good = 0;
	double worst = 0;
	char where[96] = "";

	for (size_t i = 0; i < REST_RUNS; i++) {
		const struct sim_config *config = &configs[i];
		double std = results[i].share_std_max;

		good += std <= 0.02;
		if (std <= worst)
			continue;
		worst = std;
		snprintf(where, sizeof(where),
			 "%u routers, load %.2f, age %.0f, %s", config->routers,
			 config->load, config->interval_us / SIM_SERVICE_US,
			 config->known ? "known" : "unknown");
	}
	sim_bar(bars, name, good, REST_RUNS, worst, 0.02, where);
}

/* Where others are far from full it has its part: by the jobs, which follow
 * slots by chance. */
static void wanted_bar(struct sim_bars *bars, const struct sim_config *configs,
		       const struct sim_result *results)
{
	double part = REST_WANTED * configs[0].workers[REST_SITE], worst = 0;
	unsigned int good = 0, n = 0;
	double sum = part;

	for (unsigned int i = 0; i < configs[0].sites; i++)
		sum += i == REST_SITE ? 0 : configs[0].workers[i];
	for (size_t i = 0; i < REST_RUNS; i++) {
		double off =
			fabs(results[i].share[REST_SITE] / (part / sum) - 1);

		if (configs[i].load > 0.5)
			continue;
		n++;
		good += off <= 0.05;
		worst = off > worst ? off : worst;
	}
	sim_bar(bars, "share of a site wanted to 30 %, load 0.3, off by", good,
		n, worst, 0.05, "");
}

void sim_trial_oscillation(FILE *csv, FILE *json, struct sim_bars *bars,
			   bool quick)
{
	static struct sim_config configs[2 * REST_RUNS];
	static struct sim_result results[2 * REST_RUNS];

	for (size_t i = 0; i < 2 * REST_RUNS; i++)
		rest_fill(&configs[i], i, quick);
	sim_runs(configs, 2 * REST_RUNS, results);
	fprintf(csv, "routers,load,ageServiceTimes,known,wanted,shareStd\n");
	fprintf(json, "  \"oscillation\": [");
	for (size_t i = 0; i < 2 * REST_RUNS; i++) {
		const struct sim_config *config = &configs[i];
		double age = config->interval_us / SIM_SERVICE_US;
		double wanted = i < REST_RUNS ? 1 : REST_WANTED;

		fprintf(csv, "%u,%.2f,%.0f,%s,%.1f,%.5f\n", config->routers,
			config->load, age, config->known ? "true" : "false",
			wanted, results[i].share_std_max);
		fprintf(json,
			"%s\n    {\"routers\": %u, \"load\": %.2f, \"ageServiceTimes\": %.0f, \"known\": %s, \"wanted\": %.1f, \"shareStd\": %.5f}",
			i ? "," : "", config->routers, config->load, age,
			config->known ? "true" : "false", wanted,
			results[i].share_std_max);
	}
	fprintf(json, "\n  ]");
	rest_bar(bars, "standard deviation of a site's share of slots", configs,
		 results);
	rest_bar(bars, "the same, a site wanted to 30 %", configs + REST_RUNS,
		 results + REST_RUNS);
	wanted_bar(bars, configs + REST_RUNS, results + REST_RUNS);
}

/* ---- a site loses half, or all ------------------------------------------- */

#define CHANGE_WINDOWS 40
/* a window is an interval, but no less than this: ten at age 1 */
#define CHANGE_LEAST_US 40000.0
#define CHANGE_RUNS_MAX 120

struct course {
	double mean[CHANGE_WINDOWS];
	double jobs[CHANGE_WINDOWS];
	double lost;
};

static void course_run(const struct sim_config *config, unsigned int runs,
		       struct course *course)
{
	static struct sim_config configs[CHANGE_RUNS_MAX];
	static struct sim_result results[CHANGE_RUNS_MAX];

	for (unsigned int r = 0; r < runs; r++) {
		configs[r] = *config;
		configs[r].seed = r + 1;
	}
	sim_runs(configs, runs, results);
	memset(course, 0, sizeof(*course));
	for (unsigned int r = 0; r < runs; r++) {
		const struct sim_result *result = &results[r];

		course->lost += (double)result->lost / runs;
		for (size_t w = 0; w < CHANGE_WINDOWS; w++) {
			course->mean[w] += result->window_mean[w] *
					   (double)result->window_jobs[w];
			course->jobs[w] += (double)result->window_jobs[w];
		}
	}
	for (size_t w = 0; w < CHANGE_WINDOWS; w++) {
		if (course->jobs[w] > 0)
			course->mean[w] /= course->jobs[w];
	}
}

static unsigned int intervals(const struct sim_config *config, size_t windows)
{
	return (unsigned int)(config->window_us * (double)windows /
			      config->interval_us);
}

/* the first window from which on all means are within both bounds */
static unsigned int back_after(const struct course *spread,
			       const struct course *capacity,
			       const struct course *oracle)
{
	unsigned int w = CHANGE_WINDOWS;

	while (w && spread->mean[w - 1] <= 1.15 * oracle->mean[w - 1] &&
	       spread->mean[w - 1] <= 1.05 * capacity->mean[w - 1])
		w--;
	return w;
}

/* one row; returns after how many intervals it is back in bounds */
static unsigned int change_run(FILE *csv, struct sim_config *config, double age,
			       unsigned int runs)
{
	struct course oracle, capacity, spread;
	unsigned int back;

	config->policy = SIM_ORACLE;
	course_run(config, runs, &oracle);
	config->policy = SIM_CAPACITY;
	course_run(config, runs, &capacity);
	config->policy = SIM_SPREAD;
	course_run(config, runs, &spread);
	back = back_after(&spread, &capacity, &oracle);
	for (size_t w = 0; w < CHANGE_WINDOWS; w++)
		fprintf(csv, "%s,%.0f,%s,%u,%.4f,%.4f,%.4f,%.1f\n",
			config->change == SIM_HALF ? "half" : "fail", age,
			config->known ? "true" : "false", intervals(config, w),
			spread.mean[w] / SIM_SERVICE_US,
			capacity.mean[w] / SIM_SERVICE_US,
			oracle.mean[w] / SIM_SERVICE_US, spread.lost);
	return intervals(config, back);
}

void sim_trial_change(FILE *csv, FILE *json, struct sim_bars *bars, bool quick)
{
	/* as many runs as make the mean of one window tell 5 % */
	static const unsigned int runs[] = {80, 120, 16, 2};
	unsigned int good = 0, all = 0, worst = 0;
	char where[96] = "";

	fprintf(csv,
		"change,ageServiceTimes,known,interval,spread,capacity,oracle,lost\n");
	fprintf(json, "  \"change\": [");
	for (size_t i = 0; i < N_AGES * 4; i++) {
		struct sim_config config;
		double age = ages[i / 4];
		bool half = !(i % 2), known = i / 2 % 2;
		unsigned int back;

		sim_config_fill(&config, 3, 16, false, 0.6);
		config.known = known;
		config.change = half ? SIM_HALF : SIM_FAIL;
		config.interval_us = age * SIM_SERVICE_US;
		config.warm_us = fmax(2000, 10 * age) * SIM_SERVICE_US;
		config.change_us = config.warm_us;
		config.window_us = fmax(config.interval_us, CHANGE_LEAST_US);
		config.end_us =
			config.change_us + CHANGE_WINDOWS * config.window_us;
		back = change_run(csv, &config, age,
				  quick ? (runs[i / 4] + 3) / 4 : runs[i / 4]);
		fprintf(json,
			"%s\n    {\"change\": \"%s\", \"ageServiceTimes\": %.0f, \"known\": %s, \"backAfterIntervals\": %u}",
			i ? "," : "", half ? "half" : "fail", age,
			known ? "true" : "false", back);
		if (!half)
			continue;
		all++;
		good += back <= 10;
		if (back > worst) {
			worst = back;
			snprintf(where, sizeof(where), "age %.0f, %s%s", age,
				 known ? "known" : "unknown",
				 back == intervals(&config, CHANGE_WINDOWS)
					 ? " (or more)"
					 : "");
		}
	}
	fprintf(json, "\n  ]");
	sim_bar(bars, "intervals until back, half a site lost", good, all,
		worst, 10, where);
}

/* ---- other jobs -----------------------------------------------------------
 */

/* all policies in the same jobs */
static void policies_run(const struct sim_config *config,
			 struct sim_result *results)
{
	struct sim_config configs[SIM_POLICIES];

	for (int p = 0; p < SIM_POLICIES; p++) {
		configs[p] = *config;
		configs[p].policy = (enum sim_policy)p;
	}
	sim_runs(configs, SIM_POLICIES, results);
}

void sim_trial_services(FILE *csv, struct sim_bars *bars, bool quick)
{
	static const struct {
		const char *name;
		enum sim_service service;
		double burst_us;
	} kinds[] = {
		{"exponential", SIM_EXPONENTIAL, 0},
		{"bimodal 1:100", SIM_BIMODAL, 0},
		{"heavy tail", SIM_HEAVY, 0},
		{"exponential bursts", SIM_EXPONENTIAL, 2e6},
	};
	struct sim_result result[SIM_POLICIES];
	unsigned int good = 0, all = 0;
	double worst = 0;
	char where[96] = "";

	fprintf(csv, "jobs,load,policy,meanServiceTimes,shareStd\n");
	for (size_t i = 0; i < 4 * 2; i++) {
		struct sim_config config;
		double is;

		/* bursts of 1.5 times the rate stay below what there is */
		sim_config_fill(&config, 3, 16, true, i % 2 ? 0.6 : 0.4);
		config.service = kinds[i / 2].service;
		config.burst_us = kinds[i / 2].burst_us;
		config.interval_us = 25 * SIM_SERVICE_US;
		sim_config_length(&config, 10000, quick ? 300e3 : 2000e3);
		policies_run(&config, result);
		for (int p = 0; p < SIM_POLICIES; p++) {
			fprintf(csv, "%s,%.2f,%s,%.4f,%.5f\n",
				kinds[i / 2].name, config.load,
				sim_policy_names[p],
				result[p].mean_us / SIM_SERVICE_US,
				result[p].share_std_max);
		}
		is = result[SIM_SPREAD].mean_us / result[SIM_CAPACITY].mean_us;
		all++;
		good += is <= 1.05;
		if (is > worst) {
			worst = is;
			snprintf(where, sizeof(where), "%s, load %.1f",
				 kinds[i / 2].name, config.load);
		}
	}
	sim_bar(bars, "spread / capacity, other service times, unknown", good,
		all, worst, 1.05, where);
}

/* ---- sites at a distance ---------------------------------------------------
 */

void sim_trial_network(FILE *csv, struct sim_bars *bars, bool quick)
{
	static const double loads[] = {0.2, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95};
	struct sim_result result[SIM_POLICIES];
	unsigned int good = 0, all = 0;
	double worst = 0;
	char where[96] = "";

	fprintf(csv, "load,routers,policy,meanServiceTimes\n");
	for (size_t i = 0; i < 2 * 7; i++) {
		struct sim_config config;
		double is;

		sim_config_fill(&config, 3, 16, false, loads[i / 2]);
		config.routers = i % 2 ? 3 : 1;
		config.interval_us = 25 * SIM_SERVICE_US;
		/* 0, 1 and 2 ms: half a service time between two sites */
		for (unsigned int r = 0; r < config.routers; r++) {
			for (unsigned int s = 0; s < 3; s++)
				config.network_us[r][s] = 2000 * ((s + r) % 3);
		}
		sim_config_length(&config, 5000, quick ? 100e3 : 800e3);
		policies_run(&config, result);
		for (int p = 0; p < SIM_POLICIES; p++) {
			fprintf(csv, "%.2f,%u,%s,%.4f\n", config.load,
				config.routers, sim_policy_names[p],
				result[p].mean_us / SIM_SERVICE_US);
		}
		is = result[SIM_SPREAD].mean_us / result[SIM_CAPACITY].mean_us;
		all++;
		good += is <= 1.05;
		if (is > worst) {
			worst = is;
			snprintf(where, sizeof(where), "load %.2f, %u routers",
				 config.load, config.routers);
		}
	}
	sim_bar(bars, "spread / capacity, sites at a distance", good, all,
		worst, 1.05, where);
}

/* ---- few workers: what could be had ---------------------------------------
 */

#define FOUR_GAINS 5
#define FOUR_RUNS (4 + FOUR_GAINS)

static void four_fill(struct sim_config *config, size_t i, double age,
		      bool quick)
{
	static const double gains[FOUR_GAINS] = {0.01, 0.02, 0.05, 0.1, 0.2};
	static const enum sim_policy policies[4] = {SIM_ORACLE, SIM_CAPACITY,
						    SIM_SPREAD, SIM_TURNS};

	sim_config_fill(config, 8, 4, false, 0.8);
	config->known = true;
	config->policy = i < 4 ? policies[i] : SIM_FEEDBACK;
	config->gain = i < 4 ? 0 : gains[i - 4];
	config->interval_us = age * SIM_SERVICE_US;
	sim_config_length(config, 3000, quick ? 100e3 : 1000e3);
}

void sim_trial_four(FILE *csv, struct sim_bars *bars, bool quick)
{
	static struct sim_config configs[N_AGES * FOUR_RUNS];
	static struct sim_result results[N_AGES * FOUR_RUNS];
	double floor = 0;

	for (size_t i = 0; i < N_AGES * FOUR_RUNS; i++)
		four_fill(&configs[i], i % FOUR_RUNS, ages[i / FOUR_RUNS],
			  quick);
	sim_runs(configs, N_AGES * FOUR_RUNS, results);
	fprintf(csv, "ageServiceTimes,capacity,spread,feedback,gain,turns\n");
	for (size_t a = 0; a < N_AGES; a++) {
		const struct sim_result *r = &results[a * FOUR_RUNS];
		double oracle = r[0].mean_us;
		size_t best = 4;

		for (size_t i = 4; i < FOUR_RUNS; i++) {
			if (r[i].mean_us < r[best].mean_us)
				best = i;
		}
		fprintf(csv, "%.0f,%.4f,%.4f,%.4f,%.2f,%.4f\n", ages[a],
			r[1].mean_us / oracle, r[2].mean_us / oracle,
			r[best].mean_us / oracle,
			configs[a * FOUR_RUNS + best].gain,
			r[3].mean_us / oracle);
		floor = fmax(floor,
			     fmin(r[best].mean_us, r[1].mean_us) / oracle);
	}
	fprintf(bars->out,
		"8 sites of 4: exact knowledge of queues, as old, has %.4g at the worst age\n",
		floor);
}
