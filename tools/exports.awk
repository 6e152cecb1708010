# Prints the functions that public headers declare, as a linker's export map (node=NAME) or, without it, one a line.
# usage: awk [-v node=NAME] [-v skip='a.h b.h'] -f exports.awk HEADER...
BEGIN { n = split(skip, list, " "); for (i = 1; i <= n; i++) skipped[list[i]] = 1 }
FNR == 1 { base = FILENAME; sub(/.*\//, "", base); in_comment = 0; statement = ""; continued = 0 }
base in skipped { next }
{
    line = $0
    # comments first: a declaration inside one is none
    out = ""
    while (line != "") {
        if (in_comment) {
            p = index(line, "*/")
            if (!p) { line = ""; break }
            line = substr(line, p + 2)
            in_comment = 0
            continue
        }
        p = index(line, "/*")
        q = index(line, "//")
        if (q && (!p || q < p)) { out = out substr(line, 1, q - 1); line = ""; break }
        if (!p) { out = out line; line = ""; break }
        out = out substr(line, 1, p - 1) " "
        line = substr(line, p + 2)
        in_comment = 1
    }
    line = out
    if (continued || line ~ /^[ \t]*#/) { continued = (line ~ /\\$/); next }
    sub(/extern "C" *\{/, "", line)
    statement = statement " " line
    while ((p = index(statement, ";")) > 0) {
        one = substr(statement, 1, p - 1)
        statement = substr(statement, p + 1)
        if (one !~ /(^|[^a-z_])(static|typedef)([^a-z_]|$)/ && match(one, /khap_[a-z0-9_]+\(/)) {
            name = substr(one, RSTART, RLENGTH)
            sub(/\($/, "", name)
            if (!(name in seen)) { seen[name] = 1; names[++count] = name }
        }
    }
}
END {
    # insertion sort: awk has none that all three implementations share
    for (i = 2; i <= count; i++) {
        name = names[i]
        for (j = i - 1; j >= 1 && names[j] > name; j--)
            names[j + 1] = names[j]
        names[j + 1] = name
    }
    if (node != "")
        print node " {\nglobal:"
    for (i = 1; i <= count; i++)
        print (node != "" ? "    " names[i] ";" : names[i])
    if (node != "")
        print "local:\n    *;\n};"
}
