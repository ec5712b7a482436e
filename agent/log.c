// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The agent's log, and the exporter's.  See log.h.  Called from one thread
 * only.
 */

#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* program_invocation_short_name */
#endif

#include "log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

static bool verbose;
static bool journal;

void dyncast_log_init(bool be_verbose)
{
	verbose = be_verbose;
	journal = !isatty(STDERR_FILENO);
}

void dyncast_log(enum dyncast_log_level level, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	if (level == DYNCAST_LOG_DEBUG && !verbose)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	for (char *c = text; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = '?';
	if (journal)
		fprintf(stderr, "<%d>%s\n", (int)level, text);
	else
		fprintf(stderr, "%s: %s\n", program_invocation_short_name,
			text);
}

bool dyncast_problem_seen(struct dyncast_problem *problem)
{
	bool begins = !problem->logged;

	problem->logged = true;
	problem->clean = 0;
	return begins;
}

bool dyncast_problem_absent(struct dyncast_problem *problem)
{
	if (!problem->logged || ++problem->clean < DYNCAST_PROBLEM_CLEAN)
		return false;
	*problem = (struct dyncast_problem){};
	return true;
}
