#!/usr/bin/python3
"""Three keys of a service at once: whatever they mean together, HAProxy takes it, `khapgen check` has nothing above a note to say of it, and one file and a bundle
answer alike.

N says how many combinations are drawn (100 without it), SEED= which; PER_MAP of them, each a service, share a map. With HAPROXY_RELEASES ("2.2=PATH
2.6=PATH ...") every HAProxy there judges what is written for it. Each key of a service for HTTP must stand in VALUES, or in APART with the reason.
"""
import collections
import itertools
import json
import os
import random
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "traffic"))
import khapgen  # noqa: E402
import lib  # noqa: E402
import tap  # noqa: E402

KHAPGEN = khapgen.program()
PER_MAP = 25
HASH = "$1$abcdefgh$irWbblnpmw.5z7wgBnprh0"

# key of a service -> values that show in what is answered; DIR is the folder of files
VALUES = {
    "affinity": ["source"],
    "agentCheck": [False],
    "balance": ["roundrobin", "leastconn", "source", "first"],
    "basicAuth": [{"users": {"u": HASH}}, {"file": "DIR/users", "realm": "the shop %[src]"}],
    "check": [False, {"path": "/healthz"}, {"type": "tcp", "interval": "5s"}],
    "clientCert": [{"subject": "X-Subject", "verify": "X-Verify"}],
    "compression": [{"types": ["application/json"]}],
    "connectionLimit": [50],
    "cookie": [{"name": "S"}, {"name": "S", "mode": "rewrite"}, {"name": "S", "mode": "insert", "indirect": True, "httponly": True, "maxidle": "30m"}, "S"],
    "cors": [{"origins": ["https://a.example"]}, {"origins": ["https://a.example", "http://b.example:3000"], "methods": ["GET", "PUT"], "headers": ["X-A"], "credentials": True,
             "maxAge": "10m", "expose": ["X-Total"]}],
    "denyRanges": [["192.0.2.0/24"], ["127.0.0.0/8"], [{"file": "DIR/nets"}]],
    "errorPages": [{"503": "DIR/page", "403": "DIR/page"}],
    "hash": ["uri", {"header": "X-User"}],
    "headers": [{"request": {"set": {"X-Tier": "50% \"gold\""}, "delete": ["X-User"]}}, {"response": {"set": {"X-Frame": "DENY"}, "delete": ["Server"], "add": {"X-Powered-By": {"format": "%[src]"}}}}],
    "hsts": [{"maxAge": "180d", "includeSubDomains": True}],
    "jwt": [{"algorithm": "HS256", "key": "DIR/secret", "audience": ["a b", "x\"%[src]"]}],
    "maintenance": [True, {"enabled": True, "page": "DIR/page", "retryAfter": "10m"}, {"enabled": True, "except": ["127.0.0.0/8"]}, False],
    "maxconn": [100],
    "maxqueue": [50],
    "rateLimit": [{"requests": 2, "period": "1h"}, {"requests": 1, "period": "1h", "burst": 1, "key": "header X-User", "status": 503}, {"requests": 1, "period": "1h", "except": ["127.0.0.1"]}],
    "redirect": [{"host": "new.example", "status": 301}, {"scheme": "https", "path": "/moved"}],
    "redirectHttps": [True, False],
    "respond": [{"status": 410, "body": "gone %[src] \"x\""}, {"status": 200}],
    "retries": [1, 0],
    "retryOn": [["conn-failure", "503"]],
    "rewrite": ["/app", "/"],
    "routes": [[{"path": "/app", "pathType": "Prefix"}], [{"path": "/app/x", "pathType": "Exact"}, {"path": "/", "match": {"method": "POST"}}],
               [{"path": "/(app|x).*", "pathType": "Regex", "match": {"headers": {"X-User": {"present": True}}, "query": {"q": "1"}}}],
               [{"path": "/app", "rewrite": "/", "headers": {"request": {"set": {"X-Tier": "route"}}, "response": {"delete": ["Server"]}}}, {"path": "/app/x", "sourceRanges": ["10.0.0.0/8"]}],
               [{"path": "/app", "redirect": {"prefix": "/new"}}, {"path": "/app/x", "pathType": "Exact", "respond": {"status": 410, "body": "gone"}}]],
    "servers": [[{"name": "other", "address": "127.0.0.1", "port": "PORT", "weight": 10, "backup": True}], [{"name": "gone", "address": "127.0.0.1", "port": 1, "state": "maint"}]],
    "slowstart": ["30s"],
    "sourceRanges": [["127.0.0.0/8"], ["10.0.0.0/8"], [{"file": "DIR/nets"}, "127.0.0.1"]],
    "timeouts": [{"connect": "7s", "server": "9s", "queue": "8s", "tunnel": "1m"}],
    "wildcard": ["label", "deep"],
}
APART = {
    "nodePort": "each service has one", "mode": "HTTP is what is here", "bind": "of TCP", "tls": "of TCP", "hosts": "each service has its own", "frontends": "each is on both",
    "nodes": "tests/random/maps.py", "default": "one in a map, tests/agreement/routes.py", "backendProtocol": "needs another server, tests/traffic", "backendTls": "the same", "sendProxy": "the same",
    "split": "the services share at random, tests/traffic/splits.py", "canary": "the same",
    "backend": "there is no section of one's own here, tests/traffic/fixed.py", "extra": "tests/traffic/http_rules.py",
}
# what is asked of each service, in this order: path, method, header fields
ASKED = [("/", "GET", ()), ("/app/x?q=1", "GET", (("X-User", "u1"),)), ("/app/x", "POST", (("Authorization", "Basic dTpwYXNz"), ("Cookie", "S=n; x=y"))),
         ("/", "OPTIONS", (("Origin", "https://a.example"), ("Access-Control-Request-Method", "PUT"))), ("/app", "GET", (("Origin", "http://b.example:3000"), ("Accept-Encoding", "gzip")))]
UNLIKE = {"date", "age"}


def keys():
    """The keys of a service that a map for HTTP may say, by the table that all is made from, with the first release of each."""
    found = {}
    with open(os.path.join(tap.srcdir, "lib/model/keys.tsv")) as f:
        for line in f:
            row = line.rstrip("\n").split("\t")
            if line.startswith("services.*.") and row[0].count(".") == 2 and "[]" not in row[0]:
                found[row[0].split(".")[2]] = row[3]
    return found


def filled(value, lab, port):
    """A value with the names of files and ports in place."""
    return json.loads(json.dumps(value).replace("DIR/", lab.dir + "/").replace('"PORT"', str(port)))


def written(words, text, directory=None):
    """What khapgen makes of a map on its standard input: (what it wrote, what it said)."""
    where = ["--output-dir", directory] if directory else []
    done = subprocess.run([KHAPGEN, *words, *where, "-"], input=json.dumps(text).encode(), capture_output=True)
    return done.stdout if done.returncode == 0 else None, done.stderr.decode("utf-8", "replace")


class Answers:
    """What one HAProxy answers to all requests; connections are kept as long as it keeps them."""

    def __init__(self, ports):
        self.ports, self.clients = ports, {}

    def ask(self, front, host, path, method, headers):
        for _ in range(2):
            try:
                if front not in self.clients:
                    self.clients[front] = lib.Client(self.ports[front], tls=lib.client_tls() if front == "https" else None, sni="a.example" if front == "https" else None)
                answer = self.clients[front].ask(path, host, headers, method)
                if "close" in answer.header("connection"):
                    self.clients.pop(front).close()
                # behind a cookie's server stands when it was seen
                headers = [(k, re.sub(r"\|[^;]*", "", v)) for k, v in answer.headers if k not in UNLIKE]
                return answer.status, sorted(headers), answer.body
            except (OSError, EOFError) as e:
                self.clients.pop(front, None)
                said = repr(e)
        return 0, [], said.encode()

    def close(self):
        for c in self.clients.values():
            c.close()


def main():
    count, seed = int(os.environ.get("N") or 100), tap.seed("N")
    rng, known = random.Random(seed), keys()
    tap.note("N=%d SEED=%d" % (count, seed))
    tap.equal("each key of a service is drawn, or it is said why not", sorted(set(known) - set(VALUES) - set(APART)), [])
    tap.equal("no key that is not one is drawn", sorted((set(VALUES) | set(APART)) - set(known)), [])
    releases = [pair.split("=", 1) for pair in os.environ.get("HAPROXY_RELEASES", "").split()]
    used, pairs, refused, codes, wrong = collections.Counter(), set(), 0, collections.Counter(), []
    drawn = 0
    with lib.Lab() as lab:
        ports = {k: lib.free_port() for k in ("http", "https", "web")}
        lab.web(ports["web"], name="web")
        for name, text in ("users", "u:%s\n" % HASH), ("nets", "192.0.2.0/24\n2001:db8::/32\n"), ("page", "<p>closed</p>\n"), ("secret", "a secret of thirty-two bytes, at least"):
            with open(os.path.join(lab.dir, name), "w") as f:
                f.write(text)
        ground = {"nodes": {"n": "127.0.0.1"}, "certs": [{"file": lab.certs.make("a", ["a.example"])}],
                  "frontends": {f: {"bind": "127.0.0.1:%d" % ports[f]} for f in ("http", "https")}}
        target = ["-t", "binary:" + lib.HAPROXY]
        while drawn < count and len(wrong) < 5:
            services = {}
            while len(services) < min(PER_MAP, count - drawn):
                name = "s%d" % len(services)
                three = sorted(rng.sample(sorted(VALUES), 3))
                service = {k: filled(rng.choice(VALUES[k]), lab, ports["web"]) for k in three}
                service.update(hosts=["%s.example" % name, "*.%s.example" % name])
                if not {"redirect", "respond"} & set(three):
                    service["nodePort"] = ports["web"]
                for route in service.get("routes", []):
                    route["host"] = "r%s.example" % name
                drawn += 1
                out, said = written(target, dict(ground, services={name: service}))
                if out is None:
                    refused += 1
                    codes.update(re.findall(r"error: .*\[([a-z0-9-]+)\]$", said, re.M) or [said[-300:]])
                    continue
                services[name] = service
                used.update(three)
                pairs.update(itertools.combinations(three, 2))
                if drawn >= count:
                    break
            text = dict(ground, services=services)
            answers = {}
            for mode in lib.MODES:
                with lib.Proxy(lab, json.dumps(text), mode, wait=[ports["http"], ports["https"]], target="binary:" + lib.HAPROXY) as proxy:
                    if not proxy.alive() or proxy.complaints():
                        wrong.append("%s: %s\n%s" % (mode, proxy.output() if proxy.process else proxy.generated.stderr, json.dumps(text)))
                        break
                    asker = Answers(ports)
                    answers[mode] = [asker.ask(front, host, *asked) for name in services for front in ("http", "https") for asked in ASKED
                                     for host in (("%s.example" % name, "rs.%s.example" % name) if asked is ASKED[0] else ("r%s.example" % name if "routes" in services[name] else name + ".example",))]
                    asker.close()
                    checked = subprocess.run([KHAPGEN, "check", *target, "--fail-on", "warning", proxy.config], capture_output=True, text=True)
                    if checked.returncode:
                        wrong.append("%s: khapgen check: %s\n%s" % (mode, checked.stderr, json.dumps(text)))
                lib.shutil.rmtree(proxy.dir, ignore_errors=True)
            if len(answers) == 2 and answers["file"] != answers["bundle"]:
                unlike = [(a, b) for a, b in zip(answers["file"], answers["bundle"]) if a != b]
                wrong.append("%d answers are not alike; file %r, bundle %r\n%s" % (len(unlike), *unlike[0], json.dumps(text)))
            for release, binary in releases:
                able = {n: s for n, s in services.items() if written(["-t", "binary:" + binary], dict(ground, services={n: s}))[0] is not None}
                for mode in lib.MODES if able else ():
                    out = os.path.join(lab.dir, "judged")
                    lib.shutil.rmtree(out, ignore_errors=True)
                    got, said = written(["-t", "binary:" + binary], dict(ground, services=able), out if mode == "bundle" else None)
                    if mode == "file" and got is not None:
                        os.makedirs(out)
                        with open(out + "/haproxy.cfg", "wb") as f:
                            f.write(got)
                    judged = subprocess.run([binary, "-C", out, "-c", "-f", "haproxy.cfg"], capture_output=True, text=True)
                    said += "\n".join(x for x in (judged.stdout + judged.stderr).splitlines() if not lib.quiet(x))
                    if got is None or judged.returncode or "[WARNING]" in said or "[ALERT]" in said:
                        wrong.append("%s, %s: %s\n%s" % (release, mode, said, json.dumps(dict(ground, services=able))))
    tap.ok("%d combinations of three keys: HAProxy takes them, check has nothing to say, file and bundle answer alike" % (drawn - refused), not wrong, "SEED=%d\n%s" % (seed, "\n\n".join(wrong)))
    tap.ok("few are refused: %d of %d" % (refused, drawn), refused * 3 <= drawn, str(codes))
    tap.note("%d of %d pairs of keys; refused: %s" % (len(pairs), len(VALUES) * (len(VALUES) - 1) // 2, dict(codes)))
    for key in sorted(VALUES):
        tap.note("used %6d  %s" % (used[key], key))
    never = [k for k in VALUES if not used[k]]
    tap.ok("every key was used", not never or count < 1000, " ".join(never))
    tap.finish()


if __name__ == "__main__":
    main()
