# SPDX-License-Identifier: GPL-2.0-or-later
"""What the parts of `tools/bench control` share: routers, clocks, waiting."""

import contextlib
import os
import time

ASN = 65000
WAIT_S = 120  # until what should happen has not


@contextlib.contextmanager
def running(routers, hosts):
    """A LAN with these routers and hosts, ended whatever happens."""
    # pylint: disable=import-outside-toplevel
    import dyncast_frr
    from dyncast_lan import LanLab

    lab = LanLab("bench-control", routers, hosts)
    try:
        lab.start()
        yield lab
    finally:
        lab.stop()
        dyncast_frr.cleanup()


def cpu_seconds(pid):
    """User and system time of a process.  From the scheduler's own count in
    nanoseconds, not from ticks."""
    total = 0
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/schedstat", encoding="ascii") as stat:
            total += int(stat.read().split()[0])
    return total / 1e9


def anonymous_bytes(pid):
    """What a process has for itself: heap and data, no mapped files or maps."""
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        for line in status:
            if line.startswith("RssAnon:"):
                return int(line.split()[1]) * 1024
    raise RuntimeError(f"no RssAnon of {pid}")


def wait_until(what, condition, every, seconds=WAIT_S):
    """Polls: what is measured here has no event that a reader could wait for."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise RuntimeError(f"not within {seconds} s: {what}")
        time.sleep(every)


def wait_idle(pid, limit=0.03):
    """Until a process has used next to nothing for half a second."""
    last = [cpu_seconds(pid), time.monotonic()]

    def rested():
        now, at = cpu_seconds(pid), time.monotonic()
        if at - last[1] < 0.5:
            return False
        used = now - last[0]
        last[:] = now, at
        return used < limit

    wait_until("the queues to be empty", rested, 0.1)
