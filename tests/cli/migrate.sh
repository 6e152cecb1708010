#!/bin/sh
# khapgen migrate on the command line: what it writes and where, exit statuses; configurations and service maps.
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
    "$KHAPGEN" migrate "$@" >out 2>err </dev/null
    is "$r_name: exit status" $? "$r_status"
}
says() { if grep -q -e "$2" err; then ok "$1"; else not_ok "$1"; note "no $2 in: $(cat err)"; fi; }

# ---- configurations
cat >old.cfg <<'END'
defaults
  timeout client  1s # as it is
  contimeout 1s
  timeout server 1s
frontend f
  bind :80
  block if { src 10.0.0.0/8 }
  redisp
END
sed -e 's/contimeout/timeout connect/' -e 's/block if/http-request deny if/' -e 's/redisp/option redispatch/' old.cfg >new.cfg
cp old.cfg keep.cfg
run 0 'a configuration' --from 2.0 --to 3.4 old.cfg
check 'the rest stays byte for byte' cmp out new.cfg
says 'where and what' "old.cfg:3:3: note: 'contimeout 1s' became 'timeout connect 1s' \[migrate-replaced\]"
printf 'defaults\n  mode http\nbackend b\n  reqdeny ^X-Debug:\\ 1\n  reqideny ^X-Test:\\ 1\n  reqdeny ^GET\\ /a\n' >case.cfg
run 0 'names in the case of the rule' --from 2.0 --to 3.4 case.cfg
is 'where case mattered it is told' "$(sed -n 's/^case.cfg:\([0-9]*\):.*\[migrate-any-case\]$/\1/p' err)" 4
run 0 'a release found by itself' --to 3.4 old.cfg
check 'the same' cmp out new.cfg
says 'which is told' 'HAProxy 2.0, the newest release that takes it'
run 0 'to a file' --from 2.0 --to 3.4 -o o.cfg old.cfg
check 'it is there' cmp o.cfg new.cfg
run 0 'the same again' --from 2.0 --to 3.4 -o o.cfg old.cfg
echo '# mine' >other.cfg
run 3 'over something else' --from 2.0 --to 3.4 -o other.cfg old.cfg
is 'it stays' "$(cat other.cfg)" '# mine'
run 0 'with --force' --from 2.0 --to 3.4 --force -o other.cfg old.cfg
check 'it is replaced' cmp other.cfg new.cfg
run 1 'would it change' --from 2.0 --to 3.4 --check old.cfg
is 'which' "$(cat out)" 'would change old.cfg'
run 0 'what is new already' --from 3.2 --to 3.4 --check new.cfg
run 0 'a diff' --from 2.0 --to 3.4 --dry-run old.cfg
is 'a unified one' "$(grep -c '^[-+]  ' out)" 6
check 'nothing was written' cmp old.cfg keep.cfg
cp old.cfg i.cfg
chmod 640 i.cfg
run 0 'in place' --from 2.0 --to 3.4 -i i.cfg
check 'the file is new' cmp i.cfg new.cfg
is 'its mode stays' "$(ls -l i.cfg | cut -c1-10)" '-rw-r-----'
"$KHAPGEN" migrate --from 2.0 --to 3.4 - <old.cfg >out 2>err
is 'standard input' "$?" 0
check 'the same from there' cmp out new.cfg
run 2 'standard input in place' --from 2.0 --to 3.4 -i -
mkdir d
cp old.cfg d/b.cfg
cp old.cfg d/a.cfg
sed -i 's/frontend f/frontend g/' d/a.cfg
run 2 'several files' --from 2.0 --to 3.4 d
run 0 'a directory' --from 2.0 --to 3.4 -i d
check 'each file' cmp d/b.cfg new.cfg
is 'both' "$(grep -l 'http-request deny' d/*.cfg | tr '\n' ' ')" 'd/a.cfg d/b.cfg '
printf 'defaults\n  option http_proxy\n' >left.cfg
run 1 'what is left' --from 2.4 --to 3.4 left.cfg
says 'with what to do' 'left.cfg:2:3: error: .option http_proxy. has no equivalent'
check 'and stays' cmp out left.cfg
run 1 'as JSON' --json --from 2.4 --to 3.4 left.cfg
is 'one object' "$(grep -c '^{"code":"migrate-left"' err)" 1
run 2 'no such file' --from 2.0 --to 3.4 nosuch.cfg
run 2 'no file' --to 3.4
run 2 'no release' old.cfg
run 2 'a range' --from 2.0-2.4 --to 3.4 old.cfg
run 2 'two outputs' --to 3.4 -i -o x old.cfg
printf 'frontend f\n  nonsense\n' >bad.cfg
run 1 'no release takes it' --to 3.4 bad.cfg
says 'which is told, too' 'migrate-no-release'
if [ -c /dev/full ]; then
    "$KHAPGEN" migrate --from 2.0 --to 3.4 old.cfg >/dev/full 2>err
    is 'a full disk' "$?" 3
    says 'is told' 'output-unwritable'
else
    skip 'no /dev/full'
fi
run 0 'help' --help

# ---- service maps
cat >a.yaml <<'END'
haproxy: "2.0"   # old
nodes: {n1: 10.0.0.1}
global: |
  maxconn 1000

  # two
  nbproc 4   
defaults: "option forceclose" # x
frontends:
  http:
    extra: |-
      # first
      block if { src 10.9.0.0/16 }
        redispatch
      clitimeout 30s   # keep
services:
  web: {nodePort: 32000, hosts: [a.example], extra: "redispatch\ncontimeout 5s"}
  tcp: {nodePort: 32001, mode: tcp, bind: ":5432", extra: 'srvtimeout 30s'}
  folded:
    nodePort: 32002
    hosts: [b.example]
    extra: >-
      # folded

      srvtimeout
      30s
    # behind
  empty: {nodePort: 32003, hosts: [c.example], extra: option http-use-htx}
sections: |
  listen own 127.0.0.1:9000
    server s1 10.0.0.9:80
END
cat >wanted.yaml <<'END'
haproxy: "3.2"   # old
nodes: {n1: 10.0.0.1}
global: |
  maxconn 1000

  # two
  nbthread 4   
defaults: "option httpclose" # x
frontends:
  http:
    extra: |-
      # first
      http-request deny if { src 10.9.0.0/16 }
        option redispatch
      timeout client 30s   # keep
services:
  web: {nodePort: 32000, hosts: [a.example], extra: "option redispatch\ntimeout connect 5s"}
  tcp: {nodePort: 32001, mode: tcp, bind: ":5432", extra: "timeout server 30s"}
  folded:
    nodePort: 32002
    hosts: [b.example]
    extra: |-
      # folded
      timeout server 30s
    # behind
  empty: {nodePort: 32003, hosts: [c.example], extra: ""}
sections: |
  listen own
    bind 127.0.0.1:9000
    server s1 10.0.0.9:80
END
run 0 'a map' --to 3.2 a.yaml
check 'its lines, and nothing else' diff wanted.yaml out
says 'the place in the map' "a.yaml:13:7: note: 'block if"
says 'the release of the map' 'a.yaml:1:10: note: .*\[migrate-map-release\]'
cp a.yaml i.yaml
run 0 'a map in place' --to 3.2 -i i.yaml
check 'it is written' cmp wanted.yaml i.yaml
run 0 'it is new already' --from 3.2 --to 3.2 --check i.yaml
run 1 'a map to be changed' --to 3.2 --check a.yaml
run 0 'a diff of a map' --to 3.2 --dry-run a.yaml
is 'of its lines' "$(grep -c '^-[^-]' out)" 13
sed 's/$/\r/' a.yaml >crlf.yaml
sed 's/$/\r/' wanted.yaml >crlf-wanted.yaml
run 0 'CR LF' --to 3.2 crlf.yaml
check 'stays CR LF' cmp out crlf-wanted.yaml
cp a.yaml map
"$KHAPGEN" migrate --to 3.2 - <map >out 2>err
is 'a map told by its first line, on standard input' "$?" 0
check 'the same map' cmp out wanted.yaml
run 0 'and in a file' --to 3.2 map
check 'the same map again' cmp out wanted.yaml
run 2 'both kinds' --to 3.2 --dry-run a.yaml old.cfg
says 'is told, too' 'types-mixed'
run 0 '--type' --from 2.0 --to 3.4 --type configuration old.cfg
run 2 'another type' --from 2.0 --to 3.4 --type nonsense old.cfg
grep -v '^haproxy' a.yaml >none.yaml
run 2 'a map without a release' --to 3.2 none.yaml
says 'what to do' 'migrate-map-from'
run 0 'which is said' --from 2.0 --to 3.2 none.yaml
sed 1d wanted.yaml >none-wanted.yaml
check 'none is added' cmp out none-wanted.yaml
sed 's/"2.0"/2.0-2.4/' a.yaml >range.yaml
run 0 'a range' --from 2.0 --to 3.2 range.yaml
is 'stays' "$(sed -n 1p out)" 'haproxy: 2.0-2.4   # old'
says 'with a note' 'migrate-map-target'
printf 'services: {a: {nodePort: x}}\n' >broken.yaml
run 2 'a broken map' --from 2.0 --to 3.4 broken.yaml
program='sections: |
  program p
    command /bin/true'
printf 'global: |\n  maxconn 5\n%s\n' "$program" >program.yaml
run 0 'a line for global' --from 3.0 --to 3.2 program.yaml
is 'goes there' "$(sed -n 3p out)" '  expose-deprecated-directives'
printf '%s\n' "$program" >program.yaml
run 1 'without global' --from 3.0 --to 3.2 program.yaml
says 'which line, and where' "error: 'expose-deprecated-directives' belongs into .global."
cat >alias.yaml <<'END'
x-a: &a "redispatch"
services:
  one: {nodePort: 1, hosts: [a.example], extra: *a}
  two: {nodePort: 2, hosts: [b.example], extra: &b "redispatch"}
  three: {nodePort: 3, hosts: [c.example], extra: *b}
  four:
    nodePort: 4
    hosts: [d.example]
    extra: block if { path /x }
END
run 0 'anchors' --from 2.0 --to 3.4 alias.yaml
is 'an alias stays where its anchor changes' "$(sed -n 3,5p out)" '  one: {nodePort: 1, hosts: [a.example], extra: "option redispatch"}
  two: {nodePort: 2, hosts: [b.example], extra: &b "option redispatch"}
  three: {nodePort: 3, hosts: [c.example], extra: *b}'
cat >shared.yaml <<'END'
x-b: &b {extra: monitor-net 10.0.0.1}
frontends:
  http: {<<: *b}
services:
  one: {<<: *b, nodePort: 1, hosts: [a.example]}
END
cp shared.yaml i.yaml
run 3 'a merge of what becomes different lines' --from 2.0 --to 3.4 -i i.yaml
says 'is told where it stands' 'i.yaml:1:17: error: .*\[migrate-map-shared\]'
check 'and nothing is written' cmp i.yaml shared.yaml
sed 's/monitor-net 10.0.0.1/redispatch/' shared.yaml >i.yaml
run 0 'a merge of what becomes the same' --from 2.0 --to 3.4 i.yaml
is 'is changed in one place' "$(sed -n 1p out)" 'x-b: &b {extra: "option redispatch"}'
printf 'services:\n  two: {nodePort: 2, hosts: [b.example]}\n' >i.yaml
printf 'haproxy: "2.0"\ndefaults: redispatch\n' >j.yaml
run 1 'maps that are merged' --to 3.4 --check i.yaml j.yaml
is 'that one only changes' "$(cat out)" 'would change j.yaml'
run 2 'to standard output' --to 3.4 i.yaml j.yaml
run 2 'a key in both' --to 3.4 --dry-run j.yaml j.yaml
run 2 'no such map' --to 3.4 nosuch.yaml
mkdir m.yaml
run 2 'a directory as a map' --type map --to 3.4 m.yaml
is 'notes as JSON' "$("$KHAPGEN" migrate --json --to 3.4 j.yaml 2>&1 >out | grep -c '^{"code":"migrate-[a-z-]*","severity":"note".*"source":"j.yaml"')" 2
if [ -c /dev/full ]; then
    "$KHAPGEN" migrate --to 3.2 a.yaml >/dev/full 2>err
    is 'a map on a full disk' "$?" 3
else
    skip 'no /dev/full'
fi
finish
