// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The configuration in dyncast_state, as lines that can be entered again in
 * this order.  Main thread of bgpd, or of mgmtd, which fills that state from a
 * data store; called by vty.
 */

#include "cli_internal.h"
#include "../lib/words.h"

static void write_locals(struct vty *vty, struct dyncast_service *service)
{
	char text[DYNCAST_ADDR_STRLEN];
	struct dyncast_local *local;

	frr_each (dyncast_locals, &service->locals, local) {
		if (local->by_agent)
			continue;
		if (local->address.family) {
			vty_out(vty,
				"dyncast service %s instance %s address %s",
				service->name, local->name,
				dyncast_addr_str(&local->address, text,
						 sizeof(text)));
			if (local->capacity)
				vty_out(vty, " capacity %u", local->capacity);
			if (local->sid)
				vty_out(vty, " sid %u", local->sid);
			vty_out(vty, "\n");
		}
		if (local->drain)
			vty_out(vty, "dyncast service %s instance %s drain\n",
				service->name, local->name);
		if (local->encapsulation)
			vty_out(vty,
				"dyncast service %s instance %s encapsulation %s\n",
				service->name, local->name,
				dyncast_kind_str(local->encapsulation));
		if (local->feed)
			vty_out(vty,
				"dyncast service %s instance %s feed bgp\n",
				service->name, local->name);
	}
}

static const char *consent_str(uint8_t consent)
{
	return consent == DYNCAST_CONSENT_ACCEPT ? "accept" : "refuse";
}

static void write_advertise(struct vty *vty,
			    const struct dyncast_service *service)
{
	const char *name = service->name;

	if (service->interval_ms)
		vty_out(vty,
			"dyncast service %s advertise interval %u threshold %u\n",
			name, service->interval_ms, service->threshold);
	if (service->scope_set)
		vty_out(vty, "dyncast service %s advertise scope %s\n", name,
			service->scope == DYNCAST_SCOPE_INTERNAL ? "internal"
								 : "external");
	if (service->level)
		vty_out(vty, "dyncast service %s advertise level score\n",
			name);
	if (service->overload)
		vty_out(vty, "dyncast service %s advertise overload %u\n", name,
			service->overload);
	if (service->as_scope)
		vty_out(vty, "dyncast service %s advertise as-scope %u\n", name,
			service->as_scope);
}

static void write_policy(struct vty *vty, const struct dyncast_service *service)
{
	const struct dyncast_policy *policy = &service->policy;
	const char *name = service->name;

	if (policy->action) {
		vty_out(vty, "dyncast service %s select %s", name,
			dyncast_action_str(policy->action));
		if (policy->hysteresis)
			vty_out(vty, " hysteresis %u", policy->hysteresis);
		if (policy->hold_s)
			vty_out(vty, " hold %u", policy->hold_s);
		vty_out(vty, "\n");
	}
	if (policy->cost) {
		vty_out(vty, "dyncast service %s cost %s", name,
			dyncast_cost_policy_str(policy->cost));
		if (policy->cost == DYNCAST_COST_WEIGHTED)
			vty_out(vty, " %u", policy->alpha);
		vty_out(vty, "\n");
	}
	if (!policy->max_utilisation && !policy->min_score &&
	    !policy->max_delay_us && !policy->max_network_us)
		return;
	vty_out(vty, "dyncast service %s eligible", name);
	if (policy->max_utilisation)
		vty_out(vty, " utilisation %u", policy->max_utilisation);
	if (policy->max_delay_us)
		vty_out(vty, " delay %u", policy->max_delay_us);
	if (policy->max_network_us)
		vty_out(vty, " network %u", policy->max_network_us);
	if (policy->min_score)
		vty_out(vty, " score %u", policy->min_score);
	vty_out(vty, "\n");
}

static const char *site_str(const struct dyncast_addr *site, char *text,
			    size_t size)
{
	return site->family ? dyncast_addr_str(site, text, size) : "local";
}

static void write_override(struct vty *vty,
			   const struct dyncast_service *service)
{
	const struct dyncast_override *override = &service->override;
	char text[DYNCAST_ADDR_STRLEN];

	if (override->pinned)
		vty_out(vty, "dyncast service %s pin site %s\n", service->name,
			site_str(&override->pin, text, sizeof(text)));
	for (unsigned int i = 0; i < override->n_caps; i++)
		vty_out(vty, "dyncast service %s weight-cap site %s %u\n",
			service->name,
			site_str(&override->caps[i].site, text, sizeof(text)),
			override->caps[i].percent);
	if (override->dry_run)
		vty_out(vty, "dyncast service %s dry-run\n", service->name);
}

static void write_service(struct vty *vty, struct dyncast_service *service)
{
	const char *name = service->name;
	char text[DYNCAST_PREFIX_STRLEN];

	if (service->prefix.addr.family) {
		vty_out(vty, "dyncast service %s prefix %s", name,
			dyncast_prefix_str(&service->prefix, text,
					   sizeof(text)));
		if (service->vrf[0])
			vty_out(vty, " vrf %s", service->vrf);
		vty_out(vty, "\n");
	}
	if (service->policy.affinity) {
		vty_out(vty, "dyncast service %s affinity %s", name,
			service->policy.affinity == DYNCAST_AFFINITY_SOURCE
				? "source"
			: service->policy.affinity == DYNCAST_AFFINITY_NONE
				? "none"
				: "flow");
		if (service->policy.plen)
			vty_out(vty, " prefix-length %u", service->policy.plen);
		if (service->policy.timeout_s)
			vty_out(vty, " timeout %u", service->policy.timeout_s);
		vty_out(vty, "\n");
	}
	write_policy(vty, service);
	write_advertise(vty, service);
	write_override(vty, service);
	if (service->consent)
		vty_out(vty, "dyncast service %s policy %s\n", name,
			consent_str(service->consent));
	if (service->agent_timeout_s)
		vty_out(vty, "dyncast service %s agent-timeout %u\n", name,
			service->agent_timeout_s);
	if (service->agent_within.addr.family) {
		vty_out(vty, "dyncast service %s instances agent within %s",
			name,
			dyncast_prefix_str(&service->agent_within, text,
					   sizeof(text)));
		if (service->agent_max != DYNCAST_AGENT_MAX_DEFAULT)
			vty_out(vty, " max %u", service->agent_max);
		vty_out(vty, "\n");
	}
	write_locals(vty, service);
}

static void write_attribute(struct vty *vty)
{
	if (dyncast_state.ietf)
		vty_out(vty, "dyncast attribute profile ietf\n");
	if (dyncast_state.attr_code != DYNCAST_ATTR_CODE_DEFAULT)
		vty_out(vty, "dyncast attribute code %u\n",
			dyncast_state.attr_code);
	if (dyncast_state.attr_size != DYNCAST_ATTR_SIZE_DEFAULT)
		vty_out(vty, "dyncast attribute size %u\n",
			dyncast_state.attr_size);
	if (dyncast_state.fast)
		vty_out(vty, "dyncast advertise fast\n");
}

static void write_site(struct vty *vty)
{
	const struct dyncast_site_config *site = &dyncast_state.site;
	char text[DYNCAST_ADDR_STRLEN];

	if (site->preference)
		vty_out(vty, "dyncast site preference %u\n", site->preference);
	if (site->id_set)
		vty_out(vty, "dyncast site id %u\n", site->id);
	if (site->loopback.family)
		vty_out(vty, "dyncast site loopback %s availability %u\n",
			dyncast_addr_str(&site->loopback, text, sizeof(text)),
			site->availability);
	if (dyncast_state.drain)
		vty_out(vty, "dyncast drain\n");
}

static void write_neighbor(struct vty *vty,
			   const struct dyncast_neighbor *neighbor)
{
	char text[DYNCAST_ADDR_STRLEN];

	dyncast_addr_str(&neighbor->addr, text, sizeof(text));
	if (neighbor->accept)
		vty_out(vty, "dyncast neighbor %s accept\n", text);
	if (neighbor->consent)
		vty_out(vty, "dyncast neighbor %s policy %s\n", text,
			consent_str(neighbor->consent));
}

int dyncast_cli_write(struct vty *vty)
{
	char text[DYNCAST_PREFIX_STRLEN];
	struct dyncast_service *service;
	struct dyncast_neighbor *neighbor;
	struct dyncast_filter *filter;

	write_attribute(vty);
	if (dyncast_state.locator.addr.family)
		vty_out(vty, "dyncast locator %s\n",
			dyncast_prefix_str(&dyncast_state.locator, text,
					   sizeof(text)));
	if (dyncast_state.locator4.addr.family)
		vty_out(vty, "dyncast locator %s\n",
			dyncast_prefix_str(&dyncast_state.locator4, text,
					   sizeof(text)));
	write_site(vty);
	frr_each (dyncast_neighbors, &dyncast_state.neighbors, neighbor)
		write_neighbor(vty, neighbor);
	frr_each (dyncast_filters, &dyncast_state.filters, filter)
		vty_out(vty, "dyncast dbid-prefix %s\n",
			dyncast_prefix_str(&filter->prefix, text,
					   sizeof(text)));
	frr_each (dyncast_services, &dyncast_state.services, service)
		write_service(vty, service);
	return 1;
}
