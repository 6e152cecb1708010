#!/usr/bin/python3
"""What routing costs: requests a second through bundles of 10,000 exact hosts, wildcards and path prefixes, each request for another one, beside
one backend without routing. All in one run, in turns; aim: at least 80 % of no routing for each kind. Needs haproxy and wrk.

All entries lead to one service, so that what is compared is routing alone: a backend for each would also end the reuse of connections to servers,
which are kept by server. For the same reason the one without routing has the header rules that khapgen writes.

SECONDS_A_RUN, ROUNDS and ENTRIES bound the run. SPDX-License-Identifier: MIT
"""
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time

BUILD = os.environ.get("builddir", ".")
HAPROXY = os.environ.get("HAPROXY") or shutil.which("haproxy") or shutil.which("haproxy", path="/usr/sbin")
WRK = shutil.which("wrk")
SECONDS = int(os.environ.get("SECONDS_A_RUN", "5"))
ROUNDS = int(os.environ.get("ROUNDS", "3"))
ENTRIES = int(os.environ.get("ENTRIES", "10000"))

LUA = {
    "none": 'return wrk.format("GET", "/", {{["Host"] = "h" .. n .. ".example"}})',
    "exact hosts": 'return wrk.format("GET", "/", {{["Host"] = "h" .. n .. ".example"}})',
    "wildcards": 'return wrk.format("GET", "/", {{["Host"] = "x" .. i .. ".w" .. n .. ".example.com"}})',
    "path prefixes": 'return wrk.format("GET", "/p" .. n .. "/x" .. i, {{["Host"] = "paths.example"}})',
}


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def entries(kind):
    if kind == "exact hosts":
        return "hosts: [" + ", ".join(f"h{i}.example" for i in range(ENTRIES)) + "]"
    if kind == "wildcards":
        return "hosts: [" + ", ".join(f'"*.w{i}.example.com"' for i in range(ENTRIES)) + "]"
    return "routes: [" + ", ".join(f"{{host: paths.example, path: /p{i}}}" for i in range(ENTRIES)) + "]"


def write_configuration(work, kind, port, upstream):
    name = kind.replace(" ", "-")
    if kind == "none":
        os.mkdir(f"{work}/{name}")
        with open(f"{work}/{name}/haproxy.cfg", "w") as f:
            f.write(f"""global
    nbthread 1
defaults
    mode http
    timeout connect 5s
    timeout client 1m
    timeout server 1m
frontend http
    bind 127.0.0.1:{port}
    option forwardfor
    http-request del-header X-Forwarded-For
    http-request set-header X-Forwarded-Proto http
    default_backend all
backend all
    server node1 127.0.0.1:{upstream}
""")
        return
    with open(f"{work}/{name}.yaml", "w") as f:
        f.write(f"log: false\nglobal: nbthread 1\nnodes: {{node1: 127.0.0.1}}\nfrontends: {{http: {{bind: '127.0.0.1:{port}'}}}}\n"
                "serviceDefaults: {check: false}\nservices:\n")
        f.write(f"  all: {{nodePort: {upstream}, {entries(kind)}}}\n")
    subprocess.run([f"{BUILD}/khapgen", "-t", "2.6", "--output-dir", f"{work}/{name}", f"{work}/{name}.yaml"], check=True,
                   stdout=subprocess.DEVNULL)


def wait_for(port):
    for _ in range(200):
        with socket.socket() as s:
            if s.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    sys.exit("HAProxy does not listen")


def load(port, script):
    out = subprocess.run([WRK, "-t1", "-c32", f"-d{SECONDS}s", "-s", script, f"http://127.0.0.1:{port}"],
                         stdout=subprocess.PIPE, check=True, text=True).stdout
    if "Non-2xx" in out:
        sys.exit(f"some requests failed:\n{out}")
    return float(out.split("Requests/sec:")[1].split()[0])


def main():
    if not HAPROXY or not WRK:
        print("1..1\nnot ok 1 - haproxy and wrk (Debian packages haproxy, wrk) are needed")
        return 1
    started, rates, missed = [], {kind: [] for kind in LUA}, 0
    work = tempfile.mkdtemp(prefix="khap-serve.")
    try:
        upstream = free_port()
        with open(f"{work}/upstream.cfg", "w") as f:
            f.write("global\n    nbthread 1\ndefaults\n    mode http\n    timeout connect 5s\n    timeout client 1m\n    timeout server 1m\n"
                    f"frontend f\n    bind 127.0.0.1:{upstream}\n    http-request return status 200\n")
        started.append(subprocess.Popen([HAPROXY, "-db", "-f", f"{work}/upstream.cfg"]))
        ports = {}
        for kind, request in LUA.items():
            ports[kind] = free_port()
            write_configuration(work, kind, ports[kind], upstream)
            folder = f"{work}/{kind.replace(' ', '-')}"
            started.append(subprocess.Popen([HAPROXY, "-db", "-C", folder, "-f", "haproxy.cfg"]))
            with open(f"{folder}.lua", "w") as f:
                f.write(f"local i = 0\nfunction request()\n  i = i + 1\n  local n = (i * 7919) % {ENTRIES}\n  {request.format()}\nend\n")
        for port in [upstream, *ports.values()]:
            wait_for(port)
        for _ in range(ROUNDS):
            for kind in LUA:
                rates[kind].append(load(ports[kind], f"{work}/{kind.replace(' ', '-')}.lua"))
    finally:
        for process in started:
            process.terminate()
        for process in started:
            process.wait()
        shutil.rmtree(work)
    base = statistics.median(rates["none"])
    print(f"1..{len(LUA) - 1}")
    print(f"# no routing: {base:.0f} requests/s (median of {ROUNDS})")
    for number, kind in enumerate(list(LUA)[1:], 1):
        rate = statistics.median(rates[kind])
        good = rate >= 0.8 * base
        missed += not good
        print(f"{'ok' if good else 'not ok'} {number} - {ENTRIES} {kind}: {rate:.0f} requests/s, {100 * rate / base:.0f} % of no routing")
    return missed > 0


sys.exit(main())
