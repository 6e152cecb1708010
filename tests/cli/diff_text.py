#!/usr/bin/env python3
"""The unified diff that khapgen prints: patch(1) makes the one text of the other by it, and it is no longer than that of diff(1)."""
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.environ.get("srcdir", "."), "tests"))
import tap

for program in ("patch", "diff"):
    if not shutil.which(program):
        tap.skip_all("needs %s (Debian: package %s)" % (program, {"diff": "diffutils"}.get(program, program)))
driver = os.path.join(tap.builddir, "tests/unit/diff_driver")
if not os.access(driver, os.X_OK):
    tap.skip_all("needs tests/unit/diff_driver, which is not built")
seed = int(os.environ.get("SEED") or random.randrange(1 << 30))
rounds = int(os.environ.get("N") or 300)
r = random.Random(seed)
tap.note("SEED=%d, %d pairs" % (seed, rounds))
directory = tempfile.TemporaryDirectory()
old, new, out = (os.path.join(directory.name, name) for name in ("old", "new", "out"))


def run(*words):
    return subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60)


def put(path, data):
    with open(path, "wb") as f:
        f.write(data)


def ours(a, b, *names):
    put(old, a)
    put(new, b)
    return run(driver, old, new, *names)


def changes(diff):
    """Lines that are taken away or added."""
    return sum(1 for line in diff.split(b"\n")[2:] if line[:1] in (b"+", b"-"))


def patched(a, diff):
    """What patch makes of a."""
    put(out, a)
    done = subprocess.run(["patch", "-s", "-u", "--no-backup-if-mismatch", "-F0", out], input=diff, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60)
    if done.returncode:
        return done.stdout
    try:
        with open(out, "rb") as f:
            return f.read()
    except FileNotFoundError:  # patch removes what becomes empty
        return b""


def text(alphabet, lines):
    body = b"".join(r.choice(alphabet) + b"\n" for _ in range(lines))
    return body[:-1] if body and r.random() < .2 else body


def edited(body, alphabet):
    lines = body.splitlines(True)
    for _ in range(r.randrange(1, 8)):
        at = r.randrange(len(lines) + 1)
        what = r.random()
        if what < .4:
            lines[at:at] = [r.choice(alphabet) + b"\n" for _ in range(r.randrange(1, 4))]
        elif what < .8:
            del lines[at:at + r.randrange(1, 4)]
        else:
            to = r.randrange(len(lines) + 1)
            lines[to:to], lines[at:at + 2] = lines[at:at + 2], []
    return b"".join(lines)


alphabets = ([b"a", b"b"], [b"", b"x", b"x y", b"}"], [b"server s%d 10.0.0.%d:80" % (i, i) for i in range(40)] + [b"", b"# c", b"\xff\0\r"])
wrong, longer, kinds, lines, least = [], [], {"equal": 0, "no newline": 0, "empty": 0, "several hunks": 0, "changed": 0}, 0, 0
for n in range(rounds):
    alphabet = r.choice(alphabets)
    a = text(alphabet, r.randrange(60))
    b = edited(a, alphabet) if r.random() < .8 else text(alphabet, r.randrange(60))
    done = ours(a, b)
    if a == b:
        kinds["equal"] += 1
        if done.stdout or done.returncode:
            wrong.append((a, b, done.stdout))
        continue
    kinds["changed"] += 1
    kinds["no newline"] += a[-1:] not in (b"", b"\n") or b[-1:] not in (b"", b"\n")
    kinds["empty"] += not a or not b
    kinds["several hunks"] += done.stdout.count(b"\n@@ ") > 1
    if done.returncode or patched(a, done.stdout) != b:
        wrong.append((a, b, done.stdout))
    reference = run("diff", "-u", "-d", "-a", old, new).stdout
    lines += changes(done.stdout)
    least += changes(reference)
    if changes(done.stdout) > changes(reference):
        longer.append((a, b, done.stdout, reference))
tap.ok("patch makes the new text of the old one", not wrong, "%d, for instance %r" % (len(wrong), wrong[:1]))
tap.ok("as few lines change as with diff -d", not longer and lines == least, "%d; %d against %d; for instance %r" % (len(longer), lines, least, longer[:1]))
for kind, count in kinds.items():
    tap.ok("of the pairs: %s, %d" % (kind, count), count > 0)

# layout: what diff -u writes
a = b"".join(b"backend b%d\n    server s 10.0.0.%d:80\n\n" % (i, i) for i in range(9))
for name, b in (("a line", a.replace(b".4:80", b".4:81")), ("two that are near", a.replace(b".4:80", b"").replace(b".6:80", b"")),
                ("two that are far", a.replace(b".1:80", b"").replace(b".7:80", b"")), ("a section more", a.replace(b"backend b4\n", b"backend new\n    server s 10.9.9.9:80\n\nbackend b4\n")),
                ("a section less", a.replace(b"backend b4\n    server s 10.0.0.4:80\n\n", b"")), ("no last newline", a[:-1]), ("all of it", b""), ("a line at the end", a + b"x")):
    got = ours(a, b).stdout
    wanted = run("diff", "-u", "--label", old, "--label", new, old, new).stdout
    tap.equal("layout: " + name, got, wanted)
tap.equal("names: a blank", ours(b"a\n", b"b\n", "a b", "c").stdout.split(b"@@")[0], b"--- a b\t\n+++ c\n")
tap.equal("names: what would end the line", ours(b"a\n", b"b\n", "a\nb", 'c"\\').stdout.split(b"@@")[0], b'--- "a\\012b"\n+++ "c\\"\\\\"\n')

# size: what differs everywhere costs no more than it has to
body = b"".join(b"line %d\n" % i for i in range(200000))
mixed = body.splitlines(True)
r.shuffle(mixed)
for name, b in (("one line of 200,000", body.replace(b"line 100000\n", b"x\n")), ("a tenth of 200,000", body.replace(b"1\n", b"1 \n")),
                ("200,000 in another order", b"".join(mixed))):
    began = time.time()
    done = ours(body, b)
    took = time.time() - began
    tap.note("%s: %.2f s, %d lines" % (name, took, changes(done.stdout)))
    tap.ok(name + " ends soon", done.returncode == 0 and took < 30)
    tap.ok(name + " is right", patched(body, done.stdout) == b)
tap.finish()
