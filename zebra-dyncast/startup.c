/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Start of the kernel side.  Loading programs and taking over maps takes
 * hundreds of milliseconds, and seconds with millions of flows to copy: a
 * thread of its own does that, and zebra's main thread what is short.
 *
 * Meanwhile there are no ids, so nothing is opened, attached or asked for, and
 * bgpd is not answered (peer_bgpd.c): it sends its sets when all is there.
 *
 * Main thread, but for run().
 */

#include <zebra.h>

#include "lib/frr_pthread.h"

#include "apply.h"
#include "clear.h"
#include "compat.h"
#include "dataplane.h"
#include "ingress.h"
#include "module.h"
#include "peer_bgpd.h"
#include "service.h"
#include "startup.h"
#include "zserv_socket.h"

/* when nothing asked for the kernel side before: pinned maps of a former run
 * want to be looked after */
#define START_MS 5000

static enum { NOT_BEGUN, UNDER_WAY, DONE } state;
static struct event *t_begin, *t_end;
static struct frr_pthread *thread;

/* what run() is given; it gives back `opened` */
static struct {
	char dir[256];
	uint32_t flows;
	uint32_t services;
	bool opened;
} job;

bool dyncast_startup_dir(char *buf, size_t size)
{
	char path[256];
	const char *slash;

	if (!dyncast_zserv_path(path, sizeof(path)))
		return false;
	slash = strrchr(path, '/');
	if (!slash)
		return false;
	return (size_t)snprintf(buf, size, "%.*s/dyncast-bpf",
				(int)(slash - path), path) < size;
}

/* The configuration may come later than pinned maps are wanted, and line by
 * line: what it does not say stays as it is. */
static uint32_t flows_wanted(void)
{
	return dyncast_config.flow_table_size_set
		       ? dyncast_config.flow_table_size
		       : 0;
}

/* ---- the thread ------------------------------------------------------- */

static void end(struct event *e);

static void *run(void *arg)
{
	struct frr_pthread *fpt = arg;

	frr_pthread_set_name(fpt);
	job.opened = dyncast_dp_open(job.dir, job.flows, job.services);
	event_add_event(dyncast_loop, end, NULL, 0, &t_end);
	return NULL;
}

/* nothing to tell it: it ends when it is through */
static int join(struct frr_pthread *fpt, void **result)
{
	return pthread_join(fpt->thread, result);
}

static const struct frr_pthread_attr thread_attr = {
	.start = run,
	.stop = join,
};

static void thread_end(void)
{
	if (!thread)
		return;
	frr_pthread_stop(thread, NULL);
	frr_pthread_destroy(thread);
	thread = NULL;
}

/* ---- begin and end ---------------------------------------------------- */

void dyncast_startup_begin(void)
{
	if (state != NOT_BEGUN)
		return;
	dyncast_event_off(&t_begin);
	if (!dyncast_startup_dir(job.dir, sizeof(job.dir))) {
		zlog_warn(
			"dyncast: zebra has no unix socket, so there is no place for the BPF maps: flows are not pinned");
		job.dir[0] = '\0';
	}
	job.flows = flows_wanted();
	job.services = dyncast_config.service_table_size;
	state = UNDER_WAY;
	thread =
		frr_pthread_new(&thread_attr, "Dyncast start", "dyncast_start");
	if (frr_pthread_run(thread, NULL) == 0)
		return;
	/* no thread to be had: later than now is worse than slow */
	frr_pthread_destroy(thread);
	thread = NULL;
	job.opened = dyncast_dp_open(job.dir, job.flows, job.services);
	event_add_event(dyncast_loop, end, NULL, 0, &t_end);
}

static void end(struct event *e)
{
	(void)e;
	thread_end();
	dyncast_dp_enter(job.opened, job.services);
	state = DONE;
	/* lines that came meanwhile */
	if (job.flows != flows_wanted() ||
	    job.services != dyncast_config.service_table_size)
		dyncast_startup_resize();
	dyncast_recovered_init();
	if (dyncast_cleared)
		dyncast_clear_begun();
	else
		dyncast_peer_connected();
	dyncast_ingress_scan();
}

bool dyncast_startup_pending(void)
{
	return state != DONE && !dyncast_cleared;
}

bool dyncast_startup_done(void)
{
	if (!dyncast_cleared)
		dyncast_startup_begin();
	return state == DONE;
}

void dyncast_startup_wait(void)
{
	dyncast_startup_begin();
	if (state != UNDER_WAY)
		return;
	thread_end();
	dyncast_event_off(&t_end);
	end(NULL);
}

void dyncast_startup_resize(void)
{
	if (state == DONE)
		dyncast_dp_start(job.dir, flows_wanted(),
				 dyncast_config.service_table_size);
}

void dyncast_startup_remove(void)
{
	dyncast_startup_wait();
	dyncast_recovered_fini();
	dyncast_dp_uninstall();
	state = NOT_BEGUN;
}

/* ---- life ------------------------------------------------------------- */

static void begin_late(struct event *e)
{
	(void)e;
	dyncast_startup_done();
}

void dyncast_startup_init(void)
{
	event_add_timer_msec(dyncast_loop, begin_late, NULL, START_MS,
			     &t_begin);
}

void dyncast_startup_fini(void)
{
	dyncast_event_off(&t_begin);
	thread_end();
	dyncast_event_off(&t_end);
	dyncast_dp_stop();
}
