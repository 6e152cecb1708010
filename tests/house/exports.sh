#!/bin/sh
# What the libraries export is what their public headers declare, and what tests/exports/*.syms says.
# A change on purpose: KHAP_UPDATE=1 make check TESTS=tests/house/exports.sh rewrites the lists, Debian's too.
. "${srcdir:-.}/tests/tap.sh"
NM=${NM:-nm}
need "${NM%% *}" binutils
tap_tmpdir

one()
{
    lib=$1 list=$abs_srcdir/tests/exports/$1.syms
    shift
    "${AWK:-awk}" "$@" >"$tap_tmp/declared" -f "$abs_srcdir/tools/exports.awk" $headers
    so=$(find "$abs_builddir/.libs" -name "$lib.so" 2>/dev/null)
    ar=$abs_builddir/.libs/$lib.a
    if [ -n "$so" ]; then
        $NM -D --defined-only "$so" | "${AWK:-awk}" 'NF >= 3 && $2 != "A" { sub(/@.*/, "", $3); print $3 }' |
            LC_ALL=C sort -u >"$tap_tmp/exported"
        if [ "${KHAP_UPDATE:-0}" = 1 ]; then cp "$tap_tmp/exported" "$list"; fi
        if said=$(diff -u "$tap_tmp/declared" "$tap_tmp/exported"); then ok "$lib: exported is what is declared"
        else not_ok "$lib: exported is what is declared (-) and nothing else (+)"; note "$said"; fi
        if said=$(diff -u "$list" "$tap_tmp/exported" 2>&1); then ok "$lib: exported is what $lib.syms lists"
        else not_ok "$lib: exported is what $lib.syms lists"; note "$said"; fi
    else
        ok "$lib: no shared library in this build"
        check "$lib: declared is what $lib.syms lists" diff -u "$list" "$tap_tmp/declared"
    fi
    if [ -f "$ar" ]; then
        $NM -g --defined-only "$ar" | "${AWK:-awk}" 'NF == 3 { print $3 }' | LC_ALL=C sort -u >"$tap_tmp/all"
        foreign=$(grep -v -e '^khap_' -e '^__odr_asan' -e '^__asan' -e '^__ubsan' -e '^__gcov' -e '^mangled_path' "$tap_tmp/all")
        is "$lib: every global name of the static library begins with khap_" "$foreign" ""
        missing=$(LC_ALL=C comm -13 "$tap_tmp/all" "$list")
        is "$lib: the static library has all of them" "$missing" ""
    fi
    # Debian's list says besides since when there is a name
    symbols=$abs_srcdir/debian/${lib}0.symbols
    [ -f "$symbols" ] || return 0
    if [ "${KHAP_UPDATE:-0}" = 1 ]; then
        version=$(sed -n 's/^#define PACKAGE_VERSION "\(.*\)"/\1/p' "$abs_builddir/config.h")
        "${AWK:-awk}" -v version="$version" 'FILENAME != list { if (!/^ /) { print; next }
                name = $1; sub(/@.*/, "", name); since[name] = $0; if (name ~ /^KHAP/) { print; node = name }; next }
            { print $1 in since ? since[$1] : " " $1 "@" node " " version }' list="$list" "$symbols" "$list" >"$tap_tmp/symbols" &&
            cp "$tap_tmp/symbols" "$symbols"
    fi
    sed -n 's/^ \(khap_[^@]*\)@.*/\1/p' "$symbols" >"$tap_tmp/debian"
    check "$lib: debian/${lib}0.symbols lists them" diff -u "$list" "$tap_tmp/debian"
}

headers=$(find "$abs_srcdir/include/khap" -name '*.h' | LC_ALL=C sort)
one libkhap -v skip='apply.h kube.h cluster.h'
headers=$abs_srcdir/include/khap/apply.h
one libkhap-apply
headers="$abs_srcdir/include/khap/kube.h $abs_srcdir/include/khap/cluster.h"
one libkhap-kube
finish
