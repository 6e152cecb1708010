/*
 * khap/cfg.h - releases and targets, the lines of a configuration, bundles of files
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef KHAP_CFG_H
#define KHAP_CFG_H

#include <khap/diag.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A release branch as a number: major * 100 + minor; 1.5 is 105, 2.10 would be 210, 3.4 is 304. */
#define KHAP_RELEASE(major, minor) ((uint16_t)((major)*100 + (minor)))
/** The oldest release that is known. */
#define KHAP_OLDEST KHAP_RELEASE(1, 5)
/** The newest release that is known. */
#define KHAP_NEWEST KHAP_RELEASE(3, 4)

/** What is known of a part that a HAProxy may be built with or without. */
enum khap_feature { KHAP_FEATURE_UNKNOWN = 0, KHAP_FEATURE_ABSENT = 1, KHAP_FEATURE_PRESENT = 2 };

/** What a configuration is meant for: a range of releases, and a build. Set by khap_target_init(). */
struct khap_target {
    size_t size;         /**< sizeof(struct khap_target) as the caller knows it */
    uint16_t first;      /**< oldest release, KHAP_RELEASE() */
    uint16_t last;       /**< newest release; equal to `first` for a single one */
    uint8_t quic;        /**< enum khap_feature */
    uint8_t prometheus;  /**< enum khap_feature: the exporter */
    uint8_t pcre;        /**< enum khap_feature: PCRE or PCRE2 regular expressions */
    uint8_t openssl;     /**< enum khap_feature: TLS at all */
    uint8_t lua;         /**< enum khap_feature: Lua */
    uint8_t engine;      /**< enum khap_feature: engines of OpenSSL */
    uint8_t ns;          /**< enum khap_feature: network namespaces */
    uint8_t zlib;        /**< enum khap_feature: zlib, not another library that compresses */
    uint8_t ot;          /**< enum khap_feature: OpenTracing */
    uint8_t degrees51;   /**< enum khap_feature: 51Degrees */
    uint8_t deviceatlas; /**< enum khap_feature: DeviceAtlas */
    uint8_t wurfl;       /**< enum khap_feature: WURFL */
};

/**
 * The default target of generating, 2.2 to 3.4, nothing known of the build.
 *
 * @param target  [out] filled; `size` is set here
 */
void khap_target_init(struct khap_target *target);

/**
 * Reads a target: one release ("2.6") or a range from old to new ("2.2-3.4"), with blanks around. A `v`
 * before a release and a patch level behind it ("v2.8.3") are read and ignored. A release newer than the
 * newest known one counts as that one, and the note release-newer-than-known says so.
 *
 * @param text    the text
 * @param target  [in,out] initialised; `first` and `last` are set on success, the rest never
 * @param diags   receives bad-target, unknown-release, target-backwards, release-newer-than-known; may be
 * NULL
 * @param place   where the text stands, for the diagnostics
 * @return KHAP_OK; KHAP_EINPUT for a release that is unknown or malformed or a range that runs backwards;
 * KHAP_EINVAL
 */
enum khap_status khap_target_parse(struct khap_str text, struct khap_target *target, struct khap_diags *diags,
                                   struct khap_place place);

/**
 * Reads what a build has and lacks, with commas between: "-LUA,+QUIC". The names are those in the feature list of `haproxy -vv`: OPENSSL
 * (or SSL), PROMEX, QUIC, PCRE (or PCRE2), LUA, ENGINE, NS, ZLIB, OT, 51DEGREES, DEVICEATLAS, WURFL.
 *
 * @param text    the text; an empty one says nothing
 * @param target  [in,out] initialised; changed only on success, and only in what the text names
 * @param diags   receives bad-feature; may be NULL
 * @param place   where the text stands, for the diagnostics
 * @return KHAP_OK; KHAP_EINPUT for what is no such name, or has no sign before it; KHAP_EINVAL
 */
enum khap_status khap_target_features(struct khap_str text, struct khap_target *target,
                                      struct khap_diags *diags, struct khap_place place);

/**
 * What is known of a part of the build.
 *
 * @param target  the target
 * @param name    its name, one of those that khap_target_features() reads
 * @return enum khap_feature; KHAP_FEATURE_UNKNOWN for another name, and for a target that was not initialised
 */
enum khap_feature khap_target_feature(const struct khap_target *target, struct khap_str name);

/**
 * Reads what `haproxy -vv` prints: release and features of the build. A feature that this release lists in
 * another way, or not at all because it has never heard of it, is found too; what cannot be told is
 * KHAP_FEATURE_UNKNOWN.
 *
 * @param output  all that it printed
 * @param target  [in,out] initialised; changed only on success, then `first` and `last` are equal
 * @param diags   receives no-haproxy-version, unknown-release, release-newer-than-known; may be NULL
 * @return KHAP_OK; KHAP_EINPUT when it is not that output, or of a release that is not known; KHAP_EINVAL
 */
enum khap_status khap_target_from_vv(struct khap_str output, struct khap_target *target,
                                     struct khap_diags *diags);

/**
 * Goes through the known releases from old to new.
 *
 * @param index  from 0
 * @return KHAP_RELEASE(), or 0 past the end
 *
 * Example: `for (size_t i = 0; (release = khap_release_at(i)) != 0; i++)`
 */
uint16_t khap_release_at(size_t index);

/**
 * A configuration as a sequence of lines, read from a text or written line by line. The bytes of the lines are
 * the truth: printing them gives back what was read, whatever it was.
 */
struct khap_document;

/** One line of a document; a handle that stays valid whatever is done to other lines. */
struct khap_line;

/**
 * Makes an empty document.
 *
 * @param alloc   allocator, or NULL
 * @param target  what it is written for; copied
 * @param out     [out] freed with khap_document_free(), or by the bundle that takes it
 * @return KHAP_OK, KHAP_ENOMEM, KHAP_EINVAL (a target that was not initialised, or whose range runs
 * backwards)
 */
enum khap_status khap_document_new(const struct khap_alloc *alloc, const struct khap_target *target,
                                   struct khap_document **out);

/**
 * Reads any bytes as a document; HAProxy's grammar: "Configuration file format" in its manual, section 2.
 * Nothing is refused: what HAProxy of the target would not read (an open quote, a 65th word, a NUL, a last
 * line without its end, a `.if` without `.endif` …) is a diagnostic at its place, and the bytes are kept all
 * the same.
 *
 * @param alloc   allocator, or NULL
 * @param target  what it is read for; copied. A range is read as all of its releases
 * @param text    the bytes; borrowed, must outlive the document. Less than 4 GiB
 * @param source  the number of that text in a khap_sources, for places; 0 for none
 * @param diags   receives what HAProxy would refuse or read in another way than it looks; NULL when nobody
 * wants to know, which is faster
 * @param out     [out] the document; freed with khap_document_free(), or by the bundle that takes it
 * @return KHAP_OK, also with diagnostics; KHAP_ENOMEM; KHAP_ELIMIT at 4 GiB; KHAP_EINVAL
 *
 * Example: khap_document_print() of the result gives the same bytes.
 */
enum khap_status khap_document_parse(const struct khap_alloc *alloc, const struct khap_target *target,
                                     struct khap_str text, uint32_t source, struct khap_diags *diags,
                                     struct khap_document **out);

/**
 * What a document was made for.
 *
 * @param doc  the document
 * @return its target, borrowed from the document; NULL for NULL
 */
const struct khap_target *khap_document_target(const struct khap_document *doc);

/**
 * Frees a document with all its lines.
 *
 * @param doc  the document, or NULL; one that was given to a bundle is freed by the bundle
 */
void khap_document_free(struct khap_document *doc);

/** As an indentation: the blanks that the statements beside have. */
#define KHAP_INDENT_AS_BESIDE UINT32_MAX

/**
 * Inserts a line of words. Each word is encoded for the target, so that HAProxy reads exactly these words
 * back. No other line moves, and all handles stay valid. The line ends as those beside it do (LF or CR LF); a
 * last line without an end gets one before another is put behind it. A refused line leaves the document as it
 * was.
 *
 * @param doc     the document
 * @param after   the line of this document to stand behind, or NULL for the beginning
 * @param indent  blanks before the first word, or KHAP_INDENT_AS_BESIDE
 * @param words   the words; the document keeps no reference to them
 * @param n       how many, at most 64; 0 makes an empty line
 * @param origin  what asked for the line; khap_line_origin() gives it back
 * @param out     [out] the line, borrowed from the document; may be NULL
 * @return KHAP_OK; KHAP_EINPUT when the target cannot take one of the words (an empty one, one with a NUL, a
 * first one that begins with `.` or `[`), or the line has over 64 words, or over 2047 bytes in 1.5;
 * KHAP_ENOMEM; KHAP_ELIMIT when the document would grow over 4 GiB; KHAP_EINVAL
 *
 * Example: the words `option`, `httpchk`, `GET /a b` become the line `option httpchk 'GET /a b'`.
 */
enum khap_status khap_document_insert(struct khap_document *doc, struct khap_line *after, uint32_t indent,
                                      const struct khap_str *words, size_t n, struct khap_place origin,
                                      struct khap_line **out);

/**
 * Inserts a line as it is.
 *
 * @param doc     the document
 * @param after   the line of this document to stand behind, or NULL for the beginning
 * @param text    its bytes, whatever they are, but no LF except as the last one; copied. Without a LF the line
 * gets the end that those beside it have, unless it becomes the last line and is not empty
 * @param origin  what asked for the line; khap_line_origin() gives it back
 * @param out     [out] the line, borrowed from the document; may be NULL
 * @return KHAP_OK, KHAP_ENOMEM, KHAP_ELIMIT as khap_document_insert(); KHAP_EINVAL, also for a LF inside
 */
enum khap_status khap_document_insert_raw(struct khap_document *doc, struct khap_line *after,
                                          struct khap_str text, struct khap_place origin,
                                          struct khap_line **out);

/**
 * Takes a line out. Its handle is invalid from then on, all others stay valid.
 *
 * @param doc   the document
 * @param line  a line of it
 * @return KHAP_OK, KHAP_EINVAL
 */
enum khap_status khap_document_remove(struct khap_document *doc, struct khap_line *line);

/**
 * Gives a line other bytes. Its handle and its origin stay.
 *
 * @param doc   the document
 * @param line  a line of it
 * @param text  the bytes, as for khap_document_insert_raw(); without a LF the line keeps its end
 * @return KHAP_OK, KHAP_ENOMEM, KHAP_ELIMIT, KHAP_EINVAL; unless KHAP_OK, the line is as before
 */
enum khap_status khap_line_set_raw(struct khap_document *doc, struct khap_line *line, struct khap_str text);

/**
 * Gives a line other words. Its indentation, its comment and its line end stay; its handle and origin too.
 *
 * @param doc    the document
 * @param line   a line of it
 * @param words  the words, encoded as by khap_document_insert()
 * @param n      how many, at most 64; 0 leaves the comment alone
 * @return as khap_document_insert(); unless KHAP_OK, the line is as before
 */
enum khap_status khap_line_set_words(struct khap_document *doc, struct khap_line *line,
                                     const struct khap_str *words, size_t n);

/**
 * Changes one word of a line; no other byte of it changes, and neither does the value of another word.
 *
 * @param doc    the document
 * @param line   a line of it
 * @param index  which word, from 0, as the newest release of the target reads the line
 * @param value  what it shall be; encoded for the target
 * @return KHAP_OK; KHAP_ENOENT when the line has fewer words; KHAP_EINPUT when the target cannot take the
 * word, or another word would change with it; KHAP_ENOMEM; KHAP_ELIMIT; KHAP_EINVAL. Unless KHAP_OK, the line
 * is as before
 */
enum khap_status khap_line_set_word(struct khap_document *doc, struct khap_line *line, size_t index,
                                    struct khap_str value);

/**
 * Goes through the lines.
 *
 * @param doc   the document
 * @param prev  a line of it, or NULL for the first one
 * @return the line after it, borrowed from the document; NULL at the end
 */
struct khap_line *khap_line_next(const struct khap_document *doc, const struct khap_line *prev);

/**
 * Goes through the lines backwards.
 *
 * @param doc   the document
 * @param next  a line of it, or NULL for the last one
 * @return the line before it, borrowed from the document; NULL at the beginning
 */
struct khap_line *khap_line_prev(const struct khap_document *doc, const struct khap_line *next);

/**
 * The bytes of a line as they are printed, with the line end: LF, CR LF, or none at the end of a text without.
 *
 * @param line  the line
 * @return its bytes, borrowed; at the same address until this line is changed, and they themselves for ever
 */
struct khap_str khap_line_text(const struct khap_line *line);

/**
 * Where a line comes from.
 *
 * @param doc   the document
 * @param line  a line of it
 * @return of a line that was read, the place of its bytes in the source, also when they were changed since;
 * else the place that was given when it was made; source 0 when there is none
 */
struct khap_place khap_line_origin(const struct khap_document *doc, const struct khap_line *line);

/**
 * Gives a document one layout: a blank line between sections, statements behind four blanks, one blank between words (more where the names
 * and addresses of statements below each other make columns), no blanks at the ends of lines, one kind of line end. Words stay as
 * they are written, comments where they are. HAProxy of every release of the target reads the same words as before: a line that cannot
 * be laid out so, or that HAProxy refuses, stays as it is. Doing it twice changes nothing the second time.
 *
 * @param doc  the document; handles of its lines stay valid, except those of blank lines
 * @return KHAP_OK, KHAP_ENOMEM, KHAP_ELIMIT, KHAP_EINVAL; unless KHAP_OK, some lines are laid out and others not
 */
enum khap_status khap_document_format(struct khap_document *doc);

/** What a line is to HAProxy. */
enum khap_line_kind {
    KHAP_LINE_BLANK = 0,     /**< no word, no comment */
    KHAP_LINE_COMMENT = 1,   /**< a comment alone */
    KHAP_LINE_SECTION = 2,   /**< opens a section in some release of the target */
    KHAP_LINE_STATEMENT = 3, /**< other words */
    KHAP_LINE_DIRECTIVE = 4, /**< `.if` and others that begin with a dot, from 2.4 */
    KHAP_LINE_SCOPE = 5,     /**< `[name]`, from 1.7 */
    KHAP_LINE_IGNORED =
        6 /**< HAProxy passes over it: its first word is empty, or it begins with a NUL (up to 2.2) */
};

/**
 * What a line is. It is worked out anew each time, from the first word.
 *
 * @param doc   the document
 * @param line  a line of it, or NULL
 * @return the kind; KHAP_LINE_BLANK for NULL
 */
enum khap_line_kind khap_line_kind(const struct khap_document *doc, const struct khap_line *line);

/** Reads the words of lines, one line at a time; used again and again, so that it costs no memory a line. */
struct khap_words;

/** Flags of a word. */
enum {
    KHAP_WORD_VARIABLE = 1, /**< holds an environment variable that is not resolved: the value lacks it */
    KHAP_WORD_MANY = 2,     /**< holds "${NAME[*]}": it may be no word, one, or several */
    KHAP_WORD_JOINS = 4     /**< 2.9 to 3.2: when its variable is unset the next word belongs to this one */
};

/** One word of a line. */
struct khap_word {
    size_t size;           /**< sizeof(struct khap_word) as the caller knows it */
    struct khap_str raw;   /**< its bytes in the line */
    struct khap_str value; /**< what HAProxy makes of them */
    uint32_t offset;       /**< where it begins in the line */
    uint32_t flags;        /**< KHAP_WORD_… */
};

/** Why a line cannot be read to its end; the diagnostics of khap_document_parse() have the same codes. */
enum khap_word_error {
    KHAP_WORDS_READ = 0,     /**< it can */
    KHAP_WORDS_QUOTE = 1,    /**< a quote stays open */
    KHAP_WORDS_HEX = 2,      /**< \x without two hex digits */
    KHAP_WORDS_VARIABLE = 3, /**< "$" without a name */
    KHAP_WORDS_BRACE = 4,    /**< "${…" that is not closed, or holds something unknown */
    KHAP_WORDS_TOO_MANY = 5, /**< a 65th word */
    KHAP_WORDS_NUL = 6,      /**< a NUL byte, from 2.3 */
    KHAP_WORDS_TOO_LONG = 7, /**< over 2047 bytes, in 1.5 */
    KHAP_WORDS_SCOPE = 8,    /**< begins with [ and is no [scope], from 1.7 */
    KHAP_WORDS_EMPTY = 9     /**< an empty word, from 3.3 */
};

/**
 * Makes a reader of words.
 *
 * @param alloc  allocator, or NULL
 * @param out    [out] freed with khap_words_free()
 * @return KHAP_OK, KHAP_ENOMEM, KHAP_EINVAL
 */
enum khap_status khap_words_new(const struct khap_alloc *alloc, struct khap_words **out);

/**
 * Frees a reader of words.
 *
 * @param words  the reader, or NULL
 */
void khap_words_free(struct khap_words *words);

/**
 * Lets environment variables be resolved. Without it nothing is looked up, and words say KHAP_WORD_VARIABLE.
 *
 * @param words  the reader
 * @param get    called with the name of a variable, for instance "HOME" or ".LINE"; sets `*value`, which must
 * stay until the next line is read, and returns KHAP_OK, KHAP_ENOENT for one that is not set, or KHAP_EREFUSED for
 * one that nothing is known of, whose word says KHAP_WORD_VARIABLE; any other status ends the reading. NULL takes the environment away
 * @param ctx    given to it
 */
void khap_words_environment(struct khap_words *words,
                            enum khap_status (*get)(void *ctx, struct khap_str name, struct khap_str *value),
                            void *ctx);

/**
 * Reads the words of a line as the newest release of the document's target does. What was read before is gone.
 *
 * @param words  the reader
 * @param doc    the document
 * @param line   a line of it
 * @return KHAP_OK, also when the line has an error; KHAP_ENOMEM; KHAP_EINVAL; what the environment said
 */
enum khap_status khap_words_read(struct khap_words *words, const struct khap_document *doc,
                                 const struct khap_line *line);

/**
 * How many words were read: all of the line, or those before its error.
 *
 * @param words  the reader
 * @return 0 to 64; 0 for a scope line
 */
size_t khap_words_count(const struct khap_words *words);

/**
 * One word.
 *
 * @param words  the reader
 * @param index  from 0
 * @param out    [in,out] `size` set by the caller; filled. Raw bytes are borrowed from the document, the value
 * from the reader until it reads another line
 * @return KHAP_OK, KHAP_ENOENT past the end, KHAP_EINVAL
 */
enum khap_status khap_words_at(const struct khap_words *words, size_t index, struct khap_word *out);

/**
 * The value of one word, for those who need no more.
 *
 * @param words  the reader
 * @param index  from 0
 * @return the value, borrowed as in khap_words_at(); empty past the end
 */
struct khap_str khap_words_value(const struct khap_words *words, size_t index);

/**
 * The comment of the line.
 *
 * @param words  the reader
 * @return from its # to the end of the line without the line end, borrowed from the document; empty without
 */
struct khap_str khap_words_comment(const struct khap_words *words);

/**
 * Why the line could not be read to its end.
 *
 * @param words   the reader
 * @param offset  [out] where in the line; may be NULL
 * @param len     [out] how many bytes; may be NULL
 * @return a value of enum khap_word_error
 */
enum khap_word_error khap_words_error(const struct khap_words *words, uint32_t *offset, uint32_t *len);

/**
 * The sections and the `.if` blocks of a document at one time: two sets of ranges of lines that do not know of
 * each other, since a block may begin in one section and end in another. A later edit of the document does not
 * change it; lines that it names stay valid until they are removed.
 */
struct khap_outline;

/** A section: its header and the lines up to the next one. */
struct khap_section {
    size_t size;                  /**< sizeof(struct khap_section) as the caller knows it */
    const struct khap_line *head; /**< the line that opens it */
    const struct khap_line *last; /**< its last line, perhaps the header itself */
    uint32_t head_number;         /**< which line of the document the header is, from 1 */
    uint32_t last_number;         /**< which line the last one is */
    struct khap_str kind;         /**< "frontend"; static */
    struct khap_str name;         /**< the word behind it; empty without, or where it holds a variable */
};

/** One branch of a `.if` block: its directive and the lines up to the next one of the same block. */
struct khap_branch {
    size_t size;                  /**< sizeof(struct khap_branch) as the caller knows it */
    const struct khap_line *head; /**< `.if`, `.elif` or `.else` */
    const struct khap_line *end;  /**< `.elif`, `.else` or `.endif`; NULL when nothing ends it */
    uint32_t head_number;         /**< which line of the document the head is, from 1 */
    uint32_t end_number;          /**< which line the end is; 0 when nothing ends it */
    uint32_t kind;                /**< enum khap_branch_kind */
    uint32_t depth;               /**< how many blocks are around it */
    size_t parent;                /**< index of the branch around it, or SIZE_MAX */
    size_t before;                /**< index of the branch of the same block before it, or SIZE_MAX */
};

/** What begins a branch. */
enum khap_branch_kind { KHAP_BRANCH_IF = 0, KHAP_BRANCH_ELIF = 1, KHAP_BRANCH_ELSE = 2 };

/**
 * Finds the sections and blocks.
 *
 * @param alloc  allocator, or NULL
 * @param doc    the document; not kept, but its lines are named
 * @param diags  receives what is wrong with the blocks, as khap_document_parse() says it; may be NULL
 * @param out    [out] freed with khap_outline_free()
 * @return KHAP_OK, KHAP_ENOMEM, KHAP_EINVAL
 */
enum khap_status khap_outline_new(const struct khap_alloc *alloc, const struct khap_document *doc,
                                  struct khap_diags *diags, struct khap_outline **out);

/**
 * Frees an outline.
 *
 * @param outline  the outline, or NULL
 */
void khap_outline_free(struct khap_outline *outline);

/**
 * One section, in the order of the lines.
 *
 * @param outline  the outline
 * @param index    from 0
 * @param out      [in,out] `size` set by the caller; filled. The name is borrowed from the outline
 * @return KHAP_OK, KHAP_ENOENT past the end, KHAP_EINVAL
 */
enum khap_status khap_outline_section(const struct khap_outline *outline, size_t index,
                                      struct khap_section *out);

/**
 * One branch of a block, in the order of their directives.
 *
 * @param outline  the outline
 * @param index    from 0
 * @param out      [in,out] `size` set by the caller; filled
 * @return KHAP_OK, KHAP_ENOENT past the end, KHAP_EINVAL
 */
enum khap_status khap_outline_branch(const struct khap_outline *outline, size_t index,
                                     struct khap_branch *out);

/**
 * How many bytes the document prints.
 *
 * @param doc  the document
 * @return bytes, line ends included; less than 4 GiB
 */
uint64_t khap_document_length(const struct khap_document *doc);

/**
 * Prints a document: the bytes of all lines in their order. Lines that lie side by side go in one piece.
 *
 * @param doc   the document
 * @param sink  where it goes; not kept
 * @return KHAP_OK, KHAP_EIO when the sink refused, KHAP_EINVAL
 */
enum khap_status khap_document_print(const struct khap_document *doc, const struct khap_sink *sink);

/**
 * Prints a document as JSON, for other tools: every line with its bytes, its words and where they stand, the
 * sections, and the branches of `.if` blocks; docs/document.schema.json describes it. Bytes that are no UTF-8,
 * or hold a NUL, are `{"base64": "…"}`. Lines count from 1, offsets in the document from 0, columns from 1; all
 * of them are bytes, and an end is the place behind the last byte. A word that holds an environment variable is
 * given as it is written, `{"raw": …, "variable": true}`. What is printed ends in a LF.
 *
 * Beside the document it needs memory for its outline and for one line at a time.
 *
 * @param doc   the document; words are read as the newest release of its target does
 * @param sink  where it goes, in pieces; not kept
 * @return KHAP_OK, KHAP_ENOMEM, KHAP_EIO when the sink refused, KHAP_EINVAL
 */
enum khap_status khap_document_print_json(const struct khap_document *doc, const struct khap_sink *sink);

/** Where the library reads files from; by default it opens nothing. */
struct khap_file_source {
    size_t size; /**< sizeof(struct khap_file_source) as the caller knows it */
    void *ctx;
    /**
     * Reads a whole file. `*text` stays borrowed from the source until `done` is called with it.
     * Returns KHAP_OK, KHAP_ENOENT, KHAP_EIO, KHAP_ELIMIT, KHAP_ENOMEM.
     */
    enum khap_status (*read)(void *ctx, struct khap_str path, struct khap_str *text);
    void (*done)(void *ctx, struct khap_str text);
    /**
     * Calls `entry` for the name of each regular file of a directory, in bytewise order; stops at the first
     * status that is not KHAP_OK and returns it. A link counts as what it leads to; one that leads nowhere is
     * named, too, so that reading it tells. May be NULL: then directories are not looked into. Otherwise returns as
     * `read`, and KHAP_ENOENT or KHAP_EIO for what is no directory. `entry` may call `read`.
     */
    enum khap_status (*list)(void *ctx, struct khap_str path,
                             enum khap_status (*entry)(void *entry_ctx, struct khap_str name),
                             void *entry_ctx);
    /**
     * In words why the last call failed: "Permission denied". Borrowed until the next call; empty when there is
     * nothing to add to the status. May be NULL.
     */
    struct khap_str (*reason)(void *ctx);
};

/**
 * Goes through the configuration files that HAProxy reads for `-f PATH`, in its order. A path that is no
 * directory, or is not there, is itself the one file. Of a directory these are the regular files and the links
 * to such whose names end in `.cfg`, in bytewise order; HAProxy (measured with 2.2 to 3.4; it takes directories
 * from 1.7 on) passes over names that begin with a dot, names in which `.cfg` stands earlier, too
 * (`a.cfg.cfg`), directories, pipes and devices, whatever they are called, and does not look into directories
 * below. It refuses a directory with a link NAME.cfg that leads nowhere; here that link is a file that cannot
 * be read. An empty directory is no error.
 *
 * @param alloc  allocator, or NULL
 * @param files  what looks into directories; without `list` each path is a file
 * @param path   a file or directory
 * @param entry  called with the path of each file: PATH, or DIRECTORY/NAME. Of a directory that ends in a slash
 * that is one slash, where HAProxy in its own messages writes two. Borrowed for the call; what is not KHAP_OK
 * ends the listing
 * @param entry_ctx  given to it
 * @return KHAP_OK; what `entry` said; what `list` said of a directory that cannot be read to its end; KHAP_ENOMEM;
 * KHAP_EINVAL
 */
enum khap_status khap_config_paths(const struct khap_alloc *alloc, const struct khap_file_source *files,
                                   struct khap_str path,
                                   enum khap_status (*entry)(void *entry_ctx, struct khap_str path),
                                   void *entry_ctx);

/**
 * Several files that are one configuration: HAProxy files in their order, and side files (maps, crt-lists,
 * certificates, error files).
 */
struct khap_bundle;

/** A file of a bundle. */
struct khap_bundle_file;

/**
 * Makes an empty bundle.
 *
 * @param alloc  allocator, or NULL
 * @param out    [out] the bundle; the caller frees it with khap_bundle_free()
 * @return KHAP_OK, KHAP_ENOMEM, KHAP_EINVAL
 */
enum khap_status khap_bundle_new(const struct khap_alloc *alloc, struct khap_bundle **out);

/**
 * Reads configuration files behind those that are there, as `haproxy -f PATH -f PATH …` reads them: one after the
 * other, a directory as khap_config_paths() says. Each is a document of its own, outside of any section at its
 * beginning, with `.if` blocks of its own. A file that is named twice is read twice, as HAProxy does it. Names
 * are paths as they were given, absolute ones and such with `..` among them; a bundle with such names, or with
 * one twice, cannot be saved.
 *
 * Each file becomes a source of its own. Its text stays borrowed from the file source until the bundle is freed,
 * also when reading fails half way; so `files->ctx` must outlive the bundle, and the texts in `sources` are there
 * as long as the bundle.
 *
 * @param bundle   the bundle; it keeps a copy of `files`, for khap_bundle_side()
 * @param target   what the files are read for; copied
 * @param paths    files and directories
 * @param n        how many
 * @param files    what opens them
 * @param sources  receives the files, those that cannot be read without a text
 * @param diags    of these sources; receives what khap_document_parse() says of each file; input-unreadable, with
 * the path and the reason, for a file that cannot be read: the others are read all the same;
 * directory-without-cfg. May be NULL
 * @return KHAP_OK, also with diagnostics about what the files hold; when files cannot be read, the status of the
 * first of them: KHAP_ENOENT, KHAP_EIO, KHAP_ELIMIT; KHAP_ENOMEM, which ends the reading; KHAP_EINVAL. Whatever
 * it is, the bundle holds the files that were read, and is freed as ever
 */
enum khap_status khap_bundle_read(struct khap_bundle *bundle, const struct khap_target *target,
                                  const struct khap_str *paths, size_t n,
                                  const struct khap_file_source *files, struct khap_sources *sources,
                                  struct khap_diags *diags);

/**
 * A side file that the configuration names: a map, a crt-list, a certificate, an error file. It is read through
 * the file source of the last khap_bundle_read() when it is asked for, once, and is a file of the bundle from
 * then on, behind the others. What cannot be read is remembered, too, and not asked for again.
 *
 * @param bundle  the bundle; one that was not read has the side files that were added to it
 * @param path    the path as it is to be opened; it is the name of the file
 * @param out     [out] the file, borrowed from the bundle; NULL unless KHAP_OK. Its text stays as those of
 * khap_bundle_read()
 * @return KHAP_OK; KHAP_ENOENT, KHAP_EIO, KHAP_ELIMIT when it cannot be read; KHAP_ENOMEM, which is not
 * remembered; KHAP_EINVAL
 */
enum khap_status khap_bundle_side(struct khap_bundle *bundle, struct khap_str path,
                                  const struct khap_bundle_file **out);

/**
 * Frees a bundle, all its files and the documents in it. Texts that were read go back to their file source.
 *
 * @param bundle  the bundle, or NULL
 */
void khap_bundle_free(struct khap_bundle *bundle);

/**
 * Adds a configuration file behind those that are there; HAProxy reads them in this order.
 *
 * @param bundle  the bundle
 * @param name    relative path without `.`, `..` and empty parts, at most 4096 bytes; copied
 * @param doc     its text; taken over by the bundle on success, still the caller's on failure
 * @param secret  whether it holds a secret and must be created with mode 0600: 0 or 1
 * @return KHAP_OK, KHAP_ENOMEM, KHAP_EINVAL for another kind of name or one that is there already
 */
enum khap_status khap_bundle_add_document(struct khap_bundle *bundle, struct khap_str name,
                                          struct khap_document *doc, int secret);

/**
 * Adds a side file: a map, a crt-list, a certificate, an error file.
 *
 * @param bundle  the bundle
 * @param name    relative path, as in khap_bundle_add_document(); copied
 * @param text    its bytes; copied
 * @param secret  whether it holds a secret and must be created with mode 0600: 0 or 1
 * @return KHAP_OK, KHAP_ENOMEM, KHAP_EINVAL for another kind of name or one that is there already
 */
enum khap_status khap_bundle_add_file(struct khap_bundle *bundle, struct khap_str name, struct khap_str text,
                                      int secret);

/**
 * Goes through the files: the configuration files in the order in which HAProxy reads them, then the side
 * files in the order in which they were added.
 *
 * @param bundle  the bundle
 * @param prev    a file of it, or NULL for the first one
 * @return the next file, borrowed from the bundle; NULL at the end
 */
const struct khap_bundle_file *khap_bundle_next(const struct khap_bundle *bundle,
                                                const struct khap_bundle_file *prev);

/**
 * Finds a file by its name: the first one that has it, configuration files before side files.
 *
 * @param bundle  the bundle
 * @param name    the path, byte for byte
 * @return the file, borrowed from the bundle; NULL when it is not there
 */
const struct khap_bundle_file *khap_bundle_find(const struct khap_bundle *bundle, struct khap_str name);

/**
 * The name of a file.
 *
 * @param file  the file
 * @return its path, borrowed from the bundle
 */
struct khap_str khap_bundle_file_name(const struct khap_bundle_file *file);

/**
 * The document of a configuration file.
 *
 * @param file  the file
 * @return the document, borrowed from the bundle; NULL for a side file
 */
const struct khap_document *khap_bundle_file_document(const struct khap_bundle_file *file);

/**
 * The document of a configuration file, to be changed.
 *
 * @param bundle  the bundle
 * @param file    a file of it
 * @return the document, borrowed from the bundle; NULL for a side file
 */
struct khap_document *khap_bundle_document(struct khap_bundle *bundle, const struct khap_bundle_file *file);

/**
 * The text of a side file.
 *
 * @param file  the file
 * @return its bytes, borrowed from the bundle; empty for a configuration file, which has a document
 */
struct khap_str khap_bundle_file_text(const struct khap_bundle_file *file);

/**
 * Whether a file must be created with mode 0600.
 *
 * @param file  the file
 * @return 1 when it holds a secret, else 0
 */
int khap_bundle_file_secret(const struct khap_bundle_file *file);

/**
 * Prints one file.
 *
 * @param file  the file
 * @param sink  where it goes; not kept
 * @return KHAP_OK, KHAP_EIO when the sink refused, KHAP_EINVAL
 */
enum khap_status khap_bundle_file_print(const struct khap_bundle_file *file, const struct khap_sink *sink);

#ifdef __cplusplus
}
#endif
#endif
