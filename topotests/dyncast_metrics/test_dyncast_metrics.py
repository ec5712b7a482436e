# SPDX-License-Identifier: GPL-2.0-or-later
r"""What an ingress makes of what sites say: preference and availability, a
learnt rate, metrics that grow old, thresholds, costs, the action that they want.

    c1 ---- r1 ---- core ---- e1 ----- a1   site 1
  clients            |
                     +------- e2 ----- b1   site 2
"""

import contextlib
import re

import pytest

import dyncast_small as small
from dyncast_agentline import AgentSocket
from dyncast_small import PREFIX, V4
from dyncast_topology import wait_for
from dyncast_vty import Vty

SITES = {"a1": "e1", "b1": "e2"}
FORWARDING = "frr-dyncast:forwarding"
STALE_S = 30  # DYNCAST_AGE_STALE_MS


@pytest.fixture(scope="module")
def lab(lab_of):
    return lab_of(small.SmallLab, members=list(SITES), services=(V4,)).wait_steering((V4,))


@pytest.fixture
def report(lab):
    """report(a1={…}, b1={…}): by an agent at each one's site"""
    with contextlib.ExitStack() as stack:
        agents = {
            name: stack.enter_context(AgentSocket(lab, router, V4))
            for name, router in SITES.items()
        }

        def said(**metrics):
            for name, values in metrics.items():
                agents[name].report(name, **values)

        yield said


def configure(lab, router, *lines):
    said = lab.configure(router, *lines)
    assert "%" not in said, said


@pytest.fixture
def configured(lab):
    """configured(router, line…): until the test's end, whatever that is"""
    with contextlib.ExitStack() as stack:

        def lines(router, *lines):
            configure(lab, router, *lines)
            for line in lines:
                stack.callback(lab.configure, router, "no " + line)

        yield lines


def parts(lab):
    """{name: percent of the weight that it shall have}"""
    found = lab.candidates("r1")
    return {name: c["targetWeight"] / 655.36 for name, c in found.items()}


def verdicts(lab):
    return [c["verdict"] for c in lab.candidates("r1").values()]


def wait_parts(lab, timeout=20, meanwhile=lambda: None, **wanted):
    def differ():
        meanwhile()
        seen = parts(lab)
        return all(abs(seen.get(n, 0) - v) < 0.7 for n, v in wanted.items()) or str(seen)

    wait_for(f"{wanted}", differ, timeout)


@pytest.fixture
def load(lab, report):
    """load(a1=…, b1=…): sites that serve so many requests per second, and have
    learnt that, say what comes of the weights that they have now, when there are
    500 in all, each of 4 ms and a queue.  Both are configured with 100."""

    def said(a1=1000, b1=1000):
        found = lab.candidates("r1")
        for name, rate in (("a1", a1), ("b1", b1)):
            used = min(0.99, 500 * found[name]["weight"] / 65536 / rate)
            delay = round(4000 * (1 + used / 4 / (1 - used)))
            metrics = {"capacity": 100, "rate": rate, "delayUs": delay}
            report(**{name: dict(metrics, utilisation=100 * used)})

    return said


def test_preference_at_rest(lab, configured):
    """Nobody reports anything: the line alone reaches the ingress's ring."""
    wait_parts(lab, a1=50, b1=50)
    configured("e2", "dyncast site preference 100")
    configured("e1", "dyncast site preference 30")
    wait_parts(lab, a1=23.1, b1=76.9)
    assert round(lab.candidates("r1")["a1"]["wantedPercent"], 1) == 30
    # the same said by the model
    with Vty(lab, "r1", "zebra") as vty:
        data = vty.json(f"show yang operational-data /{FORWARDING}")[FORWARDING]
    (service,) = data["service"]
    said = {c["name"]: c["wanted"] for c in service["candidate"]}
    assert said == {"a1": "30.0", "b1": "100.0"}


def test_preference(lab, configured, load):
    """30 beside 100 is 30 of 130 of the traffic, also when the sites' loads are
    what comes of that."""
    wait_parts(lab, meanwhile=load, a1=50, b1=50)
    configured("e1", "dyncast site preference 30")
    configured("e2", "dyncast site preference 100")
    wait_parts(lab, meanwhile=load, a1=23.1, b1=76.9)
    wait_for(
        "loads by these weights",
        lambda: load() or lab.candidates("r1")["b1"]["utilisation"] > 37,
    )
    wait_parts(lab, meanwhile=load, a1=23.1, b1=76.9)
    lab.wait_ring("r1", list(SITES))
    a1, b1 = (lab.candidates("r1")[n] for n in ("a1", "b1"))
    assert round(a1["wantedPercent"], 1) == 30 and "wantedPercent" not in b1
    # slots, and so flows, are there too
    assert abs(a1["slots"] / 1024 - 30 / 130) < 0.01, a1
    # as bgpd has it
    told = lab.json("r1", f"show dyncast service {PREFIX[V4]} json")
    (service,) = told["services"]
    wanted = {c["name"]: c.get("wantedPercent") for c in service["candidates"]}
    assert round(wanted["a1"], 1) == 30 and wanted["b1"] is None
    text = lab.vtysh("r1", f"show dyncast explain {PREFIX[V4]}")
    assert "its site wants 30% of its part" in text, text
    changes = lab.json("r1", f"show dyncast history {PREFIX[V4]} json")["changes"]
    said = [c.get("change") for c in changes if c["cause"] == "preference or availability"]
    assert "100% -> 30%" in said, changes
    # relative to the highest: alone with one it changes nothing
    configure(lab, "e2", "no dyncast site preference 100")
    wait_parts(lab, meanwhile=load, a1=50, b1=50)


def test_availability(lab, configured, load):
    """A site that works to 40 % is 40 of 140; at 0 it gets nothing."""
    line = "dyncast site loopback 10.0.0.1 availability "
    service = f"dyncast service {V4} "
    wait_parts(lab, meanwhile=load, a1=50, b1=50)
    configured("e1", line + "40")
    wait_parts(lab, meanwhile=load, a1=28.6, b1=71.4)
    # for other actions too; not for one that gives all to one
    configured("r1", service + f"prefix {PREFIX[V4]}", service + "select weighted-round-robin")
    wait_parts(lab, a1=28.6, b1=71.4)
    configure(lab, "r1", service + "select min-then-first")
    wait_parts(lab, a1=100, b1=0)
    configure(lab, "r1", "no " + service[:-1])
    wait_parts(lab, meanwhile=load, a1=28.6, b1=71.4)
    configure(lab, "e1", line + "0")
    wait_parts(lab, a1=0, b1=100)
    assert lab.candidates("r1")["a1"]["verdict"] == "drain"
    configure(lab, "e1", "no " + line + "0")
    wait_parts(lab, meanwhile=load, a1=50, b1=50)


def test_learnt_rate(lab, load):
    """Both are configured with the same capacity; one learns that it does half
    of what the other does, and is believed."""
    wait_parts(lab, meanwhile=load, a1=50, b1=50)
    wait_parts(lab, meanwhile=lambda: load(b1=500), a1=66.7, b1=33.3)
    assert lab.candidates("r1")["b1"]["ratePerSecond"] == 500
    changes = lab.json("r1", f"show dyncast history {PREFIX[V4]} json")["changes"]
    said = [c["change"] for c in changes if c["cause"] == "rate" and c["name"] == "b1"]
    assert any(change.endswith("/s -> 500/s") for change in said), changes
    # within a tenth it is noise beside what is written down
    wait_parts(lab, meanwhile=lambda: load(b1=950), a1=50, b1=50)


def said_of(lab, name):
    """(cause, change) of the history's entries for one, the newest first"""
    changes = lab.json("r1", f"show dyncast history {PREFIX[V4]} json")["changes"]
    return [(c["cause"], c.get("change")) for c in changes if c["name"] == name]


def last_change_ms(lab):
    return lab.json("r1", f"show dyncast history {PREFIX[V4]} json")["changes"][0]["ageMs"]


def wait_winner(lab, name, meanwhile=lambda: None, timeout=10):
    others = {n: 0 for n in SITES if n != name}
    wait_parts(lab, timeout, meanwhile, **{name: 100}, **others)


def test_thresholds(lab, configured, report):
    """Past a threshold no new flows, at once and both ways; past it all, all."""
    service = f"dyncast service {V4} "
    full = {"capacity": 100, "delayUs": 4000, "score": 5}

    def used(a1, b1=20, **more):
        return lambda: report(
            a1=dict(full, utilisation=a1, **more), b1=dict(full, utilisation=b1)
        )

    configured("r1", service + f"prefix {PREFIX[V4]}")
    configured("r1", service + "eligible utilisation 80")
    wait_for("metrics", lambda: used(70)() or lab.candidates("r1")["a1"].get("utilisation") == 70)
    assert lab.candidates("r1")["a1"]["verdict"] == "ok"
    used(85)()
    wait_winner(lab, "b1")
    a1 = lab.candidates("r1")["a1"]
    assert (a1["verdict"], a1["weight"]) == ("past threshold", 0)
    assert "utilisation" in a1["reason"], a1
    assert ("verdict", "ok -> past threshold") in said_of(lab, "a1")
    # who is past it as well as all others serves
    used(85, 85)()
    wait_for("both", lambda: min(parts(lab).values()) > 5)
    used(70)()
    wait_for("a1 again", lambda: lab.candidates("r1")["a1"]["verdict"] == "ok")
    for line, past in (("delay 5000", {"delayUs": 6000}), ("score 4", {"score": 3})):
        configure(lab, "r1", service + "eligible " + line)
        report(a1=dict(full, utilisation=20, **past), b1=dict(full, utilisation=20))
        wait_winner(lab, "b1")
        assert line.split()[0] in lab.candidates("r1")["a1"]["reason"]
        report(a1=dict(full, utilisation=20))
        wait_for("a1 again", lambda: lab.candidates("r1")["a1"]["verdict"] == "ok")


def sums_are_right(lab, percent):
    """What explain says of a weighted cost is what one gets by its parts."""
    text = lab.vtysh("r1", f"show dyncast explain {PREFIX[V4]}")
    told = rf"cost: {percent}% of network (\d+) \+ {100 - percent}% of delay (\d+) = (\d+) us"
    sums = [tuple(map(int, found)) for found in re.findall(told, text)]
    right = [(n * percent + d * (100 - percent)) // 100 == both for n, d, both in sums]
    return right == [True] * len(SITES) or text


def test_cost_policies(lab, configured, report):
    """Of a near and slow site and a far and fast one each policy takes its own."""
    service = f"dyncast service {V4} "
    far = f"{small.locator('e2')} via 2001:db8:0:10::9"

    def delays(**wanted):
        """All else stays, so that a change has one cause; until r1 has heard."""
        report(**{name: {"utilisation": 20, "delayUs": us} for name, us in wanted.items()})

        def heard():
            found = lab.candidates("r1")
            seen = {n: (found[n].get("utilisation"), found[n].get("delayUs")) for n in wanted}
            return seen == {n: (20, us) for n, us in wanted.items()} or str(seen)

        wait_for("the delays", heard, 10)

    # its way is longer by 50 units of 100 us
    lab.cmd("r1", f"ip -6 route add {far} metric 50")
    try:
        wait_for("the metric", lambda: lab.candidates("r1")["b1"]["networkMetric"] == 50)
        configured("r1", service + f"prefix {PREFIX[V4]}", service + "select min")
        delays(a1=6000, b1=2000)
        for policy, winner in (
            ("delay", "a1"),  # 6 ms and 7
            ("weighted 10", "b1"),  # 5.4 and 2.3
            ("weighted 90", "a1"),  # 0.6 and 4.7
            ("compute-first", "b1"),
            ("network-first", "a1"),
        ):
            configure(lab, "r1", service + "cost " + policy)
            wait_winner(lab, winner)
            if policy == "weighted 10":
                assert sums_are_right(lab, 10) is True
        # the way becomes longer, the delay less: each is a cause of its own
        configure(lab, "r1", service + "cost delay")
        delays(a1=9000)
        wait_winner(lab, "b1")
        assert ("delay", "6000 us -> 9000 us") in said_of(lab, "a1")
        lab.cmd("r1", f"ip -6 route del {far}; ip -6 route add {far} metric 90")
        wait_winner(lab, "a1")
        assert ("network", "50 -> 90") in said_of(lab, "b1")
    finally:
        lab.cmd("r1", f"ip -6 route del {far}")


def test_hysteresis_and_hold(lab, configured, report):
    """`best` keeps whom it has while another is hardly better, or it has him not
    for long."""
    service = f"dyncast service {V4} "
    hold = 6
    configured("r1", service + f"prefix {PREFIX[V4]}")
    configured("r1", service + f"select best hysteresis 20 hold {hold}")
    report(a1={"delayUs": 4000}, b1={"delayUs": 9000})
    wait_winner(lab, "a1", timeout=15)
    # better by 10 %
    report(b1={"delayUs": 3600})
    wait_for("the report", lambda: lab.candidates("r1")["b1"]["delayUs"] == 3600)
    wait_for(
        "a1 to have been it for the hold",
        lambda: last_change_ms(lab) > hold * 1000 + 500,
        hold + 10,
    )
    assert parts(lab)["a1"] == 100
    # by half: the hold is over
    report(b1={"delayUs": 2000})
    wait_winner(lab, "b1")
    # and back: not before it is over again
    report(a1={"delayUs": 500})
    wait_winner(lab, "a1", timeout=hold + 10)
    changes = lab.json("r1", f"show dyncast history {PREFIX[V4]} json")["changes"]
    ages = [c["ageMs"] for c in changes if c["name"] == "a1"][:2]
    assert ages[1] - ages[0] > (hold - 1) * 1000, changes


def test_wanted_action(lab, configured):
    """E3: what the sites want is done where the ingress says nothing."""
    line = f"dyncast service {V4} select min-then-first"
    for router in SITES.values():
        configured(router, line)
    wait_for("the wish", lambda: lab.explain("r1")["select"] == "min-then-first")
    wait_winner(lab, "a1")
    configured("r1", f"dyncast service {V4} prefix {PREFIX[V4]}")
    configured("r1", f"dyncast service {V4} select weighted-round-robin")
    wait_parts(lab, a1=50, b1=50)
    assert lab.explain("r1")["select"] == "weighted-round-robin"


def test_stale(lab, report):
    """Old metrics lose their say: a site that was full is by capacity again,
    until somebody tells anew."""

    def full():
        metrics = {"capacity": 100, "delayUs": 4000}
        report(a1=dict(metrics, utilisation=95), b1=dict(metrics, utilisation=20))

    def avoided():
        seen = lab.candidates("r1")["a1"]
        return seen["verdict"] == "ok" and parts(lab)["a1"] < 40 or str(seen)

    wait_for("others to have the load", lambda: full() or avoided(), 20)
    # nobody says anything; BGP repeats what was said, with its age
    wait_for(
        "old metrics",
        lambda: all(c["verdict"] == "stale" for c in lab.candidates("r1").values()),
        STALE_S + 15,
    )
    for c in lab.candidates("r1").values():
        assert c["ageMs"] >= STALE_S * 1000
        assert "too old" in c["reason"]
    wait_parts(lab, a1=50, b1=50)
    # whoever learns them only now takes them for no fresh ones
    lab.vtysh("r1", "clear bgp *")
    wait_for("the paths to go", lambda: "held" in verdicts(lab) or verdicts(lab), every=0.1)
    wait_for("the paths to come", lambda: "held" not in verdicts(lab) or verdicts(lab))
    assert verdicts(lab) == ["stale", "stale"]
    wait_for("others to have the load", lambda: full() or avoided(), 20)


def test_next_to_nothing(lab, report):
    """A capacity in another unit than the others' leaves nothing, and explain says so."""
    report(a1={"capacity": 4}, b1={"capacity": 40000})
    wait_parts(lab, a1=0, b1=100)
    reason = lambda: lab.candidates("r1")["a1"]["reason"]
    wait_for("it to have no slot", lambda: "in one unit?" in reason() or reason())
    report(a1={"capacity": 100}, b1={"capacity": 100})
    wait_parts(lab, a1=50, b1=50)
