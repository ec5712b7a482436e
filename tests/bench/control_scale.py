# SPDX-License-Identifier: GPL-2.0-or-later
"""Ten thousand services of eight candidates in running daemons: what a candidate
takes of memory, and the longest event while all of them change at once."""

import os
import re
import socket
import struct

import dyncast_attr as em
from dyncast_topology import wait_for

CANDIDATES = 8


def updates(count, hop, locator, load):
    """UPDATEs of `count` services, each with its own attribute."""
    import raw_bgp  # pylint: disable=import-outside-toplevel

    messages = []
    for n in range(count):
        value = b"".join(
            em.instance(
                f"{locator}:{n:x}:{i + 1:x}::" if n else f"{locator}:ffff:{i + 1:x}::",
                name=b"i%d" % i,
                capacity=100,
                utilisation=(load + 997 * i * (n + 1)) % 9000,
                delay_us=4000,
            )
            for i in range(CANDIDATES)
        )
        attributes = b"\x40\x01\x01\x00\x40\x02\x00"
        attributes += b"\x40\x03\x04" + socket.inet_aton(hop)
        attributes += b"\x40\x05\x04" + struct.pack("!I", 100) + em.attribute(value)
        nlri = b"\x20" + struct.pack("!I", 0x0A640000 + n)
        body = struct.pack("!HH", 0, len(attributes)) + attributes + nlri
        messages.append(raw_bgp.message(raw_bgp.UPDATE, body))
    return b"".join(messages)


def memory(pid):
    """Bytes of a process's own, without the kernel's maps that it looks into."""
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        return int(re.search(r"RssAnon:\s+(\d+)", status.read()).group(1)) * 1024


def longest(lab, router, daemon):
    """[ms, event] of our module's longest, since `clear thread cpu`."""
    text = lab.cmd(router, f"vtysh -d {daemon} -c 'show thread cpu'")
    found = [0.0, ""]
    for line in text.splitlines():
        fields = line.split()
        # active, ms, invoked, CPU average and most, wall average and most, …
        if len(fields) >= 9 and fields[0].isdigit() and fields[4].isdigit():
            found = max(found, [int(fields[4]) / 1000, fields[-1]])
    return found


def measure(lab, speaker, hop, folder, count, idle):
    pids = {d: lab.daemon_pid("s", d) for d in ("zebra", "bgpd")}
    before = {d: memory(pid) for d, pid in pids.items()}

    def tell(load):
        path = os.path.join(folder, "scale.updates")
        with open(path, "wb") as out:
            out.write(updates(count, hop, "2001:db8:e01:0", load))
        speaker.ask(do="file", path=path)

    def counted():
        status = lab.json("s", "show dyncast forwarding json")["bgpd"]
        return status["sets"] >= count or str(status)

    tell(1000)
    wait_for("the services", counted, 300)
    for pid in pids.values():
        idle(pid)
    result = {
        f"bytesPerCandidate{d.capitalize()}": (memory(pid) - before[d]) / count / CANDIDATES
        for d, pid in pids.items()
    }
    result["bytesPerCandidate"] = result["bytesPerCandidateZebra"]
    for daemon in pids:
        lab.cmd("s", f"vtysh -d {daemon} -c 'clear thread cpu'")
    tell(5000)
    for pid in pids.values():
        idle(pid)
    events = {d: longest(lab, "s", d) for d in pids}
    result["maxEventMs"] = max(ms for ms, _ in events.values())
    result["maxEvents"] = events
    return result
