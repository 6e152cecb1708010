# SPDX-License-Identifier: MIT
# Fills into khapgen-route(7) what `khapgen route` evaluates.
#   LC_ALL=C awk -v date='November 1, 2026' -f roff.awk -f route.awk lib/route/evaluated.tsv lib/schema/{fetches,converters,rules}.tsv khapgen-route.7.in
# A line `.\" @TABLE name` becomes the list of all that the table of the schema has, each with its releases.
BEGIN { FS = "\t" }
/^\.\\" @DATE$/ { print ".Dd " date; next }
/^\.\\" @TABLE / { list(substr($0, 12)); next }
FILENAME ~ /\.in$/ { print; next }
/^#/ || /^$/ { next }
FILENAME ~ /evaluated\.tsv$/ { evaluated[$1, $2] = $4 == "" ? "-" : $4; expected++; next }
{
    nt = split($1, tables, ",")
    nw = split($2, words, ",")
    split($3, ends, "-")
    for (t = 1; t <= nt; t++) for (w = 1; w <= nw; w++) note(tables[t], words[w], ends[1], $3 ~ /-$/ ? "" : ends[2])
}

function number(release,    parts) { split(release, parts, "."); return parts[1] * 100 + parts[2] }

# The first and the last release of all rows of one name
function note(table, word, first, last,    key)
{
    key = table SUBSEP word
    if (!(key in from)) {
        order[table, ++count[table]] = word
        from[key] = first
        to[key] = last
        return
    }
    if (number(first) < number(from[key])) from[key] = first
    if (to[key] != "" && (last == "" || number(last) > number(to[key]))) to[key] = last
}

function list(table,    i, j, word, key, sorted, swap, text)
{
    if (count[table] == 0) { print "route.awk: no such table: " table > "/dev/stderr"; exit 1 }
    for (i = 1; i <= count[table]; i++) sorted[i] = order[table, i]
    for (i = 2; i <= count[table]; i++)
        for (j = i; j > 1 && sorted[j] < sorted[j - 1]; j--) { swap = sorted[j]; sorted[j] = sorted[j - 1]; sorted[j - 1] = swap }
    print ".Bl -column \"set_src_port_long_name_xxx\" \"1.5 to 1.5\" \"evaluated\""
    for (i = 1; i <= count[table]; i++) {
        word = sorted[i]
        key = table SUBSEP word
        text = "unknown"
        if (key in evaluated) {
            text = "evaluated" (evaluated[key] == "-" ? "" : "; unknown: " evaluated[key])
            listed++
        }
        print ".It Li " roff(word) " Ta " (from[key] == to[key] ? from[key] : to[key] == "" ? "from " from[key] : from[key] " to " to[key]) " Ta " roff(text)
    }
    print ".El"
}

END {
    if (listed != expected) { print "route.awk: " expected " rows in evaluated.tsv, of which the schema has " listed > "/dev/stderr"; exit 1 }
}
