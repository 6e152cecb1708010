#!/usr/bin/python3
"""Random maps with TLS passed through and with client certificates, random server names, hosts and certificates: who answers must be
who the rules name, and nothing that is protected may ever be reached in another way.

N requests (default 300) over N/60 maps, at least 5, and further maps while a kind of answer was not met yet; SEED repeats a run.
"""
import collections
import importlib.util
import json
import os
import random
import sys

here = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(here), "traffic"))
import lib  # noqa: E402
from lib import tap  # noqa: E402

spec = importlib.util.spec_from_file_location("routes", os.path.join(here, "routes.py"))
routes = importlib.util.module_from_spec(spec)
spec.loader.exec_module(routes)

DOMAINS = ["example", "a.example", "b.a.example", "c.test"]
LABELS = ["a", "b", "c", "www"]
PASSED = ["p0", "p1", "p2"]
Entry = collections.namedtuple("Entry", "hosts ca verify")


def any_host(rng):
    roll = rng.random()
    if roll < 0.6:
        return rng.choice(LABELS) + "." + rng.choice(DOMAINS)
    return "*." + rng.choice(DOMAINS) if roll < 0.9 else rng.choice(DOMAINS)


def covers(pattern, host):
    return host.endswith(pattern[1:]) and host != pattern[2:] if pattern.startswith("*.") else pattern == host


def protector(entries, host):
    """The certificate entry that asks this host's clients, and whether TLS itself can ask (its wildcards are one label deep)."""
    for e in entries:
        if host in e.hosts:
            return e, True
    for e in entries:
        if "*." + host.partition(".")[2] in e.hosts:
            return e, True
    for e in entries:
        if any(covers(p, host) for p in e.hosts):
            return e, False
    return None, False


def concrete(rng, pattern):
    """A host that a pattern covers."""
    if pattern[0] != "*":
        return pattern
    return ".".join(rng.choice(LABELS + ["q"]) for _ in range(rng.choice([1, 1, 2, 3]))) + pattern[1:]


def plain(host):
    return routes.re.sub(":[^]]*$", "", host).rstrip(".").lower()


class Map:
    """A random map; .text is what khapgen gets, .table the routes by frontend, passed ones among those of https."""

    def __init__(self, rng, ports, certs):
        self.table = {f: [] for f in ("http", "https", "second")}
        self.entries, taken, services, order = [], set(), {}, 0
        pool = [any_host(rng) for _ in range(10)]
        for name in rng.sample(PASSED, rng.randint(0, 3)):
            label = rng.random() < 0.3
            hosts = [h for h in {rng.choice(pool) for _ in range(2)} if (h, label and h[0] == "*") not in taken]
            if not hosts:
                continue
            services[name] = {"nodePort": ports[name], "mode": "tcp", "tls": "passthrough", "hosts": hosts, "check": False}
            if label:
                services[name]["wildcard"] = "label"
            for h in hosts:
                taken.add((h, label and h[0] == "*"))
                self.table["https"].append(self.route(name, h, label))
        names = ["s%d" % i for i in range(rng.randint(1, 6))]
        for name in names:
            label = rng.random() < 0.3
            hosts = [h for h in {rng.choice(pool) for _ in range(3)} if (h, label and h[0] == "*") not in taken]
            fronts = ["http", "https", "second"] if rng.random() < 0.7 else ["https"]
            default = name == names[-1] and rng.random() < 0.5
            if not hosts and not default:
                continue
            one = {"nodePort": ports["nothing"], "check": False, "frontends": fronts, "redirectHttps": False,
                   "extra": "http-request return status 200 content-type text/plain string " + name}
            if label:
                one["wildcard"] = "label"
            if hosts:
                one["hosts"] = hosts
            if default:
                one["default"] = True
            services[name] = one
            for f in fronts:
                for h in hosts:
                    self.table[f].append(self.route(name, h, label))
                if default:
                    self.table[f].append(routes.Route(name, "", "any", None, "Prefix", 99, {}))
            taken.update((h, label and h[0] == "*") for h in hosts)
        passed = {h for s in services.values() if s.get("tls") for h in s["hosts"]}
        free = [h for h in dict.fromkeys(pool) if h not in passed]
        certificates = [{"file": certs["open"]}]
        for _ in range(rng.randint(0, 3)):
            if not free:
                break
            hosts = [free.pop(rng.randrange(len(free)))]
            entry = Entry(hosts, rng.choice(["ca", "ca2"]), rng.choice(["required", "required", "optional"]))
            self.entries.append(entry)
            certificates.append({"file": certs["all"], "hosts": hosts, "clientCa": certs[entry.ca], "verify": entry.verify})
        self.pool = pool
        self.text = {"nodes": {"n": "127.0.0.1"}, "certs": certificates, "services": services, "frontends": {
            "http": {"bind": "127.0.0.1:%d" % ports["http"]}, "https": {"bind": "127.0.0.1:%d" % ports["https"]},
            "second": {"bind": "127.0.0.1:%d" % ports["second"], "tls": True}}}

    @staticmethod
    def route(name, host, label):
        kind = "exact" if host[0] != "*" else "label" if label else "deep"
        return routes.Route(name, host[2:] if host[0] == "*" else host, kind, None, "Prefix", 0, {})

    def known_names(self):
        """Routes that a server name is compared with: those of https that have a host."""
        return [r for r in self.table["https"] if r.kind != "any"]

    def host(self, rng):
        return concrete(rng, rng.choice(self.pool) if rng.random() < 0.85 else any_host(rng))

    def request(self, rng):
        """Frontend, server name, host as it is and as it is written, and whose certificate is shown."""
        front = rng.choice(["https", "https", "https", "http", "second"])
        sni = self.host(rng) if rng.random() < 0.95 else None
        host = sni if sni and rng.random() < 0.5 else self.host(rng)
        cert = rng.choice([None, None, "ca", "ca2"])
        if self.entries and rng.random() < 0.2: # one that should be let in
            entry = rng.choice(self.entries)
            sni = host = concrete(rng, rng.choice(entry.hosts))
            front, cert = rng.choice(["https", "second"]), entry.ca
        written = host.upper() if rng.random() < 0.1 else host + rng.choice(["", "", "", ".", ":443", ".:8443"])
        return front, sni, host, written, cert


def asked_for(host):
    return routes.Request(None, host, "/", "/", "GET", [])


def expected(m, front, sni, host, cert):
    """What may come of it: a set of services, statuses and 0 (no handshake); and the kind of the request."""
    name = plain(host)
    if front == "https" and sni:
        route = routes.decide(m.known_names(), asked_for(sni))
        if route and route.service in PASSED:
            return {route.service}, "passed"
    entry, can_ask = protector(m.entries, name)
    shown = entry and (cert == entry.ca or cert is None and entry.verify == "optional")
    if entry and (front == "http" or sni != name or not can_ask or not shown):
        return {308, 421} if front == "http" else {0, 421}, "only refused"
    route = routes.decide(m.table[front], asked_for(name))
    answer = 404 if route is None else 421 if route.service in PASSED else route.service
    asked = protector(m.entries, sni)[0] if sni and front != "http" else None
    if asked and asked is not entry: # the handshake asked for what the host does not need
        return {0, answer}, "asked in vain"
    return {answer}, "protected" if entry else str(answer) if route is None or answer == 421 else "open"


class Clients:
    """A TLS client for each certificate; now and then it offers the session of its last connection, whoever that was made for."""

    def __init__(self, shown):
        self.contexts = {k: lib.client_tls(v) for k, v in shown.items()}
        self.sessions = {}

    def ask(self, rng, port, sni, host, cert):
        session = self.sessions.get(cert) if rng.random() < 0.4 else None
        try:
            client = lib.Client(port, tls=self.contexts[cert], sni=sni, session=session)
            try:
                return client.ask("/", host)
            finally:
                self.sessions[cert] = client.sock.session or self.sessions.get(cert)
                client.close()
        except (OSError, EOFError) as e:
            return lib.Answer(0, error=repr(e))


KINDS = ("passed", "protected", "open", "only refused", "asked in vain", "404", "421")


def main():
    count = int(os.environ.get("N") or 300)
    seed = tap.seed("N")
    tap.note("SEED=%d N=%d" % (seed, count))
    rng = random.Random(seed)
    maps, number, wrong, seen = max(5, count // 60), 0, 0, collections.Counter()
    with lib.Lab() as lab:
        c = lab.certs
        ports = {k: lib.free_port() for k in ["http", "https", "second", "nothing"] + PASSED}
        certs = {"ca": c.ca("ca"), "ca2": c.ca("ca2"), "open": c.make("open", ["open.example"]), "all": c.make("all", ["all.example"])}
        shown = {"ca": c.signed("mine", "ca"), "ca2": c.signed("theirs", "ca2")}
        behind = lib.server_tls(c.make("behind", ["behind.example"]))
        for name in PASSED:
            lab.web(ports[name], name=name, tls=behind)
        clients = Clients({None: None, **shown})
        # five small maps may well lack a kind of answer
        while number < maps or number < 20 * maps and count >= 300 and not all(seen[k] for k in KINDS):
            number += 1
            m = Map(rng, ports, certs)
            with lib.Proxy(lab, json.dumps(m.text, indent=1), "bundle", wait=[ports[f] for f in ("http", "https", "second")]) as proxy:
                if not proxy.alive() or proxy.complaints():
                    wrong += 1
                    tap.ok("map %d starts without a warning" % number, False,
                           (proxy.output() if proxy.process else proxy.generated.stderr) + json.dumps(m.text))
                    continue
                for _ in range(-(-count // maps)):
                    front, sni, host, written, cert = m.request(rng)
                    answer = lib.ask(ports[front], "/", written) if front == "http" else clients.ask(rng, ports[front], sni, written, cert)
                    got = answer.name if answer.json else answer.body.decode() if answer.status == 200 else answer.status
                    wanted, kind = expected(m, front, sni, host, cert)
                    seen[kind] += 1
                    if got not in wanted:
                        wrong += 1
                        if wrong <= 5:
                            tap.ok("map %d: %s, SNI %s, host %s, certificate of %s" % (number, front, sni, written, cert), False,
                                   "wanted %s, got %s %s\nSEED=%d\n%s" % (wanted, got, answer.error, seed, json.dumps(m.text)))
            lib.shutil.rmtree(proxy.dir, ignore_errors=True)
            if wrong > 50:
                break
    tap.ok("%d requests on %d maps: the rules hold" % (sum(seen.values()), number), wrong == 0, "%d wrong; SEED=%d" % (wrong, seed))
    for kind in KINDS:
        tap.ok("%s: %d times" % (kind, seen[kind]), seen[kind] > 0 or count < 300, "SEED=%d" % seed)
    tap.finish()


if __name__ == "__main__":
    main()
