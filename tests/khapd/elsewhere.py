#!/usr/bin/python3
"""A HAProxy whose program is not here (`binary: none`), as in another container: the process says its release, and whether it takes a generation."""
import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import khapd  # noqa: E402
import lib  # noqa: E402
import tap  # noqa: E402

soon = khapd.soon
STATED = "2.0"  # older than each HAProxy that this is asked of, and written differently


class Elsewhere(khapd.Khapd):
    """`binary` starts HAProxy, and khapd does not know of it."""

    def without_program(self, more=""):
        with open(self.yaml) as f:
            text = f.read()
        with open(self.yaml, "w") as f:
            f.write(text.replace("  binary: %s\n" % self.binary, "  binary: none\n" + more))
        return self

    def current(self):
        try:
            with open(self.khap + "/current/haproxy.cfg") as f:
                return f.read()
        except OSError:
            return ""


def followed(lab, release, binary):
    k = Elsewhere(lab, "stated-" + release, binary=binary).without_program("  target: \"%s\"\n" % STATED)
    try:
        k.start()
        tap.ok(release + ": while none answers, the stated target is written for", soon(lambda: "errorfile 503" in k.current()), k.why())
        k.start_haproxy()
        tap.ok(release + ": it serves", k.serves("a.example") and soon(lambda: k.get("/readyz")[0] == 200), k.why())
        if release == "2.2":
            tap.note("2.2: reloads are not tried: taken out of its package, it cannot start itself anew")
            return
        k.write("b.example")
        tap.ok(release + ": it follows", k.serves("b.example") and k.serves("a.example", 404), k.why())
        tap.ok(release + ": then what runs is written for", soon(lambda: "deny_status 404" in k.current()), k.why())
        asked = subprocess.run([lib.KHAPGEN, "check", "--target", "socket:" + k.admin, k.khap + "/current/haproxy.cfg"], capture_output=True, text=True)
        tap.ok(release + ": khapgen asks the same process", asked.returncode == 0, asked.stderr)
        counted = k.current()

        # what no reader of the file can know: HAProxy alone can say that it has no such address
        k.write("c.example", more="  taken: {nodePort: 9, mode: tcp, bind: \"192.0.2.1:%d\", check: false}\n" % lib.free_port())
        tap.ok(release + ": a generation that HAProxy refuses is told", soon(lambda: "apply-reload" in k.said()), k.why())
        tap.ok(release + ": and taken back", soon(lambda: k.current() == counted) and k.serves("b.example"), k.why())
        tap.ok(release + ": HAProxy has what it had, so it is ready", soon(lambda: k.get("/readyz")[0] == 200), k.why())
        k.write("d.example")
        tap.ok(release + ": it goes on", k.serves("d.example") and soon(lambda: k.get("/readyz")[0] == 200), k.why())
    finally:
        k.stop()


def main():
    lib.need_haproxy()
    khapd.program()
    releases = lib.releases()
    with lib.Lab() as lab:
        k = Elsewhere(lab, "unstated").without_program()
        try:
            k.start()
            tap.ok("nobody says what HAProxy is: told, with the remedy", soon(lambda: "apply-target" in k.said()), k.why())
            tap.ok("nothing is written", k.current() == "" and k.get("/readyz")[0] == 503, k.why())
            asked = subprocess.run([lib.KHAPGEN, "-t", "socket:" + k.dir + "/nobody", k.map], capture_output=True, text=True)
            tap.ok("a socket without HAProxy is an error that names it", asked.returncode == 2 and "target-socket" in asked.stderr and "/nobody" in asked.stderr,
                   asked.stderr)
        finally:
            k.stop()

        k = Elsewhere(lab, "managed").without_program("  manage: true\n  target: \"%s\"\n" % STATED)
        k.start()
        tap.ok("khapd cannot start a program that is not there", k.process.wait(15) == 2 and "haproxy.binary" in k.said(), k.why())
        k.stop()
        for release, binary in releases:
            followed(lab, release, binary)
    tap.finish()


if __name__ == "__main__":
    main()
