# SPDX-License-Identifier: GPL-2.0-or-later
"""
Shows that tests/bench/forwarding takes nothing for a measurement that is none:
`tools/bench forwarding --controls`, a few seconds, part of tools/check.
"""

PACKETS = (5000, 100)


def refused(bench, what, measure):
    try:
        measure()
    except bench.Failure as failure:
        print(f"ok    refused: {what} ({str(failure)[:60]}...)")
        return True
    print(f"FAIL  taken for a measurement: {what}")
    return False


def swapped(first, second):
    """the two next hops, each with the other's address on the link"""
    return "".join(f"ip neigh replace 10.9.0.{n} lladdr 02:00:00:00:99:{other:02x} dev out nud permanent;"
                   for n, other in ((first, second), (second, first)))


def run(bench, runners, cases):
    """`bench`: the module's Failure, measure, check_places and sh.  True when all is as it should be."""
    plain, hit, sid = (cases[name] for name in ("plain-1k", "adjacent-hit-1k", "sid-hit-1k"))
    for name in ("plain-1k", "adjacent-hit-1k", "adjacent-stateless-1k", "sid-hit-1k", "ipip-hit-1k",
                 "ipv6-adjacent-hit-1k", "nftables-1k", "new-flows"):
        bench.measure(runners, cases[name], *PACKETS)
        print(f"ok    taken: {name}")
    bench.check_places(runners, hit, True)
    print("ok    each flow at its place")

    good = [refused(bench, "packets at an instance that should get none", with_(
        hit, "places", range(1, 8), lambda: bench.measure(runners, hit, *PACKETS)))]
    good.append(refused(bench, "plain routing that is steered", with_(
        plain, "via", hit.via, lambda: bench.measure(runners, plain, *PACKETS))))
    good.append(refused(bench, "a tunnel without an outer header", with_(
        sid, "form", "adjacent", lambda: bench.measure(runners, sid, *PACKETS))))
    good.append(refused(bench, "hits of flows that have no entry", with_(
        hit, "keys", hit.keys | {"flows": 500_000}, lambda: bench.measure(runners, hit, *PACKETS))))
    bench.sh("router-1k", swapped(1, 2))
    good.append(refused(bench, "flows at each other's instances",
                        lambda: bench.check_places(runners, hit, True)))
    bench.sh("router-1k", "ip link set out down")
    good.append(refused(bench, "packets that do not arrive", lambda: bench.measure(runners, hit, *PACKETS)))
    return all(good)


def with_(case, attribute, value, measure):
    """measure, with the case changed for so long"""
    def changed():
        before = getattr(case, attribute)
        setattr(case, attribute, value)
        try:
            measure()
        finally:
            setattr(case, attribute, before)
    return changed
