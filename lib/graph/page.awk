# page.html -> the string literals of one of its parts: `part` counts the lines that are `@` and a word. SPDX-License-Identifier: MIT
BEGIN { at = 0 }
/^@[a-z]+$/ { at++; next }
at == part { line[++n] = $0 }
# the line before and behind a mark joins what stands in its place
END { for (i = 1; i <= n; i++) print "    \"" escaped(line[i]) (i < n || part == 2 ? "\\n" : "") "\"" }

# what awks make of backslashes in gsub() differs
function escaped(s,    out, i, c)
{
    out = ""
    for (i = 1; i <= length(s); i++) {
        c = substr(s, i, 1)
        out = out (c == "\\" || c == "\"" || c == "?" ? "\\" : "") c
    }
    return out
}
