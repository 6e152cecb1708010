#!/bin/sh
# `make installcheck': the installed tree, asked as a stranger would: through pkg-config, in C, C++17 and Python.
# usage: installcheck.sh PREFIX LIBDIR BINDIR, each with DESTDIR before it
. "${srcdir:-.}/tests/tap.sh"
prefix=$1 libdir=$2 bindir=$3
tap_tmpdir
PKG_CONFIG_PATH=$libdir/pkgconfig
LD_LIBRARY_PATH=$libdir${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
export PKG_CONFIG_PATH LD_LIBRARY_PATH
pc() { "${PKG_CONFIG:-pkg-config}" --define-variable=prefix="$prefix" "$@"; }
case ${SANITIZERS:-no} in no) sanitize= ;; *) sanitize="-fsanitize=$SANITIZERS" ;; esac
[ "${COVERAGE:-no}" = no ] || sanitize="$sanitize --coverage"
map=$abs_srcdir/examples/services.yaml

version=$("$bindir/khapgen" --version | awk '{ print $2; exit }')
is "libkhap.pc names the version" "$(pc --modversion libkhap)" "${version:-none}"
# shellcheck disable=SC2086
build() { name=$1; shift; check "$name builds" "$@" -o "$tap_tmp/$name" $sanitize; }

"$bindir/khapgen" "$map" >"$tap_tmp/wanted" 2>"$tap_tmp/err"
is "the installed khapgen takes examples/services.yaml" "$?" 0
[ -s "$tap_tmp/wanted" ] || note "$(cat "$tap_tmp/err")"

same() { # NAME COMMAND...: prints what khapgen prints
    same_name=$1
    shift
    "$@" >"$tap_tmp/out" 2>"$tap_tmp/err"
    same_status=$?
    is "$same_name runs" "$same_status" 0
    [ $same_status -eq 0 ] || note "$(cat "$tap_tmp/err")"
    check "$same_name says what khapgen says" diff "$tap_tmp/wanted" "$tap_tmp/out"
}

# shellcheck disable=SC2046,SC2086
if [ -e "$libdir/libkhap.so" ]; then
    build c-shared ${CC:-cc} -std=c11 -Wall -Wextra -Werror "$abs_srcdir/examples/c/generate.c" $(pc --cflags --libs libkhap)
    same c-shared "$tap_tmp/c-shared" "$map"
    build c-apply ${CC:-cc} -std=c11 -Wall -Wextra -Werror "$abs_srcdir/examples/c/versions.c" $(pc --cflags --libs libkhap-apply)
    check "c-apply runs" "$tap_tmp/c-apply"
    if command -v "${CXX:-c++}" >/dev/null 2>&1; then
        build cxx-shared "${CXX:-c++}" -std=c++17 -Wall -Wextra -Werror "$abs_srcdir/examples/cxx/build.cc" $(pc --cflags --libs libkhap)
        check "cxx-shared runs" "$tap_tmp/cxx-shared"
    else
        skip "C++ needs a compiler (Debian: package g++)"
    fi
    if [ -n "$sanitize" ]; then
        ok "Python: a sanitized library needs a sanitized interpreter; asked in the plain build"
    elif [ -n "${PYTHON3:-}" ]; then
        same python "$PYTHON3" "$abs_srcdir/examples/python/generate.py" "$map"
    else
        skip "ctypes needs python3 (Debian: package python3)"
    fi
fi
# shellcheck disable=SC2046,SC2086
if [ -e "$libdir/libkhap.a" ]; then
    build c-static ${CC:-cc} -std=c11 -Wall -Wextra -Werror "$abs_srcdir/examples/c/generate.c" $(pc --cflags libkhap) \
        "$libdir/libkhap.a" $(pc --static --libs libkhap | tr ' ' '\n' | grep -v -e '^-lkhap$')
    same c-static env LD_LIBRARY_PATH= "$tap_tmp/c-static" "$map"
fi
if [ ! -e "$libdir/libkhap.so" ] && [ ! -e "$libdir/libkhap.a" ]; then not_ok "a library is installed in $libdir"; fi
for f in "$abs_srcdir"/include/khap/*.h; do
    [ -e "$prefix/include/khap/${f##*/}" ] || not_ok "${f##*/} is not installed"
done
finish
