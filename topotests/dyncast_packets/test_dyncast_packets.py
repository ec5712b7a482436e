# SPDX-License-Identifier: GPL-2.0-or-later
r"""Packets that other software forgets, on running routers.

    c1 ---- r1 ---- core ---- e1 --+-- a1   SRv6
  clients   |        |             +-- a2   IP-in-IP
            +-- l1   +------- e2 ----- b1   SRv6
          adjacent

All links have an MTU of 1500, so a tunnel takes 1460 or 1480 octets.
"""

import subprocess

import pytest

import dyncast_small as small
import dyncast_traffic as traffic
from dyncast_small import ADDRESS, CLIENTS, INSTANCES, V4, V6
from dyncast_topology import wait_for

ALL = set(INSTANCES)
BULK = 10_000_000
FAMILIES = (V4, V6)


def adapt(router, conf):
    if router == "e1":
        for service in FAMILIES:
            conf["bgpd"] += [f"dyncast service {service} instance a2 encapsulation ipip"]


@pytest.fixture(scope="module")
def lab(lab_of):
    lab = lab_of(small.SmallLab, adapt=adapt)
    traffic.start_servers(lab)
    lab.start_bulk()
    for service in FAMILIES:
        lab.wait_ring("r1", ALL, service)
    wait_for(
        "the device that answers for IP-in-IP",
        lambda: "dyncast-out" in lab.cmd("r1", "ip route show " + small.PREFIX[V4]) or "no route",
        10,
    )
    return lab


def test_kinds(lab):
    for service in FAMILIES:
        kinds = {name: c["kind"] for name, c in lab.candidates("r1", service).items()}
        assert kinds == {"a1": "srv6", "a2": "ipip", "b1": "srv6", "l1": "adjacent"}


@pytest.mark.parametrize("service", FAMILIES)
def test_bulk(lab, service):
    """10 MB up and down on a connection to each instance.  GSO and GRO are on;
    clients send 1500 octets until they are told what fits."""
    found = lab.bulk("c1", "tcp", ADDRESS[service], BULK, *ALL)
    assert {name: (f["up"], f["down"]) for name, f in found.items()} == {
        name: (BULK, BULK) for name in ALL
    }
    family = "-6" if service == V6 else "-4"
    learnt = lab.cmd("c1", f"ip {family} route get {ADDRESS[service]}")
    assert "mtu 14" in learnt, learnt


def test_bulk_over_a_narrow_core(lab):
    """The tunnel's path is narrower still."""
    lab.cmd("r1", "ip link set r1-core mtu 1400")
    lab.cmd("core", "ip link set core-r1 mtu 1400")
    for node in ("c1", *ALL):
        lab.cmd(node, "ip route flush cache; ip -6 route flush cache")
    try:
        for service in FAMILIES:
            assert set(lab.bulk("c1", "tcp", ADDRESS[service], 2_000_000, *ALL)) == ALL
    finally:
        lab.cmd("r1", "ip link set r1-core mtu 1500")
        lab.cmd("core", "ip link set core-r1 mtu 1500")


@pytest.mark.parametrize("service", FAMILIES)
def test_fragments(lab, service):
    """Datagrams in several fragments go where their flow is."""
    sockets = lab.bulk("c1", "udp", ADDRESS[service], 4000, 24)
    homes = set()
    for first, large in sockets:
        assert len(first) == 1, sockets
        # the first of all may be what tells the client of the path's MTU
        assert len(large) >= 2 and set(large) == set(first), (first, large)
        homes.update(first)
    assert len(homes) > 2, homes


ERRORS = r"""
import json, socket, struct, sys
target, source, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
v6 = ":" in target
family = socket.AF_INET6 if v6 else socket.AF_INET
names = []
for n in range(8):
    with socket.socket(family, socket.SOCK_DGRAM) as udp:
        udp.settimeout(2)
        udp.bind((source, 0))
        udp.connect((target, port))
        mine = udp.getsockname()[1]
        for _ in range(2):
            udp.send(b"x")
            names.append(udp.recv(100).split()[0].decode())
        inner = struct.pack("!HHHH", port, mine, 1400, 0)
        if v6:
            raw = socket.socket(family, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
            inner = struct.pack("!IHBB", 6 << 28, 1400, 17, 60) + socket.inet_pton(
                family, target) + socket.inet_pton(family, source) + inner
            error = struct.pack("!BBHI", 1, 4, 0, 0) + inner
        else:
            raw = socket.socket(family, socket.SOCK_RAW, socket.IPPROTO_ICMP)
            inner = struct.pack("!BBHHHBBH", 0x45, 0, 1420, 0, 0, 60, 17, 0) + \
                socket.inet_aton(target) + socket.inet_aton(source) + inner
            error = struct.pack("!BBHI", 3, 3, 0, 0) + inner
            total = sum(struct.unpack("!%dH" % (len(error) // 2), error))
            total = (total >> 16) + (total & 0xffff)
            total = ~(total + (total >> 16)) & 0xffff
            error = error[:2] + struct.pack("!H", total) + error[4:]
        raw.bind((source, 0))
        raw.sendto(error, (target, 0))
print(json.dumps(names[::2]))
"""


def unreachables(lab, service):
    """{instance: "destination unreachable" messages that it heard}"""
    found = {}
    for name in ALL:
        if service == V6:
            text = lab.cmd(name, "grep Icmp6InDestUnreachs /proc/net/snmp6")
            found[name] = int(text.split()[1])
        else:
            head, values = [
                line.split() for line in lab.cmd(name, "grep ^Icmp: /proc/net/snmp").splitlines()
            ]
            found[name] = int(values[head.index("InDestUnreachs")])
    return found


@pytest.mark.parametrize("service", FAMILIES)
def test_icmp_errors(lab, service):
    """An error about a flow goes to the flow's instance."""
    before = unreachables(lab, service)
    names = lab.python(
        "c1", ERRORS, ADDRESS[service], CLIENTS[service][0], lab.BULK_PORT, timeout=60
    )
    wanted = {name: names.count(name) for name in ALL}
    assert len([n for n in wanted.values() if n]) > 1

    def missing():
        got = {name: n - before[name] for name, n in unreachables(lab, service).items()}
        return True if got == wanted else f"{got}, wanted {wanted}"

    wait_for("the errors", missing, 5)


@pytest.mark.parametrize("service", FAMILIES)
def test_dscp_and_ecn(lab, service):
    """Both are on the outer header too, seen at core."""
    out = lab.node("core").popen(
        ["timeout", "20", "tcpdump", "-nvvl", "-i", "core-r1", "-Q", "in", "-c", "10",
         "(ip proto 4 or ip proto 41 or ip6 proto 4 or ip6 proto 41)"],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert "listening" in out.stderr.readline() + out.stderr.readline()
    # expedited forwarding, ECT(1)
    for source in CLIENTS[service] * 2:
        lab.cmd("c1", f"ping -Q 0xb9 -c 5 -i 0.05 -W 2 -I {source} {ADDRESS[service]}")
    text, _ = out.communicate(timeout=30)
    outer = [
        line
        for line in text.splitlines()
        if "next-header IPIP" in line or "proto IPIP" in line
        or "next-header IPv6 (41)" in line or "proto IPv6 (41)" in line
    ]  # fmt: skip
    assert len(outer) >= 3, text
    for line in outer:
        assert "class 0xb9" in line or "tos 0xb9" in line, line


def test_hop_limit(lab):
    """The ingress counts as one hop, and so does the egress of a tunnel."""
    for service, word in ((V4, "-4"), (V6, "-6")):
        for source in CLIENTS[service]:
            options = f"-c 1 -W 2 -I {source} {ADDRESS[service]}"
            out = lab.cmd("c1", f"ping {word} -t 1 {options} || true")
            assert "xceeded" in out, out
            out = lab.cmd("c1", f"ping {word} -t 2 {options} || true")
            assert "xceeded" in out or "1 received" in out, out
            assert "1 received" in lab.cmd("c1", f"ping {word} -t 3 {options}")


def test_no_second_placement(lab):
    """Both sites are ingresses too, and site 1 wants to be rid of its load: what
    comes out of a tunnel there goes to the instance that it was sent to."""
    load = traffic.Load(lab, "load-loop", sources=CLIENTS[V4])
    load.ask("open", tcp=60, udp=60, interval=0.3)
    check = traffic.FlowCheck(lab, load)
    assert check.at("a1") and check.at("a2") and check.at("b1")
    for router in ("e1", "e2"):
        lab.configure(router, f"dyncast ingress {router}-core")
    for name in ("a1", "a2"):
        lab.configure("e1", f"dyncast service {V4} instance {name} drain")
    lab.wait_ring("e1", {"b1", "l1"})

    def placed(router):
        (one,) = [s for s in lab.forwarding(router)["services"] if s["name"] == V4]
        return one["packets"]

    before = [placed(router) for router in ("e1", "e2")]
    check.expect_kept()
    assert [placed(router) for router in ("e1", "e2")] == before
    for name in ("a1", "a2"):
        lab.configure("e1", f"no dyncast service {V4} instance {name} drain")
    for router in ("e1", "e2"):
        lab.configure(router, f"no dyncast ingress {router}-core")
    lab.wait_ring("r1", ALL)
    load.stop()


def warned(lab, router, word):
    return [w for w in lab.forwarding(router)["warnings"] if word in w]


def test_strict_reverse_path(lab):
    """What works with rp_filter=1, and that `show` says what does not."""
    for router in ("r1", "e1", "e2"):
        assert not warned(lab, router, "rp_filter"), router
    load = traffic.Load(lab, "load-strict", sources=CLIENTS[V4])
    load.ask("open", udp=60, interval=0.3)
    check = traffic.FlowCheck(lab, load)
    # towards the core: the way back to the clients leads out there
    for router in ("e1", "e2"):
        lab.cmd(router, f"sysctl -qw net.ipv4.conf.{router}-core.rp_filter=1")
    check.expect_kept()
    assert warned(lab, "e1", "e1-core")
    # a site's LAN, while its instances have weight
    lab.cmd("e1", "sysctl -qw net.ipv4.conf.e1-lan.rp_filter=1")
    if "dyncast-out" not in lab.cmd("e1", "ip route show " + small.PREFIX[V4]):
        check.expect_kept()
    # loose mode is always right
    for router in ("e1", "e2"):
        lab.cmd(router, f"sysctl -qw net.ipv4.conf.{router}-core.rp_filter=0")
    lab.cmd("e1", "sysctl -qw net.ipv4.conf.e1-lan.rp_filter=2")
    lab.configure("e1", f"dyncast service {V4} instance a1 drain")
    lab.wait_ring("r1", ALL - {"a1"})
    check.expect_kept()
    # strict and drained: not on this network, and show says so
    lab.cmd("e1", "sysctl -qw net.ipv4.conf.e1-lan.rp_filter=1")
    assert warned(lab, "e1", "e1-lan")
    assert "rp_filter" in lab.vtysh("e1", "show dyncast forwarding")
    lab.cmd("e1", "sysctl -qw net.ipv4.conf.e1-lan.rp_filter=0")
    lab.configure("e1", f"no dyncast service {V4} instance a1 drain")
    lab.wait_ring("r1", ALL)
    load.stop()


def test_forwarding_off_is_shown(lab):
    assert not warned(lab, "e1", "forward")
    lab.cmd("e1", "sysctl -qw net.ipv4.ip_forward=0 net.ipv6.conf.all.forwarding=0")
    assert len(warned(lab, "e1", "forward")) == 2
    lab.cmd("e1", "sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1")
    assert not warned(lab, "e1", "forward")


def test_daemons_survived(lab):
    lab.expect_alive()
