/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Lines as agents usually write them, without json-c: it takes twenty
 * allocations and a locale for a line, most of what ten thousand reports a
 * second cost bgpd.  agent_line.c alone calls this.
 */

#ifndef DYNCAST_AGENT_QUICK_H
#define DYNCAST_AGENT_QUICK_H

#include "agent_line.h"

/* a metric and the range of it on the wire */
struct dyncast_agent_number {
	const char *key;
	uint8_t has; /* 0: ageMs, which describes the others */
	double min;
	double max;
	const char *error;
};

/* all metrics; the one with key NULL is behind the last */
extern const struct dyncast_agent_number dyncast_agent_numbers[];

/* a value within its range, into its member */
void dyncast_agent_number_set(struct dyncast_metrics *m, uint8_t has,
			      double value);
/* DYNCAST_AGENT_STATE_UNSAID: no such word */
uint8_t dyncast_agent_state_find(const char *word, size_t len);

/*
 * True: the line holds a report, and *out is what json-c would make of it.
 * False, *out being undefined: ask json-c, it may be wrong or only unusual (an
 * escape, an exponent, a key that is not a name, a metric or the state).
 */
bool dyncast_agent_quick_parse(const char *line, size_t len,
			       struct dyncast_agent_report *out);

/* the same by json-c, as dyncast_agent_line_parse() without the above */
const char *dyncast_agent_json_parse(const char *line, size_t len,
				     struct dyncast_agent_report *out);

#endif /* DYNCAST_AGENT_QUICK_H */
