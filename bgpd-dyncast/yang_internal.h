/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the files of bgpd's YANG container share.  Nobody else includes this.
 */

#ifndef BGPD_DYNCAST_YANG_INTERNAL_H
#define BGPD_DYNCAST_YANG_INTERNAL_H

#include "yang.h"

#include "../yang/leaf.h"
#include "../yang/northbound.h"

extern const struct dyncast_leaf dyncast_router_leaves[];   /* dyncast_state */
extern const struct dyncast_leaf dyncast_service_leaves[];  /* _service */
extern const struct dyncast_leaf dyncast_local_leaves[];    /* _local */
extern const struct dyncast_leaf dyncast_neighbor_leaves[]; /* _neighbor */

/* configuration only, from the node of a service, instance, … */
void dyncast_yang_read_service(const struct lyd_node *node,
			       struct dyncast_service *want);
void dyncast_yang_read_local(const struct lyd_node *node,
			     struct dyncast_local *want);
void dyncast_yang_read_neighbor(const struct lyd_node *node,
				struct dyncast_neighbor *want);
void dyncast_yang_read_router(const struct lyd_node *container,
			      struct dyncast_state *want);
/* value of the leaf "name" */
const char *dyncast_yang_name(const struct lyd_node *node);

/* yang_write.c: new children of a data store's container */
void dyncast_yang_write_service(struct lyd_node *container, const void *name);
void dyncast_yang_write_router(struct lyd_node *container, const void *unused);

/* yang_state.c */
extern const struct dyncast_nb_list dyncast_yang_lists[];
struct yang_data *dyncast_yang_get(const char *leaf,
				   struct nb_cb_get_elem_args *args);

#endif /* BGPD_DYNCAST_YANG_INTERNAL_H */
