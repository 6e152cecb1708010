# SPDX-License-Identifier: MIT
# Fills options and examples into khapgen(1).
#   LC_ALL=C awk -v date='November 1, 2026' -f roff.awk -f khapgen.awk cli/khapgen/options.tsv khapgen.1.in
# .\" @OPTIONS COMMAND and .\" @EXAMPLES become lists.
BEGIN { FS = "\t" }
FILENAME == ARGV[1] {
    if (/^#/ || /^$/) next
    n++
    for (i = 1; i <= 7; i++) col[n, i] = $i
    next
}
/^\.\\" @DATE$/ { print ".Dd " date; next }
/^\.\\" @OPTIONS / { options(substr($0, 14)); next }
/^\.\\" @EXAMPLES$/ { examples(); next }
{ print }

function words(s) { gsub(/-/, "\\-", s); return s }

function options(command,    i, argument)
{
    print ".Bl -tag -width Ds"
    for (i = 1; i <= n; i++) {
        if (col[i, 1] != "option" || col[i, 2] != command) continue
        argument = col[i, 5] == "-" ? "" : " Ar " col[i, 5]
        if (col[i, 4] != "-") print ".It Fl " col[i, 4] argument " , Fl Fl " words(col[i, 3]) argument
        else print ".It Fl Fl " words(col[i, 3]) argument
        fill(col[i, 7])
        listed++
    }
    print ".El"
}

function examples(    i, first)
{
    first = 1
    for (i = 1; i <= n; i++) {
        if (col[i, 1] != "example") continue
        if (!first) print ".Pp"
        first = 0
        fill(col[i, 4] ":")
        print ".Dl " roff(col[i, 3])
    }
}

END {
    for (i = 1; i <= n; i++) listed -= col[i, 1] == "option"
    if (listed != 0) { print "khapgen.awk: options that the page does not list" > "/dev/stderr"; exit 1 }
}
