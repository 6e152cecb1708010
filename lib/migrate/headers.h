/* migrate/headers.h - what the steps for req… and rsp… share. SPDX-License-Identifier: MIT */
#ifndef MIGRATE_HEADERS_H
#define MIGRATE_HEADERS_H

#include "migrate/header_regex.h"
#include "migrate/migrate.h"

enum header_action {
    HEADER_ADD,
    HEADER_ALLOW,
    HEADER_DELETE,
    HEADER_DENY,
    HEADER_PASS,
    HEADER_REPLACE,
    HEADER_SET_BACKEND,
    HEADER_TARPIT
};

/* `{ fetch -m … }`, or not. */
enum { HEADER_TERM = 28 };
struct header_term {
    bool negated;
    uint8_t n;
    struct khap_str words[HEADER_TERM];
};
struct header_terms {
    unsigned n;
    struct header_term terms[4];
};
/* A line of the result: words, those of the old line from `keep` on (0: none), and its condition. */
struct header_line {
    uint8_t n;
    enum migrate_where where;
    size_t keep;
    struct khap_str words[6];
    struct header_terms terms;
};
enum { HEADER_LINES = 3 * HEADER_WAYS };

struct header_rule {
    struct migrate_step *step;
    enum header_action action;
    bool response, nocase, no_memory;
    size_t first, condition; /* the word behind the keyword; `if`, `unless` or the number of words */
    const struct header_node *regex;
    struct header_ways headers, top; /* the ways of header lines, and of the request or status line */
    unsigned n;
    struct header_line lines[HEADER_LINES];
};

/* The parts in one; in the arena, with a NUL behind it. */
struct khap_str khap__header_join(struct header_rule *rule, const struct khap_str *parts, size_t n);
#define HEADER_JOIN(rule, ...)                                                                               \
    khap__header_join(rule, (const struct khap_str[]){__VA_ARGS__},                                          \
                      sizeof(const struct khap_str[]){__VA_ARGS__} / sizeof(struct khap_str))
/* What is not the same: the first that is said counts, and what leaves the line as it is before all. */
void khap__header_differs(struct header_rule *rule, const char *says);
void khap__header_left(struct header_rule *rule, const char *says);
void khap__header_idle(struct header_rule *rule); /* it matches nothing */
/* A field of a way was read: in the name of a header case mattered, and does no longer. */
void khap__header_named(struct header_rule *rule, enum header_shape shape, unsigned field,
                        const struct header_field *name);
enum { HEADER_ABOVE = 1, HEADER_BELOW = 2, HEADER_ELSEWHERE = 4 };
/* Whether there are req… rules with actions of a set: above or below in the section, or in sections that a request passes, too. */
bool khap__header_has_rules(const struct header_rule *rule, unsigned actions, unsigned where);
/* What the new release has. */
bool khap__header_has_fetch(const struct header_rule *rule, const char *name);
bool khap__header_takes(struct header_rule *rule, const char *line);

/* A name that can stand anywhere. */
bool khap__header_is_name(struct khap_str s);
/* Text for a log format; what stands for nothing where it is empty. */
struct khap_str khap__header_literal(struct header_rule *rule, struct khap_str text);

/* A line for the result; `words` with blanks in between. */
struct header_line *khap__header_line(struct header_rule *rule, enum migrate_where where, const char *words);
void khap__header_word(struct header_line *line, struct khap_str word);
struct header_term *khap__header_term(struct header_terms *terms, const char *words);
void khap__header_term_word(struct header_term *term, struct khap_str word);

/* Describes the field of a way for a condition. */
void khap__header_describe(struct header_rule *rule, const struct header_way *way, enum header_shape shape,
                           unsigned field, struct header_field *out);
/* The regex of a field as a word. */
struct khap_str khap__header_pattern(struct header_rule *rule, const struct header_field *field);
/* Whether the field, said of a text, matches. */
bool khap__header_matches(struct header_rule *rule, const struct header_field *field, const char *text);

/* Whether it speaks of the path, which is all of the URI in HTTP/1, or of scheme and host. */
bool khap__header_of_path(const struct header_field *uri);
/* What is done with the URI for want of a way to do it with path and query is not the same in HTTP/2, from the release on that knows no req… */
void khap__header_only_1(struct header_rule *rule);

/* The terms of a request line, a status line, a header with one name. False when no line is such. */
bool khap__header_request_terms(struct header_rule *rule, const struct header_way *way, bool with_uri,
                                struct header_terms *terms);
bool khap__header_status_terms(struct header_rule *rule, const struct header_way *way,
                               struct header_terms *terms);
void khap__header_value_term(struct header_rule *rule, struct khap_str name, const struct header_field *value,
                             struct header_terms *terms);
/* The same for any header line. */
bool khap__header_line_terms(struct header_rule *rule, const struct header_way *way,
                             struct header_terms *terms);
/* The same for all header lines at once; false when the regex is not a text to be found anywhere. */
bool khap__header_text_term(struct header_rule *rule, struct header_terms *terms);

/* header_replace.c: what becomes of reqrep and rsprep */
void khap__header_replace(struct header_rule *rule);

#endif
