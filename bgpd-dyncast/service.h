/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The state of bgpd_dyncast: services and local instances as configured, with
 * what agents and zebra said about them, and the module's settings.  Plain
 * data and look-ups; decisions are elsewhere.
 *
 * Everything here lives on bgpd's main thread.  Configuration changes it only
 * through apply.c.  draft-li-dyncast-architecture-00 section 2 names the nouns.
 */

#ifndef BGPD_DYNCAST_SERVICE_H
#define BGPD_DYNCAST_SERVICE_H

#include "compat.h"
#include "lib/debug.h"

#include "../lib/addr.h"
#include "../lib/agent_line.h"
#include "../lib/attr.h"
#include "../lib/dyncast.h"
#include "../lib/msg.h"

DECLARE_MGROUP(DYNCAST);
DECLARE_MTYPE(DYNCAST_SERVICE);
DECLARE_MTYPE(DYNCAST_LOCAL);
DECLARE_MTYPE(DYNCAST_SETTING);

#define DYNCAST_INTERVAL_DEFAULT 1000 /* ms */
#define DYNCAST_THRESHOLD_DEFAULT 10  /* percent */
#define DYNCAST_OVERLOAD_DEFAULT 95   /* percent of utilisation */
#define DYNCAST_AGENT_MAX_DEFAULT 16  /* instances that agents may make */
/* an instance that an agent made goes when its agent is silent for so long */
#define DYNCAST_AGENT_GONE_MS 60000

/* Without a word from zebra_dyncast for this long after start, local
 * instances are advertised as down instead of not at all. */
#define DYNCAST_ZEBRA_GRACE_MS 10000
/* For this long after start a service waits for those who say how its
 * instances are, agents and instances that speak BGP: agents try again after
 * five seconds at most. */
#define DYNCAST_REPORTS_GRACE_MS 10000

enum dyncast_scope {
	DYNCAST_SCOPE_INTERNAL = 0, /* NO_EXPORT */
	DYNCAST_SCOPE_EXTERNAL,
};

/* how much other routers are told of an instance (requirement C2) */
enum dyncast_level {
	DYNCAST_LEVEL_RAW = 0, /* every metric */
	DYNCAST_LEVEL_SCORE,   /* a score of 0 to 10 and nothing else */
};

/* is the policy that travels with metrics followed? */
enum dyncast_consent {
	DYNCAST_CONSENT_UNSET = 0, /* as the neighbor's kind has it */
	DYNCAST_CONSENT_ACCEPT,
	DYNCAST_CONSENT_REFUSE,
};

struct dyncast_service;
struct dyncast_origin;

PREDECL_RBTREE_UNIQ(dyncast_locals);
PREDECL_RBTREE_UNIQ(dyncast_services);
PREDECL_HASH(dyncast_prefixes);
PREDECL_HASH(dyncast_names);
PREDECL_DLIST(dyncast_soons);
PREDECL_SORTLIST_UNIQ(dyncast_neighbors);
PREDECL_SORTLIST_UNIQ(dyncast_filters);

/* An instance at this site. */
struct dyncast_local {
	struct dyncast_locals_item item;
	struct dyncast_service *service;
	char name[DYNCAST_NAME_SIZE];

	/* configuration */
	struct dyncast_addr address; /* family 0: no address line yet */
	uint32_t capacity;	     /* 0: not configured */
	uint16_t sid;		     /* 0: none */
	uint8_t encapsulation;	     /* SRV6 or IPIP, NONE: by locator */
	bool drain;
	bool feed;     /* its own BGP session says how it is */
	bool by_agent; /* no line names it: an agent brought it up */
	int64_t made_ms;

	/* from its BGP path, with `feed` */
	bool feed_up;
	uint8_t feed_flags; /* DYNCAST_INSTANCE_*, as it says */
	int64_t feed_ms; /* when the attribute came that was taken; 0: none */
	uint32_t feed_age_ms; /* of its metrics, as they came; */
	bool feed_metrics;    /* it has some */

	/* from agents; times are dyncast_now_ms() */
	uint8_t agent_state; /* enum dyncast_agent_state */
	char reason[DYNCAST_AGENT_REASON_SIZE];
	struct dyncast_metrics metrics; /* age_ms unused: see measured_ms */
	int64_t measured_ms;
	int64_t reported_ms; /* 0: never */
	uint64_t reports;
	uint8_t logged_state; /* a flapping agent does not fill the log */
	int64_t logged_ms;

	/* from zebra */
	uint8_t feedback; /* enum dyncast_feedback_state, 0: none yet */

	bool notified_up; /* what the northbound was last told */
};

struct dyncast_service {
	struct dyncast_services_item item;
	struct dyncast_names_item name_item;
	struct dyncast_prefixes_item prefix_item; /* while it has a prefix */
	char name[DYNCAST_NAME_SIZE];

	/* configuration; changed by dyncast_service_prefix_set() alone; family
	 * 0: no prefix line yet */
	struct dyncast_prefix prefix;
	char vrf[VRF_NAMSIZ + 1]; /* empty: the default VRF */

	struct dyncast_policy policy;
	struct dyncast_override override; /* of this router alone */
	uint32_t interval_ms;		  /* 0: not configured */
	uint8_t threshold;
	uint8_t scope; /* enum dyncast_scope */
	bool scope_set;
	uint8_t level;		  /* enum dyncast_level */
	uint8_t overload;	  /* percent; 0: not configured */
	uint32_t as_scope;	  /* 0: not configured */
	uint32_t agent_timeout_s; /* 0: a silent agent is no dead instance */
	int64_t agent_timeout_ms; /* when it was first said */
	uint8_t consent;	  /* enum dyncast_consent, to others' policy */
	/* where agents may bring up instances; family 0: nowhere */
	struct dyncast_prefix agent_within;
	uint8_t agent_max;

	struct dyncast_locals_head locals;
	/* advertise.c's */
	struct dyncast_origin *origin; /* may be NULL */
	bool soon;		       /* in a queue, .. */
	bool soon_waits; /* .. in that of those whose turn was a moment ago */
	int64_t soon_ms; /* its last turn */
	struct dyncast_soons_item soon_item;
};

struct dyncast_neighbor {
	struct dyncast_neighbors_item item;
	struct dyncast_addr addr;
	bool accept;	 /* its metrics, though it is another AS */
	uint8_t consent; /* enum dyncast_consent */
};

/* What is said of this site as a whole. */
struct dyncast_site_config {
	uint32_t preference; /* 0: nothing is said */
	bool id_set;
	uint16_t id;
	/* the standalone update; family 0: none */
	struct dyncast_addr loopback;
	uint8_t availability; /* percent */
};

struct dyncast_filter {
	struct dyncast_filters_item item;
	struct dyncast_prefix prefix;
};

int dyncast_local_cmp(const struct dyncast_local *a,
		      const struct dyncast_local *b);
int dyncast_service_cmp(const struct dyncast_service *a,
			const struct dyncast_service *b);
int dyncast_neighbor_cmp(const struct dyncast_neighbor *a,
			 const struct dyncast_neighbor *b);
int dyncast_filter_cmp(const struct dyncast_filter *a,
		       const struct dyncast_filter *b);

DECLARE_RBTREE_UNIQ(dyncast_locals, struct dyncast_local, item,
		    dyncast_local_cmp);
DECLARE_RBTREE_UNIQ(dyncast_services, struct dyncast_service, item,
		    dyncast_service_cmp);
DECLARE_SORTLIST_UNIQ(dyncast_neighbors, struct dyncast_neighbor, item,
		      dyncast_neighbor_cmp);
DECLARE_SORTLIST_UNIQ(dyncast_filters, struct dyncast_filter, item,
		      dyncast_filter_cmp);

struct dyncast_state {
	struct event_loop *loop;
	int64_t start_ms;
	struct dyncast_services_head services;
	struct dyncast_neighbors_head neighbors; /* eBGP ones that we trust */
	struct dyncast_filters_head filters;	 /* of learnt D-BIDs */
	struct dyncast_prefix locator;		 /* IPv6, family 0: none */
	struct dyncast_prefix locator4;		 /* IPv4, family 0: none */
	uint8_t attr_code;			 /* of profile "transitive" */
	bool ietf;				 /* profile "ietf" */
	uint16_t attr_size;			 /* bound of what is said */
	bool fast;				 /* `dyncast advertise fast` */
	bool drain;				 /* the whole router */
	struct dyncast_site_config site;
	struct debug debug;
};

extern struct dyncast_state dyncast_state;

#define DYNCAST_DEBUG(...)                                                     \
	do {                                                                   \
		if (DEBUG_MODE_CHECK(&dyncast_state.debug, DEBUG_MODE_ALL))    \
			zlog_debug("dyncast: " __VA_ARGS__);                   \
	} while (0)

void dyncast_state_init(struct event_loop *loop);
void dyncast_state_fini(void);

int64_t dyncast_now_ms(void); /* monotonic, never 0 */

/* code and flags of the attribute in the profile that is in force */
static inline uint8_t dyncast_attr_code(void)
{
	return dyncast_state.ietf ? DYNCAST_ATTR_CODE_IETF
				  : dyncast_state.attr_code;
}

static inline uint8_t dyncast_attr_flags(void)
{
	return dyncast_state.ietf ? DYNCAST_ATTR_FLAGS_IETF
				  : DYNCAST_ATTR_FLAGS;
}

struct dyncast_service *dyncast_service_find(const char *name);
struct dyncast_service *dyncast_service_get(const char *name);
void dyncast_service_free(struct dyncast_service *service);
/* prefix NULL: none */
void dyncast_service_prefix_set(struct dyncast_service *service,
				const struct dyncast_prefix *prefix,
				const char *vrf);
/* no line is left that configures it */
bool dyncast_service_unused(const struct dyncast_service *service);
/* false while the service has no prefix or its VRF does not exist */
bool dyncast_service_key(const struct dyncast_service *service,
			 struct dyncast_service_key *key);
/* do agents, by its configuration, or BGP say how its instances are? */
bool dyncast_service_is_reported(const struct dyncast_service *service);
/* bgpd has started, and some of these have not spoken yet, or lines are still
 * being entered: for DYNCAST_REPORTS_GRACE_MS at most */
bool dyncast_service_waits(const struct dyncast_service *service);
struct dyncast_service *
dyncast_service_find_key(const struct dyncast_service_key *key);

struct dyncast_local *dyncast_local_find(const struct dyncast_service *service,
					 const char *name);
struct dyncast_local *dyncast_local_get(struct dyncast_service *service,
					const char *name);
void dyncast_local_free(struct dyncast_local *local);
/* no line is left that configures it */
bool dyncast_local_unused(const struct dyncast_local *local);

/* D-BID and kind of a local instance; family 0 and NONE without an address */
uint8_t dyncast_local_dbid(const struct dyncast_local *local,
			   struct dyncast_addr *dbid);
/* has a sid, and yet no D-BID that other sites could use: why, else "" */
const char *dyncast_local_dbid_missing(const struct dyncast_local *local);
/* DYNCAST_INSTANCE_* from configuration and agents (not from zebra) */
uint8_t dyncast_local_flags(const struct dyncast_local *local);
/* why it is not up, as far as this module knows; "" when nothing is wrong */
const char *dyncast_local_reason(const struct dyncast_local *local);
/* the instance whose own BGP session is with this neighbor, or NULL */
struct dyncast_local *dyncast_local_feed(const struct dyncast_service *service,
					 const struct dyncast_addr *peer);
/* metrics as of now, age and configured capacity included */
struct dyncast_metrics dyncast_local_metrics(const struct dyncast_local *local,
					     int64_t now_ms);

/* bgpd.c's own instance for a VRF name; NULL when unusable */
struct bgp *dyncast_bgp_find(const char *vrf);

/* FRR's prefixes and addresses to ours and back */
struct dyncast_addr dyncast_addr_from_su(const union sockunion *su);
struct dyncast_prefix dyncast_prefix_from_frr(const struct prefix *p);
void dyncast_prefix_to_frr(const struct dyncast_prefix *in, struct prefix *out);

#endif /* BGPD_DYNCAST_SERVICE_H */
