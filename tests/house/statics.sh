#!/bin/sh
# The libraries keep no state and call nothing that prints, ends the process, asks the environment or follows a locale.
. "${srcdir:-.}/tests/tap.sh"
NM=${NM:-nm}
need "${NM%% *}" binutils
tap_tmpdir

objects() { find "$abs_builddir/lib/$1" -name '*.o' 2>/dev/null | sort; }
# $2 = 1 where libkhap's own objects are meant: lib/apply is the layer that touches the machine
for layer in "$abs_srcdir"/lib/*/; do
    layer=${layer%/}
    layer=${layer##*/}
    all=$(objects "$layer")
    [ -n "$all" ] || continue
    if [ -n "${SANITIZERS:-}" ] && [ "$SANITIZERS" != no ] || [ "${COVERAGE:-no}" = yes ]; then
        ok "$layer: instrumented build, asked in the plain one"
        continue
    fi
    # shellcheck disable=SC2086
    $NM -f sysv $all >"$tap_tmp/symbols" 2>"$tap_tmp/err" || note "$(cat "$tap_tmp/err")"
    "${AWK:-awk}" -F '|' '
        /^[^|]*from / || /:$/ { file = $0; next }
        NF >= 7 {
            name = $1; gsub(/ /, "", name); section = $7; gsub(/[ \t]/, "", section); class = $3; gsub(/ /, "", class)
            seen++
            if (class == "C" || (section ~ /^\.(data|bss|tdata|tbss|sdata|sbss)/ && section !~ /^\.data\.rel\.ro/))
                print file ": " name " in " (class == "C" ? "common" : section)
        }
        END { if (!seen) print "no symbol was read" }' "$tap_tmp/symbols" >"$tap_tmp/writable"
    if [ -s "$tap_tmp/writable" ]; then not_ok "$layer: no writable statics"; note "$(cat "$tap_tmp/writable")"
    else ok "$layer: no writable statics"; fi

    case $layer in apply | kube | cert) continue ;; esac
    # shellcheck disable=SC2086
    $NM -u $all | "${AWK:-awk}" '
        BEGIN {
            n = split("printf vprintf fprintf vfprintf dprintf puts putchar fputs fputc fwrite perror fopen fdopen open openat " \
                "creat socket exit _exit _Exit quick_exit abort __assert_fail raise kill getenv secure_getenv setenv putenv " \
                "setlocale uselocale localeconv __ctype_b_loc __ctype_tolower_loc __ctype_toupper_loc tolower toupper strtod strtof strtold atof " \
                "strcoll strtok time localtime gmtime rand random srand syslog signal sigaction fork system popen " \
                "strcasecmp strncasecmp stdout stderr stdin", w, " ")
            for (i = 1; i <= n; i++) { bad[w[i]] = 1; bad["__" w[i] "_chk"] = 1 }
        }
        NF == 1 && /:$/ { file = $1; next }
        $NF in bad { print file " calls " $NF }' >"$tap_tmp/calls"
    if [ -s "$tap_tmp/calls" ]; then not_ok "$layer: calls nothing that it must not"; note "$(cat "$tap_tmp/calls")"
    else ok "$layer: calls nothing that it must not"; fi
done

# the test itself
if [ -n "${CC:-}" ]; then
    printf 'static int count;\nint *khap__x(void);\nint *khap__x(void) { return &count; }\n' >"$tap_tmp/x.c"
    if $CC -c -o "$tap_tmp/x.o" "$tap_tmp/x.c" 2>/dev/null && $NM -f sysv "$tap_tmp/x.o" | grep -q 'count.*bss'; then
        ok "sees a static counter"
    else
        not_ok "sees a static counter"
    fi
fi
finish
