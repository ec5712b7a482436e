# SPDX-License-Identifier: GPL-2.0-or-later
"""vtysh at a terminal, as a person types: tab and `?` exist only there."""

import os
import pty
import re
import select
import signal
import subprocess
import time

ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x07|\r")


class Terminal:
    """A vtysh in a router's namespace, on a pseudo terminal."""

    def __init__(self, lab, router):
        master, slave = pty.openpty()
        env = dict(os.environ, TERM="dumb", VTYSH_PAGER="cat", COLUMNS="200")
        self.process = lab.node(router).popen(
            ["vtysh"],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env=env,
            start_new_session=True,
        )
        os.close(slave)
        self.master = master
        self.text = ""

    def type(self, keys):
        os.write(self.master, keys.encode())

    def expect(self, pattern, timeout=10):
        """Read until `pattern` (a regular expression) is on the screen;
        returns everything up to and with it."""
        end = time.monotonic() + timeout
        while True:
            match = re.search(pattern, self.text)
            if match:
                seen, self.text = self.text[: match.end()], self.text[match.end() :]
                return seen
            left = end - time.monotonic()
            assert left > 0, f"no {pattern!r} within {timeout} s in: {self.text!r}"
            if select.select([self.master], [], [], left)[0]:
                try:
                    data = os.read(self.master, 65536)
                except OSError:
                    data = b""
                assert data, f"vtysh ended before {pattern!r}: {self.text!r}"
                self.text += ESCAPES.sub("", data.decode("utf-8", "replace"))

    def close(self):
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGHUP)
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(5)
        os.close(self.master)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()
