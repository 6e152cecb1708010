#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""HAProxy refuses no entry of a map from texts to texts, so that khapd need not ask it before such a change (khap_diff_may_be_refused): for each of those converters,
entries of random bytes. Of maps of numbers, addresses and regular expressions it does refuse some: that the test would see it.

It asks $HAPROXY, or with HAPROXY_RELEASES all of those.
"""
import os
import random
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import tap

TEXTS = ("map", "map_str", "map_beg", "map_end", "map_dom", "map_dir", "map_sub")
OTHERS = {"map_int": "x y", "map_ip": "host.example y", "map_reg": "( y", "map_str_int": "x y", "map_str_ip": "x y"}


def taken(binary, folder, converter, entries):
    with open(os.path.join(folder, "map.txt"), "wb") as f:
        f.write(entries)
    with open(os.path.join(folder, "haproxy.cfg"), "w") as f:
        f.write("defaults\n    mode http\n    timeout connect 1s\n    timeout client 1s\n    timeout server 1s\n"
                "frontend f\n    bind 127.0.0.1:1\n    http-request set-var(txn.x) %s,%s(%s)\n"
                % ("src" if converter == "map_ip" else "path", converter, os.path.join(folder, "map.txt")))
    done = subprocess.run([binary, "-c", "-f", os.path.join(folder, "haproxy.cfg")], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, timeout=60)
    return done.returncode == 0 and b"[ALERT]" not in done.stdout, done.stdout.decode("latin-1")


def entry(rng):
    able = [b for b in range(1, 256) if b not in (10, 13, 9, 32)] if rng.random() < 0.7 else list(b"ab.*?[](){}\\/|^$+-:,#\"'%")
    word = lambda n: bytes(rng.choice(able) for _ in range(rng.randint(1, n)))  # noqa: E731
    return word(rng.choice((3, 40, 900))) + b" " + word(rng.choice((3, 60))) + b"\n"


def main():
    binaries = dict(r.split("=", 1) for r in os.environ.get("HAPROXY_RELEASES", "").split()) or {"installed": os.environ.get("HAPROXY") or tap.need("haproxy", "haproxy")}
    rng = random.Random(tap.seed("ENTRIES"))
    entries = b"".join(entry(rng) for _ in range(int(os.environ.get("ENTRIES", "2000"))))
    with tempfile.TemporaryDirectory(prefix="khap-texts.") as folder:
        for release, binary in binaries.items():
            for converter in TEXTS:
                good, said = taken(binary, folder, converter, entries)
                tap.ok("%s: %s" % (release, converter), good, said[-800:])
            for converter, wrong in OTHERS.items():
                good, said = taken(binary, folder, converter, wrong.encode() + b"\n")
                tap.ok("%s: %s refuses `%s`" % (release, converter, wrong), not good, said[-800:])
    tap.finish()


main()
