// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Reports to the router.  See report.h.
 */

#include "report.h"

#include "log.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

/* A connection that held this long was a good one: begin anew with retries. */
#define STABLE_MS 5000

/* Reads per turn of the loop: a router that floods us delays nothing else. */
#define READS_MAX 16

void dyncast_reporter_init(struct dyncast_reporter *reporter,
			   dyncast_report_rejected_cb rejected, void *arg)
{
	*reporter = (struct dyncast_reporter){
		.rejected = rejected,
		.arg = arg,
		.fd = -1,
		.backoff_ms = DYNCAST_REPORT_BACKOFF_MIN,
	};
}

static void disconnect(struct dyncast_reporter *reporter, uint64_t now_ms)
{
	if (reporter->fd < 0)
		return;
	close(reporter->fd);
	reporter->fd = -1;
	reporter->out_len = 0;
	reporter->in_len = 0;
	reporter->in_skip = false;
	if (now_ms - reporter->connected_ms >= STABLE_MS)
		reporter->backoff_ms = DYNCAST_REPORT_BACKOFF_MIN;
	reporter->retry_ms = now_ms + reporter->backoff_ms;
}

static void back_off(struct dyncast_reporter *reporter, uint64_t now_ms)
{
	reporter->retry_ms = now_ms + reporter->backoff_ms;
	reporter->backoff_ms *= 2;
	if (reporter->backoff_ms > DYNCAST_REPORT_BACKOFF_MAX)
		reporter->backoff_ms = DYNCAST_REPORT_BACKOFF_MAX;
}

void dyncast_reporter_configure(struct dyncast_reporter *reporter,
				const struct dyncast_config *config)
{
	reporter->keepalive_ms = config->keepalive_ms;
	reporter->threshold = config->threshold;
	if (strcmp(reporter->path, config->socket) == 0)
		return;
	disconnect(reporter, 0);
	strcpy(reporter->path, config->socket);
	reporter->retry_ms = 0;
	reporter->backoff_ms = DYNCAST_REPORT_BACKOFF_MIN;
	reporter->logged_errno = 0;
}

void dyncast_reporter_finish(struct dyncast_reporter *reporter)
{
	disconnect(reporter, 0);
}

/* --- connecting -----------------------------------------------------------*/

static void connect_failed(struct dyncast_reporter *reporter, int error,
			   uint64_t now_ms)
{
	const char *advice =
		"check that bgpd runs with the module bgpd_dyncast, and that socket is the path that it listens on";

	if (error == EACCES || error == EPERM)
		advice =
			"run the agent as a member of the group that owns the socket (frr)";
	if (error != reporter->logged_errno)
		dyncast_log(DYNCAST_LOG_WARNING,
			    "router socket %s: %s; %s; trying again until then",
			    reporter->path, strerror(error), advice);
	reporter->logged_errno = error;
	back_off(reporter, now_ms);
}

void dyncast_reporter_tick(struct dyncast_reporter *reporter, uint64_t now_ms)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd;

	if (reporter->fd >= 0 || now_ms < reporter->retry_ms)
		return;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0) {
		connect_failed(reporter, errno, now_ms);
		return;
	}
	strcpy(addr.sun_path, reporter->path);
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0) {
		connect_failed(reporter, errno, now_ms);
		close(fd);
		return;
	}
	reporter->fd = fd;
	reporter->epoch++;
	reporter->lines = 0;
	reporter->connected_ms = now_ms;
	reporter->logged_errno = 0;
	dyncast_log(DYNCAST_LOG_NOTICE, "connected to the router at %s",
		    reporter->path);
	/* undone by disconnect() if this connection turns out to be stable */
	back_off(reporter, now_ms);
}

/* --- what is due ----------------------------------------------------------*/

/* Did a value move by the threshold, of what it was? */
static bool moved(uint32_t was, uint32_t is, unsigned int threshold)
{
	uint64_t distance = was > is ? was - is : is - was;

	return distance && distance * 100 >= (uint64_t)was * threshold;
}

static bool changed(const struct dyncast_agent_report *was,
		    const struct dyncast_agent_report *is,
		    unsigned int threshold)
{
	const struct dyncast_metrics *a = &was->metrics, *b = &is->metrics;
	unsigned int points = threshold * 100;
	unsigned int distance = a->utilisation > b->utilisation
					? a->utilisation - b->utilisation
					: b->utilisation - a->utilisation;

	return was->state != is->state || a->has != b->has ||
	       moved(a->capacity, b->capacity, threshold) ||
	       moved(a->in_flight, b->in_flight, threshold) ||
	       moved(a->delay_us, b->delay_us, threshold) ||
	       moved(a->rate, b->rate, threshold) ||
	       (distance && distance >= points);
}

static bool is_due(const struct dyncast_reporter *reporter,
		   const struct dyncast_report_entry *entry, uint64_t now_ms)
{
	return entry->sent_epoch != reporter->epoch ||
	       now_ms - entry->sent_ms >= reporter->keepalive_ms ||
	       changed(&entry->sent, &entry->now, reporter->threshold);
}

static void write_entry(struct dyncast_reporter *reporter,
			struct dyncast_report_entry *entry, uint64_t now_ms)
{
	struct dyncast_agent_report report = entry->now;
	uint64_t age = now_ms - entry->measured_ms;
	size_t len;

	report.metrics.age_ms = age > UINT32_MAX ? UINT32_MAX : (uint32_t)age;
	if (entry->up_once && report.state == DYNCAST_AGENT_STATE_UNSAID)
		report.state = DYNCAST_AGENT_STATE_UP;
	entry->up_once = false;
	len = dyncast_agent_line_format(
		&report, reporter->out + reporter->out_len,
		sizeof(reporter->out) - reporter->out_len);
	if (entry->sent_epoch != reporter->epoch)
		entry->rejected[0] = '\0';
	entry->sent = entry->now;
	entry->sent_ms = now_ms;
	entry->sent_epoch = reporter->epoch;
	if (!len)
		return;
	reporter->out_len += len;
	entry->sent_line = ++reporter->lines;
}

uint64_t dyncast_reporter_send(struct dyncast_reporter *reporter,
			       struct dyncast_report_entry *entry,
			       uint64_t now_ms)
{
	if (reporter->fd < 0 ||
	    (entry->now.state == DYNCAST_AGENT_STATE_UNSAID &&
	     !entry->now.metrics.has))
		return UINT64_MAX;
	if (is_due(reporter, entry, now_ms)) {
		if (sizeof(reporter->out) - reporter->out_len <
		    DYNCAST_AGENT_LINE_MAX + 2)
			return UINT64_MAX; /* when the router has read */
		write_entry(reporter, entry, now_ms);
	}
	return entry->sent_ms + reporter->keepalive_ms;
}

/* --- moving bytes ---------------------------------------------------------*/

static void lost(struct dyncast_reporter *reporter, const char *why,
		 uint64_t now_ms)
{
	dyncast_log(
		DYNCAST_LOG_WARNING,
		"lost the router at %s: %s; connecting again, and then everything is sent anew",
		reporter->path, why);
	disconnect(reporter, now_ms);
}

static bool flush(struct dyncast_reporter *reporter, uint64_t now_ms)
{
	ssize_t n;

	while (reporter->out_len) {
		n = send(reporter->fd, reporter->out, reporter->out_len,
			 MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			return true;
		if (n < 0) {
			lost(reporter, strerror(errno), now_ms);
			return false;
		}
		reporter->out_len -= (size_t)n;
		memmove(reporter->out, reporter->out + n, reporter->out_len);
	}
	return true;
}

/* {"error":"...","line":N}; anything else that a router says is ignored */
static void on_answer(struct dyncast_reporter *reporter, const char *line,
		      size_t len)
{
	struct json_tokener *tokener = json_tokener_new_ex(4);
	struct json_object *root, *error, *number;

	if (!tokener)
		return;
	root = json_tokener_parse_ex(tokener, line, (int)len);
	if (root && json_object_object_get_ex(root, "error", &error) &&
	    json_object_object_get_ex(root, "line", &number))
		reporter->rejected(reporter->arg,
				   (uint64_t)json_object_get_int64(number),
				   json_object_get_string(error));
	json_object_put(root);
	json_tokener_free(tokener);
}

static void take_answers(struct dyncast_reporter *reporter)
{
	char *line = reporter->in, *newline;
	size_t left = reporter->in_len;

	while ((newline = memchr(line, '\n', left))) {
		size_t len = (size_t)(newline - line);

		if (!reporter->in_skip)
			on_answer(reporter, line, len);
		reporter->in_skip = false;
		line += len + 1;
		left -= len + 1;
	}
	if (left == sizeof(reporter->in)) {
		reporter->in_skip = true;
		left = 0;
	}
	memmove(reporter->in, line, left);
	reporter->in_len = left;
}

void dyncast_reporter_io(struct dyncast_reporter *reporter, uint64_t now_ms)
{
	ssize_t n;

	if (reporter->fd < 0 || !flush(reporter, now_ms))
		return;
	for (int turn = 0; turn < READS_MAX; turn++) {
		n = recv(reporter->fd, reporter->in + reporter->in_len,
			 sizeof(reporter->in) - reporter->in_len, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			return;
		if (n <= 0) {
			lost(reporter,
			     n ? strerror(errno) : "it closed the connection",
			     now_ms);
			return;
		}
		reporter->in_len += (size_t)n;
		take_answers(reporter);
	}
}
