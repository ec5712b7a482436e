// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * One watched instance.  See target.h.
 */

#include "target.h"

#include "clock.h"
#include "log.h"

#include <stdlib.h>
#include <string.h>

static void on_measured(void *arg, const struct dyncast_metrics *metrics)
{
	struct dyncast_target *target = arg;

	target->entry.now.metrics = *metrics;
	target->entry.measured_ms = dyncast_clock_ms();
}

static void on_health(void *arg, const struct dyncast_health *health)
{
	struct dyncast_target *target = arg;
	struct dyncast_agent_report *now = &target->entry.now;

	now->state = health->state;
	memset(now->reason, 0, sizeof(now->reason));
	if (health->state == DYNCAST_AGENT_STATE_DOWN)
		memcpy(now->reason, health->reason, sizeof(now->reason));
}

struct dyncast_target *
dyncast_target_new(const struct dyncast_instance_config *config,
		   unsigned int interval_ms, unsigned int offset_ms)
{
	struct dyncast_target *target = calloc(1, sizeof(*target));
	uint64_t now_ms = dyncast_clock_ms();
	bool ok = true;

	if (!target)
		return NULL;
	target->config = config;
	target->interval_ms = interval_ms;
	target->scrape_ms = now_ms + offset_ms;
	target->health_ms = now_ms + offset_ms;
	strcpy(target->entry.now.service, config->service);
	strcpy(target->entry.now.instance, config->name);
	target->entry.now.address = config->address;
	target->entry.now.sid = config->sid;
	if (config->metrics_url)
		ok &= dyncast_scrape_init(&target->scrape, config, on_measured,
					  target);
	if (config->health_kind != DYNCAST_HEALTH_NONE)
		ok &= dyncast_health_init(&target->health, config, on_health,
					  target);
	else
		/* and not again: somebody else may drain it */
		target->entry.up_once = true;
	if (!ok) {
		dyncast_target_free(target);
		return NULL;
	}
	if (!config->metrics_url && config->mapping.capacity_fixed) {
		target->entry.now.metrics.capacity =
			config->mapping.capacity_fixed;
		target->entry.now.metrics.has = DYNCAST_HAS_CAPACITY;
	}
	return target;
}

void dyncast_target_free(struct dyncast_target *target)
{
	if (target->config->metrics_url)
		dyncast_scrape_finish(&target->scrape);
	if (target->config->health_kind != DYNCAST_HEALTH_NONE)
		dyncast_health_finish(&target->health);
	free(target);
}

static bool same_scrape(const struct dyncast_instance_config *a,
			const struct dyncast_instance_config *b)
{
	return a->metrics_url && b->metrics_url &&
	       strcmp(a->metrics_url, b->metrics_url) == 0 &&
	       memcmp(&a->mapping, &b->mapping, sizeof(a->mapping)) == 0;
}

void dyncast_target_adopt(struct dyncast_target *target,
			  const struct dyncast_target *old)
{
	const struct dyncast_instance_config *config = target->config;
	struct dyncast_report_entry *entry = &target->entry;

	entry->up_once &= old->entry.up_once;
	if (same_scrape(config, old->config)) {
		dyncast_scrape_adopt(&target->scrape, &old->scrape);
		entry->now.metrics = old->entry.now.metrics;
		entry->measured_ms = old->entry.measured_ms;
	}
	if (config->health_kind != DYNCAST_HEALTH_NONE) {
		dyncast_health_adopt(&target->health, &old->health);
		on_health(target, &target->health);
	} else if (old->entry.now.state == DYNCAST_AGENT_STATE_DOWN) {
		/* nobody would ever take the word back */
		entry->now.state = DYNCAST_AGENT_STATE_UP;
		dyncast_log(
			DYNCAST_LOG_NOTICE,
			"instance %s/%s was down and has no health check any more: reported as up",
			config->service, config->name);
	}
}

/* The next multiple of the interval after now: a late turn makes no burst. */
static uint64_t next_time(uint64_t due_ms, unsigned int interval_ms,
			  uint64_t now_ms)
{
	due_ms += interval_ms;
	return due_ms > now_ms ? due_ms : now_ms + interval_ms;
}

uint64_t dyncast_target_tick(struct dyncast_target *target, CURLM *multi,
			     uint64_t now_ms)
{
	const struct dyncast_instance_config *config = target->config;
	uint64_t next_ms = UINT64_MAX;

	/* a capacity that is configured holds now */
	if (!config->metrics_url)
		target->entry.measured_ms = now_ms;
	/* an instance that has not answered yet is asked again next time */
	if (config->metrics_url) {
		if (now_ms >= target->scrape_ms) {
			dyncast_fetch_start(&target->scrape.fetch, multi);
			target->scrape_ms = next_time(
				target->scrape_ms, target->interval_ms, now_ms);
		}
		next_ms = target->scrape_ms;
	}
	if (config->health_kind != DYNCAST_HEALTH_NONE) {
		if (now_ms >= target->health_ms) {
			dyncast_fetch_start(&target->health.fetch, multi);
			target->health_ms =
				next_time(target->health_ms,
					  config->health_interval_ms, now_ms);
		}
		if (target->health_ms < next_ms)
			next_ms = target->health_ms;
	}
	return next_ms;
}
