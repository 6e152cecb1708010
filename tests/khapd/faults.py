#!/usr/bin/python3
"""khapd and HAProxy are killed at random points, again and again; sockets hang, cut and answer garbage: at the end HAProxy serves what the map says, and at no
moment is there a broken configuration on disk, nor a request that is not answered while HAProxy lives.

N says how many are killed (N=200), SEED which points.
"""
import os
import random
import signal
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import khapd  # noqa: E402
import lib  # noqa: E402
import tap  # noqa: E402

soon = khapd.soon


class Load(threading.Thread):
    """Asks all the time; what was not answered by 200."""

    def __init__(self, port):
        super().__init__(daemon=True)
        self.port, self.wrong, self.asked, self.going = port, [], 0, True
        self.start()

    def run(self):
        while self.going:
            try:
                status = lib.ask(self.port, host="a.example").status
            except Exception as e:  # noqa: BLE001 - each is a request that failed
                status = repr(e)
            self.asked += 1
            if status != 200:
                self.wrong.append(status)
            time.sleep(0.002)

    def stop(self):
        self.going = False
        self.join(10)


class Hangs(lib.FalseSocket):
    """A socket that takes connections and says nothing, or garbage."""

    def __init__(self, path, answer):
        self.answer, self.taken = answer, []
        super().__init__(path)

    def one(self, conn):
        self.taken.append(conn)
        try:
            if self.answer:
                conn.sendall(self.answer)
                conn.close()
        except OSError:
            pass

    def stop(self):
        super().stop()
        for conn in self.taken:
            conn.close()


def is_whole(k):
    """HAProxy takes what counts."""
    done = subprocess.run([k.binary, "-c", "-q", "-C", k.khap + "/current", "-f", "haproxy.cfg"], stdin=subprocess.DEVNULL, capture_output=True, text=True)
    return done.returncode == 0, done.stderr + done.stdout


def killed(lab, n, seed):
    draw = random.Random(seed)
    k = khapd.Khapd(lab, "killed", more="  manage: true\n")
    try:
        k.start()
        tap.ok("it serves", k.serves("a.example") and soon(lambda: k.get("/readyz")[0] == 200), k.why())
        load, broken, last = Load(k.port), [], None
        for i in range(n):
            last = "h%d.example" % i
            more = "  more: {nodePort: %d, hosts: [m%d.example], check: false}\n" % (k.web_port, i % 3) if draw.random() < 0.4 else ""
            k.write("a.example", last, more=more, path=k.map + ".new")
            os.rename(k.map + ".new", k.map)
            time.sleep(draw.random() * 0.25)
            k.process.kill()
            k.process.wait()
            whole, said = is_whole(k)
            if not whole:
                broken.append("after kill %d: %s" % (i, said))
            k.start()
        tap.ok("khapd was killed %d times: never a broken configuration" % n, not broken, "\n".join(broken[:3]))
        tap.ok("the last change is served", k.serves(last), k.why())
        tap.ok("it is ready and synced", soon(lambda: k.get("/readyz")[0] == 200 and k.get("/synced")[0] == 200), k.why())
        load.stop()
        tap.ok("no request of %d failed" % load.asked, load.asked > n and not load.wrong, str(load.wrong[:5]))
        for i in range(max(2, n // 5)):
            masters = [line for line in k.said().splitlines() if "started HAProxy, process " in line]
            try:
                os.kill(int(masters[-1].rsplit(" ", 1)[1]), signal.SIGKILL)
            except ProcessLookupError:
                pass
            last = "k%d.example" % i
            k.write("a.example", last)
            time.sleep(draw.random() * 0.1)
        tap.ok("HAProxy was killed too: the last change is served", k.serves(last, 200) and soon(lambda: k.get("/readyz")[0] == 200), k.why())
        tap.ok("few old processes are left", soon(lambda: len(k.workers()) == 1), k.processes() + k.why())
    finally:
        k.stop()


def hangs(lab):
    k = khapd.Khapd(lab, "hangs", settings="deadline: 5s\n")
    try:
        k.start()
        k.start_haproxy()
        tap.ok("before it hangs", k.serves("a.example") and soon(lambda: k.get("/readyz")[0] == 200), k.why())
        workers = k.workers()
        os.rename(k.master, k.master + ".real")
        os.rename(k.admin, k.admin + ".real")
        for name, answer in (("silent", b""), ("garbage", b"\0\xff garbage\n" * 1000), ("cut", b"#<PID>  ")):
            false = [Hangs(path, answer) for path in (k.master, k.admin)]
            k.write("a.example", name + ".example")
            tap.ok(name + ": it is not ready", soon(lambda: k.get("/readyz")[0] == 503), k.why())
            began = time.time()
            tap.ok(name + ": the loop answers at once", k.get("/healthz")[0] == 200 and time.time() - began < 1)
            # in the instant in which nobody listens there, HAProxy is taken for one that is down: then the mark of what is still to be done stays
            tap.ok(name + ": what was not done is known", soon(lambda: k.get("/synced")[0] == 503 or os.path.exists(k.khap + "/pending")), k.why())
            for f in false:
                f.stop()
        os.rename(k.master + ".real", k.master)
        os.rename(k.admin + ".real", k.admin)
        tap.ok("when it answers again, it gets the last change", k.serves("cut.example"), k.why())
        tap.ok("and is ready", soon(lambda: k.get("/readyz")[0] == 200 and k.get("/synced")[0] == 200), k.why())
        tap.ok("it lived all the time", bool(workers) and k.haproxy.poll() is None)
    finally:
        k.stop()


def main():
    lib.need_haproxy()
    khapd.program()
    n, seed = int(os.environ.get("N") or 8), tap.seed("N")
    tap.note("N=%d SEED=%d" % (n, seed))
    with lib.Lab() as lab:
        killed(lab, n, seed)
        hangs(lab)
    tap.finish()


if __name__ == "__main__":
    main()
