/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Configuration by mgmtd: while mgmtd_dyncast is loaded there (lib/owner.h),
 * the daemon is a backend client of mgmtd for its container of
 * frr-dyncast.yang, takes what mgmtd commits, and its own configuration
 * commands refuse.  Only where FRR registers backend clients at run time
 * (10.7): elsewhere every answer is no.
 *
 * Looked at twice a second, so that daemons may start in any order, and mgmtd
 * may be restarted with its module or without.  A daemon that mgmtd has left
 * stays as it is, and managed, until it hears of an mgmtd without the module.
 *
 * Main thread of either daemon.
 */

#ifndef DYNCAST_YANG_MANAGED_H
#define DYNCAST_YANG_MANAGED_H

#include <stdbool.h>

struct event_loop;
struct mgmt_be_client;
struct mgmt_be_client_cbs;
struct vty;

struct dyncast_managed_host {
	const char *name; /* of the client */
	/* libfrr has one client for each process.  Where the daemon has one of
	 * its own, this is it, and what it registers, to which ours is added;
	 * NULL where it has none. */
	struct mgmt_be_client **client;
	const struct mgmt_be_client_cbs *own;
	const char *config; /* path of the container, also for its state */
	const char *rpc;    /* may be NULL */
	/* Whether vtysh is giving the daemon a configuration of its own. libfrr
	 * takes one transaction at a time: a line of it (`interface`, of bgpd)
	 * that comes between the two halves of a commit of mgmtd's fails, and
	 * `vtysh -b` gives up the rest.  NULL where mgmtd has all of it. */
	bool (*reading)(void);
};

#ifdef DYNCAST_MGMT
/* once, in late_init; host stays the caller's */
void dyncast_managed_init(const struct dyncast_managed_host *host,
			  struct event_loop *loop);
/* before the daemon takes its northbound apart */
void dyncast_managed_fini(void);
bool dyncast_managed(void);

/* of northbound.c: mgmtd connected, and not all that it has is here yet; a
 * commit is looked at; it is made */
bool dyncast_managed_resyncing(void);
void dyncast_managed_validating(void);
void dyncast_managed_applied(void);
#else
static inline bool dyncast_managed(void)
{
	return false;
}

static inline bool dyncast_managed_resyncing(void)
{
	return false;
}

static inline void dyncast_managed_validating(void)
{
}

static inline void dyncast_managed_applied(void)
{
}
#endif

/* northbound.c: true after a sentence to the user, when mgmtd has it */
bool dyncast_managed_refuse(struct vty *vty);

#endif /* DYNCAST_YANG_MANAGED_H */
