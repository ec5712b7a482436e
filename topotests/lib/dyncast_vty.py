# SPDX-License-Identifier: GPL-2.0-or-later
"""Asks a daemon by its vty socket, as vtysh does, in a millisecond instead of a
tenth of a second: for what has to be seen when it happens."""

import json
import socket


class Vty:
    def __init__(self, lab, router, daemon):
        # not /var/run: an absolute link would lead out of /proc/PID/root
        path = f"/proc/{lab.node(router).pid}/root/run/frr/{daemon}.vty"
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(10)
        self.sock.connect(path)
        self.ask("enable")

    def ask(self, command):
        """Its answer: text, then three NULs and the status."""
        self.sock.sendall(command.encode() + b"\0")
        answer = bytearray()
        while answer[-4:-1] != b"\0\0\0":
            data = self.sock.recv(65536)
            assert data, f"closed in the answer to {command}"
            answer += data
        return answer[:-4].decode()

    def json(self, command):
        return json.loads(self.ask(command))

    def close(self):
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()
