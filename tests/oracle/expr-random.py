#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Random values: the library and an oracle in another language make the same trees of them, decide alike, and what the library prints says the same.

N=… sets how many, SEED=… which.
"""
import collections
import os
import random
import re
import sys

import expr_driver
import expressions
import randomexpr
import tap

KINDS = {
    "sample": lambda r: [randomexpr.sample(r)],
    "converters": lambda r: [randomexpr.sample(r)],
    "acl": lambda r: [r.choice(["a", "a.b:c-d", "a/b", "x", "Or", "orx"])] + randomexpr.acl_words(r),
    "condition": randomexpr.condition,
    "format": lambda r: [randomexpr.format_(r)],
    "if": randomexpr.if_,
}
RELEASES = [105, 201, 202, 204, 205, 206, 208, 300, 304]


def bytewise(word):
    return word.encode("utf-8").decode("latin-1").replace("\0", "")


def main():
    seed = tap.seed("N")
    n = int(os.environ.get("N", "6000"))
    tap.note("SEED=%d" % seed)
    sys.setrecursionlimit(20000)
    r = random.Random(seed)
    problems, nodes = collections.Counter(), collections.Counter()
    for kind, make in KINDS.items():
        questions = [(kind, r.choice(RELEASES), [bytewise(w) for w in make(r)]) for _ in range(n)]
        answers = expr_driver.ask(questions)
        wrong, good, bad, printed, decided = [], 0, 0, [], {"true": 0, "false": 0, "unknown": 0}
        for question, answer in zip(questions, answers):
            good += answer.yes
            bad += not answer.yes
            if answer.yes:
                printed.append((question, answer))
                nodes.update(re.findall(r"\((\d+):", answer.tree))
            else:
                problems[answer.said.split(" ")[1]] += 1
            if kind == "format":  # HAProxy itself is asked about those
                continue
            tree = expressions.parse(*question)
            if (tree is not None) != answer.yes or (tree and expressions.render(tree) != answer.tree):
                wrong.append("%r: %s %s, the oracle: %s" % (question, answer.said, answer.tree, tree and expressions.render(tree)))
            elif tree and kind == "if":
                wanted = ("false", "unknown", "true")[expressions.decide(tree, question[1])]
                decided[wanted] += 1
                if answer.decided != wanted:
                    wrong.append("%r: %s, the oracle: %s" % (question, answer.decided, wanted))
        tap.ok("%s: %d read, %d refused, as the oracle says" % (kind, good, bad), not wrong and good > n / 10 and bad > n / 50, "\n".join(wrong[:10]))
        if kind == "if":
            tap.ok("if: %s" % decided, all(decided.values()))
        again = expr_driver.ask([(kind, q[1], a.printed) for q, a in printed])
        wrong = ["%r: printed %r, %s %s" % (q, a.printed, b.said, b.tree) for (q, a), b in zip(printed, again)
                 if not b.yes or b.tree != a.tree or b.printed != a.printed or b.decided != a.decided]
        tap.ok("%s: what is printed says the same, and is printed alike" % kind, not wrong, "\n".join(wrong[:10]))
    # the numbers of khap/value.h
    tap.note("problems: " + " ".join("%d: %d" % (i, problems[str(i)]) for i in range(1, 21)))
    tap.ok("each problem was met", all(problems[str(i)] for i in range(1, 21)))
    tap.note("nodes: " + " ".join("%d: %d" % (i, nodes[str(i)]) for i in range(1, 22)))
    tap.ok("each kind of node was met", all(nodes[str(i)] for i in range(1, 22)))
    tap.finish()


sys.exit(main())
