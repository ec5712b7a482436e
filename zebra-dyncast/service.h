/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Services and their candidates: the state of this module.  See service.c.
 */

#ifndef DYNCAST_ZEBRA_SERVICE_H
#define DYNCAST_ZEBRA_SERVICE_H

#include "lib/typesafe.h"

#include "compat.h"
#include "dataplane.h"
#include "history.h"
#include "neighbor.h"
#include "nht.h"
#include "sid.h"
#include "timer.h"
#include "../lib/cost.h"
#include "../lib/dyncast.h"


enum dyncast_presence {
	DYNCAST_PRESENT, /* in the last set */
	DYNCAST_HELD,	 /* BGP path lost: failure rule (b) */
	DYNCAST_GONE,	 /* to be removed by the next decision */
};

PREDECL_RBTREE_UNIQ(dyncast_backends);

/*
 * One candidate of a service, and what became of it in the kernel.  A router
 * may have a hundred thousand of them: what can be read elsewhere or found out
 * anew is not kept here (doc/benchmarks.rst, bytesPerCandidate).
 */
struct dyncast_backend {
	struct dyncast_backends_item item;
	struct dyncast_service *service;
	struct dyncast_candidate data; /* as last heard; kind NONE when it is
					* only known from the pinned maps */
	uint8_t presence;	       /* enum dyncast_presence */
	bool seen;		       /* while a set is applied */
	bool recovered;	  /* was in the kernel when we started, or when all
			   * routes were lost; its own is not back yet */
	bool sid_refused; /* another instance has that SID */
	uint8_t decap;	  /* enum dyncast_decap: who unpacks for it */
	bool no_source;	  /* no address for the outer header's source */
	bool programmed;  /* dyncast_dp_instance_read() says how */
	bool alive;	  /* .. and that it can be reached */
	uint8_t feedback; /* last sent, 0 none */
	bool decided;	  /* once at least, with this verdict: */
	uint8_t verdict;
	bool past;	     /* a threshold of the policy, at that time */
	uint32_t id;	     /* of the data plane; 0 none */
	int64_t received_ms; /* of data.instance.metrics */
	int64_t expires_ms;  /* of HELD */

	struct dyncast_nht *nht;	   /* D-BID, or the local address */
	struct dyncast_nht *site_nht;	   /* BGP next hop */
	struct dyncast_neighbor *neighbor; /* of adjacent ones */
	struct dyncast_neighbor_users_item neighbor_item;
	struct dyncast_sid *sid; /* local instances of kind SRV6 */
	struct dyncast_sid_users_item sid_item;
	struct dyncast_cost_output out;
	struct dyncast_history_mark mark;
	uint32_t ring_weight; /* that the target ring was built with */
	unsigned int slots;   /* without a ring: those that weights stand for */
};

PREDECL_RBTREE_UNIQ(dyncast_services);

struct dyncast_route_state;

struct dyncast_service {
	struct dyncast_services_item item;
	struct dyncast_service_key key;
	char name[DYNCAST_NAME_SIZE];
	const char *no_place; /* why the data plane has none; NULL: it has */
	struct dyncast_policy policy;
	const struct dyncast_override *override; /* never NULL; ours to free */
	bool policy_changed; /* either, since the last decision */
	struct dyncast_histories_head histories;
	struct dyncast_backends_head backends;
	/* next hops of all sites with a BGP path, also of those that say
	 * nothing of instances */
	struct dyncast_nht **sites;
	unsigned int n_sites;

	bool removed;	      /* bgpd took it back; candidates are held */
	bool by_device;	      /* its route leads to the device of veth.c */
	bool plain;	      /* sites are left, none of them with candidates */
	bool stale;	      /* bgpd restarted and has not sent it again */
	int64_t stale_ms;     /* until when the stale set is kept */
	int64_t grace_ms;     /* until when recovered instances may settle */
	bool settling;	      /* some have not: nothing is moved */
	int64_t lost_ms;      /* routes are being lost since, 0 none */
	bool losing;	      /* others may be lost in a moment */
	bool isolated;	      /* nobody has a route, and all had one */
	bool members_changed; /* the ring must be built again */
	bool notified_up;     /* the northbound knows of an instance */
	bool timed;	      /* a candidate waits for a time, or for its SID */

	uint32_t table_id;
	int dp_index; /* -1: not in the data plane */
	bool dry;     /* decided for, nothing of it is installed */
	bool enabled; /* the program steers it */
	bool listed;  /* .. or knows it, as it is in dp */
	struct dyncast_dp_service dp;
	uint32_t seed;
	uint32_t *dry_ring;	/* while `dry`; else the ring is the kernel's */
	unsigned int ring_left; /* slots that differ from the target */

	struct dyncast_route_state *route;
	struct dyncast_alarm t_decide;
	int64_t decide_at_ms;
	int64_t weighed_ms; /* last step of the weights */
	bool early;	    /* the last decision came too soon for another */
};

/* backend.c, for service.c */
struct dyncast_backend *dyncast_backend_new(struct dyncast_service *service,
					    const struct dyncast_addr *dbid);
void dyncast_backend_drop(struct dyncast_backend *backend, bool from_kernel);
/* give it an id of the data plane, when its service is in there; false while it
 * has none */
bool dyncast_backend_identify(struct dyncast_backend *backend);
/* its service is in the data plane, which has no room for it */
static inline bool dyncast_backend_no_room(const struct dyncast_backend *b)
{
	return !b->id && b->service->dp_index >= 0 &&
	       b->presence != DYNCAST_GONE;
}
void dyncast_backend_id_set(struct dyncast_backend *backend, uint32_t id);
/* its id is of a data plane that goes */
void dyncast_backend_unidentify(struct dyncast_backend *backend);
/* follow whatever decides whether it can be reached */
void dyncast_backend_track(struct dyncast_backend *backend);
void dyncast_backend_neighbor_track(struct dyncast_backend *backend);
/* failure rule (b), or (a) when there is nothing to wait for */
void dyncast_backend_hold(struct dyncast_backend *backend, int64_t now);
/* not in this set: did its site remove it, or is only the path gone? */
void dyncast_backend_missing(struct dyncast_backend *backend,
			     const struct dyncast_set *set, int64_t now);

int dyncast_backend_cmp(const struct dyncast_backend *a,
			const struct dyncast_backend *b);
DECLARE_RBTREE_UNIQ(dyncast_backends, struct dyncast_backend, item,
		    dyncast_backend_cmp);
DECLARE_LIST(dyncast_neighbor_users, struct dyncast_backend, neighbor_item);
DECLARE_LIST(dyncast_sid_users, struct dyncast_backend, sid_item);
int dyncast_service_cmp(const struct dyncast_service *a,
			const struct dyncast_service *b);
DECLARE_RBTREE_UNIQ(dyncast_services, struct dyncast_service, item,
		    dyncast_service_cmp);

extern struct dyncast_services_head dyncast_services;

void dyncast_service_init(void);
void dyncast_service_fini(void);

/* what bgpd says; see peer_bgpd.c */
void dyncast_service_set(const struct dyncast_set *set);
void dyncast_service_remove(const struct dyncast_service_key *key);
/* everything held now is stale; kept until END_OF_SYNC, or the hold's end */
void dyncast_service_stale_all(void);
/* bgpd was only silent for a while */
void dyncast_service_unstale_all(void);
/* what was not sent again since dyncast_service_stale_all() is removed */
void dyncast_service_sync_end(void);

/* soon, with others that changed */
void dyncast_service_nht_changed(struct dyncast_nht *nht);
void dyncast_service_neighbor_changed(struct dyncast_neighbor *neighbor);
/* hold times, once a second */
void dyncast_service_tick(void);
void dyncast_service_decide_all(void);
/* all of it; what the kernel has of it too, or not */
void dyncast_service_drop(struct dyncast_service *service, bool from_kernel);

/* service_place.c: enter the data plane, when it is not in there and can be */
void dyncast_service_open(struct dyncast_service *service);
/* give the place up, with what the kernel has there or without */
void dyncast_service_leave(struct dyncast_service *service, bool from_kernel);
/* the data plane, or this service's part, is about to go: ids mean nothing */
void dyncast_service_close(struct dyncast_service *service);
void dyncast_service_close_all(void);
void dyncast_service_open_all(void);

struct dyncast_service *
dyncast_service_find(const struct dyncast_service_key *key);
/* the one behind that key, which need not be there; NULL: it was the last.  A
 * key of zeroes is before all, as an address of zeroes is for instances. */
struct dyncast_service *
dyncast_service_next(const struct dyncast_service_key *after);
struct dyncast_backend *dyncast_backend_next(struct dyncast_service *service,
					     const struct dyncast_addr *after);
/* by name, or by prefix in any VRF; NULL when there is none */
struct dyncast_service *dyncast_service_find_text(const char *text);
struct dyncast_backend *dyncast_backend_find(struct dyncast_service *service,
					     const struct dyncast_addr *dbid);
struct dyncast_backend *dyncast_backend_by_id(uint32_t id);

/* "video (10.255.0.1/32)", or the prefix alone */
const char *dyncast_service_str(const struct dyncast_service *service,
				char *buf, size_t size);
#define DYNCAST_SERVICE_STRLEN (DYNCAST_NAME_SIZE + 56)

/* one of this router's own instances */
static inline bool dyncast_backend_is_local(const struct dyncast_backend *b)
{
	return b->data.site.family == 0 && b->data.address.family != 0;
}

/* packets go to its own address, which is on a link of this router */
static inline bool dyncast_backend_is_adjacent(const struct dyncast_backend *b)
{
	return dyncast_backend_is_local(b) ||
	       b->data.instance.kind == DYNCAST_KIND_ADJACENT;
}

/* remove it from the kernel and free it; decide.c, after the ring let go */
void dyncast_backend_free(struct dyncast_backend *backend);
/* when removed and nothing is left of it: true, and it is freed */
bool dyncast_service_reap(struct dyncast_service *service);

/* services known from pinned maps which nobody has claimed yet */
void dyncast_recovered_init(void);
void dyncast_recovered_fini(void);
void dyncast_recovered_claim(int index);
void dyncast_recovered_tick(int64_t now);
unsigned int dyncast_recovered_count(void);

#endif /* DYNCAST_ZEBRA_SERVICE_H */
