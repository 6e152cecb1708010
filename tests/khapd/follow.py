#!/usr/bin/python3
"""khapd beside a HAProxy that somebody else runs: each way to change a file, what is answered over HTTP, broken sources, edited files, and what is killed.

HAPROXY_RELEASES="2.2=PATH 2.6=PATH ..." names the HAProxies.
"""
import os
import shutil
import signal
import socket
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import khapd  # noqa: E402
import lib  # noqa: E402
import tap  # noqa: E402

soon = khapd.soon


def changes(k, name):
    k.start()
    tap.ok(name + ": the first generation stands", soon(lambda: os.path.exists(k.khap + "/current")), k.why())
    tap.equal(name + ": without HAProxy it is not ready", k.get("/readyz")[0], 503)
    k.start_haproxy()
    tap.ok(name + ": ready when HAProxy runs", soon(lambda: k.get("/readyz")[0] == 200), k.why())
    tap.ok(name + ": the first host", k.serves("a.example"), k.why())
    workers, before = k.workers(), k.reloads()
    tap.ok(name + ": a worker is known", len(workers) == 1, str(workers))
    k.write("a.example", "b.example")
    tap.ok(name + ": written in place", k.serves("b.example"), k.why())
    k.write("a.example", "c.example", path=k.dir + "/.map.new")
    os.rename(k.dir + "/.map.new", k.map)
    tap.ok(name + ": renamed into its place", k.serves("c.example"), k.why())
    tap.ok(name + ": what is gone is not served", k.serves("b.example", 404), k.why())
    # as kubelet mounts a ConfigMap: map.yaml -> ..data/map.yaml, ..data -> ..1
    for n, host in (("1", "d.example"), ("2", "e.example")):
        os.mkdir(k.dir + "/.." + n)
        k.write("a.example", host, path=k.dir + "/.." + n + "/map.yaml")
        os.symlink(".." + n, k.dir + "/..tmp")
        os.rename(k.dir + "/..tmp", k.dir + "/..data")
        if n == "1":
            os.symlink("..data/map.yaml", k.dir + "/map.link")
            os.rename(k.dir + "/map.link", k.map)
        tap.ok(name + ": a link, ..data -> .." + n, k.serves(host), k.why())
    # one that is put aside for a moment, as some editors do
    os.unlink(k.map)
    k.write("a.example", "f.example", path=k.dir + "/aside")
    os.rename(k.dir + "/aside", k.map)
    tap.ok(name + ": taken away and put back", k.serves("f.example"), k.why())
    tap.equal(name + ": all of it without a reload", (k.reloads() - before, k.workers()), (0, workers))


def answers(k, name):
    tap.equal(name + ": /healthz", k.get("/healthz"), (200, "ok\n"))
    tap.ok(name + ": /synced", soon(lambda: k.get("/synced")[0] == 200), k.why())
    tap.equal(name + ": /objects", [(o["service"], o["accepted"], o["backend"], o["source"]) for o in k.objects()], [("web", True, "web", k.map)])
    tap.equal(name + ": another path, another method", (k.get("/nothing")[0], k.get("/healthz", "POST")[0]), (404, 405))
    tap.ok(name + ": /metrics counts what was done", (k.metric("runtime_changes_total") or 0) > 0 and k.metric("haproxy_up") == 1, k.get("/metrics")[1])


def broken(k, name):
    was = os.readlink(k.khap + "/current")
    with open(k.map, "w") as f:
        f.write("services: [\n")
    tap.ok(name + ": a broken map is told", soon(lambda: k.get("/synced")[0] == 503), k.why())
    tap.equal(name + ": it is refused, with code and line", [(o["code"], o["line"]) for o in k.objects() if not o["accepted"]][:1], [("yaml-unclosed-bracket", 1)])
    tap.ok(name + ": HAProxy is as ready as before, and serves", k.get("/readyz")[0] == 200 and k.serves("f.example") and os.readlink(k.khap + "/current") == was, k.why())
    with open(k.map, "w") as f:
        f.write(k.text("a.example", "g.example", more="global: |\n  nonsense here\n"))
    tap.ok(name + ": what HAProxy refuses is told at its line", soon(lambda: any(o.get("source") == k.map for o in k.objects() if not o["accepted"]) and
                                                                     "unknown keyword 'nonsense'" in k.said()), k.why())
    tap.ok(name + ": and changes nothing", k.serves("f.example") and os.readlink(k.khap + "/current") == was, k.why())
    os.rename(k.map, k.map + ".away")
    k.write("a.example", "h.example")
    tap.ok(name + ": mended", k.serves("h.example") and soon(lambda: k.get("/synced")[0] == 200), k.why())


def reloads(k, name):
    before = k.reloads()
    more = "  other: {nodePort: %d, hosts: [other.example], check: false}\n" % k.web_port
    k.write("a.example", "h.example", more=more)
    tap.ok(name + ": a new service", k.serves("other.example"), k.why())
    tap.ok(name + ": ready again", soon(lambda: k.get("/readyz")[0] == 200 and k.get("/synced")[0] == 200), k.why())
    tap.ok(name + ": at most one reload", k.reloads() - before <= 1, k.why())
    k.write("a.example", "h.example")
    tap.ok(name + ": gone again", k.serves("other.example", 404), k.why())


def edited(k, name):
    with open(k.khap + "/current/haproxy.cfg", "a") as f:
        f.write("# somebody's\n")
    was = os.readlink(k.khap + "/current")
    k.write("a.example", "i.example")
    tap.ok(name + ": an edited file is told", soon(lambda: "apply-edited" in k.said() and k.get("/synced")[0] == 503), k.why())
    with open(k.khap + "/current/haproxy.cfg") as f:
        tap.ok(name + ": and not overwritten", "# somebody's" in f.read() and os.readlink(k.khap + "/current") == was and k.serves("h.example"), k.why())
    with open(k.yaml) as f:
        text = f.read()
    with open(k.yaml, "w") as f:
        f.write(text.replace("haproxy:\n", "haproxy:\n  overwrite: true\n", 1))
    k.process.send_signal(signal.SIGHUP)
    tap.ok(name + ": overwrite: true, and SIGHUP", k.serves("i.example"), k.why())
    with open(k.yaml, "w") as f:
        f.write("nonsense: [")
    k.process.send_signal(signal.SIGHUP)
    tap.ok(name + ": settings that are broken are not taken", soon(lambda: "the settings stay as they were" in k.said()) and k.get("/healthz")[0] == 200, k.why())
    with open(k.yaml, "w") as f:
        f.write(text)


def killed(k, name):
    workers = k.workers()
    k.process.kill()
    k.process.wait()
    tap.ok(name + ": khapd is killed, HAProxy serves", k.serves("i.example"), k.why())
    k.write("a.example", "j.example")
    k.start()
    tap.ok(name + ": the next khapd takes up what changed", k.serves("j.example") and k.workers() == workers, k.why())
    k.haproxy.kill()
    k.haproxy.wait()
    for worker in workers:
        soon(lambda: not os.path.exists("/proc/%d" % worker))
    tap.ok(name + ": HAProxy is killed, that is told", soon(lambda: k.get("/readyz")[0] == 503), k.why())
    k.write("a.example", "k.example")
    tap.ok(name + ": what changes meanwhile is written", soon(lambda: "k.example" in open(k.khap + "/current/maps/http-hosts.map").read()), k.why())
    k.start_haproxy()
    tap.ok(name + ": HAProxy comes back with it", k.serves("k.example") and soon(lambda: k.get("/readyz")[0] == 200), k.why())


def ends(k, name):
    tap.equal(name + ": SIGTERM", k.end(), 0)
    tap.ok(name + ": HAProxy goes on", k.serves("k.example"))
    path = k.dir + "/notify"
    s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    s.bind(path)
    s.settimeout(10)
    k.start({"NOTIFY_SOCKET": path, "WATCHDOG_USEC": "100000"})
    got = ""
    try:
        while "READY=1" not in got or got.count("WATCHDOG=1") < 3:
            got += s.recv(4096).decode()
        k.process.terminate()
        while "STOPPING=1" not in got:
            got += s.recv(4096).decode()
    except OSError:
        pass
    tap.ok(name + ": systemd is told", "READY=1" in got and got.count("WATCHDOG=1") >= 3 and "STOPPING=1" in got, got)
    k.process.wait(10)
    s.close()


def main():
    lib.need_haproxy()
    khapd.program()
    releases = lib.releases()
    with lib.Lab() as lab:
        for release, binary in releases:
            k = khapd.Khapd(lab, release, binary=binary)
            try:
                for part in (changes, answers, broken, reloads, edited, killed, ends):
                    if release == "2.2" and part in (reloads, broken, edited, killed, ends):
                        tap.note("2.2: %s is not tried: taken out of its package, it cannot start itself anew" % part.__name__)
                        k.write("a.example", "i.example")
                        k.serves("i.example")
                        continue
                    part(k, release)
            except Exception as e:  # noqa: BLE001 - told as what is wrong
                tap.ok("%s: %s" % (release, part.__name__), False, "%r\n%s" % (e, k.why()))
            finally:
                k.stop()
            shutil.rmtree(k.dir, ignore_errors=True)
    tap.finish()


if __name__ == "__main__":
    main()
