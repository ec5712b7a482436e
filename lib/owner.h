/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who takes the configuration's commands: mgmtd while its module is loaded,
 * else bgpd and zebra themselves.  mgmtd's module holds a lock on a file in
 * FRR's folder of sockets for as long as mgmtd lives, which the kernel lets go
 * with the process, however it ends; the other modules and vtysh's extension
 * look whether somebody has it.
 *
 * Nothing here waits.
 */

#ifndef DYNCAST_OWNER_H
#define DYNCAST_OWNER_H

#include <stdbool.h>

#define DYNCAST_OWNER_FILE "mgmtd_dyncast.lock"

/* Until the process ends, or closes what is returned; -1 with errno
 * (EAGAIN: another mgmtd has it). */
int dyncast_owner_take(const char *run_dir);
/* some 3 microseconds */
bool dyncast_owner_held(const char *run_dir);

#endif /* DYNCAST_OWNER_H */
