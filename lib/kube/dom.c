/* kube/dom.c - a small JSON text as a tree. SPDX-License-Identifier: MIT */
#include "config.h"

#include "kube/dom.h"

enum { LONGEST = 2 << 20 };

struct building {
    struct memory *m;
    struct dom *root;
    struct dom **end[JSON_DEPTH + 2]; /* where the next value of each depth goes */
    struct khap_str key;
};

static bool told(void *ctx, enum json_event event, uint32_t depth, struct khap_str text)
{
    struct building *b = ctx;
    if (event == JSON_OBJECT_END || event == JSON_ARRAY_END)
        return true;
    if (event == JSON_KEY) {
        b->key = khap__kube_copy(b->m, text);
        return !b->m->failed;
    }
    if (depth == 0 && b->root) /* one value */
        return false;
    struct dom *d = khap__kube_take(b->m, 1, sizeof *d);
    if (!d)
        return false;
    *d = (struct dom){.event = event, .key = b->key, .text = khap__kube_copy(b->m, text)};
    b->key = S("");
    *b->end[depth] = d;
    b->end[depth] = &d->next;
    if (event == JSON_OBJECT || event == JSON_ARRAY)
        b->end[depth + 1] = &d->child;
    return !b->m->failed;
}

struct dom *khap__dom_read(struct memory *m, struct khap_str text)
{
    struct building b = {.m = m};
    struct json j;
    b.end[0] = &b.root;
    khap__json_init(&j, &m->alloc, LONGEST, told, &b);
    bool good = khap__json_take(&j, text) && khap__json_between(&j);
    m->failed |= j.token.failed;
    khap__json_free(&j);
    return good ? b.root : NULL;
}

const struct dom *khap__dom_get(const struct dom *d, const char *path)
{
    while (d && *path) {
        size_t len = strcspn(path, ".");
        const struct dom *at = d->event == JSON_OBJECT ? d->child : NULL;
        while (at && !khap__kube_same(at->key, (struct khap_str){path, len}))
            at = at->next;
        d = at;
        path += len + (path[len] == '.');
    }
    return d;
}

struct khap_str khap__dom_text(const struct dom *d, const char *path)
{
    const struct dom *at = khap__dom_get(d, path);
    return at && (at->event == JSON_STRING || at->event == JSON_OTHER) ? at->text : S("");
}

static size_t count(const struct dom *d)
{
    size_t n = 0;
    for (const struct dom *at = d->child; at; at = at->next)
        n++;
    return n;
}

/* As deep as JSON_DEPTH at most. */
bool khap__dom_same(const struct dom *a, const struct dom *b)
{
    if (!a || !b || a->event != b->event || !khap__kube_same(a->text, b->text) || count(a) != count(b))
        return a == b;
    const struct dom *in_turn = b->child;
    for (const struct dom *x = a->child; x; x = x->next) {
        const struct dom *y = in_turn;
        if (a->event == JSON_OBJECT && !khap__kube_same(x->key, y->key))
            for (y = b->child; y && !khap__kube_same(x->key, y->key);)
                y = y->next;
        if (!y || !khap__dom_same(x, y))
            return false;
        in_turn = in_turn->next;
    }
    return true;
}

void khap__dom_write(struct text *t, const struct dom *d)
{
    if (d->event == JSON_STRING)
        khap__json_add_quoted(t, d->text);
    else if (d->event == JSON_OTHER)
        khap__kube_add(t, d->text);
    else
        khap__kube_add(t, d->event == JSON_OBJECT ? S("{") : S("["));
    for (const struct dom *at = d->child; at; at = at->next) {
        if (at != d->child)
            khap__kube_add(t, S(","));
        if (d->event == JSON_OBJECT) {
            khap__json_add_quoted(t, at->key);
            khap__kube_add(t, S(":"));
        }
        khap__dom_write(t, at);
    }
    if (d->event == JSON_OBJECT || d->event == JSON_ARRAY)
        khap__kube_add(t, d->event == JSON_OBJECT ? S("}") : S("]"));
}
