/* kube/allow.c - what a namespace may claim: hosts, and keys that reach beyond its objects. SPDX-License-Identifier: MIT */
#include "config.h"

#include "kube/resolve.h"

struct allowed {
    struct khap_str
        name; /* NAMESPACE, SOURCE/NAMESPACE; `*` in place of a namespace is each that is not listed */
    struct texts *hosts, *keys;
    bool any_host;
    struct allowed *next;
};

struct khap_kube_allow {
    struct memory memory;
    struct allowed *rows;
};

struct allow_reading {
    struct khap_kube_allow *allow;
    const struct khap_yaml *yaml;
    struct khap_diags *diags;
    bool bad;
};

static void say(struct allow_reading *r, const struct khap_yaml_node *node, struct khap_str what,
                struct khap_str why)
{
    khap__kube_say(r->diags, "kube-bad-allow", khap_yaml_place(r->yaml, node), what, why, S(""));
    r->bad = true;
}

static void add_text(struct allow_reading *r, const struct khap_yaml_node *node, bool host, struct texts **to)
{
    struct memory *m = &r->allow->memory;
    struct khap_str text = khap_yaml_text(node);
    if (khap_yaml_kind(node) != KHAP_YAML_SCALAR || text.len == 0) {
        say(r, node, host ? S("hosts") : S("keys"), S("a list of texts is meant"));
        return;
    }
    struct texts *t = khap__kube_take(m, 1, sizeof *t);
    if (!t)
        return;
    t->value.text = host ? khap__kube_normal_host(m, text) : khap__kube_copy(m, text);
    t->next = *to;
    *to = t;
}

static void read_texts(struct allow_reading *r, const struct khap_yaml_node *node, bool host,
                       struct texts **to)
{
    const struct khap_yaml_node *item = NULL;
    if (khap_yaml_kind(node) != KHAP_YAML_SEQUENCE)
        add_text(r, node, host, to);
    while ((item = khap_yaml_each(khap_yaml_kind(node) == KHAP_YAML_SEQUENCE ? node : NULL, item)) != NULL)
        add_text(r, item, host, to);
}

static bool is_row_name(struct khap_str name)
{
    const char *slash = memchr(name.ptr, '/', name.len);
    struct khap_str ns = slash ? khap__kube_rest(name, (size_t)(slash - name.ptr) + 1) : name;
    struct khap_str source = slash ? (struct khap_str){name.ptr, (size_t)(slash - name.ptr)} : S("source");
    return khap__kube_is_name(source) && (khap__kube_same(ns, S("*")) || khap__kube_is_name(ns));
}

static void read_row(struct allow_reading *r, const struct khap_yaml_node *key)
{
    struct memory *m = &r->allow->memory;
    const struct khap_yaml_node *value = khap_yaml_value(key), *at = NULL;
    struct allowed *row = khap__kube_take(m, 1, sizeof *row);
    if (!row)
        return;
    row->name = khap__kube_copy(m, khap_yaml_text(key));
    row->next = r->allow->rows;
    r->allow->rows = row;
    row->any_host = true;
    if (!is_row_name(khap_yaml_text(key)))
        say(r, key, khap_yaml_text(key), S("NAMESPACE, SOURCE/NAMESPACE or `*` is meant"));
    if (khap_yaml_kind(value) != KHAP_YAML_MAPPING)
        say(r, value ? value : key, khap_yaml_text(key), S("a mapping with `hosts` and `keys` is meant"));
    while ((at = khap_yaml_each(khap_yaml_kind(value) == KHAP_YAML_MAPPING ? value : NULL, at)) != NULL) {
        struct khap_str name = khap_yaml_text(at);
        bool hosts = khap__kube_same(name, S("hosts"));
        if (!hosts && !khap__kube_same(name, S("keys"))) {
            say(r, at, name, S("there is no such key; `hosts` and `keys` are"));
            continue;
        }
        row->any_host &= !hosts;
        read_texts(r, khap_yaml_value(at), hosts, hosts ? &row->hosts : &row->keys);
    }
    for (const struct texts *t = row->keys; t; t = t->next) {
        if (!khap__kube_is_service_key(t->value.text))
            say(r, key, t->value.text, S("a service of the map has no such key"));
    }
}

enum khap_status khap_kube_allow_read(const struct khap_alloc *alloc, const struct khap_yaml *yaml,
                                      const struct khap_yaml_node *node, struct khap_diags *diags,
                                      struct khap_kube_allow **out)
{
    struct memory m;
    const struct khap_yaml_node *key = NULL;
    if (!yaml || !diags || !out)
        return KHAP_EINVAL;
    *out = NULL;
    khap__kube_memory_init(&m, alloc);
    struct khap_kube_allow *allow = khap__kube_take(&m, 1, sizeof *allow);
    if (!allow)
        return KHAP_ENOMEM;
    allow->memory = m;
    struct allow_reading r = {allow, yaml, diags, false};
    if (khap_yaml_kind(node) != KHAP_YAML_MAPPING && khap_yaml_kind(node) != KHAP_YAML_NULL)
        say(&r, node, S("allow"), S("a mapping of namespaces is meant"));
    while ((key = khap_yaml_each(khap_yaml_kind(node) == KHAP_YAML_MAPPING ? node : NULL, key)) != NULL)
        read_row(&r, key);
    if (!allow->memory.failed && !r.bad) {
        *out = allow;
        return KHAP_OK;
    }
    bool failed = allow->memory.failed;
    khap__kube_memory_free(&allow->memory);
    return failed ? KHAP_ENOMEM : KHAP_EINPUT;
}

void khap_kube_allow_free(struct khap_kube_allow *allow)
{
    if (allow)
        khap__kube_memory_free(&allow->memory);
}

/* ---- what is asked of it */

/* Of the source's own rows first, the namespace before `*`. */
static const struct allowed *row_of(const struct resolving *r, struct khap_str ns)
{
    const struct allowed *best = NULL;
    int rank = 0;
    for (const struct allowed *row = r->options.allow->rows; row; row = row->next) {
        const char *slash = memchr(row->name.ptr, '/', row->name.len);
        size_t len = slash ? (size_t)(slash - row->name.ptr) : 0;
        struct khap_str name = slash ? khap__kube_rest(row->name, len + 1) : row->name;
        bool named = khap__kube_same(name, ns);
        int own = 1 + (named ? 2 : 0) + (slash ? 1 : 0);
        if ((named || khap__kube_same(name, S("*"))) && own > rank &&
            (!slash || khap__kube_same((struct khap_str){row->name.ptr, len}, r->options.source))) {
            best = row;
            rank = own;
        }
    }
    return best;
}

bool khap__kube_may_claim(const struct resolving *r, struct khap_str ns)
{
    return !r->options.allow || row_of(r, ns) != NULL;
}

/* `*.example.com` is any depth below it, and so are wildcards that are. */
static bool is_within(struct khap_str host, struct khap_str pattern)
{
    if (khap__kube_same(pattern, S("*")) || khap__kube_same(pattern, host))
        return true;
    return pattern.len > 2 && pattern.ptr[0] == '*' && pattern.ptr[1] == '.' && host.len >= pattern.len &&
           khap__kube_same(khap__kube_rest(host, host.len - pattern.len + 1), khap__kube_rest(pattern, 1));
}

bool khap__kube_may_have_host(const struct resolving *r, struct khap_str ns, struct khap_str host)
{
    const struct allowed *row = r->options.allow ? row_of(r, ns) : NULL;
    if (!r->options.allow || (row && row->any_host))
        return true;
    for (const struct texts *t = row ? row->hosts : NULL; t; t = t->next) {
        if (is_within(host, t->value.text))
            return true;
    }
    return false;
}

bool khap__kube_may_say(const struct resolving *r, struct khap_str ns, struct khap_str key)
{
    const struct allowed *row = r->options.allow ? row_of(r, ns) : NULL;
    for (const struct texts *t = row ? row->keys : NULL; t; t = t->next) {
        struct khap_str named = t->value.text;
        if (khap__kube_begins(key, named) &&
            (key.len == named.len || key.ptr[named.len] == '.' || key.ptr[named.len] == '['))
            return true;
    }
    return false;
}
