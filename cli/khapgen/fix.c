/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "khapgen/fix.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* How often fixes are looked for again, and how often is tried which of them can stay. */
enum { ROUNDS = 16, TRIALS = 200 };

/* Where an error is told. */
struct bad_line {
    struct khap_str source;
    uint32_t line;
};

/* A check of one state of the files. */
struct judged {
    struct report report;
    struct inputs inputs;
    struct input_files opened;
    struct khap_bundle *bundle;
    struct bad_line *errors; /* in order */
    size_t n_errors;
};

struct edit {
    size_t fix, file;
    uint32_t from, to;
    struct khap_str text; /* of the list that it comes from */
};

struct round {
    struct fixed *fixed;
    fix_checker *check;
    void *ctx;
    struct judged base;
    const struct khap_diag **fixes; /* of `base` */
    size_t n_fixes;
    struct edit *edits; /* in the order of files and places */
    size_t n_edits;
    bool *in;        /* for each fix: it is in what is tried, or stays */
    char **rejected; /* code and text of those that brought an error */
    size_t n_rejected;
    size_t trials;
};

/* ---- checking ---- */

static int by_line(const void *left, const void *right)
{
    const struct bad_line *a = left, *b = right;
    int c =
        memcmp(a->source.ptr, b->source.ptr, a->source.len < b->source.len ? a->source.len : b->source.len);
    if (c != 0 || a->source.len != b->source.len)
        return c != 0 ? c : a->source.len < b->source.len ? -1 : 1;
    return a->line < b->line ? -1 : a->line > b->line;
}

static void judged_close(struct judged *j)
{
    free(j->errors);
    khap_bundle_free(j->bundle);
    report_close(&j->report);
    inputs_free(&j->inputs);
    *j = (struct judged){0};
}

static int judged_open(struct round *r, const struct input_laid *laid, struct judged *j)
{
    *j = (struct judged){.opened = {.laid = laid, .n_laid = r->fixed->n}};
    int status = report_open(&j->report);
    if (status != EXIT_DONE)
        return status;
    status = r->check(r->ctx, &j->report, &j->inputs, &j->opened, &j->bundle);
    if (status == EXIT_DONE) {
        for (const struct khap_diag *d = NULL; (d = khap_diags_next(j->report.diags, d)) != NULL;)
            j->n_errors += khap_diag_severity(d) == KHAP_ERROR;
        j->errors = calloc(j->n_errors + 1, sizeof *j->errors);
        if (j->errors == NULL)
            return EXIT_FAILED;
        size_t n = 0;
        for (const struct khap_diag *d = NULL; (d = khap_diags_next(j->report.diags, d)) != NULL;) {
            struct khap_place place = khap_diag_place(d);
            struct khap_str source = khap_sources_name(j->report.sources, place.source);
            uint32_t line, column;
            khap_sources_locate(j->report.sources, place, &line, &column);
            if (khap_diag_severity(d) == KHAP_ERROR)
                j->errors[n++] = (struct bad_line){source, line};
        }
        qsort(j->errors, n, sizeof *j->errors, by_line);
    }
    return status;
}

/*
 * Whether one state is at least as good as the other: it has no more errors, and none on a line that had none. What is wrong behind a word that
 * was not understood is seen only when that is mended. What the list did not keep is counted.
 */
static bool no_worse(const struct judged *now, const struct judged *before)
{
    size_t all = khap_diags_count(now->report.diags, KHAP_ERROR);
    size_t all_before = khap_diags_count(before->report.diags, KHAP_ERROR);
    if (all > all_before || all_before > before->n_errors)
        return all <= all_before;
    for (size_t i = 0; i < now->n_errors; i++) {
        if (bsearch(&now->errors[i], before->errors, before->n_errors, sizeof *before->errors, by_line) ==
            NULL)
            return false;
    }
    return true;
}

/* ---- the files ---- */

static bool copy(struct khap_str text, struct khap_str *out)
{
    char *bytes = malloc(text.len + 1);
    if (bytes == NULL)
        return false;
    if (text.len > 0)
        memcpy(bytes, text.ptr, text.len);
    bytes[text.len] = '\0';
    *out = (struct khap_str){bytes, text.len};
    return true;
}

static bool same(struct khap_str a, const char *b)
{
    return a.len == strlen(b) && memcmp(a.ptr, b, a.len) == 0;
}

/* The file of a source: a file that was read twice is changed by what was told the first time. */
static size_t file_of(const struct round *r, uint32_t source)
{
    const struct khap_sources *sources = r->base.report.sources;
    struct khap_str name = khap_sources_name(sources, source);
    for (uint32_t id = 1; id < source; id++) {
        struct khap_str before = khap_sources_name(sources, id);
        if (before.len == name.len && memcmp(before.ptr, name.ptr, name.len) == 0)
            return r->fixed->n;
    }
    size_t i = 0;
    while (i < r->fixed->n && !same(name, r->fixed->files[i].path))
        i++;
    return i;
}

static bool add_file(struct fixed *f, struct khap_str path, struct khap_str text)
{
    for (size_t i = 0; i < f->n; i++) {
        if (same(path, f->files[i].path))
            return true;
    }
    if (f->n == f->room) {
        size_t room = f->room * 2 + 8;
        struct fixed_file *files = realloc(f->files, room * sizeof *files);
        if (files == NULL)
            return false;
        f->files = files;
        f->room = room;
    }
    struct fixed_file *file = &f->files[f->n];
    struct khap_str name = {0};
    *file = (struct fixed_file){0};
    bool good = copy(path, &name) && copy(text, &file->old) && copy(text, &file->now);
    file->path = (char *)(uintptr_t)name.ptr;
    f->n++; /* also when it is not whole: fix_free() frees what is there */
    return good;
}

static bool add_files(struct round *r)
{
    const struct report *report = &r->base.report;
    for (const struct khap_bundle_file *file = NULL;
         (file = khap_bundle_next(r->base.bundle, file)) != NULL;) {
        struct khap_str name = khap_bundle_file_name(file);
        if (khap_bundle_file_document(file) == NULL)
            continue;
        for (uint32_t id = 1; khap_sources_name(report->sources, id).len > 0; id++) {
            struct khap_str source = khap_sources_name(report->sources, id);
            if (source.len == name.len && memcmp(source.ptr, name.ptr, name.len) == 0) {
                if (!add_file(r->fixed, name, khap_sources_text(report->sources, id)))
                    return false;
                break;
            }
        }
    }
    r->fixed->laid = calloc(r->fixed->n + 1, sizeof *r->fixed->laid);
    if (r->fixed->laid == NULL)
        return false;
    for (size_t i = 0; i < r->fixed->n; i++)
        r->fixed->laid[i] = (struct input_laid){word(r->fixed->files[i].path), r->fixed->files[i].now};
    return true;
}

void fix_free(struct fixed *fixed)
{
    for (size_t i = 0; i < fixed->n; i++) {
        free(fixed->files[i].path);
        free((char *)(uintptr_t)fixed->files[i].old.ptr);
        free((char *)(uintptr_t)fixed->files[i].now.ptr);
    }
    free(fixed->files);
    free(fixed->laid);
    *fixed = (struct fixed){0};
}

/* ---- the fixes ---- */

static char *key_of(const struct khap_diag *d)
{
    const char *code = khap_diag_code(d);
    struct khap_str text = khap_diag_text(d);
    size_t len = strlen(code) + 1;
    char *key = malloc(len + text.len + 1);
    if (key != NULL) {
        memcpy(key, code, len - 1);
        key[len - 1] = ' ';
        memcpy(key + len, text.ptr, text.len);
        key[len + text.len] = '\0';
    }
    return key;
}

static bool was_rejected(const struct round *r, const char *key)
{
    size_t i = 0;
    while (i < r->n_rejected && strcmp(r->rejected[i], key) != 0)
        i++;
    return i < r->n_rejected;
}

static bool overlap(const struct edit *a, const struct edit *b)
{
    return a->file == b->file && (a->from == b->from || (a->from < b->to && b->from < a->to));
}

static int by_place(const void *left, const void *right)
{
    const struct edit *a = left, *b = right;
    if (a->file != b->file)
        return a->file < b->file ? -1 : 1;
    return a->from < b->from ? -1 : a->from > b->from;
}

/* The edits of one more fix, unless they meet with some that are there, or were tried before. */
static bool add_fix(struct round *r, const struct khap_diag *d)
{
    struct khap_place place;
    struct khap_str text;
    size_t n = 0;
    bool good = true;
    char *key = key_of(d);
    if (key == NULL)
        return false;
    good = !was_rejected(r, key);
    free(key);
    for (; good && khap_diag_edit(d, n, &place, &text) == KHAP_OK; n++) {
        struct edit *e = &r->edits[r->n_edits + n];
        *e =
            (struct edit){r->n_fixes, file_of(r, place.source), place.offset, place.offset + place.len, text};
        good = e->file < r->fixed->n && e->to <= r->fixed->files[e->file].now.len;
        for (size_t i = 0; i < r->n_edits + n && good; i++)
            good = !overlap(e, &r->edits[i]);
    }
    if (good && n > 0) {
        r->n_edits += n;
        r->fixes[r->n_fixes++] = d;
    }
    return true;
}

static bool gather(struct round *r)
{
    struct khap_place place;
    struct khap_str text;
    size_t diags = 0, edits = 0;
    for (const struct khap_diag *d = NULL; (d = khap_diags_next(r->base.report.diags, d)) != NULL; diags++) {
        for (size_t i = 0; khap_diag_edit(d, i, &place, &text) == KHAP_OK; i++)
            edits++;
    }
    r->n_fixes = r->n_edits = 0;
    r->fixes = calloc(diags + 1, sizeof(const struct khap_diag *));
    r->edits = calloc(edits + 1, sizeof *r->edits);
    r->in = calloc(diags + 1, sizeof *r->in);
    if (r->fixes == NULL || r->edits == NULL || r->in == NULL)
        return false;
    for (const struct khap_diag *d = NULL; (d = khap_diags_next(r->base.report.diags, d)) != NULL;) {
        if (!add_fix(r, d))
            return false;
    }
    qsort(r->edits, r->n_edits, sizeof *r->edits, by_place);
    return true;
}

static void forget(struct round *r)
{
    free(r->fixes);
    free(r->edits);
    free(r->in);
    r->fixes = NULL;
    r->edits = NULL;
    r->in = NULL;
    judged_close(&r->base);
}

/* One file with the fixes that are in; malloc'ed. */
static bool edited(const struct round *r, size_t file, struct khap_str *out)
{
    struct khap_str now = r->fixed->files[file].now;
    size_t len = now.len, at = 0;
    for (size_t i = 0; i < r->n_edits; i++)
        len += r->edits[i].file == file && r->in[r->edits[i].fix] ? r->edits[i].text.len : 0;
    char *text = malloc(len + 1), *to = text;
    if (text == NULL)
        return false;
    for (size_t i = 0; i < r->n_edits; i++) {
        const struct edit *e = &r->edits[i];
        if (e->file != file || !r->in[e->fix])
            continue;
        memcpy(to, now.ptr + at, e->from - at);
        to += e->from - at;
        if (e->text.len > 0)
            memcpy(to, e->text.ptr, e->text.len);
        to += e->text.len;
        at = e->to;
    }
    memcpy(to, now.ptr + at, now.len - at);
    to += now.len - at;
    *to = '\0';
    *out = (struct khap_str){text, (size_t)(to - text)};
    return true;
}

static void free_texts(struct input_laid *laid, size_t n)
{
    for (size_t i = 0; i < n && laid != NULL; i++)
        free((char *)(uintptr_t)laid[i].text.ptr);
    free(laid);
}

/* All files with the fixes that are in; NULL when there is no memory. */
static struct input_laid *edited_files(const struct round *r)
{
    struct input_laid *laid = calloc(r->fixed->n + 1, sizeof *laid);
    for (size_t i = 0; i < r->fixed->n && laid != NULL; i++) {
        laid[i].path = word(r->fixed->files[i].path);
        if (!edited(r, i, &laid[i].text)) {
            free_texts(laid, i);
            return NULL;
        }
    }
    return laid;
}

/* Whether what is in brings no new error. */
static int try_out(struct round *r, bool *good)
{
    struct judged now;
    struct input_laid *laid = edited_files(r);
    if (laid == NULL)
        return EXIT_FAILED;
    int status = judged_open(r, laid, &now);
    *good = status == EXIT_DONE && no_worse(&now, &r->base);
    judged_close(&now);
    free_texts(laid, r->fixed->n);
    return status == EXIT_FAILED ? status : EXIT_DONE;
}

static bool reject(struct round *r, const struct khap_diag *d)
{
    char **more = realloc(r->rejected, (r->n_rejected + 1) * sizeof *more);
    if (more == NULL)
        return false;
    r->rejected = more;
    more[r->n_rejected] = key_of(d);
    return more[r->n_rejected] != NULL && ++r->n_rejected > 0;
}

/* Finds the fixes that can stay: all of them at once, or halves of those that cannot. */
static int choose(struct round *r)
{
    struct {
        size_t from, to;
    } todo[64] = {{0, r->n_fixes}}; /* halves of halves: as many as a number has bits */
    size_t n = 1;
    while (n > 0) {
        size_t from = todo[n - 1].from, to = todo[n - 1].to, middle = from + (to - from) / 2;
        bool good = false;
        n--;
        if (from == to)
            continue;
        if (r->trials++ < TRIALS) {
            memset(r->in + from, true, to - from);
            int status = try_out(r, &good);
            if (status != EXIT_DONE)
                return status;
        }
        if (good)
            continue;
        memset(r->in + from, false, to - from);
        if (to - from == 1) {
            if (!reject(r, r->fixes[from]))
                return EXIT_FAILED;
            continue;
        }
        todo[n].from = middle;
        todo[n++].to = to;
        todo[n].from = from;
        todo[n++].to = middle;
    }
    return EXIT_DONE;
}

/* Takes over what is in; false when there is no memory. */
static bool settle(struct round *r, size_t *made)
{
    struct input_laid *laid = edited_files(r);
    if (laid == NULL)
        return false;
    for (size_t i = 0; i < r->n_edits; i++) {
        const struct edit *e = &r->edits[i];
        r->fixed->files[e->file].made += r->in[e->fix];
        *made += r->in[e->fix];
        r->in[e->fix] = false;
    }
    judged_close(&r->base); /* its texts go away */
    for (size_t i = 0; i < r->fixed->n; i++) {
        free((char *)(uintptr_t)r->fixed->files[i].now.ptr);
        r->fixed->files[i].now = r->fixed->laid[i].text = laid[i].text;
    }
    free(laid);
    return true;
}

static int one_round(struct round *r, size_t *made)
{
    int status = judged_open(r, r->fixed->laid, &r->base);
    if (status != EXIT_DONE)
        return status;
    if (r->fixed->laid == NULL && !add_files(r))
        return EXIT_FAILED;
    if (!gather(r))
        return EXIT_FAILED;
    status = choose(r);
    return status == EXIT_DONE && !settle(r, made) ? EXIT_FAILED : status;
}

int fix_find(struct report *r, fix_checker *check, void *ctx, struct fixed *out)
{
    struct round round = {.fixed = out, .check = check, .ctx = ctx};
    int status = EXIT_DONE;
    *out = (struct fixed){0};
    for (int i = 0; i < ROUNDS && status == EXIT_DONE; i++) {
        size_t made = 0;
        status = one_round(&round, &made);
        forget(&round);
        if (made == 0)
            break;
    }
    for (size_t i = 0; i < round.n_rejected; i++)
        free(round.rejected[i]);
    free(round.rejected);
    if (status == EXIT_FAILED)
        r->no_memory = true;
    return status == EXIT_FAILED ? status : EXIT_DONE;
}

size_t fix_left(const struct report *r, const char *path)
{
    struct khap_place place;
    struct khap_str text;
    size_t n = 0;
    for (const struct khap_diag *d = NULL; (d = khap_diags_next(r->diags, d)) != NULL;)
        n += khap_diag_edit(d, 0, &place, &text) == KHAP_OK &&
             same(khap_sources_name(r->sources, place.source), path);
    return n;
}
