# SPDX-License-Identifier: MIT
# Fills the list of keys into khap-services(5).
#   LC_ALL=C awk -v date='November 1, 2026' -f roff.awk -f keys.awk lib/model/keys.tsv khap-services.5.in
# A line `.\" @KEYS prefix` becomes the keys that begin so; those that a longer prefix elsewhere takes are left out.
BEGIN { FS = "\t" }
FILENAME == ARGV[1] {
    if (/^#/ || /^$/) next
    n++
    path[n] = $1; type[n] = $2; applies[n] = $3; since[n] = $4; annotation[n] = $5
    standard[n] = $6; example[n] = $7; text[n] = $8
    next
}
FNR == 1 { page = 1 }
/^\.\\" @DATE$/ { print ".Dd " date; next }
/^\.\\" @KEYS / { keys(substr($0, 11)); next }
{ print }

function kind(t)
{
    if (t == "same(services.*)") return "the keys of a service"
    if (t ~ /^same\(/) { sub(/^same\(/, "", t); sub(/\)$/, "", t); return "the same as " t }
    if (t == "object") return "mapping"
    if (t == "object|false") return "mapping or false"
    if (t ~ /^object\(/) {
        off = t ~ /false$/
        sub(/^object\(/, "", t); sub(/\).*$/, "", t)
        if (sub(/\|/, ": VALUE; the word ", t)) return "mapping, short for " t (off ? "; or false" : "")
        return "mapping, short for " t ": VALUE" (off ? ", or false" : "")
    }
    if (t ~ /^map\(/) return "mapping by name"
    if (t == "list(object)") return "list of mappings"
    if (t ~ /^list\(enum\(/) { sub(/^list\(enum\(/, "", t); sub(/\)\)$/, "", t); gsub(/\|/, " | ", t); return "list of " t }
    if (t ~ /^enum\(/) { sub(/^enum\(/, "", t); sub(/\)$/, "", t); gsub(/\|/, " | ", t); return t }
    if (t ~ /^list\(/) { sub(/^list\(/, "", t); sub(/\)$/, "", t); return "list of " t }
    if (t == "time") return "time; a bare number is milliseconds"
    if (t == "time(s)") return "time; a bare number is seconds"
    return t
}

function keys(prefix,    i, line)
{
    print ".Bl -tag -width Ds"
    for (i = 1; i <= n; i++) {
        if (substr(path[i], 1, length(prefix)) != prefix) continue
        line = substr(path[i], length(prefix) + 1)
        if (prefix != "" && line != "" && line !~ /^[.[]/) continue
        if (prefix == "" && path[i] ~ /^(services|certs|frontends|nodes|process)([.[]|$)/) continue
        done[i]++
        print ".It Ic " roff(path[i]) " : Ar " roff(kind(type[i]))
        fill(text[i])
        if (standard[i] != "-") { print ".br"; fill("Default: " standard[i] ".") }
        if (example[i] != "-") { print ".br"; print "Example: " roff(example[i]) }
        line = ""
        if (applies[i] != "-" && applies[i] != "http,tcp,passthrough") { gsub(/,/, ", ", applies[i]); line = "For " applies[i] " services." }
        if (since[i] != "1.5") line = line (line == "" ? "" : " ") "From HAProxy " since[i] "."
        if (line != "") { print ".br"; fill(line) }
    }
    print ".El"
}

END {
    for (i = 1; i <= n; i++)
        if (done[i] != 1) { print "keys.awk: " path[i] " stands " done[i] + 0 " times on the page" > "/dev/stderr"; failed = 1 }
    if (failed) exit 1
}
