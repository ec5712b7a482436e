# SPDX-License-Identifier: GPL-2.0-or-later
r"""A router whose kernel refuses bpf(): the encapsulated route alone steers, and
where zebra has no encapsulation plain BGP stands.

    c1 ---- r1 ---- core ---- e1 --+-- a1   site 1
  clients            |             +-- a2
                     +------- e2 ----- b1   site 2

core has no daemon, and its own route for the service leads to e1.
"""

import re

import pytest

import dyncast_small as small
import dyncast_traffic as traffic
from dyncast_small import ADDRESS, CLIENTS, PREFIX, V4, V6
from dyncast_topology import wait_for
from dyncast_without import WithoutBpf

ALL = ("a1", "a2", "b1")


class NoBpfLab(WithoutBpf, small.SmallLab):
    without_bpf = ("r1",)


def build(lab_of, members=ALL, service=V4, **kwargs):
    lab = lab_of(NoBpfLab, services=(service,), members=members, **kwargs)
    traffic.start_servers(lab)
    wait_for(
        "r1 to know all",
        lambda: set(lab.candidates("r1", service)) == set(members) or "not all",
        30,
    )
    return lab


def segments(lab, service=V4):
    """{D-BID: weight} of the service's route in r1's kernel"""
    family = "-6" if service == V6 else "-4"
    text = lab.cmd("r1", f"ip {family} route show {PREFIX[service]}")
    text = text.replace("nexthop", "\nnexthop")
    found = {}
    for line in text.splitlines():
        segment = re.search(r"segs 1 \[ (\S+) \]", line)
        weight = re.search(r"weight (\d+)", line)
        if segment:
            found[segment.group(1)] = int(weight.group(1)) if weight else 1
    return found


def expect_said_once(lab):
    kernel = lab.forwarding("r1")["kernel"]
    assert not kernel["active"] and kernel["missing"] == ["bpf"]
    assert "refused" in kernel["reason"]
    text = lab.vtysh("r1", "show dyncast forwarding")
    assert "Kernel: inactive, the kernel refused" in text
    assert "without bpf: services follow their encapsulated route" in text
    log = lab.log("r1", "zebra")
    assert log.count("no BPF forwarding: the kernel refused") == 1
    assert log.count("this kernel is without bpf:") == 1


def reached(lab, name, service=V4):
    """Instances that 120 fresh flows reach.  Without affinity one may reach
    several, while weights move."""
    load = traffic.Load(lab, name, target=ADDRESS[service], sources=CLIENTS[service])
    load.ask("open", udp=120, interval=0.3)
    mine = {flow["local"] for flow in load.flows()}
    answers = traffic.server_flows(lab)
    load.stop()
    found = {
        name: {flow["peer"] for flow in answer["udp"]} & mine for name, answer in answers.items()
    }
    assert set().union(*found.values()) == mine
    return {name for name, flows in found.items() if flows}


@pytest.mark.parametrize("service", [V4, V6])
def test_encapsulated_route(lab_of, service):
    """Each flow reaches an instance by a SID, with weights that follow cost."""
    lab = build(lab_of, service=service)
    ours = {small.dbid(name, service) for name in ALL}
    wait_for("the route", lambda: set(segments(lab, service)) == ours or str(segments(lab, service)), 20)
    expect_said_once(lab)
    assert reached(lab, "all", service) == set(ALL)
    # joint cost: a third of the capacity, a third of the flows
    even = segments(lab, service)
    b1 = small.INSTANCES["b1"]
    address, sid = (b1.address6, b1.sid6) if service == V6 else (b1.address, b1.sid)
    lab.configure(
        "e2",
        f"dyncast service {service} instance b1 address {address} capacity 300 sid {sid}",
    )

    def heavier():
        now = segments(lab, service)
        others = [now.get(small.dbid(name, service), 0) for name in ("a1", "a2")]
        grown = now.get(small.dbid("b1", service), 0) >= 2 * max(others) > 0
        return True if grown else f"{even} -> {now}"

    wait_for("the weight of b1 to grow", heavier, 20)
    lab.configure("e2", f"dyncast service {service} instance b1 drain")
    wait_for("b1 to go", lambda: set(segments(lab, service)) == ours - {small.dbid("b1", service)} or "there", 20)
    assert reached(lab, "drained", service) == {"a1", "a2"}
    # bgpd of the router hears no complaint, and nothing is tried again
    expect_said_once(lab)
    lab.expect_alive()
    lab.stop()


def test_plain_bgp_stands(lab_of):
    """IP-in-IP has no next hop in zebra: its own route to no other site."""
    lab = build(lab_of, ("a1", "a2"), underlay="ipv4")

    def route():
        text = lab.cmd("r1", f"ip route show {PREFIX[V4]}")
        return True if "proto bgp" in text and "encap" not in text else text or "none"

    wait_for("BGP's route", route, 20)
    expect_said_once(lab)
    assert lab.forwarding("r1")["services"][0]["routeNexthops"] == 0
    assert "dyncast-out" not in lab.cmd("r1", "ip link show")
    lab.cmd("c1", f"ping -c 3 -i 0.2 -W 1 {small.ADDRESS[V4]}")
    lab.expect_alive()
