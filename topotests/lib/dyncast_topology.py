# SPDX-License-Identifier: GPL-2.0-or-later
"""The one topology of our topotests and of tools/demo.

                         rr  stock FRR: route reflector, add-path
                          |
    c1 ------- r1 ------ core ----- 10 ----- e1 --+-- a1   site 1
    clients  ingress  10  |  stock FRR            +-- a2
                          |
                          +-------- 20 ----- e2 --+-- b1   site 2
                          |                       +-- b2
                          |
                          +-------- 30 ----- e3 --+-- d1   site 3
                                                  +-- d2

All routers speak IS-IS for IPv4 and IPv6 (the numbers are its metrics) and
iBGP to rr.  core runs no module of ours and is nearest to site 1, so a packet
to the service address that reaches core unencapsulated always ends there.
The two instances of a site share one LAN and own the service address on lo.

Every router has namespaces of its own for network, mounts and host name, made
by FRR's topotest library.  Nothing is made in the machine's own namespaces.
"""

import os
import shutil
import signal
import time
from collections import namedtuple

import dyncast_frr

SERVICE = "video"
SERVICE_ADDRESS = "10.255.0.1"
SERVICE_PREFIX = SERVICE_ADDRESS + "/32"
ASN = 65000

CLIENT_ADDRESSES = [f"10.0.1.{n}" for n in range(11, 19)]
CLIENT_GATEWAY = "10.0.1.1"

Site = namedtuple("Site", "number metric instances")
Instance = namedtuple("Instance", "name router number address sid")
SITES = {
    "e1": Site(1, 10, ("a1", "a2")),
    "e2": Site(2, 20, ("b1", "b2")),
    "e3": Site(3, 30, ("d1", "d2")),
}
INSTANCES = {
    name: Instance(name, router, n, f"10.{site.number}.0.{10 + n}", 16 + n)
    for router, site in SITES.items()
    for n, name in enumerate(site.instances, 1)
}

# links of the underlay: number, router, router, metric
LINKS = [(10, "r1", "core", 10), (20, "core", "rr", 10)] + [
    (site.number, "core", router, site.metric) for router, site in SITES.items()
]
NUMBERS = {"core": 9, "rr": 100, "r1": 10, "e1": 1, "e2": 2, "e3": 3}
ROUTERS = list(NUMBERS)
STEERING = ["r1", "e1", "e2", "e3"]  # routers that run our modules

# How a Lab is wired.  reflectors: {router: its peers, all of them clients};
# gateways: routers that c1 is connected to, each with CLIENT_GATEWAY;
# lan_clients: {host: (its site's router, its address there)}
Layout = namedtuple("Layout", "links reflectors gateways lan_clients")
PLAIN = Layout(
    links=LINKS,
    reflectors={"rr": [router for router in ROUTERS if router != "rr"]},
    gateways=["r1"],
    lan_clients={},
)

CAPACITY = 100


def loopback(router):
    """The router's IPv4 address, also its router id."""
    return f"10.0.0.{NUMBERS[router]}"


def loopback6(router):
    return f"2001:db8:ff::{NUMBERS[router]:x}"


def locator(router):
    return f"2001:db8:{router}::/64"


def interfaces(router, layout=PLAIN):
    """(name, IPv4, IPv6, metric or None when passive) of a router."""
    found = []
    for number, left, right, metric in layout.links:
        for end, me, peer in ((1, left, right), (2, right, left)):
            if me == router:
                found.append(
                    (
                        f"{me}-{peer}",
                        f"172.16.{number}.{end}/24",
                        f"2001:db8:0:{number:x}::{end}/64",
                        metric,
                    )
                )
    if router in layout.gateways:
        found.append((f"{router}-c1", CLIENT_GATEWAY + "/24", None, None))
    if router in SITES:
        found.append((f"{router}-lan", f"10.{SITES[router].number}.0.1/24", None, None))
    return found


def zebra_conf(router, layout=PLAIN):
    lines = [f"hostname {router}", "interface lo"]
    lines += [f" ip address {loopback(router)}/32", f" ipv6 address {loopback6(router)}/128"]
    for name, v4, v6, _ in interfaces(router, layout):
        lines += [f"interface {name}", f" ip address {v4}"]
        if v6:
            lines += [f" ipv6 address {v6}"]
    return lines


def staticd_conf(router):
    """Debian's FRR cannot redistribute SHARP routes (it is built without
    sharpd), so the locator goes into the IGP as a static discard route."""
    return [f"ipv6 route {locator(router)} blackhole"] if router in SITES else []


def isisd_conf(router, layout=PLAIN):
    net = f"49.0001.0000.0000.{NUMBERS[router]:04d}.00"
    lines = [f"hostname {router}"]
    lines += [
        "router isis 1",
        " is-type level-2-only",
        " lsp-gen-interval 1",
        " spf-delay-ietf init-delay 20 short-delay 50 long-delay 200 "
        "holddown 500 time-to-learn 200",
        " topology ipv6-unicast",
        f" net {net}",
    ]
    if router in SITES:
        # No route-map: frr.conf has it after this line, and isisd 8.4 does not
        # look again at routes when their route-map appears.
        lines += [" redistribute ipv6 static level-2"]
    for name, _, v6, metric in [("lo", None, "yes", None)] + interfaces(router, layout):
        lines += [f"interface {name}", " ip router isis 1"]
        if v6:
            lines += [" ipv6 router isis 1"]
        if metric is None:
            lines += [" isis passive"]
        else:
            lines += [
                " isis network point-to-point",
                f" isis metric {metric}",
                " isis hello-interval 1",
                " isis hello-multiplier 4",
            ]
    return lines


def bgp_peers(router, layout=PLAIN):
    """Those that reflect to it, and those that it reflects to."""
    peers = [r for r, clients in layout.reflectors.items() if router in clients]
    return list(dict.fromkeys(peers + layout.reflectors.get(router, [])))


def bgpd_conf(router, layout=PLAIN):
    me = loopback(router)
    lines = [f"hostname {router}", f"router bgp {ASN}", f" bgp router-id {me}"]
    lines += [" timers bgp 3 12"]
    for peer in bgp_peers(router, layout):
        address = loopback(peer)
        lines += [
            f" neighbor {address} remote-as {ASN}",
            f" neighbor {address} update-source {me}",
            f" neighbor {address} timers connect 1",
        ]
    if router in layout.reflectors:
        lines += [" address-family ipv4 unicast"]
        for peer in layout.reflectors[router]:
            lines += [
                f"  neighbor {loopback(peer)} route-reflector-client",
                f"  neighbor {loopback(peer)} addpath-tx-all-paths",
            ]
        lines += [" exit-address-family"]
    return lines


def dyncast_zebra(router, layout=PLAIN):
    """Our lines in the configuration of zebra."""
    lines = []
    if router in layout.gateways:
        lines += ["dyncast network-cost unit 100", "dyncast hold 120"]
        lines += [f"dyncast ingress {router}-c1"]
    if router in [where for where, _ in layout.lan_clients.values()]:
        lines += [f"dyncast ingress {router}-lan"]
    return lines


def dyncast_bgpd(router):
    """Our lines in the configuration of bgpd."""
    if router not in SITES:
        return []
    lines = [f"dyncast locator {locator(router)}"]
    service = f"dyncast service {SERVICE}"
    lines += [f"{service} prefix {SERVICE_PREFIX}"]
    lines += [f"{service} advertise interval 200 threshold 10"]
    for name in SITES[router].instances:
        inst = INSTANCES[name]
        lines += [
            f"{service} instance {name} address {inst.address} "
            f"capacity {CAPACITY} sid {inst.sid}"
        ]
    return lines


def plain_bgpd(router):
    """Plain anycast instead of ours."""
    if router not in SITES:
        return []
    return [
        f"router bgp {ASN}",
        " address-family ipv4 unicast",
        f"  network {SERVICE_PREFIX}",
        " exit-address-family",
    ]


def plain_staticd(router):
    if router not in SITES:
        return []
    return [
        f"ip route {SERVICE_PREFIX} {INSTANCES[name].address}"
        for name in SITES[router].instances
    ]


def wait_for(what, predicate, timeout=30, every=0.2):
    """Poll until predicate() is true; its last falsy answer is in the error.

    A predicate may answer True, or a phrase that says what is missing.
    """
    # not by run_and_expect(): that of FRR 10 polls every 3 s when all of it is
    # less than 15
    answer = None
    for _ in range(max(1, int(timeout / every))):
        answer = predicate()
        if answer is True:
            return
        time.sleep(every)
    raise AssertionError(f"{what}: not within {timeout} s: {answer or 'not yet'}")


class Lab:
    """The running topology.  Others (dyncast_small.py,
    dyncast_mesh.py) are derived from it."""

    routers = ROUTERS
    steering = STEERING
    layout = PLAIN
    instances = INSTANCES
    service_addresses = [SERVICE_ADDRESS]
    options = {}  # daemon -> what it is started with, beside our module

    def __init__(self, name, plain=False, adapt=None):
        """plain: no modules, plain anycast.  adapt(router, conf): last
        changes to the {daemon: lines} of a router before it starts."""
        from lib.topogen import Topogen  # pylint: disable=import-outside-toplevel

        self.name = name
        self.plain = plain
        self.adapt = adapt
        self.procs = {}
        self.rundir = dyncast_frr.RUNDIR
        self.stopped = False
        self.modules = {}
        self.pids = {}  # (router, daemon) -> pid, as started last
        self.tgen = Topogen(self._build, name)
        self.logdir = self.tgen.logdir

    def _build(self, tgen):
        for router in self.routers:
            tgen.add_router(router)
        tgen.add_host("c1", CLIENT_ADDRESSES[0] + "/24", "via " + CLIENT_GATEWAY)
        for name, (router, address) in self.layout.lan_clients.items():
            tgen.add_host(name, address + "/24", f"via 10.{SITES[router].number}.0.1")
        for name, inst in INSTANCES.items():
            gateway = f"10.{SITES[inst.router].number}.0.1"
            tgen.add_host(name, inst.address + "/24", "via " + gateway)
        gears = tgen.gears
        for _, left, right, _ in self.layout.links:
            tgen.add_link(gears[left], gears[right], f"{left}-{right}", f"{right}-{left}")
        for router in self.layout.gateways:
            tgen.add_link(gears[router], gears["c1"], f"{router}-c1", f"c1-{router}")
        for router, site in SITES.items():
            lan = tgen.add_switch(f"lan{site.number}")
            tgen.add_link(lan, gears[router], f"s{site.number}r", f"{router}-lan")
            for name in site.instances:
                tgen.add_link(lan, gears[name], f"s{site.number}{name}", f"{name}-lan")
            for name, (where, _) in self.layout.lan_clients.items():
                if where == router:
                    tgen.add_link(lan, gears[name], f"s{site.number}{name}", f"{name}-lan")

    # -- start and stop ----------------------------------------------------

    def start(self):
        self.tgen.start_topology()
        self._start_hosts()
        if not self.plain:
            self._copy_modules()
        for router in self.routers:
            self.start_router(router)

    def _start_hosts(self):
        # wide enough for tunnels, so that services' routes are weighted ones;
        # dyncast_packets has a core that is not
        for _, left, right, _ in self.layout.links:
            for end, peer in ((left, right), (right, left)):
                self.cmd(end, f"ip link set {end}-{peer} mtu 1600")
        extra = "; ".join(f"ip addr add {a}/24 dev c1-r1" for a in CLIENT_ADDRESSES[1:])
        self.cmd("c1", extra)
        for name in INSTANCES:
            self.cmd(name, f"ip addr add {SERVICE_PREFIX} dev lo")

    def _copy_modules(self):
        for daemon in ("bgpd", "zebra"):
            name = f"{daemon}_dyncast.so"
            source = os.path.join(dyncast_frr.MODULES, name)
            self.modules[daemon] = self.copy_module(source, name)

    def copy_module(self, source, name):
        """The daemons load modules as user frr, who may not be able to look
        into the folder of the build."""
        folder = os.path.join(self.rundir, "modules")
        os.makedirs(folder, exist_ok=True)
        os.chmod(folder, 0o755)
        target = os.path.join(folder, name)
        # a new file: the old one may still be mapped by a daemon
        if os.path.exists(target):
            os.unlink(target)
        return shutil.copy(source, target)

    def router_conf(self, router):
        """{daemon: lines of its configuration file}"""
        conf = {
            "zebra": zebra_conf(router, self.layout),
            "staticd": staticd_conf(router),
            "isisd": isisd_conf(router, self.layout),
            "bgpd": bgpd_conf(router, self.layout),
        }
        if self.plain:
            conf["bgpd"] += plain_bgpd(router)
            conf["staticd"] += plain_staticd(router)
        elif router in self.steering:
            conf["zebra"] += dyncast_zebra(router, self.layout)
            conf["bgpd"] += dyncast_bgpd(router)
        if self.adapt:
            self.adapt(router, conf)
        return conf

    def start_router(self, router):
        gear = self.tgen.gears[router]
        conf = self.router_conf(router)
        folder = os.path.join(self.logdir, router, "conf")
        os.makedirs(folder, exist_ok=True)
        for daemon, lines in conf.items():
            path = os.path.join(folder, daemon + ".conf")
            with open(path, "w", encoding="ascii") as out:
                out.write("\n".join(lines) + "\n")
            param = None
            if router in self.steering and daemon in self.modules:
                param = f"-M {self.modules[daemon]} {self.options.get(daemon, '')}"
            gear.net.loadConf(daemon, None if daemon == "isisd" else path, param)
        error = gear.net.startRouter(self.tgen)
        assert not error, f"{router}: {error}"
        for daemon in conf:
            self._started(router, daemon)
        if "isisd" in conf:
            self._configure_isisd(router)

    def _configure_isisd(self, router):
        """Line by line, not as a file: a file is one transaction, in which the
        first LSP is made (and the next delayed by 30 s) before the timers."""
        path = os.path.join(self.logdir, router, "conf", "isisd.conf")
        self.cmd(router, f"vtysh -d isisd -f {path}")

    def stop(self):
        """Stop everything that start() and the users of this object began."""
        if self.stopped:
            return
        self.stopped = True
        for proc in list(self.procs.values()):
            proc.stop()
        pids = [
            pid
            for router in self.routers
            if router in self.tgen.gears
            for _, pid in self.tgen.gears[router].net.listDaemons()
        ]
        end_processes(pids)
        self.tgen.stop_topology()

    # -- what tests and the demo ask for --------------------------------------

    def node(self, name):
        return self.tgen.gears[name].net

    def cmd(self, name, command):
        return self.node(name).cmd_raises(command)

    def vtysh(self, router, *commands):
        args = ["vtysh"]
        for command in commands:
            args += ["-c", command]
        rc, out, err = self.node(router).cmd_status(args, warn=False)
        return out + err if rc else out

    def json(self, router, command):
        """Answer of a show command with `json`; {} while it has none."""
        return self.tgen.gears[router].vtysh_cmd(command, isjson=True)

    def configure(self, router, *lines):
        """Type lines in configuration mode; returns what vtysh said."""
        return self.vtysh(router, "configure terminal", *lines)

    def daemon_pid(self, router, daemon):
        """pid of a running daemon, or None"""
        rc, out, _ = self.node(router).cmd_status(
            f"cat /var/run/frr/{daemon}.pid", warn=False
        )
        if rc or not out.strip().isdigit():
            return None
        pid = int(out)
        return pid if os.path.isdir(f"/proc/{pid}") else None

    def _started(self, router, daemon):
        pid = self.pids[router, daemon] = self.daemon_pid(router, daemon)
        path = os.path.join(self.logdir, router, daemon + ".err")
        with open(path, encoding="utf-8", errors="replace") as errors:
            assert pid, f"{router}: {daemon} did not start: {errors.read()}"

    def expect_alive(self):
        """Every daemon is the process that was started, all sessions are up."""
        for (router, daemon), pid in self.pids.items():
            assert self.daemon_pid(router, daemon) == pid, f"{router}: {daemon} died"
        missing = self.sessions_missing()
        assert not missing, missing

    def kill_daemon(self, router, daemon):
        """kill -9, as a crash would"""
        pid = self.daemon_pid(router, daemon)
        assert pid, f"{router}: {daemon} does not run"
        os.kill(pid, signal.SIGKILL)
        wait_for(f"{daemon} of {router} to die", lambda: not alive(pid), 10, 0.05)
        self.cmd(router, f"rm -f /var/run/frr/{daemon}.pid")

    def restart_daemon(self, router, daemon):
        """What watchfrr does after a daemon died.

        For zebra that is a phased restart: the others stop, zebra starts, the
        others start.  (Stock isisd and bgpd do not send their routes again to
        a zebra that is new, so zebra alone would leave a router without
        routes, Dyncast or not.)
        """
        if daemon != "zebra":
            self._start_daemons(router, [daemon])
            return
        others = [d for r, d in self.pids if r == router and d != "zebra"]
        end_processes([self.pids[router, other] for other in others])
        self._start_daemons(router, ["zebra"])
        self._start_daemons(router, others)

    def boot(self, router, daemons):
        """Start daemons that have no files of their own, then `vtysh -b`."""
        error = self.node(router).startRouterDaemons(list(daemons))
        assert not error, f"{router}: {error}"
        for daemon in daemons:
            self._started(router, daemon)
        self.cmd(router, "vtysh -b")

    def _start_daemons(self, router, daemons):
        error = self.node(router).startRouterDaemons(list(daemons))
        assert not error, f"{router}: {error}"
        for daemon in daemons:
            self._started(router, daemon)
            if daemon == "isisd":
                self._configure_isisd(router)

    def unconfigure(self, router):
        """Take back every dyncast line; what vtysh says must be nothing."""
        running = self.vtysh(router, "show running-config").splitlines()
        mine = list(dict.fromkeys(l for l in running if l.startswith("dyncast ")))
        said = self.configure(router, *["no " + line for line in reversed(mine)])
        assert "%" not in said, f"{router}: {said}"
        running = self.vtysh(router, "show running-config")
        left = [line for line in running.splitlines() if line.startswith("dyncast ")]
        assert not left, f"{router} still has {left}"

    def log(self, router, daemon):
        """What a daemon has logged so far."""
        path = os.path.join(self.logdir, router, daemon + ".log")
        if not os.path.exists(path):
            return ""
        with open(path, encoding="utf-8", errors="replace") as log:
            return log.read()

    def wait_underlay(self, timeout=60):
        """All loopbacks and locators known everywhere, all sessions up."""

        def missing():
            for router in self.routers:
                routes = self.cmd(router, "ip route; ip -6 route")
                for other in self.routers:
                    want = [loopback(other), loopback6(other)]
                    if other in SITES:
                        want.append(locator(other))
                    for one in want:
                        if other != router and one not in routes:
                            return f"{router} has no route to {one}"
            return self.sessions_missing() or True

        wait_for("the underlay", missing, timeout, 0.5)

    def sessions_missing(self):
        """Phrase about a BGP session of a reflector that is not up, or None."""
        for reflector in self.layout.reflectors:
            answer = self.json(reflector, "show bgp ipv4 unicast summary json")
            for peer in bgp_peers(reflector, self.layout):
                state = answer.get("peers", {}).get(loopback(peer), {}).get("state")
                if state != "Established":
                    return f"BGP session of {reflector} to {peer} is {state}"
        return None

    def set_site_link(self, router, up):
        """Cut or mend the only link of a site."""
        state = "up" if up else "down"
        self.cmd(router, f"ip link set {router}-core {state}")

    def set_metric(self, router, peer, metric):
        """IGP metric of a link, both ends."""
        self.configure(router, f"interface {router}-{peer}", f"isis metric {metric}")
        self.configure(peer, f"interface {peer}-{router}", f"isis metric {metric}")


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def end_processes(pids, patience=8):
    """SIGTERM, then SIGKILL for those that do not listen."""
    for sig in (signal.SIGTERM, signal.SIGKILL):
        for pid in pids:
            try:
                os.kill(pid, sig)
            except ProcessLookupError:
                pass
        end = time.monotonic() + patience
        while time.monotonic() < end:
            pids = [pid for pid in pids if alive(pid)]
            if not pids:
                return
            time.sleep(0.05)
