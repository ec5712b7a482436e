// SPDX-License-Identifier: GPL-2.0-or-later
/* See vty_stream.h. */

#include <zebra.h>

#include <fcntl.h>

#include "lib/buffer.h"
#include "lib/command.h"
#include "lib/memory.h"
#include "lib/network.h"

#include "compat.h"
#include "module.h"
#include "vty_stream.h"

DEFINE_MTYPE_STATIC(DYNCAST_ZEBRA, DYNCAST_STREAM, "Dyncast long answer");

#define STREAMS_MAX 16
/* flushing writes 64 KiB each time */
#define FLUSHES_MAX 8

struct dyncast_stream {
	struct dyncast_stream *next;
	dyncast_stream_step_fn *step;
	void (*end)(void *arg);
	void *arg;

	struct vty *vty; /* answers in one go; NULL: a vtysh session's .. */
	int fd;		 /* .. own socket, so the session may go away */
	struct buffer *buffer;
	struct event *t_step, *t_write;

	bool cut;
	bool said; /* all of it, and the result */
	int64_t began_us;
	int64_t longest_us, longest_cpu_us;
};

static struct dyncast_stream *streams;
static unsigned int n_streams;

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

static void end_stream(struct dyncast_stream *stream)
{
	struct dyncast_stream **p = &streams;

	while (*p != stream)
		p = &(*p)->next;
	*p = stream->next;
	n_streams--;
	dyncast_event_off(&stream->t_step);
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

static void go_on(struct dyncast_stream *stream, bool pending);

static void run(struct event *e)
{
	struct dyncast_stream *stream = EVENT_ARG(e);
	int64_t began = now_us(), cpu_began = cpu_us();
	buffer_status_t status = flush(stream);

	while (status == BUFFER_EMPTY && !stream->said &&
	       now_us() - began < DYNCAST_STREAM_STEP_US) {
		if (!stream->step(stream, stream->arg))
			say_result(stream);
		status = flush(stream);
	}
	stream->longest_us = MAX(stream->longest_us, now_us() - began);
	stream->longest_cpu_us =
		MAX(stream->longest_cpu_us, cpu_us() - cpu_began);
	if (status == BUFFER_ERROR || (status == BUFFER_EMPTY && stream->said))
		end_stream(stream);
	else
		go_on(stream, status == BUFFER_PENDING);
}

/* when the reader has taken something, or after what else waits */
static void go_on(struct dyncast_stream *stream, bool pending)
{
	if (pending)
		event_add_write(dyncast_loop, run, stream, stream->fd,
				&stream->t_write);
	else
		event_add_event(dyncast_loop, run, stream, 0, &stream->t_step);
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

static void start(int fd, dyncast_stream_step_fn *step, void (*end)(void *arg),
		  void *arg)
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
	stream->next = streams;
	streams = stream;
	n_streams++;
	go_on(stream, false);
}

bool dyncast_stream_start_silent(dyncast_stream_step_fn *step,
				 void (*end)(void *arg), void *arg)
{
	int fd = n_streams < STREAMS_MAX ? open("/dev/null", O_WRONLY) : -1;

	if (fd < 0) {
		end(arg);
		return false;
	}
	start(fd, step, end, arg);
	return true;
}

int dyncast_stream_start(struct vty *vty, dyncast_stream_step_fn *step,
			 void (*end)(void *arg), void *arg)
{
	int fd = -1;

	/* a filter is the session's, and so is text of a command before that
	 * is still on its way */
	if (vty->type == VTY_SHELL_SERV && !vty->filter &&
	    n_streams < STREAMS_MAX &&
	    buffer_flush_available(vty->obuf, vty->wfd) == BUFFER_EMPTY)
		fd = dup(vty->wfd);
	if (fd < 0)
		return run_at_once(vty, step, end, arg);
	start(fd, step, end, arg);
	return CMD_SUSPEND;
}

void dyncast_stream_fini(void)
{
	while (streams)
		end_stream(streams);
}
