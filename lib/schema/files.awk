# files.tsv -> files.inc: its rows, and the words they are about in one pool. SPDX-License-Identifier: MIT
function fail(text) {
    print FILENAME ":" FNR ": " text > "/dev/stderr"
    failed = 1
    exit 1
}

function release(text,    parts) {
    if (text !~ /^[0-9]+\.[0-9]+$/)
        fail("no release: " text)
    split(text, parts, ".")
    return parts[1] * 100 + parts[2]
}

function verdict(text, others) {
    if (text == "-")
        return "FILE_FINE"
    if (text !~ ("^(error|warning" others ")$"))
        fail("no such verdict: " text)
    return "FILE_" toupper(text)
}

BEGIN { FS = "\t" }
/^#/ { next }
{
    if (NF != 7)
        fail("7 columns expected, not " NF)
    n = split($2, ends, "-")
    if (n != 2)
        fail("no releases: " $2)
    if (!($1 in at)) {
        at[$1] = pool_len
        pool_len += length($1) + 1
        pool = pool "    \"" $1 "\\0\"\n"
    }
    content = $6
    gsub(/-/, "_", content)
    rows = rows sprintf("    {%d, %d, %d, %s, %s, %s, %s},\n", at[$1], release(ends[1]), ends[2] == "" ? 999 : release(ends[2]), verdict($3, ""),
        verdict($4, "|files|some|only"), verdict($5, ""), $6 == "-" ? "CONTENT_ANY" : "CONTENT_" toupper(content))
}
END {
    if (failed)
        exit 1
    print "/* Generated from files.tsv by files.awk: do not edit. SPDX-License-Identifier: MIT */"
    printf "static const char file_words[] =\n%s    ;\n", pool
    printf "static const struct schema_file file_rows[] = {\n%s};\n", rows
}
