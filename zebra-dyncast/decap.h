/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The egress half of IP-in-IP: see decap.c.
 */

#ifndef DYNCAST_ZEBRA_DECAP_H
#define DYNCAST_ZEBRA_DECAP_H

#include <stdbool.h>

struct dyncast_backend;

/* who takes the outer header off for a local instance of kind IPIP */
enum dyncast_decap {
	DYNCAST_DECAP_NONE,
	DYNCAST_DECAP_BPF,
	DYNCAST_DECAP_DEVICE, /* the kernel's own ipip or sit device */
};

/* bring the kernel in line with the candidate, after it was programmed; also
 * called by tunnel.c when a device came or went */
void dyncast_decap_update(struct dyncast_backend *backend);
/* .. which the kernel did not follow the last time */
bool dyncast_decap_pending(const struct dyncast_backend *backend);
/* it is about to be freed */
void dyncast_decap_forget(struct dyncast_backend *backend);
/* why it cannot be reached by IP-in-IP; NULL when it can, or may soon */
const char *dyncast_decap_problem(const struct dyncast_backend *backend);
/* interfaces towards other sites must unpack */
bool dyncast_decap_wanted(void);
/* bgpd has said all: devices of a former run that nobody has claimed go */
void dyncast_decap_sweep(void);
/* `clear dyncast forwarding`: devices go, and all at once; the rest goes with
 * the candidates' ids */
void dyncast_decap_cleared(void);
/* "bpf", "device" or NULL */
const char *dyncast_decap_str(const struct dyncast_backend *backend);

#endif /* DYNCAST_ZEBRA_DECAP_H */
