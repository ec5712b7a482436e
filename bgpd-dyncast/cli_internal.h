/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the files with configuration commands share.  Nobody else includes
 * this.
 */

#ifndef BGPD_DYNCAST_CLI_INTERNAL_H
#define BGPD_DYNCAST_CLI_INTERNAL_H

#include "apply.h"
#include "cli.h"

#define DYNCAST_STR "Compute-aware anycast\n"
#define SERVICE_STR                                                            \
	"A service: one anycast address at many sites\nName of the service\n"

/* run both phases of one apply function */
#define APPLY(vty, call)                                                       \
	({                                                                     \
		struct dyncast_apply apply = {.phase = DYNCAST_VALIDATE};      \
		int _result = CMD_WARNING_CONFIG_FAILED;                       \
		if (call) {                                                    \
			apply.phase = DYNCAST_APPLY;                           \
			(void)(call);                                          \
			_result = CMD_SUCCESS;                                 \
		} else {                                                       \
			vty_out(vty, "%% dyncast: %s\n", apply.error);         \
		}                                                              \
		_result;                                                       \
	})

/* cli_router.c, cli_write.c */
void dyncast_cli_router_init(void);
int dyncast_cli_write(struct vty *vty);

#endif /* BGPD_DYNCAST_CLI_INTERNAL_H */
