#!/usr/bin/python3
"""Each call with which a pass of khapd leaves its process (files, sockets, pipes) fails once, and is once where it is killed. Whatever happens: HAProxy
answers all the time, what is on disk is whole, an exit status of 0 is never a lie, and the next pass makes everything true.

N says how many points are tried (0: all of them), SEED which. The list of points is what a pass does, made anew each time."""
import collections
import os
import random
import re
import subprocess

import khapd
import lib
from khapd import soon, tap

ENOSPC, EIO, EMFILE, KILLED = 28, 5, 24, -1
# calls of the C library that khapd makes and that are no points: they touch nothing outside, or HAProxy's and the status pages' own
OUTSIDE = set("""access accept bind chmod chown close closedir connect creat dup dup2 faccessat fallocate fchmod fchmodat fchown fdopendir fopen fputs flock fremovexattr fsetxattr fstat
fstatat fsync ftruncate fwrite inotify_add_watch inotify_init1 link linkat listen lstat mkdir mkdirat mkfifo mknod open openat __openat_2 opendir pipe posix_fallocate pread pwrite read readdir
readlink readlinkat recv recvfrom recvmsg rename renameat renameat2 rmdir send sendmsg sendto setxattr shutdown socket stat symlink symlinkat truncate unlink unlinkat write writev""".split())
NO_POINT = {"bind": "of the status page", "listen": "of the status page", "sendto": "to systemd", "close": "its failure is passed over", "closedir": "its failure is passed over",
            "dup2": "in a child", "fwrite": "of the log", "inotify_add_watch": "without it khapd polls", "inotify_init1": "without it khapd polls", "shutdown": "of the status page",
            "readdir": "of a directory that opendir opened", "fsetxattr": "of files that are kept in place", "fremovexattr": "of files that are kept in place"}


def build(folder):
    here = os.path.dirname(os.path.abspath(__file__))
    shim = os.path.join(folder, "points.so")
    made = subprocess.run((os.environ.get("CC") or "cc").split() + ["-std=c11", "-O1", "-shared", "-fPIC", "-o", shim, os.path.join(here, "points.c"), "-ldl"], capture_output=True, text=True)
    if made.returncode:
        tap.ok("points.c is compiled", False, made.stderr)
        tap.finish()
    return shim


def symbols(paths, *flags):
    found = set()
    for path in paths:
        out = subprocess.run(["nm", "-D", *flags, path], capture_output=True, text=True).stdout
        found |= {line.split()[-1].split("@")[0] for line in out.splitlines() if line.strip()}
    return found


class Bench:
    def __init__(self, lab, shim, rng):
        self.k, self.shim, self.rng, self.n = khapd.Khapd(lab, "points"), shim, rng, 0
        self.k.log = open(self.k.dir + "/log", "a")
        self.wrong = []
        # until HAProxy runs for the first time there is none to follow
        self.once()
        self.k.start_haproxy()
        if not self.k.serves("a.example"):
            tap.ok("HAProxy runs", False, self.k.why())
            tap.finish()

    def once(self, **env):
        if env:
            env = dict({k: str(v) for k, v in env.items()}, LD_PRELOAD=self.shim)
        try:
            done = subprocess.run([khapd.program(), "--config", self.k.yaml, "--once"], stdin=subprocess.DEVNULL, capture_output=True, env=dict(os.environ, **env), timeout=60)
        except subprocess.TimeoutExpired:
            self.said = "no end within a minute"
            return None
        self.said = (done.stdout + done.stderr).decode("utf-8", "replace")
        return done.returncode

    def change(self, kind):
        """A new host: at run time, or with something that only a reload brings."""
        self.n += 1
        host = "h%d.example" % self.n
        self.k.write("a.example", host, more=self.timeouts(60 + self.n if kind == "reload" else self.kept))
        return host

    kept = 60  # the last that a reload brought

    def timeouts(self, seconds):
        return "serviceDefaults: {timeouts: {server: %ds}}\n" % seconds

    def points(self, kind):
        log = self.k.dir + "/calls"
        host = self.change(kind)
        if self.once(POINT_LOG=log) != 0 or not self.k.serves(host):
            tap.ok("a pass: %s" % kind, False, self.said)
            tap.finish()
        if kind == "reload":
            self.kept = 60 + self.n
        with open(log) as f:
            names = f.read().split()
        os.unlink(log)
        return names

    def whole(self):
        done = subprocess.run([self.k.binary, "-c", "-q", "-C", self.k.khap + "/current", "-f", "haproxy.cfg"], stdin=subprocess.DEVNULL, capture_output=True, text=True)
        return "" if done.returncode == 0 else "what is current is refused: " + done.stderr

    def answers(self, host):
        try:
            return lib.ask(self.k.port, host=host).status == 200
        except (OSError, ValueError, IndexError):
            return False

    def strike(self, kind, point, act, name):
        host, workers = self.change(kind), self.k.workers()
        status = self.once(POINT="%s:%d" % (name, point), POINT_ACT=act)
        said, bad = self.said, []
        if not self.answers("a.example"):
            bad.append("HAProxy does not answer")
        bad.append(self.whole())
        if status is None:
            bad.append("it has no end")
        if status == 0 and not soon(lambda: self.answers(host), 3):
            bad.append("it said that all is well, and it is not")
        again = self.once()
        if again != 0 or not soon(lambda: self.answers(host), 5):
            bad.append("the next pass does not mend it: %s, %s" % (again, self.said))
        if kind == "reload" and not soon(lambda: self.k.workers() and self.k.workers() != workers, 5):
            bad.append("it was never reloaded: " + self.said)
        bad.append(self.whole())
        if kind == "reload":
            self.kept = 60 + self.n
        left = [os.path.join(d, f) for d, _, files in os.walk(self.k.khap) for f in files if "khap-tmp" in f]
        if left:
            bad.append("left behind: %s" % left)
        bad = [b for b in bad if b]
        if bad:
            self.wrong.append("%s, %s %d, %s: status %s\n%s\n%s" % (kind, name, point, "killed" if act < 0 else os.strerror(act), status, "\n".join(bad), said))


def main():
    lib.need_haproxy()
    n = int(os.environ.get("N") or 16)
    rng = random.Random(tap.seed())
    with lib.Lab() as lab:
        shim = build(lab.dir)
        program = khapd.program()
        libs = [os.path.join(os.path.dirname(program), x) for x in os.listdir(os.path.dirname(program)) if re.fullmatch(r"libkhap.*\.so", x)]
        used = symbols([program] + libs, "-u") & OUTSIDE
        counted = "__gcov_" in subprocess.run(["nm", program], capture_output=True, text=True).stdout
        used -= {"fopen"} if counted else set()  # of a build that counts which lines ran, to write that down
        tap.equal("each call that leaves the process is a point, or it is said why not", sorted(used - symbols([shim], "--defined-only") - set(NO_POINT)), [])
        bench = Bench(lab, shim, rng)
        try:
            all_points, names = [], collections.Counter()
            for kind in ("run time", "reload"):
                calls = bench.points(kind)
                names.update(calls)
                all_points += [(kind, calls[:i + 1].count(name), name, act) for i, name in enumerate(calls) for act in (KILLED, rng.choice((ENOSPC, EIO, EMFILE)))]
            tap.note("%d points: %s" % (len(all_points), dict(names)))
            tap.ok("there are points of files and of sockets", all(names[x] > 0 for x in ("open", "write", "fsync", "rename", "mkdir", "symlink", "connect", "send", "recv")), str(names))
            chosen = all_points if n == 0 else rng.sample(all_points, min(n, len(all_points)))
            for kind, point, name, act in chosen:
                bench.strike(kind, point, act, name)
            tap.ok("%d points: what is on disk is whole, HAProxy answers, the next pass mends everything" % len(chosen), not bench.wrong, "\n\n".join(bench.wrong[:5]))
        finally:
            bench.k.stop()
    tap.finish()


main()
