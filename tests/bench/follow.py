#!/usr/bin/python3
"""From a changed file to the first request that is served by it, with khapd: a host among many, a node under many services, a certificate among many; and
khapd's memory. Beside it stands a plain reload of the same HAProxy with the same configuration, in the same run: from `reload` at the master's socket to
the first answer of the new process.

HOSTS, SERVICES, CERTS and ROUNDS bound the run. SPDX-License-Identifier: MIT
"""
import os
import re
import socket
import ssl
import statistics
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "khapd"))
import khapd  # noqa: E402
import lib  # noqa: E402

HOSTS = int(os.environ.get("HOSTS", "100000"))
SERVICES = int(os.environ.get("SERVICES", "5000"))
CERTS = int(os.environ.get("CERTS", "1000"))
ROUNDS = int(os.environ.get("ROUNDS", "5"))


def say(*words):
    print(*words, flush=True)


def milliseconds(what, served):
    """Does it, and waits until it is served."""
    began = time.monotonic()
    what()
    if not lib.until(served, 120, 0.001):
        sys.exit("not served within two minutes")
    return (time.monotonic() - began) * 1000


def replace(path, text):
    with open(path + ".new", "w") as f:
        f.write(text)
    os.rename(path + ".new", path)


def pid_of(k):
    try:
        return int(re.search(r"^Pid: (\d+)", lib.tell(k.admin, "show info"), re.M).group(1))
    except (OSError, AttributeError):
        return 0


def plain_reload(k):
    before = pid_of(k)

    def ask():
        s = socket.socket(socket.AF_UNIX)
        while s.connect_ex(k.master):  # a master that has just begun anew
            time.sleep(0.001)
        s.sendall(b"reload\n")
        try:
            while s.recv(65536):
                pass
        except ConnectionResetError:  # up to 2.6 it begins anew at once
            pass
        s.close()
    return milliseconds(ask, lambda: pid_of(k) not in (0, before))


def answers(k, host):
    try:
        return lib.ask(k.port, host=host).status == 200
    except (OSError, ValueError, IndexError):
        return False


def resident(k):
    with open("/proc/%d/status" % k.process.pid) as f:
        return int(re.search(r"VmRSS:\s+(\d+)", f.read()).group(1)) / 1024


def report(name, took, reloads, k):
    plain = [plain_reload(k) for _ in range(3)]
    middle, beside = statistics.median(took), statistics.median(plain)
    say("%-34s median %7.0f ms, slowest %7.0f; a plain reload %6.0f ms: ratio %.2f; reloads %d of %d; khapd %.0f MiB" %
        (name, middle, max(took), beside, middle / beside, reloads, len(took), resident(k)))


def run(lab, name, begin, change, served):
    """begin(k) writes the first map, change(k, i) the next ones; served(k, i)."""
    k = khapd.Khapd(lab, name.split()[0], settings="deadline: 5m\n")
    try:
        begin(k)
        k.start()
        lib.until(lambda: os.path.exists(k.khap + "/current"), 180)
        k.start_haproxy()
        if not lib.until(lambda: answers(k, "h0.example") and k.get("/readyz")[0] == 200, 180, 0.05):
            sys.exit("%s does not begin: %s" % (name, k.why()))
        time.sleep(1)
        before, took = k.reloads(), []
        for i in range(1, ROUNDS + 1):
            took.append(milliseconds(lambda: change(k, i), lambda: served(k, i)))
            lib.until(lambda: k.get("/synced")[0] == 200, 60)
            time.sleep(0.3)
        report(name, took, k.reloads() - before, k)
    finally:
        k.stop()


def host(lab):
    def text(k, n):
        rows = "".join("  s%d: {nodePort: %d, check: false, hosts: [%s]}\n" % (s, k.web_port, ", ".join("h%d.example" % h for h in range(s, HOSTS, 100))) for s in range(100))
        return "services:\n" + rows + "  more: {nodePort: %d, check: false, hosts: [%s]}\n" % (k.web_port, ", ".join("n%d.example" % i for i in range(n + 1)))
    run(lab, "host among %d" % HOSTS, lambda k: replace(k.map, text(k, 0)), lambda k, i: replace(k.map, text(k, i)), lambda k, i: answers(k, "n%d.example" % i))


def node(lab):
    def text(k, n):
        nodes = "nodes: {%s}\n" % ", ".join("m%d: 127.0.1.%d" % (i, i + 1) for i in range(n))
        return nodes + "services:\n" + "".join("  s%d: {nodePort: %d, check: false, hosts: [h%d.example]}\n" % (s, k.web_port, s) for s in range(SERVICES))

    def served(k, i):
        """The last service, too, has the new node."""
        try:
            return " m%d " % (i - 1) in lib.tell(k.admin, "show servers state s%d" % (SERVICES - 1))
        except OSError:
            return False
    run(lab, "node under %d services" % SERVICES, lambda k: replace(k.map, text(k, 0)), lambda k, i: replace(k.map, text(k, i)), served)


def certificate(lab):
    folder = os.path.join(lab.dir, "many")
    os.mkdir(folder)
    https = lib.free_port()
    makes = lab.certs
    first = makes.make("c0", ["c0.example"])
    with open(first) as f:
        pem = f.read()
    for i in range(CERTS):
        with open("%s/c%d.pem" % (folder, i), "w") as f:
            f.write(pem)
    renewed = [makes.make("r%d" % i, ["c0.example"]) for i in range(ROUNDS + 1)]

    def begin(k):
        with open(k.yaml) as f:
            yaml = f.read()
        with open(k.yaml, "w") as f:
            f.write(yaml.replace("https: false", 'https: {bind: "127.0.0.1:%d"}' % https))
        certs = "".join("  - {file: %s/c%d.pem, hosts: [c%d.example]}\n" % (folder, i, i) for i in range(CERTS))
        replace(k.map, "certs:\n" + certs + "services:\n  web: {nodePort: %d, check: false, hosts: [h0.example, c0.example], redirectHttps: false}\n" % k.web_port)

    def change(_, i):
        with open(renewed[i]) as f:
            replace(folder + "/c0.pem", f.read())

    def served(_, i):
        with open(renewed[i]) as f:
            wanted = ssl.PEM_cert_to_DER_cert(re.search(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----\n", f.read(), re.S).group(0))
        context = ssl._create_unverified_context()
        try:
            with context.wrap_socket(socket.create_connection(("127.0.0.1", https), timeout=5), server_hostname="c0.example") as s:
                return s.getpeercert(True) == wanted
        except OSError:
            return False
    run(lab, "certificate among %d" % CERTS, begin, change, served)


def main():
    lib.need_haproxy()
    khapd.program()
    say(subprocess.run([lib.HAPROXY, "-v"], capture_output=True, text=True).stdout.split("\n")[0])
    with lib.Lab() as lab:
        host(lab)
        node(lab)
        certificate(lab)


if __name__ == "__main__":
    main()
