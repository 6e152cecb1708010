#!/usr/bin/python3
"""khapgen diff against running HAProxies: two random configurations a and b; where the plan says that no reload is needed, its commands are sent to a process that
runs a, and that process must then be what a fresh start with b is: servers, maps, patterns, certificates. What needs a reload is said to need one.

N says how many pairs (24 without it), SEED= which; HAPROXY_RELEASES="2.2=PATH 2.6=PATH ..." which HAProxies take turns.
"""
import collections
import json
import os
import random
import re
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "traffic"))
import khapgen  # noqa: E402
import lib  # noqa: E402
import tap  # noqa: E402

try:
    import jsonschema
except ImportError:
    jsonschema = None

KHAPGEN = khapgen.program()
N = int(os.environ.get("N") or 24)
SEED = tap.seed("N")


class Config:
    """A configuration and its files, in which each part may be drawn anew."""

    def __init__(self, rng, pems, like=None):
        self.rng, self.pems = rng, pems
        self.parts = dict(like.parts) if like else {}
        for name in ("servers", "map", "regexes", "nets", "pem", "maxconn", "rules", "timeout"):
            if like is None or rng.random() < (0.4 if name not in ("rules", "timeout", "regexes") else 0.07):
                self.parts[name] = getattr(self, name)(self.parts.get(name))

    def servers(self, was):
        rng = self.rng
        if was and rng.random() < 0.4:
            return was[:-1] if rng.random() < 0.5 and len(was) > 1 else was + [(len(was), rng.choice(["127.0.0.1", "[::1]"]), 81, rng.randrange(0, 257), rng.random() < 0.3)]
        return [(i, rng.choice(["127.0.0.%d" % rng.randrange(2, 200), "[::1]"]), rng.randrange(1000, 1010), rng.randrange(0, 257), rng.random() < 0.3)
                for i in range(len(was) if was else rng.randrange(1, 5))]

    def entries(self, keys, values):
        rng = self.rng
        return [(k, rng.choice(values)) for k in keys if rng.random() < 0.6]

    def map(self, _):
        made = self.entries(["h%d.example" % i for i in range(8)] + ["*.x", "ü.example"], ["web", "other", "a b", "x;y", "web"])
        self.rng.shuffle(made)
        return made

    def regexes(self, _):
        return self.entries(["^a", "b$", "c+", "x.y"], ["web", "other"])

    def nets(self, _):
        return [k for k, _ in self.entries(["10.0.0.0/8", "192.0.2.0/24", "2001:db8::/32", "127.0.0.9"], [""])]

    def pem(self, _):
        return self.rng.choice(self.pems)

    def maxconn(self, _):
        return self.rng.randrange(100, 120)

    def rules(self, _):
        return self.rng.sample(["http-request deny if { path /a }", "http-request deny if { path /b }", "http-request set-header X %[src]"], self.rng.randrange(1, 4))

    def timeout(self, _):
        return self.rng.choice(["5s", "6s", "7000"])

    def write(self, directory, sock, tidy):
        """`tidy` false: the same, laid out otherwise."""
        p, gap = self.parts, " " if tidy else "    "
        os.makedirs(directory, exist_ok=True)
        lines = ["global", "stats socket %s level admin" % sock, "tune.ssl.default-dh-param 2048", "defaults", "mode http", "option http-server-close"]
        lines += ["timeout %s%s%s" % (t, gap, p["timeout"]) for t in ("client", "connect", "server")]
        lines += ["frontend f", "bind abns@%s ssl crt site.pem" % os.path.basename(sock), "maxconn %d" % p["maxconn"], *p["rules"],
                  "http-request deny if { src -f nets.txt }" if tidy else "http-request deny if { src -f \"nets.txt\" } # nets",
                  "use_backend %[req.hdr(host),lower,map(hosts.map,web)]", "use_backend %[path,map_reg(paths.map,web)]", "backend other", "backend web", "balance leastconn"]
        for i, address, port, weight, disabled in p["servers"]:
            options = ["weight %d" % weight, "check inter 1h"] + (["disabled"] if disabled else [])
            if not tidy:
                options = options[::-1] if disabled else options
            lines.append("server%ss%d %s:%d %s" % (gap, i, address, port, " ".join(options)))
        with open(directory + "/haproxy.cfg", "w") as f:
            f.write("".join(("" if x.split()[0] in ("global", "defaults", "frontend", "backend") else "    " if tidy else "\t") + x + "\n" for x in lines))
        for name, entries in (("hosts.map", p["map"]), ("paths.map", p["regexes"])):
            with open(directory + "/" + name, "w") as f:
                f.write(("" if tidy else "# entries\n") + "".join("%s%s%s\n" % (k, gap, v) for k, v in entries))
        with open(directory + "/nets.txt", "w") as f:
            f.write("".join(n + "\n" for n in p["nets"]))
        with open(p["pem"]) as f, open(directory + "/site.pem", "w") as to:
            to.write(f.read())


class Running:
    """A HAProxy that runs what is in a directory."""

    def __init__(self, binary, directory, sock):
        self.sock = sock
        self.process = subprocess.Popen([binary, "-C", directory, "-db", "-f", "haproxy.cfg"], stdout=subprocess.DEVNULL, stderr=open(directory + "/log", "w"), stdin=subprocess.DEVNULL)
        end = time.time() + 10
        while time.time() < end and self.process.poll() is None:
            try:
                if self.ask("show info"):
                    return
            except OSError:
                time.sleep(0.01)
        with open(directory + "/log") as f:
            raise RuntimeError(f.read())

    def ask(self, command):
        return lib.tell(self.sock, command)

    def state(self):
        """What it has, without numbers that only count."""
        servers = []
        for line in self.ask("show servers state").splitlines()[2:]:
            w = line.split()
            if len(w) > 18:
                # name, address, being in maintenance, weight said by the user, port
                servers.append((w[3], w[4], bool(int(w[6]) & 1), w[7], w[18]))
        listed = [sorted(x.split(" ", 1)[1] for x in self.ask(show).splitlines() if " " in x) for show in ("show map hosts.map", "show map paths.map", "show acl nets.txt")]
        ordered = [x.split(" ", 1)[1] for x in self.ask("show map paths.map").splitlines() if " " in x]
        cert = re.findall(r"^(?:Serial|SHA1 FingerPrint|Subject): .*$", self.ask("show ssl cert site.pem"), re.M)
        maxconn = [x.split(",")[6] for x in self.ask("show stat f 1 -1").splitlines() if x.startswith("f,")]
        return {"servers": servers, "lists": listed, "ordered": ordered, "cert": cert, "maxconn": maxconn}

    def stop(self):
        self.process.kill()
        self.process.wait()


def diff(release, before, after, *words):
    return subprocess.run([KHAPGEN, "diff", "-t", release, *words, before, after], capture_output=True, text=True, cwd=".")


def main():
    rng = random.Random(SEED)
    tap.note("N=%d SEED=%d" % (N, SEED))
    binaries = [pair.split("=", 1)[1] for pair in os.environ.get("HAPROXY_RELEASES", "").split()]
    seen, wrong, validator = collections.Counter(), [], None
    if jsonschema:
        with open(tap.srcdir + "/docs/diff.schema.json") as f:
            schema = json.load(f)
        jsonschema.Draft202012Validator.check_schema(schema)
        validator = jsonschema.Draft202012Validator(schema)
    else:
        tap.skip("the schema needs jsonschema (Debian: package python3-jsonschema)")
    with lib.Lab() as lab:
        binaries = binaries or [lib.HAPROXY]
        pems = [lib.Certs(lab.dir + "/certs%d" % i).make("site", ["site.example"]) for i in range(2)]
        os.chdir(lab.dir)
        for i in range(N):
            binary = binaries[i % len(binaries)]
            release = "binary:" + binary
            sock = "%s/s%d" % (lab.dir, i)
            texts = {}
            a = Config(rng, pems)
            b = Config(rng, pems, a)
            # files are named from where HAProxy is started, so both sides are asked there
            for name, config, tidy in (("a", a, True), ("aa", a, False), ("b", b, True)):
                config.write("%s/%d%s" % (lab.dir, i, name), sock, tidy)
                with open("%d%s/haproxy.cfg" % (i, name)) as f:
                    texts[name] = f.read()
            with open("%db/haproxy.cfg" % i, "w") as f: # a fresh start beside the other one
                f.write(texts["b"].replace(sock, sock + "b").replace("abns@" + os.path.basename(sock), "abns@" + os.path.basename(sock) + "b"))
            def plan(old, new):
                """diff of directories whose side files are relative to them, as in what khapgen writes."""
                for side, source in (("old", old), ("new", new)):
                    lib.shutil.rmtree(side, ignore_errors=True)
                    lib.shutil.copytree("%d%s" % (i, source), side)
                    with open(side + "/haproxy.cfg", "w") as f:
                        f.write(texts[source])
                    open(side + "/khap.sums", "w").close()
                done = subprocess.run([KHAPGEN, "diff", "-t", release, "--json", "old", "new"], capture_output=True, text=True)
                if done.returncode > 1:
                    wrong.append(done.stderr)
                    return {"changes": [], "commands": [], "reload": False}
                said = json.loads(done.stdout)
                if validator:
                    wrong.extend("the schema: %s: %s" % (e.json_path, e.message) for e in validator.iter_errors(said))
                return said
            same = plan("a", "aa")
            if same["changes"] or same["reload"]:
                wrong.append("layout is a change: %r" % same)
            said = plan("a", "b")
            differs = a.parts != b.parts
            if bool(said["changes"]) != differs:
                wrong.append("a change is not told, or told where there is none: %r\n%r\n%r" % (said, a.parts, b.parts))
            seen.update("%s %s %s" % (c["kind"], c["what"], "at run time" if c["atRunTime"] else "reload") for c in said["changes"])
            if said["reload"] or not differs:
                seen["reload" if said["reload"] else "nothing"] += 1
                continue
            seen["at run time"] += 1
            proxy = Running(binary, "%d%s" % (i, "a"), sock)
            answers, version = [], {}
            try:
                for command in said["commands"]:
                    text = command["command"]
                    if "@version" in text:
                        text = text.replace("@version", "@" + version[text.split()[-1]])
                    if "content" in command:
                        text += " <<\n" + command["content"]
                    if "payload" in command:
                        with open("%db/%s" % (i, os.path.basename(command["payload"]))) as f:
                            text += " <<\n" + re.sub("\n\n+", "\n", f.read())
                    answers.append((command["command"], proxy.ask(text).strip()))
                    while command.get("repeat") and "still has connections" in answers[-1][1]:
                        answers[-1] = (command["command"], proxy.ask(text).strip())
                    if text.startswith("prepare "):
                        version[text.split()[-1]] = answers[-1][1].split()[-1]
                fresh = Running(binary, "%db" % i, sock + "b")
                try:
                    wanted = fresh.state()
                finally:
                    fresh.stop()
                # an address changes a moment after the command was answered
                end = time.time() + 5
                got = proxy.state()
                while got != wanted and time.time() < end:
                    time.sleep(0.02)
                    got = proxy.state()
            finally:
                proxy.stop()
            if got != wanted:
                wrong.append("SEED=%d pair %d, %s: not the same\n%r\ngot    %r\nwanted %r" % (SEED, i, binary, answers, got, wanted))
    tap.ok("%d pairs: a process that gets the commands is what a fresh start is; layout is no change" % N, not wrong, "\n".join(wrong[:5]))
    for what, n in sorted(seen.items()):
        tap.note("%6d  %s" % (n, what))
    tap.ok("both ways were met: %d at run time, %d reloads" % (seen["at run time"], seen["reload"]), seen["at run time"] > 0 and seen["reload"] > 0)
    tap.finish()


if __name__ == "__main__":
    main()
