#!/usr/bin/python3
"""A HAProxy that khapd starts itself: from the last generation, again when it ends, and found again by the next khapd; certificates that are renewed."""
import os
import signal
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import khapd  # noqa: E402
import lib  # noqa: E402
import tap  # noqa: E402

soon = khapd.soon


def master(k):
    return int(k.said().rsplit("started HAProxy, process ", 1)[1].split()[0])


def main():
    lib.need_haproxy()
    khapd.program()
    with lib.Lab() as lab:
        k = khapd.Khapd(lab, "managed", more="  manage: true\n")
        try:
            k.start()
            tap.ok("HAProxy is started with the first generation", k.serves("a.example") and soon(lambda: k.get("/readyz")[0] == 200), k.why())
            first = master(k)
            os.kill(first, signal.SIGKILL)
            tap.ok("HAProxy is killed, and started again", soon(lambda: k.metric("haproxy_starts_total") == 2 and master(k) != first) and k.serves("a.example"), k.why())
            tap.ok("and it is ready", soon(lambda: k.get("/readyz")[0] == 200), k.why())
            k.write("a.example", "b.example")
            tap.ok("it follows", k.serves("b.example"), k.why())
            workers = k.workers()
            k.process.kill()
            k.process.wait()
            tap.ok("khapd is killed, HAProxy goes on", k.serves("b.example"), k.why())
            k.start()
            k.write("a.example", "c.example")
            tap.ok("the next khapd finds it", k.serves("c.example") and soon(lambda: k.metric("haproxy_starts_total") == 0) and k.workers() == workers, k.why())
            tap.equal("SIGTERM", k.end(), 0)
            tap.ok("HAProxy goes on without khapd", k.serves("c.example") and k.workers() == workers, k.why())
            # both are gone, and the source is broken: what counted last is started
            os.kill(master(k), signal.SIGKILL)
            tap.ok("HAProxy is gone", soon(lambda: not k.workers()))
            with open(k.map, "w") as f:
                f.write("services: [\n")
            k.start()
            tap.ok("from the last generation, though the source is broken", k.serves("c.example") and soon(lambda: k.get("/readyz")[0] == 200) and
                   soon(lambda: k.get("/synced")[0] == 503), k.why())
        finally:
            k.stop()

        k = khapd.Khapd(lab, "old", more="  manage: true\n")
        line, tcp = lab.line(lib.free_port()), lib.free_port()
        db = "  db: {nodePort: %d, mode: tcp, bind: \"127.0.0.1:%d\"}\n" % (line.port, tcp)
        try:
            with open(k.yaml) as f:
                text = f.read()
            with open(k.yaml, "w") as f:
                f.write(text.replace("minInterval: 50ms", "minInterval: 50ms, maxOldWorkers: 1"))
            k.write("a.example", more=db)
            k.start()
            tap.ok("with a long connection", k.serves("a.example") and soon(lambda: k.get("/readyz")[0] == 200), k.why())
            long = lib.Client(tcp)
            new = ["  %s: {nodePort: %d, hosts: [%s.example], check: false}\n" % (n, k.web_port, n) for n in ("one", "two")]
            k.write("a.example", more=db + new[0])
            tap.ok("a reload, and the old process waits", k.serves("one.example") and soon(lambda: k.metric("old_workers") == 1), k.why())
            k.write("a.example", more=db + "".join(new))
            tap.ok("the next reload is put off", soon(lambda: (k.metric("reloads_put_off_total") or 0) > 0) and "maxOldWorkers" in k.said() and
                   k.serves("two.example", 404) and k.get("/synced")[0] == 503 and k.get("/readyz")[0] == 200, k.why())
            long.close()
            tap.ok("it comes when the long connection has ended", k.serves("two.example") and soon(lambda: k.get("/synced")[0] == 200), k.why())
        finally:
            k.stop()

        pem = lab.certs.make("a", ["a.example"])
        k = khapd.Khapd(lab, "tls", more="  manage: true\n")
        tls = lib.free_port()
        try:
            with open(k.yaml) as f:
                text = f.read()
            with open(k.yaml, "w") as f:
                f.write(text.replace("https: false", 'https: {bind: "127.0.0.1:%d"}' % tls) + "certs: [{file: %s}]\n" % pem)
            k.start()
            tap.ok("with a certificate", soon(lambda: k.get("/readyz")[0] == 200) and soon(lambda: served(tls)), k.why())
            before = served(tls)
            tap.ok("/metrics tells when it expires", abs((k.metric("certificate_expires_timestamp_seconds") or 0) - time.time() - 90 * 86400) < 3600)
            lab.certs.make("a", ["a.example"])
            tap.ok("a certificate is renewed under its name", soon(lambda: served(tls) not in (None, before)), k.why())
            tap.ok("and it is ready again", soon(lambda: k.get("/readyz")[0] == 200 and k.get("/synced")[0] == 200), k.why())
        finally:
            k.stop()
    tap.finish()


def served(port):
    """The certificate, as bytes."""
    import socket
    context = lib.client_tls()
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as s, context.wrap_socket(s, server_hostname="a.example") as t:
            return t.getpeercert(True)
    except OSError:
        return None


if __name__ == "__main__":
    main()
