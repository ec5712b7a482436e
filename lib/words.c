// SPDX-License-Identifier: GPL-2.0-or-later
/* See words.h; what is not set reads like what is in force then. */

#include "words.h"

const char *dyncast_kind_str(uint8_t kind)
{
	switch (kind) {
	case DYNCAST_KIND_ADJACENT:
		return "adjacent";
	case DYNCAST_KIND_SRV6:
		return "srv6";
	case DYNCAST_KIND_IPIP:
		return "ipip";
	default:
		return "none";
	}
}

const char *dyncast_action_str(uint8_t action)
{
	switch (action) {
	case DYNCAST_ACTION_DEFAULT:
	case DYNCAST_ACTION_SPREAD:
		return "spread";
	case DYNCAST_ACTION_BEST:
		return "best";
	case DYNCAST_ACTION_MIN:
		return "min";
	case DYNCAST_ACTION_MAX:
		return "max";
	case DYNCAST_ACTION_MIN_RANDOM:
		return "min-then-random";
	case DYNCAST_ACTION_MIN_FIRST:
		return "min-then-first";
	case DYNCAST_ACTION_WEIGHTED:
		return "weighted-round-robin";
	default:
		return "unknown";
	}
}

const char *dyncast_cost_policy_str(uint8_t cost)
{
	switch (cost) {
	case DYNCAST_COST_DEFAULT:
	case DYNCAST_COST_DELAY:
		return "delay";
	case DYNCAST_COST_WEIGHTED:
		return "weighted";
	case DYNCAST_COST_NETWORK_FIRST:
		return "network-first";
	case DYNCAST_COST_COMPUTE_FIRST:
		return "compute-first";
	default:
		return "unknown";
	}
}

const char *dyncast_affinity_str(uint8_t affinity)
{
	switch (affinity) {
	case DYNCAST_AFFINITY_DEFAULT:
	case DYNCAST_AFFINITY_FLOW:
		return "flow";
	case DYNCAST_AFFINITY_SOURCE:
		return "source";
	case DYNCAST_AFFINITY_PERIOD:
		return "period";
	case DYNCAST_AFFINITY_NONE:
		return "none";
	default:
		return "unknown";
	}
}
