# SPDX-License-Identifier: GPL-2.0-or-later
"""From an agent's report to the ring in another router's kernel, one BGP hop.

Services whose cheaper instance changes with every report: a report that leaves
is a ring that has to change.  A sample is the time from a report to the first
slot that goes to the other instance, seen in the pinned map, which is looked at
twice a millisecond.  Both ends are on this machine, so one clock tells.
"""

import ctypes
import glob
import json
import mmap
import os
import time

from dyncast_topology import wait_for

SLOTS, SLOT_BYTES, ID_MASK = 1024, 8, 0xFFFFF
HZ, PROBES = 10, 20
LOW, MIDDLE, HIGH = 1000, 20000, 100000  # us


def prefix(number):
    return f"10.8.{number // 250}.{number % 250}/32"


def lines(count):
    """Configuration of the site: two instances, the cheaper gets all."""
    out = []
    for n in range(count):
        service = f"dyncast service l{n}"
        out += [
            f"{service} prefix {prefix(n)}",
            f"{service} select min",
            f"{service} advertise interval 20 threshold 10",
            f"{service} instance i1 address 10.50.0.21 sid {2000 + 2 * n}",
            f"{service} instance i2 address 10.50.0.22 sid {2001 + 2 * n}",
        ]
    return out


def report(number, instance, delay):
    line = {"service": f"l{number}", "instance": instance, "delayUs": delay}
    return json.dumps(line).encode() + b"\n"


def slots_map(pid):
    """The ring of every service, as the kernel has it."""
    for name in ("libbpf.so.1", "libbpf.so.0"):
        try:
            libbpf = ctypes.CDLL(name, use_errno=True)
            break
        except OSError:
            continue
    (path,) = glob.glob(f"/proc/{pid}/root/run/frr/dyncast-bpf/*slots")
    fd = libbpf.bpf_obj_get(path.encode())
    if fd < 0:
        raise OSError(ctypes.get_errno(), f"cannot open {path}")
    with open(f"/proc/self/fdinfo/{fd}", encoding="ascii") as info:
        facts = dict(line.split(":", 1) for line in info if ":" in line)
    size = int(facts["max_entries"]) * SLOT_BYTES
    return mmap.mmap(fd, size, mmap.MAP_SHARED, mmap.PROT_READ)


class Probe:
    """One service whose ring is watched."""

    def __init__(self, lab, rings, number):
        self.number = number
        answer = lab.json("r1", f"show dyncast explain {prefix(number)} json")
        ids = {c["name"]: c["id"] for c in answer["candidates"]}
        self.id = ids["i1"]
        self.view = memoryview(rings).cast("Q")
        self.at = next(
            at // SLOTS * SLOTS
            for at, word in enumerate(self.view)
            if word & ID_MASK in ids.values()
        )
        self.sent = None
        self.samples = []
        self.missed = 0

    def count(self):
        """Slots of the first instance."""
        words = self.view[self.at : self.at + SLOTS].tolist()
        return sum(word & ID_MASK == self.id for word in words)

    def send(self, now, cheap):
        if self.sent is not None:
            self.missed += 1
        self.sent, self.cheap, self.before = now, cheap, self.count()

    def look(self, now):
        if self.sent is None:
            return
        count = self.count()
        if count > self.before if self.cheap else count < self.before:
            self.samples.append((now - self.sent) * 1000)
            self.sent = None


def run(agent, probes, count, seconds):
    """Every service reports HZ times a second, evenly spread."""
    cheap = [report(n, "i1", LOW) for n in range(count)]
    dear = [report(n, "i1", HIGH) for n in range(count)]
    step = count // PROBES
    watched = {probe.number: probe for probe in probes}
    assert set(watched) == {n * step for n in range(PROBES)}
    begin, sent, looked = time.monotonic(), 0, 0.0
    while True:
        now = time.monotonic()
        if now - begin > seconds:
            return
        while sent < (now - begin) * HZ * count:
            number, is_cheap = sent % count, sent // count % 2 == 0
            if number in watched:
                watched[number].send(time.monotonic(), is_cheap)
            agent.send(cheap[number] if is_cheap else dear[number])
            sent += 1
        if now - looked >= 0.0005:
            looked = now
            for probe in probes:
                probe.look(time.monotonic())
        time.sleep(0.0002)


def percentile(samples, part):
    ordered = sorted(samples)
    return ordered[min(len(ordered) - 1, int(len(ordered) * part))]


def measure(lab, agent, folder, count, seconds):
    """{key of control.json: milliseconds}, and how many samples there were."""
    path = os.path.join(folder, "latency.conf")
    with open(path, "w", encoding="ascii") as out:
        out.write("\n".join(lines(count)) + "\n")
    lab.cmd("e1", f"vtysh -f {path}")
    for n in range(count):
        agent.send(report(n, "i1", LOW) + report(n, "i2", MIDDLE))

    def all_there():
        services = lab.json("r1", "show dyncast forwarding json").get("services", [])
        ready = [s for s in services if len(s["instances"]) == 2 and s["enabled"]]
        return len(ready) >= count or f"{len(ready)} of {len(services)} services at r1"

    wait_for("the services", all_there, 300)
    rings = slots_map(lab.daemon_pid("r1", "zebra"))
    result = {}
    for mode, fast in (("Default", "no dyncast advertise fast"), ("Fast", "dyncast advertise fast")):
        for router in ("e1", "r1"):
            lab.configure(router, fast)
        probes = [Probe(lab, rings, n * (count // PROBES)) for n in range(PROBES)]
        run(agent, probes, count, 2)  # comes into step
        for probe in probes:
            probe.samples.clear()
            probe.missed = 0
        run(agent, probes, count, seconds)
        samples = [s for probe in probes for s in probe.samples]
        result[f"latency{mode}P50Ms"] = percentile(samples, 0.5)
        result[f"latency{mode}P99Ms"] = percentile(samples, 0.99)
        result[f"latency{mode}Samples"] = len(samples)
        # a report whose ring had not changed when the next one left
        result[f"latency{mode}Missed"] = sum(probe.missed for probe in probes)
        for probe in probes:
            probe.view.release()
    return result
