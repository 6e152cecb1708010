#!/usr/bin/env python3
"""khapgen check --fix: what it makes of configurations with typing errors. It brings no new error, changes nothing but the lines that it has a
fix for, and finds nothing more the second time."""
import glob
import json
import os
import random
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.environ.get("srcdir", "."), "tests"))
import tap

khapgen = os.environ.get("KHAPGEN") or os.path.join(tap.builddir, "khapgen")
if not os.access(khapgen, os.X_OK):
    tap.skip_all("needs khapgen, which is not built")
khapgen = os.path.abspath(khapgen)
seed = int(os.environ.get("SEED") or random.randrange(1 << 30))
rounds = int(os.environ.get("N") or 120)
r = random.Random(seed)
tap.note("SEED=%d, %d files" % (seed, rounds))
directory = tempfile.TemporaryDirectory()
sources = []
for path in sorted(glob.glob(os.path.join(tap.srcdir, "examples", "*.cfg")) + glob.glob(os.path.join(tap.srcdir, "tests", "cases", "*", "expected.cfg"))):
    with open(path, "rb") as f:
        sources.append(f.read())
os.chdir(directory.name)


def put(name, data):
    with open(name, "wb") as f:
        f.write(data)


def get(name):
    with open(name, "rb") as f:
        return f.read()


def check(*words):
    return subprocess.run([khapgen, "check", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60)


def told(name, *words):
    return [json.loads(line) for line in check("--json", *words, name).stderr.decode().splitlines()]


def errors(diags):
    """The lines that have one, as often as they have one."""
    return sorted(d["line"] for d in diags if d["severity"] == "error")


# ---- by hand: each kind of fix
OLD, NEW = "-t2.0", "-t3.4"
KINDS = (
    ("a keyword", NEW, "backend b\n    blance roundrobin\n", "backend b\n    balance roundrobin\n"),
    ("the first of two words", NEW, "backend b\n    optoin httpchk # x\n", "backend b\n    option httpchk # x\n"),
    ("the second of two words", NEW, "backend b\n    timeout   conect 1s\n", "backend b\n    timeout   connect 1s\n"),
    ("an option of a line", NEW, "backend b\n    server s 10.0.0.1:80  chekc\n", "backend b\n    server s 10.0.0.1:80  check\n"),
    ("an argument", NEW, "backend b\n    balance roundrobbin\n", "backend b\n    balance roundrobin\n"),
    ("a section", NEW, "bakcend b\n    mode http\n", "backend b\n    mode http\n"),
    ("what people write for it", NEW, "backend b\n    type http\n", "backend b\n    mode http\n"),
    ("another name in this release", NEW, "defaults\n    clitimeout 1s\n    timeout contimeout 1s\n", "defaults\n    timeout client 1s\n    timeout connect 1s\n"),
    ("none where it has that name", "-t1.9", "defaults\n    option forceclose\n", "defaults\n    option forceclose\n"),
    ("a deprecated one", OLD, "backend b\n    redispatch\n    option forceclose\n", "backend b\n    option redispatch\n    option httpclose\n"),
    ("none that not all releases have", "-t2.4-3.4", "global\n    tune.ssl.capture-cipherlist-size 3\n", "global\n    tune.ssl.capture-cipherlist-size 3\n"),
    ("a name", NEW, "frontend f\n    bind :1\n    default_backend wbe\nbackend web\n", "frontend f\n    bind :1\n    default_backend web\nbackend web\n"),
    ("an acl", NEW, "backend b\n    acl local src ::1\n    http-request deny unless lcoal\n", "backend b\n    acl local src ::1\n    http-request deny unless local\n"),
    ("a fetch", NEW, 'backend b\n    http-request deny if { pth /x }\n', 'backend b\n    http-request deny if { path /x }\n'),
    ("a fetch and a converter in quotes", NEW, 'backend b\n    http-request set-header X "a %[srcc,lowre]"\n', 'backend b\n    http-request set-header X "a %[src,lower]"\n'),
    ("an alias", NEW, 'defaults\n    log-format "%Ci %T"\n', 'defaults\n    log-format "%ci %T"\n'),
    ("no line end", NEW, "backend b\n    mode http", "backend b\n    mode http\n"),
    ("a byte order mark", NEW, "\ufeffbackend b\n    mode http\n", "backend b\n    mode http\n"),
    ("several at once", NEW, "bakcend b\n    mod http\n    server s 10.0.0.1:80 chekc wieght 3", "backend b\n    mode http\n    server s 10.0.0.1:80 check weight 3\n"),
    ("none of what is quoted", NEW, "backend b\n    'blance' roundrobin\n", "backend b\n    'blance' roundrobin\n"),
    ("none that brings an error", NEW, "frontend f\n    bind :1\nbakcend b\n    declare capture request len 3\n", "frontend f\n    bind :1\nbakcend b\n    declare capture request len 3\n"),
    ("one behind which another error shows", NEW, "frontend f\n    bind :1\n    default_backen nosuch\n", "frontend f\n    bind :1\n    default_backend nosuch\n"),
    ("the others beside it", NEW, "frontend f\n    bidn :1\nbakcend b\n    declare capture request len 3\n    mdoe http\n", "frontend f\n    bind :1\nbakcend b\n    declare capture request len 3\n    mode http\n"),
    ("none that a comment passes over", OLD, "backend b\n    redispatch # khapgen: ignore deprecated\n", "backend b\n    redispatch # khapgen: ignore deprecated\n"),
)
for name, target, before, after in KINDS:
    put("a.cfg", before.encode())
    check("--fix", target, "a.cfg")
    tap.equal("fix: " + name, get("a.cfg").decode(), after)

# ---- how it goes about it
broken = b"backend b\n    blance roundrobin\n    timeout conect 1s\n    nonsense\n"
put("a.cfg", broken)
os.chmod("a.cfg", 0o640)
os.symlink("a.cfg", "link.cfg")
done = check("--fix", "--dry-run", "a.cfg")
tap.equal("--dry-run writes nothing", get("a.cfg"), broken)
tap.equal("--dry-run: exit status", done.returncode, 1)
put("b.cfg", broken)
subprocess.run(["patch", "-s", "b.cfg"], input=done.stdout, timeout=60)
tap.ok("--dry-run tells how many", b"fixes that would be made: 2; left: 0 [fixes]" in done.stderr, done.stderr)
done = check("--fix", "link.cfg")
tap.equal("its patch is what is written", get("b.cfg"), get("a.cfg"))
tap.ok("the link and the mode stay", os.path.islink("link.cfg") and os.stat("a.cfg").st_mode & 0o777 == 0o640)
tap.equal("what is left decides", done.returncode, 1)
tap.ok("it tells how many", b"fixes made: 2; left: 0 [fixes]" in done.stderr and b"4:5: error" in done.stderr, done.stderr)
stamp = os.stat("a.cfg").st_mtime_ns
check("--fix", "a.cfg")
tap.equal("nothing to do: nothing is written", os.stat("a.cfg").st_mtime_ns, stamp)
tap.equal("not on standard input", check("--fix", "-").returncode, 2)
tap.equal("--dry-run alone", check("--dry-run", "a.cfg").returncode, 2)
tap.equal("a file that is not there", check("--fix", "a.cfg", "nosuch.cfg").returncode, 2)
os.makedirs("d")
put("d/1.cfg", b"frontend f\n    bind :1\n    mdoe tcp\n    default_backend wbe\n")
put("d/2.cfg", b"bakcend web\n")
done = check("--fix", "d")
tap.equal("several files, where one needs the other", (get("d/1.cfg"), get("d/2.cfg")),
          (b"frontend f\n    bind :1\n    mode tcp\n    default_backend web\n", b"backend web\n"))
tap.equal("all is good then", done.returncode, 0)
put("a.cfg", b"backend b\n    blance roundrobin\n")
tap.equal("a file named twice is changed once", (check("--fix", "a.cfg", "a.cfg").returncode, get("a.cfg")), (1, b"backend b\n    balance roundrobin\n"))
many = b"backend b\n" + b"".join(b"    server s%d 10.0.0.1:%d chekc\n" % (i, i + 1) for i in range(3000))
put("a.cfg", many)
check("--fix", "a.cfg")
tap.equal("more than a list of diagnostics holds", get("a.cfg"), many.replace(b"chekc", b"check"))

# ---- any file with typing errors
def typo(word):
    at = r.randrange(len(word) - 1)
    kind = r.randrange(4)
    if kind == 0:
        return word[:at] + word[at + 1:]
    if kind == 1:
        return word[:at] + word[at:at + 1] * 2 + word[at + 1:]
    if kind == 2:
        return word[:at] + word[at + 1:at + 2] + word[at:at + 1] + word[at + 2:]
    return word[:at] + bytes([r.choice(b"abcdefghijklmnopqrstuvwxyz")]) + word[at + 1:]


new_errors, elsewhere, twice = [], [], []
count = {"with an error": 0, "fixed": 0, "as they were before": 0, "several typing errors": 0, "left": 0}
for n in range(rounds):
    original = r.choice(sources)
    words = [m for m in re.finditer(rb"[a-zA-Z_.-]{4,}", original) if b"#" not in original[original.rfind(b"\n", 0, m.start()) + 1:m.start()]]
    if not words:
        continue
    text = original
    errors_made = 1 if r.random() < .7 else 4
    for m in sorted(r.sample(words, min(errors_made, len(words))), key=lambda m: -m.start()):
        text = text[:m.start()] + typo(m.group()) + text[m.end():]
    if r.random() < .1:
        text = text[:-1]
    put("f.cfg", text)
    before = told("f.cfg")
    check("--fix", "f.cfg")
    fixed = get("f.cfg")
    after = told("f.cfg")
    count["with an error"] += bool(errors(before))
    count["several typing errors"] += errors_made > 1
    count["left"] += bool(errors(after))
    count["fixed"] += fixed != text
    count["as they were before"] += fixed != text and fixed == original
    if not set(errors(after)) <= set(errors(before)) or len(errors(after)) > len(errors(before)):
        new_errors.append((text, fixed, errors(after)))
    allowed = {e["line"] for d in before for e in d.get("edits", [])}
    old, now = text.split(b"\n"), fixed.split(b"\n")
    changed = {i + 1 for i in range(min(len(old), len(now))) if old[i] != now[i]}
    # what is behind a section whose header was mended may be found the second time
    if errors_made == 1 and (not changed <= allowed or abs(len(now) - len(old)) > 1):
        elsewhere.append((text, fixed, allowed, changed))
    check("--fix", "f.cfg")
    if get("f.cfg") != fixed:
        twice.append((text, fixed, get("f.cfg")))
tap.ok("no new error", not new_errors, repr(new_errors[:1]))
tap.ok("nothing but lines with a fix changes", not elsewhere, repr(elsewhere[:1]))
tap.ok("nothing more the second time", not twice, repr(twice[:1]))
for kind, times in count.items():
    tap.ok("of the files: %s, %d" % (kind, times), times > 0)
tap.finish()
