/* Putting what was generated between the marks of somebody's own file. SPDX-License-Identifier: MIT */
#include "gen/into.h"

#include "gen/written.h"

static struct khap_str without_lf(struct khap_str line)
{
    if (line.len > 0 && line.ptr[line.len - 1] == '\n')
        line.len--;
    return line;
}

/* What may not stand in the block: a line that a later run would take for a mark, and a section that stands outside, too. */
static void check_lines(struct into *in, const struct block *block)
{
    for (const struct khap_line *line = NULL; (line = khap_line_next(block->doc, line));) {
        if (khap__into_is_mark(khap_line_text(line)))
            SAY0(in->diags, MSG_MARK_IN_LINES, khap_line_origin(block->doc, line));
    }
}

static bool is_proxy(struct khap_str kind)
{
    return khap__str_eq(kind, S("frontend")) || khap__str_eq(kind, S("backend")) ||
           khap__str_eq(kind, S("listen"));
}

static void check_name(struct into *in, const struct block *block, const struct khap_section *section)
{
    for (uint32_t i = 0; i < in->outside.sections.len; i++) {
        const struct own_section *other = &in->outside.sections.ptr[i];
        /* 3.3 and newer take no proxy of the name of a defaults section */
        bool meets = is_proxy(section->kind)
                         ? is_proxy(other->kind) || (khap__str_eq(other->kind, S("defaults")) &&
                                                     in->options->target.last >= KHAP_RELEASE(3, 2))
                         : khap__str_eq(other->kind, section->kind);
        if (!khap__str_eq(other->name, section->name) || !meets)
            continue;
        struct khap_place place = khap_line_origin(block->doc, section->head);
        SAY(in->diags, MSG_NAME_OUTSIDE, place, section->name);
        khap__diags_relate(in->diags, other->place, S("it stands here"));
        return;
    }
}

/* Names of sections that stand outside already: of services, frontends, and those of khap's own. */
static enum khap_status check_names(struct into *in, const struct block *block)
{
    struct khap_outline *outline;
    struct khap_section section = {.size = sizeof section};
    struct map seen;
    enum khap_status status = khap_outline_new(&in->alloc, block->doc, NULL, &outline);
    if (status != KHAP_OK)
        return status;
    khap__map_init(&seen, &in->alloc);
    for (uint32_t i = 0; i < in->outside.sections.len && status == KHAP_OK; i++) {
        if (in->outside.sections.ptr[i].name.len > 0)
            status = khap__map_set(&seen, in->outside.sections.ptr[i].name, 1);
    }
    for (size_t i = 0; status == KHAP_OK && khap_outline_section(outline, i, &section) == KHAP_OK; i++) {
        uint32_t found;
        if (section.name.len > 0 && khap__map_get(&seen, section.name, &found))
            check_name(in, block, &section);
    }
    khap__map_free(&seen);
    khap_outline_free(outline);
    return status;
}

struct writing {
    struct into *in;
    struct khap_line *at; /* the line behind which the next one goes */
    struct khap_str eol;
    struct buf text;
};

static enum khap_status put(struct writing *w, struct khap_str indent, struct khap_str line,
                            struct khap_place origin)
{
    khap__buf_clear(&w->text);
    khap__buf_add(&w->text, indent);
    khap__buf_add(&w->text, line);
    khap__buf_add(&w->text, w->eol);
    return w->text.failed
               ? KHAP_ENOMEM
               : khap_document_insert_raw(w->in->doc, w->at, khap__buf_str(&w->text), origin, &w->at);
}

/* A line of the block without its end, and the blanks that go before it. */
static struct khap_str indented(const struct block *block, const struct khap_line *line,
                                struct khap_str *indent)
{
    struct khap_str text = without_lf(khap_line_text(line));
    *indent = S("");
    if (block->name.len == 0 || !khap__str_starts(text, S("    ")))
        return text;
    *indent = block->indent;
    return khap__str_sub(text, 4, text.len);
}

static uint64_t sum_of(const struct block *block)
{
    uint64_t sum = KHAP__FNV64;
    for (const struct khap_line *line = NULL; (line = khap_line_next(block->doc, line));) {
        struct khap_str indent, text = indented(block, line, &indent);
        sum = khap__fnv1a64(S("\n"), khap__fnv1a64(text, khap__fnv1a64(indent, sum)));
    }
    return sum;
}

static bool ends_in_crlf(const struct khap_line *line)
{
    struct khap_str text = line ? khap_line_text(line) : (struct khap_str){NULL, 0};
    return text.len >= 2 && text.ptr[text.len - 1] == '\n' && text.ptr[text.len - 2] == '\r';
}

static enum khap_status write_block(struct into *in, struct block *block)
{
    static const struct khap_place nowhere = {0};
    struct writing w = {.in = in, .at = block->begin};
    enum khap_status status = KHAP_OK;
    bool is_new = block->begin == NULL;
    khap__buf_init(&w.text, &in->alloc);
    /* the last line of a file may lack its end */
    w.eol = ends_in_crlf(is_new ? khap_line_next(in->doc, NULL) : block->begin) ? S("\r\n") : S("\n");
    if (is_new) {
        w.at = khap_line_prev(in->doc, NULL);
        if (w.at)
            status = put(&w, S(""), S(""), nowhere);
        if (status == KHAP_OK)
            status = put(&w, S(""), S("# BEGIN khapgen"), nowhere);
    }
    struct buf sum;
    khap__buf_init(&sum, &in->alloc);
    khap__block_line(&sum, sum_of(block));
    if (status == KHAP_OK)
        status = sum.failed ? KHAP_ENOMEM : put(&w, block->indent, khap__buf_str(&sum), nowhere);
    khap__buf_free(&sum);
    for (const struct khap_line *line = NULL;
         status == KHAP_OK && (line = khap_line_next(block->doc, line));) {
        struct khap_str indent, text = indented(block, line, &indent);
        status = put(&w, indent, text, khap_line_origin(block->doc, line));
    }
    if (is_new && status == KHAP_OK)
        status = put(&w, S(""), S("# END khapgen"), nowhere);
    khap__buf_free(&w.text);
    return status;
}

enum khap_status khap__into_write(struct into *in)
{
    enum khap_status status = KHAP_OK;
    for (uint32_t i = 0; i < in->blocks.len && status == KHAP_OK; i++) {
        if (in->blocks.ptr[i].doc)
            check_lines(in, &in->blocks.ptr[i]);
        if (in->blocks.ptr[i].doc && in->blocks.ptr[i].name.len == 0)
            status = check_names(in, &in->blocks.ptr[i]);
    }
    if (status == KHAP_OK)
        status = khap__diags_status(in->diags);
    for (uint32_t i = 0; i < in->blocks.len && status == KHAP_OK; i++) {
        if (in->blocks.ptr[i].doc)
            status = write_block(in, &in->blocks.ptr[i]);
    }
    return status;
}
