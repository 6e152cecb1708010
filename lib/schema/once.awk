# once.tsv -> once.inc: a sorted string table of "section words". SPDX-License-Identifier: MIT
BEGIN { FS = "\t" }
/^#/ { next }
NF != 2 { print "once.tsv:" NR ": two columns expected" > "/dev/stderr"; failed = 1; exit 1 }
{ rows[++n] = $1 " " $2 }
END {
    if (failed)
        exit 1
    for (i = 2; i <= n; i++) { # few rows: insertion sort, since POSIX awk has none
        row = rows[i]
        for (j = i - 1; j >= 1 && rows[j] > row; j--)
            rows[j + 1] = rows[j]
        rows[j + 1] = row
    }
    print "/* Generated from once.tsv by once.awk: do not edit. SPDX-License-Identifier: MIT */"
    print "static const char once_pool[] ="
    for (i = 1; i <= n; i++)
        print "    \"" rows[i] "\\0\""
    print "    ;"
}
