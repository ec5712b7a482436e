// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The agents' socket; see agent_socket.h.
 *
 * Reports only touch the instance they name; signalling rate is the business
 * of advertise.c, so a fast agent costs parsing and nothing else.  A bad line
 * is answered, counted and logged once per connection; its client stays.
 */

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "advertise.h"
#include "agent_socket.h"
#include "apply.h"
#include "receive.h"
#include "lib/network.h"

DEFINE_MTYPE_STATIC(DYNCAST, DYNCAST_AGENT, "Dyncast agent");

#define CLIENTS_MAX 64
#define READ_CHUNK 16384 /* per client and event */

PREDECL_DLIST(agents);

struct agent {
	struct agents_item item;
	int fd;
	struct event *t_read;
	uint64_t line; /* number of the current one, from 1 */
	bool skipping; /* the rest of an overlong line */
	bool logged;
	size_t used;
	char buf[DYNCAST_AGENT_LINE_MAX];
};
DECLARE_DLIST(agents, struct agent, item);

static struct agents_head agents = INIT_DLIST(agents);
static struct dyncast_agent_status status;
static int listen_fd = -1;
static struct event *t_accept;

void dyncast_agent_status_get(struct dyncast_agent_status *out)
{
	*out = status;
	out->clients = agents_count(&agents);
}

/* ------------------------------------------------------------------------- */
/* reports                                                                   */
/* ------------------------------------------------------------------------- */

#define LOG_SPACING_MS 1000

/* A change of state is worth a line, but one a second is enough. */
static void state_log(struct dyncast_local *local, int64_t now)
{
	static const char *const words[] = {
		[DYNCAST_AGENT_STATE_UNSAID] = "unknown",
		[DYNCAST_AGENT_STATE_UP] = "up",
		[DYNCAST_AGENT_STATE_DOWN] = "down",
		[DYNCAST_AGENT_STATE_DRAIN] = "draining",
		[DYNCAST_AGENT_STATE_GONE] = "gone",
	};

	if (local->agent_state == local->logged_state ||
	    (local->logged_ms && now - local->logged_ms < LOG_SPACING_MS))
		return;
	local->logged_state = local->agent_state;
	local->logged_ms = now;
	zlog_info("dyncast: agent: service %s instance %s is %s%s%s",
		  local->service->name, local->name, words[local->agent_state],
		  local->reason[0] ? ": " : "", local->reason);
}

/* An instance that an agent brought up does not outlive its agent for long. */
static bool local_expired(const struct dyncast_local *local, int64_t now)
{
	uint32_t timeout_s = local->service->agent_timeout_s;
	int64_t patience =
		timeout_s ? (int64_t)timeout_s * 1000 : DYNCAST_AGENT_GONE_MS;

	return local->by_agent && now - local->reported_ms > patience;
}

void dyncast_agent_tick(struct dyncast_service *service)
{
	int64_t now = dyncast_now_ms();
	struct dyncast_local *local;

	frr_each_safe (dyncast_locals, &service->locals, local) {
		if (local_expired(local, now))
			dyncast_apply_agent_gone(local, "its agent is silent");
		else
			state_log(local, now);
	}
}

/* An instance that no line names, or that moves: NULL or what is wrong. */
static const char *report_bring_up(struct dyncast_service *service,
				   const struct dyncast_agent_report *report)
{
	/* the answer is read at once */
	static struct dyncast_apply apply;
	const struct dyncast_local *local =
		dyncast_local_find(service, report->instance);
	struct dyncast_apply_instance in = {
		.address = report->address,
		.sid = report->sid,
		.by_agent = true,
	};

	if (!report->address.family)
		return local ? NULL : "no such instance";
	if (local && !dyncast_addr_cmp(&local->address, &in.address) &&
	    local->sid == in.sid)
		return NULL;
	apply.phase = DYNCAST_VALIDATE;
	if (!dyncast_apply_agent_instance(&apply, service, report->instance,
					  &in))
		return apply.error;
	apply.phase = DYNCAST_APPLY;
	dyncast_apply_agent_instance(&apply, service, report->instance, &in);
	return NULL;
}

static const char *report_gone(const struct dyncast_service *service,
			       const char *instance)
{
	struct dyncast_local *local = dyncast_local_find(service, instance);

	if (!local)
		return "no such instance";
	if (!local->by_agent)
		return "the instance is configured: it can be down, not gone";
	dyncast_apply_agent_gone(local, "says its agent");
	return NULL;
}

/* NULL, or what is wrong with the report */
static const char *report_take(const struct dyncast_agent_report *report)
{
	struct dyncast_service *service = dyncast_service_find(report->service);
	struct dyncast_local *local;
	int64_t now = dyncast_now_ms();
	const char *error;
	bool urgent;

	if (!service)
		return "no such service";
	if (report->state == DYNCAST_AGENT_STATE_GONE)
		return report_gone(service, report->instance);
	error = report_bring_up(service, report);
	if (error)
		return error;
	local = dyncast_local_find(service, report->instance);
	urgent = !local->reported_ms;
	local->reports++;
	local->reported_ms = now;
	if (report->metrics.has) {
		/* the whole picture: what is not said any more is not known */
		local->metrics = report->metrics;
		local->measured_ms = now - report->metrics.age_ms;
	}
	if (report->state != DYNCAST_AGENT_STATE_UNSAID) {
		urgent |= local->agent_state != report->state;
		local->agent_state = report->state;
		strlcpy(local->reason, report->reason, sizeof(local->reason));
		state_log(local, now);
	}
	dyncast_advertise_soon(service);
	if (urgent) {
		dyncast_advertise_service(service);
		dyncast_receive_service(service);
	}
	return NULL;
}

static void line_bad(struct agent *agent, const char *error)
{
	char buf[256];
	size_t len;

	status.bad_lines++;
	if (!agent->logged)
		zlog_warn("dyncast: agent: line %" PRIu64
			  ": %s (answered; logged once per connection)",
			  agent->line, error);
	agent->logged = true;
	len = dyncast_agent_error_format(error, agent->line, buf, sizeof(buf));
	/* an agent that does not read its answers loses them */
	if (len)
		(void)!send(agent->fd, buf, len, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void line_take(struct agent *agent, size_t len)
{
	struct dyncast_agent_report report;
	const char *error;

	status.lines++;
	error = dyncast_agent_line_parse(agent->buf, len, &report);
	if (!error)
		error = report_take(&report);
	if (error)
		line_bad(agent, error);
}

/* bytes from the wire, in any pieces */
static void bytes_take(struct agent *agent, const char *bytes, size_t len)
{
	const char *end;
	size_t part;

	while (len) {
		end = memchr(bytes, '\n', len);
		part = end ? (size_t)(end - bytes) : len;
		if (!agent->skipping &&
		    agent->used + part > sizeof(agent->buf)) {
			status.overlong++;
			line_bad(agent, "line is too long");
			agent->skipping = true;
		}
		if (!agent->skipping) {
			memcpy(agent->buf + agent->used, bytes, part);
			agent->used += part;
		}
		if (!end)
			return;
		if (!agent->skipping && agent->used)
			line_take(agent, agent->used);
		agent->skipping = false;
		agent->used = 0;
		agent->line++;
		bytes += part + 1;
		len -= part + 1;
	}
}

/* ------------------------------------------------------------------------- */
/* connections                                                               */
/* ------------------------------------------------------------------------- */

static void agent_free(struct agent *agent)
{
	if (agent->used || agent->skipping)
		status.half_lines++;
	dyncast_event_cancel(agent->t_read);
	close(agent->fd);
	agents_del(&agents, agent);
	XFREE(MTYPE_DYNCAST_AGENT, agent);
}

static void agent_read(struct event *event)
{
	struct agent *agent = EVENT_ARG(event);
	char bytes[READ_CHUNK];
	ssize_t n;

	n = read(agent->fd, bytes, sizeof(bytes));
	if (n == 0 || (n < 0 && !ERRNO_IO_RETRY(errno))) {
		DYNCAST_DEBUG("agent: disconnected after %" PRIu64 " lines",
			      agent->line - 1);
		agent_free(agent);
		return;
	}
	if (n > 0)
		bytes_take(agent, bytes, n);
	event_add_read(dyncast_state.loop, agent_read, agent, agent->fd,
		       &agent->t_read);
}

static void agent_accept(struct event *event)
{
	struct agent *agent;
	int fd;

	fd = accept(listen_fd, NULL, NULL);
	/* no descriptor is free: who waits stays there, so look again later */
	if (fd < 0 && (errno == EMFILE || errno == ENFILE)) {
		event_add_timer(dyncast_state.loop, agent_accept, NULL, 1,
				&t_accept);
		return;
	}
	event_add_read(dyncast_state.loop, agent_accept, NULL, listen_fd,
		       &t_accept);
	if (fd < 0)
		return;
	if (agents_count(&agents) >= CLIENTS_MAX) {
		if (!status.refused++)
			zlog_warn(
				"dyncast: more than %d agents, refused (logged once)",
				CLIENTS_MAX);
		close(fd);
		return;
	}
	set_nonblocking(fd);
	set_cloexec(fd);
	agent = XCALLOC(MTYPE_DYNCAST_AGENT, sizeof(*agent));
	agent->fd = fd;
	agent->line = 1;
	agents_add_tail(&agents, agent);
	event_add_read(dyncast_state.loop, agent_read, agent, fd,
		       &agent->t_read);
}

/* A socket that an earlier bgpd left; anything else is not ours to remove. */
static bool stale_remove(const char *path)
{
	struct stat st;

	if (lstat(path, &st) < 0)
		return errno == ENOENT;
	if (!S_ISSOCK(st.st_mode)) {
		errno = EEXIST;
		return false;
	}
	return unlink(path) == 0;
}

static bool socket_open(const char *path)
{
	struct zprivs_ids_t ids;
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	mode_t old;
	int ok;

	if (strlcpy(addr.sun_path, path, sizeof(addr.sun_path)) >=
	    sizeof(addr.sun_path)) {
		errno = ENAMETOOLONG;
		return false;
	}
	if (!stale_remove(path))
		return false;
	listen_fd = socket(AF_UNIX, SOCK_STREAM, 0);
	if (listen_fd < 0)
		return false;
	set_nonblocking(listen_fd);
	set_cloexec(listen_fd);
	/* nobody else may connect before owner and mode are right */
	old = umask(0777);
	ok = bind(listen_fd, (struct sockaddr *)&addr, sizeof(addr));
	umask(old);
	if (ok < 0)
		return false;
	zprivs_get_ids(&ids);
	if (geteuid() == 0 && ids.uid_normal != (uid_t)-1 &&
	    chown(path, ids.uid_normal, ids.gid_normal) < 0)
		return false;
	return chmod(path, 0660) == 0 && listen(listen_fd, 16) == 0;
}

void dyncast_agent_init(void)
{
	snprintf(status.path, sizeof(status.path), "%s/%s", dyncast_run_dir,
		 DYNCAST_AGENT_SOCKET);
	if (socket_open(status.path)) {
		event_add_read(dyncast_state.loop, agent_accept, NULL,
			       listen_fd, &t_accept);
		return;
	}
	zlog_err(
		"dyncast: no agent socket at %s: %s; agents cannot report until it is removed or the folder is writable, and bgpd restarted",
		status.path, safe_strerror(errno));
	status.path[0] = '\0';
	if (listen_fd >= 0)
		close(listen_fd);
	listen_fd = -1;
}

void dyncast_agent_fini(void)
{
	struct agent *agent;

	while ((agent = agents_first(&agents)))
		agent_free(agent);
	dyncast_event_cancel(t_accept);
	if (listen_fd < 0)
		return;
	close(listen_fd);
	listen_fd = -1;
	unlink(status.path);
}
