#!/bin/sh
# bootstrap installs through apt-get, dnf and apk: tried with stand-ins on PATH, since a test must not install anything.
. "${srcdir:-.}/tests/tap.sh"
[ -f "$abs_srcdir/bootstrap" ] || skip_all "bootstrap is not in this tree"
tap_tmpdir

# a PATH with the few programs that bootstrap itself uses, so that all else is missing
mkdir "$tap_tmp/tools"
for tool in sh cat cksum dirname ln rm mkdir chmod mktemp env getconf; do
    path=$(command -v $tool) || continue
    case $path in /*) ln -s "$path" "$tap_tmp/tools/$tool" ;; esac
done
# everything that the table knows is found after an installation: the stand-in makes it so
manager() # NAME
{
    rm -rf "$tap_tmp/bin"
    mkdir "$tap_tmp/bin"
    cat >"$tap_tmp/bin/$1" <<STANDIN
#!/bin/sh
echo "$1 \$*" >>"$tap_tmp/calls"
case " \$* " in *" update "*) exit 0 ;; esac
case " \$* " in *" \${FAILS:-none} "*) exit 1 ;; esac
for tool in gcc cc make autoreconf automake libtoolize pkg-config awk haproxy curl openssl python3 sudo; do
    [ -e "$tap_tmp/bin/\$tool" ] || { echo '#!/bin/sh' >"$tap_tmp/bin/\$tool"; chmod +x "$tap_tmp/bin/\$tool"; }
done
STANDIN
    chmod +x "$tap_tmp/bin/$1"
    printf '#!/bin/sh\necho 0\n' >"$tap_tmp/bin/id"
    chmod +x "$tap_tmp/bin/id"
    : >"$tap_tmp/calls"
}
# a copy, whose `build' does nothing: configure is a stand-in too
mkdir "$tap_tmp/src"
cp "$abs_srcdir/bootstrap" "$tap_tmp/src/bootstrap"
printf '#!/bin/sh\necho configured\n' >"$tap_tmp/src/configure"
chmod +x "$tap_tmp/src/bootstrap" "$tap_tmp/src/configure"
: >"$tap_tmp/src/Makefile.in"
# bootstrap appends the sbin folders to PATH; a stand-in must not meet the machine's own haproxy there, which is harmless
boot() { (unset KHAP_BUILD_DIR KHAP_CONFIGURE CC; cd "$tap_tmp/src" && PATH=$tap_tmp/bin:$tap_tmp/tools sh ./bootstrap "$@" </dev/null 2>&1); }

for pair in apt-get:libyaml-dev:libpcre2-dev:libcmocka-dev dnf:libyaml-devel:pcre2-devel:libcmocka-devel apk:yaml-dev:pcre2-dev:cmocka-dev; do
    name=${pair%%:*}
    rest=${pair#*:}
    yaml=${rest%%:*}
    rest=${rest#*:}
    pcre=${rest%%:*}
    cmocka=${rest#*:}

    manager "$name"
    said=$(boot demo --dry-run)
    case $said in *"will install:"*" $yaml "*) ok "$name: --dry-run says what it would install" ;;
    *) not_ok "$name: --dry-run says what it would install"; note "$said" ;; esac
    is "$name: --dry-run installs nothing" "$(cat "$tap_tmp/calls")" ""

    manager "$name"
    said=$(boot demo)
    status=$?
    calls=$(cat "$tap_tmp/calls")
    is "$name: demo without a terminal asks nobody and goes through" "$status" 0
    [ "$status" -eq 0 ] || note "$said"
    case $calls in *"$yaml "*"$pcre "*) ok "$name: installs $yaml and $pcre" ;; *) not_ok "$name: installs $yaml and $pcre"; note "$calls" ;; esac
    case $calls in *"$cmocka"*) not_ok "$name: demo leaves the tests' packages out" ;; *) ok "$name: demo leaves the tests' packages out" ;; esac
    case $calls in *" - "*) not_ok "$name: no package is called -" ;; *) ok "$name: no package is called -" ;; esac
    case $said in *"missing: "*"will install: "*) ok "$name: says what first" ;; *) not_ok "$name: says what first"; note "$said" ;; esac

    manager "$name"
    boot check --yes >"$tap_tmp/out"
    case $(cat "$tap_tmp/calls") in *"$yaml "*"$cmocka "*) ok "$name: check installs the tests' packages too" ;;
    *) not_ok "$name: check installs the tests' packages too"; note "$(cat "$tap_tmp/out")" ;; esac

    manager "$name"
    FAILS=wrk boot check --yes >"$tap_tmp/out"
    is "$name: a package that does not exist keeps the others out of nothing" "$(grep -c " $cmocka\$" "$tap_tmp/calls")" 1
done

rm -rf "$tap_tmp/bin"
mkdir "$tap_tmp/bin"
said=$(boot demo)
is "without a package manager it fails" "$?" 1
case $said in *"none of apt-get, dnf, apk"*libyaml-dev*) ok "and names what it needs" ;; *) not_ok "and names what it needs"; note "$said" ;; esac
said=$(boot nonsense)
is "wrong usage is status 2" "$?" 2

# libtool takes no space in the name of a folder
manager apt-get
boot demo --yes >/dev/null
mkdir "$tap_tmp/my maps \$HOME"
cp -R "$tap_tmp/src" "$tap_tmp/my maps \$HOME/src"
printf '#!/bin/sh\necho "configured $0 in $PWD"\n' >"$tap_tmp/my maps \$HOME/src/configure"
spaced() { (unset KHAP_BUILD_DIR KHAP_CONFIGURE CC; cd "$tap_tmp/my maps \$HOME/src" &&
    XDG_CACHE_HOME=$tap_tmp/cache PATH=$tap_tmp/bin:$tap_tmp/tools sh ./bootstrap demo --yes </dev/null 2>&1); }
for time in first second; do
    said=$(spaced)
    is "a folder with a space in its name, the $time time" "$?" 0
    case $said in *"configured $tap_tmp/cache/"*"/configure in $tap_tmp/cache/"*/build-demo*) ok "it is entered by a name without" ;;
    *) not_ok "it is entered by a name without"; note "$said" ;; esac
done

# what a test asks for, and names when it is missing, bootstrap installs
awk '$1 == "demo" || $1 == "check" { print $3 }' "$abs_srcdir/bootstrap" >"$tap_tmp/table"
(cd "$abs_srcdir" && find tests tools -name '*.sh' -o -name '*.py' -o -name haproxy-releases) | while read -r f; do
    sed -n -e 's/.*(Debian: packages\{0,1\} \([^)]*\)).*/\1/p' -e 's/^ *need [^ ]* \([^ ]*\).*/\1/p' \
        -e 's/.*tap\.need("[^"]*", "\([^"]*\)").*/\1/p' "$abs_srcdir/$f"
done | tr -s ', ' '\n\n' | grep -x '[a-z][a-z0-9+.-]*[a-z0-9+]' | sort -u >"$tap_tmp/named"
for package in $(grep -v -x -e and -e for -e packages -e of -e these -e names "$tap_tmp/named"); do
    check "$package, which a test asks for, is in the table" grep -qxF -e "$package" "$tap_tmp/table"
done
[ -s "$tap_tmp/named" ] || not_ok "no package was found in the tests"

case $(boot --help) in *usage:*demo*check*) ok "--help" ;; *) not_ok "--help" ;; esac
finish
