// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The bpffs that holds our pins.
 *
 * zebra runs as user frr, whom a bpffs mounted by root commonly refuses, so
 * the module mounts one of its own beside zebra's socket, and finds it there
 * after a restart.  zebra's main thread, privileges raised by the caller.
 */

#include "dataplane_port.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <linux/magic.h>

#include "dataplane_internal.h"

static bool is_bpffs(const char *dir)
{
	struct statfs fs;

	return !statfs(dir, &fs) && (unsigned long)fs.f_type == BPF_FS_MAGIC;
}

bool dyncast_dp_fs_mount(const char *dir)
{
	if (is_bpffs(dir))
		return true;
	if (mkdir(dir, 0700) && errno != EEXIST) {
		dyncast_dp_fail("cannot make directory %s: %s", dir,
				strerror(errno));
		return false;
	}
	if (mount("dyncast", dir, "bpf", MS_NOSUID | MS_NODEV | MS_NOEXEC,
		  NULL)) {
		dyncast_dp_fail("cannot mount a bpffs at %s: %s", dir,
				strerror(errno));
		return false;
	}
	/* Kernels differ in who owns the root of a new bpffs: us, or root with
	 * a mode that lets us in.  Only in the first case this is allowed;
	 * pins are 0600 in any case. */
	if (chmod(dir, 0700) && errno != EPERM)
		dyncast_dp_warn("chmod of %s: %s", dir, strerror(errno));
	return true;
}

bool dyncast_dp_fs_path(char path[PATH_MAX], const char *name)
{
	return snprintf(path, PATH_MAX, "%s/%s", dyncast_dp.dir, name) <
	       PATH_MAX;
}

/* v1_flows, v2_slots, ...: the version, and what is behind it; 0 else */
static unsigned long pin_version(const char *name, const char **rest)
{
	unsigned long version;
	char *end;

	if (name[0] != 'v' || name[1] < '1' || name[1] > '9')
		return 0;
	version = strtoul(name + 1, &end, 10);
	*rest = end + 1;
	return *end == '_' ? version : 0;
}

/* true when it was of a later layout */
static bool adopt(int dir, const char *name)
{
	const char *rest = NULL;
	unsigned long version = pin_version(name, &rest);
	char ours[NAME_MAX + 1];

	if (!version || version == DYNCAST_MAP_VERSION)
		return false;
	if (version > DYNCAST_MAP_VERSION) {
		unlinkat(dir, name, 0);
		return true;
	}
	/* an attachment is one whatever the maps are; dataplane_upgrade.c sees
	 * to those */
	if (strncmp(rest, "link_", 5) == 0 &&
	    snprintf(ours, sizeof(ours), DYNCAST_MAP_PIN_PREFIX "%s", rest) <
		    (int)sizeof(ours))
		renameat(dir, name, dir, ours);
	return false;
}

bool dyncast_dp_fs_adopt(const char *dir)
{
	struct dirent *entry;
	bool later = false;
	DIR *listing = opendir(dir);

	if (!listing)
		return false;
	while ((entry = readdir(listing)))
		later |= adopt(dirfd(listing), entry->d_name);
	closedir(listing);
	if (later)
		dyncast_dp_warn(
			"what is pinned in %s is of a later release, whose map layout this one (%d) does not know: it is removed, and flows are placed anew",
			dir, DYNCAST_MAP_VERSION);
	return later;
}

void dyncast_dp_fs_remove(const char *dir)
{
	bool other = false;
	const char *rest;
	struct dirent *entry;
	DIR *listing = opendir(dir);

	if (!listing || !is_bpffs(dir)) {
		if (listing)
			closedir(listing);
		return;
	}
	while ((entry = readdir(listing))) {
		/* no pin has a dot; the kernel's own *.debug files do */
		if (strchr(entry->d_name, '.'))
			continue;
		if (!pin_version(entry->d_name, &rest) ||
		    unlinkat(dirfd(listing), entry->d_name, 0))
			other = true;
	}
	closedir(listing);
	if (other) {
		dyncast_dp_warn("%s stays mounted: it holds pins of others",
				dir);
		return;
	}
	/* EINVAL: a directory in a bpffs that someone else has mounted */
	if (umount2(dir, UMOUNT_NOFOLLOW) && errno != EINVAL)
		dyncast_dp_warn("cannot unmount %s: %s", dir, strerror(errno));
	rmdir(dir);
}
