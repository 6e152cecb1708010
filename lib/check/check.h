/* check/check.h - what the parts of the check share. SPDX-License-Identifier: MIT */
#ifndef CHECK_CHECK_H
#define CHECK_CHECK_H

#include "base/certs.h"
#include "view/view.h"

/* What a section has: keywords as bits, those that HAProxy reads for certain and those that it may read. */
struct check_section {
    struct schema_set sure, maybe, cleared; /* cleared: by `no` */
    struct schema_set servers, servers_maybe,
        servers_off; /* by default-server; off: what it says anew or takes away */
    uint8_t mode;    /* of its own lines: enum section_mode */
};
/* A line that rules are about which need to know all. */
struct check_kept {
    uint32_t section;
    uint32_t has; /* number in lines_have */
    const struct khap_line *line;
};
/* What it has with what default-server says above it; off: what it takes away of what is inherited. */
struct check_has {
    struct schema_set sure, maybe, off;
};
/* What names itself: a section that must be of a kind. */
struct check_own {
    uint32_t section;
    const struct khap_line *line;
    struct khap_span span;
    uint8_t kind; /* enum schema_kind */
};
/* What a line names in whose place a later one may stand: rules `instead`. */
struct check_name {
    const struct schema_cross *rule;
    const struct khap_line *line;
    uint32_t section, reference;
    bool gone; /* another one stands in its place, or only those ask for it that inherit it */
    bool told; /* that there is none */
};
/* A section that asks for the name in a line of its defaults: its number in `replaceable`. */
struct check_inherited {
    uint32_t section, name;
};
/* The references that count, each for the section that asks for it: begins as zeros. */
struct check_each_name {
    uint32_t reference, section;
    uint32_t name; /* in `replaceable`, of one that is inherited; else VIEW_NONE */
    uint32_t next, noted, inherited;
};

/* A line whose condition may name ACLs. */
struct check_asked {
    uint32_t reference; /* the first of the view that it may have */
    uint32_t places;    /* where its condition is asked, or 0 */
    bool layer6;        /* it is no place for layer 6 in mode http */
};
/* A fetch of an ACL, and the number of its next one, or VIEW_NONE. */
struct check_acl_row {
    const struct schema_row *row;
    uint32_t next;
};
/* The fetch of an ACL line, or one in a condition that is not legal in mode http. */
struct check_fetch {
    uint32_t section;
    const struct khap_line *line;
    const struct schema_row *row;
    struct khap_span span;
    uint8_t mode; /* of the section so far; of formats of logs and headers */
};

/* A code that a comment passes over. */
struct ignore {
    uint32_t source, from, to; /* the bytes of the line, its end among them */
    struct khap_place place;   /* of the code in the comment */
    enum message_id id;
    bool used;
    bool reached; /* HAProxy may read the line */
};

struct nearest;
struct check_inside;

/* An address that is listened on. */
struct check_bind {
    struct khap_str text;
    struct khap_place place;
};

/* The rules of cross-line.tsv about a kind of section, ordered by their predicates: those of P are of[from[P]] to before of[from[P + 1]]. */
struct check_rules {
    const struct schema_cross **of;
    uint16_t from[CROSS_PREDICATES + 1];
};
/* A second line with a time; `before`: what the first said, in ms. */
struct check_replaced {
    const struct schema_cross *rule;
    uint32_t section;
    const struct khap_line *line;
    struct khap_span span;
    const struct schema_row *row;
    uint32_t before;
};

/* What a section, or a line with its section, had when those rules had nothing to say of it: most of the others have the same. */
struct check_quiet {
    const struct check_rules *rules; /* NULL: empty */
    struct schema_set sure, maybe;
};
enum { CHECK_QUIET = 8, CHECK_ENDS = 64 };
/* What a line is for cross.c by its own words. */
struct check_facts {
    struct schema_set bits, keyword; /* of all that it says; of its keyword alone */
    uint32_t speaks;                 /* a bit for each predicate of which any rule may be about it */
    bool kept;                       /* a rule of options of its section is about it */
    bool enabled, mode, servers;
    bool nothing; /* it is nothing to any rule */
};
/* What is known of lines with the same end (struct schema_line, `end`). */
struct check_end {
    uint32_t number; /* of the end; 0: none */
    bool plain;      /* advice.c has nothing to say of it */
    bool silent;     /* nor has line.c, unless it is of the words before the end */
    bool final;      /* reach.c: what matches goes no further */
    bool listening;  /* listening.c is about it */
    bool told;       /* `facts` is known, and the same for all of them */
    struct check_facts facts;
    struct schema_set all; /* the bits of its options */
    struct schema_set last,
        off; /* those that hold when the later go before the earlier, and those that they take away */
};

/* The last number of the lines that a rule atmost or atleast compares with. */
struct check_bound {
    const struct schema_cross *rule;
    uint32_t last;
};
enum { CHECK_BOUNDS = 8 };

struct check {
    const struct khap_rules *rules;
    VEC(struct ignore) ignores; /* of lines, in the order of sources and places */
    VEC(struct ignore) ignored_in_files;
    const struct khap_view *view;
    struct khap_diags *diags;
    struct khap_alloc alloc;
    struct arena arena, kept, all;      /* of one line; of one section; of all */
    struct arena names;                 /* keys of acl_lines */
    VEC(struct check_section) sections; /* cross.c: of each section so far */
    struct check_section **inherited;   /* defaults.c: by section, of those that are inherited; or NULL */
    VEC(struct check_kept) lines;
    VEC(struct check_has) lines_have;
    bool names_lines; /* one of them names another one */
    VEC(struct check_own) own_names;
    VEC(struct check_name) replaceable;
    VEC(struct check_inherited) inherited_names;
    VEC(struct check_asked) asked;
    struct {
        const char *kind; /* of the section of the line before */
        bool frontend, backend;
    } asked_section;
    VEC(struct check_fetch) acls, low;        /* of lines with acl; of conditions: layer 6 */
    const struct schema_row *row;             /* of the line that is visited */
    VEC(struct check_fetch) http_formats;     /* aliases that need mode http */
    VEC(struct check_acl_row) acl_rows;       /* of the ACLs that were asked */
    VEC(uint32_t) rows_of_acls;               /* by definition: the first of its rows */
    struct map acl_lines;                     /* line -> its first of acls */
    struct schema_set global, global_maybe;   /* of all sections global */
    struct check_rules rules_of[TABLE_COUNT]; /* by table; `of` NULL: not looked for yet */
    uint32_t told;                            /* what those rules said, which may be more than is shown */
    struct check_quiet sections_quiet[CHECK_QUIET], lines_quiet[CHECK_QUIET]; /* by a hash of `sure` */
    struct check_end ends[CHECK_ENDS];                                        /* by their numbers */
    VEC(struct check_replaced) replaced;
    struct check_bound bounds[CHECK_BOUNDS]; /* of global; `rule` NULL: free */
    struct map values;                       /* replaced.c */
    struct map seen;                         /* khap__check_seen() */
    uint32_t seen_section;
    bool no_memory, advised;         /* advised: advice.c has said something of the options of the line */
    struct khap_words *reader, *own; /* that of the line; one for what is behind */
    struct buf text, more;           /* of one message */
    struct khap_str near; /* the last nearest word, where it is near enough to be a fix; else empty */
    uint32_t looked;      /* names that were looked at for the nearest one */

    bool used_experimental;
    bool experimental, deprecated; /* `global` has allowed it so far, or may have */

    /* reach.c: of the section of the line, the rules that nothing behind them is reached after */
    struct {
        uint32_t section;
        uint32_t n;
        struct {
            struct khap_str rules; /* which set */
            struct khap_place place;
            bool told;
            bool before; /* the line before was one, and HAProxy warns of the next */
        } of[16];
    } final;
    /* files.c */
    const struct khap_file_source *files; /* NULL: files are taken for good */
    const struct khap_cert_reader *certs;
    int64_t now;
    uint32_t expires_days;
    /* certs.c: of the line, what its certificates are shown for */
    struct {
        struct arena arena;         /* of the line */
        VEC(struct khap_str) names; /* of the last one that was read */
        VEC(struct khap_str) paths; /* of all that have names */
        struct map by;              /* type of key and name -> number of a path */
        uint32_t key_type;          /* of the last one */
        bool read;                  /* its names are known */
        bool filtered;              /* by the names that a crt-list gives it */
        bool told;                  /* that another one has a name of it */
        bool shows;                 /* what is looked at is shown by a bind */
        enum cert_use use;
    } shown;
    struct khap_str crt_base, ca_base, store_base, key_base;
    struct view_paths paths; /* of default-path */
    struct {
        uint32_t size, rewrite; /* tune.bufsize, tune.maxrewrite; size 0: the default */
        bool unknown, rewrite_unknown;
    } buffer;
    struct {
        bool no_key, cut; /* ssl-load-extra-files without key, ssl-load-extra-del-ext */
        bool chain;       /* issuers-chain-path */
    } extra;
    struct khap_sources *sources; /* receives the files in which something is wrong; or NULL */
    uint32_t kept_text;
    struct map forms;            /* of a file of patterns: whether it has values */
    struct map looked_at;        /* khap__look_again() */
    uint32_t provided;           /* certificates that a line names, in directories and lists, too */
    struct check_inside *inside; /* the words of the line stand in this file; NULL: in the configuration */

    /* listening.c */
    VEC(struct check_bind) binds;
    struct map bound; /* khap__address_key() -> the last bind with it */
    struct {
        uint32_t section;
        struct khap_place stats; /* source 0: none */
        bool public, guarded;
    } page;
    bool guarded_by_defaults;

    /* the line */
    struct view_line at;
    const struct schema_word *words; /* those of it */
    size_t n;
    unsigned table;
    uint16_t release;
    uint32_t expression_places, condition_places; /* where what it says is asked; 0: anywhere */
    bool failed; /* something of the line was wrong, so that what follows from it is not said */
};

/* Where words of the line stand. */
struct khap_place khap__check_place(struct check *c, struct khap_span span);

/* The same for a line of that section, when all lines were gone through. */
struct khap_place khap__check_place_of(struct check *c, uint32_t section, const struct khap_line *line,
                                       struct khap_span span);

/* One line, as the release of the check reads it; then what its arguments name. */
enum khap_status khap__check_line(struct check *c, const struct schema_line *line);
/* What `own` references of a line name. */
enum khap_status khap__check_reference(void *check, const struct schema_reference *reference);
enum khap_status khap__check_item(void *check, const struct schema_item *item);
enum khap_status khap__check_problem(void *check, const struct khap_value_error *error);
/* The same for another release than that of the view. */
enum khap_status khap__check_again(struct check *c);
/* What lines ask of each other: for each line, and behind the last. */
void khap__check_cross_line(struct check *c, const struct schema_line *line);
void khap__check_cross(struct check *c);
/* defaults.c: once all lines are noted; then what a section has with what it inherits. */
void khap__check_inheritance(struct check *c);
void khap__check_inherit(const struct check *c, uint32_t section, struct check_section *all);
/* Parts of that. Whether a rule is about a section; whether sets have something in common. */
bool khap__check_applies(const struct check *c, const struct schema_cross *rule, uint32_t section);
bool khap__check_meet(const struct schema_set *a, const struct schema_set *b);
/* "a|server/b|global:c=d" for people: "a, server b, c d in global"; without the table where the rule is about its lines, and where `rule` is NULL. */
struct khap_str khap__check_listed(struct check *c, const struct schema_cross *rule, struct khap_str words);
/* Reads a line of a section again, and finds the row of the word that has one of the bits; NULL where none has. */
const struct schema_row *khap__check_find_in_line(struct check *c, uint32_t section,
                                                  const struct khap_line *at, const struct schema_set *wanted,
                                                  struct khap_span *span);
/* What a line has and may have: of its own, by default-server, of its section and of what that inherits. */
void khap__check_all_of_line(const struct check *c, const struct check_kept *kept, struct schema_set *sure,
                             struct schema_set *maybe);
/* What is known of the end of a line; NULL when other lines have none like it. It may be lost with the next line. */
struct check_end *khap__check_new_end(struct check *c, const struct schema_line *line);
static inline struct check_end *khap__check_end(struct check *c, const struct schema_line *line)
{
    struct check_end *end = &c->ends[line->end % CHECK_ENDS];
    return line->end == 0 ? NULL : end->number == line->end ? end : khap__check_new_end(c, line);
}
/* The rule of that predicate about a section behind `*i`, which begins as 0; NULL at the end. */
const struct schema_cross *khap__check_rule(struct check *c, uint32_t section,
                                            enum schema_predicate predicate, size_t *i);
/* named.c: what lines ask of the lines that they name. */
void khap__check_named(struct check *c);
/* A part of the line names its own section, which must be of that kind. */
void khap__check_own(struct check *c, enum schema_kind kind, struct khap_span span);
/* Whether a section has, or may have, what one of that kind must have. */
bool khap__check_has(const struct check *c, uint32_t section, enum schema_kind kind);
/* Whether HAProxy may only read its lines, and ask no more. */
bool khap__check_may_be_disabled(const struct check *c, uint32_t section);
/* Whether names of that kind in the section are looked up for certain. */
bool khap__check_asks(const struct check *c, uint32_t section, enum schema_kind kind);
/* replaced.c: a line that takes the place of one above it, as its value says; which of them are told, when the defaults of all sections are known. */
void khap__check_replaced(struct check *c, const struct schema_line *line, const struct schema_set *bits);
void khap__check_all_replaced(struct check *c);
/* bounds.c: a line whose number another line bounds. */
void khap__check_bounds(struct check *c, const struct schema_line *line, const struct schema_set *bits);
/* meant.c: a line of a rule `instead`; once inheritance is known; and the next of the names that count. */
void khap__check_note_name(struct check *c, const struct schema_line *line, const struct schema_cross *rule);
void khap__check_meant(struct check *c);
bool khap__check_next_name(const struct check *c, struct check_each_name *each);
/* inherits.c: sections that cannot inherit from what they inherit from. */
void khap__check_inherits(struct check *c);
/* Whether a section may define a name of that kind that does not stand in it. */
bool khap__check_may_define(const struct check *c, uint32_t section, enum schema_kind kind,
                            struct khap_str name);
/* Whether the text was seen before in the section of the line, as the same `what`; from then on it was. When lines of another section stand in
 * between, it is forgotten. */
bool khap__check_seen(struct check *c, const char *what, struct khap_str text);
/* Where a line stands; then a fetch in it; behind the last line, the ACLs that conditions name. */
void khap__check_place_line(struct check *c, const struct schema_line *line);
/* What an ACL compares with. */
enum khap_status khap__check_patterns(struct check *c, const struct schema_item *item);
void khap__check_place_item(struct check *c, const struct schema_item *item);
void khap__check_conditions(struct check *c);
/* An alias of a log format that needs mode http; and at the end, what is wrong with those. */
void khap__check_http_format(struct check *c, const struct schema_item *item);
void khap__check_http_formats(struct check *c);
/* The mode of a section: whether it is http for certain. */
bool khap__check_is_http(const struct check *c, uint32_t section);
/* What HAProxy takes, and what is hardly meant. */
void khap__check_advice(struct check *c, const struct schema_line *line);
/* What becomes of a code: its severity, or KHAP_IGNORE. */
uint32_t khap__rules_severity(const struct khap_rules *rules, enum message_id id);
/* What the message says of the nearest word, in `more`; and whether that is near enough to be a fix. */
struct khap_str khap__check_near(struct check *c, const struct nearest *near);
/*
 * fix.c: the newest diagnostic's fix. The bytes there become others, as long as they are in the file what they are said to be, so that nothing is quoted
 * or stands for something else.
 */
void khap__check_fix(struct check *c, struct khap_place place, struct khap_str was, struct khap_str becomes);
/* The words from there on, which are the keyword `words`, become another keyword. */
void khap__check_fix_keyword(struct check *c, uint32_t word, struct khap_str words, struct khap_str becomes);
/* Where another row of the table means the same. */
void khap__check_fix_same(struct check *c, unsigned table, const struct schema_row *row, uint32_t word);
/* A code as somebody wrote it: MSG__COUNT after having said that there is none, or that it is an error. */
enum message_id khap__rules_code(struct khap_diags *diags, struct khap_str code, struct khap_place place);
/* ignore.c: the comments of all files. From then on the list obeys them, and the rules. */
enum khap_status khap__check_ignores(struct check *c, const struct khap_bundle *bundle);
/* The line is one that HAProxy may read. */
void khap__check_reached(struct check *c);
/* Which comments had nothing to pass over; the list obeys no more. */
void khap__check_unignored(struct check *c);
/* files.c: the files that a line names, and those that its expressions and ACLs do. */
void khap__check_files(struct check *c, const struct schema_line *line);
void khap__check_item_files(struct check *c, const struct schema_item *item);
/* pattern_files.c: maps of a converter; the files of an ACL, whose match method has that name, or none of which much is known. */
void khap__check_map_files(struct check *c, const struct schema_item *item);
void khap__check_acl_files(struct check *c, const struct schema_item *item, struct khap_str method);
/* Whether this was asked before; from then on it was. */
struct khap_str khap__check_keep(struct check *c,
                                 struct khap_str text); /* a copy that lives as long as the check */
bool khap__look_again(struct check *c, struct khap_str way);
/* reach.c: rules behind one that always ends their set. */
void khap__check_reach(struct check *c, const struct schema_line *line);
/* listening.c: addresses that two lines listen on, statistics for everybody; the latter is told behind the section, once more with `line` NULL. */
void khap__check_listening(struct check *c, const struct schema_line *line);
/* Whether the line is one of those that this, or reach.c, or line.c looks at. */
bool khap__check_listens(const struct schema_line *line);
bool khap__check_is_final(const struct schema_line *line);
bool khap__check_is_silent(const struct schema_line *line);
/* What refers to nothing, and what is there twice. */
enum khap_status khap__check_names(struct check *c);

#endif
