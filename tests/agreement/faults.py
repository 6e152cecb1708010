#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Each configuration of faults.txt: HAProxy finds fault with it in just the releases that it says, and khapgen check tells what is marked there, and no more.

Where HAProxy names a line, it is a marked one. It asks $HAPROXY, or with HAPROXY_RELEASES ("2.2=PATH 2.6=PATH …") all of those.
"""
import os
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import tap

KHAPGEN = os.environ.get("KHAPGEN") or os.path.join(tap.builddir, "khapgen")
GROUND = "defaults\n    mode http\n    timeout client 3s\n    timeout server 3s\n    timeout connect 3s\n"


def number(release):
    return tuple(int(n) for n in release.split(".")) if release else (9, 9)


def read():
    """(first release, last, the first that is asked, text, {line: (code, release, code from that one on)}); an empty code marks a line at which HAProxy may see the fault."""
    with open(os.path.join(tap.srcdir, "tests/agreement/faults.txt"), encoding="utf-8") as f:
        for part in f.read().split("\n== ")[1:]:
            releases, _, text = part.partition("\n")
            releases, _, asked = releases.partition(" of ")
            first, _, last = releases.partition("-")
            text = GROUND + text.rstrip("\n") + "\n"
            found = ((i, re.search(r"# !\s*(\S*)(?: (\S+)- (\S+))?$", line)) for i, line in enumerate(text.split("\n"), 1))
            marks = {i: (m.group(1), number(m.group(2)), m.group(3)) for i, m in found if m}
            yield number(first), number(last), number(asked or "0.0"), text, marks


def run(*words):
    done = subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    return done.returncode, done.stdout.decode("utf-8", "replace")


def faults_of(binary, release, path, wanted, marks):
    """What is wrong with what the two say of the configuration."""
    status, theirs = run(binary, "-c", "-f", path)
    severity = "error" if "[ALERT]" in theirs or status not in (0, 2) else "warning" if "[WARNING]" in theirs else "nothing"
    if (severity != "nothing") != wanted:
        yield "HAProxy says %s\n%s" % (severity, theirs)
    lines = {int(n) for n in re.findall(r"\[%s:(\d+)\]" % re.escape(path), theirs)}
    if wanted and not lines <= set(marks):
        yield "HAProxy names the lines %s\n%s" % (sorted(lines), theirs)
    _, ours = run(KHAPGEN, "check", "-t", release, path)
    told = re.findall(r"^\S+:(\d+):\d+: (error|warning): .*\[(\S+)\]$", ours, re.M)
    if sorted((int(n), code) for n, _, code in told) != sorted((n, code) for n, code in marks.items() if code and wanted):
        yield "khapgen says\n%s" % ours
    if severity != ("error" if any(s == "error" for _, s, _ in told) else "warning" if told else "nothing"):
        yield "HAProxy says %s, khapgen does not\n%s" % (severity, theirs)


def main():
    releases = os.environ.get("HAPROXY_RELEASES", "").split()
    binaries = [r.split("=", 1)[1] for r in releases] or [os.environ.get("HAPROXY") or tap.need("haproxy", "haproxy")]
    table = list(read())
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "c.cfg")
        for binary in binaries:
            release = re.search(r"version (\d+\.\d+)", run(binary, "-v")[1]).group(1)
            wrong = []
            for first, last, asked, text, marks in table:
                if number(release) < asked:
                    continue
                with open(path, "w", encoding="utf-8") as f:
                    f.write(text)
                now = {i: then if number(release) >= since else code for i, (code, since, then) in marks.items()}
                wrong += ["%s\n%s" % (text[len(GROUND):], why) for why in faults_of(binary, release, path, first <= number(release) <= last, now)]
            tap.ok("%s: %d faulty configurations" % (release, len(table)), not wrong, "\n".join(wrong))
    tap.finish()


main()
