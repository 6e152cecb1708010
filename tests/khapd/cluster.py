#!/usr/bin/python3
"""khapd follows a cluster, while requests go through HAProxy to backends on loopback nodes: objects come, change and go; the API server dies, forgets what
was, wants another token, takes rights away. Against a scripted API server, and against a real one where KUBEBUILDER_ASSETS names a folder with etcd,
kube-apiserver and kubectl."""
import os
import signal
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import apiserver  # noqa: E402
import khapd  # noqa: E402
import lib  # noqa: E402
import tap  # noqa: E402

soon = khapd.soon


def node_port():
    """Of the range that API servers allow."""
    for port in range(30000 + os.getpid() % 2000, 32760):
        if lib.claim(port):
            return port
    raise RuntimeError("no free node port")


def node(n):
    return {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n%d" % n},
            "status": {"addresses": [{"type": "InternalIP", "address": "127.0.1.%d" % n}, {"type": "Hostname", "address": "n%d" % n}]}}


def service(name, port, hosts=None, ns="shop"):
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": ns, "annotations": {"khap.io/hosts": hosts} if hosts else {}},
            "spec": {"type": "NodePort", "selector": {"a": "b"}, "ports": [{"name": "http", "port": 80, "nodePort": port, "protocol": "TCP"}]}}


def ingress(name, host, to, secret=None, ns="shop"):
    spec = {"ingressClassName": "khap", "rules": [{"host": host, "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": {
        "service": {"name": to, "port": {"number": 80}}}}]}}]}
    if secret:
        spec["tls"] = [{"hosts": [host], "secretName": secret}]
    return {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": {"name": name, "namespace": ns}, "spec": spec}


class Steady(threading.Thread):
    """Asks all the time, and counts what was not answered."""

    def __init__(self, port, host):
        super().__init__(daemon=True)
        self.port, self.host, self.good, self.bad, self.over = port, host, 0, [], False

    def run(self):
        while not self.over:
            try:
                status = lib.ask(self.port, host=self.host).status
            except (OSError, ValueError, IndexError) as e:
                status = repr(e)
            if status == 200:
                self.good += 1
            else:
                self.bad.append(status)
            time.sleep(0.01)

    def end(self):
        self.over = True
        self.join()
        return self.bad


def answered_by(k, host):
    try:
        return lib.ask(k.port, host=host).name
    except (OSError, ValueError, IndexError, KeyError):
        return None


def settings(k, api):
    with open(k.yaml) as f:
        text = f.read()
    text = text.replace("sources: [{files: [%s]}]" % k.map, "sources: [{kubernetes: {kubeconfig: %s}}]" % api.kubeconfig)
    text = text.replace("nodes: {n1: 127.0.0.1}\n", "serviceDefaults: {check: false}\n")
    with open(k.yaml, "w") as f:
        f.write(text)


def follows(k, api, name, port, other):
    k.start()
    tap.ok(name + ": all of the cluster is seen", soon(lambda: os.path.exists(k.khap + "/current")), k.why())
    with open(k.dir + "/haproxy.log", "a") as k.log:  # HAProxy takes O_APPEND away from what it shares
        k.start_haproxy()
    tap.ok(name + ": a Service with a host is served, by a node", k.serves("a.example") and answered_by(k, "a.example").startswith("127.0.1."), k.why())
    tap.ok(name + ": /synced", soon(lambda: k.get("/synced")[0] == 200), k.get("/synced")[1] + k.why())
    mode = os.stat(k.dir + "/state/kubernetes/cluster.yaml").st_mode & 0o777
    tap.equal(name + ": what is known is for khapd alone", mode, 0o600)
    steady = Steady(k.port, "a.example")
    steady.start()
    api.apply(service("web", port, "a.example, b.example"))
    tap.ok(name + ": one more host", k.serves("b.example"), k.why())
    api.apply(service("web", port, "a.example"))
    tap.ok(name + ": and gone again", k.serves("b.example", 404), k.why())
    api.apply(ingress("i", "c.example", "web"))
    tap.ok(name + ": an Ingress", k.serves("c.example"), k.why())
    api.delete("ingresses", "shop", "i")
    tap.ok(name + ": and gone again", k.serves("c.example", 404), k.why())
    api.apply(node(2))
    tap.ok(name + ": one more node takes requests", soon(lambda: len({answered_by(k, "a.example") for _ in range(6)}) == 2), k.why())
    api.delete("nodes", "", "n1")
    tap.ok(name + ": a node goes", soon(lambda: {answered_by(k, "a.example") for _ in range(6)} == {"127.0.1.2:%d" % port}), k.why())
    api.apply(service("late", other, "late.example", ns="other"))
    tap.ok(name + ": a Service of another namespace", k.serves("late.example"), k.why())
    api.delete("services", "other", "late")
    tap.ok(name + ": and gone again", k.serves("late.example", 404), k.why())
    bad = steady.end()
    tap.ok(name + ": %d requests meanwhile, all answered" % steady.good, steady.good > 0 and not bad, "%s\n%s" % (bad, k.why()))


def away(k, api, name, port, other):
    steady = Steady(k.port, "a.example")
    steady.start()
    was = os.readlink(k.khap + "/current")
    api.stop()
    tap.ok(name + ": a dead API server is told", soon(lambda: k.get("/synced")[0] == 503), k.why())
    tap.equal(name + ": HAProxy is as ready as before", k.get("/readyz")[0], 200)
    k.end()
    k.start()
    tap.ok(name + ": a khapd that starts meanwhile goes by what was known", soon(lambda: k.get("/readyz")[0] == 200 and "cannot" not in k.get("/healthz")[1]), k.why())
    time.sleep(0.5)
    tap.ok(name + ": and takes nothing away", os.readlink(k.khap + "/current") == was and k.serves("a.example"), k.why())
    api.start()
    api.apply(service("web", port, "a.example, d.example"))
    tap.ok(name + ": it comes back, and what changed is served", soon(lambda: str(answered_by(k, "d.example")).startswith("127.") and k.get("/synced")[0] == 200, 60), k.why())
    before = k.metric("cluster_lists_total")
    api.compact()
    api.apply(service("web", port, "a.example, e.example"))
    tap.ok(name + ": it forgot what was (410)", soon(lambda: k.metric("cluster_lists_total") > before) and k.serves("e.example") and k.serves("d.example", 404), k.why())
    api.change_token()
    api.apply(service("web", port, "a.example, f.example"))
    tap.ok(name + ": it wants another token", k.serves("f.example"), k.why())
    api.deny("services")
    tap.ok(name + ": a right that is taken away is told", soon(lambda: "Service: not permitted" in k.said() and k.get("/synced")[0] == 503, 40),
           "%s\n%s" % ([a for a in getattr(api, "asked", []) if "/services" in a][-5:], k.why()))
    tap.ok(name + ": and what was known is served", k.serves("a.example") and k.serves("f.example"), k.why())
    api.deny("services", False)
    api.apply(service("web", port, "a.example, g.example"))
    k.process.send_signal(signal.SIGHUP)
    tap.ok(name + ": given back", k.serves("g.example") and k.serves("f.example", 404) and soon(lambda: k.get("/synced")[0] == 200), k.why())
    bad = steady.end()
    tap.ok(name + ": %d requests meanwhile, all answered" % steady.good, steady.good > 0 and not bad, "%s\n%s" % (bad, k.why()))
    tap.ok(name + ": no token stands in the log", "t0ken" not in k.said(), k.why())


def scripted(k, api, name, port, other):
    """What only a scripted server does."""
    api.streaming = False
    api.apply(*(service("t%d" % i, 0) for i in range(3)))
    api.compact()
    api.apply(service("web", port, "a.example, h.example"), *(service("s%d" % i, port, "s%d.example" % i) for i in range(5)))
    tap.ok(name + ": lists in pages", k.serves("s4.example") and k.serves("h.example") and any("continue=2" in a for a in api.asked), str(api.asked[-20:]) + k.why())
    for cut in (1, 30, 200):
        api.cut = cut
        api.apply(service("web", port, "a.example, cut%d.example" % cut))
        tap.ok(name + ": a line that is cut after %d bytes" % cut, k.serves("cut%d.example" % cut), k.why())
    api.faults = [(429, [("Retry-After", "1")], b"too many"), (500, [], b"<html>"), (200, [], b"no JSON")]
    api.end_streams()
    api.apply(service("web", port, "a.example, i.example"))
    tap.ok(name + ": 429, 500, garbage", k.serves("i.example") and not api.faults, k.why())
    api.deny("services")
    tap.ok(name + ": a right is taken away", soon(lambda: k.get("/synced")[0] == 503, 40), k.why())
    api.deny("services", False)
    tap.ok(name + ": and given back: a watch that only has a head yet is followed", soon(lambda: k.get("/synced")[0] == 200), k.get("/synced")[1] + k.why())
    listed = [a for a in api.asked if "/secrets" in a]
    tap.equal(name + ": Secrets that nobody names are not asked for", listed, [])
    api.apply(ingress("tls", "j.example", "web", secret="crt"))
    tap.ok(name + ": one that an Ingress names is got by its name", soon(lambda: "/api/v1/namespaces/shop/secrets/crt" in api.asked), k.why())
    api.apply({"apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/tls", "metadata": {"name": "crt", "namespace": "shop"}, "data": {}})
    for host in ("k", "l"):
        asked = api.asked.count("/api/v1/namespaces/shop/secrets/crt")
        api.apply(ingress("tls-" + host, host + ".example", "web", secret="crt"))
        tap.ok(name + ": and again when another one names it, %s" % host, soon(lambda: api.asked.count("/api/v1/namespaces/shop/secrets/crt") > asked, 10))
    tap.ok(name + ": and no other", all(a.endswith("/shop/secrets/crt") for a in api.asked if "/secrets" in a), str([a for a in api.asked if "/secrets" in a]))


def one(make, name, parts):
    with lib.Lab() as lab:
        api, k = None, None
        try:
            api = make(lab)
            port, other = node_port(), node_port()
            for p in (port, other):
                lab.web(p, ["127.0.1.1", "127.0.1.2"])
            api.apply(node(1), service("web", port, "a.example"))
            k = khapd.Khapd(lab, "k")
            settings(k, api)
            for part in parts:
                part(k, api, name, port, other)
        except Exception as e:  # noqa: BLE001 - told as what is wrong
            tap.ok("%s: no exception" % name, False, "%r\n%s" % (e, k.why() if k and k.process else ""))
        finally:
            if k:
                k.stop()
            if api:
                (api.end if hasattr(api, "end") else api.stop)()


def main():
    lib.need_haproxy()
    khapd.program()
    one(apiserver.Scripted, "scripted", (follows, away, scripted))
    if apiserver.assets():
        one(apiserver.Real, "real", (follows, away))
    else:
        tap.note("a real API server was NOT tried: KUBEBUILDER_ASSETS names no folder with etcd, kube-apiserver and kubectl")
    tap.finish()


if __name__ == "__main__":
    main()
