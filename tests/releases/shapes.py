#!/usr/bin/python3
"""Each line that khapgen writes has a shape that every release of the target takes: shapes.tsv says which those are.

All maps in maps/ and in examples/ are generated for every branch and for ranges, as one file and as a bundle. What a release
cannot do must be `key-needs-release`, and the release that the messages name is the first that can. With HAPROXY_RELEASES
("2.2=PATH 2.6=PATH ...") each of those tries what was written for targets that hold its release: neither an error nor a warning.
SPDX-License-Identifier: MIT
"""
import fnmatch
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))
import tap  # noqa: E402
import verdict  # noqa: E402

SRC = os.path.dirname(os.path.dirname(HERE))
RELEASES = "1.5 1.6 1.7 1.8 1.9 2.0 2.1 2.2 2.3 2.4 2.5 2.6 2.7 2.8 2.9 3.0 3.1 3.2 3.3 3.4".split()
RANGES = "1.5-3.4 2.0-2.6 2.2-3.4 1.5-1.8 1.6-2.1 1.8-2.4 1.9-3.4 2.4-3.4 3.0-3.4".split()
SOME = "1.5 1.6 1.8 2.0 2.2 2.6 3.4 2.2-3.4".split()
# what else may be in the way of a map, beside its release
EXCUSES = {"section-of-other-release", "needs-side-file", "no-common-way"}

# what stands for a word of a shape
PLACEHOLDERS = {
    "NAME": r"[A-Za-z0-9_.:-]+",
    "NUMBER": r"[0-9]+",
    "TIME": r"[0-9]+(us|ms|s|m|h|d)?",
    "FILE": r"[A-Za-z0-9_./-]+",
    "ADDRESS4": r"([0-9.]+|\*|[a-z][a-z0-9.-]*)?:[0-9]+",  # IPv4, any, or a name
    "ADDRESS6": r"\[[0-9a-f:]+\]:[0-9]+",
    "ADDRESS6-OLD": r"[0-9a-f]*:[0-9a-f:]*:[0-9]+",
    "ABNS": r"abns@[a-z0-9-]+",
    "NETWORK": r"[0-9a-f.:]+(/[0-9]+)?",
    "HOST": r"[a-z0-9_.-]+",
    "SITE": r"[*?]?[a-z0-9_.-]+",
    "REGEX": r"\^.*|\\.\..*",
    "PATH": r"/.*",
    "HEADER": r"[A-Za-z0-9-]+",
    "LF": r"\n",
    "ANY": r".*",
}


def number(release):
    major, minor = release.split(".")
    return int(major) * 100 + int(minor)


class Shape:
    def __init__(self, line, fields):
        self.line = line
        self.where, self.first, self.last, self.text, self.why = fields
        self.range = (number(self.first), 9999 if self.last == "-" else number(self.last))
        self.used = 0
        pattern = ""
        for word in self.text.split(" "):
            many = word.endswith("+") and word[:-1] in PLACEHOLDERS
            piece = re.sub(r"\{(%s)\}" % "|".join(PLACEHOLDERS), lambda m: "\0" + m.group(1) + "\0", word)
            if many:
                piece = "(%s)(\x1f(?!\\}\x1f)(%s))*" % ((PLACEHOLDERS[word[:-1]],) * 2)
            elif word in PLACEHOLDERS:
                piece = "(%s)" % PLACEHOLDERS[word]
            else:
                piece = "".join("(%s)" % PLACEHOLDERS[p] if i % 2 else re.escape(p) for i, p in enumerate(piece.split("\0")))
            pattern += piece.replace(".*", "[^\x1f]*") + "\x1f"
        self.regex = re.compile(pattern)


def read_shapes():
    shapes = {}
    with open(os.path.join(HERE, "shapes.tsv"), encoding="utf-8") as table:
        for n, line in enumerate(table, 1):
            if line.strip() and not line.startswith("#"):
                shape = Shape(n, line.rstrip("\n").split("\t"))
                for where in shape.where.split(","):
                    shapes.setdefault(where, []).append(shape)
    return shapes


def words_of(line, old):
    """The words of a line; 1.5 knows no quotes."""
    words, word, quote, i = [], None, "", 0
    while i < len(line):
        c = line[i]
        i += 1
        if c == "\\" and quote != "'":
            c = line[i]
            i += 1
            if c == "x":
                c = chr(int(line[i : i + 2], 16))
                i += 2
            else:
                c = {"n": "\n", "r": "\r", "t": "\t"}.get(c, c)
            word = (word or "") + c
        elif quote:
            if c == quote:
                quote = ""
            else:
                word += c
        elif c in "'\"" and not old:
            quote = c
            word = word or ""
        elif c in " \t":
            if word is not None:
                words.append(word)
            word = None
        elif c == "#":
            break
        else:
            word = (word or "") + c
    return words + ([word] if word is not None else [])


class Judge:
    """Holds lines against the shapes; what is wrong, and with which line, is kept."""

    def __init__(self, shapes):
        self.shapes = shapes
        self.wrong = {}
        self.lines = 0
        self.known = {}

    def match(self, kind, text, first, last):
        """The end of the longest shape at the front of text (words, each with \\x1f behind it) that holds for first to last."""
        best, other = -1, None
        for shape in self.shapes.get(kind, []):
            found = shape.regex.match(text)
            if not found or found.end() <= best:
                continue
            if shape.range[0] <= first and last <= shape.range[1]:
                best = found.end()
                chosen = shape
            else:
                other = shape
        if best >= 0:
            chosen.used += 1
            return best, None
        return -1, other

    def options(self, kind, words, first, last):
        text = "".join(w + "\x1f" for w in words)
        while text:
            end, other = self.match(kind, text, first, last)
            if end <= 0:
                return "`%s` in a %s line%s" % (text.split("\x1f")[0], kind, self.because(other))
            text = text[end:]
        return None

    @staticmethod
    def because(other):
        return ": holds for %s to %s only (shapes.tsv:%d)" % (other.first, other.last, other.line) if other else ": no such shape"

    def line(self, section, words, first, last):
        key = (section, tuple(words), first, last)
        if key in self.known:
            return self.known[key]
        self.known[key] = result = self.line_now(section, words, first, last)
        return result

    def line_now(self, section, words, first, last):
        if words[0] in ("server", "bind"):
            return self.options(words[0], words, first, last)
        rest, conditions = words, []
        for i, word in enumerate(words):
            if word in ("if", "unless") and i > 0:
                rest, conditions = words[: i + 1], words[i + 1 :]
                break
        text = "".join(w + "\x1f" for w in rest)
        end, other = self.match(section, text, first, last)
        if end != len(text):
            return "`%s` in %s%s" % (" ".join(rest), section, self.because(other if end < 0 else None))
        return self.options("condition", conditions, first, last) if conditions else None

    def document(self, text, where, first, last):
        section = ""
        for raw in text.splitlines():
            words = words_of(raw, last <= 105)
            if not words:
                continue
            self.lines += 1
            if not raw.startswith(" "):
                section = words[0]
                why = self.line("section", words, first, last)
            else:
                why = self.line(section, words, first, last)
            if not why and len(words) > 64:
                why = "more than 64 words"
            if not why and first == 105 and len(raw) > 2046:
                why = "too long for 1.5"
            if why:
                self.wrong.setdefault(why, "%s: %s" % (where, raw.strip()[:300]))

    def crt_list(self, text, where, first, last):
        for raw in text.splitlines():
            inside = re.search(r"\[([^]]*)\]", raw)
            plain = re.sub(r"\[[^]]*\] ?", "", raw)
            why = self.options("crt-list", (["["] + inside.group(1).split() + ["]"] if inside else []) + plain.split()[1:], first, last)
            if why:
                self.wrong.setdefault(why, "%s: %s" % (where, raw))


def khapgen():
    """The program itself rather than libtool's script around it, which takes much longer."""
    given = os.environ.get("KHAPGEN") or os.path.join(tap.builddir, "khapgen")
    real = os.path.join(os.path.dirname(given), ".libs", os.path.basename(given))
    environment = dict(os.environ, NO_COLOR="1")
    if os.access(real, os.X_OK):
        old = environment.get("LD_LIBRARY_PATH")
        environment["LD_LIBRARY_PATH"] = os.path.dirname(os.path.abspath(real)) + (":" + old if old else "")
        given = real
    if not os.access(given, os.X_OK):
        tap.skip_all("needs khapgen, which is not built")
    return os.path.abspath(given), environment


class Runner:
    def __init__(self, root):
        self.root = root
        self.program, self.environment = khapgen()
        self.maps = {}
        self.runs = 0
        for folder in (os.path.join(HERE, "maps"), os.path.join(SRC, "examples")):
            for name in sorted(fnmatch.filter(os.listdir(folder), "*.yaml")):
                with open(os.path.join(folder, name), encoding="utf-8") as f:
                    text = f.read()
                # in a folder that stands for the root; no name server is asked
                text = re.sub(r"(?<![\w./])/(etc|var/lib/haproxy|run)/", lambda m: root + m.group(0), text)
                text = re.sub(r"[a-z0-9]+\.(cluster|internal)\.example", "localhost", text)
                text = text.replace("chroot: /var/lib/haproxy", "chroot: /").replace("haproxy: 3.2-3.4", "")
                text = re.sub(r"\b(user|group): (haproxy|khap)", r"\1: root", text)
                name = ("" if folder.endswith("maps") else "examples/") + name[:-5]
                path = os.path.join(root, name.replace("/", "-") + ".yaml")
                with open(path, "w", encoding="utf-8") as f:
                    f.write(text)
                self.maps[name] = path

    def has_side_files(self, name):
        with open(self.maps[name], encoding="utf-8") as f:
            return re.search(r"^certs|routes:|default:", f.read(), re.M) is not None

    def generate(self, name, target, out):
        """(status, text of standard output or None, codes of errors, standard error). A bundle goes to `out`."""
        command = [self.program, "-t", target]
        if out:
            shutil.rmtree(out, ignore_errors=True)
            command += ["--output-dir", out]
        done = subprocess.run(command + [self.maps[name]], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, env=self.environment)
        self.runs += 1
        codes = re.findall(r": error: .*\[([a-z0-9-]+)\]$|^error: .*\[([a-z0-9-]+)\]$", done.stderr, re.M)
        return done.returncode, done.stdout, {a or b for a, b in codes}, done.stderr


def fixture(root, real):
    for folder in ("etc/certs", "etc/ssl/marley", "etc/haproxy", "etc/khap", "var/lib/haproxy/ssl/certs.d", "run/khap"):
        os.makedirs(os.path.join(root, folder))
    pem = "no certificate\n"
    if real:
        for name in ("c", "k"):
            subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "100",
                            "-subj", "/CN=a.example", "-keyout", f"{root}/key", "-out", f"{root}/crt"],
                           check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        pem = open(f"{root}/crt").read() + open(f"{root}/key").read()
    crt, key = (open(f"{root}/crt").read(), open(f"{root}/key").read()) if real else (pem, pem)
    for name, text in (
        ("etc/a.pem", pem), ("etc/b.pem", pem), ("etc/c.pem", pem), ("etc/ca.pem", crt), ("etc/a.pem.crt", crt), ("etc/key/a.key", key),
        ("etc/certs/a.pem", pem), ("etc/list.txt", f"{root}/etc/a.pem\n"), ("etc/cookie.key", "0123456789abcdef\n"),
        ("etc/ssl/example.com.pem", pem), ("etc/ssl/admin.pem", pem), ("etc/ssl/ca.pem", crt), ("etc/ssl/marley/fullchain.pem", crt),
        ("etc/ssl/marley/privkey.pem", key), ("etc/haproxy/crt-list.txt", f"{root}/etc/a.pem\n"), ("etc/khap/cookie.key", "0123456789abcdef\n"),
        ("var/lib/haproxy/ssl/certs.d/a.pem", pem),
    ):
        os.makedirs(os.path.dirname(os.path.join(root, name)), exist_ok=True)
        with open(os.path.join(root, name), "w") as f:
            f.write(text)


def covers(target, release):
    first, last = (target.split("-") * 2)[:2]
    return number(first) <= number(release) <= number(last)


class Binaries:
    def __init__(self):
        self.binaries = {}
        for pair in os.environ.get("HAPROXY_RELEASES", "").split():
            release, _, path = pair.partition("=")
            self.binaries[release] = path
        self.lacks = {}
        for release, path in self.binaries.items():
            said = subprocess.run([path, "-vv"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True).stdout
            self.lacks[release] = {f for f in ("QUIC", "PROMEX") if "+" + f not in said and not
                                   (f == "PROMEX" and "Prometheus exporter" in said)}
        self.tried = 0
        self.wrong = []
        self.done = set()

    def take(self, name, target, folder, text):
        for release, path in self.binaries.items():
            if not covers(target, release):
                continue
            if ("quic4@" in text and "QUIC" in self.lacks[release]) or ("prometheus" in text and "PROMEX" in self.lacks[release]):
                continue
            # OpenSSL builds of 2.9 to 3.1 have QUIC only with a word that 2.8 does not know
            if "quic4@" in text and "limited-quic" not in text and number(target.split("-")[0]) < 209 and number(release) in (209, 300, 301):
                continue
            sums = os.path.join(folder, "khap.sums")  # many targets give the same bytes
            key = (name, release, text, open(sums, encoding="utf-8").read() if os.path.exists(sums) else "")
            if key in self.done:
                continue
            self.done.add(key)
            done = subprocess.run([path, "-C", folder, "-c", "-f", "haproxy.cfg"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            self.tried += 1
            if done.returncode != 0 or re.search(r"\[(ALERT|WARNING|NOTICE)\]", verdict.of_configuration(done.stdout)):
                self.wrong.append("%s for %s on %s: %s" % (name, target, release, done.stdout))


def main():
    shapes = read_shapes()
    judge = Judge(shapes)
    binaries = Binaries()
    seed = int(os.environ.get("KHAP_SEED") or tap.seed())
    chance = random.Random(seed)
    tap.note("KHAP_SEED=%d" % seed)
    with tempfile.TemporaryDirectory(prefix="khap-shapes.") as root:
        if binaries.binaries:
            tap.need("openssl", "openssl")
        fixture(root, bool(binaries.binaries))
        runner = Runner(root)
        random_ranges = []
        for release in binaries.binaries:  # ranges that hold a release which can be asked
            at = RELEASES.index(release)
            for _ in range(2):
                random_ranges.append("%s-%s" % (RELEASES[chance.randrange(at + 1)], RELEASES[chance.randrange(at, len(RELEASES))]))
        for name in runner.maps:
            problems = []
            first_that_can = None
            named = set()
            small = name.startswith("examples/") and not binaries.binaries  # the command line's tests read them too
            for target in (SOME if small else RELEASES + RANGES) + random_ranges:
                first, last = (number(r) for r in (target.split("-") * 2)[:2])
                results = []
                for bundle in (False, True) if runner.has_side_files(name) else (False,):
                    out = os.path.join(root, "out")
                    status, text, codes, said = runner.generate(name, target, out if bundle else None)
                    results.append(status)
                    where = "%s for %s%s" % (name, target, ", a bundle" if bundle else "")
                    if status == 0:
                        if bundle:
                            with open(os.path.join(out, "haproxy.cfg"), encoding="utf-8") as f:
                                text = f.read()
                            for file in sorted(os.listdir(out)):
                                if file.startswith("crt-list"):
                                    with open(os.path.join(out, file), encoding="utf-8") as f:
                                        judge.crt_list(f.read(), where, first, last)
                        elif binaries.binaries:
                            shutil.rmtree(out, ignore_errors=True)
                            os.mkdir(out)
                            with open(os.path.join(out, "haproxy.cfg"), "w", encoding="utf-8") as f:
                                f.write(text)
                        judge.document(text, where, first, last)
                        binaries.take(name, target, out, text)
                    elif status != 2 or not codes or not codes <= EXCUSES | {"key-needs-release"}:
                        problems.append("%s: exit status %d\n%s" % (where, status, said[:2000]))
                    elif "-" not in target and "key-needs-release" in codes:
                        needs = max(re.findall(r"needs HAProxy ([0-9.]+);", said), key=number)
                        named.add(needs)
                        if number(needs) <= first:
                            problems.append("%s: names %s\n%s" % (where, needs, said))
                if "-" not in target and 0 in results and first_that_can is None:
                    first_that_can = target
                elif first_that_can and 0 not in results and "-" not in target:
                    problems.append("%s can it, %s cannot" % (first_that_can, target))
            if named and first_that_can and not small and named != {first_that_can}:
                problems.append("messages name %s, the first release that can is %s" % (" ".join(sorted(named)), first_that_can))
            if not first_that_can and not small:
                problems.append("no release can it")
            tap.ok("%s: from %s" % (name, first_that_can) if first_that_can and not small else name, not problems, "\n".join(problems))
        for why, where in sorted(judge.wrong.items()):
            tap.ok(why, False, where)
        tap.ok("%d lines of %d runs have a shape of their release" % (judge.lines, runner.runs), not judge.wrong)
        unused = sorted({(s.line, s.text) for rows in shapes.values() for s in rows if not s.used})
        tap.ok("each shape is used", not unused, "\n".join("shapes.tsv:%d: %s" % u for u in unused))
        if binaries.binaries:
            tap.ok("%d times taken by HAProxy %s" % (binaries.tried, " ".join(binaries.binaries)),
                   binaries.tried and not binaries.wrong, "\n".join(binaries.wrong[:20]))
    tap.finish()


main()
