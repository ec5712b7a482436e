# SPDX-License-Identifier: GPL-2.0-or-later
"""Wireshark's dissector against UPDATEs of our own and against lib/attr_decode.c.

Each test writes a capture file and has tshark read it.  What is compared are
fields by their filter names, and the errors that tshark shows.
"""

import ipaddress
import json
import os
import random
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
BUILD = os.environ.get("DYNCAST_BUILD", os.path.join(TOP, "build"))
SCRIPT = os.path.join(TOP, "wireshark", "dyncast.lua")
sys.path[:0] = [HERE, os.path.join(TOP, "topotests", "lib")]

# pylint: disable=wrong-import-position
import dyncast_attr as attr  # noqa: E402
import raw_bgp  # noqa: E402
from pcap import Pcap  # noqa: E402

PREFIX = "10.255.0.1/32"
TSHARK_S = 120
# Wireshark 4.4 loads no scripts for root: nobody, who may read what root may
NOT_AS_ROOT = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"]
NOT_AS_ROOT += ["--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"]


def message(attributes, prefix=PREFIX):
    return raw_bgp.update(prefix, "10.0.0.1", attributes)


def tshark(path, *arguments):
    command = ["tshark", "-n", "-X", "lua_script:" + SCRIPT, "-r", path, *arguments]
    if os.geteuid() == 0:
        command = NOT_AS_ROOT + command
    run = subprocess.run(command, capture_output=True, text=True, timeout=TSHARK_S, check=False)
    assert run.returncode == 0, run.stderr
    assert "Lua" not in run.stderr and "dyncast.lua" not in run.stderr, run.stderr
    return run.stdout


def fields(path, *names, only="bgp", options=()):
    """One list for each packet, with the list of values of each field."""
    arguments = ["-Y", only, "-T", "fields", "-E", "aggregator=|", *options]
    for name in names:
        arguments += ["-e", name]
    rows = [line.split("\t") for line in tshark(path, *arguments).split("\n")[:-1]]
    return [[cell.split("|") if cell else [] for cell in row] for row in rows]


def capture(tmp_path, *messages):
    path = str(tmp_path / "bgp.pcap")
    with Pcap(path) as pcap:
        for one in messages:
            pcap.send(one)
    return path


INSTANCES = attr.instance(
    name=b"a1", capacity=100, utilisation=3750, in_flight=7, delay_us=4100, age=25
) + attr.instance("10.9.0.1", attr.KIND_ADJACENT, b"a2", attr.DRAIN, capacity=50)


def test_instances(tmp_path):
    """Every metric, in both profiles; what is absent is not shown."""
    path = capture(
        tmp_path,
        message(attr.attribute(INSTANCES)),
        message(attr.attribute(INSTANCES, 0x80, attr.IETF)),
    )
    names = ("name", "dbid6", "dbid4", "capacity", "utilisation", "in_flight", "delay_us", "age")
    found = fields(path, "dyncast.profile", *("dyncast.instance." + name for name in names))
    same = [["a1", "a2"], ["2001:db8:e1:0:99::"], ["10.9.0.1"], ["100", "50"]]
    same += [["3750"], ["7"], ["4100"], ["25", "0"]]
    assert found == [[["1"], *same], [["2"], *same]]
    shown = tshark(path, "-O", "dyncast")
    for text in ("profile transitive", "profile ietf", "37.50 %", "2.5 s"):
        assert text in shown
    assert "Malformed" not in shown and "another profile" not in shown


def test_site_and_policy(tmp_path):
    value = (
        attr.u32(attr.PREFERENCE, 77)
        + attr.availability(95, 300)
        + attr.u32(attr.DELAY, 12)
        + attr.raw_measurement(10, 2000, 1000)
        + attr.u32(attr.CAPABILITY, 50)
        + attr.u32(attr.RESOURCE, 60, 0x80)
        + attr.u32(attr.AS_SCOPE, 65001)
        + attr.policy(2, 2, 1, 24, 90)
    )
    path = capture(tmp_path, message(attr.attribute(value)))
    names = ["dyncast.site." + name for name in (
        "preference", "id", "availability", "delay_ms", "raw.period", "raw.to", "raw.from",
        "capability", "resource", "as_scope")]
    names += ["dyncast.policy." + name for name in ("action", "affinity", "prefix_length", "timeout")]
    values = "77 300 95 12 10 2000 1000 50 60 65001 2 2 24 90".split()
    assert fields(path, *names) == [[[one] for one in values]]
    assert not fields(path, "frame.number", only="dyncast.malformed || dyncast.ignored")


MALFORMED = {
    "no sub-TLV": b"",
    "truncated sub-TLV": attr.instance()[:-1],
    "sub-TLV of a wrong length": attr.subtlv(attr.PREFERENCE, b"\0\0\0\1"),
    "value out of range: capacity 0": attr.instance(capacity=0),
    "value out of range: utilisation above 100 %": attr.instance(utilisation=10001),
    "value out of range: this D-BID for this kind": attr.instance("ff02::1"),
    "value out of range: a character or the length of the name": attr.instance(name=b"a b"),
    "value out of range: an index is 0 to 100": attr.u32(attr.DELAY, 101, 0x80),
    "value out of range: prefix length": attr.policy(0, 1, 0, 24),
    "two instances with one D-BID": attr.instance() + attr.instance(name=b"b"),
    "too many instances": b"".join(attr.instance(f"2001:db8::{n:x}:0:1") for n in range(1, 66)),
}


def test_malformed_is_said(tmp_path):
    """Shown as such, with the reason, and what BGP says stays."""
    # one that is right stands before and after each: they are judged one by one
    good = message(attr.attribute(INSTANCES))
    messages = [good]
    for value in MALFORMED.values():
        messages += [message(attr.attribute(value)), good]
    path = capture(tmp_path, *messages)
    names = ("frame.number", "_ws.expert.message", "bgp.nlri_prefix")
    found = fields(path, *names, only="dyncast.malformed")
    assert [int(row[0][0]) for row in found] == [2 * n + 2 for n in range(len(MALFORMED))]
    for why, (_, said, prefix) in zip(MALFORMED, found):
        assert why in said and prefix == ["10.255.0.1"]


def test_flags_of_the_other_profile(tmp_path):
    path = capture(
        tmp_path,
        message(attr.attribute(INSTANCES, 0x80, attr.TRANSITIVE)),
        message(attr.attribute(INSTANCES, 0xC0, attr.IETF)),
        # the low four bits have no meaning
        message(attr.attribute(INSTANCES, 0xCF & ~0x10, attr.TRANSITIVE)),
    )
    assert fields(path, "frame.number", only="dyncast.wrong_flags") == [[["1"]], [["2"]]]


def test_later_versions_are_ignored(tmp_path):
    value = (
        attr.subtlv(4711, b"new")
        + attr.instance(kind=9)
        + attr.policy(action=99)
        + attr.availability(101)
        + attr.u32(attr.PREFERENCE, 1) * 2
    )
    path = capture(tmp_path, message(attr.attribute(value)))
    assert fields(path, "_ws.expert.message", only="dyncast.ignored && !dyncast.malformed")


def test_first_that_is_taken_counts(tmp_path):
    """Not one that is ignored: several metric types in one attribute are usual."""
    policy = attr.policy(2, 2, 1, 24, 90)
    taken = {
        attr.availability(40, 3): attr.availability(101, 3),
        attr.raw_measurement(1, 2, 3): attr.subtlv(attr.RAW, b"\0"),
        attr.u32(attr.CAPABILITY, 50): attr.u32(attr.CAPABILITY, 9, 1),
        attr.u32(attr.RESOURCE, 60, 0x80): attr.u32(attr.RESOURCE, 60, 1),
        policy: attr.policy(action=99),
    }
    messages = []
    for good, bad in taken.items():
        for value in (bad + good, good + bad, good + good):
            messages.append(message(attr.attribute(value)))
    found = fields(capture(tmp_path, *messages), "_ws.expert.message")
    repeated = [any("repeated" in said for said in row[0]) for row in found]
    assert repeated == [False, False, True] * len(taken)


def test_code_is_a_preference(tmp_path):
    path = capture(tmp_path, message(attr.attribute(INSTANCES, code=199)))
    assert not fields(path, "frame.number", only="dyncast")
    assert fields(path, "dyncast.code", only="dyncast", options=("-o", "dyncast.code:199")) == [[["199"]]]


def test_tcp_cuts_and_joins(tmp_path):
    """Two UPDATEs in one segment, and one in three."""
    one, other = (message(attr.attribute(attr.instance(name=name))) for name in (b"one", b"other"))
    path = str(tmp_path / "bgp.pcap")
    with Pcap(path) as pcap:
        pcap.send(one + other)
        pcap.send(one[:25], one[25:60], one[60:])
    found = fields(path, "frame.number", "dyncast.instance.name", only="dyncast")
    assert found == [[["1"], ["one", "other"]], [["4"], ["one"]]]


def mutations(seed, count):
    """Attributes that are right, and ones with some octets changed, cut or added."""
    rng = random.Random(seed)
    whole = [
        INSTANCES,
        attr.instance("192.0.2.9", 3, b"c", capacity=3, score=4),
        attr.instance("2001:db8::9", 3),
        attr.instance(name=b""),
        attr.policy(2, 2, 2, 24, 90),
        attr.subtlv(attr.POLICY, bytes.fromhex("02020218005a1e0f5a030005000000140000000a")),
        attr.subtlv(attr.DELAY, b"\x40" + bytes(8)),
        attr.raw_measurement(1, 2, 3),
        attr.subtlv(attr.RAW, b"\0" + b"\x01\x0d" + bytes(13)),
        attr.availability(100, 3, True),
    ] + [attr.u32(kind, 50) for kind in (1, 3, 5, 6, 7)]
    for _ in range(count):
        value = bytearray(b"".join(rng.sample(whole, rng.randint(1, 4))))
        for _ in range(rng.choice((0, 1, 1, 1, 2, 3))):
            at = rng.randrange(len(value))
            kind = rng.randrange(4)
            if kind == 0:
                value[at] = rng.choice((0, 1, 2, 100, 101, 128, 255, rng.randrange(256)))
            elif kind == 1:
                value[at] ^= 1 << rng.randrange(8)
            elif kind == 2:
                del value[at : at + rng.randint(1, 5)]
            else:
                value[at:at] = bytes(rng.randrange(256) for _ in range(rng.randint(1, 3)))
            if not value:
                break
        yield bytes(value)


def decoded(values):
    """What bgpd_dyncast's own decoder makes of them."""
    run = subprocess.run(
        [os.path.join(BUILD, "tests", "wireshark", "attr_values")],
        input="".join(value.hex() + "\n" for value in values),
        capture_output=True, text=True, timeout=TSHARK_S, check=True,
    )
    return [json.loads(line) for line in run.stdout.splitlines()]


def test_agrees_with_the_decoder(tmp_path):
    """Of a thousand attributes, both refuse the same and see the same instances."""
    values = list(mutations(42, 1000))
    path = str(tmp_path / "bgp.pcap")
    with Pcap(path) as pcap:
        for value in values:
            pcap.send(message(attr.attribute(value)))
    truth = decoded(values)
    assert len(truth) == len(values)
    bad = {int(row[0][0]) for row in fields(path, "frame.number", only="dyncast.malformed")}
    ours = {n for n, one in enumerate(truth, 1) if one["result"] != "ok"}
    assert len(ours) > 100 and len(values) - len(ours) > 100
    assert bad == ours, [(n, values[n - 1].hex(), truth[n - 1]["result"]) for n in bad ^ ours][:3]

    names = ("dbid6", "dbid4", "name", "capacity", "utilisation", "delay_us", "rate")
    rows = fields(path, "frame.number", *("dyncast.instance." + name for name in names), only="bgp")
    for number, (row, one) in enumerate(zip(rows, truth), 1):
        assert row[0] == [str(number)]
        if one["result"] != "ok":
            continue
        want = one["instances"]
        dbids = {ipaddress.ip_address(text) for text in row[1] + row[2]}
        assert dbids == {ipaddress.ip_address(instance[0]) for instance in want}
        assert row[3] == [instance[1] for instance in want if instance[1]]
        for column, at in ((4, 4), (5, 5), (6, 6), (7, 7)):
            # what is absent is 0 for the decoder
            shown = [cell for cell in row[column] if cell != "0"]
            assert shown == [str(instance[at]) for instance in want if instance[at]], number
