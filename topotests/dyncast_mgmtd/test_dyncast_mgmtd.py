# SPDX-License-Identifier: GPL-2.0-or-later
r"""Configuration by mgmtd, on FRR 10.7: mgmtd_dyncast is loaded there.

       r1        r2
    ---+---------+------+--- one LAN, iBGP
                        h1   an instance

r1 is configured by its mgmtd, r2 as ever by bgpd and zebra.  r1 has no line of
ours in any file: what it has was committed to mgmtd.
"""

import json
import os
import subprocess
import sys

import pytest

import dyncast_frr
import dyncast_topology as topology
from dyncast_lan import LanLab, Router, candidates, neighbor
from dyncast_model import FORWARDING, FORWARDING_LINES, SERVICES, SERVICES_LINES, WITHOUT_EFFECT, plain
from dyncast_topology import end_processes, wait_for
from dyncast_traffic import Process
from dyncast_vty import Vty

MODULE = os.path.join(dyncast_frr.MODULES, "mgmtd_dyncast.so")

PREFIX = "10.9.0.1/32"
SERVICE = f"dyncast service video prefix {PREFIX}"
INSTANCE = "dyncast service video instance a1 address 10.50.0.11 capacity 100 sid 17"
LINES = ["dyncast hold 77", "dyncast ingress r1-lan", SERVICE, INSTANCE]
INSTANCE_STATE = "/frr-dyncast:instance-state"


class MgmtdLab(LanLab):
    """mgmtd of r1 has the module while `managed` says so."""

    def __init__(self, name):
        routers = {
            "r1": Router(1, bgp=neighbor("10.50.0.2", topology.ASN)),
            "r2": Router(2, bgp=neighbor("10.50.0.1", topology.ASN)),
        }
        super().__init__(name, routers, {"h1": 11})

    def _copy_modules(self):
        super()._copy_modules()
        self.mgmtd_module = self.copy_module(MODULE, "mgmtd_dyncast.so")

    def start_router(self, router):
        if router == "r1":
            self.node("r1").loadConf("mgmtd", None, "-M " + self.mgmtd_module)
            self.node("r1").daemons_options["mgmtd"] = "-M " + self.mgmtd_module
        super().start_router(router)
        self._started(router, "mgmtd")

    def restart(self, daemon, *options, kill=True):
        """A daemon of r1, and only that, with its module or other options."""
        if kill:
            end_processes([self.pids["r1", daemon]])
        if options:
            self.node("r1").daemons_options[daemon] = options[0]
        self.start_daemons("r1", [daemon])


@pytest.fixture(scope="module")
def lab(lab_of):
    lab = lab_of(MgmtdLab)
    lab.wait_sessions()
    wait_managed(lab)
    return lab


def wait_managed(lab):
    """bgpd and zebra of r1 are clients of its mgmtd."""

    def clients():
        text = lab.vtysh("r1", "show mgmt backend-adapter all")
        return "bgpd-dyncast" in text and "zebra" in text or text

    wait_for("mgmtd's clients", clients, 30)


@pytest.fixture(autouse=True)
def empty(lab):
    """Each test begins with these lines, and nothing else of ours."""
    replace(lab, "services", {})
    replace(lab, "forwarding", {})
    said = lab.configure("r1", *LINES)
    assert "%" not in said, said
    wait_hold(lab, 77)


def wait_hold(lab, seconds):
    """zebra has this: now, or when it is back.  mgmtd of 10.7 closes the connection of
    a daemon whose answer comes after another has refused the commit."""
    wait_for("zebra's hold time", lambda: daemon_data(lab, "forwarding").get("hold") == seconds)


def replace(lab, container, data):
    path = os.path.join(lab.logdir, "r1", "conf", "load.json")
    with open(path, "w", encoding="ascii") as out:
        json.dump({"frr-dyncast:" + container: data}, out)
    said = lab.vtysh("r1", f"dyncast {container} load {path}")
    assert "%" not in said, said


def lines(lab):
    text = lab.vtysh("r1", "show running-config").splitlines()
    return sorted(line for line in text if line.startswith("dyncast "))


def daemon_lines(lab, daemon):
    """What the daemon itself says that it is configured with."""
    with Vty(lab, "r1", daemon) as vty:
        return [l for l in vty.ask("show running-config").splitlines() if l.startswith("dyncast ")]


def daemon_data(lab, container):
    """What its northbound has, which only mgmtd can have put there."""
    with Vty(lab, "r1", {"services": "bgpd", "forwarding": "zebra"}[container]) as vty:
        data = vty.json("show configuration running json")
    return data.get("frr-dyncast:" + container, {})


def mgmtd_data(lab, container, store="running"):
    text = lab.vtysh("r1", f"show mgmt datastore-contents {store} xpath /frr-dyncast:{container} json")
    return json.loads(text).get("frr-dyncast:" + container, {}) if "{" in text else {}


def edit(lab, container, data, *how):
    text = json.dumps({"frr-dyncast:" + container: data}, separators=(",", ":"))
    return lab.configure("r1", " ".join(("mgmt edit merge", "/frr-dyncast:" + container, *how, text)))


def services(lab):
    return {s["name"]: s for s in lab.json("r1", "show dyncast service json")["services"]}


def updates(lab):
    service = services(lab)["video"]
    return service["updates"] - service["refreshes"]


def instances(lab):
    known = lab.json("r1", "show dyncast instance json")["instances"]
    return {i["name"]: i for i in known if i["local"]}


def wait_services(lab, *names):
    wait_for("services " + repr(names), lambda: set(services(lab)) == set(names) or services(lab))


# -- commands ---------------------------------------------------------------


def test_commands_reach_the_daemons(lab):
    """By mgmtd: r2 learns of the service, zebra has its hold time."""
    assert lines(lab) == sorted(LINES)
    assert not daemon_lines(lab, "bgpd") and not daemon_lines(lab, "zebra")
    wait_for("r2 to learn it", lambda: "a1" in candidates(lab, "r2", PREFIX))
    assert daemon_data(lab, "forwarding")["hold"] == 77
    attached = lab.json("r1", "show dyncast forwarding json")
    assert "r1-lan" in json.dumps(attached)


@pytest.mark.parametrize(
    "container,data,expected",
    [("services", SERVICES, SERVICES_LINES), ("forwarding", FORWARDING, FORWARDING_LINES)],
    ids=["services", "forwarding"],
)
def test_every_leaf_is_its_command(lab, container, data, expected):
    """A data store is shown as the lines that make it, and each `no` takes its own away."""
    replace(lab, "services", {})
    replace(lab, "forwarding", {})
    replace(lab, container, data)
    assert lines(lab) == sorted(expected)
    assert plain(daemon_data(lab, container)) == plain(data)
    lab.unconfigure("r1")
    assert not mgmtd_data(lab, container) and not daemon_data(lab, container)
    said = lab.configure("r1", *expected)
    assert "%" not in said, said
    assert lines(lab) == sorted(expected)
    assert plain(mgmtd_data(lab, container)) == plain(data)
    assert plain(daemon_data(lab, container)) == plain(data)


@pytest.mark.parametrize(
    "line,why",
    [
        ("dyncast service other prefix " + PREFIX, "Unique"),
        ("dyncast service other prefix 224.0.0.1/32", "unicast"),
        ("dyncast service video instance a2 address 10.50.0.11", "Unique"),
        ("dyncast service video instance a2 address 10.9.0.1", "one of its own"),
        ("dyncast service a'b prefix 10.9.0.2/32", "1-31 characters"),
        ("dyncast attribute code 1", "43-127"),
        ("no dyncast service nothere", "no service"),
        ("no dyncast service video instance a9", "no instance"),
        ("no dyncast service video prefix 10.9.0.2/32", "is 10.9.0.1/32"),
        ("dyncast alias-prefix 127.0.0.0/24", "unicast"),
    ],
)
def test_command_refused(lab, line, why):
    before = lines(lab), mgmtd_data(lab, "services", "candidate")
    said = lab.configure("r1", line)
    assert why in said, said
    assert (lines(lab), mgmtd_data(lab, "services", "candidate")) == before


def test_a_default_may_be_the_first_line(lab):
    """Of a service that nothing else is said of: it leaves no trace."""
    before = lines(lab)
    for line in ("dyncast service new advertise level raw", "dyncast attribute profile transitive"):
        said = lab.configure("r1", line)
        assert "%" not in said, said
    assert lines(lab) == before
    said = lab.configure("r1", "dyncast service video advertise level score")
    assert "dyncast service video advertise level score" in lines(lab), said
    said = lab.configure("r1", "dyncast service video advertise level raw")
    assert lines(lab) == before, said


def test_daemons_refuse(lab):
    """Nobody else configures what mgmtd has."""
    for daemon, command in (("bgpd", "no " + SERVICE), ("zebra", "dyncast hold 5")):
        with Vty(lab, "r1", daemon) as vty:
            vty.ask("configure terminal")
            assert "mgmtd has the configuration" in vty.ask(command)
    with Vty(lab, "r1", "bgpd") as vty:
        assert "mgmtd has the configuration" in vty.ask("dyncast services load /etc/hosts")
    assert "video" in services(lab) and daemon_data(lab, "forwarding")["hold"] == 77
    # r2's do what they always did
    assert "%" not in lab.configure("r2", "dyncast hold 5", "no dyncast hold 5")


# -- data stores --------------------------------------------------------------


def test_commit_is_atomic(lab):
    """One bad leaf refuses all of it: by the model, and by bgpd for both daemons."""
    before = lines(lab)
    bad = [{"name": "bad", "prefix": "10.9.0.2/0"}]
    assert "length 0" in edit(lab, "services", {"drain": True, "service": bad}, "lock", "commit")
    bad[0]["prefix"] = "224.0.0.1/32"
    assert "unicast" in edit(lab, "services", {"drain": True, "service": bad}, "lock", "commit")
    assert lines(lab) == before
    assert "drain" not in daemon_data(lab, "services")

    # zebra's part is good, and is not made without bgpd's
    said = lab.vtysh(
        "r1",
        "configure terminal file-lock",
        "mgmt set-config /frr-dyncast:forwarding/hold 5",
        "mgmt set-config /frr-dyncast:services/service[name='bad']/prefix 224.0.0.1/32",
        "mgmt commit apply",
        "mgmt commit abort",
    )
    assert "unicast" in said, said
    assert lines(lab) == before
    wait_hold(lab, 77)


def test_commit_check_asks_the_daemons(lab):
    """Which `load … check` does not: and nothing is made so, good or bad."""
    before = lines(lab)
    path = "/frr-dyncast:services/service[name='bad']/prefix"
    for prefix, why in (("224.0.0.1/32", "unicast"), ("10.9.0.3/32", None)):
        with Vty(lab, "r1", "mgmtd") as vty:
            vty.ask("configure terminal file-lock")
            vty.ask(f"mgmt set-config {path} {prefix}")
            said = vty.ask("mgmt commit check")
            assert why in said if why else "ailed" not in said, said
            said = vty.ask("mgmt commit abort")
            assert "ailed" not in said, said
        assert lines(lab) == before
        wait_services(lab, "video")


@pytest.mark.parametrize("what", WITHOUT_EFFECT)
def test_without_effect_is_refused(lab, what):
    """By the model, whatever good is beside it."""
    container, data, why = WITHOUT_EFFECT[what]
    good = {"drain": True} if container == "services" else {"hold": 5}
    before = lines(lab)
    assert why in edit(lab, container, {**good, **data}, "lock", "commit")
    assert lines(lab) == before


def test_set_config_and_commit(lab):
    """What is set is in the candidate alone until it is committed."""
    path = "/frr-dyncast:services/service[name='more']/prefix"
    with Vty(lab, "r1", "mgmtd") as vty:
        vty.ask("configure terminal file-lock")
        vty.ask(f"mgmt set-config {path} 10.9.0.3/32")
        vty.ask("mgmt set-config /frr-dyncast:forwarding/hold 9")
        assert set(services(lab)) == {"video"}
        wait_hold(lab, 77)
        said = vty.ask("mgmt commit apply")
        assert "ailed" not in said, said
    wait_services(lab, "video", "more")
    wait_hold(lab, 9)


def test_operational_data(lab):
    """mgmtd asks bgpd and zebra."""
    text = lab.vtysh("r1", "show mgmt get-data /frr-dyncast:services with-config")
    service = json.loads(text)["frr-dyncast:services"]["service"][0]
    assert service["prefix"] == PREFIX and service["state"]["status"]
    assert service["instance"][0]["state"]["status"] == "up"

    def candidate():
        text = lab.vtysh("r1", "show mgmt get-data /frr-dyncast:forwarding")
        known = json.loads(text)["frr-dyncast:forwarding"].get("service", [{}])
        return known[0].get("candidate", [{}])[0].get("name") == "a1" or text

    wait_for("zebra's candidate", candidate)


def test_rollback(lab):
    before = lines(lab)
    lab.configure("r1", "no dyncast service video", "dyncast hold 5")
    wait_services(lab)
    said = lab.configure("r1", "mgmt rollback last 2")
    assert "ailed" not in said, said
    assert lines(lab) == before
    wait_services(lab, "video")
    wait_hold(lab, 77)


def test_load_refused(lab):
    before = lines(lab)
    path = os.path.join(lab.logdir, "r1", "conf", "bad.json")
    for text, why in (
        ('{"frr-dyncast:services": {"drain": true, "attribute": {"size": 255}}}', "."),
        ('{"frr-dyncast:forwarding": {"hold": 5}}', "has to have /frr-dyncast:services"),
        ("", "."),
    ):
        with open(path, "w", encoding="ascii") as out:
            out.write(text)
        for more in ("", " check"):
            said = lab.vtysh("r1", f"dyncast services load {path}{more}")
            assert "%" in said and why in said, said
        assert lines(lab) == before


# -- RPC and notification -------------------------------------------------------


def test_rpc(lab):
    wait_for("r1 to have it", lambda: "a1" in candidates(lab, "r1", PREFIX))

    def clear(**what):
        text = json.dumps({"frr-dyncast:clear-flows": what}, separators=(",", ":"))
        return lab.configure("r1", "mgmt rpc /frr-dyncast:clear-flows json " + text)

    assert "%" not in clear(service="video")
    assert "%" not in clear()
    assert "no service nothere" in clear(service="nothere")


def test_notification(lab):
    """A front-end client hears of an instance that comes."""
    script = os.path.join(dyncast_frr.frr_source(), "tests", "topotests", "lib", "fe_client.py")
    heard = Process(
        lab, "r1", "front-end",
        [sys.executable, script, "--server", "/var/run/frr/mgmtd_fe.sock", "--listen", INSTANCE_STATE],
        stdout=subprocess.PIPE,
    )  # fmt: skip
    with open(heard.log, encoding="utf-8") as log:
        wait_for("the client", lambda: "Connected" in log.read())
    said = lab.configure(
        "r1",
        "dyncast service heard prefix 10.9.0.5/32",
        "dyncast service heard instance a1 address 10.50.0.11 sid 18",
    )
    assert "%" not in said, said
    said = json.loads(heard.read_line(20))["frr-dyncast:instance-state"]
    assert said in [{"service": name, "instance": "a1", "up": True} for name in ("video", "heard")]
    heard.stop()


# -- restarts in each order ------------------------------------------------------


def test_bgpd_and_zebra_restart(lab):
    """They get from mgmtd what it has now, and lose what it does not have any more."""
    end_processes([lab.pids["r1", "bgpd"]])
    lab.configure("r1", "dyncast service more prefix 10.9.0.3/32", "no " + INSTANCE)
    lab.restart("bgpd", kill=False)
    wait_services(lab, "video", "more")
    assert not instances(lab)
    end_processes([lab.pids["r1", "zebra"]])
    lab.configure("r1", "dyncast hold 9", "no dyncast ingress r1-lan")
    lab.restart("zebra", kill=False)
    wait_for("zebra's", lambda: daemon_data(lab, "forwarding") == {"hold": 9} or daemon_data(lab, "forwarding"))
    lab.wait_sessions()


def test_bgpd_reads_its_own_lines_first(lab):
    """What mgmtd commits at that moment waits: a line that libfrr refuses in the
    middle of a commit would be the last that bgpd gets of its file."""
    lab.configure("r1", SERVICE, INSTANCE)
    last = "bgp community-list standard LAST seq 5 permit 65000:1"
    path = os.path.join(lab.logdir, "r1", "conf", "own.conf")
    with open(path, "w", encoding="ascii") as out:
        out.write("interface r1-lan\nexit\n" * 5000 + last + "\n")
    known = len(lab.log("r1", "bgpd"))
    end_processes([lab.pids["r1", "bgpd"]])
    reader = Process(lab, "r1", "own-lines", [
        "sh", "-c",
        f"until vtysh -d bgpd -c 'show version'; do sleep 0.05; done; exec vtysh -d bgpd -f {path}",
    ])  # fmt: skip
    try:
        lab.restart("bgpd", kill=False)
        reader.popen.wait(60)
        assert not reader.popen.returncode, reader.errors()
    finally:
        reader.stop()
    assert last in lab.vtysh("r1", "show running-config")
    wait_services(lab, "video")
    said = lab.log("r1", "bgpd")[known:]
    assert said.index("Configuration Read in Took") < said.index("the configuration comes from there"), said
    lab.configure("r1", "no " + last)
    lab.wait_sessions()


def test_mgmtd_restart(lab):
    """What is in force stays while mgmtd is away, and until a file is read again; a
    file is one commit, in which nobody hears of a change."""
    wait_for("r2 to learn it", lambda: "a1" in candidates(lab, "r2", PREFIX))
    wait_for("it to be up", lambda: instances(lab)["a1"]["advertised"])
    kept = lines(lab)
    known = len(lab.log("r1", "bgpd"))
    lab.restart("mgmtd")
    wait_managed(lab)
    wait_for("bgpd to say so", lambda: "what is in force stays" in lab.log("r1", "bgpd")[known:])
    assert not lines(lab) and set(services(lab)) == {"video"}
    sent = updates(lab)
    path = os.path.join(lab.logdir, "r1", "conf", "kept.conf")
    with open(path, "w", encoding="ascii") as out:
        out.write("\n".join(kept) + "\n")
    said = lab.cmd("r1", f"vtysh -f {path}")
    assert "%" not in said, said
    wait_for("mgmtd to have it", lambda: lines(lab) == kept)
    wait_hold(lab, 77)
    assert list(instances(lab)) == ["a1"] and updates(lab) == sent


def test_mgmtd_without_module(lab):
    """Commands are the daemons' again, and mgmtd's when the module is back."""
    known = {daemon: len(lab.log("r1", daemon)) for daemon in ("bgpd", "zebra")}
    lab.restart("mgmtd", " ")
    own = "the configuration is this daemon's own again"
    for daemon, start in known.items():
        wait_for(f"{daemon} to notice", lambda daemon=daemon, start=start: own in lab.log("r1", daemon)[start:])
    assert sorted(daemon_lines(lab, "bgpd") + daemon_lines(lab, "zebra")) == sorted(LINES)
    said = lab.configure("r1", "dyncast service more prefix 10.9.0.3/32", "dyncast hold 5")
    assert "%" not in said, said
    wait_services(lab, "video", "more")
    assert "dyncast hold 5" in lines(lab)
    lab.restart("mgmtd", "-M " + lab.mgmtd_module)
    wait_managed(lab)
    lab.configure("r1", "dyncast service third prefix 10.9.0.4/32")
    wait_services(lab, "third")
    lab.expect_alive()


def test_module_of_another_release(lab):
    """mgmtd runs without it, and says why."""
    wrong = lab.copy_module(os.path.join(dyncast_frr.BUILD, "modules", "wrong", "mgmtd_dyncast.so"), "wrong-mgmtd.so")
    lab.restart("mgmtd", "-M " + wrong)
    wait_for("a word about it", lambda: "built for FRR 9.9" in lab.log("r1", "mgmtd"))
    wait_for("bgpd to notice", lambda: "%" not in lab.configure("r1", "dyncast drain", "no dyncast drain"))
    lab.restart("mgmtd", "-M " + lab.mgmtd_module)
    wait_managed(lab)
    lab.expect_alive()
