#!/usr/bin/python3
"""What khapd writes to a cluster: statuses of Services, Ingresses, Gateways and routes, the finalizer, events; one of several khapd by a Lease, whose
loss takes nothing back; entries of other controllers stay. Against a real API server where KUBEBUILDER_ASSETS names a folder with etcd, kube-apiserver
and kubectl."""
import json
import os
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import apiserver  # noqa: E402
import cluster  # noqa: E402
import khapd  # noqa: E402
import lib  # noqa: E402
import tap  # noqa: E402

soon = khapd.soon
GATEWAY = "gateway.networking.k8s.io"


def definition(kind, plural, namespaced=True):
    """Enough of the Gateway API's for an API server that knows nothing of it."""
    return {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": {"name": plural + "." + GATEWAY, "annotations": {"api-approved.kubernetes.io": "unapproved, for a test"}},
            "spec": {"group": GATEWAY, "scope": "Namespaced" if namespaced else "Cluster",
                     "names": {"kind": kind, "plural": plural, "singular": kind.lower(), "listKind": kind + "List"},
                     "versions": [{"name": "v1", "served": True, "storage": True, "subresources": {"status": {}},
                                   "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}}]}}


def balanced(name, port, address=None, ports=None):
    spec = {"type": "LoadBalancer", "selector": {"a": "b"}, "ports": ports or [{"name": "p", "port": port, "nodePort": port, "protocol": "TCP"}]}
    if address:
        spec["loadBalancerIP"] = address
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": "shop", "annotations": {"khap.io/class": "khap.io/haproxy"}},
            "spec": spec}


class Api:
    """What stands in the cluster."""

    def __init__(self, api):
        self.api = api

    def get(self, path):
        status, text = self.api.ask("GET", path)
        return json.loads(text) if status == 200 else None

    def service(self, name):
        return self.get("/api/v1/namespaces/shop/services/" + name) or {}

    def addresses(self, obj):
        return [a.get("ip") or a.get("hostname") for a in ((obj or {}).get("status", {}).get("loadBalancer", {}).get("ingress") or [])]

    def events(self, name):
        return [e for e in (self.get("/api/v1/namespaces/shop/events") or {"items": []})["items"] if e["involvedObject"]["name"] == name]

    def gateway(self, plural, name, ns="shop"):
        where = "/namespaces/" + ns if ns else ""
        return self.get("/apis/%s/v1%s/%s/%s" % (GATEWAY, where, plural, name)) or {}

    def lease(self):
        return (self.get("/apis/coordination.k8s.io/v1/namespaces/khap-system/leases/khapd") or {}).get("spec", {})


def conditions(status):
    return {c["type"]: (c["status"], c["reason"]) for c in (status or {}).get("conditions", [])}


def settings(k, api, more=""):
    cluster.settings(k, api)
    with open(k.yaml) as f:
        text = f.read().replace("{kubernetes: {", "{kubernetes: {addresses: [192.0.2.10, edge.example], pool: [127.0.2.16-127.0.2.17]%s, " % more)
    with open(k.yaml, "w") as f:
        f.write(text)


def run(k, k2, api, port, other):
    a = Api(api)
    k.start()
    tap.ok("all of the cluster is seen", soon(lambda: os.path.exists(k.khap + "/current")), k.why())
    with open(k.dir + "/haproxy.log", "a") as k.log:
        k.start_haproxy()
    tap.ok("requests are served", k.serves("a.example"), k.why())
    tap.ok("one khapd has the Lease", soon(lambda: a.lease().get("holderIdentity")), str(a.lease()) + k.why())

    # ---- Services of type LoadBalancer
    api.apply(balanced("lb", other, "127.0.2.1"))
    tap.ok("a LoadBalancer has its address", soon(lambda: a.addresses(a.service("lb")) == ["127.0.2.1"]), str(a.service("lb").get("status")) + k.why())
    tap.ok("and takes connections there", soon(lambda: lib.ask(other, host="x", address="127.0.2.1").status == 200), k.why())
    tap.equal("it is held by our finalizer", a.service("lb")["metadata"].get("finalizers"), ["khap.io/haproxy"])
    api.delete("services", "shop", "lb")
    tap.ok("deleted, it goes", soon(lambda: not a.service("lb")), str(a.service("lb")) + k.why())

    # ---- addresses of the pool
    api.apply(balanced("p1", other))
    tap.ok("one that names no address has one of the pool", soon(lambda: str(a.addresses(a.service("p1"))) in ("['127.0.2.16']", "['127.0.2.17']")),
           str(a.service("p1").get("status")) + k.why())
    mine = (a.addresses(a.service("p1")) or ["127.0.2.16"])[0]
    tap.ok("and takes connections there", soon(lambda: lib.ask(other, host="x", address=mine).status == 200), k.why())
    second, third = cluster.node_port(), cluster.node_port()
    api.apply(balanced("p2", second))
    tap.ok("another one has another one", soon(lambda: a.addresses(a.service("p2"))) and len({mine, *a.addresses(a.service("p2"))}) == 2, k.why())
    api.apply(balanced("p3", third))
    tap.ok("there is none for a third one, which an Event says", soon(lambda: [e for e in a.events("p3") if "has no address yet" in e["message"]]), k.why())
    tap.equal("nor a status", a.addresses(a.service("p3")), [])
    api.delete("services", "shop", "p1")
    tap.ok("until one is free", soon(lambda: a.addresses(a.service("p3")) == [mine], 40), str(a.service("p3").get("status")) + k.why())
    for name in ("p2", "p3"):
        api.delete("services", "shop", name)
    tap.ok("all go", soon(lambda: not a.service("p2") and not a.service("p3")), k.why())
    api.ask("PATCH", "/api/v1/namespaces/shop/services/other/status", {"status": {"loadBalancer": {"ingress": [{"ip": "198.51.100.7"}]}}},
            "application/merge-patch+json")

    # ---- Ingresses
    api.apply(cluster.ingress("i", "c.example", "web"))
    path = "/apis/networking.k8s.io/v1/namespaces/shop/ingresses/i"
    tap.ok("an Ingress has HAProxy's addresses", soon(lambda: a.addresses(a.get(path)) == ["192.0.2.10", "edge.example"]), str(a.get(path)) + k.why())
    tap.ok("and is served", k.serves("c.example"), k.why())
    api.ask("PATCH", path, {"spec": {"ingressClassName": "somebody"}}, "application/merge-patch+json")
    tap.ok("one that is ours no longer has none", soon(lambda: a.addresses(a.get(path)) == []), str(a.get(path)) + k.why())

    # ---- the Gateway API
    made = [api.ask("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", definition(*d))[0] for d in (
        ("GatewayClass", "gatewayclasses", False), ("Gateway", "gateways"), ("HTTPRoute", "httproutes"), ("ReferenceGrant", "referencegrants"))]
    tap.equal("definitions of the Gateway API", made, [201] * 4)

    def post(kind, plural, name, spec, ns="shop"):
        obj = {"apiVersion": GATEWAY + "/v1", "kind": kind, "metadata": {"name": name}, "spec": spec}
        if ns:
            obj["metadata"]["namespace"] = ns
        where = "/apis/%s/v1%s/%s" % (GATEWAY, "/namespaces/" + ns if ns else "", plural)
        return soon(lambda: api.ask("POST", where, obj)[0] in (201, 409))

    post("GatewayClass", "gatewayclasses", "khap", {"controllerName": "khap.io/haproxy"}, None)
    post("Gateway", "gateways", "g", {"gatewayClassName": "khap", "listeners": [
        {"name": "http", "port": 80, "protocol": "HTTP"}, {"name": "bad", "port": 81, "protocol": "UDP"}]})
    route = {"parentRefs": [{"name": "g"}], "hostnames": ["gw.example"], "rules": [{"backendRefs": [{"name": "web", "port": 80}]}]}
    post("HTTPRoute", "httproutes", "r", route)
    tap.ok("a route of a Gateway is served", soon(lambda: cluster.answered_by(k, "gw.example"), 60), k.why())
    tap.ok("the class is accepted", soon(lambda: conditions(a.gateway("gatewayclasses", "khap", None).get("status")).get("Accepted") == ("True", "Accepted")),
           str(a.gateway("gatewayclasses", "khap", None)) + k.why())
    tap.ok("the Gateway is programmed", soon(lambda: conditions(a.gateway("gateways", "g").get("status")).get("Programmed") == ("True", "Programmed")),
           str(a.gateway("gateways", "g").get("status")) + k.why())
    gateway = a.gateway("gateways", "g")
    tap.equal("it has HAProxy's addresses", gateway["status"]["addresses"],
              [{"type": "IPAddress", "value": "192.0.2.10"}, {"type": "Hostname", "value": "edge.example"}])

    def listeners():
        return {one["name"]: one for one in a.gateway("gateways", "g")["status"]["listeners"]}

    tap.ok("the good listener has a route", soon(lambda: listeners()["http"]["attachedRoutes"] == 1), str(listeners()) + k.why())
    tap.equal("and is programmed", conditions(listeners()["http"])["Programmed"], ("True", "Programmed"))
    tap.equal("the bad one", (conditions(listeners()["bad"])["Accepted"], conditions(listeners()["bad"])["Programmed"]),
              (("False", "UnsupportedProtocol"), ("False", "Invalid")))
    tap.equal("as of the version that was seen", gateway["status"]["conditions"][0]["observedGeneration"], gateway["metadata"]["generation"])
    tap.ok("the route is accepted", soon(lambda: [conditions(p).get("Accepted") for p in a.gateway("httproutes", "r").get("status", {}).get("parents", [])] == [
        ("True", "Accepted")]), str(a.gateway("httproutes", "r").get("status")))
    before = a.gateway("httproutes", "r")["status"]["parents"]
    foreign = {"parentRef": {"name": "theirs"}, "controllerName": "example.com/theirs", "conditions": [{"type": "Accepted", "status": "Unknown",
                                                                                                   "reason": "x", "message": "y \" \u00fc", "z": [1, {"a": 1.50}]}]}
    api.ask("PATCH", "/apis/%s/v1/namespaces/shop/httproutes/r/status" % GATEWAY, {"status": {"parents": [foreign] + before}}, "application/merge-patch+json")
    route["rules"][0]["backendRefs"][0]["name"] = "nobody"
    api.ask("PATCH", "/apis/%s/v1/namespaces/shop/httproutes/r" % GATEWAY, {"spec": route}, "application/merge-patch+json")
    tap.ok("a backend that is not there", soon(lambda: [conditions(p).get("ResolvedRefs") for p in a.gateway("httproutes", "r")["status"]["parents"]][-1:] == [
        ("False", "BackendNotFound")]), str(a.gateway("httproutes", "r")["status"]) + k.why())
    parents = a.gateway("httproutes", "r")["status"]["parents"]
    tap.equal("the entry of another controller stays as it is", parents[0], foreign)
    since = {c["type"]: c["lastTransitionTime"] for c in before[0]["conditions"]}
    now = {c["type"]: c["lastTransitionTime"] for c in parents[1]["conditions"]}
    tap.equal("what did not change keeps its time", now["Accepted"], since["Accepted"])
    route["parentRefs"] = [{"name": "theirs"}]
    api.ask("PATCH", "/apis/%s/v1/namespaces/shop/httproutes/r" % GATEWAY, {"spec": route}, "application/merge-patch+json")
    tap.ok("a route that leaves our Gateway keeps theirs only", soon(lambda: a.gateway("httproutes", "r")["status"]["parents"] == [foreign]),
           str(a.gateway("httproutes", "r")["status"]) + k.why())

    # ---- events
    bad = cluster.service("bad", 0, "bad.example")
    bad["metadata"]["annotations"]["khap.io/chek-path"] = "/x"
    api.apply(bad)
    tap.ok("what is wrong with a Service is an Event of it", soon(lambda: a.events("bad")), k.why())
    event = (a.events("bad") or [{}])[0]
    tap.ok("which kubectl describe shows", event.get("involvedObject", {}).get("uid") == a.service("bad")["metadata"]["uid"] and event.get("type") == "Warning"
           and "khap.io/chek-path" in event.get("message", ""), str(event))
    time.sleep(1)
    tap.equal("once", len(a.events("bad")), len({e["message"] for e in a.events("bad")}))

    # ---- two of them
    holder = a.lease()["holderIdentity"]
    api.apply(balanced("two", other, "127.0.2.2"))
    tap.ok("one more LoadBalancer", soon(lambda: a.addresses(a.service("two")) == ["127.0.2.2"]), k.why())
    k2.start()
    tap.ok("a second khapd follows, too", soon(lambda: os.path.exists(k2.khap + "/current")), k2.why())
    with open(k2.dir + "/haproxy.log", "a") as k2.log:
        k2.start_haproxy()
    tap.ok("with the same routing", k2.serves("a.example"), k2.why())
    time.sleep(6)
    tap.equal("the first one keeps the Lease", a.lease()["holderIdentity"], holder)
    tap.equal("the second one writes nothing", k2.metric("cluster_writes_total"), 0)
    k.end()
    tap.ok("it ends: the second one takes the Lease", soon(lambda: a.lease()["holderIdentity"] != holder, 40), str(a.lease()) + k2.why())
    tap.equal("and what was written stays", a.addresses(a.service("two")), ["127.0.2.2"])
    api.apply(balanced("two", other, "127.0.2.3"))
    tap.ok("it writes from then on", soon(lambda: a.addresses(a.service("two")) == ["127.0.2.3"]), str(a.service("two")) + k2.why())
    api.restart()
    api.apply(balanced("two", other, "127.0.2.4"))
    tap.ok("also when the API server has started anew", soon(lambda: a.addresses(a.service("two")) == ["127.0.2.4"], 60), str(a.service("two")) + k2.why())
    tap.equal("the status of a Service that is nobody's is left alone", a.addresses(a.service("other")), ["198.51.100.7"])
    tap.ok("no token stands in the log", "t0ken" not in k2.said(), k2.why())

    # ---- nothing is written
    api.kubectl("delete", "clusterrolebinding", "khapd-write")
    api.apply(cluster.ingress("i2", "i2.example", "web"))
    tap.ok("without rights to write all is served", k2.serves("i2.example"), k2.why())
    tap.ok("and it is told", soon(lambda: "is refused: HTTP 403" in k2.said()), k2.why())
    tap.ok("and khapd is in step all the same", soon(lambda: k2.get("/synced")[0] == 200), k2.get("/synced")[1] + k2.why())


def main():
    lib.need_haproxy()
    khapd.program()
    if not apiserver.assets():
        tap.skip_all("KUBEBUILDER_ASSETS names no folder with etcd, kube-apiserver and kubectl (tools/kube-apiserver makes one): NOTHING that khapd writes was tried")
    with lib.Lab() as lab:
        api = k = k2 = None
        try:
            api = apiserver.Real(lab)
            port, other = cluster.node_port(), cluster.node_port()
            for p in (port, other):
                lab.web(p, ["127.0.1.1", "127.0.1.2"])
            api.apply(cluster.node(1), cluster.service("web", port, "a.example"))
            theirs = balanced("other", other)
            del theirs["metadata"]["annotations"]
            theirs["spec"]["ports"][0].pop("nodePort")
            api.apply(theirs)
            k, k2 = khapd.Khapd(lab, "k"), khapd.Khapd(lab, "k2")
            for one in (k, k2):
                settings(one, api)
            run(k, k2, api, port, other)
        except Exception as e:  # noqa: BLE001 - told as what is wrong
            import traceback
            tap.ok("no exception", False, "%s\n%s" % (traceback.format_exc(), k.why() if k and k.process else ""))
        finally:
            for one in (k, k2):
                if one:
                    one.stop()
            if api:
                api.end()
    tap.finish()


if __name__ == "__main__":
    main()
