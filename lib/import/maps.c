/* import/maps.c - routes that stand in map files: khapgen's own, and others' by host. SPDX-License-Identifier: MIT */
#include "config.h"

#include "import/import.h"

/* A line of a map: the key ends at the first blank. */
bool khap__import_entry(struct khap_str *rest, struct khap_str *key, struct khap_str *value)
{
    while (rest->len > 0) {
        size_t end = khap__str_find(*rest, '\n');
        struct khap_str line = khap__str_trim(khap__str_sub(*rest, 0, end));
        *rest = khap__str_sub(*rest, end + 1, rest->len);
        if (line.len > 0 && line.ptr[line.len - 1] == '\r')
            line.len--;
        if (line.len == 0 || line.ptr[0] == '#')
            continue;
        size_t blank = 0;
        while (blank < line.len && line.ptr[blank] != ' ' && line.ptr[blank] != '\t')
            blank++;
        *key = khap__str_sub(line, 0, blank);
        *value = khap__str_trim(khap__str_sub(line, blank, line.len));
        return true;
    }
    return false;
}

static bool map_text(struct import *im, struct khap_str path, struct khap_str *text)
{
    const struct khap_bundle_file *file = NULL;
    enum khap_status status = khap_bundle_side(im->bundle, path, &file);
    if (status == KHAP_ENOMEM)
        khap__import_fail(im, status);
    if (status != KHAP_OK || file == NULL)
        return false;
    *text = khap__import_dup(im, khap_bundle_file_text(file));
    return im->failure == KHAP_OK;
}

static bool own_map(struct import *im, struct khap_str frontend, const char *name, struct khap_str *text)
{
    struct khap_str path = khap__import_join(im, S("maps/"), frontend, S("-"));
    path = khap__import_join(im, path, khap__str(name), S(".map"));
    *text = (struct khap_str){"", 0};
    return map_text(im, path, text);
}

struct own {
    struct import *im;
    uint64_t bits;
    uint32_t section;
    bool sni;
};

static void add(const struct own *own, struct khap_str site, struct khap_str path, uint8_t type,
                struct khap_str backend)
{
    struct import *im = own->im;
    struct import_route route = {.host = site, .path = path, .type = type, .frontends = own->bits};
    route.label = khap__str_starts(site, S("?."));
    if (route.label)
        route.host = khap__import_join(im, S("*"), khap__str_sub(site, 1, site.len), S(""));
    struct import_service *service = khap__import_service(im, backend);
    route.line = im->in.sections.ptr[service != NULL ? service->section : own->section].first;
    if (!own->sni) {
        khap__import_add_route(im, backend, &route);
        return;
    }
    if (service == NULL)
        return;
    service->passthrough = true;
    if (!VEC_PUSH(&im->alloc, &service->routes, route))
        khap__import_fail(im, KHAP_ENOMEM);
}

static void add_hosts(const struct own *own, struct khap_str frontend)
{
    struct khap_str map, suffixes, key, value;
    struct import *im = own->im;
    (void)own_map(im, frontend, "hosts", &map);
    while (khap__import_entry(&map, &key, &value)) {
        if (!khap__str_starts(value, S("@")))
            add(own, key, S(""), IMPORT_NO_PATH, value);
    }
    (void)own_map(im, frontend, "suffixes", &suffixes);
    (void)own_map(im, frontend, "parents", &map);
    for (struct khap_str rest = map; khap__import_entry(&rest, &key, &value);) {
        bool deep = false; /* the same entry stands in both */
        struct khap_str k, v;
        for (struct khap_str others = suffixes; !deep && khap__import_entry(&others, &k, &v);)
            deep = khap__str_eq(k, key) && khap__str_eq(v, value);
        if (!khap__str_starts(value, S("@")) && !deep)
            add(own, khap__import_join(im, S("?."), key, S("")), S(""), IMPORT_NO_PATH, value);
    }
    while (khap__import_entry(&suffixes, &key, &value)) {
        if (!khap__str_starts(value, S("@")))
            add(own, khap__import_join(im, S("*."), key, S("")), S(""), IMPORT_NO_PATH, value);
    }
}

/* "@site/path/" */
static bool add_path(const struct own *own, struct khap_str key, struct khap_str value)
{
    struct khap_str site = {"", 0};
    if (khap__str_starts(value, S("@")))
        return false;
    if (khap__str_starts(key, S("@"))) {
        site = khap__str_sub(key, 1, khap__str_find(key, '/') - 1);
        key = khap__str_sub(key, site.len + 1, key.len);
    }
    bool exact = khap__str_ends(key, S("/?"));
    if (!exact && !khap__str_ends(key, S("/")))
        return false;
    key.len -= exact ? 2 : 1;
    if (key.len == 0 && !exact)
        return false;
    add(own, site, key.len == 0 ? S("/") : key, exact ? IMPORT_EXACT : IMPORT_PREFIX, value);
    return true;
}

/* "^@site[[:cntrl:]](regex)$"; the site is quoted. */
static bool add_regex(const struct own *own, struct khap_str key, struct khap_str value)
{
    struct import *im = own->im;
    struct khap_str site = {"", 0}, mark = S("[[:cntrl:]]");
    if (!khap__str_starts(key, S("^")) || !khap__str_ends(key, S(")$")))
        return false;
    key = khap__str_sub(key, 1, key.len - 3);
    if (khap__str_starts(key, S("@"))) {
        size_t at = 1;
        while (at < key.len && !khap__str_starts(khap__str_sub(key, at, key.len), mark))
            at++;
        char *plain = khap__arena_bytes(&im->arena, key.len + 1);
        if (plain == NULL) {
            khap__import_fail(im, KHAP_ENOMEM);
            return false;
        }
        size_t n = 0;
        for (size_t i = 1; i < at; i++) {
            if (key.ptr[i] != '\\')
                plain[n++] = key.ptr[i];
        }
        site = (struct khap_str){plain, n};
        key = khap__str_sub(key, at + mark.len, key.len);
    }
    struct khap_str open = khap__str_starts(key, S("(?m:")) ? S("(?m:") : S("(");
    if (!khap__str_starts(key, open))
        return false;
    add(own, site, khap__str_sub(key, open.len, key.len), IMPORT_REGEX, value);
    return true;
}

/* "@site/path/": bytes that are special there are %XX. */
static bool group_key(struct import *im, struct khap_str name, struct khap_str *out)
{
    char *text = khap__arena_bytes(&im->arena, name.len + 1);
    size_t n = 0;
    if (text == NULL) {
        khap__import_fail(im, KHAP_ENOMEM);
        return false;
    }
    for (size_t i = 0; i < name.len; i++) {
        int high = name.ptr[i] == '%' && i + 2 < name.len ? khap__hex((unsigned char)name.ptr[i + 1]) : -1;
        int low = high >= 0 ? khap__hex((unsigned char)name.ptr[i + 2]) : -1;
        text[n++] = low >= 0 ? (char)(high * 16 + low) : name.ptr[i];
        i += low >= 0 ? 2 : 0;
    }
    *out = (struct khap_str){text, n};
    return true;
}

/* What the map of paths says of a shorter path of the same site. */
static bool is_shorter(struct khap_str map, struct khap_str key, struct khap_str value)
{
    struct khap_str k, v;
    while (khap__import_entry(&map, &k, &v)) {
        if (k.len < key.len && khap__str_starts(key, k) && khap__str_eq(v, value))
            return true;
    }
    return false;
}

/* http-request set-var(txn.backend) str(BACKEND) if { var(txn.backend) -m str @GROUP } … */
static bool group_rule(const struct own *own, const struct import_line *line, struct khap_str paths)
{
    struct import *im = own->im;
    struct khap_str backend = word_at(line, 2), key = {"", 0};
    uint32_t at = 4;
    if (khap__import_begins(line, "http-request set-var(txn.backend)") == 0 ||
        !khap__str_starts(backend, S("str(")) || !word_is(line, 3, "if"))
        return false;
    backend = khap__str_sub(backend, 4, backend.len - 5);
    if (word_is(line, at, "{") && word_is(line, at + 1, "var(txn.backend)") && word_is(line, at + 3, "str")) {
        if (!group_key(im, word_at(line, at + 4), &key))
            return false;
        if (khap__str_starts(key, S("@/")))
            key = khap__str_sub(key, 1, key.len);
        at += 6;
    } else if (word_is(line, at, "!{") && word_is(line, at + 1, "var(txn.backend)")) {
        at += 5;
        if (word_is(line, at + 1, "var(txn.site)")) {
            key = word_at(line, at + 4);
            at += 6;
        }
    } else {
        return false;
    }
    struct khap_str *words = khap__arena_alloc(&im->arena, line->n + 1u, sizeof *words);
    if (words == NULL) {
        khap__import_fail(im, KHAP_ENOMEM);
        return false;
    }
    struct import_line rest = *line;
    rest.n = 0;
    words[rest.n++] = S("use_backend");
    words[rest.n++] = backend;
    words[rest.n++] = S("if");
    while (at < line->n)
        words[rest.n++] = line->words[at++];
    rest.words = words;
    if (rest.n ==
        3) { /* none of the group: its route without a match, unless that is the one of a shorter path */
        if (!khap__str_starts(backend, S("@")) && !is_shorter(paths, key, backend))
            (void)add_path(own, key, backend);
        return true;
    }
    return khap__import_group_rule(im, &rest, key, own->bits);
}

bool khap__import_maps(struct import *im, uint32_t front, uint64_t bit)
{
    struct own own = {.im = im, .bits = bit, .sni = front == UINT32_MAX};
    struct khap_str name = own.sni ? S("khap-sni") : im->in.sections.ptr[im->fronts.ptr[front].section].name;
    struct khap_str map, key, value;
    own.section = own.sni ? khap__import_find(&im->in, S("frontend"), name) : im->fronts.ptr[front].section;
    if (own.section == NO_SECTION || !own_map(im, name, "hosts", &map))
        return false;
    im->bundled = true;
    if (own_map(im, name, "splits", &value))
        khap__import_split_map(im, own.section, value);
    add_hosts(&own, name);
    if (own.sni)
        return true;
    (void)own_map(im, name, "paths", &map);
    const struct import_section *section = &im->in.sections.ptr[im->fronts.ptr[front].section];
    for (uint32_t i = section->first; i < section->end; i++) {
        if (group_rule(&own, &im->in.lines.ptr[i], map))
            im->in.lines.ptr[i].state = LINE_TAKEN;
    }
    while (khap__import_entry(&map, &key, &value))
        (void)add_path(&own, key, value);
    (void)own_map(im, name, "regexes", &map);
    while (khap__import_entry(&map, &key, &value))
        (void)add_regex(&own, key, value);
    (void)own_map(im, name, "hostless", &map);
    while (khap__import_entry(&map, &key, &value))
        (void)add_regex(&own, key, value);
    (void)own_map(im, name, "backends", &map);
    while (khap__import_entry(&map, &key, &value)) {
        if (khap__str_starts(key, S("@")))
            add(&own, khap__str_sub(key, 1, key.len), S(""), IMPORT_NO_PATH, value);
    }
    return true;
}

/* ---- others' maps: use_backend %[req.hdr(host),lower,map(FILE,DEFAULT)] ---- */

static const struct {
    const char *before;
    bool base; /* host and path */
} lookups[] = {
    {"req.hdr(host),lower,map(", false},
    {"req.hdr(host),lower,map_str(", false},
    {"req.hdr(host),map(", false},
    {"req.hdr(host),map_str(", false},
    {"hdr(host),lower,map(", false},
    {"hdr(host),map(", false},
    {"hdr(host),lower,map_str(", false},
    {"req.hdr(host),field(1,:),lower,map(", false},
    {"req.hdr(host),lower,field(1,:),map(", false},
    {"hdr(host),field(1,:),lower,map(", false},
    {"req.hdr(host),host_only,map(", false},
    {"req.hdr(host),host_only,lower,map(", false},
    {"base,map_beg(", true},
    {"base,lower,map_beg(", true},
};

bool khap__import_map_rule(struct import *im, uint32_t front, uint64_t bit, struct import_line *line)
{
    struct khap_str word = word_at(line, 1), text, key, value, fallback = {"", 0};
    (void)front;
    if (line->n != 2 || !khap__str_starts(word, S("%[")) || !khap__str_ends(word, S(")]")))
        return false;
    word = khap__str_sub(word, 2, word.len - 4);
    for (size_t i = 0; i < sizeof lookups / sizeof *lookups; i++) {
        struct khap_str before = khap__str(lookups[i].before);
        if (word.len <= before.len || !khap__str_eq_nocase(khap__str_sub(word, 0, before.len), before))
            continue;
        struct khap_str file = khap__str_sub(word, before.len, word.len);
        size_t comma = khap__str_find(file, ',');
        if (comma < file.len)
            fallback = khap__str_sub(file, comma + 1, file.len);
        file.len = comma;
        if (!map_text(im, file, &text))
            return false;
        for (struct khap_str rest = text; khap__import_entry(&rest, &key, &value);) {
            if (khap__import_service(im, value) == NULL)
                return false;
        }
        while (khap__import_entry(&text, &key, &value)) {
            struct import_route route = {.host = key, .frontends = bit};
            size_t slash = khap__str_find(key, '/');
            route.line = im->in.sections.ptr[line->section].first;
            if (lookups[i].base && slash < key.len) {
                route.host.len = slash;
                route.path = khap__str_sub(key, slash, key.len);
                while (route.path.len > 0 && route.path.ptr[route.path.len - 1] == '/')
                    route.path.len--;
                route.type = route.path.len > 0 ? IMPORT_PREFIX : IMPORT_NO_PATH;
                if (route.type == IMPORT_PREFIX && im->final)
                    SAY(im->diags, MSG_IMPORT_PREFIX, line->place, key);
            }
            khap__import_add_route(im, value, &route);
        }
        struct import_route all = {
            .frontends = bit, .is_default = true, .line = im->in.sections.ptr[line->section].first};
        if (fallback.len > 0)
            khap__import_add_route(im, fallback, &all);
        return true;
    }
    return false;
}
