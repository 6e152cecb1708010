/* graph/gather.c - hosts and paths that conditions and maps name. They are only put as questions, so that one too many does no harm.
 * SPDX-License-Identifier: MIT */
#include "graph/graph.h"

enum { MOST_PAIRS = 4096 }; /* hosts times paths of one condition */

/* What fetches give. `either`: it is told by how the value looks. */
enum fetched { FETCHED_NOTHING, FETCHED_HOST, FETCHED_PATH, FETCHED_BOTH, FETCHED_EITHER };
enum method { METHOD_STR, METHOD_BEG, METHOD_DIR, METHOD_END, METHOD_DOM, METHOD_OTHER };

static const struct {
    char name[16];
    uint8_t fetched;
} fetches[] = {{"hdr", FETCHED_HOST},         {"req.hdr", FETCHED_HOST},
               {"req.fhdr", FETCHED_HOST},    {"ssl_fc_sni", FETCHED_HOST},
               {"req.ssl_sni", FETCHED_HOST}, {"req_ssl_sni", FETCHED_HOST},
               {"path", FETCHED_PATH},        {"pathq", FETCHED_PATH},
               {"url", FETCHED_PATH},         {"capture.req.uri", FETCHED_PATH},
               {"base", FETCHED_BOTH},        {"var", FETCHED_EITHER}};
static const struct {
    char name[8];
    uint8_t method;
} methods[] = {
    {"str", METHOD_STR}, {"beg", METHOD_BEG}, {"dir", METHOD_DIR}, {"end", METHOD_END}, {"dom", METHOD_DOM}};

static bool is_host(struct khap_str s)
{
    bool letter = false;
    if (s.len == 0 || s.len > 255)
        return false;
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        letter = letter || khap__is_alpha(c);
        if (!khap__is_alnum(c) && memchr("-._", c, 3) == NULL)
            return false;
    }
    return letter && s.ptr[0] != '-';
}

static bool is_path(struct khap_str s)
{
    if (s.len == 0 || s.ptr[0] != '/')
        return false;
    for (size_t i = 0; i < s.len; i++) {
        if ((unsigned char)s.ptr[i] <= 0x20 || (unsigned char)s.ptr[i] >= 0x7f || s.ptr[i] == '#')
            return false;
    }
    return true;
}

struct khap_str khap__drawing_keep(struct drawing *d, struct khap_str text)
{
    struct khap_str copy = {NULL, 0};
    if (text.len > 0)
        khap__drawing_need(d, khap__arena_dup(&d->graph->arena, text, &copy) == KHAP_OK);
    return copy;
}

static void add_candidate(struct drawing *d, struct khap_str host, struct khap_str path, bool suffix,
                          struct khap_place place)
{
    uint32_t old;
    bool found = false;
    khap__buf_clear(&d->scratch);
    khap__buf_add(&d->scratch, suffix ? S("*") : S(""));
    for (size_t i = 0; i < host.len; i++)
        khap__buf_char(&d->scratch, (char)khap__lower((unsigned char)host.ptr[i]));
    khap__buf_char(&d->scratch, ' ');
    khap__buf_add(&d->scratch, path);
    if (!khap__drawing_need(d, !d->scratch.failed))
        return;
    struct khap_str key = khap__buf_str(&d->scratch);
    if (khap__map_get(&d->seen, key, &old))
        return;
    key = khap__drawing_keep(d, key);
    size_t blank = khap__str_find(key, ' ');
    const struct candidate candidate = {.host = khap__str_sub(key, suffix ? 1 : 0, blank - (suffix ? 1 : 0)),
                                        .path = khap__str_sub(key, blank + 1, key.len),
                                        .place = place,
                                        .suffix = suffix};
    khap__drawing_need(d, d->status == KHAP_OK && khap__map_add(&d->seen, key, 0, &found, &old) == KHAP_OK &&
                              VEC_PUSH(&d->graph->alloc, &d->candidates, candidate));
}

/* ---- ACLs */

static void add_literal(struct drawing *d, struct khap_str text, enum literal_kind kind)
{
    const struct literal literal = {.text = khap__drawing_keep(d, text), .kind = (uint8_t)kind};
    khap__drawing_need(d, VEC_PUSH(&d->graph->alloc, &d->literals, literal));
}

/* A value of an ACL, as far as it is a host or a path. */
static void take_value(struct drawing *d, enum fetched fetched, enum method method, struct khap_str text)
{
    if (text.len > 0 && text.ptr[0] == '@') /* so khapgen marks a host of which something is looked up */
        text = khap__str_sub(text, 1, text.len);
    size_t slash = khap__str_find(text, '/');
    bool path = is_path(text);
    if (method == METHOD_OTHER || fetched == FETCHED_NOTHING)
        return;
    if ((fetched == FETCHED_PATH || fetched == FETCHED_EITHER) && path && method != METHOD_END) {
        add_literal(d, text, LITERAL_PATH);
    } else if (fetched == FETCHED_PATH && method == METHOD_DIR && !path && text.len > 0) {
        khap__buf_clear(&d->scratch);
        khap__buf_char(&d->scratch, '/');
        khap__buf_add(&d->scratch, text);
        if (is_path(khap__buf_str(&d->scratch)))
            add_literal(d, khap__buf_str(&d->scratch), LITERAL_PATH);
    } else if (fetched == FETCHED_BOTH && slash < text.len && is_host(khap__str_sub(text, 0, slash)) &&
               is_path(khap__str_sub(text, slash, text.len)) && method != METHOD_END) {
        add_literal(d, text, LITERAL_BOTH);
    } else if (fetched == FETCHED_HOST || fetched == FETCHED_EITHER || fetched == FETCHED_BOTH) {
        bool suffix = method == METHOD_END && text.len > 1 && text.ptr[0] == '.';
        if (is_host(text) && (suffix || method == METHOD_STR || method == METHOD_DOM))
            add_literal(d, text, suffix ? LITERAL_SUFFIX : LITERAL_HOST);
    }
}

/* `path_beg`, `hdr_end(host)`, `var(txn.host)`; the method is in its name, or follows. */
static enum fetched what_is_fetched(const struct khap_node *fetch, enum method *method)
{
    struct khap_str name = khap_node_text(fetch);
    const struct khap_node *argument = khap_node_first(fetch);
    *method = METHOD_STR;
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
        size_t n = strlen(methods[i].name) + 1;
        if (name.len > n && name.ptr[name.len - n] == '_' &&
            khap__str_ends(name, khap__str(methods[i].name))) {
            *method = (enum method)methods[i].method;
            name.len -= n;
            break;
        }
    }
    for (size_t i = 0; i < sizeof fetches / sizeof *fetches; i++) {
        if (!khap__str_eq(name, khap__str(fetches[i].name)))
            continue;
        bool header = i < 3;
        if (header && (argument == NULL || !khap__str_eq_nocase(khap_node_text(argument), S("host"))))
            return FETCHED_NOTHING;
        return (enum fetched)fetches[i].fetched;
    }
    return FETCHED_NOTHING;
}

static void take_method(const struct khap_node *flag, enum method *method)
{
    const struct khap_node *value = khap_node_first(flag);
    if (!khap__str_eq(khap_node_text(flag), S("-m")) || value == NULL)
        return;
    *method = METHOD_OTHER;
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
        if (khap__str_eq(khap_node_text(value), khap__str(methods[i].name)))
            *method = (enum method)methods[i].method;
    }
}

const struct khap_bundle_file *khap__graph_side(struct drawing *d, struct khap_str path)
{
    const struct khap_bundle_file *file = NULL;
    enum khap_status status = khap_bundle_side(d->bundle, path, &file);
    khap__drawing_need(d, status != KHAP_ENOMEM);
    return status == KHAP_OK ? file : NULL;
}

static void take_file(struct drawing *d, struct khap_str path, enum fetched fetched, enum method method)
{
    const struct khap_bundle_file *file = khap__graph_side(d, path);
    if (file == NULL)
        return;
    struct khap_str rest = khap_bundle_file_text(file);
    while (rest.len > 0) {
        size_t end = khap__str_find(rest, '\n');
        struct khap_str line = khap__str_trim(khap__str_sub(rest, 0, end));
        if (line.len > 0 && line.ptr[line.len - 1] == '\r')
            line.len--;
        if (line.len > 0 && line.ptr[0] != '#')
            take_value(d, fetched, method, line);
        rest = khap__str_sub(rest, end + 1, rest.len);
    }
}

/* The literals of an ACL behind those that are there. */
static void take_acl(struct drawing *d, const struct khap_node *acl)
{
    const struct khap_node *expression = khap_node_first(acl);
    if (expression == NULL || khap_node_kind(expression) != KHAP_NODE_EXPRESSION)
        return;
    const struct khap_node *fetch = khap_node_first(expression);
    enum method method;
    enum fetched fetched = fetch == NULL ? FETCHED_NOTHING : what_is_fetched(fetch, &method);
    if (fetched == FETCHED_NOTHING)
        return;
    for (const struct khap_node *n = khap_node_next(expression); n != NULL; n = khap_node_next(n)) {
        if (khap_node_kind(n) == KHAP_NODE_FLAG)
            take_method(n, &method);
    }
    for (const struct khap_node *n = khap_node_next(expression); n != NULL; n = khap_node_next(n)) {
        if (khap_node_kind(n) == KHAP_NODE_VALUE || khap_node_kind(n) == KHAP_NODE_OPERATOR)
            take_value(d, fetched, method, khap_node_text(n));
        else if (khap_node_kind(n) == KHAP_NODE_FLAG && khap__str_eq(khap_node_text(n), S("-f")) &&
                 khap_node_first(n) != NULL)
            take_file(d, khap_node_text(khap_node_first(n)), fetched, method);
    }
}

static void define_acl(struct drawing *d, const struct khap_node *acl)
{
    struct named_acl named = {.first = d->literals.len, .next_same = GRAPH_NONE};
    struct khap_str name = khap__drawing_keep(d, khap_node_text(acl));
    uint32_t before;
    take_acl(d, acl);
    named.n = d->literals.len - named.first;
    if (khap__map_get(&d->acl_names, name, &before))
        named.next_same = before;
    khap__drawing_need(d, d->status == KHAP_OK && VEC_PUSH(&d->graph->alloc, &d->acls, named) &&
                              khap__map_set(&d->acl_names, name, d->acls.len - 1) == KHAP_OK);
}

/* ---- conditions */

/* The literals of a term of a condition: a range of them, or of several named ACLs, are copied behind the others. */
static void copy_literals(struct drawing *d, uint32_t acl)
{
    for (; acl != GRAPH_NONE && d->status == KHAP_OK; acl = d->acls.ptr[acl].next_same) {
        const struct named_acl named = d->acls.ptr[acl];
        for (uint32_t i = 0; i < named.n; i++) {
            struct literal literal = d->literals.ptr[named.first + i];
            if (!khap__drawing_need(d, VEC_PUSH(&d->graph->alloc, &d->literals, literal)))
                return;
        }
    }
}

/* Hosts and paths that hold together, from `first` on. */
static void pair_literals(struct drawing *d, uint32_t first, struct khap_place place)
{
    const struct khap_str any = {NULL, 0};
    uint32_t paths = 0, hosts = 0, pairs = 0;
    for (uint32_t i = first; i < d->literals.len; i++) {
        paths += d->literals.ptr[i].kind == LITERAL_PATH ? 1 : 0;
        hosts += d->literals.ptr[i].kind == LITERAL_HOST || d->literals.ptr[i].kind == LITERAL_SUFFIX ? 1 : 0;
    }
    for (uint32_t i = first; i < d->literals.len && d->status == KHAP_OK; i++) {
        const struct literal one = d->literals.ptr[i];
        if (one.kind == LITERAL_BOTH) {
            size_t slash = khap__str_find(one.text, '/');
            add_candidate(d, khap__str_sub(one.text, 0, slash), khap__str_sub(one.text, slash, one.text.len),
                          false, place);
        } else if (one.kind == LITERAL_PATH) {
            if (hosts == 0)
                add_candidate(d, any, one.text, false, place);
        } else if (paths == 0) {
            add_candidate(d, one.text, any, one.kind == LITERAL_SUFFIX, place);
        } else {
            for (uint32_t k = first; k < d->literals.len && pairs < MOST_PAIRS; k++) {
                if (d->literals.ptr[k].kind != LITERAL_PATH)
                    continue;
                add_candidate(d, one.text, d->literals.ptr[k].text, one.kind == LITERAL_SUFFIX, place);
                pairs++;
            }
        }
    }
}

static void take_condition(struct drawing *d, const struct khap_node *condition, struct khap_place place)
{
    for (const struct khap_node *all = khap_node_first(condition); all != NULL; all = khap_node_next(all)) {
        uint32_t first = d->literals.len, acl;
        for (const struct khap_node *term = khap_node_first(all); term != NULL; term = khap_node_next(term)) {
            if (khap_node_negated(term))
                continue;
            if (khap_node_kind(term) == KHAP_NODE_ACL)
                take_acl(d, term);
            else if (khap_node_kind(term) == KHAP_NODE_NAMED &&
                     khap__map_get(&d->acl_names, khap_node_text(term), &acl))
                copy_literals(d, acl);
        }
        pair_literals(d, first, place);
        d->literals.len = first;
    }
}

/* The words of the line from `first` on, read as a value; NULL when they are none. */
static struct khap_value *parse(struct drawing *d, uint32_t kind, size_t first)
{
    enum { MOST = 64 };
    struct khap_value_word words[MOST];
    struct khap_value *value = NULL;
    size_t n = khap_words_count(d->words);
    if (first >= n || n - first > MOST)
        return NULL;
    for (size_t i = first; i < n; i++)
        words[i - first] = (struct khap_value_word){.text = khap_words_value(d->words, i)};
    enum khap_status status =
        khap_value_parse(&d->graph->alloc, kind, d->target.last, words, n - first, &value, NULL);
    if (status == KHAP_ENOMEM)
        khap__drawing_need(d, false);
    return status == KHAP_OK ? value : NULL;
}

/* ---- maps */

static void add_rule(struct drawing *d, struct khap_str condition, struct khap_str backend,
                     struct khap_place place)
{
    const struct rule rule = {.condition = khap__drawing_keep(d, condition),
                              .backend = khap__drawing_keep(d, backend),
                              .place = place};
    khap__drawing_need(d, d->status == KHAP_OK && VEC_PUSH(&d->graph->alloc, &d->rules, rule));
}

/* A key of a map: a host, a path, or one behind the other; false when it is none of them. */
static bool take_key(struct drawing *d, struct khap_str key, struct khap_place place)
{
    if (key.len > 0 && key.ptr[0] == '@')
        key = khap__str_sub(key, 1, key.len);
    while (key.len > 1 && (key.ptr[key.len - 1] == '?' || (key.len > 2 && key.ptr[key.len - 1] == '/')))
        key.len--;
    bool suffix = key.len > 1 && key.ptr[0] == '.';
    size_t slash = khap__str_find(key, '/');
    struct khap_str host = khap__str_sub(key, 0, slash), path = khap__str_sub(key, slash, key.len);
    if ((host.len > 0 && !is_host(host)) || (path.len > 0 && !is_path(path)))
        return false;
    add_candidate(d, host, path, suffix, place);
    return true;
}

void khap__graph_gather_map(struct drawing *d, struct khap_str text, struct khap_place place)
{
    while (text.len > 0 && d->status == KHAP_OK) {
        size_t end = khap__str_find(text, '\n'), blank = 0;
        struct khap_str line = khap__str_trim(khap__str_sub(text, 0, end));
        while (blank < line.len && line.ptr[blank] != ' ' && line.ptr[blank] != '\t')
            blank++;
        struct khap_str key = khap__str_sub(line, 0, blank),
                        value = khap__str_trim(khap__str_sub(line, blank, line.len));
        uint32_t service;
        if (line.len > 0 && line.ptr[0] != '#' && !take_key(d, key, place) &&
            khap__map_get(&d->service_names, value, &service))
            add_rule(d, key, value, place);
        text = khap__str_sub(text, end + 1, text.len);
    }
}

/* `…,map_str(FILE)` and the like, wherever it stands in the word. */
static void take_maps(struct drawing *d, struct khap_str word, struct khap_place place)
{
    for (size_t at = 0; at + 4 < word.len; at++) {
        if (memcmp(word.ptr + at, "map", 3) != 0 || at == 0 || word.ptr[at - 1] != ',')
            continue;
        struct khap_str rest = khap__str_sub(word, at, word.len);
        size_t open = khap__str_find(rest, '('), end = open + 1;
        while (end < rest.len && rest.ptr[end] != ',' && rest.ptr[end] != ')')
            end++;
        struct khap_str path = khap__str_sub(rest, open + 1, end - open - 1), key = {NULL, 0};
        uint32_t old;
        bool found = false;
        if (path.len == 0)
            continue;
        /* each file once in a frontend: a blank at the beginning no candidate has */
        khap__buf_clear(&d->scratch);
        khap__buf_char(&d->scratch, '\n');
        khap__buf_add(&d->scratch, path);
        key = khap__drawing_keep(d, khap__buf_str(&d->scratch));
        if (!khap__drawing_need(d, !d->scratch.failed && key.len > 0 &&
                                       khap__map_add(&d->seen, key, 0, &found, &old) == KHAP_OK))
            return;
        const struct khap_bundle_file *file = found ? NULL : khap__graph_side(d, path);
        if (file != NULL)
            khap__graph_gather_map(d, khap_bundle_file_text(file), place);
    }
}

/* ---- lines */

/* The condition as it is written. */
static struct khap_str condition_text(struct drawing *d, size_t first)
{
    khap__buf_clear(&d->scratch);
    for (size_t i = first; i < khap_words_count(d->words); i++) {
        struct khap_word word = {.size = sizeof word};
        khap_words_at(d->words, i, &word);
        khap__buf_add(&d->scratch, i > first ? S(" ") : S(""));
        khap__buf_add(&d->scratch, word.raw);
    }
    khap__drawing_need(d, !d->scratch.failed);
    return khap__drawing_keep(d, khap__buf_str(&d->scratch));
}

void khap__graph_gather(struct drawing *d, const struct khap_line *line, struct khap_place place)
{
    struct khap_str first = khap_words_value(d->words, 0), second = khap_words_value(d->words, 1);
    struct khap_value *value;
    size_t n = khap_words_count(d->words), condition = 1;
    (void)line;
    if (khap__str_eq(first, S("acl"))) {
        value = parse(d, KHAP_VALUE_ACL, 1);
        if (value != NULL)
            define_acl(d, khap_value_root(value));
        khap_value_free(value);
        return;
    }
    while (condition < n && !khap__str_eq(khap_words_value(d->words, condition), S("if")) &&
           !khap__str_eq(khap_words_value(d->words, condition), S("unless")))
        condition++;
    value = condition < n && khap__str_eq(khap_words_value(d->words, condition), S("if"))
                ? parse(d, KHAP_VALUE_CONDITION, condition)
                : NULL;
    if (value != NULL)
        take_condition(d, khap_value_root(value), place);
    khap_value_free(value);
    for (size_t i = 1; i < condition; i++)
        take_maps(d, khap_words_value(d->words, i), place);
    bool other = khap__str_eq(first, S("default_backend"));
    if ((other || khap__str_eq(first, S("use_backend"))) && khap__str_find(second, '%') == second.len) {
        struct khap_str text = condition < n ? condition_text(d, condition) : S("any other request");
        add_rule(d, text, second, place);
    }
}

void khap__graph_gather_end(struct drawing *d)
{
    d->candidates.len = d->rules.len = d->literals.len = d->acls.len = 0;
    khap__map_clear(&d->acl_names);
    khap__map_clear(&d->seen);
}
