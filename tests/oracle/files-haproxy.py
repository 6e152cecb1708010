#!/usr/bin/python3
"""HAProxy itself reads random directories and files; khapgen parse must have read the same files in the same order, and refuse the same ones.

HAProxy tells its order by what it says of a keyword that it does not know, one in each file. It asks $HAPROXY, or with HAPROXY_RELEASES
("2.2=PATH 2.6=PATH …") all of those. N=… sets how many trees each gets (default 100), SEED=… which.
"""
import collections
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import khapgen  # noqa: E402
import tap  # noqa: E402

STEMS = ["a", "b", "B", "a-1", "a1", "a b", "10", "9", "é", "~", "_", "#x", "'q'", "a.b", "", ".h", "z" * 60]
ENDS = [".cfg"] * 12 + [".cfg.cfg", ".CFG", ".cfgx", ".cfg~", ".txt", "", ".cfg.bak", "cfg", ".cfg."]
UNKNOWN = "khap-nonsense"
TEXTS = {
    "order": "\n# above\nglobal\n    %s\n" % UNKNOWN,
    "plain": "global\n    setenv A b\n",
    "empty": "",
    "headless": "%s-headless\n" % UNKNOWN,
}


def text():
    kind = rng.choice(["order"] * 6 + ["plain", "empty", "headless"])
    seen["text " + kind] += 1
    return TEXTS[kind]


def entry(folder):
    path = os.path.join(folder, rng.choice(STEMS) + rng.choice(ENDS))
    if os.path.lexists(path) or path == os.path.join(folder, ""):
        return
    kind = rng.choice(["file"] * 20 + ["link"] * 3 + ["directory", "fifo", "link to a directory", "device"] + ["dangling"] * (rng.random() < 0.5))
    seen["entry " + kind] += 1
    if kind == "directory":
        os.mkdir(path)
        with open(os.path.join(path, "in.cfg"), "w", encoding="utf-8") as f:
            f.write(TEXTS["order"])
    elif kind == "fifo":
        os.mkfifo(path)
    elif kind in ("link to a directory", "device", "dangling"):
        os.symlink({"device": "/dev/null", "dangling": "nowhere"}.get(kind, "../one"), path)
    else:
        target = path
        if kind == "link":
            target = "../target-%d" % rng.randrange(10 ** 6)
            os.symlink(target, path)
            target = os.path.join(folder, target)
        with open(target, "w", encoding="utf-8") as f:
            f.write(text())


def tree(root):
    """Makes directories and files below root, and returns what is named behind -f."""
    names = []
    for folder in ["one", "two", "conf.cfg", "lone"]:
        os.mkdir(os.path.join(root, folder))
        for _ in range(0 if folder == "lone" else rng.randrange(8)):
            entry(os.path.join(root, folder))
        names += [folder, folder + "/"]
    os.symlink("two", os.path.join(root, "to-two"))
    for name in ["f.cfg", "f.txt", ".f"]:
        with open(os.path.join(root, name), "w", encoding="utf-8") as f:
            f.write(text())
        names += [name, "./" + name, "one/../" + name, os.path.join(root, name)]
    names += ["to-two", "to-two/", "."] + ["none.cfg"] * (rng.random() < 0.3)
    chosen = [rng.choice(names) for _ in range(rng.randrange(1, 5))]
    return chosen + [chosen[0]] * (rng.random() < 0.3)


def same(name):
    """HAProxy puts a slash behind a directory that ends in one."""
    return re.sub(rb"/+", b"/", name)


def ask_haproxy(binary, root, operands):
    words = [w for o in operands for w in ("-f", o)]
    done = subprocess.run([binary, "-c"] + words, cwd=root, stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=30)
    said = done.stderr + done.stdout
    if re.search(rb"Cannot open configuration|^Usage", said, re.M):
        return None
    alerts = re.findall(rb"^\[ALERT\][^\n]*?parsing \[([^\n]*):(\d+)\] ?:([^\n]*)", said, re.M)
    known = re.compile(rb"unknown keyword '%s'" % UNKNOWN.encode())
    order = [(same(f), int(n)) for f, n, text in alerts if known.search(text)]
    errors = [same(f) for f, _, text in alerts if not known.search(text)]
    return order, errors


def ask_khapgen(release, root, operands):
    done = subprocess.run([program, "parse", "-t", "%d.%d" % divmod(release, 100), "--"] + operands, cwd=root, stdin=subprocess.DEVNULL,
                          capture_output=True, check=False, timeout=30)
    if done.returncode == 2 and re.search(rb"\[(input-unreadable|no-configuration)\]\n", done.stderr):
        return None
    if done.returncode != 0:
        tap.note("khapgen ended with %d: %r" % (done.returncode, done.stderr))
        return [], []
    order = []
    for name, first, last in re.findall(rb"^(.*):(\d+)-(\d*) +global\n", done.stdout, re.M):
        name = re.sub(rb"\\x(..)", lambda m: bytes.fromhex(m.group(1).decode()), name)
        if int(first) == 3:  # the header in TEXTS["order"]: HAProxy speaks of the line behind it
            order.append((same(name), int(first) + 1))
    errors = re.findall(rb"^(.*?):\d+:\d+: error: ", done.stderr, re.M)
    return order, [same(e) for e in errors]


def check(binary, release, n):
    wrong = []
    for _ in range(n):
        root = tempfile.mkdtemp(prefix="khap-test.")
        try:
            operands = tree(root)
            theirs, ours = ask_haproxy(binary, root, operands), ask_khapgen(release, root, operands)
            seen["refused" if theirs is None else "files that were read"] += 1 if theirs is None else len(theirs[0])
            if theirs is not None:
                seen["files in error"] += len(theirs[1])
                seen["a file twice"] += len(set(theirs[0])) < len(theirs[0])
            if theirs != ours:
                wrong.append((operands, sorted(os.listdir(root + "/one")), theirs, ours))
        finally:
            shutil.rmtree(root)
    for each in wrong[:3]:
        tap.note("behind -f: %r; one/ holds %r\n  HAProxy %r\n  khapgen %r" % each)
    tap.equal("%d.%d: %d trees are read as HAProxy reads them" % (*divmod(release, 100), n), len(wrong), 0)
    if release >= 204:
        check_blocks(binary, release)


def check_blocks(binary, release):
    """A block that one file opens is not closed by the next; HAProxy reads nothing behind the first such error."""
    with tempfile.TemporaryDirectory(prefix="khap-test.") as root:
        for file, text_of in {"a.cfg": "global\n.if 1\n", "b.cfg": "global\n.endif\n", "c.cfg": "global\n.if 1\n.endif\n"}.items():
            with open(os.path.join(root, file), "w", encoding="utf-8") as f:
                f.write(text_of)
        for operands, wanted in [(["a.cfg", "b.cfg"], [b"a.cfg", b"b.cfg"]), (["c.cfg", "b.cfg"], [b"b.cfg"]), (["c.cfg", "c.cfg"], []),
                                 (["."], [b"./a.cfg", b"./b.cfg"])]:
            name = "%d.%d: .if blocks of %s" % (*divmod(release, 100), " and ".join(operands))
            tap.equal(name + ", khapgen", ask_khapgen(release, root, operands), ([], wanted))
            tap.equal(name + ", HAProxy", ask_haproxy(binary, root, operands), ([], wanted[:1]))


def version(binary):
    text = subprocess.run([binary, "-v"], capture_output=True, text=True, check=False).stdout
    found = re.search(r"version (\d+)\.(\d+)", text)
    return int(found.group(1)) * 100 + int(found.group(2)) if found else 0


program = khapgen.program()
seed = int(os.environ.get("SEED") or random.randrange(10 ** 9))
count = int(os.environ.get("N") or 100)
rng = random.Random(seed)
seen = collections.Counter()
tap.note("SEED=%d N=%d" % (seed, count))
binaries = [pair.partition("=")[2] for pair in os.environ.get("HAPROXY_RELEASES", "").split()]
for each in binaries or [os.environ.get("HAPROXY") or tap.need("haproxy", "haproxy")]:
    check(each, version(each), count)
tap.note(dict(seen))
for what in ["refused", "files that were read", "files in error", "a file twice", "entry link", "entry fifo", "entry dangling", "entry directory"]:
    tap.ok("it came to pass: " + what, seen[what] > 0)
tap.finish()
