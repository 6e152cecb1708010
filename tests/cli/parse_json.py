#!/usr/bin/python3
"""khapgen parse --json and --from-json: every configuration comes back byte for byte, the schema describes every output, what people
write becomes lines, and what is wrong is told with its path. KHAP_CORPUS=DIR adds configurations of one's own."""
import base64
import glob
import json
import os
import random
import re
import subprocess
import sys
import tempfile

import khapgen
import tap

program = khapgen.program()
try:
    import jsonschema
except ImportError:
    jsonschema = None
SEED = tap.seed("N")
N = int(os.environ.get("N") or 300)
random.seed(SEED)
tap.note("SEED=%d N=%d" % (SEED, N))
work = tempfile.TemporaryDirectory()


def run(args, data=b""):
    return subprocess.run([program, "parse"] + args, input=data, capture_output=True, timeout=300)


def to_json(data, *args):
    p = run(["--json", *args, "-"], data)
    return p.returncode, p.stdout


def back(text, *args):
    if not isinstance(text, bytes):
        text = json.dumps(text).encode()
    return run(["--from-json", *args, "-"], text)


# ---- what there is to try
def corpus():
    paths = glob.glob(tap.srcdir + "/examples/**/*.cfg", recursive=True) + glob.glob(tap.srcdir + "/tests/**/*.cfg", recursive=True)
    paths += glob.glob(tap.srcdir + "/tests/fuzz/corpus/*/*")
    for folder in ("/etc/haproxy", "/usr/share/doc/haproxy", "/usr/share/doc/haproxy-doc", "/usr/share/vim", os.environ.get("KHAP_CORPUS") or "/nonexistent"):
        for root, _, names in os.walk(folder):
            paths += [os.path.join(root, n) for n in names if n.endswith((".cfg", ".conf")) and os.access(os.path.join(root, n), os.R_OK)]
    return sorted(set(p for p in paths if os.path.isfile(p)))


EDGES = [b"", b"\n", b"\r\n", b"\r", b"\0", b" ", b"\n\n", b"global", b"global\r\n\r\n x", b"\xff", b"\xef\xbb\xbfglobal\n", b"a\rb\n", b"# c\r\n",
         b" #\0\n", b"[a] # b\n", b'x "\n', b'"" y\n', b'x ""\n', b"x \\\n", b"x y\\\tz\\\t#c\n", b"x\x0by\x0cz\n", b"  \t \n", b'a "${B}" "${C[*]}" d\n', b"x" * 3000 + b"\n",
         b" ".join([b"w"] * 65) + b"\n", b".if x\nfrontend a\n.elif y\n.else\n.if z\n.endif\n.endif\n.endif\n.else\n", "ä\u2028\U0001f600\n".encode(),
         b"\xed\xa0\x80\xc0\x80\n", b"a\nb\r\nc\r\r\nd\n\r\n", bytes(range(256)), bytes(range(255, -1, -1)) * 3]
PIECES = [b"global", b"frontend", b"defaults", b"server", b" ", b"  ", b"\t", b"\n", b"\n", b"\r\n", b"\r", b"\0", b'"', b"'", b"\\", b"#", b"$", b"${A}",
          b'"${A}"', b'"${A[*]}"', b'"$A"', b"\\x41", b"\\xg", b"[s]", b'\n""', b"\n[s]\n", b".if", b".else", b".elif", b".endif", b"\xff", b"\xc3\xa4", b"a", b"bind", b":80", b"{", b"}"]


def random_bytes():
    how = random.randrange(4)
    if how == 0:
        return bytes(random.randrange(256) for _ in range(random.randrange(400)))
    if how == 1:
        return b"".join(random.choice(PIECES) for _ in range(random.randrange(200)))
    text = bytearray(random.choice(texts))
    if how == 2 and text:
        del text[random.randrange(len(text)):]
    for _ in range(random.randrange(1, 4) if text else 0):
        text[random.randrange(len(text))] = random.randrange(256)
    return bytes(text)


def raw_of(line, key="raw"):
    value = line[key]
    return base64.b64decode(value["base64"]) if isinstance(value, dict) else value.encode()


def bytes_of(value):
    return base64.b64decode(value["base64"]) if isinstance(value, dict) else value.encode()


# ---- the schema
validator = None
if jsonschema:
    with open(tap.srcdir + "/docs/document.schema.json") as f:
        schema = json.load(f)
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
else:
    tap.skip("the schema needs jsonschema (Debian: package python3-jsonschema)")


def positions(data, doc):
    """What the numbers say, looked up in the bytes."""
    offset = 0
    for i, line in enumerate(doc["lines"]):
        raw, end = raw_of(line), line["end"].encode()
        assert line["line"] == i + 1 and line["offset"] == offset and data[offset:offset + len(raw) + len(end)] == raw + end, line
        offset += len(raw) + len(end)
        if "words" not in line:
            assert line["kind"] == "scope" or line["error"]["endColumn"] <= len(raw) + 2, line
            continue
        assert line["kind"] != "scope" and "error" not in line, line
        assert len(line["words"]) == len(line["spans"]) and raw.startswith(line["indent"].encode()), line
        for word, (first, past) in zip(line["words"], line["spans"]):
            written = raw[first - 1:past - 1]
            assert written and (raw_of(word) == written if isinstance(word, dict) and "raw" in word else
                                bytes_of(word) == written or any(c in written for c in b"\"'\\")), line
        if "comment" in line:
            assert raw[line["commentColumn"] - 1:] == bytes_of(line["comment"]) and bytes_of(line["comment"])[:1] == b"#", line
        if "section" in line:
            section = doc["sections"][line["section"]]
            assert section["first"] <= i + 1 <= section["last"], line
    assert offset == len(data)
    for branch in doc["branches"]:
        head, end = doc["lines"][branch["first"] - 1], doc["lines"][branch.get("end", branch["first"]) - 1]
        assert head["kind"] == end["kind"] == "directive" and branch.get("end", head["line"] + 1) > head["line"], branch
        assert "words" not in head or head["words"][0] == "." + branch["kind"], branch
        assert "end" not in branch or "words" not in end or end["words"][0] in (".elif", ".else", ".endif"), branch


def round_trip(data, validate=True, args=()):
    """Empty, or what is wrong."""
    status, text = to_json(data, *args)
    if status != 0:
        return "--json: exit status %d" % status
    p = back(text)
    if p.returncode != 0 or p.stdout != data or p.stderr:
        return "--from-json: exit status %d, %r" % (p.returncode, p.stderr[:300])
    doc = json.loads(text)
    p = back(json.dumps(doc, sort_keys=True, ensure_ascii=len(data) % 2 == 0, indent=len(data) % 3 or None).encode())
    if p.returncode != 0 or p.stdout != data:
        return "through another program's JSON, with sorted keys: exit status %d, %r" % (p.returncode, p.stderr[:300])
    if validate and validator:
        for error in validator.iter_errors(doc):
            return "schema: %s" % str(error)[:500]
    try:
        positions(data, doc)
    except AssertionError as e:
        return "positions: %s" % e
    return ""


files = corpus()
texts = [open(p, "rb").read() for p in files]
bad = ["%s: %s" % (p, e) for p, d in zip(files, texts) for e in [round_trip(d)] if e]
tap.ok("%d files come back byte for byte, as the schema says" % len(files), not bad and len(files) > 30, "\n".join(bad))
bad = ["%r: %s" % (d[:80], e) for d in EDGES for e in [round_trip(d)] if e]
tap.ok("%d odd ones" % len(EDGES), not bad, "\n".join(bad))
bad = ["%r, as %s: %s" % (d[:80], t, e) for d in EDGES for t in ("1.5", "2.2", "2.9", "1.5-3.4") for e in [round_trip(d, args=("-t", t))] if e]
tap.ok("%d odd ones, as other releases read them" % len(EDGES), not bad, "\n".join(bad))
bad, seen = [], {}
for _ in range(N):
    data = random_bytes()
    error = round_trip(data, validate=random.randrange(4) == 0)
    if error:
        bad.append("%r: %s" % (data, error))
    for line in json.loads(to_json(data)[1])["lines"]:
        seen[line["kind"]] = seen.get(line["kind"], 0) + 1
        for key in ("error", "comment"):
            if key in line:
                seen[key] = seen.get(key, 0) + 1
        seen["base64"] = seen.get("base64", 0) + isinstance(line["raw"], dict)
tap.ok("%d random ones" % N, not bad, "\n".join(bad[:5]))
tap.note(" ".join("%s=%d" % i for i in sorted(seen.items())))
wanted = {"blank", "comment", "section", "statement", "directive", "scope", "ignored", "error", "base64"}
tap.ok("every kind of line was among them", all(seen.get(k) for k in wanted), sorted(wanted - set(seen)))

# ---- lines written anew from their words mean the same
KEPT = ("words", "indent", "comment", "end")


def meaning(data):
    return [{k: line.get(k) for k in KEPT} for line in json.loads(to_json(data)[1])["lines"]]


def writable(line):
    """Empty words cannot be written from words, nor a first word that begins like a scope, or like a directive and is none."""
    if "words" not in line or "" in line["words"]:
        return False
    first = line["words"][0] if line["words"] else "x"
    if isinstance(first, dict):
        return "raw" in first or bytes_of(first)[:1] not in (b".", b"[")
    return first[0] != "[" and (first[0] != "." or bool(re.fullmatch("[.][a-z]+", first)))


bad, anew = [], 0
for data in texts + [random_bytes() for _ in range(N // 3)]:
    doc = json.loads(to_json(data)[1])
    for line in doc["lines"]:
        if writable(line) and (line["end"] or line["words"] or line["indent"] or "comment" in line):
            del line["raw"]
            anew += 1
    p = back(doc)
    if p.returncode != 0:
        bad.append("%r: %s" % (data[:200], p.stderr.decode(errors="replace")[:600]))
    elif meaning(p.stdout) != meaning(data):
        bad.append("%r became %r" % (data[:300], p.stdout[:300]))
tap.ok("%d lines written from their words mean the same" % anew, not bad and anew > 500, "\n".join(bad[:3]))


# ---- what people write
def writes(name, lines, expected, *args, **head):
    p = back(dict({"khap": 1, "lines": lines}, **head), *args)
    tap.ok(name, p.returncode == 0 and p.stdout == expected and not p.stderr, "%d %r\n%s" % (p.returncode, p.stdout, p.stderr.decode()))


def words(*w, **more):
    return dict({"words": list(w)}, **more)


writes("words alone", [words("global"), words("maxconn", "10"), words(), words("frontend", "a b"), words("x", 'it\'s "#"')],
       b"global\n    maxconn 10\n\nfrontend 'a b'\n    x \"it's \\\"#\\\"\"\n")
TABBED = [{"raw": "global", "end": "\r\n"}, words("a"), words("b"), {"raw": "\tmaxconn 10", "end": "\r\n"}, words("c"), {"comment": "# d"}]
writes("indentation and line end are those of the lines beside", TABBED,
       b"global\r\n\ta\r\n\tb\r\n\tmaxconn 10\r\n\tc\r\n\t# d\r\n")
writes("raw without an end", [{"raw": "global", "end": "\r\n"}, {"raw": " x"}, {"raw": "y", "end": ""}], b"global\r\n x\r\ny")
writes("above the first line", [words("global"), {"raw": "  x", "end": "\r\n"}], b"global\r\n  x\r\n")
writes("a last line without an end, from words", [words("global"), words("x", end="")], b"global\n    x")
writes("indent and comment are written as given", [words("x", "y", indent="\t ", comment="#z"), {"comment": "#", "indent": ""}, words(indent="  ")],
       b"\t x y #z\n#\n  \n")
writes("words as they are to be written", [words("bind", {"raw": '"${A}:80"'}, {"raw": "a\\ b", "variable": False}, {"base64": "/w=="})],
       b"bind \"${A}:80\" a\\ b \xff\n")
writes("an empty word as it is to be written, where a release takes it", [words("x", {"raw": '""'})], b'x ""\n', target="2.6")
writes("a space would become part of a word that ends in a backslash", [words("x", {"raw": '"$A"\\'}, {"raw": "b\\\\"}, "y", {"raw": "c\\"}, comment="#d")],
       b'x "$A"\\\tb\\\\ y c\\\t#d\n')
writes("directives", [words(".if", "true"), words("global"), words(".endif")], b".if true\nglobal\n    .endif\n")
writes("a name with a dot before directives were known", [{"raw": ".x y", "words": [".x", "y"]}], b".x y\n", target="2.2")
writes("1.5 knows no quotes", [words("x", "a b", 'c"')], b'x a\\ b c"\n', target="1.5")
writes("-t is over target", [words("x", "a b")], b"x a\\ b\n", "-t", "1.5", target="3.4")
writes("lines before target", [words("x", "a b")], b"x a\\ b\n", "-t", "1.5")
p = back(b'{"lines":[{"words":["x","a b"]}],"khap":1,"target":"1.5","sections":7}')
tap.ok("keys in any order", p.stdout == b"x a\\ b\n", p.stderr.decode())
p = back(b' \t{"sections": [ ] , "branches" : [{"a":[1]},2],"khap":1,"lines":[\r\n]} \n')
tap.ok("no lines at all", p.returncode == 0 and p.stdout == b"", p.stderr.decode())
writes("words beside raw that agree", [{"raw": " x\t'a b'  # c", "words": ["x", "a b"], "indent": " ", "comment": "# c"}], b" x\t'a b'  # c\n")
writes("what --json says besides is passed over", [{"raw": "x", "line": 9, "offset": None, "kind": [], "section": -1, "spans": "", "error": 1, "commentColumn": {}}], b"x\n")
many = [words("global")] + [words("x", str(i)) for i in range(3500)] + [{"raw": "\tend", "end": "\n"}]
writes("more lines that wait for the one behind them than are kept", many,
       b"global\n" + b"".join(b"    x %d\n" % i for i in range(3500)) + b"\tend\n")


# ---- what is refused
def refuses(name, text, code, path="", status=2):
    p = back(text)
    said = p.stderr.decode(errors="replace")
    tap.ok("refused: " + name, p.returncode == status and "[%s]" % code in said and path in said and p.stdout == b"", "%d\n%s" % (p.returncode, said))
    if validator and code in ("json-value", "json-unknown-key", "json-missing-key"):
        try:
            parsed = json.loads(text) if isinstance(text, bytes) else text
        except ValueError:
            return
        if name not in NOT_SEEN:
            tap.ok("the schema refuses it too: " + name, not validator.is_valid(parsed))


NOT_SEEN = {"a line end missing in the middle", "raw of two lines", "no byte at all", "comment without #", "word of two lines", "base64 with bits left over"}


def refuses_line(name, line, code, path, before=(), after=()):
    refuses(name, {"khap": 1, "lines": list(before) + [line] + list(after)}, code, path)


g = words("global")
refuses_line("raw and words differ", {"raw": "x y", "words": ["x", "z"]}, "json-words-differ", "lines[1].words[1] ", [g])
refuses_line("raw and a missing word", {"raw": "x y", "words": ["x"]}, "json-words-differ", "lines[0].words ")
refuses_line("raw and a word too many", {"raw": "x", "words": ["x", "y"]}, "json-words-differ", "lines[0].words ")
refuses_line("raw that cannot be read and words", {"raw": 'x "', "words": ["x"]}, "json-words-differ", "lines[0].words ")
refuses_line("raw and comment differ", {"raw": "x # y", "comment": "# z"}, "json-words-differ", "lines[0].comment ")
refuses_line("raw and indent differ", {"raw": " x", "indent": "\t"}, "json-words-differ", "lines[0].indent ")
refuses_line("raw and a longer indent", {"raw": "x", "indent": "  "}, "json-words-differ", "lines[0].indent ")
refuses_line("raw and a shorter indent", {"raw": "  x", "indent": " "}, "json-words-differ", "lines[0].indent ")
refuses_line("a value for a variable", {"raw": 'x "$A"', "words": ["x", ""]}, "json-words-differ", "lines[0].words[1] ")
refuses_line("an empty word", words("x", ""), "json-unwritable", "lines[0].words[1] ")
refuses_line("a NUL", words("x", "a\0"), "json-unwritable", "lines[0].words[1] ")
refuses_line("a scope by words", words("[a]"), "json-unwritable", "lines[0].words[0] ")
refuses_line("a dot before what is no directive", words(".A b"), "json-unwritable", "lines[0].words[0] ")
refuses_line("raw words that are two", words("x", {"raw": "a b"}), "json-unwritable", "lines[0].words")
refuses_line("a raw word that is a comment", words("x", {"raw": "#a"}), "json-unwritable", "lines[0].words")
refuses_line("a raw word that opens a quote", words("x", {"raw": '"'}, "y"), "json-unwritable", "lines[0].words")
refuses_line("a NUL in a comment", words("x", comment="# \0"), "json-unwritable", "lines[0].")
refuses_line("65 words", words(*["x"] * 65), "json-value", "lines[0].words ")
refuses_line("an unknown key", {"raw": "x", "wrods": []}, "json-unknown-key", "lines[0].wrods")
refuses_line("nothing", {}, "json-value", "lines[0] ")
refuses_line("no object", "x", "json-value", "lines[0] ")
refuses_line("raw of two lines", {"raw": "x\ny"}, "json-value", "lines[0].raw ")
refuses_line("raw as a number", {"raw": 7}, "json-value", "lines[0].raw ")
refuses_line("words as text", {"words": "x"}, "json-value", "lines[0].words ")
refuses_line("a word as a number", words("maxconn", 10), "json-value", "lines[1].words[1] ", [g])
refuses_line("a word of null", words(None), "json-value", "lines[0].words[0] ")
refuses_line("word of two lines", words({"raw": "a\nb"}), "json-value", "lines[0].words[0] ")
refuses_line("an unknown key of a word", words({"raw": "a", "x": True}), "json-value", "lines[0].words[0] ")
refuses_line("base64 with a blank", {"raw": {"base64": "AA =="}}, "json-value", "lines[0].raw ")
refuses_line("base64 without padding", {"raw": {"base64": "AA"}}, "json-value", "lines[0].raw ")
refuses_line("base64 with bits left over", {"raw": {"base64": "AB=="}}, "json-value", "lines[0].raw ")
refuses_line("base64 and more", {"raw": {"base64": "AA==", "x": 1}}, "json-value", "lines[0].raw ")
refuses_line("a line end of another kind", {"raw": "x", "end": "\r"}, "json-value", "lines[0].end ")
refuses_line("a line end missing in the middle", {"raw": "x", "end": ""}, "json-value", "lines[0].end ", after=[g])
refuses_line("no byte at all", {"raw": "", "end": ""}, "json-value", "lines[0].end ")
refuses_line("indent of letters", words("x", indent="x"), "json-value", "lines[0].indent ")
refuses_line("comment without #", words("x", comment="c"), "json-value", "lines[0].comment ")
refuses("two keys", b'{"khap":1,"lines":[{"raw":"x"},{"raw":"x","end":"\\n","raw":"y"}]}', "json-duplicate-key", "lines[1]")
refuses("two keys at the top", b'{"khap":1,"lines":[],"lines":[]}', "json-duplicate-key", "lines")
refuses("another format", {"khap": 2, "lines": []}, "json-value", "khap ")
refuses("no format", {"lines": []}, "json-missing-key", "khap")
refuses("no list of lines", {"khap": 1}, "json-missing-key", "lines")
refuses("an unknown key at the top", {"khap": 1, "lines": [], "line": 1}, "json-unknown-key", "line")
refuses("a NUL in a key", b'{"khap\\u0000":1,"lines":[]}', "json-unknown-key")
refuses("a target of another type", {"khap": 1, "target": 3.4, "lines": []}, "json-value", "target ")
refuses("an unknown target", {"khap": 1, "target": "1.2", "lines": []}, "unknown-release")
for text in (b"", b"  ", b"[]", b"{", b'{"khap"', b'{"khap":1,}', b'{"khap":1 "lines":[]}', b'{"khap":1,"lines":{}}', b'{"khap":1,"lines":[,]}',
             b'{"khap":1,"lines":[{"raw":"x"},]}', b'{"khap":1,"lines":[]}x', b'{"khap":1,"lines":[]} {}', b'{1:2}', b'{"khap":1,"lines":[{"raw":"\xff"}]}',
             b'{"khap":1,"lines":[{"raw":"x}]}', b'{"khap":1,"lines":[' + b"[" * 100000, b'{"khap":1,"lines":[{"raw":"\\ud800"}]}', b"\xef\xbb\xbf{}", b"global\n"):
    refuses("no JSON: %r" % text[:40], text, "json-syntax")
p = back({"khap": 1, "lines": [words("x", 1), {"raw": 2}, words("")]})
tap.ok("all that is wrong is told in one run", p.stderr.count(b" error: ") == 3, p.stderr.decode())
text = b'{"khap":1,\n"lines":[\n{"raw":"x"},\n{"raw":"x","words":["y"]}\n]}'
tap.ok("with its place", b"<stdin>:4:1: error: lines[1].words[0]" in back(text).stderr, back(text).stderr.decode())
good = to_json(texts[0])[1]
bad = [i for i in range(0, len(good) - 1, max(1, len(good) // 300)) if back(good[:i]).returncode != 2]
tap.ok("a JSON that was cut off is refused, wherever", not bad, bad)

# ---- size
def measured(args, data):
    with open(work.name + "/in", "wb") as f:
        f.write(data)
    code = ("import resource,subprocess,sys\n"
            "s=subprocess.run(sys.argv[1:],stdin=open(%r),stdout=open(%r,'wb')).returncode\n"
            "u=resource.getrusage(resource.RUSAGE_CHILDREN)\n"
            "print(s,u.ru_utime+u.ru_stime,u.ru_maxrss*1024)" % (work.name + "/in", work.name + "/out"))
    got = subprocess.run([sys.executable, "-c", code, program, "parse"] + args + ["-"], capture_output=True, check=True, timeout=600).stdout.split()
    with open(work.name + "/out", "rb") as f:
        return int(got[0]), float(got[1]), int(float(got[2])), f.read()


def grown(name, make, sizes, longest=0):
    """Time of the processor, and memory: a configuration costs its bytes and 24 a line, its outline about 50 a section or branch (in
    vectors that grow), --json a few times its longest line; --from-json costs the JSON, the document with 36 a line, its longest line."""
    rows = []
    for n in sizes:
        data = make(n)
        s1, t1, m1, text = measured(["--json"], data)
        s2, t2, m2, again = measured(["--from-json"], text)
        tap.ok("%s, %d: comes back" % (name, n), s1 == 0 and s2 == 0 and again == data)
        tap.note("%s, %d: %.1f MB, as JSON %.1f MB; --json %.2f s, %.0f MB; --from-json %.2f s, %.0f MB" %
                 (name, n, len(data) / 1e6, len(text) / 1e6, t1, m1 / 1e6, t2, m2 / 1e6))
        rows.append((t1, t2, m1, m2, len(data), len(text)))
        parts = text.count(b'\n{"kind":')
    if os.environ.get("SANITIZERS", "no") not in ("", "no"):
        return
    a, b = rows[0], rows[-1]
    factor, floor, lines = sizes[-1] / sizes[0], 32e6, data.count(b"\n")
    tap.ok("%s: time grows with the size" % name, b[0] < 2 * factor * max(a[0], 0.05) and b[1] < 2 * factor * max(a[1], 0.05), rows)
    tap.ok("%s: what --json needs" % name, b[2] < floor + b[4] + 32 * lines + 128 * parts + 6 * longest, rows)
    tap.ok("%s: what --from-json needs" % name, b[3] < floor + b[5] + 1.5 * b[4] + 48 * lines + 6 * longest, rows)


scale = int(os.environ.get("KHAP_LINES") or 100000)
grown("lines", lambda n: b"".join(b"    server s%d 10.0.0.1:80 check # c\n" % i for i in range(n)), (scale // 10, scale))
grown("sections and blocks", lambda n: b".if a\nbackend x\n" * n, (scale // 20, scale // 2))
grown("one long line", lambda n: b"x " + b"a" * n + b"\n", (1 << 20, 10 << 20), 10 << 20)
grown("one long line that is no UTF-8", lambda n: b"x '" + b"a\xff" * (n // 2) + b"\n", (1 << 20, 10 << 20), 10 << 20)
tap.finish()
