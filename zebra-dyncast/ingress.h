/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interfaces that steer, or that unpack what other sites send: see ingress.c.
 */

#ifndef DYNCAST_ZEBRA_INGRESS_H
#define DYNCAST_ZEBRA_INGRESS_H

#include <stdbool.h>
#include <stdint.h>

void dyncast_ingress_add(const char *ifname);
void dyncast_ingress_del(const char *ifname);
/* bring everything in line with the interfaces that there are */
void dyncast_ingress_scan(void);
void dyncast_ingress_scan_later(void);
/* detach what is attached since before a restart and not configured any more */
void dyncast_ingress_forget(void);
/* all are detached by other means; what is configured stays so */
void dyncast_ingress_clear(void);
void dyncast_ingress_fini(void);

/* names as configured, in their order; also those that do not exist */
void dyncast_ingress_names(void (*fn)(const char *ifname, void *arg),
			   void *arg);

struct dyncast_ingress {
	const char *name;
	uint32_t ifindex; /* 0: no such interface, or the kernel refuses it */
	uint32_t flags;	  /* DYNCAST_DP_ATTACH_* */
};
typedef void dyncast_ingress_fn(const struct dyncast_ingress *ingress,
				void *arg);
/* all that are attached, and names that wait for an interface */
void dyncast_ingress_each(dyncast_ingress_fn *fn, void *arg);
/* the kernel has taken the program for it */
bool dyncast_ingress_attached(const char *ifname);

/* the table of a VRF; false when it is not there (yet), or is a network
 * namespace, where we steer nothing */
bool dyncast_vrf_table(uint32_t vrf_id, uint32_t *table_id);
/* 0 when unknown */
uint16_t dyncast_ifindex_mtu(uint32_t ifindex);
/* the widest of the interfaces that steer; 0 when none does */
uint32_t dyncast_ingress_mtu(void);
const char *dyncast_ifindex_name(uint32_t ifindex);

#endif /* DYNCAST_ZEBRA_INGRESS_H */
