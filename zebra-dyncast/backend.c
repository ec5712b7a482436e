/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One candidate of a service: its id in the data plane, what is followed to
 * know whether it can be reached (routes, neighbour, SID), and failure rules
 * (a) and (b) of doc/design.rst for one that is missing in a set.
 *
 * Main thread; called by service.c, decide.c and nht.c.
 */

#include <zebra.h>

#include "lib/vrf.h"

#include "apply.h"
#include "compat.h"
#include "decap.h"
#include "module.h"
#include "neighbor.h"
#include "service.h"
#include "sid.h"
#include "../lib/addr.h"

DEFINE_MTYPE_STATIC(DYNCAST_ZEBRA, DYNCAST_BACKEND, "Dyncast candidate");

/* pages that no id needs are never touched */
static struct dyncast_backend *by_id[DYNCAST_DP_INSTANCES_MAX];
static bool full_logged;

int dyncast_backend_cmp(const struct dyncast_backend *a,
			const struct dyncast_backend *b)
{
	return dyncast_addr_cmp(&a->data.instance.dbid, &b->data.instance.dbid);
}

struct dyncast_backend *dyncast_backend_find(struct dyncast_service *service,
					     const struct dyncast_addr *dbid)
{
	struct dyncast_backend ref = {};

	ref.data.instance.dbid = *dbid;
	return dyncast_backends_find(&service->backends, &ref);
}

struct dyncast_backend *dyncast_backend_next(struct dyncast_service *service,
					     const struct dyncast_addr *after)
{
	struct dyncast_backend ref = {}, *b;

	ref.data.instance.dbid = *after;
	b = dyncast_backends_find_gteq(&service->backends, &ref);
	return b && dyncast_backend_cmp(b, &ref) == 0
		       ? dyncast_backends_next(&service->backends, b)
		       : b;
}

struct dyncast_backend *dyncast_backend_by_id(uint32_t id)
{
	return id < DYNCAST_DP_INSTANCES_MAX ? by_id[id] : NULL;
}

void dyncast_backend_id_set(struct dyncast_backend *b, uint32_t id)
{
	if (!id || id >= DYNCAST_DP_INSTANCES_MAX)
		return;
	b->id = id;
	by_id[id] = b;
}

bool dyncast_backend_identify(struct dyncast_backend *b)
{
	bool created = false;

	if (b->id || b->service->dp_index < 0)
		return b->id;
	dyncast_backend_id_set(
		b, dyncast_dp_instance_get(b->service->dp_index,
					   &b->data.instance.dbid, &created));
	if (b->id) {
		b->service->members_changed = true;
		return true;
	}
	if (!full_logged)
		zlog_warn(
			"dyncast: no room for another instance among the %u in the kernel: it gets no flows until there is (dyncast service-table size; logged once)",
			dyncast_dp_instances_max());
	full_logged = true;
	return false;
}

void dyncast_backend_unidentify(struct dyncast_backend *b)
{
	dyncast_decap_forget(b);
	if (b->id)
		by_id[b->id] = NULL;
	b->id = 0;
	b->slots = 0;
	b->programmed = b->recovered = false;
}

struct dyncast_backend *dyncast_backend_new(struct dyncast_service *s,
					    const struct dyncast_addr *dbid)
{
	struct dyncast_backend *b = XCALLOC(MTYPE_DYNCAST_BACKEND, sizeof(*b));

	b->service = s;
	b->data.instance.dbid = *dbid;
	dyncast_backends_add(&s->backends, b);
	dyncast_backend_identify(b);
	return b;
}

/* takes over the reference, and lets that to the one before go */
static void neighbor_set(struct dyncast_backend *b, struct dyncast_neighbor *n)
{
	if (b->neighbor)
		dyncast_neighbor_users_del(&b->neighbor->users, b);
	dyncast_neighbor_unref(&b->neighbor);
	b->neighbor = n;
	if (n)
		dyncast_neighbor_users_add_head(&n->users, b);
}

static void sid_set(struct dyncast_backend *b, struct dyncast_sid *sid)
{
	if (b->sid)
		dyncast_sid_users_del(&b->sid->users, b);
	dyncast_sid_unref(&b->sid);
	b->sid = sid;
	if (sid)
		dyncast_sid_users_add_head(&sid->users, b);
}

void dyncast_backend_drop(struct dyncast_backend *b, bool from_kernel)
{
	struct dyncast_service *s = b->service;

	if (from_kernel)
		dyncast_decap_forget(b);
	if (b->id) {
		by_id[b->id] = NULL;
		if (from_kernel)
			dyncast_dp_instance_del(b->id);
	}
	dyncast_nht_unref(&b->nht);
	dyncast_nht_unref(&b->site_nht);
	neighbor_set(b, NULL);
	sid_set(b, NULL);
	dyncast_backends_del(&s->backends, b);
	s->members_changed = true;
	XFREE(MTYPE_DYNCAST_BACKEND, b);
}

void dyncast_backend_free(struct dyncast_backend *backend)
{
	dyncast_backend_drop(backend, true);
}

static void track(struct dyncast_nht **nht, uint32_t vrf_id,
		  const struct dyncast_addr *addr)
{
	struct dyncast_nht *old = *nht;

	if (addr->family == 0) {
		dyncast_nht_unref(nht);
		return;
	}
	if (old && old->vrf_id == vrf_id &&
	    dyncast_addr_cmp(&old->addr, addr) == 0)
		return;
	*nht = dyncast_nht_ref(vrf_id, addr);
	dyncast_nht_unref(&old);
}

/* who is on the link is asked whether he is there */
void dyncast_backend_neighbor_track(struct dyncast_backend *b)
{
	struct dyncast_neighbor *n = NULL;

	if (dyncast_backend_is_adjacent(b) && dyncast_nht_on_link(b->nht))
		n = dyncast_neighbor_ref(b->nht->nexthops[0].ifindex,
					 &b->nht->addr);
	neighbor_set(b, n);
}

/* follow whatever decides whether the candidate can be reached */
void dyncast_backend_track(struct dyncast_backend *b)
{
	const struct dyncast_instance *in = &b->data.instance;
	uint32_t vrf_id = b->service->key.vrf_id;
	bool local = dyncast_backend_is_local(b);
	struct dyncast_addr none = {};

	if (local) {
		track(&b->nht, vrf_id, &b->data.address);
	} else if (in->kind == DYNCAST_KIND_NONE &&
		   dyncast_sid_in_locator(&in->dbid)) {
		/* a SID of our own: what is behind it is not known yet */
		track(&b->nht, vrf_id, &none);
	} else {
		/* D-BIDs of other sites are addresses of the underlay */
		track(&b->nht,
		      in->kind == DYNCAST_KIND_SRV6 ||
				      in->kind == DYNCAST_KIND_IPIP ||
				      (in->kind == DYNCAST_KIND_NONE &&
				       in->dbid.family == AF_INET6)
			      ? VRF_DEFAULT
			      : vrf_id,
		      &in->dbid);
	}
	track(&b->site_nht, vrf_id, &b->data.site);
	dyncast_backend_neighbor_track(b);

	if (!local || in->kind != DYNCAST_KIND_SRV6) {
		sid_set(b, NULL);
		b->sid_refused = false;
		return;
	}
	if (b->sid && dyncast_addr_cmp(&b->sid->address, &b->data.address) != 0)
		sid_set(b, NULL);
	if (!b->sid &&
	    b->service->key.prefix.addr.family == b->data.address.family) {
		sid_set(b,
			dyncast_sid_ref(&in->dbid, &b->data.address, vrf_id));
		b->sid_refused = b->sid == NULL;
		b->service->timed |= b->sid_refused;
	}
}

/* failure rule (b), or (a) when there is nothing to wait for */
void dyncast_backend_hold(struct dyncast_backend *b, int64_t now)
{
	/* `dyncast hold 0` is no reason to drop what its path, which comes
	 * a little later than the first set, would have brought back */
	int64_t hold_ms = b->recovered ? dyncast_apply_settle_ms()
				       : (int64_t)dyncast_config.hold_s * 1000;

	if (b->presence != DYNCAST_PRESENT)
		return;
	if (b->data.instance.flags & DYNCAST_INSTANCE_DOWN || hold_ms == 0) {
		b->presence = DYNCAST_GONE;
		return;
	}
	b->presence = DYNCAST_HELD;
	b->service->timed = true;
	b->expires_ms = now + hold_ms;
}

/*
 * Does its path say what the site has?  One without any instance may be the
 * user's own (`network`), which leaves before ours does after a start.
 */
static bool site_speaks(const struct dyncast_set *set,
			const struct dyncast_addr *site)
{
	bool named = false, speaks = false;

	for (unsigned int i = 0; i < set->n_sites; i++)
		named |= dyncast_addr_cmp(&set->sites[i], site) == 0;
	for (unsigned int i = 0; i < set->n_candidates; i++)
		speaks |= dyncast_addr_cmp(&set->candidates[i].site, site) == 0;
	return named && speaks;
}

/* not in this set: did its site remove it, or is only the path gone? */
void dyncast_backend_missing(struct dyncast_backend *b,
			     const struct dyncast_set *set, int64_t now)
{
	/* known from the pinned maps only: its site is not known */
	bool known = b->data.instance.kind != DYNCAST_KIND_NONE;

	if (known &&
	    (b->data.site.family == 0 || site_speaks(set, &b->data.site)))
		b->presence = DYNCAST_GONE; /* rule (a) */
	else
		dyncast_backend_hold(b, now); /* rule (b) */
}
