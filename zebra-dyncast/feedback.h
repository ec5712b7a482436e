/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What bgpd hears of local instances: see feedback.c.
 */

#ifndef DYNCAST_ZEBRA_FEEDBACK_H
#define DYNCAST_ZEBRA_FEEDBACK_H

struct dyncast_backend;

/* tell bgpd what became of a local instance, when that changed */
void dyncast_feedback(struct dyncast_backend *backend);
/* all again: a new epoch */
void dyncast_feedback_all(void);
/* bgpd asks: say again what is known */
void dyncast_feedback_repeat(void);

#endif /* DYNCAST_ZEBRA_FEEDBACK_H */
