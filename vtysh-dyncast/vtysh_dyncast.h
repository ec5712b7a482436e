/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What commands.py generates and vtysh_dyncast.c calls. */

#ifndef VTYSH_DYNCAST_H
#define VTYSH_DYNCAST_H

/* install every proxy command of the modules, in the nodes they belong to;
 * managed: what configures goes to mgmtd */
void dyncast_vtysh_install(bool managed);

/* Ask each of these daemons (VTYSH_.. bits) for the command's JSON and print
 * one object, with a member for each: null when it does not answer. */
int dyncast_vtysh_json(struct vty *vty, unsigned int daemons, int argc,
		       struct cmd_token *argv[]);

#endif /* VTYSH_DYNCAST_H */
