# SPDX-License-Identifier: GPL-2.0-or-later
r"""`dyncast forwarding kernel`: netfilter and rp_filter see what is steered.

    c1 ---- r1 ---- core ---- e1 --+-- a1   site 1
  clients   |        |             +-- a2
            +-- l1   +------- e2 ----- b1   site 2
"""

import pytest

import dyncast_small as small
import dyncast_traffic as traffic
from dyncast_small import ADDRESS, CLIENTS, INSTANCES, PREFIX, V4, V6
from dyncast_topology import wait_for

ALL = set(INSTANCES)


def adapt(router, conf):
    if router == "r1":
        conf["zebra"] += ["dyncast forwarding kernel"]


class KernelLab(small.SmallLab):
    """A new zebra leaves the routes of the old one until there are new ones."""

    options = {"zebra": "-K 60"}


@pytest.fixture(scope="module")
def lab(lab_of):
    lab = lab_of(KernelLab, adapt=adapt)
    traffic.start_servers(lab)
    lab.start_bulk()
    for service in (V4, V6):
        lab.wait_ring("r1", ALL, service)
        wait_for("the route to the device", lambda s=service: by_device(lab, s), 10)
    return lab


def by_device(lab, service):
    family = "-6" if service == V6 else "-4"
    route = lab.cmd("r1", f"ip {family} route show {PREFIX[service]}")
    return True if "dev dyncast-out" in route else f"route is {route}"


def attached(lab):
    return {
        i["interface"]: i.get("duty") for i in lab.forwarding("r1")["ingress"] if i["attached"]
    }


def test_who_places(lab):
    """The device, and no ingress interface."""
    assert attached(lab) == {"dyncast-out": "egress"}
    assert "NOARP" in lab.cmd("r1", "ip link show dyncast-out")
    assert "dyncast forwarding kernel" in lab.vtysh("r1", "show running-config")
    assert lab.forwarding("r1")["forwarding"] == "kernel"
    assert not lab.forwarding("r1")["warnings"]
    # nor is an interface waited for that the configuration names
    said = lab.json("r1", "show dyncast summary json")["zebra"]
    assert said["interfaces"] == {"attached": 1, "waiting": 0} and not said["warnings"], said


@pytest.mark.parametrize("service", (V4, V6))
def test_flows_stay(lab, service):
    """Placed on all instances, and pinned while the weights change."""
    load = traffic.Load(
        lab, "load-" + service, target=ADDRESS[service], sources=CLIENTS[service]
    )
    assert load.ask("open", tcp=80, udp=80, interval=0.5)["opened"] == 160
    check = traffic.FlowCheck(lab, load)
    for name in ALL:
        assert len(check.at(name)) > 10, f"{name}: {len(check.at(name))} flows"
    for router, names in (("e1", ("a1", "a2")), ("e2", ("b1",))):
        for name in names:
            said = lab.configure(router, f"dyncast service {service} instance {name} drain")
            assert "%" not in said
    lab.wait_ring("r1", {"l1"}, service)
    check.expect_kept()
    for router, names in (("e1", ("a1", "a2")), ("e2", ("b1",))):
        for name in names:
            lab.configure(router, f"no dyncast service {service} instance {name} drain")
    lab.wait_ring("r1", ALL, service)
    check.expect_kept()
    load.stop()


def udp_answers(lab, count=20, size=100):
    return sum(1 for small_one, _ in lab.bulk("c1", "udp", ADDRESS[V4], size, count) if small_one)


def test_netfilter_is_obeyed(lab):
    """A drop rule in FORWARD drops (and does not in the default mode)."""
    assert udp_answers(lab) == 20
    lab.cmd(
        "r1",
        "nft add table inet t && "
        "nft add chain inet t f '{ type filter hook forward priority 0; }' && "
        f"nft add rule inet t f ip daddr {ADDRESS[V4]} udp dport {lab.BULK_PORT} counter drop",
    )
    assert udp_answers(lab, 5) == 0
    # the control: what the documentation says of the default mode
    lab.configure("r1", "no dyncast forwarding kernel")
    wait_for("ingress", lambda: attached(lab).get("r1-c1") == "steer" or str(attached(lab)), 10)
    assert udp_answers(lab, 5) == 5
    lab.configure("r1", "dyncast forwarding kernel")
    wait_for("the device", lambda: attached(lab) == {"dyncast-out": "egress"} or "not yet", 10)
    wait_for("the route", lambda: by_device(lab, V4), 10)
    assert udp_answers(lab, 5) == 0
    lab.cmd("r1", "nft delete table inet t")
    wait_for("answers", lambda: udp_answers(lab, 5) == 5 or "none", 10)


def test_strict_rp_filter(lab):
    """Sources that do not live behind the client's interface are dropped."""
    lab.cmd("c1", "ip addr add 10.66.0.1/32 dev lo")
    before = echoes(lab)
    lab.cmd("c1", f"ping -c 3 -i 0.2 -W 1 -I 10.66.0.1 {ADDRESS[V4]} || true")
    # the control: without it they are placed like any other
    assert echoes(lab) == before + 3
    lab.cmd("r1", "sysctl -qw net.ipv4.conf.r1-c1.rp_filter=1")
    lab.cmd("c1", f"ping -c 3 -i 0.2 -W 1 -I 10.66.0.1 {ADDRESS[V4]} || true")
    assert echoes(lab) == before + 3
    assert udp_answers(lab) == 20
    lab.cmd("r1", "sysctl -qw net.ipv4.conf.r1-c1.rp_filter=0")


def echoes(lab):
    return sum(lab.echoes(V4).values())


def mtu_is_right(lab):
    """of both ends"""
    said = lab.cmd("r1", "cat /sys/class/net/dyncast-out/mtu /sys/class/net/dyncast-end/mtu")
    return said.split() == ["1460", "1460"] or said


def test_bulk(lab):
    """10 MB each way to every instance; the kernel tells of the tunnel's MTU."""
    for service in (V4, V6):
        found = lab.bulk("c1", "tcp", ADDRESS[service], 10_000_000, *ALL)
        assert set(found) == ALL
    assert mtu_is_right(lab) is True


def test_device_is_made_again(lab):
    """and is what it was, also when somebody has changed it"""
    lab.cmd("r1", "ip link del dyncast-out")
    wait_for("the device", lambda: attached(lab) == {"dyncast-out": "egress"} or "not yet", 10)
    wait_for("the route", lambda: by_device(lab, V4), 10)
    wait_for("its MTU", lambda: mtu_is_right(lab), 10)
    lab.cmd("r1", "ip link set dyncast-out mtu 1500")
    wait_for("its MTU", lambda: mtu_is_right(lab), 10)
    assert udp_answers(lab) == 20


def test_switched_while_flows_run(lab):
    """Off, on and off again: there is always one who knows where flows are.
    The clients' link is narrow, so that routes lead to instances else."""
    lab.cmd("r1", "ip link set r1-c1 mtu 1400")
    load = traffic.Load(lab, "load-switch", sources=CLIENTS[V4])
    load.ask("open", tcp=80, udp=80, interval=0.02)
    check = traffic.FlowCheck(lab, load)
    for line, duty, route in (
        ("no dyncast forwarding kernel", {"r1-c1": "steer"}, False),
        ("dyncast forwarding kernel", {"dyncast-out": "egress"}, True),
    ) * 2:
        lab.configure("r1", line)
        wait_for(
            "the hand-over",
            lambda d=duty: {k: v for k, v in attached(lab).items() if k in d} == d or attached(lab),
            15,
        )
        wait_for(
            "the route",
            lambda r=route: (by_device(lab, V4) is True) == r or by_device(lab, V4),
            15,
        )
        check.expect_kept()
    wait_for("the ingress to be left", lambda: attached(lab) == duty or attached(lab), 15)
    lab.cmd("r1", "ip link set r1-c1 mtu 1500")
    load.stop()


def test_crash_and_end(lab):
    """The device is found again after kill -9, and goes with the line."""
    load = traffic.Load(lab, "load-crash", sources=CLIENTS[V4])
    load.ask("open", tcp=60, interval=0.5)
    check = traffic.FlowCheck(lab, load)
    lab.kill_daemon("r1", "zebra")
    lab.restart_daemon("r1", "zebra")
    wait_for("the device", lambda: attached(lab) == {"dyncast-out": "egress"} or "not yet", 30)
    lab.wait_ring("r1", ALL)
    wait_for("the route", lambda: by_device(lab, V4), 30)
    check.expect_kept()
    load.stop()
    lab.configure("r1", "no dyncast forwarding kernel", "no dyncast ingress r1-c1")
    # the IPv6 service mixes adjacent and remote instances: its route needs the
    # device without the line too
    lab.configure("r1", "dyncast route none")
    wait_for(
        "the device's end",
        lambda: "dyncast-out" not in lab.cmd("r1", "ip -o link") or "still there",
        10,
    )
    lab.expect_alive()
