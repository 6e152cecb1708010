#!/bin/sh
# tools/release-check, asked of a repository of its own that has a tag: each way in which an interface may change, with the right
# version-info and a wrong one; then what it makes, twice.
. "${srcdir:-.}/tests/tap.sh"
[ -e "$abs_srcdir/.git" ] || skip_all "an unpacked archive: releases are made from a checkout"
need git git
tap_tmpdir
repo=$tap_tmp/repo
mkdir -p "$repo/tools" "$repo/tests/exports" "$repo/lib/apply" "$repo/lib/kube" "$repo/include" "$repo/debian" "$repo/packaging"
cp "$abs_srcdir/tools/release-check" "$repo/tools/"
cd "$repo" || exit 99
git_() { git -c user.name=t -c user.email=t@example.org -c init.defaultBranch=main "$@" >/dev/null 2>&1; }
infos() { # KHAP APPLY KUBE
    printf 'AC_INIT([khap], [0.2.0])\nAC_SUBST([KHAP_VERSION_INFO], [%s])\nAC_SUBST([KHAP_APPLY_VERSION_INFO], [%s])\nAC_SUBST([KHAP_KUBE_VERSION_INFO], [%s])\n' "$@" >configure.ac
}
says() { # NAME STATUS PATTERN
    said=$(tools/release-check --no-abi libraries 2>&1)
    is "$1: status" "$?" "$2"
    case $said in *"$3"*) ok "$1: $3" ;; *) not_ok "$1: $3"; note "$said" ;; esac
}
for lib in libkhap libkhap-apply libkhap-kube; do printf 'khap_a\nkhap_b\n' >tests/exports/$lib.syms; done
echo 1 >lib/a.c; echo 1 >lib/apply/a.c; echo 1 >lib/kube/a.c; echo 1 >include/a.h
infos 3:1:2 0:0:0 0:0:0
git_ init && git_ add -A && git_ commit -m one
says 'a first release' 1 'KHAP_VERSION_INFO of a first release is 3:1:2, not 0:0:0'
git_ tag v0.1.0
says 'nothing changed' 0 'libkhap: 3:1:2, then 3:1:2 (none'
infos 3:2:2 0:0:0 0:0:0
says 'nothing changed, counted up' 1 'it has to be 3:1:2'
echo 2 >lib/a.c
says 'sources changed' 0 'libkhap: 3:1:2, then 3:2:2 (sources'
echo 2 >lib/kube/a.c
says 'sources of another library changed' 1 'libkhap-kube: 0:0:0 at v0.1.0, interface: sources, so it has to be 0:1:0'
git checkout -q lib/kube/a.c
echo khap_c >>tests/exports/libkhap.syms
says 'a name was added' 1 'it has to be 4:0:3, not 3:2:2'
infos 4:0:3 0:0:0 0:0:0
says 'a name was added, counted up' 0 '(added'
sed -i.old 1d tests/exports/libkhap.syms && rm tests/exports/libkhap.syms.old
says 'a name went' 1 'it has to be 4:0:0, not 4:0:3'
infos 4:0:0 0:0:0 0:0:0
says 'a name went, counted up' 0 '(removed'

# ---- one version everywhere
printf 'Changes\n\n0.2.0 (2026-12-01)\n  * all\n' >CHANGES
printf 'khap (0.2.0-1) unstable; urgency=medium\n' >debian/changelog
printf ' khap_a@K 0.1.0\n khap_b@K 0.2.0\n' >debian/libkhap0.symbols
printf 'Version:        0.2.0\n' >packaging/khap.spec
printf 'pkgver=0.2.0\n' >packaging/APKBUILD
git_ add -A && git_ commit -m two
check 'one version' tools/release-check version
for row in 'CHANGES:s/2026-12-01/unreleased/' 'CHANGES:s/0.2.0/0.2.1/' 'debian/changelog:s/0.2.0/0.1.0/' 'debian/changelog:s/unstable/UNRELEASED/' \
    'debian/libkhap0.symbols:s/0.2.0/0.10.0/' 'packaging/khap.spec:s/0.2/0.3/' 'packaging/APKBUILD:s/0.2/0.3/'; do
    file=${row%%:*}
    sed "${row#*:}" "$file" >changed && mv changed "$file" && git_ commit -am wrong
    if said=$(tools/release-check version 2>&1); then not_ok "$row is found"; note "$said"; else ok "$row is found"; fi
    git_ reset --hard HEAD~1
done
echo >>CHANGES
if tools/release-check version >/dev/null 2>&1; then not_ok 'what is uncommitted is found'; else ok 'what is uncommitted is found'; fi
git_ checkout CHANGES
git_ tag v0.2.0
if tools/release-check version >/dev/null 2>&1; then not_ok 'a tag that is there is found'; else ok 'a tag that is there is found'; fi

# ---- the bill of materials
echo archive >khap-1.2.3.tar.xz
if command -v python3 >/dev/null 2>&1; then
    SOURCE_DATE_EPOCH=1700000000 "$abs_srcdir/tools/sbom" khap-1.2.3.tar.xz >one
    said=$(python3 - one "$(sha256sum khap-1.2.3.tar.xz | cut -d' ' -f1)" <<'PYTHON'
import json, sys, uuid
b = json.load(open(sys.argv[1]))
assert b["bomFormat"] == "CycloneDX" and b["specVersion"] == "1.5" and b["metadata"]["timestamp"] == "2023-11-14T22:13:20Z"
uuid.UUID(b["serialNumber"][len("urn:uuid:"):])
c = b["metadata"]["component"]
assert (c["version"], c["hashes"][0]["content"]) == ("1.2.3", sys.argv[2])
refs = [x["bom-ref"] for x in b["components"]]
assert b["dependencies"] == [{"ref": "khap", "dependsOn": refs}] and len(set(refs)) == len(refs) == 6
assert all(x["properties"][0]["value"] for x in b["components"])
PYTHON
    )
    is 'the bill of materials' "$? $said" '0 '
fi
finish
