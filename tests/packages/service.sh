#!/bin/sh
# khapd.service under a systemd of its own, which is the first process of a throwaway root: installed and set up as README.Debian
# says, with all that the unit forbids in force, beside Debian's haproxy.service. KHAP_SUITES: where (default: bookworm trixie).
. "${srcdir:-.}/tests/packages/lib.sh"
for suite in ${KHAP_SUITES:-bookworm trixie}; do
    ready "$suite" "$user_packages"
    ls "$PACKAGES/$suite"/khapd_*.deb >/dev/null 2>&1 || { not_ok "$suite: tests/packages/deb.sh has built no packages"; continue; }
    log=$PACKAGES/$suite/service.log
    tap_tmpdir
    cat >"$tap_tmp/inside" <<'INSIDE'
say() { echo "RESULT $1 $2"; }
try() { name=$1; shift; if "$@"; then say ok "$name"; else say not_ok "$name"; fi; }
answers() { # HOST STATUS
    for _ in $(seq 150); do
        got=$(curl -s -o /tmp/answer -w '%{http_code}' -H "Host: $1" http://127.0.0.1/ || true)
        [ "$got" != "$2" ] || return 0
        sleep 0.1
    done
    echo "$1 answers $got"
    return 1
}
stays() { [ "$(systemctl show -P NRestarts khapd)" = 0 ] && [ "$(systemctl is-active khapd)" = active ]; }
pid() { systemctl show -P MainPID khapd; }

dpkg -i $(ls /packages/*.deb | grep -v dbgsym) >/dev/null
systemctl daemon-reload
mkdir /tmp/site && echo 'the shop' >/tmp/site/index.html
python3 -m http.server --directory /tmp/site --bind 127.0.0.1 32001 >/dev/null 2>&1 &
echo 'nodes: {node1: 127.0.0.1}' >>/etc/khap/khapd.yaml
echo 'services: {shop: {nodePort: 32001, hosts: [shop.example]}}' >/etc/khap/services.d/shop.yaml

# word for word what README.Debian says
sed -n 's/^       \(runuser\|install\|systemctl\)/\1/p' /usr/share/doc/khapd/README.Debian | sed 's/    .*//' >/tmp/steps
try 'README.Debian has its steps' test "$(wc -l </tmp/steps)" = 4
while read -r step; do try "$step" sh -c "$step" </dev/null; done </tmp/steps

try 'khapd runs' stays
try 'a service answers' answers shop.example 200
try 'it is the shop' grep -q 'the shop' /tmp/answer
try 'ready' curl -sf -o /dev/null http://127.0.0.1:9110/readyz
grep -E '^(Uid|NoNewPrivs|Seccomp|CapBnd)' "/proc/$(pid)/status"
try 'system calls are filtered, for it and for whoever it starts' grep -qx 'Seccomp:.2' "/proc/$(pid)/status"
try 'it has no capability' grep -qx 'CapBnd:.0000000000000000' "/proc/$(pid)/status"
try 'it cannot write but where it may' sh -c "! nsenter -t $(pid) -m -r sh -c 'touch /etc/khap/x || touch /usr/x || touch /var/x || touch /root/x' 2>/dev/null"
try 'it can where it may' nsenter -t "$(pid)" -m -r sh -c 'touch /var/lib/khap/x && rm /var/lib/khap/x'

reloads() { curl -s http://127.0.0.1:9110/metrics | sed -n 's/^khapd_reloads_total[^ ]* \([0-9]*\).*/\1/p' | awk '{ n += $1 } END { print n + 0 }'; }
echo 'services: {shop: {nodePort: 32001, hosts: [shop.example, new.example]}}' >/etc/khap/services.d/shop.yaml
try 'a host comes' answers new.example 200
echo 'services: {blog: {nodePort: 32001, hosts: [blog.example]}}' >/etc/khap/services.d/blog.yaml
try 'a service comes, by a reload over the master socket' answers blog.example 200
try 'it was a reload' test "$(reloads)" -ge 1
echo 'services: {blog: {nodePort: 70000}}' >/etc/khap/services.d/blog.yaml
sleep 1
try 'what is broken changes nothing' answers blog.example 200
rm /etc/khap/services.d/blog.yaml
try 'a service goes' answers blog.example 404
try 'systemctl reload' systemctl reload khapd
try 'systemctl restart' systemctl restart khapd
try 'HAProxy does not notice' answers shop.example 200
kill -KILL "$(pid)"
echo 'services: {shop: {nodePort: 32001, hosts: [shop.example, after.example]}}' >/etc/khap/services.d/shop.yaml
try 'killed, it is started again and goes on' answers after.example 200
try 'no system call was refused' sh -c '! grep -i -E "sigsys|bad system call|audit.*seccomp" /var/log/khapd'
try 'it stops' systemctl stop khapd
try 'without failure' sh -c '! systemctl is-failed khapd'
try 'HAProxy goes on without it' answers shop.example 200
echo 'RESULT end'
INSIDE
    cat >"$tap_tmp/boot" <<'BOOT'
cat >/etc/systemd/system/inside.service <<'UNIT'
[Service]
Type=oneshot
ExecStart=/bin/sh /test/inside
StandardOutput=file:/out/service.log
StandardError=inherit
ExecStopPost=systemctl poweroff --force
UNIT
mkdir -p /etc/systemd/system/khapd.service.d /etc/systemd/system/haproxy.service.d
printf '[Service]\nStandardError=append:/var/log/khapd\n' >/etc/systemd/system/khapd.service.d/log.conf
printf '[Unit]\nWants=inside.service\n' >/etc/systemd/system/inside.target
umount -R /sys && mount -t sysfs sysfs /sys && mount -t cgroup2 cgroup2 /sys/fs/cgroup
exec unshare --cgroup env container=other /lib/systemd/systemd --unit=inside.target --show-status=0 --log-level=warning --log-target=console
BOOT
    rm -f "$log"
    timeout 180 "$ROOT" --with "$user_packages" --bind-ro "$tap_tmp:/test" --bind-ro "$PACKAGES/$suite:/packages" --bind "$PACKAGES/$suite:/out" \
        "$suite" sh /test/boot >"$PACKAGES/$suite/service-boot.log" 2>&1
    [ -s "$log" ] || { not_ok "$suite: systemd starts"; note "$(tail "$PACKAGES/$suite/service-boot.log")"; continue; }
    results "$suite: "
done
finish
