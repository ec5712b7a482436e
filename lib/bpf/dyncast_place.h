/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which instance a packet goes to: the flow's entry, else its slot.  Part of
 * dyncast.bpf.c.
 *
 * A slot is {cur, old, t_change}.  While it is *moving* -- cur and old differ
 * and it changed within the service's idle timeout -- flows that began before
 * are on old and new ones go to cur, so each that shows up gets an entry.
 * Otherwise every flow of the slot that has no entry is on cur, and TCP needs
 * no entry at all ("stateless unless needed"):
 *
 *   live entry               its instance; dropped when it says what a slot
 *                            at rest says
 *   none, at rest            cur, nothing stored
 *   none, moving, SYN        cur, stored
 *   none, moving, no SYN     old while it is alive, stored
 *   the table takes no entry as above, but nothing stored
 *
 * The flow table is not asked at all for TCP whose slot is at rest and has no
 * pins (dyncast_map.h): where no ring moves, and no flow has been left behind
 * by one that did, TCP costs no cache misses in a large table.
 *
 * New flows go through probation (dyncast_map.h) first.  So does a connection
 * of before a change, which may be forged as well, once half of a second's
 * entries are made: the other half is for who speaks twice.  Once a slot's
 * change is over probation need not be looked at for TCP, since SYNs went to
 * cur.
 *
 * Flows whose beginning cannot be seen (UDP, all that a source sends) are
 * stored always.  A flow whose entry is void or has expired is new: cur.
 * Without affinity every packet goes to its slot's cur.
 *
 * The writer (zebra-dyncast/dataplane_ids.c) sets old to cur only when more
 * than the timeout has passed, and this file takes a slot for moving as long
 * as at most the timeout has: who idles no longer than the timeout is never
 * taken for a flow of the wrong side.
 */

#ifndef DYNCAST_PLACE_H
#define DYNCAST_PLACE_H

#include "dyncast_prog.h"
#include "dyncast_table.h"

/* slots looked at when a slot's own instances are dead */
#define PROBES 32

/* what the flow table says of a packet's flow */
enum entry {
	ENTRY_NONE,
	ENTRY_LIVE,
	ENTRY_VOID, /* its instance is dead, or is another one by now */
	ENTRY_OVER, /* idle for too long, or closed and opened again */
};

/* from 5.11; set by the loader */
const volatile bool have_coarse_clock = true;

/* Whole seconds without a division: 2^24 ns are 288230376.15 / 2^34 s, which
 * is right to a tenth of a second within six years. */
static __always_inline __u32 clock_s(void)
{
	__u64 ns = have_coarse_clock ? bpf_ktime_get_coarse_ns()
				     : bpf_ktime_get_ns();

	return (ns >> 24) * 288230376ull >> 34;
}

/* The flow table and probation, by family --------------------------------- */

static __always_inline struct dyncast_map_flow *
flow_find(const struct packet *pkt)
{
	return table_find(TABLE_OF_PACKET, &pkt->key, pkt->family);
}

static __always_inline void flow_change(const struct packet *pkt,
					enum table_change what)
{
	table_change(TABLE_OF_PACKET, &pkt->key, pkt->family, what, 0);
}

static __always_inline struct dyncast_map_flow *
probation_find(const struct packet *pkt)
{
	return pkt->family == DYNCAST_MAP_AF_INET
		       ? bpf_map_lookup_elem(&probation4, &pkt->key)
		       : bpf_map_lookup_elem(&probation6, &pkt->key);
}

static __always_inline void probation_delete(const struct packet *pkt)
{
	if (pkt->family == DYNCAST_MAP_AF_INET)
		bpf_map_delete_elem(&probation4, &pkt->key);
	else
		bpf_map_delete_elem(&probation6, &pkt->key);
}

/* Slots ------------------------------------------------------------------ */

static __always_inline union dyncast_map_slot slot_read(__u32 service, __u32 at)
{
	__u32 index =
		service * DYNCAST_MAP_SLOTS + (at & (DYNCAST_MAP_SLOTS - 1));
	union dyncast_map_slot slot = {}, *where;

	where = bpf_map_lookup_elem(&slots, &index);
	if (where)
		slot.word = *(volatile __u64 *)&where->word;
	return slot;
}

/* when a TCP flow of the packet's slot was last seen to have an entry */
static __always_inline __u32 *slot_pin(const struct packet *pkt)
{
	__u32 slot = pkt->key.service * DYNCAST_MAP_SLOTS +
		     (pkt->hash & (DYNCAST_MAP_SLOTS - 1));
	__u32 index = slot / 2;
	struct dyncast_map_pins *two = bpf_map_lookup_elem(&pins, &index);

	return two ? &two->second[slot & 1] : NULL;
}

static __always_inline void slot_pin_now(const struct packet *pkt)
{
	__u32 *pin = pkt->tcp ? slot_pin(pkt) : NULL;

	if (pin && *pin != pkt->now)
		*pin = pkt->now;
}

static __always_inline bool slot_pinned(const struct packet *pkt)
{
	__u32 *pin = slot_pin(pkt);

	return !pin || *pin;
}

/* flows of before its last change may still be alive */
static __always_inline bool
slot_changed(const struct dyncast_map_service *service,
	     const struct packet *pkt, union dyncast_map_slot slot)
{
	return dyncast_map_slot_changed(slot, pkt->now, service->timeout_s);
}

static __always_inline bool
slot_moving(const struct dyncast_map_service *service, const struct packet *pkt,
	    union dyncast_map_slot slot)
{
	return slot.cur != slot.old && slot_changed(service, pkt, slot);
}

static __always_inline struct dyncast_map_instance *
usable_of(const struct dyncast_map_service *service, __u32 id)
{
	struct dyncast_map_instance *instance = instance_of(id);

	return usable(instance, service->index) ? instance : NULL;
}

/* The slot's instances are dead and the control plane has not moved it yet:
 * one that the same packet would find anywhere with the same ring.  0: none.
 * Not static: the verifier then looks at the loop once. */
__noinline int dyncast_next_instance(__u32 service, __u32 hash)
{
	for (int i = 1; i < PROBES; i++) {
		__u32 id = slot_read(service, hash + i).cur;

		if (usable(instance_of(id), service))
			return id;
	}
	return 0;
}

static __always_inline struct dyncast_map_instance *
slot_instance(const struct dyncast_map_service *service, __u32 hash,
	      union dyncast_map_slot slot, bool before, __u32 *id)
{
	struct dyncast_map_instance *instance;

	*id = before ? slot.old : slot.cur;
	instance = usable_of(service, *id);
	if (instance)
		return instance;
	*id = slot.cur;
	instance = usable_of(service, *id);
	if (instance)
		return instance;
	*id = dyncast_next_instance(service->index, hash);
	instance = usable_of(service, *id);
	if (instance)
		return instance;
	/* nobody is to have new flows: nor has who had them before */
	if (!slot.cur)
		return NULL;
	*id = slot.old;
	return usable_of(service, *id);
}

static __always_inline enum entry
entry_state(const struct dyncast_map_service *service, const struct packet *pkt,
	    const struct dyncast_map_flow *flow,
	    struct dyncast_map_instance **instance)
{
	/* another CPU may have stamped it a second later than our clock */
	if ((__s32)(pkt->now - flow->last_seen) > (__s32)service->timeout_s)
		return ENTRY_OVER;
	*instance = usable_of(service, flow->instance);
	if (!*instance || (*instance)->generation != flow->generation)
		return ENTRY_VOID;
	/* The client has ended the connection and opens another from the same
	 * port: a new flow.  Until it does the entry stays, so that a forged
	 * FIN or RST takes nobody off its instance. */
	if (pkt->opens && (flow->flags & DYNCAST_MAP_FLOW_CLOSED))
		return ENTRY_OVER;
	return ENTRY_LIVE;
}

/* whether the client has ended the connection: nobody speaks after his FIN or
 * RST, so one that is followed by payload was forged */
static __always_inline bool entry_closed(const struct dyncast_map_flow *flow,
					 const struct packet *pkt)
{
	return pkt->closes ||
	       (!pkt->speaks && (flow->flags & DYNCAST_MAP_FLOW_CLOSED));
}

/* of the flow table: its flags are written under its lock only */
static __always_inline void entry_touch(struct dyncast_map_flow *flow,
					const struct packet *pkt)
{
	bool closed = entry_closed(flow, pkt);

	if (closed != !!(flow->flags & DYNCAST_MAP_FLOW_CLOSED))
		flow_change(pkt, closed ? TABLE_CLOSE : TABLE_OPEN);
	if (flow->last_seen != pkt->now)
		flow->last_seen = pkt->now;
	slot_pin_now(pkt);
}

/* entries that this CPU has made in this second; NULL: it may make none */
static __always_inline struct dyncast_map_budget *
budget_now(const struct packet *pkt)
{
	struct dyncast_map_budget *mine;
	__u32 zero = 0;

	mine = bpf_map_lookup_elem(&budget, &zero);
	if (mine && mine->second != pkt->now) {
		mine->second = pkt->now;
		mine->used = 0;
	}
	return mine;
}

static __always_inline bool budget_take(const struct packet *pkt)
{
	struct dyncast_map_budget *mine = budget_now(pkt);

	return mine && mine->used++ < budget_per_second;
}

/* what single packets may take of it */
static __always_inline bool budget_for_unknown(const struct packet *pkt)
{
	struct dyncast_map_budget *mine = budget_now(pkt);

	return mine && mine->used < budget_per_second / 2;
}

/* false when the table takes no entry */
static __always_inline bool entry_insert(const struct packet *pkt,
					 const struct dyncast_map_flow *flow)
{
	bool taken;

	if (!budget_take(pkt)) {
		count(DYNCAST_COUNT_LIMITED, 1);
		count_instance(flow->instance, DYNCAST_ICOUNT_REFUSED);
		return false;
	}
	taken = table_put(TABLE_OF_PACKET, &pkt->key, pkt->family, flow);
	slot_pin_now(pkt);
	if (!taken) {
		count(DYNCAST_COUNT_REFUSED, 1);
		count_instance(flow->instance, DYNCAST_ICOUNT_REFUSED);
	}
	return taken;
}

/* in probation when that is enough, see above */
static __always_inline bool
entry_make(const struct packet *pkt, __u32 id,
	   const struct dyncast_map_instance *instance, bool on_probation)
{
	struct dyncast_map_flow flow = {
		.instance = id,
		.flags = pkt->closes ? DYNCAST_MAP_FLOW_CLOSED : 0,
		.generation = instance->generation,
		.first_seen = pkt->now,
		.last_seen = pkt->now,
	};

	if (!on_probation)
		return entry_insert(pkt, &flow);
	count(DYNCAST_COUNT_PROBATION, 1);
	return pkt->family == DYNCAST_MAP_AF_INET
		       ? !bpf_map_update_elem(&probation4, &pkt->key, &flow,
					      BPF_ANY)
		       : !bpf_map_update_elem(&probation6, &pkt->key, &flow,
					      BPF_ANY);
}

/* a flow that this router sees for the first time, or has to move */
static __always_inline void placed(struct packet *pkt, bool moved)
{
	pkt->outcome = moved ? DYNCAST_ICOUNT_REPINNED : DYNCAST_ICOUNT_NEW;
}

/* no live entry */
static __always_inline struct dyncast_map_instance *
place_new(const struct dyncast_map_service *service, struct packet *pkt,
	  union dyncast_map_slot slot, enum entry entry, __u32 *id)
{
	bool moving = slot_moving(service, pkt, slot);
	/* TCP that began before the slot changed */
	bool before = moving && pkt->tcp && !pkt->opens && entry == ENTRY_NONE;
	struct dyncast_map_instance *instance;

	instance = slot_instance(service, pkt->hash, slot, before, id);
	if (!instance)
		return NULL;
	if (pkt->tcp && !moving && *id == slot.cur) {
		if (entry != ENTRY_NONE)
			flow_change(pkt, TABLE_REMOVE);
		if (pkt->opens || entry != ENTRY_NONE)
			placed(pkt, entry == ENTRY_VOID);
		return instance;
	}
	pkt->now = clock_s();
	/* who has a void entry has shown that he is no forged source */
	if (entry_make(pkt, *id, instance,
		       entry == ENTRY_NONE && (!pkt->tcp || pkt->opens ||
					       !budget_for_unknown(pkt)))) {
		placed(pkt, entry == ENTRY_VOID ||
				    (pkt->tcp && !pkt->opens &&
				     entry == ENTRY_NONE &&
				     *id != (before ? slot.old : slot.cur)));
		return instance;
	}
	/* Without an entry: a flow of before the change stays on old all the
	 * same, until the slot comes to rest. */
	return instance;
}

/* the first bits of a word in network byte order */
static __always_inline __u32 mask_word(__u32 bits)
{
	return bits >= 32 ? ~0u : bpf_htonl(~(~0u >> bits));
}

static __always_inline void mask(__u32 addr[4], __u32 bits)
{
	for (__u32 i = 0; i < 4; i++)
		addr[i] &= bits <= 32 * i ? 0 : mask_word(bits - 32 * i);
}

/* what is one flow, as the service has it */
static __always_inline void
apply_affinity(const struct dyncast_map_service *service, struct packet *pkt)
{
	if (service->affinity != DYNCAST_MAP_AFFINITY_SOURCE)
		return;
	if (pkt->family == DYNCAST_MAP_AF_INET)
		pkt->key.saddr4 &= mask_word(service->plen);
	else
		mask(pkt->key.saddr, service->plen);
	pkt->key.proto = 0;
	pkt->key.sport = pkt->key.dport = 0;
	pkt->tcp = pkt->opens = pkt->closes = false;
}

/* about a packet of the flow: goes where the flow is, and changes nothing */
static __always_inline struct dyncast_map_instance *
place_error(const struct dyncast_map_service *service, struct packet *pkt,
	    __u32 *id)
{
	struct dyncast_map_flow *flow = flow_find(pkt);
	union dyncast_map_slot slot = slot_read(service->index, pkt->hash);
	struct dyncast_map_instance *instance;

	if (!flow)
		flow = probation_find(pkt);
	pkt->now = clock_s();
	if (flow && entry_state(service, pkt, flow, &instance) == ENTRY_LIVE) {
		*id = flow->instance;
		pkt->outcome = DYNCAST_ICOUNT_HIT;
		return instance;
	}
	return slot_instance(service, pkt->hash, slot,
			     pkt->tcp && slot_moving(service, pkt, slot), id);
}

/* the flow's second packet: NULL when there was no first one */
static __always_inline struct dyncast_map_instance *
place_second(const struct dyncast_map_service *service, struct packet *pkt,
	     __u32 *id)
{
	struct dyncast_map_flow *first, flow;
	struct dyncast_map_instance *instance;

	first = probation_find(pkt);
	if (!first)
		return NULL;
	flow = *first;
	pkt->now = clock_s();
	if (entry_state(service, pkt, &flow, &instance) != ENTRY_LIVE) {
		probation_delete(pkt);
		return NULL;
	}
	*id = flow.instance;
	pkt->outcome = DYNCAST_ICOUNT_HIT;
	flow.flags = entry_closed(&flow, pkt) ? DYNCAST_MAP_FLOW_CLOSED : 0;
	flow.last_seen = pkt->now;
	/* the same SYN once more is what a flood may send too */
	if (pkt->opens)
		return instance;
	if (entry_insert(pkt, &flow))
		probation_delete(pkt);
	else
		first->last_seen = pkt->now; /* refused, and still there */
	return instance;
}

/* the instance of the packet's flow and its id; NULL when there is none */
static __always_inline struct dyncast_map_instance *
place(const struct dyncast_map_service *service, struct packet *pkt, __u32 *id)
{
	struct dyncast_map_instance *instance = NULL;
	struct dyncast_map_flow *flow;
	union dyncast_map_slot slot = {};
	enum entry entry = ENTRY_NONE;

	apply_affinity(service, pkt);
	pkt->hash = dyncast_hash_flow(&pkt->key, pkt->family, service->seed);
	pkt->outcome = DYNCAST_ICOUNT_STATELESS;
	if (service->affinity == DYNCAST_MAP_AFFINITY_NONE) {
		slot = slot_read(service->index, pkt->hash);
		return slot_instance(service, pkt->hash, slot, false, id);
	}
	if (pkt->error)
		return place_error(service, pkt, id);
	if (pkt->tcp) {
		slot = slot_read(service->index, pkt->hash);
		if (!slot.t_change && !slot_pinned(pkt)) {
			*id = slot.cur;
			instance = usable_of(service, *id);
			if (pkt->opens)
				placed(pkt, false);
			if (instance)
				return instance;
		}
	}
	flow = flow_find(pkt);
	if (!flow && !pkt->tcp)
		slot = slot_read(service->index, pkt->hash);
	/* the usual case of TCP needs no clock */
	if (flow || slot.t_change)
		pkt->now = clock_s();
	if (!flow) {
		if (!pkt->tcp || slot_changed(service, pkt, slot))
			instance = place_second(service, pkt, id);
		return instance ? instance
				: place_new(service, pkt, slot, entry, id);
	}
	entry = entry_state(service, pkt, flow, &instance);
	if (entry != ENTRY_LIVE) {
		if (!pkt->tcp)
			slot = slot_read(service->index, pkt->hash);
		return place_new(service, pkt, slot, entry, id);
	}
	pkt->outcome = DYNCAST_ICOUNT_HIT;
	*id = flow->instance;
	if (pkt->tcp && *id == slot.cur && !slot_moving(service, pkt, slot))
		flow_change(pkt, TABLE_REMOVE);
	else
		entry_touch(flow, pkt);
	return instance;
}

/* Fragments ------------------------------------------------------------- */

static __always_inline void fragment_key(const struct packet *pkt,
					 struct dyncast_map_fragment_key *key)
{
	__builtin_memset(key, 0, sizeof(*key));
	key->service = pkt->key.service;
	key->id = pkt->fragment_id;
	key->family = pkt->family;
	key->proto = pkt->fragment_proto;
	__builtin_memcpy(key->saddr, pkt->key.saddr, sizeof(key->saddr));
	__builtin_memcpy(key->daddr, pkt->key.daddr, sizeof(key->daddr));
}

/* A fragment without ports, of a flow that has some.  A later fragment that
 * overtook the first one is left to the kernel's route. */
static __always_inline struct dyncast_map_instance *
place_fragment(const struct dyncast_map_service *service, struct packet *pkt,
	       const struct dyncast_map_fragment_key *key, __u32 *id)
{
	struct dyncast_map_instance *instance;
	struct dyncast_map_fragment *first;

	first = bpf_map_lookup_elem(&fragments, key);
	if (!first)
		return NULL;
	*id = first->instance;
	pkt->outcome = DYNCAST_ICOUNT_HIT;
	instance = usable_of(service, *id);
	return instance && instance->generation == first->generation ? instance
								     : NULL;
}

static __always_inline void
fragment_remember(const struct dyncast_map_fragment_key *key, __u32 id,
		  const struct dyncast_map_instance *instance)
{
	struct dyncast_map_fragment first = {
		.instance = id,
		.generation = instance->generation,
	};

	bpf_map_update_elem(&fragments, key, &first, BPF_ANY);
}

/* what is in pieces has ports, or may have some behind more headers (IPv6) */
static __always_inline bool
fragment_needs_first(const struct dyncast_map_service *service,
		     const struct packet *pkt)
{
	return pkt->fragment &&
	       service->affinity != DYNCAST_MAP_AFFINITY_SOURCE &&
	       (pkt->fragment_proto == IPPROTO_TCP ||
		pkt->fragment_proto == IPPROTO_UDP ||
		(pkt->family == DYNCAST_MAP_AF_INET6 &&
		 is_extension(pkt->fragment_proto)));
}

#endif /* DYNCAST_PLACE_H */
