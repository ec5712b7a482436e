# SPDX-License-Identifier: GPL-2.0-or-later
r"""Sources of metrics, and when they are told: counted where they arrive.

    agents -- e1 ---- rr ---- r1        e1 egress, r1 ingress, with the modules;
              |       |                 rr a stock reflector
    a1 (BGP) -+       +---- s1          s1 a raw speaker that counts UPDATEs

a1 is an instance host that speaks BGP itself.
"""

import json
import os
import re
import time

import pytest

import dyncast_attr as em
from dyncast_agentline import AgentSocket
from dyncast_lan import LanLab, PREFIX, Router, Speaker, candidates, neighbor, service_of
from dyncast_topology import wait_for
from dyncast_vty import Vty

ASN = 65000
A1, S1 = "10.50.0.11", "10.50.0.12"
SERVICE = "web"
FLAPPING = "10.9.0.78/32"


@pytest.fixture(scope="module")
def lab(request):
    e1 = Router(1, bgp=neighbor("10.50.0.2", ASN) + neighbor(A1, 65011, "passive"))
    e1.bgpd = [
        f"dyncast locator {e1.locator}",
        f"dyncast service {SERVICE} prefix {PREFIX}",
        f"dyncast service {SERVICE} advertise interval 500 threshold 10",
        f"dyncast service {SERVICE} instance i1 address 10.50.0.21 capacity 100 sid 1",
        f"dyncast service {SERVICE} instance i2 address 10.50.0.22 capacity 100 sid 2",
    ]
    client = ("route-reflector-client", "addpath-tx-all-paths")
    rr = Router(2, modules=False, bgp=neighbor("10.50.0.1", ASN, *client))
    rr.bgp += neighbor("10.50.0.3", ASN, *client) + neighbor(S1, ASN, "passive", *client[:1])
    r1 = Router(3, bgp=neighbor("10.50.0.2", ASN))
    lab = LanLab(request.module.__name__, {"e1": e1, "rr": rr, "r1": r1}, {"a1": 11, "s1": 12})
    request.addfinalizer(lab.stop)
    lab.start()
    # whoever does not answer ARP is told of as down
    owned = [f"10.50.0.{n}/32" for n in (21, 22, 28, 29, 30, *range(101, 141))]
    lab.cmd("a1", "; ".join(f"ip addr add {a} dev a1-lan" for a in owned))
    wait_for("candidates", lambda: set(candidates(lab, "r1", PREFIX)) == {"i1", "i2"}, 40)
    return lab


@pytest.fixture(scope="module")
def s1(lab):
    return Speaker(lab, "s1", "10.50.0.2", S1, ASN).wait()


@pytest.fixture
def agent(lab):
    with AgentSocket(lab, "e1", SERVICE) as agent:
        yield agent


@pytest.fixture(autouse=True)
def all_well(lab):
    yield
    for (router, daemon), pid in lab.pids.items():
        assert lab.daemon_pid(router, daemon) == pid, f"{router}: {daemon} died"


def learnt(lab, name, key):
    return candidates(lab, "r1", PREFIX).get(name, {}).get(key)


def wait_learnt(lab, name, key, value, timeout=10):
    wait_for(
        f"{key} of {name} to be {value}",
        lambda: learnt(lab, name, key) == value or str(candidates(lab, "r1", PREFIX)),
        timeout,
    )


def said(speaker):
    """UPDATEs for the service that reached the speaker since the last question."""
    return [u for u in speaker.updates() if PREFIX in u["announced"]]


def configure(lab, *lines):
    said_by_vtysh = lab.configure("e1", *lines)
    assert "%" not in said_by_vtysh, said_by_vtysh


def local(lab, name):
    for instance in lab.json("e1", "show dyncast instance json")["instances"]:
        if instance.get("local") and instance["name"] == name:
            return instance
    return None


# -- signalling ---------------------------------------------------------------


def test_flood_of_reports(lab, s1, agent):
    """D2: 10,000 reports a second leave as the interval allows, and no more."""
    agent.report("i1", delayUs=1000)
    wait_learnt(lab, "i1", "delayUs", 1000)
    before = lab.json("e1", "show dyncast bgp json")["agents"]["lines"]
    said(s1)
    begin = time.monotonic()
    total = 0
    while time.monotonic() - begin < 5:
        lines = b""
        for _ in range(100):
            total += 1
            report = {"service": SERVICE, "instance": "i1", "delayUs": 1000 + 7919 * total % 90000}
            lines += json.dumps(report).encode() + b"\n"
        agent.send(lines)
        time.sleep(max(0, begin + total / 10000 - time.monotonic()))
    agent.report("i1", delayUs=500000)
    wait_learnt(lab, "i1", "delayUs", 500000)
    updates = said(s1)
    took = time.monotonic() - begin
    lines = lab.json("e1", "show dyncast bgp json")["agents"]["lines"] - before
    assert lines == total + 1, "every report was read"
    assert total >= 25000, "the flood was one"
    assert 5 <= len(updates) <= took / 0.5 + 2, f"{len(updates)} UPDATEs in {took:.1f} s"


def test_noise_makes_no_update(lab, s1, agent):
    """Below the threshold nothing leaves; past it one UPDATE does."""
    agent.report("i1", delayUs=10000, utilisation=50)
    wait_learnt(lab, "i1", "delayUs", 10000)
    wait_learnt(lab, "i1", "utilisation", 50.0)
    said(s1)
    for number in range(200):
        agent.report("i1", delayUs=10000 + 5 * (number % 100), utilisation=50 + number % 4)
    agent.report("i1", delayUs=12000, utilisation=50)
    wait_learnt(lab, "i1", "delayUs", 12000)
    assert len(said(s1)) == 1


def test_urgent_changes_do_not_wait(lab, agent):
    """Overload, drain, down and up leave at once, whatever the interval."""
    agent.report("i1", delayUs=10000, utilisation=50)
    wait_learnt(lab, "i1", "utilisation", 50.0)
    configure(lab, f"dyncast service {SERVICE} advertise interval 600000 threshold 10")
    agent.report("i1", delayUs=10000, utilisation=70)  # would wait ten minutes
    steps = [
        (dict(utilisation=96, delayUs=10000), "utilisation", 96.0),
        (dict(utilisation=60, delayUs=10000), "utilisation", 60.0),
        (dict(state="drain"), "drain", True),
        (dict(state="down"), "down", True),
        (dict(state="up"), "down", False),
    ]
    for report, key, value in steps:
        begin = time.monotonic()
        agent.report("i1", **report)
        wait_learnt(lab, "i1", key, value, 5)
        assert time.monotonic() - begin < 5
    configure(lab, f"dyncast service {SERVICE} advertise overload 65")
    agent.report("i1", delayUs=10000, utilisation=66)
    wait_learnt(lab, "i1", "utilisation", 66.0, 5)
    configure(lab, f"no dyncast service {SERVICE} advertise overload 65")
    configure(lab, f"dyncast service {SERVICE} advertise interval 500 threshold 10")
    wait_learnt(lab, "i1", "utilisation", 66.0)


def test_fast_and_back(lab):
    """bgpd's process queue collects for 2 ms, and for 50 again after `no`."""
    assert re.search(r" 50 .*process_queue", lab.vtysh("e1", "show work-queues"))
    configure(lab, "dyncast advertise fast")
    assert "dyncast advertise fast" in lab.vtysh("e1", "show running-config")
    text = lab.vtysh("e1", "show work-queues")
    assert re.search(r" 2 .*process_queue", text), text
    configure(lab, "no dyncast advertise fast")
    text = lab.vtysh("e1", "show work-queues")
    assert re.search(r" 50 .*process_queue", text), text


def test_silent_agent(lab):
    """A dead agent is no dead instance, unless the configuration says so."""
    with AgentSocket(lab, "e1", SERVICE) as agent:
        agent.report("i2", utilisation=20)
        wait_learnt(lab, "i2", "utilisation", 20.0)
    wait_for("its metrics to age", lambda: (learnt(lab, "i2", "ageMs") or 0) > 3000, 15)
    assert learnt(lab, "i2", "down") is False
    configure(lab, f"dyncast service {SERVICE} agent-timeout 2")
    wait_learnt(lab, "i2", "down", True)
    assert local(lab, "i2")["stateReason"] == "its agent is silent"
    with AgentSocket(lab, "e1", SERVICE) as agent:
        agent.report("i2", utilisation=20)
        wait_learnt(lab, "i2", "down", False)
    configure(lab, f"no dyncast service {SERVICE} agent-timeout 2")


def test_agent_that_never_spoke(lab):
    """As one that is dead when bgpd starts: to be down takes no report before."""
    lines = [
        f"dyncast service {SERVICE} instance i3 address 10.50.0.28 capacity 100 sid 3",
        f"dyncast service {SERVICE} agent-timeout 2",
    ]
    configure(lab, lines[0])
    wait_learnt(lab, "i3", "down", False)
    configure(lab, lines[1])
    wait_learnt(lab, "i3", "down", True, 20)
    assert local(lab, "i3")["stateReason"] == "no agent has reported on it"
    configure(lab, "no " + lines[1])
    wait_learnt(lab, "i3", "down", False)
    configure(lab, "no " + lines[0])
    wait_for("its end", lambda: "i3" not in candidates(lab, "r1", PREFIX))


def test_router_drain(lab):
    configure(lab, "dyncast drain")
    wait_learnt(lab, "i1", "drain", True)
    wait_learnt(lab, "i2", "drain", True)
    assert "dyncast drain" in lab.vtysh("e1", "show running-config").splitlines()
    configure(lab, "no dyncast drain")
    wait_learnt(lab, "i1", "drain", False)


# -- content ------------------------------------------------------------------


def last_attribute(s1):
    updates = []

    def came():
        updates.extend(u for u in said(s1) if em.find(u, 250))
        return bool(updates)

    wait_for("an UPDATE", came)
    return em.find(updates[-1], 250)[0]


def test_score_only(lab, s1, agent):
    """C2: nothing but the score leaves the site."""
    agent.report("i1", utilisation=30, delayUs=7777, inFlight=12)
    wait_learnt(lab, "i1", "delayUs", 7800)
    said(s1)
    configure(lab, f"dyncast service {SERVICE} advertise level score")
    wait_learnt(lab, "i1", "score", 7)
    _, value = last_attribute(s1)
    parts = em.subtlvs(value)
    assert {kind for kind, _ in parts} == {em.INSTANCE}
    for _, data in parts:
        assert data[3] == em.SCORE and data[8:20] == bytes(12) and data[4:6] == b"\0\0"
    # an ingress can place flows by it
    assert learnt(lab, "i1", "capacity") == 70
    # overload does not wait here either, though what it is seen by is hidden
    configure(lab, f"dyncast service {SERVICE} advertise interval 600000 threshold 10")
    agent.report("i1", utilisation=50)  # would wait ten minutes
    agent.report("i1", utilisation=96)
    wait_learnt(lab, "i1", "score", 0, 5)
    configure(lab, f"dyncast service {SERVICE} advertise interval 500 threshold 10")
    agent.report("i1", utilisation=30, score=2)
    wait_learnt(lab, "i1", "score", 2)
    configure(lab, f"no dyncast service {SERVICE} advertise level score")
    wait_learnt(lab, "i1", "capacity", 100)


def test_flags_and_site_figures(lab, s1):
    said(s1)
    configure(lab, "dyncast site preference 5", "dyncast site id 9")
    flags, value = last_attribute(s1)
    assert flags & 0x0F == 0
    parts = dict(em.subtlvs(value))
    assert parts[em.PREFERENCE] == bytes([0, 0, 0, 0, 5])
    assert parts[em.AVAILABILITY] == bytes([0x80, 0, 9, 0, 100])
    assert parts[em.CAPABILITY] == bytes([0, 0, 0, 0, 200])
    configure(lab, "no dyncast site preference 5", "no dyncast site id 9")


def test_standalone_update(lab):
    """A site that works to 30 % says so once, for all its services.

    The address is not the sessions' own: a stock reflector takes a route whose
    next hop is its prefix for a loop.
    """
    line = "dyncast site loopback 10.0.0.1 availability "
    configure(lab, line + "30")
    wait_learnt(lab, "i1", "wantedPercent", 100 * (65536 - 45875) / 65536)
    configure(lab, line + "0")
    wait_learnt(lab, "i1", "drain", True)
    (site,) = lab.json("r1", "show dyncast bgp json")["sites"]
    assert site["availability"] == 0 and site["nextHop"] == "10.0.0.1"
    configure(lab, "no " + line + "0")
    wait_learnt(lab, "i1", "wantedPercent", None)
    wait_learnt(lab, "i1", "drain", False)


def test_wanted_policy(lab):
    """E3: what the owner wants arrives; an ingress's own lines win."""
    lines = [
        f"dyncast service {SERVICE} select min-then-random hysteresis 20",
        f"dyncast service {SERVICE} cost weighted 30",
        f"dyncast service {SERVICE} eligible utilisation 90 delay 50000",
    ]
    configure(lab, *lines)
    running = lab.vtysh("e1", "show running-config").splitlines()
    assert all(line in running for line in lines), running
    want = {
        "select": "min-then-random",
        "hysteresis": 20,
        "cost": "weighted",
        "alpha": 30,
        "maxUtilisation": 90,
        "maxDelayUs": 50000,
    }

    def have(**other):
        service = service_of(lab, "r1", PREFIX)
        return {k: service.get(k) for k in want} == {**want, **other} or str(service)

    wait_for("the policy", have)
    lab.configure(
        "r1", f"dyncast service x prefix {PREFIX}", "dyncast service x cost network-first"
    )
    wait_for("r1's own cost", lambda: have(cost="network-first", alpha=None))
    lab.configure("r1", "no dyncast service x")
    configure(lab, *["no " + line for line in lines])
    wait_for("no policy", lambda: service_of(lab, "r1", PREFIX)["select"] == "spread")


def test_as_scope(lab):
    configure(lab, f"dyncast service {SERVICE} advertise as-scope 65999")
    wait_for("r1 to be out of scope", lambda: not candidates(lab, "r1", PREFIX))
    configure(lab, f"no dyncast service {SERVICE} advertise as-scope 65999")
    wait_for("all back", lambda: set(candidates(lab, "r1", PREFIX)) == {"i1", "i2"})


def test_users_own_path(lab, s1):
    """Its attributes are taken, nothing but the metrics is added, ours wins."""
    said(s1)
    configure(
        lab,
        "route-map own permit 10",
        "set community 65000:77",
        "set metric 4711",
        "exit",
        f"router bgp {ASN}",
        "no bgp network import-check",
        "address-family ipv4 unicast",
        f"network {PREFIX} route-map own",
    )
    found = []

    def copied():
        found.extend(u for u in said(s1) if em.find(u, 8))
        return any(em.find(u, 8)[0][1].hex() == "fde8004d" for u in found)

    wait_for("the user's community, and no NO_EXPORT", copied)
    assert em.find(found[-1], 250) and em.find(found[-1], 4)[0][1] == (4711).to_bytes(4, "big")
    paths = lab.json("e1", f"show bgp ipv4 unicast {PREFIX} json")["paths"]
    assert len(paths) == 2
    (best,) = [p for p in paths if p.get("bestpath", {}).get("overall")]
    assert best["weight"] == 32769
    configure(
        lab,
        f"router bgp {ASN}",
        "address-family ipv4 unicast",
        f"no network {PREFIX} route-map own",
        "exit",
        "exit",
        "no route-map own",
    )
    wait_for("NO_EXPORT", lambda: any(em.find(u, 8) == [(0xC0, b"\xff\xff\xff\x01")] for u in said(s1)))


def test_external_scope(lab, s1):
    said(s1)
    configure(lab, f"dyncast service {SERVICE} advertise scope external")
    wait_for("no community", lambda: any(not em.find(u, 8) for u in said(s1)))
    configure(lab, f"no dyncast service {SERVICE} advertise scope external")
    wait_for("NO_EXPORT", lambda: any(em.find(u, 8) for u in said(s1)))


def test_many_instances(lab):
    """As many as fit are told, those that are down last; a larger bound holds all."""
    lines = [
        f"dyncast service {SERVICE} instance m{n} address 10.50.0.{100 + n} capacity 10 sid {100 + n}"
        for n in range(38)
    ]
    configure(lab, *lines)
    wait_for("some", lambda: 20 < len(candidates(lab, "r1", PREFIX)) < 40, 20)
    # names are gone; the two of most capacity are there
    by_capacity = [c["capacity"] for c in candidates(lab, "r1", PREFIX).values()]
    assert by_capacity.count(100) == 2
    assert service_of(lab, "e1", PREFIX)["leftOut"] > 0
    assert "do not fit" in lab.log("e1", "bgpd")
    configure(lab, "dyncast attribute size 3584")
    wait_for("all", lambda: len(candidates(lab, "r1", PREFIX)) == 40)
    assert service_of(lab, "e1", PREFIX)["leftOut"] == 0
    configure(lab, "no dyncast attribute size 3584", *["no " + line for line in lines])
    wait_for("two", lambda: set(candidates(lab, "r1", PREFIX)) == {"i1", "i2"})


# -- sources ------------------------------------------------------------------


def refused_in_a_commit(lab, instance):
    """The northbound says no, as the command line does, and has not taken it."""
    path = os.path.join(lab.logdir, "e1", "conf", "commit.json")
    with Vty(lab, "e1", "bgpd") as vty:
        before = vty.json("show configuration running json")["frr-dyncast:services"]
    data = json.loads(json.dumps(before))
    (service,) = [s for s in data["service"] if s["name"] == SERVICE]
    service.setdefault("instance", []).append(instance)
    with open(path, "w", encoding="ascii") as out:
        json.dump({"frr-dyncast:services": data}, out)
    said = lab.vtysh("e1", f"dyncast services load {path}")
    assert "by an agent" in said, said
    with Vty(lab, "e1", "bgpd") as vty:
        assert vty.json("show configuration running json")["frr-dyncast:services"] == before


def test_instance_by_agent(lab, agent):
    """An agent brings up an instance where the configuration allows it."""
    place = {"address": "10.50.0.31", "sid": 31}
    agent.report("new", state="up", **place)
    assert "may not bring up" in agent.answer()["error"]
    configure(lab, f"dyncast service {SERVICE} instances agent within 10.50.0.16/28 max 2")
    agent.report("new", state="up", capacity=40, **place)
    wait_learnt(lab, "new", "capacity", 40)
    agent.report("far", state="up", address="10.50.0.99")
    assert "with this address" in agent.answer()["error"]
    agent.report("i1", state="up", address="10.50.0.30")
    assert "is configured" in agent.answer()["error"]
    agent.report("dup", state="up", address="10.50.0.30", sid=31)
    assert "sid 31" in agent.answer()["error"]
    agent.report("second", state="up", address="10.50.0.30", sid=30)
    wait_learnt(lab, "second", "down", False)
    agent.report("third", state="up", address="10.50.0.29", sid=29)
    assert "at most 2" in agent.answer()["error"]
    assert "instance new " not in lab.vtysh("e1", "show running-config")
    # no line of the configuration is for it
    for words in ("drain", "feed bgp", "encapsulation ipip"):
        line = f"dyncast service {SERVICE} instance second {words}"
        assert "by an agent" in lab.configure("e1", line), words
    refused_in_a_commit(lab, {"name": "second", "drain": True})
    # what is configured takes its place
    line = f"dyncast service {SERVICE} instance fixed address 10.50.0.30 sid 30"
    configure(lab, line)
    wait_for("it to give way", lambda: local(lab, "second") is None)
    configure(lab, "no " + line)
    agent.report("new", state="gone")
    wait_for("it to go", lambda: "new" not in candidates(lab, "r1", PREFIX))
    agent.report("i1", state="gone")
    assert "can be down" in agent.answer()["error"]
    # silence ends it too
    configure(lab, f"dyncast service {SERVICE} agent-timeout 3")
    agent.report("i1", state="up")
    agent.report("brief", state="up", address="10.50.0.28", sid=28)
    wait_learnt(lab, "brief", "down", False)
    wait_for("its end", lambda: local(lab, "brief") is None, 10)
    configure(
        lab,
        f"no dyncast service {SERVICE} agent-timeout 3",
        f"no dyncast service {SERVICE} instances agent within 10.50.0.16/28 max 2",
    )


def test_instance_that_speaks_bgp(lab):
    """EBGP feed: up with its path, its attribute is its metrics, down without."""
    configure(
        lab,
        f"dyncast service {SERVICE} instance fed address {A1} capacity 50 sid 11",
        f"dyncast service {SERVICE} instance fed feed bgp",
    )
    assert f"dyncast service {SERVICE} instance fed feed bgp" in lab.vtysh("e1", "show running-config")
    wait_learnt(lab, "fed", "down", True)
    assert local(lab, "fed")["stateReason"] == "no BGP path from it"
    host = Speaker(lab, "a1", "10.50.0.1", A1, 65011, "--external").wait()
    host.announce(PREFIX)  # plain
    wait_learnt(lab, "fed", "down", False)
    assert learnt(lab, "fed", "capacity") == 50
    # who enters the line again changes nothing
    configure(lab, f"dyncast service {SERVICE} instance fed feed bgp")
    host.announce(PREFIX, em.attribute(em.instance(A1, em.KIND_ADJACENT, capacity=70, delay_us=9000)))
    wait_learnt(lab, "fed", "delayUs", 9000)
    assert learnt(lab, "fed", "capacity") == 70
    assert lab.log("e1", "bgpd").count("instance fed: its BGP path is there") == 1
    # BGP says it once: it is no agent that has become silent, nor with less to say
    agent = AgentSocket(lab, "e1", SERVICE)
    configure(lab, f"dyncast service {SERVICE} agent-timeout 1")

    def outlasts_an_agent():
        agent.report("i1", state="up")
        wait_learnt(lab, "i1", "down", False, 20)
        wait_learnt(lab, "i1", "down", True, 20)
        assert not learnt(lab, "fed", "down")

    outlasts_an_agent()
    # a speaker that knows the draft's own types only
    figures = em.u32(em.RESOURCE, 25, 0x80) + em.u32(em.DELAY, 4) + em.u32(em.CAPABILITY, 80)
    host.announce(PREFIX, em.attribute(figures))
    wait_learnt(lab, "fed", "utilisation", 75.0)
    assert (learnt(lab, "fed", "delayUs"), learnt(lab, "fed", "capacity")) == (4000, 80)
    host.announce(PREFIX, em.attribute(em.instance(A1, em.KIND_ADJACENT, flags=em.DRAIN)))
    wait_learnt(lab, "fed", "drain", True)
    outlasts_an_agent()
    # it is no other site, and e1 still advertises its own path
    assert all(c["local"] for c in candidates(lab, "e1", PREFIX).values())
    host.announce(PREFIX, em.attribute(em.instance(A1, em.KIND_ADJACENT, capacity=70)))
    wait_learnt(lab, "fed", "drain", False)
    host.announce(PREFIX, em.attribute(b"\xff\0"))  # malformed: up, without metrics
    outlasts_an_agent()
    configure(lab, f"no dyncast service {SERVICE} agent-timeout 1")
    agent.close()
    host.withdraw(PREFIX)
    wait_learnt(lab, "fed", "down", True)
    host.announce(PREFIX)
    wait_learnt(lab, "fed", "down", False)
    host.stop()
    wait_learnt(lab, "fed", "down", True, 20)
    configure(lab, f"no dyncast service {SERVICE} instance fed")


def test_damped_path(lab):
    """What bgpd does not use for its flapping is not used here."""
    damping = [f"router bgp {ASN}", "address-family ipv4 unicast", "bgp dampening 15 100 500 60"]
    accept = f"dyncast neighbor {A1} accept"
    flapping = em.attribute(em.instance("2001:db8:e9:0:78::", name=b"far"))
    found = lambda: candidates(lab, "e1", FLAPPING)
    valid = lambda: [p["valid"] for p in service_of(lab, "e1", FLAPPING).get("paths", [])]
    configure(lab, accept, f"dyncast service flaps prefix {FLAPPING}", *damping)
    host = Speaker(lab, "a1", "10.50.0.1", A1, 65011, "--external").wait()
    host.announce(FLAPPING, flapping)
    wait_for("its instance", lambda: set(found()) == {"far"} or found())
    host.withdraw(FLAPPING)
    wait_for("no path", lambda: not valid() or valid())
    host.announce(FLAPPING, flapping)
    wait_for("a damped path", lambda: valid() == [False] or valid())
    assert not found()
    configure(lab, *damping[:-1], "no bgp dampening")
    wait_for("its use", lambda: set(found()) == {"far"} or found())
    host.stop()
    configure(lab, "no " + accept, "no dyncast service flaps")


def test_lines_are_undone(lab):
    """Every line of e1's running configuration goes with `no` in front."""
    lines = [
        "dyncast attribute profile ietf",
        "dyncast attribute size 2000",
        "dyncast advertise fast",
        "dyncast drain",
        "dyncast site preference 3",
        "dyncast site id 0",
        "dyncast site loopback 10.50.0.1 availability 99",
        "dyncast neighbor 10.50.0.2 policy refuse",
        f"dyncast service {SERVICE} advertise level score",
        f"dyncast service {SERVICE} advertise overload 80",
        f"dyncast service {SERVICE} advertise as-scope 65000",
        f"dyncast service {SERVICE} agent-timeout 60",
        f"dyncast service {SERVICE} policy refuse",
        f"dyncast service {SERVICE} instances agent within 10.50.0.0/24",
        f"dyncast service {SERVICE} eligible score 3",
        f"dyncast service {SERVICE} select best hysteresis 7 hold 9",
        f"dyncast service {SERVICE} cost compute-first",
        f"dyncast service {SERVICE} pin site 10.50.0.3",
        f"dyncast service {SERVICE} weight-cap site local 40",
        f"dyncast service {SERVICE} weight-cap site 10.50.0.3 0",
        f"dyncast service {SERVICE} dry-run",
    ]
    configure(lab, *lines)
    running = lab.vtysh("e1", "show running-config").splitlines()
    assert not [line for line in lines if line not in running]
    lab.unconfigure("e1")
