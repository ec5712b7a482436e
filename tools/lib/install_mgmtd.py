# SPDX-License-Identifier: GPL-2.0-or-later
"""mgmtd with the configuration, by the line that the package tells of: a part of
what tools/lib/install_steps.py does in its root.  Steps that follow are with it.
"""

import re

DAEMONS = "/etc/frr/daemons"
OPTIONS = re.compile(r'^mgmtd_options="(.*)"', re.M)


def check(steps, router, other, told):
    """`told`: what the package said when it was installed.  `router` has services."""
    line = re.search(r'mgmtd_options="(.*)"', told)
    if not line:
        steps.say("    FRR's mgmtd has no module in this release")
        return
    lines = {name: steps.our_lines(name) for name in (router, other)}
    with open(DAEMONS, encoding="utf-8") as file:
        text = OPTIONS.sub(r'mgmtd_options="\1 -M mgmtd_dyncast"', file.read())
    steps.must(f"{DAEMONS} has the line by now, but for blanks: {line.group(0)}",
               line.group(1).split() in [options.split() for options in OPTIONS.findall(text)])  # fmt: skip
    with open(DAEMONS, "w", encoding="utf-8") as file:
        file.write(text)
    steps.run("systemctl restart frr")
    for name, before in lines.items():
        steps.wait_for(f"mgmtd of {name} loads its module",
                       lambda: "mgmtd_dyncast" in steps.vtysh(name, "show modules", check=False))  # fmt: skip
        steps.wait_for(f"mgmtd of {name} has the configuration", lambda: managed(steps, name, before))
        steps.must(f"{name} shows it as ever", steps.our_lines(name) == before)
    # the kernel steers as before meanwhile: answers alone do not tell
    steps.wait_for("bgpd has its own lines of frr.conf too",
                   lambda: "Established" in str(steps.show(other, "show bgp summary")))  # fmt: skip
    steps.wait_for_answers("traffic with mgmtd", {"a1", "a2"})

    drain = "dyncast service video instance a2 drain"
    said = steps.vtysh(router, "configure terminal", drain)
    steps.must(f"the command is mgmtd's: {said}", "%" not in said and drain in steps.our_lines(router))
    steps.wait_for_answers("bgpd hears of it", {"a1"})
    steps.vtysh(router, "configure terminal", "no " + drain)
    steps.wait_for_answers("and that it is over", {"a1", "a2"})
    steps.reload()


def lines_of(steps, router, daemon):
    said = steps.run(["vtysh", "-N", router, "-d", daemon, "-c", "show running-config"], check=False)
    return [line for line in said.splitlines() if line.startswith("dyncast ")]


def managed(steps, router, lines):
    """Whether the lines are mgmtd's, and bgpd's and zebra's no more."""
    return lines_of(steps, router, "mgmtd") == lines and not any(
        lines_of(steps, router, daemon) for daemon in ("bgpd", "zebra")
    )
