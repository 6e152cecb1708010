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


def main():
    rng = random.Random(SEED)
    print(f"# seed {SEED}")
    print(f"1..{2 * N}")
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
    return failed > 0


sys.exit(main())
