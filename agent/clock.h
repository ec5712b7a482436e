/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The agent's only clock: milliseconds that never jump.
 */

#ifndef DYNCAST_AGENT_CLOCK_H
#define DYNCAST_AGENT_CLOCK_H

#include <stdint.h>
#include <time.h>

static inline uint64_t dyncast_clock_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

#endif /* DYNCAST_AGENT_CLOCK_H */
