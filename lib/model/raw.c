/* model/raw.c - lines of one's own: they may add to their section, and do nothing else.
 * SPDX-License-Identifier: MIT */
#include "cfg/lex.h"
#include "cfg/sections.h"
#include "model/resolve.h"

struct raw_check {
    struct resolver *r;
    const struct setting *setting;
    struct khap_str key;
    struct arena arena; /* of one release */
    uint16_t release;
    uint32_t depth;           /* of open .if */
    bool blocks_told;         /* what is wrong with .if here: more would follow from it only */
    struct khap_str rest;     /* source text from the line that is checked on, when it is known */
    struct khap_place place;  /* of that line; where it is not known, of the whole value */
    struct khap_place opened; /* the newest .if that was met with no other open */
    bool whole;               /* `sections`: lines belong to the section that opens before them */
    bool in_section;          /* one has opened */
};

/* A block of the map (|) stands in the source line by line as it will in the configuration; what is folded or
 * quoted does not. */
static void find_source(struct raw_check *c)
{
    struct khap_place at = c->setting->place;
    struct khap_str all = khap_sources_text(khap__diags_sources(c->r->diags), at.source);
    c->rest = (struct khap_str){NULL, 0};
    c->place = at;
    if (at.source == 0 || at.offset >= all.len || all.ptr[at.offset] != '|')
        return;
    c->rest = khap__str_sub(all, at.offset, at.len);
    c->rest = khap__str_sub(c->rest, khap__str_find(c->rest, '\n') + 1, SIZE_MAX);
}

/* The place of the next line, for which `line` was read. */
static void next_place(struct raw_check *c, struct khap_str line)
{
    struct khap_str source = khap__str_sub(c->rest, 0, khap__str_find(c->rest, '\n'));
    if (source.len && source.ptr[source.len - 1] == '\r')
        source.len--;
    if (!c->rest.ptr || !khap__str_ends(source, line)) {
        c->rest = (struct khap_str){NULL, 0}; /* not as it stands: the value is all that is known */
        c->place = c->setting->place;
        return;
    }
    struct khap_str all = khap_sources_text(khap__diags_sources(c->r->diags), c->setting->place.source);
    struct khap_str told = khap__str_trim(line);
    const char *begin = told.len ? told.ptr - line.ptr + (source.ptr + source.len - line.len) : source.ptr;
    c->place.offset = (uint32_t)(begin - all.ptr);
    c->place.len = (uint32_t)told.len;
    c->rest = khap__str_sub(c->rest, khap__str_find(c->rest, '\n') + 1, SIZE_MAX);
}

static struct khap_str lex_error_text(enum lex_error error)
{
    switch (error) {
    case LEX_QUOTE:
        return S("a quote stays open");
    case LEX_HEX:
        return S("\\x without two hexadecimal digits");
    case LEX_VARNAME:
        return S("$ without the name of a variable");
    case LEX_BRACE:
        return S("a brace of a variable stays open");
    case LEX_TOO_MANY:
        return S("more than 64 words");
    case LEX_NUL:
        return S("a NUL byte");
    case LEX_TOO_LONG:
        return S("it is longer than 2047 bytes");
    case LEX_SCOPE:
        return S("a line that begins with [");
    case LEX_EMPTY_WORD:
        return S("an empty word");
    case LEX_OK:
        break;
    }
    return S("");
}

static struct khap_str release_text(struct resolver *r, uint16_t release)
{
    khap__buf_clear(&r->text);
    khap__buf_uint(&r->text, release / 100);
    khap__buf_char(&r->text, '.');
    khap__buf_uint(&r->text, release % 100);
    return khap__buf_str(&r->text);
}

/* .if, .elif, .else, .endif; false when something is wrong. */
static bool follow_block(struct raw_check *c, struct khap_str word)
{
    struct resolver *r = c->r;
    bool opens = khap__str_eq(word, S(".if")), closes = khap__str_eq(word, S(".endif"));
    bool between = khap__str_eq(word, S(".elif")) || khap__str_eq(word, S(".else"));
    if (c->blocks_told)
        return false;
    if (c->release < KHAP_RELEASE(2, 4)) {
        char both[8];
        struct khap_str first = release_text(r, c->release);
        size_t n = first.len < sizeof both ? first.len : sizeof both;
        memcpy(both, first.ptr ? first.ptr : "", first.ptr ? n : 0);
        RESOLVE_SAY(r, MSG_KEY_NEEDS_RELEASE, c->place, word, S("2.4"), ((struct khap_str){both, n}));
        c->blocks_told = true;
        return false;
    }
    if (opens && c->depth++ == 0)
        c->opened = c->place;
    if (!opens && !closes && !between)
        return true; /* .notice and the like */
    if (!opens && c->depth == 0) {
        RESOLVE_SAY(r, MSG_RAW_STRAY_ENDIF, c->place, word);
        return false;
    }
    if (closes)
        c->depth--;
    return true;
}

static bool check_line(struct raw_check *c, struct khap_str line)
{
    struct resolver *r = c->r;
    struct lex_line lexed;
    if (khap__lex_line(&c->arena, c->release, line, &lexed) != KHAP_OK) {
        r->no_memory = true;
        return false;
    }
    if (lexed.error != LEX_OK || lexed.scope) {
        RESOLVE_SAY(r, MSG_RAW_LINE_UNREADABLE, c->place, release_text(r, c->release),
                    lex_error_text(lexed.scope ? LEX_SCOPE : lexed.error), line);
        if (khap__str_starts(khap__str_trim(line), S(".")))
            c->blocks_told = true;
        return false;
    }
    if (lexed.n == 0)
        return true;
    struct khap_str word = lexed.words[0].value;
    if (c->whole && !(word.len > 0 && word.ptr[0] == '.')) {
        static const struct khap_target any = {.first = KHAP_OLDEST, .last = KHAP_NEWEST};
        bool known = khap__section_known(c->release, word);
        if (!known && khap__section_of(&any, word) >= 0)
            RESOLVE_SAY(r, MSG_SECTION_OF_OTHER_RELEASE, c->place, release_text(r, c->release), word, line);
        else if (!known && !c->in_section)
            RESOLVE_SAY(r, MSG_BEFORE_FIRST_SECTION, c->place, line);
        else
            return c->in_section = true;
        return false;
    }
    if (lexed.words[0].variable || khap__section_known(c->release, word)) {
        RESOLVE_SAY(r, MSG_RAW_SECTION, c->place, line);
        return false;
    }
    return word.len == 0 || word.ptr[0] != '.' || follow_block(c, word);
}

static bool check_release(struct raw_check *c)
{
    struct khap_str rest = c->setting->text;
    c->depth = 0;
    c->blocks_told = false;
    c->in_section = false;
    bool good = true;
    find_source(c);
    while (rest.len && !c->r->no_memory) {
        size_t end = khap__str_find(rest, '\n');
        next_place(c, khap__str_sub(rest, 0, end));
        good = check_line(c, khap__str_sub(rest, 0, end)) && good;
        rest = khap__str_sub(rest, end + 1, rest.len);
    }
    if (c->depth && !c->blocks_told) {
        RESOLVE_SAY(c->r, MSG_RAW_OPEN_IF, c->opened, c->key);
        good = false;
    }
    return good;
}

void khap__check_raw(struct resolver *r, const struct setting *text)
{
    if (!text || text->kind != SETTING_TEXT)
        return;
    struct raw_check c = {.r = r,
                          .setting = text,
                          .key = khap__short_path((enum key)text->key),
                          .whole = text->key == KEY_SECTIONS};
    uint16_t release;
    for (size_t i = 0; (release = khap_release_at(i)) != 0; i++) {
        if (release < r->out->target.first || release > r->out->target.last)
            continue;
        c.release = release;
        khap__arena_init(&c.arena, &r->model->alloc);
        bool good = check_release(&c);
        khap__arena_free(&c.arena);
        if (!good)
            return;
    }
}
