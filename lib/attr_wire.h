/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Layout constants of the Edge Metadata attribute that attr_encode.c and
 * attr_decode.c share.  Nobody else includes this.
 *
 * draft-ietf-idr-5g-edge-service-metadata section 4: the attribute's value is
 * a sequence of
 *
 *    0                   1                   2                   3
 *    0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *   +-------------------------------+---------------+---------------+
 *   | sub-TLV type                  | length        | value ...     |
 *   +-------------------------------+---------------+---------------+
 *
 * whose values are drawn beside their decoders.
 */

#ifndef DYNCAST_ATTR_WIRE_H
#define DYNCAST_ATTR_WIRE_H

#define SUBTLV_HEADER_SIZE 3

/* 2, Site Physical Availability */
#define AVAILABILITY_TIES_SITE 0x80 /* I */
#define AVAILABILITY_MAX 100

/* 3, Service Delay Prediction */
#define DELAY_INDEX 0x80 /* F */
#define DELAY_LONG 0x40	 /* L */
#define DELAY_INDEX_MAX 100

/* 4, Raw Measurement: its own sub-TLV */
#define RAW_PACKETS_TYPE 1
#define RAW_PACKETS_SIZE 13

/* 5 and 6 */
#define METRIC_TYPE_MASK 0x0f
#define METRIC_TYPE_NORMALISED 0
#define RESOURCE_PERCENT 0x80 /* P */
#define RESOURCE_PERCENT_MAX 100

/* our instance sub-TLV */
#define INSTANCE_FIXED_SIZE 22 /* up to the D-BID */
#define INSTANCE_IPV4 4
#define INSTANCE_IPV6 6
#define AGE_UNIT_MS 100

/* a path attribute's header */
#define ATTR_FLAG_EXTENDED 0x10
/* the low four bits have no meaning and are never sent */
#define ATTR_FLAGS_SENT 0xe0

#endif /* DYNCAST_ATTR_WIRE_H */
