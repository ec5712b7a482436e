/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The egress half of IP-in-IP: see decap.c.
 */

#ifndef DYNCAST_ZEBRA_DECAP_H
#define DYNCAST_ZEBRA_DECAP_H

#include <stdbool.h>

struct dyncast_backend;

/* bring the kernel in line with the candidate, after it was programmed */
void dyncast_decap_update(struct dyncast_backend *backend);
/* .. which the kernel did not follow the last time */
bool dyncast_decap_pending(const struct dyncast_backend *backend);
/* it is about to be freed */
void dyncast_decap_forget(struct dyncast_backend *backend);
/* interfaces towards other sites must unpack */
bool dyncast_decap_wanted(void);

#endif /* DYNCAST_ZEBRA_DECAP_H */
