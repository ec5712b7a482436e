# SPDX-License-Identifier: GPL-2.0-or-later
r"""An IPv6 service: SRv6 (End.DX6) to other sites, adjacent at the ingress.

    c1 ---- r1 ---- core ---- e1 --+-- a1   site 1
  clients   |        |             +-- a2
            +-- l1   +------- e2 ----- b1   site 2

core has no daemon, and its own route for the service leads to e1.
"""

import os
import re

import pytest

import dyncast_small as small
import dyncast_traffic as traffic
from dyncast_clear_kernel import run_step
from dyncast_small import ADDRESS, CLIENTS, INSTANCES, V6
from dyncast_topology import end_processes, wait_for

ALL = set(INSTANCES)


@pytest.fixture(scope="module")
def lab(lab_of):
    return lab_of(small.SmallLab, services=(V6,)).wait_steering((V6,))


def load_of(lab, name):
    return traffic.Load(lab, name, target=ADDRESS[V6], sources=CLIENTS[V6])


def test_candidates(lab):
    """Remote ones by SID, the one at the ingress as a neighbour."""
    found = lab.candidates("r1", V6)
    for name in ("a1", "a2", "b1"):
        assert (found[name]["kind"], found[name]["dbid"]) == ("srv6", small.dbid(name, V6))
    programmed = {
        i["name"]: i for s in lab.forwarding("r1")["services"] for i in s["instances"]
    }
    assert programmed["l1"]["forwarding"] == "adjacent"
    assert programmed["b1"]["encapSource"] == small.loopback6("r1")
    route = lab.cmd("e1", f"ip -6 route show {small.dbid('a2', V6)}")
    assert "End.DX6" in route and INSTANCES["a2"].address6 in route


def source_of(lab, name):
    instances = [i for s in lab.forwarding("r1")["services"] for i in s["instances"]]
    return {i["name"]: i.get("encapSource") for i in instances}[name]


def test_source_follows_the_loopback(lab):
    """The first address that it has is what outer headers come from."""
    own, other = small.loopback6("r1"), "2001:db8:0:99::1"

    def wait_source(address):
        wait_for("the source", lambda: (now := source_of(lab, "b1")) == address or now, 10)

    new, old = f"ipv6 address {other}/128", f"ipv6 address {own}/128"
    lab.configure("r1", "interface lo", new, f"no {old}", old)
    wait_source(other)
    lab.configure("r1", "interface lo", f"no {new}")
    wait_source(own)


def test_flows_go_where_the_ring_says(lab):
    """TCP and UDP; each instance gets its own, those of one LAN too."""
    load = load_of(lab, "load-v6")
    assert load.ask("open", tcp=80, udp=80, interval=0.5)["opened"] == 160
    check = traffic.FlowCheck(lab, load)
    assert check.opened == 160
    for name in ALL:
        assert len(check.at(name)) > 10, f"{name}: {len(check.at(name))} flows"
    udp = {key for key in check.home if key[0] == "udp"}

    def entries():
        answer = lab.json("r1", "show dyncast flows json")
        return {
            (f["protocol"], f"[{f['source']}]:{f['sourcePort']}"): f["instance"]
            for f in answer.get("flows", [])
            if f["valid"]
        }

    def missing():
        absent = udp - set(entries())
        return f"{len(absent)} UDP flows have no entry" if absent else True

    wait_for("the UDP flows' entries", missing, 10)
    for key, name in entries().items():
        assert check.home.get(key, name) == name
    load.stop()


def test_echo_is_a_flow(lab):
    """Each client's pings are answered, all by one instance."""
    homes = set()
    for source in CLIENTS[V6]:
        before = lab.echoes(V6)
        out = lab.cmd("c1", f"ping -6 -c 5 -i 0.1 -W 2 -I {source} {ADDRESS[V6]}")
        assert "5 received" in out, out
        got = {name: count - before[name] for name, count in lab.echoes(V6).items()}
        home = [name for name, count in got.items() if count]
        assert len(home) == 1 and got[home[0]] == 5, got
        homes.update(home)
    # four addresses on four instances: all on one is one chance in 64
    assert len(homes) > 1


def test_removed_instance(lab):
    """Its flows re-pin, nobody else's; the SID is gone from the kernel."""
    load = load_of(lab, "load-removed")
    load.ask("open", udp=80, interval=0.3)
    check = traffic.FlowCheck(lab, load)
    theirs = check.at("a2")
    assert theirs
    sid = small.dbid("a2", V6)
    lab.configure("e1", f"no dyncast service {V6} instance a2")
    lab.wait_ring("r1", ALL - {"a2"}, V6)
    wait_for(
        "the SID to go",
        lambda: "End.DX6" not in lab.cmd("e1", f"ip -6 route show {sid}") or "still there",
        5,
    )

    def moved():
        there = {(f["proto"], f["local"]) for f in load.flows() if f["others"]}
        return True if theirs <= there else f"{len(theirs - there)} still at a2"

    wait_for("flows of a2 to move", moved)
    check.expect_kept(set(check.home) - theirs)
    line = f"instance a2 address {INSTANCES['a2'].address6} capacity 100 sid {INSTANCES['a2'].sid6}"
    lab.configure("e1", f"dyncast service {V6} {line}")
    lab.wait_ring("r1", ALL, V6)
    load.stop()


def test_egress_crash(lab):
    """kill -9 of the egress's zebra: the kernel goes on unpacking, no flow
    moves, and a SID that is not configured any more goes when zebra is back."""
    load = load_of(lab, "load-crash")
    load.ask("open", tcp=60, udp=60, interval=0.5)
    check = traffic.FlowCheck(lab, load)
    stranger = "2001:db8:e1:0:99::"
    lab.kill_daemon("e1", "zebra")
    lab.cmd("e1", f"ip -6 route show {small.dbid('a1', V6)} | grep End.DX6")
    lab.cmd(
        "e1",
        f"ip -6 route add {stranger} encap seg6local action End.DX6 "
        f"nh6 {INSTANCES['a2'].address6} dev e1-lan proto 217",
    )
    lab.restart_daemon("e1", "zebra")
    lab.wait_ring("r1", ALL, V6)
    wait_for(
        "the unclaimed SID to go",
        lambda: stranger not in lab.cmd("e1", "ip -6 route show") or "still there",
        30,
    )
    for name in ("a1", "a2"):
        lab.cmd("e1", f"ip -6 route show {small.dbid(name, V6)} | grep End.DX6")
    check.expect_kept()
    load.stop()


MANY, AT_ONCE = 3000, 64


def strangers(lab):
    return lab.cmd("e1", "ip -6 route show | grep -c '^2001:db8:dead:'; true").split()[0]


def add_strangers(lab, zebra_works=False):
    """End.DX6 routes that nobody has asked for, as a former run leaves them."""
    path = os.path.join(lab.logdir, "e1", "strangers")
    rest = f"encap seg6local action End.DX6 nh6 {INSTANCES['a2'].address6} dev e1-lan proto 217"
    with open(path, "w", encoding="ascii") as out:
        for n in range(MANY):
            out.write(f"route add 2001:db8:dead:{n:x}:: {rest}\n")
    lab.cmd("e1", f"ip -6 -batch {path}")
    assert zebra_works or strangers(lab) == str(MANY)


def steps(lab):
    """How often zebra has worked at them."""
    lines = (lab.vtysh("e1", "show thread cpu") + lab.vtysh("e1", "show event cpu")).splitlines()
    return sum(int(line.split()[2]) for line in lines if line.endswith(" sid_sweep_step"))


def removed(lab):
    """SIDs that zebra says it has removed."""
    said = re.findall(r"(\d+) SID\(s\) of a former run", lab.log("e1", "zebra"))
    return sum(map(int, said))


def test_many_unclaimed_sids(lab):
    """However many: all go, a few in an event, and no other; when zebra starts,
    and by `clear dyncast forwarding`."""
    load = load_of(lab, "load-many")
    load.ask("open", tcp=40, udp=40, interval=0.5)
    check = traffic.FlowCheck(lab, load)
    lab.kill_daemon("e1", "zebra")
    add_strangers(lab)
    before = removed(lab)
    lab.restart_daemon("e1", "zebra")
    wait_for("the unclaimed SIDs to go", lambda: strangers(lab) == "0" or strangers(lab), 30)
    assert steps(lab) >= MANY // AT_ONCE
    # in one line, or in another of the second look
    wait_for(
        "zebra to say so", lambda: removed(lab) - before == MANY or removed(lab) - before, 15
    )
    lab.wait_ring("r1", ALL, V6)
    check.expect_kept()
    load.stop()

    before = steps(lab)
    # the second look may find some first
    add_strangers(lab, zebra_works=True)
    lab.vtysh("e1", "clear dyncast forwarding")

    def left():
        routes = lab.cmd("e1", "ip -6 route show | grep -c End.DX6; true").split()[0]
        return True if routes == "0" else f"{routes} are left"

    wait_for("all SIDs to go", left, 30)
    assert steps(lab) - before >= MANY // AT_ONCE
    lab.vtysh("e1", "clear dyncast forwarding restart")
    lab.wait_ring("r1", ALL, V6)
    assert "a1" in lab.new_flows_at("restarted", V6)


@pytest.mark.parametrize("daemon", ["bgpd", "zebra"])
def test_ingress_daemon_dies(lab, daemon):
    """kill -9 at the ingress: the kernel goes on, and nothing is put elsewhere by
    the one that comes after."""
    load = load_of(lab, "load-" + daemon)
    load.ask("open", tcp=60, udp=60, interval=0.2)
    check = traffic.FlowCheck(lab, load)
    lab.kill_daemon("r1", daemon)
    check.expect_kept()
    lab.restart_daemon("r1", daemon)
    lab.wait_ring("r1", ALL, V6)
    check.expect_kept()
    load.stop()


# of others, with our number: one without encapsulation, one for a source
OTHERS = (
    "2001:db8:feed::1 dev e1-lan proto 217",
    "2001:db8:feed::2 from 2001:db8:1::/64 encap seg6local action End.DX6 nh6 {} dev e1-lan proto 217",
)


def others_routes(lab):
    return lab.cmd("e1", "ip -6 route show | grep -c '^2001:db8:feed:'; true").split()[0]


def test_unclaimed_sids_while_routes_change(lab):
    """Others' routes come and go meanwhile, as when an IGP converges; and such as
    are like ours stay, and keep nobody from ending."""
    for route in OTHERS:
        lab.cmd("e1", "ip -6 route add " + route.format(INSTANCES["a2"].address6))
    lab.kill_daemon("e1", "zebra")
    add_strangers(lab)
    script = (
        "n=0; while :; do n=$((n % 50 + 1)); for r in 1 2 3 4; do"
        " ip -6 route replace 2001:db8:0:ff$n::/64 dev e1-lan metric $r; done;"
        " ip -6 route flush 2001:db8:0:ff$n::/64; done"
    )
    churn = traffic.Process(lab, "e1", "churn", ["sh", "-c", script])
    lab.restart_daemon("e1", "zebra")
    wait_for("the unclaimed SIDs to go", lambda: strangers(lab) == "0" or strangers(lab), 40)
    churn.stop()
    lab.cmd("e1", "for n in $(seq 50); do ip -6 route flush 2001:db8:0:ff$n::/64; done; true")
    lab.wait_ring("r1", ALL, V6)
    assert others_routes(lab) == str(len(OTHERS))


def test_clear_kernel_without_zebra(lab):
    """What the package calls at its removal, when zebra was killed before."""
    lab.kill_daemon("e1", "zebra")
    assert "proto 217" in lab.cmd("e1", f"ip -6 route show {small.dbid('a1', V6)}")
    run_step(lab, "e1", "clear_sids")
    assert lab.cmd("e1", "ip -6 route show proto 217 | grep -v feed: ; true").strip() == ""
    assert others_routes(lab) == str(len(OTHERS))
    lab.restart_daemon("e1", "zebra")
    lab.wait_ring("r1", ALL, V6)


def test_removed_sid_is_added_again(lab):
    """as zebra does with the routes that are its own; said once"""
    sid = small.dbid("a1", V6)
    for _ in range(3):
        lab.cmd("e1", f"ip -6 route del {sid}")
        wait_for("the SID", lambda: "End.DX6" in lab.cmd("e1", f"ip -6 route show {sid}") or "none", 10)
    said = f"something else has removed SID {sid}, which is added again"
    assert lab.log("e1", "zebra").count(said) == 1
    assert "a1" in lab.new_flows_at("after", V6)


def sent_again(lab):
    """(SIDs, routes) of each pass."""
    found = re.findall(r"sent again: (\d+) SID\(s\), (\d+) route\(s\)", lab.log("e2", "zebra"))
    return [tuple(map(int, pair)) for pair in found]


def test_only_what_leads_there_is_sent_again(lab):
    """The kernel drops the SID of an interface that goes down."""
    lab.vtysh("e2", "debug dyncast zebra")
    before = len(sent_again(lab))
    lab.cmd("e2", "ip link add unused type veth peer unused2; ip link set unused up; ip link set unused2 up")
    wait_for("a pass", lambda: len(sent_again(lab)) > before or "none", 10)
    assert set(sent_again(lab)[before:]) == {(0, 0)}
    lab.cmd("e2", "ip link set e2-lan down; ip link set e2-lan up")
    show = f"ip -6 route show {small.dbid('b1', V6)}"
    wait_for("the SID", lambda: "End.DX6" in lab.cmd("e2", show) or "none", 10)
    # it may have come by its route's return alone, if that was late
    before = len(sent_again(lab))
    lab.cmd("e2", "ip -6 addr add 2001:db8:77::1/64 dev e2-lan nodad")
    wait_for("a pass with it", lambda: 1 in dict(sent_again(lab)[before:]) or "none", 10)
    lab.cmd("e2", "ip -6 addr del 2001:db8:77::1/64 dev e2-lan")
    lab.cmd("e2", "ip link del unused")
    lab.vtysh("e2", "no debug dyncast zebra")
    lab.wait_ring("r1", ALL, V6)
    assert lab.new_flows_at("flapped", V6) == ALL


def test_zebra_leaves_nothing(lab):
    """SIGTERM: no SID stays behind."""
    assert "End.DX6" in lab.cmd("e2", "ip -6 route show")
    end_processes([lab.daemon_pid("e2", "zebra")])
    assert "End.DX6" not in lab.cmd("e2", "ip -6 route show")

    # FRR 10's own zebra ends without freeing a route for a source; its topotest
    # library calls that an error from 10.7 on
    lab.cmd("e1", "ip -6 route del 2001:db8:feed::2 from 2001:db8:1::/64")
    # as many as there are: a former run's too
    add_strangers(lab)
    lab.configure("e1", f"no dyncast service {V6}")
    end_processes([lab.daemon_pid("e1", "zebra")])
    assert "End.DX6" not in lab.cmd("e1", "ip -6 route show")
    assert others_routes(lab) == "1"
