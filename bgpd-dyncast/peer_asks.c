/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * When zebra is asked for all its feedback.  It says by itself what changed,
 * but an instance that was removed and entered again within one set did not
 * change there, and is new here.
 *
 * Main thread.
 */

#include <zebra.h>

#include "compat.h"
#include "peer_zebra.h"
#include "service.h"
#include "../lib/msg.h"

/* zebra may have nothing to say of one for long, and the answer is of all */
#define PAUSE_MAX_MS 60000

static unsigned int missing(void)
{
	struct dyncast_service *service;
	struct dyncast_service_key key;
	struct dyncast_local *local;
	unsigned int n = 0;

	frr_each (dyncast_services, &dyncast_state.services, service) {
		/* .. while zebra has not even been told of it */
		if (!dyncast_service_key(service, &key) ||
		    dyncast_service_waits(service))
			continue;
		frr_each (dyncast_locals, &service->locals, local)
			if (local->address.family && !local->feedback)
				n++;
	}
	return n;
}

bool dyncast_peer_asks(void)
{
	static unsigned int before, pause_ms;
	static int64_t asked_ms;
	unsigned int n = missing();
	int64_t now = dyncast_now_ms();

	if (n > before)
		pause_ms = 0;
	before = n;
	if (!n || now - asked_ms < pause_ms)
		return false;
	pause_ms = MIN(2 * pause_ms + DYNCAST_MSG_HELLO_MS, PAUSE_MAX_MS);
	asked_ms = now;
	return true;
}
