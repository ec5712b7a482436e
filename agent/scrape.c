// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Scraping one instance's metrics page.  See scrape.h.
 */

#include "scrape.h"

#include "clock.h"

#include <string.h>

/* What to do about a request that failed, by its outcome. */
static const char *const advice[DYNCAST_FETCH_OUTCOMES] = {
	[DYNCAST_FETCH_UNREACHABLE] =
		"check that the instance runs and that metrics-url has its address and port",
	[DYNCAST_FETCH_TIMEOUT] = "check the instance's load, or raise timeout",
	[DYNCAST_FETCH_HTTP] = "check the path of metrics-url",
	[DYNCAST_FETCH_TOO_LARGE] =
		"let metrics-url name a page with fewer metrics",
};

/* The selectors, with the metric and the problem that stand for them. */
static const struct {
	const char *option;
	uint8_t has;
	enum dyncast_scrape_problem problem;
} metrics[] = {
	{"capacity", DYNCAST_HAS_CAPACITY, DYNCAST_SCRAPE_CAPACITY},
	{"in-flight", DYNCAST_HAS_IN_FLIGHT, DYNCAST_SCRAPE_IN_FLIGHT},
	{"utilisation", DYNCAST_HAS_UTILISATION, DYNCAST_SCRAPE_UTILISATION},
	{"delay", DYNCAST_HAS_DELAY, DYNCAST_SCRAPE_DELAY},
};

static const char *selector_name(const struct dyncast_mapping *mapping,
				 uint8_t has)
{
	switch (has) {
	case DYNCAST_HAS_CAPACITY:
		return mapping->capacity.name;
	case DYNCAST_HAS_IN_FLIGHT:
		return mapping->in_flight.name;
	case DYNCAST_HAS_UTILISATION:
		return mapping->utilisation.name;
	default:
		return mapping->delay.name;
	}
}

static void fetch_problems(struct dyncast_scrape *scrape,
			   enum dyncast_fetch_outcome outcome, const char *text)
{
	const struct dyncast_instance_config *config = scrape->config;
	bool over = false;

	if (outcome != DYNCAST_FETCH_OK) {
		if (dyncast_problem_seen(&scrape->problems[outcome]))
			dyncast_log(DYNCAST_LOG_WARNING,
				    "instance %s/%s: cannot scrape %s: %s; %s",
				    config->service, config->name,
				    config->metrics_url, text, advice[outcome]);
		return;
	}
	for (int i = 1; i < DYNCAST_FETCH_OUTCOMES; i++)
		over |= dyncast_problem_absent(&scrape->problems[i]);
	if (over)
		dyncast_log(DYNCAST_LOG_NOTICE,
			    "instance %s/%s: %s can be scraped again",
			    config->service, config->name, config->metrics_url);
}

/* Lines that cannot be read.  True when there is nothing else. */
static bool text_problems(struct dyncast_scrape *scrape,
			  const struct dyncast_prometheus_stats *stats)
{
	const struct dyncast_instance_config *config = scrape->config;
	struct dyncast_problem *garbage, *lines;

	garbage = &scrape->problems[DYNCAST_SCRAPE_GARBAGE];
	lines = &scrape->problems[DYNCAST_SCRAPE_BAD_LINES];
	if (!stats->samples) {
		if (dyncast_problem_seen(garbage))
			dyncast_log(
				DYNCAST_LOG_WARNING,
				"instance %s/%s: %s holds no metric (%u unreadable lines); check that metrics-url names a page in the Prometheus text format",
				config->service, config->name,
				config->metrics_url, stats->bad_lines);
		return true;
	}
	if (dyncast_problem_absent(garbage))
		dyncast_log(DYNCAST_LOG_NOTICE,
			    "instance %s/%s: %s holds metrics again",
			    config->service, config->name, config->metrics_url);
	if (stats->bad_lines) {
		if (dyncast_problem_seen(lines))
			dyncast_log(
				DYNCAST_LOG_WARNING,
				"instance %s/%s: %s has %u unreadable lines, the first is line %u; they are ignored, check the instance's exporter",
				config->service, config->name,
				config->metrics_url, stats->bad_lines,
				stats->first_bad);
	} else if (dyncast_problem_absent(lines)) {
		dyncast_log(
			DYNCAST_LOG_NOTICE,
			"instance %s/%s: %s has no unreadable line any more",
			config->service, config->name, config->metrics_url);
	}
	return false;
}

static void metric_problems(struct dyncast_scrape *scrape, uint8_t missing)
{
	const struct dyncast_instance_config *config = scrape->config;

	for (size_t i = 0; i < sizeof(metrics) / sizeof(metrics[0]); i++) {
		struct dyncast_problem *problem;
		const char *name;

		problem = &scrape->problems[metrics[i].problem];
		name = selector_name(&config->mapping, metrics[i].has);
		if (missing & metrics[i].has) {
			if (dyncast_problem_seen(problem))
				dyncast_log(
					DYNCAST_LOG_WARNING,
					"instance %s/%s: no usable %s on %s; check the name and labels that %s has in the configuration",
					config->service, config->name, name,
					config->metrics_url, metrics[i].option);
		} else if (dyncast_problem_absent(problem)) {
			dyncast_log(DYNCAST_LOG_NOTICE,
				    "instance %s/%s: %s is there again",
				    config->service, config->name, name);
		}
	}
}

static void on_done(struct dyncast_fetch *fetch,
		    enum dyncast_fetch_outcome outcome, const char *text)
{
	struct dyncast_scrape *scrape = fetch->arg;
	struct dyncast_mapping_result result;

	fetch_problems(scrape, outcome, text);
	if (outcome != DYNCAST_FETCH_OK)
		return;
	dyncast_mapping_apply(&scrape->config->mapping, &scrape->mapping,
			      fetch->body ? fetch->body : "", fetch->len,
			      dyncast_clock_ms(), &result);
	if (text_problems(scrape, &result.stats))
		return;
	metric_problems(scrape, result.missing);
	scrape->measured(scrape->arg, &result.metrics);
}

bool dyncast_scrape_init(struct dyncast_scrape *scrape,
			 const struct dyncast_instance_config *config,
			 dyncast_scrape_cb measured, void *arg)
{
	*scrape = (struct dyncast_scrape){
		.config = config,
		.measured = measured,
		.arg = arg,
	};
	return dyncast_fetch_init(&scrape->fetch, DYNCAST_FETCH_PAGE,
				  config->metrics_url, config->timeout_ms,
				  on_done, scrape);
}

void dyncast_scrape_finish(struct dyncast_scrape *scrape)
{
	dyncast_fetch_finish(&scrape->fetch);
}

void dyncast_scrape_adopt(struct dyncast_scrape *scrape,
			  const struct dyncast_scrape *old)
{
	scrape->mapping = old->mapping;
	memcpy(scrape->problems, old->problems, sizeof(scrape->problems));
}
