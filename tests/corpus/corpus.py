#!/usr/bin/python3
"""Whatever file: print(parse(x)) is x, for every release, whole and damaged; through JSON and back; laid out by fmt without a change of what HAProxy says.

N=… every byte of files up to so many KB is cut away and damaged (default 2; fewer places in larger files); SEED=… which nasty ones are generated.
Files: those under tests/ and examples/ and generated ones, and with HAPROXY_FILES those of Debian's packages. fmt is judged by $HAPROXY, or by all of
HAPROXY_RELEASES ("2.2=PATH 2.6=PATH …").
"""
import collections
import os
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import files  # noqa: E402
import khapgen  # noqa: E402
import randomlines  # noqa: E402
import tap  # noqa: E402
import verdict  # noqa: E402


def through_c(corpus, kilobytes):
    names = "".join(path + "\n" for path, _, _ in corpus.files())
    done = subprocess.run([os.path.join(tap.builddir, "tests", "corpus", "corpus"), str(kilobytes)], input=names, capture_output=True, text=True,
                          errors="replace", check=False)
    said = done.stdout.splitlines()
    numbers = dict(zip(said[-1].split()[::2], map(int, said[-1].split()[1::2]))) if said and said[-1].startswith("files ") else {}
    tap.ok("%d files, %d bytes, as %d kinds of releases: every one of %d texts comes back" %
           tuple(numbers.get(k, 0) for k in ("files", "bytes", "releases", "back")), done.returncode == 0 and numbers.get("failures") == 0,
           "\n".join(said[:40]) + done.stderr[:2000])
    tap.note(" ".join(said[-1:]))
    tap.ok("all that was to be done was done", numbers.get("files") == len(corpus.files()) and
           all(numbers.get(k) for k in ("back", "lines", "words", "diagnostics", "json", "fmt", "ends", "cut", "flipped")), numbers)


def through_json(corpus, program):
    wrong = []
    for path, _, _ in corpus.files():
        with open(path, "rb") as f:
            text = f.read()
        there = subprocess.run([program, "parse", "--json", path], capture_output=True, check=False)
        back = subprocess.run([program, "parse", "--from-json", "-"], input=there.stdout, capture_output=True, check=False)
        if there.returncode != 0 or back.returncode != 0 or back.stdout != text:
            wrong.append((path, there.returncode, back.returncode, back.stderr[:500]))
    tap.equal("khapgen parse --json | khapgen parse --from-json gives %d files back" % len(corpus.files()), wrong, [])


def judged(binary, path, folder):
    try:
        done = subprocess.run([binary, "-c", "-f", path], cwd=folder, capture_output=True, check=False, timeout=20)
    except subprocess.TimeoutExpired:
        return None
    said = verdict.of_configuration((done.stdout + done.stderr).decode("latin-1"))
    return done.returncode, said.count("[ALERT]"), said.count("[WARNING]")


def laid_out(corpus, program, binary, folder):
    """What HAProxy says of a configuration it says of the same after fmt."""
    found = re.search(r"version (\d+\.\d+)", subprocess.run([binary, "-v"], capture_output=True, text=True, check=False).stdout)
    release = found.group(1)
    wrong, verdicts = [], collections.Counter()
    out = os.path.join(folder, "laid-out.cfg")
    for path, configuration, base in corpus.files():
        if not configuration:
            continue
        before = judged(binary, path, base)
        if before is None:
            verdicts["too slow"] += 1
            continue
        done = subprocess.run([program, "fmt", "-t", release, path], capture_output=True, check=False)
        if done.returncode == 2 and b"[not-text]" in done.stderr:
            verdicts["no text"] += 1
            continue
        with open(out, "wb") as f:
            f.write(done.stdout)
        after = judged(binary, out, base)
        with open(path, "rb") as f:
            text = f.read()
        changed = text != done.stdout
        taken = before[0] in (0, 2) and before[1] == 0
        verdicts[("taken" if taken else "refused") + (", changed" if changed else "")] += 1
        # what is refused or warned of may be so for the lack of its last LF, which it has after fmt
        compared = 3 if text.endswith(b"\n") else 2
        same = after is not None and (before[:compared] == after[:compared] if taken else before[0] == after[0] or compared == 2)
        if done.returncode != 0 or not same:
            wrong.append((path, before, done.returncode, after, done.stderr[:300]))
    tap.equal("%s: fmt keeps the verdict of %d files" % (release, sum(verdicts.values())), wrong[:5], [])
    tap.note("verdicts: %s" % dict(verdicts))
    tap.ok("%s: some files that it takes were changed by fmt" % release, verdicts["taken, changed"] > 0)


binaries = [entry.split("=", 1)[1] for entry in os.environ.get("HAPROXY_RELEASES", "").split()]
installed = None if binaries else os.environ.get("HAPROXY") or tap.need("haproxy", "haproxy")
kilobytes = randomlines.count(2)
rng = randomlines.seed()
program = khapgen.program()
with tempfile.TemporaryDirectory(prefix="khap") as folder:
    corpus = files.gather(folder, rng, 3)
    tap.note("\n".join("%5d %s" % (n, kind) for kind, n in sorted(corpus.counts.items())))
    through_c(corpus, kilobytes)
    through_json(corpus, program)
    for binary in binaries or [installed]:
        laid_out(corpus, program, binary, folder)
tap.finish()
