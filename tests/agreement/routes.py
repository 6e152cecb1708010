#!/usr/bin/python3
"""Random maps and random requests: HAProxy with one file, HAProxy with a bundle, `khapgen route` asked about both and about the map, and the routing
rules written down here once more, in Python, must agree on who answers.

N requests (default 600) over N/100 maps, at least 6, and further maps while a kind of route was not met yet; SEED repeats a run. The
rules: the host without case, port and trailing dot; an exact host before a wildcard, a longer wildcard before a shorter, at one suffix
one label before any depth; the most specific host decides; what it does not take goes to routes without a host, then to the default,
then 404. Of one host's routes: exact path, longest prefix, regexes in order, then the route without a path (which is prefix /). A route whose
match does not hold is as if it were not there; of equal paths (all regexes are) method, number of headers, number of query parameters decide. Where
services share the requests of a route, one that has a weight answers, or the one that the canary's header or cookie names.
A header that a route sets itself, or that its service sets for the others, tells which route was taken; some routes lead to a backend of one's own.
"""
import collections
import json
import os
import random
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "traffic"))
import asked  # noqa: E402
import lib  # noqa: E402
from lib import tap  # noqa: E402

LABELS = ["a", "b", "c", "www", "x1", "with-dash", "xn--bcher-kva"]
DOMAINS = ["example", "a.example", "b.a.example", "x1.b.a.example", "c.test", "c.tes", "deep.er.c.test", "www.c.test"]
PATHS = ["/", "/a", "/a/b", "/a/b/c", "/ab", "/A", "/a.b", "/%61", "/a%2Fb", "/foo-bar", "/t/", "/t/u", "/a//b", "/a'b", "/a$b", "/(a)",
         "/a\\b", "/a*", "/a,b", "/a\"b", "/a{b}", "/~u/=;+!@:&",
         "/%[src]", "/${HOME}", "/$HOME/x", "/a|b", "/^a$", "/a%20b", "/a%%b", "/.../a", "/it's/'quoted'"]
REGEXES = [("/r[0-9]+", ["/r1", "/r22", "/r", "/r1x"]), ("/r.*", ["/r", "/rx", "/r1"]), ("/a/(b|c)", ["/a/b", "/a/c", "/a/bc"]),
           ("/(a|b)/x", ["/a/x", "/b/x", "/a/x/y"]), ("/a|/b", ["/a", "/b", "/ab", "/a/b"]), (".*\\.php", ["/x.php", "/a/b.php", "/x.phpx"]),
           ("/q\\.txt", ["/q.txt", "/qxtxt"]), ("(?i)/icase", ["/icase", "/ICASE", "/icase/"]), ("/y{2,3}", ["/y", "/yy", "/yyy", "/yyyy"]),
           ("/[^/]+/end", ["/a/end", "/a/b/end"]), ("/'[\"\\\\]?", ["/'", "/'\"", "/'\\"]), ("/a(?=/b).*", ["/a/b", "/a/c"]),
           ("/\\$\\{HOME\\}/?", ["/${HOME}", "/${HOME}/", "/HOME"]), ("/z,y{1,2}", ["/z,y", "/z,yy", "/z,yyy"]), ("/\\x41\\d+", ["/A1", "/Ax"]),
           ("^/anchored$", ["/anchored", "/anchored/"]), ("/%[0-9a-f]{2}", ["/%2f", "/%2F"]), ("/#?h", ["/h", "/hh"]),
           # anchors of its own; and what would go on with the host c.tes, if it were not kept apart from the path
           ("^/anch/$", ["/anch/", "/anch"]), ("^/m1$|^/m2$", ["/m1", "/m2", "/m1x"]), ("t/.*", ["/", "/a"]), ("[$^]+/?x|/\\$", ["/$", "/x"])]
FRONTENDS = ["http", "inner", "third"]


# ---- the rules, once more

# kind: exact, deep, label, any
# weights: of the services that answer on it; says: what the service says on it
Route = collections.namedtuple("Route", "service suffix kind path type order match weights says", defaults=[None, None])
Canary = collections.namedtuple("Canary", "name weight header cookie")


def bare(path):
    """A prefix without its last slash; of no path and of / it is nothing."""
    return (path or "").rstrip("/")


def one_holds(wanted, values):
    """What is asked of a header or a query parameter, and the values that a request has of it."""
    if "present" in wanted:
        return wanted["present"] == bool(values)
    return any(v == wanted["value"] if "value" in wanted else re.fullmatch(wanted["regex"], v) for v in values)


def holds(match, request):
    """Whether a request is as `match` wants it."""
    if "method" in match and request.method not in match["method"]:
        return False
    pairs = [p.partition("=") for p in re.split("[&;]", request.target.partition("?")[2]) if "=" in p]
    return all(one_holds(w, [v for n, v in request.headers if n.lower() == name.lower()]) for name, w in match.get("headers", {}).items()) and \
        all(one_holds(w, [v for n, _, v in pairs if n == name]) for name, w in match.get("query", {}).items())


def of_host(routes, request):
    """What the routes of one host make of a request."""
    path, match = request.path, [r for r in routes if holds(r.match, request)]

    def first(fitting, rank=lambda r: 0):
        return min(fitting, default=None, key=lambda r: (rank(r), "method" not in r.match, -len(r.match.get("headers", {})),
                                                         -len(r.match.get("query", {})), r.order))
    return first([r for r in match if r.type == "Exact" and r.path == path]) or \
        first([r for r in match if r.type == "Prefix" and bare(r.path) and (path + "/").startswith(bare(r.path) + "/")], lambda r: -len(bare(r.path))) or \
        first([r for r in match if r.type == "Regex" and re.fullmatch(r.path, path)]) or \
        first([r for r in match if r.type == "Prefix" and not bare(r.path)])


def decide(routes, request):
    """The route that a request takes, or None."""
    host = request.host
    if host is not None:
        host = re.sub(":[^]]*$", "", host).rstrip(".").lower()
        candidates = []
        for r in routes:
            if r.kind == "exact" and r.suffix == host:
                candidates.append(((0, 0, 0), r))
            elif r.kind in ("deep", "label") and host.endswith("." + r.suffix):
                above = host[:-len(r.suffix) - 1]
                if r.kind == "deep" or "." not in above:
                    candidates.append(((1, -r.suffix.count("."), 0 if r.kind == "label" else 1), r))
        if candidates:
            first = min(c[0] for c in candidates)
            found = of_host([r for rank, r in candidates if rank == first], request)
            if found:
                return found
    return of_host([r for r in routes if r.kind == "any"], request)


def who(route, canaries, request):
    """The services that may answer a request on its route."""
    canary = canaries.get(route.service)
    if not canary or route.weights or route.says == "shop":
        return {name for name, weight in (route.weights or {route.service: 1}).items() if weight}
    sent = [v for n, v in request.headers if n.lower() == canary.header.lower()]
    cookies = [c.strip() for n, v in request.headers if n.lower() == "cookie" for c in v.split(";")]
    for said in sent, [c.partition("=")[2] for c in cookies if c.partition("=")[0] == canary.cookie]:
        for word, name in ("always", canary.name), ("never", route.service):
            if word in said:
                return {name}
    return {name for name, weight in ((canary.name, canary.weight), (route.service, 100 - canary.weight)) if weight}


# ---- random maps

# what may be asked of a header, of a query parameter; and values that requests have
HEADERS = ["X-A", "x-b", "X-C", "X-D", "X-E"]
HEADER_TESTS = [{"value": v} for v in ("1", "2", "50% off", "-f", "it's \"q\"", "$HOME ${X}", "%[src]", "a, b", "back\\slash # x")] + \
    [{"regex": v} for v in ("v[0-9]+", "(?i)abc", "a|b", ".*", "[^,]+, ?b", "\\S+ \\S+")] + [{"present": True}, {"present": False}]
HEADER_VALUES = ["1", "2", "50% off", "-f", "it's \"q\"", "$HOME ${X}", "%[src]", "a, b", "back\\slash # x", "v7", "v", "ABC", "abc", "a", "xa", "A", "a  b"]
PARAMETERS = ["q", "Q", "a[b]", "p%20", "x.y"]
PARAMETER_TESTS = [{"value": v} for v in ("", "1", "x%20y", "a+b", "-", "'\"")] + [{"regex": v} for v in ("[0-9]+", ".*", "a|b", "x.+")] + [{"present": True}, {"present": False}]
PARAMETER_VALUES = ["", "1", "12", "x%20y", "x y".replace(" ", "+"), "a+b", "-", "a", "ab", "'", "=1"]
METHODS = ["GET", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"]


def random_match(rng):
    match = {}
    if rng.random() < 0.4:
        match["method"] = rng.sample(METHODS, rng.choice([1, 1, 2, 3]))
    for part, names, tests in ("headers", HEADERS, HEADER_TESTS), ("query", PARAMETERS, PARAMETER_TESTS):
        if rng.random() < 0.5:
            match[part] = {n: rng.choice(tests) for n in rng.sample(names, rng.choice([1, 1, 1, 2, 3, 5]))}
    return match or {"method": ["POST"]}


def some(rng, low, high, make):
    return [make() for _ in range(rng.randint(low, high))]


def random_host(rng):
    roll = rng.random()
    if roll < 0.5:
        return rng.choice(LABELS) + "." + rng.choice(DOMAINS)
    if roll < 0.6:
        return rng.choice(DOMAINS)
    return "*." + rng.choice(DOMAINS)


class Table:
    """By frontend, the routes that a map means; refuses a route that is there already."""

    def __init__(self):
        self.routes, self.taken, self.order, self.made = {f: [] for f in FRONTENDS}, set(), 0, []

    def add(self, name, fronts, host, label, path, kind, match=None, weights=None, says=None):
        self.made.append((host, path, kind))
        match = match or {}
        host = (host or "").lower()
        if not host:
            key, what = "", "any"
        elif host.startswith("*."):
            key, what = host[2:], "label" if label else "deep"
        else:
            key, what = host, "exact"
        asked = [sorted(match.get("method", []))] + [sorted((n.lower() if part == "headers" else n, sorted(w.items())) for n, w in match.get(part, {}).items())
                                                     for part in ("headers", "query")]
        same = (key, what, kind, bare(path) if kind == "Prefix" else path, json.dumps(asked))
        if any((f, same) in self.taken for f in fronts):
            return False
        self.taken.update((f, same) for f in fronts)
        self.order += 1
        for f in fronts:
            self.routes[f].append(Route(name, key, what, path, kind, self.order, match, weights, says or name))
        return True


def random_service(rng, name, table, port):
    fronts = rng.sample(FRONTENDS, rng.choice([1, 1, 2, 3]))
    label = rng.random() < 0.3
    service = dict(repeating(name, port), frontends=fronts)
    says, keyed = name, rng.random() < 0.6
    if rng.random() < 0.4:
        service["headers"] = {"request": {"set": {"X-Route": "/of-its-service"}}}
        says += "/of-its-service"
    if label:
        service["wildcard"] = "label"
    hosts, routes = [], []
    for host in some(rng, 0, 3, lambda: random_host(rng)):
        host = host if rng.random() < 0.8 else host.upper()
        if table.add(name, fronts, host, label, None, "Prefix", says=says):
            hosts.append(host)
    for _ in range(rng.randint(0, 9)):
        kind = rng.choice(["Exact", "Prefix", "Prefix", "Regex"])
        path = rng.choice(REGEXES)[0] if kind == "Regex" else rng.choice(PATHS)
        host, one, own = rng.choice(hosts or [random_host(rng)]) if rng.random() < 0.5 else random_host(rng), {}, label
        if rng.random() < 0.15:
            host = None
        match = random_match(rng) if rng.random() < 0.5 else None
        if match and table.made and rng.random() < 0.6: # beside another route
            host, path, kind = rng.choice(table.made)
        if host:
            one["host"] = host
            if host.startswith("*.") and rng.random() < 0.4:
                own = rng.random() < 0.6
                one["wildcard"] = "label" if own else "deep"
        weights = {t: rng.choice([0, 1, 3]) for t in rng.sample(SHARES, 2)} if rng.random() < 0.12 else None
        if weights and not any(weights.values()):
            weights[SHARES[0]] = 1
        keys, here = rng.choice([({}, says)] * 7 + [({"headers": {"request": {"set": {"X-Route": "/%d" % len(routes)}}}}, "%s/%d" % (name, len(routes)))] * 3 +
                                [({"backend": "shop"}, "shop")]) if not weights and keyed else ({}, says)
        if table.add(name, fronts, host, own, path, kind, match, weights, here):
            one.update(keys)
            if weights:
                one["split"] = [{"service": t, "weight": w} for t, w in weights.items()]
            if path is not None:
                one["path"] = path
            if match:
                one["match"] = match
            if path is not None and kind != "Prefix" or rng.random() < 0.3:
                one["pathType"] = kind
            routes.append(one)
    if hosts:
        service["hosts"] = hosts
    if routes:
        service["routes"] = routes
    if rng.random() < 0.12 and table.add(name, fronts, None, False, None, "Prefix", says=says):
        service["default"] = True
    return service if hosts or routes or "default" in service else None


# services that answer on routes of others alone
SHARES = ["t0", "t1", "t2"]


def saying(name, port):
    return {"nodePort": port, "check": False, "extra": "http-request return status 200 content-type text/plain string %s" % name}


def repeating(name, port):
    """Its name, and what a key of the route or of the service set."""
    return {"nodePort": port, "check": False,
            "extra": 'http-request return status 200 content-type text/plain lf-string "%s%%[req.fhdr(x-route)]"' % name}


def random_canaries(rng, services, port):
    """Some services get one; by the service."""
    canaries = {}
    for name in list(services):
        split = any("split" in r for r in services[name].get("routes", []))
        if not split and rng.random() < 0.3:
            canaries[name] = Canary("c" + name, rng.choice([0, 10, 50, 100]), rng.choice(["X-Canary", "x-other"]), rng.choice(["canary", "C.d"]))
            services["c" + name] = dict(repeating("c" + name, port), canary={"of": name, **canaries[name]._asdict()})
            del services["c" + name]["canary"]["name"]
    return canaries


def random_map(rng, ports):
    table, services = Table(), {}
    for i in range(rng.randint(2, 14)):
        service = random_service(rng, "s%d" % i, table, ports["nothing"])
        if service:
            services["s%d" % i] = service
    canaries = random_canaries(rng, services, ports["nothing"])
    services.update((t, saying(t, ports["nothing"])) for t in SHARES)
    return {"nodes": {"n": "127.0.0.1"}, "services": services, "sections": "backend shop\n    http-request return status 200 content-type text/plain string shop",
            "frontends": {f: {"bind": "127.0.0.1:%d" % ports[f]} for f in FRONTENDS}}, table.routes, canaries


# ---- random requests

def request_host(rng, routes):
    roll = rng.random()
    if roll < 0.03:
        return None
    if roll < 0.13 or not routes:
        host = random_host(rng).replace("*.", rng.choice(["", "q.", "z.y."]))
    else:
        r = rng.choice(routes)
        host = r.suffix or rng.choice(["nowhere.test", "example", "127.0.0.1"])
        if r.kind in ("deep", "label") or rng.random() < 0.1:
            host = ".".join(some(rng, 1, 3, lambda: rng.choice(LABELS + ["q", "z"]))) + "." + host
        if rng.random() < 0.05 and "." in host:
            host = host.split(".", 1)[1]
        if rng.random() < 0.03:
            host = "x" + host
    if rng.random() < 0.2:
        host = "".join(c.upper() if rng.random() < 0.5 else c for c in host)
    if rng.random() < 0.1:
        host += "."
    if rng.random() < 0.15:
        host += rng.choice([":80", ":443", ":8080", ":65535", ":", ":80:", ":x"])
    return host


def request_path(rng, routes, host):
    roll = rng.random()
    if roll < 0.25 or not routes:
        path = rng.choice(PATHS)
    elif roll < 0.45:
        path = rng.choice(rng.choice(REGEXES)[1])
    else:
        r = rng.choice([x for x in routes if host and x.suffix and x.suffix in host.lower()] or routes)
        path = rng.choice(dict(REGEXES)[r.path]) if r.type == "Regex" else r.path or "/"
    if rng.random() < 0.3:
        path += rng.choice(["/", "x", "/x", "/b", "/b/c", "//", "/../a"])
    return path


Request = collections.namedtuple("Request", "front host path target method headers")


def value_for(rng, wanted, values):
    """A value that a request has so that it is as it is wanted, or any."""
    good = [v for v in values if rng.random() < 0.9 and one_holds(wanted, [v])]
    return wanted.get("value", rng.choice(good or values))


def random_request(rng, front, routes):
    """A request close to what the routes say."""
    host = request_host(rng, routes)
    path = request_path(rng, routes, host)
    near = [r for r in routes if r.match and (not host or r.suffix in host.lower()) and rng.random() < 0.7]
    near = [r for r in near if r.path and path.startswith(r.path)] or near
    match = rng.choice(near).match if near else {}
    method = rng.choice(match.get("method", METHODS) if rng.random() < 0.8 else METHODS) if match or rng.random() < 0.3 else "GET"
    headers = [(n if rng.random() < 0.7 else n.swapcase(), value_for(rng, w, HEADER_VALUES)) for n, w in match.get("headers", {}).items() if w != {"present": False}]
    pairs = ["%s=%s" % (n, value_for(rng, w, PARAMETER_VALUES)) for n, w in match.get("query", {}).items() if w != {"present": False}]
    if rng.random() < 0.3:
        headers.insert(rng.randint(0, len(headers)), (rng.choice(HEADERS), rng.choice(HEADER_VALUES)))
    if rng.random() < 0.3:
        pairs.insert(rng.randint(0, len(pairs)), "%s=%s" % (rng.choice(PARAMETERS), rng.choice(PARAMETER_VALUES)))
    if rng.random() < 0.1:
        pairs.append(rng.choice(["", "/a", "q", "q=/a", "/b"]))
    if pairs and rng.random() < 0.1:
        pairs.pop(rng.randrange(len(pairs)))
    for name in "X-Canary", "X-Other":
        if rng.random() < 0.15:
            headers.append((name, rng.choice(["always", "never", "maybe", "Always"])))
    for _ in range(rng.choice([0, 0, 0, 0, 1, 2])):
        headers.append(("Cookie", rng.choice(["canary=always", "a=b; canary=never", "C.d=never; x", "C.d=always", "xcanary=always", "canary=no;C.d=always"])))
    query = "".join(rng.choice("&&&;") + p for p in pairs)[1:]
    return Request(front, host, path, path + ("?" + query if query or rng.random() < 0.05 else ""), method, headers)


class Asker:
    """One connection for each frontend, opened again when it was closed."""

    def __init__(self, ports):
        self.ports, self.clients = ports, {}

    def ask(self, r):
        front = r.front
        for _ in range(2):
            try:
                if front not in self.clients:
                    self.clients[front] = lib.Client(self.ports[front])
                answer = self.clients[front].ask(r.target, r.host, r.headers, r.method)
                if answer.header("connection") == ["close"] or answer.status == 400:
                    self.clients.pop(front).close()
                return answer.body.decode() if answer.status == 200 else answer.status
            except (OSError, EOFError):
                self.clients.pop(front, None)
        return "no answer"

    def close(self):
        for c in self.clients.values():
            c.close()


def say(file, ports, requests):
    """What `khapgen route` says of each request."""
    questions = [["http://127.0.0.1:%d%s" % (ports[r.front], r.target), *asked.options(r.method, r.host, r.headers)] for r in requests]
    answers = asked.ask([file], questions, target="%d.%d" % lib.release())
    if isinstance(answers, str):
        tap.ok("khapgen route answers", False, answers)
        tap.finish()
    return [{end.get("backend", "?") if end.get("status", 200) == 200 else end["status"] for end in a} for a in answers]


def agrees(voice, got, said, shared):
    """Whether an answer is one of those that may come; `khapgen route` does not draw, and says all, or "?" for what a map has for a number."""
    if not voice.endswith("route"):
        return got in said
    named = {w.partition("/")[0] if isinstance(w, str) else w for w in said}
    return got == named or shared and (named <= got or "?" in got)


def served(lab, text, mode, ports, requests):
    """What HAProxy answers to each request, and what route says; None when it did not start as it should."""
    with lib.Proxy(lab, json.dumps(text, indent=1), mode, wait=[ports[f] for f in FRONTENDS]) as proxy:
        if not proxy.alive() or proxy.complaints():
            tap.ok("%s: starts without a warning" % mode, False,
                   (proxy.output() if proxy.process else proxy.generated.stderr) + json.dumps(text))
            return None
        asker = Asker(ports)
        answers = [asker.ask(r) for r in requests]
        asker.close()
        told = {mode + ", route": say(proxy.config if mode == "file" else proxy.bundle, ports, requests)}
        if mode == "file":
            told["map, route"] = say(proxy.map, ports, requests)
    lib.shutil.rmtree(proxy.dir, ignore_errors=True)
    return {mode: answers, **told}


KINDS = ("host exact", "host deep", "host label", "host any", "host nothing", "path Exact", "path Prefix", "path Regex", "path none", "match", "match passed over", "split", "canary", "keys of its own", "keys behind a canary", "backend of its own")


def main():
    count = int(os.environ.get("N") or 600)
    seed = tap.seed("N")
    tap.note("SEED=%d N=%d" % (seed, count))
    rng = random.Random(seed)
    maps = max(6, count // 100)
    number, seen, asked, wrong, broken = 0, collections.Counter(), 0, 0, 0
    with lib.Lab() as lab:
        ports = {f: lib.free_port() for f in FRONTENDS + ["nothing"]}
        while number < maps or number < 20 * maps and count >= 500 and not all(seen[k] for k in KINDS):
            number += 1
            text, table, canaries = random_map(rng, ports)
            requests = [random_request(rng, f, table[f]) for f in rng.choices(FRONTENDS, k=-(-count // maps))]
            answers = [served(lab, text, mode, ports, requests) for mode in lib.MODES]
            if None in answers:
                broken += 1
                continue
            answers = {voice: a for one in answers for voice, a in one.items()}
            for i, request in enumerate(requests):
                route = decide(table[request.front], request)
                wanted = who(route, canaries, request) if route else {404}
                own = "/" + route.says.split("/")[1] if route and route.says[-1].isdigit() and "/" in route.says else ""
                asked += 1
                seen["host " + (route.kind if route else "nothing")] += 1
                if route:
                    seen["path " + ("none" if route.type == "Prefix" and not bare(route.path) else route.type)] += 1
                    seen["match"] += bool(route.match)
                    seen["split"] += bool(route.weights)
                    seen["canary"] += wanted != {route.service} and not route.weights
                    seen["keys of its own"] += bool(own)
                    seen["keys behind a canary"] += bool(own and wanted != {route.service})
                    seen["backend of its own"] += route.says == "shop"
                    # a more specific route was as if it were not there
                    plain = [r._replace(match={}) for r in table[request.front] if r.match]
                    without = decide([r for r in table[request.front] if not r.match] + plain, request)
                    seen["match passed over"] += without.order != route.order
                got = {mode: a[i] for mode, a in answers.items()}
                said = {route.says if route and w == route.service else str(w) + own if own else w for w in wanted}
                shared = bool(route and (route.weights or route.service in canaries and route.says != "shop"))
                if not all(agrees(voice, g, said, shared) for voice, g in got.items()):
                    wrong += 1
                    if wrong <= 5:
                        tap.ok("map %d: %r" % (number, request), False, "rules: %s %s\n%s\nSEED=%d\n%s" % (
                            wanted, route, got, seed, json.dumps(text)))
            if wrong > 50 or broken > 4:
                break
    tap.ok("%d requests on %d maps: one file, bundle, route and rules agree" % (asked, number), wrong == 0 and broken == 0,
           "%d requests do not, %d maps did not start; SEED=%d" % (wrong, broken, seed))
    for kind in KINDS:
        tap.ok("%s: %d times" % (kind, seen[kind]), seen[kind] > 0 or count < 500, "SEED=%d" % seed)
    tap.finish()


if __name__ == "__main__":
    main()
