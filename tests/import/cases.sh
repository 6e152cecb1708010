#!/bin/sh
# Configurations as people write them: tests/import/cases/NAME.cfg becomes NAME.yaml, and what is told is NAME.err; the map is taken by khapgen again.
# KHAP_UPDATE=1 writes both anew; look at the difference before it is committed.
. "${srcdir:-.}/tests/tap.sh"
: "${KHAPGEN:=$abs_builddir/khapgen}"
[ -x "$KHAPGEN" ] || skip_all "needs khapgen, which is not built"
tap_tmpdir
NO_COLOR=1
export NO_COLOR
cases=$abs_srcdir/tests/import/cases
cp "$cases"/*.cfg "$cases"/*.map "$tap_tmp" && cd "$tap_tmp" || exit 1
for config in *.cfg; do
    name=${config%.cfg}
    "$KHAPGEN" import "$config" >"$name.yaml" 2>"$name.err"
    status=$?
    if [ -n "${KHAP_UPDATE:-}" ]; then
        cp "$name.yaml" "$name.err" "$cases/"
        continue
    fi
    wanted=0
    grep -q ' error: ' "$cases/$name.err" && wanted=1
    is "$name: exit status" "$status" "$wanted"
    is "$name: the map" "$(cat "$name.yaml")" "$(cat "$cases/$name.yaml")"
    is "$name: what is told" "$(cat "$name.err")" "$(cat "$cases/$name.err")"
    if "$KHAPGEN" "$name.yaml" >again 2>err; then ok "$name: can be generated"; else not_ok "$name: can be generated"; note "$(cat err)"; fi
done
"$KHAPGEN" import >out 2>err
is 'no file: exit status' $? 2
"$KHAPGEN" import -t 1.4 seed.cfg >out 2>err
is 'a release that is not known: exit status' $? 2
"$KHAPGEN" import -t 2.6 -o map.yaml seed.cfg 2>err
is 'into a file: exit status' $? 0
if grep -q '2\.6' map.yaml; then ok 'the map says which release it is for'; else not_ok 'the map says which release it is for'; fi
echo '# mine' >map.yaml
"$KHAPGEN" import -o map.yaml seed.cfg 2>err
is 'a file that holds something else: exit status' $? 3
"$KHAPGEN" import --json seed.cfg 2>err >out
if grep -q '"code":"import-cookie-check"' err; then ok 'diagnostics as JSON'; else not_ok 'diagnostics as JSON'; note "$(head -n 2 err)"; fi
finish
