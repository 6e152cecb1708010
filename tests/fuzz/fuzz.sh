#!/bin/sh
# Each fuzzer for FUZZ_SECONDS: with clang's libFuzzer and sanitizers where they are, else with our own mutations. FUZZ_ONLY names
# some of them. What it reached is printed: libFuzzer's own count of edges and features, and the share of lines of the sources that
# the fuzzer is about ("covers:" in its head), when everything that was found is replayed.
. "$srcdir/tests/tap.sh"
seconds=${FUZZ_SECONDS:-60}
jobs=$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 1)
abs_srcdir=$(cd "$abs_srcdir" && pwd) # gcovr compares names
tap_tmpdir
clang=${FUZZ_CC:-clang}
flags="-std=c11 -g -O1 -D_DEFAULT_SOURCE -DHAVE_CONFIG_H -I$abs_builddir -I$abs_builddir/include -I$abs_builddir/lib
    -I$abs_srcdir/include -I$abs_srcdir/lib -I$abs_srcdir/cli -I$abs_srcdir/tests/fuzz"
sanitize=address,undefined

# objects of the whole library, once for all fuzzers
instrument() {
    printf '#include <stdint.h>\n#include <stddef.h>\nint LLVMFuzzerTestOneInput(const uint8_t *d, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *d, size_t n) { (void)d; (void)n; return 0; }\n' >"$tap_tmp/probe.c"
    $clang -fsanitize=fuzzer,$sanitize "$tap_tmp/probe.c" -o "$tap_tmp/probe" >/dev/null 2>&1 || return 1
    objects o "$clang" "-fsanitize=fuzzer-no-link,$sanitize -fno-sanitize-recover=undefined"
}

# objects FOLDER COMPILER FLAGS: the library, and what khapgen has to itself of that kind
objects() {
    mkdir "$tap_tmp/$1"
    for layer in lib/base lib/cfg lib/value lib/schema lib/view lib/check lib/migrate lib/route lib/model lib/gen lib/import lib/apply lib/kube cli/khapgen/json_; do
        for c in "$abs_srcdir"/$layer*.c "$abs_srcdir"/$layer/*.c; do
            [ -f "$c" ] && echo "$c $tap_tmp/$1/$(basename "$(dirname "$c")")-$(basename "$c" .c).o"
        done
    done | xargs -n 2 -P 2 sh -c '"$0" $1 -c "$2" -o "$3"' "$2" "$flags $3" >"$tap_tmp/log" 2>&1
}

# reached NAME: the share of lines, by replaying seeds and what was found
reached() {
    r_sources=$(sed -n 's/^ \* covers: //p' "$abs_srcdir/tests/fuzz/fuzz_$1.c" | sed 's/ /|/g')
    gcc $flags --coverage "$abs_srcdir/tests/fuzz/fuzz_$1.c" "$abs_srcdir/tests/fuzz/fuzz_main.c" "$tap_tmp"/g/*.o \
        -lyaml -lpcre2-8 -ljansson -o "$tap_tmp/reach_$1" || return 1
    find "$tap_tmp" -name '*.gcda' -exec rm -f {} +
    find "$tap_tmp/new_$1" "$abs_srcdir/tests/fuzz/corpus/$1" -type f | xargs -n 2000 "$tap_tmp/reach_$1" >"$tap_tmp/log" 2>&1 ||
        { tail -n 20 "$tap_tmp/log" | sed 's/^/# /'; return 1; }
    r_lines=$(gcovr --root "$abs_srcdir" --object-directory "$tap_tmp/g" --filter "$abs_srcdir/($r_sources)" --exclude-unreachable-branches \
        "$tap_tmp/g" 2>&1)
    printf '%s\n' "$r_lines" | grep -E '^(lib|cli|TOTAL)' | sed "s/^/# fuzz_$1 reached: /"
    printf '%s\n' "$r_lines" | awk '$1 == "TOTAL" && $3 > 0 { good = 1 } END { exit !good }' ||
        { printf '%s\n' "$r_lines" | tail -n 20 | sed 's/^/# /'; return 1; }
}

run_libfuzzer() {
    $clang $flags -fsanitize=fuzzer,$sanitize "$abs_srcdir/tests/fuzz/fuzz_$1.c" "$tap_tmp"/o/*.o -lyaml -lpcre2-8 -ljansson -o "$tap_tmp/fuzz_$1" || return 1
    dictionary=$abs_srcdir/tests/fuzz/$1.dict
    "$tap_tmp/fuzz_$1" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
        ${FUZZ_SEED:+-seed="$FUZZ_SEED"} -artifact_prefix="$abs_builddir/fuzz_$1-" \
        $([ -f "$dictionary" ] && echo "-dict=$dictionary") "$tap_tmp/new_$1" "$abs_srcdir/tests/fuzz/corpus/$1" >"$tap_tmp/log_$1" 2>&1
    status=$?
    grep -E 'INFO: Seed|INFO: Loaded|number_of_executed_units|new_units_added' "$tap_tmp/log_$1" | sed 's/^/# /'
    sed -n 's/.*\(cov: [0-9]* ft: [0-9]* corp: [^ ]*\).*/# \1/p' "$tap_tmp/log_$1" | tail -n 1
    [ $status -eq 0 ] || { tail -n 60 "$tap_tmp/log_$1" | sed 's/^/# /'; return 1; }
}

run_own() {
    make -s -C "$abs_builddir" "tests/fuzz/fuzz_$1" >/dev/null || return 1
    "$abs_builddir/tests/fuzz/fuzz_$1" --crash "$abs_builddir/fuzz_$1-crash" --seconds "$seconds" \
        ${FUZZ_SEED:+--seed "$FUZZ_SEED"} "$abs_srcdir/tests/fuzz/corpus/$1"/* >"$tap_tmp/log_$1" 2>&1
    status=$?
    tail -n 3 "$tap_tmp/log_$1" | sed 's/^/# /'
    [ $status -eq 0 ]
}

if instrument; then
    engine=libfuzzer
else
    engine=own
    note "no clang with libFuzzer and sanitizers here (Debian: clang, libclang-rt-14-dev): own mutations"
    [ -s "$tap_tmp/log" ] && sed 's/^/# /' "$tap_tmp/log"
fi
lines=yes
if ! command -v gcovr >/dev/null 2>&1 || ! objects g gcc '-O0 --coverage'; then
    lines=no
    skip "what the fuzzers reach: needs gcc and gcovr (Debian: gcc, gcovr)"
fi
# fuzzed NAME: its run, told in a file because others run beside it
fuzzed() {
    run_$engine "$1" >"$tap_tmp/said_$1" 2>&1
    echo $? >"$tap_tmp/status_$1"
}
names=
for corpus in "$abs_srcdir"/tests/fuzz/corpus/*/; do
    name=$(basename "$corpus")
    case " ${FUZZ_ONLY:-$name} " in *" $name "*) ;; *) continue ;; esac
    mkdir -p "$tap_tmp/new_$name"
    names="$names $name"
    running=$((${running:-0} + 1))
    fuzzed "$name" &
    [ $((running % jobs)) -ne 0 ] || wait
done
wait
for name in $names; do
    cat "$tap_tmp/said_$name"
    if [ "$(cat "$tap_tmp/status_$name")" = 0 ]; then
        ok "fuzz_$name, $seconds s, $engine"
    else
        not_ok "fuzz_$name, $seconds s, $engine"
    fi
    if [ $lines = yes ]; then
        if reached "$name"; then ok "fuzz_$name: what it reached"; else not_ok "fuzz_$name: what it reached"; fi
    fi
done
finish
