#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Load generator: long-lived flows and a stream of short HTTP requests.

Runs in a client's namespace.  Commands come in as JSON lines on stdin, one
JSON line answers each, and the end of stdin ends it:

  {"do":"open","tcp":200,"udp":200,"interval":1.5}   long-lived flows
  {"do":"stream","rate":60}      new TCP connection per request; 0 stops
  {"do":"phase","name":"load"}   requests that start from now on count there
  {"do":"flows"}                 every long-lived flow, as the client sees it
  {"do":"phases"}                figures per phase, finished requests only
  {"do":"settle"}                wait until no request is under way; with
        "phase": none of those that count there

A long-lived flow sends a line (or datagram) per interval; the answer names the
instance.  A flow is "moved" when another instance answers than at first, and
"broken" when its TCP connection is.  Requests are sent at their due time
whatever became of the earlier ones, as independent users would do, and the
response time runs from the due time to the last byte.
"""

import argparse
import asyncio
import itertools
import json
import math
import socket
import sys
import time

REQUEST_TIMEOUT = 8.0
ANSWER_TIMEOUT = 8.0
IP_BIND_ADDRESS_NO_PORT = 24  # not in Debian 12's socket module


def address_text(address):
    """ADDR:PORT, with brackets around an IPv6 address."""
    host, port = address[0], address[1]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def instance_of(line):
    """The instance that an answer comes from: its first word."""
    return line.split(None, 1)[0] if line.strip() else ""


class Flow:
    """What is known of one long-lived flow."""

    def __init__(self, proto):
        self.proto = proto
        self.local = None
        self.first = None  # instance that answered first
        self.answers = 0
        self.lost = 0
        self.others = []  # other instances that answered
        self.broken = None

    def answered(self, name):
        if self.first is None:
            self.first = name
        elif name != self.first and name not in self.others:
            self.others.append(name)
        self.answers += 1

    def as_dict(self):
        return {
            "proto": self.proto,
            "local": self.local,
            "instance": self.first,
            "answers": self.answers,
            "lost": self.lost,
            "others": self.others,
            "broken": self.broken,
        }


class UdpFlow(asyncio.DatagramProtocol):
    def __init__(self, flow):
        self.flow = flow
        self.pending = None

    def datagram_received(self, data, addr):
        words = data.decode("utf-8", "replace").split()
        # the echo repeats our line, whose last word is the sequence number
        if self.pending and words and words[-1] == self.pending[0]:
            self.flow.answered(words[0])
            if not self.pending[1].done():
                self.pending[1].set_result(True)

    def error_received(self, exc):
        """ICMP errors: the datagram counts as lost when its answer is due."""


class Load:
    def __init__(self, args):
        self.args = args
        self.flows = []
        # 0: the kernel's choice
        first = self.args.udp_port_base
        self.udp_ports = itertools.count(first) if first else itertools.repeat(0)
        self.tasks = set()
        self.phase = None
        self.phases = {}
        self.streaming = None
        self.sequence = 0

    def spawn(self, coroutine):
        task = asyncio.get_running_loop().create_task(coroutine)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        return task

    def source(self, n):
        return self.args.source[n % len(self.args.source)]

    async def connect(self, number, port):
        """A connection from one of our addresses.  The kernel chooses the
        source port at connect(), as for ordinary clients: a random one of
        bind() would soon be one that was in use a moment ago."""
        family = socket.AF_INET6 if ":" in self.args.target else socket.AF_INET
        sock = socket.socket(family, socket.SOCK_STREAM)
        try:
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1)
            sock.bind((self.source(number), 0))
            await asyncio.get_running_loop().sock_connect(sock, (self.args.target, port))
            return await asyncio.open_connection(sock=sock)
        except BaseException:
            sock.close()
            raise

    # -- long-lived flows --------------------------------------------------

    async def tcp_flow(self, flow, number, interval, opened):
        writer = None
        try:
            reader, writer = await asyncio.wait_for(
                self.connect(number, self.args.echo_port), ANSWER_TIMEOUT
            )
            flow.local = address_text(writer.get_extra_info("sockname"))
            sequence = 0
            while True:
                # the server greets first, then answers every line
                line = await asyncio.wait_for(reader.readline(), ANSWER_TIMEOUT)
                words = line.decode("utf-8", "replace").split()
                if not words:
                    raise ConnectionError("closed by the server")
                if sequence and words[-1] != str(sequence):
                    raise ConnectionError(f"wrong answer: {line!r}")
                flow.answered(words[0])
                if sequence:
                    opened.set()
                    await asyncio.sleep(interval)
                sequence += 1
                writer.write(f"{number} {sequence}\n".encode())
        except (OSError, ConnectionError, asyncio.TimeoutError) as error:
            flow.broken = str(error) or type(error).__name__
        finally:
            opened.set()
            if writer:
                writer.close()

    async def udp_flow(self, flow, number, interval, opened):
        loop = asyncio.get_running_loop()
        transport, protocol = await loop.create_datagram_endpoint(
            lambda: UdpFlow(flow),
            local_addr=(self.source(number), next(self.udp_ports)),
            remote_addr=(self.args.target, self.args.echo_port),
        )
        flow.local = address_text(transport.get_extra_info("sockname"))
        sequence = 0
        try:
            while True:
                sequence += 1
                protocol.pending = (f"u{sequence}", loop.create_future())
                transport.sendto(f"{number} u{sequence}\n".encode())
                try:
                    await asyncio.wait_for(protocol.pending[1], interval)
                    opened.set()
                except asyncio.TimeoutError:
                    flow.lost += 1
                await asyncio.sleep(interval)
        finally:
            transport.close()

    async def open(self, tcp=0, udp=0, interval=1.5):
        waiting = []
        number = len(self.flows)
        for proto, count, run in (("tcp", tcp, self.tcp_flow), ("udp", udp, self.udp_flow)):
            for _ in range(count):
                flow, opened = Flow(proto), asyncio.Event()
                self.flows.append(flow)
                self.spawn(run(flow, number, interval, opened))
                waiting.append(opened)
                number += 1
                # spread the flows over the interval
                await asyncio.sleep(min(0.005, interval / (tcp + udp)))
        await asyncio.wait(
            [asyncio.ensure_future(event.wait()) for event in waiting], timeout=10
        )
        return {"opened": sum(1 for f in self.flows if f.answers and not f.broken)}

    # -- short requests ----------------------------------------------------

    async def request(self, number, phase, due):
        writer = None
        try:
            reader, writer = await asyncio.wait_for(
                self.connect(number, self.args.http_port), REQUEST_TIMEOUT
            )
            writer.write(
                f"GET {self.args.path} HTTP/1.0\r\nHost: {self.args.target}\r\n\r\n".encode()
            )
            answer = await asyncio.wait_for(reader.read(), REQUEST_TIMEOUT)
            head, _, body = answer.decode("utf-8", "replace").partition("\r\n\r\n")
            if " 200 " not in head.split("\r\n", 1)[0] + " ":
                raise ConnectionError(head.split("\r\n", 1)[0] or "empty answer")
            phase["times"].append(time.monotonic() - due)
            name = instance_of(body)
            phase["instances"][name] = phase["instances"].get(name, 0) + 1
        except (OSError, ConnectionError, asyncio.TimeoutError) as error:
            why = str(error) or type(error).__name__
            phase["errors"][why] = phase["errors"].get(why, 0) + 1
        finally:
            phase["busy"] -= 1
            if writer:
                writer.close()

    async def stream_run(self, rate):
        due = time.monotonic()
        while True:
            due += 1.0 / rate
            delay = due - time.monotonic()
            if delay > 0:
                await asyncio.sleep(delay)
            phase = self.phases[self.phase]
            phase["busy"] += 1
            self.sequence += 1
            self.spawn(self.request(self.sequence, phase, due))

    def stream(self, rate):
        if self.streaming:
            self.streaming.cancel()
            self.streaming = None
        if rate:
            if self.phase is None:
                self.start_phase("unnamed")
            self.streaming = self.spawn(self.stream_run(rate))

    def start_phase(self, name):
        self.phases.setdefault(
            name, {"times": [], "instances": {}, "errors": {}, "busy": 0}
        )
        self.phase = name

    async def settle(self, phase=None):
        wanted = [self.phases[phase]] if phase else list(self.phases.values())
        while any(one["busy"] for one in wanted):
            await asyncio.sleep(0.05)

    def report(self):
        result = {}
        for name, phase in self.phases.items():
            times = sorted(phase["times"])
            count = len(times)
            result[name] = {
                "requests": count,
                "errors": phase["errors"],
                "instances": phase["instances"],
                "meanMs": sum(times) / count * 1e3 if count else None,
                "p99Ms": times[math.ceil(0.99 * count) - 1] * 1e3 if count else None,
            }
        return result

    # -- commands ----------------------------------------------------------

    async def command(self, line):
        do = json.loads(line)
        verb = do.pop("do")
        if verb == "open":
            return await self.open(**do)
        if verb == "stream":
            self.stream(**do)
        elif verb == "phase":
            self.start_phase(**do)
        elif verb == "settle":
            await self.settle(**do)
        elif verb == "flows":
            return {"flows": [flow.as_dict() for flow in self.flows]}
        elif verb == "phases":
            return {"phases": self.report()}
        else:
            raise ValueError(f"unknown command {verb}")
        return {}

    async def run(self):
        reader = asyncio.StreamReader(limit=1 << 20)
        await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
        )
        while True:
            line = await reader.readline()
            if not line:
                return
            try:
                answer = await self.command(line)
            except (ValueError, TypeError, KeyError) as error:
                answer = {"error": str(error)}
            print(json.dumps(answer), flush=True)


def main():
    parser = argparse.ArgumentParser(description="load generator")
    parser.add_argument("--target", required=True, help="address to talk to")
    parser.add_argument("--http-port", type=int, default=80)
    parser.add_argument("--echo-port", type=int, default=7)
    parser.add_argument("--path", default="/")
    parser.add_argument("--udp-port-base", type=int, default=0, help="first source port")
    parser.add_argument("--source", action="append", required=True, help="own address")
    asyncio.run(Load(parser.parse_args()).run())


if __name__ == "__main__":
    main()
