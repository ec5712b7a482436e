# SPDX-License-Identifier: GPL-2.0-or-later
"""pytest configuration of our topotests.

    sudo python3 -m pytest topotests

FRR's topotest library comes from the prepared source (lib/dyncast_frr.py).
Logs of daemons, servers and tests: $DYNCAST_RUNDIR, /tmp/dyncast-topotests by
default.  Tests of a module share one topology and run in order; after a
failure the rest of the module still runs, so each test says what it needs.
With pytest-xdist modules run side by side (-n 2 --dist loadfile), each worker
in a folder of its own below that one.
"""

import os
import sys

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "lib"))

# pylint: disable=wrong-import-position
import dyncast_frr

# what FRR's release cannot have is no test of it
collect_ignore = []
if not os.path.exists(os.path.join(dyncast_frr.MODULES, "mgmtd_dyncast.so")):
    collect_ignore.append("dyncast_mgmtd")

WORKER = os.environ.get("PYTEST_XDIST_WORKER", "")
RUNDIR = os.path.join(os.environ.get("DYNCAST_RUNDIR", "/tmp/dyncast-topotests"), WORKER)


def pytest_configure(config):
    if config.getoption("--collect-only"):
        return
    if os.geteuid() != 0:
        pytest.exit("topotests make namespaces: run them as root", 2)
    os.environ.setdefault("PYTEST_XDIST_MODE", "no")
    os.environ.setdefault("PYTEST_TOPOTEST_WORKER", "")
    dyncast_frr.prepare(RUNDIR)


def pytest_runtest_logstart(nodeid, location):
    dyncast_frr.log_start(nodeid, location)


def pytest_runtest_logfinish(nodeid, location):
    dyncast_frr.log_finish(nodeid, location)


def pytest_runtest_setup(item):
    folder = os.path.dirname(os.path.abspath(item.module.__file__))
    os.environ["PYTEST_TOPOTEST_SCRIPTDIR"] = folder


@pytest.fixture(scope="session", autouse=True)
def no_leftovers():
    """Whatever a test left running dies with the session, and only that."""
    yield
    dyncast_frr.cleanup()
    if dyncast_frr.sanitized.MODULES:
        dyncast_frr.sanitized.expect_none(RUNDIR)


@pytest.fixture(scope="module")
def lab_of(request):
    """A function that builds and starts the topology of a test module."""
    labs = []

    def build(kind=None, **kwargs):
        from dyncast_topology import Lab  # pylint: disable=import-outside-toplevel

        # FRR's library has one topology at a time
        for former in labs:
            former.stop()
        lab = (kind or Lab)(request.module.__name__, **kwargs)
        labs.append(lab)
        lab.start()
        return lab

    yield build
    for lab in labs:
        lab.stop()
