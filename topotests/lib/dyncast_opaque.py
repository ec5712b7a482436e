# SPDX-License-Identifier: GPL-2.0-or-later
"""What a module of another version would say: HELLO, once a moment, to the modules
behind a zebra (lib/msg.h, in ZAPI opaque messages).

    dyncast_opaque.py SOCKET COMMAND HEX   HEX in the ZAPI message COMMAND, until it is ended

The number of that command, and whether the sender names itself, are the release's:
FRR's own header tells.
"""

import os
import re
import socket
import struct
import sys
import time

TO_BGPD = 0x44796E42
TO_ZEBRA = 0x44796E5A
HELLO = 1
EPOCH = 7
EACH_S = 0.2


def arguments(to, version):
    """argv of this script for a hello of that version."""
    with open(os.path.join(os.environ["DYNCAST_FRR_SOURCE"], "lib/zclient.h"), encoding="utf-8") as file:
        header = re.sub(r"/\*.*?\*/", "", file.read(), flags=re.S)
    commands = re.search(r"typedef enum \{([^}]*)\} zebra_message_types_t;", header).group(1)
    number = [name.strip() for name in commands.split(",")].index("ZEBRA_OPAQUE_MESSAGE")
    sender = struct.pack("!BHL", 0, 0, 0) if "src_proto" in header else b""
    hello = struct.pack("!QLL", EPOCH, version, 0)
    hello = struct.pack("!BBHL", HELLO, 0, 8 + len(hello), 0) + hello
    body = struct.pack("!LH", to, 0) + sender + hello
    return [sys.executable, os.path.abspath(__file__), "/var/run/frr/zserv.api", str(number), body.hex()]


def main(path, number, body):
    body = bytes.fromhex(body)
    message = struct.pack("!HBBLH", 10 + len(body), 254, 6, 0, int(number)) + body
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(path)
        while True:
            connection.sendall(message)
            time.sleep(EACH_S)


if __name__ == "__main__":
    main(*sys.argv[1:])
