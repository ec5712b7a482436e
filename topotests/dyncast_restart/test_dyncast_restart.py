# SPDX-License-Identifier: GPL-2.0-or-later
r"""kill -9 of any daemon on the way moves no flow; a failed site moves its own.

                         rr  stock FRR: route reflector, add-path
                          |
    c1 ------- r1 ------ core ----- 10 ----- e1 --+-- a1
             ingress  10  |  stock FRR            +-- a2
                          +-------- 20 ----- e2 --+-- b1
                          |                       +-- b2
                          +-------- 30 ----- e3 --+-- d1
                                                  +-- d2

200 TCP and 200 UDP flows run all the time, with the agents of all sites; where
they are is counted at the servers.  dyncast_affinity kills the ingress's own
zebra and bgpd.
"""

import pytest

import dyncast_show as show
import dyncast_traffic as traffic
from dyncast_topology import INSTANCES, SITES, wait_for

FLOWS = 200


@pytest.fixture(scope="module")
def lab(lab_of):
    lab = lab_of()
    traffic.start_servers(lab)
    traffic.start_agents(lab)
    lab.wait_underlay()
    show.wait_candidates(lab, "r1", set(INSTANCES))
    return lab


@pytest.fixture(scope="module")
def flows(lab):
    load = traffic.Load(lab)
    assert load.ask("open", tcp=FLOWS, udp=FLOWS, interval=1.0)["opened"] == 2 * FLOWS
    check = traffic.FlowCheck(lab, load)
    assert check.opened == 2 * FLOWS
    return check


def recovered(lab, router):
    """The two modules of a router talk to each other again, and r1 steers."""
    show.wait_recovered(lab, router)
    show.wait_candidates(lab, "r1", set(INSTANCES))


@pytest.mark.parametrize(
    "router,daemon",
    [("e2", "bgpd"), ("rr", "bgpd"), ("r1", "isisd")],
    ids=["egress-bgpd", "reflector", "ingress-igp"],
)
def test_kill_and_restart(lab, flows, router, daemon):
    lab.kill_daemon(router, daemon)
    assert lab.daemon_pid(router, daemon) is None
    # flows go on while it is dead: the kernel steers
    assert flows.expect_kept() == 2 * FLOWS
    lab.restart_daemon(router, daemon)
    recovered(lab, "r1" if router == "rr" else router)
    assert flows.expect_kept() == 2 * FLOWS
    # and new ones are served
    late = traffic.Load(lab, "late")
    assert late.ask("open", tcp=60, interval=0.5)["opened"] == 60
    check = traffic.FlowCheck(lab, late)
    assert all(check.at(name) for name in INSTANCES), check.home
    late.stop()


def test_site_failure(lab, flows):
    """The link of a site is cut: its flows re-pin at once, no other moves."""
    theirs = flows.at(*SITES["e3"].instances)
    others = set(flows.home) - theirs
    assert theirs and others
    lab.set_site_link("e3", False)

    def moved():
        broken = {
            (f["proto"], f["local"])
            for f in flows.load.flows()
            if f["broken"] or f["others"]
        }
        assert not broken & others, f"{len(broken & others)} flows of others moved"
        return True if theirs <= broken else f"{len(theirs - broken)} not re-pinned"

    wait_for("the flows of e3 to re-pin", moved)
    assert flows.expect_kept(others) == len(others)
    assert show.weight_share(lab, "r1", SITES["e3"].instances) == 0
    lab.set_site_link("e3", True)
    recovered(lab, "e3")
    assert flows.expect_kept(others) == len(others)


def test_daemons_survived(lab):
    lab.expect_alive()
