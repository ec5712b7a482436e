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
};

static bool newer(const struct dyncast_map_flow *a,
		  const struct dyncast_map_flow *b)
{
	return (int32_t)(a->last_seen - b->last_seen) > 0;
}

/* unless the table knows better already */
static void put_one(int fd, const void *key,
		    const struct dyncast_map_flow *flow)
{
	struct dyncast_map_flow there;

	if (bpf_map_lookup_elem(fd, key, &there) || newer(flow, &there))
		bpf_map_update_elem(fd, key, flow, BPF_ANY);
}

static void put_batch(const struct dyncast_dp_flow_copy *copy, int table,
		      struct batch *out)
{
	size_t size = dyncast_dp_flow_key_size(table);
	uint8_t *keys = (uint8_t *)out->keys;
	uint32_t done = 0, n;

	/* as the kernel wants them: one behind the other */
	for (uint32_t i = 1; i < out->count; i++)
		memmove(keys + i * size, &out->keys[i], size);
	while (copy->fresh && done < out->count) {
		n = out->count - done;
		if (!bpf_map_update_batch(copy->to[table], keys + done * size,
					  out->values + done, &n, NULL)) {
			done = out->count;
			break;
		}
		/* n are in.  All of them: it takes no batches. */
		if (n >= out->count - done)
			break;
		/* the one that it did not take is left out */
		done += n + 1;
	}
	for (; done < out->count; done++)
		put_one(copy->to[table], keys + done * size,
			&out->values[done]);
	out->count = 0;
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
	int table = copy->convert(copy, key, value, &to_key, &to);
	struct batch *batch;

	if (table < 0)
		return;
	if (copy->since && (int32_t)(to.last_seen - copy->since) < 0)
		return;
	batch = &out[table];
	batch->keys[batch->count] = to_key;
	batch->values[batch->count++] = to;
	if (batch->count == BATCH)
		put_batch(copy, table, batch);
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
	uint32_t count = 0, total = 0;
	bool more = reader_resize(&reader, BATCH, copy) &&
		    batch_alloc(&out[0]) && batch_alloc(&out[1]);

	while (more) {
		more = read_some(copy, &reader, &count);
		for (uint32_t i = 0; i < count; i++)
			convert(copy, reader.keys + i * copy->key_size,
				reader.values + i * copy->value_size, out);
		total += count;
	}
	for (int table = 0; table < 2; table++) {
		if (out[table].count)
			put_batch(copy, table, &out[table]);
		batch_free(&out[table]);
	}
	free(reader.keys);
	free(reader.values);
	return total;
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
