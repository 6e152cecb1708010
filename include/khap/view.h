/*
 * khap/view.h - a bundle as HAProxy resolves it: sections, what they inherit, what refers to what
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef KHAP_VIEW_H
#define KHAP_VIEW_H

#include <khap/cfg.h>
#include <khap/value.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * What HAProxy makes of the configuration files of a bundle at one time: which lines it reads, which section each belongs to, what
 * a section inherits, and which names stand for what. A later edit of a document does not change it; make a new one then.
 *
 * Everything is numbered from 0 in the order in which HAProxy reads it: sections, definitions, references.
 */
struct khap_view;

/**
 * Reads a bundle.
 *
 * Lines are read as the newest release of the target reads them. Nothing is refused because it is unknown: a line whose keyword is in no
 * table belongs to its section, and refers to nothing.
 *
 * @param alloc   allocator, or NULL
 * @param bundle  the bundle; must outlive the view, with its documents
 * @param target  for which releases; copied
 * @param facts   what is known of build and environment, for `.if`; may be NULL. Asked only during this call
 * @param diags   receives what is wrong with the conditions of `.if` and `.elif` (bad-if-condition); may be NULL
 * @param out     [out] freed with khap_view_free()
 * @return KHAP_OK, also with diagnostics; KHAP_ENOMEM; KHAP_ELIMIT for over 4 billion of anything; KHAP_EINVAL
 */
enum khap_status khap_view_new(const struct khap_alloc *alloc, const struct khap_bundle *bundle,
                               const struct khap_target *target, const struct khap_if_facts *facts,
                               struct khap_diags *diags, struct khap_view **out);

/**
 * Frees a view.
 *
 * @param view  the view, or NULL
 */
void khap_view_free(struct khap_view *view);

/** A section; HAProxy's manual: "Configuration file format". */
struct khap_view_section {
    size_t size;                         /**< sizeof(struct khap_view_section) as the caller knows it */
    struct khap_str kind;                /**< "frontend"; static */
    struct khap_str name;                /**< empty without, or where it holds a variable */
    const struct khap_bundle_file *file; /**< in which file */
    const struct khap_line *head;        /**< the line that opens it */
    const struct khap_line *last;        /**< the last line before the next header or the end of the file */
    size_t definition;                   /**< the definition of its name, or SIZE_MAX when it has none */
    size_t defaults;                     /**< the `defaults` that it inherits from, or SIZE_MAX */
    uint32_t read; /**< enum khap_answer: KHAP_FALSE when its header is in a branch that is not taken */
};

/** A name that stands for something: of a section, or given by a line (`acl`, `server`, `user` …). */
struct khap_view_definition {
    size_t size;                  /**< sizeof(struct khap_view_definition) as the caller knows it */
    struct khap_str kind;         /**< "acl", "server"; for sections, the section's kind: "listen"; static */
    struct khap_str name;         /**< the name */
    size_t section;               /**< the section that it stands in, or is */
    const struct khap_line *line; /**< the line */
    struct khap_place
        place; /**< of the name, where the line was read from a source; else of what asked for the line */
    struct khap_span span; /**< in the words of the line */
    uint32_t read;         /**< enum khap_answer: whether HAProxy reads the line */
};

/** A name that refers to something. */
struct khap_view_reference {
    size_t size;          /**< sizeof(struct khap_view_reference) as the caller knows it */
    struct khap_str kind; /**< of what: "backend", "acl", "table" …; static */
    struct khap_str name; /**< the name; empty where it is known to HAProxy only (dynamic, a variable) */
    size_t section;       /**< the section that it stands in */
    const struct khap_line *line; /**< the line */
    struct khap_place place;      /**< as in khap_view_definition */
    struct khap_span span;        /**< in the words of the line */
    size_t definition;            /**< the first definition of that name, or SIZE_MAX when there is none */
    uint32_t read;                /**< enum khap_answer: whether HAProxy reads the line */
    uint32_t state;               /**< enum khap_reference_state */
};

/** What became of a reference. */
enum khap_reference_state {
    KHAP_REFERENCE_BOUND = 0,      /**< `definition` says to what */
    KHAP_REFERENCE_MISSING = 1,    /**< nothing has that name */
    KHAP_REFERENCE_PREDEFINED = 2, /**< HAProxy has it itself: the ACLs TRUE, METH_GET … */
    KHAP_REFERENCE_VARIABLE = 3,   /**< an environment variable is part of the name */
    KHAP_REFERENCE_DYNAMIC = 4     /**< each request gives the name: `use_backend %[…]` */
};

/**
 * One section, in the order in which HAProxy reads them.
 *
 * @param view   the view
 * @param index  from 0
 * @param out    [in,out] `size` set by the caller; filled. What it holds is borrowed from view and bundle
 * @return KHAP_OK, KHAP_ENOENT past the end, KHAP_EINVAL
 */
enum khap_status khap_view_section_at(const struct khap_view *view, size_t index,
                                      struct khap_view_section *out);

/**
 * Finds sections by kind and name.
 *
 * @param view  the view
 * @param kind  "backend", also "proxy" for any of frontend, backend and listen, and what a reference's kind says: a `listen` is a
 * "backend" too
 * @param name  the name
 * @param prev  the section found before, or SIZE_MAX for the first one
 * @return its index; SIZE_MAX when there is no other
 */
size_t khap_view_find(const struct khap_view *view, struct khap_str kind, struct khap_str name, size_t prev);

/**
 * The sections that inherit from a `defaults` section, other `defaults` among them.
 *
 * @param view      the view
 * @param defaults  the index of that section
 * @param prev      the section before, or SIZE_MAX for the first one
 * @return its index; SIZE_MAX when there is no other
 */
size_t khap_view_inheritor(const struct khap_view *view, size_t defaults, size_t prev);

/**
 * One definition, in the order in which HAProxy reads them.
 *
 * @param view   the view
 * @param index  from 0
 * @param out    [in,out] `size` set by the caller; filled. What it holds is borrowed from view and bundle
 * @return KHAP_OK, KHAP_ENOENT past the end, KHAP_EINVAL
 */
enum khap_status khap_view_definition_at(const struct khap_view *view, size_t index,
                                         struct khap_view_definition *out);

/**
 * One reference, in the order in which HAProxy reads them.
 *
 * @param view   the view
 * @param index  from 0
 * @param out    [in,out] `size` set by the caller; filled. What it holds is borrowed from view and bundle
 * @return KHAP_OK, KHAP_ENOENT past the end, KHAP_EINVAL
 */
enum khap_status khap_view_reference_at(const struct khap_view *view, size_t index,
                                        struct khap_view_reference *out);

/**
 * The references to a definition.
 *
 * @param view        the view
 * @param definition  its index
 * @param prev        the reference before, or SIZE_MAX for the first one
 * @return its index; SIZE_MAX when there is no other
 */
size_t khap_view_referrer(const struct khap_view *view, size_t definition, size_t prev);

/**
 * Gives a section another name, in its header and everywhere it is referred to, in all files, also in branches of `.if` that are not
 * taken. Sections of the same kind and name (one in each branch of a `.if`) are renamed with it. No other byte of the
 * lines changes. The view is out of date afterwards.
 *
 * Names that nobody can see here stay: in maps and other side files, behind `%[…]`, in environment variables. The diagnostics
 * rename-dynamic, rename-variable and rename-unread say where one may be.
 *
 * @param view    the view, of this bundle as it is now
 * @param bundle  the bundle that is changed
 * @param section the index of the section
 * @param name    the new name
 * @param diags   receives rename-taken, rename-bad-name, and the warnings above; may be NULL
 * @return KHAP_OK; KHAP_EINPUT when the name is no name, is taken, or cannot stand in a line that refers to the section, then nothing is
 * changed; KHAP_ENOENT when there is no such section or it has no name; KHAP_ENOMEM, then some lines may be changed and others not; KHAP_EINVAL
 *
 * Example: `backend web` renamed to `shop` changes `default_backend web`, `use_backend web if …`, `nbsrv(web)`, `track web/s1`.
 */
enum khap_status khap_view_rename(const struct khap_view *view, struct khap_bundle *bundle, size_t section,
                                  struct khap_str name, struct khap_diags *diags);

#ifdef __cplusplus
}
#endif
#endif
