#!/bin/sh
# khapgen check --env: words with environment variables, against HAProxy where it runs.
. "${srcdir:-.}/tests/tap.sh"
: "${KHAPGEN:=$abs_builddir/khapgen}"
[ -x "$KHAPGEN" ] || skip_all "needs khapgen, which is not built"
tap_tmpdir
cd "$tap_tmp" || exit 99
unset NO_COLOR TIME ADDRESS OPTIONS X
haproxy=$(command -v haproxy || command -v /usr/sbin/haproxy)
[ -n "$haproxy" ] || skip "needs haproxy (Debian: package haproxy)"

# told NAME EXPECTED WORDS...: what is said of a.cfg, as LINE CODE
told()
{
    t_name=$1 t_wanted=$2
    shift 2
    "$KHAPGEN" check -t 2.6 "$@" a.cfg >out 2>err
    is "$t_name" "$(sed -n 's/^a.cfg:\([0-9]*\):[0-9]*: .*\[\([a-z-]*\)\]$/\1 \2/p' err)" "$t_wanted"
}
# haproxy_says NAME STATUS VARIABLES...
haproxy_says()
{
    h_name=$1 h_wanted=$2
    shift 2
    [ -n "$haproxy" ] || return
    env "$@" "$haproxy" -c -f a.cfg >out 2>&1
    is "$h_name: HAProxy" $? "$h_wanted"
}

cat >a.cfg <<'END'
backend b
    timeout connect 1s
    timeout server "$TIME"
    server s "$ADDRESS" "${OPTIONS[*]}"
frontend f
    bind 127.0.0.1:8080
    timeout client 1s
    default_backend b
END
told 'nothing given' ''
told 'good values' '' --env TIME=3s --env ADDRESS=10.0.0.1:80 --env 'OPTIONS=check weight 3'
haproxy_says 'good values' 0 TIME=3s ADDRESS=10.0.0.1:80 'OPTIONS=check weight 3'
told 'a bad time' '3 bad-argument' --env TIME=3x
haproxy_says 'a bad time' 1 TIME=3x ADDRESS=10.0.0.1:80
told 'bad options' '4 unknown-argument' --env 'OPTIONS=check wieght 3'
haproxy_says 'bad options' 1 TIME=3s ADDRESS=10.0.0.1:80 'OPTIONS=check wieght 3'
told 'the last one holds' '' --env TIME=3x --env TIME=3s
told 'no others are set' '3 bad-argument
4 bad-argument' --env-only
haproxy_says 'no others are set' 1 NOTHING=
told 'one of them is' '4 bad-argument' --env-only --env TIME=3s
TIME=3x told 'that of this environment' '3 bad-argument' --env TIME
told 'that of this environment, where there is none' '3 bad-argument' --env TIME
"$KHAPGEN" check -t 3.4 --env-only a.cfg >out 2>err
is 'from 3.3 on an empty word is told' "$(grep -c 'line-empty-word' err)" 2

cat >a.cfg <<'END'
global
.if defined(X)
    nonsense
.endif
    setenv TIME 3s
backend b
    timeout connect 1s
    timeout server "$TIME"
    server s 10.0.0.1:80
frontend f
    bind 127.0.0.1:8080
    timeout client 1s
    default_backend b
END
told 'what is not known may be' '3 unknown-keyword'
told 'what is set' '3 unknown-keyword' --env X=
told 'what is not; what the file itself sets' '' --env-only
haproxy_says 'what is not' 0 NOTHING=
if [ -n "$haproxy" ]; then
    printf 'global\n.if feature(OPENSSL)\n    nonsense\n.endif\nfrontend f\n    bind 127.0.0.1:8080\n    timeout client 1s\n' >a.cfg
    "$KHAPGEN" check -t "binary:$haproxy" a.cfg >out 2>err
    is 'what the binary is built with: khapgen agrees with it' $? "$("$haproxy" -c -f a.cfg >out 2>&1; echo $?)"
    sed 's/feature/!feature/' a.cfg >b.cfg
    "$KHAPGEN" check -t "binary:$haproxy" b.cfg >out 2>err
    is 'what it is not built with' $? "$("$haproxy" -c -f b.cfg >out 2>&1; echo $?)"
fi

# ---- a build that lacks parts: what it says of itself decides
cat >a.cfg <<'END'
frontend f
    bind :443 ssl crt a.pem
    timeout client 1s
    mode http
    http-request use-service prometheus-exporter
END
for features in '+OPENSSL +PROMEX' '-OPENSSL -PROMEX' '+OPENSSL -PROMEX'; do
    printf '#!/bin/sh\nprintf "HAProxy version 2.6.12 2023/03/14\\nFeature list : %s\\n"\n' "$features" >fake
    chmod +x fake
    case $features in
    +*-*) wanted='5 not-built-in' ;;
    -*) wanted='2 not-built-in
2 not-built-in
5 not-built-in' ;;
    *) wanted= ;;
    esac
    "$KHAPGEN" check -t binary:./fake a.cfg >out 2>err
    is "a build with $features" "$(sed -n 's/^a.cfg:\([0-9]*\):[0-9]*: .*\[\([a-z-]*\)\]$/\1 \2/p' err)" "$wanted"
done
"$KHAPGEN" check -t 2.6 a.cfg >out 2>err
is 'a release is taken to have all parts' "$(grep -c . err)" 0
finish
