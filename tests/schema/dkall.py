#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Each keyword that HAProxy lists of itself (`haproxy -dKall`, from 2.6) is in the schema for that release; a row that names the list as its evidence is in it.

It asks $HAPROXY, or with HAPROXY_RELEASES ("2.2=PATH 2.6=PATH …") all of those. Also prints how many rows of each release, measured or not, say of an argument only
that it is any text, and fails above two percent.
"""
import collections
import os
import re
import subprocess
import sys
import tempfile

import judge
import lines
import rows as lines_of
import tap

RULES = ("tcp-request connection", "tcp-request session", "tcp-request content", "tcp-response content", "http-request", "http-response", "http-after-response",
         "quic-initial")
PROXIES = ("frontend", "listen", "backend", "defaults")
RELEASES = [105, 106, 107, 108, 109, 200, 201, 202, 203, 204, 205, 206, 207, 208, 209, 300, 301, 302, 303, 304]


def listed(binary):
    """What HAProxy lists: sets of names by class, and the fetches and converters with what is said of them."""
    with tempfile.NamedTemporaryFile("w", suffix=".cfg") as f:
        f.write("global\n")
        f.flush()
        text = subprocess.run([binary, "-dKall", "-q", "-c", "-f", f.name], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False, universal_newlines=True).stdout
    found = collections.defaultdict(dict)
    part = section = ""
    for line in text.splitlines():
        if line.startswith("# List of registered "):
            part = line[21:-1]
        elif line.startswith("#") or not line.strip():
            continue
        elif part == "ACL keywords":
            found["acl"][line.split(" = ")[0]] = line
        elif part == "configuration keywords":
            if line[0] != "\t":
                section = line.strip()
                continue
            words = line.split()
            if words[:2] == ["bind", "<addr>"]:
                scoped = len(words) > 3 and words[2] == "ssl"
                found["bind"][words[3] if scoped else words[2]] = line
                if scoped:
                    found["bind"]["ssl"] = line
            elif words[:3] == ["server", "<name>", "<addr>"]:
                found["server"][words[3]] = line
            elif words[0] == "option" and len(words) > 1:
                found["option"][words[1]] = line
            elif section == "listen" and " ".join(words[:-1]) in RULES:
                found[" ".join(words[:-1])][words[-1]] = line
            else:
                found["section " + section][words[0]] = line
        elif part == "sample converter functions":
            found["converter"][re.split("[(:]", line)[0]] = line
        elif part == "filter names":
            found["filter"][line.split()[0]] = line
        elif part == "sample fetch functions":
            found["fetch"][re.split("[(:]", line.split("] ", 1)[1])[0]] = line
        elif part == "service names":
            found["service"][line.strip()] = line
    return found


def ask(questions):
    """questions: (release, table, line). The driver's answers, as lists of words."""
    text = "".join("%s\t%s\t%s\n" % (lines_of.name(r), t, line) for r, t, line in questions)
    said = subprocess.run([lines_of.DRIVER], input=text, stdout=subprocess.PIPE, check=True, universal_newlines=True).stdout
    return [a.split("\t")[0].split() for a in said.splitlines()]


def knows(answer, word):
    """Whether the schema knows the keyword at that word of the line: what is wrong lies behind it."""
    if answer[0] == "good":
        return True
    return answer[0] not in ("no", "unreadable", "unknown", "release") and (int(answer[1]), int(answer[2])) > (word, 0)


def lacking(release, found, tables):
    """Names that HAProxy lists and the schema does not know, by class."""
    questions, about = [], []

    def put(group, name, table, line, word):
        questions.append((release, table, line))
        about.append((group, name, word))

    for group, names in found.items():
        for name in names:
            forms = [name] if not name.endswith("*") else [name[:-1] + e for e in ("", "(x)", "(txn.x)", "(0)", "(0,0)", "0")]
            for form in forms:
                if group == "bind":
                    put(group, name, "frontend", "bind 127.0.0.1:1 " + form, 2)
                elif group == "server":
                    put(group, name, "backend", "server s 127.0.0.1:1 " + form, 3)
                elif group == "option":
                    for table in PROXIES:
                        put(group, name, table, "option " + form, 1)
                elif group == "filter":
                    for table in PROXIES:
                        put(group, name, table, "filter " + form, 1)
                elif group == "service":
                    put(group, name, "frontend", "http-request use-service " + form, 2)
                elif group in RULES:
                    for table in PROXIES:
                        put(group, name, table, group + " " + form, len(group.split()))
                elif group.startswith("section "):
                    for table in PROXIES if group == "section listen" else [group[8:]]:
                        for line in ("", " x", " " + " ".join(["x"] * 3)):
                            put(group, name, table, form + line, 0)
    known = collections.defaultdict(set)
    first_words = collections.defaultdict(set)
    for table, some in tables.items():
        for row in some:
            first_words[table].add(row.words.split(" ")[0])
    for (group, name, word), answer, question in zip(about, ask(questions), questions):
        if knows(answer, word) or (word == 0 and question[2].split(" ")[0] in first_words[question[1]]):
            known[group].add(name)
    for group in ("fetch", "converter", "acl"):
        known[group] = {row.words for row in tables.get(group, [])}
    known["acl"] |= known["fetch"]
    for group, word, first, last, what, _, _ in lines_of.exceptions():
        if what == "listed" and first <= release <= last:
            known[group].add(word)
    return {group: sorted(set(names) - known[group]) for group, names in found.items()}


def unlisted(found, tables, release):
    """Rows that name the list as their evidence and are not in it. `dK 3.0-`: the lists from 3.0 on."""
    actions = {name.rstrip("*") for group in RULES for name in found[group]}
    wrong = []
    for table, some in tables.items():
        for row in some:
            said = re.match(r"dK(?: (\d)\.(\d)-)?(?!\S)", row.evidence)
            if not said or (said.group(1) and int(said.group(1)) * 100 + int(said.group(2)) > release):
                continue
            word = row.words.rstrip("()#") if row.words.endswith(("()", "#")) else row.words
            if table in ("fetch", "converter", "acl", "bind", "server"):
                good = word in found[table]
            elif table in PROXIES:
                good = word in found["section listen"] or (word.startswith("option ") and word[7:] in found["option"]) or \
                    (word.startswith("filter ") and word[7:] in found["filter"])
            elif "section " + table in found:
                good = word in found["section " + table]
            else:
                good = word in actions or any(word in found[g] for g in ("filter", "service", "option", "bind", "server"))
            if not good:
                wrong.append(str(row))
    return sorted(wrong)


def samples(found, tables):
    """Fetches and converters whose types or places are not those that are listed; the text of a row is as schema_driver prints it."""
    wrong = []
    for table in ("fetch", "converter"):
        rows = {row.words: row for row in tables[table]}
        for name, line in sorted(found[table].items()):
            types = line.rsplit(": ", 1)[1].split(" => ")
            if table == "fetch":
                types = ["out=" + types[0], "at=" + line[1:line.index("]")].replace(" ", "")]
            else:
                types = ["out=" + types[0], "in=" + types[1]]
            if name in rows and rows[name].properties != ",".join(types):
                wrong.append("%s: %s, listed %s" % (rows[name], rows[name].properties, ",".join(types)))
    return wrong


def one(binary, all_rows):
    release = judge.version(binary)
    called = lines_of.name(release)
    found = listed(binary)
    if not found:
        tap.note("%s has no -dKall" % called)
        return
    tables = lines_of.lines.Maker(all_rows, release, None).tables
    for group, names in sorted(lacking(release, found, tables).items()):
        tap.ok("%s: %s: %d of %d keywords are in the schema" % (called, group, len(found[group]) - len(names), len(found[group])), not names, " ".join(names))
    wrong = samples(found, tables)
    tap.ok("%s: types and places of fetches and converters are those of the list" % called, not wrong, "\n".join(wrong))
    wrong = unlisted(found, tables, release)
    tap.ok("%s: rows that name the list are in it" % called, not wrong, "\n".join(wrong))


def free(all_rows):
    for release in RELEASES:
        some = [r for r in all_rows if r.first <= release <= r.last]
        bad = sorted({"%s (%s)" % (r, r.arguments) for r in some if r.free})
        text = "%s: %d of %d rows have an argument that is any text" % (lines_of.name(release), len(bad), len(some))
        tap.ok(text, len(bad) * 50 <= len(some), "\n".join(bad))


def main():
    if not os.path.exists(lines_of.DRIVER):
        tap.skip_all("needs tests/unit/schema_driver, which is not built")
    text = subprocess.run([lines_of.DRIVER, "rows"], stdout=subprocess.PIPE, check=True, universal_newlines=True).stdout
    all_rows = lines.read_rows(text)
    for binary in judge.binaries():
        one(binary, all_rows)
    free(all_rows)
    tap.finish()


sys.exit(main())
