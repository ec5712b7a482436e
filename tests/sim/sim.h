/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The steering simulator: clients behind ingress routers, sites with workers
 * and one queue each, metrics that come late.  Event-driven, one thread.
 *
 * engine.c moves jobs and time, site.c is a site with its measurements,
 * router.c is an ingress that chooses sites (`spread` by lib/cost.c, lib/ring.c
 * and lib/learn.c as they are), runs.c uses all processors, grid.c and trials.c
 * say what is run, main.c writes it down.
 *
 * Time is in microseconds.  A run is a pure function of its configuration:
 * arrivals and service times come from streams of their own, so that all
 * policies serve the same jobs, and two that give sites the same shares make
 * the same choices (common random numbers: what is compared differs by policy,
 * not by luck).
 */

#ifndef DYNCAST_SIM_H
#define DYNCAST_SIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/cost.h"
#include "lib/learn.h"
#include "lib/ring.h"

#define SIM_SITES_MAX 8
#define SIM_ROUTERS_MAX 16
#define SIM_WORKERS_MAX 64
#define SIM_SERVICE_US 4000.0

enum sim_policy {
	SIM_SPREAD,
	SIM_BEST,
	SIM_RANDOM,
	SIM_CAPACITY,
	SIM_NEAREST,
	SIM_P2C,
	SIM_ORACLE,
	SIM_POLICIES,
	/* not for use, but to see what can be had; for equal sites */
	SIM_FEEDBACK = SIM_POLICIES, /* knows queues exactly, but late */
	SIM_TURNS,		     /* each router by turns */
};
extern const char *const sim_policy_names[SIM_POLICIES];

enum sim_service {
	SIM_EXPONENTIAL,
	SIM_BIMODAL, /* one in ten is a hundred times as long */
	SIM_HEAVY,   /* Pareto of shape 1.5, cut at 1000 times the least */
};

/* what happens to site 0 at change_us */
enum sim_change {
	SIM_NOTHING,
	SIM_HALF, /* half of its workers stop */
	SIM_FAIL, /* it is down, its jobs are lost and it says so */
};

struct sim_config {
	unsigned int sites;
	unsigned int workers[SIM_SITES_MAX];
	unsigned int routers;
	enum sim_policy policy;
	bool known;			  /* capacity is configured */
	uint16_t withheld[SIM_SITES_MAX]; /* as in lib/cost.h */
	double gain;			  /* of SIM_FEEDBACK */
	double load;			  /* of all workers */
	double interval_us;		  /* between two reports of a site */
	double delay_us; /* until a report is there, at router 0; the
			  * others are up to a quarter later */
	enum sim_service service;
	double burst_us; /* 0: Poisson; else mean length of on and off phases,
			  * with 1.5 and 0.5 times the rate */
	/* network cost, added to a job's response */
	uint32_t network_us[SIM_ROUTERS_MAX][SIM_SITES_MAX];
	enum sim_change change;
	double change_us;
	double warm_us; /* jobs that arrive before are not counted */
	double end_us;
	uint64_t seed;
	/* when set: mean response for each window of this length, from
	 * change_us on */
	double window_us;
};

#define SIM_WINDOWS_MAX 64
#define SIM_BATCHES 16

struct sim_result {
	uint64_t jobs;
	double mean_us; /* response, network included */
	/* the counted time in equal parts, for confidence intervals */
	double batch_mean[SIM_BATCHES];
	uint64_t batch_jobs[SIM_BATCHES];
	double share_std;     /* mean over sites: standard deviation of its
			       * share of ring slots, 1 = all */
	double share_std_max; /* of the worst site and router */
	double settled_us;    /* end of the last window in which the backlog
			       * was far above its mean after warm_us */
	uint64_t lost;
	double window_mean[SIM_WINDOWS_MAX];
	uint64_t window_jobs[SIM_WINDOWS_MAX];
	double share[SIM_SITES_MAX]; /* of the jobs */
};

void sim_run(const struct sim_config *config, struct sim_result *result);
/* the same for n of them, as many at once as there are processors; ends the
 * program when that fails */
void sim_runs(const struct sim_config *configs, size_t n,
	      struct sim_result *results);

/* ---- random numbers ---------------------------------------------------- */

struct sim_random {
	uint64_t state;
};

static inline uint64_t sim_random_next(struct sim_random *r)
{
	uint64_t z = r->state += 0x9e3779b97f4a7c15ull;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

/* in (0, 1) */
static inline double sim_random_unit(struct sim_random *r)
{
	return ((double)(sim_random_next(r) >> 11) + 0.5) / 9007199254740992.0;
}

/* ---- a site ------------------------------------------------------------- */

struct sim_job {
	double arrived;
	double length;
	double network;
};

struct sim_site {
	unsigned int workers;
	unsigned int busy;
	bool down;
	/* a heap of the jobs in service by the time of their end */
	struct {
		double end;
		double arrived;
		double network;
	} serving[SIM_WORKERS_MAX];
	/* a queue in a buffer that grows, a power of two */
	struct sim_job *queue;
	size_t queue_size;
	size_t queue_head;
	size_t queue_len;
	/* measured since the last report */
	double report_from;
	double busy_since;
	double busy_integral;
	double delay_sum;
	uint64_t finished;
	uint64_t finished_ever;
	uint32_t last_delay_us;
	struct dyncast_learn learn;
};

static inline double sim_site_next(const struct sim_site *site)
{
	return site->busy ? site->serving[0].end : 1e300;
}
static inline size_t sim_site_in_flight(const struct sim_site *site)
{
	return site->busy + site->queue_len;
}
void sim_site_init(struct sim_site *site, unsigned int workers);
void sim_site_fini(struct sim_site *site);
void sim_site_arrive(struct sim_site *site, double now,
		     const struct sim_job *job);
/* end the job that ends first; its arrival and network cost */
void sim_site_finish(struct sim_site *site, struct sim_job *job);
void sim_site_workers_set(struct sim_site *site, double now,
			  unsigned int workers);
/* all its jobs are lost; returns how many */
size_t sim_site_fail(struct sim_site *site, double now);
/* what it reports; begins the next interval */
struct dyncast_metrics sim_site_measure(struct sim_site *site, double now);

/* ---- an ingress router -------------------------------------------------- */

struct sim_view {
	struct dyncast_metrics metrics;
	double measured;
	bool heard;
	bool down;
};

struct sim_router {
	const struct sim_config *config;
	unsigned int index;
	struct sim_view views[SIM_SITES_MAX];
	struct sim_random random;
	unsigned int turn;
	/* spread */
	struct dyncast_cost_input in[SIM_SITES_MAX];
	struct dyncast_cost_output out[SIM_SITES_MAX];
	uint32_t ring[DYNCAST_RING_SLOTS];
	uint32_t target[DYNCAST_RING_SLOTS];
	bool ring_left;
	double weighed;
	uint32_t slots[SIM_SITES_MAX];
	/* of its slots, since statistics began */
	double slot_sum[SIM_SITES_MAX];
	double slot_square[SIM_SITES_MAX];
	uint64_t samples;
};

void sim_router_init(struct sim_router *router, const struct sim_config *config,
		     unsigned int index);
/* a report is there */
void sim_router_hear(struct sim_router *router, unsigned int site,
		     const struct dyncast_metrics *metrics, bool down,
		     double measured);
/* weigh and turn the ring, as zebra_dyncast does */
void sim_router_decide(struct sim_router *router, double now);
void sim_router_sample(struct sim_router *router);
unsigned int sim_router_choose(struct sim_router *router,
			       const struct sim_site *sites);

#endif /* DYNCAST_SIM_H */
