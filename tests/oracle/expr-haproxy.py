#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""HAProxy itself reads random expressions, conditions and log formats, and decides random `.if' conditions; the library must have said the same.

What the library refuses, HAProxy must refuse. What the library takes, HAProxy must take, unless the tree says that it cannot mean anything: a name that does not
exist, too many arguments. That is known for the few names that are used here, and then HAProxy must refuse, so that the trees are looked at too.
It asks $HAPROXY, or with HAPROXY_RELEASES ("2.2=PATH 2.6=PATH …") all of those. N=… sets how many values of each kind, SEED=… which.
"""
import collections
import os
import random
import re
import subprocess
import sys
import tempfile

import expr_driver
import expressions as e
import randomexpr
import tap

PER_RUN = 40  # HAProxy gives up after 50 fatal errors
HEAD = "defaults\n mode http\n timeout client 1s\n timeout server 1s\n timeout connect 1s\n"
VARIABLE = r"(proc|sess|txn|req|res)\.[A-Za-z0-9_.]+"
# What begins with a letter or digit, behind a `%`, and is an alias in all releases.
ALIASES = set(randomexpr.ALIASES)
UNSURE, TAKES, REFUSES = "unsure", "takes", "refuses"


def version(binary):
    text = subprocess.run([binary, "-v"], stdout=subprocess.PIPE, check=False, universal_newlines=True).stdout
    found = re.search(r"version (\d+)\.(\d+)", text)
    return int(found.group(1)) * 100 + int(found.group(2)) if found else 0


def encode(word):
    """A word of a line, for 1.6 and later."""
    if re.fullmatch(r"[^\x00-\x20\x7f\"'#\\$]+", word):
        return word
    return '"' + re.sub(r'[\\"$\x01-\x1f\x7f]', lambda m: "\\" + m.group() if m.group() in '\\"$' else "\\x%02x" % ord(m.group()), word) + '"'


def expression_means(tree):
    """What HAProxy must say of an expression of known names."""
    for kind, _, name, args in tree[3]:
        texts = [a[2] for a in args]
        if kind == e.FETCH and name == "hdr":
            return UNSURE
        most = ({"str": 1, "src": 0, "always_true": 0} if kind == e.FETCH else {"lower": 0, "upper": 0, "concat": 3}).get(name)
        if most is None or len(texts) > most:
            return REFUSES
        if name == "concat" and len(texts) > 1 and texts[1] != "" and not re.fullmatch(VARIABLE, texts[1]):
            return REFUSES
    return TAKES


def acl_means(tree):
    children = tree[3]
    means = expression_means(children[0])
    flags = [c for c in children[1:] if c[0] == e.FLAG]
    values = [c for c in children[1:] if c[0] != e.FLAG]
    names = [f[2] for f in flags]
    if means != TAKES:
        # words behind an expression may be converters, but only behind one that is good
        return means
    fetch, plain = children[0][3][0][2], len(children[0][3]) == 1
    if names.count("-m") > 1 or ("-f" in names and "-m" in names[names.index("-f"):]) or "-M" in names:
        return UNSURE
    if not flags and values and values[0][2] in ("or", "eq", "and"):
        return UNSURE
    if fetch == "src" and plain and "-m" not in names:
        return TAKES if all(re.fullmatch(r"10\.0\.0\.\d(/8)?", v[2]) for v in values) else REFUSES
    return TAKES if fetch == "str" else UNSURE


def condition_means(tree):
    means = TAKES
    for every in tree[3]:
        for term in every[3]:
            if term[0] == e.NAMED:
                one = TAKES if term[2] in ("a", "b.c:d-e_F", "TRUE", "FALSE") else REFUSES
            else:
                one = acl_means(term)
            if one == REFUSES:
                return REFUSES if means == TAKES else UNSURE
            if one == UNSURE:
                means = UNSURE
    return means


def run(binary, folder, text):
    conf = os.path.join(folder, "t.cfg")
    with open(conf, "w", encoding="latin-1") as f:
        f.write(text)
    done = subprocess.run([binary, "-c", "-f", conf], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    said = done.stdout.decode("latin-1")
    if done.returncode < 0:
        raise SystemExit("HAProxy died of signal %d:\n%s" % (-done.returncode, text))
    return said, [int(n) for n in re.findall(r"\[ALERT\][^\n]*\[%s:(\d+)\]" % re.escape(conf), said)]


def ask_lines(binary, folder, lines):
    """For each line in a frontend, whether HAProxy takes it."""
    taken = []
    for start in range(0, len(lines), PER_RUN):
        some = lines[start:start + PER_RUN]
        text = HEAD + "backend x\nfrontend f\n bind :8080\n acl a src 10.0.0.1\n acl b.c:d-e_F src 10.0.0.1\n"
        first = text.count("\n") + 1
        _, bad = run(binary, folder, text + "".join(" %s\n" % line for line in some))
        taken += [first + i not in bad for i in range(len(some))]
    return taken


def ask_formats(binary, folder, formats, guess, one_error):
    """Each in a frontend of its own. Releases that stop at the first error are asked together only about those that are thought good."""
    taken = [None] * len(formats)

    def some(which):
        text = HEAD + "".join("frontend f%d\n bind :8080\n log-format %s\n" % (i, encode(formats[k])) for i, k in enumerate(which))
        said, bad = run(binary, folder, text)
        wrong = {(n - 8) // 3 for n in bad}
        if one_error and len(which) > 1 and (wrong or "[ALERT]" in said):
            for k in which:
                some([k])
            return
        for i, k in enumerate(which):
            taken[k] = i not in wrong
    good = [k for k in range(len(formats)) if guess[k]]
    bad = [k for k in range(len(formats)) if not guess[k]]
    size = 10 if one_error else PER_RUN
    for start in range(0, len(good), size):
        some(good[start:start + size])
    size = 1 if one_error else PER_RUN
    for start in range(0, len(bad), size):
        some(bad[start:start + size])
    return taken


def judge(name, kind, values, answers, taken, means):
    wrong, count = [], collections.Counter()
    for value, answer, yes, meaning in zip(values, answers, taken, means):
        if not answer.yes:
            expected, what = False, "refused"
        elif meaning == UNSURE:
            count["not judged"] += 1
            continue
        else:
            expected, what = meaning == TAKES, "taken" if meaning == TAKES else "without a meaning"
        count[what] += 1
        if yes != expected:
            wrong.append("%r: %s; HAProxy %s" % (value, answer.said, "takes it" if yes else "refuses it"))
    tap.ok("%s: %s: %s" % (name, kind, ", ".join("%d %s" % (n, w) for w, n in sorted(count.items()))),
           not wrong and count["taken"] > len(values) / 12 and count["refused"] > len(values) / 40, "\n".join(wrong[:15]))


def questions(r, folder, kind, n, release):
    make = {"sample": lambda: [randomexpr.sample(r)], "condition": lambda: randomexpr.condition(r),
            "acl": lambda: [r.choice(["y", "a.b:c-d", "a/b", "x", "x1", "!x", "oR", "if"])] + randomexpr.acl_words(r), "format": lambda: [randomexpr.format_(r)]}[kind]
    found = []
    while len(found) < n:
        words = [w.encode("utf-8").decode("latin-1") for w in make()]
        if "/dev/null" in words:  # a file that one ACL reads as a map cannot be read otherwise by another
            empty = tempfile.NamedTemporaryFile(dir=folder, delete=False)
            empty.close()
            words = [empty.name if w == "/dev/null" else w for w in words]
        if all(words):
            found.append(words)
    return found, expr_driver.ask([(kind, release, w) for w in found])


def format_means(answer, release):
    """From the printed format, in which every item has one shape."""
    text, i = answer.printed[0], 0
    if not text.strip():
        return UNSURE
    while True:
        i = text.find("%", i)
        if i < 0:
            return TAKES
        head = re.compile(r"%(?:%|(?:\([\w-]*(?::\w+)?\))?(?:\{[^}]*\})?)" if release >= 300 else r"%(?:%|(?:\{[^}]*\})?)", re.A).match(text, i)
        i = head.end()
        if head.group() == "%%":
            continue
        if text[i] == "[":
            depth_text = text[i + 1:]
            try:
                tree, rest = bracketed(depth_text)
            except e.Refused:
                return UNSURE
            means = expression_means(tree)
            if means != TAKES:
                return means
            i = len(text) - len(rest)
        else:
            alias = re.compile(r"[A-Za-z0-9]+").match(text, i)
            if alias.group() not in ALIASES:
                return UNSURE
            i = alias.end()


def bracketed(text):
    """An expression up to its ], by the oracle's functions: (tree, rest behind the ])."""
    call, rest = e.call(text, e.FETCH, True)
    calls = [call]
    while rest.startswith(","):
        call, rest = e.call(rest.lstrip(","), e.CONVERTER, True)
        calls.append(call)
    if not rest.startswith("]"):
        raise e.Refused
    return e.node(e.EXPRESSION, "", calls), rest[1:]


def decide(binary, folder, conditions, guess):
    """True, False or None for each. HAProxy stops at the first `.if' that it cannot read, so only those that are thought good are asked together."""
    found = [None] * len(conditions)

    def some(which):
        text = "".join('.if %s\n.notice "is true %d"\n.else\n.notice "is false %d"\n.endif\n' % (" ".join(map(encode, conditions[k])), k, k) for k in which)
        said, bad = run(binary, folder, "# first\n" + text + HEAD)
        if bad and len(which) > 1:
            for k in which:
                some([k])
            return
        for k in which:
            found[k] = None if bad == [2] else True if "'is true %d'" % k in said else False if "'is false %d'" % k in said else "?"
    good = [k for k in range(len(conditions)) if guess[k]]
    for start in range(0, len(good), PER_RUN):
        some(good[start:start + PER_RUN])
    for k in range(len(conditions)):
        if not guess[k]:
            some([k])
    return found


def ifs(r, name, binary, folder, release, n):
    conditions = []
    while len(conditions) < n:
        words = [w.encode("utf-8").decode("latin-1") for w in randomexpr.if_(r)]
        if all(words) and len(words) < 60:
            conditions.append(words)
    answers = expr_driver.ask([("if", release, c) for c in conditions])
    said = decide(binary, folder, conditions, [a.yes for a in answers])
    count, wrong = collections.Counter(), []
    for words, answer, real in zip(conditions, answers, said):
        mine = answer.decided or "refused"
        count[mine] += 1
        good = real is None if mine == "refused" else real in (True, False) if mine == "unknown" else real is (mine == "true")
        if not good:
            wrong.append("%r: %s; HAProxy: %s" % (words if len(words[0]) < 300 else words[0][:40], answer.said, real))
    tap.ok("%s: .if: %s" % (name, dict(count)), not wrong and all(count[k] > n / 60 for k in ("true", "false", "unknown", "refused")), "\n".join(wrong[:15]))
    again = [(answer, real) for answer, real in zip(answers, said) if answer.yes and answer.printed and len(answer.printed) < 60]
    real = decide(binary, folder, [a.printed for a, _ in again], [True] * len(again))
    wrong = ["%r: %s, before it was printed so %s" % (a.printed, new, old) for (a, old), new in zip(again, real) if new is not old]
    tap.ok("%s: %d printed for .if come to the same" % (name, len(again)), not wrong, "\n".join(wrong[:15]))


def one(r, binary, folder, n):
    release = version(binary)
    name = "%d.%d" % (release // 100, release % 100)
    samples, answers = questions(r, folder, "sample", n, release)
    taken = ask_lines(binary, folder, ["acl x %s -m str -- y" % encode(w[0]) for w in samples])
    trees = [e.parse("sample", release, w) for w in samples]
    judge(name, "expressions", samples, answers, taken, [expression_means(t) if t else UNSURE for t in trees])
    printed = [a.printed[0] for a in answers if a.yes]
    real = ask_lines(binary, folder, ["acl x %s -m str -- y" % encode(w) for w in printed])
    wrong = ["%r: printed %r" % (w, p) for (w, p, was), now in zip([(w, a.printed[0], t) for w, a, t in zip(samples, answers, taken) if a.yes], real) if was != now]
    tap.ok("%s: %d printed expressions are read alike" % (name, len(printed)), not wrong, "\n".join(wrong[:15]))

    conditions, answers = questions(r, folder, "condition", n, release)
    taken = ask_lines(binary, folder, ["use_backend x " + " ".join(map(encode, w)) for w in conditions])
    trees = [e.parse("condition", release, w) for w in conditions]
    judge(name, "conditions", conditions, answers, taken, [condition_means(t) if t else UNSURE for t in trees])
    same = [(w, a, t) for w, a, t in zip(conditions, answers, taken) if a.yes]
    real = ask_lines(binary, folder, ["use_backend x " + " ".join(map(encode, a.printed)) for _, a, _ in same])
    wrong = ["%r: printed %r" % (w, a.printed) for (w, a, was), now in zip(same, real) if was != now]
    tap.ok("%s: %d printed conditions are read alike" % (name, len(same)), not wrong, "\n".join(wrong[:15]))

    acls, answers = questions(r, folder, "acl", n, release)
    taken = ask_lines(binary, folder, ["acl " + " ".join(map(encode, w)) for w in acls])
    trees = [e.parse("acl", release, w) for w in acls]
    judge(name, "ACLs", acls, answers, taken, [acl_means(t) if t else UNSURE for t in trees])

    few = n if release < 304 else n // 3  # it says one error a run
    formats, answers = questions(r, folder, "format", few, release)
    means = [format_means(a, release) if a.yes else UNSURE for a in answers]
    taken = ask_formats(binary, folder, [w[0] for w in formats], [a.yes and m == TAKES for a, m in zip(answers, means)], release >= 304)
    judge(name, "log formats", formats, answers, taken, means)
    if release >= 205:
        ifs(r, name, binary, folder, release, n)


def main():
    binaries = [w.split("=", 1)[1] for w in os.environ.get("HAPROXY_RELEASES", "").split()] or [b for b in [os.environ.get("HAPROXY")] if b]
    if not binaries:
        tap.skip_all("needs haproxy (Debian: package haproxy)")
    seed = tap.seed("N")
    tap.note("SEED=%d" % seed)
    sys.setrecursionlimit(20000)
    r = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        for binary in binaries:
            one(r, binary, folder, int(os.environ.get("N", "250")))
    tap.finish()


sys.exit(main())
