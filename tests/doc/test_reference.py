# SPDX-License-Identifier: GPL-2.0-or-later
"""The documentation against what the modules and programs really have.

Commands come from the modules' cross-references, as vtysh's do; JSON keys from
the sources that write them (topotests check real answers); options from the
programs' own --help.
"""

import glob
import json
import os
import re
import subprocess

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
BUILD = os.environ.get("DYNCAST_BUILD", os.path.join(TOP, "build"))
DOC = os.path.join(TOP, "doc")


def read(*path):
    with open(os.path.join(TOP, *path), encoding="utf-8") as file:
        return file.read()


def shape(command):
    """A command's words, and how many values it takes, in a comparable form.

    "dyncast hold (0-86400)$seconds" and "dyncast hold SECONDS" have one shape.
    """
    text = re.sub(r"\$\w+", "", command)  # the modules' names of variables
    text = re.sub(r"^\[no\] ", "", text)
    text = text.replace("[json]", "")
    text = re.sub(r"<[A-Z][^<>a-z]*>", "VALUE", text)  # alternatives of values alone
    text = re.sub(r"\(\d+-\d+\)", "VALUE", text)
    text = re.sub(r"\b[A-Z][A-Z.:/]*(\|[A-Z][A-Z.:/]*)*", "VALUE", text)
    words = re.findall(r"VALUE|[a-z][a-z-]*\d*", text)
    return tuple(sorted(words))


def module_commands():
    """{shape: command}"""
    found = {}
    for daemon in ("bgpd", "zebra"):
        with open(os.path.join(BUILD, "modules", daemon + ".xref"), encoding="utf-8") as file:
            cli = json.load(file)["cli"]
        for places in cli.values():
            for place in places.values():
                if place.get("nodes") and not place["string"].startswith("no "):
                    found[shape(place["string"])] = place["string"]
    return found


def documented_commands():
    found = {}
    for line in read("doc", "commands.rst").splitlines():
        if line.startswith("``"):
            for command in re.findall(r"``([^`]+)``", line):
                found[shape(command)] = command
    return found


def test_commands_are_documented_and_exist():
    module, documented = module_commands(), documented_commands()
    assert len(module) > 40
    assert not [module[one] for one in module.keys() - documented.keys()], "not in doc/commands.rst"
    assert not [documented[one] for one in documented.keys() - module.keys()], "no such command"


def test_configuration_can_be_taken_back():
    """Each line that configures has its `no`; to load a file is no such line."""
    strings = set()
    for daemon in ("bgpd", "zebra"):
        with open(os.path.join(BUILD, "modules", daemon + ".xref"), encoding="utf-8") as file:
            for places in json.load(file)["cli"].values():
                strings |= {place["string"] for place in places.values() if place.get("nodes")}
    negated = [s for s in strings if s.startswith("no ")]
    for string in strings:
        if string.startswith("dyncast ") and " load FILE" not in string:
            # the words before its first value, the least that `no` must know
            begin = "no " + re.split(r" [<(\[{]| [A-Z]", string.replace("$name", ""))[0]
            assert any(other.startswith(begin) for other in negated), string


def test_each_word_has_its_help():
    """What `?` says: FRR gives the texts to a command's words in turn, so one that is
    missing or too many makes those behind it wrong."""
    commands = []
    for path in glob.glob(os.path.join(BUILD, "modules", "*.xref")):
        with open(path, encoding="utf-8") as file:
            for places in json.load(file)["cli"].values():
                commands += [(place["string"], place["doc"]) for place in places.values()]
    assert len(commands) > 60
    for string, doc in commands:
        words = re.sub(r"[][<>{}|!]", " ", re.sub(r"\$\w+", "", string)).split()
        texts = doc.removesuffix("\n").split("\n")
        assert len(words) == len(texts), f"{string}: {len(words)} words, {len(texts)} texts"
        assert all(text.strip() for text in texts), string


KEY_CALL = re.compile(r'json_\w+\(\s*[\w>.-]+,\s*([^,;]*?"[^,;]*),')
KEY_TABLE = re.compile(r'^\t\[\w+\] = "(\w+)",$', re.MULTILINE)
KEY_TEXT = re.compile(r'\\"(\w+)\\":')


def source_keys():
    found = set()
    sources = ("*-dyncast/*.c", "lib/*_json.c", "yang/*.c")
    for path in (p for pattern in sources for p in glob.glob(os.path.join(TOP, pattern))):
        text = read(path)
        for call in KEY_CALL.findall(text):
            found |= set(re.findall(r'"(\w+)"', call))
        if "malformed_keys" in text:
            found |= set(KEY_TABLE.findall(text))
        if os.path.basename(path) == "show_flows.c":
            found |= set(KEY_TEXT.findall(text))
    return found


def documented_keys():
    return set(re.findall(r"``(\w+)``", read("doc", "json.rst")))


# words and values that are no keys
WORDS = {"egress", "unpack", "steer", "tcx", "clsact", "none", "adjacent", "srv6", "ipip", "plain",
         "metrics", "eligible", "advertise", "local", "bpf", "device", "zebra", "bgpd", "Us", "Ms", "Seconds"}  # fmt: skip


def test_json_keys_are_documented_and_exist():
    source, documented = source_keys(), documented_keys()
    assert len(source) > 150
    assert not source - documented, "not in doc/json.rst"
    assert not documented - source - WORDS, "no such key"


PROGRAMS = " ".join(re.findall(r"^sbin_PROGRAMS \+?= (.*)$", read("Makefile.am"), re.MULTILINE)).split()


@pytest.mark.parametrize("program", PROGRAMS)
def test_manual_page(program):
    """Well-formed, and every option that --help has is there."""
    page = os.path.join(DOC, program + ".8")
    run = subprocess.run(
        ["groff", "-man", "-Tutf8", "-ww", "-z", page], capture_output=True, text=True, timeout=60, check=False
    )
    assert run.returncode == 0 and not run.stderr, run.stderr
    said = subprocess.run(
        [os.path.join(BUILD, program), "--help"], capture_output=True, text=True, timeout=60, check=True
    ).stdout
    options = set(re.findall(r"(?<=[ ,])--[a-z-]+", said))
    assert options
    text = read("doc", program + ".8").replace("\\-", "-")
    assert not [option for option in options if option not in text]


def test_manual_pages_name_each_other():
    """In the index, and each where the others are: also those that are of no program."""
    pages = {os.path.basename(path)[: -len(".8")] for path in glob.glob(os.path.join(DOC, "*.8"))}
    assert pages > set(PROGRAMS)
    assert set(re.findall(r"([a-z-]+)\(8\)", read("doc", "index.rst"))) == pages
    for page in pages:
        run = subprocess.run(
            ["groff", "-man", "-Tutf8", "-ww", "-z", os.path.join(DOC, page + ".8")],
            capture_output=True, text=True, timeout=60, check=False,
        )
        assert run.returncode == 0 and not run.stderr, run.stderr
        also = read("doc", page + ".8").replace("\\-", "-").split(".SH SEE ALSO", 1)[1]
        assert set(re.findall(r"^\.BR ([a-z-]+) \(8\)", also, re.MULTILINE)) >= pages - {page}, page


def test_programs_were_found():
    assert {"dyncast-agent", "dyncast-exporter"} <= set(PROGRAMS)


def test_every_page_is_in_the_index_and_the_tarball():
    pages = {os.path.basename(path)[:-4] for path in glob.glob(os.path.join(DOC, "*.rst"))}
    listed = set(re.findall(r"^   ([a-z-]+)$", read("doc", "index.rst"), re.MULTILINE))
    assert pages - {"index"} == listed
    makefile = read("Makefile.am")
    assert not [page for page in pages if f"doc/{page}.rst" not in makefile]


def test_links_in_readme():
    """Relative links lead to files of the tree, and so do folders of its table."""
    text = read("README.md")
    links = re.findall(r"\]\((?!https?:)([^)#]+)", text) + re.findall(r"^\| `([\w/-]+/)`", text, re.MULTILINE)
    assert links
    assert not [link for link in links if not os.path.exists(os.path.join(TOP, link))]


DAEMONS = """\
bgpd=no
ospfd=no
zebra_options="  -A 127.0.0.1 -s 90000000"
mgmtd_options="  -A 127.0.0.1"
bgpd_options="   -A 127.0.0.1"
staticd_options="-A 127.0.0.1"
"""


def test_modules_come_once_and_go(tmp_path):
    """What the README does to FRR's list of daemons, also by who does it twice: FRR
    does not start with a module that is there twice."""
    daemons = tmp_path / "daemons"
    edits = [line.removeprefix("sudo ") for line in read("README.md").splitlines() if line.startswith("sudo sed ")]
    add, remove = [line.replace("/etc/frr/daemons", str(daemons)) for line in edits]

    def edited(line):
        subprocess.run(["sh", "-ec", line], timeout=60, check=True)
        return daemons.read_text(encoding="utf-8")

    daemons.write_text(DAEMONS, encoding="utf-8")
    once = edited(add)
    assert once == (
        DAEMONS.replace("bgpd=no", "bgpd=yes")
        .replace('s 90000000"', 's 90000000 -M zebra_dyncast"')
        .replace('bgpd_options="   -A 127.0.0.1"', 'bgpd_options="   -A 127.0.0.1 -M bgpd_dyncast"')
    )
    assert edited(add) == once
    # as a README of before left it
    daemons.write_text(once.replace(' -M bgpd_dyncast"', ' -M bgpd_dyncast -M bgpd_dyncast"'), encoding="utf-8")
    assert edited(remove) == DAEMONS.replace("bgpd=no", "bgpd=yes")


def test_commands_in_prose_exist():
    """`show dyncast …`, `clear dyncast …` and `dyncast …` on any page begin like a real
    one; what is said of a service, as far as the word behind its name."""
    commands = [command.split() for command in documented_commands().values()]
    words = {tuple(command[:3]) for command in commands}
    lines = {tuple(command[:2]) for command in commands}
    of_service = {word for command in commands if command[:2] == ["dyncast", "service"] for word in command[3:4]}
    for path in glob.glob(os.path.join(DOC, "*.rst")) + [os.path.join(TOP, "README.md")]:
        text = re.sub(r"\s+", " ", read(path))
        for verb, word in re.findall(r"[`'](show|clear) dyncast ([a-z-]+)", text):
            assert (verb, "dyncast", word) in words, f"{path}: {verb} dyncast {word}"
        for word, name, behind in re.findall(r"[`'](?:no )?dyncast ([a-z-]+)(?: ([^\s`'…]+) ([a-z-]+))?", text):
            assert ("dyncast", word) in lines, f"{path}: dyncast {word}"
            assert word != "service" or not behind or behind in of_service, f"{path}: dyncast service {name} {behind}"


def test_pages_build_without_a_warning(tmp_path):
    run = subprocess.run(
        ["sphinx-build", "-q", "-W", "--keep-going", "-n", "-b", "html", "-d", str(tmp_path / "trees"), DOC,
         str(tmp_path / "html")],
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stdout + run.stderr
