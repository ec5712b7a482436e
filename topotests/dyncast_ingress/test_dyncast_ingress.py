# SPDX-License-Identifier: GPL-2.0-or-later
r"""What can be an ingress: `all`, VLANs, bridges, bonds, tun, and interfaces
that come, go, are renamed, or are made again under an old name.  And several
ways out into the core.

    c1 ==== r1 ---- core ---- e1 --+-- a1   site 1
  clients   |        |             +-- a2
            +-- l1   +------- e2 ----- b1   site 2

Each way in has a network of its own, 10.5.N.0/24, between r1 and c1.
"""

import re
import subprocess

import pytest

import dyncast_small as small
from dyncast_small import ADDRESS, INSTANCES, PREFIX, V4
from dyncast_topology import wait_for

ALL = set(INSTANCES)
PINS = "/var/run/frr/dyncast-bpf"


def adapt(router, conf):
    if router == "r1":
        conf["zebra"].remove("dyncast ingress r1-c1")


@pytest.fixture(scope="module")
def lab(lab_of):
    lab = lab_of(small.SmallLab, services=(V4,), core_mtu=1600, adapt=adapt)
    lab.start_bulk()
    lab.cmd("core", "ip route add 10.5.0.0/16 via 172.16.10.1")
    for router in ("e1", "e2"):
        lab.cmd(router, f"ip route add 10.5.0.0/16 via 172.16.{small.NUMBERS[router]}.9")
    lab.wait_ring("r1", ALL)
    return lab


def attached(lab):
    """But for the device of our own, which comes while the core, as wide as
    tunnels want it, is an ingress too."""
    names = {i["interface"] for i in lab.forwarding("r1")["ingress"] if i["attached"]}
    return names - {"dyncast-out"}


def wait_attached(lab, names):
    wait_for("interfaces", lambda: attached(lab) == set(names) or str(attached(lab)), 10)


def steered(lab):
    (service,) = lab.forwarding("r1")["services"]
    return service["packets"]


def through(lab, number, device):
    """Packets of c1 that went through a network and were placed, of 5."""
    lab.cmd("c1", f"ip route replace {PREFIX[V4]} via 10.5.{number}.1 dev {device}")
    try:
        before = steered(lab)
        answers = lab.bulk("c1", "udp", ADDRESS[V4], 10, 5)
        assert all(one for one, _ in answers), answers
        return (steered(lab) - before) // 4
    finally:
        lab.cmd("c1", f"ip route del {PREFIX[V4]}")


def number_it(lab, number, r1_device, c1_device):
    lab.cmd("r1", f"ip addr add 10.5.{number}.1/24 dev {r1_device}; ip link set {r1_device} up")
    lab.cmd("c1", f"ip addr add 10.5.{number}.2/24 dev {c1_device}; ip link set {c1_device} up")


def second_link(lab, name, peer, node="c1"):
    """A veth between r1 and a node, as if somebody plugged in a cable."""
    lab.cmd("r1", f"ip link add {name} type veth peer name {peer}")
    lab.cmd("r1", f"ip link set {peer} netns {lab.node(node).pid}")


def device_or_skip(lab, node, command):
    rc, _, err = lab.node(node).cmd_status(command, warn=False)
    if rc:
        pytest.skip(f"{command.split(' type ')[-1].split()[0]}: this kernel says: {err.strip()}")


def pins(lab):
    """Of the programs on interfaces, with inodes: one made again has another."""
    return sorted(lab.cmd("r1", f"cd {PINS} && ls -i | grep link").splitlines())


def test_renamed_and_made_again(lab):
    """The name counts, whoever has it; the old attachment goes."""
    number_it(lab, 1, "r1-c1", "c1-r1")
    assert through(lab, 1, "c1-r1") == 0
    lab.configure("r1", "dyncast ingress r1-c1", "dyncast ingress access")
    wait_attached(lab, ["r1-c1"])
    assert through(lab, 1, "c1-r1") == 5
    lab.cmd("r1", "ip link set r1-c1 down; ip link set r1-c1 name other; ip link set other up")
    wait_attached(lab, [])
    assert through(lab, 1, "c1-r1") == 0
    # from one configured name to another in one step
    lab.cmd("r1", "ip link set other down; ip link set other name r1-c1; ip link set r1-c1 up")
    wait_attached(lab, ["r1-c1"])
    lab.cmd("r1", "ip link set r1-c1 down; ip link set r1-c1 name access; ip link set access up")
    wait_attached(lab, ["access"])
    assert through(lab, 1, "c1-r1") == 5
    lab.cmd("r1", "ip link set access down; ip link set access name r1-c1; ip link set r1-c1 up")
    lab.configure("r1", "no dyncast ingress access")
    wait_attached(lab, ["r1-c1"])
    # somebody takes the program away, and leaves our map as it is
    pin = f"{PINS}/" + lab.cmd("r1", f"ls {PINS} | grep link").split()[0]
    lab.cmd("r1", f"rm {pin}")
    wait_for("its pin to be back", lambda: pin in lab.cmd("r1", f"ls {pin} || true"), 20)
    assert through(lab, 1, "c1-r1") == 5
    # made again: another number, the same name
    lab.configure("r1", "dyncast ingress plugged")
    for _ in range(2):
        second_link(lab, "plugged", "plug")
        number_it(lab, 2, "plugged", "plug")
        wait_attached(lab, ["r1-c1", "plugged"])
        assert through(lab, 2, "plug") == 5
        lab.cmd("r1", "ip link del plugged")
        wait_attached(lab, ["r1-c1"])
    lab.configure("r1", "no dyncast ingress plugged", "no dyncast ingress r1-c1")
    wait_attached(lab, [])


def test_all(lab):
    """All Ethernet interfaces, also one that comes later; not lo."""
    lab.configure("r1", "dyncast ingress all")
    assert "dyncast ingress all" in lab.vtysh("r1", "show running-config")
    wait_attached(lab, ["r1-c1", "r1-core", "r1-lan"])
    # a line that is not there takes the program from nobody
    before = pins(lab)
    lab.configure("r1", "no dyncast ingress r1-c1")
    assert pins(lab) == before
    second_link(lab, "later", "late")
    number_it(lab, 3, "later", "late")
    wait_attached(lab, ["r1-c1", "r1-core", "r1-lan", "later"])
    assert through(lab, 3, "late") == 5
    lab.cmd("r1", "ip link del later")
    wait_attached(lab, ["r1-c1", "r1-core", "r1-lan"])
    lab.configure("r1", "no dyncast ingress all")
    wait_attached(lab, [])


def test_vlan(lab):
    """The VLAN steers, the interface below it does not."""
    device_or_skip(lab, "r1", "ip link add link r1-c1 name r1-c1.5 type vlan id 5")
    lab.cmd("c1", "ip link add link c1-r1 name c1-r1.5 type vlan id 5")
    number_it(lab, 4, "r1-c1.5", "c1-r1.5")
    assert through(lab, 4, "c1-r1.5") == 0
    lab.configure("r1", "dyncast ingress r1-c1.5")
    wait_attached(lab, ["r1-c1.5"])
    assert through(lab, 4, "c1-r1.5") == 5
    # the interface below alone does not see into its VLANs
    lab.configure("r1", "no dyncast ingress r1-c1.5", "dyncast ingress r1-c1")
    wait_attached(lab, ["r1-c1"])
    assert through(lab, 4, "c1-r1.5") == 0
    lab.configure("r1", "no dyncast ingress r1-c1")
    lab.cmd("r1", "ip link del r1-c1.5")
    wait_attached(lab, [])


def test_bridge(lab):
    """`all` takes the bridge and leaves its ports alone."""
    device_or_skip(lab, "r1", "ip link add br0 type bridge")
    second_link(lab, "port", "plug")
    lab.cmd("r1", "ip link set port master br0; ip link set port up")
    number_it(lab, 5, "br0", "plug")
    lab.configure("r1", "dyncast ingress all")
    wait_attached(lab, ["r1-c1", "r1-core", "r1-lan", "br0"])
    assert through(lab, 5, "plug") == 5
    lab.configure("r1", "no dyncast ingress all", "dyncast ingress br0")
    wait_attached(lab, ["br0"])
    assert through(lab, 5, "plug") == 5
    lab.configure("r1", "no dyncast ingress br0")
    lab.cmd("r1", "ip link del br0; ip link del port")
    wait_attached(lab, [])


def test_bond(lab):
    """As a bridge."""
    device_or_skip(lab, "r1", "ip link add bond0 type bond mode active-backup")
    second_link(lab, "port", "plug")
    lab.cmd("r1", "ip link set port down; ip link set port master bond0")
    number_it(lab, 6, "bond0", "plug")
    lab.configure("r1", "dyncast ingress all")
    wait_attached(lab, ["r1-c1", "r1-core", "r1-lan", "bond0"])
    assert through(lab, 6, "plug") == 5
    lab.configure("r1", "no dyncast ingress all")
    wait_attached(lab, [])
    assert through(lab, 6, "plug") == 0
    lab.configure("r1", "dyncast ingress bond0")
    wait_attached(lab, ["bond0"])
    assert through(lab, 6, "plug") == 5
    lab.configure("r1", "no dyncast ingress bond0")
    lab.cmd("r1", "ip link del bond0; ip link del port")
    wait_attached(lab, [])


TUN = r"""
import fcntl, os, socket, struct, sys
fd = os.open("/dev/net/tun", os.O_RDWR)
fcntl.ioctl(fd, 0x400454ca, struct.pack("16sH14x", b"tun5", 0x1001))
print("ready", flush=True)
sys.stdin.readline()
def checksum(data):
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    total = (total >> 16) + (total & 0xffff)
    return ~(total + (total >> 16)) & 0xffff
source, target, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
for n in range(5):
    udp = struct.pack("!HHHH", 40000 + n, port, 12, 0) + b"tun5"
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 32, n, 0, 64, 17, 0,
                       socket.inet_aton(source), socket.inet_aton(target))
    head = head[:10] + struct.pack("!H", checksum(head)) + head[12:]
    os.write(fd, head + udp)
got = 0
os.set_blocking(fd, True)
import select
while got < 5 and select.select([fd], [], [], 3)[0]:
    packet = os.read(fd, 2048)
    if packet[0] >> 4 == 4 and packet[9] == 17:
        got += 1
print(got, flush=True)
"""


def test_layer_3_device(lab):
    """A tun device has no Ethernet header; packets are placed all the same."""
    popen = lab.node("r1").popen(
        ["/usr/bin/python3", "-c", TUN, "10.5.7.2", ADDRESS[V4], str(lab.BULK_PORT)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=1,
    )  # fmt: skip
    try:
        if popen.stdout.readline().strip() != "ready":
            pytest.skip(f"tun: this kernel says: {popen.stderr.read().splitlines()[-1:]}")
        lab.cmd("r1", "ip addr add 10.5.7.1/24 dev tun5; ip link set tun5 up")
        lab.configure("r1", "dyncast ingress tun5")
        wait_attached(lab, ["tun5"])
        before = steered(lab)
        out, err = popen.communicate("go\n", timeout=20)
        assert out.strip() == "5", (out, err)
        assert steered(lab) - before == 5
    finally:
        popen.kill()
        popen.wait()
    lab.configure("r1", "no dyncast ingress tun5")
    wait_attached(lab, [])


def sent(lab, device):
    return int(lab.cmd("r1", f"cat /sys/class/net/{device}/statistics/tx_packets"))


def test_several_ways_to_the_sites(lab):
    """The underlay has two next hops to each site, whose neighbours are not
    known yet: flows spread over both, and each stays on its instance."""
    ways = ("r1-core", "r1-core2")
    second_link(lab, "r1-core2", "core-r12", "core")
    lab.cmd("r1", "ip addr add 2001:db8:0:20::1/64 dev r1-core2 nodad; ip link set r1-core2 up")
    lab.cmd("core", "ip addr add 2001:db8:0:20::9/64 dev core-r12 nodad; ip link set core-r12 up")
    number_it(lab, 8, "r1-c1", "c1-r1")
    lab.configure("r1", "dyncast ingress r1-c1")
    routes = [f"ipv6 route {small.locator(e)} 2001:db8:0:20::9" for e in ("e1", "e2")]
    lab.configure("r1", *routes)

    def by_route():
        (service,) = lab.forwarding("r1")["services"]
        hops = {i["name"]: i.get("nexthop") for i in service["instances"]}
        return True if not any(hops[name] for name in ALL - {"l1"}) else str(hops)

    wait_for("instances without a next hop of their own", by_route, 10)
    wait_attached(lab, ["r1-c1"])

    # what fits the wider way only is too big: which one is taken is not known before
    def too_big():
        out = lab.cmd("c1", f"ping -n -c 1 -W 1 -M do -s 1340 {ADDRESS[V4]} 2>&1; true")
        return True if "Frag needed" in out or "too long" in out else out[-200:]

    lab.cmd("r1", "ip link set r1-core2 mtu 1400")
    wait_for("the narrower way's MTU to count", too_big, 10)
    lab.cmd("r1", "ip link set r1-core2 mtu 1500")
    lab.cmd("c1", "ip route flush cache")
    lab.cmd("r1", "ip -6 neigh flush dev r1-core; ip -6 neigh flush dev r1-core2")
    before, placed = [sent(lab, device) for device in ways], steered(lab)
    answers = lab.bulk("c1", "udp", ADDRESS[V4], 10, 60)
    assert all(first and set(later) == set(first) for first, later in answers), answers
    assert {first[0] for first, _ in answers} == ALL
    assert steered(lab) - placed >= 240
    after = [sent(lab, device) for device in ways]
    # three of four packets leave, half of them by either way
    assert all(n - m >= 40 for m, n in zip(before, after)), (before, after)
    lab.configure("r1", *["no " + route for route in routes], "no dyncast ingress r1-c1")
    lab.cmd("r1", "ip link del r1-core2")
    wait_attached(lab, [])


def test_daemons_survived(lab):
    assert not re.search(r"^dyncast ingress", lab.vtysh("r1", "show running-config"), re.M)
    lab.expect_alive()
