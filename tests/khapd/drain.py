#!/usr/bin/python3
"""Servers that leave are drained, then go, at run time; a khapd that starts anew goes on with that, and so does a HAProxy that somebody else reloads. What
HAProxy knows of its servers outlives a reload: those that are down, and what was taken out of service by hand.

HAPROXY_RELEASES="2.6=PATH ..." names the HAProxies; RELOADS= how many one drained server goes through (6 without it).
"""
import json
import os
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import khapd  # noqa: E402
import lib  # noqa: E402
import tap  # noqa: E402

soon = khapd.soon
RELOADS = int(os.environ.get("RELOADS") or 6)
DRAIN = 3.0


class Drain(khapd.Khapd):
    def __init__(self, lab, name, binary, more=""):
        super().__init__(lab, name, binary=binary, more=more)
        self.line_port, self.tcp_port = lib.free_port(), lib.free_port()
        for address in ("127.0.0.2", "127.0.0.3"):
            lab.web(self.web_port, [address])
            lab.line(self.line_port, address)
        lab.line(self.line_port)

    def services(self, nodes, more="", extra=""):
        """The same name for the same address."""
        text = "nodes: {%s}\n" % ", ".join("n%d: 127.0.0.%d" % (n, n) for n in nodes if n > 1)
        text += """services:
  web: {nodePort: %d, hosts: [a.example], check: %s, cookie: {name: SRV, mode: insert, indirect: true}}
  tcp: {mode: tcp, bind: "127.0.0.1:%d", nodePort: %d, check: false}
%s""" % (self.web_port, extra or "false", self.tcp_port, self.line_port, more)
        with open(self.dir + "/map.new", "w") as f:
            f.write(text)
        os.rename(self.dir + "/map.new", self.map)

    def server(self, backend, name):
        """Its columns, or None."""
        for line in lib.tell(self.admin, "show servers state " + backend).splitlines():
            if line.split()[3:4] == [name]:
                return line.split()
        return None

    def to(self, node=None):
        """Which address answers."""
        try:
            headers = (("Cookie", "SRV=" + node),) if node else ()
            return lib.ask(self.port, host="a.example", headers=headers).json["name"].split(":")[0]
        except (OSError, ValueError, TypeError, KeyError):
            return None

    def leaving(self):
        try:
            with open(self.khap + "/leaving") as f:
                return sorted(tuple(line.split()[:2]) for line in f)
        except FileNotFoundError:
            return []


def drains(lab, name, binary):
    k = Drain(lab, "drain-" + name, binary, more="drain: %dms\n" % (DRAIN * 1000))
    try:
        k.services([1, 2, 3])
        k.start()
        k.start_haproxy()
        if not tap.ok(name + ": two nodes serve", soon(lambda: {k.to("n2"), k.to("n3")} == {"127.0.0.2", "127.0.0.3"}), k.why()):
            return
        soon(lambda: k.workers())
        workers = k.workers()
        long = {}
        for _ in range(9):
            client = lib.Client(k.tcp_port)
            said = b""
            while not said.endswith(b"\n"):
                said += client.sock.recv(1)
            long[json.loads(said)["name"]] = client
        k.services([1, 3])
        began = time.time()
        tap.ok(name + ": one leaves, and has weight 0", soon(lambda: (k.server("web", "n2") or [""] * 8)[7] == "0", 2), k.why())
        tap.equal(name + ": nobody new comes to it", {k.to() for _ in range(20)}, {"127.0.0.1", "127.0.0.3"})
        tap.equal(name + ": who holds its cookie does", k.to("n2"), "127.0.0.2")
        tap.equal(name + ": it is noted", k.leaving(), [("tcp", "n2"), ("web", "n2")])
        k.process.kill()
        k.process.wait()
        k.start()
        tap.ok(name + ": a khapd that starts anew leaves it so", soon(lambda: k.get("/synced")[0] == 200) and (k.server("web", "n2") or [""] * 8)[7] == "0", k.why())
        if name != "2.2":
            gone = soon(lambda: k.server("web", "n2") is None and k.server("tcp", "n2") is None, DRAIN + 20)
            tap.ok(name + ": in the end it goes, not before", gone and DRAIN <= time.time() - began, "%.1f s\n%s" % (time.time() - began, k.why()))
            tap.ok(name + ": nothing is noted then", soon(lambda: k.leaving() == []), str(k.leaving()))
        if name not in ("2.2", "2.4"):
            tap.equal(name + ": all without a reload", (k.workers(), k.reloads()), (workers, 0))
            open_still = 0
            for client in long.values():
                try:
                    client.send(b"again\n")
                    open_still += client.sock.recv(100) != b""
                except OSError:
                    pass
            tap.equal(name + ": of three long connections only the one to it was cut", (len(long), open_still), (3, 2))
        if name == "2.2":
            return
        k.services([1, 2, 3])
        tap.ok(name + ": it comes back", soon(lambda: k.to("n2") == "127.0.0.2" and (k.server("web", "n2") or [""] * 8)[7] == "100"), k.why())
        k.services([1, 2])
        tap.ok(name + ": another one leaves", soon(lambda: (k.server("web", "n3") or [""] * 8)[7] == "0", 2), k.why())
        lib.tell(k.master, "reload")
        tap.ok(name + ": somebody reloads meanwhile, and it has weight 0", soon(lambda: (k.server("web", "n3") or [""] * 8)[7] == "0" and k.to("n3") == "127.0.0.3"), k.why())
        k.services([1, 2, 3])
        tap.ok(name + ": it is wanted again before it went", soon(lambda: (k.server("web", "n3") or [""] * 8)[7] == "100"), k.why())
    finally:
        k.stop()


def states(lab, name, binary):
    k = Drain(lab, "states-" + name, binary)
    check = "{interval: 20s, fall: 1, rise: 1}"
    try:
        k.services([1, 2, 3, 99], extra=check)
        k.start()
        k.start_haproxy()
        def op(server):
            return (k.server("web", server) or [""] * 8)[5]
        up = soon(lambda: k.to("n2") == "127.0.0.2" and op("n99") == "0", 30)
        if not tap.ok(name + ": a node is found dead", up, k.why()):
            return
        lib.tell(k.admin, "set server web/n2 state drain")
        lib.tell(k.admin, "set server web/n3 state maint")
        wrong, done = [], 0
        for n in range(RELOADS):
            workers = k.workers()
            more = "  other%d: {nodePort: %d, hosts: [o%d.example], check: false, timeouts: {server: %ds}}\n" % (n, k.web_port, n, 100 + n)
            k.services([1, 2, 3, 99], more=more, extra=check)
            if not (soon(lambda: k.workers() and not set(k.workers()) & set(workers)) and k.serves("o%d.example" % n)):
                wrong.append("reload %d did not come: %s" % (n, k.why()))
                break
            done += 1
            rows = [k.server("web", s) or [""] * 8 for s in ("n1", "n2", "n3", "n99")]
            got = [(r[5], r[6]) for r in rows]
            if got[0][0] != "2" or got[1][1] != "8" or got[2][1] != "1" or got[3][0] != "0":
                wrong.append("reload %d: %s" % (n, got))
            answers = {k.to() for _ in range(6)}
            if answers != {"127.0.0.1"}:
                wrong.append("reload %d: %s answered" % (n, answers))
        tap.ok("%s: through %d reloads the dead one is dead, what was drained and taken out by hand stays so" % (name, RELOADS), done == RELOADS and not wrong, "\n".join(wrong[:4]))

        def kept():
            with open(k.khap + "/server-states") as f:
                return f.read()
        tap.ok(name + ": nothing of it stays for a reload of somebody else's", soon(lambda: kept() == "1\n"), kept())
        tap.ok(name + ": HAProxy has nothing against the file", "state file" not in k.said(), k.why())
    finally:
        k.stop()


def main():
    lib.need_haproxy()
    khapd.program()
    releases = lib.releases()
    with lib.Lab() as lab:
        for release, binary in releases:
            drains(lab, release, binary)
            if release != "2.2":  # taken out of its package, it cannot start itself anew
                states(lab, release, binary)
    tap.finish()


if __name__ == "__main__":
    main()
