#!/bin/sh
# The table of layers (docs/layers.tsv) against the includes.
. "${srcdir:-.}/tests/tap.sh"
tap_tmpdir
table=$abs_srcdir/docs/layers.tsv
script=$abs_srcdir/tests/house/layers.awk

sources() { (cd "$1" && find include lib cli -name '*.[ch]' 2>/dev/null | sort); }
# shellcheck disable=SC2046
judge() { (cd "$1" && "${AWK:-awk}" -f "$script" "$table" $(sources "$1")); }

check "includes keep to the table" judge "$abs_srcdir"
# what is generated into the build tree as well
if [ "$abs_builddir" != "$abs_srcdir" ] && [ -n "$(sources "$abs_builddir")" ]; then
    judge "$abs_builddir" >"$tap_tmp/out" || grep -v 'nothing was looked at' "$tap_tmp/out" | grep -q ':[0-9]*:' &&
        { not_ok "generated files keep to the table"; note "$(cat "$tap_tmp/out")"; } || ok "generated files keep to the table"
fi

# the test itself: each of these is a breach that it must see
breach()
{
    rm -rf "$tap_tmp/t"
    mkdir -p "$tap_tmp/t/include/khap" "$tap_tmp/t/${2%/*}"
    printf '#include <stddef.h>\n' >"$tap_tmp/t/include/khap/diag.h"
    printf '%s\n' "$3" >"$tap_tmp/t/$2"
    if judge "$tap_tmp/t" >"$tap_tmp/out"; then not_ok "sees: $1"; else ok "sees: $1"; fi
}
breach "base uses cfg" lib/base/x.c '#include "cfg/lex.h"'
breach "base uses the header of cfg" lib/base/x.c '#include <khap/cfg.h>'
breach "schema uses model" lib/schema/x.c '#include "model/model.h"'
breach "apply uses base" lib/apply/x.c '#include "base/buf.h"'
breach "a program uses lib" cli/khapgen/x.c '#include "gen/gen.h"'
breach "a path upwards" lib/gen/x.c '#include "../model/model.h"'
breach "an unknown folder" lib/misc/x.c '#include "base/buf.h"'
breach "a public header that includes an internal one" include/khap/model.h '#include "base/buf.h"'
breach "an unlisted public header" include/khap/misc.h '#include <khap/diag.h>'
breach "a layer that includes the umbrella" lib/gen/x.c '#include <khap/khap.h>'

allowed()
{
    rm -rf "$tap_tmp/t"
    mkdir -p "$tap_tmp/t/${2%/*}"
    printf '%s\n' "$3" >"$tap_tmp/t/$2"
    check "allows: $1" judge "$tap_tmp/t"
}
allowed "gen uses base by way of model" lib/gen/x.c '#include "base/buf.h"'
breach "a layer uses a program" lib/gen/x.c '#include "khapgen/input.h"'
allowed "a program uses another one's sources" cli/khapd/x.c '#include "khapgen/input.h"'
allowed "a program uses apply.h and cert.h" cli/khapgen/x.c '#include <khap/apply.h>
#include "cert.h"'
allowed "apply uses installed headers" lib/apply/x.c '#include <khap/diag.h>'
# docs/design.md shows the same table
"${AWK:-awk}" -F '\t' 'NR > 1 { print "| " $1 " | `" $2 "` | " $3 " | " $4 " |" }' "$table" >"$tap_tmp/rows"
grep '^| [a-z]* | `' "$abs_srcdir/docs/design.md" >"$tap_tmp/shown"
check "docs/design.md shows docs/layers.tsv" diff "$tap_tmp/rows" "$tap_tmp/shown"
finish
