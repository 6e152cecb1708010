# SPDX-License-Identifier: MIT
# Makes the manual page of one public header from its own comments, or the overview of all.
#   LC_ALL=C awk -v make=page -v date='November 1, 2026' -f roff.awk -f headers.awk include/khap/NAME.h
#   LC_ALL=C awk -v make=overview -v date=… -f roff.awk -f headers.awk libkhap.3.in include/khap/*.h
# A comment /** … */ belongs to the declaration that follows it. Its tags are @param NAME text, @return text; a sentence in an enum or a struct
# behind a member, /**< … */, is about that member.

function trim(s) { gsub(/[ \t]+/, " ", s); sub(/^ /, "", s); sub(/ $/, "", s); return s }

function base(name) { sub(/^.*\//, "", name); sub(/\.h$/, "", name); return name }

# the header's own comment: "khap/diag.h - sources, and the diagnostics that speak of them"
function headline(line)
{
    if (line ~ /^ \* khap\/[a-z]+\.h - /) { sub(/^[^-]*- /, "", line); return line }
    if (line ~ /^ \* libkhap-[a-z]+: /) { sub(/^ \* /, "", line); sub(/\..*$/, "", line); return line }
    return ""
}

FNR == 1 { state = "code"; declaration = ""; comment = "" }

make == "overview" {
    if (FILENAME == ARGV[1]) { page[++page_lines] = $0; next }
    if (FNR == 1) { header[++header_count] = base(FILENAME) }
    if (about[header_count] == "" && (h = headline($0)) != "") about[header_count] = h
    next
}

# ---- one header
about1 == "" && (h = headline($0)) != "" { about1 = h }
/^#/ || /^extern "C"/ { if (state == "code") next }
state == "code" && /^\/\*\*/ {
    state = "comment"; comment = ""; declaration = ""
    line = $0; sub(/^\/\*\*[ ]?/, "", line)
    if (line ~ /\*\/[ \t]*$/) { sub(/[ ]?\*\/[ \t]*$/, "", line); state = "declaration" }
    comment = line
    next
}
state == "code" && /^\/\*/ { if ($0 !~ /\*\//) state = "skip"; next }
state == "skip" { if ($0 ~ /\*\//) state = "code"; next }
state == "comment" {
    line = $0
    if (line ~ /\*\//) { sub(/[ \t]*\*\/.*$/, "", line); state = "declaration" }
    sub(/^[ \t]*\*[ ]?/, "", line)
    comment = comment "\n" line
    next
}
state == "declaration" {
    if (declaration == "" && $0 == "") next
    declaration = declaration (declaration == "" ? "" : "\n") $0
    if (declaration ~ /^static inline/) { if ($0 == "}") flush(); next }
    if (declaration ~ /^(struct|enum)[^(;]*\{/ ? $0 ~ /^(\}|.*\}).*;[ \t]*$/ : $0 ~ /;[ \t]*(\/\*.*)?$/) flush()
    else if (declaration ~ /^#define/) flush()
    next
}
# a declaration without a comment of its own belongs to nobody
{ next }

function flush(    d, name)
{
    d = declaration
    n++
    text[n] = comment; decl[n] = d
    if (d ~ /^(struct|enum)[^(;]*(\{|;[ \t]*$)/) { kind[n] = "type"; name = d; sub(/[ \t\n]*[{;].*$/, "", name); title[n] = name == "enum" ? members_of(d) : name }
    else if (d ~ /^#define/) { kind[n] = "macro"; name = d; sub(/^#define[ \t]+/, "", name); sub(/[ \t(].*$/, "", name); title[n] = name }
    else { kind[n] = "function"; name = d; sub(/\(.*/, "", name); gsub(/\n/, " ", name); sub(/^.*[ *]/, "", name); title[n] = name; functions++ }
    state = "code"; declaration = ""; comment = ""
}

# `struct khap_str text` for .Fa, with what must not be taken for a macro kept apart
function argument(s) { s = roff(trim(s)); return "\"" s (s ~ /\)$/ ? "\\&" : "") "\"" }

function synopsis(d,    head, args, i, m, one)
{
    gsub(/\n/, " ", d)
    head = d; sub(/\(.*/, "", head)
    args = substr(d, length(head) + 2); sub(/\)[ \t]*;[^;]*$/, "", args)
    name = head; sub(/^.*[ *]/, "", name)
    sub(/[a-z_0-9]+[ \t]*$/, "", head)
    print ".Ft \"" trim(head) "\""
    print ".Fo " name
    # each comma is a place where a line may end, those between the arguments of a function pointer, too
    m = split(args, one, ",")
    for (i = 1; i <= m; i++) print ".Fa " argument(one[i])
    print ".Fc"
}

# the body of a comment: prose, then @param, @return, Example
function body(t,    lines, m, i, para, line, in_params, tag)
{
    m = split(t, lines, "\n")
    para = ""
    in_params = 0
    tag = ""
    for (i = 1; i <= m; i++) {
        line = trim(lines[i])
        if (line ~ /^@param /) {
            paragraph(para); para = ""
            if (!in_params) { print ".Bl -tag -width Ds"; in_params = 1 }
            sub(/^@param /, "", line)
            tag = line; sub(/ .*/, "", tag)
            sub(/^[^ ]* */, "", line)
            print ".It Fa " roff(tag)
            para = line
        } else if (line ~ /^@return/) {
            paragraph(para)
            if (!in_params) { print ".Bl -tag -width Ds"; in_params = 1 }
            sub(/^@return */, "", line)
            print ".It Returns"
            para = line
        } else if (line ~ /^\|/) {
            paragraph(para); para = ""
            i = table(lines, i, m)
        } else if (line == "") {
            paragraph(para); para = ""
            if (in_params && rest(lines, i + 1, m)) { print ".El"; in_params = 0; print ".Pp" }
            else if (!in_params && rest(lines, i + 1, m) && !next_tag(lines, i + 1, m)) print ".Pp"
        } else
            para = para " " line
    }
    paragraph(para)
    if (in_params) print ".El"
}
# a table of two columns, from the line behind its heading: a list; a row without a first cell goes on with the one above it
function table(lines, i, m,    cell, said)
{
    print ".Bl -tag -width Ds"
    said = ""
    for (i += 2; i <= m && trim(lines[i]) ~ /^\|/; i++) {
        split(lines[i], cell, "|")
        if (trim(cell[2]) != "") { paragraph(said); said = ""; print ".It \"" roff(trim(cell[2])) "\"" }
        said = said " " cell[3]
    }
    paragraph(said)
    print ".El"
    return i - 1
}
function rest(lines, i, m) { for (; i <= m; i++) if (trim(lines[i]) != "" && trim(lines[i]) !~ /^@/) return 1; else if (trim(lines[i]) ~ /^@/) return 0; return 0 }
function next_tag(lines, i, m) { for (; i <= m; i++) if (trim(lines[i]) != "") return trim(lines[i]) ~ /^[@|]/; return 0 }
function paragraph(s) { if (trim(s) != "") fill(s) }

# an enum without a name: its first constants
function members_of(d,    p, q)
{
    while ((p = index(d, "/*")) && (q = index(substr(d, p), "*/"))) d = substr(d, 1, p - 1) substr(d, p + q + 1)
    sub(/^[^{]*\{[ \t\n]*/, "", d)
    sub(/[ \t]*[=,}].*$/, "", d)
    return "enum { " d " ... }"
}

# a struct or enum: its members, each with its sentence
function type_body(d,    lines, m, i, line, said, member, open, inner)
{
    inner = d
    if (inner !~ /\{/) return
    # comments above members go behind them
    m = split(d, lines, "\n")
    print ".Bd -literal -offset indent"
    for (i = 1; i <= m; i++) {
        line = lines[i]
        gsub(/\/\*\*<?/, "/*", line)
        print line == "" ? "\\&" : roff(line)
    }
    print ".Ed"
}

END {
    if (make == "overview") {
        for (i = 1; i <= page_lines; i++) {
            if (page[i] == ".\\\" @DATE") print ".Dd " date
            else if (page[i] == ".\\\" @HEADERS") {
                print ".Bl -tag -width Ds"
                for (j = 1; j <= header_count; j++)
                    if (header[j] != "khap") { print ".It Xr khap_" header[j] " 3"; fill(toupper(substr(about[j], 1, 1)) substr(about[j], 2) "."); }
                print ".El"
            } else print page[i]
        }
        exit
    }
    who = base(FILENAME)
    if (about1 == "") { print FILENAME ": no line says what this header is about" > "/dev/stderr"; exit 1 }
    print ".\\\" Made from " who ".h. SPDX-License-Identifier: MIT"
    print ".Dd " date
    print ".Dt KHAP_" toupper(who) " 3"
    print ".Os"
    print ".Sh NAME"
    last = 0
    for (i = 1; i <= n; i++) if (kind[i] == "function") last = i
    if (functions == 0) print ".Nm khap_" who
    for (i = 1; i <= n; i++) if (kind[i] == "function") print ".Nm " title[i] (i == last ? "" : " ,")
    print ".Nd " roff(about1)
    print ".Sh SYNOPSIS"
    print ".In khap/" who ".h"
    for (i = 1; i <= n; i++) if (kind[i] == "function") synopsis(decl[i])
    print ".Sh DESCRIPTION"
    if (who == "apply") print "These functions are in a library of their own:\n.Fl lkhap\\-apply ."
    else print "These declarations are part of\n.Xr libkhap 3 ."
    types = 0
    for (i = 1; i <= n; i++) {
        if (kind[i] == "function") continue
        if (types++ == 0) { print ".Ss Types and constants"; print ".Bl -tag -width Ds" }
        print ".It Ic \"" roff(title[i]) "\""
        body(text[i])
        if (kind[i] == "type") type_body(decl[i])
        else { print ".Bd -literal -offset indent"; print roff(decl[i]); print ".Ed" }
    }
    if (types) print ".El"
    if (functions) { print ".Ss Functions"; print ".Bl -tag -width Ds" }
    for (i = 1; i <= n; i++) {
        if (kind[i] != "function") continue
        print ".It Fn " title[i]
        body(text[i])
    }
    if (functions) print ".El"
    print ".Sh SEE ALSO"
    print ".Xr libkhap 3"
}
