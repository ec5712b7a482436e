// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The operator's override of a service: what it may say, and look-ups in it.
 *
 * bgpd_dyncast owns it (a service's configuration), zebra_dyncast acts on it
 * (lib/cost.h); between them it travels in the service's set.  Pure.
 */

#include "override.h"

#include <string.h>

#include "addr.h"

static bool site_valid(const struct dyncast_addr *site)
{
	static const struct dyncast_addr none;

	return site->family ? dyncast_addr_is_unicast(site)
			    : !memcmp(site, &none, sizeof(none));
}

bool dyncast_override_valid(const struct dyncast_override *override)
{
	if (override->n_caps > DYNCAST_CAPS_MAX || !site_valid(&override->pin))
		return false;
	if (override->pin.family && !override->pinned)
		return false;
	for (size_t i = 0; i < override->n_caps; i++) {
		const struct dyncast_cap *cap = &override->caps[i];

		if (cap->percent > 100 || !site_valid(&cap->site))
			return false;
		if (i && dyncast_addr_cmp(&cap[-1].site, &cap->site) >= 0)
			return false;
	}
	return true;
}

bool dyncast_override_empty(const struct dyncast_override *override)
{
	return !override->dry_run && !override->pinned && !override->n_caps;
}

bool dyncast_override_away(const struct dyncast_override *override,
			   const struct dyncast_addr *site)
{
	return override->pinned && dyncast_addr_cmp(&override->pin, site);
}

/* place of a site among the caps, or where it would be */
static size_t place(const struct dyncast_override *override,
		    const struct dyncast_addr *site)
{
	size_t i = 0;

	while (i < override->n_caps &&
	       dyncast_addr_cmp(&override->caps[i].site, site) < 0)
		i++;
	return i;
}

const struct dyncast_cap *
dyncast_override_cap(const struct dyncast_override *override,
		     const struct dyncast_addr *site)
{
	size_t at = place(override, site);

	return at < override->n_caps &&
			       !dyncast_addr_cmp(&override->caps[at].site, site)
		       ? &override->caps[at]
		       : NULL;
}

bool dyncast_override_cap_set(struct dyncast_override *override,
			      const struct dyncast_addr *site, uint8_t percent)
{
	size_t at = place(override, site);
	struct dyncast_cap *cap = &override->caps[at];

	if (!dyncast_override_cap(override, site)) {
		if (override->n_caps == DYNCAST_CAPS_MAX)
			return false;
		memmove(cap + 1, cap, (override->n_caps - at) * sizeof(*cap));
		cap->site = *site;
		override->n_caps++;
	}
	cap->percent = percent;
	return true;
}

void dyncast_override_cap_remove(struct dyncast_override *override,
				 const struct dyncast_addr *site)
{
	size_t at = place(override, site);
	struct dyncast_cap *cap = &override->caps[at];

	if (!dyncast_override_cap(override, site))
		return;
	override->n_caps--;
	memmove(cap, cap + 1, (override->n_caps - at) * sizeof(*cap));
	memset(&override->caps[override->n_caps], 0, sizeof(*cap));
}
