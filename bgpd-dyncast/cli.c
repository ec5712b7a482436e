// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Configuration commands of a service: flat lines at the top level, each
 * undone by "no" before the whole line.  They only parse; apply.c and
 * apply_instance.c validate and apply.  In mgmtd's module the same commands
 * edit the candidate: mgmtd-dyncast/ has the functions of apply.h for that.
 *
 * Main thread of either daemon.  Names and help are also read by the vtysh
 * extension (from the module's cross-references).
 */

#include "cli_internal.h"

#ifndef VTYSH_EXTRACT_PL
#include "bgpd-dyncast/cli_clippy.c"
#endif

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
		return APPLY_SERVICE(
			vty, name,
			dyncast_apply_prefix_remove(&apply, name, &own));
	return APPLY_SERVICE(vty, name,
			     dyncast_apply_prefix(&apply, name, &own, vrf));
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
	return APPLY_SERVICE(vty, name,
			     dyncast_apply_affinity(&apply, name, to,
						    no ? 0 : plen,
						    no ? 0 : timeout));
}

DEFPY(dyncast_service_select, dyncast_service_select_cmd,
      "[no] dyncast service WORD$name select <spread|best$b|min$n|max$x|min-then-random$r|min-then-first$f|weighted-round-robin$w> [hysteresis (1-100)$hysteresis] [hold (1-65535)$hold]",
      NO_STR DYNCAST_STR SERVICE_STR
      "How new flows are given to instances\n"
      "By capacity, corrected by cost\n"
      "All to the cheapest instance, with hysteresis and hold\n"
      "All to the cheapest instance, at once\n"
      "All to the instance with the highest score\n"
      "Evenly to those that are near the cheapest\n"
      "To the first of those that are near the cheapest\n"
      "By capacity alone\n"
      "How much cheaper another has to be, and what near means\n"
      "Percent\n"
      "Least time between two changes of the best\n"
      "Seconds\n")
{
	enum dyncast_action to = b   ? DYNCAST_ACTION_BEST
				 : n ? DYNCAST_ACTION_MIN
				 : x ? DYNCAST_ACTION_MAX
				 : r ? DYNCAST_ACTION_MIN_RANDOM
				 : f ? DYNCAST_ACTION_MIN_FIRST
				 : w ? DYNCAST_ACTION_WEIGHTED
				     : DYNCAST_ACTION_SPREAD;

	return APPLY_SERVICE(
		vty, name,
		dyncast_apply_select(&apply, name,
				     no ? DYNCAST_ACTION_DEFAULT : to,
				     no ? 0 : hysteresis, no ? 0 : hold));
}

DEFPY(dyncast_service_cost, dyncast_service_cost_cmd,
      "[no] dyncast service WORD$name cost <delay|weighted$w (0-100)$alpha|network-first$n|compute-first$c>",
      NO_STR DYNCAST_STR SERVICE_STR
      "What instances are compared by\n"
      "Network cost plus predicted service delay\n"
      "A part of network cost, the rest of service delay\n"
      "Percent of network cost\n"
      "Network cost; the service delay breaks ties\n"
      "Service delay; the network cost breaks ties\n")
{
	enum dyncast_cost_policy to = w	  ? DYNCAST_COST_WEIGHTED
				      : n ? DYNCAST_COST_NETWORK_FIRST
				      : c ? DYNCAST_COST_COMPUTE_FIRST
					  : DYNCAST_COST_DELAY;

	return APPLY_SERVICE(vty, name,
			     dyncast_apply_cost(&apply, name,
						no ? DYNCAST_COST_DEFAULT : to,
						no ? 0 : alpha));
}

DEFPY(dyncast_service_eligible, dyncast_service_eligible_cmd,
      "[no] dyncast service WORD$name eligible {utilisation (1-100)$utilisation|delay (1-4294967295)$delay|network (1-4294967295)$network|score (1-10)$score}",
      NO_STR DYNCAST_STR SERVICE_STR
      "Which instances may get new flows\n"
      "Those with at most this utilisation\n"
      "Percent\n"
      "Those with at most this predicted service delay\n"
      "Microseconds\n"
      "Those with at most this network cost\n"
      "Microseconds\n"
      "Those with at least this score\n"
      "Score\n")
{
	struct dyncast_apply_eligible in = {
		.max_utilisation = no ? 0 : utilisation,
		.min_score = no ? 0 : score,
		.max_delay_us = no ? 0 : delay,
		.max_network_us = no ? 0 : network,
	};

	return APPLY_SERVICE(vty, name,
			     dyncast_apply_eligible(&apply, name, &in));
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
	return APPLY_SERVICE(vty, name,
			     dyncast_apply_interval(&apply, name,
						    no ? 0 : interval,
						    threshold));
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

	return APPLY_SERVICE(vty, name,
			     dyncast_apply_scope(&apply, name, !no, to));
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

	return APPLY_SERVICE(
		vty, name, dyncast_apply_instance(&apply, name, instance, &in));
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
	return APPLY_SERVICE(vty, name,
			     dyncast_apply_instance_remove(
				     &apply, name, instance, line != NULL));
}

DEFPY(dyncast_service_drain, dyncast_service_drain_cmd,
      "[no] dyncast service WORD$name instance WORD$instance drain",
      NO_STR DYNCAST_STR SERVICE_STR
      "A backend of the service at this site\n"
      "Name of the instance\n"
      "No new flows; those that it has stay\n")
{
	return APPLY_SERVICE(vty, name,
			     dyncast_apply_drain(&apply, name, instance, !no));
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

	return APPLY_SERVICE(
		vty, name,
		dyncast_apply_encapsulation(&apply, name, instance,
					    no ? DYNCAST_KIND_NONE : to));
}

DEFPY(no_dyncast_service, no_dyncast_service_cmd,
      "no dyncast service WORD$name", NO_STR DYNCAST_STR SERVICE_STR)
{
	return APPLY_SERVICE(vty, name,
			     dyncast_apply_service_remove(&apply, name));
}

DEFPY(dyncast_service_level, dyncast_service_level_cmd,
      "[no] dyncast service WORD$name advertise level <raw|score>$level",
      NO_STR DYNCAST_STR SERVICE_STR
      "What is told to other routers\n"
      "How much of an instance is told\n"
      "Every metric\n"
      "A score of 0 to 10, and nothing that it is made of\n")
{
	enum dyncast_level to =
		*level == 's' ? DYNCAST_LEVEL_SCORE : DYNCAST_LEVEL_RAW;

	return APPLY_SERVICE(vty, name,
			     dyncast_apply_level(&apply, name, !no, to));
}

DEFPY(dyncast_service_overload, dyncast_service_overload_cmd,
      "[no] dyncast service WORD$name advertise overload (1-100)$percent",
      NO_STR DYNCAST_STR SERVICE_STR
      "What is told to other routers\n"
      "Utilisation that is told at once, without waiting for the interval\n"
      "Percent\n")
{
	return APPLY_SERVICE(
		vty, name,
		dyncast_apply_overload(&apply, name, no ? 0 : percent));
}

DEFPY(dyncast_service_as_scope, dyncast_service_as_scope_cmd,
      "[no] dyncast service WORD$name advertise as-scope (1-4294967295)$asn",
      NO_STR DYNCAST_STR SERVICE_STR
      "What is told to other routers\n"
      "Only routers of this AS are to use it (AS-Scope)\n"
      "AS number\n")
{
	return APPLY_SERVICE(
		vty, name, dyncast_apply_as_scope(&apply, name, no ? 0 : asn));
}

DEFPY(dyncast_service_agent_timeout, dyncast_service_agent_timeout_cmd,
      "[no] dyncast service WORD$name agent-timeout (1-86400)$seconds",
      NO_STR DYNCAST_STR SERVICE_STR
      "Take instances for dead when their agent is silent (default: never)\n"
      "Seconds\n")
{
	return APPLY_SERVICE(
		vty, name,
		dyncast_apply_agent_timeout(&apply, name, no ? 0 : seconds));
}

DEFPY(dyncast_service_policy, dyncast_service_policy_cmd,
      "[no] dyncast service WORD$name policy <accept|refuse>$consent",
      NO_STR DYNCAST_STR SERVICE_STR
      "The wanted selection, cost and affinity that come with its metrics\n"
      "Follow them, whoever sends them\n"
      "Ignore them\n")
{
	enum dyncast_consent to = *consent == 'a' ? DYNCAST_CONSENT_ACCEPT
						  : DYNCAST_CONSENT_REFUSE;

	return APPLY_SERVICE(
		vty, name,
		dyncast_apply_consent(&apply, name,
				      no ? DYNCAST_CONSENT_UNSET : to));
}

/* the BGP next hop that names a site; family 0 for `local`, this router */
static struct dyncast_addr site_of(const char *text)
{
	struct dyncast_addr site = {};

	dyncast_addr_parse(text, &site);
	return site;
}

DEFPY(dyncast_service_pin, dyncast_service_pin_cmd,
      "dyncast service WORD$name pin site <A.B.C.D|X:X::X:X|local>$site",
      DYNCAST_STR SERVICE_STR
      "Where new flows of this router go, whatever the metrics say\n"
      "To one site, while it can take any\n"
      "The BGP next hop of its routes\n"
      "The BGP next hop of its routes\n"
      "This router's own instances\n")
{
	struct dyncast_addr own = site_of(site);

	return APPLY_SERVICE(vty, name, dyncast_apply_pin(&apply, name, &own));
}

DEFPY(no_dyncast_service_pin, no_dyncast_service_pin_cmd,
      "no dyncast service WORD$name pin [site <A.B.C.D|X:X::X:X|local>]",
      NO_STR DYNCAST_STR SERVICE_STR
      "Where new flows of this router go, whatever the metrics say\n"
      "To one site, while it can take any\n"
      "The BGP next hop of its routes\n"
      "The BGP next hop of its routes\n"
      "This router's own instances\n")
{
	return APPLY_SERVICE(vty, name, dyncast_apply_pin(&apply, name, NULL));
}

DEFPY(dyncast_service_cap, dyncast_service_cap_cmd,
      "dyncast service WORD$name weight-cap site <A.B.C.D|X:X::X:X|local>$site (0-100)$percent",
      DYNCAST_STR SERVICE_STR
      "The most that new flows of this router may bring\n"
      "To one site\n"
      "The BGP next hop of its routes\n"
      "The BGP next hop of its routes\n"
      "This router's own instances\n"
      "Percent of the service's new flows; 0: none\n")
{
	struct dyncast_addr own = site_of(site);

	return APPLY_SERVICE(vty, name,
			     dyncast_apply_cap(&apply, name, &own, percent));
}

DEFPY(no_dyncast_service_cap, no_dyncast_service_cap_cmd,
      "no dyncast service WORD$name weight-cap site <A.B.C.D|X:X::X:X|local>$site [(0-100)]",
      NO_STR DYNCAST_STR SERVICE_STR
      "The most that new flows of this router may bring\n"
      "To one site\n"
      "The BGP next hop of its routes\n"
      "The BGP next hop of its routes\n"
      "This router's own instances\n"
      "Percent of the service's new flows; 0: none\n")
{
	struct dyncast_addr own = site_of(site);

	return APPLY_SERVICE(vty, name,
			     dyncast_apply_cap_remove(&apply, name, &own));
}

DEFPY(dyncast_service_dry_run, dyncast_service_dry_run_cmd,
      "[no] dyncast service WORD$name dry-run",
      NO_STR DYNCAST_STR SERVICE_STR
      "Decide and show, but place no flow and install no route\n")
{
	return APPLY_SERVICE(vty, name,
			     dyncast_apply_dry_run(&apply, name, !no));
}

DEFPY(dyncast_service_agents, dyncast_service_agents_cmd,
      "dyncast service WORD$name instances agent within <A.B.C.D/M|X:X::X:X/M>$prefix [max (1-64)$max]",
      DYNCAST_STR SERVICE_STR
      "Instances that no line names\n"
      "Agents may bring them up\n"
      "Their addresses are in this prefix\n"
      "IPv4 prefix\n"
      "IPv6 prefix\n"
      "How many at most (default 16)\n"
      "Instances\n")
{
	struct dyncast_prefix within = dyncast_prefix_from_frr(prefix);

	return APPLY_SERVICE(vty, name,
			     dyncast_apply_agent_instances(
				     &apply, name, &within,
				     max ? max : DYNCAST_AGENT_MAX_DEFAULT));
}

DEFPY(no_dyncast_service_agents, no_dyncast_service_agents_cmd,
      "no dyncast service WORD$name instances agent [within <A.B.C.D/M|X:X::X:X/M> [max (1-64)]]",
      NO_STR DYNCAST_STR SERVICE_STR
      "Instances that no line names\n"
      "Agents may bring them up\n"
      "Their addresses are in this prefix\n"
      "IPv4 prefix\n"
      "IPv6 prefix\n"
      "How many at most (default 16)\n"
      "Instances\n")
{
	return APPLY_SERVICE(
		vty, name,
		dyncast_apply_agent_instances(&apply, name, NULL, 0));
}

DEFPY(dyncast_service_feed, dyncast_service_feed_cmd,
      "[no] dyncast service WORD$name instance WORD$instance feed bgp",
      NO_STR DYNCAST_STR SERVICE_STR
      "A backend of the service at this site\n"
      "Name of the instance\n"
      "What says how it is, besides agents\n"
      "Its own BGP session with this router: the neighbor with its address\n")
{
	return APPLY_SERVICE(vty, name,
			     dyncast_apply_feed(&apply, name, instance, !no));
}

void dyncast_cli_service_init(void)
{
	install_element(CONFIG_NODE, &dyncast_service_prefix_cmd);
	install_element(CONFIG_NODE, &dyncast_service_affinity_cmd);
	install_element(CONFIG_NODE, &dyncast_service_select_cmd);
	install_element(CONFIG_NODE, &dyncast_service_cost_cmd);
	install_element(CONFIG_NODE, &dyncast_service_eligible_cmd);
	install_element(CONFIG_NODE, &dyncast_service_interval_cmd);
	install_element(CONFIG_NODE, &dyncast_service_scope_cmd);
	install_element(CONFIG_NODE, &dyncast_service_instance_cmd);
	install_element(CONFIG_NODE, &no_dyncast_service_instance_cmd);
	install_element(CONFIG_NODE, &dyncast_service_drain_cmd);
	install_element(CONFIG_NODE, &dyncast_service_encapsulation_cmd);
	install_element(CONFIG_NODE, &no_dyncast_service_cmd);
	install_element(CONFIG_NODE, &dyncast_service_level_cmd);
	install_element(CONFIG_NODE, &dyncast_service_overload_cmd);
	install_element(CONFIG_NODE, &dyncast_service_as_scope_cmd);
	install_element(CONFIG_NODE, &dyncast_service_agent_timeout_cmd);
	install_element(CONFIG_NODE, &dyncast_service_policy_cmd);
	install_element(CONFIG_NODE, &dyncast_service_pin_cmd);
	install_element(CONFIG_NODE, &no_dyncast_service_pin_cmd);
	install_element(CONFIG_NODE, &dyncast_service_cap_cmd);
	install_element(CONFIG_NODE, &no_dyncast_service_cap_cmd);
	install_element(CONFIG_NODE, &dyncast_service_dry_run_cmd);
	install_element(CONFIG_NODE, &dyncast_service_agents_cmd);
	install_element(CONFIG_NODE, &no_dyncast_service_agents_cmd);
	install_element(CONFIG_NODE, &dyncast_service_feed_cmd);
}
