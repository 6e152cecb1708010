# evaluated.tsv -> evaluated.inc: ROW(WHAT, "words", function) for each of them.
BEGIN { FS = "\t" }
/^#/ || NF == 0 { next }
{
    what = $1
    gsub(/-/, "_", what)
    printf "ROW(%s, \"%s\", %s)\n", what, $2, $3
}
