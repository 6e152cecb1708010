#!/usr/bin/python3
"""Random service maps, written as a configuration, imported, and written again: the same requests reach the same backends.

N=1000 says how many maps (15 without it), SEED= which. The maps are those of tests/random/maps.py. Hosts and paths of each map, and others beside
them, are put to both configurations by khapgen route. How many lines became keys, and for how many maps both configurations are the same line by line,
is printed.
"""
import json
import os
import random
import re
import shutil
import subprocess
import sys

import khapgen
import tap

drawing = os.path.join(tap.srcdir, "tests/random/maps.py")
with open(drawing) as f:
    # what draws maps, and the files that they name; not what it does with them
    exec(compile(f.read().split("\n# Somebody's own file")[0].replace('"200"', '"15"'), drawing, "exec"))


def run(*words, **more):
    return subprocess.run([KHAPGEN, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, **more)


def lines_of(text):
    found, name = {}, ""
    for line in text.split("\n"):
        if line.strip() == "" or line.lstrip().startswith("#"):
            continue
        if not line[0].isspace():
            name = line
        # sockets have names with a sum of addresses, which may be written in another way
        found.setdefault(name, []).append(re.sub("(abns@khap-[a-z]*)-[0-9a-f]*", r"\1", line.strip()))
    return {k: sorted(v) for k, v in found.items()}


def requests(made):
    """URLs at the edges of what the map names."""
    hosts, paths = {"unknown.example"}, {"/", "/zz"}
    for service in made.map.get("services", {}).values():
        listed = service.get("hosts", [])
        routes = service.get("routes", [])
        for host in (listed if isinstance(listed, list) else [listed]) + [r.get("host", "") for r in routes]:
            host = str(host).rstrip(".")
            if host.startswith("*."):
                hosts |= {"q" + host[1:], "q.r" + host[1:], host[2:]}
            elif host:
                hosts.add(host)
        for route in routes:
            if route.get("path") and route.get("pathType") != "Regex":
                paths |= {route["path"], route["path"].rstrip("/") + "/x", route["path"] + "x"}
    ports = []
    for name in "http", "https":
        frontend = made.map.get("frontends", {}).get(name, {})
        if frontend is False:
            continue
        binds = frontend.get("bind") or (":80" if name == "http" else ":443")
        first = binds[0] if isinstance(binds, list) else binds
        ports.append((name, str(first).rsplit(":", 1)[1]))
    pairs = [(h, p) for h in sorted(hosts) for p in sorted(paths)]
    rng = random.Random(len(pairs))
    return ["%s://%s:%s%s" % (s, h, port, p) for h, p in rng.sample(pairs, min(len(pairs), 4)) for s, port in ports]


def outcome(directory, target, url):
    done = run("route", *target, "--json", "haproxy.cfg", url, cwd=directory)
    if done.returncode != 0:
        return done.stderr.decode(errors="replace")
    found = set()
    for line in done.stdout.decode(errors="replace").split("\n"):
        if line:
            o = json.loads(line)
            # a service with a backend of one's own may have another name
            found.add((o["kind"], o.get("status"), o.get("location"), re.sub("^khap-.*", "", o.get("backend", "")),
                       re.sub("(abns@khap-[a-z]*)-[0-9a-f]*", r"\1", str(o["servers"]))))
    return sorted(map(str, found))


tried = same = keys = lines = asked = 0
for i in range(N):
    rng = random.Random("%d %d" % (SEED, i))
    made = Maker(rng, True)
    bundle = made.bundle or rng.random() < 0.4
    text = json.dumps(made.map, ensure_ascii=False)
    before, after = "before-%d" % i, "after-%d" % i
    target = ["-t", "3.2"] if rng.random() < 0.7 else ["-t", "2.6"]
    for name in before, after:
        os.mkdir(name)
        for other in os.listdir("."):
            if other != name and not re.match("(before|after)-", other):
                os.symlink("../" + other, os.path.join(name, other))
    with open(os.path.join(before, "map.yaml"), "w") as f:
        f.write(text)

    def generate(directory):
        if bundle:
            done = run("generate", *target, "--output-dir", ".", "./map.yaml", cwd=directory)
        else:
            done = run("generate", *target, "-o", "haproxy.cfg", "./map.yaml", cwd=directory)
        return done

    if generate(before).returncode == 0:
        tried += 1
        imported = run("import", *target, "haproxy.cfg", cwd=before)
        if tap.ok("map %d is imported" % i, imported.returncode in (0, 1), imported.stderr.decode(errors="replace") + text):
            share = re.search(rb"note: (\d+) of (\d+) lines", imported.stderr)
            keys += int(share.group(1))
            lines += int(share.group(2))
            with open(os.path.join(after, "map.yaml"), "wb") as f:
                f.write(imported.stdout)
            again = generate(after)
            if tap.ok("map %d is written again" % i, again.returncode == 0,
                      again.stderr.decode(errors="replace") + imported.stderr.decode(errors="replace") + text):
                a, b = (lines_of(open(os.path.join(d, "haproxy.cfg"), errors="surrogateescape").read()) for d in (before, after))
                same += a == b
                if a != b and os.environ.get("SHOW"):
                    for name in sorted(set(a) | set(b)):
                        for sign, x, y in ("-", a, b), ("+", b, a):
                            for line in x.get(name, []):
                                if line not in y.get(name, []):
                                    tap.note("map %d %s [%s] %s" % (i, sign, name, line[:150]))
                wrong = []
                for url in requests(made):
                    asked += 1
                    one, two = outcome(before, target, url), outcome(after, target, url)
                    if one != two:
                        wrong.append("%s\n  %s\n  %s" % (url, one, two))
                tap.ok("map %d routes the same" % i, not wrong, "\n".join(wrong[:3]) + "\n" + imported.stderr.decode(errors="replace") + text)
    shutil.rmtree(before)
    shutil.rmtree(after)
tap.note("%d maps, %d of %d lines became keys; %d configurations are the same line by line; %d requests" % (tried, keys, lines, same, asked))
tap.ok("maps were tried", tried > 0)
tap.ok("nearly all lines become keys", keys * 100 >= lines * 80, "%d of %d" % (keys, lines))
tap.finish()
