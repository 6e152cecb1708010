#!/usr/bin/python3
"""What is written starts as root and as nobody, with nothing but itself; `process` adds user, chroot and socket."""
import grp
import os
import pwd
import socket
import subprocess

import lib
from lib import ask, tap

MAP = """
%(process)s
nodes: {n: 127.0.0.1}
certs: [{file: %(pem)s}]
frontends: {http: {bind: "127.0.0.1:%(http)d"}, https: {bind: "127.0.0.1:%(https)d"}}
stats: {bind: "127.0.0.1:%(stats)d"}
services: {web: {nodePort: %(web)d, hosts: [a.example]}}
"""


def nobody_can(path):
    """Whether nobody can run the program: release binaries may lie below a closed directory."""
    return subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", path, "-v"],
                          capture_output=True).returncode == 0


with lib.Lab() as lab:
    ports = {k: lib.free_port() for k in ("http", "https", "stats", "web")}
    ports.update(pem=lab.certs.make("a", ["a.example"]), process="")
    os.chmod(ports["pem"], 0o644)
    lab.web(ports["web"], name="web")
    wait = [ports["http"], ports["https"], ports["stats"]]
    root = os.geteuid() == 0
    for mode in lib.MODES:
        with lab.run(MAP % ports, mode, wait=wait) as proxy:
            tap.equal("%s: as %s" % (mode, "root" if root else "oneself"), ask(ports["http"], "/", "a.example").name, "web")
            tap.ok("%s: names nothing below /run" % mode, "/run" not in proxy.text())
        if root and nobody_can(lib.HAPROXY):
            proxy = lib.Proxy(lab, MAP % ports, mode)
            proxy.stop()
            for top, dirs, files in os.walk(proxy.bundle):
                for name in dirs:
                    os.chmod(os.path.join(top, name), 0o755)
                for name in files:
                    os.chmod(os.path.join(top, name), 0o644)
            proxy.start(wait, user=65534)
            tap.ok("%s: as nobody, without a warning" % mode, proxy.alive() and not proxy.complaints(), proxy.output())
            tap.equal("%s: as nobody it serves" % mode, ask(ports["http"], "/", "a.example").name, "web")
            proxy.stop()
    if not root:
        tap.skip("starting as root and as nobody needs root")
    elif not nobody_can(lib.HAPROXY):
        tap.note("nobody cannot run %s: not tried as nobody" % lib.HAPROXY)
    if root:
        sock, empty = os.path.join(lab.dir, "admin.sock"), os.path.join(lab.dir, "empty")
        os.mkdir(empty)
        user, group = pwd.getpwuid(65534).pw_name, grp.getgrgid(65534).gr_name
        process = "process: {socket: {path: %s, mode: 660, user: %s, group: %s}, user: %s, group: %s, chroot: %s}" % (
            sock, user, group, user, group, empty)
        for mode in lib.MODES:
            with lab.run(MAP % dict(ports, process=process), mode, wait=wait) as proxy:
                # it listens before it gives up root: an answer tells that the start is over
                tap.equal("%s: it serves" % mode, ask(ports["http"], "/", "a.example").name, "web")
                tap.ok("%s: with process: no word about root" % mode, "as root" not in proxy.output(), proxy.output())
                pid = str(proxy.process.pid)
                with open("/proc/%s/status" % pid) as f:
                    status = dict(x.split(":", 1) for x in f.read().splitlines() if ":" in x)
                tap.equal("%s: user and group" % mode, (status["Uid"].split()[1], status["Gid"].split()[1]), ("65534", "65534"))
                tap.equal("%s: chroot" % mode, os.path.realpath("/proc/%s/root" % pid), os.path.realpath(empty))
                tap.equal("%s: the socket's mode and owner" % mode,
                          (os.stat(sock).st_mode & 0o777, os.stat(sock).st_uid, os.stat(sock).st_gid), (0o660, 65534, 65534))
                with socket.socket(socket.AF_UNIX) as s:
                    s.connect(sock)
                    s.sendall(b"show stat\n")
                    tap.ok("%s: the socket answers" % mode, s.recv(65536).startswith(b"# pxname"))
tap.finish()
