/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the files with configuration commands share.  Nobody else includes
 * this.
 */

#ifndef BGPD_DYNCAST_CLI_INTERNAL_H
#define BGPD_DYNCAST_CLI_INTERNAL_H

#include "apply.h"
#include "cli.h"
#include "yang.h"
#include "../yang/managed.h"

#define DYNCAST_STR "Compute-aware anycast\n"
#define SERVICE_STR                                                            \
	"A service: one anycast address at many sites\nName of the service\n"

#ifdef DYNCAST_MGMTD
/* the functions of apply.h edit the candidate, see there */
#include "../mgmtd-dyncast/edit.h"
#define APPLY(vty, call)                                                       \
	({                                                                     \
		struct dyncast_apply apply = {.phase = DYNCAST_APPLY};         \
		dyncast_edit_begin(vty);                                       \
		dyncast_edit_end(call, apply.error);                           \
	})
#define APPLY_SERVICE(vty, name, call) APPLY(vty, call)
/* what is configured of the site, which its lines change a part of */
struct dyncast_site_config dyncast_edit_site(struct vty *vty);
#define SITE(vty) dyncast_edit_site(vty)
#else
#define SITE(vty) (dyncast_state.site)
/* Run both phases of one apply function.  APPLY is for settings of the router,
 * APPLY_SERVICE for a service's: what changed is told to the northbound. */
#define APPLY(vty, call) APPLY_THEN(vty, call, dyncast_yang_sync_router())
#define APPLY_SERVICE(vty, name, call)                                         \
	APPLY_THEN(vty, call, dyncast_yang_sync_service(name))
#define APPLY_THEN(vty, call, then)                                            \
	({                                                                     \
		struct dyncast_apply apply = {.phase = DYNCAST_VALIDATE};      \
		int _result = CMD_WARNING_CONFIG_FAILED;                       \
		if (dyncast_managed_refuse(vty)) {                             \
			;                                                      \
		} else if (call) {                                             \
			apply.phase = DYNCAST_APPLY;                           \
			(void)(call);                                          \
			then;                                                  \
			_result = CMD_SUCCESS;                                 \
		} else {                                                       \
			vty_out(vty, "%% dyncast: %s\n", apply.error);         \
		}                                                              \
		_result;                                                       \
	})
#endif

/* cli.c, cli_router.c, cli_write.c */
void dyncast_cli_service_init(void);
void dyncast_cli_router_init(void);
int dyncast_cli_write(struct vty *vty);

#endif /* BGPD_DYNCAST_CLI_INTERNAL_H */
