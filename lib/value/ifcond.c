/* What stands behind .if and .elif. SPDX-License-Identifier: MIT */
#include "config.h"

#include "value/parse.h"

/*
 * HAProxy counts down from here for each step that its parser takes into an expression: two from a whole to its first term, one more for each && or ||
 * before a term, three for a parenthesis.
 */
enum { DEPTH = 1024, MOST_LEVELS = DEPTH / 3 + 1 };

enum compare {
    COMPARE_NOTHING,
    COMPARE_EQUAL,
    COMPARE_DIFFERENT,
    COMPARE_WITHIN,
    COMPARE_ATLEAST,
    COMPARE_BEFORE
};

struct predicate {
    struct khap_str name;
    uint16_t since;
    uint8_t arguments;
    uint8_t compare; /* what decides it; COMPARE_NOTHING: the build or the environment */
};

#define PREDICATE(name, since, arguments, compare)                                                           \
    {                                                                                                        \
        {name, sizeof name - 1}, since, arguments, compare                                                   \
    }
static const struct predicate predicates[] = {
    PREDICATE("defined", KHAP_RELEASE(2, 4), 1, COMPARE_NOTHING),
    PREDICATE("feature", KHAP_RELEASE(2, 4), 1, COMPARE_NOTHING),
    PREDICATE("streq", KHAP_RELEASE(2, 4), 2, COMPARE_EQUAL),
    PREDICATE("strneq", KHAP_RELEASE(2, 4), 2, COMPARE_DIFFERENT),
    PREDICATE("version_atleast", KHAP_RELEASE(2, 4), 1, COMPARE_ATLEAST),
    PREDICATE("version_before", KHAP_RELEASE(2, 4), 1, COMPARE_BEFORE),
    PREDICATE("openssl_version_atleast", KHAP_RELEASE(2, 5), 1, COMPARE_NOTHING),
    PREDICATE("openssl_version_before", KHAP_RELEASE(2, 5), 1, COMPARE_NOTHING),
    PREDICATE("ssllib_name_startswith", KHAP_RELEASE(2, 5), 1, COMPARE_NOTHING),
    PREDICATE("strstr", KHAP_RELEASE(2, 8), 2, COMPARE_WITHIN),
    PREDICATE("enabled", KHAP_RELEASE(2, 8), 1, COMPARE_NOTHING),
    PREDICATE("awslc_api_atleast", KHAP_RELEASE(3, 4), 1, COMPARE_NOTHING),
    PREDICATE("awslc_api_before", KHAP_RELEASE(3, 4), 1, COMPARE_NOTHING),
};

static const struct predicate *find_predicate(struct khap_str name)
{
    for (size_t i = 0; i < sizeof predicates / sizeof *predicates; i++)
        if (khap__str_eq(predicates[i].name, name))
            return &predicates[i];
    return NULL;
}

static void skip_blanks(struct cursor *c)
{
    while (khap__peek(c) == ' ' || khap__peek(c) == '\t')
        c->at++;
}

/* An integer as strtol() reads one with base 0; `c` stays where it is when there is none. */
static bool number(struct cursor *c, uint32_t *from)
{
    uint32_t start = c->at;
    while (khap__peek(c) == ' ' || (khap__peek(c) >= '\t' && khap__peek(c) <= '\r'))
        c->at++;
    *from = c->at;
    if (khap__peek(c) == '-' || khap__peek(c) == '+')
        c->at++;
    char last = '9';
    if (khap__peek(c) == '0') {
        last = '7';
        c->at++;
        if ((khap__peek(c) | 32) == 'x' && c->at + 1 < c->s.len &&
            khap__hex((unsigned char)c->s.ptr[c->at + 1]) >= 0) {
            for (c->at++; khap__hex((unsigned char)khap__peek(c)) >= 0; c->at++)
                ;
            return true;
        }
    } else if (!khap__is_digit((unsigned char)khap__peek(c))) {
        c->at = start;
        return false;
    }
    while (khap__peek(c) >= '0' && khap__peek(c) <= last)
        c->at++;
    return true;
}

static bool number_is_true(struct khap_str s)
{
    size_t i = s.len > 0 && (s.ptr[0] == '-' || s.ptr[0] == '+');
    if (i + 1 < s.len && (s.ptr[i + 1] | 32) == 'x')
        i += 2;
    while (i < s.len && s.ptr[i] == '0')
        i++;
    return i < s.len;
}

/* Whether `needle` occurs, in time linear in both (Knuth, Morris, Pratt). */
static bool within(struct value_parser *p, struct khap_str hay, struct khap_str needle, bool *found)
{
    *found = needle.len == 0;
    if (*found || needle.len > hay.len)
        return true;
    uint32_t *border = khap__arena_alloc(p->arena, needle.len, sizeof *border);
    if (border == NULL) {
        p->status = KHAP_ENOMEM;
        return false;
    }
    border[0] = 0;
    for (uint32_t i = 1, k = 0; i < needle.len; i++) {
        while (k > 0 && needle.ptr[i] != needle.ptr[k])
            k = border[k - 1];
        k += needle.ptr[i] == needle.ptr[k];
        border[i] = k;
    }
    for (uint32_t i = 0, k = 0; i < hay.len && !*found; i++) {
        while (k > 0 && hay.ptr[i] != needle.ptr[k])
            k = border[k - 1];
        k += hay.ptr[i] == needle.ptr[k];
        *found = k == needle.len;
    }
    return true;
}

/* A comparison of texts is decided here, once. */
static bool compare_texts(struct value_parser *p, struct khap_node *node, uint8_t compare)
{
    if (compare != COMPARE_EQUAL && compare != COMPARE_DIFFERENT && compare != COMPARE_WITHIN)
        return true;
    struct khap_str a = node->first->text, b = node->last->text;
    bool yes = khap__str_eq(a, b) == (compare == COMPARE_EQUAL);
    if (compare == COMPARE_WITHIN && !within(p, a, b, &yes))
        return false;
    node->answer = yes ? KHAP_TRUE : KHAP_FALSE;
    return true;
}

static bool predicate(struct value_parser *p, struct cursor *c, struct khap_node *all, uint32_t from,
                      bool negated)
{
    uint32_t start = c->at;
    while (c->at < c->s.len && khap__peek(c) != ' ' && khap__peek(c) != '(')
        c->at++;
    struct khap_str name = khap__str_sub(c->s, start, c->at - start);
    const struct predicate *row = find_predicate(name);
    if (name.len == 0)
        return khap__value_fail(p, KHAP_VALUE_NO_TERM, c, start, start);
    if (row == NULL || row->since > p->release)
        return khap__value_fail(p, KHAP_VALUE_BAD_PREDICATE, c, start, c->at);
    struct khap_node *node = khap__node_add(p, all, KHAP_NODE_PREDICATE);
    if (node == NULL || !khap__arguments_parse(p, c, node))
        return false;
    unsigned n = 0;
    for (const struct khap_node *a = node->first; a != NULL && n <= row->arguments; a = a->next)
        n++;
    if (n > row->arguments || (n == 0 ? 1 : n) < row->arguments) /* none at all is one empty text */
        return khap__value_fail(p, KHAP_VALUE_ARGUMENTS, c, start, c->at);
    node->text = name;
    node->negated = negated;
    khap__node_place(p, node, c, from, c->at);
    return compare_texts(p, node, row->compare);
}

/* The open wholes, from the outermost to where we are. */
struct level {
    uint16_t any, all; /* what is left of DEPTH */
};

/* A term, or the ( that begins one: then *any is the new whole. */
static bool term(struct value_parser *p, struct cursor *c, struct khap_node *all, int depth,
                 struct khap_node **any)
{
    skip_blanks(c);
    uint32_t from = c->at, start;
    bool negated = false;
    *any = NULL;
    if (c->at == c->s.len)
        return khap__value_fail(p, KHAP_VALUE_NO_TERM, c, from, from);
    if (depth <= 0)
        return khap__value_fail(p, KHAP_VALUE_TOO_DEEP, c, from, (uint32_t)c->s.len);
    while (khap__peek(c) == '!' && p->rules->operators) {
        negated = !negated;
        c->at++;
        skip_blanks(c);
    }
    if (number(c, &start)) {
        struct khap_node *node = khap__node_add(p, all, KHAP_NODE_NUMBER);
        if (node == NULL)
            return false;
        node->text = khap__str_sub(c->s, start, c->at - start);
        node->negated = negated;
        khap__node_place(p, node, c, from, c->at);
        return true;
    }
    if (khap__peek(c) != '(' || !p->rules->operators)
        return predicate(p, c, all, from, negated);
    c->at++;
    *any = khap__node_add(p, all, KHAP_NODE_ANY);
    if (*any == NULL)
        return false;
    (*any)->negated = negated;
    khap__node_place(p, *any, c, from, c->at);
    return true;
}

/* The node ends with the last of those that it holds. */
static void close_all(struct value_parser *p, struct khap_node *all)
{
    all->span = all->first->span;
    all->span.end_word = all->last->span.end_word;
    all->span.end_offset = all->last->span.end_offset;
    for (uint32_t i = all->span.word; i <= all->span.end_word && i < p->n && !all->variable; i++)
        all->variable = p->words[i].variable != 0;
    all->parent->variable |= all->variable;
}

static bool expression(struct value_parser *p, struct cursor *c, struct khap_node *any)
{
    struct level levels[MOST_LEVELS], *level = levels;
    struct khap_node *all = khap__node_add(p, any, KHAP_NODE_ALL), *inner;
    *level = (struct level){DEPTH, DEPTH - 1};
    while (all != NULL) {
        if (!term(p, c, all, level->all - 1, &inner))
            return false;
        if (inner != NULL) { /* a term has something left of DEPTH, and a level takes three: it has room */
            uint16_t left = (uint16_t)(level->all - 2);
            *++level = (struct level){left, (uint16_t)(left > 0 ? left - 1 : 0)};
            any = inner;
            all = khap__node_add(p, any, KHAP_NODE_ALL);
            continue;
        }
        for (;;) { /* behind a term */
            skip_blanks(c);
            if (!p->rules->operators) {
                close_all(p, all);
                return true;
            }
            struct khap_str two = khap__str_sub(c->s, c->at, 2);
            if (khap__str_eq(two, S("&&"))) {
                c->at += 2;
                level->all = (uint16_t)(level->all > 0 ? level->all - 1 : 0);
                break;
            }
            close_all(p, all);
            if (khap__str_eq(two, S("||"))) {
                c->at += 2;
                level->any = (uint16_t)(level->any > 0 ? level->any - 1 : 0);
                level->all = (uint16_t)(level->any > 0 ? level->any - 1 : 0);
                all = khap__node_add(p, any, KHAP_NODE_ALL);
                break;
            }
            if (level == levels)
                return true;
            if (khap__peek(c) != ')')
                return khap__value_fail(p, KHAP_VALUE_NO_PARENTHESIS, c, c->at, c->at);
            c->at++;
            struct khap_span end = khap__value_span(p, c, c->at - 1, c->at);
            any->span.end_word = end.end_word;
            any->span.end_offset = end.end_offset;
            any->variable |= p->words[end.end_word].variable != 0;
            all = any->parent;
            any = all->parent;
            level--;
        }
    }
    return false;
}

/* The words with a blank between each two, as HAProxy joins them again. */
static bool join(struct value_parser *p, struct cursor *c)
{
    uint32_t *starts = khap__arena_alloc(p->arena, p->n, sizeof *starts), len = 0;
    if (!p->rules->operators && p->n > 1)
        p->n = 1;
    for (uint32_t i = 0; i < p->n && starts != NULL; i++) {
        starts[i] = len;
        len += (uint32_t)p->words[i].text.len + 1;
    }
    char *text = khap__arena_bytes(p->arena, len);
    if (starts == NULL || text == NULL) {
        p->status = KHAP_ENOMEM;
        return false;
    }
    for (uint32_t i = 0; i < p->n; i++) {
        struct khap_str word = p->words[i].text;
        if (word.len > 0)
            memcpy(text + starts[i], word.ptr, word.len);
        text[starts[i] + word.len] = ' ';
    }
    p->starts = starts;
    *c = (struct cursor){{text, len > 0 ? len - 1 : 0}, 0, 0};
    return true;
}

bool khap__if_parse(struct value_parser *p, struct khap_node **root)
{
    struct cursor c;
    if (!join(p, &c))
        return false;
    struct khap_node *any = khap__node_add(p, NULL, KHAP_NODE_ANY);
    if (any == NULL)
        return false;
    khap__node_place(p, any, &c, 0, (uint32_t)c.s.len);
    *root = any;
    if (c.s.len == 0) /* false; but blanks alone are refused */
        return true;
    if (!expression(p, &c, any))
        return false;
    return c.at == c.s.len || khap__value_fail(p, KHAP_VALUE_REST, &c, c.at, (uint32_t)c.s.len);
}

/* ---- deciding */

/* Digits, and what they say up to a million; false when there are none or it is more. */
static bool digits(struct khap_str s, size_t *at, uint32_t *n)
{
    size_t from = *at;
    *n = 0;
    while (*at < s.len && khap__is_digit((unsigned char)s.ptr[*at])) {
        *n = *n * 10 + (uint32_t)(s.ptr[(*at)++] - '0');
        if (*n > 1000000)
            return false;
    }
    return *at > from;
}

/* Whether any stable version of the branch is at least this one; what HAProxy makes of odd texts is not looked at. */
static enum khap_answer atleast(uint16_t release, struct khap_str s)
{
    uint32_t part[3] = {0, 0, 0}, count;
    size_t at = 0, n = 0;
    bool more = true, before = false, suffix = false;
    while (more) {
        if (n == 3 || !digits(s, &at, &part[n++]))
            return KHAP_UNKNOWN;
        more = at < s.len && s.ptr[at] == '.';
        at += more;
    }
    if (at < s.len) {
        struct khap_str tail = khap__str_sub(s, at, s.len - at);
        before = khap__str_starts(tail, S("-dev")) || khap__str_starts(tail, S("-rc"));
        suffix = !before; /* commits behind the version */
        at += before ? (tail.ptr[1] == 'd' ? 4u : 3u) : 1u;
        if (tail.ptr[0] != '-' || (at == s.len && suffix) || (at < s.len && !digits(s, &at, &count)) ||
            at < s.len)
            return KHAP_UNKNOWN;
    }
    uint32_t major = release / 100u, minor = release % 100u;
    if (part[0] != major)
        return part[0] < major ? KHAP_TRUE : KHAP_FALSE;
    if (part[1] != minor)
        return part[1] < minor ? KHAP_TRUE : KHAP_FALSE;
    /* what comes before a release is behind all its versions: a development version, or the release itself */
    return part[2] == 0 && !suffix ? KHAP_TRUE : KHAP_UNKNOWN;
}

static int decide_term(const struct khap_node *node, uint16_t release, const struct khap_if_facts *facts)
{
    const struct predicate *row = find_predicate(node->text);
    struct khap_str argument = node->first != NULL ? node->first->text : S("");
    if (node->variable)
        return KHAP_UNKNOWN;
    if (node->kind == KHAP_NODE_NUMBER)
        return number_is_true(node->text) ? KHAP_TRUE : KHAP_FALSE;
    if (row == NULL || row->since > release)
        return KHAP_UNKNOWN;
    if (row->compare == COMPARE_ATLEAST)
        return (int)atleast(release, argument);
    if (row->compare == COMPARE_BEFORE)
        return KHAP_TRUE - (int)atleast(release, argument);
    if (row->compare != COMPARE_NOTHING)
        return node->answer;
    int said =
        facts != NULL && facts->ask != NULL ? facts->ask(facts->ctx, node->text, argument) : KHAP_UNKNOWN;
    return said == KHAP_TRUE || said == KHAP_FALSE ? said : KHAP_UNKNOWN;
}

/* Of what is true, unknown and false, in this order, a conjunction is the least and a disjunction the most. */
static int decide(const struct khap_node *root, uint16_t release, const struct khap_if_facts *facts)
{
    struct {
        uint8_t any, all;
    } levels[MOST_LEVELS], *level = levels;
    level->any = KHAP_FALSE;
    const struct khap_node *all = root->first, *node;
    if (all == NULL)
        return root->variable ? KHAP_UNKNOWN : KHAP_FALSE;
    level->all = KHAP_TRUE;
    node = all->first;
    for (;;) {
        if (node->kind == KHAP_NODE_ANY) {
            level++;
            level->any = KHAP_FALSE;
            level->all = KHAP_TRUE;
            all = node->first;
            node = all->first;
            continue;
        }
        int value = decide_term(node, release, facts);
        for (;;) { /* the value of `node` is known */
            if (node->negated)
                value = KHAP_TRUE - value;
            if (value < level->all)
                level->all = (uint8_t)value;
            if (node->next != NULL) {
                node = node->next;
                break;
            }
            all = node->parent;
            if (level->all > level->any)
                level->any = level->all;
            if (all->next != NULL) {
                all = all->next;
                level->all = KHAP_TRUE;
                node = all->first;
                break;
            }
            value = level->any;
            if (level == levels)
                return value;
            level--;
            node = all->parent;
        }
    }
}

enum khap_answer khap__if_decide(const struct khap_node *root, const struct khap_target *target,
                                 const struct khap_if_facts *facts)
{
    int first = -1;
    for (size_t i = 0; khap_release_at(i) != 0; i++) {
        uint16_t release = khap_release_at(i);
        if (release < target->first || release > target->last)
            continue;
        int value = decide(root, release, facts);
        if (value == KHAP_UNKNOWN || (first >= 0 && value != first))
            return KHAP_UNKNOWN;
        first = value;
    }
    return first < 0 ? KHAP_UNKNOWN : (enum khap_answer)first;
}
