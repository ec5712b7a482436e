# SPDX-License-Identifier: GPL-2.0-or-later
r"""The one topology with more of everything.

                        rr --- rr2 --- rr3 --- rr   (sessions; links to core)

    c1 --+---- r1 ------ core ----- 10 ----- e1 --+-- a1, a2
         |  ingress  10  |                        +-- k1  a client, too
         +---- r2 --------+-------- 20 ----- e2 --+-- b1, b2
            ingress  10   |                       +-- k2  a client, too
                          +-------- 30 ----- e3 --+-- d1, d2

Both links of c1 lead to one network.  The routers of k1 and k2 are ingress and
egress at once.  rr, rr2 and rr3 reflect to each other in a ring; rr and rr2 are
redundant for r1 and the sites.
"""

from dyncast_topology import LINKS, NUMBERS, ROUTERS, STEERING, Lab, Layout

NUMBERS.update({"r2": 11, "rr2": 101, "rr3": 102})
MESH = Layout(
    links=LINKS + [(11, "r2", "core", 10), (21, "core", "rr2", 10), (22, "core", "rr3", 10)],
    reflectors={
        "rr": ["r1", "e1", "e2", "e3", "core", "rr2", "rr3"],
        "rr2": ["r1", "e1", "e2", "e3", "rr3", "rr"],
        "rr3": ["r2", "rr", "rr2"],
    },
    gateways=["r1", "r2"],
    lan_clients={"k1": ("e1", "10.1.0.21"), "k2": ("e2", "10.2.0.21")},
)


class MeshLab(Lab):
    routers = ROUTERS + ["r2", "rr2", "rr3"]
    steering = STEERING + ["r2"]
    layout = MESH
