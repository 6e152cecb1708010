#!/usr/bin/python3
"""khapgen apply held against a fresh start: a random service map is changed at random, again and again; what changes at run time must leave HAProxy as a fresh start
with the new map is: servers, maps, certificates, and what requests get. A change that needs a reload is counted with its reason, and the walk begins anew from it.

N= how many changes (9 without it), SEED= which; HAPROXY_RELEASES="2.2=PATH 2.6=PATH ..." names the HAProxies that take turns. KINDS="node+ cert+" draws only these.
"""
import collections
import copy
import json
import os
import random
import re
import shutil
import socket
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "traffic"))
import khapgen  # noqa: E402
import lib  # noqa: E402
import tap  # noqa: E402

KHAPGEN = khapgen.program()
N = int(os.environ.get("N") or 9)
SEED = tap.seed("N")
KINDS = os.environ.get("KINDS", "").split()
ALIVE = ["127.0.0.%d" % i for i in range(1, 6)]
DEAD = ["127.0.0.%d" % i for i in range(101, 104)]
NAMES = ["a.example", "b.example", "c.example", "*.d.example"]
# columns of `show stat` that a configuration and the state of its servers decide
COLUMNS = "pxname svname status weight act bck sid type slim qlimit mode algo addr cookie check_rise check_fall agent_rise agent_fall".split()
# what must never need a reload from 2.6 on
ALWAYS = {"node+", "node-", "weight", "state", "address", "host+", "host-", "path+", "path-", "canary", "split", "renew", "server", "cert+", "cert-"}


class Maps:
    """A service map that changes. `pems`: of each host contents that its certificate may have."""

    def __init__(self, rng, ports, directory, pems):
        self.rng, self.ports, self.dir, self.pems, self.serial = rng, ports, directory, pems, 0
        self.contents = {}
        self.map = {"nodes": {}, "certs": [], "services": {}, "global": rng.choice(["", "tune.bufsize 32768"])}
        self.cert("default.pem", None)
        for name in NAMES:
            if rng.random() < 0.5:
                self.cert("%s.pem" % name.replace("*.", "wild-"), name)
        for _ in range(rng.randrange(1, 4)):
            self.node_add()
        for name, more in (("web", {}), ("api", rng.choice([{"balance": "leastconn"}, {"balance": "random"}, {"hash": {"by": "source"}}, {}])),
                           ("sticky", {"cookie": {"name": "S", "dynamic": True, "keyFile": directory + "/key"}})):
            self.map["services"][name] = {"nodePort": ports[len(self.map["services"])], "hosts": [self.host()], **more}
            self.map["services"][name]["check"] = {"interval": "60ms", "rise": rng.randrange(1, 3), "fall": rng.randrange(1, 3)}
        for name, more in rng.sample(sorted(self.others().items()), 2):
            self.map["services"][name] = {"nodePort": ports[4], "hosts": [self.host()], "check": {"interval": "60ms", "fall": 1, "rise": 1}, **more}
            if "bind" in more:
                del self.map["services"][name]["hosts"]
        if "noded" in self.map["services"]:
            self.map["nodeCheck"] = {"port": ports[0], "interval": "60ms", "fall": 1, "rise": 1}
        self.map["services"]["can"] = {"nodePort": ports[3], "canary": {"of": "web", "weight": 10}, "check": {"interval": "60ms", "rise": 1}}
        self.map["services"]["both"] = {"hosts": [self.host()], "split": [{"service": "sticky", "weight": 1}, {"service": "api", "weight": 1}]}
        self.map["services"]["own"] = {"hosts": [self.host()], "check": {"interval": "60ms", "fall": 1}, "servers": []}
        self.server()

    def others(self):
        """Services whose servers say more."""
        return {"tls": {"backendProtocol": "https", "backendTls": {"verify": "none"}}, "ca": {"backendProtocol": "https", "backendTls": {"ca": self.dir + "/ca.pem", "sni": "x.example"}},
                "h2": {"backendProtocol": "h2", "backendTls": {"verify": "none"}}, "h2c": {"backendProtocol": "h2c"}, "proxy": {"sendProxy": "v1"}, "proxy2": {"sendProxy": "v2"},
                "agent": {"agentCheck": {"port": 9, "interval": "500ms"}}, "path": {"check": {"path": "/", "interval": "60ms", "fall": 1, "rise": 1, "port": self.ports[0]}},
                "noded": {"check": {"node": True}}, "kept": {"affinity": "source"}, "fixed": {"cookie": "C"}, "few": {"nodes": {"max": 2}},
                "tcp": {"mode": "tcp", "bind": "127.0.0.1:%d" % lib.free_port()}, "retried": {"retries": 2, "retryOn": ["503", "conn-failure"]},
                "uri": {"hash": {"by": "uri"}}, "slow": {"slowstart": "200ms"}, "limited": {"maxconn": 20}}

    def node_address(self):
        used = [n["address"] for n in self.map["nodes"].values()]
        return self.rng.choice([a for a in ALIVE + ALIVE + DEAD if a not in used])

    def host(self):
        self.serial += 1
        return self.rng.choice(["h%d.example", "H%d.a.example", "*.w%d.example", "x%d.b.example"]) % self.serial

    def cert(self, name, host):
        path = "%s/%s" % (self.dir, name)
        self.contents[path] = self.rng.choice(self.pems[host])
        self.map["certs"].append({"file": path, **({"hosts": [host]} if host else {})})

    def node_add(self):
        self.serial += 1
        node = {"address": self.node_address()}
        if self.rng.random() < 0.6:
            node["weight"] = self.rng.randrange(0, 257)
        if self.rng.random() < 0.2:
            node["state"] = self.rng.choice(["drain", "maint"])
        self.map["nodes"]["n%d" % self.serial] = node

    def server(self):
        servers, rng = self.map["services"]["own"]["servers"], self.rng
        if not servers or rng.random() < 0.3:
            self.serial += 1
            servers.append({"name": "s%d" % self.serial, "address": rng.choice(ALIVE + DEAD), "port": self.ports[4], **rng.choice(
                [{}, {"weight": 7}, {"backup": True}, {"maxconn": 5}, {"state": "maint"}, {"slowstart": "1s"}, {"state": "drain"}, {"maxqueue": 3}])})
        elif len(servers) > 1 and rng.random() < 0.4:
            del servers[rng.randrange(len(servers))]
        else:
            s = rng.choice(servers)
            s[rng.choice(["weight"])] = rng.randrange(257)
            if rng.random() < 0.4:
                s["state"] = rng.choice(["ready", "maint", "drain"])

    def kinds(self):
        """What may be changed now."""
        m = self.map
        out = ["weight", "state", "address", "host+", "path+", "path+", "canary", "split", "renew", "server", "service+"]
        out += ["node+"] * 2 if len(m["nodes"]) < 6 else []
        out += ["node-"] * 2 if len(m["nodes"]) > 1 else []
        out += ["host-"] if any(len(s.get("hosts", [])) > 1 for s in m["services"].values()) else []
        out += ["path-"] if any(s.get("routes") for s in m["services"].values()) else []
        out += ["cert-"] if len(m["certs"]) > 1 else []
        out += ["cert+"] if len(m["certs"]) <= len(NAMES) else []
        out += ["service-"] if any(n.startswith("more") for n in m["services"]) else []
        out = [k for k in out if k not in ("service+", "service-") or self.rng.random() < 0.3]
        return [k for k in out if not KINDS or k in KINDS] or ["weight"]

    def change(self):
        """Changes one thing; its kind."""
        m, rng = self.map, self.rng
        kind = rng.choice(self.kinds())
        services = list(m["services"].values())
        node = m["nodes"][rng.choice(list(m["nodes"]))]
        if kind == "node+":
            self.node_add()
        elif kind == "node-":
            del m["nodes"][rng.choice(list(m["nodes"]))]
        elif kind == "weight":
            node["weight"] = rng.randrange(257)
            if rng.random() < 0.3:
                del node["weight"]
        elif kind == "state":
            node["state"] = rng.choice(["ready", "drain", "maint"])
        elif kind == "address":
            node["address"] = self.node_address()
        elif kind == "host+":
            for _ in range(rng.choice([1, 1, 40, 900])):
                rng.choice([s for s in services if "hosts" in s])["hosts"].append(self.host())
        elif kind == "host-":
            s = rng.choice([s for s in services if len(s.get("hosts", [])) > 1])
            s["hosts"] = rng.sample(s["hosts"], rng.randrange(1, len(s["hosts"])))
        elif kind == "path+":
            self.serial += 1
            host = rng.choice([h for s in services for h in s.get("hosts", [])])
            rng.choice([s for n, s in m["services"].items() if n in ("api", "own", "sticky")]).setdefault("routes", []).append(
                rng.choice([{"path": "/p%d" % self.serial, "pathType": "Exact"}, {"path": "/p/%d/q" % self.serial}, {"path": "/%d" % self.serial},
                            {"path": "^/r%d/[a-z]+\\.(x|y)$" % self.serial, "pathType": "Regex"}]) | {"host": host})
        elif kind == "path-":
            routes = rng.choice([s for s in services if s.get("routes")])["routes"]
            del routes[rng.randrange(len(routes))]
        elif kind == "canary":
            m["services"]["can"]["canary"]["weight"] = rng.randrange(101)
        elif kind == "split":
            rng.choice(m["services"]["both"]["split"])["weight"] = rng.randrange(1, 20)
        elif kind == "renew":
            cert = rng.choice(m["certs"])
            self.contents[cert["file"]] = rng.choice(self.pems[cert.get("hosts", [None])[0]])
        elif kind == "cert+":
            there = [h for c in m["certs"] for h in c.get("hosts", [])]
            host = rng.choice([n for n in NAMES if n not in there])
            self.cert("%s.pem" % host.replace("*.", "wild-"), host)
        elif kind == "cert-":
            m["certs"].pop(rng.randrange(1, len(m["certs"])))
        elif kind == "server":
            self.server()
        elif kind == "service+":
            self.serial += 1
            m["services"]["more%d" % self.serial] = {"nodePort": rng.choice(self.ports), "hosts": [self.host()], "check": False}
        elif kind == "service-":
            del m["services"][rng.choice([n for n in m["services"] if n.startswith("more")])]
        # a route's host may have gone
        hosts = {h for s in services for h in s.get("hosts", [])}
        for s in services:
            if "routes" in s:
                s["routes"] = [r for r in s["routes"] if r["host"] in hosts]
                if not s["routes"]:
                    del s["routes"]
        return kind

    def write(self, path, http, https, sock):
        for pem, text in self.contents.items():
            with open(pem + ".new", "w") as f:
                f.write(text)
            os.rename(pem + ".new", pem)
        with open(path, "w") as f:
            json.dump({"process": {"socket": {"path": sock}}, "log": False,
                       "frontends": {"http": {"bind": "127.0.0.1:%d" % http}, "https": {"bind": "127.0.0.1:%d" % https}}, **self.map}, f)

    def asks(self):
        """(host, path) of requests whose answer is no matter of chance."""
        out = []
        for name, s in sorted(self.map["services"].items()):
            if s.get("check") is False or name in self.others(): # whether a dead node is asked is chance
                continue
            out += [(h.replace("*", "deep"), "/") for h in s.get("hosts", [])[:2] if name not in ("both", "web")]
            for r in s.get("routes", [])[:3]:
                kind = r.get("pathType", "Prefix")
                path = r["path"] + "/x" if kind == "Prefix" else r["path"] if kind == "Exact" else r["path"].split("[")[0][1:] + "abc.y"
                out.append((r["host"].replace("*", "deep"), path))
        return self.rng.sample(out, min(len(out), 4)) + [("nobody.example", "/")]


class Running:
    """A HAProxy that runs a directory."""

    def __init__(self, binary, directory, sock, http, https):
        self.sock, self.http, self.https, self.dir = sock, http, https, directory
        self.log = os.path.dirname(directory) + "/log"
        with open(self.log, "w") as log:
            self.process = subprocess.Popen(self.words(binary, directory), stdout=subprocess.DEVNULL, stderr=log, stdin=subprocess.DEVNULL)
        end = time.time() + 20
        while time.time() < end and self.process.poll() is None:
            try:
                if self.ask("show info"):
                    return
            except OSError:
                time.sleep(0.005)
        with open(self.log) as f:
            raise RuntimeError(f.read())

    def words(self, binary, directory):
        return [binary, "-C", directory, "-db", "-f", "haproxy.cfg"]

    def ask(self, command):
        return lib.tell(self.sock, command)

    def state(self, maps, pems, lists):
        """What it has, without numbers that only count."""
        out = {}
        lines = self.ask("show stat").splitlines()
        names = lines[0][2:].split(",")
        for line in lines[1:]:
            row = dict(zip(names, line.split(",")))
            # a drained server, and one whose backend is down, says so in several ways
            if row.get("svname"):
                row["addr"] = row.get("addr", "").replace(":%d" % self.http, ":http").replace(":%d" % self.https, ":https")
                # the limit of a frontend follows from how many descriptors are left; of a server in maintenance 2.6 shows the new weight when it leaves it, and
                # 3.4 no checks, except of one that was added so
                # a check that fails once on a busy machine
                row["status"] = re.sub("^UP [0-9]+/[0-9]+$", "UP", row["status"])
                if row["status"].startswith("MAINT"):
                    row.update(weight="-", check_rise="-", check_fall="-")
                out["stat", row["pxname"], row["svname"]] = tuple((c, row.get(c)) for c in COLUMNS if c != "slim" or row["type"] == "2")
        for line in self.ask("show servers state").splitlines()[2:]:
            w = line.split()
            if len(w) > 18:
                # backend, id, name, address, operational and administrative state but for who put it into maintenance, weight said by the user, port
                out["server", w[1], w[3]] = (w[2], w[4], w[5], int(w[6]) & ~4, w[7], w[18])
        for name in maps:
            # where the first that matches counts, their order is told, too
            out["map", name] = (list if "regexes" in name or "hostless" in name else sorted)(x.split(" ", 1)[1] for x in self.ask("show map " + name).splitlines() if " " in x)
        for name in pems:
            out["cert", name] = sorted(re.findall(r"^(?:Serial|SHA1 FingerPrint|Subject|Status|Filename): .*$", self.ask("show ssl cert " + name), re.M))
        out["certs"] = sorted(x for x in self.ask("show ssl cert").splitlines() if x and not x.startswith("#"))
        for name in lists:
            out["list", name] = [x for x in self.ask("show ssl crt-list " + name).splitlines() if x and not x.startswith("#")]
        return out

    def answers(self, asks):
        out = []
        for host, path in asks:
            a = lib.ask(self.http, path, host)
            # which node of a service answers is a matter of balancing
            out.append((host, path, a.status, str(a.name).rpartition(":")[2]))
        return out

    def subjects(self, names):
        tls = lib.client_tls()
        out = []
        for name in names:
            with socket.create_connection(("127.0.0.1", self.https), timeout=20) as plain:
                try:
                    with tls.wrap_socket(plain, server_hostname=name) as s:
                        out.append((name, hash(s.getpeercert(True))))
                except OSError as e:
                    out.append((name, repr(e)))
        return out

    def stop(self):
        self.process.kill()
        self.process.wait()


class Walk:
    """One release: a map, what follows it, and how that went."""
    running = Running

    def __init__(self, lab, release, binary, rng, ports, pems):
        self.release, self.binary, self.rng = release, binary, rng
        self.dir = "%s/%s" % (lab.dir, release)
        os.makedirs(self.dir + "/pems")
        with open(self.dir + "/pems/key", "w") as f:
            f.write("0123456789abcdef\n")
        with open(self.dir + "/pems/ca.pem", "w") as f:
            f.write(pems[None][0].split("-----BEGIN PRIVATE")[0])
        self.khap, self.sock = self.dir + "/khap", self.dir + "/sock"
        self.http, self.https, self.http2, self.https2 = (lib.free_port() for _ in range(4))
        self.maps = Maps(rng, ports, self.dir + "/pems", pems)
        self.seen, self.wrong, self.reasons, self.proxy = collections.Counter(), [], collections.Counter(), None
        self.said = ""

    def words(self):
        return ["--socket", self.sock]

    def apply(self):
        self.maps.write(self.dir + "/map.yaml", self.http, self.https, self.sock)
        done = subprocess.run([KHAPGEN, "apply", "--directory", self.khap, "--binary", self.binary, *self.words(), self.dir + "/map.yaml"],
                              capture_output=True, text=True, timeout=120)
        self.said = done.stdout + done.stderr
        return done.returncode

    def begin(self):
        if self.proxy is not None:
            self.proxy.stop()
            self.proxy = None
        shutil.rmtree(self.khap, ignore_errors=True)
        if os.path.exists(self.sock):
            os.unlink(self.sock)
        if self.apply() != 0:
            raise RuntimeError("the first generation: " + self.said)
        self.proxy = self.running(self.binary, self.khap + "/current", self.sock, self.http, self.https)

    def fresh(self):
        to, sock = self.dir + "/fresh/run", self.dir + "/sock2"
        shutil.rmtree(self.dir + "/fresh", ignore_errors=True)
        shutil.copytree(self.khap + "/current/", to)
        for name in ("haproxy.cfg",):
            with open("%s/%s" % (to, name)) as f:
                text = f.read()
            text = text.replace("127.0.0.1:%d" % self.http, "127.0.0.1:%d" % self.http2).replace("127.0.0.1:%d" % self.https, "127.0.0.1:%d" % self.https2)
            with open("%s/%s" % (to, name), "w") as f:
                f.write(text.replace(self.sock + " ", sock + " "))
        return Running(self.binary, to, sock, self.http2, self.https2)

    def compare(self, kinds):
        maps = ["maps/" + m for m in sorted(os.listdir(self.khap + "/current/maps"))]
        lists = [x for x in sorted(os.listdir(self.khap + "/current")) if x.startswith("crt-list")]
        pems = [c["file"] for c in self.maps.map["certs"]]
        fresh = self.fresh()
        try:
            end, got, wanted = time.time() + 6, {}, {}
            while True:
                wanted, got = fresh.state(maps, pems, lists), self.proxy.state(maps, pems, lists)
                if got == wanted or time.time() > end:
                    break
                time.sleep(0.03)
            for key in sorted(set(got) | set(wanted), key=str):
                if got.get(key) != wanted.get(key):
                    a, b = got.get(key), wanted.get(key)
                    if isinstance(a, tuple) and isinstance(b, tuple):
                        a, b = [x for x, y in zip(a, b) if x != y], [y for x, y in zip(a, b) if x != y]
                    self.say(kinds, "%r is %r, wanted %r" % (key, a, b))
            asks, names = self.maps.asks(), ["x.example"] + [n.replace("*", "deep") for n in NAMES]
            for what, a, b in (("requests", self.proxy.answers(asks), fresh.answers(asks)), ("certificates", self.proxy.subjects(names), fresh.subjects(names))):
                if a != b:
                    self.say(kinds, "%s: %r, wanted %r" % (what, [x for x, y in zip(a, b) if x != y], [y for x, y in zip(a, b) if x != y]))
        finally:
            fresh.stop()

    def say(self, kinds, text):
        self.wrong.append("%s, %s: %s\n%s" % (self.release, kinds, text, self.said[:3000]))

    def step(self):
        kinds = [self.maps.change() for _ in range(self.rng.choice([1, 1, 2, 3]))]
        before = copy.deepcopy(self.wrong)
        status = self.apply()
        self.seen.update("%s %s" % (k, "at run time" if status == 0 else "reload") for k in set(kinds))
        if status == 0 and "[apply-fallback]" not in self.said:
            self.seen["at run time"] += 1
            self.compare(kinds)
        elif "not all can be done at run time" in self.said:
            self.seen["reload"] += 1
            dry = subprocess.run([KHAPGEN, "apply", "--dry-run", "--directory", self.khap, "--binary", self.binary, *self.words(), self.dir + "/map.yaml"],
                                 capture_output=True, text=True, timeout=120)
            self.said = dry.stdout
            self.reasons.update("%s: %s" % (self.release, x) for x in set(re.findall("reload: (.*)", self.said)))
            # servers that are tracked, have agents, or before 3.0 cookies of their own
            if self.release != "2.2" and set(kinds) <= ALWAYS and not {"noded", "agent", "fixed"} & set(self.maps.map["services"]):
                self.say(kinds, "a reload")
            self.begin()
        else:
            self.say(kinds, "apply failed, %d" % status)
        if self.wrong != before:
            self.begin()

    def stop(self):
        if self.proxy is not None:
            self.proxy.stop()


def make_pems(lab):
    """Of each name two certificates; of None those for no name of theirs."""
    out = {}
    for i, name in enumerate([None] + NAMES):
        for k in range(2):
            with open(lib.Certs("%s/certs%d" % (lab.dir, k)).make("site%d-%d" % (i, k), [name or "x.example"])) as f:
                out.setdefault(name, []).append(f.read())
    return out


def walk_all(releases, kind, n, what):
    tap.note("N=%d SEED=%d" % (n, SEED))
    rng = random.Random(SEED)
    with lib.Lab() as lab:
        pems = make_pems(lab)
        ports = [lib.free_port() for _ in range(5)]
        for port in ports:
            lab.web(port, ALIVE)
        walks = [kind(lab, release, binary, rng, ports, pems) for release, binary in releases]
        try:
            for walk in walks[:n]:
                walk.begin()
            for i in range(n):
                walks[i % len(walks)].step()
        finally:
            for walk in walks:
                walk.stop()
        seen, reasons = collections.Counter(), collections.Counter()
        for walk in walks:
            seen.update(walk.seen)
            reasons.update(walk.reasons)
            tap.ok(what % (walk.release, walk.seen["at run time"]), not walk.wrong, "\n".join(walk.wrong[:8]))
    tap.note("%d at run time, %d reloads" % (seen.pop("at run time", 0), seen.pop("reload", 0)))
    for name, times in sorted(seen.items()):
        tap.note("%6d  %s" % (times, name))
    for why, times in reasons.most_common():
        tap.note("%6d  reload, %s" % (times, why))
    tap.finish()


def main():
    lib.need_haproxy()
    releases = lib.releases()
    walk_all(releases, Walk, N, "HAProxy %s: after %d changes at run time it was what a fresh start is")


if __name__ == "__main__":
    main()
