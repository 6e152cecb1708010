#!/bin/sh
# The demonstration itself: real HAProxy, real requests; and nothing stays behind, not even when it is interrupted.
. "${srcdir:-.}/tests/tap.sh"
need python3 python3
need curl curl
need openssl openssl
[ -n "${HAPROXY:-}" ] || skip_all "needs haproxy (Debian: package haproxy)"
tap_tmpdir
demo() { exec env TMPDIR="$tap_tmp" python3 "$abs_srcdir/examples/demo/demo.py" --khapgen "${KHAPGEN:-$abs_builddir/khapgen}" --haproxy "$HAPROXY"; }
# every process of it has this TMPDIR in its environment
left() { grep -la -e "TMPDIR=$tap_tmp" /proc/[0-9]*/environ 2>/dev/null | wc -l | tr -d ' '; }

(demo) >"$tap_tmp/out" 2>&1
is "it goes through" "$?" 0
rows=$(grep -c -E '^https? +[^ ]+ +(marley-landing|james-munnelly-eu|kube-ui) +node[123], node[123], node[123]$' "$tap_tmp/out")
is "four hosts over http and https, each answered by its backend" "$rows" 8
[ "$rows" = 8 ] || note "$(cat "$tap_tmp/out")"
for node in node1 node2 node3; do
    check "$node has answered" grep -q "$node" "$tap_tmp/out"
done
is "no process is left" "$(left)" 0
is "no folder is left" "$(find "$tap_tmp" -name 'khap-demo*')" ""

(demo) >"$tap_tmp/out2" 2>&1 &
pid=$!
sleep 1
seen=$(left)
kill -TERM $pid 2>/dev/null
wait $pid
[ "$seen" -gt 1 ] || note "it was over before it could be interrupted"
is "interrupted: no process is left" "$(left)" 0
is "interrupted: no folder is left" "$(find "$tap_tmp" -name 'khap-demo*')" ""
finish
