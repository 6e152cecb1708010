#!/bin/sh
# khapgen explain: every code and every key, by its whole path, its end, or with names in it.
. "${srcdir:-.}/tests/tap.sh"
: "${KHAPGEN:=$abs_builddir/khapgen}"
[ -x "$KHAPGEN" ] || skip_all "needs khapgen, which is not built"
tap_tmpdir
cd "$tap_tmp" || exit 99

"$KHAPGEN" explain >list 2>err
is 'without a word: exit status' $? 0
is 'without a word: no diagnostics' "$(cat err)" ""
cat "$abs_srcdir"/lib/*/messages.tsv "$abs_srcdir"/cli/khapgen/messages.tsv | awk -F'\t' '!/^#/ && NF > 1 { print $1 }' | sort >codes
awk -F'\t' '!/^#/ && NF > 1 { print $1 }' "$abs_srcdir/lib/model/keys.tsv" >keys
n=$(wc -l <codes | tr -d ' ')
xargs "$KHAPGEN" explain <codes >out 2>err
is "each of $n codes is explained: exit status" $? 0
sed -n 's/^\([a-z][a-z0-9-]*\): \(error\|warning\|note\): .*/\1/p' out | sort -u >explained
is "each of $n codes is explained" "$(comm -23 codes explained)" ""
is "each has a meaning" "$(grep -c '^Meaning' out)" "$n"
is "each has a remedy" "$(grep -c '^Remedy' out)" "$n"
sed -n 's/^  \([a-z][a-z0-9-]*\) .*\(error\|warning\|note\): .*/\1/p' list | sort >listed
is "each is listed" "$(comm -23 codes listed)" ""
xargs "$KHAPGEN" explain <keys >out 2>err
is "each key is explained: exit status" $? 0
is "each key is explained" "$(grep -vxF -f out keys)" ""
sed -n 's/^  \([^ ]*\) .*/\1/p' list >listed
is "each key is listed" "$(grep -vxF -f listed keys)" ""

# first WORD WANTED: the first line of what is said
first() { is "explain $1" "$("$KHAPGEN" explain "$1" 2>&1 | head -n 1)" "$2"; }
first check.path 'services.*.check.path'
first services.web.check.path 'services.*.check.path'
first 'services."a.b".check.path' 'services.*.check.path'
first certs.0.file 'certs[].file'
first 'certs[].file' 'certs[].file'
first certs.+.file 'certs[].file'
first nodePort 'services.*.nodePort'
first headers.request.set.X-Tier 'services.*.headers.request.set.*'
first '[unknown-key]' "unknown-key: error: $(awk -F'\t' '$1 == "unknown-key" { print $3 }' "$abs_srcdir/lib/model/messages.tsv")"
is 'several keys with one end' "$("$KHAPGEN" explain address | grep -c '^[a-z]')" "$(grep -c '\.address$' keys)"

"$KHAPGEN" explain chek.path >out 2>err
is 'an unknown word: exit status' $? 2
is 'an unknown word: nothing on standard output' "$(cat out)" ""
if grep -q 'did you mean check.path?' err; then ok 'the nearest is named'; else not_ok 'the nearest is named'; note "$(cat err)"; fi
for word in '' . '*' '"' '[' 'services..' '..' "$(printf '%0300d' 0)"; do
    "$KHAPGEN" explain "$word" >out 2>err
    is "'$(echo "$word" | cut -c 1-9)': exit status" $? 2
done
if [ -e /dev/full ]; then
    "$KHAPGEN" explain >/dev/full 2>err
    is 'a full disk: exit status' $? 3
fi
if [ -n "${PYTHON3:=$(command -v python3)}" ]; then
    "$KHAPGEN" explain --json >json
    "$KHAPGEN" explain --format=json unknown-key >one
    check '--json: every line is an object; all codes and keys' "$PYTHON3" -c '
import json
rows = [json.loads(line) for line in open("json")]
assert sorted(r["code"] for r in rows if r["type"] == "message") == sorted(sorted(open("codes").read().split()))
assert [r["path"] for r in rows if r["type"] == "key"] == open("keys").read().split("\n")[:-1]
assert json.load(open("one"))["code"] == "unknown-key"'
else
    skip 'needs python3 (Debian: package python3)'
fi
# the type of a key is told in the words of the manual page
page=$abs_builddir/docs/khap-services.5
[ -f "$page" ] || page=$abs_srcdir/docs/khap-services.5
sed -n -e 's/\\[&]//g' -e 's/\\-/-/g' -e 's/\\(ti/~/g' -e 's/^\.It Ic \(.*\) : Ar /\1 : /p' "$page" | sort >on-page
"$KHAPGEN" explain --json | "${AWK:-awk}" -F '"' '/"type":"key"/ { for (i = 2; i < NF; i++) if ($i == "path") print $(i + 2) }' |
    while read -r key; do
        "$KHAPGEN" explain "$key" | "${AWK:-awk}" 'NR == 1 { key = $0 } /^    Type: / { sub(/^ *Type: */, ""); print key " : " $0; exit }'
    done | sort >explained-types
[ -s on-page ] || not_ok 'no key was found on the page'
check 'types of keys are told as on khap-services(5)' diff on-page explained-types
# keywords of HAProxy: whole, without parentheses, by their last word
"$KHAPGEN" explain 'timeout tunnel' >out
is 'a keyword: where, since when, its arguments' "$(cat out)" 'timeout tunnel (HAProxy)
    Where:       defaults, listen, backend
    Arguments:   TIME(rest)
    Releases:    from 1.5 on

timeout tunnel (HAProxy)
    Where:       frontend
    Arguments:   TIME(rest)
    Releases:    from 1.5 on
    Effect:      none here; HAProxy warns of it'
"$KHAPGEN" explain set-var >out
is 'a keyword with parentheses' "$(grep -c '^set-var() (HAProxy)$' out | sed 's/[1-9].*/found/')" found
"$KHAPGEN" explain splice-auto >out
is 'by its last word' "$(grep -c '^option splice-auto (HAProxy)$' out | sed 's,[1-9].*,found,')" found
"$KHAPGEN" explain reqrep >out
is 'one that is gone' "$(sed -n 's/^ *\(Releases\|Instead\): *//p' out)" '1.5 to 2.0
http-request replace-path, replace-uri or replace-header'
# as they are typed: words behind a keyword, `no` before it, arguments
first 'http-request deny' 'deny (HAProxy)'
first 'tcp-request content  accept' 'accept (HAProxy)'
first 'server s1 10.0.0.1:80 check' 'check (HAProxy)'
first 'no option httplog' 'option httplog (HAProxy)'
first 'http-request set-var(txn.x)' 'set-var() (HAProxy)'
first 'capture request header' 'capture request (HAProxy)'
first '%HM' 'HM (HAProxy)'
is 'in words of their own' "$("$KHAPGEN" explain http-request deny | sed -n 2p)" '    Where:       http-request'
is 'those that begin so' "$("$KHAPGEN" explain 'stick store-request' option | grep -c '^option .* (HAProxy)$' | sed 's/^[1-9][0-9].*/many/')" many
"$KHAPGEN" explain 'http-request dny' >out 2>err
is 'no word of those that can stand there: exit status' $? 2
"$KHAPGEN" explain 'timeout conect' >out 2>err
is 'one that there is none of: exit status' $? 2
is 'the nearest one' "$(grep -c 'did you mean timeout connect' err)" 1
finish
