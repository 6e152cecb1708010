#!/usr/bin/python3
"""What khapgen writes, imported and written again, is the same: maps of examples/ and tests/cases.

As one file and as a bundle. Lines are compared section by section, without comments; their order within a section is the router's affair,
for which tests/agreement asks. Every line must have become keys, but for those that the map itself keeps as lines.
"""
import os
import re
import subprocess
import sys
import tempfile

import khapgen
import tap
from again import difference, files, known_maps, sections, target_of

KHAPGEN = khapgen.program()
work = tempfile.TemporaryDirectory(prefix="khap-import.")
os.chdir(work.name)


def run(*words, **more):
    return subprocess.run([KHAPGEN, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, **more)


# Maps of which not all comes back. They are imported all the same, and what comes out is counted.
LEFT = """
    hosts-dash log-json log-json-2.6 log-own log-raw redirect-1.5 route-keys route-keys-1.6 sections-backend kube-gateway
""".split()
# Keys that hold lines: they stay lines.
OWN_LINES = re.compile(r"\b(extra|global|defaults|sections):")

maps = known_maps()
only = sys.argv[1:]
lines = keys = tried = 0
back = {}  # of those that are left: whether both forms come back
for name, directory, words in maps:
    if only and name not in only:
        continue
    words = ["./" + w if w.endswith(".yaml") else w for w in words]
    text = open(os.path.join(directory, [w for w in words if w.endswith(".yaml")][0][2:])).read()
    for bundle in False, True:
        out = os.path.join(work.name, "%s-%d" % (name, bundle))
        os.mkdir(out)
        if bundle:
            made = run("generate", "--output-dir", out, *words, cwd=directory)
        else:
            made = run("generate", *words, cwd=directory)
            open(os.path.join(out, "haproxy.cfg"), "wb").write(made.stdout)
        if made.returncode != 0:
            continue
        tried += 1
        target = target_of(words, text)
        imported = run("import", *target, "haproxy.cfg", cwd=out)
        title = name + (", a bundle" if bundle else "")
        whole = name not in LEFT
        if not tap.ok(title + ": imported", imported.returncode == 0 or (imported.returncode == 1 and not whole), imported.stderr.decode(errors="replace")):
            continue
        share = re.search(rb"note: (\d+) of (\d+) lines", imported.stderr)
        keys += int(share.group(1))
        lines += int(share.group(2))
        again = os.path.join(work.name, "%s-%d-again" % (name, bundle))
        os.mkdir(again)
        with open(os.path.join(again, "map.yaml"), "wb") as f:
            f.write(imported.stdout)
        if bundle:
            second = run("generate", *target, "--output-dir", ".", "./map.yaml", cwd=again)
            os.remove(os.path.join(again, "map.yaml"))
            after = open(os.path.join(again, "haproxy.cfg"), errors="surrogateescape").read() if second.returncode == 0 else ""
        else:
            second = run("generate", *target, "./map.yaml", cwd=again)
            after = second.stdout.decode(errors="surrogateescape")
        before = open(os.path.join(out, "haproxy.cfg"), errors="surrogateescape").read()
        said = difference(sections(before), sections(after))
        if bundle and files(out) != files(again):
            said.append("files: %r %r" % (files(out), files(again)))
        if not whole:
            back[name] = back.get(name, True) and second.returncode == 0 and not said and (share.group(1) == share.group(2) or OWN_LINES.search(text) is not None)
            continue
        if not tap.ok(title + ": written again", second.returncode == 0, second.stderr.decode(errors="replace") + imported.stdout.decode(errors="replace")):
            continue
        if OWN_LINES.search(text):
            tap.ok(title + ": the same", not said, "\n".join(said[:40]) + "\n" + imported.stdout.decode(errors="replace"))
            continue
        tap.ok(title + ": the same, all of it keys", not said and share.group(1) == share.group(2),
               "\n".join(said[:40]) + "\n" + imported.stderr.decode(errors="replace") + imported.stdout.decode(errors="replace"))
seen = {name for name, directory, words in maps}
tap.equal("no map is named that is not there", [n for n in LEFT if n not in seen and not only], [])
tap.equal("those that are named do not come back", [n for n in back if back[n]], [])
tap.note("%d configurations, %d of %d lines became keys" % (tried, keys, lines))
tap.finish()
