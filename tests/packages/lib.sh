# For the tests of packages: . "$srcdir/tests/packages/lib.sh"; they run in Debian roots (tools/debian-root), and leave what
# they built below $PACKAGES.
. "${srcdir:-.}/tests/tap.sh"
PACKAGES=${PACKAGES:-$abs_builddir/packages}
ROOT=$abs_srcdir/tools/debian-root
build_packages='build-essential debhelper fakeroot pkg-config autoconf automake libtool libyaml-dev libpcre2-dev libjansson-dev libssl-dev libmicrohttpd-dev libcurl4-openssl-dev libcmocka-dev python3 ccache lintian'
# a machine on which they are installed: what they depend on, and what their tests ask
user_packages='autopkgtest build-essential curl haproxy libcurl4-openssl-dev libjansson-dev libmicrohttpd-dev libpcre2-dev libssl-dev libyaml-dev pkgconf python3 systemd'

version=$(sed -n 's/^AC_INIT(\[khap\], \[\(.*\)\])$/\1/p' "$abs_srcdir/configure.ac")
[ -n "$version" ] || { echo "Bail out! no version in configure.ac"; exit 99; }

# ready SUITE [PACKAGES]: the root is there, or the test is skipped
ready()
{
    "$ROOT" --with "$2" "$1" true
    case $? in
    0) ;;
    77) skip_all "tools/debian-root cannot run here (needs root; Debian: packages debootstrap iproute2)" ;;
    *) not_ok "a root of $1"; finish ;;
    esac
}

# the release archive of this checkout, made once a run
archive()
{
    tarball=$PACKAGES/khap-$version.tar.xz
    [ "${KHAP_ARCHIVE_MADE:-no}" = no ] || return 0
    [ -e "$abs_srcdir/.git" ] || skip_all "an unpacked archive: it is made from a checkout"
    said=$("$abs_srcdir/tools/make-archive" "$PACKAGES" 2>&1) || { not_ok "the archive can be made"; note "$said"; finish; }
}

# results [PREFIX]: what a script in a root has told, `RESULT ok|not_ok NAME' and `RESULT end', from $log
results()
{
    while read -r word verdict name; do
        case "$word $verdict" in
        'RESULT ok') ok "$1$name" ;;
        'RESULT not_ok') not_ok "$1$name"; note "$(grep -B 25 -x "RESULT not_ok $name" "$log" | tail -n 25)" ;;
        esac
    done <"$log"
    check "$1it went to its end" grep -qx 'RESULT end' "$log"
}
