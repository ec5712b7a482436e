# SPDX-License-Identifier: GPL-2.0-or-later
"""What crosses a link: IPv4 packets in a bare outer IPv6 header, by tcpdump."""

import ipaddress
import os
import struct
from collections import namedtuple

from dyncast_topology import wait_for
from dyncast_traffic import Process

ETHER, IPV6 = 14, 40
UDP = 17

Packet = namedtuple("Packet", "outer_to outer_hops source sport ttl proto payload")


def parse(frame):
    outer_to = str(ipaddress.ip_address(frame[ETHER + 24 : ETHER + IPV6]))
    inner = frame[ETHER + IPV6 :]
    head = 4 * (inner[0] & 15)
    (sport,) = struct.unpack("!H", inner[head : head + 2])
    return Packet(
        outer_to,
        frame[ETHER + 7],
        str(ipaddress.ip_address(inner[12:16])),
        sport,
        inner[8],
        inner[9],
        bytes(inner[head + 8 : struct.unpack("!H", inner[2:4])[0]]),
    )


class Capture:
    def __init__(self, lab, router, interface):
        self.path = os.path.join(lab.logdir, router, interface + ".pcap")
        argv = ["tcpdump", "-n", "-U", "-Z", "root", "--immediate-mode", "-s", "256"]
        argv += ["-i", interface, "-w", self.path, "ip6 proto 4"]
        self.process = Process(lab, router, "capture-" + interface, argv)
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
