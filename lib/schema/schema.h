/* schema/schema.h - what each release takes: keywords found in tables, and the words of a line read by their argument grammar.
 * SPDX-License-Identifier: MIT */
#ifndef SCHEMA_SCHEMA_H
#define SCHEMA_SCHEMA_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/str.h"
#include "schema/schema_enums.h"
#include <khap/value.h>

/* All texts; before each stands its length in two bytes, behind it a NUL. */
extern const char khap__schema_pool[];

/* A keyword in the releases first to last; texts are offsets into one pool, khap__schema_text(). */
struct schema_row {
    uint32_t words, arguments, instead, evidence;
    uint32_t of;    /* of an ACL criterion: the fetch that it stands for, with the arguments of that */
    uint32_t match; /* of an ACL criterion: the match method that it stands for */
    uint16_t code;  /* where its arguments' program begins */
    uint16_t first, last;
    uint16_t warns; /* the first release that calls it deprecated, or 999 */
    uint32_t flags; /* ROW_HTTP … */
    uint8_t prefix; /* ROW_NO, ROW_DEFAULT */
    uint8_t free;   /* an argument is any text */
    uint8_t out;    /* of a fetch or converter: what it gives, enum schema_sample; SAMPLE_NONE elsewhere */
    uint8_t in;     /* of a converter or match method: what it takes */
    uint8_t places; /* of a fetch: a class of places, for khap__schema_legal(); 0: all */
    uint16_t bit;   /* which bit of the sets of cross-line rules it is, or 0 */
    uint8_t begins; /* with another word behind it it is another keyword */
    uint8_t inner;  /* the first element of its arguments says what stands in the parentheses of its words */
    uint8_t stand;  /* of a directive: khap__schema_stands() */
    uint8_t needs;  /* of the build: enum khap__build */
};

static inline struct khap_str khap__schema_text(uint32_t at)
{
    const char *text = khap__schema_pool + at;
    return (struct khap_str){text, (unsigned char)text[-2] + 256u * (unsigned char)text[-1]};
}

/* The table of that name, for instance "frontend" or "bind"; -1 when there is none. */
int khap__schema_table(struct khap_str name);
struct khap_str khap__schema_table_name(unsigned table);

/*
 * The row of a table with exactly these words for a release; NULL when there is none. When other releases know it, *other is one of their
 * rows, else NULL; other may be NULL. A word `name(…)` finds the row `name()`; one that ends in digits, the row `name#`;
 * `name.other` the row `name.*`; any that no row fits, the row `*`.
 */
const struct schema_row *khap__schema_find(unsigned table, struct khap_str words, uint16_t release,
                                           const struct schema_row **other);
/* The rows of a table, from 0; NULL past the end. For lists, and to name the nearest one. */
const struct schema_row *khap__schema_at(unsigned table, size_t *at);

/*
 * Whether a fetch (or anything else with `at=`) has something to fetch at a place; rows without a class are legal everywhere. An ACL criterion has
 * no class of its own: ask the fetch that it stands for. HAProxy refuses an expression or log format that is not legal, and warns of an ACL.
 */
bool khap__schema_legal(const struct schema_row *row, enum schema_place place);
/* The same for several places, a bit for each: whether it is legal in one of them. */
bool khap__schema_legal_in(const struct schema_row *row, uint32_t places);
/* The places where expressions (or conditions) of a directive are asked, in a section that is a frontend, a backend or both. 0: they are not looked at. */
uint32_t khap__schema_stands(const struct schema_row *directive, bool condition, bool frontend, bool backend);
/* The name of a place, for instance "fe-hrq-hdr", and what stands there, for a diagnostic. */
struct khap_str khap__schema_place_name(enum schema_place place);
struct khap_str khap__schema_place_text(enum schema_place place);
/* Whether a sample of one type can be used where the other is taken: the input of a converter (`in`), a match method (`in`), the key of a stick table. True
 * where either is SAMPLE_NONE, which is when something is unknown. */
bool khap__schema_casts(enum schema_sample from, enum schema_sample to, uint16_t release);
/* What a converter makes of a sample of a type. */
enum schema_sample khap__schema_sample_after(enum schema_sample before, const struct schema_row *converter);
/* The match method of an ACL on samples of that type which names none; empty when it must name one. A sample of method has a way of its own. */
struct khap_str khap__schema_sample_match(enum schema_sample type, uint16_t release);
struct khap_str khap__schema_sample_name(enum schema_sample type);

/* Whether names of sections may hold the byte. */
bool khap__schema_name_byte(unsigned char byte);

/* What a diagnostic calls it. */
struct khap_str khap__schema_expected(enum schema_type type);

enum schema_scope { SCOPE_BUNDLE, SCOPE_SECTION, SCOPE_NAMED };
struct khap_str khap__schema_kind_name(enum schema_kind kind);
struct khap_str khap__schema_kind_text(enum schema_kind kind);
enum schema_scope khap__schema_kind_scope(enum schema_kind kind);
/* Whether only what stands above a line can be meant by it. */
bool khap__schema_kind_before(enum schema_kind kind);
/* Whether a section of that name is one. */
bool khap__schema_kind_has(enum schema_kind kind, struct khap_str section);

/* --- what lines ask of each other: cross-line.tsv --- */

struct schema_word {
    struct khap_str text;
    bool variable; /* it is not all known */
    bool many;     /* nor how many words it is */
};

enum schema_predicate {
    CROSS_REQUIRES,
    CROSS_NEEDS,
    CROSS_OPTION,
    CROSS_ONCE,
    CROSS_ORDER,
    CROSS_MODE,
    CROSS_UNIQUE,
    CROSS_LOOP,
    CROSS_OWN,
    CROSS_NAMED,
    CROSS_ALIKE,
    CROSS_CHAIN,
    CROSS_TWICE,
    CROSS_PAIR,
    CROSS_UNUSED,
    CROSS_INHERITS,
    CROSS_INSTEAD,
    CROSS_ATMOST,
    CROSS_ATLEAST,
    CROSS_PREDICATES
};
/* Keywords that rules speak of, as bits: schema_row.bit, and those of khap__schema_value_bits(). */
enum { SCHEMA_SET_WORDS = 10 };
struct schema_set {
    uint32_t words[SCHEMA_SET_WORDS];
};
struct schema_cross {
    enum schema_predicate predicate;
    uint32_t sections, code; /* texts */
    uint16_t first, last;
    uint16_t
        kind; /* CROSS_OWN, and those about names: enum schema_kind; CROSS_ONCE: 1, its value says whether it counts; CROSS_INHERITS: 1, shared, 2, mixed; CROSS_ATMOST and CROSS_ATLEAST: the number where no line says it */
    uint16_t when, n_when; /* sets that all must hold; none: always */
    uint16_t from, n;      /* sets that must hold then */
};
struct schema_cross_set {
    struct schema_set rows;   /* it holds where one of these is there */
    struct schema_set global; /* or one of these in a section global */
    uint32_t text;            /* the keywords, with bars between them */
    uint8_t none;             /* it holds where none is */
};
/* The rules, from 0; NULL past the end. */
const struct schema_cross *khap__schema_cross(size_t index);
const struct schema_cross_set *khap__schema_cross_when(const struct schema_cross *rule, size_t index);
const struct schema_cross_set *khap__schema_cross_set(const struct schema_cross *rule, size_t index);
/* The first part of `when` of all rules of a predicate. */
const struct schema_set *khap__schema_cross_bits(enum schema_predicate predicate);
/* Adds the bits of a keyword with these words behind it to a set. */
void khap__schema_bits(const struct schema_row *row, const struct schema_word *behind, size_t n,
                       struct schema_set *set);
/* Whether what stands behind the keyword matters for them. */
bool khap__schema_bits_vary(const struct schema_row *row);
/* The same with all that may stand behind it. */
void khap__schema_all_bits(const struct schema_row *row, struct schema_set *set);
/* The bits of all `keyword=@own`. */
const struct schema_set *khap__schema_own_bits(void);
/* Adds the bit of `keyword=@flag`; false when no rule speaks of it. */
bool khap__schema_flag_bit(const struct schema_row *row, struct khap_str flag, struct schema_set *set);
/* What a section must have to be one of that kind: one of these; NULL: nothing more. */
const struct schema_set *khap__schema_kind_with(enum schema_kind kind);
/* What a section must have so that HAProxy looks names of that kind up: one of each, from 0; NULL past the end. */
const struct schema_set *khap__schema_kind_asks(enum schema_kind kind, size_t index);
/* What defines more of that kind than the names that stand there, with numbers behind; or NULL. */
const struct schema_set *khap__schema_kind_also(enum schema_kind kind);
/* Whether a list with commas holds a word. */
bool khap__schema_list_has(struct khap_str list, struct khap_str word);

/* --- reading a line --- */

/* An argument that was read: bytes of a word, or words to the end of the line. */
struct schema_argument {
    uint8_t type;           /* enum schema_type */
    uint8_t kind;           /* of DEF, REF, DYNAMIC and OWN: enum schema_kind */
    uint16_t parameter;     /* of others: khap__schema_parameter() */
    uint32_t option;        /* the index of the option that it belongs to, or UINT32_MAX */
    uint32_t word, n_words; /* n_words: 1, or how many words it is made of */
    uint32_t offset, len;   /* in the first of them */
    bool odd;               /* HAProxy takes it and warns */
};
/* What stands in parentheses behind the type: of FILE, what it holds. Empty without. */
struct khap_str khap__schema_parameter(const struct schema_argument *argument);
/* A word that a vocabulary has, such as an option of bind or the action of a rule. */
struct schema_option {
    const struct schema_row *row;
    uint32_t word;
    uint32_t parent; /* the option that it belongs to, or UINT32_MAX */
};

enum schema_problem {
    SCHEMA_GOOD,
    SCHEMA_UNKNOWN,    /* no such keyword here */
    SCHEMA_RELEASE,    /* other releases have it: `other` is one of their rows */
    SCHEMA_PREFIX,     /* `no` or `default` before a keyword that does not take it */
    SCHEMA_MISSING,    /* the line ends where something is expected */
    SCHEMA_UNEXPECTED, /* something that is not expected there */
    SCHEMA_OPTION,     /* no such word in the vocabulary that is expected there */
    SCHEMA_BAD,        /* it is not what it must be */
    SCHEMA_RANGE,      /* a number that is out of its range */
    SCHEMA_ODD,        /* of a type only: HAProxy takes it and warns */
};

struct schema_line {
    uint16_t release;             /* as which it was read */
    const struct schema_row *row; /* NULL when the keyword is unknown */
    uint32_t keyword, n_keyword;  /* the words that it is made of, behind `no` */
    uint8_t prefix;               /* ROW_NO, ROW_DEFAULT or 0 */
    bool cut;                     /* words that are not known made it end early */
    struct schema_argument *arguments;
    uint32_t n_arguments;
    struct schema_option *options;
    uint32_t n_options;

    enum schema_problem problem;
    uint32_t word; /* where it is wrong: a word, or the number of words */
    uint32_t offset, len;
    uint16_t expected; /* the element that was expected, for khap__schema_print_expected(); or UINT16_MAX */
    uint16_t table;    /* where the keyword was looked up */
    const struct schema_row *other; /* SCHEMA_RELEASE: a row of other releases */
    uint32_t option;                /* the option whose argument is wrong, or UINT32_MAX */

    /* All from these arguments and options on is what another line of the same row ended with, with the same number; 0: there is none.
     * That number is never given again. */
    uint32_t end, end_arguments, end_options;
    bool end_names; /* an argument there may name something, see khap__schema_visit() */
};

/* Reads the words of a line in a section of that table. What it gives is in the arena. KHAP_OK also when something is wrong; KHAP_ENOMEM. */
enum khap_status khap__schema_read(struct arena *arena, unsigned table, uint16_t release,
                                   const struct schema_word *words, size_t n, struct schema_line *out);

/* What ends of lines came to, for many lines of one configuration: of one thread. */
struct schema_memory;
enum khap_status khap__schema_memory_new(const struct khap_alloc *alloc, struct schema_memory **out);
void khap__schema_memory_free(struct schema_memory *memory);
/* Keeps what a good line came to, and notes in it that it does; nothing when the line is long, or is not split at blanks alone. The text and
 * the words must outlive the memory. */
void khap__schema_keep(struct schema_memory *memory, struct khap_str text, const struct schema_word *words,
                       size_t n, struct schema_line *line);
/* A line by its text: false when nothing is kept that it ends like, or it is not good; else it is good, its at most 64 words are in `words`, and it is what
 * khap__schema_read() makes of them. */
bool khap__schema_read_alike(struct arena *arena, const struct schema_memory *memory, unsigned table,
                             uint16_t release, struct khap_str text, struct schema_word *words, size_t *n,
                             struct schema_line *out, enum khap_status *status);
/* The same for words that belong to a row that is known already, without keyword: the arguments of a fetch. */
enum khap_status khap__schema_read_arguments(struct arena *arena, const struct schema_row *row,
                                             uint16_t release, const struct schema_word *words, size_t n,
                                             struct schema_line *out);
/* --- what the arguments of a line name --- */

struct schema_reference {
    enum schema_kind kind;
    struct khap_str name;
    struct khap_span
        span; /* in the words of the line; that of the holder where its bytes there are not those of the text */
    bool variable; /* the name is not all known */
    bool defines;  /* it is defined here */
    bool dynamic;  /* each request gives the name */
    bool late;     /* only HAProxy that starts looks it up */
    bool own;      /* there is no name: it is the proxy itself, which must be one of that kind */
    /* what the name is a part of: a word, or an argument in an expression; where in it */
    struct khap_str holder;
    struct khap_span holder_span;
    uint32_t at;
};
enum schema_item_kind { SCHEMA_ITEM_FETCH, SCHEMA_ITEM_CONVERTER, SCHEMA_ITEM_ACL, SCHEMA_ITEM_ALIAS };
/* A part of an expression, an ACL, a condition or a log format. */
struct schema_item {
    enum schema_item_kind kind;
    uint8_t argument; /* of the line: the type of that which it is a part of, enum schema_type */
    const struct khap_node *node;
    struct khap_span span;
    const struct schema_row *row,
        *other; /* of a fetch, a converter or an alias; NULL when it is unknown, then `other` as khap__schema_find() gives it */
    const struct schema_row *
        criterion; /* the row of an ACL criterion such as path_beg; then `row` is the fetch that it stands for */
    enum schema_sample from,
        type; /* what a converter gets, and what it or the fetch gives; SAMPLE_NONE when that is unknown */
    const struct schema_line *line; /* what became of its arguments; its words are the arguments */
    const struct khap_node *const *arguments;
    uint32_t n_arguments;
};
/* Called in the order of the words; what they return ends the visit unless it is KHAP_OK. */
struct schema_visitor {
    void *ctx;
    enum khap_status (*reference)(void *ctx, const struct schema_reference *reference);
    enum khap_status (*item)(void *ctx, const struct schema_item *item);
    enum khap_status (*problem)(void *ctx,
                                const struct khap_value_error *error); /* its span is one of the line */
};
/* Visits all that the arguments of a line that was read name. Trees are in the arena. */
enum khap_status khap__schema_visit(struct arena *arena, uint16_t release, const struct schema_word *words,
                                    size_t n, const struct schema_line *line,
                                    const struct schema_visitor *visitor);

/* SCHEMA_OPTION: the table of the words that were expected. */
unsigned khap__schema_expected_table(const struct schema_line *line);
/* Says what was expected: "a time such as 10s", "on or off", "an option of bind". */
enum khap_status khap__schema_print_expected(const struct schema_line *line, struct buf *out);

#endif
