/* khapgen/json_line.h - what the JSON of a document says of one line. SPDX-License-Identifier: MIT */
#ifndef KHAPGEN_JSON_LINE_H
#define KHAPGEN_JSON_LINE_H

#include "khapgen/json_text.h"
#include <string.h>

enum { JSON_MOST_WORDS = 64 };

struct json_line {
    size_t index;
    struct khap_place place;
    bool has_raw, has_words, has_indent, has_comment, has_end;
    struct json_bytes raw, indent, comment;
    struct khap_str end;
    size_t n;
    struct json_bytes words[JSON_MOST_WORDS];
    bool as_written[JSON_MOST_WORDS]; /* {"raw": …}: how it is written, not its value */
};

/* Fills *g, to be forgotten in any case; false after having said what is wrong. Slices are the object's. */
bool json_line_take(struct json_text *j, struct json_line *g, json_t *object, struct khap_place place,
                    size_t index);
void json_line_forget(struct json_line *g);

/* "lines[12].words[1]"; an empty key for the line, SIZE_MAX for no word. */
struct json_path json_path_of(size_t index, const char *key, size_t word);

/* How many blanks and tabs it begins with. */
size_t json_blanks(struct khap_str text);
static inline bool json_same(struct khap_str a, struct khap_str b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

#endif
