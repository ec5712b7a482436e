/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The protocol between a metric agent (D-MA) and bgpd_dyncast: JSON objects,
 * one per line, on a unix stream socket.  json-c parses; this file says what
 * is accepted.
 *
 *   {"service":"video","instance":"a1","capacity":100,"utilisation":37.5,
 *    "inFlight":12,"delayUs":4100,"score":7,"rate":250.5,"ageMs":20}
 *   {"service":"video","instance":"a1","state":"down","reason":"HTTP 503"}
 *   {"service":"video","instance":"a1","state":"up"}
 *   {"service":"video","instance":"a3","address":"10.1.0.13","sid":19,
 *    "state":"up"}
 *   {"service":"video","instance":"a3","state":"gone"}
 *
 * Every metric is optional, but a line names an instance and says something.
 * "state" is "up", "down", "drain"; it may stand with metrics.  "address", and
 * "sid" with it, bring up an instance that is not configured, where the router
 * allows that; "gone" takes it away.  Unknown keys
 * are ignored (CATS R8).  The router answers bad lines only, with
 *   {"error":"…","line":N}
 * and goes on with the next line.
 */

#ifndef DYNCAST_AGENT_LINE_H
#define DYNCAST_AGENT_LINE_H

#include "dyncast.h"

#define DYNCAST_AGENT_LINE_MAX 2048 /* bytes without the newline */
/* beside bgpd's vty socket */
#define DYNCAST_AGENT_SOCKET "dyncast-agent.sock"
#define DYNCAST_AGENT_REASON_SIZE 64

enum dyncast_agent_state {
	DYNCAST_AGENT_STATE_UNSAID = 0,
	DYNCAST_AGENT_STATE_UP,
	DYNCAST_AGENT_STATE_DOWN,
	DYNCAST_AGENT_STATE_DRAIN,
	DYNCAST_AGENT_STATE_GONE, /* one that the agent brought up goes */
};

struct dyncast_agent_report {
	char service[DYNCAST_NAME_SIZE];
	char instance[DYNCAST_NAME_SIZE];
	uint8_t state; /* enum dyncast_agent_state */
	/* of an instance that the router's configuration does not name */
	struct dyncast_addr address; /* family 0: not said */
	uint16_t sid;		     /* 0: not said */
	struct dyncast_metrics metrics;
	char reason[DYNCAST_AGENT_REASON_SIZE]; /* printable ASCII */
};

/*
 * Parse a line of `len` bytes (no newline, not necessarily terminated).
 * Returns NULL when *out is filled, else a constant phrase that says what is
 * wrong (then *out is all zero).
 */
const char *dyncast_agent_line_parse(const char *line, size_t len,
				     struct dyncast_agent_report *out);

/* Write a report as a line with its newline.  Returns the length, 0 when it
 * does not fit or the report is invalid. */
size_t dyncast_agent_line_format(const struct dyncast_agent_report *report,
				 char *buf, size_t size);

/* Write the router's answer to a bad line. */
size_t dyncast_agent_error_format(const char *error, uint64_t line, char *buf,
				  size_t size);

#endif /* DYNCAST_AGENT_LINE_H */
