/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sends routes again that zebra or the kernel may have lost without telling:
 * those that lead to an interface, when it goes down and comes up before
 * next-hop tracking has looked; all, when the session to zebra is new.
 *
 * Containers and PPP sessions bring interfaces up all day, and a router may
 * have ten thousand SIDs and routes.  So only those that lead to one of the
 * interfaces are sent, and one pass in steps looks for those of all that came
 * up until it began.
 *
 * Main thread; called by client.c.
 */

#include <zebra.h>

#include "lib/if.h"
#include "lib/vrf.h"

#include "compat.h"
#include "module.h"
#include "resend.h"
#include "route.h"
#include "service.h"
#include "sid.h"

#define LATER_MS 50
/* what one event takes, about */
#define STEP_MS 3

/* interfaces by the end of their index: some more than were meant do no harm */
struct links {
	uint64_t bits[16];
	bool locators; /* blackholes, which IPv6 keeps at the loopback */
};
#define LINKS_BITS (sizeof(((struct links *)0)->bits) * 8)

static struct links waiting; /* for the next pass */
static struct {
	struct links links;
	struct dyncast_addr sid;	    /* where it goes on, .. */
	struct dyncast_service_key service; /* .. and after all SIDs */
	unsigned int n_sids, n_routes;
} pass;
static struct event *t_pass;
static bool wanted;

static bool in_pass(uint32_t ifindex)
{
	unsigned int at = ifindex % LINKS_BITS;

	return pass.links.bits[at / 64] & (UINT64_C(1) << at % 64);
}

/* false after the last one */
static bool next_sid(void)
{
	const struct dyncast_sid *sid = dyncast_sid_next(&pass.sid);

	if (!sid)
		return false;
	pass.sid = sid->sid;
	if (sid->ifindex && in_pass(sid->ifindex)) {
		dyncast_sid_resend(&sid->sid);
		pass.n_sids++;
	}
	return true;
}

static bool next_service(void)
{
	struct dyncast_service *s = dyncast_service_next(&pass.service);

	if (!s)
		return false;
	pass.service = s->key;
	if (dyncast_route_resend(s, in_pass))
		pass.n_routes++;
	return true;
}

static void resend_begin(struct event *e);

static void resend_step(struct event *e)
{
	int64_t began = dyncast_now_ms();

	(void)e;
	while (next_sid() || next_service()) {
		if (dyncast_now_ms() - began < STEP_MS)
			continue;
		event_add_event(dyncast_loop, resend_step, NULL, 0, &t_pass);
		return;
	}
	DYNCAST_DEBUG("sent again: %u SID(s), %u route(s)", pass.n_sids,
		      pass.n_routes);
	if (wanted)
		event_add_timer_msec(dyncast_loop, resend_begin, NULL, LATER_MS,
				     &t_pass);
}

static void resend_begin(struct event *e)
{
	memset(&pass, 0, sizeof(pass));
	pass.links = waiting;
	memset(&waiting, 0, sizeof(waiting));
	wanted = false;
	if (pass.links.locators)
		dyncast_sid_locators_resend();
	resend_step(e);
}

static void want(unsigned int ms)
{
	wanted = true;
	if (!t_pass)
		event_add_timer_msec(dyncast_loop, resend_begin, NULL, ms,
				     &t_pass);
}

void dyncast_resend_later(uint32_t ifindex)
{
	struct interface *ifp = if_lookup_by_index(ifindex, VRF_DEFAULT);
	unsigned int at = ifindex % LINKS_BITS;

	waiting.bits[at / 64] |= UINT64_C(1) << at % 64;
	if (ifp && if_is_loopback(ifp))
		waiting.locators = true;
	want(LATER_MS);
}

void dyncast_resend_all(void)
{
	memset(waiting.bits, 0xff, sizeof(waiting.bits));
	waiting.locators = true;
	want(0);
}

void dyncast_resend_fini(void)
{
	dyncast_event_off(&t_pass);
}
