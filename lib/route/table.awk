# table.tsv -> table.inc: ROW(NAME, holder, "key", type, low, high, "a|b") for each key of ROUTES.yaml, in order. SPDX-License-Identifier: MIT
BEGIN { FS = "\t"; print "ROW(ROOT, TABLE_ROOT, \"\", OBJECT, 0, 0, \"\")" }
/^#/ || NF == 0 { next }
{
    path = $1
    key = path; sub(/^.*\./, "", key)
    if (path ~ /\[\]$/) { holder = substr(path, 1, length(path) - 2); key = "[]" }
    else if (path ~ /\./) { holder = path; sub(/\.[^.]*$/, "", holder) }
    else holder = ""
    type = $2; low = high = 0; words = ""
    if (type ~ /^object/) kind = "OBJECT"
    else if (type ~ /^map/) kind = "MAP"
    else if (type ~ /^list/) kind = "LIST"
    else if (type == "bool") kind = "BOOL"
    else if (type == "text") kind = "TEXT"
    else if (type ~ /^int/) {
        kind = "INT"
        split(substr(type, 5, length(type) - 5), bounds, "-")
        low = bounds[1]; high = bounds[2]
    } else if (type ~ /^enum/) { kind = "ENUM"; words = substr(type, 6, length(type) - 6) }
    else { print "table.awk: no such type: " type > "/dev/stderr"; failed = 1 }
    printf "ROW(%s, TABLE_%s, \"%s\", %s, %d, %d, \"%s\")\n", name(path), holder == "" ? "ROOT" : name(holder), key, kind, low, high, words
}
END { exit failed }

# tests[].expect.headers -> TEST_EXPECT_HEADERS
function name(p)
{
    gsub(/\[\]/, "_ITEM", p); gsub(/\.\*/, "_ANY", p); gsub(/\./, "_", p)
    p = toupper(p)
    sub(/^TESTS_ITEM/, "TEST", p)
    return p
}
