// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * libFuzzer target of the messages between the daemons.
 *
 * The input is a sequence of messages, each with two bytes of length in
 * front, for one reader, so that parts of sets and what comes between them
 * are reached.  Promises: what is accepted encodes to the bytes that were
 * accepted, sets included, whatever size their parts are sent with again.
 */

#include <stdlib.h>
#include <string.h>

#include "lib/msg.h"

static void check(bool holds)
{
	if (!holds)
		abort();
}

/* Send a set in parts of `size` bytes to a reader of its own. */
static void set_resend(const struct dyncast_set *set, size_t size,
		       struct dyncast_msg_reader *reader)
{
	static uint8_t buf[DYNCAST_MSG_MAX];
	enum dyncast_msg_result result;
	unsigned int part = 0;
	bool more;

	do {
		struct dyncast_msg msg;
		size_t len = dyncast_msg_encode_set(set, 7, part++, buf, size,
						    &more);

		check(len && len <= size);
		result = dyncast_msg_decode(reader, buf, len, &msg);
		check(result == (more ? DYNCAST_MSG_MORE : DYNCAST_MSG_DONE));
	} while (more);
}

static void set_check(const struct dyncast_set *set)
{
	struct dyncast_msg_reader reader = {0};
	struct dyncast_set copy;
	const struct dyncast_set *got = &reader.set;

	check(dyncast_set_copy(&copy, set));
	set_resend(&copy, 512, &reader);
	check(!strcmp(got->name, set->name));
	check(!memcmp(&got->policy, &set->policy, sizeof(set->policy)));
	check(got->n_sites == set->n_sites);
	check(got->n_candidates == set->n_candidates);
	if (set->n_sites)
		check(!memcmp(got->sites, set->sites,
			      set->n_sites * sizeof(*set->sites)));
	for (size_t i = 0; i < set->n_candidates; i++)
		check(!memcmp(&got->candidates[i], &set->candidates[i],
			      sizeof(*set->candidates)));
	dyncast_set_fini(&copy);
	dyncast_msg_reader_fini(&reader);
}

static void message_check(struct dyncast_msg_reader *reader,
			  const uint8_t *data, size_t size)
{
	static uint8_t buf[DYNCAST_MSG_MAX];
	struct dyncast_msg msg;

	switch (dyncast_msg_decode(reader, data, size, &msg)) {
	case DYNCAST_MSG_DONE:
		if (msg.type == DYNCAST_MSG_SET) {
			set_check(&reader->set);
			break;
		}
		check(dyncast_msg_encode(&msg, buf, sizeof(buf)) == size);
		check(!memcmp(buf, data, size));
		break;
	case DYNCAST_MSG_MORE:
		check(msg.type == DYNCAST_MSG_SET && reader->in_set);
		break;
	case DYNCAST_MSG_BAD:
		check(msg.type == 0 && !reader->in_set && !reader->set.sites);
		break;
	case DYNCAST_MSG_BAD_VERSION:
		check(msg.hello.version != DYNCAST_MSG_VERSION);
		check(msg.hello.epoch != 0);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct dyncast_msg_reader reader = {0};

	while (size >= 2) {
		size_t len = (size_t)data[0] << 8 | data[1];
		uint8_t *copy;

		data += 2;
		size -= 2;
		if (len > size)
			len = size;
		/* an own copy, so that reading past the end is seen */
		copy = malloc(len ? len : 1);
		if (!copy)
			break;
		memcpy(copy, data, len);
		message_check(&reader, copy, len);
		free(copy);
		data += len;
		size -= len;
	}
	dyncast_msg_reader_fini(&reader);
	return 0;
}
