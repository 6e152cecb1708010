#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Two builds of khapgen say the same, to the byte: of cases, examples and corpus, of lines made of the rows of the schema, and of mutants of all of them, alone and
several in one file, so that lines come again. For changes that make check faster.

BEFORE=PATH is the other khapgen (with its libraries, LD_LIBRARY_PATH_BEFORE). MUTANTS=… files for each release (300), SEED=… which.
"""
import concurrent.futures
import glob
import os
import random
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import tap

import bases
import judge

NOW = os.environ.get("KHAPGEN") or os.path.join(tap.builddir, "khapgen")
BEFORE = os.environ.get("BEFORE")
RELEASES = ("1.5", "1.8", "2.2", "2.6", "3.0", "3.2", "3.4", "2.6-3.4")
PATTERNS = ("tests/cases/*/*.cfg", "examples/*.cfg", "examples/*/*.cfg", "tests/corpus/*/*.cfg", "tests/corpus/*.cfg", "tests/*/*.cfg")


def said(khapgen, release, path, libraries):
    environment = dict(os.environ, **({"LD_LIBRARY_PATH": libraries} if libraries else {}))
    done = subprocess.run([khapgen, "check", "--format", "json", "-t", release, path], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, timeout=60, env=environment)
    return done.returncode, done.stdout


def texts(rng, number, release, folder):
    found = []
    for name in sorted({n for p in PATTERNS for n in glob.glob(os.path.join(tap.srcdir, p))}):
        with open(name, encoding="latin-1", newline="") as f:
            text = f.read()
        if len(text) < 100000:
            found.append(bases.Base(text))
    last = release.split("-")[-1].split(".")
    made = bases.cases_of(int(last[0]) * 100 + int(last[1]), folder, rng, 0.3)
    for at in range(0, len(made), 12):
        lines = {}
        for case in made[at:at + 12]:
            lines.setdefault(case.section.split("+")[0], []).append(case.text.strip())
        found.append(bases.Base("".join("%s%s\n%s" % (kind, "" if kind == "global" else " x", "".join("    %s\n" % line for line in some)) for kind, some in lines.items())))
    yield from ("\n".join(base.lines) for base in found)
    able = [base for base in found if any(line.split() and not line.lstrip().startswith("#") for line in base.lines)]
    for _ in range(number):
        base = rng.choice(able)
        some = [bases.mutate(rng, base)[-1] for _ in range(rng.choice((1, 1, 2, 5)))]
        yield "\n".join(some)


def main():
    if not BEFORE:
        print("1..0 # BEFORE names no khapgen to compare with")
        return 0
    print("1..%d" % len(RELEASES))
    failed = False
    for number, release in enumerate(RELEASES, 1):
        rng = random.Random("%s %s" % (os.environ.get("SEED", "1"), release))
        n = different = 0
        with tempfile.TemporaryDirectory(prefix="khap-same.") as folder, concurrent.futures.ThreadPoolExecutor(2) as pool:
            judge.make_files(folder)

            def compare(job):
                path = os.path.join(folder, "%d.cfg" % job[0])
                with open(path, "w", encoding="latin-1", newline="") as f:
                    f.write(job[1])
                both = said(BEFORE, release, path, os.environ.get("LD_LIBRARY_PATH_BEFORE")), said(NOW, release, path, None)
                os.unlink(path)
                return None if both[0] == both[1] else job[1]

            for text in pool.map(compare, enumerate(texts(rng, int(os.environ.get("MUTANTS", "300")), release, folder))):
                n += 1
                if text is not None:
                    different += 1
                    if different <= 3:
                        sys.stdout.write("".join("# %s\n" % line for line in text.split("\n")[:200]))
        failed = failed or different > 0
        print("%s %d - %s: %d files, %d judged otherwise" % ("ok" if different == 0 else "not ok", number, release, n, different), flush=True)
    return failed


sys.exit(main())
