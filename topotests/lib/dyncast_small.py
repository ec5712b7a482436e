# SPDX-License-Identifier: GPL-2.0-or-later
"""A small topology for one feature at a time: both address families, an
instance next to the ingress, an underlay without routing daemons.

    c1 ---- r1 ---- core ---- e1 --+-- a1   site 1
  clients   |        |             +-- a2
            +-- l1   +------- e2 ----- b1   site 2

r1, e1 and e2 run zebra, staticd and bgpd (iBGP, fully meshed); core is a Linux
host with static routes and no daemon, whose own route for the services leads
to e1: what reaches it unencapsulated ends there.  Every instance owns both
service addresses on lo.
"""

import ipaddress
import json
import os
import subprocess
from collections import namedtuple

from dyncast_topology import ASN, Lab, wait_for
from dyncast_traffic import FlowCheck, Load, Process, start_servers

V4 = "video"
V6 = "video6"
ADDRESS = {V4: "10.255.0.1", V6: "2001:db8:255::1"}
PREFIX = {V4: ADDRESS[V4] + "/32", V6: ADDRESS[V6] + "/128"}

CLIENTS = {
    V4: [f"10.0.1.{n}" for n in range(11, 15)],
    V6: [f"2001:db8:1::{n}" for n in range(11, 15)],
}

Instance = namedtuple("Instance", "name router number address address6 sid sid6")

NUMBERS = {"e1": 1, "e2": 2, "r1": 10}
MEMBERS = {"e1": ("a1", "a2"), "e2": ("b1",), "r1": ("l1",)}
INSTANCES = {
    name: Instance(
        name, router, n, f"10.{NUMBERS[router]}.0.{10 + n}",
        f"2001:db8:a{NUMBERS[router]}::{10 + n}", 16 + n, 32 + n,
    )
    for router, names in MEMBERS.items()
    for n, name in enumerate(names, 1)
}  # fmt: skip
ROUTERS = list(NUMBERS)


def loopback(router):
    return f"10.0.0.{NUMBERS[router]}"


def loopback6(router):
    return f"2001:db8:ff::{NUMBERS[router]}"


def locator(router):
    return f"2001:db8:e{NUMBERS[router]}::/64"


def locator4(router):
    return f"10.99.{NUMBERS[router]}.0/24"


def dbid(name, service=V4, ipip=False):
    """The D-BID of an instance, as its site's locator has it."""
    inst = INSTANCES[name]
    number = inst.sid if service == V4 else inst.sid6
    if ipip:
        return str(ipaddress.ip_network(locator4(inst.router)).network_address + number)
    network = ipaddress.ip_network(locator(inst.router))
    return str(network.network_address + (number << (128 - 16 - network.prefixlen)))


class SmallLab(Lab):
    """underlay: "dual", or "ipv4" for one without IPv6 between the routers.
    services: which of both there are.  members: the instances that are
    configured.  core_mtu: of the links between routers; no less than a tunnel
    wants by 1540, and then services' routes have no need of dyncast-out.
    adapt(router, conf): last changes, as in Lab."""

    routers = ROUTERS
    steering = ROUTERS
    instances = INSTANCES
    service_addresses = list(ADDRESS.values())

    def __init__(
        self, name, underlay="dual", services=(V4, V6), members=None, core_mtu=1500, adapt=None
    ):
        self.core_mtu = core_mtu
        self.underlay = underlay
        self.services = services
        self.members = list(INSTANCES) if members is None else members
        super().__init__(name, adapt=adapt)

    def _build(self, tgen):
        for router in ROUTERS:
            tgen.add_router(router)
        for name in ["core", "c1", *INSTANCES]:
            tgen.add_host(name, "", "")
            # _start_hosts() knows better
            tgen.net.host_params[name].clear()
        gears = tgen.gears
        for router in ROUTERS:
            tgen.add_link(gears[router], gears["core"], f"{router}-core", f"core-{router}")
        tgen.add_link(gears["r1"], gears["c1"], "r1-c1", "c1-r1")
        for router, names in MEMBERS.items():
            lan = tgen.add_switch("lan-" + router)
            tgen.add_link(lan, gears[router], f"s{router}", f"{router}-lan")
            for name in names:
                tgen.add_link(lan, gears[name], f"s{name}", f"{name}-lan")

    def _start_hosts(self):
        for router in ROUTERS:
            self.cmd(router, f"ip link set {router}-core mtu {self.core_mtu}")
            self.cmd("core", f"ip link set core-{router} mtu {self.core_mtu}")
        self._script("c1", self._client_script())
        self._script("core", self._core_script())
        for inst in INSTANCES.values():
            number = NUMBERS[inst.router]
            self._script(
                inst.name,
                [f"ip addr add {inst.address}/24 dev {inst.name}-lan"]
                + [f"ip addr add {inst.address6}/64 dev {inst.name}-lan nodad"]
                + [f"ip route add default via 10.{number}.0.1"]
                + [f"ip route add default via 2001:db8:a{number}::1"]
                + [f"ip addr add {PREFIX[V4]} dev lo", f"ip addr add {PREFIX[V6]} dev lo"],
            )

    def _script(self, node, lines):
        self.cmd(node, "sh -ec '" + "; ".join(lines) + "'")

    @staticmethod
    def _client_script():
        return (
            [f"ip addr add {a}/24 dev c1-r1" for a in CLIENTS[V4]]
            + [f"ip addr add {a}/64 dev c1-r1 nodad" for a in CLIENTS[V6]]
            + ["ip route add default via 10.0.1.1", "ip route add default via 2001:db8:1::1"]
        )

    def _core_script(self):
        lines = ["sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1"]
        for router, n in NUMBERS.items():
            lines += [f"ip addr add 172.16.{n}.9/24 dev core-{router}"]
            via = f"via 172.16.{n}.1"
            lines += [f"ip route add {loopback(router)} {via}"]
            lines += [f"ip route add {locator4(router)} {via}"]
            lines += [f"ip route add 10.{n}.0.0/24 {via}"]
        lines += ["ip route add 10.0.1.0/24 via 172.16.10.1"]
        lines += [f"ip route add {PREFIX[V4]} via 172.16.1.1"]
        if self.underlay == "ipv4":
            return lines + ["sysctl -qw net.ipv6.conf.all.disable_ipv6=1"]
        for router, n in NUMBERS.items():
            lines += [f"ip addr add 2001:db8:0:{n}::9/64 dev core-{router} nodad"]
            via = f"via 2001:db8:0:{n}::1"
            lines += [f"ip route add {loopback6(router)} {via}"]
            lines += [f"ip route add {locator(router)} {via}"]
            lines += [f"ip route add 2001:db8:a{n}::/64 {via}"]
        lines += ["ip route add 2001:db8:1::/64 via 2001:db8:0:10::1"]
        lines += [f"ip route add {PREFIX[V6]} via 2001:db8:0:1::1"]
        return lines

    # -- configuration -----------------------------------------------------

    def zebra_conf(self, router):
        n = NUMBERS[router]
        v6 = self.underlay == "dual"
        lines = [f"hostname {router}", "interface lo"]
        lines += [f" ip address {loopback(router)}/32", f" ipv6 address {loopback6(router)}/128"]
        lines += [f"interface {router}-core", f" ip address 172.16.{n}.1/24"]
        lines += [f" ipv6 address 2001:db8:0:{n}::1/64"] if v6 else []
        lines += [f"interface {router}-lan", f" ip address 10.{n}.0.1/24"]
        lines += [f" ipv6 address 2001:db8:a{n}::1/64"]
        if router == "r1":
            lines += ["interface r1-c1", " ip address 10.0.1.1/24"]
            lines += [" ipv6 address 2001:db8:1::1/64"]
            lines += ["dyncast ingress r1-c1"]
        return lines

    def staticd_conf(self, router):
        """What an IGP would know.  A default route would not do: a D-BID has
        to be announced by its site."""
        n = NUMBERS[router]
        lines = []
        for other in [o for o in ROUTERS if o != router]:
            m = NUMBERS[other]
            for prefix in (f"{loopback(other)}/32", locator4(other), f"10.{m}.0.0/24"):
                lines += [f"ip route {prefix} 172.16.{n}.9"]
            if self.underlay == "dual":
                for prefix in (f"{loopback6(other)}/128", locator(other), f"2001:db8:a{m}::/64"):
                    lines += [f"ipv6 route {prefix} 2001:db8:0:{n}::9"]
        if router != "r1":
            lines += [f"ip route 10.0.1.0/24 172.16.{n}.9"]
            if self.underlay == "dual":
                lines += [f"ipv6 route 2001:db8:1::/64 2001:db8:0:{n}::9"]
        return lines

    def bgpd_conf(self, router):
        me = loopback(router)
        lines = [f"hostname {router}", f"router bgp {ASN}", f" bgp router-id {me}"]
        peers = [loopback(p) for p in ROUTERS if p != router]
        for peer in peers:
            lines += [f" neighbor {peer} remote-as {ASN}", f" neighbor {peer} update-source {me}"]
            lines += [f" neighbor {peer} timers connect 1"]
        lines += [" address-family ipv6 unicast"]
        lines += [f"  neighbor {peer} activate" for peer in peers]
        lines += [" exit-address-family"]
        return lines + self.dyncast_bgpd(router)

    def dyncast_bgpd(self, router):
        lines = [f"dyncast locator {locator4(router)}"]
        if self.underlay == "dual":
            lines += [f"dyncast locator {locator(router)}"]
        for service in self.services:
            head = f"dyncast service {service}"
            mine = [INSTANCES[m] for m in self.members if INSTANCES[m].router == router]
            if mine:
                lines += [f"{head} prefix {PREFIX[service]}"]
            for inst in mine:
                address = inst.address if service == V4 else inst.address6
                sid = inst.sid if service == V4 else inst.sid6
                lines += [f"{head} instance {inst.name} address {address} capacity 100 sid {sid}"]
        return lines

    def router_conf(self, router):
        conf = {
            "zebra": self.zebra_conf(router),
            "staticd": self.staticd_conf(router),
            "bgpd": self.bgpd_conf(router),
        }
        if self.adapt:
            self.adapt(router, conf)
        return conf

    # -- what tests ask for ------------------------------------------------

    def sessions_missing(self):
        for router in ROUTERS:
            summary = self.json(router, "show bgp ipv4 unicast summary json")
            for peer, state in summary.get("peers", {}).items():
                if state.get("state") != "Established":
                    return f"BGP session of {router} to {peer} is {state.get('state')}"
        return None

    def explain(self, router, service=V4):
        return self.json(router, f"show dyncast explain {PREFIX[service]} json")

    def candidates(self, router, service=V4):
        return {c["name"]: c for c in self.explain(router, service).get("candidates", [])}

    def wait_ring(self, router, names, service=V4, timeout=30):
        """Until these instances, and nobody else, have slots, none moves, and
        each has about the part that it shall have in the end."""

        def share(candidates, key):
            total = sum(c[key] for c in candidates)
            return {c["name"]: c[key] / total if total else 0 for c in candidates}

        def missing():
            answer = self.explain(router, service)
            candidates = answer.get("candidates", [])
            slots, wanted = share(candidates, "slots"), share(candidates, "targetWeight")
            having = {name for name, part in slots.items() if part}
            near = all(abs(slots[name] - wanted[name]) < 0.05 for name in slots)
            if having != set(names) or not near or answer["slotsLeft"]:
                slots = {c["name"]: c["slots"] for c in candidates}
                why = {c["name"]: c["reason"] for c in candidates}
                return f"{router}: slots of {service} are {slots}, wanted {wanted}: {why}"
            return True

        wait_for(f"ring of {service} at {router}", missing, timeout)

    def set_affinity(self, service, words):
        for router in ROUTERS:
            said = self.configure(router, f"dyncast service {service} affinity {words}")
            assert "%" not in said, said

    def wait_even(self, service):
        """Who was drained before has his part again."""

        def missing():
            slots = {name: c["slots"] for name, c in self.candidates("r1", service).items()}
            return True if len(slots) == 4 and min(slots.values()) > 200 else str(slots)

        wait_for("an even ring", missing, 60, 0.2)

    def wait_steering(self, services=(V4, V6)):
        """Servers on all instances, and at r1 each instance has its slots."""
        start_servers(self)
        for service in services:
            self.wait_ring("r1", self.members, service)
        return self

    def new_flows_at(self, name, service):
        """Instances that fresh flows reach."""
        load = Load(self, name, target=ADDRESS[service], sources=CLIENTS[service])
        load.ask("open", tcp=40, udp=40, interval=0.5)
        checks = []

        def arrived():
            checks.append(FlowCheck(self, load))
            return True if checks[-1].opened == 80 else f"{checks[-1].opened} of 80"

        # a datagram may get lost while neighbours are looked for; the next does not
        wait_for("all flows to arrive", arrived, 10, 0.5)
        load.stop()
        return set(checks[-1].home.values())

    def forwarding(self, router):
        return self.json(router, "show dyncast forwarding json")

    def echoes(self, service):
        """{instance: echo requests of the service's family that it has had}"""
        found = {}
        for name in self.members:
            if service == V6:
                text = self.cmd(name, "grep Icmp6InEchos /proc/net/snmp6")
                found[name] = int(text.split()[1])
                continue
            text = self.cmd(name, "grep ^Icmp: /proc/net/snmp")
            head, values = [line.split() for line in text.splitlines()]
            found[name] = int(values[head.index("InEchos")])
        return found

    # -- bulk transfers, see dyncast_bulk.py ------------------------------------

    BULK = os.path.join(os.path.dirname(os.path.abspath(__file__)), "dyncast_bulk.py")
    BULK_PORT = 9000

    def start_bulk(self):
        for name in self.members:
            argv = ["/usr/bin/python3", self.BULK, "serve", name, str(self.BULK_PORT)]
            Process(
                self, name, "bulk-" + name, argv + self.service_addresses, stdout=subprocess.PIPE
            )
        for name in self.members:
            self.procs["bulk-" + name].read_line(15)

    def bulk(self, node, do, target, *args, timeout=90):
        argv = [self.BULK, do, target, self.BULK_PORT, *args]
        return self._python(node, argv, timeout)

    def python(self, node, source, *args, timeout=30):
        """Run a few lines of Python in a node; they print JSON."""
        return self._python(node, ["-c", source, *args], timeout)

    def _python(self, node, argv, timeout):
        popen = self.node(node).popen(
            ["/usr/bin/python3", *map(str, argv)],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        try:
            out, err = popen.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            popen.kill()
            popen.communicate()
            raise
        assert popen.returncode == 0, err
        return json.loads(out)
