#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""khapgen migrate on service maps: the same values, written in random YAML styles, become the same values; all others stay; what is generated of the result is
taken by HAProxy without a warning.

N maps (40), SEED. It asks $HAPROXY, or with HAPROXY_RELEASES ("2.2=PATH 2.6=PATH ...") all of those.
"""
import os
import random
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import khapgen
import tap
import verdict

try:
    import yaml
except ImportError:
    tap.skip_all("needs Python's yaml (Debian: package python3-yaml)")

LINES = {
    "global": ["maxconn 1000\n# two\n\nnbproc 2\ntune.chksize 16384", "nosepoll", "nbthread 2"],
    "defaults": ["clitimeout 41s", "option forceclose\n  srvtimeout 42s", "retries 2"],
    "frontend": ["# first\nblock if { path /x }\n  # inner\n  clitimeout 30s", "option forceclose", "acl a path /a\n\nblock if a", "timeout client 9s # \\ \" ü"],
    "backend": ["redispatch\ncontimeout 5s", "srvtimeout 30s", "option http-use-htx\noption forceclose", "option http-use-htx", "retries 2", "\n  timeout connect 3s"],
    "sections": ["listen own\n  bind 127.0.0.1:9000\n  contimeout 3s\n  redisp\n  server s1 127.0.0.1:9001\n"],
}
STYLES = ("plain", "single", "double", "literal", "strip", "folded")
used = {}


def scalar(r, text, indent, flow):
    """The text in some style, or None when the style cannot have it."""
    style = r.choice(STYLES)
    block = text.rstrip("\n")
    if style in ("literal", "strip", "folded"):
        if flow or block[0] in " \n":
            return None
        if style == "folded":
            if "\n " in block:
                return None
            block = block.replace("\n", "\n\n").replace("\n\n\n\n", "\n\n\n")
        mark = {"literal": "|", "strip": "|-", "folded": ">-"}[style] + r.choice(["", "  # c"])
        pad = " " * (indent + r.randint(1, 4))
        written = mark + "".join("\n" + (pad + line if line else "") for line in block.split("\n"))
    elif style == "double":
        written = '"%s"' % text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    elif "\n" in text or (style == "plain" and ("#" in text or flow and set(text) & set("{}[],"))):
        return None
    else:
        written = text if style == "plain" else "'%s'" % text.replace("'", "''")
    used[style] = used.get(style, 0) + 1
    return written


def write(r, values):
    def one(key, text, indent, flow=False):
        written = None
        while written is None:
            written = scalar(r, text, indent, flow)
        return "%s: %s" % (key, written)

    out = ["# a map", "nodes: {n1: 127.0.0.1}"]
    for key in ("global", "defaults"):
        if key in values:
            out.append(one(key, values[key], 0))
    out += ["frontends:", "  http:", "    bind: ':18080'  # here", "    " + one("extra", values["frontend"], 4), "services:"]
    for i, (mode, extra) in enumerate(values["services"]):
        own = "mode: tcp, bind: ':%d'" % (18100 + i) if mode == "tcp" else "hosts: [h%d.example]" % i
        if r.random() < 0.4:
            out.append("  s%d: {nodePort: %d, %s, %s}" % (i, 32000 + i, own, one("extra", extra, 2, True)))
        else:
            out += ["  s%d:" % i, "    nodePort: %d" % (32000 + i), *("    " + part for part in own.split(", ")), "    " + one("extra", extra, 4), ""]
    out.append(one("sections", values["sections"], 0))
    end = r.choice(["\n", "\r\n"])
    return end.join("\n".join(out).split("\n")) + end


def taken_apart(text):
    """The lines, and the map without them."""
    tree = yaml.safe_load(text)
    lines = [tree.pop(key, "") for key in ("global", "defaults", "sections")]
    for entry in [*tree["frontends"].values(), *tree["services"].values()]:
        lines.append(entry.pop("extra", ""))
    return [[line.rstrip("\r") for line in text.strip().split("\n") if line.strip()] for text in lines], tree


def haproxies():
    given = dict(pair.split("=", 1) for pair in os.environ.get("HAPROXY_RELEASES", "").split())
    path = os.environ.get("HAPROXY") or shutil.which("haproxy", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
    if not given and path:
        said = subprocess.run([path, "-v"], capture_output=True, text=True).stdout
        given[".".join(said.split("version ")[1].split(".")[:2])] = path
    return given


def main():
    seed, n = int(os.environ.get("SEED") or random.randrange(10**9)), int(os.environ.get("N") or 40)
    program, binaries = khapgen.program(), haproxies()
    tap.note("SEED=%d N=%d" % (seed, n))
    r = random.Random(seed)
    wrong, judged, changed = [], 0, 0
    with tempfile.TemporaryDirectory() as folder:
        path, cfg = os.path.join(folder, "a.yaml"), os.path.join(folder, "h.cfg")

        def run(*words):
            return subprocess.run([program, *words], capture_output=True)

        for i in range(n):
            values = {key: r.choice(LINES[key]) for key in ("global", "defaults", "frontend", "sections")}
            values["services"] = [(m, r.choice(LINES["backend"])) for m in r.choice([("http", "tcp"), ("http", "http", "tcp"), ("tcp", "http")])]
            to = r.choice(sorted(binaries) or ["3.4"])
            results = []
            for _ in range(2):
                text = write(r, values)
                with open(path, "w", encoding="utf-8", newline="") as f:
                    f.write(text)
                done = run("migrate", "--from", "2.0", "--to", to, path)
                now = done.stdout.decode()
                if done.returncode != 0:
                    wrong.append("map %d: status %d\n%s\n%s" % (i, done.returncode, text, done.stderr.decode()))
                    break
                before, after = taken_apart(text), taken_apart(now)
                changed += before[0] != after[0]
                if before[1] != after[1] or ("\r\n" in text and "\n" in now.replace("\r\n", "")):
                    wrong.append("map %d: something else changed\n%s\n%s" % (i, text, now))
                results.append((after[0], text, now))
                with open(path, "w", encoding="utf-8", newline="") as f:
                    f.write(now)
                if run("migrate", "--from", to, "--to", to, "--check", path).returncode != 0:
                    wrong.append("map %d: not the same when it is done again\n%s" % (i, now))
            if len(results) == 2 and results[0][0] != results[1][0]:
                wrong.append("map %d: other styles, other lines\n%s\n%s\n%s" % (i, results[0][1], results[0][2], results[1][2]))
            if len(results) < 2 or to not in binaries:
                continue
            made = run("-t", to, "-o", cfg, "--force", path)
            said = subprocess.run([binaries[to], "-c", "-f", cfg], capture_output=True, text=True)
            judged += 1
            if made.returncode != 0 or said.returncode != 0 or "WARNING" in verdict.of_configuration(said.stderr) or "ALERT" in said.stderr:
                wrong.append("map %d, HAProxy %s:\n%s\n%s%s" % (i, to, results[1][2], made.stderr.decode(), said.stderr))
    tap.ok("%d maps in two styles each" % n, not wrong, "\n".join(wrong[:3]))
    tap.ok("lines changed in %d of them" % changed, changed > n)
    for style in STYLES:
        tap.ok("style %s: %d" % (style, used.get(style, 0)), used.get(style, 0) > 0)
    if binaries:
        tap.ok("HAProxy judged %d" % judged, judged > 0)
    else:
        tap.skip("needs haproxy (Debian: package haproxy)")
    tap.finish()


main()
