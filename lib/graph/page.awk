# page.html -> the string literals of one of its parts: `part` counts the lines that are `@` and a word. SPDX-License-Identifier: MIT
BEGIN { at = 0 }
/^@[a-z]+$/ { at++; next }
at == part {
    gsub(/\\/, "\\\\"); gsub(/"/, "\\\""); gsub(/\?\?/, "?\\?")
    line[++n] = $0
}
# the line before and behind a mark joins what stands in its place
END { for (i = 1; i <= n; i++) printf "    \"%s%s\"\n", line[i], i < n || part == 2 ? "\\n" : "" }
