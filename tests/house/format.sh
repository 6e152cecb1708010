#!/bin/sh
# Layout by .clang-format. To put it right: clang-format -i FILE...
. "${srcdir:-.}/tests/tap.sh"
need clang-format clang-format
found=0
for file in $(cd "$abs_srcdir" && find include lib cli tests examples -name '*.[ch]' | sort); do
    case " ${GENERATED:-} " in *" $file "*) continue ;; esac
    found=$((found + 1))
    said=$(cd "$abs_srcdir" && clang-format --dry-run --Werror "$file" 2>&1) ||
        { not_ok "$file"; note "$(echo "$said" | head -n 6)"; }
done
if [ $found -gt 0 ]; then ok "$found files looked at"; else not_ok "no file was looked at"; fi
finish
