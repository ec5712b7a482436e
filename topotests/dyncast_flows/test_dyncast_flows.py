# SPDX-License-Identifier: GPL-2.0-or-later
r"""`show dyncast flows`, `show dyncast flow` and `clear dyncast flows`: what they
say is what the servers see.

    c1 ---- r1 ---- core ---- e1 --+-- a1   site 1
  clients   |        |             +-- a2
            +-- l1   +------- e2 ----- b1   site 2
"""

import time

import pytest

import dyncast_small as small
import dyncast_traffic as traffic
from dyncast_agentline import AgentSocket
from dyncast_ask import Asker, by_source, looked_up, wait_entry
from dyncast_frr import PINS, bpf_tool
from dyncast_small import ADDRESS, CLIENTS, PREFIX, V4, V6
from dyncast_topology import wait_for
from dyncast_vty import Vty

ALL = set(small.INSTANCES)
EACH = 60  # flows of TCP and of UDP, of each family
# flows that nobody sends, some of them longer ago than any timeout
ENDED, ENDED_AGE, YOUNG = 500000, 1000, 1000


@pytest.fixture(scope="module")
def lab(lab_of):
    return lab_of(small.SmallLab).wait_steering()


@pytest.fixture(scope="module")
def checks(lab):
    """{service: its flows, which run all the time}"""
    checks = {}
    for service in (V4, V6):
        load = traffic.Load(
            lab, "load-" + service, target=ADDRESS[service], sources=CLIENTS[service]
        )
        load.ask("open", tcp=EACH, udp=EACH, interval=0.5)
        checks[service] = traffic.FlowCheck(lab, load)
        assert checks[service].opened == 2 * EACH
        checks[service].expect_kept()  # a second packet makes an entry
    return checks


def listed(lab, rest=""):
    """{(proto, client): instance name} of valid flows"""
    answer = lab.json("r1", f"show dyncast flows {rest} json")
    assert answer["count"] == len(answer["flows"]) and not answer["more"]
    return {
        (flow["protocol"], end(flow["source"], flow["sourcePort"])): flow["instance"]
        for flow in answer["flows"]
        if flow["valid"]
    }


def ages(lab):
    """{(proto, client): seconds since its entry was made} of all flows"""
    return {
        (flow["protocol"], end(flow["source"], flow["sourcePort"])): flow["ageSeconds"]
        for flow in lab.json("r1", "show dyncast flows json")["flows"]
    }


def udp(flows):
    return {key: home for key, home in flows.items() if key[0] == "udp"}


def end(address, port):
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def parts(local):
    address, _, port = local.rpartition(":")
    return address.strip("[]"), port


def homes(check, proto):
    """The servers' truth: {(proto, client): instance}"""
    return {
        (kind, end(*parts(local))): home
        for (kind, local), home in check.home.items()
        if kind == proto
    }


def test_list(lab, checks):
    """Every UDP flow has an entry with the instance that it is at."""
    truth = {**homes(checks[V4], "udp"), **homes(checks[V6], "udp")}
    assert set(truth.values()) == ALL
    seen = listed(lab)
    assert udp(seen) == truth
    # TCP needs one while its slot has moved lately only
    tcp = {**homes(checks[V4], "tcp"), **homes(checks[V6], "tcp")}
    assert all(tcp[key] == home for key, home in seen.items() if key[0] == "tcp")


def test_filters(lab, checks):
    four, six = homes(checks[V4], "udp"), homes(checks[V6], "udp")
    for name in (PREFIX[V4], V4):
        if name == V4 and lab.explain("r1").get("name") != V4:
            continue  # learnt without a name
        assert udp(listed(lab, f"service {name}")) == four
    assert udp(listed(lab, f"service {PREFIX[V6]}")) == six
    both = {key: home for key, home in {**four, **six}.items() if home == "b1"}
    assert both and udp(listed(lab, "instance b1")) == both
    only = {key: home for key, home in four.items() if home == "b1"}
    assert udp(listed(lab, f"service {PREFIX[V4]} instance b1")) == only
    # by its D-BID, which is of one service
    assert udp(listed(lab, f"instance {small.dbid('b1')}")) == only


def test_text(lab, checks):
    text = lab.vtysh("r1", f"show dyncast flows service {PREFIX[V4]}").splitlines()
    assert text[-1] == f"{len(text) - 2} flow(s)", text[-3:]
    found = [line.split()[-3] for line in text[1:-1] if line.startswith("udp ")]
    assert sorted(found) == sorted(homes(checks[V4], "udp").values())


@pytest.mark.parametrize("command", ("show", "clear"))
def test_names_that_are_not_there(lab, checks, command):
    for rest in ("service nobody", "instance nobody", f"service {PREFIX[V4]} instance nobody"):
        assert "% no" in lab.vtysh("r1", f"{command} dyncast flows {rest}"), rest
    assert listed(lab), checks


@pytest.mark.parametrize("service", (V4, V6))
def test_one_flow(lab, checks, service):
    """Where it goes, also of those that have no entry, and of one to come."""
    for proto in ("tcp", "udp"):
        for (_, local), home in list(homes(checks[service], proto).items())[:12]:
            address, port = parts(local)
            line = f"show dyncast flow {address} {ADDRESS[service]} {proto} {port}"
            answer = lab.json("r1", f"{line} {traffic.ECHO_PORT} json")
            assert answer["instance"] == home, answer
            assert "entry" in answer or proto == "tcp", answer
            assert home in lab.vtysh("r1", f"{line} {traffic.ECHO_PORT}")


def test_flow_of_no_service(lab):
    said = lab.vtysh("r1", f"show dyncast flow {CLIENTS[V4][0]} 10.77.0.1")
    assert not any(name in said.split() for name in ALL), said


def test_clear_some(lab, checks):
    """Those of one instance of one service; all others keep their entries."""
    before = listed(lab)
    gone = {
        key for key, home in homes(checks[V4], "udp").items() if home == "b1"
    }
    # nobody goes to b1 any more, but for those that are there
    lab.configure("e2", f"dyncast service {V4} instance b1 drain")
    lab.wait_ring("r1", ALL - {"b1"})
    checks[V4].expect_kept()
    aged = ages(lab)
    said = lab.vtysh("r1", f"clear dyncast flows service {PREFIX[V4]} instance b1")
    cleared = int(said.split()[0])
    assert "flow(s) cleared" in said and cleared >= len(gone), said

    def replaced():
        now = listed(lab, f"service {PREFIX[V4]}")
        return True if gone <= set(now) and "b1" not in now.values() else str(now)

    wait_for("its flows to be placed anew", replaced, 10)
    after = listed(lab)
    # theirs are the old entries still, not new ones with the same instance
    still = ages(lab)
    for key in set(udp(before)) - gone:
        assert still[key] >= aged[key], key
    # its connections, where they had entries, are anywhere or have none now
    theirs = {
        key for key, home in homes(checks[V4], "tcp").items() if home == "b1"
    }
    for key in set(before) - gone - theirs:
        # a connection's entry goes by itself when the ring agrees with it
        assert after.get(key, before[key]) == before[key], key
        assert key in after or key[0] == "tcp", key
    lab.configure("e2", f"no dyncast service {V4} instance b1 drain")


def test_clear_all(lab, checks):
    assert listed(lab)
    for check in checks.values():
        check.load.stop()
    said = lab.vtysh("r1", f"clear dyncast flows service {PREFIX[V6]}")
    assert int(said.split()[0]) >= EACH, said
    assert not listed(lab, f"service {PREFIX[V6]}") and listed(lab)
    said = lab.vtysh("r1", "clear dyncast flows")
    assert int(said.split()[0]) >= EACH, said
    assert not listed(lab)
    assert lab.vtysh("r1", "clear dyncast flows").startswith("0 flow(s)")


# -- what a flow is --------------------------------------------------------------


def set_drain(lab, service, name, on):
    line = f"dyncast service {service} instance {name} drain"
    lab.configure(small.INSTANCES[name].router, line if on else "no " + line)
    lab.wait_ring("r1", ALL - {name} if on else ALL, service)


def wait_slots(lab, service, sources, same):
    """Until the program takes all that these send for one flow, or for several."""

    def missing():
        slots = {
            looked_up(zebra, service, source, port)["slot"]["number"]
            for source in sources
            for port in (1111, 2222, 3333)
        }
        return True if (len(slots) == 1) == same else f"slots are {slots}"

    with Vty(lab, "r1", "zebra") as zebra:
        wait_for("the affinity", missing, 10, 0.2)


@pytest.mark.parametrize("service", (V4, V6))
def test_affinity_none(lab, service):
    """Nothing is stored: flows of one client spread, and go where the ring says."""
    lab.wait_even(service)
    asker = Asker(lab, "none-" + service, service, CLIENTS[service][:1], 60)
    wait_entry(lab, service, asker, True)
    lab.set_affinity(service, "none")
    wait_entry(lab, service, asker, False)
    asker.stop()

    asker = Asker(lab, "none-more-" + service, service, CLIENTS[service][:1], 60)
    first = asker.ask()
    assert set(first.values()) == ALL
    set_drain(lab, service, "b1", True)
    now = asker.ask()
    assert set(now.values()) == ALL - {"b1"}, now
    # .. and those that the ring has left where they were did not move
    assert sum(first[key] == name for key, name in now.items()) >= 30
    ours = {("udp", end(*key)) for key in first}
    assert not ours & set(listed(lab, f"service {PREFIX[service]}"))
    set_drain(lab, service, "b1", False)
    lab.set_affinity(service, "flow")
    wait_entry(lab, service, asker, True)
    # the control: now each has an entry, and they stay.  The second packet makes it,
    # when the first one is still known: the map of those forgets as it likes
    wait_for(
        "an entry for each",
        lambda: asker.ask() and (ours <= set(listed(lab, f"service {PREFIX[service]}")) or "not yet"),
        10,
        0.2,
    )
    before = asker.ask()
    set_drain(lab, service, "b1", True)
    assert asker.ask() == before
    set_drain(lab, service, "b1", False)
    asker.stop()
    lab.vtysh("r1", "clear dyncast flows")


GROUPS, HOSTS = 8, 4


def add_hosts(lab, service):
    """More clients in c1: GROUPS prefixes with HOSTS addresses each."""
    text = "10.0.1.{}" if service == V4 else "2001:db8:1::{:x}"
    groups = [
        [text.format(32 + HOSTS * group + host) for host in range(HOSTS)]
        for group in range(GROUPS)
    ]
    rest = "/24" if service == V4 else "/64"
    nodad = "" if service == V4 else "nodad"
    add = [f"ip addr add {address}{rest} dev c1-r1 {nodad}" for address in sum(groups, [])]
    lab.cmd("c1", "; ".join(add))
    return groups


@pytest.mark.parametrize("service, bits", ((V4, 30), (V6, 126)))
def test_affinity_source(lab, service, bits):
    """Hosts of one prefix share an instance, also when new flows go elsewhere;
    those of others may have another one.  Without a length each host is one
    source."""
    groups = add_hosts(lab, service)
    lab.wait_even(service)
    lab.set_affinity(service, f"source prefix-length {bits}")
    wait_slots(lab, service, groups[0], True)
    asker = Asker(lab, "prefix-" + service, service, [g[n] for g in groups for n in (0, 1)], 2)
    asker.ask()
    first = by_source(asker.ask())
    homes = [first[group[0]] for group in groups]
    assert all(len(names) == 1 for names in homes), first
    assert all(first[group[1]] == names for group, names in zip(groups, homes)), first
    assert len(set.union(*homes)) > 1, homes
    (home,) = homes[0]
    set_drain(lab, service, home, True)
    # hosts that nobody has heard of, and more connections of those of before
    late = Asker(lab, "prefix-late-" + service, service, sum(groups, []), 1)
    then = by_source(late.ask())
    for group, names in zip(groups, homes):
        assert all(then[host] == names for host in group), (group, names, then)
    assert by_source(asker.ask()) == first
    # one entry for all that a prefix sends
    assert lab.json("r1", "show dyncast flows json")["count"] == GROUPS
    set_drain(lab, service, home, False)

    lab.set_affinity(service, "source")
    wait_slots(lab, service, groups[0], False)
    wait_slots(lab, service, groups[0][:1], True)
    late.ask()
    found = by_source(late.ask())
    spread = [set.union(*(found[host] for host in group)) for group in groups]
    assert max(map(len, spread)) > 1, spread
    assert all(len(names) == 1 for names in by_source(asker.ask()).values())
    for one in (asker, late):
        one.stop()
    lab.set_affinity(service, "flow")
    wait_slots(lab, service, groups[0][:1], False)
    lab.vtysh("r1", "clear dyncast flows")


def ping(lab, service, source):
    """{instance: how many of five echo requests it got}; all are answered."""
    before = lab.echoes(service)
    family = "-6" if service == V6 else "-4"
    out = lab.cmd("c1", f"ping {family} -c 5 -i 0.1 -W 2 -I {source} {ADDRESS[service]}")
    assert "5 received" in out, out
    after = lab.echoes(service)
    return {name: after[name] - before[name] for name in ALL if after[name] != before[name]}


@pytest.mark.parametrize("service", (V4, V6))
def test_echo_is_pinned(lab, service):
    """A client's pings stay with an instance that gets no new flows any more,
    to which no other client's go."""
    old, *new = CLIENTS[service]
    lab.wait_even(service)
    got = ping(lab, service, old)
    assert list(got.values()) == [5], got
    (home,) = got
    set_drain(lab, service, home, True)
    assert ping(lab, service, old) == {home: 5}
    for source in new:
        assert home not in ping(lab, service, source)
    set_drain(lab, service, home, False)
    lab.vtysh("r1", "clear dyncast flows")


def test_ended_flows_do_not_pile_up(lab, checks):
    """What ends is forgotten as fast as it comes, else its entries would fill
    the table.  At one look a second this takes a minute."""
    fill = f"{bpf_tool('dp_tool')} {PINS} fill"
    others = 4 * EACH  # of the tests before

    def left():
        count = int(lab.cmd("r1", "vtysh -c 'show dyncast flows' | tail -n 1").split()[0])
        return True if YOUNG <= count <= YOUNG + others else f"{count} are left"

    lab.cmd("r1", f"{fill} {ENDED} {ENDED_AGE}")
    lab.cmd("r1", f"{fill} {YOUNG}")
    wait_for("the ended flows to be forgotten, and no others", left, 25)


# -- an older layout of the maps ----------------------------------------------------

UPGRADED = 80  # TCP flows, and as many UDP


def first_release(lab, do):
    """Steers by map layout 1, with the same instances, by another ring."""
    lab.cmd("r1", f"{bpf_tool('v1_tool')} {PINS} {do}")


def pins(lab):
    """Layouts of what is pinned at r1."""
    names = lab.cmd("r1", f"ls {PINS}").split()
    return {name.partition("_")[0] for name in names if "." not in name}


def slots(lab):
    """Instance by the slot, of some flows that nobody sends."""
    line = f"show dyncast flow {CLIENTS[V4][0]} {ADDRESS[V4]} udp {{}} 1 json"
    with Vty(lab, "r1", "zebra") as zebra:
        return [zebra.json(line.format(port))["slot"]["instance"] for port in range(2000, 2100)]


def test_upgrade(lab):
    """zebra starts where the first release has left its program and maps: flows
    that began there stay with their instances."""
    lab.wait_even(V4)
    ours = slots(lab)
    lab.kill_daemon("r1", "zebra")
    first_release(lab, "leave")
    assert pins(lab) == {"v1"}
    load = traffic.Load(lab, "load-upgrade", sources=CLIENTS[V4])
    assert load.ask("open", tcp=UPGRADED, udp=UPGRADED, interval=0.4)["opened"] == 2 * UPGRADED
    check = traffic.FlowCheck(lab, load)
    assert check.opened == 2 * UPGRADED
    assert all(check.at(name) for name in ALL)
    # each on the instance after the one that it is to have
    first_release(lab, "turn")
    check.expect_kept()

    lab.restart_daemon("r1", "zebra")
    lab.wait_ring("r1", ALL, V4, 60)
    lab.wait_even(V4)
    check.expect_kept()
    left = pins(lab)
    assert len(left) == 1 and left != {"v1"}, left
    assert "taken over from map layout 1" in lab.log("r1", "zebra")
    assert "4 instance(s) taken over from the kernel" in lab.log("r1", "zebra")
    (ingress,) = [i for i in lab.forwarding("r1")["ingress"] if i["interface"] == "r1-c1"]
    assert ingress["attached"], ingress
    # it is by entries that they stay: the ring is zebra's own again, but for the
    # few slots that a way there by small steps leaves elsewhere
    same = [now == before for now, before in zip(slots(lab), ours)]
    assert sum(same) >= 80, same
    entries = listed(lab)
    assert {key: entries.get(key) for key in check.home if key[0] == "udp"} == {
        key: name for key, name in check.home.items() if key[0] == "udp"
    }

    # the control: without them they move, each to another instance
    assert "cleared" in lab.vtysh("r1", "clear dyncast flows")

    def moved():
        there = {(f["proto"], f["local"]) for f in load.flows() if f["others"] or f["broken"]}
        return True if len(there) > UPGRADED else f"{len(there)} moved"

    wait_for("flows to move", moved)
    load.stop()
    lab.expect_alive()


# -- forwarding ---------------------------------------------------------------------


def test_ip_in_ip_by_the_ipv6_locator(lab):
    """Where there is no IPv4 locator, `encapsulation ipip` takes the other."""
    line = f"dyncast service {V4} instance b1 encapsulation ipip"
    locator = f"dyncast locator {small.locator4('e2')}"
    lab.configure("e2", "no " + locator, line)

    def wrapped():
        b1 = lab.candidates("r1")["b1"]
        return True if b1["kind"] == "ipip" and ":" in b1["dbid"] else str(b1)

    wait_for("its kind", wrapped, 20)
    lab.wait_ring("r1", ALL)
    load = traffic.Load(lab, "ipip", target=ADDRESS[V4], sources=CLIENTS[V4])
    assert load.ask("open", tcp=40, udp=40, interval=0.5)["opened"] == 80
    check = traffic.FlowCheck(lab, load)
    assert check.opened == 80 and len(check.at("b1")) > 5, check.at("b1")
    kernel = lab.forwarding("e2")["kernel"]
    assert kernel["decapsulated"] > 0 and kernel["decapDropped"] == 0, kernel
    load.stop()
    lab.configure("e2", "no " + line, locator)
    wait_for("its kind", lambda: lab.candidates("r1")["b1"]["kind"] == "srv6" or "not yet", 20)


# -- the ring -----------------------------------------------------------------------

STEP, STEP_EVERY = 64, 0.05


def test_ring_turns_in_small_steps(lab):
    """However far weights go at once, 64 slots move at a time, twenty times a second
    at most: so many old flows need an entry."""
    agents = {router: AgentSocket(lab, router, V4) for router in small.ROUTERS}

    def report(name, capacity):
        metrics = {"capacity": capacity, "utilisation": 40, "delayUs": 2000}
        agents[small.INSTANCES[name].router].report(name, **metrics)

    def look():
        began = time.monotonic()
        answer = zebra.json(f"show dyncast explain {PREFIX[V4]} json")
        (slots_of_b1,) = [c["slots"] for c in answer["candidates"] if c["name"] == "b1"]
        return began, slots_of_b1, time.monotonic()

    def unknown():
        verdicts = {name: c["verdict"] for name, c in lab.candidates("r1").items()}
        return True if set(verdicts.values()) == {"ok"} else str(verdicts)

    for name in ALL:
        report(name, 100)
    wait_for("the metrics", unknown, 20)
    lab.wait_ring("r1", ALL)
    with Vty(lab, "r1", "zebra") as zebra:
        looks = [look()]
        report("b1", 5000)
        until = time.monotonic() + 30
        while looks[-1][1] < 600:
            assert time.monotonic() < until, looks[-1]
            looks.append(look())
    for (before, had, _), (_, has, after) in zip(looks, looks[1:]):
        assert has - had <= STEP * (1 + (after - before) / STEP_EVERY), (had, has, after - before)
    for agent in agents.values():
        agent.close()
