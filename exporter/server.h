/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The HTTP side of dyncast-exporter: a thread of libmicrohttpd's that answers
 * GET /metrics.  See server.c.
 */

#ifndef DYNCAST_EXPORTER_SERVER_H
#define DYNCAST_EXPORTER_SERVER_H

#include <stddef.h>

struct dyncast_server_config {
	const char *listen; /* ADDRESS:PORT */
	const char *dir;    /* of the vty sockets */
	unsigned int timeout_ms;
};

/* The page, which the caller frees; NULL when out of memory.  *complete: both
 * daemons answered. */
char *dyncast_page_make(const struct dyncast_server_config *config, size_t *len,
			_Bool *complete);

struct dyncast_server;
/* NULL after an error that was logged; config must outlive it */
struct dyncast_server *
dyncast_server_start(const struct dyncast_server_config *config);
void dyncast_server_stop(struct dyncast_server *server);

#endif /* DYNCAST_EXPORTER_SERVER_H */
