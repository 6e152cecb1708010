# SPDX-License-Identifier: MIT
# Makes what is needed of options.tsv, the only place where commands and options of khapgen are written down.
# here the C tables that options.c reads; docs/khapgen.awk and docs/completions.awk make manual page and completions.
#   LC_ALL=C awk -f options.awk options.tsv
BEGIN { FS = "\t" }
/^#/ || /^$/ { next }
$1 == "command" { commands++; cmd[commands] = $2; usage[$2] = $3; does[$2] = $4; next }
$1 == "option" {
    n = ++options[$2]
    name[$2, n] = $3; short[$2, n] = $4; arg[$2, n] = $5; text[$2, n] = $7
    id = toupper($3); gsub(/-/, "_", id); ident[$2, n] = id
    if (!(id in seen)) { seen[id] = 1; ids[++id_count] = id }
    next
}
$1 == "example" { n = ++examples[$2]; line[$2, n] = $3; why[$2, n] = $4; next }
{ print FILENAME ":" FNR ": unknown kind of row: " $1 > "/dev/stderr"; failed = 1 }

function c(s)
{
    gsub(/\\/, "\\\\", s); gsub(/"/, "\\\"", s)
    return "\"" s "\""
}

function table(  i, j, k)
{
    print "/* Made from options.tsv by options.awk. SPDX-License-Identifier: MIT */"
    print "#ifndef KHAPGEN_OPTION_TABLE_H"
    print "#define KHAPGEN_OPTION_TABLE_H"
    print ""
    print "enum option_id {"
    for (i = 1; i <= id_count; i++) print "    OPTION_" ids[i] ","
    print "    OPTION_COUNT"
    print "};"
    print ""
    print "enum command_id {"
    for (i = 1; i <= commands; i++) print "    COMMAND_" toupper(cmd[i]) ","
    print "    COMMAND_COUNT"
    print "};"
    print ""
    print "#ifdef KHAPGEN_OPTION_TABLES"
    print "static const struct option_row option_rows[] = {"
    k = 0
    for (i = 1; i <= commands; i++) {
        first[i] = k
        for (j = 1; j <= options[cmd[i]]; j++) {
            print "    {" c(name[cmd[i], j]) ", " c(arg[cmd[i], j] == "-" ? "" : arg[cmd[i], j]) ", "
            print "     " c(text[cmd[i], j]) ","
            print "     OPTION_" ident[cmd[i], j] ", " (short[cmd[i], j] == "-" ? "0" : "'" short[cmd[i], j] "'") "},"
            k++
        }
    }
    print "};"
    print ""
    print "static const struct example_row example_rows[] = {"
    k2 = 0
    for (i = 1; i <= commands; i++) {
        first_example[i] = k2
        for (j = 1; j <= examples[cmd[i]]; j++) {
            print "    {" c(line[cmd[i], j]) ","
            print "     " c(why[cmd[i], j]) "},"
            k2++
        }
    }
    print "};"
    print ""
    print "static const struct command_row command_rows[COMMAND_COUNT] = {"
    for (i = 1; i <= commands; i++) {
        print "    {" c(cmd[i]) ", " c(usage[cmd[i]]) ","
        print "     " c(does[cmd[i]]) ","
        print "     " first[i] ", " options[cmd[i]] + 0 ", " first_example[i] ", " examples[cmd[i]] + 0 "},"
    }
    print "};"
    print "#endif"
    print ""
    print "#endif"
}

END {
    if (failed) exit 1
    table()
}
