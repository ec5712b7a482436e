/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Values of yuma123 as XML and back.  netconfd's only thread.
 */

#ifndef DYNCAST_NETCONF_TEXT_H
#define DYNCAST_NETCONF_TEXT_H

#include "yuma.h"

/* Configuration below val that is set, without what is but a default; an empty
 * element for NULL.  NULL without memory; the caller frees it. */
char *dyncast_text_write(const char *container, val_value_t *val);

/* NULL when it is not valid by the model; the caller owns the value */
val_value_t *dyncast_text_read(const char *xml, obj_template_t *obj);

#endif /* DYNCAST_NETCONF_TEXT_H */
