/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where this zebra listens for its clients.  See zserv_socket.c.
 */

#ifndef DYNCAST_ZEBRA_ZSERV_SOCKET_H
#define DYNCAST_ZEBRA_ZSERV_SOCKET_H

#include <stdbool.h>
#include <stddef.h>

/* path of the socket; false when zebra has no unix socket */
bool dyncast_zserv_path(char *buf, size_t size);

/* point libfrr's client code at it */
void dyncast_zserv_address(void);

#endif /* DYNCAST_ZEBRA_ZSERV_SOCKET_H */
