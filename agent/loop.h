/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The agent's one thread: timers, libcurl's sockets, the router's socket and
 * signals, waited for together.  Owns the configuration in use and the targets,
 * and exchanges them when SIGHUP asks for a reload.
 */

#ifndef DYNCAST_AGENT_LOOP_H
#define DYNCAST_AGENT_LOOP_H

#include "config.h"

/* Runs until SIGTERM or SIGINT.  Takes the configuration over; `file` is where
 * a reload reads the next one.  Returns main's exit status. */
int dyncast_loop_run(struct dyncast_config *config, const char *file);

#endif /* DYNCAST_AGENT_LOOP_H */
