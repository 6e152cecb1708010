#!/bin/sh
# Each public header by itself, in C11 and in C++17, without a warning.
. "${srcdir:-.}/tests/tap.sh"
tap_tmpdir
flags="-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror -fsyntax-only -I$abs_builddir/include -I$abs_srcdir/include"
cxx=
for c in ${CXX:-} c++ g++ clang++; do
    command -v "$c" >/dev/null 2>&1 && { cxx=$c; break; }
done
found=0
for header in "$abs_srcdir"/include/khap/*.h; do
    name=${header##*/}
    found=$((found + 1))
    # twice: the guard
    printf '#include <khap/%s>\n#include <khap/%s>\nint main(void) { return 0; }\n' "$name" "$name" >"$tap_tmp/x.c"
    cp "$tap_tmp/x.c" "$tap_tmp/x.cc"
    # shellcheck disable=SC2086
    check "$name in C11" ${CC:-cc} -std=c11 $flags "$tap_tmp/x.c"
    if [ -n "$cxx" ]; then
        # shellcheck disable=SC2086
        check "$name in C++17" $cxx -std=c++17 $flags "$tap_tmp/x.cc"
    else
        skip "$name in C++17 needs a C++ compiler (Debian: package g++)"
    fi
done
[ $found -gt 0 ] || not_ok "no header was found"
finish
