#!/bin/sh
# The manual pages: without a word from mandoc -Tlint; every exported symbol, option and key on one.
. "${srcdir:-.}/tests/tap.sh"
need mandoc mandoc
dir=docs
[ -f docs/khapgen.1 ] || dir=$abs_srcdir/docs
pages=$(ls $dir/*.[1357] 2>/dev/null)
[ -n "$pages" ] || { not_ok "there are no manual pages; make generated"; finish; }
for page in $pages; do
    # whether other pages are installed on this machine is not the page's fault
    said=$(mandoc -Tlint -Wstyle "$page" 2>&1 | grep -v 'referenced manual not found\|outdated mandoc.db\|run makewhatis')
    is "${page##*/}: mandoc has nothing to say" "$said" ""
    if grep -q '@[A-Z]' "$page"; then not_ok "${page##*/}: something was not filled in"; else ok "${page##*/}: all is filled in"; fi
done

for library in libkhap libkhap-apply libkhap-kube; do
    syms=$abs_srcdir/tests/exports/$library.syms
    missing= n=0
    for symbol in $(sed 's/[#@ ].*//' "$syms"); do
        n=$((n + 1))
        case $(grep -lx ".It Fn $symbol" $dir/*.3 | wc -l | tr -d ' ') in
        1) ;;
        *) missing="$missing $symbol" ;;
        esac
    done
    is "each of the $n symbols of $library is explained on one page" "$missing" ""
done
for header in "$abs_srcdir"/include/khap/*.h; do
    name=${header##*/}
    name=${name%.h}
    [ "$name" = khap ] && continue
    if [ -f "$dir/khap_$name.3" ]; then ok "khap/$name.h has a page"; else not_ok "khap/$name.h has a page (docs/sources.am: header_pages)"; fi
done
# what the program says of itself is on its page
if [ -x "${KHAPGEN:=$abs_builddir/khapgen}" ]; then
    plain=$(mandoc -Tascii "$dir/khapgen.1" 2>/dev/null | sed 's/.'"$(printf '\b')"'//g')
    for command in '' generate explain parse; do
        for option in $("$KHAPGEN" $command --help | grep -o ' --[a-z-]*' | sort -u); do
            case $plain in
            *"$option"*) ok "khapgen $command: $option is on the page" ;;
            *) not_ok "khapgen $command: $option is on the page" ;;
            esac
        done
    done
else
    skip "khapgen is not built"
fi
finish
