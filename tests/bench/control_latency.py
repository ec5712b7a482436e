# SPDX-License-Identifier: GPL-2.0-or-later
"""How long a report takes from the agent's socket to the ring in the kernel of
another router.

    h ---- e1 ---- r1

e1 has 1,000 services of two instances.  An agent reports each service ten times
a second, with the noise of real figures.  Meanwhile one service after another
says that its first instance drains, and the word of r1's pinned slots map that
names it is watched until it names another.
"""

import ctypes
import json
import math
import mmap
import os
import platform
import random
import time

from control_lab import ASN, running, wait_until

SERVICES, HZ = 1000, 10
SLOTS, ID_MASK = 1024, (1 << 20) - 1
LOOK_S = 0.0005  # how often the ring is looked at: the error of a sample
INTERVAL_MS = 200

BPF_OBJ_GET = 7
SYSCALL = {"x86_64": 321, "aarch64": 280}


def routers():
    from dyncast_lan import Router, neighbor  # pylint: disable=import-outside-toplevel

    e1 = Router(1, bgp=neighbor("10.50.0.2", ASN))
    e1.bgpd = [f"dyncast locator {e1.locator}"]
    for n in range(SERVICES):
        service = f"dyncast service s{n}"
        e1.bgpd += [
            f"{service} prefix 10.9.{n // 250}.{n % 250}/32",
            f"{service} advertise interval {INTERVAL_MS} threshold 10",
            f"{service} instance i address 10.50.0.21 sid {2 * n + 1}",
            f"{service} instance j address 10.50.0.22 sid {2 * n + 2}",
        ]
    r1 = Router(2, bgp=neighbor("10.50.0.1", ASN))
    for router in (e1, r1):
        router.zebra = ["dyncast service-table size 1024"]
    return {"e1": e1, "r1": r1}


HOSTS = {"h": 21, "j": 22}


class BpfObject(ctypes.Structure):  # pylint: disable=too-few-public-methods
    """the part of union bpf_attr that BPF_OBJ_GET reads"""

    _fields_ = [
        ("pathname", ctypes.c_uint64),
        ("bpf_fd", ctypes.c_uint32),
        ("file_flags", ctypes.c_uint32),
    ]


class Ring:
    """The slots of a router's services, as its kernel reads them."""

    def __init__(self, lab, router, services):
        path = f"/proc/{lab.node(router).pid}/root/run/frr/dyncast-bpf/v2_slots".encode()
        libc = ctypes.CDLL(None, use_errno=True)
        name = ctypes.create_string_buffer(path)
        attr = BpfObject(ctypes.addressof(name), 0, 0)
        number = SYSCALL[platform.machine()]
        fd = libc.syscall(number, BPF_OBJ_GET, ctypes.byref(attr), ctypes.sizeof(attr))
        if fd < 0:
            raise OSError(ctypes.get_errno(), path)
        self.map = mmap.mmap(fd, services * SLOTS * 8, mmap.MAP_SHARED, mmap.PROT_READ)
        os.close(fd)
        self.words = memoryview(self.map).cast("Q")
        self.services = {}
        for service in lab.json(router, "show dyncast forwarding json")["services"]:
            ids = {i["name"]: i["id"] for i in service["instances"]}
            self.services[service["prefix"]] = (service["index"] * SLOTS, ids)

    def at(self, word):
        return self.words[word] & ID_MASK

    def slots(self, prefix, name):
        first, ids = self.services[prefix]
        return [w for w in range(first, first + SLOTS) if self.at(w) == ids[name]]


def prefix_of(n):
    return f"10.9.{n // 250}.{n % 250}/32"


def line(n, instance, **more):
    return json.dumps(dict(more, service=f"s{n}", instance=instance)).encode() + b"\n"


def noise(count, seed):
    """Reports of all services in turn, each near its mean: within the threshold."""
    rng = random.Random(seed)
    return [
        line(
            n % SERVICES,
            "j",
            utilisation=50 + rng.randrange(-10, 11) / 10,
            delayUs=4000 + rng.randrange(-40, 41),
        )
        for n in range(count)
    ]


def quantile(values, part):
    """the smallest value that so large a part of all does not exceed"""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(part * len(ordered)) - 1)]


def settled(ring):
    return all(
        len(ring.slots(prefix_of(n), name)) > SLOTS // 3
        for n in range(0, SERVICES)
        for name in ("i", "j")
    )


def drains(agent, ring, probes, per_second):
    """Seconds from each drain's report to its slot, while all others report too."""
    lines = noise(20 * SERVICES, 1)
    watched, taken = {}, []
    begin, sent, asked = time.monotonic(), 0, 0
    end = begin + probes / per_second + 30
    while len(taken) < probes:
        now = time.monotonic()
        if now > end:
            raise RuntimeError(f"{probes - len(taken)} rings did not follow")
        due = min(int((now - begin) * SERVICES * HZ) - sent, 200)
        if due > 0:
            agent.send(b"".join(lines[(sent + i) % len(lines)] for i in range(due)))
            sent += due
        if asked < probes and now - begin > 1 + asked / per_second:
            # a ring may still have moved a little before
            word = ring.slots(prefix_of(asked), "i")[0]
            watched[asked] = (time.monotonic(), word, ring.at(word))
            agent.send(line(asked, "i", state="drain"))
            asked += 1
        for n in [n for n, (_, word, i) in watched.items() if ring.at(word) != i]:
            taken.append(time.monotonic() - watched.pop(n)[0])
        time.sleep(LOOK_S)
    return taken, sent / (time.monotonic() - begin)


def restore(agent, ring):
    agent.send(b"".join(line(n, "i", state="up") for n in range(SERVICES)))
    wait_until("all rings to be even again", lambda: settled(ring), 0.5)


def rings_ready(lab):
    answer = lab.json("r1", "show dyncast forwarding json")
    services = answer["services"]
    return len(services) == SERVICES and all(
        len(s["instances"]) == 2 and all(i["slots"] for i in s["instances"]) for s in services
    )


def measure(quick, also):
    """also(lab): what else is measured on this lab, before"""
    from dyncast_agentline import AgentSocket  # pylint: disable=import-outside-toplevel

    probes, per_second = (100, 25) if quick else (SERVICES, 50)
    result, samples = {}, {}
    with running(routers(), HOSTS) as lab:
        wait_until("the rings of r1", lambda: rings_ready(lab), 0.5)
        result.update(also(lab))
        with AgentSocket(lab, "e1") as agent:
            agent.sock.settimeout(60)
            # all alike, as reports before may have left them otherwise
            for name in ("i", "j"):
                agent.send(
                    b"".join(
                        line(n, name, utilisation=50, delayUs=4000, state="up")
                        for n in range(SERVICES)
                    )
                )
            ring = Ring(lab, "r1", 1024)
            wait_until("even rings", lambda: settled(ring), 0.5)
            for mode, name in (("no dyncast advertise fast", "Default"), ("dyncast advertise fast", "Fast")):
                for router in ("e1", "r1"):
                    lab.configure(router, mode)
                taken, rate = drains(agent, ring, probes, per_second)
                samples[name] = [round(1000 * s, 2) for s in taken]
                result[f"latency{name}P50Ms"] = 1000 * quantile(taken, 0.5)
                result[f"latency{name}P99Ms"] = 1000 * quantile(taken, 0.99)
                result[f"latency{name}Rate"] = rate
                restore(agent, ring)
        lab.expect_alive()
    result["latencySamples"] = samples
    return result
