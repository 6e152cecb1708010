#!/usr/bin/python3
"""Random lines through the C lexer and through the oracle; random words through the C encoder and back through the oracle.

N=… sets how many lines every release gets (default 2000; `make check-words' takes 100,000), SEED=… which.
"""
import collections
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import tap  # noqa: E402
import lexer  # noqa: E402
import randomlines  # noqa: E402

rng = randomlines.seed()
n = randomlines.count(2000)
driver = randomlines.Driver()
PER_RUN = 2000  # lines at a time, so that memory stays small

# ---- lexer
outcomes = collections.Counter()
by_release = collections.Counter()
flags = collections.Counter()
shown = differences = 0
for first in range(0, n, PER_RUN):
    cases = [(release, text) for text in (randomlines.line(rng) for _ in range(min(PER_RUN, n - first))) for release in lexer.RELEASES]
    for release, text in cases:
        driver.lex(release, text)
    for (release, text), got in zip(cases, driver.run()):
        wanted = lexer.told(release, text)
        outcomes[wanted.split()[0]] += 1
        by_release[release] += 1
        for field in wanted.split()[3:]:
            flags.update(field.split(":")[2])
        flags["scope"] += " scope" in wanted
        if got != wanted:
            differences += 1
            if shown < 10:
                shown += 1
                tap.note("release %d, line %r\n  C      %s\n  oracle %s" % (release, text, got, wanted))
tap.equal("%d random lines are read alike by C and by the oracle, as each of %d releases" % (n, len(by_release)), differences, 0)
tap.note("outcomes: %s" % dict(outcomes))
tap.note("words: %s" % dict(flags))
for kind in ("ok", "quote", "hex", "varname", "brace", "too-many", "nul", "too-long", "scope", "empty-word"):
    tap.ok("some line was %s" % kind, outcomes[kind] > 0)
for kind in "vmj-":
    tap.ok("some word had the flag %s" % kind, flags[kind] > 0)
tap.ok("some line was a scope", flags["scope"] > 0)
tap.ok("every release was asked about every line", all(by_release[r] == n for r in lexer.RELEASES), dict(by_release))

# ---- encoder
def some_word():
    kind = rng.random()
    ends = sorted(rng.choices(lexer.RELEASES, k=2))
    if kind < 0.2:
        ends = [105, rng.choice(lexer.RELEASES)]
    elif kind < 0.5:
        ends = [ends[0], ends[0]]
    word = randomlines.word(rng)
    if len(word) > 1000 and rng.random() < 0.5:
        ends[0] = 105
    return ends[0], ends[1], word


refusals = collections.Counter()
pairs = collections.Counter()
wrong = shown = 0
written_words = max(2 * n, 100)
for start in range(0, written_words, PER_RUN):
    cases = [some_word() for _ in range(min(PER_RUN, written_words - start))]
    for case in cases:
        driver.encode(*case)
    for (first, last, value), answer in zip(cases, driver.run()):
        said, _, written = answer.partition(" ")
        refusals[said] += 1
        expected = "empty" if not value else "nul" if b"\0" in value else "ok"
        if said == "too-long-15":
            good = first == 105 and len(value) * 4 + 2 > 2046
        elif said != "ok" or expected != "ok":
            good = said == expected
        else:
            written = bytes.fromhex(written)
            good = b"\n" not in written
            for release in lexer.RELEASES:
                if first <= release <= last:
                    if release > 105 or len(written) < 2030:  # else no other word fits beside it
                        good = good and lexer.values(release, b"key " + written + b" end") == [b"key", value, b"end"]
                    if value[:1] not in (b".", b"["):
                        good = good and lexer.values(release, written) == [value]
                    pairs[release] += 1
        if not good:
            wrong += 1
            if shown < 10:
                shown += 1
                tap.note(("%d-%d, word %r: %s" % (first, last, value, answer))[:2000])
tap.equal("%d random words come back from what the encoder wrote, in each release they were written for" % written_words, wrong, 0)
tap.note("encoder: %s" % dict(refusals))
for kind in ("ok", "empty", "nul", "too-long-15"):
    tap.ok("the encoder said %s" % kind, refusals[kind] > 0)
tap.ok("every release was written for", all(pairs[r] for r in lexer.RELEASES), dict(pairs))
tap.finish()
