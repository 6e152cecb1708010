#!/usr/bin/python3
"""A service that makes HAProxy refuse the whole, or khapgen, is found by halves: its last valid version stays in use, or it is left out; the others go on; and it
comes back when it is mended."""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import khapd  # noqa: E402
import lib  # noqa: E402
import tap  # noqa: E402

soon = khapd.soon
# what HAProxy alone finds: khapgen takes lines of one's own as they are
BAD = "option nonsense-%d"


def main():
    lib.need_haproxy()
    khapd.program()
    with lib.Lab() as lab:
        k = khapd.Khapd(lab, "quarantine")

        def write(services):
            text = "services:\n"
            for name, extra in services.items():
                text += "  %s:\n    nodePort: %d\n    hosts: [%s.example]\n    check: false\n%s" % (name, k.web_port, name, extra)
            with open(k.dir + "/new", "w") as f:
                f.write(text)
            os.rename(k.dir + "/new", k.map)

        def told():
            return k.objects() if k.get("/healthz")[0] == 200 else []

        def refused():
            return sorted((o["service"], o["kept"]) for o in told() if not o["accepted"] and "service" in o)

        def extra(line):
            return "    extra: \"%s\"\n" % line

        many = {"s%d" % n: "" for n in range(20)}
        try:
            write(many)
            k.start()
            k.start_haproxy()
            if not tap.ok("all of them serve", k.serves("s0.example") and k.serves("s19.example"), k.why()):
                return
            write({**many, "s7": extra(BAD % 1), "late": ""})
            tap.ok("one is refused by HAProxy: another one that is new comes all the same", k.serves("late.example"), k.why())
            tap.ok("of the refused one the last valid version serves", k.serves("s7.example"), k.why())
            tap.ok("and it is told", soon(lambda: refused() == [("s7", True)]), str(k.objects())[-600:])
            tap.ok("with what HAProxy says of it", any("nonsense-1" in o.get("reason", "") for o in k.objects()), str(k.objects())[-600:])
            write({**many, "s7": extra(BAD % 1), "late": "", "bad": extra(BAD % 2), "worse": "    nonsense: true\n", "s19": "    path: [\"unfit\"]\n", "last": ""})
            tap.ok("several at once, some of them new: the others go on", k.serves("last.example") and k.serves("s19.example") and k.serves("s7.example"), k.why())
            tap.ok("each is told, and whether something of it serves", soon(lambda: refused() == [("bad", False), ("s19", True), ("s7", True), ("worse", False)]), str(refused()))
            tap.ok("those that are new are left out", k.serves("bad.example", 404) and k.serves("worse.example", 404), k.why())
            k.process.kill()
            k.process.wait()
            k.start()
            tap.ok("a khapd that starts anew finds the same", soon(lambda: refused() == [("bad", False), ("s19", True), ("s7", True), ("worse", False)]) and k.serves("s7.example"), str(refused()))
            write({**many, "s7": extra("option abortonclose"), "late": "", "bad": "", "last": ""})
            tap.ok("mended, they come back", k.serves("bad.example") and soon(lambda: refused() == []), k.why())
            with open(k.khap + "/current/haproxy.cfg") as f:
                tap.ok("with what they say now", "option abortonclose" in f.read())
        finally:
            k.stop()
    tap.finish()


if __name__ == "__main__":
    main()
