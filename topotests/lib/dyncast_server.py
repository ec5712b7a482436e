#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A service instance for the topology tests and the demo.

One small process per instance.  It has a bounded number of workers; a request
occupies one for its service time, and waits in a queue while all are busy, so
that an instance that gets too many requests becomes slow exactly as a real
one does.  Workers wait instead of burning CPU, so that dozens of instances
fit on one machine without disturbing what is measured.

HTTP (--port):
  /             one request; answers with the instance's name
  /hold?ms=N    occupies a worker for N ms (without ms: until the client
                closes); loads an instance on purpose
  /metrics      Prometheus text: app_workers, app_in_flight,
                app_busy_workers, app_requests_total,
                app_request_duration_seconds (histogram, queueing included)
  /health       200, or 503; SIGUSR1 switches between the two
  /flows        JSON: the live TCP flows and the UDP flows, as seen here
TCP (--tcp-port): a long-lived flow.  Sends "NAME" when connected and answers
  each line with "NAME COUNT LINE", so that a flow that ended up at another
  instance is seen by both sides.
UDP (--udp-port): answers each packet with "NAME COUNT PAYLOAD".

Give --bind the addresses by name, not a wildcard: an answer to a UDP packet
must leave with the address that the packet came to.  Prints "ready NAME" when
all sockets are open.  SIGTERM and SIGINT end it.
"""

import argparse
import asyncio
import collections
import json
import random
import signal
import socket
import sys
import time

BUCKETS = (0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
REQUEST_HEAD_MAX = 16384
LINE_MAX = 4096
UDP_FLOWS_MAX = 20000
BACKLOG = 512


def address_text(address):
    """ADDR:PORT, with brackets around an IPv6 address."""
    host, port = address[0], address[1]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


class Job:
    """A request that occupies a worker, or waits for one."""

    __slots__ = ("began", "done", "seconds", "queued", "timer")

    def __init__(self, seconds, done):
        self.began = time.monotonic()
        self.seconds = seconds  # None: until released
        self.done = done
        self.queued = True
        self.timer = None


class Workers:
    """The bounded workers, their queue, and what is measured about both."""

    def __init__(self, loop, count, service_s, fixed, queue_max, seed):
        self.loop = loop
        self.count = count
        self.service_s = service_s
        self.fixed = fixed
        self.queue_max = queue_max
        self.random = random.Random(seed)
        self.queue = collections.deque()
        self.busy = 0
        self.finished = 0
        self.rejected = 0
        self.duration_sum = 0.0
        self.buckets = [0] * len(BUCKETS)

    @property
    def in_flight(self):
        return self.busy + len(self.queue)

    def service_time(self):
        if self.fixed:
            return self.service_s
        return self.random.expovariate(1.0 / self.service_s)

    def submit(self, seconds, done):
        """Start or queue a job; None when the queue is full."""
        if self.busy >= self.count and len(self.queue) >= self.queue_max:
            self.rejected += 1
            return None
        job = Job(seconds, done)
        if self.busy < self.count:
            self._start(job)
        else:
            self.queue.append(job)
        return job

    def cancel(self, job):
        """The client is gone: leave the queue, or free the worker."""
        if job.queued:
            self.queue.remove(job)
        elif job.timer is None:
            self._finish(job, False)

    def _start(self, job):
        self.busy += 1
        job.queued = False
        if job.seconds is not None:
            job.timer = self.loop.call_later(
                job.seconds, self._finish, job, True
            )

    def _finish(self, job, counted):
        self.busy -= 1
        if counted:
            duration = time.monotonic() - job.began
            self.finished += 1
            self.duration_sum += duration
            for i, bound in enumerate(BUCKETS):
                if duration <= bound:
                    self.buckets[i] += 1
        if self.queue:
            self._start(self.queue.popleft())
        job.done()

    def metrics(self):
        """The Prometheus page."""
        name = "app_request_duration_seconds"
        lines = [
            "# HELP app_workers Requests that can be served at once.",
            "# TYPE app_workers gauge",
            f"app_workers {self.count}",
            "# HELP app_in_flight Requests being served or waiting.",
            "# TYPE app_in_flight gauge",
            f"app_in_flight {self.in_flight}",
            "# HELP app_busy_workers Workers that serve a request.",
            "# TYPE app_busy_workers gauge",
            f"app_busy_workers {self.busy}",
            "# HELP app_requests_total Requests that were answered.",
            "# TYPE app_requests_total counter",
            f"app_requests_total {self.finished}",
            "# HELP app_requests_rejected_total Requests refused: queue full.",
            "# TYPE app_requests_rejected_total counter",
            f"app_requests_rejected_total {self.rejected}",
            f"# HELP {name} From arrival to answer, waiting included.",
            f"# TYPE {name} histogram",
        ]
        lines += [
            f'{name}_bucket{{le="{bound}"}} {count}'
            for bound, count in zip(BUCKETS, self.buckets)
        ]
        lines += [
            f'{name}_bucket{{le="+Inf"}} {self.finished}',
            f"{name}_sum {self.duration_sum:.6f}",
            f"{name}_count {self.finished}",
        ]
        return "\n".join(lines) + "\n"


class Http(asyncio.Protocol):
    """One HTTP connection: requests in order, kept alive."""

    def __init__(self, app):
        self.app = app
        self.buffer = b""
        self.job = None
        self.transport = None

    def connection_made(self, transport):
        self.transport = transport

    def connection_lost(self, exc):
        if self.job:
            job, self.job = self.job, None
            self.app.workers.cancel(job)
        self.transport = None

    def data_received(self, data):
        self.buffer += data
        if len(self.buffer) > REQUEST_HEAD_MAX:
            self.transport.close()
            return
        self.next_request()

    def next_request(self):
        while self.transport and not self.job:
            head, separator, rest = self.buffer.partition(b"\r\n\r\n")
            if not separator:
                return
            self.buffer = rest
            self.request(head.decode("latin-1"))

    def request(self, head):
        lines = head.split("\r\n")
        words = lines[0].split()
        lowered = head.lower()
        keep = "connection: close" not in lowered and "HTTP/1.0" not in lines[0]
        if len(words) != 3:
            self.answer(400, "bad request\n", False)
        elif words[0] != "GET":
            self.answer(405, "only GET\n", False)
        else:
            path, _, query = words[1].partition("?")
            self.route(path, query, keep)

    def route(self, path, query, keep):
        app = self.app
        if path == "/":
            self.work(app.workers.service_time(), keep)
        elif path == "/hold":
            ms = query[3:] if query.startswith("ms=") else ""
            self.work(int(ms) / 1000.0 if ms.isdigit() else None, keep)
        elif path == "/metrics":
            self.answer(200, app.workers.metrics(), keep)
        elif path == "/health":
            if app.healthy:
                self.answer(200, "ok\n", keep)
            else:
                self.answer(503, "not healthy\n", keep)
        elif path == "/flows":
            text = json.dumps(app.flows(), indent=1) + "\n"
            self.answer(200, text, keep, "application/json")
        else:
            self.answer(404, "no such path\n", keep)

    def work(self, seconds, keep):
        def done():
            if self.job:
                self.job = None
                self.answer(200, self.app.name + "\n", keep)
                self.next_request()

        self.job = self.app.workers.submit(seconds, done)
        if not self.job:
            self.answer(503, "queue full\n", keep)

    def answer(self, status, body, keep, kind="text/plain; version=0.0.4"):
        if not self.transport:
            return
        reasons = {200: "OK", 400: "Bad Request", 404: "Not Found"}
        reasons.update({405: "Method Not Allowed", 503: "Service Unavailable"})
        data = body.encode()
        self.transport.write(
            f"HTTP/1.1 {status} {reasons[status]}\r\n"
            f"Content-Type: {kind}\r\n"
            f"Content-Length: {len(data)}\r\n"
            f"Connection: {'keep-alive' if keep else 'close'}\r\n\r\n".encode()
            + data
        )
        if not keep:
            self.transport.close()


class TcpFlow(asyncio.Protocol):
    """One long-lived TCP flow: lines in, counted lines out."""

    def __init__(self, app):
        self.app = app
        self.buffer = b""
        self.lines = 0
        self.peer = ""
        self.local = ""
        self.transport = None

    def connection_made(self, transport):
        self.transport = transport
        self.peer = address_text(transport.get_extra_info("peername"))
        self.local = address_text(transport.get_extra_info("sockname"))
        self.app.tcp_flows.add(self)
        self.app.tcp_opened += 1
        self.app.log(f"tcp open {self.peer} {self.local}")
        transport.write(self.app.name.encode() + b"\n")

    def connection_lost(self, exc):
        self.app.tcp_flows.discard(self)
        self.app.log(f"tcp close {self.peer} lines {self.lines} {exc or ''}")

    def pause_writing(self):
        self.transport.pause_reading()

    def resume_writing(self):
        self.transport.resume_reading()

    def data_received(self, data):
        *lines, self.buffer = (self.buffer + data).split(b"\n")
        answers = []
        for line in lines:
            self.lines += 1
            answers.append(
                b"%s %d %s\n" % (self.app.name.encode(), self.lines, line)
            )
        if answers:
            self.transport.write(b"".join(answers))
        if len(self.buffer) > LINE_MAX:
            self.transport.close()


class Udp(asyncio.DatagramProtocol):
    """All UDP flows to one of the addresses."""

    def __init__(self, app):
        self.app = app
        self.transport = None
        self.local = ""

    def connection_made(self, transport):
        self.transport = transport
        self.local = address_text(transport.get_extra_info("sockname"))

    def datagram_received(self, data, addr):
        flows = self.app.udp_flows
        key = (address_text(addr), self.local)
        count = flows.pop(key, 0) + 1
        if len(flows) >= UDP_FLOWS_MAX:
            flows.pop(next(iter(flows)))  # the one that is idle the longest
        flows[key] = count
        self.transport.sendto(
            b"%s %d %s" % (self.app.name.encode(), count, data), addr
        )


class App:
    """The instance: its state, its sockets, its signals."""

    def __init__(self, args, loop):
        self.name = args.name
        self.loop = loop
        self.healthy = True
        self.workers = Workers(
            loop,
            args.workers,
            args.service_ms / 1000.0,
            args.fixed,
            args.queue,
            args.name if args.seed is None else args.seed,
        )
        self.tcp_flows = set()
        self.tcp_opened = 0
        self.udp_flows = {}
        self.log_file = None
        if args.log:
            self.log_file = open(args.log, "a", buffering=1)

    def log(self, text):
        if self.log_file:
            self.log_file.write(f"{time.time():.3f} {self.name} {text}\n")

    def flows(self):
        tcp = [
            {"peer": flow.peer, "local": flow.local, "lines": flow.lines}
            for flow in self.tcp_flows
        ]
        udp = [
            {"peer": peer, "local": local, "packets": packets}
            for (peer, local), packets in self.udp_flows.items()
        ]
        return {
            "name": self.name,
            "tcpOpened": self.tcp_opened,
            "tcp": sorted(tcp, key=lambda flow: flow["peer"]),
            "udp": sorted(udp, key=lambda flow: flow["peer"]),
        }

    def toggle_health(self):
        self.healthy = not self.healthy
        self.log(f"health {'up' if self.healthy else 'down'}")

    async def open(self, args):
        loop = self.loop
        for address in args.bind:
            await loop.create_server(
                lambda: Http(self), address, args.port, backlog=BACKLOG
            )
            if args.tcp_port:
                await loop.create_server(
                    lambda: TcpFlow(self), address, args.tcp_port, backlog=BACKLOG
                )
            if args.udp_port:
                family = socket.AF_INET6 if ":" in address else socket.AF_INET
                await loop.create_datagram_endpoint(
                    lambda: Udp(self),
                    local_addr=(address, args.udp_port),
                    family=family,
                )


def arguments(argv):
    """The options, validated."""

    def positive(text):
        value = float(text)
        if value <= 0:
            raise argparse.ArgumentTypeError("must be more than 0")
        return value

    def count(text):
        value = int(text)
        if value < 1:
            raise argparse.ArgumentTypeError("must be 1 or more")
        return value

    def port(text):
        value = int(text)
        if not 0 < value < 65536:
            raise argparse.ArgumentTypeError("must be 1-65535")
        return value

    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--name", required=True)
    add(
        "--bind",
        required=True,
        metavar="ADDR[,ADDR...]",
        type=lambda text: [a for a in text.split(",") if a],
    )
    add("--port", type=port, default=8080)
    add("--workers", type=count, default=8)
    add("--service-ms", type=positive, default=20.0, help="mean")
    add("--fixed", action="store_true", help="not exponential: always the mean")
    add("--seed", help="of the exponential times (default: the name)")
    add("--queue", type=count, default=2000, help="then 503")
    add("--tcp-port", type=port)
    add("--udp-port", type=port)
    add("--log", metavar="FILE")
    return parser.parse_args(argv)


async def serve(args):
    loop = asyncio.get_running_loop()
    app = App(args, loop)
    end = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end.set)
    loop.add_signal_handler(signal.SIGUSR1, app.toggle_health)
    try:
        await app.open(args)
    except OSError as error:
        sys.exit(f"dyncast_server {args.name}: {error}")
    print(f"ready {args.name}", flush=True)
    app.log("ready")
    await end.wait()
    app.log("end")


if __name__ == "__main__":
    try:
        asyncio.run(serve(arguments(sys.argv[1:])))
    except BrokenPipeError:
        sys.exit(1)
