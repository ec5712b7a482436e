// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Configuration commands of the whole router; see cli.c.
 */

#include "cli_internal.h"

#ifndef VTYSH_EXTRACT_PL
#include "bgpd-dyncast/cli_router_clippy.c"
#endif

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
      "A BGP neighbor\n"
      "IPv4 address\n"
      "IPv6 address\n"
      "Believe the metrics in its routes, though it is in another AS\n")
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

DEFPY(dyncast_attribute_profile, dyncast_attribute_profile_cmd,
      "[no] dyncast attribute profile <transitive|ietf>$profile",
      NO_STR DYNCAST_STR
      "The BGP path attribute that carries metrics\n"
      "How it crosses the network, the same on all routers\n"
      "Through any router (default)\n"
      "Type 42, through routers with this module only\n")
{
	return APPLY(vty,
		     dyncast_apply_profile(&apply, !no && *profile == 'i'));
}

DEFPY(dyncast_attribute_size, dyncast_attribute_size_cmd,
      "[no] dyncast attribute size (256-3584)$size",
      NO_STR DYNCAST_STR
      "The BGP path attribute that carries metrics\n"
      "Largest one that this router makes (default 1024)\n"
      "Octets\n")
{
	return APPLY(vty,
		     dyncast_apply_attribute_size(
			     &apply, no ? DYNCAST_ATTR_SIZE_DEFAULT : size));
}

DEFPY(dyncast_advertise_fast, dyncast_advertise_fast_cmd,
      "[no] dyncast advertise fast",
      NO_STR DYNCAST_STR
      "How metrics are told to other routers\n"
      "Let bgpd collect changes for 2 ms instead of 50\n")
{
	return APPLY(vty, dyncast_apply_fast(&apply, !no));
}

DEFPY(dyncast_drain, dyncast_drain_cmd, "[no] dyncast drain",
      NO_STR DYNCAST_STR
      "No new flows to any instance here; those that they have stay\n")
{
	return APPLY(vty, dyncast_apply_router_drain(&apply, !no));
}

DEFPY(dyncast_neighbor_policy, dyncast_neighbor_policy_cmd,
      "[no] dyncast neighbor <A.B.C.D|X:X::X:X>$address policy <accept|refuse>$consent",
      NO_STR DYNCAST_STR
      "A BGP neighbor\n"
      "IPv4 address\n"
      "IPv6 address\n"
      "The wanted selection, cost and affinity that come with its metrics\n"
      "Follow them (default inside of the AS or confederation)\n"
      "Ignore them (default from another AS)\n")
{
	struct dyncast_addr own = dyncast_addr_from_su(address);
	enum dyncast_consent to = *consent == 'a' ? DYNCAST_CONSENT_ACCEPT
						  : DYNCAST_CONSENT_REFUSE;

	return APPLY(vty,
		     dyncast_apply_neighbor_consent(
			     &apply, &own, no ? DYNCAST_CONSENT_UNSET : to));
}

DEFPY(dyncast_site_preference, dyncast_site_preference_cmd,
      "[no] dyncast site preference (1-4294967295)$preference",
      NO_STR DYNCAST_STR
      "This site as a whole\n"
      "How much it is preferred, relative to other sites\n"
      "Higher is better\n")
{
	struct dyncast_site_config site = SITE(vty);

	site.preference = no ? 0 : preference;
	return APPLY(vty, dyncast_apply_site(&apply, &site));
}

DEFPY(dyncast_site_id, dyncast_site_id_cmd, "[no] dyncast site id (0-65535)$id",
      NO_STR DYNCAST_STR
      "This site as a whole\n"
      "Number that ties its services to its availability\n"
      "Number\n")
{
	struct dyncast_site_config site = SITE(vty);

	site.id_set = !no;
	site.id = no ? 0 : id;
	return APPLY(vty, dyncast_apply_site(&apply, &site));
}

DEFPY(dyncast_site_loopback, dyncast_site_loopback_cmd,
      "[no] dyncast site loopback <A.B.C.D|X:X::X:X>$address availability (0-100)$percent",
      NO_STR DYNCAST_STR
      "This site as a whole\n"
      "The next hop of its routes, for which its availability is told\n"
      "IPv4 address\n"
      "IPv6 address\n"
      "How much of the site works\n"
      "Percent; 0: no new flows\n")
{
	struct dyncast_site_config site = SITE(vty);

	memset(&site.loopback, 0, sizeof(site.loopback));
	site.availability = 0;
	if (!no) {
		site.loopback = dyncast_addr_from_su(address);
		site.availability = percent;
	}
	return APPLY(vty, dyncast_apply_site(&apply, &site));
}

void dyncast_cli_router_init(void)
{
	install_element(CONFIG_NODE, &dyncast_locator_cmd);
	install_element(CONFIG_NODE, &dyncast_attribute_code_cmd);
	install_element(CONFIG_NODE, &dyncast_attribute_profile_cmd);
	install_element(CONFIG_NODE, &dyncast_attribute_size_cmd);
	install_element(CONFIG_NODE, &dyncast_advertise_fast_cmd);
	install_element(CONFIG_NODE, &dyncast_drain_cmd);
	install_element(CONFIG_NODE, &dyncast_neighbor_accept_cmd);
	install_element(CONFIG_NODE, &dyncast_neighbor_policy_cmd);
	install_element(CONFIG_NODE, &dyncast_dbid_prefix_cmd);
	install_element(CONFIG_NODE, &dyncast_site_preference_cmd);
	install_element(CONFIG_NODE, &dyncast_site_id_cmd);
	install_element(CONFIG_NODE, &dyncast_site_loopback_cmd);
}
