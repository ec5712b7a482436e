# SPDX-License-Identifier: GPL-2.0-or-later
r"""Our commands in vtysh: typed at a terminal, saved, read at boot, taken back.

                         rr  stock FRR: route reflector, add-path
                          |
    c1 ------- r1 ------ core ----- 10 ----- e1 --+-- a1
             ingress  10  |  stock FRR            +-- a2
                          +-------- 20 ----- e2 --+-- b1
                          |                       +-- b2
                          +-------- 30 ----- e3 --+-- d1
                                                  +-- d2

`vtysh` is build/vtysh-dyncast/vtysh, first in PATH.
"""

import os

import pytest

import dyncast_frr
import dyncast_show as show
import dyncast_topology as topology
from dyncast_agentline import AgentSocket
from dyncast_pty import Terminal
from dyncast_topology import INSTANCES, SERVICE, end_processes, wait_for

E1_LINES = topology.dyncast_bgpd("e1")
# `network-cost unit 100` is the default and not written
R1_LINES = ["dyncast ingress r1-c1"]


@pytest.fixture(scope="module")
def lab(lab_of):
    lab = lab_of()
    lab.wait_underlay()
    show.wait_candidates(lab, "r1", set(INSTANCES))
    return lab


def ours(lab, router, command="show running-config"):
    lines = lab.vtysh(router, command).splitlines()
    return [line for line in lines if line.startswith(("dyncast ", "debug dyncast "))]


def test_wrapper_is_used(lab):
    assert lab.cmd("e1", "which vtysh").strip() == os.path.join(
        dyncast_frr.BUILD, "vtysh-dyncast", "vtysh"
    )


def test_running_config(lab):
    """Each line once, whole, and none that was not configured."""
    assert sorted(ours(lab, "e1")) == sorted(E1_LINES)
    assert set(R1_LINES) <= set(ours(lab, "r1"))
    assert set(ours(lab, "r1")) <= set(topology.dyncast_zebra("r1"))
    assert not ours(lab, "core")


def test_help_and_completion(lab):
    """`?` lists and explains, tab completes, down to the last word."""
    with Terminal(lab, "e1") as vtysh:
        vtysh.expect(r"e1# ")
        vtysh.type("show dyncast ?")
        seen = vtysh.expect(r"e1# show dyncast ")
        for word in ("service", "instance", "explain", "forwarding", "flows"):
            assert word in seen, seen
        vtysh.type("for\t")
        vtysh.expect(r"forwarding ")
        vtysh.type("\n")
        vtysh.expect(r"Kernel: active")
        vtysh.expect(r"e1# ")
        vtysh.type("configure terminal\n")
        vtysh.expect(r"e1\(config\)# ")
        vtysh.type("dync\tservice video instance a1 ?")
        seen = vtysh.expect(r"e1\(config\)# dyncast service video instance a1 ")
        assert "address" in seen and "drain" in seen
        assert "No new flows; those that it has stay" in seen
        vtysh.type("dr\t\n")
        vtysh.expect(r"e1\(config\)# ")
        vtysh.type("do show dyncast instance\n")
        assert "drain" in vtysh.expect(r"e1\(config\)# $")
        vtysh.type("no dyncast service video instance a1 drain\n")
        vtysh.expect(r"e1\(config\)# ")
        vtysh.type("end\n")
        vtysh.expect(r"e1# ")
    assert sorted(ours(lab, "e1")) == sorted(E1_LINES)


def test_each_line_can_be_taken_back(lab):
    """`no` before a line of the running configuration removes that line."""
    before = ours(lab, "e2")
    for line in reversed(before):
        said = lab.configure("e2", "no " + line)
        assert "%" not in said, said
        assert line not in ours(lab, "e2")
    assert not ours(lab, "e2")
    show.wait_candidates(lab, "r1", set(INSTANCES) - {"b1", "b2"})
    said = lab.configure("e2", *before)
    assert "%" not in said, said
    assert sorted(ours(lab, "e2")) == sorted(before)
    show.wait_candidates(lab, "r1", set(INSTANCES))


def test_a_default_may_be_the_first_line(lab):
    """Of a service that nothing else is said of: it leaves no trace; and takes
    another value back."""
    before = ours(lab, "e1")
    level = "dyncast service new advertise level "
    assert "there is no service new" in lab.configure("e1", "no " + level + "raw")
    said = lab.configure("e1", level + "raw")
    assert "%" not in said, said
    assert ours(lab, "e1") == before
    said = lab.configure("e1", level + "score")
    assert "%" not in said and level + "score" in ours(lab, "e1"), said
    said = lab.configure("e1", level + "raw")
    assert "%" not in said, said
    assert ours(lab, "e1") == before


# FRR's topotest library takes "::" in the name of a test for its own
@pytest.mark.parametrize("source", ["::", "0.0.0.0"], ids=["ipv6", "ipv4"])
def test_source_of_outer_headers_is_an_address(lab, source):
    """`no` takes it back; an unspecified address is none."""
    before = ours(lab, "e1")
    assert "global unicast" in lab.configure("e1", "dyncast encapsulation source " + source)
    assert ours(lab, "e1") == before


def test_write_memory(lab):
    """Into the daemons' own files, as this lab begins."""
    said = lab.vtysh("e1", "write memory")
    assert "saved to /etc/frr/bgpd.conf" in said, said
    text = lab.cmd("e1", "cat /etc/frr/bgpd.conf")
    for line in E1_LINES:
        assert text.splitlines().count(line) == 1, text


def agent_leaves(lab):
    """bgpd of e1 has seen an agent come and go."""
    clients = lambda: lab.json("e1", "show dyncast bgp json")["agents"]["clients"]
    before = clients()
    with AgentSocket(lab, "e1"):
        wait_for("an agent", lambda: clients() == before + 1)
    wait_for("the agent to be gone", lambda: clients() == before)


def flows_are_cleared(lab):
    lab.vtysh("r1", "clear dyncast flows")


DEBUG = {
    # daemon: its command, what makes it log a line, and that line
    "bgpd": ("debug dyncast bgp", "e1", agent_leaves, "dyncast: agent: disconnected after "),
    "zebra": ("debug dyncast zebra", "r1", flows_are_cleared, " flows cleared in "),
}


@pytest.mark.parametrize("daemon", DEBUG)
@pytest.mark.parametrize("typed", ["enabled", "configured"])
def test_debug(lab, daemon, typed):
    """What is on is told and logs events; taken back, it does neither."""
    command, router, event, line = DEBUG[daemon]
    run = lab.configure if typed == "configured" else lab.vtysh
    show, on = "show debugging", "Dyncast debugging is on"
    if daemon == "bgpd" and dyncast_frr.is_8():
        # it lets no module take part in its own answer
        show, on = "show dyncast bgp", "Debugging is on"

    def told():
        return on in lab.cmd(router, f"vtysh -d {daemon} -c '{show}'")

    def logged():
        return lab.log(router, daemon).count(line)

    before = logged()
    event(lab)
    assert not told() and command not in ours(lab, router)
    said = run(router, command)
    assert not said.strip() and told(), said
    assert typed == "enabled" or command in ours(lab, router)
    # none is late of those before
    event(lab)
    wait_for("the event in the log", lambda: logged() == before + 1 or str(logged() - before))
    said = run(router, "no " + command)
    assert not said.strip() and not told(), said
    assert command not in ours(lab, router)
    event(lab)
    run(router, command)
    event(lab)
    wait_for("one more", lambda: logged() == before + 2 or str(logged() - before))
    run(router, "no " + command)


@pytest.mark.parametrize("router", ["e1", "r1"])
def test_boot_with_integrated_configuration(lab, router):
    """Saved as frr.conf, read by `vtysh -b` into daemons that know nothing."""
    debug = [command for command, *_ in DEBUG.values()]
    lab.configure(router, *debug)
    before = ours(lab, router)
    assert len(before) > len(debug) and set(debug) <= set(before)
    lab.cmd(router, "echo 'service integrated-vtysh-config' > /etc/frr/vtysh.conf")
    said = lab.vtysh(router, "write memory")
    assert "/etc/frr/frr.conf" in said and "[OK]" in said, said
    saved = lab.cmd(router, "cat /etc/frr/frr.conf").splitlines()
    for line in before:
        assert saved.count(line) == 1, f"{line} in {saved}"

    daemons = [daemon for name, daemon in lab.pids if name == router]
    end_processes([lab.pids[router, daemon] for daemon in daemons])
    for daemon in daemons:
        lab.cmd(router, f": > /etc/frr/{daemon}.conf")
    lab.boot(router, daemons)
    assert ours(lab, router) == before
    lab.wait_underlay()
    show.wait_candidates(lab, "r1", set(INSTANCES))
    if router == "r1":
        wait_for(
            "the ingress",
            lambda: all(i["attached"] for i in show.forwarding(lab, "r1")["ingress"]),
        )
    lab.configure(router, *["no " + command for command in debug])
    assert not set(debug) & set(ours(lab, router))


def test_stock_vtysh_shows_our_lines(lab):
    """The positive control: without the extension the lines are still shown,
    and typing one is an unknown command."""
    stock = "/usr/bin/vtysh"
    assert f"dyncast service {SERVICE} prefix" in lab.cmd("e1", f"{stock} -c 'show running-config'")
    rc, out, err = lab.node("e1").cmd_status(
        [stock, "-c", "configure terminal", "-c", "dyncast hold 5"], warn=False
    )
    assert rc and "Unknown command" in out + err
    # the rest of a configuration is read all the same
    route = "ip route 192.0.2.0/24 blackhole"
    lab.cmd("e1", f"printf 'dyncast hold 5\\n{route}\\n' > /etc/frr/stock.conf")
    rc, out, err = lab.node("e1").cmd_status([stock, "-f", "/etc/frr/stock.conf"], warn=False)
    assert "dyncast hold 5" in out + err
    running = lab.cmd("e1", f"{stock} -c 'show running-config'")
    assert route in running and "dyncast hold 5" not in running
    lab.configure("e1", "no " + route)


def test_daemons_survived(lab):
    lab.expect_alive()
