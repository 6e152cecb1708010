/* Routes as map files of a bundle: a new route changes a map and no rule. SPDX-License-Identifier: MIT */
#include "gen/routes.h"

/* The maps of a frontend; each is written even when it is empty, so that the rules stay as they are when the
 * first entry comes. A host map says the backend, so that most requests need one look-up or two; of a site with
 * paths it says `@` and the site, which is what the keys of its paths begin with. */
enum map_file {
    MAP_HOSTS,
    MAP_PARENTS, /* wildcards by what follows a host's first label: those of one label, and the deep ones that no such one hides */
    MAP_SUFFIXES, /* deep wildcards */
    MAP_PATHS,
    MAP_REGEXES,
    MAP_ANY_REGEXES,
    MAP_BACKENDS, /* what the paths of a site leave over */
    MAP_SPLITS,   /* only where there are some (split.c) */
    MAP_COUNT
};

/* Without a dash, so that the last one in a file's name ends the frontend's: two frontends never have one file. */
static const char names[MAP_COUNT][16] = {"hosts",   "parents",  "suffixes", "paths",
                                          "regexes", "hostless", "backends", "splits"};

struct maps {
    struct gen *g;
    struct buf text[MAP_COUNT];
    struct khap_str frontend;
    bool depths[128];      /* whether a suffix of so many labels is asked for; a host has at most 127 */
    struct map with_paths; /* sites that have paths; 1 when the host maps say so already */
    struct map labels;     /* suffixes of wildcards of one label */
    enum route_layer layer;
    struct route_groups groups;
};

static void add_value(struct buf *b, struct khap_str mark, struct khap_str value)
{
    khap__buf_char(b, ' ');
    khap__buf_add(b, mark);
    khap__buf_add(b, value);
    khap__buf_char(b, '\n');
}

/* The key of a site in front of what follows there: nothing for routes without a host. */
static void begin_site(struct buf *b, struct khap_str site)
{
    if (site.len > 0)
        khap__buf_char(b, '@');
    khap__buf_add(b, site);
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
        khap__buf_char(b, '@');
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

/* Writes where the requests of a site go: to its backend, or to its paths. */
static void add_site(struct maps *m, const struct route_entry *e, struct khap_str mark, struct khap_str value)
{
    const struct route *r = e->route;
    struct khap_str name = r->host.name;
    uint32_t found;
    if (e->rank == RANK_EXACT) {
        khap__buf_add(&m->text[MAP_HOSTS], name);
        add_value(&m->text[MAP_HOSTS], mark, value);
        return;
    }
    if (r->label || !khap__map_get(&m->labels, name, &found)) {
        khap__buf_add(&m->text[MAP_PARENTS], name);
        add_value(&m->text[MAP_PARENTS], mark, value);
    }
    if (r->label)
        return;
    khap__buf_add(&m->text[MAP_SUFFIXES], name);
    add_value(&m->text[MAP_SUFFIXES], mark, value);
    unsigned labels = khap__host_labels(name);
    if (labels < 128)
        m->depths[labels] = true;
}

/* What has to be known of all routes before the first is written. */
static enum khap_status prepare(struct maps *m, const struct route_table *t)
{
    enum khap_status status = KHAP_OK;
    for (uint32_t i = 0; i < t->entries.len && status == KHAP_OK; i++) {
        const struct route_entry *e = &t->entries.ptr[i];
        bool leaves = !khap__route_whole(e->route) || e->split || e->mark.len > 0;
        if (m->layer == LAYER_HTTP && leaves && e->rank != RANK_ANY)
            status = khap__map_set(&m->with_paths, khap__route_site(m->g, e->route), 0);
        if (status == KHAP_OK && e->rank == RANK_WILDCARD && e->route->label)
            status = khap__map_set(&m->labels, e->route->host.name, 1);
    }
    return status;
}

static enum khap_status fill(struct maps *m, const struct route_table *t)
{
    enum khap_status status = prepare(m, t);
    for (uint32_t i = 0; i < t->entries.len && status == KHAP_OK; i++) {
        const struct route_entry *e = &t->entries.ptr[i];
        struct khap_str site = khap__route_site(m->g, e->route);
        struct buf *paths = &m->text[MAP_PATHS], *backends = &m->text[MAP_BACKENDS];
        uint32_t announced;
        bool has_paths = khap__map_get(&m->with_paths, site, &announced);
        if (has_paths && announced == 0) {
            add_site(m, e, S("@"), site);
            status = khap__map_set(&m->with_paths, site, 1);
        }
        struct khap_str value = e->backend;
        switch (m->layer == LAYER_SNI ? PATH_NONE : (enum path_type)e->route->path_type) {
        case PATH_EXACT:
        case PATH_PREFIX:
            if (m->groups.any)
                value = khap__groups_add(&m->groups, e, site);
            if (value.len == 0)
                break;
            begin_site(paths, site);
            khap__buf_add(paths, e->route->path);
            khap__buf_add(paths, e->route->path_type == PATH_EXACT ? S(WHOLE_PATH) : S("/"));
            add_value(paths, S(""), value);
            break;
        case PATH_REGEX:
            if (!e->route->match)
                add_regex(m, e, site);
            break;
        case PATH_NONE:
            if (m->layer == LAYER_HTTP && e->route->match)
                break;
            if (!has_paths) {
                add_site(m, e, S(""), e->backend);
                break;
            }
            begin_site(backends, site);
            add_value(backends, S(""), e->backend);
            break;
        }
    }
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

#define HAS_SITE   "if { var(txn.site) -m found }"
#define NO_SITE    "if !{ var(txn.site) -m found }"
#define NO_BACKEND "if !{ var(txn.backend) -m found }"

/* These are the last rules of the frontend: when the backend is known, those that follow are passed over. */
static void enough(struct maps *m)
{
    khap__gen_line(m->g, 4, "http-request allow if { var(txn.backend) -m found }", NOWHERE);
}

/* From the host to the backend, or to the site where there are paths: the host itself, what follows its first
 * label, then the longest suffix of that. A server name has no paths, so that what is found is the backend. */
static void write_hosts(struct maps *m)
{
    const char *found = m->layer == LAYER_HTTP ? "site" : "backend";
    const char *missing = m->layer == LAYER_HTTP ? NO_SITE : NO_BACKEND;
    look_up(m, found, S("var(txn.host)"), "map_str", MAP_HOSTS, "");
    look_up(m, found, S("var(txn.host),field(2,.,0)"), "map_str", MAP_PARENTS, missing);
    look_up(m, "parent", S("var(txn.host),field(2,.,0)"), "", -1, missing);
    for (unsigned depth = 127; depth > 0; depth--) {
        struct buf *expression = &m->g->text;
        if (!m->depths[depth])
            continue;
        khap__buf_clear(expression);
        khap__buf_add(expression, S("var(txn.parent),field(-1,.,"));
        khap__buf_uint(expression, depth);
        khap__buf_char(expression, ')');
        look_up(m, found, khap__buf_str(expression), "map_str", MAP_SUFFIXES, missing);
    }
}

static void write_paths(struct maps *m, const struct route_table *t)
{
    for (uint32_t i = 0; m->groups.any && i < t->entries.len; i++)
        khap__match_acls(m->g, t->entries.ptr[i].route);
    khap__gen_line(m->g, 4, "http-request allow " SITE_IS_BACKEND, NOWHERE);
    /* Paths are looked up with a slash behind them, so that a prefix is compared element by element, and a `?`, which none of
     * them can hold: an exact path is the prefix that ends in it. */
    look_up(m, "path", S("path,concat(" WHOLE_PATH ")"), "", -1, "");
    look_up(m, "backend", S("var(txn.site),concat(,txn.path)"), "map_beg", MAP_PATHS, HAS_SITE);
    khap__groups_write_paths(&m->groups, t, false);
    enough(m);
    look_up(m, "whole", S("path"), "", -1, "");
    khap__groups_write_rest(&m->groups, t, false, true);
    look_up(m, "backend", S("var(txn.site),concat(\n,txn.whole)"), "map_reg", MAP_REGEXES,
            m->groups.any ? HAS_SITE " !{ var(txn.backend) -m found } { var(txn.whole) -m found }"
                          : HAS_SITE " { var(txn.whole) -m found }");
    khap__groups_write_rest(&m->groups, t, false, false);
    look_up(m, "backend", S("var(txn.site)"), "map_str", MAP_BACKENDS, NO_BACKEND);
    enough(m);
    look_up(m, "backend", S("var(txn.path)"), "map_beg", MAP_PATHS, "");
    khap__groups_write_paths(&m->groups, t, true);
    khap__groups_write_rest(&m->groups, t, true, true);
    look_up(m, "backend", S("path"), "map_reg", MAP_ANY_REGEXES, NO_BACKEND);
    khap__groups_write_rest(&m->groups, t, true, false);
}

static bool used(const struct maps *m, enum map_file file)
{
    enum route_layer layer = m->layer;
    if (file == MAP_SPLITS)
        return m->text[file].len > 0;
    return layer == LAYER_HTTP || file == MAP_HOSTS || file == MAP_PARENTS || file == MAP_SUFFIXES;
}

void khap__routes_write_maps(struct gen *g, const struct route_table *t, enum route_layer layer,
                             struct khap_str frontend)
{
    /* Suffixes of two and three labels are always asked for: the usual new wildcard is then a map entry too. */
    struct maps m = {.g = g, .frontend = frontend, .layer = layer};
    m.depths[2] = m.depths[3] = true;
    for (size_t i = 0; i < MAP_COUNT; i++)
        khap__buf_init(&m.text[i], &g->alloc);
    khap__map_init(&m.with_paths, &g->alloc);
    khap__map_init(&m.labels, &g->alloc);
    khap__groups_init(&m.groups, g, t);
    enum khap_status status = fill(&m, t);
    khap__split_add_map(g, t, &m.text[MAP_SPLITS]);
    khap__split_draw(g, t);
    write_hosts(&m);
    if (layer == LAYER_HTTP)
        write_paths(&m, t);
    for (size_t i = 0; i < MAP_COUNT; i++) {
        if (status == KHAP_OK && used(&m, (enum map_file)i)) {
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
    khap__map_free(&m.with_paths);
    khap__map_free(&m.labels);
    khap__groups_free(&m.groups);
    khap__gen_fail(g, status);
}
