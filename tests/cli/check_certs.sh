#!/bin/sh
# khapgen check --files: what is told of certificates that are named, against HAProxy where it runs. SPDX-License-Identifier: MIT
. "${srcdir:-.}/tests/tap.sh"
: "${KHAPGEN:=$abs_builddir/khapgen}"
[ -x "$KHAPGEN" ] || skip_all "needs khapgen, which is not built"
command -v openssl >/dev/null || skip_all "needs openssl (Debian: package openssl)"
tap_tmpdir
cd "$tap_tmp" || exit 99
unset NO_COLOR
haproxy=${HAPROXY:-$(command -v haproxy || command -v /usr/sbin/haproxy)}
ssl() { openssl "$@" >log 2>&1 </dev/null || note "openssl $*" "$(cat log)"; }
day() { date -u -d "@$(($(date +%s) + $1 * 86400 + 3600))" +%Y%m%d%H%M%SZ; }

# issue NAME SIGNER FROM-DAY TO-DAY NAMES [DIGEST]: NAME.c; NAME.k is its key, made when it is not there
issue()
{
    [ -e "$1.k" ] || ssl ecparam -name prime256v1 -genkey -noout -out "$1.k"
    ssl req -new -key "$1.k" -subj "/CN=$1" -out "$1.csr"
    printf '%s\n' "$5" >"$1.ext"
    ssl ca -batch -config ca.cnf -cert "$2.c" -keyfile "$2.k" -in "$1.csr" -out "$1.c" -notext -md "${6:-sha256}" \
        -startdate "$(day "$3")" -enddate "$(day "$4")" -extfile "$1.ext"
}
printf '[ca]\ndefault_ca=c\n[c]\ndatabase=index\nunique_subject=no\nnew_certs_dir=.\nrand_serial=yes\ndefault_md=sha256\npolicy=p\n[p]\ncommonName=supplied\n' >ca.cnf
: >index
for ca in root other; do
    ssl ecparam -name prime256v1 -genkey -noout -out $ca.k
    ssl req -x509 -new -key $ca.k -days 900 -subj "/CN=$ca" -addext basicConstraints=critical,CA:true -out $ca.c
done
issue middle root -10 800 'basicConstraints=critical,CA:true'
issue gone root -10 -2 'basicConstraints=critical,CA:true'
issue good middle -10 300 'subjectAltName=DNS:good.example,DNS:*.good.example'
issue old middle -100 -6 'subjectAltName=DNS:old.example'
issue soon middle -10 9 'subjectAltName=DNS:soon.example'
issue later middle 5 300 'subjectAltName=DNS:later.example'
issue stale gone -10 300 'subjectAltName=DNS:stale.example'
issue nameless middle -10 300 'basicConstraints=CA:false'
issue second middle -10 300 'subjectAltName=DNS:x.example,DNS:GOOD.example'
issue sha1 middle -10 300 'subjectAltName=DNS:sha1.example' sha1
ssl genrsa -out short.k 1024
issue short middle -10 300 'subjectAltName=DNS:short.example'
ssl genrsa -out rsa.k 2048
issue rsa middle -10 300 'subjectAltName=DNS:good.example'
for name in good old soon later nameless second sha1 short rsa; do cat $name.c middle.c $name.k >$name.pem; done
for name in good old; do cat $name.c middle.c >$name.p; done
cat stale.c gone.c stale.k >stale.pem
cat good.c good.k >alone.pem
cat good.c root.c middle.c good.k >turned.pem
cat good.c middle.c root.c good.k >whole.pem
cat good.c middle.c other.c good.k >foreign.pem
cat good.c other.c good.k >broken.pem
mkdir dir
cp good.pem dir/1.pem
cp rsa.pem dir/2.pem
cp second.pem dir/3.pem
base='defaults
    mode http
    timeout client 1s
    timeout server 1s
    timeout connect 1s
frontend f
    bind 127.0.0.1:8080'

# told NAME CODES [WORDS...]: which codes are told of the configuration on standard input, and that HAProxy takes it
told()
{
    name=$1 wanted=$2
    shift 2
    cat >a.cfg
    "$KHAPGEN" check ${target:+-t "$target"} "$@" --files a.cfg >out 2>err
    is "$name" "$(sed -n 's/^\([a-z0-9.]*:[0-9]*:[0-9]*\): [a-z]*: .*\[\([a-z-]*\)\]$/\1 \2/p' err)" "$wanted"
    "$KHAPGEN" check ${target:+-t "$target"} a.cfg >out 2>err
    is "$name: without --files" "$(cat err)" ''
    [ -n "$haproxy" ] && [ "${refused:-no}" = no ] && [ -z "$target" ] || return
    "$haproxy" -c -f a.cfg >out 2>&1
    is "$name: HAProxy" "$?" 0
}
crt() { printf '%s\n    bind 127.0.0.1:8443 ssl crt %s\n' "$base" "$1"; }

# of_crt NAME CODES FILE [WORDS...]: of a bind with that certificate
of_crt()
{
    crt "$3" >b.cfg
    name=$1 wanted=$2
    shift 3
    told "$name" "$wanted" "$@" <b.cfg
}

of_crt 'a good one' '' good.pem
of_crt 'with its root' '' whole.pem
of_crt 'expired' 'a.cfg:8:33 cert-expired' old.pem
is 'expired: how long ago' "$("$KHAPGEN" check --files a.cfg 2>&1 | grep -c 'old.pem expired 5 days ago')" 1
of_crt 'expires soon' 'a.cfg:8:33 cert-expires-soon' soon.pem
is 'expires soon: when' "$("$KHAPGEN" check --files a.cfg 2>&1 | grep -c 'soon.pem expires in 9 days')" 1
"$KHAPGEN" check --files --fail-on warning a.cfg >/dev/null 2>&1
is 'expires soon: --fail-on warning' $? 1
of_crt 'expires later than asked for' '' soon.pem --expires 9
of_crt 'expires earlier than asked for' 'a.cfg:8:33 cert-expires-soon' good.pem --expires 400
for bad in x 9x -1 36501 99999999999999999999; do
    "$KHAPGEN" check --files --expires "$bad" a.cfg >out 2>&1
    is "--expires '$bad'" "$? $(grep -c option-value out)" '2 1'
done
of_crt 'not valid yet' 'a.cfg:8:33 cert-not-yet' later.pem
is 'not valid yet: when' "$("$KHAPGEN" check --files a.cfg 2>&1 | grep -c 'only 6 days from now')" 1
of_crt 'a chain that expired' 'a.cfg:8:33 cert-chain-expired' stale.pem
of_crt 'no chain' 'a.cfg:8:33 cert-chain-short' alone.pem
{ printf 'global\n    issuers-chain-path %s\n' chains; crt alone.pem; } >x
mkdir chains
cp middle.c chains/middle.pem
told 'a chain from elsewhere' '' <x
for name in turned foreign broken; do
    of_crt "a chain that is $name" 'a.cfg:8:33 cert-chain-broken' $name.pem
done
of_crt 'no names' 'a.cfg:8:33 cert-no-names' nameless.pem
refused=maybe # by some builds of OpenSSL
of_crt 'a short key' 'a.cfg:8:33 cert-weak' short.pem
of_crt 'a weak signature' 'a.cfg:8:33 cert-weak' sha1.pem
refused=no
told 'told once' 'a.cfg:8:33 cert-expired' <<END
$(crt 'old.pem crt old.pem')
    bind 127.0.0.1:8444 ssl crt old.pem
END

# names of two
of_crt 'a name of two certificates' 'a.cfg:8:46 cert-twice' 'good.pem crt second.pem'
of_crt 'keys of two kinds' '' 'good.pem crt rsa.pem'
of_crt 'in a directory' 'a.cfg:8:33 cert-twice' dir
is 'in a directory: which' "$("$KHAPGEN" check --files a.cfg 2>&1 | grep -c "'good.example' is a name of the certificate in dir/1.pem, too")" 1
told 'of two binds' '' <<END
$(crt good.pem)
    bind 127.0.0.1:8444 ssl crt second.pem
END
printf 'good.pem good.example x.good.example y.x.good.example *.good.example *.other !no.example\nsecond.pem [alpn h2] x.example Good.Example\ngood.pem [alpn h2] good.example\nold.pem\n' >list
told 'a crt-list' 'list:1:38 cert-not-for-host
list:1:70 cert-not-for-host
list:2:32 cert-twice
list:4:1 cert-expired' <<END
$base
    bind 127.0.0.1:8443 ssl crt-list list
END

# what servers show, and what they are compared with
cat old.c >olds.pem
cat old.c good.c >mixed.pem
told 'of servers' 'a.cfg:10:54 cert-expired
a.cfg:10:67 cert-expired' <<END
$base
    default_backend b
backend b
    server s 127.0.0.1:1 ssl verify required ca-file olds.pem crt old.pem
    server t 127.0.0.1:2 ssl verify required ca-file mixed.pem crt nameless.pem
END

# a crt-store
target=3.0
told 'a crt-store' 'a.cfg:3:14 cert-expired' <<END
crt-store s
    load crt good.p key good.k alias good
    load crt old.p key old.k
$(crt @s/good)
END
told 'the key of another certificate' 'a.cfg:2:25 cert-key-mismatch' <<END
crt-store s
    load crt good.p key old.k alias good
$(crt @s/good)
END
told 'no key' 'a.cfg:2:14 cert-key-missing
a.cfg:4:27 file-bad' <<END
crt-store s
    load crt good.p
    load crt good.pem
    load crt good.pem key middle.c
$(crt @s/good.pem)
END
told 'below its directories' 'a.cfg:4:27 cert-key-mismatch' <<END
crt-store s
    crt-base $tap_tmp
    key-base $tap_tmp/.
    load crt good.pem key old.k alias good
$(crt @s/good)
END
printf 'good.pem [key good.k] good.example\ngood.pem [alpn h2 key old.k]\n' >list
told 'a key in a crt-list' 'list:2:23 cert-key-mismatch' <<END
$base
    bind 127.0.0.1:8443 ssl crt-list list
END
finish
