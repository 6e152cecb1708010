/* diff/files.c - the files that both sides name: maps and patterns entry by entry, others as a whole. SPDX-License-Identifier: MIT */
#include "config.h"

#include "base/diag.h"
#include "diff/diff.h"

/* An entry of a map, or a pattern. */
struct entry {
    struct khap_str key, value;
    uint32_t twin;
};
struct entries {
    VEC(struct entry) all;
    struct map by_key; /* the first of a key */
    bool twice;        /* a key is there twice */
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* As HAProxy reads them: blank lines and comments are none; blanks stand before, between and behind. */
static enum khap_status read_entries(struct khap_diff *d, const struct diff_file *file, bool map,
                                     struct entries *out)
{
    struct khap_str rest = file->text;
    while (rest.len > 0) {
        size_t end = khap__str_find(rest, '\n');
        struct khap_str line = khap__str_sub(rest, 0, end);
        rest = khap__str_sub(rest, end + 1, rest.len);
        struct entry e = {.key = khap__str_sub(line, 0, khap__str_find(line, '\r')), .twin = DIFF_NONE};
        bool found;
        uint32_t old;
        if (e.key.len > 0 && e.key.ptr[0] == '#')
            continue;
        while (e.key.len > 0 && is_blank(e.key.ptr[0]))
            e.key = khap__str_sub(e.key, 1, e.key.len);
        if (e.key.len == 0)
            continue;
        if (map) {
            size_t len = 0;
            while (len < e.key.len && !is_blank(e.key.ptr[len]))
                len++;
            e.value = khap__str_trim(khap__str_sub(e.key, len, e.key.len));
            e.key = khap__str_sub(e.key, 0, len);
        }
        if (khap__map_add(&out->by_key, e.key, out->all.len, &found, &old) != KHAP_OK ||
            !VEC_PUSH(&d->alloc, &out->all, e))
            return KHAP_ENOMEM;
        out->twice = out->twice || found;
    }
    return KHAP_OK;
}

static void tell_entry(struct khap_diff *d, enum khap_change_kind kind, const struct diff_file *file,
                       const struct entry *was, const struct entry *is, bool sorted)
{
    struct khap_change *change = khap__diff_change(d, kind, KHAP_CHANGE_ENTRY);
    if (change == NULL)
        return;
    change->name = file->name;
    change->keyword = is != NULL ? is->key : was->key;
    change->before = was != NULL ? was->value : S("");
    change->after = is != NULL ? is->value : S("");
    change->before_place = change->after_place = file->place;
    khap__plan_entry(d, change, file, sorted);
}

static struct khap_change *tell_file(struct khap_diff *d, enum khap_change_kind kind,
                                     const struct diff_file *file)
{
    struct khap_change *change = khap__diff_change(d, kind, KHAP_CHANGE_FILE);
    if (change == NULL)
        return NULL;
    change->name = file->name;
    change->keyword = file->holds;
    if (kind != KHAP_CHANGE_ADDED)
        change->before_place = file->place;
    if (kind != KHAP_CHANGE_REMOVED)
        change->after_place = file->place;
    return change;
}

/* Where the first entry that matches counts, no command puts one before another, or takes one of two. */
static bool needs_reload(const struct diff_file *file, struct entries *old, struct entries *now)
{
    uint32_t reached = 0;
    bool added = false, sorted = old->twice || now->twice;
    for (uint32_t i = 0; i < now->all.len; i++) {
        struct entry *e = &now->all.ptr[i];
        if (!khap__map_get(&old->by_key, e->key, &e->twin)) {
            added = true;
            continue;
        }
        old->all.ptr[e->twin].twin = i;
        sorted = sorted || (file->ordered && (added || e->twin < reached));
        reached = e->twin;
    }
    return sorted;
}

static bool same_entries(const struct entries *old, const struct entries *now)
{
    bool same = old->all.len == now->all.len;
    for (uint32_t i = 0; same && i < now->all.len; i++)
        same = khap__str_eq(old->all.ptr[i].key, now->all.ptr[i].key) &&
               khap__str_eq(old->all.ptr[i].value, now->all.ptr[i].value);
    return same;
}

static void tell_entries(struct khap_diff *d, const struct diff_file *file, struct entries *old,
                         struct entries *now)
{
    bool sorted = needs_reload(file, old, now), twice = old->twice || now->twice;
    for (uint32_t i = 0; i < now->all.len && d->status == KHAP_OK && !twice; i++) {
        const struct entry *e = &now->all.ptr[i], *was = e->twin == DIFF_NONE ? NULL : &old->all.ptr[e->twin];
        if (was == NULL)
            tell_entry(d, KHAP_CHANGE_ADDED, file, NULL, e, sorted);
        else if (!khap__str_eq(was->value, e->value))
            tell_entry(d, KHAP_CHANGE_CHANGED, file, was, e, sorted);
    }
    for (uint32_t i = 0; i < old->all.len && d->status == KHAP_OK && !twice; i++) {
        if (old->all.ptr[i].twin == DIFF_NONE)
            tell_entry(d, KHAP_CHANGE_REMOVED, file, &old->all.ptr[i], NULL, sorted);
    }
    if (d->status != KHAP_OK || !sorted || same_entries(old, now))
        return;
    struct khap_change *change = tell_file(d, twice ? KHAP_CHANGE_CHANGED : KHAP_CHANGE_ORDER, file);
    if (change != NULL)
        khap__diff_reload(d, change,
                          twice ? S("an entry is there twice")
                                : S("no command moves an entry, and the first that matches counts"));
}

static void compare_entries(struct khap_diff *d, const struct diff_file *before,
                            const struct diff_file *after)
{
    struct entries old = {.twice = false}, now = {.twice = false};
    bool map = khap__str_eq(after->holds, S("map"));
    khap__map_init(&old.by_key, &d->alloc);
    khap__map_init(&now.by_key, &d->alloc);
    d->status = read_entries(d, before, map, &old);
    if (d->status == KHAP_OK)
        d->status = read_entries(d, after, map, &now);
    if (d->status == KHAP_OK)
        tell_entries(d, after, &old, &now);
    VEC_FREE(&d->alloc, &old.all);
    VEC_FREE(&d->alloc, &now.all);
    khap__map_free(&old.by_key);
    khap__map_free(&now.by_key);
}

void khap__diff_files(struct khap_diff *d)
{
    struct buf key;
    khap__buf_init(&key, &d->alloc);
    for (uint32_t i = 0; i < d->after.files.len && d->status == KHAP_OK; i++) {
        const struct diff_file *now = &d->after.files.ptr[i];
        uint32_t at;
        khap__buf_clear(&key);
        khap__buf_add(&key, now->holds);
        khap__buf_char(&key, '\0');
        khap__buf_add(&key, now->name);
        if (key.failed) {
            d->status = KHAP_ENOMEM;
            break;
        }
        /* the line that names it is a change of its own */
        if (!khap__map_get(&d->before.by_path, khap__buf_str(&key), &at))
            continue;
        const struct diff_file *old = &d->before.files.ptr[at];
        if (!old->known && !now->known)
            SAY(d->diags, MSG_DIFF_UNREAD, now->place, now->name);
        else if (old->known != now->known)
            khap__plan_file(d, tell_file(d, now->known ? KHAP_CHANGE_ADDED : KHAP_CHANGE_REMOVED, now), now);
        else if (khap__str_eq(old->text, now->text))
            continue;
        else if (khap__str_eq(now->holds, S("map")) || khap__str_eq(now->holds, S("acl")))
            compare_entries(d, old, now);
        else
            khap__plan_file(d, tell_file(d, KHAP_CHANGE_CHANGED, now), now);
    }
    khap__buf_free(&key);
}
