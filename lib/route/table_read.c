/* route/table_read.c - from YAML to a table of requests; table.tsv says what may stand where. SPDX-License-Identifier: MIT */
#include "base/buf.h"
#include "base/nearest.h"
#include "route/table.h"
#include "value/host.h"
#include "value/number.h"

enum row_type { OBJECT, MAP, LIST, TEXT, BOOL, INT, ENUM };

static const struct row {
    uint16_t holder; /* enum table_key */
    char key[16];
    uint16_t type; /* enum row_type */
    uint32_t low, high;
    char words[72]; /* of an ENUM, with | between them */
} rows[] = {
#define ROW(NAME, HOLDER, KEY, TYPE, LOW, HIGH, WORDS) {HOLDER, KEY, TYPE, LOW, HIGH, WORDS},
#include "route/table.inc"
#undef ROW
};

struct reading {
    struct khap_routes *routes;
    struct khap_diags *diags;
    struct buf scratch;
    bool no_memory;
};

const char *khap__table_key_name(enum table_key key)
{
    return rows[key].key;
}

/* The row of a key, of the entries of a map, or of the items of a list; TABLE_ROOT when there is none. */
static enum table_key member(enum table_key holder, struct khap_str key)
{
    for (uint32_t i = TABLE_ROOT + 1; i < TABLE__COUNT; i++) {
        if (rows[i].holder == holder && khap__str_eq(khap__str(rows[i].key), key))
            return (enum table_key)i;
    }
    return TABLE_ROOT;
}

static void say_unknown(struct reading *r, enum table_key holder, const struct yaml_node *name)
{
    struct nearest nearest;
    khap__nearest_start(&nearest, khap__yaml_text(name));
    khap__buf_clear(&r->scratch);
    for (uint32_t i = TABLE_ROOT + 1; i < TABLE__COUNT; i++) {
        if (rows[i].holder == holder)
            khap__nearest_offer(&nearest, khap__str(rows[i].key));
    }
    khap__nearest_add(&nearest, &r->scratch);
    SAY(r->diags, MSG_UNKNOWN_KEY, khap__table_place(r->routes, name), khap__yaml_text(name),
        khap__buf_str(&r->scratch));
}

static void say_wrong_type(struct reading *r, enum table_key key, const struct yaml_node *node)
{
    static const char wanted[][32] = {
        [OBJECT] = "a mapping",    [MAP] = "a mapping of names", [LIST] = "a list",
        [TEXT] = "a single value", [BOOL] = "a single value",    [INT] = "a single value",
        [ENUM] = "a single value"};
    static const char found[][16] = {[YAML_NULL] = "nothing",
                                     [YAML_SCALAR] = "a single value",
                                     [YAML_SEQUENCE] = "a list",
                                     [YAML_MAPPING] = "a mapping"};
    struct khap_str name = key == TABLE_ROOT   ? S("the table")
                           : key == TABLE_TEST ? S("an item of `tests`")
                                               : khap__str(rows[key].key);
    SAY(r->diags, MSG_WRONG_TYPE, khap__table_place(r->routes, node), name, khap__str(wanted[rows[key].type]),
        khap__str(found[node->kind]));
}

static bool is_word_of(struct khap_str list, struct khap_str word)
{
    while (list.len > 0) {
        size_t end = khap__str_find(list, '|');
        if (khap__str_eq(khap__str_sub(list, 0, end), word))
            return true;
        list = khap__str_sub(list, end + 1, list.len);
    }
    return false;
}

/* A single value of the row's type; each of these is one line of a request. */
static void check_scalar(struct reading *r, enum table_key key, const struct yaml_node *node)
{
    const struct row *row = &rows[key];
    struct khap_str text = khap__yaml_text(node), name = khap__str(row->key);
    struct khap_place place = khap__table_place(r->routes, node);
    uint32_t number = 0;
    if (node->kind == YAML_NULL && !node->quoted) {
        SAY(r->diags, MSG_MISSING_VALUE, place, name);
        return;
    }
    if (node->kind != YAML_SCALAR) {
        say_wrong_type(r, key, node);
        return;
    }
    switch ((enum row_type)row->type) {
    case BOOL:
        if (!is_word_of(S("true|True|TRUE|false|False|FALSE"), text))
            SAY(r->diags, MSG_NOT_A_BOOLEAN, place, name, text);
        return;
    case ENUM:
        if (!is_word_of(khap__str(row->words), text)) {
            khap__buf_clear(&r->scratch);
            khap__buf_add(&r->scratch, S("; it is one of "));
            khap__buf_add(&r->scratch, khap__str(row->words));
            for (size_t i = 0; i < r->scratch.len; i++)
                r->scratch.ptr[i] = r->scratch.ptr[i] == '|' ? ' ' : r->scratch.ptr[i];
            SAY(r->diags, MSG_NOT_A_CHOICE, place, name, text, khap__buf_str(&r->scratch));
        }
        return;
    case INT:
        for (size_t i = 0; i < text.len; i++)
            number = khap__is_digit((unsigned char)text.ptr[i]) && number < 100000
                         ? number * 10 + (uint32_t)(text.ptr[i] - '0')
                         : 100000;
        if (number < row->low || number > row->high) {
            char low[20], high[20];
            SAY(r->diags, MSG_OUT_OF_RANGE, place, name, khap__str_uint(low, row->low),
                khap__str_uint(high, row->high), text);
        }
        return;
    default:
        for (size_t i = 0; i < text.len; i++) {
            unsigned char byte = (unsigned char)text.ptr[i];
            if ((byte < 0x20 && byte != '\t') || byte == 0x7f) {
                SAY(r->diags, MSG_BAD_TEXT, place, name, S("a control character"));
                return;
            }
        }
    }
}

static void check_list(struct reading *r, enum table_key key, const struct yaml_node *node)
{
    if (node->kind == YAML_MAPPING) {
        say_wrong_type(r, key, node);
        return;
    }
    for (const struct yaml_node *n = khap__table_items(node); n != NULL; n = khap__table_item_next(node, n)) {
        check_scalar(r, rows[key].holder == TABLE_TEST_HEADERS ? TABLE_TEST_NAME : key, n);
        if (key == TABLE_TEST_EXPECT_ABSENT && n->kind == YAML_SCALAR &&
            !khap__header_name_valid(khap__yaml_text(n)))
            SAY(r->diags, MSG_BAD_HEADER_NAME, khap__table_place(r->routes, n), khap__str(rows[key].key),
                khap__yaml_text(n));
    }
}

/* Header fields by name. */
static void check_map(struct reading *r, enum table_key key, const struct yaml_node *node)
{
    if (node->kind != YAML_MAPPING) {
        say_wrong_type(r, key, node);
        return;
    }
    for (const struct yaml_node *name = node->child; name != NULL && name->next != NULL;
         name = name->next->next) {
        if (!khap__header_name_valid(khap__yaml_text(name)))
            SAY(r->diags, MSG_BAD_HEADER_NAME, khap__table_place(r->routes, name), khap__str(rows[key].key),
                khap__yaml_text(name));
        enum table_key entry = member(key, S("*"));
        if (entry == TABLE_ROOT)
            check_scalar(r, TABLE_TEST_NAME, name->next);
        else
            check_list(r, entry, name->next);
    }
}

/* A mapping with fixed keys, of which one level may stand below. */
static void read_object(struct reading *r, enum table_key key, const struct yaml_node *node,
                        struct table_test *test)
{
    enum table_key holders[2] = {key, TABLE_ROOT};
    const struct yaml_node *nodes[2] = {node, NULL};
    for (size_t level = 0; level < 2 && nodes[level] != NULL; level++) {
        if (nodes[level]->kind != YAML_MAPPING) {
            say_wrong_type(r, holders[level], nodes[level]);
            return;
        }
        for (const struct yaml_node *name = nodes[level]->child; name != NULL && name->next != NULL;
             name = name->next->next) {
            struct khap_str text = khap__yaml_text(name);
            enum table_key found = member(holders[level], text);
            if (found == TABLE_ROOT) {
                if (!khap__str_starts(text, S("x-")))
                    say_unknown(r, holders[level], name);
                continue;
            }
            test->at[found] = name->next;
            if (rows[found].type == OBJECT) {
                holders[1] = found;
                nodes[1] = name->next;
            } else if (rows[found].type == MAP) {
                check_map(r, found, name->next);
            } else if (rows[found].type == LIST) {
                check_list(r, found, name->next);
            } else {
                check_scalar(r, found, name->next);
            }
        }
    }
}

static struct khap_str text_of(const struct table_test *test, enum table_key key)
{
    const struct yaml_node *node = test->at[key];
    return node == NULL ? (struct khap_str){NULL, 0} : khap__yaml_text(node);
}

static bool take_headers(struct reading *r, struct table_test *test)
{
    const struct yaml_node *map = test->at[TABLE_TEST_HEADERS];
    size_t n = 0;
    for (const struct yaml_node *name = map == NULL ? NULL : map->child; name != NULL;
         name = name->next->next)
        for (const struct yaml_node *v = khap__table_items(name->next); v != NULL;
             v = khap__table_item_next(name->next, v))
            n++;
    if (n == 0)
        return true;
    struct khap_route_header *fields = khap__arena_alloc(&r->routes->arena, n, sizeof *fields);
    if (fields == NULL)
        return false;
    n = 0;
    for (const struct yaml_node *name = map->child; name != NULL; name = name->next->next)
        for (const struct yaml_node *v = khap__table_items(name->next); v != NULL;
             v = khap__table_item_next(name->next, v))
            fields[n++] = (struct khap_route_header){khap__yaml_text(name), khap__yaml_text(v)};
    test->request.headers = fields;
    test->request.n_headers = n;
    return true;
}

/* The request that a test asks, once all of it is good. */
static bool take_request(struct reading *r, struct table_test *test)
{
    struct khap_route_request *q = &test->request;
    struct khap_str http = text_of(test, TABLE_TEST_HTTP);
    khap_route_request_init(q);
    q->url = text_of(test, TABLE_TEST_URL);
    q->method = text_of(test, TABLE_TEST_METHOD);
    q->source = text_of(test, TABLE_TEST_SRC);
    q->sni = text_of(test, TABLE_TEST_SNI);
    q->alpn = text_of(test, TABLE_TEST_ALPN);
    q->bind = text_of(test, TABLE_TEST_BIND);
    if (http.len > 0)
        q->version = http.len == 1 ? (uint32_t)(http.ptr[0] - '0') * 10 : 10 + (uint32_t)(http.ptr[2] - '0');
    q->client_subject = text_of(test, TABLE_TEST_CLIENTSUBJECT);
    q->client_cert = khap__table_true(test->at[TABLE_TEST_CLIENTCERT]) || q->client_subject.len > 0 ? 1 : 0;
    struct khap_str length = text_of(test, TABLE_TEST_BODYLENGTH);
    int64_t n = 0;
    if (length.len > 0 && khap__int_parse(length, 0, INT64_MAX, &n) == VALUE_OK) {
        q->has_body_length = 1;
        q->body_length = (uint64_t)n;
    }
    test->name = text_of(test, TABLE_TEST_NAME);
    if (test->name.len == 0) {
        khap__buf_clear(&r->scratch);
        khap__buf_add(&r->scratch, q->method.len > 0 ? q->method : S("GET"));
        khap__buf_char(&r->scratch, ' ');
        khap__buf_add(&r->scratch, q->url);
        if (r->scratch.failed ||
            khap__arena_dup(&r->routes->arena, khap__buf_str(&r->scratch), &test->name) != KHAP_OK)
            return false;
    }
    return take_headers(r, test);
}

static void read_test(struct reading *r, const struct yaml_node *node)
{
    static const uint8_t expected[] = {
        TABLE_TEST_EXPECT_OUTCOME,  TABLE_TEST_EXPECT_FRONTEND, TABLE_TEST_EXPECT_BACKEND,
        TABLE_TEST_EXPECT_SERVICE,  TABLE_TEST_EXPECT_SERVER,   TABLE_TEST_EXPECT_STATUS,
        TABLE_TEST_EXPECT_REDIRECT, TABLE_TEST_EXPECT_HEADERS,  TABLE_TEST_EXPECT_ABSENT};
    struct table_test test = {.place = khap__table_place(r->routes, node)};
    size_t errors = khap_diags_count(r->diags, KHAP_ERROR);
    bool any = false;
    read_object(r, TABLE_TEST, node, &test);
    for (size_t i = 0; i < sizeof expected; i++)
        any = any || test.at[expected[i]] != NULL;
    if (node->kind == YAML_MAPPING) {
        if (test.at[TABLE_TEST_URL] == NULL)
            SAY(r->diags, MSG_MISSING_KEY, test.place, S("a test"), S("url"));
        if (test.at[TABLE_TEST_EXPECT] == NULL)
            SAY(r->diags, MSG_MISSING_KEY, test.place, S("a test"), S("expect"));
        else if (!any && khap_diags_count(r->diags, KHAP_ERROR) == errors)
            SAY0(r->diags, MSG_NOTHING_EXPECTED, khap__table_place(r->routes, test.at[TABLE_TEST_EXPECT]));
    }
    if (khap_diags_count(r->diags, KHAP_ERROR) != errors)
        return;
    if (!take_request(r, &test) || !VEC_PUSH(&r->routes->alloc, &r->routes->tests, test))
        r->no_memory = true;
}

static void read_root(struct reading *r, const struct yaml_node *root)
{
    if (root->kind != YAML_MAPPING) {
        say_wrong_type(r, TABLE_ROOT, root);
        return;
    }
    for (const struct yaml_node *name = root->child; name != NULL && name->next != NULL;
         name = name->next->next) {
        const struct yaml_node *list = name->next;
        if (member(TABLE_ROOT, khap__yaml_text(name)) != TABLE_TESTS) {
            if (!khap__str_starts(khap__yaml_text(name), S("x-")))
                say_unknown(r, TABLE_ROOT, name);
            continue;
        }
        if (list->kind != YAML_SEQUENCE && list->kind != YAML_MAPPING) {
            say_wrong_type(r, TABLE_TESTS, list);
            continue;
        }
        for (const struct yaml_node *item = khap__table_items(list); item != NULL && !r->no_memory;
             item = khap__table_item_next(list, item))
            read_test(r, item);
    }
}

enum khap_status khap_routes_read(const struct khap_alloc *alloc, uint32_t source, struct khap_diags *diags,
                                  struct khap_routes **out)
{
    if (out == NULL || diags == NULL || source == 0)
        return KHAP_EINVAL;
    *out = NULL;
    struct khap_alloc a = khap__alloc_or_default(alloc);
    struct khap_routes *routes = khap__alloc(&a, 1, sizeof *routes);
    struct yaml_reader *yaml = NULL;
    if (routes == NULL)
        return KHAP_ENOMEM;
    *routes = (struct khap_routes){.alloc = a, .source = source};
    khap__arena_init(&routes->arena, &a);
    struct reading r = {.routes = routes, .diags = diags};
    khap__buf_init(&r.scratch, &a);
    size_t errors = khap_diags_count(diags, KHAP_ERROR);
    enum khap_status status = khap__yaml_open(&a, diags, source, NULL, &yaml);
    struct yaml_node *root = NULL;
    do {
        if (status == KHAP_OK)
            status = khap__yaml_next(yaml, &routes->arena, &root);
        if (root != NULL && status == KHAP_OK)
            read_root(&r, root);
        if (r.no_memory || r.scratch.failed)
            status = KHAP_ENOMEM;
    } while (root != NULL && status == KHAP_OK);
    khap__yaml_close(yaml);
    khap__buf_free(&r.scratch);
    if (status == KHAP_OK && khap_diags_count(diags, KHAP_ERROR) == errors && routes->tests.len == 0)
        SAY0(diags, MSG_EMPTY_TABLE, ((struct khap_place){source, 0, 0}));
    if (status == KHAP_OK && khap_diags_count(diags, KHAP_ERROR) != errors)
        status = KHAP_EINPUT;
    if (khap__diags_status(diags) == KHAP_ENOMEM)
        status = KHAP_ENOMEM;
    if (status != KHAP_OK) {
        khap_routes_free(routes);
        return status;
    }
    *out = routes;
    return KHAP_OK;
}

void khap_routes_free(struct khap_routes *routes)
{
    if (routes == NULL)
        return;
    struct khap_alloc a = routes->alloc;
    VEC_FREE(&a, &routes->tests);
    khap__arena_free(&routes->arena);
    khap__free(&a, routes, 1, sizeof *routes);
}

enum khap_status khap_routes_test_at(const struct khap_routes *routes, size_t index,
                                     struct khap_routes_test *out)
{
    if (routes == NULL || out == NULL || out->size != sizeof *out)
        return KHAP_EINVAL;
    if (index >= routes->tests.len)
        return KHAP_ENOENT;
    const struct table_test *test = &routes->tests.ptr[index];
    *out = (struct khap_routes_test){.size = sizeof *out,
                                     .name = test->name,
                                     .place = test->place,
                                     .url = khap__table_place(routes, test->at[TABLE_TEST_URL]),
                                     .request = test->request};
    return KHAP_OK;
}
