#!/bin/sh
# khapgen check on the command line: what it says, exit statuses.
. "${srcdir:-.}/tests/tap.sh"
: "${KHAPGEN:=$abs_builddir/khapgen}"
[ -x "$KHAPGEN" ] || skip_all "needs khapgen, which is not built"
tap_tmpdir
cd "$tap_tmp" || exit 99
unset NO_COLOR

# run STATUS NAME WORDS...: the exit status; standard output in out, standard error in err
run()
{
    r_status=$1 r_name=$2
    shift 2
    "$KHAPGEN" check "$@" >out 2>err </dev/null
    is "$r_name: exit status" $? "$r_status"
}
# said: places, severities and codes, one a line
said() { sed -n 's/^\([^ ]*\):\([0-9]*:[0-9]*\): \([a-z]*\): .*\[\([a-z-]*\)\]$/\2 \3 \4/p' err; }
says() { if grep -q -e "$2" err; then ok "$1"; else not_ok "$1"; note "no $2 in: $(cat err)"; fi; }

# ---- a configuration as people have printed it
cat >seed.cfg <<'END'
backend shop
    mode http
    balance leastconn
    option forwardfor
    cookie SRV_ID prefix
    server node1 10.20.40.60:32000 cookie check
    server node2 10.20.40.61:32000 cookie check
    server node3 10.20.40.61:32000 cookie check

frontend http-in
    bind :80
    type http
    reqadd X-Forwarded-Proto:\ http
    use_backend landing if { hdr(host) -i marley.xyz }
    use_backend shop if { hdr(host) -i james.munnelly.eu }
    use_backend kube-ui if { hdr(host) -i manage.marley.xyz }
END
run 1 'what is printed everywhere' seed.cfg
is 'all of it is told' "$(said)" "6:43 note option-as-value
7:43 note option-as-value
8:43 note option-as-value
8:18 note address-twice
12:5 error unknown-keyword
13:5 error other-release
1:1 warning missing-timeouts
1:1 warning missing-timeouts
10:1 warning missing-timeouts
14:17 error missing-reference
16:17 error missing-reference"
says 'type is written for mode' 'did you mean .mode.'
says 'what replaces reqadd' "'reqadd' is known up to 2.0 only; instead: http-request add-header"
run 1 'another release' -t 2.0 seed.cfg
is '2.0 warns of reqadd' "$(said | grep '^13')" '13:5 warning deprecated'
run 1 'several releases' -t 1.9-2.1 seed.cfg
is 'what one of several releases says' "$(said | grep '^13')" '13:5 warning deprecated
13:5 error other-release'

# ---- what is found decides
cat >good.cfg <<'END'
defaults
    mode http
    timeout client 1s
    timeout server 1s
    timeout connect 1s
frontend www
    bind :80
    default_backend web
backend web
    server s1 10.0.0.1:80 check
END
cp good.cfg note.cfg
echo '    server s2 10.0.0.1:80 check' >>note.cfg
sed '/timeout client/d' good.cfg >warn.cfg
run 0 'nothing' good.cfg
is 'nothing is said' "$(cat out err)" ''
run 0 'a note' note.cfg
run 0 'a note, from warnings on' --fail-on warning note.cfg
run 1 'a note, from notes on' --fail-on note note.cfg
run 0 'a warning' warn.cfg
run 1 'a warning, from warnings on' --fail-on=warning warn.cfg
run 2 'no such severity' --fail-on fatal good.cfg
is 'which is told' "$(grep -c 'option-value' err)" 1
run 2 'no such option' --nosuch good.cfg
is 'which is told, too' "$(grep -c 'unknown-option' err)" 1
run 2 'no file'
is 'that there is none is told' "$(grep -c 'no-file' err)" 1
run 2 'no such file' nosuch.cfg
run 2 'no such release' -t 9.9x good.cfg
run 0 'help' --help
is 'help goes to standard output' "$(grep -c '^usage: khapgen check' out)" 1

# ---- several files are one configuration
sed -n '1,5p' good.cfg >1.cfg
sed -n '6,8p' good.cfg >2.cfg
mkdir d
sed -n '9,$p' good.cfg >d/3.cfg
run 0 'in three parts' 1.cfg 2.cfg d
run 1 'one is missing' 1.cfg 2.cfg
is 'which' "$(said)" '3:21 error missing-reference'
run 1 'as JSON' --json 1.cfg 2.cfg
is 'one object' "$(grep -c '"code":"missing-reference"' err)" 1

# ---- `haproxy -c` does not look whether a ring of global is there
printf 'global\n  log ring@none local0\nbackend b\n  log ring@none local0\n  timeout server 1s\n  timeout connect 1s\n' >rings.cfg
run 1 'rings that are not there' rings.cfg
is 'a note, and an error' "$(said)" '2:12 note missing-later
4:12 error missing-reference'

# ---- what is not read is not looked at; what is not known is taken for good
cat >if.cfg <<'END'
.if version_before(2.0)
nonsense of old
.endif
backend b
    timeout server "$TIME"
    timeout connect 1s
    server s "$ADDR" "${OPTIONS[*]}"
    nonsense
END
run 1 'conditions and variables' if.cfg
is 'only what is wrong' "$(said)" '8:5 error unknown-keyword'
printf 'backend b\n  timeout conect 1s\n  bind :80\n  mode\n  server s 10.0.0.1:80 wieght 3\n' >typos.cfg
run 1 'typing errors' typos.cfg
says 'the nearest keyword' 'timeout connect'
says 'the nearest option' 'weight'
is 'each at its place' "$(said | sort -n)" '2:3 error unknown-keyword
3:3 warning ignored-here
4:7 error argument-missing
5:24 error unknown-argument'
finish
