#!/bin/sh
# The release archive: the same bytes wherever and whenever it is made; it builds offline, as an ordinary user, with a read-only
# source directory and no autotools, with every optional part off and on, and the same programs come of it in another place,
# time zone and locale. KHAP_QUICK=1: the default build alone.
. "${srcdir:-.}/tests/packages/lib.sh"
suite=bookworm
ready $suite "$build_packages"
archive
tap_tmpdir

if [ "${KHAP_QUICK:-0}" = 0 ]; then
    # ---- once more, from a copy at another place, by other rules of the machine
    mkdir -p "$tap_tmp/a b/tmp" && git clone -q "$abs_srcdir" "$tap_tmp/a b/copy" &&
        (cd "$abs_srcdir" && git ls-files -z | xargs -0 sh -c 'for f; do [ ! -e "$f" ] || printf "%s\0" "$f"; done' sh | tar -c --null -T -) | tar -x -C "$tap_tmp/a b/copy" &&
        git -C "$tap_tmp/a b/copy" add -A
    find "$tap_tmp/a b/copy" -type f -exec touch -d 2001-02-03T04:05:06 {} +
    check 'the archive is made once more' env TZ=Pacific/Kiritimati LC_ALL= LANG=tr_TR.UTF-8 HOME=/nonexistent TMPDIR="$tap_tmp/a b/tmp" XZ_OPT=-1 \
        TAR_OPTIONS=--owner=7 sh -c 'umask 077; "$1/copy/tools/make-archive" "$2"' sh "$tap_tmp/a b" "$tap_tmp/again"
    for suffix in gz xz; do
        same="cmp $PACKAGES/khap-$version.tar.$suffix $tap_tmp/again/khap-$version.tar.$suffix"
        check "the same bytes: .tar.$suffix" $same
        $same >/dev/null 2>&1 || ! command -v diffoscope >/dev/null 2>&1 ||
            note "$(diffoscope "$PACKAGES/khap-$version.tar.$suffix" "$tap_tmp/again/khap-$version.tar.$suffix" | head -n 60)"
    done
fi

# ---- built in a root without a network
ccache=${XDG_CACHE_HOME:-$HOME/.cache}/khap/ccache-$suite
log=$PACKAGES/archive.log
mkdir -p "$ccache"
"$ROOT" --with "$build_packages" --bind-ro "$PACKAGES:/archives" --bind "$ccache:/ccache" $suite sh -s "$version" "$(getconf _NPROCESSORS_ONLN)" "${KHAP_QUICK:-0}" \
    >"$log" 2>&1 <<'INSIDE'
version=$1 jobs=$2 quick=$3
say() { echo "RESULT $1 $2"; }
useradd -m builder
chmod -R a+rwX /ccache
mkdir /source && tar -xf /archives/khap-$version.tar.xz -C /source && chown -R root:root /source && chmod -R a-w /source
mount --bind /source /source && mount -o remount,bind,ro /source
# whoever has the archive needs none of these
mkdir /none
for tool in autoconf automake autoreconf aclocal autoheader libtoolize git; do
    printf '#!/bin/sh\necho "$0 was called" >&2\nexit 1\n' >/none/$tool
    chmod 755 /none/$tool
done
cat >/built <<'SCRIPT'
# built WHERE CONFIGURE-OPTION...
set -e
export CCACHE_DIR=/ccache CCACHE_UMASK=000 CCACHE_NOHASHDIR=1 PATH=/none:/usr/lib/ccache:/usr/bin:/bin
mkdir -p "$1" && cd "$1"
shift
/source/khap-*/configure -q --enable-werror CFLAGS="${CFLAGS--O0}" "$@"
make -s -j$JOBS
make -s -j$JOBS check TESTS="$(make -s print-quick-tests)" || { cat test-suite.log; exit 1; }
make -s install DESTDIR="$PWD/root" >/dev/null
SCRIPT
try() { # NAME WHERE OPTION...
    name=$1
    shift
    if setpriv --reuid=builder --regid=builder --init-groups env JOBS=$jobs HOME=/home/builder sh /built "$@"; then say ok "$name"; else say not_ok "$name"; fi
}
try 'builds, passes its tests and installs' /home/builder/default
[ -x /home/builder/default/root/usr/local/sbin/khapd ] && say ok 'khapd is in it' || say not_ok 'khapd is in it'
if [ "$quick" = 0 ]; then
    try '--without-openssl' /home/builder/b1 --without-openssl
    try '--without-khapd' /home/builder/b2 --without-khapd
    try 'neither' /home/builder/b3 --without-openssl --without-khapd
    try '--without-libcurl' /home/builder/b4 --with-openssl --with-khapd --without-libcurl
    try '--disable-shared' /home/builder/b5 --disable-shared
    try '--disable-static --disable-hardening' /home/builder/b6 --disable-static --disable-hardening
    if [ ! -e /home/builder/b1/root/usr/local/bin/khapgen ] || [ -e /home/builder/b2/root/usr/local/sbin/khapd ]; then say not_ok 'options do what they say'
    else say ok 'options do what they say'; fi
    rm -rf /home/builder/b?
    # at two places, in two time zones and locales, with and without ccache
    export CFLAGS='-g -O2 -ffile-prefix-map=/home/builder/one=. -ffile-prefix-map=/tmp/another/place=. -ffile-prefix-map=/source=/source' SOURCE_DATE_EPOCH=1700000000
    try 'one build' /home/builder/one
    TZ=Pacific/Kiritimati LC_ALL=C try 'another build' /tmp/another/place
    sums() { (cd "$1/root" && { find . ! -type d -printf '%y %m %p %l\n' | sort; find . -type f -exec sha256sum {} + | sort -k 2; }); }
    sums /home/builder/one >/tmp/one
    sums /tmp/another/place >/tmp/two
    if [ -s /tmp/one ] && diff /tmp/one /tmp/two; then say ok 'both are the same, byte for byte'; else say not_ok 'both are the same, byte for byte'; fi
fi
echo 'RESULT end'
INSIDE
results
finish
