/* check/pattern_files.c - files of patterns: those that ACLs name with -f, and maps. SPDX-License-Identifier: MIT */
#include "config.h"

#include "check/content.h"
#include "schema/program.h"
#include "value/address.h"
#include "value/tree.h"

/* How the lines of a file are read. */
struct reading {
    const struct schema_row *method; /* NULL: any text is a pattern */
    bool map;                        /* a key and a value a line */
    bool no_names;                   /* names of hosts are no addresses */
    enum schema_sample value;        /* what the values are: SAMPLE_SINT, SAMPLE_ADDR, or any */
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static bool is_integer(struct khap_str s)
{
    size_t at = s.len > 0 && (s.ptr[0] == '-' || s.ptr[0] == '+') ? 1 : 0;
    while (at < s.len && khap__is_digit((unsigned char)s.ptr[at]))
        at++;
    return at == s.len;
}

/* An address or a network with all four numbers, and no name of a host. */
static bool is_network(struct check *c, struct arena *arena, struct khap_str s)
{
    uint8_t ip[16];
    uint32_t offset, len;
    enum khap_status status = KHAP_OK;
    struct khap_str address = khap__str_sub(s, 0, khap__str_find(s, '/'));
    if (!khap__ipv4_parse(address, ip) && !khap__ipv6_parse(address, ip))
        return false;
    enum schema_problem problem = khap__schema_type_check(arena, TYPE_NETWORK, S("host"), INT64_MIN,
                                                          INT64_MAX, c->release, s, &offset, &len, &status);
    if (status == KHAP_ENOMEM)
        c->no_memory = true;
    return problem == SCHEMA_GOOD || problem == SCHEMA_ODD;
}

static void check_key(struct check *c, struct check_inside *in, const struct reading *r, struct arena *arena,
                      struct khap_str key)
{
    enum khap_status status = KHAP_OK;
    struct schema_word word = {key, false, false};
    struct schema_line line = {.problem = SCHEMA_GOOD};
    if (r->no_names && khap__str_eq(khap__schema_text(r->method->words), S("ip"))) {
        line.problem = is_network(c, arena, key) ? SCHEMA_GOOD : SCHEMA_BAD;
        khap__buf_clear(&c->more);
        khap__buf_add(&c->more, khap__schema_expected(TYPE_NETWORK));
    } else {
        status = khap__schema_read_arguments(arena, r->method, c->release, &word, 1, &line);
        if (status == KHAP_OK && line.problem != SCHEMA_GOOD)
            status = khap__schema_print_expected(&line, &c->more);
    }
    if (status == KHAP_ENOMEM)
        c->no_memory = true;
    else if (line.problem != SCHEMA_GOOD)
        SAY_INSIDE(c, in, MSG_BAD_PATTERN, (size_t)(key.ptr - in->text.ptr), key.len,
                   khap__schema_text(r->method->words), key, khap__buf_str(&c->more));
}

static void check_value(struct check *c, struct check_inside *in, const struct reading *r,
                        struct arena *arena, struct khap_str value)
{
    bool number = r->value == SAMPLE_SINT;
    if (number ? !is_integer(value) : !is_network(c, arena, value))
        SAY_INSIDE(c, in, MSG_BAD_VALUE, (size_t)(value.ptr - in->text.ptr), value.len, value,
                   number ? S("an integer") : S("an address"));
}

static void check_lines(struct check *c, struct check_inside *in, const struct reading *r)
{
    uint32_t size = khap__check_bufsize(c);
    struct inside_lines lines = {.text = in->text, .room = size == 0 ? 16384 : size};
    bool values = r->value == SAMPLE_SINT || r->value == SAMPLE_ADDR;
    struct arena arena;
    if (r->method == NULL && !values)
        return;
    khap__arena_init(&arena, &c->alloc);
    while (in->told < INSIDE_MOST && !c->no_memory && khap__inside_next(&lines)) {
        struct khap_str key = khap__inside_visible(lines.line), value;
        khap__arena_reset(&arena);
        if (key.len > 0 && key.ptr[0] == '#')
            continue;
        key.len = khap__str_find(key, '\r');
        while (key.len > 0 && is_blank(key.ptr[0]))
            key = khap__str_sub(key, 1, key.len);
        if (key.len == 0)
            continue;
        if (r->map) {
            value = key;
            for (key.len = 0; key.len < value.len && !is_blank(value.ptr[key.len]);)
                key.len++;
            value = khap__str_trim(khap__str_sub(value, key.len, value.len));
            if (values)
                check_value(c, in, r, &arena, value);
        }
        if (r->method != NULL)
            check_key(c, in, r, &arena, key);
    }
    khap__arena_free(&arena);
}

/* `opt@` may be missing, `virt@` is no file. */
static bool is_file(const struct check *c, struct khap_str *path, bool *optional)
{
    *optional = false;
    if (c->release < KHAP_RELEASE(3, 0))
        return true;
    if (khap__str_starts(*path, S("virt@")))
        return false;
    *optional = khap__str_starts(*path, S("opt@"));
    if (*optional)
        *path = khap__str_sub(*path, 4, path->len);
    else if (khap__str_starts(*path, S("file@")))
        *path = khap__str_sub(*path, 5, path->len);
    return true;
}

/* HAProxy keeps one copy of a file, with values or without. */
static bool note_form(struct check *c, struct khap_str path, bool map, const struct check_spot *spot)
{
    bool found;
    uint32_t old = map;
    if (!khap__map_get(&c->forms, path, &old)) {
        if (khap__map_add(&c->forms, khap__check_keep(c, path), map, &found, &old) != KHAP_OK)
            c->no_memory = true;
        return true;
    }
    if (old != map)
        SAY(c->diags, MSG_FILE_TWO_WAYS, khap__spot_place(c, spot), path,
            map ? S("without values above, and with values here")
                : S("with values above, and without values here"));
    return old == map;
}

/* One file; its lines once for each way to read them. */
static void look_into(struct check *c, struct khap_str holds, struct khap_str path, const struct reading *r,
                      const struct check_spot *spot)
{
    bool optional;
    char way[8] = {(char)r->map, (char)r->no_names, (char)r->value, 0};
    struct check_inside in = {.spot = spot};
    if (!is_file(c, &path, &optional))
        return;
    if (!note_form(c, path, r->map, spot) || c->files == NULL)
        return;
    path = khap__look_path(c, holds, path);
    if (!optional && !khap__look(c, holds, path, spot))
        return;
    khap__buf_clear(&c->more);
    khap__buf_add(&c->more, (struct khap_str){way, sizeof way});
    khap__buf_add(&c->more, r->method != NULL ? khap__schema_text(r->method->words) : S(""));
    khap__buf_char(&c->more, '\0');
    khap__buf_add(&c->more, path);
    if (khap__look_again(c, khap__buf_str(&c->more)) ||
        c->files->read(c->files->ctx, path, &in.text) != KHAP_OK)
        return;
    in.path = path;
    check_lines(c, &in, r);
    if (c->files->done != NULL)
        c->files->done(c->files->ctx, in.text);
}

static const struct schema_row *method_row(const struct check *c, struct khap_str name)
{
    const struct schema_row *row = khap__schema_find(TABLE_MATCH, name, c->release, NULL);
    return row == NULL || khap__schema_text(row->arguments).len == 0 ? NULL : row;
}

/* `map_reg_int`: how it compares stands in its name. */
static const struct schema_row *method_of(const struct check *c, const struct schema_row *converter)
{
    struct khap_str name = khap__schema_text(converter->words);
    if (!khap__str_starts(name, S("map_")))
        return NULL;
    name = khap__str_sub(name, 4, name.len);
    name.len = khap__str_find(name, '_');
    name.len = khap__str_find(name, '(');
    return method_row(c, khap__str_eq(name, S("regm")) ? S("reg") : name);
}

void khap__check_map_files(struct check *c, const struct schema_item *item)
{
    struct check_spot spot = {.place = khap__check_place(c, item->span)};
    for (uint32_t i = 0; i < item->line->n_arguments; i++) {
        const struct schema_argument *a = &item->line->arguments[i];
        struct khap_str holds = khap__schema_parameter(a);
        if (a->type != TYPE_FILE || a->word >= item->n_arguments || item->arguments[a->word]->variable ||
            holds.len == 0)
            continue;
        if (!khap__str_eq(holds, S("map"))) {
            if (c->files == NULL)
                continue;
            (void)khap__look(c, holds, khap__look_path(c, holds, item->arguments[a->word]->text), &spot);
            continue;
        }
        struct khap_str name = khap__schema_text(item->row->words);
        bool key = khap__str_ends(name, S("_key"));
        struct reading r = {.method = method_of(c, item->row),
                            .map = true,
                            .no_names = true,
                            .value = key ? SAMPLE_STR : (enum schema_sample)item->row->out};
        look_into(c, holds, item->arguments[a->word]->text, &r, &spot);
    }
}

void khap__check_acl_files(struct check *c, const struct schema_item *item, struct khap_str method)
{
    struct check_spot spot = {.place = khap__check_place(c, item->span)};
    struct reading r = {.method = method.len == 0 ? NULL : method_row(c, method)};
    for (const struct khap_node *flag = item->node->first; flag != NULL; flag = flag->next) {
        if (flag->kind == KHAP_NODE_FLAG && khap__str_eq(flag->text, S("-M")))
            r.map = true;
        if (flag->kind == KHAP_NODE_FLAG && khap__str_eq(flag->text, S("-n")))
            r.no_names = true;
    }
    for (const struct khap_node *flag = item->node->first; flag != NULL; flag = flag->next) {
        if (flag->kind == KHAP_NODE_FLAG && khap__str_eq(flag->text, S("-f")) && flag->first != NULL &&
            !flag->first->variable)
            look_into(c, S("acl"), flag->first->text, &r, &spot);
    }
}
