/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The decision: each candidate's verdict, then joint cost and weight
 * (lib/cost.h), a step of the ring (turn.c), the kernel's maps (dataplane.h)
 * and the route (route.c).
 *
 * It runs soon after an event (a set, a change of routing or of an interface),
 * four times a second while weights or slots are still moving, once a second
 * while metrics age or the kernel has refused something, and else when metrics
 * begin to age, or from time to time: ten thousand services at rest are to cost
 * next to nothing.  draft-li-dyncast-architecture-00 section 3.
 *
 * After a restart of zebra nothing is moved while a recovered instance waits
 * for the routing daemons to send its route again (at most
 * DYNCAST_GRACE_MS): the kernel's view is the better one until then.  The same
 * holds when the routes to all candidates are lost at once.
 *
 * Main thread; a decision for 256 candidates takes well under a millisecond.
 */

#include <zebra.h>

#include "lib/if.h"
#include "lib/vrf.h"

#include "apply.h"
#include "compat.h"
#include "convert.h"
#include "decap.h"
#include "decide.h"
#include "encap.h"
#include "history.h"
#include "ingress.h"
#include "log_bound.h"
#include "module.h"
#include "neighbor.h"
#include "nht.h"
#include "route.h"
#include "service.h"
#include "turn.h"
#include "veth.h"
#include "../lib/cost.h"
#include "../lib/override.h"

#define TICK_MOVING_MS 250
#define TICK_AGEING_MS 1000
#define TICK_IDLE_MS 10000
/* routes that are lost for one reason are lost within this time, */
#define LOST_TOGETHER_MS 100
/* and come back within this */
#define FOLLOW_MS 2000
#define TICK_LOSING_MS 50 /* and the pace of weights */

/* ---- one candidate ---------------------------------------------------- */

static bool flagged_down(const struct dyncast_backend *b)
{
	return b->presence == DYNCAST_GONE ||
	       (b->data.instance.flags & DYNCAST_INSTANCE_DOWN);
}

static bool neighbor_failed(const struct dyncast_backend *b)
{
	return b->neighbor && b->neighbor->state == DYNCAST_NEIGHBOR_FAILED;
}

static uint8_t reachability(const struct dyncast_backend *b)
{
	const struct dyncast_instance *in = &b->data.instance;

	if (neighbor_failed(b))
		return DYNCAST_VERDICT_DOWN;
	if (dyncast_backend_is_local(b)) {
		if (dyncast_nht_on_link(b->nht))
			return DYNCAST_VERDICT_OK;
		return b->nht && b->nht->answered ? DYNCAST_VERDICT_DOWN
						  : DYNCAST_VERDICT_UNRESOLVED;
	}
	if (in->kind == DYNCAST_KIND_NONE && !b->nht)
		return DYNCAST_VERDICT_OK; /* a SID of our own, recovered */
	if (!b->nht || !b->nht->resolved)
		return DYNCAST_VERDICT_UNRESOLVED;
	switch (in->kind) {
	case DYNCAST_KIND_NONE:
		return DYNCAST_VERDICT_OK;
	case DYNCAST_KIND_SRV6:
	case DYNCAST_KIND_IPIP:
		if ((in->kind == DYNCAST_KIND_SRV6 &&
		     in->dbid.family != AF_INET6) ||
		    (b->no_source &&
		     !dyncast_encap_source(in->dbid.family,
					   b->nht->nexthops[0].ifindex)
			      .family))
			return DYNCAST_VERDICT_NO_FORWARDING;
		return DYNCAST_VERDICT_OK;
	case DYNCAST_KIND_ADJACENT:
		return dyncast_nht_on_link(b->nht)
			       ? DYNCAST_VERDICT_OK
			       : DYNCAST_VERDICT_NO_FORWARDING;
	default:
		return DYNCAST_VERDICT_NO_FORWARDING;
	}
}

uint8_t dyncast_backend_verdict(const struct dyncast_backend *b)
{
	uint8_t verdict;

	if (flagged_down(b))
		return DYNCAST_VERDICT_DOWN;
	verdict = reachability(b);
	if (verdict != DYNCAST_VERDICT_OK)
		return verdict;
	if (b->presence == DYNCAST_HELD ||
	    b->data.instance.kind == DYNCAST_KIND_NONE)
		return DYNCAST_VERDICT_HELD;
	if (b->data.instance.flags & DYNCAST_INSTANCE_DRAIN)
		return DYNCAST_VERDICT_DRAIN;
	return DYNCAST_VERDICT_OK;
}

static bool programmed_alive(const struct dyncast_backend *b)
{
	return b->programmed && b->alive;
}

/* The kernel's view of it stands for now: its route is not back yet after a
 * restart, or it may be lost together with all others (see routes_watch()). */
static bool backend_settling(struct dyncast_backend *b, uint8_t verdict)
{
	const struct dyncast_service *s = b->service;

	if (flagged_down(b))
		return false;
	if (dyncast_verdict_alive(verdict)) {
		b->recovered = false;
		return false;
	}
	if (b->recovered && dyncast_now_ms() < s->grace_ms)
		return true;
	return s->losing && verdict == DYNCAST_VERDICT_UNRESOLVED &&
	       programmed_alive(b);
}

uint8_t dyncast_backend_verdict_now(const struct dyncast_backend *b)
{
	uint8_t verdict = dyncast_backend_verdict(b);

	return verdict == DYNCAST_VERDICT_OK ? b->out.verdict : verdict;
}

uint32_t dyncast_backend_age(const struct dyncast_backend *b)
{
	uint64_t age = b->data.instance.metrics.age_ms;

	age += dyncast_now_ms() - b->received_ms;
	return age > UINT32_MAX ? UINT32_MAX : age;
}

uint32_t dyncast_backend_metric(const struct dyncast_backend *b)
{
	if (dyncast_backend_is_local(b) || !b->nht)
		return 0;
	/* BGP's metric says nothing of distance: take its next hop's */
	if (b->nht->type == ZEBRA_ROUTE_BGP && b->site_nht &&
	    b->site_nht->resolved)
		return b->site_nht->metric;
	return b->nht->metric;
}

/* of the way with the least, when there are several: the kernel's route chooses
 * after the outer header is on */
static uint32_t mtu_of(const struct dyncast_nht *nht)
{
	uint32_t least = UINT32_MAX;

	for (unsigned int i = 0; i < nht->n_nexthops; i++)
		least = MIN(least,
			    dyncast_ifindex_mtu(nht->nexthops[i].ifindex));
	return least;
}

static void forwarding_of(const struct dyncast_backend *b, bool alive,
			  struct dyncast_dp_instance *dp)
{
	const struct dyncast_instance *in = &b->data.instance;
	bool adjacent = dyncast_backend_is_adjacent(b);
	const struct dyncast_nht *nht = b->nht;
	const struct dyncast_nexthop *hop;

	memset(dp, 0, sizeof(*dp));
	dp->alive = alive;
	dp->dbid = in->dbid;
	dp->kind = adjacent ? DYNCAST_KIND_ADJACENT : in->kind;
	if (!alive || !nht || !nht->n_nexthops)
		return;
	dp->mtu = mtu_of(nht);
	if (adjacent) {
		dp->nexthop = dyncast_backend_is_local(b) ? b->data.address
							  : in->dbid;
		dp->ifindex = nht->nexthops[0].ifindex;
		return;
	}
	dp->encap_source =
		dyncast_encap_source(in->dbid.family, nht->nexthops[0].ifindex);
	/* several next hops: the kernel's own route chooses per flow */
	if (nht->n_nexthops > 1)
		return;
	hop = &nht->nexthops[0];
	dp->ifindex = hop->ifindex;
	dp->nexthop = hop->gate.family ? hop->gate : in->dbid;
}

static void backend_program(struct dyncast_backend *b, uint8_t verdict)
{
	bool alive = dyncast_verdict_alive(verdict);
	bool was = !b->programmed || b->alive;
	struct dyncast_dp_instance dp, now;

	/* others may have made room for it */
	if (!dyncast_backend_identify(b)) {
		dyncast_decap_update(b);
		return;
	}
	/* nothing is known of how to reach it: what the kernel has stands,
	 * until it is dead */
	if (b->data.instance.kind == DYNCAST_KIND_NONE) {
		if (!alive)
			b->presence = DYNCAST_GONE;
		return;
	}
	forwarding_of(b, alive, &dp);
	if (alive)
		b->no_source = dp.kind != DYNCAST_KIND_ADJACENT &&
			       dp.encap_source.family == 0;
	if (b->programmed && dyncast_dp_instance_read(b->id, &now) &&
	    memcmp(&dp, &now, sizeof(dp)) == 0) {
		dyncast_decap_update(b);
		return;
	}
	if (!dyncast_dp_instance_set(b->id, &dp))
		return; /* logged there; tried again at the next decision */
	b->alive = alive;
	b->programmed = true;
	dyncast_decap_update(b);
	if (was && !alive && flagged_down(b))
		dyncast_dp_instance_void(b->id);
}

void dyncast_backend_check(struct dyncast_backend *b)
{
	if (flagged_down(b))
		backend_program(b, DYNCAST_VERDICT_DOWN);
}

/* ---- one service ------------------------------------------------------ */

/* what the operator says of the candidate's site */
static void override_fill(const struct dyncast_backend *b,
			  struct dyncast_cost_input *in)
{
	const struct dyncast_override *override = b->service->override;
	const struct dyncast_cap *cap;

	in->pinned_away = dyncast_override_away(override, &b->data.site);
	cap = dyncast_override_cap(override, &b->data.site);
	if (!cap)
		return;
	in->cap_group = cap - override->caps + 1;
	in->cap_percent = cap->percent;
}

/* *changed: somebody's verdict is not what it was, somebody is past a threshold
 * who was not, or back, or somebody is new */
static unsigned int collect(struct dyncast_service *s,
			    const struct dyncast_cost_config *config,
			    struct dyncast_backend **backends,
			    struct dyncast_cost_input *in, bool *changed)
{
	struct dyncast_backend *b;
	unsigned int n = 0;

	*changed = false;
	frr_each (dyncast_backends, &s->backends, b) {
		uint8_t verdict = dyncast_backend_verdict(b);
		bool past;

		if (!b->decided || b->verdict != verdict)
			*changed = true;
		b->decided = true;
		b->verdict = verdict;
		if (b->presence == DYNCAST_GONE ||
		    n >= DYNCAST_CANDIDATES_MAX) {
			b->out.weight = b->out.target = 0;
			b->out.verdict = DYNCAST_VERDICT_DOWN;
			continue;
		}
		memset(&in[n], 0, sizeof(in[n]));
		in[n].dbid = b->data.instance.dbid;
		in[n].metrics = b->data.instance.metrics;
		in[n].metrics.age_ms = dyncast_backend_age(b);
		in[n].network_metric = dyncast_backend_metric(b);
		in[n].verdict = verdict;
		in[n].withheld = b->data.withheld;
		in[n].weight = b->out.weight;
		in[n].state = b->out.state;
		override_fill(b, &in[n]);
		past = dyncast_cost_past_threshold(config, &in[n]);
		if (b->past != past)
			*changed = true;
		b->past = past;
		backends[n++] = b;
	}
	return n;
}

/* between two decisions; 0 before the first */
static uint32_t elapsed_ms(int64_t before, int64_t now)
{
	int64_t elapsed = before ? now - before : 0;

	return elapsed < 0 ? 0 : elapsed > UINT32_MAX ? UINT32_MAX : elapsed;
}

/* true when a further call would still move a weight */
static bool weigh(struct dyncast_service *s)
{
	static struct dyncast_backend *backends[DYNCAST_CANDIDATES_MAX];
	static struct dyncast_cost_input in[DYNCAST_CANDIDATES_MAX];
	static struct dyncast_cost_output out[DYNCAST_CANDIDATES_MAX];
	struct dyncast_cost_config config = {
		.network_unit_us = dyncast_config.network_unit_us,
		.policy = s->policy,
	};
	bool changed;
	unsigned int n = collect(s, &config, backends, in, &changed);
	int64_t now = dyncast_now_ms();
	bool more;

	/* sets may come faster than they are worth a ring */
	s->early =
		!changed && now - s->weighed_ms < (int64_t)DYNCAST_COST_PACE_MS;
	if (s->early)
		return true;
	config.elapsed_ms = elapsed_ms(s->weighed_ms, now);
	s->weighed_ms = now;
	memset(out, 0, sizeof(out));
	more = n && dyncast_cost_weights(&config, in, out, n);
	for (unsigned int i = 0; i < n; i++) {
		/* who is held keeps new flows when there is nobody else, but
		 * here plain anycast is somebody */
		if (s->plain && out[i].verdict == DYNCAST_VERDICT_HELD)
			out[i].weight = out[i].target = 0;
		backends[i]->out = out[i];
		if (out[i].weight != backends[i]->ring_weight)
			s->members_changed = true;
	}
	return more;
}

static void enable(struct dyncast_service *s)
{
	struct dyncast_dp_service dp;

	if (s->dp_index < 0)
		return;
	memset(&dp, 0, sizeof(dp));
	dp.table_id = s->table_id;
	dp.prefix = s->key.prefix;
	dp.affinity =
		s->policy.affinity ? s->policy.affinity : DYNCAST_AFFINITY_FLOW;
	dp.plen = s->policy.plen;
	dp.timeout_s = s->policy.timeout_s ? s->policy.timeout_s
					   : DYNCAST_FLOW_TIMEOUT_DEFAULT;
	dp.rests = s->dry;
	if (s->listed && memcmp(&dp, &s->dp, sizeof(dp)) == 0)
		return;
	s->listed = dyncast_dp_service_enable(s->dp_index, &dp);
	s->enabled = s->listed && !s->dry;
	s->dp = dp;
}

static void isolate(struct dyncast_service *s, int64_t now)
{
	struct dyncast_backend *b;
	char buf[DYNCAST_SERVICE_STRLEN];

	dyncast_log_bounded(
		zlog_warn, "services that lost the routes to all candidates",
		"dyncast: service %s: the routes to all candidates are lost, by this router's own link or IGP; it steers as before for %u s at most",
		dyncast_service_str(s, buf, sizeof(buf)),
		(unsigned int)(dyncast_apply_settle_ms() / 1000));
	s->grace_ms = now + dyncast_apply_settle_ms();
	frr_each (dyncast_backends, &s->backends, b)
		b->recovered = b->recovered || programmed_alive(b);
}

/*
 * Routes go one by one, also when the reason is one: this router's own link
 * or IGP.  Flows re-pinned at the first loss would move to candidates that
 * are lost a moment later.  So a loss waits for what is lost with it, and
 * when nobody is left, nor a site that the plain route could lead to, all stay
 * in the kernel as after a restart, until the first comes back and the others
 * had time to follow.
 */
static void routes_watch(struct dyncast_service *s, int64_t now)
{
	unsigned int standing = 0, falling = 0;
	struct dyncast_backend *b;

	frr_each (dyncast_backends, &s->backends, b) {
		uint8_t verdict = dyncast_backend_verdict(b);

		if (dyncast_verdict_alive(verdict))
			standing++;
		else if (verdict == DYNCAST_VERDICT_UNRESOLVED)
			falling += programmed_alive(b);
	}
	for (unsigned int i = 0; i < s->n_sites; i++)
		standing += s->sites[i]->resolved;
	if (!falling)
		s->lost_ms = 0;
	else if (!s->lost_ms)
		s->lost_ms = now;
	s->losing = falling && now - s->lost_ms < LOST_TOGETHER_MS;

	if (!falling || standing) {
		if (s->isolated)
			s->grace_ms = MIN(s->grace_ms, now + FOLLOW_MS);
		s->isolated = false;
	} else if (!s->losing && !s->isolated) {
		s->isolated = true;
		isolate(s, now);
	}
}

/* program everyone; true while the kernel's view of one still stands */
static bool program_all(struct dyncast_service *s)
{
	struct dyncast_backend *b;
	bool settling = false;
	uint8_t verdict;

	routes_watch(s, dyncast_now_ms());
	frr_each (dyncast_backends, &s->backends, b) {
		verdict = dyncast_backend_verdict(b);
		if (backend_settling(b, verdict))
			settling = true;
		else
			backend_program(b, verdict);
	}
	if (dyncast_veth_needed(s) != s->by_device) {
		s->by_device = !s->by_device;
		dyncast_ingress_scan_later();
		dyncast_decide_later(s, TICK_MOVING_MS);
	}
	return settling;
}

/* what could not be done is tried again */
static bool refused(const struct dyncast_service *s,
		    const struct dyncast_backend *b)
{
	if (!dyncast_dp_active())
		return false;
	if (b->id && !b->programmed &&
	    b->data.instance.kind != DYNCAST_KIND_NONE)
		return true;
	return dyncast_decap_pending(b) || dyncast_backend_no_room(b) ||
	       (s->dp_index >= 0 && !s->listed);
}

/* until when nothing changes by itself */
static unsigned int idle_ms(struct dyncast_service *s)
{
	unsigned int idle = TICK_IDLE_MS;
	struct dyncast_backend *b;

	frr_each (dyncast_backends, &s->backends, b) {
		uint32_t age = dyncast_backend_age(b);

		if (refused(s, b))
			return TICK_AGEING_MS;
		if (!b->data.instance.metrics.has ||
		    age >= DYNCAST_AGE_STALE_MS + TICK_AGEING_MS)
			continue;
		if (age >= DYNCAST_AGE_FRESH_MS)
			return TICK_AGEING_MS;
		idle = MIN(idle, DYNCAST_AGE_FRESH_MS - age);
	}
	return MAX(idle, TICK_AGEING_MS);
}

static void decide(void *arg)
{
	struct dyncast_service *s = arg;
	struct dyncast_backend *b;
	bool moving = true;

	s->early = false;
	dyncast_turn_dry_run(s);
	if (s->dry)
		enable(s);
	s->settling = program_all(s);
	if (!s->settling) {
		moving = weigh(s);
		if (!s->early)
			dyncast_history_note(s);
		dyncast_turn_ring(s);
		enable(s);
		/* the ring has let go of them */
		frr_each_safe (dyncast_backends, &s->backends, b)
			if (b->presence == DYNCAST_GONE)
				dyncast_backend_free(b);
		if (dyncast_route_update(s, dyncast_now_ms()))
			moving = true;
		if (dyncast_service_reap(s))
			return;
	}
	moving = moving || s->ring_left || s->members_changed;
	dyncast_decide_later(s, s->losing || s->early ? TICK_LOSING_MS
				: moving	      ? TICK_MOVING_MS
						      : idle_ms(s));
}

void dyncast_decide_later(struct dyncast_service *s, unsigned int ms)
{
	int64_t at = dyncast_now_ms() + ms;

	if (s->t_decide.set && s->decide_at_ms <= at)
		return;
	s->decide_at_ms = at;
	dyncast_timer_set(&s->t_decide, decide, s, ms);
}
