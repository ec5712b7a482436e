// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Validates and applies settings of the whole router; see apply.h.
 */

#include "advertise.h"
#include "apply_internal.h"
#include "peer_zebra.h"
#include "profile.h"
#include "receive.h"
#include "site.h"

bool dyncast_apply_locator(struct dyncast_apply *apply,
			   const struct dyncast_prefix *locator, bool set)
{
	static const struct dyncast_prefix none;
	struct dyncast_service *service;
	struct dyncast_prefix *own;
	struct dyncast_local *local;
	struct dyncast_addr sid;

	own = locator->addr.family == AF_INET ? &dyncast_state.locator4
					      : &dyncast_state.locator;
	if (apply->phase == DYNCAST_VALIDATE) {
		if (set && (!dyncast_locator_sid(locator, 1, &sid) ||
			    !dyncast_addr_is_unicast(&locator->addr)))
			return dyncast_apply_refuse(
				apply,
				"a locator is a unicast prefix: IPv6 of 16-112 bits, IPv4 of 8-31 bits");
		/* a slip of the pen would take all D-BIDs */
		if (!set && own->addr.family &&
		    dyncast_prefix_cmp(own, locator))
			return dyncast_apply_refuse(
				apply, "that is not this router's locator");
		return true;
	}
	if (!set)
		locator = &none;
	if (!dyncast_prefix_cmp(own, locator))
		return true;
	*own = *locator;
	/* other D-BIDs: zebra has to answer for them anew */
	frr_each (dyncast_services, &dyncast_state.services, service)
		frr_each (dyncast_locals, &service->locals, local)
			if (local->sid)
				local->feedback = 0;
	dyncast_peer_hello();
	dyncast_advertise_all();
	dyncast_receive_all();
	return true;
}

/* other paths carry what this router looks for, and says */
static void code_changed(void)
{
	dyncast_advertise_recode();
	dyncast_site_recode();
	dyncast_receive_rescan();
}

bool dyncast_apply_attribute_code(struct dyncast_apply *apply,
				  unsigned int code)
{
	if (apply->phase == DYNCAST_VALIDATE) {
		/* bgpd or IANA give the others a meaning; 128 and 255 are
		 * bgpd's own ATTR_SET and VNC */
		if (code < 43 || code == 128 || code > 254)
			return dyncast_apply_refuse(
				apply,
				"code is 43-127 or 129-254: the others have a meaning of their own in BGP");
		return true;
	}
	if (dyncast_state.attr_code == code)
		return true;
	dyncast_state.attr_code = code;
	if (!dyncast_state.ietf)
		code_changed();
	return true;
}

bool dyncast_apply_profile(struct dyncast_apply *apply, bool ietf)
{
	if (apply->phase == DYNCAST_VALIDATE || dyncast_state.ietf == ietf)
		return true;
	dyncast_state.ietf = ietf;
	dyncast_profile_apply();
	code_changed();
	/* bgpd kept nothing of what the other profile did not want */
	dyncast_profile_refresh();
	return true;
}

bool dyncast_apply_attribute_size(struct dyncast_apply *apply,
				  unsigned int size)
{
	if (apply->phase == DYNCAST_VALIDATE)
		return true; /* the CLI's range is the whole rule */
	dyncast_state.attr_size = size;
	dyncast_advertise_recode();
	return true;
}

bool dyncast_apply_fast(struct dyncast_apply *apply, bool fast)
{
	if (apply->phase == DYNCAST_VALIDATE)
		return true;
	dyncast_state.fast = fast;
	dyncast_profile_apply();
	return true;
}

bool dyncast_apply_router_drain(struct dyncast_apply *apply, bool drain)
{
	if (apply->phase == DYNCAST_VALIDATE || dyncast_state.drain == drain)
		return true;
	dyncast_state.drain = drain;
	zlog_info("dyncast: %s",
		  drain ? "no new flows to this router's instances"
			: "new flows again");
	dyncast_advertise_all();
	dyncast_receive_all();
	return true;
}

bool dyncast_apply_site(struct dyncast_apply *apply,
			const struct dyncast_site_config *config)
{
	if (apply->phase == DYNCAST_VALIDATE) {
		if (config->loopback.family &&
		    !dyncast_addr_is_unicast(&config->loopback))
			return dyncast_apply_refuse(
				apply,
				"the loopback must be a unicast address, and not in 127/8");
		return true;
	}
	dyncast_state.site = *config;
	dyncast_site_apply();
	dyncast_advertise_recode();
	dyncast_receive_all();
	return true;
}

/* a neighbor ends with its last line */
static struct dyncast_neighbor *neighbor_get(const struct dyncast_addr *addr)
{
	struct dyncast_neighbor ref = {.addr = *addr}, *neighbor;

	neighbor = dyncast_neighbors_find(&dyncast_state.neighbors, &ref);
	if (neighbor)
		return neighbor;
	neighbor = XCALLOC(MTYPE_DYNCAST_SETTING, sizeof(*neighbor));
	neighbor->addr = *addr;
	dyncast_neighbors_add(&dyncast_state.neighbors, neighbor);
	return neighbor;
}

static void neighbor_changed(struct dyncast_neighbor *neighbor)
{
	if (!neighbor->accept && !neighbor->consent) {
		dyncast_neighbors_del(&dyncast_state.neighbors, neighbor);
		XFREE(MTYPE_DYNCAST_SETTING, neighbor);
	}
	dyncast_receive_reread();
}

bool dyncast_apply_neighbor(struct dyncast_apply *apply,
			    const struct dyncast_addr *addr, bool accept)
{
	struct dyncast_neighbor ref = {.addr = *addr}, *neighbor;

	neighbor = dyncast_neighbors_find(&dyncast_state.neighbors, &ref);
	if (apply->phase == DYNCAST_VALIDATE) {
		if (!accept && (!neighbor || !neighbor->accept))
			return dyncast_apply_refuse(
				apply, "this neighbor is not accepted");
		return true;
	}
	neighbor = neighbor_get(addr);
	neighbor->accept = accept;
	neighbor_changed(neighbor);
	return true;
}

bool dyncast_apply_neighbor_consent(struct dyncast_apply *apply,
				    const struct dyncast_addr *addr,
				    enum dyncast_consent consent)
{
	struct dyncast_neighbor ref = {.addr = *addr}, *neighbor;

	neighbor = dyncast_neighbors_find(&dyncast_state.neighbors, &ref);
	if (apply->phase == DYNCAST_VALIDATE) {
		if (!consent && (!neighbor || !neighbor->consent))
			return dyncast_apply_refuse(apply,
						    "there is no such line");
		return true;
	}
	neighbor = neighbor_get(addr);
	neighbor->consent = consent;
	neighbor_changed(neighbor);
	return true;
}

bool dyncast_apply_dbid_prefix(struct dyncast_apply *apply,
			       const struct dyncast_prefix *prefix, bool set)
{
	struct dyncast_filter ref = {.prefix = *prefix}, *filter;

	filter = dyncast_filters_find(&dyncast_state.filters, &ref);
	if (apply->phase == DYNCAST_VALIDATE) {
		if (!set && !filter)
			return dyncast_apply_refuse(
				apply, "there is no such dbid-prefix");
		return true;
	}
	if (set && !filter) {
		filter = XCALLOC(MTYPE_DYNCAST_SETTING, sizeof(*filter));
		filter->prefix = *prefix;
		dyncast_filters_add(&dyncast_state.filters, filter);
	} else if (!set && filter) {
		dyncast_filters_del(&dyncast_state.filters, filter);
		XFREE(MTYPE_DYNCAST_SETTING, filter);
	}
	dyncast_receive_reread();
	return true;
}
