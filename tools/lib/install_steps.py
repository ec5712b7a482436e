#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The README's section on installing, done and checked: see tools/install-test,
which runs this in a clean root and a network namespace of its own.

    c1 ----- r1 ----- e1 --+-- a1
          ingress   site   +-- a2

r1 and e1 are routers as FRR's unit frr@NAME has them: /etc/frr/NAME, a network
namespace and daemons of that name.  The README's commands are run as they
stand, with `sudo` and `systemctl` that know of the two; all configuration is
typed into vtysh.
"""

import ctypes
import glob
import json
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
import time

import install_exporter
import install_mgmtd
import install_netconf
import install_packages
import install_state

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
ROUTERS = ("r1", "e1")
HOSTS = ("c1", "a1", "a2")
SERVICE = "10.255.0.1"
UNITS = ("dyncast-agent.service", "dyncast-exporter.service")
PORT = 8080
PATIENCE = 240  # seconds for anything; a slow machine is no failure
FRR_INIT = "/usr/lib/frr/frrinit.sh"

CONFIGURATION = {
    "r1": """
log file /var/log/frr/r1.log informational
interface r1-c1
 ip address 10.0.1.1/24
interface r1-e1
 ip address 172.16.0.1/24
 ipv6 address 2001:db8:0:1::1/64
exit
ipv6 route 2001:db8:e1::/64 2001:db8:0:1::2
ip route 10.1.0.0/24 172.16.0.2
router bgp 65000
 neighbor 172.16.0.2 remote-as 65000
 neighbor 172.16.0.2 timers 3 9
 neighbor 172.16.0.2 timers connect 3
exit
dyncast ingress r1-c1
""",
    "e1": """
log file /var/log/frr/e1.log informational
interface e1-r1
 ip address 172.16.0.2/24
 ipv6 address 2001:db8:0:1::2/64
interface e1-a1
 ip address 10.1.0.1/25
interface e1-a2
 ip address 10.1.0.129/25
exit
ip route 10.0.1.0/24 172.16.0.1
router bgp 65000
 neighbor 172.16.0.1 remote-as 65000
 neighbor 172.16.0.1 timers 3 9
 neighbor 172.16.0.1 timers connect 3
exit
dyncast locator 2001:db8:e1::/64
dyncast service video prefix 10.255.0.1/32
dyncast service video instance a1 address 10.1.0.11 capacity 100 sid 17
dyncast service video instance a2 address 10.1.0.139 capacity 100 sid 18
""",
}

AGENT = """
socket = "/var/run/frr/e1/dyncast-agent.sock"
service "video" {
	instance "a1" { health-tcp = "10.1.0.11:8080"  capacity = 100 }
	instance "a2" { health-tcp = "10.1.0.139:8080"  capacity = 100 }
}
"""

SERVER = """
import socket, sys
s = socket.create_server(("", int(sys.argv[2])), backlog=64)
while True:
    c, _ = s.accept()
    try:
        c.sendall(sys.argv[1].encode())
    except OSError:
        pass
    c.close()
"""

CLIENT = """
import socket, sys
seen = []
for _ in range(int(sys.argv[3])):
    try:
        c = socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=2)
        seen.append(c.recv(16).decode() or "nothing")
        c.close()
    except OSError as problem:
        seen.append(type(problem).__name__)
print(" ".join(seen))
"""


def say(text):
    print(text, flush=True)


def fail(text):
    sys.exit(f"install-test: {text}")


def run(command, check=True, quiet=False, **kwargs):
    done = subprocess.run(
        command, shell=isinstance(command, str), check=False, encoding="utf-8", errors="replace",
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **kwargs
    )  # fmt: skip
    if check and done.returncode:
        fail(f"{command!r} ended with {done.returncode}:\n{done.stdout}")
    return done.stdout if not quiet else ""


def inside(node, command, **kwargs):
    return run(["ip", "netns", "exec", node] + command, **kwargs)


def vtysh(router, *commands, check=True):
    words = ["vtysh", "-N", router]
    for command in commands:
        words += ["-c", command]
    return run(words, check=check)


def show(router, command):
    """The JSON of a show command; None when there is none (yet)."""
    try:
        return json.loads(vtysh(router, command + " json", check=False))
    except ValueError:
        return None


def wait_for(what, condition, last=str):
    """`last`: what to add about the last time when it never came."""
    ends = time.monotonic() + PATIENCE
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > ends:
            fail(f"{what}: not within {PATIENCE} s{last()}")
        time.sleep(0.5)


def must(what, condition):
    if not condition:
        fail(f"wrong: {what}")


# ---- the README ---------------------------------------------------------------


def blocks():
    """{first line's word: lines} of the shell blocks of the section."""
    with open(os.path.join(TOP, "README.md"), encoding="utf-8") as file:
        section = re.search(r"^## Installing it\n(.*?)^## ", file.read(), re.M | re.S).group(1)
    found = {}
    for text in re.findall(r"^```sh\n# (.*?)^```", section, re.M | re.S):
        name, *lines = text.strip().split("\n")
        found[name] = lines
    return found


def follow(lines):
    """Run the README's lines: what they said."""
    told = ""
    for line in lines:
        if "tools/package" in line:
            continue  # tools/install-test has
        say(f"    $ {line}")
        said = run(["bash", "-ec", line], cwd=TOP)
        for text in said.splitlines():
            if text.startswith("frr-dyncast: ") or "_dyncast" in text:
                say(f"      {text}")
        told += said
    return told


def stand_ins():
    """`sudo` for root, and a `systemctl` that knows two routers."""
    files = {
        "sudo": '#!/bin/bash\n[ "$1" != vtysh ] || { for r in r1 e1; do vtysh -N $r "${@:2}"; done; exit; }\nexec "$@"\n',
        "systemctl": f"""#!/bin/bash
# restart frr
for r in r1 e1; do
	install -d -o frr -g frr -m 750 /etc/frr/$r
	install -o frr -g frr -m 640 /etc/frr/daemons /etc/frr/$r/daemons
	[ -e /etc/frr/$r/frr.conf ] || install -o frr -g frr -m 640 /dev/null /etc/frr/$r/frr.conf
	cp /etc/frr/vtysh.conf /etc/frr/$r/
	echo 'watchfrr_options="--netns"' >>/etc/frr/$r/daemons
	{FRR_INIT} $1 $r </dev/null >/tmp/frr-$r.log 2>&1 || {{ cat /tmp/frr-$r.log >&2; exit 1; }}
done
""",
    }
    for name, text in files.items():
        path = os.path.join("/usr/local/sbin", name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(path, 0o755)


# ---- the network --------------------------------------------------------------

servers = {}


def build_network():
    for node in ROUTERS + HOSTS:
        run(f"ip netns add {node} && ip -n {node} link set lo up")
    for one, other in (("r1", "c1"), ("r1", "e1"), ("e1", "a1"), ("e1", "a2")):
        run(
            f"ip link add {one}-{other} netns {one} type veth peer name {other}-{one} netns {other}"
            f" && ip -n {one} link set {one}-{other} up && ip -n {other} link set {other}-{one} up"
        )
    for router in ROUTERS:
        inside(router, ["sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1",
                        "net.ipv4.conf.all.rp_filter=0", "net.ipv4.conf.default.rp_filter=0"])  # fmt: skip
    for node, address, router in (
        ("c1", "10.0.1.11/24", "10.0.1.1"), ("a1", "10.1.0.11/25", "10.1.0.1"), ("a2", "10.1.0.139/25", "10.1.0.129")
    ):  # fmt: skip
        device = {"c1": "c1-r1", "a1": "a1-e1", "a2": "a2-e1"}[node]
        run(f"ip -n {node} addr add {address} dev {device} && ip -n {node} route add default via {router}")
    for instance in ("a1", "a2"):
        run(f"ip -n {instance} addr add {SERVICE}/32 dev lo")
        start_server(instance)


def start_server(instance):
    command = ["ip", "netns", "exec", instance, sys.executable, "-c", SERVER, instance, str(PORT)]
    servers[instance] = subprocess.Popen(command)  # pylint: disable=consider-using-with


def stop_server(instance):
    server = servers.pop(instance)
    server.kill()
    server.wait()


def flows(number=24):
    """Who answered that many new flows of the client, in order."""
    return inside("c1", [sys.executable, "-c", CLIENT, SERVICE, str(PORT), str(number)]).split()


def wait_for_answers(what, instances):
    """Each of these instances, and nobody else, answers new flows."""
    last = []

    def asked():
        last[:] = flows()
        return set(last) == set(instances)

    return wait_for(what, asked, lambda: f"; last {' '.join(last)}")


# ---- what is there, and what is left ----------------------------------------


def pid_of(router, daemon):
    try:
        with open(f"/run/frr/{router}/{daemon}.pid", encoding="ascii") as file:
            pid = int(file.read())
        os.kill(pid, 0)
    except (OSError, ValueError):
        return None
    return pid


def bpf_objects():
    """{(kind, id)} of the maps, programs and links that the zebras hold."""
    found = set()
    for router in ROUTERS:
        pid = pid_of(router, "zebra")
        for path in glob.glob(f"/proc/{pid}/fdinfo/*") if pid else ():
            try:
                with open(path, encoding="ascii") as file:
                    found |= set(re.findall(r"^(map|prog|link)_id:\t(\d+)$", file.read(), re.M))
            except OSError:
                continue
    return found


def exists(kind, number):
    """Whether the kernel still has this BPF object."""
    by_id = {"prog": 13, "map": 14, "link": 30}[kind]
    call = {"x86_64": 321, "aarch64": 280}.get(platform.machine())
    if call is None:
        return False
    attributes = (ctypes.c_uint32 * 32)(int(number))
    fd = ctypes.CDLL(None, use_errno=True).syscall(call, by_id, attributes, 128)
    if fd >= 0:
        os.close(fd)
    return fd >= 0


def files():
    """All files of the system but what changes by itself."""
    volatile = ("/proc", "/sys", "/dev", "/tmp", "/run", "/dyncast", "/var/cache", "/var/lib/apt", "/var/log",
                "/var/lib/dpkg", "/etc/frr", "/usr/local/sbin", "/root",
                "/var/lib/frr", "/var/tmp/frr")  # fmt: skip
    found = set()
    for folder, folders, names in os.walk("/"):
        folders[:] = [
            name for name in folders if os.path.join(folder, name) not in volatile and name != "__pycache__"
        ]
        found |= {os.path.join(folder, name) for name in folders + names}
    return found


def our_pins():
    with open("/proc/mounts", encoding="utf-8") as file:
        return [line.split()[1] for line in file if "dyncast-bpf" in line]


def must_be_clean(before, objects):
    """Nothing of ours in files, dpkg, kernel."""
    left = sorted(files() - before)
    must(f"files that are left: {left}", not left)
    must(f"files that went: {sorted(before - files())[:5]}", not before - files())
    must("a diversion is left", "dyncast" not in run("dpkg-divert --list"))
    status = run("dpkg-query -W -f '${Package} ${db:Status-Abbrev}\n' 'frr-dyncast*'", check=False)
    must(f"dpkg still knows of {status}", not re.search(r"^frr-dyncast\S* (?!un)", status, re.M))
    must("vtysh is not FRR's own again", run("dpkg-query -S /usr/bin/vtysh").startswith("frr: "))
    changed = run("dpkg --verify frr", check=False)
    must(f"files of frr are changed: {changed}", "/usr/" not in changed)
    must(f"{our_pins()} is still mounted", not our_pins())
    must("something is left in /run/frr", not glob.glob("/run/frr/**/*dyncast*", recursive=True))
    for router in ROUTERS:
        links = run(f"ip -n {router} -o link show")
        must(f"{router} has a device of ours: {links}", "dyncast" not in links)
        filters = [run(f"tc -n {router} filter show dev {name.split('@')[0]} ingress", check=False)
                   for name in re.findall(r"^\d+: ([^:]+):", links, re.M)]  # fmt: skip
        must(f"{router} has filters: {filters}", not any("bpf" in text for text in filters))
        routes = run(f"ip -n {router} route show table all; ip -n {router} -6 route show table all")
        must(f"{router} has routes of ours: {routes}", not re.search("seg6|sharp|encap", routes))
    wait_for("the kernel frees our maps, programs and links", lambda: not [o for o in objects if exists(*o)])


# ---- the steps --------------------------------------------------------------


def modules_run():
    return all(
        "bgpd_dyncast" in vtysh(router, "show modules", check=False)
        and "zebra_dyncast" in vtysh(router, "show modules", check=False)
        for router in ROUTERS
    )


def configure():
    for router, lines in CONFIGURATION.items():
        commands = ["configure terminal", *[l.strip() for l in lines.strip().split("\n")], "end", "write memory"]
        said = vtysh(router, *commands)
        must(f"vtysh of {router} refused something: {said}", "%" not in said and "nknown" not in said)


def our_lines(router):
    return [l for l in vtysh(router, "show running-config").splitlines() if l.startswith("dyncast ")]


def units(*more):
    """systemd takes each unit of our packages as it is, and finds what it starts."""
    names = [name for name in glob.glob("/usr/lib/systemd/system/*dyncast*") if os.path.isfile(name)]
    said = run(["systemd-analyze", "verify", "--man=no", *names])
    must(f"{names} are those of the packages", {os.path.basename(name) for name in names} == {*UNITS, *more})
    must(f"systemd-analyze verify: {said}", not re.search("dyncast", said))


def test_agent():
    run("dyncast-agent --check /usr/share/doc/frr-dyncast-agent/examples/dyncast-agent.conf.example")
    with open("/etc/dyncast-agent.conf", "w", encoding="utf-8") as file:
        file.write(AGENT)
    run("dyncast-agent --check /etc/dyncast-agent.conf")
    # as the unit runs it: nobody, but of the group frr
    command = ["ip", "netns", "exec", "e1", "setpriv", "--reuid=nobody", "--regid=nogroup", "--groups=frr",
               "/usr/sbin/dyncast-agent"]  # fmt: skip
    os.chmod("/etc/dyncast-agent.conf", 0o640)
    shutil.chown("/etc/dyncast-agent.conf", "frr", "frr")
    with subprocess.Popen(command) as agent:
        stop_server("a2")
        wait_for_answers("flows leave the instance that the agent finds dead", {"a1"})
        start_server("a2")
        wait_for_answers("flows return to it", {"a1", "a2"})
        must("the agent runs", agent.poll() is None)
        agent.send_signal(signal.SIGTERM)
        must("the agent ends well", agent.wait(30) == 0)


def reload():
    """frr-reload.py: lines of frr.conf that come, are changed, and go."""
    path = "/etc/frr/e1/frr.conf"
    with open(path, encoding="utf-8") as file:
        first = file.read()

    def to(text, how="--reload"):
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        # frrinit.sh of FRR 8 takes the router's name for a file's in this case
        return run(
            ["/usr/lib/frr/frr-reload.py", how, path, "-N", "e1", "--confdir", "/etc/frr/e1"]
        )

    def lines(text):
        return sorted(line for line in text.splitlines() if line.startswith("dyncast "))

    drain = "dyncast service video instance a2 drain"
    before = our_lines("e1")
    must("--test says what it would do", drain in to(first + drain + "\n", "--test"))
    must("and does not do it", our_lines("e1") == before)
    to(first + drain + "\n")
    must("the reload took the line", drain in our_lines("e1"))
    wait_for_answers("no new flow at an instance that is drained", {"a1"})
    to(first)
    must("the reload took it back", our_lines("e1") == before)
    wait_for_answers("flows at both again", {"a1", "a2"})
    changed = first.replace("capacity 100 sid 18", "capacity 55 sid 18")
    must("there is a line to change", changed != first)
    to(changed)
    must("the reload changed the line", sorted(our_lines("e1")) == lines(changed))
    to(first)
    must("and changed it back", our_lines("e1") == before)
    wait_for_answers("flows at both again", {"a1", "a2"})


def stop_routers():
    for router in ROUTERS:
        run([FRR_INIT, "stop", router])
        must(f"{router} has ended", not pid_of(router, "zebra"))


def end_everything():
    """Nothing of the test runs on when it has failed; watchfrr first."""
    for path in sorted(glob.glob("/run/frr/*/*.pid"), key=lambda path: "watchfrr" not in path):
        pid = pid_of(*path.removesuffix(".pid").split("/")[3:])
        if pid:
            os.kill(pid, signal.SIGKILL)
    for node in ROUTERS + HOSTS:
        for pid in re.findall(r"^\d+$", run(f"ip netns pids {node}", check=False), re.M):
            os.kill(int(pid), signal.SIGKILL)


def stop_network():
    for instance in list(servers):
        stop_server(instance)
    for node in ROUTERS + HOSTS:
        run(f"ip netns del {node}", check=False)


def reboot():
    """What a boot finds: no namespace, no mount, nothing in /run."""
    stop_routers()
    stop_network()
    for path in our_pins():
        run(["umount", path])
    for path in glob.glob("/run/frr/*"):
        shutil.rmtree(path, ignore_errors=True)
    build_network()
    run("systemctl restart frr")
    wait_for_answers("traffic after a boot", {"a1", "a2"})


def make_later_packages():
    """The same packages with a higher version, in the place of the first."""
    for path in glob.glob(os.path.join(TOP, "build/package/frr-dyncast*.deb")):
        folder = "/tmp/repack"
        shutil.rmtree(folder, ignore_errors=True)
        run(["dpkg-deb", "-R", path, folder])
        control = os.path.join(folder, "DEBIAN/control")
        with open(control, encoding="utf-8") as file:
            text = file.read()
        version = re.search(r"^Version: (.*)$", text, re.M).group(1)
        with open(control, "w", encoding="utf-8") as file:
            file.write(text.replace(version, version + "+later"))
        run(["dpkg-deb", "-b", folder, path.replace("_" + version, "_" + version + "+later")])
        os.unlink(path)


def main():
    steps = blocks()
    must(f"the README has install, upgrade and remove: {list(steps)}", {"install", "upgrade", "remove"} == set(steps))
    # the packages are copied: what is made of them goes with the root
    shutil.copytree(os.path.join(TOP, "build/package"), "/tmp/package")
    run(["mount", "--bind", "/tmp/package", os.path.join(TOP, "build/package")])
    stand_ins()
    build_network()
    before = files()
    with open("/etc/frr/daemons", encoding="utf-8") as file:
        daemons = file.read()

    say("== refuse a vtysh that is diverted")
    install_packages.check_refused(sys.modules[__name__])

    say("== install")
    must("nobody answers yet", not {"a1", "a2"} & set(flows(1)))
    told = follow(steps["install"])
    wait_for("the modules are loaded", modules_run)
    say("== install again, as whoever is not sure of having done it")
    with open("/etc/frr/daemons", encoding="utf-8") as file:
        first = file.read()
    follow(steps["install"])
    with open("/etc/frr/daemons", encoding="utf-8") as file:
        must("/etc/frr/daemons has each module once", file.read() == first)
    wait_for("the modules are loaded", modules_run)
    install_packages.check_upgrades_of_frr(sys.modules[__name__])

    say("== configure by vtysh")
    configure()
    wait_for_answers("traffic to both instances", {"a1", "a2"})
    lines = {router: our_lines(router) for router in ROUTERS}
    must(f"running-config has our lines: {lines}", len(lines["e1"]) == 4 and lines["r1"] == ["dyncast ingress r1-c1"])
    explained = show("r1", f"show dyncast explain {SERVICE}/32")
    must(f"r1 knows both candidates: {explained}", "a1" in str(explained) and "a2" in str(explained))
    must("zebra has BPF maps", any(kind == "map" for kind, _ in bpf_objects()))

    units()
    say("== agent")
    test_agent()
    say("== exporter")
    install_exporter.check(sys.modules[__name__], "r1", SERVICE + "/32")
    say("== netconf")
    install_netconf.check(sys.modules[__name__], "e1")
    say("== reload")
    reload()
    say("== boot")
    reboot()
    must("a boot has the configuration", {r: our_lines(r) for r in ROUTERS} == lines)

    say("== mgmtd")
    install_mgmtd.check(sys.modules[__name__], "e1", "r1", told)

    say("== upgrade")
    make_later_packages()
    follow(steps["upgrade"])
    versions = run("dpkg-query -W -f '${Version} ' frr-dyncast frr-dyncast-agent frr-dyncast-netconf").split()
    must(f"the later version is there: {versions}", [v.endswith("+later") for v in versions] == [True] * 3)
    wait_for("the modules are loaded", modules_run)
    wait_for_answers("traffic after the upgrade", {"a1", "a2"})
    must("an upgrade keeps the configuration", {r: our_lines(r) for r in ROUTERS} == lines)

    say("== remove")
    objects = bpf_objects()
    must("there are options", all(os.path.exists(part.DEFAULTS) for part in (install_exporter, install_netconf)))
    must("there was something to remove", objects and our_pins() and all(exists(*o) for o in objects))
    install_packages.frr_came_with_us(sys.modules[__name__])
    follow(steps["remove"])
    install_packages.remove_rest(sys.modules[__name__])
    must("the daemons run without us", all(pid_of(r, d) for r in ROUTERS for d in ("zebra", "bgpd")))
    must("stock vtysh", "dyncast" not in vtysh("r1", "show modules"))
    must_be_clean(before, objects)

    say("== remove while FRR is stopped")
    follow(steps["install"])
    for router in ROUTERS:
        # the first run's lines were lost by nobody: frr.conf has them
        must(f"frr.conf of {router} is the administrator's", "dyncast" in open(f"/etc/frr/{router}/frr.conf", encoding="utf-8").read())
    wait_for_answers("traffic again", {"a1", "a2"})
    objects = bpf_objects()
    stop_routers()
    must("maps stay while zebra is away", our_pins() and any(exists(*o) for o in objects))
    follow([line for line in steps["remove"] if "systemctl" not in line])
    install_packages.remove_rest(sys.modules[__name__])
    must_be_clean(before, objects)
    with open("/etc/frr/daemons", encoding="utf-8") as file:
        must("/etc/frr/daemons is as the administrator had it", file.read() == daemons.replace("bgpd=no", "bgpd=yes", 1))

    stop_network()
    say("install-test: installed, configured, upgraded, removed; nothing is left")


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        main()
    except SystemExit:
        install_state.tell(sys.modules[__name__], ROUTERS)
        raise
    finally:
        end_everything()
