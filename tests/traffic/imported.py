#!/usr/bin/python3
"""Configurations, and what khapgen writes from the map that it imported from them: the same requests reach the same backends, with a real HAProxy before
and after. Random maps (tests/agreement/routes.py) as one file and as a bundle, and random configurations as people write them.

MAPS and FOREIGN say how many (default 3 and 10), SEED= which. Of what may be drawn (splits) an answer must be one of those that may come. The prefix of a path is
one of whole elements in a map (import-prefix tells it), so no request tells /a from /ab where `path_beg` stands. What import refuses has to name the lines.
"""
import collections
import os
import random
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "agreement"))
import lib
from lib import tap
import routes  # noqa: E402

MAPS, FOREIGN = int(os.environ.get("MAPS") or 3), int(os.environ.get("FOREIGN") or 10)
SEED = tap.seed("MAPS")
REQUESTS = int(os.environ.get("REQUESTS") or 40)
lib.need_haproxy()
rng = random.Random(SEED)
seen = collections.Counter()
tap.note("SEED=%d MAPS=%d FOREIGN=%d REQUESTS=%d" % (SEED, MAPS, FOREIGN, REQUESTS))
TARGET = ["-t", "%d.%d" % lib.release()]


def imported(where):
    """The map, and what is told."""
    done = subprocess.run([lib.KHAPGEN, "import", *TARGET, "haproxy.cfg"], cwd=where, capture_output=True, text=True)
    return done.stdout if done.returncode == 0 else None, done.stderr


# ---- maps

def answers(text, mode, ports, requests):
    """What HAProxy says with this map, and the map of its configuration."""
    with lib.Proxy(lab, text, mode, wait=[ports[f] for f in routes.FRONTENDS], target=TARGET[1]) as proxy:
        if not proxy.alive():
            return None, None, text
        asker = routes.Asker(ports)
        got = [asker.ask(r) for r in requests]
        asker.close()
        return (got, *imported(proxy.bundle))


def maps():
    ports = {f: lib.free_port() for f in routes.FRONTENDS + ["nothing"]}
    wrong = []
    for _ in range(MAPS):
        made, table, canaries = routes.random_map(rng, ports)
        text = routes.json.dumps(made, indent=1)
        requests = [routes.random_request(rng, f, table[f]) for f in rng.choices(routes.FRONTENDS, k=REQUESTS)]
        for mode in lib.MODES:
            before, again, said = answers(text, mode, ports, requests)
            seen["maps imported"] += bool(again)
            if before is not None and again is None:
                seen["maps refused, with lines"] += 1
                if "haproxy.cfg:" not in said:
                    wrong.append("refused without a line: %s\n%s" % (said, text))
                continue
            after = answers(again, mode, ports, requests)[0] if again else None
            if before is None or after is None:
                wrong.append("%s: %s\n%s\n%s" % (mode, said, text, again))
                continue
            for r, a, b in zip(requests, before, after):
                route = routes.decide(table[r.front], r)
                drawn = route and (route.weights or route.service in canaries)
                seen["drawn" if drawn else "by rules"] += 1
                may = {n.partition("/")[0] for n in routes.who(route, canaries, r)} | {route.says} if drawn else {a}
                if (str(b).partition("/")[0] if drawn else b) not in may and a != b:
                    wrong.append("%s: %r: %r before, %r after\n%s\n%s" % (mode, r, a, b, text, again))
    tap.ok("most maps are imported", seen["maps imported"] > seen["maps refused, with lines"])
    tap.ok("%d maps: the same after import" % MAPS, not wrong, "%d\n%s" % (len(wrong), "\n".join(wrong[:2])))


# ---- as people write them

HOSTS = ["a.example", "b.example", "www.a.example", "x.www.a.example", "c.test", "other"]
PATHS = ["/", "/a", "/a/b", "/api", "/api/v1", "/img", "/img/x.png", "/x.php", "/a/b/c"]
BACKENDS = ["shop", "api", "static"]


def pick(values):
    return rng.choice(values)


def test():
    """A condition in braces."""
    return pick([
        lambda: "%s %s" % (pick(["hdr(host)", "hdr(host) -i", "req.hdr(Host) -i", "req.hdr(host),lower"]), " ".join(rng.sample(HOSTS, rng.randrange(1, 3)))),
        lambda: "hdr_end(host) -i %s" % pick([".a.example", ".example", "a.example"]),
        lambda: "hdr_beg(host) www.",
        lambda: "path_beg %s" % pick(["/api", "/img", "/"]),
        lambda: "path %s" % pick(PATHS),
        lambda: "path_end .php .png",
        lambda: "path_reg %s" % pick(["^/a", "[.]php$", "/b"]),
        lambda: "method %s" % pick(["POST", "GET", "HEAD POST"]),
        lambda: "hdr(X-Tier) %s" % pick(["gold", "silver"]),
        lambda: "url_param(q) -m found",
        lambda: "src 127.0.0.0/8",
        lambda: "src 10.0.0.0/8",
    ])()


def condition(names):
    def one():
        if names and rng.random() < 0.5:
            return pick(["", "", "!"]) + pick(names)
        return pick(["", "", "", "!"]) + "{ " + test() + " }"
    words = [one()]
    while rng.random() < 0.4:
        words += [pick(["", "or ", "|| "]) + one()]
    return pick(["if ", "if ", "if ", "unless "]) + " ".join(words)


def rule(names):
    return "    http-request " + pick([
        lambda: "deny " + condition(names),
        lambda: "set-header X-Set %s" % pick(["one", "%[path]"]) + pick(["", " " + condition(names)]),
        lambda: "del-header X-Tier " + condition(names),
        lambda: "redirect location /moved " + condition(names),
        lambda: "set-path /new%%[path] %s" % condition(names),
        lambda: "return status 418 " + condition(names),
    ])() + "\n"


def frontend(name, port):
    names = []
    text = "frontend %s\n    bind 127.0.0.1:%d\n" % (name, port)
    for _ in range(rng.randrange(4)):
        names.append("acl%d" % rng.randrange(3))
        text += "    acl %s %s\n" % (names[-1], test())
    text += "".join(rule(names) for _ in range(pick([0, 0, 1, 2])))
    text += "".join("    use_backend %s %s\n" % (pick(BACKENDS), condition(names)) for _ in range(rng.randrange(5)))
    return text + ("    default_backend %s\n" % pick(BACKENDS) if rng.random() < 0.7 else "    use_backend shop if { path / }\n")


def backend(name, ports, at):
    text = "backend %s\n" % name
    text += pick(["", "    balance %s\n" % pick(["roundrobin", "source", "leastconn"])])
    text += pick(["", "", "    cookie S insert indirect nocache\n"])
    cookie = "cookie S" in text
    text += "".join(rule([]) for _ in range(pick([0, 0, 1])))
    return text + "    server s1 127.0.0.%d:%d%s%s\n" % (at, ports["web"], " cookie s1" if cookie else "", pick(["", " weight 10", " maxconn 50"]))


def foreign(ports):
    text = "global\n    maxconn 100\n" + "defaults\n    mode http\n    timeout client 5s\n    timeout server 5s\n    timeout connect 5s\n"
    text += frontend("web", ports["web-front"])
    if rng.random() < 0.5:
        text += frontend("second", ports["second"])
    return text + "".join(backend(name, ports, i + 2) for i, name in enumerate(BACKENDS))


class Served(lib.Proxy):
    """A configuration that khapgen did not write."""

    def __init__(self, text, ports):
        self.ports, self.process = ports, None
        self.dir = self.bundle = lib.tempfile.mkdtemp(prefix="foreign", dir=lab.dir)
        with open(self.dir + "/haproxy.cfg", "w") as f:
            f.write(text)

    def answers(self, requests):
        """None: HAProxy does not take it."""
        judged = subprocess.run([lib.HAPROXY, "-c", "-f", "haproxy.cfg"], cwd=self.dir, capture_output=True, text=True)
        if judged.returncode:
            return None
        self.start(self.ports)
        got = [self.one(*r) for r in requests]
        self.stop()
        return got

    def one(self, port, path, host, headers, method):
        answer = lib.ask(port, path, host, headers, method)
        if not answer.json:
            return "nobody" if answer.status in (404, 503) else (answer.status, answer.header("location"))
        said = [h for h in answer.json["headers"] if h[0].lower() in ("x-set", "x-tier")]
        return answer.json["name"].split(":")[0], answer.json["target"], sorted(map(tuple, said))


def requests_for(ports):
    return [(pick(ports), pick(PATHS) + pick(["", "", "?q=1"]), pick(HOSTS), pick([[], [("X-Tier", "gold")], [("X-Tier", "bronze")]]), pick(["GET", "GET", "POST"]))
            for _ in range(REQUESTS)]


def write_again(text, told):
    """The configuration that the map asks for."""
    done = subprocess.run([lib.KHAPGEN, "generate", *TARGET, "-"], input=text, capture_output=True, text=True)
    return done.stdout if done.returncode == 0 else None, told + done.stderr


def foreigners():
    wrong = []
    ports = {p: lib.free_port() for p in ("web-front", "second", "web")}
    lab.web(ports["web"], ["127.0.0.%d" % i for i in range(2, 5)])
    made = 0
    while made < FOREIGN:
        text = foreign(ports)
        fronts = [ports["web-front"]] + ([ports["second"]] if "frontend second" in text else [])
        requests = requests_for(fronts)
        first = Served(text, fronts)
        before = first.answers(requests)
        if before is None:
            continue
        made += 1
        again, said = imported(first.dir)
        if again is None:
            seen["refused, with lines"] += 1
            if "haproxy.cfg:" not in said:
                wrong.append("refused without a line: %s\n%s" % (said, text))
            continue
        config, said = write_again(again, said)
        after = Served(config, fronts).answers(requests) if config else None
        if after is None:
            wrong.append("not taken again: %s\n%s\n%s\n%s" % (said, text, again, config))
            continue
        different = [(r, a, b) for r, a, b in zip(requests, before, after) if a != b]
        seen["as people write them"] += len(requests)
        seen["to a server"] += sum(isinstance(a, tuple) and len(a) == 3 for a in before)
        if different:
            wrong.append("%r\n%s\n%s\n%s" % (different[:3], said, text, again))
    tap.ok("%d configurations as people write them: the same after import" % FOREIGN, not wrong, "%d\n%s" % (len(wrong), "\n\n".join(wrong[:int(os.environ.get("FAILURES", "2"))])))


with lib.Lab() as lab:
    maps()
    foreigners()
for what, n in seen.most_common():
    tap.note("%6d %s" % (n, what))
tap.ok("splits and rules were asked", seen["by rules"] > 0 and seen["to a server"] > 0)
tap.finish()
