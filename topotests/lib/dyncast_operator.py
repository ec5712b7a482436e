# SPDX-License-Identifier: GPL-2.0-or-later
"""What an operator looks at: the summary, a capture in tshark, metrics in
Prometheus's format."""

import os
import re
import subprocess

import dyncast_frr
from dyncast_topology import wait_for
from dyncast_traffic import Process

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
COLUMNS = 80
# Wireshark 4.4 loads no scripts for root: nobody, who may read what root may
NOT_AS_ROOT = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"]
NOT_AS_ROOT += ["--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"]


def wait_summary(lab, router, wanted, what):
    """Until both daemons' totals satisfy wanted(bgpd, zebra)."""

    def missing():
        said = lab.json(router, "show dyncast summary json")
        if not said or not said.get("bgpd") or not said.get("zebra"):
            return str(said)
        return True if wanted(said["bgpd"], said["zebra"]) else str(said)

    wait_for(f"{what} in {router}'s summary", missing, 60)


def wide_lines(text):
    """Lines of more columns than a terminal has, but for warnings, which are
    sentences."""
    return [x for x in text.splitlines() if len(x) > COLUMNS and not x.startswith("  ! ")]


def keys(answer):
    """All keys in a JSON answer."""
    if isinstance(answer, list):
        return set().union(*map(keys, answer))
    if isinstance(answer, dict):
        return set(answer) | set().union(*map(keys, answer.values()))
    return set()


def documented_keys():
    with open(os.path.join(TOP, "doc", "json.rst"), encoding="utf-8") as page:
        return set(re.findall(r"``(\w+)``", page.read()))


class BgpCapture:
    """BGP on an interface, by tcpdump, for tshark with our dissector."""

    def __init__(self, lab, router, interface):
        self.path = os.path.join(lab.logdir, router, "bgp.pcap")
        argv = ["tcpdump", "-n", "-U", "-Z", "root", "--immediate-mode", "-i", interface]
        argv += ["-w", self.path, "tcp port 179"]
        self.process = Process(lab, router, "capture-bgp", argv)
        begun = lambda: "listening on" in self.process.errors()
        wait_for(f"tcpdump on {interface}", begun, 20, 0.1)

    def has(self, *texts):
        with open(self.path, "rb") as file:
            data = file.read()
        return all(text in data for text in texts)

    def fields(self, only, *names):
        """Of the packets that the filter takes: a list of values of each field."""
        script = "lua_script:" + os.path.join(TOP, "wireshark", "dyncast.lua")
        argv = NOT_AS_ROOT + ["tshark", "-n", "-X", script, "-r", self.path, "-Y", only]
        argv += ["-T", "fields", "-E", "aggregator=|"]
        for name in names:
            argv += ["-e", name]
        run = subprocess.run(argv, capture_output=True, text=True, timeout=120, check=False)
        assert run.returncode == 0, run.stderr
        rows = [line.split("\t") for line in run.stdout.split("\n")[:-1]]
        return [[cell.split("|") if cell else [] for cell in row] for row in rows]


def exported(lab, router):
    """What dyncast-exporter says of a router: {name: {labels as text: value}}"""
    program = os.path.join(dyncast_frr.BUILD, "dyncast-exporter")
    _, text, _ = lab.node(router).cmd_status([program, "--once"], warn=False)
    found = {}
    for line in text.splitlines():
        sample = re.fullmatch(r"(\w+)(?:\{(.*)\})? (\S+)", line)
        if sample:
            name, labels, value = sample.groups()
            found.setdefault(name, {})[labels or ""] = float(value)
    return text, found
