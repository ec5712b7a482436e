/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Commands whose answer is too long, or takes too long, for one event of
 * zebra's loop: they run in short steps, and what they say goes out as fast as
 * the reader takes it, so neither time nor memory is held up.
 *
 * A vtysh session is suspended meanwhile (CMD_SUSPEND, as watchfrr does) and
 * gets the result at the end.  Others (telnet, a terminal) have pagers that
 * want all of it at once: their answer is cut when its time is over.
 *
 * Main thread.
 */

#ifndef DYNCAST_ZEBRA_VTY_STREAM_H
#define DYNCAST_ZEBRA_VTY_STREAM_H

#include "lib/printfrr.h"
#include "lib/vty.h"

struct dyncast_stream;

/*
 * Some output or work, well below DYNCAST_STREAM_STEP_US; true while there is
 * more.  When dyncast_stream_cut() it must come to its end at once.
 */
typedef bool dyncast_stream_step_fn(struct dyncast_stream *stream, void *arg);

/* what steps may take in one event, of all streams together */
#define DYNCAST_STREAM_STEP_US 3000

/*
 * Run it; the value is what the command returns.  `end` frees arg: when all is
 * said, when the reader has gone, or when zebra ends.
 */
int dyncast_stream_start(struct vty *vty, dyncast_stream_step_fn *step,
			 void (*end)(void *arg), void *arg);
/* Likewise for nobody: what it says is not read.  False, and `end` has been
 * called, when too many run. */
bool dyncast_stream_start_silent(dyncast_stream_step_fn *step,
				 void (*end)(void *arg), void *arg);
void dyncast_stream_put(struct dyncast_stream *stream, const char *text,
			size_t size);
void dyncast_stream_printf(struct dyncast_stream *stream, const char *fmt, ...)
	PRINTFRR(2, 3);
bool dyncast_stream_cut(const struct dyncast_stream *stream);
/* the longest that this command has held up the event loop, and what of it was
 * this thread's own work */
unsigned int dyncast_stream_longest_us(const struct dyncast_stream *stream);
unsigned int dyncast_stream_longest_cpu_us(const struct dyncast_stream *stream);
/* since it began */
unsigned int dyncast_stream_elapsed_ms(const struct dyncast_stream *stream);

void dyncast_stream_fini(void);

#endif /* DYNCAST_ZEBRA_VTY_STREAM_H */
