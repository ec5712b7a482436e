# SPDX-License-Identifier: GPL-2.0-or-later
r"""IP-in-IP unpacked by the kernel's own devices, where it has them; what
happens where it has none.

    c1 ---- r1 ---- core ---- e1 --+-- a1   site 1, whose kernel refuses bpf()
  clients   |        |             +-- a2
            +-- l1   +------- e2 ----- b1   site 2, `dyncast forwarding kernel`

Kernels without ipip and sit devices run the last test only.  Under one of
Debian's: tools/in-kernel 6.1 python3 -m pytest topotests/dyncast_ipip_device
"""

import ipaddress
import re
import subprocess

import pytest

import dyncast_small as small
import dyncast_traffic as traffic
from dyncast_clear_kernel import run_step
from dyncast_small import ADDRESS, CLIENTS, INSTANCES, PREFIX, V4, V6
from dyncast_topology import end_processes, wait_for
from dyncast_tunnel import REMOTE, IpipLab
from dyncast_without import WithoutBpf

ALL = set(INSTANCES)


def has_devices():
    """in a namespace of its own, which takes them along"""
    make = " && ".join(f"ip link add {kind}9 type {kind} local 192.0.2.1" for kind in ("ipip", "sit"))
    argv = ["unshare", "-n", "sh", "-c", make]
    return subprocess.run(argv, stderr=subprocess.PIPE, check=False).returncode == 0


HAS = has_devices()
with_devices = pytest.mark.skipif(
    not HAS, reason="this kernel has no ipip and sit devices: see tools/in-kernel"
)


class DeviceLab(WithoutBpf, IpipLab):
    without_bpf = ("e1",)


def adapt(router, conf):
    if router == "e2":
        conf["zebra"] += ["dyncast forwarding kernel"]


@pytest.fixture(scope="module")
def lab(lab_of):
    lab = lab_of(DeviceLab, adapt=adapt)
    return lab.wait_steering() if HAS else lab


def device(name, service=V4):
    address = ipaddress.ip_address(small.dbid(name, service, ipip=True))
    return f"dync-{int(address):08x}"


def table(name, service=V4):
    return int(ipaddress.ip_address(small.dbid(name, service, ipip=True)))


def unpacked_by(lab, router):
    """{instance: by what} of the router's own"""
    found = {}
    for service in lab.forwarding(router)["services"]:
        for inst in service["instances"]:
            if inst["name"] and "unpackedBy" in inst:
                found[inst["name"], service["prefix"]] = inst["unpackedBy"]
    return found


def kernel_state(lab, router):
    """what is there of devices, rules and tables; empty when nothing is"""
    links = re.findall(r"^dync-[0-9a-f]+", lab.cmd(router, "ip -br link"), re.M)
    rules = lab.cmd(router, "ip rule; ip -6 rule").count("iif dync-")
    routes = lab.cmd(router, "ip route show table all; ip -6 route show table all")
    return sorted(links), rules, sorted(x for x in routes.splitlines() if "proto 217" in x)


@with_devices
def test_devices(lab):
    assert unpacked_by(lab, "e1") == {
        (name, PREFIX[service]): "device" for name in ("a1", "a2") for service in (V4, V6)
    }
    assert set(unpacked_by(lab, "e2").values()) == {"device"}
    links = lab.cmd("e1", "ip -d link")
    for name in ("a1", "a2"):
        assert device(name, V4) in links and device(name, V6) in links
        assert INSTANCES[name].address in lab.cmd("e1", f"ip route show table {table(name)}")
    # no automatic tunnel, into which anybody could send
    assert "::/96" not in lab.cmd("e1", "ip -6 route show table all")
    # BPF has nothing to unpack, and is on no interface for it
    duties = {i["interface"]: i["duty"] for i in lab.forwarding("e2")["ingress"] if i["attached"]}
    assert duties == {"dyncast-out": "egress"}


@with_devices
@pytest.mark.parametrize("service", (V4, V6))
def test_flows_reach_their_instances(lab, service):
    load = traffic.Load(
        lab, "load-" + service, target=ADDRESS[service], sources=CLIENTS[service]
    )
    load.ask("open", tcp=60, udp=60, interval=0.5)
    check = traffic.FlowCheck(lab, load)
    assert check.opened == 120
    for name in ALL:
        assert check.at(name), f"{name}: none"
    for name in REMOTE:
        path = f"/sys/class/net/{device(name, service)}/statistics/rx_packets"
        router = INSTANCES[name].router
        assert int(lab.cmd(router, f"cat {path}")) >= len(check.at(name))
    load.stop()


@with_devices
def test_the_dbid_chooses(lab):
    """a1 and a2 share a LAN and a service: the ingress's choice holds, while
    weights change, and when one goes only its flows move."""
    load = traffic.Load(lab, "load-choice", sources=CLIENTS[V4])
    load.ask("open", tcp=60, udp=60, interval=0.5)
    check = traffic.FlowCheck(lab, load)
    a1 = INSTANCES["a1"]
    line = f"dyncast service {V4} instance a1 address {a1.address} capacity"
    lab.configure("e1", f"{line} 400 sid {a1.sid}")
    lab.wait_ring("r1", ALL)
    check.expect_kept()
    theirs = check.at("a1")
    lab.configure("e1", f"no dyncast service {V4} instance a1")
    lab.wait_ring("r1", ALL - {"a1"})
    check.expect_kept(set(check.home) - theirs)
    wait_for("its device to go", lambda: device("a1") not in lab.cmd("e1", "ip link") or "there", 10)
    assert not lab.cmd("e1", f"ip route show table {table('a1')} || true").strip()
    lab.configure("e1", f"{line} 100 sid {a1.sid}")
    lab.wait_ring("r1", ALL)
    load.stop()


SEND = """
import socket, struct, sys
dbid, inner = sys.argv[1:]
udp = struct.pack("!HHHH", 40000, 9, 12, 0) + b"test"
head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 1, 0, 9, 17, 0,
                   socket.inet_aton("10.0.1.11"), socket.inet_aton(inner))
words = struct.unpack("!10H", head)
total = sum(words)
total = (total & 0xffff) + (total >> 16)
head = head[:10] + struct.pack("!H", ~(total + (total >> 16)) & 0xffff) + head[12:]
s = socket.socket(socket.AF_INET, socket.SOCK_RAW, 4)
for i in range(5):
    s.sendto(head + udp, (dbid, 0))
print("[]")
"""


def no_ports(lab, name):
    text = lab.cmd(name, "grep ^Udp: /proc/net/snmp")
    head, values = [line.split() for line in text.splitlines()]
    return int(values[head.index("NoPorts")])


@with_devices
def test_a_sender_may_not_choose(lab):
    """What is inside goes to the D-BID's instance by the service's address, and
    nowhere else."""
    dbid = small.dbid("a1", ipip=True)
    before = {name: no_ports(lab, name) for name in ("a1", "a2")}
    lab.python("core", SEND, dbid, ADDRESS[V4])
    wait_for(
        "the service's packets",
        lambda: no_ports(lab, "a1") == before["a1"] + 5 or no_ports(lab, "a1"),
        10,
    )
    lab.python("core", SEND, dbid, INSTANCES["a2"].address)
    lab.python("core", SEND, dbid, ADDRESS[V4])
    wait_for(
        "those after them",
        lambda: no_ports(lab, "a1") == before["a1"] + 10 or no_ports(lab, "a1"),
        10,
    )
    assert no_ports(lab, "a2") == before["a2"]


@with_devices
def test_netfilter_sees_it(lab):
    """with `dyncast forwarding kernel`: what comes out of the tunnel is
    forwarded as any packet is"""
    rule = f'iifname "{device("b1")}" oifname "e2-lan" counter'
    for line in ("table ip t", "chain ip t f { type filter hook forward priority 0; }", f"rule ip t f {rule}"):
        lab.cmd("e2", f"nft add '{line}'")
    load = traffic.Load(lab, "load-nft", sources=CLIENTS[V4])
    load.ask("open", udp=60, interval=0.5)
    check = traffic.FlowCheck(lab, load)
    load.stop()
    assert check.at("b1")
    counter = lab.cmd("e2", "nft list chain ip t f").split("packets ")[1].split()[0]
    assert int(counter) >= len(check.at("b1"))
    lab.cmd("e2", "nft delete table ip t")


@with_devices
def test_crash_and_sweep(lab):
    """kill -9 of zebra: flows go on; what belongs to nobody afterwards goes.

    UDP alone: an emulated machine has its routes back later than a client of
    TCP is patient.
    """
    load = traffic.Load(lab, "load-crash", sources=CLIENTS[V4])
    load.ask("open", udp=120, interval=0.5)
    check = traffic.FlowCheck(lab, load)
    before = kernel_state(lab, "e1")
    lab.kill_daemon("e1", "zebra")
    assert kernel_state(lab, "e1") == before
    check.expect_kept()
    stray = ["ip link add dync-0a6301fe type ipip local 10.99.1.254"]
    stray += ["ip rule add iif dync-0a6301fe lookup 174260734 priority 217 protocol 217"]
    stray += ["ip route add 192.0.2.1/32 dev e1-lan table 174260734 proto 217"]
    lab._script("e1", stray)
    assert kernel_state(lab, "e1") != before
    lab.restart_daemon("e1", "zebra")
    wait_for("the sweep", lambda: kernel_state(lab, "e1") == before or "there", 30)
    log = lab.log("e1", "zebra")
    assert "dync-0a6301fe of a former run" in log and log.count("of a former run belongs") == 1
    lab.wait_ring("r1", ALL)
    check.expect_kept()
    load.stop()


def tunnel(lab, name, service=V4):
    """what is shown of an instance's device"""
    for shown in lab.forwarding(INSTANCES[name].router)["services"]:
        for inst in shown["instances"]:
            if inst["name"] == name and shown["prefix"] == PREFIX[service]:
                return inst.get("tunnel", {})
    return {}


def taken(name, service, what):
    """the command by which somebody takes a part of a device away"""
    family = "-6" if service == V6 else "-4"
    number = table(name, service)
    return {
        "the device": f"ip link del {device(name, service)}",
        "the device's being up": f"ip link set {device(name, service)} down",
        "the rule": f"ip {family} rule del iif {device(name, service)} lookup {number}",
        "the routes of its table": f"ip {family} route flush table {number}",
        "the D-BID's route to it": f"ip route del local {small.dbid(name, service, ipip=True)} table local",
    }[what]


@with_devices
@pytest.mark.parametrize(
    "name,service,what",
    (
        ("a1", V4, "the device"),
        ("a2", V4, "the rule"),
        ("a1", V6, "the routes of its table"),
        ("a2", V6, "the D-BID's route to it"),
        ("b1", V4, "the device's being up"),
        ("b1", V6, "the rule"),
    ),
)
def test_made_again(lab, name, service, what):
    """whatever others take of a device; the log says so once"""
    router = INSTANCES[name].router
    before, remade = kernel_state(lab, router), tunnel(lab, name, service)["remade"]
    lab.cmd(router, taken(name, service, what))
    wait_for(
        "all of it",
        lambda: (
            kernel_state(lab, router) == before
            and tunnel(lab, name, service)["state"] == "made"
            and tunnel(lab, name, service)["remade"] == remade + 1
        )
        or f"{kernel_state(lab, router)} {tunnel(lab, name, service)}",
        20,
    )
    said = f"something else has removed {what} of tunnel device {device(name, service)}"
    assert lab.log(router, "zebra").count(said) == 1


@with_devices
def test_flows_after_that(lab):
    load = traffic.Load(lab, "load-after", sources=CLIENTS[V4])
    load.ask("open", tcp=60, udp=60, interval=0.5)
    check = traffic.FlowCheck(lab, load)
    for name in ALL:
        assert check.at(name), f"{name}: none"
    load.stop()


def hold(lab, name, ms):
    """take a device away until zebra waits for long before it makes it again"""

    def held():
        lab.cmd("e1", f"ip link del {device(name)} 2>/dev/null || true")
        return tunnel(lab, name).get("retryMs", 0) > ms or str(tunnel(lab, name))

    wait_for("a pause", held, 150)


@with_devices
def test_no_storm(lab):
    """What is removed again and again is made ever more rarely, and is named;
    at a site without BPF its instance is told to be down meanwhile."""
    name = device("a1")
    said = f"of tunnel device {name}, which is made again"
    before = lab.log("e1", "zebra").count(said)
    remade = tunnel(lab, "a1")["remade"]
    hold(lab, "a1", 20000)
    assert tunnel(lab, "a1")["problem"] == "something else has removed the device"
    shown = lab.vtysh("e1", "show dyncast forwarding")
    assert f"tunnel device {name} is not there: something else has removed" in shown
    lab.wait_ring("r1", ALL - {"a1"})
    wait_for("its end", lambda: tunnel(lab, "a1")["state"] == "made" or str(tunnel(lab, "a1")), 70)
    assert 1 < tunnel(lab, "a1")["remade"] - remade < 9
    lab.wait_ring("r1", ALL)
    # once, for the first time is long ago only where this test runs alone
    assert lab.log("e1", "zebra").count(said) - before <= 1


@with_devices
def test_tried_again(lab):
    """A device that the kernel refuses is named with the reason, its instance
    is down where there is no BPF; when the reason goes, it is there."""
    name = device("a2")
    hold(lab, "a2", 5000)
    lab.cmd("e1", f"ip link add mine type ipip local {small.dbid('a2', ipip=True)}")
    wait_for(
        "the reason",
        lambda: "another device has the same local address" in tunnel(lab, "a2").get("problem", "")
        or str(tunnel(lab, "a2")),
        30,
    )
    assert lab.log("e1", "zebra").count(f"made no tunnel device {name} for instance a2") == 1
    lab.wait_ring("r1", ALL - {"a2"})
    lab.cmd("e1", "ip link del mine")
    wait_for("its end", lambda: tunnel(lab, "a2")["state"] == "made" or str(tunnel(lab, "a2")), 70)
    lab.wait_ring("r1", ALL)
    assert f"tunnel device {name} is there now" in lab.log("e1", "zebra")


def steps(lab, router):
    """how often zebra had an event for tunnel devices"""
    lines = (lab.vtysh(router, "show thread cpu") + lab.vtysh(router, "show event cpu")).splitlines()
    rows = [line.split() for line in lines if line.split()[-1:] == ["tunnel_step"]]
    return max((int(row[2]) for row in rows), default=0)


@with_devices
def test_one_in_an_event(lab):
    """Devices come and go one by one, however many at once."""
    many = 20
    a1 = ipaddress.ip_address(INSTANCES["a1"].address)
    lines = [
        f"dyncast service {V4} instance m{i} address {a1 + 100 + i} capacity 1 sid {150 + i}"
        for i in range(many)
    ]
    before, links = steps(lab, "e1"), len(kernel_state(lab, "e1")[0])
    assert "%" not in lab.configure("e1", *lines)
    wait_for(
        "devices",
        lambda: len(kernel_state(lab, "e1")[0]) == links + many or str(kernel_state(lab, "e1")[0]),
        60,
    )
    came = steps(lab, "e1")
    assert came - before >= 2 * many
    lab.configure("e1", *[f"no dyncast service {V4} instance m{i}" for i in range(many)])
    wait_for("none", lambda: len(kernel_state(lab, "e1")[0]) == links or "there", 60)
    assert steps(lab, "e1") - came >= many


@with_devices
def test_stop_and_start(lab):
    """zebra stops (SIGTERM): its routes go, and flows to the instances go on,
    by the same devices as before when it is back.

    IPv6: the way of the answers is not e1's (dyncast_tunnel).
    """
    load = traffic.Load(lab, "load-stop", target=ADDRESS[V6], sources=CLIENTS[V6])
    load.ask("open", udp=120, interval=0.5)
    check = traffic.FlowCheck(lab, load)
    before = kernel_state(lab, "e1")
    links = lab.cmd("e1", "ip -o link show type ipip; ip -o link show type sit")
    numbers = sorted(re.findall(r"^(\d+): (dync-[0-9a-f]+)", links, re.M))
    assert len(numbers) == 4
    end_processes([lab.daemon_pid("e1", "zebra")])
    assert kernel_state(lab, "e1") == before
    check.expect_kept()
    lab.restart_daemon("e1", "zebra")
    lab.wait_ring("r1", ALL, V6)
    check.expect_kept()
    links = lab.cmd("e1", "ip -o link show type ipip; ip -o link show type sit")
    assert sorted(re.findall(r"^(\d+): (dync-[0-9a-f]+)", links, re.M)) == numbers
    load.stop()


@with_devices
def test_clear(lab):
    """by the command, and by the script for what a zebra that is gone has left"""
    lab.vtysh("e1", "clear dyncast forwarding")
    assert kernel_state(lab, "e1") == ([], 0, [])
    lab.wait_ring("r1", ALL - {"a1", "a2"})
    lab.vtysh("e1", "clear dyncast forwarding restart")
    lab.wait_ring("r1", ALL)
    # a zebra that runs would make them again
    lab.kill_daemon("e2", "zebra")
    run_step(lab, "e2", "clear_tunnels")
    assert kernel_state(lab, "e2") == ([], 0, [])
    lab.restart_daemon("e2", "zebra")
    wait_for("devices", lambda: len(kernel_state(lab, "e2")[0]) == 2 or "not yet", 60)
    lab.wait_ring("r1", ALL)


@with_devices
def test_back_to_bpf(lab):
    """without `forwarding kernel` BPF takes over, and no flow notices"""
    load = traffic.Load(lab, "load-back", sources=CLIENTS[V4])
    load.ask("open", tcp=60, udp=60, interval=0.2)
    check = traffic.FlowCheck(lab, load)
    for lines, by in (("no dyncast forwarding kernel", "bpf"), ("dyncast forwarding kernel", "device")):
        lab.configure("e2", lines)
        wait_for(
            by, lambda by=by: set(unpacked_by(lab, "e2").values()) == {by} or "not yet", 10
        )
        check.expect_kept()
    load.stop()


@with_devices
def test_nothing_is_left(lab):
    for router in ("e1", "e2"):
        lab.unconfigure(router)
        wait_for(
            "nothing",
            lambda router=router: kernel_state(lab, router) == ([], 0, [])
            or str(kernel_state(lab, router)),
            10,
        )
    lab.expect_alive()


@pytest.mark.skipif(HAS, reason="this kernel has ipip and sit devices")
def test_kernel_without_devices(lab):
    """Without BPF the instances are said to be down, and why; with it BPF
    unpacks, also with `dyncast forwarding kernel`."""
    traffic.start_servers(lab)
    lab.wait_ring("r1", {"b1", "l1"})
    text = lab.vtysh("e1", "show dyncast instance")
    assert "IP-in-IP" in lab.log("e1", "zebra") and "a1" in text
    for name in ("a1", "a2"):
        said = f"instance {name} of service {V4} is not reachable from other sites: IP-in-IP is unpacked by BPF, which the kernel refuses"
        assert lab.log("e1", "zebra").count(said) == 1
    assert not unpacked_by(lab, "e1")
    assert unpacked_by(lab, "e2") == {("b1", PREFIX[s]): "bpf" for s in (V4, V6)}
    said = "the kernel has no ipip or sit device: BPF unpacks IP-in-IP"
    assert lab.log("e2", "zebra").count(said) == 1
    assert lab.new_flows_at("there", V4) == {"b1", "l1"}
    assert kernel_state(lab, "e1") == ([], 0, [])
    lab.expect_alive()
