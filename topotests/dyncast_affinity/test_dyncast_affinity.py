# SPDX-License-Identifier: GPL-2.0-or-later
r"""1,000 TCP and 1,000 UDP flows stay where they are, whatever changes.

                         rr  stock FRR: route reflector, add-path
                          |
    c1 ------- r1 ------ core ----- 10 ----- e1 --+-- a1
             ingress  10  |  stock FRR            +-- a2
                          +-------- 20 ----- e2 --+-- b1
                          |                       +-- b2
                          +-------- 30 ----- e3 --+-- d1
                                                  +-- d2

Fifty times new flows are sent elsewhere -- the winner takes all by its report
or by the IGP, a winner is drained, all share again -- and in between daemons
are killed with -9, in the middle of a change.  The path goes over the stock
core, which would send every plain packet for the service to e1.  Whether a flow
stayed is counted at the servers.

The service's timeout is short, so that slots come to rest between the changes.
"""

import itertools

import pytest

import dyncast_show as show
import dyncast_topology as topology
from dyncast_flows import Flows, Reports, Servers
from dyncast_topology import INSTANCES, SITES, wait_for

FLOWS = 1000
TIMEOUT = 15
CHANGES = 10  # in each of five rounds
SERVICE = f"dyncast service {topology.SERVICE}"


def adapt(router, conf):
    if router in SITES:
        conf["bgpd"].append(f"{SERVICE} affinity flow timeout {TIMEOUT}")


@pytest.fixture(scope="module")
def lab(lab_of):
    lab = lab_of(adapt=adapt)
    lab.wait_underlay()
    lab.servers = Servers(lab)
    lab.reports = Reports(lab, delayUs=Reports.FAST_US)
    lab.changes = Changes(lab)
    yield lab
    lab.reports.stop()


@pytest.fixture(scope="module")
def flows(lab):
    """Opened while new flows are spread, the ring at rest."""
    show.wait_rest(lab, "r1")
    flows = Flows(lab.servers)
    assert len(flows.open(tcp=FLOWS, udp=FLOWS)) == 2 * FLOWS
    return flows


class Changes:
    """What sends new flows elsewhere.  Each returns when r1's ring has it."""

    def __init__(self, lab):
        self.lab = lab
        self.best = "d1"
        self.metrics = {router: site.metric for router, site in SITES.items()}
        self.action = "spread"
        self.winners = itertools.cycle(["d2", "a1", "b2", "d1", "a2", "b1"])
        self.number = 0

    def next(self):
        """The next kind of change, over and over again."""
        kinds = [self.report, self.metric, self.report, self.drain, self.share]
        kind = kinds[self.number % len(kinds)]
        self.number += 1
        kind()

    def configure(self, router, line):
        said = self.lab.configure(router, line)
        assert "%" not in said, said

    def select(self, action):
        if action != self.action:
            for router in SITES:
                self.configure(router, f"{SERVICE} select {action}")
        self.action = action

    def wait_all(self, names):
        show.wait_all(self.lab, "r1", names)

    def report(self, best=None):
        """The winner takes all, for its report."""
        self.best = best or next(n for n in self.winners if n != self.best)
        self.select("best")
        self.lab.reports.favour(self.best)
        self.wait_all([self.best])

    def metric(self):
        """The winner takes all, for the IGP's metric of its site."""
        self.select("best")
        self.lab.reports.set(delayUs=Reports.FAST_US)
        site = next(r for r in SITES if self.best not in SITES[r].instances)
        for router, before in list(self.metrics.items()):
            now = 10 if router == site else 100
            if now != before:
                self.lab.set_metric("core", router, now)
            self.metrics[router] = now
        self.wait_all(SITES[site].instances)
        (self.best,) = [n for n, slots in show.weights(self.lab, "r1").items() if slots]

    def drain(self):
        """The winner is drained: another one takes all; then it is back."""
        line = f"{SERVICE} instance {self.best} drain"
        router = INSTANCES[self.best].router
        self.configure(router, line)
        self.wait_all(set(INSTANCES) - {self.best})
        self.lab.flows_stay()
        self.configure(router, "no " + line)
        self.wait_all([self.best])

    def share(self):
        """All share; what comes next does not wait for the ring to rest."""
        self.select("spread")
        self.lab.reports.set(delayUs=Reports.FAST_US)

        def missing():
            slots = show.weights(self.lab, "r1")
            return True if all(slots.get(n, 0) > 20 for n in INSTANCES) else str(slots)

        wait_for("all to share", missing)


def tcp_entries(lab):
    """TCP flows that have an entry in r1's table."""
    return [key for key in show.flows(lab, "r1") if key[0] == "tcp"]


def test_flows_begin_everywhere(flows):
    """The other tests would prove nothing if all were at one site."""
    for name in INSTANCES:
        assert len(flows.at(name)) >= FLOWS / 10, f"{name}: {len(flows.at(name))} flows"


def test_no_entry_at_rest(lab, flows):
    """The ring has come to rest: TCP flows cost nothing, also new ones.  It
    stays at rest while sites repeat what they said before."""
    ring = show.weights(lab, "r1")

    def missing():
        left = len(tcp_entries(lab))
        return f"{left} TCP entries" if left else True

    wait_for("the TCP flows to need no entry", missing, TIMEOUT + 15, 1)
    late = Flows(lab.servers, "late")
    late.open(tcp=200, udp=200)
    assert late.expect_kept() == 400
    entries = set(show.flows(lab, "r1"))
    assert not [key for key in entries if key[0] == "tcp"]
    # the positive control: UDP flows, whose beginning nobody sees, have some
    assert {key for key in late.home if key[0] == "udp"} <= entries
    late.stop()
    assert flows.expect_kept() == 2 * FLOWS
    assert show.weights(lab, "r1") == ring


KILLED = [None, ("r1", "zebra"), ("r1", "bgpd"), ("e2", "bgpd"), ("r1", "zebra")]


@pytest.mark.parametrize(
    "killed",
    KILLED,
    ids=["changes", "ingress-zebra", "ingress-bgpd", "egress-bgpd", "ingress-zebra-again"],
)
def test_changes(lab, flows, killed):
    """Fifty changes in all."""
    lab.flows_stay = flows.expect_kept
    if killed:
        kill_and_restart(lab, flows, *killed)
    before = lab.changes.number
    while lab.changes.number < before + CHANGES:
        lab.changes.next()
        if lab.changes.number % 5 == 0:
            # flows that begin when the ring is as it is now
            flows.open(tcp=10, udp=10)
        assert flows.expect_kept() == len(flows.home)


def kill_and_restart(lab, flows, router, daemon):
    """In the middle of a change: after a change of everything the ring goes on
    moving for some seconds."""
    lab.changes.share()
    lab.kill_daemon(router, daemon)
    assert lab.daemon_pid(router, daemon) is None
    # flows go on while it is dead: the kernel steers
    assert flows.expect_kept() == len(flows.home)
    if router in SITES:
        # the others still decide
        for best in ("a1", "d1"):
            lab.changes.report(best)
            assert flows.expect_kept() == len(flows.home)
    lab.restart_daemon(router, daemon)
    if router in SITES:
        wait_for("its agent socket", lambda: reconnected(lab, router))
    show.wait_recovered(lab, router)
    assert flows.expect_kept() == len(flows.home)


def reconnected(lab, router):
    try:
        lab.reports.connect(router)
    except OSError as error:
        return str(error)
    return True


def test_new_flows_follow(lab, flows):
    """The positive control of the changes: all new flows go to the winner.

    The way to it leads over core, whose own route for the service goes to
    another site (the positive control for the encapsulation).
    """
    lab.changes.report("d2")
    assert show.bgp_route_to(lab, "core") != topology.loopback("e3")
    assert "encap" not in lab.cmd("core", f"ip route show {topology.SERVICE_PREFIX}")
    late = Flows(lab.servers, "late")
    late.open(tcp=100, udp=100)
    assert len(late.at("d2")) == 200, {n: len(late.at(n)) for n in INSTANCES}
    late.stop()
    assert flows.expect_kept() == len(flows.home)


def test_one_of_six_killed(lab, flows):
    """Its flows break or move, no other."""
    lab.changes.share()
    theirs = flows.at("b1")
    others = set(flows.home) - theirs
    assert len(theirs) >= FLOWS / 10
    lab.servers.kill("b1")
    lab.reports.set("b1", state="down", reason="killed")

    def missing():
        gone = flows.gone()
        assert not gone & others, f"of others: {flows.tell(gone & others)}"
        left = theirs - gone
        return f"{len(left)} of {len(theirs)} neither broke nor moved" if left else True

    wait_for("flows of b1 to break or move", missing)
    assert flows.expect_kept(others) == len(others)


def test_clear_forgets_flows(lab, flows):
    """The positive control of the whole test: without their entries, in slots
    that have just moved, flows do move to the winner."""
    gone_before = flows.gone()
    lab.changes.report("a2")
    stay = flows.at("a2") - gone_before
    others = set(flows.home) - stay - gone_before
    assert stay and others
    assert "cleared" in lab.vtysh("r1", "clear dyncast flows")

    def moved():
        gone = flows.gone()
        assert not gone & stay
        left = others - gone
        return f"{len(left)} still where they were" if left else True

    wait_for("flows to move", moved)


def test_daemons_survived(lab):
    lab.expect_alive()
