# SPDX-License-Identifier: GPL-2.0-or-later
r"""Several ingresses, sites that are ingress and egress, reflectors in a ring.

                        rr --- rr2 --- rr3 --- rr   (sessions; links to core)

    c1 --+---- r1 ------ core ----- 10 ----- e1 --+-- a1, a2
         |  ingress  10  |                        +-- k1  a client, too
         +---- r2 --------+-------- 20 ----- e2 --+-- b1, b2
            ingress  10   |                       +-- k2  a client, too
                          +-------- 30 ----- e3 --+-- d1, d2

c1 is on one of its links at a time.  r2 hears of the sites through two
reflectors one behind the other, all others from a redundant pair.
"""

import re
import time
from collections import Counter

import pytest

import dyncast_show as show
import dyncast_topology as topology
from dyncast_capture import UDP, Capture
from dyncast_flows import Flows, Reports, Servers
from dyncast_mesh import MESH, MeshLab
from dyncast_topology import CLIENT_ADDRESSES, INSTANCES, SITES, wait_for
from dyncast_vty import Vty

SERVICE = f"dyncast service {topology.SERVICE}"
INGRESSES = ["r1", "r2", "e1", "e2"]
TIMEOUT = 6
REPEAT = 10  # DYNCAST_REFRESH_MS of bgpd_dyncast


def adapt(router, conf):
    if router in SITES:
        conf["bgpd"].append(f"{SERVICE} affinity flow timeout {TIMEOUT}")


@pytest.fixture(scope="module")
def lab(lab_of):
    lab = lab_of(MeshLab, adapt=adapt)
    lab.cmd("c1", "ip link set c1-r2 down")
    lab.wait_underlay()
    lab.servers = Servers(lab)
    lab.reports = Reports(lab, delayUs=Reports.FAST_US)
    for router in INGRESSES:
        show.wait_rest(lab, router)
    yield lab
    lab.reports.stop()


# -- a client that moves -----------------------------------------------------


def move_client(lab, old, new):
    """c1 leaves the network of one ingress and joins the other's."""
    lab.cmd("c1", f"ip link set c1-{old} down; ip addr flush dev c1-{old}")
    add = [f"ip addr add {address}/24 dev c1-{new}" for address in CLIENT_ADDRESSES]
    lab.cmd("c1", "; ".join([f"ip link set c1-{new} up"] + add))
    lab.cmd("c1", f"ip route replace default via {topology.CLIENT_GATEWAY} dev c1-{new}")
    network = topology.CLIENT_GATEWAY.rsplit(".", 1)[0] + ".0/24"

    def missing():
        route = lab.cmd("core", f"ip route show {network}")
        return True if f"core-{new}" in route and f"core-{old}" not in route else route

    wait_for(f"the network to be behind {new}", missing)


@pytest.fixture(scope="module")
def flows(lab):
    """Opened by r1, all rings at rest: a slot that has moved within the timeout
    takes a connection that it does not know for one of before."""
    for router in ("r2", "r1"):
        show.wait_rest(lab, router, still=TIMEOUT + 2)
    flows = Flows(lab.servers)
    flows.open(tcp=500, udp=500)
    assert all(flows.at(name) for name in INSTANCES)
    return flows


def test_client_moves(lab, flows):
    """The other ingress has never heard of the flows, and keeps all of them,
    since it has made the same ring."""
    assert show.weights(lab, "r1") == show.weights(lab, "r2")
    ring, before = show.weights(lab, "r2"), show.counters(lab, "r2")["packetsSteered"]
    move_client(lab, "r1", "r2")
    assert flows.expect_kept() == 1000
    assert show.counters(lab, "r2")["packetsSteered"] - before >= 1000
    move_client(lab, "r2", "r1")
    assert flows.expect_kept() == 1000
    assert show.weights(lab, "r1") == show.weights(lab, "r2") == ring


# -- the IGP -----------------------------------------------------------------


def ring_change_time(lab, router, change):
    """Seconds from the last look at the router's IGP database of before the
    change to the first look at its ring of after it."""
    with Vty(lab, router, "isisd") as isisd, Vty(lab, router, "zebra") as zebra:

        def database():
            text = isisd.ask("show isis database")
            return re.search(r"^core\.00-00\s.*?(0x[0-9a-f]+)", text, re.M).group(1)

        def ring():
            answer = zebra.json(f"show dyncast explain {topology.SERVICE_PREFIX} json")
            return [c["slots"] for c in answer["candidates"]]

        begun, before = database(), ring()
        unchanged = time.monotonic()
        change()
        while database() == begun:
            unchanged = time.monotonic()
        while ring() == before:
            assert time.monotonic() - unchanged < 10, "the ring does not change"
        return time.monotonic() - unchanged


def test_igp_change_reaches_the_ring_within_a_second(lab, flows):
    """At least once in several times, for the machine may be busy with something
    else: what is always late never is."""
    for router in SITES:
        # as best, but without its hold of two seconds
        lab.configure(router, f"{SERVICE} select min")
    show.wait_all(lab, "r1", SITES["e1"].instances)
    took = []
    try:
        for metric in (100, 10, 100, 10, 100, 10, 100):
            change = lambda: lab.configure("core", "interface core-e1", f"isis metric {metric}")
            took.append(ring_change_time(lab, "r1", change))
            if min(took) <= 1.0 and metric == 100:
                break
        assert min(took) <= 1.0, took
        show.wait_all(lab, "r1", SITES["e2"].instances)
        assert flows.expect_kept() == 1000
    finally:
        lab.configure("core", "interface core-e1", "isis metric 10")
        for router in SITES:
            lab.configure(router, f"{SERVICE} select spread")
    show.wait_rest(lab, "r1")


# -- no loops ----------------------------------------------------------------


def test_no_loop_between_two_overloaded_sites(lab):
    """Both send to each other what comes in there; every packet crosses the
    core once and arrives once."""
    lab.reports.set(utilisation=100, delayUs=500000)
    lab.reports.set("d1", "d2", state="down", reason="test")
    sites = ("e1", "e2")
    for router in sites:
        show.wait_rest(lab, router, SITES["e1"].instances + SITES["e2"].instances)
    captures = {router: Capture(lab, "core", f"core-{router}") for router in sites}
    there = {}
    for client, (router, address) in MESH.lan_clients.items():
        there[client] = Flows(lab.servers, "flows-" + client, client, [address])
        there[client].open(tcp=100, udp=200, interval=0)
    for _ in range(5):
        for one in there.values():
            assert one.expect_kept() == 300
    packets = {router: captures[router].stop() for router in sites}

    ttls = lab.servers.ttls()
    for client, other in (("k1", "e2"), ("k2", "e1")):
        router, address = MESH.lan_clients[client]
        abroad = there[client].at(*SITES[other].instances)
        assert len(abroad) >= 30, there[client].home
        sent = {(f[0], f[1]): f[4] for f in there[client].client()}
        heard = lab.servers.seen()
        udp = [flow for flow in there[client].home if flow[0] == "udp"]
        # every packet that was sent arrived, none twice
        assert {f: sent[f] for f in udp} == {f: heard[f][there[client].home[f]] for f in udp}
        # through two routers at most, the core sees the outer header only
        assert min(ttls[flow] for flow in udp) >= 62
        for link in (router, other):
            crossed = Counter(p for p in packets[link] if p.proto == UDP and p.source == address)
            wanted = sum(sent[flow] for flow in abroad if flow[0] == "udp")
            assert sum(crossed.values()) == wanted, (client, link)
            assert set(crossed.values()) == {1}
    for one in there.values():
        one.stop()
    lab.reports.set(utilisation=10, delayUs=Reports.FAST_US, state="up")
    show.wait_rest(lab, "r1")


# -- reflectors --------------------------------------------------------------


def updates(lab):
    """UPDATEs that each router has received from each of its peers."""
    found = {}
    for router in MeshLab.routers:
        neighbors = lab.json(router, "show bgp neighbors json")
        for peer, answer in neighbors.items():
            found[router, peer] = answer["messageStats"]["updatesRecv"]
    return found


def wait_silence(lab, seconds, timeout=40):
    """Until no router has heard an UPDATE for so long; how many each session
    had had then."""
    last = {"count": None, "since": 0.0}

    def missing():
        count = updates(lab)
        if count != last["count"]:
            last.update(count=count, since=time.monotonic())
        quiet = time.monotonic() - last["since"]
        return True if quiet >= seconds else f"UPDATEs {quiet:.1f} s ago"

    wait_for("silence of BGP", missing, timeout, 0.5)
    return last["count"]


def test_reflectors_cause_no_endless_updates(lab):
    """A change goes once around; then all are silent, for as long as the agents
    are.  What an agent said after its site's last UPDATE, the site repeats within
    ten seconds; so silence is what lasts longer."""
    lab.reports.stop()
    before = wait_silence(lab, REPEAT + 2)
    # everybody hears of the sites on all ways
    for router, least in (("r1", 6), ("r2", 3), ("e3", 4)):
        (service,) = lab.json(router, "show dyncast service json")["services"]
        assert len(service["paths"]) >= least, (router, service["paths"])
    lab.reports = Reports(lab, delayUs=Reports.SLOW_US)
    wait_for(
        "the change at r2",
        lambda: show.candidates(lab, "r2")["d1"]["delayCostUs"] >= Reports.SLOW_US / 2,
    )
    lab.reports.stop()
    after = wait_silence(lab, REPEAT + 2)
    for session, count in after.items():
        # three sites, each of which says it in one or two steps and repeats it
        # once, and up to six ways to come by
        assert count - before[session] <= 60, (session, count - before[session])
    # a time in which an endless exchange would have thousands; what is told once more
    # is that the sites' metrics are stale, 30 s after the agents' last word
    for session, count in wait_silence(lab, 5).items():
        assert count - after[session] <= 60, (session, count - after[session])
    lab.reports = Reports(lab, delayUs=Reports.FAST_US)


def test_daemons_survived(lab):
    lab.expect_alive()
