#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""HAProxy itself reads a line for each row of the schema, and for each way that its arguments can take; the schema must have said the same.

Lines are made from the rows (lines.py): good ones, and mutants that the row says are bad. Each is judged by the schema (tests/unit/schema_driver) and by
`haproxy -c`. It asks $HAPROXY, or with HAPROXY_RELEASES ("2.2=PATH 2.6=PATH …") all of those. TABLES="bind server" asks about these alone, ROWS=REGEX
about rows whose words match; SHOW=N prints N of each kind of fault by table (default 5), SHOW=all all. Each SHARE-th row is asked about, which takes half a
minute a release; `make check-schema` asks about all; SHARE=8 PART=0 to PART=7 ask about all in eight runs. FAULTS=FILE appends the rows that had one.
"""
import collections
import fnmatch
import os
import re
import subprocess
import sys
import zlib

import judge
import lines
import tap

DRIVER = os.path.join(tap.builddir, "tests", "unit", "schema_driver")
SECTIONS = ["section", "frontend", "backend", "listen", "global", "defaults", "userlist", "peers", "mailers", "resolvers", "cache", "http-errors", "ring", "log-forward", "fcgi-app",
            "program", "crt-store", "traces", "log-profile", "acme", "healthcheck", "namespace_list", "crt-list"]


def name(release):
    return "%d.%d" % (release // 100, release % 100)


def exceptions():
    found = []
    with open(os.path.join(lines.HERE, "exceptions.tsv"), encoding="ascii") as f:
        for line in f:
            if line[0] == "#" or not line.strip():
                continue
            table, keyword, releases, what, pattern, reason = line.rstrip("\n").split("\t")
            first, _, last = releases.partition("-")
            number = lambda r, none: int(r.split(".")[0]) * 100 + int(r.split(".")[1]) if r else none  # noqa: E731
            if not reason or not set(what.split(",")) <= {"alarm", "miss", "never", "listed", "good"}:
                raise SystemExit("exceptions.tsv: " + line)
            low = number(first, 105)
            found.append([table, keyword, low, number(last, 999) if "-" in releases else low, what, "" if pattern == "-" else pattern, False])
    return found


def excepted(row, release, what, text=""):
    for e in known:
        if fnmatch.fnmatchcase(row.table, e[0]) and fnmatch.fnmatchcase(row.words, e[1]) and e[2] <= release <= e[3] and what in e[4].split(",") and re.search(e[5], text):
            e[6] = True
            return True
    return False


# Fetches and converters that the lines around a row need; they are tested in rows of their own.
HARNESS = {"str", "int", "bin", "src", "method", "always_true", "always_false", "path_beg", "lower", "upper"}


def says(answer, acls):
    """What the driver's answer has against the line, or nothing: also what it refers to must be there."""
    fields = answer.split("\t")
    if fields[0] != "good":
        return fields[0]
    defined = {f[1:] for f in fields[1:] if f[0] == "="}
    for field in fields[1:]:
        kind, _, what = field.partition(":")
        if kind in ("unknown", "wrong", "value"):
            if kind != "unknown" or what not in HARNESS:
                return field
        elif field[0] != "=" and "%[" not in what and kind in judge.NAMES and what not in judge.NAMES[kind].split() and field not in defined and not (kind == "acl" and what in acls):
            return "no " + field
    return ""


def make_cases(rows, release, values, problems):
    """All cases of a release, each with what khap says."""
    maker = lines.Maker(rows, release, values)
    carriers = maker.carriers(SECTIONS)
    inside = maker.places(carriers)
    cases = []
    for table, some in sorted(maker.tables.items()):
        places = [p for p in values.places.get(table, []) if p[0].partition("+")[0] in maker.tables] or inside.get(table)
        if places is None and table in carriers:
            section, words = carriers[table]
            places = [(section, words)]
        for row in some:
            if not wanted(row):
                continue
            if places is None:
                problems["no line leads to the table"].append(row)
                continue
            try:
                good = maker.good(row)
            except lines.NoValue as why:
                problems[str(why)].append(row)
                continue
            made = [("good", g) for g in good] + maker.bad(row, good)
            if table in SECTIONS and good:
                made += [("no", [lines.Leaf("no")] + good[0]), ("default", [lines.Leaf("default")] + good[0])]
            for why, words in made:
                texts = [(section, place.replace("@", lines.text_of(words), 1) if isinstance(place, str) else lines.text_of(lines.fill(place, words)))
                         for section, place in places]
                if row.words.startswith("track-sc"):  # the proxy needs a table
                    texts = [(section + "+table" if section in ("frontend", "backend") else section, text) for section, text in texts]
                case = judge.Case(row, why, texts[0][0], texts[0][1], None)
                case.others, case.own = texts[1:], lines.text_of(words)
                cases.append(case)
    answers = ask_driver(release, [(c.section.partition("+")[0], c.text) for c in cases])
    # as long as no row leads to a table, its rows are asked for themselves
    lost = [i for i, a in enumerate(answers) if a.startswith("unknown 0 ") and cases[i].row.table not in SECTIONS]
    for i, answer in zip(lost, ask_driver(release, [(cases[i].row.table, cases[i].own) for i in lost])):
        answers[i] = answer
    acls = {row.words for row in maker.tables.get("predefined-acl", [])}
    for case, answer in zip(cases, answers):
        case.answer = says(answer, acls)
        case.khap = not case.answer
    return cases


def ask_driver(release, questions):
    asked = "".join("%s\t%s\t%s\n" % (name(release), table, text) for table, text in questions)
    done = subprocess.run([DRIVER], input=asked, stdout=subprocess.PIPE, check=False, universal_newlines=True)
    answers = done.stdout.split("\n")[:-1]
    if done.returncode or len(answers) != len(questions):
        raise SystemExit("schema_driver ended with status %d after %d of %d lines" % (done.returncode, len(answers), len(questions)))
    return answers


def wanted(row):
    if row.table == "misnomer":  # words that nothing takes
        return False
    if SHARE > 1 and not TABLES and not ROWS and zlib.crc32(("%s %s" % (row.table, row.words)).encode()) % SHARE != PART:
        return False
    return (not TABLES or row.table in TABLES) and (not ROWS or re.search(ROWS, row.words))


def ask_again_elsewhere(asker, cases):
    """A row that stands in several places is good when it is taken in one."""
    for i in range(max([len(c.others) for c in cases] or [0])):
        again = [c for c in cases if c.refused and i < len(c.others)]
        copies = []
        for c in again:
            copy = judge.Case(c.row, c.why, c.others[i][0], c.others[i][1], c.khap)
            copies.append(copy)
        asker.all(copies)
        for c, copy in zip(again, copies):
            if not copy.refused:
                c.refused, c.text = None, copy.text


def keep(release, what, rows):
    """For FAULTS=FILE: which rows had a fault, for who mends them or excepts them."""
    if FAULTS:
        with open(FAULTS, "a", encoding="ascii") as f:
            for row in sorted(rows, key=str):
                f.write("%s\t%s\t%s\t%s\n" % (row.table, row.words, name(release), what))


def report(title, cases, release, folder):
    by_table = collections.defaultdict(list)
    for case in cases:
        by_table[case.row.table].append(case)
    for table, some in sorted(by_table.items()):
        tap.note("%s: %s in %s: %d" % (name(release), title, table, len(some)))
        for case in some[:SHOW]:
            tap.note("    %s: [%s] %s%s" % (case.why, case.section, case.text.replace(folder, "%D"), "" if case.khap else "    # " + case.answer))
            if case.refused and case.refused != "refused":
                tap.note("        " + re.sub(r"\[ALERT\] *\S+ *: *(parsing|config : parsing)? *", "", case.refused)[:300].replace(folder, "%D").replace("\n", "\n        "))


def one(binary, rows, folder):
    release = judge.version(binary)
    values = lines.Values(os.path.join(lines.HERE, "values.tsv"), folder)
    problems = collections.defaultdict(list)
    cases = make_cases(rows, release, values, problems)
    asker = judge.Judge(binary, release, folder)
    asker.all(cases)
    ask_again_elsewhere(asker, cases)
    alarms = [c for c in cases if not c.khap and not c.refused]
    misses = [c for c in cases if c.khap and c.refused]
    strange = [c for c in cases if c.why == "good" and not c.khap]
    for title, what, found in (("false alarms", "alarm", alarms), ("misses", "miss", misses)):
        bad = [c for c in found if not excepted(c.row, release, what, "%s\n%s" % (c.text, c.refused))]
        keep(release, what, {c.row for c in bad})
        report(title, bad, release, folder)
        tap.ok("%s: %s: %d of %d lines, %d excepted" % (name(release), title, len(bad), len(cases), len(found) - len(bad)), not bad)
    bad = [c for c in strange if c.refused and not excepted(c.row, release, "good", c.text)]
    keep(release, "good", {c.row for c in bad})
    report("good by the row but not by the schema, nor by HAProxy", bad, release, folder)
    tap.ok("%s: what a row says is good is good for the schema (%d)" % (name(release), len(bad)), not bad)
    for why, some in sorted(problems.items()):
        tap.note("%s: %s: %d rows: %s" % (name(release), why, len(some), ", ".join(str(r) for r in some[:SHOW])))
    n = sum(len(some) for some in problems.values())
    tap.ok("%s: each row has a line (%d have none)" % (name(release), n), not n)
    taken = {c.row for c in cases if c.khap and not c.refused}
    asked = {c.row for c in cases}
    never = sorted((r for r in asked - taken if not excepted(r, release, "never")), key=str)
    keep(release, "never", never)
    if never:
        tap.note("%s: never taken: %s" % (name(release), "; ".join(str(r) for r in never[:None if SHOW is None else SHOW * 10])))
    tap.ok("%s: a line of each row is taken (%d of %d rows are not)" % (name(release), len(never), len(asked)), not never)
    counts = collections.Counter(c.why for c in cases)
    tap.note("%s: %d rows, %d lines (%s), %d refused, HAProxy ran %d times" %
             (name(release), len(asked), len(cases), ", ".join("%s %d" % p for p in sorted(counts.items())), sum(1 for c in cases if c.refused), asker.runs))
    return release


def main():
    if not os.path.exists(DRIVER):
        tap.skip_all("needs tests/unit/schema_driver, which is not built")
    found = judge.binaries()
    text = subprocess.run([DRIVER, "rows"], stdout=subprocess.PIPE, check=True, universal_newlines=True).stdout
    rows = lines.read_rows(text)
    folder, remove = judge.temporary()
    try:
        judge.make_files(folder)
        releases = [one(binary, rows, folder) for binary in found]
    finally:
        remove()
    stale = ["\t".join(map(str, e[:6])) for e in known if not e[6] and e[4] != "listed" and any(e[2] <= r <= e[3] for r in releases)]
    if not TABLES and not ROWS and SHARE == 1 and len(releases) > 1:
        tap.ok("no exception is left that nothing needs", not stale, "\n".join(stale))
    tap.finish()


TABLES = os.environ.get("TABLES", "").split()
ROWS = os.environ.get("ROWS", "")
SHARE = int(os.environ.get("SHARE", "6"))
PART = int(os.environ.get("PART", "0"))
FAULTS = os.environ.get("FAULTS")
SHOW = None if os.environ.get("SHOW") == "all" else int(os.environ.get("SHOW", "5"))
if __name__ == "__main__":
    known = exceptions()
    sys.exit(main())
