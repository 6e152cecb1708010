#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""khapgen-route(7) says of each fetch, converter and action whether it is evaluated. `khapgen route` is asked about a line of each of them, made from its
row of the schema, for the newest release that has it: what the page calls unknown must be a reason of the answer, and nothing else may be one.
"""
import collections
import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.dirname(HERE), os.path.join(os.path.dirname(HERE), "schema"), os.path.join(os.path.dirname(HERE), "traffic")]
import asked  # noqa: E402
import judge  # noqa: E402
import lines  # noqa: E402
import tap  # noqa: E402

DRIVER = os.path.join(tap.builddir, "tests", "unit", "schema_driver")
NEWEST = 304
SETS = {"http-request": "http-request %s", "tcp-request-connection": "tcp-request connection %s", "tcp-request-session": "tcp-request session %s",
        "tcp-request-content": "tcp-request content %s"}
HEADINGS = {"FETCHES": "fetch", "CONVERTERS": "converter", **{"ACTIONS OF " + s.upper().replace("TCP-REQUEST-", "TCP-REQUEST "): s for s in SETS}}
# a sample of the type that a converter takes
SAMPLES = {"str": "str(a)", "sint": "int(1)", "bool": "always_true", "bin": "bin(00)", "addr": "src", "ipv4": "src", "ipv6": "src", "same": "str(a)", "any": "str(a)"}


def page():
    """{(table, word): whether it is evaluated} of the manual page."""
    path = next(p for p in (os.path.join(d, "docs", "khapgen-route.7") for d in (tap.builddir, tap.srcdir)) if os.path.exists(p))
    says, table = {}, None
    with open(path) as f:
        for line in f:
            if line.startswith(".Sh "):
                table = HEADINGS.get(line[4:].strip())
            found = re.match(r"\.It Li (\S+) Ta (.*) Ta (evaluated|unknown)", line)
            if found and table:
                word = found.group(1).replace("\\-", "-").replace("\\&", "")
                tap.ok("%s %s twice" % (table, word), False) if (table, word) in says else None
                says[table, word] = found.group(3) == "evaluated"
    return says


def text_for(row, made):
    """The rule, and what its reason begins with."""
    own = lines.text_of(made).replace("(md4", "(sha1") # libcrypto need not have the first one
    if row.table in SETS:
        return SETS[row.table] % own, row.words
    kind = re.search(r"\bin=(\w+)", row.properties)
    expression = own if row.table == "fetch" else "%s,%s" % (SAMPLES.get(kind.group(1) if kind else "str", "str(a)"), own)
    if "\"" not in expression and (" " in expression or "\\" in expression or "#" in expression):
        expression = "'%s'" % expression
    return "http-request deny if { %s -m found }" % expression, re.split(r"[(]", own)[0]


def main():
    if not os.path.exists(DRIVER):
        tap.skip_all("needs tests/unit/schema_driver, which is not built")
    says = page()
    rows = lines.read_rows(subprocess.run([DRIVER, "rows"], stdout=subprocess.PIPE, check=True, universal_newlines=True).stdout)
    folder, remove = judge.temporary()
    judge.make_files(folder)
    values = lines.Values(os.path.join(os.path.dirname(HERE), "schema", "values.tsv"), folder)
    newest = {}
    for row in rows:
        for word in row.words.split(","):
            if row.table in says_tables(says) and newest.get((row.table, word), (0,))[0] <= min(row.last, NEWEST):
                newest[row.table, word] = (min(row.last, NEWEST), row)
    by_release, skipped, wrong, counts = collections.defaultdict(list), [], [], collections.Counter()
    makers = {}
    for (table, word), (release, row) in sorted(newest.items()):
        maker = makers.setdefault(release, lines.Maker(rows, release, values))
        try:
            by_release[release].append((table, word, *text_for(row, maker.good(row)[0])))
        except (lines.NoValue, IndexError):
            skipped.append("%s %s" % (table, word))
    for release, questions in by_release.items():
        config = os.path.join(folder, "haproxy.cfg")
        with open(config, "w") as f:
            f.write("defaults\n mode http\n")
            for i, (_, _, rule, _) in enumerate(questions):
                f.write("frontend f%d\n bind :%d\n acl k1 always_true\n %s\n default_backend be\n" % (i, 10000 + i, rule))
            f.write("backend be\n server s1 127.0.0.1:81\n")
        answers = asked.ask([config], [["http://127.0.0.1:%d/" % (10000 + i), "--src", "127.0.0.1:1000"] for i in range(len(questions))],
                            target="%d.%d" % (release // 100, release % 100))
        if isinstance(answers, str):
            tap.ok("khapgen route answers", False, answers)
            tap.finish()
        for (table, word, rule, begins), outcomes in zip(questions, answers):
            reasons = {d["on"] for o in outcomes for d in o["depends"]}
            evaluated = not any(r.startswith(begins.split("#")[0]) for r in reasons)
            counts[table, evaluated] += 1
            if evaluated != says.get((table, word)):
                wrong.append("%s %s, %d.%d: the page says %s, route %s: %s" % (table, word, release // 100, release % 100, says.get((table, word)), sorted(reasons), rule))
    remove()
    for table in HEADINGS.values():
        tap.note("%s: %d evaluated, %d unknown" % (table, counts[table, True], counts[table, False]))
    tap.ok("each name on the page is asked about", set(says) == set(newest), "%s" % sorted(set(says) ^ set(newest)))
    tap.ok("a line was made for each", not skipped, "\n".join(skipped))
    tap.ok("%d names: the page says what route does" % sum(counts.values()), not wrong, "\n".join(wrong))
    tap.finish()


def says_tables(says):
    return {table for table, _ in says}


if __name__ == "__main__":
    main()
