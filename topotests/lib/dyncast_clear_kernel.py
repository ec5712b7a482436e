# SPDX-License-Identifier: GPL-2.0-or-later
"""zebra-dyncast/clear-kernel, which the package runs at its removal, on a router
of a Lab: all of it, or a single step."""

import os

SCRIPT = os.path.join(os.path.dirname(__file__), "../../zebra-dyncast/clear-kernel")


def run_step(lab, router, name):
    """Call one of its functions, in the router's namespaces."""
    with open(SCRIPT, encoding="utf-8") as script:
        source = script.read()
    # behind the check of what runs, before the walk through the routers
    functions = source[source.index("clear_filters() {") : source.index("\nfor run in")]
    path = os.path.join(lab.logdir, name)
    with open(path, "w", encoding="utf-8") as out:
        out.write(f"status=0\n{functions}\n{name}\nexit $status\n")
    lab.cmd(router, f"sh {path}")


def run_all(lab, router):
    """As the package does; the router sees its own /run/frr alone.  What it said."""
    return lab.cmd(router, f"sh {SCRIPT} 2>&1")
