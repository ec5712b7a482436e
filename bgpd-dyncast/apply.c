// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Validates and applies configuration; see apply.h.
 *
 * Lines may come in any order: an instance before its service's prefix, a
 * drain before the address.  What is incomplete waits, and the show commands
 * say for what.  A service ends with its last line.
 */

#include "advertise.h"
#include "apply.h"
#include "peer_zebra.h"
#include "receive.h"

static bool PRINTFRR(2, 3)
	refuse(struct dyncast_apply *apply, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintfrr(apply->error, sizeof(apply->error), format, ap);
	va_end(ap);
	return false;
}

static bool names_valid(struct dyncast_apply *apply, const char *name,
			const char *instance)
{
	if (!dyncast_name_valid(name))
		return refuse(
			apply,
			"service name: 1-31 characters of A-Z a-z 0-9 _ . -");
	if (instance && !dyncast_name_valid(instance))
		return refuse(
			apply,
			"instance name: 1-31 characters of A-Z a-z 0-9 _ . -");
	return true;
}

/* tell everyone who follows the service; ends it with its last line */
static void service_changed(struct dyncast_service *service)
{
	dyncast_receive_service(service);
	if (dyncast_service_unused(service)) {
		dyncast_advertise_forget(service);
		dyncast_service_free(service);
	} else {
		dyncast_advertise_service(service);
	}
}

/* validation of a change to a service that `remove` requires to exist */
static bool service_check(struct dyncast_apply *apply, const char *name,
			  bool remove)
{
	if (!names_valid(apply, name, NULL))
		return false;
	if (remove && !dyncast_service_find(name))
		return refuse(apply, "there is no service %s", name);
	return true;
}

/* the anycast address itself leads to no instance in particular */
static bool is_service_address(const struct dyncast_prefix *prefix,
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
		return refuse(
			apply,
			"the prefix must be unicast, and not 0/0, loopback or link-local");
	if (strlen(vrf) > VRF_NAMSIZ)
		return refuse(apply, "VRF name: at most %u characters",
			      VRF_NAMSIZ);
	frr_each (dyncast_services, &dyncast_state.services, other)
		if (other != service && !strcmp(other->vrf, vrf) &&
		    !dyncast_prefix_cmp(&other->prefix, prefix))
			return refuse(apply,
				      "this prefix is that of service %s",
				      other->name);
	if (!service)
		return true;
	frr_each (dyncast_locals, &service->locals, local) {
		if (local->address.family &&
		    local->address.family != prefix->addr.family)
			return refuse(
				apply,
				"instance %s has an address of the other family",
				local->name);
		if (is_service_address(prefix, &local->address))
			return refuse(
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
	service->prefix = *prefix;
	strlcpy(service->vrf, vrf, sizeof(service->vrf));
	service_changed(service);
}

bool dyncast_apply_prefix(struct dyncast_apply *apply, const char *name,
			  const struct dyncast_prefix *prefix, const char *vrf)
{
	struct dyncast_service *service;

	if (apply->phase == DYNCAST_VALIDATE)
		return service_check(apply, name, false) &&
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
	static const struct dyncast_prefix none;
	struct dyncast_service *service = dyncast_service_find(name);
	char text[DYNCAST_PREFIX_STRLEN];

	if (apply->phase == DYNCAST_APPLY) {
		prefix_set(service, &none, "");
		return true;
	}
	if (!service_check(apply, name, true))
		return false;
	if (!dyncast_prefix_cmp(&service->prefix, prefix))
		return true;
	if (!service->prefix.addr.family)
		return refuse(apply, "service %s has no prefix", name);
	return refuse(apply, "the prefix of service %s is %s", name,
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
			return refuse(
				apply,
				"the sources of an IPv4 service have 32 bits");
		return service_check(apply, name,
				     affinity == DYNCAST_AFFINITY_DEFAULT);
	}
	service = dyncast_service_get(name);
	service->policy.affinity = affinity;
	service->policy.plen = plen;
	service->policy.timeout_s = timeout_s;
	service_changed(service);
	return true;
}

bool dyncast_apply_select(struct dyncast_apply *apply, const char *name,
			  enum dyncast_action action)
{
	struct dyncast_service *service;

	if (apply->phase == DYNCAST_VALIDATE)
		return service_check(apply, name,
				     action == DYNCAST_ACTION_DEFAULT);
	service = dyncast_service_get(name);
	service->policy.action = action;
	service_changed(service);
	return true;
}

bool dyncast_apply_cost(struct dyncast_apply *apply, const char *name,
			enum dyncast_cost_policy cost)
{
	struct dyncast_service *service;

	if (apply->phase == DYNCAST_VALIDATE)
		return service_check(apply, name, cost == DYNCAST_COST_DEFAULT);
	service = dyncast_service_get(name);
	service->policy.cost = cost;
	service_changed(service);
	return true;
}

bool dyncast_apply_interval(struct dyncast_apply *apply, const char *name,
			    uint32_t interval_ms, uint8_t threshold)
{
	struct dyncast_service *service;

	if (apply->phase == DYNCAST_VALIDATE) {
		if (interval_ms && (interval_ms < 10 || interval_ms > 600000 ||
				    threshold < 1 || threshold > 100))
			return refuse(
				apply,
				"interval is 10-600000 milliseconds, threshold 1-100 percent");
		return service_check(apply, name, !interval_ms);
	}
	service = dyncast_service_get(name);
	service->interval_ms = interval_ms;
	service->threshold =
		interval_ms ? threshold : DYNCAST_THRESHOLD_DEFAULT;
	service_changed(service);
	return true;
}

bool dyncast_apply_scope(struct dyncast_apply *apply, const char *name,
			 bool set, enum dyncast_scope scope)
{
	struct dyncast_service *service;

	if (apply->phase == DYNCAST_VALIDATE)
		return service_check(apply, name, !set);
	service = dyncast_service_get(name);
	service->scope_set = set;
	service->scope = set ? scope : DYNCAST_SCOPE_INTERNAL;
	service_changed(service);
	return true;
}

/* a SID is an address at this router: one instance only, of any service */
static bool sid_check(struct dyncast_apply *apply,
		      const struct dyncast_local *self, uint16_t sid)
{
	struct dyncast_service *service;
	struct dyncast_local *local;

	frr_each (dyncast_services, &dyncast_state.services, service)
		frr_each (dyncast_locals, &service->locals, local)
			if (local != self && local->sid == sid)
				return refuse(
					apply,
					"sid %u is that of service %s instance %s",
					sid, service->name, local->name);
	return true;
}

static bool instance_check(struct dyncast_apply *apply,
			   const struct dyncast_service *service,
			   const char *instance,
			   const struct dyncast_apply_instance *in)
{
	struct dyncast_local *local, *self = NULL;

	if (!dyncast_addr_is_unicast(&in->address))
		return refuse(
			apply,
			"the address must be unicast, and not loopback or link-local");
	if (in->capacity > 1000000)
		return refuse(apply, "capacity is 1-1000000");
	if (service) {
		if (service->prefix.addr.family &&
		    service->prefix.addr.family != in->address.family)
			return refuse(
				apply,
				"the service's prefix is of the other family");
		if (is_service_address(&service->prefix, &in->address))
			return refuse(
				apply,
				"this is the service's own address; an instance needs one of its own");
		self = dyncast_local_find(service, instance);
		if (!self && dyncast_locals_count(&service->locals) >=
				     DYNCAST_ATTR_INSTANCES_MAX)
			return refuse(apply,
				      "at most %u instances per service here",
				      DYNCAST_ATTR_INSTANCES_MAX);
		frr_each (dyncast_locals,
			  (struct dyncast_locals_head *)&service->locals, local)
			if (local != self &&
			    !dyncast_addr_cmp(&local->address, &in->address))
				return refuse(
					apply,
					"this address is that of instance %s",
					local->name);
	}
	return !in->sid || sid_check(apply, self, in->sid);
}

bool dyncast_apply_instance(struct dyncast_apply *apply, const char *name,
			    const char *instance,
			    const struct dyncast_apply_instance *in)
{
	struct dyncast_service *service = dyncast_service_find(name);
	struct dyncast_addr before, after;
	struct dyncast_local *local;

	if (apply->phase == DYNCAST_VALIDATE)
		return names_valid(apply, name, instance) &&
		       instance_check(apply, service, instance, in);
	service = dyncast_service_get(name);
	local = dyncast_local_get(service, instance);
	dyncast_local_dbid(local, &before);
	local->address = in->address;
	local->capacity = in->capacity;
	local->sid = in->sid;
	dyncast_local_dbid(local, &after);
	if (dyncast_addr_cmp(&before, &after))
		local->feedback = 0;
	service_changed(service);
	return true;
}

bool dyncast_apply_instance_remove(struct dyncast_apply *apply,
				   const char *name, const char *instance,
				   bool line_only)
{
	struct dyncast_service *service = dyncast_service_find(name);
	struct dyncast_local *local;

	if (apply->phase == DYNCAST_VALIDATE) {
		if (!names_valid(apply, name, instance))
			return false;
		if (!service || !dyncast_local_find(service, instance))
			return refuse(apply,
				      "there is no instance %s of service %s",
				      instance, name);
		return true;
	}
	local = dyncast_local_find(service, instance);
	if (line_only && (local->drain || local->encapsulation)) {
		memset(&local->address, 0, sizeof(local->address));
		local->capacity = 0;
		local->sid = 0;
		local->feedback = 0;
	} else {
		dyncast_local_free(local);
	}
	service_changed(service);
	return true;
}

bool dyncast_apply_drain(struct dyncast_apply *apply, const char *name,
			 const char *instance, bool drain)
{
	struct dyncast_service *service = dyncast_service_find(name);
	struct dyncast_local *local;

	if (apply->phase == DYNCAST_VALIDATE) {
		if (!names_valid(apply, name, instance))
			return false;
		if (!drain &&
		    (!service || !dyncast_local_find(service, instance)))
			return refuse(apply,
				      "there is no instance %s of service %s",
				      instance, name);
		return true;
	}
	service = dyncast_service_get(name);
	local = dyncast_local_get(service, instance);
	local->drain = drain;
	/* nothing but the drain line had named it */
	if (dyncast_local_unused(local))
		dyncast_local_free(local);
	service_changed(service);
	return true;
}

bool dyncast_apply_encapsulation(struct dyncast_apply *apply, const char *name,
				 const char *instance, enum dyncast_kind kind)
{
	struct dyncast_service *service = dyncast_service_find(name);
	struct dyncast_addr before, after;
	struct dyncast_local *local;

	if (apply->phase == DYNCAST_VALIDATE) {
		if (!names_valid(apply, name, instance))
			return false;
		if (kind == DYNCAST_KIND_NONE &&
		    (!service || !dyncast_local_find(service, instance)))
			return refuse(apply,
				      "there is no instance %s of service %s",
				      instance, name);
		return true;
	}
	service = dyncast_service_get(name);
	local = dyncast_local_get(service, instance);
	dyncast_local_dbid(local, &before);
	local->encapsulation = kind;
	dyncast_local_dbid(local, &after);
	if (dyncast_addr_cmp(&before, &after))
		local->feedback = 0;
	if (dyncast_local_unused(local))
		dyncast_local_free(local);
	service_changed(service);
	return true;
}

bool dyncast_apply_service_remove(struct dyncast_apply *apply, const char *name)
{
	struct dyncast_service *service;

	if (apply->phase == DYNCAST_VALIDATE)
		return service_check(apply, name, true);
	service = dyncast_service_find(name);
	dyncast_receive_service(service);
	dyncast_advertise_forget(service);
	dyncast_service_free(service);
	return true;
}

bool dyncast_apply_locator(struct dyncast_apply *apply,
			   const struct dyncast_prefix *locator, bool set)
{
	static const struct dyncast_prefix none;
	struct dyncast_service *service;
	struct dyncast_prefix *own;
	struct dyncast_local *local;
	struct dyncast_addr sid;

	own = locator->addr.family == AF_INET ? &dyncast_state.locator4
					      : &dyncast_state.locator;
	if (apply->phase == DYNCAST_VALIDATE) {
		if (set && (!dyncast_locator_sid(locator, 1, &sid) ||
			    !dyncast_addr_is_unicast(&locator->addr)))
			return refuse(
				apply,
				"a locator is a unicast prefix: IPv6 of 16-112 bits, IPv4 of 8-31 bits");
		return true;
	}
	if (!set)
		locator = &none;
	if (!dyncast_prefix_cmp(own, locator))
		return true;
	*own = *locator;
	/* other D-BIDs: zebra has to answer for them anew */
	frr_each (dyncast_services, &dyncast_state.services, service)
		frr_each (dyncast_locals, &service->locals, local)
			if (local->sid)
				local->feedback = 0;
	dyncast_peer_hello();
	dyncast_advertise_all();
	dyncast_receive_tick();
	return true;
}

bool dyncast_apply_attribute_code(struct dyncast_apply *apply,
				  unsigned int code)
{
	if (apply->phase == DYNCAST_VALIDATE) {
		/* bgpd or IANA give the others a meaning; 128 and 255 are
		 * bgpd's own ATTR_SET and VNC */
		if (code < 43 || code == 128 || code > 254)
			return refuse(
				apply,
				"code is 43-127 or 129-254: the others have a meaning of their own in BGP");
		return true;
	}
	if (dyncast_state.attr_code == code)
		return true;
	dyncast_state.attr_code = code;
	dyncast_advertise_recode();
	dyncast_receive_rescan();
	return true;
}

bool dyncast_apply_neighbor(struct dyncast_apply *apply,
			    const struct dyncast_addr *addr, bool accept)
{
	struct dyncast_neighbor ref = {.addr = *addr}, *neighbor;

	neighbor = dyncast_neighbors_find(&dyncast_state.neighbors, &ref);
	if (apply->phase == DYNCAST_VALIDATE) {
		if (!accept && !neighbor)
			return refuse(apply, "this neighbor is not accepted");
		return true;
	}
	if (accept && !neighbor) {
		neighbor = XCALLOC(MTYPE_DYNCAST_SETTING, sizeof(*neighbor));
		neighbor->addr = *addr;
		dyncast_neighbors_add(&dyncast_state.neighbors, neighbor);
	} else if (!accept && neighbor) {
		dyncast_neighbors_del(&dyncast_state.neighbors, neighbor);
		XFREE(MTYPE_DYNCAST_SETTING, neighbor);
	}
	dyncast_receive_reread();
	return true;
}

bool dyncast_apply_dbid_prefix(struct dyncast_apply *apply,
			       const struct dyncast_prefix *prefix, bool set)
{
	struct dyncast_filter ref = {.prefix = *prefix}, *filter;

	filter = dyncast_filters_find(&dyncast_state.filters, &ref);
	if (apply->phase == DYNCAST_VALIDATE) {
		if (!set && !filter)
			return refuse(apply, "there is no such dbid-prefix");
		return true;
	}
	if (set && !filter) {
		filter = XCALLOC(MTYPE_DYNCAST_SETTING, sizeof(*filter));
		filter->prefix = *prefix;
		dyncast_filters_add(&dyncast_state.filters, filter);
	} else if (!set && filter) {
		dyncast_filters_del(&dyncast_state.filters, filter);
		XFREE(MTYPE_DYNCAST_SETTING, filter);
	}
	dyncast_receive_reread();
	return true;
}
