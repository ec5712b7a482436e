# SPDX-License-Identifier: GPL-2.0-or-later
"""
What the benchmarks share: medians and means and how sure they are, facts about the
machine, the file of results, and the table for people.
"""

import hashlib
import json
import os
import platform
import sys
from math import comb, sqrt


def median(values):
    ordered = sorted(values)
    if not ordered:
        raise ValueError("no samples")
    middle = len(ordered) // 2
    if len(ordered) % 2:
        return ordered[middle]
    return (ordered[middle - 1] + ordered[middle]) / 2


def interval(values, confidence=0.95):
    """
    Bounds of the median that hold whatever the samples' distribution: the
    narrowest pair of order statistics, the same number of samples left out at
    each end, that encloses the median with at least that probability.  All
    there is where there are too few samples.
    """
    ordered = sorted(values)
    n = len(ordered)
    if not n:
        raise ValueError("no samples")
    # Leaving out k at each end misses the median when at most k of n samples
    # lie on one of its sides: comb(n, 0) + ... + comb(n, k) of 2**n cases each.
    out = 0
    missed = 1
    while out < (n - 1) // 2:
        missed += comb(n, out + 1)
        if 2 * missed > (1 - confidence) * 2 ** n:
            break
        out += 1
    return ordered[out], ordered[n - 1 - out]


# Student's distribution, 95 % both sides, for 1, 2, ... degrees of freedom
STUDENT = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228)


def mean(values):
    return sum(values) / len(values)


def mean_interval(values):
    """
    Half of the 95 % confidence interval of the mean of independent samples;
    None for a single one.
    """
    n = len(values)
    if n < 2:
        return None
    middle = mean(values)
    deviation = sqrt(sum((v - middle) ** 2 for v in values) / (n - 1))
    return STUDENT[min(n - 2, len(STUDENT) - 1)] * deviation / sqrt(n)


def ratios(values, bases, cost=None):
    """
    Each round's ratio of what a case took to what its base took in the same
    round, `cost` (two lists: of the case's and of the base's kind) taken off
    both.  Samples of one round belong together: a machine that is slower for a
    while is so for both.
    """
    if len(values) != len(bases):
        raise ValueError("rounds do not pair up")
    of_case, of_base = cost or ([0] * len(values), [0] * len(values))
    net = [(v - c, b - d) for v, c, b, d in zip(values, of_case, bases, of_base, strict=True)]
    if any(b <= 0 for _, b in net):
        raise ValueError("a base takes no longer than making its packets: measure longer")
    return [v / b for v, b in net]


def sha256(path):
    with open(path, "rb") as f:
        return hashlib.sha256(f.read()).hexdigest()


def first_line(path, prefix=""):
    try:
        with open(path) as f:
            for line in f:
                if line.startswith(prefix):
                    return line.removeprefix(prefix).lstrip("\t :").strip()
    except OSError:
        pass
    return ""


def machine():
    return {
        "cpu": first_line("/proc/cpuinfo", "model name"),
        "cpus": os.cpu_count(),
        "memoryKiB": int(first_line("/proc/meminfo", "MemTotal").split()[0]),
        "kernel": platform.release(),
        "machine": platform.machine(),
        "virtual": " hypervisor " in first_line("/proc/cpuinfo", "flags") + " ",
        "load": os.getloadavg()[0],
    }


def write(path, result):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path + ".tmp", "w") as f:
        json.dump(result, f, indent=1)
        f.write("\n")
    os.replace(path + ".tmp", path)


def table(header, rows):
    """text for each column; the first is left-aligned, the others right"""
    widths = [max(len(str(row[i])) for row in [header, *rows]) for i in range(len(header))]
    for row in [header, ["-" * w for w in widths], *rows]:
        cells = [str(cell).rjust(w) for cell, w in zip(row, widths, strict=True)]
        cells[0] = str(row[0]).ljust(widths[0])
        print("  ".join(cells).rstrip())
    sys.stdout.flush()
