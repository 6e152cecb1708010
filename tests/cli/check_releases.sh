#!/bin/sh
# khapgen check for releases and builds of which no binary is at hand: check_releases.tsv says what they said.
. "${srcdir:-.}/tests/tap.sh"
: "${KHAPGEN:=$abs_builddir/khapgen}"
[ -x "$KHAPGEN" ] || skip_all "needs khapgen, which is not built"
rows=$(cd "${srcdir:-.}" && pwd)/tests/cli/check_releases.tsv
tap_tmpdir
cd "$tap_tmp" || exit 99
unset NO_COLOR

# configuration WHERE LINE
configuration()
{
    awk -v where="$1" -v line="$2" '
    BEGIN {
        n = split(line, lines, /\\n/)
        print "global\n maxconn 100"; put("G")
        print "defaults\n mode http\n timeout client 1s\n timeout server 1s\n timeout connect 1s"
        print "frontend f\n bind 127.0.0.1:8080"; put("F")
        print " default_backend b\nbackend b"; put("B")
        print " server s 127.0.0.1:8081"; put("X")
    }
    function put(place,    i) {
        for (i = 1; i <= n && place == where; i++)
            print (where == "X" ? "" : " ") lines[i]
    }'
}

tab=$(printf '\t')
count=0
while IFS="$tab" read -r release where line verdict; do
    case $release in '#'* | '') continue ;; esac
    count=$((count + 1))
    printf '%s\n' "$line" | sed 's/\\/\\\\/g' >line
    configuration "$where" "$(cat line)" >a.cfg
    "$KHAPGEN" check -t "$release" a.cfg >out 2>err
    said=nothing
    grep -q ': warning: ' err && said=warning
    grep -q ': error: ' err && said=error
    is "$release: $(printf '%s\n' "$line" | sed 's/\\n */, /g')" "$said" "$verdict"
done <"$rows"
is 'there are rows' "$((count > 30))" 1
"$KHAPGEN" check -t 2.8,-LAU a.cfg >out 2>err
is 'no such part' "$? $(grep -c 'error: .*\[bad-feature\]' err)" '2 1'
finish
