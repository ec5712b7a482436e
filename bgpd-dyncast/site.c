// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Sites; see site.h.
 *
 * The standalone update is a path of ours for the loopback, with type 2 and
 * I=0, never exported.  Whoever has a route to the loopback by the IGP keeps
 * using that: iBGP is less preferred.
 */

#include "origin.h"
#include "site.h"

DECLARE_DLIST(dyncast_sites, struct dyncast_track, site_item);

/* tracks that are standalone updates: a few, one for each site */
static struct dyncast_sites_head sites = INIT_DLIST(sites);

/* what was advertised last, to be withdrawn when the configuration changes */
static struct dyncast_addr said;

static struct dyncast_prefix host_prefix(const struct dyncast_addr *addr)
{
	return (struct dyncast_prefix){
		.addr = *addr,
		.len = 8 * dyncast_family_size(addr->family),
	};
}

/* The standalone update is in the default VRF, and acts on nothing in another:
 * what it says is in the attribute of each service there. */
void dyncast_site_fill(struct dyncast_site *site, bool in_vrf)
{
	const struct dyncast_site_config *config = &dyncast_state.site;
	bool stated = in_vrf && config->loopback.family;

	if (config->preference) {
		site->has |= DYNCAST_SITE_HAS_PREFERENCE;
		site->preference = config->preference;
	}
	if (config->id_set || stated) {
		site->has |= DYNCAST_SITE_HAS_AVAILABILITY;
		site->availability_ties_site = !stated;
		site->availability_site = config->id;
		site->availability = stated ? config->availability : 100;
	}
}

static void standalone_push(void)
{
	const struct dyncast_site_config *config = &dyncast_state.site;
	struct dyncast_prefix prefix = host_prefix(&config->loopback);
	struct dyncast_attr *attr = XCALLOC(MTYPE_TMP, sizeof(*attr));
	uint8_t value[64], bytes[64];
	size_t len;

	attr->site.has = DYNCAST_SITE_HAS_AVAILABILITY;
	attr->site.availability_site = config->id;
	attr->site.availability = config->availability;
	len = dyncast_attr_encode(attr, value, sizeof(value));
	len = dyncast_attr_wrap(dyncast_attr_flags(), dyncast_attr_code(),
				value, len, bytes, sizeof(bytes));
	dyncast_origin_push("", &prefix, true, bytes, len);
	said = config->loopback;
	XFREE(MTYPE_TMP, attr);
}

void dyncast_site_apply(void)
{
	struct bgp *bgp = dyncast_bgp_find("");
	struct dyncast_prefix prefix = host_prefix(&said);

	if (said.family &&
	    dyncast_addr_cmp(&said, &dyncast_state.site.loopback)) {
		if (bgp)
			dyncast_origin_withdraw(bgp, &prefix);
		said.family = 0;
	}
	if (dyncast_state.site.loopback.family)
		standalone_push();
}

void dyncast_site_recode(void)
{
	dyncast_site_apply();
}

/* the BGP instance may have come, or the user's own path for the loopback */
void dyncast_site_tick(void)
{
	if (dyncast_state.site.loopback.family)
		standalone_push();
}

bool dyncast_site_standalone(const struct dyncast_path *path)
{
	return path->state == DYNCAST_PATH_OK && !path->n_instances &&
	       !path->n_filtered &&
	       (path->site.has & DYNCAST_SITE_HAS_AVAILABILITY) &&
	       !path->site.availability_ties_site;
}

void dyncast_site_forget(struct dyncast_track *track)
{
	if (track->site_said)
		dyncast_sites_del(&sites, track);
	track->site_said = false;
}

/*
 * A path that bgpd holds for unusable counts too: its next hop is likely to be
 * its own prefix, which bgpd takes for a loop.
 */
bool dyncast_site_learn(struct dyncast_track *track)
{
	const struct dyncast_prefix *prefix = &track->key.prefix;
	const struct dyncast_path *path;
	bool changed;

	for (path = track->paths; path; path = path->next)
		if (dyncast_site_standalone(path))
			break;
	if (!path ||
	    prefix->len != 8 * dyncast_family_size(prefix->addr.family)) {
		changed = track->site_said;
		dyncast_site_forget(track);
		return changed;
	}
	changed = !track->site_said ||
		  track->site_availability != path->site.availability ||
		  track->site_id != path->site.availability_site ||
		  track->site_originator != path->originator;
	if (!track->site_said)
		dyncast_sites_add_tail(&sites, track);
	track->site_said = true;
	track->site_availability = path->site.availability;
	track->site_id = path->site.availability_site;
	track->site_originator = path->originator;
	return changed;
}

/* What is said of the site that this path comes from, or NULL.  Its next hop is
 * the site itself, its originator may have several. */
static const struct dyncast_track *
statement_find(uint32_t vrf_id, const struct dyncast_path *path)
{
	const struct dyncast_track *found = NULL, *track;

	frr_each (dyncast_sites_const, &sites, track) {
		if (track->key.vrf_id != vrf_id ||
		    (path->site.availability_ties_site &&
		     track->site_id != path->site.availability_site))
			continue;
		if (!dyncast_addr_cmp(&track->key.prefix.addr, &path->nexthop))
			return track;
		if (!found && path->originator &&
		    track->site_originator == path->originator)
			found = track;
	}
	return found;
}

struct dyncast_site_view dyncast_site_local(void)
{
	const struct dyncast_site_config *config = &dyncast_state.site;

	return (struct dyncast_site_view){
		.preference = config->preference,
		.availability =
			config->loopback.family ? config->availability : 100,
	};
}

struct dyncast_site_view dyncast_site_learnt(const struct dyncast_track *track,
					     const struct dyncast_path *path)
{
	struct dyncast_site_view view = {.availability = 100};
	const struct dyncast_site *site = &path->site;
	const struct dyncast_track *statement;

	if (site->has & DYNCAST_SITE_HAS_PREFERENCE)
		view.preference = site->preference;
	if ((site->has & DYNCAST_SITE_HAS_AVAILABILITY) &&
	    !site->availability_ties_site) {
		view.availability = site->availability;
		return view;
	}
	statement = statement_find(track->key.vrf_id, path);
	if (statement)
		view.availability = statement->site_availability;
	return view;
}

/* the part of a site's traffic that it, or its operator, wants it to have */
static void act(struct dyncast_candidate *c,
		const struct dyncast_site_view *view, uint32_t highest)
{
	double part = view->availability / 100.0;

	if (view->preference && highest)
		part = part * MIN(view->preference, highest) / highest;
	if (!view->availability) {
		c->instance.flags |= DYNCAST_INSTANCE_DRAIN;
		return;
	}
	c->withheld = MIN((uint32_t)(DYNCAST_WHOLE * (1 - part) + 0.5),
			  DYNCAST_WHOLE - 1);
}

void dyncast_site_act(struct dyncast_set *set,
		      const struct dyncast_site_view *views)
{
	uint32_t highest = 0;
	unsigned int i;

	/* relative to those that can have what others do not want */
	for (i = 0; i < set->n_candidates; i++)
		if (views[i].availability &&
		    !(set->candidates[i].instance.flags &
		      (DYNCAST_INSTANCE_DRAIN | DYNCAST_INSTANCE_DOWN)))
			highest = MAX(highest, views[i].preference);
	for (i = 0; i < set->n_candidates; i++)
		act(&set->candidates[i], &views[i], highest);
}
