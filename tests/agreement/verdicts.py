#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Error, warning or nothing: khapgen check says of each line of verdicts.tsv what HAProxy says, whatever names and numbers stand in it.

@f, @b, @s are the frontend, the backend and the server of the configuration, @x @y other names, @1 to @9 numbers: all are drawn from SEED. In
`make check` a share of the lines is asked; N=0 asks all. The verdict is HAProxy's each time, none is kept. HAPROXY, HAPROXY_RELEASES: as in check.py.
"""
import os
import random
import re
import shutil
import string
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import tap  # noqa: E402
import verdict  # noqa: E402

KHAPGEN = os.environ.get("KHAPGEN") or os.path.join(tap.builddir, "khapgen")
TIMEOUTS = " timeout client 3s\n timeout server 3s\n timeout connect 3s\n"


def names(rng):
    found = {}
    for key in "fbsxy":
        found[key] = "k" + "".join(rng.choice(string.ascii_lowercase + string.digits) for _ in range(rng.randint(3, 12)))
    for digit in "123456789":
        found[digit] = str(rng.randint(1, 9) * 10 + int(digit))
    return found


def configuration(kind, line, rng):
    """The line in a frontend (F), a backend (B), global (G) or behind all (X); with a T behind it in mode tcp."""
    use = names(rng)
    text = " " + line.replace("\\n", "\n ") + "\n"
    parts = {k: text if kind[0] == k else "" for k in "FBG"}
    text = text.replace("\n ", "\n")[1:] if kind[0] == "X" else ""
    whole = ("global\n%sdefaults\n mode %s\n%sfrontend @f\n bind 127.0.0.1:180@1\n%s default_backend @b\nbackend @b\n%s server @s 127.0.0.1:180@2\n%s"
             % (parts["G"], "tcp" if kind.endswith("T") else "http", TIMEOUTS, parts["F"], parts["B"], text))
    return re.sub("@([fbsxy1-9])", lambda m: use[m.group(1)], whole)


def run(*words):
    done = subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    return done.returncode, verdict.of_configuration(done.stdout.decode("utf-8", "replace"))


def haproxy(binary, path):
    status, said = run(binary, "-c", "-f", path)
    return "error" if "[ALERT]" in said or status not in (0, 2) else "warning" if "[WARNING]" in said else "nothing", said


def khapgen(release, path):
    status, said = run(KHAPGEN, "check", "-t", release, path)
    if status not in (0, 1):
        raise SystemExit("khapgen check ended with %d:\n%s" % (status, said))
    return "error" if ": error: " in said else "warning" if ": warning: " in said else "nothing", said


def main():
    releases = os.environ.get("HAPROXY_RELEASES", "").split()
    binaries = [r.split("=", 1)[1] for r in releases] or [os.environ.get("HAPROXY") or tap.need("haproxy", "haproxy")]
    seed = int(os.environ.get("SEED") or 1)
    number = int(os.environ.get("N") or 40)
    rng = random.Random(seed)
    with open(os.path.join(tap.srcdir, "tests/agreement/verdicts.tsv"), encoding="ascii") as f:
        lines = [line.rstrip("\n").split("\t") for line in f if line.strip() and not line.startswith("#")]
    if 0 < number < len(lines):
        lines = rng.sample(lines, number)
    tap.note("SEED=%d, %d lines" % (seed, len(lines)))
    for binary in binaries:
        release = re.search(r"version (\d+\.\d+)", run(binary, "-v")[1]).group(1)
        folder, wrong, count = tempfile.mkdtemp(), [], {"error": 0, "warning": 0, "nothing": 0}
        path = os.path.join(folder, "c.cfg")
        try:
            for kind, line in lines:
                with open(path, "w", encoding="ascii") as f:
                    f.write(configuration(kind, line, rng))
                wanted, said = haproxy(binary, path)
                got, own = khapgen(release, path)
                count[wanted] += 1
                if got != wanted:
                    wrong.append("%s %s: HAProxy %s, khapgen %s\n%s" % (kind, line, wanted, got, (own if wanted == "nothing" else said).strip()[-400:]))
        finally:
            shutil.rmtree(folder)
        tap.ok("%s: the same verdict" % release, not wrong, "\n".join(wrong))
        tap.note("%s: %s" % (release, ", ".join("%s %d" % c for c in sorted(count.items()))))
    tap.finish()


main()
