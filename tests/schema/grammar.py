"""The argument grammar of docs/schema.md, read apart from lib/schema: parse(text) gives a list of items.

An item is a tuple: ("lit", word), ("type", name, parameter), ("opt", items), ("alt", [items, …]), ("many", item), ("voc", table), ("split", byte, items),
("not", word), which takes none.
"""
import re

TOKENS = re.compile(r"""\s*(?:(\.\.\.)|([,:/=;@.|+!-]\()|([][{}|)])|(<[a-z][a-z0-9-]*>)|('[^']+')|([A-Z][A-Z]+(?:\([^)]*\))?(?=[][{}|) .]|$))|((?:(?!\.\.\.)[^][{}|)\s])+))""")


def tokens(text):
    at, found = 0, []
    text = text.rstrip()
    while at < len(text):
        m = TOKENS.match(text, at)
        if not m:
            raise ValueError("cannot read %r at %r" % (text, text[at:]))
        found.append(m.group(m.lastindex))
        at = m.end()
    return found


def parse(text):
    left = tokens("" if text == "-" else text)

    def sequence(stop):
        items = []
        while left and left[0] not in stop:
            items.append(item())
        if stop and not left:
            raise ValueError("%r lacks one of %r" % (text, stop))
        return items

    def item():
        token = left.pop(0)
        if token == "[":
            found = ("opt", sequence("]"))
            left.pop(0)
        elif token == "{":
            ways = []
            while token != "}":
                ways.append(sequence("|}"))
                token = left.pop(0)
            found = ("alt", ways)
        elif len(token) == 2 and token[1] == "(":
            found = ("split", token[0], sequence(")"))
            left.pop(0)
        elif token[0] == "<":
            found = ("voc", token[1:-1])
        elif token[0] == "'":
            found = ("lit", token[1:-1])
        elif token[0] == "^" and len(token) > 1:
            found = ("not", token[1:])
        elif re.match("[A-Z][A-Z]", token):
            name, _, parameter = token.partition("(")
            found = ("type", name, parameter[:-1])
        elif token in ("]", "}", "|", ")", "..."):
            raise ValueError("unexpected %r in %r" % (token, text))
        else:
            found = ("lit", token)
        while left and left[0] == "...":
            left.pop(0)
            found = ("many", found)
        return found

    return sequence("")


def mentions(items):
    """All items, with those inside others."""
    for item in items:
        yield item
        if item[0] == "opt":
            yield from mentions(item[1])
        elif item[0] == "alt":
            for way in item[1]:
                yield from mentions(way)
        elif item[0] == "many":
            yield from mentions([item[1]])
        elif item[0] == "split":
            yield from mentions(item[2])
