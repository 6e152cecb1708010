#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Each row of lib/migrate/steps.tsv at work: a configuration that the old release takes is migrated to every newer one, and there nothing is said of it, neither
by HAProxy, where it runs here, nor by khapgen check. Migrated once more, nothing changes.

It asks $HAPROXY, or with HAPROXY_RELEASES ("2.2=PATH 2.6=PATH …") all of those.
"""
import os
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import tap
import verdict

KNOWN = ["1.5", "1.6", "1.7", "1.8", "1.9", "2.0", "2.1", "2.2", "2.3", "2.4", "2.5", "2.6", "2.7", "2.8", "2.9", "3.0", "3.1", "3.2", "3.3", "3.4"]
FRAME = """global
    maxconn 100
    log 127.0.0.1:18514 local0
GLOBAL
defaults
    mode http
    log global
    timeout client 10s
    timeout connect 1s
    timeout server 10s
DEFAULTS
frontend fe
    bind 127.0.0.1:18080
    acl local src 127.0.0.1
FRONTEND
    default_backend be
backend be
BACKEND
    server s1 127.0.0.1:18081
backend bare
BARE
listen li
    bind 127.0.0.1:18082
LISTEN
    server s1 127.0.0.1:18081
SECTIONS"""
QUIC = [("cc-hystart on", "3.0"), ("cc.cubic.min-losses 2", "3.2"), ("frontend.default-max-window-size 100k", "3.1"), ("frontend.glitches-threshold 5", "3.0"),
        ("frontend.max-data-size 1m", "3.2"), ("frontend.max-idle-timeout 30s", "2.6"), ("frontend.max-streams-bidi 50", "2.6"), ("frontend.max-tx-mem 1m", "3.2"),
        ("frontend.stream-data-ratio 50", "3.2"), ("max-frame-loss 5", "2.8"), ("reorder-ratio 40", "3.0"), ("retry-threshold 9", "2.6"), ("disable-tx-pacing", "3.2"),
        ("disable-udp-gso", "3.1"), ("socket-owner connection", "2.8"), ("socket-owner listener", "2.8")]
GOING = 2  # nothing does the same; the newest release still has it, and the line stays, told as going
# where, lines, the last release that takes them as they are, what becomes of them in every later one (up to the last field): exit status, a text that the result has
EXAMPLES = [
    ("FRONTEND", "block if local", "1.5", 0, "http-request deny if local"),
    ("FRONTEND", "block unless { path_beg /a }\nhttp-request set-header X y\nblock if local", "2.0", 0, "http-request deny if local\n    http-request set-header X y"),
    ("FRONTEND", "clitimeout 5s", "2.0", 0, "timeout client 5s"),
    ("BACKEND", "contimeout 5s\nsrvtimeout 5000", "2.0", 0, "timeout connect 5s\n    timeout server 5000"),
    ("FRONTEND", "timeout clitimeout 5s", "2.0", 0, "timeout client 5s"),
    ("BACKEND", "timeout contimeout 5s\ntimeout srvtimeout 5s", "2.0", 0, "timeout server 5s"),
    ("BACKEND", "redispatch", "2.0", 0, "option redispatch"),
    ("BACKEND", "redisp", "2.0", 0, "option redispatch"),
    ("DEFAULTS", "option forceclose", "2.4", 0, "option httpclose"),
    ("BACKEND", "no option forceclose", "2.4", 0, "no option httpclose"),
    ("FRONTEND", "option http-tunnel", "2.4", 0, ""),
    ("FRONTEND", "no option http-use-htx", "2.4", 0, ""),
    ("FRONTEND", "option http-use-htx", "2.4", 0, ""),
    ("LISTEN", "option http_proxy", "2.4", 1, "option http_proxy"),
    ("FRONTEND", "option independant-streams", "2.0", 0, "option independent-streams"),
    ("FRONTEND", "option accept-invalid-http-request", "3.0", 0, ""),
    ("BACKEND", "option accept-invalid-http-response", "3.0", 0, ""),
    ("FRONTEND", "option http-pretend-keepalive", "3.1", 0, ""),
    ("FRONTEND", "bind-process 1", "2.4", 0, ""),
    ("FRONTEND", "bind 127.0.0.1:18083 process 1 name x", "2.6", 0, "bind 127.0.0.1:18083 name x"),
    ("FRONTEND", "bind 127.0.0.1:18083 name x process 1/1", "2.6", 0, "bind 127.0.0.1:18083 name x thread 1"),
    ("GLOBAL", "stats socket /tmp/khap-x.sock process 1 level admin", "2.6", 0, "stats socket /tmp/khap-x.sock level admin"),
    ("GLOBAL", "stats bind-process 1", "2.6", 0, ""),
    ("FRONTEND", "grace 10s", "2.4", 0, ""),
    ("BACKEND", "appsession JSESSIONID len 52 timeout 3h", "1.5", 0, "stick match req.cook(JSESSIONID)"),
    ("BACKEND", "appsession ID len 5 timeout 3h request-learn mode query-string", "1.5", 0, "stick store-request req.cook(ID)"),
    ("BACKEND", "appsession ID len 5 timeout 3h prefix", "1.5", 1, "appsession"),
    ("BARE", "dispatch 127.0.0.1:18081", "3.2", 0, ""),
    ("LISTEN", "dispatch 127.0.0.1:18081", "3.2", GOING, "dispatch 127.0.0.1:18081"),
    ("LISTEN", "transparent", "3.2", GOING, "transparent"),
    ("DEFAULTS", "option transparent", "3.2", GOING, "option transparent"),
    ("BARE", "option transparent", "3.2", 0, ""),
    ("BARE", "transparent", "3.2", 0, ""),
    ("GLOBAL", "nbproc 1", "2.4", 0, "nbthread 1"),
    ("GLOBAL", "nbproc 2", "2.4", 0, "nbthread 2"),
    ("GLOBAL", "nbproc 1\nnbthread 2", "2.4", 0, "nbthread 2"),
    ("GLOBAL", "master-worker", "3.2", 0, ""),
    ("GLOBAL", "master-worker no-exit-on-failure", "3.2", 0, "master-worker no-exit-on-failure"),
    ("GLOBAL", "expose-experimental-directives\ntune.fd.edge-triggered on", "3.2", 0, "expose-experimental-directives"),
    ("GLOBAL", "expose-experimental-directives", "3.2", 0, ""),
    ("GLOBAL", "tune.chksize 16384", "2.4", 0, ""),
    ("GLOBAL", "tune.ssl.capture-cipherlist-size 100", "2.4", 0, "tune.ssl.capture-buffer-size 100"),
    ("GLOBAL", "debug", "2.2", 0, ""),
    ("GLOBAL", "no-quic", "3.2", 0, "tune.quic.listen off"),
    ("GLOBAL", "ssl-engine rdrand", "2.5", 0, ""),
    ("GLOBAL", "nosepoll", "1.5", 0, ""),
    ("FRONTEND", "http-request deny if { path /a }\nmonitor-net 192.0.2.0/24", "2.2", 0,
     "http-request return status 200 if { src 192.0.2.0/24 }\n    http-request deny if { path /a }"),
    ("FRONTEND", "mode tcp\nmonitor-net 192.0.2.0/24", "2.2", 0, "tcp-request connection reject if { src 192.0.2.0/24 }"),
    ("DEFAULTS", "monitor-net 192.0.2.0/24", "2.2", 1, "monitor-net"),
    ("SECTIONS", "listen h\n    bind 127.0.0.1:18085\n    mode health", "2.2", 0, "http-request return status 200"),
    ("BACKEND", "hash-type avalanche", "1.5", 0, "hash-type map-based sdbm avalanche"),
    ("BACKEND", "option httpchk GET / HTTP/1.1\\r\\nHost:\\ www.example\\r\\nX-A:\\ b", "2.6", 0, "http-check send hdr Host www.example hdr X-A b"),
    ("BACKEND", "option httpchk POST / HTTP/1.0\\r\\nX-A:\\ b\\r\\n\\r\\nbody:\\ x", "2.1", 0, "http-check send hdr X-A b body 'body: x'"),
    ("SECTIONS", "listen l2 127.0.0.1:18085\n    server s1 127.0.0.1:18081", "1.5", 0, "    bind 127.0.0.1:18085\n"),
    ("SECTIONS", "frontend f2 127.0.0.1:18085,127.0.0.1:18086", "1.5", 0, "    bind 127.0.0.1:18085,127.0.0.1:18086\n"),
    ("SECTIONS", "backend b2 127.0.0.1:18085\n    server s1 127.0.0.1:18081", "1.5", 0, "backend b2\n"),
    ("SECTIONS", "program p\n    command /bin/true", "3.0", 0, "expose-deprecated-directives", "3.2"),
    ("SECTIONS", "global\n    expose-deprecated-directives\nprogram p\n    command /bin/true", "3.2", 1, "program p"),
    ("SECTIONS", "ruleset r", "1.5", 1, "ruleset r"),
    ("SECTIONS", "frontend be\n    bind 127.0.0.1:18085", "3.0", 0, ""),
    ("SECTIONS", "listen be\n    bind 127.0.0.1:18085", "3.0", 0, ""),
    ("SECTIONS", "frontend fe\n    bind 127.0.0.1:18085", "1.5", 0, "frontend fe-2"),
    ("BACKEND", "server s1 127.0.0.1:18084", "1.9", 0, ""),
    ("BACKEND", "timeout server 5s \"\"", "3.2", 0, ""),
    ("FRONTEND", "log-format %Ci:%Cp\\ [%t]\\ %Fi:%Fp\\ %Si:%Sp\\ %Bi:%Bp\\ %cc\\ %cs\\ %st", "2.4", 0, "%ci:%cp"),
    ("FRONTEND", "log-format \\\"%ci\\\"'%cp", "1.5", 0, ""),
]
EXAMPLES += [("GLOBAL", "tune.quic." + line, first, 0, "tune.quic.") for line, first in QUIC]
EXAMPLES += [("GLOBAL", "tune.quic.frontend.conn-tx-buffers.limit 10", "3.0", 1, "conn-tx-buffers")]
# written for a release, migrated to an older one: the result there, and a text that it has
BACKWARDS = [
    ("FRONTEND", "option accept-unsafe-violations-in-http-request", "3.4", "2.6", "option accept-invalid-http-request"),
    ("BACKEND", "option accept-unsafe-violations-in-http-response", "3.4", "2.6", "option accept-invalid-http-response"),
    ("GLOBAL", "tune.ssl.capture-buffer-size 100", "3.4", "2.2", "tune.ssl.capture-cipherlist-size 100"),
    ("FRONTEND", "log-format \"%ci %cp\"", "3.4", "1.5", "log-format %ci\\ %cp"),
    ("GLOBAL", "tune.quic.fe.max-idle-timeout 30s", "3.4", "2.6", "tune.quic.frontend.max-idle-timeout 30s"),
    ("GLOBAL", "tune.quic.fe.cc.hystart on", "3.4", "3.0", "tune.quic.cc-hystart on"),
    ("GLOBAL", "tune.quic.fe.cc.cubic-min-losses 2", "3.4", "3.2", "tune.quic.cc.cubic.min-losses 2"),
    ("GLOBAL", "tune.quic.fe.cc.max-win-size 100k", "3.4", "3.2", "tune.quic.frontend.default-max-window-size 100k"),
    ("GLOBAL", "tune.quic.fe.sec.glitches-threshold 5", "3.4", "3.2", "tune.quic.frontend.glitches-threshold 5"),
    ("GLOBAL", "tune.quic.fe.stream.rxbuf 1m", "3.4", "3.2", "tune.quic.frontend.max-data-size 1m"),
    ("GLOBAL", "tune.quic.fe.stream.max-concurrent 50", "3.4", "3.2", "tune.quic.frontend.max-streams-bidi 50"),
    ("GLOBAL", "tune.quic.mem.tx-max 1m", "3.4", "3.2", "tune.quic.frontend.max-tx-mem 1m"),
    ("GLOBAL", "tune.quic.fe.stream.data-ratio 50", "3.4", "3.2", "tune.quic.frontend.stream-data-ratio 50"),
    ("GLOBAL", "tune.quic.fe.cc.max-frame-loss 5", "3.4", "3.2", "tune.quic.max-frame-loss 5"),
    ("GLOBAL", "tune.quic.fe.cc.reorder-ratio 40", "3.4", "3.2", "tune.quic.reorder-ratio 40"),
    ("GLOBAL", "tune.quic.fe.sec.retry-threshold 9", "3.4", "3.2", "tune.quic.retry-threshold 9"),
]


def binaries():
    given = os.environ.get("HAPROXY_RELEASES", "")
    if given:
        return dict(pair.split("=", 1) for pair in given.split())
    binary = os.environ.get("HAPROXY")
    if not binary:
        tap.skip_all("needs haproxy (Debian: package haproxy)")
    text = subprocess.run([binary, "-v"], stdout=subprocess.PIPE, check=False, universal_newlines=True).stdout
    return {re.search(r"version (\d+\.\d+)", text).group(1): binary}


def text_of(where, lines):
    if where != "SECTIONS":
        lines = "\n".join("    " + line for line in lines.split("\n"))
    text = FRAME.replace(where, lines)
    for other in ("GLOBAL", "DEFAULTS", "FRONTEND", "BACKEND", "LISTEN", "SECTIONS"):
        text = text.replace(other + "\n", "").replace(other, "")
    text = text.replace("BARE", "    server s1 127.0.0.1:18081") if where != "BARE" else text
    return text.rstrip("\n") + "\n"


class Bench:
    def __init__(self, folder):
        self.folder = folder
        self.khapgen = os.environ.get("KHAPGEN", os.path.join(tap.builddir, "khapgen"))
        self.haproxy = binaries()

    def write(self, text):
        path = os.path.join(self.folder, "haproxy.cfg")
        with open(path, "w") as out:
            out.write(text)
        return path

    def migrate(self, text, old, new):
        done = subprocess.run([self.khapgen, "migrate", "--from", old, "--to", new, self.write(text)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False,
                              universal_newlines=True)
        return done.returncode, done.stdout, done.stderr

    def said(self, text, release):
        """What is said of it: by khapgen check, and by HAProxy where it runs here."""
        path = self.write(text)
        done = subprocess.run([self.khapgen, "check", "-t", release, "--fail-on", "warning", path], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
                              universal_newlines=True)
        said = [] if done.returncode == 0 else ["check: " + done.stdout]
        if release in self.haproxy:
            done = subprocess.run([self.haproxy[release], "-W", "-c", "-f", path], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, universal_newlines=True)
            said += [line for line in verdict.of_configuration(done.stdout).split("\n") if re.match(r"\[(ALERT|WARNING)\]", line)]
        return said


def main():
    used = set()
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(folder)
        for where, lines, last, status, wanted, *newest in EXAMPLES:
            newest = newest[0] if newest else KNOWN[-1]
            text = text_of(where, lines)
            wrong = []
            if last in bench.haproxy and "quic" not in lines and "engine" not in lines:
                done = subprocess.run([bench.haproxy[last], "-W", "-c", "-f", bench.write(text)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
                                      universal_newlines=True)
                if "[ALERT]" in done.stdout:
                    wrong.append("%s refuses it: %s" % (last, done.stdout))
            for new in KNOWN[KNOWN.index(last) + 1:KNOWN.index(newest) + 1]:
                got, result, said = bench.migrate(text, last, new)
                used |= set(re.findall(r"\[(migrate-[a-z-]+)\]", said))
                if status == 1 and new != KNOWN[-1]:
                    continue  # it is left where it must be, at the latest in the newest
                if status == GOING and new == newest and "[deprecated]" not in said:
                    wrong.append("to %s: not told: %s" % (new, said))
                if got != (0 if status == GOING else status):
                    wrong.append("to %s: status %d: %s" % (new, got, said))
                if wanted not in result and new == newest:  # some are replaced only when HAProxy warns of them
                    wrong.append("to %s: %s is missing in\n%s" % (new, wanted, result))
                if status == 0:
                    wrong += ["to %s: %s" % (new, s) for s in bench.said(result, new)]
                    again = bench.migrate(result, new, new)[1]
                    if again != result:
                        wrong.append("to %s, a second time: %s" % (new, again))
            tap.ok("%s: %s" % (last, lines.replace("\n", "; ")), not wrong, "\n".join(wrong[:4]))
        for where, lines, old, new, wanted in BACKWARDS:
            got, result, said = bench.migrate(text_of(where, lines), old, new)
            tap.ok("%s back to %s: %s" % (old, new, lines), got == 0 and wanted in result, "%d %s%s" % (got, result, said))
        for code in ("migrate-replaced", "migrate-removed", "migrate-differs", "migrate-removed-differs", "migrate-left", "migrate-name", "migrate-rewritten"):
            tap.ok(code + " was said", code in used)
        words = " ".join(e[1] for e in EXAMPLES + BACKWARDS)
        missing = []
        with open(os.path.join(tap.srcdir, "lib/migrate/steps.tsv")) as rows:
            for row in rows:
                if not row.startswith("#"):
                    missing += [w for w in row.split("\t")[1].split(",") if w not in words and row.split("\t")[4] != "call headers"]
        tap.ok("each row is used", not missing, ", ".join(missing))
    tap.finish()


main()
