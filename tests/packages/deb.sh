#!/bin/sh
# The packages of Debian: built as an ordinary user without a network, held against lintian, installed, used, upgraded, removed
# and purged with nothing left behind. KHAP_SUITES: where (default: bookworm trixie).
. "${srcdir:-.}/tests/packages/lib.sh"
archive
KHAP_ARCHIVE_MADE=yes
for suite in ${KHAP_SUITES:-bookworm trixie}; do
    ready "$suite" "$build_packages"
    out=$PACKAGES/$suite
    # an older lintian does not know the newest policy, and asked each unit for a script of System V
    case $suite in
    bookworm) suppress='--suppress-tags newer-standards-version,package-supports-alternative-init-but-no-init.d-script' ;;
    *) suppress= ;;
    esac
    ccache=${XDG_CACHE_HOME:-$HOME/.cache}/khap/ccache-$suite
    rm -rf "$out"
    mkdir -p "$out" "$ccache" || exit 99
    # the user in there owns what it makes; the folders go back to the caller behind it
    "$ROOT" --with "$build_packages" --bind "$out:/out" --bind "$ccache:/ccache" --bind-ro "$abs_srcdir:/source" --bind-ro "$PACKAGES:/archives" \
        "$suite" sh -c '
        version=$1 jobs=$2 suppress=$3
        useradd -m builder && chown -R builder /out && chmod -R a+rwX /ccache && cd /home/builder || exit 99
        cat >build <<SCRIPT
set -e
export CCACHE_DIR=/ccache CCACHE_UMASK=000 CCACHE_NOHASHDIR=1 PATH=/usr/lib/ccache:/usr/bin:/bin:/usr/sbin:/sbin
export DEB_BUILD_OPTIONS="parallel=$jobs"
cp /archives/khap-$version.tar.xz khap_$version.orig.tar.xz
tar -xf khap_$version.orig.tar.xz && cd khap-$version
rm -rf debian && cp -R /source/debian debian
dpkg-buildpackage -us -uc
cd .. && cp *.deb *.dsc *.buildinfo *.changes khap_*.tar.xz /out
SCRIPT
        cat >look <<SCRIPT
lintian $suppress --pedantic --display-info --show-overrides --tag-display-limit 0 /out/khap_*.changes
SCRIPT
        as() { setpriv --reuid=builder --regid=builder --init-groups env HOME=/home/builder USER=builder "$@"; }
        as sh build >/out/build.log 2>&1; echo $? >/out/build.status
        as sh look >/out/lintian.log 2>&1; echo $? >/out/lintian.status
        chown -R 0:0 /out' sh "$version" "$(getconf _NPROCESSORS_ONLN)" "$suppress"
    is "$suite: dpkg-buildpackage" "$(cat "$out/build.status")" 0
    [ "$(cat "$out/build.status")" = 0 ] || { note "$(tail -n 30 "$out/build.log")"; continue; }
    is "$suite: lintian says nothing" "$(cat "$out/lintian.status") $(grep -c '^[EWIPX]:' "$out/lintian.log")" "0 0"
    note "$(cat "$out/lintian.log")"
    note "$(cd "$out" && ls -s --block-size=1K ./*.deb)"
done
finish
