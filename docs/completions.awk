# SPDX-License-Identifier: MIT
# Makes the completions of khapgen for a shell.
#   LC_ALL=C awk -v make=bash|zsh|fish -f completions.awk cli/khapgen/options.tsv lib/model/keys.tsv messages.tsv...
BEGIN { FS = "\t" }
/^#/ || /^$/ { next }
FILENAME == ARGV[1] {
    if ($1 == "command") { commands[++n_commands] = $2; does[$2] = $4 }
    if ($1 == "option") {
        n = ++n_options
        of[n] = $2; name[n] = $3; letter[n] = $4 == "-" ? "" : $4; argument[n] = $5 == "-" ? "" : $5; kind[n] = $6; text[n] = $7
    }
    next
}
FILENAME == ARGV[2] { key = $1; gsub(/\[\]/, ".+", key); keys[++n_keys] = key; ask($1); next }
{ codes[++n_codes] = $1 }

# what explain is asked for: the end of a path behind the last name or item, so that no shell takes it for a pattern
function ask(path)
{
    sub(/^.*(\*|\[\])\./, "", path)
    if (path !~ /[*\[]/ && !(path in known)) { known[path] = 1; asked[++n_asked] = path }
}

# the first sentence of a text, without what a shell or a completion would take for syntax
function brief(s,    at)
{
    at = index(s, ". ")
    if (at > 0) s = substr(s, 1, at - 1)
    at = index(s, "; ")
    if (at > 0) s = substr(s, 1, at - 1)
    at = index(s, ": ")
    if (at > 0) s = substr(s, 1, at - 1)
    sub(/\.$/, "", s)
    gsub(/`/, "", s)
    gsub(/'/, "", s)
    gsub(/"/, "", s)
    gsub(/\[/, "", s)
    gsub(/\]/, "", s)
    return s
}

function list(a, n,    i, s)
{
    s = ""
    for (i = 1; i <= n; i++) s = s (i > 1 ? " " : "") a[i]
    return s
}

function option_words(command,    i, s)
{
    s = ""
    for (i = 1; i <= n_options; i++)
        if (of[i] == command) s = s (s == "" ? "" : " ") "--" name[i] (letter[i] != "" ? " -" letter[i] : "")
    return s
}

function settable(    i, s)
{
    s = ""
    for (i = 1; i <= n_keys; i++) s = s (i > 1 ? " " : "") keys[i]
    return s
}

function releases() { return "2.2 2.4 2.6 2.8 3.0 3.2 3.4 2.2-3.4" }

function bash(    i, c)
{
    print "# bash completion of khapgen. Made from its tables; SPDX-License-Identifier: MIT"
    print ""
    print "# Paths of keys for --set: what stands for a name is taken from what was typed, or left for typing."
    print "_khapgen_keys()"
    print "{"
    print "    local key out part i IFS"
    print "    local -a have want"
    print "    IFS=. read -ra have <<<\"$1.\""
    print "    for key in " settable() "; do"
    print "        out= i=0"
    print "        IFS=. read -ra want <<<\"$key\""
    print "        for part in \"${want[@]}\"; do"
    print "            if [[ $part == '*' || $part == + ]]; then"
    print "                (( i < ${#have[@]} - 1 )) || { [[ $part == + ]] && out+=+.; break; }"
    print "                part=${have[i]}"
    print "            fi"
    print "            out+=$part."
    print "            (( i++ ))"
    print "        done"
    print "        (( i == ${#want[@]} )) && out=${out%.}="
    print "        [[ $out == \"$1\"* ]] && printf '%s\\n' \"$out\""
    print "    done | sort -u"
    print "}"
    print ""
    print "_khapgen()"
    print "{"
    print "    local cur prev command=generate word i"
    print "    COMPREPLY=()"
    print "    cur=${COMP_WORDS[COMP_CWORD]}"
    print "    prev=${COMP_WORDS[COMP_CWORD-1]}"
    print "    # = breaks words in bash: --set KEY=VALUE is three of them"
    print "    [[ $cur == = || $prev == = ]] && return"
    print "    if (( COMP_CWORD > 1 )); then"
    print "        case ${COMP_WORDS[1]} in"
    print "        " list_of(commands, n_commands, "|") ") command=${COMP_WORDS[1]} ;;"
    print "        esac"
    print "    fi"
    print "    case $prev in"
    for (i = 1; i <= n_options; i++) {
        if (argument[i] == "" || (i > 1 && seen[name[i]]++)) continue
        seen[name[i]] = 1
        c = "    --" name[i] (letter[i] != "" ? "|-" letter[i] : "") ")"
        print c
        if (kind[i] == "file") print "        mapfile -t COMPREPLY < <(compgen -f -- \"$cur\"); compopt -o filenames 2>/dev/null; return ;;"
        else if (kind[i] == "directory") print "        mapfile -t COMPREPLY < <(compgen -d -- \"$cur\"); compopt -o filenames 2>/dev/null; return ;;"
        else if (kind[i] == "target") print "        mapfile -t COMPREPLY < <(compgen -W '" releases() " binary:' -- \"$cur\"); return ;;"
        else if (kind[i] == "key") print "        mapfile -t COMPREPLY < <(_khapgen_keys \"$cur\"); compopt -o nospace 2>/dev/null; return ;;"
        else if (kind[i] == "-") print "        return ;;"
        else { c = kind[i]; gsub(/\|/, " ", c); print "        mapfile -t COMPREPLY < <(compgen -W '" c "' -- \"$cur\"); return ;;" }
    }
    print "    esac"
    print "    if [[ $cur == -* ]]; then"
    print "        case $command in"
    for (i = 1; i <= n_commands; i++)
        print "        " commands[i] ") word='" option_words(commands[i]) (i == 1 ? " --version" : "") "' ;;"
    print "        esac"
    print "        mapfile -t COMPREPLY < <(compgen -W \"$word\" -- \"$cur\")"
    print "        return"
    print "    fi"
    print "    if [[ $command == explain ]]; then"
    print "        mapfile -t COMPREPLY < <(compgen -W '" list(codes, n_codes) " " list(asked, n_asked) "' -- \"$cur\")"
    print "        return"
    print "    fi"
    print "    mapfile -t COMPREPLY < <(compgen -f -- \"$cur\"; (( COMP_CWORD == 1 )) && compgen -W '" list(commands, n_commands) "' -- \"$cur\")"
    print "    compopt -o filenames 2>/dev/null"
    print "}"
    print "complete -F _khapgen khapgen"
}

function list_of(a, n, separator,    i, s)
{
    s = ""
    for (i = 1; i <= n; i++) s = s (i > 1 ? separator : "") a[i]
    return s
}

function zsh_option(i,    s, rest)
{
    s = brief(text[i])
    gsub(/:/, "\\:", s)
    rest = "[" s "]"
    if (argument[i] != "") {
        rest = rest ":" argument[i] ":"
        if (kind[i] == "file") rest = rest "_files"
        else if (kind[i] == "directory") rest = rest "_files -/"
        else if (kind[i] == "target") rest = rest "(" releases() " binary\\:)"
        else if (kind[i] == "key") rest = rest "_khapgen_keys"
        else if (kind[i] != "-") { s = kind[i]; gsub(/\|/, " ", s); rest = rest "(" s ")" }
    }
    s = name[i] == "set" ? "*" : ""
    if (letter[i] == "") return "'" s "--" name[i] (argument[i] != "" ? "=" : "") rest "'"
    return "'(-" letter[i] " --" name[i] ")'{-" letter[i] (argument[i] != "" ? "+" : "") ",--" name[i] (argument[i] != "" ? "=" : "") "}'" rest "'"
}

function zsh(    i, j)
{
    print "#compdef khapgen"
    print "# zsh completion of khapgen. Made from its tables; SPDX-License-Identifier: MIT"
    print ""
    print "# Paths of keys for --set: what stands for a name is taken from what was typed, or left for typing."
    print "_khapgen_keys()"
    print "{"
    print "    local key out part i"
    print "    local -a have want found"
    print "    have=(\"${(@s:.:)PREFIX}\")"
    print "    for key in ${(s: :)_khapgen_all_keys}; do"
    print "        out= i=1"
    print "        want=(\"${(@s:.:)key}\")"
    print "        for part in $want; do"
    print "            if [[ $part == '*' || $part == + ]]; then"
    print "                (( i < $#have )) || { [[ $part == + ]] && out+=+.; break }"
    print "                part=$have[i]"
    print "            fi"
    print "            out+=$part."
    print "            (( i++ ))"
    print "        done"
    print "        (( i > $#want )) && out=${out%.}="
    print "        found+=($out)"
    print "    done"
    print "    compadd -S '' -U -M 'r:|.=*' -- ${(M)${(u)found}:#${PREFIX}*}"
    print "}"
    print ""
    print "_khapgen()"
    print "{"
    print "    local _khapgen_all_keys='" settable() "'"
    print "    local command=generate"
    print "    case $words[2] in"
    print "    " list_of(commands, n_commands, "|") ")"
    print "        if (( CURRENT > 2 )); then"
    print "            command=$words[2]"
    print "            words[2]=()"
    print "            (( CURRENT-- ))"
    print "        fi ;;"
    print "    esac"
    print "    case $command in"
    for (i = 1; i <= n_commands; i++) {
        print "    " commands[i] ")"
        print "        _arguments -s -S \\"
        for (j = 1; j <= n_options; j++) if (of[j] == commands[i]) print "            " zsh_option(j) " \\"
        if (commands[i] == "explain") print "            '*:code or key:(" list(codes, n_codes) " " list(asked, n_asked) ")' ;;"
        else if (i > 1) print "            '*:file:_files' ;;"
        else {
            print "            '(- *)--version[Show the version]' \\"
            print "            '1: :_alternative \"files:map:_files\" \"commands:command:(" list(commands, n_commands) ")\"' \\"
            print "            '*:map:_files' ;;"
        }
    }
    print "    esac"
    print "}"
    print ""
    print "_khapgen \"$@\""
}

function fish(    i, s, when, others)
{
    print "# fish completion of khapgen. Made from its tables; SPDX-License-Identifier: MIT"
    print ""
    print "# Paths of keys for --set: what stands for a name is taken from what was typed, or left for typing."
    print "function __khapgen_keys"
    print "    set -l have (string split . -- (commandline -ct))"
    print "    for key in " fish_keys()
    print "        set -l out ''"
    print "        set -l i 1"
    print "        set -l want (string split . -- $key)"
    print "        for part in $want"
    print "            if test \"$part\" = '*' -o \"$part\" = +"
    print "                if test $i -ge (count $have)"
    print "                    test \"$part\" = +; and set out \"$out\"+."
    print "                    break"
    print "                end"
    print "                set part $have[$i]"
    print "            end"
    print "            set out \"$out$part.\""
    print "            set i (math $i + 1)"
    print "        end"
    print "        test $i -gt (count $want); and set out (string replace -r '\\.$' = -- $out)"
    print "        echo $out"
    print "    end | sort -u"
    print "end"
    print ""
    print "complete -c khapgen -n __fish_use_subcommand -a '" list(commands, n_commands) "'"
    print "complete -c khapgen -n __fish_use_subcommand -l version -d 'Show the version'"
    for (i = 2; i <= n_commands; i++) others = others " " commands[i]
    for (i = 1; i <= n_options; i++) {
        when = of[i] == commands[1] ? "not __fish_seen_subcommand_from" others : "__fish_seen_subcommand_from " of[i]
        s = "complete -c khapgen -n '" when "' -l " name[i] (letter[i] != "" ? " -s " letter[i] : "")
        if (argument[i] != "") {
            if (kind[i] == "file") s = s " -r -F"
            else if (kind[i] == "directory") s = s " -x -a '(__fish_complete_directories)'"
            else if (kind[i] == "target") s = s " -x -a '" releases() " binary:'"
            else if (kind[i] == "key") s = s " -x -a '(__khapgen_keys)'"
            else if (kind[i] == "-") s = s " -x"
            else { when = kind[i]; gsub(/\|/, " ", when); s = s " -x -a '" when "'" }
        }
        print s " -d '" brief(text[i]) "'"
    }
    print "complete -c khapgen -n '__fish_seen_subcommand_from explain' -f -a '" list(codes, n_codes) "'"
    print "complete -c khapgen -n '__fish_seen_subcommand_from explain' -f -a '" list(asked, n_asked) "'"
}

function fish_keys(    i, s)
{
    s = ""
    for (i = 1; i <= n_keys; i++) s = s (i > 1 ? " " : "") "'" keys[i] "'"
    return s
}

END {
    if (n_commands == 0 || n_keys == 0 || n_codes == 0) { print "completions.awk: a table is missing" > "/dev/stderr"; exit 1 }
    if (make == "bash") bash()
    else if (make == "zsh") zsh()
    else if (make == "fish") fish()
    else { print "completions.awk: for which shell?" > "/dev/stderr"; exit 1 }
}
