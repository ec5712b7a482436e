// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The engine: arrivals, ends of jobs, reports on their way, and what is
 * counted.  See sim.h.
 *
 * The ends of jobs are in each site's own heap, arrivals are one stream; all
 * else, which is rare, is in a small list of events.
 */

#include "sim.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define TICK_US 250000.0 /* as zebra_dyncast's, while something moves */
#define EVENTS_MAX 8192
#define BACKLOGS_MAX 4096

enum event_type {
	EVENT_MEASURE, /* a site makes a report */
	EVENT_HEAR,    /* a router gets it */
	EVENT_TICK,    /* a router decides */
	EVENT_CHANGE,
	EVENT_BACKLOG,
};

struct event {
	double at;
	enum event_type type;
	unsigned int router;
	unsigned int site;
	bool down;
	double measured;
	struct dyncast_metrics metrics;
};

struct run {
	const struct sim_config *config;
	struct sim_result *result;
	struct sim_site sites[SIM_SITES_MAX];
	struct sim_router *routers;
	struct event *events; /* a heap */
	size_t n_events;
	struct sim_random arrivals;
	struct sim_random lengths;
	bool burst_on;
	double burst_until;
	double response_sum;
	double backlog[BACKLOGS_MAX];
	size_t n_backlog;
	double backlog_every;
};

static void event_add(struct run *run, const struct event *event)
{
	size_t i = run->n_events++;

	if (run->n_events > EVENTS_MAX)
		abort();
	while (i && run->events[(i - 1) / 2].at > event->at) {
		run->events[i] = run->events[(i - 1) / 2];
		i = (i - 1) / 2;
	}
	run->events[i] = *event;
}

static struct event event_take(struct run *run)
{
	struct event first = run->events[0];
	struct event *last = &run->events[--run->n_events];
	size_t i = 0, child;

	while ((child = 2 * i + 1) < run->n_events) {
		if (child + 1 < run->n_events &&
		    run->events[child + 1].at < run->events[child].at)
			child++;
		if (run->events[child].at >= last->at)
			break;
		run->events[i] = run->events[child];
		i = child;
	}
	run->events[i] = *last;
	return first;
}

/* ---- random variables ---------------------------------------------------- */

static double exponential(struct sim_random *random, double mean)
{
	return -log(sim_random_unit(random)) * mean;
}

static double job_length(struct run *run)
{
	double u = sim_random_unit(&run->lengths);

	switch (run->config->service) {
	case SIM_BIMODAL:
		/* mean 0.9 x + 0.1 x 100 x */
		return SIM_SERVICE_US / 10.9 * (u < 0.1 ? 100 : 1);
	case SIM_HEAVY:
		/* mean of a bounded Pareto, shape 1.5, from 1 to 1000 */
		u = 1 - u * (1 - pow(1000, -1.5));
		return SIM_SERVICE_US / 2.90522 * pow(u, -1 / 1.5);
	default:
		return -log(u) * SIM_SERVICE_US;
	}
}

static double next_arrival(struct run *run, double now)
{
	const struct sim_config *config = run->config;
	unsigned int workers = 0;
	double mean, at;

	for (unsigned int i = 0; i < config->sites; i++)
		workers += config->workers[i];
	mean = SIM_SERVICE_US / (config->load * workers);
	if (config->burst_us == 0)
		return now + exponential(&run->arrivals, mean);
	for (;;) {
		at = now + exponential(&run->arrivals,
				       mean / (run->burst_on ? 1.5 : 0.5));
		if (at <= run->burst_until)
			return at;
		now = run->burst_until;
		run->burst_on = !run->burst_on;
		run->burst_until +=
			exponential(&run->arrivals, config->burst_us);
	}
}

/* ---- events ---------------------------------------------------------------*/

static void job_ended(struct run *run, const struct sim_job *job, double now)
{
	const struct sim_config *config = run->config;
	struct sim_result *result = run->result;
	double response = now - job->arrived + job->network;

	if (job->arrived >= config->warm_us && job->arrived < config->end_us) {
		size_t b = (size_t)((job->arrived - config->warm_us) /
				    (config->end_us - config->warm_us) *
				    SIM_BATCHES);

		result->batch_mean[b] += response;
		result->batch_jobs[b]++;
		run->response_sum += response;
		result->jobs++;
	}
	if (config->window_us > 0 && job->arrived >= config->change_us) {
		size_t w = (size_t)((job->arrived - config->change_us) /
				    config->window_us);

		if (w < SIM_WINDOWS_MAX) {
			result->window_mean[w] += response;
			result->window_jobs[w]++;
		}
	}
}

static void ends_until(struct run *run, double until)
{
	for (;;) {
		unsigned int first = 0;
		struct sim_job job;
		double now;

		for (unsigned int i = 1; i < run->config->sites; i++) {
			if (sim_site_next(&run->sites[i]) <
			    sim_site_next(&run->sites[first]))
				first = i;
		}
		now = sim_site_next(&run->sites[first]);
		if (now > until)
			return;
		sim_site_finish(&run->sites[first], &job);
		job_ended(run, &job, now);
	}
}

static void measure(struct run *run, unsigned int site, double now)
{
	const struct sim_config *config = run->config;
	struct event event = {
		.type = EVENT_HEAR,
		.site = site,
		.measured = now,
		.metrics = sim_site_measure(&run->sites[site], now),
		.down = run->sites[site].down,
	};

	for (unsigned int r = 0; r < config->routers; r++) {
		event.router = r;
		event.at = now +
			   config->delay_us * (1 + 0.25 * r / config->routers);
		event_add(run, &event);
	}
}

static void change(struct run *run, double now)
{
	switch (run->config->change) {
	case SIM_HALF:
		sim_site_workers_set(&run->sites[0], now,
				     run->config->workers[0] / 2);
		break;
	case SIM_FAIL:
		run->result->lost += sim_site_fail(&run->sites[0], now);
		measure(run, 0, now); /* it says so at once */
		break;
	case SIM_NOTHING:
		break;
	}
}

static void backlog(struct run *run)
{
	double sum = 0;

	for (unsigned int i = 0; i < run->config->sites; i++)
		sum += (double)sim_site_in_flight(&run->sites[i]);
	if (run->n_backlog < BACKLOGS_MAX)
		run->backlog[run->n_backlog++] = sum;
}

static void handle(struct run *run, struct event *event)
{
	const struct sim_config *config = run->config;
	double now = event->at;

	switch (event->type) {
	case EVENT_MEASURE:
		measure(run, event->site, now);
		event->at = now + config->interval_us;
		event_add(run, event);
		break;
	case EVENT_HEAR:
		sim_router_hear(&run->routers[event->router], event->site,
				&event->metrics, event->down, event->measured);
		sim_router_decide(&run->routers[event->router], now);
		break;
	case EVENT_TICK:
		sim_router_decide(&run->routers[event->router], now);
		if (now >= config->warm_us && now < config->end_us)
			sim_router_sample(&run->routers[event->router]);
		event->at = now + TICK_US;
		event_add(run, event);
		break;
	case EVENT_CHANGE:
		change(run, now);
		break;
	case EVENT_BACKLOG:
		backlog(run);
		event->at = now + run->backlog_every;
		event_add(run, event);
		break;
	}
}

static void begin(struct run *run)
{
	const struct sim_config *config = run->config;
	struct event event = {.type = EVENT_MEASURE};

	run->arrivals.state = config->seed * 7919 + 1;
	run->lengths.state = config->seed * 104729 + 2;
	for (unsigned int i = 0; i < config->sites; i++) {
		sim_site_init(&run->sites[i], config->workers[i]);
		/* sites do not report in step */
		event.site = i;
		event.at = config->interval_us * (i + 1) / config->sites;
		event_add(run, &event);
	}
	for (unsigned int r = 0; r < config->routers; r++) {
		sim_router_init(&run->routers[r], config, r);
		sim_router_decide(&run->routers[r], 0);
		event = (struct event){.type = EVENT_TICK,
				       .router = r,
				       .at = TICK_US * (r + 1) /
					     config->routers};
		event_add(run, &event);
	}
	if (config->change) {
		event = (struct event){.type = EVENT_CHANGE,
				       .at = config->change_us};
		event_add(run, &event);
	}
	run->backlog_every = config->end_us / BACKLOGS_MAX;
	event = (struct event){.type = EVENT_BACKLOG, .at = run->backlog_every};
	event_add(run, &event);
}

/* ---- results --------------------------------------------------------------*/

static void settle_time(struct run *run)
{
	const struct sim_config *config = run->config;
	size_t warm = (size_t)(config->warm_us / run->backlog_every);
	double sum = 0, square = 0, n = 0, mean, limit;

	for (size_t i = warm; i < run->n_backlog; i++) {
		sum += run->backlog[i];
		square += run->backlog[i] * run->backlog[i];
		n++;
	}
	mean = n > 0 ? sum / n : 0;
	limit = mean + 6 * sqrt(n > 0 ? fmax(square / n - mean * mean, 0) : 0);
	run->result->settled_us = 0;
	for (size_t i = 0; i < warm && i < run->n_backlog; i++) {
		if (run->backlog[i] > limit)
			run->result->settled_us =
				run->backlog_every * (double)(i + 1);
	}
}

static void ring_shares(struct run *run)
{
	double sum = 0, n = 0;

	for (unsigned int r = 0; r < run->config->routers; r++) {
		const struct sim_router *router = &run->routers[r];

		for (unsigned int i = 0; i < run->config->sites; i++) {
			double samples = (double)router->samples;
			double mean = router->slot_sum[i] / samples;
			double square = router->slot_square[i] / samples;
			double std = sqrt(fmax(square - mean * mean, 0));

			if (!router->samples)
				continue;
			sum += std;
			n++;
			if (std > run->result->share_std_max)
				run->result->share_std_max = std;
		}
	}
	run->result->share_std = n > 0 ? sum / n : 0;
}

static void finish(struct run *run)
{
	struct sim_result *result = run->result;
	double jobs = 0;

	result->mean_us =
		result->jobs ? run->response_sum / (double)result->jobs : 0;
	for (size_t w = 0; w < SIM_WINDOWS_MAX; w++) {
		if (result->window_jobs[w])
			result->window_mean[w] /=
				(double)result->window_jobs[w];
	}
	for (size_t b = 0; b < SIM_BATCHES; b++) {
		if (result->batch_jobs[b])
			result->batch_mean[b] /= (double)result->batch_jobs[b];
	}
	settle_time(run);
	ring_shares(run);
	for (unsigned int i = 0; i < run->config->sites; i++)
		jobs += result->share[i];
	for (unsigned int i = 0; i < run->config->sites; i++) {
		result->share[i] /= jobs > 0 ? jobs : 1;
		sim_site_fini(&run->sites[i]);
	}
}

void sim_run(const struct sim_config *config, struct sim_result *result)
{
	static struct run run;
	static struct sim_router routers[SIM_ROUTERS_MAX];
	static struct event events[EVENTS_MAX];
	double arrival;

	memset(&run, 0, sizeof(run));
	memset(result, 0, sizeof(*result));
	run.config = config;
	run.result = result;
	run.routers = routers;
	run.events = events;
	begin(&run);
	arrival = next_arrival(&run, 0);
	while (arrival < config->end_us) {
		struct sim_router *router;
		struct sim_job job;
		unsigned int site;

		while (run.events[0].at <= arrival) {
			struct event event = event_take(&run);

			ends_until(&run, event.at);
			handle(&run, &event);
		}
		ends_until(&run, arrival);
		router = &routers[sim_random_next(&run.arrivals) %
				  config->routers];
		site = sim_router_choose(router, run.sites);
		job.arrived = arrival;
		job.length = job_length(&run);
		job.network = config->network_us[router->index][site];
		if (run.sites[site].down)
			result->lost++;
		else
			sim_site_arrive(&run.sites[site], arrival, &job);
		if (arrival >= config->warm_us)
			result->share[site]++;
		arrival = next_arrival(&run, arrival);
	}
	ends_until(&run, 1e299); /* who is waiting counts too */
	finish(&run);
}
