# SPDX-License-Identifier: GPL-2.0-or-later
r"""A service whose instances are known from agents and from BGP alone, across
starts of bgpd and of zebra.

    agent -- e1 ---- rr ---- r1         e1 egress, r1 ingress, with the modules;
              |                         rr a stock reflector
    a1 (BGP) -+

a1 is an instance host that speaks BGP itself.
"""

import time

import pytest

from dyncast_agentline import AgentSocket
from dyncast_lan import LanLab, PREFIX, Router, Speaker, candidates, neighbor, path_state, service_of
from dyncast_topology import wait_for

ASN = 65000
A1 = "10.50.0.11"
SERVICE = "reported"
# of another service, which waits for nobody
OTHER = "10.9.0.2/32"
# of a third one, which waits, and which `network` names too
ALSO = "10.9.0.3/32"


@pytest.fixture(scope="module")
def lab(request):
    e1 = Router(1, bgp=neighbor("10.50.0.2", ASN) + neighbor(A1, 65011, "passive"))
    e1.bgp += [" no bgp network import-check", " address-family ipv4 unicast"]
    e1.bgp += [f"  network {ALSO}", " exit-address-family"]
    e1.bgpd = [
        f"dyncast locator {e1.locator}",
        f"dyncast service other prefix {OTHER}",
        "dyncast service other instance i1 address 10.50.0.21 capacity 100 sid 1",
        f"dyncast service {SERVICE} prefix {PREFIX}",
        f"dyncast service {SERVICE} instances agent within 10.50.0.30/32 max 1",
        f"dyncast service {SERVICE} instance told address {A1} capacity 100 sid 40",
        f"dyncast service {SERVICE} instance told feed bgp",
        f"dyncast service {SERVICE} instance fixed address 10.50.0.29 capacity 100 sid 41",
        f"dyncast service also prefix {ALSO}",
        "dyncast service also instances agent within 10.50.0.31/32 max 1",
        "dyncast service also instance f1 address 10.50.0.28 capacity 100 sid 50",
    ]
    client = ("route-reflector-client", "addpath-tx-all-paths")
    rr = Router(2, modules=False, bgp=neighbor("10.50.0.1", ASN, *client))
    rr.bgp += neighbor("10.50.0.3", ASN, *client)
    r1 = Router(3, bgp=neighbor("10.50.0.2", ASN))
    # whoever has no candidates at all does not look at plain paths
    r1.bgpd = [f"dyncast service here prefix {ALSO}"]
    r1.bgpd += ["dyncast service here instance l1 address 10.50.0.27 capacity 100"]
    lab = LanLab(request.module.__name__, {"e1": e1, "rr": rr, "r1": r1}, {"a1": 11})
    request.addfinalizer(lab.stop)
    lab.start()
    # whoever does not answer ARP is told of as down
    owned = [f"10.50.0.{n}/32" for n in (21, 27, 28, 29, 30)]
    lab.cmd("a1", "; ".join(f"ip addr add {a} dev a1-lan" for a in owned))
    wait_for("candidates", lambda: set(candidates(lab, "r1", OTHER)) == {"i1"}, 40)
    return lab


def verdicts(lab, router, prefix=PREFIX):
    """What zebra makes of a service's instances: {name: verdict}"""
    answer = lab.json(router, f"show dyncast explain {prefix} json")
    return {c["name"]: c["verdict"] for c in answer.get("candidates", [])}


def speak_again(lab):
    """What an agent and a BGP-speaking instance say of the other service."""
    agent = AgentSocket(lab, "e1", SERVICE)
    agent.report("brought", state="up", address="10.50.0.30", sid=42, capacity=100)
    agent.report("fixed", state="drain")
    host = Speaker(lab, "a1", "10.50.0.1", A1, 65011, "--external").wait()
    host.announce(PREFIX)
    return agent, host


def wait_used(lab):
    for router in ("e1", "r1"):
        found = lambda: [verdicts(lab, router).get(n) for n in ("brought", "told", "fixed")]
        want = ["no metrics", "no metrics", "drain"]
        wait_for(f"{router} to use them", lambda: found() == want or found(), 30)


def removals(lab, router):
    history = lab.json(router, f"show dyncast history {PREFIX} json")["changes"]
    return len([change for change in history if change["cause"] == "removed"])


def test_bgpd_restarts(lab):
    """What agents and a feed had said is unknown to the new bgpd: nobody takes
    their instances for removed, or the drained one for up, until they have
    spoken again."""
    routers = {"e1": "nor any other", "r1": "as all others"}

    def synchronised():
        status = lab.json("e1", "show dyncast forwarding json").get("bgpd", {})
        return status.get("synchronised") or status

    # it waits for ten seconds, in which a machine that is busy may not be there
    for _ in range(3):
        agent, host = speak_again(lab)
        wait_used(lab)
        before = [removals(lab, router) for router in routers]
        lab.kill_daemon("e1", "bgpd")
        host.stop()
        agent.close()
        began = time.monotonic()
        lab.restart_daemon("e1", "bgpd")
        wait_for("zebra to have what bgpd knows", synchronised)
        # the other service waits for nobody
        usable = lambda: "held" not in verdicts(lab, "r1", OTHER).values()
        wait_for("BGP to have what bgpd knows", lambda: usable() or verdicts(lab, "r1", OTHER))
        found = {router: verdicts(lab, router) for router in routers}
        explained = {
            router: lab.json(router, f"show dyncast explain {PREFIX} json")
            for router in routers
        }
        agent, host = speak_again(lab)
        in_time = time.monotonic() - began < 9
        wait_used(lab)
        host.stop()
        agent.close()
        if in_time:
            break
    else:
        pytest.skip("bgpd's start and BGP took longer than it waits, three times")
    for router, why in routers.items():
        assert set(found[router].values()) == {"held"}, router
        kept = [c["reason"] for c in explained[router]["candidates"] if c["name"] != "fixed"]
        assert [why in reason for reason in kept] == [True, True], explained[router]
    assert [removals(lab, router) for router in routers] == before


def test_users_own_path_comes_first(lab):
    """bgpd tells of the user's own path at once, and of the module's when zebra
    and agents have spoken: until then the site says nothing of its instances."""
    used = lambda: "f1" in candidates(lab, "r1", ALSO) and verdicts(lab, "r1", ALSO)
    both = lambda f1: {"l1": "no metrics", "f1": f1}
    wait_for("r1 to use both", lambda: used() == both("no metrics") or used(), 30)
    lab.kill_daemon("e1", "bgpd")
    wait_for("r1 to hold it", lambda: verdicts(lab, "r1", ALSO) == both("held"), 30)
    lab.restart_daemon("e1", "bgpd")
    kept = []

    def told_of():
        kept.append("f1" in verdicts(lab, "r1", ALSO))
        return path_state(lab, "r1", ALSO, "10.50.0.2") == "metrics" or "not yet"

    wait_for("the module's path", told_of, 40)
    wait_for("its instance", lambda: used() == both("no metrics") or used(), 20)
    assert all(kept), kept


def test_zebra_restarts_too(lab):
    """It has nothing to keep, and is told at once: the SID is there before agents
    have spoken."""

    def sid_of_fixed():
        sids = lab.json("e1", "show dyncast forwarding json").get("sids", [])
        return [s for s in sids if s["address"] == "10.50.0.29"]

    state = lambda: service_of(lab, "e1", PREFIX).get("state", "")
    for _ in range(3):
        wait_for("the SID", lambda: bool(sid_of_fixed()) or "none", 20)
        lab.kill_daemon("e1", "zebra")
        lab.restart_daemon("e1", "zebra")
        wait_for("the SID", lambda: bool(sid_of_fixed()) or "none", 20)
        if state().startswith("waiting for its agents"):
            return
    assert False, f"there only when bgpd waits for nobody any more: {state()}"
