# SPDX-License-Identifier: GPL-2.0-or-later
"""Talk to bgpd_dyncast's agent socket as an agent would, or as no agent should."""

import json
import socket

import dyncast_topology as topology


class AgentSocket:
    """A connection to the agent socket of a router.

    The socket lies in the router's own mounts; /proc gives the way there.
    """

    def __init__(self, lab, router, service=topology.SERVICE):
        self.service = service
        # not /var/run: an absolute link would lead out of /proc/PID/root
        path = f"/proc/{lab.node(router).pid}/root/run/frr/dyncast-agent.sock"
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(5)
        self.sock.connect(path)
        self.buffer = b""

    def send(self, data):
        self.sock.sendall(data)

    def report(self, instance, **metrics):
        line = dict(metrics, service=self.service, instance=instance)
        self.send(json.dumps(line).encode() + b"\n")

    def answer(self, timeout=5):
        """The next answer as an object, or None when none comes."""
        self.sock.settimeout(timeout)
        try:
            while b"\n" not in self.buffer:
                data = self.sock.recv(4096)
                if not data:
                    return None
                self.buffer += data
        except (socket.timeout, ConnectionError):
            return None
        line, self.buffer = self.buffer.split(b"\n", 1)
        return json.loads(line)

    def closed(self):
        """Did the router close the connection?"""
        self.sock.settimeout(0.2)
        try:
            return self.sock.recv(1) == b""
        except socket.timeout:
            return False
        except ConnectionError:
            return True

    def close(self):
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()
