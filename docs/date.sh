#!/bin/sh
# The date of the manual pages, as mdoc writes it: of SOURCE_DATE_EPOCH, else of the newest release in CHANGES, else today.
# usage: date.sh CHANGES
set -eu
LC_ALL=C
export LC_ALL
as_mdoc() { sed 's/ 0/ /'; }
if [ -n "${SOURCE_DATE_EPOCH:-}" ]; then
    { date -u -d "@$SOURCE_DATE_EPOCH" '+%B %d, %Y' 2>/dev/null || date -u -r "$SOURCE_DATE_EPOCH" '+%B %d, %Y'; } | as_mdoc
    exit
fi
day=$(sed -n 's/^[0-9][0-9.]* (\([0-9]\{4\}-[0-9][0-9]-[0-9][0-9]\)).*/\1/p' "$1" | head -n 1)
if [ -n "$day" ]; then
    echo "$day" | awk -F- '{ split("January February March April May June July August September October November December", m, " ")
        print m[$2 + 0] " " $3 + 0 ", " $1 }'
else
    date -u '+%B %d, %Y' | as_mdoc
fi
