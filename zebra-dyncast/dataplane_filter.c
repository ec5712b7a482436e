// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The bitmap of destinations that may be services or local D-BIDs, see
 * lib/bpf/dyncast_map.h: made anew from all services when one comes or goes.
 * zebra's main thread.
 */

#include "dataplane_port.h"

#include <string.h>
#include <sys/socket.h>

#include <bpf/bpf.h>

#include "dataplane_internal.h"

#define BITS (DYNCAST_MAP_FILTER_WORDS * 64)

static void set(uint64_t *words, uint32_t bit)
{
	words[bit / 64 % DYNCAST_MAP_FILTER_WORDS] |= 1ull << bit % 64;
}

static void add_ipv4(uint64_t *words, const struct dyncast_prefix *prefix)
{
	uint32_t first = dyncast_map_filter_ipv4(prefix->addr.bytes);
	uint32_t count = prefix->len < 16 ? 1u << (16 - prefix->len) : 1;

	for (uint32_t i = 0; i < count; i++)
		set(words, first + i);
}

static void add_ipv6(uint64_t *words, const struct dyncast_prefix *prefix)
{
	if (prefix->len >= 32) {
		set(words, dyncast_map_filter_ipv6(prefix->addr.bytes));
		return;
	}
	/* a short prefix has all folds, or nearly */
	for (uint32_t bit = BITS / 2; bit < BITS; bit++)
		set(words, bit);
}

/* outer destinations that are stripped */
static void add_decap(uint64_t *words)
{
	int fd = dyncast_dp.maps[DYNCAST_DP_MAP_DECAP];
	struct dyncast_map_decap_key key, *prev = NULL;

	while (!bpf_map_get_next_key(fd, prev, &key)) {
		set(words,
		    key.family == AF_INET
			    ? dyncast_map_filter_ipv4((uint8_t *)key.addr)
			    : dyncast_map_filter_ipv6((uint8_t *)key.addr));
		prev = &key;
	}
}

void dyncast_dp_filter_update(void)
{
	static uint64_t words[DYNCAST_MAP_FILTER_WORDS];

	memset(words, 0, sizeof(words));
	if (dyncast_dp.active)
		dyncast_dp_privs
		{
			add_decap(words);
		}
	for (int i = 0; i < (int)dyncast_dp.services_max; i++) {
		const struct dyncast_dp_service_entry *service =
			&dyncast_dp.services[i];

		if (!service->enabled)
			continue;
		if (service->prefix.addr.family == AF_INET)
			add_ipv4(words, &service->prefix);
		else
			add_ipv6(words, &service->prefix);
	}
	for (int i = 0; i < DYNCAST_MAP_FILTER_WORDS; i++)
		if (dyncast_dp.filter[i] != words[i])
			__atomic_store_n(&dyncast_dp.filter[i], words[i],
					 __ATOMIC_RELAXED);
}
