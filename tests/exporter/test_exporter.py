# SPDX-License-Identifier: GPL-2.0-or-later
"""dyncast-exporter between fake daemons and rude clients, under AddressSanitizer,
and once under valgrind.  What real daemons say is tested in topotests."""

import json
import os
import re
import socket
import subprocess
import sys

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, HERE)
# pylint: disable=wrong-import-position
import exporter_fakes as fakes  # noqa: E402
from exporter_fakes import Daemon, Exporter, wait_for  # noqa: E402

PLAIN = os.path.join(os.environ.get("DYNCAST_BUILD", os.path.join(TOP, "build")), "dyncast-exporter")
VIDEO = 'service="video",prefix="10.255.0.1/32",vrf="0"'
A1 = VIDEO + ',backend="a1",dbid="2001:db8:e1:0:11::"'


@pytest.fixture(name="folder")
def folder_fixture(tmp_path):
    return str(tmp_path)


@pytest.fixture(name="daemons")
def daemons_fixture(folder):
    daemons = {name: Daemon(folder, name) for name in ("bgpd", "zebra")}
    yield daemons
    for daemon in daemons.values():
        daemon.stop()


@pytest.fixture(name="exporter")
def exporter_fixture(folder, daemons):
    exporter = Exporter(folder, "-t", "500")
    yield exporter
    exporter.stop()


def samples(text):
    """{sample with its labels: value as text}"""
    found = {}
    for line in text.splitlines():
        if not line.startswith("#"):
            name, value = line.rsplit(" ", 1)
            assert name not in found, f"twice: {name}"
            found[name] = value
    return found


def up(text):
    found = samples(text)
    return {name: found[f'dyncast_up{{daemon="{name}"}}'] for name in ("bgpd", "zebra")}


def test_metrics(exporter):
    """Every figure in base units, whole numbers exact; what is absent is absent."""
    found = samples(exporter.page())
    for name, value in {
        'dyncast_up{daemon="bgpd"}': "1",
        'dyncast_up{daemon="zebra"}': "1",
        'dyncast_bgp_malformed_attributes_total{reason="truncated"}': "2",
        'dyncast_bgp_attributes_total{result="decoded"}': "12",
        f"dyncast_service_advertised{{{VIDEO}}}": "1",
        'dyncast_service_advertised{service="",prefix="10.255.0.2/32",vrf="0"}': "0",
        # nobody knows its VRF's number yet, which is not that of the default one
        'dyncast_service_advertised{service="waits",prefix="10.255.0.1/32",vrf=""}': "0",
        f'dyncast_candidate_utilisation_ratio{{{A1},site=""}}': "0.375",
        f'dyncast_candidate_wanted_ratio{{{A1},site=""}}': "0.3",
        f'dyncast_candidate_delay_seconds{{{A1},site=""}}': "0.0041",
        f'dyncast_candidate_score{{{A1},site=""}}': "7",
        f'dyncast_candidate_rate_per_second{{{A1},site=""}}': "850",
        f'dyncast_candidate_metrics_age_seconds{{{A1},site=""}}': "0.25",
        f'dyncast_candidate_drained{{{A1},site=""}}': "1",
        'dyncast_local_instance_reports_total{service="video",backend="a1"}': "17",
        # more than a double holds
        "dyncast_forwarding_packets_total": "9007199254740993",
        'dyncast_ingress_attached{interface="eth0"}': "1",
        'dyncast_sid_installed{sid="2001:db8:e1:0:11::"}': "0",
        "dyncast_forwarding_warnings": "1",
        f"dyncast_instance_share_ratio{{{A1}}}": "0.25",
        f"dyncast_instance_cost_seconds{{{A1}}}": "0.0051",
    }.items():
        assert found.get(name) == value, name
    assert not any("capacity" in name and 'backend="b1"' in name for name in found)


def test_promtool_accepts_it(exporter):
    run = subprocess.run(
        ["promtool", "check", "metrics"], input=exporter.page(), text=True, capture_output=True,
        timeout=fakes.BOUND, check=False,
    )
    assert run.returncode == 0 and not run.stdout + run.stderr, run.stdout + run.stderr


def test_every_metric_has_a_sample_and_a_line_in_the_documentation(exporter):
    """With what the fakes say; and doc/monitoring.rst lists these and no others."""
    text = exporter.page()
    names = set(re.findall(r"^# TYPE (\S+)", text, re.MULTILINE))
    assert names == {name.split("{")[0] for name in samples(text)}
    with open(os.path.join(TOP, "doc", "monitoring.rst"), encoding="utf-8") as file:
        listed = set(re.findall(r"^``(dyncast_\w+)``", file.read(), re.MULTILINE))
    assert listed == names


def test_rules_are_valid():
    rules = os.path.join(TOP, "exporter", "dyncast-rules.yml")
    run = subprocess.run(
        ["promtool", "check", "rules", rules], text=True, capture_output=True,
        timeout=fakes.BOUND, check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    with open(os.path.join(TOP, "doc", "monitoring.rst"), encoding="utf-8") as file:
        listed = set(re.findall(r"^``(dyncast_\w+)``", file.read(), re.MULTILINE))
    with open(rules, encoding="utf-8") as file:
        used = set(re.findall(r"\bdyncast_\w+", file.read()))
    assert used and used <= listed


def test_alerts_fire_and_stay_silent():
    """Each alert, on series of metrics that there are: tests/exporter/dyncast-rules-test.yml"""
    tests = os.path.join(HERE, "dyncast-rules-test.yml")
    run = subprocess.run(
        ["promtool", "test", "rules", tests], text=True, capture_output=True,
        timeout=fakes.BOUND, check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    with open(tests, encoding="utf-8") as file:
        said = file.read()
    with open(os.path.join(TOP, "exporter", "dyncast-rules.yml"), encoding="utf-8") as file:
        alerts = set(re.findall(r"alert: (\w+)", file.read()))
    expected = re.findall(r"alertname: (\w+)\n +exp_alerts:( \[\])?\n", said)
    assert alerts == {name for name, none in expected if none} == {name for name, none in expected if not none}
    with open(os.path.join(TOP, "doc", "monitoring.rst"), encoding="utf-8") as file:
        listed = set(re.findall(r"^``(dyncast_\w+)``", file.read(), re.MULTILINE))
    assert set(re.findall(r"series: '(\w+)", said)) <= listed


def hang(daemon):
    def answer(_command, _sock):
        daemon.stopped.wait(fakes.BOUND)

    return answer


def endless(daemon):
    def answer(_command, sock):
        while not daemon.stopped.is_set():
            sock.sendall(b'{"a":' * 10000)

    return answer


def drip(daemon):
    """One byte at a time, each within the time that a read might be given."""

    def answer(_command, sock):
        while not daemon.stopped.wait(0.1):
            sock.sendall(b"{")

    return answer


def says(text, code=0):
    return lambda daemon: lambda command, sock: (text, code)


BAD = {
    "hangs": hang,
    "never ends": endless,
    "drips": drip,
    "closes": lambda daemon: lambda command, sock: None,
    "does not know the command": says("% Unknown command\n", 2),
    "says nothing": says(""),
    "says no JSON": says("hello\n"),
    "says half": says('{"services": [{"name": "vi'),
    "says a list": says("[]\n"),
    "nests": says('{"a":' + "[" * 100000 + "]" * 100000 + "}"),
    "is no UTF-8": lambda daemon: lambda command, sock: sock.sendall(b'{"a":"\xff\xfe"}\0\0\0\0'),
    "hides zeros": says('{"a":1}\0{"b":2}'),
    "says more": says("{}\n{}\n"),
}


def once(folder, *arguments):
    return subprocess.run(
        [fakes.EXPORTER, "--once", "-d", folder, *arguments], capture_output=True, text=True,
        timeout=fakes.BOUND, check=False,
    )


@pytest.mark.parametrize("how", BAD)
def test_daemon_that_is_wrong(folder, daemons, how):
    """Whatever one of them says, the other's metrics are there."""
    daemons["bgpd"].answer = BAD[how](daemons["bgpd"])
    run = once(folder, "-t", "400")
    assert up(run.stdout) == {"bgpd": "0", "zebra": "1"} and run.returncode == 1
    assert "nothing from bgpd: " in run.stderr and "Sanitizer" not in run.stderr


def test_daemon_that_recovers(exporter, daemons):
    """It hangs, and is heard again: each is logged once."""
    for name, daemon in daemons.items():
        other = "zebra" if name == "bgpd" else "bgpd"
        daemon.answer = hang(daemon)
        # the page of before serves for a second
        wait_for(f"{name} hangs", lambda: up(exporter.page()) == {name: "0", other: "1"})
        daemon.answer = daemon.canned
        wait_for("both", lambda: up(exporter.page()) == {name: "1", other: "1"})
        assert exporter.logged().count(f"nothing from {name}: no answer in time") == 1
        assert exporter.logged().count(f"{name} answers") == 1


def test_strange_members(folder, daemons):
    """JSON with members of other types than ours: no sample, nothing worse."""
    strange = [None, True, -1, 1e308, "x", [], {}, [None, 3, {}], {"name": 7}]
    answers = [{command: dict.fromkeys(real, value) for command, real in fakes.ANSWERS.items()} for value in strange]
    name = {"services": [{"name": 'a"b\\c\nd', "updates": 1}]}
    answers.append({**fakes.ANSWERS, "show dyncast service json": name})
    for said in answers:
        for daemon in daemons.values():
            daemon.answer = lambda asked, sock, said=said: (json.dumps(said[asked]), 0)
        run = once(folder)
        assert run.returncode == 0, run.stderr
    assert 'service="a\\"b\\\\c\\nd"' in run.stdout


def test_once_tells_by_its_exit(folder, daemons):
    assert once(folder).returncode == 0
    daemons["zebra"].answer = says("no", 2)(None)
    run = once(folder)
    assert run.returncode == 1 and up(run.stdout) == {"bgpd": "1", "zebra": "0"}
    assert "nothing from zebra: it does not know the command" in run.stderr
    run = once(folder + "/no")
    assert run.returncode == 1 and "not running" in run.stderr


def test_requests(exporter):
    assert exporter.request("/")[0] == 200
    assert exporter.request("/nothing")[0] == 404
    assert exporter.request(method="HEAD") == (200, "")
    for method in ("POST", "PUT", "DELETE", "OPTIONS", "NONSENSE"):
        assert exporter.request(method=method)[0] == 405


RUDE = [
    b"",
    b"\0" * 4096,
    b"GET\r\n\r\n",
    b"GET /metrics HTTP/9.9\r\n\r\n",
    b"GET /" + b"a" * 100000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /metrics HTTP/1.1\r\n" + b"X: y\r\n" * 20000 + b"\r\n",
    b"POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\n" + b"z" * 100000,
    b"GET /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello",
    b"GET /metrics HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n",
    b"GET /%00%ff/../metrics?" + b"a=b&" * 1000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
]


def test_rude_clients(exporter):
    for data in RUDE:
        try:
            exporter.raw(data, until_closed=False)
        except OSError:
            pass  # it may close before all is sent
        assert up(exporter.page()) == {"bgpd": "1", "zebra": "1"}


def test_silent_clients_do_not_lock_others_out(exporter):
    """More connections than it takes, all silent: it gives them up in time."""
    idle = [socket.create_connection(("127.0.0.1", exporter.port), 60) for _ in range(60)]

    def served():
        try:
            return exporter.request()[0] == 200
        except (OSError, IndexError):
            return False

    wait_for("a page", served)
    for sock in idle:
        sock.close()


def test_many_clients_ask_the_daemons_seldom(exporter, daemons):
    """A page serves for a second: hundreds of requests are few questions."""
    exporter.page()
    before = daemons["zebra"].asked
    requests = 200
    for _ in range(requests):
        exporter.page()
    assert daemons["zebra"].asked - before < requests / 2


@pytest.mark.parametrize("arguments", [
    ["-l", "nonsense"], ["-l", "127.0.0.1"], ["-l", "[::1:80"], ["-l", "127.0.0.1:99999"],
    ["-l", "localhost:1"], ["-t", "0"], ["-t", "-1"], ["-t", "1x"], ["-t", "99999999999"], ["extra"],
    ["--nothing"],
])  # fmt: skip
def test_wrong_arguments(folder, arguments):
    run = subprocess.run(
        [fakes.EXPORTER, "-d", folder, *arguments], capture_output=True, text=True, timeout=60, check=False
    )
    assert run.returncode == 1 and run.stderr


def test_one_answer_at_a_time(folder, daemons):
    """Thousands of services make each answer megabytes: they are not held together."""
    large = {"nothing": [{"of": 1}] * 150000}

    def peak(large_ones):
        said = {command: {**own, **(large if command in large_ones else {})} for command, own in fakes.ANSWERS.items()}
        for daemon in daemons.values():
            daemon.answer = lambda asked, sock: (json.dumps(said[asked]), 0)
        process = subprocess.Popen([PLAIN, "--once", "-d", folder, "-t", "30000"], stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        assert status == 0
        return usage.ru_maxrss

    none, one, all_of_them = peak(()), peak(["show dyncast bgp json"]), peak(fakes.ANSWERS)
    assert one > 2 * none  # positive control
    assert all_of_them < 1.5 * one


def test_valgrind(folder, daemons):
    """What AddressSanitizer does not see: memory that was never written, and what is
    left at the end, of the plain program."""
    wrapper = ["valgrind", "--error-exitcode=9", "--leak-check=full", "-q"]
    run = subprocess.run(
        [*wrapper, PLAIN, "--once", "-d", folder, "-t", "30000"], capture_output=True, text=True,
        timeout=120, check=False,
    )
    assert run.returncode == 0, run.stderr
    assert up(run.stdout) == {"bgpd": "1", "zebra": "1"}
