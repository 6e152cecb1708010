"""Maps whose configurations are imported, and two outputs of khapgen, compared."""
import collections
import os
import re

import tap


def sections(text):
    """{header: Counter of lines}"""
    found = collections.OrderedDict()
    name = ""
    for line in text.split("\n"):
        if line.strip() == "" or line.lstrip().startswith("#"):
            continue
        if not line[0].isspace():
            name = line
        found.setdefault(name, collections.Counter())[line.strip()] += 1
    return found


def difference(a, b):
    said = []
    for name in list(a) + [n for n in b if n not in a]:
        for line in (a.get(name, collections.Counter()) - b.get(name, collections.Counter())).elements():
            said.append("- [%s] %s" % (name, line))
        for line in (b.get(name, collections.Counter()) - a.get(name, collections.Counter())).elements():
            said.append("+ [%s] %s" % (name, line))
    return said


def files(directory):
    found = {}
    for where, _, names in os.walk(directory):
        for name in names:
            if name not in ("haproxy.cfg", "khap.sums"):
                path = os.path.join(where, name)
                found[os.path.relpath(path, directory)] = sorted(open(path, errors="surrogateescape").read().split("\n"))
    return found


def target_of(words, text):
    for option in "-t", "--target":
        if option in words:
            return ["-t", words[words.index(option) + 1]]
    own = re.search(r'^haproxy: *\{?(?:release: *)?"?([0-9.]+(?:-[0-9.]+)?)', text, re.M)
    return ["-t", own.group(1)] if own else []


def known_maps():
    """(name, folder, words for khapgen generate) of examples/ and tests/cases"""
    maps = []
    for name in sorted(os.listdir(os.path.join(tap.srcdir, "examples"))):
        if name.endswith(".yaml"):
            maps.append((name, os.path.join(tap.srcdir, "examples"), [name]))
    for name in sorted(os.listdir(os.path.join(tap.srcdir, "tests/cases"))):
        directory = os.path.join(tap.srcdir, "tests/cases", name)
        if not os.path.exists(os.path.join(directory, "expected.cfg")):
            continue
        args = os.path.join(directory, "args")
        maps.append((name, directory, open(args).read().split("\n")[:-1] if os.path.exists(args) else ["map.yaml"]))
    return maps
