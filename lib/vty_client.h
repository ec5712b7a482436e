/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Asking an FRR daemon by its vty socket, as vtysh does: a command and a zero
 * byte go in; text, three zero bytes and a return code come out.  For
 * dyncast-exporter and vtysh's extension, which both want an answer or an error
 * in bounded time and memory, whatever state the daemon is in.
 *
 * Blocks its caller until the deadline; never used in a daemon of FRR's.
 */

#ifndef DYNCAST_VTY_CLIENT_H
#define DYNCAST_VTY_CLIENT_H

#include <stddef.h>
#include <stdint.h>

enum dyncast_vty_result {
	DYNCAST_VTY_OK,
	DYNCAST_VTY_NOT_RUNNING, /* no socket, or nobody listens there */
	DYNCAST_VTY_DENIED,	 /* no permission, no memory, .. */
	DYNCAST_VTY_TIMEOUT,
	DYNCAST_VTY_CLOSED, /* the daemon ended, or does not speak this */
	DYNCAST_VTY_TOO_LARGE,
	DYNCAST_VTY_REFUSED, /* it does not know the command */
};
const char *dyncast_vty_result_str(enum dyncast_vty_result result);

struct dyncast_vty {
	int fd;
	int64_t deadline_ms; /* of everything that is asked */
	size_t answer_max;
};

/* Connect to the socket at `path`.  *vty is to be closed only when it worked.
 */
enum dyncast_vty_result dyncast_vty_open(struct dyncast_vty *vty,
					 const char *path,
					 unsigned int timeout_ms,
					 size_t answer_max);
/*
 * Ask.  With DYNCAST_VTY_OK *answer is text that the caller frees; NULL
 * otherwise.  After any other result but REFUSED the connection is of no use.
 */
enum dyncast_vty_result dyncast_vty_ask(struct dyncast_vty *vty,
					const char *command, char **answer);
void dyncast_vty_close(struct dyncast_vty *vty);

#endif /* DYNCAST_VTY_CLIENT_H */
