/* cfg/lex.h - one line of haproxy.cfg into words, as every release reads it (and nothing else).
 * SPDX-License-Identifier: MIT */
#ifndef CFG_LEX_H
#define CFG_LEX_H

#include "base/arena.h"
#include "base/buf.h"
#include <khap/cfg.h>

enum lex_error {
    LEX_OK,
    LEX_QUOTE,     /* a quote stays open */
    LEX_HEX,       /* \x without two hex digits */
    LEX_VARNAME,   /* "$" followed by no name */
    LEX_BRACE,     /* "${…" unclosed or with something unknown in it */
    LEX_TOO_MANY,  /* a 65th word */
    LEX_NUL,       /* a NUL byte (refused from 2.3) */
    LEX_TOO_LONG,  /* 1.5: over 2047 bytes with the LF */
    LEX_SCOPE,     /* from 1.7: a line that begins with [ and is no [scope] */
    LEX_EMPTY_WORD /* from 3.3: an empty word */
};

struct lex_word {
    uint32_t offset, len;  /* raw bytes in the line */
    struct khap_str value; /* decoded; in the arena or in the line itself; variables contribute nothing */
    bool variable;         /* holds a reference to an environment variable, so that value is not all of it */
    bool many;             /* holds "${X[*]}": it may be no word, one or several */
    bool joins; /* 2.9 to 3.2: if its variable is unset, the blanks behind are swallowed, and the next word
                   belongs to this one */
};

struct lex_line {
    struct lex_word *words; /* in the arena; those before the error when there is one */
    uint32_t n;
    uint32_t comment;     /* offset of the # of a comment; the line's length when there is none */
    uint32_t ended;       /* where HAProxy stopped reading: at a CR, a NUL, the comment or the end */
    enum lex_error error; /* the first in reading order */
    uint32_t error_offset, error_len;
    bool scope; /* a [scope] line; no words */
};

/*
 * Reads one line (without its LF; a CR before it belongs to the line). Follows the grammar of `release`
 * exactly: the words are what HAProxy's parser of that release would hand to its sections, with one
 * difference: from 3.4 a line whose first word is empty is no error, since HAProxy ignores it whole, as all
 * releases but 3.3 do; the words are there all the same. A release newer than the newest known one is read
 * like that one. KHAP_OK also when the line has an error; KHAP_ENOMEM; KHAP_ELIMIT over 4 GiB; KHAP_EINVAL
 * for a release before 1.5.
 */
enum khap_status khap__lex_line(struct arena *arena, uint16_t release, struct khap_str line,
                                struct lex_line *out);

/* What environment variables hold: KHAP_OK, KHAP_ENOENT for one that is not set, KHAP_EREFUSED for one that is not known, or a failure. */
struct lex_environment {
    enum khap_status (*get)(void *ctx, struct khap_str name, struct khap_str *value);
    void *ctx;
};
/* The same with variables resolved; words that are made of the value of "${X[*]}" have the same offset. */
enum khap_status khap__lex_line_with(struct arena *arena, uint16_t release, struct khap_str line,
                                     const struct lex_environment *environment, struct lex_line *out);

/* Releases that read lines alike: the first one after `release` that differs, or 0. */
uint16_t khap__lex_next_rules(uint16_t release);

/* Whether every release reads the line by splitting it at blanks: it holds no quote, backslash, NUL or CR. */
bool khap__lex_plain(struct khap_str line);
/* Takes the first word and the blanks around it off a line; false when there is none, and when it does not stand there as it is read. */
bool khap__lex_next(struct khap_str *line, struct khap_str *word);

/*
 * Why the encoder refused. Quotes can be written for 1.5 too: they are ordinary bytes there, and \x22 and
 * \x27 say them for a range that begins with 1.5.
 */
enum encode_error {
    ENCODE_OK,
    ENCODE_EMPTY,
    ENCODE_NUL,
    ENCODE_TOO_LONG_15 /* no line of 1.5 can hold it */
};

/*
 * Appends `value` as one word so that every release from first to last decodes exactly these bytes. Shortest
 * readable form: bare when safe, else '…', else "…" with escapes; for 1.5 escapes alone. Nothing is appended
 * when it is refused. The value's bytes must not lie in `out`.
 */
enum encode_error khap__encode_word(struct buf *out, uint16_t first, uint16_t last, struct khap_str value);

#endif
