"""Lines from rows: those that a row says are good, and those that it says are bad.

A line is a list of words. A word is a Leaf, a Split (parts of one word) or a Paren, `name(inner)`.
"""
import fnmatch
import os
import re

import grammar

LISTED = ("ATOI", "INT", "CASELESS")  # types whose parameter is a list of what there is
CALLS = ("fetch", "converter")
MOST = 48  # lines of a kind for one row and release


class Leaf:
    def __init__(self, text, bad=()):
        self.text, self.bad = text, bad


class Split:
    def __init__(self, byte, words):
        self.byte, self.words = byte, words

    @property
    def text(self):
        return self.byte.join(w.text for w in self.words)


class Paren:
    def __init__(self, name, word):
        self.name, self.word = name, word

    @property
    def text(self):
        return "%s(%s)" % (self.name, self.word.text)


HOLE = Leaf("\0")


def text_of(words):
    return " ".join(w.text for w in words)


class NoValue(Exception):
    pass


class Row:
    def __init__(self, fields):
        self.table, self.words, first, last, self.warns, prefix, self.flags, self.arguments, free, self.evidence, self.properties = fields
        self.free = free == "1"
        number = lambda r, none: none if r == "-" else int(r.split(".")[0]) * 100 + int(r.split(".")[1])  # noqa: E731
        self.first, self.last, self.prefix = number(first, 105), number(last, 999), int(prefix)
        self.items = grammar.parse(self.arguments)

    def __str__(self):
        return "%s: %s" % (self.table, self.words)


class Values:
    def __init__(self, path, folder):
        self.lines, self.places, self.without = [], {}, set()
        with open(path, encoding="ascii") as f:
            for line in f:
                if line[0] == "@":
                    table, section, text = line[1:].rstrip("\n").replace("%D", folder).split("\t")
                    self.places.setdefault(table, []).append((section, text))
                elif line[0] == "!":
                    self.without.add(tuple(line[1:].rstrip("\n").split("\t")))
                elif line[0] != "#":
                    table, keyword, kind, good, bad = line.rstrip("\n").replace("%D", folder).split("\t")
                    part = lambda t: [] if t == "-" else [v.replace("%E", "") for v in t.split(" | ")]  # noqa: E731
                    self.lines.append((table, keyword, kind, part(good), part(bad)))

    def given(self, table, keyword, kind):
        """The good values of the first line with exactly this kind."""
        return next((good for t, k, what, good, _ in self.lines if t in ("*", table) and k in ("*", keyword) and what == kind), [])

    def of(self, row, item):
        _, name, parameter = item
        numbers = re.search(r"(-?\d*)\.\.(-?\d*)", parameter)
        words = set(parameter.split(",")) - {""}
        for table, keyword, kind, good, bad in self.lines:
            what, _, some = kind.rstrip(")").partition("(")
            if table in ("*", row.table) and fnmatch.fnmatchcase(row.words, keyword) and what == name and set(some.split()) <= words:
                break
        else:
            raise NoValue("no values of the type %s(%s)" % (name, parameter))
        if numbers and name == "STRING":
            good = ["a" * int(e or 1) for e in numbers.groups()[:1]]
            bad = ["a" * (int(e) + i) for e, i in zip(numbers.groups(), (-1, 1)) if e and int(e) + i > 0]
        elif numbers:
            unit = "ms" if name == "TIME" else ""
            low, high = numbers.groups()
            good = [e + unit for e in (low, high) if e] + [g for g in good if self.within(g, numbers)]
            bad = bad + ([str(int(low) - 1) + unit] if low else []) + ([str(int(high) + 1) + unit] if high else [])
        elif name in LISTED and words:
            listed = parameter.split(",")
            bad = bad + [g for g in good if g not in listed]
            good = [listed[0], listed[-1].upper()]
        return good, bad

    @staticmethod
    def within(text, numbers):
        """Whether the numbers in a text are in a range."""
        low, high = (int(e) if e else None for e in numbers.groups())
        return all((low is None or low <= int(n)) and (high is None or int(n) <= high) for n in re.findall(r"(?<!\d)-?\d+", text))


class Maker:
    """Makes lines for one release."""

    def __init__(self, rows, release, values):
        self.release, self.values = release, values
        self.tables = {}
        for row in rows:
            if row.first <= release <= row.last:
                self.tables.setdefault(row.table, []).append(row)
        self.simple, self.inside = {}, ""

    # --- what is good ---

    def sequence(self, row, items, depth=0):
        """Lists of words: the first is the shortest, each other one takes one way that the first does not."""
        all_ways = [self.item(row, item, depth) for item in items]
        least = [ways[0] for ways in all_ways]
        out = [sum(least, [])]
        for i, ways in enumerate(all_ways):
            for way in ways[1:]:
                out.append(sum(least[:i], []) + way + sum(least[i + 1:], []))
        return out

    def item(self, row, item, depth):
        kind = item[0]
        if kind == "lit":
            return [[Leaf(item[1])]]
        if kind == "not":
            return [[]]
        if kind == "type":
            good, bad = self.values.of(row, item)
            if item[1:] == ("REF", "server") and self.inside == "/":  # the backend stands in a part of its own
                good, bad = ([w.rpartition("/")[2] for w in some] for some in (good, bad))
            return [[Leaf(g, bad if i == 0 else ())] for i, g in enumerate(good[:4])]
        if kind == "opt":
            return [[]] + self.sequence(row, item[1], depth)
        if kind == "alt":
            ways = []
            for way in item[1]:
                ways += self.sequence(row, way, depth)
            first = item[1][0]
            if ways[0] and all(way and way[0][0] == "lit" for way in item[1]):
                ways[0] = [Leaf(ways[0][0].text, ("khapwrong",))] + ways[0][1:]
            return ways
        if kind == "many":
            ways = self.item(row, item[1], depth)
            ways = [w for w in ways if w] or ways
            return ways + ([ways[0] + ways[-1]] if ways and ways[0] else [])
        if kind == "split":
            before, self.inside = self.inside, item[1]
            ways = [[Split(item[1], words)] for words in self.sequence(row, item[2], depth)]
            self.inside = before
            return ways
        return self.vocabulary(item[1], depth)

    def vocabulary(self, table, depth):
        """The two shortest keywords of a table."""
        said = self.values.given("*", "*", "<%s>" % table)
        if said:
            return [[Leaf(w) for w in text.split(" ")] for text in said]
        if table not in self.simple:
            found = []
            self.simple[table] = []
            for other in sorted(self.tables.get(table, []), key=lambda r: (r.flags != "0", len(r.items) > 0, r.words.endswith(("()", "#")))):
                if depth > 3 or len(found) == 2:
                    break
                try:
                    found.append(self.row(other, depth + 1)[0])
                except NoValue:
                    continue
            self.simple[table] = found
        found = self.simple[table]
        if not found:
            raise NoValue("nothing in the table " + table)
        return [[Leaf(found[0][0].text, ("khapwrong",)) if isinstance(found[0][0], Leaf) else found[0][0]] + found[0][1:]] + found[1:]

    def call(self, row, words):
        """A fetch or a converter, with its arguments in parentheses."""
        name = row.words.replace("*", "x")
        return [Paren(name, Split(",", words)) if words else Leaf(name)]

    def row(self, row, depth=0):
        """All lines of a row, with its keyword."""
        items = row.items
        if row.table in CALLS:
            return [self.call(row, words) for words in self.sequence(row, items, depth)]
        if row.words.endswith("()"):
            name = row.words[:-2]
            inner = self.sequence(row, items[:1], depth) if items else [[Leaf("x")]]
            rest = self.sequence(row, items[1:], depth)
            inner = [i if i else [Leaf("")] for i in inner]
            return [[Paren(name, i[0])] + rest[0] for i in inner] + [[Paren(name, inner[0][0])] + r for r in rest[1:]]
        row_words = row.words.replace("*", "x")
        names = [row_words[:-1] + "0", row_words[:-1] + "1"] if row_words.endswith("#") else [row_words]
        ways = self.sequence(row, items, depth)
        return [[Leaf(names[0])] + w for w in ways] + [[Leaf(n)] + ways[0] for n in names[1:]]

    def good(self, row):
        seen, out = set(), []
        for words in self.row(row):
            text = text_of(words)
            if text not in seen and all(w.text for w in words):
                seen.add(text)
                out.append(words)
        if not out:
            raise NoValue("only lines with empty words")
        return out[:MOST]

    # --- what is bad ---

    def bad(self, row, good):
        """(why, words): each word but the keyword dropped, one too many, each bad value."""
        seen = {text_of(words) for words in good}
        out, self.done = [], set()
        for i, words in enumerate(good):
            ends = (i == 0 or i == len(good) - 1) and row.table not in ("acl", "match")  # patterns stand behind those
            if row.table in CALLS:
                inner = words[0].word.words if isinstance(words[0], Paren) else []
                found = [(why, self.call(row, parts)) for why, parts in self.edits(inner, 0, ends)]
            else:
                found = self.edits(words, 1, ends)
            for why, other in found:
                if (row.words, why) in self.values.without:
                    continue
                text = text_of(other)
                if text not in seen and all(w.text for w in other):
                    seen.add(text)
                    out.append((why, other))
        return out[:MOST]

    def edits(self, words, first, more):
        """(why, words): a word from `first` on dropped, a bad value in place of one, one too many."""
        for i, word in enumerate(words):
            inner = []
            if i >= first:
                yield "drop", words[:i] + words[i + 1:]
            if isinstance(word, Leaf):
                inner = [("value", Leaf(bad)) for bad in word.bad if word not in self.done]
                self.done.add(word)
            elif isinstance(word, Split):
                inner = [(why, Split(word.byte, parts)) for why, parts in self.edits(word.words, 0, more) if parts]
            elif isinstance(word, Paren):
                inner = [(why, Paren(word.name, parts[0])) for why, parts in self.edits([word.word], 1, False)]
            for why, other in inner:
                yield why, words[:i] + [other] + words[i + 1:]
        if more:
            yield "more", words + [Leaf("khapmore")]

    # --- how the words of a table come into a section ---

    def carriers(self, sections):
        """{table: (section, words with HOLE)}, by the shortest way from a section."""
        found = {}
        todo = [s for s in sections if s in self.tables]
        for s in todo:
            found[s] = (s, [HOLE])
        while todo:
            table = todo.pop(0)
            section, outer = found[table]
            for row in self.tables[table]:
                for item in grammar.mentions(row.items):
                    if item[0] != "voc" or item[1] in found:
                        continue
                    try:
                        inner = self.holed(row, item[1])
                    except NoValue:
                        continue
                    found[item[1]] = (section, fill(outer, inner))
                    todo.append(item[1])
        return {t: w for t, w in found.items() if t in self.tables}

    def places(self, known):
        """Where the tables that stand in the parentheses of fetches and converters come into a line: {table: [(section, text with @), …]}."""
        found = {}
        for table in CALLS:
            for row in self.tables.get(table, []):
                for item in grammar.mentions(row.items):
                    if item[0] != "voc" or item[1] in known or item[1] in found:
                        continue
                    try:
                        text = text_of(self.call(row, self.hole_in(row, row.items, item[1]))).replace(HOLE.text, "@")
                    except NoValue:
                        continue
                    found[item[1]] = [(section, place.replace("@", text, 1)) for section, place in self.values.places[table]]
        return found

    def holed(self, row, table):
        """The shortest words of a row that have a HOLE for a keyword of that table."""
        items, name = row.items, row.words
        if name.endswith("()"):
            inner = self.hole_in(row, items[:1], table)
            rest = self.sequence(row, items[1:])[0]
            if inner is None:
                inner, rest = self.sequence(row, items[:1])[0], self.hole_in(row, items[1:], table)
            return [Paren(name[:-2], inner[0])] + rest
        return [Leaf(name[:-1] + "0" if name.endswith("#") else name)] + self.hole_in(row, items, table)

    def hole_in(self, row, items, table):
        for i, item in enumerate(items):
            if ("voc", table) not in list(grammar.mentions([item])):
                continue
            before, after = self.sequence(row, items[:i])[0], self.sequence(row, items[i + 1:])[0]
            if item[0] == "voc":
                middle = [HOLE]
            elif item[0] == "split":
                middle = [Split(item[1], self.hole_in(row, item[2], table))]
            elif item[0] == "alt":
                middle = next(w for w in (self.hole_in(row, way, table) for way in item[1]) if w is not None)
            else:
                middle = self.hole_in(row, item[1] if item[0] == "opt" else [item[1]], table)
            return before + middle + after
        return None


def fill(words, what):
    out = []
    for word in words:
        if word is HOLE:
            out += what
        elif isinstance(word, Split):
            out.append(Split(word.byte, fill(word.words, what)))
        elif isinstance(word, Paren):
            out.append(Paren(word.name, fill([word.word], what)[0]))
        else:
            out.append(word)
    return out


def read_rows(text):
    return [Row(line.split("\t")) for line in text.splitlines()]


HERE = os.path.dirname(os.path.abspath(__file__))
