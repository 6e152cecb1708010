/* migrate/migrate.h - steps: what becomes of a line in another release. SPDX-License-Identifier: MIT */
#ifndef MIGRATE_MIGRATE_H
#define MIGRATE_MIGRATE_H

#include "base/diag.h"
#include "view/view.h"

/* Where a new line stands. HAProxy has carried out what is removed at a time of its own; the new line must stand where it comes at that
 * time. No line of it stands above an `acl` that it names. */
enum migrate_where {
    MIGRATE_HERE,          /* in place of the old one */
    MIGRATE_HEAD,          /* right behind the header of the section */
    MIGRATE_REQUEST_TOP,   /* before all `http-request` of the section, and those below */
    MIGRATE_REQUEST_FIRST, /* before all `http-request` that were there */
    MIGRATE_REQUEST_LAST,  /* behind all of them, and before `redirect` and `use_backend` */
    MIGRATE_REQUEST_ADD,   /* behind those */
    MIGRATE_RESPONSE_LAST, /* behind all `http-response` of the section */
    MIGRATE_RESPONSE_ADD,  /* behind those */
    MIGRATE_GLOBAL         /* in `global` */
};

/* How well it replaces the old one; also how bad it is to be told. */
enum migrate_effect {
    MIGRATE_SAME,    /* note: the effect is the same */
    MIGRATE_DIFFERS, /* warning: it is not quite; `says` tells in what */
    MIGRATE_LEFT,    /* error: nothing does it; `says` tells what a person can do. The line stays as it is */
    MIGRATE_NOTHING  /* the row does not concern it */
};

/* A line that HAProxy of the old release reads, and what becomes of it. */
struct migrate_step {
    const struct khap_view *view; /* of the bundle as it was */
    uint32_t section;
    unsigned table; /* of the schema, that the keyword is in */
    const struct khap_document *doc;
    const struct khap_line *at;
    uint16_t from, to; /* releases; from < to unless downwards */
    const struct schema_word *words;
    size_t n;
    const struct schema_line *line; /* as `from` reads it */
    size_t word, behind,
        end; /* the words that are to be replaced, and where those begin that stand behind their keyword */

    struct arena *arena; /* until the migration ends */
    struct migrate *migrate;
    /* the result: lines by the functions below, or none, which takes the old one out; and */
    enum migrate_effect effect;
    bool any_case;        /* it compares the names of headers without case now */
    struct khap_str says; /* a sentence's part, "it …"; static or in the arena; may be empty */
};
/* KHAP_OK, or KHAP_ENOMEM. */
typedef enum khap_status migrate_function(struct migrate_step *step);

/* Begins a line of the result; the words follow. What fails is told when the step is done. */
void khap__migrate_line(struct migrate_step *step, enum migrate_where where);
/* Words with one blank in between, as they are. */
void khap__migrate_literal(struct migrate_step *step, const char *words);
/* One word; copied. It is encoded for the new release. */
void khap__migrate_word(struct migrate_step *step, struct khap_str word);
/* `n` words of the old line from `first` on, as they are written there. */
void khap__migrate_keep(struct migrate_step *step, size_t first, size_t n);

/* The line stays as it is, and nothing is said. */
enum khap_status khap__migrate_nothing(struct migrate_step *step);
/* A person must do it: `says` tells what. */
enum khap_status khap__migrate_leave(struct migrate_step *step, struct khap_str says);
/* The last line of the section, or of the defaults that it inherits, that begins with these words (one or two, single blank): its words behind those, up
 * to 64, valid until the next call. False when there is none. */
bool khap__migrate_setting(struct migrate_step *step, struct khap_str words, struct schema_word *rest,
                           size_t *n);
/* Whether a name is free for a server of the section. */
bool khap__migrate_has(struct migrate_step *step, enum schema_kind kind, struct khap_str name);

/* The steps that are not rows of steps.tsv: a row names them. */
migrate_function khap__migrate_address;      /* sections.c: an address behind the name of a section */
migrate_function khap__migrate_program;      /* sections.c */
migrate_function khap__migrate_experimental; /* experimental.c */
migrate_function khap__migrate_nbproc;       /* processes.c */
migrate_function khap__migrate_bind_process; /* processes.c */
migrate_function khap__migrate_dispatch;     /* servers.c */
migrate_function khap__migrate_transparent;  /* servers.c */
migrate_function khap__migrate_appsession;   /* servers.c */
migrate_function khap__migrate_httpchk;      /* servers.c */
migrate_function khap__migrate_monitor_net;  /* health.c */
migrate_function khap__migrate_mode_health;  /* health.c */
migrate_function khap__migrate_headers;      /* headers.c: req… and rsp… */

#endif
