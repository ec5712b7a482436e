# SPDX-License-Identifier: GPL-2.0-or-later
r"""200 TCP and 200 UDP flows stay where they are while the best site changes.

                         rr  stock FRR: route reflector, add-path
                          |
    c1 ------- r1 ------ core ----- 10 ----- e1 --+-- a1
             ingress  10  |  stock FRR            +-- a2
                          +-------- 20 ----- e2 --+-- b1
                          |                       +-- b2
                          +-------- 30 ----- e3 --+-- d1
                                                  +-- d2

The path goes over the stock core, which would send every plain packet for the
service to e1.  Whether a flow stayed is counted at the servers.
"""

import pytest

import dyncast_show as show
import dyncast_topology as topology
import dyncast_traffic as traffic
from dyncast_agentline import AgentSocket
from dyncast_topology import INSTANCES, SITES, wait_for

FLOWS = 200
FAST_US, SLOW_US = 2000, 200000


@pytest.fixture(scope="module")
def lab(lab_of):
    lab = lab_of()
    traffic.start_servers(lab)
    lab.wait_underlay()
    lab.agents = {router: AgentSocket(lab, router) for router in SITES}
    lab.best = None
    yield lab
    for agent in lab.agents.values():
        agent.close()


def report(lab, best):
    """The instances of site `best` are fast, all others slow (None: all fast)."""
    for name, inst in INSTANCES.items():
        fast = best in (None, inst.router)
        lab.agents[inst.router].report(name, delayUs=FAST_US if fast else SLOW_US)


def make_best(lab, best):
    """Report until r1 gives new flows to site `best` alone, or nearly."""
    names = SITES[best].instances

    def missing():
        report(lab, best)
        share = show.weight_share(lab, "r1", names)
        return True if share > 0.8 else f"{share:.2f} of the ring"

    wait_for(f"{best} to win", missing)


@pytest.fixture(scope="module")
def flows(lab):
    wait_for("metrics of all", lambda: (report(lab, None), _all_known(lab))[1])
    load = traffic.Load(lab)
    assert load.ask("open", tcp=FLOWS, udp=FLOWS, interval=1.0)["opened"] == 2 * FLOWS
    check = traffic.FlowCheck(lab, load)
    assert check.opened == 2 * FLOWS
    return check


def _all_known(lab):
    found = show.candidates(lab, "r1")
    unknown = [n for n in INSTANCES if found.get(n, {}).get("verdict") != "ok"]
    moving = show.explain(lab, "r1").get("slotsLeft")
    return True if not unknown and not moving else f"no metrics of {unknown}, {moving}"


def test_flows_begin_everywhere(flows):
    """The other tests would prove nothing if all were at one site."""
    for name in INSTANCES:
        assert len(flows.at(name)) >= FLOWS / 20, f"{name}: {len(flows.at(name))} flows"


@pytest.mark.parametrize("best", ["e3", "e2", "e1"])
def test_winner_changes(lab, flows, best):
    """All running flows stay, new ones go to the winner."""
    make_best(lab, best)
    late = traffic.Load(lab, "late-" + best)
    opened = late.ask("open", tcp=100, udp=100, interval=0.5)["opened"]
    assert opened == 200
    check = traffic.FlowCheck(lab, late)
    there = len(check.at(*SITES[best].instances))
    assert there > 150, f"{there} of {opened} new flows went to {best}"
    assert flows.expect_kept() == 2 * FLOWS
    late.stop()


def test_core_would_go_elsewhere(lab):
    """The positive control for the way over core: its own route leads to e1,
    while e3 is the winner and gets what r1 sends."""
    make_best(lab, "e3")
    assert show.bgp_route_to(lab, "core") == topology.loopback("e1")
    assert "encap" not in lab.cmd("core", f"ip route show {topology.SERVICE_PREFIX}")
    load = traffic.Load(lab, "over-core")
    load.ask("open", tcp=40, interval=0.5)
    check = traffic.FlowCheck(lab, load)
    assert len(check.at(*SITES["e3"].instances)) > 25
    load.stop()


def test_clear_forgets_flows(lab, flows):
    """The positive control of the whole test: without their entries, flows do
    move to the winner."""
    make_best(lab, "e2")
    assert "cleared" in lab.vtysh("r1", "clear dyncast flows")

    def moved():
        there = sum(1 for flow in flows.load.flows() if flow["others"] or flow["broken"])
        return True if there > FLOWS else f"{there} moved"

    wait_for("flows to move", moved)


def test_daemons_survived(lab):
    lab.expect_alive()
