/* Documents: the handle, reading, printing, inserting. SPDX-License-Identifier: MIT */
#include "cfg/document.h"

#include "base/alloc.h"
#include "cfg/lines.h"

/* ---- the handle */

void khap__document_retarget(struct khap_document *doc, const struct khap_target *target)
{
    doc->target = *target;
    doc->style = khap__encode_style(target->first, target->last);
    doc->unsafe = khap__encode_mask(doc->style);
}

enum khap_status khap_document_new(const struct khap_alloc *alloc, const struct khap_target *target,
                                   struct khap_document **out)
{
    if (out == NULL || target == NULL || target->size != sizeof *target || target->first > target->last ||
        target->first < KHAP_OLDEST || target->last > KHAP_NEWEST)
        return KHAP_EINVAL;
    struct khap_alloc a = khap__alloc_or_default(alloc);
    struct khap_document *doc = khap__alloc(&a, 1, sizeof *doc);
    if (doc == NULL)
        return KHAP_ENOMEM;
    memset(doc, 0, sizeof *doc);
    doc->alloc = a;
    khap__document_retarget(doc, target);
    doc->limit = UINT32_MAX;
    khap__arena_init(&doc->arena, &a);
    *out = doc;
    return KHAP_OK;
}

void khap_document_free(struct khap_document *doc)
{
    if (doc == NULL)
        return;
    while (doc->chunks != NULL) {
        struct line_chunk *prev = doc->chunks->prev;
        khap__free(&doc->alloc, doc->chunks, doc->chunks->size, 1);
        doc->chunks = prev;
    }
    khap__free(&doc->alloc, doc->blocks, doc->cap_blocks, sizeof *doc->blocks);
    khap__free(&doc->alloc, doc->places, doc->cap_place_blocks, sizeof *doc->places);
    khap__arena_free(&doc->arena);
    struct khap_alloc a = doc->alloc;
    khap__free(&a, doc, 1, sizeof *doc);
}

bool khap__doc_refused(const struct khap_document *doc, struct khap_place *origin, struct khap_str *word)
{
    if (!doc->refused)
        return false;
    if (origin != NULL)
        *origin = doc->refused_origin;
    if (word != NULL)
        *word = doc->refused_word;
    return true;
}

enum khap_status khap__doc_status(const struct khap_document *doc)
{
    return doc->status;
}

const struct khap_target *khap_document_target(const struct khap_document *doc)
{
    return doc == NULL ? NULL : &doc->target;
}

void khap__doc_limit(struct khap_document *doc, uint32_t bytes)
{
    doc->limit = bytes;
}

enum khap_status khap__doc_prepend(struct khap_document *doc, struct khap_str text)
{
    if (text.len == 0 || text.ptr[text.len - 1] != '\n')
        return KHAP_EINVAL;
    enum khap_status before = doc->status;
    uint32_t after = 0;
    doc->status = KHAP_OK;
    while (text.len > 0) {
        size_t len = khap__str_find(text, '\n') + 1;
        khap__lines_open(doc, (struct khap_place){0, 0, 0});
        if (khap__lines_room(doc, len)) {
            memcpy(doc->at, text.ptr, len);
            doc->at += len;
        }
        uint32_t number = doc->dead ? 0 : khap__lines_make(doc);
        if (number == 0) {
            doc->at = doc->line;
            break;
        }
        khap__lines_link(doc, after, number);
        after = number;
        text = khap__str_sub(text, len, text.len - len);
    }
    enum khap_status status = doc->status;
    doc->status = before;
    return status;
}

/* ---- reading */

struct khap_line *khap_line_next(const struct khap_document *doc, const struct khap_line *prev)
{
    if (doc == NULL)
        return NULL;
    return khap__line_of(doc, prev == NULL ? doc->head : prev->next);
}

struct khap_str khap_line_text(const struct khap_line *line)
{
    return line == NULL ? (struct khap_str){NULL, 0} : (struct khap_str){line->text, line->len};
}

struct khap_place khap_line_origin(const struct khap_document *doc, const struct khap_line *line)
{
    if (doc == NULL || line == NULL)
        return (struct khap_place){0, 0, 0};
    if (line->origin != 0)
        return doc->places[(line->origin - 1) / PLACE_BLOCK][(line->origin - 1) % PLACE_BLOCK];
    uint32_t end;
    return (struct khap_place){doc->read_source, (uint32_t)(line->text - doc->read.ptr),
                               (uint32_t)khap__line_body(line, &end).len};
}

struct khap_line *khap_line_prev(const struct khap_document *doc, const struct khap_line *next)
{
    if (doc == NULL)
        return NULL;
    return khap__line_of(doc, next == NULL ? doc->tail : next->prev);
}

uint64_t khap_document_length(const struct khap_document *doc)
{
    return doc == NULL ? 0 : doc->length;
}

/* The bytes from *line on that lie side by side; *line becomes the first line that does not. */
static struct khap_str next_run(const struct khap_document *doc, const struct khap_line **line)
{
    struct khap_str run = {(*line)->text, 0};
    do {
        run.len += (*line)->len;
        *line = khap__line_of(doc, (*line)->next);
    } while (*line != NULL && (*line)->text == run.ptr + run.len);
    return run;
}

enum khap_status khap_document_print(const struct khap_document *doc, const struct khap_sink *sink)
{
    if (doc == NULL || sink == NULL || sink->write == NULL)
        return KHAP_EINVAL;
    const struct khap_line *line = khap__line_of(doc, doc->head);
    while (line != NULL) {
        struct khap_str run = next_run(doc, &line);
        if (sink->write(sink->ctx, run.ptr, run.len) != 0)
            return KHAP_EIO;
    }
    return KHAP_OK;
}

uint64_t khap__doc_sum(const struct khap_document *doc)
{
    uint64_t sum = KHAP__FNV64;
    const struct khap_line *line = khap__line_of(doc, doc->head);
    while (line != NULL)
        sum = khap__fnv1a64(next_run(doc, &line), sum);
    return sum;
}
