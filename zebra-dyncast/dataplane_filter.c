// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The bitmap of destinations that may be services or local D-BIDs, see
 * lib/bpf/dyncast_map.h.  A bit is set while somebody wants it, so that one who
 * comes or goes costs the same among ten thousand.  zebra's main thread.
 */

#include "dataplane_port.h"

#include <string.h>
#include <sys/socket.h>

#include <bpf/bpf.h>

#include "dataplane_internal.h"

#define BITS (DYNCAST_MAP_FILTER_WORDS * 64)

/* services and D-BIDs that want the bit */
static uint32_t wanted[BITS];

struct range {
	uint32_t first, count;
};

static struct range range_of(uint8_t family, const uint8_t *addr,
			     unsigned int len)
{
	if (family == AF_INET)
		return (struct range){dyncast_map_filter_ipv4(addr),
				      len < 16 ? 1u << (16 - len) : 1};
	if (len >= 32)
		return (struct range){dyncast_map_filter_ipv6(addr), 1};
	/* a short prefix has all folds, or nearly */
	return (struct range){BITS / 2, BITS / 2};
}

static void want(struct range range, int by)
{
	for (uint32_t i = 0; i < range.count; i++)
		wanted[(range.first + i) % BITS] += by;
}

static void show(struct range range)
{
	for (uint32_t i = 0; i < range.count; i++) {
		uint32_t bit = (range.first + i) % BITS;
		uint64_t *word = &dyncast_dp.filter[bit / 64];
		uint64_t one = 1ull << bit % 64;
		uint64_t now = wanted[bit] ? *word | one : *word & ~one;

		if (*word != now)
			__atomic_store_n(word, now, __ATOMIC_RELAXED);
	}
}

static struct range of_prefix(const struct dyncast_prefix *prefix)
{
	return range_of(prefix->addr.family, prefix->addr.bytes, prefix->len);
}

void dyncast_dp_filter_prefix(const struct dyncast_prefix *prefix, int by)
{
	struct range range = of_prefix(prefix);

	want(range, by);
	show(range);
}

void dyncast_dp_filter_dbid(const struct dyncast_addr *dbid, int by)
{
	struct range range = range_of(dbid->family, dbid->bytes, 128);

	want(range, by);
	show(range);
}

/* outer destinations that are stripped */
static void want_dbids(void)
{
	int fd = dyncast_dp.maps[DYNCAST_DP_MAP_DECAP];
	struct dyncast_map_decap_key key, *prev = NULL;

	while (!bpf_map_get_next_key(fd, prev, &key)) {
		want(range_of(key.family, (uint8_t *)key.addr, 128), 1);
		prev = &key;
	}
}

void dyncast_dp_filter_open(void)
{
	memset(wanted, 0, sizeof(wanted));
	if (dyncast_dp.active)
		dyncast_dp_privs
		{
			want_dbids();
		}
	for (uint32_t i = 0; i < dyncast_dp.services_max; i++)
		if (dyncast_dp.services[i].enabled)
			want(of_prefix(&dyncast_dp.services[i].prefix), 1);
	show((struct range){0, BITS});
}
