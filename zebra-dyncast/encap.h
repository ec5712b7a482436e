/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The source address of outer headers.  See encap.c.
 */

#ifndef DYNCAST_ZEBRA_ENCAP_H
#define DYNCAST_ZEBRA_ENCAP_H

#include <stdint.h>
#include "../lib/dyncast.h"

/* for outer packets of this family that leave by this interface; family 0 when
 * this router has no such address at all */
struct dyncast_addr dyncast_encap_source(uint8_t family, uint32_t ifindex);
/* some interface or address is not what it was */
void dyncast_encap_forget(void);

#endif /* DYNCAST_ZEBRA_ENCAP_H */
