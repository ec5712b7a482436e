# SPDX-License-Identifier: GPL-2.0-or-later
"""A BGP speaker of the tests' own, which sends exactly the bytes it is told to.

Runs in the namespace of a node.  It connects, opens (IPv4 and IPv6 unicast,
4-byte AS numbers, route refresh, and add-path when asked to), keeps the session
alive, remembers the UPDATEs that it gets, and takes commands as JSON lines on
stdin:

  {"do":"announce","prefix":"10.9.0.1/32","nexthop":"…","extra":"c0fa03…"}
        one UPDATE; extra: hex bytes of further path attributes, as they are;
        pathId: with add-path; repeat: so many times, in one write;
        via: to a peer of this AS, the AS that it comes from;
        safi: 2, with --multicast
  {"do":"withdraw","prefix":"10.9.0.1/32"}
  {"do":"raw","hex":"…"}       a whole message
  {"do":"file","path":"…"}     messages from a file
  {"do":"state"}
  {"do":"updates"}             what came since the last question

Each gets one JSON line back: {"state":"established"|"closed","notification":…},
and "updates":[{"announced":[…],"withdrawn":[…],"attributes":[[flags,code,hex],…]}]
with "refreshes":N, how often it was asked for its IPv4 unicast routes so far.
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
OPEN, UPDATE, NOTIFICATION, KEEPALIVE, ROUTE_REFRESH = 1, 2, 3, 4, 5
MP_REACH, MP_UNREACH = 14, 15
HOLD = 30
KEEPALIVE_S = 1  # whatever hold time the peer wants, this is often enough


def message(kind, body=b""):
    return MARKER + struct.pack("!HB", 19 + len(body), kind) + body


def capability(code, value=b""):
    return struct.pack("!BB", code, len(value)) + value


def open_message(asn, router_id, addpath, multicast):
    capabilities = capability(1, struct.pack("!HBB", 1, 0, 1))  # IPv4 unicast
    capabilities += capability(1, struct.pack("!HBB", 2, 0, 1))  # IPv6 unicast
    if multicast:
        capabilities += capability(1, struct.pack("!HBB", 1, 0, 2))
    capabilities += capability(2)  # route refresh
    capabilities += capability(65, struct.pack("!I", asn))
    if addpath:
        both = struct.pack("!HBB", 1, 1, 3) + struct.pack("!HBB", 2, 1, 3)
        capabilities += capability(69, both)
    parameters = struct.pack("!BB", 2, len(capabilities)) + capabilities
    old = asn if asn < 65536 else 23456
    body = struct.pack("!BHH4sB", 4, old, HOLD, router_id, len(parameters))
    return message(OPEN, body + parameters)


def nlri(prefix, path_id=None):
    network = ipaddress.ip_network(prefix)
    size = (network.prefixlen + 7) // 8
    head = b"" if path_id is None else struct.pack("!I", path_id)
    return head + bytes([network.prefixlen]) + network.network_address.packed[:size]


def attribute(flags, code, value):
    return struct.pack("!BBB", flags, code, len(value)) + value


def update(prefix, nexthop, extra, asn=None, path_id=None, via=None, safi=1):
    """An announcement with the mandatory attributes and `extra`; asn: of ours,
    to another AS; via: the AS that it comes from."""
    attributes = attribute(0x40, 1, b"\0")  # ORIGIN IGP
    origin = asn or via
    path = b"" if origin is None else struct.pack("!BBI", 2, 1, origin)
    attributes += attribute(0x40, 2, path)  # AS_PATH
    hop = ipaddress.ip_address(nexthop).packed
    reach = nlri(prefix, path_id)
    if ":" in prefix or safi != 1:
        value = struct.pack("!HBB", 2 if ":" in prefix else 1, safi, len(hop)) + hop + b"\0" + reach
        attributes += attribute(0x80, MP_REACH, value)
        reach = b""
    else:
        attributes += attribute(0x40, 3, hop)
    if asn is None:
        attributes += attribute(0x40, 5, struct.pack("!I", 100))  # LOCAL_PREF
    attributes += extra
    body = struct.pack("!HH", 0, len(attributes)) + attributes + reach
    return message(UPDATE, body)


def withdraw(prefix, path_id=None, safi=1):
    routes = nlri(prefix, path_id)
    if ":" not in prefix and safi == 1:
        return message(UPDATE, struct.pack("!H", len(routes)) + routes + b"\0\0")
    family = struct.pack("!HB", 2 if ":" in prefix else 1, safi)
    unreach = attribute(0x80, MP_UNREACH, family + routes)
    return message(UPDATE, struct.pack("!HH", 0, len(unreach)) + unreach)


def prefixes(data, family, addpath):
    """The prefixes of an NLRI field, with "#ID" when they have a path id."""
    size, found = (4 if family == 1 else 16), []
    while data:
        tail = ""
        if addpath:
            tail, data = f"#{struct.unpack('!I', data[:4])[0]}", data[4:]
        length, octets = data[0], (data[0] + 7) // 8
        address = ipaddress.ip_address(data[1 : 1 + octets].ljust(size, b"\0"))
        found.append(f"{address}/{length}{tail}")
        data = data[1 + octets :]
    return found


def parse_update(body, addpath):
    """What an UPDATE says; the bytes of attributes as they are."""
    (size,) = struct.unpack("!H", body[:2])
    withdrawn = prefixes(body[2 : 2 + size], 1, addpath)
    body = body[2 + size :]
    (size,) = struct.unpack("!H", body[:2])
    data, rest = body[2 : 2 + size], body[2 + size :]
    announced, attributes = prefixes(rest, 1, addpath), []
    while data:
        flags, code, length, at = data[0], data[1], data[2], 3
        if flags & 0x10:
            length, at = struct.unpack("!H", data[2:4])[0], 4
        value, data = data[at : at + length], data[at + length :]
        attributes.append([flags, code, value.hex()])
        if code == MP_REACH:
            announced += prefixes(value[5 + value[3] :], value[1], addpath)
        elif code == MP_UNREACH:
            withdrawn += prefixes(value[3:], value[1], addpath)
    return {"announced": announced, "withdrawn": withdrawn, "attributes": attributes}


class Speaker:
    def __init__(self, args):
        self.args = args
        self.buffer = b""
        self.state = "closed"
        self.notification = None
        self.sock = None
        self.next_keepalive = 0.0
        self.updates = []
        self.refreshes = 0

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
        router_id = ipaddress.ip_address(self.args.router_id or self.args.source).packed
        args = self.args
        self.sock.sendall(open_message(args.asn, router_id, args.addpath, args.multicast))
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
            elif kind == ROUTE_REFRESH:
                self.refreshes += body[1] == 1 and body[3] == 1
            elif kind == UPDATE:
                self.updates.append(parse_update(body, self.args.addpath))

    def send(self, data):
        self.sock.setblocking(True)
        self.sock.sendall(data)
        self.sock.setblocking(False)

    def command(self, line):
        ask = json.loads(line)
        do = ask["do"]
        if do == "announce" and self.sock:
            extra = bytes.fromhex(ask.get("extra", ""))
            asn = self.args.asn if self.args.external else None
            rest = (asn, ask.get("pathId"), ask.get("via"), ask.get("safi", 1))
            one = update(ask["prefix"], ask["nexthop"], extra, *rest)
            self.send(one * ask.get("repeat", 1))
        elif do == "withdraw" and self.sock:
            self.send(withdraw(ask["prefix"], ask.get("pathId"), ask.get("safi", 1)))
        elif do == "raw" and self.sock:
            self.send(bytes.fromhex(ask["hex"]))
        elif do == "file" and self.sock:
            with open(ask["path"], "rb") as messages:
                self.send(messages.read())
        answer = {"state": self.state, "notification": self.notification}
        if do == "updates":
            answer["updates"], self.updates = self.updates, []
            answer["refreshes"] = self.refreshes
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
    parser.add_argument("--router-id")
    parser.add_argument("--external", action="store_true", help="the peer is in another AS")
    parser.add_argument("--addpath", action="store_true")
    parser.add_argument("--multicast", action="store_true", help="IPv4 multicast routes too")
    try:
        Speaker(parser.parse_args()).run()
    except OSError as error:
        sys.exit(f"raw_bgp: {error}")


if __name__ == "__main__":
    main()
