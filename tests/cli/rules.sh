#!/bin/sh
# khapgen check on the command line: what is passed over, and what is told otherwise.
. "${srcdir:-.}/tests/tap.sh"
: "${KHAPGEN:=$abs_builddir/khapgen}"
[ -x "$KHAPGEN" ] || skip_all "needs khapgen, which is not built"
tap_tmpdir
cd "$tap_tmp" || exit 99
unset NO_COLOR

# run STATUS NAME SAID WORDS...: the exit status, and "LINE SEVERITY CODE" of what is told
run()
{
    r_status=$1 r_name=$2 r_said=$3
    shift 3
    "$KHAPGEN" check "$@" >out 2>err </dev/null
    is "$r_name: exit status" $? "$r_status"
    is "$r_name: what is told" "$(sed -n 's/^[^ ]*:\([0-9]*\):[0-9]*: \([a-z]*\): .*\[\([a-z-]*\)\]$/\1 \2 \3/p' err)" "$r_said"
}

cat >a.cfg <<'END'
frontend f
    bind :80
    default_backend w
backend w
    timeout server 1s
    timeout connect 1s
    server a 10.0.0.1:80
    server b 10.0.0.1:80
END
run 0 'all of it' '8 note address-twice
1 warning missing-timeouts' a.cfg
run 0 'without a note' '1 warning missing-timeouts' --ignore address-twice a.cfg
run 0 'without both' '' --ignore=address-twice,missing-timeouts --fail-on note a.cfg
run 0 'without both, one by one' '' --ignore address-twice --ignore missing-timeouts --fail-on note a.cfg
run 1 'an error of a note' '8 error address-twice' --severity address-twice=error --ignore missing-timeouts a.cfg
run 0 'a warning becomes a note' '8 note address-twice
1 note missing-timeouts' --severity missing-timeouts=note --fail-on warning a.cfg
run 0 'the last one holds' '8 warning address-twice' --ignore missing-timeouts,address-twice --severity address-twice=warning a.cfg
run 0 'no such code' '1 note unknown-code
8 note address-twice
1 warning missing-timeouts' --ignore adress-twice a.cfg
is 'the nearest is named' "$(grep -c 'did you mean .address-twice.' err)" 1
run 2 'no such severity' '1 error bad-rule' --severity address-twice=fatal a.cfg
run 2 'no severity' '1 error bad-rule' --severity address-twice a.cfg

printf '# ours\naddress-twice ignore: names tell them apart\n\nmissing-timeouts note\n' >rules
run 0 'a file' '1 note missing-timeouts' --rules rules --fail-on warning a.cfg
run 0 'a file, and more' '' --rules rules --ignore missing-timeouts a.cfg
printf 'address-twice\nmissing-timeouts maybe so\nnosuch ignore\nunknown-keyword ignore\n' >rules
run 2 'a bad file' '1 error bad-rule
2 error bad-rule
3 note unknown-code
4 note ignore-of-error' --rules rules a.cfg
is 'its place is told' "$(sed -n 's/^\(rules:[0-9:]*\).*\[bad-rule\]$/\1/p' err)" 'rules:1:14:
rules:2:18:'
run 2 'no such file' '' --rules nosuch a.cfg
is 'which' "$(grep -c '^nosuch: .*input-unreadable' err)" 1

sed -e '1s/$/ # khapgen: ignore missing-timeouts nobody waits/' -e '7s/$/ # khapgen: ignore deprecated/' a.cfg >b.cfg
run 0 'comments' '8 note address-twice
7 note ignore-unused' b.cfg
run 1 'what fails is what is told' '8 note address-twice
7 note ignore-unused' --fail-on note b.cfg
"$KHAPGEN" check --json b.cfg 2>err
is 'as JSON' "$(grep -c . err)" 2
finish
