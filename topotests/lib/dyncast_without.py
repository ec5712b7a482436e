# SPDX-License-Identifier: GPL-2.0-or-later
"""Routers whose kernel refuses bpf()."""

import os

WITHOUT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "without_bpf")


class WithoutBpf:
    """Comes before a Lab in a class's bases; its zebras run by without_bpf."""

    without_bpf = ()

    def start_router(self, router):
        if router in self.without_bpf:
            node = self.node(router)
            folder = os.path.join(self.logdir, router, "frr")
            os.makedirs(folder)
            for name in os.listdir(node.daemondir):
                source = WITHOUT if name == "zebra" else os.path.join(node.daemondir, name)
                os.symlink(source, os.path.join(folder, name))
            node.daemondir = folder
        super().start_router(router)
