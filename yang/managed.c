// SPDX-License-Identifier: GPL-2.0-or-later
/* See managed.h. */

#include <zebra.h>

#include "lib/frrevent.h"
#include "lib/libfrr.h"
#include "lib/log.h"
#include "lib/mgmt_be_client.h"

#include "managed.h"
#include "northbound.h"
#include "../lib/owner.h"

#define PATHS_MAX 64
#define LOOK_MS 500
/* with an mgmtd that has not our module */
#define UNOWNED_LOOKS 5
/* for `vtysh -b` to come, after the daemon's start */
#define READ_WAIT_MS 5000
/* the commit that follows a validation is a message from mgmtd away */
#define RESYNC_END_MS 500
/* an mgmtd that has just begun has nothing until somebody reads a file */
#define RESYNC_EMPTY_MS 30000

static const struct dyncast_managed_host *host;
static struct event_loop *loop;
static struct event *t_look, *t_refresh, *t_resync;
static struct mgmt_be_client *own_client;
static bool managed, connected, resyncing, resync_waits;
static unsigned int unowned;
static bool has_read; /* or begun to */
static struct timeval started;

/* what is registered, for as long as the client lives */
static const char *config_paths[PATHS_MAX], *oper_paths[PATHS_MAX],
	*rpc_paths[PATHS_MAX];

static struct mgmt_be_client **client(void)
{
	return host->client ? host->client : &own_client;
}

static bool owner_held(void)
{
	return dyncast_owner_held(frr_runstatedir);
}

bool dyncast_managed(void)
{
	return managed || (host && owner_held());
}

/* ---- all that mgmtd has -----------------------------------------------------
 * It sends what there is, and not what there is not any more.  So data stores
 * begin anew, and the state is compared with what they have then. */

bool dyncast_managed_resyncing(void)
{
	return resyncing;
}

/* what mgmtd has may be nothing but defaults, which changes nothing and calls
 * nobody; what is in force then stays for a while */
static void resync_end(struct event *event)
{
	resync_waits = resyncing && !resync_waits && !dyncast_nb_running_set();
	if (resync_waits) {
		zlog_notice(
			"dyncast: mgmtd has no configuration of Dyncast: what is in force stays for %u s",
			RESYNC_EMPTY_MS / 1000);
		event_add_timer_msec(loop, resync_end, NULL, RESYNC_EMPTY_MS,
				     &t_resync);
		return;
	}
	if (resyncing)
		dyncast_nb_apply_running();
	resyncing = false;
	dyncast_nb_refresh();
}

void dyncast_managed_validating(void)
{
	if (resyncing)
		event_add_timer_msec(loop, resync_end, NULL, RESYNC_END_MS,
				     &t_resync);
}

static void refresh(struct event *event)
{
	dyncast_nb_refresh();
}

/* the commit is running only when we have returned */
void dyncast_managed_applied(void)
{
	resyncing = resync_waits = false;
	event_cancel(&t_resync);
	if (managed)
		event_add_event(loop, refresh, NULL, 0, &t_refresh);
}

/* ---- the client -------------------------------------------------------------
 */

static void notify_connect(struct mgmt_be_client *be, uintptr_t arg, bool up)
{
	if (host->own && host->own->client_connect_notify)
		host->own->client_connect_notify(be, arg, up);
	connected = up;
	unowned = 0;
	if (!up || !owner_held())
		return;
	resyncing = true;
	resync_waits = false;
	event_cancel(&t_resync);
	dyncast_nb_empty();
}

static unsigned int paths_join(const char **to, const char *const *own,
			       unsigned int n, const char *path)
{
	if (n > PATHS_MAX - 1)
		n = PATHS_MAX - 1;
	for (unsigned int i = 0; i < n; i++)
		to[i] = own[i];
	if (path)
		to[n++] = path;
	return n;
}

static void client_begin(void)
{
	struct mgmt_be_client_cbs cbs = {};

	if (host->own)
		cbs = *host->own;
	cbs.nconfig_xpaths = paths_join(config_paths, cbs.config_xpaths,
					cbs.nconfig_xpaths, host->config);
	cbs.noper_xpaths = paths_join(oper_paths, cbs.oper_xpaths,
				      cbs.noper_xpaths, host->config);
	cbs.nrpc_xpaths = paths_join(rpc_paths, cbs.rpc_xpaths, cbs.nrpc_xpaths,
				     host->rpc);
	cbs.config_xpaths = config_paths;
	cbs.oper_xpaths = oper_paths;
	cbs.rpc_xpaths = rpc_paths;
	cbs.client_connect_notify = notify_connect;
	if (*client())
		mgmt_be_client_destroy(*client());
	connected = false;
	unowned = 0;
	*client() = mgmt_be_client_create(host->name, &cbs, 0, loop);
	managed = *client() != NULL;
	if (managed)
		zlog_notice(
			"dyncast: mgmtd has mgmtd_dyncast loaded: the configuration comes from there");
	else
		zlog_err(
			"dyncast: mgmtd has mgmtd_dyncast loaded, and this daemon cannot be its client");
}

static void client_end(void)
{
	struct mgmt_be_client_cbs cbs;

	mgmt_be_client_destroy(*client());
	*client() = NULL;
	if (host->own) {
		cbs = *host->own;
		*client() = mgmt_be_client_create(host->name, &cbs, 0, loop);
	}
	managed = connected = false;
	zlog_notice(
		"dyncast: mgmtd has no mgmtd_dyncast any more: the configuration is this daemon's own again");
}

static bool own_config_read(void)
{
	if (!host->reading)
		return true;
	if (host->reading()) {
		has_read = true;
		return false;
	}
	return has_read || monotime_since(&started, NULL) > READ_WAIT_MS * 1000;
}

static void look(struct event *event)
{
	bool held = owner_held();
	bool read = own_config_read();

	event_add_timer_msec(loop, look, NULL, LOOK_MS, &t_look);
	if (held && !managed && read)
		client_begin();
	/* it takes the lock after it has begun to listen */
	unowned = managed && connected && !held ? unowned + 1 : 0;
	if (unowned > UNOWNED_LOOKS)
		client_end();
}

void dyncast_managed_init(const struct dyncast_managed_host *of,
			  struct event_loop *of_loop)
{
	if (!dyncast_nb_active())
		return;
	host = of;
	loop = of_loop;
	monotime(&started);
	/* `debug mgmt client backend` */
	if (!host->client)
		mgmt_be_client_lib_vty_init();
	if (owner_held() && own_config_read())
		client_begin();
	event_add_timer_msec(loop, look, NULL, LOOK_MS, &t_look);
}

void dyncast_managed_fini(void)
{
	event_cancel(&t_look);
	event_cancel(&t_refresh);
	event_cancel(&t_resync);
	if (own_client)
		mgmt_be_client_destroy(own_client);
	own_client = NULL;
}
