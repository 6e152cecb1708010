/* route/table_judge.c - an answer held against what is expected; what it is, as an expectation. SPDX-License-Identifier: MIT */
#include "base/buf.h"
#include "route/table.h"

static const char kinds[][12] = {"unknown", "backend", "redirect", "answer", "denied",
                                 "closed",  "service", "nowhere",  "unknown"};

static struct khap_str kind_name(uint32_t kind)
{
    return khap__str(kinds[kind < sizeof kinds / sizeof *kinds ? kind : 0]);
}

/* One outcome, as far as expectations look at it. */
struct outcome_view {
    const struct khap_route_answer *answer;
    size_t index;
    struct khap_route_outcome o;
};

static enum khap_answer same(struct khap_str wanted, struct khap_str got)
{
    return khap__str_eq(wanted, got) ? KHAP_TRUE : KHAP_FALSE;
}

/* How many servers may get it, and the last of them. */
static size_t servers(const struct outcome_view *v, struct khap_route_server *last, struct khap_str wanted,
                      bool *among)
{
    struct khap_route_server server = {.size = sizeof server};
    size_t n = 0;
    for (size_t i = 0; i < v->o.n_servers; i++) {
        if (khap_route_server_at(v->answer, v->index, i, &server) != KHAP_OK || server.chosen == KHAP_FALSE)
            continue;
        if (server.chosen == KHAP_TRUE) {
            *last = server;
            *among = khap__str_eq(server.name, wanted);
            return 1;
        }
        *among = *among || khap__str_eq(server.name, wanted);
        *last = server;
        n++;
    }
    return n;
}

static enum khap_answer judge_server(const struct outcome_view *v, struct khap_str wanted)
{
    struct khap_route_server server;
    bool among = false;
    size_t n = servers(v, &server, wanted, &among);
    return !among ? KHAP_FALSE : n == 1 ? KHAP_TRUE : KHAP_UNKNOWN;
}

static enum khap_answer judge_status(const struct outcome_view *v, struct khap_str wanted)
{
    char room[20];
    if (v->o.status != 0)
        return same(wanted, khap__str_uint(room, v->o.status));
    return v->o.kind == KHAP_ROUTE_CLOSED || v->o.kind == KHAP_ROUTE_NOWHERE ? KHAP_FALSE : KHAP_UNKNOWN;
}

/* A field with this value; without one, whether there is no such field. */
static enum khap_answer judge_header(const struct outcome_view *v, struct khap_str name,
                                     const struct khap_str *wanted)
{
    enum khap_answer found = wanted == NULL ? KHAP_TRUE : KHAP_FALSE;
    for (size_t i = 0; i < v->o.n_headers; i++) {
        struct khap_route_header field;
        uint32_t known = 0;
        if (khap_route_header_at(v->answer, v->index, i, &field, &known) != KHAP_OK ||
            !khap__str_eq_nocase(field.name, name))
            continue;
        if (known == 0)
            found = KHAP_UNKNOWN;
        else if (wanted == NULL)
            return KHAP_FALSE;
        else if (khap__str_eq(field.value, *wanted))
            return KHAP_TRUE;
    }
    return found;
}

static enum khap_answer judge_key(const struct outcome_view *v, enum table_key key, struct khap_str wanted)
{
    const struct khap_route_outcome *o = &v->o;
    if (o->kind >= KHAP_ROUTE_UNKNOWN && key != TABLE_TEST_EXPECT_FRONTEND)
        return KHAP_UNKNOWN;
    switch (key) {
    case TABLE_TEST_EXPECT_OUTCOME:
        return same(wanted, kind_name(o->kind));
    case TABLE_TEST_EXPECT_FRONTEND:
        return same(wanted, o->frontend);
    case TABLE_TEST_EXPECT_SERVER:
        return judge_server(v, wanted);
    case TABLE_TEST_EXPECT_STATUS:
        return judge_status(v, wanted);
    case TABLE_TEST_EXPECT_REDIRECT:
        if (o->kind != KHAP_ROUTE_REDIRECT)
            return KHAP_FALSE;
        return o->location.len == 0 ? KHAP_UNKNOWN : same(wanted, o->location);
    default: /* backend and service */
        return same(wanted, o->backend);
    }
}

/* What there is instead, in words. */
static void add_got(struct buf *out, const struct outcome_view *v, enum table_key key, struct khap_str name)
{
    const struct khap_route_outcome *o = &v->o;
    struct khap_route_server server;
    bool among = false, any = false;
    char room[20];
    switch (key) {
    case TABLE_TEST_EXPECT_FRONTEND:
        khap__buf_add(out, o->frontend.len > 0 ? o->frontend : S("none"));
        return;
    case TABLE_TEST_EXPECT_SERVER:
        for (size_t i = 0, n = servers(v, &server, name, &among); i < n && i < 8; i++) {
            server.size = sizeof server;
            if (n > 1 && khap_route_server_at(v->answer, v->index, i, &server) != KHAP_OK)
                continue;
            khap__buf_add(out, any ? S(" or ") : S(""));
            khap__buf_add(out, server.name);
            any = true;
        }
        khap__buf_add(out, any ? S("") : S("none"));
        return;
    case TABLE_TEST_EXPECT_HEADERS:
    case TABLE_TEST_EXPECT_ABSENT:
        for (size_t i = 0; i < o->n_headers; i++) {
            struct khap_route_header field;
            uint32_t known = 0;
            if (khap_route_header_at(v->answer, v->index, i, &field, &known) != KHAP_OK ||
                !khap__str_eq_nocase(field.name, name))
                continue;
            khap__buf_add(out, any ? S(", ") : S(""));
            khap__buf_add(out, known != 0 ? field.value : S("a value that is not known"));
            any = true;
        }
        khap__buf_add(out, any ? S("") : S("no such field"));
        return;
    default:
        break;
    }
    khap__buf_add(out, kind_name(o->kind));
    if (o->status != 0) {
        khap__buf_char(out, ' ');
        khap__buf_add(out, khap__str_uint(room, o->status));
    }
    if (o->location.len > 0) {
        khap__buf_char(out, ' ');
        khap__buf_add(out, o->location);
    }
    if (o->backend.len > 0) {
        khap__buf_add(out, o->kind == KHAP_ROUTE_BACKEND ? S(" ") : S(" in backend "));
        khap__buf_add(out, o->backend);
    }
    struct khap_str why = khap_route_reason_at(v->answer, v->index, 0, NULL);
    if (why.len > 0) {
        khap__buf_add(out, S(", which depends on "));
        khap__buf_add(out, why);
    }
}

/* Judging one test. */
struct judging {
    const struct khap_routes *routes;
    const struct table_test *test;
    enum khap_status (*fault)(void *ctx, const struct khap_routes_fault *fault);
    void *ctx;
    struct buf wanted, got;
    bool good;
    enum khap_status status;
};

/* One expectation, which has come to `result` for an outcome. */
static void note(struct judging *j, const struct outcome_view *v, enum table_key key, enum khap_answer result,
                 struct khap_str name, struct khap_str value, const struct yaml_node *node)
{
    if (result == KHAP_TRUE)
        return;
    j->good = false;
    if (j->fault == NULL || j->status != KHAP_OK)
        return;
    khap__buf_clear(&j->wanted);
    khap__buf_clear(&j->got);
    khap__buf_add(&j->wanted, name);
    khap__buf_add(&j->wanted, name.len > 0 && value.len > 0 ? S(": ") : S(""));
    khap__buf_add(&j->wanted, value);
    add_got(&j->got, v, key, name.len > 0 ? name : value);
    const struct khap_routes_fault fault = {.size = sizeof fault,
                                            .key = khap__table_key_name(key),
                                            .wanted = khap__buf_str(&j->wanted),
                                            .got = khap__buf_str(&j->got),
                                            .place = khap__table_place(j->routes, node),
                                            .unknown = result == KHAP_UNKNOWN ? 1 : 0};
    j->status = j->wanted.failed || j->got.failed ? KHAP_ENOMEM : j->fault(j->ctx, &fault);
}

/* What an expectation comes to over all outcomes, or in one; `at` is the first outcome in which it is worst. */
struct verdict {
    enum khap_answer result;
    struct outcome_view at;
};

static void worst(struct verdict *w, const struct outcome_view *v, enum khap_answer result)
{
    if (result < w->result)
        *w = (struct verdict){result, *v};
}

/* Each expectation in the first `end` outcomes. */
static void judge_outcomes(struct judging *j, const struct khap_route_answer *answer, size_t end)
{
    for (uint32_t k = TABLE_TEST_EXPECT + 1; k < TABLE__COUNT; k++) {
        const enum table_key key = (enum table_key)k;
        const struct yaml_node *node = j->test->at[key];
        if (node == NULL || key == TABLE_TEST_EXPECT_UNKNOWN)
            continue;
        bool map = key == TABLE_TEST_EXPECT_HEADERS, list = key == TABLE_TEST_EXPECT_ABSENT;
        const struct yaml_node *item = map ? node->child : list ? khap__table_items(node) : node;
        while (item != NULL) {
            struct khap_str text = khap__yaml_text(item),
                            value = map ? khap__yaml_text(item->next) : (struct khap_str){NULL, 0};
            struct verdict w = {.result = KHAP_TRUE};
            struct outcome_view v = {.answer = answer, .o = {.size = sizeof v.o}};
            for (; v.index < end && khap_route_outcome_at(answer, v.index, &v.o) == KHAP_OK; v.index++) {
                bool unknown = v.o.kind >= KHAP_ROUTE_UNKNOWN;
                worst(&w, &v,
                      map || list ? unknown ? KHAP_UNKNOWN : judge_header(&v, text, map ? &value : NULL)
                                  : judge_key(&v, key, text));
            }
            note(j, &w.at, key, w.result, map || list ? text : (struct khap_str){NULL, 0},
                 map    ? value
                 : list ? (struct khap_str){NULL, 0}
                        : text,
                 item);
            item = map ? item->next->next : list ? khap__table_item_next(node, item) : NULL;
        }
    }
}

/* Whether all that is expected may hold in one outcome; nothing is told. */
static bool may_hold(const struct judging *j, const struct khap_route_answer *answer, size_t index)
{
    struct verdict w = {.result = KHAP_TRUE};
    struct outcome_view v = {.answer = answer, .index = index, .o = {.size = sizeof v.o}};
    if (khap_route_outcome_at(answer, index, &v.o) != KHAP_OK)
        return false;
    if (v.o.kind >= KHAP_ROUTE_UNKNOWN)
        return true;
    for (uint32_t k = TABLE_TEST_EXPECT + 1; k < TABLE__COUNT; k++) {
        const struct yaml_node *node = j->test->at[k];
        if (node == NULL || k == TABLE_TEST_EXPECT_UNKNOWN)
            continue;
        if (k == TABLE_TEST_EXPECT_HEADERS) {
            for (const struct yaml_node *n = node->child; n != NULL; n = n->next->next) {
                struct khap_str value = khap__yaml_text(n->next);
                worst(&w, &v, judge_header(&v, khap__yaml_text(n), &value));
            }
        } else if (k == TABLE_TEST_EXPECT_ABSENT) {
            for (const struct yaml_node *n = khap__table_items(node); n != NULL;
                 n = khap__table_item_next(node, n))
                worst(&w, &v, judge_header(&v, khap__yaml_text(n), NULL));
        } else {
            worst(&w, &v, judge_key(&v, (enum table_key)k, khap__yaml_text(node)));
        }
    }
    return w.result != KHAP_FALSE;
}

enum khap_status
khap_routes_judge(const struct khap_routes *routes, size_t index, const struct khap_route_answer *answer,
                  enum khap_status (*fault)(void *ctx, const struct khap_routes_fault *fault), void *ctx,
                  uint32_t *good)
{
    if (routes == NULL || answer == NULL || good == NULL)
        return KHAP_EINVAL;
    if (index >= routes->tests.len)
        return KHAP_ENOENT;
    struct judging j = {
        .routes = routes, .test = &routes->tests.ptr[index], .fault = fault, .ctx = ctx, .good = true};
    struct khap_route_outcome o = {.size = sizeof o};
    khap__buf_init(&j.wanted, &routes->alloc);
    khap__buf_init(&j.got, &routes->alloc);
    size_t n = 0;
    bool possible = false;
    while (khap_route_outcome_at(answer, n, &o) == KHAP_OK)
        possible = may_hold(&j, answer, n++) || possible;
    /* where one of them is enough, what is told is about the first one */
    if (!khap__table_true(j.test->at[TABLE_TEST_EXPECT_UNKNOWN]))
        judge_outcomes(&j, answer, n);
    else if (!possible)
        judge_outcomes(&j, answer, 1);
    *good = j.good ? 1 : 0;
    khap__buf_free(&j.wanted);
    khap__buf_free(&j.got);
    return j.status;
}
