"""Random lines and words of a nasty kind, and the C lexer behind a pipe."""
import os
import random
import subprocess
import sys
import time

BYTES = [b"'", b'"', b"\\", b" ", b"  ", b"\t", b"$", b"{", b"}", b"[", b"]", b"*", b"#", b"\r", b"\v", b"\f", b"x", b"-", b".", b"_", b":", b"/",
         b"%", b"\x01", b"\x7f", b"\x80", b"\xff", b"\xc3\xa4", b"n", b"r", b"t", b"0", b"4", b"a", b"F", b"g", b"Z"]
CHUNKS = [b"\\x", b"\\x41", b"\\x00", b"\\xg0", b"\\x4", b'"${X}"', b'"$X"', b'"${X[*]}"', b'"${X-d f}"', b'"${X[*]-d}"', b'"${X[1]}"', b'"$.LINE"', b'"${.FILE}"',
          b'"$X" ', b"'q q'", b'"q q"', b"''", b'""', b"\\\\", b"\\ ", b'\\"', b"\\'", b"\\$", b"\\#", b'"${X:-b}"', b'"$1"', b"abc", b"word", b" # c"]


def seed():
    value = int(os.environ.get("SEED") or time.time_ns() % 1000000007)
    print("# seed %d (SEED=%d runs it again)" % (value, value))
    return random.Random(value)


def count(default):
    return int(os.environ.get("N") or default)


def fragment(rng):
    kind = rng.random()
    if kind < 0.6:
        return rng.choice(BYTES)
    if kind < 0.9:
        return rng.choice(CHUNKS)
    if kind < 0.905:
        return b"\0"
    return bytes([rng.choice(b"abcdefghijklmnopqrstuvwxyz0123456789")])


def line(rng):
    """Bytes without LF."""
    kind = rng.random()
    if kind < 0.85:
        return b"".join(fragment(rng) for _ in range(rng.randrange(0, 25)))
    if kind < 0.93:  # around 64 words
        words = [rng.choice([b"w", b"'a b'", b'"$X"', b"\\ ", b"w\\x41", b'""'])for _ in range(rng.randrange(62, 67))]
        end = rng.choice([b"", b"", b" ", b"\t ", b" # c", b"#c", b" \r", b"\r", b" \r x", b" ''", b" \\", b"\r x", b" $", b" \0", b'"', b' "'])
        return b" " * rng.randrange(3) + rng.choice([b" ", b"  ", b"\t"]).join(words) + end
    if kind < 0.97:  # scopes
        return (rng.choice([b"", b" ", b"\t"]) + b"[" + rng.choice([b"", b"x", b"a.b:c-d_E9", b"a b", b"a/b", b"a]"]) +
                rng.choice([b"]", b"", b"]]"]) + rng.choice([b"", b" ", b" # c", b"#c", b" x", b"\r", b" \r\t", b"x"]))
    return b"".join(rng.choice([b"w ", b"word ", b"\\ "]) for _ in range(rng.randrange(400, 1100)))[:rng.randrange(2030, 2065)]


def word(rng):
    kind = rng.random()
    if kind < 0.01:
        return b""
    if kind < 0.03:
        return bytes(rng.randrange(1, 256) for _ in range(rng.randrange(500, 2100)))
    if kind < 0.04:
        return b"n\0l"
    if kind < 0.4:
        return bytes(rng.randrange(1, 256) for _ in range(rng.randrange(1, 12)))
    return b"".join(fragment(rng) for _ in range(rng.randrange(1, 10))).replace(b"\0", b"n") or b"x"


class Driver:
    """The C program, a request and an answer a line."""

    def __init__(self):
        self.path = os.path.join(os.environ.get("abs_builddir", "."), "tests", "unit", "lex_driver")
        self.requests = []

    def lex(self, release, text):
        self.requests.append("L %d %s" % (release, text.hex() or "-"))

    def resolve(self, release, text, environment):
        """Like lex, with variables: names as str, values as bytes."""
        self.requests.append(" ".join(["W %d %s" % (release, text.hex() or "-")] + [k + "=" + (v.hex() or "-") for k, v in environment.items()]))

    def encode(self, first, last, text):
        self.requests.append("E %d %d %s" % (first, last, text.hex() or "-"))

    def run(self):
        done = subprocess.run([self.path], input="\n".join(self.requests) + "\n", capture_output=True, text=True, check=False)
        answers = done.stdout.splitlines()
        if done.returncode != 0 or len(answers) != len(self.requests):
            print("# %s: status %d, %d answers to %d requests\n# %s" %
                  (self.path, done.returncode, len(answers), len(self.requests), done.stderr[:2000].replace("\n", "\n# ")))
            sys.exit("the C program failed")
        self.requests = []
        return answers
