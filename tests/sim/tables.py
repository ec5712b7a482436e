#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Print the tables of doc/steering.rst from the simulator's files, or put them there.

    tables.py FOLDER [DOCUMENT]
"""

import contextlib
import csv
import io
import json
import os
import sys

BEGIN = ".. tables of tests/sim/tables.py"
END = ".. end of the tables"
CHOSEN = [0, 1, 2, 3, 4, 6, 8, 10, 12, 15, 25, 39]  # windows after a change
POLICIES = ["spread", "capacity", "random", "p2c", "best"]
AGES = ["1", "25", "250", "2500"]


def rows(folder, name):
    with open(os.path.join(folder, name), newline="") as file:
        return list(csv.DictReader(file))


def worst(grid):
    """The bars of the grid, by load: the worst of all ages and sites."""
    print("spread, 16 workers, the worst cell of all ages, site counts and capacities:\n")
    body = []
    for name, key, known in (
        ("of the oracle's, known", "ratioToOracle", "true"),
        ("of the oracle's, unknown", "ratioToOracle", "false"),
        ("of capacity weights', known", "ratioToCapacity", "true"),
        ("of capacity weights', unknown", "ratioToCapacity", "false"),
        ("of equal random's, known", "ratioToRandom", "true"),
        ("of equal random's, unknown", "ratioToRandom", "false"),
    ):
        body.append(
            [name]
            + [
                number(
                    max(
                        float(row[key])
                        for row in grid
                        if (row["policy"], row["workers"], row["known"], row["load"])
                        == ("spread", "16", known, load)
                    )
                )
                for load in loads(grid)
            ]
        )
    table(["Mean response"] + ["load " + load for load in loads(grid)], body)


def table(head, body):
    widths = [max(len(line[i]) for line in [head] + body) for i in range(len(head))]
    rule = "  ".join("=" * width for width in widths)
    text = [rule]
    for line in [head, None] + body + [None]:
        text.append(
            rule
            if line is None
            else "  ".join(c.ljust(w) for c, w in zip(line, widths)).rstrip()
        )
    print("\n".join(text) + "\n")


def loads(grid):
    """Those that were run: --quick leaves some out."""
    return list(dict.fromkeys(row["load"] for row in grid if row["workers"] == "16"))


def number(text):
    value = float(text)
    return "%.2f" % value if value < 10 else "%.0f" % value


def by_policy(grid):
    print("Mean response of the oracle's; 3 sites x 16 workers, load 0.8, age 25:\n")
    body = []
    for capacity in ("equal", "unequal"):
        for policy in ["spread"] + POLICIES:
            known = "true" if policy != "spread" or len(body) % 6 == 0 else "false"
            for row in grid:
                if (
                    (row["sites"], row["workers"], row["load"]) == ("3", "16", "0.80")
                    and row["ageServiceTimes"] == "25"
                    and row["capacity"] == capacity
                    and row["policy"] == policy
                    and row["known"] == known
                ):
                    name = policy
                    if policy == "spread":
                        name += ", known" if known == "true" else ", unknown"
                    body.append(
                        [
                            capacity,
                            name,
                            number(row["ratioToOracle"]),
                            "%.2f" % float(row["ratioToOracleCi"]),
                        ]
                    )
    table(["Capacity", "Policy", "Of the oracle's", "+-"], body)


def by_age(grid):
    print("By age of the metrics; 3 sites x 16 workers, load 0.8, equal capacity:\n")
    body = []
    for policy in POLICIES:
        line = [policy]
        for age in AGES:
            for row in grid:
                if (
                    (row["sites"], row["workers"], row["load"]) == ("3", "16", "0.80")
                    and row["ageServiceTimes"] == age
                    and row["capacity"] == "equal"
                    and row["policy"] == policy
                    and row["known"] == "false"
                ):
                    line.append(number(row["ratioToOracle"]))
        body.append(line)
    table(["Policy"] + ["age " + age for age in AGES], body)


def by_load(grid):
    print("spread, capacity unknown, of exact capacity weights' (of the oracle's):\n")
    body = []
    for sites in ("3", "8"):
        for capacity in ("equal", "unequal"):
            for age in AGES:
                line = [sites, capacity, age]
                for load in loads(grid):
                    for row in grid:
                        if (
                            row["sites"] == sites
                            and row["workers"] == "16"
                            and row["capacity"] == capacity
                            and row["ageServiceTimes"] == age
                            and row["load"] == load
                            and row["policy"] == "spread"
                            and row["known"] == "false"
                        ):
                            line.append(
                                "%.2f (%.2f)"
                                % (
                                    float(row["ratioToCapacity"]),
                                    float(row["ratioToOracle"]),
                                )
                            )
                body.append(line)
    table(["Sites", "Capacity", "Age"] + ["load " + load for load in loads(grid)], body)


def oscillation(folder):
    data = rows(folder, "sim-oscillation.csv")
    print("Largest standard deviation of a site's share of slots, percent of all:\n")
    body = []
    for routers in ("1", "4", "16"):
        line = [routers]
        for age in AGES:
            line.append(
                "%.2f"
                % max(
                    100 * float(r["shareStd"])
                    for r in data
                    if (r["routers"], r["ageServiceTimes"], r["wanted"]) == (routers, age, "1.0")
                )
            )
        body.append(line)
    table(["Ingresses"] + ["age " + age for age in AGES], body)


def change(folder):
    data = rows(folder, "sim-change.csv")
    print("A site of three loses half of its workers at load 0.6; mean response in service")
    print("times by metric interval after it (by ten intervals at age 1), capacity unknown:\n")
    body = []
    for age in AGES:
        found = [
            row
            for row in data
            if (row["change"], row["known"], row["ageServiceTimes"]) == ("half", "false", age)
        ]
        for name in ("spread", "capacity", "oracle"):
            body.append(
                [age if name == "spread" else "", name]
                + [number(found[i][name]) for i in CHOSEN]
            )
    table(["Age", "Policy"] + [str(i) for i in CHOSEN], body)


def others(folder):
    print("Other jobs, 3 unequal sites, age 25, capacity unknown to spread; mean")
    print("response in service times:\n")
    data = rows(folder, "sim-services.csv")
    names = ["oracle"] + POLICIES
    body = []
    for jobs in dict.fromkeys(row["jobs"] for row in data):
        for load in ("0.40", "0.60"):
            found = {
                row["policy"]: number(row["meanServiceTimes"])
                for row in data
                if row["jobs"] == jobs and row["load"] == load
            }
            body.append([jobs, load] + [found[name] for name in names])
    table(["Jobs", "Load"] + names, body)

    print("Sites half a service time apart, 16 workers each, age 25; mean response")
    print("with the network, in service times:\n")
    data = rows(folder, "sim-network.csv")
    names = ["oracle", "spread", "capacity", "nearest", "best"]
    body = []
    for routers in ("1", "3"):
        for load in dict.fromkeys(row["load"] for row in data):
            found = {
                row["policy"]: number(row["meanServiceTimes"])
                for row in data
                if row["routers"] == routers and row["load"] == load
            }
            body.append([routers, load] + [found[name] for name in names])
    table(["Ingresses", "Load"] + names, body)


def four(folder):
    print("8 equal sites of 4 workers, load 0.8, of the oracle's.  Feedback knows all queues")
    print("exactly, but only when others are told (with the best of five gains); by turns,")
    print("each ingress sends one request after the other to the next site:\n")
    body = [
        [row["ageServiceTimes"]]
        + [number(row[name]) for name in ("capacity", "spread", "feedback", "turns")]
        for row in rows(folder, "sim-four.csv")
    ]
    table(["Age", "capacity", "spread", "feedback", "by turns"], body)


def bars(folder):
    with open(os.path.join(folder, "sim.json")) as file:
        data = json.load(file)
    print("Bars; the worst figure, and where it is:\n")
    body = [
        [
            bar["bar"],
            "yes" if bar["met"] else "**no**",
            "%u of %u" % (bar["good"], bar["all"]),
            "%.4g" % bar["worst"],
            "%.4g" % bar["limit"],
            bar["where"],
        ]
        for bar in data["bars"]
    ]
    table(["Bar", "Met", "Cells", "Worst", "Limit", "Where"], body)
    settled = data["settledServiceTimes"]
    print("The longest start-up backlog was gone after %.0f service times.\n" % settled)


def tables(folder):
    grid = rows(folder, "sim-grid.csv")
    bars(folder)
    worst(grid)
    by_policy(grid)
    by_age(grid)
    by_load(grid)
    oscillation(folder)
    change(folder)
    others(folder)
    four(folder)


def put(path, text):
    """Between the two comments that the document has for it."""
    with open(path) as file:
        before, rest = file.read().split(BEGIN, 1)
        after = rest.split(END, 1)[1]
    with open(path, "w") as file:
        file.write(before + BEGIN + "\n\n" + text + END + after)


def main():
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    text = io.StringIO()
    with contextlib.redirect_stdout(text):
        tables(sys.argv[1])
    if len(sys.argv) == 3:
        put(sys.argv[2], text.getvalue())
    else:
        print(text.getvalue(), end="")


if __name__ == "__main__":
    main()
