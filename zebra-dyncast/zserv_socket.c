/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where this zebra listens for its clients.  zebra keeps the argument of -z
 * to itself, so the answer is taken from the socket: of this process's bound
 * unix sockets, the one that is not a vty.  -N and a changed run
 * directory are covered by the same.
 *
 * Main thread.
 */

#include <zebra.h>

#include <sys/un.h>

#include "lib/libfrr.h"

#include "compat.h"
#include "module.h"
#include "zserv_socket.h"

#define FDS_MAX 1024

static char found[sizeof(((struct sockaddr_un *)0)->sun_path) + 1];

static bool is_vty(const char *path)
{
	size_t len = strlen(path);

	return len >= 4 && strcmp(path + len - 4, ".vty") == 0;
}

/* 10.x binds the socket early and listens later, so a bound one will do; what
 * was accepted from it has the same name */
static bool bound_to(int fd, char *path, size_t size)
{
	struct sockaddr_un addr;
	socklen_t len = sizeof(addr);

	memset(&addr, 0, sizeof(addr));
	if (getsockname(fd, (struct sockaddr *)&addr, &len) < 0 ||
	    addr.sun_family != AF_UNIX || addr.sun_path[0] != '/')
		return false;
	snprintf(path, size, "%.*s", (int)sizeof(addr.sun_path), addr.sun_path);
	return true;
}

bool dyncast_zserv_path(char *buf, size_t size)
{
	char path[sizeof(found)];

	/* the usual place wins over anything else that may listen */
	for (int fd = 3; !found[0] && fd < FDS_MAX; fd++)
		if (bound_to(fd, path, sizeof(path)) &&
		    strcmp(path, frr_zclientpath) == 0)
			strlcpy(found, path, sizeof(found));
	for (int fd = 3; !found[0] && fd < FDS_MAX; fd++)
		if (bound_to(fd, path, sizeof(path)) && !is_vty(path))
			strlcpy(found, path, sizeof(found));
	return found[0] && strlcpy(buf, found, size) < size;
}

void dyncast_zserv_address(void)
{
	char path[sizeof(found)];

	if (!dyncast_zserv_path(path, sizeof(path)) ||
	    !frr_zclient_addr(&zclient_addr, &zclient_addr_len, path))
		frr_zclient_addr(&zclient_addr, &zclient_addr_len,
				 frr_zclientpath);
	DYNCAST_DEBUG("zebra's socket is %s",
		      found[0] ? found : frr_zclientpath);
}
