#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""khapgen check and HAProxy itself judge mutants: configurations that HAProxy takes, with one thing wrong, or other, in one line.

What HAProxy refuses ([ALERT], whatever its exit status) and khapgen takes is a miss; what khapgen refuses and HAProxy takes is a false alarm. Both are
counted by the class of the line that was changed: the table of the schema that its keyword is in. What depends on the environment (a file that is not
there, an address that cannot be bound, a user, a name to be resolved, how HAProxy was built) is counted apart.
It asks $HAPROXY, or with HAPROXY_RELEASES ("2.2=PATH 2.6=PATH …") all of those. MUTANTS=… sets how many for each, SEED=… which, SHOW=… how many of each
kind of fault are shown (all: all). With MUTANTS the seed is another each time, and configurations are made of all rows of the schema, else of a few.
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
import judge

KHAPGEN = os.environ.get("KHAPGEN") or os.path.join(tap.builddir, "khapgen")
ENVIRONMENT = re.compile(r"No such file|[Uu]nable to stat|[Uu]nable to open|[Cc]annot open|failed to open|can't stat|Permission denied|Is a directory|Not a directory|"
                         r"could not resolve|cannot resolve|[Uu]nable to find (user|group)|[Cc]annot find (user|group)|no such user|unknown (user|group)|"
                         r"not compiled|compiled without|was built without|not built with|no version support|[Uu]nable to load|cannot be loaded|Lua|"
                         r"[Uu]nable to (read|parse) (file|the file)|took too long|ended with status|error opening file|"
                         r"invalid address: '([\w.-]*[A-Za-z][\w.-]*|-)' in|unknown provider|"
                         r"'[\w.]*[A-Za-z][\w.-]*' is not a valid IPv4 or IPv6 address|"  # a name that cannot be resolved
                         r"cannot be read or parsed|unable to allocate ssl context|Didn't find any certificate for bundle|unable to set (SSL cipher|TLS 1.3 cipher suites)|Check if '.*' is correct address|No Private Key found|"
                         r"invalid args in converter 'jwt_verify'|Failed to initialize server\(s\) addr|[Cc]annot open namespace")
SUMMARY = re.compile(r"Error\(s\) found in config|Fatal errors found in config|config(uration)?( file)? ?: (Error|Fatal)|parsing .*: Error|Some configuration options")
MOST_MISSES, MOST_OF_CLASS, FEW = 0.02, 0.10, 20


class Asker(judge.Judge):
    """HAProxy, for whole texts."""

    def alerts(self, text):
        fd, name = tempfile.mkstemp(dir=self.folder, suffix=".cfg")
        with os.fdopen(fd, "w", encoding="latin-1", newline="") as f:
            f.write(text)
        master = ["-W"] if re.search(r"^\s*program\b", text, re.M) else []
        try:
            done = subprocess.run([self.binary, *master, "-c", "-f", name], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, timeout=20,
                                  preexec_fn=judge.bounds, cwd=self.folder, env={"PATH": os.environ.get("PATH", ""), "RES_OPTIONS": "attempts:1 timeout:1"})
            found = judge.alerts_in(done.stdout.decode("latin-1"))
            if not found and done.returncode not in (0, 2):
                found = ["[ALERT] ended with status %d" % done.returncode]
        except subprocess.TimeoutExpired:
            found = ["[ALERT] took too long"]
        finally:
            os.unlink(name)
        told = [a for a in found if not SUMMARY.search(a)]
        return told or found


def khapgen(release, folder, text):
    """Whether khapgen takes it, and what it said."""
    fd, path = tempfile.mkstemp(dir=folder, suffix=".k.cfg")
    with os.fdopen(fd, "w", encoding="latin-1", newline="") as f:
        f.write(text)
    done = subprocess.run([KHAPGEN, "check", "-t", "%d.%d" % divmod(release, 100), path], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    os.unlink(path)
    said = done.stdout.decode("latin-1")
    if done.returncode not in (0, 1):
        raise SystemExit("khapgen check ended with %d:\n%s\n%s" % (done.returncode, said, text))
    return done.returncode == 0, "\n".join(line for line in said.split("\n") if ": error: " in line)


def unharmed(release, folder, found, wrong):
    """Bases that khapgen takes too; of the others, what it says is a false alarm, and the lines go."""
    left = []
    for base in found:
        for _ in range(bases.TOGETHER):
            good, said = khapgen(release, folder, "\n".join(base.lines))
            if good:
                left.append(base)
                break
            numbers = [int(n) for n in re.findall(r"cfg:(\d+):\d+: error: ", said)]
            for n in numbers:
                wrong["false alarm"].append("as it is: %s\n%s" % (base.lines[n - 1].strip(), said[-400:]))
                base.lines[n - 1] = ""
                base.classes.pop(n - 1, None)
    return left


def one(asker, release, folder, mutant):
    _, _, _, _, text = mutant
    alerts = asker.alerts(text)
    good, said = khapgen(release, folder, text)
    return mutant, alerts, good, said


def ask(binary, release, number, seed, folder):
    count, wrong = collections.Counter(), {"false alarm": [], "miss": []}
    classes = collections.defaultdict(collections.Counter)
    rng = random.Random(seed)
    judge.make_files(folder)
    asker = Asker(binary, release, folder)
    files = bases.of_files(asker.alerts)
    made = bases.generated(asker, folder, rng, 1 if number > 1000 else 0.04)
    count["files"], count["generated files"] = len(files), len(made)
    files, made = (unharmed(release, folder, some, wrong) for some in (files, made))
    by_class = {}
    for base in made:
        for kind in sorted(set(base.classes.values())):
            by_class.setdefault(kind, []).append(base)
    mutants = []
    for i in range(number):
        # half of them by class, so that those of few keywords have their share
        kind = rng.choice(sorted(by_class)) if i % 2 else None
        base = rng.choice(by_class[kind]) if kind else rng.choice(files if i % 4 else made)
        mutants.append(bases.mutate(rng, base, kind))
    for (how, kind, before, after, _), alerts, good, said in asker.pool.imap(lambda m: one(asker, release, folder, m), mutants, chunksize=16):
        if alerts and all(ENVIRONMENT.search(a) for a in alerts):
            count["environment"] += 1
            continue
        count["refused" if alerts else "taken"] += 1
        count[how] += 1
        classes[kind]["refused" if alerts else "taken"] += 1
        if bool(alerts) == good:
            fault = "miss" if alerts else "false alarm"
            classes[kind][fault] += 1
            wrong[fault].append("%s [%s]: %s -> %s\n%s" % (how, kind, before.strip(), after.strip(), "\n".join(alerts)[:400] if alerts else said[-400:]))
    return count, classes, wrong


def main():
    if not os.path.exists(bases.rows.DRIVER):
        tap.skip_all("needs tests/unit/schema_driver, which is not built")
    number = int(os.environ.get("MUTANTS") or 100)
    # the few of `make check' are always the same; with MUTANTS they are others each time
    seed = tap.seed("MUTANTS")
    show = None if os.environ.get("SHOW") == "all" else int(os.environ.get("SHOW") or 5)
    tap.note("SEED=%d MUTANTS=%d" % (seed, number))
    for binary in judge.binaries():
        release = judge.version(binary)
        folder, remove = judge.temporary()
        try:
            count, classes, wrong = ask(binary, release, number, seed, folder)
        finally:
            remove()
        label = "%d.%d" % divmod(release, 100)
        tap.ok("%s: no false alarm" % label, not wrong["false alarm"], "\n".join(wrong["false alarm"][:show]).replace(folder, "%D"))
        misses, refused = len(wrong["miss"]), max(count["refused"], 1)
        tap.ok("%s: at most %d %% missed" % (label, MOST_MISSES * 100), misses <= max(1, MOST_MISSES * refused), "\n".join(wrong["miss"][:show]).replace(folder, "%D"))
        if "SHOW" in os.environ and wrong["miss"]:
            tap.note("missed:\n" + "\n".join(wrong["miss"][:show]).replace(folder, "%D"))
        over = [k for k, c in sorted(classes.items()) if c["refused"] >= FEW and c["miss"] > MOST_OF_CLASS * c["refused"]]
        tap.ok("%s: at most %d %% of a class of keywords missed" % (label, MOST_OF_CLASS * 100), not over, ", ".join(over))
        tap.note("%s: %s" % (label, ", ".join("%s %d" % k for k in sorted(count.items()))))
        tap.note("%s: %d false alarms of %d, %d missed of %d (%.2f %%), %d of the environment" %
                 (label, len(wrong["false alarm"]), count["taken"], misses, refused, 100 * misses / refused, count["environment"]))
        for name, c in sorted(classes.items()):
            if c["false alarm"] or c["miss"] or number > 1000:
                tap.note("%s: %s: %d false alarms of %d, %d missed of %d" % (label, name, c["false alarm"], c["taken"], c["miss"], c["refused"]))
    tap.finish()


if __name__ == "__main__":
    main()
