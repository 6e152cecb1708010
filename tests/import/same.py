#!/usr/bin/python3
"""A configuration, and what khapgen writes from the map that it imported from it, do the same with requests near the edges of hosts and paths.

`khapgen test --record` says what becomes of them before, `khapgen test` holds what is written again against it: examples/ and tests/cases as one file and as a
bundle, configurations as people write them (every .cfg under tests/ and examples/ that no map stands beside), and random maps (tests/random/maps.py).

N= random maps (12 without it), SEED= which; EDGES= at most so many requests a configuration (60 without it), 0 for all. Of configurations of people only
backends and redirects are compared, nobody may answer as 404 does, hosts are asked for in lower case and without a port (a map does not tell them apart), and
a request is left out where a prefix that is none of whole elements (import-prefix tells it) begins its path; so is a configuration of which it is told that
it does not do what it says (import-mode). What import refuses has to be an error that names a line.
"""
import collections
import json
import os
import random
import re
import shutil
import sys

import tap
from again import known_maps, target_of
import composed
from composed import KHAPGEN, RELEASES, SEED, run

N = int(os.environ.get("N") or 12)
EDGES = int(os.environ.get("EDGES") or 60)
FAILURES = int(os.environ.get("FAILURES") or 5)
counts = collections.Counter()
rng = random.Random(SEED)


def urls(table):
    return re.findall(r'^  - url: "(.*)"$', table, re.M)


def told(table):
    """{url: what becomes of it}, as far as a map has to keep it"""
    found = {}
    for test in table.split("\n  - url: ")[1:]:
        url, _, rest = test.partition("\n")
        lines = [line.strip() for line in rest.split("\n")]
        nobody = not {"outcome: answer", "outcome: denied", "outcome: closed", "backend: khap-refuse"}.isdisjoint(lines) or not any("backend" in line or "redirect" in line for line in lines)
        redirect = "outcome: redirect" in lines
        found[url] = "nobody" if nobody else "a redirect" if redirect else " ".join(sorted(line for line in lines if line.startswith("backend:")))
    return found


def edges(known, people):
    """Hosts and paths a little beside those that are named, each known host with a few of all paths."""
    found, paths = list(known), sorted({re.sub(r"^\w+://[^/]*", "", u) for u in known})
    for url in known:
        scheme, host, path = re.match(r"(\w+://)([^/]*)(.*)", url).groups()
        name = host.rstrip("0123456789").rstrip(":") if not host.endswith("]") else host
        near = [path + "x", path + "/", path + "/x", path[:-1] or "/", path + "?a=b", path.swapcase(), "/", *rng.sample(paths, min(3, len(paths)))]
        found += [scheme + host + p for p in near if p.startswith("/")]
        for other in ("x." + host, "x.y." + host, host if people else host.upper(), "x" + host, name.partition(".")[2] + host[len(name):]):
            if other and not other.startswith((":", "x[", "x.[", "x.y.[")):
                found.append(scheme + other + path)
    found = sorted(set(found))
    return found if EDGES == 0 or len(found) <= EDGES else rng.sample(found, EDGES)


def same(title, where, target, people=False):
    """Whether the configuration in `where` and the one made of its map do the same; what is wrong, or None."""
    imported = run(["import", *target, "haproxy.cfg"], where)
    said = imported.stderr.decode(errors="replace")
    if imported.returncode:
        counts["refused"] += 1
        return None if re.search(r"^\S+:\d+:\d+: error: ", said, re.M) else "import ended with %d: %s" % (imported.returncode, said)
    again = where + "-same"
    shutil.copytree(where, again, symlinks=True)
    os.remove(again + "/haproxy.cfg")
    bundle = os.path.isdir(where + "/maps")
    if bundle:
        shutil.rmtree(again + "/maps")
    made = run(["generate", *target, *(["--force", "--output-dir", again] if bundle else ["-o", again + "/haproxy.cfg"]), "-"], where, imported.stdout)
    if made.returncode:
        return "not written again: " + made.stderr.decode(errors="replace")
    known = run(["test", *target, "--record", "haproxy.cfg"], where)
    if known.returncode:
        counts["nothing to ask"] += 1
        return None
    asked = edges(urls(known.stdout.decode(errors="replace")), people)
    prefixes = [json.loads(p) if p.startswith('"') else p for p in re.findall(r"warning: .*?(/\S*) .*\[import-prefix\]", said)] if people else []
    asked = [u for u in asked if not any(re.sub(r"^\w+://[^/]*", "", u).startswith(p.strip("'`\"")) for p in prefixes)]
    if people:
        asked = [u for u in asked if not re.match(r"\w+://[^/]*:\d+(/|$)", u)]
    if not asked or (people and "[import-mode]" in said):
        return None
    table = run(["test", *target, "--record", "haproxy.cfg", *asked], where).stdout.decode(errors="replace")
    if people:
        before, after = told(table), told(run(["test", *target, "--record", "haproxy.cfg", *asked], again).stdout.decode(errors="replace"))
        counts["requests"] += len(before)
        counts["configurations"] += 1
        wrong = ["%s: %s, and now %s" % (u, before[u], after.get(u)) for u in before if before[u] != after.get(u)]
        return "\n".join(wrong[:20] + [said]) if wrong else None
    with open(again + "/routes.yaml", "w") as f:
        f.write(table)
    held = run(["test", *target, "--format", "tap", "haproxy.cfg", "routes.yaml"], again)
    results = held.stdout.decode(errors="replace")
    counts["requests"] += len(re.findall(r"^(?:not )?ok ", results, re.M))
    counts["configurations"] += 1
    if held.returncode == 0:
        return None
    return "%s\n%s\n%s" % (held.stderr.decode(errors="replace"), "\n".join(results[m.start():m.start() + 400] for m in list(re.finditer("^not ok", results, re.M))[:5]), said)


def look(title, where, target, people=False):
    why = same(title, where, target, people)
    shutil.rmtree(where + "-same", ignore_errors=True)
    shutil.rmtree(where, ignore_errors=True)
    return "%s: %s" % (title, why) if why else None


def written(stem, words, source, text=None):
    """As one file and as a bundle, each in a folder of its own, where khapgen takes it."""
    for bundle in False, True:
        where = os.path.abspath("%s-%s" % (stem, "bundle" if bundle else "file"))
        os.makedirs(where)
        if run(["generate", *words, *(["--output-dir", where] if bundle else ["-o", where + "/haproxy.cfg"])], source, text).returncode == 0:
            yield where
        else:
            shutil.rmtree(where)


def maps():
    for name, directory, words in known_maps():
        words = ["./" + w if w.endswith(".yaml") else w for w in words]
        text = open(os.path.join(directory, [w for w in words if w.endswith(".yaml")][0])).read()
        for where in written(name, words, directory):
            yield look(name, where, target_of(words, text))


def people():
    for folder in "tests", "examples":
        for at, _, names in os.walk(os.path.join(tap.srcdir, folder)):
            for name in sorted(n for n in names if n.endswith(".cfg") and n != "expected.cfg"):
                where = os.path.abspath("people-" + name)
                shutil.rmtree(where, ignore_errors=True)
                os.makedirs(where)
                for n in names:
                    if n.endswith(".map"):
                        shutil.copy(os.path.join(at, n), where)
                shutil.copy(os.path.join(at, name), where + "/haproxy.cfg")
                yield look(name, where, [], True)


def randoms():
    for i in range(N):
        made = composed.maps.Maker(random.Random("%d %d" % (SEED, i)), True)
        release = RELEASES[i % len(RELEASES)]
        if release != "-":
            made.map.pop("haproxy", None)
        target = [] if release == "-" else ["-t", release]
        for where in written("random-%d" % i, [*target, "-"], ".", json.dumps(made.map, ensure_ascii=False).encode()):
            for name in os.listdir("."):  # what the map names
                if (os.path.isfile(name) or name == "certs.d") and not os.path.lexists(where + "/" + name):
                    os.symlink("../" + name, where + "/" + name)
            yield look("random map %d, %s, %s" % (i, release, os.path.basename(where)), where, target)


for what, found in (("examples/ and tests/cases", maps()), ("configurations of people", people()), ("random maps (SEED=%d)" % SEED, randoms())):
    wrong = [why for why in found if why]
    tap.ok(what + ": the same requests reach the same backends", not wrong, "\n\n".join(wrong[:FAILURES]))
    tap.note("%d failed; so far %s" % (len(wrong), ", ".join("%d %s" % (n, k) for k, n in counts.most_common())))
tap.ok("something was asked", counts["requests"] > 1000, str(counts))
tap.finish()
