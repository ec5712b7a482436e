/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What dataplane*.c needs of its surroundings: privileges and a log.  Inside
 * zebra both are FRR's; with DYNCAST_NO_FRR (tests, tests/bpf/dp_tool) the
 * process has its privileges anyway and the log is stderr.
 *
 * Must be the first include of each file: zebra.h brings config.h.
 *
 * dyncast_dp_privs { ... } raises privileges around every bpf(), mount() and
 * netlink call; it nests, and leaving the block by return is fine.
 */

#ifndef DYNCAST_DATAPLANE_PORT_H
#define DYNCAST_DATAPLANE_PORT_H

#ifdef DYNCAST_NO_FRR

#include <stdio.h>

#define dyncast_dp_privs
#define dyncast_dp_log(level, fmt, ...)                                        \
	fprintf(stderr, level ": " fmt "\n", ##__VA_ARGS__)
#define dyncast_dp_warn(fmt, ...) dyncast_dp_log("warning", fmt, ##__VA_ARGS__)
#define dyncast_dp_info(fmt, ...) dyncast_dp_log("info", fmt, ##__VA_ARGS__)

#else

#include <zebra.h>

#include "log.h"
#include "privs.h"

extern struct zebra_privs_t zserv_privs;

#define dyncast_dp_privs frr_with_privs (&zserv_privs)
#define dyncast_dp_warn(fmt, ...) zlog_warn("dyncast: " fmt, ##__VA_ARGS__)
#define dyncast_dp_info(fmt, ...) zlog_info("dyncast: " fmt, ##__VA_ARGS__)

#endif

#endif /* DYNCAST_DATAPLANE_PORT_H */
