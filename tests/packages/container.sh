#!/bin/sh
# packaging/Containerfile, built by buildah where there is no Docker (chroot isolation, a Debian root as base), and run from its
# read-only root as its own user without a capability: HAProxy and khapd in one, then HAProxy in one and khapd in another, which has
# HAProxy's program, too, or has it not.
# The runs are chroots with what a runtime would mount: whether Docker's or Podman's own seccomp profile forbids more is not tried.
. "${srcdir:-.}/tests/packages/lib.sh"
suite=bookworm
packages='buildah curl python3'
ready $suite "$packages"
ready $suite ''
ls "$PACKAGES/$suite"/khapd_*.deb >/dev/null 2>&1 || { not_ok "tests/packages/deb.sh has built no packages"; finish; }
base=$("$ROOT" $suite)
log=$PACKAGES/container.log
"$ROOT" --network --with "$packages" --bind-ro "$base:/base" --bind-ro "$PACKAGES/$suite:/packages" --bind-ro "$abs_srcdir:/source" $suite sh >"$log" 2>&1 <<'INSIDE'
say() { echo "RESULT $1 $2"; }
try() { name=$1; shift; if "$@"; then say ok "$name"; else say not_ok "$name"; fi; }
export BUILDAH_ISOLATION=chroot STORAGE_DRIVER=vfs
mkdir -p /run/lock /tmp/context && mount -t tmpfs tmpfs /var/lib/containers 2>/dev/null || { mkdir -p /var/lib/containers && mount -t tmpfs tmpfs /var/lib/containers; }
cp -R /source/packaging/. /tmp/context && mkdir /tmp/context/debs && cp $(ls /packages/*.deb | grep -v dbgsym) /tmp/context/debs
c=$(buildah from scratch) && tar -C /base --one-file-system --exclude=./proc/* --exclude=./dev/* -cf /tmp/base.tar . && buildah add -q "$c" /tmp/base.tar / >/dev/null &&
    buildah commit -q "$c" localhost/base >/dev/null && buildah rm "$c" >/dev/null && rm /tmp/base.tar || say not_ok 'a base image'
try 'buildah build' buildah build -q --build-arg BASE=localhost/base -t localhost/khap /tmp/context
c=$(buildah from localhost/khap) && root=$(buildah mount "$c") || { say not_ok 'the image is there'; exit; }
try 'buildah build, without HAProxy' buildah build -q --build-arg BASE=localhost/base --build-arg HAPROXY= -t localhost/khapd /tmp/context
c=$(buildah from localhost/khapd) && alone=$(buildah mount "$c") || { say not_ok 'the image of khapd alone is there'; exit; }
try 'HAProxy is not in it' test ! -e "$alone/usr/sbin/haproxy"
config() { buildah inspect --type image --format "{{.OCIv1.Config.$1}}" localhost/khap; }
try 'it runs as khap' test "$(config User)" = khap:khap
try 'its command' test "$(config Cmd)" = '[/usr/sbin/khapd --config /etc/khap/khapd.yaml]'
try 'systemd is not in it' test ! -e "$root/lib/systemd/systemd"

mkdir /tmp/site && echo 'the shop' >/tmp/site/index.html
python3 -m http.server --directory /tmp/site --bind 127.0.0.1 32001 >/dev/null 2>&1 &
mount --bind "$root" "$root" && mount -o remount,bind,ro "$root"
mkdir /tmp/conf /tmp/conf/services.d && cp "$root/etc/khap/khapd.yaml" /tmp/conf/
printf 'nodes: {node1: 127.0.0.1}\nservices: {shop: {nodePort: 32001, hosts: [shop.example]}}\n' >/tmp/conf/services.d/shop.yaml
uid=$(sed -n 's/^khap:x:\([0-9]*\):.*/\1/p' "$root/etc/passwd")
fresh() { # volumes of their own, and what a runtime mounts
    for v in var/lib/khap run/khap tmp; do mountpoint -q "$root/$v" && umount "$root/$v"; mount -t tmpfs -o "mode=755,uid=$uid,gid=$uid" tmpfs "$root/$v"; done
    mountpoint -q "$root/etc/khap" || mount --bind -o ro /tmp/conf "$root/etc/khap"
    mountpoint -q "$root/proc" || mount -t proc proc "$root/proc"
    mountpoint -q "$root/dev" || mount --rbind /dev "$root/dev"
}
container() { exec chroot --userspec=khap:khap "$root" /usr/bin/setpriv --no-new-privs --inh-caps=-all "$@"; }
answers() { # HOST STATUS
    for _ in $(seq 150); do
        got=$(curl -s -o /tmp/answer -w '%{http_code}' -H "Host: $1" http://127.0.0.1:8080/ || true)
        [ "$got" != "$2" ] || return 0
        sleep 0.1
    done
    echo "$1 answers $got"
    return 1
}
fresh
try 'the root is read-only' sh -c "! touch $root/x 2>/dev/null"
(container $(config Cmd | tr -d '[]')) & one=$!
try 'one container: it serves' answers shop.example 200
grep -E '^(Uid|Cap(Eff|Prm)|NoNewPrivs)' /proc/$one/status
try 'one container: as khap, without a capability' sh -c "grep -qx 'CapEff:.0000000000000000' /proc/$one/status && grep -q '^Uid:.$uid.$uid' /proc/$one/status"
printf 'nodes: {node1: 127.0.0.1}\nservices: {shop: {nodePort: 32001, hosts: [shop.example]}, new: {nodePort: 32001, hosts: [new.example]}}\n' >/tmp/conf/services.d/next
mv /tmp/conf/services.d/next /tmp/conf/services.d/shop.yaml
try 'one container: a service comes' answers new.example 200
try 'one container: ready' curl -sf -o /dev/null http://127.0.0.1:9110/readyz
end() { for p in /proc/[0-9]*; do case $(readlink $p/exe) in */usr/sbin/$1*) kill ${p##*/} ;; esac; done; for _ in $(seq 100); do curl -s -o /dev/null http://127.0.0.1:$2/ || return 0; sleep 0.1; done; }
end khapd 9110
end haproxy 8080

fresh
sed 's/^  manage: true$//' "$root/etc/khap/khapd.yaml" >/tmp/conf/next && mv /tmp/conf/next /tmp/conf/khapd.yaml
try 'two containers: the first generation' sh -c "chroot --userspec=khap:khap $root /usr/sbin/khapd --config /etc/khap/khapd.yaml --once"
(container /usr/sbin/haproxy -W -S /run/khap/master.sock -C /var/lib/khap/haproxy/current -f haproxy.cfg) &
try 'two containers: HAProxy serves' answers shop.example 200
(container $(config Cmd | tr -d '[]')) &
for _ in $(seq 100); do curl -sf -o /dev/null http://127.0.0.1:9110/readyz && break; sleep 0.1; done
printf 'nodes: {node1: 127.0.0.1}\nservices: {blog: {nodePort: 32001, hosts: [blog.example]}}\n' >/tmp/conf/services.d/next
mv /tmp/conf/services.d/next /tmp/conf/services.d/shop.yaml
try 'two containers: a service comes, by a reload over the shared socket' answers blog.example 200
try 'two containers: another goes' answers shop.example 404
end khapd 9110
end haproxy 8080

fresh
printf 'nodes: {node1: 127.0.0.1}\nservices: {shop: {nodePort: 32001, hosts: [shop.example]}}\n' >/tmp/conf/services.d/shop.yaml
sed 's/^haproxy:$/haproxy:\n  binary: none\n  target: "2.6"/; /^  manage: true$/d' "$alone/etc/khap/khapd.yaml" >/tmp/conf/khapd.yaml
for v in etc/khap var/lib/khap run/khap; do mount --rbind "$root/$v" "$alone/$v"; done
mount -t proc proc "$alone/proc"
(root=$alone; container $(config Cmd | tr -d '[]')) &
for _ in $(seq 100); do test -e "$root/var/lib/khap/haproxy/current/haproxy.cfg" && break; sleep 0.1; done
(container /usr/sbin/haproxy -W -S /run/khap/master.sock -C /var/lib/khap/haproxy/current -f haproxy.cfg) &
try 'khapd without the program: HAProxy serves what it wrote' answers shop.example 200
printf 'nodes: {node1: 127.0.0.1}\nservices: {blog: {nodePort: 32001, hosts: [blog.example]}}\n' >/tmp/conf/services.d/next
mv /tmp/conf/services.d/next /tmp/conf/services.d/shop.yaml
try 'khapd without the program: a service comes' answers blog.example 200
try 'khapd without the program: ready' curl -sf -o /dev/null http://127.0.0.1:9110/readyz
end khapd 9110
end haproxy 8080
umount -R "$alone/proc" "$root/dev" "$root/proc" 2>/dev/null
echo 'RESULT end'
INSIDE
results
finish
