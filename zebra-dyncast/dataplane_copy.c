// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Taking the content of one map over into another: of a table of another size,
 * or of another layout.  The program may run over both meanwhile.
 *
 * Flows are written by the program, so they are copied twice: before it is
 * replaced, and what has come to the old table since then afterwards.  All else
 * is written by us alone.  zebra's main thread, privileges raised by the
 * caller.
 */

#include "dataplane_port.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "dataplane_copy.h"
#include "dataplane_internal.h"

#define BATCH 4096
/* so many flows of one hash bucket no table has */
#define BATCH_MAX 262144

/* Flows ------------------------------------------------------------------ */

struct batch {
	struct dyncast_map_flow_key *keys;
	struct dyncast_map_flow *values;
	uint32_t count;
	uint32_t kept, lost; /* of those before */
};

static bool wanted(const struct dyncast_map_flow *flow, uint32_t since)
{
	return !since || (int32_t)(flow->last_seen - since) >= 0;
}

static bool newer(const struct dyncast_map_flow *a,
		  const struct dyncast_map_flow *b)
{
	return (int32_t)(a->last_seen - b->last_seen) > 0;
}

/* unless it is known better there */
static void put_on_probation(uint8_t family,
			     const struct dyncast_map_flow_key *key,
			     const struct dyncast_map_flow *flow)
{
	int fd = dyncast_dp.maps[family == AF_INET ? DYNCAST_DP_MAP_PROBATION4
						   : DYNCAST_DP_MAP_PROBATION6];
	struct dyncast_map_flow there;

	if (bpf_map_lookup_elem(fd, key, &there) || newer(flow, &there))
		bpf_map_update_elem(fd, key, flow, BPF_ANY);
}

/* Not taken is also what the table knew as well. */
static uint32_t put_in_table(uint8_t family, const struct batch *out)
{
	const struct dyncast_dp_table *table =
		&dyncast_dp.tables[family != AF_INET];
	uint32_t kept = dyncast_dp_table_order(
		DYNCAST_ORDER_PUT, family, out->keys, out->values, out->count);
	struct dyncast_map_flow there;

	if (kept == out->count)
		return kept;
	kept = 0;
	for (uint32_t i = 0; i < out->count; i++)
		kept += dyncast_dp_table_get(table, &out->keys[i], &there);
	return kept;
}

static void put_batch(bool probation, uint8_t family, struct batch *out)
{
	uint32_t kept = out->count;

	if (probation)
		for (uint32_t i = 0; i < out->count; i++)
			put_on_probation(family, &out->keys[i],
					 &out->values[i]);
	else
		kept = put_in_table(family, out);
	out->kept += kept;
	out->lost += out->count - kept;
	out->count = 0;
}

static void say_lost(uint8_t family, uint32_t lost)
{
	if (lost)
		dyncast_dp_warn(
			"%u %s flows of before found no room in the flow table and are placed anew: see `dyncast flow-table size`",
			lost, family == AF_INET ? "IPv4" : "IPv6");
}

static bool batch_alloc(struct batch *batch)
{
	batch->keys = calloc(BATCH, sizeof(*batch->keys));
	batch->values = calloc(BATCH, sizeof(*batch->values));
	return batch->keys && batch->values;
}

static void batch_free(struct batch *batch)
{
	free(batch->keys);
	free(batch->values);
}

static void convert(const struct dyncast_dp_flow_copy *copy, const void *key,
		    const void *value, struct batch out[2])
{
	struct dyncast_map_flow_key to_key = {};
	struct dyncast_map_flow to = {};
	uint8_t family = copy->convert(copy, key, value, &to_key, &to);
	struct batch *batch;

	if (!family)
		return;
	if (!wanted(&to, copy->since))
		return;
	batch = &out[family != AF_INET];
	batch->keys[batch->count] = to_key;
	batch->values[batch->count++] = to;
	if (batch->count == BATCH)
		put_batch(copy->probation, family, batch);
}

struct reader {
	uint8_t *keys, *values;
	uint32_t size, position;
	bool begun;
};

static bool reader_resize(struct reader *reader, uint32_t size,
			  const struct dyncast_dp_flow_copy *copy)
{
	free(reader->keys);
	free(reader->values);
	reader->size = size;
	reader->keys = calloc(size, copy->key_size);
	reader->values = calloc(size, copy->value_size);
	return reader->keys && reader->values;
}

/* the next ones; false when there are no more (or at an error, then 0) */
static bool read_some(const struct dyncast_dp_flow_copy *copy,
		      struct reader *reader, uint32_t *count)
{
	int error;

	do {
		*count = reader->size;
		error = bpf_map_lookup_batch(
			copy->from, reader->begun ? &reader->position : NULL,
			&reader->position, reader->keys, reader->values, count,
			NULL);
		error = error ? errno : 0;
	} while (error == ENOSPC && reader->size < BATCH_MAX &&
		 reader_resize(reader, reader->size * 2, copy));
	reader->begun = true;
	if (error && error != ENOENT)
		*count = 0;
	return !error;
}

uint32_t dyncast_dp_copy_flows(const struct dyncast_dp_flow_copy *copy)
{
	struct reader reader = {};
	struct batch out[2] = {};
	uint32_t count = 0, kept = 0;
	bool more = reader_resize(&reader, BATCH, copy) &&
		    batch_alloc(&out[0]) && batch_alloc(&out[1]);

	while (more) {
		more = read_some(copy, &reader, &count);
		for (uint32_t i = 0; i < count; i++)
			convert(copy, reader.keys + i * copy->key_size,
				reader.values + i * copy->value_size, out);
	}
	for (int i = 0; i < 2; i++) {
		uint8_t family = i ? AF_INET6 : AF_INET;

		if (out[i].count)
			put_batch(copy->probation, family, &out[i]);
		if (!copy->since)
			say_lost(family, out[i].lost);
		kept += out[i].kept;
		batch_free(&out[i]);
	}
	free(reader.keys);
	free(reader.values);
	return kept;
}

uint32_t dyncast_dp_copy_table(int from, uint8_t family, uint32_t since)
{
	struct dyncast_map_flow_key keys[DYNCAST_MAP_WAYS];
	struct dyncast_map_flow flows[DYNCAST_MAP_WAYS];
	struct dyncast_dp_table table;
	struct batch out = {};
	bool ok = batch_alloc(&out) &&
		  dyncast_dp_table_open(&table, from, family);

	for (uint32_t i = 0; ok && i < table.buckets; i++) {
		uint32_t n = dyncast_dp_table_read(&table, i, keys, flows);

		for (uint32_t j = 0; j < n; j++) {
			if (!wanted(&flows[j], since))
				continue;
			out.keys[out.count] = keys[j];
			out.values[out.count++] = flows[j];
		}
		if (out.count + DYNCAST_MAP_WAYS > BATCH)
			put_batch(false, family, &out);
	}
	if (ok) {
		put_batch(false, family, &out);
		dyncast_dp_table_close(&table);
		if (!since)
			say_lost(family, out.lost);
	} else {
		dyncast_dp_warn(
			"the flows of the table before cannot be read (%s): they are placed anew",
			strerror(errno));
	}
	batch_free(&out);
	return out.lost;
}

/* All else ---------------------------------------------------------------- */

/* the elements that both have */
static bool copy_mapped(int from, int to, size_t bytes)
{
	void *source = mmap(NULL, bytes, PROT_READ, MAP_SHARED, from, 0);
	void *target =
		mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, to, 0);
	bool ok = source != MAP_FAILED && target != MAP_FAILED;

	if (ok)
		memcpy(target, source, bytes);
	if (source != MAP_FAILED)
		munmap(source, bytes);
	if (target != MAP_FAILED)
		munmap(target, bytes);
	return ok;
}

static bool copy_array(int from, int to, uint32_t count, void *value)
{
	for (uint32_t i = 0; i < count; i++)
		if (bpf_map_lookup_elem(from, &i, value) ||
		    bpf_map_update_elem(to, &i, value, BPF_ANY))
			return false;
	return true;
}

static bool copy_hash(int from, int to, void *key, void *value)
{
	void *prev = NULL;

	while (!bpf_map_get_next_key(from, prev, key)) {
		prev = key;
		if (!bpf_map_lookup_elem(from, key, value) &&
		    bpf_map_update_elem(to, key, value, BPF_ANY))
			return false;
	}
	return errno == ENOENT;
}

bool dyncast_dp_copy_map(int from, int to)
{
	struct bpf_map_info a = {}, b = {};
	uint32_t len = sizeof(a), count;
	size_t value_size;
	void *key, *value;
	bool ok;

	if (bpf_obj_get_info_by_fd(from, &a, &len))
		return false;
	len = sizeof(b);
	if (bpf_obj_get_info_by_fd(to, &b, &len))
		return false;
	count = a.max_entries < b.max_entries ? a.max_entries : b.max_entries;
	if (a.map_flags & BPF_F_MMAPABLE)
		return copy_mapped(from, to, (size_t)count * a.value_size);

	value_size = (a.value_size + 7) / 8 * 8;
	if (a.type == BPF_MAP_TYPE_PERCPU_ARRAY)
		value_size *= libbpf_num_possible_cpus();
	key = calloc(1, a.key_size);
	value = calloc(1, value_size);
	if (!key || !value)
		ok = false;
	else if (a.type == BPF_MAP_TYPE_ARRAY ||
		 a.type == BPF_MAP_TYPE_PERCPU_ARRAY)
		ok = copy_array(from, to, count, value);
	else
		ok = copy_hash(from, to, key, value);
	free(key);
	free(value);
	return ok;
}
