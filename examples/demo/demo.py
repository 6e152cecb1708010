#!/usr/bin/python3
"""HAProxy in front of three small services, on free loopback ports: generate, start, ask, show, stop.

Nothing outside a temporary folder is touched, and only what was started here is stopped.
"""
import argparse
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
NODES = {"node1": "127.0.0.2", "node2": "127.0.0.3", "node3": "127.0.0.4"}
SERVICES = ["marley-landing", "james-munnelly-eu", "kube-ui"]
HOSTS = ["marley.xyz", "james.munnelly.eu", "manage.marley.xyz"]
UNKNOWN = "no-such-host.example"  # goes to the service that says `default: true`


class Interrupt:
    """SIGINT and SIGTERM end the demonstration; where that would leave something behind, a moment later."""

    def __init__(self):
        self.deferred = 0
        self.seen = 0
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self.handle)

    def handle(self, number, _frame):
        self.seen = number
        if not self.deferred:
            sys.exit(128 + number)

    @contextlib.contextmanager
    def later(self):
        self.deferred += 1
        try:
            yield
        finally:
            self.deferred -= 1
        if self.seen and not self.deferred:
            sys.exit(128 + self.seen)


INTERRUPT = Interrupt()


def free_port(addresses):
    """A port that is free on all of these addresses."""
    for _ in range(100):
        opened = []
        try:
            port = 0
            for address in addresses:
                one = socket.socket()
                opened.append(one)
                one.bind((address, port))
                port = one.getsockname()[1]
            return port
        except OSError:
            continue
        finally:
            for one in opened:
                one.close()
    sys.exit("demo: found no port that is free on " + " ".join(addresses))


def run(command, **more):
    with INTERRUPT.later():  # a few seconds at most: a child that is not waited for would write into the folder
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **more)
    if done.returncode != 0:
        sys.exit("demo: %s\n%s" % (" ".join(command), done.stdout))
    return done.stdout


def start(started, command, **more):
    with INTERRUPT.later():
        started.append(subprocess.Popen(command, stdin=subprocess.DEVNULL, **more))
    return started[-1]


def wait_for(port, process):
    for _ in range(200):
        if process.poll() is not None:
            sys.exit("demo: HAProxy ended with status %d" % process.returncode)
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.05)
    sys.exit("demo: HAProxy does not answer on port %d" % port)


def ask(scheme, host, port, ca):
    url = "%s://%s:%d/" % (scheme, host, port)
    command = ["curl", "-sS", "--noproxy", "*", "--max-time", "10", "--resolve", "%s:%d:127.0.0.1" % (host, port), url]
    if scheme == "https":
        command[1:1] = ["--cacert", ca]
    words = run(command).split()
    return words if len(words) == 2 else ["?", "?"]


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--khapgen", default="khapgen", help="the program (default: found on PATH)")
    options.add_argument("--haproxy", default=None, help="the HAProxy to start (default: found on PATH or in /usr/sbin)")
    options.add_argument("--map", default=os.path.join(os.path.dirname(HERE), "services.yaml"), help="the service map")
    given = options.parse_args()
    haproxy = given.haproxy or shutil.which("haproxy", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
    if not haproxy:
        sys.exit("demo: needs haproxy (Debian: package haproxy)")

    folder = None
    started = []
    try:
        with INTERRUPT.later():
            folder = tempfile.mkdtemp(prefix="khap-demo.")
        # a certificate that no one else trusts, for all hosts at once
        certs = os.path.join(folder, "certs.d")
        os.mkdir(certs, 0o700)
        ca, key = os.path.join(folder, "ca.pem"), os.path.join(folder, "key.pem")
        names = ",".join("DNS:" + host for host in HOSTS + [UNKNOWN])
        run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", "-subj", "/CN=khap demonstration",
             "-addext", "subjectAltName=" + names, "-keyout", key, "-out", ca])
        with open(os.path.join(certs, "demo.pem"), "w") as pem:
            for part in (ca, key):
                with open(part) as source:
                    pem.write(source.read())
        os.chmod(os.path.join(certs, "demo.pem"), 0o600)

        http, https = free_port(["127.0.0.1"]), free_port(["127.0.0.1"])
        ports = {service: free_port(NODES.values()) for service in SERVICES}

        settings = ["frontends.http.bind=127.0.0.1:%d" % http, "frontends.https.bind=127.0.0.1:%d" % https,
                    "certs.0.directory=" + certs]
        settings += ["nodes.%s=%s" % pair for pair in NODES.items()]
        settings += ["services.%s.nodePort=%d" % pair for pair in ports.items()]
        cfg = os.path.join(folder, "haproxy.cfg")
        command = [given.khapgen, "-o", cfg]
        for setting in settings:
            command += ["--set", setting]
        command.append(given.map)
        print("$ khapgen -o haproxy.cfg " + " ".join("--set " + s.replace(folder + "/", "") for s in settings) + " " +
              os.path.basename(given.map))
        sys.stdout.write(run(command))
        print("$ haproxy -c -f haproxy.cfg")
        sys.stdout.write(run([haproxy, "-c", "-f", cfg]))

        for node, address in NODES.items():
            backend = start(started, [sys.executable, os.path.join(HERE, "backend.py"), node, address] +
                            ["%s=%d" % pair for pair in ports.items()], stdout=subprocess.PIPE, text=True)
            if backend.stdout.readline().strip() != "ready":
                sys.exit("demo: the services of %s did not start" % node)
        with open(os.path.join(folder, "haproxy.log"), "w") as log:
            proxy = start(started, [haproxy, "-db", "-f", cfg], stdout=log, stderr=log)
        try:
            wait_for(http, proxy)
            wait_for(https, proxy)
        except SystemExit:
            with open(os.path.join(folder, "haproxy.log")) as log:
                sys.stderr.write(log.read())
            raise

        print("\n%-8s%-24s%-22s%s" % ("", "host", "backend", "node (three requests)"))
        wrong = 0
        for scheme, port in (("http", http), ("https", https)):
            for host, wanted in list(zip(HOSTS, SERVICES)) + [(UNKNOWN, SERVICES[0])]:
                answers = [ask(scheme, host, port, ca) for _ in range(3)]
                backends = sorted({answer[0] for answer in answers})
                nodes = ", ".join(answer[1] for answer in answers)
                print("%-8s%-24s%-22s%s" % (scheme, host, ", ".join(backends), nodes))
                wrong += backends != [wanted]
        if wrong:
            sys.exit("demo: %d hosts were answered by a backend other than the map says" % wrong)
    finally:
        with INTERRUPT.later():
            for process in started:
                process.terminate()
            for process in started:
                try:
                    process.wait(10)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
            if folder:
                shutil.rmtree(folder, ignore_errors=True)
    print("\nStopped; nothing is left behind.")


if __name__ == "__main__":
    main()
