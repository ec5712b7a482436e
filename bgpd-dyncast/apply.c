// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Validates and applies configuration; see apply.h.
 *
 * Lines may come in any order: an instance before its service's prefix, a
 * drain before the address.  What is incomplete waits, and the show commands
 * say for what.  A service ends with its last line.
 */

#include "advertise.h"
#include "apply_internal.h"
#include "receive.h"

void dyncast_apply_service_changed(struct dyncast_service *service)
{
	dyncast_receive_service(service);
	if (dyncast_service_unused(service)) {
		dyncast_advertise_forget(service);
		dyncast_service_free(service);
	} else {
		dyncast_advertise_service(service);
	}
}

bool dyncast_apply_service_check(struct dyncast_apply *apply, const char *name,
				 bool remove)
{
	if (!dyncast_apply_names_valid(apply, name, NULL))
		return false;
	if (remove && !dyncast_service_find(name))
		return dyncast_apply_refuse(apply, "there is no service %s",
					    name);
	return true;
}

bool dyncast_apply_is_service(const struct dyncast_prefix *prefix,
			      const struct dyncast_addr *addr)
{
	return prefix->len == dyncast_family_size(addr->family) * 8 &&
	       !dyncast_addr_cmp(&prefix->addr, addr);
}

static bool prefix_check(struct dyncast_apply *apply, const char *name,
			 const struct dyncast_prefix *prefix, const char *vrf)
{
	struct dyncast_service *other, *service = dyncast_service_find(name);
	struct dyncast_local *local;

	if (!prefix->len || !dyncast_addr_is_unicast(&prefix->addr))
		return dyncast_apply_refuse(
			apply,
			"the prefix must be unicast, and not 0/0, loopback or link-local");
	if (strlen(vrf) > VRF_NAMSIZ)
		return dyncast_apply_refuse(
			apply, "VRF name: at most %u characters", VRF_NAMSIZ);
	frr_each (dyncast_services, &dyncast_state.services, other)
		if (other != service && !strcmp(other->vrf, vrf) &&
		    !dyncast_prefix_cmp(&other->prefix, prefix))
			return dyncast_apply_refuse(
				apply, "this prefix is that of service %s",
				other->name);
	if (!service)
		return true;
	if (prefix->addr.family == AF_INET && service->policy.plen > 32)
		return dyncast_apply_refuse(
			apply,
			"the service's affinity has a prefix-length of more than 32 bits");
	frr_each (dyncast_locals, &service->locals, local) {
		if (local->address.family &&
		    local->address.family != prefix->addr.family)
			return dyncast_apply_refuse(
				apply,
				"instance %s has an address of the other family",
				local->name);
		if (dyncast_apply_is_service(prefix, &local->address))
			return dyncast_apply_refuse(
				apply,
				"this is the address of instance %s, which needs one of its own",
				local->name);
	}
	return true;
}

static void prefix_set(struct dyncast_service *service,
		       const struct dyncast_prefix *prefix, const char *vrf)
{
	struct dyncast_local *local;

	/* the old prefix is taken back, its candidates are looked at again */
	dyncast_receive_service(service);
	dyncast_advertise_forget(service);
	/* zebra's word was about an instance of the old service */
	frr_each (dyncast_locals, &service->locals, local)
		local->feedback = 0;
	dyncast_service_prefix_set(service, prefix, vrf);
	dyncast_apply_service_changed(service);
}

bool dyncast_apply_prefix(struct dyncast_apply *apply, const char *name,
			  const struct dyncast_prefix *prefix, const char *vrf)
{
	struct dyncast_service *service;

	if (apply->phase == DYNCAST_VALIDATE)
		return dyncast_apply_service_check(apply, name, false) &&
		       prefix_check(apply, name, prefix, vrf);
	service = dyncast_service_get(name);
	if (strcmp(service->vrf, vrf) ||
	    dyncast_prefix_cmp(&service->prefix, prefix))
		prefix_set(service, prefix, vrf);
	return true;
}

bool dyncast_apply_prefix_remove(struct dyncast_apply *apply, const char *name,
				 const struct dyncast_prefix *prefix)
{
	struct dyncast_service *service = dyncast_service_find(name);
	char text[DYNCAST_PREFIX_STRLEN];

	if (apply->phase == DYNCAST_APPLY) {
		prefix_set(service, NULL, "");
		return true;
	}
	if (!dyncast_apply_service_check(apply, name, true))
		return false;
	if (!dyncast_prefix_cmp(&service->prefix, prefix))
		return true;
	if (!service->prefix.addr.family)
		return dyncast_apply_refuse(apply, "service %s has no prefix",
					    name);
	return dyncast_apply_refuse(
		apply, "the prefix of service %s is %s", name,
		dyncast_prefix_str(&service->prefix, text, sizeof(text)));
}

bool dyncast_apply_affinity(struct dyncast_apply *apply, const char *name,
			    enum dyncast_affinity affinity, uint8_t plen,
			    uint16_t timeout_s)
{
	struct dyncast_service *service = dyncast_service_find(name);

	if (apply->phase == DYNCAST_VALIDATE) {
		if (service && service->prefix.addr.family == AF_INET &&
		    plen > 32)
			return dyncast_apply_refuse(
				apply,
				"the sources of an IPv4 service have 32 bits");
		return dyncast_apply_service_check(
			apply, name, affinity == DYNCAST_AFFINITY_DEFAULT);
	}
	service = dyncast_service_get(name);
	service->policy.affinity = affinity;
	service->policy.plen = plen;
	service->policy.timeout_s = timeout_s;
	dyncast_apply_service_changed(service);
	return true;
}

bool dyncast_apply_select(struct dyncast_apply *apply, const char *name,
			  enum dyncast_action action, uint8_t hysteresis,
			  uint16_t hold_s)
{
	struct dyncast_service *service;

	if (apply->phase == DYNCAST_VALIDATE)
		return dyncast_apply_service_check(
			apply, name, action == DYNCAST_ACTION_DEFAULT);
	service = dyncast_service_get(name);
	service->policy.action = action;
	service->policy.hysteresis = hysteresis;
	service->policy.hold_s = hold_s;
	dyncast_apply_service_changed(service);
	return true;
}

bool dyncast_apply_cost(struct dyncast_apply *apply, const char *name,
			enum dyncast_cost_policy cost, uint8_t alpha)
{
	struct dyncast_service *service;

	if (apply->phase == DYNCAST_VALIDATE)
		return dyncast_apply_service_check(
			apply, name, cost == DYNCAST_COST_DEFAULT);
	service = dyncast_service_get(name);
	service->policy.cost = cost;
	service->policy.alpha = alpha;
	dyncast_apply_service_changed(service);
	return true;
}

bool dyncast_apply_eligible(struct dyncast_apply *apply, const char *name,
			    const struct dyncast_apply_eligible *in)
{
	bool remove = !in->max_utilisation && !in->min_score &&
		      !in->max_delay_us && !in->max_network_us;
	struct dyncast_service *service;

	if (apply->phase == DYNCAST_VALIDATE)
		return dyncast_apply_service_check(apply, name, remove);
	service = dyncast_service_get(name);
	service->policy.max_utilisation = in->max_utilisation;
	service->policy.min_score = in->min_score;
	service->policy.max_delay_us = in->max_delay_us;
	service->policy.max_network_us = in->max_network_us;
	dyncast_apply_service_changed(service);
	return true;
}

bool dyncast_apply_interval(struct dyncast_apply *apply, const char *name,
			    uint32_t interval_ms, uint8_t threshold)
{
	struct dyncast_service *service;

	if (apply->phase == DYNCAST_VALIDATE) {
		if (interval_ms && (interval_ms < 10 || interval_ms > 600000 ||
				    threshold < 1 || threshold > 100))
			return dyncast_apply_refuse(
				apply,
				"interval is 10-600000 milliseconds, threshold 1-100 percent");
		return dyncast_apply_service_check(apply, name, !interval_ms);
	}
	service = dyncast_service_get(name);
	service->interval_ms = interval_ms;
	service->threshold =
		interval_ms ? threshold : DYNCAST_THRESHOLD_DEFAULT;
	dyncast_apply_service_changed(service);
	return true;
}

bool dyncast_apply_scope(struct dyncast_apply *apply, const char *name,
			 bool set, enum dyncast_scope scope)
{
	struct dyncast_service *service;

	if (apply->phase == DYNCAST_VALIDATE)
		return dyncast_apply_service_check(apply, name, !set);
	service = dyncast_service_get(name);
	service->scope_set = set;
	service->scope = set ? scope : DYNCAST_SCOPE_INTERNAL;
	dyncast_apply_service_changed(service);
	return true;
}

/*
 * Lines of a service that are one value each.  They differ only in which
 * member they set; the CLI's ranges are the members' own.
 */

/* validation, or the service to change */
static struct dyncast_service *value_service(struct dyncast_apply *apply,
					     const char *name, bool remove,
					     bool *valid)
{
	*valid = true;
	if (apply->phase == DYNCAST_APPLY)
		return dyncast_service_get(name);
	*valid = dyncast_apply_service_check(apply, name, remove);
	return NULL;
}

bool dyncast_apply_level(struct dyncast_apply *apply, const char *name,
			 bool set, enum dyncast_level level)
{
	bool valid;
	struct dyncast_service *service =
		value_service(apply, name, !set, &valid);

	if (service) {
		service->level = set ? level : DYNCAST_LEVEL_RAW;
		dyncast_apply_service_changed(service);
	}
	return valid;
}

bool dyncast_apply_overload(struct dyncast_apply *apply, const char *name,
			    uint8_t percent)
{
	bool valid;
	struct dyncast_service *service =
		value_service(apply, name, !percent, &valid);

	if (service) {
		service->overload = percent;
		dyncast_apply_service_changed(service);
	}
	return valid;
}

bool dyncast_apply_as_scope(struct dyncast_apply *apply, const char *name,
			    uint32_t asn)
{
	bool valid;
	struct dyncast_service *service =
		value_service(apply, name, !asn, &valid);

	if (service) {
		service->as_scope = asn;
		dyncast_apply_service_changed(service);
	}
	return valid;
}

bool dyncast_apply_agent_timeout(struct dyncast_apply *apply, const char *name,
				 uint32_t seconds)
{
	bool valid;
	struct dyncast_service *service =
		value_service(apply, name, !seconds, &valid);

	if (service) {
		if (!service->agent_timeout_s)
			service->agent_timeout_ms = dyncast_now_ms();
		service->agent_timeout_s = seconds;
		dyncast_apply_service_changed(service);
	}
	return valid;
}

bool dyncast_apply_consent(struct dyncast_apply *apply, const char *name,
			   enum dyncast_consent consent)
{
	bool valid;
	struct dyncast_service *service =
		value_service(apply, name, !consent, &valid);

	if (service) {
		service->consent = consent;
		dyncast_apply_service_changed(service);
	}
	return valid;
}

bool dyncast_apply_service_remove(struct dyncast_apply *apply, const char *name)
{
	struct dyncast_service *service;

	if (apply->phase == DYNCAST_VALIDATE)
		return dyncast_apply_service_check(apply, name, true);
	service = dyncast_service_find(name);
	dyncast_receive_service(service);
	dyncast_advertise_forget(service);
	dyncast_service_free(service);
	return true;
}
