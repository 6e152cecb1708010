# types.tsv, kinds.tsv, samples.tsv, places.tsv and the tables of keywords -> schema_enums.h (-v out=h) or schema.inc (-v out=inc). SPDX-License-Identifier: MIT
#
# Rows become numbers: offsets into one pool of texts, and the argument grammar (docs/schema.md) as a small program that
# schema/match.c carries out. Keywords are found by a hash that schema/find.c computes alike.

function fail(message) {
    printf "%s:%d: %s\n", FILENAME, FNR, message > "/dev/stderr"
    failed = 1
    exit 1
}

function constant(prefix, name) {
    name = toupper(name)
    gsub(/[^A-Z0-9]/, "_", name)
    return prefix name
}

function pool(text) {
    if (!(text in pool_at)) {
        if (length(text) > 65535)
            fail("too long for the pool: " text)
        pool_at[text] = pool_len += 2
        pool_texts[n_pool++] = text
        pool_texts_at[pool_len] = text
        pool_len += length(text) + 1
    }
    return pool_at[text]
}

# A word of the grammar: a number that fits into 16 bits.
function word(text) {
    if (!(text in word_number)) {
        word_number[text] = n_words
        words[n_words++] = pool(text)
    }
    return word_number[text]
}

function table(name) {
    if (!(name in table_number)) {
        table_names[n_tables] = name
        table_number[name] = n_tables++
    }
    return table_number[name]
}

function release(text,    parts) {
    if (text !~ /^[1-3]\.[0-9]+$/)
        fail("not a release: " text)
    split(text, parts, ".")
    return parts[1] * 100 + parts[2]
}

function range(text,    ends, n) {
    if (!(text in range_number)) {
        n = index(text, "..")
        if (n == 0)
            fail("not a range: " text)
        ends[1] = substr(text, 1, n - 1)
        ends[2] = substr(text, n + 2)
        if (ends[1] !~ /^(-?[0-9]+)?$/ || ends[2] !~ /^(-?[0-9]+)?$/)
            fail("not a range: " text)
        range_number[text] = n_ranges
        range_from[n_ranges] = ends[1] == "" ? "INT64_MIN" : "INT64_C(" ends[1] ")"
        range_to[n_ranges++] = ends[2] == "" ? "INT64_MAX" : "INT64_C(" ends[2] ")"
    }
    return range_number[text]
}

# --- the argument grammar ---

function emit(number) {
    code[n_code++] = number
}

# Makes room for n numbers at `at`.
function shift(at, n,    i) {
    for (i = n_code - 1; i >= at; i--)
        code[i + n] = code[i]
    n_code += n
}

function next_token() {
    sub(/^ +/, "", rest)
    if (rest == "")
        token = ""
    else if (rest ~ /^\.\.\./)
        token = "..."
    else if (match(rest, /^[,:\/=;@.|+!-]\(/) || match(rest, /^[][{}|)]/) || match(rest, /^<[a-z][a-z0-9-]*>/) ||
             match(rest, /^'[^']+'/) || match(rest, /^[A-Z][A-Z]+\([^)]*\)/) || match(rest, /^[^][{}|) ]+/))
        token = substr(rest, 1, RLENGTH)
    else
        fail("cannot read the arguments at: " rest)
    if (token != "..." && token ~ /[^.]\.\.\.$/)
        token = substr(token, 1, length(token) - 3)
    rest = substr(rest, length(token) + 1)
}

function type_of(text,    name, parameter, parts, n, i, at, w, r) {
    name = text
    sub(/\(.*/, "", name)
    if (!(name in type_number))
        fail("no such type: " name)
    w = r = 0
    parameter = ""
    if (text ~ /\(/) {
        parameter = text
        sub(/^[^(]*\(/, "", parameter)
        sub(/\)$/, "", parameter)
    }
    n = split(parameter, parts, ",")
    for (i = 1; i <= n; i++) {
        gsub(/^ +| +$/, "", parts[i])
        if (parts[i] ~ /\.\./)
            r = range(parts[i])
        else if (type_parameter[name] == "kind") {
            if (!(parts[i] in kind_number))
                fail("no such kind: " parts[i])
            w = kind_number[parts[i]]
        } else
            at = at (at == "" ? "" : " ") parts[i]
    }
    if (at != "")
        w = word(at)
    if (type_parameter[name] == "kind" && n != 1)
        fail(name " needs one kind")
    if (type_parameter[name] == "-" && n > 0)
        fail(name " takes no parameter")
    if (type_free[name])
        is_free = 1
    if (name == "REF" && (parameter in kind_within)) {
        # the same as {/(REF(within) REF(kind))|REF(kind)}
        emit(5)
        emit(3 + 3 + 4 + 4 + 4)
        emit(2)
        emit(3 + 4 + 4)
        emit(7)
        emit(word("/"))
        emit(4 + 4)
        emit_type(name, kind_number[kind_within[parameter]], r)
        emit_type(name, w, r)
        emit(4)
    }
    emit_type(name, w, r)
}

function emit_type(name, w, r) {
    emit(2)
    emit(type_number[name])
    emit(w)
    emit(r)
}

function parse_item(    at, start, n, first) {
    at = n_code
    if (token == "[") {
        emit(3)
        emit(0)
        next_token()
        parse_sequence("]")
        code[at + 1] = n_code - at - 2
    } else if (token == "{") {
        emit(5)
        emit(0)
        emit(0)
        do {
            start = n_code
            emit(0)
            next_token()
            parse_sequence("|}")
            code[start] = n_code - start - 1
            n++
        } while (token == "|")
        code[at + 1] = n_code - at - 2
        code[at + 2] = n
    } else if (token ~ /^.\($/) {
        emit(7)
        emit(word(substr(token, 1, 1)))
        emit(0)
        next_token()
        parse_sequence(")")
        code[at + 2] = n_code - at - 3
    } else if (token ~ /^</) {
        emit(6)
        first = substr(token, 2, length(token) - 2)
        emit(table(first))
        used_table[first] = FILENAME ":" FNR
    } else if (token ~ /^\^./) {
        emit(8)
        emit(word(substr(token, 2)))
    } else if (token ~ /^'/) {
        emit(1)
        emit(word(substr(token, 2, length(token) - 2)))
    } else if (token ~ /^[A-Z][A-Z]/) {
        type_of(token)
    } else {
        emit(1)
        emit(word(token))
    }
    next_token()
    while (token == "...") {
        shift(at, 2)
        code[at] = 4
        code[at + 1] = n_code - at - 2
        next_token()
    }
}

function parse_sequence(stop) {
    while (token != "" && index(stop, token) == 0) {
        if (token == "]" || token == "}" || token == "|" || token == ")" || token == "...")
            fail("unexpected " token " in the arguments")
        parse_item()
    }
    if (token == "" && stop != "")
        fail("the arguments lack one of " stop)
}

function arguments(text,    at) {
    if (text in code_at) {
        is_free = code_free[text]
        return code_at[text]
    }
    is_free = 0
    at = n_code
    rest = text == "-" ? "" : text
    next_token()
    parse_sequence("")
    emit(0)
    code_at[text] = at
    code_free[text] = is_free
    return at
}

# --- looking up: as schema/find.c does it ---

function hash(number, text,    len) {
    sub(/(\(\)|[#*])$/, "", text)
    len = length(text)
    if (len == 0)
        return number
    return (((number * 33 + len) * 33 + byte(text, 0)) * 33 + byte(text, int(len / 2))) * 33 + byte(text, len - 1)
}

function byte(text, at) {
    return ord[substr(text, at + 1, 1)]
}

BEGIN {
    FS = "\t"
    for (i = 1; i < 128; i++)
        ord[sprintf("%c", i)] = i
    n_cross = n_cross_sets = n_cross_bits = n_values = 0
    SET_WORDS = 10 # SCHEMA_SET_WORDS
    n_words = n_ranges = n_pool = pool_len = 0
    no_text = pool("")
    word("")
    range("..")
    n_stands = n_samples = n_sample_rows = n_places = n_classes = 0
    n_types = n_kinds = n_tables = n_rows = n_entries = n_keys = n_code = 0
    n_flags = split("http experimental once deprecated ignored named layer6 same final tail quiet bare", flag_names, " ")
    for (i = value = 1; i <= n_flags; i++) {
        flag_value[flag_names[i]] = value
        value *= 2 # busybox has no powers
    }
}

/^#/ || /^$/ { next }
/[^ -~\t]/ { fail("only ASCII may stand here") }

FILENAME ~ /types\.tsv$/ {
    if (NF != 5)
        fail("5 columns expected, not " NF)
    type_names[n_types] = $1
    type_number[$1] = n_types
    type_parameter[$1] = $2
    type_free[$1] = $3 == "free"
    type_expected[n_types] = pool($4)
    type_text[n_types++] = pool($5)
    next
}

FILENAME ~ /kinds\.tsv$/ {
    if (NF != 9)
        fail("9 columns expected, not " NF)
    kind_names[n_kinds] = $1
    kind_number[$1] = n_kinds
    kind_name[n_kinds] = pool($1)
    kind_sections[n_kinds] = pool($2)
    if ($3 !~ /^(bundle|section|named)$/)
        fail("no such scope: " $3)
    kind_scope[n_kinds] = constant("SCOPE_", $3)
    if ($4 != "before" && $4 != "-")
        fail("neither before nor -: " $4)
    kind_before[n_kinds] = $4 == "before"
    if ($5 != "-")
        kind_within[$1] = $5
    kind_with[n_kinds] = 0
    if ($6 != "-") {
        kind_with[n_kinds] = n_cross_sets + 1
        keyword_set($6)
    }
    kind_also[n_kinds] = 0
    if ($7 != "-") {
        kind_also[n_kinds] = n_cross_sets + 1
        keyword_set($7)
    }
    kind_asks[n_kinds] = n_cross_sets
    kind_n_asks[n_kinds] = keyword_sets($8)
    kind_text[n_kinds++] = pool($9)
    next
}

FILENAME ~ /cross-line\.tsv$/ {
    if (NF != 6)
        fail("6 columns expected, not " NF)
    if ($1 !~ /^(requires|needs|option|once|order|mode|unique|loop|own|named|alike|chain|twice|pair|unused|inherits|instead|atmost|atleast)$/)
        fail("no such predicate: " $1)
    split($3, ends, "-")
    cross_first[n_cross] = release(ends[1])
    cross_last[n_cross] = ends[2] == "" ? 999 : release(ends[2])
    cross_predicate[n_cross] = constant("CROSS_", $1)
    cross_sections[n_cross] = pool($2)
    cross_code[n_cross] = pool($4)
    cross_when[n_cross] = n_cross_sets
    cross_n_when[n_cross] = keyword_sets($5)
    cross_kind[n_cross] = cross_n[n_cross] = 0
    cross_from[n_cross] = n_cross_sets
    if ($1 == "own") {
        if (!($6 in kind_number))
            fail("no such kind: " $6)
        cross_kind[n_cross] = kind_number[$6]
    } else if ($1 ~ /^(named|alike|chain)$/) {
        kind = $6
        if (!sub(/:.*/, "", kind) || !(kind in kind_number))
            fail("no kind of names before a colon: " $6)
        cross_kind[n_cross] = kind_number[kind]
        cross_n[n_cross] = keyword_sets(substr($6, length(kind) + 2))
    } else if (($1 == "once" && $6 == "value") || ($1 == "inherits" && $6 == "shared"))
        cross_kind[n_cross] = 1
    else if ($1 == "inherits" && $6 == "mixed")
        cross_kind[n_cross] = 2
    else if ($1 ~ /^at(most|least)$/) {
        kind = $6
        if (!sub(/.*:/, "", kind) || kind !~ /^[0-9]+$/)
            fail("no number behind a colon: " $6)
        cross_kind[n_cross] = kind
        cross_n[n_cross] = keyword_sets(substr($6, 1, length($6) - length(kind) - 1))
    } else
        cross_n[n_cross] = keyword_sets($6)
    n_cross++
    next
}

# Sets with commas between them; `-` and `*` are none. How many.
function keyword_sets(text,    parts, n, i) {
    if (text == "-" || text == "*")
        return 0
    n = split(text, parts, ",")
    for (i = 1; i <= n; i++)
        keyword_set(parts[i])
    return n
}

# Keywords with bars between them, as the bits that they get. ! before the first: none of them.
function keyword_set(text,    words, n, i, scope, set, bit) {
    cross_names[n_cross_sets] = pool(text)
    cross_not[n_cross_sets] = sub(/^!/, "", text)
    n = split(text, words, "|")
    for (i = 1; i <= n; i++) {
        scope = sub(/^global:/, "", words[i]) ? "global" : "own"
        bit = cross_bit_of(words[i])
        set = n_cross_sets SUBSEP scope SUBSEP int(bit / 32)
        cross_mask[set] += power(bit % 32)
    }
    n_cross_sets++
}

# `@flag` is each row with that flag. `keyword=word`: only where the word stands behind it.
function cross_bit_of(text,    keyword) {
    keyword = text
    if (!(keyword in cross_bit)) {
        cross_bit[keyword] = ++n_cross_bits
        cross_place[keyword] = FILENAME ":" FNR
        if (sub(/=.*/, "", keyword)) {
            cross_bit_of(keyword)
            value_row[n_values] = cross_bit[keyword]
            value_word[n_values] = pool(substr(text, length(keyword) + 2))
            value_bit[n_values++] = cross_bit[text]
        }
    }
    return cross_bit[text]
}

FILENAME ~ /samples\.tsv$/ {
    if (NF != 5)
        fail("5 columns expected, not " NF)
    sample($1)
    releases($2)
    sample_row_type[n_sample_rows] = sample_number[$1]
    sample_row_first[n_sample_rows] = first
    sample_row_last[n_sample_rows] = last
    sample_row_match[n_sample_rows] = pool($4 == "-" ? "" : $4)
    sample_row_casts[n_sample_rows++] = $3
    next
}

FILENAME ~ /places\.tsv$/ {
    if (NF != 4)
        fail("4 columns expected, not " NF)
    if ($1 == "place") {
        place_names[n_places] = $2
        place_name[n_places] = pool($2)
        place_text[n_places] = pool($4)
        place_number[$2] = n_places++
    } else if ($1 == "class") {
        class_mask[n_classes] = 0
        n = split($3, parts, ",")
        for (i = 1; i <= n; i++) {
            if (!(parts[i] in place_number))
                fail("no such place: " parts[i])
            class_mask[n_classes] += power(place_number[parts[i]])
        }
        class_number[$2] = ++n_classes
    } else
        fail("neither a place nor a class: " $1)
    next
}

FILENAME ~ /stands\.tsv$/ {
    if (NF != 5)
        fail("5 columns expected, not " NF)
    for (i = 2; i <= 5; i++) {
        if ($i != "-" && !($i in place_number))
            fail("no such place: " $i)
        stand_place[n_stands, i] = $i == "-" ? 0 : power(place_number[$i])
    }
    stand_line[$1] = FILENAME ":" FNR
    stand_number[$1] = ++n_stands
    next
}

# Two to the nth: busybox has no ^.
function power(n,    result) {
    for (result = 1; n > 0; n--)
        result *= 2
    return result
}

function sample(name) {
    if (!(name in sample_number)) {
        sample_names[n_samples] = name
        sample_number[name] = ++n_samples
    }
    return sample_number[name]
}

# What a fetch, a converter, an ACL criterion or a match method has besides flags: `out=str`.
function property(text,    name, value) {
    name = substr(text, 1, index(text, "=") - 1)
    value = substr(text, index(text, "=") + 1)
    if (name == "out" || name == "in") {
        if (!(value in sample_number))
            fail("no such type of samples: " value)
        if (name == "out")
            row_out[n_rows] = sample_number[value]
        else
            row_in[n_rows] = sample_number[value]
    } else if (name == "at") {
        if (!(value in class_number))
            fail("no such class of places: " value)
        row_class[n_rows] = class_number[value]
    } else if (name == "of")
        row_of[n_rows] = pool(value)
    else if (name == "match")
        row_match[n_rows] = pool(value)
    else
        fail("no such flag: " text)
}

function releases(text,    ends) {
    if (text !~ /^[1-3]\.[0-9]+-([1-3]\.[0-9]+)?$/)
        fail("not a range of releases: " text)
    split(text, ends, "-")
    first = release(ends[1])
    last = ends[2] == "" ? 999 : release(ends[2])
    if (last < first)
        fail("releases run backwards: " text)
}

{
    if (NF != 9)
        fail("9 columns expected, not " NF)
    releases($3)
    row_first[n_rows] = first
    row_last[n_rows] = last
    row_warns[n_rows] = $4 == "-" ? 999 : release($4)
    if ($5 !~ /^(-|no|default|no,default)$/)
        fail("not a prefix: " $5)
    row_prefix[n_rows] = ($5 ~ /no/ ? 1 : 0) + ($5 ~ /default/ ? 2 : 0)
    row_flags[n_rows] = row_out[n_rows] = row_in[n_rows] = row_class[n_rows] = 0
    row_needs[n_rows] = "BUILD_NONE"
    row_of[n_rows] = row_match[n_rows] = no_text
    n = $6 == "-" ? 0 : split($6, parts, ",")
    for (i = 1; i <= n; i++) {
        if (parts[i] ~ /=/) {
            property(parts[i])
            continue
        }
        if (parts[i] ~ /^needs-[a-z0-9]+$/) {
            row_needs[n_rows] = constant("BUILD_", substr(parts[i], 7))
            continue
        }
        if (!(parts[i] in flag_value))
            fail("no such flag: " parts[i])
        row_flags[n_rows] += flag_value[parts[i]]
    }
    code_start = arguments($7)
    if ($9 == "" || $9 == "-")
        fail("a row needs its evidence")
    n_names = split($1, names, ",")
    n_keywords = split($2, keywords, ",")
    for (k = 1; k <= n_keywords; k++) {
        if (k > 1) {
            row_first[n_rows] = row_first[n_rows - 1]
            row_last[n_rows] = row_last[n_rows - 1]
            row_warns[n_rows] = row_warns[n_rows - 1]
            row_prefix[n_rows] = row_prefix[n_rows - 1]
            row_flags[n_rows] = row_flags[n_rows - 1]
            row_needs[n_rows] = row_needs[n_rows - 1]
            row_out[n_rows] = row_out[n_rows - 1]
            row_in[n_rows] = row_in[n_rows - 1]
            row_class[n_rows] = row_class[n_rows - 1]
            row_of[n_rows] = row_of[n_rows - 1]
            row_match[n_rows] = row_match[n_rows - 1]
        }
        row_words[n_rows] = pool(keywords[k])
        row_code[n_rows] = code_start
        row_free[n_rows] = is_free
        row_inner[n_rows] = keywords[k] ~ /\(\)$/ && $7 != "-"
        row_arguments[n_rows] = pool($7 == "-" ? "" : $7)
        row_instead[n_rows] = pool($8 == "-" ? "" : $8)
        row_evidence[n_rows] = pool($9)
        for (i = 1; i <= n_names; i++)
            add_entry(names[i], keywords[k])
        n_rows++
    }
}

# The newest row can be found by this keyword in this table.
function add_entry(name, keyword,    key, e) {
    defined_table[name] = 1
    key = table(name) "\t" keyword
    entry_table[n_entries] = table(name)
    entry_row[n_entries] = n_rows
    entry_next[n_entries] = 65535
    if (key in last_entry) {
        for (e = first_entry[key]; e != 65535; e = entry_next[e])
            if (row_first[entry_row[e]] <= row_last[n_rows] && row_last[entry_row[e]] >= row_first[n_rows])
                fail(name " " keyword ": two rows for one release")
        entry_next[last_entry[key]] = n_entries
    } else {
        first_entry[key] = n_entries
        keys[n_keys++] = key
    }
    last_entry[key] = n_entries++
}

END {
    if (failed)
        exit 1
    for (name in used_table)
        if (!(name in defined_table)) {
            print used_table[name] ": no row has the table " name > "/dev/stderr"
            exit 1
        }
    if (n_code > 65535 || n_entries > 65534 || n_words > 65535) {
        print "schema: too many rows for 16 bits" > "/dev/stderr"
        exit 1
    }
    cross_rows()
    print "/* Generated from the .tsv files of lib/schema by schema.awk: do not edit. SPDX-License-Identifier: MIT */"
    if (out == "h") {
        print "#ifndef SCHEMA_ENUMS_H\n#define SCHEMA_ENUMS_H\n"
        print "enum schema_type {"
        for (i = 0; i < n_types; i++)
            printf "    %s,\n", constant("TYPE_", type_names[i])
        print "    TYPE_COUNT\n};\nenum schema_kind {"
        for (i = 0; i < n_kinds; i++)
            printf "    %s,\n", constant("KIND_", kind_names[i])
        print "    KIND_COUNT\n};\nenum schema_table {"
        for (i = 0; i < n_tables; i++)
            printf "    %s,\n", constant("TABLE_", table_names[i])
        print "    TABLE_COUNT\n};\nenum schema_sample {\n    SAMPLE_NONE,"
        for (i = 0; i < n_samples; i++)
            printf "    %s,\n", constant("SAMPLE_", sample_names[i])
        print "    SAMPLE_COUNT\n};\nenum schema_place {"
        for (i = 0; i < n_places; i++)
            printf "    %s,\n", constant("PLACE_", place_names[i])
        print "    PLACE_COUNT\n};\nenum {"
        for (i = 1; i <= n_flags; i++)
            printf "    %s = %d,\n", constant("ROW_", flag_names[i]), flag_value[flag_names[i]]
        printf "    CROSS_MODE_HTTP = %d,\n    CROSS_MODE_TCP = %d,\n    CROSS_FLAG_HTTP = %d,\n    CROSS_FLAG_EXPERIMENTAL = %d,\n    CROSS_DISABLED = %d,\n    CROSS_NO_PORT = %d,\n", cross_bit["mode=http"],
            cross_bit["mode=tcp"], cross_bit["@http"], cross_bit["@experimental"], cross_bit["disabled"], cross_bit["@no-port"]
        print "    ROW_NO = 1,\n    ROW_DEFAULT = 2\n};\n\n#endif"
        exit 0
    }
    for (size = 64; size < 2 * n_keys;)
        size *= 2
    # a word that is a keyword, and with another one behind it is another
    for (i = 0; i < n_keys; i++) {
        key = keys[i]
        if (sub(/ .*/, "", key) && key in first_entry)
            for (e = first_entry[key]; e != 65535; e = entry_next[e])
                row_begins[entry_row[e]] = 1
    }
    for (i = 0; i < n_keys; i++) {
        split(keys[i], parts, "\t")
        for (at = hash(parts[1], parts[2]) % size; at in slot; at = (at + 1) % size)
            ;
        slot[at] = first_entry[keys[i]]
    }
    for (i = 0; i < n_tables; i++)
        table_text[i] = pool(table_names[i])
    printf "enum { ENTRY_SLOTS = %d, SCHEMA_ROWS = %d, SCHEMA_ENTRIES = %d };\n", size, n_rows, n_entries
    print "static const struct schema_row schema_rows[] = {"
    for (i = 0; i < n_rows; i++)
        printf "    {%d, %d, %d, %d, %d, %d, %d, %d, %d, %d, %d, %d, %d, %d, %d, %d, %d, %d, %d, %d, %s},\n", row_words[i], row_arguments[i], row_instead[i],
            row_evidence[i], row_of[i], row_match[i], row_code[i], row_first[i], row_last[i], row_warns[i], row_flags[i], row_prefix[i],
            row_free[i], row_out[i], row_in[i], row_class[i], row_bit[i], row_begins[i], row_inner[i], row_stand[i], row_needs[i]
    print "};\nstatic const struct schema_entry schema_entries[] = {"
    for (i = 0; i < n_entries; i++)
        printf "    {%d, %d, %d},\n", entry_table[i], entry_row[i], entry_next[i]
    print "};\nstatic const uint16_t schema_slots[] = {"
    numbers("slots")
    print "};\nconst uint16_t khap__schema_program[] = {"
    numbers("code")
    print "};\nconst uint32_t khap__schema_words[] = {"
    numbers("words")
    print "};\nstatic const struct schema_range schema_ranges[] = {"
    for (i = 0; i < n_ranges; i++)
        printf "    {%s, %s},\n", range_from[i], range_to[i]
    print "};\nstatic const struct schema_type_row schema_types[] = {"
    for (i = 0; i < n_types; i++)
        printf "    {%d, %d},\n", type_expected[i], type_text[i]
    print "};\nstatic const struct schema_kind_row schema_kinds[] = {"
    for (i = 0; i < n_kinds; i++)
        printf "    {%d, %d, %d, %s, %d, %d, %d, %d, %d},\n", kind_name[i], kind_sections[i], kind_text[i], kind_scope[i], kind_before[i], kind_with[i], kind_also[i], kind_asks[i], kind_n_asks[i]
    print "};\nstatic const struct schema_cross schema_cross_rows[] = {"
    for (i = 0; i < n_cross; i++)
        printf "    {%s, %d, %d, %d, %d, %d, %d, %d, %d, %d},\n", cross_predicate[i], cross_sections[i], cross_code[i], cross_first[i], cross_last[i],
            cross_kind[i], cross_when[i], cross_n_when[i], cross_from[i], cross_n[i]
    print "};\nstatic const struct schema_cross_set schema_cross_sets[] = {"
    for (i = 0; i < n_cross_sets; i++)
        printf "    {%s, %s, %d, %d},\n", mask_of(i, "own"), mask_of(i, "global"), cross_names[i], cross_not[i]
    print "};\nstatic const struct schema_set schema_cross_bits[] = {"
    n = split("requires needs option once order mode unique loop own named alike chain twice pair unused instead atmost atleast", parts, " ")
    for (i = 1; i <= n; i++) {
        for (j = 0; j < n_cross; j++)
            if (cross_predicate[j] == constant("CROSS_", parts[i]) && cross_n_when[j] > 0)
                add_mask("bits " parts[i], cross_when[j])
        printf "    [%s] = %s,\n", constant("CROSS_", parts[i]), mask_of("bits " parts[i], "own")
    }
    for (i = 0; i < n_values; i++)
        if (pool_texts_at[value_word[i]] == "@own")
            cross_mask["own" SUBSEP "own" SUBSEP int(value_bit[i] / 32)] += power(value_bit[i] % 32)
    print "};\nstatic const struct schema_set schema_own_bits = " mask_of("own", "own") ";"
    print "static const struct schema_value_row schema_values[] = {{0, " no_text "},"
    value_from[0] = 1
    for (bit = 0; bit < SET_WORDS * 32; bit++) {
        value_from[bit + 1] = value_from[bit]
        for (i = 0; i < n_values; i++) {
            if (value_row[i] == bit) {
                printf "    {%d, %d},\n", value_bit[i], value_word[i]
                value_from[bit + 1]++
            }
        }
    }
    print "};\nstatic const uint16_t schema_values_of[] = {"
    for (bit = 0; bit <= SET_WORDS * 32; bit++)
        printf "    %d,\n", value_from[bit]
    print "};\nstatic const uint32_t schema_sample_names[] = {" no_text ","
    for (i = 0; i < n_samples; i++)
        printf "    %d,\n", pool(sample_names[i])
    print "};\nstatic const struct schema_sample_row schema_samples[] = {"
    for (i = 0; i < n_sample_rows; i++) {
        mask = 0
        n = sample_row_casts[i] == "-" ? 0 : split(sample_row_casts[i], parts, ",")
        for (j = 1; j <= n; j++) {
            if (!(parts[j] in sample_number)) {
                print "samples.tsv: no such type: " parts[j] > "/dev/stderr"
                exit 1
            }
            mask += power(sample_number[parts[j]])
        }
        printf "    {%d, %d, %d, %d, %d},\n", sample_row_type[i], sample_row_first[i], sample_row_last[i], mask, sample_row_match[i]
    }
    print "};\nstatic const struct schema_place_row schema_places[] = {"
    for (i = 0; i < n_places; i++)
        printf "    {%d, %d},\n", place_name[i], place_text[i]
    print "};\nstatic const uint32_t schema_stands[][4] = {{0, 0, 0, 0},"
    for (i = 0; i < n_stands; i++)
        printf "    {%.0f, %.0f, %.0f, %.0f},\n", stand_place[i, 2], stand_place[i, 3], stand_place[i, 4], stand_place[i, 5]
    print "};\nstatic const uint32_t schema_classes[] = {0,"
    for (i = 0; i < n_classes; i++)
        printf "    %d,\n", class_mask[i]
    print "};\nstatic const uint32_t schema_tables[] = {"
    numbers("tables")
    print "};\nconst char khap__schema_pool[] ="
    for (i = 0; i < n_pool; i++) {
        text = pool_texts[i]
        gsub(/\\/, "\\\\", text)
        gsub(/"/, "\\\"", text)
        gsub(/\?\?/, "?\\?", text)
        len = length(pool_texts[i])
        printf "    \"\\%03o\\%03o\" \"%s\\0\"\n", len % 256, int(len / 256), text
    }
    print "    ;"
}

# Which row has which bit of the sets of cross-line.tsv: those of a section, or with a / those of the table before it.
function cross_rows(    e, name, key, found, row) {
    for (e = 0; e < n_entries; e++) {
        row = entry_row[e]
        name = table_names[entry_table[e]]
        if (name == "default-server") # what it says is said of servers
            name = "server"
        key = pool_texts_at[row_words[row]]
        if (("section" in table_number) && (table_number["section"] "\t" name) in first_entry && key in cross_bit)
            add_bit(row, cross_bit[found[key] = key])
        if (("section" in table_number) && (table_number["section"] "\t" name) in first_entry && key in stand_number) {
            row_stand[row] = stand_number[key]
            delete stand_line[key]
        }
        key = name "/" key
        if (key in cross_bit)
            add_bit(row, cross_bit[found[key] = key])
    }
    for (key in cross_bit)
        if (!(key in found) && key !~ /=|^@/) {
            print cross_place[key] ": no row has the keyword " key > "/dev/stderr"
            exit 1
        }
    for (key in stand_line) {
        print stand_line[key] ": no row has the keyword " key > "/dev/stderr"
        exit 1
    }
    if (n_cross_bits >= 32 * SET_WORDS) {
        print "cross-line.tsv: too many keywords for SCHEMA_SET_WORDS" > "/dev/stderr"
        exit 1
    }
}

# A row has one bit; others of it follow from that one.
function add_bit(row, bit,    i) {
    if (!row_bit[row])
        row_bit[row] = bit
    if (row_bit[row] == bit || (row_bit[row] SUBSEP bit) in implied)
        return
    implied[row_bit[row], bit] = 1
    value_row[n_values] = row_bit[row]
    value_word[n_values] = no_text
    value_bit[n_values++] = bit
}

# Adds the bits of one set to another; those are few, and no bit is set twice.
function add_mask(to, from,    i, bit) {
    for (i = 0; i < SET_WORDS; i++)
        for (bit = 0; bit < 32; bit++)
            if (int(cross_mask[from SUBSEP "own" SUBSEP i] / power(bit)) % 2 && !((to, i, bit) in has_bit)) {
                has_bit[to, i, bit] = 1
                cross_mask[to SUBSEP "own" SUBSEP i] += power(bit)
            }
}

# The words of a set as a C constant.
function mask_of(set, scope,    i, text) {
    for (i = 0; i < SET_WORDS; i++)
        text = text sprintf("%s%.0f", i > 0 ? ", " : "", cross_mask[set SUBSEP scope SUBSEP i])
    return "{{" text "}}"
}

function numbers(what,    i, n, line) {
    n = what == "slots" ? size : what == "code" ? n_code : what == "words" ? n_words : n_tables
    for (i = 0; i < n; i++) {
        line = line (what == "slots" ? (i in slot ? slot[i] : 65535) : what == "code" ? code[i] : what == "words" ? words[i] : table_text[i]) ","
        if (length(line) > 100 || i == n - 1) {
            print "    " line
            line = ""
        } else
            line = line " "
    }
}
