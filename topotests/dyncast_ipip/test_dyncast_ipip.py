# SPDX-License-Identifier: GPL-2.0-or-later
r"""IP-in-IP: an underlay that has no IPv6 at all, services of both families.

    c1 ---- r1 ---- core ---- e1 --+-- a1   site 1
  clients   |        |             +-- a2
            +-- l1   +------- e2 ----- b1   site 2

core has no daemon, and its own route for the IPv4 service leads to e1.  BPF
takes the outer header off at e1 and e2; for devices see dyncast_ipip_device.
"""

import re

import pytest

import dyncast_small as small
import dyncast_traffic as traffic
from dyncast_small import ADDRESS, CLIENTS, INSTANCES, PREFIX, V4, V6
from dyncast_topology import end_processes, wait_for
from dyncast_tunnel import REMOTE, IpipLab

ALL = set(INSTANCES)


@pytest.fixture(scope="module")
def lab(lab_of):
    return lab_of(IpipLab).wait_steering()


def interfaces(lab, router):
    """{interface: duty} of what is attached"""
    ingress = lab.forwarding(router)["ingress"]
    return {i["interface"]: i["duty"] for i in ingress if i["attached"]}


def test_candidates(lab):
    for service in (V4, V6):
        found = lab.candidates("r1", service)
        for name in REMOTE:
            assert found[name]["kind"] == "ipip"
            assert found[name]["dbid"] == small.dbid(name, service, ipip=True)
            assert found[name]["site"] == small.loopback(INSTANCES[name].router)
    assert not lab.cmd("core", "ip -6 route show default").strip()
    # the locator ends here, but for what is unpacked before
    assert "blackhole" in lab.cmd("e1", f"ip route show {small.locator4('e1')}")


@pytest.mark.parametrize("service", (V4, V6))
def test_flows_reach_their_instances(lab, service):
    load = traffic.Load(
        lab, "load-" + service, target=ADDRESS[service], sources=CLIENTS[service]
    )
    assert load.ask("open", tcp=80, udp=80, interval=0.5)["opened"] == 160
    check = traffic.FlowCheck(lab, load)
    assert check.opened == 160
    for name in ALL:
        assert len(check.at(name)) > 10, f"{name}: {len(check.at(name))} flows"
    for router in ("e1", "e2"):
        kernel = lab.forwarding(router)["kernel"]
        assert kernel["decapsulated"] > 0 and kernel["decapDropped"] == 0, kernel
    # per-instance counters say what the servers say
    counted = {
        i["name"]: i["packets"]
        for s in lab.forwarding("r1")["services"]
        if s["prefix"] == PREFIX[service]
        for i in s["instances"]
    }
    assert all(counted[name] >= len(check.at(name)) for name in ALL), counted
    load.stop()


def test_no_route_without_a_device(lab):
    """zebra has no IP-in-IP next hop: the route leads to the device that
    places packets, never plainly to another site."""
    wait_for(
        "the route to the device",
        lambda: "dyncast-out" in lab.cmd("r1", f"ip route show {PREFIX[V4]}") or "not there",
        10,
    )
    route = lab.cmd("r1", f"ip route show {PREFIX[V4]} proto 194; ip nexthop")
    assert "172.16.10.9" not in lab.cmd("r1", f"ip route show {PREFIX[V4]} proto 194"), route


def test_source(lab):
    """Outer packets come from the router's own address, or from the one that
    it is told."""

    def source():
        service = [s for s in lab.forwarding("r1")["services"] if s["prefix"] == PREFIX[V4]][0]
        return {i["encapSource"] for i in service["instances"] if i["forwarding"] == "ipip"}

    assert source() == {small.loopback("r1")}
    assert "%" not in lab.configure("r1", "dyncast encapsulation source 172.16.10.1")
    wait_for("the source", lambda: source() == {"172.16.10.1"} or str(source()), 5)
    assert "encapsulation source 172.16.10.1" in lab.vtysh("r1", "show running-config")
    lab.configure("r1", "no dyncast encapsulation source 172.16.10.1")
    wait_for("the source", lambda: source() == {small.loopback("r1")} or str(source()), 5)


def test_unpacking_interfaces(lab):
    """All but lo, those that come later too; none when nobody needs it.  The
    device in the service's route places, as it does everywhere."""
    rest = {"e2-core": "unpack", "e2-lan": "unpack", "dyncast-out": "egress"}
    assert interfaces(lab, "e2") == rest
    lab.cmd("e2", "ip link add late type veth peer name later; ip link set late up")
    wait_for("late", lambda: interfaces(lab, "e2").get("late") == "unpack" or "not there", 5)
    lab.cmd("e2", "ip link set late down; ip link set late name later2; ip link set later2 up")
    wait_for("later2", lambda: "later2" in interfaces(lab, "e2") or "not there", 5)
    lab.cmd("e2", "ip link del later2")
    wait_for("their end", lambda: interfaces(lab, "e2") == rest or "no", 5)
    assert interfaces(lab, "r1")["r1-c1"] == "steer"


def test_dead_instance_is_not_served_by_another(lab):
    """A packet for the D-BID of a dead instance is dropped: another instance
    or another site never gets it (no loop, no reset)."""
    load = traffic.Load(lab, "load-dead", sources=CLIENTS[V4])
    load.ask("open", udp=60, interval=0.2)
    check = traffic.FlowCheck(lab, load)
    theirs = check.at("b1")
    assert theirs
    lab.configure("e2", f"no dyncast service {V4} instance b1")
    lab.wait_ring("r1", ALL - {"b1"})

    def moved():
        there = {(f["proto"], f["local"]) for f in load.flows() if f["others"]}
        return True if theirs <= there else f"{len(theirs - there)} still at b1"

    wait_for("flows of b1 to move", moved)
    check.expect_kept(set(check.home) - theirs)
    inst = INSTANCES["b1"]
    line = f"instance b1 address {inst.address} capacity 100 sid {inst.sid}"
    lab.configure("e2", f"dyncast service {V4} {line}")
    lab.wait_ring("r1", ALL)
    load.stop()


def test_egress_crash(lab):
    """kill -9 of the egress's zebra: unpacking goes on, no flow moves."""
    load = traffic.Load(lab, "load-crash", sources=CLIENTS[V4])
    load.ask("open", tcp=60, udp=60, interval=0.5)
    check = traffic.FlowCheck(lab, load)
    lab.kill_daemon("e1", "zebra")
    check.expect_kept()
    lab.restart_daemon("e1", "zebra")
    lab.wait_ring("r1", ALL)
    check.expect_kept()
    load.stop()


def test_dry_run_at_an_egress(lab):
    """What others send it still arrives."""
    load = traffic.Load(lab, "load-dry", sources=CLIENTS[V4])
    load.ask("open", tcp=60, udp=60, interval=0.2)
    check = traffic.FlowCheck(lab, load)
    assert check.at("a1") and check.at("a2")

    def enabled():
        return {s["enabled"] for s in lab.forwarding("e1")["services"]}

    lab.configure("e1", "dyncast dry-run")
    wait_for("the dry run", lambda: enabled() == {False} or enabled(), 10)
    dropped = lab.forwarding("e1")["kernel"]["decapDropped"]
    check.expect_kept()
    assert lab.forwarding("e1")["kernel"]["decapDropped"] == dropped
    lab.configure("e1", "no dyncast dry-run")
    wait_for("its end", lambda: enabled() == {True} or enabled(), 10)
    check.expect_kept()
    load.stop()


@pytest.mark.parametrize("router", ("r1", "e1"))
def test_stop_and_start(lab, router):
    """zebra stops (SIGTERM): what FRR takes away are its routes; packets of all
    flows go on, at the ingress and where they are unpacked.

    IPv6: the way of the answers is not the router's (dyncast_tunnel).
    """
    load = traffic.Load(lab, "load-stop-" + router, target=ADDRESS[V6], sources=CLIENTS[V6])
    load.ask("open", udp=120, interval=0.5)
    check = traffic.FlowCheck(lab, load)
    end_processes([lab.daemon_pid(router, "zebra")])
    assert not lab.cmd(router, "ip route show proto isis").strip()
    check.expect_kept()
    lab.restart_daemon(router, "zebra")
    lab.wait_ring("r1", ALL, V6)
    check.expect_kept()
    load.stop()


def test_configuration(lab):
    """show running-config has the lines, and each is taken back."""
    text = lab.vtysh("e1", "show running-config")
    assert re.search(rf"^dyncast locator {small.locator4('e1')}$", text, re.M)
    said = lab.configure("e1", f"dyncast service {V4} instance a1 encapsulation srv6")
    assert "%" not in said
    why = [
        i["reason"]
        for i in lab.json("e1", "show dyncast instance json")["instances"]
        if i["name"] == "a1" and i["service"] == V4 and i.get("local")
    ]
    wait_for(
        "the reason",
        lambda: "no `dyncast locator`" in lab.vtysh("e1", "show dyncast instance") or str(why),
        10,
    )
    assert "instance a1 encapsulation srv6" in lab.vtysh("e1", "show running-config")
    lab.configure("e1", f"no dyncast service {V4} instance a1 encapsulation srv6")
    lab.wait_ring("r1", ALL)


def test_nothing_is_left(lab):
    """Without configuration the egress unpacks nothing; what it still has is
    the device in the route to the other sites."""
    lab.unconfigure("e2")
    wait_for(
        "the last interface",
        lambda: interfaces(lab, "e2") == {"dyncast-out": "egress"} or str(interfaces(lab, "e2")),
        10,
    )
    assert "blackhole" not in lab.cmd("e2", f"ip route show {small.locator4('e2')}")
    lab.expect_alive()
