# SPDX-License-Identifier: GPL-2.0-or-later
"""Who answers each of many sockets, asked again and again.

For tests in which flows are to move: dyncast_traffic.py watches those that are
not to.
"""

import json
import subprocess

import dyncast_small as small
import dyncast_traffic as traffic
from dyncast_small import ADDRESS
from dyncast_topology import wait_for
from dyncast_vty import Vty

ASKER = r"""
import json, select, socket, sys, time
target, port, each = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
family = socket.AF_INET6 if ":" in target else socket.AF_INET
socks = []
for source in sys.argv[4:]:
    for _ in range(each):
        sock = socket.socket(family, socket.SOCK_DGRAM)
        sock.bind((source, 0))
        sock.connect((target, port))
        socks.append((source, sock))

def hear(left, names, number):
    until = time.monotonic() + 1
    while left and time.monotonic() < until:
        for sock in select.select(list(left), [], [], 0.1)[0]:
            try:
                name, _, said = sock.recv(100).split()
            except OSError:
                continue  # an ICMP error
            if int(said) == number:
                names[sock] = name.decode()
                left.discard(sock)

number = 0
for line in sys.stdin:
    number += 1
    names, sent, left = {}, {}, {sock for _, sock in socks}
    for _ in range(10):  # a datagram may be lost
        for sock in left:
            sent[sock] = sent.get(sock, 0) + 1
            try:
                sock.send(b"%d" % number)
            except OSError:
                pass
        hear(left, names, number)
    answers = [[*sock.getsockname()[:2], names.get(sock), sent[sock]] for _, sock in socks]
    print(json.dumps(answers), flush=True)
"""


class Asker:
    """`each` UDP sockets of every source, in c1."""

    def __init__(self, lab, name, service, sources, each):
        argv = [small.ADDRESS[service], str(traffic.ECHO_PORT), str(each), *sources]
        self.process = traffic.Process(
            lab, "c1", name, ["/usr/bin/python3", "-c", ASKER, *argv],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        self.sent = {}  # (source, port): datagrams of the last question

    def ask(self):
        """{(source, port): instance that answers}"""
        self.process.popen.stdin.write("\n")
        self.process.popen.stdin.flush()
        answers = json.loads(self.process.read_line(30))
        silent = [(source, port) for source, port, name, _ in answers if not name]
        assert not silent, f"{len(silent)} of {len(answers)} are not answered: {silent[:5]}"
        self.sent = {(source, port): sent for source, port, _, sent in answers}
        return {(source, port): name for source, port, name, _ in answers}

    def stop(self):
        self.process.stop()


def by_source(answers):
    """{source: instances that answered its sockets}"""
    found = {}
    for (source, _), name in answers.items():
        found.setdefault(source, set()).add(name)
    return found


def looked_up(zebra, service, source, port):
    """What r1's zebra knows of one of an Asker's sockets."""
    line = f"show dyncast flow {source} {ADDRESS[service]} udp {port} {traffic.ECHO_PORT} json"
    return zebra.json(line)


def wait_entry(lab, service, asker, there):
    """Until what it sends next has entries, or has none to ask for any more."""

    def missing():
        source, port = next(iter(asker.ask()))
        return ("entry" in looked_up(zebra, service, source, port)) == there or "not yet"

    with Vty(lab, "r1", "zebra") as zebra:
        wait_for("the affinity", missing, 10, 0.2)
