#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Bulk transfers and datagrams of any size, with a server that says its name.

  dyncast_bulk.py serve NAME PORT ADDRESS...
  dyncast_bulk.py tcp TARGET PORT BYTES NAME...   a connection to each NAME, BYTES
        up and down on it; JSON {name: {"mss": N, "up": N, "down": N}}
  dyncast_bulk.py udp TARGET PORT SIZE COUNT      COUNT sockets, a small datagram
        and then three of SIZE each; JSON [[names that answered the small one],
        [names that answered the large ones]] of each socket

TCP: the server sends its name in a line; "up N" is followed by N bytes and
answered with a line, "down N" is answered with N bytes.
"""

import json
import socket
import sys
import threading

TIMEOUT = 20


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


def tcp_one(connection, size):
    lines = connection.makefile("rb")
    connection.sendall(b"up %d\n" % size)
    connection.sendall(b"x" * size)
    assert lines.readline() == b"done\n"
    connection.sendall(b"down %d\n" % size)
    left = size
    while left:
        data = lines.read(min(left, 65536))
        assert data, f"{left} bytes missing"
        left -= len(data)
    mss = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG)
    return {"mss": mss, "up": size, "down": size}


def tcp(target, port, size, *names):
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
    print(json.dumps({name: tcp_one(c, int(size)) for name, c in found.items()}))


def answers(sock, count):
    names = []
    try:
        for _ in range(count):
            names.append(sock.recv(65536).split()[0].decode())
    except (socket.timeout, OSError):
        pass
    return names


def udp(target, port, size, count):
    result = []
    for _ in range(int(count)):
        with socket.socket(family(target), socket.SOCK_DGRAM) as sock:
            sock.settimeout(1)
            sock.connect((target, int(port)))
            sock.send(b"s")
            small = answers(sock, 1)
            for _ in range(3):
                try:
                    sock.send(b"x" * int(size))
                except OSError:
                    pass
            result.append([small, answers(sock, 3)])
    print(json.dumps(result))


if __name__ == "__main__":
    {"serve": serve, "tcp": tcp, "udp": udp}[sys.argv[1]](*sys.argv[2:])
