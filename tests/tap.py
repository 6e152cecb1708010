"""TAP for Python tests: import tap; tap.ok(name, condition, detail); tap.skip(...); tap.finish()."""
import os
import random
import shutil
import sys

_count = 0
_failed = 0
srcdir = os.environ.get("abs_srcdir") or os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
builddir = os.environ.get("abs_builddir") or srcdir


def ok(name, condition=True, detail=""):
    """One result; detail, printed as comment lines, follows a failure."""
    global _count, _failed
    _count += 1
    if not condition:
        _failed += 1
    print("%sok %d - %s" % ("" if condition else "not ", _count, str(name).replace("\n", " ").replace("#", "\\#")))
    if not condition and detail:
        note(detail)
    sys.stdout.flush()
    return bool(condition)


def equal(name, got, wanted):
    return ok(name, got == wanted, "got:    %r\nwanted: %r" % (got, wanted))


def skip(why):
    global _count
    _count += 1
    print("ok %d # SKIP %s" % (_count, why))


def skip_all(why):
    print("1..0 # SKIP %s" % why)
    sys.exit(0)


def note(text):
    for line in str(text).splitlines():
        print("# " + line)


def seed(*sizes):
    """What draws are begun with: SEED; another one each time where one of the variables that say how many is set, as the targets of full size do; else
    always the same, so that `make check` says of one tree the same thing twice."""
    given = os.environ.get("SEED")
    if given:
        return int(given)
    return random.SystemRandom().randrange(1, 1 << 32) if any(os.environ.get(size) for size in sizes) else 1


def need(program, package):
    """The path of a program, or a loud skip of the whole test."""
    path = shutil.which(program, path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
    if not path:
        skip_all("needs %s (Debian: package %s)" % (program, package))
    return path


def finish():
    print("1..%d" % _count)
    sys.exit(1 if _failed else 0)
