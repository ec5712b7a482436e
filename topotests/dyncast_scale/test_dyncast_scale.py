# SPDX-License-Identifier: GPL-2.0-or-later
r"""More prefixes with metrics than a router takes for services.

    t ----- r1 ----- x       t a raw speaker of this domain, x one of another
                             AS, which is not trusted

What finds no room is a plain route, and comes in when room has come.
"""

import contextlib
import os
import re
import socket
import struct

import pytest

import dyncast_attr as em
import raw_bgp
from dyncast_lan import LanLab, Router, Speaker, neighbor, service_of
from dyncast_topology import wait_for
from dyncast_vty import Vty

ASN, FOREIGN = 65000, 65009
T, X = "10.50.0.11", "10.50.0.12"
ROOM = 16384
PER_UPDATE = 250
SITE = "10.0.0.77/32"


@pytest.fixture(scope="module")
def lab(request):
    r1 = Router(1, bgp=neighbor(T, ASN, "passive") + neighbor(X, FOREIGN, "passive"))
    lab = LanLab(request.module.__name__, {"r1": r1}, {"t": 11, "x": 12})
    request.addfinalizer(lab.stop)
    lab.start()
    # bgpd knows its interfaces then, without which it refuses an external session
    wait_for("bgpd and zebra", lambda: state(lab)["zebra"]["synced"])
    return lab


@pytest.fixture(scope="module")
def t(lab):
    return Speaker(lab, "t", "10.50.0.1", T, ASN).wait()


@pytest.fixture(scope="module")
def x(lab):
    return Speaker(lab, "x", "10.50.0.1", X, FOREIGN, "--external").wait()


@pytest.fixture(autouse=True)
def all_well(lab, t, x):
    assert t.up and x.up
    yield
    lab.expect_alive()


def nlri(network, first, count):
    return b"".join(
        b"\x20" + struct.pack("!I", (network << 24) + n) for n in range(first, first + count)
    )


def send(speaker, asn, network, count, withdraw=False, instances=1):
    """Announces (withdraws) the first so many host prefixes of NETWORK.0.0.0/8."""
    path = b"\x40\x02\x00" if asn == ASN else b"\x40\x02\x06\x02\x01" + struct.pack("!I", asn)
    attributes = b"\x40\x01\x01\x00" + path + b"\x40\x03\x04" + socket.inet_aton(speaker.source)
    if asn == ASN:
        attributes += b"\x40\x05\x04" + struct.pack("!I", 100)
    each = (em.instance(f"2001:db8:e1:0:{n:x}::", name=b"many") for n in range(1, instances + 1))
    attributes += em.attribute(b"".join(each))
    file = os.path.join(speaker.lab.logdir, f"{network}.updates")
    with open(file, "wb") as out:
        for first in range(0, count, PER_UPDATE):
            prefixes = nlri(network, first, min(PER_UPDATE, count - first))
            if withdraw:
                body = struct.pack("!H", len(prefixes)) + prefixes + b"\0\0"
            else:
                body = struct.pack("!HH", 0, len(attributes)) + attributes + prefixes
            out.write(raw_bgp.message(raw_bgp.UPDATE, body))
    speaker.ask(do="file", path=file)


def state(lab):
    return lab.json("r1", "show dyncast bgp json")


def wait_prefixes(lab, number):
    wait_for(
        f"{number} services",
        lambda: (now := state(lab)["prefixes"]) == number or f"there are {now}",
        60,
    )


def routes(lab):
    peers = lab.json("r1", "show bgp ipv4 unicast summary json")["peers"]
    return sum(peer["pfxRcd"] for peer in peers.values())


def room_warnings(lab):
    warnings = lab.json("r1", "show dyncast summary json")["bgpd"]["warnings"]
    return [w for w in warnings if "room" in w]


def no_room(lab):
    said = lab.json("r1", "show dyncast forwarding json")["warnings"]
    return [w for w in said if "no room for more instances" in w]


def test_more_instances_than_the_kernel_has_room_for(lab, t):
    """They are told of, and come in when others go."""
    lab.configure("r1", "dyncast hold 1")
    send(t, ASN, 22, 200, instances=20)
    wait_prefixes(lab, 200)
    assert not no_room(lab)
    send(t, ASN, 23, 50, instances=20)
    wait_for("the end of ids", lambda: bool(no_room(lab)) or "there is room", 20)
    assert lab.log("r1", "zebra").count("no room for another instance") == 1
    send(t, ASN, 22, 200, withdraw=True)
    wait_for("room for the others", lambda: not no_room(lab) or no_room(lab), 30)
    send(t, ASN, 23, 50, withdraw=True)
    wait_prefixes(lab, 0)
    lab.configure("r1", "no dyncast hold")


def test_half_for_the_untrusted(lab, x):
    send(x, FOREIGN, 21, ROOM)
    wait_for("the routes of x", lambda: routes(lab) == ROOM or routes(lab), 60)
    wait_prefixes(lab, ROOM // 2)
    assert state(lab)["received"]["noRoom"] >= ROOM // 2


def test_rest_for_the_trusted(lab, t):
    send(t, ASN, 20, ROOM - 1)
    wait_for("all routes", lambda: routes(lab) == 2 * ROOM - 1 or routes(lab), 60)
    wait_prefixes(lab, ROOM)
    assert service_of(lab, "r1", "20.0.0.1/32")["candidates"]
    # the first without room: a plain route
    assert not service_of(lab, "r1", f"20.0.{ROOM // 512}.0/32")
    assert lab.json("r1", f"show bgp ipv4 unicast 20.0.{ROOM // 512}.0/32 json")["paths"]
    assert room_warnings(lab)


def test_who_does_not_read_cuts_no_answer(lab):
    """Of others in vtysh: sixteen long answers wait for their readers."""
    ask = "show dyncast forwarding json"
    with contextlib.ExitStack() as stack:
        for _ in range(16):
            other = stack.enter_context(Vty(lab, "r1", "zebra"))
            other.sock.sendall(ask.encode() + b"\0")
        answer = stack.enter_context(Vty(lab, "r1", "zebra")).json(ask)
    assert not answer["more"] and len(answer["services"]) > ROOM // 2


def test_configured_and_sites_find_room(lab, t):
    lab.configure("r1", "dyncast service own prefix 10.9.9.9/32")
    wait_prefixes(lab, ROOM + 1)
    t.announce(SITE, em.attribute(em.availability(50, site=7)))
    wait_for(
        "the statement of a site",
        lambda: [s["siteId"] for s in state(lab)["sites"]] == [7] or state(lab)["sites"],
    )
    lab.configure("r1", "no dyncast service own")


def test_room_that_comes_is_taken(lab, t, x):
    send(x, FOREIGN, 21, ROOM, withdraw=True)
    wait_for("the routes of t alone", lambda: routes(lab) == ROOM or routes(lab), 60)
    # x's services go, and the tables are looked through every ten seconds
    wait_for("room for all", lambda: not room_warnings(lab) or room_warnings(lab), 60)
    assert state(lab)["prefixes"] == ROOM
    assert service_of(lab, "r1", f"20.0.{ROOM // 512}.0/32")["candidates"]


def test_one_cause_fills_no_log(lab):
    """Each service in a dry run says so, some of them in a log."""
    before = lab.log("r1", "zebra")
    lab.configure("r1", "dyncast dry-run")
    wait_for("the last line", lambda: len(said := left_out(lab, before)) and sum(said) > 9000, 60)
    lines = lab.log("r1", "zebra")[len(before) :].count(": dry run: ")
    seconds = len(left_out(lab, before)) + 1
    assert 0 < lines <= 20 * seconds
    lab.configure("r1", "no dyncast dry-run")


def left_out(lab, before):
    text = lab.log("r1", "zebra")[len(before) :]
    return [int(n) for n in re.findall(r"(\d+) more of these left out: .* dry run", text)]
