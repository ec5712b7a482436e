// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The forwarding plane: runs on the ingress of every interface that steers
 * (TCX or clsact), for each packet.
 *
 *   service (LPM) -> flow entry, else slot -> instance -> out
 *
 * Loaded and fed by zebra-dyncast/dataplane*.c; maps in dyncast_map.h.
 * Implements the D-Forwarder of draft-li-dyncast-architecture-00 (instance
 * affinity and dispatch, sections 3.3 and 3.4).
 *
 * What it does not steer it leaves as it was, with TC_ACT_UNSPEC, so that
 * other tc programs and then the kernel's own route (plain anycast) see it.
 *
 * A packet that came out of a tunnel at this router never gets here: seg6local
 * (and ipip) decapsulate in the input path behind the ingress hook and hand
 * the inner packet straight to the route, so a packet that another ingress has
 * placed is not placed a second time and no loop between ingresses can form.
 */

#include <stdbool.h>
#include <stddef.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/pkt_cls.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>

#include "dyncast_hash.h"
#include "dyncast_map.h"

#define PASS TC_ACT_UNSPEC
/* Ethernet, IPv4 with all options, TCP without: what is parsed */
#define HEADERS_MAX (ETH_HLEN + 60 + (int)sizeof(struct tcphdr))
#define IP_MF_OR_OFFSET 0x3fff
/* slots looked at when a slot's own instances are dead */
#define PROBES 32
#define HOP_LIMIT 64

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, DYNCAST_MAP_IFACES_MAX);
	__type(key, __u32);
	__type(value, struct dyncast_map_iface);
} ifaces SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, DYNCAST_MAP_SERVICES_MAX);
	__type(key, struct dyncast_map_service_key);
	__type(value, struct dyncast_map_service);
} services SEC(".maps");

/* common LRU, not per-CPU: it resists floods better; the size is set by the
 * loader */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1);
	__type(key, struct dyncast_map_flow_key);
	__type(value, struct dyncast_map_flow);
} flows SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, DYNCAST_MAP_SERVICES_MAX *DYNCAST_MAP_SLOTS);
	__type(key, __u32);
	__type(value, union dyncast_map_slot);
} slots SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, DYNCAST_MAP_INSTANCES_MAX);
	__type(key, __u32);
	__type(value, struct dyncast_map_instance);
} instances SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, DYNCAST_MAP_SERVICES_MAX);
	__type(key, struct dyncast_map_ident_service);
	__type(value, __u32);
} ident_service SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, DYNCAST_MAP_INSTANCES_MAX);
	__type(key, struct dyncast_map_ident_instance);
	__type(value, __u32);
} ident_instance SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct dyncast_map_counters);
} counters SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, DYNCAST_MAP_INSTANCES_MAX);
	__type(key, __u32);
	__type(value, struct dyncast_map_instance_counters);
} instance_counters SEC(".maps");

/* what the steps below know of the packet */
struct packet {
	struct dyncast_map_flow_key key;
	__u32 hash;
	__u32 now;
	__u16 length;  /* of the IP packet, outer headers not counted */
	__u16 segment; /* the largest IP packet that will be on the wire */
	__u8 tos;
	__u8 ttl;
	bool fragment;
	bool opens;  /* TCP: SYN alone */
	bool closes; /* TCP: FIN or RST */
};

static __always_inline void count(enum dyncast_map_counter which, __u64 by)
{
	__u32 zero = 0;
	struct dyncast_map_counters *c = bpf_map_lookup_elem(&counters, &zero);

	if (c)
		c->n[which] += by;
}

static __always_inline struct dyncast_map_instance *instance_of(__u32 id)
{
	return id ? bpf_map_lookup_elem(&instances, &id) : NULL;
}

/* a slot may still name an id that another service has by now */
static __always_inline bool usable(const struct dyncast_map_instance *instance,
				   __u32 service)
{
	return instance && (instance->flags & DYNCAST_MAP_INSTANCE_ALIVE) &&
	       instance->service == service + 1;
}

/* Length of the largest segment that will leave: a packet that offloading has
 * put together is cut into pieces of gso_size again. */
static __always_inline __u16 segment_length(struct __sk_buff *skb,
					    const struct packet *pkt,
					    __u32 l3_size, void *l4,
					    void *data_end)
{
	__u32 l4_size = sizeof(struct udphdr);

	if (!skb->gso_size)
		return pkt->length;
	if (pkt->key.proto == IPPROTO_TCP) {
		struct tcphdr *tcp = l4;

		if ((void *)(tcp + 1) > data_end)
			return pkt->length;
		l4_size = tcp->doff * 4;
	}
	return l3_size + l4_size + skb->gso_size;
}

/*
 * Fills pkt from an Ethernet frame with IPv4; false when it is nothing for us.
 * Ports stay zero in a fragment.
 */
static __always_inline bool parse_ipv4(struct __sk_buff *skb,
				       struct packet *pkt)
{
	void *data = (void *)(long)skb->data;
	void *data_end = (void *)(long)skb->data_end;
	struct ethhdr *eth = data;
	struct iphdr *ip;
	__u32 l3_size;
	__be16 *ports;

	if (data + HEADERS_MAX > data_end && data_end - data < skb->len) {
		if (bpf_skb_pull_data(skb, skb->len < HEADERS_MAX
						   ? skb->len
						   : HEADERS_MAX))
			return false;
		data = (void *)(long)skb->data;
		data_end = (void *)(long)skb->data_end;
		eth = data;
	}

	ip = (void *)(eth + 1);
	if ((void *)(ip + 1) > data_end || eth->h_proto != bpf_htons(ETH_P_IP))
		return false;
	l3_size = ip->ihl * 4;
	pkt->length = bpf_ntohs(ip->tot_len);
	if (ip->version != 4 || l3_size < sizeof(*ip) ||
	    pkt->length < l3_size + 8 || pkt->length + ETH_HLEN > skb->len)
		return false;

	pkt->tos = ip->tos;
	pkt->ttl = ip->ttl;
	pkt->key.family = DYNCAST_MAP_AF_INET;
	pkt->key.proto = ip->protocol;
	pkt->key.saddr[0] = ip->saddr;
	pkt->key.daddr[0] = ip->daddr;
	pkt->fragment = ip->frag_off & bpf_htons(IP_MF_OR_OFFSET);
	pkt->segment = pkt->length;
	if (pkt->fragment)
		return true;

	ports = (void *)ip + l3_size;
	if ((void *)(ports + 2) > data_end)
		return false;
	pkt->key.sport = ports[0];
	pkt->key.dport = ports[1];
	if (pkt->key.proto == IPPROTO_TCP) {
		struct tcphdr *tcp = (void *)ports;

		if ((void *)(tcp + 1) > data_end)
			return false;
		pkt->opens = tcp->syn && !tcp->ack;
		pkt->closes = tcp->fin || tcp->rst;
	}
	pkt->segment = segment_length(skb, pkt, l3_size, ports, data_end);
	return true;
}

/* The instance of a new flow: its slot's, else (when that is dead and the
 * control plane has not moved the slot yet) one that the same packet would
 * find anywhere with the same ring. */
static __always_inline struct dyncast_map_instance *
slot_instance(const struct dyncast_map_service *service, __u32 hash, __u32 *id)
{
	struct dyncast_map_instance *instance;
	union dyncast_map_slot slot, *where;
	__u32 at = hash & (DYNCAST_MAP_SLOTS - 1);

	for (int i = 0; i < PROBES; i++) {
		__u32 index = service->index * DYNCAST_MAP_SLOTS +
			      ((at + i) & (DYNCAST_MAP_SLOTS - 1));

		where = bpf_map_lookup_elem(&slots, &index);
		if (!where)
			return NULL;
		slot.word = *(volatile __u64 *)&where->word;

		*id = slot.cur;
		instance = instance_of(*id);
		if (usable(instance, service->index))
			return instance;
		/* nobody is to have new flows: nor has who had them before */
		if (!slot.cur)
			continue;
		*id = slot.old;
		instance = instance_of(*id);
		if (usable(instance, service->index))
			return instance;
	}
	return NULL;
}

/* a live entry's instance, refreshing the entry; *known tells an entry that is
 * void from none */
static __always_inline struct dyncast_map_instance *
flow_instance(const struct dyncast_map_service *service,
	      const struct packet *pkt, __u32 *id, bool *known)
{
	struct dyncast_map_instance *instance;
	struct dyncast_map_flow *flow = bpf_map_lookup_elem(&flows, &pkt->key);

	if (!flow)
		return NULL;
	/* another CPU may have stamped it a second later than our clock */
	if ((__s32)(pkt->now - flow->last_seen) > (__s32)service->timeout_s)
		return NULL;
	*known = true;
	*id = flow->instance;
	instance = instance_of(*id);
	if (!usable(instance, service->index) ||
	    instance->generation != flow->generation)
		return NULL;
	/* The client has ended the connection and opens another from the same
	 * port: a new flow.  Until it does the entry stays, so that a forged
	 * FIN or RST takes nobody off its instance. */
	if (pkt->opens && (flow->flags & DYNCAST_MAP_FLOW_CLOSED)) {
		*known = false;
		return NULL;
	}
	if (pkt->closes && !(flow->flags & DYNCAST_MAP_FLOW_CLOSED))
		flow->flags |= DYNCAST_MAP_FLOW_CLOSED;
	if (flow->last_seen != pkt->now)
		flow->last_seen = pkt->now;
	return instance;
}

static __always_inline void
flow_insert(const struct packet *pkt, __u32 id,
	    const struct dyncast_map_instance *instance, bool known)
{
	struct dyncast_map_instance_counters *c;
	struct dyncast_map_flow flow = {
		.instance = id,
		.generation = instance->generation,
		.first_seen = pkt->now,
		.last_seen = pkt->now,
	};

	if (bpf_map_update_elem(&flows, &pkt->key, &flow, BPF_ANY))
		count(DYNCAST_COUNT_REFUSED, 1);
	else
		count(known ? DYNCAST_COUNT_REPINNED : DYNCAST_COUNT_NEW, 1);

	c = bpf_map_lookup_elem(&instance_counters, &id);
	if (c)
		c->flows_new++;
}

static __always_inline void count_steered(__u32 id, const struct packet *pkt)
{
	struct dyncast_map_instance_counters *c =
		bpf_map_lookup_elem(&instance_counters, &id);

	if (c) {
		c->packets++;
		c->bytes += pkt->length;
	}
	count(DYNCAST_COUNT_STEERED, 1);
	count(DYNCAST_COUNT_BYTES, pkt->length);
}

/* One hop less.  The header's sum stays what it was, right or wrong, so this
 * needs no skb->csum update. */
static __always_inline void decrement_ttl(struct iphdr *ip)
{
	__u32 check = ip->check;

	check += bpf_htons(0x0100);
	ip->check = check + (check >= 0xffff);
	ip->ttl--;
}

static __always_inline void
next_hop(const struct dyncast_map_instance *instance,
	 struct bpf_redir_neigh *neigh)
{
	neigh->nh_family = instance->nexthop_family;
	__builtin_memcpy(neigh->ipv6_nh, instance->nexthop,
			 sizeof(neigh->ipv6_nh));
}

/* bpf_redirect_neigh() resolves the neighbour but is no router: TTL and MTU
 * are ours to see to. */
static __always_inline int
forward_adjacent(struct __sk_buff *skb,
		 const struct dyncast_map_instance *instance)
{
	void *data = (void *)(long)skb->data;
	void *data_end = (void *)(long)skb->data_end;
	struct iphdr *ip = data + ETH_HLEN;
	struct bpf_redir_neigh neigh = {};

	if ((void *)(ip + 1) > data_end)
		return PASS;
	decrement_ttl(ip);
	next_hop(instance, &neigh);
	return bpf_redirect_neigh(instance->ifindex, &neigh, sizeof(neigh), 0);
}

/* A plain IPv6 header, no SRH: the SID is the only segment (RFC 8986,
 * H.Encaps.Red). */
static __always_inline int
forward_srv6(struct __sk_buff *skb, const struct dyncast_map_instance *instance,
	     const struct packet *pkt)
{
	struct bpf_redir_neigh neigh = {};
	struct ipv6hdr outer = {};
	void *data, *data_end;
	struct ethhdr *eth;
	struct iphdr *ip;

	/* without FIXED_GSO the segments would shrink: the path's MTU has been
	 * checked with the outer header counted */
	if (bpf_skb_adjust_room(skb, sizeof(outer), BPF_ADJ_ROOM_MAC,
				BPF_F_ADJ_ROOM_ENCAP_L3_IPV6 |
					BPF_F_ADJ_ROOM_FIXED_GSO)) {
		count(DYNCAST_COUNT_ERROR, 1);
		return PASS;
	}

	/* traffic class (DSCP and ECN of the inner packet) and flow label */
	*(__be32 *)&outer =
		bpf_htonl(6u << 28 | (__u32)pkt->tos << 20 | (pkt->hash >> 12));
	outer.payload_len = bpf_htons(pkt->length);
	outer.nexthdr = IPPROTO_IPIP;
	outer.hop_limit = HOP_LIMIT;
	__builtin_memcpy(&outer.saddr, instance->source, sizeof(outer.saddr));
	__builtin_memcpy(&outer.daddr, instance->dbid, sizeof(outer.daddr));
	if (bpf_skb_store_bytes(skb, ETH_HLEN, &outer, sizeof(outer),
				BPF_F_RECOMPUTE_CSUM)) {
		count(DYNCAST_COUNT_ERROR, 1);
		return TC_ACT_SHOT;
	}

	data = (void *)(long)skb->data;
	data_end = (void *)(long)skb->data_end;
	eth = data;
	ip = data + ETH_HLEN + sizeof(outer);
	if ((void *)(ip + 1) > data_end) {
		count(DYNCAST_COUNT_ERROR, 1);
		return TC_ACT_SHOT;
	}
	eth->h_proto = bpf_htons(ETH_P_IPV6);
	decrement_ttl(ip);

	/* several next hops or none: the kernel routes to the SID */
	if (!instance->ifindex || !instance->nexthop_family)
		return TC_ACT_OK;
	next_hop(instance, &neigh);
	return bpf_redirect_neigh(instance->ifindex, &neigh, sizeof(neigh), 0);
}

static __always_inline int forward(struct __sk_buff *skb,
				   const struct dyncast_map_instance *instance,
				   __u32 id, const struct packet *pkt)
{
	bool tunnel = instance->kind == DYNCAST_MAP_KIND_SRV6;
	__u32 segment = pkt->segment + (tunnel ? sizeof(struct ipv6hdr) : 0);

	/* the kernel answers both: time exceeded, fragmentation needed */
	if (pkt->ttl <= 1)
		return PASS;
	if (instance->mtu && segment > instance->mtu) {
		count(DYNCAST_COUNT_TOO_BIG, 1);
		return PASS;
	}

	if (tunnel) {
		count_steered(id, pkt);
		return forward_srv6(skb, instance, pkt);
	}
	if (instance->kind == DYNCAST_MAP_KIND_ADJACENT && instance->ifindex &&
	    instance->nexthop_family) {
		count_steered(id, pkt);
		return forward_adjacent(skb, instance);
	}
	count(DYNCAST_COUNT_NO_INSTANCE, 1);
	return PASS;
}

static __always_inline int steer(struct __sk_buff *skb,
				 const struct dyncast_map_service *service,
				 struct packet *pkt)
{
	struct dyncast_map_instance *instance;
	bool known = false;
	__u32 id = 0;

	/* Only the first fragment has ports.  All of them go by the kernel's
	 * route, so that at least they meet again at one instance. */
	if (pkt->fragment) {
		count(DYNCAST_COUNT_FRAGMENT, 1);
		return PASS;
	}

	pkt->now = bpf_ktime_get_coarse_ns() / 1000000000ull;
	pkt->hash = dyncast_hash_flow(&pkt->key, service->seed);

	instance = flow_instance(service, pkt, &id, &known);
	if (instance) {
		count(DYNCAST_COUNT_HIT, 1);
		return forward(skb, instance, id, pkt);
	}
	instance = slot_instance(service, pkt->hash, &id);
	if (!instance) {
		count(DYNCAST_COUNT_NO_INSTANCE, 1);
		return PASS;
	}
	flow_insert(pkt, id, instance, known);
	return forward(skb, instance, id, pkt);
}

SEC("tc")
int dyncast_ingress(struct __sk_buff *skb)
{
	struct dyncast_map_service_key where = {};
	struct dyncast_map_service *service;
	struct dyncast_map_iface *iface;
	struct packet pkt = {};
	__u32 ifindex = skb->ifindex;

	/* Frames of a VLAN pass here too, before its own interface sees them;
	 * frames for other hosts do where the interface is promiscuous. */
	if (skb->protocol != bpf_htons(ETH_P_IP) || skb->vlan_present ||
	    skb->pkt_type != PACKET_HOST)
		goto pass;
	if (!parse_ipv4(skb, &pkt))
		goto pass;
	if (pkt.key.proto != IPPROTO_TCP && pkt.key.proto != IPPROTO_UDP)
		goto pass;

	iface = bpf_map_lookup_elem(&ifaces, &ifindex);
	if (!iface)
		goto pass;
	pkt.key.table_id = iface->table_id;

	where.prefixlen = DYNCAST_MAP_LPM_FIXED + 32;
	where.table_id = iface->table_id;
	where.family = DYNCAST_MAP_AF_INET;
	where.addr[0] = pkt.key.daddr[0];
	service = bpf_map_lookup_elem(&services, &where);
	if (!service)
		goto pass;
	return steer(skb, service, &pkt);

pass:
	count(DYNCAST_COUNT_PASSED, 1);
	return PASS;
}

char _license[] SEC("license") = "GPL";
