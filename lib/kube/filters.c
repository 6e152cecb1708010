/* kube/filters.c - what a rule changes in requests and answers: filters and timeouts as keys of a service. SPDX-License-Identifier: MIT */
#include "config.h"

#include "kube/filters.h"

/* A header field that is set, added or deleted. */
struct header {
    struct khap_str key, name, value; /* "headers.request.set" */
    const struct tree *filter;
    struct khap_place place;
    struct header *next;
};

struct reading_filters {
    struct resolving *r;
    struct changes *changes;
    struct header *headers, **last;
};

static void unsupported(struct changes *c, struct khap_str reason, struct khap_str message,
                        const struct tree *at)
{
    if (c->reason.len > 0)
        return;
    c->reason = reason;
    c->message = message;
    c->at = at;
}

void khap__kube_add_setting(struct resolving *r, struct setting **list, struct khap_str key,
                            struct khap_str yaml, struct khap_place place)
{
    struct setting *s = khap__kube_take(&r->memory, 1, sizeof *s);
    if (!s)
        return;
    *s = (struct setting){khap__kube_copy(&r->memory, key), khap__kube_copy(&r->memory, yaml), place, NULL};
    while (*list)
        list = &(*list)->next;
    *list = s;
}

static bool same_name(struct khap_str a, struct khap_str b)
{
    bool same = a.len == b.len;
    for (size_t i = 0; same && i < a.len; i++)
        same = khap__kube_lower(a.ptr[i]) == khap__kube_lower(b.ptr[i]);
    return same;
}

/* ---- header fields */

/* In one filter the first of a name counts; of two filters the later one, and what both add are two values. */
static void add_header(struct reading_filters *f, const struct tree *filter, struct khap_str key,
                       struct khap_str name, struct khap_str value, struct khap_place place)
{
    bool adds = key.ptr[key.len - 1] == 'd';
    if (!khap__kube_is_token(name)) {
        unsupported(f->changes, S("UnsupportedValue"), S("a header has a name that is none"), filter);
        return;
    }
    for (struct header *h = f->headers; h; h = h->next) {
        if (!khap__kube_same(h->key, key) || !same_name(h->name, name))
            continue;
        if (h->filter == filter)
            return;
        struct text t;
        khap__kube_text_init(&t, &f->r->memory.alloc);
        khap__kube_add(&t, adds ? h->value : S(""));
        khap__kube_add(&t, adds ? S(",") : S(""));
        khap__kube_add(&t, value);
        h->value = khap__kube_copy(&f->r->memory, khap__kube_text(&t));
        h->filter = filter;
        f->r->memory.failed |= t.failed;
        khap__kube_text_free(&t);
        return;
    }
    struct header *h = khap__kube_take(&f->r->memory, 1, sizeof *h);
    if (!h)
        return;
    *h = (struct header){key, name, value, filter, place, NULL};
    *f->last = h;
    f->last = &h->next;
}

static void read_headers(struct reading_filters *f, const struct tree *filter, bool response)
{
    static const char *const members[] = {"set", "add"};
    static const struct khap_str keys[2][3] = {
        {{"headers.request.set", 19}, {"headers.request.add", 19}, {"headers.request.delete", 22}},
        {{"headers.response.set", 20}, {"headers.response.add", 20}, {"headers.response.delete", 23}}};
    for (size_t i = 0; i < 2; i++) {
        for (const struct tree *t = khap__kube_first(filter, members[i]); t; t = t->next)
            add_header(f, filter, keys[response][i], khap__kube_word(t, "name", S("")),
                       khap__kube_word(t, "value", S("")), t->place);
    }
    for (const struct tree *t = khap__kube_first(filter, "remove"); t; t = t->next)
        add_header(f, filter, keys[response][2], t->text, S(""), t->place);
}

static void set_headers(struct reading_filters *f)
{
    for (const struct header *h = f->headers; h; h = h->next) {
        struct text key, value;
        bool deletes = h->key.ptr[h->key.len - 1] == 'e';
        khap__kube_text_init(&key, &f->r->memory.alloc);
        khap__kube_text_init(&value, &f->r->memory.alloc);
        khap__kube_add(&key, h->key);
        khap__kube_add(&key, deletes ? S(".+") : S(".\""));
        khap__kube_add(&key, deletes ? S("") : h->name);
        khap__kube_add(&key, deletes ? S("") : S("\""));
        khap__kube_add_quoted(&value, deletes ? h->name : h->value);
        f->r->memory.failed |= key.failed || value.failed;
        if (!f->r->memory.failed)
            khap__kube_add_setting(f->r, &f->changes->settings, khap__kube_text(&key),
                                   khap__kube_text(&value), h->place);
        khap__kube_text_free(&key);
        khap__kube_text_free(&value);
    }
}

/* ---- paths and hosts */

void khap__kube_add_member(struct text *out, struct khap_str key, struct khap_str value)
{
    khap__kube_add(out, key);
    khap__kube_add(out, S(": "));
    khap__kube_add_quoted(out, value);
    khap__kube_add(out, S(", "));
}

/* `path` of a redirect or a rewrite. */
void khap__kube_add_path(struct text *out, const struct tree *path)
{
    bool whole = khap__kube_is(path, "type", S("ReplaceFullPath"));
    struct khap_str value = khap__kube_word(path, whole ? "replaceFullPath" : "replacePrefixMatch", S("/"));
    if (path)
        khap__kube_add_member(out, whole ? S("path") : S("prefix"), value);
}

static void set_rewrite(struct reading_filters *f, const struct tree *rewrite)
{
    struct khap_str host = khap__kube_word(rewrite, "hostname", S(""));
    struct text t;
    khap__kube_text_init(&t, &f->r->memory.alloc);
    khap__kube_add(&t, S("{"));
    if (host.len > 0)
        khap__kube_add_member(&t, S("host"), host);
    khap__kube_add_path(&t, khap__kube_member(rewrite, "path"));
    khap__kube_add(&t, S("}"));
    f->r->memory.failed |= t.failed;
    if (!t.failed && t.len > 2)
        khap__kube_add_setting(f->r, &f->changes->settings, S("rewrite"), khap__kube_text(&t),
                               rewrite->place);
    khap__kube_text_free(&t);
}

/* ---- cross-origin requests */

static void add_list(struct text *out, struct khap_str key, const struct tree *item)
{
    khap__kube_add(out, item ? key : S(""));
    khap__kube_add(out, item ? S(": [") : S(""));
    for (const struct tree *t = item; t; t = t->next) {
        khap__kube_add_quoted(out, t->text);
        khap__kube_add(out, S(", "));
    }
    khap__kube_add(out, item ? S("], ") : S(""));
}

static bool has_any(const struct tree *item)
{
    while (item && !khap__kube_same(item->text, S("*")))
        item = item->next;
    return item != NULL;
}

static void set_cors(struct reading_filters *f, const struct tree *cors)
{
    struct text t;
    uint32_t age = khap__kube_uint(cors, "maxAge", 5);
    if (has_any(khap__kube_first(cors, "allowHeaders")) || has_any(khap__kube_first(cors, "exposeHeaders"))) {
        unsupported(f->changes, S("UnsupportedValue"), S("CORS takes names of headers, and no `*`"), cors);
        return;
    }
    khap__kube_text_init(&t, &f->r->memory.alloc);
    khap__kube_add(&t, S("{"));
    add_list(&t, S("origins"), khap__kube_first(cors, "allowOrigins"));
    if (has_any(khap__kube_first(cors, "allowMethods")))
        khap__kube_add(&t, S("methods: [GET, HEAD, POST, PUT, DELETE, CONNECT, OPTIONS, TRACE, PATCH], "));
    else
        add_list(&t, S("methods"), khap__kube_first(cors, "allowMethods"));
    add_list(&t, S("headers"), khap__kube_first(cors, "allowHeaders"));
    add_list(&t, S("expose"), khap__kube_first(cors, "exposeHeaders"));
    khap__kube_add(&t, khap__kube_is(cors, "allowCredentials", S("true")) ? S("credentials: true, ") : S(""));
    khap__kube_add(&t, S("maxAge: "));
    khap__kube_add_number(&t, age);
    khap__kube_add(&t, S("s}"));
    f->r->memory.failed |= t.failed;
    if (!t.failed)
        khap__kube_add_setting(f->r, &f->changes->settings, S("cors"), khap__kube_text(&t), cors->place);
    khap__kube_text_free(&t);
}

/* ---- timeouts */

/* "1h30m" in milliseconds; UINT64_MAX when it is none. */
static uint64_t milliseconds(struct khap_str s)
{
    uint64_t sum = 0;
    for (size_t at = 0; at < s.len;) {
        uint64_t n = 0;
        size_t from = at;
        while (at < s.len && s.ptr[at] >= '0' && s.ptr[at] <= '9' && at - from < 6)
            n = n * 10 + (uint64_t)(s.ptr[at++] - '0');
        struct khap_str unit = khap__kube_rest(s, at);
        uint64_t each = khap__kube_begins(unit, S("ms"))  ? 1
                        : khap__kube_begins(unit, S("s")) ? 1000
                        : khap__kube_begins(unit, S("m")) ? 60000
                        : khap__kube_begins(unit, S("h")) ? 3600000
                                                          : 0;
        if (from == at || each == 0)
            return UINT64_MAX;
        at += each == 1 ? 2 : 1;
        sum += n * each;
    }
    return s.len > 0 ? sum : UINT64_MAX;
}

/* The shorter of the two; none of 0 is one. HAProxy counts the silence of a server, which is the same until an answer begins. */
static void set_timeouts(struct reading_filters *f, const struct tree *timeouts)
{
    static const char *const members[] = {"request", "backendRequest"};
    uint64_t least = UINT64_MAX;
    bool never = false;
    for (size_t i = 0; i < 2; i++) {
        const struct tree *t = khap__kube_member(timeouts, members[i]);
        uint64_t ms = t ? milliseconds(t->text) : 0;
        if (ms == UINT64_MAX || ms > INT32_MAX)
            unsupported(f->changes, S("UnsupportedValue"),
                        S("a timeout is no duration of three weeks at most"), timeouts);
        never |= t && ms == 0;
        least = ms > 0 && ms < least ? ms : least;
    }
    if (least == UINT64_MAX && never)
        least = UINT64_C(24) * 86400 * 1000; /* as long as HAProxy can wait */
    if (least == UINT64_MAX)
        return;
    struct text t;
    khap__kube_text_init(&t, &f->r->memory.alloc);
    khap__kube_add_number(&t, least);
    khap__kube_add(&t, S("ms"));
    f->r->memory.failed |= t.failed;
    if (!t.failed)
        khap__kube_add_setting(f->r, &f->changes->settings, S("timeouts.server"), khap__kube_text(&t),
                               timeouts->place);
    khap__kube_text_free(&t);
}

/* ---- all of them */

static void read_filter(struct reading_filters *f, const struct tree *t, const struct tree **rewrite,
                        const struct tree **cors)
{
    struct khap_str type = khap__kube_word(t, "type", S(""));
    struct changes *c = f->changes;
    if (khap__kube_same(type, S("RequestHeaderModifier")))
        read_headers(f, khap__kube_member(t, "requestHeaderModifier"), false);
    else if (khap__kube_same(type, S("ResponseHeaderModifier")))
        read_headers(f, khap__kube_member(t, "responseHeaderModifier"), true);
    else if (khap__kube_same(type, S("RequestRedirect")))
        c->redirect = khap__kube_member(t, "requestRedirect");
    else if (khap__kube_same(type, S("URLRewrite")))
        *rewrite = khap__kube_member(t, "urlRewrite");
    else if (khap__kube_same(type, S("CORS")))
        *cors = khap__kube_member(t, "cors");
    else
        unsupported(c, S("UnsupportedValue"), S("a filter is of a type that HAProxy cannot do"), t);
    if (khap__kube_same(type, S("RequestRedirect")) && !c->redirect)
        unsupported(c, S("UnsupportedValue"), S("a filter does not say what it does"), t);
}

void khap__kube_filters(struct resolving *r, const struct tree *rule, const struct tree *ref,
                        struct changes *out)
{
    struct reading_filters f = {.r = r, .changes = out};
    const struct tree *rewrite = NULL, *cors = NULL, *t;
    f.last = &f.headers;
    for (t = khap__kube_first(rule, "filters"); t; t = t->next)
        read_filter(&f, t, &rewrite, &cors);
    for (t = khap__kube_first(ref, "filters"); t; t = t->next)
        read_filter(&f, t, &rewrite, &cors);
    if (out->redirect && (rewrite || cors || khap__kube_first(ref, "filters")))
        unsupported(out, S("IncompatibleFilters"), S("a redirect stands alone"), out->redirect);
    if (rewrite)
        set_rewrite(&f, rewrite);
    if (cors)
        set_cors(&f, cors);
    set_headers(&f);
    if (khap__kube_member(rule, "timeouts"))
        set_timeouts(&f, khap__kube_member(rule, "timeouts"));
}
