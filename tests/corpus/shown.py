#!/usr/bin/python3
"""The words that HAProxy shows of every line of the corpus (`haproxy -dC,line -c', from 3.0) are those that the lexer reads, variables resolved.

-dC prints a number, a tab, another one unless the line opens a section, and each word with a blank behind it. It quotes nothing, so that a blank in a word
looks like one between words; it leaves out scopes and lines that it cannot read. Those that the lexer calls wrong are left out here too:
tests/oracle/lexer-haproxy.py asks about them, and about where words end. HAPROXY_RELEASES and HAPROXY_FILES are what `make check-releases' sets.
"""
import collections
import os
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import files  # noqa: E402
import randomlines  # noqa: E402
import tap  # noqa: E402

PER_RUN = 4000
VALUES = [b"v", b"", b" a  b ", b"q'\"\\x41 $X #", b"\xc3\xa4\xff", None]


def distinct_lines(corpus):
    lines = set()
    for path, _, _ in corpus.files():
        with open(path, "rb") as f:
            lines.update(f.read().split(b"\n"))
    return sorted(lines)


def compare(binary, release, lines, environment, folder):
    """Returns what differs, and counts."""
    conf = os.path.join(folder, "shown.cfg")
    counts, wrong = collections.Counter(), []
    driver = randomlines.Driver()
    for at in range(0, len(lines), PER_RUN):
        part = lines[at:at + PER_RUN]
        for i, line in enumerate(part):
            driver.resolve(release, line, dict(environment, **{".LINE": b"%d" % (i + 2), ".FILE": conf.encode()}))
        answers = driver.run()
        expected = []
        with open(conf, "wb") as f:
            f.write(b"# " + b"x" * 2000 + b"\n")
            for i, (line, answer) in enumerate(zip(part, answers)):
                kind = answer.split()[0]
                counts[kind] += 1
                # no section is open in a file that is only shown; HAPROXY_HTTP_LOG_FMT and others are HAProxy's own
                shown = kind == "ok" and b".SECTION" not in line and b"$HAPROXY_" not in line and b"${HAPROXY_" not in line
                f.write((line if shown else b"#") + b"\n")
                if shown and " scope" in answer:
                    counts["scope"] += 1
                    continue
                words = [bytes.fromhex(w.split(":")[3]) for w in answer.split()[3:]] if shown else []
                counts["words"] += len(words)
                counts["several words"] += len(words) > 1
                counts["with a variable"] += shown and b'"$' in line
                counts["with a blank in a word"] += any(b" " in w for w in words)
                counts["changed by decoding"] += bool(words) and b" ".join(words) != b" ".join(line.split(b"#")[0].split())
                expected.append((i, line, b"".join(w + b" " for w in words) + b"\n"))
        done = subprocess.run([binary, "-dC,line", "-c", "-f", conf], capture_output=True, check=False,
                              env={k.encode(): v for k, v in environment.items()})
        out = done.stdout
        position = out.find(b"\n") + 1  # behind the first line
        for i, line, text in expected:
            found = re.compile(rb"%d\t\t?" % (i + 2)).match(out, position)
            end = found.end() if found else position
            last_empty = b"\n" if text.endswith(b"  \n") or text == b" \n" else None  # a last word that is empty may not be one
            if found and out.startswith(text, end):
                position = end + len(text)
            elif found and last_empty and out.startswith(text[:-2] + last_empty, end):
                position = end + len(text) - 1
            else:
                wrong.append((line[:300], text[:300], out[position:position + 300]))
                if len(wrong) > 20:
                    return wrong, counts
                position = out.find(b"\n%d\t" % (i + 3), position) + 1
    return wrong, counts


rng = randomlines.seed()
releases = [entry.split("=", 1) for entry in os.environ.get("HAPROXY_RELEASES", "").split()]
if not releases:
    tap.skip_all("needs HAPROXY_RELEASES, which make check-releases sets")
with tempfile.TemporaryDirectory(prefix="khap") as folder:
    corpus = files.gather(folder, rng, 10)
    lines = distinct_lines(corpus)
    names = sorted(set(re.findall(rb"\$\{?([A-Za-z_][A-Za-z0-9_]*)", b"\n".join(lines))))
    environment = {name.decode(): value for name in names for value in [rng.choice(VALUES)] if value is not None}
    environment["PATH"] = b"/usr/bin:/bin"
    asked = 0
    for branch, binary in releases:
        usage = subprocess.run([binary, "-h"], capture_output=True, text=True, errors="replace", check=False)
        if "-dC" not in usage.stdout + usage.stderr:
            continue
        asked += 1
        major, minor = branch.split(".")
        wrong, counts = compare(binary, int(major) * 100 + int(minor), lines, environment, folder)
        tap.equal("%s shows the words of %d lines as they were read" % (branch, counts["ok"]), wrong[:5], [])
        tap.note("lines: %s" % dict(counts))
        tap.ok("%s: lines of every kind" % branch, all(counts[k] for k in ("ok", "several words", "with a variable", "with a blank in a word",
                                                                          "changed by decoding", "scope")), dict(counts))
    tap.ok("some release shows words", asked > 0)
tap.finish()
