# SPDX-License-Identifier: MIT
# Text as roff, for the generators of manual pages: awk -f roff.awk -f NAME.awk

function roff(s)
{
    gsub(/\\/, "\\e", s)
    gsub(/-/, "\\-", s)
    gsub(/"/, "\\(dq", s)
    gsub(/`/, "\\(ga", s)
    gsub(/\^/, "\\(ha", s)
    gsub(/~/, "\\(ti", s)
    gsub(/…/, "...", s)
    if (s ~ /^[.']/) s = "\\&" s
    return s
}

# A word of prose; what stands between backquotes is bold, from one word to another if need be
function bold(w,    parts, n, i, out)
{
    n = pairs ? split(w, parts, "`") : 1
    if (n < 2) return roff(w)
    out = roff(parts[1])
    for (i = 2; i <= n; i++) {
        inside = !inside
        out = out (inside ? "\\fB" : "\\fP") roff(parts[i])
    }
    return out
}

# Prose in lines of at most 76 bytes, each sentence on its own
function fill(s,    words, m, i, line, ended, w, after)
{
    pairs = (gsub(/`/, "`", s) + 1) % 2
    inside = 0
    m = split(s, words, /[ \n\t]+/)
    line = ""
    ended = 0
    for (i = 1; i <= m; i++) {
        w = words[i]
        if (w == "") continue
        if (w ~ /^`?[A-Za-z_]+\(\)`?[.,;:)]*$/) {
            # a function named in the text
            if (line != "") print line
            line = ""
            gsub(/`/, "", w)
            after = w; sub(/^[^()]*\(\)/, "", after); gsub(/./, " &", after)
            sub(/\(\).*$/, "", w)
            print ".Fn " w after
            ended = 0
            continue
        }
        if (line != "" && (ended || length(line) + 1 + length(roff(w)) > 76)) {
            print line
            line = ""
        }
        line = line (line == "" ? "" : " ") bold(w)
        ended = w ~ /[.!?]\)?$/ && w !~ /^(e\.g\.|i\.e\.|etc\.)$/
        # what looks like the end of a sentence and is none, in the middle of a line, does not happen: the line ends there
    }
    if (line != "") print line
}
