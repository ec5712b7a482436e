/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sends routes again that zebra or the kernel may have lost without telling.
 * See resend.c.
 */

#ifndef DYNCAST_ZEBRA_RESEND_H
#define DYNCAST_ZEBRA_RESEND_H

#include <stdint.h>

/* those that lead to that interface: it came up, or has a new address */
void dyncast_resend_later(uint32_t ifindex);
/* the session to zebra is new: it has none of our routes */
void dyncast_resend_all(void);
void dyncast_resend_fini(void);

#endif /* DYNCAST_ZEBRA_RESEND_H */
