# keys.tsv -> keys.h (-v out=h: the enum) or keys.inc (-v out=inc: the table, in offsets into a string pool). SPDX-License-Identifier: MIT
#
# Names of the enum: KEY_ and the path in upper case, camelCase split at its capitals. A map or list that has entries of its own rows is
# named as it stands (KEY_NODES, KEY_SERVICE_ROUTES); its entry, and what lies below, by the singular (KEY_NODE, KEY_SERVICE_ROUTE_HOST), or
# with _ENTRY where the container's name has no plural s (KEY_SERVICE_HEADERS_REQUEST_SET_ENTRY).

function fail(message) {
    printf "%s:%d: %s\n", FILENAME, FNR, message > "/dev/stderr"
    failed = 1
    exit 1
}

function upper(word,    i, c, result) {
    result = ""
    for (i = 1; i <= length(word); i++) {
        c = substr(word, i, 1)
        if (i > 1 && c ~ /[A-Z]/)
            result = result "_"
        result = result toupper(c)
    }
    return result
}

# The enum's name of a path.
function constant(path,    parts, n, i, word, result, entry) {
    gsub(/\[\]/, ".*", path)
    n = split(path, parts, ".")
    result = "KEY"
    for (i = 1; i <= n; i++) {
        word = parts[i]
        if (word == "*")
            continue
        entry = i < n && parts[i + 1] == "*"
        if (entry && word ~ /s$/)
            result = result "_" upper(substr(word, 1, length(word) - 1))
        else
            result = result "_" upper(word) (entry ? "_ENTRY" : "")
    }
    return result
}

function parent_of(path) {
    if (path ~ /\[\]$/)
        return substr(path, 1, length(path) - 2)
    if (path !~ /\./)
        return ""
    sub(/\.[^.]*$/, "", path)
    return path
}

function last_of(path) {
    if (path ~ /\[\]$/)
        return "[]"
    sub(/^.*\./, "", path)
    return path
}

function pool_add(text) {
    if (!(text in pool_at)) {
        pool_at[text] = pool_len
        pool_text[++pool_n] = text
        pool_len += length(text) + 1
    }
    return pool_at[text]
}

function c_string(text) {
    gsub(/\\/, "\\\\", text)
    gsub(/"/, "\\\"", text)
    return text
}

function release(text,    parts) {
    split(text, parts, ".")
    return parts[1] * 100 + parts[2]
}

# The scalar type of TYPE as written; sets min, max, words and n_words of row r.
function scalar(r, type,    inner, parts, k, limits) {
    if (type ~ /^int\(/) {
        inner = substr(type, 5, length(type) - 5)
        split(inner, limits, "-")
        low[r] = limits[1]
        high[r] = limits[2]
        return "TYPE_INT"
    }
    if (type ~ /^enum\(/) {
        inner = substr(type, 6, length(type) - 6)
        n_words[r] = split(inner, parts, "|")
        words[r] = n_all_words
        for (k = 1; k <= n_words[r]; k++)
            all_words[n_all_words++] = pool_add(parts[k])
        return "TYPE_ENUM"
    }
    if (type == "time(s)") {
        low[r] = 0
        high[r] = 2147483647
        return "TYPE_SECONDS"
    }
    if (type == "time") {
        low[r] = 1
        high[r] = 2147483647
        return "TYPE_TIME"
    }
    if (type !~ /^[a-z]+$/)
        fail("unknown type " type)
    if (!(type in is_type))
        fail("unknown type " type)
    return "TYPE_" toupper(type)
}

BEGIN {
    FS = "\t"
    pool_len = 0
    n_all_words = 0
    n = 0
    pool_add("")
    n_types = split("bool text target file socket octal name logtarget hostaddress host hostname bind network endpoint path uri " \
                    "headervalue logformat headername balance cookiename status lines limitkey realm origin mediatype", types, " ")
    for (i = 1; i <= n_types; i++)
        is_type[types[i]] = 1
}

/^#/ || /^$/ { next }

{
    if (NF != 8)
        fail("8 columns are needed, not " NF)
    path = $1
    if (path in row)
        fail(path " stands here twice")
    row[path] = n
    up = parent_of(path)
    if (up != "" && !(up in row))
        fail("the parent of " path " must stand before it")
    name[n] = constant(path)
    if (name[n] in used)
        fail(name[n] " is used twice")
    used[name[n]] = 1
    low[n] = high[n] = 0
    words[n] = n_words[n] = 0
    parent[n] = up == "" ? "KEY_ROOT" : name[row[up]]
    entry[n] = short_key[n] = "KEY_NONE"
    alias[n] = ""
    if (last_of(path) ~ /^(\*|\[\])$/)
        entry[row[up]] = name[n]
    else
        members[up] = members[up] " " n
    paths[n] = path
    columns[n] = pool_add(path) ", " pool_add(last_of(path)) ", " pool_add($2) ", " pool_add($3) ", " pool_add($6) ", " pool_add($7) ", " pool_add($8)
    type = $2
    off[n] = sub(/\|false$/, "", type) ? "true" : "false"
    item[n] = "TYPE_NONE"
    if (type ~ /^same\(/) {
        alias[n] = substr(type, 6, length(type) - 6)
    } else if (type == "object") {
        kind[n] = "ROW_OBJECT"
    } else if (type ~ /^object\(/) {
        kind[n] = "ROW_OBJECT"
        short_path[n] = substr(type, 8, length(type) - 8)
        if (sub(/\|.*/, "", short_path[n]))
            flag_path[n] = path "." substr(type, 9 + length(short_path[n]), length(type) - 9 - length(short_path[n]))
        short_path[n] = path "." short_path[n]
    } else if (type == "map(object)" || type == "map(text)") {
        kind[n] = "ROW_MAP"
    } else if (type == "list(object)") {
        kind[n] = "ROW_LIST"
    } else if (type ~ /^list\(/) {
        kind[n] = "ROW_LIST"
        item[n] = scalar(n, substr(type, 6, length(type) - 6))
    } else {
        kind[n] = "ROW_SCALAR"
        item[n] = scalar(n, type)
    }
    applies[n] = ($3 ~ /(^|,)http(,|$)/ ? 1 : 0) + ($3 ~ /(^|,)tcp(,|$)/ ? 2 : 0) + ($3 ~ /(^|,)passthrough(,|$)/ ? 4 : 0)
    since[n] = release($4)
    annotation[n] = $5 == "yes" ? "true" : "false"
    if ($5 != "yes" && $5 != "no")
        fail("annotation is yes or no")
    n++
}

# What it is, and its members, are those of the row that it names.
function resolve_alias(i,    of) {
    if (!(alias[i] in row) || alias[row[alias[i]]] != "") {
        printf "keys.tsv: %s: same() names a row of its own kind\n", paths[i] > "/dev/stderr"
        exit 1
    }
    of = row[alias[i]]
    kind[i] = kind[of]
    item[i] = item[of]
    off[i] = off[of]
    entry[i] = entry[of]
    low[i] = low[of]
    high[i] = high[of]
    words[i] = words[of]
    n_words[i] = n_words[of]
    if (of in short_path)
        short_path[i] = short_path[of]
    if (of in flag_path)
        flag_path[i] = flag_path[of]
}

END {
    if (failed)
        exit 1
    for (i = 0; i < n; i++) {
        if (alias[i] != "")
            resolve_alias(i)
    }
    print "/* Generated from keys.tsv by keys.awk: do not edit. SPDX-License-Identifier: MIT */"
    if (out == "h") {
        print "#ifndef MODEL_KEYS_H"
        print "#define MODEL_KEYS_H"
        print ""
        print "/* One number a row of keys.tsv, in its order. */"
        print "enum key {"
        for (i = 0; i < n; i++)
            printf "    %s, /* %s */\n", name[i], paths[i]
        print "    KEY_COUNT,"
        print "    KEY_ROOT = KEY_COUNT, /* the map itself, which has no row */"
        print "    KEY_NONE              /* no key */"
        print "};"
        print ""
        print "#endif"
        exit 0
    }
    if (pool_len > 65535) {
        print "keys.tsv: the string pool is over 64 KiB" > "/dev/stderr"
        exit 1
    }
    print "static const char key_pool[] ="
    for (i = 1; i <= pool_n; i++)
        printf "    \"%s\\0\"\n", c_string(pool_text[i])
    print "    ;"
    print ""
    print "static const uint16_t key_words[] = {"
    for (i = 0; i < n_all_words; i++)
        printf "    %d,\n", all_words[i]
    print "};"
    print ""
    print "/* The members of each object, in the order of keys.tsv: length and first byte of the name, and the row. */"
    print "static const struct key_member key_members[] = {"
    n_members = 0
    for (i = -1; i < n; i++) {
        where = i < 0 ? "" : paths[i]
        if (!(where in members))
            continue
        count = split(members[where], list, " ")
        first_member[where] = n_members
        member_count[where] = count
        for (k = 1; k <= count; k++) {
            word = last_of(paths[list[k]])
            printf "    {%d << 8 | '%s', %s},\n", length(word), substr(word, 1, 1), name[list[k]]
            n_members++
        }
    }
    print "};"
    print ""
    print "static const struct key_row key_rows[KEY_COUNT + 1] = {"
    for (i = 0; i <= n; i++) {
        if (i == n) {
            where = ""
            printf "    {0, 0, 0, 0, 0, 0, 0, KEY_NONE, KEY_NONE, KEY_NONE, KEY_NONE, %d, %d, 0, 0, 0, 0, 105, ROW_OBJECT, TYPE_NONE, 0, false, false},\n", first_member[where], member_count[where]
            break
        }
        where = alias[i] != "" ? alias[i] : paths[i]
        short_name = "KEY_NONE"
        if (i in short_path) {
            if (!(short_path[i] in row)) {
                printf "keys.tsv: %s has no row\n", short_path[i] > "/dev/stderr"
                exit 1
            }
            short_name = name[row[short_path[i]]]
        }
        flag_name = "KEY_NONE"
        if (i in flag_path) {
            if (!(flag_path[i] in row)) {
                printf "keys.tsv: %s has no row\n", flag_path[i] > "/dev/stderr"
                exit 1
            }
            flag_name = name[row[flag_path[i]]]
        }
        printf "    {%s, %s, %s, %s, %s, %d, %d, %s, %s, %d, %d, %d, %s, %s, %d, %s, %s},\n", columns[i], parent[i], short_name, flag_name, entry[i], \
               first_member[where] + 0, member_count[where] + 0, low[i], high[i], words[i], n_words[i], since[i], kind[i], item[i], applies[i], off[i], annotation[i]
    }
    print "};"
}
