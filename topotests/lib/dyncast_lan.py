# SPDX-License-Identifier: GPL-2.0-or-later
"""A small lab for tests of the control plane: all routers and hosts on one LAN.

       r1   r2   r3  ...        routers: 10.50.0.N, 2001:db8:50::N
    ---+----+----+----+----+--- one LAN, no IGP; loopbacks by static routes
                      h1   h2   hosts: instances and raw BGP speakers

Who speaks BGP with whom is up to the test.  Daemons are zebra, staticd and bgpd.
"""

import dataclasses
import os
import subprocess
import sys
import json

import dyncast_frr
import dyncast_topology as topology
from dyncast_topology import Lab, wait_for
from dyncast_traffic import Process

PREFIX = "10.9.0.1/32"
PREFIX6 = "2001:db8:9::1/128"


@dataclasses.dataclass
class Router:
    """bgp: the lines inside of `router bgp`; zebra, bgpd: further lines."""

    number: int
    asn: int = 65000
    modules: bool = True
    bgp: list = dataclasses.field(default_factory=list)
    bgpd: list = dataclasses.field(default_factory=list)
    zebra: list = dataclasses.field(default_factory=list)

    @property
    def address(self):
        return f"10.50.0.{self.number}"

    @property
    def address6(self):
        return f"2001:db8:50::{self.number:x}"

    @property
    def loopback(self):
        return f"10.0.0.{self.number}"

    @property
    def loopback6(self):
        return f"2001:db8:ff::{self.number:x}"

    @property
    def locator(self):
        return f"2001:db8:{0xe00 + self.number:x}::/64"


def neighbor(peer, asn, *options):
    """Lines for one neighbor; options: "passive", "route-reflector-client", …"""
    lines = [f" neighbor {peer} remote-as {asn}", f" neighbor {peer} timers connect 1"]
    family = []
    for option in options:
        if option in ("passive", "disable-connected-check") or option.startswith("update-source"):
            lines.append(f" neighbor {peer} {option}")
        else:
            family.append(f"  neighbor {peer} {option}")
    for afi in ("ipv4", "ipv6"):
        lines += [f" address-family {afi} unicast", f"  neighbor {peer} activate"]
        lines += family + [" exit-address-family"]
    return lines


class LanLab(Lab):
    """routers: {name: Router}; hosts: {name: number of its address}."""

    def __init__(self, name, routers, hosts):
        self.routers = routers
        self.hosts = hosts
        super().__init__(name)

    def _build(self, tgen):
        lan = tgen.add_switch("lan")
        for name in self.routers:
            tgen.add_router(name)
            tgen.add_link(lan, tgen.gears[name], "s-" + name, name + "-lan")
        for name, number in self.hosts.items():
            tgen.add_host(name, f"10.50.0.{number}/24", "via 10.50.0.1")
            tgen.add_link(lan, tgen.gears[name], "s-" + name, name + "-lan")

    def start(self):
        self.tgen.start_topology()
        for name, number in self.hosts.items():
            self.cmd(name, f"ip -6 addr add 2001:db8:50::{number:x}/64 dev {name}-lan nodad")
        self._copy_modules()
        for name in self.routers:
            self.start_router(name)

    def router_conf(self, router):
        me = self.routers[router]
        zebra = [f"hostname {router}", "interface lo", f" ip address {me.loopback}/32"]
        zebra += [f" ipv6 address {me.loopback6}/128", f"interface {router}-lan"]
        zebra += [f" ip address {me.address}/24", f" ipv6 address {me.address6}/64"]
        static = []
        for name, other in self.routers.items():
            if name != router:
                static += [f"ip route {other.loopback}/32 {other.address}"]
                static += [f"ipv6 route {other.loopback6}/128 {other.address6}"]
                static += [f"ipv6 route {other.locator} {other.address6}"]
        bgpd = [f"hostname {router}", f"router bgp {me.asn}", f" bgp router-id {me.loopback}"]
        bgpd += [" no bgp ebgp-requires-policy", " timers bgp 3 12"] + me.bgp + ["exit"]
        return {"zebra": zebra + me.zebra, "staticd": static, "bgpd": bgpd + me.bgpd}

    def start_router(self, router):
        gear = self.tgen.gears[router]
        folder = os.path.join(self.logdir, router, "conf")
        os.makedirs(folder, exist_ok=True)
        for daemon, lines in self.router_conf(router).items():
            path = os.path.join(folder, daemon + ".conf")
            with open(path, "w", encoding="ascii") as out:
                out.write("\n".join(lines) + "\n")
            param = None
            if self.routers[router].modules and daemon in self.modules:
                param = "-M " + self.modules[daemon]
            gear.net.loadConf(daemon, path, param)
        error = gear.net.startRouter(self.tgen)
        assert not error, f"{router}: {error}"
        for daemon in ("zebra", "staticd", "bgpd"):
            self._started(router, daemon)

    def start_daemons(self, router, daemons):
        """Start daemons that ended, with their configuration files."""
        self._start_daemons(router, daemons)

    def sessions_missing(self):
        """Phrase about a session that is not up, or None."""
        for router in self.routers:
            answer = self.json(router, "show bgp vrf all summary json")
            for vrf in answer.values():
                for family in ("ipv4Unicast", "ipv6Unicast"):
                    peers = vrf.get(family, {}).get("peers", {})
                    for peer, state in peers.items():
                        if state["state"] != "Established":
                            return f"{router}: session with {peer} is {state['state']}"
        return None

    def wait_sessions(self, timeout=40):
        wait_for("the sessions", lambda: self.sessions_missing() or True, timeout)


class Speaker:
    """raw_bgp.py in the namespace of a host."""

    def __init__(self, lab, host, peer, source, asn, *options):
        script = os.path.join(os.path.dirname(dyncast_frr.__file__), "raw_bgp.py")
        argv = [sys.executable, script, "--peer", peer, "--source", source]
        self.source = source
        self.lab = lab
        self.process = Process(
            lab,
            host,
            "raw-bgp-" + host,
            argv + ["--asn", str(asn)] + list(options),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def ask(self, **command):
        self.process.popen.stdin.write(json.dumps(command) + "\n")
        self.process.popen.stdin.flush()
        return json.loads(self.process.read_line(10))

    def wait(self):
        wait_for(
            f"the raw session of {self.source}",
            lambda: self.ask(do="state")["state"] == "established" or "not established",
        )
        return self

    @property
    def up(self):
        return self.ask(do="state") == {"state": "established", "notification": None}

    def announce(self, prefix, extra=b"", **more):
        hop = self.source
        if ":" in prefix and ":" not in hop:
            hop = "2001:db8:50::" + f"{int(hop.rsplit('.', 1)[1]):x}"
        more.setdefault("nexthop", hop)
        self.ask(do="announce", prefix=prefix, extra=extra.hex(), **more)

    def withdraw(self, prefix, **more):
        self.ask(do="withdraw", prefix=prefix, **more)

    def updates(self):
        """What the other side has said since the last question."""
        return self.ask(do="updates")["updates"]

    def stop(self):
        self.process.stop()


def service_of(lab, router, prefix):
    services = lab.json(router, f"show dyncast service {prefix} json").get("services", [])
    return services[0] if services else {}


def path_state(lab, router, prefix, neighbor_address):
    """What the module makes of a neighbor's path; None without a path."""
    for path in service_of(lab, router, prefix).get("paths", []):
        if path["neighbor"] == neighbor_address:
            return path["state"]
    return None


def candidates(lab, router, prefix):
    """{name or D-BID: candidate}"""
    found = service_of(lab, router, prefix).get("candidates", [])
    return {c["name"] or c["dbid"]: c for c in found}
