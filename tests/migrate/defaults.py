#!/usr/bin/python3
"""Each row of lib/migrate/defaults.tsv is measured: one configuration and the same requests, with an older release and a newer one of HAPROXY_RELEASES.
The older does what the row says that was, the newer what it says that is; what `khapgen migrate` makes of the configuration (or, where the row is
told only, the configuration with the row's line) is served by the newer release as by the older. A row that no two releases here can show says `not
measured` in its evidence, and only that."""
import os
import re
import socket
import struct
import subprocess
import time

import serve
from serve import lib, number, tap

releases = serve.releases()
with open(os.path.join(tap.srcdir, "lib/migrate/defaults.tsv")) as table:
    names = "name tables releases when unless act line since back was is evidence".split()
    rows = [dict(zip(names, x.rstrip("\n").split("\t"))) for x in table if not x.startswith("#")]

PROXY = "global\ndefaults\n    mode http\n    timeout client 4s\n    timeout server 4s\n    timeout connect 1s\n    timeout http-request 4s\n"
LISTEN = PROXY + "listen l\n    bind 127.0.0.1:%(fe)d\n"
ONE = "    server s 127.0.0.1:%(web)d\n"
H = "Host: h.example\r\n"
measures = {}


def measure(row, text, was, new, **how):
    """Has a function measure a row: it looks at what HAProxy does, and gives a value. `was`, `new`: the values of an older and a newer release."""
    def add(function):
        measures[row] = dict(how, text=text, was=was, new=new, look=function)
        return function
    return add


def status(raw):
    return lib.ask(p["fe"], raw=raw.encode("latin-1"), timeout=3).status


def turns(count=16):
    """Whether the servers answer one after the other. On a busy machine a connection is not always closed before the next one comes; by chance none takes turns."""
    for _ in range(3):
        got = []
        for i in range(count):
            got.append(lib.ask(p["fe"], "/%d" % i, "h", [("Connection", "close")]).name)
            time.sleep(0.01)
        if got == got[:4] * (count // 4) and len(set(got[:4])) == 4:
            return True
    return False


FOUR = "".join("    server s%d 127.0.0.%d:%%(web)d\n" % (i, i) for i in range(1, 5))


@measure("balance", LISTEN + FOUR, True, False)
def _():
    return turns()


@measure("leastconn", LISTEN + "    balance leastconn\n" + FOUR, True, False)
def _():
    return turns()


@measure("abortonclose", LISTEN + ONE, 200, 400)
def _():
    with socket.create_connection(("127.0.0.1", p["fe"]), timeout=5) as c:
        c.sendall(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        c.shutdown(socket.SHUT_WR)
        return int(c.recv(65536).split()[1])


@measure("sni-auto", LISTEN + "    server s 127.0.0.1:%(tls)d ssl verify required ca-file %(ca)s\n", (None, 200), (None, 503))
def _():
    seen = lib.ask(p["fe"], "/", "127.0.0.1").json.get("sni")
    return seen, lib.ask(p["fe"], "/", "other.example").status


@measure("check-sni-auto", LISTEN.replace("mode http", "mode tcp") + "    option httpchk\n    http-check send meth GET uri /check ver HTTP/1.1 hdr Host check.example\n"
         "    server s 127.0.0.1:%(tls)d check inter 100ms ssl verify none\n", {None}, {"check.example"})
def _():
    tls.requests.clear()
    lib.until(lambda: tls.requests, 5)
    return {x["sni"] for x in tls.requests}


def alpn():
    with lib.client_tls(alpn=["h2", "http/1.1"]).wrap_socket(socket.create_connection(("127.0.0.1", p["fe"]), timeout=5)) as c:
        return c.selected_alpn_protocol()


@measure("alpn", PROXY + "listen l\n    bind 127.0.0.1:%(fe)d ssl crt %(pem)s\n" + ONE, None, "h2")
def _():
    return alpn()


@measure("dhe", PROXY + "listen l\n    bind 127.0.0.1:%(fe)d ssl crt %(rsa)s\n" + ONE, True, False, warned=True)
def _():
    run = subprocess.run(["openssl", "s_client", "-connect", "127.0.0.1:%d" % p["fe"], "-tls1_2", "-cipher", "DHE-RSA-AES128-GCM-SHA256"],
                         stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=20)
    return "Cipher is DHE-RSA" in run.stdout


@measure("log-forward-host", "global\nlog-forward l\n    dgram-bind 127.0.0.1:%(udp)d\n    log 127.0.0.1:%(log)d format rfc3164 local0\n",
         "localhost", "127.0.0.1", wait=())
def _():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as to, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as logs:
        logs.bind(("127.0.0.1", p["log"]))
        logs.settimeout(5)
        to.sendto(b"<34>1 2003-10-11T22:14:15.003Z - su - ID47 - hi", ("127.0.0.1", p["udp"]))
        return re.search(rb"\d\d:\d\d:\d\d (\S+) su", logs.recv(4096)).group(1).decode()


@measure("strict-limits", PROXY.replace("global\n", "global\n    maxconn 5000\n") + "listen l\n    bind 127.0.0.1:%(fe)d\n" + ONE, 200, 0, files=500)
def _():
    return lib.ask(p["fe"], "/", "h").status


@measure("conditional-cache", PROXY + "cache c\n    total-max-size 4\n    max-age 60\nlisten l\n    bind 127.0.0.1:%(fe)d\n    http-request cache-use c\n"
         "    http-response set-header Cache-Control max-age=60\n    http-response del-header Set-Cookie\n    http-response cache-store c\n" + ONE, 200, 304)
def _():
    lib.ask(p["fe"], "/cached", "h")
    return lib.ask(p["fe"], "/cached", "h", [("If-Modified-Since", "Sun, 06 Nov 2094 08:49:37 GMT")]).status


@measure("websocket-key", LISTEN + ONE, 200, 400)
def _():
    return status("GET / HTTP/1.1\r\n" + H + "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\r\n")


@measure("cookie-nocache", LISTEN + "    cookie S insert indirect nocache\n    server s 127.0.0.1:%(web)d cookie s\n", ["private"], [])
def _():
    return lib.ask(p["fe"], "/", "h").header("cache-control")


@measure("default-port", LISTEN + ONE, ["h.example:80"], ["h.example"])
def _():
    return lib.ask(p["fe"], "http://h.example:80/", "h.example:80").asked("host")


@measure("payload-http10", LISTEN + ONE, True, False)
def _():
    return status("GET / HTTP/1.0\r\n" + H + "Content-Length: 2\r\n\r\nab") == 200


@measure("length-and-chunked", LISTEN + "    http-request return status 200\n", [], ["close"])
def _():
    raw = "POST / HTTP/1.1\r\n" + H + "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n"
    return lib.ask(p["fe"], raw=raw.encode(), timeout=3).header("connection")


@measure("transfer-encoding", LISTEN + "    http-request return status 200\n", 200, 422)
def _():
    return status("POST / HTTP/1.1\r\n" + H + "Transfer-Encoding: gzip, chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n")


@measure("other-protocols", LISTEN + "    http-request return status 200\n", 200, 400)
def _():
    return status("GET / RTSP/1.0\r\n" + H + "\r\n")


@measure("hash-consistent", LISTEN + "    balance uri\n    hash-type consistent\n" + FOUR, "144112314344134443124141", None, patches=True)
def _():
    return "".join(lib.ask(p["fe"], "/p%d" % i, "h").name.split(":")[0][-1] for i in range(24))


@measure("host-syntax", LISTEN + ONE, 200, 400, patches=True)
def _():
    return status("GET / HTTP/1.1\r\nHost: a, b\r\n\r\n")


@measure("bytes-refused", LISTEN + ONE, 200, 400, patches=True)
def _():
    return status("GET / HTTP/1.1\r\n" + H + "X-A: a\0b\r\n\r\n")


@measure("early-answer", LISTEN + "    http-request deny\n" + ONE, ["close"], [])
def _():
    return lib.ask(p["fe"], raw=("POST / HTTP/1.1\r\n" + H + "Content-Length: 5\r\n\r\nhe").encode(), timeout=3).header("connection")


@measure("too-long", LISTEN + ONE, 400, 414)
def _():
    return status("GET /" + "a" * 20000 + " HTTP/1.1\r\n" + H + "\r\n")


@measure("stats-version", LISTEN + "    stats enable\n    stats uri /s\n", True, False)
def _():
    return b"HAProxy version" in lib.ask(p["fe"], "/s", "h").body


@measure("log-bytes", PROXY.replace("global\n", "global\n    log 127.0.0.1:%(log)d local0\n") + "listen l\n    bind 127.0.0.1:%(fe)d\n    log global\n"
         "    option httplog\n    http-request deny\n" + ONE, False, True)
def _():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as logs:
        logs.bind(("127.0.0.1", p["log"]))
        logs.settimeout(5)
        lib.ask(p["fe"], "/logged", "h")
        while True:
            line = logs.recv(4096)
            if b"/logged" in line:
                return b" 403 0 - -" in line


class FastCgi(lib.Server):
    """Answers with the names of the parameters that it got."""

    def serve(self, conn, peer, head):
        names, params = [], b""
        while True:
            version, kind, request, size, padding, _ = struct.unpack(">BBHHBB", lib.receive(conn, 8))
            content = lib.receive(conn, size)
            lib.receive(conn, padding)
            params += content if kind == 4 else b""
            if kind == 5 and size == 0:
                break
        while params:
            sizes = []
            for _ in range(2):
                wide = params[0] & 128
                sizes.append(struct.unpack(">I", params[:4])[0] & 0x7fffffff if wide else params[0])
                params = params[4 if wide else 1:]
            names.append(params[:sizes[0]])
            params = params[sum(sizes):]
        body = b"Content-Type: text/plain\r\n\r\n" + b" ".join(names)
        for kind, content in ((6, body), (6, b""), (3, bytes(8))):
            conn.sendall(struct.pack(">BBHHBB", version, kind, request, len(content), 0, 0) + content)


@measure("fcgi-header-names", LISTEN + "    use-fcgi-app a\n    server s 127.0.0.1:%(fcgi)d proto fcgi\nfcgi-app a\n    docroot /srv\n", True, False)
def _():
    return b"HTTP_X_A" in lib.ask(p["fe"], "/a.php", "h", [("X_A", "1")]).body.split()


@measure("backend-disabled", PROXY + "frontend f\n    bind 127.0.0.1:%(fe)d\n    use_backend off if TRUE\n    default_backend on\nbackend off\n    disabled\n"
         + ONE + "backend on\n" + ONE, 503, 200)
def _():
    return lib.ask(p["fe"], "/", "h").status


def with_line(row, text):
    """The configuration with the row's line, where the table says."""
    line = row["line"]
    if line.startswith("@global "):
        return text.replace("global\n", "global\n    %s\n" % line[8:], 1)
    if row["tables"] == "global":
        return text.replace("global\n", "global\n    %s\n" % line, 1)
    if row["tables"] in ("bind", "server"):
        return re.sub(r"(?m)^(    %s .*\bssl\b.*)$" % row["tables"], r"\1 " + line, text)
    return re.sub(r"(?m)^((%s) .*\n)" % row["tables"].replace(",", "|"), r"\1    %s\n" % line, text, count=1)


def covers(row, release):
    first, last = row["releases"].split("-")
    return number(first) <= number(release) and (not last or number(release) <= number(last))


def pair(row):
    """The two releases nearest to the change, or None."""
    old = [r for r in releases if number(r) < number(row["releases"].split("-")[0])]
    new = [r for r in releases if covers(row, r)]
    return (old[-1], new[0]) if old and new else None


def observe(release, text, m):
    with serve.Served(releases[release], text, wait=m.get("wait", [p["fe"]]), files=m.get("files")) as served:
        try:
            return m["look"](), served.complaints
        except (OSError, ValueError, AttributeError, EOFError) as e:
            return repr(e) + "\n" + served.output()[-500:], served.complaints


with lib.Lab() as lab:
    certs = lab.certs
    p = {x: lib.free_port() for x in ("fe", "web", "tls", "udp", "log", "fcgi")}
    certs.ca("ca")
    p.update(pem=certs.make("h.example", ["h.example"]), ca=certs.path("ca.crt"), rsa=certs.path("rsa.pem"))
    subprocess.run([certs.openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "90", "-keyout", certs.path("rsa.key"), "-out",
                    p["rsa"], "-subj", "/CN=h.example"], check=True, stderr=subprocess.DEVNULL)
    with open(p["rsa"], "a") as out, open(certs.path("rsa.key")) as key:
        out.write(key.read())
    webs = lab.web(p["web"], ["127.0.0.%d" % i for i in range(1, 5)])
    lab.stops.append(FastCgi("127.0.0.1", p["fcgi"]))
    tls = lab.web(p["tls"], tls=lib.server_tls(certs.signed("h.example", "ca", ["h.example"])))

    for row in rows:
        m, told = measures.get(row["name"]), "not measured" not in row["evidence"]
        tap.ok("%s: measured here, or said not to be" % row["name"], (m is not None) == told)
        if m is None:
            continue
        found = pair(row)
        if found is None:
            tap.skip("%s: no two releases of HAPROXY_RELEASES show it" % row["name"])
            continue
        old, new = found
        text = m["text"] % p
        label = "%s, %s and %s" % (row["name"], old, new)
        before, _ = observe(old, text, m)
        after, _ = observe(new, text, m)
        if m.get("patches"): # patch levels differ, and a later one of the older release may do what the newer one does
            tap.ok("%s: what was, or what is" % label, before in (m["was"], m["new"]), before)
        else:
            tap.equal("%s: what was" % label, before, m["was"])
        if m["new"] is not None:
            tap.equal("%s: what is" % label, after, m["new"])
        later = [r for r in releases if number(r) > number(new) and not covers(row, r)]
        if later:
            tap.equal("%s: and in %s again" % (label, later[-1]), observe(later[-1], text, m)[0], m["was"])
        made, said = serve.migrate(lab.dir, text, old, new)
        code = "migrate-default-kept" if row["act"] == "keep" else "migrate-default-changed" if row["act"] == "warning" else "migrate-default]"
        tap.ok("%s: migrate says so" % label, made is not None and row["was"] in said and code in said, said)
        if row["act"] == "keep":
            kept, complaints = observe(new, made or "", m)
            tap.equal("%s: migrated" % label, kept, m["was"])
            tap.equal("%s: without a warning" % label, complaints, "")
        elif row["line"] != "-" and number(row["since"]) <= number(new):
            tap.ok("%s: the line is told" % label, row["line"].replace("@global ", "") in said, said)
            kept, _ = observe(new, with_line(row, text), m)
            tap.equal("%s: with the line" % label, kept, m["was"])
        if row["back"] not in ("-", "tell"):
            made, said = serve.migrate(lab.dir, text, new, old)
            kept, complaints = observe(old, made or "", m)
            if row["name"] != "abortonclose" or number(old) >= (3, 0): # before, it needs more than that to close
                tap.equal("%s: back" % label, kept, m["new"])
            tap.ok("%s: back, without a warning" % label, complaints == "" and row["back"].split(" ", 1)[1] in (made or ""), made)
tap.finish()
