#!/usr/bin/python3
"""Services with settings that are in use already come and go without a reload on HAProxy 3.4; those with new ones by one, and then they are in use.

HAPROXY_RELEASES="3.4=PATH ..." names the HAProxies, of which those before 3.4 are left out.
"""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import khapd  # noqa: E402
import lib  # noqa: E402
import tap  # noqa: E402

soon = khapd.soon
# the host that a check asks for is a setting, too
POLICY = "{cookie: {name: SRV, mode: insert}, check: {path: /healthz, host: x.example, interval: 100ms, fall: 1, rise: 1}, headers: {request: {set: {X-Tier: gold}}}, sourceRanges: [127.0.0.0/8], balance: leastconn"


def backends(k):
    return set(lib.tell(k.admin, "show backend").split()) - {"#", "name", "MASTER"}


def one(lab, release, binary):
    k = khapd.Khapd(lab, "profiles-" + release, binary=binary)

    def service(name, more="check: false}", hosts=None):
        return "  %s: {nodePort: %d, hosts: [%s.example]%s\n" % (name, k.web_port, hosts or name, more if more.startswith(",") else ", " + more)

    policy = ", " + POLICY[1:] + "}"
    try:
        k.write("a.example")
        k.start()
        k.start_haproxy()
        if not tap.ok("%s: it runs" % release, k.serves("a.example") and soon(lambda: k.workers()), k.why()):
            return

        def change(what, text, host, status, reloads):
            workers, before = k.workers(), k.reloads()
            k.write("a.example", more=text)
            good = k.serves(host, status) and soon(lambda: k.get("/synced")[0] == 200)
            good = good and soon(lambda: k.reloads() - before == reloads, 3) and (reloads > 0 or k.workers() == workers)
            tap.ok("%s: %s" % (release, what), good, "%s reloads, wanted %s\n%s" % (k.reloads() - before, reloads, k.why()))

        change("settings in use: it comes at once", service("b"), "b.example", 200, 0)
        change("and goes, and another one comes", service("c"), "c.example", 200, 0)
        tap.equal("%s: nothing is left of the first" % release, ("b" in backends(k), "c" in backends(k)), (False, True))
        change("it goes, too", "", "c.example", 404, 0)
        change("new settings: a reload", service("d", policy), "d.example", 200, 1)
        change("which are in use then", service("d", policy) + service("e", policy), "e.example", 200, 0)
        answer = lib.ask(k.port, host="e.example")
        tap.ok("%s: with all that its settings say" % release, answer.asked("x-tier") == ["gold"] and "SRV=" in str(answer.headers), repr(answer))
        tap.ok("%s: its servers are checked" % release, "/healthz" in k.web.seen)
        lib.tell(k.master, "reload")
        tap.ok("%s: a reload by somebody else gives the same" % release, k.serves("e.example") and k.serves("d.example") and {"d", "e"} <= backends(k), k.why())
        soon(lambda: k.get("/readyz")[0] == 200)
        change("the last one of a kind goes", service("e", policy), "d.example", 404, 0)
        change("and all of them", "", "e.example", 404, 0)
        client = lib.Client(k.port)
        client.ask("/", "a.example")
        change("another one comes beside a connection that is kept", service("f"), "f.example", 200, 0)
        tap.ok("%s: which goes on" % release, client.ask("/", "a.example").status == 200)
    finally:
        k.stop()


def main():
    lib.need_haproxy()
    khapd.program()
    releases = [pair.split("=", 1) for pair in os.environ.get("HAPROXY_RELEASES", "").split()]
    releases = [r for r in releases if tuple(int(n) for n in r[0].split(".")) >= (3, 4)]
    if not releases:
        tap.skip_all("needs HAPROXY_RELEASES with 3.4 (make check-releases)")
    with lib.Lab() as lab:
        for release, binary in releases:
            one(lab, release, binary)
    tap.finish()


if __name__ == "__main__":
    main()
