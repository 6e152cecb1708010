#!/usr/bin/python3
"""A service added to a map, or changed, changes only its own lines: random maps, with and without one service.

Each line that is not in both outputs names the service, one of its hosts, or stands in its own backend. Order of the others is the same.
N=… runs more of them. SPDX-License-Identifier: MIT
"""
import difflib
import json
import os
import random
import subprocess
import sys
import tempfile

KHAPGEN = os.environ.get("KHAPGEN") or os.path.join(os.environ.get("builddir", "."), "khapgen")
N = int(os.environ.get("N", "40"))
SEED = int(os.environ.get("SEED", str(random.randrange(1 << 32))))


def service(rng, name, number):
    made = {"nodePort": 30000 + number}
    routes = []
    for i in range(rng.randint(1, 3)):
        host = rng.choice([f"{name}-{i}.example", f"*.{name}-{i}.example", f"{name}.a.shared.example", f"*.{name}.shared.example"])
        route = {"host": host}
        if rng.random() < 0.5:
            route["path"] = f"/{name}/{i}"
            route["pathType"] = rng.choice(["Exact", "Prefix", "Regex"])
        if route["host"] not in [r["host"] for r in routes]:
            routes.append(route)
    made["routes"] = routes
    if rng.random() < 0.3:
        made["cookie"] = "C"
    if rng.random() < 0.3:
        made["check"] = rng.choice([{"path": "/x"}, {"interval": "7s"}])
    if rng.random() < 0.2:
        made["rewrite"] = "/app"
        made["routes"] = [r for r in routes if r.get("pathType") != "Regex"] or [{"host": f"{name}.rewrite.example"}]
    return made


def generate(work, tree, options):
    with open(f"{work}/map.yaml", "w") as f:
        json.dump(tree, f)
    subprocess.run([KHAPGEN, *options, "--force", "--output-dir", f"{work}/out", f"{work}/map.yaml"] if options else [KHAPGEN, f"{work}/map.yaml"],
                   check=True, stdout=open(f"{work}/cfg", "w"), stderr=subprocess.DEVNULL)
    if not options:
        return {"haproxy.cfg": open(f"{work}/cfg").read().splitlines()[1:]}
    files = {}
    for folder, _, names in os.walk(f"{work}/out"):
        for name in names:
            if name != "khap.sums":
                lines = open(os.path.join(folder, name)).read().splitlines()
                files[name] = lines[1:] if name == "haproxy.cfg" else lines
    return files


def own(line, section, name, hosts):
    return name in line or any(h.lstrip("*.") in line for h in hosts) or section in (f"backend {name}", f"# map.yaml: {name}")


def same_maps(work):
    """For each frontend, all of its maps; a name that two of them would share would be an error of khapgen's."""
    names = ["in", "in-any", "in-any-hosts", "in-direct"]
    tree = {"frontends": {name: {"bind": f":{81 + i}"} for i, name in enumerate(names)},
            "services": {f"s{i}": {"servers": [{"name": "x", "address": "10.0.0.1", "port": 80}], "frontends": [name],
                                   "routes": [{"path": "/r.*", "pathType": "Regex"}]} for i, name in enumerate(names)}}
    files = generate(work, tree, ["-t", "2.6"])
    maps = [word.split("(")[-1].rstrip(")") for line in files["haproxy.cfg"] for word in line.replace(",", " ").split() if "(maps/" in word]
    by_frontend = {}
    section = ""
    for line in files["haproxy.cfg"]:
        section = line if line and not line.startswith(" ") else section
        for file in {m for m in maps if f"({m})" in line}:
            by_frontend.setdefault(file, set()).add(section)
    wrong = [f"{file}: {sorted(sections)}" for file, sections in by_frontend.items() if len(sections) > 1]
    return wrong + [f"{n} maps of four frontends and http" for n in [len(by_frontend)] if n == 0 or n % (len(names) + 1)]


def lost_lines(work):
    """What HAProxy makes of a line at this place is HAProxy's to say: none is dropped."""
    kinds = ["timeout http-request 5s", "tcp-request content accept", "tcp-response content accept", "http-request allow", "http-response allow",
             "http-after-response set-header A b", "redirect scheme https", "use_backend b if TRUE", "default_backend b", "use-server x if TRUE",
             "unheard of"]
    wrong = []
    for where in ("frontend", "backend"):
        tree = {"frontends": {"http": {"extra": "\n".join(kinds)}} if where == "frontend" else {},
                "services": {"a": {"servers": [{"name": "x", "address": "10.0.0.1", "port": 80}], "default": True,
                                   **({"extra": "\n".join(kinds)} if where == "backend" else {})}}}
        lines = [line.strip() for line in generate(work, tree, [])["haproxy.cfg"]]
        wrong += [f"{where}: {kind}: {lines.count(kind)} times" for kind in kinds if lines.count(kind) != 1]
    return wrong


def main():
    rng = random.Random(SEED)
    print(f"# seed {SEED}")
    print(f"1..{2 * N + 2}")
    failed, done = 0, 0
    with tempfile.TemporaryDirectory(prefix="khap-stable.") as work:
        for round_ in range(N):
            tree = {"nodes": {"n1": "10.0.0.1", "n2": "10.0.0.2"}, "services": {f"svc{i}x": service(rng, f"svc{i}x", i) for i in range(rng.randint(1, 6))}}
            added = {**tree, "services": dict(tree["services"])}
            items = list(added["services"].items())
            items.insert(rng.randint(0, len(items)), ("newcomer", service(rng, "newcomer", 99)))
            added["services"] = dict(items)
            hosts = [r["host"] for r in added["services"]["newcomer"]["routes"]]
            for options in ([], ["-t", "2.6"]):
                before, after = generate(work, tree, options), generate(work, added, options)
                wrong = []
                for name in after:
                    section = ""
                    for line in difflib.ndiff(before.get(name, []), after[name], linejunk=None, charjunk=None):
                        text = line[2:]
                        if line[0] in " +" and text and not text.startswith(" "):
                            section = text
                        if line[0] in "+-" and text.strip() and not own(text, section, "newcomer", hosts):
                            # a diff may take the equal line of a neighbour for its own
                            if before.get(name, []).count(text) != after[name].count(text) and section != "backend newcomer":
                                wrong.append(f"{name}: {line}")
                done += 1
                failed += bool(wrong)
                print(f"{'not ok' if wrong else 'ok'} {done} - map {round_} {'bundle' if options else 'one file'}")
                for line in wrong[:10]:
                    print(f"# {line}")
        for name, wrong in (("frontends of which one's name continues the other's have maps of their own", same_maps(work)),
                            ("raw lines of every kind are written, once", lost_lines(work))):
            done += 1
            failed += bool(wrong)
            print(f"{'not ok' if wrong else 'ok'} {done} - {name}")
            for line in wrong:
                print(f"# {line}")
    return failed > 0


sys.exit(main())
