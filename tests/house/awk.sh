#!/bin/sh
# Every generator gives the same bytes with mawk, gawk and busybox: the commands that make would run are taken from
# make itself, and run in a folder of their own with tests/house/awk-all in the place of awk.
. "${srcdir:-.}/tests/tap.sh"
awks=
for awk in mawk gawk 'busybox awk'; do
    if command -v "${awk%% *}" >/dev/null 2>&1; then
        awks="$awks${awks:+|}$awk"
    else
        skip "no ${awk%% *} here (Debian: package ${awk%% *})"
    fi
done
[ -n "$awks" ] || skip_all "needs mawk, gawk, busybox (Debian: packages of these names)"
tap_tmpdir
KHAP_AWKS=$awks
KHAP_AWK_LOG=$tap_tmp/log
export KHAP_AWKS KHAP_AWK_LOG
: >"$KHAP_AWK_LOG"

cd "$abs_srcdir" || exit 99
scripts=$(find lib docs tools cli examples -name '*.awk' | sort)
cd "$abs_builddir" || exit 99
# a copy of what is generated already: one generator may read what another wrote
find lib docs cli examples tools -type f ! -name '*.o' ! -name '*.lo' ! -name '*.a' 2>/dev/null | while read -r f; do
    mkdir -p "$tap_tmp/b/${f%/*}"
    cp "$f" "$tap_tmp/b/$f"
done
for d in $(cd "$abs_srcdir" && find lib docs cli examples tools -type d); do mkdir -p "$tap_tmp/b/$d"; done

what_if=
for s in $scripts; do what_if="$what_if -W $s -W $abs_srcdir/$s"; done
# shellcheck disable=SC2086
MAKEFLAGS= MFLAGS= make -n V=1 $what_if AWK="$abs_srcdir/tests/house/awk-all" srcdir="$abs_srcdir" top_srcdir="$abs_srcdir" \
    abs_srcdir="$abs_srcdir" VPATH="$abs_srcdir" generated >"$tap_tmp/commands.raw" 2>"$tap_tmp/err" || note "$(cat "$tap_tmp/err")"
"${AWK:-awk}" '
    { line = line (line == "" ? "" : "\n") $0 }
    /\\$/ { next }
    { if (line ~ /tests\/house\/awk-all/) print line; line = "" }' "$tap_tmp/commands.raw" >"$tap_tmp/commands"
chmod +x "$abs_srcdir/tests/house/awk-all" 2>/dev/null
sed "s|$abs_srcdir/tests/house/awk-all|sh $abs_srcdir/tests/house/awk-all|g" "$tap_tmp/commands" >"$tap_tmp/run"
check "the generators run" sh -c "cd '$tap_tmp/b' && . '$tap_tmp/run'"

for s in $scripts; do
    name=${s##*/}
    if grep -q "^FAIL $name " "$KHAP_AWK_LOG"; then
        not_ok "$s: the same with $awks"
        note "$(grep "^FAIL $name " "$KHAP_AWK_LOG")"
    elif grep -q "^RAN $name [1-9]" "$KHAP_AWK_LOG"; then
        ok "$s: the same with $awks"
    else
        not_ok "$s was run by no rule of the makefile (is its output in generated_files or BUILT_SOURCES?)"
    fi
done
finish
