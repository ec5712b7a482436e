// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The first release's program cut down to what an upgrade meets: the maps of
 * layout 1, and IPv4 flows by entry or slot to instances that are adjacent or
 * reached by SRv6.  v1.c pins it as that release did.
 */

#include <stdbool.h>
#include <stddef.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/pkt_cls.h>
#include <linux/udp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "lib/bpf/dyncast_hash.h"
#include "zebra-dyncast/dataplane_v1.h"

#define MAP(name_, type_, flags_, entries_, key_, value_)                      \
	struct {                                                               \
		__uint(type, type_);                                           \
		__uint(map_flags, flags_);                                     \
		__uint(max_entries, entries_);                                 \
		__type(key, key_);                                             \
		__type(value, value_);                                         \
	} name_ SEC(".maps")

struct counters {
	__u64 n[16];
};

MAP(ifaces, BPF_MAP_TYPE_HASH, 0, 1024, __u32, struct dyncast_v1_iface);
MAP(services, BPF_MAP_TYPE_LPM_TRIE, BPF_F_NO_PREALLOC, 256,
    struct dyncast_v1_service_key, struct dyncast_v1_service);
MAP(filter, BPF_MAP_TYPE_ARRAY, BPF_F_MMAPABLE, 2048, __u32, __u64);
MAP(flows, BPF_MAP_TYPE_LRU_HASH, 0, 8192, struct dyncast_v1_flow_key,
    struct dyncast_v1_flow);
MAP(probation, BPF_MAP_TYPE_LRU_HASH, 0, 65536, struct dyncast_v1_flow_key,
    struct dyncast_v1_flow);
MAP(slots, BPF_MAP_TYPE_ARRAY, BPF_F_MMAPABLE,
    DYNCAST_V1_SERVICES_MAX *DYNCAST_V1_SLOTS, __u32, union dyncast_v1_slot);
MAP(instances, BPF_MAP_TYPE_ARRAY, BPF_F_MMAPABLE, DYNCAST_V1_INSTANCES_MAX,
    __u32, struct dyncast_v1_instance);
MAP(ident_service, BPF_MAP_TYPE_HASH, 0, 256, struct dyncast_v1_ident_service,
    __u32);
MAP(ident_instance, BPF_MAP_TYPE_HASH, 0, DYNCAST_V1_INSTANCES_MAX,
    struct dyncast_v1_ident_instance, __u32);
MAP(counters, BPF_MAP_TYPE_PERCPU_ARRAY, 0, 1, __u32, struct counters);
MAP(instance_counters, BPF_MAP_TYPE_PERCPU_ARRAY, 0, DYNCAST_V1_INSTANCES_MAX,
    __u32, struct dyncast_v1_instance_counters);

/* false when it cannot be done */
static __always_inline bool encapsulate(struct __sk_buff *skb,
					const struct dyncast_v1_instance *to,
					__u16 length)
{
	__be16 protocol = bpf_htons(ETH_P_IPV6);
	struct ipv6hdr outer = {
		.version = 6,
		.payload_len = bpf_htons(length),
		.nexthdr = IPPROTO_IPIP,
		.hop_limit = 64,
	};

	__builtin_memcpy(&outer.saddr, to->source, sizeof(outer.saddr));
	__builtin_memcpy(&outer.daddr, to->dbid, sizeof(outer.daddr));
	return !bpf_skb_adjust_room(skb, sizeof(outer), BPF_ADJ_ROOM_MAC,
				    BPF_F_ADJ_ROOM_FIXED_GSO |
					    BPF_F_ADJ_ROOM_ENCAP_L3_IPV6) &&
	       !bpf_skb_store_bytes(skb, ETH_HLEN, &outer, sizeof(outer),
				    BPF_F_RECOMPUTE_CSUM) &&
	       !bpf_skb_store_bytes(skb, offsetof(struct ethhdr, h_proto),
				    &protocol, sizeof(protocol), 0);
}

static __always_inline int send(struct __sk_buff *skb,
				struct dyncast_v1_instance *to, __u32 id,
				__u16 length)
{
	struct dyncast_v1_instance_counters *c;
	struct bpf_redir_neigh hop = {.nh_family = to->nexthop_family};

	c = bpf_map_lookup_elem(&instance_counters, &id);
	if (c)
		c->packets++;
	if (to->source[0] && !encapsulate(skb, to, length))
		return TC_ACT_SHOT;
	__builtin_memcpy(hop.ipv6_nh, to->nexthop, sizeof(hop.ipv6_nh));
	return bpf_redirect_neigh(to->ifindex, &hop, sizeof(hop), 0);
}

static __always_inline __u32 now(void)
{
	return bpf_ktime_get_ns() / 1000000000ull;
}

static __always_inline __u32 by_slot(const struct dyncast_v1_flow_key *key,
				     const struct dyncast_v1_service *service)
{
	struct dyncast_map_flow_key hashed = {
		.proto = key->proto, .sport = key->sport, .dport = key->dport};
	union dyncast_v1_slot *slot;
	__u32 at;

	hashed.saddr4 = key->saddr[0];
	hashed.daddr4 = key->daddr[0];
	at = service->index * DYNCAST_V1_SLOTS +
	     dyncast_hash_flow(&hashed, 2, service->seed) % DYNCAST_V1_SLOTS;
	slot = bpf_map_lookup_elem(&slots, &at);
	if (!slot)
		return 0;
	if (key->proto == IPPROTO_TCP && slot->t_change &&
	    now() - slot->t_change <= service->timeout_s)
		return slot->old;
	return slot->cur;
}

SEC("tc")
int v1_ingress(struct __sk_buff *skb)
{
	struct ethhdr *eth = (void *)(long)skb->data;
	struct iphdr *ip = (void *)(eth + 1);
	struct udphdr *ports = (void *)(ip + 1);
	struct dyncast_v1_service_key where = {.prefixlen = 96, .family = 2};
	struct dyncast_v1_flow_key key = {.family = 2};
	struct dyncast_v1_service *service;
	struct dyncast_v1_instance *to;
	struct dyncast_v1_iface *iface;
	struct dyncast_v1_flow *flow;
	__u32 ifindex = skb->ifindex, id;
	__u16 length;

	if ((void *)(ports + 1) > (void *)(long)skb->data_end ||
	    eth->h_proto != bpf_htons(ETH_P_IP))
		return TC_ACT_UNSPEC;
	iface = bpf_map_lookup_elem(&ifaces, &ifindex);
	if (!iface)
		return TC_ACT_UNSPEC;
	where.table_id = key.table_id = iface->table_id;
	where.addr[0] = key.daddr[0] = ip->daddr;
	service = bpf_map_lookup_elem(&services, &where);
	if (!service)
		return TC_ACT_UNSPEC;
	length = bpf_ntohs(ip->tot_len);
	key.saddr[0] = ip->saddr;
	key.proto = ip->protocol;
	key.sport = ports->source;
	key.dport = ports->dest;

	flow = bpf_map_lookup_elem(&flows, &key);
	id = flow ? flow->instance : by_slot(&key, service);
	to = id ? bpf_map_lookup_elem(&instances, &id) : NULL;
	if (!to)
		return TC_ACT_UNSPEC;
	if (flow) {
		flow->last_seen = now();
	} else if (key.proto == IPPROTO_UDP) {
		struct dyncast_v1_flow new = {.instance = id,
					      .generation = to->generation,
					      .first_seen = now(),
					      .last_seen = now()};

		bpf_map_update_elem(&flows, &key, &new, BPF_ANY);
	}
	return send(skb, to, id, length);
}

char _license[] SEC("license") = "GPL";
