#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Configurations that one HAProxy takes, migrated to another one: where khapgen migrate leaves nothing to a person, that one takes them; where it takes
them as they are, nothing is left to a person. Every line that is not the same afterwards was told.

The configurations are the project's cases and examples, and generated ones in which the keywords of the schema's tables stand. With HAPROXY_RELEASES
("2.2=PATH 2.6=PATH …") from each of those to each other one. ROWS=… sets for which share of the rows, SEED=… which.
"""
import collections
import os
import random
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import tap

import bases
import check
import judge


def name(release):
    return "%d.%d" % divmod(release, 100)


def migrate(folder, text, old, new):
    fd, path = tempfile.mkstemp(dir=folder, suffix=".m.cfg")
    with os.fdopen(fd, "w", encoding="latin-1", newline="") as f:
        f.write(text)
    done = subprocess.run([check.KHAPGEN, "migrate", "--from", name(old), "--to", name(new), path], stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    os.unlink(path)
    if done.returncode not in (0, 1):
        raise SystemExit("khapgen migrate ended with %d:\n%s\n%s" % (done.returncode, done.stderr.decode("latin-1"), text))
    return done.returncode == 0, done.stdout.decode("latin-1"), done.stderr.decode("latin-1")


def untold(before, after, said):
    """Lines that are gone or new, beyond what was told."""
    told = {int(n) for n in re.findall(r"\.m\.cfg:(\d+):\d+: \w+: ", said)}
    left = collections.Counter(after.split("\n"))
    missing = []
    for number, line in enumerate(before.split("\n"), 1):
        if left[line] > 0:
            left[line] -= 1
        elif number not in told:
            missing.append("%d: %s" % (number, line))
    return missing


def one(asker, folder, base, old):
    """From `old` to the asker's release."""
    text = "\n".join(base.lines)
    good, result, said = migrate(folder, text, old, asker.release)
    alerts = [a for a in asker.alerts(result) if not check.ENVIRONMENT.search(a)]
    before = asker.alerts(text)
    return good, alerts, before, untold(text, result, said), said, result


def main():
    if not os.path.exists(bases.rows.DRIVER):
        tap.skip_all("needs tests/unit/schema_driver, which is not built")
    seed = int(os.environ.get("SEED") or 20261125)
    share = float(os.environ.get("ROWS") or 0.03)
    tap.note("SEED=%d ROWS=%s" % (seed, share))
    folder, done = judge.temporary()
    try:
        judge.make_files(folder)
        askers = [check.Asker(b, judge.version(b), folder) for b in judge.binaries()]
        for old in askers:
            rng = random.Random(seed)
            found = bases.of_files(old.alerts) + bases.generated(old, folder, rng, share)
            for new in askers:
                if new is old and len(askers) > 1:
                    continue
                count, wrong = collections.Counter(), []
                for good, alerts, before, missing, said, _ in new.pool.imap(lambda b: one(new, folder, b, old.release), found, chunksize=4):
                    count["nothing left" if good else "something left"] += 1
                    errors = "\n".join(line for line in said.split("\n") if ": error: " in line)
                    if good and alerts:
                        wrong.append("refused: %s" % "\n".join(alerts[:3]))
                    if not good and not before:
                        wrong.append("left, although it is taken as it is: %s" % errors)
                    if missing:
                        wrong.append("not told: %s" % missing[:3])
                tap.ok("from %s to %s: %s" % (name(old.release), name(new.release), ", ".join("%d %s" % (n, what) for what, n in sorted(count.items()))), not wrong and
                       count["nothing left"] > 0, "\n".join(wrong[:int(os.environ.get("SHOW") or 8)]))
    finally:
        done()
    tap.finish()


main()
