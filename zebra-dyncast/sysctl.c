// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Reads what the system has set, and writes what concerns devices of our own
 * only.  zebra's main thread, and tests/bpf/dp_tool.
 */

#include "dataplane_port.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sysctl.h"

int dyncast_sysctl(const char *family, const char *name)
{
	char path[128], text[16] = "";
	int fd;

	snprintf(path, sizeof(path), "/proc/sys/net/%s/%s", family, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	if (read(fd, text, sizeof(text) - 1) < 0)
		text[0] = '\0';
	close(fd);
	return atoi(text);
}

void dyncast_sysctl_zero(const char *family, const char *device,
			 const char *what)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "/proc/sys/net/%s/conf/%s/%s", family,
		 device, what);
	dyncast_dp_privs
	{
		fd = open(path, O_WRONLY | O_CLOEXEC);
		if (fd >= 0) {
			if (write(fd, "0", 1) < 0)
				dyncast_dp_warn("cannot write %s: %s", path,
						strerror(errno));
			close(fd);
		}
	}
}
