/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Scraping one instance's metrics page: the request, its mapping, and what the
 * log says when something is wrong (once when it begins, once when it is
 * over).  Loop's thread only; owned by a target.
 */

#ifndef DYNCAST_AGENT_SCRAPE_H
#define DYNCAST_AGENT_SCRAPE_H

#include "config.h"
#include "fetch.h"
#include "log.h"

/* What can be wrong with a page; the first ones are the fetch's outcomes. */
enum dyncast_scrape_problem {
	DYNCAST_SCRAPE_GARBAGE = DYNCAST_FETCH_OUTCOMES,
	DYNCAST_SCRAPE_BAD_LINES,
	DYNCAST_SCRAPE_CAPACITY,
	DYNCAST_SCRAPE_IN_FLIGHT,
	DYNCAST_SCRAPE_UTILISATION,
	DYNCAST_SCRAPE_DELAY,
};
#define DYNCAST_SCRAPE_PROBLEMS (DYNCAST_SCRAPE_DELAY + 1)

/* Metrics were measured just now. */
typedef void (*dyncast_scrape_cb)(void *arg,
				  const struct dyncast_metrics *metrics);

struct dyncast_scrape {
	const struct dyncast_instance_config *config;
	struct dyncast_fetch fetch;
	struct dyncast_mapping_state mapping;
	struct dyncast_problem problems[DYNCAST_SCRAPE_PROBLEMS];
	dyncast_scrape_cb measured;
	void *arg;
};

/* False: out of memory.  The configuration must have a metrics_url. */
bool dyncast_scrape_init(struct dyncast_scrape *scrape,
			 const struct dyncast_instance_config *config,
			 dyncast_scrape_cb measured, void *arg);
void dyncast_scrape_finish(struct dyncast_scrape *scrape);

/* Take over what another scrape of the same page and mapping remembers. */
void dyncast_scrape_adopt(struct dyncast_scrape *scrape,
			  const struct dyncast_scrape *old);

#endif /* DYNCAST_AGENT_SCRAPE_H */
