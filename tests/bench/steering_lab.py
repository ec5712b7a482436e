# SPDX-License-Identifier: GPL-2.0-or-later
"""The routers, sites and clients of the steering testbed, and what was calibrated.

            c1  clients
             |
    a1 ---- e1 ====== e2 ---- b1      ==== a link with a delay (steering_relay)
             ||
              ======= e3 ---- d1

Three routers, each with one site of WORKERS workers behind it; e1 is the edge
where the clients are.  IS-IS between them, its metric in units of 100 us the
link's round-trip time; iBGP, e1 reflects.  doc/testbed.rst says how the figures
here were found.
"""

import os
import subprocess

import dyncast_frr
import dyncast_topology as topology
from dyncast_topology import SERVICE, SERVICE_ADDRESS, SERVICE_PREFIX, Lab, Layout, wait_for
from dyncast_traffic import Process

SITES = {"e1": "a1", "e2": "b1", "e3": "d1"}

# ---- the published trial -----------------------------------------------------

# draft-gu-rtgwg-cfn-field-trial-01: mean ms, load-aware and random
PUBLISHED = {
    "idle": {5: (3.954, 5.316), 10: (4.700, 5.595), 15: (5.506, 5.718)},
    "bursts": {5: (6.291, 9.630), 10: (6.854, 10.592), 15: (7.987, 12.156)},
    "mixed": {5: (5.205, 5.398), 10: (5.201, 5.985), 15: (6.147, 8.499)},
}
PUBLISHED_INTERVALS = {10000: 6.445, 5000: 6.255, 1000: 5.741, 100: 5.312, 10: 4.883}

# ---- calibrated on the published random column alone ---------------------------

SERVICE_US = 4000
THINK_US = 20000  # 5 clients and 5.3 ms make 197.7 requests/s
WORKERS = 4  # of a site
ROUND_TRIP_US = 1600  # e1 to e2 and to e3, as ping measures it
BURST_CLIENTS = 28  # of each site's own, while its burst lasts
BURST_ON_MS, BURST_PERIOD_MS = 4000, 6000
LONG_EVERY = 101
LONG_US = 1100000

UPDATE_MS = 100  # between two updates of a site's metrics, but for the sweep
SCRAPE_MS = 10  # between two scrapes of a site by its agent

UDP_PORT, HTTP_PORT = 7000, 8080
# Lines for e1, "dyncast service NAME" before each.  random: with a hysteresis of
# 100 % everybody is near enough to the cheapest, so that each flow goes anywhere
# with the same probability, by its hash, on the same data path.
BUSY = 70  # percent of a site's workers: three of four are, or nearly
PLAIN = ["no {} cost delay", f"no {{}} eligible utilisation {BUSY}"]
POLICIES = {
    "random": ["{} select min-then-random hysteresis 100", *PLAIN],
    "ours": [
        "{} select spread", "{} cost network-first", f"{{}} eligible utilisation {BUSY}"
    ],
    "spread": ["{} select spread", *PLAIN],
    "best": ["{} select best hysteresis 10 hold 1", *PLAIN],
}  # fmt: skip

LINKS = [(n, "e1", far, ROUND_TRIP_US // 100) for n, far in enumerate(("e2", "e3"), 1)]
LAYOUT = Layout(
    links=LINKS, reflectors={"e1": ["e2", "e3"]}, gateways=["e1"], lan_clients={}
)
CLIENTS = [f"10.0.1.{n}" for n in range(11, 26)]


def program(name):
    return os.path.join(dyncast_frr.BUILD, "tests", "bench", name)


class SteeringLab(Lab):
    """start(), then wait_steering(); load(), policy() and interval() set what a
    slice needs; clients() runs one."""

    routers = list(SITES)
    steering = list(SITES)
    layout = LAYOUT

    def _build(self, tgen):
        for router in self.routers:
            tgen.add_router(router)
        tgen.add_host("c1", CLIENTS[0] + "/24", "via " + topology.CLIENT_GATEWAY)
        tgen.add_link(tgen.gears["e1"], tgen.gears["c1"], "e1-c1", "c1-e1")
        for router, name in SITES.items():
            inst = topology.INSTANCES[name]
            gateway = f"10.{topology.SITES[router].number}.0.1"
            tgen.add_host(name, inst.address + "/24", "via " + gateway)
            tgen.add_link(tgen.gears[router], tgen.gears[name], f"{router}-lan", f"{name}-lan")

    def _start_hosts(self):
        self.cmd("c1", "; ".join(f"ip addr add {a}/24 dev c1-e1" for a in CLIENTS[1:]))
        for name in SITES.values():
            self.cmd(name, f"ip addr add {SERVICE_PREFIX} dev lo")
        # before the routers: zebra then finds the interfaces that it configures
        for _, left, right, _ in LINKS:
            argv = [program("steering_relay"), str(ROUND_TRIP_US // 2)]
            for here, there in ((left, right), (right, left)):
                argv += [f"{here}-{there}", str(self.node(here).pid)]
            name = f"relay-{left}-{right}"
            with open(os.path.join(self.logdir, name + ".log"), "w", encoding="utf-8") as log:
                relay = subprocess.Popen(  # pylint: disable=consider-using-with
                    argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log,
                    encoding="utf-8", start_new_session=True, bufsize=1,
                )  # fmt: skip
            self.relays.append(relay)
            assert relay.stdout.readline() == "ready\n", f"{name} did not start, see its log"
            for here, there in ((left, right), (right, left)):
                self.cmd(here, f"ip link set {here}-{there} up")

    def start(self):
        self.relays = []
        super().start()
        for router, name in SITES.items():
            self._start_site(router, name)
        self._prefer()

    def _prefer(self):
        """Routers and agents come before whatever else this machine computes,
        as if each had a processor of its own.  They take a few percent."""
        pids = list(self.pids.values())
        pids += [self.procs["agent-" + router].popen.pid for router in SITES]
        for pid in pids:
            for thread in os.listdir(f"/proc/{pid}/task"):
                os.sched_setscheduler(int(thread), os.SCHED_RR, os.sched_param(1))

    def stop(self):
        super().stop()
        for relay in self.relays:
            relay.kill()
            relay.wait()
            relay.stdin.close()
            relay.stdout.close()
        self.relays = []

    def router_conf(self, router):
        conf = super().router_conf(router)
        # the service's lines of the topology, but with one instance
        mine = [
            line
            for line in conf["bgpd"]
            if " instance " not in line or f" instance {SITES[router]} " in line
        ]
        # being past the threshold of `ours` is told at once, whatever the interval
        conf["bgpd"] = mine + ["dyncast advertise fast"]
        conf["bgpd"] += [f"dyncast service {SERVICE} advertise overload {BUSY}"]
        return conf

    def _start_site(self, router, name):
        inst = topology.INSTANCES[name]
        argv = [program("steering_server"), name, str(WORKERS), SERVICE_ADDRESS]
        argv += [str(UDP_PORT), inst.address, str(HTTP_PORT)]
        server = Process(
            self, name, "server-" + name, argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert server.read_line(10) == "ok\n"
        path = os.path.join(self.logdir, router, "conf", "dyncast-agent.conf")
        url = f"http://{inst.address}:{HTTP_PORT}/metrics"
        lines = ['socket = "/var/run/frr/dyncast-agent.sock"', f"interval = {SCRAPE_MS}"]
        lines += [f'service "{SERVICE}" {{', '  capacity = "app_workers"']
        lines += ['  in-flight = "app_in_flight"', '  utilisation = "app_busy_ratio"']
        lines += ['  delay = "app_request_duration_seconds"', "  delay-window = 200"]
        lines += [f'  instance "{name}" {{', f'    metrics-url = "{url}"', "  }", "}"]
        with open(path, "w", encoding="ascii") as out:
            out.write("\n".join(lines) + "\n")
        agent = os.path.join(dyncast_frr.BUILD, "dyncast-agent")
        Process(self, router, "agent-" + router, [agent, "-c", path])

    # -- what a slice needs ------------------------------------------------

    def slots(self):
        answer = self.json("e1", f"show dyncast explain {SERVICE_PREFIX} json")
        return {c["name"]: c["slots"] for c in answer.get("candidates", [])}

    def wait_steering(self):
        def known():
            slots = self.slots()
            return True if set(slots) == set(SITES.values()) and all(slots.values()) else str(slots)

        self.wait_underlay()
        wait_for("all sites in e1's ring", known, 60)

    def settle_delay(self):
        """Set the links' delay such that the whole round trip is what it should
        be, whatever this machine takes to wake a relay up.  Returns what was
        measured, in us, with the delay that was set."""
        found = {}
        for relay, (number, _, far, _) in zip(self.relays, LINKS):
            delay = ROUND_TRIP_US // 2
            for _ in range(3):
                relay.stdin.write(f"{delay}\n")
                out = self.cmd("e1", f"ping -q -c 100 -i 0.02 172.16.{number}.2")
                took = 1000 * float(out.rsplit(" = ", 1)[1].split("/")[1])
                found[far] = {"delayUs": delay, "roundTripUs": took}
                if abs(took - ROUND_TRIP_US) < 0.03 * ROUND_TRIP_US:
                    break
                delay = max(0, delay + int(ROUND_TRIP_US - took) // 2)
        return found

    def load(self, scenario, seed):
        """Each site's own clients; the bursts begin now, one site after the other."""
        clients = BURST_CLIENTS if scenario == "bursts" else 0
        for number, name in enumerate(SITES.values()):
            offset = BURST_PERIOD_MS - number * BURST_PERIOD_MS // len(SITES)
            server = self.procs["server-" + name]
            server.popen.stdin.write(
                f"background {clients} {SERVICE_US} {THINK_US} {BURST_ON_MS} "
                f"{BURST_PERIOD_MS} {offset} {seed * 10 + number}\n"
            )
            server.popen.stdin.flush()
            assert server.read_line(10) == "ok\n"

    def policy(self, name):
        """What places flows from now on.  Slices with one seed have the same
        flows, so those of the last slice have to be forgotten."""
        lines = [line.format(f"dyncast service {SERVICE}") for line in POLICIES[name]]
        said = self.configure("e1", *lines)
        said += self.vtysh("e1", f"clear dyncast flows service {SERVICE}")
        assert "%" not in said, said
        if name != "random":
            return

        def even():
            slots = self.slots()
            return True if max(slots.values()) - min(slots.values()) <= 1 else str(slots)

        wait_for("equal parts of the ring", even, 60)

    def interval(self, ms):
        for router in SITES:
            said = self.configure(
                router, f"dyncast service {SERVICE} advertise interval {ms} threshold 10"
            )
            assert "%" not in said, said

    def clients(self, scenario, count, seed, warm_ms, measure_ms, samples):
        """Run a slice; samples: the file that it writes."""
        long_every = LONG_EVERY if scenario == "mixed" else 0
        argv = [program("steering_clients"), SERVICE_ADDRESS, UDP_PORT, CLIENTS[0], count]
        argv += [seed, warm_ms, measure_ms, SERVICE_US, THINK_US, long_every, LONG_US, samples]
        process = Process(
            self, "c1", "clients", [str(word) for word in argv], stdout=subprocess.PIPE
        )
        try:
            patience = (warm_ms + measure_ms) / 1000 + 60
            assert process.read_line(patience) == "measured\n"
            words = process.read_line(60).split()
            process.popen.wait(10)
            assert process.popen.returncode == 0, process.errors()
        finally:
            process.stop()
        return {"answered": int(words[1]), "lost": int(words[3])}

