# SPDX-License-Identifier: GPL-2.0-or-later
"""The package of the NETCONF plugin, installed and asked: a part of what
tools/lib/install_steps.py does in its root.

netconfd runs as the package's unit starts it; the client is netconf-subsystem,
which sshd would have started, spoken to on its standard input and output.
"""

import contextlib
import os
import re
import select
import shlex
import shutil
import signal
import socket
import subprocess
import xml.etree.ElementTree as tree

UNIT = "/usr/lib/systemd/system/frr-dyncast-netconf.service"
DEFAULTS = "/etc/default/frr-dyncast-netconf"
SOCKET = "/tmp/ncxserver.sock"
RUN = "/run/frr-dyncast-netconf"
BASE = "urn:ietf:params:xml:ns:netconf:base:1.0"
CAPABILITY = "urn:ietf:params:netconf:base:1.0"
OURS = "{urn:frr-dyncast:yang:frr-dyncast}"
END = b"]]>]]>"
SILENT_S = 30


class Client:
    """One session of NETCONF 1.0."""

    def __init__(self):
        # what sshd tells its subsystems
        environ = dict(os.environ, SSH_CONNECTION="127.0.0.1 50000 127.0.0.1 830", USER="root", LOGNAME="root")
        self.process = subprocess.Popen(  # pylint: disable=consider-using-with
            ["/usr/sbin/netconf-subsystem"], env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self.rest = b""
        try:
            self.send(f'<hello xmlns="{BASE}"><capabilities><capability>{CAPABILITY}</capability></capabilities></hello>')
            self.hello = self.receive()
        except BrokenPipeError:
            self.hello = ""

    def send(self, text):
        self.process.stdin.write(text.encode() + END)
        self.process.stdin.flush()

    def receive(self):
        """The next message; nothing when the server is gone, or silent for long."""
        while END not in self.rest:
            if not select.select([self.process.stdout], [], [], SILENT_S)[0]:
                return ""
            data = os.read(self.process.stdout.fileno(), 65536)
            if not data:
                return ""
            self.rest += data
        text, self.rest = self.rest.split(END, 1)
        return text.decode()

    def ask(self, operation):
        """The reply as an element; None when there is none."""
        self.send(f'<rpc xmlns="{BASE}" message-id="1">{operation}</rpc>')
        text = self.receive().strip()
        return tree.fromstring(text) if text else None

    def close(self):
        self.ask("<close-session/>")
        self.end()

    def end(self):
        try:
            self.process.stdin.close()
        except BrokenPipeError:
            pass
        self.process.stdout.close()
        self.process.wait(30)


def unit_command(options):
    """The words of the unit's ExecStart."""
    with open(UNIT, encoding="utf-8") as file:
        text = file.read().replace("\\\n", " ")
    line = re.search(r"^ExecStart=(.*)$", text, re.M).group(1)
    return shlex.split(line.replace("$DYNCAST_NETCONF_OPTIONS", options))


def listens():
    """Whether somebody does: the socket is there before that."""
    with socket.socket(socket.AF_UNIX) as connection:
        try:
            connection.connect(SOCKET)
        except OSError:
            return False
    return True


@contextlib.contextmanager
def server(steps, command, environ):
    """netconfd by this command, listening; what it said, when that fails."""
    with open("/tmp/netconfd.log", "w+", encoding="utf-8", errors="replace") as log, subprocess.Popen(
        command, env=environ, stdin=subprocess.DEVNULL, stdout=log, stderr=log
    ) as process:
        try:
            steps.wait_for("netconfd", lambda: listens() or process.poll() is not None)
            steps.must("netconfd runs", process.poll() is None)
            yield
        except SystemExit:
            log.seek(0)
            steps.say(f"netconfd ({process.poll()}): {log.read()[-3000:]}")
            raise
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(30)
            with contextlib.suppress(OSError):
                os.unlink(SOCKET)


def check(steps, router):
    """Of this router, with `run`, `must` and `wait_for` of steps.  The package stays, and
    its file of options: the upgrade has to take it along, and the removal to find both."""
    steps.run("apt-get install -y ./build/package/frr-dyncast-netconf_*.deb", cwd=steps.TOP)
    steps.units(os.path.basename(UNIT))
    with open(DEFAULTS, "w", encoding="utf-8") as file:
        file.write('DYNCAST_NETCONF_OPTIONS="--superuser=root"\n')
    os.makedirs(RUN, mode=0o750)
    shutil.chown(RUN, "root", "frr")
    environ = dict(os.environ, DYNCAST_VTYDIR="/run/frr/" + router, HOME="/root")
    stock = ["netconfd", "--modpath=/usr/share/yuma/modules", "--no-startup", "--log-level=warn"]
    with server(steps, stock, environ):
        client = Client()
        client.end()
    if client.hello:
        ours = unit_command("--superuser=root")
        with server(steps, ["setpriv", "--regid=frr", "--groups=frrvty", *ours], environ):
            exchange(steps, router)
    else:
        steps.say("    Debian's netconfd greets nobody here, without our plugin neither: not asked")
    shutil.rmtree(RUN, ignore_errors=True)


def session(steps):
    """A client that is answered.  netconfd 2.14 once took a session's hello and
    first question together, and was silent until there was more."""
    for _ in range(3):
        client = Client()
        steps.must(f"the server knows the model: {client.hello}", "frr-dyncast?" in client.hello)
        if client.ask("<get-config><source><running/></source></get-config>") is not None:
            return client
        steps.say("    netconfd does not answer: another session")
        client.process.kill()
        client.end()
    return steps.fail("netconfd answers nobody")


def exchange(steps, router):
    client = session(steps)

    def configured():
        """{service: instances}, of both the configuration and the state"""
        found = client.ask(f'<get><filter type="subtree"><services xmlns="{OURS[1:-1]}"/></filter></get>')
        steps.must("the server answers", found is not None)
        return {
            service.findtext(OURS + "name"): sorted(i.findtext(OURS + "name") for i in service.iter(OURS + "instance"))
            for service in found.iter(OURS + "service")
        }

    steps.must(f"get has what was typed into vtysh: {configured()}", configured() == {"video": ["a1", "a2"]})
    edit = (
        f'<edit-config><target><candidate/></target><config><services xmlns="{OURS[1:-1]}"><service><name>video</name>'
        "<instance><name>a2</name><drain>%s</drain></instance></service></services></config></edit-config>"
    )
    before = steps.our_lines(router)
    line = "dyncast service video instance a2 drain"
    for value in ("true", "false"):
        for operation in (edit % value, "<commit/>"):
            reply = client.ask(operation)
            steps.must(f"{operation} is done: {tree.tostring(reply)}", reply.find(f"{{{BASE}}}ok") is not None)
        steps.must("the commit is in force", (line in steps.our_lines(router)) == (value == "true"))
    steps.must("and taken back", steps.our_lines(router) == before)
    client.close()
