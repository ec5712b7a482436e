# SPDX-License-Identifier: GPL-2.0-or-later
r"""Packets that other software forgets, on running routers.

    c1 ---- r1 ---- core ---- e1 --+-- a1   SRv6
  clients   |        |             +-- a2   IP-in-IP
            +-- l1   +------- e2 ----- b1   SRv6
          adjacent

All links have an MTU of 1500, so a tunnel takes 1460 or 1480 octets.
"""

import json
import subprocess

import pytest

import dyncast_small as small
import dyncast_traffic as traffic
from dyncast_capture import Capture
from dyncast_small import ADDRESS, CLIENTS, INSTANCES, NUMBERS, PREFIX, V4, V6
from dyncast_topology import wait_for

ALL = set(INSTANCES)
REMOTE = ALL - {"l1"}
BULK = 10_000_000
# enough that one of four equal instances without any is one chance in ten million
FLOWS = 60
FAMILIES = (V4, V6)
# an address of core that others know the way back to
CORE = {V4: "10.0.3.1", V6: "2001:db8:3::1"}


def adapt(router, conf):
    if router == "e1":
        for service in FAMILIES:
            conf["bgpd"] += [f"dyncast service {service} instance a2 encapsulation ipip"]


@pytest.fixture(scope="module")
def lab(lab_of):
    lab = lab_of(small.SmallLab, adapt=adapt)
    for router in ("r1", "e1", "e2", "core"):
        # every expired packet is answered, not one in a second
        lab.cmd(router, "sysctl -qw net.ipv4.icmp_ratelimit=0 net.ipv6.icmp.ratelimit=0")
    traffic.start_servers(lab)
    lab.start_bulk()
    for service in FAMILIES:
        lab.wait_ring("r1", ALL, service)
        wait_for("the device in the route", lambda s=service: by_device(lab, "r1", s), 10)
    return lab


def by_device(lab, router, service):
    family = "-6" if service == V6 else "-4"
    route = lab.cmd(router, f"ip {family} route show {PREFIX[service]}")
    return True if "dev dyncast-out" in route else f"route is {route}"


def flush(lab, *nodes):
    """What they have learnt of paths."""
    for node in nodes:
        lab.cmd(node, "ip route flush cache; ip -6 route flush cache")


def learnt(lab, service):
    """MTU of the path that the client knows; None when nobody told it"""
    family = "-6" if service == V6 else "-4"
    words = lab.cmd("c1", f"ip {family} route get {ADDRESS[service]}").split()
    return int(words[words.index("mtu") + 1]) if "mtu" in words else None


def test_kinds(lab):
    for service in FAMILIES:
        (found,) = [s for s in lab.forwarding("r1")["services"] if s["name"] == service]
        kinds = {i["name"]: i["forwarding"] for i in found["instances"]}
        assert kinds == {"a1": "srv6", "a2": "ipip", "b1": "srv6", "l1": "adjacent"}


PINS = r"""
import json, socket, sys
target, port, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
family = socket.AF_INET6 if ":" in target else socket.AF_INET
source = sys.argv[4]

def name(sock, *args):
    for _ in range(3):
        try:
            sock.sendmsg([b"x"], *args) if args else sock.send(b"x")
            return sock.recv(100).split()[0].decode()
        except socket.timeout:
            pass

def pinned():
    for n in range(count):
        sock = socket.socket(family, socket.SOCK_DGRAM)
        sock.settimeout(2)
        sock.bind((source, 0))
        sock.connect((target, port))
        first = name(sock)
        assert first, "nobody answers"
        yield sock, first
"""


ANSWERS = """
print(json.dumps([[first, [name(sock) for _ in range(3)]] for sock, first in pinned()]))
"""


def pins(lab, node, service, count, source, *args):
    """A few lines of Python after PINS: pinned() are `count` UDP sockets and
    the name of the instance that each has got."""
    argv = [ADDRESS[service], lab.BULK_PORT, count, "", *args]
    return lab.python(node, PINS + source, *argv, timeout=90)


def expect_kept(found, names):
    """found: [[name of before, names of after]] of each flow, which are to be
    at all these instances"""
    assert {before for before, _ in found} == set(names), found
    moved = [(before, after) for before, after in found if set(after) != {before}]
    assert not moved, f"{len(moved)} of {len(found)} flows: {moved}"


@pytest.mark.parametrize("service", FAMILIES)
def test_plain_anycast(lab, service):
    """What a router without ingress interfaces is sent: by its service's route
    it reaches instances of all kinds, never a device that swallows it."""
    family = "-6" if service == V6 else "-4"
    lab.cmd("core", f"ip {family} addr replace {CORE[service]} dev lo")
    routers = {"r1": 10, "e1": 1, "e2": 2}
    for router, n in routers.items():
        via = f"2001:db8:0:{n}::9" if service == V6 else f"172.16.{n}.9"
        lab.cmd(router, f"ip {family} route replace {CORE[service]} via {via}")
    for router, n in routers.items():
        via = f"2001:db8:0:{n}::1" if service == V6 else f"172.16.{n}.1"
        lab.cmd(
            "core", f"ip {family} route replace {PREFIX[service]} via {via} src {CORE[service]}"
        )
        found = pins(lab, "core", service, FLOWS, ANSWERS)
        if by_device(lab, router, service) is True:
            expect_kept(found, ALL)
        else:
            assert all(all(later) for _, later in found), (router, found)
    via = "2001:db8:0:1::1" if service == V6 else "172.16.1.1"
    lab.cmd("core", f"ip {family} route replace {PREFIX[service]} via {via}")


@pytest.fixture(params=["gso", "gso-and-gro"])
def offload(request, lab):
    """A pair of veth devices hands on what the sender has not divided; whether the
    receiver puts together what was is another question, and off as they are
    made."""
    devices = {r: [f"{r}-core", f"{r}-lan"] for r in ("r1", "e1", "e2")}
    devices["r1"].append("r1-c1")
    devices["core"] = [f"core-{r}" for r in ("r1", "e1", "e2")]

    def gro(state):
        for node, names in devices.items():
            for name in names:
                lab.cmd(node, f"ethtool -K {name} gro {state}")
                said = lab.cmd(node, f"ethtool -k {name}")
                assert f"generic-receive-offload: {state}" in said, said
                assert "generic-segmentation-offload: on" in said, said

    gro("on" if request.param == "gso-and-gro" else "off")
    yield
    gro("off")


@pytest.mark.usefixtures("offload")
@pytest.mark.parametrize("service", FAMILIES)
def test_bulk(lab, service):
    """10 MB up and down on a connection to each instance; clients send 1500 octets
    until they are told what fits."""
    flush(lab, "c1")
    assert learnt(lab, service) is None
    found = lab.bulk("c1", "tcp", ADDRESS[service], BULK, *ALL)
    assert {name: (f["up"], f["down"]) for name, f in found.items()} == {
        name: (BULK, BULK) for name in ALL
    }
    assert learnt(lab, service) == 1460


def set_core_mtu(lab, mtu):
    for node, interface in (("r1", "r1-core"), ("core", "core-r1")):
        lab.cmd(node, f"ip link set {interface} mtu {mtu}")
    wait_for(
        "the device's MTU",
        lambda: f"mtu {mtu - 40} " in lab.cmd("r1", "ip link show dyncast-out") or "not yet",
        10,
    )
    flush(lab, "c1", *ALL)


@pytest.fixture
def narrow_core(lab):
    set_core_mtu(lab, 1400)
    yield
    set_core_mtu(lab, 1500)


@pytest.mark.usefixtures("narrow_core", "offload")
@pytest.mark.parametrize("service", FAMILIES)
def test_bulk_over_a_narrow_core(lab, service):
    """The tunnel's path is narrower still.  Down only when the client has
    learnt of it and says so when it connects: errors that core itself sends
    about replies go where its own route leads, whatever we do."""
    assert set(lab.bulk("c1", "up", ADDRESS[service], 2_000_000, *ALL)) == ALL
    assert learnt(lab, service) == 1360
    assert set(lab.bulk("c1", "tcp", ADDRESS[service], 2_000_000, *ALL)) == ALL


@pytest.mark.parametrize("service", FAMILIES)
def test_fragments(lab, service):
    """Datagrams in several fragments go where their flow is, and those of 1500
    octets through tunnels that have no room for them: a router may divide
    those of IPv4 once more."""
    flush(lab, "c1")
    found = lab.bulk("c1", "udp", ADDRESS[service], 4000, FLOWS)
    assert all(len(first) == 1 and len(large) == 3 for first, large in found), found
    expect_kept([[first[0], large] for first, large in found], ALL)
    assert learnt(lab, service) == (1460 if service == V6 else None)


OPTIONS = r"""
found = []
for sock, first in pinned():
    if family == socket.AF_INET:
        # three no-operations and an end of list: the header has six words
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_OPTIONS, bytes([1, 1, 1, 0]))
        found.append([first, [name(sock), name(sock)]])
        continue
    after = []
    padding = bytes([0, 0, 1, 4, 0, 0, 0, 0])  # an extension header with PadN
    for kind in (socket.IPV6_HOPOPTS, socket.IPV6_DSTOPTS):
        after.append(name(sock, [(socket.IPPROTO_IPV6, kind, padding)]))
    found.append([first, after])
print(json.dumps(found))
"""


@pytest.mark.parametrize("service", FAMILIES)
def test_options(lab, service):
    """IPv4 options and IPv6 extension headers: the flow is that of the ports
    behind them."""
    expect_kept(pins(lab, "c1", service, FLOWS, OPTIONS), ALL)


ERRORS = r"""
import struct
flows = list(pinned())
print(json.dumps([first for _, first in flows]), flush=True)
sys.stdin.readline()
kind = socket.IPPROTO_ICMPV6 if family == socket.AF_INET6 else socket.IPPROTO_ICMP
raw = socket.socket(family, socket.SOCK_RAW, kind)
raw.bind((source, 0))
for sock, _ in flows:
    inner = struct.pack("!HHHH", port, sock.getsockname()[1], 1400, 0)
    if family == socket.AF_INET6:
        inner = struct.pack("!IHBB", 6 << 28, 1400, 17, 60) + socket.inet_pton(
            family, target) + socket.inet_pton(family, source) + inner
        error = struct.pack("!BBHI", 3, 0, 0, 0) + inner
    else:
        inner = struct.pack("!BBHHHBBH", 0x45, 0, 1420, 0, 0, 60, 17, 0) +             socket.inet_aton(target) + socket.inet_aton(source) + inner
        error = struct.pack("!BBHI", 11, 0, 0, 0) + inner
        total = sum(struct.unpack("!%dH" % (len(error) // 2), error))
        total = (total >> 16) + (total & 0xffff)
        total = ~(total + (total >> 16)) & 0xffff
        error = error[:2] + struct.pack("!H", total) + error[4:]
    raw.sendto(error, (target, 0))
sys.stdin.readline()
"""


def errors_heard(lab, service):
    """{instance: "time exceeded" messages that it heard}.  Of all errors these
    are the ones that nobody else sends to instances here."""
    found = {}
    for name in ALL:
        if service == V6:
            text = lab.cmd(name, "grep Icmp6InTimeExcds /proc/net/snmp6")
            found[name] = int(text.split()[1])
        else:
            head, values = [
                line.split() for line in lab.cmd(name, "grep ^Icmp: /proc/net/snmp").splitlines()
            ]
            found[name] = int(values[head.index("InTimeExcds")])
    return found


@pytest.mark.parametrize("service", FAMILIES)
def test_icmp_errors(lab, service):
    """An error about a flow goes to the flow's instance, also when new flows
    go elsewhere."""
    argv = ["-c", PINS + ERRORS, ADDRESS[service], str(lab.BULK_PORT), str(FLOWS), CLIENTS[service][0]]
    client = traffic.Process(
        lab, "c1", "errors-" + service, ["/usr/bin/python3", *argv],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    names = json.loads(client.read_line(60))
    wanted = {name: names.count(name) for name in ALL}
    assert all(wanted.values()), wanted
    for name in ("a1", "a2"):
        lab.configure("e1", f"dyncast service {service} instance {name} drain")
    lab.wait_ring("r1", ALL - {"a1", "a2"}, service)
    before = errors_heard(lab, service)
    client.popen.stdin.write("\n")

    def missing():
        got = {name: n - before[name] for name, n in errors_heard(lab, service).items()}
        return True if got == wanted else f"{got}, wanted {wanted}"

    wait_for("the errors", missing, 10)
    client.stop()
    for name in ("a1", "a2"):
        lab.configure("e1", f"no dyncast service {service} instance {name} drain")
    lab.wait_ring("r1", ALL, service)


MARKED = r"""
found = []
level, option = socket.IPPROTO_IP, socket.IP_TOS
if family == socket.AF_INET6:
    level, option = socket.IPPROTO_IPV6, socket.IPV6_TCLASS
for sock, first in pinned():
    sock.setsockopt(level, option, int(sys.argv[5]))
    found.append([first, [name(sock)], sock.getsockname()[1]])
print(json.dumps(found))
"""
EXPEDITED_ECT1 = 0xB9


@pytest.mark.parametrize("service", FAMILIES)
def test_dscp_and_ecn(lab, service):
    """Both are on the outer header too, seen at core."""
    capture = Capture(lab, "core", "core-r1")
    found = pins(lab, "c1", service, FLOWS, MARKED, EXPEDITED_ECT1)
    expect_kept([flow[:2] for flow in found], ALL)
    flows = {port: first for first, _, port in found}
    packets = [p for p in capture.stop() if p.sport in flows and p.tos]
    assert {flows[p.sport] for p in packets} == REMOTE
    assert {(p.tos, p.outer_tos) for p in packets} == {(EXPEDITED_ECT1, EXPEDITED_ECT1)}


ECN_PORT = 9100
ECN_SERVER = r"""
import socket, sys
target, port = sys.argv[1], int(sys.argv[2])
v6 = ":" in target
sock = socket.socket(socket.AF_INET6 if v6 else socket.AF_INET, socket.SOCK_DGRAM)
if v6:
    sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVTCLASS, 1)
else:
    sock.setsockopt(socket.IPPROTO_IP, socket.IP_RECVTOS, 1)
sock.bind((target, port))
print("ready", flush=True)
while True:
    _, extra, _, peer = sock.recvmsg(100, 100)
    sock.sendto(str(extra[0][2][0] & 3).encode(), peer)
"""
ECN_CLIENT = r"""
import socket, sys
target, port, tos = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
v6 = ":" in target
level, option = socket.IPPROTO_IP, socket.IP_TOS
if v6:
    level, option = socket.IPPROTO_IPV6, socket.IPV6_TCLASS
for _ in range(200):
    with socket.socket(socket.AF_INET6 if v6 else socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(2)
        sock.setsockopt(level, option, tos)
        sock.connect((target, port))
        sock.send(b"x")
        try:
            print(sock.recv(100).decode())
            break
        except OSError:
            pass  # an instance that has nobody there
"""
ECT0, CE = 2, 3


@pytest.mark.parametrize("service", FAMILIES)
def test_congestion_on_the_way(lab, service):
    """What a router of the core marks on the outer header is told to the
    instance, where our own program unpacks (a2)."""
    argv = ["/usr/bin/python3", "-c", ECN_SERVER, ADDRESS[service], str(ECN_PORT)]
    server = traffic.Process(lab, "a2", "ecn-" + service, argv, stdout=subprocess.PIPE)
    server.read_line(15)

    def heard():
        return lab.python("c1", ECN_CLIENT, ADDRESS[service], ECN_PORT, ECT0, timeout=60)

    # the control: nothing is marked, nothing is told
    assert heard() == ECT0
    lab.cmd("core", "nft add table inet t")
    try:
        lab.cmd(
            "core",
            "nft add chain inet t f '{ type filter hook forward priority 0; }' && "
            "nft add rule inet t f ip protocol { 4, 41 } ip ecn set ce",
        )
        assert heard() == CE
    finally:
        lab.cmd("core", "nft delete table inet t")
    server.stop()


TRACE = r"""
found = {}
level, option, errors = socket.IPPROTO_IP, socket.IP_TTL, 11  # IP_RECVERR
if family == socket.AF_INET6:
    level, option, errors = socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, 25

def hop(sock, hops):
    "who answers a packet with so many hops: an instance, an address or None"
    sock.setsockopt(level, option, hops)
    for _ in range(2):
        sock.send(b"x")
        try:
            return sock.recv(100).split()[0].decode()
        except socket.timeout:
            continue
        except OSError:
            _, extra, _, _ = sock.recvmsg(100, 512, socket.MSG_ERRQUEUE)
        # whom the error comes from: a socket address behind the error itself
        offender = extra[0][2][16:]
        return socket.inet_ntop(
            family, offender[8:24] if family == socket.AF_INET6 else offender[4:8])

for sock, first in pinned():
    sock.setsockopt(level, errors, 1)
    traces = found.setdefault(first, [])
    if len(traces) < 2:
        traces.append([hop(sock, n) for n in (1, 2, 3)])
print(json.dumps(found))
"""


@pytest.mark.parametrize("service", FAMILIES)
def test_hop_limit(lab, service):
    """traceroute: the ingress is one hop, the egress of a tunnel another, the
    routers between them none.  The egress of IP-in-IP says nothing: BPF can
    make no ICMP error, and the kernel might tunnel what it is left."""
    found = pins(lab, "c1", service, FLOWS, TRACE)
    assert set(found) == ALL
    ingress = "2001:db8:1::1" if service == V6 else "10.0.1.1"
    for name, traces in found.items():
        router = INSTANCES[name].router
        number = NUMBERS[router]
        # the egress answers with the address of any interface of its own
        egress = (
            [small.loopback6(router), f"2001:db8:0:{number}::1", f"2001:db8:a{number}::1"]
            if service == V6
            else [small.loopback(router), f"172.16.{number}.1", f"10.{number}.0.1"]
        )
        for first, second, third in traces:
            assert first == ingress and third == name, (name, traces)
            wanted = {"l1": [name], "a2": [None]}.get(name, egress)
            assert second in wanted, (name, traces)


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


def expect_warning(lab, router, word):
    """`show` says so, once zebra has looked at the filter again."""
    wait_for(f"a warning of {word}", lambda: bool(warned(lab, router, word)), 10)


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
    expect_warning(lab, "e1", "e1-core")
    # a site's LAN, while its instances have weight
    lab.cmd("e1", "sysctl -qw net.ipv4.conf.e1-lan.rp_filter=1")
    wait_for("a route to the site's LAN", lambda: by_device(lab, "e1", V4) is not True, 10)
    # servers hear their flows whatever becomes of the replies
    expect_kept(pins(lab, "c1", V4, FLOWS, ANSWERS), ALL)
    # loose mode is always right
    for router in ("e1", "e2"):
        lab.cmd(router, f"sysctl -qw net.ipv4.conf.{router}-core.rp_filter=0")
    lab.cmd("e1", "sysctl -qw net.ipv4.conf.e1-lan.rp_filter=2")
    lab.configure("e1", f"dyncast service {V4} instance a1 drain")
    lab.wait_ring("r1", ALL - {"a1"})
    check.expect_kept()
    # without a route it leads nowhere, and show says so
    lab.cmd("e1", "sysctl -qw net.ipv4.conf.e1-lan.rp_filter=1")
    lab.configure("e1", "dyncast route none")
    expect_warning(lab, "e1", "e1-lan")
    assert "rp_filter" in lab.vtysh("e1", "show dyncast forwarding")
    lab.configure("e1", "no dyncast route none")
    lab.cmd("e1", "sysctl -qw net.ipv4.conf.e1-lan.rp_filter=0")
    lab.configure("e1", f"no dyncast service {V4} instance a1 drain")
    lab.wait_ring("r1", ALL)
    load.stop()


def test_bulk_through_sids_alone(lab):
    """No instance that is adjacent or behind IP-in-IP: a client learns what fits
    all the same, though the kernel wraps what follows such a route before it
    looks at its size."""
    for service in FAMILIES:
        lab.configure("e1", f"no dyncast service {service} instance a2 encapsulation ipip")
        lab.configure("r1", f"no dyncast service {service} instance l1")
        lab.wait_ring("r1", REMOTE, service)
        flush(lab, "c1")
        found = lab.bulk("c1", "tcp", ADDRESS[service], BULK, *REMOTE)
        assert set(found) == REMOTE
        assert learnt(lab, service) == 1460


def test_kernel_mode_wants_graceful_restart(lab):
    """dyncast_kernel has zebra started with -K, and no warning."""
    assert not warned(lab, "e2", "-K 60")
    lab.configure("e2", "dyncast forwarding kernel")
    expect_warning(lab, "e2", "-K 60")
    lab.configure("e2", "no dyncast forwarding kernel")
    assert not warned(lab, "e2", "-K 60")


def test_forwarding_off_is_shown(lab):
    assert not warned(lab, "e1", "forward")
    lab.cmd("e1", "sysctl -qw net.ipv4.ip_forward=0 net.ipv6.conf.all.forwarding=0")
    assert len(warned(lab, "e1", "forward")) == 2
    lab.cmd("e1", "sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1")
    assert not warned(lab, "e1", "forward")


def test_daemons_survived(lab):
    lab.expect_alive()
