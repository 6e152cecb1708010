/* kube/patch.c - what has to change in an object so that it says what is wanted. SPDX-License-Identifier: MIT */
#include "config.h"

#include "kube/kube.h"
#include "kube/writer.h"

/* ---- times */

static void add_digits(struct text *t, int64_t n, int width)
{
    char digits[20];
    size_t at = sizeof digits;
    for (; width > 0 || n > 0; width--, n /= 10)
        digits[--at] = (char)('0' + n % 10);
    khap__kube_add(t, (struct khap_str){digits + at, sizeof digits - at});
}

void khap__add_time(struct text *t, int64_t unix_ms, bool fine)
{
    int64_t ms = unix_ms > 0 ? unix_ms : 0, seconds = ms / 1000, days = seconds / 86400;
    /* years begin with March, so that the day that comes and goes is the last one */
    int64_t since = days + 719468, era = since / 146097, of_era = since % 146097;
    int64_t year_of_era = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t month = (5 * of_year + 2) / 153, day = of_year - (153 * month + 2) / 5 + 1;
    int64_t civil = month < 10 ? month + 3 : month - 9;
    add_digits(t, year_of_era + era * 400 + (civil <= 2), 4);
    khap__kube_add(t, S("-"));
    add_digits(t, civil, 2);
    khap__kube_add(t, S("-"));
    add_digits(t, day, 2);
    khap__kube_add(t, S("T"));
    add_digits(t, seconds / 3600 % 24, 2);
    khap__kube_add(t, S(":"));
    add_digits(t, seconds / 60 % 60, 2);
    khap__kube_add(t, S(":"));
    add_digits(t, seconds % 60, 2);
    if (fine) {
        khap__kube_add(t, S("."));
        add_digits(t, ms % 1000 * 1000, 6);
    }
    khap__kube_add(t, S("Z"));
}

/* ---- parts of a status */

struct patching {
    struct text *out;
    int64_t unix_ms;
    struct khap_str controller;
};

static const struct dom *first(const struct dom *list)
{
    return list && list->event == JSON_ARRAY ? list->child : NULL;
}

static void add_comma(struct text *t, bool *any)
{
    khap__kube_add(t, *any ? S(",") : S(""));
    *any = true;
}

static void add_key(struct text *t, struct khap_str key)
{
    khap__json_add_quoted(t, key);
    khap__kube_add(t, S(":"));
}

static const struct dom *with(const struct dom *list, const char *member, struct khap_str text)
{
    const struct dom *d = first(list);
    while (d && !khap__kube_same(khap__dom_text(d, member), text))
        d = d->next;
    return d;
}

/* Each keeps its time unless its status changes; of a type that is not among ours, it is somebody else's and stays. */
static void add_conditions(struct patching *p, const struct dom *now, const struct dom *wanted)
{
    bool any = false;
    khap__kube_add(p->out, S("["));
    for (const struct dom *c = first(wanted); c; c = c->next) {
        const struct dom *was = with(now, "type", khap__dom_text(c, "type"));
        struct khap_str since = khap__dom_text(was, "lastTransitionTime");
        add_comma(p->out, &any);
        khap__kube_add(p->out, S("{"));
        for (const struct dom *m = c->child; m; m = m->next) {
            add_key(p->out, m->key);
            khap__dom_write(p->out, m);
            khap__kube_add(p->out, S(","));
        }
        add_key(p->out, S("lastTransitionTime"));
        if (since.len > 0 && khap__kube_same(khap__dom_text(was, "status"), khap__dom_text(c, "status"))) {
            khap__json_add_quoted(p->out, since);
        } else {
            khap__kube_add(p->out, S("\""));
            khap__add_time(p->out, p->unix_ms, false);
            khap__kube_add(p->out, S("\""));
        }
        khap__kube_add(p->out, S("}"));
    }
    for (const struct dom *c = first(now); c; c = c->next) {
        if (with(wanted, "type", khap__dom_text(c, "type")))
            continue;
        add_comma(p->out, &any);
        khap__dom_write(p->out, c);
    }
    khap__kube_add(p->out, S("]"));
}

/* A member with the conditions that are in it; `was`: the one that stands there now, or NULL. */
static void add_with_conditions(struct patching *p, const struct dom *was, const struct dom *wanted)
{
    bool any = false;
    khap__kube_add(p->out, S("{"));
    for (const struct dom *m = wanted->child; m; m = m->next) {
        add_comma(p->out, &any);
        add_key(p->out, m->key);
        if (khap__kube_same(m->key, S("conditions")))
            add_conditions(p, khap__dom_get(was, "conditions"), m);
        else
            khap__dom_write(p->out, m);
    }
    khap__kube_add(p->out, S("}"));
}

static void add_listeners(struct patching *p, const struct dom *now, const struct dom *wanted)
{
    bool any = false;
    khap__kube_add(p->out, S("["));
    for (const struct dom *l = first(wanted); l; l = l->next) {
        add_comma(p->out, &any);
        add_with_conditions(p, with(now, "name", khap__dom_text(l, "name")), l);
    }
    khap__kube_add(p->out, S("]"));
}

/* Those of other controllers stay as they are, where they are. */
static void add_parents(struct patching *p, const struct dom *now, const struct dom *wanted)
{
    bool any = false;
    khap__kube_add(p->out, S("["));
    for (const struct dom *d = first(now); d; d = d->next) {
        if (khap__kube_same(khap__dom_text(d, "controllerName"), p->controller))
            continue;
        add_comma(p->out, &any);
        khap__dom_write(p->out, d);
    }
    for (const struct dom *d = first(wanted); d; d = d->next) {
        const struct dom *was = first(now);
        while (was && !(khap__kube_same(khap__dom_text(was, "controllerName"), p->controller) &&
                        khap__dom_same(khap__dom_get(was, "parentRef"), khap__dom_get(d, "parentRef"))))
            was = was->next;
        add_comma(p->out, &any);
        add_with_conditions(p, was, d);
    }
    khap__kube_add(p->out, S("]"));
}

static void add_member(struct patching *p, const struct dom *now, const struct dom *wanted)
{
    if (khap__kube_same(wanted->key, S("conditions")))
        add_conditions(p, now, wanted);
    else if (khap__kube_same(wanted->key, S("listeners")))
        add_listeners(p, now, wanted);
    else if (khap__kube_same(wanted->key, S("parents")))
        add_parents(p, now, wanted);
    else if (khap__kube_same(wanted->key, S("loadBalancer")) && !wanted->child)
        khap__kube_add(p->out, S("{\"ingress\":null}")); /* a merge takes away what is null */
    else
        khap__dom_write(p->out, wanted);
}

static bool is_empty(const struct dom *d)
{
    return !d || ((d->event == JSON_OBJECT || d->event == JSON_ARRAY) && !d->child) ||
           khap__kube_same(d->text, S("null"));
}

static bool is_same(struct memory *m, const struct dom *now, struct khap_str text, const struct dom *wanted)
{
    const struct dom *then = khap__dom_read(m, text);
    if (is_empty(now))
        return is_empty(wanted) && (!then || is_empty(then) || is_empty(then->child));
    return khap__dom_same(now, then);
}

/* The members of the status that are to be others. */
static bool add_status(struct memory *m, struct patching *p, const struct dom *object,
                       const struct dom *wanted)
{
    struct text *out = p->out, member;
    bool any = false;
    for (const struct dom *d = wanted ? wanted->child : NULL; d; d = d->next) {
        const struct dom *now = khap__dom_get(object, "status");
        now = now && now->event == JSON_OBJECT ? now->child : NULL;
        while (now && !khap__kube_same(now->key, d->key))
            now = now->next;
        khap__kube_text_init(&member, &m->alloc);
        p->out = &member;
        add_member(p, now, d);
        if (!is_same(m, now, khap__kube_text(&member), d)) {
            add_comma(out, &any);
            add_key(out, d->key);
            khap__kube_add(out, khap__kube_text(&member));
        }
        m->failed |= member.failed;
        khap__kube_text_free(&member);
    }
    p->out = out;
    return any;
}

/* ---- finalizers */

static bool has_finalizer(const struct dom *object)
{
    const struct dom *d = first(khap__dom_get(object, "metadata.finalizers"));
    while (d && !khap__kube_same(d->text, S(KHAP_KUBE_FINALIZER)))
        d = d->next;
    return d != NULL;
}

static void add_finalizers(struct text *out, const struct dom *object, bool ours)
{
    bool any = false;
    khap__kube_add(out, S(",\"finalizers\":["));
    for (const struct dom *d = first(khap__dom_get(object, "metadata.finalizers")); d; d = d->next) {
        if (khap__kube_same(d->text, S(KHAP_KUBE_FINALIZER)))
            continue;
        add_comma(out, &any);
        khap__dom_write(out, d);
    }
    if (ours) {
        add_comma(out, &any);
        khap__json_add_quoted(out, S(KHAP_KUBE_FINALIZER));
    }
    khap__kube_add(out, S("]"));
}

static void begin(struct text *out, const struct dom *object)
{
    out->len = 0;
    khap__kube_add(out, S("{\"metadata\":{\"resourceVersion\":"));
    khap__json_add_quoted(out, khap__dom_text(object, "metadata.resourceVersion"));
}

enum patch_of khap__patch(struct memory *m, const struct dom *object, const struct dom *wanted, bool told,
                          int64_t unix_ms, struct text *out)
{
    struct patching p = {out, unix_ms, khap__dom_text(wanted, "controllerName")};
    struct khap_str finalizer = khap__dom_text(wanted, "finalizer");
    bool held = has_finalizer(object), leaves = khap__dom_get(object, "metadata.deletionTimestamp") != NULL;
    if (khap__kube_same(finalizer, S("true")) && !held && !leaves) {
        begin(out, object);
        add_finalizers(out, object, true);
        khap__kube_add(out, S("}}"));
        return PATCH_OBJECT;
    }
    begin(out, object);
    khap__kube_add(out, S("},\"status\":{"));
    if (!leaves && !told && add_status(m, &p, object, khap__dom_get(wanted, "status"))) {
        khap__kube_add(out, S("}}"));
        return PATCH_STATUS;
    }
    if (khap__kube_same(finalizer, S("false")) && held) {
        begin(out, object);
        add_finalizers(out, object, false);
        khap__kube_add(out, S("}}"));
        return PATCH_OBJECT;
    }
    out->len = 0;
    return PATCH_NOTHING;
}
