# SPDX-License-Identifier: GPL-2.0-or-later
r"""What an operator of the ingress wants otherwise: another action, pins, caps,
a dry run; and the history that says what changed.

    c1 ---- r1 ---- core ---- e1 --+-- a1   site 1
  clients            |             +-- a2
                     +------- e2 ----- b1   site 2

The tests run in order: the history is that of the changes before it.
"""

import datetime

import pytest

import dyncast_small as small
from dyncast_small import PREFIX, V4, V6
from dyncast_topology import wait_for

ALL = ("a1", "a2", "b1")


@pytest.fixture(scope="module")
def lab(lab_of):
    return lab_of(small.SmallLab, members=ALL).wait_steering()


OVERRIDE = f"dyncast service {V4} "


def configure(lab, *lines):
    said = lab.configure("r1", *lines)
    assert "%" not in said, said


def configured(lab):
    lines = lab.vtysh("r1", "show running-config").splitlines()
    return [line for line in lines if line.startswith("dyncast ")]


def site(lab, name):
    return lab.candidates("r1")[name]["site"]


def wait_weights(lab, service=V4, **wanted):
    """Until each has so many percent of new flows coming to it, the others
    none, and the ring, which moves by steps, is there."""

    def differ():
        answer = lab.explain("r1", service)
        seen = {c["name"]: c["weight"] / 655.36 for c in answer["candidates"]}
        there = all(abs(v - wanted.get(n, 0)) < 2 for n, v in seen.items())
        return there and not answer["slotsLeft"] or f"{seen}, {answer['slotsLeft']} slots left"

    wait_for(f"{wanted}", differ, 60)


def test_actions(lab):
    """E2: each action, of the ingress's choice.  E4: the other service has
    another one.  All cost the same, and a2 has three times the capacity."""
    before = configured(lab)
    a2 = small.INSTANCES["a2"]
    line = f"dyncast service {V4} instance a2 address {a2.address} capacity %d sid {a2.sid}"
    lab.configure("e1", line % 300)
    configure(lab, OVERRIDE + "prefix " + PREFIX[V4], f"dyncast service {V6} prefix {PREFIX[V6]}")
    configure(lab, f"dyncast service {V6} select min-then-random")
    for action, wanted in (
        ("min", {"a1": 100}),
        ("best", {"a1": 100}),
        ("max", {"a2": 100}),
        ("min-then-first", {"a1": 100}),
        ("min-then-random", {"a1": 33.3, "a2": 33.3, "b1": 33.3}),
        ("weighted-round-robin", {"a1": 20, "a2": 60, "b1": 20}),
    ):
        configure(lab, OVERRIDE + "select " + action)
        wait_weights(lab, **wanted)
        assert lab.explain("r1")["select"] == action
        assert lab.explain("r1", V6)["select"] == "min-then-random"
    wait_weights(lab, V6, a1=33.3, a2=33.3, b1=33.3)
    lab.configure("e1", line % 100)
    configure(lab, "no " + OVERRIDE[:-1], f"no dyncast service {V6}")
    assert configured(lab) == before
    # E1: nobody says anything
    wait_weights(lab, a1=33.3, a2=33.3, b1=33.3)
    assert lab.explain("r1")["select"] == "spread"


def test_pin(lab):
    """All new flows to one site, while it can take any."""
    before = configured(lab)
    pin = OVERRIDE + "pin site "
    configure(lab, OVERRIDE + "prefix " + PREFIX[V4], pin + site(lab, "b1"))
    assert pin + site(lab, "b1") in configured(lab)
    lab.wait_ring("r1", ["b1"])
    a1 = lab.candidates("r1")["a1"]
    assert (a1["verdict"], a1["weight"]) == ("pinned elsewhere", 0)
    assert "pin site" in a1["reason"]
    assert lab.explain("r1")["pinSite"] == site(lab, "b1")
    assert f"pinned to site {site(lab, 'b1')}" in lab.vtysh("r1", f"show dyncast explain {V4}")
    assert lab.new_flows_at("pinned", V4) == {"b1"}
    # the other service is not meant
    lab.wait_ring("r1", ALL, V6)
    configure(lab, pin + site(lab, "a1"))
    wait_weights(lab, a1=50, a2=50)
    configure(lab, pin + "local")
    wait_weights(lab, a1=33.3, a2=33.3, b1=33.3)
    assert pin + "local" in configured(lab)
    configure(lab, "no " + pin + "local", "no " + OVERRIDE + "prefix " + PREFIX[V4])
    assert configured(lab) == before


def test_weight_cap(lab):
    """A site gets no more than its part, whatever else is known of it."""
    before = configured(lab)
    cap = OVERRIDE + f"weight-cap site {site(lab, 'a1')}"
    configure(lab, OVERRIDE + "prefix " + PREFIX[V4], cap + " 20")
    wait_weights(lab, a1=10, a2=10, b1=80)
    assert lab.candidates("r1")["a1"]["capPercent"] == 20
    assert "capPercent" not in lab.candidates("r1")["b1"]
    configure(lab, cap + " 0")
    assert cap + " 0" in configured(lab) and cap + " 20" not in configured(lab)
    wait_weights(lab, b1=100)
    assert lab.candidates("r1")["a1"]["verdict"] == "capped"
    for wrong in ("weight-cap site 224.0.0.1 5", "pin site 127.0.0.1", "weight-cap site local 101"):
        assert "%" in lab.configure("r1", OVERRIDE + wrong)
    assert "no cap" in lab.configure("r1", f"no {OVERRIDE} weight-cap site local")
    # when nobody else is left it serves
    lab.configure("e2", f"dyncast service {V4} instance b1 drain")
    wait_weights(lab, a1=50, a2=50)
    lab.configure("e2", f"no dyncast service {V4} instance b1 drain")
    wait_weights(lab, b1=100)
    configure(lab, "no " + cap, "no " + OVERRIDE + "prefix " + PREFIX[V4])
    assert configured(lab) == before
    wait_weights(lab, a1=33.3, a2=33.3, b1=33.3)


def test_history(lab):
    """Who had what, and what changed it, the newest first."""
    changes = lab.json("r1", f"show dyncast history {PREFIX[V4]} json")["changes"]
    assert 0 < len(changes) <= 32
    for change in changes:
        when = datetime.datetime.strptime(change["time"], "%Y-%m-%dT%H:%M:%S.%f%z")
        assert change["time"].endswith("Z") and when < datetime.datetime.now(datetime.timezone.utc)
    ages = [change["ageMs"] for change in changes]
    assert ages == sorted(ages)
    causes = {(change["name"], change["cause"], change.get("change")) for change in changes}
    assert ("a1", "verdict", "capped -> no metrics") in causes, causes
    assert any(n == "b1" and "drain" in (change or "") for n, _, change in causes), causes
    assert ("b1", "configuration", None) in causes, causes
    text = lab.vtysh("r1", f"show dyncast history {PREFIX[V4]}")
    assert "verdict capped -> no metrics" in text, text
    assert "no candidates" in lab.vtysh("r1", "show dyncast history nobody")


def plain(lab, service=V4):
    """Nothing of the service is installed."""
    family = "-4" if service == V4 else "-6"
    route = lab.cmd("r1", f"ip {family} route show {PREFIX[service]}")
    enabled = [s["enabled"] for s in lab.forwarding("r1")["services"] if s["prefix"] == PREFIX[service]]
    return "proto bgp" in route and "encap" not in route and enabled == [False]


def steered(lab):
    return sum(c["packets"] for c in lab.explain("r1")["candidates"])


def test_dry_run(lab):
    """Decided and shown, but flows go the way of plain anycast; of one service,
    then of all; and back."""
    dry = OVERRIDE + "dry-run"
    configure(lab, OVERRIDE + "prefix " + PREFIX[V4], dry)
    wait_for("the service to be plain", lambda: plain(lab) or str(lab.explain("r1")), 20)
    assert dry in configured(lab) and not plain(lab, V6)
    assert lab.explain("r1")["dryRun"] and not lab.explain("r1", V6)["dryRun"]
    assert "DRY RUN" in lab.vtysh("r1", f"show dyncast explain {V4}")
    before = steered(lab)
    assert lab.new_flows_at("dry", V4)
    assert steered(lab) == before
    lab.wait_ring("r1", ALL)
    lab.configure("e1", f"dyncast service {V4} instance a1 drain")
    wait_weights(lab, a2=50, b1=50)
    lab.configure("e1", f"no dyncast service {V4} instance a1 drain")
    wait_weights(lab, a1=33.3, a2=33.3, b1=33.3)
    assert plain(lab)
    configure(lab, "no " + dry, "no " + OVERRIDE + "prefix " + PREFIX[V4], "dyncast dry-run")
    for service in (V4, V6):
        wait_for("all to be plain", lambda s=service: plain(lab, s) or "it is not", 20)
    configure(lab, "no dyncast dry-run")
    assert not [line for line in configured(lab) if "dry-run" in line]
    for service in (V4, V6):
        wait_for("all to be steered", lambda s=service: not plain(lab, s) or "plain", 20)
        assert lab.new_flows_at("wet-" + service, service) == set(ALL)
    assert steered(lab) > before
