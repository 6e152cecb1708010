#!/usr/bin/python3
"""Colour: on a terminal only, and not where NO_COLOR or TERM=dumb says otherwise."""
import os
import pty
import subprocess
import tempfile

import tap

khapgen = os.environ.get("KHAPGEN", os.path.join(tap.builddir, "khapgen"))
if not os.access(khapgen, os.X_OK):
    tap.skip_all("needs khapgen, which is not built")
folder = tempfile.TemporaryDirectory()
path = os.path.join(folder.name, "bad.yaml")
with open(path, "w") as f:
    f.write("services: {web: {nodeport: 1}}\n")


def on_terminal(**env):
    ours, theirs = pty.openpty()
    full = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "TERM")}
    full.update(env)
    done = subprocess.run([khapgen, path], stdout=subprocess.DEVNULL, stderr=theirs, env=full)
    os.close(theirs)
    said = b""
    while True:
        try:
            piece = os.read(ours, 65536)
        except OSError:
            break
        if not piece:
            break
        said += piece
    os.close(ours)
    tap.equal("exit status", done.returncode, 2)
    tap.ok("it says something", b"unknown-key" in said, said)
    return b"\033[" in said


tap.ok("colour on a terminal", on_terminal(TERM="xterm"))
tap.ok("none with NO_COLOR=1", not on_terminal(TERM="xterm", NO_COLOR="1"))
tap.ok("colour with an empty NO_COLOR", on_terminal(TERM="xterm", NO_COLOR=""))
tap.ok("none with TERM=dumb", not on_terminal(TERM="dumb"))
tap.ok("none without TERM", not on_terminal())
done = subprocess.run([khapgen, path], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=dict(os.environ, TERM="xterm"))
tap.ok("none into a pipe", b"\033" not in done.stderr and b"unknown-key" in done.stderr)
tap.finish()
