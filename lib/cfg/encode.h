/* cfg/encode.h - the parts of the encoder that the document writer uses directly. SPDX-License-Identifier:
 * MIT */
#ifndef CFG_ENCODE_H
#define CFG_ENCODE_H

#include "base/str.h"

/* What makes a byte unfit to stand bare in a word. */
enum {
    BYTE_CONTROL = 1, /* below a blank, or DEL: written as an escape, so that a file holds text only */
    BYTE_NUL = 2,
    BYTE_SINGLE = 4, /* ' */
    BYTE_DOUBLE = 8, /* " */
    BYTE_BLANK = 16, /* blank, # and backslash */
};
extern const uint8_t khap__byte_class[256];

/* How words are written for a range of releases. */
enum encode_style {
    STYLE_QUOTES, /* from 1.6: '…' and "…" */
    STYLE_15,     /* 1.5 alone: quotes are ordinary bytes, the rest is escaped */
    STYLE_COMMON  /* 1.5 and later at once: only escapes, which all of them read alike */
};
enum encode_style khap__encode_style(uint16_t first, uint16_t last);

/* All classes that occur in value. */
static inline unsigned khap__byte_classes(struct khap_str value)
{
    unsigned all = 0;
    for (size_t i = 0; i < value.len; i++)
        all |= khap__byte_class[(unsigned char)value.ptr[i]];
    return all;
}

/* The classes that stop a word from being written bare. */
static inline unsigned khap__encode_mask(enum encode_style style)
{
    return style == STYLE_15 ? 0xffu & ~(unsigned)(BYTE_SINGLE | BYTE_DOUBLE) : 0xffu;
}

/* The longest that n bytes can become. */
#define ENCODED_MAX(n) (4 * (n) + 2)

/*
 * Writes value, whose classes are `classes`, to `to`, which has room for ENCODED_MAX bytes, and returns the
 * end. value must hold no NUL. It may lie in the last value.len of those bytes.
 */
char *khap__encode_to(char *to, enum encode_style style, unsigned classes, struct khap_str value);

#endif
