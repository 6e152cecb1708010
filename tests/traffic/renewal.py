#!/usr/bin/python3
"""Certificates that come, change and go: the placeholder before the first and after the last, files as certbot and cert-manager write them, whose
links move."""
import os
import shutil
import subprocess

import lib
from lib import ask, subject, tap

BEFORE = """
nodes: {n: 127.0.0.1}
certs: [{directory: %(directory)s}, {placeholder: true}]
frontends: {http: {bind: "127.0.0.1:%(http)d"}, https: {bind: "127.0.0.1:%(https)d"}}
services: {web: {nodePort: %(web)d, hosts: [a.example, b.example]}}
"""
OTHERS = """
nodes: {n: 127.0.0.1}
certs:
  - {file: %(live)s/a.example/fullchain.pem, key: %(live)s/a.example/privkey.pem, hosts: [a.example]}
  - {file: %(live)s/b.example/fullchain.pem, key: %(live)s/b.example/privkey.pem, hosts: [b.example]}
  - {file: %(secret)s/tls.crt, key: %(secret)s/tls.key}
frontends: {http: false, https: {bind: "127.0.0.1:%(https)d"}}
services: {web: {nodePort: %(web)d, default: true}}
"""


class Certbot:
    """live/NAME/ holds links into archive/NAME/, whose files have numbers."""

    def __init__(self, certs, top):
        self.certs, self.top = certs, top

    def renew(self, host, number):
        live, archive = (os.path.join(self.top, d, host) for d in ("live", "archive"))
        os.makedirs(live, exist_ok=True)
        os.makedirs(archive, exist_ok=True)
        name = "%s-%d" % (host, number)
        self.certs.make(name, [host], separate=True)
        for path, kind in ((name + ".pem", "fullchain"), (name + ".key", "privkey")):
            shutil.move(self.certs.path(path), "%s/%s%d.pem" % (archive, kind, number))
            link = "%s/%s.pem" % (live, kind)
            os.symlink("../../archive/%s/%s%d.pem" % (host, kind, number), link + ".new")
            os.rename(link + ".new", link)


class Secret:
    """A mounted Secret: tls.crt and tls.key are links through ..data, which is exchanged as a whole."""

    def __init__(self, certs, top):
        self.certs, self.top = certs, top
        os.makedirs(top)
        for name in ("tls.crt", "tls.key"):
            os.symlink("..data/" + name, os.path.join(top, name))

    def write(self, host, number):
        folder = os.path.join(self.top, "..2026_%d" % number)
        os.mkdir(folder)
        name = "secret-%d" % number
        self.certs.make(name, [host], separate=True)
        shutil.move(self.certs.path(name + ".pem"), folder + "/tls.crt")
        shutil.move(self.certs.path(name + ".key"), folder + "/tls.key")
        os.symlink(os.path.basename(folder), os.path.join(self.top, "..data_tmp"))
        old = os.path.join(self.top, "..data")
        gone = os.path.realpath(old) if os.path.exists(old) else None
        os.rename(os.path.join(self.top, "..data_tmp"), old)
        if gone:
            shutil.rmtree(gone)


def write(proxy, *words):
    """khapgen once more, for the same folder: its exit status and what it said."""
    target = ["-t", lib.TARGET] if lib.TARGET else []
    run = subprocess.run([lib.KHAPGEN, *target, "--output-dir", proxy.bundle, *words, proxy.map], capture_output=True, text=True)
    return run.returncode, run.stdout + run.stderr


def restart(proxy, port):
    proxy.stop()
    proxy.start([port])


with lib.Lab() as lab:
    c = lab.certs
    ports = {k: lib.free_port() for k in ("http", "https", "web")}
    lab.web(ports["web"], name="web")
    ports.update(directory=c.path("d"), live=c.path("letsencrypt/live"), secret=c.path("secret"))
    os.mkdir(ports["directory"])
    with lab.run(BEFORE % ports, "bundle", wait=[ports["https"]]) as proxy:
        https, path = ports["https"], os.path.join(proxy.bundle, "certs", "placeholder.pem")
        with open(path, encoding="ascii") as f:
            first = f.read()
        tap.equal("placeholder: who may read it", os.stat(path).st_mode & 0o777, 0o600)
        tap.equal("placeholder: before the first certificate", [subject(https, n) for n in ("a.example", "b.example", None)], ["khap placeholder"] * 3)
        tap.equal("placeholder: served", ask(https, "/", "a.example", tls=True, sni="a.example").name, "web")
        check = subprocess.run(["openssl", "x509", "-noout", "-checkend", str(9 * 365 * 86400), "-in", path], capture_output=True, text=True)
        tap.equal("placeholder: valid for ten years", check.returncode, 0)
        text = subprocess.run(["openssl", "x509", "-noout", "-text", "-in", path], capture_output=True, text=True, check=True).stdout
        tap.ok("placeholder: P-256", "NIST CURVE: P-256" in text and "ecdsa-with-SHA256" in text, text)
        tap.equal("placeholder: --check has nothing to do", write(proxy, "--check")[0], 0)
        if not lib.TARGET:
            run = subprocess.run([lib.KHAPGEN, "diff", proxy.bundle, proxy.map], capture_output=True, text=True)
            tap.equal("placeholder: the map and its folder are the same", (run.returncode, run.stdout), (0, "0 at run time, 0 reloads\n"))
        run = subprocess.run([lib.KHAPGEN, "route", proxy.map, "https://a.example:%d/" % https], capture_output=True, text=True)
        tap.ok("placeholder: a route of the map", run.returncode == 0 and run.stdout.startswith("backend web\n"), run.stdout + run.stderr)
        shutil.copy(c.make("a", ["a.example"]), ports["directory"] + "/a.pem")
        write(proxy)
        restart(proxy, https)
        tap.equal("with a certificate", [subject(https, n) for n in ("a.example", "b.example")], ["a", "a"])
        os.unlink(ports["directory"] + "/a.pem")
        write(proxy)
        restart(proxy, https)
        tap.equal("after the last one", subject(https, "a.example"), "khap placeholder")
        with open(path, encoding="ascii") as f:
            tap.ok("the same as before", f.read() == first)
        # what somebody does to it
        own = c.make("own", ["own.example"])
        shutil.copy(own, path)
        tap.equal("one of somebody's own is kept", write(proxy)[0], 0)
        with open(path, encoding="ascii") as f, open(own, encoding="ascii") as g:
            tap.equal("one of somebody's own: its bytes", f.read(), g.read())
        with open(path, "w", encoding="ascii") as f:
            f.write("nothing\n")
        status, said = write(proxy)
        tap.ok("what is none, and changed: refused", status == 3 and "[output-changed]" in said, said)
        tap.equal("what is none, and changed: --force", write(proxy, "--force")[0], 0)
        restart(proxy, https)
        tap.equal("a new one", subject(https, "a.example"), "khap placeholder")
        os.unlink(path)
        tap.equal("one that was deleted: --check", write(proxy, "--check")[0], 1)
        tap.equal("one that was deleted", (write(proxy)[0], os.path.exists(path)), (0, True))
        with open(proxy.map, encoding="ascii") as f:
            text = f.read()
        with open(proxy.map, "w", encoding="ascii") as f:
            f.write(text.replace("{placeholder: true}", "{file: %s}" % own))
        tap.equal("when it is not asked for any more", (write(proxy)[0], os.path.exists(path)), (0, False))

    bot, secret = Certbot(c, c.path("letsencrypt")), Secret(c, ports["secret"])
    bot.renew("a.example", 1)
    bot.renew("b.example", 1)
    secret.write("c.example", 1)
    targets = [None] + (["%d.%d" % lib.release()] if lib.release() >= (3, 0) and not lib.TARGET else [])
    for n, target in enumerate(targets):
        reads_itself = target is not None or (lib.TARGET and lib.TARGET.split("-")[0] >= "3.0")
        say = "HAProxy reads it: " if reads_itself else "joined: "
        number = 2 * n + 1
        with lab.run(OTHERS % ports, "bundle", wait=[https], target=target) as proxy:
            names = ("a.example", "b.example", "c.example")
            tap.equal(say + "certbot, cert-manager", [subject(https, name) for name in names], ["a.example-%d" % number, "b.example-1", "secret-%d" % number])
            bot.renew("a.example", number + 1)
            secret.write("c.example", number + 1)
            if not reads_itself:
                status, said = write(proxy)
                tap.ok(say + "renewed: two files change", status == 0 and said.count("replaced certs/") + said.count("/certs/cert-") == 2 and "haproxy.cfg\n" not in said.split("run it")[0], said)
            restart(proxy, https)
            tap.equal(say + "renewed", [subject(https, name) for name in names], ["a.example-%d" % (number + 1), "b.example-1", "secret-%d" % (number + 1)])
        bot.renew("a.example", number + 2)
        secret.write("c.example", number + 2)
    # a directory of links is one of files; one of directories is none
    os.mkdir(c.path("links"))
    os.symlink(c.make("linked", ["linked.example"]), c.path("links/linked.pem"))
    text = OTHERS.split("certs:")[0] + "certs: [{directory: %s}]\n" % c.path("links") + "frontends:" + OTHERS.split("frontends:")[1]
    with lab.run(text % ports, "file", wait=[https]):
        tap.equal("a directory of links", subject(https, "linked.example"), "linked")
    # a key beside its certificate
    if lib.release() >= (2, 2):
        beside = c.make("beside", ["beside.example"], separate=True)
        os.rename(c.path("beside.key"), beside + ".key")
        with lab.run(text.replace("directory: %s" % c.path("links"), "file: %s" % beside) % ports, "file", wait=[https]) as proxy:
            tap.equal("a key beside its certificate", subject(https, "beside.example"), "beside")
            tap.ok("a key beside its certificate: nothing is told of it", "cert-key-missing" not in proxy.generated.stderr, proxy.generated.stderr)
tap.finish()
