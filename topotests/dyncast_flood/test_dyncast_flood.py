# SPDX-License-Identifier: GPL-2.0-or-later
r"""10,000 flows stay while packets with forged sources flood the ingress.

                         rr  stock FRR: route reflector, add-path
                          |
    c1 ------- r1 ------ core ----- 10 ----- e1 --+-- a1
             ingress  10  |  stock FRR            +-- a2
                          +-------- 20 ----- e2 --+-- b1
                          |                       +-- b2
                          +-------- 30 ----- e3 --+-- d1
                                                  +-- d2

The flood comes from c1 and goes to the service itself: a million SYNs and
datagrams, each from a source of its own, while the ring is at rest; then
sources that speak twice, so that they want entries, while it moves.
"""

import pytest

import dyncast_show as show
import dyncast_topology as topology
from dyncast_flows import Flows, Reports, Servers, finish, flood
from dyncast_topology import INSTANCES, SITES, wait_for

FLOWS = 5000  # TCP, and as many UDP
INTERVAL_MS = 5000
FLOOD = 500000  # SYNs, and as many datagrams
FORGED = "198.1"  # how the forged addresses begin
SERVICE = f"dyncast service {topology.SERVICE}"


@pytest.fixture(scope="module")
def lab(lab_of):
    lab = lab_of()
    lab.wait_underlay()
    lab.servers = Servers(lab)
    lab.reports = Reports(lab, delayUs=Reports.FAST_US)
    yield lab
    lab.reports.stop()


@pytest.fixture(scope="module")
def flows(lab):
    show.wait_rest(lab, "r1")
    flows = Flows(lab.servers)
    assert len(flows.open(tcp=FLOWS, udp=FLOWS, interval=INTERVAL_MS)) == 2 * FLOWS
    assert flows.expect_kept() == 2 * FLOWS
    for name in INSTANCES:
        assert len(flows.at(name)) >= FLOWS / 10, f"{name}: {len(flows.at(name))} flows"
    return flows


def gained(lab, before):
    """What the counters of r1's program have gained."""
    now = show.counters(lab, "r1")
    return {name: now[name] - before[name] for name in now if name.startswith("flow")}


def test_a_million_at_rest(lab, flows):
    """Single packets: none gets an entry, all are counted, no flow moves."""
    before, strangers = show.counters(lab, "r1"), lab.servers.strangers()
    floods = [flood(lab, "syn", FLOOD), flood(lab, "udp", FLOOD)]
    # in the middle of it
    assert flows.expect_kept(timeout=60) == 2 * FLOWS
    sent = sum(finish(one) for one in floods)
    assert sent == 2 * FLOOD
    assert flows.expect_kept() == 2 * FLOWS
    # the positive control: our program saw them, and servers got them
    more = gained(lab, before)
    assert more["flowNew"] >= 0.98 * sent, more
    assert more["flowProbation"] >= 0.49 * sent, more
    assert lab.servers.strangers() > strangers + FLOOD / 10
    entries = show.flows(lab, "r1")
    assert not [key for key in entries if key[1].startswith(FORGED)]
    udp = {key for key in flows.home if key[0] == "udp"}
    assert udp <= set(entries)


def test_entries_are_limited_while_the_ring_moves(lab, flows):
    """Forged sources that speak twice get entries, but only so many a second;
    flows that need one because their slot moves keep their instance."""
    for router in SITES:
        assert "%" not in lab.configure(router, f"{SERVICE} select best")
    before = show.counters(lab, "r1")
    floods = [
        flood(lab, "udp", FLOOD, repeat=2),
        flood(lab, "syn", FLOOD // 2, rate=50000),
        flood(lab, "ack", FLOOD // 2, rate=50000),
    ]
    winners = 0
    for best in ("d1", "b2", "a1"):
        lab.reports.favour(best)
        show.wait_all(lab, "r1", [best])
        assert flows.expect_kept(timeout=60) == 2 * FLOWS
        winners += any(one.popen.poll() is None for one in floods)
    for one in floods:
        finish(one)
    assert winners, "the flood was over before the ring had moved once"
    more = gained(lab, before)
    assert more["flowLimited"] > 0 and more["flowProbation"] > FLOOD / 2, more
    assert [key for key in show.flows(lab, "r1") if key[1].startswith(FORGED)]
    assert flows.expect_kept() == 2 * FLOWS


def test_the_checker_sees_moves(lab, flows):
    """The positive control of both: without their entries they move."""
    lab.reports.favour("d2")
    show.wait_all(lab, "r1", ["d2"])
    stay = flows.at("d2")
    said = lab.vtysh("r1", "clear dyncast flows")
    assert "cleared" in said

    def moved():
        gone = flows.gone()
        assert not gone & stay
        left = set(flows.home) - stay - gone
        return f"{len(left)} still where they were" if left else True

    wait_for("flows to move", moved)


def test_daemons_survived(lab):
    lab.expect_alive()
