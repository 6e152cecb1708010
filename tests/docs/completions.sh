#!/bin/sh
# The completions: the shells read them, and complete with them.
. "${srcdir:-.}/tests/tap.sh"
tap_tmpdir
dir=docs/completions
[ -f $dir/khapgen ] || dir=$abs_srcdir/docs/completions

# has NAME GOT WORD...: the words are among what was got, one a line
has()
{
    h_name=$1 h_got=$2 h_missing=
    shift 2
    for h_word; do echo "$h_got" | grep -qxF -e "$h_word" || h_missing="$h_missing $h_word"; done
    if [ -z "$h_missing" ]; then ok "$h_name"; else not_ok "$h_name: without$h_missing"; note "$h_got"; fi
}
# has_not NAME GOT WORD
has_not() { if echo "$2" | grep -qxF -e "$3"; then not_ok "$1"; note "$2"; else ok "$1"; fi; }

all()
{
    has "$1: options" "$($2 --ou)" --output --output-dir
    has_not "$1: only what begins so" "$($2 --ou)" --force
    has "$1: options of explain" "$($2 explain --)" --json --format --help
    has_not "$1: no options of generate behind explain" "$($2 explain --)" --force
    has "$1: options of parse" "$($2 parse --)" --from-json --json --force
    has_not "$1: no options of generate behind parse" "$($2 parse --)" --output-dir
    has_not "$1: no options of parse without it" "$($2 --)" --from-json
    has "$1: files behind parse" "$(cd "$tap_tmp" && $2 parse ma)" map.yaml
    has "$1: subcommands" "$($2 ex)" explain
    has "$1: codes" "$($2 explain unknown)" unknown-key unknown-option
    has "$1: keys" "$($2 explain check.p)" check.path check.port
    has "$1: releases" "$($2 -t 2.)" 2.2 2.6 2.2-3.4
    has "$1: values" "$($2 --format '')" text json
    has "$1: key paths, top" "$($2 --set serviceD)" serviceDefaults=
    has "$1: key paths, a name of one's own" "$($2 --set services.web.check.)" services.web.check.path= services.web.check.port=
    has "$1: key paths, items" "$($2 --set certs.)" certs.+.
    has "$1: key paths, in an item" "$($2 --set certs.0.cl)" certs.0.clientCa=
    has "$1: files" "$(cd "$tap_tmp" && $2 ma)" map.yaml
}
: >"$tap_tmp/map.yaml"
bash_file=$(cd $dir && pwd)/khapgen
fish_file=$(cd $dir && pwd)/khapgen.fish

if command -v bash >/dev/null 2>&1; then
    check "bash reads it" bash -n $dir/khapgen
    in_bash()
    {
        bash -c 'source "$1"; shift; COMP_WORDS=(khapgen "$@"); COMP_CWORD=$#; _khapgen; printf "%s\n" "${COMPREPLY[@]}"' bash "$bash_file" "$@"
    }
    all bash in_bash
else
    skip "needs bash (Debian: package bash)"
fi
if command -v zsh >/dev/null 2>&1; then
    check "zsh reads it" zsh -n $dir/_khapgen
    in_zsh()
    {
        z_line=khapgen
        for z_word; do z_line="$z_line $z_word"; done
        timeout 60 zsh -f "$abs_srcdir/tests/docs/zsh-complete" "${bash_file%/*}" "$z_line"
    }
    all zsh in_zsh
else
    skip "needs zsh (Debian: package zsh)"
fi
if command -v fish >/dev/null 2>&1; then
    HOME=$tap_tmp
    export HOME
    check "fish reads it" fish -n $dir/khapgen.fish
    in_fish()
    {
        f_line=khapgen
        for f_word; do f_line="$f_line $f_word"; done
        KHAP_LINE=$f_line KHAP_FILE=$fish_file fish -c 'source $KHAP_FILE; complete -C "$KHAP_LINE"' 2>/dev/null | cut -f 1
    }
    all fish in_fish
else
    skip "needs fish (Debian: package fish)"
fi
finish
