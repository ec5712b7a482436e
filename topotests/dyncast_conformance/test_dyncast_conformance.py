# SPDX-License-Identifier: GPL-2.0-or-later
r"""Conformance of the attribute: a table of cases, sent byte by byte.

    p1  raw speaker ----+
                        |---- r1  route reflector with the modules
    p2  raw speaker ----+
                        |
    p3  raw speaker ----+     in another AS
                        |
    p4  raw speaker ----+     with add-path

p1 sends each case to r1.  What r1's module makes of it, and what r1 passes on to
p2 (flags, code, bytes, number of UPDATEs), are compared with the table, for both
profiles.  Before each case a good one is sent, taken and passed on: the positive
control.  Sections: EM = draft-ietf-idr-5g-edge-service-metadata,
7606 = RFC 7606, 4271 = RFC 4271, W = doc/wire-format.rst.
"""

import collections

import pytest

import dyncast_attr as em
from dyncast_attr import attribute, instance, subtlv
from dyncast_lan import LanLab, PREFIX, PREFIX6, Router, Speaker, candidates, neighbor
from dyncast_lan import path_state, service_of
from dyncast_topology import wait_for

ASN = 65000
P1, P2, P3, P4 = (f"10.50.0.{n}" for n in range(11, 15))


@pytest.fixture(scope="module")
def lab(request):
    client = ("passive", "route-reflector-client")
    r1 = Router(
        1,
        bgp=neighbor(P1, ASN, *client)
        + neighbor(P2, ASN, *client)
        + neighbor(P3, 65003, "passive")
        + neighbor(P4, ASN, *client),
    )
    r1.bgp += [" address-family ipv4 multicast"]
    for peer in (P1, P2):
        r1.bgp += [f"  neighbor {peer} activate", f"  neighbor {peer} route-reflector-client"]
    r1.bgp += [" exit-address-family"]
    hosts = {"p1": 11, "p2": 12, "p3": 13, "p4": 14}
    lab = LanLab(request.module.__name__, {"r1": r1}, hosts)
    request.addfinalizer(lab.stop)
    lab.start()
    return lab


@pytest.fixture(scope="module")
def p1(lab):
    return Speaker(lab, "p1", "10.50.0.1", P1, ASN, "--multicast").wait()


@pytest.fixture(scope="module")
def p2(lab):
    return Speaker(lab, "p2", "10.50.0.1", P2, ASN, "--multicast").wait()


@pytest.fixture(scope="module")
def p3(lab):
    return Speaker(lab, "p3", "10.50.0.1", P3, 65003, "--external").wait()


@pytest.fixture(autouse=True)
def all_well(lab, p1, p2, p3):
    yield
    for (router, daemon), pid in lab.pids.items():
        assert lab.daemon_pid(router, daemon) == pid, f"{router}: {daemon} died"
    for speaker in (p1, p2, p3):
        assert speaker.up, speaker.ask(do="state")


@pytest.fixture(scope="module", params=["transitive", "ietf"])
def profile(request, lab, p1):
    """(code, flags) of the profile in force"""
    lab.configure("r1", f"dyncast attribute profile {request.param}")
    answer = lab.json("r1", "show dyncast bgp json")
    assert answer["profile"] == request.param
    yield {"transitive": (250, 0xC0), "ietf": (42, 0x80)}[request.param]
    p1.withdraw(PREFIX)
    wait_for("the path to go", lambda: path_state(lab, "r1", PREFIX, P1) is None)
    lab.configure("r1", "no dyncast attribute profile ietf")


def received(lab):
    return lab.json("r1", "show dyncast bgp json")["received"]


def passed_on(speaker, prefix=PREFIX, timeout=10):
    """UPDATEs of a prefix that came, once there is one."""
    found = []

    def came():
        found.extend(u for u in speaker.updates() if prefix in u["announced"])
        return bool(found)

    wait_for(f"an UPDATE of {prefix}", came, timeout, every=0.02)
    return found


def good(lab, p1, p2, profile, number):
    """The positive control: taken, and passed on as it is."""
    code, flags = profile
    value = instance(name=b"control", capacity=number)
    p1.announce(PREFIX, attribute(value, flags, code))
    wait_for(
        "the control to be taken",
        lambda: candidates(lab, "r1", PREFIX).get("control", {}).get("capacity") == number,
        every=0.05,
    )
    seen = []

    def passed():
        # what was said before may come late
        seen.extend(u for u in p2.updates() if PREFIX in u["announced"])
        found = em.find(seen[-1], code) if seen else []
        return bool(found) and found[0][1] == value or str(seen[-1:])

    wait_for("the control to be passed on", passed, 10)


# name; flags to xor onto the profile's; hex of the value, or None for no
# attribute; what becomes of the path; what is passed on ("same", "none"); section
Case = collections.namedtuple("Case", "name xor value outcome passes section")

GOOD = instance()
TABLE = [
    # accepted
    Case("instance", 0, GOOD, "metrics", "same", "W"),
    Case("two-instances", 0, GOOD + instance("2001:db8:e1:0:98::", name=b"two"), "metrics", "same", "W"),
    Case("adjacent-ipv4", 0, instance("10.50.0.77", em.KIND_ADJACENT), "metrics", "same", "W"),
    Case("site-preference", 0, em.u32(em.PREFERENCE, 77) + GOOD, "metrics", "same", "EM 4.1"),
    Case("preference-zero-ignored", 0, em.u32(em.PREFERENCE, 0) + GOOD, "metrics", "same", "EM 4.1"),
    Case("availability-tied", 0, em.availability(95, 300, True) + GOOD, "metrics", "same", "EM 4.2"),
    Case("availability-over-100", 0, em.availability(101) + GOOD, "metrics", "same", "EM 4.2"),
    Case("delay-ms", 0, em.u32(em.DELAY, 12) + GOOD, "metrics", "same", "EM 4.3"),
    Case("delay-index", 0, em.u32(em.DELAY, 100, 0x80) + GOOD, "metrics", "same", "EM 4.3"),
    Case("delay-ntp", 0, subtlv(em.DELAY, b"\x40" + bytes(4) + b"\x80\0\0\0") + GOOD, "metrics", "same", "EM 4.3"),
    Case("raw-measurement", 0, em.raw_measurement(10, 2000, 1000) + GOOD, "metrics", "same", "EM 4.4"),
    Case("capability", 0, em.u32(em.CAPABILITY, 50) + GOOD, "metrics", "same", "EM 4.5"),
    Case("capability-other-mt", 0, em.u32(em.CAPABILITY, 50, 5) + GOOD, "metrics", "same", "EM 4.5"),
    Case("capability-repeated", 0, em.u32(em.CAPABILITY, 50) + em.u32(em.CAPABILITY, 60) + GOOD, "metrics", "same", "EM 4.5"),
    Case("resource-percent", 0, em.u32(em.RESOURCE, 60, 0x80) + GOOD, "metrics", "same", "EM 4.6"),
    Case("as-scope-ours", 0, em.u32(em.AS_SCOPE, ASN) + GOOD, "metrics", "same", "EM 4.7"),
    Case("policy", 0, em.policy(action=2) + GOOD, "metrics", "same", "W"),
    Case("unknown-subtlv-kept", 0, subtlv(4711, b"future") + GOOD, "metrics", "same", "EM 5, CATS R8"),
    Case("unknown-kind-kept", 0, instance("2001:db8:e1:0:77::", kind=77) + GOOD, "metrics", "same", "W"),
    Case("reserved-bits-ignored", 0, em.u32(em.PREFERENCE, 7, 0xFF) + GOOD, "metrics", "same", "EM 4"),
    Case("flag-low-bits-cleared", 0x0F, GOOD, "metrics", "same", "4271 4.3"),
    Case("long-value", 0, GOOD + b"".join(subtlv(5000 + n, bytes(250)) for n in range(3)), "metrics", "same", "4271 4.3"),
    Case("no-attribute", 0, None, "plain", "none", "EM 5"),
    # another AS's
    Case("as-scope-foreign", 0, em.u32(em.AS_SCOPE, 65111) + GOOD, "out of scope", "same", "EM 4.7"),
    # malformed: no metrics, the route and the session stay
    Case("empty", 0, b"", "malformed", "same", "7606 3"),
    Case("half-a-header", 0, b"\xff\0", "malformed", "same", "7606 3"),
    Case("subtlv-past-the-end", 0, GOOD[:-5], "malformed", "same", "7606 3"),
    Case("short-preference", 0, subtlv(em.PREFERENCE, bytes(4)) + GOOD, "malformed", "same", "EM 4.1"),
    Case("long-availability", 0, subtlv(em.AVAILABILITY, bytes(6)) + GOOD, "malformed", "same", "EM 4.2"),
    Case("delay-of-6", 0, subtlv(em.DELAY, bytes(6)) + GOOD, "malformed", "same", "EM 4.3"),
    Case("delay-index-101", 0, em.u32(em.DELAY, 101, 0x80) + GOOD, "malformed", "same", "EM 4.3"),
    Case("raw-inner-past-the-end", 0, subtlv(em.RAW, b"\0\0\1\xff\0") + GOOD, "malformed", "same", "EM 4.4"),
    Case("resource-percent-101", 0, em.u32(em.RESOURCE, 101, 0x80) + GOOD, "malformed", "same", "EM 4.6"),
    Case("as-scope-of-3", 0, subtlv(em.AS_SCOPE, bytes(3)) + GOOD, "malformed", "same", "EM 4.7"),
    Case("instance-too-short", 0, subtlv(em.INSTANCE, b"\x02\x06\0\x01"), "malformed", "same", "W"),
    Case("dbid-multicast", 0, instance("ff02::1"), "malformed", "same", "W"),
    Case("dbid-zero", 0, instance("::"), "malformed", "same", "W"),
    Case("name-control-characters", 0, instance(name=b"a\x1b[2J"), "malformed", "same", "W"),
    Case("capacity-zero", 0, instance(capacity=0), "malformed", "same", "W"),
    Case("utilisation-over-100", 0, instance(utilisation=10001), "malformed", "same", "W"),
    Case("score-11", 0, instance(score=11), "malformed", "same", "W"),
    Case("one-dbid-twice", 0, GOOD + instance(name=b"two"), "malformed", "same", "W"),
    Case("65-instances", 0, b"".join(instance(f"2001:db8:e1:0:{n:x}::", name=b"") for n in range(1, 66)), "malformed", "same", "W"),
    Case("noise", 0, bytes((7 * n * n + n) % 256 for n in range(3000)), "malformed", "same", "7606 3"),
    # wrong flags: the attribute is dropped, the route and the session stay
    Case("other-transitivity", 0x40, GOOD, "plain", "none", "7606 3.c"),
    Case("well-known", 0x80, GOOD, "plain", "none", "7606 3.c"),
]


@pytest.mark.parametrize("case", TABLE, ids=[case.name for case in TABLE])
def test_case(lab, p1, p2, profile, case):
    code, flags = profile
    good(lab, p1, p2, profile, 1 + TABLE.index(case))
    before = received(lab)
    extra = b"" if case.value is None else attribute(case.value, flags ^ case.xor, code)
    p1.announce(PREFIX, extra)
    # a plain path is of no interest to the module: it may forget it
    outcomes = ("plain", None) if case.outcome == "plain" else (case.outcome,)
    wait_for(case.outcome, lambda: path_state(lab, "r1", PREFIX, P1) in outcomes, 10)

    # what it counts as, and does
    after = received(lab)
    malformed = [sum(r["malformed"].values()) for r in (before, after)]
    assert malformed[1] - malformed[0] == (case.outcome == "malformed")
    names = set(candidates(lab, "r1", PREFIX))
    assert bool(names) == (case.outcome == "metrics"), names
    assert PREFIX in lab.vtysh("r1", f"show bgp ipv4 unicast {PREFIX}")

    # what is passed on: one UPDATE, our attribute once or not at all
    (update,) = passed_on(p2)
    found = em.find(update, code)
    if case.passes == "none":
        assert not found
    else:
        ((got, value),) = found
        assert value == case.value
        assert got & 0x0F == 0, "low bits of the flags"
        # Partial is for what crossed a router that does not know it
        assert got & ~0x30 == flags and (code == 250 or not got & 0x20)


def test_repeated_attribute(lab, p1, p2, profile):
    """RFC 7606 3.g: the first counts; stock 8.4 would reset the session."""
    code, flags = profile
    one = attribute(instance(name=b"first"), flags, code)
    two = attribute(instance(name=b"second"), flags, code)
    before = received(lab)["repeated"]
    p1.announce(PREFIX, one + two)
    wait_for("the first", lambda: set(candidates(lab, "r1", PREFIX)) == {"first"})
    assert received(lab)["repeated"] == before + 1
    found = em.find(passed_on(p2)[-1], code)
    assert [value for _, value in found] == [instance(name=b"first")]


def test_withdraw_and_return(lab, p1, p2, profile):
    good(lab, p1, p2, profile, 7)
    p1.withdraw(PREFIX)
    wait_for("the path to go", lambda: path_state(lab, "r1", PREFIX, P1) is None)
    good(lab, p1, p2, profile, 8)


def test_plain_path_is_shown(lab, p1, p2, profile):
    """Where a line names the service; without one nobody knows it for a service."""
    good(lab, p1, p2, profile, 9)
    p1.announce(PREFIX)
    command = f"show dyncast service {PREFIX}"
    wait_for("no service", lambda: lab.vtysh("r1", command).startswith("% There is no service"))
    line = f"dyncast service shown prefix {PREFIX}"
    lab.configure("r1", line)
    wait_for("the path", lambda: f"path of {P1}: plain" in lab.vtysh("r1", command))
    lab.configure("r1", "no " + line)


def test_ipv6_by_mp_reach(lab, p1, p2, profile):
    code, flags = profile
    value = instance(name=b"six")
    p1.announce(PREFIX6, attribute(value, flags, code))
    wait_for("the instance", lambda: set(candidates(lab, "r1", PREFIX6)) == {"six"})
    ((got, passed),) = em.find(passed_on(p2, PREFIX6)[-1], code)
    assert passed == value and got & 0xC0 == flags
    p1.withdraw(PREFIX6)
    wait_for("the path to go", lambda: path_state(lab, "r1", PREFIX6, P1) is None)


def test_other_tables(lab, p1, p2, profile):
    """It leaves every table as it came, not only those that services are in."""
    code, flags = profile
    prefix = "10.9.0.5/32"
    p1.announce(prefix, attribute(instance(), flags, code), safi=2)
    ((got, value),) = em.find(passed_on(p2, prefix)[-1], code)
    assert value == instance() and got & 0xC0 == flags
    p1.withdraw(prefix, safi=2)
    wait_for("it to go", lambda: prefix not in lab.vtysh("r1", "show bgp ipv4 multicast"))


def test_one_update_for_each(lab, p1, p2, profile):
    """Every change is passed on once, with its bytes, also in fast mode; the same
    bytes again are no change."""
    code, flags = profile
    for fast in ("no dyncast advertise fast", "dyncast advertise fast"):
        lab.configure("r1", fast)
        good(lab, p1, p2, profile, 11)
        p2.updates()
        for number in range(20):
            value = instance(name=b"one", capacity=1000 + number)
            p1.announce(PREFIX, attribute(value, flags, code))
            (update,) = passed_on(p2)
            assert em.find(update, code)[0][1] == value
        p1.announce(PREFIX, attribute(value, flags, code), repeat=30)
        # whatever those caused is on the wire before this one
        good(lab, p1, p2, profile, 12)
        assert not [u for u in p2.updates() if PREFIX in u["announced"]]
    lab.configure("r1", "no dyncast advertise fast")


def test_soft_clear(lab, p1, p2, profile):
    """What is read again from bgpd's own copy still has the attribute."""
    code, _ = profile
    lab.configure("r1", f"router bgp {ASN}", f"neighbor {P1} soft-reconfiguration inbound")
    wait_for("the session", lambda: p1.up)
    good(lab, p1, p2, profile, 21)
    before = received(lab)["decoded"]
    lab.vtysh("r1", f"clear bgp ipv4 unicast {P1} soft in")
    lab.vtysh("r1", f"clear bgp ipv4 unicast {P2} soft out")
    assert em.find(passed_on(p2)[-1], code)
    assert set(candidates(lab, "r1", PREFIX)) == {"control"}
    assert received(lab)["decoded"] == before, "the same bytes are not read again"
    # bgpd's copy is of this profile alone: for the other one p1 is asked, and again
    asked = lambda: p1.ask(do="updates")["refreshes"]
    both = ("transitive", "ietf")
    for name in both if code == em.IETF else reversed(both):
        before = asked()
        lab.configure("r1", f"dyncast attribute profile {name}")
        wait_for("the question", lambda: asked() > before)
    lab.configure("r1", f"router bgp {ASN}", f"no neighbor {P1} soft-reconfiguration inbound")


def test_other_attributes_are_left_alone(p1, p2, profile):
    """Unknown ones that are not ours go through as without the module."""
    other, code = attribute(b"\1\2\3", 0xC0, 251), profile[0]
    p1.announce(PREFIX, other)
    wait_for(
        "it",
        lambda: [(0xE0, b"\1\2\3")] in [em.find(u, 251) for u in passed_on(p2)],
    )
    p1.announce(PREFIX, attribute(b"\1\2\3", 0x80, 251) + b"\x80\x04\x04\0\0\0\x07")
    seen = []

    def second():
        # what was said before may come late
        seen.extend(u for u in p2.updates() if PREFIX in u["announced"])
        return True if seen and em.find(seen[-1], 4) == [(0x80, b"\0\0\0\7")] else str(seen[-1:])

    wait_for("the second", second)
    assert not em.find(seen[-1], 251) and not em.find(seen[-1], code)


def test_trust(lab, p1, p3, profile):
    """Another AS is believed where the configuration says so, and its policy
    where that says so too."""
    code, flags = profile
    value = attribute(em.policy(action=2) + instance(name=b"ext"), flags, code)
    p1.withdraw(PREFIX)
    p3.announce(PREFIX, value)
    wait_for("untrusted", lambda: path_state(lab, "r1", PREFIX, P3) == "untrusted")
    lab.configure("r1", f"dyncast neighbor {P3} accept")
    wait_for("metrics", lambda: set(candidates(lab, "r1", PREFIX)) == {"ext"})
    assert service_of(lab, "r1", PREFIX)["select"] == "spread"
    lab.configure("r1", f"dyncast neighbor {P3} policy accept")
    wait_for("its policy", lambda: service_of(lab, "r1", PREFIX)["select"] == "best")
    lab.configure("r1", f"no dyncast neighbor {P3} policy accept", f"no dyncast neighbor {P3} accept")
    wait_for("untrusted", lambda: path_state(lab, "r1", PREFIX, P3) == "untrusted")
    p3.withdraw(PREFIX)


def test_dbid_prefixes(lab, p1, profile):
    """With `dbid-prefix`, D-BIDs of elsewhere are counted and not followed."""
    code, flags = profile
    value = instance("2001:db8:e1:0:11::", name=b"in") + instance("2001:db8:bad:0:11::", name=b"out")
    p1.announce(PREFIX, attribute(value, flags, code))
    wait_for("both", lambda: set(candidates(lab, "r1", PREFIX)) == {"in", "out"})
    before = received(lab)["filtered"]
    lab.configure("r1", "dyncast dbid-prefix 2001:db8:e1::/48")
    wait_for("one to go", lambda: set(candidates(lab, "r1", PREFIX)) == {"in"})
    (path,) = service_of(lab, "r1", PREFIX)["paths"]
    assert path["filtered"] == 1 and received(lab)["filtered"] > before
    lab.configure("r1", "no dyncast dbid-prefix 2001:db8:e1::/48")
    wait_for("it to come back", lambda: set(candidates(lab, "r1", PREFIX)) == {"in", "out"})


def test_policy_refused(lab, p1, profile):
    """iBGP's policy is followed unless neighbor or service say otherwise."""
    code, flags = profile
    p1.announce(PREFIX, attribute(em.policy(action=2) + instance(), flags, code))
    select = lambda: service_of(lab, "r1", PREFIX).get("select")
    wait_for("the policy", lambda: select() == "best")
    lab.configure("r1", f"dyncast neighbor {P1} policy refuse")
    wait_for("it to be refused", lambda: select() == "spread")
    lab.configure("r1", f"dyncast service x prefix {PREFIX}", "dyncast service x policy accept")
    wait_for("the service's own line", lambda: select() == "best")
    lab.configure("r1", f"no dyncast neighbor {P1} policy refuse", "dyncast service x policy refuse")
    wait_for("the service's own line", lambda: select() == "spread")
    lab.configure("r1", "no dyncast service x")


def test_standalone_site_update(lab, p1, profile):
    """Type 2 with I=0 for a next hop acts on all routes of its site (EM 4.2)."""
    code, flags = profile
    found = lambda: candidates(lab, "r1", PREFIX).get("raw", {})
    wanted = lambda: round(found().get("wantedPercent", 100))
    value = instance(capacity=100) + em.availability(100, 5, True)
    p1.announce(PREFIX, attribute(value, flags, code))
    wait_for("all of it", lambda: found() and wanted() == 100)
    loopback = P1 + "/32"
    p1.announce(loopback, attribute(em.availability(40, 5), flags, code))
    wait_for("40 %", lambda: wanted() == 40 or str(found()))
    assert not found()["drain"]
    # another site behind the same next hop is not meant
    p1.announce(loopback, attribute(em.availability(40, 6), flags, code))
    wait_for("not this site", lambda: wanted() == 100)
    p1.announce(loopback, attribute(em.availability(0, 5), flags, code))
    wait_for("no new flows", lambda: found().get("drain"))
    # it is not taken for a service
    assert not candidates(lab, "r1", loopback)
    p1.withdraw(loopback)
    wait_for("all of it", lambda: found() and wanted() == 100)


def test_statements_of_one_router(lab, p1, profile):
    """What a router says is of its own routes, not of those that it passes on from
    another AS; of several sites behind it, of the one that is named."""
    code, flags = profile
    outside = "10.9.0.3/32"
    say = lambda prefix, value, **more: p1.announce(prefix, attribute(value, flags, code), **more)

    def wanted(prefix):
        found = candidates(lab, "r1", prefix).get("raw", {})
        return round(found.get("wantedPercent", 100)) if found else None

    say(PREFIX, instance(capacity=100) + em.availability(100, 5, True))
    say(outside, instance(capacity=100), nexthop=P2, via=65099)
    say("10.50.0.98/32", em.availability(70, 6))
    wait_for("them", lambda: (wanted(PREFIX), wanted(outside)) == (100, 100))
    say("10.50.0.99/32", em.availability(40, 5))
    wait_for("site 5 to have 40 %", lambda: wanted(PREFIX) == 40 or wanted(PREFIX))
    assert wanted(outside) == 100
    for prefix in ("10.50.0.98/32", "10.50.0.99/32", outside):
        p1.withdraw(prefix)
    wait_for("all of it", lambda: wanted(PREFIX) == 100 and wanted(outside) is None)


def test_site_preference(lab, p1, p2, profile):
    """A site is wanted relative to the most preferred one."""
    code, flags = profile
    wanted = lambda: {
        n: round(c.get("wantedPercent", 100)) for n, c in candidates(lab, "r1", PREFIX).items()
    }
    for speaker, name, preference in ((p1, b"one", 100), (p2, b"two", 50)):
        dbid = "2001:db8:e1:0:11::" if name == b"one" else "2001:db8:e2:0:11::"
        value = em.u32(em.PREFERENCE, preference) + instance(dbid, name=name)
        speaker.announce(PREFIX, attribute(value, flags, code))
    wait_for("half", lambda: wanted() == {"one": 100, "two": 50} or str(wanted()))
    p2.withdraw(PREFIX)
    wait_for("no comparison", lambda: wanted() == {"one": 100} or str(wanted()))

def test_more_than_a_set_holds(lab, profile):
    """Of more than 256 candidates those stay that zebra has, whichever path comes
    last; nobody is taken for removed."""
    code, flags = profile
    prefix = "10.9.0.4/32"
    p4 = Speaker(lab, "p4", "10.50.0.1", P4, ASN, "--addpath").wait()

    def announce(site):
        value = b"".join(instance(f"2001:db8:e1:0:{site}:{n}::", name=b"") for n in range(1, 61))
        nexthop = f"10.50.0.{20 + site}"
        p4.announce(prefix, attribute(value, flags, code), nexthop=nexthop, pathId=site)

    def sites():
        """{site: how many candidates}"""
        found = [name.split(":")[4] for name in candidates(lab, "r1", prefix)]
        return {int(site): found.count(site) for site in set(found)}

    for site in range(1, 5):
        announce(site)
    wait_for("four sites", lambda: sites() == {n: 60 for n in range(1, 5)} or sites())
    announce(5)
    full = {1: 60, 2: 60, 3: 60, 4: 60, 5: 16}
    wait_for("as many as fit", lambda: sites() == full or sites())
    service = service_of(lab, "r1", prefix)
    assert service["candidatesLeftOut"] == 44
    assert sorted(service["sites"]) == [f"10.50.0.{20 + n}" for n in range(1, 5)]
    p4.withdraw(prefix, pathId=1)
    wait_for("room", lambda: sites() == {n: 60 for n in range(2, 6)} or sites())
    announce(1)
    full = {2: 60, 3: 60, 4: 60, 5: 60, 1: 16}
    wait_for("as many as fit", lambda: sites() == full or sites())
    assert "10.50.0.21" not in service_of(lab, "r1", prefix)["sites"]
    summary = lab.vtysh("r1", "show dyncast summary")
    assert "44 instances of other sites are more than" in summary, summary
    assert f"the paths of {prefix} name 44 instances" in lab.log("r1", "bgpd")
    p4.stop()
