"""What a line of haproxy.cfg means to each release, told once more, in another language and another way than lib/cfg/lex.c does.

A line is cut by regular expressions, one set for each of the three states (outside of quotes, in single quotes, in double quotes). Nothing here was
taken from the C sources: where the two differ, one of them is wrong.
"""
import re

RELEASES = [105, 106, 107, 108, 109, 200, 201, 202, 203, 204, 205, 206, 207, 208, 209, 300, 301, 302, 303, 304]

BLANK = rb"[ \t\n\v\f\r]"


class Fault(Exception):
    """A lexical error: its kind and the offset where it begins."""

    def __init__(self, kind, offset):
        super().__init__(kind)
        self.kind = kind
        self.offset = offset


class Word:
    def __init__(self, offset):
        self.offset = offset
        self.end = offset
        self.bytes = bytearray()
        self.variable = self.many = self.joins = False

    def value(self):
        return bytes(self.bytes).split(b"\0")[0]  # a string of C

    def flags(self):
        return ("v" if self.variable else "") + ("m" if self.many else "") + ("j" if self.joins else "") or "-"


class Line:
    def __init__(self):
        self.words = []
        self.comment = None
        self.scope = False
        self.fault = None


def escapes_of(release):
    if release < 106:
        return {b"\\\\": b"\\", b"\\ ": b" ", b"\\#": b"#", b"\\n": b"\n", b"\\r": b"\r", b"\\t": b"\t"}
    table = escapes_of(105)
    table.update({b"\\'": b"'", b'\\"': b'"'})
    return table


def variable_pattern(release):
    """A whole, correct reference inside double quotes."""
    name = rb"[A-Za-z_][A-Za-z0-9_]*" if release < 204 else rb"(?:[A-Za-z_][A-Za-z0-9_]*|[.](?:LINE|FILE|SECTION)(?![A-Za-z0-9_]))"
    inner = name
    if release >= 203:
        inner += rb"(?P<many>\[\*\])?"
    if release >= 205:
        inner += rb"(?P<default>-[^}]*)?"
    return re.compile(rb"\$(?:\{" + inner + rb"\}|" + name + rb")", re.S), re.compile(rb"\$\{?(" + name + rb")?")


def patterns_of(release):
    quoting = release >= 106
    bare = [
        ("end", rb"[\0\n\r]"),
        ("comment", rb"#"),
        ("blank", BLANK + rb"+"),
        ("hex", rb"\\x(?P<digits>[0-9A-Fa-f]{2})"),
        ("nohex", rb"\\x"),
        ("escape", rb"\\[\\ #'\"nrt]" if quoting else rb"\\[\\ #nrt]"),
        ("literal", rb"\\"),
    ]
    double = [
        ("end", rb"[\0\n\r]"),
        ("close", rb'"'),
        ("hex", rb"\\x(?P<digits>[0-9A-Fa-f]{2})"),
        ("nohex", rb"\\x"),
        ("dollar", rb"\\\$"),
        ("escape", rb"\\[\\ #'\"nrt]"),
        ("literal", rb"\\"),
        ("variable", rb"\$"),
        ("text", rb'[^\0\n\r"\\$]+'),
    ]
    single = [("end", rb"[\0\n\r]"), ("close", rb"'"), ("text", rb"[^\0\n\r']+")]
    if quoting:
        bare += [("open2", rb'"'), ("open1", rb"'"), ("text", rb"[^\0-\x20#'\"\\]+|[\x01-\x08\x0e-\x1f]+")]
    else:
        bare += [("text", rb"[^\0-\x20#\\]+|[\x01-\x08\x0e-\x1f]+")]

    def one(alternatives):
        return re.compile(rb"|".join(b"(?P<%s>%s)" % (name.encode(), p) for name, p in alternatives), re.S)

    return {"bare": one(bare), "double": one(double), "single": one(single)}


_rules = {}


def rules(release):
    if release not in _rules:
        _rules[release] = (patterns_of(release), escapes_of(release)) + variable_pattern(release)
    return _rules[release]


def too_many_after_64(release, rest):
    """64 words have been read, and blanks behind them: is that one word too many already?"""
    if 202 <= release <= 301:
        return True
    return release <= 201 and rest[:1] == b"#"


def cut_up(release, line, result):
    patterns, escapes, whole_variable, bad_variable = rules(release)
    state, opened, word = "bare", None, None
    at = re.match(BLANK + rb"*", line).end()
    while at < len(line):
        match = patterns[state].match(line, at)
        kind, text = match.lastgroup, match.group()
        if kind == "digits":
            kind = "hex"
        if kind == "end":
            break
        if kind == "comment":
            result.comment = at
            break
        if kind == "blank":
            if word:
                word.end = at
                word = None
            if len(result.words) == 64 and too_many_after_64(release, line[match.end():]):
                raise Fault("too-many", at)
            at = match.end()
            continue
        if word is None:
            if len(result.words) == 64:
                raise Fault("too-many", at)
            word = Word(at)
            result.words.append(word)
        if kind in ("open1", "open2"):
            state, opened = ("single" if kind == "open1" else "double"), at
        elif kind == "close":
            state = "bare"
        elif kind == "nohex":
            raise Fault("hex", at)
        elif kind == "hex":
            word.bytes += bytes.fromhex(match.group("digits").decode())
        elif kind == "escape":
            word.bytes += escapes[text]
        elif kind == "dollar":
            word.bytes += b"$"
        elif kind == "variable":
            match = whole_variable.match(line, at)
            if not match:
                named = bad_variable.match(line, at).group(1)
                raise Fault("brace" if named else "varname", at)
            found = match.groupdict()
            word.variable = True
            word.many = word.many or bool(found.get("many"))
            if 209 <= release <= 302 and found.get("default") is None and line[match.end():match.end() + 1] == b'"':
                word.joins = True
        else:
            word.bytes += text
        at = match.end()
    if state != "bare":
        raise Fault("quote", opened)
    if word:
        word.end = at


def lex(release, line):
    """line: bytes without LF."""
    result = Line()
    try:
        nul = line.find(b"\0")
        if nul >= 0 and release >= 203:
            raise Fault("nul", nul)
        if release == 105 and len(line) + 1 > 2047:
            raise Fault("too-long", 2046)
        if nul >= 0:
            line = line[:nul]
        start = re.match(BLANK + rb"*", line).end()
        if release >= 107 and line[start:start + 1] == b"[":
            scope = re.compile(rb"\[[A-Za-z0-9._:-]+\]" + BLANK + rb"*").match(line, start)
            if not scope:
                raise Fault("scope", start)
            if scope.end() < len(line):
                if line[scope.end():scope.end() + 1] != b"#":
                    raise Fault("scope", scope.end())
                result.comment = scope.end()
            result.scope = True
            return result
        cut_up(release, line, result)
        empty = [w for w in result.words if not w.value() and not w.variable]
        if release >= 303 and empty and not (release >= 304 and empty[0] is result.words[0]):
            raise Fault("empty-word", empty[0].offset)
    except Fault as fault:
        result.fault = fault
    return result


def told(release, line):
    """The same as the C program prints it."""
    result = lex(release, line)
    if result.fault:
        return "%s %d" % (result.fault.kind, result.fault.offset)
    comment = len(line) if result.comment is None else result.comment
    words = ["%d:%d:%s:%s" % (w.offset, w.end - w.offset, w.flags(), w.value().hex()) for w in result.words]
    return " ".join(["ok", str(comment), "scope" if result.scope else "words"] + words)


def values(release, line):
    """The words alone; None for a line that the release refuses."""
    result = lex(release, line)
    return None if result.fault else [w.value() for w in result.words]
