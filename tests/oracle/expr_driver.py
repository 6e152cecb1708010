# SPDX-License-Identifier: MIT
"""Asks tests/unit/expr_driver what the library makes of values."""
import os
import subprocess

import tap

PROGRAM = os.path.join(tap.builddir, "tests", "unit", "expr_driver")


def escape(word):
    return word.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n")


def unescape(word):
    out, i = "", 0
    while i < len(word):
        if word[i] == "\\":
            i += 1
            out += {"t": "\t", "n": "\n"}.get(word[i], word[i])
        else:
            out += word[i]
        i += 1
    return out


class Answer:
    def __init__(self, line):
        head, *rest = line.split("\t")
        self.yes = head.startswith("yes ")
        self.said = head
        self.decided = head[4:] if self.yes else None
        self.tree = rest[0] if rest else None
        self.printed = [unescape(w) for w in rest[1:]]


def ask(questions):
    """questions: (kind, release, words). Text is bytes as latin-1."""
    lines = "".join("%s %d\t%s\n" % (k, release, "\t".join(map(escape, words))) for k, release, words in questions)
    done = subprocess.run([PROGRAM], input=lines.encode("latin-1"), stdout=subprocess.PIPE, check=True)
    answers = done.stdout.decode("latin-1").split("\n")[:-1]
    assert len(answers) == len(questions), (len(answers), len(questions))
    return [Answer(a) for a in answers]
