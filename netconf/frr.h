/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * FRR's side of the NETCONF server: the configuration and the operational data
 * of a container of frr-dyncast.yang, asked of the daemon that owns it by its
 * vty socket, and a document put in place of it.  Knows nothing of yuma123.
 *
 * netconfd's only thread; each call takes a bounded time.
 */

#ifndef DYNCAST_NETCONF_FRR_H
#define DYNCAST_NETCONF_FRR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DYNCAST_NS "urn:frr-dyncast:yang:frr-dyncast"
#define DYNCAST_OWNERS 2
#define DYNCAST_ERROR_SIZE 512

struct dyncast_owner {
	const char *container;
	const char *daemon;
	/* what FRR has: as it says it, and as netconfd would (sync.c's) */
	char *said;
	char *running;
	bool spelt; /* `running` is netconfd's spelling, not yet FRR's */
	/* what a commit wants, until it is made so */
	char *pending;
};
extern struct dyncast_owner dyncast_owners[DYNCAST_OWNERS];

/* of documents for FRR, and what is kept besides */
const char *dyncast_frr_rundir(void);

/* One element, empty when nothing is set; the caller frees it.  NULL with a
 * sentence in error. */
char *dyncast_frr_config(const struct dyncast_owner *owner, char *error);
char *dyncast_frr_state(const struct dyncast_owner *owner, char *error);

/* All of xml or nothing of it; check changes nothing. */
bool dyncast_frr_load(const struct dyncast_owner *owner, const char *xml,
		      bool check, char *error);

struct json_object;
/* What `show dyncast notifications` has after this number; the caller puts it.
 * NULL: no answer. */
struct json_object *dyncast_frr_notifications(const struct dyncast_owner *owner,
					      int64_t since);

/* False with a sentence in error.  The command has to be made of safe words. */
bool dyncast_frr_command(const char *daemon, const char *command, char *error);

#endif /* DYNCAST_NETCONF_FRR_H */
