#!/usr/bin/python3
"""--into: every byte outside of the marks stays, what cannot be is an error that shows both places, and then nothing is written."""
import os
import re
import stat
import subprocess
import tempfile

import khapgen
import tap

KHAPGEN = khapgen.program()
work = tempfile.TemporaryDirectory(prefix="khap-into.")
os.chdir(work.name)

MAP = """\
nodes: {n1: 10.0.0.1}
services:
  web: {nodePort: 32000, hosts: [web.example]}
"""
BEFORE = b"""\
# mine
global
\tmaxconn 100   # as it is

defaults
    mode http
    timeout connect 5s
    timeout client 5s
    timeout server 5s
"""
AFTER = b"""\
listen other
    bind 10.0.0.9:9000 \\
    server 's 1' 10.0.0.8:80

    # the end"""
BLOCK = b"# BEGIN khapgen\n# END khapgen\n"
FRONT = b"frontend front\n\tbind 10.0.0.7:8000\n"


def run(own, text=MAP, *options, name="haproxy.cfg"):
    """Exit status, what stands in the file afterwards, standard error, standard output."""
    if own is not None:
        with open(name, "wb") as f:
            f.write(own)
    with open("services.yaml", "w") as f:
        f.write(text)
    done = subprocess.run([KHAPGEN, "--into", name, *options, "services.yaml"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    after = None
    if os.path.exists(name):
        with open(name, "rb") as f:
            after = f.read()
    return done.returncode, after, done.stderr.decode(), done.stdout.decode()


def refused(what, own, codes, text=MAP, status=2, places=(), options=()):
    """An error with these codes at these lines of the file or the map, and nothing is written."""
    got, after, err, _ = run(own, text, *options)
    found = re.findall(r"error: .*\[([a-z0-9-]+)\]$", err, re.M)
    shown = all(re.search(r"^%s" % re.escape(p), err, re.M) for p in places)
    tap.ok(what, got == status and sorted(found) == sorted(codes) and shown and after == own, "%d %r\n%s" % (got, found, err))


def blocks_out(data):
    return re.sub(rb"(# BEGIN khapgen[^\n]*\n).*?([ \t]*# END khapgen)", rb"\1\2", data, flags=re.S)


# ---- what stays

for what, own in (("a block between sections", BEFORE + BLOCK + AFTER + b"\n"), ("without a final line end", BEFORE + BLOCK + AFTER),
                  ("a block at the beginning", BLOCK + BEFORE + AFTER), ("a block at the end", BEFORE + AFTER + b"\n" + BLOCK),
                  ("nothing but the block", BLOCK), ("a mark without line end", BEFORE + BLOCK[:-1]),
                  ("marks with blanks", BEFORE + b"  #  BEGIN\tkhapgen \n\t# END khapgen  \n" + AFTER),
                  ("bytes that are no text", BEFORE + b"#\xff\xfe\x80 \x1b[31m\n" + BLOCK + AFTER),
                  ("something in between that holds nothing", BEFORE + b"# BEGIN khapgen\n\n \n# END khapgen\n" + AFTER)):
    status, after, err, _ = run(own)
    begin, end = after.index(b"khapgen"), after.rindex(b"END")
    before, behind = own.split(b"BEGIN", 1)[0], own.rsplit(b"END", 1)[1]
    tap.ok(what + ": all around stays", status == 0 and after.startswith(before) and after.endswith(behind), err + repr(after))
    tap.ok(what + ": the services are there", b"\nbackend web\n" in after and after.count(b"END khapgen") == 1 or b"END khapgen" in own)
    again = run(None)
    tap.ok(what + ": the same again", again[0] == 0 and again[1] == after, again[2])
    tap.equal(what + ": --check says so", run(None, MAP, "--check")[0], 0)
    changed = MAP.replace("32000", "32001")
    tap.equal(what + ": --check says that a map was changed", run(None, changed, "--check")[:2], (1, after))
    status, second, err, _ = run(None, changed)
    tap.ok(what + ": a changed map changes the block alone", status == 0 and second.startswith(before) and second.endswith(behind) and
           b":32001 " in second and b":32000 " not in second, err)
    tap.equal(what + ": and back", run(None)[1], after)

for what, own in (("a file", BEFORE + AFTER + b"\n"), ("a file without a final line end", BEFORE + AFTER), ("an empty file", b"")):
    status, after, err, _ = run(own)
    tap.ok(what + " without marks: the block goes to the end", status == 0 and after.startswith(own) and
           after[len(own):].lstrip(b"\n").startswith(b"# BEGIN khapgen\n") and after.endswith(b"\n# END khapgen\n"), err + repr(after))
    tap.equal(what + " without marks: the same again", run(None)[1], after)

crlf = (BEFORE + BLOCK + AFTER + b"\n").replace(b"\n", b"\r\n")
status, after, err, _ = run(crlf)
tap.ok("CR LF: every line has it", status == 0 and after.count(b"\n") == after.count(b"\r\n") and b"backend web\r\n" in after, err)
tap.equal("CR LF: the same again", run(None)[1], after)
lf = after.replace(b"\r\n", b"\n")
tap.ok("an editor that changes line ends changes no block", run(lf)[0] == 0 and run(None)[0] == 0)
status, after, err, _ = run(BEFORE.replace(b"\n", b"\r\n") + AFTER.replace(b"\n", b"\r\n") + b"\r\n")
tap.ok("CR LF without marks: the new block has it", status == 0 and after.count(b"\n") == after.count(b"\r\n"), err)

os.chmod("haproxy.cfg", 0o640)
inode = os.stat("haproxy.cfg").st_ino
run(None)
tap.equal("nothing is written when nothing changed", os.stat("haproxy.cfg").st_ino, inode)
run(None, MAP.replace("32000", "32002"))
tap.equal("the mode stays", stat.S_IMODE(os.stat("haproxy.cfg").st_mode), 0o640)
os.symlink("haproxy.cfg", "link.cfg")
status = run(None, MAP, name="link.cfg")[0]
tap.ok("a link stays a link", status == 0 and os.path.islink("link.cfg"))
own = BEFORE + BLOCK
status, after, err, out = run(own, MAP, "--dry-run")
tap.ok("--dry-run writes nothing, and says what it would", (status, after, out) == (0, own, "would replace haproxy.cfg\n"), out + err)

# ---- routes in a frontend of one's own

own = BEFORE + FRONT + b"\t# BEGIN khapgen routes http\n\t# END khapgen\n\tmaxconn 7\n" + AFTER + b"\n"
status, after, err, _ = run(own)
lines = after.split(b"\n")
inside = lines[lines.index(b"\t# BEGIN khapgen routes http") + 1:lines.index(b"\t# END khapgen")]
tap.ok("routes: the rules stand there with its indentation", status == 0 and all(x.startswith(b"\t") and not x.startswith(b"\t ") for x in inside) and
       b"\tuse_backend web if { var(txn.host) -m str web.example }" in inside, err + repr(inside))
tap.ok("routes: neither bind nor mode nor frontend http", not any(x.split()[0] in (b"bind", b"mode", b"frontend") for x in inside) and
       b"\nfrontend http\n" not in after)
tap.ok("routes: a request that nothing matches", b"\tdefault_backend khap-404" in inside and b"backend khap-404\n" in after)
tap.equal("routes: the same again", run(None)[1], after)
own = BEFORE + FRONT + b"# BEGIN khapgen routes http\n# END khapgen\n\tdefault_backend b\nbackend b\n" + BLOCK
status, after, err, _ = run(own)
tap.ok("routes: the frontend's own default stays", status == 0 and b"khap-404" not in after and b"\n\tuse_backend web" in after, err)
refused("routes: two defaults", own, ["default-outside"], MAP.replace("hosts:", "default: true, hosts:"), places=("services.yaml:3", "haproxy.cfg:14:2"))
FRONT_MARKS = FRONT + b"# BEGIN khapgen routes %s\n# END khapgen\n"
refused("routes: an unknown frontend", BEFORE + FRONT_MARKS % b"htpp", ["unknown-frontend"], places=("haproxy.cfg:12:1",))
refused("routes: one that is off", BEFORE + FRONT_MARKS % b"http", ["frontend-is-off"], "frontends: {http: false}\n" + MAP,
        places=("haproxy.cfg:12:1", "services.yaml:1"))
refused("routes: in a backend", BEFORE + b"backend b\n# BEGIN khapgen routes http\n# END khapgen\n", ["routes-not-in-frontend"],
        places=("haproxy.cfg:11:1", "haproxy.cfg:10:1"))
refused("routes: before all sections", FRONT_MARKS.split(b"\n", 2)[2] % b"http" + BEFORE, ["routes-not-in-frontend"], places=("haproxy.cfg:1:1",))
refused("routes: in a frontend of mode tcp", BEFORE.replace(b"mode http", b"mode tcp") + FRONT_MARKS % b"http", ["routes-in-tcp"],
        places=("haproxy.cfg:12:1", "haproxy.cfg:10:1"))
refused("routes: a bind that is not written", BEFORE + FRONT_MARKS % b"http", ["key-cannot-act"], "frontends: {http: {bind: ':8080'}}\n" + MAP,
        places=("services.yaml:1:20", "haproxy.cfg:12:1"))
refused("routes: TLS passed through", BEFORE + FRONT_MARKS % b"https", ["key-cannot-act"],
        MAP + "  db: {nodePort: 32010, mode: tcp, tls: passthrough, hosts: [db.example]}\n", places=("services.yaml:4", "haproxy.cfg:12:1"))
status, after, err, _ = run(BEFORE + FRONT_MARKS % b"https" + BLOCK)
tap.ok("routes: https without certs in the map", status == 0 and b"set-header X-Forwarded-Proto https" in after and b"ssl" not in after, err)

# ---- a broken pair of marks

BEGIN, END = b"# BEGIN khapgen\n", b"# END khapgen\n"
refused("BEGIN without END", BEFORE + BEGIN + AFTER, ["mark-not-closed"], places=("haproxy.cfg:10:1", "haproxy.cfg:15:5"))
refused("END without BEGIN", BEFORE + END + AFTER, ["mark-not-open"], places=("haproxy.cfg:10:1",))
refused("END twice", BEFORE + BLOCK + END, ["mark-not-open"], places=("haproxy.cfg:12:1", "haproxy.cfg:11:1"))
refused("BEGIN twice", BEFORE + BEGIN + BEGIN + END, ["mark-nested"], places=("haproxy.cfg:11:1", "haproxy.cfg:10:1"))
refused("two blocks", BEFORE + BLOCK + BLOCK, ["mark-twice"], places=("haproxy.cfg:12:1", "haproxy.cfg:10:1"))
refused("routes twice", BEFORE + FRONT_MARKS % b"http" + b"# BEGIN khapgen routes http\n" + END, ["mark-twice"], places=("haproxy.cfg:14:1", "haproxy.cfg:12:1"))
refused("routes within the block", BEFORE + BEGIN + b"# BEGIN khapgen routes http\n" + END, ["mark-nested"], places=("haproxy.cfg:11:1", "haproxy.cfg:10:1"))
for mark in (b"# BEGIN khapgen routes\n", b"# BEGIN khapgen route http\n", b"# BEGIN khapgen routes http https\n", b"# END khapgen routes http\n", b"# BEGIN khapgen here\n"):
    refused("a mark that is none: %s" % mark.decode().strip(), BEFORE + mark + END, ["mark-unknown", "mark-not-open"], places=("haproxy.cfg:10:1",))
for mark in (b"# begin khapgen\n", b"## BEGIN khapgen\n", b"# BEGIN KHAPGEN\n", b"# BEGIN khapgen:\n", b"#--- Begin khapgen routes http ---\n", b"# BEGIN\xc2\xa0khapgen\n"):
    refused("nearly a mark: %r" % mark.decode(), BEFORE + mark + AFTER, ["mark-unknown"], places=("haproxy.cfg:10:1",))
refused("nearly the end", BEFORE + BEGIN + b"# end khapgen\n" + AFTER, ["mark-unknown", "mark-not-closed"], places=("haproxy.cfg:11:1", "haproxy.cfg:10:1"))
for comment in (b"# khapgen begins here\n", b"# the END of khapgen\n", b"# BEGIN\n# khapgen\n"):
    tap.equal("a comment: %r" % comment.decode(), run(BEFORE + comment + AFTER + b"\n")[0], 0)
refused("within .if", BEFORE + b".if 0\n" + BLOCK + b".endif\n", ["mark-in-if"], places=("haproxy.cfg:11:1", "haproxy.cfg:10:1"))
refused("within the other half", BEFORE + b".if 1\n.if 0\n.endif\n.else\n" + BLOCK + b".endif\n", ["mark-in-if"], places=("haproxy.cfg:14:1", "haproxy.cfg:10:1"))
refused("routes within .if", BEFORE + b" .if feature(X)\n" + FRONT_MARKS % b"http" + b".endif\n" + BLOCK, ["mark-in-if"], places=("haproxy.cfg:13:1", "haproxy.cfg:10:2"))
tap.equal("behind .if", run(BEFORE + b".if 0\nbackend b\n.endif\n" + BLOCK)[0], 0)
inside = run(BEFORE + BLOCK, MAP.replace("hosts:", "extra: \".if 0\\noption tcpka\\n.endif\", hosts:"), "-t", "2.6")
tap.ok(".if in the block", inside[0] == 0 and b".if 0" in inside[1] and run(None, MAP, "-t", "2.6")[0] == 0, inside[2])
tap.equal("before 2.4 there is no .if", run(BEFORE + b".if 0\n" + BLOCK, MAP, "-t", "2.2")[0], 0)
refused("in the middle of a section", BEFORE + FRONT + BLOCK + b"\n# so\n\tmaxconn 7\n", ["block-in-section"], places=("haproxy.cfg:12:1", "haproxy.cfg:16:2"))
for key in ("extra: '# END khapgen'", "extra: ' #BEGIN khapgen'"):
    refused("a mark in lines of the map: " + key, BEFORE + BLOCK, ["mark-in-lines"], MAP.replace("hosts:", key + ", hosts:"), places=("services.yaml:3",))

# ---- a block that somebody changed

good = run(BEFORE + BLOCK + AFTER)[1]
for what, changed in (("a line more", good.replace(b"backend web\n", b"backend web\n    retries 9\n")), ("a line less", good.replace(b"    retries 3\n", b"", 1)),
                      ("another port", good.replace(b":32000", b":32009")), ("no sum", re.sub(rb"# Written by[^\n]*\n", b"", good)),
                      ("another sum", re.sub(rb"(mark: )[0-9a-f]", rb"\1g", good)), ("a blank more", good.replace(b"    retries 3\n", b"    retries  3\n", 1)),
                      ("never khapgen's", BEFORE + BEGIN + b"backend b\n" + END)):
    refused("changed by hand: " + what, changed, ["block-changed"], status=3, places=("haproxy.cfg:10:1",))
    status, after, err, _ = run(None, MAP, "--force")
    tap.ok("changed by hand, --force: " + what, status == 0 and after == (good if b"listen other" in changed else run(BEFORE + BLOCK)[1]), err)
refused("routes changed by hand", run(BEFORE + FRONT_MARKS % b"http" + BLOCK)[1].replace(b"use_backend web", b"use_backend wab"), ["block-changed"], status=3,
        places=("haproxy.cfg:12:1",))

# ---- names and addresses that stand outside

for kind in ("backend", "frontend", "listen"):
    refused("a %s of a service's name" % kind, BEFORE + BLOCK + b"%s web\n" % kind.encode(), ["name-outside"], places=("services.yaml:3:3", "haproxy.cfg:12:1"))
refused("a frontend of the name http", BEFORE + b"frontend http\n    bind :8081\n", ["name-outside"], places=("haproxy.cfg:10:1",))
refused("a backend of khap's own name", BEFORE + b"backend khap-404\n", ["name-outside"], places=("haproxy.cfg:10:1",))
refused("a section of one's own", BEFORE + BLOCK + b"cache small\n", ["name-outside"], MAP + "sections: |\n  cache small\n", places=("services.yaml:4", "haproxy.cfg:12:1"))
DEFAULTS = BEFORE + BLOCK + b"defaults web\n    mode http\n"
refused("defaults of a service's name", DEFAULTS, ["name-outside"], places=("services.yaml:3:3", "haproxy.cfg:12:1"))
tap.equal("defaults of a service's name before 3.2", run(DEFAULTS, MAP, "-t", "2.2-3.1")[0], 0)
tap.ok("a name of another kind is another name", run(BEFORE + BLOCK + b"userlist web\n    user u insecure-password p\n")[0] == 0)

for mine, theirs in ((":80", b"*:80"), (":80", b"10.0.0.1:80"), ("10.0.0.1:80", b":80"), ("10.0.0.1:80", b"10.0.0.1:80"), ("10.0.0.1:80", b"0.0.0.0:80"),
                     ("10.0.0.1:8005", b"10.0.0.1:8000-8010"), (":80", b"127.0.0.1:90,10.0.0.1:80"), ("[2001:db8::1]:80", b"[::]:80"), ("[::]:80", b":::80"),
                     (":80", b"[::]:80 v4v6"), ("10.0.0.1:80", b"ipv4@10.0.0.1:80"), ("10.0.0.1:80", b"'10.0.0.1:80' ssl crt x.pem"), (":80", b"0:80"), ("127.0.0.1:80", b"127.1:80"), ("127.0.0.1:80", b"0x7f.1:80"),
                     (":80", b"2130706433:80"), (":81", b":80-82"), (":80", b"ipv4@:80"), (":443", b"*:80,:443"), ("8.0.0.1:80", b"010.0.0.1:80")):
    refused("%s and %s" % (mine, theirs.decode()), BEFORE + BLOCK + b"frontend f\n    bind %s\n" % theirs, ["bind-overlap"],
            "frontends: {http: {bind: '%s'}}\n" % mine + MAP, places=("services.yaml:1:26", "haproxy.cfg:13:10"))
for mine, theirs in ((":80", b":81"), ("10.0.0.1:80", b"10.0.0.2:80"), (":80", b'"$ADDRESS:80"'), (":80", b"unix@/run/x.sock"), ("[::1]:80", b"[::2]:80"),
                     (":80", b"quic4@:80"), ("[::1]:80", b"[::2]:80 v4v6"), ("10.0.0.1:80", b"[::2]:80 v4v6"), ("127.0.0.1:80", b"127.2:80"), (":80", b'"10.0.0.1:$PORT"'), (":80", b"fd@3"), (":80", b"quic4@$X:80"), (":80", b'"quic4@$X:80"'), ("10.0.0.1:80", b"[::]:80")):
    tap.equal("%s beside %s" % (mine, theirs.decode()), run(BEFORE + BLOCK + b"frontend f\n    bind %s\n" % theirs, "frontends: {http: {bind: '%s'}}\n" % mine + MAP)[0], 0)
for theirs in (b'"$ADDRESS:80"', b"$ADDRESS:80", b"localhost:80", b'"10.0.0.$X:79-80"'):
    status, _, err, _ = run(BEFORE + BLOCK + b"frontend f\n    bind %s\n" % theirs, "frontends: {http: {bind: '10.0.0.1:80'}}\n" + MAP)
    tap.ok("an address that is not known, %s: a warning" % theirs.decode(), status == 0 and re.search(r"^haproxy.cfg:13:10: warning: .*may-overlap", err, re.M) and
           "\nservices.yaml:1:2" in err, err)
    tap.equal("another port, %s" % theirs.decode(), run(None, "frontends: {http: {bind: '10.0.0.1:81'}}\n" + MAP)[2], "")
refused("a statistics page and a TCP service", BEFORE + BLOCK + b"frontend f\n    bind :9000\n    bind :9001\n", ["bind-overlap", "bind-overlap"],
        "stats: {bind: '127.0.0.1:9000'}\n" + MAP + "  pg: {nodePort: 32001, mode: tcp, bind: ':9001'}\n", places=("haproxy.cfg:13:10", "haproxy.cfg:14:10"))
tap.ok("two addresses outside that overlap are not khapgen's business", run(BEFORE + BLOCK + b"frontend f\n    bind :9000\n    bind :9000\n")[0] == 0)

# ---- keys

for key in ("process: {user: nobody}", "global: maxconn 10", "defaults: retries 2", "log: stdout", "log: false"):
    refused("a key of the process: " + key, BEFORE + BLOCK, ["not-in-a-block"], key + "\n" + MAP, places=("services.yaml:1:",))
refused("defaults among the sections of one's own", BEFORE + BLOCK, ["not-in-a-block", "not-in-a-block"],
        MAP + "sections: |\n  global\n  backend b\n  defaults\n      mode tcp\n", places=("services.yaml:5:3", "services.yaml:7:3"))
refused("defaults with rules", BEFORE + b"defaults web\n    mode http\n    http-request deny if { path /x }\n" + BLOCK, ["defaults-with-rules"], places=("haproxy.cfg:12:5",))
HTTP = BEFORE + b"    %s\n"
for line in (b"monitor-uri /up", b"stats uri /s", b"cookie S insert", b"option accept-invalid-http-request"):
    refused("defaults that nothing takes back: %s" % line.decode(), HTTP % line + BLOCK, ["defaults-reach-in"], places=("haproxy.cfg:10:5", "haproxy.cfg:11:1"))
    tap.equal("they do not reach below others: %s" % line.decode(), run(HTTP % line + b"defaults\n" + BLOCK)[0], 0)
refused("default-server that nothing takes back", HTTP % b"default-server fall 3 port 7" + BLOCK, ["defaults-reach-in"], places=("haproxy.cfg:10:27",))
for line, release, back, count in ((b"option accept-invalid-http-request", "2.6", b"no option accept-invalid-http-request", 2),
                                   (b"option accept-invalid-http-request", "3.2", b"no option accept-unsafe-violations-in-http-request", 2),
                                   (b"option transparent", "2.2-3.4", b"no option transparent", 3), (b"option http_proxy", "2.2", b"no option http_proxy", 5),
                                   (b"option http-no-delay", "2.2-3.4", b"no option http-no-delay", 2), (b"option prefer-last-server", "2.2-3.4", b"no option prefer-last-server", 1),
                                   (b"http-reuse always", "2.2-3.4", b"http-reuse safe", 2), (b"option http-use-htx", "2.2-3.4", b"no option", 0)):
    after = run(HTTP % line, MAP + "  pg: {nodePort: 32001, mode: tcp, bind: ':9001'}\n", "-t", release)[1].split(b"BEGIN")[1]
    tap.equal("defaults with %s for %s: taken back" % (line.decode(), release), after.count(b"    %s" % back + (b"\n" if count else b"")), count)
after = run(HTTP % b"retry-on all-retryable-errors\n    hash-type map-based", MAP.replace("hosts:", "hash: uri, retryOn: 503, retries: 1, hosts:"))[1].split(b"\nbackend web\n", 1)[1].split(b"\nbackend", 1)[0]
tap.equal("what a service says itself stands there once", [after.count(b"    " + w) for w in (b"retry-on 503\n", b"hash-type consistent\n", b"retries 1\n", b"retry-on", b"hash-type", b"retries")], [1] * 6)
after = run(HTTP % b"http-reuse always", MAP.replace("hosts:", "extra: http-reuse aggressive, hosts:"))[1]
tap.ok("what is said of a service comes behind it, and holds", after.index(b"http-reuse safe") < after.index(b"http-reuse aggressive"))
refused("routes: a default of the defaults", HTTP % b"default_backend b" + FRONT_MARKS % b"http" + b"backend b\n", ["default-outside"],
        MAP.replace("hosts:", "default: true, hosts:"), places=("services.yaml:3", "haproxy.cfg:10:5"))
tap.equal("defaults with http-reuse have no rules", run(HTTP % b"http-reuse never")[0], 0)
after = run(HTTP % b"log global")[1]
tap.ok("log global leads nowhere without a global log: no log format", b"option httplog" not in after and b"log global" not in after.split(b"BEGIN")[1])
after = run(HTTP.replace(b"maxconn 100", b"log 127.0.0.1 local0") % b"log global")[1]
tap.ok("log global, and a global log: a log format", b"option httplog" in after and b"log global" not in after.split(b"BEGIN")[1])
after = run(HTTP % b"log-format %HM", MAP + "  pg: {nodePort: 32001, mode: tcp, bind: ':9001'}\n")[1]
tap.ok("a log format for HTTP does not come to TCP", after.count(b"option tcplog") == 1 and b"option httplog" not in after)
tap.ok("defaults that switch sections off", run(HTTP % b"disabled")[1].count(b"\n    enabled\n") == 3)
tap.ok("no defaults that switch sections off", b"enabled" not in run(HTTP % b"enabled")[1].split(b"BEGIN")[1])
OLD = MAP + "  old: {backend: shop, hosts: [old.example]}\n"
tap.ok("a backend outside", b"use_backend shop if" in run(BEFORE + BLOCK + b"backend shop\n    server s 10.0.0.5:80\n", OLD)[1])
refused("a backend that is nowhere", BEFORE + BLOCK + b"backend shup\n", ["unknown-backend"], OLD, places=("services.yaml:4:18",))
refused("a backend outside of another mode", BEFORE + BLOCK + b"backend shop\n    mode tcp\n", ["backend-mode"], OLD, places=("services.yaml:4", "haproxy.cfg:12:1"))

# ---- options and files

os.unlink("haproxy.cfg")
status, after, err, _ = run(None)
tap.ok("a file that is not there", (status, after) == (2, None) and "[input-unreadable]" in err, err)
for option in (["-o", "x"], ["-o", "-"], ["--output-dir", "x"]):
    status, _, err, _ = run(BEFORE, MAP, *option)
    tap.ok("--into and %s" % option[0], status == 2 and "[options-exclude]" in err and not os.path.lexists("x"), err)
os.mkfifo("fifo")
for name in ("fifo", "/dev/null", "/dev/stdin"):
    done = subprocess.run([KHAPGEN, "--into", name, "services.yaml"], stdin=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60)
    tap.ok("--into %s" % name, done.returncode == 2 and b"[into-no-file]" in done.stderr, done.stderr.decode())
os.mkdir("folder")
tap.equal("a directory", subprocess.run([KHAPGEN, "--into", "folder", "services.yaml"], stderr=subprocess.DEVNULL).returncode, 2)
with open("cookie.key", "w") as f:
    f.write("0123456789\n")
SECRET = MAP.replace("hosts:", "cookie: {dynamic: true, keyFile: cookie.key}, hosts:")
with open("haproxy.cfg", "wb") as f:
    f.write(BEFORE)
os.chmod("haproxy.cfg", 0o644)
status, after, err, _ = run(None, SECRET)
tap.ok("a secret in a file that everybody may read", status == 3 and after == BEFORE and "[secret-readable]" in err, err)
os.chmod("haproxy.cfg", 0o640)
tap.ok("a secret in another", run(None, SECRET)[0] == 0 and stat.S_IMODE(os.stat("haproxy.cfg").st_mode) == 0o640)
tap.finish()
