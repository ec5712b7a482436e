// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Start, stop and status of the kernel side.
 *
 * Owns the one struct dyncast_dp of the process.  Called by the rest of
 * zebra_dyncast on zebra's main thread.  Stopping leaves everything in the
 * kernel as it is, so flows go on while zebra restarts; only uninstalling
 * takes it away.
 */

#include "dataplane_port.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "dataplane_internal.h"

/* lines of a long message that are said, besides its first */
#define LOG_TAIL 12

struct dyncast_dp dyncast_dp = {
	.attach_mode = "none",
	.prog = -1,
	.prog_l3 = -1,
	.prog_egress = -1,
	.old = {[0 ... DYNCAST_DP_MAP_MAX - 1] = -1},
};

uint32_t dyncast_dp_services_max(void)
{
	return dyncast_dp.services_max;
}

uint32_t dyncast_dp_instances_max(void)
{
	return dyncast_dp.instances_max;
}

uint32_t dyncast_dp_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec;
}

void dyncast_dp_fail(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(dyncast_dp.reason, sizeof(dyncast_dp.reason), fmt, args);
	va_end(args);
	dyncast_dp_warn("no BPF forwarding: %s", dyncast_dp.reason);
}

void dyncast_dp_addr_put(uint32_t to[4], const struct dyncast_addr *addr)
{
	memset(to, 0, 16);
	if (addr->family == AF_INET)
		memcpy(to, addr->bytes, 4);
	else if (addr->family == AF_INET6)
		memcpy(to, addr->bytes, 16);
}

struct dyncast_addr dyncast_dp_addr_get(uint8_t family, const uint32_t *from)
{
	struct dyncast_addr addr = {.family = family};

	if (family == AF_INET)
		memcpy(addr.bytes, from, 4);
	else if (family == AF_INET6)
		memcpy(addr.bytes, from, 16);
	else
		addr.family = 0;
	return addr;
}

/* A line; or the verifier's whole log, whose reason is at its end. */
static void say_lines(char *text)
{
	char *tail = text + strlen(text), *rest = text, *line;
	int lines = 0;

	while (tail > text && lines < LOG_TAIL)
		lines += *--tail == '\n';
	while ((line = strsep(&rest, "\n")))
		if (*line && (line == text || line >= tail))
			dyncast_dp_warn("%s", line);
}

/* libbpf's warnings hold the verifier's words and the kernel's reasons */
static int libbpf_log(enum libbpf_print_level level, const char *fmt,
		      va_list args)
{
	char *text;

	if (level != LIBBPF_WARN || vasprintf(&text, fmt, args) < 0)
		return 0;
	say_lines(text);
	free(text);
	return 0;
}

static bool has_ids(void)
{
	for (int i = 0; i < (int)dyncast_dp.services_max; i++)
		if (dyncast_dp.services[i].used)
			return true;
	return false;
}

static bool open_maps(const char *dir, uint32_t flow_table_size,
		      uint32_t service_table_size)
{
	bool probed = false, mounted = false, ok = false;

	libbpf_set_print(libbpf_log);
	if (strlen(dir) >= sizeof(dyncast_dp.dir)) {
		dyncast_dp_fail("the path of the bpffs is too long");
		return false;
	}
	strcpy(dyncast_dp.dir, dir);
	dyncast_dp_privs
	{
		probed = dyncast_dp_features_probe();
		dyncast_dp_features_say();
		mounted = dyncast_dp_fs_mount(dir);
		if (mounted && dyncast_dp_fs_adopt(dir))
			dyncast_dp_attach_abandon();
		ok = probed && mounted &&
		     dyncast_dp_maps_open(flow_table_size, service_table_size);
		if (mounted && !ok)
			dyncast_dp_attach_abandon();
	}
	return ok;
}

/* Maps were first; then what we know of them, then the program: no packet
 * meets maps that are not complete. */
static bool enter_kernel(void)
{
	dyncast_dp.active = true;
	dyncast_dp.epoch++;
	if (!dyncast_dp_ids_open()) {
		dyncast_dp.active = false;
		dyncast_dp_fail("the pinned arrays cannot be mapped: %s",
				strerror(errno));
		return false;
	}
	dyncast_dp.started = true;
	dyncast_dp_privs
	{
		if (dyncast_dp.upgrade)
			dyncast_dp_upgrade_instances(dyncast_dp.upgrade);
		dyncast_dp_attach_begin();
		dyncast_dp_attach_refresh();
		dyncast_dp_maps_commit();
	}
	return true;
}

/* ids are in memory then, and lost with the process */
static bool open_memory(uint32_t service_table_size)
{
	dyncast_dp_ids_close();
	dyncast_dp_maps_close();
	dyncast_dp.services_max = service_table_size
					  ? service_table_size
					  : DYNCAST_DP_SERVICES_DEFAULT;
	dyncast_dp.instances_max =
		dyncast_dp_instances_for(dyncast_dp.services_max);
	dyncast_dp.started = dyncast_dp_ids_open();
	if (!dyncast_dp.started)
		dyncast_dp_fail("out of memory");
	return dyncast_dp.started;
}

static uint32_t services_for(uint32_t wanted)
{
	return wanted > DYNCAST_DP_SERVICES_MAX ? DYNCAST_DP_SERVICES_MAX
						: wanted;
}

static uint32_t flows_for(uint32_t wanted)
{
	uint32_t rest = wanted % DYNCAST_DP_FLOWS_STEP;

	return rest ? wanted + DYNCAST_DP_FLOWS_STEP - rest : wanted;
}

bool dyncast_dp_open(const char *dir, uint32_t flow_table_size,
		     uint32_t service_table_size)
{
	dyncast_dp_stop();
	return open_maps(dir, flows_for(flow_table_size),
			 services_for(service_table_size));
}

bool dyncast_dp_enter(bool opened, uint32_t service_table_size)
{
	return (opened && enter_kernel()) ||
	       (open_memory(services_for(service_table_size)) && false);
}

static bool start(const char *dir, uint32_t flow_table_size,
		  uint32_t service_table_size)
{
	return dyncast_dp_enter(
		dyncast_dp_open(dir, flow_table_size, service_table_size),
		service_table_size);
}

bool dyncast_dp_start(const char *dir, uint32_t flow_table_size,
		      uint32_t service_table_size)
{
	char same_dir[sizeof(dyncast_dp.dir)];

	service_table_size = services_for(service_table_size);
	flow_table_size = flows_for(flow_table_size);
	if (!dyncast_dp.started)
		return start(dir, flow_table_size, service_table_size);
	/* ids from memory that are in use cannot change under their owners */
	if (!dyncast_dp.active)
		return !has_ids() &&
		       start(dir, flow_table_size, service_table_size);
	/* those from maps stay what they are */
	if ((!flow_table_size ||
	     flow_table_size == dyncast_dp.flow_table_size) &&
	    (!service_table_size ||
	     service_table_size == dyncast_dp.services_max))
		return true;
	memcpy(same_dir, dyncast_dp.dir, sizeof(same_dir));
	return start(same_dir, flow_table_size, service_table_size);
}

void dyncast_dp_stop(void)
{
	dyncast_dp_ids_close();
	dyncast_dp_maps_close();
	dyncast_dp.started = false;
	dyncast_dp.active = false;
	dyncast_dp.reason[0] = 0;
	dyncast_dp.dir[0] = 0;
	dyncast_dp.attach_mode = "none";
}

void dyncast_dp_uninstall(void)
{
	char dir[sizeof(dyncast_dp.dir)];

	memcpy(dir, dyncast_dp.dir, sizeof(dir));
	dyncast_dp_privs
	{
		if (dyncast_dp.active)
			dyncast_dp_detach_all();
		else if (dir[0])
			dyncast_dp_attach_abandon();
	}
	dyncast_dp_stop();
	dyncast_dp_privs
	{
		if (dir[0])
			dyncast_dp_fs_remove(dir);
	}
}

bool dyncast_dp_active(void)
{
	return dyncast_dp.active;
}

static void status_others(struct dyncast_dp_status *out)
{
	struct dyncast_map_counters sum;

	dyncast_dp_counters_others(&sum);
	out->flow_refused = sum.n[DYNCAST_COUNT_REFUSED];
	out->no_instance = sum.n[DYNCAST_COUNT_NO_INSTANCE];
	out->too_big = sum.n[DYNCAST_COUNT_TOO_BIG];
	out->fragments = sum.n[DYNCAST_COUNT_FRAGMENT];
	out->passed = sum.n[DYNCAST_COUNT_PASSED];
	out->flow_probation = sum.n[DYNCAST_COUNT_PROBATION];
	out->flow_limited = sum.n[DYNCAST_COUNT_LIMITED];
	out->errors = sum.n[DYNCAST_COUNT_ERROR];
	out->decapsulated = sum.n[DYNCAST_COUNT_DECAP];
	out->decap_dropped = sum.n[DYNCAST_COUNT_DECAP_DROPPED];
}

static void status_begin(struct dyncast_dp_status *out)
{
	memset(out, 0, sizeof(*out));
	out->active = dyncast_dp.active;
	memcpy(out->reason, dyncast_dp.reason, sizeof(out->reason));
	memcpy(out->dir, dyncast_dp.dir, sizeof(out->dir));
	out->attach_mode = dyncast_dp.attach_mode;
	out->layout_version = DYNCAST_MAP_VERSION;
	out->missing = dyncast_dp.missing;
	if (!dyncast_dp.active)
		return;
	out->flow_table_size = dyncast_dp.flow_table_size;
	out->service_table_size = dyncast_dp.services_max;
	out->memory = dyncast_dp.memory;
	status_others(out);
}

bool dyncast_dp_status_step(struct dyncast_dp_status *out, uint32_t *next,
			    unsigned int max)
{
	struct dyncast_map_instance_counters steered = {};
	bool more;

	if (*next == 0)
		status_begin(out);
	if (!dyncast_dp.active)
		return false;
	more = dyncast_dp_counters_steered(&steered, next, max);
	out->bytes_steered += steered.n[DYNCAST_ICOUNT_BYTES];
	out->flow_hits += steered.n[DYNCAST_ICOUNT_HIT];
	out->flow_stateless += steered.n[DYNCAST_ICOUNT_STATELESS];
	out->flow_new += steered.n[DYNCAST_ICOUNT_NEW];
	out->flow_repinned += steered.n[DYNCAST_ICOUNT_REPINNED];
	out->packets_steered = out->flow_hits + out->flow_stateless +
			       out->flow_new + out->flow_repinned;
	return more;
}

void dyncast_dp_status_get(struct dyncast_dp_status *out)
{
	uint32_t next = 0;

	while (dyncast_dp_status_step(out, &next, UINT32_MAX))
		;
}
