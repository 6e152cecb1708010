#!/usr/bin/python3
"""Tokens: whose are let in, what the servers are told of them, and what is made of forged ones."""
import base64
import hashlib
import hmac
import json
import os
import stat
import subprocess
import time

import lib
from lib import ask, tap

SECRET = b"it's a \"secret\", (32 bytes) or %[more]$x#\\ \xff\xc3"
ISSUER = "-f https://login.example/it's \"$HOME\" %[src] # \\ \u00e9"
if lib.release() < (2, 5):  # it cannot, and is told the first that can
    with lib.Lab():
        asked = subprocess.run([lib.KHAPGEN, "-t", "%d.%d" % lib.release(), "-"], input="nodes: {n: 10.0.0.1}\nservices: {s: {nodePort: 1, hosts: [a.example], jwt: {algorithm: RS256, key: /k}}}\n",
                               capture_output=True, text=True)
        tap.equal("jwt before 2.5: exit status", asked.returncode, 2)
        tap.ok("jwt before 2.5: names the first release that can", "needs HAProxy 2.5" in asked.stderr, asked.stderr)
    tap.finish()
    raise SystemExit

MAP = """
haproxy: "%(release)s"
nodes: {n: 127.0.0.1}
frontends: {http: {bind: "127.0.0.1:%(http)d"}}
serviceDefaults: {nodePort: %(web)d}
services:
  hs: {hosts: [hs.example], jwt: {algorithm: HS256, key: %(secret)s, issuer: %(issuer)s, audience: [api, "-m x"], claims: {X-User: sub, X_Role: realm.role}}}
  rs: {hosts: [rs.example], jwt: {algorithm: RS256, key: %(rsa)s}}
  es: {hosts: [es.example], jwt: {algorithm: ES256, key: %(ec)s}, cors: {origins: ["https://app.example"]}}
"""


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def part(value):
    return b64(value if isinstance(value, bytes) else json.dumps(value, ensure_ascii=False).encode())


def openssl(*words, **how):
    return subprocess.run(["openssl", *words], check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, **how).stdout


def sign(text, algorithm, key):
    if algorithm == "HS256":
        return hmac.new(key, text, hashlib.sha256).digest()
    made = openssl("dgst", "-sha256", "-sign", key, input=text)
    if algorithm == "RS256":
        return made
    # two numbers of ASN.1, as 32 bytes each
    at, numbers = 2, []
    for _ in range(2):
        size = made[at + 1]
        numbers.append(int.from_bytes(made[at + 2:at + 2 + size], "big").to_bytes(32, "big"))
        at += 2 + size
    return b"".join(numbers)


def token(payload, algorithm, key, header=None):
    text = part({"typ": "JWT", "alg": algorithm} if header is None else header) + "." + part(payload)
    return text + "." + b64(sign(text.encode(), algorithm, key))


def bearer(text, scheme="Bearer "):
    return [("Authorization", scheme + text)]


with lib.Lab() as lab:
    ports = {k: lib.free_port() for k in ("http", "web")}
    http = ports["http"]
    paths = {k: os.path.join(lab.dir, name) for k, name in (("secret", "secret"), ("rsa", "it's, (1) \"k\\.pem"), ("ec", "ec.pem"), ("rsakey", "rsa.key"), ("eckey", "ec.key"))}
    openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", paths["rsakey"])
    openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", paths["eckey"])
    for private, public in ("rsakey", "rsa"), ("eckey", "ec"):
        openssl("pkey", "-in", paths[private], "-pubout", "-out", paths[public])
    with open(paths["secret"], "wb") as f:
        f.write(SECRET + b"\r\n")
    with open(paths["rsa"], "rb") as f:
        public_rsa = f.read()
    now = int(time.time())
    good = {"iss": ISSUER, "aud": "api", "exp": now + 600, "sub": "joe", "realm": {"role": "boss \u00fc"}}

    def hs(**more):
        """Without what is None."""
        return token({k: v for k, v in dict(good, **more).items() if v is not None}, "HS256", SECRET)

    lab.web(ports["web"], name="web")
    said = dict(ports, release=".".join(map(str, lib.release())), issuer=json.dumps(ISSUER), **{k: json.dumps(v) for k, v in paths.items()})
    for mode in lib.MODES:
        with lab.run(MAP % said, mode, wait=[http]) as proxy:
            def answer(headers, host="hs.example"):
                return ask(http, "/", host, headers)

            def lets_in(what, text, host="hs.example"):
                tap.equal("%s: %s: let in" % (mode, what), answer(bearer(text), host).name, "web")

            def refuses(what, headers, host="hs.example", status=401):
                got = answer(bearer(headers) if isinstance(headers, str) else headers, host)
                wanted = 'Bearer realm="%s"' % host.split(".")[0]
                tap.ok("%s: %s: refused" % (mode, what), got.status == status and (status != 401 or got.header("www-authenticate") in ([wanted], [wanted + ', error="invalid_token"'])), got)

            tap.equal("%s: a secret is for its owner" % mode, stat.S_IMODE(os.stat(proxy.config).st_mode), 0o600)
            tap.ok("%s: HAProxy says nothing against it" % mode, not proxy.complaints(), proxy.complaints())
            for what, text in (("one audience", hs()), ("a list of them", hs(aud=["x", "y", "-m x"])), ("the eighth", hs(aud=list("1234567") + ["api"])), ("valid since now", hs(nbf=now - 1)),
                               ("a fraction", hs(exp=now + 600.5))):
                lets_in(what, text)
            for scheme in "bearer ", "BEARER ", "Bearer   ":
                tap.equal("%s: scheme %r" % (mode, scheme), answer(bearer(hs(), scheme)).name, "web")

            got = answer(bearer(hs()) + [(n, "forged") for n in ("X-User", "x_user", "X-ROLE", "x-role", "X_Role")])
            tap.equal("%s: the servers are told who it is" % mode, (got.name, got.asked("x-user"), got.asked("x_role"), b"forged" in got.body),
                      ("web", ["joe"], ["boss \u00fc".encode().decode("latin-1")], False))
            for what, text in (("absent", hs(sub=None, realm=None)), ("with a line end", hs(sub="joe\r\nX-Evil: 1", realm={"role": "a\nb"})), ("control", token(json.dumps(dict(good, sub="SUB", realm=1)).encode().replace(b"SUB", b"a\x01b"), "HS256", SECRET)),
                               ("list", hs(sub=["joe"], realm={"role": {"a": 1}}))):
                got = answer(bearer(text) + [("X-User", "forged"), ("X_Role", "forged")])
                tap.ok("%s: claims: %s" % (mode, what), got.name in ("web", 401) and not got.asked("x-evil") and b"forged" not in got.body and not any(c < " " for v in got.asked("x-user") + got.asked("x_role") for c in v), got)

            refuses("nothing", [])
            refuses("expired", hs(exp=now - 1))
            refuses("no end", hs(exp=None))
            refuses("an end that is no number", hs(exp="later"))
            refuses("an end beyond all numbers", token(json.dumps(dict(good, exp=0)).encode().replace(b'"exp": 0', b'"exp": 99999999999999999999'), "HS256", SECRET))
            refuses("not yet", hs(nbf=now + 600))
            refuses("not yet, beyond all numbers", token(json.dumps(dict(good, nbf=0)).encode().replace(b'"nbf": 0', b'"nbf": 99999999999999999999'), "HS256", SECRET))
            for issuer in None, "", ISSUER + "x", ISSUER[:-1], [ISSUER], {"a": ISSUER}:
                refuses("issuer %s" % (issuer,), hs(iss=issuer))
            for audience in None, "", "API", "api2", "a", [], ["x"], [["api"]], {"api": "api"}, '["api"]', ["x\",\"api"], "api,x":
                refuses("audience %s" % (audience,), hs(aud=audience))
            head = {"typ": "JWT"}
            for alg in "none", "None", "", "HS384", "HS512", "RS256", "hs256", "HS256 ", None, ["HS256"], {"a": "HS256"}:
                refuses("alg %s" % (alg,), token(good, "HS256", SECRET, dict(head) if alg is None else dict(head, alg=alg)))
                refuses("alg %s unsigned" % (alg,), part(dict(head, alg=alg)) + "." + part(good) + ".")
            refuses("what must be understood", token(good, "HS256", SECRET, {"alg": "HS256", "crit": ["exp"]}))
            refuses("another secret", token(good, "HS256", SECRET + b"x"))
            refuses("the secret in hexadecimal", token(good, "HS256", SECRET.hex().encode()))
            refuses("no secret", token(good, "HS256", b""))
            whole = hs()
            first, last = whole.index("."), whole.rindex(".")
            for cut in sorted({0, 1, first - 1, first, first + 1, last - 1, last, last + 1, len(whole) - 1, len(whole) - 2}):
                refuses("cut at %d" % cut, whole[:cut])
            pieces = whole.split(".")
            for i in range(3):
                refuses("part %d empty" % i, ".".join(pieces[:i] + [""] + pieces[i + 1:]))
                refuses("part %d changed" % i, ".".join(pieces[:i] + ["A" + pieces[i][1:] if pieces[i][0] != "A" else "B" + pieces[i][1:]] + pieces[i + 1:]))
                refuses("part %d twice" % i, ".".join(pieces[:i] + [pieces[i]] + pieces[i:]))
            for text in ".", "..", "...", whole + ".", whole + "." + whole, "." + whole, whole + "=", "%", "\xff" * 8, "{}.{}.{}", whole.replace(".", ","):
                refuses("%.12r" % text, text)
            for size in 5000, 15000, 20000, 100000:
                got = answer(bearer("a" * size))
                tap.ok("%s: %d bytes: refused" % (mode, size), got.status in (400, 401, 431) or got.error, got)
            refuses("Basic", bearer(whole, "Basic "))
            refuses("no scheme", bearer(whole, ""))
            refuses("two headers", bearer(whole) + bearer("a.b.c"))
            refuses("two headers, the other way", bearer("a.b.c") + bearer(whole))
            tap.equal("%s: in a query: refused" % mode, ask(http, "/?access_token=" + whole, "hs.example").status, 401)

            for host, algorithm, key in (("rs.example", "RS256", paths["rsakey"]), ("es.example", "ES256", paths["eckey"])):
                lets_in(algorithm, token({"exp": now + 600}, algorithm, key), host)
                refuses(algorithm + ": expired", token({"exp": now - 600}, algorithm, key), host)
                refuses(algorithm + ": no end", token({}, algorithm, key), host)
                refuses(algorithm + ": the public key as a secret", token(good, "HS256", public_rsa), host)
                refuses(algorithm + ": the public key as a secret, and its name", token(good, "HS256", public_rsa, {"alg": algorithm}), host)
                refuses(algorithm + ": none", part({"alg": "none"}) + "." + part(good) + ".", host)
                other = ("ES256", paths["eckey"]) if algorithm == "RS256" else ("RS256", paths["rsakey"])
                refuses(algorithm + ": another key", token(good, *other), host)
                refuses(algorithm + ": another key, and its name", token(good, *other, {"alg": algorithm}), host)
                text = token({"exp": now + 600}, algorithm, key)
                refuses(algorithm + ": zeros", text[:text.rindex(".") + 1] + b64(b"\0" * 64), host)
                refuses(algorithm + ": cut", text[:-4], host)
                refuses(algorithm + ": a token of another service", whole, host)
            got = ask(http, "/", "es.example", [("Origin", "https://app.example"), ("Access-Control-Request-Method", "GET")], method="OPTIONS")
            tap.equal("%s: preflight needs no token" % mode, got.status, 204)
            got = answer([("Origin", "https://app.example")], "es.example")
            tap.equal("%s: scripts see the 401" % mode, (got.status, got.header("access-control-allow-origin")), (401, ["https://app.example"]))
tap.finish()
