#!/bin/sh
# What tests/packages/deb.sh built: installed, used as debian/tests does, upgraded, removed, purged; nothing stays behind, and
# HAProxy's own configuration is never touched. KHAP_SUITES: where (default: bookworm trixie).
. "${srcdir:-.}/tests/packages/lib.sh"
for suite in ${KHAP_SUITES:-bookworm trixie}; do
    ready "$suite" "$user_packages"
    ls "$PACKAGES/$suite"/khapd_*.deb >/dev/null 2>&1 || { not_ok "$suite: tests/packages/deb.sh has built no packages"; continue; }
    "$ROOT" --with "$user_packages" --bind-ro "$PACKAGES/$suite:/packages" --bind-ro "$abs_srcdir:/source" "$suite" sh -s \
        >"$PACKAGES/$suite/installed.log" 2>&1 <<'INSIDE'
say() { echo "RESULT $1 $2"; }
try() { name=$1; shift; if "$@"; then say ok "$name"; else say not_ok "$name"; fi; }
# all that packages may leave: names, modes, owners and contents; what dpkg, the linker and logs keep by themselves set apart
snapshot()
{
    (cd / && find etc usr var opt srv home root lib bin sbin -xdev ! -path 'var/lib/dpkg/*' ! -path 'var/log/*' ! -path 'var/cache/*' \
        ! -path 'etc/ld.so.cache' ! -path 'etc/passwd-' ! -path 'etc/group-' ! -path 'etc/shadow-' ! -path 'etc/gshadow-' ! -path 'etc/.pwd.lock' \
        ! -path 'var/lib/systemd/deb-systemd-helper-*' -printf '%y %m %U:%G %p %l\n' | sort
     find etc -xdev -type f ! -name ld.so.cache ! -name '*-' -exec sha256sum {} + | sort -k 2)
    dpkg -l | awk '/^[a-z]/ && $1 != "ii" { print }'
}
debs() { ls /packages/*.deb | grep -v dbgsym; }
haproxy_owns() { find /etc/haproxy /etc/systemd/system /lib/systemd/system/haproxy* -type f -exec sha256sum {} +; }

snapshot >/tmp/before
haproxy_owns >/tmp/haproxy.before
try 'dpkg installs them' dpkg -i $(debs)
try 'the user is there' id khap
try 'khapd writes where the user may' sh -c '[ "$(stat -c %U /var/lib/khap/haproxy)" = khap ]'
try 'the unit is not enabled' sh -c '[ "$(systemctl is-enabled khapd.service)" = disabled ]'
haproxy_owns >/tmp/haproxy.after
try 'nothing of HAProxy changed' diff /tmp/haproxy.before /tmp/haproxy.after
try 'manual pages' test -s /usr/share/man/man8/khapd.8.gz -a -s /usr/share/man/man1/khapgen.1.gz -a -s /usr/share/man/man3/libkhap.3.gz
try 'completions' test -s /usr/share/bash-completion/completions/khapgen -a -s /usr/share/zsh/vendor-completions/_khapgen -a -s /usr/share/fish/vendor_completions.d/khapgen.fish

# ---- as Debian's own test bed runs them
mkdir /tmp/tests && cp -R /source/debian/tests /tmp/tests/ && cp -R /source/examples /tmp/tests/
for test in generate khapd build; do
    mkdir -m 755 "/tmp/tests/$test.tmp"
    try "autopkgtest $test" sh -c "cd /tmp/tests && chmod -R a+rX . && AUTOPKGTEST_TMP=/tmp/tests/$test.tmp sh tests/$test"
done

# ---- another version: what somebody wrote stays
echo '# mine' >>/etc/khap/khapd.yaml
echo 'services: {}' >/etc/khap/services.d/mine.yaml
echo state >/var/lib/khap/state/kept
mkdir /tmp/next
for deb in $(debs); do
    dpkg-deb -R "$deb" /tmp/next/tree
    sed -i -e 's/^\(Version: .*\)$/\1+next/' -e 's/\((= [^)]*\))/\1+next)/g' /tmp/next/tree/DEBIAN/control
    dpkg-deb --root-owner-group -b /tmp/next/tree "/tmp/next/${deb##*/}" >/dev/null
    rm -rf /tmp/next/tree
done
try 'dpkg upgrades them' sh -c 'dpkg -i /tmp/next/*.deb </dev/null'
try 'settings, maps and state are what they were' sh -c 'grep -q "^# mine" /etc/khap/khapd.yaml && [ -s /etc/khap/services.d/mine.yaml ] && [ -s /var/lib/khap/state/kept ]'
try 'nothing is half done' sh -c '[ -z "$(dpkg --audit)" ]'

names=$(for deb in $(debs); do dpkg-deb -f "$deb" Package; done)
try 'they are removed' dpkg -r $names
try 'settings and state outlive that' sh -c '[ -s /etc/khap/khapd.yaml ] && [ -s /var/lib/khap/state/kept ]'
rm /etc/khap/services.d/mine.yaml
try 'they are purged' dpkg -P $names
snapshot >/tmp/after
try 'nothing stays behind' diff /tmp/before /tmp/after
try 'installed and purged again' sh -c "dpkg -i $(debs | tr '\n' ' ') && dpkg -P $(echo $names)"
snapshot >/tmp/after
try 'nothing stays behind again' diff /tmp/before /tmp/after
echo 'RESULT end'
INSIDE
    log=$PACKAGES/$suite/installed.log
    results "$suite: "
done
finish
