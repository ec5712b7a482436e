/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * As many open files as a traffic program needs, or as many as it may have:
 * the hard limit can be raised by CAP_SYS_RESOURCE only, which containers
 * often lack.
 */

#ifndef TRAFFIC_LIMITS_H
#define TRAFFIC_LIMITS_H

#include <sys/resource.h>

static inline void limits_raise(rlim_t files)
{
	struct rlimit limit = {files, files};

	if (!setrlimit(RLIMIT_NOFILE, &limit))
		return;
	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

#endif /* TRAFFIC_LIMITS_H */
