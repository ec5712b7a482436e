/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The interfaces whose incoming packets are steered.  See ingress.c.
 */

#ifndef DYNCAST_ZEBRA_INGRESS_H
#define DYNCAST_ZEBRA_INGRESS_H

#include <stdbool.h>
#include <stdint.h>

/* configured names; attached when the interface exists */
void dyncast_ingress_add(const char *ifname);
void dyncast_ingress_del(const char *ifname);
bool dyncast_ingress_exists(const char *ifname);

void dyncast_ingress_scan(void);
void dyncast_ingress_scan_later(void);
/* detach what is attached since before a restart and configured no more */
void dyncast_ingress_forget(void);
void dyncast_ingress_fini(void);

typedef void dyncast_ingress_fn(const char *ifname, uint32_t ifindex,
				bool attached, void *arg);
void dyncast_ingress_each(dyncast_ingress_fn *fn, void *arg);

/* a VRF's kernel table; false when the VRF is not there */
bool dyncast_vrf_table(uint32_t vrf_id, uint32_t *table_id);

/* MTU of an interface in any VRF, 0 unknown */
uint16_t dyncast_ifindex_mtu(uint32_t ifindex);
const char *dyncast_ifindex_name(uint32_t ifindex);

#endif /* DYNCAST_ZEBRA_INGRESS_H */
