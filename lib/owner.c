// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * See owner.h.  An open file description's lock: a fork keeps it, and to look
 * at it takes none, so that who looks is in nobody's way.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

#include "owner.h"

static int owner_open(const char *run_dir, int flags)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", run_dir, DYNCAST_OWNER_FILE);
	return open(path, flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0644);
}

int dyncast_owner_take(const char *run_dir)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	int fd = owner_open(run_dir, O_RDWR | O_CREAT), error;

	if (fd < 0 || fcntl(fd, F_OFD_SETLK, &lock) == 0)
		return fd;
	error = errno;
	close(fd);
	errno = error;
	return -1;
}

bool dyncast_owner_held(const char *run_dir)
{
	struct flock lock = {.l_type = F_RDLCK, .l_whence = SEEK_SET};
	int fd = owner_open(run_dir, O_RDONLY);
	bool held;

	if (fd < 0)
		return false;
	held = fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type == F_WRLCK;
	close(fd);
	return held;
}
