#!/usr/bin/python3
"""Random service maps over all rows of keys.tsv through khapgen and `haproxy -c`: all accepted, without a warning.

N=10000 says how many (200 without it), SEED= which; HAPROXY_RELEASES="2.2=PATH 2.6=PATH ..." (as make check-releases sets it) which HAProxies take turns, else
the installed one. What khapgen refuses is counted by code, and must be rare. At the end: how often each row was used in a map that was accepted;
a row that never was is a failure.
"""
import collections
import grp
import json
import os
import pwd
import random
import re
import shutil
import subprocess
import tempfile

import khapgen
import tap
import verdict

KHAPGEN = khapgen.program()
N = int(os.environ.get("N", "200"))
SEED = tap.seed("N")
OPENSSL = tap.need("openssl", "openssl")
binaries = [pair.split("=", 1)[1] for pair in os.environ.get("HAPROXY_RELEASES", "").split()]
if not binaries:
    binaries = [os.environ.get("HAPROXY") or tap.need("haproxy", "haproxy")]
USER = "nobody" if "nobody" in [p.pw_name for p in pwd.getpwall()] else pwd.getpwuid(os.getuid()).pw_name
GROUP = grp.getgrgid(pwd.getpwnam(USER).pw_gid).gr_name
tap.note("N=%d SEED=%d %s" % (N, SEED, " ".join(binaries)))

rows = []
with open(os.path.join(tap.srcdir, "lib/model/keys.tsv")) as f:
    for line in f:
        if line.strip() and not line.startswith("#"):
            rows.append(line.split("\t"))
TYPES = {r[0]: r[1] for r in rows}


def words_of(path):
    """The choices of an enum row."""
    return re.search(r"enum\(([^)]*)\)", TYPES[path]).group(1).split("|")


work = tempfile.TemporaryDirectory(prefix="khap-random.")
os.chdir(work.name)


def certificate(name, hosts):
    subprocess.run([OPENSSL, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "100", "-subj", "/CN=" + hosts[0],
                    "-addext", "subjectAltName=" + ",".join("DNS:" + h for h in hosts), "-keyout", name + ".key", "-out", name + ".crt"],
                   check=True, stderr=subprocess.DEVNULL)
    with open(name + ".pem", "w") as f:
        f.write(open(name + ".crt").read() + open(name + ".key").read())


certificate("a", ["a.example", "*.a.example"])
certificate("b", ["b.example"])


def with_issuer():
    """c.pem, signed by ca.crt and its chain; c.ocsp says that it is good; crl.pem revokes nothing of a.crt's."""
    def openssl(*words):
        subprocess.run([OPENSSL, *words], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def write(name, text):
        with open(name, "w") as f:
            f.write(text)
    certificate("ca", ["ca.example"])
    openssl("req", "-new", "-key", "b.key", "-subj", "/CN=c.example", "-out", "c.csr")
    write("c.ext", "subjectAltName=DNS:c.example\n")
    openssl("x509", "-req", "-in", "c.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-set_serial", "17", "-days", "100", "-extfile", "c.ext", "-out", "c.crt")
    write("c.pem", open("c.crt").read() + open("ca.crt").read() + open("b.key").read())
    write("index", "V\t491231235959Z\t\t11\tunknown\t/CN=c\n")
    openssl("ocsp", "-index", "index", "-CA", "ca.crt", "-rsigner", "ca.crt", "-rkey", "ca.key", "-issuer", "ca.crt", "-cert", "c.crt", "-respout", "c.ocsp", "-ndays", "30")
    write("none", "")
    write("number", "01\n")
    write("ca.cnf", "[ca]\ndefault_ca=d\n[d]\ndatabase=none\ncrlnumber=number\ndefault_md=sha256\ndefault_crl_days=30\n")
    openssl("ca", "-gencrl", "-config", "ca.cnf", "-keyfile", "a.key", "-cert", "a.crt", "-out", "crl.pem")


with_issuer()
os.mkdir("certs.d")
for name in "a", "b":
    shutil.copy(name + ".pem", "certs.d/" + name + ".pem")
with open("list.txt", "w") as f:
    f.write("a.pem\nb.pem b.example\n")
HASH = "$1$abcdefgh$b4gX0Pcn1NnWcMqsCgpQB/"
with open("users", "w") as f:
    f.write("# who\nfile:%s\n" % HASH)
with open("nets.txt", "w") as f:
    f.write("10.0.0.0/8\n2001:db8::/32\n")
with open("jwt.pem", "w") as f:
    subprocess.run([OPENSSL, "x509", "-in", "a.crt", "-pubkey", "-noout"], check=True, stdout=f)
with open("jwt.secret", "w") as f:
    f.write("0123456789abcdef' \"%[src]$x,)#\\ \n")
with open("cookie.key", "w") as f:
    f.write("0123456789abcdef\n")


class Maker:
    """One random map; `used` holds the rows."""

    def __init__(self, rng, quic):
        self.rng = rng
        self.quic = quic
        self.used = set()
        self.port = 20000
        self.serial = 0
        self.bundle = self.localhost = False
        self.map = {}
        self.make()

    def chance(self, p):
        return self.rng.random() < p

    def use(self, path):
        assert path in TYPES, path
        parts = re.findall(r"\[\]|[^.\[]+", path)
        so_far = ""
        for part in parts:
            so_far += part if part == "[]" or not so_far else "." + part
            if so_far in TYPES:
                self.used.add(so_far)

    def set(self, tree, path, key, value, p=1.0):
        """tree[key] = value, as row path.key, with probability p; value may be a function."""
        if not self.chance(p):
            return False
        row = path + "." + key if path else key
        self.use(row)
        tree[key] = value() if callable(value) else value
        return True

    def next_port(self):
        self.port += 1
        return self.port

    def bind(self):
        return self.rng.choice(["127.0.0.1:%d", ":%d", "[::1]:%d", "*:%d"]) % self.next_port()

    def time(self):
        return self.rng.choice(["500ms", "2s", "30s", "1m", "7s", 1500, "1h"])

    def name(self, stem):
        self.serial += 1
        return "%s%d%s" % (stem, self.serial, self.rng.choice(["", "-x", ".y", "_z", ":1"]))

    def host(self):
        self.serial += 1
        stem = self.rng.choice(["h%d.a.example", "H%d.Example.COM", "x%d", "h%d.b.example.", "1%d.2.example", "a-b%d.c_d.example"]) % self.serial
        return "*." + stem if self.chance(0.2) else stem

    def network(self):
        return self.rng.choice(["10.0.0.0/8", "192.0.2.1", "2001:db8::/32", "0.0.0.0/0", "::1"])

    def address(self):
        self.serial += 1
        # one machine twice gives equal dynamic cookies, of which HAProxy warns
        once = ["localhost"] if not self.localhost else []
        return self.pick_address(once)

    def pick_address(self, once):
        picked = self.rng.choice(once + ["10.%d.%d.%d" % (self.serial >> 8 & 255, self.serial & 255, self.rng.randrange(1, 255)), "2001:db8::%x" % self.serial,
                                "[2001:db8:1::%x]" % self.serial])
        self.localhost |= picked == "localhost"
        return picked

    def path(self):
        self.serial += 1
        return "/" + self.rng.choice(["p%d", "a/b%d", "ui%d/", "%%20x%d", "~u%d", "a.b-c_%d;v=1"]) % self.serial

    def header(self):
        return "X-" + self.rng.choice(["Tier", "A_b", "Via.x", "Q"]) + str(self.rng.randrange(100))

    def make(self):
        m, rng = self.map, self.rng
        self.set(m, "", "haproxy", lambda: self.release(), 0.15)
        if self.chance(0.35):
            p = self.section("process")
            self.set(p, "process", "user", USER, 0.6)
            self.set(p, "process", "group", GROUP, 0.6)
            self.set(p, "process", "chroot", work.name, 0.5)
            if self.chance(0.7):
                self.use("process.socket")
                s = p["socket"] = {}
                self.set(s, "process.socket", "path", "/tmp/khap-%d.sock" % os.getpid())
                self.set(s, "process.socket", "mode", rng.choice([600, "660", "0660"]), 0.6)
                self.set(s, "process.socket", "user", USER, 0.5)
                self.set(s, "process.socket", "group", GROUP, 0.5)
        if self.chance(0.4):
            self.use("log")
            m["log"] = rng.choice([False, "stderr", "stdout", "/dev/log"])
            if self.chance(0.6):
                m["log"] = {}
                self.set(m["log"], "log", "to", rng.choice(["stdout", "127.0.0.1:514", "[::1]:514", "/dev/log", "10.0.0.1", ["stdout", "[::1]:514", "/dev/log"]]))
                self.set(m["log"], "log", "format", rng.choice(["json", "http", "it's %[src] \"$x\" # \\ %hr %ST"]), 0.5)
                self.set(m["log"], "log", "headers", lambda: ["User-Agent", self.header()], 0.4)
                self.set(m["log"], "log", "facility", rng.choice(words_of("log.facility")), 0.7)
        self.nodes()
        if self.chance(0.3):
            self.use("nodeCheck")
            c = m["nodeCheck"] = {}
            self.set(c, "nodeCheck", "port", rng.randrange(1, 65536))
            self.set(c, "nodeCheck", "path", rng.choice(["/healthz", "/it's?a=%41&b=$x"]), 0.5)
            self.set(c, "nodeCheck", "interval", self.time(), 0.5)
            self.set(c, "nodeCheck", "rise", rng.randrange(1, 20), 0.5)
            self.set(c, "nodeCheck", "fall", rng.randrange(1, 20), 0.5)
        self.certs()
        self.frontends()
        if self.chance(0.3):
            self.use("forwarded.trust")
            m["forwarded"] = rng.choice([{"trust": [self.network()]}, [self.network(), "172.16.0.0/12"], self.network()])
        if self.chance(0.4):
            self.use("stats.bind")
            m["stats"] = rng.choice([False, self.bind(), {"bind": [self.bind(), self.bind()]}, {"bind": self.bind()}])
            if isinstance(m["stats"], dict):
                self.set(m["stats"], "stats", "prometheus", self.flag(), 0.7)
        if self.chance(0.3):
            self.use("acme.server")
            m["acme"] = rng.choice(["127.0.0.1:8402", {"server": "[::1]:8402"}, "localhost:8402"])
            if m.get("frontends", {}).get("http", True) is False:
                del m["acme"]
                self.used -= {"acme", "acme.server"}
        self.set(m, "", "global", rng.choice(["maxconn 1000", "maxconn 2000\ntune.maxrewrite 2048\n", "# nothing\nspread-checks 3"]), 0.3)
        self.set(m, "", "defaults", rng.choice(["timeout client 42s", "option socket-stats\nretries 2", "timeout connect 3s # so\n"]), 0.3)
        self.own_sections()
        self.services()

    def own_sections(self):
        self.own_backends = []
        if not self.chance(0.35):
            return
        text = self.rng.choice(["", "\n# mine\n", "resolvers mydns\n    nameserver a 127.0.0.1:53\n\n", "userlist users\n    user u insecure-password p\n"])
        for mode in "http", "tcp":
            name = self.name("own")
            self.own_backends.append((name, mode))
            listens = mode == "http" and self.chance(0.3)
            text += "%s %s\n    mode %s\n%s%s    server s1 10.66.0.1:80 # one's own\n" % (
                "listen" if listens else "backend", name, mode, "    bind 127.0.0.1:%d\n" % self.next_port() if listens else "", self.rng.choice(["", "    balance source\n", "\n\ttimeout connect 9s\n"]))
        self.use("sections")
        self.map["sections"] = text

    def release(self):
        self.use("haproxy.release")
        release = self.rng.choice(["2.2-3.4", "2.4-3.4", "2.2-2.6"])
        return self.rng.choice([release, {"release": release}])

    def section(self, key):
        self.use(key)
        return self.map.setdefault(key, {})

    def flag(self):
        return self.chance(0.7)

    def nodes(self):
        self.use("nodes")
        self.nodes_made = {}
        for _ in range(self.rng.randrange(1, 5)):
            name, address = self.name("node"), self.address()
            self.use("nodes.*.address")
            node = address
            if self.chance(0.7):
                node = {"address": address}
                self.set(node, "nodes.*", "weight", self.rng.randrange(0, 257), 0.5)
                if self.chance(0.6):
                    self.use("nodes.*.labels.*")
                    node["labels"] = {"zone": self.rng.choice("ab"), "khap.io/x": self.rng.choice(["1", "", True, 5])}
                self.set(node, "nodes.*", "state", self.rng.choice(words_of("nodes.*.state")), 0.4)
            self.nodes_made[name] = node
        self.map["nodes"] = self.nodes_made

    def certs(self):
        self.tls = self.chance(0.55)
        if not self.tls:
            return
        self.use("certs[]")
        certs = self.map["certs"] = []
        for _ in range(self.rng.randrange(1, 4)):
            kind = self.rng.choice(["directory", "file", "file", "file", "crtList", "placeholder"])
            self.use("certs[]." + kind)
            if kind == "directory":
                certs.append({"directory": "certs.d"})
            elif kind == "crtList":
                certs.append({"crtList": "list.txt"})
            elif kind == "placeholder":
                certs.append({"placeholder": True})
                self.bundle = True
            else:
                which = self.rng.choice("ab")
                cert = {"file": which + ".pem"}
                if self.chance(0.3):
                    cert["file"] = which + ".crt"
                    self.set(cert, "certs[]", "key", which + ".key")
                    self.bundle = True
                if self.chance(0.5):
                    self.set(cert, "certs[]", "hosts", [which + ".example"] + (["*.a.example"] if which == "a" and self.flag() else []))
                    self.bundle = True
                    if self.chance(0.5):
                        self.set(cert, "certs[]", "clientCa", which + ".crt")
                        self.set(cert, "certs[]", "verify", self.rng.choice(words_of("certs[].verify")), 0.6)
                        self.set(cert, "certs[]", "crl", "crl.pem", 0.4)
                if self.chance(0.45):
                    self.cert_options(cert)
                certs.append(cert)
        if self.rng.random() < 0.3:
            self.bundle = True

    def cert_options(self, cert):
        self.bundle = True
        for key in "alpn", "ciphers", "ciphersuites":
            words = words_of("certs[]." + key)
            self.set(cert, "certs[]", key, self.rng.sample(words, self.rng.randrange(0, len(words) + 1)), 0.3)
        self.set(cert, "certs[]", "curves", self.rng.sample(words_of("certs[].curves"), 2), 0.25)
        versions = sorted(self.rng.choice(words_of("certs[].minVersion")) for _ in range(2))
        if self.set(cert, "certs[]", "minVersion", versions[0], 0.5):
            self.set(cert, "certs[]", "maxVersion", versions[1], 0.5)
        if self.chance(0.6) and "key" not in cert and "clientCa" not in cert:
            cert["file"] = "c.pem"
            if not self.set(cert, "certs[]", "ocsp", "c.ocsp", 0.75) or self.flag():
                self.set(cert, "certs[]", "ocspUpdate", self.flag())

    def frontends(self):
        self.names = ["http"] + (["https"] if self.tls else [])
        if not self.chance(0.6):
            return
        frontends = self.section("frontends")
        path = "frontends.*"
        if self.chance(0.15) and self.tls:
            frontends["http"] = False
            self.use(path)
            self.names.remove("http")
        elif self.chance(0.4):
            frontends["http"] = {}
            self.set(frontends["http"], path, "bind", self.rng.choice([self.bind(), [self.bind(), self.bind()], 8000 + self.rng.randrange(1000)])
                     if False else self.bind())
        own = [self.name("front") for _ in range(self.rng.randrange(0, 3))]
        for name in own + (["https"] if self.tls and self.flag() else []):
            f = frontends[name] = {}
            self.set(f, path, "bind", self.rng.choice([self.bind(), [self.bind(), self.bind()]]))
            tls = name == "https" or (self.tls and self.set(f, path, "tls", True, 0.5))
            if tls:
                self.set(f, path, "alpn", self.rng.choice([["h2", "http/1.1"], ["http/1.1"], "h2"]), 0.5)
                self.set(f, path, "strictSni", self.flag(), 0.5)
                self.set(f, path, "http3", True, 0.3)
            elif self.chance(0.2):
                self.set(f, path, "tls", False)
            if not f.get("http3"):
                self.set(f, path, "acceptProxy", self.flag(), 0.4)
            self.set(f, path, "maxconn", self.rng.randrange(1, 100000), 0.4)
            self.set(f, path, "extra", self.rng.choice(["timeout http-request 5s", "timeout client 9s\nhttp-request deny if { path /no }\n"]), 0.4)
            if name != "https":
                self.names.append(name)

    def check(self, kind):
        path, rng, c = "services.*.check", self.rng, {}
        self.use(path)
        if self.chance(0.15):
            return False
        if kind == "http" and self.chance(0.2):
            self.use(path + ".path")
            return self.path()
        if kind == "http" and self.chance(0.7):
            self.set(c, path, "path", self.path())
            self.set(c, path, "host", rng.choice(["c.example", "health.local", "localhost"]), 0.5)
            self.set(c, path, "method", rng.choice(words_of(path + ".method")), 0.5)
            self.set(c, path, "expect", rng.choice([200, [200, 204], "200-399", ["200-299", 404], 301]), 0.5)
            self.set(c, path, "type", "http", 0.3)
        elif self.set(c, path, "type", rng.choice(["tcp", "tls", "mysql", "postgres", "redis", "smtp", "grpc"]), 0.7) and c["type"] in ("mysql", "postgres"):
            self.set(c, path, "user", rng.choice(["haproxy", "a-b.c"]))
        self.set(c, path, "interval", rng.choice(["2s", "500ms", 3000, "1m"]), 0.5)
        self.set(c, path, "rise", rng.randrange(1, 20), 0.5)
        self.set(c, path, "fall", rng.randrange(1, 20), 0.5)
        if "nodeCheck" in self.map:
            self.set(c, path, "node", self.flag(), 0.4)
        self.set(c, path, "port", rng.randrange(1, 65536), 0.5)
        return c

    def headers(self):
        path = "services.*.headers"
        self.use(path)
        out = {}
        for side in "request", "response":
            if not self.chance(0.7):
                continue
            self.use(path + "." + side)
            h = out[side] = {}
            for verb in "set", "add":
                if not self.chance(0.6):
                    continue
                row = "%s.%s.%s.*" % (path, side, verb)
                self.use(row)
                h[verb] = {}
                for _ in range(self.rng.randrange(1, 3)):
                    value = self.rng.choice(["gold", "50% off", 'a "b" c', "it's", "back\\slash", "#1", "${HOME} $x", "a,b;c", "%[src]", 7, True, "\u00fcber"])
                    if self.chance(0.3):
                        self.use(row + ".format")
                        value = {"format": self.rng.choice(["%[src]", "%[src]:%[src_port] x", "%%", "a \"%[req.hdr(host),lower]\"" if side == "request" else "%[src]"])}
                    elif self.chance(0.5):
                        self.use(row + ".value")
                        value = {"value": value}
                    else:
                        self.use(row + ".value")
                    h[verb][self.header()] = value
            if self.chance(0.5):
                self.use(path + "." + side + ".delete")
                h["delete"] = self.rng.choice([["Server", "X-Debug"], "X-Powered-By"])
        return out

    def match(self):
        path, rng, m = "services.*.routes[].match", self.rng, {}
        self.set(m, path, "method", lambda: rng.choice([rng.choice(words_of(path + ".method")), rng.sample(words_of(path + ".method"), 3)]), 0.5)
        for part, names in ("headers", ["X-A", "x-b", "A.b~!#$%&*+^`|"]), ("query", ["q", "a[b]", "%20", "x.y~z", "--"]):
            if m and self.chance(0.4):
                continue
            self.use(path + "." + part)
            row = path + "." + part + ".*"
            m[part] = {}
            for name in rng.sample(names, rng.randrange(1, len(names) + 1)):
                test = m[part][name] = {}
                key = rng.choice(["value", "regex", "present"])
                self.set(test, row, key, self.flag() if key == "present" else rng.choice(["[0-9]+", "a|b", "\\S+ x", "(?i)it's \"q\"", "\\$\\{HOME\\}"] if key == "regex" else
                                                                                        ["gold", "50% off", "-f", "it's \"q\"", "${HOME} $x", "%[src]", "#1", "back\\slash", "{ }", 7]))
                if key == "value" and self.chance(0.3):
                    m[part][name] = test["value"]
        return m

    def cookie(self):
        path, rng, c = "services.*.cookie", self.rng, {}
        self.use(path)
        if self.chance(0.1):
            return False
        if self.chance(0.2):
            self.use(path + ".name")
            return "SID"
        self.set(c, path, "name", rng.choice(["SRV_ID", "A.b-c", "x"]), 0.8)
        mode = rng.choice(words_of(path + ".mode"))
        self.set(c, path, "mode", mode)
        if mode == "insert":
            self.set(c, path, "indirect", self.flag(), 0.4)
            self.set(c, path, "maxidle", rng.choice(["30m", "1h", 600]), 0.4)
            self.set(c, path, "maxlife", rng.choice(["8h", "1d"]), 0.4)
        elif mode == "prefix":
            self.set(c, path, "indirect", False, 0.3)
        self.set(c, path, "nocache", self.flag(), 0.4)
        self.set(c, path, "httponly", self.flag(), 0.4)
        self.set(c, path, "secure", self.flag(), 0.4)
        if mode == "insert" and self.set(c, path, "dynamic", True, 0.35):
            self.set(c, path, "keyFile", "cookie.key")
        return c

    def ranges(self, path):
        """Networks, some of them in a file."""
        item = {}
        self.use(path + "[]")
        self.set(item, path + "[]", *(("file", "nets.txt") if self.chance(0.3) else ("network", self.network())))
        return self.rng.choice([[self.network(), "10.1.0.0/16"], [item], [item, "2001:db8::/32"], self.network()])

    def limits(self, s, kind, defaults):
        """Who may come, and how much of it."""
        path, rng = "services.*", self.rng
        for key in "sourceRanges", "denyRanges":
            self.set(s, path, key, lambda: self.ranges(path + "." + key), 0.2 if not defaults else 0.03)
        self.set(s, path, "connectionLimit", rng.randrange(1, 100), 0.15 if not defaults else 0.03)
        for key, value in ("maxconn", rng.randrange(1, 1000)), ("maxqueue", rng.randrange(1, 100)), ("slowstart", self.time()):
            self.set(s, path, key, value, 0.15)
        if kind == "http" and self.chance(0.2 if not defaults else 0.03):
            self.use(path + ".rateLimit")
            r = s["rateLimit"] = {}
            path += ".rateLimit"
            self.set(r, path, "requests", rng.randrange(1, 1000))
            self.set(r, path, "period", self.time(), 0.5)
            self.set(r, path, "burst", rng.randrange(1, 1000), 0.4)
            self.set(r, path, "key", rng.choice(["src", "header X-Api-Key", "cookie session_id"]), 0.5)
            self.set(r, path, "status", rng.choice(words_of(path + ".status")), 0.4)
            self.set(r, path, "except", [self.network()], 0.4)

    def access(self, s):
        """Who somebody is, and what is answered."""
        path, rng = "services.*", self.rng
        if self.chance(0.15):
            self.use(path + ".basicAuth")
            a = s["basicAuth"] = {}
            if self.set(a, path + ".basicAuth", "users", {"joe": HASH, "a b": HASH}, 0.6):
                self.use(path + ".basicAuth.users.*")
            self.set(a, path + ".basicAuth", "file", "users", 1 if not a else 0.5)
            self.set(a, path + ".basicAuth", "realm", "The 'shop' %d$x #1", 0.5)
        elif self.chance(0.15):
            self.use(path + ".jwt")
            j = s["jwt"] = {}
            path += ".jwt"
            self.set(j, path, "algorithm", rng.choice(words_of(path + ".algorithm")))
            self.set(j, path, "key", "jwt.secret" if j["algorithm"].startswith("HS") else "jwt.pem")
            self.set(j, path, "issuer", rng.choice(["https://login.example", "-f it's $x \"%[src]\" # \\ ü"]), 0.5)
            self.set(j, path, "audience", rng.choice([["api", "-m x"], "https://api.example", []]), 0.5)
            if self.set(j, path, "claims", {"X-User": "sub", "x_It's%": "realm.name"}, 0.5):
                self.use(path + ".claims.*")
            path = "services.*"
        if self.chance(0.15):
            self.use(path + ".clientCert")
            c = s["clientCert"] = {}
            for key in "verify", "subject", "commonName", "issuer", "serial", "fingerprint", "notAfter", "certificate":
                self.set(c, path + ".clientCert", key, rng.choice(["X-", "X_It's-", "x%"]) + key, 0.4)
        if self.chance(0.2):
            self.use(path + ".cors")
            c = s["cors"] = {}
            self.set(c, path + ".cors", "origins", rng.choice([["https://a.example", "http://b.example:8080"], "https://c.example", ["https://*.d.example", "http://*.e.example:81"]]))
            self.set(c, path + ".cors", "methods", ["GET", "PUT"], 0.4)
            self.set(c, path + ".cors", "headers", ["X-A", "Content-Type"], 0.4)
            self.set(c, path + ".cors", "expose", "X-Total%", 0.4)
            self.set(c, path + ".cors", "credentials", self.flag(), 0.4)
            self.set(c, path + ".cors", "maxAge", rng.choice(["10m", 5]), 0.4)
        if self.chance(0.15):
            self.use(path + ".compression")
            s["compression"] = {}
            self.set(s["compression"], path + ".compression", "types", ["text/html", "application/json"], 0.5)
        if self.chance(0.2):
            self.use(path + ".maintenance")
            m = s["maintenance"] = {}
            self.set(m, path + ".maintenance", "enabled", self.flag(), 0.5)
            self.set(m, path + ".maintenance", "page", "nets.txt", 0.5)
            self.set(m, path + ".maintenance", "retryAfter", "10m", 0.5)
            self.set(m, path + ".maintenance", "except", [self.network()], 0.5)
        if self.chance(0.15):
            self.use(path + ".errorPages.*")
            self.set(s, path, "errorPages", {rng.choice(["503", "404", "429"]): "nets.txt"})

    def common(self, s, kind, defaults=False):
        """Keys of every kind of service; s gets them."""
        path, rng = "services.*", self.rng
        self.set(s, path, "balance", rng.choice(["roundrobin", "leastconn", "source", "first", "static-rr", "random"] +
                                                (["uri", "hdr(X-User)", "url_param id"] if kind == "http" and not defaults else [])), 0.4)
        if "balance" not in s and self.chance(0.2):
            self.use(path + ".hash")
            by = rng.choice(["by", "header", "cookie"] if kind == "http" else ["by"])
            s["hash"] = {}
            self.set(s["hash"], path + ".hash", by, {"by": rng.choice(words_of(path + ".hash.by")) if kind == "http" else "source", "header": self.header(),
                                                     "cookie": rng.choice(["SESSION", "a%$`#~", "A.b-c"])}[by])
        elif "balance" not in s:
            self.set(s, path, "affinity", "source", 0.1)
        if self.chance(0.15):
            self.use(path + ".agentCheck")
            a = s["agentCheck"] = {}
            self.set(a, path + ".agentCheck", "port", rng.randrange(1, 65536))
            self.set(a, path + ".agentCheck", "interval", self.time(), 0.5)
            self.set(a, path + ".agentCheck", "send", rng.choice(["web", "it's $HOME \"#\" %[src] \\", "\u00fc x"]), 0.5)
        self.set(s, path, "retries", rng.choice([1, 5, 100] if defaults else [0, 1, 5, 100]), 0.2)
        if kind == "http" and s.get("retries") != 0 and self.map.get("serviceDefaults", {}).get("retries") != 0:
            self.set(s, path, "retryOn", lambda: rng.choice([503, "all-retryable-errors", ["conn-failure", "empty-response", 502, "504"],
                                                             rng.sample(words_of(path + ".retryOn"), 3), []]), 0.2)
        self.limits(s, kind, defaults)
        if self.chance(0.4):
            self.use(path + ".timeouts")
            t = s["timeouts"] = {}
            for key in "connect", "server", "queue", "tunnel":
                self.set(t, path + ".timeouts", key, self.time(), 0.5)
        self.set(s, path, "sendProxy", rng.choice(words_of(path + ".sendProxy")), 0.2)
        if self.chance(0.6):
            s["check"] = self.check(kind)
        if kind == "http":
            if self.chance(0.35):
                s["cookie"] = self.cookie()
            if self.chance(0.4):
                s["headers"] = self.headers()
            if not defaults:
                self.access(s)

    def selection(self, s):
        path = "services.*.nodes"
        if not self.chance(0.5):
            return
        self.use(path)
        names = list(self.nodes_made)
        kind = self.rng.randrange(4)
        if kind == 0:
            self.use(path + ".names")
            s["nodes"] = self.rng.sample(names, self.rng.randrange(1, len(names) + 1))
        elif kind == 1:
            s["nodes"] = {}
            self.set(s["nodes"], path, "names", names[0])
            self.set(s["nodes"], path, "max", 2, 0.5)
        elif kind == 2:
            self.use(path + ".selector.*")
            s["nodes"] = {"selector": {"zone": self.rng.choice("ab")}}
        else:
            s["nodes"] = {}
            self.set(s["nodes"], path, "max", self.rng.randrange(1, 4))

    def servers(self, s):
        path = "services.*.servers[]"
        self.use(path)
        s["servers"] = []
        for _ in range(self.rng.randrange(1, 3)):
            server = {}
            self.set(server, path, "name", self.name("old"))
            self.set(server, path, "address", self.address())
            self.set(server, path, "port", self.rng.randrange(1, 65536), 1 if "nodePort" not in s else 0.6)
            self.set(server, path, "weight", self.rng.randrange(0, 257), 0.4)
            self.set(server, path, "backup", self.flag(), 0.3)
            self.set(server, path, "state", self.rng.choice(words_of(path + ".state")), 0.3)
            self.set(server, path, "maxconn", self.rng.randrange(1, 1000), 0.4)
            self.set(server, path, "maxqueue", self.rng.randrange(1, 1000), 0.3)
            self.set(server, path, "slowstart", self.time(), 0.3)
            s["servers"].append(server)

    def backends(self, s, kind):
        wanted = [name for name, mode in self.own_backends if mode == ("http" if kind == "http" else "tcp")]
        if wanted and self.chance(0.3) and not {"sourceRanges", "denyRanges", "rateLimit", "connectionLimit"} & set(self.map.get("serviceDefaults", {})):
            self.set(s, "services.*", "backend", self.rng.choice(wanted))
            return
        if self.set(s, "services.*", "nodePort", self.rng.randrange(1, 65536), 0.8):
            self.selection(s)
        if "nodePort" not in s or self.chance(0.3):
            self.servers(s)
        self.set(s, "services.*", "extra", self.rng.choice(["retries 7", "option abortonclose\ntimeout server 9s\n"]), 0.25)

    def fixed(self, s, regex=False):
        """A service that answers itself."""
        path, rng = "services.*.redirect", self.rng
        if self.chance(0.5):
            self.use(path)
            r = s["redirect"] = {}
            self.set(r, path, "host", "new.example")
            self.set(r, path, "scheme", rng.choice(words_of(path + ".scheme")), 0.5)
            self.set(r, path, "port", rng.randrange(1, 65536), 0.5)
            self.set(r, path, "status", rng.choice(words_of(path + ".status")), 0.5)
            if regex or self.chance(0.5):
                del r["host"]
                self.set(r, path, "path", rng.choice(["/", "/a%20b", "/%[src]/'\"$HOME"]))
            else:
                self.set(r, path, "prefix", rng.choice(["/", "/a%b/", "/x\\1"]), 0.4)
        else:
            path = "services.*.respond"
            self.use(path)
            r = s["respond"] = {}
            self.set(r, path, "status", rng.choice([rng.randrange(200, 600), 204, 304]), 0.7)
            if r.get("status") not in (204, 304) and self.set(r, path, "body", rng.choice(["gone", "it's \"#1\" %[src] ${HOME} \\n", '{"a": 1}', "\u00fcber " * 100, "-f"]), 0.8):
                self.set(r, path, "contentType", rng.choice(["application/json", "text/plain; charset=utf-8"]), 0.5)
        self.set(s, "services.*", "sourceRanges", lambda: [self.network()], 0.2)

    def rewrite(self, regex):
        """What the servers are asked for."""
        path, rng, r = "services.*.rewrite", self.rng, {}
        self.use(path)
        if not regex and self.chance(0.4):
            self.use(path + ".prefix")
            return rng.choice(["/", "/app", "/a/b/"])
        if self.chance(0.6):
            self.set(r, path, *(("path", rng.choice(["/", "/it's/%[src]", "/${HOME}/\"x\""])) if regex or self.chance(0.5) else ("prefix", rng.choice(["/", "/app"]))))
        self.set(r, path, "host", "internal.example", 0.5)
        return r

    def route_keys(self, s, route, backends):
        """Keys of the service on one of its routes."""
        row, rng = "services.*.routes[]", self.rng
        regex = route.get("pathType") == "Regex"
        guarded = {"sourceRanges", "denyRanges", "rateLimit", "connectionLimit", "basicAuth"} & (set(s) | set(self.map.get("serviceDefaults", {})))
        if backends and not guarded and self.chance(0.5):
            self.set(route, row, "backend", rng.choice(backends))
            return
        self.set(route, row, "sourceRanges", lambda: rng.choice([self.ranges("services.*.sourceRanges"), []]), 0.25)
        if self.chance(0.25):
            answer = {}
            self.fixed(answer, regex)
            for key in "redirect", "respond":
                if key in answer:
                    self.set(route, row, key, answer[key])
            return
        if "redirect" in s or "respond" in s:
            return
        self.set(route, row, "rewrite", lambda: False if self.chance(0.1) else self.rewrite(regex), 0.3)
        self.set(route, row, "headers", self.headers, 0.3)
        if self.chance(0.25):
            self.use(row + ".timeouts")
            t = route["timeouts"] = {}
            for key, p in ("server", 0.7), ("tunnel", 0.5), ("connect", 0.4), ("queue", 0.5):
                self.set(t, row + ".timeouts", key, self.time(), p)

    def services(self):
        path, rng = "services.*", self.rng
        if self.chance(0.35):
            self.use("serviceDefaults")
            d = self.map["serviceDefaults"] = {}
            self.common(d, "http", True)
        services = self.section("services")
        default = True
        for _ in range(rng.randrange(1, 7)):
            s = services[self.name("svc")] = {}
            kind = rng.choice(["http", "http", "http", "tcp", "passthrough"] if self.tls else ["http", "http", "http", "tcp"])
            if kind == "http" and self.chance(0.2):
                self.fixed(s)
            else:
                self.backends(s, kind)
            own_backend = "backend" in s or "redirect" in s or "respond" in s
            if not own_backend:
                self.common(s, kind)
            if kind == "tcp":
                self.set(s, path, "mode", "tcp")
                self.set(s, path, "bind", rng.choice([self.bind(), [self.bind(), self.bind()]]))
                continue
            if kind == "passthrough":
                self.set(s, path, "mode", "tcp")
                self.set(s, path, "tls", "passthrough")
                self.set(s, path, "hosts", lambda: [self.host(), self.host()])
                continue
            self.set(s, path, "mode", "http", 0.2)
            self.set(s, path, "hosts", lambda: rng.choice([self.host(), [self.host(), "*." + self.host().lstrip("*.")]]), 0.7)
            if self.chance(0.5):
                s["routes"] = []
                for _ in range(rng.randrange(1, 4)):
                    row = path + ".routes[]"
                    route = {}
                    self.set(route, row, "host", self.host(), 0.8)
                    if self.set(route, row, "path", self.path(), 0.8 if "host" in route else 1):
                        kinds = ["Exact", "Prefix"] if "prefix" in s.get("redirect", {}) else words_of(row + ".pathType")
                        if self.set(route, row, "pathType", rng.choice(kinds), 0.6) and route["pathType"] == "Regex":
                            route["path"] = rng.choice(["/r%d/[0-9]+", "/(a|b%d).*", "/x%d\\.png", "/q%d{2,3} y?"]) % self.port
                            self.port += 1
                    if self.chance(0.3):
                        self.set(route, row, "match", self.match)
                    if str(route.get("host", "")).startswith("*"):
                        self.set(route, row, "wildcard", rng.choice(words_of(row + ".wildcard")), 0.5)
                    if "backend" not in s and self.chance(0.5):
                        self.route_keys(s, route, [name for name, mode in self.own_backends if mode == "http"])
                    self.use(row)
                    s["routes"].append(route)
                if not own_backend:
                    regex = any(str(r.get("pathType")) == "Regex" for r in s["routes"])
                    self.set(s, path, "rewrite", lambda: self.rewrite(regex), 0.3)
            if any(str(h).startswith("*") for h in [s.get("hosts")] + (s["hosts"] if isinstance(s.get("hosts"), list) else [])):
                self.set(s, path, "wildcard", rng.choice(words_of(path + ".wildcard")), 0.4)
            if default and self.set(s, path, "default", True, 0.3):
                default = False
            elif "hosts" not in s and "routes" not in s:
                self.set(s, path, "hosts", self.host())
            here = self.names
            if self.chance(0.3):
                here = rng.sample(self.names, rng.randrange(1, len(self.names) + 1))
                self.set(s, path, "frontends", here)
            if self.tls and "https" in here:
                if "http" in here:
                    self.set(s, path, "redirectHttps", self.flag(), 0.4)
                if self.chance(0.3) and not own_backend:
                    self.use(path + ".hsts")
                    s["hsts"] = {}
                    self.set(s["hsts"], path + ".hsts", "maxAge", rng.choice(["365d", "1h", 60]), 0.8)
                    self.set(s["hsts"], path + ".hsts", "includeSubDomains", self.flag(), 0.5)
            protocol = rng.choice(words_of(path + ".backendProtocol"))
            if not own_backend and self.set(s, path, "backendProtocol", protocol, 0.35) and protocol in ("https", "h2"):
                if self.chance(0.8):
                    self.use(path + ".backendTls")
                    t = s["backendTls"] = {}
                    if self.set(t, path + ".backendTls", "ca", "a.crt", 0.6):
                        self.set(t, path + ".backendTls", "verify", "required", 0.4)
                        self.set(t, path + ".backendTls", "sni", "a.example", 1.0)
                    else:
                        self.set(t, path + ".backendTls", "verify", "none")
                        self.set(t, path + ".backendTls", "sni", "s.example", 0.4)
        self.shares(services)

    def shares(self, services):
        """Requests that some of the services share: a canary, a service that is a split, and a route that is one."""
        path, rng = "services.*", self.rng
        http = [n for n, s in services.items() if s.get("mode") != "tcp"]
        free = [n for n in http if "frontends" not in services[n]]
        plain = [n for n in free if "rewrite" not in services[n] and "prefix" not in services[n].get("redirect", {})] # also behind a regex
        followed = set()
        for name in free:
            others = [n for n in http if n != name and n not in followed and "canary" not in services[n]]
            if name not in followed and others and (name in plain or all("Regex" not in str(services[n]) for n in others)) and self.chance(0.2):
                self.use(path + ".canary")
                c = services[name]["canary"] = {}
                self.set(c, path + ".canary", "of", rng.choice(others))
                self.set(c, path + ".canary", "weight", rng.choice([0, 1, 10, 50, 99, 100]), 0.7)
                self.set(c, path + ".canary", "header", self.header(), 0.5)
                self.set(c, path + ".canary", "cookie", rng.choice(["canary", "a%$`#~", "A.b-c"]), 0.5)
                followed.add(c["of"])
        targets = [n for n in plain if n not in followed]

        def split(row):
            self.use(row)
            out = []
            for name in rng.sample(targets, rng.randrange(1, min(4, len(targets)) + 1)):
                self.use(row + "[].service")
                share = {"service": name}
                out.append(share if self.set(share, row + "[]", "weight", rng.choice([1, 7, 50, 1000000]), 0.6) or self.chance(0.5) else name)
            if isinstance(out[-1], dict) and len(out) > 1 and self.chance(0.2):
                self.set(out[-1], row + "[]", "weight", 0)
            return out
        if targets and self.chance(0.3):
            s = services[self.name("svc")] = {}
            self.set(s, path, "hosts", [self.host(), self.host()])
            s["split"] = split(path + ".split")
        for name in http:
            for route in services[name].get("routes", []):
                if targets and name not in followed and self.chance(0.1):
                    route["split"] = split(path + ".routes[].split")


# Somebody's own file, for maps that go into one
OWN = """\
global
    log 127.0.0.1:9 local3
defaults
    mode tcp
    timeout connect 9s
    timeout client 9s
    timeout server 9s
    option httpclose
    default-server check inter 5s send-proxy
    retries 1
"""


def run_khapgen(text, target, bundle, into=False):
    shutil.rmtree("out", ignore_errors=True)
    if into:
        os.mkdir("out")
        with open("out/haproxy.cfg", "w") as f:
            f.write(OWN)
        os.chmod("out/haproxy.cfg", 0o600)
    words = [KHAPGEN] + target + (["--into", "out/haproxy.cfg"] if into else []) + (["--output-dir", "out"] if bundle else [])
    done = subprocess.run(words + ["-"], input=text.encode(), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if done.returncode == 0 and not bundle and not into:
        os.mkdir("out")
        with open("out/haproxy.cfg", "wb") as f:
            f.write(done.stdout)
    return done.returncode, done.stderr.decode("utf-8", "replace")


def main():
    used = collections.Counter()
    refusals = collections.Counter()
    verdicts = collections.Counter()
    failures = []
    for i in range(N):
        rng = random.Random("%d %d" % (SEED, i))
        made = Maker(rng, True)
        # some go into somebody's own file, without the keys that are not for a block there
        into = not made.bundle and rng.random() < 0.4
        if into:
            for key in "process", "log", "global", "defaults":
                made.map.pop(key, None)
                made.used = {u for u in made.used if u.split(".")[0] != key}
            # OpenSSL builds want a word in `global` for it
            for frontend in made.map.get("frontends", {}).values():
                if frontend and frontend.pop("http3", None):
                    made.used.discard("frontends.*.http3")
        text = json.dumps(made.map, ensure_ascii=False)
        binary = binaries[i % len(binaries)]
        bundle = made.bundle or (not into and rng.random() < 0.3)
        target = [] if rng.random() < 0.3 and "http3" not in text else ["-t", "binary:" + binary]
        status, err = run_khapgen(text, target, bundle, into)
        codes = set(re.findall(r"error: .*\[([a-z0-9-]+)\]$", err, re.M))
        tried = True
        if status == 2 and codes and codes <= {"key-needs-release", "build-lacks", "needs-release"}:
            # this build or release cannot; a newer one can, and what it gets is at least written
            target, tried = ["-t", "3.4"], False
            status, err = run_khapgen(text, target, bundle, into)
            codes = set(re.findall(r"error: .*\[([a-z0-9-]+)\]$", err, re.M))
        if status == 2 and codes:
            verdicts["refused"] += 1
            refusals.update(codes)
            if os.environ.get("SHOW") in codes:
                tap.note("%d: %s\n%s" % (i, text, err))
            continue
        if status:
            failures.append("map %d: khapgen ended with %d: %s\n%s" % (i, status, err[:500], text))
            continue
        if tried:
            if not target and "haproxy" in made.map:
                wanted = made.map["haproxy"] if isinstance(made.map["haproxy"], str) else made.map["haproxy"]["release"]
                said = subprocess.run([binary, "-v"], stdout=subprocess.PIPE).stdout.decode()
                mine = tuple(map(int, re.search(r"version (\d+)\.(\d+)", said).groups()))
                low, high = (tuple(map(int, r.split("."))) for r in wanted.split("-"))
                tried = low <= mine <= high
        if not tried:
            verdicts["written, for another HAProxy"] += 1
            used.update(made.used)
            continue
        for name in os.listdir("."):
            if name != "out" and not os.path.lexists("out/" + name):
                os.symlink("../" + name, "out/" + name)
        done = subprocess.run([binary, "-c", "-f", "haproxy.cfg"], cwd="out", stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        said = verdict.of_configuration(done.stdout.decode("utf-8", "replace"))
        if done.returncode or "[ALERT]" in said or "[WARNING]" in said:
            failures.append("map %d, %s, %s:\n%s\n%s" % (i, " ".join(target) or "no target", "bundle" if bundle else "into a file" if into else "one file", said[:1500], text))
            if len(failures) >= 20:
                break
            continue
        verdicts["accepted by HAProxy, in a file of one's own" if into else "accepted by HAProxy"] += 1
        used.update(made.used)

    tap.ok("no map that khapgen takes is refused by HAProxy, or warned of", not failures, "\n\n".join(failures[:int(os.environ.get("FAILURES", "5"))]))
    tap.ok("few maps are refused by khapgen (%d of %d)" % (verdicts["refused"], N), verdicts["refused"] * 4 <= N)
    for code, n in refusals.most_common():
        tap.note("refused %6d  %s" % (n, code))
    for kind, n in verdicts.most_common():
        tap.note("%7d  %s" % (n, kind))
    for row in rows:
        tap.note("used %7d  %s" % (used[row[0]], row[0]))
    unused = [row[0] for row in rows if not used[row[0]]]
    tap.ok("every row of keys.tsv was used", not unused, "never used: " + " ".join(unused))
    tap.finish()


if __name__ == "__main__":
    main()
