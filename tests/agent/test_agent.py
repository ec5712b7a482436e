#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""dyncast-agent as a whole: the built program between fake instances and a fake
router (agent_fakes.py).

Nothing sleeps a fixed time to wait for an event: wait_for() polls with a bound.
"""

import os
import socket
import subprocess
import time

import pytest
from agent_fakes import AGENT, BOUND, PAGE, Agent, Instance, Router, one, service, wait_for


@pytest.fixture
def agent(tmp_path):
    agent = Agent(tmp_path)
    yield agent
    if agent.process and agent.process.poll() is None:
        agent.process.kill()
        agent.process.wait()
    log = agent.log() if os.path.exists(agent.log_path) else ""
    assert "Sanitizer" not in log, log
    assert "runtime error" not in log, log


@pytest.fixture
def router(agent):
    router = Router(agent.socket)
    yield router
    router.close()


@pytest.fixture
def instance():
    instance = Instance()
    yield instance
    instance.close()


@pytest.fixture
def other():
    instance = Instance()
    yield instance
    instance.close()


def test_reports_metrics_and_state(agent, router, instance):
    agent.write(service(one("a1", instance)))
    agent.start()
    report = wait_for(
        "a report with state and metrics",
        lambda: next(
            (r for r in router.of("a1") if "state" in r and "delayUs" in r),
            None,
        ),
    )
    assert report["service"] == "video"
    assert report["state"] == "up"
    assert report["capacity"] == 8
    assert report["inFlight"] == 4
    assert report["utilisation"] == 50
    assert report["delayUs"] == 20000  # the mean since the instance's start
    assert 0 <= report.get("ageMs", 0) < 2000
    instance.load(8, 1.2, 20)
    wait_for(
        "the new mean and load",
        lambda: router.last("a1").get("delayUs") == 100000
        and router.last("a1")["utilisation"] == 100,
    )
    assert agent.end() == 0
    assert "ending" in agent.log()


def test_small_changes_wait_for_the_keepalive(agent, router, instance):
    agent.write(
        service(one("a1", instance, health=False)),
        "interval = 50\nkeepalive = 600\nthreshold = 10",
    )
    agent.start()
    wait_for("a first report", lambda: router.of("a1"))
    instance.page = PAGE.format(in_flight=4.1, sum=0.2, count=10)
    start = instance.scrapes
    count = len(router.of("a1"))
    wait_for("20 scrapes", lambda: instance.scrapes > start + 20)
    times = [at for _, at, r in router.lines]
    assert len(times) - count <= 4
    assert max(b - a for a, b in zip(times, times[1:])) < 1.2
    instance.load(6, 0.2, 10)
    began = time.monotonic()
    wait_for(
        "a large change at once", lambda: router.last("a1")["inFlight"] == 6
    )
    assert time.monotonic() - began < 0.5


def test_down_after_failures_and_up_after_successes(agent, router, instance):
    agent.write(service(one("a1", instance), settings="timeout = 2000"))
    agent.start()
    wait_for("up", lambda: router.last("a1").get("state") == "up")
    before = instance.checks
    instance.health_status = 503
    down = wait_for(
        "down",
        lambda: next(
            (r for r in router.of("a1") if r.get("state") == "down"), None
        ),
    )
    assert instance.checks - before >= 3
    assert "503" in down["reason"]
    instance.health_status = 200
    wait_for("up again", lambda: router.last("a1").get("state") == "up")
    assert agent.logged("is down: 3 health checks") == 1
    assert agent.logged("video/a1 is up") == 2


def test_one_failure_is_not_down(agent, router, instance):
    agent.write(service(one("a1", instance)))
    agent.start()
    wait_for("up", lambda: router.last("a1").get("state") == "up")
    for _ in range(5):
        instance.health_status = 503
        start = instance.checks
        wait_for("a bad check", lambda: instance.checks > start)
        instance.health_status = 200
        start = instance.checks
        wait_for("good checks", lambda: instance.checks > start + 3)
    assert not [r for r in router.of("a1") if r.get("state") == "down"]


def test_tcp_check(agent, router):
    listener = socket.create_server(("127.0.0.1", 0), backlog=200)
    port = listener.getsockname()[1]
    agent.write(
        f"""service "video" {{
            capacity = 16
            health-interval = 30
            instance "t1" {{ health-tcp = "127.0.0.1:{port}" }}
        }}""",
        "keepalive = 300",
    )
    agent.start()
    wait_for("up", lambda: router.last("t1").get("state") == "up")
    assert router.last("t1")["capacity"] == 16
    fds = f"/proc/{agent.process.pid}/fd"
    listener.settimeout(BOUND)
    for _ in range(30):  # each check closes its connection: no descriptor leaks
        connection, _ = listener.accept()
        assert connection.recv(1) == b""
        connection.close()
    assert len(os.listdir(fds)) < 20
    listener.close()
    wait_for("down", lambda: router.last("t1").get("state") == "down")
    listener = socket.create_server(("127.0.0.1", port), backlog=200)
    wait_for("up again", lambda: router.last("t1").get("state") == "up")
    listener.close()
    # a capacity that stands in the file does not grow old
    assert len(router.of("t1")) > 3 and not any("ageMs" in r for r in router.of("t1"))


def test_reconnects_and_sends_everything_again(agent, instance, other):
    agent.write(service(one("a1", instance), one("a2", other)))
    agent.start()
    wait_for("a log line", lambda: agent.logged("bgpd runs with the module"))
    router = Router(agent.socket)
    try:
        both = lambda n: all(router.of(i, n) for i in ("a1", "a2"))
        wait_for("both instances", lambda: both(1))
        wait_for(
            "states",
            lambda: router.last("a1").get("state")
            == router.last("a2").get("state")
            == "up",
        )
        router.close()
        wait_for("the loss is logged", lambda: agent.logged("lost the router"))
        router.open()
        wait_for("both instances again", lambda: both(2))
        first = router.of("a1", 2)[0]
        assert first["state"] == "up" and first["capacity"] == 8
    finally:
        router.close()


def test_absent_router_is_logged_once(agent, instance):
    agent.write(service(one("a1", instance)))
    agent.start()
    start = instance.scrapes
    wait_for("30 scrapes", lambda: instance.scrapes > start + 30)
    assert agent.logged("router socket") == 1


def test_slow_instance_delays_no_other(agent, router, instance, other):
    instance.delay = 5.0
    agent.write(
        service(one("slow", instance), one("quick", other), settings="timeout = 4000")
    )
    agent.start()
    wait_for("a report of the quick one", lambda: router.of("quick"))
    start, began = other.scrapes, time.monotonic()
    wait_for("20 scrapes", lambda: other.scrapes >= start + 20)
    assert time.monotonic() - began < 3.0  # 20 times 50 ms
    # positive control: the slow one is really being waited for
    assert not router.of("slow")
    for i in range(2, 6):
        other.load(i, 0.2, 10)
        began = time.monotonic()
        wait_for("its change", lambda: router.last("quick")["inFlight"] == i)
        assert time.monotonic() - began < 0.5


def silent_resolver():
    """A socket where queries end, and its address: another run has another."""
    resolver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    for n in range(1, 255):
        try:
            resolver.bind((f"127.53.53.{n}", 53))
            break
        except OSError:
            pass
    return resolver, resolver.getsockname()[0]


def test_silent_resolver_delays_nothing(agent, router, instance, other, tmp_path):
    """A host name that nobody answers for: no other instance waits, nor the end."""
    resolver, address = silent_resolver()
    (tmp_path / "resolv.conf").write_text(f"nameserver {address}\n")
    (tmp_path / "nsswitch.conf").write_text("hosts: dns\n")
    mounts = "".join(
        f"mount --bind {tmp_path}/{name} /etc/{name} && "
        for name in ("resolv.conf", "nsswitch.conf")
    )
    named = one("named", instance).replace("127.0.0.1", "instance.example")
    agent.write(service(named, one("quick", other), settings="timeout = 300"))
    agent.start(["unshare", "-m", "sh", "-c", mounts + 'exec "$0" "$@"'])
    with resolver:
        wait_for("a scrape that failed", lambda: agent.logged("no answer in time"))
        assert resolver.recv(512)  # positive control: it was asked
        start, began = other.scrapes, time.monotonic()
        wait_for("20 scrapes", lambda: other.scrapes >= start + 20)
        assert time.monotonic() - began < 3.0  # 20 times 50 ms
        other.load(7, 0.2, 10)
        wait_for("its change", lambda: router.last("quick")["inFlight"] == 7, 5.0)
        began = time.monotonic()
        assert agent.end() == 0
        assert time.monotonic() - began < 2.0


def test_timeout_makes_down(agent, router, instance):
    agent.write(service(one("a1", instance), settings="timeout = 100"))
    agent.start()
    wait_for("up", lambda: router.last("a1").get("state") == "up")
    instance.delay = 3.0
    wait_for("down", lambda: router.last("a1").get("state") == "down")
    assert "no answer in time" in router.last("a1")["reason"]
    assert agent.logged("raise timeout") == 1


@pytest.mark.parametrize(
    "page, message",
    [
        ("<html>\nno metrics\n</html>\n", "holds no metric"),
        (os.urandom(30000), "holds no metric"),
        ("", "holds no metric"),
        ("app_workers 8\nrubbish here now\napp_in_flight 1\n", "first is line 2"),
        ("app_workers NaN\napp_in_flight 1\n", "no usable app_workers"),
        ("app_workers 8\n", "no usable app_in_flight"),
        ("app_in_flight 1\napp_workers 8\n", "no usable app_request_duration"),
        ("a 1\n" * 300000, "answer of more than 1048576 bytes"),
    ],
    ids=["html", "random", "empty", "a-bad-line", "nan", "missing", "delay", "large"],
)
def test_bad_page_is_logged_once(agent, router, instance, page, message):
    good = instance.page
    agent.write(service(one("a1", instance), settings="timeout = 2000"))
    agent.start()
    wait_for("a report", lambda: "capacity" in router.last("a1"))
    instance.page = page
    wait_for("the message", lambda: agent.logged(message))
    start = instance.scrapes
    wait_for("10 scrapes", lambda: instance.scrapes > start + 10)
    assert agent.logged(message) == 1
    assert router.last("a1")["state"] == "up"  # a bad page is no bad health
    instance.page = good
    wait_for("the end is logged", lambda: agent.logged(" again") or agent.logged("any more"))
    instance.page = page
    wait_for("a second time", lambda: agent.logged(message) == 2)


def test_http_error_and_redirect(agent, router, instance, other):
    agent.write(service(one("a1", instance, health=False)))
    agent.start()
    wait_for("a report", lambda: router.of("a1"))
    instance.page_status = 500
    wait_for("HTTP 500", lambda: agent.logged("HTTP 500; check the path") == 1)
    instance.location = other.url + "/metrics"
    instance.page_status = 302
    start = instance.scrapes
    wait_for("10 scrapes", lambda: instance.scrapes > start + 10)
    assert other.scrapes == 0


def test_refused_reports_are_logged_once(agent, router, instance, other):
    router.answer = lambda report: (
        "unknown instance" if report["instance"] == "a2" else None
    )
    agent.write(service(one("a1", instance), one("a2", other)))
    agent.start()
    wait_for(
        "the message",
        lambda: agent.logged("refuses reports of instance video/a2: unknown"),
    )
    for i in range(5):
        other.load(i, 0.2, 10)
        wait_for("a line", lambda: router.last("a2").get("inFlight") == i)
    assert agent.logged("refuses reports") == 1
    assert router.of("a1")


def test_hostile_router(agent, router, instance):
    agent.write(service(one("a1", instance)))
    agent.start()
    wait_for("a report", lambda: router.of("a1"))
    for bad in (
        b"x" * 10000 + b"\n",
        b'{"error":null,"line":1}\n',
        b'{"error":"e","line":-1}\n',
        b'{"error":"\\u0000\\u001b[2J","line":1}\n',
        b"[[[[[[[[[[[[[[[[\n",
        b"\n\n\0\n",
    ):
        router.connection.sendall(bad)
    instance.load(7, 0.2, 10)
    wait_for("it goes on", lambda: router.last("a1")["inFlight"] == 7)
    assert "\x1b" not in agent.log()


def test_router_that_does_not_read(agent, router, instance):
    agent.write(service(one("a1", instance)), "interval = 20\nthreshold = 0\nkeepalive = 100")
    agent.start()
    wait_for("a report", lambda: router.of("a1"))
    router.may_read.clear()
    start = instance.scrapes
    for i in range(30):
        instance.load(i, 0.2, 10)
        now = instance.scrapes
        wait_for("a scrape", lambda: instance.scrapes > now + 1)
    assert instance.scrapes > start + 30
    router.may_read.set()
    wait_for("the newest state", lambda: router.last("a1")["inFlight"] == 29)


def test_reload(agent, router, instance, other):
    agent.write(service(one("a1", instance)))
    agent.start()
    wait_for("up", lambda: router.last("a1").get("state") == "up")
    agent.write(service(one("a1", instance), one("a2", other)))
    agent.reload()
    wait_for("the new instance", lambda: router.last("a2").get("state") == "up")
    assert router.connections == 1

    with open(agent.config, "a") as file:
        file.write('service "broken" {\n')
    agent.reload()
    wait_for("refused", lambda: agent.logged("the configuration in use stays"))
    assert "a } is missing" in agent.log()
    other.load(7, 0.2, 10)
    wait_for("it goes on", lambda: router.last("a2")["inFlight"] == 7)

    agent.write(service(one("a2", other)))
    agent.reload()
    wait_for("removal", lambda: agent.logged("video/a1 is watched no more"))
    start, now = other.scrapes, instance.scrapes
    wait_for("10 scrapes of a2", lambda: other.scrapes > start + 10)
    assert instance.scrapes <= now + 1
    assert agent.end() == 0


def test_brings_up_and_takes_away(agent, router, instance, other):
    """An instance that the router does not know: its address goes with every
    report, and "gone" when a reload removes it."""
    address = 'address = "10.1.0.99"'
    new = one("a2", other, settings=address + "\nsid = 7")
    agent.write(service(one("a1", instance), new))
    agent.start()
    wait_for("both", lambda: router.last("a1").get("state") and router.last("a2").get("state"))
    assert {(r["address"], r["sid"]) for r in router.of("a2")} == {("10.1.0.99", 7)}
    assert not any("address" in r or "sid" in r for r in router.of("a1"))
    agent.write(service(one("a1", instance), one("a2", other, settings=address)))
    agent.reload()
    wait_for("the new line", lambda: "sid" not in router.last("a2"))
    assert router.last("a2")["address"] == "10.1.0.99"
    agent.write(service(one("a1", instance), one("a2", other)))
    agent.reload()
    wait_for("a report without it", lambda: "address" not in router.last("a2") and "delayUs" in router.last("a2"))
    at = [r.get("state") for r in router.of("a2")].index("gone")
    assert all("address" in r for r in router.of("a2")[:at])
    assert not any("address" in r for r in router.of("a2")[at:])
    agent.write(service(one("a1", instance), new))
    agent.reload()
    wait_for("its address again", lambda: "address" in router.last("a2"))
    agent.write(service(one("a1", instance)))
    agent.reload()
    wait_for("its end", lambda: router.last("a2").get("state") == "gone")
    assert "address" not in router.last("a2")
    assert agent.end() == 0


def test_reload_keeps_what_is_known(agent, router, instance):
    agent.write(service(one("a1", instance)))
    agent.start()
    instance.health_status = 503
    wait_for("down", lambda: router.last("a1").get("state") == "down")
    agent.write(service(one("a1", instance)), "interval = 60")
    agent.reload()
    wait_for("reloaded", lambda: agent.logged("loaded: 1 instances"))
    count = len(router.of("a1"))
    wait_for("a report", lambda: len(router.of("a1")) > count)
    states = {r.get("state") for r in router.of("a1")[count:]}
    assert states == {"down"}
    agent.write(service(one("a1", instance, health=False)))
    agent.reload()
    wait_for(
        "the word is taken back",
        lambda: router.last("a1").get("state") == "up",
    )


def test_restart_takes_back_a_word(agent, router, instance):
    """Who starts without a health check says "up" once: an agent before may have
    said "down".  Not again, nor at a reload, for others may drain the instance."""
    agent.write(service(one("a1", instance, health=False)))
    agent.start()
    wait_for("reports", lambda: len(router.of("a1")) > 2)
    agent.write(service(one("a1", instance, health=False)), "interval = 60")
    agent.reload()
    wait_for("reloaded", lambda: agent.logged("loaded: 1 instances"))
    count = len(router.of("a1"))
    wait_for("a report", lambda: len(router.of("a1")) > count)
    states = [r.get("state") for r in router.of("a1")]
    assert states[0] == "up" and set(states[1:]) == {None}, states
    assert agent.end() == 0


def test_reload_moves_to_another_socket(agent, router, instance):
    agent.write(service(one("a1", instance)))
    agent.start()
    wait_for("a report", lambda: router.of("a1"))
    agent.socket += "2"
    second = Router(agent.socket)
    try:
        agent.write(service(one("a1", instance)))
        agent.reload()
        wait_for("a report there", lambda: second.of("a1"))
    finally:
        second.close()


BAD = [
    ("interval = 5", 2, "interval = 5; allowed: 10 to 60000"),
    ("interval = soon", 2, "allowed: a whole number, 10 to 60000"),
    # three of them within the minute after which the router forgets an instance
    ("keepalive = 20001", 2, "allowed: 100 to 20000"),
    ("threshold = -1", 2, "allowed: 0 to 100"),
    ("\nspeed = 3", 3, "no such option 'speed'; allowed here: socket interval"),
    ('socket = "here"', 2, "allowed: an absolute path"),
    ('service "v" { }', 2, "has no instance"),
    ('service "v v" {\ninstance a { health-tcp = "h:1" }\n}', 4, "allowed as a name"),
    ('service "v" {\ninstance "a" {\n}\n}', 4, "nothing to watch"),
    ('service "v" { instance "a" {\nhealth-tcp = "h"\n} }', 3, "ADDRESS:PORT"),
    ('service "v" { instance "a" {\nhealth-url = "ftp://h/"\n} }', 3, "neither http"),
    ('service "v" { instance "a" {\nhealth-url = "http://u:p@h/"\n} }', 3, "password"),
    (
        'service "v" { instance "a" { health-tcp = "h:1"\nhealth-url = "http://h/"\n} }',
        4,
        "both health-url and health-tcp",
    ),
    (
        'service "v" { instance "a" {\nmetrics-url = "http://h/"\n} }',
        4,
        "no metric is named",
    ),
    ('service "v" { instance "a" {\naddress = "10.1.0"\n} }', 3, "the instance's own IPv4"),
    ('service "v" { instance "a" {\nsid = 65536\n} }', 3, "1 to 65535"),
    ('service "v" { instance "a" {\nsid = 5 health-tcp = "h:1"\n} }', 4, "sid without an address"),
    ('service "v" {\ncapacity = 0', 3, "a whole number from 1"),
    ('service "v" {\ndelay = "a / b"', 3, "allowed: a metric name"),
    ('service "v" {\ndelay-unit = "hours"', 3, 'allowed: "s", "ms", "us"'),
    ('service "v" {\nutilisation-unit = "x"', 3, 'allowed: "ratio", "percent"'),
    ('service "v" { instance "a" { health-tcp = "h:1" }', 3, "a } is missing"),
    ('service "v" { instance "a" { health-tcp = "h:1" } }\n/* ', 4, "inside a comment"),
    (
        'service "v" { instance "a" { health-tcp = "h:1" }\n'
        'instance "a" { health-tcp = "h:1" } }',
        3,
        "duplicate title 'a'",
    ),
    ("", 3, "0 instances in the file; allowed: 1 to 1024"),
]


@pytest.mark.parametrize("text, line, message", BAD, ids=[b[2][:30] for b in BAD])
def test_bad_configuration(agent, text, line, message):
    agent.write("", text)
    done = subprocess.run(
        [AGENT, "--check", agent.config], capture_output=True, text=True
    )
    assert done.returncode == 1
    assert message in done.stderr
    assert done.stderr.count("\n") == 1, done.stderr
    at = int(done.stderr.split(f"{agent.config}:")[1].split(":")[0])
    assert at == line, done.stderr
    done = subprocess.run([AGENT, "-c", agent.config], timeout=BOUND)
    assert done.returncode == 1


def test_example_and_options(tmp_path):
    here = os.path.dirname(os.path.abspath(__file__))
    example = os.path.join(here, "../../agent/dyncast-agent.conf.example")
    done = subprocess.run(
        [AGENT, "--check", example], capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "4 instances" in done.stdout
    for bad in (["--check", str(tmp_path / "none")], ["-c", str(tmp_path)], ["x"], ["-z"]):
        done = subprocess.run([AGENT, *bad], capture_output=True, timeout=BOUND)
        assert done.returncode == 1 and done.stderr
    for good in ("--version", "--help"):
        done = subprocess.run([AGENT, good], capture_output=True, timeout=BOUND)
        assert done.returncode == 0 and done.stdout
