# SPDX-License-Identifier: GPL-2.0-or-later
"""A BGP speaker of the tests' own, which sends exactly the bytes it is told to.

Runs in the namespace of a node.  It connects, opens (IPv4 unicast, 4-byte AS
numbers), keeps the session alive, and takes commands as JSON lines on stdin:

  {"do":"announce","prefix":"10.9.0.1/32","nexthop":"…","extra":"c0fa03…"}
        one UPDATE; extra: hex bytes of further path attributes, as they are
  {"do":"withdraw","prefix":"10.9.0.1/32"}
  {"do":"state"}

Each gets one JSON line back: {"state":"established"|"closed","notification":…}.
"""

import argparse
import ipaddress
import json
import os
import select
import socket
import struct
import sys
import time

MARKER = b"\xff" * 16
OPEN, UPDATE, NOTIFICATION, KEEPALIVE = 1, 2, 3, 4
HOLD = 30
KEEPALIVE_S = 1  # whatever hold time the peer wants, this is often enough


def message(kind, body=b""):
    return MARKER + struct.pack("!HB", 19 + len(body), kind) + body


def open_message(asn, router_id):
    capabilities = struct.pack("!BBHBB", 1, 4, 1, 0, 1)  # IPv4 unicast
    capabilities += struct.pack("!BBI", 65, 4, asn)
    parameters = struct.pack("!BB", 2, len(capabilities)) + capabilities
    body = struct.pack("!BHH4sB", 4, asn, HOLD, router_id, len(parameters))
    return message(OPEN, body + parameters)


def nlri(prefix):
    network = ipaddress.ip_network(prefix)
    size = (network.prefixlen + 7) // 8
    return bytes([network.prefixlen]) + network.network_address.packed[:size]


def update(prefix, nexthop, extra):
    """An iBGP announcement with the mandatory attributes and `extra`."""
    attributes = b"\x40\x01\x01\x00"  # ORIGIN IGP
    attributes += b"\x40\x02\x00"  # AS_PATH, empty
    attributes += b"\x40\x03\x04" + ipaddress.ip_address(nexthop).packed
    attributes += b"\x40\x05\x04" + struct.pack("!I", 100)  # LOCAL_PREF
    attributes += extra
    body = struct.pack("!HH", 0, len(attributes)) + attributes + nlri(prefix)
    return message(UPDATE, body)


def withdraw(prefix):
    routes = nlri(prefix)
    return message(UPDATE, struct.pack("!H", len(routes)) + routes + b"\0\0")


class Speaker:
    def __init__(self, args):
        self.args = args
        self.buffer = b""
        self.state = "closed"
        self.notification = None
        self.sock = None
        self.next_keepalive = 0.0

    def connect(self, deadline):
        while True:
            try:
                self.sock = socket.create_connection(
                    (self.args.peer, 179), 2, (self.args.source, 0)
                )
                break
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)
        router_id = ipaddress.ip_address(self.args.source).packed
        self.sock.sendall(open_message(self.args.asn, router_id))
        self.sock.setblocking(False)

    def receive(self):
        try:
            data = self.sock.recv(65536)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self.state = "closed"
            self.sock.close()
            self.sock = None
            return
        self.buffer += data
        while len(self.buffer) >= 19:
            size, kind = struct.unpack("!HB", self.buffer[16:19])
            if len(self.buffer) < size:
                break
            body, self.buffer = self.buffer[19:size], self.buffer[size:]
            if kind == OPEN:
                self.sock.sendall(message(KEEPALIVE))
            elif kind == KEEPALIVE:
                self.state = "established"
            elif kind == NOTIFICATION:
                self.notification = f"{body[0]}/{body[1]}"

    def command(self, line):
        do = json.loads(line)
        if do["do"] == "announce" and self.sock:
            extra = bytes.fromhex(do.get("extra", ""))
            self.sock.sendall(update(do["prefix"], do["nexthop"], extra))
        elif do["do"] == "withdraw" and self.sock:
            self.sock.sendall(withdraw(do["prefix"]))
        answer = {"state": self.state, "notification": self.notification}
        print(json.dumps(answer), flush=True)

    def run(self):
        self.connect(time.monotonic() + 20)
        commands = b""
        while True:
            now = time.monotonic()
            if self.state == "established" and now >= self.next_keepalive:
                self.sock.sendall(message(KEEPALIVE))
                self.next_keepalive = now + KEEPALIVE_S
            watched = [0] + ([self.sock] if self.sock else [])
            readable, _, _ = select.select(watched, [], [], 1.0)
            if self.sock in readable:
                self.receive()
            if 0 in readable:
                data = os.read(0, 65536)
                if not data:
                    return
                *lines, commands = (commands + data).split(b"\n")
                for line in lines:
                    self.command(line)


def main():
    parser = argparse.ArgumentParser(description="raw BGP speaker")
    parser.add_argument("--peer", required=True)
    parser.add_argument("--source", required=True)
    parser.add_argument("--asn", type=int, required=True)
    try:
        Speaker(parser.parse_args()).run()
    except OSError as error:
        sys.exit(f"raw_bgp: {error}")


if __name__ == "__main__":
    main()
