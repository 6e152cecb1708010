# TAP for shell scripts: . "$srcdir/tests/tap.sh"; then ok / not_ok / is / skip, and `finish' at the end.
: "${srcdir:=.}" "${abs_srcdir:=$(cd "$srcdir" && pwd)}" "${builddir:=.}" "${abs_builddir:=$(cd "$builddir" && pwd)}"
tap_count=0
tap_failed=0

ok() { tap_count=$((tap_count + 1)); echo "ok $tap_count - $*"; }
not_ok() { tap_count=$((tap_count + 1)); tap_failed=$((tap_failed + 1)); echo "not ok $tap_count - $*"; }
skip() { tap_count=$((tap_count + 1)); echo "ok $tap_count # SKIP $*"; }
skip_all() { echo "1..0 # SKIP $*"; exit 0; }
note() { printf '%s\n' "$*" | sed 's/^/# /'; }

# check NAME COMMAND...: ok when the command succeeds; what it said follows a failure
check() {
    tap_name=$1
    shift
    if tap_said=$("$@" 2>&1); then ok "$tap_name"; else not_ok "$tap_name"; note "$tap_said"; fi
}

# is NAME GOT WANTED
is() {
    if [ "$2" = "$3" ]; then ok "$1"; else not_ok "$1"; note "got:    $2"; note "wanted: $3"; fi
}

# need PROGRAM PACKAGE: skips the whole test, loudly, when a program is missing
need() { command -v "$1" >/dev/null 2>&1 || skip_all "needs $1 (Debian: package $2)"; }

# an own folder that goes away at the end
tap_tmp=
tap_tmpdir() {
    tap_tmp=$(mktemp -d "${TMPDIR:-/tmp}/khap-test.XXXXXX") || exit 99
    trap 'rm -rf "$tap_tmp"' EXIT
    trap 'exit 1' HUP INT TERM
}

finish() {
    echo "1..$tap_count"
    [ "$tap_failed" -eq 0 ]
    exit
}
