// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Room for services; see admit.h.  Asked at each route that bgpd hears of, so
 * it looks at the attribute only when there is not room for all anyway.
 */

#include "admit.h"
#include "receive.h"

/* what neighbors that are not trusted may take */
#define UNTRUSTED_MAX (DYNCAST_SERVICES_MAX / 2)
/* beyond DYNCAST_SERVICES_MAX, for statements of sites */
#define SITES_MAX 1024
/* looking through a full table takes tens of milliseconds, in small steps */
#define LOOK_AGAIN_MS 10000

/* some were refused since the tables were last looked through */
static bool waiting, waiting_untrusted;
static bool logged;
static int64_t scanned_ms;

static bool any_trusted(struct bgp_dest *dest)
{
	struct bgp_path_info *pi;
	size_t len;

	for (pi = bgp_dest_get_bgp_path_info(dest); pi; pi = pi->next)
		if (dyncast_path_attribute(pi, &len) &&
		    dyncast_path_trusted(pi))
			return true;
	return false;
}

/* a host's prefix that says nothing of instances: likely a site's loopback */
static bool site_statement(const struct dyncast_prefix *prefix,
			   struct bgp_dest *dest)
{
	struct bgp_path_info *pi;
	const uint8_t *value;
	size_t len;

	if (prefix->len != 8 * dyncast_family_size(prefix->addr.family))
		return false;
	for (pi = bgp_dest_get_bgp_path_info(dest); pi; pi = pi->next) {
		value = dyncast_path_attribute(pi, &len);
		if (value && dyncast_path_trusted(pi) &&
		    !dyncast_attr_names_instance(value, len))
			return true;
	}
	return false;
}

static bool has_room(const struct dyncast_service_key *key,
		     struct bgp_dest *dest, size_t used)
{
	if (used < UNTRUSTED_MAX)
		return true;
	if (used < DYNCAST_SERVICES_MAX)
		return any_trusted(dest);
	return used < DYNCAST_SERVICES_MAX + SITES_MAX &&
	       site_statement(&key->prefix, dest);
}

bool dyncast_admit(const struct dyncast_service_key *key, struct bgp_dest *dest,
		   size_t used)
{
	if (has_room(key, dest, used))
		return true;
	dyncast_receive_counters.no_room++;
	if (used < DYNCAST_SERVICES_MAX)
		waiting_untrusted = true;
	else
		waiting = true;
	if (!logged)
		zlog_warn(
			"dyncast: no room for more services (%u, half of that for neighbors that are not trusted): further prefixes with metrics stay plain anycast routes (logged once, counted in \"show dyncast bgp\")",
			DYNCAST_SERVICES_MAX);
	logged = true;
	return false;
}

void dyncast_admit_scanned(void)
{
	waiting = waiting_untrusted = false;
	scanned_ms = dyncast_now_ms();
}

bool dyncast_admit_due(size_t used)
{
	return ((waiting && used < DYNCAST_SERVICES_MAX) ||
		(waiting_untrusted && used < UNTRUSTED_MAX)) &&
	       dyncast_now_ms() - scanned_ms >= LOOK_AGAIN_MS;
}

bool dyncast_admit_full(void)
{
	return waiting || waiting_untrusted;
}
