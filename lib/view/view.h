/* view/view.h - what a view holds, for lib/view and the layers that stand on it. SPDX-License-Identifier: MIT */
#ifndef VIEW_VIEW_H
#define VIEW_VIEW_H

#include "base/arena.h"
#include "base/map.h"
#include "base/vec.h"
#include "schema/schema.h"
#include <khap/view.h>

#define VIEW_NONE UINT32_MAX

struct view_file {
    const struct khap_bundle_file *file;
    const struct khap_document *doc;
};

struct view_section {
    const struct khap_line *head, *last;
    struct khap_str kind;
    uint32_t file;
    int table;           /* of the schema; -1 when it has none */
    uint32_t definition; /* of its name, or VIEW_NONE */
    uint32_t defaults;   /* section, or VIEW_NONE */
    uint32_t from;       /* the reference in `from NAME`, or VIEW_NONE */
    uint32_t first_inheritor, next_inheritor;
    uint8_t read; /* enum khap_answer */
};

struct view_definition {
    struct khap_str name;
    const struct khap_line *line;
    uint32_t at; /* which line of the bundle, counted over all files */
    uint32_t section;
    uint32_t next_same; /* the next definition with this name, whatever its kind, or VIEW_NONE */
    uint32_t first_referrer, last_referrer;
    struct khap_span span;
    uint8_t kind;    /* enum schema_kind; of a section its own: see `is_section` */
    bool is_section; /* the name is that of the section */
    uint8_t read;
};

struct view_reference {
    uint32_t at; /* as of a definition */
    struct khap_str name;
    const struct khap_line *line;
    uint32_t section;
    uint32_t definition;    /* or VIEW_NONE */
    uint32_t next_referrer; /* of the same definition */
    uint32_t
        container; /* the reference before it in the same word, that says in which section to look, or VIEW_NONE */
    struct khap_span span;
    uint8_t kind, state, read;
    bool late; /* only HAProxy that starts looks it up */
};

/* A line that is not all understood: names may stand in it that are not known. */
struct view_unread {
    const struct khap_line *line;
    uint32_t file;
};

struct khap_view {
    struct khap_alloc alloc;
    struct khap_target target;
    const struct khap_bundle *bundle;
    struct arena arena; /* names */
    VEC(struct view_file) files;
    VEC(struct view_section) sections;
    VEC(struct view_definition) definitions;
    VEC(struct view_reference) references;
    VEC(struct view_unread) unread;
    struct map names;  /* of sections: name -> its first definition */
    struct map scoped; /* of what lines define: their section, then the name */
};

/* A line that HAProxy may read, as the newest release of the target reads it. */
struct view_line {
    const struct khap_view *view; /* what is known of it so far */
    const struct khap_document *doc;
    const struct khap_line *line;
    struct khap_words *reader;
    const struct schema_word *words;
    size_t n;
    const struct schema_line *schema;
    uint32_t section; /* that it belongs to, or opens */
    unsigned table;   /* that its keyword is in */
    enum khap_answer read;
    bool unread; /* the reader has not read it: for late listeners only */
};
/* Hears of each line while a view is made, and then of what its arguments name; what they return ends it unless it is KHAP_OK. */
struct view_listener {
    void *ctx;
    enum khap_status (*line)(void *ctx, const struct view_line *line);
    enum khap_status (*item)(void *ctx, const struct schema_item *item);          /* or NULL */
    enum khap_status (*problem)(void *ctx, const struct khap_value_error *error); /* or NULL */
    enum khap_status (*own)(void *ctx,
                            const struct schema_reference *reference); /* those without a name; or NULL */
    bool late; /* it has the reader read a line when it needs that */
};
/* khap_view_new() with a listener, or NULL. */
enum khap_status khap__view_new(const struct khap_alloc *alloc, const struct khap_bundle *bundle,
                                const struct khap_target *target, const struct khap_if_facts *facts,
                                const struct view_listener *listener, struct khap_diags *diags,
                                struct khap_view **out);

/* The words of a line for the schema: at most 64, in `words`; how many. Texts are borrowed from the reader. */
size_t khap__view_words(struct khap_words *reader, struct schema_word words[64]);

/* Whether each line of a document is read: made at its first directive, goes along with the lines from there on. */
struct view_conditions;
enum khap_status khap__view_conditions_new(const struct khap_alloc *alloc, const struct khap_document *doc,
                                           const struct khap_target *target,
                                           const struct khap_if_facts *facts, struct khap_words *words,
                                           struct khap_diags *diags, struct view_conditions **out);
void khap__view_conditions_free(struct view_conditions *conditions);
/* For the line that follows the one before; a directive has the answer of what is around its block. Without conditions all is read. */
enum khap_answer khap__view_conditions_next(struct view_conditions *conditions, const struct khap_line *line);

/* Where the words of a span stand. */
struct khap_place khap__view_place(const struct khap_document *doc, const struct khap_line *line,
                                   struct khap_words *words, struct khap_span span);

/* Where relative paths lead from a line on, for who goes along with the lines. */
struct view_paths {
    bool from_config, parent; /* the directory of the file, or the one above it */
    struct khap_str directory;
};
/* A line of a section `global`, whichever it is; what is kept of it is in the arena. */
enum khap_status khap__view_note_path(struct arena *arena, const struct schema_word *words, size_t n,
                                      struct view_paths *paths);
/* The path that HAProxy opens for a line of that document: as it is, or in the arena. */
enum khap_status khap__view_path(const struct khap_view *view, const struct khap_document *doc,
                                 const struct view_paths *paths, struct arena *arena, struct khap_str path,
                                 struct khap_str *out);
/* `path` below a directory; absolute ones stay, and all below none. */
enum khap_status khap__view_below(struct arena *arena, struct khap_str directory, struct khap_str path,
                                  struct khap_str *out);

/* All names are known now: binds references, and sections to their defaults. */
void khap__view_bind(struct khap_view *view);
/* The key of a name in `scoped`: its section's number, and the name behind it. */
enum { VIEW_KEY = 4 };
/* Whether no other definition of that name comes before: references are bound to the first one. */
bool khap__view_first(const struct khap_view *view, uint32_t definition);
/* Whether that definition is one of this kind. */
bool khap__view_is(const struct khap_view *view, const struct view_definition *definition,
                   enum schema_kind kind);

#endif
