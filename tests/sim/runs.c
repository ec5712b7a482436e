// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Many runs at once, a process for each processor.  See sim.h.
 *
 * A run is a pure function of its configuration, so it does not matter who runs
 * it and when: the files that are made of the results are always the same.
 */

#include "sim.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define PROCESSES_MAX 64

static void *shared(size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED) {
		perror("dyncast-sim: memory for results");
		exit(1);
	}
	return memory;
}

static void work(const struct sim_config *configs, size_t n,
		 struct sim_result *results, atomic_size_t *next)
{
	size_t i;

	while ((i = atomic_fetch_add(next, 1)) < n)
		sim_run(&configs[i], &results[i]);
	_exit(0);
}

static unsigned int processes(void)
{
	long online = sysconf(_SC_NPROCESSORS_ONLN);

	return online < 1		? 1
	       : online > PROCESSES_MAX ? PROCESSES_MAX
					: (unsigned int)online;
}

void sim_runs(const struct sim_config *configs, size_t n,
	      struct sim_result *results)
{
	struct sim_result *there = shared(n * sizeof(*there));
	atomic_size_t *next = shared(sizeof(*next));
	unsigned int started = 0;
	bool failed = false;
	int status;

	fflush(NULL);
	for (; started < processes(); started++) {
		pid_t pid = fork();

		if (pid == 0)
			work(configs, n, there, next);
		if (pid < 0) {
			perror("dyncast-sim: fork");
			failed = true;
			break;
		}
	}
	for (; started; started--)
		failed |= wait(&status) < 0 || status != 0;
	if (failed) {
		fprintf(stderr, "dyncast-sim: a run did not end\n");
		exit(1);
	}
	memcpy(results, there, n * sizeof(*there));
	munmap(there, n * sizeof(*there));
	munmap(next, sizeof(*next));
}
