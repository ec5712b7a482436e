// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Validates and applies what concerns the instances of a service at this site,
 * by configuration or by an agent; see apply.h.
 *
 * What is configured wins: an instance that an agent brought up goes when a
 * line wants its address or its number.  A service ends with its last line.
 */

#include "advertise.h"
#include "apply_internal.h"
#include "receive.h"
#include "yang.h"

/* does `other` stand in the way of an instance from the same or a lower source?
 */
static bool in_the_way(const struct dyncast_local *other,
		       const struct dyncast_local *self, bool by_agent)
{
	return other != self && (by_agent || !other->by_agent);
}

/* a SID is an address at this router: one instance only, of any service */
static bool sid_check(struct dyncast_apply *apply,
		      const struct dyncast_local *self,
		      const struct dyncast_apply_instance *in)
{
	struct dyncast_service *service;
	struct dyncast_local *local;

	frr_each (dyncast_services, &dyncast_state.services, service)
		frr_each (dyncast_locals, &service->locals, local)
			if (local->sid == in->sid &&
			    in_the_way(local, self, in->by_agent))
				return dyncast_apply_refuse(
					apply,
					"sid %u is that of service %s instance %s",
					in->sid, service->name, local->name);
	return true;
}

static bool service_fits(struct dyncast_apply *apply,
			 const struct dyncast_service *service,
			 const struct dyncast_local *self,
			 const struct dyncast_apply_instance *in)
{
	unsigned int n = 0, n_agents = 0;
	struct dyncast_local *local;

	if (service->prefix.addr.family &&
	    service->prefix.addr.family != in->address.family)
		return dyncast_apply_refuse(
			apply, "the service's prefix is of the other family");
	if (dyncast_apply_is_service(&service->prefix, &in->address))
		return dyncast_apply_refuse(
			apply,
			"this is the service's own address; an instance needs one of its own");
	frr_each (dyncast_locals,
		  (struct dyncast_locals_head *)&service->locals, local) {
		if (local == self)
			continue;
		n += in->by_agent || !local->by_agent;
		n_agents += local->by_agent;
		if (in_the_way(local, self, in->by_agent) &&
		    !dyncast_addr_cmp(&local->address, &in->address))
			return dyncast_apply_refuse(
				apply, "this address is that of instance %s",
				local->name);
	}
	if (n >= DYNCAST_ATTR_INSTANCES_MAX)
		return dyncast_apply_refuse(
			apply, "at most %u instances per service here",
			DYNCAST_ATTR_INSTANCES_MAX);
	if (in->by_agent && n_agents >= service->agent_max)
		return dyncast_apply_refuse(
			apply, "agents may bring up at most %u instances",
			service->agent_max);
	return true;
}

static bool instance_check(struct dyncast_apply *apply,
			   const struct dyncast_service *service,
			   const char *instance,
			   const struct dyncast_apply_instance *in)
{
	struct dyncast_local *self = NULL;

	if (!dyncast_addr_is_unicast(&in->address))
		return dyncast_apply_refuse(
			apply,
			"the address must be unicast, and not loopback or link-local");
	if (in->capacity > 1000000)
		return dyncast_apply_refuse(apply, "capacity is 1-1000000");
	if (service) {
		self = dyncast_local_find(service, instance);
		if (!service_fits(apply, service, self, in))
			return false;
	}
	return !in->sid || sid_check(apply, self, in);
}

/* what agents brought up gives way to what is configured */
static void agents_evict(const struct dyncast_service *service,
			 const struct dyncast_local *self)
{
	struct dyncast_service *other;
	struct dyncast_local *local;

	frr_each (dyncast_services, &dyncast_state.services, other) {
		frr_each_safe (dyncast_locals, &other->locals, local) {
			if (local == self || !local->by_agent ||
			    ((!self->sid || local->sid != self->sid) &&
			     (other != service ||
			      dyncast_addr_cmp(&local->address,
					       &self->address))))
				continue;
			zlog_warn(
				"dyncast: service %s instance %s, brought up by an agent, gives way to the configured %s",
				other->name, local->name, self->name);
			dyncast_yang_instance_gone(
				local, "it gives way to a configured one");
			dyncast_local_free(local);
			if (other != service)
				dyncast_apply_service_changed(other);
		}
	}
}

static void instance_set(struct dyncast_service *service,
			 struct dyncast_local *local,
			 const struct dyncast_apply_instance *in)
{
	struct dyncast_addr before, after;

	dyncast_local_dbid(local, &before);
	local->address = in->address;
	local->capacity = in->capacity;
	local->sid = in->sid;
	local->by_agent = in->by_agent;
	dyncast_local_dbid(local, &after);
	if (dyncast_addr_cmp(&before, &after))
		local->feedback = 0;
	if (!in->by_agent)
		agents_evict(service, local);
	dyncast_apply_service_changed(service);
}

bool dyncast_apply_instance(struct dyncast_apply *apply, const char *name,
			    const char *instance,
			    const struct dyncast_apply_instance *in)
{
	struct dyncast_service *service = dyncast_service_find(name);

	if (apply->phase == DYNCAST_VALIDATE)
		return dyncast_apply_names_valid(apply, name, instance) &&
		       instance_check(apply, service, instance, in);
	service = dyncast_service_get(name);
	instance_set(service, dyncast_local_get(service, instance), in);
	return true;
}

/* an instance that has to be there */
static bool local_check(struct dyncast_apply *apply,
			const struct dyncast_service *service, const char *name,
			const char *instance)
{
	if (!dyncast_apply_names_valid(apply, name, instance))
		return false;
	if (!service || !dyncast_local_find(service, instance))
		return dyncast_apply_refuse(
			apply, "there is no instance %s of service %s",
			instance, name);
	return true;
}

/* a line of an instance that the configuration has, or begins with it: what an
 * agent brought up is not in the configuration */
static bool line_check(struct dyncast_apply *apply,
		       const struct dyncast_service *service, const char *name,
		       const char *instance)
{
	struct dyncast_local *local;
	unsigned int n = 0;

	if (!dyncast_apply_names_valid(apply, name, instance))
		return false;
	if (!service)
		return true;
	local = dyncast_local_find(service, instance);
	if (local && local->by_agent)
		return dyncast_apply_refuse(
			apply,
			"instance %s was brought up by an agent, which says this itself; enter its address to configure it",
			instance);
	if (local)
		return true;
	frr_each (dyncast_locals,
		  (struct dyncast_locals_head *)&service->locals, local)
		n += !local->by_agent;
	return n < DYNCAST_ATTR_INSTANCES_MAX ||
	       dyncast_apply_refuse(apply,
				    "at most %u instances per service here",
				    DYNCAST_ATTR_INSTANCES_MAX);
}

/* nothing but lines that are gone had named it */
static void local_end_unused(struct dyncast_local *local)
{
	if (dyncast_local_unused(local))
		dyncast_local_free(local);
}

bool dyncast_apply_instance_remove(struct dyncast_apply *apply,
				   const char *name, const char *instance,
				   bool line_only)
{
	struct dyncast_service *service = dyncast_service_find(name);
	struct dyncast_local *local;

	if (apply->phase == DYNCAST_VALIDATE)
		return local_check(apply, service, name, instance);
	local = dyncast_local_find(service, instance);
	if (line_only) {
		memset(&local->address, 0, sizeof(local->address));
		local->capacity = 0;
		local->sid = 0;
		local->feedback = 0;
		local_end_unused(local);
	} else {
		dyncast_yang_instance_gone(local, "it was removed");
		dyncast_local_free(local);
	}
	dyncast_apply_service_changed(service);
	return true;
}

bool dyncast_apply_drain(struct dyncast_apply *apply, const char *name,
			 const char *instance, bool drain)
{
	struct dyncast_service *service = dyncast_service_find(name);
	struct dyncast_local *local;

	if (apply->phase == DYNCAST_VALIDATE)
		return drain ? line_check(apply, service, name, instance)
			     : local_check(apply, service, name, instance);
	service = dyncast_service_get(name);
	local = dyncast_local_get(service, instance);
	local->drain = drain;
	local_end_unused(local);
	dyncast_apply_service_changed(service);
	return true;
}

bool dyncast_apply_encapsulation(struct dyncast_apply *apply, const char *name,
				 const char *instance, enum dyncast_kind kind)
{
	struct dyncast_service *service = dyncast_service_find(name);
	struct dyncast_addr before, after;
	struct dyncast_local *local;

	if (apply->phase == DYNCAST_VALIDATE)
		return kind == DYNCAST_KIND_NONE
			       ? local_check(apply, service, name, instance)
			       : line_check(apply, service, name, instance);
	service = dyncast_service_get(name);
	local = dyncast_local_get(service, instance);
	dyncast_local_dbid(local, &before);
	local->encapsulation = kind;
	dyncast_local_dbid(local, &after);
	if (dyncast_addr_cmp(&before, &after))
		local->feedback = 0;
	local_end_unused(local);
	dyncast_apply_service_changed(service);
	return true;
}

bool dyncast_apply_feed(struct dyncast_apply *apply, const char *name,
			const char *instance, bool feed)
{
	struct dyncast_service *service = dyncast_service_find(name);
	struct dyncast_local *local;

	if (apply->phase == DYNCAST_VALIDATE)
		return feed ? line_check(apply, service, name, instance)
			    : local_check(apply, service, name, instance);
	service = dyncast_service_get(name);
	local = dyncast_local_get(service, instance);
	/* the same line again: what the instance's own route said stands */
	if (local->feed == feed)
		return true;
	local->feed = feed;
	dyncast_feed_forget(local);
	local_end_unused(local);
	dyncast_apply_service_changed(service);
	return true;
}

/* those that the new line would not have allowed */
static void agents_end(struct dyncast_service *service)
{
	struct dyncast_local *local;

	frr_each_safe (dyncast_locals, &service->locals, local) {
		if (!local->by_agent ||
		    (service->agent_within.addr.family &&
		     dyncast_prefix_contains(&service->agent_within,
					     &local->address)))
			continue;
		dyncast_yang_instance_gone(
			local, "agents may not bring it up any more");
		dyncast_local_free(local);
	}
}

bool dyncast_apply_agent_instances(struct dyncast_apply *apply,
				   const char *name,
				   const struct dyncast_prefix *within,
				   uint8_t max)
{
	static const struct dyncast_prefix none;
	struct dyncast_service *service = dyncast_service_find(name);

	if (apply->phase == DYNCAST_VALIDATE) {
		if (!dyncast_apply_names_valid(apply, name, NULL))
			return false;
		if (!within && !service)
			return dyncast_apply_refuse(
				apply, "there is no service %s", name);
		return true;
	}
	service = dyncast_service_get(name);
	service->agent_within = within ? *within : none;
	service->agent_max = within ? max : 0;
	agents_end(service);
	dyncast_apply_service_changed(service);
	return true;
}

bool dyncast_apply_agent_instance(struct dyncast_apply *apply,
				  struct dyncast_service *service,
				  const char *instance,
				  const struct dyncast_apply_instance *in)
{
	struct dyncast_local *local = dyncast_local_find(service, instance);

	if (apply->phase == DYNCAST_VALIDATE) {
		if (local && !local->by_agent)
			return dyncast_apply_refuse(
				apply, "its address is configured");
		if (!service->agent_within.addr.family)
			return dyncast_apply_refuse(
				apply,
				"agents may not bring up instances of this service");
		if (!dyncast_prefix_contains(&service->agent_within,
					     &in->address))
			return dyncast_apply_refuse(
				apply,
				"agents may not bring up an instance with this address");
		return instance_check(apply, service, instance, in);
	}
	if (!local)
		zlog_info("dyncast: agent: service %s has a new instance %s",
			  service->name, instance);
	instance_set(service, dyncast_local_get(service, instance), in);
	return true;
}

void dyncast_apply_agent_gone(struct dyncast_local *local, const char *why)
{
	struct dyncast_service *service = local->service;

	zlog_info("dyncast: agent: service %s instance %s is gone: %s",
		  service->name, local->name, why);
	dyncast_yang_instance_gone(local, why);
	dyncast_local_free(local);
	dyncast_apply_service_changed(service);
}
