/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Configuration commands of zebra_dyncast and the lines of `show
 * running-config`.  Flat top-level lines: vtysh and frr-reload know them
 * without help.  Nothing takes effect here, see apply.c.
 */

#include <zebra.h>

#include "lib/command.h"

#include "apply.h"
#include "compat.h"
#include "dataplane.h"
#include "ingress.h"
#include "module.h"
#include "sizing.h"
#include "yang.h"
#include "../lib/addr.h"
#include "../lib/cost.h"

#ifndef VTYSH_EXTRACT_PL
#include "zebra-dyncast/cli_clippy.c"
#endif

#define DYNCAST_STR "Compute-aware anycast\n"

/* both phases of an apply function; what changed is told to the northbound, its
 * error to the user */
#define APPLY(vty, fn, ...)                                                    \
	({                                                                     \
		char error_[128] = "";                                         \
		int ret_ = CMD_WARNING_CONFIG_FAILED;                          \
		if (fn(DYNCAST_APPLY_VALIDATE, __VA_ARGS__, error_,            \
		       sizeof(error_))) {                                      \
			fn(DYNCAST_APPLY_COMMIT, __VA_ARGS__, error_,          \
			   sizeof(error_));                                    \
			dyncast_yang_sync();                                   \
			ret_ = CMD_SUCCESS;                                    \
		} else {                                                       \
			vty_out(vty, "%% %s\n", error_);                       \
		}                                                              \
		ret_;                                                          \
	})

DEFPY(dyncast_network_cost, dyncast_network_cost_cmd,
      "dyncast network-cost unit (1-1000000)$unit",
      DYNCAST_STR
      "Network cost of a candidate\n"
      "What one unit of the route's metric costs\n"
      "Microseconds\n")
{
	return APPLY(vty, dyncast_apply_network_cost, unit);
}

DEFPY(no_dyncast_network_cost, no_dyncast_network_cost_cmd,
      "no dyncast network-cost unit [(1-1000000)]",
      NO_STR DYNCAST_STR
      "Network cost of a candidate\n"
      "What one unit of the route's metric costs\n"
      "Microseconds\n")
{
	return APPLY(vty, dyncast_apply_network_cost,
		     DYNCAST_NETWORK_UNIT_DEFAULT);
}

DEFPY(dyncast_hold, dyncast_hold_cmd, "dyncast hold (0-86400)$seconds",
      DYNCAST_STR
      "How long pinned flows stay with an instance whose BGP path is lost\n"
      "Seconds, 0 for not at all\n")
{
	return APPLY(vty, dyncast_apply_hold, seconds);
}

DEFPY(no_dyncast_hold, no_dyncast_hold_cmd, "no dyncast hold [(0-86400)]",
      NO_STR DYNCAST_STR
      "How long pinned flows stay with an instance whose BGP path is lost\n"
      "Seconds, 0 for not at all\n")
{
	return APPLY(vty, dyncast_apply_hold, DYNCAST_HOLD_DEFAULT);
}

/* tables that exist have taken theirs */
static const char *table_when(void)
{
	return dyncast_dp_active()
		       ? "; the tables in force are in `show dyncast forwarding`"
		       : "";
}

DEFPY(dyncast_ingress, dyncast_ingress_cmd,
      "[no] dyncast ingress IFNAME$ifname",
      NO_STR DYNCAST_STR
      "Steer packets that come in by an interface\n"
      "Name of the interface\n")
{
	return APPLY(vty, dyncast_apply_ingress, ifname, !no);
}

DEFPY(dyncast_ingress_all, dyncast_ingress_all_cmd, "[no] dyncast ingress all",
      NO_STR DYNCAST_STR
      "Steer packets that come in by an interface\n"
      "By every Ethernet interface, also those that come later\n")
{
	return APPLY(vty, dyncast_apply_ingress_all, !no);
}

DEFPY(dyncast_forwarding_kernel, dyncast_forwarding_kernel_cmd,
      "[no] dyncast forwarding kernel",
      NO_STR DYNCAST_STR
      "The way of packets through this router\n"
      "Netfilter and the reverse-path filter see them before they are placed\n")
{
	return APPLY(vty, dyncast_apply_forwarding_kernel, !no);
}

DEFPY(dyncast_service_table, dyncast_service_table_cmd,
      "dyncast service-table size (16-16384)$services",
      DYNCAST_STR
      "Table of services\n"
      "Most services whose flows are pinned\n"
      "Number of services\n")
{
	vty_out(vty, "A service table of %ld takes %" PRIu64 " MiB%s\n",
		services, dyncast_sizing_services(services) >> 20,
		table_when());
	return APPLY(vty, dyncast_apply_service_table, services);
}

DEFPY(no_dyncast_service_table, no_dyncast_service_table_cmd,
      "no dyncast service-table size [(16-16384)]",
      NO_STR DYNCAST_STR
      "Table of services\n"
      "Most services whose flows are pinned\n"
      "Number of services\n")
{
	return APPLY(vty, dyncast_apply_service_table, 0);
}

DEFPY(dyncast_flow_table, dyncast_flow_table_cmd,
      "dyncast flow-table size (1024-16777216)$flows",
      DYNCAST_STR
      "Table of pinned flows\n"
      "Most flows that are kept\n"
      "Number of flows\n")
{
	vty_out(vty,
		"A flow table of %ld for each family takes %" PRIu64 " MiB%s\n",
		flows, dyncast_sizing_flows(flows) >> 20, table_when());
	return APPLY(vty, dyncast_apply_flow_table, flows);
}

DEFPY(no_dyncast_flow_table, no_dyncast_flow_table_cmd,
      "no dyncast flow-table size [(1024-16777216)]",
      NO_STR DYNCAST_STR
      "Table of pinned flows\n"
      "Most flows that are kept\n"
      "Number of flows\n")
{
	return APPLY(vty, dyncast_apply_flow_table, 0);
}

DEFPY(dyncast_route_none, dyncast_route_none_cmd, "[no] dyncast route none",
      NO_STR DYNCAST_STR
      "Routes for service prefixes\n"
      "Install none: only packets on ingress interfaces are steered\n")
{
	return APPLY(vty, dyncast_apply_route_none, !no);
}

DEFPY(dyncast_dry_run, dyncast_dry_run_cmd, "[no] dyncast dry-run",
      NO_STR DYNCAST_STR
      "Decide and show, but place no flow and install no route\n")
{
	return APPLY(vty, dyncast_apply_dry_run, !no);
}

DEFPY(dyncast_encap_source, dyncast_encap_source_cmd,
      "dyncast encapsulation source <A.B.C.D|X:X::X:X>$source",
      DYNCAST_STR
      "Outer headers towards other sites\n"
      "Source address, one of each family\n"
      "IPv4 address of this router\n"
      "IPv6 address of this router\n")
{
	struct dyncast_addr own =
		source->sa.sa_family == AF_INET
			? dyncast_addr_make(AF_INET, &source->sin.sin_addr)
			: dyncast_addr_make(AF_INET6, &source->sin6.sin6_addr);

	return APPLY(vty, dyncast_apply_encap_source, own.family, &own);
}

DEFPY(no_dyncast_encap_source, no_dyncast_encap_source_cmd,
      "no dyncast encapsulation source [<A.B.C.D|X:X::X:X>$source]",
      NO_STR DYNCAST_STR
      "Outer headers towards other sites\n"
      "Source address, one of each family\n"
      "IPv4 address of this router\n"
      "IPv6 address of this router\n")
{
	uint8_t family = source ? source->sa.sa_family : AF_UNSPEC;
	int ret = CMD_SUCCESS;

	if (family != AF_INET)
		ret = APPLY(vty, dyncast_apply_encap_source, AF_INET6, NULL);
	if (family != AF_INET6)
		ret = APPLY(vty, dyncast_apply_encap_source, AF_INET, NULL);
	return ret;
}

DEFPY(dyncast_alias_prefix, dyncast_alias_prefix_cmd,
      "dyncast alias-prefix A.B.C.D/M$prefix",
      DYNCAST_STR
      "Addresses inside this router that stand for local instances\n"
      "Prefix, used nowhere else\n")
{
	return APPLY(vty, dyncast_apply_alias_prefix, prefix);
}

DEFPY(no_dyncast_alias_prefix, no_dyncast_alias_prefix_cmd,
      "no dyncast alias-prefix [A.B.C.D/M]",
      NO_STR DYNCAST_STR
      "Addresses inside this router that stand for local instances\n"
      "Prefix, used nowhere else\n")
{
	return APPLY(vty, dyncast_apply_alias_prefix, NULL);
}

struct writer {
	struct vty *vty;
	int lines;
};

static void write_ingress(const char *ifname, void *arg)
{
	struct writer *w = arg;

	vty_out(w->vty, "dyncast ingress %s\n", ifname);
	w->lines++;
}

static void write_sizes(struct writer *w)
{
	const struct dyncast_config *c = &dyncast_config;

	if (c->flow_table_size_set) {
		vty_out(w->vty, "dyncast flow-table size %u\n",
			c->flow_table_size);
		w->lines++;
	}
	if (c->service_table_size) {
		vty_out(w->vty, "dyncast service-table size %u\n",
			c->service_table_size);
		w->lines++;
	}
}

static void write_encapsulation(struct writer *w)
{
	const struct dyncast_config *c = &dyncast_config;

	if (!IN6_IS_ADDR_UNSPECIFIED(&c->encap_source)) {
		vty_out(w->vty, "dyncast encapsulation source %pI6\n",
			&c->encap_source);
		w->lines++;
	}
	if (c->encap_source4.s_addr != INADDR_ANY) {
		vty_out(w->vty, "dyncast encapsulation source %pI4\n",
			&c->encap_source4);
		w->lines++;
	}
	if (c->alias_prefix_set) {
		vty_out(w->vty, "dyncast alias-prefix %pFX\n",
			&c->alias_prefix);
		w->lines++;
	}
}

DEFPY(dyncast_forwarding_load, dyncast_forwarding_load_cmd,
      "dyncast forwarding load FILE$path [check]$check",
      DYNCAST_STR
      "The container /frr-dyncast:forwarding of the YANG model\n"
      "Put a file in its place, as a whole or not at all\n"
      "Name of the file, JSON or XML\n"
      "Only say whether it would be accepted\n")
{
	return dyncast_nb_load(vty, path, check != NULL);
}

static int config_write(struct vty *vty)
{
	const struct dyncast_config *c = &dyncast_config;
	struct writer w = {.vty = vty};

	w.lines = dyncast_debug_config_write(vty);
	write_sizes(&w);
	if (c->network_unit_us != DYNCAST_NETWORK_UNIT_DEFAULT) {
		vty_out(vty, "dyncast network-cost unit %u\n",
			c->network_unit_us);
		w.lines++;
	}
	if (c->hold_s != DYNCAST_HOLD_DEFAULT) {
		vty_out(vty, "dyncast hold %u\n", c->hold_s);
		w.lines++;
	}
	if (c->route_none) {
		vty_out(vty, "dyncast route none\n");
		w.lines++;
	}
	if (c->dry_run) {
		vty_out(vty, "dyncast dry-run\n");
		w.lines++;
	}
	write_encapsulation(&w);
	if (c->forwarding_kernel) {
		vty_out(vty, "dyncast forwarding kernel\n");
		w.lines++;
	}
	if (c->ingress_all) {
		vty_out(vty, "dyncast ingress all\n");
		w.lines++;
	}
	dyncast_ingress_names(write_ingress, &w);
	if (w.lines)
		vty_out(vty, "!\n");
	return w.lines;
}

/* no node of zebra's own has a hook for top-level lines: a node without
 * commands serves as the place to write from */
static struct cmd_node dyncast_node = {
	.name = "dyncast",
	.node = NODE_TYPE_MAX,
	.parent_node = CONFIG_NODE,
	.prompt = "",
	.config_write = config_write,
};

void dyncast_cli_init(void)
{
	install_node(&dyncast_node);
	install_element(CONFIG_NODE, &dyncast_network_cost_cmd);
	install_element(CONFIG_NODE, &no_dyncast_network_cost_cmd);
	install_element(CONFIG_NODE, &dyncast_hold_cmd);
	install_element(CONFIG_NODE, &no_dyncast_hold_cmd);
	install_element(CONFIG_NODE, &dyncast_ingress_cmd);
	install_element(CONFIG_NODE, &dyncast_ingress_all_cmd);
	install_element(CONFIG_NODE, &dyncast_forwarding_kernel_cmd);
	install_element(CONFIG_NODE, &dyncast_service_table_cmd);
	install_element(CONFIG_NODE, &no_dyncast_service_table_cmd);
	install_element(CONFIG_NODE, &dyncast_flow_table_cmd);
	install_element(CONFIG_NODE, &no_dyncast_flow_table_cmd);
	install_element(CONFIG_NODE, &dyncast_route_none_cmd);
	install_element(CONFIG_NODE, &dyncast_dry_run_cmd);
	install_element(CONFIG_NODE, &dyncast_encap_source_cmd);
	install_element(CONFIG_NODE, &no_dyncast_encap_source_cmd);
	install_element(CONFIG_NODE, &dyncast_alias_prefix_cmd);
	install_element(CONFIG_NODE, &no_dyncast_alias_prefix_cmd);
	install_element(ENABLE_NODE, &dyncast_forwarding_load_cmd);
}
