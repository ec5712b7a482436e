# SPDX-License-Identifier: GPL-2.0-or-later
"""What dpkg and apt do with the packages beyond the README's commands: a part of
what tools/lib/install_steps.py does in its root.
"""

import glob
import os
import re
import shutil

VTYSH = "/usr/bin/vtysh"
# of FRR; as on a router to which apt brought them with frr-dyncast
FRR = "frr frr-pythontools"


def package(steps):
    (found,) = glob.glob(os.path.join(steps.TOP, "build/package/frr-dyncast_*.deb"))
    return found


def apt_would(steps, version):
    """What apt would do who wants FRR of this version."""
    folder = "/tmp/other-frr"
    os.makedirs(folder + "/DEBIAN", exist_ok=True)
    with open(folder + "/DEBIAN/control", "w", encoding="ascii") as file:
        file.write(f"Package: frr\nVersion: {version}\nArchitecture: {steps.run('dpkg --print-architecture').strip()}\n"
                   "Maintainer: nobody <root@localhost>\nDescription: another FRR\n")  # fmt: skip
    steps.run(["dpkg-deb", "-b", folder, folder + ".deb"])
    said = steps.run(["apt-get", "install", "--simulate", folder + ".deb"], check=False)
    shutil.rmtree(folder)
    os.unlink(folder + ".deb")
    return said


def check_upgrades_of_frr(steps):
    """Debian's updates of the FRR that is here come in.  No other release does, a point
    release included, nor does it take the package away whose modules it would not load."""
    release = re.match(r"[0-9.]+", steps.run("dpkg-query -W -f '${Version}' frr")).group(0)
    *first, last = release.split(".")
    following = ".".join([*first, str(int(last) + 1)])
    for version, fits in ((f"{release}-99+deb99u9", True), (f"{release}.1-1", False), (f"{following}-1", False)):
        said = apt_would(steps, version)
        steps.must(f"FRR {version} and the package: {said}", ("\nInst frr " in said) == fits)
        steps.must(f"the package stays: {said}", "Remv frr-dyncast" not in said)


def check_refused(steps):
    """Where the administrator diverts vtysh, the package says so and leaves no trace."""
    steps.run(f"dpkg-divert --local --rename --divert {VTYSH}.frr --add {VTYSH}")
    said = steps.run(["dpkg", "--unpack", package(steps)], check=False)
    steps.must(f"it says what is to be undone: {said}", "Undo that first" in said)
    status = steps.run("dpkg-query -W -f '${Status}' frr-dyncast", check=False)
    steps.must(f"dpkg has nothing to mend: {status}", "installed" not in status or "not-installed" in status)
    steps.must("the diversion is as it was", steps.run(f"dpkg-divert --listpackage {VTYSH}") == "LOCAL\n")
    steps.run(f"dpkg-divert --local --rename --remove {VTYSH}")


def frr_came_with_us(steps):
    """As on a router where nobody named FRR to apt."""
    steps.run(f"apt-mark auto {FRR}")


def remove_rest(steps):
    """What apt brought, which is its own to take away; FRR is not among it."""
    manual = steps.run("apt-mark showmanual").split()
    steps.must("FRR has become the administrator's", "frr" in manual)
    steps.run("apt-mark manual frr-pythontools")
    steps.run("apt-get autoremove -y --purge")
