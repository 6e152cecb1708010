/* diff/files.c - the files that both sides name: each is compared by what it holds. SPDX-License-Identifier: MIT */
#include "config.h"

#include "base/diag.h"
#include "diff/diff.h"

struct khap_change *khap__diff_file_change(struct khap_diff *d, enum khap_change_kind kind,
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

/* Both sides find the same, and HAProxy has read something else. */
static bool is_renewed(const struct khap_diff *d, const struct diff_file *file)
{
    return d->renewed != NULL && file->path.len > 0 && file->path.ptr[0] == '/' &&
           d->renewed(d->ctx, file->path, file->text) != 0;
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
            khap__plan_file(
                d, khap__diff_file_change(d, now->known ? KHAP_CHANGE_ADDED : KHAP_CHANGE_REMOVED, now), now);
        else if (khap__str_eq(old->text, now->text) && !is_renewed(d, now))
            continue;
        else if (khap__str_eq(old->text, now->text))
            khap__plan_file(d, khap__diff_file_change(d, KHAP_CHANGE_CHANGED, now), now);
        else if (khap__str_eq(now->holds, S("map")) || khap__str_eq(now->holds, S("acl")))
            khap__diff_entries(d, old, now);
        else if (khap__str_eq(now->holds, S("crtlist"))) {
            d->refusable = true;
            khap__diff_crt_list(d, old, now);
        } else
            khap__plan_file(d, khap__diff_file_change(d, KHAP_CHANGE_CHANGED, now), now);
    }
    khap__buf_free(&key);
}
