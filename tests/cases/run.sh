#!/bin/sh
# The cases: tests/cases/NAME/ holds
#   map.yaml        and whatever other files it speaks of
#   args            the words for khapgen, one a line; `map.yaml' without it
#   expected.cfg    what comes out, with exit status 0; or
#   expected.err    what standard error says, with exit status 2 (with 0 beside an expected.cfg: warnings)
# and the maps in examples/. What a case or an example writes is given to HAProxy: the installed one ($HAPROXY), or those of
# HAPROXY_RELEASES ("2.2=PATH 2.6=PATH ..."); neither an error nor a warning may come of it. examples/NAME.cfg, where it is, is
# what the example's map gives.
#
# KHAP_UPDATE=1 tests/cases/run.sh [NAME...] writes expected.cfg and expected.err anew; look at the difference before it is committed.
. "${srcdir:-.}/tests/tap.sh"
. "$abs_srcdir/tests/cases/fixture.sh"
: "${KHAPGEN:=$abs_builddir/khapgen}"
[ -x "$KHAPGEN" ] || skip_all "needs khapgen, which is not built"
need openssl openssl
tap_tmpdir
NO_COLOR=1
export NO_COLOR
root=$tap_tmp/root
make_fixture "$root" || { not_ok "the fixture's certificates"; finish; }

releases=${HAPROXY_RELEASES:-}
if [ -z "$releases" ] && [ -n "${HAPROXY:-}" ]; then
    releases=$("$HAPROXY" -v 2>/dev/null | sed -n '1s/^HA-*Proxy version \([0-9]*\.[0-9]*\).*/\1/p')
    releases=${releases:+$releases=$HAPROXY}
fi
[ -n "$releases" ] || skip "what comes out is not tried: needs haproxy (Debian: package haproxy)"

# number RELEASE: 2.6 as 206
number() { echo "$1" | "${AWK:-awk}" -F. '{ printf "%d%02d", $1, $2 }'; }
# covers TARGET RELEASE
covers()
{
    [ "$(number "${1%-*}")" -le "$(number "$2")" ] && [ "$(number "$2")" -le "$(number "${1#*-}")" ]
}

# haproxy_takes BINARY DIR FILE: no error, no warning
haproxy_takes()
{
    said=$(cd "$2" && "$1" -c -f "$3" 2>&1)
    status=$?
    # 3.4 measures how long a password's hash takes, and warns of a busy machine, too; with a warning comes which HAProxy it is
    said=$(echo "$said" | grep -v -e 'the hash algorithm used for this password takes' -e 'haproxy version is' -e 'path to executable is')
    case $said in
    *\[ALERT\]*|*\[WARNING\]*|*\[NOTICE\]*) return 1 ;;
    esac
    [ $status -eq 0 ]
}

# in_words FILE: the lines as quoted words
in_words() { sed "s/'/'\\\\''/g; s/.*/'&'/" "$1" | tr '\n' ' '; }

# try_haproxy NAME DIR WORDS BUNDLE: DIR holds the map and the fixture
try_haproxy()
{
    t_name=$1 t_dir=$2 t_words=$3 t_bundle=$4
    t_own=$(sed -n 's/^haproxy: *{* *\(release: *\)*"*\([0-9.]*\(-[0-9.]*\)*\).*/\2/p' "$t_dir/map.yaml" | head -n 1)
    case $t_words in
    *"'-t' "*) t_own=$(echo "$t_words" | sed "s/.*'-t' '\([^']*\)'.*/\1/") ;;
    esac
    for pair in $releases; do
        release=${pair%%=*}
        binary=${pair#*=}
        for how in given own; do
            # once as the map says, where that covers this release, once for this very program
            if [ $how = given ]; then
                covers "${t_own:-2.2-3.4}" "$release" || continue
                target=
            else
                target="-t 'binary:$binary'"
            fi
            rm -rf "$t_dir/out"
            if [ "$t_bundle" = yes ]; then
                eval "(cd '$t_dir' && '$KHAPGEN' $t_words $target --output-dir out >out.log 2>err.log)"
            else
                mkdir "$t_dir/out"
                eval "(cd '$t_dir' && '$KHAPGEN' $t_words $target >out/haproxy.cfg 2>err.log)"
            fi
            status=$?
            # this release or build cannot do it, and khapgen says so; where the target covers the release, only the build is an excuse
            if [ $how = own ] && [ $status -eq 2 ]; then
                if grep -q '\[build-lacks\]' "$t_dir/err.log"; then continue; fi
                if grep -Eq '\[(key-needs-release|needs-side-file)\]' "$t_dir/err.log" && ! covers "${t_own:-2.2-3.4}" "$release"; then
                    continue
                fi
            fi
            if [ $status -ne 0 ]; then
                not_ok "$t_name: written for HAProxy $release ($how)"
                note "$(cat "$t_dir/err.log")"
                continue
            fi
            for d in etc var; do [ ! -e "$t_dir/$d" ] || ln -sf "../$d" "$t_dir/out/$d"; done
            if haproxy_takes "$binary" "$t_dir/out" haproxy.cfg; then
                ok "$t_name: HAProxy $release takes it ($how)"
            else
                not_ok "$t_name: HAProxy $release takes it ($how)"
                note "$said"
            fi
        done
    done
}

# place NAME FILE...: a folder with the files and the fixture
place()
{
    p_dir=$tap_tmp/$1
    shift
    rm -rf "$p_dir"
    mkdir -p "$p_dir"
    cp "$@" "$p_dir/"
    ln -s "$root/etc" "$p_dir/etc"
    ln -s "$root/var" "$p_dir/var"
}

same()
{
    s_name=$1 s_got=$2 s_wanted=$3
    if [ "${KHAP_UPDATE:-0}" = 1 ]; then
        cmp -s "$s_got" "$s_wanted" || { cp "$s_got" "$s_wanted"; note "wrote $s_wanted"; }
        ok "$s_name"
    elif cmp -s "$s_got" "$s_wanted"; then
        ok "$s_name"
    else
        not_ok "$s_name"
        note "$(diff -u "$s_wanted" "$s_got" 2>&1 | head -n 30)"
    fi
}

run_case()
{
    name=$1
    case_dir=$abs_srcdir/tests/cases/$name
    place case "$case_dir"/*
    dir=$tap_tmp/case
    if [ -f "$case_dir/args" ]; then words=$(in_words "$case_dir/args"); else words="'map.yaml'"; fi
    eval "(cd '$dir' && '$KHAPGEN' $words >got.cfg 2>got.err)"
    status=$?
    if [ "${KHAP_UPDATE:-0}" = 1 ]; then
        rm -f "$case_dir/expected.cfg.new"
        if [ $status -eq 0 ]; then cp "$dir/got.cfg" "$case_dir/expected.cfg"; else rm -f "$case_dir/expected.cfg"; fi
        if [ -s "$dir/got.err" ]; then cp "$dir/got.err" "$case_dir/expected.err"; else rm -f "$case_dir/expected.err"; fi
    fi
    if [ -f "$case_dir/expected.cfg" ]; then
        is "$name: exit status" "$status" 0
        same "$name: output" "$dir/got.cfg" "$case_dir/expected.cfg"
        [ ! -f "$case_dir/expected.err" ] || same "$name: warnings" "$dir/got.err" "$case_dir/expected.err"
        to_fixture <"$case_dir/map.yaml" >"$dir/map.yaml"
        try_haproxy "$name" "$dir" "$words" no
    elif [ -f "$case_dir/expected.err" ]; then
        is "$name: exit status" "$status" 2
        is "$name: nothing on standard output" "$(wc -c <"$dir/got.cfg" | tr -d ' ')" 0
        same "$name: errors" "$dir/got.err" "$case_dir/expected.err"
    else
        not_ok "$name has neither expected.cfg nor expected.err"
    fi
}

run_example()
{
    name=${1##*/}
    name=${name%.yaml}
    place example "$1"
    dir=$tap_tmp/example
    if [ -f "$abs_srcdir/examples/$name.cfg" ]; then
        (cd "$abs_srcdir" && "$KHAPGEN" "examples/$name.yaml" >"$dir/got.cfg" 2>/dev/null)
        is "examples/$name: exit status" $? 0
        same "examples/$name: output" "$dir/got.cfg" "$abs_srcdir/examples/$name.cfg"
    fi
    to_fixture <"$1" >"$dir/map.yaml"
    # the comment says how it is meant to be used
    grep -q "^# *khapgen .*examples/$name.yaml\|^# Three services" "$1" || not_ok "examples/$name.yaml does not say how it is used"
    if ! grep -q '^# *khapgen .*--output-dir' "$1"; then
        try_haproxy "examples/$name" "$dir" "'map.yaml'" no
    fi
    try_haproxy "examples/$name as a bundle" "$dir" "'map.yaml'" yes
}

if [ $# -gt 0 ]; then
    for name; do run_case "$name"; done
    finish
fi
for case in "$abs_srcdir"/tests/cases/*/; do
    case=${case%/}
    run_case "${case##*/}"
done
for example in "$abs_srcdir"/examples/*.yaml; do run_example "$example"; done
finish
