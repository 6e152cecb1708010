#!/usr/bin/python3
"""khapd and a real API server (KUBEBUILDER_ASSETS: etcd, kube-apiserver, kubectl) with many Services and Nodes: from start to all of it seen and served;
khapd's memory and its time at rest; and from a changed host, node, certificate in the cluster to the first request that is served by it.

SERVICES, NODES, NODES_MAX and ROUNDS bound the run. SPDX-License-Identifier: MIT
"""
import base64
import concurrent.futures
import http.client
import json
import os
import re
import socket
import ssl
import statistics
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "khapd"))
import apiserver  # noqa: E402
import cluster  # noqa: E402
import khapd  # noqa: E402
import lib  # noqa: E402

SERVICES = int(os.environ.get("SERVICES", "5000"))
NODES = int(os.environ.get("NODES", "500"))
NODES_MAX = int(os.environ.get("NODES_MAX", "8"))
ROUNDS = int(os.environ.get("ROUNDS", "20"))


def say(*words):
    print(*words, flush=True)


def served(what):
    began = time.monotonic()
    if not lib.until(what, 120, 0.001):
        sys.exit("not served within two minutes")
    return (time.monotonic() - began) * 1000


def tell(name, times):
    times.sort()
    say("%s: median %.0f ms, 99th percentile %.0f ms, %d rounds" % (name, statistics.median(times), times[min(len(times) - 1, int(len(times) * 0.99))], len(times)))


class Many:
    """Objects made over some connections at once."""

    def __init__(self, api):
        self.api = api

    def some(self, objects):
        context = ssl.create_default_context(cafile=self.api.ca)
        context.check_hostname = False
        c = http.client.HTTPSConnection("127.0.0.1", self.api.port, context=context, timeout=60)
        for obj in objects:
            path = apiserver.path_of(apiserver.plural(obj), obj["metadata"].get("namespace"))
            c.request("POST", path, json.dumps(obj), {"Authorization": "Bearer " + self.api.admin, "Content-Type": "application/json"})
            answer = c.getresponse()
            text = answer.read()
            if answer.status != 201:
                raise RuntimeError("%s: %d %s" % (path, answer.status, text[:300]))
        c.close()

    def make(self, objects, connections=8):
        with concurrent.futures.ThreadPoolExecutor(connections) as pool:
            for done in [pool.submit(self.some, objects[i::connections]) for i in range(connections)]:
                done.result()


def of_process(k, name):
    with open("/proc/%d/status" % k.process.pid) as f:
        return int(re.search(name + r":\s+(\d+)", f.read()).group(1)) / 1024


def cpu(k):
    with open("/proc/%d/stat" % k.process.pid) as f:
        return sum(int(n) for n in f.read().rsplit(")", 1)[1].split()[11:15]) / os.sysconf("SC_CLK_TCK")


def answers(k, host):
    try:
        return lib.ask(k.port, host=host).status == 200
    except (OSError, ValueError, IndexError):
        return False


def shown(k, tls, host, pem_file):
    """Whether a handshake for the host ends with a certificate of this file."""
    context = ssl.create_default_context(cafile=pem_file)
    try:
        with socket.create_connection(("127.0.0.1", tls), timeout=5) as s, context.wrap_socket(s, server_hostname=host):
            return True
    except OSError:
        return False


def main():
    if not apiserver.assets():
        sys.exit("KUBEBUILDER_ASSETS names no folder with etcd, kube-apiserver and kubectl (tools/kube-apiserver makes one)")
    with lib.Lab() as lab:
        api = k = None
        try:
            api = apiserver.Real(lab)
            port = cluster.node_port()
            lab.web(port, ["127.0.1.%d" % n for n in range(1, 9)])
            api.ask("POST", "/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}})
            many = Many(api)
            nodes = [cluster.node(n) for n in range(1, NODES + 1)]
            for n, node in enumerate(nodes):  # what is asked goes to the first ones; the others are only many
                node["status"]["addresses"][0]["address"] = "127.0.%d.%d" % (1 + n // 250, 1 + n % 250)
            services = [cluster.service("s%d" % n, 0, "s%d.example" % n) for n in range(SERVICES)]
            for s in services:
                s["spec"].pop("selector")
                s["spec"]["ports"][0].pop("nodePort")
            web = cluster.service("web", port, "web.example")
            began = time.monotonic()
            many.make(nodes + [web])
            # an API server has 2768 node ports: the rest are reached by Ingresses
            direct = min(SERVICES, 2500)
            many.make(services[:direct])
            ingresses = [cluster.ingress("i%d" % n, "s%d.example" % n, "s%d" % (n % direct)) for n in range(direct, SERVICES)]
            many.make(ingresses)
            say("%d Services, %d Ingresses and %d Nodes made in %.1f s" % (direct, len(ingresses), NODES, time.monotonic() - began))
            k = khapd.Khapd(lab, "k")
            cluster.settings(k, api)
            tls = lib.free_port()
            with open(k.yaml) as f:
                text = f.read().replace("{kubernetes: {", "{kubernetes: {nodes: {max: %d}, " % NODES_MAX)
            text = text.replace("https: false", 'https: {bind: "127.0.0.1:%d"}' % tls) + "certs: [{placeholder: true}]\n"
            with open(k.yaml, "w") as f:
                f.write(text)
            began = time.monotonic()
            k.start()
            served(lambda: os.path.exists(k.khap + "/current"))
            say("from start to the first generation: %.1f s" % (time.monotonic() - began))
            with open(k.dir + "/haproxy.log", "a") as k.log:
                k.start_haproxy()
            served(lambda: lib.ask(k.port, host="web.example").status != 0)
            served(lambda: k.get("/synced")[0] == 200)
            say("from start to synced and served: %.1f s" % (time.monotonic() - began))
            say("khapd: %.1f MiB resident, %.1f MiB at most" % (of_process(k, "VmRSS"), of_process(k, "VmHWM")))
            time.sleep(5)
            before, since = cpu(k), time.monotonic()
            time.sleep(30)
            say("khapd at rest: %.2f %% of a CPU, with a verification each minute" % ((cpu(k) - before) / (time.monotonic() - since) * 100))
            hosts, certs = [], []
            for n in range(ROUNDS):
                api.ask("PATCH", "/api/v1/namespaces/shop/services/web", {"metadata": {"annotations": {"khap.io/hosts": "web.example, n%d.example" % n}}},
                        "application/merge-patch+json")
                hosts.append(served(lambda: lib.ask(k.port, host="n%d.example" % n).status not in (0, 404)))
            tell("a host", hosts)
            rounds = max(ROUNDS // 4, 3)
            api.apply(cluster.ingress("tls", "tls.example", "web", secret="crt"))
            for n in range(rounds):
                ca = lab.certs.ca("bench-ca%d" % n)
                pem = lab.certs.signed("bench%d" % n, "bench-ca%d" % n, ["tls.example"])
                with open(pem) as f:
                    text = f.read()
                key = text[text.index("-----BEGIN PRIVATE"):text.index("-----END PRIVATE")] + "-----END PRIVATE KEY-----\n"
                crt = text[text.index("-----BEGIN CERT"):text.index("-----END CERT")] + "-----END CERTIFICATE-----\n"
                api.ask("DELETE", "/api/v1/namespaces/shop/secrets/crt")
                api.ask("DELETE", "/apis/networking.k8s.io/v1/namespaces/shop/ingresses/tls")
                api.ask("POST", "/api/v1/namespaces/shop/secrets", {"apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/tls", "metadata": {"name": "crt"},
                        "data": {"tls.crt": base64.b64encode(crt.encode()).decode(), "tls.key": base64.b64encode(key.encode()).decode()}})
                api.ask("POST", "/apis/networking.k8s.io/v1/namespaces/shop/ingresses", cluster.ingress("tls", "tls.example", "web", secret="crt"))
                certs.append(served(lambda: shown(k, tls, "tls.example", ca)))
            tell("a certificate that an Ingress names anew", certs)
        finally:
            if k:
                k.stop()
            if api:
                api.end()


if __name__ == "__main__":
    main()
