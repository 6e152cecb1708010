#!/bin/sh
# khapgen check beyond HAProxy: what it takes, and what is hardly meant. All of it is notes.
. "${srcdir:-.}/tests/tap.sh"
: "${KHAPGEN:=$abs_builddir/khapgen}"
[ -x "$KHAPGEN" ] || skip_all "needs khapgen, which is not built"
tap_tmpdir
cd "$tap_tmp" || exit 99
unset NO_COLOR

# told NAME EXPECTED [WORDS...]: what is said of the configuration on standard input, as LINE CODE; all of it is a note
told()
{
    t_name=$1 t_wanted=$2
    shift 2
    cat >a.cfg
    "$KHAPGEN" check --fail-on warning "$@" a.cfg >out 2>err
    is "$t_name: nothing above a note" $? 0
    is "$t_name: what is told" "$(sed -n 's/^a.cfg:\([0-9]*\):[0-9]*: note: .*\[\([a-z-]*\)\]$/\1 \2/p' err)" "$t_wanted"
}
defaults='defaults
    mode http
    timeout client 1s
    timeout server 1s
    timeout connect 1s'

told 'rules' '9 rule-never-reached
13 rule-never-reached
19 rule-never-reached
22 rule-never-reached' <<END
$defaults
frontend f
    bind :80
    http-request reject
    http-request deny if { path / }
    http-request set-header X y
    use_backend b if { path /b }
    use_backend b
    default_backend c
backend b
    http-request deny if { path / }
    http-request redirect location / ignore-empty
    http-request set-header X y
    http-request silent-drop
    http-request set-header X y
backend c
    tcp-request content accept
    tcp-request content reject
    tcp-response content reject
END
# HAProxy itself warns of the rule straight behind these, and only of that one
for rule in 'http-request allow' 'http-request auth' 'http-request deny' 'http-request redirect location /' 'http-request return status 200' 'http-request tarpit' \
    'http-response allow' 'http-response deny' 'http-after-response allow'; do
    printf '%s\nbackend b\n %s\n %s set-header X y\n %s set-header X z\n' "$defaults" "$rule" "${rule%% *}" "${rule%% *}" >a.cfg
    "$KHAPGEN" check a.cfg >out 2>err
    is "behind '$rule': a warning" "$(sed -n 's/^a.cfg:\([0-9]*\):[0-9]*: warning: .*\[\([a-z-]*\)\]$/\1 \2/p' err)" '8 rule-after-final'
done
told 'rules whose end is not known' '' <<END
$defaults
frontend f
    bind :80
.if defined(NOSUCH)
    http-request deny
.endif
    http-request deny "\$IF"
    http-request set-header X y
    http-response deny
    use_backend b if { path /b }
    default_backend c
backend b
    http-request deny
backend c
    http-request set-header X y
END
told 'addresses that are listened on' '8 bind-twice
12 bind-twice
14 bind-twice
16 bind-twice' <<END
$defaults
frontend a
    bind :80
    bind 10.0.0.1:80,[::]:80
    bind :8001-8003
    default_backend w
frontend b
    bind *:80
    bind [::1]:81
    bind [::]:81
    bind /run/a.sock
    bind /run/a.sock
    bind 10.0.0.1:443
    bind 10.0.0.2:443
    bind udp@:443
    bind :82 interface eth0
    bind :82 interface eth1
    bind :8001-8003
    bind "\$ADDRESS:80"
    default_backend w
backend w
END
told 'servers' '8 address-twice
9 option-as-value' <<END
$defaults
backend b
    server a 10.0.0.1:80 cookie a check
    server b 10.0.0.1:80 cookie b
    server c 10.0.0.2:80 cookie check
    server d 10.0.0.3:80 cookie d
backend c
    server a 10.0.0.1:80 cookie a check
END
told 'TLS' '2 old-tls
3 not-verifying
10 old-tls
11 old-tls
13 old-tls
14 old-tls
15 not-verifying' <<END
global
    ssl-default-bind-options ssl-min-ver TLSv1.1
    ssl-server-verify none
$defaults
listen f
    bind :443 ssl crt a.pem force-tlsv10
    bind :444 ssl crt a.pem ssl-max-ver SSLv3
    bind :445 ssl crt a.pem ssl-min-ver TLSv1.2 verify none
    default-server ssl-min-ver TLSv1.0
    server a 10.0.0.1:443 ssl verify required ca-file ca.pem force-tlsv11
    server b 10.0.0.2:443 ssl verify none
END
told 'statistics' '8 stats-open
14 stats-open' <<END
$defaults
listen open
    bind :8401
    stats enable
    stats uri /
listen loopback
    bind 127.0.0.1:8402,[::1]:8402,localhost:8403,/run/s.sock
    stats enable
frontend open-too
    stats uri /x
    bind 127.0.0.1:8404
    bind 10.0.0.1:8404
listen asked
    bind :8405
    stats enable
    stats auth a:b
listen refused
    bind :8406
    stats enable
    http-request deny unless { src 10.0.0.0/8 }
listen certificates
    bind :8407 ssl crt a.pem verify required ca-file ca.pem
    stats enable
backend nobody
    stats enable
frontend to-it
    bind :8409
    default_backend nobody
END
told 'statistics that defaults guard' '' <<END
$defaults
    stats auth a:b
listen s
    bind :8401
    stats enable
END
told 'names that nothing asks for' '7 unused-name
10 unused-name
18 unused-name' <<END
$(echo "$defaults" | sed '1s/$/ named/')
    acl used path /
    acl unused path /
    http-request deny if used
frontend f from named
    acl mine path /a
    bind :80
    default_backend b
$defaults
backend unused
backend b
END

# ---- what there is to mend in it
printf 'backend b\n    timeout server 1s\n    timeout connect 1s\n    server node1 10.0.0.1:80 cookie check\n' >cookie.cfg
"$KHAPGEN" check --fix cookie.cfg >out 2>err
is 'the cookie gets a value' "$(sed -n 4p cookie.cfg)" '    server node1 10.0.0.1:80 cookie node1 check'
finish
