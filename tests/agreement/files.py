#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Error, warning or nothing: khapgen check --files says of the files that a configuration names what HAProxy says.

KINDS has a configuration for each kind of file, @ is the file; what a good one holds, and some that are odd. Each also stands there damaged: missing, a
directory, empty, garbage, cut at random, with a NUL, with CRLF, with a very long line, with a byte changed. In `make check` a share is drawn from SEED, and
each is asked of one HAProxy; N=0 asks all of all. HAPROXY, HAPROXY_RELEASES: as in check.py. What is not asked: directories that HAProxy reads without an end.
"""
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import tap  # noqa: E402
import verdict  # noqa: E402

KHAPGEN = os.environ.get("KHAPGEN") or os.path.join(tap.builddir, "khapgen")
GLOBAL = "global\n tune.ssl.default-dh-param 2048\n"
DEFAULTS = "defaults\n mode http\n timeout client 1s\n timeout server 1s\n timeout connect 1s\n"
FRONTEND = DEFAULTS + "frontend f\n bind 127.0.0.1:18080\n"
MESSAGE = "HTTP/1.0 503 Unavailable\r\nContent-Type: text/html\r\n\r\n<p>no</p>\n"
STATE = "3 b 1 s 127.0.0.1 2 0 1 1 100 1 0 2 0 0 0 0 - 1 - 0 0 - - 0\n"
TICKET = "MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDEyMzQ1Njc4\n"
STATUS = "HTTP/1.0 503 x\r\n"


def front(line):
    return GLOBAL + FRONTEND + " " + line + "\n"


def back(line):
    return GLOBAL + FRONTEND + " default_backend b\nbackend b\n server s 127.0.0.1:1 " + line + "\n"


def converter(expression):
    return front("http-request set-var(txn.a) " + expression)


def reply(words):
    return front("http-request return status 200 content-type text/plain " + words)


BIND = "bind 127.0.0.1:18443 ssl crt %Dcert.pem "
# name, first release, configuration, whether random damage is foreseeable, the good contents, others. %D is the folder; contents %NAME those of a file in it
KINDS = [
    ("crt", 202, front("bind 127.0.0.1:18443 ssl crt @"), True, "%cert.pem", ["%a.crt", "%mixed.pem", "%a.key", "%b.pem", "text before\n%cert.pem"]),
    ("ca-file", 202, front(BIND + "ca-file @ verify optional"), True, "%a.crt", ["%cert.pem", "%crl.pem", "%a.key"]),
    ("ca-verify-file", 202, front(BIND + "ca-file %Da.crt ca-verify-file @ verify optional"), True, "%a.crt", []),
    ("ca-sign-file", 202, front(BIND + "generate-certificates ca-sign-file @"), True, "%cert.pem", ["%a.crt"]),
    ("crl-file", 202, front(BIND + "ca-file %Da.crt crl-file @ verify optional"), True, "%crl.pem", ["%a.crt"]),
    ("ca-file of a server", 202, back("ssl verify required ca-file @"), True, "%a.crt", []),
    ("crt of a server", 202, back("ssl verify none crt @"), True, "%cert.pem", ["%a.crt", "%mixed.pem"]),
    ("crl-file of a server", 202, back("ssl verify required ca-file %Da.crt crl-file @"), True, "%crl.pem", []),
    ("httpclient.ssl.ca-file", 206, GLOBAL + " httpclient.ssl.ca-file @\n" + FRONTEND, True, "%a.crt", []),
    ("ssl-dh-param-file", 202, GLOBAL + " ssl-dh-param-file @\n" + FRONTEND, True, "%dh.pem", ["%a.crt"]),
    ("crt-store", 300, GLOBAL + "crt-store s\n load crt @ alias x\n" + FRONTEND, True, "%cert.pem", []),
    ("key of a crt-store", 300, GLOBAL + "crt-store s\n load crt %Da.crt key @ alias x\n" + FRONTEND, True, "%a.key", ["%b.key", "%cert.pem", "%b.pem"]),
    ("issuer of a crt-store", 300, GLOBAL + "crt-store s\n load crt %Dcert.pem issuer @ alias x\n" + FRONTEND, True, "%a.crt", []),
    ("ocsp of a crt-store", 300, GLOBAL + "crt-store s\n load crt %Dcert.pem ocsp @ alias x\n" + FRONTEND, False, None, []),
    ("tls-ticket-keys", 202, front(BIND + "tls-ticket-keys @"), True, 3 * TICKET,
     [2 * TICKET, 5 * TICKET, "#x\n" + 3 * TICKET, TICKET + "\n" + 2 * TICKET, 3 * ("A" * 104 + "AAA=\n"), 2 * TICKET + "A" * 104 + "AAA=\n", 3 * ("A" * 64 + "AA==\n")]),
    ("crt-list", 202, front("bind 127.0.0.1:18443 ssl crt-list @"), False, "%Dcert.pem\n",
     ["%Dcert.pem" + rest for rest in (
         " [alpn h2]\n", " [alpn h2 no-ca-names verify none] a.example !b.example *.c\n", " [alpm h2]\n", " [alpn]\n", " [alpm h2\n", " alpn]\n", " [[alpn h2]\n",
         " [alpn h2] [alpn h2]\n", " a.example [alpn h2]\n", "[alpn h2]x\n", "\n# x", "", "\n  ", "\n%Dcert.pem\n", " [ca-file %Da.crt verify required]\n",
         " [ca-file %Dnosuch verify required]\n", " [ssl-min-ver TLSv1.9]\n", " " + 3000 * "a " + "\n", " " + 70000 * "a" + "\n", " []\n", " [allow-0rtt]\n", " a\0x\n",
         "\n%Dcert.pem\0x\n", "\r\n\r\n", "\ta\t\n", "\n#\0x\n", "\n%Da.crt\n", "\n%Dmixed.pem\n", "\n%Dnosuch.pem\n", " [key %Da.key]\n", " [key %Db.key]\n", "\n%Da.crt [key %Da.key alpn h2] *.b\n", "\n%Da.crt [key %Db.key]\n")] + ["\n", "#\n", "  # x\n%Dcert.pem\n", '"%Dcert.pem"\n']),
    ("issuers-chain-path", 202, GLOBAL + " issuers-chain-path @\n" + FRONTEND, False, None, []),
    ("server-state-file", 202, GLOBAL + " server-state-file @\n" + FRONTEND, True, "1\n# id\n" + STATE,
     ["1\n", "1", "2\n", "01\n", " 1\n", "1 \n", "+1\n", "\n1\n", "#x\n1\n", "1\n3 b 1\n", "1\n# x", "1\n#" + 3000 * "x" + "\n"]
     + ["1\n" + " ".join(STATE.split()[:n]) + "\n" for n in (19, 20)] + ["1\n" + STATE[:-1] + 5 * " x" + "\n"]),
    ("stats-file", 300, GLOBAL + " stats-file @\n" + FRONTEND, False, None, []),
    ("errorfile", 202, front("errorfile 503 @"), True, MESSAGE, [
        "HTTP/1.0 503 x\nA: b\n\nbody", STATUS, STATUS + "A: b\r\n", STATUS + "A: b\r\n\r", "HTTP/1.0 503\r\n\r\n", "HTTP/1.0 503 \r\n\r\n", "\r\n" + STATUS + "\r\n",
        " " + STATUS + "\r\n"] + [v + " 503 x\r\n\r\n" for v in ("HTTP/2.0", "HTTP/1", "HTTP/x.y", "ICY", "http/1.0", "HTTP/1.0 ")]
     + ["HTTP/1.0 " + n + " x\r\n\r\n" for n in ("100", "101", "102", "199", "50", "5033", "600", "5x3")]
     + [STATUS + h + "\r\n\r\n" for h in ("A b: c", "A : c", "Abc", ": c", "A: c\r\n d", " d", "A: c\0d", "A: c\1d", "A: c\377d", "A: c\rd", "A\377: c", "A: c\r")]
     + [STATUS + "Content-Length:" + n + "\r\n\r\nab" for n in (" 2", " 5", " 1", " x", " -1", " 2,2", "", " +2", " 2\r\nContent-Length: 2", " 2\r\nContent-Length: 3")]
     + ["HTTP/1.1 503 x\r\nTransfer-Encoding:" + n + "\r\n\r\nx" for n in (" chunked", " gzip", " chunked, gzip", " gzip, chunked", "")]
     + ["HTTP/1.0 204 x\r\nContent-Length: 3\r\n\r\n", "HTTP/1.0 204 x\r\n\r\nabc", "HTTP/1.0 304 x\r\n\r\nabc", "HTTP/1.0\t503 x\r\n\r\n"]
     + [STATUS + "".join("A%d: b\r\n" % i for i in range(n)) + "\r\n" for n in (100, 101)] + [STATUS + "\r\n" + n * "x" for n in (16000, 16380)]),
    ("errorfile of http-errors", 202, GLOBAL + "http-errors e\n errorfile 503 @\n" + FRONTEND, True, MESSAGE, []),
    ("return errorfile", 202, front("http-request return status 503 errorfile @"), True, MESSAGE, []),
    ("return file", 202, reply("file @"), True, "x\n", [n * "x" for n in (15360, 15361, 16384, 16385)]),
    ("return lf-file", 202, reply("lf-file @"), False, "a %[src]\n", ["%ci", "%zz", "%[src]\n%[path]\n%%", "x\n%[src\n", "%[res.hdr(a)]", "a\0%[zz]", "%[nosuch]", "%[src,map(%Dnosuch)]"]
     + [n * "x" for n in (16384, 16385)]),
    ("http-error file", 202, front("http-error status 503 content-type text/plain file @"), True, "x\n", []),
    ("acl of strings", 202, front("acl x path -f @"), True, "a\nb\n", []),
    ("acl of addresses", 202, front("acl x src -n -f @"), True, "10.0.0.1\n10.0.0.0/8\n::1\n",
     ["10.0.0.1 \n", "  10.0.0.1\n", "10.0.0.1 10.0.0.2\n", "10.0.0.1 # x\n", " # x\n", "10.0.0.300\n", "10.0.0.0/33\n", "10.0.0.0/255.0.0.0\n", "\n  \n\t\n\r\n",
      "10.0.0.1\rx\n", "10.0.0.1\0x\n", "10.0.0.1\t\n", "x.invalid\n"]),
    ("acl of integers", 202, front("acl x src_port -f @"), False, "1\n80:90\n:5\n5:\n", ["lt 5\n", "x\n", "-1\n", "1 \n", "1\n" + 16384 * " " + "2\n", "#" + 16390 * "1" + "x\n"]),
    ("acl of regexes", 202, front("acl x path -m reg -f @"), False, "^/a(b|c)$\n", ["^/a(b\n", "a[b\n", "^/a b$\n"]),
    ("acl of lengths", 202, front("acl x path -m len -f @"), False, "5\n1:3\n", ["x\n"]),
    ("acl of bytes", 202, front("acl x path -m bin -f @"), False, "0aff\n", ["0af\n", "zz\n"]),
    ("acl with values", 202, front("acl x src -M -n -f @"), True, "10.0.0.1 a\n", ["a 10.0.0.1\n"]),
    ("map", 202, converter("path,map(@)"), True, "a b\n", []),
    ("map_reg", 202, converter("path,map_reg(@)"), False, "^a b\n", ["(x y\n", "#(x y\n"]),
    ("map_reg_int", 202, converter("path,map_reg_int(@)"), False, "^a 5\n", ["^a x\n", "(a 5\n"]),
    ("map_int", 202, converter("src_port,map_int(@)"), False, "1 a\n2:3 b\n", ["x a\n"]),
    ("map_ip", 202, converter("src,map_ip(@)"), True, "10.0.0.0/8 a\n", ["localhost a\n"]),
    ("map_ip_int", 202, converter("src,map_ip_int(@)"), False, "10.0.0.0/8 5\n", ["10.0.0.0/8 5x\n"]),
    ("map_str_int", 202, converter("path,map_str_int(@)"), False, "a 1\n", ["a  5 \n", "a 5 6\n", "a +5\nb -5\n", "c 0x5\n", "a 99999999999999999999\n", "a\n", " # x\n", "a 5 # x\n", "a -\n"]),
    ("map_str_ip", 202, converter("path,map_str_ip(@)"), True, "a 10.0.0.1\nb ::1\n", ["a 10.0.0.0/8\n", "a 10.1\n", "a\n"]),
    ("lua-load", 202, GLOBAL + "%L lua-load @\n" + FRONTEND, False, None, []),
    ("h1-case-adjust-file", 202, GLOBAL + " h1-case-adjust-file @\n" + FRONTEND, True, "host HoSt\n",
     ["host host\n", "host hosts\n", "host Host x\n", "# x\n\n \t\n", "  # x\n", "host\n", "host Host\nhost HOST\n", "\thost\tHost\t\n", "host Host # x\n", "host Ho\0st\n", "host\vHost\n"]),
    ("filter spoe", 202, front("filter spoe engine e config @"), False, None, []),
    ("backing-file of a ring", 206, GLOBAL + "ring r\n size 32764\n maxlen 1024\n backing-file @\n" + FRONTEND, False, None, []),
    ("what is not read", 202, front("http-request set-map(@) a b"), False, "x\n", []),
]
ENDLESS = ("ca-sign-file", "ssl-dh-param-file", "crt-store")  # these directories are read without an end


def make_files(folder):
    """Certificates and what goes with them."""
    openssl = tap.need("openssl", "openssl")

    def run(*words):
        subprocess.run([openssl, *words], check=True, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def join(name, *parts):
        with open(os.path.join(folder, name), "wb") as f:
            for part in parts:
                with open(os.path.join(folder, part), "rb") as g:
                    f.write(g.read())
    for name in "ab":
        run("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", name + ".key", "-out", name + ".crt", "-days", "3650", "-subj", "/CN=" + name + ".example")
    with open(os.path.join(folder, "dh.pem"), "w", encoding="ascii") as f:  # RFC 3526, 2048 bits, as OpenSSL writes it
        f.write(DH)
    join("cert.pem", "a.crt", "a.key")
    join("mixed.pem", "a.crt", "b.key")
    join("b.pem", "b.key", "b.crt")
    with open(os.path.join(folder, "ca.cnf"), "w", encoding="ascii") as f:
        f.write("[ca]\ndefault_ca=d\n[d]\ndatabase=index\ncrlnumber=number\ndefault_md=sha256\ndefault_crl_days=3000\n")
    for name, text in (("index", ""), ("number", "01\n")):
        with open(os.path.join(folder, name), "w", encoding="ascii") as f:
            f.write(text)
    run("ca", "-gencrl", "-config", "ca.cnf", "-keyfile", "a.key", "-cert", "a.crt", "-out", "crl.pem")


DH = """-----BEGIN DH PARAMETERS-----
MIIBCAKCAQEA//////////+t+FRYortKmq/cViAnPTzx2LnFg84tNpWp4TZBFGQz
+8yTnc4kmz75fS/jY2MMddj2gbICrsRhetPfHtXV/WVhJDP1H18GbtCFY2VVPe0a
87VXE15/V8k1mE8McODmi3fipona8+/och3xWKE2rec1MKzKT0g6eXq8CrGCsyT7
YdEIqUuyyOP7uWrat2DX9GgdT0Kj3jlN9K5W7edjcrsZCwenyO4KbXCeAvzhzffi
7MA0BM0oNC9hkXL+nOmFg/+OTxIy7vKBg8P+OxtMb61zO7X8vC7CIAXFjvGDfRaD
ssbzSibBsu/6iGtCOGEoXJf//////////wIBAg==
-----END DH PARAMETERS-----
"""


def contents(folder, text):
    """The bytes of a text in which %NAME is a file and %D the folder."""
    def whole(m):
        with open(os.path.join(folder, m.group(1)), encoding="latin-1", newline="") as f:
            return f.read()
    return re.sub(r"%([ab]\.(?:crt|key|pem)|cert\.pem|mixed\.pem|crl\.pem|dh\.pem)", whole, text.replace("%D", folder + "/") if "%D" in text else text).encode("latin-1")


def damages(rng, good, foreseeable):
    """What can be wrong with any file: a name, and what it holds; None: there is none, a list: a directory with these files."""
    yield "missing", None
    yield "a directory", []
    yield "empty", b""
    if good is None:
        return
    yield "garbage", b"\x80\x81garbage \x01\n\xff\xfe{{{%[\n"
    yield "NUL before", b"\0" + good
    yield "CRLF", good.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    yield "a long line", good + b"a" * 20000 + b" b\n"
    if foreseeable:
        cut = rng.randrange(len(good))
        yield "cut at %d" % cut, good[:cut]
    if foreseeable and b"BEGIN" not in good:  # where OpenSSL's readers of keys, of several versions, do not agree
        yield "NUL at %d" % cut, good[:cut] + b"\0" + good[cut:]
    yield "", good


def write(path, what):
    if os.path.isdir(path):
        shutil.rmtree(path)
    elif os.path.exists(path):
        os.unlink(path)
    if isinstance(what, list):
        os.mkdir(path)
    elif what is not None:
        with open(path, "wb") as f:
            f.write(what)


def run(*words):
    done = subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, timeout=60)
    return done.returncode, verdict.of_configuration(done.stdout.decode("latin-1"))


def haproxy(binary, path):
    status, said = run(binary, "-c", "-f", path)
    return "error" if "[ALERT]" in said or status not in (0, 2) else "warning" if "[WARNING]" in said else "nothing", said


def khapgen(release, path):
    status, said = run(KHAPGEN, "check", "--files", "-t", release, path)
    if status not in (0, 1):
        raise SystemExit("khapgen check ended with %d:\n%s" % (status, said))
    told = re.sub("(?m)^.*: warning: .*\\[cert-[a-z-]+\\]$", "", said)  # what clients do not like, and HAProxy takes
    return "error" if ": error: " in told else "warning" if ": warning: " in told else "nothing", said


def main():
    releases = os.environ.get("HAPROXY_RELEASES", "").split()
    binaries = [r.split("=", 1)[1] for r in releases] or [os.environ.get("HAPROXY") or tap.need("haproxy", "haproxy")]
    seed = int(os.environ.get("SEED") or 1)
    number = int(os.environ.get("N") or 100)
    rng = random.Random(seed)
    folder = tempfile.mkdtemp()
    try:
        make_files(folder)
        cases = []
        for name, since, configuration, foreseeable, good, others in KINDS:
            good = None if good is None else contents(folder, good)
            for what, damaged in damages(rng, good, foreseeable):
                if not (damaged == [] and name in ENDLESS):
                    cases.append((name, since, configuration, what, damaged))
            cases += [(name, since, configuration, repr(other[:60]), contents(folder, other)) for other in others]
        asked = [(binary, case) for binary in binaries for case in cases]
        if 0 < number < len(asked):
            asked = rng.sample(asked, number)
        tap.note("SEED=%d, %d of %d" % (seed, len(asked), len(cases) * len(binaries)))
        ask(asked, folder, binaries)
    finally:
        shutil.rmtree(folder)
    tap.finish()


def ask(asked, folder, binaries):
    wrong, count = [], {"error": 0, "warning": 0, "nothing": 0}
    release = {binary: re.search(r"version (\d+)\.(\d+)", run(binary, "-v")[1]).groups() for binary in binaries}
    configuration_file, path = os.path.join(folder, "c.cfg"), os.path.join(folder, "file")
    for binary, (name, since, configuration, what, damaged) in asked:
        major, minor = map(int, release[binary])
        if major * 100 + minor < since:
            continue
        lua = " tune.lua.bool-sample-conversion normal\n" if (major, minor) >= (3, 1) else ""
        with open(configuration_file, "w", encoding="ascii") as f:
            f.write(configuration.replace("%D", folder + "/").replace("%L", lua).replace("@", path))
        write(path, damaged)
        wanted, said = haproxy(binary, configuration_file)
        got, own = khapgen("%d.%d" % (major, minor), configuration_file)
        count[wanted] += 1
        if got != wanted:
            wrong.append("%d.%d %s, %s: HAProxy %s, khapgen %s\n%s" % (major, minor, name, what, wanted, got, (own if wanted == "nothing" else said).strip()[-400:]))
    tap.ok("the same verdict", not wrong, "\n".join(wrong))
    for kind, n in sorted(count.items()):
        if kind == "warning":  # few have one: a share may have none
            tap.note("%s: %d" % (kind, n))
        else:
            tap.ok("%s: %d" % (kind, n), n > 0, "none was asked")


main()
