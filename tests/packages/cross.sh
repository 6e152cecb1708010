#!/bin/sh
# The release archive, built for another processor by Debian's aarch64 compiler; its unit tests, and khapgen on the example, run
# by qemu-user.
. "${srcdir:-.}/tests/packages/lib.sh"
suite=bookworm
packages='gcc-aarch64-linux-gnu libcmocka-dev:arm64 libcurl4-openssl-dev:arm64 libjansson-dev:arm64 libmicrohttpd-dev:arm64 libpcre2-dev:arm64 libssl-dev:arm64 libyaml-dev:arm64 make pkg-config qemu-user-static xz-utils'
ready $suite "$packages"
archive
log=$PACKAGES/cross.log
timeout 1800 "$ROOT" --with "$packages" --bind-ro "$PACKAGES:/archives" $suite sh -s "$version" "$(getconf _NPROCESSORS_ONLN)" >"$log" 2>&1 <<'INSIDE'
version=$1 jobs=$2
say() { echo "RESULT $1 $2"; }
try() { name=$1; shift; if "$@"; then say ok "$name"; else say not_ok "$name"; fi; }
tar -xf /archives/khap-$version.tar.xz -C /tmp && mkdir /tmp/build && cd /tmp/build || exit 1
export PKG_CONFIG_LIBDIR=/usr/lib/aarch64-linux-gnu/pkgconfig:/usr/share/pkgconfig
try 'configure --host=aarch64-linux-gnu' /tmp/khap-$version/configure -q --host=aarch64-linux-gnu --enable-werror --disable-shared CFLAGS=-O1
try 'it builds' make -s -j$jobs
[ "$(od -An -tu2 -j18 -N2 khapgen | tr -d ' ')" = 183 ] && say ok 'what it builds is for aarch64' || say not_ok 'what it builds is for aarch64'
try 'khapd starts' qemu-aarch64-static ./khapd --version
qemu-aarch64-static ./khapgen /tmp/khap-$version/examples/services.yaml >/tmp/services.cfg
try 'khapgen writes the same bytes' diff /tmp/khap-$version/examples/services.cfg /tmp/services.cfg
# left out: what kills or traces a child, what is asked for its size, and test_migrate, which takes minutes in an emulator
tests=$(make -s print-quick-tests | tr ' ' '\n' | grep '^tests/unit/' | grep -v -e killed -e test_run -e growth -e long_line -e test_migrate)
make -s -j$jobs $tests >/dev/null || say not_ok 'tests build'
export CMOCKA_MESSAGE_OUTPUT=TAP srcdir=/tmp/khap-$version abs_srcdir=/tmp/khap-$version builddir=. abs_builddir=$PWD KHAP_TEST_STRICT=0 LC_ALL=C
for test in $tests; do try "$test" timeout 120 sh /tmp/khap-$version/tests/tap-run qemu-aarch64-static $test; done
echo 'RESULT end'
INSIDE
results
finish
