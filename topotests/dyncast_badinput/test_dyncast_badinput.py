# SPDX-License-Identifier: GPL-2.0-or-later
r"""Bad input from peers, agents, the command line and the file system.

                         rr  stock FRR: route reflector, add-path
                          |
    c1 ------- r1 ------ core ----- 10 ----- e1 --+-- a1
    raw BGP  ingress  10  |  stock FRR            +-- a2
    speaker               +-------- 20 ----- e2 --+-- b1
                          |                       +-- b2
                          +-------- 30 ----- e3 --+-- d1
                                                  +-- d2

A raw BGP speaker on c1 peers with r1 and sends attributes byte by byte.  After
each test every daemon is the process it was and every session is up.
"""

import ipaddress
import json
import os
import re
import struct
import subprocess
import sys

import pytest

import dyncast_frr
import dyncast_show as show
import dyncast_topology as topology
import dyncast_traffic as traffic
from dyncast_agentline import AgentSocket
from dyncast_topology import INSTANCES, SERVICE, wait_for

SPEAKER = topology.CLIENT_ADDRESSES[0]
PREFIX = "10.9.0.1/32"
CODE = 250
INSTANCE, SITE_DELAY = 65280, 3
KIND_SRV6, HAS_CAPACITY = 2, 1


@pytest.fixture(scope="module")
def lab(lab_of):
    def adapt(router, conf):
        if router == "r1":
            at = conf["bgpd"].index(f"router bgp {topology.ASN}") + 1
            conf["bgpd"][at:at] = [
                f" neighbor {SPEAKER} remote-as {topology.ASN}",
                f" neighbor {SPEAKER} passive",
            ]

    lab = lab_of(adapt=adapt)
    traffic.start_servers(lab)
    lab.wait_underlay()
    show.wait_candidates(lab, "r1", set(INSTANCES))
    return lab


@pytest.fixture(autouse=True)
def all_well(lab):
    yield
    lab.expect_alive()


# -- attributes from a peer -------------------------------------------------


class Speaker:
    """lib/raw_bgp.py on c1."""

    def __init__(self, lab):
        script = os.path.join(os.path.dirname(dyncast_frr.__file__), "raw_bgp.py")
        argv = [sys.executable, script, "--peer", "10.0.1.1", "--source", SPEAKER]
        self.process = traffic.Process(
            lab,
            "c1",
            "raw-bgp",
            argv + ["--asn", str(topology.ASN)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def ask(self, **command):
        self.process.popen.stdin.write(json.dumps(command) + "\n")
        self.process.popen.stdin.flush()
        return json.loads(self.process.read_line(5))

    def announce(self, extra):
        self.ask(do="announce", prefix=PREFIX, nexthop=SPEAKER, extra=extra.hex())


@pytest.fixture(scope="module")
def speaker(lab):
    speaker = Speaker(lab)
    wait_for("the raw session", lambda: speaker.ask(do="state")["state"] == "established")
    return speaker


def attribute(value, flags=0xC0, code=CODE):
    if len(value) > 255:
        return struct.pack("!BBH", flags | 0x10, code, len(value)) + value
    return struct.pack("!BBB", flags, code, len(value)) + value


def subtlv(kind, value):
    return struct.pack("!HB", kind, len(value)) + value


def instance(sid="2001:db8:e1:0:99::", kind=KIND_SRV6, name=b"raw"):
    fixed = struct.pack("!BBBB", kind, 6, 0, HAS_CAPACITY)
    metrics = struct.pack("!HHIIIB", 0, 0, 100, 0, 0, 0)
    return subtlv(
        INSTANCE,
        fixed + metrics + bytes([len(name)]) + ipaddress.ip_address(sid).packed + name,
    )


def path_state(lab):
    """State of the raw speaker's path in r1's module; None without one."""
    services = lab.json("r1", f"show dyncast service {PREFIX} json").get("services", [])
    for service in services:
        for path in service["paths"]:
            if path["neighbor"] == SPEAKER:
                return path["state"]
    return None


def learnt(lab):
    services = lab.json("r1", f"show dyncast service {PREFIX} json").get("services", [])
    return [c["name"] for service in services for c in service["candidates"]]


def verdicts(lab):
    """What r1's zebra makes of the candidates: {name: verdict}"""
    answer = lab.json("r1", f"show dyncast explain {PREFIX} json")
    return {c["name"]: c["verdict"] for c in answer.get("candidates", [])}


def malformed_count(lab):
    received = lab.json("r1", "show dyncast bgp json")["received"]["malformed"]
    return sum(received.values())


def good_again(lab, speaker):
    """The positive control, also between bad ones: this attribute is taken."""
    speaker.announce(attribute(instance()))
    wait_for("a good attribute", lambda: path_state(lab) == "metrics")
    services = lab.json("r1", f"show dyncast service {PREFIX} json")["services"]
    (candidate,) = services[0]["candidates"]
    assert candidate["name"] == "raw" and candidate["capacity"] == 100
    wait_for("zebra to use it", lambda: verdicts(lab) == {"raw": "no metrics"} or verdicts(lab))


MALFORMED = {
    "empty": attribute(b""),
    "half-header": attribute(b"\xff\x00"),
    "runs-past-the-end": attribute(instance()[:-5]),
    "instance-too-short": attribute(subtlv(INSTANCE, b"\x02\x06\x00\x01")),
    "site-of-impossible-length": attribute(subtlv(SITE_DELAY, b"\x00")),
    "multicast-dbid": attribute(instance(sid="ff02::1")),
    "zero-dbid": attribute(instance(sid="::")),
    "name-with-control-characters": attribute(instance(name=b"a\x1b[2J")),
    "one-dbid-twice": attribute(instance() + instance(name=b"two")),
    "too-many-instances": attribute(
        b"".join(instance(sid=f"2001:db8:e1:0:{n:x}::", name=b"") for n in range(1, 70))
    ),
    "all-zero": attribute(b"\0" * 64),
    "3999-bytes-of-noise": attribute(bytes((7 * n * n + n) % 256 for n in range(3999))),
}


@pytest.mark.parametrize("case", MALFORMED)
def test_malformed_attribute(lab, speaker, case):
    """No metrics from that path; the route and the session stay, and so do the
    flows of the instances that it had named before."""
    good_again(lab, speaker)
    before = malformed_count(lab)
    speaker.announce(MALFORMED[case])
    wait_for(case, lambda: path_state(lab) == "malformed", 10)
    assert not learnt(lab)
    assert malformed_count(lab) == before + 1
    wait_for("zebra to hear of it", lambda: verdicts(lab) == {"raw": "held"} or verdicts(lab))
    assert PREFIX in lab.vtysh("r1", "show bgp ipv4 unicast " + PREFIX)
    assert speaker.ask(do="state") == {"state": "established", "notification": None}
    assert re.search(rf"dyncast: malformed attribute {CODE} from {SPEAKER}", lab.log("r1", "bgpd"))


@pytest.mark.parametrize(
    "unknown",
    [subtlv(4711, b"future"), instance(sid="2001:db8:e1:0:77::", kind=77)],
    ids=["subtlv", "kind"],
)
def test_unknown_is_ignored(lab, speaker, unknown):
    """What a later draft adds does no harm to what is beside it (CATS R8)."""
    speaker.announce(attribute(unknown))
    wait_for("nothing that is known", lambda: not learnt(lab))
    speaker.announce(attribute(unknown + instance()))
    wait_for("the instance beside it", lambda: learnt(lab) == ["raw"])


def test_withdraw(lab, speaker):
    good_again(lab, speaker)
    speaker.ask(do="withdraw", prefix=PREFIX)
    wait_for("the path to go", lambda: path_state(lab) is None)


# -- agents -----------------------------------------------------------------

BAD_LINES = {
    "garbage": b"\x00\xff\xfe garbage \x80\n",
    "no-json": b"hello\n",
    "array": b"[1,2]\n",
    "deep": b"[" * 1500 + b"\n",
    "no-service": b'{"instance":"a1","delayUs":1}\n',
    "unknown-service": b'{"service":"nobody","instance":"a1","delayUs":1}\n',
    "unknown-instance": b'{"service":"video","instance":"zz","delayUs":1}\n',
    "negative": b'{"service":"video","instance":"a1","delayUs":-1}\n',
    "percentage": b'{"service":"video","instance":"a1","utilisation":101}\n',
    "text-as-number": b'{"service":"video","instance":"a1","delayUs":"1"}\n',
    "state": b'{"service":"video","instance":"a1","state":"sleepy"}\n',
    "nothing-said": b'{"service":"video","instance":"a1"}\n',
    "too-long": b'{"service":"video","pad":"' + b"x" * 5000 + b'"}\n',
}


def local_delay(lab):
    answer = lab.json("e1", "show dyncast instance json")["instances"]
    return {i["name"]: i.get("delayUs") for i in answer if i.get("local")}


@pytest.mark.parametrize("case", BAD_LINES)
def test_bad_agent_line(lab, case):
    """Answered with an error; the next line of the same agent is taken."""
    with AgentSocket(lab, "e1") as agent:
        agent.send(BAD_LINES[case])
        answer = agent.answer()
        assert answer and answer["error"] and answer["line"] == 1
        value = 1000 + list(BAD_LINES).index(case)
        agent.report("a1", delayUs=value)
        wait_for("the good line", lambda: local_delay(lab)["a1"] == value)
    assert "dyncast: agent: line 1: " in lab.log("e1", "bgpd")


def test_agent_socket_is_not_for_everybody(lab):
    """It is of FRR's user and group, and of nobody else: an agent belongs to the
    group."""
    path = "/var/run/frr/dyncast-agent.sock"
    assert lab.cmd("e1", f"stat -L -c '%U %G %a' {path}").split() == ["frr", "frr", "660"]
    connect = (
        f"/usr/bin/python3 -c 'import socket; socket.socket(socket.AF_UNIX).connect(\"{path}\")'"
    )
    for group, said in (("frr", "connected"), ("nogroup", "PermissionError")):
        who = f"setpriv --reuid nobody --regid nogroup --groups {group}"
        answer = lab.cmd("e1", f"{who} {connect} 2>&1 && echo connected || true")
        assert said in answer, answer


def test_half_lines(lab):
    """A line in pieces is one line; one without its end is none."""
    agents = lab.json("e1", "show dyncast bgp json")["agents"]
    with AgentSocket(lab, "e1") as agent:
        line = b'{"service":"video","instance":"a2","delayUs":4321}\n'
        for at in range(len(line)):
            agent.send(line[at : at + 1])
        wait_for("the line in pieces", lambda: local_delay(lab)["a2"] == 4321)
        agent.send(line.replace(b"4321", b"9999")[:-1])
    wait_for(
        "the half line to be counted",
        lambda: lab.json("e1", "show dyncast bgp json")["agents"]["halfLines"]
        == agents["halfLines"] + 1,
    )
    assert local_delay(lab)["a2"] == 4321


# -- command line -------------------------------------------------------------

BAD_COMMANDS = [
    ("r1", "dyncast hold 86401"),
    ("r1", "dyncast hold minus"),
    ("r1", "dyncast network-cost unit 0"),
    ("r1", "dyncast flow-table size 1"),
    ("r1", "dyncast alias-prefix 10.0.0.0/31"),
    ("r1", "dyncast encapsulation source ff02::1"),
    ("r1", "dyncast ingress an-interface-name-that-is-too-long"),
    ("e1", "dyncast locator 2001:db8:e1::/127"),
    ("e1", "dyncast locator ff00::/64"),
    ("e1", "no dyncast locator 2001:db8:ffff::/64"),
    ("e1", "dyncast attribute code 2"),
    ("e1", "dyncast attribute code 256"),
    ("e1", f"dyncast service {SERVICE} prefix 0.0.0.0/0"),
    ("e1", f"dyncast service {SERVICE} prefix 224.0.0.1/32"),
    ("e1", f"dyncast service {SERVICE} advertise interval 1 threshold 10"),
    ("e1", f"dyncast service {SERVICE} advertise interval 200 threshold 101"),
    ("e1", f"dyncast service {SERVICE} instance a3 address 10.1.0.13 sid 65536"),
    ("e1", f"dyncast service {SERVICE} instance a3 address 10.1.0.13 sid 17"),
    ("e1", f"dyncast service {SERVICE} instance a3 address 10.1.0.11 sid 19"),
    ("e1", f"dyncast service {SERVICE} instance a3 address 10.1.0.13 capacity 0"),
    ("e1", f"dyncast service {SERVICE} instance a3 address 127.0.0.1"),
    ("e1", f"dyncast service {SERVICE} instance a3 address 2001:db8::13"),
    ("e1", f"no dyncast service {SERVICE} instance nobody drain"),
    ("e1", f"dyncast service {'x' * 32} prefix 10.8.0.1/32"),
    ("e1", "dyncast service ../etc prefix 10.8.0.1/32"),
    ("e1", f"dyncast service other prefix {topology.SERVICE_PREFIX}"),
    ("e1", "no dyncast service nobody"),
]


def words(command):
    """A test's name: FRR's library cannot bear "::" in it."""
    return re.sub(r"[^A-Za-z0-9.]+", "-", command)


@pytest.mark.parametrize("router,command", BAD_COMMANDS, ids=words)
def test_bad_command(lab, router, command):
    """Refused with a reason; the configuration is what it was."""
    before = lab.vtysh(router, "show running-config")
    assert "dyncast" in before
    said = lab.configure(router, command)
    assert "%" in said, f"{command} was accepted: {said!r}"
    assert lab.vtysh(router, "show running-config") == before


# -- a module of another release, a map that is not ours -----------------------


def test_wrong_version_module(lab):
    """It says so, stays inactive, and the daemon works as if it were not there."""
    folder = os.path.join(dyncast_frr.BUILD, "modules", "wrong")
    node = lab.node("core")
    for daemon in ("bgpd", "zebra"):
        source = os.path.join(folder, daemon + "_dyncast.so")
        assert os.path.exists(source), "run tools/build check-programs"
        target = lab.copy_module(source, f"wrong_{daemon}_dyncast.so")
        node.daemons_options[daemon] = "-M " + target
    lab.kill_daemon("core", "zebra")
    lab.restart_daemon("core", "zebra")
    for daemon in ("bgpd", "zebra"):
        log = lab.log("core", daemon)
        assert re.search(r"dyncast.* built for FRR 9\.9.* inactive; ", log), log
    assert "dyncast" in lab.vtysh("core", "show modules")
    lab.wait_underlay()
    wait_for("plain BGP at core", lambda: show.bgp_route_to(lab, "core") == topology.loopback("e1"))
    wait_for("no dyncast at core", lambda: not lab.json("core", "show dyncast service json"))


def test_map_that_cannot_be_opened(lab):
    """Another map under the name of ours: the kernel side stays off and says
    which file is in the way; routes still steer.  Without it, all is well."""
    router, pin = "e3", "/var/run/frr/dyncast-bpf/v2_flows4"

    def kernel():
        return show.forwarding(lab, router).get("kernel", {})

    assert kernel()["active"]
    lab.kill_daemon(router, "zebra")
    lab.cmd(router, f"rm {pin}")
    lab.cmd(router, f"bpftool map create {pin} type array key 4 value 4 entries 1 name foreign")
    lab.restart_daemon(router, "zebra")
    lab.wait_underlay()
    wait_for("the reason", lambda: "v2_flows4" in kernel().get("reason", ""))
    assert not kernel()["active"]
    assert "v2_flows4" in lab.log(router, "zebra")
    wait_for("e3's instances at r1", lambda: show.weight_share(lab, "r1", ["d1", "d2"]) > 0.1)
    wait_for("a route at e3", lambda: len(show.kernel_hops(lab, router)) == len(INSTANCES))

    lab.kill_daemon(router, "zebra")
    lab.cmd(router, f"rm {pin}")
    lab.restart_daemon(router, "zebra")
    lab.wait_underlay()
    wait_for("the kernel side", lambda: kernel().get("active") is True)
    show.wait_candidates(lab, "r1", set(INSTANCES))
