/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Next-hop tracking: does an address resolve, at what metric, and through
 * which next hops.  Asked for every distinct D-BID (failure rule (c) and the
 * network part of the joint cost), for the BGP next hop of each site (its
 * metric is the fallback), and for the addresses of local instances.
 *
 * An address that only the default route covers does not resolve: a D-BID
 * must be announced by its site, and a default route says nothing of whether
 * it is still there.
 *
 * Main thread; answers come through client.c, changes go to service.c.
 */

#include <zebra.h>

#include "lib/nexthop.h"

#include "compat.h"
#include "client.h"
#include "convert.h"
#include "module.h"
#include "nht.h"
#include "service.h"
#include "sid.h"

DEFINE_MTYPE_STATIC(DYNCAST_ZEBRA, DYNCAST_NHT, "Dyncast tracked address");

static int nht_cmp(const struct dyncast_nht *a, const struct dyncast_nht *b)
{
	if (a->vrf_id != b->vrf_id)
		return a->vrf_id < b->vrf_id ? -1 : 1;
	return dyncast_addr_cmp(&a->addr, &b->addr);
}
DECLARE_RBTREE_UNIQ(dyncast_nhts, struct dyncast_nht, item, nht_cmp);

static struct dyncast_nhts_head nhts = INIT_RBTREE_UNIQ(nhts);

static void nht_send(const struct dyncast_nht *nht, bool add)
{
	struct prefix p;

	dyncast_to_host_prefix(&nht->addr, &p);
	dyncast_client_nht(add, &p, nht->vrf_id);
}

struct dyncast_nht *dyncast_nht_ref(uint32_t vrf_id,
				    const struct dyncast_addr *addr)
{
	struct dyncast_nht key = {.vrf_id = vrf_id, .addr = *addr};
	struct dyncast_nht *nht = dyncast_nhts_find(&nhts, &key);

	if (!nht) {
		nht = XCALLOC(MTYPE_DYNCAST_NHT, sizeof(*nht));
		nht->vrf_id = vrf_id;
		nht->addr = *addr;
		dyncast_nht_sids_init(&nht->sids);
		dyncast_nhts_add(&nhts, nht);
		nht_send(nht, true);
	}
	nht->refs++;
	return nht;
}

static void nht_free(struct dyncast_nht *nht)
{
	XFREE(MTYPE_DYNCAST_NHT, nht->nexthops);
	XFREE(MTYPE_DYNCAST_NHT, nht);
}

void dyncast_nht_unref(struct dyncast_nht **pnht)
{
	struct dyncast_nht *nht = *pnht;

	*pnht = NULL;
	if (!nht || --nht->refs)
		return;
	nht_send(nht, false);
	dyncast_nhts_del(&nhts, nht);
	nht_free(nht);
}

bool dyncast_nht_on_link(const struct dyncast_nht *nht)
{
	return nht && nht->resolved && nht->n_nexthops > 0 &&
	       nht->nexthops[0].gate.family == 0;
}

/* one next hop of an answer: kept when it can be used as it is */
static void take_nexthop(struct dyncast_nht *nht, const struct zapi_nexthop *nh)
{
	struct dyncast_nexthop out = {.ifindex = nh->ifindex};

	/* a static route's gateway without an interface comes resolved, but
	 * under its own type; a recursive one has no interface */
	switch (nh->type) {
	case NEXTHOP_TYPE_IPV4:
	case NEXTHOP_TYPE_IPV4_IFINDEX:
		out.gate = dyncast_addr_make(AF_INET, &nh->gate.ipv4);
		break;
	case NEXTHOP_TYPE_IPV6:
	case NEXTHOP_TYPE_IPV6_IFINDEX:
		out.gate = dyncast_addr_make(AF_INET6, &nh->gate.ipv6);
		break;
	case NEXTHOP_TYPE_IFINDEX:
		break;
	default:
		return;
	}
	if (nh->ifindex == 0 || nht->n_nexthops >= DYNCAST_NHT_NEXTHOPS_MAX)
		return;
	for (unsigned int i = 0; i < nht->n_nexthops; i++)
		if (nht->nexthops[i].ifindex == out.ifindex &&
		    dyncast_addr_cmp(&nht->nexthops[i].gate, &out.gate) == 0)
			return;
	nht->nexthops[nht->n_nexthops++] = out;
}

static bool decode_prefix(struct stream *s, struct prefix *p)
{
	memset(p, 0, sizeof(*p));
	STREAM_GETW(s, p->family);
	STREAM_GETC(s, p->prefixlen);
	if (p->family == AF_INET)
		STREAM_GET(&p->u.prefix4, s, IPV4_MAX_BYTELEN);
	else if (p->family == AF_INET6)
		STREAM_GET(&p->u.prefix6, s, IPV6_MAX_BYTELEN);
	else
		return false;
	return true;
stream_failure:
	return false;
}

/* the update's layout, up to and including its next hops, into *out */
static bool decode_update(struct stream *s, struct prefix *match,
			  struct dyncast_nht *out)
{
	struct zapi_nexthop nh;
	uint32_t message, unused;
	uint16_t count, i;

	STREAM_GETL(s, message);
	STREAM_GETW(s, unused); /* safi */
	if (!decode_prefix(s, match) || !decode_prefix(s, &out->via))
		return false;
	if (CHECK_FLAG(message, ZAPI_MESSAGE_SRTE))
		STREAM_GETL(s, unused);
	STREAM_GETC(s, out->type);
	STREAM_GETW(s, unused); /* instance */
	STREAM_GETC(s, out->distance);
	STREAM_GETL(s, out->metric);
	if (!dyncast_compat_nht_count(s, &count))
		return false;
	for (i = 0; i < count; i++) {
		memset(&nh, 0, sizeof(nh));
		if (zapi_nexthop_decode(s, &nh, 0, 0) != 0)
			return false;
		take_nexthop(out, &nh);
	}
	(void)unused;
	return true;
stream_failure:
	return false;
}

static void nexthops_set(struct dyncast_nht *nht,
			 const struct dyncast_nexthop *nexthops, unsigned int n)
{
	if (n != nht->n_nexthops) {
		XFREE(MTYPE_DYNCAST_NHT, nht->nexthops);
		if (n)
			nht->nexthops = XCALLOC(MTYPE_DYNCAST_NHT,
						n * sizeof(*nexthops));
	}
	nht->n_nexthops = n;
	if (n)
		memcpy(nht->nexthops, nexthops, n * sizeof(*nexthops));
}

void dyncast_nht_receive(vrf_id_t vrf_id, struct stream *s)
{
	struct dyncast_nexthop nexthops[DYNCAST_NHT_NEXTHOPS_MAX];
	struct dyncast_nht new = {.nexthops = nexthops};
	struct dyncast_nht key = {.vrf_id = vrf_id}, *nht;
	struct prefix match;
	bool was;

	if (!decode_update(s, &match, &new)) {
		zlog_warn(
			"dyncast: unreadable next-hop tracking update from zebra dropped");
		return;
	}
	key.addr = dyncast_from_prefix(&match);
	nht = dyncast_nhts_find(&nhts, &key);
	if (!nht)
		return;
	was = nht->resolved;
	nht->answered = true;
	nht->resolved = new.n_nexthops > 0 && new.via.prefixlen > 0;
	nht->type = new.type;
	nht->distance = new.distance;
	nht->metric = new.metric;
	nht->via = new.via;
	nexthops_set(nht, nexthops, new.n_nexthops);
	DYNCAST_DEBUG("%pFX %s: via %pFX, metric %u, %u next hop(s)%s", &match,
		      nht->resolved ? "resolves" : "does not resolve",
		      &nht->via, nht->metric, nht->n_nexthops,
		      was == nht->resolved ? "" : " (changed)");
	dyncast_sid_nht_changed(nht);
	dyncast_service_nht_changed(nht);
}

void dyncast_nht_connected(void)
{
	struct dyncast_nht *nht;

	frr_each (dyncast_nhts, &nhts, nht)
		nht_send(nht, true);
}

unsigned int dyncast_nht_count(void)
{
	return dyncast_nhts_count(&nhts);
}

void dyncast_nht_init(void)
{
	dyncast_nhts_init(&nhts);
}

void dyncast_nht_fini(void)
{
	struct dyncast_nht *nht;

	while ((nht = dyncast_nhts_pop(&nhts)))
		nht_free(nht);
	dyncast_nhts_fini(&nhts);
}
