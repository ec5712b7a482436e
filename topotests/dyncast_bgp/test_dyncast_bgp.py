# SPDX-License-Identifier: GPL-2.0-or-later
r"""The attribute through real BGP networks of FRR routers, in both profiles.

    e1 --- rr1 --- r1         AS 65000: two reflectors that are clients of each
      \   /   \   /           other and of nobody else; all on one LAN
       rr2 ------+
    x1                        AS 65001, next to r1
    m1 --- m2                 a confederation: members 65101 and 65102 of AS 65100

In profile "ietf" every router runs the module.  UPDATEs are counted at s1, a raw
speaker that is a client of rr1.
"""

import pytest

import dyncast_attr as em
from dyncast_agentline import AgentSocket
from dyncast_lan import (
    LanLab,
    PREFIX,
    PREFIX6,
    Router,
    Speaker,
    candidates,
    neighbor,
    path_state,
    service_of,
)
from dyncast_topology import wait_for

ASN = 65000
E1, RR1, RR2, R1, X1, M1, M2 = (f"10.50.0.{n}" for n in range(1, 8))
S1 = "10.50.0.12"
CLIENT = ("route-reflector-client", "addpath-tx-all-paths")
VRF_PREFIX = "10.9.0.9/32"
LEAKED = "10.9.0.10/32"
TWO = "10.9.0.2/32"


def service(name, prefix, address, locator):
    return [
        f"dyncast locator {locator}",
        f"dyncast service {name} prefix {prefix}",
        f"dyncast service {name} advertise interval 100 threshold 10",
        f"dyncast service {name} instance i1 address {address} capacity 100 sid 1",
    ]


@pytest.fixture(scope="module")
def lab(request):
    e1 = Router(1, bgp=neighbor(RR1, ASN) + neighbor(RR2, ASN))
    e1.bgpd = service("web", PREFIX, "10.50.0.21", e1.locator)
    e1.bgpd += service("six", PREFIX6, "2001:db8:50::15", e1.locator)[1:3]
    e1.bgpd += ["dyncast service six instance i6 address 2001:db8:50::15 capacity 60 sid 6"]
    rr1 = Router(2, bgp=neighbor(E1, ASN, *CLIENT) + neighbor(R1, ASN, *CLIENT))
    rr1.bgp += neighbor(RR2, ASN, *CLIENT) + neighbor(S1, ASN, "passive", *CLIENT[:1])
    rr2 = Router(3, bgp=neighbor(E1, ASN, *CLIENT) + neighbor(R1, ASN, *CLIENT))
    rr2.bgp += neighbor(RR1, ASN, *CLIENT)
    r1 = Router(4, bgp=neighbor(RR1, ASN) + neighbor(RR2, ASN) + neighbor(X1, 65001))
    x1 = Router(5, asn=65001, bgp=neighbor(R1, ASN))
    confederation = [" bgp confederation identifier 65100", " bgp confederation peers {}"]
    m1 = Router(6, asn=65101)
    m1.bgp = [line.format(65102) for line in confederation] + neighbor(M2, 65102)
    m1.bgpd = service("conf", "10.9.0.6/32", "10.50.0.26", m1.locator)
    m2 = Router(7, asn=65102)
    m2.bgp = [line.format(65101) for line in confederation] + neighbor(M1, 65101)
    routers = {"e1": e1, "rr1": rr1, "rr2": rr2, "r1": r1, "x1": x1, "m1": m1, "m2": m2}
    lab = LanLab(request.module.__name__, routers, {"h": 21, "s1": 12})
    request.addfinalizer(lab.stop)
    lab.start()
    return lab


@pytest.fixture(scope="module")
def s1(lab):
    return Speaker(lab, "s1", RR1, S1, ASN).wait()


@pytest.fixture(autouse=True)
def all_well(lab):
    yield
    for (router, daemon), pid in lab.pids.items():
        assert lab.daemon_pid(router, daemon) == pid, f"{router}: {daemon} died"


@pytest.fixture(scope="module", params=["transitive", "ietf"])
def profile(request, lab, s1):
    for router in lab.routers:
        lab.configure(router, f"dyncast attribute profile {request.param}")
    lab.wait_sessions()
    code = {"transitive": 250, "ietf": 42}[request.param]
    wait_for("e1's instance at r1", lambda: set(known(lab, "r1")) == {"i1"}, 30)
    return code


def known(lab, router, prefix=PREFIX):
    return candidates(lab, router, prefix)


def wait_capacity(lab, router, value, prefix=PREFIX, name="i1", timeout=15):
    wait_for(
        f"capacity {value} at {router}",
        lambda: known(lab, router, prefix).get(name, {}).get("capacity") == value
        or str(known(lab, router, prefix)),
        timeout,
    )


def test_reflector_pair_comes_to_rest(lab, s1, profile):
    """D3: one change is a bounded number of UPDATEs, however reflectors are meshed."""
    with AgentSocket(lab, "e1", "web") as agent:
        for capacity in (300, 301, 302):
            s1.updates()
            before = service_of(lab, "e1", PREFIX)["updates"]
            agent.report("i1", capacity=capacity)
            wait_capacity(lab, "r1", capacity)
            wait_capacity(lab, "rr2", capacity)
            # a marker over the same sessions: what the change caused is before it
            agent.report("i1", capacity=capacity + 1000)
            found = []

            def marked():
                found.extend(u for u in s1.updates() if PREFIX in u["announced"])
                values = [em.find(u, profile)[0][1] for u in found]
                return any((capacity + 1000).to_bytes(4, "big") in v for v in values)

            wait_for("the marker", marked)
            made = service_of(lab, "e1", PREFIX)["updates"] - before
            assert len(found) <= 2 * made, f"{len(found)} UPDATEs of {made} changes"
            flags = {em.find(u, profile)[0][0] & 0xC0 for u in found}
            assert flags == {0xC0 if profile == 250 else 0x80}


def test_nothing_more_comes(lab, s1, profile):
    """At rest nothing is sent: the next UPDATE is the one that a report causes."""
    wait_capacity(lab, "r1", 1302)
    s1.updates()
    before = service_of(lab, "e1", PREFIX)["updates"]
    # two rounds of everything periodic: the modules look around once a second
    start = lab.json("r1", "show dyncast bgp json")["zebra"]["acks"]
    wait_for(
        "some time of the modules",
        lambda: lab.json("r1", "show dyncast bgp json")["zebra"]["acks"] >= start + 1,
        20,
    )
    made = service_of(lab, "e1", PREFIX)["updates"] - before
    came = [u for u in s1.updates() if PREFIX in u["announced"]]
    assert len(came) <= 2 * made <= 2, (made, came)


def test_ipv6_service(lab, profile):
    wait_capacity(lab, "r1", 60, PREFIX6, "i6")
    (candidate,) = known(lab, "r1", PREFIX6).values()
    assert candidate["kind"] == "srv6" and ":" in candidate["site"]


def test_without_addpath(lab, profile):
    """Both copies of one D-BID are one candidate; with one path left it stays."""
    paths = service_of(lab, "r1", PREFIX)["paths"]
    assert len(paths) >= 2 and len(known(lab, "r1")) == 1
    lab.configure("r1", f"router bgp {ASN}", f"neighbor {RR2} shutdown")
    wait_for("one path", lambda: {p["neighbor"] for p in service_of(lab, "r1", PREFIX)["paths"]} == {RR1})
    assert set(known(lab, "r1")) == {"i1"}
    lab.configure("r1", f"router bgp {ASN}", f"no neighbor {RR2} shutdown")
    wait_for("two again", lambda: len(service_of(lab, "r1", PREFIX)["paths"]) >= 2, 30)


def test_two_sites_want_addpath(lab, s1, profile):
    """s1 is a second site of a service.  Behind reflectors with add-path r1 has
    both; without, the one whose path is the best, and nothing says that there is
    another."""
    flags = {250: 0xC0, 42: 0x80}[profile]
    far = em.attribute(em.instance("2001:db8:e9:0:77::", name=b"far"), flags, profile)
    lines = [f"neighbor {R1} addpath-tx-all-paths"]
    inside = [f"router bgp {ASN}", "address-family ipv4 unicast"]

    def both():
        return set(known(lab, "r1", TWO)) == {"i2", "far"} or str(known(lab, "r1", TWO))

    lab.configure(
        "e1", f"dyncast service two prefix {TWO}",
        "dyncast service two instance i2 address 10.50.0.21 capacity 100 sid 2",
    )  # fmt: skip
    s1.announce(TWO, far)
    wait_for("both sites", both, 30)
    for rr in ("rr1", "rr2"):
        lab.configure(rr, *inside, *["no " + line for line in lines])
    wait_for("the best path's", lambda: set(known(lab, "r1", TWO)) == {"i2"}, 30)
    assert set(known(lab, "rr1", TWO)) == {"i2", "far"}
    for rr in ("rr1", "rr2"):
        lab.configure(rr, *inside, *lines)
    wait_for("both sites again", both, 30)
    s1.withdraw(TWO)
    lab.configure("e1", "no dyncast service two")
    wait_for("no service", lambda: not known(lab, "r1", TWO))
    wait_for("the other service", lambda: set(known(lab, "r1")) == {"i1"}, 30)


def test_path_attribute_discard(lab, profile):
    """bgpd's own line against an attribute is stronger than the module: routes
    stay, metrics do not come."""
    lines = [f"neighbor {rr} path-attribute discard {profile}" for rr in (RR1, RR2)]
    # with its number stock bgpd 10.3 frees the word twice, and ends
    none = [f"no neighbor {rr} path-attribute discard" for rr in (RR1, RR2)]
    again = "clear bgp ipv4 unicast * soft in"
    said = lab.configure("r1", f"router bgp {ASN}", *lines)
    if "%" in said:
        pytest.skip("this FRR has no `path-attribute discard`: " + said.strip().splitlines()[-1])
    lab.vtysh("r1", again)
    wait_for("no metrics", lambda: not known(lab, "r1"))
    assert PREFIX in lab.vtysh("r1", f"show bgp ipv4 unicast {PREFIX}")
    assert known(lab, "rr1")
    lab.configure("r1", f"router bgp {ASN}", *none)
    lab.vtysh("r1", again)
    wait_for("metrics again", lambda: set(known(lab, "r1")) == {"i1"})


def test_ebgp_hop(lab, profile):
    """Inside by default; with external scope the next AS gets it, and believes it
    when told to."""
    assert not service_of(lab, "x1", PREFIX)
    lab.configure("e1", "dyncast service web advertise scope external")
    wait_for("x1 to hear", lambda: path_state(lab, "x1", PREFIX, R1) == "untrusted", 20)
    assert not known(lab, "x1")
    lab.configure("x1", f"dyncast neighbor {R1} accept")
    wait_for("x1 to believe", lambda: set(known(lab, "x1")) == {"i1"})
    lab.configure("x1", f"no dyncast neighbor {R1} accept")
    lab.configure("e1", "no dyncast service web advertise scope external")
    wait_for("x1 to hear nothing", lambda: not service_of(lab, "x1", PREFIX), 20)


def test_confederation(lab, profile):
    """Members are inside: NO_EXPORT does not stop it, and it is trusted."""
    wait_for("m1's instance at m2", lambda: set(known(lab, "m2", "10.9.0.6/32")) == {"i1"}, 20)
    lab.configure("m1", "dyncast service conf advertise as-scope 65100")
    wait_for("its scope", lambda: service_of(lab, "m2", "10.9.0.6/32")["paths"][0].get("site", {}).get("asScope") == 65100)
    assert set(known(lab, "m2", "10.9.0.6/32")) == {"i1"}, "the confederation's own number"
    lab.configure("m1", "no dyncast service conf advertise as-scope 65100")


def test_vrf_instance(lab, profile):
    """A service of a VRF waits for it, and for its BGP instance, and says so.

    With VRF devices: dyncast_vrf.
    """
    lines = [
        f"dyncast service red prefix {VRF_PREFIX} vrf red",
        "dyncast service red instance i1 address 10.50.0.41 capacity 5 sid 41",
    ]
    said = lab.configure("e1", *lines)
    assert "%" not in said
    (red,) = lab.json("e1", "show dyncast service red json")["services"]
    assert red["state"] == "waiting for its VRF"
    assert red["vrf"] == "red" and "vrfId" not in red
    lab.configure("e1", f"router bgp {ASN} vrf red", "bgp router-id 10.0.0.99")
    # the prefix of another VRF is another service
    assert not service_of(lab, "r1", VRF_PREFIX)
    assert lines[0] in lab.vtysh("e1", "show running-config").splitlines()
    lab.configure("e1", f"no router bgp {ASN} vrf red")
    lab.configure("e1", *["no " + line for line in lines])
    assert not lab.json("e1", "show dyncast service red json")["services"]


def test_leaked_to_vpns(lab):
    """Where bgpd exports routes to VPNs, the VPN's copy of ours follows it."""
    unicast = [f"router bgp {ASN}", "address-family ipv4 unicast"]
    export = ["rd vpn export 65000:9", "rt vpn export 65000:9", "export vpn"]
    lines = [
        f"dyncast service leaked prefix {LEAKED}",
        "dyncast service leaked instance i9 address 10.50.0.21 capacity 5 sid 9",
    ]
    scope = "dyncast service leaked advertise scope external"
    copy = lambda: lab.vtysh("e1", f"show bgp ipv4 vpn {LEAKED}")
    assert "%" not in lab.configure("e1", *unicast, *export)
    assert "%" not in lab.configure("e1", *lines)
    wait_for("the copy", lambda: "no-export" in copy() or copy(), 20)
    assert "%" not in lab.configure("e1", scope)
    wait_for("its change", lambda: "no-export" not in copy() or copy())
    assert LEAKED in copy()
    lab.configure("e1", *["no " + line for line in [scope, *reversed(lines)]])
    wait_for("its end", lambda: LEAKED not in copy() or copy(), 20)
    lab.configure("e1", *unicast, *["no " + line for line in reversed(export)])
