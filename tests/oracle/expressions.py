# SPDX-License-Identifier: MIT
"""An oracle for expressions, ACLs, conditions of rules and `.if' conditions, written from the grammar and not from lib/value.

Each parser gives a tree of (kind, negated, text, children), or None when HAProxy refuses. Bytes are latin-1 characters.
"""
import re

EXPRESSION, FETCH, CONVERTER, ARGUMENT, ACL, FLAG, OPERATOR, VALUE, CONDITION, ALL, NAMED, ANY, NUMBER, PREDICATE = range(1, 15)


class Refused(Exception):
    pass


def node(kind, text="", children=(), negated=False):
    return (kind, negated, text, list(children))


def render(tree):
    kind, negated, text, children = tree
    return "(%d:%s%s%s)" % (kind, "!" if negated else "", text.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n"), "".join(map(render, children)))


# In an argument: what is quoted, what is escaped, and any other byte but its end. An escape is no escape in single quotes.
ESCAPES = {"\\": "\\", " ": " ", '"': '"', "'": "'", "n": "\n", "r": "\r", "t": "\t"}


def split_arguments(text, quotes):
    """(arguments, rest behind the closing parenthesis); text begins behind the opening one."""
    if not quotes:
        inside, closed, rest = text.partition(")")
        if not closed:
            raise Refused
        return (inside.split(",") if inside else []), rest
    found, word, mode, i, seen = [], "", None, 0, False
    while i < len(text):
        c = text[i]
        if mode is None and c in ",)":
            if c == ")":
                return ([] if not found and not seen else found + [word]), text[i + 1:]
            found.append(word)
            word = ""
            seen = True
        elif mode is None and c in "\"'":
            mode = c
            seen = True
        elif c == mode:
            mode = None
        elif c == "\\" and mode != "'" and text[i + 1:i + 2] in ESCAPES and i + 1 < len(text):
            i += 1
            word += ESCAPES[text[i]]
            seen = True
        else:
            word += c
            seen = True
        i += 1
    raise Refused


def call(text, kind, quotes):
    name = re.match(r"[A-Za-z0-9._+:-]+", text)
    if not name:
        raise Refused
    rest, args = text[name.end():], []
    if rest.startswith("("):
        args, rest = split_arguments(rest[1:], quotes)
    return node(kind, name.group(), [node(ARGUMENT, a) for a in args]), rest


def expression(text, release, kind=FETCH):
    quotes = release >= 202
    first, rest = call(text, kind, quotes)
    calls = [first]
    while rest:
        if rest[0] != ",":
            raise Refused
        rest = rest.lstrip(",")
        if rest:
            one, rest = call(rest, CONVERTER, quotes)
            calls.append(one)
    return node(EXPRESSION, "", calls)


def acl_body(words, release):
    if not words:
        raise Refused
    children = [expression(words[0], release)]
    words = words[1:]
    while words and words[0].startswith("-"):
        flag, words = words[0], words[1:]
        if flag == "--":
            children.append(node(FLAG, flag))
            break
        if flag in ("-i", "-n", "-M"):
            children.append(node(FLAG, flag))
        elif flag in ("-f", "-m", "-u"):
            if not words or (flag == "-u" and not re.fullmatch(r"[ \t\n\v\f\r]*[+-]?[0-9]+", words[0])):
                raise Refused
            children.append(node(FLAG, flag, [node(VALUE, words[0])]))
            words = words[1:]
        else:
            raise Refused
    return children + [node(OPERATOR if w in ("eq", "ge", "gt", "le", "lt") else VALUE, w) for w in words]


NAME = r"[A-Za-z0-9._:-]+"


def before_empty(words):
    return words[:words.index("")] if "" in words else words


def acl(words, release):
    words = before_empty(words)
    if not words or not re.fullmatch(NAME, words[0]) or words[0].lower() == "or":
        raise Refused
    return node(ACL, words[0], acl_body(words[1:], release))


def condition(words, release):
    words = before_empty(words)
    if not words or words[0] not in ("if", "unless"):
        raise Refused
    suites, negated, i, fresh = [], False, 1, True
    while i < len(words):
        bare = words[i].lstrip("!")
        negated ^= (len(words[i]) - len(bare)) % 2 == 1
        i += 1
        if not bare:
            continue
        if bare.lower() == "or" or bare == "||":
            fresh, negated = True, False
            continue
        if bare == "{":
            if "}" not in words[i:]:
                raise Refused
            end = words.index("}", i)
            term = node(ACL, "", acl_body(words[i:end], release), negated)
            i = end + 1
        elif re.fullmatch(NAME, bare):
            term = node(NAMED, bare, (), negated)
        else:
            raise Refused
        if fresh:
            suites.append([])
        suites[-1].append(term)
        fresh, negated = False, False
    return node(CONDITION, words[0], [node(ALL, "", s) for s in suites])


PREDICATES = {"defined": (204, 1), "feature": (204, 1), "streq": (204, 2), "strneq": (204, 2), "version_atleast": (204, 1), "version_before": (204, 1),
              "openssl_version_atleast": (205, 1), "openssl_version_before": (205, 1), "ssllib_name_startswith": (205, 1), "strstr": (208, 2), "enabled": (208, 1),
              "awslc_api_atleast": (304, 1), "awslc_api_before": (304, 1)}
BLANKS = " \t"


class If:
    """HAProxy's own recursion, with its count of steps."""

    def __init__(self, words, release):
        self.text = words[0] if release < 205 and words else " ".join(words)
        self.release = release

    def whole(self):
        if not self.text:
            return node(ANY)
        text = self.text.lstrip(BLANKS)
        if not text:
            raise Refused
        if self.release < 205:
            if text[0] in "!(":
                raise Refused
            tree, rest = self.term(text, 1022)
            tree = node(ANY, "", [node(ALL, "", [tree])])
        else:
            tree, rest = self.any(text, 1024)
        if rest.lstrip(BLANKS):
            raise Refused
        return tree

    def any(self, text, depth, negated=False):
        suites = []
        while True:
            suite, text = self.all(text, depth - 1)
            suites.append(suite)
            text = text.lstrip(BLANKS)
            if not text.startswith("||"):
                return node(ANY, "", suites, negated), text
            text = text[2:]
            depth -= 1

    def all(self, text, depth):
        terms = []
        while True:
            term, text = self.term(text, depth - 1)
            terms.append(term)
            text = text.lstrip(BLANKS)
            if not text.startswith("&&"):
                return node(ALL, "", terms), text
            text = text[2:]
            depth -= 1

    def term(self, text, depth):
        text = text.lstrip(BLANKS)
        if not text or depth <= 0:
            raise Refused
        negated = False
        while text.startswith("!"):
            negated = not negated
            text = text[1:].lstrip(BLANKS)
        number = re.match(r"[ \t\n\v\f\r]*([+-]?(0[xX][0-9a-fA-F]+|0[0-7]*|[1-9][0-9]*))", text)
        if number:
            return node(NUMBER, number.group(1), (), negated), text[number.end():]
        if text.startswith("("):
            tree, rest = self.any(text[1:].lstrip(BLANKS), depth - 1, negated)
            if not rest.startswith(")"):
                raise Refused
            return tree, rest[1:]
        name = re.match(r"[^ (]*", text).group()
        since, count = PREDICATES.get(name, (9999, 0))
        if since > self.release:
            raise Refused
        rest, args = text[len(name):], []
        if rest.startswith("("):
            args, rest = split_arguments(rest[1:], True)
        if max(len(args), 1) != count:
            raise Refused
        return node(PREDICATE, name, [node(ARGUMENT, a) for a in args], negated), rest


def atleast(release, text):
    """2: yes, 0: no, 1: not known, for the stable versions of a branch."""
    found = re.fullmatch(r"(\d{1,6})(?:\.(\d{1,6}))?(?:\.(\d{1,6}))?(-dev\d*|-rc\d*|-\d+)?", text)
    if not found:
        return 1
    wanted = (int(found.group(1)), int(found.group(2) or 0))
    if wanted != divmod(release, 100):
        return 2 if wanted < divmod(release, 100) else 0
    suffix = found.group(4) or ""
    return 2 if int(found.group(3) or 0) == 0 and (not suffix or suffix[1] in "dr") else 1


def decide(tree, release):
    kind, negated, text, children = tree
    args = [c[2] for c in children]
    if kind == ANY:
        value = max(map(lambda c: decide(c, release), children), default=0)
    elif kind == ALL:
        value = min(map(lambda c: decide(c, release), children))
    elif kind == NUMBER:
        value = 0 if re.fullmatch(r"[+-]?(0[xX])?0+", text) else 2
    elif text == "streq":
        value = 2 if args[0] == args[1] else 0
    elif text == "strneq":
        value = 0 if args[0] == args[1] else 2
    elif text == "strstr":
        value = 2 if args[1] in args[0] else 0
    elif text.startswith("version"):
        value = atleast(release, args[0] if args else "")
        value = 2 - value if text == "version_before" else value
    else:
        value = 1
    return 2 - value if negated else value


def parse(kind, release, words):
    """The tree, or None."""
    try:
        if kind == "sample":
            return expression(words[0], release)
        if kind == "converters":
            return expression(words[0], release, CONVERTER)
        if kind == "acl":
            return acl(words, release)
        if kind == "condition":
            return condition(words, release)
        return If(words, release).whole()
    except Refused:
        return None
