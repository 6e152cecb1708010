"""Which fetches, converters, matches and actions that are evaluated have been exercised."""
import collections
import os
import re

from lib import tap

# every way to compare that has a name
MATCHES = ("found", "bool", "int", "ip", "bin", "len", "str", "beg", "sub", "dir", "dom", "end", "reg")


def number(text):
    return tuple(int(x) for x in text.split("."))


class Exercised:
    """`release` bounds what can be: names that it does not have are left out."""

    def __init__(self, release):
        self.release, self.counts = release, collections.Counter()
        there = set()
        for table in "fetches", "converters", "rules":
            with open(os.path.join(tap.srcdir, "lib/schema", table + ".tsv")) as f:
                for line in f:
                    if line.startswith("#") or "\t" not in line:
                        continue
                    tables, words, releases = line.split("\t")[:3]
                    first, _, last = releases.partition("-")
                    if number(first) <= release and (not last or release <= number(last)):
                        there.update((t, w) for t in tables.split(",") for w in words.split(","))
        self.names = collections.defaultdict(set)
        with open(os.path.join(tap.srcdir, "lib/route/evaluated.tsv")) as f:
            for line in f:
                row = tuple(line.split("\t")[:2])
                if not line.startswith("#") and row in there:
                    self.names[row[0]].add(row[1].split("(")[0])
        self.all = {"%s %s" % (t, w) for t, words in self.names.items() for w in words} | {"match " + m for m in MATCHES}

    def mentioned(self, line):
        """The names in a line of a configuration."""
        words = re.split(r"[ ,(){}\[\]!%']+", line)
        rule = line.split()
        seen = {"match " + b for a, b in zip(words, words[1:]) if a == "-m"}
        for table in "fetch", "converter":
            seen.update("%s %s" % (table, w) for w in words if w in self.names[table])
        if len(rule) > 2:
            table = "-".join(rule[:2]) if rule[0] == "tcp-request" else rule[0]
            action = rule[2 if rule[0] == "tcp-request" else 1].split("(")[0]
            for name in action, re.sub(r"^track-sc\d+$", "track-sc#", action):
                if name in self.names.get(table, ()):
                    seen.add("%s %s" % (table, name))
        return seen & self.all

    def new(self, line):
        """Whether it mentions what has not been exercised."""
        return not self.mentioned(line) <= self.counts.keys()

    def count(self, text, outcomes):
        """Notes what stands in the lines of a configuration that a request came to, with the ACLs that they name."""
        lines = text.split("\n")
        seen = set()
        for at in {int(s["place"].rsplit(":", 1)[1]) - 1 for o in outcomes for s in o["steps"]}:
            seen |= self.mentioned(lines[at])
            words = set(re.split(r"[ !]+", lines[at]))
            while lines[at].startswith(" "):
                at -= 1
            for line in lines[at + 1:]:
                if not line.startswith(" "):
                    break
                if line.startswith("    acl ") and line.split()[1] in words:
                    seen |= self.mentioned(line)
        self.counts.update(seen)

    def missing(self):
        return sorted(self.all - self.counts.keys())

    def report(self):
        for table in sorted({k.split()[0] for k in self.all}):
            tap.note("%s: %s" % (table, ", ".join("%s %d" % (k.split()[1], self.counts[k]) for k in sorted(self.all) if k.split()[0] == table)))
