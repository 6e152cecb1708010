/*
 * khap/diff.h - what changed between two configurations, and whether a running HAProxy can take it without a reload
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef KHAP_DIFF_H
#define KHAP_DIFF_H

#include <khap/cfg.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * The changes between two bundles, as HAProxy sees them: layout, comments, quotes and the files in which sections stand are no change.
 * It is not changed once it is made.
 */
struct khap_diff;

/** How bundles are compared. Set by khap_diff_options_init(). */
struct khap_diff_options {
    size_t size;                       /**< sizeof(struct khap_diff_options) as the caller knows it */
    const struct khap_if_facts *facts; /**< what is known of build and environment, for `.if`; NULL */
    const struct khap_file_source *
        files; /**< where files with absolute paths are read that a bundle does not have; NULL: nowhere. What it is
                                           * made of must outlive the diff */
    void *ctx; /**< first argument of `renewed` */
    /** Whether HAProxy, when it read a file, found another text there than the one that both sides find now; NULL: that is not known. Then the file
     * has changed. `path` is absolute */
    int (*renewed)(void *ctx, struct khap_str path, struct khap_str text);
};

/**
 * The default: nothing known of the environment.
 *
 * @param options  [out] filled; `size` is set here
 */
void khap_diff_options_init(struct khap_diff_options *options);

/** What became of something. */
enum khap_change_kind {
    KHAP_CHANGE_ADDED = 1,   /**< it is there anew */
    KHAP_CHANGE_REMOVED = 2, /**< it is no longer there */
    KHAP_CHANGE_CHANGED = 3, /**< it is another one */
    KHAP_CHANGE_ORDER = 4    /**< lines of one keyword stand in another order */
};

/** What changed. New ones may be added at the end. */
enum khap_change_what {
    KHAP_CHANGE_SECTION = 1, /**< a whole section: its lines are not told one by one */
    KHAP_CHANGE_LINE = 2,    /**< a line of a section that both have */
    KHAP_CHANGE_ENTRY = 3,   /**< an entry of a map, or a pattern of a file of patterns */
    KHAP_CHANGE_FILE = 4     /**< another file that the configuration names: a certificate, an error page */
};

/** One change. Texts are borrowed from the diff. */
struct khap_change {
    size_t size;             /**< sizeof(struct khap_change) as the caller knows it */
    uint32_t kind;           /**< enum khap_change_kind */
    uint32_t what;           /**< enum khap_change_what */
    struct khap_str section; /**< "backend"; empty for files */
    struct khap_str name;    /**< of the section; of an entry or a file its path */
    struct khap_str
        keyword; /**< of a line: "server", "http-request"; of an entry its key; of a file what it holds: "cert", "map" */
    struct khap_str
        before; /**< the line, or the value of the entry, as it was; empty when it was added. Passwords are left out */
    struct khap_str after;          /**< the same as it is; empty when it was removed */
    struct khap_place before_place; /**< where it was */
    struct khap_place after_place;  /**< where it is */
    uint32_t at_run_time;           /**< 1: the commands of the plan do it; 0: only a reload does */
    struct khap_str reason;         /**< why a reload is needed; empty with at_run_time */
};

/** A command of the plan, for HAProxy's runtime API. HAProxy's manual: management guide, "Unix Socket commands". */
struct khap_command {
    size_t size; /**< sizeof(struct khap_command) as the caller knows it */
    /** the command, without a line end. The word `@version` in it stands for `@` and the number in the reply to `prepare` for the same file */
    struct khap_str text;
    struct khap_str
        payload; /**< the path of the file whose text goes behind it as payload (`<<`); empty: none */
    struct khap_str content; /**< text that goes behind it as payload; empty: none, or `payload` */
    size_t
        change; /**< the change that it is for; one command may be for several changes of a file, and names the first */
    uint32_t
        repeat; /**< 1: HAProxy refuses it as long as there are connections, so that it may be sent again for a while */
};

/** A file that the configuration as it is names. Texts are borrowed from the diff. */
struct khap_diff_file {
    size_t size;           /**< sizeof(struct khap_diff_file) as the caller knows it */
    struct khap_str holds; /**< what: "map", "acl", "cert", "crtlist", "ca", … */
    struct khap_str path;  /**< where it is */
    struct khap_str text;  /**< what stands in it; {NULL, 0} when it cannot be read */
};

/**
 * Compares two bundles.
 *
 * @param alloc    allocator, or NULL
 * @param before   the bundle as it was; asked for the files that its lines name. Must outlive the diff
 * @param after    the bundle as it is; the same
 * @param target   the release that the plan is for: the oldest one of a range counts for what can be done at run time, the newest one for how
 * lines are read
 * @param options  NULL for the default
 * @param diags    receives what is wrong with conditions of `.if`, and diff-unread for files that cannot be compared; may be NULL
 * @param out      [out] freed with khap_diff_free()
 * @return KHAP_OK; KHAP_ENOMEM; KHAP_ELIMIT; KHAP_EINVAL
 *
 * Example: of `server s1 10.0.0.1:80 weight 10` and `server s1 10.0.0.2:80 weight 10` in `backend web` the only change is of the line `server`, and the
 * plan is `set server web/s1 addr 10.0.0.2 port 80`.
 */
enum khap_status khap_diff_new(const struct khap_alloc *alloc, struct khap_bundle *before,
                               struct khap_bundle *after, const struct khap_target *target,
                               const struct khap_diff_options *options, struct khap_diags *diags,
                               struct khap_diff **out);

/**
 * Frees it.
 *
 * @param diff  the diff, or NULL
 */
void khap_diff_free(struct khap_diff *diff);

/**
 * One change, in the order of the configuration as it is; what was removed from it stands behind, files at the end.
 *
 * @param diff    the diff
 * @param index   from 0
 * @param change  [in,out] `size` set by the caller; filled
 * @return KHAP_OK, KHAP_ENOENT past the end, KHAP_EINVAL
 */
enum khap_status khap_diff_change_at(const struct khap_diff *diff, size_t index, struct khap_change *change);

/**
 * Whether HAProxy must reload: when any change needs it. A reload takes all changes, so then no command need be sent.
 *
 * @param diff  the diff
 * @return 1 when it must, else 0
 */
int khap_diff_reloads(const struct khap_diff *diff);

/**
 * Whether HAProxy may refuse what is new, when it has taken what was: not where nothing but entries of maps from texts to texts changed.
 *
 * @param diff  the diff
 * @return 0 when it takes it for certain, else 1
 */
int khap_diff_may_be_refused(const struct khap_diff *diff);

/**
 * How many bytes HAProxy's buffers have where it runs the configuration as it was: a command and its payload must fit into one.
 *
 * @param diff  the diff
 * @return tune.bufsize, or its default, 16384
 */
size_t khap_diff_bufsize(const struct khap_diff *diff);

/**
 * One command of the plan, in the order in which they are to be sent: what is there anew comes before what refers to it, and what refers to
 * something that goes before that. Those of changes that need a reload are not among them. The first reply that does not say that it was done
 * ends the plan: then only a reload brings HAProxy to what it should be.
 *
 * @param diff     the diff
 * @param index    from 0
 * @param command  [in,out] `size` set by the caller; filled
 * @return KHAP_OK, KHAP_ENOENT past the end, KHAP_EINVAL
 */
enum khap_status khap_diff_command_at(const struct khap_diff *diff, size_t index,
                                      struct khap_command *command);

/**
 * One of the files that the configuration as it is names.
 *
 * @param diff   the diff
 * @param index  from 0
 * @param file   [in,out] `size` set by the caller; filled
 * @return KHAP_OK, KHAP_ENOENT past the end, KHAP_EINVAL
 */
enum khap_status khap_diff_file_at(const struct khap_diff *diff, size_t index, struct khap_diff_file *file);

#ifdef __cplusplus
}
#endif

#endif
