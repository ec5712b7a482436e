// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Encoding of the Edge Metadata path attribute
 * (draft-ietf-idr-5g-edge-service-metadata section 4) and of our two private
 * sub-TLVs; the layouts are drawn in attr_decode.c.
 *
 * Called by bgpd_dyncast on its main thread when it originates a service;
 * pure.  The order is fixed (site by type, policy, instances as given) and
 * absent metrics are zero, so that equal input gives equal bytes: an
 * unchanged metric must cause no UPDATE.
 */

#include "attr.h"

#include "attr_wire.h"
#include "check.h"
#include "cursor.h"
#include "policy_wire.h"

/* Writes a value; makes the writer bad when it is out of its range. */
struct site_codec {
	uint16_t type;
	uint16_t has;
	void (*encode)(struct dyncast_writer *w,
		       const struct dyncast_attr *attr);
};

static void encode_preference(struct dyncast_writer *w,
			      const struct dyncast_attr *attr)
{
	dyncast_put_u8(w, 0);
	dyncast_put_u32(w, attr->site.preference);
}

static void encode_availability(struct dyncast_writer *w,
				const struct dyncast_attr *attr)
{
	const struct dyncast_site *site = &attr->site;

	dyncast_put_u8(w, site->availability_ties_site ? AVAILABILITY_TIES_SITE
						       : 0);
	dyncast_put_u16(w, site->availability_site);
	dyncast_put_u16(w, site->availability);
	if (site->availability > AVAILABILITY_MAX)
		w->bad = true;
}

static void encode_delay(struct dyncast_writer *w,
			 const struct dyncast_attr *attr)
{
	uint64_t delay = attr->site.delay;

	switch (attr->site.delay_form) {
	case DYNCAST_DELAY_INDEX:
		dyncast_put_u8(w, DELAY_INDEX);
		dyncast_put_u32(w, (uint32_t)delay);
		if (delay > DELAY_INDEX_MAX)
			w->bad = true;
		break;
	case DYNCAST_DELAY_MS:
		dyncast_put_u8(w, 0);
		dyncast_put_u32(w, (uint32_t)delay);
		if (delay > UINT32_MAX)
			w->bad = true;
		break;
	case DYNCAST_DELAY_NTP:
		dyncast_put_u8(w, DELAY_LONG);
		dyncast_put_u64(w, delay);
		break;
	default:
		w->bad = true;
	}
}

static void encode_raw(struct dyncast_writer *w,
		       const struct dyncast_attr *attr)
{
	dyncast_put_u8(w, 0);
	dyncast_put_u16(w, RAW_PACKETS_TYPE);
	dyncast_put_u8(w, RAW_PACKETS_SIZE);
	dyncast_put_u8(w, 0);
	dyncast_put_u32(w, attr->site.raw_period);
	dyncast_put_u32(w, attr->site.raw_to);
	dyncast_put_u32(w, attr->site.raw_from);
}

static void encode_capability(struct dyncast_writer *w,
			      const struct dyncast_attr *attr)
{
	dyncast_put_u8(w, METRIC_TYPE_NORMALISED);
	dyncast_put_u32(w, attr->site.capability);
}

static void encode_resource(struct dyncast_writer *w,
			    const struct dyncast_attr *attr)
{
	const struct dyncast_site *site = &attr->site;

	dyncast_put_u8(
		w, (uint8_t)(METRIC_TYPE_NORMALISED |
			     (site->resource_percent ? RESOURCE_PERCENT : 0)));
	dyncast_put_u32(w, site->resource);
	if (site->resource_percent && site->resource > RESOURCE_PERCENT_MAX)
		w->bad = true;
}

static void encode_as_scope(struct dyncast_writer *w,
			    const struct dyncast_attr *attr)
{
	dyncast_put_u8(w, 0);
	dyncast_put_u32(w, attr->site.as_scope);
}

static void encode_policy(struct dyncast_writer *w,
			  const struct dyncast_attr *attr)
{
	const struct dyncast_policy *policy = &attr->policy;

	dyncast_put_policy_short(w, policy);
	if (dyncast_policy_is_long(policy))
		dyncast_put_policy_rest(w, policy);
	if (!dyncast_policy_valid(policy))
		w->bad = true;
}

static const struct site_codec site_codecs[] = {
	{DYNCAST_SUBTLV_SITE_PREFERENCE, DYNCAST_SITE_HAS_PREFERENCE,
	 encode_preference},
	{DYNCAST_SUBTLV_SITE_AVAILABILITY, DYNCAST_SITE_HAS_AVAILABILITY,
	 encode_availability},
	{DYNCAST_SUBTLV_DELAY, DYNCAST_SITE_HAS_DELAY, encode_delay},
	{DYNCAST_SUBTLV_RAW, DYNCAST_SITE_HAS_RAW, encode_raw},
	{DYNCAST_SUBTLV_CAPABILITY, DYNCAST_SITE_HAS_CAPABILITY,
	 encode_capability},
	{DYNCAST_SUBTLV_RESOURCE, DYNCAST_SITE_HAS_RESOURCE, encode_resource},
	{DYNCAST_SUBTLV_AS_SCOPE, DYNCAST_SITE_HAS_AS_SCOPE, encode_as_scope},
	{DYNCAST_SUBTLV_POLICY, DYNCAST_SITE_HAS_POLICY, encode_policy},
};

static void encode_metrics(struct dyncast_writer *w,
			   const struct dyncast_metrics *metrics)
{
	struct dyncast_metrics m = *metrics;
	uint32_t age = m.age_ms / AGE_UNIT_MS;

	dyncast_metrics_tidy(&m);
	dyncast_put_u16(w, m.utilisation);
	dyncast_put_u16(w, age < UINT16_MAX ? (uint16_t)age : UINT16_MAX);
	dyncast_put_u32(w, m.capacity);
	dyncast_put_u32(w, m.in_flight);
	dyncast_put_u32(w, m.delay_us);
	dyncast_put_u8(w, m.score);
}

static void encode_instance(struct dyncast_writer *w,
			    const struct dyncast_instance *instance)
{
	size_t name_len = strnlen(instance->name, DYNCAST_NAME_SIZE);
	uint8_t family = instance->dbid.family;

	dyncast_put_u8(w, instance->kind);
	dyncast_put_u8(w, family == AF_INET ? INSTANCE_IPV4 : INSTANCE_IPV6);
	dyncast_put_u8(w, instance->flags);
	dyncast_put_u8(w, instance->metrics.has);
	encode_metrics(w, &instance->metrics);
	dyncast_put_u8(w, (uint8_t)name_len);
	dyncast_put_bytes(w, instance->dbid.bytes, dyncast_family_size(family));
	dyncast_put_bytes(w, instance->name, name_len);
	if (instance->metrics.has & DYNCAST_HAS_RATE)
		dyncast_put_u32(w, instance->metrics.rate);
	/* others can only use one that says how it is reached */
	if (!dyncast_instance_valid(instance) ||
	    instance->kind == DYNCAST_KIND_NONE)
		w->bad = true;
}

/* Leave room for a header; its place is returned for subtlv_end(). */
static struct dyncast_writer subtlv_begin(struct dyncast_writer *w,
					  uint16_t type)
{
	struct dyncast_writer header = *w;

	dyncast_put_u16(w, type);
	dyncast_put_u8(w, 0);
	return header;
}

static void subtlv_end(struct dyncast_writer *w, struct dyncast_writer *header)
{
	size_t len = w->len - header->len - SUBTLV_HEADER_SIZE;

	/* our longest is 69 bytes */
	if (!w->bad)
		header->at[SUBTLV_HEADER_SIZE - 1] = (uint8_t)len;
}

static bool has_duplicates(const struct dyncast_attr *in)
{
	for (size_t i = 0; i < in->n_instances; i++) {
		for (size_t j = 0; j < i; j++) {
			if (!dyncast_addr_cmp(&in->instances[i].dbid,
					      &in->instances[j].dbid))
				return true;
		}
	}
	return false;
}

size_t dyncast_attr_encode(const struct dyncast_attr *in, uint8_t *buf,
			   size_t size)
{
	struct dyncast_writer w = dyncast_writer_make(buf, size);
	struct dyncast_writer header;

	if (in->n_instances > DYNCAST_ATTR_INSTANCES_MAX || has_duplicates(in))
		return 0;
	for (size_t i = 0; i < sizeof(site_codecs) / sizeof(*site_codecs);
	     i++) {
		if (!(in->site.has & site_codecs[i].has))
			continue;
		header = subtlv_begin(&w, site_codecs[i].type);
		site_codecs[i].encode(&w, in);
		subtlv_end(&w, &header);
	}
	for (size_t i = 0; i < in->n_instances; i++) {
		header = subtlv_begin(&w, DYNCAST_SUBTLV_INSTANCE);
		encode_instance(&w, &in->instances[i]);
		subtlv_end(&w, &header);
	}
	return dyncast_writer_len(&w);
}

size_t dyncast_attr_wrap(uint8_t flags, uint8_t code, const uint8_t *value,
			 size_t len, uint8_t *buf, size_t size)
{
	struct dyncast_writer w = dyncast_writer_make(buf, size);

	if (len > UINT16_MAX)
		return 0;
	flags &= ATTR_FLAGS_SENT;
	if (len > UINT8_MAX)
		flags |= ATTR_FLAG_EXTENDED;
	dyncast_put_u8(&w, flags);
	dyncast_put_u8(&w, code);
	dyncast_put_uint(&w, len, len > UINT8_MAX ? 2 : 1);
	dyncast_put_bytes(&w, value, len);
	return dyncast_writer_len(&w);
}
