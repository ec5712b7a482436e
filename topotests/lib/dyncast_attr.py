# SPDX-License-Identifier: GPL-2.0-or-later
"""The Edge Metadata attribute in bytes, written independently of lib/."""

import ipaddress
import struct

TRANSITIVE, IETF = 250, 42
(PREFERENCE, AVAILABILITY, DELAY, RAW, CAPABILITY, RESOURCE, AS_SCOPE) = range(1, 8)
INSTANCE, POLICY = 65280, 65281
KIND_ADJACENT, KIND_SRV6 = 1, 2
CAPACITY, UTILISATION, IN_FLIGHT, DELAY_US, SCORE = 1, 2, 4, 8, 16
DRAIN, DOWN = 1, 2


def attribute(value, flags=0xC0, code=TRANSITIVE):
    if len(value) > 255:
        return struct.pack("!BBH", flags | 0x10, code, len(value)) + value
    return struct.pack("!BBB", flags, code, len(value)) + value


def subtlv(kind, value):
    return struct.pack("!HB", kind, len(value)) + value


def u32(kind, value, first=0):
    """Types 1, 3 (milliseconds), 5, 6 and 7: an octet and a number."""
    return subtlv(kind, struct.pack("!BI", first, value))


def availability(percent, site=0, ties=False):
    return subtlv(AVAILABILITY, struct.pack("!BHH", 0x80 if ties else 0, site, percent))


def raw_measurement(period, to, fro):
    return subtlv(RAW, b"\0" + subtlv(1, struct.pack("!BIII", 0, period, to, fro)))


def instance(dbid="2001:db8:e1:0:99::", kind=KIND_SRV6, name=b"raw", flags=0, **metrics):
    """metrics: capacity, utilisation (0.01 %), in_flight, delay_us, score, rate, age (0.1 s)"""
    metrics = metrics or {"capacity": 100}
    names = ("capacity", "utilisation", "in_flight", "delay_us", "score", "rate")
    has = sum(1 << bit for bit, key in enumerate(names) if key in metrics)
    address = ipaddress.ip_address(dbid)
    value = struct.pack("!BBBB", kind, address.version, flags, has)
    value += struct.pack(
        "!HHIIIB",
        *(metrics.get(k, 0) for k in ("utilisation", "age", "capacity", "in_flight")),
        *(metrics.get(k, 0) for k in ("delay_us", "score")),
    )
    value += bytes([len(name)]) + address.packed + name
    return subtlv(INSTANCE, value + (struct.pack("!I", metrics["rate"]) if "rate" in metrics else b""))


def policy(action=0, affinity=0, cost=0, plen=0, timeout=0):
    return subtlv(POLICY, struct.pack("!BBBBH", action, affinity, cost, plen, timeout))


def subtlvs(value):
    """[(type, value)] of an attribute's value, bytes or hex"""
    data = bytes.fromhex(value) if isinstance(value, str) else value
    found = []
    while data:
        kind, size = struct.unpack("!HB", data[:3])
        found.append((kind, data[3 : 3 + size]))
        data = data[3 + size :]
    return found


def find(update, code):
    """(flags, value) of the attributes of this code in an UPDATE of raw_bgp.py"""
    return [(flags, bytes.fromhex(v)) for flags, c, v in update["attributes"] if c == code]
