/* diff/read.c - what one bundle has: sections, lines, files that they name. SPDX-License-Identifier: MIT */
#include "config.h"

#include "diff/diff.h"
#include "value/tree.h"

/* One side while its view is made. */
struct reading {
    struct khap_diff *d;
    struct diff_side *side;
    const struct view_line *at; /* the line */
    struct khap_place place;
    uint32_t opened;          /* how many sections of the view were seen */
    VEC(uint32_t) section_of; /* by section of the view */
    struct view_paths paths;
    struct khap_str crt_base, ca_base, store_base;
    struct buf text;
};

struct khap_str khap__diff_keep(struct khap_diff *d, struct khap_str text)
{
    struct khap_str kept = {NULL, 0};
    if (khap__arena_dup(&d->arena, text, &kept) != KHAP_OK)
        d->status = KHAP_ENOMEM;
    return kept;
}

/* ---- files */

/* What the file source gave for the other side; NULL when it gave nothing of that file. */
static const struct diff_file *read_before(const struct reading *r, struct khap_str key, struct khap_str path)
{
    const struct diff_side *side = &r->d->before;
    uint32_t at;
    if (r->side == side || !khap__map_get(&side->by_path, key, &at))
        return NULL;
    const struct diff_file *file = &side->files.ptr[at];
    return file->borrowed && khap__str_eq(file->path, path) ? file : NULL;
}

static void add_file(struct reading *r, struct khap_str holds, struct khap_str name, bool ordered, bool texts)
{
    struct khap_diff *d = r->d;
    struct diff_file file = {.holds = holds,
                             .name = name,
                             .place = r->place,
                             .ordered = ordered,
                             .texts = texts,
                             .base = r->crt_base};
    uint32_t index = r->side->files.len, old;
    bool found = false;
    if (r->at->read == KHAP_FALSE || name.len == 0)
        return;
    khap__buf_clear(&r->text);
    khap__buf_add(&r->text, holds);
    khap__buf_char(&r->text, '\0');
    khap__buf_add(&r->text, name);
    struct khap_str key = khap__diff_keep(d, khap__buf_str(&r->text));
    if (r->text.failed || khap__map_add(&r->side->by_path, key, index, &found, &old) != KHAP_OK) {
        d->status = KHAP_ENOMEM;
        return;
    }
    if (found) {
        r->side->files.ptr[old].ordered |= ordered;
        r->side->files.ptr[old].texts &= texts;
        return;
    }
    file.name = khap__diff_keep(d, name);
    if (khap__view_path(r->at->view, r->at->doc, &r->paths, &d->arena, file.name, &file.path) != KHAP_OK)
        d->status = KHAP_ENOMEM;
    const struct khap_bundle_file *read = NULL;
    enum khap_status status = khap_bundle_side(r->side->bundle, file.path, &read);
    if (status == KHAP_ENOMEM)
        d->status = status;
    file.known = status == KHAP_OK;
    const struct diff_file *same = file.known ? NULL : read_before(r, key, file.path);
    if (file.known) {
        file.text = khap_bundle_file_text(read);
    } else if (same != NULL) {
        file.known = true;
        file.text = same->text;
    } else if (d->files.read != NULL && file.path.len > 0 && file.path.ptr[0] == '/') {
        file.known = file.borrowed = d->files.read(d->files.ctx, file.path, &file.text) == KHAP_OK;
    }
    if (!VEC_PUSH(&d->alloc, &r->side->files, file))
        d->status = KHAP_ENOMEM;
}

/* Each line of a crt-list begins with a certificate. */
static void add_listed(struct reading *r, struct khap_str list)
{
    while (list.len > 0) {
        size_t end = khap__str_find(list, '\n');
        struct khap_str line = khap__str_trim(khap__str_sub(list, 0, end)), path = line;
        list = khap__str_sub(list, end + 1, list.len);
        path.len = 0;
        while (path.len < line.len && line.ptr[path.len] != ' ' && line.ptr[path.len] != '\t' &&
               line.ptr[path.len] != '\r')
            path.len++;
        if (path.len == 0 || path.ptr[0] == '#')
            continue;
        if (khap__view_below(&r->d->arena, r->crt_base, path, &path) != KHAP_OK)
            r->d->status = KHAP_ENOMEM;
        add_file(r, S("cert"), path, false, false);
    }
}

static bool one_of(struct khap_str word, const char *const *words)
{
    for (; *words != NULL; words++) {
        if (khap__str_eq(word, khap__str(*words)))
            return true;
    }
    return false;
}

/* A file that an argument names; what HAProxy calls it counts from the directory of its kind. */
static void named(struct reading *r, struct khap_str holds, struct khap_str path, bool ordered, bool texts)
{
    static const char *const certs[] = {"cert", "listed", "crtlist", "client", "sign", NULL};
    static const char *const authorities[] = {"ca", "crl", NULL};
    struct khap_str base = one_of(holds, certs)             ? r->crt_base
                           : one_of(holds, authorities)     ? r->ca_base
                           : khap__str_eq(holds, S("load")) ? r->store_base
                                                            : S("");
    if (khap__view_below(&r->d->arena, base, path, &path) != KHAP_OK)
        r->d->status = KHAP_ENOMEM;
    add_file(r, khap__str_eq(holds, S("load")) ? S("cert") : holds, path, ordered, texts);
    uint32_t last = r->side->files.len;
    if (khap__str_eq(holds, S("crtlist")) && last > 0 && r->side->files.ptr[last - 1].known)
        add_listed(r, r->side->files.ptr[last - 1].text);
}

static void note_directories(struct reading *r)
{
    const struct view_line *l = r->at;
    if (l->n < 2 || l->words[1].variable)
        return;
    struct khap_str value = khap__diff_keep(r->d, l->words[1].text), word = l->words[0].text;
    if (l->table == TABLE_CRT_STORE && khap__str_eq(word, S("crt-base")))
        r->store_base = value;
    else if (l->table == TABLE_GLOBAL && khap__str_eq(word, S("crt-base")))
        r->crt_base = r->store_base = value;
    else if (l->table == TABLE_GLOBAL && khap__str_eq(word, S("ca-base")))
        r->ca_base = value;
    else if (l->table == TABLE_GLOBAL &&
             khap__view_note_path(&r->d->arena, l->words, l->n, &r->paths) != KHAP_OK)
        r->d->status = KHAP_ENOMEM;
}

/* Whether a converter compares texts with texts, and gives a text: other maps hold numbers, addresses and regular expressions. */
static bool is_of_texts(struct khap_str converter)
{
    static const char *const names[] = {"map",     "map_str", "map_beg", "map_end",
                                        "map_dom", "map_dir", "map_sub", NULL};
    return one_of(converter, names);
}

/* Converters that read maps, and files of patterns in ACLs. */
static enum khap_status on_item(void *ctx, const struct schema_item *item)
{
    static const char *const lists[] = {"map_dir",  "map_dom", "map_end", "map_reg",
                                        "map_regm", "map_sub", NULL};
    struct reading *r = ctx;
    if (item->kind == SCHEMA_ITEM_CONVERTER && item->row != NULL && item->line != NULL) {
        for (uint32_t i = 0; i < item->line->n_arguments; i++) {
            const struct schema_argument *a = &item->line->arguments[i];
            if (a->type != TYPE_FILE || a->word >= item->n_arguments || item->arguments[a->word]->variable)
                continue;
            struct khap_str name = item->node->text;
            bool ordered = false;
            for (const char *const *l = lists; *l != NULL; l++)
                ordered = ordered || khap__str_starts(name, khap__str(*l));
            named(r, khap__schema_parameter(a), item->arguments[a->word]->text, ordered, is_of_texts(name));
        }
    }
    if (item->kind != SCHEMA_ITEM_ACL)
        return r->d->status;
    bool map = false;
    for (const struct khap_node *flag = item->node->first; flag != NULL; flag = flag->next)
        map = map || (flag->kind == KHAP_NODE_FLAG && khap__str_eq(flag->text, S("-M")));
    for (const struct khap_node *flag = item->node->first; flag != NULL; flag = flag->next) {
        if (flag->kind == KHAP_NODE_FLAG && khap__str_eq(flag->text, S("-f")) && flag->first != NULL &&
            !flag->first->variable)
            named(r, map ? S("map") : S("acl"), flag->first->text, false, false);
    }
    return r->d->status;
}

/* ---- sections and lines */

/* Sections of one name are one; of those without a name only `global` may be several times. */
static uint32_t add_section(struct reading *r, const struct view_line *l)
{
    struct khap_diff *d = r->d;
    const struct view_section *s = &l->view->sections.ptr[l->section];
    struct diff_section section = {.kind = s->kind,
                                   .place = r->place,
                                   .first = DIFF_NONE,
                                   .last = DIFF_NONE,
                                   .defaults = DIFF_NONE,
                                   .twin = DIFF_NONE};
    uint32_t index = r->side->sections.len, old = 0;
    bool found = false;
    for (uint32_t i = 0; i < l->schema->n_arguments && section.name.len == 0; i++) {
        const struct schema_argument *a = &l->schema->arguments[i];
        if (a->type == TYPE_NAME || a->type == TYPE_LABEL)
            section.name = l->words[a->word].text;
    }
    section.name = khap__diff_keep(d, section.name);
    khap__buf_clear(&r->text);
    khap__buf_add(&r->text, s->kind);
    khap__buf_char(&r->text, '\0');
    khap__buf_add(&r->text, section.name);
    if (section.name.len == 0 && !khap__str_eq(s->kind, S("global"))) {
        uint32_t same = 0;
        for (uint32_t i = 0; i < index; i++)
            same += r->side->sections.ptr[i].name.len == 0 &&
                    khap__str_eq(r->side->sections.ptr[i].kind, s->kind);
        khap__buf_char(&r->text, '\0');
        khap__buf_uint(&r->text, same);
    }
    section.key = khap__diff_keep(d, khap__buf_str(&r->text));
    if (r->text.failed || khap__map_add(&r->side->by_key, section.key, index, &found, &old) != KHAP_OK ||
        (!found && !VEC_PUSH(&d->alloc, &r->side->sections, section)))
        d->status = KHAP_ENOMEM;
    return found ? old : index;
}

/* The words of a line in a row, without what nobody may read. */
static struct khap_str shown(struct reading *r, const struct view_line *l)
{
    struct buf *out = &r->text;
    khap__buf_clear(out);
    for (uint32_t i = 0; i < l->n; i++) {
        bool secret = false;
        for (uint32_t a = 0; a < l->schema->n_arguments; a++) {
            const struct schema_argument *arg = &l->schema->arguments[a];
            secret = secret || (arg->type == TYPE_SECRET && i >= arg->word && i < arg->word + arg->n_words);
        }
        struct khap_word word = {.size = sizeof word};
        if (khap_words_at(l->reader, i, &word) != KHAP_OK)
            break;
        if (i > 0)
            khap__buf_char(out, ' ');
        khap__buf_add(out, secret ? S("(secret)") : word.raw);
    }
    return khap__diff_keep(r->d, khap__buf_str(out));
}

static void add_line(struct reading *r, const struct view_line *l)
{
    struct khap_diff *d = r->d;
    struct diff_line line = {.section = r->section_of.ptr[l->section],
                             .next = DIFF_NONE,
                             .next_same = DIFF_NONE,
                             .twin = DIFF_NONE,
                             .row = l->schema->row,
                             .n = (uint32_t)l->n,
                             .sure = l->read == KHAP_TRUE,
                             .place = r->place};
    line.words = khap__arena_alloc(&d->arena, l->n, sizeof *line.words);
    if (line.words == NULL) {
        d->status = KHAP_ENOMEM;
        return;
    }
    struct buf key;
    khap__buf_init(&key, &d->alloc);
    for (uint32_t i = 0; i < l->n; i++) {
        line.words[i] = khap__diff_keep(d, l->words[i].text);
        line.variable = line.variable || l->words[i].variable || l->words[i].many;
        khap__buf_add(&key, l->words[i].text);
        khap__buf_char(&key, '\0');
    }
    khap__buf_char(&key, line.sure ? 'y' : '?');
    if (key.failed)
        d->status = KHAP_ENOMEM;
    line.key = khap__diff_keep(d, khap__buf_str(&key));
    khap__buf_free(&key);
    line.text = shown(r, l);
    line.first = line.row != NULL ? l->schema->keyword + l->schema->n_keyword : 1;
    line.keyword =
        line.row != NULL && l->schema->prefix == 0 ? khap__schema_text(line.row->words) : line.words[0];
    for (uint32_t a = 0; a < l->schema->n_arguments; a++)
        line.defines = line.defines || l->schema->arguments[a].type == TYPE_DEF;
    struct diff_section *s = &r->side->sections.ptr[line.section];
    uint32_t index = r->side->lines.len;
    if (index == DIFF_NONE || !VEC_PUSH(&d->alloc, &r->side->lines, line)) {
        d->status = KHAP_ENOMEM;
        return;
    }
    if (s->last != DIFF_NONE)
        r->side->lines.ptr[s->last].next = index;
    else
        s->first = index;
    s->last = index;
}

static enum khap_status on_line(void *ctx, const struct view_line *l)
{
    struct reading *r = ctx;
    struct khap_diff *d = r->d;
    struct khap_span all = {0, 0, (uint32_t)(l->n - 1), UINT32_MAX};
    r->at = l;
    if (l->section == VIEW_NONE || l->n == 0)
        return KHAP_OK;
    struct khap_word last = {.size = sizeof last};
    if (khap_words_at(l->reader, l->n - 1, &last) == KHAP_OK)
        all.end_offset = (uint32_t)last.value.len;
    r->place = khap__view_place(l->doc, l->line, l->reader, all);
    while (r->section_of.len <= l->section) {
        if (!VEC_PUSH(&d->alloc, &r->section_of, DIFF_NONE))
            return KHAP_ENOMEM;
    }
    if (l->table == TABLE_SECTION) {
        r->store_base = r->crt_base;
        r->section_of.ptr[l->section] = add_section(r, l);
        /* what a header says behind the name: `from`, an address */
        if (d->status != KHAP_OK || l->n <= 2)
            return d->status;
    }
    if (r->section_of.ptr[l->section] == DIFF_NONE)
        return d->status;
    note_directories(r);
    add_line(r, l);
    for (uint32_t i = 0; i < l->schema->n_arguments && d->status == KHAP_OK; i++) {
        const struct schema_argument *a = &l->schema->arguments[i];
        struct khap_str holds = khap__schema_parameter(a);
        /* states of servers are of a moment, no part of a configuration */
        if (a->type == TYPE_FILE && holds.len > 0 && !khap__str_eq(holds, S("socket")) &&
            !khap__str_eq(holds, S("state")) && !l->words[a->word].variable)
            named(r, holds, khap__str_sub(l->words[a->word].text, a->offset, a->len), false, false);
    }
    return d->status;
}

enum khap_status khap__diff_read(struct khap_diff *d, struct diff_side *side,
                                 const struct khap_if_facts *facts)
{
    struct reading r = {.d = d, .side = side};
    struct view_listener listener = {&r, on_line, on_item, NULL, NULL, false};
    khap__buf_init(&r.text, &d->alloc);
    enum khap_status status =
        khap__view_new(&d->alloc, side->bundle, &d->target, facts, &listener, d->diags, &side->view);
    for (uint32_t i = 0; status == KHAP_OK && i < r.section_of.len; i++) {
        uint32_t of = side->view->sections.ptr[i].defaults;
        if (r.section_of.ptr[i] != DIFF_NONE && of != VIEW_NONE && of < r.section_of.len)
            side->sections.ptr[r.section_of.ptr[i]].defaults = r.section_of.ptr[of];
    }
    if (status == KHAP_OK && r.text.failed)
        status = KHAP_ENOMEM;
    VEC_FREE(&d->alloc, &r.section_of);
    khap__buf_free(&r.text);
    return status;
}
