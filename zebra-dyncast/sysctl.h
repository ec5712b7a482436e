/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Settings of the kernel's network stack.
 */

#ifndef DYNCAST_ZEBRA_SYSCTL_H
#define DYNCAST_ZEBRA_SYSCTL_H

/* a setting below /proc/sys/net: 0 when it cannot be read */
int dyncast_sysctl(const char *family, const char *name);
/* one of a device of ours: "ipv4" or "ipv6", "dyncast-out", "forwarding".  The
 * log says when it cannot be written. */
void dyncast_sysctl_zero(const char *family, const char *device,
			 const char *what);

#endif /* DYNCAST_ZEBRA_SYSCTL_H */
