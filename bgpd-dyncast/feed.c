// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Instances that speak BGP themselves (draft-li-dyncast-architecture-00
 * section 4.1: the D-MA feeds its router by EBGP).  `dyncast service S
 * instance I feed bgp` says that the neighbor with the instance's address *is*
 * that instance: it is up while its path for the service is valid, and the
 * attribute of the path, when there is one, holds its metrics.
 *
 * bgpd's main thread; called by receive.c whenever the paths were read.
 */

#include "receive.h"

static const struct dyncast_path *path_of(const struct dyncast_local *local,
					  const struct dyncast_path *path)
{
	for (; path; path = path->next)
		if (path->feed &&
		    !dyncast_addr_cmp(&path->peer, &local->address))
			return path;
	return NULL;
}

/* The site's figures, for a speaker that knows the draft's sub-TLVs only. */
static struct dyncast_metrics site_metrics(const struct dyncast_site *site)
{
	struct dyncast_metrics m = {};
	uint64_t us;

	if ((site->has & DYNCAST_SITE_HAS_CAPABILITY) && site->capability) {
		m.has |= DYNCAST_HAS_CAPACITY;
		m.capacity = site->capability;
	}
	if ((site->has & DYNCAST_SITE_HAS_RESOURCE) && site->resource_percent) {
		m.has |= DYNCAST_HAS_UTILISATION;
		m.utilisation = (100 - MIN(site->resource, 100u)) * 100;
	}
	/* an index says nothing about time */
	if ((site->has & DYNCAST_SITE_HAS_DELAY) &&
	    site->delay_form != DYNCAST_DELAY_INDEX) {
		/* NTP: seconds in the upper half, 2^-32 s in the lower one */
		us = site->delay_form == DYNCAST_DELAY_MS
			     ? site->delay * 1000
			     : (site->delay >> 32) * 1000000 +
				       ((site->delay & UINT32_MAX) * 1000000 >>
					32);
		m.has |= DYNCAST_HAS_DELAY;
		m.delay_us = MIN(us, UINT32_MAX);
	}
	return m;
}

/* its own entry, or the only one, or the first */
static const struct dyncast_instance *
own_instance(const struct dyncast_local *local, const struct dyncast_path *path)
{
	unsigned int i;

	for (i = 0; i < path->n_instances; i++)
		if (!dyncast_addr_cmp(&path->instances[i].dbid,
				      &local->address))
			return &path->instances[i];
	return path->n_instances ? &path->instances[0] : NULL;
}

/* It says none any more, and is no agent that has become silent. */
static void metrics_end(struct dyncast_local *local)
{
	if (local->feed_metrics)
		local->reported_ms = 0;
	local->feed_metrics = false;
}

static void attribute_take(struct dyncast_local *local,
			   const struct dyncast_path *path)
{
	const struct dyncast_instance *in = own_instance(local, path);
	struct dyncast_metrics metrics =
		in ? in->metrics : site_metrics(&path->site);

	local->feed_ms = path->received_ms;
	local->feed_flags = in ? in->flags : 0;
	if (!metrics.has) {
		metrics_end(local);
		return;
	}
	local->feed_metrics = true;
	local->metrics = metrics;
	local->feed_age_ms = metrics.age_ms;
	local->measured_ms = path->received_ms - metrics.age_ms;
	local->reports++;
	local->reported_ms = path->received_ms;
}

void dyncast_feed_forget(struct dyncast_local *local)
{
	local->feed_up = false;
	local->feed_ms = 0;
	local->feed_flags = 0;
	metrics_end(local);
}

static bool local_take(struct dyncast_local *local,
		       const struct dyncast_path *path)
{
	bool up = path && path->valid && path->state != DYNCAST_PATH_SCOPE;
	bool changed = up != local->feed_up;

	if (changed)
		zlog_info("dyncast: service %s instance %s: %s",
			  local->service->name, local->name,
			  up ? "its BGP path is there"
			     : "its BGP path is gone: it is down");
	local->feed_up = up;
	if (!up || path->state != DYNCAST_PATH_OK) {
		/* flags without a word from it any more */
		changed |= local->feed_flags != 0;
		local->feed_flags = 0;
		local->feed_ms = 0;
		metrics_end(local);
		return changed;
	}
	if (path->received_ms == local->feed_ms)
		return changed;
	attribute_take(local, path);
	return true;
}

bool dyncast_feed_take(struct dyncast_service *service,
		       const struct dyncast_path *paths)
{
	struct dyncast_local *local;
	bool changed = false;

	frr_each (dyncast_locals, &service->locals, local)
		if (local->feed && local->address.family)
			changed |= local_take(local, path_of(local, paths));
	return changed;
}

void dyncast_feed_tick(struct dyncast_service *service)
{
	int64_t now = dyncast_now_ms();
	struct dyncast_local *local;

	frr_each (dyncast_locals, &service->locals, local) {
		if (!local->feed || !local->feed_up || !local->feed_metrics)
			continue;
		local->reported_ms = now;
		local->measured_ms = now - local->feed_age_ms;
	}
}
