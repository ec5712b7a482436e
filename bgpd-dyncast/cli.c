// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Configuration commands of bgpd_dyncast: flat lines at the top level, each
 * undone by "no" before the whole line.  They only parse; apply.c validates
 * and applies.  The running configuration is written by a node of our own
 * that nobody enters.
 *
 * bgpd's main thread.  Names and help are also read by the vtysh extension
 * (from the module's cross-references).
 */

#include "apply.h"
#include "cli.h"
#include "receive.h"
#include "../lib/words.h"

#ifndef VTYSH_EXTRACT_PL
#include "bgpd-dyncast/cli_clippy.c"
#endif

#define DYNCAST_STR "Compute-aware anycast\n"
#define SERVICE_STR                                                            \
	"A service: one anycast address at many sites\nName of the service\n"

/* run both phases of one apply function */
#define APPLY(vty, call)                                                       \
	({                                                                     \
		struct dyncast_apply apply = {.phase = DYNCAST_VALIDATE};      \
		int _result = CMD_WARNING_CONFIG_FAILED;                       \
		if (call) {                                                    \
			apply.phase = DYNCAST_APPLY;                           \
			(void)(call);                                          \
			_result = CMD_SUCCESS;                                 \
		} else {                                                       \
			vty_out(vty, "%% dyncast: %s\n", apply.error);         \
		}                                                              \
		_result;                                                       \
	})

DEFPY(dyncast_service_prefix, dyncast_service_prefix_cmd,
      "[no] dyncast service WORD$name prefix <A.B.C.D/M|X:X::X:X/M>$prefix [vrf NAME$vrf]",
      NO_STR DYNCAST_STR SERVICE_STR
      "Anycast prefix of the service (D-SID)\n"
      "IPv4 prefix\n"
      "IPv6 prefix\n" VRF_CMD_HELP_STR)
{
	struct dyncast_prefix own = dyncast_prefix_from_frr(prefix);

	if (!vrf || !strcmp(vrf, VRF_DEFAULT_NAME))
		vrf = "";
	if (no)
		return APPLY(vty,
			     dyncast_apply_prefix_remove(&apply, name, &own));
	return APPLY(vty, dyncast_apply_prefix(&apply, name, &own, vrf));
}

DEFPY(dyncast_service_affinity, dyncast_service_affinity_cmd,
      "[no] dyncast service WORD$name affinity <flow|source$source [prefix-length (1-128)$plen]|none$none> [timeout (1-65535)$timeout]",
      NO_STR DYNCAST_STR SERVICE_STR
      "What stays on one instance\n"
      "Packets with the same addresses, ports and protocol\n"
      "All packets of a client\n"
      "Clients with the same first bits of the address count as one\n"
      "Bits (default: the whole address)\n"
      "Nothing: packets move when weights do\n"
      "Idle time that ends a flow\n"
      "Seconds\n")
{
	enum dyncast_affinity to = source ? DYNCAST_AFFINITY_SOURCE
				   : none ? DYNCAST_AFFINITY_NONE
					  : DYNCAST_AFFINITY_FLOW;

	if (no)
		to = DYNCAST_AFFINITY_DEFAULT;
	return APPLY(vty,
		     dyncast_apply_affinity(&apply, name, to, no ? 0 : plen,
					    no ? 0 : timeout));
}

DEFPY(dyncast_service_select, dyncast_service_select_cmd,
      "[no] dyncast service WORD$name select <spread|best>$action",
      NO_STR DYNCAST_STR SERVICE_STR
      "How new flows are given to instances\n"
      "By capacity, corrected by cost\n"
      "All to the cheapest instance, with hysteresis\n")
{
	enum dyncast_action to =
		*action == 's' ? DYNCAST_ACTION_SPREAD : DYNCAST_ACTION_BEST;

	return APPLY(vty,
		     dyncast_apply_select(&apply, name,
					  no ? DYNCAST_ACTION_DEFAULT : to));
}

DEFPY(dyncast_service_cost, dyncast_service_cost_cmd,
      "[no] dyncast service WORD$name cost delay",
      NO_STR DYNCAST_STR SERVICE_STR
      "What instances are compared by\n"
      "Network cost plus predicted service delay\n")
{
	return APPLY(vty, dyncast_apply_cost(&apply, name,
					     no ? DYNCAST_COST_DEFAULT
						: DYNCAST_COST_DELAY));
}

DEFPY(dyncast_service_interval, dyncast_service_interval_cmd,
      "[no] dyncast service WORD$name advertise interval (10-600000)$interval threshold (1-100)$threshold",
      NO_STR DYNCAST_STR SERVICE_STR
      "What is told to other routers\n"
      "Least time between two updates of metrics\n"
      "Milliseconds\n"
      "Least change of a metric that is worth an update\n"
      "Percent\n")
{
	return APPLY(vty, dyncast_apply_interval(&apply, name,
						 no ? 0 : interval, threshold));
}

DEFPY(dyncast_service_scope, dyncast_service_scope_cmd,
      "[no] dyncast service WORD$name advertise scope <internal|external>$scope",
      NO_STR DYNCAST_STR SERVICE_STR
      "What is told to other routers\n"
      "Which routers are told\n"
      "Those of our AS (community no-export)\n"
      "Neighboring ASes too\n")
{
	enum dyncast_scope to =
		*scope == 'i' ? DYNCAST_SCOPE_INTERNAL : DYNCAST_SCOPE_EXTERNAL;

	return APPLY(vty, dyncast_apply_scope(&apply, name, !no, to));
}

DEFPY(dyncast_service_instance, dyncast_service_instance_cmd,
      "dyncast service WORD$name instance WORD$instance address <A.B.C.D|X:X::X:X>$address [capacity (1-1000000)$capacity] [sid (1-65535)$sid]",
      DYNCAST_STR SERVICE_STR
      "A backend of the service at this site\n"
      "Name of the instance\n"
      "Its own address, on a connected network\n"
      "IPv4 address\n"
      "IPv6 address\n"
      "How much it can take, relative to other instances\n"
      "Relative capacity\n"
      "How other sites reach it: its D-BID in the locator\n"
      "Number within the locator\n")
{
	struct dyncast_apply_instance in = {
		.address = dyncast_addr_from_su(address),
		.capacity = capacity,
		.sid = sid,
	};

	return APPLY(vty, dyncast_apply_instance(&apply, name, instance, &in));
}

DEFPY(no_dyncast_service_instance, no_dyncast_service_instance_cmd,
      "no dyncast service WORD$name instance WORD$instance [address$line <A.B.C.D|X:X::X:X> [capacity (1-1000000)] [sid (1-65535)]]",
      NO_STR DYNCAST_STR SERVICE_STR
      "A backend of the service at this site\n"
      "Name of the instance\n"
      "Its own address, on a connected network\n"
      "IPv4 address\n"
      "IPv6 address\n"
      "How much it can take, relative to other instances\n"
      "Relative capacity\n"
      "How other sites reach it: its D-BID in the locator\n"
      "Number within the locator\n")
{
	return APPLY(vty, dyncast_apply_instance_remove(&apply, name, instance,
							line != NULL));
}

DEFPY(dyncast_service_drain, dyncast_service_drain_cmd,
      "[no] dyncast service WORD$name instance WORD$instance drain",
      NO_STR DYNCAST_STR SERVICE_STR
      "A backend of the service at this site\n"
      "Name of the instance\n"
      "No new flows; those that it has stay\n")
{
	return APPLY(vty, dyncast_apply_drain(&apply, name, instance, !no));
}

DEFPY(dyncast_service_encapsulation, dyncast_service_encapsulation_cmd,
      "[no] dyncast service WORD$name instance WORD$instance encapsulation <srv6|ipip>$kind",
      NO_STR DYNCAST_STR SERVICE_STR
      "A backend of the service at this site\n"
      "Name of the instance\n"
      "How packets of other sites are wrapped on their way to it\n"
      "With an SRv6 segment of the IPv6 locator\n"
      "IP in IP, to an address of the IPv4 locator (IPv6 when there is none)\n")
{
	enum dyncast_kind to =
		*kind == 's' ? DYNCAST_KIND_SRV6 : DYNCAST_KIND_IPIP;

	return APPLY(vty,
		     dyncast_apply_encapsulation(&apply, name, instance,
						 no ? DYNCAST_KIND_NONE : to));
}

DEFPY(no_dyncast_service, no_dyncast_service_cmd,
      "no dyncast service WORD$name", NO_STR DYNCAST_STR SERVICE_STR)
{
	return APPLY(vty, dyncast_apply_service_remove(&apply, name));
}

DEFPY(dyncast_locator, dyncast_locator_cmd,
      "[no] dyncast locator <A.B.C.D/M|X:X::X:X/M>$locator",
      NO_STR DYNCAST_STR
      "Where the D-BIDs of local instances are taken from\n"
      "IPv4 prefix of 8 to 31 bits, for IP in IP\n"
      "IPv6 prefix of 16 to 112 bits, for SRv6\n")
{
	struct dyncast_prefix own = dyncast_prefix_from_frr(locator);

	return APPLY(vty, dyncast_apply_locator(&apply, &own, !no));
}

DEFPY(dyncast_attribute_code, dyncast_attribute_code_cmd,
      "[no] dyncast attribute code (1-255)$code",
      NO_STR DYNCAST_STR
      "The BGP path attribute that carries metrics\n"
      "Its type code, the same on all routers (default 250)\n"
      "43-127 or 129-254\n")
{
	return APPLY(vty,
		     dyncast_apply_attribute_code(
			     &apply, no ? DYNCAST_ATTR_CODE_DEFAULT : code));
}

DEFPY(dyncast_neighbor_accept, dyncast_neighbor_accept_cmd,
      "[no] dyncast neighbor <A.B.C.D|X:X::X:X>$address accept",
      NO_STR DYNCAST_STR
      "A BGP neighbor in another AS\n"
      "IPv4 address\n"
      "IPv6 address\n"
      "Believe the metrics in its routes\n")
{
	struct dyncast_addr own = dyncast_addr_from_su(address);

	return APPLY(vty, dyncast_apply_neighbor(&apply, &own, !no));
}

DEFPY(dyncast_dbid_prefix, dyncast_dbid_prefix_cmd,
      "[no] dyncast dbid-prefix <A.B.C.D/M|X:X::X:X/M>$prefix",
      NO_STR DYNCAST_STR
      "Believe learnt instances inside such prefixes only\n"
      "IPv4 prefix\n"
      "IPv6 prefix\n")
{
	struct dyncast_prefix own = dyncast_prefix_from_frr(prefix);

	return APPLY(vty, dyncast_apply_dbid_prefix(&apply, &own, !no));
}

/* ------------------------------------------------------------------------- */
/* running configuration                                                     */
/* ------------------------------------------------------------------------- */

static void write_locals(struct vty *vty, struct dyncast_service *service)
{
	char text[DYNCAST_ADDR_STRLEN];
	struct dyncast_local *local;

	frr_each (dyncast_locals, &service->locals, local) {
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
	}
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
	if (service->policy.action)
		vty_out(vty, "dyncast service %s select %s\n", name,
			service->policy.action == DYNCAST_ACTION_BEST
				? "best"
				: "spread");
	if (service->policy.cost)
		vty_out(vty, "dyncast service %s cost delay\n", name);
	if (service->interval_ms)
		vty_out(vty,
			"dyncast service %s advertise interval %u threshold %u\n",
			name, service->interval_ms, service->threshold);
	if (service->scope_set)
		vty_out(vty, "dyncast service %s advertise scope %s\n", name,
			service->scope == DYNCAST_SCOPE_INTERNAL ? "internal"
								 : "external");
	write_locals(vty, service);
}

static int config_write(struct vty *vty)
{
	char text[DYNCAST_PREFIX_STRLEN];
	struct dyncast_service *service;
	struct dyncast_neighbor *neighbor;
	struct dyncast_filter *filter;

	if (DEBUG_MODE_CHECK(&dyncast_state.debug, DEBUG_MODE_CONF))
		vty_out(vty, "debug dyncast bgp\n");
	if (dyncast_state.attr_code != DYNCAST_ATTR_CODE_DEFAULT)
		vty_out(vty, "dyncast attribute code %u\n",
			dyncast_state.attr_code);
	if (dyncast_state.locator.addr.family)
		vty_out(vty, "dyncast locator %s\n",
			dyncast_prefix_str(&dyncast_state.locator, text,
					   sizeof(text)));
	if (dyncast_state.locator4.addr.family)
		vty_out(vty, "dyncast locator %s\n",
			dyncast_prefix_str(&dyncast_state.locator4, text,
					   sizeof(text)));
	frr_each (dyncast_neighbors, &dyncast_state.neighbors, neighbor)
		vty_out(vty, "dyncast neighbor %s accept\n",
			dyncast_addr_str(&neighbor->addr, text, sizeof(text)));
	frr_each (dyncast_filters, &dyncast_state.filters, filter)
		vty_out(vty, "dyncast dbid-prefix %s\n",
			dyncast_prefix_str(&filter->prefix, text,
					   sizeof(text)));
	frr_each (dyncast_services, &dyncast_state.services, service)
		write_service(vty, service);
	return 1;
}

/* never entered; its number only has to be free in this daemon */
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
	install_element(CONFIG_NODE, &dyncast_service_prefix_cmd);
	install_element(CONFIG_NODE, &dyncast_service_affinity_cmd);
	install_element(CONFIG_NODE, &dyncast_service_select_cmd);
	install_element(CONFIG_NODE, &dyncast_service_cost_cmd);
	install_element(CONFIG_NODE, &dyncast_service_interval_cmd);
	install_element(CONFIG_NODE, &dyncast_service_scope_cmd);
	install_element(CONFIG_NODE, &dyncast_service_instance_cmd);
	install_element(CONFIG_NODE, &no_dyncast_service_instance_cmd);
	install_element(CONFIG_NODE, &dyncast_service_drain_cmd);
	install_element(CONFIG_NODE, &dyncast_service_encapsulation_cmd);
	install_element(CONFIG_NODE, &no_dyncast_service_cmd);
	install_element(CONFIG_NODE, &dyncast_locator_cmd);
	install_element(CONFIG_NODE, &dyncast_attribute_code_cmd);
	install_element(CONFIG_NODE, &dyncast_neighbor_accept_cmd);
	install_element(CONFIG_NODE, &dyncast_dbid_prefix_cmd);
	dyncast_show_init();
	dyncast_debug_init();
}
