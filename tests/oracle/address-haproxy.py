#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""HAProxy itself reads random `bind' addresses; the library must have said the same.

What the library takes, HAProxy takes, and what the library prints for it, too; what the library refuses and HAProxy takes must be of a kind that is refused
on purpose. It asks $HAPROXY, or with HAPROXY_RELEASES ("2.2=PATH 2.6=PATH …") all of those. N=… sets how many addresses each gets, SEED=… which.
"""
import os
import random
import re
import subprocess
import sys
import tempfile

import tap

DRIVER = os.path.join(tap.builddir, "tests", "unit", "value_driver")
PER_RUN = 40  # HAProxy gives up after 50 fatal errors

HOSTS = ["", "*", "0.0.0.0", "10.0.0.1", "127.0.0.1", "[::]", "::", "[::1]", "::1", "2001:db8::1", "[2001:DB8:0:0::1]", "::ffff:10.0.0.1",
         "1:2:3:4:5:6:7:8", "[1:2:3:4:5:6:7:8]", "[10.0.0.1]", "localhost", "10.0.0", "300.1.1.1", "1.2.3.4.5", "[*]", "[]", "[::1", "::1]", ":::", "[::1]x", "@", "[:]"]
PORTS = ["", ":", ":80", ":1", ":65535", ":65536", ":0", ":080", ":80-90", ":90-80", ":80-", ":80-80", ":+80", ":-80", ":http", ":80a", ":1e3",
         ":80:81", ":-", ":+", ":80-65536", ":0-80", "80"]
PREFIXES = ["", "", "", "", "ipv4@", "ipv6@", "tcp@", "tcp4@", "tcp6@", "ip@", "stream+", "stream+ip@", "mptcp@", "IPV4@", "ipv5@"]
SOCKETS = ["/run/x", "unix@/run/x", "unix@x", "abns@x", "abnsz@x", "uxst@/run/x", "stream+abns@x", "stream+/x", "unix@" + "y" * 108, "/" + "y" * 107,
           "fd@x", "fd@", "sockpair@x"]

# What HAProxy takes and the library does not, on purpose.
LENIENT = [
    r"^([a-z46+]*[@+])?\[?(0[0-9a-fx.]*|[0-9]+(\.[0-9]+)*)\]?:",  # numbers that only inet_aton() takes for addresses, or names of digits
    r":[0-9]+[a-z.]",                                             # what follows the digits of a port, up to 2.8
    r":[0-9]+-[0-9]+$",                                           # ranges that run backwards, up to 2.2
    r"^unix@$|^abns@$",                                           # a socket without a name
]


def version(binary):
    text = subprocess.run([binary, "-v"], stdout=subprocess.PIPE, check=False, universal_newlines=True).stdout
    found = re.search(r"version (\d+)\.(\d+)", text)
    return int(found.group(1)) * 100 + int(found.group(2)) if found else 0


def refused(binary, folder, addresses):
    """The set of those that HAProxy complains about."""
    bad = set()
    for start in range(0, len(addresses), PER_RUN):
        some = addresses[start:start + PER_RUN]
        conf = os.path.join(folder, "t.cfg")
        with open(conf, "w", encoding="ascii") as f:
            f.write("defaults\n mode tcp\nfrontend f\n" + "".join(" bind %s\n" % a for a in some))
        done = subprocess.run([binary, "-c", "-f", conf], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, universal_newlines=True)
        lines = [int(n) for n in re.findall(r"\[ALERT\][^\n]*\[%s:(\d+)\]" % re.escape(conf), done.stdout)]
        bad.update(some[n - 4] for n in lines if 4 <= n < 4 + len(some))
        if len(lines) >= 50:
            raise SystemExit("too many errors for one run")
    return bad


def random_addresses(r, n):
    found = set(SOCKETS)
    for host in HOSTS:  # each host and each port once at least
        found.add(host + ":80")
    for port in PORTS:
        found.add("10.0.0.1" + port)
        found.add("[::1]" + port)
    while len(found) < n:
        found.add(r.choice(PREFIXES) + r.choice(HOSTS) + r.choice(PORTS))
    return sorted(a for a in found if a)


def one(binary, folder, addresses, answers):
    release = version(binary)
    taken = {a: answers[a].split(" ") for a in addresses if answers[a] not in ("syntax", "range", "unit")}
    bad = refused(binary, folder, addresses)
    sure = [a for a, w in taken.items() if int(w[3]) <= release and "6@localhost" not in a]  # that is an IPv4 address here
    printed = sorted({w for a in sure for w in taken[a][1:3]})
    bad_printed = refused(binary, folder, printed)
    wrong = [a for a in sure if a in bad] + [p for p in printed if p in bad_printed]
    name = "%d.%d" % (release // 100, release % 100)
    tap.note("%s: %d addresses, %d taken by both, %d printed" % (name, len(addresses), len(sure), len(printed)))
    tap.ok("%s takes what the library takes and prints" % name, not wrong and len(sure) > 50, "\n".join(wrong))
    loose = [a for a in addresses if a not in taken and a not in bad and not any(re.search(p, a) for p in LENIENT)]
    tap.ok("%s refuses what the library refuses" % name, not loose and len(bad) > 50, "\n".join("%s: %s" % (a, answers[a]) for a in loose))


def main():
    binaries = [w.split("=", 1)[1] for w in os.environ.get("HAPROXY_RELEASES", "").split()] or [b for b in [os.environ.get("HAPROXY")] if b]
    if not binaries:
        tap.skip_all("needs haproxy (Debian: package haproxy)")
    seed = tap.seed("N")
    tap.note("seed %d" % seed)
    addresses = random_addresses(random.Random(seed), int(os.environ.get("N", "800")))
    said = subprocess.run([DRIVER], input="".join("bind %s\n" % a for a in addresses), stdout=subprocess.PIPE, check=True, universal_newlines=True)
    answers = dict(zip(addresses, said.stdout.split("\n")))
    with tempfile.TemporaryDirectory() as folder:
        for binary in binaries:
            one(binary, folder, addresses, answers)
    tap.finish()


sys.exit(main())
