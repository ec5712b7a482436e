// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A committed container `services` becomes the state, by the apply functions
 * that the command line uses.
 *
 * A commit is one change: what it moves from one instance or service to
 * another is in the way of itself while it is made.  So what must go goes
 * first, what finds its place taken gives up its old one, and finds it free
 * in the second round; the model and check() have made sure of that.
 */

#include "apply.h"
#include "yang_internal.h"
#include "bgpd/bgp_vty.h"
#include "../yang/managed.h"
#include "../lib/override.h"

/* as the CLI's: both phases; false when it is refused */
#define TRY(error, call)                                                       \
	({                                                                     \
		struct dyncast_apply apply = {.phase = DYNCAST_VALIDATE};      \
		bool _valid = (call);                                          \
		if (_valid) {                                                  \
			apply.phase = DYNCAST_APPLY;                           \
			(void)(call);                                          \
		} else {                                                       \
			strlcpy(error, apply.error, sizeof(apply.error));      \
		}                                                              \
		_valid;                                                        \
	})
#define ERROR_SIZE sizeof(((struct dyncast_apply *)NULL)->error)

/* ---- what the model cannot say --------------------------------------------
 */

static bool unicast_check(const struct dyncast_addr *addr, const char *what,
			  const char *name, char *error, size_t size)
{
	if (!addr->family || dyncast_addr_is_unicast(addr))
		return true;
	snprintf(error, size,
		 "%s%s: must be unicast, and not loopback or link-local", what,
		 name);
	return false;
}

static bool router_check(const struct lyd_node *container, char *error,
			 size_t size)
{
	static struct dyncast_state want;

	dyncast_yang_read_router(container, &want);
	return unicast_check(&want.locator.addr, "locator/ipv6", "", error,
			     size) &&
	       unicast_check(&want.locator4.addr, "locator/ipv4", "", error,
			     size) &&
	       unicast_check(&want.site.loopback, "site/loopback/address", "",
			     error, size);
}

/* Lines without an address do not make an instance that an agent brought up one
 * of the configuration: the CLI refuses them (apply_instance.c), and a commit
 * must not be answered OK while apply() would. */
static bool agents_check(const struct dyncast_local *want,
			 const char *service_name, char *error, size_t size)
{
	const struct dyncast_service *service =
		dyncast_service_find(service_name);
	const struct dyncast_local *is =
		service ? dyncast_local_find(service, want->name) : NULL;

	if (!is || !is->by_agent || want->address.family ||
	    (!want->drain && !want->feed &&
	     want->encapsulation == DYNCAST_KIND_NONE))
		return true;
	snprintf(
		error, size,
		"instance %s of service %s was brought up by an agent, which says this itself; give it an address to configure it",
		want->name, service_name);
	return false;
}

/* sids: those that are taken, by any service */
static bool local_check(const struct lyd_node *node, const char *service,
			uint8_t *sids, char *error, size_t size)
{
	struct dyncast_local want;

	dyncast_yang_read_local(node, &want);
	if (!unicast_check(&want.address, "address of instance ", want.name,
			   error, size) ||
	    !agents_check(&want, service, error, size))
		return false;
	if (!want.sid)
		return true;
	if (sids[want.sid / 8] & 1u << want.sid % 8) {
		snprintf(
			error, size,
			"sid %u of service %s instance %s is that of another instance",
			want.sid, service, want.name);
		return false;
	}
	sids[want.sid / 8] |= 1u << want.sid % 8;
	return true;
}

/* what the operator of this router says in place of the metrics */
static bool override_check(const struct dyncast_service *want, char *error,
			   size_t size)
{
	const struct dyncast_override *override = &want->override;

	for (unsigned int i = 0; i < override->n_caps; i++)
		if (!unicast_check(&override->caps[i].site,
				   "weight-cap of service ", want->name, error,
				   size))
			return false;
	return unicast_check(&override->pin, "pin of service ", want->name,
			     error, size);
}

static bool service_check(const struct lyd_node *node, uint8_t *sids,
			  char *error, size_t size)
{
	struct dyncast_service want;
	const struct lyd_node *child;

	dyncast_yang_read_service(node, &want);
	if (!unicast_check(&want.prefix.addr, "prefix of service ", want.name,
			   error, size) ||
	    !override_check(&want, error, size))
		return false;
	LY_LIST_FOR (lyd_child(node), child) {
		if (!strcmp(child->schema->name, "instance") &&
		    !local_check(child, want.name, sids, error, size))
			return false;
	}
	return true;
}

static bool check(const struct lyd_node *container, char *error, size_t size)
{
	uint8_t sids[65536 / 8] = {};
	const struct lyd_node *child;

	if (!router_check(container, error, size))
		return false;
	LY_LIST_FOR (lyd_child(container), child) {
		if (!strcmp(child->schema->name, "service") &&
		    !service_check(child, sids, error, size))
			return false;
	}
	return true;
}

/* ---- what is not there any more -------------------------------------------
 */

static struct lyd_node *entry(const struct lyd_node *node, const char *list,
			      const char *key, const char *value)
{
	struct lyd_node *found;
	char path[128];

	snprintf(path, sizeof(path), "%s[%s='%s']", list, key, value);
	return lyd_find_path(node, path, 0, &found) ? NULL : found;
}

static void remove_locals(struct dyncast_service *service,
			  const struct lyd_node *node)
{
	char error[ERROR_SIZE], name[DYNCAST_NAME_SIZE];
	struct dyncast_local *local;

	strlcpy(name, service->name, sizeof(name));
	frr_each_safe (dyncast_locals, &service->locals, local) {
		if (local->by_agent ||
		    entry(node, "instance", "name", local->name))
			continue;
		TRY(error, dyncast_apply_instance_remove(&apply, name,
							 local->name, false));
		/* the last line that it had */
		if (!dyncast_service_find(name))
			return;
	}
}

static void remove_gone(const struct lyd_node *container)
{
	struct dyncast_neighbor *neighbor, no_neighbor;
	char error[ERROR_SIZE], text[DYNCAST_PREFIX_STRLEN];
	struct dyncast_service *service;
	struct dyncast_filter *filter;
	const struct lyd_node *node;

	frr_each_safe (dyncast_services, &dyncast_state.services, service) {
		node = entry(container, "service", "name", service->name);
		if (node)
			remove_locals(service, node);
		else
			TRY(error, dyncast_apply_service_remove(&apply,
								service->name));
	}
	frr_each_safe (dyncast_neighbors, &dyncast_state.neighbors, neighbor) {
		no_neighbor = *neighbor;
		dyncast_addr_str(&neighbor->addr, text, sizeof(text));
		if (entry(container, "neighbor", "address", text))
			continue;
		if (no_neighbor.accept)
			TRY(error, dyncast_apply_neighbor(
					   &apply, &no_neighbor.addr, false));
		if (no_neighbor.consent)
			TRY(error, dyncast_apply_neighbor_consent(
					   &apply, &no_neighbor.addr,
					   DYNCAST_CONSENT_UNSET));
	}
	frr_each_safe (dyncast_filters, &dyncast_state.filters, filter) {
		dyncast_prefix_str(&filter->prefix, text, sizeof(text));
		if (!entry(container, "dbid-prefix", ".", text))
			TRY(error, dyncast_apply_dbid_prefix(
					   &apply, &filter->prefix, false));
	}
}

/* ---- what is new, or other than before ------------------------------------
 * What there was is compared as a copy: it may end with its last line, and
 * begin anew with the next one. */

static bool address_apply(const struct dyncast_local *was,
			  const struct dyncast_local *want, const char *name,
			  char *error)
{
	struct dyncast_apply_instance in = {
		.address = want->address,
		.capacity = want->capacity,
		.sid = want->sid,
	};

	if (!dyncast_addr_cmp(&was->address, &want->address) &&
	    was->capacity == want->capacity && was->sid == want->sid)
		return true;
	if (want->address.family &&
	    TRY(error, dyncast_apply_instance(&apply, name, want->name, &in)))
		return true;
	if (was->address.family)
		TRY(error, dyncast_apply_instance_remove(&apply, name,
							 want->name, true));
	return !want->address.family;
}

static bool local_apply(const struct lyd_node *node, const char *name,
			char *error)
{
	struct dyncast_service *service = dyncast_service_find(name);
	struct dyncast_local want, was = {}, *own = NULL;
	bool ok;

	dyncast_yang_read_local(node, &want);
	if (service)
		own = dyncast_local_find(service, want.name);
	if (own && !own->by_agent)
		was = *own;
	ok = address_apply(&was, &want, name, error);
	if (was.drain != want.drain)
		ok &= TRY(error, dyncast_apply_drain(&apply, name, want.name,
						     want.drain));
	if (was.encapsulation != want.encapsulation)
		ok &= TRY(error,
			  dyncast_apply_encapsulation(&apply, name, want.name,
						      want.encapsulation));
	if (was.feed != want.feed)
		ok &= TRY(error, dyncast_apply_feed(&apply, name, want.name,
						    want.feed));
	return ok;
}

static bool prefix_apply(const struct dyncast_service *was,
			 const struct dyncast_service *want, char *error)
{
	if (!dyncast_prefix_cmp(&was->prefix, &want->prefix) &&
	    !strcmp(was->vrf, want->vrf))
		return true;
	if (want->prefix.addr.family &&
	    TRY(error, dyncast_apply_prefix(&apply, want->name, &want->prefix,
					    want->vrf)))
		return true;
	if (was->prefix.addr.family)
		TRY(error, dyncast_apply_prefix_remove(&apply, want->name,
						       &was->prefix));
	return !want->prefix.addr.family;
}

static bool policy_apply(const struct dyncast_service *was,
			 const struct dyncast_service *want, char *error)
{
	const struct dyncast_policy *is = &was->policy, *to = &want->policy;
	struct dyncast_apply_eligible eligible = {
		.max_utilisation = to->max_utilisation,
		.min_score = to->min_score,
		.max_delay_us = to->max_delay_us,
		.max_network_us = to->max_network_us,
	};
	const char *name = want->name;
	bool ok = true;

	if (is->affinity != to->affinity || is->plen != to->plen ||
	    is->timeout_s != to->timeout_s)
		ok &= TRY(error,
			  dyncast_apply_affinity(&apply, name, to->affinity,
						 to->plen, to->timeout_s));
	if (is->action != to->action || is->hysteresis != to->hysteresis ||
	    is->hold_s != to->hold_s)
		ok &= TRY(error,
			  dyncast_apply_select(&apply, name, to->action,
					       to->hysteresis, to->hold_s));
	if (is->cost != to->cost || is->alpha != to->alpha)
		ok &= TRY(error, dyncast_apply_cost(&apply, name, to->cost,
						    to->alpha));
	if (is->max_utilisation != to->max_utilisation ||
	    is->min_score != to->min_score ||
	    is->max_delay_us != to->max_delay_us ||
	    is->max_network_us != to->max_network_us)
		ok &= TRY(error,
			  dyncast_apply_eligible(&apply, name, &eligible));
	if (was->consent != want->consent)
		ok &= TRY(error,
			  dyncast_apply_consent(&apply, name, want->consent));
	return ok;
}

static bool override_apply(const struct dyncast_service *was,
			   const struct dyncast_service *want, char *error)
{
	const struct dyncast_override *is = &was->override;
	const struct dyncast_override *to = &want->override;
	const struct dyncast_cap *cap, *had;
	const char *name = want->name;
	bool ok = true;

	if (is->pinned != to->pinned || dyncast_addr_cmp(&is->pin, &to->pin))
		ok &= TRY(error,
			  dyncast_apply_pin(&apply, name,
					    to->pinned ? &to->pin : NULL));
	for (cap = is->caps; cap < is->caps + is->n_caps; cap++)
		if (!dyncast_override_cap(to, &cap->site))
			ok &= TRY(error, dyncast_apply_cap_remove(&apply, name,
								  &cap->site));
	for (cap = to->caps; cap < to->caps + to->n_caps; cap++) {
		had = dyncast_override_cap(is, &cap->site);
		if (!had || had->percent != cap->percent)
			ok &= TRY(error,
				  dyncast_apply_cap(&apply, name, &cap->site,
						    cap->percent));
	}
	if (is->dry_run != to->dry_run)
		ok &= TRY(error,
			  dyncast_apply_dry_run(&apply, name, to->dry_run));
	return ok;
}

static bool advertise_apply(const struct dyncast_service *was,
			    const struct dyncast_service *want, char *error)
{
	const char *name = want->name;
	bool ok = true;

	if (was->interval_ms != want->interval_ms ||
	    was->threshold != want->threshold)
		ok &= TRY(error, dyncast_apply_interval(&apply, name,
							want->interval_ms,
							want->threshold));
	if (was->overload != want->overload)
		ok &= TRY(error,
			  dyncast_apply_overload(&apply, name, want->overload));
	if (was->level != want->level)
		ok &= TRY(error, dyncast_apply_level(&apply, name, want->level,
						     want->level));
	if (was->scope_set != want->scope_set || was->scope != want->scope)
		ok &= TRY(error,
			  dyncast_apply_scope(&apply, name, want->scope_set,
					      want->scope));
	if (was->as_scope != want->as_scope)
		ok &= TRY(error,
			  dyncast_apply_as_scope(&apply, name, want->as_scope));
	return ok;
}

static bool agent_apply(const struct dyncast_service *was,
			const struct dyncast_service *want, char *error)
{
	const struct dyncast_prefix *within =
		want->agent_within.addr.family ? &want->agent_within : NULL;
	bool ok = true;

	if (was->agent_timeout_s != want->agent_timeout_s)
		ok &= TRY(error,
			  dyncast_apply_agent_timeout(&apply, want->name,
						      want->agent_timeout_s));
	if (dyncast_prefix_cmp(&was->agent_within, &want->agent_within) ||
	    was->agent_max != want->agent_max)
		ok &= TRY(error,
			  dyncast_apply_agent_instances(
				  &apply, want->name, within, want->agent_max));
	return ok;
}

static bool service_apply(const struct lyd_node *node, char *error)
{
	struct dyncast_service want,
		was = {
			.threshold = DYNCAST_THRESHOLD_DEFAULT,
		};
	const struct dyncast_service *own;
	const struct lyd_node *child;
	bool ok;

	dyncast_yang_read_service(node, &want);
	own = dyncast_service_find(want.name);
	if (own)
		was = *own;
	ok = prefix_apply(&was, &want, error);
	ok &= policy_apply(&was, &want, error);
	ok &= override_apply(&was, &want, error);
	ok &= advertise_apply(&was, &want, error);
	ok &= agent_apply(&was, &want, error);
	LY_LIST_FOR (lyd_child(node), child) {
		if (!strcmp(child->schema->name, "instance"))
			ok &= local_apply(child, want.name, error);
	}
	return ok;
}

static bool neighbor_apply(const struct lyd_node *node, char *error)
{
	struct dyncast_neighbor want, was = {}, *own;
	bool ok = true;

	dyncast_yang_read_neighbor(node, &want);
	own = dyncast_neighbors_find(&dyncast_state.neighbors, &want);
	if (own)
		was = *own;
	if (was.accept != want.accept)
		ok &= TRY(error, dyncast_apply_neighbor(&apply, &want.addr,
							want.accept));
	if (was.consent != want.consent)
		ok &= TRY(error, dyncast_apply_neighbor_consent(
					 &apply, &want.addr, want.consent));
	return ok;
}

static bool filter_apply(const struct lyd_node *node, char *error)
{
	struct dyncast_filter want = {};

	dyncast_prefix_parse(lyd_get_value(node), &want.prefix);
	dyncast_prefix_mask(&want.prefix);
	return dyncast_filters_find(&dyncast_state.filters, &want) ||
	       TRY(error,
		   dyncast_apply_dbid_prefix(&apply, &want.prefix, true));
}

static bool site_same(const struct dyncast_site_config *a,
		      const struct dyncast_site_config *b)
{
	return a->preference == b->preference && a->id_set == b->id_set &&
	       a->id == b->id && a->availability == b->availability &&
	       !dyncast_addr_cmp(&a->loopback, &b->loopback);
}

static bool locator_apply(const struct dyncast_prefix *was,
			  const struct dyncast_prefix *want, char *error)
{
	bool set = want->addr.family;

	if (!dyncast_prefix_cmp(was, want))
		return true;
	return TRY(error, dyncast_apply_locator(&apply, set ? want : was, set));
}

static bool router_apply(const struct lyd_node *container, char *error)
{
	static struct dyncast_state want;
	struct dyncast_prefix locator = dyncast_state.locator;
	struct dyncast_prefix locator4 = dyncast_state.locator4;
	bool ok = true;

	dyncast_yang_read_router(container, &want);
	if (want.attr_code != dyncast_state.attr_code)
		ok &= TRY(error,
			  dyncast_apply_attribute_code(&apply, want.attr_code));
	if (want.ietf != dyncast_state.ietf)
		ok &= TRY(error, dyncast_apply_profile(&apply, want.ietf));
	if (want.attr_size != dyncast_state.attr_size)
		ok &= TRY(error,
			  dyncast_apply_attribute_size(&apply, want.attr_size));
	ok &= locator_apply(&locator, &want.locator, error);
	ok &= locator_apply(&locator4, &want.locator4, error);
	if (!site_same(&want.site, &dyncast_state.site))
		ok &= TRY(error, dyncast_apply_site(&apply, &want.site));
	if (want.drain != dyncast_state.drain)
		ok &= TRY(error,
			  dyncast_apply_router_drain(&apply, want.drain));
	if (want.fast != dyncast_state.fast)
		ok &= TRY(error, dyncast_apply_fast(&apply, want.fast));
	return ok;
}

/* one round; false when something could not be had, why in error */
static bool round_apply(const struct lyd_node *container, char *error)
{
	const struct lyd_node *child;
	bool ok = router_apply(container, error);

	LY_LIST_FOR (lyd_child(container), child) {
		if (!strcmp(child->schema->name, "service"))
			ok &= service_apply(child, error);
		else if (!strcmp(child->schema->name, "neighbor"))
			ok &= neighbor_apply(child, error);
		else if (!strcmp(child->schema->name, "dbid-prefix"))
			ok &= filter_apply(child, error);
	}
	return ok;
}

static void apply(const struct lyd_node *container)
{
	char error[ERROR_SIZE] = "";

	remove_gone(container);
	if (!round_apply(container, error) && !round_apply(container, error))
		zlog_err(
			"dyncast: a part of a committed configuration could not be had: %s; `show running-config` has what is in force",
			error);
}

/* ---- life ------------------------------------------------------------------
 */

static const struct dyncast_nb northbound = {
	.container = "services",
	.other = "forwarding",
	.other_owner = "zebra",
	.check = check,
	.apply = apply,
	.get = dyncast_yang_get,
	.lists = dyncast_yang_lists,
};

#ifdef DYNCAST_MGMT
static const struct dyncast_managed_host managed_host = {
	.name = "bgpd-dyncast",
	.config = "/frr-dyncast:services",
	.reading = bgp_config_inprocess,
};
#endif

void dyncast_yang_init(void)
{
	dyncast_nb_init(&northbound);
#ifdef DYNCAST_MGMT
	dyncast_managed_init(&managed_host, dyncast_state.loop);
#endif
}

void dyncast_yang_early_fini(void)
{
#ifdef DYNCAST_MGMT
	dyncast_managed_fini();
#endif
}
