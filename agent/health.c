// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The health check of one instance.  See health.h.
 */

#include "health.h"

#include "log.h"

#include <stdio.h>
#include <string.h>

/* The text may hold what the instance sent: printable ASCII stays. */
static void set_reason(struct dyncast_health *health, const char *text)
{
	snprintf(health->reason, sizeof(health->reason), "%s", text);
	for (char *c = health->reason; *c; c++)
		if (*c < ' ' || *c > '~')
			*c = '?';
}

static void set_state(struct dyncast_health *health,
		      enum dyncast_agent_state state)
{
	const struct dyncast_instance_config *config = health->config;

	health->state = state;
	if (state == DYNCAST_AGENT_STATE_DOWN)
		dyncast_log(
			DYNCAST_LOG_WARNING,
			"instance %s/%s is down: %u health checks of %s in a row failed, the last with: %s; its flows go elsewhere until it answers again",
			config->service, config->name, health->failed,
			config->health_url, health->reason);
	else
		dyncast_log(DYNCAST_LOG_NOTICE,
			    "instance %s/%s is up: %s answers", config->service,
			    config->name, config->health_url);
	health->changed(health->arg, health);
}

static void on_done(struct dyncast_fetch *fetch,
		    enum dyncast_fetch_outcome outcome, const char *text)
{
	struct dyncast_health *health = fetch->arg;
	const struct dyncast_instance_config *config = health->config;

	if (outcome == DYNCAST_FETCH_OK) {
		health->failed = 0;
		health->passed++;
		if (health->state == DYNCAST_AGENT_STATE_UNSAID ||
		    (health->state == DYNCAST_AGENT_STATE_DOWN &&
		     health->passed >= config->successes))
			set_state(health, DYNCAST_AGENT_STATE_UP);
		return;
	}
	health->passed = 0;
	health->failed++;
	set_reason(health, text);
	if (health->state != DYNCAST_AGENT_STATE_DOWN &&
	    health->failed >= config->failures)
		set_state(health, DYNCAST_AGENT_STATE_DOWN);
}

bool dyncast_health_init(struct dyncast_health *health,
			 const struct dyncast_instance_config *config,
			 dyncast_health_cb changed, void *arg)
{
	enum dyncast_fetch_kind kind = config->health_kind == DYNCAST_HEALTH_TCP
					       ? DYNCAST_FETCH_CONNECT
					       : DYNCAST_FETCH_STATUS;

	*health = (struct dyncast_health){
		.config = config,
		.changed = changed,
		.arg = arg,
	};
	return dyncast_fetch_init(&health->fetch, kind, config->health_url,
				  config->timeout_ms, on_done, health);
}

void dyncast_health_finish(struct dyncast_health *health)
{
	dyncast_fetch_finish(&health->fetch);
}

void dyncast_health_adopt(struct dyncast_health *health,
			  const struct dyncast_health *old)
{
	health->state = old->state;
	health->failed = old->failed;
	health->passed = old->passed;
	memcpy(health->reason, old->reason, sizeof(health->reason));
}
