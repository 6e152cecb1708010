#!/usr/bin/python3
"""Many rules, and many patterns of one ACL, are found by an index of their texts; one by one they must give the same. Random rules in every way of comparing
texts, with and without -i, and random requests near them: khapgen route with --explain, which tries each rule, without it, and with all patterns in one ACL,
agree about the backend, and about the lines that took part. SEED, CONFIGS and REQUESTS as in route.py. SPDX-License-Identifier: MIT
"""
import json
import os
import random
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.environ.get("srcdir", "."), "tests"))
import tap

SEED = int(os.environ.get("SEED", "1"))
CONFIGS = int(os.environ.get("CONFIGS", "2"))
REQUESTS = int(os.environ.get("REQUESTS", "40"))
METHODS = ["str", "beg", "end", "dir", "dom", "sub", "reg"]
PIECES = ["a", "b", "ab", "A", "Ba", ".", "/", ":", "x.y", "//"]
khapgen = os.path.abspath(os.environ.get("KHAPGEN") or os.path.join(tap.builddir, "khapgen"))
HEAD = "defaults\n    mode http\nfrontend web\n    bind :80\n"


def text(r):
    return "".join(r.choice(PIECES) for _ in range(r.randint(1, 4)))


def regex(r):
    """One that many texts match."""
    return "%s%s%s%s" % (r.choice(["", "^", "^.*"]), text(r), r.choice(["", "+", "?", "*", "{2}", ".*", "[ab]", "(a|B)", "(/|$)", "|", ".x?"]), r.choice(["", text(r), "$"]))


def ask(path, requests, *words):
    lines = "".join("http://h/\t-H\tX-V: %s\n" % v for v in requests)
    out = subprocess.run([khapgen, "route", "--json", "--requests", "-", *words, path], input=lines, stdout=subprocess.PIPE, text=True, check=True).stdout
    return [[o["backend"], [s["line"] for s in o["steps"] if s.get("held", True)]] for o in (json.loads(line)["outcomes"][0] for line in out.splitlines())]


def main():
    r = random.Random(SEED)
    wrong, matched, n = [], {m: 0 for m in METHODS}, 0
    with tempfile.TemporaryDirectory(prefix="khap-indexed.") as work:
        os.chdir(work)
        for _ in range(CONFIGS):
            for method in METHODS:
                for fetch in ("req.fhdr(x-v)", "hdr(x-v)"):
                    flag = r.choice(["", "-i "])
                    texts = [regex(r) if method == "reg" else text(r) for _ in range(40)]
                    with open("rules.cfg", "w") as f:
                        f.write(HEAD)
                        for t in texts:
                            f.write(f"    use_backend hit if {{ {fetch} {flag}-m {method} {t} }}{r.choice(['', ' { method GET }', ' { method POST }'])}\n")
                        f.write("    default_backend miss\nbackend hit\nbackend miss\n")
                    with open("plain.cfg", "w") as f:
                        f.write(HEAD + "".join(f"    use_backend hit if {{ {fetch} {flag}-m {method} {t} }}\n" for t in texts))
                        f.write("    default_backend miss\nbackend hit\nbackend miss\n")
                    with open("acl.cfg", "w") as f:
                        f.write(HEAD + f"    use_backend hit if {{ {fetch} {flag}-m {method} {' '.join(texts)} }}\n    default_backend miss\nbackend hit\nbackend miss\n")
                    requests = [r.choice([text(r), text(r) + r.choice(texts), r.choice(texts), r.choice(texts) + text(r), text(r) + "," + r.choice(texts)]) for _ in range(REQUESTS)]
                    one, many = ask("rules.cfg", requests, "--explain"), ask("rules.cfg", requests)
                    slow, acl = ask("plain.cfg", requests, "--explain"), ask("acl.cfg", requests)
                    for i, v in enumerate(requests):
                        n += 1
                        matched[method] += one[i][0] == "hit"
                        if one[i] != many[i] or slow[i][0] != acl[i][0]:
                            wrong.append(f"-m {method} {flag}{fetch} of {v}: {one[i]} {many[i]}; {slow[i][0]} {acl[i][0]}; patterns {' '.join(texts)}")
    for line in wrong[:5]:
        print("#", line)
    print(f"1..2\n# SEED={SEED} CONFIGS={CONFIGS} REQUESTS={REQUESTS}; {n} questions, of which a rule took {matched}")
    print(("not " if wrong else "") + "ok 1 - an index gives what one rule, one pattern after the other gives")
    print(("" if all(matched.values()) else "not ") + "ok 2 - each way of comparing was met")


main()
