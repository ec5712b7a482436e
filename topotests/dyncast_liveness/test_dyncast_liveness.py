# SPDX-License-Identifier: GPL-2.0-or-later
r"""Instances that fall silent while their link stays up, such that no route leads
to, and such that are drained and go on answering.

    c1 ---- r1 ---- core ---- e1 --+-- a1   site 1
  clients   |        |             +-- a2
            +-- l1   +------- e2 ----- b1   site 2

Nothing tells the routers: no agent, no carrier.  Only ARP goes unanswered.
"""

import pytest

import dyncast_show as show
import dyncast_small as small
import dyncast_traffic as traffic
from dyncast_small import ADDRESS, CLIENTS, INSTANCES, V4, V6
from dyncast_topology import wait_for

ALL = set(INSTANCES)
# what an instance is in that can have flows; there are no agents here
STEERED = ("ok", "no metrics")
# a probe every 2 s, 3 s without an answer, a poll each second, and a margin for
# a busy machine; the flows that go on meanwhile keep the kernel's entry from
# resting in NUD_FAILED
BOUND = 6 + 4


@pytest.fixture(scope="module")
def lab(lab_of):
    return lab_of(small.SmallLab).wait_steering()


def silence(lab, name, on=True):
    state = "down" if on else "up"
    lab.cmd(name, f"ip link set {name}-lan {state}")
    if not on:
        number = small.NUMBERS[INSTANCES[name].router]
        lab.cmd(name, f"ip route replace default via 10.{number}.0.1")
        lab.cmd(name, f"ip -6 route replace default via 2001:db8:a{number}::1")


@pytest.mark.parametrize("name, router", [("l1", "r1"), ("a2", "e1")])
def test_silent_instance(lab, name, router):
    """Known within a bounded time, at its own router and, by BGP, at the
    ingress; its flows re-pin, the others stay; it comes back by itself."""
    load = traffic.Load(lab, "load-" + name, sources=CLIENTS[V4])
    load.ask("open", udp=80, interval=0.3)
    check = traffic.FlowCheck(lab, load)
    theirs = check.at(name)
    assert theirs
    assert lab.candidates(router)[name]["verdict"] in STEERED
    silence(lab, name)
    for service in (V4, V6):
        lab.wait_ring("r1", ALL - {name}, service, BOUND)
    mine = lab.candidates(router)[name]
    assert mine["verdict"] == "down" and "does not answer" in mine["reason"], mine
    (told,) = [
        i
        for i in lab.json(router, "show dyncast instance json")["instances"]
        if i["name"] == name and i["service"] == V4 and i.get("local")
    ]
    assert told["down"] and told["advertised"], told

    def moved():
        there = {(f["proto"], f["local"]) for f in load.flows() if f["others"]}
        return True if theirs <= there else f"{len(theirs - there)} still at {name}"

    wait_for(f"flows of {name} to move", moved)
    check.expect_kept(set(check.home) - theirs)
    silence(lab, name, False)
    for service in (V4, V6):
        lab.wait_ring("r1", ALL, service)
    load.stop()


def test_configured_neighbor_is_left_alone(lab):
    """A permanent entry is the operator's word: it stays and counts as alive."""
    inst = INSTANCES["b1"]
    mac = lab.cmd("b1", "cat /sys/class/net/b1-lan/address").strip()
    lab.cmd("e2", f"ip neigh replace {inst.address} lladdr {mac} dev e2-lan nud permanent")
    silence(lab, "b1")
    # positive control: the other family's entry is not permanent
    lab.wait_ring("r1", ALL - {"b1"}, V6, BOUND)
    assert lab.candidates("e2")["b1"]["verdict"] in STEERED
    assert "PERMANENT" in lab.cmd("e2", f"ip neigh show {inst.address}")
    silence(lab, "b1", False)
    lab.cmd("e2", f"ip neigh del {inst.address} dev e2-lan")
    lab.wait_ring("r1", ALL, V6)


def test_instance_is_replaced(lab):
    """An instance is removed and another takes its place: no flow of the old one
    is taken for one of the new, which is drained and the same host, so that
    a flow that stayed would be heard there.  (That an id is used again takes a
    round through its table: tests/bpf.)"""
    load = traffic.Load(lab, "load-replaced", sources=CLIENTS[V4])
    load.ask("open", udp=80, interval=0.3)
    check = traffic.FlowCheck(lab, load)
    theirs = check.at("b1")
    assert theirs
    inst = INSTANCES["b1"]
    line = f"dyncast service {V4} instance"
    lab.configure(
        "e2",
        f"no {line} b1",
        f"{line} b9 address {inst.address} capacity 100 sid {inst.sid + 100}",
        f"{line} b9 drain",
    )
    lab.wait_ring("r1", ALL - {"b1"})
    wait_for(
        "the new instance",
        lambda: lab.candidates("r1").get("b9", {}).get("verdict") == "drain" or "not there",
    )
    assert "b1" not in lab.candidates("r1")

    def moved():
        there = {(f["proto"], f["local"]) for f in load.flows() if f["others"]}
        return True if theirs <= there else f"{len(theirs - there)} still at the host of b1"

    wait_for("flows of b1 to move", moved)
    check.expect_kept(set(check.home) - theirs)
    assert set(show.flows(lab, "r1").values()) <= ALL - {"b1"}
    lab.configure("e2", f"no {line} b9")
    lab.configure("e2", f"{line} b1 address {inst.address} capacity 100 sid {inst.sid}")
    lab.wait_ring("r1", ALL)
    check.expect_kept(set(check.home) - theirs)
    load.stop()


def test_default_route_does_not_lead_to_a_site(lab):
    """A D-BID has to be announced by its site: that a default route covers it
    says nothing of the site."""
    site = small.locator("e2")
    next_hop = "2001:db8:0:10::9"
    # zebra itself takes it for a way only with this
    lab.configure("r1", f"ipv6 route ::/0 {next_hop}", "ipv6 nht resolve-via-default")
    # what covers it by another route is there: nothing changes
    wait_for("the default route", lambda: "::/0" in lab.vtysh("r1", "show ipv6 route static"))
    lab.wait_ring("r1", ALL)
    lab.configure("r1", f"no ipv6 route {site} {next_hop}")
    lab.wait_ring("r1", ALL - {"b1"})
    b1 = lab.candidates("r1")["b1"]
    assert b1["verdict"] == "unresolved", b1
    assert small.dbid("b1") in lab.cmd("r1", f"ip -6 route get {small.dbid('b1')}")
    lab.configure("r1", f"ipv6 route {site} {next_hop}")
    lab.wait_ring("r1", ALL)
    lab.configure("r1", f"no ipv6 route ::/0 {next_hop}", "no ipv6 nht resolve-via-default")


def test_replies_of_a_drained_site(lab):
    """Under strict reverse-path filtering replies come in while the service's
    route leads to the instance's LAN: also when it takes no new flows."""
    load = traffic.Load(lab, "load-drained", sources=CLIENTS[V4])
    load.ask("open", tcp=60, udp=60, interval=0.1)
    check = traffic.FlowCheck(lab, load)
    mine = check.at("b1")
    assert {proto for proto, _ in mine} == {"tcp", "udp"}
    lab.cmd("e2", "sysctl -qw net.ipv4.conf.e2-lan.rp_filter=1")
    assert lab.cmd("e2", "cat /proc/sys/net/ipv4/conf/all/rp_filter").strip() in "01"
    for service in (V4, V6):
        lab.configure("e2", f"dyncast service {service} instance b1 drain")
        lab.wait_ring("r1", ALL - {"b1"}, service)

    def answers():
        flows = {(f["proto"], f["local"]): f["answers"] for f in load.flows()}
        return {key: flows[key] for key in mine}

    before = answers()
    # more than a connection says without being heard
    wait_for(
        "replies of all its flows",
        lambda: min(n - before[key] for key, n in answers().items()) > 40 or str(answers()),
        30,
    )
    check.expect_kept()
    route = f"ip route show {small.PREFIX[V4]}"
    assert "e2-lan" in lab.cmd("e2", route)
    # nor for another reason
    lab.configure("e2", f"no dyncast service {V4} instance b1 drain")
    lab.wait_ring("r1", ALL)
    lab.configure("e2", f"dyncast service {V4} pin site {small.loopback('e1')}")
    wait_for(
        "e2's own to be chosen no more",
        lambda: lab.candidates("e2")["b1"]["verdict"] == "pinned elsewhere",
        10,
    )
    wait_for("the others in the route", lambda: "seg6" in lab.cmd("e2", route), 10)
    assert "e2-lan" in lab.cmd("e2", route)
    lab.configure("e2", f"no dyncast service {V4} pin site {small.loopback('e1')}")
    lab.configure("e2", f"dyncast service {V4} instance b1 drain")
    lab.wait_ring("r1", ALL - {"b1"})
    assert "rp_filter" not in lab.vtysh("e2", "show dyncast forwarding")
    lab.cmd("e2", "sysctl -qw net.ipv4.conf.e2-lan.rp_filter=0")
    wait_for(
        "the route to lead away",
        lambda: "e2-lan" not in lab.cmd("e2", f"ip route show {small.PREFIX[V4]}"),
        10,
    )
    for service in (V4, V6):
        lab.configure("e2", f"no dyncast service {service} instance b1 drain")
        lab.wait_ring("r1", ALL, service)
    load.stop()


def test_daemons_survived(lab):
    lab.expect_alive()
