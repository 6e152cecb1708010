#!/usr/bin/python3
"""examples/services.yaml, with loopback nodes and free ports, served: three services, two frontends, certificates from a directory."""
import os

import lib
from lib import ask, tap, until

NODES = {"node1": "127.0.0.1", "node2": "127.0.0.2", "node3": "127.0.0.3"}
HOSTS = {"marley.xyz": "marley-landing", "james.munnelly.eu": "james-munnelly-eu", "manage.marley.xyz": "kube-ui"}
EXAMPLE = os.path.join(os.path.abspath(tap.srcdir), "examples", "services.yaml")

with lib.Lab() as lab:
    http, https = lib.free_port(), lib.free_port()
    directory = os.path.join(lab.dir, "certs.d")
    os.mkdir(directory)
    for host in HOSTS:
        os.rename(lab.certs.make(host, [host]), os.path.join(directory, host + ".pem"))
    sets = ["nodes.%s.address=%s" % n for n in NODES.items()] + [
        "certs=[{directory: %s}]" % directory, "frontends.http.bind=127.0.0.1:%d" % http, "frontends.https.bind=127.0.0.1:%d" % https]
    servers = {}
    for service in HOSTS.values():
        port = lib.free_port()
        servers[service] = [lib.Web(a, port, name=service + "@" + n) for n, a in NODES.items()]
        lab.stops += servers[service]
        sets.append("services.%s.nodePort=%d" % (service, port))
    for mode in lib.MODES:
        with lab.run(EXAMPLE, mode, sets=sets, wait=[http, https]):
            for host, service in HOSTS.items():
                for spelled in (host, host.upper(), host + ":80", host + "."):
                    for port, how in ((http, {}), (https, {"tls": True, "sni": host})):
                        answer = ask(port, "/x", spelled, **how)
                        wanted = (service, ["https" if how else "http"])
                        tap.equal("%s: %s on %s" % (mode, spelled, wanted[1][0]),
                                  (str(answer.name).split("@")[0], answer.asked("x-forwarded-proto")), wanted)
                tap.equal("%s: the certificate of %s" % (mode, host), lib.subject(https, host), host)
            tap.equal("%s: any other host" % mode, str(ask(http, "/", "other.example").name).split("@")[0], "marley-landing")
            tap.equal("%s: no host" % mode, str(ask(http, "/").name).split("@")[0], "marley-landing")
            seen = {ask(http, "/", "marley.xyz").name for _ in range(30)}
            tap.equal("%s: all three nodes" % mode, len(seen), 3)
            # cookie SRV_ID prefix touches a cookie of that name only; the web servers here set another
            servers["kube-ui"][0].stop()
            tap.ok("%s: a dead node is left out" % mode, until(lambda: {ask(http, "/", "manage.marley.xyz").name for _ in range(12)}
                   == {"kube-ui@node2", "kube-ui@node3"}, 20))
            servers["kube-ui"][0].start()
tap.finish()
