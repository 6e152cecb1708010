#!/bin/sh
# packaging/APKBUILD without Alpine: its functions, with a stand-in for abuild's amove, build the archive and share out what is
# installed. What is left over would be in khap itself, and must be nothing but documents.
. "${srcdir:-.}/tests/packages/lib.sh"
suite=bookworm
ready $suite "$build_packages"
archive
log=$PACKAGES/apk.log
ccache=${XDG_CACHE_HOME:-$HOME/.cache}/khap/ccache-$suite
mkdir -p "$ccache"
"$ROOT" --with "$build_packages" --bind "$ccache:/ccache" --bind-ro "$PACKAGES:/archives" --bind-ro "$abs_srcdir:/source" $suite sh -s "$version" >"$log" 2>&1 <<'INSIDE'
version=$1
say() { echo "RESULT $1 $2"; }
try() { name=$1; shift; if "$@"; then say ok "$name"; else say not_ok "$name"; fi; }
export CCACHE_DIR=/ccache CCACHE_UMASK=000 CCACHE_NOHASHDIR=1 PATH=/usr/lib/ccache:$PATH CBUILD= CHOST= MAKEFLAGS=-j2
CBUILD=$(gcc -dumpmachine) CHOST=$CBUILD
srcdir=/tmp/src pkgdir=/tmp/pkg
mkdir $srcdir $pkgdir && tar -xf /archives/khap-$version.tar.xz -C $srcdir
. /source/packaging/APKBUILD
try 'its version' test "$pkgver" = "$version"
for file in $source; do try "its source $file" test -e "/archives/$file" -o -e "/source/packaging/$file"; done
cd "$builddir" || exit 1
(set -e; build >/tmp/build.log) && say ok build || say not_ok build
(set -e; package >/tmp/package.log) && say ok package || say not_ok package
amove() {
    for pattern; do
        for path in $(cd $pkgdir && echo $pattern); do
            [ -e "$pkgdir/$path" ] || { echo "$path is not there"; return 1; }
            mkdir -p "$subpkgdir/${path%/*}" && mv "$pkgdir/$path" "$subpkgdir/${path%/*}/" || return 1
        done
    done
}
for part in $subpackages; do
    subpkgname=${part%%:*} function=${part#*:} subpkgdir=/tmp/parts/${part%%:*}
    case $part in
    *-dev) mkdir -p $subpkgdir/usr/lib && mv $pkgdir/usr/include $subpkgdir/usr/ && mv $pkgdir/usr/lib/pkgconfig $pkgdir/usr/lib/*.so $subpkgdir/usr/lib/; rm -f $pkgdir/usr/lib/*.la; continue ;;
    *-doc) mkdir -p $subpkgdir/usr/share && mv $pkgdir/usr/share/doc $pkgdir/usr/share/man $subpkgdir/usr/share/; continue ;;
    esac
    (set -e; $function) && say ok "$subpkgname" || say not_ok "$subpkgname"
done
left=$(find $pkgdir ! -type d)
echo "$left"
try 'nothing is left for khap itself' test -z "$left"
echo 'RESULT end'
INSIDE
results
finish
