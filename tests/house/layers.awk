# Holds each #include of lib/ and cli/ against the table of layers.
# usage: awk -f layers.awk layers.tsv FILE...   FILE relative to the root, run from there
# A layer may include itself, what its row names, and what those use in turn. `installed' is every public header and
# nothing of lib/. Files of include/khap/ are held to the row that lists them; khap.h is above all of them.
BEGIN { FS = "\t" }
FNR == 1 { file = FILENAME; nr_table = (NR == 1) ? 1 : 0 }
nr_table {
    if (FNR == 1) next
    folder_of[$2] = $1
    uses[$1] = $3
    n = split($4, h, " ")
    for (i = 1; i <= n; i++)
        if (h[i] != "-") header_layer[h[i] ".h"] = $1
    order[++layers] = $1
    next
}
FNR == 1 {
    if (!closed) close_table()
    folder = file
    sub(/^\.\//, "", folder)
    name = folder
    sub(/.*\//, "", name)
    sub(/\/[^\/]*$/, "", folder)
    if (folder == "include/khap") {
        layer = (name in header_layer) ? header_layer[name] : ""
        if (layer == "" && name != "khap.h") bad("no row of the table lists this public header")
    } else {
        layer = (folder in folder_of) ? folder_of[folder] : ""
        if (layer == "") bad("no row of the table names this folder")
    }
    files++
}
/^[ \t]*#[ \t]*include/ {
    line = $0
    if (layer == "" && name != "khap.h") next
    if (match(line, /<[^>]*>/)) {
        inc = substr(line, RSTART + 1, RLENGTH - 2)
        if (inc ~ /^khap\//) {
            sub(/^khap\//, "", inc)
            if (inc == "khap.h") {
                if (!installed(layer)) bad("<khap/khap.h> is for programs; a layer names what it uses")
            } else if (!(inc in header_layer))
                bad("<khap/" inc "> is in no row of the table")
            else
                may(header_layer[inc], "<khap/" inc ">")
        }
    } else if (match(line, /"[^"]*"/)) {
        inc = substr(line, RSTART + 1, RLENGTH - 2)
        if (inc == "config.h") next
        if (inc ~ /\.\.\//) { bad("\"" inc "\" climbs out of its folder"); next }
        if (folder == "include/khap") { bad("\"" inc "\" in a public header; it wants <khap/...>"); next }
        if (index(inc, "/")) {
            top = inc
            sub(/\/.*/, "", top)
            if (("lib/" top) in folder_of) {
                target = folder_of["lib/" top]
                if (target != layer && installed(layer) && target != "cert")
                    bad("\"" inc "\": only installed headers may be used here")
                else
                    may(target, "\"" inc "\"")
            } else if (("cli/" top) in folder_of) {
                # programs are one layer, and may be built of one another's sources
                if (layer != folder_of["cli/" top]) bad("\"" inc "\" is a program's")
            } else if (folder !~ "/" top "$")
                bad("\"" inc "\" leads to no layer")
        } else if (inc == "cert.h")
            may("cert", "\"" inc "\"")
    } else
        bad("an #include that names no file: " line)
    includes++
}
function bad(what) { print file ":" FNR ": " what; wrong++ }
function installed(l) { return (l in uses) && (" " uses[l] " ") ~ / installed / }
function may(target, what) {
    if (name == "khap.h" && folder == "include/khap") {
        if (installed(target)) bad(what " is not part of libkhap")
        return
    }
    if (target == layer || ((layer, target) in reach)) return
    if (installed(layer) && what ~ /^</ && (!installed(target) || layer == "programs")) return
    bad("layer " layer " may not use " target " (" what ")")
}
function close_table(    i, j, k, n, u, changed) {
    closed = 1
    for (i = 1; i <= layers; i++) {
        n = split(uses[order[i]], u, " ")
        for (j = 1; j <= n; j++)
            if (u[j] != "-") reach[order[i], u[j]] = 1
    }
    do {
        changed = 0
        for (i = 1; i <= layers; i++)
            for (j = 1; j <= layers; j++)
                for (k = 1; k <= layers; k++)
                    if (((order[i], order[j]) in reach) && ((order[j], order[k]) in reach) && !((order[i], order[k]) in reach)) {
                        reach[order[i], order[k]] = 1
                        changed = 1
                    }
    } while (changed)
    for (i = 1; i <= layers; i++)
        if ((order[i], order[i]) in reach && order[i] != "programs") { print "the table is a circle at " order[i]; wrong++ }
}
END {
    print files + 0 " files, " includes + 0 " includes"
    if (files == 0 || includes == 0) { print "nothing was looked at"; exit 1 }
    exit wrong > 0
}
