#!/bin/sh
# What systemd makes of khapd.service: no more exposed than 2.0 of 10, and not a word that it does not know. That it works so is
# tests/packages/service.sh.
. "${srcdir:-.}/tests/tap.sh"
need systemd-analyze systemd
[ -n "${KHAPD:-}" ] || skip_all "khapd is not built here (Debian: package libmicrohttpd-dev)"
tap_tmpdir
unit=$abs_builddir/init/khapd.service
[ -s "$unit" ] || { not_ok "the unit is made"; finish; }
check "exposed by 2.0 at most" systemd-analyze security --offline=true --threshold=20 --no-pager "$unit"
note "$(systemd-analyze security --offline=true --no-pager "$unit" | tail -n 1)"
sed "s|^ExecStart=[^ ]*|ExecStart=/bin/true|" "$unit" >"$tap_tmp/khapd.service"
said=$(systemd-analyze verify --man=false "$tap_tmp/khapd.service" 2>&1 | grep -F "$tap_tmp/khapd.service")
is "systemd knows each of its words" "$said" ""
finish
