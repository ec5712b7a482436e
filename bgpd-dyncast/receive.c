// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Reads our attribute from BGP paths; see receive.h.
 *
 * Input is hostile: dyncast_attr_decode checks it, a bad one is counted and
 * logged once per peer and reason, and its path only loses its metrics.
 * Each event reads a bounded number of prefixes, so that bgpd's loop goes on.
 *
 * A next hop that becomes unreachable fires no hook in FRR 8.4, so once a
 * second every tracked prefix is read again; unchanged paths cost a memcmp.
 */

#include "receive.h"
#include "jhash.h"
#include "origin.h"
#include "peer_zebra.h"

DEFINE_MTYPE(DYNCAST, DYNCAST_TRACK, "Dyncast prefix");
DEFINE_MTYPE(DYNCAST, DYNCAST_PATH, "Dyncast path");
DEFINE_MTYPE_STATIC(DYNCAST, DYNCAST_RECHECK, "Dyncast prefix to look at");
DEFINE_MTYPE_STATIC(DYNCAST, DYNCAST_BLAME, "Dyncast malformed attributes");

#define EVENT_DELAY_MS 5
#define EVENT_BATCH 256
#define RECHECK_BATCH 2000

DECLARE_DLIST(dyncast_dirty, struct dyncast_track, dirty_item);

/* A prefix that may carry the attribute after an implicit update. */
PREDECL_LIST(rechecks);
struct recheck {
	struct rechecks_item item;
	struct dyncast_service_key key;
};
DECLARE_LIST(rechecks, struct recheck, item);

/* Which complaints about a peer were logged. */
PREDECL_LIST(blames);
struct blame {
	struct blames_item item;
	struct dyncast_addr peer;
	uint32_t logged; /* bit of enum dyncast_attr_result */
};
DECLARE_LIST(blames, struct blame, item);

struct dyncast_tracks_head dyncast_tracks;
struct dyncast_receive_counters dyncast_receive_counters;

static struct dyncast_dirty_head dirty;
static struct rechecks_head rechecks;
static struct blames_head blames;
static struct event *t_read;

/* the walk over all tables, one chunk per event */
static struct {
	struct event *t_scan;
	struct bgp *bgp;
	afi_t afi;
	struct bgp_dest *dest; /* locked */
} scan;

uint32_t dyncast_track_hash(const struct dyncast_track *track)
{
	const struct dyncast_prefix *p = &track->key.prefix;

	return jhash(p->addr.bytes, sizeof(p->addr.bytes),
		     track->key.vrf_id ^ (p->addr.family << 8) ^ p->len);
}

int dyncast_track_cmp(const struct dyncast_track *a,
		      const struct dyncast_track *b)
{
	return dyncast_service_key_cmp(&a->key, &b->key);
}

struct dyncast_track *dyncast_track_find(const struct dyncast_service_key *key)
{
	struct dyncast_track ref = {.key = *key};

	return dyncast_tracks_find(&dyncast_tracks, &ref);
}

static void read_event(struct event *event);

static void read_schedule(void)
{
	if (!t_read)
		event_add_timer_msec(dyncast_state.loop, read_event, NULL,
				     EVENT_DELAY_MS, &t_read);
}

static void track_mark(struct dyncast_track *track)
{
	if (!track->dirty) {
		track->dirty = true;
		dyncast_dirty_add_tail(&dirty, track);
	}
	read_schedule();
}

static struct dyncast_track *track_get(const struct dyncast_service_key *key)
{
	struct dyncast_track *track = dyncast_track_find(key);

	if (track)
		return track;
	track = XCALLOC(MTYPE_DYNCAST_TRACK, sizeof(*track));
	track->key = *key;
	dyncast_tracks_add(&dyncast_tracks, track);
	return track;
}

static void path_free(struct dyncast_path *path)
{
	XFREE(MTYPE_DYNCAST_PATH, path->value);
	XFREE(MTYPE_DYNCAST_PATH, path->instances);
	XFREE(MTYPE_DYNCAST_PATH, path);
}

static void paths_free(struct dyncast_path *path)
{
	struct dyncast_path *next;

	for (; path; path = next) {
		next = path->next;
		path_free(path);
	}
}

static void track_free(struct dyncast_track *track)
{
	dyncast_peer_unqueue(track);
	if (track->dirty)
		dyncast_dirty_del(&dirty, track);
	paths_free(track->paths);
	dyncast_set_fini(&track->sent);
	dyncast_tracks_del(&dyncast_tracks, track);
	XFREE(MTYPE_DYNCAST_TRACK, track);
}

/* ------------------------------------------------------------------------- */
/* one path                                                                  */
/* ------------------------------------------------------------------------- */

static const uint8_t *path_attribute(const struct bgp_path_info *pi,
				     size_t *len)
{
	struct transit *transit = bgp_attr_get_transit(pi->attr);

	if (!transit || transit->length <= 0)
		return NULL;
	return dyncast_attr_find(transit->val, transit->length,
				 dyncast_state.attr_code, len);
}

static bool dest_has_attribute(struct bgp_dest *dest)
{
	struct bgp_path_info *pi;
	size_t len;

	for (pi = bgp_dest_get_bgp_path_info(dest); pi; pi = pi->next)
		if (!dyncast_origin_is_own(pi) && path_attribute(pi, &len))
			return true;
	return false;
}

static bool peer_trusted(const struct peer *peer)
{
	struct dyncast_neighbor ref;

	if (peer->sort == BGP_PEER_IBGP)
		return true;
	ref.addr = dyncast_addr_from_su(dyncast_peer_su(peer));
	return dyncast_neighbors_find(&dyncast_state.neighbors, &ref) != NULL;
}

static void malformed_note(const struct dyncast_addr *peer,
			   const struct dyncast_service_key *key,
			   enum dyncast_attr_result result)
{
	char from[DYNCAST_ADDR_STRLEN], prefix[DYNCAST_PREFIX_STRLEN];
	struct blame *blame;

	dyncast_receive_counters.malformed[result]++;
	frr_each (blames, &blames, blame)
		if (!dyncast_addr_cmp(&blame->peer, peer))
			break;
	if (!blame) {
		blame = XCALLOC(MTYPE_DYNCAST_BLAME, sizeof(*blame));
		blame->peer = *peer;
		blames_add_tail(&blames, blame);
	}
	if (blame->logged & (1u << result))
		return;
	blame->logged |= 1u << result;
	zlog_warn(
		"dyncast: malformed attribute %u from %s for %s: %s; the path has no metrics, its route stays (logged once per neighbor and reason, counted in \"show dyncast bgp\")",
		dyncast_state.attr_code,
		dyncast_addr_str(peer, from, sizeof(from)),
		dyncast_prefix_str(&key->prefix, prefix, sizeof(prefix)),
		dyncast_attr_result_str(result));
}

static bool dbid_allowed(const struct dyncast_addr *dbid)
{
	struct dyncast_filter *filter;

	if (!dyncast_filters_count(&dyncast_state.filters))
		return true;
	frr_each (dyncast_filters, &dyncast_state.filters, filter)
		if (dyncast_prefix_contains(&filter->prefix, dbid))
			return true;
	return false;
}

static void path_take(struct dyncast_path *path, const struct dyncast_attr *in)
{
	unsigned int i;

	path->state = DYNCAST_PATH_OK;
	path->has_policy = in->site.has & DYNCAST_SITE_HAS_POLICY;
	path->policy = in->policy;
	dyncast_receive_counters.unknown_subtlvs += in->n_unknown;
	if (in->n_instances)
		path->instances =
			XCALLOC(MTYPE_DYNCAST_PATH,
				in->n_instances * sizeof(*path->instances));
	for (i = 0; i < in->n_instances; i++) {
		if (dbid_allowed(&in->instances[i].dbid)) {
			path->instances[path->n_instances++] = in->instances[i];
			continue;
		}
		path->n_filtered++;
		dyncast_receive_counters.filtered++;
	}
}

static void path_decode(struct dyncast_path *path,
			const struct dyncast_service_key *key,
			const struct peer *peer)
{
	struct dyncast_attr *decoded;
	enum dyncast_attr_result result;

	path->stale = false;
	path->has_policy = false;
	path->n_instances = 0;
	path->n_filtered = 0;
	XFREE(MTYPE_DYNCAST_PATH, path->instances);
	if (!peer_trusted(peer)) {
		path->state = DYNCAST_PATH_UNTRUSTED;
		dyncast_receive_counters.untrusted++;
		return;
	}
	decoded = XMALLOC(MTYPE_TMP, sizeof(*decoded));
	result = dyncast_attr_decode(path->value, path->len, decoded);
	dyncast_receive_counters.decoded++;
	if (result == DYNCAST_ATTR_OK) {
		path_take(path, decoded);
	} else {
		path->state = DYNCAST_PATH_MALFORMED;
		malformed_note(&path->peer, key, result);
	}
	XFREE(MTYPE_TMP, decoded);
}

static struct dyncast_addr path_nexthop(const struct attr *attr)
{
	switch (attr->mp_nexthop_len) {
	case BGP_ATTR_NHLEN_IPV6_GLOBAL:
	case BGP_ATTR_NHLEN_IPV6_GLOBAL_AND_LL:
		if (!IN6_IS_ADDR_UNSPECIFIED(&attr->mp_nexthop_global))
			return dyncast_addr_make(AF_INET6,
						 &attr->mp_nexthop_global);
		break;
	}
	if (attr->nexthop.s_addr != INADDR_ANY)
		return dyncast_addr_make(AF_INET, &attr->nexthop);
	return (struct dyncast_addr){};
}

/* the entry of *old for this path with the same bytes, taken out of *old */
static struct dyncast_path *path_reuse(struct dyncast_path **old,
				       const struct dyncast_addr *peer,
				       uint32_t addpath_id,
				       const uint8_t *value, size_t len)
{
	struct dyncast_path *path;

	for (; (path = *old); old = &path->next) {
		if (path->addpath_id != addpath_id ||
		    dyncast_addr_cmp(&path->peer, peer))
			continue;
		if (path->len != len ||
		    (len && memcmp(path->value, value, len)))
			return NULL;
		*old = path->next;
		return path;
	}
	return NULL;
}

static struct dyncast_path *path_read(struct dyncast_track *track,
				      struct dyncast_path **old,
				      const struct bgp_path_info *pi)
{
	struct dyncast_addr peer =
		dyncast_addr_from_su(dyncast_peer_su(pi->peer));
	struct dyncast_path *path;
	const uint8_t *value;
	size_t len = 0;

	value = path_attribute(pi, &len);
	if (!value)
		len = 0;
	path = path_reuse(old, &peer, pi->addpath_rx_id, value, len);
	if (!path || (value != NULL) != (path->state != DYNCAST_PATH_PLAIN)) {
		if (path)
			path_free(path);
		path = XCALLOC(MTYPE_DYNCAST_PATH, sizeof(*path));
		path->peer = peer;
		path->addpath_id = pi->addpath_rx_id;
		path->received_ms = dyncast_now_ms();
		if (value) {
			path->value = XMALLOC(MTYPE_DYNCAST_PATH, len + 1);
			memcpy(path->value, value, len);
			path->len = len;
			path->stale = true;
		}
	}
	if (path->stale)
		path_decode(path, &track->key, pi->peer);
	path->nexthop = path_nexthop(pi->attr);
	path->valid = CHECK_FLAG(pi->flags, BGP_PATH_VALID);
	return path;
}

/* ------------------------------------------------------------------------- */
/* one prefix                                                                */
/* ------------------------------------------------------------------------- */

static void track_read_paths(struct dyncast_track *track, struct bgp_dest *dest)
{
	struct dyncast_path *old = track->paths;
	struct dyncast_path **tail = &track->paths;
	struct bgp_path_info *pi;

	track->paths = NULL;
	for (pi = bgp_dest_get_bgp_path_info(dest); pi; pi = pi->next) {
		/* other local paths are no other site */
		if (CHECK_FLAG(pi->flags,
			       BGP_PATH_REMOVED | BGP_PATH_HISTORY) ||
		    !pi->peer->bgp || pi->peer == pi->peer->bgp->peer_self)
			continue;
		*tail = path_read(track, &old, pi);
		(*tail)->next = NULL;
		tail = &(*tail)->next;
	}
	paths_free(old);
}

/* Read the paths; the track is freed when nothing is left to say. */
static void track_read(struct dyncast_track *track)
{
	afi_t afi = family2afi(track->key.prefix.addr.family);
	struct bgp *bgp = bgp_lookup_by_vrf_id(track->key.vrf_id);
	struct bgp_dest *dest = NULL;
	struct dyncast_path *path;
	struct prefix p;

	dyncast_receive_counters.reads++;
	if (dyncast_bgp_usable(bgp)) {
		dyncast_prefix_to_frr(&track->key.prefix, &p);
		dest = dyncast_dest_lookup(bgp, afi, &p);
	}
	if (dest) {
		track_read_paths(track, dest);
		bgp_dest_unlock_node(dest);
	} else {
		paths_free(track->paths);
		track->paths = NULL;
	}
	for (path = track->paths; path; path = path->next)
		if (path->state != DYNCAST_PATH_PLAIN)
			break;
	if (!path && !track->sent_valid &&
	    !dyncast_service_find_key(&track->key))
		track_free(track);
	else
		dyncast_peer_queue(track);
}

static void recheck_run(void)
{
	struct dyncast_track *track;
	struct recheck *recheck;
	struct bgp_dest *dest;
	unsigned int n = 0;
	struct bgp *bgp;
	struct prefix p;

	while (n++ < RECHECK_BATCH && (recheck = rechecks_pop(&rechecks))) {
		track = dyncast_track_find(&recheck->key);
		bgp = bgp_lookup_by_vrf_id(recheck->key.vrf_id);
		if (!track && dyncast_bgp_usable(bgp)) {
			dyncast_prefix_to_frr(&recheck->key.prefix, &p);
			dest = dyncast_dest_lookup(bgp, family2afi(p.family),
						   &p);
			if (dest && dest_has_attribute(dest))
				track = track_get(&recheck->key);
			if (dest)
				bgp_dest_unlock_node(dest);
		}
		if (track)
			track_mark(track);
		XFREE(MTYPE_DYNCAST_RECHECK, recheck);
	}
}

static void read_event(struct event *event)
{
	struct dyncast_track *track;
	unsigned int n = 0;

	recheck_run();
	while (n++ < EVENT_BATCH && (track = dyncast_dirty_pop(&dirty))) {
		track->dirty = false;
		track_read(track);
	}
	if (dyncast_dirty_count(&dirty) || rechecks_count(&rechecks))
		read_schedule();
}

/*
 * bgpd's hook.  For an update of a known path it runs before the attribute is
 * replaced (withdraw is true then too), so a prefix without the attribute has
 * to be looked at once more; a new path shows it already.
 */
int dyncast_receive_process(struct bgp *bgp, afi_t afi, safi_t safi,
			    struct bgp_dest *dest, struct peer *peer,
			    bool withdraw)
{
	struct dyncast_service_key key = {.vrf_id = bgp->vrf_id};
	struct dyncast_track *track;
	struct recheck *recheck;

	if (safi != SAFI_UNICAST || (afi != AFI_IP && afi != AFI_IP6) ||
	    bgp->inst_type == BGP_INSTANCE_TYPE_VIEW ||
	    bgp->vrf_id == VRF_UNKNOWN)
		return 0;
	key.prefix = dyncast_prefix_from_frr(bgp_dest_get_prefix(dest));
	track = dyncast_track_find(&key);
	if (!track && dest_has_attribute(dest))
		track = track_get(&key);
	if (track) {
		track_mark(track);
	} else if (withdraw) {
		recheck = XCALLOC(MTYPE_DYNCAST_RECHECK, sizeof(*recheck));
		recheck->key = key;
		rechecks_add_tail(&rechecks, recheck);
		read_schedule();
	}
	return 0;
}

void dyncast_receive_service(const struct dyncast_service *service)
{
	struct dyncast_service_key key;

	if (dyncast_service_key(service, &key))
		track_mark(track_get(&key));
}

void dyncast_receive_reread(void)
{
	struct dyncast_track *track;
	struct dyncast_path *path;

	frr_each (dyncast_tracks, &dyncast_tracks, track) {
		for (path = track->paths; path; path = path->next)
			path->stale = path->state != DYNCAST_PATH_PLAIN;
		track_mark(track);
	}
}

void dyncast_receive_tick(void)
{
	struct dyncast_service *service;
	struct dyncast_track *track;

	frr_each (dyncast_services, &dyncast_state.services, service)
		dyncast_receive_service(service);
	frr_each (dyncast_tracks, &dyncast_tracks, track)
		track_mark(track);
}

/* ------------------------------------------------------------------------- */
/* all prefixes                                                              */
/* ------------------------------------------------------------------------- */

static void scan_stop(void)
{
	dyncast_event_cancel(scan.t_scan);
	if (scan.dest)
		bgp_dest_unlock_node(scan.dest);
	if (scan.bgp)
		bgp_unlock(scan.bgp);
	memset(&scan, 0, sizeof(scan));
}

/* the next table after (scan.bgp, scan.afi); false after the last one */
static bool scan_next_table(void)
{
	struct listnode *node;
	bool found = scan.bgp == NULL;
	struct bgp *bgp;

	if (scan.bgp && scan.afi == AFI_IP) {
		scan.afi = AFI_IP6;
	} else {
		for (ALL_LIST_ELEMENTS_RO(bm->bgp, node, bgp)) {
			if (found && dyncast_bgp_usable(bgp))
				break;
			found = found || bgp == scan.bgp;
		}
		if (!node)
			return false;
		if (scan.bgp)
			bgp_unlock(scan.bgp);
		scan.bgp = bgp_lock(bgp);
		scan.afi = AFI_IP;
	}
	scan.dest = bgp_table_top(scan.bgp->rib[scan.afi][SAFI_UNICAST]);
	return true;
}

static void scan_event(struct event *event)
{
	unsigned int n;

	for (n = 0; n < RECHECK_BATCH; n++) {
		if (!scan.dest) {
			if (scan_next_table())
				continue;
			scan_stop();
			return;
		}
		if (dest_has_attribute(scan.dest))
			dyncast_receive_process(scan.bgp, scan.afi,
						SAFI_UNICAST, scan.dest, NULL,
						false);
		scan.dest = bgp_route_next(scan.dest);
	}
	event_add_timer_msec(dyncast_state.loop, scan_event, NULL, 1,
			     &scan.t_scan);
}

void dyncast_receive_rescan(void)
{
	dyncast_receive_reread();
	scan_stop();
	event_add_timer_msec(dyncast_state.loop, scan_event, NULL, 1,
			     &scan.t_scan);
}

void dyncast_receive_bgp_gone(struct bgp *bgp)
{
	struct dyncast_track *track;

	if (scan.bgp == bgp)
		scan_stop();
	frr_each (dyncast_tracks, &dyncast_tracks, track)
		if (track->key.vrf_id == bgp->vrf_id)
			track_mark(track);
}

void dyncast_receive_init(void)
{
	dyncast_tracks_init(&dyncast_tracks);
	dyncast_dirty_init(&dirty);
	rechecks_init(&rechecks);
	blames_init(&blames);
}

void dyncast_receive_fini(void)
{
	struct dyncast_track *track;
	struct recheck *recheck;
	struct blame *blame;

	dyncast_event_cancel(t_read);
	scan_stop();
	frr_each_safe (dyncast_tracks, &dyncast_tracks, track)
		track_free(track);
	dyncast_tracks_fini(&dyncast_tracks);
	dyncast_dirty_fini(&dirty);
	while ((recheck = rechecks_pop(&rechecks)))
		XFREE(MTYPE_DYNCAST_RECHECK, recheck);
	rechecks_fini(&rechecks);
	while ((blame = blames_pop(&blames)))
		XFREE(MTYPE_DYNCAST_BLAME, blame);
	blames_fini(&blames);
}
