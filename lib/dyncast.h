/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The nouns of Dyncast, as every layer sees them: addresses, services,
 * instances with their metrics, candidates, policy.
 *
 * Pure C, no FRR header: used by both modules, the agent, the tests and the
 * fuzz targets.  Nothing here allocates.
 *
 * Units, everywhere: time in microseconds unless the name says otherwise,
 * utilisation in hundredths of a percent (0-10000), addresses in network byte
 * order, all other integers in host byte order (the codecs convert).
 *
 * Words: D-SID, D-BID and D-MA are those of draft-li-dyncast-architecture-00
 * section 2; "instance" is one backend of a service at one site, and its
 * identity everywhere is (service, D-BID).
 */

#ifndef DYNCAST_H
#define DYNCAST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#define DYNCAST_RING_SLOTS 1024

/* Service and instance names: [A-Za-z0-9_.-], at most 31 characters. */
#define DYNCAST_NAME_SIZE 32

/* Services that a router can steer, and prefixes that bgpd takes for such. */
#define DYNCAST_SERVICES_MAX 16384

/* One service's candidates that an ingress keeps. */
#define DYNCAST_CANDIDATES_MAX 256

#define DYNCAST_UTILISATION_MAX 10000
#define DYNCAST_SCORE_MAX 10

/*
 * An address of either family.  IPv4 lies in the first four bytes and the
 * other twelve are zero, so that two equal addresses are equal bytes.
 * family 0 means "none".
 */
struct dyncast_addr {
	uint8_t family; /* AF_INET, AF_INET6 or 0 */
	uint8_t bytes[16];
};

struct dyncast_prefix {
	struct dyncast_addr addr; /* host bits are zero */
	uint8_t len;		  /* 0-32 or 0-128 */
};

/* A service's D-SID: a prefix in a VRF (FRR's vrf_id_t). */
struct dyncast_service_key {
	uint32_t vrf_id;
	struct dyncast_prefix prefix;
};

/* How packets get from an ingress to an instance. */
enum dyncast_kind {
	DYNCAST_KIND_NONE = 0,
	DYNCAST_KIND_ADJACENT = 1, /* D-BID is the instance's own address */
	DYNCAST_KIND_SRV6 = 2,	   /* D-BID is an SRv6 SID at the egress */
	DYNCAST_KIND_IPIP = 3,	   /* D-BID is a tunnel end, IPv4 or IPv6 */
};

/* Which members of struct dyncast_metrics hold a value. */
#define DYNCAST_HAS_CAPACITY (1u << 0)
#define DYNCAST_HAS_UTILISATION (1u << 1)
#define DYNCAST_HAS_IN_FLIGHT (1u << 2)
#define DYNCAST_HAS_DELAY (1u << 3)
#define DYNCAST_HAS_SCORE (1u << 4)
#define DYNCAST_HAS_RATE (1u << 5)
#define DYNCAST_HAS_ALL 0x3fu
/* without capacity: that is configured as a rule and does not grow old */
#define DYNCAST_HAS_MEASURED (DYNCAST_HAS_ALL & ~DYNCAST_HAS_CAPACITY)

struct dyncast_metrics {
	uint8_t has;	      /* DYNCAST_HAS_* */
	uint8_t score;	      /* CATS level 2: 0-10, higher is better */
	uint16_t utilisation; /* hundredths of a percent, 0-10000 */
	uint32_t capacity;    /* relative, >= 1 */
	uint32_t in_flight;   /* requests */
	uint32_t delay_us;    /* predicted service delay at present load */
	uint32_t age_ms;      /* since it was measured, saturating */
	/* capacity as the site has learnt it (lib/learn.h): thousandths of a
	 * request per second at full utilisation, >= 1 */
	uint32_t rate;
};

#define DYNCAST_INSTANCE_DRAIN (1u << 0) /* no new flows, old ones stay */
#define DYNCAST_INSTANCE_DOWN (1u << 1)	 /* flows re-pin at once */

/* What the service's owner wants of an ingress (requirement E3). */
enum dyncast_action {
	DYNCAST_ACTION_DEFAULT = 0,
	DYNCAST_ACTION_SPREAD = 1,
	DYNCAST_ACTION_BEST = 2, /* cheapest, with hysteresis and hold */
	/* requirement E2; what is compared is the cost, for max the score */
	DYNCAST_ACTION_MIN = 3,
	DYNCAST_ACTION_MAX = 4,
	DYNCAST_ACTION_MIN_RANDOM = 5, /* those near the minimum, evenly */
	DYNCAST_ACTION_MIN_FIRST = 6,  /* of those, the smallest D-BID */
	DYNCAST_ACTION_WEIGHTED = 7,   /* weighted round robin, by capacity */
};

enum dyncast_affinity {
	DYNCAST_AFFINITY_DEFAULT = 0,
	DYNCAST_AFFINITY_FLOW = 1,
	DYNCAST_AFFINITY_SOURCE = 2,
	DYNCAST_AFFINITY_PERIOD = 3,
	DYNCAST_AFFINITY_NONE = 4,
};

enum dyncast_cost_policy {
	DYNCAST_COST_DEFAULT = 0,
	DYNCAST_COST_DELAY = 1,	   /* network cost + predicted delay */
	DYNCAST_COST_WEIGHTED = 2, /* alpha % of the one, the rest of other */
	DYNCAST_COST_NETWORK_FIRST = 3, /* predicted delay breaks ties */
	DYNCAST_COST_COMPUTE_FIRST = 4, /* network cost breaks ties */
};

/* All zero: nothing is said, the ingress's defaults hold.  No padding: it is
 * compared with memcmp(). */
struct dyncast_policy {
	uint8_t action;	  /* enum dyncast_action */
	uint8_t affinity; /* enum dyncast_affinity */
	uint8_t cost;	  /* enum dyncast_cost_policy */
	uint8_t plen;	  /* with DYNCAST_AFFINITY_SOURCE, else 0 */
	uint8_t alpha;	  /* with DYNCAST_COST_WEIGHTED: network's %, else 0 */
	uint8_t hysteresis;	 /* %, of best and min-then-…; 0: default */
	uint8_t max_utilisation; /* %, 0: none; above it: not eligible */
	uint8_t min_score;	 /* 0: none; below it: not eligible */
	uint16_t timeout_s; /* idle time after which a flow ends; 0: default */
	uint16_t hold_s;    /* best: least time between changes; 0: default */
	uint32_t max_delay_us;	 /* 0: none; above it: not eligible */
	uint32_t max_network_us; /* 0: none; above it: not eligible */
};

#define DYNCAST_FLOW_TIMEOUT_DEFAULT 60 /* seconds */

/* The most that one site gets of a service's new flows, in percent. */
struct dyncast_cap {
	struct dyncast_addr site; /* family 0: this router's own instances */
	uint8_t percent;
};

#define DYNCAST_CAPS_MAX 8

/*
 * What the operator of this router says in place of the metrics (override.c).
 * It never travels.  All zero: nothing is said.  No padding, caps in order of
 * their sites and zero from n_caps on: it is compared with memcmp().
 */
struct dyncast_override {
	bool dry_run;		 /* decide and show, install nothing */
	bool pinned;		 /* new flows go to one site */
	struct dyncast_addr pin; /* family 0: to this router's own instances */
	uint8_t n_caps;
	struct dyncast_cap caps[DYNCAST_CAPS_MAX];
};

/* One instance as its site describes it: the content of a private sub-TLV. */
struct dyncast_instance {
	struct dyncast_addr dbid;
	uint8_t kind;  /* enum dyncast_kind */
	uint8_t flags; /* DYNCAST_INSTANCE_* */
	struct dyncast_metrics metrics;
	char name[DYNCAST_NAME_SIZE]; /* for people; may be empty */
};

/* what `withheld` is a part of */
#define DYNCAST_WHOLE 65536u

/* One instance as an ingress sees it. */
struct dyncast_candidate {
	struct dyncast_instance instance;
	/* where it was learnt: the BGP next hop; family 0 when local */
	struct dyncast_addr site;
	/* local instances only: the address of the instance itself */
	struct dyncast_addr address;
	/* what its site's preference and availability take from the weight that
	 * it would have, of DYNCAST_WHOLE: never all of it */
	uint16_t withheld;
};

/* what is not withheld, in percent */
static inline double dyncast_wanted_percent(uint16_t withheld)
{
	return 100.0 * (DYNCAST_WHOLE - withheld) / DYNCAST_WHOLE;
}

/*
 * A service's candidates with its policy, as bgpd hands it to zebra.
 * sites[] names every site that has a BGP path for the service now, with or
 * without metrics: a candidate that is missing here while others of its site
 * are present was removed by the site; one whose site is missing too, or has
 * nobody here, has only lost its BGP path (failure rules (a) and (b) of
 * doc/design.rst).
 */
struct dyncast_set {
	struct dyncast_service_key service;
	char name[DYNCAST_NAME_SIZE]; /* local name; empty when only learnt */
	struct dyncast_policy policy;
	struct dyncast_override override;
	uint16_t n_sites;
	uint16_t n_candidates;
	struct dyncast_addr *sites;	      /* owned by the set */
	struct dyncast_candidate *candidates; /* owned by the set */
};

#endif /* DYNCAST_H */
