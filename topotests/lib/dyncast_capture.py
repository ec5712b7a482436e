# SPDX-License-Identifier: GPL-2.0-or-later
"""What crosses a link inside of a bare outer header, by tcpdump."""

import ipaddress
import itertools
import os
import struct
from collections import namedtuple

from dyncast_topology import wait_for
from dyncast_traffic import Process

ETHER = 14
UDP = 17
IP4, IP6 = 4, 41
TUNNELS = "ip6 proto 4 or ip6 proto 41 or ip proto 4 or ip proto 41"

Header = namedtuple("Header", "source to tos hops proto size end")
# outer_to, outer_hops, outer_tos: of the outer header; the rest of the inner one
Packet = namedtuple("Packet", "outer_to outer_hops outer_tos source sport ttl tos proto payload")


def header(data):
    """An IPv4 or IPv6 header; end: of what is in it, in data"""
    if data[0] >> 4 == 6:
        (word, size) = struct.unpack("!IH", data[:6])
        source, to, hops, proto, length = data[8:24], data[24:40], data[7], data[6], 40
        return Header(
            str(ipaddress.ip_address(source)), str(ipaddress.ip_address(to)),
            word >> 20 & 0xFF, hops, proto, length, length + size,
        )  # fmt: skip
    length = 4 * (data[0] & 15)
    return Header(
        str(ipaddress.ip_address(data[12:16])), str(ipaddress.ip_address(data[16:20])),
        data[1], data[8], data[9], length, struct.unpack("!H", data[2:4])[0],
    )  # fmt: skip


def parse(frame):
    outer = header(frame[ETHER:])
    assert outer.proto in (IP4, IP6), outer
    data = frame[ETHER + outer.size :]
    inner = header(data)
    (sport,) = struct.unpack("!H", data[inner.size : inner.size + 2])
    return Packet(
        outer.to, outer.hops, outer.tos, inner.source, sport, inner.hops, inner.tos, inner.proto,
        bytes(data[inner.size + 8 : inner.end]),
    )  # fmt: skip


class Capture:
    numbers = itertools.count(1)

    def __init__(self, lab, router, interface):
        name = f"capture-{interface}-{next(self.numbers)}"
        self.path = os.path.join(lab.logdir, router, name + ".pcap")
        argv = ["tcpdump", "-n", "-U", "-Z", "root", "--immediate-mode", "-s", "256"]
        argv += ["-i", interface, "-w", self.path, TUNNELS]
        self.process = Process(lab, router, name, argv)
        begun = lambda: "listening on" in self.process.errors()
        wait_for(f"tcpdump on {interface}", begun, 10, 0.1)

    def stop(self):
        """End it; the packets, in order."""
        self.process.stop()
        with open(self.path, "rb") as capture:
            data = capture.read()
        packets, at = [], 24
        while at < len(data):
            (size,) = struct.unpack("=I", data[at + 8 : at + 12])
            packets.append(parse(data[at + 16 : at + 16 + size]))
            at += 16 + size
        said = self.process.errors()
        assert "\n0 packets dropped by kernel" in said, said
        return packets
