#!/bin/sh
# Makes each i-th allocation of a whole `khapgen generate', `parse', `check' or `migrate' fail: ours, libyaml's, PCRE2's, jansson's, the C
# library's. The run must end with the whole output and the status that it has else, or with a message, status 2 or 3 and no output; and leave
# nothing unfreed.
#
#   [FAILMALLOC_STRIDE=N] [FAILMALLOC_LEAKS=no] tests/failmalloc/run.sh [MAP...]
#
# Every N-th allocation is tried (default: so that it is about 100 for each map and way of writing; 1: all). With FAILMALLOC_LEAKS=no
# it does not matter what is left unfreed: for maps with certificates, since libcrypto keeps something when its own allocations fail.
. "$srcdir/tests/tap.sh"
: "${KHAPGEN:=$abs_builddir/khapgen}" "${CC:=cc}"
case ${SANITIZERS:-no} in
no | '') ;;
*) ok "not with sanitizers: they bring their own malloc"; finish ;;
esac
tap_tmpdir
if ! $CC -O1 -fPIC -shared -o "$tap_tmp/failmalloc.so" "$abs_srcdir/tests/failmalloc/failmalloc.c" -ldl 2>"$tap_tmp/cc.log"; then
    note "$(cat "$tap_tmp/cc.log")"
    skip_all "$CC makes no shared object"
fi

# libtool's wrapper is a shell: the program itself stands in .libs
program=$KHAPGEN
if [ -x "$(dirname "$KHAPGEN")/.libs/khapgen" ]; then
    program=$(dirname "$KHAPGEN")/.libs/khapgen
    LD_LIBRARY_PATH=$(dirname "$KHAPGEN")/.libs${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
    export LD_LIBRARY_PATH
fi

# failing FILE file|dir|into|json|from-json|outline|check|files|fix|migrate|upgrade|test|record|graph|import I [on]: one run; leaves status, calls, blocks, and what it wrote in
# $tap_tmp/out, for check with what it told
failing() {
    rm -rf "$tap_tmp/out" "$tap_tmp/count"
    mkdir "$tap_tmp/out"
    command=generate own=
    case $2 in
    check) command=check; set -- "$@" -- --format json ;;
    files) command=check; set -- "$@" -- --files -t 1.5-3.4 ;;
    fix)
        command=check own=$1
        cp "$1" "$tap_tmp/out/haproxy.cfg"
        shift
        set -- "$tap_tmp/out/haproxy.cfg" "$@" -- --fix
        ;;
    migrate) command=migrate; set -- "$@" -- --from 1.5 --to 3.4 -o "$tap_tmp/out/it" ;;
    upgrade) command=migrate; set -- "$@" -- --to 3.4 -o "$tap_tmp/out/it" ;;
    test) command=test; set -- "$@" -- --format junit "$abs_srcdir/tests/failmalloc/route.cfg" ;;
    record) command=test; set -- "$@" -- --record -o "$tap_tmp/out/it" ;;
    import) command=import; set -- "$@" -- -t 2.6 -o "$tap_tmp/out/it" ;;
    graph) command=graph; set -- "$@" -- -o "$tap_tmp/out/it.svg" ;;
    json | from-json) command=parse; set -- "$@" -- "--$2" -o "$tap_tmp/out/it" ;;
    outline) command=parse; set -- "$@" -- -o "$tap_tmp/out/it" ;;
    file) set -- "$@" -- -o "$tap_tmp/out/haproxy.cfg" ;;
    into)
        own=$abs_srcdir/tests/failmalloc/own.cfg
        cp "$own" "$tap_tmp/out/haproxy.cfg"
        set -- "$@" -- --into "$tap_tmp/out/haproxy.cfg"
        ;;
    dir) set -- "$@" -- --output-dir "$tap_tmp/out/conf" ;;
    esac
    map=$1 at=$3 on=
    shift 3
    if [ "$1" = on ]; then on=1; shift; fi
    shift
    env LD_PRELOAD="$tap_tmp/failmalloc.so" FAILMALLOC_PROGRAM="$(basename "$program")" FAILMALLOC_AT="$at" ${on:+FAILMALLOC_ON=1} \
        FAILMALLOC_COUNT="$tap_tmp/count" "$program" $command "$@" "$map" >"$tap_tmp/stdout" 2>"$tap_tmp/err"
    status=$?
    { [ $command != check ] && [ "$2" != junit ]; } || [ $status -gt 1 ] || cat "$tap_tmp/stdout" "$tap_tmp/err" >"$tap_tmp/out/told"
    calls=0 blocks=0
    [ -s "$tap_tmp/count" ] && read -r calls blocks <"$tap_tmp/count"
}

# Empty when the run was as it must be, else what was wrong with it
verdict() {
    [ -s "$tap_tmp/count" ] || { echo "did not come to its end (status $status)"; return; }
    case $status in
    2 | 3) [ -s "$tap_tmp/err" ] || echo "status $status without a message" ;;
    "$good_status") ;;
    0) echo "status 0 for what is wrong" ;;
    *) echo "status $status" ;;
    esac
    written=$(cd "$tap_tmp/out" && find . -type f | sort)
    if [ "$status" -eq "$good_status" ] || [ -n "$written" ]; then
        # what failed after the last rename has written all; nothing in between may be left
        # into a file of one's own: it may be as it was
        if [ -n "$own" ] && [ "$status" -ne "$good_status" ] && [ "$written" = ./haproxy.cfg ] &&
            { cmp -s "$tap_tmp/out/haproxy.cfg" "$own" || cmp -s "$tap_tmp/out/haproxy.cfg" "$tap_tmp/good/haproxy.cfg"; }; then :; else
        diff -r "$tap_tmp/out" "$tap_tmp/good" >/dev/null 2>&1 || echo "status $status, and the output is neither whole nor missing:" $written
        fi
    fi
    [ "${FAILMALLOC_LEAKS:-yes}" = no ] || [ "$blocks" -le "$good_blocks" ] ||
        echo "$blocks blocks not freed, $good_blocks without failure"
}

# try FILE HOW
try() {
    how=$2
    title="${1##*/} to a $2"
    failing "$1" "$2" 0
    if [ "$calls" -eq 0 ] || [ "$status" -gt 2 ]; then
        not_ok "$title: a run without failure (status $status, $calls allocations)"
        note "$(head -n 20 "$tap_tmp/err")"
        return
    fi
    ok "$title: without failure $calls allocations, status $status, $blocks blocks not freed"
    rm -rf "$tap_tmp/good"
    mv "$tap_tmp/out" "$tap_tmp/good"
    total=$calls good_blocks=$blocks good_status=$status
    stride=${FAILMALLOC_STRIDE:-$((total / 100 + 1))}
    laters='once on'
    for later in $laters; do
        [ "$later" = on ] || later=
        [ -z "$later" ] || stride=$((stride * 4))
        tried=0 refused=0 anyway=0 wrong=0 i=1
        while [ "$i" -le "$total" ]; do
            failing "$1" "$2" "$i" $later
            said=$(verdict)
            tried=$((tried + 1))
            if [ "$status" -le 1 ]; then anyway=$((anyway + 1)); else refused=$((refused + 1)); fi
            if [ -n "$said" ]; then
                wrong=$((wrong + 1))
                [ "$wrong" -gt 20 ] || note "allocation $i${later:+ and all later}: $said" "$(head -n 3 "$tap_tmp/err")"
            fi
            i=$((i + stride))
        done
        name="$title: allocation i fails${later:+, and all later ones}; 1 to $total in steps of $stride, $refused refused, $anyway done anyway"
        if [ "$wrong" -eq 0 ] && [ "$refused" -gt 0 ]; then ok "$name"; else not_ok "$name, $wrong of $tried wrong"; fi
    done
}

if [ $# -gt 0 ]; then
    for map; do try "$map" file; done
else
    try "$abs_srcdir/tests/failmalloc/map.yaml" file
    try "$abs_srcdir/tests/failmalloc/map.yaml" dir
    try "$abs_srcdir/tests/failmalloc/into.yaml" into
    try "$abs_srcdir/tests/failmalloc/bad.yaml" file
    try "$abs_srcdir/tests/failmalloc/haproxy.cfg" json
    try "$abs_srcdir/tests/failmalloc" outline
    try "$abs_srcdir/tests/failmalloc/haproxy.json" from-json
    try "$abs_srcdir/tests/failmalloc/bad.json" from-json
    try "$abs_srcdir/tests/failmalloc/check.cfg" check
    try "$abs_srcdir/tests/failmalloc/check.cfg" files
    try "$abs_srcdir/tests/failmalloc/check.cfg" fix
    try "$abs_srcdir/tests/failmalloc/routes.yaml" test
    try "$abs_srcdir/tests/failmalloc/route.cfg" record
    try "$abs_srcdir/tests/failmalloc/route.cfg" graph
    try "$abs_srcdir/tests/failmalloc/route.cfg" import
    try "$abs_srcdir/tests/failmalloc/old.cfg" migrate
    try "$abs_srcdir/tests/failmalloc/old-map.yaml" upgrade
fi
finish
