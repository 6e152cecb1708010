# Joins the tables of messages (lib/LAYER/messages.tsv) into what is made of them.
#
#   LC_ALL=C awk -v mode=MODE [-v retired=FILE] -f messages.awk TABLE...
#
# mode=header  enum message_id, sorted by code
# mode=table   a pool of strings and a row of offsets a message, in the order of the enum
# mode=docs    the page docs/messages.md
#
# A table has six columns between tabs: code, severity (note, warning, error), text with %1 to %9, meaning, example, remedy.
# In a column \n is a line's end and \\ a backslash. Lines that are empty or begin with # are left out. FILE lists codes that were
# given up, one a line; they are refused, so that a code never gets a second meaning.
#
# SPDX-License-Identifier: MIT

function fail(text)
{
    print FILENAME ":" FNR ": " text > "/dev/stderr"
    failed = 1
}

function check_escapes(s,    rest, at, c)
{
    rest = s
    while ((at = index(rest, "\\")) > 0) {
        c = substr(rest, at + 1, 1)
        if (c != "n" && c != "\\")
            return 0
        rest = substr(rest, at + 2)
    }
    return 1
}

# Adds a string to the pool and returns its offset; equal strings are kept once.
function pooled(s,    literal, plain, at, c, i, n)
{
    if (s in pool_at)
        return pool_at[s]
    literal = ""
    n = 0
    for (i = 1; i <= length(s); i++) {
        c = substr(s, i, 1)
        if (c == "\\") {
            i++
            literal = literal "\\" substr(s, i, 1)
        } else if (c == "\"" || c == "?") {
            literal = literal "\\" c
        } else
            literal = literal c
        n++
    }
    pool_at[s] = pool_size
    pool[pool_n++] = literal
    at = pool_size
    pool_size += n + 1
    return at
}

# Lines of an example, each behind four blanks; \\ becomes one backslash
function unescape(s, line_end,    out, i, c)
{
    out = ""
    for (i = 1; i <= length(s); i++) {
        c = substr(s, i, 1)
        if (c == "\\") {
            i++
            out = out (substr(s, i, 1) == "n" ? line_end : "\\")
        } else
            out = out c
    }
    return out
}

# What Markdown would take for markup, outside of code
function prose(s,    out, i, c)
{
    s = unescape(s, " ")
    out = ""
    for (i = 1; i <= length(s); i++) {
        c = substr(s, i, 1)
        if (index("*_<>[]", c) > 0)
            out = out "\\"
        out = out c
    }
    return out
}

BEGIN {
    FS = "\t"
    severity_number["note"] = 1
    severity_number["warning"] = 2
    severity_number["error"] = 3
    if (retired != "") {
        while ((getline line < retired) > 0)
            if (line !~ /^(#|$)/)
                is_retired[line] = 1
        close(retired)
    }
}

/^#/ || /^$/ { next }

{
    if (NF != 6) {
        fail("six columns are wanted, here are " NF)
        next
    }
    if ($1 !~ /^[a-z][a-z0-9]*(-[a-z0-9]+)*$/)
        fail("\"" $1 "\" is no code: small letters, digits and single hyphens")
    if (!($2 in severity_number))
        fail("\"" $2 "\" is no severity: note, warning, error")
    for (i = 3; i <= 6; i++) {
        if ($i == "")
            fail("column " i " is empty")
        if (!check_escapes($i))
            fail("column " i " holds a backslash that begins neither \\n nor \\\\")
    }
    if ($1 in row_of)
        fail("the code \"" $1 "\" stands in " where[$1] " already")
    else if ($1 in is_retired)
        fail("the code \"" $1 "\" was given up and cannot come back")
    where[$1] = FILENAME ":" FNR
    layer = FILENAME
    sub(/\/[^\/]*$/, "", layer)
    sub(/^.*\//, "", layer)
    layer_of[$1] = layer
    row_of[$1] = $0
    codes[++n] = $1
}

END {
    if (failed)
        exit 1
    for (gap = int(n / 2); gap > 0; gap = int(gap / 2))
        for (i = gap + 1; i <= n; i++) {
            code = codes[i] ""
            for (j = i; j > gap && codes[j - gap] "" > code; j -= gap)
                codes[j] = codes[j - gap]
            codes[j] = code
        }
    if (mode == "header") {
        print "/* Made by tools/messages.awk from the messages.tsv of each layer. */"
        print "#ifndef BASE_MESSAGES_H"
        print "#define BASE_MESSAGES_H"
        print ""
        print "enum message_id {"
        for (i = 1; i <= n; i++) {
            name = toupper(codes[i])
            gsub(/-/, "_", name)
            print "    MSG_" name " = " (i - 1) ","
        }
        print "    MSG__COUNT = " n
        print "};"
        print ""
        print "#endif"
    } else if (mode == "table") {
        pool_size = pool_n = 0
        for (i = 1; i <= n; i++) {
            split(row_of[codes[i]], column, "\t")
            rows[i] = "    {" pooled(column[1])
            for (k = 3; k <= 6; k++)
                rows[i] = rows[i] ", " pooled(column[k])
            rows[i] = rows[i] ", " severity_number[column[2]] "},"
        }
        print "/* Made by tools/messages.awk from the messages.tsv of each layer. */"
        print "static const char message_pool[] ="
        for (i = 0; i < pool_n; i++)
            print "    \"" pool[i] (i + 1 < pool_n ? "\\0\"" : "\";")
        print "_Static_assert(sizeof message_pool == " pool_size ", \"the generator counts bytes: run it with LC_ALL=C\");"
        print ""
        print "static const struct message_row message_rows[] = {"
        for (i = 1; i <= n; i++)
            print rows[i]
        print "};"
    } else if (mode == "docs") {
        print "<!-- Made by tools/messages.awk from the messages.tsv of each layer. -->"
        print "# Messages"
        print ""
        print "Every diagnostic ends in its code, `[like-this]`. A code keeps its meaning for ever. `khapgen explain CODE` says the same as this page."
        for (i = 1; i <= n; i++) {
            split(row_of[codes[i]], column, "\t")
            print ""
            print "## " codes[i]
            print ""
            print column[2] ": " prose(column[3])
            print ""
            print prose(column[4])
            print ""
            print "Example:"
            print ""
            print "    " unescape(column[5], "\n    ")
            print ""
            print "What to do: " prose(column[6])
        }
    } else {
        print "messages.awk: mode is header, table or docs" > "/dev/stderr"
        exit 2
    }
}
