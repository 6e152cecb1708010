"""Two outputs of khapgen, compared: what round.py and models.py share."""
import collections
import os


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
