# SPDX-License-Identifier: GPL-2.0-or-later
"""FRR's own daemons with modules that were built with sanitizers.

$DYNCAST_SANITIZED is the folder of these modules (tools/check sanitized).  The
daemons are not built so, and get the sanitizers' libraries from outside.
"""

import glob
import os
import shutil
import subprocess

MODULES = os.environ.get("DYNCAST_SANITIZED")
DAEMONS = ("zebra", "bgpd", "mgmtd")

# FRR's modules share names on purpose (odr); its daemons drop their privileges,
# after which the leak checker may not look at them (leaks)
WRAPPER = """#!/bin/sh
export LD_PRELOAD={libraries}
export ASAN_OPTIONS=halt_on_error=0:detect_leaks=0:detect_odr_violation=0:log_path={reports}/{daemon}
export UBSAN_OPTIONS=print_stacktrace=1:log_path={reports}/{daemon}-ub
exec /usr/lib/frr/{daemon} "$@"
"""


def _library(name):
    return subprocess.check_output(["gcc", "-print-file-name=" + name], encoding="utf-8").strip()


def wrap(folder, rundir):
    """Daemons of that folder get the sanitizers."""
    reports = os.path.join(rundir, "sanitizers")
    shutil.rmtree(reports, ignore_errors=True)
    os.makedirs(reports)
    os.chmod(reports, 0o1777)
    libraries = _library("libasan.so") + ":" + _library("libubsan.so")
    for daemon in DAEMONS:
        path = os.path.join(folder, daemon)
        if not os.path.lexists(path):
            continue
        os.unlink(path)
        with open(path, "w", encoding="ascii") as out:
            out.write(WRAPPER.format(libraries=libraries, reports=reports, daemon=daemon))
        os.chmod(path, 0o755)


def expect_none(rundir):
    said = []
    for path in sorted(glob.glob(os.path.join(rundir, "sanitizers", "*"))):
        with open(path, encoding="utf-8", errors="replace") as report:
            said.append(path + ":\n" + report.read())
    assert not said, "\n".join(said)
