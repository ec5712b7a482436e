// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Copies between data trees of frr-dyncast.yang and structures; see leaf.h.
 * Values have passed libyang's types, so that what does not parse here is a
 * mistake of a table, and is left out.
 */

#include <zebra.h>

#include "lib/prefix.h"
#include "lib/printfrr.h"

#include "leaf.h"
#include "managed.h"
#include "../lib/addr.h"

static const void *member(const struct dyncast_leaf *leaf, const void *object)
{
	return (const char *)object + leaf->offset;
}

static uint8_t enum_read(const struct dyncast_leaf *leaf, const char *value)
{
	unsigned int i;

	for (i = 0; leaf->names[i]; i++)
		if (!strcmp(leaf->names[i], value))
			return i;
	return 0;
}

static void value_read(const struct dyncast_leaf *leaf, const char *value,
		       void *to)
{
	unsigned long number = strtoul(value, NULL, 10);

	switch (leaf->type) {
	case DYNCAST_LEAF_BOOL:
		*(bool *)to = !strcmp(value, "true");
		break;
	case DYNCAST_LEAF_U8:
		*(uint8_t *)to = number;
		break;
	case DYNCAST_LEAF_U16:
		*(uint16_t *)to = number;
		break;
	case DYNCAST_LEAF_U32:
		*(uint32_t *)to = number;
		break;
	case DYNCAST_LEAF_ENUM:
		*(uint8_t *)to = enum_read(leaf, value);
		break;
	case DYNCAST_LEAF_TEXT:
		strlcpy(to, value, leaf->size);
		break;
	case DYNCAST_LEAF_ADDR:
	case DYNCAST_LEAF_SITE: /* "local" is none, and stays it */
		dyncast_addr_parse(value, to);
		break;
	case DYNCAST_LEAF_PREFIX:
		if (dyncast_prefix_parse(value, to))
			dyncast_prefix_mask(to);
		break;
	case DYNCAST_LEAF_IN4:
		inet_pton(AF_INET, value, to);
		break;
	case DYNCAST_LEAF_IN6:
		inet_pton(AF_INET6, value, to);
		break;
	case DYNCAST_LEAF_PREFIX4:
		str2prefix_ipv4(value, to);
		break;
	}
}

/* mgmtd does not tell a default that somebody has said from one that nobody has
 */
static bool is_default(const struct lyd_node *leaf)
{
	return leaf->flags & LYD_DEFAULT ||
	       (dyncast_managed() && lyd_is_default(leaf));
}

/* path: of the containers between the structure's node and this one */
static void read_below(const struct lyd_node *node, const char *path,
		       const struct dyncast_leaf *table, void *object)
{
	const struct dyncast_leaf *leaf;
	const struct lyd_node *child;
	char here[128];

	LY_LIST_FOR (lyd_child(node), child) {
		snprintf(here, sizeof(here), "%s%s%s", path, *path ? "/" : "",
			 child->schema->name);
		if (child->schema->nodetype == LYS_CONTAINER)
			read_below(child, here, table, object);
		if (child->schema->nodetype != LYS_LEAF || is_default(child))
			continue;
		for (leaf = table; leaf->path; leaf++) {
			if (strcmp(leaf->path, here))
				continue;
			value_read(leaf, lyd_get_value(child),
				   (char *)object + leaf->offset);
			if (leaf->has_mark)
				*(bool *)((char *)object + leaf->mark) = true;
		}
	}
}

void dyncast_leaf_read(const struct lyd_node *node,
		       const struct dyncast_leaf *table, void *object)
{
	read_below(node, "", table, object);
}

/* false when the member is zero, which says nothing */
static bool value_str(const struct dyncast_leaf *leaf, const void *from,
		      char *buf, size_t size)
{
	const struct dyncast_prefix *prefix = from;
	const struct dyncast_addr *addr = from;
	uint32_t number = 0;

	switch (leaf->type) {
	case DYNCAST_LEAF_BOOL:
		strlcpy(buf, *(bool *)from ? "true" : "false", size);
		return *(bool *)from;
	case DYNCAST_LEAF_U8:
	case DYNCAST_LEAF_ENUM:
		number = *(uint8_t *)from;
		break;
	case DYNCAST_LEAF_U16:
		number = *(uint16_t *)from;
		break;
	case DYNCAST_LEAF_U32:
		number = *(uint32_t *)from;
		break;
	case DYNCAST_LEAF_TEXT:
		strlcpy(buf, from, size);
		return buf[0];
	case DYNCAST_LEAF_SITE:
		if (addr->family)
			dyncast_addr_str(addr, buf, size);
		else
			strlcpy(buf, "local", size);
		return true;
	case DYNCAST_LEAF_ADDR:
		dyncast_addr_str(addr, buf, size);
		return addr->family;
	case DYNCAST_LEAF_PREFIX:
		dyncast_prefix_str(prefix, buf, size);
		return prefix->addr.family;
	case DYNCAST_LEAF_IN4:
		inet_ntop(AF_INET, from, buf, size);
		return ((const struct in_addr *)from)->s_addr != INADDR_ANY;
	case DYNCAST_LEAF_IN6:
		inet_ntop(AF_INET6, from, buf, size);
		return !IN6_IS_ADDR_UNSPECIFIED((const struct in6_addr *)from);
	case DYNCAST_LEAF_PREFIX4:
		snprintfrr(buf, size, "%pFX", (const struct prefix *)from);
		return true;
	}
	if (leaf->type == DYNCAST_LEAF_ENUM)
		strlcpy(buf, leaf->names[number], size);
	else
		snprintf(buf, size, "%u", number);
	return number != 0;
}

/* false when the object says nothing of this leaf */
static bool leaf_str(const struct dyncast_leaf *leaf, const void *object,
		     char *buf, size_t size)
{
	bool present = value_str(leaf, member(leaf, object), buf, size);

	if (leaf->has_mark)
		return *(const bool *)((const char *)object + leaf->mark);
	return leaf->present ? leaf->present(object) : present;
}

void dyncast_leaf_write(struct lyd_node *node, const struct dyncast_leaf *table,
			const void *object)
{
	const struct dyncast_leaf *leaf;
	char value[128];

	for (leaf = table; leaf->path; leaf++) {
		if (leaf_str(leaf, object, value, sizeof(value)))
			lyd_new_path(node, NULL, leaf->path, value,
				     LYD_NEW_PATH_UPDATE, NULL);
	}
}

void dyncast_leaf_diff(const struct dyncast_leaf *table, const void *was,
		       const void *want, dyncast_leaf_diff_fn *fn, void *arg)
{
	const struct dyncast_leaf *leaf;
	char before[128], after[128];
	bool had, has;

	for (leaf = table; leaf->path; leaf++) {
		had = leaf_str(leaf, was, before, sizeof(before));
		has = leaf_str(leaf, want, after, sizeof(after));
		if (has && (!had || strcmp(before, after)))
			fn(leaf->path, after, arg);
		else if (had && !has)
			fn(leaf->path, NULL, arg);
	}
}

const struct lyd_node *dyncast_leaf_child(const struct lyd_node *node,
					  const char *name)
{
	const struct lyd_node *child;

	LY_LIST_FOR (lyd_child(node), child) {
		if (!strcmp(child->schema->name, name))
			return child;
	}
	return NULL;
}
