#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""
Real packets by the less usual ways: IP in IP with our own decapsulation,
ingress interfaces without an Ethernet header, bridges, priority tags, and
`forwarding kernel`.  Topology and helpers are those of packets.py.

usage: paths.py DP_TOOL [CASE...]
"""

import ctypes
import fcntl
import os
import select
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

import packets
from packets import (SERVICE, SERVICE6, PORT, Client, Dataplane, Net, affinity, answers, ask_udp,
                     bulk, check, failure, link_local, open_flows, sh, srv6_topology, stop_servers)

TABLE = 254
IP_RECVTTL = 12


def in_namespace(ns, what):
    """The result of what(), run by a thread that has entered the namespace."""
    result = []

    def run():
        with open(f"/run/netns/{ns}") as f:
            if ctypes.CDLL(None, use_errno=True).setns(f.fileno(), 0x40000000):
                raise OSError(ctypes.get_errno(), "setns")
        result.append(what())

    t = threading.Thread(target=run)
    t.start()
    t.join()
    return result[0]


def wait_for(what, condition):
    for _ in range(100):
        if condition():
            return check(what, True)
        time.sleep(0.05)
    return check(what, False)


# ---- IP in IP ---------------------------------------------------------------

class Tunnels:
    """Two instances behind the egress, reached by IP in IP."""

    def __init__(self, directory, outer6, inner6):
        self.outer6 = outer6
        self.dp = Dataplane("ingress", f"{directory}-in")
        self.egress = Dataplane("egress", f"{directory}-out")
        self.prefix = f"{SERVICE6}/128" if inner6 else f"{SERVICE}/32"
        self.dbid = "2001:db8:e1::10{}" if outer6 else "10.66.0.{}"
        self.source = "2001:db8:1::1" if outer6 else "10.0.1.1"
        self.near = "2001:db8:1f::1{}" if inner6 else "10.1.0.1{}"
        sh("ingress", "ip route add 10.66.0.0/24 via 10.0.1.2")
        sh("core", "ip route add 10.66.0.0/24 via 10.0.2.2")
        self.service = self.dp("service", TABLE, self.prefix)

    def open_egress(self):
        self.egress("attach", "core", TABLE, "decap")
        service = self.egress("service", TABLE, self.prefix)
        for i in (1, 2):
            local = self.egress("adjacent", service, self.near.format(i), "lan")
            self.egress("decap", self.dbid.format(i), local)

    def instance(self, i, by_route=False):
        hop = "-" if by_route else link_local("core", "ingress") if self.outer6 else "10.0.1.2"
        return self.dp("ipip", self.service, self.dbid.format(i), self.source, hop, "core", 1500)

    def close(self):
        self.dp("uninstall")
        self.egress("uninstall")


def ipip_case(directory, outer6, inner6):
    print(f"# IP in IP: {'IPv6' if inner6 else 'IPv4'} in {'IPv6' if outer6 else 'IPv4'}")
    net = srv6_topology()
    client = Client("client", SERVICE6 if inner6 else SERVICE)
    t = Tunnels(directory, outer6, inner6)
    t.dp("attach", "client", TABLE)
    id1, id2 = t.instance(1), t.instance(2)
    t.dp("ring", t.service, id1)
    check("without decapsulation at the egress nothing arrives",
          ask_udp(client.udp(), 1) is None)
    t.open_egress()
    flows, first = affinity(client, t.dp, t.service, id1, id2)
    for name in ("i1", "i2"):
        t.dp("ring", t.service, id1 if name == "i1" else id2)
        bulk(client, name)
    check("too big packets were answered by the kernel's route",
          int(t.dp.status()["too_big"]) > 0)
    t.dp("ring", t.service, id2)
    failure(t.dp, flows, first, id1)
    t.dp("ring", t.service, t.instance(1, by_route=True))
    new = answers(open_flows(client))
    check("without a next hop the kernel's route carries the outer packet",
          set(new) == {"i1"}, str(set(new)))
    status = t.egress.status()
    check("all that came was stripped", int(status["decapsulated"]) > 1000
          and status["decap_dropped"] == "0", str(status))
    check("no packet could not be rewritten", t.dp.status()["errors"] == "0")
    t.close()
    stop_servers()
    net.close()


# ---- interfaces that packets come in by -------------------------------------

def tun(ns, name):
    def make():
        fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
        fcntl.ioctl(fd, 0x400454CA, struct.pack("16sH", name.encode(), 0x1001))
        return fd

    return in_namespace(ns, make)


class TunLink:
    """Two tun devices and who carries packets between them."""

    def __init__(self, a, b, name):
        self.fds = [tun(a, name), tun(b, name)]
        self.stop = os.pipe()
        self.thread = threading.Thread(target=self.carry, daemon=True)
        self.thread.start()

    def carry(self):
        while True:
            ready = select.select(self.fds + [self.stop[0]], [], [])[0]
            if self.stop[0] in ready:
                return
            for fd in ready:
                try:
                    os.write(self.fds[self.fds[0] == fd], os.read(fd, 65536))
                except OSError:
                    pass

    def close(self):
        os.write(self.stop[1], b"x")
        self.thread.join()
        for fd in self.fds + list(self.stop):
            os.close(fd)


def plain_ip_case(directory, inner6):
    print(f"# an ingress interface without Ethernet, {'IPv6' if inner6 else 'IPv4'}")
    net = srv6_topology()
    sh("client", "ip link del ingress")
    link = TunLink("client", "ingress", "tun0")
    for ns, last in (("client", 2), ("ingress", 1)):
        sh(ns, "ip link set tun0 up mtu 1400")
        net.address(ns, "tun0", f"10.9.0.{last}/24", f"2001:db8:9::{last}/64")
    sh("client", "ip route add default dev tun0")
    sh("client", "ip -6 route add default dev tun0")
    client = Client("client", SERVICE6 if inner6 else SERVICE)
    for outer6 in (False, True):
        t = Tunnels(f"{directory}-{outer6}", outer6, inner6)
        t.open_egress()
        t.dp("attach", "tun0", TABLE)
        id1, id2 = t.instance(1), t.instance(2)
        affinity(client, t.dp, t.service, id1, id2)
        bulk(client, "i2")
        t.dp("ring", t.service, t.instance(1, by_route=True))
        check("by the kernel's route too", set(answers(open_flows(client))) == {"i1"})
        check("no packet could not be rewritten", t.dp.status()["errors"] == "0")
        t.close()
        sh("ingress", "ip route del 10.66.0.0/24")
        sh("core", "ip route del 10.66.0.0/24")
    stop_servers()
    link.close()
    net.close()


def client_frame(dst, port, vlan=None, src="10.9.0.2"):
    """A datagram from the client's address, as a frame; vlan: the tag's 16 bits."""
    def mac(ns, dev):
        words = sh(ns, f"ip -o link show dev {dev}").split()
        return bytes.fromhex(words[words.index("link/ether") + 1].replace(":", ""))

    udp = struct.pack("!HHHH", port, PORT, 8 + 3, 0) + b"who"
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 1, 0, 64, 17, 0,
                     socket.inet_aton(src), socket.inet_aton(SERVICE))
    total = sum(struct.unpack("!10H", ip))
    total = (total & 0xFFFF) + (total >> 16)
    ip = ip[:10] + struct.pack("!H", ~((total & 0xFFFF) + (total >> 16)) & 0xFFFF) + ip[12:]
    tag = b"" if vlan is None else struct.pack("!HH", 0x8100, vlan)
    return mac("ingress", dst) + mac("client", "eth0") + tag + b"\x08\x00" + ip + udp


def answer_to_frame(dst, port, vlan=None, src="10.9.0.2"):
    """Who answers the frame, to the client's socket with that port; None: nobody."""
    def make():
        raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
        raw.bind(("eth0", 0))
        back = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        back.bind(("", port))
        return raw, back

    raw, back = in_namespace("client", make)
    back.settimeout(1)
    raw.send(client_frame(dst, port, vlan, src))
    try:
        return back.recv(100).decode().split()[0]
    except OSError:
        return None


def lan_topology():
    net = Net(["client", "ingress", "lan", "i1", "i2"])
    net.link("client", "eth0", "ingress", "client")
    net.address("client", "eth0", "10.9.0.2/24", "2001:db8:9::2/64")
    sh("client", "ip route add default via 10.9.0.1")
    sh("client", "ip -6 route add default via 2001:db8:9::1")
    return net


def two_instances(dp, service, ipv6=False):
    return (dp("adjacent", service, f"2001:db8:1f::{n}" if ipv6 else f"10.1.0.{n}", "lan")
            for n in (11, 12))


def tags_case(directory):
    print("# frames with a VLAN tag")
    net = lan_topology()
    net.address("ingress", "client", "10.9.0.1/24", "2001:db8:9::1/64")
    net.lan("ingress", ["i1", "i2"])
    dp = Dataplane("ingress", directory)
    dp("attach", "client", TABLE)
    service = dp("service", TABLE, f"{SERVICE}/32")
    id1, _ = two_instances(dp, service)
    dp("ring", service, id1)
    check("without a tag it is steered", answer_to_frame("client", 30001) == "i1")
    check("with a priority alone too", answer_to_frame("client", 30002, 0xA000) == "i1")
    check("another VLAN's frame is not", answer_to_frame("client", 30003, 0xA007) is None)
    check("of three frames two were steered", dp.status()["packets_steered"] == "2")
    dp("uninstall")
    stop_servers()
    net.close()


def bridge_case(directory):
    print("# a bridge as the ingress interface")
    net = lan_topology()
    sh("ingress", "ip link add br0 type bridge && ip link set br0 up && "
                  "ip link set client master br0")
    net.address("ingress", "br0", "10.9.0.1/24", "2001:db8:9::1/64")
    net.lan("ingress", ["i1", "i2"])
    client, dp = Client("client"), Dataplane("ingress", directory)
    dp("attach", "br0", TABLE)
    service = dp("service", TABLE, f"{SERVICE}/32")
    id1, id2 = two_instances(dp, service)
    flows, first = affinity(client, dp, service, id1, id2)
    failure(dp, flows, first, id1)
    dp("detach", "br0")
    check("nothing is steered after detaching", ask_udp(client.udp(), 1) is None)
    dp("uninstall")
    stop_servers()
    net.close()


# ---- forwarding kernel ------------------------------------------------------

def hops_seen(client, ttl):
    """TTL of the client's datagram as the instance sees it; None: it does not."""
    def listen():
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        s.setsockopt(socket.IPPROTO_IP, IP_RECVTTL, 1)
        s.bind((SERVICE, PORT + 1))
        return s

    server = in_namespace("i1", listen)
    server.settimeout(1)
    s = client.udp()
    s.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, ttl)
    s.connect((SERVICE, PORT + 1))
    s.send(b"who")
    try:
        return struct.unpack("i", server.recvmsg(100, 100)[1][0][2])[0]
    except OSError:
        return None


def reverse_path(dev):
    """Strict reverse-path filtering takes a source that belongs elsewhere."""
    for mode in (0, 1):
        sh("ingress", f"sysctl -qw net.ipv4.conf.{dev}.rp_filter={mode}")
        before = sh("i1", "cat /proc/net/snmp")
        # what the LAN's own address asks cannot be answered to the client
        answer_to_frame(dev, 30010 + mode, src="10.1.0.200")
        udp = [row.split() for row in sh("i1", "cat /proc/net/snmp").splitlines()
               if row.startswith("Udp:")]
        old = [row.split() for row in before.splitlines() if row.startswith("Udp:")]
        at = udp[0].index("InDatagrams")
        got = int(udp[1][at]) - int(old[1][at])
        check(f"rp_filter {mode}: a forged source {'is dropped' if mode else 'passes'}",
              got == 1 - mode, f"{got} arrived")


def kernel_case(directory, ipv6=False):
    print(f"# forwarding kernel, {'IPv6' if ipv6 else 'IPv4'}")
    net = lan_topology()
    net.address("ingress", "client", "10.9.0.1/24", "2001:db8:9::1/64")
    net.lan("ingress", ["i1", "i2"])
    sh("ingress", "ip link add dyn0 type veth peer name dyn1 && "
                  "ip link set dyn0 up arp off && ip link set dyn1 up arp off")
    address = SERVICE6 if ipv6 else SERVICE
    prefix = f"{SERVICE6}/128" if ipv6 else f"{SERVICE}/32"
    sh("ingress", f"ip {'-6' if ipv6 else ''} route add {prefix} dev dyn0")
    client, dp = Client("client", address), Dataplane("ingress", directory)
    check("without the program nothing comes out", ask_udp(client.udp(), 1) is None)
    dp("attach", "dyn0", TABLE, "egress")
    service = dp("service", TABLE, prefix)
    id1, id2 = two_instances(dp, service, ipv6)
    flows, first = affinity(client, dp, service, id1, id2)
    bulk(client, "i2")

    dp("ring", service, id1)
    sh("ingress", "nft 'add table inet t; "
                  "add chain inet t f { type filter hook forward priority 0; }; "
                  f"add rule inet t f {'ip6' if ipv6 else 'ip'} daddr {address} udp dport {PORT} "
                  "counter drop'")
    check("netfilter's FORWARD rules apply", ask_udp(client.udp(), 1) is None
          and "packets 0" not in sh("ingress", "nft list table inet t"))
    sh("ingress", "nft delete table inet t")
    check("and nothing else was wrong", ask_udp(client.udp()) == "i1")
    if not ipv6:
        check("it costs one hop, the kernel's", hops_seen(client, 9) == 8)
        check("which answers for the last one", hops_seen(client, 1) is None)
        reverse_path("client")
    dp("ring", service, id2)
    failure(dp, flows, first, id1)
    dp("uninstall")
    stop_servers()
    net.close()


CASES = {
    "4in4": lambda d: ipip_case(d, False, False),
    "6in4": lambda d: ipip_case(d, False, True),
    "4in6": lambda d: ipip_case(d, True, False),
    "6in6": lambda d: ipip_case(d, True, True),
    "plain-ip": lambda d: plain_ip_case(d, False),
    "plain-ip-6": lambda d: plain_ip_case(d, True),
    "tags": tags_case,
    "bridge": bridge_case,
    "kernel": kernel_case,
    "kernel-6": lambda d: kernel_case(d, ipv6=True),
}


def main():
    if os.geteuid():
        sys.exit("paths.py needs root")
    if "DYNCAST_PACKETS_INSIDE" not in os.environ:
        os.environ["DYNCAST_PACKETS_INSIDE"] = "1"
        os.execvp("unshare", ["unshare", "--mount", "--net", sys.executable, *sys.argv])
    packets.dp_tool = os.path.abspath(sys.argv[1])
    os.makedirs("/run/netns", exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "netns", "/run/netns"], check=True)
    with tempfile.TemporaryDirectory(prefix="dyncast-paths-") as directory:
        try:
            for name in sys.argv[2:] or CASES:
                CASES[name](f"{directory}/{name}")
        finally:
            stop_servers()
            subprocess.run(f"umount -l {directory}/* 2>/dev/null", shell=True)
    print(f"{packets.checks - packets.failures} of {packets.checks} checks passed")
    sys.exit(packets.failures != 0)


if __name__ == "__main__":
    main()
