// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The life of tunnel devices (ipip.c), one for each D-BID that decap.c wants
 * one for:
 *
 *   LOOK   is all of it there, as it should be?  A former run's serves on, with
 *          no packet lost; and after news of one (watch.c)
 *   CLEAR  what is there is not as it should be, or not wanted any more
 *   MAKE   nothing of it is there
 *
 * Each is a step, and there is one step in an event: making a device takes the
 * kernel milliseconds and removing one some ten, of which a site that goes has
 * as many as instances.  What comes is before what goes.
 *
 * What the kernel refuses is tried again, at first after a second and then ever
 * more rarely; so is what somebody else removes again and again, so that two
 * who do not agree make no storm.  The log tells the first time of each.
 *
 * Main thread.
 */

#include <zebra.h>

#include "lib/typesafe.h"

#include "compat.h"
#include "decap.h"
#include "dataplane.h"
#include "feedback.h"
#include "module.h"
#include "service.h"
#include "sysctl.h"
#include "tunnel.h"
#include "watch.h"
#include "../lib/addr.h"

DEFINE_MTYPE_STATIC(DYNCAST_ZEBRA, DYNCAST_TUNNEL, "Dyncast tunnel device");

/* between steps, for others to have their turn */
#define STEP_MS 1
/* between two looks at one: its parts go one after the other */
#define LOOK_MS 100
#define PAUSE_MIN_MS 1000
#define PAUSE_MAX_MS 60000
/* Where the kernel has no such device each attempt starts a modprobe. */
#define PAUSE_ABSENT_MS 600000
/* whole for so long: what happens then is a new story */
#define CALM_MS 120000

enum step { STEP_NONE, STEP_LOOK, STEP_CLEAR, STEP_MAKE };

PREDECL_RBTREE_UNIQ(tunnels);
struct tunnel {
	struct tunnels_item item;
	struct dyncast_backend *owner; /* NULL: it goes */
	struct dyncast_ipip ipip;
	enum step step; /* what is next, .. */
	int64_t due_ms; /* .. and when */
	bool made;
	uint32_t ifindex;      /* of the device, when made */
	int error;	       /* of the last attempt .. */
	bool failed;	       /* .. or of one before, since it was there */
	const char *missing;   /* what somebody else has taken .. */
	bool held;	       /* .. too often: it waits */
	unsigned int pause_ms; /* before the next attempt; 0: all was well */
	int64_t made_ms;       /* when it was seen to be whole, first .. */
	int64_t looked_ms;     /* .. and last */
	unsigned int remade;
};

static int tunnel_cmp(const struct tunnel *a, const struct tunnel *b)
{
	return dyncast_addr_cmp(&a->ipip.dbid, &b->ipip.dbid);
}
DECLARE_RBTREE_UNIQ(tunnels, struct tunnel, item, tunnel_cmp);

static struct tunnels_head tunnels = INIT_RBTREE_UNIQ(tunnels);
static unsigned int owned; /* those that are to be */
static bool refused;	   /* somebody: may ask again when one goes */
static bool absent;	   /* the kernel has no such device: said */
static bool watched;
static struct event *t_step;
static int64_t step_at_ms;

static struct tunnel *tunnel_find(const struct dyncast_addr *dbid)
{
	const struct tunnel key = {.ipip.dbid = *dbid};

	return tunnels_find(&tunnels, &key);
}

static struct tunnel *tunnel_of(const struct dyncast_backend *owner)
{
	struct tunnel *t = tunnel_find(&owner->data.instance.dbid);

	return t && t->owner == owner ? t : NULL;
}

static struct tunnel *tunnel_new(const struct dyncast_addr *dbid)
{
	struct tunnel *t = XCALLOC(MTYPE_DYNCAST_TUNNEL, sizeof(*t));

	t->ipip.dbid = *dbid;
	tunnels_add(&tunnels, t);
	dyncast_watch(&watched, true);
	return t;
}

static void tunnel_free(struct tunnel *t)
{
	tunnels_del(&tunnels, t);
	XFREE(MTYPE_DYNCAST_TUNNEL, t);
	if (!tunnels_count(&tunnels))
		dyncast_watch(&watched, false);
}

static enum dyncast_tunnel_state state_of(const struct tunnel *t)
{
	return t->made		     ? DYNCAST_TUNNEL_MADE
	       : t->error || t->held ? DYNCAST_TUNNEL_FAILED
				     : DYNCAST_TUNNEL_COMING;
}

static const char *name_of(const struct tunnel *t)
{
	static char name[DYNCAST_IPIP_NAME_SIZE];

	dyncast_ipip_name(&t->ipip.dbid, name);
	return name;
}

/* ---- one step in an event --------------------------------------------- */

static void tunnel_step(struct event *e);

static void step_at(int64_t at_ms)
{
	int64_t wait = at_ms - dyncast_now_ms();

	if (t_step && step_at_ms <= at_ms)
		return;
	dyncast_event_off(&t_step);
	step_at_ms = at_ms;
	event_add_timer_msec(dyncast_loop, tunnel_step, NULL,
			     MAX(wait, STEP_MS), &t_step);
}

static void step_later(struct tunnel *t, enum step step, int64_t due_ms)
{
	t->step = step;
	t->due_ms = due_ms;
	step_at(due_ms);
}

static unsigned int pause_next(const struct tunnel *t)
{
	if (t->error == EOPNOTSUPP)
		return PAUSE_ABSENT_MS;
	return t->pause_ms ? MIN(2 * t->pause_ms, PAUSE_MAX_MS) : PAUSE_MIN_MS;
}

/* A device without an address lets nothing through in either mode. */
static void rp_filter_check(void)
{
	static bool said;

	if (said || !dyncast_sysctl("ipv4", "conf/all/rp_filter"))
		return;
	zlog_warn(
		"dyncast: net.ipv4.conf.all.rp_filter is not 0: the kernel drops what tunnel devices unpack; set it to 0, and on each interface as is wanted");
	said = true;
}

static void failure_log(const struct tunnel *t)
{
	if (t->error != EOPNOTSUPP) {
		zlog_warn(
			"dyncast: the kernel made no tunnel device %s for instance %s of service %s: %s; tried again from time to time",
			name_of(t), t->owner->data.instance.name,
			t->owner->service->name, safe_strerror(t->error));
		return;
	}
	if (!absent && dyncast_dp_active())
		zlog_info(
			"dyncast: the kernel has no ipip or sit device: BPF unpacks IP-in-IP, past netfilter");
	absent = true;
}

static void whole(struct tunnel *t)
{
	t->looked_ms = dyncast_now_ms();
	if (t->made)
		return;
	if (t->failed) {
		zlog_info("dyncast: tunnel device %s is there now", name_of(t));
		t->pause_ms = 0;
	}
	t->made = true;
	t->ifindex = dyncast_ipip_ifindex(&t->ipip.dbid);
	t->made_ms = t->looked_ms;
	t->failed = t->held = false;
	rp_filter_check();
	dyncast_decap_update(t->owner);
}

/* what was whole is not any more: made at once the first time */
static void broken(struct tunnel *t, const char *missing)
{
	int64_t now = dyncast_now_ms();

	t->looked_ms = now;
	if (!t->made) {
		step_later(t, STEP_CLEAR, now);
		return;
	}
	if (now - t->made_ms > CALM_MS)
		t->pause_ms = 0;
	if (!t->pause_ms)
		zlog_warn(
			"dyncast: something else has removed %s of tunnel device %s, which is made again",
			missing, name_of(t));
	t->made = false;
	t->missing = missing;
	t->remade++;
	t->held = t->pause_ms != 0;
	step_later(t, STEP_CLEAR, now + t->pause_ms);
	t->pause_ms = pause_next(t);
	dyncast_decap_update(t->owner);
}

static void look(struct tunnel *t)
{
	const char *missing = dyncast_ipip_missing(&t->ipip);

	if (missing)
		broken(t, missing);
	else
		whole(t);
}

static void make(struct tunnel *t)
{
	t->error = dyncast_ipip_make(&t->ipip);
	if (!t->error) {
		whole(t);
		return;
	}
	if (!t->failed)
		failure_log(t);
	t->failed = true;
	t->pause_ms = pause_next(t);
	/* parts of it may be there */
	step_later(t, STEP_CLEAR, dyncast_now_ms());
	dyncast_decap_update(t->owner);
	if (t->owner)
		dyncast_feedback(t->owner);
}

/* it is gone: others may have its place, or its D-BID */
static void cleared(struct tunnel *t)
{
	if (t->owner) {
		step_later(t, STEP_MAKE,
			   dyncast_now_ms() + (t->error ? t->pause_ms : 0));
		return;
	}
	tunnel_free(t);
}

static void step_do(struct tunnel *t)
{
	enum step step = t->step;

	t->step = STEP_NONE;
	switch (step) {
	case STEP_NONE:
		break;
	case STEP_LOOK:
		look(t);
		break;
	case STEP_CLEAR:
		dyncast_ipip_clear(&t->ipip.dbid);
		cleared(t);
		break;
	case STEP_MAKE:
		make(t);
		break;
	}
}

/* of what is due: what is to be comes first */
static struct tunnel *next(int64_t now, int64_t *due_ms)
{
	struct tunnel *t, *best = NULL;

	*due_ms = INT64_MAX;
	frr_each (tunnels, &tunnels, t) {
		if (t->step == STEP_NONE)
			continue;
		*due_ms = MIN(*due_ms, t->due_ms);
		if (t->due_ms <= now && (!best || (t->owner && !best->owner)))
			best = t;
	}
	return best;
}

static void tunnel_step(struct event *e)
{
	struct tunnel *t;
	int64_t due_ms;

	(void)e;
	t = next(dyncast_now_ms(), &due_ms);
	if (t)
		step_do(t);
	next(0, &due_ms);
	if (due_ms != INT64_MAX)
		step_at(due_ms);
}

/* ---- wanted, and not any more ----------------------------------------- */

static void disown(struct tunnel *t)
{
	t->owner = NULL;
	owned--;
	t->made = t->failed = t->held = false;
	t->error = 0;
	step_later(t, STEP_CLEAR, dyncast_now_ms());
	if (refused)
		dyncast_service_decide_all();
	refused = false;
}

enum dyncast_tunnel_state dyncast_tunnel_want(struct dyncast_backend *owner,
					      const struct dyncast_ipip *ipip)
{
	struct tunnel *t = tunnel_find(&ipip->dbid);

	if (t && t->owner && t->owner != owner) {
		refused = true;
		return DYNCAST_TUNNEL_NONE;
	}
	if (t && t->owner && memcmp(&t->ipip, ipip, sizeof(*ipip)) == 0)
		return state_of(t);
	if (!t || !t->owner) {
		if (owned >= DYNCAST_IPIP_MAX) {
			refused = true;
			return DYNCAST_TUNNEL_NONE;
		}
		if (!t)
			t = tunnel_new(&ipip->dbid);
		t->owner = owner;
		owned++;
	}
	t->ipip = *ipip;
	t->made = t->failed = t->held = false;
	t->error = 0;
	t->pause_ms = t->remade = 0;
	step_later(t, STEP_LOOK, dyncast_now_ms());
	return DYNCAST_TUNNEL_COMING;
}

void dyncast_tunnel_drop(const struct dyncast_backend *owner)
{
	struct tunnel *t = tunnel_of(owner);

	if (t)
		disown(t);
}

void dyncast_tunnel_sweep(const struct dyncast_addr *dbid)
{
	struct tunnel *t;

	if (tunnel_find(dbid))
		return;
	t = tunnel_new(dbid);
	zlog_info(
		"dyncast: tunnel device %s of a former run belongs to no instance: removed",
		name_of(t));
	step_later(t, STEP_CLEAR, dyncast_now_ms());
}

static void forget_all(void)
{
	struct tunnel *t;

	dyncast_event_off(&t_step);
	dyncast_watch(&watched, false);
	while ((t = tunnels_pop(&tunnels)))
		XFREE(MTYPE_DYNCAST_TUNNEL, t);
	owned = 0;
	refused = false;
}

void dyncast_tunnel_clear(void)
{
	forget_all();
	dyncast_ipip_clear_all();
}

/* ---- others' doing ---------------------------------------------------- */

static void suspect(struct tunnel *t)
{
	int64_t at = MAX(dyncast_now_ms(), t->looked_ms + LOOK_MS);

	if (t->made && t->step == STEP_NONE)
		step_later(t, STEP_LOOK, at);
}

void dyncast_tunnel_suspect(const struct dyncast_addr *dbid)
{
	struct tunnel *t;

	frr_each (tunnels, &tunnels, t)
		if (!dbid || dyncast_addr_cmp(&t->ipip.dbid, dbid) == 0)
			suspect(t);
}

void dyncast_tunnel_suspect_link(uint32_t ifindex)
{
	struct tunnel *t;

	frr_each (tunnels, &tunnels, t)
		if (t->ipip.ifindex == ifindex || t->ifindex == ifindex)
			suspect(t);
}

/* ---- what is said of them --------------------------------------------- */

bool dyncast_tunnel_status(const struct dyncast_backend *owner,
			   struct dyncast_tunnel_status *status)
{
	const struct tunnel *t = tunnel_of(owner);
	int64_t now = dyncast_now_ms();

	memset(status, 0, sizeof(*status));
	if (!t)
		return false;
	status->state = state_of(t);
	strlcpy(status->device, name_of(t), sizeof(status->device));
	status->remade = t->remade;
	if (t->made)
		return true;
	if (t->due_ms > now)
		status->retry_ms = t->due_ms - now;
	if (t->error == EEXIST)
		strlcpy(status->problem,
			"another device has the same local address",
			sizeof(status->problem));
	else if (t->error)
		snprintf(status->problem, sizeof(status->problem),
			 "the kernel refuses it: %s", safe_strerror(t->error));
	else if (t->remade)
		snprintf(status->problem, sizeof(status->problem),
			 "something else has removed %s", t->missing);
	return true;
}

const char *dyncast_tunnel_problem(const struct dyncast_backend *owner)
{
	const struct tunnel *t = tunnel_find(&owner->data.instance.dbid);

	if (t && t->owner && t->owner != owner)
		return "another instance has the same D-BID";
	if (t && t->owner && t->error == EOPNOTSUPP)
		return "IP-in-IP is unpacked by BPF, which the kernel refuses (see `show dyncast forwarding`), or by ipip and sit devices, which it does not have";
	if (t && t->owner && t->error)
		return "the kernel refuses BPF, and made no tunnel device, see `show dyncast forwarding`";
	if (t && t->owner && t->held)
		return "the kernel refuses BPF, and something else removes its tunnel device again and again, see `show dyncast forwarding`";
	if ((!t || !t->owner) && owned >= DYNCAST_IPIP_MAX)
		return "the kernel refuses BPF, and there are as many tunnel devices as there may be";
	return NULL;
}

/* ---- life ------------------------------------------------------------- */

void dyncast_tunnel_init(void)
{
	tunnels_init(&tunnels);
}

void dyncast_tunnel_fini(void)
{
	struct tunnel *t;

	/* those that were to go have no next event */
	frr_each (tunnels, &tunnels, t)
		if (!t->owner)
			dyncast_ipip_clear(&t->ipip.dbid);
	forget_all();
	tunnels_fini(&tunnels);
}
