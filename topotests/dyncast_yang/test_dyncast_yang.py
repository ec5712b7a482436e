# SPDX-License-Identifier: GPL-2.0-or-later
r"""frr-dyncast.yang: what is committed is what is in force, and what commands say.

    c1 ---- r1 ---- core ---- e1 --+-- a1   site 1
  clients            |             +-- a2
                     +------- e2 ----- b1   site 2

The daemons run with --tcli, in which FRR 8.4 has candidates, `configuration
load` and `commit`; tests/yang/northbound_client.c calls RPCs and hears
notifications.  e2 is the router whose configuration is turned over.
"""

import json
import os
import re
import subprocess

import pytest

import dyncast_behaviour as behaviour
import dyncast_frr
import dyncast_small as small
import dyncast_traffic as traffic
from dyncast_model import (
    FORWARDING, FORWARDING_LINES, SERVICES, SERVICES_LINES, WITHOUT_EFFECT, plain,
)  # fmt: skip
from dyncast_small import ADDRESS, CLIENTS, PREFIX, V4
from dyncast_topology import end_processes, wait_for
from dyncast_vty import Vty

ALL = ("a1", "a2", "b1")
CONTAINER = {"bgpd": "frr-dyncast:services", "zebra": "frr-dyncast:forwarding"}


class YangLab(small.SmallLab):
    """With --tcli, and our client in each daemon."""

    def _copy_modules(self):
        super()._copy_modules()
        client = self.test_module("northbound_client.so")
        for daemon in CONTAINER:
            self.modules[daemon] += f" -M {client} --tcli"

    def test_module(self, name):
        return self.copy_module(os.path.join(dyncast_frr.BUILD, "tests", "yang", name), name)


@pytest.fixture(scope="module")
def lab(lab_of):
    return lab_of(YangLab, members=ALL).wait_steering()


def running(lab, router, daemon):
    """Our part of the running configuration, as data."""
    with Vty(lab, router, daemon) as vty:
        return vty.json("show configuration running json").get(CONTAINER[daemon], {})


def commit(lab, router, daemon, data, replace=True):
    """Load this document into the candidate, in place of ours or beside it, and
    commit it: what was said."""
    path = os.path.join(lab.logdir, router, "conf", daemon + ".json")
    with Vty(lab, router, daemon) as vty:
        # what others have there stays: zebra lets nobody take its interfaces away
        document = vty.json("show configuration running json") if replace else {}
        document[CONTAINER[daemon]] = data
        with open(path, "w", encoding="ascii") as out:
            json.dump(document, out)
        vty.ask("configure terminal")
        # what another test has left there
        vty.ask("discard")
        said = vty.ask(f"configuration load file json {path}" + (" replace" if replace else ""))
        return said or vty.ask("commit")


def committed(lab, router, daemon, data, replace=True):
    said = commit(lab, router, daemon, data, replace)
    assert "committed successfully" in said, said


def operational(lab, router, daemon):
    with Vty(lab, router, daemon) as vty:
        return vty.json("show yang operational-data /" + CONTAINER[daemon])[CONTAINER[daemon]]


def lines(lab, router, daemon):
    with Vty(lab, router, daemon) as vty:
        text = vty.ask("show running-config")
    return [line for line in text.splitlines() if line.startswith("dyncast ")]


# -- every leaf ------------------------------------------------------------------

EVERYTHING = [("bgpd", SERVICES, SERVICES_LINES), ("zebra", FORWARDING, FORWARDING_LINES)]


def model_leaves():
    """Paths of the model's configuration leaves, by yanglint."""
    model = os.path.join(dyncast_frr.TOP, "yang", "frr-dyncast.yang")
    tree = subprocess.check_output(["yanglint", "-f", "tree", model], encoding="utf-8")
    found, above = set(), []
    for line in tree.splitlines():
        match = re.match(r"([ |]*)\+--rw ([a-z0-9-]+)(\S*) *(.*)", line)
        if not match:
            continue
        depth = len(match[1]) // 3
        above[depth:] = [match[2]]
        # a type behind it makes it a leaf; a list has its keys there
        if match[4] and not match[4].startswith("["):
            found.add("/".join(above))
    return found


def data_leaves(data, path):
    if isinstance(data, dict):
        return set().union(*(data_leaves(v, f"{path}/{k}") for k, v in data.items()))
    if isinstance(data, list):
        return set().union(*(data_leaves(v, path) for v in data))
    return {path}


def test_documents_have_every_leaf():
    """What the tests below say of every leaf is about every leaf of the model."""
    ours = data_leaves(SERVICES, "services") | data_leaves(FORWARDING, "forwarding")
    assert len(ours) > 50
    assert ours == model_leaves()


def test_behaviour_of_every_leaf_is_seen():
    """By what the daemon answers (test_every_leaf), or by a test that there is."""
    answered, elsewhere = set(behaviour.ANSWERED), set(behaviour.SEEN_BY)
    assert answered | elsewhere == model_leaves() and not answered & elsewhere
    for leaf, test in behaviour.SEEN_BY.items():
        module, name = test.split("::")
        path = os.path.join(dyncast_frr.TOP, "topotests", module, f"test_{module}.py")
        with open(path, encoding="utf-8") as source:
            assert f"\ndef {name}(" in source.read(), f"{leaf}: no {test}"


def test_commands_are_seen(lab):
    """What a file said at start, and a command later, is in the data store."""
    services = running(lab, "e1", "bgpd")
    assert services["locator"] == {"ipv6": small.locator("e1"), "ipv4": small.locator4("e1")}
    instances = {
        (service["name"], instance["name"]): instance
        for service in services["service"]
        for instance in service["instance"]
    }
    assert set(instances) == {(s, i) for s in lab.services for i in ("a1", "a2")}
    inst = small.INSTANCES["a1"]
    assert instances[V4, "a1"] == {
        "name": "a1", "address": inst.address, "capacity": 100, "sid": inst.sid,
    }  # fmt: skip
    assert running(lab, "r1", "zebra") == {"ingress": {"interface": ["r1-c1"]}}

    lab.configure("r1", "dyncast hold 77")
    lab.configure("e1", f"dyncast service {V4} instance a1 drain")
    assert running(lab, "r1", "zebra")["hold"] == 77
    instances = next(s for s in running(lab, "e1", "bgpd")["service"] if s["name"] == V4)
    assert {i["name"] for i in instances["instance"] if i.get("drain")} == {"a1"}
    lab.configure("r1", "no dyncast hold 77")
    lab.configure("e1", f"no dyncast service {V4} instance a1 drain")
    assert running(lab, "r1", "zebra") == {"ingress": {"interface": ["r1-c1"]}}
    assert plain(running(lab, "e1", "bgpd")) == plain(services)


@pytest.mark.parametrize("daemon,data,expected", EVERYTHING, ids=["bgpd", "zebra"])
def test_every_leaf(lab, daemon, data, expected):
    """Committed, each leaf is a line and is in force; entered as lines, each is
    a leaf; and a commit without it takes it back."""
    before = running(lab, "e2", daemon)
    committed(lab, "e2", daemon, data)
    assert sorted(lines(lab, "e2", daemon)) == sorted(expected)
    assert plain(running(lab, "e2", daemon)) == plain(data)
    container = CONTAINER[daemon].split(":")[1]
    for leaf, (command, of, value) in behaviour.ANSWERED.items():
        if leaf.startswith(container + "/"):
            wait_for(leaf, lambda: of(lab.json("e2", command)) == value or of(lab.json("e2", command)))

    committed(lab, "e2", daemon, {})
    assert not lines(lab, "e2", daemon)
    assert not running(lab, "e2", daemon)
    said = lab.configure("e2", *expected)
    assert "%" not in said, said
    assert plain(running(lab, "e2", daemon)) == plain(data)
    said = lab.configure("e2", *("no " + line for line in reversed(expected)))
    assert "%" not in said, said
    assert not running(lab, "e2", daemon)
    # zebra has nothing in its file at e2
    if before:
        committed(lab, "e2", daemon, before)
    assert plain(running(lab, "e2", daemon)) == plain(before)


def test_attribute_code(lab):
    """Which is another one in profile ietf: by what the next router takes for ours."""
    before = running(lab, "e2", "bgpd")
    lab.wait_ring("r1", ALL)
    committed(lab, "e2", "bgpd", {**before, "attribute": {"code": 200}})
    assert lab.json("e2", "show dyncast bgp json")["attributeCode"] == 200
    lab.wait_ring("r1", ("a1", "a2"))
    committed(lab, "e2", "bgpd", before)
    lab.wait_ring("r1", ALL)


def test_route_and_source(lab):
    """What zebra's listing does not tell of its leaves is in what it installs."""
    before = running(lab, "r1", "zebra")
    source = "2001:db8:1::1"

    def outer():
        (service,) = [s for s in lab.forwarding("r1")["services"] if s["prefix"] == PREFIX[V4]]
        return {i.get("encapSource") for i in service["instances"]}

    def routed():
        return bool(lab.cmd("r1", f"ip route show {PREFIX[V4]} proto 194").strip())

    assert routed() and outer() == {small.loopback6("r1")}
    assert lab.explain("r1")["networkCostUnitUs"] == 100
    changes = {"route": "none", "network-cost-unit": 50, "encapsulation": {"source-ipv6": source}}
    committed(lab, "r1", "zebra", {**before, **changes})
    wait_for("no route of ours", lambda: not routed() or "there is one")
    wait_for("the outer source", lambda: outer() == {source} or outer())
    assert lab.explain("r1")["networkCostUnitUs"] == 50
    committed(lab, "r1", "zebra", before)
    wait_for("the route", lambda: routed() or "there is none")
    wait_for("the outer source", lambda: outer() == {small.loopback6("r1")} or outer())


def test_steers_as_before(lab):
    for service in lab.services:
        lab.wait_ring("r1", ALL, service)


# -- what is refused --------------------------------------------------------------


def a_service(**kwargs):
    return {"service": [{"name": "bad", **kwargs}]}


def an_instance(prefix="10.255.9.1/32", **kwargs):
    return a_service(prefix=prefix, instance=[{"name": "x", **kwargs}])


BAD = {
    "range": ("bgpd", {"attribute": {"size": 255}}, "."),
    "reserved-code": ("bgpd", {"attribute": {"code": 128}}, "."),
    "locator-length": ("bgpd", {"locator": {"ipv6": "2001:db8::/120"}}, "16 to 112 bits"),
    "locator-multicast": ("bgpd", {"locator": {"ipv6": "ff00::/64"}}, "unicast"),
    "interface-all": ("zebra", {"ingress": {"interface": ["all"]}}, "is a leaf"),
    "interface-of-two-words": ("zebra", {"ingress": {"interface": ["eth 0"]}}, "."),
    "interface-and-a-line": ("zebra", {"ingress": {"interface": ["x\nhostname y"]}}, "."),
    "half-a-loopback": ("bgpd", {"site": {"loopback": {"address": "10.0.0.7"}}}, "go together"),
    "name": ("bgpd", {"service": [{"name": "a b"}]}, "."),
    "loopback-prefix": ("bgpd", a_service(prefix="127.0.0.1/32"), "unicast"),
    "prefix-0": ("bgpd", a_service(prefix="0.0.0.0/0"), "length 0"),
    "same-prefix": (
        "bgpd",
        {"service": [{"name": n, "prefix": "10.255.9.1/32"} for n in ("bad", "worse")]},
        "[Uu]nique",
    ),
    "plen-without-source": ("bgpd", a_service(affinity={"prefix-length": 8}), "type source"),
    "plen-of-ipv4": (
        "bgpd",
        a_service(prefix="10.255.9.1/32", affinity={"type": "source", "prefix-length": 33}),
        "32 bits",
    ),
    "hold-without-action": ("bgpd", a_service(select={"hold": 3}), "an action"),
    "weighted-without-weight": (
        "bgpd", a_service(cost={"policy": "weighted"}), "needs network-weight",
    ),
    "weight-without-weighted": ("bgpd", a_service(cost={"network-weight": 3}), "weighted"),
    "capacity-without-address": ("bgpd", an_instance(capacity=3), "goes with an address"),
    "other-family": ("bgpd", an_instance(address="2001:db8::5"), "not of one family"),
    "service-address": ("bgpd", an_instance(address="10.255.9.1"), "service's own address"),
    "multicast-instance": ("bgpd", an_instance(address="224.0.0.5"), "unicast"),
    "same-address": (
        "bgpd",
        a_service(instance=[{"name": n, "address": "10.2.0.9"} for n in ("x", "y")]),
        "[Uu]nique",
    ),
    "same-sid": (
        "bgpd",
        {"service": [{"name": n, "instance": [{"name": "x", "address": a, "sid": 7}]}
                     for n, a in (("bad", "10.2.0.8"), ("worse", "10.2.0.9"))]},
        "another instance",
    ),
    # 36 characters of three bytes are more than a VRF's name holds
    "vrf-bytes": ("bgpd", a_service(vrf="\u20ac" * 36), "."),
    "pin-multicast": ("bgpd", a_service(pin="224.0.0.5"), "unicast"),
    "cap-without-percent": ("bgpd", a_service(**{"weight-cap": [{"site": "local"}]}), "percent"),
    "hold": ("zebra", {"hold": 86401}, "."),
    "table": ("zebra", {"flow-table-size": 1023}, "."),
    "interface-name": ("zebra", {"ingress": {"interface": ["sixteen-letters-"]}}, "."),
    "alias-length": ("zebra", {"alias-prefix": "10.0.0.0/31"}, "8 to 30 bits"),
    "alias-loopback": ("zebra", {"alias-prefix": "127.0.0.0/24"}, "unicast"),
    "source-multicast": ("zebra", {"encapsulation": {"source-ipv6": "ff02::1"}}, "unicast"),
    **{what: ("bgpd" if container == "services" else "zebra", data, why)
       for what, (container, data, why) in WITHOUT_EFFECT.items()},
}  # fmt: skip


@pytest.mark.parametrize("what", BAD)
def test_a_bad_leaf_changes_nothing(lab, what):
    """Not even the good one beside it."""
    daemon, data, why = BAD[what]
    good = {"drain": True} if daemon == "bgpd" else {"network-cost-unit": 77}
    before, stored = lines(lab, "e2", daemon), running(lab, "e2", daemon)
    said = commit(lab, "e2", daemon, {**good, **data}, replace=False)
    assert "successfully" not in said
    assert re.search("[Ff]ailed", said) and re.search(why, said), said
    assert lines(lab, "e2", daemon) == before
    assert running(lab, "e2", daemon) == stored


def test_the_good_one_alone(lab):
    """The positive control of the test above."""
    for daemon, good in (("bgpd", {"drain": True}), ("zebra", {"network-cost-unit": 77})):
        before = running(lab, "e2", daemon)
        committed(lab, "e2", daemon, good, replace=False)
        assert running(lab, "e2", daemon) == {**before, **good}
        committed(lab, "e2", daemon, before)
        assert plain(running(lab, "e2", daemon)) == plain(before)


def test_the_other_daemons_container_is_refused(lab):
    path = os.path.join(lab.logdir, "e2", "conf", "both.json")
    with open(path, "w", encoding="ascii") as out:
        json.dump({CONTAINER["bgpd"]: {"drain": True}, CONTAINER["zebra"]: {"hold": 5}}, out)
    with Vty(lab, "e2", "bgpd") as vty:
        vty.ask("configure terminal")
        vty.ask("discard")
        vty.ask(f"configuration load file json {path}")
        said = vty.ask("commit")
        vty.ask("discard")
    assert "is configured in zebra" in said, said
    assert "dyncast drain" not in lines(lab, "e2", "bgpd")


def test_places_are_exchanged(lab):
    """One commit may move what only one can have from one to another."""
    before = running(lab, "e2", "bgpd")
    one = {
        "service": [
            {"name": "p", "prefix": "10.255.9.1/32",
             "instance": [{"name": "x", "address": "10.2.0.21", "sid": 91},
                          {"name": "y", "address": "10.2.0.22", "sid": 92}]},
            {"name": "q", "prefix": "2001:db8:255::9/128",
             "affinity": {"type": "source", "prefix-length": 64},
             "instance": [{"name": "x", "address": "2001:db8:a2::21", "sid": 93}]},
        ]
    }  # fmt: skip
    other = {
        "service": [
            {"name": "q", "prefix": "10.255.9.1/32",
             "affinity": {"type": "source", "prefix-length": 24},
             "instance": [{"name": "x", "address": "10.2.0.22", "sid": 91}]},
            {"name": "p", "prefix": "2001:db8:255::9/128",
             "instance": [{"name": "y", "address": "2001:db8:a2::21", "sid": 93},
                          {"name": "x", "address": "2001:db8:a2::22", "sid": 92}]},
        ]
    }  # fmt: skip
    for document in (one, other, one, before):
        committed(lab, "e2", "bgpd", document)
        said = lines(lab, "e2", "bgpd")
        assert plain(running(lab, "e2", "bgpd")) == plain(document)
        for service in document["service"]:
            assert f"dyncast service {service['name']} prefix {service['prefix']}" in said
            for instance in service["instance"]:
                assert any(
                    f"address {instance['address']} " in line and line.endswith(f"sid {instance['sid']}")
                    for line in said
                ), said
    for service in lab.services:
        lab.wait_ring("r1", ALL, service)


# -- operational data, RPC, notifications --------------------------------------------


def candidates(lab):
    services = operational(lab, "r1", "zebra")["service"]
    (service,) = [s for s in services if s["prefix"] == PREFIX[V4]]
    return service, {c["name"]: c for c in service["candidate"]}


def test_operational_data(lab):
    """As the show commands have it."""
    explained = lab.candidates("r1")
    service, found = candidates(lab)
    assert set(found) == set(explained) == set(ALL)
    assert service["vrf-id"] == 0 and service["settling"] is False
    for name, candidate in found.items():
        assert candidate["dbid"] == small.dbid(name)
        assert candidate["kind"] == "srv6"
        assert candidate["site"] == small.loopback(small.INSTANCES[name].router)
        assert candidate["capacity"] == 100
        assert candidate["weight"] > 0 and candidate["slots"] > 0
        assert candidate["slots"] == explained[name]["slots"]
        assert int(candidate["cost"]) == int(candidate["network-cost"]) + int(
            candidate["delay-cost"]
        )
        assert candidate["verdict"] == explained[name]["reason"]
    assert sum(c["slots"] for c in found.values()) == 1024
    assert operational(lab, "r1", "zebra")["state"]["active"] is True

    (video,) = [s for s in operational(lab, "e1", "bgpd")["service"] if s["name"] == V4]
    assert video["state"]["status"] == "advertised"
    assert int(video["state"]["updates"]) > 0 and video["state"]["attribute-size"] > 0
    local = {i["name"]: i["state"] for i in video["instance"]}
    assert set(local) == {"a1", "a2"}
    for name, state in local.items():
        assert state["status"] == "up" and state["advertised"] is True
        assert state["dbid"] == small.dbid(name) and state["kind"] == "srv6"
        assert state["capacity"] == 100


def flow_count(lab):
    return lab.json("r1", "show dyncast flows json")["count"]


def test_counters_and_clear_flows(lab):
    service, _ = candidates(lab)
    load = traffic.Load(lab, "load", target=ADDRESS[V4], sources=CLIENTS[V4])
    load.ask("open", tcp=0, udp=40, interval=0.2)
    wait_for("flows to be pinned", lambda: flow_count(lab) >= 30 or str(flow_count(lab)), 20)
    load.stop()
    after, found = candidates(lab)
    assert int(after["packets"]) >= int(service["packets"]) + 30
    assert int(after["octets"]) > int(service["octets"])
    assert sum(int(c["packets"]) for c in found.values()) >= 30
    assert int(operational(lab, "r1", "zebra")["state"]["packets"]) >= 30
    with Vty(lab, "r1", "zebra") as vty:
        said = vty.ask("test-northbound rpc clear-flows service nobody")
        assert "no service nobody" in said, said
        assert flow_count(lab) >= 30
        said = vty.ask(f"test-northbound rpc clear-flows service {PREFIX[V4]}")
        assert not said.strip(), said
    wait_for("the flows to be cleared", lambda: flow_count(lab) == 0 or str(flow_count(lab)), 20)


def heard(lab, router, daemon, notification):
    """Leaves of each such notification."""
    return [
        dict(leaf.split("=", 1) for leaf in match.split(" ") if "=" in leaf)
        for match in re.findall(
            rf"test-northbound: /frr-dyncast:{notification} (.*)", lab.log(router, daemon)
        )
    ]


def test_notifications(lab):
    """An instance that is up was told of; the last one that goes leaves a
    service without."""

    def told(router, daemon, notification, **leaves):
        def missing():
            seen = heard(lab, router, daemon, notification)
            return any(leaves.items() <= one.items() for one in seen) or str(seen)

        wait_for(f"{notification} {leaves}", missing, 30)

    told("e2", "bgpd", "instance-state", service=V4, instance="b1", up="true")
    assert not heard(lab, "r1", "zebra", "service-without-instances")
    lab.cmd("b1", "ip link set b1-lan down")
    told("e2", "bgpd", "instance-state", service=V4, instance="b1", up="false")
    assert not heard(lab, "r1", "zebra", "service-without-instances")
    lab.configure("e1", "dyncast drain")
    told("r1", "zebra", "service-without-instances", prefix=PREFIX[V4])
    lab.configure("e1", "no dyncast drain")


# -- without the model ------------------------------------------------------------------


def test_without_the_model(lab):
    """libyang refuses it: the daemon starts, its log says so, commands work."""
    before = lines(lab, "e2", "bgpd")
    spoiled = lab.test_module("spoiled_model.so")
    path = os.path.join(lab.logdir, "e2", "conf", "bgpd.conf")
    param = f"-M {spoiled} -M {lab.modules['bgpd']}"
    lab.node("e2").loadConf("bgpd", path, param)
    end_processes([lab.pids["e2", "bgpd"]])
    lab.restart_daemon("e2", "bgpd")
    assert "the YANG model is not available" in lab.log("e2", "bgpd")
    assert lines(lab, "e2", "bgpd") == before
    assert not running(lab, "e2", "bgpd")
    said = lab.configure("e2", "dyncast attribute size 2000")
    assert "%" not in said, said
    assert "dyncast attribute size 2000" in lines(lab, "e2", "bgpd")
