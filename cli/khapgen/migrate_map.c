/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "khapgen/migrate_map.h"

#include <khap/kube.h>
#include <khap/khap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A line of the map as it was. */
struct old_line {
    struct khap_line *line;
    struct khap_str text; /* decoded */
    struct khap_str kept; /* its bytes in the source, or empty */
};

/* The lines of one key, and the document that they are for khap_migrate(). */
struct own {
    struct khap_model_lines lines;
    struct scalar scalar;
    struct khap_document *doc; /* the bundle's */
    struct old_line *old;
    size_t n_old;
    struct scalar_line *now;
    size_t n_now;
    struct text text; /* `now` as one text */
    bool changed;
};

/* What takes the place of bytes of a source. */
struct edit {
    struct khap_place place;
    struct text text;
    size_t end;
};

struct migration {
    struct report *report;
    struct khap_model *model;
    struct khap_bundle *bundle;
    uint16_t from, to;
    struct own *own;
    size_t n_own, cap_own;
    struct edit *edits;
    size_t n_edits;
    bool target_changes;
};

static enum khap_status failed(struct migration *m)
{
    m->report->no_memory = true;
    return KHAP_ENOMEM;
}

static const char *release_text(char room[16], uint16_t release)
{
    snprintf(room, 16, "%d.%d", release / 100, release % 100);
    return room;
}

/* ---- what is there */

static enum khap_status gather(struct migration *m)
{
    struct khap_model_lines lines;
    khap_model_lines_init(&lines);
    enum khap_status status;
    while ((status = khap_model_lines_next(m->model, &lines)) == KHAP_OK) {
        if (m->n_own == m->cap_own) {
            size_t cap = m->cap_own * 2 + 16;
            struct own *own = cap > SIZE_MAX / sizeof *own ? NULL : realloc(m->own, cap * sizeof *own);
            if (own == NULL)
                return failed(m);
            m->own = own;
            m->cap_own = cap;
        }
        m->own[m->n_own++] = (struct own){
            .lines = lines,
            .scalar = {khap_sources_text(m->report->sources, lines.place.source), lines.place, lines.text}};
    }
    return status == KHAP_ENOENT ? KHAP_OK : status;
}

static enum khap_status new_document(struct migration *m, const char *name, struct khap_document **out)
{
    struct khap_target target;
    khap_target_init(&target);
    target.first = target.last = m->from;
    enum khap_status status = khap_document_new(NULL, &target, out);
    if (status == KHAP_OK && (status = khap_bundle_add_document(m->bundle, word(name), *out, 0)) != KHAP_OK)
        khap_document_free(*out);
    return status;
}

/* A line that is not the map's: it comes from nowhere. */
static enum khap_status add_context(struct khap_document *doc, const char *text, struct khap_str name,
                                    struct khap_line **last)
{
    char line[512];
    struct khap_place nowhere = {0};
    int len = snprintf(line, sizeof line, "%s%.*s\n", text, (int)(name.len > 300 ? 300 : name.len), name.ptr);
    return khap_document_insert_raw(doc, *last, (struct khap_str){line, len > 0 ? (size_t)len : 0}, nowhere,
                                    last);
}

/* What the lines stand in, as khapgen writes it: as far as it matters to them. */
static enum khap_status add_head(struct own *own, struct khap_line **last)
{
    const char *section = own->lines.section;
    struct khap_str none = WORD(""), name = own->lines.name;
    char head[32];
    bool named = strcmp(section, "frontend") == 0 || strcmp(section, "backend") == 0;
    if (section[0] == '\0')
        return KHAP_OK;
    snprintf(head, sizeof head, named ? "%s " : "%s", section);
    enum khap_status status =
        add_context(own->doc, head, named && name.len == 0 ? word("khap-serviceDefaults") : name, last);
    bool defaults = strcmp(section, "defaults") == 0;
    if (status == KHAP_OK && (defaults || own->lines.tcp))
        status = add_context(own->doc, own->lines.tcp ? "mode tcp" : "mode http", none, last);
    if (status == KHAP_OK && defaults)
        status = add_context(own->doc, "balance roundrobin", none, last);
    return status;
}

/* The place of a line that stands in the source as it is; else that of the whole value. */
static struct khap_place place_of(const struct own *own, const struct old_line *line)
{
    const struct scalar *s = &own->scalar;
    struct khap_place place = s->place;
    size_t at = place.offset, len = place.len;
    struct khap_str kept = line->kept;
    if (kept.len > 0) {
        while (kept.len > 0 && (kept.ptr[kept.len - 1] == '\n' || kept.ptr[kept.len - 1] == '\r'))
            kept.len--;
        place.offset = (uint32_t)((size_t)(kept.ptr - s->source.ptr) + kept.len - line->text.len);
        place.len = (uint32_t)line->text.len;
    } else if (len == line->text.len + 2 && at + len <= s->source.len &&
               (s->source.ptr[at] == '"' || s->source.ptr[at] == '\'') &&
               memcmp(s->source.ptr + at + 1, line->text.ptr, line->text.len) == 0) {
        place.offset++;
        place.len -= 2;
    }
    return place;
}

static enum khap_status add_lines(struct migration *m, struct own *own)
{
    struct khap_str rest = own->lines.text, line;
    struct khap_line *last = NULL;
    struct text text = {0};
    size_t n = 0;
    enum khap_status status = add_head(own, &last);
    while (scalar_next_line(&rest, &line))
        n++;
    own->old = calloc(n + 1, sizeof *own->old);
    if (own->old == NULL)
        return failed(m);
    rest = own->lines.text;
    struct scalar_cursor source = scalar_lines(&own->scalar);
    while (status == KHAP_OK && scalar_next_line(&rest, &line)) {
        struct old_line *old = &own->old[own->n_old++];
        old->text = line;
        if (!scalar_line_bytes(&source, line, &old->kept))
            old->kept = (struct khap_str){NULL, 0};
        text.len = 0;
        text_add(&text, line);
        text_add(&text, WORD("\n"));
        status = text.failed
                     ? failed(m)
                     : khap_document_insert_raw(own->doc, last, text_str(&text), place_of(own, old), &last);
        old->line = last;
    }
    free(text.ptr);
    return status;
}

/* Each text is a file of its own, so that nothing in it acts on another one. */
static enum khap_status make_bundle(struct migration *m)
{
    char name[32];
    enum khap_status status = khap_bundle_new(NULL, &m->bundle);
    bool global = m->n_own > 0 && strcmp(m->own[0].lines.section, "global") == 0, defaults = false;
    for (size_t i = 0; i < m->n_own; i++)
        defaults = defaults || strcmp(m->own[i].lines.section, "defaults") == 0;
    struct own context[2] = {{.lines = {.section = "global"}}, {.lines = {.section = "defaults"}}};
    struct khap_line *last = NULL;
    if (status == KHAP_OK && !global) {
        status = new_document(m, "global", &context[0].doc);
        if (status == KHAP_OK)
            status = add_head(&context[0], &last);
    }
    for (size_t i = 0; i < m->n_own && status == KHAP_OK; i++) {
        if (!defaults && (i > 0 || !global)) {
            last = NULL;
            status = new_document(m, "defaults", &context[1].doc);
            if (status == KHAP_OK)
                status = add_head(&context[1], &last);
            defaults = true;
        }
        snprintf(name, sizeof name, "lines/%zu", i);
        if (status == KHAP_OK)
            status = new_document(m, name, &m->own[i].doc);
        if (status == KHAP_OK)
            status = add_lines(m, &m->own[i]);
    }
    return status;
}

/* ---- what has become of it */

static struct khap_str without_end(struct khap_str line)
{
    if (line.len > 0 && line.ptr[line.len - 1] == '\n')
        line.len--;
    return line;
}

static bool same(struct khap_str a, struct khap_str b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

static bool is_context(const struct own *own, const struct khap_line *line)
{
    return khap_line_origin(own->doc, line).source == 0;
}

static enum khap_status read_back(struct migration *m, struct own *own)
{
    struct khap_line *line = NULL;
    size_t n = 0, at = 0;
    while ((line = khap_line_next(own->doc, line)) != NULL)
        n++;
    own->now = calloc(n + 1, sizeof *own->now);
    if (own->now == NULL)
        return failed(m);
    while ((line = khap_line_next(own->doc, line)) != NULL) {
        if (is_context(own, line))
            continue;
        struct scalar_line *now = &own->now[own->n_now++];
        size_t found = at;
        now->text = without_end(khap_line_text(line));
        /* lines that were there keep their order */
        while (found < own->n_old && own->old[found].line != line)
            found++;
        if (found < own->n_old && same(own->old[found].text, now->text))
            now->kept = own->old[found].kept;
        at = found < own->n_old ? found + 1 : at;
        text_add(&own->text, now->text);
        text_add(&own->text, WORD("\n"));
    }
    own->changed = !scalar_same_lines(own->lines.text, text_str(&own->text));
    return own->text.failed ? failed(m) : KHAP_OK;
}

/* What belongs into `global` of a map that has none. */
static bool tell_global(struct migration *m)
{
    const struct khap_bundle_file *file = khap_bundle_find(m->bundle, WORD("global"));
    const struct khap_document *doc = file != NULL ? khap_bundle_file_document(file) : NULL;
    const struct khap_line *line = NULL;
    bool any = false;
    while (doc != NULL && (line = khap_line_next(doc, line)) != NULL) {
        struct khap_str text = without_end(khap_line_text(line));
        while (text.len > 0 && (text.ptr[0] == ' ' || text.ptr[0] == '\t'))
            text = (struct khap_str){text.ptr + 1, text.len - 1};
        if (khap_line_prev(doc, line) == NULL || text.len == 0)
            continue;
        report_say(m->report, "migrate-map-global", khap_line_origin(doc, line), text, WORD(""));
        any = true;
    }
    return any;
}

static struct edit *new_edit(struct migration *m, struct khap_place place)
{
    struct edit *e = &m->edits[m->n_edits++];
    *e = (struct edit){.place = place, .end = (size_t)place.offset + place.len};
    return e;
}

/* What the anchor is of: lines of the map, or NULL. */
static const struct own *anchored(const struct migration *m, const struct own *alias, struct khap_str name)
{
    for (size_t i = 0; i < m->n_own; i++) {
        const struct scalar *s = &m->own[i].scalar;
        struct khap_str other;
        if (s->place.source == alias->scalar.place.source && s->place.offset < alias->scalar.place.offset &&
            !scalar_alias(s, &other) && scalar_has_anchor(s, name))
            return &m->own[i];
    }
    return NULL;
}

static int order_of(const struct khap_place *x, const struct khap_place *y)
{
    if (x->source != y->source)
        return x->source < y->source ? -1 : 1;
    return x->offset < y->offset ? -1 : x->offset > y->offset ? 1 : 0;
}

static int edits_in_order(const void *a, const void *b)
{
    return order_of(&((const struct edit *)a)->place, &((const struct edit *)b)->place);
}

static int own_in_order(const void *a, const void *b)
{
    const struct own *x = *(struct own *const *)a, *y = *(struct own *const *)b;
    return order_of(&x->scalar.place, &y->scalar.place);
}

/* The release that the map names becomes the other one. */
static void edit_target(struct migration *m)
{
    struct khap_place place = khap_model_target_place(m->model);
    struct khap_str source = khap_sources_text(m->report->sources, place.source);
    char first = place.offset < source.len ? source.ptr[place.offset] : '\0', text[24], release[16];
    if (!m->target_changes)
        return;
    const char *quote = first == '"' ? "\"" : first == '\'' ? "'" : "";
    snprintf(text, sizeof text, "%s%s%s", quote, release_text(release, m->to), quote);
    text_add(&new_edit(m, place)->text, word(text));
}

/* The edits; `plain`: the way that surely reads the same. */
static enum khap_status make_edits(struct migration *m, bool plain)
{
    for (size_t i = 0; i < m->n_edits; i++)
        free(m->edits[i].text.ptr);
    m->n_edits = 0;
    edit_target(m);
    for (size_t i = 0; i < m->n_own; i++) {
        struct own *own = &m->own[i];
        struct khap_str name;
        bool alias = scalar_alias(&own->scalar, &name), change = own->changed;
        const struct own *anchor = alias ? anchored(m, own, name) : NULL;
        if (anchor != NULL && anchor->changed)
            change = plain || !scalar_same_lines(text_str(&own->text), text_str(&anchor->text));
        if (!change)
            continue;
        struct edit *e = new_edit(m, own->scalar.place);
        scalar_write(&own->scalar, own->now, own->n_now, plain, &e->text, &e->end);
    }
    qsort(m->edits, m->n_edits, sizeof *m->edits, edits_in_order);
    for (size_t i = 0; i < m->n_edits; i++) {
        if (m->edits[i].text.failed)
            return failed(m);
    }
    return KHAP_OK;
}

/* Merged mappings share what they bring in: it stands in one place, and can become one thing only, or stay. */
static enum khap_status tell_shared(struct migration *m, bool *any)
{
    struct own **sorted = calloc(m->n_own + 1, sizeof *sorted);
    const struct own *told = NULL;
    if (sorted == NULL)
        return failed(m);
    for (size_t i = 0; i < m->n_own; i++)
        sorted[i] = &m->own[i];
    qsort(sorted, m->n_own, sizeof *sorted, own_in_order);
    for (size_t i = 1; i < m->n_own; i++) {
        const struct own *a = sorted[i - 1], *b = sorted[i];
        if (own_in_order(&sorted[i - 1], &sorted[i]) != 0 ||
            scalar_same_lines(text_str(&a->text), text_str(&b->text)) ||
            (told != NULL && order_of(&told->scalar.place, &b->scalar.place) == 0))
            continue;
        report_say(m->report, "migrate-map-shared", b->scalar.place, WORD(""), WORD(""));
        told = b;
        *any = true;
    }
    free(sorted);
    return KHAP_OK;
}

static enum khap_status apply(struct migration *m, struct migrated_map *map)
{
    struct khap_str source = khap_sources_text(m->report->sources, map->source);
    size_t at = 0;
    map->now.len = 0;
    for (size_t i = 0; i < m->n_edits; i++) {
        const struct edit *e = &m->edits[i];
        if (e->place.source != map->source || e->place.offset < at) /* the same, shared */
            continue;
        text_add(&map->now, (struct khap_str){source.ptr + at, e->place.offset - at});
        text_add(&map->now, text_str(&e->text));
        at = e->end;
    }
    text_add(&map->now, (struct khap_str){source.ptr + at, source.len - at});
    return map->now.failed ? failed(m) : KHAP_OK;
}

/* ---- whether it reads as it shall */

/* The keys of the lines, as khap_model_set() takes them, one a line. */
static void add_paths(const struct khap_model *model, struct text *paths)
{
    struct khap_model_lines lines;
    khap_model_lines_init(&lines);
    while (khap_model_lines_next(model, &lines) == KHAP_OK) {
        const char *star = strchr(lines.key, '*');
        size_t before = star != NULL ? (size_t)(star - lines.key) : strlen(lines.key);
        text_add(paths, (struct khap_str){lines.key, before});
        if (star != NULL) {
            text_add(paths, WORD("\""));
            text_add(paths, lines.name);
            text_add(paths, WORD("\""));
            text_add(paths, word(star + 1));
        }
        text_add(paths, WORD("\n"));
    }
}

/* The map as YAML without its lines and its release. */
static enum khap_status print_rest(struct migration *m, struct khap_model *model, struct khap_diags *diags,
                                   struct text *out)
{
    const struct khap_sink sink = {out, text_sink};
    const struct khap_place nowhere = {0};
    struct text paths = {0};
    char release[16];
    enum khap_status status = KHAP_OK;
    add_paths(model, &paths);
    struct khap_str rest = text_str(&paths), path;
    if (m->target_changes)
        status = khap_model_set(model, WORD("haproxy.release"), word(release_text(release, m->to)), nowhere,
                                diags);
    while (status == KHAP_OK && scalar_next_line(&rest, &path))
        status = khap_model_set(model, path, WORD("lines"), nowhere, diags);
    if (paths.failed)
        status = KHAP_ENOMEM;
    free(paths.ptr);
    return status == KHAP_OK ? khap_model_write(model, &sink) : status;
}

static bool lines_as_wanted(const struct migration *m, const struct khap_model *model)
{
    struct khap_model_lines lines;
    size_t n = 0;
    khap_model_lines_init(&lines);
    while (khap_model_lines_next(model, &lines) == KHAP_OK) {
        if (n == m->n_own || strcmp(lines.key, m->own[n].lines.key) != 0 ||
            !same(lines.name, m->own[n].lines.name) ||
            !scalar_same_lines(lines.text, text_str(&m->own[n].text)))
            return false;
        n++;
    }
    return n == m->n_own;
}

/* Reads the maps anew: nothing else may have changed. */
static enum khap_status verify(struct migration *m, const struct migrated_map *maps, size_t n, bool old,
                               struct text *rest, bool *good)
{
    struct khap_sources *sources = NULL;
    struct khap_diags *diags = NULL;
    struct khap_model *model = NULL;
    enum khap_status status = khap_sources_new(NULL, &sources);
    if (status == KHAP_OK)
        status = khap_diags_new(NULL, sources, &diags);
    if (status == KHAP_OK)
        status = khap_model_new(NULL, &model);
    for (size_t i = 0; i < n && status == KHAP_OK; i++) {
        uint32_t source;
        if (maps[i].manifest)
            continue;
        struct khap_str text =
            old ? khap_sources_text(m->report->sources, maps[i].source) : text_str(&maps[i].now);
        status = khap_sources_add(sources, WORD(""), text, &source);
        if (status == KHAP_OK)
            status = khap_model_read(model, source, diags);
    }
    *good = status == KHAP_OK && (old || lines_as_wanted(m, model));
    if (*good)
        status = print_rest(m, model, diags, rest);
    *good = *good && status == KHAP_OK;
    if (rest->failed)
        status = KHAP_ENOMEM;
    khap_model_free(model);
    khap_diags_free(diags);
    khap_sources_free(sources);
    return status == KHAP_ENOMEM ? failed(m) : KHAP_OK;
}

static enum khap_status write_maps(struct migration *m, struct migrated_map *maps, size_t n, bool *good)
{
    struct text was = {0}, is = {0};
    enum khap_status status = verify(m, maps, n, true, &was, good);
    bool before = *good;
    *good = false;
    for (int plain = 0; plain < 2 && status == KHAP_OK && before && !*good; plain++) {
        status = make_edits(m, plain == 1);
        for (size_t i = 0; i < n && status == KHAP_OK; i++)
            status = maps[i].manifest ? KHAP_OK : apply(m, &maps[i]);
        is.len = 0;
        if (status == KHAP_OK)
            status = verify(m, maps, n, false, &is, good);
        *good = *good && same(text_str(&was), text_str(&is));
    }
    if (status == KHAP_OK && !*good)
        report_say(m->report, "migrate-map-unwritable", (struct khap_place){maps[0].source, 0, 0}, WORD(""),
                   WORD(""));
    free(was.ptr);
    free(is.ptr);
    return status;
}

/* ---- the whole */

/* The release that the map is for; what becomes of `haproxy:`. */
static int read_target(struct migration *m, const struct migrated_map *maps, uint16_t from)
{
    struct khap_target target;
    struct khap_place place = khap_model_target_place(m->model);
    struct khap_str source = khap_sources_text(m->report->sources, place.source);
    char release[16];
    khap_target_init(&target);
    bool named = khap_model_target(m->model, &target, NULL) == KHAP_OK;
    bool one = named && target.first == target.last;
    m->from = from != 0 ? from : one ? target.first : 0;
    if (m->from == 0) {
        report_say(m->report, "migrate-map-from",
                   place.source != 0 ? place : (struct khap_place){maps[0].source, 0, 0}, WORD(""), WORD(""));
        return EXIT_UNUSABLE;
    }
    bool written =
        place.offset < source.len && memchr("\"'v0123456789", source.ptr[place.offset], 13) != NULL;
    m->target_changes = one && target.first != m->to && written;
    if (m->target_changes)
        report_say(m->report, "migrate-map-release", place, word(release_text(release, m->to)), WORD(""));
    else if (named && (target.first != m->to || target.last != m->to))
        report_say(m->report, "migrate-map-target", place,
                   (struct khap_str){source.ptr + place.offset, place.len},
                   word(release_text(release, m->to)));
    return EXIT_DONE;
}

static int migrate(struct migration *m, struct migrated_map *maps, size_t n)
{
    struct khap_migrate_options options;
    bool left = false, good = false, shared = false;
    khap_migrate_options_init(&options);
    options.parts = 1;
    enum khap_status status = gather(m);
    if (status == KHAP_OK)
        status = make_bundle(m);
    if (status == KHAP_OK)
        status = khap_migrate(NULL, m->bundle, m->from, m->to, &options, m->report->diags);
    left = status == KHAP_EINPUT;
    if (left)
        status = KHAP_OK;
    for (size_t i = 0; i < m->n_own && status == KHAP_OK; i++)
        status = read_back(m, &m->own[i]);
    m->edits = status == KHAP_OK ? calloc(m->n_own + 1, sizeof *m->edits) : NULL;
    if (status == KHAP_OK && m->edits == NULL)
        status = failed(m);
    if (status == KHAP_OK) {
        left = tell_global(m) || left;
        status = tell_shared(m, &shared);
    }
    if (status == KHAP_OK && !shared)
        status = write_maps(m, maps, n, &good);
    if (status != KHAP_OK)
        return report_status(m->report, status);
    return !good ? EXIT_FAILED : left ? EXIT_NO : EXIT_DONE;
}

/* Objects of Kubernetes have no lines for one release. */
static enum khap_status is_manifest(struct report *r, uint32_t source, bool *yes)
{
    struct khap_diags *unheard = NULL;
    struct khap_kube *kube = NULL;
    enum khap_status status = khap_diags_new(NULL, r->sources, &unheard);
    if (status == KHAP_OK)
        status = khap_kube_new(NULL, &kube);
    if (status == KHAP_OK)
        status = khap_kube_read(kube, source, unheard);
    *yes = status == KHAP_OK || status == KHAP_EINPUT;
    khap_kube_free(kube);
    khap_diags_free(unheard);
    return status == KHAP_ENOMEM ? status : KHAP_OK;
}

int migrate_maps(struct report *r, struct migrated_map *maps, size_t n, uint16_t from, uint16_t to)
{
    struct migration m = {.report = r, .to = to};
    int status = report_status(r, khap_model_new(NULL, &m.model));
    size_t manifests = 0;
    for (size_t i = 0; i < n && status != EXIT_FAILED; i++) {
        bool manifest = false;
        enum khap_status read = is_manifest(r, maps[i].source, &manifest);
        if (manifest) {
            report_say(r, "migrate-manifest", (struct khap_place){.source = maps[i].source}, WORD(""),
                       WORD(""));
            text_add(&maps[i].now, khap_sources_text(r->sources, maps[i].source));
            maps[i].manifest = true;
            manifests++;
        } else if (read == KHAP_OK) {
            read = khap_model_read(m.model, maps[i].source, r->diags);
        }
        int one = report_status(r, maps[i].now.failed ? KHAP_ENOMEM : read);
        status = one > status ? one : status;
    }
    if (status == EXIT_DONE && manifests < n)
        status = read_target(&m, maps, from);
    if (status == EXIT_DONE && manifests < n)
        status = migrate(&m, maps, n);
    for (size_t i = 0; i < m.n_own; i++) {
        free(m.own[i].old);
        free(m.own[i].now);
        free(m.own[i].text.ptr);
    }
    for (size_t i = 0; i < m.n_edits; i++)
        free(m.edits[i].text.ptr);
    free(m.edits);
    free(m.own);
    khap_bundle_free(m.bundle);
    khap_model_free(m.model);
    return status;
}
