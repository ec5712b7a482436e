// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * libFuzzer target: a metrics page, scraped three times with the instance's
 * memory kept, and the same bytes as a selector.  What comes out is always
 * within its units, whatever the page holds.
 */

#include "agent/mapping.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool good)
{
	if (!good)
		abort();
}

static void fuzz_page(const uint8_t *data, size_t size)
{
	struct dyncast_mapping mapping = {
		.utilisation_scale = DYNCAST_UTILISATION_MAX,
		.delay_scale = 1e6,
		.window_ms = 100,
	};
	struct dyncast_mapping_state state = {};
	struct dyncast_mapping_result result;

	dyncast_selector_parse("w{x=\"1\"}", &mapping.capacity);
	dyncast_selector_parse("f", &mapping.in_flight);
	dyncast_selector_parse("d", &mapping.delay);
	if (size & 1)
		dyncast_selector_parse("u", &mapping.utilisation);
	for (int i = 0; i < 3; i++) {
		/* the second page is a part of the first: counters move */
		size_t len = i == 1 ? size / 2 : size;

		dyncast_mapping_apply(&mapping, &state, (const char *)data, len,
				      (uint64_t)i * 60, &result);
		check(!(result.metrics.has & DYNCAST_HAS_CAPACITY) ||
		      result.metrics.capacity >= 1);
		check(result.metrics.utilisation <= DYNCAST_UTILISATION_MAX);
		check(!(result.metrics.has & result.missing));
		check(state.n_points <= DYNCAST_MAPPING_POINTS);
		check(state.mean == state.mean && state.mean >= 0);
	}
}

static void fuzz_selector(const uint8_t *data, size_t size)
{
	struct dyncast_selector selector;
	char text[512];

	if (size >= sizeof(text))
		size = sizeof(text) - 1;
	memcpy(text, data, size);
	text[size] = '\0';
	if (!dyncast_selector_parse(text, &selector))
		check(selector.name[0] &&
		      selector.n_labels <= DYNCAST_SELECTOR_LABELS);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_page(data, size);
	fuzz_selector(data, size);
	return 0;
}
