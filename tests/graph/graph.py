#!/usr/bin/env python3
"""khapgen graph: what leads where, the three formats, and names that would be markup. dot is read by graphviz, svg by an XML parser."""
import html.parser
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET

sys.path.insert(0, os.path.join(os.environ.get("srcdir", "."), "tests"))
import tap

khapgen = os.environ.get("KHAPGEN") or os.path.join(tap.builddir, "khapgen")
if not os.access(khapgen, os.X_OK):
    tap.skip_all("needs khapgen, which is not built")
khapgen = os.path.abspath(khapgen)
source = os.path.abspath(tap.srcdir)
hostile = os.path.join(source, "tests", "graph", "hostile.cfg")
dot = shutil.which("dot")
directory = tempfile.TemporaryDirectory()
os.chdir(directory.name)


def put(name, text):
    with open(name, "w", encoding="utf-8") as f:
        f.write(text)


def run(*words):
    done = subprocess.run([khapgen, "graph", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60)
    return done.returncode, done.stdout.decode("utf-8"), done.stderr.decode("utf-8", "replace")


class Page(html.parser.HTMLParser):
    """Elements with their texts."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.tags, self.text, self.data = [], {}, None
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        if self.tags:
            self.text[len(self.tags) - 1] = self.text.get(len(self.tags) - 1, "") + data

    def json(self):
        return json.loads(self.text[[i for i, t in enumerate(self.tags) if t[0] == "script"][0]])


def page(*words):
    status, out, err = run("--format", "html", *words)
    return Page(out)


def entries(*words):
    """bind, host and path, then the service or what happens, with ? where it is not certain."""
    data = page(*words).json()
    return [(" ".join(data["binds"][h[1]][:2]), h[0], (data["services"][h[2]][0] if h[2] >= 0 and not h[3] else h[3]) + ("" if h[4] else "?")) for h in data["hosts"]]


# ---- what leads where
put("hosts.map", "# hosts\nm.example two\n.suffix.example three\n^re[0-9] four\n")
put("a.cfg", """defaults
    mode http
    timeout client 1s
    timeout server 1s
    timeout connect 1s
frontend f
    bind :80
    bind 127.0.0.1:8443 ssl crt x.pem
    acl host_a hdr(host) -i a.example www.a.example
    acl host_a hdr_end(host) -i .a.example
    acl api path_beg /api
    http-request redirect scheme https code 301 if !{ ssl_fc } { hdr(host) only.example }
    http-request deny if { path /no }
    use_backend two if host_a api
    use_backend one if host_a
    use_backend three if { src 10.0.0.0/8 } { hdr(host) s.example }
    use_backend four if { hdr(user-agent) -m reg bot }
    use_backend %[req.hdr(host),map_str(hosts.map)] if { req.hdr(host),map_str(hosts.map) -m found }
    default_backend one
backend one
    server n1 10.0.0.1:80
    server n2 10.0.0.2:80 backup
backend two
    server n1 10.0.0.1:81
backend three
    server n2 10.0.0.2:81
backend four
    server x 10.0.0.2:82 disabled
backend alone
    server-template t 1-3 srv.example:80
frontend t
    mode tcp
    bind :443
    tcp-request inspect-delay 5s
    tcp-request content accept if { req.ssl_hello_type 1 }
    use_backend raw if { req.ssl_sni -i sni.example }
backend raw
    mode tcp
    server n1 10.0.0.1:443
listen l
    bind :99
    server n9 [2001:db8::9]:80
""")
status, out, err = run("--format", "html", "a.cfg")
tap.equal("exit status", (status, err), (0, ""))
got = entries("a.cfg")
plain, tls = [e[1:] for e in got if e[0] == "f :80"], [e[1:] for e in got if e[0] == "f 127.0.0.1:8443"]
for what, where, wanted in (("a host and a path of two named ACLs", tls, ("a.example/api", "two")), ("one of several hosts", tls, ("www.a.example", "one")),
                            ("a suffix", tls, ("*.a.example/api", "two")), ("a redirect", plain, ("only.example", "redirect 301 https://only.example/")),
                            ("the same host through TLS", tls, ("only.example", "one")), ("a path of any host", tls, ("any other host /no", "denied 403")),
                            ("a key of a map", tls, ("m.example", "two")), ("a condition on something else, and a host", tls, ("s.example", "three?")),
                            ("a condition on something else, and a host: the other case", tls, ("s.example", "one?")), ("all others", tls, ("any other request", "one"))):
    tap.ok(what, wanted in where, "%r is not in %r" % (wanted, where))
tap.ok("a rule that no host stands for", ("f :80", "if { hdr(user-agent) -m reg bot }", "four?") in got, got)
tap.ok("the name of a server in TLS that passes through", ("t :443", "sni.example", "raw") in got, got)
tap.ok("listen", ("l :99", "any other request", "l") in got, got)
data = page("a.cfg").json()
tap.equal("services, with those that nothing leads to", [s[0] for s in data["services"]], ["one", "two", "three", "four", "alone", "raw", "l"])
tap.equal("nodes are addresses; a name where all servers have the same", data["nodes"], [["n1", "10.0.0.1"], ["", "10.0.0.2"], ["t", "srv.example"], ["n9", "2001:db8::9"]])
tap.equal("servers: node, name, address, backup or disabled", [s[1] for s in data["services"][:1] + data["services"][3:4]],
          [[[0, "n1", "10.0.0.1:80", 0], [1, "n2", "10.0.0.2:80", 1]], [[1, "x", "10.0.0.2:82", 2]]])
put("found.cfg", "frontend f\n    mode http\n    bind :80\n    default_backend w\nbackend w\n    mode http\n    blance roundrobin\n    server a 10.0.0.1:80\n")
found = page("found.cfg").json()
tap.ok("a finding has severity, code, text, place and service", any(f[0] == 3 and f[1] == "unknown-keyword" and "blance" in f[2] and f[3] == "found.cfg:7" and f[4] == 0 for f in found["findings"]),
       found["findings"])

# ---- a service map, in memory, and the same as a bundle
example = os.path.join(source, "examples", "paths.yaml")
one = sorted(e[1:] for e in entries(example) if not e[1].startswith(("if ", "^")))
subprocess.run([khapgen, "--output-dir", "b", example], check=True, stdout=subprocess.DEVNULL)
bundle = sorted(e[1:] for e in entries("b") if not e[1].startswith(("if ", "^")))
tap.equal("a service map and its bundle lead to the same", [(h.rstrip("/"), s) for h, s in one], bundle)
tap.ok("there is something in it", ("www.example.com/healthz", "health") in bundle, bundle)

# ---- certificates
openssl = shutil.which("openssl")
if openssl and "certs" in data:
    subprocess.run([openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "k.pem", "-out", "c.pem", "-days", "20", "-subj", "/CN=a.example", "-addext",
                    "subjectAltName=DNS:a.example,DNS:*.w.example"], check=True, stderr=subprocess.DEVNULL)
    with open("x.pem", "w") as f:
        f.write(open("c.pem").read() + open("k.pem").read())
    put("cert.cfg", "frontend f\n    mode http\n    bind :443 ssl crt x.pem\n    use_backend w if { hdr(host) a.example b.w.example c.example }\nbackend w\n    mode http\n")
    data = page("cert.cfg").json()
    if data["certs"]:
        tap.equal("a certificate, by its names", [(h[0], h[5]) for h in data["hosts"]], [("a.example", 0), ("b.w.example", 0), ("c.example", -1), ("any other request", -1)])
        os.makedirs("base/dir")
        shutil.copy("x.pem", "base/dir/one.pem")
        put("list.txt", "# a list\ndir/one.pem [alpn h2] a.example\nmissing.pem\n")
        for how in ("crt dir/", "crt dir/one.pem", "crt-list list.txt"):
            put("cert2.cfg", "global\n    crt-base base\n" + open("cert.cfg").read().replace("crt x.pem", how))
            got = page("cert2.cfg").json()
            tap.equal("crt-base, %s" % how, ([c[0] for c in got["certs"]], [h[5] for h in got["hosts"]]), (["base/dir/one.pem"], [0, 0, -1, -1]))
        tap.ok("its last second", 19 * 86400 < data["certs"][0][1] - data["now"] < 21 * 86400 and data["certs"][0][0] == "x.pem", data["certs"])
    else:
        tap.skip("khapgen was built without OpenSSL")
else:
    tap.skip("needs openssl (Debian: package openssl)")

# ---- names that would be markup
status, out, err = run("--format", "html", hostile)
parsed = Page(out)
kinds = [t[0] for t in parsed.tags]
tap.equal("html: no element but the page's own", (status, kinds.count("script"), kinds.count("img"), kinds.count("b"), kinds.count("style")), (0, 2, 0, 0, 1))
tap.ok("html: nothing is loaded", not [a for t in parsed.tags for a in t[1] if a in ("src", "href", "srcset", "data") or a.startswith("on")], parsed.tags)
tap.ok("html: no character that turns the writing", not re.search("[\u200e\u200f\u202a-\u202e\u2066-\u2069\x00-\x09\x0b-\x1f]", out))
shown = json.dumps(parsed.json(), ensure_ascii=False)
for n in (1, 3, 4, 5, 6):
    tap.ok("html: hostile text %d is there, as text" % n, ("window.hostile=%d" % n) in shown, shown)
tap.ok("html: \\u202e can be seen", "\\\\u202ebidi" in shown, shown)
status, out, err = run("--format", "svg", hostile)
root = ET.fromstring(out)
tags = {e.tag.split("}")[1] for e in root.iter()}
tap.equal("svg: no element but its own", tags, {"svg", "title", "style", "rect", "text", "path", "g"})
tap.ok("svg: the texts are there", "window.hostile=5" in "".join(root.itertext()))
status, out, err = run("--format", "dot", hostile)
if dot:
    done = subprocess.run([dot, "-Tjson"], input=out.encode(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60)
    tap.ok("dot: graphviz takes it", done.returncode == 0 and not done.stderr, done.stderr)
    drawn = json.loads(done.stdout)
    names = [o["name"] for o in drawn["objects"]]
    tap.ok("dot: no node but those that were written", all(re.fullmatch("[bhsne][0-9]+", n) for n in names), names)
    tap.equal("dot: as many nodes and edges", (len(names), len(drawn["edges"])), (len(re.findall(r"^  [a-z][0-9]+ \[", out, re.M)), len(re.findall(r"^  [a-z][0-9]+ -> ", out, re.M))))
    labels = [o["label"] for o in drawn["objects"]]
    tap.ok("dot: a text stays as it is", any('\\\\N\\" -> b0; x [label=\\"' in label or '\\N" -> b0; x [label=' in label.replace("\\\\", "\\").replace('\\"', '"') for label in labels), labels)
else:
    tap.skip("needs dot (Debian: package graphviz)")
put("<title><script>window.hostile=8<", "frontend f\n bind :80\n")
tap.equal("html: the name of the file", [t[0] for t in page("--type", "configuration", "<title><script>window.hostile=8<").tags].count("script"), 2)

# ---- the command line, and odd configurations
for name, text in (("empty", ""), ("no bind", "frontend f\n    default_backend w\nbackend w\n"), ("no such backend", "frontend f\n    mode http\n    bind :80\n    default_backend w\n"),
                   ("variables", 'frontend f\n    bind "$A"\n    use_backend "$B" if { hdr(host) $C }\n'), ("bytes", "frontend \udcff\n    bind :80\nbackend \udcfe\x00\n    server \udcc3 1.1.1.1\n")):
    with open("odd.cfg", "w", encoding="utf-8", errors="surrogateescape") as f:
        f.write(text)
    for form in ("dot", "svg", "html"):
        status, out, err = run("--format", form, "odd.cfg")
        tap.ok("%s: %s" % (name, form), status == 0 and len(out) > 50, "%d %s" % (status, err))
status, out, err = run("a.cfg")
tap.ok("without --format an image", status == 0 and out.startswith("<svg "))
tap.equal("by the ending of FILE", (run("-o", "x.dot", "a.cfg")[0], open("x.dot").read(14)), (0, "digraph khap {"))
tap.equal("not over something else", (run("-o", "a.cfg", "a.cfg")[0], run("-o", "x.dot", "cert.cfg" if os.path.exists("cert.cfg") else "found.cfg")[0]), (3, 3))
for words in ([], ["--format", "png", "a.cfg"], ["missing.cfg"], ["--type", "x", "a.cfg"]):
    status, out, err = run(*words)
    tap.ok("exit status 2: khapgen graph %s" % " ".join(words), status == 2 and err and not out, "%d %s" % (status, err))
tap.finish()
