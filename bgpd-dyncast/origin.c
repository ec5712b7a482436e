// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Puts, changes and withdraws our path in a BGP table (see origin.h).
 *
 * The path is valid without next-hop tracking: it is local.  bgpd does not
 * install it (its type is not BGP), peers get it as any local route.
 * draft-li-dyncast-architecture-00 section 4.1: advertise (D-SID, D-BID,
 * metrics).
 *
 * bgpd leaks a path to and from VPNs (`import vrf`, `export vpn`) in whoever
 * adds, changes and deletes it, and not when it processes it: here too.
 */

#include "origin.h"

bool dyncast_origin_is_own(const struct bgp_path_info *pi)
{
	return pi->type == ZEBRA_ROUTE_SHARP &&
	       pi->sub_type == BGP_ROUTE_STATIC && pi->peer && pi->peer->bgp &&
	       pi->peer == pi->peer->bgp->peer_self;
}

static struct bgp_path_info *own_path(struct bgp_dest *dest)
{
	struct bgp_path_info *pi;

	for (pi = bgp_dest_get_bgp_path_info(dest); pi; pi = pi->next)
		if (dyncast_origin_is_own(pi))
			return pi;
	return NULL;
}

/* `network`, redistribution, aggregate: what the user put there himself */
static struct bgp_path_info *user_path(struct bgp *bgp, struct bgp_dest *dest)
{
	struct bgp_path_info *pi;

	for (pi = bgp_dest_get_bgp_path_info(dest); pi; pi = pi->next)
		if (pi->peer == bgp->peer_self && !dyncast_origin_is_own(pi) &&
		    pi->sub_type != BGP_ROUTE_IMPORTED &&
		    CHECK_FLAG(pi->flags, BGP_PATH_VALID) &&
		    !CHECK_FLAG(pi->flags, BGP_PATH_REMOVED))
			return pi;
	return NULL;
}

static struct transit *transit_make(const uint8_t *bytes, size_t len)
{
	struct transit *transit = XCALLOC(MTYPE_TRANSIT, sizeof(*transit));

	transit->length = len;
	transit->val = XMALLOC(MTYPE_TRANSIT_VAL, len);
	memcpy(transit->val, bytes, len);
	return transit;
}

/* Interned: the caller owns one reference. */
static struct attr *attr_make(struct bgp *bgp, afi_t afi,
			      const struct bgp_path_info *user, bool no_export,
			      const uint8_t *bytes, size_t len)
{
	struct attr attr;
	struct attr *interned;

	if (user) {
		dyncast_attr_dup(&attr, user->attr);
		if (attr.weight < UINT32_MAX)
			attr.weight++;
	} else {
		dyncast_attr_default(&attr, bgp, afi);
		if (no_export)
			bgp_attr_set_community(&attr,
					       community_str2com("no-export"));
		if (bgp_in_graceful_shutdown(bgp))
			bgp_attr_add_gshut_community(&attr);
	}
	bgp_attr_set_transit(&attr, transit_make(bytes, len));
	interned = bgp_attr_intern(&attr);
	/* bgp_attr_default_set took a reference of its own */
	if (!user)
		aspath_unintern(&attr.aspath);
	return interned;
}

static void path_add(struct bgp *bgp, struct bgp_dest *dest, afi_t afi,
		     const struct prefix *p, struct attr *attr)
{
	struct bgp_path_info *pi;

	pi = info_make(ZEBRA_ROUTE_SHARP, BGP_ROUTE_STATIC, 0, bgp->peer_self,
		       attr, dest);
	bgp_path_info_set_flag(dest, pi, BGP_PATH_VALID);
	bgp_aggregate_increment(bgp, p, pi, afi, SAFI_UNICAST);
	bgp_path_info_add(dest, pi);
	dyncast_path_process(bgp, dest, pi, afi);
	vpn_leak_from_vrf_update(bgp_get_default(), bgp, pi);
}

static void path_change(struct bgp *bgp, struct bgp_dest *dest, afi_t afi,
			const struct prefix *p, struct bgp_path_info *pi,
			struct attr *attr)
{
	bgp_path_info_set_flag(dest, pi, BGP_PATH_ATTR_CHANGED);
	if (CHECK_FLAG(pi->flags, BGP_PATH_REMOVED))
		bgp_path_info_restore(dest, pi);
	else
		bgp_aggregate_decrement(bgp, p, pi, afi, SAFI_UNICAST);
	bgp_attr_unintern(&pi->attr);
	pi->attr = attr;
	pi->uptime = monotime(NULL);
	bgp_aggregate_increment(bgp, p, pi, afi, SAFI_UNICAST);
	dyncast_path_process(bgp, dest, pi, afi);
	vpn_leak_from_vrf_update(bgp_get_default(), bgp, pi);
}

enum dyncast_origin_result
dyncast_origin_push(const char *vrf, const struct dyncast_prefix *prefix,
		    bool no_export, const uint8_t *attr, size_t len)
{
	afi_t afi = family2afi(prefix->addr.family);
	struct bgp *bgp = dyncast_bgp_find(vrf);
	enum dyncast_origin_result result;
	struct bgp_path_info *pi;
	struct bgp_dest *dest;
	struct attr *new;
	struct prefix p;

	if (!bgp)
		return DYNCAST_ORIGIN_NO_BGP;
	dyncast_prefix_to_frr(prefix, &p);
	dest = bgp_afi_node_get(bgp->rib[afi][SAFI_UNICAST], afi, SAFI_UNICAST,
				&p, NULL);
	new = attr_make(bgp, afi, user_path(bgp, dest), no_export, attr, len);
	pi = own_path(dest);
	if (!pi) {
		path_add(bgp, dest, afi, &p, new);
		result = DYNCAST_ORIGIN_ADDED;
	} else if (pi->attr == new &&
		   !CHECK_FLAG(pi->flags, BGP_PATH_REMOVED)) {
		bgp_attr_unintern(&new);
		result = DYNCAST_ORIGIN_UNCHANGED;
	} else {
		path_change(bgp, dest, afi, &p, pi, new);
		result = DYNCAST_ORIGIN_CHANGED;
	}
	bgp_dest_unlock_node(dest);
	return result;
}

bool dyncast_origin_present(const char *vrf,
			    const struct dyncast_prefix *prefix)
{
	struct bgp *bgp = dyncast_bgp_find(vrf);
	struct bgp_path_info *pi;
	struct bgp_dest *dest;
	struct prefix p;
	bool present;

	if (!bgp)
		return false;
	dyncast_prefix_to_frr(prefix, &p);
	dest = dyncast_dest_lookup(bgp, family2afi(p.family), &p);
	if (!dest)
		return false;
	pi = own_path(dest);
	present = pi && !CHECK_FLAG(pi->flags, BGP_PATH_REMOVED);
	bgp_dest_unlock_node(dest);
	return present;
}

void dyncast_origin_withdraw(struct bgp *bgp,
			     const struct dyncast_prefix *prefix)
{
	afi_t afi = family2afi(prefix->addr.family);
	struct bgp_path_info *pi;
	struct bgp_dest *dest;
	struct prefix p;

	dyncast_prefix_to_frr(prefix, &p);
	dest = dyncast_dest_lookup(bgp, afi, &p);
	if (!dest)
		return;
	pi = own_path(dest);
	if (pi && !CHECK_FLAG(pi->flags, BGP_PATH_REMOVED)) {
		vpn_leak_from_vrf_withdraw(bgp_get_default(), bgp, pi);
		bgp_aggregate_decrement(bgp, &p, pi, afi, SAFI_UNICAST);
		dyncast_path_delete(dest, pi);
		dyncast_path_process(bgp, dest, pi, afi);
	}
	bgp_dest_unlock_node(dest);
}
