# SPDX-License-Identifier: GPL-2.0-or-later
"""Every leaf of frr-dyncast.yang, and what it is as commands: for the tests of the
northbound and of the NETCONF server."""

NAMESPACE = "urn:frr-dyncast:yang:frr-dyncast"


def plain(data):
    """Without the order of lists, which means nothing here."""
    if isinstance(data, dict):
        return {key: plain(value) for key, value in data.items()}
    if isinstance(data, list):
        return sorted((plain(value) for value in data), key=repr)
    return data


def xml_of(name, data, namespace=None):
    """A value of the JSON form as the text of an element."""
    if isinstance(data, list):
        return "".join(xml_of(name, value) for value in data)
    if isinstance(data, dict):
        text = "".join(xml_of(key, value) for key, value in data.items())
    else:
        text = str(data).lower() if isinstance(data, bool) else str(data)
    xmlns = f' xmlns="{namespace}"' if namespace else ""
    return f"<{name}{xmlns}>{text}</{name}>"


# no value is a default, so that each has to be in what is read back
SERVICES = {
    "attribute": {"profile": "ietf", "code": 200, "size": 2048},
    "locator": {"ipv6": "2001:db8:e9::/64", "ipv4": "10.98.0.0/24"},
    "site": {
        "preference": 7, "id": 0, "loopback": {"address": "10.0.0.77", "availability": 0},
    },
    "drain": True,
    "advertise-fast": True,
    "neighbor": [
        {"address": "192.0.2.1", "accept": True, "policy": "refuse"},
        {"address": "2001:db8::1", "policy": "accept"},
    ],
    "dbid-prefix": ["10.98.0.0/16", "2001:db8::/32"],
    "service": [
        {
            "name": "all-leaves",
            "prefix": "10.255.9.1/32",
            "vrf": "red",
            "affinity": {"type": "source", "prefix-length": 24, "timeout": 90},
            "select": {"action": "min-then-random", "hysteresis": 3, "hold": 9},
            "cost": {"policy": "weighted", "network-weight": 0},
            "eligible": {"utilisation": 80, "delay": 1000, "network": 2000, "score": 3},
            "policy": "refuse",
            "pin": "local",
            "weight-cap": [{"site": "10.0.0.1", "percent": 0}, {"site": "local", "percent": 70}],
            "dry-run": True,
            "advertise": {
                "interval": 200, "threshold": 5, "overload": 80, "level": "score",
                "scope": "external", "as-scope": 65001,
            },
            "agent": {"timeout": 20, "within": "10.2.0.0/24", "max": 3},
            "instance": [
                {
                    "name": "x", "address": "10.2.0.21", "capacity": 5, "sid": 99,
                    "drain": True, "encapsulation": "ipip", "feed-bgp": True,
                },
                {"name": "y", "address": "10.2.0.22"},
            ],
        },
    ],
}  # fmt: skip

SERVICES_LINES = [
    "dyncast attribute profile ietf",
    "dyncast attribute code 200",
    "dyncast attribute size 2048",
    "dyncast advertise fast",
    "dyncast locator 2001:db8:e9::/64",
    "dyncast locator 10.98.0.0/24",
    "dyncast site preference 7",
    "dyncast site id 0",
    "dyncast site loopback 10.0.0.77 availability 0",
    "dyncast drain",
    "dyncast neighbor 192.0.2.1 accept",
    "dyncast neighbor 192.0.2.1 policy refuse",
    "dyncast neighbor 2001:db8::1 policy accept",
    "dyncast dbid-prefix 10.98.0.0/16",
    "dyncast dbid-prefix 2001:db8::/32",
] + [
    "dyncast service all-leaves " + rest
    for rest in (
        "prefix 10.255.9.1/32 vrf red",
        "affinity source prefix-length 24 timeout 90",
        "select min-then-random hysteresis 3 hold 9",
        "cost weighted 0",
        "eligible utilisation 80 delay 1000 network 2000 score 3",
        "policy refuse",
        "pin site local",
        "weight-cap site 10.0.0.1 0",
        "weight-cap site local 70",
        "dry-run",
        "advertise interval 200 threshold 5",
        "advertise scope external",
        "advertise level score",
        "advertise overload 80",
        "advertise as-scope 65001",
        "agent-timeout 20",
        "instances agent within 10.2.0.0/24 max 3",
        "instance x address 10.2.0.21 capacity 5 sid 99",
        "instance x drain",
        "instance x encapsulation ipip",
        "instance x feed bgp",
        "instance y address 10.2.0.22",
    )
]

FORWARDING = {
    "ingress": {"all": True, "interface": ["e2-core", "not-there"]},
    "kernel": True,
    "route": "none",
    "dry-run": True,
    "network-cost-unit": 50,
    "hold": 0,
    "flow-table-size": 65536,
    "service-table-size": 64,
    "encapsulation": {"source-ipv6": "2001:db8:ff::2", "source-ipv4": "10.0.0.2"},
    "alias-prefix": "198.18.0.0/24",
}

FORWARDING_LINES = [
    "dyncast flow-table size 65536",
    "dyncast service-table size 64",
    "dyncast network-cost unit 50",
    "dyncast hold 0",
    "dyncast route none",
    "dyncast dry-run",
    "dyncast encapsulation source 2001:db8:ff::2",
    "dyncast encapsulation source 10.0.0.2",
    "dyncast alias-prefix 198.18.0.0/24",
    "dyncast forwarding kernel",
    "dyncast ingress all",
    "dyncast ingress e2-core",
    "dyncast ingress not-there",
]

# accepted, these would do nothing: {what: (container, data, why it is refused)}
WITHOUT_EFFECT = {
    "max-without-within": (
        "services", {"service": [{"name": "bad", "agent": {"max": 3}}]}, "max goes with within",
    ),
    "vrf-without-prefix": (
        "services", {"service": [{"name": "bad", "vrf": "red"}]}, "vrf goes with a prefix",
    ),
    "neighbor-alone": (
        "services", {"neighbor": [{"address": "192.0.2.1"}]}, "needs accept or a policy",
    ),
    "neighbor-not-accepted": (
        "services", {"neighbor": [{"address": "192.0.2.1", "accept": False}]},
        "needs accept or a policy",
    ),
    "source-ipv6-none": (
        "forwarding", {"encapsulation": {"source-ipv6": "::"}}, "global unicast",
    ),
    "source-ipv6-none-at-length": (
        "forwarding", {"encapsulation": {"source-ipv6": "0:0::0:0"}}, "unicast",
    ),
    "source-ipv4-none": (
        "forwarding", {"encapsulation": {"source-ipv4": "0.0.0.0"}}, "global unicast",
    ),
}  # fmt: skip
