# SPDX-License-Identifier: GPL-2.0-or-later
r"""What `show dyncast forwarding json` counts of services and instances, and the
memory that tables take.

    c1 ---- r1 ---- core ---- e1 --+-- a1   site 1
  clients   |        |             +-- a2
            +-- l1   +------- e2 ----- b1   site 2
"""

import pytest

import dyncast_small as small
from dyncast_ask import Asker, wait_entry
from dyncast_frr import PINS, bpf_tool
from dyncast_small import CLIENTS, PREFIX, V4
from dyncast_topology import wait_for

ALL = set(small.INSTANCES)
COUNTERS = ("packets", "bytes", "flowsNew", "hits", "misses", "stateless", "repinned", "refused")
DATAGRAM = 29  # with IPv4's header


@pytest.fixture(scope="module")
def lab(lab_of):
    return lab_of(small.SmallLab).wait_steering()


class Counted:
    """What r1 has counted since the last look, of the service and its instances."""

    def __init__(self, lab):
        self.lab = lab
        self.last = self._read()

    def _read(self):
        (one,) = [s for s in self.lab.forwarding("r1")["services"] if s["prefix"] == PREFIX[V4]]
        found = {i["name"]: i for i in one["instances"]} | {V4: one}
        return {name: {key: c[key] for key in COUNTERS} for name, c in found.items()}

    def since(self):
        """{instance or service: {counter: by how much it rose}}, of what moved"""
        before, self.last = self.last, self._read()
        rose = {
            name: {key: n - before.get(name, {}).get(key, 0) for key, n in now.items() if n}
            for name, now in self.last.items()
        }
        return {name: {key: n for key, n in c.items() if n} for name, c in rose.items()}

    def expect(self, asker, again, **each):
        """For each of its flows that it has asked these have risen at its instance,
        for each datagram that it has sent more than once those in `again`; of the
        service as much as of all, and nothing else."""
        homes = asker.ask()
        rose = self.since()
        of_all = rose.pop(V4)
        for name in ALL:
            flows = [key for key, home in homes.items() if home == name]
            more = sum(asker.sent[key] - 1 for key in flows)
            wanted = {key: n * len(flows) for key, n in each.items()}
            for key in again:
                wanted[key] = wanted.get(key, 0) + more
            wanted["packets"] = len(flows) + more
            wanted["bytes"] = wanted["packets"] * DATAGRAM
            assert rose[name] == {key: n for key, n in wanted.items() if n}, (name, rose)
        assert of_all == {key: sum(c.get(key, 0) for c in rose.values()) for key in of_all}
        return homes


def test_counters(lab):
    """Of the service and of each instance: each rises when it should, by as much
    as there are packets, and no other does."""
    lab.wait_even(V4)
    asker = Asker(lab, "counted", V4, CLIENTS[V4], 10)
    counted = Counted(lab)
    homes = counted.expect(asker, ["hits"], flowsNew=1, misses=1)
    assert set(homes.values()) == ALL
    assert counted.expect(asker, ["hits"], hits=1) == homes

    # an instance ends: its flows are re-pinned, they are no new ones
    l1 = small.INSTANCES["l1"]
    lab.configure("r1", f"no dyncast service {V4} instance l1")
    lab.wait_ring("r1", ALL - {"l1"})
    counted.since()
    now = asker.ask()
    rose = counted.since()
    orphans = [key for key, home in homes.items() if home == "l1"]
    assert rose[V4].get("repinned") == rose[V4].get("misses") == len(orphans), rose
    assert rose[V4]["hits"] == sum(asker.sent.values()) - len(orphans)
    assert not set(rose[V4]) & {"flowsNew", "stateless", "refused"}
    for name in ALL - {"l1"}:
        came = sum(now[key] == name for key in orphans)
        assert rose[name].get("repinned", 0) == rose[name].get("misses", 0) == came, (name, rose)
    line = f"instance l1 address {l1.address} capacity 100 sid {l1.sid}"
    lab.configure("r1", f"dyncast service {V4} {line}")
    lab.wait_even(V4)
    assert counted.since()[V4] == {}

    # a table without room: packets of flows that are known, and get no entry
    before = lab.forwarding("r1")["kernel"]
    resize(lab, "flow-table", 1024)
    lab.cmd("r1", f"{bpf_tool('dp_tool')} {PINS} fill 20000 || true")
    late = Asker(lab, "refused", V4, CLIENTS[V4], 10)
    counted.expect(late, ["hits", "refused"], flowsNew=1, misses=1)
    counted.expect(late, ["hits", "refused"], hits=1, refused=1)
    after = lab.forwarding("r1")["kernel"]
    assert after["flowRefused"] - before["flowRefused"] == sum(late.sent.values())
    assert after["flowLimited"] == before["flowLimited"]
    lab.vtysh("r1", "clear dyncast flows")
    resize(lab, "flow-table", before["flowTableSize"])

    # nothing is stored of anybody
    lab.set_affinity(V4, "none")
    wait_entry(lab, V4, late, False)
    counted.since()
    counted.expect(late, ["stateless", "misses"], stateless=1, misses=1)
    lab.set_affinity(V4, "flow")
    wait_entry(lab, V4, late, True)
    for one in (asker, late):
        one.stop()
    lab.vtysh("r1", "clear dyncast flows")


SIZE = {"flow-table": "flowTableSize", "service-table": "serviceTableSize"}


def resize(lab, table, size):
    """What the line says to it."""
    said = lab.configure("r1", f"dyncast {table} size {size}")

    def missing():
        now = lab.forwarding("r1")["kernel"][SIZE[table]]
        return True if now == size else f"{now}: {said}"

    wait_for(f"the {table}", missing, 20)
    return said


def test_more_services_than_the_table_takes(lab):
    """Their routes steer the others, and nothing says that nobody takes their flows."""
    host = small.INSTANCES["a1"].address
    lines = [
        line
        for n in range(16)
        for line in (f"dyncast service x{n} prefix 10.255.7.{n}/32",
                     f"dyncast service x{n} instance a1 address {host} capacity 100")
    ]  # fmt: skip
    lab.configure("e1", "dyncast service-table size 16", *lines)

    def missing():
        found = lab.json("e1", "show dyncast summary json")["zebra"]
        known, without = found["services"]["known"], len(by_route(lab))
        there = known == 18 and without == 2 and found["services"]["steered"] == 16
        ours = [text for text in found["warnings"] if "service" in text and "bgpd" not in text]
        told = all("is not in the kernel's tables" in text for text in ours)
        quiet = found["services"]["withoutCandidate"] == 0 and len(ours) == 2 and told
        return there and quiet or str(found)

    wait_for("what the summary says", missing, 30)
    for service in by_route(lab):
        slots = {c["name"]: c["slots"] for c in explained(lab, "e1", service["prefix"])}
        weights = {c["name"]: c["weight"] for c in explained(lab, "e1", service["prefix"])}
        assert sum(slots.values()) >= 1024 and all(bool(slots[n]) == bool(weights[n]) for n in slots)
        assert {i["name"]: i["slots"] for i in service["instances"]} == slots
    lab.configure("e1", "no dyncast service-table size", *[f"no dyncast service x{n}" for n in range(16)])


def by_route(lab):
    return [s for s in lab.forwarding("e1")["services"] if s["index"] < 0]


def explained(lab, router, prefix):
    return lab.json(router, f"show dyncast explain {prefix} json")["candidates"]


@pytest.mark.parametrize("table, size", (("flow-table", 131072), ("service-table", 1024)))
def test_memory_is_told(lab, table, size):
    """The line says what its table will take, and that is what it takes."""
    before = lab.forwarding("r1")["kernel"][SIZE[table]]
    told, taken = [], []
    for number in (size, 4 * size):
        told.append(int(resize(lab, table, number).split(" takes ")[1].split()[0]))
        taken.append(lab.forwarding("r1")["kernel"]["memoryBytes"] / 2**20)
    assert told[1] > 3 * told[0] > 0
    assert abs(told[1] - told[0] - (taken[1] - taken[0])) <= 1, (told, taken)
    resize(lab, table, before)
    lab.configure("r1", f"no dyncast {table} size")
