/* route/index.c - which parts of a text may be a pattern that matches it, so that many patterns are looked up, not tried. SPDX-License-Identifier: MIT */
#include "config.h"

#include "route/ask.h"

bool khap__patterns_indexed(enum match_method method)
{
    return method == MATCH_STR || method == MATCH_METH || method == MATCH_BEG || method == MATCH_END ||
           method == MATCH_DIR || method == MATCH_DOM;
}

/* Delimiters at the ends of a word do not count. */
struct khap_str khap__pattern_key(struct khap_str text, uint8_t method)
{
    if (method != MATCH_DIR && method != MATCH_DOM)
        return text;
    while (text.len > 0 && khap__is_delimiter(*text.ptr, (enum match_method)method))
        text = khap__str_sub(text, 1, text.len);
    while (text.len > 0 && khap__is_delimiter(text.ptr[text.len - 1], (enum match_method)method))
        text.len--;
    return text;
}

void khap__text_parts(struct text_parts *parts, struct khap_str text, enum match_method method,
                      size_t longest)
{
    *parts = (struct text_parts){.text = text, .method = (uint8_t)method, .longest = longest};
    if (method == MATCH_BEG || method == MATCH_END)
        parts->end = text.len < longest ? text.len : longest;
}

/* Words, each alone and with those behind it. */
static bool next_words(struct text_parts *parts, struct khap_str *part)
{
    const struct khap_str text = parts->text;
    const enum match_method method = (enum match_method)parts->method;
    while (parts->at < text.len) {
        size_t end = parts->end;
        if (khap__is_delimiter(text.ptr[parts->at], method)) {
            parts->end = ++parts->at;
            continue;
        }
        while (end < text.len && !khap__is_delimiter(text.ptr[end], method))
            end++;
        if (end <= text.len && end - parts->at <= parts->longest) {
            *part = khap__str_sub(text, parts->at, end - parts->at);
            parts->end = end + 1;
            return true;
        }
        while (parts->at < text.len && !khap__is_delimiter(text.ptr[parts->at], method))
            parts->at++;
        parts->end = parts->at;
    }
    parts->done = true;
    return false;
}

bool khap__text_part(struct text_parts *parts, struct khap_str *part)
{
    struct khap_str text = parts->text;
    if (parts->done)
        return false;
    switch ((enum match_method)parts->method) {
    case MATCH_BEG:
    case MATCH_END: /* from the longest on */
        *part = parts->method == MATCH_BEG ? khap__str_sub(text, 0, parts->end)
                                           : khap__str_sub(text, text.len - parts->end, text.len);
        parts->done = parts->end-- == 0;
        return true;
    case MATCH_DIR:
    case MATCH_DOM:
        return next_words(parts, part);
    default:
        *part = text;
        parts->done = true;
        return true;
    }
}
