#!/usr/bin/python3
"""The table of conformance in docs/kubernetes.md: each behaviour that it calls supported names a test, and each test that it names is there.

A name is looked for among the texts of the test's source; what the source fills in (%s, %d) may be anything.
"""
import ast
import os
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import tap  # noqa: E402

ABBREVIATED = {"t": "tests/kube/gateway_traffic.py", "g": "tests/kube/gateway.py"}
KINDS = ("Gateway", "HTTPRoute", "GRPCRoute", "TLSRoute", "TCPRoute", "ReferenceGrant")


def texts(path):
    """Patterns of all texts in a source."""
    with open(os.path.join(tap.srcdir, path)) as f:
        tree = ast.parse(f.read())
    found = [re.compile(re.sub(r"%[sdr]", ".*", re.escape(n.value).replace("\\%", "%"))) for n in ast.walk(tree) if isinstance(n, ast.Constant) and isinstance(n.value, str) and len(n.value) > 2]
    return [p for p in found if p.pattern.strip(".*")]


def rows():
    with open(os.path.join(tap.srcdir, "docs/kubernetes.md")) as f:
        text = f.read()
    part = text[text.index("### Conformance"):]
    for line in part[part.index("|---"):].splitlines()[1:]:
        if not line.startswith("|"):
            return
        yield [c.strip() for c in re.split(r"(?<!\\)\|", line.strip().strip("|"))]


sources = {}
seen = set()
n = 0
for what, level, here, tests in rows():
    n += 1
    seen.update(k for k in KINDS if "**%s**" % k in what)
    named = [t for t in re.split(r"; ", tests) if t != "-"]
    tap.ok("%s: %s" % (what, "has a test" if named else "is not supported, and says so"), named or here.startswith("no"), here)
    for t in named:
        m = re.match(r"(?:([a-z]): (.*)|`(tests/[^`]+)`.*)$", t)
        if not tap.ok("%s: names a test: %s" % (what, t), m, tests):
            continue
        if m.group(3):
            path = os.path.join(tap.srcdir, m.group(3))
            tap.ok("%s is there" % m.group(3), any(os.path.exists(path + end) for end in ("", ".c", ".py", ".sh")), path)
            continue
        path = ABBREVIATED[m.group(1)]
        name = re.sub(r",? (and the \w+ after it|\w+ of them|\(random routes\))$", "", m.group(2)).strip()
        name = re.sub(r" \(.*\)$", "", name)
        if path not in sources:
            sources[path] = texts(path)
        tap.ok("%s has it: %s" % (path, name), any(p.fullmatch(name) or p.match(name) or name in p.pattern.replace("\\", "") for p in sources[path]), name)
tap.equal("every kind has its part", seen, set(KINDS))
tap.ok("the table is one", n > 30, n)
tap.finish()
