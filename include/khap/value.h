/*
 * khap/value.h - sample expressions, ACLs, conditions and log formats as trees
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef KHAP_VALUE_H
#define KHAP_VALUE_H

#include <khap/cfg.h>

#ifdef __cplusplus
extern "C" {
#endif

/** One word of a line, decoded: without the quotes and escapes of the line. */
struct khap_value_word {
    struct khap_str text; /**< what HAProxy sees; what an environment variable would add is missing */
    uint32_t variable;    /**< 1 when it holds an environment variable whose value is not known, else 0 */
};

/** What words can be read as. */
enum khap_value_kind {
    KHAP_VALUE_SAMPLE = 1,     /**< one word: `req.hdr(host),lower` */
    KHAP_VALUE_CONVERTERS = 2, /**< one word that continues an expression: `lower,field(1,:)` */
    KHAP_VALUE_ACL = 3,        /**< what follows the word `acl`: `is_api path_beg -i /api` */
    KHAP_VALUE_CONDITION = 4,  /**< from `if` or `unless` on: `if !{ ssl_fc } is_api or TRUE` */
    KHAP_VALUE_FORMAT = 5,     /**< one word: `%ci %{+Q}r %[src]` */
    KHAP_VALUE_IF = 6 /**< what follows `.if` or `.elif`, from 2.4: `version_atleast(2.6) && !defined(X)` */
};

/** What a node of a tree is. */
enum khap_node_kind {
    KHAP_NODE_EXPRESSION = 1, /**< holds a FETCH, then each CONVERTER */
    KHAP_NODE_FETCH = 2,      /**< text: its name; holds each ARGUMENT */
    KHAP_NODE_CONVERTER = 3,  /**< text: its name; holds each ARGUMENT */
    KHAP_NODE_ARGUMENT = 4,   /**< text: the argument without its quotes and escapes */
    KHAP_NODE_ACL = 5,        /**< text: its name, empty between braces; holds an EXPRESSION, each FLAG,
                                    then OPERATOR and VALUE as they stand */
    KHAP_NODE_FLAG = 6,       /**< text: `-i`, `-f` …, `--`; holds the VALUE that belongs to it */
    KHAP_NODE_OPERATOR = 7,   /**< text: eq, ge, gt, le, lt: an operator if values are numbers here */
    KHAP_NODE_VALUE = 8,      /**< text: a word to compare with */
    KHAP_NODE_CONDITION = 9,  /**< text: if, unless; holds each ALL, of which one must hold */
    KHAP_NODE_ALL = 10,       /**< holds terms, which must hold all: NAMED, ACL; NUMBER, PREDICATE, ANY */
    KHAP_NODE_NAMED = 11,     /**< text: the name of an ACL */
    KHAP_NODE_ANY = 12,       /**< of `.if`, the whole or what stands in parentheses; holds each ALL */
    KHAP_NODE_NUMBER = 13,    /**< text: an integer, true unless it is 0 */
    KHAP_NODE_PREDICATE = 14, /**< text: its name; holds each ARGUMENT */
    KHAP_NODE_FORMAT = 15,    /**< holds TEXT, ALIAS, SAMPLE as they stand */
    KHAP_NODE_TEXT = 16,      /**< text: what is written as it is, with one % for each %% */
    KHAP_NODE_ALIAS = 17,     /**< text: `ci`, `ST` …; holds NAME, TYPE, each OPTION */
    KHAP_NODE_SAMPLE = 18,    /**< holds NAME, TYPE, each OPTION, then the EXPRESSION */
    KHAP_NODE_NAME = 19,      /**< text: the name of the item, from 3.0: `%(name:str)[src]` */
    KHAP_NODE_TYPE = 20,      /**< text: str, sint, bool, raw */
    KHAP_NODE_OPTION = 21     /**< text: `+Q`, `-X` … */
};

/** What is wrong with a value. New ones may be added at the end. */
enum khap_value_problem {
    KHAP_VALUE_GOOD = 0,
    KHAP_VALUE_NO_FETCH = 1,        /**< the name of a fetch is missing */
    KHAP_VALUE_NO_CONVERTER = 2,    /**< the name of a converter is missing */
    KHAP_VALUE_NO_COMMA = 3,        /**< something else than a comma behind a fetch or converter */
    KHAP_VALUE_OPEN_ARGUMENTS = 4,  /**< no ) ends the arguments; perhaps because a quote stays open */
    KHAP_VALUE_BAD_ACL_NAME = 5,    /**< not [A-Za-z0-9._:-]+, or `or` in any case */
    KHAP_VALUE_BAD_FLAG = 6,        /**< a word that begins with - and is no flag of ACLs */
    KHAP_VALUE_FLAG_VALUE = 7,      /**< a flag's value is missing, or that of -u is no integer */
    KHAP_VALUE_NO_KEYWORD = 8,      /**< a condition that does not begin with if or unless */
    KHAP_VALUE_OPEN_BRACE = 9,      /**< no } ends an anonymous ACL */
    KHAP_VALUE_TRUNCATED = 10,      /**< the text ends within an item of a log format */
    KHAP_VALUE_BAD_ITEM = 11,       /**< a % or an option that nothing follows which it could belong to */
    KHAP_VALUE_NO_BRACKET = 12,     /**< something else than ] behind an expression */
    KHAP_VALUE_BAD_NAME = 13,       /**< the name of an item is not [A-Za-z0-9_-]* */
    KHAP_VALUE_BAD_TYPE = 14,       /**< the type of an item is none of str, sint, bool, raw */
    KHAP_VALUE_NO_TERM = 15,        /**< a term is missing in a condition */
    KHAP_VALUE_BAD_PREDICATE = 16,  /**< a predicate that this release does not know */
    KHAP_VALUE_ARGUMENTS = 17,      /**< a predicate with too few or too many arguments */
    KHAP_VALUE_NO_PARENTHESIS = 18, /**< no ) ends a part in parentheses */
    KHAP_VALUE_REST = 19,           /**< something behind the end of a condition */
    KHAP_VALUE_TOO_DEEP = 20        /**< more terms or parentheses than HAProxy takes */
};

/** Where something stands: from a byte of a word up to before a byte of the same or a later word. */
struct khap_span {
    uint32_t word;       /**< index of the word that it begins in */
    uint32_t offset;     /**< in that word's text */
    uint32_t end_word;   /**< index of the word that it ends in */
    uint32_t end_offset; /**< in that word's text, behind the last byte */
};

/** What was wrong, and where. */
struct khap_value_error {
    size_t size;           /**< sizeof(struct khap_value_error) as the caller knows it */
    uint32_t problem;      /**< enum khap_value_problem */
    struct khap_span span; /**< what is wrong; empty where something is missing */
};

/** A value that was read. */
struct khap_value;

/** A node of its tree, borrowed from the value. */
struct khap_node;

/**
 * Reads words as HAProxy reads them. Names of fetches, converters, aliases and matching methods are kept
 * whatever they are. An empty word ends an ACL and a condition. HAProxy also takes words behind an
 * expression for converters, if it knows such a name; here they are values, or left out by the caller and
 * read as KHAP_VALUE_CONVERTERS.
 *
 * What a variable would add is missing: where a word holds one, an error may be none in HAProxy.
 *
 * @param alloc    allocator, or NULL
 * @param kind     enum khap_value_kind
 * @param release  whose syntax, KHAP_RELEASE()
 * @param words    the words; copied. A sample, converters and a format are exactly one
 * @param n        how many
 * @param out      [out] freed with khap_value_free(); NULL on failure
 * @param error    [in,out] `size` set by the caller; filled. May be NULL
 * @return KHAP_OK; KHAP_EINPUT, then `error` says why; KHAP_ENOMEM; KHAP_ELIMIT for words of over 4 GiB;
 * KHAP_EINVAL
 *
 * Example: the words `if`, `!{`, `src`, `10.0.0.0/8`, `}` and `is_api` are a CONDITION that holds one ALL, which holds
 * a negated ACL and a NAMED.
 */
enum khap_status khap_value_parse(const struct khap_alloc *alloc, uint32_t kind, uint16_t release,
                                  const struct khap_value_word *words, size_t n, struct khap_value **out,
                                  struct khap_value_error *error);

/**
 * Frees a value and all its nodes.
 *
 * @param value  the value, or NULL
 */
void khap_value_free(struct khap_value *value);

/**
 * A sentence that says what a problem is, for people.
 *
 * @param problem  enum khap_value_problem
 * @return a static string; "unknown problem" for other values
 */
const char *khap_value_problem_text(uint32_t problem);

/**
 * The root of the tree: EXPRESSION, ACL, CONDITION, FORMAT or ANY.
 *
 * @param value  the value
 * @return the node, borrowed from the value
 */
const struct khap_node *khap_value_root(const struct khap_value *value);

/**
 * The first node that a node holds.
 *
 * @param node  the node
 * @return a node of the same value; NULL when it holds none
 */
const struct khap_node *khap_node_first(const struct khap_node *node);

/**
 * The node that follows beside a node.
 *
 * @param node  the node
 * @return a node of the same value; NULL when it is the last one
 */
const struct khap_node *khap_node_next(const struct khap_node *node);

/**
 * The node that holds a node.
 *
 * @param node  the node
 * @return a node of the same value; NULL for the root
 */
const struct khap_node *khap_node_parent(const struct khap_node *node);

/**
 * What a node is.
 *
 * @param node  the node
 * @return enum khap_node_kind
 */
uint32_t khap_node_kind(const struct khap_node *node);

/**
 * The text of a node; what it is stands at each kind.
 *
 * @param node  the node
 * @return the text, borrowed from the value; empty for kinds without one
 */
struct khap_str khap_node_text(const struct khap_node *node);

/**
 * Whether a term is turned round by an odd number of `!`.
 *
 * @param node  the node
 * @return 1 or 0
 */
int khap_node_negated(const struct khap_node *node);

/**
 * Whether a word that the node stands in holds an environment variable, so that it may be something else.
 *
 * @param node  the node
 * @return 1 or 0
 */
int khap_node_variable(const struct khap_node *node);

/**
 * Where a node stands in the words that were read, with the `!`, quotes, braces and brackets that belong to
 * it.
 *
 * @param node  the node
 * @return the span
 */
struct khap_span khap_node_span(const struct khap_node *node);

/**
 * Whether two trees say the same. Quotes, blanks, doubled commas and places do not count.
 *
 * @param a  a node
 * @param b  a node, perhaps of another value
 * @return 1 or 0
 */
int khap_node_equal(const struct khap_node *a, const struct khap_node *b);

/**
 * Prints the words of a value in one fixed way, for the release it was read for; what is read from them is
 * equal. Words are not quoted: khap_document_insert() does that.
 *
 * @param value  the value
 * @param sink   its `write` is called once for each word, with the whole word
 * @return KHAP_OK, KHAP_EIO when the sink refused, KHAP_ENOMEM, KHAP_EINVAL
 */
enum khap_status khap_value_print(const struct khap_value *value, const struct khap_sink *sink);

/** What an `.if` comes to. */
enum khap_answer { KHAP_FALSE = 0, KHAP_UNKNOWN = 1, KHAP_TRUE = 2 };

/** What a caller knows of the build and the environment: `.if` asks for it, and words hold variables. */
struct khap_if_facts {
    size_t size; /**< sizeof(struct khap_if_facts) as the caller knows it */
    void *ctx;
    /** Answers `predicate(argument)` with enum khap_answer: defined, feature, enabled, openssl_version_… */
    int (*ask)(void *ctx, struct khap_str predicate, struct khap_str argument);
    /** What environment variables hold, as khap_words_environment() asks for it; NULL when nothing is known. Not asked for what follows a line that
     * changes the environment (`setenv` …), and not by khap_value_decide(). */
    enum khap_status (*environment)(void *ctx, struct khap_str name, struct khap_str *value);
};

/**
 * Decides a KHAP_VALUE_IF. Comparisons of releases and texts decide; what depends on the build or the
 * environment is unknown unless `facts` knows. A patch level is not known, and releases are no development
 * versions. A variable whose value is not known makes all terms in its word unknown; it is taken to end
 * none of them.
 *
 * @param value   the value
 * @param target  which releases, initialised
 * @param facts   what else is known, or NULL
 * @return KHAP_TRUE or KHAP_FALSE when it is that for each release of the target, else KHAP_UNKNOWN; also for
 * NULL and for another kind of value
 */
int khap_value_decide(const struct khap_value *value, const struct khap_target *target,
                      const struct khap_if_facts *facts);

#ifdef __cplusplus
}
#endif
#endif
