#!/bin/sh
# Every file of every corpus through its fuzzer. tests/fuzz/corpus/NAME belongs to tests/fuzz/fuzz_NAME.
. "$srcdir/tests/tap.sh"
for corpus in "$abs_srcdir"/tests/fuzz/corpus/*/; do
    name=$(basename "$corpus")
    program=$abs_builddir/tests/fuzz/fuzz_$name
    if [ -x "$program" ]; then
        check "fuzz_$name: corpus" "$program" "$corpus"*
    else
        not_ok "fuzz_$name: is not built"
    fi
done
finish
