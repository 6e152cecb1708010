/* Reading somebody's own file: the marks in it, and what stands around them. SPDX-License-Identifier: MIT */
#include "gen/into.h"

#include "gen/written.h"

/* ---- marks ---- */

struct mark {
    bool begins, is_mark;
    struct khap_str name; /* behind "routes" */
    bool known;           /* one that khap knows, and nothing more */
};

static struct khap_str next_word(struct khap_str *rest)
{
    *rest = khap__str_trim(*rest);
    size_t end = 0;
    while (end < rest->len && rest->ptr[end] != ' ' && rest->ptr[end] != '\t')
        end++;
    struct khap_str word = {rest->ptr, end};
    *rest = khap__str_sub(*rest, end, rest->len);
    return word;
}

static struct khap_str without_end(struct khap_str line)
{
    while (line.len > 0 && (line.ptr[line.len - 1] == '\n' || line.ptr[line.len - 1] == '\r'))
        line.len--;
    return line;
}

/* Something like `## begin KHAPGEN:` was meant for one of the marks, and taken for a comment it would be written beside. */
static bool near_mark(struct khap_str comment)
{
    static const char beginnings[2][16] = {"beginkhapgen", "endkhapgen"};
    char letters[16];
    size_t n = 0;
    for (size_t i = 0; i < comment.len && n < sizeof letters; i++) {
        char c = comment.ptr[i];
        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'))
            letters[n++] = (char)(c | 0x20);
    }
    struct khap_str text = {letters, n};
    return khap__str_starts(text, khap__str(beginnings[0])) ||
           khap__str_starts(text, khap__str(beginnings[1]));
}

static struct mark mark_of(struct khap_str line)
{
    struct mark mark = {0};
    struct khap_str rest = khap__str_trim(without_end(line));
    if (rest.len == 0 || rest.ptr[0] != '#')
        return mark;
    rest = khap__str_sub(rest, 1, rest.len);
    mark.is_mark = near_mark(rest);
    struct khap_str verb = next_word(&rest), who = next_word(&rest), what = next_word(&rest);
    mark.begins = khap__str_eq(verb, S("BEGIN"));
    if (!(mark.begins || khap__str_eq(verb, S("END"))) || !khap__str_eq(who, S("khapgen")))
        return mark;
    mark.known = what.len == 0;
    if (mark.begins && khap__str_eq(what, S("routes"))) {
        mark.name = next_word(&rest);
        mark.known = mark.name.len > 0 && khap__str_trim(rest).len == 0;
    }
    return mark;
}

bool khap__into_is_mark(struct khap_str line)
{
    return mark_of(line).is_mark;
}

static struct khap_place place_of(const struct into *in, const struct khap_line *line)
{
    struct khap_place place = khap_line_origin(in->doc, line);
    struct khap_str text = khap_line_text(line);
    size_t before = 0;
    while (before < text.len && (text.ptr[before] == ' ' || text.ptr[before] == '\t'))
        before++;
    place.offset += (uint32_t)before;
    place.len = (uint32_t)khap__str_trim(without_end(text)).len;
    return place;
}

static void say_twice(struct into *in, enum message_id id, struct khap_place second, struct khap_place first)
{
    SAY0(in->diags, id, second);
    khap__diags_relate(in->diags, first, S("the other mark"));
}

static enum khap_status add_block(struct into *in, struct khap_line *line, const struct mark *mark)
{
    struct block block = {.begin = line, .name = mark->name, .place = place_of(in, line)};
    for (uint32_t i = 0; i < in->blocks.len; i++) {
        if (khap__str_eq(in->blocks.ptr[i].name, mark->name))
            say_twice(in, MSG_MARK_TWICE, block.place, in->blocks.ptr[i].place);
    }
    return VEC_PUSH(&in->alloc, &in->blocks, block) ? KHAP_OK : KHAP_ENOMEM;
}

/* The `.if` that a line outside of the blocks stands in, as far as the lines before say. */
struct depth {
    uint32_t depth;
    const struct khap_line *line; /* the first `.if` */
};

static enum khap_status read_depth(struct into *in, const struct khap_line *line, struct depth *d)
{
    if (khap_line_kind(in->doc, line) != KHAP_LINE_DIRECTIVE)
        return KHAP_OK;
    enum khap_status status = khap_words_read(in->words, in->doc, line);
    struct khap_str word = khap_words_value(in->words, 0);
    if (khap__str_eq(word, S(".if")) && d->depth++ == 0)
        d->line = line;
    else if (khap__str_eq(word, S(".endif")) && d->depth > 0)
        d->depth--;
    return status;
}

static enum khap_status read_marks(struct into *in)
{
    struct depth d = {0};
    bool open = false;
    for (struct khap_line *line = NULL; (line = khap_line_next(in->doc, line));) {
        struct mark mark = mark_of(khap_line_text(line));
        struct block *last = in->blocks.len > 0 ? &in->blocks.ptr[in->blocks.len - 1] : NULL;
        if (!mark.is_mark) {
            enum khap_status status = open ? KHAP_OK : read_depth(in, line, &d);
            if (status != KHAP_OK)
                return status;
            continue;
        }
        struct khap_place place = place_of(in, line);
        if (d.depth > 0 && !open) {
            SAY0(in->diags, MSG_MARK_IN_IF, place);
            khap__diags_relate(in->diags, place_of(in, d.line), S("it begins here"));
        }
        if (!mark.known) {
            SAY(in->diags, MSG_MARK_UNKNOWN, place, khap__str_trim(without_end(khap_line_text(line))));
        } else if (mark.begins && open) {
            say_twice(in, MSG_MARK_NESTED, place, last->place);
        } else if (mark.begins) {
            if (add_block(in, line, &mark) != KHAP_OK)
                return KHAP_ENOMEM;
            open = true;
        } else if (!open) {
            SAY0(in->diags, MSG_MARK_NOT_OPEN, place);
            if (last)
                khap__diags_relate(in->diags, place_of(in, last->end), S("the block before ends here"));
        } else {
            last->end = line;
            open = false;
        }
    }
    if (open) {
        const struct khap_line *last = khap_line_prev(in->doc, NULL);
        SAY0(in->diags, MSG_MARK_NOT_CLOSED, in->blocks.ptr[in->blocks.len - 1].place);
        khap__diags_relate(in->diags, place_of(in, last), S("the file ends here"));
    }
    return khap__diags_status(in->diags);
}

/* ---- what stands in a block ---- */

/* Whether it is what an earlier run wrote there, or nothing. */
static bool unchanged(const struct block *block)
{
    const struct khap_document *doc = block->doc;
    uint64_t sum = KHAP__FNV64, said = 0;
    bool first = true, good = true;
    for (const struct khap_line *line = block->begin; (line = khap_line_next(doc, line)) != block->end;) {
        struct khap_str text = without_end(khap_line_text(line));
        if (first && khap__str_trim(text).len == 0)
            continue;
        if (first)
            good = khap__block_sum(khap__str_trim(text), &said);
        else
            sum = khap__fnv1a64(S("\n"), khap__fnv1a64(text, sum));
        first = false;
    }
    return first || (good && sum == said);
}

/* Takes out what stands between the marks. From here on the document is what is not khapgen's. */
static enum khap_status empty_blocks(struct into *in)
{
    for (uint32_t i = 0; i < in->blocks.len; i++) {
        struct block *block = &in->blocks.ptr[i];
        block->doc = in->doc;
        if (!in->options->into_force && !unchanged(block)) {
            SAY0(in->diags, MSG_BLOCK_CHANGED, block->place);
            in->refused = true;
        }
        block->doc = NULL;
        for (struct khap_line *line; (line = khap_line_next(in->doc, block->begin)) != block->end;) {
            enum khap_status status = khap_document_remove(in->doc, line);
            if (status != KHAP_OK)
                return status;
        }
    }
    return in->refused ? KHAP_EREFUSED : KHAP_OK;
}

/* A line behind the block must not become one of its last section. */
static void check_behind(struct into *in, const struct block *block)
{
    for (const struct khap_line *line = block->end; line && (line = khap_line_next(in->doc, line));) {
        enum khap_line_kind kind = khap_line_kind(in->doc, line);
        if (kind == KHAP_LINE_SECTION)
            return;
        if (kind != KHAP_LINE_STATEMENT)
            continue;
        SAY0(in->diags, MSG_BLOCK_IN_SECTION, block->place);
        khap__diags_relate(in->diags, place_of(in, line),
                           S("this line would belong to khapgen's last section"));
        return;
    }
}

/* ---- what stands around ---- */

struct reading {
    struct into *in;
    const struct khap_section *section;
    struct defaults_facts facts;
    VEC(struct bind) binds; /* of the section */
    struct block *holds;    /* the block that stands in it */
};

static struct khap_str value_at(const struct into *in, size_t index)
{
    return khap_words_value(in->words, index);
}

static enum section_mode mode_word(struct khap_str word)
{
    return khap__str_eq(word, S("http"))  ? SECTION_HTTP
           : khap__str_eq(word, S("tcp")) ? SECTION_TCP
                                          : SECTION_MODE_UNKNOWN;
}

static enum khap_status push_bind(void *ctx, const struct bind *bind)
{
    struct reading *r = ctx;
    struct into *in = r->in;
    struct bind kept = *bind;
    if (khap__arena_dup(&in->arena, bind->text, &kept.text) != KHAP_OK ||
        !VEC_PUSH(&in->alloc, &in->outside.binds, kept) || !VEC_PUSH(&in->alloc, &r->binds, kept))
        return KHAP_ENOMEM;
    return KHAP_OK;
}

static enum khap_status read_bind(struct reading *r, const struct khap_line *line, size_t index)
{
    return khap__binds_of_words(r->in->words, index, khap_line_origin(r->in->doc, line), push_bind, r);
}

static void read_option(struct defaults_facts *facts, struct khap_str name)
{
    static const char checks[][16] = {"httpchk",    "tcp-check",     "ssl-hello-chk", "smtpchk",
                                      "ldap-check", "mysql-check",   "pgsql-check",   "redis-check",
                                      "spop-check", "external-check"};
    if (khap__str_eq(name, S("httplog")) || khap__str_eq(name, S("httpslog"))) {
        facts->http_format = true;
        facts->tcp_format = false;
    } else if (khap__str_eq(name, S("tcplog"))) {
        facts->tcp_format = true;
        facts->http_format = false;
    } else if (khap__str_eq(name, S("forwardfor"))) {
        facts->forwards = true;
    }
    for (size_t i = 0; i < sizeof checks / sizeof *checks; i++)
        facts->checks = facts->checks || khap__str_eq(name, khap__str(checks[i]));
}

static enum khap_status read_line(struct reading *r, const struct khap_line *line)
{
    struct into *in = r->in;
    struct defaults_facts *facts = &r->facts;
    enum khap_status status = khap_words_read(in->words, in->doc, line);
    if (status != KHAP_OK)
        return status;
    struct khap_str first = value_at(in, 0), second = value_at(in, 1);
    khap__inherited_read(&in->options->target, in->words, khap_line_origin(in->doc, line), place_of(in, line),
                         facts);
    bool is_rule = khap__str_starts(first, S("http-req")) || khap__str_starts(first, S("http-res")) ||
                   khap__str_starts(first, S("tcp-re")) || khap__str_eq(first, S("http-after-response"));
    if (khap__str_eq(first, S("mode")))
        facts->mode = (uint8_t)mode_word(second);
    else if (khap__str_eq(first, S("log")) && khap__str_eq(second, S("global")))
        facts->logs_global = true;
    else if (khap__str_eq(first, S("log")))
        facts->logs = true;
    else if (khap__str_eq(first, S("no")) && khap__str_eq(second, S("log")))
        facts->logs = facts->logs_global = false;
    else if (khap__str_eq(first, S("disabled")) || khap__str_eq(first, S("enabled")))
        facts->disabled = khap__str_eq(first, S("disabled"));
    else if (khap__str_eq(first, S("option")))
        read_option(facts, second);
    else if (khap__str_eq(first, S("log-format")))
        facts->http_format = true;
    else if (khap__str_eq(first, S("tcp-check")))
        facts->tcp_checks = true;
    else if (is_rule && !facts->has_rules) {
        facts->has_rules = true;
        facts->rules_place = place_of(in, line);
    }
    if (khap__str_eq(first, S("bind")))
        status = read_bind(r, line, 1);
    else if (khap__str_eq(first, S("stats")) && khap__str_eq(second, S("socket")))
        status = read_bind(r, line, 2);
    else if (khap__str_eq(first, S("default_backend")) || khap__str_eq(first, S("server"))) {
        facts->has_default = true;
        facts->default_place = place_of(in, line);
    }
    return status;
}

/* The defaults that a header names behind `from`, else the last ones. */
static void inherit(struct into *in, struct defaults_facts *facts)
{
    struct khap_str name = {NULL, 0};
    for (size_t i = 1; i + 1 < khap_words_count(in->words); i++) {
        if (khap__str_eq(value_at(in, i), S("from")))
            name = value_at(in, i + 1);
    }
    for (uint32_t i = in->defaults.len; i > 0; i--) {
        if (name.len > 0 ? khap__str_eq(in->defaults.ptr[i - 1].name, name) : true) {
            *facts = in->defaults.ptr[i - 1];
            return;
        }
    }
}

static enum khap_status keep_routes(struct reading *r, const struct own_section *section)
{
    struct into *in = r->in;
    struct block *block = r->holds;
    struct outside_routes routes = {.name = block->name,
                                    .place = block->place,
                                    .binds = r->binds.ptr,
                                    .n_binds = r->binds.len,
                                    .has_default = r->facts.has_default,
                                    .default_place = r->facts.default_place};
    struct bind *binds = khap__arena_alloc(&in->arena, r->binds.len + 1, sizeof *binds);
    if (!binds)
        return KHAP_ENOMEM;
    if (r->binds.len > 0)
        memcpy(binds, r->binds.ptr, r->binds.len * sizeof *binds);
    routes.binds = binds;
    if (!khap__str_eq(section->kind, S("frontend")) && !khap__str_eq(section->kind, S("listen"))) {
        SAY(in->diags, MSG_ROUTES_NOT_IN_FRONTEND, block->place, block->name);
        khap__diags_relate(in->diags, section->place, S("it stands in this section"));
    } else if (section->mode == SECTION_TCP) {
        SAY(in->diags, MSG_ROUTES_IN_TCP, block->place, block->name);
        khap__diags_relate(in->diags, section->place, S("the section"));
    }
    return VEC_PUSH(&in->alloc, &in->outside.routes, routes) ? KHAP_OK : KHAP_ENOMEM;
}

/* The blanks that other lines of the section have. */
static struct khap_str indent_of(const struct khap_line *line)
{
    struct khap_str text = khap_line_text(line);
    size_t n = 0;
    while (n < text.len && (text.ptr[n] == ' ' || text.ptr[n] == '\t'))
        n++;
    return (struct khap_str){text.ptr, n};
}

static bool is_proxy(struct khap_str kind)
{
    return khap__str_eq(kind, S("frontend")) || khap__str_eq(kind, S("backend")) ||
           khap__str_eq(kind, S("listen"));
}

static enum khap_status keep_section(struct reading *r, struct own_section *own)
{
    struct into *in = r->in;
    uint32_t index = in->outside.sections.len, old;
    bool found;
    if ((own->name.len > 0 && khap__arena_dup(&in->arena, own->name, &own->name) != KHAP_OK) ||
        !VEC_PUSH(&in->alloc, &in->outside.sections, *own))
        return KHAP_ENOMEM;
    if (own->name.len == 0 || !is_proxy(own->kind))
        return KHAP_OK;
    return khap__str_eq(own->kind, S("frontend"))
               ? khap__map_add(&in->outside.proxies, own->name, index, &found, &old)
               : khap__map_set(&in->outside.proxies, own->name, index);
}

static enum khap_status read_section(struct into *in, const struct khap_section *section)
{
    struct reading r = {.in = in, .section = section};
    struct khap_str indent = {NULL, 0};
    bool is_defaults = khap__str_eq(section->kind, S("defaults"));
    enum khap_status status = khap_words_read(in->words, in->doc, section->head);
    if (status != KHAP_OK)
        return status;
    r.facts.mode = SECTION_TCP;
    bool from = false;
    for (size_t i = 1; i < khap_words_count(in->words); i++)
        from = from || khap__str_eq(value_at(in, i), S("from"));
    if (!is_defaults || from)
        inherit(in, &r.facts);
    for (const struct khap_line *line = section->head; status == KHAP_OK && line != section->last;) {
        line = khap_line_next(in->doc, line);
        if (!line)
            break;
        for (uint32_t i = 0; i < in->blocks.len; i++) {
            if (in->blocks.ptr[i].begin == line && in->blocks.ptr[i].name.len > 0)
                r.holds = &in->blocks.ptr[i];
        }
        if (khap_line_kind(in->doc, line) != KHAP_LINE_STATEMENT)
            continue;
        if (!indent.ptr)
            indent = indent_of(line);
        status = read_line(&r, line);
    }
    struct own_section own = {.kind = section->kind,
                              .name = section->name,
                              .place = place_of(in, section->head),
                              .mode = r.facts.mode};
    if (khap__str_eq(section->kind, S("global")))
        in->global_logs = in->global_logs || r.facts.logs;
    if (is_defaults && status == KHAP_OK) {
        r.facts.name = section->name;
        status = VEC_PUSH(&in->alloc, &in->defaults, r.facts) ? KHAP_OK : KHAP_ENOMEM;
    }
    if (r.holds && status == KHAP_OK) {
        r.holds->indent = indent_of(r.holds->begin);
        if (r.holds->indent.len == 0)
            r.holds->indent = indent.len > 0 ? indent : S("    ");
        status = keep_routes(&r, &own);
    }
    if (status == KHAP_OK)
        status = keep_section(&r, &own);
    VEC_FREE(&in->alloc, &r.binds);
    return status;
}

/* All sections; what holds where the block stands is known when its place is reached. */
static enum khap_status read_sections(struct into *in)
{
    const struct block *main_block = khap__into_block(in, S(""));
    struct khap_section section = {.size = sizeof section};
    enum khap_status status = KHAP_OK;
    bool reached = false;
    const struct khap_line *line = NULL;
    for (size_t i = 0; status == KHAP_OK && khap_outline_section(in->outline, i, &section) == KHAP_OK; i++) {
        while (!reached && (line = khap_line_next(in->doc, line)) && line != section.head)
            reached = line == main_block->begin;
        if (reached && line != NULL) { /* it was seen before this section began */
            in->here =
                in->defaults.len > 0 ? in->defaults.ptr[in->defaults.len - 1] : (struct defaults_facts){0};
            line = NULL;
        }
        status = read_section(in, &section);
    }
    if (!reached)
        in->here = in->defaults.len > 0 ? in->defaults.ptr[in->defaults.len - 1] : (struct defaults_facts){0};
    for (uint32_t i = 0; status == KHAP_OK && i < in->blocks.len; i++) {
        const struct block *block = &in->blocks.ptr[i];
        if (block->name.len > 0 && !block->indent.ptr)
            SAY(in->diags, MSG_ROUTES_NOT_IN_FRONTEND, block->place, block->name);
    }
    if (in->here.has_rules)
        SAY0(in->diags, MSG_DEFAULTS_WITH_RULES, in->here.rules_place);
    else if (in->here.stays.len > 0)
        SAY(in->diags, MSG_DEFAULTS_REACH_IN, in->here.stays_place, in->here.stays);
    if ((in->here.has_rules || in->here.stays.len > 0) && main_block->begin)
        khap__diags_relate(in->diags, main_block->place, S("the block"));
    return status != KHAP_OK ? status : khap__diags_status(in->diags);
}

struct block *khap__into_block(struct into *in, struct khap_str name)
{
    for (uint32_t i = 0; i < in->blocks.len; i++) {
        if (khap__str_eq(in->blocks.ptr[i].name, name))
            return &in->blocks.ptr[i];
    }
    return NULL;
}

enum khap_status khap__into_read(struct into *in, const struct khap_alloc *alloc,
                                 const struct khap_generate_options *options, struct khap_diags *diags)
{
    *in = (struct into){.alloc = *alloc, .diags = diags, .options = options};
    khap__arena_init(&in->arena, &in->alloc);
    khap__map_init(&in->outside.proxies, &in->alloc);
    enum khap_status status = khap_document_parse(&in->alloc, &options->target, options->into,
                                                  options->into_source, NULL, &in->doc);
    if (status == KHAP_OK)
        status = khap_words_new(&in->alloc, &in->words);
    if (status == KHAP_OK)
        status = read_marks(in);
    if (status == KHAP_OK)
        status = empty_blocks(in);
    if (status == KHAP_OK && !khap__into_block(in, S("")) &&
        !VEC_PUSH(&in->alloc, &in->blocks, (struct block){0}))
        status = KHAP_ENOMEM;
    if (status == KHAP_OK)
        check_behind(in, khap__into_block(in, S("")));
    if (status == KHAP_OK)
        status = khap_outline_new(&in->alloc, in->doc, NULL, &in->outline);
    return status == KHAP_OK ? read_sections(in) : status;
}

void khap__into_free(struct into *in)
{
    for (uint32_t i = 0; i < in->blocks.len; i++)
        khap_document_free(in->blocks.ptr[i].doc);
    khap_words_free(in->words);
    khap_outline_free(in->outline);
    khap_document_free(in->doc);
    VEC_FREE(&in->alloc, &in->blocks);
    VEC_FREE(&in->alloc, &in->defaults);
    VEC_FREE(&in->alloc, &in->outside.sections);
    VEC_FREE(&in->alloc, &in->outside.binds);
    VEC_FREE(&in->alloc, &in->outside.routes);
    khap__map_free(&in->outside.proxies);
    khap__arena_free(&in->arena);
}
