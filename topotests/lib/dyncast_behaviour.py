# SPDX-License-Identifier: GPL-2.0-or-later
"""Where it is seen that a daemon does what a leaf of frr-dyncast.yang says: in what
it answers once the documents of dyncast_model.py are in force, or in a test of its own."""

SERVICE = "show dyncast service all-leaves json"
BGP = "show dyncast bgp json"
INSTANCE = "show dyncast instance json"
FORWARDING = "show dyncast forwarding json"


def of_service(key):
    return lambda answer: answer["services"][0][key]


def of_instance(key):
    def find(answer):
        named = [i for i in answer["instances"] if (i.get("service"), i["name"]) == ("all-leaves", "x")]
        return named[0][key]

    return find


def named(answer):
    """Interfaces that packets come in by, those that are not there yet among them."""
    return {i["interface"] for i in answer["ingress"] if i.get("duty", "steer") == "steer"}


# {leaf: (command, what of its answer, the value)}
ANSWERED = {
    "services/attribute/profile": (BGP, lambda a: a["profile"], "ietf"),
    "services/attribute/size": (BGP, lambda a: a["attributeSize"], 2048),
    "services/locator/ipv6": (BGP, lambda a: a["locator"], "2001:db8:e9::/64"),
    "services/locator/ipv4": (BGP, lambda a: a["locatorIpv4"], "10.98.0.0/24"),
    "services/drain": (BGP, lambda a: a["drain"], True),
    "services/advertise-fast": (BGP, lambda a: a["fast"], True),
    "services/service/name": (SERVICE, of_service("name"), "all-leaves"),
    "services/service/prefix": (SERVICE, of_service("prefix"), "10.255.9.1/32"),
    "services/service/vrf": (SERVICE, of_service("state"), "waiting for its VRF"),
    "services/service/affinity/type": (SERVICE, of_service("affinity"), "source"),
    "services/service/affinity/prefix-length": (SERVICE, of_service("prefixLength"), 24),
    "services/service/affinity/timeout": (SERVICE, of_service("timeout"), 90),
    "services/service/select/action": (SERVICE, of_service("select"), "min-then-random"),
    "services/service/select/hysteresis": (SERVICE, of_service("hysteresis"), 3),
    "services/service/select/hold": (SERVICE, of_service("hold"), 9),
    "services/service/cost/policy": (SERVICE, of_service("cost"), "weighted"),
    "services/service/cost/network-weight": (SERVICE, of_service("alpha"), 0),
    "services/service/eligible/utilisation": (SERVICE, of_service("maxUtilisation"), 80),
    "services/service/eligible/delay": (SERVICE, of_service("maxDelayUs"), 1000),
    "services/service/eligible/network": (SERVICE, of_service("maxNetworkUs"), 2000),
    "services/service/eligible/score": (SERVICE, of_service("minScore"), 3),
    "services/service/advertise/interval": (SERVICE, of_service("interval"), 200),
    "services/service/advertise/threshold": (SERVICE, of_service("threshold"), 5),
    "services/service/advertise/overload": (SERVICE, of_service("overload"), 80),
    "services/service/advertise/level": (SERVICE, of_service("level"), "score"),
    "services/service/advertise/scope": (SERVICE, of_service("scope"), "external"),
    "services/service/instance/name": (INSTANCE, of_instance("name"), "x"),
    "services/service/instance/address": (INSTANCE, of_instance("address"), "10.2.0.21"),
    "services/service/instance/capacity": (INSTANCE, of_instance("capacity"), 5),
    "services/service/instance/sid": (INSTANCE, of_instance("dbid"), "10.98.0.99"),
    "services/service/instance/encapsulation": (INSTANCE, of_instance("kind"), "ipip"),
    "services/service/instance/feed-bgp": (INSTANCE, of_instance("feed"), True),
    "forwarding/ingress/all": (FORWARDING, lambda a: "e2-lan" in named(a), True),
    "forwarding/ingress/interface": (FORWARDING, lambda a: "not-there" in named(a), True),
    "forwarding/kernel": (FORWARDING, lambda a: a["forwarding"], "kernel"),
    "forwarding/hold": (FORWARDING, lambda a: a["holdSeconds"], 0),
    "forwarding/flow-table-size": (FORWARDING, lambda a: a["kernel"]["flowTableSize"], 65536),
    "forwarding/service-table-size": (FORWARDING, lambda a: a["kernel"]["serviceTableSize"], 64),
    "forwarding/alias-prefix": (
        FORWARDING,
        lambda a: {s["alias"].rsplit(".", 1)[0] for s in a["sids"] if s.get("alias")},
        {"198.18.0"},
    ),
}  # fmt: skip

# {leaf: the test that fails when the leaf does nothing}
SEEN_BY = {
    "services/attribute/code": "dyncast_yang::test_attribute_code",
    "services/site/preference": "dyncast_control::test_flags_and_site_figures",
    "services/site/id": "dyncast_control::test_flags_and_site_figures",
    "services/site/loopback/address": "dyncast_control::test_standalone_update",
    "services/site/loopback/availability": "dyncast_control::test_standalone_update",
    "services/neighbor/address": "dyncast_conformance::test_trust",
    "services/neighbor/accept": "dyncast_conformance::test_trust",
    "services/neighbor/policy": "dyncast_conformance::test_policy_refused",
    "services/dbid-prefix": "dyncast_conformance::test_dbid_prefixes",
    "services/service/policy": "dyncast_conformance::test_policy_refused",
    "services/service/pin": "dyncast_override::test_pin",
    "services/service/weight-cap/site": "dyncast_override::test_weight_cap",
    "services/service/weight-cap/percent": "dyncast_override::test_weight_cap",
    "services/service/dry-run": "dyncast_override::test_dry_run",
    "services/service/advertise/as-scope": "dyncast_control::test_as_scope",
    "services/service/agent/timeout": "dyncast_control::test_silent_agent",
    "services/service/agent/within": "dyncast_control::test_instance_by_agent",
    "services/service/agent/max": "dyncast_control::test_instance_by_agent",
    "services/service/instance/drain": "dyncast_basic::test_drain",
    "forwarding/route": "dyncast_yang::test_route_and_source",
    "forwarding/dry-run": "dyncast_override::test_dry_run",
    "forwarding/network-cost-unit": "dyncast_yang::test_route_and_source",
    "forwarding/encapsulation/source-ipv6": "dyncast_yang::test_route_and_source",
    "forwarding/encapsulation/source-ipv4": "dyncast_ipip::test_source",
}
