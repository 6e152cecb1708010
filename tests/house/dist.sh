#!/bin/sh
# Every file of the repository is in the release archive, but for debian/, which Debian puts there itself.
. "${srcdir:-.}/tests/tap.sh"
tap_tmpdir
if [ ! -e "$abs_srcdir/.git" ]; then
    ok "not a checkout: nothing to compare with"
    finish
fi
need git git
cd "$abs_builddir" || exit 99
MAKEFLAGS='' MFLAGS='' make -s print-distfiles | tr ' ' '\n' | sed -e "s|^$srcdir/||" -e "s|^$abs_srcdir/||" -e 's|^\./||' >"$tap_tmp/dist"
# folders stand for what is in them
while read -r f; do
    if [ -d "$abs_srcdir/$f" ]; then (cd "$abs_srcdir" && find "$f" -type f); else echo "$f"; fi
done <"$tap_tmp/dist" | sort -u >"$tap_tmp/listed"
(cd "$abs_srcdir" && git ls-files --cached) | grep -v -e '^\.ci/' -e '^\.git' -e '^debian/' | sort >"$tap_tmp/tracked"
missing=$(comm -23 "$tap_tmp/tracked" "$tap_tmp/listed" | while read -r f; do [ ! -e "$abs_srcdir/$f" ] || echo "$f"; done)
is "nothing is forgotten (EXTRA_DIST in sources.am)" "$missing" ""
[ -s "$tap_tmp/tracked" ] || not_ok "git lists no file"
finish
