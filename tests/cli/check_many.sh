#!/bin/sh
# What is there many times is not looked at many times many times: each configuration here takes a second where the work grows with its
# length, and minutes where it grows with the square of it.
. "$srcdir/tests/tap.sh"
tap_tmpdir

# checked NAME: the file $tap_tmp/NAME.cfg is good, in ten seconds of processor time
checked() {
    if (ulimit -t 10; "$KHAPGEN" check "$tap_tmp/$1.cfg") >"$tap_tmp/out" 2>&1; then
        ok "$2"
    else
        not_ok "$2"
        note "$(head -n 5 "$tap_tmp/out")"
    fi
}

start='defaults
 mode http
 timeout connect 5s
 timeout client 5s
 timeout server 5s
frontend f
 bind :80'
end='backend b
 server s 10.0.0.1:80'

{
    echo "$start"
    awk 'BEGIN { for (i = 0; i < 30000; i++) printf " acl a path_beg /%d\n http-request set-header X-A %d if a\n", i, i }'
    echo " use_backend b if a
$end"
} >"$tap_tmp/acl.cfg"
checked acl "one ACL of 30,000 lines, asked 30,000 times"

{
    echo "$start"
    awk 'BEGIN { for (i = 0; i < 30000; i++) printf " acl a%d path /%d\n use_backend b if a%d\n", i, i, i }'
    echo "$end"
} >"$tap_tmp/acls.cfg"
checked acls "30,000 ACLs and rules"

{
    echo "$start
 use_backend %[req.hdr(host)]"
    awk 'BEGIN { for (i = 0; i < 30000; i++) printf "backend b%d\n server s 10.0.0.1:80 check\n", i }'
} >"$tap_tmp/backends.cfg"
checked backends "30,000 backends"

{
    echo "$start
 default_backend b
$end"
    awk 'BEGIN { for (i = 0; i < 50000; i++) printf " server s%d 10.%d.%d.%d:80 check\n", i, i / 40000 + 1, i / 200 % 200, i % 200 }'
} >"$tap_tmp/servers.cfg"
checked servers "50,000 servers in a backend"
finish
