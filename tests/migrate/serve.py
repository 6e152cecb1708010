"""What the tests of migration share: releases of HAProxy by number, a configuration served by one of them, and khapgen migrate."""
import os
import resource
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "traffic"))
import lib  # noqa: E402
from lib import tap  # noqa: E402


def number(release):
    return tuple(int(x) for x in release.split("."))


def releases():
    """Release -> program, of HAPROXY_RELEASES ("2.2=PATH 2.6=PATH ..."); a loud skip when there are not two."""
    found = dict(x.split("=", 1) for x in os.environ.get("HAPROXY_RELEASES", "").split())
    if len(found) < 2:
        tap.skip_all("HAPROXY_RELEASES names no two releases (tools/haproxy-releases fetches them)")
    lib.HAPROXY = list(found.values())[0]
    lib.need_haproxy()
    return {k: found[k] for k in sorted(found, key=number)}


def migrate(directory, text, old, new):
    """The text for another release, and what was said; None for the text when something was left."""
    path = os.path.join(directory, "migrate.cfg")
    with open(path, "w") as f:
        f.write(text)
    run = subprocess.run([lib.KHAPGEN, "migrate", "--from", old, "--to", new, "-o", "-", path], capture_output=True, text=True, timeout=60)
    return (run.stdout if run.returncode == 0 else None), run.stderr


class Served:
    """A HAProxy that serves a configuration until the context ends. `complaints`, `status`: what -c says of it; `files`: how many it may open."""

    def __init__(self, program, text, wait=(), files=None, run=True):
        self.dir = tempfile.mkdtemp(prefix="khap-migrate-")
        self.path = os.path.join(self.dir, "haproxy.cfg")
        with open(self.path, "w") as f:
            f.write(text)
        check = subprocess.run([program, "-c", "-f", self.path], capture_output=True, text=True, timeout=60)
        said = (check.stdout + check.stderr).splitlines()
        self.complaints = "\n".join(x for x in said if ("[WARNING]" in x or "[ALERT]" in x) and not lib.quiet(x))
        self.status = check.returncode
        self.log = open(os.path.join(self.dir, "log"), "w")
        self.process = None
        if not run:
            return
        limit = (lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))) if files else None
        self.process = subprocess.Popen([program, "-db", "-f", self.path], stdout=self.log, stderr=self.log, stdin=subprocess.DEVNULL,
                                        preexec_fn=limit)
        end = time.time() + 10
        for port in wait:
            while self.process.poll() is None and time.time() < end:
                try:
                    lib.socket.create_connection(("127.0.0.1", port), timeout=1).close()
                    break
                except OSError:
                    time.sleep(0.02)
        if not wait:
            time.sleep(0.3)

    def output(self):
        with open(os.path.join(self.dir, "log")) as f:
            return f.read()

    def __enter__(self):
        return self

    def __exit__(self, *args):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.log.close()
        lib.shutil.rmtree(self.dir, ignore_errors=True)
