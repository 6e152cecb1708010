#!/usr/bin/python3
"""Random maps (tests/random/maps.py) come back: map -> configuration -> import -> the same configuration, so the same resolved map.

N= maps (60 without it), SEED= which; RELEASES= for which releases in turn, "-" for all. As one file and as a bundle. What the map itself keeps as lines
stays lines, and so does what MISSING of models.py names; all else must become keys. What khapgen refuses is counted.
"""
import collections
import json
import os
import random
import re
import subprocess
import sys

import khapgen
import tap
from again import difference, files, sections

sys.path.insert(0, os.path.join(tap.srcdir, "tests/random"))
N = int(os.environ.get("N", "60"))
SEED = tap.seed("N")
FAILURES = int(os.environ.get("FAILURES", "5"))
RELEASES = os.environ.get("RELEASES", "- 2.2 2.6 3.0 3.4").split()
import maps  # noqa: E402: makes a folder with all files that maps name, and goes there

KHAPGEN = khapgen.program()
# Lines of one's own, and keys of which the configuration holds the text of a file and not its name.
LINES = re.compile(r'"(extra|global|defaults|sections|dynamic|HS256|HS384|HS512)"')
SUM = re.compile(r"(abns@khap-[a-z-]+)-[0-9a-f]{8}")


def run(words, where, text=None):
    return subprocess.run([KHAPGEN, *words], input=text, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=where)


def generate(where, target, text):
    os.makedirs(where)
    bundle = where.endswith("bundle") or where.endswith("bundle-again")
    done = run(["generate", *target, *(["--output-dir", where] if bundle else ["-o", where + "/haproxy.cfg"]), "-"], ".", text)
    return done


def comes_back(stem, target, made, bundle):
    """None: it does; "": khapgen does not take it; or why not."""
    text = json.dumps(made, ensure_ascii=False)
    where = "%s-%s" % (stem, "bundle" if bundle else "file")
    first = generate(where, target, text.encode())
    if first.returncode:
        return ""
    for name in os.listdir("."):
        if os.path.isfile(name) or name == "certs.d":
            if not os.path.lexists(where + "/" + name):
                os.symlink("../" + name, where + "/" + name)
    imported = run(["import", *target, "haproxy.cfg"], where)
    said = imported.stderr.decode(errors="replace")
    share = re.search(r"note: (\d+) of (\d+) lines", said)
    if imported.returncode or not share:
        return "import ended with %d: %s" % (imported.returncode, said)
    again = where + "-again"
    second = generate(again, target, imported.stdout)
    if second.returncode:
        return "not written again: %s\n%s" % (second.stderr.decode(), imported.stdout.decode())
    # a socket's name ends in a sum of addresses as the map writes them
    before, after = (sections(SUM.sub(r"\1", open(d + "/haproxy.cfg", errors="surrogateescape").read())) for d in (where, again))
    wrong = difference(before, after)
    if bundle:
        a, b = files(where), files(again)
        both = [n for n in sorted(set(a) | set(b)) if not os.path.islink(where + "/" + n) and not n.startswith("certs/")]  # certs/ has texts of files
        wrong += ["file %s: %r %r" % (n, a.get(n), b.get(n)) for n in both if a.get(n) != b.get(n) and not os.path.exists(n)]
    if share.group(1) != share.group(2) and not LINES.search(text):
        wrong.append("%s of %s lines became keys" % share.groups())
    return "\n".join(wrong[:30] + [said, imported.stdout.decode(errors="replace")]) if wrong else None


def main():
    counts = collections.Counter()
    failed = []
    for i in range(N):
        made = maps.Maker(random.Random("%d %d" % (SEED, i)), True)
        release = RELEASES[i % len(RELEASES)]
        if release != "-":
            made.map.pop("haproxy", None)
        target = [] if release == "-" else ["-t", release]
        for bundle in (True,) if made.bundle else (False, True):
            why = comes_back("out-%d" % i, target, made.map, bundle)
            counts["refused by khapgen" if why == "" else "come back" if why is None else "failed"] += 1
            if why:
                failed.append("map %d, %s, %s: %s\n%s" % (i, release, "a bundle" if bundle else "one file", why, json.dumps(made.map, ensure_ascii=False)))
    tap.ok("random maps come back (SEED=%d)" % SEED, not failed, "\n\n".join(failed[:FAILURES]))
    for what, n in counts.most_common():
        tap.note("%6d %s" % (n, what))
    tap.ok("most of them are taken by khapgen", counts["refused by khapgen"] < N)
    tap.finish()


if __name__ == "__main__":
    main()
