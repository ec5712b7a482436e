// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * One BGP path as this module sees it: finds the attribute, judges whether
 * its neighbor is trusted, decodes it and keeps the result with the moment it
 * was received.  Called by receive.c on bgpd's main thread.
 *
 * The value is hostile: dyncast_attr_decode checks it; a malformed one is
 * counted, logged once per neighbor and reason, and costs its path the
 * metrics only (draft-ietf-idr-5g-edge-service-metadata leaves this undefined).
 */

#include "origin.h"
#include "receive.h"

DEFINE_MTYPE(DYNCAST, DYNCAST_PATH, "Dyncast path");
DEFINE_MTYPE_STATIC(DYNCAST, DYNCAST_BLAME, "Dyncast malformed attributes");

/* Which complaints about a peer were logged. */
PREDECL_LIST(blames);
struct blame {
	struct blames_item item;
	struct dyncast_addr peer;
	uint32_t logged; /* bit of enum dyncast_attr_result */
};
DECLARE_LIST(blames, struct blame, item);

static struct blames_head blames;
struct dyncast_receive_counters dyncast_receive_counters;

static void path_free(struct dyncast_path *path)
{
	XFREE(MTYPE_DYNCAST_PATH, path->value);
	XFREE(MTYPE_DYNCAST_PATH, path->instances);
	XFREE(MTYPE_DYNCAST_PATH, path);
}

void dyncast_paths_free(struct dyncast_path *path)
{
	struct dyncast_path *next;

	for (; path; path = next) {
		next = path->next;
		path_free(path);
	}
}

const uint8_t *dyncast_path_attribute(const struct bgp_path_info *pi,
				      size_t *len)
{
	struct transit *transit = bgp_attr_get_transit(pi->attr);

	if (!transit || transit->length <= 0)
		return NULL;
	return dyncast_attr_find(transit->val, transit->length,
				 dyncast_attr_code(), len);
}

static const struct dyncast_neighbor *neighbor_find(const struct peer *peer)
{
	struct dyncast_neighbor ref;

	ref.addr = dyncast_addr_from_su(dyncast_peer_su(peer));
	return dyncast_neighbors_find(&dyncast_state.neighbors, &ref);
}

/* a confederation is one domain, whatever the numbers of its members */
static bool peer_inside(const struct peer *peer)
{
	return peer->sort == BGP_PEER_IBGP || peer->sort == BGP_PEER_CONFED;
}

static bool peer_trusted(const struct peer *peer)
{
	const struct dyncast_neighbor *neighbor = neighbor_find(peer);

	return peer_inside(peer) || (neighbor && neighbor->accept);
}

bool dyncast_path_trusted(const struct bgp_path_info *pi)
{
	return peer_trusted(pi->peer);
}

/* The service's owner is followed inside of the domain, unless this router's
 * configuration says otherwise of the neighbor. */
static bool peer_policy_trusted(const struct peer *peer)
{
	const struct dyncast_neighbor *neighbor = neighbor_find(peer);

	if (neighbor && neighbor->consent)
		return neighbor->consent == DYNCAST_CONSENT_ACCEPT;
	return peer_inside(peer);
}

static bool in_scope(const struct dyncast_site *site, const struct bgp *bgp)
{
	return !(site->has & DYNCAST_SITE_HAS_AS_SCOPE) ||
	       site->as_scope == bgp->as ||
	       (bgp->confed_id && site->as_scope == bgp->confed_id);
}


static void malformed_note(const struct dyncast_addr *peer,
			   const struct dyncast_service_key *key,
			   enum dyncast_attr_result result)
{
	char from[DYNCAST_ADDR_STRLEN], prefix[DYNCAST_PREFIX_STRLEN];
	struct blame *blame;

	dyncast_receive_counters.malformed[result]++;
	frr_each (blames, &blames, blame)
		if (!dyncast_addr_cmp(&blame->peer, peer))
			break;
	if (!blame) {
		blame = XCALLOC(MTYPE_DYNCAST_BLAME, sizeof(*blame));
		blame->peer = *peer;
		blames_add_tail(&blames, blame);
	}
	if (blame->logged & (1u << result))
		return;
	blame->logged |= 1u << result;
	zlog_warn(
		"dyncast: malformed attribute %u from %s for %s: %s; the path has no metrics, its route stays (logged once per neighbor and reason, counted in \"show dyncast bgp\")",
		dyncast_attr_code(), dyncast_addr_str(peer, from, sizeof(from)),
		dyncast_prefix_str(&key->prefix, prefix, sizeof(prefix)),
		dyncast_attr_result_str(result));
}

static bool dbid_allowed(const struct dyncast_addr *dbid)
{
	struct dyncast_filter *filter;

	if (!dyncast_filters_count(&dyncast_state.filters))
		return true;
	frr_each (dyncast_filters, &dyncast_state.filters, filter)
		if (dyncast_prefix_contains(&filter->prefix, dbid))
			return true;
	return false;
}

static void instances_take(struct dyncast_path *path,
			   const struct dyncast_attr *in)
{
	unsigned int i;

	if (in->n_instances)
		path->instances =
			XCALLOC(MTYPE_DYNCAST_PATH,
				in->n_instances * sizeof(*path->instances));
	for (i = 0; i < in->n_instances; i++) {
		/* the D-BID of a feed is not used */
		if (path->feed || dbid_allowed(&in->instances[i].dbid)) {
			path->instances[path->n_instances++] = in->instances[i];
			continue;
		}
		path->n_filtered++;
		dyncast_receive_counters.filtered++;
	}
}

static void path_take(struct dyncast_path *path, const struct dyncast_attr *in,
		      const struct peer *peer)
{
	dyncast_receive_counters.unknown_subtlvs += in->n_unknown;
	path->site = in->site;
	if (!in_scope(&in->site, peer->bgp)) {
		path->state = DYNCAST_PATH_SCOPE;
		dyncast_receive_counters.out_of_scope++;
		return;
	}
	path->policy = in->policy;
	path->trusts_policy = peer_policy_trusted(peer);
	instances_take(path, in);
}

static void path_clear(struct dyncast_path *path)
{
	path->stale = false;
	path->trusts_policy = false;
	memset(&path->policy, 0, sizeof(path->policy));
	memset(&path->site, 0, sizeof(path->site));
	path->n_instances = 0;
	path->n_filtered = 0;
	XFREE(MTYPE_DYNCAST_PATH, path->instances);
}

static void path_decode(struct dyncast_path *path,
			const struct dyncast_service_key *key,
			const struct peer *peer)
{
	struct dyncast_attr *decoded;
	enum dyncast_attr_result result;

	path_clear(path);
	path->state = DYNCAST_PATH_OK;
	if (!path->feed && !peer_trusted(peer)) {
		path->state = DYNCAST_PATH_UNTRUSTED;
		dyncast_receive_counters.untrusted++;
		return;
	}
	decoded = XMALLOC(MTYPE_TMP, sizeof(*decoded));
	result = dyncast_attr_decode(path->value, path->len, decoded);
	dyncast_receive_counters.decoded++;
	if (result == DYNCAST_ATTR_OK) {
		path_take(path, decoded, peer);
	} else {
		path->state = DYNCAST_PATH_MALFORMED;
		malformed_note(&path->peer, key, result);
	}
	XFREE(MTYPE_TMP, decoded);
}

/* bgpd writes the IPv4 next hop of an IPv6 prefix as ::ffff:A.B.C.D, and
 * resolves it as IPv4: an underlay without IPv6 */
static struct dyncast_addr mapped_nexthop(const struct in6_addr *mapped)
{
	struct in_addr ipv4;

	ipv4_mapped_ipv6_to_ipv4(mapped, &ipv4);
	return dyncast_addr_make(AF_INET, &ipv4);
}

static struct dyncast_addr path_nexthop(const struct attr *attr)
{
	switch (attr->mp_nexthop_len) {
	case BGP_ATTR_NHLEN_IPV6_GLOBAL:
	case BGP_ATTR_NHLEN_IPV6_GLOBAL_AND_LL:
		if (IS_MAPPED_IPV6(&attr->mp_nexthop_global))
			return mapped_nexthop(&attr->mp_nexthop_global);
		if (!IN6_IS_ADDR_UNSPECIFIED(&attr->mp_nexthop_global))
			return dyncast_addr_make(AF_INET6,
						 &attr->mp_nexthop_global);
		break;
	}
	if (attr->nexthop.s_addr != INADDR_ANY)
		return dyncast_addr_make(AF_INET, &attr->nexthop);
	return (struct dyncast_addr){};
}

/*
 * The router that put it into BGP here; 0: not known.  A border router hands on
 * what is another's: the AS path tells, also within a confederation.
 */
static uint32_t path_originator(const struct bgp_path_info *pi)
{
	const struct attr *attr = pi->attr;

	if (attr->aspath && attr->aspath->segments)
		return 0;
	return CHECK_FLAG(attr->flag, ATTR_FLAG_BIT(BGP_ATTR_ORIGINATOR_ID))
		       ? attr->originator_id.s_addr
		       : pi->peer->remote_id.s_addr;
}

/* the entry of *old for this path with the same bytes, taken out of *old */
static struct dyncast_path *path_reuse(struct dyncast_path **old,
				       const struct dyncast_addr *peer,
				       uint32_t addpath_id,
				       const uint8_t *value, size_t len)
{
	struct dyncast_path *path;

	for (; (path = *old); old = &path->next) {
		if (path->addpath_id != addpath_id ||
		    dyncast_addr_cmp(&path->peer, peer))
			continue;
		if (path->len != len ||
		    (len && memcmp(path->value, value, len)))
			return NULL;
		*old = path->next;
		return path;
	}
	return NULL;
}

/* a path of which nothing is known yet */
static struct dyncast_path *path_new(const struct bgp_path_info *pi,
				     const struct dyncast_addr *peer,
				     const uint8_t *value, size_t len)
{
	struct dyncast_path *path = XCALLOC(MTYPE_DYNCAST_PATH, sizeof(*path));

	path->peer = *peer;
	path->addpath_id = pi->addpath_rx_id;
	path->received_ms = dyncast_now_ms();
	if (value) {
		path->value = XMALLOC(MTYPE_DYNCAST_PATH, len + 1);
		memcpy(path->value, value, len);
		path->len = len;
		path->stale = true;
	}
	return path;
}

struct dyncast_path *dyncast_path_read(const struct dyncast_service_key *key,
				       const struct dyncast_service *service,
				       struct dyncast_path **old,
				       const struct bgp_path_info *pi)
{
	struct dyncast_addr peer =
		dyncast_addr_from_su(dyncast_peer_su(pi->peer));
	bool feed = service && dyncast_local_feed(service, &peer);
	struct dyncast_path *path;
	const uint8_t *value;
	size_t len = 0;

	value = dyncast_path_attribute(pi, &len);
	if (!value)
		len = 0;
	path = path_reuse(old, &peer, pi->addpath_rx_id, value, len);
	if (!path || (value != NULL) != (path->state != DYNCAST_PATH_PLAIN)) {
		if (path)
			path_free(path);
		path = path_new(pi, &peer, value, len);
	}
	if (path->feed != feed) {
		path->feed = feed;
		path->stale = value != NULL;
	}
	if (path->stale)
		path_decode(path, key, pi->peer);
	path->nexthop = path_nexthop(pi->attr);
	path->originator = path_originator(pi);
	/* one that is damped is valid too, and bgpd does not use it */
	path->valid = !BGP_PATH_HOLDDOWN(pi);
	return path;
}

void dyncast_paths_init(void)
{
	blames_init(&blames);
}

void dyncast_paths_fini(void)
{
	struct blame *blame;

	while ((blame = blames_pop(&blames)))
		XFREE(MTYPE_DYNCAST_BLAME, blame);
	blames_fini(&blames);
}
