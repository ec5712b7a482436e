# SPDX-License-Identifier: GPL-2.0-or-later
"""What the tests of dyncast-agent run it between: fake instances (HTTP servers on
the loopback), a fake router (a unix socket), and the program itself.

The program is the one that DYNCAST_AGENT names, ./dyncast-agent otherwise.
"""

import http.server
import json
import os
import signal
import socket
import subprocess
import threading
import time

AGENT = os.path.abspath(os.environ.get("DYNCAST_AGENT", "dyncast-agent"))
BOUND = 10.0  # seconds until a wait has failed

PAGE = """\
# HELP app_workers Workers.
# TYPE app_workers gauge
app_workers 8
app_in_flight {in_flight}
app_request_duration_seconds_sum {sum}
app_request_duration_seconds_count {count}
"""


def wait_for(what, condition, bound=BOUND):
    end = time.monotonic() + bound
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.01)
    raise AssertionError(f"not within {bound} s: {what}")


class Instance:
    """A fake instance: what it answers can be changed while it runs."""

    def __init__(self):
        self.page = PAGE.format(in_flight=4, sum=0.2, count=10)
        self.page_status = 200
        self.health_status = 200
        self.delay = 0.0
        self.location = None
        self.scrapes = 0
        self.checks = 0
        instance = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *args):
                pass

            def do_GET(self):
                time.sleep(instance.delay)
                if self.path == "/health":
                    instance.checks += 1
                    self.answer(instance.health_status, b"ok\n")
                elif self.path == "/metrics":
                    instance.scrapes += 1
                    page = instance.page
                    if isinstance(page, str):
                        page = page.encode()
                    self.answer(instance.page_status, page)
                else:
                    self.answer(404, b"")

            def answer(self, status, body):
                try:
                    self.send_response(status)
                    if instance.location:
                        self.send_header("Location", instance.location)
                    self.send_header("Content-Length", str(len(body)))
                    self.end_headers()
                    self.wfile.write(body)
                except OSError:
                    self.close_connection = True

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 64

            def handle_error(self, request, client_address):
                pass  # the agent gave up: what the test wants

        self.server = Server(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(
            target=self.server.serve_forever, args=(0.02,), daemon=True
        ).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def load(self, in_flight, total, count):
        self.page = PAGE.format(in_flight=in_flight, sum=total, count=count)

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class Router:
    """A fake bgpd: takes connections one after the other and keeps the lines."""

    def __init__(self, path):
        self.path = path
        self.listener = None
        self.connection = None
        self.connections = 0
        self.lines = []  # (connection number, time, object)
        self.answer = None  # from a line's object to an error text, or None
        self.may_read = threading.Event()
        self.may_read.set()
        self.open()

    def open(self):
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(self.path)
        listener.listen(4)
        self.listener = listener
        threading.Thread(
            target=self.serve, args=(listener,), daemon=True
        ).start()

    def serve(self, listener):
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            self.connections += 1
            self.connection = connection
            self.read(connection, self.connections)

    def read(self, connection, number):
        rest = b""
        count = 0
        while True:
            self.may_read.wait()
            try:
                data = connection.recv(4096)
            except OSError:
                return
            if not data:
                return
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                assert len(line) <= 2048
                count += 1
                report = json.loads(line)
                self.lines.append((number, time.monotonic(), report))
                error = self.answer and self.answer(report)
                if error:
                    text = json.dumps({"error": error, "line": count})
                    connection.sendall(text.encode() + b"\n")

    def of(self, instance, connection=None):
        return [
            report
            for number, _, report in list(self.lines)
            if report["instance"] == instance
            and connection in (None, number)
        ]

    def last(self, instance):
        reports = self.of(instance)
        return reports[-1] if reports else {}

    def close(self):
        for one in (self.connection, self.listener):
            if one:
                try:
                    one.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
                one.close()
        if os.path.exists(self.path):
            os.unlink(self.path)


class Agent:
    """The program, its configuration file and its log."""

    def __init__(self, folder):
        self.folder = folder
        self.config = str(folder / "agent.conf")
        self.socket = str(folder / "agent.sock")
        self.log_path = str(folder / "agent.log")
        self.process = None

    def write(self, services, settings="interval = 50"):
        text = f'socket = "{self.socket}"\n{settings}\n{services}'
        with open(self.config, "w") as file:
            file.write(text)

    def start(self, wrapper=()):
        with open(self.log_path, "a") as log:
            self.process = subprocess.Popen(
                [*wrapper, AGENT, "-v", "-c", self.config], stderr=log
            )

    def log(self):
        with open(self.log_path, errors="replace") as file:
            return file.read()

    def logged(self, text):
        return self.log().count(text)

    def reload(self):
        self.process.send_signal(signal.SIGHUP)

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(BOUND)


def service(*instances, name="video", settings=""):
    common = (
        'capacity = "app_workers"\n in-flight = "app_in_flight"\n'
        ' delay = "app_request_duration_seconds"\n'
        " health-interval = 50\n failures = 3\n successes = 2\n"
    )
    return f'service "{name}" {{\n {common} {settings}\n {" ".join(instances)}\n}}'


def one(name, instance, health=True, settings=""):
    check = f'health-url = "{instance.url}/health"' if health else ""
    return (
        f'instance "{name}" {{\n metrics-url = "{instance.url}/metrics"\n'
        f" {check}\n {settings}\n}}"
    )
