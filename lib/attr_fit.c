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

/* a goes before b into an attribute that cannot hold both */
static bool goes_first(const struct dyncast_instance *a,
		       const struct dyncast_instance *b)
{
	bool down_a = a->flags & DYNCAST_INSTANCE_DOWN;
	bool down_b = b->flags & DYNCAST_INSTANCE_DOWN;

	if (down_a != down_b)
		return down_b;
	if (a->flags != b->flags)
		return a->flags < b->flags;
	if (a->metrics.capacity != b->metrics.capacity)
		return a->metrics.capacity > b->metrics.capacity;
	return dyncast_addr_cmp(&a->dbid, &b->dbid) < 0;
}

/* Take out the one that goes last; the others keep their order. */
static void drop_last(struct dyncast_attr *attr)
{
	size_t last = 0;

	for (size_t i = 1; i < attr->n_instances; i++) {
		if (goes_first(&attr->instances[last], &attr->instances[i]))
			last = i;
	}
	attr->n_instances--;
	memmove(&attr->instances[last], &attr->instances[last + 1],
		(attr->n_instances - last) * sizeof(attr->instances[0]));
}

size_t dyncast_attr_fit(struct dyncast_attr *attr, uint8_t *buf, size_t size)
{
	size_t len = dyncast_attr_encode(attr, buf, size);

	if (len)
		return len;
	for (size_t i = 0; i < attr->n_instances; i++)
		memset(attr->instances[i].name, 0,
		       sizeof(attr->instances[i].name));
	len = dyncast_attr_encode(attr, buf, size);
	while (!len && attr->n_instances) {
		drop_last(attr);
		len = dyncast_attr_encode(attr, buf, size);
	}
	return len;
}
