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
from dyncast_topology import INSTANCES, wait_for

OTHERS = set(INSTANCES) - {"b1", "b2"}
# 3 x 100 ms of BFD, SPF, 100 ms of waiting for what is lost with it, the flows'
# own pace of 200 ms, and the machine's
BOUND = 2.0


def adapt(router, conf):
    peer = {"core": "e2", "e2": "core"}.get(router)
    if not peer:
        return
    conf["bfdd"] = ["bfd", " profile fast", "  receive-interval 100", "  transmit-interval 100"]
    i = conf["isisd"].index(f"interface {router}-{peer}")
    conf["isisd"][i + 1 : i + 1] = [" isis bfd", " isis bfd profile fast"]


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


def test_silent_link(lab):
    wait_for("the BFD session", lambda: bfd_up(lab))
    load = traffic.Load(lab)
    load.ask("open", udp=120, interval=0.1)
    check = traffic.FlowCheck(lab, load)
    theirs = check.at("b1", "b2")
    assert theirs
    for router, link in (("core", "core-e2"), ("e2", "e2-core")):
        lab.cmd(
            router,
            "nft add table netdev silent && nft add chain netdev silent in "
            f"'{{ type filter hook ingress device \"{link}\" priority -500; policy drop; }}'",
        )
    began = time.monotonic()

    def repinned():
        found = show.candidates(lab, "r1")
        return all(found[name]["verdict"] == "no route" for name in ("b1", "b2")) or str(
            {name: found[name]["verdict"] for name in ("b1", "b2")}
        )

    wait_for("no route to site 2", repinned, 10, 0.02)
    took = time.monotonic() - began
    assert took < BOUND, f"{took:.2f} s"

    def moved():
        there = {(f["proto"], f["local"]) for f in load.flows() if f["others"]}
        return True if theirs <= there else f"{len(theirs - there)} still at site 2"

    wait_for("flows of site 2 to move", moved, 10, 0.1)
    check.expect_kept(set(check.home) - theirs)
    show.wait_candidates(lab, "r1", OTHERS)
    for router in ("core", "e2"):
        lab.cmd(router, "nft delete table netdev silent")
    show.wait_candidates(lab, "r1", set(INSTANCES), 60)
    load.stop()


def test_daemons_survived(lab):
    lab.expect_alive()
