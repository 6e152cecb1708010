#!/usr/bin/python3
"""Each key of keys.tsv, generated, imported and generated again: the same configuration, and every line of it became keys.

The maps are those of tests/gen/keys.py: one that all keys act on, with the row's example set; as one file and as a bundle. MISSING names the keys that are
not read back whole; one that is must leave the list, so that the list says what is so. Words on the command line pick rows.

Then keys together: N= draws of three rows out of those that come back (SEED= which), of which khapgen refuses some. What fails is counted by key.
"""
import collections
import concurrent.futures
import json
import os
import random
import re
import subprocess
import sys
import tempfile

import khapgen
import tap
from again import difference, files, sections

KHAPGEN = khapgen.program()
N = int(os.environ.get("N", "60"))
SEED = tap.seed("N")
FAILURES = int(os.environ.get("FAILURES", "5"))
sys.path.insert(0, os.path.join(tap.srcdir, "tests/gen"))
import keys as maps  # noqa: E402

# What cannot come back: the configuration holds the key itself, and the map only the name of the file that it was read from. The lines stay as they are.
MISSING = {"services.*.cookie.dynamic", "services.*.cookie.keyFile"}

work = tempfile.TemporaryDirectory(prefix="khap-models.")
os.chdir(work.name)
with open("users", "w") as f:
    f.write("joe:$1$abcdefgh$b4gX0Pcn1NnWcMqsCgpQB/\n")
for key in "KEYFILE", "KEYFILE2":
    with open(key, "w") as f:
        f.write("secret-%s\n" % key)


def run(words, where):
    return subprocess.run([KHAPGEN, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=where)


def here(text):
    return text.replace("KEYFILE", work.name + "/KEYFILE").replace("USERFILE", work.name + "/users")


def generate(words, where, bundle):
    """haproxy.cfg in `where`, which is made; None when it is none that can be written so."""
    os.mkdir(where)
    done = run(["generate", *words, *(["--output-dir", where] if bundle else ["-o", where + "/haproxy.cfg"])], work.name)
    return done


def round_trip(number, row, text, setting, target, bundle):
    """What is wrong with it, or None; "" where it cannot be written in this way."""
    stem = os.path.join(work.name, "%d-%d" % (number, bundle))
    with open(stem + ".yaml", "w") as f:
        f.write(text)
    first = generate([*target, *[w for one in setting for w in ("--set", one)], stem + ".yaml"], stem, bundle)
    if first.returncode != 0:
        if len(setting) > 1:
            refused[number] = first.stderr.decode()
            return ""
        return "" if not bundle and "output-dir" in first.stderr.decode() else "cannot be written: " + first.stderr.decode()
    imported = run(["import", *target, "haproxy.cfg"], stem)
    said = imported.stderr.decode(errors="replace")
    share = re.search(r"note: (\d+) of (\d+) lines", said)
    if imported.returncode != 0 or not share:
        return "import ended with %d: %s" % (imported.returncode, said)
    with open(stem + "-again.yaml", "wb") as f:
        f.write(imported.stdout)
    second = generate([*target, stem + "-again.yaml"], stem + "-again", bundle)
    if second.returncode != 0:
        return "not written again: %s\n%s" % (second.stderr.decode(), imported.stdout.decode())
    before, after = (sections(open(os.path.join(d, "haproxy.cfg")).read()) for d in (stem, stem + "-again"))
    wrong = difference(before, after)
    if bundle:
        a, b = files(stem), files(stem + "-again")
        if "certs/placeholder.pem" in a and "certs/placeholder.pem" in b:  # each run makes another one
            del a["certs/placeholder.pem"], b["certs/placeholder.pem"]
        wrong += ["file %s: %r %r" % (name, a.get(name), b.get(name)) for name in sorted(set(a) | set(b)) if a.get(name) != b.get(name)]
    # keys that hold lines stay lines
    lines = any(r.endswith((".extra", "global", "defaults", "sections")) for r in row.split()) or "sections" in text
    if share.group(1) != share.group(2) and not lines:
        wrong.append("%s of %s lines became keys" % share.groups())
    return "\n".join(wrong[:30] + [said, imported.stdout.decode()]) if wrong else None


def both(job):
    number, path, text, setting, target, whole = job
    found = [(bundle, round_trip(number, path, text, setting, target, bundle)) for bundle in ((True,) if whole else (False, True))]
    return path, [("a bundle: " if bundle else "one file: ") + why for bundle, why in found if why]


def company_of(path):
    prefix = max((p for p in maps.CONTEXT if path == p or path.startswith(p + ".") or path.startswith(p + "[]")), key=len, default=None)
    return maps.CONTEXT.get(prefix, ({}, []))


refused = {}
jobs = []
for number, line in enumerate(open(os.path.join(tap.srcdir, "lib/model/keys.tsv"))):
    path, *_, example, _ = line.rstrip("\n").split("\t") if not line.startswith("#") else [""] * 3
    if not path or example == "-" or (sys.argv[1:] and path not in sys.argv[1:]):
        continue
    company, options = company_of(path)
    tree = maps.merge(json.loads(json.dumps(maps.BASE)), json.loads(json.dumps(company)))
    key, value = maps.INSTEAD.get(path, (maps.concrete(path), example))
    target = ["-t", value] if key.startswith("haproxy") else [o for o in options if o != "--output-dir"]
    jobs.append((number, path, here(json.dumps(tree)), ["%s=%s" % (key, here(value))], target, "--output-dir" in options))
with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
    results = list(pool.map(both, jobs))
whole = 0
for path, wrong in results:
    whole += not wrong
    if path in MISSING:
        tap.ok(path + ": is not read back, as MISSING says", wrong, "it is: take it out of MISSING")
        if sys.argv[1:]:
            tap.note("\n".join(wrong))
    else:
        tap.ok(path + ": comes back", not wrong, "\n".join(wrong))
if not sys.argv[1:]:
    tap.equal("MISSING has only rows of keys.tsv", sorted(MISSING - {path for path, wrong in results}), [])
tap.note("%d of %d keys come back whole" % (whole, len(results)))

# ---- keys together ----

def together():
    good = [job for job in jobs if job[1] not in MISSING and not job[1].startswith("haproxy")]
    rng = random.Random(SEED)
    for n in range(N):
        rows = rng.sample(good, 3)
        while sum(job[1].startswith("services.*.basicAuth.") for job in rows) > 1:  # one user twice is one user
            rows = rng.sample(good, 3)
        tree = json.loads(json.dumps(maps.BASE))
        for _, path, *_ in rows:
            maps.merge(tree, json.loads(json.dumps(company_of(path)[0])))
        target = max((row[4] for row in rows), key=lambda t: (bool(t), t))
        yield 1000 + n, " ".join(row[1] for row in rows), here(json.dumps(tree)), [s for row in rows for s in row[3]], target, any(row[5] for row in rows)


if not sys.argv[1:]:
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        results = list(pool.map(both, together()))
    failed = [(path, wrong) for path, wrong in results if wrong]
    tap.ok("%d draws of three keys together come back" % N, not failed, "\n\n".join(path + "\n" + "\n".join(wrong)[:1500] for path, wrong in failed[:FAILURES]))
    tap.note("%d of them failed, %d were refused in some way" % (len(failed), len(refused)))
    for path, n in collections.Counter(p for path, _ in failed for p in path.split()).most_common(25):
        tap.note("%6d  %s" % (n, path))
    tap.ok("most draws are taken by khapgen", len(refused) * 2 < N, collections.Counter(w for r in refused.values() for w in re.findall(r"\[([a-z-]+)\]$", r, re.M)).most_common(5))
tap.finish()
