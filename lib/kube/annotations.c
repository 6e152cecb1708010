/*
 * kube/annotations.c - keys of the service map as annotations: `check.path` is khap.io/check-path.
 * SPDX-License-Identifier: MIT
 */
#include "config.h"

#include "kube/resolve.h"

#include <stdlib.h>

/* Keys that an annotation may be, but which reach beyond the object that carries it. */
static const char *const beyond[] = {"default", "frontends", "nodes", "sendProxy"};
static const char services[] = "services.*.";

struct annotation {
    struct resolving *r;
    const struct object *o;
    struct said *said;
    const struct pair *pair;
    struct khap_str name; /* behind khap.io/ */
    khap__kube_route *route;
    void *ctx;
};

static struct khap_str terminated(const char *s)
{
    return (struct khap_str){s, strlen(s)};
}

static bool find_row(struct khap_str path, struct khap_key *row)
{
    *row = (struct khap_key){.size = sizeof *row};
    for (size_t i = 0; khap_key_at(i, row) == KHAP_OK; i++) {
        if (khap__kube_same(terminated(row->path), path))
            return true;
    }
    return false;
}

/* `check.path` and `check-path`, `redirectHttps` and `redirect-https`. */
static bool is_named(const char *key, struct khap_str name)
{
    size_t at = 0;
    for (; *key; key++) {
        bool large = *key >= 'A' && *key <= 'Z';
        if (large || *key == '.') {
            if (at == name.len || name.ptr[at++] != '-')
                return false;
            if (!large)
                continue;
        }
        if (at == name.len || name.ptr[at++] != (large ? (char)(*key - 'A' + 'a') : *key))
            return false;
    }
    return at == name.len;
}

static void add_name(struct text *out, const char *key)
{
    for (; *key; key++) {
        char letter = *key >= 'A' && *key <= 'Z' ? (char)(*key - 'A' + 'a') : *key;
        if (letter != *key || letter == '.')
            khap__kube_add(out, S("-"));
        if (letter != '.')
            khap__kube_add(out, (struct khap_str){&letter, 1});
    }
}

/* The row of a service's key, or of a route's; what holds names of the user's is none. */
static bool find_annotation(struct khap_str name, struct khap_key *row)
{
    *row = (struct khap_key){.size = sizeof *row};
    for (size_t i = 0; khap_key_at(i, row) == KHAP_OK; i++) {
        if (strncmp(row->path, services, sizeof services - 1) != 0)
            continue;
        const char *key = row->path + sizeof services - 1;
        if (strpbrk(key, "*[") == NULL && is_named(key, name))
            return true;
    }
    return false;
}

bool khap__kube_is_for_tcp(struct khap_str key)
{
    struct khap_key row = {.size = sizeof row};
    for (size_t i = 0; khap_key_at(i, &row) == KHAP_OK; i++) {
        if (strncmp(row.path, services, sizeof services - 1) == 0 &&
            khap__kube_same(terminated(row.path + sizeof services - 1), key))
            return strstr(row.applies, "tcp") != NULL;
    }
    return false;
}

static bool is_beyond(const char *key)
{
    for (size_t i = 0; i < sizeof beyond / sizeof *beyond; i++) {
        size_t len = strlen(beyond[i]);
        if (strncmp(key, beyond[i], len) == 0 && (key[len] == '\0' || key[len] == '.'))
            return true;
    }
    return false;
}

static bool begins(const char *s, const char *beginning)
{
    return strncmp(s, beginning, strlen(beginning)) == 0;
}

bool khap__kube_is_service_key(struct khap_str key)
{
    struct khap_key row = {.size = sizeof row};
    for (size_t i = 0; khap_key_at(i, &row) == KHAP_OK; i++) {
        if (begins(row.path, services) && khap__kube_same(terminated(row.path + sizeof services - 1), key))
            return true;
    }
    return false;
}

/* Whether a stranger may say it. Items of a list that may be said may be, but for files and what is other people's. */
static bool is_harmless(const struct khap_key *row)
{
    if (begins(row->type, "file") || begins(row->type, "lines") || begins(row->type, "list(file"))
        return false;
    if (begins(row->path, "services.*.routes[].split") || begins(row->path, "services.*.routes[].backend"))
        return false;
    if (begins(row->path, services) && is_beyond(row->path + sizeof services - 1))
        return false;
    return row->annotation == 1 || strstr(row->path, "[]") != NULL;
}

/* Or whoever wrote `allow` trusts his namespace with it; what stands at a route is the service's key, too. */
static bool is_allowed(const struct annotation *a, const struct khap_key *row)
{
    static const char routes[] = "routes[].";
    if (is_harmless(row))
        return true;
    if (!begins(row->path, services))
        return false;
    const char *key = row->path + sizeof services - 1;
    return khap__kube_may_say(a->r, a->o->ns, terminated(key)) ||
           (begins(key, routes) && khap__kube_may_say(a->r, a->o->ns, terminated(key + sizeof routes - 1)));
}

static void refuse(const struct annotation *a, struct khap_str key)
{
    khap__kube_say(a->r->diags, "kube-annotation-refused", a->pair->value.place, a->pair->name.text, key,
                   S(""));
    a->said->bad = true;
}

static void say_unknown(const struct annotation *a)
{
    struct khap_key row = {.size = sizeof row};
    struct text name, best;
    size_t least = SIZE_MAX;
    khap__kube_text_init(&name, &a->r->memory.alloc);
    khap__kube_text_init(&best, &a->r->memory.alloc);
    for (size_t i = 0; khap_key_at(i, &row) == KHAP_OK; i++) {
        if (!begins(row.path, services) || strpbrk(row.path + sizeof services - 1, "*[") ||
            !is_harmless(&row))
            continue;
        name.len = 0;
        add_name(&name, row.path + sizeof services - 1);
        size_t distance = khap__kube_distance(khap__kube_text(&name), a->name);
        if (distance >= least)
            continue;
        least = distance;
        best.len = 0;
        khap__kube_add(&best, S("; did you mean `khap.io/"));
        khap__kube_add(&best, khap__kube_text(&name));
        khap__kube_add(&best, S("`?"));
    }
    khap__kube_say(a->r->diags, "kube-unknown-annotation", a->pair->name.place, a->pair->name.text,
                   khap__kube_text(&best), S(""));
    a->r->memory.failed |= name.failed || best.failed;
    khap__kube_text_free(&name);
    khap__kube_text_free(&best);
}

/* ---- values that are YAML themselves */

enum { LONGEST = 1 << 20, DEEPEST = 66 };

/*
 * Writes what was read, each scalar in quotes, so that what reaches the map is what was looked at. `path` is the row of the value. False when it says
 * something that it may not, which was told.
 */
static bool write_node(const struct annotation *a, const struct khap_yaml_node *node,
                       const struct text *above, struct text *out, unsigned depth);

/* Puts the row of an object's member in place of its own. */
static bool enter(struct text *path, struct khap_str name)
{
    struct khap_key row;
    size_t len = path->len;
    khap__kube_add(path, S("."));
    khap__kube_add(path, name);
    if (!path->failed && find_row(khap__kube_text(path), &row))
        return true;
    path->len = len;
    khap__kube_add(path, S(".*"));
    return find_row(khap__kube_text(path), &row);
}

static bool write_member(const struct annotation *a, struct khap_str name, const struct khap_yaml_node *value,
                         const struct text *above, struct text *out, unsigned depth)
{
    struct text path;
    struct khap_key row;
    bool good = true;
    khap__kube_text_init(&path, &a->r->memory.alloc);
    khap__kube_add(&path, khap__kube_text(above));
    /* an unknown key is for the map to tell */
    if (enter(&path, name) && find_row(khap__kube_text(&path), &row) && !is_allowed(a, &row)) {
        refuse(a, name);
        good = false;
    }
    khap__kube_add_quoted(out, name);
    khap__kube_add(out, S(": "));
    good = good && write_node(a, value, &path, out, depth);
    a->r->memory.failed |= path.failed;
    khap__kube_text_free(&path);
    return good;
}

/* A bare value of object(KEY) is that of KEY. */
static bool may_be_bare(const struct annotation *a, const struct text *path)
{
    struct khap_key row;
    struct text inner;
    bool good = true;
    if (!find_row(khap__kube_text(path), &row) || !begins(row.type, "object("))
        return true;
    const char *key = row.type + 7;
    khap__kube_text_init(&inner, &a->r->memory.alloc);
    khap__kube_add(&inner, khap__kube_text(path));
    if (enter(&inner, (struct khap_str){key, strcspn(key, "|)")}) &&
        find_row(khap__kube_text(&inner), &row) && !is_allowed(a, &row)) {
        refuse(a, terminated(row.path + sizeof services - 1));
        good = false;
    }
    a->r->memory.failed |= inner.failed;
    khap__kube_text_free(&inner);
    return good;
}

/* What is no list stands for a list with this one item. */
static void enter_item(struct text *path)
{
    struct khap_key row;
    size_t len = path->len;
    khap__kube_add(path, S("[]"));
    if (!find_row(khap__kube_text(path), &row))
        path->len = len;
}

static bool write_scalar(const struct annotation *a, const struct khap_yaml_node *node,
                         const struct text *path, struct text *out)
{
    struct khap_str text = khap_yaml_text(node);
    if (!may_be_bare(a, path))
        return false;
    if (khap__kube_same(text, S("false")) || khap__kube_same(text, S("true")))
        khap__kube_add(out, text); /* off is off only when it is no text */
    else
        khap__kube_add_quoted(out, text);
    return true;
}

static bool write_sequence(const struct annotation *a, const struct khap_yaml_node *node,
                           const struct text *path, struct text *out, unsigned depth)
{
    const struct khap_yaml_node *at = NULL;
    bool good = true;
    khap__kube_add(out, S("["));
    while (good && (at = khap_yaml_each(node, at)) != NULL) {
        good = write_node(a, at, path, out, depth + 1);
        khap__kube_add(out, S(", "));
    }
    khap__kube_add(out, S("]"));
    return good;
}

static bool write_mapping(const struct annotation *a, const struct khap_yaml_node *node,
                          const struct text *path, struct text *out, unsigned depth)
{
    const struct khap_yaml_node *at = NULL;
    bool good = true;
    khap__kube_add(out, S("{"));
    while (good && (at = khap_yaml_each(node, at)) != NULL) {
        good = write_member(a, khap_yaml_text(at), khap_yaml_value(at), path, out, depth + 1);
        khap__kube_add(out, S(", "));
    }
    khap__kube_add(out, S("}"));
    return good;
}

static bool write_node(const struct annotation *a, const struct khap_yaml_node *node,
                       const struct text *above, struct text *out, unsigned depth)
{
    struct text path;
    struct khap_key row;
    bool good = true;
    if (depth > DEEPEST || out->len > LONGEST) {
        khap__kube_say(a->r->diags, "kube-bad-value", a->pair->value.place, a->pair->name.text,
                       S("more than is read of one annotation"), S(""));
        a->said->bad = true;
        return false;
    }
    khap__kube_text_init(&path, &a->r->memory.alloc);
    khap__kube_add(&path, khap__kube_text(above));
    if (find_row(khap__kube_text(&path), &row) && begins(row.type, "same(")) { /* its rows stand elsewhere */
        path.len = 0;
        khap__kube_add(&path, (struct khap_str){row.type + 5, strlen(row.type) - 6});
    }
    enter_item(&path);
    switch ((enum khap_yaml_kind)khap_yaml_kind(node)) {
    case KHAP_YAML_NULL:
        khap__kube_add(out, S("~"));
        break;
    case KHAP_YAML_SCALAR:
        good = write_scalar(a, node, &path, out);
        break;
    case KHAP_YAML_SEQUENCE:
        good = write_sequence(a, node, &path, out, depth);
        break;
    case KHAP_YAML_MAPPING:
        good = write_mapping(a, node, &path, out, depth);
        break;
    }
    a->r->memory.failed |= path.failed;
    khap__kube_text_free(&path);
    return good && !path.failed;
}

static void each_route(const struct annotation *a, const struct khap_yaml_node *root, struct text *path)
{
    const struct khap_yaml_node *item = NULL;
    struct text out, what;
    khap__kube_text_init(&out, &a->r->memory.alloc);
    khap__kube_text_init(&what, &a->r->memory.alloc);
    khap__kube_add(path, S("[]"));
    if (khap_yaml_kind(root) != KHAP_YAML_SEQUENCE) {
        khap__kube_say(a->r->diags, "kube-bad-value", a->pair->value.place, a->pair->name.text,
                       S("no list of routes"), S(""));
        a->said->bad = true;
    }
    while ((item = khap_yaml_each(khap_yaml_kind(root) == KHAP_YAML_SEQUENCE ? root : NULL, item)) != NULL) {
        struct khap_str host = khap_yaml_kind(item) == KHAP_YAML_SCALAR
                                   ? khap_yaml_text(item)
                                   : khap_yaml_text(khap_yaml_get(item, S("host")));
        out.len = what.len = 0;
        khap__kube_add_what(&what, khap_yaml_text(khap_yaml_get(item, S("path"))),
                            khap_yaml_text(khap_yaml_get(item, S("pathType"))));
        bool matches = khap_yaml_get(item, S("match")) != NULL;
        if (write_node(a, item, path, &out, 0) && !out.failed && !what.failed)
            a->route(a->ctx, host, khap__kube_text(matches ? &out : &what), khap__kube_text(&out),
                     a->pair->value.place);
    }
    a->r->memory.failed |= out.failed || what.failed;
    khap__kube_text_free(&what);
    khap__kube_text_free(&out);
}

static void add_setting(const struct annotation *a, const char *key, struct khap_str yaml)
{
    struct setting *s = khap__kube_take(&a->r->memory, 1, sizeof *s), **at = &a->said->settings;
    if (!s)
        return;
    *s = (struct setting){terminated(key), khap__kube_copy(&a->r->memory, yaml), a->pair->value.place, NULL};
    while (*at && khap__kube_compare((*at)->key, s->key) < 0)
        at = &(*at)->next;
    s->next = *at;
    *at = s;
}

/* Flow text, read on its own and written anew. */
static void read_yaml(const struct annotation *a, const struct khap_key *row, bool routes)
{
    const struct khap_alloc *alloc = &a->r->memory.alloc;
    struct khap_sources *sources = NULL;
    struct khap_diags *diags = NULL;
    struct khap_yaml *yaml = NULL;
    const struct khap_yaml_node *root = NULL;
    struct text path, out;
    uint32_t source = 0;
    khap__kube_text_init(&path, alloc);
    khap__kube_text_init(&out, alloc);
    khap__kube_add(&path, terminated(row->path));
    enum khap_status status = khap_sources_new(alloc, &sources);
    if (status == KHAP_OK)
        status = khap_sources_add(sources, S("annotation"), a->pair->value.text, &source);
    if (status == KHAP_OK)
        status = khap_diags_new(alloc, sources, &diags);
    if (status == KHAP_OK)
        status = khap_yaml_open(alloc, diags, source, &yaml);
    if (status == KHAP_OK)
        status = khap_yaml_next(yaml, &root);
    if (status == KHAP_ENOMEM) {
        a->r->memory.failed = true;
    } else if (status != KHAP_OK || khap_diags_count(diags, KHAP_ERROR) > 0) {
        const struct khap_diag *d = diags ? khap_diags_next(diags, NULL) : NULL;
        khap__kube_say(a->r->diags, "kube-bad-value", a->pair->value.place, a->pair->name.text,
                       d ? khap_diag_text(d) : S("no YAML"), S(""));
        a->said->bad = true;
    } else if (routes) {
        each_route(a, root, &path);
    } else if (write_node(a, root, &path, &out, 0) && !out.failed) {
        add_setting(a, row->path + sizeof services - 1, khap__kube_text(&out));
    }
    a->r->memory.failed |= path.failed || out.failed;
    khap_yaml_free(yaml);
    khap_diags_free(diags);
    khap_sources_free(sources);
    khap__kube_text_free(&path);
    khap__kube_text_free(&out);
}

/* ---- values that are words */

static void read_list(const struct annotation *a, const struct khap_key *row)
{
    struct khap_str list = a->pair->value.text, item;
    struct text out;
    khap__kube_text_init(&out, &a->r->memory.alloc);
    khap__kube_add(&out, S("["));
    while (khap__kube_item(&list, &item)) {
        khap__kube_add_quoted(&out, item);
        khap__kube_add(&out, S(", "));
    }
    khap__kube_add(&out, S("]"));
    a->r->memory.failed |= out.failed;
    if (!out.failed)
        add_setting(a, row->path + sizeof services - 1, khap__kube_text(&out));
    khap__kube_text_free(&out);
}

static void read_word(const struct annotation *a, const struct khap_key *row)
{
    struct text out;
    khap__kube_text_init(&out, &a->r->memory.alloc);
    khap__kube_add_quoted(&out, a->pair->value.text);
    a->r->memory.failed |= out.failed;
    if (!out.failed)
        add_setting(a, row->path + sizeof services - 1, khap__kube_text(&out));
    khap__kube_text_free(&out);
}

/* Whether object(KEY) takes a list where it stands for its KEY. */
static bool is_short_for_list(const struct annotation *a, const struct khap_key *row)
{
    struct khap_key inner = {.size = sizeof inner};
    size_t len = strlen(row->path);
    if (!begins(row->type, "object("))
        return false;
    const char *key = row->type + 7;
    size_t n = strcspn(key, "|)");
    for (size_t i = 0; khap_key_at(i, &inner) == KHAP_OK; i++) {
        if (strncmp(inner.path, row->path, len) == 0 && inner.path[len] == '.' &&
            strlen(inner.path + len + 1) == n && strncmp(inner.path + len + 1, key, n) == 0)
            return begins(inner.type, "list(") && is_allowed(a, &inner);
    }
    return false;
}

static void read_value(const struct annotation *a, const struct khap_key *row)
{
    struct khap_str value = a->pair->value.text;
    bool flow = value.len > 0 && (value.ptr[0] == '[' || value.ptr[0] == '{');
    bool off = khap__kube_same(value, S("false")) || khap__kube_same(value, S("true"));
    if (!flow && !off && (begins(row->type, "list(") || is_short_for_list(a, row)))
        read_list(a, row);
    else if (begins(row->type, "list(") || begins(row->type, "object") || begins(row->type, "map("))
        read_yaml(a, row, false);
    else
        read_word(a, row);
}

/* `hosts` and `routes` are wishes, because somebody else may have the host. */
static void read_hosts(const struct annotation *a)
{
    struct khap_str list = a->pair->value.text, host;
    struct text out;
    khap__kube_text_init(&out, &a->r->memory.alloc);
    /* a YAML list is read as one with commas is */
    if (list.len > 1 && list.ptr[0] == '[' && list.ptr[list.len - 1] == ']')
        list = (struct khap_str){list.ptr + 1, list.len - 2};
    while (khap__kube_item(&list, &host)) {
        if (host.len > 1 && (host.ptr[0] == '"' || host.ptr[0] == '\'') &&
            host.ptr[host.len - 1] == host.ptr[0])
            host = (struct khap_str){host.ptr + 1, host.len - 2};
        out.len = 0;
        khap__kube_add(&out, S("{host: "));
        khap__kube_add_quoted(&out, host);
        khap__kube_add(&out, S("}"));
        if (!out.failed)
            a->route(a->ctx, host, S(""), khap__kube_text(&out), a->pair->value.place);
    }
    a->r->memory.failed |= out.failed;
    khap__kube_text_free(&out);
}

/* Whether a route has the key, or what it is a part of. */
static bool is_of_routes(const struct annotation *a, const struct khap_key *row)
{
    struct khap_key inner;
    struct text path;
    const char *key = row->path + sizeof services - 1;
    khap__kube_text_init(&path, &a->r->memory.alloc);
    khap__kube_add(&path, S("services.*.routes[]."));
    khap__kube_add(&path, (struct khap_str){key, strcspn(key, ".")});
    bool found = find_row(khap__kube_text(&path), &inner);
    a->r->memory.failed |= path.failed;
    khap__kube_text_free(&path);
    return found;
}

/* An Ingress speaks of its own routes only. */
static void read_on(const struct annotation *a, const struct khap_key *row)
{
    if (a->o->kind == KIND_SERVICE || is_of_routes(a, row))
        read_value(a, row);
    else
        khap__kube_say(a->r->diags, "kube-annotation-place", a->pair->name.place, a->pair->name.text, S(""),
                       S(""));
}

static void read_annotation(const struct annotation *a)
{
    struct khap_key row;
    bool on_service = a->o->kind == KIND_SERVICE;
    if (on_service && khap__kube_same(a->name, S("port"))) {
        a->said->port = a->pair->value.text;
        a->said->port_place = a->pair->value.place;
    } else if (on_service && khap__kube_same(a->name, S("class"))) {
        a->said->class_name = a->pair->value.text;
        a->said->has_class = true;
    } else if (!find_annotation(a->name, &row)) {
        say_unknown(a);
    } else if (!is_allowed(a, &row)) {
        refuse(a, terminated(row.path + sizeof services - 1));
    } else if (on_service && khap__kube_same(a->name, S("hosts"))) {
        a->said->has_routes = true;
        read_hosts(a);
    } else if (on_service && khap__kube_same(a->name, S("routes"))) {
        a->said->has_routes = true;
        read_yaml(a, &row, true);
    } else {
        read_on(a, &row);
    }
}

/* Whether the key is said, or a part of it, or what it is a part of. */
static bool is_said(const struct said *said, struct khap_str key)
{
    for (const struct setting *s = said->settings; s; s = s->next) {
        size_t least = s->key.len < key.len ? s->key.len : key.len;
        if (memcmp(s->key.ptr, key.ptr, least) == 0 &&
            (s->key.len == key.len || (s->key.len < key.len ? key : s->key).ptr[least] == '.'))
            return true;
    }
    return false;
}

/* It is another controller's: what cannot be said here is a note, and nothing said in khap's own words is touched. */
static void read_alias(struct annotation *a)
{
    struct khap_key row = {.size = sizeof row};
    struct khap_str key, value;
    struct text path;
    enum alias alias = khap__kube_alias(a->o, a->pair, &key, &value);
    if (alias == ALIAS_NONE || is_said(a->said, key))
        return;
    khap__kube_text_init(&path, &a->r->memory.alloc);
    khap__kube_add(&path, S("services.*."));
    khap__kube_add(&path, key);
    bool found = find_row(khap__kube_text(&path), &row);
    bool flow = alias == ALIAS_GOOD && (value.ptr[0] == '[' || value.ptr[0] == '{');
    struct pair here = *a->pair;
    here.value.text = value;
    if (alias == ALIAS_OTHER || flow || (found && !is_allowed(a, &row))) {
        khap__kube_say(a->r->diags, "kube-alias-unheard", a->pair->value.place, a->pair->name.text, key,
                       S(""));
    } else if (found) {
        a->pair = &here;
        read_on(a, &row);
    }
    a->r->memory.failed |= path.failed;
    khap__kube_text_free(&path);
}

void khap__kube_annotations(struct resolving *r, const struct object *o, struct said *said,
                            khap__kube_route *route, void *ctx)
{
    static const size_t prefix = sizeof "khap.io/" - 1;
    for (int others = 0; others < 2; others++) { /* khap's own words go before */
        for (const struct pair *p = o->annotations; p; p = p->next) {
            bool own = !khap__kube_is_others(p->name.text);
            struct annotation a = {r,     o,  said, p, own ? khap__kube_rest(p->name.text, prefix) : S(""),
                                   route, ctx};
            if (own && others == 0)
                read_annotation(&a);
            else if (!own && others == 1)
                read_alias(&a);
        }
    }
    r->bad |= said->bad;
}
