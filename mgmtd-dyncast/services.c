// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The commands of a service and of its instances, as edits of the candidate:
 * bgpd's apply.h for mgmtd.  What the model says of a value is left to it, and
 * what bgpd says of the whole to its validation of the commit.
 *
 * mgmtd's main thread.
 */

#include "../bgpd-dyncast/apply_internal.h"
#include "../bgpd-dyncast/yang_internal.h"
#include "../lib/override.h"

#include "edit.h"

/* ---- the service that a command is about -----------------------------------
 */

static char path[DYNCAST_EDIT_PATH_SIZE];
static const struct lyd_node *node; /* NULL: new */
static struct dyncast_service was, want;

static void service_default(struct dyncast_service *service)
{
	memset(service, 0, sizeof(*service));
	service->threshold = DYNCAST_THRESHOLD_DEFAULT;
}

/* removes: it has to be there */
static bool service_begin(struct dyncast_apply *apply, const char *name,
			  bool removes)
{
	if (!dyncast_apply_names_valid(apply, name, NULL))
		return false;
	snprintf(path, sizeof(path), DYNCAST_SERVICES "/service[name='%s']",
		 name);
	node = dyncast_edit_find(path);
	if (!node && removes)
		return dyncast_apply_refuse(apply, "there is no service %s",
					    name);
	service_default(&was);
	if (node)
		dyncast_yang_read_service(node, &was);
	want = was;
	return true;
}

static bool has_instances(const char *except)
{
	const struct lyd_node *child;

	LY_LIST_FOR (lyd_child(node), child) {
		if (!strcmp(child->schema->name, "instance") &&
		    (!except || strcmp(dyncast_yang_name(child), except)))
			return true;
	}
	return false;
}

/* a service ends with its last line; gone: an instance that goes now */
static bool service_left(const char *gone)
{
	struct dyncast_service none;

	service_default(&none);
	return has_instances(gone) || want.override.n_caps ||
	       dyncast_edit_count(dyncast_service_leaves, &none, &want);
}

static bool service_end(void)
{
	if (node && !service_left(NULL))
		dyncast_edit_entry(path, false);
	else
		dyncast_edit_diff(path, dyncast_service_leaves, &was, &want);
	return true;
}

/* changes members of `want`, and is what the function returns */
#define EDIT(apply, name, removes, ...)                                        \
	({                                                                     \
		bool _begun = service_begin(apply, name, removes);             \
		if (_begun) {                                                  \
			__VA_ARGS__;                                           \
			service_end();                                         \
		}                                                              \
		_begun;                                                        \
	})

bool dyncast_apply_prefix(struct dyncast_apply *apply, const char *name,
			  const struct dyncast_prefix *prefix, const char *vrf)
{
	if (!prefix->len || !dyncast_addr_is_unicast(&prefix->addr))
		return dyncast_apply_refuse(
			apply,
			"the prefix must be unicast, and not 0/0, loopback or link-local");
	if (strlen(vrf) > VRF_NAMSIZ)
		return dyncast_apply_refuse(
			apply, "VRF name: at most %u characters", VRF_NAMSIZ);
	return EDIT(apply, name, false, want.prefix = *prefix;
		    strlcpy(want.vrf, vrf, sizeof(want.vrf)));
}

bool dyncast_apply_prefix_remove(struct dyncast_apply *apply, const char *name,
				 const struct dyncast_prefix *prefix)
{
	static const struct dyncast_prefix none;
	char text[DYNCAST_PREFIX_STRLEN];

	if (!service_begin(apply, name, true))
		return false;
	if (!was.prefix.addr.family)
		return dyncast_apply_refuse(apply, "service %s has no prefix",
					    name);
	if (dyncast_prefix_cmp(&was.prefix, prefix))
		return dyncast_apply_refuse(
			apply, "the prefix of service %s is %s", name,
			dyncast_prefix_str(&was.prefix, text, sizeof(text)));
	want.prefix = none;
	want.vrf[0] = '\0';
	return service_end();
}

bool dyncast_apply_affinity(struct dyncast_apply *apply, const char *name,
			    enum dyncast_affinity affinity, uint8_t plen,
			    uint16_t timeout_s)
{
	return EDIT(apply, name, affinity == DYNCAST_AFFINITY_DEFAULT,
		    want.policy.affinity = affinity;
		    want.policy.plen = plen; want.policy.timeout_s = timeout_s);
}

bool dyncast_apply_select(struct dyncast_apply *apply, const char *name,
			  enum dyncast_action action, uint8_t hysteresis,
			  uint16_t hold_s)
{
	return EDIT(apply, name, action == DYNCAST_ACTION_DEFAULT,
		    want.policy.action = action;
		    want.policy.hysteresis = hysteresis;
		    want.policy.hold_s = hold_s);
}

bool dyncast_apply_cost(struct dyncast_apply *apply, const char *name,
			enum dyncast_cost_policy cost, uint8_t alpha)
{
	return EDIT(apply, name, cost == DYNCAST_COST_DEFAULT,
		    want.policy.cost = cost;
		    want.policy.alpha = alpha);
}

bool dyncast_apply_eligible(struct dyncast_apply *apply, const char *name,
			    const struct dyncast_apply_eligible *in)
{
	return EDIT(apply, name,
		    !in->max_utilisation && !in->min_score &&
			    !in->max_delay_us && !in->max_network_us,
		    want.policy.max_utilisation = in->max_utilisation;
		    want.policy.min_score = in->min_score;
		    want.policy.max_delay_us = in->max_delay_us;
		    want.policy.max_network_us = in->max_network_us);
}

bool dyncast_apply_interval(struct dyncast_apply *apply, const char *name,
			    uint32_t interval_ms, uint8_t threshold)
{
	return EDIT(apply, name, !interval_ms, want.interval_ms = interval_ms;
		    want.threshold = interval_ms ? threshold
						 : DYNCAST_THRESHOLD_DEFAULT);
}

bool dyncast_apply_scope(struct dyncast_apply *apply, const char *name,
			 bool set, enum dyncast_scope scope)
{
	return EDIT(apply, name, !set, want.scope_set = set;
		    want.scope = set ? scope : 0);
}

bool dyncast_apply_level(struct dyncast_apply *apply, const char *name,
			 bool set, enum dyncast_level level)
{
	return EDIT(apply, name, !set,
		    want.level = set ? level : DYNCAST_LEVEL_RAW);
}

bool dyncast_apply_overload(struct dyncast_apply *apply, const char *name,
			    uint8_t percent)
{
	return EDIT(apply, name, !percent, want.overload = percent);
}

bool dyncast_apply_as_scope(struct dyncast_apply *apply, const char *name,
			    uint32_t asn)
{
	return EDIT(apply, name, !asn, want.as_scope = asn);
}

bool dyncast_apply_agent_timeout(struct dyncast_apply *apply, const char *name,
				 uint32_t seconds)
{
	return EDIT(apply, name, !seconds, want.agent_timeout_s = seconds);
}

bool dyncast_apply_consent(struct dyncast_apply *apply, const char *name,
			   enum dyncast_consent consent)
{
	return EDIT(apply, name, !consent, want.consent = consent);
}

bool dyncast_apply_dry_run(struct dyncast_apply *apply, const char *name,
			   bool dry_run)
{
	return EDIT(apply, name, !dry_run, want.override.dry_run = dry_run);
}

bool dyncast_apply_agent_instances(struct dyncast_apply *apply,
				   const char *name,
				   const struct dyncast_prefix *within,
				   uint8_t max)
{
	static const struct dyncast_prefix none;

	return EDIT(apply, name, !within,
		    want.agent_within = within ? *within : none;
		    want.agent_max = within ? max : 0);
}

bool dyncast_apply_service_remove(struct dyncast_apply *apply, const char *name)
{
	if (!service_begin(apply, name, true))
		return false;
	dyncast_edit_entry(path, false);
	return true;
}

/* ---- sites -----------------------------------------------------------------
 */

bool dyncast_apply_pin(struct dyncast_apply *apply, const char *name,
		       const struct dyncast_addr *site)
{
	static const struct dyncast_addr none;

	return dyncast_apply_site_valid(apply, site) &&
	       EDIT(apply, name, !site, want.override.pinned = site != NULL;
		    want.override.pin = site ? *site : none);
}

static void cap_path(const struct dyncast_addr *site, char *to, size_t size)
{
	char text[DYNCAST_ADDR_STRLEN] = "local";

	if (site->family)
		dyncast_addr_str(site, text, sizeof(text));
	snprintf(to, size, "%s/weight-cap[site='%s']", path, text);
}

bool dyncast_apply_cap(struct dyncast_apply *apply, const char *name,
		       const struct dyncast_addr *site, uint8_t percent)
{
	char cap[DYNCAST_EDIT_PATH_SIZE + 64], text[8];

	if (!dyncast_apply_site_valid(apply, site) ||
	    !service_begin(apply, name, false))
		return false;
	cap_path(site, cap, sizeof(cap));
	strlcat(cap, "/percent", sizeof(cap));
	snprintf(text, sizeof(text), "%u", percent);
	dyncast_edit_leaf(cap, text);
	return true;
}

bool dyncast_apply_cap_remove(struct dyncast_apply *apply, const char *name,
			      const struct dyncast_addr *site)
{
	char cap[DYNCAST_EDIT_PATH_SIZE + 64];

	if (!service_begin(apply, name, true))
		return false;
	if (!dyncast_override_cap(&was.override, site))
		return dyncast_apply_refuse(apply, "this site has no cap");
	cap_path(site, cap, sizeof(cap));
	dyncast_edit_entry(cap, false);
	dyncast_override_cap_remove(&want.override, site);
	return service_end();
}

/* ---- instances -------------------------------------------------------------
 */

static char local_path[DYNCAST_EDIT_PATH_SIZE + 64];
static const struct lyd_node *local_node; /* NULL: new */
static struct dyncast_local local_was, local_want;

static bool local_begin(struct dyncast_apply *apply, const char *name,
			const char *instance, bool removes)
{
	if (!dyncast_apply_names_valid(apply, name, instance) ||
	    !service_begin(apply, name, false))
		return false;
	snprintf(local_path, sizeof(local_path), "%s/instance[name='%s']", path,
		 instance);
	local_node = dyncast_edit_find(local_path);
	if (!local_node && removes)
		return dyncast_apply_refuse(
			apply, "there is no instance %s of service %s",
			instance, name);
	memset(&local_was, 0, sizeof(local_was));
	if (local_node)
		dyncast_yang_read_local(local_node, &local_was);
	local_want = local_was;
	return true;
}

static bool local_gone(const char *instance)
{
	dyncast_edit_entry(service_left(instance) ? local_path : path, false);
	return true;
}

static bool local_end(const char *instance)
{
	static const struct dyncast_local none;

	if (local_node &&
	    !dyncast_edit_count(dyncast_local_leaves, &none, &local_want))
		return local_gone(instance);
	dyncast_edit_diff(local_path, dyncast_local_leaves, &local_was,
			  &local_want);
	return true;
}

bool dyncast_apply_instance(struct dyncast_apply *apply, const char *name,
			    const char *instance,
			    const struct dyncast_apply_instance *in)
{
	if (!dyncast_addr_is_unicast(&in->address))
		return dyncast_apply_refuse(
			apply,
			"the address must be unicast, and not loopback or link-local");
	if (!local_begin(apply, name, instance, false))
		return false;
	local_want.address = in->address;
	local_want.capacity = in->capacity;
	local_want.sid = in->sid;
	return local_end(instance);
}

bool dyncast_apply_instance_remove(struct dyncast_apply *apply,
				   const char *name, const char *instance,
				   bool line_only)
{
	static const struct dyncast_addr none;

	if (!local_begin(apply, name, instance, true))
		return false;
	if (!line_only)
		return local_gone(instance);
	local_want.address = none;
	local_want.capacity = 0;
	local_want.sid = 0;
	return local_end(instance);
}

bool dyncast_apply_drain(struct dyncast_apply *apply, const char *name,
			 const char *instance, bool drain)
{
	if (!local_begin(apply, name, instance, !drain))
		return false;
	local_want.drain = drain;
	return local_end(instance);
}

bool dyncast_apply_feed(struct dyncast_apply *apply, const char *name,
			const char *instance, bool feed)
{
	if (!local_begin(apply, name, instance, !feed))
		return false;
	local_want.feed = feed;
	return local_end(instance);
}

bool dyncast_apply_encapsulation(struct dyncast_apply *apply, const char *name,
				 const char *instance, enum dyncast_kind kind)
{
	if (!local_begin(apply, name, instance, kind == DYNCAST_KIND_NONE))
		return false;
	local_want.encapsulation = kind;
	return local_end(instance);
}
