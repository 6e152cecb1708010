#!/bin/sh
# khapgen fmt: what it prints, what it writes, what it leaves alone.
. "${srcdir:-.}/tests/tap.sh"
tap_tmpdir
cd "$tap_tmp" || exit 1

cat >in.cfg <<'EOF'


#top
  global   # g
maxconn   5 #x
#  log here


.if feature(OPENSSL)
frontend a
	bind :80   
 server a 1.2.3.4:80 check
 server longer 11.2.3.4:80   check
 server x '[::1]:80'
   # inside
 acl is_a path_beg  "/a b"
 acl x path /
.else
frontend b
  timeout connect  5s
  timeout http-request 10s
.endif

# about c
# more
backend c
  option httpchk

  log "x
EOF
cat >wanted.cfg <<'EOF'
#top
global # g
    maxconn 5 #x
#  log here

.if feature(OPENSSL)
frontend a
    bind :80
    server a      1.2.3.4:80  check
    server longer 11.2.3.4:80 check
    server x      '[::1]:80'
    # inside
    acl is_a path_beg "/a b"
    acl x    path /
.else
frontend b
    timeout connect      5s
    timeout http-request 10s
.endif

# about c
# more
backend c
    option httpchk

  log "x
EOF
"$KHAPGEN" fmt in.cfg >out.cfg 2>err
is "fmt gives 0 though a line cannot be read" "$?" 0
check "the layout" diff -u wanted.cfg out.cfg
check "the line that cannot be read is told at its place" grep -q '^in.cfg:29:7: error: .*\[line-open-quote\]$' err
"$KHAPGEN" fmt - <in.cfg >out2.cfg 2>/dev/null
check "standard input gives the same" cmp out.cfg out2.cfg
"$KHAPGEN" fmt wanted.cfg 2>/dev/null | cmp -s - wanted.cfg
is "what is laid out stays as it is" "$?" 0

sed 's/$/\r/' in.cfg >crlf.cfg
sed 's/$/\r/' wanted.cfg >crlf-wanted.cfg
"$KHAPGEN" fmt crlf.cfg >crlf-out.cfg 2>/dev/null
check "CR LF stays CR LF" cmp crlf-wanted.cfg crlf-out.cfg
printf 'global\n  maxconn 1' | "$KHAPGEN" fmt - >end.cfg 2>/dev/null
is "the last line gets an end" "$(od -An -c end.cfg | tr -d ' \n')" 'global\nmaxconn1\n'

cat >ends.cfg <<'EOF'
  # of global
global
  daemon
  # maxconn 5
  # nbthread 2
#of a
backend a
  server x 1.1.1.1:80

  # of b
  # too
backend b
  # server y 1.1.1.2:80
.if feature(LUA)
backend c
  # server z 1.1.1.3:80
.else
backend d
 .endif
EOF
cat >ends-wanted.cfg <<'EOF'
# of global
global
    daemon
    # maxconn 5
    # nbthread 2

#of a
backend a
    server x 1.1.1.1:80

# of b
# too
backend b
    # server y 1.1.1.2:80

.if feature(LUA)
backend c
    # server z 1.1.1.3:80
.else
backend d
.endif
EOF
"$KHAPGEN" fmt ends.cfg >ends-out.cfg
check "what is commented out at the end of a section stays with it" diff -u ends-wanted.cfg ends-out.cfg
"$KHAPGEN" fmt ends-out.cfg >ends-twice.cfg
check "and twice is once" cmp ends-wanted.cfg ends-twice.cfg

cat >flat.cfg <<'EOF'
#one
global
#two

# three
daemon
#four
   #five
maxconn 5
#six

#seven
backend a
#eight
 server x 1.1.1.1:80
#nine
EOF
cat >flat-wanted.cfg <<'EOF'
#one
global
    #two

    # three
    daemon
    #four
    #five
    maxconn 5
#six

#seven
backend a
#eight
    server x 1.1.1.1:80
#nine
EOF
"$KHAPGEN" fmt flat.cfg >flat-out.cfg
check "a comment in the first column goes with a statement that stood there" diff -u flat-wanted.cfg flat-out.cfg
"$KHAPGEN" fmt flat-out.cfg >flat-twice.cfg
check "also twice" cmp flat-wanted.cfg flat-twice.cfg

cp in.cfg file.cfg
chmod 640 file.cfg
ln -s file.cfg link.cfg
is "--check says which" "$("$KHAPGEN" fmt --check wanted.cfg link.cfg 2>/dev/null)" "would change link.cfg"
"$KHAPGEN" fmt --check wanted.cfg link.cfg >/dev/null 2>&1
is "--check of one that would change is 1" "$?" 1
"$KHAPGEN" fmt --check wanted.cfg >/dev/null 2>&1
is "--check of none is 0" "$?" 0
is "--dry-run says which" "$("$KHAPGEN" fmt -i -n link.cfg 2>/dev/null)" "would change link.cfg"
check "both write nothing" cmp in.cfg file.cfg
"$KHAPGEN" fmt -i link.cfg 2>/dev/null
is "-i is 0" "$?" 0
check "-i writes through the link" cmp wanted.cfg file.cfg
check "the link stays" test -h link.cfg
is "the mode stays" "$(stat -c %a file.cfg)" 640
touch -d '2001-01-01' file.cfg
"$KHAPGEN" fmt -i file.cfg 2>/dev/null
is "what would not change is not touched" "$(stat -c %Y file.cfg)" "$(date -d 2001-01-01 +%s)"
is "nothing else is left" "$(ls -A | grep -c khap-tmp)" 0

"$KHAPGEN" fmt missing.cfg >out.txt 2>err
is "a file that is not there is 2" "$?" 2
is "and nothing is printed" "$(wc -c <out.txt)" 0
mkdir conf.d empty
cp in.cfg conf.d/b.cfg
cp wanted.cfg conf.d/a.cfg
cp in.cfg conf.d/c.txt
cat wanted.cfg wanted.cfg >wanted-twice.cfg
is "of a directory each .cfg file is laid out" "$("$KHAPGEN" fmt conf.d 2>/dev/null | cmp - wanted-twice.cfg && echo same)" same
is "--check of a directory" "$("$KHAPGEN" fmt --check conf.d/ 2>/dev/null)" "would change conf.d/b.cfg"
"$KHAPGEN" fmt -i conf.d empty 2>err
is "-i of a directory beside an empty one is 0" "$?" 0
check "the empty one is told" grep -q '^empty: warning: .*\[directory-without-cfg\]$' err
check "-i writes its .cfg files" cmp wanted.cfg conf.d/b.cfg
check "and no other" cmp in.cfg conf.d/c.txt
"$KHAPGEN" fmt empty >/dev/null 2>err
is "a directory without a .cfg file is 2" "$?" 2
check "by its code" grep -q '\[no-configuration\]$' err
ln -s nowhere conf.d/dangling.cfg
"$KHAPGEN" fmt --check conf.d >/dev/null 2>err
is "a link in it that leads nowhere is 2" "$?" 2
check "with its name" grep -q '^conf.d/dangling.cfg: error: .*\[input-unreadable\]$' err
"$KHAPGEN" fmt >/dev/null 2>&1
is "no file is 2" "$?" 2
"$KHAPGEN" fmt -i - </dev/null >/dev/null 2>&1
is "-i of standard input is 2" "$?" 2
"$KHAPGEN" fmt -n in.cfg >/dev/null 2>&1
is "--dry-run without -i is 2" "$?" 2
printf 'global\n maxconn\0 1' >nul.cfg
cp nul.cfg was.cfg
"$KHAPGEN" fmt -i nul.cfg >/dev/null 2>err
is "what is no text is 2" "$?" 2
check "by its code" grep -q 'not-text' err
check "and stays" cmp nul.cfg was.cfg
ln file.cfg second.cfg
echo ' x' >>file.cfg
"$KHAPGEN" fmt -i file.cfg >/dev/null 2>err
is "a file of two names is refused" "$?" 3
check "by its code" grep -q 'file-several-names' err
: >empty.cfg
is "an empty file gives nothing" "$("$KHAPGEN" fmt empty.cfg | wc -c)" 0
if [ -e /dev/full ]; then
    "$KHAPGEN" fmt in.cfg >/dev/full 2>/dev/null
    is "a full disk is 3" "$?" 3
fi

# every configuration here: HAProxy reads the same words, and there is nothing left to do
for f in "$abs_srcdir"/examples/*.cfg "$abs_srcdir"/tests/cases/*/expected.cfg; do
    "$KHAPGEN" fmt -t 1.5-3.4 "$f" >a.cfg 2>/dev/null || not_ok "fmt $f"
    "$KHAPGEN" fmt -t 1.5-3.4 a.cfg 2>/dev/null | cmp -s - a.cfg || not_ok "twice $f"
    for cfg in "$f" a.cfg; do
        "$KHAPGEN" parse --json "$cfg" 2>/dev/null | grep -o '"words":\[[^]]*\]\|"comment":"[^"]*"' |
            grep -vF '"words":[]' >"$(basename "$cfg" .cfg).words"
    done
    cmp -s "$(basename "$f" .cfg).words" a.words || not_ok "words of $f"
done
ok "all configurations of the examples and cases"
finish
