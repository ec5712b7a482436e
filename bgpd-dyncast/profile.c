// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Flags of the attribute on its way through bgpd, and bgpd's process queue;
 * see profile.h.
 *
 * The flags have to be right before bgpd takes a path out of its process
 * queue: peers would get one UPDATE with the wrong ones and another with the
 * right ones.  So the queue's work function is wrapped, as an event alone may
 * come after it.
 */

#include "lib/stream.h"
#include "lib/workqueue.h"

#include "profile.h"
#include "../lib/attr_update.h"

DEFINE_MTYPE(DYNCAST, DYNCAST_REFLAG, "Dyncast path to reflag");
DEFINE_MTYPE_STATIC(DYNCAST, DYNCAST_FLAGS, "Dyncast bad flags");

/* A prefix whose paths may have flags for the parser's eyes only. */
PREDECL_LIST(reflags);
struct reflag {
	struct reflags_item item;
	struct bgp *bgp;
	struct bgp_dest *dest; /* locked */
};
DECLARE_LIST(reflags, struct reflag, item);

/* Neighbors whose flags were complained about. */
PREDECL_LIST(blames);
struct blame {
	struct blames_item item;
	struct dyncast_addr peer;
};
DECLARE_LIST(blames, struct blame, item);

struct dyncast_profile_counters dyncast_profile_counters;

static struct reflags_head reflags;
static struct blames_head blames;
static struct event *t_reflag;
/* bgpd's own, the same for all instances; NULL: none was wrapped yet */
static wq_item_status (*process_work)(struct work_queue *wq, void *data);
static unsigned int process_hold_ms;

/* ------------------------------------------------------------------------- */
/* before the parser                                                         */
/* ------------------------------------------------------------------------- */

static void bad_flags_note(const struct peer *peer)
{
	struct dyncast_addr from = dyncast_addr_from_su(dyncast_peer_su(peer));
	char text[DYNCAST_ADDR_STRLEN];
	struct blame *blame;

	dyncast_profile_counters.bad_flags++;
	frr_each (blames, &blames, blame)
		if (!dyncast_addr_cmp(&blame->peer, &from))
			return;
	blame = XCALLOC(MTYPE_DYNCAST_FLAGS, sizeof(*blame));
	blame->peer = from;
	blames_add_tail(&blames, blame);
	zlog_warn(
		"dyncast: attribute %u from %s has wrong flags, those of profile \"%s\" are 0x%02x: its paths have no metrics (logged once per neighbor, counted in \"show dyncast bgp\")",
		dyncast_attr_code(),
		dyncast_addr_str(&from, text, sizeof(text)),
		dyncast_state.ietf ? "ietf" : "transitive",
		dyncast_attr_flags());
}

int dyncast_profile_packet(struct peer *peer, uint8_t type, bgp_size_t size,
			   struct stream *s)
{
	enum dyncast_update_result result;
	unsigned int repeated;

	if (type != BGP_MSG_UPDATE)
		return 0;
	/* bgpd has read the header, and parses what is behind it next */
	result = dyncast_update_prepare(stream_pnt(s), STREAM_READABLE(s),
					dyncast_attr_code(),
					dyncast_attr_flags(), &repeated);
	if (result == DYNCAST_UPDATE_NONE)
		return 0;
	dyncast_profile_counters.updates++;
	dyncast_profile_counters.repeated += repeated;
	if (result == DYNCAST_UPDATE_BAD_FLAGS)
		bad_flags_note(peer);
	return 0;
}

/* ------------------------------------------------------------------------- */
/* before the decision                                                       */
/* ------------------------------------------------------------------------- */

/* Give the path's attribute the profile's flags; bgpd shares attributes
 * between paths, so this one gets another. */
static void path_reflag(struct bgp_path_info *pi)
{
	struct transit *old = bgp_attr_get_transit(pi->attr), *transit;
	struct attr attr, *interned;
	const uint8_t *value;
	size_t len;

	if (!old || old->length <= 0)
		return;
	value = dyncast_attr_find(old->val, old->length, dyncast_attr_code(),
				  &len);
	if (!value)
		return;
	transit = XCALLOC(MTYPE_TRANSIT, sizeof(*transit));
	transit->length = old->length;
	transit->val = XMALLOC(MTYPE_TRANSIT_VAL, old->length);
	memcpy(transit->val, old->val, old->length);
	if (!dyncast_attr_reflag(transit->val, transit->length,
				 dyncast_attr_code(), dyncast_attr_flags())) {
		XFREE(MTYPE_TRANSIT_VAL, transit->val);
		XFREE(MTYPE_TRANSIT, transit);
		return;
	}
	dyncast_attr_dup(&attr, pi->attr);
	bgp_attr_set_transit(&attr, transit);
	interned = bgp_attr_intern(&attr);
	bgp_attr_unintern(&pi->attr);
	pi->attr = interned;
	dyncast_profile_counters.restored++;
}

static void reflag_run(void)
{
	struct bgp_path_info *pi;
	struct reflag *reflag;

	dyncast_event_cancel(t_reflag);
	while ((reflag = reflags_pop(&reflags))) {
		for (pi = bgp_dest_get_bgp_path_info(reflag->dest);
		     dyncast_state.ietf && pi; pi = pi->next)
			path_reflag(pi);
		bgp_dest_unlock_node(reflag->dest);
		XFREE(MTYPE_DYNCAST_REFLAG, reflag);
	}
}

static void queue_apply(struct work_queue *wq);

static void reflag_event(struct event *event)
{
	reflag_run();
}

void dyncast_profile_process(struct bgp *bgp, struct bgp_dest *dest)
{
	struct reflag *reflag;

	if (!dyncast_state.ietf)
		return;
	queue_apply(bgp->process_queue); /* the instance may be new */
	reflag = XCALLOC(MTYPE_DYNCAST_REFLAG, sizeof(*reflag));
	reflag->bgp = bgp;
	reflag->dest = bgp_dest_lock_node(dest);
	reflags_add_tail(&reflags, reflag);
	/* for what bgpd does not queue */
	if (!t_reflag)
		event_add_event(dyncast_state.loop, reflag_event, NULL, 0,
				&t_reflag);
}

/* in place of bgpd's own */
static wq_item_status process_wrapped(struct work_queue *wq, void *data)
{
	reflag_run();
	return process_work(wq, data);
}

/* ------------------------------------------------------------------------- */
/* bgpd's process queue                                                      */
/* ------------------------------------------------------------------------- */

/* Touched as little as the settings ask for. */
static void queue_apply(struct work_queue *wq)
{
	bool wrapped;

	if (!wq || !wq->spec.workfunc)
		return;
	wrapped = wq->spec.workfunc == process_wrapped;
	if (!process_work) {
		process_work = wq->spec.workfunc;
		process_hold_ms = wq->spec.hold;
	}
	if (dyncast_state.ietf && !wrapped)
		wq->spec.workfunc = process_wrapped;
	else if (!dyncast_state.ietf && wrapped)
		wq->spec.workfunc = process_work;
	wq->spec.hold = dyncast_state.fast
				? MIN(process_hold_ms, DYNCAST_FAST_HOLD_MS)
				: process_hold_ms;
}

void dyncast_profile_apply(void)
{
	struct listnode *node;
	struct bgp *bgp;

	for (ALL_LIST_ELEMENTS_RO(bm->bgp, node, bgp))
		queue_apply(bgp->process_queue);
}

/* With `soft-reconfiguration inbound` bgpd has a copy of what its parser left,
 * and would read that: it has the attribute of the profile before alone. */
void dyncast_profile_refresh(void)
{
	struct listnode *node, *next;
	struct bgp *bgp;
	struct peer *peer;
	afi_t afi;

	for (ALL_LIST_ELEMENTS_RO(bm->bgp, node, bgp)) {
		if (!dyncast_bgp_usable(bgp))
			continue;
		for (ALL_LIST_ELEMENTS_RO(bgp->peer, next, peer))
			for (afi = AFI_IP; afi <= AFI_IP6; afi++)
				if (peer->afc_nego[afi][SAFI_UNICAST])
					dyncast_route_refresh(peer, afi,
							      SAFI_UNICAST);
	}
}

void dyncast_profile_bgp_gone(struct bgp *bgp)
{
	struct reflag *reflag;

	frr_each_safe (reflags, &reflags, reflag) {
		if (reflag->bgp != bgp)
			continue;
		reflags_del(&reflags, reflag);
		bgp_dest_unlock_node(reflag->dest);
		XFREE(MTYPE_DYNCAST_REFLAG, reflag);
	}
}

void dyncast_profile_init(void)
{
	reflags_init(&reflags);
	blames_init(&blames);
}

void dyncast_profile_fini(void)
{
	struct blame *blame;

	reflag_run();
	dyncast_state.ietf = dyncast_state.fast = false;
	dyncast_profile_apply();
	while ((blame = blames_pop(&blames)))
		XFREE(MTYPE_DYNCAST_FLAGS, blame);
}
