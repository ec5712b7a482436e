# SPDX-License-Identifier: GPL-2.0-or-later
"""The demo's story: phases, narration, figures, summary.  Run by tools/demo.

The topology, the servers and the load are those of the topotests
(topotests/lib).  Every figure is measured in this run: response times by the
load generator, the number of flows by the servers themselves.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TOP, "topotests", "lib"))

# pylint: disable=wrong-import-position
import dyncast_frr
import dyncast_show as show
import dyncast_topology as topology
import dyncast_traffic as traffic
from dyncast_topology import INSTANCES, SITES

FLOWS = 200  # long-lived TCP connections
RATE = 60  # short requests per second, from the clients
BACKGROUND = 95  # requests per second straight to each instance of the loaded site
WORKERS = 4
SERVICE_MS = 40  # so an instance serves 100 requests per second
PHASE_S = 12
LOADED, FAILING, DRAINING = "e1", "e3", "b1"
PHASES = ("baseline", "load", "shift", "drain", "site-failure", "plain-anycast")

PICTURE = r"""
                            rr  stock FRR: route reflector, add-path
                             |
   clients ---- r1 ---------core------- 10 --- e1 --+-- a1     site 1: nearest
  200 flows   ingress   10   | stock FRR            +-- a2
  60 req/s    router         |
                             +--------- 20 --- e2 --+-- b1     site 2
                             |                      +-- b2
                             |
                             +--------- 30 --- e3 --+-- d1     site 3: farthest
                                                    +-- d2
  Six servers own one address, 10.255.0.1.  core knows nothing of Dyncast: a
  plain packet to that address that reaches core always goes to site 1.
"""


class Demo:
    def __init__(self, lab):
        self.lab = lab
        self.began = time.monotonic()
        self.load = None
        self.check = None
        self.phases = []
        self.timeline = []
        self.kept = {}
        self.failures = []

    # -- narration ---------------------------------------------------------

    def tell(self, text):
        print(f"[{time.monotonic() - self.began:5.1f} s] {text}", flush=True)

    def title(self, name, text):
        print(f"\n== {name}: {text}", flush=True)

    def shares(self, phase):
        total = sum(phase["instances"].values()) or 1
        return {name: phase["instances"].get(name, 0) / total for name in INSTANCES}

    def bars(self, phase):
        """One line: the share of each instance in what has been answered."""
        return "  ".join(
            f"{name} {100 * share:3.0f}%" for name, share in self.shares(phase).items()
        )

    def expect(self, holds, text):
        """A bar of this demo: reported at the end, with the exit code."""
        if not holds:
            self.failures.append(text)
            self.tell("NOT MET: " + text)

    # -- phases --------------------------------------------------------------

    def measure(self, name, seconds=PHASE_S):
        """Let a phase last, showing where requests go; returns its figures."""
        end = time.monotonic() + seconds
        before = None
        while time.monotonic() < end:
            traffic.settle(self.load, min(3, max(0.1, end - time.monotonic())))
            phase = self.load.ask("phases")["phases"][name]
            self.remember(name, phase, before)
            before = phase
            self.tell(f"{name:13s} {self.bars(phase)}   mean {phase['meanMs'] or 0:.0f} ms")

    def remember(self, name, phase, before):
        """What was answered since the look before: one line of the plot."""
        before = before or {"instances": {}, "meanMs": 0}
        past = before["instances"]
        count = {one: phase["instances"].get(one, 0) - past.get(one, 0) for one in INSTANCES}
        total = sum(count.values())
        if not total:
            return
        spent = (phase["meanMs"] or 0) * sum(phase["instances"].values())
        spent -= (before["meanMs"] or 0) * sum(past.values())
        shares = [sum(count[one] for one in site.instances) / total for site in SITES.values()]
        self.timeline.append([time.monotonic() - self.began, *shares, spent / total, name])

    def plot(self, out):
        """timeline.csv, and demo.png of it where gnuplot can."""
        with open(os.path.join(out, "timeline.csv"), "w", encoding="ascii") as file:
            for at, *figures, name in self.timeline:
                numbers = ",".join(f"{one:.4f}" for one in figures)
                file.write(f"{at - self.timeline[0][0]:.1f},{numbers},{name}\n")
        script = os.path.join(TOP, "tools", "lib", "demo.gp")
        run = subprocess.run(
            ["gnuplot", "-e", f"folder='{out}'", script], capture_output=True, text=True, check=False
        )
        if run.returncode:
            print("the plot could not be drawn: " + run.stderr.strip(), file=sys.stderr)
        else:
            print(f"plot: {os.path.relpath(out)}/demo.png")

    def count_pinned(self, name, expected):
        """Ask the servers which of the long-lived flows are where they began."""
        self.check.mark()
        gone = set()
        kept = set()

        def heard():
            nonlocal gone, kept
            kept, _, gone = self.check.status()
            return True if kept | gone == set(self.check.home) else "silent flows"

        try:
            topology.wait_for("all long-lived flows", heard, 15, 0.5)
        except AssertionError:
            pass  # a silent flow is not a kept one
        self.kept[name] = {"kept": len(kept), "expected": expected}
        self.tell(
            f"{name:13s} long-lived flows where they began: "
            f"{len(kept)} of {self.check.opened}"
        )
        return kept

    def run(self):
        self.set_up()
        self.baseline()
        self.load_and_shift()
        self.drain()
        self.site_failure()
        self.plain_anycast()
        self.load.ask("stream", rate=0)
        self.load.ask("settle", timeout=60)

    def set_up(self):
        print(PICTURE, flush=True)
        self.tell("starting 6 FRR routers, 6 servers, 3 agents, in namespaces")
        self.lab.start()
        traffic.start_servers(self.lab, WORKERS, SERVICE_MS)
        traffic.start_agents(self.lab)
        self.lab.wait_underlay()
        self.tell("IS-IS and BGP are up: waiting until r1 has weighed all six instances")
        show.wait_candidates(self.lab, "r1", set(INSTANCES))
        self.tell("weights at r1: " + show.weights_text(self.lab, "r1"))

    def baseline(self):
        self.title("baseline", "no load but ours; new flows spread by joint cost")
        self.load = traffic.Load(self.lab)
        self.load.ask("phase", name="baseline")
        opened = self.load.ask("open", tcp=FLOWS, interval=1.0)["opened"]
        self.check = traffic.FlowCheck(self.lab, self.load)
        places = {name: len(self.check.at(name)) for name in INSTANCES}
        self.tell(f"{opened} long-lived TCP connections opened, the servers say: {places}")
        self.load.ask("stream", rate=RATE)
        self.measure("baseline")
        self.count_pinned("baseline", FLOWS)

    def load_and_shift(self):
        names = SITES[LOADED].instances
        self.title(
            "load",
            f"{BACKGROUND} requests/s go straight to each of {', '.join(names)} ({LOADED}), "
            "which can serve 100",
        )
        before = show.weight_share(self.lab, "r1", names)
        self.load.ask("phase", name="load")
        for name in names:
            background = traffic.Load(
                self.lab,
                "background-" + name,
                INSTANCES[name].address,
                topology.CLIENT_ADDRESSES[-2:],
            )
            background.ask("phase", name="background")
            background.ask("stream", rate=BACKGROUND)
        self.measure("load", 6)
        show.wait_share_below(self.lab, "r1", names, before / 2)
        self.tell(
            f"{LOADED}'s share of the ring at r1 went from {100 * before:.0f}% "
            f"to {100 * show.weight_share(self.lab, 'r1', names):.0f}%"
        )
        self.count_pinned("load", FLOWS)
        self.title("shift", f"new flows avoid {LOADED}; core would still send all of them there")
        self.load.ask("phase", name="shift")
        self.measure("shift")
        self.count_pinned("shift", FLOWS)

    def drain(self):
        router = INSTANCES[DRAINING].router
        self.title("drain", f"{router}: dyncast service video instance {DRAINING} drain")
        said = self.lab.configure(
            router, f"dyncast service {topology.SERVICE} instance {DRAINING} drain"
        )
        self.expect("%" not in said, f"vtysh refused the drain: {said.strip()}")
        show.wait_share_below(self.lab, "r1", [DRAINING], 0.0005)
        self.load.ask("phase", name="drain")
        self.measure("drain")
        self.count_pinned("drain", FLOWS)

    def site_failure(self):
        names = SITES[FAILING].instances
        theirs = self.check.at(*names)
        self.title("site-failure", f"the link of {FAILING} is cut, with {len(theirs)} flows on it")
        self.load.ask("phase", name="site-failure")
        self.load.ask("settle", phase="drain")
        self.lab.set_site_link(FAILING, False)
        self.measure("site-failure")
        kept = self.count_pinned("site-failure", FLOWS - len(theirs))
        self.expect(not kept & theirs, "flows of the failed site cannot have been kept")
        self.expect(
            kept == set(self.check.home) - theirs,
            "only flows of the failed site may break in site-failure",
        )

    def plain_anycast(self):
        self.title(
            "plain-anycast",
            f"{FAILING} is back; Dyncast unconfigured, load on {LOADED} as in load",
        )
        self.load.ask("phase", name="between")
        self.lab.set_site_link(FAILING, True)
        self.lab.wait_underlay()
        show.wait_candidates(self.lab, "r1", set(INSTANCES) - {DRAINING})
        for router in topology.STEERING:
            self.lab.unconfigure(router)
        for router in SITES:
            self.lab.configure(
                router, *topology.plain_bgpd(router), *topology.plain_staticd(router)
            )
        nearest = INSTANCES[SITES[LOADED].instances[0]].router
        topology.wait_for(
            "plain BGP anycast at r1",
            lambda: show.bgp_route_to(self.lab, "r1") == topology.loopback(nearest),
        )
        self.tell(f"r1 follows BGP to {nearest}: " + show.bgp_route_to(self.lab, "r1"))
        self.load.ask("phase", name="plain-anycast")
        self.measure("plain-anycast")
        self.count_pinned("plain-anycast", None)

    # -- results ---------------------------------------------------------------

    def results(self):
        measured = self.load.ask("phases")["phases"]
        for name in PHASES:
            phase = measured[name]
            entry = {
                "name": name,
                "requests": phase["requests"],
                "failed": sum(phase["errors"].values()),
                "errors": phase["errors"],
                "share": {k: round(v, 4) for k, v in self.shares(phase).items()},
                "meanMs": round(phase["meanMs"], 2),
                "p99Ms": round(phase["p99Ms"], 2),
                "pinnedKept": self.kept[name]["kept"],
            }
            if self.kept[name]["expected"] is not None:
                entry["pinnedExpected"] = self.kept[name]["expected"]
            self.phases.append(entry)
        by_name = {phase["name"]: phase for phase in self.phases}
        theirs = len(self.check.at(*SITES[FAILING].instances))
        summary = {
            "pinned": {
                "opened": self.check.opened,
                "kept": by_name["drain"]["pinnedKept"],
                "keptAfterSiteFailure": by_name["site-failure"]["pinnedKept"],
                "onFailedSite": theirs,
            },
            "phases": self.phases,
            "plainAnycast": {
                "meanMs": by_name["plain-anycast"]["meanMs"],
                "p99Ms": by_name["plain-anycast"]["p99Ms"],
            },
            "seconds": round(time.monotonic() - self.began, 1),
        }
        self.judge(summary, by_name)
        summary["met"] = not self.failures
        summary["notMet"] = self.failures
        return summary

    def judge(self, summary, by_name):
        self.expect(summary["pinned"]["opened"] == FLOWS, f"{FLOWS} flows opened")
        for name in PHASES:
            phase = by_name[name]
            if "pinnedExpected" in phase:
                self.expect(
                    phase["pinnedKept"] == phase["pinnedExpected"],
                    f"{name}: {phase['pinnedExpected']} pinned flows kept",
                )
        self.expect(
            summary["plainAnycast"]["meanMs"] > by_name["shift"]["meanMs"],
            "plain anycast is slower than steering under the same load",
        )
        drained = by_name["drain"]["share"][DRAINING]
        self.expect(drained == 0, f"no new flow at {DRAINING} in drain")
        loaded = SITES[LOADED].instances
        share = {
            name: sum(by_name[name]["share"][one] for one in loaded)
            for name in ("baseline", "shift", "plain-anycast")
        }
        self.expect(share["shift"] < share["baseline"], f"new flows left {LOADED} in shift")
        self.expect(share["plain-anycast"] == 1, f"plain anycast sends everything to {LOADED}")
        for name in ("baseline", "load", "shift", "drain"):
            self.expect(by_name[name]["failed"] == 0, f"{name}: no request failed")

    def table(self, summary):
        names = list(INSTANCES)
        print("\nShare of new flows by instance, response times of short requests, and the")
        print(f"{FLOWS} long-lived flows that are still where they began, as the servers count.\n")
        head = "phase         " + "".join(f"{name:>6}" for name in names)
        print(head + "   requests failed    mean     p99   pinned kept")
        for phase in summary["phases"]:
            row = f"{phase['name']:14s}"
            row += "".join(f"{100 * phase['share'][name]:5.1f}%" for name in names)
            row += f"   {phase['requests']:8d} {phase['failed']:6d}"
            row += f" {phase['meanMs']:5.0f} ms {phase['p99Ms']:4.0f} ms"
            row += f"   {phase['pinnedKept']} of {summary['pinned']['opened']}"
            print(row)
        print(
            f"\n(in site-failure {summary['pinned']['onFailedSite']} flows were on the site that failed;"
            "\n plain anycast has no affinity: flows follow the route)"
        )


def interrupted(number, _frame):
    # once is enough: stopping everything must not be interrupted halfway
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise KeyboardInterrupt(signal.Signals(number).name)


def main():
    signal.signal(signal.SIGINT, interrupted)
    signal.signal(signal.SIGTERM, interrupted)
    out = os.path.join(dyncast_frr.BUILD, "demo")
    shutil.rmtree(out, ignore_errors=True)
    os.makedirs(out)
    rundir = tempfile.mkdtemp(prefix="dyncast-demo-")
    os.environ["PYTEST_CURRENT_TEST"] = "demo.py::demo"  # names the folder of logs
    status, lab = 1, None
    try:
        dyncast_frr.prepare(rundir)
        lab = topology.Lab("demo")
        demo = Demo(lab)
        demo.run()
        summary = demo.results()
        demo.table(summary)
        with open(os.path.join(out, "summary.json"), "w", encoding="ascii") as file:
            json.dump(summary, file, indent=2)
            file.write("\n")
        print(f"\nsummary: {os.path.relpath(out)}/summary.json")
        demo.plot(out)
        status = 0 if summary["met"] else 1
        for text in summary["notMet"]:
            print("NOT MET:", text)
    except KeyboardInterrupt as why:
        print(f"\n{why}: stopping", flush=True)
        status = 130
    except (AssertionError, OSError, KeyError) as error:
        print(f"\nthe demo failed: {error}", file=sys.stderr)
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        if lab:
            lab.stop()
        dyncast_frr.cleanup()
        if status == 1:
            shutil.copytree(rundir, os.path.join(out, "logs"), symlinks=True)
            print(f"logs: {os.path.relpath(out)}/logs", file=sys.stderr)
        shutil.rmtree(rundir, ignore_errors=True)
    sys.exit(status)


if __name__ == "__main__":
    main()
