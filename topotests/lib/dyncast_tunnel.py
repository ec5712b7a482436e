# SPDX-License-Identifier: GPL-2.0-or-later
"""The small topology over an underlay that has no IPv6: IP-in-IP."""

import dyncast_small as small

REMOTE = ("a1", "a2", "b1")


def next_hops(router, conf):
    """The next hop of the IPv6 service is said by an IPv4 address: nobody has a
    route to the loopback's IPv6 address, which bgpd would name."""
    i = conf["bgpd"].index(" address-family ipv6 unicast") + 1
    peers = [small.loopback(p) for p in small.ROUTERS if p != router]
    conf["bgpd"][i:i] = [f"  neighbor {peer} route-map ipv4-next-hop out" for peer in peers]
    conf["bgpd"] += ["route-map ipv4-next-hop permit 1"]
    conf["bgpd"] += [f" set ipv6 next-hop global ::ffff:{small.loopback(router)}"]


class IpipLab(small.SmallLab):
    """With a way back to the clients for what the underlay does not carry: a LAN
    of c1 and the remote instances, for answers to IPv6."""

    back = "2001:db8:ba"

    def __init__(self, name, adapt=None):
        def both(router, conf):
            next_hops(router, conf)
            if adapt:
                adapt(router, conf)

        super().__init__(name, underlay="ipv4", adapt=both)

    def _build(self, tgen):
        super()._build(tgen)
        lan = tgen.add_switch("back")
        for name in ("c1", *REMOTE):
            tgen.add_link(lan, tgen.gears[name], "sb" + name, name + "-back")

    def _start_hosts(self):
        super()._start_hosts()
        for number, name in enumerate(("c1", *REMOTE), 1):
            address = f"{self.back}::{number}/64"
            self._script(name, [f"ip addr add {address} dev {name}-back nodad"])
        for name in REMOTE:
            self._script(name, [f"ip route add 2001:db8:1::/64 via {self.back}::1"])
