/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Configuration commands of zebra_dyncast.  Flat top-level lines: vtysh and
 * frr-reload know them without help.  Nothing takes effect here, see apply.c;
 * in mgmtd's module the same commands edit the candidate.
 */

#include <zebra.h>

#include "lib/command.h"

#include "apply.h"
#include "cli.h"
#include "compat.h"
#include "dataplane.h"
#include "sizing.h"
#include "yang.h"
#include "../lib/addr.h"
#include "../lib/cost.h"
#include "../yang/managed.h"

#ifndef VTYSH_EXTRACT_PL
#include "zebra-dyncast/cli_clippy.c"
#endif

#define DYNCAST_STR "Compute-aware anycast\n"

#ifdef DYNCAST_MGMTD
/* the functions of apply.h edit the candidate, in mgmtd-dyncast/ */
#include "../mgmtd-dyncast/edit.h"
#define APPLY(vty, fn, ...)                                                    \
	({                                                                     \
		char error_[128] = "";                                         \
		dyncast_edit_begin(vty);                                       \
		dyncast_edit_end(fn(DYNCAST_APPLY_COMMIT, __VA_ARGS__, error_, \
				    sizeof(error_)),                           \
				 error_);                                      \
	})
#else
/* both phases of an apply function; what changed is told to the northbound, its
 * error to the user */
#define APPLY(vty, fn, ...)                                                    \
	({                                                                     \
		char error_[128] = "";                                         \
		int ret_ = CMD_WARNING_CONFIG_FAILED;                          \
		if (dyncast_managed_refuse(vty)) {                             \
			;                                                      \
		} else if (fn(DYNCAST_APPLY_VALIDATE, __VA_ARGS__, error_,     \
			      sizeof(error_))) {                               \
			fn(DYNCAST_APPLY_COMMIT, __VA_ARGS__, error_,          \
			   sizeof(error_));                                    \
			dyncast_yang_sync();                                   \
			ret_ = CMD_SUCCESS;                                    \
		} else {                                                       \
			vty_out(vty, "%% %s\n", error_);                       \
		}                                                              \
		ret_;                                                          \
	})
#endif

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

#ifdef DYNCAST_MGMTD
/* zebra knows, and is not asked here */
#define SAY_SIZE(vty, what, size, bytes)
#else
/* tables that exist have taken theirs */
#define SAY_SIZE(vty, what, size, bytes)                                           \
	vty_out(vty, "A %s of %ld%s takes %" PRIu64 " MiB%s\n", what,              \
		(long)(size),                                                      \
		!strcmp(what, "flow table") ? " for each family" : "",             \
		(bytes) >> 20,                                                     \
		dyncast_dp_active()                                                \
			? "; the tables in force are in `show dyncast forwarding`" \
			: "")
#endif

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
	SAY_SIZE(vty, "service table", services,
		 dyncast_sizing_services(services));
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
	SAY_SIZE(vty, "flow table", flows, dyncast_sizing_flows(flows));
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
	return APPLY(vty, dyncast_apply_dry_run_all, !no);
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

void dyncast_cli_forwarding_init(void)
{
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
}
