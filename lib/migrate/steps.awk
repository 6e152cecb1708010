# steps.tsv -> steps.inc: a pool of texts, and rows that hold offsets into it. SPDX-License-Identifier: MIT
function wrong(what) { print FILENAME ":" FNR ": " what > "/dev/stderr"; failed = 1; exit 1 }
function text(s) {
    if (s in at)
        return at[s]
    at[s] = used
    pool[++n_pool] = s
    used += length(s) + 1
    return at[s]
}
function release(s, parts) {
    if (s == "")
        return 999
    split(s, parts, ".")
    return parts[1] * 100 + parts[2]
}
BEGIN {
    FS = "\t"
    effects["same"] = "MIGRATE_SAME"
    effects["differs"] = "MIGRATE_DIFFERS"
    effects["left"] = "MIGRATE_LEFT"
    text("")
}
/^#/ { next }
NF != 7 { wrong("seven columns expected") }
!($4 in effects) { wrong("no effect: " $4) }
split($3, range, "-") != 2 { wrong("no range of releases: " $3) }
{
    n = split($2, words, ",")
    for (i = 1; i <= n; i++) {
        call = $5 ~ /^call /
        name = substr($5, 6)
        gsub("-", "_", name)
        rows[++n_rows] = sprintf("    {%d, %d, %d, %d, %d, %d, %s, %s},", text($1), text(words[i]), text(call || $5 == "-" ? "" : $5), \
            text($6 == "-" ? "" : $6), release(range[1]), release(range[2]), effects[$4], call ? "khap__migrate_" name : "NULL")
    }
}
END {
    if (failed)
        exit 1
    print "/* Generated from steps.tsv by steps.awk: do not edit. SPDX-License-Identifier: MIT */"
    print "static const char steps_pool[] ="
    for (i = 1; i <= n_pool; i++) {
        s = pool[i]
        gsub(/\\/, "\\\\", s)
        gsub(/"/, "\\\"", s)
        print "    \"" s "\\0\""
    }
    print "    ;"
    print "static const struct migrate_row steps_rows[] = {"
    for (i = 1; i <= n_rows; i++)
        print rows[i]
    print "};"
}
