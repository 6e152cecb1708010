"""What the tests of khapd share: a khapd that runs, and what it says of itself."""
import json
import os
import signal
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "traffic"))
import lib  # noqa: E402
import tap  # noqa: E402


def program():
    """The path of khapd past libtool's wrapper, whose place another process would take; skips the test where it is not built."""
    path = os.environ.get("KHAPD", os.path.join(tap.builddir, "khapd"))
    if not path or not os.access(path, os.X_OK):
        if path and os.environ.get("KHAPD"):
            tap.ok("khapd is built", False)
            tap.finish()
        tap.skip_all("needs khapd, which is not built (Debian: package libmicrohttpd-dev)")
    libs = os.path.join(os.path.dirname(os.path.abspath(path)), ".libs")
    if os.access(os.path.join(libs, "khapd"), os.X_OK):
        os.environ["LD_LIBRARY_PATH"] = libs + (":" + os.environ["LD_LIBRARY_PATH"] if os.environ.get("LD_LIBRARY_PATH") else "")
        return os.path.join(libs, "khapd")
    return path


class Khapd:
    """A folder with khapd.yaml, a map, and what runs there."""

    def __init__(self, lab, name, more="", settings="", binary=None, files=None):
        self.lab, self.dir = lab, os.path.join(lab.dir, name)
        os.mkdir(self.dir)
        self.binary = binary or lib.HAPROXY
        self.port, self.web_port, self.status_port = (lib.free_port() for _ in range(3))
        self.web = lab.web(self.web_port)
        self.khap, self.master, self.admin = self.dir + "/khap", self.dir + "/master", self.dir + "/admin"
        self.map, self.yaml, self.haproxy, self.process = self.dir + "/map.yaml", self.dir + "/khapd.yaml", None, None
        with open(self.yaml, "w") as f:
            f.write("""sources: [{files: [%s]}]
haproxy:
  binary: %s
  directory: %s
  socket: %s
  master: %s
  reload: {minInterval: 50ms}
%sdebounce: 20ms
state: %s/state
status: {bind: "127.0.0.1:%d"}
%sprocess: {socket: {path: %s}}
frontends: {http: {bind: "127.0.0.1:%d"}, https: false}
nodes: {n1: 127.0.0.1}
""" % (files or self.map, self.binary, self.khap, self.admin, self.master, more, self.dir, self.status_port, settings, self.admin, self.port))
        self.log = None
        self.write("a.example")

    def text(self, *hosts, more=""):
        return "services:\n  web: {nodePort: %d, hosts: [%s], check: false}\n%s" % (self.web_port, ", ".join(hosts), more)

    def write(self, *hosts, more="", path=None):
        with open(path or self.map, "w") as f:
            f.write(self.text(*hosts, more=more))

    def start(self, env=None):
        # one for all: HAProxy takes O_APPEND from what it inherits, and would write over what stands behind its place in it
        if not self.log or self.log.closed:
            self.log = open(self.dir + "/log", "a")
        self.process = subprocess.Popen([program(), "--config", self.yaml], stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log,
                                        env=dict(os.environ, **(env or {})))
        return self

    def start_haproxy(self):
        lib.until(lambda: os.path.exists(self.khap + "/current"))
        self.haproxy = subprocess.Popen([self.binary, "-W", "-S", self.master, "-C", self.khap + "/current", "-f", "haproxy.cfg"], stdin=subprocess.DEVNULL,
                                        stdout=self.log, stderr=self.log)

    def get(self, path, method="GET"):
        try:
            client = lib.Client(self.status_port, timeout=5)
            try:
                answer = client.ask(path, host="khapd", method=method)
            finally:
                client.close()
            return answer.status, answer.body.decode()
        except OSError:
            return 0, ""

    def metric(self, name):
        for line in self.get("/metrics")[1].splitlines():
            if line.startswith("khapd_" + name + " "):
                return float(line.split()[1])
        return None

    def reloads(self):
        return sum(self.metric('reloads_total{reason="%s"}' % why) or 0 for why in ("needed", "renewed", "fallback"))

    def objects(self):
        return json.loads(self.get("/objects")[1])["objects"]

    def processes(self):
        """What the master says of its processes, or why nothing is heard of it."""
        try:
            return lib.tell(self.master, "show proc\nquit", 5)
        except OSError as e:
            return repr(e)

    def workers(self):
        """The processes of HAProxy's workers, of now."""
        part = self.processes().split("# workers", 1)[-1].split("#", 1)[0]
        return [int(line.split()[0]) for line in part.splitlines() if line[:1].isdigit()]

    def serves(self, host, status=200):
        """Within a moment."""
        def asked():
            try:
                return lib.ask(self.port, host=host).status == status
            except (OSError, ValueError, IndexError):
                return False
        return soon(asked)

    def said(self):
        with open(self.dir + "/log") as f:
            return f.read()

    def why(self):
        """What khapd and HAProxy said last, without what HAProxy tells of requests."""
        return "\n".join([line for line in self.said().splitlines() if not line.startswith("127.0.0.1:")][-40:])

    def end(self, how=signal.SIGTERM):
        """The exit status."""
        self.process.send_signal(how)
        try:
            return self.process.wait(15)
        finally:
            self.process = None

    def stop(self):
        master = None
        for process in (self.process, self.haproxy):
            if process is not None and process.poll() is None:
                process.kill()
                process.wait()
        # one that khapd started goes on without it
        for line in self.said().splitlines():
            if "started HAProxy, process " in line:
                master = int(line.rsplit(" ", 1)[1])
                try:
                    with open("/proc/%d/cmdline" % master, "rb") as f:
                        ours = self.dir.encode() in f.read()
                    if ours:
                        os.kill(master, signal.SIGKILL)
                except (OSError, ValueError):
                    pass


def soon(what, seconds=15):
    return lib.until(what, seconds, 0.02)
