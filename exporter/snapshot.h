/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the daemons say at one moment: their own JSON, parsed.  See snapshot.c.
 */

#ifndef DYNCAST_EXPORTER_SNAPSHOT_H
#define DYNCAST_EXPORTER_SNAPSHOT_H

#include <stdbool.h>

#include <json-c/json.h>

enum dyncast_answer {
	DYNCAST_ANSWER_BGP,	   /* bgpd, show dyncast bgp */
	DYNCAST_ANSWER_INSTANCE,   /* bgpd, show dyncast instance local */
	DYNCAST_ANSWER_SERVICE,	   /* bgpd, show dyncast service */
	DYNCAST_ANSWER_FORWARDING, /* zebra, show dyncast forwarding */
	DYNCAST_ANSWER_MAX
};

enum dyncast_daemon {
	DYNCAST_DAEMON_BGPD,
	DYNCAST_DAEMON_ZEBRA,
	DYNCAST_DAEMON_MAX
};

struct dyncast_snapshot {
	bool up[DYNCAST_DAEMON_MAX]; /* all was answered */
	double seconds[DYNCAST_DAEMON_MAX];
};

const char *dyncast_daemon_name(enum dyncast_daemon daemon);

/* An answer, which is gone after this. */
typedef void (*dyncast_answer_cb)(void *arg, enum dyncast_answer which,
				  json_object *answer);

/* Ask both daemons by their sockets in `dir`, each for at most timeout_ms, and
 * hand over each answer when it has come. */
void dyncast_snapshot_take(struct dyncast_snapshot *snapshot, const char *dir,
			   unsigned int timeout_ms, dyncast_answer_cb take,
			   void *arg);

#endif /* DYNCAST_EXPORTER_SNAPSHOT_H */
