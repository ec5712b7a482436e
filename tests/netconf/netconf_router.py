# SPDX-License-Identifier: GPL-2.0-or-later
"""A router of daemons with our modules, netconfd with our plugin, and sshd; and
what a client of it says and hears.  $DYNCAST_BUILD names the build's folder."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import xml.etree.ElementTree as tree

import pytest

TOP = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
BUILD = os.path.abspath(os.environ.get("DYNCAST_BUILD", os.path.join(TOP, "build")))
sys.path.insert(0, os.path.join(TOP, "topotests", "lib"))

# pylint: disable=wrong-import-position
from dyncast_model import NAMESPACE, xml_of
from ncclient import manager
from ncclient.operations import RPCError

NS = NAMESPACE
NC = "urn:ietf:params:xml:ns:netconf:base:1.0"
BOUND = 90
HANGS = 30
AGENTS = "/run/frr"
OWNER = {"services": "bgpd", "forwarding": "zebra"}
LISTS = {"service", "instance", "neighbor", "weight-cap", "candidate", "dbid-prefix", "interface"}


def wait_for(what, predicate):
    end = time.monotonic() + BOUND
    while True:
        seen = predicate()
        if seen is True:
            return
        assert time.monotonic() < end, f"{what}: not within {BOUND} s: {seen}"
        time.sleep(0.2)


def document(name, data):
    return xml_of(name, data, NS)


def config(text):
    return f'<config xmlns="{NC}" xmlns:nc="{NC}">{text}</config>'


def data_of(element):
    """An element as the JSON form, all values as text."""
    if len(element) == 0:
        return element.text or ""
    found = {}
    for child in element:
        name = child.tag.split("}")[1]
        if name in LISTS and not (name == "service" and element.tag.endswith("}x")):
            found.setdefault(name, []).append(data_of(child))
        else:
            found[name] = data_of(child)
    return found


def as_text(data):
    if isinstance(data, dict):
        return {key: as_text(value) for key, value in data.items()}
    if isinstance(data, list):
        return [as_text(value) for value in data]
    return str(data).lower() if isinstance(data, bool) else str(data)


def within(data, whole, path=""):
    """Where `whole`, which has state besides, does not say what `data` says."""
    if isinstance(data, dict):
        where = [within(value, whole.get(key), f"{path}/{key}") for key, value in data.items()]
    elif isinstance(data, list):
        where = [None if any(within(one, other) is None for other in whole or ()) else path for one in data]
    else:
        where = [None if data == whole else f"{path}: {whole}"]
    return next((found for found in where if found), None)


class Router:
    """bgpd, zebra, netconfd and sshd in a folder."""

    def __init__(self, folder):
        self.folder = folder
        self.procs = {}
        for module in ("bgpd_dyncast.so", "zebra_dyncast.so", "libfrr-dyncast.so"):
            shutil.copy(os.path.join(BUILD, "modules", module), folder)
        os.mkdir(self.path("run"), 0o750)
        self.write("bgpd.conf", "router bgp 65000\n bgp router-id 192.0.2.1\n")
        self.write("zebra.conf", "dyncast hold 7\n")
        for path in ("", "run", "bgpd.conf", "zebra.conf"):
            shutil.chown(self.path(path), "frr" if path != "run" else "root", "frr")

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text):
        with open(self.path(name), "w", encoding="ascii") as out:
            out.write(text)

    def start(self, name, argv, **kwargs):
        with open(self.path(name + ".out"), "ab") as log:
            self.procs[name] = subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, **kwargs
            )

    def stop(self, name, how=signal.SIGTERM):
        proc = self.procs.pop(name, None)
        if proc:
            proc.send_signal(how)
            try:
                proc.wait(20)
            except subprocess.TimeoutExpired:
                proc.kill()
                proc.wait()

    def start_daemon(self, daemon):
        argv = [f"/usr/lib/frr/{daemon}", "-u", "frr", "-g", "frr", "-f", self.path(daemon + ".conf"),
                "-i", self.path(daemon + ".pid"), "-z", self.path("zserv.api"),
                "--vty_socket", self.folder, "-M", self.path(daemon + "_dyncast.so"),
                "--log", "file:" + self.path(daemon + ".log")]  # fmt: skip
        if daemon == "bgpd":
            argv += ["-l", "127.0.0.1"]
        self.start(daemon, argv)
        wait_for(daemon, lambda: self.answers(daemon))

    def answers(self, daemon):
        try:
            return "FRRouting" in self.ask(daemon, "show version")
        except OSError as error:
            return str(error)

    def ask(self, daemon, *commands):
        said = ""
        with socket.socket(socket.AF_UNIX) as vty:
            vty.settimeout(BOUND)
            vty.connect(self.path(daemon + ".vty"))
            for command in ("enable",) + commands:
                vty.sendall(command.encode() + b"\0")
                answer = b""
                while answer[-4:-1] != b"\0\0\0":
                    data = vty.recv(65536)
                    if not data:
                        raise OSError("closed")
                    answer += data
                said += answer[:-4].decode()
        return said

    def notifications(self, daemon, which):
        text = self.ask(daemon, f"show dyncast notifications {which} json")
        return json.loads(text)

    def lines(self, daemon):
        text = self.ask(daemon, "show running-config")
        return sorted(line for line in text.splitlines() if line.startswith("dyncast "))

    def start_netconfd(self, *options):
        environ = dict(os.environ, DYNCAST_VTYDIR=self.folder, DYNCAST_NETCONF_RUNDIR=self.path("run"))
        socket_path = self.path("ncx.sock")
        if os.path.exists(socket_path):
            os.remove(socket_path)
        modpath = ":".join(
            ("/usr/share/yuma/modules", os.path.join(TOP, "yang"), os.path.join(TOP, "netconf"))
        )
        argv = ["/usr/sbin/netconfd", "--module=frr-dyncast", "--deviation=frr-dyncast-netconfd",
                "--modpath=" + modpath, "--runpath=" + self.folder, "--no-startup", "--superuser=root",
                "--ncxserver-sockname=" + socket_path, *options]  # fmt: skip
        self.start("netconfd", argv, env=environ, group="frr", cwd=self.folder)
        wait_for("netconfd", lambda: os.path.exists(socket_path) or self.log("netconfd.out"))

    def start_sshd(self):
        for key in ("host", "user"):
            subprocess.check_call(
                ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.path(key)]
            )
        self.write(
            "sshd.conf",
            f"Port 830\nListenAddress 127.0.0.1\nHostKey {self.path('host')}\n"
            f"AuthorizedKeysFile {self.path('user.pub')}\nPidFile none\nStrictModes no\nUsePAM no\n"
            # no quotes: since 9.5 they would make it one word
            "PermitRootLogin yes\nSubsystem netconf "
            f"/usr/sbin/netconf-subsystem --ncxserver-sockname=830@{self.path('ncx.sock')}\n",
        )
        os.makedirs("/run/sshd", exist_ok=True)
        self.start("sshd", ["/usr/sbin/sshd", "-D", "-e", "-f", self.path("sshd.conf")])

    def log(self, name):
        with open(self.path(name), encoding="utf-8", errors="replace") as log:
            return log.read()[-3000:]

    def client(self):
        end = time.monotonic() + BOUND
        while True:
            try:
                return manager.connect(
                    host="127.0.0.1", port=830, username="root", key_filename=self.path("user"),
                    password="none", hostkey_verify=False, look_for_keys=False, allow_agent=False,
                    timeout=BOUND,
                )  # fmt: skip
            except Exception as error:  # pylint: disable=broad-except
                # sshd or netconfd are not there yet
                assert time.monotonic() < end, f"{error}: {self.log('sshd.out')}"
                time.sleep(0.3)

    def end(self):
        for name in ("netconfd", "sshd", "bgpd", "zebra"):
            self.stop(name)


def edit(client, text, target="candidate"):
    client.edit_config(target=target, config=config(text))


def running(client, name, get=False):
    """Our container; its values as text."""
    question = ("subtree", f'<{name} xmlns="{NS}"/>')
    reply = client.get(filter=question) if get else client.get_config("running", filter=question)
    found = tree.fromstring(reply.data_xml).find(f"{{{NS}}}{name}")
    return data_of(found) or {} if found is not None else {}


def refused(call, *args):
    with pytest.raises(RPCError) as error:
        call(*args)
    return error.value.message


def empty(client):
    for name in OWNER:
        if running(client, name):
            edit(client, f'<{name} xmlns="{NS}" nc:operation="remove"/>')
    client.commit()
