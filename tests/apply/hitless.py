#!/usr/bin/python3
"""khapgen apply beside requests: nodes come and go, dead ones among them, weights, hosts and certificates change, while clients ask over HTTP/1.1 kept alive, over new
connections, over TLS, and one connection stays open. No request fails, a dead node gets none, nothing is tried twice, and what stays open goes on.

ROUNDS= how many changes a release (8 without it); HAPROXY_RELEASES="2.6=PATH ..." which HAProxies, of which those before 2.6 are left out: there nodes need a reload.
"""
import json
import os
import random
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "traffic"))
import khapgen  # noqa: E402
import lib  # noqa: E402
import tap  # noqa: E402

KHAPGEN = khapgen.program()
ROUNDS = int(os.environ.get("ROUNDS") or 8)
SEED = tap.seed("ROUNDS")
ALIVE = ["127.0.0.%d" % i for i in range(1, 5)]
DEAD = ["127.0.0.%d" % i for i in range(101, 105)]


class Clients:
    """Threads that ask until they are stopped; `wrong` says what failed."""

    def __init__(self, http, https):
        self.http, self.https, self.wrong, self.n, self.over = http, https, [], 0, False
        self.threads = [threading.Thread(target=self.run, args=(f,), daemon=True) for f in (self.kept, self.new, self.tls)]
        for t in self.threads:
            t.start()

    def run(self, ask):
        state = {}
        while not self.over:
            try:
                status = ask(state)
                if status != 200:
                    self.wrong.append("%s: %s" % (ask.__name__, status))
            except (OSError, EOFError, ValueError) as e:
                self.wrong.append("%s: %r" % (ask.__name__, e))
                state.clear()
            self.n += 1
            time.sleep(0.001)

    def kept(self, state):
        if "client" not in state:
            state["client"] = lib.Client(self.http)
        return state["client"].ask("/", "web.example").status

    def new(self, _):
        return lib.ask(self.http, "/", "web.example").status

    def tls(self, _):
        return lib.ask(self.https, "/", "tls.example", tls=True, sni="tls.example").status

    def stop(self):
        self.over = True
        for t in self.threads:
            t.join(20)


class Follow:
    def __init__(self, lab, release, binary, rng):
        self.release, self.binary, self.rng, self.wrong = release, binary, rng, []
        self.dir = "%s/%s" % (lab.dir, release)
        os.mkdir(self.dir)
        self.http, self.https, self.web, self.line = (lib.free_port() for _ in range(4))
        lab.web(self.web, ALIVE)
        lab.line(self.line)
        self.certs = lib.Certs(self.dir + "/certs")
        self.sock, self.serial, self.dead = self.dir + "/sock", 0, []
        self.tcp = lib.free_port()
        self.map = {"process": {"socket": {"path": self.sock}}, "log": False, "nodes": {"n0": {"address": ALIVE[0]}},
                    "frontends": {"http": {"bind": "127.0.0.1:%d" % self.http}, "https": {"bind": "127.0.0.1:%d" % self.https}},
                    "certs": [{"file": self.certs.make("default", ["default.example"])}, {"file": self.certs.make("tls", ["tls.example"]), "hosts": ["tls.example"]}],
                    "services": {"web": {"nodePort": self.web, "hosts": ["web.example"], "check": {"interval": "50ms", "fall": 1, "rise": 1}},
                                 "tls": {"nodePort": self.web, "hosts": ["tls.example"], "check": {"interval": "50ms", "fall": 1, "rise": 1}, "balance": "leastconn"},
                                 "long": {"mode": "tcp", "bind": "127.0.0.1:%d" % self.tcp, "nodePort": self.line, "nodes": ["n0"], "check": False}}}

    def apply(self):
        with open(self.dir + "/map.yaml", "w") as f:
            json.dump(self.map, f)
        done = subprocess.run([KHAPGEN, "apply", "--directory", self.dir + "/khap", "--binary", self.binary, "--socket", self.sock, self.dir + "/map.yaml"],
                              capture_output=True, text=True, timeout=120)
        if done.returncode != 0:
            self.wrong.append(done.stdout + done.stderr)

    def ask(self, command):
        return lib.tell(self.sock, command)

    def change(self):
        nodes, kind = self.map["nodes"], self.rng.choice(["dead", "dead", "node+", "node-", "node-", "weight", "host", "renew", "cert"])
        self.serial += 1
        used = [n["address"] for n in nodes.values()]
        if kind in ("dead", "node+"):
            free = [a for a in (DEAD if kind == "dead" else ALIVE) if a not in used]
            if free:
                nodes["n%d" % self.serial] = {"address": free[0]}
        elif kind == "node-" and len(nodes) > 1:
            del nodes[self.rng.choice(list(nodes)[1:])]
        elif kind == "weight":
            self.rng.choice(list(nodes.values()))["weight"] = self.rng.randrange(1, 257)
        elif kind == "host":
            self.map["services"]["web"]["hosts"].append("h%d.example" % self.serial)
        elif kind == "renew":
            self.certs.make("tls", ["tls.example"])
        elif kind == "cert":
            host = "c%d.example" % self.serial
            self.map["services"]["tls"]["hosts"].append(host)
            self.map["certs"].append({"file": self.certs.make("c%d" % self.serial, [host]), "hosts": [host]})

    def counted(self):
        """Requests that dead nodes got, and what was tried again."""
        lines = self.ask("show stat").splitlines()
        names, bad = lines[0][2:].split(","), []
        for line in lines[1:]:
            row = dict(zip(names, line.split(",")))
            dead = row.get("addr", "").split(":")[0] in DEAD
            if row.get("type") == "2" and row["pxname"] in ("web", "tls") and (row["wretr"] not in ("", "0") or row["wredis"] not in ("", "0") or dead and row["stot"] != "0"):
                bad.append({k: row[k] for k in ("pxname", "svname", "stot", "wretr", "wredis", "econ")})
        if bad:
            self.wrong.append("tried again, or sent to a dead node: %r" % bad)

    def speak(self, long):
        """On the connection that was there from the beginning; often, because one that is silent runs into a timeout."""
        long.data = b""
        long.send(b"there %d\n" % self.serial)
        while b"there %d" % self.serial not in long.data:
            long._more()

    def run(self):
        self.apply()
        process = subprocess.Popen([self.binary, "-C", self.dir + "/khap/current", "-db", "-f", "haproxy.cfg"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                   stdin=subprocess.DEVNULL)
        try:
            lib.until(lambda: lib.ask(self.http, "/", "web.example").status == 200)
            pid = process.pid
            long = lib.Client(self.tcp)
            long.read(1)
            clients = Clients(self.http, self.https)
            for _ in range(ROUNDS):
                self.change()
                self.apply()
                self.counted()
                self.speak(long)
            clients.stop()
            if process.poll() is not None or process.pid != pid:
                self.wrong.append("it ended")
            self.wrong += clients.wrong
            return clients.n
        finally:
            process.kill()
            process.wait()


def main():
    lib.need_haproxy()
    tap.note("ROUNDS=%d SEED=%d" % (ROUNDS, SEED))
    releases = [pair.split("=", 1) for pair in os.environ.get("HAPROXY_RELEASES", "").split()] or [["%d.%d" % lib.release(), lib.HAPROXY]]
    with lib.Lab() as lab:
        for release, binary in releases:
            if tuple(int(x) for x in release.split(".")) < (2, 6):
                tap.note("HAProxy %s: nodes need a reload, which is not asked here" % release)
                continue
            follow = Follow(lab, release, binary, random.Random(SEED))
            n = follow.run()
            tap.ok("HAProxy %s: %d changes at run time, and not one of the requests failed" % (release, ROUNDS), not follow.wrong, "\n".join(x[:1500] for x in follow.wrong[:5]))
            tap.note("%d requests" % n)
    tap.finish()


if __name__ == "__main__":
    main()
