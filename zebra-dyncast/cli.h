/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What of zebra's command line mgmtd's module has too.
 */

#ifndef DYNCAST_ZEBRA_CLI_H
#define DYNCAST_ZEBRA_CLI_H

struct vty;

/* installs the configuration commands */
void dyncast_cli_forwarding_init(void);
/* the configuration as lines; number written */
int dyncast_cli_write_forwarding(struct vty *vty);

#endif /* DYNCAST_ZEBRA_CLI_H */
