/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From candidates to the kernel: verdicts, weights, ring, data plane, route.
 * See decide.c.
 */

#ifndef DYNCAST_ZEBRA_DECIDE_H
#define DYNCAST_ZEBRA_DECIDE_H

#include <stdint.h>

struct dyncast_service;
struct dyncast_backend;

/* why a candidate has no weight, DYNCAST_VERDICT_OK when it may have one */
uint8_t dyncast_backend_verdict(const struct dyncast_backend *backend);
/* the decision's verdict where it decided, the fresh one where it was asked */
uint8_t dyncast_backend_verdict_now(const struct dyncast_backend *backend);
/* age of its metrics now, in ms */
uint32_t dyncast_backend_age(const struct dyncast_backend *backend);
/* metric of the route to it */
uint32_t dyncast_backend_metric(const struct dyncast_backend *backend);

/* decide within `ms`; a few calls in a row make one decision */
void dyncast_decide_later(struct dyncast_service *service, unsigned int ms);

/*
 * Failure rule (a), at once: program the instance as dead if its site says so,
 * without waiting for the decision that follows.
 */
void dyncast_backend_check(struct dyncast_backend *backend);

#endif /* DYNCAST_ZEBRA_DECIDE_H */
