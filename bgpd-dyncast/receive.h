/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What other sites say: reads our attribute from every path of a service
 * prefix, and keeps it decoded with the moment it was received.
 *
 * A "track" is a prefix that matters here: a local service names it, or a
 * path to it carries the attribute (an ingress needs no configuration, E1).
 * bgp_process hooks only mark tracks dirty (they run before bgpd has replaced
 * the attribute); an event reads the paths.  bgpd's main thread.
 */

#ifndef BGPD_DYNCAST_RECEIVE_H
#define BGPD_DYNCAST_RECEIVE_H

#include "service.h"

DECLARE_MTYPE(DYNCAST_TRACK);
DECLARE_MTYPE(DYNCAST_PATH);

PREDECL_HASH(dyncast_tracks);
PREDECL_DLIST(dyncast_rounds);
PREDECL_DLIST(dyncast_dirty);
PREDECL_DLIST(dyncast_queue);
PREDECL_DLIST(dyncast_sites);

enum dyncast_path_state {
	DYNCAST_PATH_PLAIN, /* without our attribute */
	DYNCAST_PATH_OK,
	DYNCAST_PATH_MALFORMED, /* no metrics from it, the route stays */
	DYNCAST_PATH_UNTRUSTED, /* eBGP neighbor that is not accepted */
	DYNCAST_PATH_SCOPE,	/* AS-Scope names another AS: as withdrawn */
};

/* A BGP path as it was last read. */
struct dyncast_path {
	struct dyncast_path *next;
	struct dyncast_addr peer;
	uint32_t addpath_id;
	struct dyncast_addr nexthop;
	uint32_t originator; /* id of the router whose it is, 0: not known */
	bool valid;
	bool stale;    /* trust or filters changed: judge it again */
	bool feed;     /* of an instance of this site, no other site's */
	uint8_t state; /* enum dyncast_path_state */
	/* copy of the attribute's value, to see that it is the same one */
	uint8_t *value;
	size_t len;
	int64_t received_ms;
	bool trusts_policy; /* by what kind of neighbor it comes from */
	struct dyncast_policy policy; /* valid with DYNCAST_SITE_HAS_POLICY */
	struct dyncast_site site;
	uint16_t n_instances;
	struct dyncast_instance *instances;
	uint16_t n_filtered; /* D-BIDs that `dyncast dbid-prefix` refused */
};

struct dyncast_track {
	struct dyncast_tracks_item item;
	struct dyncast_rounds_item round_item;
	struct dyncast_service_key key;
	struct dyncast_path *paths;
	/* as a router's loopback: what its site said of all its routes */
	bool site_said;
	struct dyncast_sites_item site_item; /* while it did */
	uint32_t site_originator;
	uint8_t site_availability; /* percent */
	uint16_t site_id;
	bool dirty;
	struct dyncast_dirty_item dirty_item;

	/* peer_zebra.c's: what zebra has */
	bool queued;
	bool later; /* in which queue */
	bool force; /* to be sent whether or not it changed */
	struct dyncast_queue_item queue_item;
	bool sent_valid;
	struct dyncast_set sent;
	int64_t sent_ms;
	unsigned int left_out; /* instances for which a set has no room */
};

uint32_t dyncast_track_hash(const struct dyncast_track *track);
int dyncast_track_cmp(const struct dyncast_track *a,
		      const struct dyncast_track *b);
DECLARE_HASH(dyncast_tracks, struct dyncast_track, item, dyncast_track_cmp,
	     dyncast_track_hash);

extern struct dyncast_tracks_head dyncast_tracks;

struct dyncast_receive_counters {
	uint64_t reads;	       /* tracks read */
	uint64_t decoded;      /* attributes decoded, good or bad */
	uint64_t malformed[8]; /* by enum dyncast_attr_result */
	uint64_t untrusted;
	uint64_t out_of_scope;
	uint64_t filtered;
	uint64_t unknown_subtlvs;
	uint64_t no_room; /* looks at prefixes that found none (admit.h) */
};
extern struct dyncast_receive_counters dyncast_receive_counters;

/* path.c: one path */
void dyncast_paths_init(void);
void dyncast_paths_fini(void);
/* value of our attribute in a path, NULL when it has none */
const uint8_t *dyncast_path_attribute(const struct bgp_path_info *pi,
				      size_t *len);
/* are metrics accepted from its neighbor? */
bool dyncast_path_trusted(const struct bgp_path_info *pi);
/* the path as it is now; what *old knows of it is taken over, and out;
 * service: the one configured here, or NULL */
struct dyncast_path *dyncast_path_read(const struct dyncast_service_key *key,
				       const struct dyncast_service *service,
				       struct dyncast_path **old,
				       const struct bgp_path_info *pi);
void dyncast_paths_free(struct dyncast_path *paths);

void dyncast_receive_init(void);
void dyncast_receive_fini(void);

/* hooks */
int dyncast_receive_process(struct bgp *bgp, afi_t afi, safi_t safi,
			    struct bgp_dest *dest, struct peer *peer,
			    bool withdraw);
void dyncast_receive_bgp_gone(struct bgp *bgp);

/* once a second: look again at some prefixes, at all of them by and by */
void dyncast_receive_tick(void);
/* at all, and at those of services */
void dyncast_receive_all(void);
/* a local service or instance changed */
void dyncast_receive_service(const struct dyncast_service *service);
/* trust or filters changed: read everything that is known again */
void dyncast_receive_reread(void);
/* the attribute's code changed: look at every path of every table */
void dyncast_receive_rescan(void);

/* feed.c: what the instances that speak BGP themselves say of themselves;
 * true when something changed */
bool dyncast_feed_take(struct dyncast_service *service,
		       const struct dyncast_path *paths);
/* the line `feed bgp` came or went */
void dyncast_feed_forget(struct dyncast_local *local);
/* Each second: BGP says a thing once, so what is in a path that is there is as
 * true as when it came. */
void dyncast_feed_tick(struct dyncast_service *service);

struct dyncast_track *dyncast_track_find(const struct dyncast_service_key *key);

#endif /* BGPD_DYNCAST_RECEIVE_H */
