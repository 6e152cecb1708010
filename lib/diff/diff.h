/* diff/diff.h - two configurations side by side. For lib/diff alone. SPDX-License-Identifier: MIT */
#ifndef DIFF_DIFF_H
#define DIFF_DIFF_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/map.h"
#include "base/vec.h"
#include "view/view.h"

#include <khap/diff.h>

#define DIFF_NONE UINT32_MAX

/* A line that HAProxy reads, or may read. */
struct diff_line {
    uint32_t section, next; /* the next line of the section, or DIFF_NONE */
    uint32_t next_same;     /* the next one of this side with the same words */
    uint32_t twin;          /* the line of the other side that it was, or is */
    const struct schema_row *row;
    struct khap_str keyword;
    struct khap_str key;  /* its words, each with a NUL behind it, and whether it is read for certain */
    struct khap_str text; /* as it is shown */
    struct khap_str *words;
    uint32_t n, first; /* the word behind the keyword */
    bool variable;     /* a word is not all known */
    bool defines;      /* it gives something a name: another name is another thing */
    bool sure;
    struct khap_place place;
};

struct diff_section {
    struct khap_str kind, name, key;
    struct khap_place place;
    uint32_t first, last; /* lines, or DIFF_NONE */
    uint32_t defaults;    /* section, or DIFF_NONE */
    uint32_t twin;
};

/* A file that lines name. */
struct diff_file {
    struct khap_str holds; /* a row of files.tsv: "map", "cert" */
    struct khap_str name;  /* as HAProxy calls it */
    struct khap_str path;  /* where it is read */
    struct khap_place place;
    bool ordered;         /* the first entry that matches counts */
    bool texts;           /* of a map: from texts to texts, of which HAProxy refuses none */
    bool known;           /* its text is */
    bool borrowed;        /* from the diff's file source */
    bool planned;         /* commands make or remove it already */
    struct khap_str base; /* of a crt-list: where its certificates are */
    struct khap_str text;
};

struct diff_side {
    struct khap_bundle *bundle;
    struct khap_view *view;
    VEC(struct diff_section) sections;
    VEC(struct diff_line) lines;
    VEC(struct diff_file) files;
    struct map by_key;  /* section's key -> section */
    struct map by_path; /* `holds`, NUL, name -> file */
};

/* In which order commands are sent: what is there anew before what leads to it, what leads to something gone before that goes. */
enum diff_phase {
    PHASE_PREPARE, /* versions of maps, of which nobody sees anything yet */
    PHASE_NEW,     /* servers, certificates */
    PHASE_ADD,     /* entries */
    PHASE_SET,
    PHASE_DELETE,
    PHASE_LEAVE, /* no new request any more */
    PHASE_WAIT,
    PHASE_GONE,
    PHASE_EMPTY, /* backends whose servers are gone */
    PHASE_CLOSE,
    PHASES
};
struct diff_planned {
    struct khap_command is;
    enum diff_phase phase;
};

struct khap_diff {
    struct khap_alloc alloc;
    struct arena arena;
    struct khap_target target;
    struct diff_side before, after;
    struct khap_file_source files; /* `read` NULL: there is none */
    void *ctx;
    int (*renewed)(void *ctx, struct khap_str path, struct khap_str text);
    struct khap_diags *diags;
    VEC(struct khap_change) changes;
    VEC(struct diff_planned) commands;
    struct map servers; /* `BACKEND/SERVER` as it was -> 1 when another line names it; servers.c */
    bool servers_read, reload;
    bool refusable;          /* HAProxy may refuse what changed */
    enum khap_status status; /* the first failure */
};

/* read.c: what one bundle has. */
enum khap_status khap__diff_read(struct khap_diff *d, struct diff_side *side,
                                 const struct khap_if_facts *facts);
struct khap_str khap__diff_keep(struct khap_diff *d, struct khap_str text);

/* diff.c: another change, which is returned, to be filled; NULL without memory. HAProxy may refuse all but entries. */
struct khap_change *khap__diff_change(struct khap_diff *d, enum khap_change_kind kind,
                                      enum khap_change_what what);
/* A reload is needed for it. `reason` is static, or kept. */
void khap__diff_reload(struct khap_diff *d, struct khap_change *change, struct khap_str reason);

/* compare.c: sections and lines. files.c: files. entries.c: maps and patterns. certs.c: crt-lists. */
void khap__diff_sections(struct khap_diff *d);
struct khap_change *khap__diff_file_change(struct khap_diff *d, enum khap_change_kind kind,
                                           const struct diff_file *file);
void khap__diff_crt_list(struct khap_diff *d, const struct diff_file *before, const struct diff_file *after);
void khap__diff_entries(struct khap_diff *d, const struct diff_file *before, const struct diff_file *after);
void khap__diff_files(struct khap_diff *d);

/* command.c: one command; end() adds it to the plan; false, and nothing is added, when it cannot be said. */
struct diff_command {
    struct khap_diff *d;
    struct buf text;
    struct khap_command is;
    enum diff_phase phase;
    bool bad; /* a word cannot stand in a command */
};
void khap__command_begin(struct diff_command *c, struct khap_diff *d, enum diff_phase phase,
                         const char *words);
void khap__command_words(struct diff_command *c, const char *words); /* ours */
void khap__command_word(struct diff_command *c, struct khap_str word);
void khap__command_server(struct diff_command *c, struct khap_str backend, struct khap_str server);
bool khap__command_end(struct diff_command *c);
void khap__commands_order(struct khap_diff *d);

/* servers.c: a server's line. NULL when it was planned, else why not. */
const char *khap__plan_server(struct khap_diff *d, const struct khap_change *change,
                              const struct diff_line *before, const struct diff_line *after);

/* servers.c: what a section has of a keyword, its own or inherited. */
const struct diff_line *khap__diff_effective(const struct diff_side *side, uint32_t section,
                                             const char *keyword);
/* backends.c: a backend that comes or goes, and what it inherited from. NULL when it was planned, else why not. */
const char *khap__plan_section(struct khap_diff *d, const struct khap_change *change,
                               const struct diff_section *section, bool is_new);

/* certs.c: the commands that give HAProxy a certificate anew. NULL when they are planned, else why not. */
const char *khap__plan_cert(struct khap_diff *d, const struct diff_file *file, bool is_new);

/* plan.c: what a change needs. `before` or `after` is NULL for a line that is new, or gone. */
void khap__plan_line(struct khap_diff *d, struct khap_change *change, const struct diff_line *before,
                     const struct diff_line *after);
void khap__plan_file(struct khap_diff *d, struct khap_change *change, const struct diff_file *file);

#endif
