#!/usr/bin/python3
"""What somebody changes through HAProxy's socket is put right by the next look, at run time; a server that was taken out of service by hand stays so. And a
HAProxy that nobody touched has what its files say: nothing is put right there."""
import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import khapd  # noqa: E402
import lib  # noqa: E402
import tap  # noqa: E402

soon = khapd.soon
MORE = """  two: {nodePort: %(port)d, hosts: ["*.w.example", "two.example"], check: false, balance: roundrobin, sourceRanges: [127.0.0.0/8, "2001:db8::/32"],
        routes: [{path: /p}, {path: "/r[0-9]+", pathType: Regex}, {path: /x, pathType: Exact}]}
  six: {hosts: [six.example], check: false, servers: [{name: v6, address: "::1", port: %(port)d, weight: 7}, {name: v4, address: 127.0.0.2, port: %(port)d}]}
  shut: {nodePort: %(port)d, hosts: [shut.example], maintenance: true, check: false}
"""


def ask(k, command):
    return lib.tell(k.admin, command)


def one(lab, release, binary):
    k = khapd.Khapd(lab, "drift-" + release, binary=binary)
    k.log = open(k.dir + "/log", "a")
    program = khapd.program()

    def once(*words):
        done = subprocess.run([program, "--config", k.yaml, "--once", *words], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
        with open(k.dir + "/log", "a") as f:
            f.write(done.stdout + done.stderr)
        return done.returncode, done.stdout + done.stderr

    def servers():
        rows = [line.split() for line in ask(k, "show servers state").splitlines() if len(line.split()) > 18 and line[0] not in "#" and "MASTER" not in line]
        return sorted((r[1], r[3], r[4], r[18], r[7]) for r in rows)

    def maps():
        names = [line.split("(", 1)[1].split(")", 1)[0] for line in ask(k, "show map").splitlines() if "(maps/" in line]
        return {n: sorted(line.split(" ", 1)[1] for line in ask(k, "show map " + n).splitlines() if " " in line) for n in names}

    try:
        k.write("a.example", more=MORE % {"port": k.web_port})
        once()
        k.start_haproxy()
        if not tap.ok("%s: it runs" % release, k.serves("a.example"), k.why()):
            return
        status, said = once()
        tap.ok("%s: a HAProxy that nobody touched has what its files say" % release, status == 0 and "apply-drift" not in said, said)
        sound = servers(), maps()
        tap.ok("%s: there is something to change" % release, any("a.example web" in v for v in sound[1].values()) and len(sound[0]) == 5, str(sound))
        changes = {
            "a weight": "set server web/n1 weight 17",
            "an address": "set server web/n1 addr 127.0.0.9 port 9",
            "an address of IPv6": "set server six/v6 addr ::2",
            "an entry that is gone": "del map maps/http-hosts.map a.example",
            "an entry of another value": "set map maps/http-hosts.map a.example khap-404",
            "an entry that is new": "add map maps/http-hosts.map stranger.example web",
            "maps without entries": "clear map maps/http-hosts.map",
        }
        for what, command in changes.items():
            ask(k, command)
            changed = soon(lambda: (servers(), maps()) != sound, 3)
            status, said = once("--dry-run")
            dry = (servers(), maps()) != sound
            told = "apply-drift" in said
            workers = k.workers()
            status, said = once()
            tap.ok("%s: %s is put right" % (release, what), changed and dry and told and status == 0 and "apply-drift" in said and (servers(), maps()) == sound and k.workers() == workers,
                   "%s\n%s\nis:     %s\nshould: %s" % (command, said, (servers(), maps()), sound))
            tap.ok("%s: %s: then all is well" % (release, what), "apply-drift" not in once()[1])
        ask(k, "set server six/v4 state maint")
        status, said = once()
        tap.ok("%s: a server that was taken out by hand is told, and stays out" % release, "apply-held" in said and "six/v4" in said and "apply-drift" not in said and
               any(line.split()[3] == "v4" and line.split()[6] == "1" for line in ask(k, "show servers state six").splitlines() if len(line.split()) > 6), said)
        status, said = once()
        ask(k, "set server six/v4 state ready")
        tap.ok("%s: once it is ready nothing is told" % release, "apply-held" not in once()[1])
    finally:
        k.stop()


def main():
    lib.need_haproxy()
    khapd.program()
    binaries = lib.releases()
    with lib.Lab() as lab:
        for release, binary in binaries:
            one(lab, release, binary)
    tap.finish()


if __name__ == "__main__":
    main()
