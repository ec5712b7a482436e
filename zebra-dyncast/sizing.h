/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Memory of the kernel's tables before they are made: see sizing.c.
 */

#ifndef DYNCAST_ZEBRA_SIZING_H
#define DYNCAST_ZEBRA_SIZING_H

#include <stdint.h>

/* bytes; 0 stands for the default */
uint64_t dyncast_sizing_flows(uint32_t flows);
uint64_t dyncast_sizing_services(uint32_t services);

#endif /* DYNCAST_ZEBRA_SIZING_H */
