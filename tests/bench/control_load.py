# SPDX-License-Identifier: GPL-2.0-or-later
"""What bgpd's module costs: reports of agents, and a full table of routes."""

import json
import os
import random
import socket
import struct
import time

import benchlib
from control_lab import ASN, cpu_seconds, running, wait_idle, wait_until
from control_latency import INTERVAL_MS

SERVICES = 100  # of those of control_latency.py
PORT_P, PORT_M = 11, 12
# CPU seconds in half a second above which a table is still being worked on
LOADING = 0.1


# -- reports --------------------------------------------------------------------


def report_lines(count, seed):
    """Reports in random order of services, each a large move of its metrics."""
    rng = random.Random(seed)
    lines = []
    for _ in range(count):
        report = {
            "service": f"s{rng.randrange(SERVICES)}",
            "instance": "i",
            "utilisation": rng.randrange(0, 900) / 10,
            "delayUs": rng.randrange(1000, 90000),
            "inFlight": rng.randrange(200),
        }
        lines.append(json.dumps(report).encode() + b"\n")
    return lines


def agent_status(lab):
    return lab.json("e1", "show dyncast bgp json")["agents"]


def updates_of(lab):
    services = lab.json("e1", "show dyncast service json")["services"]
    return sum(service["updates"] for service in services)


def read_all(lab, lines):
    wait_until("all lines to be read", lambda: agent_status(lab)["lines"] >= lines, 0.01)


def paced(agent, lines, rate, seconds):
    """Sends so many lines a second; returns how many, and how long it took."""
    begin, sent = time.monotonic(), 0
    while time.monotonic() - begin < seconds:
        due = int((time.monotonic() - begin) * rate) - sent
        if due > 0:
            agent.send(b"".join(lines[(sent + i) % len(lines)] for i in range(due)))
            sent += due
        time.sleep(0.002)
    return sent, time.monotonic() - begin


def reports(lab, seconds):
    from dyncast_agentline import AgentSocket  # pylint: disable=import-outside-toplevel

    pid = lab.daemon_pid("e1", "bgpd")
    lines = report_lines(20000, 1)
    result = {}
    with AgentSocket(lab, "e1") as agent:
        agent.sock.settimeout(60)
        agent.send(b"".join(lines))
        read_all(lab, len(lines))
        left = updates_of(lab)  # before the clock: it takes bgpd a while to say
        before = cpu_seconds(pid)
        sent, took = paced(agent, lines, 10000, seconds)
        result["reports10kCpu"] = (cpu_seconds(pid) - before) / took
        result["reports10kRate"] = sent / took
        result["updates10k"] = updates_of(lab) - left
        result["updates10kBound"] = int(SERVICES * (took * 1000 / INTERVAL_MS + 2))
        chunk = b"".join(lines)
        start_lines = agent_status(lab)["lines"]
        before, begin, sent = cpu_seconds(pid), time.monotonic(), 0
        while time.monotonic() - begin < seconds:
            agent.send(chunk)
            sent += len(lines)
        read_all(lab, start_lines + sent)
        took = time.monotonic() - begin
        result["reportsMax"] = sent / took
        result["reportsMaxCpu"] = (cpu_seconds(pid) - before) / took
    missing = lab.sessions_missing()
    if missing:
        raise RuntimeError(missing)
    bad = agent_status(lab)["badLines"]
    if bad:
        raise RuntimeError(f"{bad} lines were refused")
    if result["updates10k"] > result["updates10kBound"]:
        raise RuntimeError("more UPDATEs than the interval allows")
    return result


# -- a full table -------------------------------------------------------------


def table(routes, extra, hop):
    """UPDATEs of /28 prefixes, 50 of them share attributes as in a full table."""
    import raw_bgp  # pylint: disable=import-outside-toplevel

    messages, per = [], 50
    for first in range(0, routes, per):
        attributes = b"\x40\x01\x01\x00\x40\x02\x00"
        attributes += b"\x40\x03\x04" + socket.inet_aton(hop)
        attributes += b"\x40\x05\x04" + struct.pack("!I", 100)
        attributes += b"\x80\x04\x04" + struct.pack("!I", first // per) + extra
        nlri = b"".join(
            b"\x1c" + struct.pack("!I", 0x14000000 + (n << 4)) for n in range(first, first + per)
        )
        body = struct.pack("!HH", 0, len(attributes)) + attributes + nlri
        messages.append(raw_bgp.message(raw_bgp.UPDATE, body))
    return b"".join(messages)


def prefixes(lab, router):
    answer = lab.json(router, "show bgp ipv4 unicast summary json")
    return [peer["pfxRcd"] for peer in answer.get("peers", {}).values()]


def sets_waiting(lab, router):
    """Candidate sets that zebra has not been told yet; a router without our
    modules has none."""
    if not lab.routers[router].modules:
        return False
    zebra = lab.json(router, "show dyncast bgp json")["zebra"]
    return zebra["queued"] or zebra["inFlight"]


def load_once(lab, router, host, number, path, routes):
    """bgpd's CPU seconds for one load: best paths, zebra's routes and its candidate
    sets included, to the last."""
    from dyncast_lan import Speaker  # pylint: disable=import-outside-toplevel

    address = f"10.50.0.{lab.routers[router].number}"
    speaker = Speaker(lab, host, address, f"10.50.0.{number}", ASN).wait()
    pid = lab.daemon_pid(router, "bgpd")
    before = cpu_seconds(pid)
    speaker.ask(do="file", path=path)
    wait_until("all routes", lambda: prefixes(lab, router) == [routes], 0.2)
    wait_idle(pid, LOADING)
    used = cpu_seconds(pid) - before
    while sets_waiting(lab, router):
        wait_idle(pid, LOADING)
        used = cpu_seconds(pid) - before
    speaker.stop()
    wait_until("the routes to be gone", lambda: prefixes(lab, router) == [0], 0.2)
    wait_idle(pid, LOADING)
    return used


def load_pairs(lab, routes, extra, rounds, folder):
    """CPU seconds of loads by both, in turns; the first round warms up only."""
    used = {"p": [], "m": []}
    for turn in range(rounds + 1):
        for router in ("p", "m") if turn % 2 else ("m", "p"):
            number, host = (PORT_P, "hp") if router == "p" else (PORT_M, "hm")
            path = os.path.join(folder, router + ".updates")
            with open(path, "wb") as out:
                out.write(table(routes, extra, f"10.50.0.{number}"))
            took = load_once(lab, router, host, number, path, routes)
            if turn:
                used[router].append(took)
    return used


def loads(quick, folder):
    # pylint: disable=import-outside-toplevel
    import dyncast_attr as em
    from dyncast_lan import Router, neighbor

    routes, rounds = (50000, 1) if quick else (500000, 7)
    passive = lambda n: neighbor(f"10.50.0.{n}", ASN, "passive")
    routers = {"p": Router(4, modules=False, bgp=passive(PORT_P))}
    routers["m"] = Router(3, bgp=passive(PORT_M))
    result, samples = {"routes": routes}, {}
    value = em.attribute(em.instance(name=b"bench"))
    with running(routers, {"hm": PORT_M, "hp": PORT_P}) as lab:
        for name, extra in (("load500kRatio", b""), ("load500kAttrRatio", value)):
            used = load_pairs(lab, routes, extra, rounds, folder)
            samples[name] = used
            result[name] = benchlib.median(benchlib.ratios(used["m"], used["p"]))
        for (router, daemon), pid in lab.pids.items():
            if lab.daemon_pid(router, daemon) != pid:
                raise RuntimeError(f"{router}: {daemon} died")
    result["loadSamples"] = samples
    return result
