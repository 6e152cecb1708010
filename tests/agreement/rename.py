#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Names as HAProxy binds them: in a configuration that it takes, the library misses nothing; renamed by the library, HAProxy still takes it; with only the
header renamed, HAProxy refuses it where the library knows a reference, unless the kind is one whose name HAProxy does not look up.

Configurations are put together at random from the pieces below, each a section of some kind and lines that refer to it in all ways that are known.
It asks $HAPROXY, or with HAPROXY_RELEASES ("2.2=PATH 2.6=PATH …") all of those. N=… sets how many configurations, SEED=… which.
"""
import collections
import os
import random
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import tap

DRIVER = os.path.join(tap.builddir, "tests/unit/view_driver")
HEAD = "defaults\n mode http\n timeout client 1s\n timeout server 1s\n timeout connect 1s\n"
# kind, first release, its section, what stands in other sections: in frontend, in backend, elsewhere; NAME is the name.
PIECES = [
    ("backend", 106, "backend NAME\n server s1 127.0.0.1:1 check\n", " use_backend NAME if { nbsrv(NAME) gt 0 } { be_conn(NAME) lt 9 } or { avg_queue(NAME) gt 1 }\n",
     " server t1 127.0.0.1:2 track NAME/s1\n acl up srv_is_up(NAME/s1)\n use-server t1 if up\n", ""),
    ("backend", 106, "backend NAME\n mode http\n stick-table type ip size 1k expire 1m store gpc0,conn_rate(10s)\n",
     " http-request track-sc0 src table NAME\n http-request deny if { sc0_get_gpc0(NAME) gt 1 } { src_conn_rate(NAME) gt 2 }\n"
     " http-request set-header X %[src,table_conn_rate(NAME)]\n", " stick on src table NAME\n stick match src table NAME if { src_is_local }\n", ""),
    ("listen", 106, "listen NAME\n bind 127.0.0.1:1\n server s1 127.0.0.1:1\n", " use_backend NAME if { nbsrv(NAME) gt 0 }\n", "", ""),
    ("frontend", 106, "frontend NAME\n bind 127.0.0.1:1\n", " http-request deny if { fe_conn(NAME) gt 9 }\n", "", ""),
    ("userlist", 106, "userlist NAME\n group x users a\n user a insecure-password b\n", " http-request auth unless { http_auth(NAME) }\n acl g http_auth_group(NAME) x\n", "", ""),
    ("peers", 106, "peers NAME\n peer localhost 127.0.0.1:1\n", "", " stick-table type ip size 1k peers NAME\n", ""),
    ("peers", 200, "peers NAME\n peer localhost 127.0.0.1:1\n table t type ip size 1k store gpc0\n",
     " http-request track-sc1 src table NAME/t\n http-request deny if { sc1_get_gpc0(NAME/t) gt 1 }\n", " stick on src table NAME/t\n", ""),
    ("resolvers", 106, "resolvers NAME\n nameserver a 127.0.0.1:53\n", "", " server d1 localhost:1 resolvers NAME check\n", ""),
    ("resolvers", 200, "resolvers NAME\n nameserver a 127.0.0.1:53\n", " http-request do-resolve(txn.x,NAME,ipv4) str(a)\n", "", ""),
    ("mailers", 106, "mailers NAME\n mailer a 127.0.0.1:25\n", "", " email-alert mailers NAME\n email-alert from a@b.example\n email-alert to c@d.example\n", ""),
    ("cache", 108, "cache NAME\n total-max-size 1\n", "", " http-request cache-use NAME\n http-response cache-store NAME\n", ""),
    ("ring", 202, "ring NAME\n size 32768\n", " log ring@NAME local0\n", "", ""),
    ("http-errors", 202, "http-errors NAME\n", " errorfiles NAME\n", "", ""),
    ("fcgi-app", 201, "fcgi-app NAME\n docroot /x\n", "", " use-fcgi-app NAME\n server f1 127.0.0.1:9000 proto fcgi\n", ""),
    ("log-profile", 301, "log-profile NAME\n log-tag x\n", " log stdout format raw profile NAME local0\n", "", ""),
    ("defaults", 204, "defaults NAME\n mode http\n timeout client 1s\n timeout server 1s\n timeout connect 1s\n" + HEAD, "", "", "frontend x from NAME\n bind 127.0.0.1:3\n"),
    ("backend", 209, "backend NAME\n mode log\n server s udp@127.0.0.1:514\n", " log backend@NAME local0\n", "", ""),
    ("healthcheck", 304, "healthcheck NAME\n type tcp-check\n", "", " server h1 127.0.0.1:9 check healthcheck NAME\n", ""),
]
# HAProxy takes these names whether they are there or not.
LOOSE = ("mailers", "ring", "log-profile")  # and `log backend@NAME`


def version(binary):
    text = subprocess.run([binary, "-v"], stdout=subprocess.PIPE, check=False, universal_newlines=True).stdout
    found = re.search(r"version (\d+)\.(\d+)", text)
    return int(found.group(1)) * 100 + int(found.group(2)) if found else 0


def name(rng):
    return "".join(rng.choice("abcxyzABC019._-:") for _ in range(rng.randint(1, 12))).strip(".:") + "q"


def build(rng, release):
    """A configuration, and its sections as (kind, name, whether something refers to it)."""
    some = [p for p in PIECES if p[1] <= release]
    rng.shuffle(some)
    sections, front, back, rest, named, used = "", "", "", "", [], set()
    for kind, _, section, in_front, in_back, elsewhere in some[:rng.randint(2, 7)]:
        own = name(rng)
        while own in used:
            own = name(rng)
        used.add(own)
        if kind == "peers" and "peers " in back and "peers NAME" in in_back:
            continue
        if kind == "backend" and "stick-table" in section and "stick-table" in back:
            in_back = ""
        sections += section.replace("NAME", own)
        front += in_front.replace("NAME", own)
        back += in_back.replace("NAME", own)
        rest += elsewhere.replace("NAME", own)
        named.append((kind, own, bool(in_front or in_back or elsewhere)))
    front = "frontend main\n bind 127.0.0.1:8080\n default_backend main-be\n" + front
    back = "backend main-be\n" + back
    parts = [sections, front, back]
    rng.shuffle(parts)
    return HEAD + "".join(parts) + rest, named  # `from` looks up only


def haproxy(binary, folder, text):
    path = os.path.join(folder, "c.cfg")
    with open(path, "w", encoding="ascii") as f:
        f.write(text)
    done = subprocess.run([binary, "-L", "localhost", "-c", "-f", path], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, encoding="latin-1")
    return "[ALERT]" not in done.stdout and done.returncode in (0, 2), done.stdout


def driver(release, folder, text, *options):
    path = os.path.join(folder, "d.cfg")
    with open(path, "w", encoding="ascii") as f:
        f.write(text)
    words = [DRIVER, "%d.%d" % divmod(release, 100)] + list(options) + [path]
    return subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False, universal_newlines=True)


def one(rng, binary, release, folder, seen, wrong):
    text, named = build(rng, release)
    takes, said = haproxy(binary, folder, text)
    if not takes:
        wrong.append("HAProxy refuses what this test wrote:\n%s%s" % (text, said))
        return
    view = driver(release, folder, text)
    missing = [l for l in view.stdout.splitlines() if l.startswith("reference\t") and l.endswith("\tmissing")]
    if view.returncode != 0 or missing:
        wrong.append("missing: %s\n%s" % (missing or view.stderr, text))
        return
    for kind, own, refers in named:
        new = "renamed-" + own[:3].strip(".:")
        done = driver(release, folder, text, "--rename", kind, own, new)
        if done.returncode != 0 or "rename-unread" in done.stderr:
            wrong.append("cannot rename %s %s: %s\n%s" % (kind, own, done.stderr, text))
            continue
        takes, said = haproxy(binary, folder, done.stdout)
        if not takes:
            wrong.append("%s %s renamed to %s: %s%s" % (kind, own, new, said, done.stdout))
            continue
        if re.search(r"(?<![\w.:-])%s(?![\w.:-])" % re.escape(own), done.stdout):
            wrong.append("%s %s is left:\n%s" % (kind, own, done.stdout))
        back = driver(release, folder, done.stdout, "--rename", kind, new, own)
        if back.stdout != text:
            wrong.append("%s %s: there and back again is another text" % (kind, own))
        seen[kind] += 1
        if refers and kind not in LOOSE and "backend@" + own not in text:
            header = re.sub(r"(?m)^%s %s(?![\w.:-])" % (kind, re.escape(own)), "%s %s" % (kind, new), text)
            takes, _ = haproxy(binary, folder, header)
            if takes:
                wrong.append("HAProxy misses nothing without %s %s:\n%s" % (kind, own, header))


def main():
    releases = os.environ.get("HAPROXY_RELEASES", "").split()
    binaries = [r.split("=", 1)[1] for r in releases] or [os.environ.get("HAPROXY") or tap.need("haproxy", "haproxy")]
    number = int(os.environ.get("N") or 30)
    seed = tap.seed("N")
    tap.note("SEED=%d N=%d" % (seed, number))
    for binary in binaries:
        release = version(binary)
        rng, seen, wrong = random.Random(seed), collections.Counter(), []
        with tempfile.TemporaryDirectory() as folder:
            for _ in range(number):
                one(rng, binary, release, folder, seen, wrong)
            kinds = {p[0] for p in PIECES if p[1] <= release}
            while not wrong and kinds - set(seen):
                one(rng, binary, release, folder, seen, wrong)
        label = "%d.%d" % divmod(release, 100)
        tap.ok("%s: names are found and renamed as HAProxy binds them" % label, not wrong, "\n".join(wrong[:3]))
        tap.note("%s: %s" % (label, ", ".join("%s %d" % k for k in sorted(seen.items()))))
    tap.finish()


main()
