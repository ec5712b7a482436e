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
    """The instance `best` is fast, all others slow (None: all fast)."""
    for name, inst in INSTANCES.items():
        delay = FAST_US if best in (None, name) else SLOW_US
        lab.agents[inst.router].report(name, delayUs=delay)


def make_best(lab, best):
    """Report until r1 gives all new flows to instance `best`."""

    def missing():
        report(lab, best)
        share = show.weight_share(lab, "r1", [best])
        return True if share == 1 else f"{share:.2f} of the ring"

    wait_for(f"{best} to win", missing)


@pytest.fixture(scope="module")
def flows(lab):
    """Opened while new flows are spread; then the best instance gets all."""
    wait_for("metrics of all", lambda: (report(lab, None), all_known(lab))[1])
    load = traffic.Load(lab)
    assert load.ask("open", tcp=FLOWS, udp=FLOWS, interval=1.0)["opened"] == 2 * FLOWS
    check = traffic.FlowCheck(lab, load)
    assert check.opened == 2 * FLOWS
    for router in SITES:
        said = lab.configure(router, f"dyncast service {topology.SERVICE} select best")
        assert "%" not in said
    return check


def all_known(lab):
    found = show.candidates(lab, "r1")
    unknown = [n for n in INSTANCES if found.get(n, {}).get("verdict") != "ok"]
    moving = show.explain(lab, "r1").get("slotsLeft")
    return True if not unknown and not moving else f"no metrics of {unknown}, {moving}"


def test_flows_begin_everywhere(flows):
    """The other tests would prove nothing if all were at one site."""
    for name in INSTANCES:
        assert len(flows.at(name)) >= FLOWS / 20, f"{name}: {len(flows.at(name))} flows"


@pytest.mark.parametrize("best", ["d1", "b2", "a1", "d2"])
def test_winner_changes(lab, flows, best):
    """All running flows stay, all new ones go to the winner.

    The way to d1, d2 and b2 leads over core, whose own route for the service
    goes to e1 (the positive control for the encapsulation).
    """
    make_best(lab, best)
    assert show.bgp_route_to(lab, "core") == topology.loopback("e1")
    assert "encap" not in lab.cmd("core", f"ip route show {topology.SERVICE_PREFIX}")
    late = traffic.Load(lab, "late-" + best)
    opened = late.ask("open", tcp=100, udp=100, interval=0.5)["opened"]
    assert opened == 200
    check = traffic.FlowCheck(lab, late)
    assert len(check.at(best)) == opened, {n: len(check.at(n)) for n in INSTANCES}
    assert flows.expect_kept() == 2 * FLOWS
    late.stop()


def test_clear_forgets_flows(lab, flows):
    """The positive control of the whole test: without their entries, flows do
    move to the winner."""
    make_best(lab, "b1")
    stays = flows.at("b1")
    assert "cleared" in lab.vtysh("r1", "clear dyncast flows")

    def moved():
        gone = {
            (f["proto"], f["local"])
            for f in flows.load.flows()
            if f["others"] or f["broken"]
        }
        assert not gone & stays
        left = len(flows.home) - len(stays) - len(gone)
        return True if not left else f"{left} still where they were"

    wait_for("flows to move", moved)


def test_daemons_survived(lab):
    lab.expect_alive()
