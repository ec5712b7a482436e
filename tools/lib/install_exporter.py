# SPDX-License-Identifier: GPL-2.0-or-later
"""The exporter of the package, asked as Prometheus asks it: a part of what
tools/lib/install_steps.py does in its root.

dyncast-exporter runs as the package's unit starts it.  Its page is kept for
tools/install-test, which has promtool.
"""

import os
import re
import shlex
import signal
import subprocess

UNIT = "/usr/lib/systemd/system/dyncast-exporter.service"
ENABLED = "/etc/systemd/system/multi-user.target.wants/dyncast-exporter.service"
DEFAULTS = "/etc/default/dyncast-exporter"
PAGE = "build/metrics.txt"
URL = "http://127.0.0.1:9925/metrics"
FETCH = "import sys, urllib.request; sys.stdout.write(urllib.request.urlopen(sys.argv[1], timeout=10).read().decode())"


def unit_command(options):
    """The words of the unit's ExecStart, for a user of no rights but the unit's groups,
    and that which a router with a pathspace wants besides (doc/monitoring.rst)."""
    with open(UNIT, encoding="utf-8") as file:
        text = file.read()
    line = re.search(r"^ExecStart=(.*)$", text, re.M).group(1)
    groups = re.search(r"^SupplementaryGroups=(.*)$", text, re.M).group(1).split() + ["frr"]
    user = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--groups=" + ",".join(groups), "--no-new-privs"]
    return user + shlex.split(line.replace("$DYNCAST_EXPORTER_OPTIONS", options))


def sample(page, name, **labels):
    """The value of the one sample with these labels; None without one."""
    for found in re.finditer(rf"^{name}{{(.*)}} (\S+)$", page, re.M):
        if labels.items() <= dict(re.findall(r'(\w+)="([^"]*)"', found[1])).items():
            return float(found[2])
    return None


def check(steps, router, prefix):
    """Of this router, to which flows for the prefix go.  It stays enabled, and its file
    of options stays: who purges the package has to find both gone."""
    steps.run(["/usr/bin/systemctl", "enable", os.path.basename(UNIT)])
    steps.must("it is enabled", os.path.lexists(ENABLED))
    options = f"--vty-dir /run/frr/{router}"
    with open(DEFAULTS, "w", encoding="utf-8") as file:
        file.write(f'DYNCAST_EXPORTER_OPTIONS="{options}"\n')
    command = ["ip", "netns", "exec", router, *unit_command(options)]
    with subprocess.Popen(command) as exporter:
        try:
            page = steps.wait_for("a page", lambda: fetch(steps, router))
            before = sample(page, "dyncast_service_packets_total", prefix=prefix)
            steps.must("the exporter has the service", before is not None)
            steps.flows()
            page = steps.wait_for("metrics after traffic", lambda: later(steps, router, prefix, before))
            for daemon in ("bgpd", "zebra"):
                steps.must(f"{daemon} answers the exporter", sample(page, "dyncast_up", daemon=daemon) == 1)
            steps.must("both instances are there", all(
                sample(page, "dyncast_instance_share_ratio", prefix=prefix, backend=name) for name in ("a1", "a2")
            ))  # fmt: skip
            steps.must("the exporter runs", exporter.poll() is None)
        finally:
            exporter.send_signal(signal.SIGTERM)
            exporter.wait(30)
    steps.must("the exporter ends well", exporter.returncode == 0)
    steps.must("nobody answers then", not fetch(steps, router))
    with open(os.path.join(steps.TOP, PAGE), "w", encoding="utf-8") as file:
        file.write(page)


def fetch(steps, router):
    """The page, or nothing."""
    said = steps.inside(router, ["python3", "-c", FETCH, URL], check=False)
    return said if said.startswith("# HELP ") else ""


def later(steps, router, prefix, before):
    """A page with more packets than before, or nothing."""
    page = fetch(steps, router)
    now = sample(page, "dyncast_service_packets_total", prefix=prefix)
    return page if now is not None and now > before else ""
