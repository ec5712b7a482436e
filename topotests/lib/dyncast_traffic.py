# SPDX-License-Identifier: GPL-2.0-or-later
"""Servers, agents and load in a running Lab.

Everything here starts a process in the namespace of a node, in a session of
its own (so that Ctrl-C in the terminal does not reach it before stop() does),
and is stopped by Lab.stop().
"""

import itertools
import json
import os
import select
import subprocess
import sys
import time

import dyncast_frr
import dyncast_topology as topology
from dyncast_topology import INSTANCES, SERVICE_ADDRESS, SITES, wait_for

HERE = os.path.dirname(os.path.abspath(__file__))
HTTP_PORT = 8080
ECHO_PORT = 7000
WORKERS = 4
SERVICE_MS = 20


class Process:
    """A process in a node's namespaces; its errors go to a log file."""

    def __init__(self, lab, node, name, argv, **kwargs):
        self.lab = lab
        self.name = name
        self.log = os.path.join(lab.logdir, node, name + ".log")
        with open(self.log, "a", encoding="utf-8") as log:
            self.popen = lab.node(node).popen(
                argv,
                stdin=kwargs.get("stdin", subprocess.DEVNULL),
                stdout=kwargs.get("stdout", log),
                stderr=log,
                start_new_session=True,
                bufsize=1,
            )
        assert name not in lab.procs
        lab.procs[name] = self

    def stop(self):
        self.lab.procs.pop(self.name, None)
        if self.popen.poll() is None:
            self.popen.terminate()
            try:
                self.popen.wait(5)
            except subprocess.TimeoutExpired:
                self.popen.kill()
                self.popen.wait(5)
        for pipe in (self.popen.stdin, self.popen.stdout):
            if pipe:
                pipe.close()

    def errors(self):
        with open(self.log, encoding="utf-8", errors="replace") as log:
            return log.read()

    def read_line(self, timeout):
        ready, _, _ = select.select([self.popen.stdout], [], [], timeout)
        line = self.popen.stdout.readline() if ready else ""
        assert line, f"{self.name} gave no answer within {timeout} s: {self.errors()}"
        return line


def start_servers(lab, workers=WORKERS, service_ms=SERVICE_MS):
    for inst in lab.instances.values():
        start_server(lab, inst, workers, service_ms)
    for name in lab.instances:
        lab.procs["server-" + name].read_line(60)


def start_server(lab, inst, workers=WORKERS, service_ms=SERVICE_MS):
    argv = [sys.executable, os.path.join(HERE, "dyncast_server.py"), "--name", inst.name]
    bind = ",".join(lab.service_addresses + [inst.address])
    argv += ["--bind", bind, "--port", str(HTTP_PORT)]
    argv += ["--tcp-port", str(ECHO_PORT), "--udp-port", str(ECHO_PORT)]
    argv += ["--workers", str(workers), "--service-ms", str(service_ms)]
    return Process(lab, inst.name, "server-" + inst.name, argv, stdout=subprocess.PIPE)


def fetch(lab, node, url):
    return lab.cmd(node, f"curl -s --max-time 5 {url}")


def server_flows(lab):
    """{instance: what its server says about its flows}; for every instance
    whose server runs."""
    answers = {}
    for inst in lab.instances.values():
        if "server-" + inst.name in lab.procs:
            url = f"http://{inst.address}:{HTTP_PORT}/flows"
            answers[inst.name] = json.loads(fetch(lab, inst.name, url))
    return answers


class Load:
    """A load generator (dyncast_load.py) in the client's namespace.

    Each has source ports of its own for UDP: a port that another one used a
    moment ago belongs to a flow that has an instance.  Nor does the kernel
    choose one of them for anybody else.
    """

    udp_port_bases = itertools.cycle(range(10000, dyncast_frr.PORTS_BY_KERNEL[0], 500))

    def __init__(self, lab, name="load", target=SERVICE_ADDRESS, sources=None):
        argv = [sys.executable, os.path.join(HERE, "dyncast_load.py"), "--target", target]
        argv += ["--http-port", str(HTTP_PORT), "--echo-port", str(ECHO_PORT)]
        argv += ["--udp-port-base", str(next(self.udp_port_bases))]
        for source in sources or topology.CLIENT_ADDRESSES:
            argv += ["--source", source]
        self.process = Process(
            lab, "c1", name, argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )

    def ask(self, do, timeout=30, **arguments):
        self.process.popen.stdin.write(json.dumps(dict(arguments, do=do)) + "\n")
        self.process.popen.stdin.flush()
        answer = json.loads(self.process.read_line(timeout))
        assert "error" not in answer, answer["error"]
        return answer

    def flows(self):
        return self.ask("flows")["flows"]

    def stop(self):
        self.process.stop()


class FlowCheck:
    """Which long-lived flows stayed on their instance, as servers count it.

    At the start it notes at which server every flow is.  kept() then asks the
    servers again: a flow is kept when the same server still has it, has heard
    more of it since the last question, and no other server ever had it.
    """

    def __init__(self, lab, load):
        self.lab = lab
        self.load = load
        self.home = {}  # (proto, client's address:port) -> instance
        self.heard = {}
        seen = self._seen()
        for key, places in seen.items():
            assert len(places) == 1, f"{key} is at {sorted(places)} from the start"
            (self.home[key],) = places
            self.heard[key] = places[self.home[key]]
        self.opened = len(self.home)

    def _seen(self):
        """{(proto, client): {instance: lines}} as the servers say"""
        mine = {(flow["proto"], flow["local"]) for flow in self.load.flows()}
        found = {}
        for name, answer in server_flows(self.lab).items():
            for proto, count in (("tcp", "lines"), ("udp", "packets")):
                for flow in answer[proto]:
                    key = (proto, flow["peer"])
                    if key in mine:
                        found.setdefault(key, {})[name] = flow[count]
        return found

    def at(self, *instances):
        return {key for key, name in self.home.items() if name in instances}

    def status(self):
        """(kept, silent, moved or broken) sets of flows"""
        seen = self._seen()
        broken = {
            (flow["proto"], flow["local"])
            for flow in self.load.flows()
            if flow["broken"] or flow["others"]
        }
        kept, silent, moved = set(), set(), set()
        for key, home in self.home.items():
            places = seen.get(key, {})
            if key in broken or set(places) != {home}:
                moved.add(key)
            elif places[home] > self.heard[key]:
                kept.add(key)
            else:
                silent.add(key)
        return kept, silent, moved

    def explain(self, key):
        """Where a flow was and is, and what its client saw."""
        client = [f for f in self.load.flows() if (f["proto"], f["local"]) == key]
        saw = [f["broken"] or f["others"] for f in client]
        return f"{' '.join(key)} at {self.home[key]}, now {self._seen().get(key)}, client: {saw}"

    def expect_kept(self, keys=None, timeout=20):
        """All these flows (default: all) are heard again, none has moved."""
        keys = set(self.home) if keys is None else set(keys)

        def answered():
            kept, silent, moved = self.status()
            lost = keys & moved
            assert not lost, (
                f"{len(lost)} of {len(keys)} flows moved or broke: "
                + "; ".join(self.explain(key) for key in sorted(lost)[:5])
            )
            missing = keys & silent
            return True if not missing else f"{len(missing)} flows silent"

        self.mark()
        wait_for(f"an answer on each of {len(keys)} flows", answered, timeout, 0.5)
        return len(keys)

    def mark(self):
        """Only what servers hear from now on counts as heard."""
        for key, places in self._seen().items():
            if key in self.home and self.home[key] in places:
                self.heard[key] = places[self.home[key]]


def agent_conf(router):
    """Configuration of the dyncast-agent of a site."""
    lines = ['socket = "/var/run/frr/dyncast-agent.sock"', "interval = 200"]
    lines += [f'service "{topology.SERVICE}" {{']
    lines += ['  capacity = "app_workers"', '  in-flight = "app_in_flight"']
    lines += ['  delay = "app_request_duration_seconds"']
    for name in SITES[router].instances:
        base = f"http://{INSTANCES[name].address}:{HTTP_PORT}"
        lines += [f'  instance "{name}" {{', f'    metrics-url = "{base}/metrics"']
        lines += [f'    health-url = "{base}/health"', "  }"]
    return lines + ["}"]


def start_agent(lab, router):
    path = os.path.join(lab.logdir, router, "conf", "dyncast-agent.conf")
    with open(path, "w", encoding="ascii") as out:
        out.write("\n".join(agent_conf(router)) + "\n")
    argv = [os.path.join(dyncast_frr.BUILD, "dyncast-agent"), "-c", path]
    return Process(lab, router, "agent-" + router, argv)


def start_agents(lab):
    for router in SITES:
        start_agent(lab, router)


def settle(load, seconds):
    """Let a phase of the load last `seconds` (its duration, not a wait)."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        time.sleep(min(0.2, max(0.0, end - time.monotonic())))
        assert load.process.popen.poll() is None, load.process.errors()
