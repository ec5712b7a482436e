# SPDX-License-Identifier: GPL-2.0-or-later
r"""BFD on the way to a site: a link that goes silent re-pins its flows at once.

                         rr
                          |
    c1 ------- r1 ------ core ----- 10 ----- e1 --+-- a1
             ingress  10  |  stock FRR            +-- a2
                          +---- 20, BFD ---- e2 --+-- b1
                          |                       +-- b2
                          +-------- 30 ----- e3 --+-- d1
                                                  +-- d2

No carrier is lost and no BGP session ends in time; IS-IS alone would wait for
its hold time of 4 s, BGP for 12 s.
"""

import time

import pytest

import dyncast_show as show
import dyncast_traffic as traffic
from dyncast_topology import INSTANCES, SERVICE_PREFIX, wait_for
from dyncast_vty import Vty

OTHERS = set(INSTANCES) - {"b1", "b2"}
# 3 x 200 ms of BFD, the LSP, SPF, 100 ms of waiting for what is lost with it, and
# the machine's pace
BOUND = 2.0


def adapt(router, conf):
    peer = {"core": "e2", "e2": "core"}.get(router)
    if not peer:
        return
    conf["bfdd"] = ["bfd", " profile fast", "  receive-interval 200", "  transmit-interval 200"]
    # isisd 8.4 takes them only when the interface has been given to IS-IS
    i = conf["isisd"].index(f"interface {router}-{peer}") + 1
    i += conf["isisd"][i:].index(" ipv6 router isis 1") + 1
    conf["isisd"][i:i] = [" isis bfd", " isis bfd profile fast"]


@pytest.fixture(scope="module")
def lab(lab_of):
    lab = lab_of(adapt=adapt)
    traffic.start_servers(lab)
    lab.wait_underlay()
    show.wait_candidates(lab, "r1", set(INSTANCES))
    return lab


def bfd_up(lab):
    peers = lab.json("core", "show bfd peers json")
    return True if any(p.get("status") == "up" for p in peers) else str(peers)


def set_silence(lab, on):
    """Nothing crosses the link of site 2.  On the way out: what comes in is given
    to isisd's packet socket before any filter sees it."""
    for router, link in (("core", "core-e2"), ("e2", "e2-core")):
        if not on:
            lab.cmd(router, "nft delete table netdev silent")
            continue
        lab.cmd(
            router,
            "nft add table netdev silent && nft add chain netdev silent out "
            f"'{{ type filter hook egress device \"{link}\" priority -500; policy drop; }}'",
        )


def test_silent_link(lab):
    wait_for("the BFD session", lambda: bfd_up(lab))
    load = traffic.Load(lab)
    load.ask("open", udp=120, interval=0.1)
    check = traffic.FlowCheck(lab, load)
    theirs = check.at("b1", "b2")
    assert theirs
    set_silence(lab, True)
    began = time.monotonic()
    with Vty(lab, "r1", "zebra") as zebra:

        def repinned():
            # bgpd takes them away soon after, since e2's path is unreachable too
            answer = zebra.json(f"show dyncast explain {SERVICE_PREFIX} json")
            found = {c["name"]: c["verdict"] for c in answer["candidates"]}
            left = {found[name] for name in ("b1", "b2") if name in found} - {"unresolved"}
            return True if not left else str(found)

        wait_for("no route to site 2", repinned, 10, 0.02)
    took = time.monotonic() - began
    assert took < BOUND, f"{took:.2f} s"

    def moved():
        there = {(f["proto"], f["local"]) for f in load.flows() if f["others"]}
        return True if theirs <= there else f"{len(theirs - there)} still at site 2"

    wait_for("flows of site 2 to move", moved, 10, 0.1)
    check.expect_kept(set(check.home) - theirs)
    show.wait_candidates(lab, "r1", OTHERS)
    set_silence(lab, False)
    show.wait_candidates(lab, "r1", set(INSTANCES), 60)
    load.stop()


def test_daemons_survived(lab):
    lab.expect_alive()
