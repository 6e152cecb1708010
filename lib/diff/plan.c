/* diff/plan.c - what a running HAProxy can take: the commands for a change, or why it must reload. SPDX-License-Identifier: MIT */
#include "config.h"

#include "diff/diff.h"

static struct khap_str only_at_start(struct khap_diff *d, struct khap_str keyword)
{
    struct buf b;
    khap__buf_init(&b, &d->alloc);
    khap__buf_char(&b, '`');
    khap__buf_add(&b, keyword);
    khap__buf_add(&b, S("` is read when HAProxy starts"));
    if (b.failed)
        d->status = KHAP_ENOMEM;
    struct khap_str kept = khap__diff_keep(d, khap__buf_str(&b));
    khap__buf_free(&b);
    return kept;
}

/* ---- other lines */

/* `maxconn` of the process, and of a frontend. */
static bool plan_maxconn(struct khap_diff *d, const struct khap_change *change, const struct diff_line *after)
{
    bool global = khap__str_eq(change->section, S("global"));
    if (after == NULL || change->kind != KHAP_CHANGE_CHANGED || !after->sure || after->variable ||
        after->n != 2 || !(global || khap__str_eq(change->section, S("frontend"))))
        return false;
    struct diff_command c;
    khap__command_begin(&c, d, PHASE_NEW, global ? "set maxconn global" : "set maxconn frontend");
    if (!global)
        khap__command_word(&c, change->name);
    khap__command_word(&c, after->words[1]);
    return khap__command_end(&c);
}

void khap__plan_line(struct khap_diff *d, struct khap_change *change, const struct diff_line *before,
                     const struct diff_line *after)
{
    uint32_t so_far = d->commands.len;
    const char *why = NULL;
    if (khap__str_eq(change->keyword, S("server")) && !khap__str_eq(change->section, S("peers")) &&
        !khap__str_eq(change->section, S("ring")) && !khap__str_eq(change->section, S("log-forward")))
        why = khap__plan_server(d, change, before, after);
    else if (khap__str_eq(change->keyword, S("maxconn")) && plan_maxconn(d, change, after))
        return;
    else
        why = "";
    if (why == NULL)
        return;
    d->commands.len = so_far;
    khap__diff_reload(d, change, why[0] != '\0' ? khap__str(why) : only_at_start(d, change->keyword));
}

/* ---- files */

/* Files that a command replaces: what they hold, and since when. */
static const struct {
    char holds[8], set[24], commit[24];
    uint16_t since;
} replaced[] = {
    {"ca", "set ssl ca-file", "commit ssl ca-file", 205},
    {"crl", "set ssl crl-file", "commit ssl crl-file", 205},
};

void khap__plan_file(struct khap_diff *d, struct khap_change *change, const struct diff_file *file)
{
    if (change == NULL)
        return;
    if (khap__str_eq(file->holds, S("cert")) && change->kind == KHAP_CHANGE_CHANGED) {
        uint32_t so_far = d->commands.len;
        const char *why = khap__plan_cert(d, file, false);
        if (why == NULL)
            return;
        d->commands.len = so_far;
        khap__diff_reload(d, change, khap__str(why));
        return;
    }
    for (size_t i = 0; i < sizeof replaced / sizeof *replaced; i++) {
        struct diff_command c;
        if (!khap__str_eq(file->holds, khap__str(replaced[i].holds)) || change->kind != KHAP_CHANGE_CHANGED ||
            d->target.first < replaced[i].since)
            continue;
        uint32_t so_far = d->commands.len;
        khap__command_begin(&c, d, PHASE_NEW, replaced[i].set);
        khap__command_word(&c, file->name);
        c.is.payload = file->path;
        if (!khap__command_end(&c))
            break;
        khap__command_begin(&c, d, PHASE_NEW, replaced[i].commit);
        khap__command_word(&c, file->name);
        if (khap__command_end(&c))
            return;
        d->commands.len = so_far;
    }
    khap__diff_reload(d, change, S("the file is read when HAProxy starts"));
}
