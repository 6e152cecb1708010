#!/bin/sh
# The demonstration itself: real HAProxy, real requests; and nothing stays behind, not even when it is interrupted.
. "${srcdir:-.}/tests/tap.sh"
need python3 python3
need curl curl
need openssl openssl
[ -n "${HAPROXY:-}" ] || skip_all "needs haproxy (Debian: package haproxy)"
tap_tmpdir
# the interpreter itself: python3 on PATH may be a script that looks for it, with processes of its own
python=$(python3 -c 'import sys; print(sys.executable)')
demo() { exec env TMPDIR="$tap_tmp" "$python" "$abs_srcdir/examples/demo/demo.py" --khapgen "${KHAPGEN:-$abs_builddir/khapgen}" --haproxy "$HAPROXY"; }
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

# at any moment: while it makes its folder, starts something, asks, tidies up
interrupted=0
for moment in 0.05 0.1 0.15 0.2 0.3 0.5 0.7 0.9 1.1 1.3; do
    (demo) >"$tap_tmp/out2" 2>&1 &
    pid=$!
    sleep $moment
    kill -TERM $pid 2>/dev/null
    wait $pid
    [ $? = 143 ] && interrupted=$((interrupted + 1))
    is "interrupted after $moment s: no process is left" "$(left)" 0
    is "interrupted after $moment s: no folder is left" "$(find "$tap_tmp" -name 'khap-demo*')" ""
done
[ "$interrupted" -gt 2 ] || note "only $interrupted of ten were over only by the signal"
finish
