# SPDX-License-Identifier: MIT
"""Random and nasty expressions, conditions, log formats and `.if' conditions. Each function gives the words of one value."""

PIECES = ["a", "b", "1", " ", ",", ")", "(", '"', "'", "\\", "[", "]", "%", "n", "t", "\\\\", '\\"', "\\'", "\\ ", "\\n", "\\,", "{", "}", "!", "#", "é", "\t",
          '"a,b"', "'a)b'", '"', "'"]
FETCHES = ["str", "str", "str", "str", "src", "always_true", "s+r", "str.", ""]
CONVERTERS = ["lower", "concat", "concat", "concat", "upper", "", "lowe", "low:er"]


def pick(r, n):
    return r.randrange(n) == 0


def argument(r):
    kind = r.randrange(6)
    if kind == 0:
        return ""
    if kind == 1:
        return "txn.x"
    if kind == 2:
        return '"%s"' % "".join(r.choice(PIECES) for _ in range(r.randrange(4)))
    if kind == 3:
        return "'%s'" % "".join(r.choice(PIECES) for _ in range(r.randrange(4)))
    return "".join(r.choice(PIECES[:5] if pick(r, 2) else PIECES) for _ in range(r.randrange(4)))


def arguments(r, n):
    if pick(r, 3) and n == 0:
        return ""
    if pick(r, 12):
        return "(" + ",".join(argument(r) for _ in range(n))
    return "(" + ",".join(argument(r) for _ in range(n)) + ")"


def call(r, names):
    name = r.choice(names)
    most = {"str": 1, "concat": 3}.get(name, 0)
    return name + arguments(r, r.randrange(most + 1) if not pick(r, 10) else r.randrange(5))


def sample(r):
    text = call(r, FETCHES[:6] if not pick(r, 8) else FETCHES)
    for _ in range(r.choice([0, 0, 1, 1, 2, 3])):
        text += ("," if not pick(r, 15) else r.choice(["", ",,", " ", ", ", ";"])) + call(r, CONVERTERS[:5] if not pick(r, 8) else CONVERTERS)
    if pick(r, 8):
        text += r.choice([",", ",,", " ", ")", "]", "x", "("])
    return text


def acl_words(r):
    words = [sample(r) if pick(r, 2) else r.choice(["str(x)", "hdr(host)", "src", "str(x),lower", "str(x),lower,"])]
    for _ in range(r.choice([0, 0, 1, 1, 2])):
        words += r.choice([["-i"], ["-n"], ["-M"], ["-m", "str"], ["-m", "beg"], ["-u", str(r.randrange(10000, 1 << 30))], ["-f", "/dev/null"], ["-u", "x1"], ["-u", "+"],
                           ["-x"], ["-"], ["-ii"], ["-u", "-%d" % r.randrange(1, 1 << 20)]][:8 if not pick(r, 3) else 13])
    if pick(r, 3):
        words.append("--")
    for _ in range(r.randrange(4)):
        words.append(r.choice(["10.0.0.1", "10.0.0.0/8", "-i", "--", "eq", "{", "or", "!", "é x", "a", "ge", "lt"]) if pick(r, 2) else "10.0.0.2")
    return words


def condition(r):
    words = [r.choice(["if", "unless"]) if not pick(r, 30) else r.choice(["IF", "or", "!"])]
    for _ in range(r.randrange(6)):
        kind = r.randrange(12)
        if kind < 4:
            words.append("!" * r.choice([0, 0, 0, 1, 2, 3]) + r.choice(["a", "b.c:d-e_F", "TRUE", "FALSE"]))
        elif kind < 6:
            words.append(r.choice(["or", "||", "OR", "Or", "oR", "!or", "!||"]))
        elif kind < 10:
            words += ["!" * r.choice([0, 0, 1, 2]) + "{"] + acl_words(r) + ["}"] * (not pick(r, 20))
        elif kind == 10:
            words.append("!" * r.randrange(1, 3))
        elif pick(r, 3):
            words.append(r.choice(["}", "{", "a/b", "a!", "{a", "&&", "a b", "if", "unless", "!{}"]))
    return words[:50]


ALIASES = ["ci", "cp", "ST", "B", "H", "t", "o", "f", "b", "s", "Tt", "U"]
TEXTS = ["a", " ", "%%", "-", "%%%%", "]", "}", ")", "\"", "é", "%-", "%_", "%;", "x1", "\\", "'", ",", "%]"]


def format_(r):
    text = ""
    for _ in range(r.randrange(1, 6)):
        kind = r.randrange(10)
        if kind < 3:
            text += r.choice(TEXTS)
            continue
        item = "%"
        if pick(r, 3):
            item += r.choice(["(n)", "(a_b-1)", "(n:str)", "(n:sint)", "(:bool)", "()", "(n:raw)"] + ["(", "(n", "(a b)", "(n:x)", "(n:)", "(n:str", "(n:str:str)"] * pick(r, 3))
        if pick(r, 3):
            item += r.choice(["{+Q}", "{-X}", "{}", "{+Q,-X}", "{Q}", "{,+Q,,}", "{+Q"] if not pick(r, 8) else ["{", "{+Q}{+X}", "{+Q}%"])
        kind = r.randrange(10)
        item += "[%s]" % sample(r) if kind < 4 else "[str(a),lower]" if kind == 4 else r.choice(ALIASES) + r.choice(["", " ", "-", "%%"]) if kind < 9 else r.choice(["", "1", " ", "cix", "[", "\t"])
        text += item
    return text


PREDICATES = ["streq", "streq", "strneq", "strstr", "version_atleast", "version_before", "defined", "feature", "enabled", "ssllib_name_startswith", "openssl_version_atleast"]
VERSIONS = ["2.4", "2.6", "3.0", "3.2", "3.4", "2", "3", "2.6.0", "3.0-dev5", "3.4.0-dev", "9.9.9", "3.2-rc1", "3.0.99", "3.4x", "", "x", "0.1", "3.", "2.6-5", "-3", "3.2.0.0"]
BROKEN = ["&", "|", "(", ")", "x", "foo(1)", "!", ",", "streq", "defined (x)", "1x", "08", "0x"]
NUMBERS = ["0", "1", "00", "010", "0x1f", "0X0", "-1", "+0", "-0", "99999999999999999999999"]


def predicate(r):
    name = r.choice(PREDICATES)
    if name.startswith("version"):
        return "%s(%s)" % (name, r.choice(VERSIONS))
    if name.startswith("openssl"):  # HAProxy up to 3.0 dies of what is no version
        return name + "(%s)" % r.choice(["1.1.1", "3.0.0"])
    if name.startswith("str"):
        a = argument(r)
        b = a if pick(r, 2) else argument(r)
        if name == "strstr" and pick(r, 2):
            return 'strstr("%s","%s")' % ("ab" * r.randrange(5) + "aab", "ab" * r.randrange(3))
        return "%s(%s,%s)" % (name, a, b) if not pick(r, 20) else "%s%s" % (name, arguments(r, r.randrange(4)))
    return "%s(%s)" % (name, argument(r)) if not pick(r, 20) else "%s%s" % (name, arguments(r, r.randrange(3)))


def blank(r):
    return r.choice(["", "", "", " ", "  ", "\t"])


def term(r, depth):
    text = "".join("!" + blank(r) for _ in range(r.choice([0, 0, 0, 1, 2])))
    kind = r.randrange(10)
    if kind < 3:
        return text + r.choice(NUMBERS[:4] if not pick(r, 4) else NUMBERS)
    if kind < 7 or depth == 0:
        return text + predicate(r)
    if pick(r, 10):
        return text + r.choice(BROKEN)
    return text + "(" + blank(r) + whole(r, depth - 1) + blank(r) + (")" if not pick(r, 20) else "")


def whole(r, depth=4):
    text = term(r, depth)
    for _ in range(r.choice([0, 0, 0, 1, 1, 2])):
        text += blank(r) + r.choice(["&&", "||"] if not pick(r, 25) else ["&", "|", "&&&&", "", "&& ||"]) + blank(r) + (term(r, depth) if not pick(r, 30) else "")
    return text


def if_(r):
    """As words: some are split at blanks, which HAProxy joins again."""
    kind = r.randrange(40)
    if kind == 0:
        return [r.choice(["", " ", "\t", "0", "!", "()", "( )"])]
    if kind == 1:  # where HAProxy has enough
        n = r.choice([254, 255, 256, 339, 340, 341])
        return [r.choice(["(", "(", "(1||", "(0||!", "(1&&!"]) * n + "1" + ")" * n]
    if kind == 2:
        n = r.choice([1021, 1022, 1023])
        return [r.choice(["&&", "||"]).join(["1"] * n)]
    text = whole(r)
    return [text] if pick(r, 2) or "  " in text or text.strip(" ") != text else text.split(" ")
