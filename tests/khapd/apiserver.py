"""API servers for tests: a scripted one, which does what it is told, and a real one, whose programs are in KUBEBUILDER_ASSETS. Both with TLS for the name
kube.example, which is nobody's address, and a token that is asked for."""
import http.client
import http.server
import json
import os
import ssl
import subprocess
import sys
import threading
import urllib.parse

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "traffic"))
import lib  # noqa: E402
import tap  # noqa: E402

GROUPS = {"services": "api/v1", "nodes": "api/v1", "namespaces": "api/v1", "secrets": "api/v1",
          "ingresses": "apis/networking.k8s.io/v1", "ingressclasses": "apis/networking.k8s.io/v1", "endpointslices": "apis/discovery.k8s.io/v1beta1"}


def plural(obj):
    kind = obj["kind"].lower()
    return kind + ("es" if kind.endswith("s") else "s")


def path_of(kind, ns, name=None):
    return "/" + GROUPS[kind] + ("/namespaces/" + ns if ns else "") + "/" + kind + ("/" + name if name else "")


class Common:
    def __init__(self, lab):
        certs = lab.certs
        self.ca = certs.ca("kube-ca")
        self.pem = certs.signed("kube-apiserver", "kube-ca", ["kube.example"])
        self.dir, self.port = lab.dir, lib.free_port()
        self.token_file, self.kubeconfig = lab.dir + "/token", lab.dir + "/kubeconfig"
        self.token = "t0ken-of-khapd-1"
        self.write_token()
        with open(self.kubeconfig, "w") as f:
            f.write("""apiVersion: v1
kind: Config
current-context: test
contexts: [{name: test, context: {cluster: c, user: u}}]
clusters: [{name: c, cluster: {server: "https://127.0.0.1:%d", certificate-authority: %s, tls-server-name: kube.example}}]
users: [{name: u, user: {tokenFile: token}}]
""" % (self.port, os.path.relpath(self.ca, lab.dir)))

    def write_token(self):
        with open(self.token_file, "w") as f:
            f.write(self.token + "\n")


# ---- the scripted one

class Scripted(Common):
    def __init__(self, lab):
        super().__init__(lab)
        self.objects, self.log, self.version, self.oldest = {}, [], 100, 0
        self.denied, self.asked, self.streaming, self.page = set(), [], True, 2
        self.changed = threading.Condition()
        self.life = 0  # streams end with it
        self.cut = 0   # so many bytes of the next event are sent, and then no more
        self.faults = []  # what the next requests are answered, (status, fields, body)
        self.server = None
        self.start()

    def start(self):
        api = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_GET(self):
                try:
                    api.answer(self)
                except OSError:
                    self.close_connection = True

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self.server.daemon_threads = True
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.pem)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def end_streams(self):
        with self.changed:
            self.life += 1
            self.changed.notify_all()

    def stop(self):
        server, self.server = self.server, None
        if server:
            server.shutdown()
            server.server_close()
        self.end_streams()

    def compact(self):
        """What was known before is too old."""
        with self.changed:
            self.version += 1
            self.oldest = self.version
        self.end_streams()

    def change_token(self):
        self.token = "t0ken-of-khapd-2"
        self.end_streams()
        self.write_token()

    def deny(self, kind, denied=True):
        (self.denied.add if denied else self.denied.discard)(kind)
        self.end_streams()

    def record(self, how, kind, obj):
        with self.changed:
            self.version += 1
            obj = json.loads(json.dumps(obj))
            obj["metadata"]["resourceVersion"] = str(self.version)
            obj["metadata"].setdefault("creationTimestamp", "2026-01-01T00:00:00Z")
            self.log.append((self.version, how, kind, obj))
            key = (kind, obj["metadata"].get("namespace", ""), obj["metadata"]["name"])
            if how == "DELETED":
                self.objects.pop(key, None)
            else:
                self.objects[key] = obj
            self.changed.notify_all()

    def apply(self, *objects):
        for obj in objects:
            key = (plural(obj), obj["metadata"].get("namespace", ""), obj["metadata"]["name"])
            self.record("MODIFIED" if key in self.objects else "ADDED", plural(obj), obj)

    def delete(self, kind, ns, name):
        self.record("DELETED", kind, self.objects[(kind, ns, name)])

    def send(self, h, status, body, fields=()):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        h.send_response(status)
        for name, value in fields:
            h.send_header(name, value)
        h.send_header("Content-Length", str(len(data)))
        h.end_headers()
        h.wfile.write(data)

    def fail(self, h, status, fields=()):
        self.send(h, status, {"kind": "Status", "status": "Failure", "message": "scripted %d" % status, "code": status}, fields)

    def answer(self, h):
        url = urllib.parse.urlsplit(h.path)
        query = dict(urllib.parse.parse_qsl(url.query))
        self.asked.append(h.path)
        if self.server is None:
            h.close_connection = True
            return
        if h.headers.get("Authorization") != "Bearer " + self.token:
            return self.fail(h, 401)
        if self.faults:
            status, fields, body = self.faults.pop(0)
            return self.send(h, status, body, fields)
        parts = url.path.strip("/").split("/")
        for kind, group in GROUPS.items():
            prefix = group.split("/")
            if parts[:len(prefix)] == prefix:
                rest = parts[len(prefix):]
                ns = rest[1] if rest[:1] == ["namespaces"] and len(rest) > 2 else ""
                rest = rest[2:] if ns else rest
                if rest[:1] == [kind]:
                    if kind in self.denied:
                        return self.fail(h, 403)
                    if len(rest) == 2:
                        obj = self.objects.get((kind, ns, rest[1]))
                        return self.send(h, 200, obj) if obj else self.fail(h, 404)
                    if kind == "secrets":
                        return self.fail(h, 403)  # never listed
                    return self.watch(h, kind, ns, query) if "watch" in query else self.list(h, kind, ns, query)
        return self.fail(h, 404)

    def list(self, h, kind, ns, query):
        with self.changed:
            items = [o for (k, n, _), o in sorted(self.objects.items()) if k == kind and ns in ("", n)]
            version = self.version
        first = int(query["continue"]) if "continue" in query else 0
        limit = min(int(query.get("limit", 10 ** 6)), self.page)
        more = {"continue": str(first + limit)} if first + limit < len(items) else {}
        self.send(h, 200, {"kind": "List", "metadata": dict(more, resourceVersion=str(version)), "items": items[first:first + limit]})

    def watch(self, h, kind, ns, query):
        initial = "sendInitialEvents" in query
        if initial and not self.streaming:
            return self.fail(h, 422)
        with self.changed:
            life, at = self.life, len(self.log)
            seen = int(query.get("resourceVersion", self.version))
            if not initial:
                at = next((i for i, e in enumerate(self.log) if e[0] > seen), len(self.log))
            events = [("ADDED", o) for (k, n, _), o in sorted(self.objects.items()) if k == kind and ns in ("", n)] if initial else []
            bookmark = {"metadata": {"resourceVersion": str(self.version), "annotations": {"k8s.io/initial-events-end": "true"}}}
            events += [("BOOKMARK", bookmark)] if initial else []
            events += [("ERROR", {"kind": "Status", "code": 410, "reason": "Expired"})] if seen < self.oldest else []
        h.send_response(200)
        h.send_header("Transfer-Encoding", "chunked")
        h.end_headers()
        h.close_connection = True
        while True:
            for how, obj in events:
                line = json.dumps({"type": how, "object": obj}).encode() + b"\n"
                if self.cut:
                    line, self.cut, life = line[:self.cut], 0, -1
                h.wfile.write(b"%x\r\n%s\r\n" % (len(line), line))
                h.wfile.flush()
            with self.changed:
                self.changed.wait_for(lambda: self.life != life or len(self.log) > at)
                if self.life != life:
                    return
                events = [(how, o) for _, how, k, o in self.log[at:] if k == kind and ns in ("", o["metadata"].get("namespace", ""))]
                at = len(self.log)


# ---- the real one

def assets():
    """Where etcd and kube-apiserver are, as controller tests everywhere expect them; None."""
    where = os.environ.get("KUBEBUILDER_ASSETS", "")
    programs = ("etcd", "kube-apiserver", "kubectl")
    return where if where and all(os.access(os.path.join(where, p), os.X_OK) for p in programs) else None


class Real(Common):
    page = streaming = None

    def __init__(self, lab, rights=True):
        super().__init__(lab)
        self.where, self.etcd, self.api = assets(), None, None
        self.etcd_port, peer = lib.free_port(), lib.free_port()
        self.admin = "t0ken-of-admin"
        self.log = open(lab.dir + "/apiserver.log", "ab")
        subprocess.run(["openssl", "genrsa", "-out", lab.dir + "/sa.key", "2048"], check=True, capture_output=True)
        url, other = "http://127.0.0.1:%d" % self.etcd_port, "http://127.0.0.1:%d" % peer
        self.etcd = subprocess.Popen([self.where + "/etcd", "--name", "t", "--data-dir", lab.dir + "/etcd", "--listen-client-urls", url,
                                      "--advertise-client-urls", url, "--listen-peer-urls", other, "--initial-advertise-peer-urls", other,
                                      "--initial-cluster", "t=" + other], stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        self.start()
        with open(lab.dir + "/admin", "w") as f:
            f.write(open(self.kubeconfig).read().replace("tokenFile: token", "token: " + self.admin))
        self.rights = os.path.join(tap.srcdir, "init", "khapd-rbac.yaml")
        if rights:
            self.kubectl("apply", "-f", self.rights)

    def kubectl(self, *words):
        return subprocess.run([self.where + "/kubectl", "--kubeconfig", self.dir + "/admin", *words], check=True, capture_output=True, timeout=60)

    def start(self):
        with open(self.dir + "/tokens.csv", "w") as f:
            f.write('%s,admin,1,"system:masters"\n%s,system:serviceaccount:khap-system:khapd,2\n' % (self.admin, self.token))
        crt, key = self.pem[:-4] + ".crt", self.pem[:-4] + ".key"
        self.api = subprocess.Popen(
            [self.where + "/kube-apiserver", "--etcd-servers=http://127.0.0.1:%d" % self.etcd_port, "--bind-address=127.0.0.1", "--secure-port=%d" % self.port,
             "--advertise-address=127.0.0.1", "--endpoint-reconciler-type=none", "--tls-cert-file=" + crt, "--tls-private-key-file=" + key,
             "--cert-dir=" + self.dir + "/run", "--token-auth-file=" + self.dir + "/tokens.csv", "--authorization-mode=RBAC",
             "--service-account-issuer=https://kubernetes.default.svc", "--service-account-key-file=" + self.dir + "/sa.key",
             "--service-account-signing-key-file=" + self.dir + "/sa.key", "--service-cluster-ip-range=10.96.0.0/16",
             "--disable-admission-plugins=ServiceAccount"], stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        if not lib.until(lambda: self.ask("GET", "/readyz")[0] == 200, 90, 0.1):
            raise RuntimeError("the API server does not start: see apiserver.log")

    def ask(self, method, path, body=None, kind="application/json"):
        context = ssl.create_default_context(cafile=self.ca)
        context.check_hostname = False
        try:
            c = http.client.HTTPSConnection("127.0.0.1", self.port, context=context, timeout=20)
            c.request(method, path, json.dumps(body) if body else None, {"Authorization": "Bearer " + self.admin, "Content-Type": kind})
            answer = c.getresponse()
            text = answer.read()
            c.close()
            return answer.status, text
        except OSError:
            return 0, b""

    def apply(self, *objects):
        for obj in objects:
            ns = obj["metadata"].get("namespace")
            if ns:
                self.ask("POST", "/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": ns}})
            status, text = self.ask("POST", path_of(plural(obj), ns), obj)
            if status in (409, 422):  # it is there, or its node port is taken: by itself
                status, text = self.ask("PATCH", path_of(plural(obj), ns, obj["metadata"]["name"]), obj, "application/merge-patch+json")
            if status not in (200, 201):
                raise RuntimeError("%s %s: %d %s" % (obj["kind"], obj["metadata"]["name"], status, text))

    def delete(self, kind, ns, name):
        self.ask("DELETE", path_of(kind, ns, name))

    def stop_api(self):
        if self.api:
            self.api.kill()
            self.api.wait()
        self.api = None

    def stop(self):
        """The API server; etcd stays."""
        self.stop_api()

    def end(self):
        self.stop_api()
        if self.etcd:
            self.etcd.kill()
            self.etcd.wait()
        self.log.close()

    def restart(self):
        self.stop_api()
        self.start()

    def compact(self):
        c = http.client.HTTPConnection("127.0.0.1", self.etcd_port, timeout=20)
        c.request("POST", "/v3/kv/range", json.dumps({"key": "AA=="}))
        version = json.loads(c.getresponse().read())["header"]["revision"]
        c.request("POST", "/v3/kv/compaction", json.dumps({"revision": version, "physical": True}))
        c.getresponse().read()
        c.close()
        self.restart()

    def change_token(self):
        self.token = "t0ken-of-khapd-2"
        self.write_token()
        self.restart()

    def deny(self, kind, denied=True):
        if denied:
            self.kubectl("delete", "clusterrolebinding", "khapd")
            self.restart()
        else:
            self.kubectl("apply", "-f", self.rights)
