/* Routes as map files of a bundle: a new route changes a map and no rule. SPDX-License-Identifier: MIT */
#include "gen/routes.h"

/* The maps of a frontend; each is written even when it is empty, so that the rules stay as they are when the
 * first entry comes. */
enum map_file {
    MAP_DIRECT, /* sites without paths: host or wildcard to backend, so that most requests need one look-up */
    MAP_HOSTS,
    MAP_LABELS,
    MAP_SUFFIXES,
    MAP_EXACT,
    MAP_PREFIXES,
    MAP_REGEXES,
    MAP_ANY_REGEXES,
    MAP_BACKENDS,
    MAP_COUNT
};

/* Without a dash, so that the last one in a file's name ends the frontend's: two frontends never have one file. */
static const char names[MAP_COUNT][16] = {"direct",   "hosts",   "labels",   "suffixes", "exact",
                                          "prefixes", "regexes", "hostless", "backends"};

struct maps {
    struct gen *g;
    struct buf text[MAP_COUNT];
    struct khap_str frontend;
    bool depths[128]; /* whether a suffix of so many labels is asked for; a host has at most 127 */
    enum route_layer layer;
};

static void add(struct maps *m, enum map_file file, struct khap_str key, struct khap_str more,
                struct khap_str value)
{
    struct buf *b = &m->text[file];
    khap__buf_add(b, key);
    khap__buf_add(b, more);
    khap__buf_char(b, ' ');
    khap__buf_add(b, value);
    khap__buf_char(b, '\n');
}

/* Whether a regex may hold `^` or `$` as an anchor. */
static bool has_anchor(struct khap_str regex)
{
    size_t in_class = 0; /* the position behind the bracket */
    for (size_t i = 0; i < regex.len; i++) {
        char c = regex.ptr[i];
        if (c == '\\') {
            i++;
        } else if (in_class > 0) {
            if (c == ']' && i > in_class)
                in_class = 0;
        } else if (c == '[') {
            i += i + 1 < regex.len && regex.ptr[i + 1] == '^';
            in_class = i + 1;
        } else if (c == '^' || c == '$') {
            return true;
        }
    }
    return false;
}

/*
 * "^SITE[[:cntrl:]](REGEX)$" over the site, a line end and the path: whatever the regex says, it begins with
 * the path and not within the host. With anchors of its own it is a (?m:one), so that `^` is the path's
 * beginning. A blank ends a key in a map file, a line end the line.
 */
static void add_regex(struct maps *m, const struct route_entry *e, struct khap_str site)
{
    struct khap_str regex = e->route->path;
    struct buf *b = &m->text[site.len > 0 ? MAP_REGEXES : MAP_ANY_REGEXES];
    bool escaped = false;
    khap__buf_char(b, '^');
    if (site.len > 0) {
        khap__regex_quote(b, site);
        khap__buf_add(b, S("[[:cntrl:]]"));
    }
    khap__buf_add(b, site.len > 0 && has_anchor(regex) ? S("(?m:") : S("("));
    for (size_t i = 0; i < regex.len; i++) {
        unsigned char c = (unsigned char)regex.ptr[i];
        if (c <= ' ' || c == 0x7f) {
            khap__buf_add(b, escaped ? S("x") : S("\\x"));
            khap__buf_hex(b, c, 2);
        } else {
            khap__buf_char(b, (char)c);
        }
        escaped = c == '\\' && !escaped;
    }
    khap__buf_add(b, S(")$ "));
    khap__buf_add(b, e->backend);
    khap__buf_char(b, '\n');
}

/* Each site is announced once, in the map of its kind. */
static enum khap_status add_site(struct maps *m, struct map *seen, const struct route_entry *e,
                                 struct khap_str site)
{
    bool found;
    uint32_t old;
    if (e->rank == RANK_ANY)
        return KHAP_OK;
    enum khap_status status = khap__map_add(seen, site, 1, &found, &old);
    if (status != KHAP_OK || found)
        return status;
    enum map_file file = e->rank == RANK_EXACT ? MAP_HOSTS : e->route->label ? MAP_LABELS : MAP_SUFFIXES;
    add(m, file, e->route->host.name, S(""), site);
    unsigned labels = khap__host_labels(e->route->host.name);
    if (file == MAP_SUFFIXES && labels < 128)
        m->depths[labels] = true;
    return KHAP_OK;
}

static enum khap_status fill(struct maps *m, const struct route_table *t)
{
    struct gen *g = m->g;
    struct map seen, with_paths;
    enum khap_status status = KHAP_OK;
    khap__map_init(&seen, &g->alloc);
    khap__map_init(&with_paths, &g->alloc);
    for (uint32_t i = 0; i < t->entries.len && status == KHAP_OK; i++) {
        const struct route_entry *e = &t->entries.ptr[i];
        if (m->layer == LAYER_HTTP && e->route->path_type != PATH_NONE)
            status = khap__map_set(&with_paths, khap__route_site(g, e->route), 1);
    }
    for (uint32_t i = 0; i < t->entries.len && status == KHAP_OK; i++) {
        const struct route_entry *e = &t->entries.ptr[i];
        struct khap_str site = khap__route_site(g, e->route);
        uint32_t found;
        bool direct = m->layer == LAYER_HTTP && !khap__map_get(&with_paths, site, &found);
        if (!direct || e->rank != RANK_EXACT)
            status = add_site(m, &seen, e, site);
        switch (m->layer == LAYER_SNI ? PATH_NONE : (enum path_type)e->route->path_type) {
        case PATH_EXACT:
            khap__buf_add(&m->text[MAP_EXACT], site);
            add(m, MAP_EXACT, e->route->path, S("/"), e->backend);
            break;
        case PATH_PREFIX:
            khap__buf_add(&m->text[MAP_PREFIXES], site);
            add(m, MAP_PREFIXES, e->route->path, S("/"), e->backend);
            break;
        case PATH_REGEX:
            add_regex(m, e, site);
            break;
        case PATH_NONE:
            add(m, direct ? MAP_DIRECT : MAP_BACKENDS, site, S(""), e->backend);
            break;
        }
    }
    khap__map_free(&with_paths);
    khap__map_free(&seen);
    return status;
}

/* One line: DIRECTIVE set-var(txn.VARIABLE) EXPRESSION,CONVERTER(FILE) [if …]. */
static void look_up(struct maps *m, const char *variable, struct khap_str expression, const char *converter,
                    int file, const char *condition)
{
    struct khap_document *doc = m->g->doc;
    khap__doc_begin(doc, 4, NOWHERE);
    if (m->layer == LAYER_HTTP)
        khap__doc_lit(doc, "http-request");
    else
        khap__doc_lit(doc, "tcp-request content");
    khap__doc_part(doc, S("set-var(txn."));
    khap__doc_part(doc, khap__str(variable));
    khap__doc_part(doc, S(")"));
    khap__doc_part_end(doc);
    khap__doc_part(doc, expression);
    if (file >= 0) {
        khap__doc_part(doc, S(","));
        khap__doc_part(doc, khap__str(converter));
        khap__doc_part(doc, S("(maps/"));
        khap__doc_part(doc, m->frontend);
        khap__doc_part(doc, S("-"));
        khap__doc_part(doc, khap__str(names[file]));
        khap__doc_part(doc, S(".map)"));
    }
    khap__doc_part_end(doc);
    khap__doc_lit_n(doc, condition, strlen(condition));
    khap__doc_end(doc);
}

#define NO_SITE    "if !{ var(txn.site) -m found }"
#define NO_BACKEND "if !{ var(txn.backend) -m found }"

/* These are the last rules of the frontend: when the backend is known, those that follow are passed over. */
static void enough(struct maps *m)
{
    khap__gen_line(m->g, 4, "http-request allow if { var(txn.backend) -m found }", NOWHERE);
}

/* From the host to its site: itself, its label wildcard, or the longest suffix of what follows its first
 * label. */
static void write_site(struct maps *m)
{
    if (m->layer == LAYER_HTTP) {
        look_up(m, "backend", S("var(txn.host)"), "map_str", MAP_DIRECT, "");
        enough(m);
    }
    look_up(m, "site", S("var(txn.host)"), "map_str", MAP_HOSTS, "");
    look_up(m, "parent", S("var(txn.host),field(2,.,0)"), "", -1, NO_SITE);
    look_up(m, "site", S("var(txn.parent)"), "map_str", MAP_LABELS, NO_SITE);
    for (unsigned depth = 127; depth > 0; depth--) {
        struct buf *expression = &m->g->text;
        if (!m->depths[depth])
            continue;
        khap__buf_clear(expression);
        khap__buf_add(expression, S("var(txn.parent),field(-1,.,"));
        khap__buf_uint(expression, depth);
        khap__buf_char(expression, ')');
        look_up(m, "site", khap__buf_str(expression), "map_str", MAP_SUFFIXES, NO_SITE);
    }
}

static void write_backend(struct maps *m)
{
    if (m->layer == LAYER_SNI) {
        look_up(m, "backend", S("var(txn.site)"), "map_str", MAP_BACKENDS, "");
        return;
    }
    look_up(m, "backend", S("var(txn.site)"), "map_str", MAP_DIRECT, "if { var(txn.site) -m found }");
    enough(m);
    /* Paths are looked up with a slash behind them, so that a prefix is compared element by element. */
    look_up(m, "path", S("path,concat(/)"), "", -1, "");
    look_up(m, "backend", S("var(txn.site),concat(,txn.path)"), "map_str", MAP_EXACT,
            "if { var(txn.site) -m found }");
    look_up(m, "backend", S("var(txn.site),concat(,txn.path)"), "map_beg", MAP_PREFIXES,
            "if { var(txn.site) -m found } !{ var(txn.backend) -m found }");
    enough(m);
    look_up(m, "whole", S("path"), "", -1, "");
    look_up(m, "backend", S("var(txn.site),concat(\n,txn.whole)"), "map_reg", MAP_REGEXES,
            "if { var(txn.site) -m found } { var(txn.whole) -m found }");
    look_up(m, "backend", S("var(txn.site)"), "map_str", MAP_BACKENDS, NO_BACKEND);
    enough(m);
    look_up(m, "backend", S("var(txn.path)"), "map_str", MAP_EXACT, "");
    look_up(m, "backend", S("var(txn.path)"), "map_beg", MAP_PREFIXES, NO_BACKEND);
    look_up(m, "backend", S("path"), "map_reg", MAP_ANY_REGEXES, NO_BACKEND);
}

static bool used(enum map_file file, enum route_layer layer)
{
    return layer == LAYER_HTTP || file == MAP_HOSTS || file == MAP_LABELS || file == MAP_SUFFIXES ||
           file == MAP_BACKENDS;
}

void khap__routes_write_maps(struct gen *g, const struct route_table *t, enum route_layer layer,
                             struct khap_str frontend)
{
    /* Suffixes of two and three labels are always asked for: the usual new wildcard is then a map entry too. */
    struct maps m = {.g = g, .frontend = frontend, .layer = layer};
    m.depths[2] = m.depths[3] = true;
    for (size_t i = 0; i < MAP_COUNT; i++)
        khap__buf_init(&m.text[i], &g->alloc);
    enum khap_status status = fill(&m, t);
    write_site(&m);
    write_backend(&m);
    for (size_t i = 0; i < MAP_COUNT; i++) {
        if (status == KHAP_OK && used((enum map_file)i, layer)) {
            khap__buf_clear(&g->text);
            khap__buf_add(&g->text, S("maps/"));
            khap__buf_add(&g->text, frontend);
            khap__buf_char(&g->text, '-');
            khap__buf_add(&g->text, khap__str(names[i]));
            khap__buf_add(&g->text, S(".map"));
            status =
                m.text[i].failed || g->text.failed
                    ? KHAP_ENOMEM
                    : khap_bundle_add_file(g->bundle, khap__buf_str(&g->text), khap__buf_str(&m.text[i]), 0);
        }
        khap__buf_free(&m.text[i]);
    }
    khap__gen_fail(g, status);
}
