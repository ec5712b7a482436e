/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where metric agents (D-MA) report: a unix stream socket beside bgpd's vty
 * socket, JSON lines as in lib/agent_line.h.
 *
 * bgpd's main thread; nothing blocks: reads per event and buffered bytes per
 * client are bounded.  draft-li-dyncast-architecture-00 section 4.1: the D-MA
 * feeds its router by a management interface.
 */

#ifndef BGPD_DYNCAST_AGENT_SOCKET_H
#define BGPD_DYNCAST_AGENT_SOCKET_H

#include "service.h"

void dyncast_agent_init(void);
void dyncast_agent_fini(void);
/* once a second */
void dyncast_agent_tick(struct dyncast_service *service);

struct dyncast_agent_status {
	char path[320]; /* empty: there is no socket, see the log */
	unsigned int clients;
	uint64_t lines, bad_lines, half_lines, overlong, refused;
};
void dyncast_agent_status_get(struct dyncast_agent_status *out);

#endif /* BGPD_DYNCAST_AGENT_SOCKET_H */
