# SPDX-License-Identifier: GPL-2.0-or-later
r"""Metrics through a stock reflector, weights in ring and RIB, steering, drain.

                         rr  stock FRR: route reflector, add-path
                          |
    c1 ------- r1 ------ core ----- 10 ----- e1 --+-- a1
             ingress  10  |  stock FRR            +-- a2
                          +-------- 20 ----- e2 --+-- b1
                          |                       +-- b2
                          +-------- 30 ----- e3 --+-- d1
                                                  +-- d2

The test is the agent: it reports metrics on the agent sockets itself.
"""

import json
import os
import re

import pytest

import dyncast_operator as operator
import dyncast_show as show
import dyncast_topology as topology
import dyncast_traffic as traffic
from dyncast_agentline import AgentSocket
from dyncast_topology import INSTANCES, SERVICE_PREFIX, SITES, STEERING, wait_for

DELAY_US = 5000


class RouteWatch:
    """Every change of the service's route in the kernel of a router, as the
    kernel tells it: nothing between two looks is missed."""

    def __init__(self, lab, router):
        self.router = router
        self.path = os.path.join(lab.logdir, router, "watch.out")
        before = lab.cmd(router, "ip nexthop")
        with open(self.path, "w", encoding="ascii") as out:
            argv = ["ip", "-o", "monitor", "route", "nexthop"]
            traffic.Process(lab, router, "watch-" + router, argv, stdout=out)
        # what came while the monitor was starting is in one of both
        self.first = before + lab.cmd(router, "ip nexthop")

    def routes(self):
        """The list of next hops of each route that there was."""
        hops = dict(re.findall(r"^id (\d+) (.*)", self.first, re.M))
        found = []
        with open(self.path, encoding="ascii", errors="replace") as out:
            for line in out:
                hop = re.match(r"id (\d+) (.*)", line)
                route = re.search(r"nhid (\d+)", line)
                if hop:
                    hops[hop.group(1)] = hop.group(2)
                elif (
                    route and topology.SERVICE_ADDRESS in line and route.group(1) in hops
                ):
                    group = re.match(r"group (\S+)", hops[route.group(1)])
                    ids = group.group(1).split("/") if group else [route.group(1)]
                    found.append([hops[one.split(",")[0]] for one in ids])
        return found


def report_all(agents, **changed):
    """All instances report the same metrics, but for those in `changed`."""
    for name in INSTANCES:
        metrics = {"delayUs": DELAY_US, "utilisation": 20.0, "inFlight": 1}
        metrics.update(changed.get(name, {}))
        agents[INSTANCES[name].router].report(name, **metrics)


@pytest.fixture(scope="module")
def lab(lab_of):
    lab = lab_of()
    lab.watches = [RouteWatch(lab, router) for router in STEERING]
    traffic.start_servers(lab)
    lab.wait_underlay()
    lab.agents = {router: AgentSocket(lab, router) for router in SITES}
    yield lab
    for agent in lab.agents.values():
        agent.close()


def learnt(lab):
    """{instance: candidate} of r1's bgpd"""
    services = lab.json("r1", "show dyncast service json").get("services", [])
    return {c["name"]: c for s in services for c in s["candidates"]}


def test_attribute_passes_stock_reflector(lab):
    """rr and core have no module, and r1 has every instance's metrics."""
    for router in ("rr", "core"):
        assert "dyncast" not in lab.vtysh(router, "show modules")
    assert "dyncast" in lab.vtysh("r1", "show modules")

    # a configured capacity is all that is known yet: it does not grow old
    wait_for("all at r1", lambda: set(learnt(lab)) == set(INSTANCES))
    assert not any("ageMs" in candidate for candidate in learnt(lab).values())

    def missing():
        report_all(lab.agents)
        got = learnt(lab)
        if set(got) != set(INSTANCES):
            return f"r1 knows {sorted(got)}"
        wrong = [n for n, c in got.items() if c.get("delayUs") != DELAY_US]
        return f"no metrics of {wrong}" if wrong else True

    wait_for("metrics at r1", missing)
    for name, candidate in learnt(lab).items():
        assert candidate["dbid"] == show.dbid(name)
        assert candidate["site"] == topology.loopback(INSTANCES[name].router)
    # one path from each site, all from the reflector
    (service,) = lab.json("r1", "show dyncast service json")["services"]
    assert len(service["paths"]) == 3
    assert {p["neighbor"] for p in service["paths"]} == {topology.loopback("rr")}


def test_weights_in_ring_and_rib(lab):
    """The ring follows the weights, and so does the route in the kernel."""
    show.wait_candidates(lab, "r1", set(INSTANCES))

    def missing():
        report_all(lab.agents)
        found = show.candidates(lab, "r1")
        total = sum(c["weight"] for c in found.values())
        for name, c in found.items():
            wanted = c["weight"] * show.SLOTS / total
            # rendezvous hashing: as exact as 1024 draws are
            if c["verdict"] != "ok" or abs(c["slots"] - wanted) > 4 * wanted**0.5:
                return f"{name}: {c['verdict']}, {c['slots']} slots, wanted {wanted:.0f}"
        costs = [found[name]["costUs"] for name in ("a1", "b1", "d1")]
        return True if costs == sorted(costs) and len(set(costs)) == 3 else str(costs)

    wait_for("ring like weights", missing)

    def rib_differs():
        report_all(lab.agents)
        hops = show.kernel_hops(lab, "r1")
        found = show.candidates(lab, "r1")
        biggest = max(c["weight"] for c in found.values())
        for name, c in found.items():
            mine = [w for text, w in hops if show.dbid(name) in text]
            if len(mine) != 1:
                return f"{name} has {len(mine)} next hops in {hops}"
            # sent again only when it differs by a tenth or more
            if abs(mine[0] - 255 * c["weight"] / biggest) > 40:
                return f"{name}: weight {mine[0]} for {c['weight']} of {biggest}"
        return True if len(hops) == len(found) else str(hops)

    wait_for("the kernel's route", rib_differs)
    # beside bgpd's own route, in whichever order zebra got the two
    routes = lab.json("r1", f"show ip route {SERVICE_PREFIX} json")[SERVICE_PREFIX]
    assert [r["protocol"] for r in routes if r.get("selected")] == ["sharp"]


SHOWS = [
    "show dyncast summary",
    "show dyncast service",
    "show dyncast service " + SERVICE_PREFIX,
    "show dyncast instance",
    "show dyncast instance local",
    "show dyncast bgp",
    "show dyncast explain " + SERVICE_PREFIX,
    "show dyncast forwarding",
    "show dyncast flows",
    "show dyncast flows service " + SERVICE_PREFIX,
    "show dyncast history " + SERVICE_PREFIX,
]


@pytest.mark.parametrize("command", SHOWS)
def test_show_commands(lab, command):
    """Each has text, on 80 columns, and JSON, at an ingress and at an egress."""
    for router in ("r1", "e1"):
        text = lab.vtysh(router, command)
        assert text.strip() and not text.startswith("%"), text
        assert not operator.wide_lines(text)
        parsed = json.loads(lab.vtysh(router, command + " json"))
        assert parsed, (router, command)
        unknown = operator.keys(parsed) - operator.documented_keys()
        assert not unknown, f"{command}: not in doc/json.rst: {unknown}"


def test_summary(lab):
    """Both daemons' totals in one object; what is wrong is said, and only that."""

    def egress(bgpd, zebra):
        here = {"up": 2, "drain": 0, "down": 0, "notAdvertised": 0}
        return (
            bgpd["services"] == {"configured": 1, "advertised": 1, "learnt": 0}
            and bgpd["localInstances"] == here
            and bgpd["learntInstances"] == {"up": 4, "drain": 0, "down": 0}
            and zebra["sids"] == {"known": 2, "installed": 2}
            and not bgpd["warnings"] + zebra["warnings"]
        )

    def ingress(bgpd, zebra):
        return (
            bgpd["services"] == {"configured": 0, "advertised": 0, "learnt": 1}
            and bgpd["zebraUp"]
            and zebra["active"]
            and zebra["bgpdSynced"]
            and zebra["candidates"] == {"used": 6, "idle": 0, "unusable": 0}
            and zebra["services"] == {"known": 1, "steered": 1, "withoutCandidate": 0}
            and zebra["interfaces"] == {"attached": 1, "waiting": 0}
        )

    operator.wait_summary(lab, "e1", egress, "a healthy site")
    operator.wait_summary(lab, "r1", ingress, "a healthy ingress")
    wrong = ["dyncast service lonely instance x address 10.1.0.99", "dyncast ingress nowhere0"]
    said = lab.configure("e1", *wrong)
    assert "%" not in said, said

    def warned(bgpd, zebra):
        return any("lonely" in one for one in bgpd["warnings"]) and any(
            "nowhere0" in one for one in zebra["warnings"]
        )

    operator.wait_summary(lab, "e1", warned, "both warnings")
    text = lab.vtysh("e1", "show dyncast summary")
    assert "  ! service lonely" in text and "  ! interface nowhere0" in text
    said = lab.configure("e1", *("no " + line for line in wrong))
    assert "%" not in said, said
    operator.wait_summary(lab, "e1", egress, "a healthy site again")


def test_exporter(lab):
    """What the exporter says agrees with the show commands, at both ends."""
    service = f'service="{topology.SERVICE}",prefix="{SERVICE_PREFIX}",vrf="0"'

    def missing():
        report_all(lab.agents)
        for router in ("r1", "e1"):
            text, found = operator.exported(lab, router)
            if set(found["dyncast_up"].values()) != {1.0} or len(found["dyncast_up"]) != 2:
                return f"{router}: {text}"
        text, at_r1 = operator.exported(lab, "r1")
        delays = at_r1["dyncast_candidate_delay_seconds"].values()
        shares = at_r1["dyncast_instance_share_ratio"]
        wrong = len(shares) != 6 or abs(sum(shares.values()) - 1) > 1e-9
        wrong = wrong or set(delays) != {DELAY_US / 1e6} or len(delays) != 6
        wrong = wrong or set(at_r1["dyncast_instance_eligible"].values()) != {1.0}
        return text if wrong else True

    wait_for("the exporter's figures", missing)
    _, at_e1 = operator.exported(lab, "e1")
    assert at_e1["dyncast_service_advertised"][service] == 1
    assert at_e1["dyncast_local_instance_reports_total"][f'service="{topology.SERVICE}",backend="a1"'] > 0
    own = lab.json("e1", "show dyncast instance local json")["instances"]
    assert {one["name"] for one in own} == {"a1", "a2"}
    assert set(at_e1["dyncast_sid_installed"]) == {f'sid="{show.dbid(n)}"' for n in ("a1", "a2")}
    assert set(at_e1["dyncast_sid_installed"].values()) == {1.0}


# as agents say it, r1 has it, and the dissector shows it, which shares no code with both
METRICS = {
    "capacity": ("capacity", 1),
    "utilisation": ("utilisation", 100),
    "inFlight": ("in_flight", 1),
    "delayUs": ("delay_us", 1),
    "score": ("score", 1),
    "rate": ("rate", 1000),
}
AS_JSON = {"rate": "ratePerSecond"}
# quantised values: what a site tells is coarser than what agents say
TOLD = {
    "a1": dict(capacity=110, utilisation=21, inFlight=3, delayUs=5100, score=8, rate=110),
    "a2": dict(capacity=90, utilisation=18, inFlight=2, delayUs=4900, score=7, rate=90),
}
AGE_MS = 700


def test_captured_update_in_tshark(lab):
    """Every metric that was reported is in what e1 sends, as the dissector reads it,
    and in what r1 has learnt."""
    capture = operator.BgpCapture(lab, "e1", "e1-core")

    def missing():
        report_all(lab.agents, **{name: dict(told, ageMs=AGE_MS) for name, told in TOLD.items()})
        got = learnt(lab)
        for name, told in TOLD.items():
            seen = {key: got[name].get(AS_JSON.get(key, key)) for key in told}
            if seen != told:
                return f"{name} at r1: {seen}"
            assert AGE_MS <= got[name]["ageMs"] < AGE_MS + 30000
        return True

    wait_for("all metrics at r1", missing)
    capture.process.stop()
    names = ("name", "dbid6", "age", *(field for field, _ in METRICS.values()))
    names = ["dyncast.instance." + name for name in names]
    rows = capture.fields("dyncast", "bgp.nlri_prefix", "dyncast.profile", *names)
    mine = [row for row in rows if set(row[2]) == {"a1", "a2"}]
    assert mine, rows
    prefixes, profiles, found, dbids, ages, *metrics = mine[-1]
    assert SERVICE_PREFIX.split("/", maxsplit=1)[0] in prefixes and set(profiles) == {"1"}
    assert dict(zip(found, dbids)) == {name: show.dbid(name) for name in TOLD}
    assert all(AGE_MS <= 100 * int(age) < AGE_MS + 30000 for age in ages)
    for (key, (_, unit)), values in zip(METRICS.items(), metrics):
        shown = {name: int(value) / unit for name, value in zip(found, values)}
        assert shown == {name: told[key] for name, told in TOLD.items()}, key
    assert not capture.fields("dyncast.malformed", "frame.number")

    def as_before():
        report_all(lab.agents)
        return all(c.get("delayUs") == DELAY_US for c in learnt(lab).values())

    wait_for("the usual metrics", as_before)


def test_two_instances_on_one_lan(lab):
    """Each instance gets exactly the flows that r1 gave to its SID."""
    load = traffic.Load(lab, "load-lan")
    assert load.ask("open", tcp=120, udp=120, interval=1.0)["opened"] == 240
    check = traffic.FlowCheck(lab, load)
    assert check.opened == 240
    for name in INSTANCES:
        assert check.at(name), f"no flow at {name}"
    # UDP flows have entries from their second packet on, TCP flows only while
    # their slot moves
    udp = {key for key in check.home if key[0] == "udp"}

    def missing():
        absent = udp - set(show.flows(lab, "r1"))
        return f"{len(absent)} UDP flows have no entry" if absent else True

    wait_for("the UDP flows' entries", missing, 10)
    text = lab.vtysh("r1", "show dyncast flows")
    assert len(text.splitlines()) > 120 and not operator.wide_lines(text)
    for key, name in show.flows(lab, "r1").items():
        if key in check.home:
            assert check.home[key] == name, f"{key}: r1 says {name}, the server {check.home[key]}"
    load.stop()


def bgp_updates(lab):
    """UPDATEs that r1 has received from rr."""
    text = lab.vtysh("r1", f"show bgp neighbors {topology.loopback('rr')}")
    return int(re.search(r"Updates:\s+\d+\s+(\d+)", text).group(1))


def report_anew(lab):
    """All instances' usual metrics, as something new: what is the same as before
    may be told ten seconds later, as a refresh."""

    def told(by):
        delays = [c["delayUs"] for c in show.candidates(lab, "r1").values()]
        return all(0.7 < d / (DELAY_US * by) < 1.5 for d in delays) or str(delays)

    for by in (2, 1):
        report_all(lab.agents, **{name: {"delayUs": DELAY_US * by} for name in INSTANCES})
        wait_for("all reports to arrive", lambda by=by: told(by), 20)


def quiet_updates(lab):
    """bgp_updates() when what was reported has been told to all"""
    seen = [None]

    def settled():
        seen.append(bgp_updates(lab))
        return True if seen[-1] == seen[-2] else f"{seen[-1]} updates"

    wait_for("BGP to fall silent", settled, 10, 1)
    return seen[-1]


def test_igp_metric_moves_the_cost(lab):
    """No UPDATE, no report: an IS-IS metric alone changes cost and weight."""
    # metrics that are fresh for long enough; the agents say nothing more
    report_anew(lab)
    show.wait_candidates(lab, "r1", set(INSTANCES))
    updates = quiet_updates(lab)
    before = show.candidates(lab, "r1")
    assert before["b1"]["networkCostUs"] == 3000
    lab.set_metric("core", "e2", 200)

    def missing():
        found = show.candidates(lab, "r1")
        if found["b1"]["networkCostUs"] != 21000:
            return str(found["b1"]["networkCostUs"])
        if not found["b1"]["targetWeight"] < before["b1"]["targetWeight"] * 0.7:
            return f"weight {found['b1']['targetWeight']} of {before['b1']['targetWeight']}"
        return True

    try:
        # well below the age at which metrics lose their influence
        wait_for("the new network cost", missing, 8)
        assert bgp_updates(lab) == updates
        assert show.candidates(lab, "r1")["a1"]["networkCostUs"] == 2000
    finally:
        lab.set_metric("core", "e2", 20)
    wait_for(
        "the old network cost",
        lambda: show.candidates(lab, "r1")["b1"]["networkCostUs"] == 3000,
    )


def test_drain(lab):
    """A drained instance keeps its flows and gets no new one."""
    report_all(lab.agents)
    show.wait_candidates(lab, "r1", set(INSTANCES))
    # its share after what the tests before have reported may be next to none
    show.wait_share(lab, "r1", ["b1"], lambda share: share > 0.1, "of b1 to grow")
    old = traffic.Load(lab, "load-old")
    old.ask("open", tcp=60, interval=1.0)
    check = traffic.FlowCheck(lab, old)
    assert check.at("b1")
    said = lab.configure("e2", f"dyncast service {topology.SERVICE} instance b1 drain")
    assert "%" not in said
    show.wait_candidates(lab, "r1", set(INSTANCES) - {"b1"})
    new = traffic.Load(lab, "load-new")
    new.ask("open", tcp=120, interval=1.0)
    after = traffic.FlowCheck(lab, new)
    assert after.opened == 120 and not after.at("b1")
    assert check.expect_kept() == 60
    lab.configure("e2", f"no dyncast service {topology.SERVICE} instance b1 drain")
    show.wait_candidates(lab, "r1", set(INSTANCES))
    old.stop()
    new.stop()


def test_down_repins_only_its_flows(lab):
    """An agent says that an instance is down: its flows move, no other."""
    load = traffic.Load(lab, "load-down")
    load.ask("open", udp=90, interval=0.5)
    check = traffic.FlowCheck(lab, load)
    theirs = check.at("a2")
    assert theirs
    lab.agents["e1"].report("a2", state="down", reason="test")
    show.wait_candidates(lab, "r1", set(INSTANCES) - {"a2"})

    def moved():
        there = {(f["proto"], f["local"]) for f in load.flows() if f["others"]}
        return True if theirs <= there else f"{len(theirs - there)} still at a2"

    wait_for("flows of a2 to move", moved)
    check.expect_kept(set(check.home) - theirs)
    lab.agents["e1"].report("a2", state="up")
    show.wait_candidates(lab, "r1", set(INSTANCES))
    load.stop()


def test_no_plain_weighted_next_hop(lab):
    """In all changes until now no route ever had several next hops of which
    one led to another site without encapsulation."""
    for watch in lab.watches:
        weighted = [hops for hops in watch.routes() if len(hops) > 1]
        # the positive control: there were such routes, to all instances
        assert max(len(hops) for hops in weighted) == len(INSTANCES)
        for hops in weighted:
            for hop in hops:
                local = f" dev {watch.router}-lan " in hop
                assert local or "encap seg6" in hop, f"{watch.router}: {hops}"


def test_daemons_survived(lab):
    lab.expect_alive()
