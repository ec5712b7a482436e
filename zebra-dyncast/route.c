/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The route for a service's prefix in the RIB, so that `show ip route` shows
 * the truth and packets that meet no tc program are steered too.
 *
 * Next hops are what next-hop tracking resolved, each with its weight: zebra
 * 8.4.4 loses weights in recursion and never resolves again by itself.  A
 * remote candidate's next hop carries its seg6 encapsulation: a plain
 * weighted one towards another site would loop between neighbours.
 *
 * Membership changes are sent at once, changes of weight at most once a
 * second and only when they matter.  Main thread; called by decide.c.
 */

#include <zebra.h>

#include "lib/nexthop.h"

#include "apply.h"
#include "clear.h"
#include "client.h"
#include "convert.h"
#include "decide.h"
#include "ingress.h"
#include "module.h"
#include "nht.h"
#include "route.h"
#include "rp_filter.h"
#include "service.h"
#include "sid.h"
#include "veth.h"

DEFINE_MTYPE_STATIC(DYNCAST_ZEBRA, DYNCAST_ROUTE, "Dyncast route");

#define ROUTE_INTERVAL_MS 1000
#define ROUTE_WEIGHT_MAX 255
/* a candidate's weight is shared by its next hops: room for the fractions */
#define SHARE_BITS 16

struct route_hop {
	struct dyncast_addr gate;    /* family 0: on link */
	struct dyncast_addr segment; /* family 0: no encapsulation */
	uint32_t vrf_id;
	uint32_t ifindex;
	uint64_t weight;
	bool idle; /* for replies' sake */
};

/* what was sent last */
struct dyncast_route_state {
	unsigned int n;
	struct route_hop *hops;
	uint32_t mtu; /* 0: that of the device */
	int64_t sent_ms;
	bool again; /* send even if it is the same */
};

/* scratch: one route at a time is built */
static struct route_hop hops[MULTIPATH_NUM];
static unsigned int n_hops;

static int hop_cmp(const void *va, const void *vb)
{
	const struct route_hop *a = va, *b = vb;
	int ret = dyncast_addr_cmp(&a->segment, &b->segment);

	if (ret == 0)
		ret = dyncast_addr_cmp(&a->gate, &b->gate);
	if (ret == 0 && a->ifindex != b->ifindex)
		ret = a->ifindex < b->ifindex ? -1 : 1;
	/* whether it is to get new flows is membership, to be told at once */
	if (ret == 0)
		ret = (int)a->idle - (int)b->idle;
	return ret;
}

/* members through one gateway are one member with the sum of the weights:
 * FRR 10 would merge them without adding */
static void hop_add(const struct route_hop *hop)
{
	for (unsigned int i = 0; i < n_hops; i++) {
		if (hop_cmp(&hops[i], hop) == 0) {
			hops[i].weight += hop->weight;
			return;
		}
	}
	if (n_hops < MULTIPATH_NUM)
		hops[n_hops++] = *hop;
}

/* Has weight and can be forwarded to now.  A held candidate has weight only
 * when all are held (lib/cost.h). */
static bool route_member(const struct dyncast_backend *b)
{
	uint8_t verdict = dyncast_backend_verdict(b);

	return b->data.instance.kind != DYNCAST_KIND_NONE &&
	       (verdict == DYNCAST_VERDICT_OK ||
		verdict == DYNCAST_VERDICT_HELD);
}

static void backend_hops(const struct dyncast_backend *b)
{
	bool local = dyncast_backend_is_local(b);
	bool srv6 = !local && b->data.instance.kind == DYNCAST_KIND_SRV6;
	const struct dyncast_nht *nht = b->nht;
	struct route_hop hop = {};

	if (!nht || !nht->resolved || b->out.weight == 0)
		return;
	/* zebra cannot install IP-in-IP, and plain it would loop */
	if (!local && b->data.instance.kind == DYNCAST_KIND_IPIP)
		return;
	hop.vrf_id = nht->vrf_id;
	if (!srv6) {
		hop.gate = local ? b->data.address : b->data.instance.dbid;
		hop.ifindex = nht->nexthops[0].ifindex;
		hop.weight = (uint64_t)b->out.weight << SHARE_BITS;
		hop_add(&hop);
		return;
	}
	hop.segment = b->data.instance.dbid;
	for (unsigned int i = 0; i < nht->n_nexthops; i++) {
		hop.gate = nht->nexthops[i].gate;
		hop.ifindex = nht->nexthops[i].ifindex;
		hop.weight = ((uint64_t)b->out.weight << SHARE_BITS) /
			     nht->n_nexthops;
		hop_add(&hop);
	}
}

/* out of the device that places packets, as long as there is somebody to place
 * them with */
static bool build_device(const struct dyncast_service *s)
{
	struct route_hop hop = {.vrf_id = VRF_DEFAULT, .weight = 1};
	const struct dyncast_backend *b;
	bool unknown = false; /* to the program */

	hop.ifindex = dyncast_veth_ifindex();
	/* before the program is there the device would swallow everything */
	if (!hop.ifindex || !s->enabled || !s->by_device ||
	    !dyncast_ingress_attached(DYNCAST_VETH_NAME))
		return false;
	frr_each (dyncast_backends_const, &s->backends, b) {
		if (!route_member(b) || !b->out.weight)
			continue;
		if (b->id) {
			hop_add(&hop);
			return true;
		}
		unknown = true;
	}
	return !unknown;
}

bool dyncast_route_for_replies(const struct dyncast_backend *b)
{
	return dyncast_backend_is_local(b) &&
	       b->data.address.family == AF_INET &&
	       dyncast_nht_on_link(b->nht) &&
	       dyncast_rp_filter_strict(b->nht->nexthops[0].ifindex);
}

static bool hops_lead_to(const struct route_hop *list, unsigned int n,
			 uint32_t ifindex)
{
	for (unsigned int i = 0; i < n; i++)
		if (list[i].ifindex == ifindex)
			return true;
	return false;
}

/*
 * Strict reverse-path filtering lets an instance's replies in while the route
 * leads to its LAN, by whatever weight.  One that gets no new flows (drained,
 * past a threshold, not chosen) has old ones, and replies: where nobody else
 * keeps the route there, it does, with the least weight that there is.  (What
 * the tc programs place does not see the route.)
 */
static void idle_hops(const struct dyncast_service *s)
{
	const struct dyncast_backend *b;

	if (!n_hops)
		return;
	frr_each (dyncast_backends_const, &s->backends, b) {
		struct route_hop hop = {.gate = b->data.address, .idle = true};

		if (b->out.weight || !dyncast_route_for_replies(b) ||
		    !dyncast_verdict_alive(dyncast_backend_verdict(b)))
			continue;
		hop.vrf_id = b->nht->vrf_id;
		hop.ifindex = b->nht->nexthops[0].ifindex;
		if (!hops_lead_to(hops, n_hops, hop.ifindex))
			hop_add(&hop);
	}
}

/* the next hops in scratch, scaled to 1..255 and in an order of their own */
static void build(const struct dyncast_service *s)
{
	const struct dyncast_backend *b;
	uint64_t max = 0;

	n_hops = 0;
	if (!build_device(s)) {
		frr_each (dyncast_backends_const, &s->backends, b)
			if (route_member(b))
				backend_hops(b);
		idle_hops(s);
	}
	for (unsigned int i = 0; i < n_hops; i++)
		if (hops[i].weight > max)
			max = hops[i].weight;
	for (unsigned int i = 0; i < n_hops; i++) {
		hops[i].weight = hops[i].weight * ROUTE_WEIGHT_MAX / max;
		if (hops[i].weight == 0)
			hops[i].weight = 1;
	}
	qsort(hops, n_hops, sizeof(hops[0]), hop_cmp);
}

/*
 * What the ingress program finds too big for the tunnel to a flow's instance
 * comes here to be answered with "fragmentation needed", but the route may
 * choose an adjacent next hop, which could take it.
 */
static uint32_t route_mtu(const struct dyncast_service *s)
{
	const struct dyncast_backend *b;
	uint32_t mtu = UINT32_MAX;

	if (s->by_device)
		return 0;
	frr_each (dyncast_backends_const, &s->backends, b)
		mtu = MIN(mtu, dyncast_veth_inner_mtu(b));
	return mtu == UINT32_MAX ? 0 : mtu;
}

static bool same_members(const struct dyncast_route_state *state)
{
	if (state->n != n_hops)
		return false;
	for (unsigned int i = 0; i < n_hops; i++)
		if (hop_cmp(&state->hops[i], &hops[i]) != 0)
			return false;
	return true;
}

/* more than a tenth of what it was */
static bool weights_moved(const struct dyncast_route_state *state)
{
	for (unsigned int i = 0; i < n_hops; i++) {
		uint64_t old = state->hops[i].weight, new = hops[i].weight;
		uint64_t diff = old > new ? old - new : new - old;

		if (diff * 10 > old)
			return true;
	}
	return false;
}

static void fill_nexthop(struct zapi_nexthop *nh, const struct route_hop *hop)
{
	struct in6_addr segment;

	memset(nh, 0, sizeof(*nh));
	nh->vrf_id = hop->vrf_id;
	nh->ifindex = hop->ifindex;
	nh->weight = hop->weight;
	SET_FLAG(nh->flags, ZAPI_NEXTHOP_FLAG_WEIGHT);
	switch (hop->gate.family) {
	case AF_INET:
		nh->type = NEXTHOP_TYPE_IPV4_IFINDEX;
		nh->gate.ipv4 = dyncast_to_in4(&hop->gate);
		break;
	case AF_INET6:
		nh->type = NEXTHOP_TYPE_IPV6_IFINDEX;
		nh->gate.ipv6 = dyncast_to_in6(&hop->gate);
		break;
	default:
		nh->type = NEXTHOP_TYPE_IFINDEX;
		break;
	}
	if (hop->segment.family) {
		segment = dyncast_to_in6(&hop->segment);
		dyncast_compat_nexthop_seg6(nh, &segment);
	}
}

static struct zapi_route *route_api(const struct dyncast_service *s)
{
	struct prefix p;

	dyncast_to_prefix(&s->key.prefix.addr, s->key.prefix.len, &p);
	return dyncast_client_route_new(s->key.vrf_id, &p);
}

static void state_free(struct dyncast_service *s)
{
	if (!s->route)
		return;
	XFREE(MTYPE_DYNCAST_ROUTE, s->route->hops);
	XFREE(MTYPE_DYNCAST_ROUTE, s->route);
}

void dyncast_route_withdraw(struct dyncast_service *s)
{
	if (!s->route)
		return;
	dyncast_client_route(false, route_api(s));
	state_free(s);
}

static void route_send(struct dyncast_service *s, int64_t now)
{
	struct zapi_route *api = route_api(s);

	for (unsigned int i = 0; i < n_hops; i++)
		fill_nexthop(&api->nexthops[i], &hops[i]);
	api->nexthop_num = n_hops;
	if (route_mtu(s)) {
		SET_FLAG(api->message, ZAPI_MESSAGE_MTU);
		api->mtu = route_mtu(s);
	}
	dyncast_client_route(true, api);

	state_free(s);
	s->route = XCALLOC(MTYPE_DYNCAST_ROUTE, sizeof(*s->route));
	s->route->hops = XCALLOC(MTYPE_DYNCAST_ROUTE,
				 n_hops * sizeof(s->route->hops[0]));
	memcpy(s->route->hops, hops, n_hops * sizeof(hops[0]));
	s->route->n = n_hops;
	s->route->mtu = route_mtu(s);
	s->route->sent_ms = now;
}

bool dyncast_route_update(struct dyncast_service *s, int64_t now)
{
	uint32_t table_id;

	n_hops = 0;
	if (!dyncast_config.route_none && !dyncast_cleared && !s->dry &&
	    dyncast_vrf_table(s->key.vrf_id, &table_id))
		build(s);
	if (n_hops == 0) {
		dyncast_route_withdraw(s);
		return false;
	}
	if (s->route && !s->route->again && same_members(s->route) &&
	    s->route->mtu == route_mtu(s)) {
		if (!weights_moved(s->route))
			return false;
		if (now - s->route->sent_ms < ROUTE_INTERVAL_MS)
			return true;
	}
	route_send(s, now);
	return false;
}

bool dyncast_route_leads_to(const struct dyncast_service *s, uint32_t ifindex)
{
	return s->route && hops_lead_to(s->route->hops, s->route->n, ifindex);
}

unsigned int dyncast_route_nexthops(const struct dyncast_service *s)
{
	return s->route ? s->route->n : 0;
}

bool dyncast_route_resend(struct dyncast_service *s,
			  bool (*affected)(uint32_t ifindex))
{
	unsigned int i = 0;

	if (!s->route)
		return false;
	while (i < s->route->n && !affected(s->route->hops[i].ifindex))
		i++;
	if (i == s->route->n)
		return false;
	s->route->again = true;
	dyncast_decide_later(s, 0);
	return true;
}
