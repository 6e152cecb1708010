/* base/json.h - writing JSON into a buf; commas and escapes are looked after. SPDX-License-Identifier: MIT */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include "base/buf.h"

struct json_writer {
    struct buf *out;
    bool need_comma;
};
void khap__json_object(struct json_writer *w, struct khap_str key_or_empty); /* { */
void khap__json_object_end(struct json_writer *w);
void khap__json_array(struct json_writer *w, struct khap_str key_or_empty);
void khap__json_array_end(struct json_writer *w);
void khap__json_string(struct json_writer *w, struct khap_str key_or_empty,
                       struct khap_str value); /* invalid UTF-8 becomes U+FFFD */
/* Any bytes: a string, or {"base64": "…"} where they are no UTF-8 or hold a NUL. */
void khap__json_bytes(struct json_writer *w, struct khap_str key_or_empty, struct khap_str value);
void khap__json_int(struct json_writer *w, struct khap_str key_or_empty, int64_t value);
void khap__json_bool(struct json_writer *w, struct khap_str key_or_empty, bool value);

#endif
