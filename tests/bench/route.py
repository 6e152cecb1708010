#!/usr/bin/python3
"""How many questions khap_route_ask() answers a second, of 10,000 hosts: as a map, and as rules that compare in each of the ways that have an index,
unanchored regular expressions among them. Aim: 100,000 a second as a map; as 10,000 rules at least 10 times the requests a second of HAProxy with one
thread on the same configuration in the same run, which needs haproxy and wrk.

HAProxy answers from the backend itself, without a server. HOSTS and SECONDS_A_RUN bound the run. SPDX-License-Identifier: MIT
"""
import os
import random
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time

BUILD = os.path.abspath(os.environ.get("builddir", "."))
HAPROXY = os.environ.get("HAPROXY") or shutil.which("haproxy") or shutil.which("haproxy", path="/usr/sbin")
WRK = shutil.which("wrk")
HOSTS = int(os.environ.get("HOSTS", "10000"))
SECONDS = int(os.environ.get("SECONDS_A_RUN", "3"))
QUESTIONS = 5000

# the condition of the rule for a host, and the host that is asked for
KINDS = {
    "rules, str": ("{{ req.hdr(host) -i h{0}.example }}", "h{0}.example"),
    "rules, end": ("{{ hdr_end(host) -i .h{0}.example }}", "x.h{0}.example"),
    "rules, dom": ("{{ hdr_dom(host) -i h{0} }}", "x.h{0}.example"),
    "rules, beg": ("{{ hdr_beg(host) -i h{0}. }}", "h{0}.example"),
    "rules, sub": ("{{ hdr_sub(host) -i h{0}.ex }}", "x.h{0}.example"),
    "rules, reg": ("{{ hdr_reg(host) h{0}\\.example$ }}", "x.h{0}.example"),
}


def program():
    for candidate in (f"{BUILD}/tests/bench/.libs/route", f"{BUILD}/tests/bench/route"):
        if os.path.exists(candidate):
            return candidate
    sys.exit("tests/bench/route is not built")


def write(path, condition, port, hosts):
    with open(path, "w") as f:
        f.write("global\n    nbthread 1\ndefaults\n    mode http\n    timeout connect 5s\n    timeout client 1m\n    timeout server 1m\n"
                f"frontend http\n    bind 127.0.0.1:{port}\n")
        if condition is None:
            f.write("    use_backend %[req.hdr(host),lower,map(hosts.map)]\n")
        else:
            f.writelines(f"    use_backend b{i} if {condition.format(i)}\n" for i in range(hosts))
        f.writelines(f"backend b{i}\n    http-request return status 204\n" for i in range(hosts))


def asked(configuration, host, port, hosts, rounds):
    """Questions a second; each must come to a backend for certain."""
    r = random.Random(1)
    n = QUESTIONS
    with open("urls", "w") as f:
        f.writelines(f"http://{host.format(r.randrange(hosts))}/x\n" for _ in range(n))
    out = subprocess.run([program(), configuration, "urls", f"127.0.0.1:{port}", str(rounds), "hosts.map"], check=True, stdout=subprocess.PIPE, text=True).stdout.split()
    if int(out[2]) != n or int(out[3]) != n:
        sys.exit(f"{configuration}: {out[3]} of {n} questions came to a backend")
    return n / float(out[1])


def served(configuration, host, port, hosts):
    """Requests a second of HAProxy; None without it or wrk."""
    if not HAPROXY or not WRK:
        return None
    name = host.format("@")
    with open("wrk.lua", "w") as f:
        f.write(f'function request() return wrk.format("GET", "/x", {{["Host"] = (string.gsub("{name}", "@", math.random(0, {hosts - 1})))}}) end\n')
    haproxy = subprocess.Popen([HAPROXY, "-db", "-f", configuration], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(300):
            with socket.socket() as s:
                if s.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        out = subprocess.run([WRK, "-t1", "-c16", f"-d{SECONDS}s", "-s", "wrk.lua", f"http://127.0.0.1:{port}/x"], check=True, stdout=subprocess.PIPE, text=True).stdout
    finally:
        haproxy.kill()
        haproxy.wait()
    if "Non-2xx" in out:
        sys.exit(f"{configuration}: HAProxy answered something else\n{out}")
    return float(re.search(r"Requests/sec:\s+([\d.]+)", out).group(1))


def main():
    os.environ["LD_LIBRARY_PATH"] = f"{BUILD}/.libs"
    missed = 0
    with tempfile.TemporaryDirectory(prefix="khap-bench.") as work:
        os.chdir(work)
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            port = s.getsockname()[1]
        with open("hosts.map", "w") as f:
            f.writelines(f"h{i}.example b{i}\n" for i in range(HOSTS))
        print("1..1\n# hosts  as            questions/s  HAProxy requests/s  times")
        write("map.cfg", None, port, HOSTS)
        n = asked("map.cfg", "h{0}.example", port, HOSTS, 5)
        missed += n < 100000
        print("# %5d  %-12s  %10.0f%s" % (HOSTS, "map", n, " " if n >= 100000 else "!"))
        for kind, (condition, host) in KINDS.items():
            name = kind.split()[-1] + ".cfg"
            write(name, condition, port, HOSTS)
            n = asked(name, host, port, HOSTS, 5)
            haproxy = served(name, host, port, HOSTS)
            aim = haproxy is None or n >= 10 * haproxy
            missed += not aim
            print("# %5d  %-12s  %10.0f   %18s  %5s%s" % (HOSTS, kind, n, "-" if haproxy is None else f"{haproxy:.0f}",
                                                          "-" if haproxy is None else f"{n / haproxy:.1f}", " " if aim else "!"), flush=True)
    print("%sok 1 - 100,000 questions a second as a map, and 10 times as many as HAProxy takes requests as rules" % ("not " if missed else ""))


main()
