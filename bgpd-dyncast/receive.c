// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Reads our attribute from BGP paths; see receive.h.
 *
 * Each event reads a bounded number of prefixes, so that bgpd's loop goes on.
 *
 * A next hop that becomes unreachable fires no hook in FRR 8.4, so once a
 * second every tracked prefix is read again; unchanged paths cost a memcmp.
 */

#include "receive.h"
#include "admit.h"
#include "advertise.h"
#include "origin.h"
#include "peer_zebra.h"
#include "profile.h"
#include "site.h"
#include "timer.h"

DEFINE_MTYPE(DYNCAST, DYNCAST_TRACK, "Dyncast prefix");
DEFINE_MTYPE_STATIC(DYNCAST, DYNCAST_RECHECK, "Dyncast prefix to look at");

#define EVENT_DELAY_MS 2
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

/* prefixes that one second looks at again */
#define ROUND_TRACKS 2000u

DECLARE_DLIST(dyncast_rounds, struct dyncast_track, round_item);

struct dyncast_tracks_head dyncast_tracks;
static struct dyncast_rounds_head rounds = INIT_DLIST(rounds);

static struct dyncast_dirty_head dirty;
static struct rechecks_head rechecks;
static struct dyncast_alarm t_read;

/* the walk over all tables, one chunk per event */
static struct {
	struct dyncast_alarm t_scan;
	struct bgp *bgp;
	afi_t afi;
	struct bgp_dest *dest; /* locked */
} scan;

/* the last steps of MurmurHash3: each bit changes half of the others */
static uint64_t mix(uint64_t x)
{
	x = (x ^ (x >> 33)) * UINT64_C(0xff51afd7ed558ccd);
	x = (x ^ (x >> 33)) * UINT64_C(0xc4ceb9fe1a85ec53);
	return x ^ (x >> 33);
}

uint32_t dyncast_track_hash(const struct dyncast_track *track)
{
	const struct dyncast_prefix *p = &track->key.prefix;
	uint64_t half[2];

	memcpy(half, p->addr.bytes, sizeof(half));
	half[0] ^= mix(half[1] ^ ((uint64_t)track->key.vrf_id << 16 ^
				  p->addr.family << 8 ^ p->len));
	return (uint32_t)mix(half[0]);
}

int dyncast_track_cmp(const struct dyncast_track *a,
		      const struct dyncast_track *b)
{
	return dyncast_service_key_cmp(&a->key, &b->key);
}

/*
 * How many tracks have a hash that ends so.  Most of a full table's prefixes
 * are none, and looking into this tells it: it stays in the processor's cache,
 * where the table of tracks does not.
 */
#define SIEVE_SIZE (8 * DYNCAST_SERVICES_MAX)
static uint8_t sieve[SIEVE_SIZE];

static uint8_t *sieve_at(const struct dyncast_track *track)
{
	return &sieve[dyncast_track_hash(track) % SIEVE_SIZE];
}

static void sieve_add(const struct dyncast_track *track)
{
	uint8_t *count = sieve_at(track);

	if (*count < UINT8_MAX)
		++*count;
}

/* one that was full may count too many: never too few */
static void sieve_del(const struct dyncast_track *track)
{
	uint8_t *count = sieve_at(track);

	if (*count < UINT8_MAX)
		--*count;
}

struct dyncast_track *dyncast_track_find(const struct dyncast_service_key *key)
{
	struct dyncast_track ref;

	ref.key = *key;
	if (!*sieve_at(&ref))
		return NULL;
	return dyncast_tracks_find(&dyncast_tracks, &ref);
}

static void read_event(void *arg);

static void read_schedule(void)
{
	if (!t_read.set)
		dyncast_timer_set(&t_read, read_event, NULL, EVENT_DELAY_MS);
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
	sieve_add(track);
	dyncast_rounds_add_tail(&rounds, track);
	return track;
}

static void track_free(struct dyncast_track *track)
{
	dyncast_site_forget(track);
	dyncast_peer_unqueue(track);
	if (track->dirty)
		dyncast_dirty_del(&dirty, track);
	dyncast_paths_free(track->paths);
	dyncast_set_fini(&track->sent);
	dyncast_tracks_del(&dyncast_tracks, track);
	sieve_del(track);
	dyncast_rounds_del(&rounds, track);
	XFREE(MTYPE_DYNCAST_TRACK, track);
}

static bool dest_has_attribute(struct bgp_dest *dest)
{
	struct bgp_path_info *pi;
	size_t len;

	for (pi = bgp_dest_get_bgp_path_info(dest); pi; pi = pi->next)
		if (!CHECK_FLAG(pi->flags,
				BGP_PATH_REMOVED | BGP_PATH_HISTORY) &&
		    dyncast_path_attribute(pi, &len) &&
		    !dyncast_origin_is_own(pi))
			return true;
	return false;
}

/* the track of a prefix whose paths carry the attribute; NULL: no room */
static struct dyncast_track *track_admit(const struct dyncast_service_key *key,
					 struct bgp_dest *dest)
{
	if (!dyncast_admit(key, dest, dyncast_tracks_count(&dyncast_tracks)))
		return NULL;
	return track_get(key);
}

/* ------------------------------------------------------------------------- */
/* one prefix                                                                */
/* ------------------------------------------------------------------------- */

static void track_read_paths(struct dyncast_track *track,
			     struct dyncast_service *service,
			     struct bgp_dest *dest)
{
	struct dyncast_path *old = track->paths;
	struct dyncast_path **tail = &track->paths;
	struct bgp_path_info *pi;

	track->paths = NULL;
	pi = dest ? bgp_dest_get_bgp_path_info(dest) : NULL;
	for (; pi; pi = pi->next) {
		/* other local paths are no other site */
		if (CHECK_FLAG(pi->flags,
			       BGP_PATH_REMOVED | BGP_PATH_HISTORY) ||
		    !pi->peer->bgp || pi->peer == pi->peer->bgp->peer_self)
			continue;
		*tail = dyncast_path_read(&track->key, service, &old, pi);
		(*tail)->next = NULL;
		tail = &(*tail)->next;
	}
	dyncast_paths_free(old);
	if (service && dyncast_feed_take(service, track->paths))
		dyncast_advertise_service(service);
}

/* a site spoke of all its routes */
static void queue_all(uint32_t vrf_id)
{
	struct dyncast_track *track;

	frr_each (dyncast_tracks, &dyncast_tracks, track)
		if (track->key.vrf_id == vrf_id)
			dyncast_peer_queue(track);
}

/* Read the paths; the track is freed when nothing is left to say. */
static void track_read(struct dyncast_track *track)
{
	afi_t afi = family2afi(track->key.prefix.addr.family);
	struct bgp *bgp = bgp_lookup_by_vrf_id(track->key.vrf_id);
	struct dyncast_service *service = dyncast_service_find_key(&track->key);
	struct bgp_dest *dest = NULL;
	struct dyncast_path *path;
	struct prefix p;

	dyncast_receive_counters.reads++;
	if (dyncast_bgp_usable(bgp)) {
		dyncast_prefix_to_frr(&track->key.prefix, &p);
		dest = dyncast_dest_lookup(bgp, afi, &p);
	}
	track_read_paths(track, service, dest);
	if (dest)
		bgp_dest_unlock_node(dest);
	for (path = track->paths; path; path = path->next)
		if (path->state != DYNCAST_PATH_PLAIN)
			break;
	if (dyncast_site_learn(track))
		queue_all(track->key.vrf_id);
	if (!path && !track->sent_valid && !service)
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
				track = track_admit(&recheck->key, dest);
			if (dest)
				bgp_dest_unlock_node(dest);
		}
		if (track)
			track_mark(track);
		XFREE(MTYPE_DYNCAST_RECHECK, recheck);
	}
}

static void read_event(void *arg)
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
	bool carries;

	/* the parser has marked those of all tables */
	dyncast_profile_process(bgp, dest);
	if (safi != SAFI_UNICAST || (afi != AFI_IP && afi != AFI_IP6) ||
	    bgp->inst_type == BGP_INSTANCE_TYPE_VIEW ||
	    bgp->vrf_id == VRF_UNKNOWN)
		return 0;
	carries = dest_has_attribute(dest);
	if (!carries && !withdraw && !dyncast_tracks_count(&dyncast_tracks))
		return 0;
	key.prefix = dyncast_prefix_from_frr(bgp_dest_get_prefix(dest));
	track = dyncast_track_find(&key);
	if (!track && carries)
		track = track_admit(&key, dest);
	if (track) {
		track_mark(track);
	} else if (withdraw && !carries) {
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

void dyncast_receive_all(void)
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
	dyncast_timer_cancel(&scan.t_scan);
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

static void scan_event(void *arg)
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
	dyncast_timer_set(&scan.t_scan, scan_event, NULL, 1);
}

static void scan_start(void)
{
	scan_stop();
	dyncast_admit_scanned();
	dyncast_timer_set(&scan.t_scan, scan_event, NULL, 1);
}

void dyncast_receive_reread(void)
{
	struct dyncast_track *track;
	struct dyncast_path *path;

	if (dyncast_admit_full())
		scan_start();
	frr_each (dyncast_tracks, &dyncast_tracks, track) {
		for (path = track->paths; path; path = path->next)
			path->stale = path->state != DYNCAST_PATH_PLAIN;
		track_mark(track);
	}
}

void dyncast_receive_rescan(void)
{
	dyncast_receive_reread();
	scan_start();
}

/*
 * Hooks tell what changed.  This finds what they did not, and gives zebra ages
 * that are right again; a full table of prefixes with metrics takes minutes for
 * it, not a third of a core.
 */
void dyncast_receive_tick(void)
{
	size_t n = MIN(dyncast_rounds_count(&rounds), ROUND_TRACKS);
	struct dyncast_track *track;

	while (n--) {
		track = dyncast_rounds_pop(&rounds);
		dyncast_rounds_add_tail(&rounds, track);
		track_mark(track);
	}
	if (!scan.t_scan.set &&
	    dyncast_admit_due(dyncast_tracks_count(&dyncast_tracks)))
		scan_start();
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
	dyncast_paths_init();
}

void dyncast_receive_fini(void)
{
	struct dyncast_track *track;
	struct recheck *recheck;

	dyncast_timer_cancel(&t_read);
	scan_stop();
	frr_each_safe (dyncast_tracks, &dyncast_tracks, track)
		track_free(track);
	dyncast_tracks_fini(&dyncast_tracks);
	dyncast_dirty_fini(&dirty);
	while ((recheck = rechecks_pop(&rechecks)))
		XFREE(MTYPE_DYNCAST_RECHECK, recheck);
	rechecks_fini(&rechecks);
	dyncast_paths_fini();
}
