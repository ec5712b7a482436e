# SPDX-License-Identifier: GPL-2.0-or-later
"""Ten thousand services of eight candidates in real daemons.

    s ---- r        a speaker tells r of all services; D-BIDs are eight tunnel ends
    t ---- p        the same to a router without the modules
    h ---- x        1,000 services of eight local instances each

What a candidate takes in zebra (over what the same prefixes take without the
modules), what both daemons take at rest, and the longest that an event of theirs
took while all of that came, changed, and lost its way.
"""

import os
import re
import struct
import subprocess
import socket
import time

import dyncast_frr
from control_lab import ASN, anonymous_bytes, cpu_seconds, running, wait_idle, wait_until

CANDIDATES, LOCALS = 8, 8
KIND_IPIP = 3
PER_UPDATE = 50
REST_S = 10
STALE_S = 30  # DYNCAST_AGE_STALE_MS


def routers(services):
    from dyncast_lan import Router, neighbor  # pylint: disable=import-outside-toplevel

    r = Router(1, bgp=neighbor("10.50.0.31", ASN, "passive"))
    # the RIB's own memory for a route is not the module's
    r.zebra = [f"dyncast service-table size {max(services, 16)}", "dyncast route none"]
    x = Router(2)
    x.zebra = ["dyncast service-table size 1024", "dyncast route none"]
    for n in range(services // 10):
        service = f"dyncast service s{n}"
        x.bgpd.append(f"{service} prefix 10.8.{n // 250}.{n % 250}/32")
        x.bgpd += [
            f"{service} instance i{k} address 10.50.0.{101 + k}" for k in range(LOCALS)
        ]
    plain = Router(3, modules=False, bgp=neighbor("10.50.0.32", ASN, "passive"))
    return {"r": r, "x": x, "p": plain}


def updates(services, busy, hop):
    """UPDATEs with all services; `busy`: utilisation of the first candidate."""
    # pylint: disable=import-outside-toplevel
    import dyncast_attr as em
    import raw_bgp

    value = b"".join(
        em.instance(
            f"10.60.0.{k + 1}",
            KIND_IPIP,
            f"site{k}".encode(),
            capacity=100,
            utilisation=busy if k == 0 else 5000,
            delay_us=4000,
        )
        for k in range(CANDIDATES)
    )
    attributes = b"\x40\x01\x01\x00\x40\x02\x00"
    attributes += b"\x40\x03\x04" + socket.inet_aton(hop)
    attributes += b"\x40\x05\x04" + struct.pack("!I", 100) + em.attribute(value)
    messages = []
    for first in range(0, services, PER_UPDATE):
        nlri = b"".join(
            b"\x20" + struct.pack("!I", 0x0A090000 + n) for n in range(first, first + PER_UPDATE)
        )
        body = struct.pack("!HH", 0, len(attributes)) + attributes + nlri
        messages.append(raw_bgp.message(raw_bgp.UPDATE, body))
    return b"".join(messages)


def own_functions(module):
    """Names of a module's functions: those of its events among them."""
    path = os.path.join(dyncast_frr.BUILD, "modules", module)
    names = subprocess.run(["nm", path], check=True, capture_output=True, text=True).stdout
    return {line.split()[-1] for line in names.splitlines() if " t " in line or " T " in line}


def cpu_command(lab, router, daemon, verb):
    word = "thread" if dyncast_frr.is_8() else "event"
    return lab.cmd(router, f"vtysh -d {daemon} -c '{verb} {word} cpu'")


ROW = re.compile(r"^\s*\d+\s+([\d.]+)\s+(\d+)\s+(\d+)\s+(\d+)\s+(\d+)\s+(\d+)\s.*?(\S+)\s*$")


def events(lab, router, daemon):
    """{event: most CPU milliseconds of one call} on the daemon's main thread"""
    found, main = {}, True
    for line in cpu_command(lab, router, daemon, "show").splitlines():
        if "statistics for pthread" in line:
            main = line.split()[-1] in ("main", "default")
        row = ROW.match(line)
        if row and main and row.group(7) != "TOTAL":
            found[row.group(7)] = int(row.group(4)) / 1000
    if not found:
        raise RuntimeError(f"no events of {daemon} on {router}")
    return found


def summary(lab):
    return lab.json("r", "show dyncast summary json")["zebra"]


def services_ready(lab, services):
    now = summary(lab)
    used = now["candidates"]["used"]
    return now["services"]["steered"] == services and used == services * CANDIDATES


def rest(pids):
    """Part of a core that each takes when nothing changes."""
    before, begin = [cpu_seconds(pid) for pid in pids], time.monotonic()
    wait_until("time to pass", lambda: time.monotonic() - begin >= REST_S, 0.2)
    took = time.monotonic() - begin
    return [(cpu_seconds(pid) - was) / took for pid, was in zip(pids, before, strict=True)]


def network_changes(lab, zebra):
    """The ways to all candidates get worse, and two of them are lost."""
    for k in range(CANDIDATES):
        lab.cmd("r", f"ip route replace 10.60.0.{k + 1}/32 via 10.50.0.21 metric {k + 5}")
    wait_idle(zebra, 0.2)
    lab.cmd("r", "ip route del 10.60.0.7/32; ip route del 10.60.0.8/32")
    wait_idle(zebra, 0.2)


def measure(quick, folder):
    from dyncast_lan import Speaker  # pylint: disable=import-outside-toplevel

    services = 1000 if quick else 10000
    result = {"services": services}
    with running(routers(services), {"s": 31, "t": 32, "h": 21}) as lab:
        for k in range(CANDIDATES):
            lab.cmd("r", f"ip route add 10.60.0.{k + 1}/32 via 10.50.0.21")
            lab.cmd("h", f"ip addr add 10.50.0.{101 + k}/24 dev h-lan")
        pids = [lab.daemon_pid(r, d) for r in ("r", "p") for d in ("zebra", "bgpd")]
        zebra, bgpd, local = *pids[:2], lab.daemon_pid("x", "bgpd")
        speakers = [
            Speaker(lab, host, f"10.50.0.{peer}", f"10.50.0.{number}", ASN).wait()
            for host, peer, number in (("s", 1, 31), ("t", 3, 32))
        ]
        wait_until("the kernel side", lambda: summary(lab)["active"], 0.2)
        for pid in pids:
            wait_idle(pid)
        result["configLocalsCpu"] = cpu_seconds(local)
        before = [anonymous_bytes(pid) for pid in pids]
        watched = [(r, d) for r in ("r", "x") for d in ("zebra", "bgpd")]
        for router, daemon in watched:
            cpu_command(lab, router, daemon, "clear")
        for busy in (5000, 9000, 2000):
            for speaker in speakers:
                path = os.path.join(folder, "services.updates")
                with open(path, "wb") as out:
                    out.write(updates(services, busy, speaker.source))
                speaker.ask(do="file", path=path)
            wait_until("all services", lambda: services_ready(lab, services), 0.3)
            wait_idle(zebra, 0.2)
        grown = [anonymous_bytes(pid) - was for pid, was in zip(pids, before, strict=True)]
        total = services * CANDIDATES
        result["bytesPerCandidate"] = (grown[0] - grown[2]) / total
        result["bgpdBytesPerCandidate"] = (grown[1] - grown[3]) / total
        result["plainBytesPerPrefix"] = [grown[2] / services, grown[3] / services]
        # what nobody repeats loses its influence until it is STALE_S old
        said = time.monotonic()
        wait_until("old metrics", lambda: time.monotonic() - said > STALE_S + 1, 0.5)
        for pid in (zebra, bgpd, local):
            wait_idle(pid)
        result["restCpuZebra"], result["restCpuBgpd"], result["restCpuLocals"] = rest(
            [zebra, bgpd, local]
        )
        network_changes(lab, zebra)
        ours = {d: own_functions(m) for d, m in (("zebra", "zebra_dyncast.so"), ("bgpd", "bgpd_dyncast.so"))}
        longest = {f"{r} {d} {n}": ms for r, d in watched for n, ms in events(lab, r, d).items()}
        result["events"] = dict(sorted(longest.items(), key=lambda e: -e[1])[:20])
        result["maxEventMs"] = max(
            ms for name, ms in longest.items() if name.split()[2] in ours[name.split()[1]]
        )
        lab.expect_alive()
        for speaker in speakers:
            speaker.stop()
    return result
