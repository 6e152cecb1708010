/* khapgen/json_text.h - going through a JSON text, one value of it in memory at a time.
 * SPDX-License-Identifier: MIT */
#ifndef KHAPGEN_JSON_TEXT_H
#define KHAPGEN_JSON_TEXT_H

#include <jansson.h>
#include <khap/diag.h>
#include <stdbool.h>

/* A cursor. The first failure is kept in `status`; nothing goes on from there. */
struct json_text {
    struct khap_str text;
    size_t at;
    uint32_t source; /* of the text, for places */
    struct khap_diags *diags;
    enum khap_status status;
    bool failed;             /* something is wrong that does not end the reading */
    struct khap_place place; /* of the value that was read last */
    const char *path;        /* what is being read, for messages; "" for the whole */
};

/* Where in the tree of values. */
struct json_path {
    char text[128];
};
/* Says that something is wrong at `path`, and goes on. */
void json_text_wrong(struct json_text *j, const char *code, struct khap_place place, struct json_path path,
                     const char *what);
/* Says what ends the reading. */
void json_text_fail(struct json_text *j, const char *code, struct khap_place place, const char *what);
/* Passes over blanks, and over `c` when it stands there. */
bool json_text_take(struct json_text *j, char c);
/* The same, and fails with json-syntax without it. */
bool json_text_expect(struct json_text *j, char c, const char *wanted);
/* Whether there is one more item before `close`; `first` is set by the caller before the first item. */
bool json_text_more(struct json_text *j, char close, bool *first);
/* Reads a value; released by the caller. NULL after having said why. */
json_t *json_text_value(struct json_text *j);
/* Passes over a list called `name`, or over any other value; what is no JSON fails. */
void json_text_skip(struct json_text *j, const char *name);
/* Only blanks may follow. */
void json_text_end(struct json_text *j);

/* Bytes of a value that is a string or {"base64": "…"}. */
struct json_bytes {
    struct khap_str str; /* in the value, or in `owned` */
    char *owned;
};
/* KHAP_OK, KHAP_EINPUT when the value is neither, KHAP_ENOMEM. */
enum khap_status json_bytes_of(const json_t *value, struct json_bytes *out);

#endif
