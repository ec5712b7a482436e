/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What all files of zebra_dyncast share: its memory group, its debug flag,
 * the main event loop.
 */

#ifndef DYNCAST_ZEBRA_MODULE_H
#define DYNCAST_ZEBRA_MODULE_H

#include "lib/memory.h"
#include "lib/log.h"
#include "lib/vty.h"

DECLARE_MGROUP(DYNCAST_ZEBRA);

extern bool dyncast_debug_zebra;

#define DYNCAST_DEBUG(...)                                                     \
	do {                                                                   \
		if (dyncast_debug_zebra)                                       \
			zlog_debug("dyncast: " __VA_ARGS__);                   \
	} while (0)

/* zebra's main event loop, valid from late_init on */
struct event_loop;
extern struct event_loop *dyncast_loop;

void dyncast_cli_init(void);
void dyncast_show_init(void);
void dyncast_summary_init(void);
void dyncast_show_flows_init(void);
void dyncast_show_flows_fini(void);
void dyncast_show_flow_init(void);
void dyncast_debug_init(void);

/* config lines of `debug dyncast zebra`; number written */
int dyncast_debug_config_write(struct vty *vty);

#endif /* DYNCAST_ZEBRA_MODULE_H */
