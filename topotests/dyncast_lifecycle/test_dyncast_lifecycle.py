# SPDX-License-Identifier: GPL-2.0-or-later
r"""How flows begin, idle and end, in a small table.

                         rr  stock FRR: route reflector, add-path
                          |
    c1 ------- r1 ------ core ----- 10 ----- e1 --+-- a1
             ingress  10  |  stock FRR            +-- a2
                          +-------- 20 ----- e2 --+-- b1
                          |                       +-- b2
                          +-------- 30 ----- e3 --+-- d1
                                                  +-- d2

r1's table has room for 1,024 flows, which is enough but for the last test, and
a flow is forgotten after some seconds.
"""

import random
import time

import pytest

import dyncast_show as show
import dyncast_topology as topology
from dyncast_flows import Flows, Reports, Servers, finish, flood
from dyncast_topology import CLIENT_ADDRESSES, CLIENT_GATEWAY, INSTANCES, SITES, wait_for

TABLE = 1024
TIMEOUT = 12
SERVICE = f"dyncast service {topology.SERVICE}"
AFFINITY = f"{SERVICE} affinity flow timeout {TIMEOUT}"


def adapt(router, conf):
    if router in SITES:
        conf["bgpd"].append(AFFINITY)
    if router == "r1":
        conf["zebra"].append(f"dyncast flow-table size {TABLE}")


@pytest.fixture(scope="module")
def lab(lab_of):
    lab = lab_of(adapt=adapt)
    lab.wait_underlay()
    lab.servers = Servers(lab)
    lab.reports = Reports(lab, delayUs=Reports.FAST_US)
    yield lab
    lab.reports.stop()


def at_sites(lab, line):
    for router in SITES:
        said = lab.configure(router, line)
        assert "%" not in said, said


def share(lab):
    """All new flows are spread; the ring rests."""
    lab.reports.set(delayUs=Reports.FAST_US)
    at_sites(lab, f"{SERVICE} select spread")
    show.wait_rest(lab, "r1")


def favour(lab, best):
    """All new flows go to `best`."""
    at_sites(lab, f"{SERVICE} select best")
    lab.reports.favour(best)
    show.wait_all(lab, "r1", [best])


def without_entry(lab, flows):
    return set(flows) - set(show.flows(lab, "r1"))


@pytest.fixture(scope="module")
def flows(lab):
    """Some that run all the time."""
    share(lab)
    flows = Flows(lab.servers)
    flows.open(tcp=100, udp=100)
    assert all(flows.at(name) for name in INSTANCES)
    return flows


def test_ends(lab, flows):
    """Closed connections are forgotten in a quarter of the time, idle flows
    when it is over, all others never.  Forged ends of connections end nothing:
    these go on to speak."""
    closing, idle = Flows(lab.servers, "closing"), Flows(lab.servers, "idle")
    closing.open(tcp=100)
    idle.open(tcp=100, udp=50, interval=0)
    favour(lab, "b2")
    # each has an entry now, but for those that are where the ring says
    assert idle.expect_kept() == 150
    assert closing.expect_kept() == 100
    since = time.monotonic()
    elsewhere = set(closing.home) - closing.at("b2")
    assert not without_entry(lab, idle.home)
    assert not without_entry(lab, elsewhere)

    closing.stop()
    ours = [flow for flow in sorted(flows.home) if flow[0] == "tcp"][:8]
    for (_, local), kind in zip(ours, 4 * ["rst", "fin"]):
        assert finish(flood(lab, kind, 1, source=local)) == 1

    def entries_gone(keys, what):
        wait_for(
            f"the entries of {what} to go",
            lambda: not set(keys) & set(show.flows(lab, "r1")) or "not all",
            2 * TIMEOUT,
            0.2,
        )

    entries_gone(closing.home, "closed connections")
    if time.monotonic() - since < TIMEOUT:
        assert not without_entry(lab, idle.home)
    assert flows.expect_kept() == 200
    entries_gone(idle.home, "idle flows")
    assert flows.expect_kept() == 200
    # the positive control: forgotten flows are placed anew when they speak
    idle.ask("round 5000")
    assert len(idle.gone()) >= 100
    idle.stop()


def test_ingress_flaps(lab, flows):
    lab.cmd("r1", "ip link set r1-c1 down")
    lab.cmd("r1", "ip link set r1-c1 up")
    assert flows.expect_kept() == 200
    favour(lab, "d1")
    assert flows.expect_kept() == 200


def test_uplink_flaps(lab, flows):
    """All routes to all instances are lost, and come again."""
    lab.cmd("r1", "ip link set r1-core down")
    wait_for(
        "the routes to be lost",
        lambda: "2001:db8:e" not in lab.cmd("r1", "ip -6 route show proto isis"),
        10,
    )
    lab.cmd("r1", "ip link set r1-core up")
    assert flows.expect_kept(timeout=40) == 200
    share(lab)
    assert flows.expect_kept() == 200


def test_ingress_comes_anew(lab, flows):
    """The interface is deleted, and another one of its name made."""
    favour(lab, "a1")
    assert flows.expect_kept() == 200
    (before,) = show.forwarding(lab, "r1")["ingress"]
    assert before["attached"]
    lab.cmd("r1", "ip link del r1-c1")
    wait_for(
        "r1 to miss it",
        lambda: not show.forwarding(lab, "r1")["ingress"][0]["attached"],
    )
    peer = f"peer name c1-r1 netns {lab.node('c1').pid}"
    lab.cmd("r1", f"ip link add r1-c1 type veth {peer}")
    lab.cmd("r1", "ip link set r1-c1 up")
    add = [f"ip addr add {address}/24 dev c1-r1" for address in CLIENT_ADDRESSES]
    lab.cmd("c1", "; ".join(["ip link set c1-r1 up"] + add))
    lab.cmd("c1", f"ip route replace default via {CLIENT_GATEWAY}")

    def attached():
        (now,) = show.forwarding(lab, "r1")["ingress"]
        return now["attached"] and now["ifindex"] != before["ifindex"]

    wait_for("r1 to steer on the new interface", attached)
    steered = show.counters(lab, "r1")["packetsSteered"]
    assert flows.expect_kept() == 200
    assert show.counters(lab, "r1")["packetsSteered"] >= steered + 200


class Noise:
    """Reports each ten milliseconds that say something else each time."""

    def __init__(self, lab):
        self.random = random.Random(1)
        lab.reports.set(delayUs=Reports.FAST_US)
        self.before, lab.reports.EVERY = lab.reports.EVERY, 0.01
        self.lab = lab

    def run(self, low, high, seconds):
        """Delays between low and high; the slots of each instance, meanwhile."""
        seen = []
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            for name in INSTANCES:
                self.lab.reports.metrics[name]["delayUs"] = self.random.randint(low, high)
            if len(seen) < 50 * (time.monotonic() + seconds - until):
                seen.append(show.weights(self.lab, "r1"))
        return seen


def test_noisy_metrics(lab, flows):
    """Metrics each 10 ms: bounded UPDATEs, a calm ring, pinned flows."""
    share(lab)
    noise = Noise(lab)
    rr = topology.loopback("rr")

    def updates():
        answer = lab.json("r1", f"show bgp neighbors {rr} json")
        return answer[rr]["messageStats"]["updatesRecv"]

    try:
        # below the threshold of ten percent: as good as nothing
        start, count, began = show.weights(lab, "r1"), updates(), time.monotonic()
        seen = noise.run(1950, 2050, 4)
        assert updates() - count <= 3 * (1 + (time.monotonic() - began) / 10)
        assert all(abs(slots[n] - start[n]) <= start[n] / 8 for slots in seen for n in start)
        # by a factor of four: one in each interval of 200 ms from each site
        count, began = updates(), time.monotonic()
        seen = noise.run(1000, 4000, 5)
        assert 10 <= updates() - count <= 3 * (1 + (time.monotonic() - began) / 0.2)
        assert all(start[n] / 3 <= slots[n] <= start[n] * 3 for slots in seen for n in start)
    finally:
        lab.reports.EVERY = noise.before
    assert flows.expect_kept() == 200


def homes_of_sources(flows):
    homes = {}
    for (_, local), name in flows.home.items():
        homes.setdefault(local.split(":")[0], set()).add(name)
    return homes


def test_source_affinity(lab, flows):
    """All that one client sends stays on one instance: many connections, those
    of later too, across changes and a restart of zebra."""
    flows.stop()
    share(lab)
    at_sites(lab, f"{SERVICE} affinity source timeout {TIMEOUT}")

    def told():
        (service,) = lab.json("r1", "show dyncast service json")["services"]
        return service["affinity"] == "source"

    wait_for("zebra of r1 to be told", told)
    first = Flows(lab.servers, "sources")
    first.open(tcp=80, udp=80)
    homes = homes_of_sources(first)
    assert all(len(names) == 1 for names in homes.values()), homes
    assert len(set.union(*homes.values())) >= 2
    best = next(n for n in INSTANCES if {n} not in homes.values())
    favour(lab, best)
    first.open(tcp=40, udp=40)
    assert homes_of_sources(first) == homes
    lab.kill_daemon("r1", "zebra")
    assert first.expect_kept() == 240
    lab.restart_daemon("r1", "zebra")
    show.wait_recovered(lab, "r1")
    first.open(tcp=40, udp=40)
    assert homes_of_sources(first) == homes
    assert first.expect_kept() == 320
    first.stop()


def wait_stateless(lab):
    """Until the slots have been at rest for the timeout: no TCP flow needs an
    entry then."""
    probe = Flows(lab.servers, "probe")
    probe.open(tcp=100)

    def missing():
        left = len(set(probe.home) & set(show.flows(lab, "r1")))
        return f"{left} entries" if left else True

    wait_for("slots at rest", missing, 2 * TIMEOUT, 0.5)
    probe.stop()


def test_table_full(lab):
    """Three times as many flows as it holds.  While the ring rests, an entry
    that is pushed out costs nothing; when it moves, TCP flows of before stay."""
    at_sites(lab, AFFINITY)
    share(lab)
    wait_stateless(lab)
    assert show.counters(lab, "r1")["flowTableSize"] == TABLE
    flows = Flows(lab.servers, "full")
    flows.open(tcp=1000, udp=2000)
    for _ in range(4):
        assert flows.expect_kept() == 3000
    tcp = {flow for flow in flows.home if flow[0] == "tcp"}
    assert len(without_entry(lab, set(flows.home) - tcp)) >= 2000 - TABLE
    favour(lab, "d2")
    assert len(without_entry(lab, tcp)) > 0
    assert flows.expect_kept(tcp) == 1000
    flows.stop()


def test_daemons_survived(lab):
    lab.expect_alive()
