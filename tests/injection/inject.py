#!/usr/bin/python3
"""No value may ever become a second directive.

Each row of keys.tsv, and each name that a map may hold, is given values with line ends, quotes, backslashes, #, %[, ${HOME}, braces, NUL and more,
through YAML and through --set. Either the map is refused (exit status 2, a diagnostic), or what is written differs from what a harmless value gives
in that one word only: the same lines, the same number of words in each, and only words that hold the value differ; no word of it is a variable to
HAProxy; and `haproxy -c` finds nothing wrong. Keys for raw lines may add lines inside their own section and nowhere else. The words are read back by
tests/oracle/lexer.py, which knows nothing of the encoder.

KHAP_INJECT=full tries every value on every row in every way; otherwise each row gets all values once, and HAProxy sees some of them.
"""
import functools
import json
import os
import shutil
import subprocess
import sys
import tempfile

import khapgen
import tap
import verdict

try:
    import yaml
except ImportError:
    tap.skip_all("needs yaml (Debian: package python3-yaml)")

sys.path.insert(0, os.path.join(tap.srcdir, "tests", "oracle"))
import lexer  # noqa: E402

FULL = os.environ.get("KHAP_INJECT") == "full"
KHAPGEN = khapgen.program()
HAPROXY = os.environ.get("HAPROXY") or shutil.which("haproxy", path=os.environ.get("PATH", "") + ":/usr/sbin")
OPENSSL = shutil.which("openssl")
# Section names and their first release
SECTIONS = {b"global": 105, b"defaults": 105, b"frontend": 105, b"backend": 105, b"listen": 105, b"userlist": 105, b"ruleset": 105, b"peers": 105,
            b"mailers": 106, b"resolvers": 106, b"namespace_list": 106, b"cache": 108, b"program": 200, b"fcgi-app": 201, b"http-errors": 202,
            b"ring": 202, b"log-forward": 203, b"crt-store": 300, b"traces": 301, b"log-profile": 301, b"acme": 302, b"healthcheck": 304}
GONE = {b"ruleset": 106, b"program": 303}  # and the first release without

# What may break out, put between, behind and before something harmless
EVIL = ["\n", "\r", "\r\n", "\t", "\v", "\f", "\0", " ", "  #", "#", "\"", "'", "\\", "\\\"", "\\n", "\\x0a", "\" \"", "' '", "$", "${HOME}", "$HOME",
        "\"${HOME}\"", "%", "%[env(HOME)]", "%[", "]", "{", "}", "{ always_true }", ",", ";", "(", ")", "\u0085", "\u2028", "\u00a0", "\u00e9", "\ufeff", "\x7f",
        "\x1b[31m", "\nglobal\n", "\nbackend evil\n", "\n    server evil 192.0.2.66:80\n", " if TRUE", " backup", "\\ ", "<<", "*", "&a", "!!x", "a" * 5000]
MARK = "zq7"  # stands at the beginning of what is tried, to find it again

work = tempfile.TemporaryDirectory(prefix="khap-inject.")
os.chdir(work.name)


def fixture():
    if OPENSSL:
        subprocess.run([OPENSSL, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "100", "-subj", "/CN=a.example",
                        "-addext", "subjectAltName=DNS:a.example", "-keyout", "key.pem", "-out", "crt.pem"], check=True, stderr=subprocess.DEVNULL)
        with open("all.pem", "w") as f:
            f.write(open("crt.pem").read() + open("key.pem").read())
        with open("public.pem", "w") as f:
            subprocess.run([OPENSSL, "x509", "-in", "crt.pem", "-pubkey", "-noout"], check=True, stdout=f)
        os.mkdir("certs.d")
        shutil.copy("all.pem", "certs.d/a.pem")
        with open("list.txt", "w") as f:
            f.write("all.pem\n")
    with open("cookie.key", "w") as f:
        f.write("0123456789abcdef\n")
    with open("users", "w") as f:
        f.write("joe:$1$abcdefgh$b4gX0Pcn1NnWcMqsCgpQB/\n")
    with open("nets.txt", "w") as f:
        f.write("10.0.0.0/8\n")
    os.mkdir("root")


fixture()

# Paths of files in the fixture that stand for what a row's example names
FILES = {"certs[].directory": "certs.d", "certs[].file": "all.pem", "certs[].key": "key.pem", "certs[].clientCa": "crt.pem", "certs[].crl": "crt.pem", "certs[].crtList": "list.txt",
         "services.*.backendTls.ca": "crt.pem", "services.*.cookie.keyFile": "cookie.key",
         "services.*.sourceRanges[].file": "nets.txt", "services.*.denyRanges[].file": "nets.txt", "services.*.basicAuth.file": "users",
         "services.*.jwt.key": "public.pem", "services.*.errorPages.*": "nets.txt", "services.*.maintenance.page": "nets.txt"}


def base():
    return {"nodes": {"n1": {"address": "10.0.0.1", "labels": {"zone": "a"}}, "n2": {"address": "10.0.0.2", "labels": {"zone": "b"}}},
            "services": {"web": {"nodePort": 32000, "hosts": ["a.example"]}}}


def put(tree, path, value):
    for part in path[:-1]:
        if isinstance(tree, list):
            while len(tree) <= part:
                tree.append({})
            tree = tree[part]
        else:
            tree = tree.setdefault(part, [] if part in LISTS else {})
    if isinstance(tree, list):
        while len(tree) <= path[-1]:
            tree.append({})
    tree[path[-1]] = value


LISTS = set()
LATER = ("certs[].curves", "certs[].ocsp", "certs[].ocspUpdate")  # than the HAProxy that may be installed
rows = []
with open(os.path.join(tap.srcdir, "lib/model/keys.tsv")) as f:
    for line in f:
        if not line.startswith("#") and line.strip():
            cols = line.rstrip("\n").split("\t")
            rows.append(dict(zip(("path", "type", "applies", "since", "annotation", "default", "example", "text"), cols)))
for row in rows:
    if row["path"].endswith("[]"):
        LISTS.add(row["path"][:-2].split(".")[-1])
NAMES = {"claims": "X-A", "users": "joe", "errorPages": "503", "nodes": "n1", "labels": "zone", "frontends": "inner", "services": "web", "set": "X-A", "add": "X-A", "selector": "zone", "headers": "X-A", "query": "q"}


def concrete(path):
    """services.*.servers[].name as the keys of the base map."""
    parts, out = path.replace("[]", ".[]").split("."), []
    for part in parts:
        out.append(NAMES[out[-1]] if part == "*" else 0 if part == "[]" else part)
    return out


def context(path):
    """A map in which the row acts; whether it needs a bundle."""
    tree, bundle = base(), False
    web = tree["services"]["web"]
    if path.startswith("certs[]"):
        tree["certs"] = [{"file": "all.pem"}]
        if path in ("certs[].directory", "certs[].crtList", "certs[].placeholder"):
            tree["certs"] = [{}]
            bundle = path == "certs[].placeholder"
        if path == "certs[].key":
            tree["certs"] = [{"file": "crt.pem"}]
            bundle = True
        if path in ("certs[].hosts", "certs[].clientCa", "certs[].verify", "certs[].crl"):
            tree["certs"] = [{"file": "all.pem", "hosts": ["a.example"], "clientCa": "crt.pem"}]
            bundle = True
        if path in LATER:
            tree["haproxy"] = "3.2-3.4"
        if path[8:] in ("alpn", "minVersion", "maxVersion", "ciphers", "ciphersuites", "curves", "ocspUpdate"):
            bundle = True
    if path.startswith("process.socket"):
        tree["process"] = {"socket": {"path": "/run/h.sock"}}
    if path.startswith("frontends.*"):
        tree["frontends"] = {"inner": {"bind": "127.0.0.1:8080"}}
        web["frontends"] = ["http", "inner"]
        if path in ("frontends.*.alpn", "frontends.*.strictSni", "frontends.*.tls", "frontends.*.http3"):
            tree["certs"] = [{"file": "all.pem"}]
            tree["frontends"]["inner"]["tls"] = True
    if path.startswith("services.*.hsts") or path.startswith("services.*.redirectHttps"):
        tree["certs"] = [{"file": "all.pem"}]
    if path.startswith("stats."):
        tree["stats"] = {"bind": "127.0.0.1:8404"}
    if path.startswith("services.*.routes[]"):
        web["routes"] = [{"host": "r.example", "path": "/r"}]
        bundle = True
    if path.startswith("services.*.routes[].timeouts"):
        tree["haproxy"] = "3.3-3.4" if path.endswith((".connect", ".queue")) else "2.4-3.4"
    if path in ("services.*.hosts", "services.*.wildcard"):
        bundle = True
    if path == "services.*.rewrite":
        web["routes"] = [{"host": "r.example", "path": "/r"}]
    if path.startswith("services.*.backendTls"):
        web["backendProtocol"] = "https"
        web["backendTls"] = {"ca": "crt.pem", "sni": "s.example"}
    if path.startswith("services.*.cookie"):
        web["cookie"] = {"name": "SRV"}
        if path in ("services.*.cookie.dynamic", "services.*.cookie.keyFile"):
            web["cookie"] = {"name": "SRV", "dynamic": True, "keyFile": "cookie.key"}
    if path.startswith("services.*.check"):
        web["check"] = {"interval": "2s"} if path == "services.*.check.type" else {"path": "/h"}
    if path == "services.*.hash.cookie":
        tree["haproxy"] = "2.6-3.4"
    if path.startswith("nodeCheck"):
        tree["nodeCheck"] = {"port": 10250}
        web["check"] = {"node": True}
    if path == "services.*.check.node":
        tree["nodeCheck"] = {"port": 10250}
    if path == "services.*.check.user":
        web["check"] = {"type": "mysql", "user": "a"}
    if path.startswith("services.*.agentCheck"):
        web["agentCheck"] = {"port": 8888}
    if path.startswith("services.*.servers[]"):
        web["servers"] = [{"name": "s1", "address": "10.0.0.9", "port": 8080}]
    if path.startswith("services.*.basicAuth.") and path != "services.*.basicAuth.file":
        web["basicAuth"] = {"users": {"joe": "secret"}}
    if path.startswith("services.*.jwt."):
        tree["haproxy"] = "2.6-3.4"
        web["jwt"] = {"algorithm": "RS256", "key": "public.pem"}
    if path.startswith("services.*.cors."):
        web["cors"] = {"origins": ["https://o.example"]}
    if path.startswith("services.*.rateLimit."):
        web["rateLimit"] = {"requests": 5}
    if path.startswith("services.*.nodes"):
        web["nodes"] = {}
    if path in ("services.*.bind", "services.*.mode"):
        tree["services"]["web"] = {"nodePort": 32000, "mode": "tcp", "bind": ":5432"}
    if path == "services.*.tls":
        tree["services"]["web"] = {"nodePort": 32000, "mode": "tcp", "tls": "passthrough", "hosts": ["a.example"]}
    if path == "services.*.backend":
        tree["services"]["web"] = {"hosts": ["a.example"]}
        tree["sections"] = "backend %ssafe\n    server s 10.0.0.9:80\n" % MARK
    if path.startswith("services.*.redirect.") or path.startswith("services.*.respond."):
        tree["services"]["web"] = {"hosts": ["a.example"], path.split(".")[2]: {"body": "b"} if "respond" in path else {"port": 81}}
    if ".split" in path or path.startswith("services.*.canary"):
        tree["services"][MARK + "safe"] = {"nodePort": 32001}
    if path.startswith("services.*.canary."):
        web["canary"] = {"of": MARK + "safe", "weight": 5}
    if path.startswith("services.*.split"):
        tree["services"]["web"] = {"hosts": ["a.example"], "split": [{"service": MARK + "safe"}]}
    if path.startswith("services.*.routes[].split"):
        web["routes"][0]["split"] = [{"service": MARK + "safe"}]
    if path == "services.*.frontends":
        tree["certs"] = [{"file": "all.pem"}]
    if path == "services.*.routes[].wildcard":
        web["routes"] = [{"host": "*.r.example", "path": "/r"}]
    if path == "frontends.*.http3":
        tree["haproxy"] = "3.2-3.4"
    return tree, bundle


def run(text, bundle, more=()):
    """Exit status, {file: bytes}, standard error."""
    words = [KHAPGEN] + list(more)
    if bundle:
        shutil.rmtree("out", ignore_errors=True)
        words += ["--output-dir", "out"]
    done = subprocess.run(words + ["-"], input=text.encode("utf-8", "surrogatepass"), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if done.returncode:
        return done.returncode, {}, done.stderr
    if not bundle:
        return 0, {"haproxy.cfg": done.stdout}, done.stderr
    files = {}
    for top, _, names in os.walk("out"):
        for name in names:
            path = os.path.join(top, name)
            with open(path, "rb") as f:
                files[os.path.relpath(path, "out")] = f.read()
    files.pop("khap.sums", None)
    if "certs/placeholder.pem" in files:
        files["certs/placeholder.pem"] = b""  # a new key each time; nothing of the map stands in it
    return 0, files, done.stderr


lex = functools.lru_cache(maxsize=20000)(lexer.lex)  # nearly all lines are the same each time


def shape(data, release):
    """Lines as lists of words; comments and empty lines as nothing; None where the lexer refuses."""
    lines = []
    for line in data.split(b"\n"):
        result = lex(release, line)
        if result.fault:
            return None
        lines.append(result)
    return lines


def sections(lines, release):
    """[(header words, [lines])]"""
    out = [((), [])]
    for line in lines:
        words = tuple(w.value() for w in line.words)
        if words and SECTIONS.get(words[0], 999) <= release < GONE.get(words[0], 999):
            out.append((words, []))
        elif words:
            out[-1][1].append(words)
    return out


def differs(base_files, files, release, mark):
    """Why these are not the same lines with another word, or None. `mark` stands in each word that may differ."""
    if sorted(base_files) != sorted(files):
        return "other files: %s, %s" % (sorted(base_files), sorted(files))
    mark = mark.lower().encode()
    for name, data in files.items():
        old = base_files[name]
        if name == "haproxy.cfg":
            a, b = shape(old, release), shape(data, release)
            if a is None or b is None:
                return "a line that cannot be read"
            if [w.value() for line in b for w in line.words if w.variable] != [w.value() for line in a for w in line.words if w.variable]:
                return "a variable"
            a, b = [[w.value() for w in line.words] for line in a], [[w.value() for w in line.words] for line in b]
        else:
            a, b = [line.split() for line in old.split(b"\n")], [line.split() for line in data.split(b"\n")]
        if len(a) != len(b):
            return "%s has %d lines, not %d" % (name, len(b), len(a))
        # the lines of a map may change their order
        if name.endswith(".map"):
            a, b = sorted(a), sorted(b)
            b = [w for w in b if w not in a]
            if any(len(w) != 2 for w in b):
                return "%s: a line that is no pair: %r" % (name, b)
            continue
        for x, y in zip(a, b):
            if x == y:
                continue
            if len(x) != len(y) or x[0] != y[0]:
                return "%s: %r became %r" % (name, x, y)
            for v, w in zip(x, y):
                if v != w and mark not in w.lower() and not w.isdigit():
                    return "%s: %r became %r, which does not hold the value" % (name, v, w)
    return None


haproxy_runs = 0


def haproxy_refuses(files):
    """What HAProxy says against it, or None."""
    global haproxy_runs
    haproxy_runs += 1
    folder = "try"
    shutil.rmtree(folder, ignore_errors=True)
    for name, data in files.items():
        path = os.path.join(folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as f:
            f.write(data)
    for name in os.listdir("."):
        if name not in ("try", "out"):
            os.symlink(os.path.join("..", name), os.path.join(folder, name))
    done = subprocess.run([HAPROXY, "-c", "-f", "haproxy.cfg"], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    said = verdict.of_configuration(done.stdout.decode("utf-8", "replace"))
    if done.returncode or "[ALERT]" in said or "[WARNING]" in said:
        return said
    return None


def values_for(row, example):
    """Harmless, and with something evil in it; each begins with the mark where the type lets it."""
    kind = row["type"]
    # what takes a few words or a number only is not asked for every byte there is
    closed = kind.startswith(("int(", "enum(", "list(enum", "bool", "time", "target", "octal", "status", "list(status"))
    for evil in EVIL[::4] if closed and not FULL else EVIL:
        if "path" in kind or row["path"].endswith(".path") or kind == "socket":
            yield "/" + MARK + evil + "x"
        elif kind in ("host", "list(host)", "hostname"):
            yield MARK + evil + "x.example"
        elif kind in ("text", "file", "name", "list(name)", "headervalue", "headername", "list(headername)", "cookiename", "logformat", "hostaddress"):
            yield MARK + evil + "x"
        elif kind == "balance":
            yield "hdr(" + MARK + evil + ")"
        else:
            yield str(example) + evil + MARK
        if FULL:
            yield MARK + evil
            yield str(example) + evil
            yield evil + str(example)


def plain(row):
    kind = row["type"]
    if row["path"] in FILES:
        return FILES[row["path"]]
    if "path" in kind or row["path"].endswith(".path") or kind == "socket":
        return "/" + MARK + "safe"
    if kind in ("host", "list(host)", "hostname"):
        return MARK + "safe.example"
    if row["path"] == "log.format":  # one without a % is refused
        return MARK + "safe%%"
    if kind in ("text", "file", "name", "headervalue", "headername", "list(headername)", "cookiename", "logformat", "hostaddress"):
        return MARK + "safe"
    if kind == "balance":
        return "hdr(" + MARK + ")"
    if row["path"] == "services.*.nodes.names":
        return ["n1"]
    # BaseLoader: `2.6` and `true` stay text, as khapgen reads them
    return yaml.load(row["example"], yaml.BaseLoader)


def quoted_path(path):
    out = ""
    for part in path:
        text = str(part)
        out += ("." if out else "") + ('"%s"' % text if "." in text or "-" in text else text)
    return out


def existing_file(value):
    """Makes the file that the value names, where that can be."""
    if "\0" in value or "/" in value or len(value.encode()) > 200 or os.path.lexists(value):
        return
    return value


counts = {"refused": 0, "one word": 0, "lines": 0}


def judge(row_path, base_files, status, files, err, value, budget):
    """None when it is as it must be, else what is wrong."""
    if status == 2:
        counts["refused"] += 1
        return None if b"error" in err else "refused without a word"
    if status != 0:
        return "exit status %d: %s" % (status, err.decode("utf-8", "replace")[:200])
    counts["one word"] += 1
    for release in (202, 304):
        why = differs(base_files, files, release, MARK)
        if why:
            return why
    if HAPROXY and OPENSSL and budget[0] > 0 and list(files.values()) != list(base_files.values()):
        budget[0] -= 1
        made = None
        if row_path in FILES:
            made = existing_file(value)
            if made:
                (shutil.copytree if os.path.isdir(FILES[row_path]) else shutil.copy)(FILES[row_path], made)
            else:
                return None
        said = haproxy_refuses(files)
        if made:
            (shutil.rmtree if os.path.isdir(made) else os.unlink)(made)
        if said:
            return "HAProxy: " + said
    return None


def scalar_rows():
    for row in rows:
        if row["type"].split("(")[0].split("|")[0] in ("object", "map", "same", "lines") or row["type"] == "list(object)":
            continue
        yield row


def try_row(row):
    path = row["path"]
    where = concrete(path)
    tree, bundle = context(path)
    example = plain(row)
    put(tree, where, example)
    status, base_files, err = run(json.dumps(tree), bundle)
    if status:
        return ["the harmless value %r is refused: %s" % (example, err.decode()[:300])]
    wrong = []
    budget = [1000 if FULL else 3]
    if path == "frontends.*.http3" or path in LATER:
        budget = [0]  # whether HAProxy was built with QUIC is not the question
    if path == "log.format":
        budget = [0]  # which names a format has is HAProxy's to say; that nothing breaks out is looked at all the same
    listed = row["type"].startswith("list(")
    for i, value in enumerate(values_for(row, example if not isinstance(example, list) else example[0])):
        made = None
        if path in FILES and not FULL and row["path"] in ("certs[].key", "services.*.cookie.keyFile", "services.*.basicAuth.file") and "\0" not in value:
            made = existing_file(value)
            if made:
                shutil.copy(FILES[path], made)
        tree, bundle = context(path)
        put(tree, where, [value] if listed else value)
        ways = [("yaml", json.dumps(tree), ())]
        # the words of a program hold no NUL; YAML has an escape for it
        if FULL or i % 4 == 0:
            start, _ = context(path)
            ways.append(("--set", json.dumps(start), ("--set", quoted_path(where) + "=" + json.dumps([value] if listed else value))))
        if "\0" not in value and (FULL or i % 4 == 2):
            start, _ = context(path)
            ways.append(("--set as it is", json.dumps(start), ("--set", quoted_path(where) + "=" + value)))
        for how, text, more in ways:
            status, files, err = run(text, bundle, more)
            # what YAML makes of a plain value is not the value, so there is no such file
            none = [0] if how == "--set as it is" and path in FILES else budget
            why = judge(path, base_files, status, files, err, value, none)
            if why:
                wrong.append("%s %r: %s" % (how, value[:60], why[:400]))
        if made:
            os.unlink(made)
    return wrong


def own_section(path):
    return {"global": b"global", "defaults": b"defaults", "frontends.*.extra": b"frontend", "services.*.extra": b"backend"}.get(path)


LINES = ["retries 7", "\nretries 7\n\n", "retries 7\rbackend evil", "retries 7\0backend evil", "backend evil", "  backend evil", "\tfrontend evil", "\"backend\" evil",
         "'backend' evil", "back\"end\" evil", "b\\x61ckend evil", "\\ backend evil", "\vbackend evil", "\fbackend evil", "\rbackend evil", "retries 7\n\nlisten evil\n", "defaults", "global # x",
         "[scope]", "[evil] backend x", ".if 1\nbackend evil\n.endif", ".if 0", ".endif", ".else", ".elif 1", "retries \"7", "retries '7", "retries \\", "no backend evil",
         "\ufeffbackend evil", "# END khapgen", "userlist evil", "peers evil", "resolvers evil", "cache evil", "ring evil", "http-errors evil", "crt-store evil",
         "program evil", "mailers evil", "log-forward evil", "traces evil", "acme evil", "healthcheck evil", "ruleset evil", "namespace_list", "fcgi-app evil",
         "\"${SECTION-backend}\" evil", "\"${EVIL}\" evil", "${EVIL}", "a" * 3000]


def try_lines(row):
    path = row["path"]
    where = concrete(path)
    wrong = []
    whole = path == "sections"  # these may open sections, behind all that khapgen writes
    for target in (("-t", "1.5"), (), ("-t", "2.4-3.4"), ("-t", "3.4")):
        tree, bundle = context(path)
        status, base_files, err = run(json.dumps(tree), bundle, target)
        if status:
            return ["the map without lines is refused: %s" % err.decode()[:300]]
        release = {"1.5": 105, "2.4-3.4": 204, "3.4": 304}.get(target[1] if target else "", 202)
        before = sections(shape(base_files["haproxy.cfg"], release), release)
        for text in LINES:
            tree, bundle = context(path)
            put(tree, where, "backend mine\n" + text if whole else text)
            status, files, err = run(json.dumps(tree), bundle, target)
            if status == 2:
                counts["refused"] += 1
                continue
            counts["lines"] += 1
            if status:
                wrong.append("%s %r: exit status %d" % (" ".join(target), text[:40], status))
                continue
            for reader in {release, 304 if target != ("-t", "1.5") else 105}:
                read = shape(files["haproxy.cfg"], reader)
                if read is None:
                    wrong.append("%s %r: lines that %d cannot read" % (" ".join(target), text[:40], reader))
                    continue
                after = sections(read, reader)
                if whole:
                    own, after = after[len(before):], after[:len(before)]
                    if not any(list(s[0][:2]) == [b"backend", b"mine"] for s in own):
                        wrong.append("%s %r: backend mine is not there" % (" ".join(target), text[:40]))
                if [s[0] for s in after] != [s[0] for s in before]:
                    wrong.append("%s %r: other sections: %r" % (" ".join(target), text[:40], [s[0] for s in after]))
                    continue
                changed = [b[0] for a, b in zip(before, after) if a[1] != b[1]]  # `before` was read as `release` reads
                if any(c[0] != own_section(path) or (len(c) > 1 and c[1] not in (b"web", b"inner")) for c in changed):
                    wrong.append("%s %r: other sections changed: %r" % (" ".join(target), text[:40], changed))
                # a word that is a variable could be the name of a section
                if not whole and any(line.words and line.words[0].variable for line in read):
                    wrong.append("%s %r: a directive that is a variable" % (" ".join(target), text[:40]))
    return wrong


def try_names():
    """The names that a map holds: of nodes, services, frontends, labels, headers."""
    def named(kind, name):
        tree = base()
        if kind == "service":
            tree["services"][name] = tree["services"].pop("web")
        elif kind == "node":
            tree["nodes"][name] = tree["nodes"].pop("n2")
        elif kind == "frontend":
            tree["frontends"] = {name: {"bind": "127.0.0.1:8080"}}
            tree["services"]["web"]["frontends"] = ["http", name]
        elif kind == "label":
            tree["nodes"]["n1"]["labels"][name] = "x"
            tree["services"]["web"]["nodes"] = {"selector": {name: "x"}}
        else:
            tree["services"]["web"]["headers"] = {"request": {kind: {name: "v"}}}
        return json.dumps(tree)
    for kind in ("service", "node", "frontend", "label", "set", "add"):
        wrong, budget = [], [1000 if FULL else 3]
        status, base_files, err = run(named(kind, MARK + "safe"), False)
        tap.ok("names: a harmless %s" % kind, status == 0, err.decode())
        for evil in EVIL:
            name = MARK + evil + "x"
            status, files, err = run(named(kind, name), False)
            why = judge(kind, base_files, status, files, err, name, budget)
            if why:
                wrong.append("%r: %s" % (name[:60], why[:400]))
        tap.ok("names: %s" % kind, not wrong, "\n".join(wrong[:20]))


def try_file_names():
    """Comments name the file that a section came from."""
    status, base_files, err = run(json.dumps(base()), False)
    wrong, tried = [], 0
    for evil in EVIL:
        name = MARK + evil + ".yaml"
        if "\0" in name or len(name) > 200:
            continue
        tried += 1
        with open(name, "w") as f:
            f.write(json.dumps(base()))
        done = subprocess.run([KHAPGEN, name], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        os.unlink(name)
        if done.returncode:
            wrong.append("%r: exit status %d" % (name, done.returncode))
            continue
        for release in (105, 202, 304):
            lines = shape(done.stdout, release)
            if lines is None or sections(lines, release) != sections(shape(base_files["haproxy.cfg"], release), release):
                wrong.append("%r: other lines for %d" % (name, release))
    tap.ok("names of files, %d of them" % tried, not wrong and tried > 20, "\n".join(wrong))


for row in scalar_rows():
    found = try_row(row)
    tap.ok(row["path"], not found, "\n".join(found[:12]))
for row in rows:
    if row["type"] == "lines":
        found = try_lines(row)
        tap.ok(row["path"] + ": lines stay in their section", not found, "\n".join(found[:12]))
try_names()
try_file_names()
tap.note("%(refused)d values refused, %(one word)d changed one word, %(lines)d sets of lines stayed in their section" % counts)
tap.note("HAProxy was asked %d times" % haproxy_runs)
tap.ok("something was refused, something written", min(counts.values()) > 50, counts)
if not HAPROXY:
    tap.skip("what is written was not given to HAProxy: needs haproxy (Debian: package haproxy)")
if not OPENSSL:
    tap.skip("what is written was not given to HAProxy: needs openssl (Debian: package openssl)")
tap.finish()
