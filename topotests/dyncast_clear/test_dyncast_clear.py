# SPDX-License-Identifier: GPL-2.0-or-later
r"""`clear dyncast forwarding`: nothing of ours is left, and it comes back.

    c1 ---- r1 ---- core ---- e1 --+-- a1   site 1
  clients            |             +-- a2
                     +------- e2 ----- b1   site 2

core's plain route for the services leads to e1, which splits what comes there
by its own route.
"""

import pytest

import dyncast_small as small
from dyncast_clear_kernel import run_all
from dyncast_small import PREFIX, V4, V6
from dyncast_topology import alive, end_processes, wait_for

ALL = ("a1", "a2", "b1")


@pytest.fixture(scope="module")
def lab(lab_of):
    return lab_of(small.SmallLab, members=ALL).wait_steering()


def traces(lab, router):
    """Everything that the module has put into the kernel: [what]"""
    found = lab.cmd(
        router,
        "ls -A /var/run/frr/dyncast-bpf 2>&1 | grep -v 'No such file' | sed 's/^/pin /';"
        "ls -d /var/run/frr/dyncast-bpf 2>/dev/null | sed 's/^/directory /';"
        "grep dyncast-bpf /proc/self/mounts | sed 's/^/mount /';"
        "tc qdisc show | grep clsact | sed 's/^/qdisc /';"
        "ip -o link show | grep -o 'dyncast-[a-z]*' | sort -u | sed 's/^/device /';"
        # 194 is `sharp`, as zebra names our routes to the kernel
        "for family in -4 -6; do ip $family route show table all |"
        " grep -E 'proto (194|sharp)|seg6local|198\\.19\\.|dyncast-out' | sed 's/^/route /'; done;"
        f"for pid in {lab.daemon_pid(router, 'zebra') or ''}; do"
        " ls -l /proc/$pid/fd | grep -o 'anon_inode:bpf.*' | sort -u | sed 's/^/open /';"
        " grep -o 'anon_inode:bpf.*' /proc/$pid/maps | sort -u | sed 's/^/mapped /'; done; true",
    )
    return found.splitlines()


def wait_no_trace(lab, router):
    wait_for(
        f"the last trace at {router} to go",
        lambda: "\n".join(traces(lab, router)) or True,
        10,
        0.2,
    )


def kinds(lab, router):
    return {trace.split()[0] for trace in traces(lab, router)}


def clear(lab, router, rest=""):
    said = lab.vtysh(router, "clear dyncast forwarding" + rest)
    assert not said.strip(), said


def cleared(lab, router):
    kernel = lab.forwarding(router)["kernel"]
    assert kernel["cleared"] == ("clear dyncast forwarding" in kernel["reason"])
    return kernel["cleared"]


# -- the operator's override ----------------------------------------------------

def test_ingress_cleared(lab):
    """Flows go on by plain anycast, and nothing of ours is left at r1, the
    device of `forwarding kernel` included."""
    assert lab.new_flows_at("before", V4) == set(ALL)
    assert not cleared(lab, "r1")
    lab.configure("r1", "dyncast forwarding kernel")
    wait_for("the device", lambda: "device" in kinds(lab, "r1") or "not there", 10)
    wait_for("all of it", lambda: kinds(lab, "r1") >= {
        "pin", "directory", "mount", "device", "route", "open", "mapped"
    } or str(kinds(lab, "r1")), 10)  # fmt: skip
    clear(lab, "r1")
    wait_no_trace(lab, "r1")
    assert cleared(lab, "r1")
    assert "Kernel: inactive, cleared until" in lab.vtysh("r1", "show dyncast forwarding")
    for service, family in ((V4, "-4"), (V6, "-6")):
        route = lab.cmd("r1", f"ip {family} route show {PREFIX[service]}")
        assert "proto bgp" in route and "encap" not in route, route
    assert lab.new_flows_at("plain", V4)


def test_stays_cleared(lab):
    """Events, configuration and what bgpd sends bring nothing back."""
    lab.configure("r1", "no dyncast forwarding kernel", "dyncast flow-table size 2048")
    lab.configure("r1", "dyncast ingress r1-core", "no dyncast flow-table size 2048")
    lab.configure("e1", f"no dyncast service {V4} instance a2")
    lab.cmd("r1", "ip link set r1-c1 down; ip link set r1-c1 up")
    wait_for("r1 to hear", lambda: "a2" not in lab.candidates("r1") or "a2 is there", 10)
    # it is weighed as before
    assert lab.candidates("r1")["b1"]["verdict"] in ("ok", "no metrics")
    a2 = small.INSTANCES["a2"]
    lab.configure(
        "e1",
        f"dyncast service {V4} instance a2 address {a2.address} capacity 100 sid {a2.sid}",
        f"no dyncast service {V4} affinity",
    )
    lab.configure("r1", "no dyncast ingress r1-core")
    wait_for("r1 to hear", lambda: "a2" in lab.candidates("r1") or "no a2", 10)
    assert not traces(lab, "r1")
    clear(lab, "r1")  # no harm
    assert cleared(lab, "r1") and not traces(lab, "r1")


def test_restart_brings_it_back(lab):
    clear(lab, "r1", " restart")
    assert not cleared(lab, "r1")
    for service in (V4, V6):
        lab.wait_ring("r1", ALL, service)
    assert lab.new_flows_at("again", V4) == set(ALL)
    assert lab.new_flows_at("again6", V6) == set(ALL)
    # and when nothing is cleared it does both
    clear(lab, "r1", " restart")
    lab.wait_ring("r1", ALL)
    assert lab.new_flows_at("once-more", V4) == set(ALL)


def test_egress_cleared(lab):
    """Its SIDs go, and other routers are told before they miss them."""
    assert "route" in kinds(lab, "e1")
    clear(lab, "e1")
    wait_no_trace(lab, "e1")
    lab.wait_ring("r1", ["b1"])
    assert lab.new_flows_at("other-site", V4) == {"b1"}
    instances = lab.json("e1", "show dyncast instance json")
    assert "cleared" in lab.log("e1", "zebra"), instances
    clear(lab, "e1", " restart")
    lab.wait_ring("r1", ALL)
    assert lab.new_flows_at("both-sites", V4) == set(ALL)


def test_unloading(lab):
    """zebra ends after it: still nothing.  And a new zebra steers again."""
    clear(lab, "r1")
    wait_no_trace(lab, "r1")
    pid = lab.daemon_pid("r1", "zebra")
    end_processes([pid])
    assert not alive(pid)
    assert not traces(lab, "r1")
    lab.restart_daemon("r1", "zebra")
    assert not cleared(lab, "r1")
    for service in (V4, V6):
        lab.wait_ring("r1", ALL, service)
    assert lab.new_flows_at("new-zebra", V4) == set(ALL)
    assert "clear dyncast" not in lab.vtysh("r1", "show running-config")
    assert PREFIX[V4] in lab.vtysh("r1", "show dyncast forwarding")


def test_zebra_without_the_module(lab):
    """clear-kernel, when zebra had crashed and runs without it since."""
    lab.configure("r1", "dyncast forwarding kernel")
    wait_for("the device", lambda: "device" in kinds(lab, "r1") or "not there", 10)
    lab.kill_daemon("r1", "zebra")
    lab.node("r1").daemons_options["zebra"] = ""
    lab.restart_daemon("r1", "zebra")
    assert "zebra_dyncast" not in lab.vtysh("r1", "show modules")
    assert kinds(lab, "r1") >= {"device", "pin"}
    said = run_all(lab, "r1")
    # stock zebra may look for routes of its last run before it has read them: they stay,
    # come back when they are deleted, and go when it ends
    left = traces(lab, "r1")
    assert all(trace.startswith("route blackhole ") for trace in left), left
    assert ("a restart of zebra ends it" in said) == bool(left), (said, left)
    end_processes([lab.daemon_pid("r1", "zebra")])
    wait_no_trace(lab, "r1")
    lab.restart_daemon("r1", "zebra")
