#!/bin/sh
# khapgen on the command line: exit statuses, what it refuses to read and to overwrite, and what it does when writing fails.
. "${srcdir:-.}/tests/tap.sh"
: "${KHAPGEN:=$abs_builddir/khapgen}"
[ -x "$KHAPGEN" ] || skip_all "needs khapgen, which is not built"
tap_tmpdir
cd "$tap_tmp" || exit 99
unset NO_COLOR

cat >map.yaml <<'MAP'
nodes: {node1: 10.0.0.1, node2: 10.0.0.2}
services: {web: {nodePort: 32000, hosts: [a.example]}}
MAP
sed 's/32000/32001/' map.yaml >other.yaml
echo 'nodes: {node1: 10.0.0.1}
services: {web: {nodePort: 32000, hosts: [a.example], cookie: {name: A, dynamic: true, keyFile: key}}}' >secret.yaml
echo 0123456789abcdef >key
echo 'services: {web: {nodeport: 1}}' >bad.yaml

# run STATUS NAME WORDS...: the exit status; standard output in out, standard error in err
run()
{
    r_status=$1 r_name=$2
    shift 2
    "$KHAPGEN" "$@" >out 2>err </dev/null
    r_got=$?
    if [ $r_got -eq "$r_status" ]; then ok "$r_name: exit status $r_status"; else
        not_ok "$r_name: exit status $r_status, not $r_got"
        note "$(cat err)"
    fi
}
# says NAME PATTERN [FILE]
says() { if grep -q -e "$2" "${3:-err}"; then ok "$1"; else not_ok "$1"; note "no $2 in: $(cat "${3:-err}")"; fi; }
# refused STATUS CODE NAME WORDS...: with this code and nothing on standard output
refused()
{
    f_status=$1 f_code=$2 f_name=$3
    shift 3
    run "$f_status" "$f_name" "$@"
    says "$f_name: [$f_code]" "\\[$f_code\\]"
    is "$f_name: nothing on standard output" "$(cat out)" ""
}
mode_of() { ls -ld "$1" | cut -c 1-10; }
inode_of() { ls -i "$1" | awk '{ print $1 }'; }

# ---- options
refused 2 no-input 'no map'
refused 2 no-input 'generate without a map' generate
refused 2 unknown-option 'unknown option' --ouput x map.yaml
says 'the nearest option is named' 'did you mean --output'
refused 2 unknown-option 'unknown letter' -z map.yaml
refused 2 option-without-value 'value missing' map.yaml -o
refused 2 option-without-value 'empty value' --output= map.yaml
refused 2 option-with-value 'value too much' --force=yes map.yaml
refused 2 format-unknown 'no such format' --format=xml map.yaml
refused 2 option-value 'no such size' --max-input 12x map.yaml
refused 2 option-value 'size beyond 64 bits' --max-input 99999999999999999999 map.yaml
refused 2 option-value 'size beyond 64 bits by its unit' --max-input 18446744073709551615g map.yaml
refused 2 options-exclude '-o and --output-dir' -o x --output-dir y map.yaml
refused 2 option-needs '--check without a file' --check map.yaml
refused 2 set-syntax '--set without =' --set services.web.nodePort map.yaml
refused 2 bad-target 'unknown target' -t best map.yaml
refused 2 unknown-release 'unknown release' -t 1.4 map.yaml
refused 2 target-binary 'a target that is not there' -t binary:/nowhere/haproxy map.yaml
refused 2 target-binary 'a target that is no HAProxy' -t binary:/bin/true map.yaml
run 0 'a word that looks like a command, as a file' ./map.yaml
refused 2 unknown-command 'a command that is misspelled' explian unknown-key
says 'the nearest one is named' 'did you mean explain?'
refused 2 input-unreadable 'a file that is not there' services.yaml
cp map.yaml explain
run 0 './explain is a file' ./explain
run 0 'options behind the file, and --' map.yaml -t 2.6
run 0 'a file behind --' -t2.6 -- map.yaml
run 0 'the command, spelled out' generate --target=2.6 map.yaml
cp out spelled
run 0 'a letter with its value' -t2.6 map.yaml
if cmp -s out spelled; then ok 'both mean the same'; else not_ok 'both mean the same'; fi

for words in --help -h 'generate --help' 'generate -h' 'explain --help' 'fmt --help' 'parse --help' --version; do
    # shellcheck disable=SC2086
    run 0 "$words" $words
    is "$words: nothing on standard error" "$(cat err)" ""
    says "$words: says something" khapgen out
done
run 0 'help' --help
for word in khapd check\ ; do
    if grep -q "khapgen $word \|^  $word\|$word " out && [ "$word" != "check " ] && grep -q -e "  *$word" out; then
        not_ok "help does not name $word, which does not exist"
    else
        ok "help does not name $word"
    fi
done
if [ -e /dev/full ]; then
    "$KHAPGEN" --help >/dev/full 2>err
    is 'help on a full disk: exit status' $? 3
    says 'help on a full disk: says so' 'output-unwritable'
fi

# ---- input
refused 2 input-unreadable 'a file that is not there' nowhere.yaml
echo 'services: {web: {nodePort: 32000, nodes: [far], hosts: [a.example]}}' >far.yaml
refused 2 input-unreadable 'a file beside one that is not there' nowhere.yaml far.yaml
is 'what may stand in it is not said to be missing' "$(grep -c error: err)" 1
says 'it is named' '^nowhere.yaml: error'
echo 'services: {web: {backend: far, hosts: [a.example], bind: ":1"}}' >far.yaml
refused 2 input-unreadable 'what keys mean together beside a file that is not there' nowhere.yaml far.yaml
says 'it is told' key-cannot-act
is 'a backend that may stand in it is not said to be missing' "$(grep -c error: err)" 2
mkdir -p nothing && refused 2 no-maps-in-directory 'a directory without maps' nothing
: >empty.yaml
refused 2 input-empty 'an empty file' empty.yaml
refused 2 input-too-long 'a file over the limit' --max-input 10 map.yaml
refused 2 input-too-long 'an endless file' --max-input 64k /dev/zero
if dd if=/dev/null of=huge.yaml bs=1 count=0 seek=268435457 2>/dev/null && [ -s huge.yaml ]; then
    refused 2 input-too-long 'a file over 256 MiB' huge.yaml
    says 'the limit is named' 268435456
else
    skip 'no sparse file can be made here'
fi
rm -f huge.yaml
if [ "$(id -u)" -ne 0 ]; then
    cp map.yaml unreadable.yaml
    chmod 000 unreadable.yaml
    refused 2 input-unreadable 'a file without permission' unreadable.yaml
else
    refused 2 input-unreadable 'a file whose path is none' map.yaml/x
fi
refused 2 unknown-key 'a bad map' bad.yaml
"$KHAPGEN" - <map.yaml >out 2>err
is 'standard input' $? 0
"$KHAPGEN" - <bad.yaml >out 2>err
says 'standard input has a name' '^<stdin>:1:'
"$KHAPGEN" - <&- >out 2>err
is 'standard input that is closed' $? 2
refused 2 input-unreadable 'all files are looked at' nowhere.yaml bad.yaml
says 'the second, too' unknown-key
run 0 'exactly the limit' --max-input "$(wc -c <map.yaml | tr -d ' ')" map.yaml

# ---- --json
run 2 '--json' --json bad.yaml nowhere.yaml
if [ -n "${PYTHON3:=$(command -v python3)}" ]; then
    check 'each line is an object with code, severity, message and place' "$PYTHON3" -c '
import json, sys
found = [json.loads(line) for line in open("err")]
assert len(found) >= 2, found
for d in found:
    for key in "code", "severity", "message", "source":
        assert d[key], d
assert any(d["code"] == "unknown-key" and d["source"] == "bad.yaml" and d["line"] == 1 and d["column"] == 18 for d in found), found'
else
    skip 'needs python3 (Debian: package python3)'
fi

# ---- -o
refused 2 unknown-key 'a bad map makes no file' -o new.cfg bad.yaml
if [ -e new.cfg ]; then not_ok 'there is no file'; else ok 'there is no file'; fi
# not in a subshell, which would keep the count to itself
old_umask=$(umask)
umask 022
run 0 'a new file' -o new.cfg map.yaml
umask "$old_umask"
is 'its mode' "$(mode_of new.cfg)" -rw-r--r--
run 0 'standard output gives' map.yaml
if cmp -s out new.cfg; then ok 'the same'; else not_ok 'the same'; fi
before=$(inode_of new.cfg)
run 0 'again' -o new.cfg map.yaml
is 'nothing is written when nothing changed' "$(inode_of new.cfg)" "$before"
run 0 '--check of what is up to date' --check -o new.cfg map.yaml
run 1 '--check of what is not' --check -o new.cfg other.yaml
says 'it is named' 'new.cfg' out
cp new.cfg kept
run 0 '--dry-run' --dry-run -o new.cfg other.yaml
says 'it is named, too' 'new.cfg' out
if cmp -s kept new.cfg; then ok '--check and --dry-run write nothing'; else not_ok '--check and --dry-run write nothing'; fi
run 0 '--dry-run to standard output' --dry-run map.yaml
is 'prints nothing' "$(cat out)" ""
run 0 'an own file is replaced' -o new.cfg other.yaml
says 'by the new one' ':32001' new.cfg
chmod 640 new.cfg
run 0 'and again' -o new.cfg map.yaml
is 'its mode is kept' "$(mode_of new.cfg)" -rw-r-----
echo '# mine' >>new.cfg
cp new.cfg kept
refused 3 output-changed 'a file that somebody changed' -o new.cfg other.yaml
says 'the way out is named' '--force'
if cmp -s kept new.cfg; then ok 'it is as it was'; else not_ok 'it is as it was'; fi
refused 3 output-changed '--check of it' --check -o new.cfg other.yaml
run 0 '--force' --force -o new.cfg other.yaml
says 'it is replaced' ':32001' new.cfg
refused 2 into-the-map 'a block into the map itself' --into ./map.yaml map.yaml
echo 'global' >theirs.cfg
refused 3 output-of-others 'a file of somebody else' -o theirs.cfg map.yaml
is 'it is as it was, too' "$(cat theirs.cfg)" global
says 'the ways out are named' '--into keeps what is in it, `khapgen import` makes a map of it, --force replaces it'
: >zero.cfg
refused 3 output-of-others 'an empty file is not ours' -o zero.cfg map.yaml
ln -s real.cfg link.cfg
run 0 'a link' -o link.cfg map.yaml
if [ -L link.cfg ] && [ -f real.cfg ]; then ok 'is followed, and stays'; else not_ok 'is followed, and stays'; fi
run 0 'a secret' -o secret.cfg secret.yaml
is 'is for its owner only' "$(mode_of secret.cfg)" -rw-------
chmod 644 new.cfg
run 0 'a secret in place of none' -o new.cfg secret.yaml
is 'takes the permissions away' "$(mode_of new.cfg)" -rw-------
refused 3 output-unwritable 'a directory' -o . map.yaml
refused 3 output-unwritable 'a directory that is not there' -o nowhere/x.cfg map.yaml
[ ! -d /proc/self ] || refused 3 output-unwritable 'a directory that takes no files' -o /proc/x.cfg map.yaml
if [ "$(id -u)" -ne 0 ]; then
    mkdir closed
    chmod 555 closed
    refused 3 output-unwritable 'a read-only directory' -o closed/x.cfg map.yaml
fi
run 0 '-o -' -o - map.yaml
says 'is standard output' '^frontend http' out
leftovers=$(ls -A | grep -c 'khap-tmp')
is 'no temporary file stays' "$leftovers" 0

# ---- writing fails
if [ -e /dev/full ]; then
    "$KHAPGEN" map.yaml >/dev/full 2>err
    is 'a full disk: exit status' $? 3
    says 'a full disk: says so' '^<stdout>: error: .*\[output-unwritable\]'
    refused 3 output-unwritable 'a full disk by -o' -o /dev/full map.yaml
else
    skip 'there is no /dev/full here'
fi
"$KHAPGEN" map.yaml >&- 2>err
is 'standard output that is closed: exit status' $? 3
says 'standard output that is closed: says so' output-unwritable
"$KHAPGEN" bad.yaml >out 2>&-
is 'standard error that is closed: exit status' $? 2
"$KHAPGEN" -o closed-err.cfg map.yaml 2>&- >&- <&-
is 'everything closed: exit status' $? 0
if cmp -s closed-err.cfg real.cfg; then ok 'and the file is whole'; else not_ok 'and the file is whole'; fi
awk 'BEGIN { print "nodes: {node1: 10.0.0.1}"; print "services:"
    for (i = 0; i < 3000; i++) print "  s" i ": {nodePort: 32000, hosts: [h" i ".example]}" }' >big.yaml
{ "$KHAPGEN" big.yaml 2>err; echo $? >status; } | head -n 1 >out
is 'a reader that goes away: exit status' "$(cat status)" 3
says 'a reader that goes away: says so' output-unwritable
if [ "${SANITIZERS:-no}" = no ]; then
    # the least memory that the program starts with, and a little more
    for kilobytes in 30000 20000 16000 14000 12000 11000 10000 9000 8000 7000 6000; do
        (ulimit -v $kilobytes; exec "$KHAPGEN" big.yaml) >out 2>err
        status=$?
        case $status in
        0 | 3) ;;
        *) break ;; # the loader itself has no memory
        esac
        [ $status -eq 3 ] && break
    done
    is 'no memory: exit status' $status 3
    says 'no memory: says so' 'out of memory'
else
    note 'no memory: not tried, sanitizers need more than can be taken away (tests/failmalloc does it allocation by allocation)'
fi

# ---- --output-dir
run 0 'a bundle' --output-dir dir map.yaml
says 'what to run is said' 'haproxy -C dir -f haproxy.cfg' out
run 0 'a bundle from 2.4 on' -t 2.4-3.4 --output-dir dir24/ map.yaml
says 'what to run is said, too' 'haproxy -f dir24/haproxy.cfg' out
for file in haproxy.cfg khap.sums; do
    if [ -f dir/$file ]; then ok "dir/$file"; else not_ok "dir/$file"; fi
done
n=0
while read -r sum name; do
    n=$((n + 1))
    case $sum in
    [0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f]) ;;
    *) not_ok "the sum of $name" ;;
    esac
    [ -f "dir/$name" ] || not_ok "dir/$name is there"
done <dir/khap.sums
is 'khap.sums has a line for each other file' $n $(($(find dir -type f | wc -l) - 1))
side=$(sed -n 's/^[0-9a-f]*  \(maps\/.*\)/\1/p' dir/khap.sums | head -n 1)
find dir -type f -exec ls -i {} + | sort >before
run 0 'a bundle again' --output-dir dir map.yaml
find dir -type f -exec ls -i {} + | sort >after
if cmp -s before after; then ok 'nothing is written when nothing changed'; else not_ok 'nothing is written when nothing changed'; fi
run 0 '--check of a bundle that is up to date' --check --output-dir dir map.yaml
run 1 '--check of one that is not' --check --output-dir dir other.yaml
run 0 'a bundle that changes' --output-dir dir other.yaml
says 'is replaced' ':32001' dir/haproxy.cfg
run 0 'no way back' --output-dir dir map.yaml
echo '# mine' >>"dir/$side"
cp -r dir dir.kept
sed 's/a.example/b.example/' map.yaml >third.yaml
refused 3 output-changed 'a side file that somebody changed' --output-dir dir third.yaml
if diff -r dir dir.kept >/dev/null; then ok 'nothing at all was written'; else not_ok 'nothing at all was written'; fi
run 0 '--force' --force --output-dir dir third.yaml
if grep -q mine "dir/$side"; then not_ok 'it is replaced'; else ok 'it is replaced'; fi
mkdir foreign
echo global >foreign/haproxy.cfg
refused 3 output-of-others 'a directory of somebody else' --output-dir foreign map.yaml
is 'has still one file' "$(ls foreign)" haproxy.cfg
refused 3 output-unwritable 'a directory that cannot be' --output-dir map.yaml/x map.yaml

# ---- how a bundle is run, as a shell takes it
run 0 'a directory with a blank and a quote' --output-dir "it's here" map.yaml
says 'is quoted' "^run it with: haproxy -C 'it'.''s here' -f haproxy.cfg\$" out

# ---- what a map names is not waited for
mkfifo pipe
echo 'nodes: {node1: 10.0.0.1}
certs: [{file: pipe}]
services: {web: {nodePort: 32000, hosts: [a.example]}}' >pipe.yaml
timeout 10 "$KHAPGEN" pipe.yaml >out 2>err </dev/null
is 'a certificate that is a pipe' $? 0
finish
