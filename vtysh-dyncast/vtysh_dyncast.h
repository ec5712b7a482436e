/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What commands.py generates and vtysh_dyncast.c calls. */

#ifndef VTYSH_DYNCAST_H
#define VTYSH_DYNCAST_H

/* install every proxy command of the modules, in the nodes they belong to */
void dyncast_vtysh_install(void);

#endif /* VTYSH_DYNCAST_H */
