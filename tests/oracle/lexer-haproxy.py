#!/usr/bin/python3
"""HAProxy itself reads random lines and encoded words; the C lexer and encoder must have said the same.

What HAProxy made of a word is seen in three ways: `setenv NAME WORD' puts it into the environment, where a Lua script that the same file loads finds it; a
first word that is no keyword comes back in the complaint about it; and from 3.0 on a Lua script is given all words behind its name. It asks $HAPROXY, or with HAPROXY_RELEASES ("2.2=PATH 2.6=PATH …") all of those.
N=… sets how many lines and words each gets (default 1000), SEED=… which.
"""
import collections
import os
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import tap  # noqa: E402
import randomlines  # noqa: E402

PER_RUN = 40  # HAProxy gives up after 50 fatal errors

LUA = """
io.stdout:write("LUA\\n")
for i = 1, %d do
    local v = os.getenv("KHAP_" .. i)
    if v then
        io.stdout:write(i .. "=" .. v:gsub(".", function(c) return string.format("%%02x", c:byte()) end) .. "\\n")
    end
end
io.stdout:flush()
"""


# what the words behind the name of a script are
ARGUMENTS = """
local given, hex = table.pack(...), {}
for i = 1, given.n do
    hex[i] = given[i]:gsub(".", function(c) return string.format("%02x", c:byte()) end)
end
io.stdout:write("ARGUMENTS " .. table.concat(hex, " ") .. "\\n")
"""
ARGUMENTS_FROM = 300

# Variables by the state they are in.
VARIABLES = {
    "set": {"PLAIN": b"value", "HIGH": b"\xc3\xa4\xff", "PATH_": b"/a/b", "_x9": b"1"},
    "empty": {"EMPTY": b""},
    "blanks": {"BLANKS": b" a  b\tc ", "LEAD": b" x", "TAIL": b"y ", "ONLY": b"  "},
    "odd": {"ODD": b"q'\"\\x41 $PLAIN #c ${X}", "DOLLAR": b"$PLAIN", "HASH": b"#no"},
    "unset": {"UNSET": None, "NONE_": None},
}
ENVIRONMENT = {k: v for each in VARIABLES.values() for k, v in each.items() if v is not None}
FORMS = {"$N": "$%s", "${N}": "${%s}", "${N[*]}": "${%s[*]}", "${N-d}": "${%s-d e}", "${N[*]-d}": "${%s[*]-d  e}"}


def ask(binary, folder, lines, lua=True):
    """Returns values by line, numbers of the lines with an ALERT, and all that was said. Line numbers begin with 1."""
    conf = os.path.join(folder, "t.cfg")
    script = os.path.join(folder, "t.lua")
    with open(script, "w", encoding="ascii") as f:
        f.write(LUA % len(lines))
    with open(conf, "wb") as f:
        f.write(b"global # " + b"x" * 2000 + b"\n")
        f.write(b"".join(line + b"\n" for line in lines))
        if lua:
            f.write(b"lua-load " + script.encode() + b"\n")
    done = subprocess.run([binary, "-c", "-f", conf], capture_output=True, check=False,
                          env={b"PATH": os.environb.get(b"PATH", b""), b"X": b"v", **{k.encode(): v for k, v in ENVIRONMENT.items()}})
    said = done.stderr + done.stdout
    values = {int(k) - 1: bytes.fromhex(v.decode()) for k, v in re.findall(rb"^(\d+)=([0-9a-f]*)$", done.stdout, re.M)}
    alerts = {int(n) - 2 for n in re.findall(rb"\[ALERT\][^\n]*\[" + re.escape(conf.encode()) + rb":(\d+)\]", said)}
    return values, alerts, said, b"LUA\n" in done.stdout


def version(binary):
    text = subprocess.run([binary, "-v"], capture_output=True, text=True, check=False).stdout
    found = re.search(r"version (\d+)\.(\d+)", text)
    return int(found.group(1)) * 100 + int(found.group(2)) if found else 0


def batches(items):
    return [items[i:i + PER_RUN] for i in range(0, len(items), PER_RUN)]


def words_told(answer):
    return [bytes.fromhex(f.split(":")[3]) for f in answer.split()[3:]]


def check_lines(binary, release, folder, n):
    """Lines that are said to be in error must bring an ALERT, others the value that is said and none."""
    good, bad, alone, kinds = [], [], [], collections.Counter()
    texts = []
    while len(texts) < n:
        text = b"setenv KHAP_1 " + randomlines.line(rng)
        if rng.random() < 0.04:
            text = b"[a.B-c_d:9]" + rng.choice([b"", b" ", b" # c", b"#c", b" x", b"\r", b" \r\t", b"x", b"]"])
        elif text[14:].lstrip(b" \t").startswith(b"["):
            text = text[14:]
        texts.append(text)
        driver.lex(release, text)
    for text, answer in zip(texts, driver.run()):
        said = answer.split()[0]
        if said in ("nul", "empty-word"):  # these can end all reading, so they are asked one by one
            kinds[said] += 1
            if kinds[said] <= 15:
                alone.append((text, said))
        elif said != "ok":
            bad.append((text, said))
            kinds[said] += 1
        elif " scope" in answer:
            good.append((text, None))
            kinds["scope-line"] += 1
        else:
            words = words_told(answer)
            variable = any("v" in f.split(":")[2] for f in answer.split()[3:])
            # setenv takes one value, and up to 2.6 ignored one more word
            if not variable and len(words) in ((3, 4) if release <= 206 else (3,)) and all(words) and words[:2] == [b"setenv", b"KHAP_1"]:
                good.append((text, words[2]))
                kinds["value"] += 1
    wrong = []
    for batch in batches(good):
        lines = [text.replace(b"KHAP_1", b"KHAP_%d" % (i + 1), 1) for i, (text, _) in enumerate(batch)]
        values, alerts, said, ran = ask(binary, folder, lines)
        if not ran:
            tap.note(said.decode("latin-1")[:1000])
        for i, (text, wanted) in enumerate(batch):
            if i in alerts or values.get(i) != wanted:
                wrong.append((text, wanted, values.get(i), i in alerts))
    for batch in batches(bad) + [[each] for each in alone]:
        _, alerts, _, _ = ask(binary, folder, [text for text, _ in batch], lua=False)
        wrong += [(text, kind, None, False) for i, (text, kind) in enumerate(batch) if i not in alerts]
    for each in wrong[:5]:
        tap.note("line %r\n  lexer said %r, HAProxy %r, alert %s" % each)
    tap.equal("%s: %d lines are read as the lexer says" % (name(release), len(good) + len(bad) + len(alone)), len(wrong), 0)
    tap.note("lines: %s" % dict(kinds))
    wanted = ["value", "quote", "hex", "varname", "brace", "too-many"] + (["nul"] if release >= 203 else []) + \
        (["empty-word"] if release >= 303 else []) + (["scope", "scope-line"] if release >= 107 else [])
    tap.ok("%s: each kind of line occurred" % name(release), all(kinds[k] for k in wanted), kinds)


def check_words(binary, release, folder, n):
    words = []
    while len(words) < n:
        word = randomlines.word(rng)
        if not word or b"\0" in word:
            continue
        span = rng.choice([(release, release), (105, release), (106, 304), (202, 304), (105, 304), (105, 304)])
        words.append(word)
        driver.encode(*(span if len(word) < 500 else (release, release)), word)
    answers = driver.run()
    cases = []
    for word, answer in zip(words, answers):
        said, _, written = answer.partition(" ")
        if said == "ok":
            cases.append((word, bytes.fromhex(written)))
    wrong = []
    for batch in batches(cases):
        values, alerts, _, _ = ask(binary, folder, [b"setenv KHAP_%d %s" % (i + 1, written) for i, (_, written) in enumerate(batch)])
        wrong += [(word, written, values.get(i)) for i, (word, written) in enumerate(batch) if i in alerts or values.get(i) != word]
    for each in wrong[:5]:
        tap.note("word %r, written %r, HAProxy read %r" % each)
    tap.equal("%s: %d words come back from HAProxy" % (name(release), len(cases)), len(wrong), 0)
    tap.ok("%s: nearly all words could be written" % name(release), len(cases) > n * 0.9, "%d of %d" % (len(cases), n))
    first = [(word, written) for word, written in cases if word[:1] not in (b".", b"[") and not word.isalpha()][:200]
    wrong = []
    for batch in batches(first):
        _, _, said, _ = ask(binary, folder, [written for _, written in batch], lua=False)
        wrong += [(word, written, None) for word, written in batch if b"unknown keyword '" + word + b"' in 'global'" not in said]
    for each in wrong[:5]:
        tap.note("word %r, written %r, is not in the complaint (%r)" % each)
    tap.equal("%s: %d first words come back from HAProxy" % (name(release), len(first)), len(wrong), 0)


def reference(rng, counts):
    form = rng.choice(list(FORMS))
    state = rng.choice(list(VARIABLES) + ["pseudo"])
    name = rng.choice([".LINE", ".FILE", ".SECTION"] if state == "pseudo" else list(VARIABLES[state]))
    counts.append(form + " " + (name if state == "pseudo" else state))
    return (FORMS[form] % name).encode()


def line_of_variables(rng, counts):
    """Words with variables: alone, within text, several in one word, single quotes around, blanks behind or none."""
    if rng.random() < 0.05:
        return b'"%s"' % reference(rng, counts) + rng.choice([b"", b" "])
    pieces = []
    for _ in range(rng.randrange(1, 4)):
        kind = rng.random()
        before, behind = rng.choice([b"", b"", b"a", b"a ", b"$"]), rng.choice([b"", b"", b"b", b" b"])
        if kind < 0.6:
            pieces.append(b'"%s%s%s"' % (rng.choice([b"", b"", b"p", b"p q"]), reference(rng, counts), rng.choice([b"", b"", b"r", b"r s"])))
        elif kind < 0.75:
            pieces.append(b'"%s%s"' % (reference(rng, counts), reference(rng, counts)))
        elif kind < 0.85:
            pieces.append(b"'%s'" % reference(rng, []))
        else:
            pieces.append(rng.choice([b"w", b'"w"', b"w\\x41", b'"$"', b'"${UNSET"', b'"${UNSET:-x}"', b'""']))
        pieces[-1] = before + pieces[-1] + behind
        pieces.append(rng.choice([b" ", b" ", b"  ", b"\t", b""]))
    return b"".join(pieces)


def check_variables(binary, release, folder, n):
    """Lines with variables, read with an environment as HAProxy has it."""
    conf = os.path.join(folder, "t.cfg").encode()
    script = os.path.join(folder, "a.lua").encode()
    with open(script, "w", encoding="ascii") as f:
        f.write(ARGUMENTS)
    kinds, references, wrong, asked = collections.Counter(), collections.Counter(), [], 0

    def resolved(lines):
        for i, line in enumerate(lines):
            driver.resolve(release, line, dict(ENVIRONMENT, X=b"v", **{".LINE": b"%d" % (i + 2), ".FILE": conf, ".SECTION": b"global"}))
        return driver.run()

    def compare(lines, answers, which):
        values, alerts, said, _ = ask(binary, folder, lines)
        given = {}
        for text in re.findall(rb"^ARGUMENTS (.*)$", said, re.M):
            words = [bytes.fromhex(w.decode()) for w in text.split()]
            given[int(words[0])] = words[1:]
        for i, (line, answer) in enumerate(zip(lines, answers)):
            if i not in which:
                continue
            kind = answer.split()[0]
            words = words_told(answer) if kind == "ok" else None
            if words is None:
                good = i in alerts
            elif release >= ARGUMENTS_FROM:
                wanted = words[3:]
                kind = "several words" if len(wanted) > 1 else "one word" if wanted else "no word"
                if b"" in wanted:  # HAProxy reads words up to an empty one
                    wanted, kind = wanted[:wanted.index(b"")], "up to an empty word"
                good = i not in alerts and given.get(i) == wanted
            else:  # setenv takes one value, up to 2.6 ignored one more word, and looks no further than at the one behind that
                words += [b""] * 5
                kind = "too few for setenv" if not words[2] else "too many for setenv" if words[4] else "value"
                good = i not in alerts and values.get(i) == words[2] if kind == "value" else i in alerts
            kinds[kind] += 1
            if not good:
                wrong.append((line, answer, given.get(i, values.get(i)), i in alerts))

    while asked < n:
        lines = []
        for i in range(PER_RUN):
            counts = []
            rest = line_of_variables(rng, counts)
            lines.append((b"lua-load %s %d " % (script, i) if release >= ARGUMENTS_FROM else b"setenv KHAP_%d " % (i + 1)) + rest)
            references.update(counts)
        answers = resolved(lines)
        # errors keep Lua from running (3.2), and some end all reading: those are asked alone; each line stays at its place
        good = {i for i, answer in enumerate(answers) if answer.startswith("ok")}
        alone = [i for i, answer in enumerate(answers) if answer.startswith("empty-word")]
        runs = [good, set(range(PER_RUN)) - good - set(alone)] + [{i} for i in alone[:3]]
        if release < ARGUMENTS_FROM:
            runs[:2] = [runs[0] | runs[1]]
        for which in runs:
            compare([line if i in which else b"#" for i, line in enumerate(lines)], answers, which)
        asked += PER_RUN - len(alone[3:])
    for each in wrong[:5]:
        tap.note("line %r\n  lexer said %s, HAProxy %r, alert %s" % each)
    tap.equal("%s: %d lines with variables are resolved as HAProxy does" % (name(release), asked), len(wrong), 0)
    tap.note("outcomes: %s" % dict(kinds))
    tap.note("references: %s" % dict(references))
    wanted = {f + " " + s for f in FORMS for s in list(VARIABLES) + [".LINE", ".FILE", ".SECTION"]}
    outcomes = ["several words", "one word"] + (["up to an empty word"] if release < 303 else ["no word", "empty-word"]) \
        if release >= ARGUMENTS_FROM else ["value", "too many for setenv", "too few for setenv"]
    tap.ok("%s: each form with each kind of variable, and each outcome occurred" % name(release),
           not wanted - set(references) and all(kinds[k] for k in outcomes + ["varname", "brace"]), (wanted - set(references), kinds))


def check_vv(release, text):
    """Absent is 1, present 2. The list of features has what matters from 2.0 on, the Prometheus exporter from 2.4 on."""
    driver.requests.append("V 0 " + text.encode("utf-8").hex())
    features = (re.search(r"^Feature list :(.*)$", text, re.M) or [None, ""])[1].split()
    exporter = "+PROMEX" in features or "Built with the Prometheus exporter" in text
    wanted = "%d %d quic %d prometheus %d pcre %d openssl %d" % (
        release, release, 1 + ("+QUIC" in features), 1 + exporter, 1 + ("+PCRE" in features or "+PCRE2" in features),
        1 + ("+OPENSSL" in features))
    tap.equal("%s: -vv is understood" % name(release), driver.run(), [wanted])


def name(release):
    return "%d.%d" % (release // 100, release % 100)


binaries = [entry.split("=", 1)[1] for entry in os.environ.get("HAPROXY_RELEASES", "").split()]
if not binaries:
    binaries = [os.environ.get("HAPROXY") or tap.need("haproxy", "haproxy")]
rng = randomlines.seed()
n = randomlines.count(1000)
driver = randomlines.Driver()
with tempfile.TemporaryDirectory(prefix="khap") as folder:
    for binary in binaries:
        release = version(binary)
        about = subprocess.run([binary, "-vv"], capture_output=True, text=True, errors="replace", check=False).stdout
        check_vv(release, about)
        if "+LUA" not in about:
            tap.skip("%s: needs a HAProxy with Lua (Debian: package haproxy)" % name(release))
            continue
        check_lines(binary, release, folder, n)
        check_words(binary, release, folder, n)
        check_variables(binary, release, folder, n)
tap.finish()
