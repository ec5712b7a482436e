# SPDX-License-Identifier: GPL-2.0-or-later
r"""zebra and bgpd of one router start, stop and die in every order.

    e1 ---- r1        both with the modules, iBGP

After each order r1's zebra has what r1's bgpd knows, and e1's SIDs are told:
hello, epoch and resynchronisation of lib/msg.h.
"""

import itertools

import pytest

from dyncast_agentline import AgentSocket
from dyncast_lan import LanLab, PREFIX, Router, candidates, neighbor
from dyncast_topology import end_processes, wait_for
from dyncast_vty import Vty

ASN = 65000
SERVICE = "web"
# whose site a new zebra does not know, it keeps for so long
HOLD = 30


@pytest.fixture(scope="module")
def lab(request):
    e1 = Router(1, bgp=neighbor("10.50.0.2", ASN))
    e1.bgpd = [
        f"dyncast locator {e1.locator}",
        f"dyncast service {SERVICE} prefix {PREFIX}",
        f"dyncast service {SERVICE} instance i1 address 10.50.0.21 capacity 100 sid 1",
        f"dyncast service {SERVICE} instance i2 address 10.50.0.22 capacity 100 sid 2",
    ]
    r1 = Router(2, bgp=neighbor("10.50.0.1", ASN), zebra=[f"dyncast hold {HOLD}"])
    lab = LanLab(request.module.__name__, {"e1": e1, "r1": r1}, {"a1": 21, "a2": 22})
    request.addfinalizer(lab.stop)
    lab.start()
    agreed(lab, "e1")
    agreed(lab, "r1")
    return lab


def view(lab, router):
    """What zebra_dyncast knows of the service: {name: (down, drain, capacity)}"""
    answer = lab.json(router, f"show dyncast explain {PREFIX} json")
    return {c["name"]: c for c in answer.get("candidates", [])}


def agreed(lab, router, names=("i1", "i2")):
    def missing():
        if not lab.json(router, "show dyncast bgp json").get("zebra", {}).get("synced"):
            return f"{router}: not synchronised"
        known = set(candidates(lab, router, PREFIX))
        zebra = set(view(lab, router))
        if known != set(names) or zebra != set(names):
            return f"{router}: bgpd knows {known}, zebra {zebra}"
        return True

    wait_for(f"{router}'s modules to agree", missing, 60)


def stop(lab, router, daemon, how):
    if how == "kill":
        lab.kill_daemon(router, daemon)
    else:
        end_processes([lab.daemon_pid(router, daemon)])


def start(lab, router, daemons):
    lab.start_daemons(router, list(daemons))


DAEMONS = ("zebra", "bgpd")
ORDERS = [
    (stops, starts, how)
    for how in ("kill", "term")
    for stops in [("bgpd",), ("zebra",), *itertools.permutations(DAEMONS)]
    for starts in itertools.permutations(stops)
]


@pytest.mark.parametrize("router", ["r1", "e1"])
@pytest.mark.parametrize(
    "stops,starts,how", ORDERS, ids=[f"{h}-{'-'.join(a)}-start-{'-'.join(b)}" for a, b, h in ORDERS]
)
def test_order(lab, router, stops, starts, how):
    before = lab.json(router, "show dyncast bgp json")["zebra"]["epoch"]
    for daemon in stops:
        stop(lab, router, daemon, how)
    for daemon in starts:
        start(lab, router, [daemon])
    if "zebra" in stops:
        # stock staticd says its routes to the new zebra only when it is new too
        stop(lab, router, "staticd", "term")
        start(lab, router, ["staticd"])
    agreed(lab, router)
    agreed(lab, "r1")
    after = lab.json(router, "show dyncast bgp json")["zebra"]["epoch"]
    assert before != after, "a new conversation"


def test_change_while_zebra_is_away(lab):
    """What changed meanwhile is what the new zebra gets; what went is gone, after
    the hold time, since of whose site that was nothing is left."""
    stop(lab, "r1", "zebra", "kill")
    lab.configure("e1", f"no dyncast service {SERVICE} instance i2")
    with AgentSocket(lab, "e1", SERVICE) as agent:
        agent.report("i1", capacity=777)
        wait_for(
            "r1's bgpd to know",
            lambda: [c["capacity"] for c in candidates(lab, "r1", PREFIX).values()] == [777],
            20,
        )
        start(lab, "r1", ["zebra"])
        agreed(lab, "r1", ("i1",))
        assert view(lab, "r1")["i1"]["capacity"] == 777


def test_bgpd_restarts_together_with_its_peer(lab):
    for router in ("e1", "r1"):
        stop(lab, router, "bgpd", "kill")
    for router in ("r1", "e1"):
        start(lab, router, ["bgpd"])
    agreed(lab, "e1")
    agreed(lab, "r1")


def test_first_word_has_all_instances(lab):
    """e1 starts while one of its hosts is late to answer: r1 never hears of the
    other one alone, since it would take this one's flows away."""
    for daemon in ("bgpd", "zebra"):
        stop(lab, "e1", daemon, "kill")
    wait_for("r1's bgpd to forget", lambda: not candidates(lab, "r1", PREFIX), 30)
    lab.cmd("a2", "ip link set a2-lan down")
    lab.cmd("e1", "ip neigh flush dev e1-lan")
    for daemon in ("zebra", "bgpd"):
        start(lab, "e1", [daemon])
    stop(lab, "e1", "staticd", "term")
    start(lab, "e1", ["staticd"])
    heard = []
    with Vty(lab, "r1", "bgpd") as bgpd, Vty(lab, "e1", "bgpd") as here:

        def first():
            answer = here.json("show dyncast instance json")["instances"]
            if any(i["name"] == "i1" and i["advertised"] for i in answer):
                lab.cmd("a2", "ip link set a2-lan up")
            services = bgpd.json(f"show dyncast service {PREFIX} json").get("services", [])
            heard[:] = [c["name"] for s in services for c in s["candidates"]]
            return bool(heard) or "nothing heard"

        wait_for("r1's bgpd to hear of e1", first, 30, 0.02)
    assert sorted(heard) == ["i1", "i2"]
    lab.cmd("a2", "ip link set a2-lan up")
    agreed(lab, "e1")
    agreed(lab, "r1")
