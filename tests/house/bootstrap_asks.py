#!/usr/bin/python3
"""bootstrap asks before it installs, when there is a terminal to ask on: tried with a stand-in for apt-get."""
import os
import pty
import shutil
import subprocess
import sys
import tempfile

import tap

folder = tempfile.mkdtemp(prefix="khap-test.")
bindir, src, calls = (os.path.join(folder, name) for name in ("bin", "src", "calls"))


def script(path, text):
    with open(path, "w") as file:
        file.write("#!/bin/sh\n" + text)
    os.chmod(path, 0o755)


def ask(answer, *arguments):
    """What bootstrap said, its status, and what it called."""
    if os.path.exists(calls):
        os.unlink(calls)
    controller, terminal = pty.openpty()
    process = subprocess.Popen(["/bin/sh", os.path.join(src, "bootstrap")] + list(arguments), stdin=terminal,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env={"PATH": bindir})
    os.close(terminal)
    os.write(controller, (answer + "\n").encode())
    said = process.communicate(timeout=60)[0]
    os.close(controller)
    called = ""
    if os.path.exists(calls):
        with open(calls) as file:
            called = file.read()
    return said, process.returncode, called


try:
    os.mkdir(bindir)
    os.mkdir(src)
    shutil.copy(os.path.join(tap.srcdir, "bootstrap"), src)
    for tool in ("sh", "cat", "dirname", "rm", "mkdir", "mktemp", "env"):
        os.symlink(shutil.which(tool), os.path.join(bindir, tool))
    script(os.path.join(bindir, "id"), "echo 0\n")
    script(os.path.join(bindir, "apt-get"), 'echo "apt-get $*" >>%s\n' % calls)

    said, status, called = ask("n", "demo")
    tap.ok("it asks", "[Y/n]" in said, said)
    tap.ok("it says first what it would install", 0 <= said.find("libyaml-dev") < said.find("[Y/n]"), said)
    tap.equal("no: nothing was called", called, "")
    tap.equal("no: status 1", status, 1)
    for answer in ("y", ""):
        said, status, called = ask(answer, "demo")
        tap.ok("answer %r: it installs" % answer, "install" in called and "libyaml-dev" in called, said + called)
    said, status, called = ask("n", "demo", "--yes")
    tap.ok("--yes: it does not ask", "[Y/n]" not in said, said)
    tap.ok("--yes: it installs", "libyaml-dev" in called, said + called)
finally:
    shutil.rmtree(folder)
tap.finish()
