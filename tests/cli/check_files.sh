#!/bin/sh
# khapgen check --files: the files that a configuration names, against HAProxy where it runs.
. "${srcdir:-.}/tests/tap.sh"
: "${KHAPGEN:=$abs_builddir/khapgen}"
[ -x "$KHAPGEN" ] || skip_all "needs khapgen, which is not built"
tap_tmpdir
cd "$tap_tmp" || exit 99
unset NO_COLOR
haproxy=$(command -v haproxy || command -v /usr/sbin/haproxy)

# told NAME EXPECTED: what is said of the configuration on standard input with --files, as LINE:COLUMN CODE. HAProxy refuses it when there is an
# error, and takes it when there is none. 2.6 is what is checked for, and any newer one has to agree.
told()
{
    cat >a.cfg
    "$KHAPGEN" check -t 2.6 a.cfg >out 2>err
    is "$1: without --files" "$(grep -c . err)" 0
    "$KHAPGEN" check -t 2.6 --files a.cfg >out 2>err
    is "$1" "$(sed -n 's/^a.cfg:\([0-9]*:[0-9]*\): .*\[\([a-z-]*\)\]$/\1 \2/p' err)" "$2"
    [ -n "$haproxy" ] || return
    "$haproxy" -c -f a.cfg >out 2>&1
    is "$1: HAProxy" $? "${3:-$([ -z "$2" ] && echo 0 || echo 1)}"
}
base='defaults
    mode http
    timeout client 1s
    timeout server 1s
    timeout connect 1s
frontend f
    bind 127.0.0.1:8080'

mkdir certs sub sub/deep
printf 'a b\n' >a.map
cp a.map sub/deep/m.map
printf '10.0.0.1\n' >a.acl
printf 'HTTP/1.0 503 no\r\n\r\nno\n' >503.http
[ -n "$haproxy" ] || skip "needs haproxy (Debian: package haproxy)"
told 'maps and ACLs' '' <<END
$base
    http-request set-var(txn.a) path,map(a.map),map_beg(sub/deep/m.map)
    http-request deny if { src -f a.acl }
    http-request set-map(nosuch.map) a b
END
told 'maps and ACLs that are not there' '8:38 file-missing
9:26 file-missing' <<END
$base
    http-request set-var(txn.a) path,map(nosuch.map)
    http-request deny if { src -f a.acl -f nosuch.acl }
END
told 'error files' '' <<END
$base
    errorfile 503 503.http
    http-request return status 200 content-type text/plain file a.map
END
told 'error files that are not there' '8:19 file-missing
9:65 file-missing' <<END
$base
    errorfile 503 nosuch.http
    http-request return status 200 content-type text/plain file nosuch
END
told 'what is written or may be missing' '2:23 file-unused' 0 <<END
global
    server-state-file nosuch
    pidfile nosuch.pid
$base
END
told 'variables, and lines that are not read' '' 1 <<END
$base
    errorfile 503 "\$NOSUCH_VARIABLE"
.if version_before(1.8)
    errorfile 503 nosuch.http
.endif
END
told 'a path from the root' '8:19 file-missing' <<END
$base
    errorfile 503 /nosuch/503.http
END
told 'a directory that is no file' '8:19 file-bad' <<END
$base
    errorfile 503 sub
END
# from where: the directory of the file
mkdir conf
cp a.map conf/b.map
for path in 'config' 'parent' "origin $tap_tmp/conf"; do
    case $path in parent) map=a.map ;; *) map=b.map ;; esac
    printf 'global\n    default-path %s\n%s\n    http-request set-var(txn.a) path,map(%s)\n' "$path" "$base" "$map" >conf/c.cfg
    "$KHAPGEN" check --files conf/c.cfg >out 2>&1
    is "default-path $path: found" "$?$(cat out)" 0
    sed -i 's/\.map)/.nosuch)/' conf/c.cfg
    "$KHAPGEN" check --files conf/c.cfg >out 2>&1
    is "default-path $path: not found" "$(grep -c file-missing out)" 1
done

# what is in them is told there, and where they are named
inside()
{
    cat >b.cfg
    "$KHAPGEN" check -t 2.6 --files b.cfg >out 2>err
    is "$1" "$(sed -n 's/^\([a-z0-9./]*:[0-9]*:[0-9]*\): [a-z]*: .*\[\([a-z-]*\)\]$/\1 \2/p' err)" "$2"
}
printf '# addresses\n\n10.0.0.1\n  10.0.0.300\r\n' >bad.acl
printf 'a 1\nb two\n' >int.map
printf 'HTTP/1.0 503 no\r\nA b: c\r\n\r\n' >bad.http
printf 'a %%[src]\nb %%[nosuch]\n' >format
inside 'contents' 'bad.acl:4:3 bad-pattern
int.map:2:3 bad-value
bad.http:2:2 file-bad
format:2:5 unknown-sample' <<END
$base
    http-request deny if { src -f bad.acl }
    http-request set-var(txn.a) path,map_str_int(int.map)
    errorfile 503 bad.http
    http-request return status 200 content-type text/plain lf-file format
END
is 'contents: where they are named' "$(grep -c 'note: named here' err)" 4
inside 'with values and without' 'b.cfg:9:38 file-two-ways' <<END
$base
    http-request deny if { path -f a.map }
    http-request set-var(txn.a) path,map(a.map)
END
inside 'a namespace of the network' 'b.cfg:10:37 file-missing' <<END
$base
    default_backend b
backend b
    server s 127.0.0.1:80 namespace khap-nosuch
    server t 127.0.0.2:80 namespace *
END
# what never ends, or is too large, is not waited for
mkfifo pipe
ln -s loop loop
truncate -s 1G sparse
printf '%s\n    http-request deny if { src -f %s }\n' "$base" sparse >sparse.cfg
(
    [ "${SANITIZERS:-no}" != no ] || ulimit -v 400000 # they map more
    ulimit -t 10
    "$KHAPGEN" check --files sparse.cfg >out 2>err
)
is 'a file of 1 GB' "$? $(grep -c file-unread err)" '0 1'
printf '%s\n    http-request deny if { src -f %s }\n' "$base" /dev/zero >zero.cfg
(ulimit -t 10; "$KHAPGEN" check --files zero.cfg >out 2>err)
is '/dev/zero' "$? $(grep -c file-unread err)" '0 1'
printf '%s\n    http-request deny if { src -f %s }\n' "$base" pipe >pipe.cfg
timeout 20 "$KHAPGEN" check --files pipe.cfg >out 2>err
is 'a pipe' $? 0
printf '%s\n    http-request deny if { src -f %s }\n' "$base" loop >loop.cfg
"$KHAPGEN" check --files loop.cfg >out 2>err
is 'a link to itself' "$? $(grep -c file-missing err)" '1 1'

# ---- certificates
if command -v openssl >/dev/null; then
    for name in one two; do
        openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj "/CN=$name.example" \
            -addext "subjectAltName=DNS:$name.example" -keyout $name.k -out $name.c >/dev/null 2>&1
    done
    cat one.c one.k >certs/one.pem
    cp one.c split.pem
    cp one.k split.pem.key
    cat one.c two.k >mixed.pem
    cat one.c one.k >joint.pem.rsa
    told 'certificates' '12:65 cert-twice' 0 <<END
global
    crt-base $tap_tmp/certs
    ca-base $tap_tmp
$base
    bind 127.0.0.1:8443 ssl crt one.pem ca-file one.c verify optional
    bind 127.0.0.1:8444 ssl crt $tap_tmp/certs crt $tap_tmp/split.pem crt $tap_tmp/joint.pem
END
    told 'certificates that are not there' '11:33 file-missing
11:52 file-missing' <<END
global
    crt-base $tap_tmp/certs
    ca-base $tap_tmp
$base
    bind 127.0.0.1:8443 ssl crt nosuch.pem ca-file nosuch.pem verify optional
END
    told 'what is no certificate, or has no key' '8:33 file-bad
9:33 file-bad
10:33 file-bad' <<END
$base
    bind 127.0.0.1:8443 ssl crt a.map
    bind 127.0.0.1:8444 ssl crt two.c
    bind 127.0.0.1:8445 ssl crt mixed.pem
END
    printf '%s [alpm h2] one.example\nnosuch.pem\n' certs/one.pem >list
    inside 'a crt-list' 'list:1:16 unknown-keyword
list:2:1 file-missing' <<END
$base
    bind 127.0.0.1:8443 ssl crt-list list
END
else
    skip 'needs openssl (Debian: package openssl)'
fi
finish
