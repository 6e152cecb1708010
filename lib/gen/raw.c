/* HAProxy lines of one's own. SPDX-License-Identifier: MIT */
#include "gen/raw.h"

#include "cfg/lex.h"
#include "schema/once.h"

static enum raw_group group_of(struct khap_str word)
{
    static const struct {
        char word[24];
        uint8_t group;
    } table[] = {
        {"tcp-request", RAW_TCP_REQUEST},        {"tcp-response", RAW_TCP_RESPONSE},
        {"http-request", RAW_HTTP_REQUEST},      {"http-response", RAW_HTTP_RESPONSE},
        {"http-after-response", RAW_HTTP_AFTER}, {"redirect", RAW_REDIRECT},
        {"use_backend", RAW_USE_BACKEND},        {"default_backend", RAW_USE_BACKEND},
        {"use-server", RAW_USE_SERVER},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (khap__str_eq(word, khap__str(table[i].word)))
            return (enum raw_group)table[i].group;
    }
    return RAW_SETTING;
}

/* Lines from `from` on that wait for a rule to tell them their group. */
static void settle(struct raw *raw, uint32_t from, enum raw_group group)
{
    for (uint32_t i = from; i < raw->lines.len; i++)
        raw->lines.ptr[i].group = (uint8_t)group;
}

enum khap_status khap__raw_read(struct arena *arena, const struct khap_alloc *alloc, uint16_t release,
                                struct khap_str section, const struct setting *given, struct raw *out)
{
    if (!given || given->kind != SETTING_TEXT)
        return KHAP_OK;
    struct khap_str rest = given->text;
    uint32_t waiting = 0; /* first line whose group is open */
    uint32_t depth = 0;   /* of .if blocks */
    enum raw_group block = RAW_SETTING;
    while (rest.len > 0) {
        size_t end = khap__str_find(rest, '\n');
        struct raw_line line = {.text = khap__str_trim((struct khap_str){rest.ptr, end}),
                                .place = given->place};
        rest = khap__str_sub(rest, end + 1, rest.len);
        if (line.text.len > 0 && line.text.ptr[line.text.len - 1] == '\r')
            line.text = khap__str_trim((struct khap_str){line.text.ptr, line.text.len - 1});
        if (line.text.len == 0)
            continue;
        struct lex_line lexed;
        enum khap_status status = khap__lex_line(arena, release, line.text, &lexed);
        if (status != KHAP_OK)
            return status;
        struct khap_str words[3];
        size_t n = 0;
        for (; n < lexed.n && n < 3; n++)
            words[n] = lexed.words[n].value;
        bool directive = n > 0 && release >= KHAP_RELEASE(2, 4) && words[0].len > 1 && words[0].ptr[0] == '.';
        if (n > 0 && !directive) {
            size_t first;
            line.once_words = (uint8_t)khap__once(section, words, n, &first);
            for (size_t i = 0; i < line.once_words; i++)
                line.once[i] = words[first + i];
        }
        if (!VEC_PUSH(alloc, &out->lines, line))
            return KHAP_ENOMEM;
        if (directive) {
            if (khap__str_eq(words[0], S(".if")) && depth++ == 0)
                block = RAW_SETTING;
            else if (khap__str_eq(words[0], S(".endif")) && depth > 0 && --depth == 0) {
                settle(out, waiting, block);
                waiting = out->lines.len;
            }
        } else if (n > 0 && depth > 0) {
            if (block == RAW_SETTING)
                block = group_of(words[0]);
        } else if (n > 0) {
            settle(out, waiting, group_of(words[0]));
            waiting = out->lines.len;
        }
    }
    settle(out, waiting, depth > 0 ? block : RAW_SETTING);
    return KHAP_OK;
}

void khap__raw_free(const struct khap_alloc *alloc, struct raw *raw)
{
    VEC_FREE(alloc, &raw->lines);
}

void khap__raw_write(const struct raw *raw, enum raw_group group, struct khap_document *doc, uint32_t indent)
{
    for (uint32_t i = 0; i < raw->lines.len; i++) {
        const struct raw_line *line = &raw->lines.ptr[i];
        if (line->group == group)
            khap__doc_raw(doc, indent, line->text, line->place);
    }
}

bool khap__raw_replaces(const struct raw *raw, struct khap_str words)
{
    for (uint32_t i = 0; i < raw->lines.len; i++) {
        const struct raw_line *line = &raw->lines.ptr[i];
        if (line->once_words == 0 || !khap__str_starts(words, line->once[0]))
            continue;
        struct khap_str rest = khap__str_sub(words, line->once[0].len, words.len);
        if (line->once_words == 1
                ? rest.len == 0 || rest.ptr[0] == ' '
                : rest.len > line->once[1].len &&
                      khap__str_starts(khap__str_sub(rest, 1, rest.len), line->once[1]) &&
                      (rest.len == 1 + line->once[1].len || rest.ptr[1 + line->once[1].len] == ' '))
            return true;
    }
    return false;
}
