# SPDX-License-Identifier: MIT
# Makes the table that config.c reads of keys.tsv.
#   LC_ALL=C awk -f keys.awk keys.tsv
BEGIN { FS = "\t" }
/^#/ || /^$/ { next }
NF != 8 { print FILENAME ":" FNR ": not eight columns" > "/dev/stderr"; failed = 1; exit 1 }
{
    n++
    path[n] = $1; words[n] = ""; standard[n] = $6 == "-" ? "" : $6
    type = $2
    if (type ~ /^enum\(/) { words[n] = type; sub(/^enum\(/, "", words[n]); sub(/\)$/, "", words[n]); type = "word" }
    if (type ~ /^int\(/) { words[n] = type; sub(/^int\(/, "", words[n]); sub(/\)$/, "", words[n]); type = "int" }
    if (type ~ /^list\(.*\|/) { words[n] = type; sub(/^list\(/, "", words[n]); sub(/\)$/, "", words[n]); type = "list(word)" }
    gsub(/[()]/, "_", type); sub(/_$/, "", type)
    kind[n] = toupper(type)
    name = $1; gsub(/\[\]/, "", name)
    while (match(name, /[a-z][A-Z]/)) name = substr(name, 1, RSTART) "_" tolower(substr(name, RSTART + 1, 1)) substr(name, RSTART + 2)
    gsub(/\./, "_", name)
    ident[n] = toupper(name)
}
function c(s) { gsub(/\\/, "\\\\", s); gsub(/"/, "\\\"", s); return "\"" s "\"" }
END {
    if (failed) exit 1
    print "/* Made from keys.tsv by keys.awk. SPDX-License-Identifier: MIT */"
    print "#ifndef KHAPD_KEY_TABLE_H"
    print "#define KHAPD_KEY_TABLE_H"
    print ""
    print "enum key_id {"
    for (i = 1; i <= n; i++) print "    KEY_" ident[i] ","
    print "    KEY_COUNT"
    print "};"
    print ""
    print "#endif"
    print ""
    print "#ifdef KHAPD_KEY_TABLES"
    print "static const struct key_row key_rows[KEY_COUNT] = {"
    for (i = 1; i <= n; i++) print "    {" c(path[i]) ", TYPE_" kind[i] ", " c(words[i]) ", " c(standard[i]) "},"
    print "};"
    print "#endif"
}
