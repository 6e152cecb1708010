#!/bin/sh
# khapgen parse on the command line: what it shows, exit statuses, and which files it writes.
. "${srcdir:-.}/tests/tap.sh"
: "${KHAPGEN:=$abs_builddir/khapgen}"
[ -x "$KHAPGEN" ] || skip_all "needs khapgen, which is not built"
tap_tmpdir
cd "$tap_tmp" || exit 99
unset NO_COLOR

printf 'global\n    maxconn 10\n\n.if streq("$A",b)\n    .if true\nfrontend www\n    bind :80\n    .endif\n.else\n    log x\n.endif\nbackend \001b "\n' >a.cfg

# run STATUS NAME WORDS...: the exit status; standard output in out, standard error in err
run()
{
    r_status=$1 r_name=$2
    shift 2
    "$KHAPGEN" parse "$@" >out 2>err </dev/null
    is "$r_name: exit status" $? "$r_status"
}
# says NAME PATTERN [FILE]
says() { if grep -q -e "$2" "${3:-err}"; then ok "$1"; else not_ok "$1"; note "no $2 in: $(cat "${3:-err}")"; fi; }
refused()
{
    f_status=$1 f_code=$2 f_name=$3
    shift 3
    run "$f_status" "$f_name" "$@"
    says "$f_name: [$f_code]" "\\[$f_code\\]"
    is "$f_name: nothing on standard output" "$(cat out)" ""
}

# ---- for people
run 0 'errors in the file are no failure' a.cfg
is 'sections and blocks' "$(cat out)" "sections:
a.cfg:1-5          global
a.cfg:6-11         frontend www
a.cfg:12-12        backend \\x01b \"
branches of .if blocks:
a.cfg:4-9          .if streq(\"\$A\",b)
a.cfg:5-8            .if true
a.cfg:9-11         .else"
says 'diagnostics go to standard error' 'a.cfg:12:12: error: .*\[line-open-quote\]'
run 0 'an empty file' /dev/null
is 'an empty file shows nothing' "$(cat out err)" ""
"$KHAPGEN" parse - <a.cfg >out2 2>err2
says 'standard input' '<stdin>:12' err2
run 0 'another target' -t 1.5 a.cfg
is '1.5 knows no .if and no quotes' "$(grep -c . err) $(grep -c if out)" "0 0"
run 0 'a long line' a.cfg
awk 'BEGIN { printf "frontend "; for (i = 0; i < 5000; i++) printf "\377"; print "" }' >long.cfg
run 0 'a long name' long.cfg
is 'a long name is cut' "$(tail -n 1 out | wc -c | tr -d ' ')" "$((8 + 13 + 1 + 9 + 51 * 4 + 3 + 1))"

# ---- several files, and directories
mkdir conf.d conf.d/below.cfg empty
printf 'frontend b\n    mode tcp\n' >conf.d/b.cfg
printf 'frontend a\n    .if true\n' >conf.d/a.cfg
cp conf.d/b.cfg conf.d/B.cfg
for f in .hidden.cfg .cfg c.cfg.cfg c.CFG c.cfgx c.cfg~ c.txt below.cfg/d.cfg; do
    echo 'frontend not-read' >conf.d/$f
done
ln -s ../a.cfg conf.d/to-file.cfg
ln -s ../empty conf.d/to-directory.cfg
mkfifo conf.d/pipe.cfg 2>/dev/null
run 0 'a directory' -t 3.0 conf.d
is 'what HAProxy reads of it, in its order' "$(sed -n 's/ .*//; s/^conf/conf/p' out | uniq | tr '\n' ' ')" \
    'conf.d/B.cfg:1-2 conf.d/a.cfg:1-2 conf.d/b.cfg:1-2 conf.d/to-file.cfg:1-5 conf.d/to-file.cfg:6-11 conf.d/to-file.cfg:12-12 conf.d/a.cfg:2- conf.d/to-file.cfg:4-9 conf.d/to-file.cfg:5-8 conf.d/to-file.cfg:9-11 '
says 'each file has its own .if blocks' '^conf.d/a.cfg:2:1: error: .*\[if-not-closed\]$'
run 0 'files and directories in the order of the words, one of them twice' conf.d/b.cfg empty conf.d/ - conf.d/b.cfg
is 'that order' "$(sed -n '/^branches/q; s/:.*//; s/^conf.d.//p' out | tr '\n' ' ')" \
    'b.cfg B.cfg a.cfg b.cfg to-file.cfg to-file.cfg to-file.cfg b.cfg '
says 'an empty directory beside them is told' '^empty: warning: .*\[directory-without-cfg\]$'
echo 'maxconn 1' >headless.cfg
run 0 'each file begins outside of any section' conf.d/b.cfg headless.cfg
says 'so this is told' '^headless.cfg:1:1: error: .*\[line-out-of-section\]$'
printf 'global\n' | "$KHAPGEN" parse conf.d/b.cfg - - >out 2>err
is 'standard input among files, named twice and read once' "$? $(tail -n 1 out | tr -s ' ')" '0 <stdin>:1-1 global'
refused 2 no-configuration 'nothing but an empty directory' empty
refused 2 input-unreadable 'a file that is not there among others' conf.d none.cfg headless.cfg
says 'what is wrong with the others is told all the same' '^headless.cfg:1:1: .*\[line-out-of-section\]$'
ln -s nowhere conf.d/dangling.cfg
refused 2 input-unreadable 'a link that leads nowhere in a directory' conf.d
says 'with its name and the reason' '^conf.d/dangling.cfg: error: cannot be read: No such file or directory'
rm conf.d/dangling.cfg
printf 'frontend pipe\n' >conf.d/pipe.txt
cat conf.d/pipe.txt >conf.d/pipe.cfg &
writer=$!
run 0 'a pipe that is named itself is read' conf.d/pipe.cfg
is 'it is' "$(tail -n 1 out | tr -s ' ')" 'conf.d/pipe.cfg:1-1 frontend pipe'
kill "$writer" 2>/dev/null
ln -s loop loop
refused 2 input-unreadable 'a name that leads nowhere' loop
says 'the reason' 'loop: error: cannot be read: Too many levels of symbolic links'
if [ "$(id -u)" -ne 0 ]; then # root may read everything
    mkdir closed
    chmod 0 closed
    refused 2 input-unreadable 'a directory without permission' closed
    says 'the reason of that' 'closed: error: cannot be read: Permission denied'
    chmod 700 closed
fi

# ---- options and files that cannot be read
refused 2 no-file 'no file'
run 2 'two files as JSON' --json a.cfg a.cfg
says 'two files as JSON: the code' '"code":"one-file"'
refused 2 one-file 'JSON of two files' --from-json a.json b.json
run 2 'both ways' --json --from-json a.cfg
says 'both ways: the code' '"code":"options-exclude"'
refused 2 unknown-option 'an unknown option' --jsn a.cfg
says 'the nearest is named' 'did you mean --json'
refused 2 unknown-release 'an unknown target' -t 1.2 a.cfg
refused 2 input-unreadable 'a missing file' none.cfg
run 2 'a directory as JSON' --json conf.d
says 'a directory as JSON: the code' '"code":"input-directory"'
refused 2 json-syntax 'a configuration that is read as JSON' --from-json a.cfg
run 0 'help' --help
says 'help: options' '--from-json' out

# ---- as JSON and back
run 0 'as JSON' --json a.cfg
says 'diagnostics are JSON too' '^{"code":"line-open-quote",'
cp out a.json
run 0 'back' --from-json a.json
check 'the same bytes' cmp out a.cfg
is 'nothing to say' "$(cat err)" ""
run 0 'back into a file' --from-json a.json -o b.cfg
check 'the file has the same bytes' cmp b.cfg a.cfg
is 'no word of it' "$(cat out err)" ""
before=$(ls -i b.cfg)
run 0 'once more' --from-json a.json -o b.cfg
is 'a file with this content stays as it is' "$(ls -i b.cfg)" "$before"
echo '# mine' >c.cfg
refused 3 output-differs 'over another file' --from-json a.json -o c.cfg
is 'the file is as it was' "$(cat c.cfg)" "# mine"
run 0 'over another file with --force' --from-json a.json -o c.cfg --force
check 'now it is there' cmp c.cfg a.cfg
: >empty.cfg
refused 3 output-differs 'over an empty file' --from-json a.json -o empty.cfg
run 0 'JSON into a file' --json a.cfg -o d.json
check 'it is what standard output gets' cmp d.json a.json
run 0 'into a device' --from-json a.json -o /dev/null
run 0 '-o -' --from-json a.json -o -
check '-o - is standard output' cmp out a.cfg
refused 3 output-unwritable 'a folder that is not there' --from-json a.json -o none/x.cfg
sed 's/"maxconn","10"/"maxconn","11"/' a.json >e.json
refused 2 json-words-differ 'words against raw' --from-json e.json -o new.cfg
says 'with its path' 'e.json:3:1: error: lines\[1\]\.words\[1\]'
if [ -e new.cfg ]; then not_ok 'nothing is written then'; else ok 'nothing is written then'; fi
if [ -e /dev/full ]; then
    for how in --json --from-json ''; do
        file=a.cfg
        [ "$how" != --from-json ] || file=a.json
        "$KHAPGEN" parse $how $file >/dev/full 2>err
        is "a full disk, ${how:-for people}: exit status" $? 3
    done
else
    skip 'there is no /dev/full here'
fi
finish
