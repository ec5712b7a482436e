/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The configuration and the only functions that change it: VALIDATE, then
 * COMMIT, as FRR's northbound calls them.  The command line (cli.c) uses the
 * same ones.  Main thread.
 */

#include <zebra.h>

#include "lib/if.h"

#include "apply.h"
#include "compat.h"
#include "convert.h"
#include "dataplane.h"
#include "ingress.h"
#include "module.h"
#include "service.h"
#include "sid.h"
#include "startup.h"
#include "../lib/addr.h"
#include "../lib/cost.h"

struct dyncast_config dyncast_config;

static void alias_default(struct prefix_ipv4 *p)
{
	str2prefix_ipv4(DYNCAST_ALIAS_PREFIX_DEFAULT, p);
}

void dyncast_apply_init(void)
{
	memset(&dyncast_config, 0, sizeof(dyncast_config));
	dyncast_config.network_unit_us = DYNCAST_NETWORK_UNIT_DEFAULT;
	dyncast_config.hold_s = DYNCAST_HOLD_DEFAULT;
	dyncast_config.flow_table_size = DYNCAST_DP_FLOWS_DEFAULT;
	alias_default(&dyncast_config.alias_prefix);
}

static bool in_range(uint32_t value, uint32_t min, uint32_t max,
		     const char *what, char *error, size_t size)
{
	if (value >= min && value <= max)
		return true;
	snprintf(error, size, "%s must be %u to %u", what, min, max);
	return false;
}

bool dyncast_apply_network_cost(enum dyncast_apply_phase phase, uint32_t unit,
				char *error, size_t size)
{
	if (phase == DYNCAST_APPLY_VALIDATE)
		return in_range(unit, 1, 1000000, "the unit of network cost",
				error, size);
	dyncast_config.network_unit_us = unit;
	dyncast_service_decide_all();
	return true;
}

bool dyncast_apply_hold(enum dyncast_apply_phase phase, uint32_t seconds,
			char *error, size_t size)
{
	if (phase == DYNCAST_APPLY_VALIDATE)
		return in_range(seconds, 0, 86400, "the hold time", error,
				size);
	/* for what is held from now on */
	dyncast_config.hold_s = seconds;
	return true;
}

bool dyncast_apply_flow_table(enum dyncast_apply_phase phase, uint32_t flows,
			      char *error, size_t size)
{
	if (phase == DYNCAST_APPLY_VALIDATE)
		return flows == 0 ||
		       in_range(flows, 1024, 16777216, "the flow table's size",
				error, size);
	dyncast_config.flow_table_size_set = flows != 0;
	dyncast_config.flow_table_size =
		flows ? flows : DYNCAST_DP_FLOWS_DEFAULT;
	dyncast_startup_resize();
	return true;
}

bool dyncast_apply_route_none(enum dyncast_apply_phase phase, bool none,
			      char *error, size_t size)
{
	(void)error;
	(void)size;
	if (phase == DYNCAST_APPLY_VALIDATE)
		return true;
	dyncast_config.route_none = none;
	dyncast_ingress_scan_later();
	dyncast_service_decide_all();
	return true;
}

bool dyncast_apply_dry_run_all(enum dyncast_apply_phase phase, bool on,
			       char *error, size_t size)
{
	(void)error;
	(void)size;
	if (phase == DYNCAST_APPLY_VALIDATE)
		return true;
	dyncast_config.dry_run = on;
	dyncast_service_decide_all();
	return true;
}

bool dyncast_apply_service_table(enum dyncast_apply_phase phase,
				 uint32_t services, char *error, size_t size)
{
	if (phase == DYNCAST_APPLY_VALIDATE)
		return services == 0 ||
		       in_range(services, 16, DYNCAST_DP_SERVICES_MAX,
				"the service table's size", error, size);
	dyncast_config.service_table_size = services;
	dyncast_startup_resize();
	return true;
}

bool dyncast_apply_forwarding_kernel(enum dyncast_apply_phase phase, bool on,
				     char *error, size_t size)
{
	(void)error;
	(void)size;
	if (phase == DYNCAST_APPLY_VALIDATE)
		return true;
	dyncast_config.forwarding_kernel = on;
	/* the programs at the ingress come before routes lead elsewhere, and go
	 * after that */
	dyncast_ingress_scan();
	dyncast_service_decide_all();
	return true;
}

bool dyncast_apply_encap_source(enum dyncast_apply_phase phase, uint8_t family,
				const struct dyncast_addr *source, char *error,
				size_t size)
{
	static const struct dyncast_addr none;

	if (phase == DYNCAST_APPLY_VALIDATE) {
		if (!source || dyncast_addr_is_unicast(source))
			return true;
		snprintf(
			error, size,
			"the source of outer headers must be a global unicast address");
		return false;
	}
	if (!source)
		source = &none;
	if (family == AF_INET)
		dyncast_config.encap_source4 = dyncast_to_in4(source);
	else
		dyncast_config.encap_source = dyncast_to_in6(source);
	dyncast_service_decide_all();
	return true;
}

bool dyncast_apply_alias_prefix(enum dyncast_apply_phase phase,
				const struct prefix_ipv4 *prefix, char *error,
				size_t size)
{
	struct dyncast_addr addr;

	if (phase == DYNCAST_APPLY_VALIDATE) {
		if (!prefix)
			return true;
		addr = dyncast_addr_make(AF_INET, &prefix->prefix);
		/* the kernel drops packets to 127/8 as martians */
		if (!dyncast_addr_is_unicast(&addr)) {
			snprintf(error, size,
				 "aliases must be unicast addresses");
			return false;
		}
		return in_range(prefix->prefixlen, DYNCAST_ALIAS_PREFIX_LEN_MIN,
				DYNCAST_ALIAS_PREFIX_LEN_MAX,
				"the alias prefix's length", error, size);
	}
	dyncast_config.alias_prefix_set = prefix != NULL;
	if (prefix) {
		dyncast_config.alias_prefix = *prefix;
		apply_mask_ipv4(&dyncast_config.alias_prefix);
	} else {
		alias_default(&dyncast_config.alias_prefix);
	}
	dyncast_sid_realias();
	return true;
}

/* What the kernel takes for one (dev_valid_name()), of ASCII and without
 * quotes; it is written into the configuration as it is, so it must be one
 * word. */
static bool ifname_valid(const char *ifname)
{
	size_t len = strlen(ifname);

	if (len == 0 || len >= IFNAMSIZ || strcmp(ifname, "all") == 0 ||
	    strcmp(ifname, ".") == 0 || strcmp(ifname, "..") == 0)
		return false;
	for (; *ifname; ifname++) {
		if (*ifname <= ' ' || *ifname > '~' || strchr("\"'/:", *ifname))
			return false;
	}
	return true;
}

bool dyncast_apply_ingress(enum dyncast_apply_phase phase, const char *ifname,
			   bool on, char *error, size_t size)
{
	if (phase == DYNCAST_APPLY_VALIDATE) {
		/* one that is there can be taken away, whatever it is */
		if (!on || ifname_valid(ifname))
			return true;
		snprintf(
			error, size,
			"an interface's name has 1 to %d characters, no space, quote, slash or colon, and is not \"all\"",
			IFNAMSIZ - 1);
		return false;
	}
	if (on)
		dyncast_ingress_add(ifname);
	else
		dyncast_ingress_del(ifname);
	return true;
}

bool dyncast_apply_ingress_all(enum dyncast_apply_phase phase, bool on,
			       char *error, size_t size)
{
	(void)error;
	(void)size;
	if (phase == DYNCAST_APPLY_VALIDATE)
		return true;
	dyncast_config.ingress_all = on;
	dyncast_ingress_scan_later();
	return true;
}
