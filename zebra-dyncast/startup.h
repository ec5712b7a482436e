/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Start of the kernel side: see startup.c.  Main thread.
 */

#ifndef DYNCAST_ZEBRA_STARTUP_H
#define DYNCAST_ZEBRA_STARTUP_H

#include <stdbool.h>
#include <stddef.h>

/*
 * The directory of zebra's own socket, where the module's bpffs lies.  False
 * until the socket is there.
 */
bool dyncast_startup_dir(char *buf, size_t size);

/* begins by itself some seconds later, for what a former run has pinned */
void dyncast_startup_init(void);
/* waits for a start that is under way; maps and attachments stay */
void dyncast_startup_fini(void);

/*
 * Is the kernel side as it will be, active or not?  Begins the start when it
 * has not begun, unless all is cleared (clear.h); called by whatever needs it.
 * Until it is true nothing may be entered, attached or read of dataplane.h, and
 * dyncast_dp_active() is false.
 */
bool dyncast_startup_done(void);
/* will it be so soon?  Begins nothing. */
bool dyncast_startup_pending(void);
/* begins, also when all is cleared: clear.c is told the end of it */
void dyncast_startup_begin(void);
/* waits for the end, for those who cannot go on without */
void dyncast_startup_wait(void);

/* the size of a table has changed */
void dyncast_startup_resize(void);
/* take it away again, with all that a former run has left; it can begin anew */
void dyncast_startup_remove(void);

#endif /* DYNCAST_ZEBRA_STARTUP_H */
