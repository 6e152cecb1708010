/* migrate/migrate.c - a bundle for another release: plan, write, and what is left. SPDX-License-Identifier: MIT */
#include "config.h"

#include "base/map.h"
#include "cfg/document.h"
#include "migrate/plan.h"

#include <stdio.h>

void khap_migrate_options_init(struct khap_migrate_options *options)
{
    if (options != NULL)
        *options = (struct khap_migrate_options){.size = sizeof *options};
}

struct khap_str khap__migrate_release_text(char room[MIGRATE_ROOM], uint16_t release)
{
    int len = snprintf(room, MIGRATE_ROOM, "%d.%d", release / 100, release % 100);
    return (struct khap_str){room, len > 0 ? (size_t)len : 0};
}

static struct khap_target one_release(uint16_t release)
{
    struct khap_target target;
    khap_target_init(&target);
    target.first = target.last = release;
    return target;
}

static void retarget(struct khap_bundle *bundle, uint16_t release)
{
    const struct khap_bundle_file *file = NULL;
    struct khap_target target = one_release(release);
    while ((file = khap_bundle_next(bundle, file)) != NULL) {
        struct khap_document *doc = khap_bundle_document(bundle, file);
        if (doc != NULL)
            khap__document_retarget(doc, &target);
    }
}

static bool is_release(uint16_t release)
{
    for (size_t i = 0; khap_release_at(i) != 0; i++) {
        if (khap_release_at(i) == release)
            return true;
    }
    return false;
}

/* ---- what a release says of a bundle */

struct verdict {
    struct khap_sources *sources;
    struct khap_diags *diags;
};

static void free_verdict(struct verdict *v)
{
    khap_diags_free(v->diags);
    khap_sources_free(v->sources);
}

static enum khap_status judge(const struct khap_alloc *alloc, const struct khap_bundle *bundle,
                              uint16_t release, const struct khap_if_facts *facts, struct verdict *v)
{
    struct khap_target target = one_release(release);
    struct khap_check_options options;
    khap_check_options_init(&options);
    options.facts = facts;
    *v = (struct verdict){NULL, NULL};
    enum khap_status status = khap_sources_new(alloc, &v->sources);
    if (status == KHAP_OK)
        status = khap_diags_new(alloc, v->sources, &v->diags);
    return status == KHAP_OK ? khap_check(alloc, bundle, &target, &options, v->diags) : status;
}

static int append(void *ctx, const char *data, size_t len)
{
    struct buf *b = ctx;
    khap__buf_add(b, (struct khap_str){data, len});
    return b->failed ? -1 : 0;
}

/* What khap_document_parse() says of the bytes as they are. */
static enum khap_status count_parse_errors(const struct khap_alloc *alloc, const struct khap_document *doc,
                                           struct buf *text, size_t *errors)
{
    struct khap_sink sink = {text, append};
    struct khap_sources *sources = NULL;
    struct khap_diags *diags = NULL;
    struct khap_document *again = NULL;
    khap__buf_clear(text);
    enum khap_status status = khap_document_print(doc, &sink);
    if (status == KHAP_OK)
        status = khap_sources_new(alloc, &sources);
    if (status == KHAP_OK)
        status = khap_diags_new(alloc, sources, &diags);
    if (status == KHAP_OK)
        status = khap_document_parse(alloc, khap_document_target(doc), khap__buf_str(text), 0, diags, &again);
    *errors = khap_diags_count(diags, KHAP_ERROR);
    khap_document_free(again);
    khap_diags_free(diags);
    khap_sources_free(sources);
    return status;
}

static enum khap_status takes(const struct khap_alloc *alloc, const struct khap_bundle *bundle,
                              uint16_t release, const struct khap_if_facts *facts, struct buf *text,
                              bool *good)
{
    const struct khap_bundle_file *file = NULL;
    enum khap_status status = KHAP_OK;
    struct verdict v;
    *good = true;
    while (*good && status == KHAP_OK && (file = khap_bundle_next(bundle, file)) != NULL) {
        size_t errors = 0;
        if (khap_bundle_file_document(file) != NULL)
            status = count_parse_errors(alloc, khap_bundle_file_document(file), text, &errors);
        *good = errors == 0;
    }
    if (!*good || status != KHAP_OK)
        return status;
    status = judge(alloc, bundle, release, facts, &v);
    *good = khap_diags_count(v.diags, KHAP_ERROR) == 0;
    free_verdict(&v);
    return status;
}

enum khap_status khap_migrate_release(const struct khap_alloc *alloc, struct khap_bundle *bundle,
                                      const struct khap_migrate_options *options, uint16_t *release)
{
    if (bundle == NULL || release == NULL || (options != NULL && options->size != sizeof *options))
        return KHAP_EINVAL;
    struct khap_alloc a = khap__alloc_or_default(alloc);
    const struct khap_if_facts *facts = options != NULL ? options->facts : NULL;
    enum khap_status status = KHAP_OK;
    struct buf text;
    size_t n = 0;
    bool good = false;
    khap__buf_init(&text, &a);
    while (khap_release_at(n) != 0)
        n++;
    *release = 0;
    while (n-- > 0 && !good && status == KHAP_OK) {
        retarget(bundle, khap_release_at(n));
        status = takes(alloc, bundle, khap_release_at(n), facts, &text, &good);
        if (good)
            *release = khap_release_at(n);
    }
    khap__buf_free(&text);
    return status;
}

/* ---- what is left to a person */

/* A code and the line of which it was said, as the key of a map. */
static struct khap_str key_of(struct migrate *m, const struct khap_diag *diag)
{
    struct khap_place place = khap_diag_place(diag);
    uint32_t line, column;
    khap_sources_locate(khap__diags_sources(m->diags), place, &line, &column);
    khap__buf_clear(&m->text);
    khap__buf_add(&m->text, khap__str(khap_diag_code(diag)));
    khap__buf_char(&m->text, ' ');
    khap__buf_uint(&m->text, place.source);
    khap__buf_char(&m->text, ' ');
    khap__buf_uint(&m->text, line != 0 ? line : place.offset);
    return khap__buf_str(&m->text);
}

/* Whether an error of ours was said of the line that the place is in. */
static bool told(const struct khap_diags *diags, struct khap_place place)
{
    for (const struct khap_diag *d = NULL; (d = khap_diags_next(diags, d)) != NULL;) {
        struct khap_place of = khap_diag_place(d);
        if (khap_diag_severity(d) == KHAP_ERROR && of.source == place.source && of.source != 0 &&
            of.offset <= place.offset && place.offset <= of.offset + of.len)
            return true;
    }
    return false;
}

/* Passes on what `to` says and `from` did not. */
static enum khap_status tell_left(struct migrate *m, const struct khap_diags *before,
                                  const struct khap_diags *after)
{
    struct map said;
    struct arena keys;
    enum khap_status status = KHAP_OK;
    khap__map_init(&said, &m->alloc);
    khap__arena_init(&keys, &m->alloc);
    for (const struct khap_diag *d = NULL; status == KHAP_OK && (d = khap_diags_next(before, d)) != NULL;) {
        struct khap_str key;
        status = khap__arena_dup(&keys, key_of(m, d), &key);
        if (status == KHAP_OK)
            status = khap__map_set(&said, key, 1);
    }
    for (const struct khap_diag *d = NULL; status == KHAP_OK && (d = khap_diags_next(after, d)) != NULL;) {
        uint32_t found;
        if (khap_diag_severity(d) == KHAP_NOTE || khap__map_get(&said, key_of(m, d), &found) ||
            told(m->diags, khap_diag_place(d)))
            continue;
        m->left = m->left || khap_diag_severity(d) == KHAP_ERROR;
        khap__diags_copy(m->diags, d);
    }
    khap__arena_free(&keys);
    khap__map_free(&said);
    return m->text.failed ? KHAP_ENOMEM : status;
}

/* ---- the whole */

static enum khap_status migrate(struct migrate *m)
{
    struct verdict before, after = {NULL, NULL};
    retarget(m->bundle, m->from);
    enum khap_status status = judge(&m->alloc, m->bundle, m->from, m->facts, &before);
    if (status == KHAP_OK)
        status = khap__migrate_plan(m);
    retarget(m->bundle, m->to);
    if (status == KHAP_OK)
        status = khap__migrate_reread(m);
    if (status == KHAP_OK)
        status = khap__migrate_write(m);
    if (status == KHAP_OK)
        status = khap__migrate_names(m);
    if (status == KHAP_OK)
        status = khap__migrate_defaults(m);
    if (status == KHAP_OK)
        status = judge(&m->alloc, m->bundle, m->to, m->facts, &after);
    if (status == KHAP_OK)
        status = tell_left(m, before.diags, after.diags);
    free_verdict(&before);
    free_verdict(&after);
    return status;
}

enum khap_status khap_migrate(const struct khap_alloc *alloc, struct khap_bundle *bundle, uint16_t from,
                              uint16_t to, const struct khap_migrate_options *options,
                              struct khap_diags *diags)
{
    if (bundle == NULL || !is_release(from) || !is_release(to) ||
        (options != NULL && options->size != sizeof *options))
        return KHAP_EINVAL;
    struct migrate m = {.alloc = khap__alloc_or_default(alloc),
                        .bundle = bundle,
                        .facts = options != NULL ? options->facts : NULL,
                        .from = from,
                        .to = to,
                        .diags = diags,
                        .parts = options != NULL && options->parts != 0};
    khap__arena_init(&m.arena, &m.alloc);
    khap__buf_init(&m.text, &m.alloc);
    khap__buf_init(&m.more, &m.alloc);
    enum khap_status status = khap_words_new(alloc, &m.reader);
    if (status == KHAP_OK)
        status = migrate(&m);
    if (status == KHAP_OK &&
        (m.no_memory || m.text.failed || m.more.failed || khap__diags_status(diags) == KHAP_ENOMEM))
        status = KHAP_ENOMEM;
    khap_words_free(m.reader);
    khap_view_free(m.view);
    VEC_FREE(&m.alloc, &m.words);
    VEC_FREE(&m.alloc, &m.lines);
    VEC_FREE(&m.alloc, &m.edits);
    khap__buf_free(&m.text);
    khap__buf_free(&m.more);
    khap__arena_free(&m.arena);
    return status == KHAP_OK && m.left ? KHAP_EINPUT : status;
}
