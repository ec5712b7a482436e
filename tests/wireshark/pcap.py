# SPDX-License-Identifier: GPL-2.0-or-later
"""A pcap file of a BGP session, byte by byte: Ethernet, IPv4, TCP from port 179.

    with Pcap(path) as pcap:
        pcap.send(message)             one segment
        pcap.send(first, second)       a message that TCP has cut in two
"""

import ipaddress
import struct

LINKTYPE_ETHERNET = 1
SOURCE, TARGET = "10.0.0.1", "10.0.0.2"


class Pcap:
    def __init__(self, path):
        self.file = open(path, "wb")  # pylint: disable=consider-using-with
        self.file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, LINKTYPE_ETHERNET))
        self.sequence = 1000
        self.count = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()

    def send(self, *segments):
        for data in segments:
            tcp = struct.pack(
                "!HHIIBBHHH", 179, 40000, self.sequence, 1, 5 << 4, 0x18, 65535, 0, 0
            )
            size = 20 + len(tcp) + len(data)
            ends = ipaddress.ip_address(SOURCE).packed + ipaddress.ip_address(TARGET).packed
            ip = struct.pack("!BBHHHBBH", 0x45, 0, size, self.count & 0xFFFF, 0, 1, 6, 0) + ends
            frame = b"\x02" * 6 + b"\x04" * 6 + b"\x08\x00" + ip + tcp + data
            self.sequence += len(data)
            self.count += 1
            head = struct.pack("<IIII", self.count, 0, len(frame), len(frame))
            self.file.write(head + frame)
