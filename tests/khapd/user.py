#!/usr/bin/python3
"""khapd as an ordinary user beside an HAProxy that was started as root, with a group that may write to its sockets."""
import os
import signal
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import khapd  # noqa: E402
import lib  # noqa: E402
import tap  # noqa: E402

soon = khapd.soon
UID = GID = 65534


def main():
    lib.need_haproxy()
    program = khapd.program()
    if os.getuid() != 0:
        tap.skip_all("needs to be started by root, to become another user")
    setpriv = tap.need("setpriv", "util-linux")
    group = subprocess.run(["getent", "group", str(GID)], capture_output=True, text=True).stdout.split(":")[0]
    if not group:
        tap.skip_all("needs a group with the number %d (Debian: nogroup, package base-passwd)" % GID)
    with lib.Lab() as lab:
        k = khapd.Khapd(lab, "user")
        try:
            os.mkdir(k.khap)
            os.chmod(k.dir, 0o755)
            os.mkdir(k.dir + "/state", 0o700)
            for path in (k.khap, k.dir + "/state"):
                os.chown(path, UID, GID)
            with open(k.yaml) as f:
                text = f.read()
            with open(k.yaml, "w") as f:
                f.write(text.replace("socket: {path: %s}" % k.admin, "socket: {path: %s, mode: 660, group: %s}" % (k.admin, group)))
            can = subprocess.run([setpriv, "--reuid", str(UID), "--regid", str(GID), "--clear-groups", program, "--version"], capture_output=True)
            if can.returncode != 0:
                tap.skip_all("another user cannot run %s: a folder above it is closed to others" % program)
            k.log = open(k.dir + "/log", "a")
            k.process = subprocess.Popen([setpriv, "--reuid", str(UID), "--regid", str(GID), "--clear-groups", program, "--config", k.yaml],
                                         stdin=subprocess.DEVNULL, stdout=k.log, stderr=k.log)
            lib.until(lambda: os.path.exists(k.khap + "/current"))
            k.haproxy = subprocess.Popen([k.binary, "-W", "-S", k.master + ",mode,660,group," + group, "-C", k.khap + "/current", "-f", "haproxy.cfg"],
                                         stdin=subprocess.DEVNULL, stdout=k.log, stderr=k.log)
            tap.ok("it serves, and khapd knows", k.serves("a.example") and soon(lambda: k.get("/readyz")[0] == 200), k.why())
            k.write("a.example", "b.example")
            tap.ok("a host, at run time", k.serves("b.example") and k.reloads() == 0, k.why())
            k.write("a.example", more="  more: {nodePort: %d, hosts: [c.example], check: false}\n" % k.web_port)
            tap.ok("a new service", k.serves("c.example") and soon(lambda: k.get("/synced")[0] == 200), k.why())
            tap.equal("what it wrote is its own", {os.stat(k.khap + "/current/" + n).st_uid for n in os.listdir(k.khap + "/current")}, {UID})
            tap.equal("SIGTERM", k.end(signal.SIGTERM), 0)
        finally:
            k.stop()
    tap.finish()


if __name__ == "__main__":
    main()
