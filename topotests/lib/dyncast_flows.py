# SPDX-License-Identifier: GPL-2.0-or-later
"""Thousands of real flows in a running Lab, and whether they stay.

The programs that make and answer them are tests/traffic/flow_client.c and
flow_server.c; here is what tests ask them.  A flow is (protocol, client's
address:port).  What counts is where *servers* heard it: a flow is kept when the
same server as at first has heard more of it and no other one ever has.
"""

import itertools
import json
import os
import signal
import subprocess
import threading

import dyncast_frr
import dyncast_topology as topology
from dyncast_agentline import AgentSocket
from dyncast_topology import INSTANCES, SERVICE_ADDRESS, SITES, wait_for
from dyncast_traffic import Process

PROGRAMS = os.path.join(dyncast_frr.BUILD, "tests", "traffic")
PORT = 7100
CLIENTS = "10.0.0.0/8"


def program(name):
    return os.path.join(PROGRAMS, name)


class Servers:
    """A flow_server on every instance."""

    def __init__(self, lab):
        self.lab = lab
        self.running = {}
        self.over = {}  # {(flow that has ended, instance): what had been heard}
        for name in INSTANCES:
            self.start(name)
        for process in self.running.values():
            process.read_line(15)

    def start(self, name):
        argv = [program("flow_server"), name, SERVICE_ADDRESS, str(PORT), CLIENTS]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        self.running[name] = Process(self.lab, name, "flows-" + name, argv, **pipes)

    def kill(self, name):
        """kill -9: its connections are reset"""
        process = self.running.pop(name)
        process.popen.send_signal(signal.SIGKILL)
        process.popen.wait(10)
        process.stop()

    def ask(self):
        """{instance: what its server says}"""
        for process in self.running.values():
            process.popen.stdin.write("flows\n")
            process.popen.stdin.flush()
        return {name: json.loads(p.read_line(30)) for name, p in self.running.items()}

    def _all_seen(self):
        found = {}
        for name, answer in self.ask().items():
            for proto, peer, count, _ in answer["flows"]:
                found.setdefault((proto, peer), {})[name] = count
        return found

    def seen(self):
        """{flow: {instance: packets heard there}}, without what flows that have
        ended left behind: the kernel gives a port of theirs to a later one."""
        found = {}
        for flow, places in self._all_seen().items():
            places = {n: c for n, c in places.items() if self.over.get((flow, n)) != c}
            if places:
                found[flow] = places
        return found

    def end(self, flows):
        """These flows are over, and their client is gone."""
        for flow, places in self._all_seen().items():
            if flow in flows:
                self.over.update({(flow, name): count for name, count in places.items()})

    def ttls(self):
        """{flow: TTL of its last datagram}"""
        return {
            (proto, peer): ttl
            for answer in self.ask().values()
            for proto, peer, _, ttl in answer["flows"]
            if proto == "udp"
        }

    def strangers(self):
        """Datagrams of forged sources that arrived."""
        return sum(answer["strangers"] for answer in self.ask().values())


class Flows:
    """Long-lived flows from one client, and where they are at home."""

    # a UDP port that another one used a moment ago belongs to a flow that has
    # an instance
    udp_port_bases = itertools.cycle(range(1024, dyncast_frr.PORTS_BY_KERNEL[0] - 4000, 6000))

    def __init__(self, servers, name="flows", node="c1", sources=None):
        self.servers = servers
        self.home = {}
        self.heard = {}
        argv = [program("flow_client"), SERVICE_ADDRESS, str(PORT)]
        argv += [str(next(self.udp_port_bases))] + (sources or topology.CLIENT_ADDRESSES)
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        self.process = Process(servers.lab, node, name, argv, **pipes)

    def ask(self, command, timeout=30):
        self.process.popen.stdin.write(command + "\n")
        self.process.popen.stdin.flush()
        return json.loads(self.process.read_line(timeout))

    def open(self, tcp=0, udp=0, interval=1000, timeout=60):
        """Open more; returns the new ones.  interval (ms) holds for all."""
        answer = self.ask(f"open {tcp} {udp} {interval} {timeout * 1000}", timeout + 30)
        # of those of before some may be broken, as the test knows
        mine = {(proto, local) for proto, local, *_ in self.client()}
        new = mine - set(self.home)
        assert len(new) == tcp + udp, f"{len(new)} of {tcp + udp} opened: {answer}"
        seen = self.servers.seen()
        for flow in new:
            places = seen.get(flow, {})
            assert len(places) == 1, f"{flow} is at {sorted(places)} from the start"
            (self.home[flow],) = places
        self.heard.update({flow: seen[flow][self.home[flow]] for flow in new})
        return new

    def client(self):
        """[proto, local, instance, answers, sent, other instance, why broken]"""
        return self.ask("flows")["flows"]

    def at(self, *instances):
        return {flow for flow, home in self.home.items() if home in instances}

    def gone(self):
        """Flows that have moved or are broken, as client or servers see it."""
        seen = self.servers.seen()
        gone = {
            (proto, local) for proto, local, *_, other, why in self.client() if other or why
        }
        for flow, home in self.home.items():
            if set(seen.get(flow, {})) - {home}:
                gone.add(flow)
        return gone

    def expect_kept(self, keys=None, timeout=30):
        """Each of these flows (default: all) says something and is answered;
        none has moved.  Returns how many there are."""
        keys = set(self.home) if keys is None else set(keys)
        answer = self.ask(f"round {timeout * 1000}", timeout + 30)
        lost = keys & self.gone()
        assert not lost, f"{len(lost)} of {len(keys)} flows moved or broke: {self.tell(lost)}"
        seen = self.servers.seen()
        silent = {k for k in keys if seen.get(k, {}).get(self.home[k], 0) <= self.heard[k]}
        assert not silent, f"{len(silent)} of {len(keys)} silent: {self.tell(silent)}, {answer}"
        self.heard.update({key: seen[key][self.home[key]] for key in keys})
        return len(keys)

    def tell(self, keys):
        """Some of the flows, for the reader of an error."""
        seen, client = self.servers.seen(), {(f[0], f[1]): f[2:] for f in self.client()}
        return [
            f"{key} of {self.home[key]}: servers {seen.get(key)}, client {client.get(key)}"
            for key in sorted(keys)[:5]
        ]

    def stop(self):
        self.process.stop()
        self.servers.end(set(self.home))


class Reports:
    """Agents of all sites: each instance's metrics again and again, as an
    agent does, so that they stay fresh."""

    EVERY = 0.4
    FAST_US, SLOW_US = 2000, 200000

    def __init__(self, lab, **metrics):
        self.lab = lab
        self.agents = {}
        self.lock = threading.Lock()
        self.metrics = {name: dict(metrics) for name in INSTANCES}
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)
        for router in SITES:
            self.connect(router)
        self.thread.start()

    def connect(self, router):
        """Also again, after the router's bgpd was restarted."""
        with self.lock:
            if router in self.agents:
                self.agents[router].close()
            self.agents[router] = AgentSocket(self.lab, router)

    def set(self, *names, **metrics):
        """Say this of the named instances from now on; at once, too."""
        with self.lock:
            for name in names or INSTANCES:
                self.metrics[name].update(metrics)
        self._send()

    def favour(self, best):
        """`best` is fast and all others are slow."""
        self.set(delayUs=self.SLOW_US)
        self.set(best, delayUs=self.FAST_US)

    def _send(self):
        with self.lock:
            for name, metrics in self.metrics.items():
                try:
                    self.agents[INSTANCES[name].router].report(name, **metrics)
                except OSError:
                    pass  # its bgpd is dead, on purpose

    def _run(self):
        while not self.ended.wait(self.EVERY):
            self._send()

    def stop(self):
        self.ended.set()
        self.thread.join(10)
        for agent in self.agents.values():
            agent.close()


def flood(lab, kind, count, rate=100000, repeat=1, source=None, node="c1"):
    """Send packets with forged sources; returns the running process."""
    argv = [program("flood"), SERVICE_ADDRESS, str(PORT), kind]
    argv += [str(count), str(rate), str(repeat)] + ([source] if source else [])
    name = f"flood-{kind}-{source or 'forged'}"
    return Process(lab, node, name, argv, stdout=subprocess.PIPE)


def finish(process, timeout=120):
    """Wait for a flood to end; how many packets it sent."""

    def ended():
        return process.popen.poll() is not None

    wait_for(process.name, ended, timeout)
    sent = int(process.read_line(5))
    process.stop()
    return sent
