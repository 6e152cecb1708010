/* khapgen/yaml_scalar.h - another text for a scalar of a YAML source, line by line. SPDX-License-Identifier: MIT */
#ifndef KHAPGEN_YAML_SCALAR_H
#define KHAPGEN_YAML_SCALAR_H

#include <khap/diag.h>
#include <stdbool.h>

/* Bytes that grow; `failed` when there was no memory. */
struct text {
    char *ptr;
    size_t len, cap;
    bool failed;
};
void text_add(struct text *t, struct khap_str bytes);
static inline struct khap_str text_str(const struct text *t)
{
    return (struct khap_str){t->ptr, t->len};
}
/* A khap_sink into a struct text. */
int text_sink(void *ctx, const char *data, size_t len);

struct scalar {
    struct khap_str source;  /* the whole text */
    struct khap_place place; /* of the value in it */
    struct khap_str value;   /* as YAML decodes it */
};
struct scalar_line {
    struct khap_str text; /* decoded, without line end */
    struct khap_str kept; /* its bytes in the source, with the line end: it did not change. Or empty */
};

/* The next line of a text, without its end; false behind the last one. */
bool scalar_next_line(struct khap_str *rest, struct khap_str *line);

/* Goes through the lines of a literal block, which stand in the source one by one. */
struct scalar_cursor {
    struct khap_str
        rest; /* the source from the next line on; NULL when it does not stand there line by line */
};
struct scalar_cursor scalar_lines(const struct scalar *s);
/* The bytes of the next line, with its end; false when they are not what `line` was read from. */
bool scalar_line_bytes(struct scalar_cursor *c, struct khap_str line, struct khap_str *bytes);

/*
 * What stands in place of the value so that it has these lines, from place.offset to *end: a literal block stays one, with the lines that are kept byte for
 * byte. A folded block becomes a literal one, and so does a value on a line of its own that gets several lines; anything else a double-quoted
 * scalar, and all of these with `quoted`. Blank lines at the end of a block stay as they are.
 */
void scalar_write(const struct scalar *s, const struct scalar_line *lines, size_t n, bool quoted,
                  struct text *out, size_t *end);
/* Whether two texts are the same lines but for blank ones at the end, and blanks before the first one. */
bool scalar_same_lines(struct khap_str a, struct khap_str b);
/* Whether the value is an alias; if so its name. */
bool scalar_alias(const struct scalar *s, struct khap_str *name);
/* Whether the value is what the anchor `name` is of. */
bool scalar_has_anchor(const struct scalar *s, struct khap_str name);

#endif
