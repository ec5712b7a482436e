/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The agent's log: one line per event on standard error, with the priority
 * prefixes that journald reads when that is no terminal.  Control characters
 * never reach it: texts from the network are shown as '?'.
 *
 * A problem that every scrape sees again is logged when it begins and when it
 * is over: struct dyncast_problem remembers that.
 */

#ifndef DYNCAST_AGENT_LOG_H
#define DYNCAST_AGENT_LOG_H

#include <stdbool.h>

enum dyncast_log_level {
	DYNCAST_LOG_ERROR = 3, /* the numbers are syslog's */
	DYNCAST_LOG_WARNING = 4,
	DYNCAST_LOG_NOTICE = 5,
	DYNCAST_LOG_DEBUG = 7,
};

/* A problem is over when it was absent this many times in a row, so that one
 * that comes and goes does not fill the log. */
#define DYNCAST_PROBLEM_CLEAN 5

struct dyncast_problem {
	bool logged;
	unsigned char clean;
};

void dyncast_log_init(bool verbose);

void dyncast_log(enum dyncast_log_level level, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* The problem was seen: true when it has to be logged now. */
bool dyncast_problem_seen(struct dyncast_problem *problem);

/* The problem was looked for and is absent: true when its end has to be
 * logged now. */
bool dyncast_problem_absent(struct dyncast_problem *problem);

#endif /* DYNCAST_AGENT_LOG_H */
