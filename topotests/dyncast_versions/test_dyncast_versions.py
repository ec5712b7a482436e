# SPDX-License-Identifier: GPL-2.0-or-later
r"""Modules of two versions, as after an upgrade and the restart of one daemon: both
say so where an operator looks first.

    r1  bgpd with its module, a zebra without
    r2  zebra with its module, a bgpd without
"""

import pytest

import dyncast_opaque as opaque
from dyncast_lan import LanLab, Router
from dyncast_topology import wait_for
from dyncast_traffic import Process

OURS = {"r1": "bgpd", "r2": "zebra"}
OTHER = 99


class Halves(LanLab):
    def start_router(self, router):
        both = self.modules
        self.modules = {OURS[router]: both[OURS[router]]}
        super().start_router(router)
        self.modules = both


@pytest.fixture(scope="module")
def lab(request):
    lab = Halves(request.module.__name__, {"r1": Router(1), "r2": Router(2)}, {})
    request.addfinalizer(lab.stop)
    lab.start()
    return lab


def warnings(lab, router):
    """Those of the first look."""
    answer = lab.json(router, "show dyncast summary json")
    return (answer.get(OURS[router]) or answer).get("warnings", [])


def warns(lab, router, *words):
    found = warnings(lab, router)
    return any(all(word in text for word in words) for text in found) or f"{router}: {found}"


@pytest.mark.parametrize(
    "router,to,other",
    [("r1", opaque.TO_BGPD, "zebra_dyncast"), ("r2", opaque.TO_ZEBRA, "bgpd_dyncast")],
    ids=["bgpd", "zebra"],
)
def test_other_version(lab, router, to, other):
    wait_for("nobody", lambda: warns(lab, router, other, "is silent"))
    process = Process(lab, router, other, opaque.arguments(to, OTHER))
    wait_for("the version", lambda: warns(lab, router, f"{other} speaks version {OTHER}", "systemctl restart frr"))
    assert warns(lab, router, "is silent") is not True
    # the daemon that has no module here knows no such command
    asked = f"vtysh -d {OURS[router]} -c 'show dyncast %s'"
    assert "of another version" in lab.cmd(router, asked % "summary")
    if router == "r1":
        assert "zebra_dyncast: of another version" in lab.cmd(router, asked % "bgp")
    process.stop()


def test_daemons_survived(lab):
    lab.expect_alive()
