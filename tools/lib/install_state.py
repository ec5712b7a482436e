# SPDX-License-Identifier: GPL-2.0-or-later
"""What the routers of tools/lib/install_steps.py know, printed when a step failed:
what is asked first of a failure that comes once in many runs."""

import glob

ASKED = ("show dyncast summary", "show dyncast service", "show dyncast instance",
         "show dyncast explain video", "show dyncast history video", "show mgmt backend-adapter all",
         "show bgp ipv4 unicast")  # fmt: skip
LOG_LINES = 40


def tell(steps, routers):
    for router in routers:
        for daemon in ("bgpd", "zebra", "mgmtd"):
            lines = steps.run(
                ["vtysh", "-N", router, "-d", daemon, "-c", "show running-config"], check=False
            ).splitlines()
            ours = [line for line in lines if line.startswith("dyncast ")]
            steps.say(f"    {router} {daemon} {steps.pid_of(router, daemon)}: {'; '.join(ours)}")
        for command in ASKED:
            steps.say(f"    {router}# {command}")
            steps.say(steps.vtysh(router, command, check=False).rstrip())
        for path in glob.glob(f"/var/log/frr/{router}.log"):
            with open(path, encoding="utf-8", errors="replace") as file:
                steps.say(f"    {path}\n" + "".join(file.readlines()[-LOG_LINES:]))
