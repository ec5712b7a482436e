/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What we use of yuma123, whose headers need each other in this order and are
 * not made for -Wall.
 */

#ifndef DYNCAST_NETCONF_YUMA_H
#define DYNCAST_NETCONF_YUMA_H

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wstrict-prototypes"
#include <xmlstring.h>

#include "procdefs.h"

#include "agt.h"
#include "agt_cb.h"
#include "agt_commit_complete.h"
#include "agt_commit_validate.h"
#include "agt_ncx.h"
#include "agt_not.h"
#include "agt_rpc.h"
#include "agt_timer.h"
#include "agt_util.h"
#include "cfg.h"
#include "ncx.h"
#include "ncxmod.h"
#include "obj.h"
#include "status.h"
#include "val.h"
#include "val_util.h"
#include "xml_rd.h"
#pragma GCC diagnostic pop

#define DYNCAST_MODEL ((const xmlChar *)"frr-dyncast")

#endif /* DYNCAST_NETCONF_YUMA_H */
