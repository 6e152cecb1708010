/* The memory of a document. SPDX-License-Identifier: MIT */
#include "cfg/lines.h"

#include "base/alloc.h"

enum { FIRST_CHUNK = 256 * 1024, FIRST_EDITS = 16 * 1024 };

static bool add_chunk(struct khap_document *doc, size_t room)
{
    /* what was read is edited here and there only */
    size_t size = doc->read.len > 0 ? (size_t)FIRST_EDITS : khap__next_chunk(doc->length, FIRST_CHUNK);
    if (room > PTRDIFF_MAX - sizeof(struct line_chunk))
        return false;
    if (room + sizeof(struct line_chunk) > size)
        size = room + sizeof(struct line_chunk);
    struct line_chunk *c = khap__alloc(&doc->alloc, size, 1);
    if (c == NULL)
        return false;
    *c = (struct line_chunk){doc->chunks, size};
    doc->chunks = c;
    doc->at = (char *)(c + 1);
    doc->end = (char *)c + size;
    return true;
}

void khap__lines_kill(struct khap_document *doc, enum khap_status status)
{
    doc->dead = true;
    if (doc->status == KHAP_OK || (doc->status == KHAP_EINPUT && status != KHAP_EINPUT))
        doc->status = status;
}

bool khap__lines_grow(struct khap_document *doc, size_t more)
{
    size_t have = (size_t)(doc->at - doc->line);
    if (doc->dead)
        return false;
    if (more > doc->limit || have + more > doc->limit) {
        khap__lines_kill(doc, KHAP_ELIMIT);
        return false;
    }
    char *line = doc->line;
    struct line_chunk *old = doc->chunks;
    bool alone = old != NULL && line == (char *)(old + 1); /* nothing else stands in that chunk */
    size_t room = have + more;
    if (alone)
        room += room / 2;
    if (!add_chunk(doc, room)) {
        khap__lines_kill(doc, KHAP_ENOMEM);
        return false;
    }
    if (have > 0)
        memcpy(doc->at, line, have);
    if (doc->word != NULL)
        doc->word = doc->at + (doc->word - line);
    doc->line = doc->at;
    doc->at += have;
    if (alone) {
        doc->chunks->prev = old->prev;
        khap__free(&doc->alloc, old, old->size, 1);
    }
    return true;
}

/* One more block at the end of a list of pointers to blocks. */
static void *add_block(struct khap_document *doc, void *list, uint32_t n, uint32_t *cap, size_t items,
                       size_t size)
{
    void **blocks;
    memcpy(&blocks, list, sizeof blocks);
    if (n == *cap) {
        uint32_t more = *cap == 0 ? 16 : *cap * 2;
        blocks = khap__realloc(&doc->alloc, blocks, *cap, more, sizeof *blocks);
        if (blocks == NULL)
            return NULL;
        memcpy(list, &blocks, sizeof blocks);
        *cap = more;
    }
    void *block = khap__arena_alloc(&doc->arena, items, size);
    if (block != NULL)
        blocks[n] = block;
    return block;
}

/* Lines of one origin follow each other nearly always, so only the last place is looked at. */
static uint32_t keep_place(struct khap_document *doc, struct khap_place place)
{
    uint32_t n = doc->n_places;
    if (n > 0) {
        const struct khap_place *last = &doc->places[(n - 1) / PLACE_BLOCK][(n - 1) % PLACE_BLOCK];
        if (last->source == place.source && last->offset == place.offset && last->len == place.len)
            return n;
    }
    if (n == doc->n_place_blocks * PLACE_BLOCK) {
        if (add_block(doc, &doc->places, doc->n_place_blocks, &doc->cap_place_blocks, PLACE_BLOCK,
                      sizeof place) == NULL)
            return 0;
        doc->n_place_blocks++;
    }
    doc->places[n / PLACE_BLOCK][n % PLACE_BLOCK] = place;
    return ++doc->n_places;
}

uint32_t khap__lines_add(struct khap_document *doc, const char *text, uint32_t len, uint32_t origin)
{
    if (doc->n_lines == doc->n_blocks * LINE_BLOCK) {
        if (doc->n_lines > UINT32_MAX - LINE_BLOCK ||
            add_block(doc, &doc->blocks, doc->n_blocks, &doc->cap_blocks, LINE_BLOCK,
                      sizeof(struct khap_line)) == NULL)
            return 0;
        doc->n_blocks++;
    }
    uint32_t number = ++doc->n_lines;
    *khap__line_of(doc, number) = (struct khap_line){text, len, 0, 0, origin};
    return number;
}

void khap__lines_open(struct khap_document *doc, struct khap_place origin)
{
    doc->line = doc->at;
    doc->word = NULL;
    doc->words = 0;
    doc->dead = false;
    doc->from = origin;
}

void khap__lines_bytes(struct khap_document *doc, struct khap_str bytes)
{
    if (bytes.len == 0 || !khap__lines_room(doc, bytes.len))
        return;
    memcpy(doc->at, bytes.ptr, bytes.len);
    doc->at += bytes.len;
}

bool khap__lines_become(struct khap_document *doc, struct khap_line *line)
{
    size_t len = (size_t)(doc->at - doc->line);
    if (doc->dead || doc->length - line->len + len > doc->limit) {
        khap__lines_kill(doc, KHAP_ELIMIT);
        return false;
    }
    uint32_t origin = line->origin != 0 ? line->origin : keep_place(doc, khap_line_origin(doc, line));
    if (origin == 0) {
        khap__lines_kill(doc, KHAP_ENOMEM);
        return false;
    }
    doc->length = doc->length - line->len + len;
    line->text = doc->line;
    line->len = (uint32_t)len;
    line->origin = origin;
    doc->line = doc->at;
    return true;
}

uint32_t khap__lines_make(struct khap_document *doc)
{
    size_t len = (size_t)(doc->at - doc->line);
    if (doc->length + len > doc->limit) {
        khap__lines_kill(doc, KHAP_ELIMIT);
        return 0;
    }
    uint32_t origin = keep_place(doc, doc->from);
    uint32_t number = origin == 0 ? 0 : khap__lines_add(doc, doc->line, (uint32_t)len, origin);
    if (number == 0) {
        khap__lines_kill(doc, KHAP_ENOMEM);
        return 0;
    }
    doc->line = doc->at;
    return number;
}

void khap__lines_link(struct khap_document *doc, uint32_t after, uint32_t number)
{
    struct khap_line *line = khap__line_of(doc, number);
    uint32_t *link = after == 0 ? &doc->head : &khap__line_of(doc, after)->next;
    line->prev = after;
    line->next = *link;
    *link = number;
    if (line->next == 0)
        doc->tail = number;
    else
        khap__line_of(doc, line->next)->prev = number;
    doc->length += line->len;
}

void khap__lines_unlink(struct khap_document *doc, struct khap_line *line)
{
    if (line->prev == 0)
        doc->head = line->next;
    else
        khap__line_of(doc, line->prev)->next = line->next;
    if (line->next == 0)
        doc->tail = line->prev;
    else
        khap__line_of(doc, line->next)->prev = line->prev;
    doc->length -= line->len;
}

uint32_t khap__lines_number(const struct khap_document *doc, const struct khap_line *line)
{
    return line == NULL ? 0 : line->prev == 0 ? doc->head : khap__line_of(doc, line->prev)->next;
}
