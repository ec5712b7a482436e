// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What the maps will take of the kernel's memory, before they take it.
 *
 * The kernel allocates all elements of a map at once and counts them to no
 * process.  The sizes below are those of its hash tables on 64-bit machines
 * since 5.10 (struct htab_elem, struct bucket); tests compare them with what
 * it says itself.  zebra's main thread.
 */

#include "dataplane_port.h"

#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "dataplane_internal.h"

#define HASH_ELEMENT 48
#define HASH_BUCKET 16

static uint64_t round_up(uint64_t n, uint64_t to)
{
	return (n + to - 1) / to * to;
}

static uint64_t power_of_two(uint64_t n)
{
	uint64_t power = 1;

	while (power < n)
		power *= 2;
	return power;
}

uint64_t dyncast_dp_bytes(uint32_t type, uint64_t entries, uint32_t key_size,
			  uint32_t value_size, uint32_t flags)
{
	uint64_t key = round_up(key_size, 8), value = round_up(value_size, 8);

	switch (type) {
	case BPF_MAP_TYPE_ARRAY:
		return flags & BPF_F_MMAPABLE ? round_up(entries * value, 4096)
					      : entries * value;
	case BPF_MAP_TYPE_PERCPU_ARRAY:
		return entries *
		       (value * libbpf_num_possible_cpus() + sizeof(void *));
	case BPF_MAP_TYPE_LPM_TRIE:
		/* nodes are made as they are needed */
		return 0;
	default:
		return entries * (HASH_ELEMENT + key + value) +
		       power_of_two(entries) * HASH_BUCKET;
	}
}

uint64_t dyncast_dp_map_bytes(const struct bpf_map *map)
{
	return dyncast_dp_bytes(bpf_map__type(map), bpf_map__max_entries(map),
				bpf_map__key_size(map),
				bpf_map__value_size(map),
				bpf_map__map_flags(map));
}
