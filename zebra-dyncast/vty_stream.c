// SPDX-License-Identifier: GPL-2.0-or-later
/* See vty_stream.h. */

#include <zebra.h>

#include <fcntl.h>

#include "lib/buffer.h"
#include "lib/command.h"
#include "lib/memory.h"
#include "lib/network.h"
#include "lib/typesafe.h"

#include "compat.h"
#include "module.h"
#include "vty_stream.h"

DEFINE_MTYPE_STATIC(DYNCAST_ZEBRA, DYNCAST_STREAM, "Dyncast long answer");

/* for nobody: vtysh's are as many as its sessions */
#define SILENT_MAX 16
/* flushing writes 64 KiB each time */
#define FLUSHES_MAX 8

PREDECL_DLIST(stream_list);

struct dyncast_stream {
	struct stream_list_item item; /* of ready or of waiting */
	dyncast_stream_step_fn *step;
	void (*end)(void *arg);
	void *arg;

	struct vty *vty; /* answers in one go; NULL: a vtysh session's .. */
	int fd;		 /* .. own socket, so the session may go away */
	struct buffer *buffer;
	struct event *t_write; /* while it waits for its reader */

	bool silent;
	bool cut;
	bool said; /* all of it, and the result */
	int64_t began_us;
	int64_t longest_us, longest_cpu_us;
};

DECLARE_DLIST(stream_list, struct dyncast_stream, item);

/* Who can go on does so in turn, all together for one step's time in an event:
 * libfrr polls only when all events that wait have run. */
static struct stream_list_head ready = INIT_DLIST(ready);
static struct stream_list_head waiting = INIT_DLIST(waiting);
static struct event *t_run;
static unsigned int n_silent;

static int64_t now_us(void)
{
	struct timeval tv;

	monotime(&tv);
	return (int64_t)tv.tv_sec * 1000000 + tv.tv_usec;
}

/* without what other processes take */
static int64_t cpu_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

void dyncast_stream_put(struct dyncast_stream *stream, const char *text,
			size_t size)
{
	if (stream->vty)
		vty_out(stream->vty, "%.*s", (int)size, text);
	else
		buffer_put(stream->buffer, text, size);
}

void dyncast_stream_printf(struct dyncast_stream *stream, const char *fmt, ...)
{
	char buf[1024];
	va_list args;
	ssize_t len;

	va_start(args, fmt);
	len = vsnprintfrr(buf, sizeof(buf), fmt, args);
	va_end(args);
	if (len > 0)
		dyncast_stream_put(stream, buf,
				   MIN((size_t)len, sizeof(buf) - 1));
}

bool dyncast_stream_cut(const struct dyncast_stream *stream)
{
	return stream->cut;
}

unsigned int dyncast_stream_longest_us(const struct dyncast_stream *stream)
{
	return stream->longest_us;
}

unsigned int dyncast_stream_longest_cpu_us(const struct dyncast_stream *stream)
{
	return stream->longest_cpu_us;
}

unsigned int dyncast_stream_elapsed_ms(const struct dyncast_stream *stream)
{
	return (now_us() - stream->began_us) / 1000;
}

/* it is in neither list */
static void end_stream(struct dyncast_stream *stream)
{
	n_silent -= stream->silent;
	dyncast_event_off(&stream->t_write);
	buffer_free(stream->buffer);
	close(stream->fd);
	stream->end(stream->arg);
	XFREE(MTYPE_DYNCAST_STREAM, stream);
}

static buffer_status_t flush(struct dyncast_stream *stream)
{
	buffer_status_t status = BUFFER_PENDING;

	for (int i = 0; i < FLUSHES_MAX && status == BUFFER_PENDING; i++)
		status = buffer_flush_available(stream->buffer, stream->fd);
	return status;
}

/* as vtysh wants it behind the text: three zeroes and the result */
static void say_result(struct dyncast_stream *stream)
{
	const char result[4] = {0, 0, 0, CMD_SUCCESS};

	buffer_put(stream->buffer, result, sizeof(result));
	stream->said = true;
}

static void writable(struct event *e);
static void run(struct event *e);

static void ready_add(struct dyncast_stream *stream)
{
	stream_list_add_tail(&ready, stream);
	if (!t_run)
		event_add_event(dyncast_loop, run, NULL, 0, &t_run);
}

static void wait_for_reader(struct dyncast_stream *stream)
{
	stream_list_add_tail(&waiting, stream);
	event_add_write(dyncast_loop, writable, stream, stream->fd,
			&stream->t_write);
}

static void writable(struct event *e)
{
	struct dyncast_stream *stream = EVENT_ARG(e);

	stream_list_del(&waiting, stream);
	ready_add(stream);
}

/* until that time, if it can */
static void take_turn(struct dyncast_stream *stream, int64_t until)
{
	int64_t began = now_us(), cpu_began = cpu_us();
	buffer_status_t status = flush(stream);

	while (status == BUFFER_EMPTY && !stream->said && now_us() < until) {
		if (!stream->step(stream, stream->arg))
			say_result(stream);
		status = flush(stream);
	}
	stream->longest_us = MAX(stream->longest_us, now_us() - began);
	stream->longest_cpu_us =
		MAX(stream->longest_cpu_us, cpu_us() - cpu_began);
	if (status == BUFFER_ERROR || (status == BUFFER_EMPTY && stream->said))
		end_stream(stream);
	else if (status == BUFFER_PENDING)
		wait_for_reader(stream);
	else
		ready_add(stream);
}

static void run(struct event *e)
{
	int64_t until = now_us() + DYNCAST_STREAM_STEP_US;
	struct dyncast_stream *stream;

	(void)e;
	while (now_us() < until && (stream = stream_list_pop(&ready)))
		take_turn(stream, until);
	if (stream_list_count(&ready) && !t_run)
		event_add_event(dyncast_loop, run, NULL, 0, &t_run);
}

static int run_at_once(struct vty *vty, dyncast_stream_step_fn *step,
		       void (*end)(void *arg), void *arg)
{
	struct dyncast_stream stream = {
		.vty = vty, .fd = -1, .began_us = now_us()};

	while (step(&stream, arg)) {
		if (stream.cut)
			break;
		stream.longest_us = now_us() - stream.began_us;
		stream.cut = stream.longest_us >= DYNCAST_STREAM_STEP_US;
	}
	end(arg);
	return CMD_SUCCESS;
}

static struct dyncast_stream *start(int fd, dyncast_stream_step_fn *step,
				    void (*end)(void *arg), void *arg)
{
	struct dyncast_stream *stream;

	set_cloexec(fd);
	stream = XCALLOC(MTYPE_DYNCAST_STREAM, sizeof(*stream));
	stream->step = step;
	stream->end = end;
	stream->arg = arg;
	stream->fd = fd;
	stream->buffer = buffer_new(0);
	stream->began_us = now_us();
	ready_add(stream);
	return stream;
}

bool dyncast_stream_start_silent(dyncast_stream_step_fn *step,
				 void (*end)(void *arg), void *arg)
{
	int fd = n_silent < SILENT_MAX ? open("/dev/null", O_WRONLY) : -1;

	if (fd < 0) {
		end(arg);
		return false;
	}
	start(fd, step, end, arg)->silent = true;
	n_silent++;
	return true;
}

int dyncast_stream_start(struct vty *vty, dyncast_stream_step_fn *step,
			 void (*end)(void *arg), void *arg)
{
	int fd = -1;

	/* a filter is the session's, and so is text of a command before that
	 * is still on its way */
	if (vty->type == VTY_SHELL_SERV && !vty->filter &&
	    buffer_flush_available(vty->obuf, vty->wfd) == BUFFER_EMPTY)
		fd = dup(vty->wfd);
	if (fd < 0)
		return run_at_once(vty, step, end, arg);
	start(fd, step, end, arg);
	return CMD_SUSPEND;
}

void dyncast_stream_fini(void)
{
	struct dyncast_stream *stream;

	dyncast_event_off(&t_run);
	while ((stream = stream_list_pop(&ready)) ||
	       (stream = stream_list_pop(&waiting)))
		end_stream(stream);
}
