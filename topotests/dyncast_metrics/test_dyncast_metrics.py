# SPDX-License-Identifier: GPL-2.0-or-later
r"""What an ingress makes of what sites say: preference and availability, a
learnt rate, metrics that grow old.

    c1 ---- r1 ---- core ---- e1 ----- a1   site 1
  clients            |
                     +------- e2 ----- b1   site 2
"""

import contextlib

import pytest

import dyncast_small as small
from dyncast_agentline import AgentSocket
from dyncast_small import PREFIX, V4
from dyncast_topology import wait_for

SITES = {"a1": "e1", "b1": "e2"}
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
    assert "its site wants 30% of that" in text, text
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
    assert any(c["cause"] == "capacity" and c["name"] == "b1" for c in changes), changes
    # within a tenth it is noise beside what is written down
    wait_parts(lab, meanwhile=lambda: load(b1=950), a1=50, b1=50)


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
    wait_for("others to have the load", lambda: full() or avoided(), 20)
