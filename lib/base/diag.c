/* SPDX-License-Identifier: MIT */
#include "base/diag.h"
#include "base/arena.h"
#include "base/message.h"
#include "base/utf8.h"

/*
 * Of one run at most 1000 are kept. The last hundred places are for errors only: however many warnings come
 * first, the error that makes the run fail is shown.
 */
enum { LIMIT = 1000, LIMIT_BELOW_ERROR = 900, LONGEST_WORD = 200 };

struct related {
    struct related *next;
    struct khap_place place;
    struct khap_str text;
};

struct khap_diag {
    struct khap_diag *next;
    struct related *related, *last_related;
    struct related *edits, *last_edit; /* `text` is what goes there */
    struct khap_str text;
    struct khap_place place;
    uint32_t id;
    uint32_t severity;
    size_t repeated;
};

struct khap_diags {
    struct arena arena;
    struct buf scratch;
    const struct khap_sources *sources;
    struct khap_diag *first, *last;
    struct khap_diag *newest; /* NULL when the newest was not kept */
    size_t kept, repeated;
    size_t counts[KHAP_ERROR + 1]; /* by severity */
    khap__diags_judge *judge;
    void *judge_ctx;
    bool failed;
};

enum khap_status khap_diags_new(const struct khap_alloc *alloc, const struct khap_sources *sources,
                                struct khap_diags **out)
{
    if (out == NULL || sources == NULL)
        return KHAP_EINVAL;
    struct khap_alloc a = khap__alloc_or_default(alloc);
    struct khap_diags *d = khap__alloc(&a, 1, sizeof *d);
    if (d == NULL)
        return KHAP_ENOMEM;
    *d = (struct khap_diags){.sources = sources};
    khap__arena_init(&d->arena, &a);
    khap__buf_init(&d->scratch, &a);
    *out = d;
    return KHAP_OK;
}

void khap_diags_free(struct khap_diags *diags)
{
    if (diags == NULL)
        return;
    struct khap_alloc a = diags->arena.alloc;
    khap__buf_free(&diags->scratch);
    khap__arena_free(&diags->arena);
    khap__free(&a, diags, 1, sizeof *diags);
}

/* Puts the words where the text has %1 … %9. */
static void compose(struct buf *out, const char *text, const struct khap_str *words, size_t n)
{
    for (; *text != '\0'; text++) {
        if (text[0] != '%' || text[1] < '1' || text[1] > '9') {
            khap__buf_char(out, *text);
            continue;
        }
        text++;
        size_t i = (size_t)(*text - '1');
        if (i < n)
            khap__buf_add_visible(out, words[i], LONGEST_WORD);
    }
}

/* Who said the text in the scratch buffer of this place before: what aliases share is read more than once. */
static struct khap_diag *said_before(const struct khap_diags *diags, enum message_id id,
                                     struct khap_place place)
{
    struct khap_diag *d = place.source == 0 ? NULL : diags->first;
    while (d != NULL &&
           (d->id != (uint32_t)id || d->place.source != place.source || d->place.offset != place.offset ||
            d->place.len != place.len || !khap__str_eq(d->text, khap__buf_str(&diags->scratch))))
        d = d->next;
    return d;
}

/* Adds a diagnostic whose text is in the scratch buffer. */
static void add_text(struct khap_diags *diags, enum message_id id, uint32_t severity, struct khap_place place)
{
    struct khap_diag *before = diags->scratch.failed ? NULL : said_before(diags, id, place);
    if (before != NULL) {
        before->repeated++;
        diags->repeated++;
        return;
    }
    struct khap_diag *d = khap__arena_zalloc(&diags->arena, 1, sizeof *d);
    if (d == NULL || diags->scratch.failed ||
        khap__arena_dup(&diags->arena, khap__buf_str(&diags->scratch), &d->text) != KHAP_OK) {
        diags->failed = true;
        return;
    }
    d->id = id;
    d->severity = severity;
    d->place = place;
    if (diags->last == NULL)
        diags->first = d;
    else
        diags->last->next = d;
    diags->last = diags->newest = d;
    diags->kept++;
}

/* Adds to a list of the newest diagnostic; `text` is copied. */
static void add_place(struct khap_diags *diags, struct related **first, struct related **last,
                      struct khap_place place, struct khap_str text)
{
    struct related *r = khap__arena_zalloc(&diags->arena, 1, sizeof *r);
    if (r == NULL || khap__arena_dup(&diags->arena, text, &r->text) != KHAP_OK) {
        diags->failed = true;
        return;
    }
    r->place = place;
    if (*last == NULL)
        *first = r;
    else
        (*last)->next = r;
    *last = r;
}

/* Counts it, by the severity that the list gives it; whether it is to be kept. */
static bool count(struct khap_diags *diags, enum message_id id, struct khap_place place, uint32_t *severity)
{
    *severity = khap__message_severity(id);
    diags->newest = NULL;
    if (diags->judge != NULL)
        *severity = diags->judge(diags->judge_ctx, id, place);
    if (*severity == 0)
        return false;
    diags->counts[*severity]++;
    return diags->kept < (*severity == KHAP_ERROR ? LIMIT : LIMIT_BELOW_ERROR);
}

void khap__diags_add(struct khap_diags *diags, enum message_id id, struct khap_place place,
                     const struct khap_str *words, size_t n)
{
    uint32_t severity;
    if (diags == NULL || id >= MSG__COUNT || !count(diags, id, place, &severity))
        return;
    khap__buf_clear(&diags->scratch);
    compose(&diags->scratch, khap__message_text(id), words, n);
    add_text(diags, id, severity, place);
}

void khap__diags_copy(struct khap_diags *diags, const struct khap_diag *diag)
{
    uint32_t severity;
    enum message_id id = diags == NULL ? MSG__COUNT : (enum message_id)diag->id;
    if (diags == NULL || !count(diags, id, diag->place, &severity))
        return;
    khap__buf_clear(&diags->scratch);
    khap__buf_add(&diags->scratch, diag->text);
    add_text(diags, id, severity, diag->place);
    for (const struct related *r = diag->related; r != NULL; r = r->next)
        khap__diags_relate(diags, r->place, r->text);
}

void khap__diags_relate(struct khap_diags *diags, struct khap_place place, struct khap_str text)
{
    if (diags == NULL || diags->newest == NULL)
        return;
    struct khap_diag *d = diags->newest;
    khap__buf_clear(&diags->scratch);
    khap__buf_add_visible(&diags->scratch, text, LONGEST_WORD);
    if (diags->scratch.failed)
        diags->failed = true;
    else
        add_place(diags, &d->related, &d->last_related, place, khap__buf_str(&diags->scratch));
}

void khap__diags_edit(struct khap_diags *diags, struct khap_place place, struct khap_str text)
{
    if (diags == NULL || diags->newest == NULL || place.source == 0)
        return;
    struct khap_diag *d = diags->newest;
    add_place(diags, &d->edits, &d->last_edit, place, text);
}

void khap__diags_judged_by(struct khap_diags *diags, khap__diags_judge *judge, void *ctx)
{
    if (diags == NULL)
        return;
    diags->judge = judge;
    diags->judge_ctx = ctx;
    struct khap_diag *last = NULL;
    for (struct khap_diag *d = diags->first; d != NULL && judge != NULL; d = d->next) {
        uint32_t severity = judge(ctx, (enum message_id)d->id, d->place);
        diags->counts[d->severity] -= 1 + d->repeated;
        if (severity > 0) {
            diags->counts[severity] += 1 + d->repeated;
            d->severity = severity;
            last = d;
            continue;
        }
        diags->kept--;
        diags->repeated -= d->repeated;
        if (last == NULL)
            diags->first = d->next;
        else
            last->next = d->next;
    }
    if (judge != NULL) {
        diags->last = last;
        diags->newest = NULL;
    }
}

enum khap_status khap__diags_status(const struct khap_diags *diags)
{
    if (diags == NULL)
        return KHAP_OK;
    return diags->failed ? KHAP_ENOMEM : diags->counts[KHAP_ERROR] > 0 ? KHAP_EINPUT : KHAP_OK;
}

const struct khap_sources *khap__diags_sources(const struct khap_diags *diags)
{
    return diags == NULL ? NULL : diags->sources;
}

const struct khap_sources *khap_diags_sources(const struct khap_diags *diags)
{
    return khap__diags_sources(diags);
}

const struct khap_alloc *khap__diags_alloc(const struct khap_diags *diags)
{
    return &diags->arena.alloc;
}

size_t khap__diags_dropped(const struct khap_diags *diags)
{
    return khap_diags_count(diags, KHAP_NOTE) - diags->kept - diags->repeated;
}

size_t khap_diags_count(const struct khap_diags *diags, enum khap_severity severity)
{
    size_t n = 0;
    if (diags == NULL)
        return 0;
    for (size_t i = severity < KHAP_NOTE ? KHAP_NOTE : (size_t)severity; i <= KHAP_ERROR; i++)
        n += diags->counts[i];
    return n;
}

const struct khap_diag *khap_diags_next(const struct khap_diags *diags, const struct khap_diag *prev)
{
    if (prev != NULL)
        return prev->next;
    return diags == NULL ? NULL : diags->first;
}

const char *khap_diag_code(const struct khap_diag *diag)
{
    return khap__message_code((enum message_id)diag->id);
}

enum khap_severity khap_diag_severity(const struct khap_diag *diag)
{
    return (enum khap_severity)diag->severity;
}

struct khap_str khap_diag_text(const struct khap_diag *diag)
{
    return diag->text;
}

struct khap_place khap_diag_place(const struct khap_diag *diag)
{
    return diag->place;
}

static enum khap_status place_at(const struct related *r, size_t index, struct khap_place *place,
                                 struct khap_str *text)
{
    for (; r != NULL && index > 0; index--)
        r = r->next;
    if (r == NULL)
        return KHAP_ENOENT;
    *place = r->place;
    *text = r->text;
    return KHAP_OK;
}

enum khap_status khap_diag_related(const struct khap_diag *diag, size_t index, struct khap_place *place,
                                   struct khap_str *text)
{
    return place_at(diag->related, index, place, text);
}

enum khap_status khap_diag_edit(const struct khap_diag *diag, size_t index, struct khap_place *place,
                                struct khap_str *text)
{
    return place_at(diag->edits, index, place, text);
}
