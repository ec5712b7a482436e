#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Bulk transfers and datagrams of any size, with a server that says its name.

  dyncast_bulk.py serve NAME PORT ADDRESS...
  dyncast_bulk.py tcp TARGET PORT BYTES NAME...   a connection to each NAME, BYTES
        up and down on it; JSON {name: {"up": N, "down": N}}
  dyncast_bulk.py up TARGET PORT BYTES NAME...    the same, up only
  dyncast_bulk.py udp TARGET PORT SIZE COUNT      COUNT sockets, a small datagram
        and, when that was answered, three of SIZE one after another, each sent
        again once when no answer comes (the first may be what tells of the path's
        MTU); JSON [[names that answered the small one], [names that answered the
        large ones]] of each socket

TCP: the server sends its name in a line; "up N" is followed by N bytes and
answered with a line, "down N" is answered with N bytes.
"""

import functools
import json
import socket
import sys
import threading

TIMEOUT = 20
UDP_TIMEOUT = 2


def family(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def talk(connection, name):
    with connection, connection.makefile("rb") as lines:
        connection.sendall(name + b"\n")
        for line in lines:
            do, size = line.split()
            left = int(size)
            if do == b"down":
                connection.sendall(b"x" * left)
                continue
            while left:
                left -= len(lines.read(min(left, 65536)))
            connection.sendall(b"done\n")


def echo(sock, name):
    while True:
        data, peer = sock.recvfrom(65536)
        sock.sendto(name + b" " + str(len(data)).encode(), peer)


def listen(sock, name):
    while True:
        connection, _ = sock.accept()
        threading.Thread(target=talk, args=(connection, name), daemon=True).start()


def serve(name, port, *addresses):
    for address in addresses:
        where = (address, int(port))
        udp = socket.socket(family(address), socket.SOCK_DGRAM)
        udp.bind(where)
        threading.Thread(target=echo, args=(udp, name.encode()), daemon=True).start()
        tcp = socket.create_server(where, family=family(address), backlog=200)
        threading.Thread(target=listen, args=(tcp, name.encode()), daemon=True).start()
    print("ready", flush=True)
    threading.Event().wait()


def tcp_up(connection, size):
    connection.sendall(b"up %d\n" % size)
    connection.sendall(b"x" * size)
    assert connection.recv(5, socket.MSG_WAITALL) == b"done\n"
    return {"up": size}


def tcp_both(connection, size):
    tcp_up(connection, size)
    connection.sendall(b"down %d\n" % size)
    left = size
    while left:
        data = connection.recv(min(left, 1 << 20))
        assert data, f"{left} bytes missing"
        left -= len(data)
    return {"up": size, "down": size}


def tcp(do, target, port, size, *names):
    open_ones, found = [], {}
    while len(found) < len(names):
        assert len(open_ones) < 200, f"only {sorted(found)} answer"
        connection = socket.create_connection((target, int(port)), TIMEOUT)
        open_ones.append(connection)
        name = b""
        while not name.endswith(b"\n"):
            byte = connection.recv(1)
            assert byte, "closed"
            name += byte
        name = name.decode().strip()
        if name in names:
            found.setdefault(name, connection)
    print(json.dumps({name: do(c, int(size)) for name, c in found.items()}))


def ask(sock, datagram, tries):
    """Name of whoever answers, in a list; an empty one when nobody does."""
    for _ in range(tries):
        try:
            sock.send(datagram)
            return [sock.recv(65536).split()[0].decode()]
        except OSError:  # nothing came, or it was too big for what is known now
            pass
    return []


def udp(target, port, size, count):
    result = []
    for _ in range(int(count)):
        with socket.socket(family(target), socket.SOCK_DGRAM) as sock:
            sock.settimeout(UDP_TIMEOUT)
            sock.connect((target, int(port)))
            small, large = ask(sock, b"s", 1), []
            for _ in range(3 if small else 0):
                large += ask(sock, b"x" * int(size), 2)
            result.append([small, large])
    print(json.dumps(result))


if __name__ == "__main__":
    {
        "serve": serve,
        "tcp": functools.partial(tcp, tcp_both),
        "up": functools.partial(tcp, tcp_up),
        "udp": udp,
    }[sys.argv[1]](*sys.argv[2:])
