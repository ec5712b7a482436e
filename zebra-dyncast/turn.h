/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The ring of a service, turned towards its weights.  See turn.c.
 */

#ifndef DYNCAST_ZEBRA_TURN_H
#define DYNCAST_ZEBRA_TURN_H

struct dyncast_service;

/* Whether it is decided for and shown only: follow the configuration. */
void dyncast_turn_dry_run(struct dyncast_service *service);
/* One step, if one is needed.  ring_left and each candidate's slots are what
 * they are after it; members_changed when the kernel did not take it. */
void dyncast_turn_ring(struct dyncast_service *service);
/* After a restart: slots and weights of candidates that the kernel's ring
 * stands for. */
void dyncast_turn_recover(struct dyncast_service *service);
/* the data plane is about to go */
void dyncast_turn_close(struct dyncast_service *service);
/* .. the service is */
void dyncast_turn_free(struct dyncast_service *service);

#endif /* DYNCAST_ZEBRA_TURN_H */
