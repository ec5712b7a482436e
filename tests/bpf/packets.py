#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""
Real packets through the dataplane, with stock kernels around it and no zebra.

          client --- ingress --- core --- egress --- lan --- i1
                        |                                \\-- i2
                        lan (adjacent case)

Runs as root in a mount namespace of its own, with its own /run/netns, so it
touches nothing outside and needs no cleaning up.

usage: packets.py DP_TOOL
"""

import os
import socket
import subprocess
import sys
import tempfile
import threading
import time

SERVICE = "10.255.0.1"
SERVICE6 = "2001:db8:ffff::1"
PORT = 8000
FLOWS = 40
BULK = 20_000_000

SERVER = r"""
import os, socket, sys, threading
name = sys.argv[1].encode()
def talk(c):
    with c:
        f = c.makefile("rb")
        for line in f:
            word = line.split()
            if word[0] == b"upload":
                left = int(word[1])
                while left:
                    left -= len(f.read(min(left, 65536)))
            elif word[0] == b"download":
                c.sendall(b"x" * int(word[1]))
            c.sendall(name + b"\n")
def udp(s):
    while True:
        data, peer = s.recvfrom(65536)
        s.sendto(name + b" " + data[:100], peer)
def tcp(t):
    while True:
        c, _ = t.accept()
        threading.Thread(target=talk, args=(c,), daemon=True).start()
for address in sys.argv[3:]:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    where = (address, int(sys.argv[2]))
    u = socket.socket(family, socket.SOCK_DGRAM)
    u.bind(where)
    threading.Thread(target=udp, args=(u,), daemon=True).start()
    t = socket.create_server(where, family=family, backlog=200)
    threading.Thread(target=tcp, args=(t,), daemon=True).start()
print("ready", flush=True)
threading.Event().wait()
"""

dp_tool = None
procs = []
checks = failures = 0


def check(what, ok, detail=""):
    global checks, failures
    checks += 1
    failures += not ok
    print(f"{'ok  ' if ok else 'FAIL'} {what} {detail}", flush=True)


def sh(ns, command, ok_to_fail=False):
    done = subprocess.run(["nsenter", f"--net=/run/netns/{ns}", "sh", "-c", command],
                          text=True, capture_output=True)
    if done.returncode and not ok_to_fail:
        raise RuntimeError(f"{ns}: {command}: {done.stderr.strip()}")
    return done.stdout


class Net:
    """Namespaces and links of one case."""

    def __init__(self, names):
        for name in names:
            subprocess.run(["ip", "netns", "add", name], check=True)
            sh(name, "ip link set lo up")
            sh(name, "sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 "
                     "net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0 "
                     "net.ipv6.conf.default.accept_dad=0 net.ipv6.conf.all.accept_dad=0")
        self.names = names

    def link(self, a, a_if, b, b_if):
        sh(a, f"ip link add {a_if} type veth peer name {b_if} netns {b}")
        sh(a, f"ip link set {a_if} up")
        sh(b, f"ip link set {b_if} up")

    def address(self, ns, dev, *addresses):
        for a in addresses:
            sh(ns, f"ip addr add {a} dev {dev} nodad")

    def lan(self, router, instances):
        """A bridge with the router (10.1.0.1) and the instances (10.1.0.11..)."""
        sh("lan", "ip link add br0 type bridge && ip link set br0 up")
        self.link(router, "lan", "lan", "p0")
        sh("lan", "ip link set p0 master br0")
        self.address(router, "lan", "10.1.0.1/24", "2001:db8:1f::1/64")
        for i, name in enumerate(instances, 1):
            self.link(name, "eth0", "lan", f"p{i}")
            sh("lan", f"ip link set p{i} master br0")
            self.address(name, "eth0", f"10.1.0.{10 + i}/24", f"2001:db8:1f::{10 + i}/64")
            self.address(name, "lo", f"{SERVICE}/32", f"{SERVICE6}/128")
            sh(name, "ip route add default via 10.1.0.1")
            sh(name, "ip -6 route add default via 2001:db8:1f::1")
            serve(name)

    def close(self):
        for name in self.names:
            subprocess.run(["ip", "netns", "del", name], check=True)


def serve(name):
    p = subprocess.Popen(["nsenter", f"--net=/run/netns/{name}", sys.executable, "-c", SERVER,
                          name, str(PORT), SERVICE, SERVICE6], stdout=subprocess.PIPE, text=True)
    procs.append(p)
    assert p.stdout.readline().strip() == "ready"


def stop_servers():
    while procs:
        p = procs.pop()
        p.kill()
        p.wait()


class Dataplane:
    def __init__(self, ns, directory):
        self.ns, self.dir = ns, directory

    def __call__(self, *args):
        return sh(self.ns, " ".join([dp_tool, self.dir, *map(str, args)])).strip()

    def status(self):
        return dict(line.split() for line in self("status").splitlines())


class Client:
    """Sockets in the client's namespace: a thread enters it to make them."""

    def __init__(self, ns, service=SERVICE):
        self.ns, self.service = ns, service
        self.family = socket.AF_INET6 if ":" in service else socket.AF_INET
        self.port = 20000

    def socket(self, kind):
        made = []

        def make():
            import ctypes
            libc = ctypes.CDLL(None, use_errno=True)
            with open(f"/run/netns/{self.ns}") as f:
                if libc.setns(f.fileno(), 0x40000000):
                    raise OSError(ctypes.get_errno(), "setns")
            made.append(socket.socket(self.family, kind))

        t = threading.Thread(target=make)
        t.start()
        t.join()
        made[0].settimeout(5)
        return made[0]

    def tcp(self):
        s = self.socket(socket.SOCK_STREAM)
        # The kernel may give the port of a connection that was reset, which the
        # router did not see: its entry would have the new one, as it should.
        self.port += 1
        s.bind(("", self.port))
        s.connect((self.service, PORT))
        return s

    def udp(self):
        s = self.socket(socket.SOCK_DGRAM)
        # a port that an earlier flow had would be a flow that is pinned
        self.port += 1
        s.bind(("", self.port))
        s.connect((self.service, PORT))
        return s


def read_line(s):
    got = b""
    while not got.endswith(b"\n"):
        part = s.recv(1)
        if not part:
            raise ConnectionError("closed")
        got += part
    return got.decode().strip()


def ask_tcp(s):
    """Name of the instance that answers, None when the connection is broken."""
    try:
        s.sendall(b"who\n")
        return read_line(s)
    except OSError:
        return None


def ask_udp(s, tries=3):
    for _ in range(tries):
        try:
            s.send(b"who")
            return s.recv(100).decode().split()[0]
        except OSError:
            pass
    return None


def open_flows(client):
    return [client.tcp() for _ in range(FLOWS)], [client.udp() for _ in range(FLOWS)]


def answers(flows):
    return [ask_tcp(s) for s in flows[0]] + [ask_udp(s) for s in flows[1]]


def spread(seen):
    """Who answered how many, as answers() has them: for a check's line."""
    return "; ".join(f"{kind} " + ", ".join(f"{name} {part.count(name)}" for name in sorted(set(part), key=str))
                     for kind, part in (("TCP", seen[:FLOWS]), ("UDP", seen[FLOWS:])))


def affinity(client, dp, service, id1, id2):
    """New flows follow the ring, running ones stay; the common part."""
    dp("ring", service, id1, id2)
    flows = open_flows(client)
    first = answers(flows)
    check("every flow is answered, and by both instances",
          set(first) == {"i1", "i2"}, f"i1 {first.count('i1')} i2 {first.count('i2')}")
    check("a flow keeps its instance", answers(flows) == first)

    dp("ring", service, id2)
    check("running flows stay when the ring moves", answers(flows) == first)
    new = answers(open_flows(client))
    check("new flows follow the ring", set(new) == {"i2"}, spread(new))
    return flows, first


def failure(dp, flows, first, id1):
    dp("remove", id1)
    second = answers(flows)
    kept = all(b == "i2" for a, b in zip(first, second) if a == "i2")
    check("flows of the other instance stay when one is removed", kept)
    moved = [b for a, b in zip(first[FLOWS:], second[FLOWS:]) if a == "i1"]
    check("UDP flows of the removed instance move at once",
          bool(moved) and set(moved) == {"i2"})
    lost = [b for a, b in zip(first[:FLOWS], second[:FLOWS]) if a == "i1"]
    check("its TCP connections are told that they ended", bool(lost) and set(lost) == {None})


def restart_under_load(client, dp, times):
    """A new program in place of the old one: no packet is lost."""
    s = client.udp()
    s.settimeout(2)
    lost = sent = 0
    done = threading.Event()

    def reload_program():
        for _ in range(times):
            dp("attach", "client", 254)
        done.set()

    t = threading.Thread(target=reload_program)
    t.start()
    while not done.is_set() or not sent:
        sent += 1
        lost += ask_udp(s, 1) is None
    t.join()
    check(f"{times} restarts lose no packet", lost == 0, f"{sent} sent, {lost} lost")


def adjacent_case(directory, ipv6=False):
    print(f"# adjacent: two {'IPv6' if ipv6 else 'IPv4'} instances on the ingress router's LAN")
    net = Net(["client", "ingress", "lan", "i1", "i2"])
    net.link("client", "eth0", "ingress", "client")
    net.address("client", "eth0", "10.9.0.2/24", "2001:db8:9::2/64")
    net.address("ingress", "client", "10.9.0.1/24", "2001:db8:9::1/64")
    sh("client", "ip route add default via 10.9.0.1")
    sh("client", "ip -6 route add default via 2001:db8:9::1")
    net.lan("ingress", ["i1", "i2"])
    client, dp = Client("client", SERVICE6 if ipv6 else SERVICE), Dataplane("ingress", directory)

    dp("attach", "client", 254)
    # the control: without a service, the kernel has no route to it
    check("nothing is steered before the service is there", ask_udp(client.udp(), 1) is None)
    service = dp("service", 254, f"{SERVICE6}/128" if ipv6 else f"{SERVICE}/32")
    id1, id2 = (dp("adjacent", service, f"2001:db8:1f::{n}" if ipv6 else f"10.1.0.{n}", "lan")
                for n in (11, 12))
    flows, first = affinity(client, dp, service, id1, id2)
    pings(dp, service, id1, id2, client.service)
    restart_under_load(client, dp, 5 if ipv6 else 20)
    failure(dp, flows, first, id1)
    dp("detach", "client")
    check("nothing is steered after detaching", ask_udp(client.udp(), 1) is None)
    dp("uninstall")
    check("nothing is left", not os.path.exists(directory))
    stop_servers()
    net.close()


def pings(dp, service, id1, id2, address):
    """Whole and in fragments: each ping gets to one instance and is answered."""
    for name, instance in (("i1", id1), ("i2", id2)):
        dp("ring", service, instance)
        dp("clear")
        before = icmp_in(name)
        out = sh("client", f"ping -n -c 3 -i 0.2 -W 2 -s 4000 {address}", ok_to_fail=True)
        check(f"a fragmented ping is answered by {name}",
              " 3 received" in out and icmp_in(name) - before >= 3)
    big = Client("client", address).udp()
    big.send(b"x" * 4000)
    try:
        answer = big.recv(200).decode().split()[0]
    except OSError:
        answer = None
    check("so is a fragmented datagram", answer == "i2", str(answer))


def icmp_in(name):
    """echo requests that the instance has seen, of both families"""
    text = sh(name, "cat /proc/net/snmp /proc/net/snmp6")
    rows = [line.split() for line in text.splitlines()]
    icmp = [row for row in rows if row and row[0] == "Icmp:"]
    seen = int(icmp[1][icmp[0].index("InEchos")])
    return seen + sum(int(row[1]) for row in rows if row[0] == "Icmp6InEchos")


def bulk(client, name):
    s = client.tcp()
    s.settimeout(30)
    start = time.monotonic()
    s.sendall(b"upload %d\n" % BULK)
    s.sendall(b"x" * BULK)
    up = read_line(s)
    middle = time.monotonic()
    s.sendall(b"download %d\n" % BULK)
    left = BULK
    while left:
        left -= len(s.recv(min(left, 1 << 20)))
    down = read_line(s)
    end = time.monotonic()
    check(f"{name}: bulk transfer both ways", up == down and up is not None,
          f"up {BULK * 8 / (middle - start) / 1e6:.0f} Mbit/s, "
          f"down {BULK * 8 / (end - middle) / 1e6:.0f} Mbit/s")


def link_local(ns, dev):
    for word in sh(ns, f"ip -6 -o addr show dev {dev} scope link").split():
        if word.startswith("fe80"):
            return word.split("/")[0]
    raise RuntimeError(f"{ns}: {dev} has no link-local address")


def srv6_topology():
    net = Net(["client", "ingress", "core", "egress", "lan", "i1", "i2"])
    for a, b in (("client", "ingress"), ("ingress", "core"), ("core", "egress")):
        net.link(a, b, b, a)
    net.address("client", "ingress", "10.9.0.2/24", "2001:db8:9::2/64")
    net.address("ingress", "client", "10.9.0.1/24", "2001:db8:9::1/64")
    net.address("ingress", "core", "10.0.1.1/24", "2001:db8:1::1/64")
    net.address("core", "ingress", "10.0.1.2/24", "2001:db8:1::2/64")
    net.address("core", "egress", "10.0.2.1/24", "2001:db8:2::1/64")
    net.address("egress", "core", "10.0.2.2/24", "2001:db8:2::2/64")
    sh("client", "ip route add default via 10.9.0.1")
    sh("client", "ip -6 route add default via 2001:db8:9::1")
    sh("core", "ip route add 10.9.0.0/24 via 10.0.1.1")
    sh("core", "ip -6 route add 2001:db8:9::/64 via 2001:db8:1::1")
    sh("egress", "ip route add default via 10.0.2.1")
    sh("egress", "ip -6 route add default via 2001:db8:2::1")
    sh("ingress", "ip -6 route add 2001:db8:e1::/64 via 2001:db8:1::2")
    sh("core", "ip -6 route add 2001:db8:e1::/64 via 2001:db8:2::2")
    # to the core another site is nearer: an IPv4 packet to the service would
    # get lost there
    sh("core", f"ip route add blackhole {SERVICE}/32")
    sh("core", f"ip -6 route add blackhole {SERVICE6}/128")
    # what zebra does at the ingress: a route with the MTU that is left, which
    # answers packets that are too big
    sh("ingress", f"ip route add {SERVICE}/32 via 10.0.1.2 mtu 1460")
    sh("ingress", f"ip -6 route add {SERVICE6}/128 via 2001:db8:1::2 mtu 1460")
    net.lan("egress", ["i1", "i2"])
    # an on-link nh4 would make the kernel resolve the service's own address
    for i in (1, 2):
        sh("egress", f"ip route add 192.0.0.{i}/32 via 10.1.0.1{i} dev lan")
        sh("egress", f"ip -6 route add 2001:db8:e1::{i} encap seg6local "
                     f"action End.DX4 nh4 192.0.0.{i} dev lan")
    return net


def srv6_endpoints(egress):
    """Our own End.DX6 in place of End.DX4: set, set again, cleared."""
    for i in (1, 2):
        sh("egress", f"ip -6 route del 2001:db8:e1::{i}")
        for _ in range(2):
            egress("dx6", f"2001:db8:e1::{i}", f"2001:db8:1f::1{i}", "lan")
    egress("dx6", "2001:db8:e1::3", "2001:db8:1f::11", "lan")
    egress("nodx6", "2001:db8:e1::3")
    egress("nodx6", "2001:db8:e1::3")
    shown = sh("egress", "ip -6 route show")
    check("End.DX6 is installed, and only what was not cleared",
          shown.count("End.DX6") == 2 and "e1::3" not in shown)


def srv6_case(directory, ipv6=False):
    print(f"# SRv6: two {'IPv6' if ipv6 else 'IPv4'} instances on one LAN behind another router")
    net = srv6_topology()
    client, dp = Client("client", SERVICE6 if ipv6 else SERVICE), Dataplane("ingress", directory)
    dp("attach", "client", 254)
    if ipv6:
        srv6_endpoints(Dataplane("egress", f"{directory}-egress"))
    check("without steering the packets are lost at the core",
          ask_udp(client.udp(), 1) is None)

    service = dp("service", 254, f"{SERVICE6}/128" if ipv6 else f"{SERVICE}/32")
    core = link_local("core", "ingress")
    id1 = dp("srv6", service, "2001:db8:e1::1", "2001:db8:1::1", core, "core", 1500)
    id2 = dp("srv6", service, "2001:db8:e1::2", "2001:db8:1::1", core, "core", 1500)
    flows, first = affinity(client, dp, service, id1, id2)
    restart_under_load(client, dp, 5)
    for name in ("i1", "i2"):
        dp("ring", service, id1 if name == "i1" else id2)
        bulk(client, name)
    check("too big packets were answered by the kernel's route",
          int(dp.status()["too_big"]) > 0, f"too_big {dp.status()['too_big']}")
    dp("ring", service, id2)
    failure(dp, flows, first, id1)

    id1 = dp("srv6", service, "2001:db8:e1::1", "2001:db8:1::1", "-", "core", 1500)
    dp("ring", service, id1)
    new = answers(open_flows(client))
    check("without a next hop the kernel's route carries the outer packet",
          set(new) == {"i1"}, spread(new))
    if set(new) != {"i1"}:
        print(f"# instances {id1} and {id2}; flows:", dp("flows"), sep="\n", flush=True)
    check("no packet could not be rewritten", dp.status()["errors"] == "0", str(dp.status()))
    dp("uninstall")
    stop_servers()
    net.close()


def main():
    global dp_tool
    if os.geteuid():
        sys.exit("packets.py needs root")
    if "DYNCAST_PACKETS_INSIDE" not in os.environ:
        os.environ["DYNCAST_PACKETS_INSIDE"] = "1"
        os.execvp("unshare", ["unshare", "--mount", "--net", sys.executable, *sys.argv])
    dp_tool = os.path.abspath(sys.argv[1])
    os.makedirs("/run/netns", exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "netns", "/run/netns"], check=True)
    with tempfile.TemporaryDirectory(prefix="dyncast-packets-") as directory:
        try:
            adjacent_case(f"{directory}/adjacent")
            adjacent_case(f"{directory}/adjacent6", ipv6=True)
            srv6_case(f"{directory}/srv6")
            srv6_case(f"{directory}/srv6-6", ipv6=True)
        finally:
            stop_servers()
            subprocess.run(f"umount -l {directory}/* 2>/dev/null", shell=True)
    print(f"{checks - failures} of {checks} checks passed")
    sys.exit(failures != 0)


if __name__ == "__main__":
    main()
