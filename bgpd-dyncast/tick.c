// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What each service wants once a second: agents that are silent, BGP instances
 * that came, ages to refresh, what zebra has to know.  Thousands of services
 * take longer than an event may: the walk goes on by name where it stopped, so
 * that services may come and go meanwhile.
 *
 * bgpd's main thread.
 */

#include "advertise.h"
#include "agent_socket.h"
#include "receive.h"
#include "service.h"
#include "tick.h"
#include "timer.h"
#include "yang.h"

/* what one event takes, about */
#define STEP_MS 3
/* services that are looked after between two looks at the clock */
#define STEP_SERVICES 8

static struct dyncast_alarm t_step;
static struct dyncast_service from; /* its name: where the walk goes on */

static void service_tick(struct dyncast_service *service)
{
	dyncast_feed_tick(service);
	dyncast_agent_tick(service);
	dyncast_advertise_tick(service);
	dyncast_receive_service(service);
	dyncast_yang_tick(service);
}

static void step(void *arg)
{
	int64_t began = dyncast_now_ms();
	struct dyncast_service *service;
	unsigned int n = 0;

	for (service =
		     dyncast_services_find_gteq(&dyncast_state.services, &from);
	     service; service = dyncast_services_next(&dyncast_state.services,
						      service)) {
		if (++n % STEP_SERVICES == 0 &&
		    dyncast_now_ms() - began >= STEP_MS) {
			strlcpy(from.name, service->name, sizeof(from.name));
			dyncast_timer_set(&t_step, step, NULL, 1);
			return;
		}
		service_tick(service);
	}
	dyncast_receive_tick();
}

void dyncast_tick_services(void)
{
	if (t_step.set)
		return;
	from.name[0] = '\0';
	dyncast_timer_set(&t_step, step, NULL, 0);
}

void dyncast_tick_fini(void)
{
	dyncast_timer_cancel(&t_step);
}
