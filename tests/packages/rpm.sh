#!/bin/sh
# packaging/khap.spec by Debian's rpmbuild, whose macros are those of rpm itself; then rpmlint, and the packages' files.
. "${srcdir:-.}/tests/packages/lib.sh"
suite=bookworm
packages="$build_packages rpm rpmlint"
ready $suite "$packages"
archive
out=$PACKAGES/rpm
log=$out/rpm.log
ccache=${XDG_CACHE_HOME:-$HOME/.cache}/khap/ccache-$suite
rm -rf "$out"
mkdir -p "$out" "$ccache"
"$ROOT" --with "$packages" --bind "$out:/out" --bind "$ccache:/ccache" --bind-ro "$PACKAGES:/archives" --bind-ro "$abs_srcdir:/source" $suite sh -s "$version" \
    >"$log" 2>&1 <<'INSIDE'
version=$1
say() { echo "RESULT $1 $2"; }
try() { name=$1; shift; if "$@"; then say ok "$name"; else say not_ok "$name"; fi; }
useradd -m builder && chown -R builder /out && chmod -R a+rwX /ccache && cd /home/builder || exit 1
as() { setpriv --reuid=builder --regid=builder --init-groups env HOME=/home/builder CCACHE_DIR=/ccache CCACHE_UMASK=000 CCACHE_NOHASHDIR=1 \
    PATH=/usr/lib/ccache:/usr/bin:/bin:/usr/sbin:/sbin "$@"; }
as mkdir -p rpmbuild/SOURCES && cp /archives/khap-$version.tar.xz rpmbuild/SOURCES/
# what BuildRequires names is there under Debian's names; where systemd's files stand its own macros would say
set -- --define '_unitdir /usr/lib/systemd/system' --define '_sysusersdir /usr/lib/sysusers.d' --define '_tmpfilesdir /usr/lib/tmpfiles.d'
try 'rpmbuild' as rpmbuild -ba --nodeps "$@" --define 'debug_package %{nil}' --define '_hardening_ldflags -Wl,-z,relro -Wl,-z,now' /source/packaging/khap.spec
for rpm in rpmbuild/RPMS/*/*.rpm; do
    name=$(rpm -qp --qf '%{NAME}' "$rpm")
    echo "$name"
    rpm -qlp "$rpm" | sed 's/^/  /'
done >/out/files
cp rpmbuild/RPMS/*/*.rpm rpmbuild/SRPMS/*.rpm /out
try 'each package is there' test "$(grep -v '^ ' /out/files | sort | tr '\n' ' ')" = 'khapd khapgen libkhap libkhap-apply libkhap-devel libkhap-kube '
try 'no file is in two' test -z "$(grep '^ ' /out/files | grep -v -e /doc/ -e /licenses/ -e build-id | sort | uniq -d)"
as rpmlint -c /source/packaging/rpmlint.toml /out/*.rpm /source/packaging/khap.spec >/out/rpmlint 2>&1
cat /out/rpmlint
try 'rpmlint finds nothing' grep -q ' 0 errors, 0 warnings' /out/rpmlint
chown -R 0:0 /out
echo 'RESULT end'
INSIDE
results
finish
