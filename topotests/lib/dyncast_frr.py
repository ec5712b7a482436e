# SPDX-License-Identifier: GPL-2.0-or-later
"""FRR's topotest library, made ready for use by our tests and by the demo.

FRR does not package its topotest library, so it is taken from the prepared
source tree (tools/frr-source) and adapted here, from outside:

- a kernel without loadable modules has no /proc/modules;
- Debian 12 builds FRR without pim6d, which the library's diagnosis wants;
- the library tunes the sysctls of the whole machine; we only want limits;
- it makes folders to mount on (/etc/snmp, /run/netns, /tmp/gearlogdir) outside
  of its namespaces, which would be left behind;
- its settings per namespace cost some hundred processes, ours one;
- FRR 10's (munet) goes on when a node's process has left our namespaces, on its
  way to that of all nodes, where it is not yet in one of its own: on a busy
  machine the node's devices and addresses are in ours then.

prepare() is called once, by conftest.py and by tools/demo, before anything of
`lib` is imported.
"""

import os
import pathlib
import resource
import subprocess
import sys
import time

import dyncast_sanitized as sanitized

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("DYNCAST_BUILD") or os.path.join(TOP, "build")
MODULES = sanitized.MODULES or os.path.join(BUILD, "modules")

# The kernel's own choice of source ports.  Tests that choose take others: a
# server never forgets who has sent it a datagram, so a port that comes a second
# time is seen at two servers.
PORTS_BY_KERNEL = (30000, 64999)

NETNS_SYSCTLS = f"""
net.ipv4.conf.all.rp_filter=0
net.ipv4.conf.default.rp_filter=0
net.ipv4.conf.all.forwarding=1
net.ipv4.conf.default.forwarding=1
net.ipv6.conf.all.forwarding=1
net.ipv6.conf.default.forwarding=1
net.ipv4.conf.all.arp_announce=2
net.ipv4.conf.default.arp_announce=2
net.ipv4.conf.all.arp_ignore=1
net.ipv4.conf.default.arp_ignore=1
net.ipv6.conf.all.accept_dad=0
net.ipv6.conf.default.accept_dad=0
net.ipv6.conf.all.keep_addr_on_down=1
net.ipv6.conf.default.keep_addr_on_down=1
net.ipv6.route.skip_notify_on_dev_down=1
net.ipv4.conf.all.ignore_routes_with_linkdown=1
net.ipv6.conf.all.ignore_routes_with_linkdown=1
net.ipv4.fib_multipath_hash_policy=1
net.ipv4.fib_multipath_use_neigh=1
net.ipv4.ip_local_port_range={PORTS_BY_KERNEL[0]} {PORTS_BY_KERNEL[1]}
net.ipv4.tcp_max_syn_backlog=4096
""".split(
    "\n"
)

# the library's options, all at rest; 10.x asks pytest for its own
OPTIONS_8 = {
    "asan_abort": False,
    "gdb_breakpoints": None,
    "gdb_daemons": [],
    "gdb_routers": [],
    "pause": False,
    "pause_on_error": False,
    "shell": [],
    "shell_on_error": False,
    "strace_daemons": [],
    "topology_only": False,
    "valgrind_extra": False,
    "valgrind_memleaks": False,
    "vtysh": [],
    "vtysh_on_error": False,
}
# where zebra of a router has its maps
PINS = "/var/run/frr/dyncast-bpf"
RUNDIR = None  # as given to prepare()


def frr_source():
    """Folder of the prepared FRR source of the installed version."""
    source = os.environ.get("DYNCAST_FRR_SOURCE")
    if not source:
        source = subprocess.check_output(
            [os.path.join(TOP, "tools", "frr-source")], encoding="utf-8"
        ).strip()
        os.environ["DYNCAST_FRR_SOURCE"] = source
    return source


def _frr_folder(rundir):
    """A folder with all of Debian's daemons, and a stub for a missing pim6d."""
    folder = os.path.join(rundir, "frr")
    os.makedirs(folder, exist_ok=True)
    for name in os.listdir("/usr/lib/frr"):
        link = os.path.join(folder, name)
        if not os.path.lexists(link):
            os.symlink(os.path.join("/usr/lib/frr", name), link)
    stub = os.path.join(folder, "pim6d")
    if not os.path.lexists(stub):
        with open(stub, "w", encoding="ascii") as out:
            out.write("#!/bin/sh\nexit 1\n")
        os.chmod(stub, 0o755)
    return folder


def _netns_limits(node):
    settings = [line for line in NETNS_SYSCTLS if line]
    node.cmd_raises(["sysctl", "-q", "-e", "-w"] + settings)


def _process_limits():
    for limit, least in ((resource.RLIMIT_NPROC, 8192), (resource.RLIMIT_NOFILE, 16384)):
        soft, hard = resource.getrlimit(limit)
        if soft != resource.RLIM_INFINITY and soft < least:
            if hard != resource.RLIM_INFINITY:
                hard = max(hard, least)
            resource.setrlimit(limit, (least, hard))


def _skip_mounts(namespace, unwanted):
    """Neither make nor cover these folders."""
    tmpfs, bind = namespace.tmpfs_mount, namespace.bind_mount

    def tmpfs_mount(self, inner):
        if inner not in unwanted:
            tmpfs(self, inner)

    def bind_mount(self, outer, inner):
        if inner not in unwanted:
            bind(self, outer, inner)

    namespace.tmpfs_mount, namespace.bind_mount = tmpfs_mount, bind_mount


def _net_of(pid):
    return os.readlink(f"/proc/{pid}/ns/net")


def _wait_for_namespaces():
    """munet's nodes are there when their process has namespaces of its own."""
    from munet.base import Commander  # pylint: disable=import-outside-toplevel

    start = Commander._popen  # pylint: disable=protected-access

    def popen(self, method, cmd, **kwargs):
        process, words = start(self, method, cmd, **kwargs)
        if isinstance(cmd, list) and "--unshare-flags" in " ".join(cmd):
            others = {_net_of("self"), _net_of(getattr(self, "pid", None) or "self")}
            end = time.monotonic() + 30
            while process.poll() is None and _net_of(process.pid) in others:
                assert time.monotonic() < end, f"{cmd}: no network namespace of its own"
                time.sleep(0.005)
        return process, words

    Commander._popen = popen  # pylint: disable=protected-access


def _options_10(rundir):
    from munet.config import ConfigOptionsProxy  # pylint: disable=import-outside-toplevel

    class Config:
        """What the proxy asks of pytest."""

        def __init__(self):
            self.option = ConfigOptionsProxy.DefNoneObject()
            self.option.rundir = rundir

        def getoption(self, name):
            return rundir if name == "--rundir" else None

    return ConfigOptionsProxy(Config())


def _log_of(nodeid):
    from lib import topolog  # pylint: disable=import-outside-toplevel

    folder = pathlib.Path(RUNDIR, topolog.get_test_logdir(nodeid))
    folder.mkdir(parents=True, exist_ok=True)
    return folder / "exec.log"


def log_start(nodeid, location):
    """A test begins: the library writes its log into a file of its own."""
    from lib import topolog  # pylint: disable=import-outside-toplevel

    if is_8():
        topolog.logstart(nodeid, location, RUNDIR)
    else:
        topolog.logstart(nodeid, _log_of(nodeid))


def log_finish(nodeid, location):
    from lib import topolog  # pylint: disable=import-outside-toplevel

    if is_8():
        topolog.logfinish(nodeid, location)
    else:
        topolog.logfinish(nodeid, _log_of(nodeid))


def cleanup():
    """End what the library's namespaces left running."""
    if is_8():
        from lib.micronet_compat import cleanup_current  # pylint: disable=import-outside-toplevel
    else:
        from munet.cleanup import cleanup_current  # pylint: disable=import-outside-toplevel
    cleanup_current()


def is_8():
    """FRR 8's library has its options in a dictionary, 10's asks pytest."""
    from lib import topotest  # pylint: disable=import-outside-toplevel

    return hasattr(topotest, "g_extra_config")


def prepare(rundir):
    """Import FRR's library and adapt it.  rundir: for everything that runs."""
    root = os.path.join(frr_source(), "tests", "topotests")
    if not os.path.isfile(os.path.join(root, "lib", "topogen.py")):
        sys.exit(f"{root} holds no topotest library: run tools/frr-source")
    if root not in sys.path:
        sys.path.insert(0, root)
    # vtysh with our commands, for everybody who types `vtysh` in a router
    wrapper = os.path.join(BUILD, "vtysh-dyncast")
    paths = os.environ["PATH"].split(":")
    paths += [p for p in ("/usr/sbin", "/sbin") if p not in paths]
    if wrapper not in paths:
        paths.insert(0, wrapper)
    os.environ["PATH"] = ":".join(paths)

    os.makedirs(rundir, exist_ok=True)
    os.chmod(rundir, 0o755)

    from lib import micronet, topogen, topotest  # pylint: disable=import-outside-toplevel

    global RUNDIR  # pylint: disable=global-statement
    RUNDIR = rundir

    topogen.TopoRouter.PRIVATE_DIRS = ["/etc/frr", "/var/run/frr", "/var/log"]
    _skip_mounts(micronet.LinuxNamespace, ("/run/netns", "/tmp/gearlogdir"))
    topotest.module_present = lambda module, load=True: False
    topotest.module_present_linux = topotest.module_present
    topotest.fix_host_limits = _process_limits
    topotest.fix_netns_limits = _netns_limits
    folder = _frr_folder(rundir)
    topogen.tgen_defaults["frrdir"] = folder
    if sanitized.MODULES:
        sanitized.wrap(folder, rundir)
        # the library does not hand on what it was told above
        topotest.Router.daemondir = property(lambda self: folder, lambda self, value: None)
    if is_8():
        topotest.g_extra_config.update(dict(OPTIONS_8, rundir=rundir))
    else:
        topotest.g_pytest_config = _options_10(rundir)
        _wait_for_namespaces()


def bpf_tool(name):
    """A program of tests/bpf that looks at maps from outside."""
    return os.path.join(BUILD, "tests", "bpf", name)
