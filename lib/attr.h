/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Wire codec of the Edge Metadata path attribute
 * (draft-ietf-idr-5g-edge-service-metadata) with our two private sub-TLVs:
 * one per instance, and one with the service owner's policy.
 *
 * Works on the attribute's *value*; flags, code and length are the caller's.
 * Called by bgpd_dyncast on its main thread; pure, so any thread will do.
 * Input is hostile: every length is checked once, in one cursor, and the
 * output is written completely or not at all.
 */

#ifndef DYNCAST_ATTR_H
#define DYNCAST_ATTR_H

#include "dyncast.h"

/* profile "transitive": crosses routers that do not know it */
#define DYNCAST_ATTR_CODE_DEFAULT 250
#define DYNCAST_ATTR_FLAGS 0xc0 /* optional, transitive */
/* profile "ietf": IANA's temporary allocation, expires 2027-04-23 */
#define DYNCAST_ATTR_CODE_IETF 42
#define DYNCAST_ATTR_FLAGS_IETF 0x80 /* optional, non-transitive */

/* bound of what we originate, header included; a message has 4,096 octets for
 * this attribute, the others and the prefix */
#define DYNCAST_ATTR_SIZE_DEFAULT 1024
#define DYNCAST_ATTR_SIZE_MIN 256
#define DYNCAST_ATTR_SIZE_MAX 3584
#define DYNCAST_ATTR_INSTANCES_MAX 64

/* the sub-TLVs of section 4 of the draft, and ours from the unassigned range */
enum dyncast_subtlv {
	DYNCAST_SUBTLV_SITE_PREFERENCE = 1,
	DYNCAST_SUBTLV_SITE_AVAILABILITY = 2,
	DYNCAST_SUBTLV_DELAY = 3,
	DYNCAST_SUBTLV_RAW = 4,
	DYNCAST_SUBTLV_CAPABILITY = 5,
	DYNCAST_SUBTLV_RESOURCE = 6,
	DYNCAST_SUBTLV_AS_SCOPE = 7,
	DYNCAST_SUBTLV_INSTANCE = 65280,
	DYNCAST_SUBTLV_POLICY = 65281,
};

/* which sub-TLVs of the site were present */
#define DYNCAST_SITE_HAS_PREFERENCE (1u << 0)
#define DYNCAST_SITE_HAS_AVAILABILITY (1u << 1)
#define DYNCAST_SITE_HAS_DELAY (1u << 2)
#define DYNCAST_SITE_HAS_RAW (1u << 3)
#define DYNCAST_SITE_HAS_CAPABILITY (1u << 4)
#define DYNCAST_SITE_HAS_RESOURCE (1u << 5)
#define DYNCAST_SITE_HAS_AS_SCOPE (1u << 6)
#define DYNCAST_SITE_HAS_POLICY (1u << 7)

enum dyncast_delay_form {
	DYNCAST_DELAY_INDEX, /* 0-100, higher is slower */
	DYNCAST_DELAY_MS,    /* L=0: milliseconds */
	DYNCAST_DELAY_NTP,   /* L=1: 64-bit NTP format, 2^-32 s */
};

struct dyncast_site {
	uint16_t has;		     /* DYNCAST_SITE_HAS_* */
	uint32_t preference;	     /* higher is better; 0: ignore */
	bool availability_ties_site; /* the I bit */
	uint16_t availability_site;
	uint16_t availability; /* percent, 0-100 */
	uint8_t delay_form;    /* enum dyncast_delay_form */
	uint64_t delay;
	uint32_t raw_period; /* seconds, as measured */
	uint32_t raw_to;
	uint32_t raw_from;
	uint32_t capability; /* MT 0: normalised, higher is better */
	bool resource_percent;
	uint32_t resource; /* MT 0 */
	uint32_t as_scope;
};

struct dyncast_attr {
	struct dyncast_site site;
	struct dyncast_policy policy; /* valid with DYNCAST_SITE_HAS_POLICY */
	uint16_t n_instances;
	struct dyncast_instance instances[DYNCAST_ATTR_INSTANCES_MAX];
	uint16_t n_unknown; /* sub-TLVs that were ignored (CATS R8) */
};

enum dyncast_attr_result {
	DYNCAST_ATTR_OK,
	DYNCAST_ATTR_EMPTY,	 /* no sub-TLV at all */
	DYNCAST_ATTR_TRUNCATED,	 /* a sub-TLV runs past the end */
	DYNCAST_ATTR_BAD_LENGTH, /* a known sub-TLV of an impossible length */
	DYNCAST_ATTR_BAD_VALUE,	 /* a value outside its range */
	DYNCAST_ATTR_DUPLICATE,	 /* two instances with one D-BID */
	DYNCAST_ATTR_TOO_MANY,	 /* more than DYNCAST_ATTR_INSTANCES_MAX */
};

/*
 * Decode a value of `len` bytes.  On anything but DYNCAST_ATTR_OK *out is all
 * zero: the path has no metrics, and its plain route stays (RFC 7606 spirit;
 * the draft leaves truncation undefined).
 * On a repeated measurement type the first wins, as the draft says.
 */
enum dyncast_attr_result dyncast_attr_decode(const uint8_t *value, size_t len,
					     struct dyncast_attr *out);

/*
 * Is there a sub-TLV of an instance in a value, which need not be well-formed?
 * Much cheaper than decoding it.
 */
bool dyncast_attr_names_instance(const uint8_t *value, size_t len);

/* one short phrase for logs and show commands */
const char *dyncast_attr_result_str(enum dyncast_attr_result result);

/*
 * Encode into buf.  Returns the length, or 0 when it does not fit in size or
 * `in` holds a value outside its range.  Deterministic: equal input, equal
 * bytes, so that an unchanged metric causes no UPDATE.
 */
size_t dyncast_attr_encode(const struct dyncast_attr *in, uint8_t *buf,
			   size_t size);

/*
 * Encode as much of *attr as fits: names are given up first, then instances:
 * those that are down, then those that were not in *before (what was sent
 * last), then those of least capacity.  *attr is left as it was encoded.
 * Returns the length, 0 when not even the site's figures fit.
 */
size_t dyncast_attr_fit(struct dyncast_attr *attr,
			const struct dyncast_attr *before, uint8_t *buf,
			size_t size);

/*
 * Find the value of attribute `code` in a buffer of concatenated path
 * attributes, headers included, as bgpd keeps unknown transitive ones.
 * Handles extended lengths.  NULL when absent or when the buffer is broken
 * before it.
 */
const uint8_t *dyncast_attr_find(const uint8_t *buf, size_t buf_len,
				 uint8_t code, size_t *len);

/*
 * Give every attribute `code` in such a buffer these flags (its extended
 * length stays).  Returns how many changed.
 */
size_t dyncast_attr_reflag(uint8_t *buf, size_t len, uint8_t code,
			   uint8_t flags);

/*
 * Write flags, code, length and value into buf (extended length only when
 * needed).  Returns bytes written, or 0 when it does not fit.
 */
size_t dyncast_attr_wrap(uint8_t flags, uint8_t code, const uint8_t *value,
			 size_t len, uint8_t *buf, size_t size);

#endif /* DYNCAST_ATTR_H */
