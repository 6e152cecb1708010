#!/usr/bin/python3
"""khapgen apply against HAProxies in master-worker mode: what changes, how it is done, and that requests flow on; against a false runtime socket that cuts, hangs
and answers garbage; and what is refused.

HAPROXY_RELEASES="2.2=PATH 2.6=PATH ..." names the HAProxies.
"""
import os
import shutil
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "traffic"))
import khapgen  # noqa: E402
import lib  # noqa: E402
import tap  # noqa: E402

KHAPGEN = khapgen.program()
# a prompt follows each of the commands, the first of which is `prompt`
ANSWER = b"\n> " * 3


class False_(lib.FalseSocket):
    """A runtime socket that sends `answer`, then closes or hangs."""

    def __init__(self, path, answer, hangs):
        self.answer, self.hangs = answer, hangs
        super().__init__(path)

    def one(self, conn):
        try:
            conn.recv(4096)
            conn.sendall(self.answer)
            if self.hangs:
                time.sleep(40)
        except OSError:
            pass
        conn.close()


class Follow:
    def __init__(self, lab, release, binary):
        self.dir = os.path.join(lab.dir, release)
        os.mkdir(self.dir)
        self.release, self.binary, self.wrong, self.process = release, binary, [], None
        self.port, *self.ports = (lib.free_port() for _ in range(3))
        self.webs = [lab.web(p) for p in self.ports]
        self.khap = self.dir + "/khap"
        self.admin, self.master = self.dir + "/admin", self.dir + "/master"

    def map(self, port, hosts="a.example", weight=10, extra=""):
        return ("process: {socket: {path: %s}}\nfrontends: {http: {bind: \"127.0.0.1:%d\"}, https: false}\nnodes: {n1: {address: 127.0.0.1, weight: %d}}\nservices:\n"
                "  web: {nodePort: %d, hosts: [%s]}\n%s" % (self.admin, self.port, weight, port, hosts, extra))

    def apply(self, text, *words, socket=None):
        with open(self.dir + "/map.yaml", "w") as f:
            f.write(text)
        done = subprocess.run([KHAPGEN, "apply", "--directory", self.khap, "--binary", self.binary, "--socket", socket or self.admin, "--master", self.master, *words,
                               self.dir + "/map.yaml"], capture_output=True, text=True, timeout=120)
        return done.returncode, done.stdout + done.stderr

    def expect(self, what, got, status, *texts):
        if got[0] != status or any(t not in got[1] for t in texts):
            self.wrong.append("%s: %s: %r, wanted %d %r" % (self.release, what, got, status, texts))

    def start(self):
        self.process = subprocess.Popen([self.binary, "-W", "-S", self.master, "-C", self.khap + "/current", "-f", "haproxy.cfg"], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=open(self.dir + "/log", "w"))
        lib.until(lambda: os.path.exists(self.admin) and os.path.exists(self.master))

    def asks(self, what, host, status):
        got = None
        for _ in range(30):
            try:
                got = lib.ask(self.port, host=host).status
            except OSError as e:
                got = e
            if got == status:
                return
            time.sleep(0.05)
        self.wrong.append("%s: %s: %s answers %r, wanted %r" % (self.release, what, host, got, status))

    def current(self):
        return os.readlink(self.khap + "/current")

    def run(self):
        one, two = self.ports
        self.expect("a dry run", self.apply(self.map(one), "--dry-run"), 0)
        if os.path.exists(self.khap):
            self.wrong.append("a dry run wrote")
        self.expect("the first one", self.apply(self.map(one)), 0, "apply-not-running")
        self.start()
        self.asks("at first", "a.example", 200)
        self.expect("the same", self.apply(self.map(one)), 0, "0 at run time, 0 reloads")
        self.expect("a port", self.apply(self.map(two)), 0, "1 at run time, 0 reloads")
        self.asks("another port", "a.example", 200)
        self.expect("a host", self.apply(self.map(two, "a.example, b.example")), 0, "at run time, 0 reloads", "b.example")
        self.asks("another host", "b.example", 200)
        was = self.current()
        self.expect("a bad line", self.apply(self.map(two, extra="global: |\n  nonsense here\n")), 3, "apply-refused", "map.yaml:")
        if self.current() != was or os.path.exists(self.khap + "/pending"):
            self.wrong.append("what HAProxy refuses changed something")
        with open(self.khap + "/current/haproxy.cfg", "a") as f:
            f.write("# somebody's\n")
        self.expect("an edited file", self.apply(self.map(two, "a.example, b.example", weight=11)), 3, "apply-edited", "current/haproxy.cfg")
        if self.current() != was:
            self.wrong.append("what somebody edited was replaced")
        self.expect("an edited file, --force", self.apply(self.map(two, "a.example, b.example"), "--force"), 0, "apply-overwritten", "0 reloads")
        self.asks("after --force", "b.example", 200)
        if self.release == "2.2" and not os.environ.get("KHAP_APPLY_RELOAD_ALL"):
            tap.note("2.2: reloads are not tried: taken out of its package, it cannot start itself anew (KHAP_APPLY_RELOAD_ALL=1 tries)")
        if self.release != "2.2" or os.environ.get("KHAP_APPLY_RELOAD_ALL"):
            self.expect("a new service", self.apply(self.map(two, "a.example, b.example", extra="  other: {nodePort: %d, hosts: [c.example], timeouts: {server: 7s}}\n" % one)), 0, "1 reload")
            self.asks("after a reload", "c.example", 200)
            self.faults(one, two)
        n = len(os.listdir(self.khap + "/generations"))
        if n > 4:
            self.wrong.append("%d generations" % n)

    def faults(self, one, two):
        """Whatever the runtime socket says: a reload, and the process has what the map says."""
        false = self.dir + "/false"
        answers = [(b"", False), (ANSWER[:4], False), (ANSWER[:-1], False), (b"garbage\n" * 100, False), (b"\n> No such server.\n\n> ", False), (b"\0" * 70000, False)]
        for i, (answer, hangs) in enumerate(answers):
            server = False_(false, answer, hangs)
            try:
                self.expect("false answer %d" % i, self.apply(self.map((one, two)[i % 2]), socket=false), 0, "1 reload")
            finally:
                server.stop()
            self.asks("after a false answer", "a.example", 200)
            if os.path.exists(self.khap + "/pending"):
                self.wrong.append("pending is left")
        os.unlink(false)
        self.expect("no socket", self.apply(self.map(one, weight=30), socket=false), 0, "1 reload")
        # nobody reloads: the last generation counts
        was = self.current()
        master, self.master = self.master, false
        self.expect("neither socket", self.apply(self.map(two, weight=40), socket=false), 3, "apply-reload")
        if self.current() != was:
            self.wrong.append("%s: what was not applied counts" % self.release)
        self.master = master
        self.expect("after that", self.apply(self.map(two, weight=40)), 0, "1 reload")
        self.asks("at the end", "a.example", 200)

    def stop(self):
        if self.process is not None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()


def main():
    lib.need_haproxy()
    releases = lib.releases()
    with lib.Lab() as lab:
        for release, binary in releases:
            follow = Follow(lab, release, binary)
            try:
                follow.run()
            except Exception as e:  # noqa: BLE001 - told as what is wrong
                follow.wrong.append("%s: %r" % (release, e))
            finally:
                follow.stop()
            tap.ok("HAProxy %s follows" % release, not follow.wrong, "\n".join(follow.wrong[:6]))
            shutil.rmtree(follow.dir, ignore_errors=True)
    tap.finish()


if __name__ == "__main__":
    main()
