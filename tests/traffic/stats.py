#!/usr/bin/python3
"""The statistics page and the metrics for Prometheus, where they are asked for and nowhere else."""
import subprocess

import lib
from lib import ask, tap

MAP = """
nodes: {n: 127.0.0.1}
frontends: {http: {bind: "127.0.0.1:%(http)d"}}
stats: {bind: "127.0.0.1:%(stats)d"%(prometheus)s}
services: {web: {nodePort: %(web)d, hosts: [a.example]}}
"""

with lib.Lab() as lab:
    ports = {k: lib.free_port() for k in ("http", "stats", "web")}
    lab.web(ports["web"], name="web")
    exporter = "prometheus-exporter" in subprocess.run([lib.HAPROXY, "-vv"], capture_output=True, text=True).stdout
    for mode in lib.MODES:
        with lab.run(MAP % dict(ports, prometheus=""), mode, wait=[ports["http"], ports["stats"]]):
            page = ask(ports["stats"], "/", "x")
            tap.ok("%s: the page names the service" % mode, page.status == 200 and b"web" in page.body and b"tatistics" in page.body, page)
            csv = ask(ports["stats"], "/;csv", "x")
            rows = [x.split(",")[:2] for x in csv.body.decode().splitlines()]
            tap.ok("%s: and its server" % mode, ["web", "n"] in rows, csv)
            answer = ask(ports["stats"], "/metrics", "x")
            tap.ok("%s: no metrics unless asked for" % mode, b"haproxy_server" not in answer.body, answer)
            tap.equal("%s: not on http" % mode, ask(ports["http"], "/;csv", "x").status, 404)
        if not exporter:
            continue
        with lab.run(MAP % dict(ports, prometheus=", prometheus: true"), mode, wait=[ports["http"], ports["stats"]]):
            ask(ports["http"], "/", "a.example")
            answer = ask(ports["stats"], "/metrics", "x")
            tap.ok("%s: metrics" % mode, answer.status == 200 and b'haproxy_server_status{proxy="web",server="n"' in answer.body,
                   answer.body[:500])
            tap.equal("%s: the page beside" % mode, ask(ports["stats"], "/", "x").status, 200)
if not exporter:
    tap.skip("this HAProxy has no Prometheus exporter")
tap.finish()
