#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""What HAProxy warns of, khapgen check warns of, and of nothing else: in configurations of cases and examples, in generated ones, in which keywords of the
schema's tables stand, and in lines of these that are doubled or moved.

A configuration is judged as a whole: HAProxy does not always tell the line, and khapgen may tell more lines than HAProxy does. What depends on the machine does not count. It
asks $HAPROXY, or with HAPROXY_RELEASES ("2.2=PATH …") all of those. MUTANTS=… sets how many mutants for each, and takes generated ones, too; SEED=… which, SHOW=all shows all.
"""
import os
import random
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import tap
import verdict

import bases
import judge

KHAPGEN = os.environ.get("KHAPGEN") or os.path.join(tap.builddir, "khapgen")
# of the machine: its name, processors, files, addresses, limits, and what was built in
MACHINE = re.compile(r"Removing incomplete section 'peers|no peer named|could not resolve|[Cc]ould not open|[Cc]an't open|Can't stat|No such file|cpu-map|[Nn]o thread|threads? (are|is|count)|"
                     r"FD limit|setrlimit|[Cc]annot raise|not supported on this platform|[Nn]ot compiled|OpenSSL|libssl|certificate|no version support|server state file|Server state|"
                     r"took too long|kernel|privilege|chroot|setcap")
ALONE = re.compile(r"(Some warnings|Warnings were found|configuration file is valid|a potential problem|Configuration file has no error)")
# the mailers of the lines around generated ones, to which few of them refer
AROUND = re.compile(r"Removing incomplete section 'mailers ma'|mailers 'ma', which HAProxy takes away")
HOW = ("same", "double", "move", "drop", "add", "section")


def warnings_in(said):
    """What HAProxy warns of, each with the lines that belong to it."""
    found, inside = [], False
    for line in verdict.of_configuration(said).split("\n"):
        if line.startswith("["):
            inside = line.startswith("[WARNING]")
            if inside:
                found.append(line)
        elif inside and line.strip() and not ALONE.match(line):
            found[-1] += "\n" + line
    return found


def haproxy(asker, text):
    """Its warnings, without those of the machine; None where it refuses the text."""
    fd, path = tempfile.mkstemp(dir=asker.folder, suffix=".cfg")
    with os.fdopen(fd, "w", encoding="latin-1", newline="") as f:
        f.write(text)
    master = ["-W"] if re.search(r"^\s*program\b", text, re.M) else []
    try:
        done = subprocess.run([asker.binary, *master, "-c", "-f", path], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, timeout=20,
                              preexec_fn=judge.bounds, cwd=asker.folder, env={"PATH": os.environ.get("PATH", ""), "RES_OPTIONS": "attempts:1 timeout:1"})
    except subprocess.TimeoutExpired:
        return None
    finally:
        os.unlink(path)
    said = done.stdout.decode("latin-1")
    if "[ALERT]" in said or done.returncode not in (0, 2):
        return None
    warned = [w.replace(path, "c.cfg") for w in warnings_in(said) if not AROUND.search(w)]
    return [w for w in warned if not MACHINE.search(w)], [w for w in warned if MACHINE.search(w)]


def khapgen(release, folder, text):
    fd, path = tempfile.mkstemp(dir=folder, suffix=".k.cfg")
    with os.fdopen(fd, "w", encoding="latin-1", newline="") as f:
        f.write(text)
    done = subprocess.run([KHAPGEN, "check", "-t", "%d.%d" % divmod(release, 100), path], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    os.unlink(path)
    said = done.stdout.decode("latin-1")
    if done.returncode not in (0, 1):
        raise SystemExit("khapgen check ended with %d:\n%s\n%s" % (done.returncode, said, text))
    return ": error: " in said, [line.replace(path, "c.cfg") for line in said.split("\n") if ": warning: " in line and not AROUND.search(line)]


def judged(asker, name, text):
    """(fault, what to show), or (kind of agreement, None)"""
    theirs = haproxy(asker, text)
    if theirs is None:
        return "refused", None
    wrong, own = khapgen(asker.release, asker.folder, text)
    if wrong:
        return "refused", None  # check.py tells it
    warned, machine = theirs
    if bool(warned) == bool(own):
        return ("warned" if warned else "nothing"), None
    if machine and not warned:
        return "machine", "%s\n%s\n%s" % (name, "\n".join(machine[:3]), "\n".join(own[:6]))
    return ("not said" if warned else "said too much"), "%s\n%s" % (name, "\n".join((warned or own)[:6]))


def mutants(rng, found, number):
    by_class = {}
    for base in found:
        for kind in sorted(set(base.classes.values())):
            by_class.setdefault(kind, []).append(base)
    made = []
    while len(made) < number:
        kind = rng.choice(sorted(by_class)) if by_class and rng.random() < 0.7 else None
        base = rng.choice(by_class[kind] if kind else found)
        how, kind, before, after, text = bases.mutate(rng, base, kind)
        if how in HOW:
            made.append(("%s [%s]: %s -> %s" % (how, kind, before.strip(), after.strip()), text))
    return made


def ask(binary, number, seed, folder):
    release = judge.version(binary)
    rng = random.Random(seed)
    judge.make_files(folder)
    asker = judge.Judge(binary, release, folder)
    files = bases.of_files(lambda text: haproxy(asker, text) is None)
    made = bases.generated(asker, folder, rng, 1 if number > 1000 else 0.04) if "MUTANTS" in os.environ else []
    asked = [("as it is: " + "; ".join(base.lines[n].strip() for n in sorted(base.classes) or [0]), "\n".join(base.lines)) for base in files + made]
    asked += mutants(rng, files + made, number)
    count, wrong = {}, {"not said": [], "said too much": [], "machine": []}
    for kind, shown in asker.pool.imap(lambda a: judged(asker, *a), asked, chunksize=8):
        count[kind] = count.get(kind, 0) + 1
        if shown:
            wrong[kind].append(shown)
    return count, wrong


def main():
    if not os.path.exists(bases.rows.DRIVER):
        tap.skip_all("needs tests/unit/schema_driver, which is not built")
    number = int(os.environ.get("MUTANTS") or 30)
    seed = tap.seed("MUTANTS")
    show = None if os.environ.get("SHOW") == "all" else int(os.environ.get("SHOW") or 5)
    tap.note("SEED=%d MUTANTS=%d" % (seed, number))
    for binary in judge.binaries():
        label = "%d.%d" % divmod(judge.version(binary), 100)
        folder, remove = judge.temporary()
        try:
            count, wrong = ask(binary, number, seed, folder)
        finally:
            remove()
        for kind, some in wrong.items():
            if kind == "machine":  # neither way
                continue
            tap.ok("%s: no warning is %s" % (label, kind), not some, "\n".join(some[:show]).replace(folder, "%D"))
        tap.note("%s: %s" % (label, ", ".join("%s %d" % k for k in sorted(count.items()))))
    tap.finish()


if __name__ == "__main__":
    main()
