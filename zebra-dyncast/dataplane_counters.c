// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What the program has counted: by instance and CPU in the kernel, summed here
 * over CPUs, instances and services.
 *
 * An instance's counters go to those of its service ("retired") when it is
 * deleted, so that no sum ever falls.  zebra's main thread.
 */

#include "dataplane_port.h"

#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>

#include "dataplane_internal.h"

static void add(struct dyncast_map_instance_counters *sum,
		const struct dyncast_map_instance_counters *of)
{
	for (int i = 0; i < DYNCAST_ICOUNT_MAX; i++)
		sum->n[i] += of->n[i];
}

/* room for one element of a per-CPU map */
static struct dyncast_map_instance_counters *percpu_room(void)
{
	return dyncast_dp.active
		       ? calloc(dyncast_dp.cpus,
				sizeof(struct dyncast_map_instance_counters))
		       : NULL;
}

static void add_instance(struct dyncast_map_instance_counters *sum, uint32_t id,
			 struct dyncast_map_instance_counters *cpus)
{
	if (bpf_map_lookup_elem(
		    dyncast_dp.maps[DYNCAST_DP_MAP_INSTANCE_COUNTERS], &id,
		    cpus))
		return;
	for (int cpu = 0; cpu < dyncast_dp.cpus; cpu++)
		add(sum, &cpus[cpu]);
}

static void add_retired(struct dyncast_map_instance_counters *sum,
			uint32_t index)
{
	struct dyncast_map_instance_counters retired;

	if (!bpf_map_lookup_elem(dyncast_dp.maps[DYNCAST_DP_MAP_RETIRED],
				 &index, &retired))
		add(sum, &retired);
}

static void retire(uint32_t index,
		   const struct dyncast_map_instance_counters *of)
{
	struct dyncast_map_instance_counters sum = *of;

	add_retired(&sum, index);
	bpf_map_update_elem(dyncast_dp.maps[DYNCAST_DP_MAP_RETIRED], &index,
			    &sum, BPF_ANY);
}

void dyncast_dp_counters_retire_instance(uint32_t id)
{
	struct dyncast_map_instance_counters sum = {}, *cpus = percpu_room();

	if (!cpus)
		return;
	dyncast_dp_privs
	{
		add_instance(&sum, id, cpus);
		retire(dyncast_dp.owners[id].service, &sum);
		memset(cpus, 0, dyncast_dp.cpus * sizeof(*cpus));
		bpf_map_update_elem(
			dyncast_dp.maps[DYNCAST_DP_MAP_INSTANCE_COUNTERS], &id,
			cpus, BPF_ANY);
	}
	free(cpus);
}

void dyncast_dp_counters_retire_service(int index)
{
	struct dyncast_map_instance_counters sum = {}, none = {};
	uint32_t key = index;

	if (!dyncast_dp.active)
		return;
	dyncast_dp_privs
	{
		add_retired(&sum, key);
		retire(dyncast_dp.services_max, &sum);
		bpf_map_update_elem(dyncast_dp.maps[DYNCAST_DP_MAP_RETIRED],
				    &key, &none, BPF_ANY);
	}
}

/* A service's, with what its deleted instances have counted; the number of
 * others.  The one behind the last has none, but what services that are gone
 * have counted. */
static unsigned int add_service(struct dyncast_map_instance_counters *sum,
				uint32_t index,
				struct dyncast_map_instance_counters *cpus)
{
	unsigned int n = 0;
	uint32_t id = index < dyncast_dp.services_max
			      ? dyncast_dp.services[index].first
			      : 0;

	for (; id; id = dyncast_dp.owners[id].next, n++)
		add_instance(sum, id, cpus);
	add_retired(sum, index);
	return n;
}

bool dyncast_dp_counters_steered(struct dyncast_map_instance_counters *sum,
				 uint32_t *next, unsigned int max)
{
	struct dyncast_map_instance_counters *cpus = percpu_room();
	unsigned int n = 0;

	if (!cpus)
		return false;
	dyncast_dp_privs
	{
		while (*next <= dyncast_dp.services_max && n < max)
			n += 1 + add_service(sum, (*next)++, cpus);
	}
	free(cpus);
	return *next <= dyncast_dp.services_max;
}

void dyncast_dp_counters_others(struct dyncast_map_counters *sum)
{
	struct dyncast_map_counters *cpus;
	uint32_t zero = 0;
	int error = -1;

	memset(sum, 0, sizeof(*sum));
	cpus = calloc(dyncast_dp.cpus, sizeof(*cpus));
	if (!cpus)
		return;
	dyncast_dp_privs
	{
		error = bpf_map_lookup_elem(
			dyncast_dp.maps[DYNCAST_DP_MAP_COUNTERS], &zero, cpus);
	}
	for (int cpu = 0; !error && cpu < dyncast_dp.cpus; cpu++)
		for (int i = 0; i < DYNCAST_COUNT_MAX; i++)
			sum->n[i] += cpus[cpu].n[i];
	free(cpus);
}

static uint64_t packets(const struct dyncast_map_instance_counters *of)
{
	return of->n[DYNCAST_ICOUNT_HIT] + of->n[DYNCAST_ICOUNT_STATELESS] +
	       of->n[DYNCAST_ICOUNT_NEW] + of->n[DYNCAST_ICOUNT_REPINNED];
}

static struct dyncast_dp_counters
describe(const struct dyncast_map_instance_counters *of)
{
	return (struct dyncast_dp_counters){
		.packets = packets(of),
		.bytes = of->n[DYNCAST_ICOUNT_BYTES],
		.hits = of->n[DYNCAST_ICOUNT_HIT],
		.misses = packets(of) - of->n[DYNCAST_ICOUNT_HIT],
		.stateless = of->n[DYNCAST_ICOUNT_STATELESS],
		.flows_new = of->n[DYNCAST_ICOUNT_NEW],
		.repinned = of->n[DYNCAST_ICOUNT_REPINNED],
		.refused = of->n[DYNCAST_ICOUNT_REFUSED],
	};
}

bool dyncast_dp_instance_counters(uint32_t id, struct dyncast_dp_counters *out)
{
	struct dyncast_map_instance_counters sum = {}, *cpus;

	memset(out, 0, sizeof(*out));
	if (!dyncast_dp.active || id >= dyncast_dp.instances_max ||
	    !dyncast_dp.owners[id].used)
		return false;
	cpus = percpu_room();
	if (!cpus)
		return false;
	dyncast_dp_privs
	{
		add_instance(&sum, id, cpus);
	}
	free(cpus);
	*out = describe(&sum);
	return true;
}

bool dyncast_dp_service_counters(int index, struct dyncast_dp_counters *out)
{
	struct dyncast_map_instance_counters sum = {};
	uint32_t next = index;

	memset(out, 0, sizeof(*out));
	if (!dyncast_dp.active || !dyncast_dp_service_known(index))
		return false;
	dyncast_dp_counters_steered(&sum, &next, 1);
	*out = describe(&sum);
	return true;
}
