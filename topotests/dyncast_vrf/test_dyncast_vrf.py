# SPDX-License-Identifier: GPL-2.0-or-later
r"""A service in a VRF: its attribute in the VRF's BGP instance, its packets by
tunnels of the default VRF, which is the underlay.

        c1 ---- r1 ===red=== e1 --+-- a1      =red=: a LAN in VRF red, with
      clients   |  \        /     +-- a2      BGP of that VRF, and the way back
                l1   -core-                   for answers
      c1, l1, a1, a2 are in VRF red; core knows nothing of it

Kernels without VRF devices skip it.  Under one of Debian's:
tools/in-kernel 6.1 python3 -m pytest topotests/dyncast_vrf
"""

import subprocess
import time

import pytest

import dyncast_small as small
import dyncast_traffic as traffic
from dyncast_small import ADDRESS, CLIENTS, INSTANCES, NUMBERS, PREFIX, V4
from dyncast_topology import ASN, wait_for

ALL = {"a1", "a2", "l1"}
TABLE = 1001
RED = {"r1": "10.77.0.10", "e1": "10.77.0.1"}
MINE = {"r1": ("r1-c1", "r1-lan", "r1-red"), "e1": ("e1-lan", "e1-red")}


def has_vrf():
    argv = ["unshare", "-n", "ip", "link", "add", "red", "type", "vrf", "table", "10"]
    return subprocess.run(argv, stderr=subprocess.PIPE, check=False).returncode == 0


pytestmark = pytest.mark.skipif(
    not has_vrf(), reason="this kernel has no VRF devices: see tools/in-kernel"
)


def adapt(router, conf):
    if router not in RED:
        return
    zebra = conf["zebra"]
    for name in MINE[router]:
        if f"interface {name}" in zebra:
            zebra[zebra.index(f"interface {name}")] += " vrf red"
    zebra += [f"interface {router}-red vrf red", f" ip address {RED[router]}/24"]
    if router == "e1":
        conf["staticd"] = [line for line in conf["staticd"] if "10.0.1.0/24" not in line]
        conf["staticd"] += ["vrf red", f" ip route 10.0.1.0/24 {RED['r1']}", "exit-vrf"]
    peer = RED["e1" if router == "r1" else "r1"]
    conf["bgpd"] += [f"router bgp {ASN} vrf red", f" bgp router-id {RED[router]}"]
    conf["bgpd"] += [f" neighbor {peer} remote-as {ASN}", f" neighbor {peer} timers connect 1"]
    conf["bgpd"] = [
        line + " vrf red" if line.startswith(f"dyncast service {V4} prefix") else line
        for line in conf["bgpd"]
    ]


class VrfLab(small.SmallLab):
    def __init__(self, name, underlay):
        super().__init__(name, underlay, services=(V4,), members=ALL, adapt=adapt)

    def _build(self, tgen):
        super()._build(tgen)
        lan = tgen.add_switch("red")
        for name in RED:
            tgen.add_link(lan, tgen.gears[name], "sr" + name, name + "-red")

    def start_router(self, router):
        if router in RED:
            self.add_vrf(router)
        super().start_router(router)

    def add_vrf(self, router):
        lines = [f"ip link add red type vrf table {TABLE}", "ip link set red up"]
        lines += [f"ip link set {name} master red" for name in MINE[router]]
        self._script(router, lines)


@pytest.fixture(scope="module", params=("dual", "ipv4"))
def lab(lab_of, request):
    return lab_of(VrfLab, underlay=request.param).wait_steering((V4,))


def service(lab, router):
    services = lab.json(router, "show dyncast service json")["services"]
    return [s for s in services if s["prefix"] == PREFIX[V4]]


def test_candidates(lab):
    found = lab.candidates("r1")
    for name in ("a1", "a2"):
        assert found[name]["site"] == RED["e1"]
        assert found[name]["kind"] == ("srv6" if lab.underlay == "dual" else "ipip")
        assert found[name]["dbid"] == small.dbid(name, ipip=lab.underlay == "ipv4")
    (mine,) = service(lab, "r1")
    assert mine["vrfId"] != 0
    (forwarding,) = lab.forwarding("r1")["services"]
    assert forwarding["tableId"] == TABLE and forwarding["vrfId"] == mine["vrfId"]
    # nothing of it in the default VRF
    assert PREFIX[V4] not in lab.json("r1", "show bgp ipv4 unicast json").get("routes", {})
    assert PREFIX[V4] in lab.json("r1", "show bgp vrf red ipv4 unicast json")["routes"]
    assert not lab.cmd("r1", f"ip route show {ADDRESS[V4]} proto 194").strip()


def test_flows_reach_their_instances(lab):
    """and stay, while the ring moves"""
    load = traffic.Load(lab, "load", sources=CLIENTS[V4])
    load.ask("open", tcp=60, udp=60, interval=0.5)
    check = traffic.FlowCheck(lab, load)
    assert check.opened == 120
    for name in ALL:
        assert check.at(name), f"{name}: none"
    l1 = INSTANCES["l1"]
    line = f"dyncast service {V4} instance l1 address {l1.address} capacity"
    for capacity in (500, 100):
        lab.configure("r1", f"{line} {capacity} sid {l1.sid}")
        lab.wait_ring("r1", ALL)
        check.expect_kept()
    load.stop()


def test_site_is_evacuated(lab):
    """What is said of the site's loopback, in the default VRF, is true here too."""
    line = "dyncast site loopback 10.0.0.1 availability 0"
    assert "%" not in lab.configure("e1", line)
    verdicts = lambda: {lab.candidates("r1")[name]["verdict"] for name in ("a1", "a2")}
    wait_for("no new flows", lambda: verdicts() == {"drain"} or verdicts())
    assert "%" not in lab.configure("e1", "no " + line)
    wait_for("new flows", lambda: "drain" not in verdicts())
    lab.wait_ring("r1", ALL)


def test_same_prefix_elsewhere(lab):
    """The prefix in the default VRF is another service, with flows of its own."""
    address = f"172.16.{NUMBERS['e1']}.77"
    lines = [
        f"dyncast service other prefix {PREFIX[V4]}",
        f"dyncast service other instance o1 address {address} capacity 1 sid 99",
    ]
    assert "%" not in lab.configure("e1", *lines)
    wait_for("both", lambda: len(service(lab, "r1")) == 2 or str(service(lab, "r1")), 20)
    assert len({s["vrfId"] for s in service(lab, "r1")}) == 2
    assert lab.new_flows_at("beside", V4) == ALL
    lab.configure("e1", *["no " + line for line in lines])
    wait_for("one", lambda: len(service(lab, "r1")) == 1 or "two", 20)


def test_vrf_goes_and_comes(lab):
    """Its service waits meanwhile, and says so; and the one of before takes
    nothing from the new one when its hold time ends."""
    hold = 3
    lab.configure("e1", f"dyncast hold {hold}")
    lab.cmd("e1", "ip link del red")
    state = lambda: service(lab, "e1")[0]["state"]
    wait_for("its end", lambda: state() in ("waiting for its VRF", "waiting for BGP") or state(), 10)
    lab.wait_ring("r1", {"l1"})
    lab.add_vrf("e1")
    again = time.monotonic()
    lab.wait_ring("r1", ALL, timeout=60)
    assert lab.new_flows_at("again", V4) == ALL
    wait_for("the hold time", lambda: time.monotonic() > again + 2 * hold or "not yet", 3 * hold)
    assert lab.new_flows_at("later", V4) == ALL
    assert len(lab.forwarding("e1")["services"]) == 1
    lab.configure("e1", "no dyncast hold")
    lab.expect_alive()
