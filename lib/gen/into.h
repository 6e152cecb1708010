/* gen/into.h - the block inside somebody's own file: what stands around it, and putting it there.
 * SPDX-License-Identifier: MIT */
#ifndef GEN_INTO_H
#define GEN_INTO_H

#include "model/model.h"
#include <khap/gen.h>

/* Lines between a pair of marks, or where they will be. */
struct block {
    struct khap_line *begin, *end; /* the marks; NULL: the block is new, and goes to the end */
    struct khap_str name;          /* of a frontend; empty: the block of the sections */
    struct khap_str indent;        /* blanks before its lines, in place of the four of a section */
    struct khap_place place;       /* of its first mark */
    struct khap_document *doc;     /* what goes there */
};

/* What a defaults section hands down, as far as it concerns ours. */
struct defaults_facts {
    struct khap_str name;
    struct khap_place rules_place, default_place, stays_place;
    struct khap_str stays;        /* words that nothing takes back in our sections; empty: there are none */
    uint64_t inherited;           /* bits of lines that ours take back (inherited.c) */
    uint8_t mode;                 /* enum section_mode */
    bool logs;                    /* it has lines `log` with a target of their own */
    bool logs_global;             /* it has `log global` */
    bool disabled;                /* it has `disabled` */
    bool forwards;                /* it has option forwardfor */
    bool http_format, tcp_format; /* option httplog or log-format; option tcplog */
    bool checks;                  /* something about checks */
    bool tcp_checks;              /* rules tcp-check */
    bool has_rules, has_default;  /* http-request and the like; default_backend, or in a section servers */
    uint32_t server_words;        /* bits of words of default-server (inherited.c) */
};

struct into {
    struct khap_alloc alloc;
    struct arena arena;
    struct khap_diags *diags;
    const struct khap_generate_options *options;
    struct khap_document *doc; /* the file without what stands in the blocks */
    struct khap_outline *outline;
    struct khap_words *words;
    VEC(struct block) blocks; /* the one of the sections is there always */
    VEC(struct defaults_facts) defaults;
    struct defaults_facts here; /* those in effect where the block stands */
    bool global_logs;
    bool refused; /* what stands in a block is not what khapgen wrote */
    struct outside outside;
};

/* Reads the file. KHAP_OK; KHAP_EINPUT or KHAP_EREFUSED with diagnostics; KHAP_ENOMEM … Freed in any case. */
enum khap_status khap__into_read(struct into *in, const struct khap_alloc *alloc,
                                 const struct khap_generate_options *options, struct khap_diags *diags);
void khap__into_free(struct into *in);

/* The block of the sections; the one of a frontend, or NULL. */
struct block *khap__into_block(struct into *in, struct khap_str name);
/* Whether a line is one of the marks, or is meant to be one. */
bool khap__into_is_mark(struct khap_str line);
/* Puts the documents of the blocks into the file. */
enum khap_status khap__into_write(struct into *in);

/* inherited.c: what a line of defaults would change in our sections */
void khap__inherited_read(const struct khap_target *target, const struct khap_words *words,
                          struct khap_place line, struct khap_place text, struct defaults_facts *facts);

#endif
