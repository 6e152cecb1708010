#!/bin/sh
# All sources compile with musl's headers; third parties' headers come after those, from the system's folder.
. "${srcdir:-.}/tests/tap.sh"
need musl-gcc musl-tools
after="-idirafter /usr/include"
multi=$(${CC:-cc} -print-multiarch 2>/dev/null)
[ -z "$multi" ] || after="$after -idirafter /usr/include/$multi"
found=0
for file in $(cd "$abs_srcdir" && find lib cli tests/unit examples -name '*.c' | sort); do
    case $file in
    lib/cert/*) grep -q '^#define HAVE_OPENSSL 1' "$abs_builddir/config.h" || continue ;;
    cli/khapd/*) grep -q '^#define HAVE_KHAPD 1' "$abs_builddir/config.h" || continue ;;
    tests/unit/*) [ -e /usr/include/cmocka.h ] || continue ;;
    esac
    found=$((found + 1))
    # shellcheck disable=SC2086
    said=$(musl-gcc -std=c11 -Wall -Werror=implicit-function-declaration -fsyntax-only -DHAVE_CONFIG_H \
        -I"$abs_builddir" -I"$abs_builddir/include" -I"$abs_srcdir/include" -I"$abs_builddir/lib" -I"$abs_srcdir/lib" \
        -I"$abs_srcdir/lib/cert" -I"$abs_builddir/cli" -I"$abs_srcdir/cli" -I"$abs_builddir/tests" -I"$abs_srcdir/tests" $after "$abs_srcdir/$file" 2>&1) ||
        { not_ok "$file"; note "$(echo "$said" | head -n 8)"; }
done
if [ $found -gt 0 ]; then ok "$found files compiled"; else not_ok "no file was compiled"; fi
finish
