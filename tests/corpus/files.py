"""The files that tests read: those under tests/ and examples/, generated nasty ones, and Debian's where they are at hand.

HAPROXY_FILES is "2.2=FOLDER 2.6=FOLDER …", what `tools/haproxy-releases --files' prints. Of a manual there is also each example in it.
"""
import gzip
import hashlib
import html
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "oracle"))
import randomlines  # noqa: E402
import tap  # noqa: E402

SECTIONS = rb"global|defaults|listen|frontend|backend|userlist|peers|mailers|resolvers|cache|program|ring|http-errors|fcgi-app|log-forward|crt-store|traces|acme"
KEYWORDS = re.compile(rb"^ *(?:" + SECTIONS + rb"|\.if|bind|server|default-server|mode|balance|acl|use_backend|default_backend|timeout|option|no option|"
                      rb"http-request|http-response|http-after-response|http-check|tcp-request|tcp-response|tcp-check|stick-table|stick|log|log-format|"
                      rb"cookie|capture|errorfile|redirect|filter|maxconn|stats|user|group|password|peer|nameserver|setenv|tune\.\S+) +\S", re.M)


class Corpus:
    def __init__(self, folder):
        self.folder = folder
        self.seen = {}  # by content, so that what five releases share is read once
        self.counts = {}

    def add(self, kind, name, text, configuration, base=None):
        """base: the folder that relative names in the file mean."""
        self.counts[kind] = self.counts.get(kind, 0) + 1
        key = hashlib.sha256(text).digest()
        if key in self.seen:
            return
        path = os.path.join(self.folder, "%05d-%s" % (len(self.seen), re.sub(r"[^A-Za-z0-9._-]+", "_", name)[-80:]))
        with open(path, "wb") as f:
            f.write(text)
        self.seen[key] = (path, configuration, base or self.folder)

    def files(self):
        """(path, whether it is meant as a configuration, folder)"""
        return list(self.seen.values())


def examples_of(text):
    """What looks like configuration among the indented parts of a manual, and whether it begins with a section."""
    for block in re.findall(rb"(?:^ {2,}\S[^\n]*\n|^[ \t]*\n(?= {4,}\S))+", text, re.M):
        lines = block.strip(b"\n").split(b"\n")
        if len(KEYWORDS.findall(block)) * 3 < len([line for line in lines if line.strip()]):
            continue
        indent = min(len(line) - len(line.lstrip()) for line in lines if line.strip())
        yield b"".join(line[indent:] + b"\n" for line in lines), re.match(rb"(?:" + SECTIONS + rb")\b", lines[0][indent:]) is not None


def add_tree(corpus, kind, folder, wanted):
    for at, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            path = os.path.join(at, name)
            if os.path.islink(path) or not wanted(path):
                continue
            with open(path, "rb") as f:
                text = f.read()
            if name.endswith(".gz"):
                name, text = name[:-3], gzip.decompress(text)
            corpus.add(kind, name, text, name.endswith(".cfg"), at)
            manual = html.unescape(re.sub(r"<[^>]*>", "", text.decode("latin-1"))).encode("utf-8") if name.endswith(".html") else text
            if kind.startswith("Debian") and name.endswith((".txt", ".html")):
                for i, (block, whole) in enumerate(examples_of(manual)):
                    corpus.add(kind + ", examples in manuals", "%s-%d" % (name, i), block, whole)


# ---- nasty ones

def lines(rng, n):
    return [randomlines.line(rng).replace(b"\n", b"") for _ in range(n)]


def plain(rng, n=12):
    pool = [b"global", b"\tmaxconn 20", b"defaults", b"    mode http", b"    timeout client 5s # soon", b"frontend f", b"    bind :8080", b"", b"# only this",
            b"    default_backend b", b"backend b", b"    server s1 127.0.0.1:80 check", b"    http-request set-header X \"a b\" if { path /x }"]
    return [rng.choice(pool) for _ in range(n)]


def blocks(rng):
    """.if blocks that cross sections, and some that are broken."""
    out, depth = [b"global"], 0
    for _ in range(40):
        word = rng.choice([".if", ".elif", ".else", ".endif", "frontend f", "backend b", "timeout client 5s", ".elseif", ".if", ".notice x", ".diag", ".x"])
        if word.startswith((".if", ".elif")):
            word += rng.choice([" 1", " 0", "", " defined(HOME)", " version_atleast(2.4) && 1", " streq(\"$X\",a b)", " (", " !1 || x"])
        depth += word.startswith(".if") - (word == ".endif")
        out.append(word.encode())
    return out + [b".endif"] * (max(depth, 0) if rng.random() < 0.5 else 0)


NASTY = {
    "CR LF": lambda rng: b"\r\n".join(plain(rng)) + b"\r\n",
    "lone CR": lambda rng: b"\r".join(plain(rng)),
    "CR anywhere": lambda rng: b"\n".join(line[:len(line) // 2] + b"\r" + line[len(line) // 2:] for line in plain(rng)) + b"\n",
    "NUL": lambda rng: b"\n".join(plain(rng)[:-1] + [b"  bind\0 :80", b"\0", b"a\0"]) + b"\n",
    "BOM": lambda rng: b"\xef\xbb\xbf" + b"\n".join(plain(rng)) + b"\n",
    "no last LF": lambda rng: b"\n".join(plain(rng) + [rng.choice([b"x", b"  ", b"# c", b"a '", b"\\"])]),
    "65 words": lambda rng: b"".join(b"w " * n + rng.choice([b"", b"# c", b"'"]) + b"\n" for n in (63, 64, 65, 66, 200)),
    "open quotes": lambda rng: b"\n".join([b"log 'a", b'log "a', b"a'b\"c", b"x \"'\" '\"' \"", b"'" * 7, b'"' * 7, b"\\\"'"]) + b"\n",
    "unknown sections": lambda rng: b"".join(b"%s x\n  y z\n" % s for s in (b"vhost", b"ruleset", b"program p", b"spoe-agent", b"Global", b"backend\\ b")),
    "several global": lambda rng: b"\n".join(plain(rng) + [b"global", b"  daemon"] * 3 + [b"global"]) + b"\n",
    "sections of one name": lambda rng: b"frontend\nfrontend\nbackend b\n" * 3 + b"listen b from b\ndefaults\ndefaults d\ndefaults d from d\n",
    "before any section": lambda rng: b"  bind :80\noption httplog\n.if 1\n[x]\n" + b"\n".join(plain(rng)) + b"\n",
    ".if across sections": lambda rng: b"\n".join(blocks(rng)) + b"\n",
    "deep .if": lambda rng: b".if 1\n" * 150 + b"x\n" + b".endif\n" * rng.choice([100, 150, 151]),
    "escapes of 1.5": lambda rng: b"\n".join([b"a\\ b \\# c\\\\ \\x41 \\n\\r\\t \\q \\", b"reqrep ^Host:\\ (.*) Host:\\ \\1", b"\\x", b"\\x4", b"\\xg"]) + b"\n",
    "UTF-8": lambda rng: "# über äöü \u20ac \U0001f600\nbackend müller\n  server ſ 1.2.3.4 # \u2028 \u0085\n".encode(),
    "latin-1": lambda rng: b"# \xfcber \xe4\nbackend m\xfcller\n  option \xff\xfe\xa0 \xc3\n",
    "no UTF-8": lambda rng: b"a \xed\xa0\x80 \xc0\x80 \xf8\x88\x80\x80\x80 \xf4\x90\x80\x80\n",
    "long lines": lambda rng: b"w" * rng.choice([2046, 2047, 2048, 70000]) + b"\n" + b"'" + b" x" * 40000 + b"'\n# " + b"c" * 66000 + b"\n" + b"\\ " * 30000,
    "nothing": lambda rng: rng.choice([b"", b"\n", b"\r", b"\r\n", b" ", b"\0", b"\n\n\n", b"\t\v\f \n", b"#", b"\xef\xbb\xbf"]),
    "blanks": lambda rng: b"\n".join(b" \t\v\f\r"[:rng.randrange(6)] + line + b" \t\v\f\r"[:rng.randrange(6)] for line in plain(rng)) + b"\n",
    "scopes": lambda rng: b"[a]\n [a.b:c-d] # e\n[]\n[a b]\n[a]x\n\"[a]\"\n[" + b"a" * 3000 + b"]\n",
    "variables": lambda rng: b"bind \"${A}:80\" \"$B\" \"${C[*]}\" \"${D-d e}\" \"${.LINE}\" '$E' $F \"$\" \"${\" \"${G\" \"${H:-i}\"\n" * 2,
    "random lines": lambda rng: b"\n".join(lines(rng, 60)) + rng.choice([b"", b"\n"]),
    "random line ends": lambda rng: b"".join(line + rng.choice([b"\n", b"\r\n", b"\r", b"\n\n", b" \n"]) for line in lines(rng, 60)),
    "random bytes": lambda rng: bytes(rng.randrange(256) for _ in range(rng.randrange(1, 2000))),
}


def gather(folder, rng, rounds):
    corpus = Corpus(folder)
    tests = os.path.join(tap.srcdir, "tests")
    add_tree(corpus, "tests", tests, lambda path: path.endswith(".cfg") or os.sep + "expected" in path or
             os.sep + os.path.join("fuzz", "corpus") + os.sep in path)
    add_tree(corpus, "examples", os.path.join(tap.srcdir, "examples"), lambda path: path.endswith((".cfg", ".yaml")))
    for i in range(rounds):
        for kind, make in NASTY.items():
            corpus.add("generated: " + kind, "%s-%d" % (kind, i), make(rng), True)
    for entry in os.environ.get("HAPROXY_FILES", "").split():
        release, at = entry.split("=", 1)
        add_tree(corpus, "Debian " + release, at, lambda path: True)
    return corpus
