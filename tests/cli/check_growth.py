#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""khapgen check takes time in proportion to what it reads, also of long chains of defaults and of many binds at one port: four times the text about four
times the time. Something quadratic takes sixteen."""
import os
import resource
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import tap  # noqa: E402

KHAPGEN = os.environ.get("KHAPGEN") or os.path.join(tap.builddir, "khapgen")
FEW, MUCH, LIMIT, TRIES = 5000, 4, 9, 5
TIMES = " timeout client 1s\n timeout server 1s\n timeout connect 1s\n"


def chain(n):
    return "defaults d0\n mode http\n" + TIMES + "".join(
        f"defaults d{i} from d{i - 1}\n timeout client 2s\n timeout client 3s\nbackend b{i} from d{i}\n server s 127.0.0.1:80\n" for i in range(1, n))


def binds(n):
    return "defaults\n mode http\n" + TIMES + "frontend f\n http-request return\n" + "".join(f" bind 10.{i >> 16}.{i >> 8 & 255}.{i & 255}:80\n" for i in range(n))


def names(n):
    return "defaults\n mode http\n" + TIMES + "frontend f\n http-request return\n" + "".join(f" bind host{i}:80\n" for i in range(n))


def seconds(text):
    """Of processor time."""
    with tempfile.NamedTemporaryFile("w", suffix=".cfg", encoding="ascii") as f:
        f.write(text)
        f.flush()
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        status = subprocess.run([KHAPGEN, "check", "-t", "3.4", f.name], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False).returncode
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if status != 0:
        raise SystemExit("khapgen check ended with %d" % status)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


for make in (chain, binds, names):
    small = large = 1e9
    for _ in range(TRIES):
        small, large = min(small, seconds(make(FEW))), min(large, seconds(make(FEW * MUCH)))
        if large < LIMIT * small:
            break
    tap.ok("%s: linear" % make.__name__, large < LIMIT * small, "%.3f s, and %.3f s for %d times as much" % (small, large, MUCH))
tap.finish()
