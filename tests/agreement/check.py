#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""khapgen check and HAProxy itself judge mutants: lines of configurations that HAProxy takes, with one thing wrong, or other, in one of them.

What HAProxy refuses ([ALERT]) and khapgen takes is a miss; what khapgen refuses and HAProxy takes is a false alarm. Both are counted by the
keyword of the line that was changed. What depends on the environment (a file that is not there, a name that does not resolve) is counted apart.
It asks $HAPROXY, or with HAPROXY_RELEASES ("2.2=PATH 2.6=PATH …") all of those. N=… sets how many mutants, SEED=… which.
"""
import collections
import glob
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import tap

KHAPGEN = os.environ.get("KHAPGEN") or os.path.join(tap.builddir, "khapgen")
ENVIRONMENT = re.compile(r"No such file|unable to stat|unable to open|cannot open|failed to open|could not resolve|unable to load|unable to read|cannot resolve|"
                         r"not found in|cannot find|[Uu]nable to find user|unable to find group|Permission denied|no version support|not compiled|USE_|QUIC|"
                         r"compiled without|no such user|cannot be loaded|certificate|unable to parse Lua|Lua|requires|can't stat|fopen")
MOST_MISSES = 0.02


def version(binary):
    text = subprocess.run([binary, "-v"], stdout=subprocess.PIPE, check=False, universal_newlines=True).stdout
    found = re.search(r"version (\d+)\.(\d+)", text)
    return int(found.group(1)) * 100 + int(found.group(2)) if found else 0


def haproxy(binary, folder, text):
    """Whether HAProxy takes it, and what it said."""
    path = os.path.join(folder, "c.cfg")
    with open(path, "w", encoding="latin-1", newline="") as f:
        f.write(text)
    done = subprocess.run([binary, "-c", "-f", path], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, cwd=folder)
    said = done.stdout.decode("latin-1")
    return "[ALERT]" not in said and done.returncode in (0, 2), said


def khapgen(release, folder, text):
    path = os.path.join(folder, "k.cfg")
    with open(path, "w", encoding="latin-1", newline="") as f:
        f.write(text)
    done = subprocess.run([KHAPGEN, "check", "-t", "%d.%d" % divmod(release, 100), path], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    if done.returncode not in (0, 1):
        raise SystemExit("khapgen check ended with %d:\n%s\n%s" % (done.returncode, done.stdout.decode("latin-1"), text))
    return done.returncode == 0, done.stdout.decode("latin-1")


def bases(binary, folder):
    """Configurations that HAProxy takes as they are."""
    found = []
    names = sorted(glob.glob(os.path.join(tap.srcdir, "tests/cases/*/expected*.cfg")) + glob.glob(os.path.join(tap.srcdir, "examples/*.cfg")) +
                   glob.glob(os.path.join(tap.srcdir, "tests/agreement/*.cfg")))
    for name in names:
        with open(name, encoding="latin-1", newline="") as f:
            text = f.read()
        if len(text) < 60000 and haproxy(binary, folder, text)[0]:
            found.append(text)
    return found


def typo(rng, word):
    if len(word) < 2:
        return word + "x"
    at = rng.randrange(len(word))
    return rng.choice([word[:at] + word[at + 1:], word[:at] + rng.choice("abcxyz019") + word[at + 1:], word[:at] + word[at] + word[at:]])


def other_value(rng, word):
    if re.fullmatch(r"\d+(us|ms|s|m|h|d)", word):
        return rng.choice(["1x", "s", "-1s", "99999999999s", "1h30m", word + word, "1"])
    if re.fullmatch(r"[\d.]+:\d+", word):
        return rng.choice(["10.0.0.1:99999", "10.0.0.999:80", "10.0.0.1", ":", "10.0.0.1:x", "::1:80", "*:80"])
    if re.fullmatch(r"\d+", word):
        return rng.choice(["-1", "abc", "99999999999", "0", "1.5", word + "k", ""])
    return rng.choice(["nosuch", "", "1", "-", word.upper(), "if", "{"])


def mutate(rng, lines):
    """Changes one line; which, how."""
    able = [i for i, l in enumerate(lines) if l.split() and not l.lstrip().startswith("#")]
    at = rng.choice(able)
    words = lines[at].split(" #")[0].split()
    indent = re.match(r"\s*", lines[at]).group()
    how = rng.choice(["typo", "drop", "double", "swap", "value", "section", "cut", "add", "move", "unquote", "same"])
    i = rng.randrange(len(words))
    if how == "typo":
        words[i] = typo(rng, words[i])
    elif how == "drop":
        del words[i]
    elif how == "double":
        words.insert(i, words[i])
    elif how == "swap" and len(words) > 1:
        j = rng.randrange(len(words))
        words[i], words[j] = words[j], words[i]
    elif how == "value":
        words[i] = other_value(rng, words[i])
    elif how == "cut":
        words = words[:i]
    elif how == "add":
        words.insert(i + 1, rng.choice(["extra", "check", "10", "if", "{", "10s", "web"]))
    elif how == "unquote":
        words = " ".join(words).replace('"', "").replace("'", "").split()
    changed = list(lines)
    if how in ("section", "move"):
        line = changed.pop(at)
        changed.insert(rng.randrange(len(changed) + 1), line)
    elif how != "same":
        changed[at] = indent + " ".join(words)
    return changed, at, how, lines[at].split()


def keyword(words):
    two = ("timeout", "option", "http-request", "http-response", "tcp-request", "tcp-response", "stats", "stick", "http-check", "tcp-check", "http-after-response")
    return " ".join(words[:2]) if words[0] in two else words[0]


def judge(binary, release, number, rng, folder):
    count, wrong = collections.Counter(), {"false alarm": [], "miss": []}
    classes = collections.defaultdict(collections.Counter)
    texts = bases(binary, folder)
    for text in texts:
        good, said = khapgen(release, folder, text)
        count["base"] += 1
        if not good:
            wrong["false alarm"].append("a configuration that HAProxy takes as it is: %s" % said)
    for _ in range(number):
        lines = rng.choice(texts).split("\n")
        changed, at, how, words = mutate(rng, lines)
        text = "\n".join(changed)
        takes, said = haproxy(binary, folder, text)
        if not takes and ENVIRONMENT.search(said):
            count["environment"] += 1
            continue
        good, own = khapgen(release, folder, text)
        count["taken" if takes else "refused"] += 1
        count[how] += 1
        name = keyword(words)
        classes[name]["all" if takes else "refused"] += 1
        if takes != good:
            kind = "false alarm" if takes else "miss"
            classes[name][kind] += 1
            place = changed[at] if at < len(changed) else "(moved)"
            wrong[kind].append("%s %s: %s -> %s\n%s" % (how, name, lines[at].strip(), place.strip(), (own if takes else said).strip()[-600:]))
    return count, classes, wrong


def main():
    releases = os.environ.get("HAPROXY_RELEASES", "").split()
    binaries = [r.split("=", 1)[1] for r in releases] or [os.environ.get("HAPROXY") or tap.need("haproxy", "haproxy")]
    number = int(os.environ.get("N") or 150)
    # the few of `make check' are always the same; with N=… they are others each time
    seed = int(os.environ.get("SEED") or (random.SystemRandom().randrange(1 << 32) if os.environ.get("N") else 1))
    show = int(os.environ.get("SHOW") or 5)
    tap.note("SEED=%d N=%d" % (seed, number))
    for binary in binaries:
        release = version(binary)
        folder = tempfile.mkdtemp()
        try:
            count, classes, wrong = judge(binary, release, number, random.Random(seed), folder)
        finally:
            shutil.rmtree(folder)
        label = "%d.%d" % divmod(release, 100)
        tap.ok("%s: no false alarm" % label, not wrong["false alarm"], "\n".join(wrong["false alarm"][:show]))
        misses, refused = len(wrong["miss"]), max(count["refused"], 1)
        tap.ok("%s: at most %d %% missed" % (label, MOST_MISSES * 100), misses <= max(1, MOST_MISSES * refused), "\n".join(wrong["miss"][:show]))
        tap.note("%s: %s" % (label, ", ".join("%s %d" % k for k in sorted(count.items()))))
        tap.note("%s: %d false alarms, %d of %d missed" % (label, len(wrong["false alarm"]), misses, refused))
        for name, c in sorted(classes.items()):
            if c["false alarm"] or c["miss"]:
                tap.note("%s: %s: %d false alarms of %d, %d missed of %d" % (label, name, c["false alarm"], c["all"], c["miss"], c["refused"]))
    tap.finish()


main()
