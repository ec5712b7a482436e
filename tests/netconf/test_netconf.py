# SPDX-License-Identifier: GPL-2.0-or-later
"""A client, SSH, netconfd with our plugin, and running daemons with our modules.

Everything is in network and mount namespaces of this process.
"""

import ctypes
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as tree

import pytest

sys.path.insert(0, os.path.dirname(__file__))

# pylint: disable=wrong-import-position
from netconf_router import (
    AGENTS, BOUND, HANGS, NS, OWNER, Router, as_text, document, edit, empty, refused, running, wait_for,
    within,
)  # fmt: skip
from dyncast_model import (
    FORWARDING, FORWARDING_LINES, SERVICES, SERVICES_LINES, WITHOUT_EFFECT, plain,
)  # fmt: skip


@pytest.fixture(scope="module", name="router")
def the_router():
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.unshare(0x40000000 | 0x00020000) == 0, os.strerror(ctypes.get_errno())
    subprocess.check_call(["mount", "--make-rprivate", "/"])
    subprocess.check_call(["ip", "link", "set", "lo", "up"])
    # bgpd's agent socket is there, whatever its options
    os.makedirs(AGENTS, exist_ok=True)
    subprocess.check_call(["mount", "-t", "tmpfs", "tmpfs", AGENTS])
    shutil.chown(AGENTS, "frr", "frr")
    folder = tempfile.mkdtemp(prefix="dyncast-netconf.")
    os.chmod(folder, 0o755)
    router = Router(folder)
    try:
        router.start_daemon("zebra")
        router.start_daemon("bgpd")
        router.start_netconfd()
        router.start_sshd()
        yield router
    finally:
        router.end()
        subprocess.call(["umount", "-q", os.path.join(folder, "dyncast-bpf")])
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(name="client")
def the_client(router):
    client = router.client()
    yield client
    # a test may have closed it
    if client.connected:
        client.discard_changes()
        client.close_session()


EVERYTHING = {
    "services": (SERVICES, SERVICES_LINES),
    "forwarding": (FORWARDING, FORWARDING_LINES),
}


def test_what_the_file_says_is_read(router, client):
    assert running(client, "forwarding") == {"hold": "7"}
    assert router.lines("zebra") == ["dyncast hold 7"]


@pytest.mark.parametrize("name", EVERYTHING)
def test_every_leaf(router, client, name):
    """Committed it is a line, and entered as a line it is a leaf."""
    data, lines = EVERYTHING[name]
    daemon = OWNER[name]
    empty(client)
    assert not router.lines(daemon) and not running(client, name)
    edit(client, document(name, data))
    client.validate("candidate")
    client.commit()
    assert router.lines(daemon) == sorted(lines)
    assert plain(running(client, name)) == plain(as_text(data))
    assert within(as_text(data), running(client, name, get=True)) is None

    edit(client, f'<{name} xmlns="{NS}" nc:operation="delete"/>')
    client.commit()
    assert not router.lines(daemon) and not running(client, name)
    said = router.ask(daemon, "configure terminal", *lines)
    assert "%" not in said, said
    assert plain(running(client, name)) == plain(as_text(data))
    empty(client)


WEB = {
    "service": [
        {"name": "web", "prefix": "10.255.0.9/32",
         "instance": [{"name": "x", "address": "10.1.0.19", "sid": 19},
                      {"name": "y", "address": "10.1.0.20", "sid": 20}]},
        {"name": "two", "prefix": "10.255.0.10/32",
         "instance": [{"name": "x", "address": "10.1.0.19"}]},
    ],
}  # fmt: skip


@pytest.fixture(name="web")
def the_web(router, client):
    """Two services, of which one host is an instance each."""
    empty(client)
    edit(client, document("services", WEB))
    client.commit()
    assert len(router.lines("bgpd")) == 5
    return client


def heard(client, name, **leaves):
    """The next notifications, until there is this one; its leaves as text."""
    wanted, others = {k.replace("_", "-"): v for k, v in leaves.items()}, []
    end = time.monotonic() + BOUND
    while True:
        note = client.take_notification(timeout=max(0.1, end - time.monotonic()))
        assert note, f"no {name} {wanted}, but {others}"
        found = tree.fromstring(note.notification_xml).find(f"{{{NS}}}{name}")
        data = {leaf.tag.split("}")[1]: leaf.text for leaf in (() if found is None else found)}
        if data and wanted.items() <= data.items():
            return data
        others.append(note.notification_xml)


@pytest.fixture(name="lan")
def the_lan(router):  # pylint: disable=unused-argument
    """lan0, on which the instance x answers; what is sent to WEB on lan1 comes in there."""
    for command in (
        "ip link add lan0 address 02:00:00:00:00:01 type veth peer name lan1",
        "ip addr add 10.1.0.1/24 dev lan0",
        "ip link set lan1 up",
        "ip link set lan0 up",
        "ip neigh add 10.1.0.19 lladdr 02:00:00:00:00:19 nud permanent dev lan0",
        "ip neigh add 10.255.0.9 lladdr 02:00:00:00:00:01 nud permanent dev lan1",
    ):
        subprocess.check_call(command.split())
    yield
    subprocess.check_call("ip link del lan0".split())


@pytest.mark.usefixtures("lan")
def test_notifications(router, client):
    """An instance comes and goes with its link; who has subscribed hears of it."""
    empty(client)
    listener = router.client()
    listener.create_subscription()
    edit(client, document("services", {"service": [dict(WEB["service"][1])]}))
    client.commit()
    up = heard(listener, "instance-state", service="two", instance="x", up="true")
    assert "reason" not in up
    subprocess.check_call("ip link set lan0 down".split())
    down = heard(listener, "instance-state", service="two", instance="x", up="false")
    assert down["reason"]
    lost = heard(listener, "service-without-instances", prefix="10.255.0.10/32")
    assert lost["name"] == "two"
    # the same for who looks later, by number
    first = router.notifications("bgpd", "services")
    assert first["last"] == first["notifications"][-1]["number"]
    said = router.notifications("bgpd", f"services since {first['last'] - 1}")
    assert said["notifications"] == first["notifications"][-1:]
    assert said["notifications"][0]["leaves"] == down
    # numbers begin anew with the daemon
    router.stop("bgpd")
    router.start_daemon("bgpd")
    wait_for("the services of bgpd's file", lambda: not running(client, "services"))
    client.discard_changes()
    subprocess.check_call("ip link set lan0 up".split())
    subprocess.check_call(
        "ip neigh replace 10.1.0.19 lladdr 02:00:00:00:00:19 nud permanent dev lan0".split()
    )
    edit(client, document("services", {"service": [dict(WEB["service"][1])]}))
    client.commit()
    heard(listener, "instance-state", service="two", instance="x", up="true")
    listener.close_session()
    empty(client)


def test_another_spelling(router, web):
    """FRR's own is read back, and is the key from the next edit on."""
    edit(web, document("services", {"neighbor": [{"address": "2001:DB8:0::5", "accept": True}]})
         + document("forwarding", {"alias-prefix": "100.66.1.2/16"}))  # fmt: skip
    web.commit()
    assert "dyncast neighbor 2001:db8::5 accept" in router.lines("bgpd")
    edit(web, f'<services xmlns="{NS}"><neighbor nc:operation="delete"><address>2001:db8::5</address></neighbor>'
              "<drain>true</drain></services>")  # fmt: skip
    assert set(entries(running(web, "services"), "neighbor", "address")) == {"2001:db8::5"}
    assert running(web, "forwarding") == {"alias-prefix": "100.66.0.0/16"}
    web.commit()
    assert "neighbor" not in running(web, "services")
    assert len(router.lines("bgpd")) == 6


def test_delete_of_an_entry(router, web):
    edit(web, f'<services xmlns="{NS}"><service><name>web</name>'
              '<instance nc:operation="delete"><name>x</name></instance></service>'
              '<service nc:operation="delete"><name>two</name></service></services>')  # fmt: skip
    web.commit()
    assert router.lines("bgpd") == [
        "dyncast service web instance y address 10.1.0.20 sid 20",
        "dyncast service web prefix 10.255.0.9/32",
    ]


def service(**leaves):
    return {"service": [{"name": "bad", **leaves}]}


BAD = {
    "range": ("forwarding", {"hold": 86401}, "range"),
    "pattern": ("services", {"service": [{"name": "a b"}]}, "."),
    "must": ("services", service(select={"hold": 3}), "goes with an action"),
    "sid": ("services", service(instance=[{"name": "x", "address": "10.1.0.5", "sid": 19}]),
            "sid 19 .* is that of another instance|sid 19"),
    "multicast": ("services", service(instance=[{"name": "x", "address": "224.0.0.5"}]), "unicast"),
    "address": ("services", service(instance=[{"name": n, "address": "10.1.0.5"} for n in "xy"]),
                "[Uu]nique"),
    "interface": ("forwarding", {"ingress": {"interface": ["x\nhostname y"]}}, "."),
    "interface-all": ("forwarding", {"ingress": {"interface": ["all"]}}, "is a leaf"),
    "alias": ("forwarding", {"alias-prefix": "127.0.0.0/24"}, "unicast"),
    **WITHOUT_EFFECT,
}  # fmt: skip


@pytest.mark.parametrize("what", BAD)
def test_a_bad_leaf_changes_nothing(router, web, what):
    """In neither daemon, whatever good is beside it."""
    name, data, why = BAD[what]
    before = {daemon: router.lines(daemon) for daemon in OWNER.values()}
    good = {"services": {"drain": True}, "forwarding": {"network-cost-unit": 77}}
    good[name] = {**good[name], **data}

    def attempt():
        edit(web, "".join(document(key, value) for key, value in good.items()))
        web.commit()

    message = refused(attempt)
    assert re.search(why, message), message
    assert {daemon: router.lines(daemon) for daemon in OWNER.values()} == before
    web.discard_changes()
    # the good ones alone
    for key in good:
        for leaf in data if key == name else ():
            del good[key][leaf]
    edit(web, "".join(document(key, value) for key, value in good.items()))
    web.commit()
    assert "dyncast drain" in router.lines("bgpd")
    assert "dyncast network-cost unit 77" in router.lines("zebra")


def test_validate_asks_frr(web):
    edit(web, document("services", BAD["sid"][1]))
    assert "another instance" in refused(web.validate, "candidate")
    web.discard_changes()
    edit(web, document("services", service(instance=[{"name": "x", "address": "10.1.0.5", "sid": 5}])))
    web.validate("candidate")
    web.commit()
    assert len(running(web, "services")["service"]) == 3


def entries(data, name, key="name"):
    """A list of the container as {key: entry}."""
    return {entry[key]: entry for entry in data.get(name, ())}


@pytest.mark.usefixtures("lan")
def test_state(router, web):
    """Of services, instances, candidates and the forwarding plane, as it is."""
    edit(web, document("forwarding", {"ingress": {"interface": ["lan0"]}}))
    web.commit()

    def instances():
        data = entries(running(web, "services", get=True), "service")["web"]
        return {name: one["state"] for name, one in entries(data, "instance").items()}

    def of_web(data):
        return entries(data, "service", "prefix").get("10.255.0.9/32", {})

    def candidates():
        return entries(of_web(running(web, "forwarding", get=True)), "candidate")

    def differs(call, wanted):
        """Whether all of these leaves are so; what there is instead."""

        def look():
            found = call()
            same = all(wanted[name].items() <= found.get(name, {}).items() for name in wanted)
            return same or str(found)

        return look

    up = {"status": "up", "advertised": "true", "kind": "adjacent", "dbid": "10.1.0.19"}
    down = {"status": "down", "reason": "its address does not resolve, or nobody answers there"}
    wait_for("x up, y down", differs(instances, {"x": up, "y": down}))
    assert {one["by-agent"] for one in instances().values()} == {"false"}
    services = entries(running(web, "services", get=True), "service")
    assert {name: one["state"]["status"] for name, one in services.items()} == dict.fromkeys(
        ("web", "two"), "advertised"
    )

    with socket.socket(socket.AF_UNIX) as agent:
        agent.connect(os.path.join(AGENTS, "dyncast-agent.sock"))
        told = {"service": "web", "instance": "x", "delayUs": 4200, "utilisation": 25.0, "capacity": 30,
                "score": 7, "rate": 85.5}  # fmt: skip
        agent.sendall(json.dumps(told).encode() + b"\n")
        metrics = {"delay": "4200", "utilisation": "25.00", "capacity": "30", "score": "7",
                   "rate": "85.500", "reports": "1"}  # fmt: skip
        wait_for("metrics of x", differs(instances, {"x": metrics}))
        # alone it has all of the weight and of the slots
        x = {"kind": "adjacent", "dbid": "10.1.0.19", "delay-cost": "4200", "network-cost": "0",
             "cost": "4200", "weight": "65536", "target-weight": "65536", "slots": "1024",
             "verdict": "ok", "packets": "0"}  # fmt: skip
        y = {"kind": "adjacent", "dbid": "10.1.0.20", "weight": "0", "slots": "0",
             "verdict": "it does not answer ARP or neighbour discovery"}  # fmt: skip
        wait_for("candidates", differs(candidates, {"x": x, "y": y}))

    # one flow of three datagrams
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"lan1")
        for _ in range(3):
            sender.sendto(bytes(10), ("10.255.0.9", 8080))
    counters = {"packets": "3", "octets": str(3 * (20 + 8 + 10)), "flows-new": "1"}
    wait_for("x's packets", differs(candidates, {"x": counters}))
    found = running(web, "forwarding", get=True)
    assert counters.items() <= of_web(found).items(), found
    assert (counters | {"active": "true", "bgpd": "true", "flow-hits": "2"}).items() <= found["state"].items()
    assert set(entries(found, "service", "prefix")) == {"10.255.0.9/32", "10.255.0.10/32"}
    assert entries(of_web(found), "candidate")["y"]["packets"] == "0"
    # and nothing of it is configuration
    assert plain(running(web, "services")) == plain(as_text(WEB))
    assert running(web, "forwarding") == {"ingress": {"interface": ["lan0"]}}


def test_commands_meanwhile(router, web):
    """What was edited before them is refused; what comes then is not."""
    edit(web, document("services", {"drain": True}))
    router.ask("bgpd", "configure terminal", "dyncast service more prefix 10.255.0.11/32")
    assert "command line" in refused(web.commit)
    assert "dyncast drain" not in router.lines("bgpd")
    web.discard_changes()
    names = [s["name"] for s in running(web, "services")["service"]]
    assert sorted(names) == ["more", "two", "web"]
    edit(web, document("services", {"drain": True}))
    web.commit()
    lines = router.lines("bgpd")
    assert "dyncast drain" in lines and "dyncast service more prefix 10.255.0.11/32" in lines


def test_confirmed_commit(router, web):
    """Taken back when nobody confirms it."""
    edit(web, document("services", {"drain": True}))
    web.commit(confirmed=True, timeout="2")
    assert "dyncast drain" in router.lines("bgpd")
    wait_for("the commit to be taken back",
             lambda: "dyncast drain" not in router.lines("bgpd") or str(router.lines("bgpd")))  # fmt: skip
    assert len(router.lines("bgpd")) == 5


def test_confirmed_commit_and_no_netconfd(router, web):
    """Taken back too when netconfd ends, however it does; but not what was confirmed,
    nor where the command line has been meanwhile."""
    line, client = "dyncast drain", web
    for how, then, stays in (
        (signal.SIGKILL, None, False), (signal.SIGTERM, None, False),
        (signal.SIGKILL, lambda: router.ask("bgpd", "configure terminal", "dyncast attribute size 500"), True),
        (signal.SIGKILL, lambda: client.commit(), True),
    ):  # fmt: skip
        router.ask("bgpd", "configure terminal", "no " + line, "no dyncast attribute size 500")
        running(client, "services")
        client.discard_changes()
        edit(client, document("services", {"drain": True}))
        client.commit(confirmed=True, timeout="600")
        assert line in router.lines("bgpd")
        if then:
            then()
        router.stop("netconfd", how)
        # systemd takes the run folder away behind one that was told to end
        assert how == signal.SIGKILL or line not in router.lines("bgpd")
        wait_for("the end of the session", lambda: not client.connected or "there")
        router.start_netconfd()
        client = router.client()
        assert running(client, "services").get("drain", "false") == str(stays).lower()
        assert (line in router.lines("bgpd")) == stays, how
    client.close_session()


def test_clear_flows(client):
    def clear(name):
        from lxml import etree  # pylint: disable=import-outside-toplevel

        client.dispatch(etree.fromstring(
            f'<clear-flows xmlns="{NS}"><service>{name}</service></clear-flows>'))  # fmt: skip

    assert "nobody" in refused(clear, "nobody")
    assert "no service" in refused(clear, "a\nconfigure terminal")


def test_candidate_is_the_target(client):
    """Unless the server is told otherwise."""
    assert ":candidate" in client.server_capabilities
    assert ":writable-running" not in client.server_capabilities
    assert "cannot write" in refused(edit, client, document("services", WEB), "running")


def test_running_as_the_target(router, web):
    """Each edit is in force when it is answered, and one that FRR refuses changes nothing."""
    empty(web)
    web.close_session()
    router.stop("netconfd")
    router.start_netconfd("--target=running")
    client = router.client()
    assert ":writable-running" in client.server_capabilities
    edit(client, document("services", WEB) + document("forwarding", {"network-cost-unit": 77}), "running")
    assert len(router.lines("bgpd")) == 5
    assert router.lines("zebra") == ["dyncast network-cost unit 77"]
    bad = document("services", dict(BAD["sid"][1], drain=True))
    good = document("forwarding", {"network-cost-unit": 78})
    for text in (good + bad, bad + good):
        assert "another instance" in refused(edit, client, text, "running")
        assert len(router.lines("bgpd")) == 5
        assert router.lines("zebra") == ["dyncast network-cost unit 77"]
        assert plain(running(client, "services")) == plain(as_text(WEB))
    edit(client, document("services", {"drain": True}), "running")
    assert "dyncast drain" in router.lines("bgpd")
    for name in OWNER:
        edit(client, f'<{name} xmlns="{NS}" nc:operation="remove"/>', "running")
    assert not router.lines("bgpd") and not router.lines("zebra")
    client.close_session()
    router.stop("netconfd")
    router.start_netconfd()


def test_restarts_end_in_agreement(router, web):
    web.close_session()
    router.stop("netconfd")
    router.ask("bgpd", "configure terminal", "no dyncast service two")
    router.start_netconfd()
    client = router.client()
    assert [s["name"] for s in running(client, "services")["service"]] == ["web"]
    # its file has no service
    router.stop("bgpd")
    router.start_daemon("bgpd")
    assert not running(client, "services")
    edit(client, document("services", WEB))
    client.commit()
    assert len(router.lines("bgpd")) == 5
    # without bgpd a commit is refused, and works when it is back
    router.stop("bgpd")
    edit(client, document("services", {"drain": True}))
    assert "not running" in refused(client.commit)
    client.discard_changes()
    client.close_session()
    router.start_daemon("bgpd")


def test_a_thousand_services(router, client, record_property):
    """How long they take is told in the run's summary (doc/netconf.rst); only a hang fails."""
    empty(client)
    services = [
        {"name": f"s{i}", "prefix": f"10.{100 + i // 250}.{i % 250}.1/32",
         "instance": [{"name": "a", "address": f"10.2.{i // 250}.{i % 250 + 1}", "sid": 1000 + i}]}
        for i in range(1000)
    ]  # fmt: skip
    started = time.monotonic()
    edit(client, document("services", {"service": services}))
    edited = time.monotonic()
    client.commit()
    done = time.monotonic()
    parts = f"edit-config {edited - started:.1f} s, commit {done - edited:.1f} s"
    record_property("1,000 services in one commit", f"{done - started:.1f} s (bar 5): {parts}")
    assert done - started < HANGS, parts
    assert len(router.lines("bgpd")) == 2000
    bad = {"name": "bad", "instance": [{"name": "a", "address": "10.9.0.1", "sid": 1999}]}
    edit(client, document("services", {"drain": True, "service": [bad]}))
    assert "another instance" in refused(client.commit)
    assert len(router.lines("bgpd")) == 2000
    client.discard_changes()
    empty(client)
    assert not router.lines("bgpd")
