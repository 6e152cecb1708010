/* check/content.c - places in the files that a configuration names, and those whose contents are short to tell. SPDX-License-Identifier: MIT */
#include "config.h"

#include "check/content.h"

/* Texts of bad files are kept for their places: as much as this altogether. */
enum { KEPT_MOST = 64 * 1024 * 1024 };

struct khap_place khap__inside_place(struct check *c, struct check_inside *in, size_t offset, size_t len)
{
    if (!in->asked) {
        in->asked = true;
        if (c->sources != NULL && in->text.len <= KEPT_MOST - c->kept_text) {
            enum khap_status status = khap__sources_copy(c->sources, in->path, in->text, &in->source);
            if (status == KHAP_ENOMEM)
                c->no_memory = true;
            c->kept_text += (uint32_t)in->text.len;
        }
    }
    if (in->source == 0)
        return khap__spot_place(c, in->spot);
    if (offset > in->text.len)
        offset = in->text.len;
    if (len > in->text.len - offset)
        len = in->text.len - offset;
    return (struct khap_place){in->source, (uint32_t)offset, (uint32_t)len};
}

void khap__inside_told(struct check *c, struct check_inside *in, struct khap_place place)
{
    in->told++;
    if (place.source == in->source && in->source != 0)
        khap__diags_relate(c->diags, khap__spot_place(c, in->spot), S("named here"));
}

struct khap_place khap__spot_place(struct check *c, const struct check_spot *spot)
{
    return spot->in != NULL ? khap__inside_place(c, spot->in, spot->offset, spot->len) : spot->place;
}

bool khap__inside_next(struct inside_lines *lines)
{
    struct khap_str rest = khap__str_sub(lines->text, lines->at, lines->room - 1);
    if (rest.len == 0)
        return false;
    size_t len = khap__str_find(rest, '\n');
    lines->line = khap__str_sub(rest, 0, len < rest.len ? len + 1 : len);
    lines->from = lines->at;
    lines->at += lines->line.len;
    return true;
}

struct khap_str khap__inside_visible(struct khap_str line)
{
    line.len = khap__str_find(line, '\n');
    line.len = khap__str_find(line, '\0');
    return line;
}

uint32_t khap__check_bufsize(const struct check *c)
{
    return c->buffer.unknown ? 0 : c->buffer.size == 0 ? 16384 : c->buffer.size;
}

static void warn_state(struct check *c, struct check_inside *in, const struct inside_lines *lines,
                       struct khap_str what)
{
    SAY_INSIDE(c, in, MSG_FILE_UNUSED, lines->from, khap__inside_visible(lines->line).len, in->path, what);
}

static bool is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* States of servers: a line with the version, then lines of 20 fields or more. */
static void check_states(struct check *c, struct check_inside *in)
{
    struct inside_lines lines = {.text = in->text, .room = 2000};
    if (!khap__inside_next(&lines))
        return;
    struct khap_str first = lines.line;
    while (first.len > 0 && is_blank(first.ptr[0]))
        first = khap__str_sub(first, 1, first.len);
    if (khap__str_starts(first, S("+")))
        first = khap__str_sub(first, 1, first.len);
    while (first.len > 2 && first.ptr[0] == '0')
        first = khap__str_sub(first, 1, first.len);
    if (!khap__str_eq(first, S("1\n"))) {
        warn_state(c, in, &lines, S("its first line is not the version, 1"));
        return;
    }
    while (khap__inside_next(&lines)) {
        struct khap_str line = lines.line;
        size_t at = 0;
        unsigned fields = 0;
        while (at < line.len && is_blank(line.ptr[at]))
            at++;
        bool whole = khap__str_ends(line, S("\n")) && memchr(line.ptr, '\0', line.len) == NULL;
        if (whole && (at == line.len || line.ptr[at] == '#'))
            continue;
        while (at < line.len) {
            fields++;
            while (at < line.len && !is_blank(line.ptr[at]))
                at++;
            while (at < line.len && is_blank(line.ptr[at]))
                at++;
        }
        if (whole && fields >= 20)
            continue;
        warn_state(c, in, &lines, S("this is no line of 20 fields, from which on it is not read"));
        return;
    }
}

/* The bytes that a text in base64 stands for; 0 when it is none. */
static size_t base64_bytes(struct khap_str text)
{
    size_t padded = 0;
    for (size_t i = 0; i < text.len; i++) {
        unsigned char b = (unsigned char)text.ptr[i];
        if (b == '=' && i + 2 >= text.len)
            padded++;
        else if (padded > 0 || (!khap__is_alnum(b) && b != '+' && b != '/'))
            return 0;
    }
    return text.len % 4 != 0 ? 0 : text.len / 4 * 3 - padded;
}

/* Keys of TLS tickets, one a line: three or more of one size. */
static void check_tickets(struct check *c, struct check_inside *in)
{
    struct inside_lines lines = {.text = in->text, .room = 1024};
    size_t size = 0;
    uint32_t keys = 0;
    while (khap__inside_next(&lines)) {
        struct khap_str line = khap__inside_visible(lines.line);
        if (khap__str_ends(line, S("\r")))
            line.len--;
        size_t bytes = base64_bytes(line);
        if ((bytes != 48 && (bytes != 80 || c->release < KHAP_RELEASE(1, 9))) ||
            (size != 0 && bytes != size)) {
            SAY_INSIDE(c, in, MSG_FILE_BAD, lines.from, line.len, in->path,
                       S("a line that is no key of 48 or 80 bytes in base64, all of one size"));
            return;
        }
        size = bytes;
        keys++;
    }
    if (keys < 3)
        SAY_INSIDE(c, in, MSG_FILE_BAD, in->text.len, 0, in->path, S("fewer than three keys"));
}

/* How names of headers are written: a name, and the same in other letters. */
static void check_headers(struct check *c, struct check_inside *in)
{
    uint32_t size = khap__check_bufsize(c);
    struct inside_lines lines = {.text = in->text, .room = size == 0 ? 16384 : size};
    struct map names;
    khap__map_init(&names, &c->alloc);
    while (in->told < INSIDE_MOST && khap__inside_next(&lines)) {
        struct khap_str line = khap__inside_visible(lines.line), from = {NULL, 0}, to;
        line.len = khap__str_find(line, '\r');
        to = khap__str_trim(line);
        if (to.len == 0 || to.ptr[0] == '#')
            continue;
        while (from.len < to.len && to.ptr[from.len] != ' ' && to.ptr[from.len] != '\t')
            from = khap__str_sub(to, 0, from.len + 1);
        to = khap__str_trim(khap__str_sub(to, from.len, to.len));
        bool found = false;
        uint32_t old;
        size_t at = lines.from;
        if (!khap__str_eq_nocase(from, to))
            SAY_INSIDE(c, in, MSG_FILE_BAD, at, line.len, in->path,
                       S("a line that is not a header's name twice, in other letters"));
        else if (khap__map_add(&names, from, 0, &found, &old) != KHAP_OK)
            c->no_memory = true;
        else if (found)
            SAY_INSIDE(c, in, MSG_FILE_BAD, at, line.len, in->path, S("a name that it had above"));
    }
    khap__map_free(&names);
}

static enum khap_status no_reference(void *ctx, const struct schema_reference *reference)
{
    (void)ctx;
    (void)reference;
    return KHAP_OK;
}

/* A log format that is the whole file. */
static void check_format(struct check *c, struct check_inside *in)
{
    struct schema_word word = {in->text, false, false};
    word.text.len = khap__str_find(word.text, '\0');
    struct schema_argument argument = {
        .type = TYPE_LOGFORMAT, .option = UINT32_MAX, .n_words = 1, .len = (uint32_t)word.text.len};
    struct schema_line line = {.release = c->release, .arguments = &argument, .n_arguments = 1};
    struct schema_visitor visitor = {c, no_reference, khap__check_item, khap__check_problem};
    const struct schema_word *words = c->words;
    struct check_inside *outside = c->inside;
    size_t n = c->n;
    bool failed = c->failed;
    struct arena arena;
    const uint32_t offsets[2] = {0, (uint32_t)word.text.len};
    if (word.text.len == 0)
        return;
    khap__arena_init(&arena, &c->alloc);
    in->words = offsets;
    in->n = 1;
    c->words = &word;
    c->n = 1;
    c->inside = in;
    size_t told = khap_diags_count(c->diags, KHAP_NOTE);
    if (khap__schema_visit(&arena, c->release, &word, 1, &line, &visitor) == KHAP_ENOMEM)
        c->no_memory = true;
    if (told < khap_diags_count(c->diags, KHAP_NOTE))
        khap__inside_told(c, in, khap__inside_place(c, in, 0, 0));
    c->inside = outside;
    c->words = words;
    c->n = n;
    c->failed = failed;
    khap__arena_free(&arena);
}

/* What an answer has as its body goes into one buffer. */
static void check_body(struct check *c, struct check_inside *in, bool format)
{
    uint32_t size = khap__check_bufsize(c), left = size > c->buffer.rewrite ? size - c->buffer.rewrite : 0;
    if (size == 0)
        return;
    if (in->text.len > size)
        SAY_INSIDE(c, in, MSG_FILE_BAD, size, 0, in->path, S("more than fits into a buffer (tune.bufsize)"));
    else if (!format && !c->buffer.rewrite_unknown && in->text.len > left)
        SAY_INSIDE(c, in, MSG_FILE_ODD, left, 0, in->path,
                   S("more than leaves room to rewrite headers (tune.maxrewrite)"));
}

void khap__check_content(struct check *c, const struct schema_file *row, struct check_inside *in)
{
    switch ((enum schema_file_content)row->content) {
    case CONTENT_ANY:
    case CONTENT_PATTERNS: /* by their method: pattern_files.c */
        break;
    case CONTENT_BODY:
        check_body(c, in, false);
        break;
    case CONTENT_FORMAT:
        check_body(c, in, true);
        if (in->told == 0)
            check_format(c, in);
        break;
    case CONTENT_CA:
    case CONTENT_CERT:
    case CONTENT_CRL:
    case CONTENT_DH:
    case CONTENT_KEY:
    case CONTENT_LOAD:
    case CONTENT_PAIR:
        khap__check_cert_file(c, row, in);
        break;
    case CONTENT_CRT_LIST:
        khap__check_crt_list_file(c, in);
        break;
    case CONTENT_HEADERS:
        check_headers(c, in);
        break;
    case CONTENT_MESSAGE:
        khap__check_message_file(c, in);
        break;
    case CONTENT_STATE:
        check_states(c, in);
        break;
    case CONTENT_TICKETS:
        check_tickets(c, in);
        break;
    }
}
