#!/bin/sh
# tools/messages.awk: what it makes is the same with every awk, and it refuses what would break the registry.
. "$srcdir/tests/tap.sh"
: "${AWK:=awk}"
LC_ALL=C
export LC_ALL
tap_tmpdir
awk_file=$abs_srcdir/tools/messages.awk
mkdir "$tap_tmp/layer" "$tap_tmp/other"
table=$tap_tmp/layer/messages.tsv

# row CODE SEVERITY TEXT MEANING EXAMPLE REMEDY, as many as there are
row() {
    line=$1
    shift
    for column; do line="$line	$column"; done
    printf '%s\n' "$line"
}

make_it() { $AWK -v mode="$1" -v retired="$tap_tmp/retired" -f "$awk_file" "$table" "$tap_tmp"/other/*.tsv; }

refused() {
    make_it header >"$tap_tmp/out" 2>"$tap_tmp/err"
    status=$?
    if [ $status -ne 0 ] && grep -q -- "$2" "$tap_tmp/err" && [ ! -s "$tap_tmp/out" ]; then
        ok "refused: $1"
    else
        not_ok "refused: $1"
        note "status $status" "$(cat "$tap_tmp/err" "$tap_tmp/out")"
    fi
}

printf '# comment\n\n' >"$tap_tmp/retired"
echo old-code >>"$tap_tmp/retired"
row other-one note t m e r >"$tap_tmp/other/messages.tsv"

{ printf '# a comment\n\n'; row a-code error 'text "%1" what??!' 'meaning \\ of' 'line\n  line' 'remedy <b> *x* é'; row b2 warning t m e r; } >"$table"
for mode in header table docs; do
    make_it $mode >"$tap_tmp/$mode.default"
    for awk in mawk gawk 'busybox awk' original-awk; do
        command -v "${awk%% *}" >/dev/null 2>&1 || { note "no $awk here"; continue; }
        AWK=$awk
        make_it $mode >"$tap_tmp/$mode.other"
        check "$mode: $awk" cmp "$tap_tmp/$mode.default" "$tap_tmp/$mode.other"
    done
    AWK=${KHAP_AWK:-awk}
done
is 'enum in the order of the codes' "$(sed -n 's/^    \(MSG_[A-Z_0-9]*\) = .*/\1/p' "$tap_tmp/header.default" | tr '\n' ' ')" \
    'MSG_A_CODE MSG_B2 MSG_OTHER_ONE MSG__COUNT '
check 'the page has the example on lines of its own' grep -q '^      line$' "$tap_tmp/docs.default"
check 'the page escapes markup' grep -qF 'remedy \<b\> \*x\* é' "$tap_tmp/docs.default"

# the pool as the compiler sees it
cat >"$tap_tmp/t.c" <<'C'
#include <stdint.h>
#include <stdio.h>
struct message_row { uint32_t code, text, meaning, example, remedy; uint8_t severity; };
#include "table.default"
int main(void)
{
    for (unsigned i = 0; i < sizeof message_rows / sizeof message_rows[0]; i++)
        printf("%s|%s|%s|%s|%s|%d\n", message_pool + message_rows[i].code, message_pool + message_rows[i].text,
               message_pool + message_rows[i].meaning, message_pool + message_rows[i].example,
               message_pool + message_rows[i].remedy, message_rows[i].severity);
    return 0;
}
C
check 'the table compiles' ${CC:-cc} -I"$tap_tmp" -o "$tap_tmp/t" "$tap_tmp/t.c"
is 'strings arrive as they were meant' "$("$tap_tmp/t" | head -n 2)" 'a-code|text "%1" what??!|meaning \ of|line
  line|remedy <b> *x* é|3'

row a-code error t m e >"$table"
refused 'five columns' 'layer/messages.tsv:1: six columns'
row a-code error t m e r x >"$table"
refused 'seven columns' 'here are 7'
row a-code fatal t m e r >"$table"
refused 'an unknown severity' '"fatal" is no severity'
row A-code error t m e r >"$table"
refused 'a code that is none' '"A-code" is no code'
row a--code error t m e r >"$table"
refused 'two hyphens' 'is no code'
row a-code error t '' e r >"$table"
refused 'an empty column' 'column 4 is empty'
row a-code error t m 'e\t' r >"$table"
refused 'an unknown escape' 'column 5 holds a backslash'
{ row a-code error t m e r; row a-code note t m e r; } >"$table"
refused 'a code twice' 'layer/messages.tsv:2: the code "a-code" stands in .*layer/messages.tsv:1 already'
row other-one error t m e r >"$table"
refused 'a code twice in two layers' 'the code "other-one" stands in .*layer/messages.tsv:1 already'
row old-code error t m e r >"$table"
refused 'a code that was given up' '"old-code" was given up'

# every message of the project: the words that the text asks for are numbered without a gap
for t in "$abs_srcdir"/lib/*/messages.tsv "$abs_srcdir"/cli/*/messages.tsv; do
    [ -f "$t" ] || continue
    bad=$(awk -F '\t' '!/^(#|$)/ { for (i = 9; i > 1; i--) if (index($3, "%" i) && !index($3, "%" (i - 1))) print $1 }' "$t")
    is "words of ${t#"$abs_srcdir"/}" "$bad" ''
done
# and all of them went into the header that the library is built with
header=$abs_builddir/lib/base/messages.h
[ -f "$header" ] || header=$abs_srcdir/lib/base/messages.h
missing=$(cat "$abs_srcdir"/lib/*/messages.tsv "$abs_srcdir"/cli/*/messages.tsv |
    awk -F '\t' '!/^(#|$)/ { gsub(/-/, "_", $1); print "MSG_" toupper($1) }' | while read -r name; do
        grep -q " $name = " "$header" || echo "$name"
    done)
is 'every code is in the built registry (else: messages_tables in lib/base/sources.am)' "$missing" ''
finish
