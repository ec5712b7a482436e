/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kernel side as the decision sees it: services, instances, rings, flows
 * and the interfaces that steer.  Implemented over libbpf and pinned maps in
 * dataplane*.c; the map layout is lib/bpf/dyncast_map.h.
 *
 * It owns the small ids: a service's index and an instance's id are given out
 * here, recovered from the pinned identity maps after a restart, and never
 * reused before the generation has moved on.  Everything is called on zebra's
 * main thread; calls raise privileges themselves (frr_with_privs).
 *
 * When the kernel refuses BPF, or a pinned map cannot be opened, everything
 * goes on without it: ids come from memory, attaching does nothing, and
 * dyncast_dp_status() says why.
 */

#ifndef DYNCAST_DATAPLANE_H
#define DYNCAST_DATAPLANE_H

#include "../lib/dyncast.h"

#define DYNCAST_DP_FLOWS_DEFAULT 1048576u
#define DYNCAST_DP_SERVICES_DEFAULT 256u
#define DYNCAST_DP_SERVICES_MAX 16384u
#define DYNCAST_DP_INSTANCES_MAX (1u << 20)

/*
 * Mount (or reuse) the bpffs at `dir`, load or reuse maps, load the program.
 * Returns true when the kernel side works.  Sizes: flows of each family, and
 * services; 0 keeps what there is, else the default.
 *
 * What a former run has pinned goes on: maps of other sizes, or of the layout
 * of the first release, are taken over with their flows, and the program of
 * each interface is replaced without a packet in between.  That takes about
 * a second for a million flows.  Safe to call again, with other sizes too: ids
 * stay what they are, unless there are more services than asked for (then it
 * gets as many as there are) or no memory (then it stays as it is).
 */
bool dyncast_dp_start(const char *dir, uint32_t flow_table_size,
		      uint32_t service_table_size);
/*
 * The same in two halves, for the first start: open() does what takes long and
 * may run in any thread while no other function of this file does; enter() then
 * takes what it returned, in the thread of all others.
 */
bool dyncast_dp_open(const char *dir, uint32_t flow_table_size,
		     uint32_t service_table_size);
bool dyncast_dp_enter(bool opened, uint32_t service_table_size);
/* what both tables are now: services are 0.. and instance ids 1.. of so many */
uint32_t dyncast_dp_services_max(void);
uint32_t dyncast_dp_instances_max(void);
/* Close file descriptors.  Pins and attachments stay: flows go on. */
void dyncast_dp_stop(void);
/* Detach everything, remove pins, unmount: nothing is left behind. */
void dyncast_dp_uninstall(void);

/* Bytes of the kernel's memory that maps take, all of it from the start.  Known
 * before they do: then it is logged. */
struct dyncast_dp_memory {
	uint64_t flows; /* both families */
	uint64_t slots;
	uint64_t instances;
	uint64_t total;
};

/* What a kernel may lack, found by trying, not by its version. */
enum dyncast_dp_feature {
	DYNCAST_DP_FEATURE_BPF, /* then nothing is known of the others */
	DYNCAST_DP_FEATURE_REDIRECT,
	DYNCAST_DP_FEATURE_POINTERS,
	DYNCAST_DP_FEATURE_COARSE_CLOCK,
	DYNCAST_DP_FEATURE_TCX,
	DYNCAST_DP_FEATURE_MAX
};
const char *dyncast_dp_feature_name(enum dyncast_dp_feature feature);
/* .. and what follows from it */
const char *dyncast_dp_feature_without(enum dyncast_dp_feature feature);

struct dyncast_dp_status {
	bool active;
	char reason[160]; /* why not, or "" */
	uint32_t missing; /* bits of enum dyncast_dp_feature */
	struct dyncast_dp_memory memory;
	char dir[256];
	const char *attach_mode;  /* "tcx", "clsact" or "none" */
	uint32_t flow_table_size; /* of each family */
	uint32_t service_table_size;
	uint32_t layout_version;
	/* summed over CPUs, since the maps were made */
	uint64_t packets_steered, bytes_steered;
	uint64_t flow_hits, flow_new, flow_repinned, flow_refused;
	uint64_t flow_stateless; /* packets of flows that need no entry */
	uint64_t flow_probation; /* first packets, not stored yet */
	uint64_t flow_limited;	 /* not stored: too many in that second */
	uint64_t no_instance;	 /* service matched, but the slot is empty */
	uint64_t too_big;	 /* handed to the kernel's route for PMTU */
	uint64_t fragments;	 /* for a service, left to the kernel's route */
	uint64_t passed;	 /* not for a service */
	uint64_t errors;	 /* packets that could not be rewritten */
	uint64_t decapsulated;	 /* arrived at a local instance's D-BID */
	uint64_t decap_dropped;	 /* .. and could not be given to it */
};
void dyncast_dp_status_get(struct dyncast_dp_status *out);
/* The same in steps, for daemons: it takes 5 us for each instance.  *next is 0
 * at first; each call reads the counters of about max instances and services
 * and returns true while there is more. */
bool dyncast_dp_status_step(struct dyncast_dp_status *out, uint32_t *next,
			    unsigned int max);
/* the kernel side works */
bool dyncast_dp_active(void);

/* A service as the program looks it up: LPM by table and prefix. */
struct dyncast_dp_service {
	uint32_t table_id;
	struct dyncast_prefix prefix;
	uint8_t affinity;   /* enum dyncast_affinity; FLOW for unknown ones */
	uint8_t plen;	    /* with SOURCE; 0 or too long: the whole address */
	uint16_t timeout_s; /* of an idle flow */
	/* Packets to the prefix go the kernel's way, also those of a shorter
	 * one; what comes out of a tunnel for a local instance is its own. */
	bool rests;
};
/*
 * Index of a service, made when new (then *created), -1 when the table is
 * full.  The program does not see it before dyncast_dp_service_enable().
 */
int dyncast_dp_service_get(uint32_t table_id,
			   const struct dyncast_prefix *prefix, bool *created);
/* false when the kernel did not take it, or there is no kernel side */
bool dyncast_dp_service_enable(int index, const struct dyncast_dp_service *svc);
/* Packets to the prefix go the kernel's way again, and instances are deleted.
 */
void dyncast_dp_service_del(int index);
/* Services that pinned maps knew at start: called once after dp_start, to
 * delete what nobody claimed after the hold time. */
void dyncast_dp_service_each(void (*fn)(int index, uint32_t table_id,
					const struct dyncast_prefix *prefix,
					void *arg),
			     void *arg);

/* How the program reaches an instance. */
struct dyncast_dp_instance {
	uint8_t kind; /* enum dyncast_kind: ADJACENT, SRV6 or IPIP here */
	bool alive;   /* false: its flows re-pin, slots naming it are skipped */
	struct dyncast_addr dbid;
	/* SRV6 and IPIP: source of the outer header, of the D-BID's family */
	struct dyncast_addr encap_source;
	/*
	 * Next hop on the wire and its interface.  family 0: leave it to the
	 * kernel's route (ECMP or unresolved), which the program asks once the
	 * outer header is there.
	 */
	struct dyncast_addr nexthop;
	uint32_t ifindex;
	uint16_t mtu; /* of the path, 0 unknown; outer header included */
};
/* Id (from 1) of an instance, made when new; 0 when full. */
uint32_t dyncast_dp_instance_get(int service, const struct dyncast_addr *dbid,
				 bool *created);
/* False when the id is unknown, or when it is said to be alive but not how to
 * reach it (ADJACENT: next hop and interface, SRV6: an IPv6 D-BID and
 * encap_source, IPIP: both of one family): then it counts as dead.  A dead one
 * needs no path. */
bool dyncast_dp_instance_set(uint32_t id, const struct dyncast_dp_instance *in);
/* What the last call said, as far as the kernel needs it: of a dead one nothing
 * but D-BID and kind, and no interface where there is no next hop.  False when
 * the id is unknown. */
bool dyncast_dp_instance_read(uint32_t id, struct dyncast_dp_instance *out);
/* Its flows re-pin, at once and without a table walk (generation). */
void dyncast_dp_instance_void(uint32_t id);
/* void it and give the id back */
void dyncast_dp_instance_del(uint32_t id);
/* instances of a service that are known (also after a restart) */
void dyncast_dp_instance_each(int service,
			      void (*fn)(uint32_t id,
					 const struct dyncast_addr *dbid,
					 void *arg),
			      void *arg);

/* present ring as the kernel has it; false when there is none */
bool dyncast_dp_ring_get(int service, uint32_t ring[DYNCAST_RING_SLOTS]);
/* writes the slots that differ, each atomically; number written, -1 on error */
int dyncast_dp_ring_set(int service, const uint32_t ring[DYNCAST_RING_SLOTS]);

/* Where flows were before the last change is forgotten, for those that have no
 * entry: of all, or of those of one instance. */
void dyncast_dp_ring_clear(int service);
void dyncast_dp_ring_forget(int service, uint32_t id);

/* Slots whose last change is over are said to be so, which saves the program a
 * look at the clock.  The second is for once a second or so: it looks at what
 * is known to be in a change, and at the rest now and then. */
void dyncast_dp_ring_settle(int service);
void dyncast_dp_ring_tick(int service);

/* of an instance, or of a service: the sums of its instances, those of deleted
 * ones included */
struct dyncast_dp_counters {
	uint64_t packets, bytes;
	uint64_t hits, misses; /* with an entry, and without: new ones too */
	/* misses: of a flow that needs no entry, the first one of a flow, and
	 * that of one whose instance was void or dead */
	uint64_t stateless, flows_new, repinned;
	uint64_t refused; /* flows that got no entry */
};
bool dyncast_dp_instance_counters(uint32_t id, struct dyncast_dp_counters *out);
bool dyncast_dp_service_counters(int index, struct dyncast_dp_counters *out);

/*
 * A packet whose outer destination is this D-BID, on any interface that we are
 * attached to, is stripped of its outer header and given to that local
 * (ADJACENT) instance or to nobody.  False when the kernel did not take it.
 */
bool dyncast_dp_decap_set(const struct dyncast_addr *dbid,
			  uint32_t instance_id);
/* unless the D-BID is another instance's by now */
void dyncast_dp_decap_clear(const struct dyncast_addr *dbid,
			    uint32_t instance_id);

/*
 * Attach to / detach from an interface.  Attaching again changes what it
 * does; false (and a reason in the log) when the kernel refuses.
 *   STEER   places packets that come in, and strips those for a local D-BID
 *   DECAP   strips alone: an interface towards the core
 *   EGRESS  places packets that the kernel sends out of it (`forwarding
 *           kernel`), after routing, netfilter and TTL; not with the others
 */
#define DYNCAST_DP_ATTACH_STEER (1u << 0)
#define DYNCAST_DP_ATTACH_DECAP (1u << 1)
#define DYNCAST_DP_ATTACH_EGRESS (1u << 2)
bool dyncast_dp_attach(uint32_t ifindex, const char *ifname, uint32_t table_id,
		       uint32_t flags);
void dyncast_dp_detach(uint32_t ifindex, const char *ifname);
bool dyncast_dp_attached(uint32_t ifindex);
/* .. and nobody else has taken the program away: the kernel is asked */
bool dyncast_dp_still_attached(uint32_t ifindex);
/* all that are attached, also since before a restart; fn may detach */
void dyncast_dp_attached_each(void (*fn)(uint32_t ifindex, void *arg),
			      void *arg);

struct dyncast_dp_flow {
	int service; /* index */
	uint32_t table_id;
	uint8_t proto;
	uint16_t sport, dport; /* host byte order */
	struct dyncast_addr src, dst;
	uint32_t instance;
	bool valid; /* its instance's generation still matches */
	uint32_t age_s, idle_s;
};
/*
 * Walk the flow table in batches: *cursor starts at NULL and is an opaque
 * position owned by the walk; each call hands up to max flows to fn and
 * returns true while there is more.  After the last call, or to give up,
 * dyncast_dp_flow_walk_end().
 */
struct dyncast_dp_walk;
bool dyncast_dp_flow_walk(struct dyncast_dp_walk **cursor, unsigned int max,
			  void (*fn)(const struct dyncast_dp_flow *flow,
				     void *arg),
			  void *arg);
void dyncast_dp_flow_walk_end(struct dyncast_dp_walk **cursor);
/* Forget the flows of one service (or all, when index is -1): each goes where
 * new ones go.  Returns the number of deleted entries; TCP flows may have had
 * none.  A full table takes about a second: daemons use the walk below. */
unsigned int dyncast_dp_flow_clear(int service);
/*
 * Delete entries of flows that ended: idle for longer than the service's
 * timeout, or closed by the client and idle for a quarter of it.  As a walk;
 * each call looks at up to max flows (at least 256), adds to *deleted and
 * returns true while there is more.
 */
bool dyncast_dp_flow_sweep_walk(struct dyncast_dp_walk **cursor,
				unsigned int max, unsigned int *deleted);
/* Forgetting entries as a walk, also those on probation (which do not count):
 * each call looks at up to max flows (at least 256), adds to *deleted and
 * returns true while there is more.  Who has no entry: dyncast_dp_ring_clear(),
 * dyncast_dp_ring_forget(). */
bool dyncast_dp_flow_clear_walk(
	struct dyncast_dp_walk **cursor, unsigned int max,
	bool (*wanted)(const struct dyncast_dp_flow *flow, void *arg),
	void *arg, unsigned int *deleted);

/*
 * Where a packet goes, and why: flows of TCP at rest have no entry that a walk
 * would show.  Fill in what is asked.
 */
enum dyncast_dp_why {
	DYNCAST_DP_WHY_NO_SERVICE, /* not steered */
	DYNCAST_DP_WHY_NOBODY,	   /* left to the route: no instance */
	DYNCAST_DP_WHY_ENTRY,
	DYNCAST_DP_WHY_PROBATION, /* seen once; its next packet follows it */
	DYNCAST_DP_WHY_SLOT,	  /* where its slot is */
	DYNCAST_DP_WHY_BEFORE,	  /* where its slot was when it began */
	DYNCAST_DP_WHY_OTHER_SLOT /* its slot's instances are dead */
};
struct dyncast_dp_lookup {
	uint32_t table_id;
	struct dyncast_addr src, dst;
	uint8_t proto;
	uint16_t sport, dport; /* host byte order */

	enum dyncast_dp_why why;
	int service;	   /* index, -1: none; then nothing else counts */
	uint32_t instance; /* of the flow's next packet; 0: none */
	uint32_t opening;  /* TCP: .. if that were a SYN */
	uint32_t slot;	   /* number, its two instances, and whether flows .. */
	uint32_t cur, old;
	bool moving; /* .. that began before its change may still be alive */
	uint32_t changed_s; /* ago; 0: at rest */
	bool has_entry, on_probation;
	bool entry_valid, entry_closed;
	uint32_t entry;
	uint32_t entry_age_s, entry_idle_s;
};
void dyncast_dp_lookup(struct dyncast_dp_lookup *q);

#endif /* DYNCAST_DATAPLANE_H */
