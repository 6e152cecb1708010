"""Many questions to `khapgen route` in one run of it."""
import json
import os
import subprocess
import sys

import lib
from lib import tap


def each_release(script):
    """Where HAPROXY_RELEASES names some, the script is run with each of them, in a process of its own, and this one ends."""
    releases = os.environ.pop("HAPROXY_RELEASES", "").split()
    for release, binary in (r.split("=", 1) for r in releases):
        p = subprocess.run([sys.executable, script], env=dict(os.environ, HAPROXY=binary), capture_output=True, text=True)
        for line in p.stdout.splitlines():
            if line.startswith("# "):
                tap.note(line[2:])
            elif " - " in line:
                tap.ok("%s: %s" % (release, line.split(" - ", 1)[1]), line.startswith("ok"))
        if p.returncode not in (0, 1) or "1.." not in p.stdout:
            tap.ok("%s: it ran to its end" % release, False, p.stderr)
    if releases:
        tap.finish()


def ask(files, questions, target=None, words=()):
    """What may become of each request: lists of outcomes. A question is a URL and the options of its own. A text: what went wrong."""
    for q in questions:
        assert not any("\t" in w or "\n" in w for w in q), q
    text = "".join("\t".join(q) + "\n" for q in questions)
    command = [lib.KHAPGEN, "route", "--json", "--requests", "-", *(["-t", target] if target else []), *words, *files]
    p = subprocess.run(command, input=text.encode(), capture_output=True, timeout=300)
    answers = [json.loads(x) for x in p.stdout.decode("utf-8", "replace").splitlines()]
    if p.returncode > 1 or len(answers) != len(questions):
        return p.stderr.decode("utf-8", "replace") or "%d answers to %d questions" % (len(answers), len(questions))
    return [a["outcomes"] for a in answers]


def options(method, host, headers):
    """The options of a request. Without a host: no Host."""
    return ["--method", method, "-H", "Host:" if host is None else "Host: " + host] + [w for n, v in headers for w in ("-H", "%s: %s" % (n, v))]
