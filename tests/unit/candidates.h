/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A decision among four candidates that are alike: what tests of lib/cost.h
 * begin with.
 */

#ifndef DYNCAST_TESTS_CANDIDATES_H
#define DYNCAST_TESTS_CANDIDATES_H

#include "tests/unit/wire.h"

#include "lib/cost.h"

#define N 4

static struct dyncast_cost_config config;
static struct dyncast_cost_input in[N];
static struct dyncast_cost_output out[N];

/* capacity 100, network 1 ms, a second since the last decision */
static void candidates_fill(enum dyncast_action action)
{
	config = (struct dyncast_cost_config){
		.network_unit_us = 100,
		.elapsed_ms = 1000,
		.policy = {.action = (uint8_t)action},
	};
	memset(in, 0, sizeof(in));
	for (size_t i = 0; i < N; i++) {
		uint8_t bytes[4] = {10, 1, 0, (uint8_t)(i + 1)};

		in[i].dbid = dyncast_addr_make(AF_INET, bytes);
		in[i].network_metric = 10;
		in[i].metrics.has = DYNCAST_HAS_CAPACITY;
		in[i].metrics.capacity = 100;
	}
}

#endif /* DYNCAST_TESTS_CANDIDATES_H */
