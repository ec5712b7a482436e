// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Decoding of the Edge Metadata path attribute
 * (draft-ietf-idr-5g-edge-service-metadata section 4) and of our two private
 * sub-TLVs, and finding the attribute among others.
 *
 * Called by bgpd_dyncast on its main thread for every path of a service
 * prefix; pure.  The bytes come from any router of the network: a sub-TLV
 * that is not known is skipped and counted, one that is known and wrong makes
 * the whole attribute unusable, and nothing is ever half decoded.
 */

#include "attr.h"

#include <string.h>

#include "attr_wire.h"
#include "check.h"
#include "cursor.h"
#include "policy_wire.h"

/* one sub-TLV did not concern us; never leaves this file */
#define RESULT_UNKNOWN (DYNCAST_ATTR_TOO_MANY + 1)

/*
 * A sub-TLV of the site.  `decode` reads the value, whose length is checked
 * already, into a site that is zero but for earlier sub-TLVs.
 */
struct site_codec {
	uint16_t type;
	uint16_t has;
	uint8_t len_min;
	uint8_t len_max;
	enum dyncast_attr_result (*decode)(struct dyncast_reader *r,
					   struct dyncast_attr *attr);
};

/*
 * 1:
 *   +---------------+---------------+---------------+---------------+
 *   | reserved      | preference, higher is better, 0: ignore       |
 *   +---------------+-----------------------------------------------+
 *   |               |
 *   +---------------+
 */
static enum dyncast_attr_result decode_preference(struct dyncast_reader *r,
						  struct dyncast_attr *attr)
{
	dyncast_get_u8(r);
	attr->site.preference = dyncast_get_u32(r);
	return DYNCAST_ATTR_OK;
}

/*
 * 2:
 *   +-+-------------+---------------+---------------+---------------+
 *   |I| reserved    | site                          | percent       |
 *   +-+-------------+-------------------------------+---------------+
 *   |               |
 *   +---------------+
 *
 * The draft says: a percentage above 100 is as if the sub-TLV were absent.
 */
static enum dyncast_attr_result decode_availability(struct dyncast_reader *r,
						    struct dyncast_attr *attr)
{
	uint8_t flags = dyncast_get_u8(r);
	uint16_t site = dyncast_get_u16(r);
	uint16_t percent = dyncast_get_u16(r);

	if (percent > AVAILABILITY_MAX)
		return RESULT_UNKNOWN;
	attr->site.availability_ties_site = flags & AVAILABILITY_TIES_SITE;
	attr->site.availability_site = site;
	attr->site.availability = percent;
	return DYNCAST_ATTR_OK;
}

/*
 * 3:
 *   +-+-+-----------+---------------+---------------+---------------+
 *   |F|L| reserved  | F=1: index, 0 to 100, 4 bytes                 |
 *   | | |           | F=0: milliseconds, 4 bytes, or NTP, 8 bytes   |
 *   +-+-+-----------+-----------------------------------------------+
 *
 * The draft contradicts itself on L, so the length says which time it is.
 */
static enum dyncast_attr_result decode_delay(struct dyncast_reader *r,
					     struct dyncast_attr *attr)
{
	uint8_t flags = dyncast_get_u8(r);
	size_t size = r->left;

	if (size != 4 && size != 8)
		return DYNCAST_ATTR_BAD_LENGTH;
	attr->site.delay = dyncast_get_uint(r, size);
	if (!(flags & DELAY_INDEX)) {
		attr->site.delay_form =
			size == 8 ? DYNCAST_DELAY_NTP : DYNCAST_DELAY_MS;
		return DYNCAST_ATTR_OK;
	}
	if (size != 4)
		return DYNCAST_ATTR_BAD_LENGTH;
	attr->site.delay_form = DYNCAST_DELAY_INDEX;
	return attr->site.delay <= DELAY_INDEX_MAX ? DYNCAST_ATTR_OK
						   : DYNCAST_ATTR_BAD_VALUE;
}

/*
 * Walk the inner sub-TLVs of type 4 with types of `type_size` bytes, to their
 * exact end.  Returns whether that worked; *found tells whether packets were
 * counted.
 */
static bool decode_raw_inner(struct dyncast_reader r, size_t type_size,
			     struct dyncast_site *site, bool *found)
{
	*found = false;
	while (r.left) {
		uint64_t type = dyncast_get_uint(&r, type_size);
		uint8_t len = dyncast_get_u8(&r);
		struct dyncast_reader value = dyncast_get_part(&r, len);

		if (r.bad)
			return false;
		if (type != RAW_PACKETS_TYPE || *found)
			continue;
		if (len != RAW_PACKETS_SIZE)
			return false;
		dyncast_get_u8(&value);
		site->raw_period = dyncast_get_u32(&value);
		site->raw_to = dyncast_get_u32(&value);
		site->raw_from = dyncast_get_u32(&value);
		*found = true;
	}
	return true;
}

/*
 * 4:
 *   +---------------+-------------------------------+---------------+
 *   | reserved      | inner type: 1                 | length: 13    |
 *   +-+-------------+-------------------------------+---------------+
 *   |B| reserved    | period, s; packets to; packets from: 4 each   |
 *   +-+-------------+-----------------------------------------------+
 *
 * The draft contradicts itself on the width of the inner type: two bytes like
 * the outer one, else one byte, whichever ends where the sub-TLV ends.
 */
static enum dyncast_attr_result decode_raw(struct dyncast_reader *r,
					   struct dyncast_attr *attr)
{
	struct dyncast_site site = attr->site;
	bool found;

	dyncast_get_u8(r);
	if (!decode_raw_inner(*r, 2, &site, &found) &&
	    !decode_raw_inner(*r, 1, &site, &found))
		return DYNCAST_ATTR_BAD_LENGTH;
	if (!found)
		return RESULT_UNKNOWN;
	attr->site = site;
	return DYNCAST_ATTR_OK;
}

/*
 * 5:
 *   +-------+-------+---------------+---------------+---------------+
 *   | rsvd  | MT    | capability, higher is better                  |
 *   +-------+-------+-----------------------------------------------+
 *   |               |
 *   +---------------+
 *
 * Of several metric types (MT) only the normalised one is ours to compare.
 */
static enum dyncast_attr_result decode_capability(struct dyncast_reader *r,
						  struct dyncast_attr *attr)
{
	uint8_t flags = dyncast_get_u8(r);
	uint32_t value = dyncast_get_u32(r);

	if ((flags & METRIC_TYPE_MASK) != METRIC_TYPE_NORMALISED)
		return RESULT_UNKNOWN;
	attr->site.capability = value;
	return DYNCAST_ATTR_OK;
}

/* 6: as 5, with P (percent) in front of three reserved bits */
static enum dyncast_attr_result decode_resource(struct dyncast_reader *r,
						struct dyncast_attr *attr)
{
	uint8_t flags = dyncast_get_u8(r);
	uint32_t value = dyncast_get_u32(r);

	if ((flags & METRIC_TYPE_MASK) != METRIC_TYPE_NORMALISED)
		return RESULT_UNKNOWN;
	if ((flags & RESOURCE_PERCENT) && value > RESOURCE_PERCENT_MAX)
		return DYNCAST_ATTR_BAD_VALUE;
	attr->site.resource_percent = flags & RESOURCE_PERCENT;
	attr->site.resource = value;
	return DYNCAST_ATTR_OK;
}

/* 7: reserved (1 byte, which may be missing), AS number */
static enum dyncast_attr_result decode_as_scope(struct dyncast_reader *r,
						struct dyncast_attr *attr)
{
	if (r->left > 4)
		dyncast_get_u8(r);
	attr->site.as_scope = dyncast_get_u32(r);
	return DYNCAST_ATTR_OK;
}

/*
 * 65281:
 *   +---------------------------------------------------------------+
 *   | policy, 6 or 20 bytes (policy_wire.h), of later versions ...
 *   +---------------------------------------------------------------+
 *
 * A policy with a value that a later version invented is not followed in part.
 */
static enum dyncast_attr_result decode_policy(struct dyncast_reader *r,
					      struct dyncast_attr *attr)
{
	struct dyncast_policy policy = {0};

	dyncast_get_policy_short(r, &policy);
	/* half a second part is one of nobody's versions */
	if (r->left)
		dyncast_get_policy_rest(r, &policy);
	if (r->bad)
		return DYNCAST_ATTR_BAD_LENGTH;
	if (!dyncast_policy_known(&policy))
		return RESULT_UNKNOWN;
	if (!dyncast_policy_valid(&policy))
		return DYNCAST_ATTR_BAD_VALUE;
	attr->policy = policy;
	return DYNCAST_ATTR_OK;
}

static const struct site_codec site_codecs[] = {
	{DYNCAST_SUBTLV_SITE_PREFERENCE, DYNCAST_SITE_HAS_PREFERENCE, 5, 5,
	 decode_preference},
	{DYNCAST_SUBTLV_SITE_AVAILABILITY, DYNCAST_SITE_HAS_AVAILABILITY, 5, 5,
	 decode_availability},
	{DYNCAST_SUBTLV_DELAY, DYNCAST_SITE_HAS_DELAY, 5, 9, decode_delay},
	{DYNCAST_SUBTLV_RAW, DYNCAST_SITE_HAS_RAW, 1, UINT8_MAX, decode_raw},
	{DYNCAST_SUBTLV_CAPABILITY, DYNCAST_SITE_HAS_CAPABILITY, 5, 5,
	 decode_capability},
	{DYNCAST_SUBTLV_RESOURCE, DYNCAST_SITE_HAS_RESOURCE, 5, 5,
	 decode_resource},
	{DYNCAST_SUBTLV_AS_SCOPE, DYNCAST_SITE_HAS_AS_SCOPE, 4, 5,
	 decode_as_scope},
	{DYNCAST_SUBTLV_POLICY, DYNCAST_SITE_HAS_POLICY, POLICY_SIZE, UINT8_MAX,
	 decode_policy},
};

static enum dyncast_attr_result decode_site(const struct site_codec *codec,
					    struct dyncast_reader *r,
					    struct dyncast_attr *attr)
{
	enum dyncast_attr_result result;
	struct dyncast_attr unused = {0};
	bool repeated = attr->site.has & codec->has;

	if (r->left < codec->len_min || r->left > codec->len_max)
		return DYNCAST_ATTR_BAD_LENGTH;
	/* of a repeated one the first counts, but it must not be wrong */
	result = codec->decode(r, repeated ? &unused : attr);
	if (result == DYNCAST_ATTR_OK)
		attr->site.has |= codec->has;
	return result;
}

/* The name at the end of an instance; no name is a name of length 0. */
static enum dyncast_attr_result
decode_name(struct dyncast_reader *r, size_t len, char name[DYNCAST_NAME_SIZE])
{
	const uint8_t *bytes = dyncast_get_bytes(r, len);

	if (!bytes)
		return DYNCAST_ATTR_BAD_LENGTH;
	if (!len)
		return DYNCAST_ATTR_OK;
	if (len >= DYNCAST_NAME_SIZE)
		return DYNCAST_ATTR_BAD_VALUE;
	memcpy(name, bytes, len);
	/* a zero byte inside would shorten it */
	if (strnlen(name, len) != len || !dyncast_name_valid(name))
		return DYNCAST_ATTR_BAD_VALUE;
	return DYNCAST_ATTR_OK;
}

static void decode_metrics(struct dyncast_reader *r, uint8_t has,
			   struct dyncast_metrics *m)
{
	m->has = has & DYNCAST_HAS_ALL;
	m->utilisation = dyncast_get_u16(r);
	m->age_ms = dyncast_get_u16(r) * (uint32_t)AGE_UNIT_MS;
	m->capacity = dyncast_get_u32(r);
	m->in_flight = dyncast_get_u32(r);
	m->delay_us = dyncast_get_u32(r);
	m->score = dyncast_get_u8(r);
	dyncast_metrics_tidy(m);
}

/*
 * 65280:
 *   +---------------+---------------+---------------+---------------+
 *   | kind          | family: 4, 6  | flags         | has           |
 *   +---------------+---------------+---------------+---------------+
 *   | utilisation, 0.01 %           | age, 100 ms, saturating       |
 *   +-------------------------------+-------------------------------+
 *   | capacity                                                      |
 *   +---------------------------------------------------------------+
 *   | requests in flight                                            |
 *   +---------------------------------------------------------------+
 *   | predicted delay, us                                           |
 *   +---------------+---------------+-------------------------------+
 *   | score         | name length   | D-BID, 4 or 16 bytes ...
 *   +---------------+---------------+-------------------------------+
 *   | name ...                      | rate, 4 bytes, if it has one
 *   +-------------------------------+-------------------------------+
 *   | of later versions ...
 *   +-------------------------------+
 *
 * Flags and metrics that a later version invented are ignored; so is an
 * instance of a kind or family that it invented.
 */
static enum dyncast_attr_result
decode_instance(struct dyncast_reader *r, struct dyncast_instance *instance)
{
	uint8_t kind = dyncast_get_u8(r);
	uint8_t wire_family = dyncast_get_u8(r);
	uint8_t family = wire_family == INSTANCE_IPV4	? AF_INET
			 : wire_family == INSTANCE_IPV6 ? AF_INET6
							: 0;
	enum dyncast_attr_result result;
	const uint8_t *dbid;
	uint8_t has;
	uint8_t name_len;

	if (r->bad)
		return DYNCAST_ATTR_BAD_LENGTH;
	if (kind < DYNCAST_KIND_ADJACENT || kind > DYNCAST_KIND_IPIP || !family)
		return RESULT_UNKNOWN;
	instance->kind = kind;
	instance->flags = dyncast_get_u8(r) &
			  (DYNCAST_INSTANCE_DRAIN | DYNCAST_INSTANCE_DOWN);
	has = dyncast_get_u8(r);
	decode_metrics(r, has, &instance->metrics);
	name_len = dyncast_get_u8(r);
	dbid = dyncast_get_bytes(r, dyncast_family_size(family));
	if (!dbid)
		return DYNCAST_ATTR_BAD_LENGTH;
	instance->dbid = dyncast_addr_make(family, dbid);
	result = decode_name(r, name_len, instance->name);
	if (result != DYNCAST_ATTR_OK)
		return result;
	if (instance->metrics.has & DYNCAST_HAS_RATE) {
		instance->metrics.rate = dyncast_get_u32(r);
		if (r->bad)
			return DYNCAST_ATTR_BAD_LENGTH;
	}
	return dyncast_instance_valid(instance) ? DYNCAST_ATTR_OK
						: DYNCAST_ATTR_BAD_VALUE;
}

static enum dyncast_attr_result add_instance(struct dyncast_reader *r,
					     struct dyncast_attr *attr)
{
	struct dyncast_instance instance = {0};
	enum dyncast_attr_result result = decode_instance(r, &instance);

	if (result != DYNCAST_ATTR_OK)
		return result;
	for (size_t i = 0; i < attr->n_instances; i++) {
		if (!dyncast_addr_cmp(&attr->instances[i].dbid, &instance.dbid))
			return DYNCAST_ATTR_DUPLICATE;
	}
	if (attr->n_instances == DYNCAST_ATTR_INSTANCES_MAX)
		return DYNCAST_ATTR_TOO_MANY;
	attr->instances[attr->n_instances++] = instance;
	return DYNCAST_ATTR_OK;
}

static enum dyncast_attr_result decode_subtlv(uint16_t type,
					      struct dyncast_reader *r,
					      struct dyncast_attr *attr)
{
	if (type == DYNCAST_SUBTLV_INSTANCE)
		return add_instance(r, attr);
	for (size_t i = 0; i < sizeof(site_codecs) / sizeof(*site_codecs);
	     i++) {
		if (site_codecs[i].type == type)
			return decode_site(&site_codecs[i], r, attr);
	}
	return RESULT_UNKNOWN;
}

static enum dyncast_attr_result decode_value(struct dyncast_reader r,
					     struct dyncast_attr *out)
{
	if (!r.left)
		return DYNCAST_ATTR_EMPTY;
	while (r.left) {
		uint16_t type = dyncast_get_u16(&r);
		uint8_t len = dyncast_get_u8(&r);
		struct dyncast_reader value = dyncast_get_part(&r, len);
		enum dyncast_attr_result result;

		if (r.bad)
			return DYNCAST_ATTR_TRUNCATED;
		result = decode_subtlv(type, &value, out);
		if (result == RESULT_UNKNOWN)
			out->n_unknown++;
		else if (result != DYNCAST_ATTR_OK)
			return result;
	}
	return DYNCAST_ATTR_OK;
}

enum dyncast_attr_result dyncast_attr_decode(const uint8_t *value, size_t len,
					     struct dyncast_attr *out)
{
	enum dyncast_attr_result result;

	memset(out, 0, sizeof(*out));
	/* no path attribute is longer, and n_unknown counts no further */
	if (len > UINT16_MAX)
		return DYNCAST_ATTR_BAD_LENGTH;
	result = decode_value(dyncast_reader_make(value, len), out);
	if (result != DYNCAST_ATTR_OK)
		memset(out, 0, sizeof(*out));
	return result;
}

bool dyncast_attr_names_instance(const uint8_t *value, size_t len)
{
	struct dyncast_reader r = dyncast_reader_make(value, len);

	while (r.left) {
		uint16_t type = dyncast_get_u16(&r);

		if (!r.bad && type == DYNCAST_SUBTLV_INSTANCE)
			return true;
		dyncast_get_part(&r, dyncast_get_u8(&r));
		if (r.bad)
			return false;
	}
	return false;
}

const char *dyncast_attr_result_str(enum dyncast_attr_result result)
{
	switch (result) {
	case DYNCAST_ATTR_OK:
		return "ok";
	case DYNCAST_ATTR_EMPTY:
		return "no sub-TLV";
	case DYNCAST_ATTR_TRUNCATED:
		return "truncated sub-TLV";
	case DYNCAST_ATTR_BAD_LENGTH:
		return "sub-TLV of a wrong length";
	case DYNCAST_ATTR_BAD_VALUE:
		return "value out of range";
	case DYNCAST_ATTR_DUPLICATE:
		return "two instances with one D-BID";
	case DYNCAST_ATTR_TOO_MANY:
		return "too many instances";
	}
	return "unknown";
}

/*
 *   +---------------+---------------+---------------+---------------+
 *   | flags         | code          | length, 1 byte, or 2 with the |
 *   |               |               | extended-length flag          |
 *   +---------------+---------------+-------------------------------+
 */
const uint8_t *dyncast_attr_find(const uint8_t *buf, size_t buf_len,
				 uint8_t code, size_t *len)
{
	struct dyncast_reader r = dyncast_reader_make(buf, buf_len);

	*len = 0;
	while (r.left) {
		uint8_t flags = dyncast_get_u8(&r);
		uint8_t found = dyncast_get_u8(&r);
		size_t size = flags & ATTR_FLAG_EXTENDED ? dyncast_get_u16(&r)
							 : dyncast_get_u8(&r);
		const uint8_t *value = dyncast_get_bytes(&r, size);

		if (r.bad)
			return NULL;
		if (found == code) {
			*len = size;
			return value;
		}
	}
	return NULL;
}
