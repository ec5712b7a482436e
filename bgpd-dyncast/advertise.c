// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What this site says and when; see advertise.h.
 *
 * A change is one of three kinds: none, "moved" (a metric past its
 * threshold: waits for the service's minimum interval) and "urgent" (another
 * set of instances, flags or policy: waits only DYNCAST_URGENT_MS after the
 * last UPDATE).  Metrics are quantised before they are compared or sent, so
 * that noise makes no UPDATE.
 *
 * Failure rule (a): a path that goes on purpose first says that every
 * instance is down; the withdrawal follows a second later.
 */

#include "advertise.h"
#include "content.h"
#include "origin.h"
#include "peer_zebra.h"
#include "receive.h"
#include "../lib/cost.h"

DEFINE_MTYPE(DYNCAST, DYNCAST_ORIGIN, "Dyncast origin");
DECLARE_DLIST(dyncast_origins, struct dyncast_origin, item);
DECLARE_DLIST(dyncast_soons, struct dyncast_service, soon_item);

static struct dyncast_origins_head origins = INIT_DLIST(origins);
static struct dyncast_soons_head soons = INIT_DLIST(soons);
static struct dyncast_soons_head waits = INIT_DLIST(waits);
static struct dyncast_alarm t_soon, t_waits;

const char *dyncast_advertise_local(const struct dyncast_local *local,
				    bool *advertise, uint8_t *flags)
{
	*advertise = true;
	*flags = dyncast_local_flags(local);
	if (!local->address.family) {
		*advertise = false;
		return "no address configured";
	}
	switch (local->feedback) {
	case DYNCAST_FEEDBACK_READY:
		return dyncast_local_dbid_missing(local);
	case DYNCAST_FEEDBACK_UNREACHABLE:
		*flags |= DYNCAST_INSTANCE_DOWN;
		return "its address does not resolve, or nobody answers there";
	case DYNCAST_FEEDBACK_FAILED:
		*flags |= DYNCAST_INSTANCE_DOWN;
		return "zebra could not install what leads to it, see zebra's log";
	}
	if (dyncast_peer_ever_seen()) {
		*advertise = false;
		return "waiting for zebra to make it reachable";
	}
	if (dyncast_now_ms() - dyncast_state.start_ms <
	    DYNCAST_ZEBRA_GRACE_MS) {
		*advertise = false;
		return "waiting for zebra_dyncast";
	}
	*flags |= DYNCAST_INSTANCE_DOWN;
	return "zebra_dyncast never answered: load it in zebra";
}

/* ------------------------------------------------------------------------- */
/* sending                                                                   */
/* ------------------------------------------------------------------------- */

static void left_out_note(struct dyncast_origin *origin, unsigned int left_out)
{
	char text[DYNCAST_PREFIX_STRLEN];

	if (left_out && !origin->left_out)
		zlog_warn(
			"dyncast: %u of %u instances of %s do not fit into %u bytes of attribute: other routers only know of them in the site's sum; raise \"dyncast attribute size\" on this router",
			left_out, origin->said.n_instances,
			dyncast_prefix_str(&origin->prefix, text, sizeof(text)),
			dyncast_state.attr_size);
	origin->left_out = left_out;
}

/* what was sent last: of the instances, those that had fitted */
static void sent_decode(const struct dyncast_origin *origin,
			struct dyncast_attr *sent)
{
	const uint8_t *value = NULL;
	size_t len = 0;

	/* its code may have been another one */
	if (origin->len)
		value = dyncast_attr_find(origin->value, origin->len,
					  origin->value[1], &len);
	if (!value || dyncast_attr_decode(value, len, sent) != DYNCAST_ATTR_OK)
		memset(sent, 0, sizeof(*sent));
}

/* Encode what is said, or as much of it as fits. */
static size_t origin_encode(struct dyncast_origin *origin, uint8_t *buf,
			    size_t size)
{
	struct dyncast_attr *fitted = XMALLOC(MTYPE_TMP, sizeof(*fitted));
	struct dyncast_attr *before = XMALLOC(MTYPE_TMP, sizeof(*before));
	uint8_t value[DYNCAST_ATTR_SIZE_MAX];
	size_t len;

	*fitted = origin->said;
	sent_decode(origin, before);
	/* our attribute's own header is at most 4 bytes */
	len = dyncast_attr_fit(fitted, before, value,
			       dyncast_state.attr_size - 4);
	if (len)
		left_out_note(origin,
			      origin->said.n_instances - fitted->n_instances);
	XFREE(MTYPE_TMP, before);
	XFREE(MTYPE_TMP, fitted);
	if (!len)
		return 0;
	return dyncast_attr_wrap(dyncast_attr_flags(), dyncast_attr_code(),
				 value, len, buf, size);
}

static void origin_put(struct dyncast_origin *origin)
{
	enum dyncast_origin_result result;

	result = dyncast_origin_push(origin->vrf, &origin->prefix,
				     origin->no_export, origin->value,
				     origin->len);
	origin->present = result != DYNCAST_ORIGIN_NO_BGP;
	if (result == DYNCAST_ORIGIN_CHANGED || result == DYNCAST_ORIGIN_ADDED)
		origin->updates++;
}

/* encode until the bytes differ from those that were sent last */
static size_t origin_encode_anew(struct dyncast_origin *origin, uint8_t *buf,
				 size_t size)
{
	size_t len = origin_encode(origin, buf, size);
	unsigned int i, step;

	for (step = 1; len && len == origin->len &&
		       !memcmp(buf, origin->value, len) && step <= 1000;
	     step *= 10) {
		for (i = 0; i < origin->said.n_instances; i++)
			origin->said.instances[i].metrics.age_ms += step;
		len = origin_encode(origin, buf, size);
	}
	return len;
}

/*
 * Say `want`.  bgpd sends nothing when the bytes are the same, so an age that
 * happens to be that of the last UPDATE is made one unit of the wire older.
 */
static void origin_send(struct dyncast_origin *origin,
			const struct dyncast_attr *want)
{
	uint8_t buf[DYNCAST_ATTR_SIZE_MAX];
	size_t len;

	dyncast_timer_cancel(&origin->t_send);
	origin->said = *want;
	len = origin_encode_anew(origin, buf, sizeof(buf));
	if (!len) {
		zlog_err(
			"dyncast: attribute could not be encoded, nothing is advertised");
		return;
	}
	if (len != origin->len)
		origin->value =
			XREALLOC(MTYPE_DYNCAST_ORIGIN, origin->value, len);
	memcpy(origin->value, buf, len);
	origin->len = len;
	origin->recode = false;
	origin->sent_ms = dyncast_now_ms();
	origin_put(origin);
	DYNCAST_DEBUG("said %zu bytes for %u instances%s", len,
		      origin->said.n_instances,
		      origin->present ? "" : " (no BGP instance yet)");
}

static void origin_free(struct dyncast_origin *origin)
{
	dyncast_timer_cancel(&origin->t_send);
	dyncast_timer_cancel(&origin->t_close);
	if (origin->service)
		origin->service->origin = NULL;
	dyncast_origins_del(&origins, origin);
	XFREE(MTYPE_DYNCAST_ORIGIN, origin->value);
	XFREE(MTYPE_DYNCAST_ORIGIN, origin);
}

static void origin_close_done(void *arg)
{
	struct dyncast_origin *origin = arg;
	struct bgp *bgp = dyncast_bgp_find(origin->vrf);

	if (bgp)
		dyncast_origin_withdraw(bgp, &origin->prefix);
	origin_free(origin);
}

/* Take back: everything down now, the path itself in a moment. */
static void origin_close(struct dyncast_origin *origin)
{
	struct dyncast_attr *last;
	unsigned int i;

	origin->service->origin = NULL;
	origin->service = NULL;
	dyncast_timer_cancel(&origin->t_send);
	if (!origin->len ||
	    !dyncast_origin_present(origin->vrf, &origin->prefix)) {
		origin_free(origin);
		return;
	}
	last = XMALLOC(MTYPE_TMP, sizeof(*last));
	*last = origin->said;
	for (i = 0; i < last->n_instances; i++)
		last->instances[i].flags |= DYNCAST_INSTANCE_DOWN;
	origin_send(origin, last);
	XFREE(MTYPE_TMP, last);
	dyncast_timer_set(&origin->t_close, origin_close_done, origin,
			  DYNCAST_CLOSE_MS);
}

/* The origin of a service: its own, one being taken back, or a new one. */
static struct dyncast_origin *origin_get(struct dyncast_service *service)
{
	struct dyncast_origin *origin = service->origin;

	if (origin)
		return origin;
	frr_each (dyncast_origins, &origins, origin)
		if (!origin->service && !strcmp(origin->vrf, service->vrf) &&
		    !dyncast_prefix_cmp(&origin->prefix, &service->prefix))
			break;
	if (!origin) {
		origin = XCALLOC(MTYPE_DYNCAST_ORIGIN, sizeof(*origin));
		strlcpy(origin->vrf, service->vrf, sizeof(origin->vrf));
		origin->prefix = service->prefix;
		dyncast_origins_add_tail(&origins, origin);
	}
	dyncast_timer_cancel(&origin->t_close);
	origin->service = service;
	service->origin = origin;
	return origin;
}

/* ------------------------------------------------------------------------- */
/* deciding when                                                             */
/* ------------------------------------------------------------------------- */

/* what is held back leaves at multiples of this */
#define HELD_GRID_MS 10

static void origin_timer(void *arg)
{
	struct dyncast_origin *origin = arg;

	dyncast_advertise_service(origin->service);
}

/*
 * Has an agent reported since the last UPDATE?  Or has none for so long that
 * what was said is worth nothing any more?  Whoever learns the path anew takes
 * its metrics for as old as they were when they left.  *want has the instances
 * of what was said.
 */
static bool refresh_due(const struct dyncast_origin *origin,
			const struct dyncast_attr *want, int64_t now)
{
	struct dyncast_local *local;
	unsigned int i;

	for (i = 0; i < want->n_instances; i++)
		if (origin->said.instances[i].metrics.age_ms <
			    DYNCAST_AGE_STALE_MS &&
		    want->instances[i].metrics.age_ms >= DYNCAST_AGE_STALE_MS)
			return true;
	if (now - origin->sent_ms < DYNCAST_REFRESH_MS)
		return false;
	frr_each (dyncast_locals, &origin->service->locals, local)
		if (local->reported_ms > origin->sent_ms)
			return true;
	return false;
}

static void origin_consider(struct dyncast_origin *origin,
			    const struct dyncast_attr *want)
{
	const struct dyncast_service *service = origin->service;
	uint32_t interval = service->interval_ms ? service->interval_ms
						 : DYNCAST_INTERVAL_DEFAULT;
	int64_t now = dyncast_now_ms();
	enum dyncast_change change;
	int64_t wait;

	origin->no_export = service->scope == DYNCAST_SCOPE_INTERNAL;
	if (!origin->len || origin->recode) {
		origin_send(origin, want);
		return;
	}
	change = dyncast_content_compare(service, &origin->said, want);
	if (change == DYNCAST_CHANGE_NONE) {
		dyncast_timer_cancel(&origin->t_send);
		if (refresh_due(origin, want, now)) {
			origin->refreshes++;
			origin_send(origin, want);
		}
		return;
	}
	wait = change == DYNCAST_CHANGE_URGENT
		       ? MIN(interval, DYNCAST_URGENT_MS)
		       : interval;
	wait -= now - origin->sent_ms;
	/* those whose interval ends at about the same time leave together */
	if (change != DYNCAST_CHANGE_URGENT && wait > 0)
		wait += (HELD_GRID_MS - (now + wait) % HELD_GRID_MS) %
			HELD_GRID_MS;
	if (wait <= 0) {
		origin_send(origin, want);
		return;
	}
	if (!origin->t_send.set)
		origin->held_back++;
	dyncast_timer_set(&origin->t_send, origin_timer, origin, wait);
}

/*
 * After a start agents and zebra answer for one instance after another. Whoever
 * hears of some of them only takes the others for removed, and their flows with
 * them; so the first word of a service waits until there is an answer for each,
 * as long as they are waited for at all.  zebra hears of what agents bring up
 * after they have.
 */
static bool first_word_waits(const struct dyncast_service *service)
{
	int64_t grace_ms = DYNCAST_ZEBRA_GRACE_MS;
	const struct dyncast_local *local;

	if (service->origin && service->origin->len)
		return false;
	if (dyncast_service_waits(service))
		return true;
	if (dyncast_service_is_reported(service))
		grace_ms += DYNCAST_REPORTS_GRACE_MS;
	if (dyncast_now_ms() - dyncast_state.start_ms >= grace_ms)
		return false;
	frr_each (dyncast_locals_const, &service->locals, local)
		if (local->address.family && !local->feedback)
			return true;
	return false;
}

void dyncast_advertise_service(struct dyncast_service *service)
{
	struct dyncast_attr *want;

	if (!service->prefix.addr.family || first_word_waits(service))
		return;
	want = XMALLOC(MTYPE_TMP, sizeof(*want));
	dyncast_content_build(service, want);
	if (want->n_instances)
		origin_consider(origin_get(service), want);
	else if (service->origin)
		origin_close(service->origin);
	XFREE(MTYPE_TMP, want);
}

#define SOON_BATCH 256
#define SOON_LOOK_MS 10

static void soon_event(void *arg);

static void soon_add(struct dyncast_service *service)
{
	service->soon_waits = false;
	dyncast_soons_add_tail(&soons, service);
	if (!t_soon.set)
		dyncast_timer_set(&t_soon, soon_event, NULL, DYNCAST_SOON_MS);
}

static void soon_event(void *arg)
{
	struct dyncast_service *service;
	unsigned int n = 0;

	while (n++ < SOON_BATCH && (service = dyncast_soons_pop(&soons))) {
		service->soon = false;
		service->soon_ms = dyncast_now_ms();
		dyncast_advertise_service(service);
		dyncast_receive_service(service);
	}
	if (dyncast_soons_count(&soons))
		dyncast_timer_set(&t_soon, soon_event, NULL, 1);
}

static void waits_event(void *arg)
{
	int64_t now = dyncast_now_ms();
	struct dyncast_service *service;

	frr_each_safe (dyncast_soons, &waits, service) {
		if (now - service->soon_ms < DYNCAST_SOON_PACE_MS)
			continue;
		dyncast_soons_del(&waits, service);
		soon_add(service);
	}
	if (dyncast_soons_count(&waits))
		dyncast_timer_set(&t_waits, waits_event, NULL, SOON_LOOK_MS);
}

/* An agent may report as often as it likes: its service's turn comes at once
 * when the last one was some time ago, and else when it will be. */
void dyncast_advertise_soon(struct dyncast_service *service)
{
	if (service->soon)
		return;
	service->soon = true;
	if (dyncast_now_ms() - service->soon_ms >= DYNCAST_SOON_PACE_MS) {
		soon_add(service);
		return;
	}
	service->soon_waits = true;
	dyncast_soons_add_tail(&waits, service);
	if (!t_waits.set)
		dyncast_timer_set(&t_waits, waits_event, NULL, SOON_LOOK_MS);
}

static void soon_drop(struct dyncast_service *service)
{
	if (service->soon)
		dyncast_soons_del(service->soon_waits ? &waits : &soons,
				  service);
	service->soon = service->soon_waits = false;
}

void dyncast_advertise_gone(struct dyncast_service *service)
{
	soon_drop(service);
}

void dyncast_advertise_all(void)
{
	struct dyncast_service *service;

	frr_each (dyncast_services, &dyncast_state.services, service) {
		soon_drop(service);
		service->soon = true;
		soon_add(service);
	}
}

void dyncast_advertise_recode(void)
{
	struct dyncast_service *service;

	frr_each (dyncast_services, &dyncast_state.services, service)
		if (service->origin)
			service->origin->recode = true;
	dyncast_advertise_all();
}

void dyncast_advertise_forget(struct dyncast_service *service)
{
	if (service->origin)
		origin_close(service->origin);
}

/*
 * Once a second: services whose BGP instance has come (there is no hook for
 * that in 8.4), a path of the user's own that came, went or changed, ages to
 * refresh, instances whose patience with zebra ran out.
 */
void dyncast_advertise_tick(struct dyncast_service *service)
{
	struct dyncast_origin *origin;

	dyncast_advertise_service(service);
	origin = service->origin;
	if (!origin || !origin->len)
		return;
	if (!origin->present && dyncast_bgp_find(origin->vrf)) {
		/* the ages in what was said have grown old */
		origin->len = 0;
		dyncast_advertise_service(service);
	} else {
		origin_put(origin);
	}
}

/*
 * bgpd is about to free the table, and our paths with it.  Nothing is queued
 * for processing here: bgpd would not process it any more, and leak the table.
 */
void dyncast_advertise_bgp_gone(struct bgp *bgp)
{
	struct dyncast_origin *origin;

	frr_each_safe (dyncast_origins, &origins, origin) {
		if (dyncast_bgp_find(origin->vrf) != bgp)
			continue;
		origin->present = false;
		if (!origin->service)
			origin_free(origin);
	}
}

void dyncast_advertise_fini(void)
{
	struct dyncast_origin *origin;

	dyncast_timer_cancel(&t_soon);
	dyncast_timer_cancel(&t_waits);
	while ((origin = dyncast_origins_first(&origins)))
		origin_free(origin);
}
