"""What the traffic tests share: small servers, a HAProxy that runs what khapgen wrote, and clients.

HAPROXY names the binary (else the installed one), KHAPGEN the program, KHAP_TRAFFIC_TARGET what khapgen is told with -t (else nothing).
Everything listens on 127.0.0.0/8 and [::1] on ports that were free a moment ago.
"""
import fcntl
import json
import os
import random
import shutil
import signal
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import tap  # noqa: E402
import verdict  # noqa: E402

HAPROXY = os.environ.get("HAPROXY") or ""
KHAPGEN = os.environ.get("KHAPGEN") or os.path.join(tap.builddir, "khapgen")
TARGET = os.environ.get("KHAP_TRAFFIC_TARGET") or ""
MODES = ("file", "bundle")


def need_haproxy():
    global HAPROXY
    if not HAPROXY or not os.path.exists(HAPROXY):
        HAPROXY = tap.need("haproxy", "haproxy")
    for program in ("curl", "openssl"):
        tap.need(program, program)
    if not os.path.exists(KHAPGEN):
        tap.skip_all("needs khapgen, built (make)")
    return HAPROXY


def release():
    """(2, 6) of the HAProxy that runs."""
    out = subprocess.run([HAPROXY, "-v"], capture_output=True, text=True).stdout
    word = out.split("version", 1)[1].split()[0]
    return tuple(int(x) for x in word.split("-")[0].split(".")[:2])


def releases():
    """[release, binary] of each HAProxy that HAPROXY_RELEASES ("2.2=PATH 2.6=PATH ...") names, else the installed one."""
    return [pair.split("=", 1) for pair in os.environ.get("HAPROXY_RELEASES", "").split()] or [["installed", HAPROXY]]


# ---- ports

_given = {}


def claim(port):
    """Keeps a port from the other tests that run now: between choosing it and listening on it nothing else shows that it is taken, and
    two HAProxies that listen on one port share its connections silently. The lock ends with this process."""
    if port in _given:
        return False
    directory = os.path.join(tempfile.gettempdir(), "khap-test-ports-%d" % os.getuid())
    os.makedirs(directory, mode=0o700, exist_ok=True)
    lock = open(os.path.join(directory, str(port)), "w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.close()
        return False
    _given[port] = lock
    return True


def free_port(count=1):
    """A port (or the first of several in a row) that nobody holds on any loopback address, TCP and UDP, v4 and v6."""
    for _ in range(1000):
        first = random.randrange(10000, 32000 - count)
        ports = range(first, first + count)
        claimed = []
        try:
            for p in ports:
                if not claim(p):
                    raise OSError("claimed")
                claimed.append(p)
                for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
                    with socket.socket(socket.AF_INET, kind) as s:
                        s.bind(("0.0.0.0", p))
            return first
        except OSError:
            for p in claimed:
                _given.pop(p).close()
    raise RuntimeError("no free port")


def has_ipv6():
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as s:
            s.bind(("::1", 0))
        return True
    except OSError:
        return False


# ---- HAProxy's sockets

def tell(path, command, timeout=20):
    """What a runtime socket, or a master's, answers to one command."""
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(timeout)
        s.connect(path)
        s.sendall(command.encode() + b"\n")
        answer = b""
        while more := s.recv(65536):
            answer += more
    return answer.decode("utf-8", "replace")


class FalseSocket(threading.Thread):
    """A socket in the place of HAProxy's. Each connection is given to one() in a thread, and is one()'s to close."""

    def __init__(self, path):
        super().__init__(daemon=True)
        if os.path.exists(path):
            os.unlink(path)
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.bind(path)
        self.socket.listen(20)
        self.start()

    def run(self):
        while True:
            try:
                conn, _ = self.socket.accept()
            except OSError:
                return
            threading.Thread(target=self.one, args=(conn,), daemon=True).start()

    def stop(self):
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.socket.close()


# ---- servers

class Server:
    """Accepts on one address and gives each connection to serve() in a thread."""

    def __init__(self, address, port, name=None, tls=None, proxy=False):
        self.address, self.port, self.tls, self.proxy = address, port, tls, proxy
        self.name = name or "%s:%d" % (address, port)
        self.open = set()
        self.listener = None
        self.start()

    def start(self):
        family = socket.AF_INET6 if ":" in self.address else socket.AF_INET
        self.listener = socket.socket(family, socket.SOCK_STREAM)
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind((self.address, self.port))
        self.listener.listen(128)
        threading.Thread(target=self._accept, args=(self.listener,), daemon=True).start()

    def stop(self):
        """Dies: no new connection, the old ones are cut."""
        if self.listener:
            self.listener.shutdown(socket.SHUT_RDWR)
            self.listener.close()
            self.listener = None
        for c in list(self.open):
            try:
                c.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def _accept(self, listener):
        while True:
            try:
                conn, peer = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._one, args=(conn, peer), daemon=True).start()

    def _one(self, conn, peer):
        self.open.add(conn)
        try:
            conn.settimeout(30)
            head = read_proxy(conn) if self.proxy else None
            if self.tls:
                conn = self.tls.wrap_socket(conn, server_side=True)
            self.serve(conn, peer, head)
        except (OSError, ValueError, EOFError):
            pass
        finally:
            self.open.discard(conn)
            conn.close()

    def serve(self, conn, peer, head):
        raise NotImplementedError


class Web(Server):
    """HTTP/1.1; says in JSON what it was asked. `answers` maps a path to a status, `seen` counts requests by path."""

    def __init__(self, *args, **kwargs):
        self.answers = {}
        self.delay = {}
        self.seen = {}
        self.requests = []
        super().__init__(*args, **kwargs)

    def serve(self, conn, peer, head):
        data = b""
        while True:
            while b"\r\n\r\n" not in data:
                more = conn.recv(65536)
                if not more or more[0] == 0x16 and not self.tls:
                    return
                data += more
            top, data = data.split(b"\r\n\r\n", 1)
            lines = top.decode("latin-1").split("\r\n")
            method, target, version = lines[0].split(" ", 2)
            headers = [tuple(x.split(":", 1)) for x in lines[1:]]
            headers = [(k.strip().lower(), v.strip()) for k, v in headers]
            size = int(dict(headers).get("content-length", 0))
            while len(data) < size:
                data += conn.recv(65536)
            data = data[size:]
            path = target.split("?")[0]
            self.seen[path] = self.seen.get(path, 0) + 1
            said = {"name": self.name, "method": method, "target": target, "version": version, "headers": headers,
                    "peer": peer[0], "proxy": head}
            if self.tls:
                said["sni"] = getattr(conn, "khap_sni", None)
                said["tls"] = conn.version()
            self.requests.append(said)
            if path in self.delay:
                time.sleep(self.delay[path])
            status = self.answers.get(path, self.answers.get("*", 200))
            body = b"" if method == "HEAD" else json.dumps(said).encode()
            conn.sendall(b"HTTP/1.1 %d Answer\r\nServer: web\r\nX-Powered-By: web\r\nSet-Cookie: app=%s; Path=/\r\n"
                         b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n"
                         % (status, self.name.encode().replace(b":", b"_"), len(body)) + body)
            if version == "HTTP/1.0":
                return


class Line(Server):
    """TCP: says its name and the PROXY header in a line, then repeats what it hears."""

    def serve(self, conn, peer, head):
        conn.sendall(json.dumps({"name": self.name, "peer": peer[0], "proxy": head}).encode() + b"\n")
        while True:
            data = conn.recv(65536)
            if not data:
                return
            conn.sendall(data)


def receive(conn, count):
    data = b""
    while len(data) < count:
        more = conn.recv(count - len(data))
        if not more:
            raise EOFError
        data += more
    return data


def read_proxy(conn):
    """The PROXY header of version 1 or 2 at the beginning of a connection."""
    start = receive(conn, 6)
    if start == b"PROXY ":
        line = start
        while not line.endswith(b"\r\n"):
            line += receive(conn, 1)
        words = line.decode().split()
        return {"version": 1, "family": words[1], "src": words[2] if len(words) > 2 else None}
    rest = receive(conn, 10)
    if start + rest[:6] != b"\r\n\r\n\x00\r\nQUIT\n":
        raise ValueError("no PROXY header")
    command, family, size = rest[6] & 15, rest[7] >> 4, struct.unpack(">H", rest[8:10])[0]
    body = receive(conn, size)
    src = None
    if command == 1 and family == 1:
        src = socket.inet_ntop(socket.AF_INET, body[:4])
    elif command == 1 and family == 2:
        src = socket.inet_ntop(socket.AF_INET6, body[:16])
    return {"version": 2, "family": {0: "UNKNOWN", 1: "TCP4", 2: "TCP6"}.get(family), "src": src}


def proxy_header(version, src, dst="127.0.0.1", sport=4000, dport=80):
    """The bytes of a PROXY header."""
    six = ":" in src
    if version == 1:
        return ("PROXY TCP%d %s %s %d %d\r\n" % (6 if six else 4, src, dst, sport, dport)).encode()
    family = socket.AF_INET6 if six else socket.AF_INET
    body = socket.inet_pton(family, src) + socket.inet_pton(family, dst) + struct.pack(">HH", sport, dport)
    return b"\r\n\r\n\x00\r\nQUIT\n" + bytes([0x21, 0x21 if six else 0x11]) + struct.pack(">H", len(body)) + body


# ---- certificates

class Certs:
    """Self-signed certificates, and CAs with what they sign, made by openssl in a directory."""

    def __init__(self, directory):
        self.openssl = tap.need("openssl", "openssl")
        self.dir = directory
        os.makedirs(directory, exist_ok=True)

    def path(self, name):
        return os.path.join(self.dir, name)

    def _run(self, *words):
        subprocess.run([self.openssl, *words], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def make(self, name, hosts, separate=False):
        """NAME.pem with certificate and key (or only the certificate, the key in NAME.key); gives its path."""
        key, pem = self.path(name + ".key"), self.path(name + ".pem")
        self._run("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "90",
                  "-keyout", key, "-out", pem, "-subj", "/CN=" + name,
                  "-addext", "subjectAltName=" + ",".join("DNS:" + h for h in hosts))
        if not separate:
            with open(pem, "a") as out, open(key) as k:
                out.write(k.read())
            os.unlink(key)
        return pem

    def ca(self, name):
        self._run("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "90",
                  "-keyout", self.path(name + ".key"), "-out", self.path(name + ".crt"), "-subj", "/CN=" + name)
        return self.path(name + ".crt")

    def signed(self, name, ca, hosts=()):
        key, csr, crt, pem = (self.path(name + s) for s in (".key", ".csr", ".crt", ".pem"))
        self._run("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", key, "-out", csr,
                  "-subj", "/CN=" + name)
        extra = []
        if hosts:
            with open(self.path(name + ".ext"), "w") as f:
                f.write("subjectAltName=" + ",".join("DNS:" + h for h in hosts) + "\n")
            extra = ["-extfile", self.path(name + ".ext")]
        self._run("x509", "-req", "-in", csr, "-CA", self.path(ca + ".crt"), "-CAkey", self.path(ca + ".key"),
                  "-CAcreateserial", "-days", "90", "-out", crt, *extra)
        with open(pem, "w") as out:
            for part in (crt, key):
                with open(part) as f:
                    out.write(f.read())
        return pem


def server_tls(pem, alpn=None, client_ca=None):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)

    def note(sock, name, _):
        sock.khap_sni = name
    context.sni_callback = note
    if alpn:
        context.set_alpn_protocols(alpn)
    if client_ca:
        context.load_verify_locations(client_ca)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def client_tls(cert=None, alpn=None, version=None):
    """A client that believes any certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if cert:
        context.load_cert_chain(cert)
    if alpn:
        context.set_alpn_protocols(alpn)
    if version:
        context.minimum_version = context.maximum_version = version
    return context


# ---- clients

class Answer:
    def __init__(self, status, headers=(), body=b"", error=""):
        self.status, self.headers, self.body, self.error = status, list(headers), body, error

    @property
    def json(self):
        try:
            return json.loads(self.body)
        except ValueError:
            return {}

    @property
    def name(self):
        """The server that answered, or the status."""
        return self.json.get("name", self.status)

    def header(self, name):
        """All values of a header of the answer."""
        return [v for k, v in self.headers if k == name.lower()]

    def asked(self, name):
        """All values of a header as the server received it."""
        return [v for k, v in self.json.get("headers", ()) if k == name.lower()]

    def __repr__(self):
        return "Answer(%s, %r, %r, %s)" % (self.status, self.headers, self.body[:300], self.error)


class Client:
    """A connection that asks raw HTTP/1.1, kept open between requests."""

    def __init__(self, port, address="127.0.0.1", tls=None, sni=None, before=b"", source=None, session=None, timeout=10, bound=None):
        if bound: # a socket that has its own port already
            bound.settimeout(timeout)
            bound.connect((address, port))
        self.sock = bound or socket.create_connection((address, port), timeout=timeout,
                                                      source_address=(source, 0) if source else None)
        self.sock.settimeout(timeout)
        if before:
            self.sock.sendall(before)
        if tls:
            self.sock = tls.wrap_socket(self.sock, server_hostname=sni, session=session)
        self.data = b""

    def close(self):
        self.sock.close()

    def _more(self):
        more = self.sock.recv(65536)
        if not more:
            raise EOFError
        self.data += more

    def read(self, count):
        while len(self.data) < count:
            self._more()
        data, self.data = self.data[:count], self.data[count:]
        return data

    def _chunks(self):
        body = b""
        while True:
            while b"\r\n" not in self.data:
                self._more()
            size, self.data = self.data.split(b"\r\n", 1)
            size = int(size.split(b";")[0], 16)
            while len(self.data) < size + 2:
                self._more()
            body, self.data = body + self.data[:size], self.data[size + 2:]
            if size == 0:
                return body

    def send(self, request):
        self.sock.sendall(request)

    def answer(self, method="GET"):
        while b"\r\n\r\n" not in self.data:
            self._more()
        top, self.data = self.data.split(b"\r\n\r\n", 1)
        lines = top.decode("latin-1").split("\r\n")
        status = int(lines[0].split()[1])
        headers = [(k.strip().lower(), v.strip()) for k, v in (x.split(":", 1) for x in lines[1:])]
        size = dict(headers).get("content-length")
        if dict(headers).get("transfer-encoding") == "chunked" and method != "HEAD":
            return Answer(status, headers, self._chunks())
        if method == "HEAD" or status in (103, 204, 304):
            return Answer(status, headers)
        if size is None:
            try:
                while True:
                    self._more()
            except EOFError:
                pass
            body, self.data = self.data, b""
        else:
            while len(self.data) < int(size):
                self._more()
            body, self.data = self.data[:int(size)], self.data[int(size):]
        return Answer(status, headers, body)

    def ask(self, path="/", host=None, headers=(), method="GET"):
        lines = ["%s %s HTTP/1.1" % (method, path)]
        if host is not None:
            lines.append("Host: " + host)
        lines += ["%s: %s" % h for h in headers]
        self.send(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))
        return self.answer(method)


def ask(port, path="/", host=None, headers=(), method="GET", tls=None, raw=None, **how):
    """One request on a connection of its own; status 0 when the connection failed. tls=True: any TLS client."""
    if tls is True:
        tls = client_tls()
    try:
        client = Client(port, tls=tls, **how)
        try:
            if raw is not None:
                client.send(raw)
                return client.answer()
            return client.ask(path, host, headers, method)
        finally:
            client.close()
    except (OSError, EOFError) as e:
        return Answer(0, error=repr(e))


def h2(port, fields, tls=None, sni=None):
    """One HTTP/2 request whose header fields stand as they are given, without a body; the Answer has no headers but a status,
    0 when the stream or the connection was cut."""
    def text(s):
        s = s.encode("latin-1")
        assert len(s) < 127
        return bytes([len(s)]) + s
    fixed = {0x88: 200, 0x89: 204, 0x8a: 206, 0x8b: 304, 0x8c: 400, 0x8d: 404, 0x8e: 500}
    try:
        client = Client(port, tls=tls, sni=sni)
        try:
            block = b"".join(b"\x10" + text(k) + text(v) for k, v in fields) # literal, never indexed
            client.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0" +
                        struct.pack(">I", len(block))[1:] + b"\1\5\0\0\0\1" + block)
            status, body = 0, b""
            while True:
                head = client.read(9)
                payload, kind, ends = client.read(int.from_bytes(head[:3], "big")), head[3], head[4] & 1
                if kind == 1: # the status comes first, of the static table or in digits
                    status = fixed.get(payload[0]) or int(payload[2:5])
                elif kind == 0:
                    body += payload
                elif kind in (3, 7):
                    return Answer(0, error="RST_STREAM" if kind == 3 else "GOAWAY")
                if kind < 2 and ends:
                    return Answer(status, (), body)
        finally:
            client.close()
    except (OSError, EOFError) as e:
        return Answer(0, error=repr(e))


def curl(url, port, *words, address="127.0.0.1"):
    """A request by curl, wherever the URL's host is; gives the Answer, `.version` is HTTP's ("2")."""
    program = tap.need("curl", "curl")
    with tempfile.NamedTemporaryFile() as head:
        run = subprocess.run([program, "-sk", "-m", "10", "-D", head.name, "--connect-to", "::%s:%d" % (address, port),
                              "-w", "\n%{http_code} %{http_version}", *words, url], capture_output=True)
        with open(head.name, "rb") as f:
            lines = f.read().decode("latin-1").replace("\r", "").split("\n")
    body, _, tail = run.stdout.rpartition(b"\n")
    code, version = (tail.decode().split() + ["0", "0"])[:2]
    answer = Answer(int(code), [(k.strip().lower(), v.strip()) for k, v in (x.split(":", 1) for x in lines if ":" in x)],
                    body, run.stderr.decode("latin-1"))
    answer.version = version
    return answer


def subject(port, sni=None, address="127.0.0.1"):
    """The common name of the certificate that is shown for a server name; None when the handshake fails."""
    program = tap.need("openssl", "openssl")
    words = ["-servername", sni] if sni else ["-noservername"]
    target = "%s:%d" % ("[%s]" % address if ":" in address else address, port)
    shown = subprocess.run([program, "s_client", "-connect", target, *words], stdin=subprocess.DEVNULL,
                           capture_output=True, timeout=20)
    out = subprocess.run([program, "x509", "-noout", "-subject", "-nameopt", "RFC2253"], input=shown.stdout,
                         capture_output=True)
    text = out.stdout.decode().strip()
    return text.split("CN=", 1)[1] if out.returncode == 0 and "CN=" in text else None


# ---- HAProxy

def quiet(line):
    """3.4 says at a start as root that it is root; that is no fault of the configuration."""
    return "started as root" in line or "started as the root user" in line or not verdict.of_configuration(line)


class Proxy:
    """HAProxy running what khapgen makes of a map, as one file, as a bundle, or into a file of one's own, whose text `into` is."""

    def __init__(self, lab, text, mode="file", sets=(), wait=(), target=None, user=None, into=None):
        self.lab, self.into = lab, into
        self.dir = tempfile.mkdtemp(prefix="run", dir=lab.dir)
        os.chmod(self.dir, 0o755)
        self.map = text if os.path.isabs(text) and "\n" not in text else os.path.join(self.dir, "services.yaml")
        if self.map != text:
            with open(self.map, "w") as f:
                f.write(text)
        self.bundle = os.path.join(self.dir, "bundle")
        self.generated = self.generate(mode, sets, target)
        self.config = os.path.join(self.bundle, "haproxy.cfg")
        self.process = None
        if self.generated.returncode == 0:
            self.start(wait, user)

    def generate(self, mode, sets, target):
        words = [KHAPGEN]
        if target or TARGET:
            words += ["-t", target or TARGET]
        for s in sets:
            words += ["--set", s]
        if mode == "bundle":
            words += ["--output-dir", self.bundle]
        else:
            os.makedirs(self.bundle, exist_ok=True)
            own = os.path.join(self.bundle, "haproxy.cfg")
            words += ["-o" if self.into is None else "--into", own]
            if self.into is not None:
                with open(own, "w") as f:
                    f.write(self.into)
        run = subprocess.run(words + [self.map], capture_output=True, text=True)
        if run.returncode != 0:
            tap.ok("khapgen writes it (%s)" % mode, False, " ".join(words) + "\n" + run.stderr)
        return run

    def start(self, wait=(), user=None):
        self.log = open(os.path.join(self.dir, "log"), "w+")
        words = [HAPROXY, "-C", self.bundle, "-db", "-f", "haproxy.cfg"]
        if user:
            words = [tap.need("setpriv", "util-linux"), "--reuid", str(user), "--regid", str(user), "--clear-groups"] + words
        self.process = subprocess.Popen(words, stdout=self.log, stderr=self.log, cwd="/", stdin=subprocess.DEVNULL)
        end = time.time() + 20
        for port in wait:
            address, port = port if isinstance(port, tuple) else ("127.0.0.1", port)
            while self.process.poll() is None and time.time() < end:
                try:
                    socket.create_connection((address, port), timeout=1).close()
                    break
                except OSError:
                    time.sleep(0.02)
        if not wait:
            time.sleep(0.5)
        if self.process.poll() is not None:
            tap.ok("HAProxy starts", False, self.output())

    def alive(self):
        return self.process is not None and self.process.poll() is None

    def output(self):
        with open(os.path.join(self.dir, "log")) as f:
            return f.read()

    def complaints(self):
        return "\n".join(x for x in self.output().splitlines()
                         if ("[WARNING]" in x or "[ALERT]" in x) and not quiet(x) and not server_state(x))

    def text(self):
        with open(self.config) as f:
            return f.read()

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *args):
        self.stop()


def server_state(line):
    """HAProxy reports servers that go up and down as warnings and alerts."""
    return "Server " in line and (" is UP" in line or " is DOWN" in line or "going DOWN" in line) or "has no server available" in line


class Lab:
    """A directory for one test and what runs in it; as a context it stops everything."""

    def __init__(self):
        need_haproxy()
        self.dir = tempfile.mkdtemp(prefix="khap-traffic-")
        os.chmod(self.dir, 0o755)
        self.stops = []
        self.certs_ = None

    @property
    def certs(self):
        if not self.certs_:
            self.certs_ = Certs(os.path.join(self.dir, "certs"))
        return self.certs_

    def web(self, port, addresses=("127.0.0.1",), **how):
        """Web servers on one port of several addresses; a list, or the only one."""
        servers = [Web(a, port, **how) for a in addresses]
        self.stops += servers
        return servers[0] if len(servers) == 1 else servers

    def line(self, port, address="127.0.0.1", **how):
        server = Line(address, port, **how)
        self.stops.append(server)
        return server

    def run(self, text, mode="file", **how):
        proxy = Proxy(self, text, mode, **how)
        self.stops.append(proxy)
        if proxy.process:
            tap.ok("%s: starts without a warning" % mode, proxy.alive() and not proxy.complaints(), proxy.output())
        return proxy

    def child(self, words, wait):
        """A server program; waits until its port answers."""
        p = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL)

        class Stop:
            def stop(self):
                p.kill()
                p.wait()
        self.stops.append(Stop())
        for _ in range(250):
            try:
                socket.create_connection(("127.0.0.1", wait), timeout=1).close()
                return
            except OSError:
                time.sleep(0.02)
        tap.ok("%s starts" % words[0], False)

    def __enter__(self):
        return self

    def __exit__(self, *args):
        for s in reversed(self.stops):
            s.stop()
        shutil.rmtree(self.dir, ignore_errors=True)


def until(what, seconds=15, every=0.03):
    """Waits for what() to be true; says whether it became so."""
    end = time.time() + seconds
    while time.time() < end:
        if what():
            return True
        time.sleep(every)
    return bool(what())
