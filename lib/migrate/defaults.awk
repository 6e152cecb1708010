# defaults.tsv -> defaults.inc: a pool of texts, and rows that hold offsets into it. SPDX-License-Identifier: MIT
function wrong(what) { print FILENAME ":" FNR ": " what > "/dev/stderr"; failed = 1; exit 1 }
function text(s) {
    if (s == "-")
        s = ""
    if (s in at)
        return at[s]
    at[s] = used
    pool[++n_pool] = s
    used += length(s) + 1
    return at[s]
}
function release(s, parts) {
    if (s == "" || s == "-")
        return 999
    if (split(s, parts, ".") != 2)
        wrong("no release: " s)
    return parts[1] * 100 + parts[2]
}
BEGIN {
    FS = "\t"
    acts["keep"] = "MIGRATE_KEEP"
    acts["note"] = "MIGRATE_TELL_NOTE"
    acts["warning"] = "MIGRATE_TELL_WARNING"
    text("")
}
/^#/ { next }
NF != 12 { wrong("twelve columns expected") }
!($6 in acts) { wrong("no act: " $6) }
split($3, range, "-") != 2 { wrong("no range of releases: " $3) }
$6 == "keep" && ($7 == "-" || $7 ~ /^@/) { wrong("no line that can be written: " $7) }
{
    back = $9
    since = "-"
    if (back ~ /^[0-9]/) {
        since = substr(back, 1, index(back, " ") - 1)
        back = substr(back, length(since) + 2)
    } else if (back != "-" && back != "tell") {
        wrong("no way back: " back)
    }
    rows[++n_rows] = sprintf("    {%d, %d, %d, %d, %d, %d, %d, %d, %d, %d, %d, %s, %s},", text($2), text($4), text($5), text($7), \
        text(back == "tell" ? "-" : back), text($10), text($11), release(range[1]), release(range[2]), release($8), release(since), acts[$6], \
        back == "tell" ? "true" : "false")
}
END {
    if (failed)
        exit 1
    print "/* Generated from defaults.tsv by defaults.awk: do not edit. SPDX-License-Identifier: MIT */"
    print "static const char defaults_pool[] ="
    for (i = 1; i <= n_pool; i++) {
        s = pool[i]
        gsub(/\\/, "\\\\", s)
        gsub(/"/, "\\\"", s)
        print "    \"" s "\\0\""
    }
    print "    ;"
    print "static const struct defaults_row defaults_rows[] = {"
    for (i = 1; i <= n_rows; i++)
        print rows[i]
    print "};"
}
