# SPDX-License-Identifier: GPL-2.0-or-later
"""Answers of our show commands, by instance name, and waiting for them."""

import ipaddress
import re
import time

from dyncast_topology import INSTANCES, SERVICE_PREFIX, locator, wait_for

SLOTS = 1024


def dbid(name):
    """The SID of an instance: locator and number."""
    inst = INSTANCES[name]
    network = ipaddress.ip_network(locator(inst.router))
    return str(network.network_address + (inst.sid << (128 - 16 - network.prefixlen)))


def explain(lab, router):
    """`show dyncast explain` of our service; {} while it is not known."""
    return lab.json(router, f"show dyncast explain {SERVICE_PREFIX} json")


def candidates(lab, router):
    """{instance name: its entry in explain}"""
    return {c["name"]: c for c in explain(lab, router).get("candidates", [])}


def weights(lab, router):
    """{instance name: slots that it has in the ring}"""
    return {name: c["slots"] for name, c in candidates(lab, router).items()}


def weight_share(lab, router, names):
    """Part of the ring, 0 to 1, that these instances have together."""
    slots = weights(lab, router)
    return sum(slots.get(name, 0) for name in names) / SLOTS


def weights_text(lab, router):
    slots = weights(lab, router)
    return "  ".join(f"{name} {100 * slots.get(name, 0) / SLOTS:.0f}%" for name in INSTANCES)


def wait_candidates(lab, router, names, timeout=40):
    """Until the ring gives every one of `names` slots, and nobody else."""

    def missing():
        answer = explain(lab, router)
        slots = {c["name"]: c["slots"] for c in answer.get("candidates", [])}
        having = {name for name, count in slots.items() if count}
        if having != set(names):
            return f"{router}: slots are {slots}"
        if sum(slots.values()) != SLOTS or answer["slotsLeft"]:
            return f"{router}: the ring still moves: {slots}"
        return True

    wait_for("candidates", missing, timeout)


def wait_share(lab, router, names, predicate, what, timeout=40):
    def missing():
        share = weight_share(lab, router, names)
        return True if predicate(share) else f"{share:.3f}, {weights(lab, router)}"

    wait_for(f"share of {', '.join(names)} at {router} {what}", missing, timeout)


def wait_rest(lab, router, names=tuple(INSTANCES), still=1.5, timeout=60):
    """Until each of `names`, and nobody else, has slots, and neither weights
    nor slots have moved for a while."""
    last = {"seen": None, "since": 0.0}

    def missing():
        answer = explain(lab, router)
        seen = {c["name"]: (c["weight"], c["slots"]) for c in answer.get("candidates", [])}
        if seen != last["seen"]:
            last.update(seen=seen, since=time.monotonic())
        if {name for name, (_, slots) in seen.items() if slots} != set(names):
            return f"(weight, slots) are {seen}"
        quiet = time.monotonic() - last["since"]
        return True if quiet > still and not answer["slotsLeft"] else f"moving: {seen}"

    wait_for(f"the ring of {router} to rest", missing, timeout)


def wait_all(lab, router, names):
    """Until all new flows go to one of these."""

    def missing():
        share = weight_share(lab, router, names)
        return True if share == 1 else f"{share:.2f} of the ring"

    wait_for(f"{names} to win at {router}", missing, every=0.05)


def wait_share_below(lab, router, names, limit, timeout=40):
    wait_share(lab, router, names, lambda share: share < limit, f"below {limit:.3f}", timeout)


def wait_recovered(lab, router, timeout=60):
    """The two modules of a router talk to each other again, it steers, and r1
    could use every instance."""

    def missing():
        kernel = forwarding(lab, router)
        if not kernel.get("bgpd", {}).get("synchronised"):
            return f"{router}: zebra and bgpd are not synchronised"
        if not kernel["kernel"]["active"]:
            return f"{router}: {kernel['kernel']['reason']}"
        verdicts = {name: c["verdict"] for name, c in candidates(lab, "r1").items()}
        fine = ("ok", "not best", "no metrics", "stale")
        if set(verdicts) != set(INSTANCES) or set(verdicts.values()) - set(fine):
            return str(verdicts)
        return lab.sessions_missing() or True

    wait_for(f"{router} to recover", missing, timeout)


def forwarding(lab, router):
    return lab.json(router, "show dyncast forwarding json")


def counters(lab, router):
    """The forwarding plane's counters, {name: number}"""
    return forwarding(lab, router)["kernel"]


def flows(lab, router):
    """{(proto, client's address:port): instance name}, of valid flows"""
    answer = lab.json(router, "show dyncast flows json")
    return {
        (f["protocol"], f"{f['source']}:{f['sourcePort']}"): f["instance"]
        for f in answer.get("flows", [])
        if f["valid"]
    }


def bgp_route_to(lab, router):
    """Next hop of the one selected BGP route to the service, None unless BGP's
    is what the RIB uses."""
    routes = lab.json(router, f"show ip route {SERVICE_PREFIX} json")
    for route in routes.get(SERVICE_PREFIX, []):
        if route.get("selected") and route["protocol"] == "bgp":
            for hop in route["nexthops"]:
                if hop.get("recursive") or hop.get("fib"):
                    return hop.get("ip")
    return None


def kernel_hops(lab, router):
    """Next hops of the service's route in the kernel: [(text, weight)]"""
    text = lab.cmd(router, f"ip -d route show {SERVICE_PREFIX}")
    ids = re.search(r"nhid (\d+)", text)
    hops = []
    for line in text.replace("nexthop", "\nnexthop").splitlines():
        match = re.search(r"weight (\d+)", line)
        if " via " in line or " dev " in line:
            hops.append((line.strip(), int(match.group(1)) if match else 1))
    assert hops or not ids, text
    return hops
