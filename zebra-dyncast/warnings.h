/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the system's settings do to our packets: see warnings.c.
 */

#ifndef DYNCAST_ZEBRA_WARNINGS_H
#define DYNCAST_ZEBRA_WARNINGS_H

/* each a sentence for `show dyncast forwarding`; none when all is well */
void dyncast_warnings_each(void (*fn)(const char *text, void *arg), void *arg);

#endif /* DYNCAST_ZEBRA_WARNINGS_H */
