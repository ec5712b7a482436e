/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Log messages that one cause may make for each of ten thousand services: of
 * each kind there are so many a second, then one line with how many were left
 * out.  Main thread.
 */

#ifndef DYNCAST_ZEBRA_LOG_BOUND_H
#define DYNCAST_ZEBRA_LOG_BOUND_H

#include <stdbool.h>

/* of one place in the code */
struct dyncast_log_bound {
	const char *what; /* for the line about those left out */
	struct dyncast_log_bound *next;
	unsigned int asked; /* in this second; 0: in no list */
};

/* may it say one more? */
bool dyncast_log_may(struct dyncast_log_bound *bound);
void dyncast_log_fini(void);

/* say: zlog_warn or zlog_info; kind: "services whose dry run begins or ends" */
#define dyncast_log_bounded(say, kind, ...)                                    \
	do {                                                                   \
		static struct dyncast_log_bound bound_ = {.what = (kind)};     \
		if (dyncast_log_may(&bound_))                                  \
			say(__VA_ARGS__);                                      \
	} while (0)

#endif /* DYNCAST_ZEBRA_LOG_BOUND_H */
