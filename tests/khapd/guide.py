#!/usr/bin/python3
"""docs/cluster-guide.md, done: its commands for the cluster against a real API server, its khapd.yaml with other paths, and https to the host at the end.
Needs KUBEBUILDER_ASSETS, a folder with etcd, kube-apiserver and kubectl."""
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import apiserver  # noqa: E402
import cluster  # noqa: E402
import khapd  # noqa: E402
import lib  # noqa: E402
import tap  # noqa: E402

soon = khapd.soon


def blocks(what):
    with open(os.path.join(tap.srcdir, "docs", "cluster-guide.md")) as f:
        return re.findall(r"```%s\n(.*?)```" % what, f.read(), re.S)


def shell(api, script):
    """As a person types it, with kubectl of the assets, and the files of the sources in place of installed ones."""
    script = script.replace("/usr/share/khap/", os.path.abspath(os.path.join(tap.srcdir, "init")) + "/")
    env = dict(os.environ, PATH=api.where + ":" + os.environ["PATH"], KUBECONFIG=api.dir + "/admin")
    done = subprocess.run(["sh", "-e", "-c", script], cwd=api.dir, env=env, capture_output=True, text=True, timeout=120)
    return done.returncode == 0, done.stdout + done.stderr


def run(api, k, lab):
    first, certificate, rights = blocks("sh cluster")
    good, said = shell(api, first)
    tap.ok("an account and a service", good, said)
    service = "/api/v1/namespaces/shop/services/web"
    port = cluster.node_port()
    lab.web(port, ["127.0.1.1"])
    api.ask("PATCH", service, {"spec": {"ports": [{"name": "80-8080", "port": 80, "protocol": "TCP", "nodePort": port}]}}, "application/strategic-merge-patch+json")
    api.apply(cluster.node(1))
    text = blocks("yaml khapd")[0]
    tls = lib.free_port()
    tap.equal("khapd.yaml says where the kubeconfig is", text.count("kubeconfig: /etc/khap/cluster/kubeconfig"), 1)
    text = text.replace("/etc/khap/cluster/kubeconfig", api.kubeconfig).replace("/var/lib/khap/haproxy", k.khap).replace("/var/lib/khap/state", k.dir + "/state")
    text = text.replace("/run/haproxy/admin.sock", k.admin).replace("/run/haproxy-master.sock", k.master).replace("9110", str(k.status_port))
    text = text.replace(", mode: 660, group: khap}, user: haproxy, group: haproxy}", "}}")  # nobody here is of these groups
    text += 'frontends: {http: {bind: "127.0.0.1:%d"}, https: {bind: "127.0.0.1:%d"}}\nserviceDefaults: {check: false}\n' % (k.port, tls)
    with open(k.yaml, "w") as f:
        f.write(text.replace("haproxy:\n", "haproxy:\n  binary: %s\n" % k.binary, 1))
    k.start()
    tap.ok("khapd sees the cluster", soon(lambda: os.path.exists(k.khap + "/current"), 30), k.why())
    with open(k.dir + "/haproxy.log", "a") as k.log:
        k.start_haproxy()
    tap.ok("http to the host", k.serves("shop.example"), k.why())
    good, said = shell(api, certificate)
    tap.ok("a certificate and an Ingress", good, said)

    def curl():
        return subprocess.run(["curl", "-sf", "--cacert", api.dir + "/shop.crt", "--resolve", "shop.example:%d:127.0.0.1" % tls, "https://shop.example:%d/" % tls],
                              capture_output=True, text=True)
    tap.ok("https to the host, with that certificate", soon(lambda: curl().returncode == 0, 30), curl().stderr + k.why())
    good, said = shell(api, "kubectl -n shop get ingress shop")
    tap.ok("kubectl shows the address", soon(lambda: "192.0.2.10" in shell(api, "kubectl -n shop get ingress shop")[1], 30), said + k.why())
    good, said = shell(api, rights)
    tap.ok("fewer rights", good, said)
    api.kubectl("delete", "clusterrolebinding", "khapd", "khapd-write")
    with open(k.yaml) as f:
        text = f.read().replace("addresses:", "namespaces: [shop]\n      addresses:", 1)
    with open(k.yaml, "w") as f:
        f.write(text)
    k.end()
    k.start()
    tap.ok("which are enough for one namespace", soon(lambda: k.get("/synced")[0] == 200, 40), k.get("/synced")[1] + k.why())
    api.ask("PATCH", "/apis/networking.k8s.io/v1/namespaces/shop/ingresses/shop/status", {"status": {"loadBalancer": {"ingress": None}}}, "application/merge-patch+json")
    api.kubectl("-n", "shop", "annotate", "ingress", "shop", "khap.io/timeouts={server: 9s}")
    tap.ok("and to write", soon(lambda: k.metric("cluster_writes") == 1, 40), k.why())
    tap.equal("nothing was refused", "is refused" in k.said(), False)


def main():
    lib.need_haproxy()
    khapd.program()
    tap.need("curl", "curl")
    if not apiserver.assets():
        tap.skip_all("KUBEBUILDER_ASSETS names no folder with etcd, kube-apiserver and kubectl (tools/kube-apiserver makes one): the guide was NOT tried")
    with lib.Lab() as lab:
        api = k = None
        try:
            api = apiserver.Real(lab, rights=False)
            k = khapd.Khapd(lab, "k")
            run(api, k, lab)
        except Exception as e:  # noqa: BLE001 - told as what is wrong
            tap.ok("no exception", False, "%r\n%s" % (e, k.why() if k and k.process else ""))
        finally:
            if k:
                k.stop()
            if api:
                api.end()
    tap.finish()


if __name__ == "__main__":
    main()
