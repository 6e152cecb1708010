#!/bin/sh
# What khapgen writes for a release, khapgen check takes for that release, without a warning.
. "${srcdir:-.}/tests/tap.sh"
: "${KHAPGEN:=$abs_builddir/khapgen}"
[ -x "$KHAPGEN" ] || skip_all "needs khapgen, which is not built"
tap_tmpdir
cd "$abs_srcdir" || exit 99
for release in 1.5 1.6 1.7 1.8 1.9 2.0 2.1 2.2 2.3 2.4 2.5 2.6 2.7 2.8 2.9 3.0 3.1 3.2 3.3 3.4 1.6-2.2 2.2-3.4; do
    written=0 wrong=
    for map in examples/*.yaml; do
        # a line of one's own in it came with 1.6
        [ "$release $map" = '1.5 examples/process.yaml' ] && continue
        "$KHAPGEN" -t $release "$map" >"$tap_tmp/haproxy.cfg" 2>/dev/null || continue
        written=$((written + 1))
        "$KHAPGEN" check -t $release --fail-on warning "$tap_tmp/haproxy.cfg" >"$tap_tmp/said" 2>&1 ||
            wrong="$wrong$map: $(head -n 3 "$tap_tmp/said")
"
    done
    is "$release: $written files" "$wrong" ''
    [ $written -gt 0 ] || not_ok "$release: no example can be written for it"
done
finish
