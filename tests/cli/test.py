#!/usr/bin/env python3
"""khapgen test: requests that are as expected and such that are not, its three formats, what it records, and tables that are none. Each table in
tests/cli/routes is held against the JSON Schema, too."""
import glob
import json
import os
import re
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
routes = sorted(glob.glob(os.path.join(os.path.abspath(tap.srcdir), "tests", "cli", "routes", "*.yaml")))
example = os.path.join(os.path.abspath(tap.srcdir), "examples", "paths.yaml")
schema_path = os.path.join(tap.builddir, "docs", "routes.schema.json")
if not os.path.exists(schema_path):
    schema_path = os.path.join(tap.srcdir, "docs", "routes.schema.json")
with open(schema_path) as f:
    schema = json.load(f)
# what one key alone does not say
NOT_FOR_A_SCHEMA = {"bad-twice", "bad-empty", "bad-url", "bad-nothing-expected"}

directory = tempfile.TemporaryDirectory()
os.chdir(directory.name)


def put(name, text):
    with open(name, "w", encoding="utf-8") as f:
        f.write(text)


def run(*words):
    done = subprocess.run([khapgen, "test", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60)
    return done.returncode, done.stdout.decode("utf-8"), done.stderr.decode("utf-8")


put("a.cfg", """defaults
    mode http
    timeout client 1s
    timeout server 1s
    timeout connect 1s
frontend f
    bind :80
    bind :443 ssl crt x.pem alpn h2,http/1.1
    http-request redirect scheme https code 308 if !{ ssl_fc } # always
    http-request set-header X-Forwarded-Proto https
    http-request del-header X-Debug
    use_backend a if { hdr(host) -i a.example } { path_beg /ui }
    use_backend b if { rand(2) eq 1 }
    default_backend c
backend a
    use-server a1 if { path /x }
    server a1 10.0.0.1:80
backend b
    server b1 10.0.0.1:80
    server b2 10.0.0.1:80
backend c
    server c1 10.0.0.1:80
""")

# ---- tables that are good, and such that are none
try:
    import jsonschema
    import yaml

    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
except ImportError as e:
    validator = None
    tap.skip("needs %s (Debian: packages python3-jsonschema, python3-yaml)" % e.name)
if validator:
    class Loader(yaml.SafeLoader):
        """yes is text, as in YAML 1.2."""

    Loader.yaml_implicit_resolvers = {k: [(t, p) for t, p in v if t != "tag:yaml.org,2002:bool"] for k, v in yaml.SafeLoader.yaml_implicit_resolvers.items()}
    Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile("^(?:true|false)$"), list("tf"))
for path in routes:
    name = os.path.splitext(os.path.basename(path))[0]
    with open(path) as f:
        text = f.read()
    status, out, err = run("--format", "tap", "a.cfg", path)
    if name.startswith("good-"):
        tap.equal("%s: all is as expected" % name, (status, err, "not ok" in out), (0, "", False))
    else:
        code, line = text.split("\n", 1)[0].lstrip("# ").split() if text.startswith("#") and len(text.split("\n", 1)[0].split()) == 3 else (None, None)
        found = re.findall(r"^\S*%s\.yaml:(\d+):\d+: error: .*\[([a-z-]+)\]$" % name, err, re.M)
        tap.equal("%s: refused, with place and code" % name, (status, found, out), (2, [(line, code)], ""))
    if validator:
        faults = [e.message for d in yaml.load_all(text, Loader) for e in validator.iter_errors(d)]
        tap.equal("%s: for the schema" % name, bool(faults), not name.startswith("good-") and name not in NOT_FOR_A_SCHEMA)
tap.ok("there were tables to look at", len(routes) > 20)

# ---- what is not as expected
put("not.yaml", """tests:
  - {url: "https://z.example/", name: 'a # <b> " '' & ]]>', expect: {backend: c}}
  - {url: "https://a.example/ui", expect: {backend: b}}
  - {url: "https://a.example/ui", expect: {backend: a, server: a2, status: 200, headers: {X-Forwarded-Proto: http, X-No: x}, absent: Host}}
  - {url: "https://z.example/", expect: {backend: a, unknown: true}}
  - {url: "http://z.example/", expect: {redirect: "https://z.example/x", outcome: redirect}}
  - {url: "https://z.example/", expect: {outcome: backend, frontend: f}}
  - {url: "http://a.example/\u202e\u00e9", expect: {status: 301}}
""")
status, out, err = run("a.cfg", "not.yaml")
wanted = [(2, "backend: wanted c, got backend b, which depends on rand(2)"),
          (3, "backend: wanted b, got backend a"),
          (4, "server: wanted a2, got a1"),
          (4, "status: wanted 200, which is not certain: backend a"),
          (4, "headers: wanted X-Forwarded-Proto: http, got https"),
          (4, "headers: wanted X-No: x, got no such field"),
          (4, "absent: wanted Host, got a.example"),
          (5, "backend: wanted a, got backend b, which depends on rand(2)"),
          (6, "redirect: wanted https://z.example/x, got redirect 308 https://z.example/"),
          (8, "status: wanted 301, got answer 400")]  # HAProxy itself refuses such bytes
# the first outcome may be either of the two when none of them is as expected
told = [(int(a), b.replace("backend c, which", "backend b, which")) for a, b in re.findall(r"^ +not\.yaml:(\d+): (.*)$", out, re.M)]
tap.equal("what is not as expected, and where", told, wanted)
tap.equal("exit status 1", (status, err), (1, ""))
tap.ok("how many", "1 of 7 as expected\n" in out, out)
tap.equal("rules that no request came to", re.findall(r"^(\d+ of \d+ rules reached|not reached: .*)$", out, re.M),
          ["6 of 7 rules reached", "not reached: a.cfg:16: use-server a1 if { path /x }"])

status, out, err = run("--format", "tap", "a.cfg", "not.yaml")
results = re.findall(r"^(ok|not ok) (\d+) - (.*)$", out, re.M)
tap.equal("TAP: plan and results", (status, out.split("\n", 1)[0], [r[0] for r in results], [int(r[1]) for r in results]),
          (1, "1..7", ["not ok"] * 5 + ["ok", "not ok"], list(range(1, 8))))
tap.ok("TAP: no name becomes a directive", results[0][2].startswith("a \\# <b>"), results[0][2])
tap.ok("TAP: nothing but results and comments", all(re.match(r"(ok |not ok |# |1\.\.)", line) for line in out.splitlines()), out)

status, out, err = run("--format", "junit", "a.cfg", "not.yaml")
root = ET.fromstring(out.encode("utf-8"))
suite = root.find("testsuite")
cases = suite.findall("testcase")
tap.equal("JUnit: numbers", (status, root.tag, suite.get("tests"), suite.get("failures"), len(cases), len(suite.findall("testcase/failure"))),
          (1, "testsuites", "7", "6", 7, 10))
tap.equal("JUnit: a hostile name", cases[0].get("name"), "a # <b> \" ' & ]]>")
tap.equal("JUnit: lines", [c.get("line") for c in cases], [str(n) for n in range(2, 9)])
tap.equal("JUnit: what is told", [f.get("message") for f in cases[3].findall("failure")], [told[7][1]] if told[7][1] in out else
          [told[7][1].replace("backend b, which", "backend c, which")])
tap.ok("JUnit: coverage", "not reached: a.cfg:16" in suite.find("system-out").text)

# what comes from a configuration may be any bytes
with open("bytes.cfg", "wb") as f:
    f.write(b"frontend f\n    mode http\n    bind :80\n    http-request deny if { path -m str \xff\x01<x>&\\ \xef\xbf\xbf }\n    default_backend \xe9\nbackend \xe9\n    mode http\n")
put("one.yaml", 'tests: [{url: "http://a.example/", expect: {status: 1}}]'.replace(": 1}", ": 404}"))
for form in ("text", "tap", "junit"):
    status, out, err = run("--format", form, "bytes.cfg", "one.yaml")
    tap.ok("any bytes in a configuration: %s" % form, status == 1 and "?" in out and not re.search("[\x00-\x09\x0b-\x1f\x7f\ufffe\uffff]", out), out)
    if form == "junit":
        ET.fromstring(out.encode("utf-8"))

# ---- recording
urls = ["http://a.example/ui", "https://a.example/ui", "https://z.example/?x=\"y\\'%{", "https://a.example/no", "http://a.example:99/", "tcp://a.example:80"]
status, out, err = run("--record", "a.cfg", *urls)
put("recorded.yaml", out)
tap.equal("--record: exit status", (status, err), (0, ""))
tap.equal("--record: each URL", len(re.findall("^  - url: ", out, re.M)), len(urls))
tap.ok("--record: a redirect", '      status: 308\n      redirect: "https://a.example/ui"\n' in out, out)
tap.ok("--record: a server, where there is only one", "      backend: a\n      server: a1\n" in out, out)
status, out, err = run("a.cfg", "recorded.yaml")
tap.equal("what was recorded is as expected", (status, err, "FAIL" in out), (0, "", False))
if validator:
    with open("recorded.yaml") as f:
        tap.equal("what was recorded is good for the schema", [e.message for e in validator.iter_errors(yaml.load(f.read(), Loader))], [])
tap.equal("--record -o", run("--record", "-o", "new.yaml", "a.cfg", *urls)[::2], (0, ""))
with open("new.yaml") as a, open("recorded.yaml") as b:
    tap.equal("--record -o: the same", a.read(), b.read())
tap.equal("--record -o: not over something else", run("--record", "-o", "a.cfg", "a.cfg", urls[0])[0], 3)
tap.equal("--record: a URL that is none", run("--record", "a.cfg", "x://")[0], 2)

# without a URL: what the configuration names
status, out, err = run("--record", "a.cfg")
tap.equal("--record without a URL: hosts and paths of conditions", (status, err, re.findall('url: "(.*)"', out)),
          (0, "", ["http://a.example/ui", "http://khap.invalid/", "https://a.example/ui", "https://khap.invalid/"]))
put("recorded.yaml", out)
tap.equal("--record without a URL: as expected", run("a.cfg", "recorded.yaml")[0], 0)
for example_map in sorted(glob.glob(os.path.join(os.path.dirname(example), "*.yaml"))):
    status, out, err = run("--record", example_map)
    put("recorded.yaml", out)
    again, results, said = run(example_map, "recorded.yaml")
    tap.ok("--record without a URL: %s" % os.path.basename(example_map), status == 0 and again == 0 and "url: " in out, "%d %d %s" % (status, again, results + err + said))

# ---- a service map
status, out, err = run("--record", example, "http://www.example.com/api/x", "http://www.example.com/", "http://other.example/")
put("map.yaml", out)
tap.equal("a service map: backends", re.findall("backend: ([a-z]+)$", out, re.M), ["api", "site", "fallback"])
status, out, err = run(example, "map.yaml")
tap.ok("a service map: as expected", status == 0 and "3 of 3 as expected" in out, out + err)
tap.ok("a service map: rules by what asked for them", re.search(r"^not reached: \S*paths\.yaml:\d+: use_backend health ", out, re.M), out)
put("service.yaml", 'tests: [{url: "http://www.example.com/api", expect: {service: api}}]')
tap.equal("a service map: service", run(example, "service.yaml")[0], 0)

# ---- the command line
for words in ([], ["a.cfg"], ["--record"], ["--format", "xml", "a.cfg", "not.yaml"], ["-o", "x", "a.cfg", "not.yaml"], ["a.cfg", "missing.yaml"], ["missing.cfg", "recorded.yaml"], ["a.cfg", "x://y"]):
    status, out, err = run(*words)
    tap.ok("exit status 2: khapgen test %s" % " ".join(words), status == 2 and err, "%d %s%s" % (status, out, err))
tap.finish()
