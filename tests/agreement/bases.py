"""Configurations that a HAProxy takes, for mutants: those of the project's cases and examples, and generated ones, in which each keyword of the
schema's tables stands, in sections of each kind.

A base is a text and {line number: class}: the class of a line is the table of the schema whose keyword it was made for (`bind`, `http-request`, `cache` …);
lines around it, and those of cases, have the class of their first word.
"""
import glob
import os
import random
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "schema"))
import judge  # noqa: E402
import lines  # noqa: E402
import rows  # noqa: E402
import tap  # noqa: E402

TOGETHER = 8  # lines of rows in one generated file
RULES = ("http-request", "http-response", "http-after-response", "tcp-request", "tcp-response", "http-check", "tcp-check", "stick", "stats", "option", "timeout")
HEADERS = {"global", "defaults", "frontend", "backend", "listen"} | set(judge.SECTIONS) | {"peers", "mailers", "resolvers", "http-errors", "crt-store", "log-profile", "traces"}


def class_of(words):
    """Of a line that was made for no row."""
    words = words[1:] if len(words) > 1 and words[0] in ("no", "default") else words
    if words[0] in HEADERS:
        return "section"
    if words[0] in ("bind", "server", "default-server", "acl", "stick-table", "log", "use_backend", "default_backend", "balance", "cookie", "filter") + RULES:
        return words[0]
    return "other lines"


class Base:
    def __init__(self, text, classes=None, first=0):
        self.lines = text.split("\n")
        self.first = first  # the first line that is its own; those before are sections that it refers to
        self.classes = classes or {}

    def class_of(self, number):
        return self.classes.get(number) or class_of(self.lines[number].split())


def of_files(asker):
    """Of cases and examples, those that HAProxy takes."""
    found = []
    for pattern in ("tests/cases/*/expected*.cfg", "examples/*.cfg", "tests/agreement/*.cfg"):
        for name in sorted(glob.glob(os.path.join(tap.srcdir, pattern))):
            with open(name, encoding="latin-1", newline="") as f:
                text = f.read()
            if len(text) < 30000 and not asker(text):
                found.append(Base(text))
    return found


def cases_of(release, folder, rng, share):
    """Lines for a part of the rows, each in a section of its own."""
    values = lines.Values(os.path.join(lines.HERE, "values.tsv"), folder)
    text = subprocess.run([rows.DRIVER, "rows"], stdout=subprocess.PIPE, check=True, universal_newlines=True).stdout
    maker = lines.Maker(lines.read_rows(text), release, values)
    carriers = maker.carriers(rows.SECTIONS)
    inside = maker.places(carriers)
    found = []
    for table, some in sorted(maker.tables.items()):
        where = values.places.get(table) or inside.get(table) or ([carriers[table]] if table in carriers else [])
        if table in ("misnomer", "crt-list") or not where:
            continue
        for row in some:
            if rng.random() >= share:
                continue
            try:
                good = maker.good(row)
            except lines.NoValue:
                continue
            for words in {lines.text_of(w): w for w in (good[0], rng.choice(good), good[-1])}.values():
                section, place = rng.choice(where)
                if row.words.startswith("track-sc") and section in ("frontend", "backend"):
                    section += "+table"
                line = place.replace("@", lines.text_of(words), 1) if isinstance(place, str) else lines.text_of(lines.fill(place, words))
                if section != "crt-list":
                    found.append(judge.Case(row, "good", section, line, True))
    return found


def generated(asker, folder, rng, share):
    """Of the rows of the tables: what HAProxy takes."""
    cases = [c for c in cases_of(asker.release, folder, rng, share) if not judge.WAITS.match(c.text)]
    jobs = [cases[i:i + 150] for i in range(0, len(cases), 150)]
    doubtful = {c for some in asker.pool.map(asker.taken, jobs) for c in some}
    asker.pool.map(asker.alone, doubtful, chunksize=1)
    good = [c for c in cases if c not in doubtful]
    rng.shuffle(good)
    groups = [good[i:i + TOGETHER] for i in range(0, len(good), TOGETHER)] + [[c] for c in cases if c in doubtful and not c.refused]
    found = []
    for group, alerts in zip(groups, asker.pool.map(lambda g: asker.ask(g)[0], groups)):
        if alerts:
            continue
        text, at = asker.text(group, [])
        number = {id(c): [n for n in at if at[n] is c] for c in group}
        base = Base(text, first=asker.world.count("\n"))
        for case in group:
            for n in number[id(case)]:
                if base.lines[n - 1].strip() == case.text.strip():
                    base.classes[n - 1] = case.row.table
        found.append(base)
    return found


# --- mutants ---

UNIT = re.compile(r"(\d+)(us|ms|s|m|h|d|k|K|M|G|g)$")
ADDRESS = re.compile(r"((?:\w+@)?(?:[\d.]+|\[[0-9a-f:]*\]|[0-9a-f]*::[0-9a-f]*|\*)?):(\d+)$")
NAMED = re.compile(r"^\s*(frontend|backend|listen|defaults|userlist|peers|mailers|resolvers|cache|http-errors|ring|log-forward|fcgi-app|crt-store|log-profile|acme|healthcheck|program)"
                   r"\s+([\w.-]+)|^\s*(acl|user|group|server|nameserver|mailer)\s+([\w.-]+)")


def typo(rng, word):
    if len(word) < 2:
        return word + "x"
    at = rng.randrange(len(word))
    return rng.choice([word[:at] + word[at + 1:], word[:at] + rng.choice("abcxyz019") + word[at + 1:], word[:at] + word[at] + word[at:],
                       word[:at] + word[at:at + 2][::-1] + word[at + 2:]])


def units(rng, word):
    m = UNIT.match(word)
    return m and m.group(1) + rng.choice(["x", "", "kb", "ss", "S", "us", "1h30m", "d", "k", "%"])


def ports(rng, word):
    m = ADDRESS.match(word)
    return m and m.group(1) + ":" + rng.choice(["99999", "x", "0", "", "80x", "-1", "80-70", "65536"])


def addresses(rng, word):
    m = ADDRESS.match(word)
    return m and rng.choice(["10.0.0.999", "10.0.0", "", "*", "[::1", "::1", "ipv4@::1", "ipv6@10.0.0.1", "nosuch@1.2.3.4", "[1.2.3.4]", "unix@/x"]) + ":" + m.group(2)


def numbers(rng, word):
    m = re.match(r"-?\d+$", word)
    return m and rng.choice(["-1", "abc", "99999999999", "0", "1.5", word + "k", '""', "0x10", "+" + word, "0" + word, "65536", "2147483648"])


def values(rng, word):
    return rng.choice(["nosuch", '""', "1", "-", word.upper(), "if", "{", "a,b", "%[src]", "10s", "*", "no"])


WORDS = {"typo": typo, "unit": units, "port": ports, "address": addresses, "number": numbers, "value": values}
HOW = ["typo", "typo", "drop", "drop", "double", "swap", "unit", "port", "address", "number", "value", "section", "cut", "add", "move", "rename", "reference", "unquote",
       "quote", "same"]


def words_of(line):
    return re.findall(r'(?:"(?:\\.|[^"])*"|\'[^\']*\'|\\.|[^\s"\'\\])+', line.split(" #")[0])


def change(rng, words, how):
    """Other words, or None where that cannot be."""
    i = rng.randrange(len(words))
    if how in WORDS:
        able = [k for k, w in enumerate(words) if WORDS[how](rng, w)]
        if not able:
            return None
        i = rng.choice(able)
        return words[:i] + [WORDS[how](rng, words[i])] + words[i + 1:]
    if how == "drop":
        return words[:i] + words[i + 1:]
    if how == "double":
        return words[:i] + [words[i]] + words[i:]
    if how == "cut":
        return words[:i]
    if how == "swap" and len(words) > 1:
        j = rng.choice([k for k in range(len(words)) if k != i])
        out = list(words)
        out[i], out[j] = words[j], words[i]
        return out
    if how == "add":
        return words[:i + 1] + [rng.choice(["extra", "check", "10", "if", "{", "10s", "web", "unless", "ssl", "-m", "-f", ","])] + words[i + 1:]
    if how == "quote":
        at = rng.randrange(len(words[i]) + 1)
        return words[:i] + [words[i][:at] + rng.choice(['"', "'", "\\"]) + words[i][at:]] + words[i + 1:]
    if how == "unquote":
        marks = [(k, m.start()) for k, w in enumerate(words) for m in re.finditer(r"[\"'\\]", w)]
        if not marks:
            return None
        k, at = rng.choice(marks)
        return words[:k] + [words[k][:at] + words[k][at + 1:]] + words[k + 1:]
    return words if how == "same" else None


def mutate(rng, base, kind=None):
    """A line of a class, or any. (how, class, line before, line after, text)"""
    able = [i for i, line in enumerate(base.lines) if line.split() and not line.lstrip().startswith("#")]
    own = [i for i in able if i in base.classes and (not kind or base.classes[i] == kind)] or [i for i in able if i >= base.first]
    while True:
        how = rng.choice(HOW)
        at = rng.choice(own if rng.random() < 0.8 else able)
        line = base.lines[at]
        changed = list(base.lines)
        if how in ("section", "move"):
            changed.pop(at)
            # within its section, or anywhere
            to = at + rng.choice([-3, -2, -1, 1, 2, 3]) if how == "move" else rng.randrange(len(changed) + 1)
            changed.insert(min(max(to, 0), len(changed)), line)
        elif how == "rename":
            named = [i for i in able if NAMED.match(base.lines[i])]
            if not named:
                continue
            at = rng.choice(named)
            line = base.lines[at]
            name = [g for g in NAMED.match(line).groups() if g][1]
            changed[at] = re.sub(r"(?<=\s)%s(?=\s|$)" % re.escape(name), name + "x", line, count=1)
        elif how == "reference":
            names = {[g for g in m.groups() if g][1] for m in map(NAMED.match, base.lines) if m}
            words = words_of(line)
            used = [(k, n) for k, w in enumerate(words) for n in names if k > 0 and re.search(r"\b%s\b" % re.escape(n), w)]
            if NAMED.match(line) or not used:
                continue
            k, name = rng.choice(sorted(used))
            other = rng.choice(["nosuch", name.upper(), name[:-1] or "x"] + sorted(names))
            words[k] = re.sub(r"\b%s\b" % re.escape(name), other, words[k])
            changed[at] = " " + " ".join(words)
        else:
            words = change(rng, words_of(line), how) if words_of(line) else None
            if words is None:
                continue
            changed[at] = re.match(r"\s*", line).group() + " ".join(words)
        after = changed[at] if how not in ("section", "move") else "(moved)"
        return how, base.class_of(at), line, after, "\n".join(changed)
