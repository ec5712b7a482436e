// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The commands of the whole router that bgpd has, as edits of the candidate:
 * see services.c.  mgmtd's main thread.
 */

#include "../bgpd-dyncast/apply_internal.h"
#include "../bgpd-dyncast/yang_internal.h"

#include "edit.h"

static struct dyncast_state was, want;

static void router_begin(void)
{
	dyncast_yang_read_router(dyncast_edit_find(DYNCAST_SERVICES), &was);
	want = was;
}

static bool router_end(void)
{
	dyncast_edit_diff(DYNCAST_SERVICES, dyncast_router_leaves, &was, &want);
	return true;
}

/* changes members of `want` */
#define EDIT(...)                                                              \
	({                                                                     \
		router_begin();                                                \
		__VA_ARGS__;                                                   \
		router_end();                                                  \
	})

bool dyncast_apply_locator(struct dyncast_apply *apply,
			   const struct dyncast_prefix *locator, bool set)
{
	static const struct dyncast_prefix none;
	const struct dyncast_prefix *to = set ? locator : &none, *own;

	router_begin();
	own = locator->addr.family == AF_INET ? &was.locator4 : &was.locator;
	if (!set && own->addr.family && dyncast_prefix_cmp(own, locator))
		return dyncast_apply_refuse(
			apply, "that is not this router's locator");
	if (set && !dyncast_addr_is_unicast(&locator->addr))
		return dyncast_apply_refuse(
			apply,
			"a locator is a unicast prefix: IPv6 of 16-112 bits, IPv4 of 8-31 bits");
	if (locator->addr.family == AF_INET)
		return EDIT(want.locator4 = *to);
	return EDIT(want.locator = *to);
}

bool dyncast_apply_attribute_code(struct dyncast_apply *apply,
				  unsigned int code)
{
	if (code < 43 || code == 128 || code > 254)
		return dyncast_apply_refuse(
			apply,
			"code is 43-127 or 129-254: the others have a meaning of their own in BGP");
	return EDIT(want.attr_code = code);
}

bool dyncast_apply_profile(struct dyncast_apply *apply, bool ietf)
{
	return EDIT(want.ietf = ietf);
}

bool dyncast_apply_attribute_size(struct dyncast_apply *apply,
				  unsigned int size)
{
	return EDIT(want.attr_size = size);
}

bool dyncast_apply_fast(struct dyncast_apply *apply, bool fast)
{
	return EDIT(want.fast = fast);
}

bool dyncast_apply_router_drain(struct dyncast_apply *apply, bool drain)
{
	return EDIT(want.drain = drain);
}

struct dyncast_site_config dyncast_edit_site(struct vty *vty)
{
	dyncast_edit_begin(vty);
	router_begin();
	return was.site;
}

bool dyncast_apply_site(struct dyncast_apply *apply,
			const struct dyncast_site_config *config)
{
	if (config->loopback.family &&
	    !dyncast_addr_is_unicast(&config->loopback))
		return dyncast_apply_refuse(
			apply,
			"the loopback must be a unicast address, and not in 127/8");
	return EDIT(want.site = *config);
}

/* ---- neighbors and filters --------------------------------------------------
 */

static char path[DYNCAST_EDIT_PATH_SIZE];
static const struct lyd_node *node; /* NULL: new */
static struct dyncast_neighbor neighbor_was, neighbor_want;

static void neighbor_begin(const struct dyncast_addr *addr)
{
	char text[DYNCAST_ADDR_STRLEN];

	dyncast_addr_str(addr, text, sizeof(text));
	snprintf(path, sizeof(path), DYNCAST_SERVICES "/neighbor[address='%s']",
		 text);
	node = dyncast_edit_find(path);
	memset(&neighbor_was, 0, sizeof(neighbor_was));
	if (node)
		dyncast_yang_read_neighbor(node, &neighbor_was);
	neighbor_was.addr = *addr;
	neighbor_want = neighbor_was;
}

/* a neighbor ends with its last line */
static bool neighbor_end(void)
{
	if (!neighbor_want.accept && !neighbor_want.consent)
		dyncast_edit_entry(path, false);
	else
		dyncast_edit_diff(path, dyncast_neighbor_leaves, &neighbor_was,
				  &neighbor_want);
	return true;
}

bool dyncast_apply_neighbor(struct dyncast_apply *apply,
			    const struct dyncast_addr *addr, bool accept)
{
	neighbor_begin(addr);
	if (!accept && !neighbor_was.accept)
		return dyncast_apply_refuse(apply,
					    "this neighbor is not accepted");
	neighbor_want.accept = accept;
	return neighbor_end();
}

bool dyncast_apply_neighbor_consent(struct dyncast_apply *apply,
				    const struct dyncast_addr *addr,
				    enum dyncast_consent consent)
{
	neighbor_begin(addr);
	if (!consent && !neighbor_was.consent)
		return dyncast_apply_refuse(apply, "there is no such line");
	neighbor_want.consent = consent;
	return neighbor_end();
}

bool dyncast_apply_dbid_prefix(struct dyncast_apply *apply,
			       const struct dyncast_prefix *prefix, bool set)
{
	char text[DYNCAST_PREFIX_STRLEN];

	dyncast_prefix_str(prefix, text, sizeof(text));
	snprintf(path, sizeof(path), DYNCAST_SERVICES "/dbid-prefix[.='%s']",
		 text);
	if (!set && !dyncast_edit_find(path))
		return dyncast_apply_refuse(apply,
					    "there is no such dbid-prefix");
	dyncast_edit_entry(path, set);
	return true;
}
