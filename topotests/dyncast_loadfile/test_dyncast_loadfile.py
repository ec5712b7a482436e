# SPDX-License-Identifier: GPL-2.0-or-later
r"""`dyncast services load FILE` and `dyncast forwarding load FILE`, by vtysh.

    c1 ---- r1 ---- core ---- e1 --+-- a1   site 1
  clients            |             +-- a2
                     +------- e2 ----- b1   site 2

Daemons as an operator runs them, without --tcli.  e2 is the router whose
configuration is turned over.
"""

import json
import os

import pytest

import dyncast_small as small
from dyncast_model import (
    FORWARDING, FORWARDING_LINES, NAMESPACE, SERVICES, SERVICES_LINES, WITHOUT_EFFECT, plain, xml_of,
)  # fmt: skip
from dyncast_small import V4
from dyncast_vty import Vty

ALL = ("a1", "a2", "b1")
DAEMON = {"services": "bgpd", "forwarding": "zebra"}
EVERYTHING = [
    ("services", SERVICES, SERVICES_LINES),
    ("forwarding", FORWARDING, FORWARDING_LINES),
]
IDS = list(DAEMON)


@pytest.fixture(scope="module")
def lab(lab_of):
    return lab_of(small.SmallLab, members=ALL).wait_steering()


def running(lab, router, container):
    """Our part of the northbound's running configuration, as data."""
    with Vty(lab, router, DAEMON[container]) as vty:
        return vty.json("show configuration running json").get("frr-dyncast:" + container, {})


def file_of(lab, text, name="load.json"):
    """The path of a file with this text (or data) that daemons of e2 can read."""
    path = os.path.join(lab.logdir, "e2", "conf", name)
    with open(path, "w", encoding="ascii") as out:
        out.write(text if isinstance(text, str) else json.dumps(text))
    return path


def load(lab, container, data, *more):
    """What vtysh says to it: nothing when all is well."""
    path = file_of(lab, data if isinstance(data, str) else {"frr-dyncast:" + container: data})
    return lab.vtysh("e2", " ".join(("dyncast", container, "load", path) + more))


def loaded(lab, container, data):
    said = load(lab, container, data)
    assert "%" not in said and "nknown" not in said, said


def lines(lab):
    """All of the router's configuration: our lines, and the others."""
    text = lab.vtysh("e2", "show running-config").splitlines()
    ours = [line for line in text if line.startswith("dyncast ")]
    return sorted(ours), [line for line in text if not line.startswith("dyncast ")]


@pytest.mark.parametrize("form", ["json", "xml"])
@pytest.mark.parametrize("container,data,expected", EVERYTHING, ids=IDS)
def test_every_leaf(lab, container, data, expected, form):
    """What is in the file takes the container's place, and nothing else's."""
    before = running(lab, "e2", container)
    ours, others = lines(lab)
    loaded(lab, container, data if form == "json" else xml_of(container, data, NAMESPACE))
    now, others_now = lines(lab)
    # zebra of e2 has no line of ours
    assert now == sorted(expected if container == "services" else expected + ours)
    assert others_now == others
    assert plain(running(lab, "e2", container)) == plain(data)

    # and goes with the next file
    loaded(lab, container, before)
    assert lines(lab) == (ours, others)
    assert plain(running(lab, "e2", container)) == plain(before)


def test_steering_follows(lab):
    """An instance that the file does not have gets no flow; one that it has again, does."""
    whole = running(lab, "e2", "services")
    without = json.loads(json.dumps(whole))
    for service in without["service"]:
        del service["instance"]
    lab.wait_ring("r1", ALL)
    loaded(lab, "services", without)
    lab.wait_ring("r1", ("a1", "a2"))
    loaded(lab, "services", whole)
    lab.wait_ring("r1", ALL)
    assert lab.new_flows_at("new", V4) == set(ALL)


def updates(lab):
    """{service: UPDATEs that e2 has sent, but for age}"""
    services = lab.json("e2", "show dyncast service json")["services"]
    return {s["name"]: s["updates"] - s["refreshes"] for s in services}


def test_same_again_is_no_change(lab):
    """Loading what is in force tells nobody anything new."""
    before = lines(lab)
    sent = updates(lab)
    loaded(lab, "services", running(lab, "e2", "services"))
    assert lines(lab) == before
    assert updates(lab) == sent


def test_check_changes_nothing(lab):
    """But says what a load would say."""
    before = lines(lab)
    for container, data, _ in EVERYTHING:
        said = load(lab, container, data, "check")
        assert "%" not in said, said
        assert lines(lab) == before
    bad = {"service": [{"name": "bad", "prefix": "10.255.9.1/32",
                        "instance": [{"name": "x", "address": "10.255.9.1"}]}]}  # fmt: skip
    said = load(lab, "services", bad, "check")
    assert "% dyncast: " in said and "service's own address" in said, said
    assert lines(lab) == before


REFUSED = {
    "range": ("services", {"drain": True, "attribute": {"size": 255}}, "."),
    "what-two-leaves-say": (
        "services", {"drain": True, "site": {"loopback": {"address": "10.0.0.7"}}}, "go together",
    ),
    "no-leaf": ("services", {"drain": True, "colour": "red"}, "colour"),
    "zebra's": ("forwarding", {"hold": 86401}, "."),
    "other-daemon": ("services", '{"frr-dyncast:forwarding": {"hold": 5}}', "has to have /frr-dyncast:services"),
    "other-daemon's-beside": (
        "services",
        '{"frr-dyncast:services": {"drain": true}, "frr-dyncast:forwarding": {"hold": 5}}',
        "nothing else",
    ),
    "cut-short": ("services", '{"frr-dyncast:services": {"drain": tr', "."),
    "empty": ("services", "", "."),
    **WITHOUT_EFFECT,
}  # fmt: skip


@pytest.mark.parametrize("what", REFUSED)
def test_refused_as_a_whole(lab, what):
    """Not even the good leaf beside the bad one."""
    container, data, why = REFUSED[what]
    before, stored = lines(lab), running(lab, "e2", container)
    for more in ((), ("check",)):
        said = load(lab, container, data, *more)
        assert "% dyncast: " in said and (why == "." or why in said), said
        assert lines(lab) == before
        assert running(lab, "e2", container) == stored


def test_no_file(lab):
    before = lines(lab)
    folder = os.path.join(lab.logdir, "e2", "conf")
    for path, why in ((folder + "/none", "No such file"), (folder, "is no file")):
        for container in DAEMON:
            said = lab.vtysh("e2", f"dyncast {container} load {path}")
            assert f"% dyncast: {path}: {why}" in said, said
    assert lines(lab) == before


def test_daemons_live(lab):
    lab.expect_alive()
