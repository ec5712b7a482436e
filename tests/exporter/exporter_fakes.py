# SPDX-License-Identifier: GPL-2.0-or-later
"""What the tests of dyncast-exporter run it between: daemons that speak FRR's vty
protocol and say what the test wants, and an HTTP client that is as rude as it
wants.

The program is the one that DYNCAST_EXPORTER names.
"""

import json
import os
import signal
import socket
import subprocess
import threading
import time

EXPORTER = os.path.abspath(os.environ.get("DYNCAST_EXPORTER", "dyncast-exporter"))
BOUND = 60.0  # seconds until a wait has failed

KERNEL = {
    "active": True, "flowTableSize": 1048576, "memoryBytes": 9, "flowTableBytes": 7,
    "slotsBytes": 1, "instancesBytes": 1, "packetsSteered": 9007199254740993,
    "bytesSteered": 1, "flowHits": 2, "flowStateless": 3, "flowNew": 4, "flowRepinned": 5,
    "flowRefused": 6, "flowLimited": 7, "noInstance": 8, "tooBig": 9, "errors": 10,
    "decapsulated": 11, "decapDropped": 12,
}  # fmt: skip
ANSWERS = {
    "show dyncast bgp json": {
        "drain": False,
        "zebra": {"up": True, "queued": 0, "stalls": 1},
        "agents": {"clients": 1, "lines": 50, "badLines": 2, "overlongLines": 0, "halfLines": 0},
        "received": {
            "decoded": 12, "untrusted": 1, "outOfScope": 0, "badFlags": 0, "repeated": 0,
            "noRoom": 0,
            "filtered": 3, "malformed": {"empty": 0, "truncated": 2, "badLength": 0,
            "badValue": 0, "duplicateDbid": 0, "tooManyInstances": 0},
        },
    },
    "show dyncast service json": {
        "services": [
            {
                "name": "video", "prefix": "10.255.0.1/32", "vrfId": 0, "configured": True,
                "state": "advertised", "updates": 7, "heldBack": 1, "attributeBytes": 60,
                "leftOut": 0,
                "candidates": [
                    {"name": "a1", "dbid": "2001:db8:e1:0:11::", "local": True, "down": False,
                     "drain": True, "capacity": 100, "wantedPercent": 30.0, "utilisation": 37.5, "inFlight": 3,
                     "delayUs": 4100, "score": 7, "ratePerSecond": 850, "ageMs": 250},
                    {"name": "b1", "dbid": "2001:db8:e2:0:11::", "local": False,
                     "site": "10.0.0.3", "down": True, "drain": False},
                ],
            },
            {"name": "", "prefix": "10.255.0.2/32", "vrfId": 0, "configured": False,
             "state": "learnt", "candidates": []},
            {"name": "waits", "prefix": "10.255.0.1/32", "vrf": "blue", "configured": True,
             "state": "waiting for its VRF", "candidates": []},
        ]
    },
    "show dyncast instance local json": {
        "instances": [
            {"service": "video", "name": "a1", "local": True, "advertised": True,
             "down": False, "reports": 17},
        ]
    },
    "show dyncast forwarding json": {
        "kernel": KERNEL,
        "bgpd": {"alive": True},
        "warnings": ["net.ipv4.ip_forward is 0"],
        "ingress": [{"interface": "eth0", "attached": True}],
        "sids": [{"sid": "2001:db8:e1:0:11::", "installed": False}],
        "services": [
            {
                "name": "video", "prefix": "10.255.0.1/32", "vrfId": 0, "enabled": True,
                "packets": 5, "bytes": 500, "flowsNew": 2, "repinned": 0, "refused": 0,
                "instances": [
                    {"name": "a1", "dbid": "2001:db8:e1:0:11::", "slots": 256, "eligible": True,
                     "costUs": 5100, "packets": 5, "bytes": 500, "flowsNew": 2, "repinned": 0,
                     "refused": 0}
                ],
            }
        ],
    },
}  # fmt: skip


def wait_for(what, condition, bound=BOUND):
    end = time.monotonic() + bound
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError(f"not within {bound} s: {what}")


class Daemon:
    """bgpd or zebra, as far as its vty socket goes.  answer: called with a command,
    returns (text, return code), or sends on the socket itself and returns None."""

    def __init__(self, folder, name):
        self.path = os.path.join(folder, name + ".vty")
        self.answer = self.canned
        self.asked = 0
        self.stopped = threading.Event()
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.bind(self.path)
        self.sock.listen(16)
        threading.Thread(target=self.accept, daemon=True).start()

    @staticmethod
    def canned(command, _sock):
        if command not in ANSWERS:
            return "% Unknown command: " + command + "\n", 2
        return json.dumps(ANSWERS[command], indent=2) + "\n", 0

    def accept(self):
        while True:
            try:
                sock, _ = self.sock.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(sock,), daemon=True).start()

    def serve(self, sock):
        with sock:
            data = b""
            try:
                while True:
                    got = sock.recv(4096)
                    if not got:
                        return
                    *commands, data = (data + got).split(b"\0")
                    for command in commands:
                        self.asked += 1
                        said = self.answer(command.decode(), sock)
                        if said is None:
                            return
                        sock.sendall(said[0].encode() + b"\0\0\0" + bytes([said[1]]))
            except OSError:
                return

    def stop(self):
        self.stopped.set()
        self.sock.shutdown(socket.SHUT_RDWR)
        self.sock.close()
        os.unlink(self.path)


class Exporter:
    """The program, listening at a port of the kernel's choice."""

    def __init__(self, folder, *arguments, wrapper=()):
        self.log = os.path.join(folder, "exporter.log")
        argv = [*wrapper, EXPORTER, "-d", folder, "-l", "127.0.0.1:0", *arguments]
        with open(self.log, "wb") as log:
            self.popen = subprocess.Popen(argv, stderr=log)  # pylint: disable=consider-using-with
        self.port = wait_for("the exporter's port", self.find_port)

    def logged(self):
        with open(self.log, encoding="utf-8", errors="replace") as log:
            return log.read()

    def find_port(self):
        assert self.popen.poll() is None, self.logged()
        text = self.logged()
        return "port " in text and text.endswith("\n") and int(text.split("port ")[1].split()[0])

    def raw(self, data, until_closed=True):
        """Send bytes as they are; all that comes back."""
        with socket.create_connection(("127.0.0.1", self.port), BOUND) as sock:
            sock.sendall(data)
            got = b""
            while until_closed:
                more = sock.recv(65536)
                if not more:
                    break
                got += more
        return got

    def request(self, path="/metrics", method="GET"):
        """(status, text) of a request"""
        head = f"{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        got = self.raw(head.encode())
        status, _, body = got.partition(b"\r\n\r\n")
        return int(status.split()[1]), body.decode()

    def page(self):
        status, text = self.request()
        assert status == 200, text
        return text

    def stop(self):
        """End it, and see that it ends well."""
        self.popen.send_signal(signal.SIGTERM)
        assert self.popen.wait(BOUND) == 0, self.logged()
        assert "ERROR" not in self.logged() and "Sanitizer" not in self.logged(), self.logged()
