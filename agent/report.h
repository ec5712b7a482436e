/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reports to the router (bgpd_dyncast) over its unix socket: lines as
 * lib/agent_line.h describes them, one for each change that matters.
 *
 * Nothing is queued: each instance has an entry with its newest state, and an
 * entry is written when it is due and there is room.  So a router that is slow,
 * absent or restarted costs no memory, and after a (re)connection everything
 * is sent again.  Never blocks.  Loop's thread only.
 */

#ifndef DYNCAST_AGENT_REPORT_H
#define DYNCAST_AGENT_REPORT_H

#include "lib/agent_line.h"

#include "config.h"

#define DYNCAST_REPORT_OUT_SIZE 65536
#define DYNCAST_REPORT_BACKOFF_MIN 200 /* ms between attempts to connect */
#define DYNCAST_REPORT_BACKOFF_MAX 5000

struct dyncast_report_entry {
	struct dyncast_agent_report now;
	uint64_t measured_ms; /* when now.metrics were */
	uint64_t sent_epoch;  /* the connection that `sent` went to */
	struct dyncast_agent_report sent;
	uint64_t sent_ms;
	uint64_t sent_line;
	/* its first report takes an earlier agent's "down" back */
	bool up_once;
	char rejected[DYNCAST_AGENT_REASON_SIZE]; /* last error logged */
};

/* The router refused line number `line` of this connection. */
typedef void (*dyncast_report_rejected_cb)(void *arg, uint64_t line,
					   const char *error);

struct dyncast_reporter {
	char path[DYNCAST_AGENT_SOCKET_SIZE];
	unsigned int keepalive_ms;
	unsigned int threshold;
	dyncast_report_rejected_cb rejected;
	void *arg;

	int fd;		/* -1: not connected */
	uint64_t epoch; /* counts connections, from 1 */
	uint64_t lines; /* written on this connection */
	uint64_t connected_ms;
	uint64_t retry_ms;
	unsigned int backoff_ms;
	int logged_errno; /* why the last attempt failed, 0: it did not */

	size_t out_len;
	char out[DYNCAST_REPORT_OUT_SIZE];
	size_t in_len;
	bool in_skip; /* the rest of a line that was too long */
	char in[DYNCAST_AGENT_LINE_MAX];
};

void dyncast_reporter_init(struct dyncast_reporter *reporter,
			   dyncast_report_rejected_cb rejected, void *arg);
/* Also changes it: another socket is connected anew. */
void dyncast_reporter_configure(struct dyncast_reporter *reporter,
				const struct dyncast_config *config);
void dyncast_reporter_finish(struct dyncast_reporter *reporter);

/* Connect when it is time to. */
void dyncast_reporter_tick(struct dyncast_reporter *reporter, uint64_t now_ms);

/* Write the entry if it is due and there is room.  Returns when it will be due
 * (UINT64_MAX: not by time alone). */
uint64_t dyncast_reporter_send(struct dyncast_reporter *reporter,
			       struct dyncast_report_entry *entry,
			       uint64_t now_ms);

/* Move bytes both ways; call it after the entries and when the descriptor is
 * ready. */
void dyncast_reporter_io(struct dyncast_reporter *reporter, uint64_t now_ms);

#endif /* DYNCAST_AGENT_REPORT_H */
