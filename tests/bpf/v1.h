/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The first release as an upgrade meets it: v1_steer.bpf.c with the maps of
 * layout 1, pinned and attached as that release left them.
 */

#ifndef DYNCAST_TEST_V1_H
#define DYNCAST_TEST_V1_H

#include <stdbool.h>
#include <stdint.h>

#include "v1_steer.skel.h"
#include "zebra-dyncast/dataplane_v1.h"

/* path of a pin, in static memory */
const char *v1_path(const char *dir, const char *name);
struct v1_steer *v1_load(void);
bool v1_put(const struct bpf_map *map, const void *key, const void *value);
bool v1_pin_maps(struct v1_steer *v1, const char *dir);
bool v1_attach(struct v1_steer *v1, const char *dir, uint32_t ifindex,
	       uint32_t table_id, bool tcx);

#endif /* DYNCAST_TEST_V1_H */
