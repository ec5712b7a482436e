/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Services and their candidates, as bgpd_dyncast's sets describe them and as
 * time and routing change them.  This file holds the state and the failure
 * rules (a) and (b) of doc/design.rst; what follows from a change is decided
 * in decide.c.
 *
 * A backend's identity is (service, D-BID).  After a restart of zebra the
 * pinned maps still hold services, ids and rings, and the kernel steers by
 * them: a service that is set again takes them over, so that nothing moves.
 *
 * Main thread.  Called by peer_bgpd.c, nht.c and the timers.
 */

#include <zebra.h>

#include "lib/vrf.h"

#include "apply.h"
#include "compat.h"
#include "decide.h"
#include "feedback.h"
#include "history.h"
#include "links.h"
#include "module.h"
#include "neighbor.h"
#include "route.h"
#include "service.h"
#include "sid.h"
#include "turn.h"
#include "yang.h"
#include "../lib/addr.h"
#include "../lib/override.h"
#include "../lib/ring.h"

DEFINE_MTYPE_STATIC(DYNCAST_ZEBRA, DYNCAST_SERVICE, "Dyncast service");
DEFINE_MTYPE_STATIC(DYNCAST_ZEBRA, DYNCAST_OVERRIDE, "Dyncast override");
DEFINE_MTYPE_STATIC(DYNCAST_ZEBRA, DYNCAST_SITES, "Dyncast sites of a service");

/* a burst of changes makes one decision; sets of one come 50 ms apart anyway */
#define DECIDE_SOON_MS 2
#define DECIDE_NHT_MS 20

/* entries that are looked at each second: some milliseconds */
#define SWEEP_FLOWS 8192
/* While one entry in so many has ended it goes on in further events, so that
 * flows do not end faster than they are forgotten: dead entries would fill the
 * table.  But not more often than this in a second. */
#define SWEEP_WORTH 8
#define SWEEP_EVENTS 64
static struct dyncast_dp_walk *sweep;
static unsigned int sweep_events; /* of this second */

/* what one event takes for looking after services, about */
#define TICK_STEP_MS 3
static struct event *t_tick, *t_sweep;
static struct dyncast_service_key tick_from; /* where it goes on */

struct dyncast_services_head dyncast_services =
	INIT_RBTREE_UNIQ(dyncast_services);

int dyncast_service_cmp(const struct dyncast_service *a,
			const struct dyncast_service *b)
{
	return dyncast_service_key_cmp(&a->key, &b->key);
}

struct dyncast_service *
dyncast_service_find(const struct dyncast_service_key *key)
{
	struct dyncast_service ref = {.key = *key};

	return dyncast_services_find(&dyncast_services, &ref);
}

struct dyncast_service *
dyncast_service_next(const struct dyncast_service_key *after)
{
	struct dyncast_service ref = {.key = *after};
	struct dyncast_service *s =
		dyncast_services_find_gteq(&dyncast_services, &ref);

	return s && dyncast_service_cmp(s, &ref) == 0
		       ? dyncast_services_next(&dyncast_services, s)
		       : s;
}

struct dyncast_service *dyncast_service_find_text(const char *text)
{
	struct dyncast_prefix prefix;
	bool is_prefix = dyncast_prefix_parse(text, &prefix);
	struct dyncast_service *s;

	frr_each (dyncast_services, &dyncast_services, s) {
		if (s->name[0] && strcmp(s->name, text) == 0)
			return s;
		if (is_prefix &&
		    dyncast_prefix_cmp(&s->key.prefix, &prefix) == 0)
			return s;
	}
	return NULL;
}

const char *dyncast_service_str(const struct dyncast_service *service,
				char *buf, size_t size)
{
	char prefix[DYNCAST_PREFIX_STRLEN];

	dyncast_prefix_str(&service->key.prefix, prefix, sizeof(prefix));
	if (service->name[0])
		snprintf(buf, size, "%s (%s)", service->name, prefix);
	else
		snprintf(buf, size, "%s", prefix);
	return buf;
}

/* ---- services --------------------------------------------------------- */

/* few services have one, and it is large */
static const struct dyncast_override no_override;

static void override_set(struct dyncast_service *s,
			 const struct dyncast_override *override)
{
	struct dyncast_override *copy;

	if (s->override != &no_override) {
		copy = (struct dyncast_override *)s->override;
		XFREE(MTYPE_DYNCAST_OVERRIDE, copy);
	}
	s->override = &no_override;
	if (dyncast_override_empty(override))
		return;
	copy = XMALLOC(MTYPE_DYNCAST_OVERRIDE, sizeof(*copy));
	*copy = *override;
	s->override = copy;
}

static struct dyncast_service *
service_new(const struct dyncast_service_key *key)
{
	struct dyncast_service *s = XCALLOC(MTYPE_DYNCAST_SERVICE, sizeof(*s));

	s->key = *key;
	s->override = &no_override;
	s->dp_index = -1;
	s->seed = dyncast_ring_seed(&key->prefix);
	dyncast_backends_init(&s->backends);
	dyncast_histories_init(&s->histories);
	dyncast_services_add(&dyncast_services, s);
	return s;
}

/* set NULL: none */
static void sites_track(struct dyncast_service *s,
			const struct dyncast_set *set)
{
	struct dyncast_nht **old = s->sites;
	unsigned int n_old = s->n_sites;

	s->sites = NULL;
	s->n_sites = set ? set->n_sites : 0;
	if (s->n_sites)
		s->sites = XCALLOC(MTYPE_DYNCAST_SITES,
				   s->n_sites * sizeof(*s->sites));
	for (unsigned int i = 0; i < s->n_sites; i++)
		s->sites[i] = dyncast_nht_ref(s->key.vrf_id, &set->sites[i]);
	for (unsigned int i = 0; i < n_old; i++)
		dyncast_nht_unref(&old[i]);
	XFREE(MTYPE_DYNCAST_SITES, old);
}

void dyncast_service_drop(struct dyncast_service *s, bool from_kernel)
{
	struct dyncast_backend *b;

	dyncast_timer_cancel(&s->t_decide);
	dyncast_route_withdraw(s);
	frr_each_safe (dyncast_backends, &s->backends, b)
		dyncast_backend_drop(b, false);
	sites_track(s, NULL);
	override_set(s, &no_override);
	dyncast_turn_free(s);
	dyncast_backends_fini(&s->backends);
	dyncast_history_forget(s);
	dyncast_histories_fini(&s->histories);
	dyncast_service_leave(s, from_kernel);
	dyncast_services_del(&dyncast_services, s);
	XFREE(MTYPE_DYNCAST_SERVICE, s);
}

bool dyncast_service_reap(struct dyncast_service *service)
{
	if (!service->removed || dyncast_backends_count(&service->backends))
		return false;
	dyncast_yang_tick(service);
	DYNCAST_DEBUG("nothing left of a removed service: deleted");
	dyncast_service_drop(service, true);
	return true;
}

static void set_candidate(struct dyncast_service *s,
			  const struct dyncast_candidate *c, int64_t now)
{
	struct dyncast_backend *b = dyncast_backend_find(s, &c->instance.dbid);

	if (!b)
		b = dyncast_backend_new(s, &c->instance.dbid);
	if (b->seen)
		return; /* the first of two with one D-BID counts */
	b->seen = true;
	b->data = *c;
	b->received_ms = now;
	b->presence = DYNCAST_PRESENT;
	dyncast_backend_track(b);
	dyncast_backend_check(b);
	dyncast_feedback(b);
}

void dyncast_service_set(const struct dyncast_set *set)
{
	struct dyncast_service *s = dyncast_service_find(&set->service);
	int64_t now = dyncast_now_ms();
	struct dyncast_backend *b;

	if (!s)
		s = service_new(&set->service);
	s->removed = false;
	s->stale = false;
	s->plain = set->n_sites && !set->n_candidates;
	strlcpy(s->name, set->name, sizeof(s->name));
	s->policy_changed =
		s->policy_changed ||
		memcmp(&s->policy, &set->policy, sizeof(s->policy)) ||
		memcmp(s->override, &set->override, sizeof(*s->override));
	s->policy = set->policy;
	override_set(s, &set->override);
	sites_track(s, set);
	dyncast_service_open(s);

	frr_each (dyncast_backends, &s->backends, b)
		b->seen = false;
	for (unsigned int i = 0; i < set->n_candidates; i++)
		set_candidate(s, &set->candidates[i], now);
	frr_each (dyncast_backends, &s->backends, b) {
		if (b->seen)
			continue;
		dyncast_backend_missing(b, set, now);
		dyncast_backend_track(b);
		dyncast_backend_check(b);
	}
	dyncast_decide_later(s, DECIDE_SOON_MS);
}

void dyncast_service_remove(const struct dyncast_service_key *key)
{
	struct dyncast_service *s = dyncast_service_find(key);
	int64_t now = dyncast_now_ms();
	struct dyncast_backend *b;

	if (!s)
		return;
	s->removed = true;
	s->stale = false;
	frr_each (dyncast_backends, &s->backends, b) {
		dyncast_backend_hold(b, now);
		dyncast_backend_check(b);
	}
	dyncast_decide_later(s, DECIDE_SOON_MS);
}

void dyncast_service_stale_all(void)
{
	int64_t until =
		dyncast_now_ms() + (int64_t)dyncast_config.hold_s * 1000;
	struct dyncast_service *s;

	frr_each (dyncast_services, &dyncast_services, s) {
		if (s->stale || s->removed)
			continue;
		s->stale = true;
		s->stale_ms = until;
	}
}

void dyncast_service_unstale_all(void)
{
	struct dyncast_service *s;

	frr_each (dyncast_services, &dyncast_services, s)
		s->stale = false;
}

void dyncast_service_sync_end(void)
{
	struct dyncast_service *s;

	frr_each_safe (dyncast_services, &dyncast_services, s)
		if (s->stale)
			dyncast_service_remove(&s->key);
}

/* true when somebody is gone */
static bool backends_tick(struct dyncast_service *s, bool expired, int64_t now)
{
	struct dyncast_backend *b;
	bool gone = false;

	s->timed = false;
	frr_each (dyncast_backends, &s->backends, b) {
		if (expired ||
		    (b->presence == DYNCAST_HELD && now >= b->expires_ms)) {
			b->presence = DYNCAST_GONE;
			gone = true;
		}
		s->timed |= b->presence == DYNCAST_HELD;
		/* whoever had its SID may have let go of it */
		if (b->sid_refused && b->presence == DYNCAST_PRESENT) {
			dyncast_backend_track(b);
			dyncast_feedback(b);
		}
		s->timed |= b->sid_refused;
	}
	return gone;
}

static void service_tick(struct dyncast_service *s, int64_t now)
{
	bool expired = s->stale && now >= s->stale_ms;
	bool changed = false;

	if (expired) {
		s->removed = true;
		s->stale = false;
	}
	if (expired || s->timed)
		changed = backends_tick(s, expired, now);
	/* its VRF may have come up meanwhile */
	if (s->dp_index < 0)
		dyncast_service_open(s);
	dyncast_dp_ring_tick(s->dp_index);
	if (changed || expired)
		dyncast_decide_later(s, 0);
}

/* a table of a million entries is looked through in about two minutes, when
 * few of them have ended */
static unsigned int flows_sweep(void)
{
	unsigned int deleted = 0;

	if (!dyncast_dp_flow_sweep_walk(&sweep, SWEEP_FLOWS, &deleted))
		dyncast_dp_flow_walk_end(&sweep);
	if (deleted)
		DYNCAST_DEBUG("%u flows ended", deleted);
	return deleted;
}

static void sweep_step(struct event *e)
{
	(void)e;
	if (flows_sweep() >= SWEEP_FLOWS / SWEEP_WORTH &&
	    ++sweep_events < SWEEP_EVENTS)
		event_add_event(dyncast_loop, sweep_step, NULL, 0, &t_sweep);
}

/* ten thousand services are not looked after in one event */
static void tick_step(struct event *e)
{
	struct dyncast_service ref = {.key = tick_from}, *s;
	int64_t now = dyncast_now_ms();

	(void)e;
	for (s = dyncast_services_find_gteq(&dyncast_services, &ref); s;
	     s = dyncast_services_next(&dyncast_services, s)) {
		if (dyncast_now_ms() - now >= TICK_STEP_MS) {
			tick_from = s->key;
			event_add_event(dyncast_loop, tick_step, NULL, 0,
					&t_tick);
			return;
		}
		service_tick(s, now);
		dyncast_yang_tick(s);
	}
	dyncast_recovered_tick(now);
	sweep_events = 0;
	event_add_event(dyncast_loop, sweep_step, NULL, 0, &t_sweep);
}

void dyncast_service_tick(void)
{
	if (dyncast_links_changed())
		dyncast_service_decide_all();
	/* the last round is not over yet */
	if (t_tick)
		return;
	memset(&tick_from, 0, sizeof(tick_from));
	event_add_event(dyncast_loop, tick_step, NULL, 0, &t_tick);
}

/*
 * A change under all services comes as one update for each D-BID.  Looking for
 * the candidates of each by itself would take the square of their number, so
 * one pass over all services, in steps, looks for those of all updates until
 * then. An update during a pass is for the next one.
 */
static struct {
	uint32_t pass;
	bool wanted;
	struct dyncast_service_key from; /* where it goes on */
	struct event *t_step;
} routes;

static bool in_pass(const struct dyncast_nht *nht)
{
	return nht && nht->pass == routes.pass;
}

static void routes_follow(struct dyncast_service *s)
{
	struct dyncast_backend *b;

	for (unsigned int i = 0; i < s->n_sites; i++)
		if (in_pass(s->sites[i]))
			dyncast_decide_later(s, DECIDE_NHT_MS);
	frr_each (dyncast_backends, &s->backends, b) {
		if (!in_pass(b->nht) && !in_pass(b->site_nht))
			continue;
		dyncast_backend_neighbor_track(b);
		dyncast_backend_check(b);
		dyncast_feedback(b);
		dyncast_decide_later(s, DECIDE_NHT_MS);
	}
}

static void routes_begin(struct event *e);

static void routes_step(struct event *e)
{
	struct dyncast_service ref = {.key = routes.from}, *s;
	int64_t now = dyncast_now_ms();

	(void)e;
	for (s = dyncast_services_find_gteq(&dyncast_services, &ref); s;
	     s = dyncast_services_next(&dyncast_services, s)) {
		if (dyncast_now_ms() - now >= TICK_STEP_MS) {
			routes.from = s->key;
			event_add_event(dyncast_loop, routes_step, NULL, 0,
					&routes.t_step);
			return;
		}
		routes_follow(s);
	}
	if (routes.wanted)
		event_add_event(dyncast_loop, routes_begin, NULL, 0,
				&routes.t_step);
}

static void routes_begin(struct event *e)
{
	routes.pass++;
	routes.wanted = false;
	memset(&routes.from, 0, sizeof(routes.from));
	routes_step(e);
}

void dyncast_service_nht_changed(struct dyncast_nht *nht)
{
	nht->pass = routes.pass + 1;
	routes.wanted = true;
	if (!routes.t_step)
		event_add_event(dyncast_loop, routes_begin, NULL, 0,
				&routes.t_step);
}

void dyncast_service_neighbor_changed(struct dyncast_neighbor *neighbor)
{
	struct dyncast_backend *b;

	frr_each (dyncast_neighbor_users, &neighbor->users, b) {
		dyncast_feedback(b);
		dyncast_decide_later(b->service, 0);
	}
}

void dyncast_service_decide_all(void)
{
	struct dyncast_service *s;

	frr_each (dyncast_services, &dyncast_services, s)
		dyncast_decide_later(s, DECIDE_SOON_MS);
}

void dyncast_service_init(void)
{
	dyncast_services_init(&dyncast_services);
	dyncast_history_init();
}

/* the kernel keeps steering: nothing is taken from it */
void dyncast_service_fini(void)
{
	struct dyncast_service *s;

	dyncast_event_off(&t_tick);
	dyncast_event_off(&t_sweep);
	dyncast_event_off(&routes.t_step);
	dyncast_dp_flow_walk_end(&sweep);
	frr_each_safe (dyncast_services, &dyncast_services, s)
		dyncast_service_drop(s, false);
	dyncast_services_fini(&dyncast_services);
	dyncast_history_fini();
}
