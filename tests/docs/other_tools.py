#!/usr/bin/python3
"""docs/other-tools.md: each key that it names is one of keys.tsv, each row has a key or a reason, and what it says of its rows is what there is."""
import os
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import tap  # noqa: E402

LINES = {"extra", "global", "defaults", "sections", "frontends.*.extra"}
with open(os.path.join(tap.srcdir, "lib/model/keys.tsv")) as f:
    known = {line.split("\t")[0] for line in f if not line.startswith("#")}
with open(os.path.join(tap.srcdir, "docs/other-tools.md")) as f:
    parts = f.read().split("\n## ")[1:]
tap.equal("tools", len(parts), 3)
for part in parts:
    tool = part.split("\n")[0]
    said = [int(n) for n in re.search(r"By a key (\d+) of (\d+) \((\d+) %\), by lines of one's own (\d+) more\.", part).groups()]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in part.splitlines() if line.startswith("| `")]
    by_key = by_lines = 0
    for option, keys, why in rows:
        names = re.findall(r"`([^`]+)`", keys)
        unknown = [n for n in names if n not in known and "services.*." + n not in known]
        tap.ok("%s: %s: keys that there are" % (tool, option), not unknown and (names or keys == "-"), unknown)
        lines = bool(names) and set(names) <= LINES
        tap.ok("%s: %s: a key or a reason" % (tool, option), (why == "*lines*") if lines else bool(why) != bool(names), why)
        by_key += bool(names) and not lines
        by_lines += lines
    tap.equal("%s: no option twice" % tool, len({r[0] for r in rows}), len(rows))
    tap.equal("%s: the share" % tool, said, [by_key, len(rows), round(100 * by_key / len(rows)), by_lines])
tap.finish()
