#!/usr/bin/python3
"""HAProxy is reloaded by a command: one that does it, one that fails, one that is not there, and none."""
import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import khapd  # noqa: E402
import khapgen  # noqa: E402
import lib  # noqa: E402
import tap  # noqa: E402

soon = khapd.soon


def settings(k, text, reload):
    with open(k.yaml, "w") as f:
        f.write(text.replace("  master: %s\n" % k.master, "").replace("{minInterval: 50ms}", "{minInterval: 50ms%s}" % reload))


def timeouts(n):
    return "serviceDefaults: {timeouts: {server: %ds}}\n" % n  # only a reload brings them


def main():
    lib.need_haproxy()
    program = khapd.program()
    with lib.Lab() as lab:
        k = khapd.Khapd(lab, "command")
        k.log = open(k.dir + "/log", "a")
        with open(k.yaml) as f:
            text = f.read()

        def once():
            done = subprocess.run([program, "--config", k.yaml, "--once"], stdin=subprocess.DEVNULL, stdout=k.log, stderr=k.log, timeout=90)
            return done.returncode

        try:
            settings(k, text, ", command: [/bin/sh, -c, 'kill -USR2 $(cat %s/pid)']" % k.dir)
            tap.equal("the first pass, without a HAProxy", once(), 0)
            k.haproxy = subprocess.Popen([k.binary, "-W", "-p", k.dir + "/pid", "-C", k.khap + "/current", "-f", "haproxy.cfg"], stdin=subprocess.DEVNULL, stdout=k.log, stderr=k.log)
            tap.ok("HAProxy runs", k.serves("a.example"), k.why())
            k.write("a.example", "b.example", more=timeouts(61))
            tap.ok("what only a reload brings is there, once the pass has ended", once() == 0 and lib.ask(k.port, host="b.example").status == 200, k.why())
            k.write("a.example", "b.example", "d.example", more=timeouts(61))
            done = subprocess.run([khapgen.program(), "apply", "--config", k.yaml], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=90)
            tap.ok("khapgen apply --config does what khapd does", done.returncode == 0 and "1 at run time, 0 reloads" in done.stdout and
                   lib.ask(k.port, host="d.example").status == 200, done.stdout + done.stderr)
            generation = os.readlink(k.khap + "/current")
            for what, reload, told in (("a command that fails", ", command: [sh, -c, 'echo no such thing; exit 3']", "sh ended with status 3: no such thing"),
                                       ("a command that is not there", ", command: /nonexistent/reload", "/nonexistent/reload: no such file or directory"),
                                       ("no way to reload", "", "nothing is said of how it is reloaded")):
                settings(k, text, reload)
                k.write("a.example", "c.example", more=timeouts(62))
                tap.ok(what + ": it is said", once() != 0 and told in k.said().lower(), k.why())
                tap.ok(what + ": the last generation counts", os.readlink(k.khap + "/current") == generation and lib.ask(k.port, host="b.example").status == 200, k.why())
                k.write("a.example", "b.example", "c.example", more=timeouts(61))
                tap.ok(what + ": what needs no reload is done", once() == 0 and lib.ask(k.port, host="c.example").status == 200, k.why())
                generation = os.readlink(k.khap + "/current")
        finally:
            k.stop()
    tap.finish()


if __name__ == "__main__":
    main()
