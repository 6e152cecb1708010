#!/bin/sh
# khapgen diff: what is told, in each format; what is no change; exit statuses; nothing secret.
. "${srcdir:-.}/tests/tap.sh"
: "${KHAPGEN:=$abs_builddir/khapgen}"
[ -x "$KHAPGEN" ] || skip_all "needs khapgen, which is not built"
tap_tmpdir
unset NO_COLOR

for map in "$abs_srcdir"/examples/*.cfg; do
    "$KHAPGEN" diff "$map" "$map" >"$tap_tmp/out" 2>"$tap_tmp/err"
    is "$(basename "$map") is itself: exit status" $? 0
    is "$(basename "$map") is itself" "$(cat "$tap_tmp/out")" '0 at run time, 0 reloads'
    "$KHAPGEN" fmt "$map" >"$tap_tmp/laid.cfg" 2>/dev/null
    "$KHAPGEN" diff "$map" "$tap_tmp/laid.cfg" >"$tap_tmp/out" 2>/dev/null
    is "$(basename "$map"): a layout is no change" "$?$(cat "$tap_tmp/out")" '00 at run time, 0 reloads'
done

cd "$tap_tmp" || exit 99
mkdir old new
cat >old/haproxy.cfg <<'END'
global
    default-path config
userlist staff
    user anna password $5$old
backend web
    # two of them
    server s1 10.0.0.1:80 weight 10
    server s2 10.0.0.2:80 weight 10
    use-server s1 if { path,map(paths.map) -m found }
END
cat >new/haproxy.cfg <<'END'
global
    default-path config
userlist staff
    user anna password $5$new
backend web
    server s1 10.0.0.1:80 weight 20
    server s2 10.0.0.2:80 weight 10
    use-server s1 if { path,map(paths.map) -m found }
END
echo '/a 1' >old/paths.map
echo '/b 1' >new/paths.map
"$KHAPGEN" diff -t 2.6 old new >out 2>err
is 'something changed: exit status' $? 1
is 'and nothing is said on standard error' "$(cat err)" ''
is 'text' "$(cat out)" 'userlist staff
  ~ user anna password (secret)  (old/haproxy.cfg:4)
    user anna password (secret)  (new/haproxy.cfg:4)
      reload: `user` is read when HAProxy starts
backend web
  ~ server s1 10.0.0.1:80 weight 10  (old/haproxy.cfg:7)
    server s1 10.0.0.1:80 weight 20  (new/haproxy.cfg:6)
file paths.map
  + /b 1  (new/haproxy.cfg:8)
  - /a 1  (new/haproxy.cfg:8)
3 at run time, 1 reload'
sed 's/new/old/' new/haproxy.cfg >as-old.cfg
mkdir same && mv as-old.cfg same/haproxy.cfg && cp new/paths.map same/paths.map
is 'without a reload, what is sent, in its order' "$("$KHAPGEN" diff -t 2.6 old same | sed -n '/^commands/,$p')" 'commands:
  set server web/s1 weight 20
  add map paths.map /b 1
  del map paths.map /a
3 at run time, 0 reloads'
"$KHAPGEN" diff --format markdown old new >out 2>err
is 'markdown: exit status' $? 1
is 'markdown' "$(sed -n 2,4p out)" '|---|---|---|---|---|
| userlist ` staff ` | changed | ` user anna password (secret) ` | ` user anna password (secret) ` | `` `user` is read when HAProxy starts `` |
| backend ` web ` | changed | ` server s1 10.0.0.1:80 weight 10 ` | ` server s1 10.0.0.1:80 weight 20 ` | at run time |'
"$KHAPGEN" diff --json old new >out 2>err
is 'json: exit status' $? 1
if command -v python3 >/dev/null 2>&1; then
    is 'json' "$(python3 -c 'import json, sys; d = json.load(sys.stdin); print(len(d["changes"]), d["reload"], [c["command"] for c in d["commands"]])' <out)" \
        "4 True ['set server web/s1 weight 20', 'add map paths.map /b 1', 'del map paths.map /a']"
else
    skip 'json: needs python3 (package python3)'
fi
for format in text json markdown; do
    "$KHAPGEN" diff --format $format old new 2>&1 | grep -q '\$5\$' && not_ok "$format: no password" || ok "$format: no password"
done
"$KHAPGEN" diff --format unified old new >out 2>err
is 'unified: exit status' $? 1
cp old/haproxy.cfg patched
if command -v patch >/dev/null 2>&1; then
    patch -s patched <out
    is 'unified: patch makes the new one of it' "$(cat patched)" "$(cat new/haproxy.cfg)"
else
    skip 'unified: needs patch (package patch)'
fi

"$KHAPGEN" diff old >out 2>err
is 'one file: exit status' $? 2
is 'one file' "$(sed -n '1s/.*\[\(.*\)\]$/\1/p' err)" two-files
"$KHAPGEN" diff old new old >out 2>err
is 'three files: exit status' $? 2
"$KHAPGEN" diff old nosuch >out 2>err
is 'no file: exit status' $? 2
"$KHAPGEN" diff --format yaml old new >out 2>err
is 'no such format: exit status' $? 2
echo 'bind :443 ssl crt x.pem' | sed 's/^/frontend f\n    /' >certs.cfg
"$KHAPGEN" diff certs.cfg certs.cfg >out 2>err
is 'a file that neither has: exit status' $? 0
is 'a file that neither has is told' "$(sed -n 's/.*\[\(diff-unread\)\]$/\1/p' err)" diff-unread
printf 'backend a\n    http-request set-header X "\033[31m\376|`"\n' >odd.cfg
printf 'backend a\n    http-request set-header X y\n' >plain.cfg
for format in text json markdown; do
    "$KHAPGEN" diff --format $format odd.cfg plain.cfg >out 2>err
    is "$format: odd bytes: exit status" $? 1
    grep -q "$(printf '\033')" out && not_ok "$format: no escape gets to a terminal" || ok "$format: no escape gets to a terminal"
done
# what a map becomes stands in the same form as the bundle that it is held against
printf 'nodes: {n1: 10.0.0.1}\nservices: {web: {nodePort: 30000, hosts: [a.example], routes: [{path: /p}]}}\n' >map.yaml
sed 's/a.example/a.example, b.example/' map.yaml >more.yaml
"$KHAPGEN" map.yaml --output-dir written >/dev/null 2>&1
"$KHAPGEN" diff written map.yaml >out 2>err
is 'a bundle against its map' "$?$(cat out)" '00 at run time, 0 reloads'
"$KHAPGEN" diff written more.yaml >out 2>err
is 'a host more is a matter of a map' "$?$(tail -n 1 out)" '11 at run time, 0 reloads'
finish
