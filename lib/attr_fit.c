// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Fitting the Edge Metadata attribute into its size bound
 * (draft-ietf-idr-5g-edge-service-metadata section 4): what is given up first
 * when a site has more to say than its attribute may hold.
 *
 * Called by bgpd_dyncast on its main thread when it originates a service;
 * pure and deterministic, no allocation.  The site's figures (types 1 to 7)
 * are the sum over all instances and always stay: they are what an instance
 * that is left out is merged into.
 */

#include "attr.h"

#include <string.h>

#include "addr.h"

struct fitting {
	struct dyncast_attr *attr;
	/* by instance: other routers know it and have flows there */
	bool known[DYNCAST_ATTR_INSTANCES_MAX];
};

static bool says(const struct dyncast_attr *attr,
		 const struct dyncast_addr *dbid)
{
	for (size_t i = 0; i < attr->n_instances; i++) {
		if (!dyncast_addr_cmp(&attr->instances[i].dbid, dbid))
			return true;
	}
	return false;
}

/*
 * Instance i goes before j into an attribute that cannot hold both.  Whoever is
 * taken out loses its flows, so neither a little less capacity nor being
 * drained is a reason to.
 */
static bool goes_first(const struct fitting *fitting, size_t i, size_t j)
{
	const struct dyncast_instance *a = &fitting->attr->instances[i];
	const struct dyncast_instance *b = &fitting->attr->instances[j];
	bool down_a = a->flags & DYNCAST_INSTANCE_DOWN;
	bool down_b = b->flags & DYNCAST_INSTANCE_DOWN;

	if (down_a != down_b)
		return down_b;
	if (fitting->known[i] != fitting->known[j])
		return fitting->known[i];
	if (a->metrics.capacity != b->metrics.capacity)
		return a->metrics.capacity > b->metrics.capacity;
	return dyncast_addr_cmp(&a->dbid, &b->dbid) < 0;
}

/* Take out the one that goes last; the others keep their order. */
static void drop_last(struct fitting *fitting)
{
	struct dyncast_attr *attr = fitting->attr;
	size_t last = 0, behind;

	for (size_t i = 1; i < attr->n_instances; i++) {
		if (goes_first(fitting, last, i))
			last = i;
	}
	behind = --attr->n_instances - last;
	memmove(&attr->instances[last], &attr->instances[last + 1],
		behind * sizeof(attr->instances[0]));
	memmove(&fitting->known[last], &fitting->known[last + 1],
		behind * sizeof(fitting->known[0]));
}

size_t dyncast_attr_fit(struct dyncast_attr *attr,
			const struct dyncast_attr *before, uint8_t *buf,
			size_t size)
{
	struct fitting fitting = {.attr = attr};
	size_t len = dyncast_attr_encode(attr, buf, size);

	if (len)
		return len;
	for (size_t i = 0; i < attr->n_instances; i++) {
		memset(attr->instances[i].name, 0,
		       sizeof(attr->instances[i].name));
		fitting.known[i] = says(before, &attr->instances[i].dbid);
	}
	len = dyncast_attr_encode(attr, buf, size);
	while (!len && attr->n_instances) {
		drop_last(&fitting);
		len = dyncast_attr_encode(attr, buf, size);
	}
	return len;
}
