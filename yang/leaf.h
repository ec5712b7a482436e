/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which member of a structure a leaf of frr-dyncast.yang is: one table for each
 * structure serves both directions.  Leaves that are nothing but their default
 * stay out of the structure, members that say nothing stay out of the tree.
 *
 * Main thread of either daemon; called by its yang_*.c.
 */

#ifndef DYNCAST_YANG_LEAF_H
#define DYNCAST_YANG_LEAF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <libyang/libyang.h>

enum dyncast_leaf_type {
	DYNCAST_LEAF_BOOL = 1,
	DYNCAST_LEAF_U8,
	DYNCAST_LEAF_U16,
	DYNCAST_LEAF_U32,
	DYNCAST_LEAF_ENUM, /* in 8 bits, named by `names` */
	DYNCAST_LEAF_TEXT, /* char[]; what does not fit is cut off, and the
			    * model has to see to it that nothing is */
	DYNCAST_LEAF_ADDR,
	DYNCAST_LEAF_SITE, /* an address, "local" for none; with a mark */
	DYNCAST_LEAF_PREFIX,
	DYNCAST_LEAF_IN4,     /* struct in_addr */
	DYNCAST_LEAF_IN6,     /* struct in6_addr */
	DYNCAST_LEAF_PREFIX4, /* FRR's struct prefix_ipv4 */
};

struct dyncast_leaf {
	const char *path; /* relative to the structure's node; NULL ends */
	enum dyncast_leaf_type type;
	size_t offset, size;	  /* of the member */
	const char *const *names; /* by value, NULL ends; "" for none */
	/* the member that says whether it is set, when that is not its not
	 * being zero: a bool, which is written too, or a question */
	bool has_mark;
	size_t mark;
	bool (*present)(const void *object);
};

/* from the leaves below node into object, which holds what absence means */
void dyncast_leaf_read(const struct lyd_node *node,
		       const struct dyncast_leaf *table, void *object);
/* from object into new leaves below node */
void dyncast_leaf_write(struct lyd_node *node, const struct dyncast_leaf *table,
			const void *object);

/* the leaves in which want is other than was; value NULL: absent now */
typedef void dyncast_leaf_diff_fn(const char *path, const char *value,
				  void *arg);
void dyncast_leaf_diff(const struct dyncast_leaf *table, const void *was,
		       const void *want, dyncast_leaf_diff_fn *fn, void *arg);

/* child of this name, or NULL */
const struct lyd_node *dyncast_leaf_child(const struct lyd_node *node,
					  const char *name);

#endif /* DYNCAST_YANG_LEAF_H */
