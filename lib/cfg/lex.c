/* SPDX-License-Identifier: MIT */
#include "cfg/lex.h"

#include "base/str.h"

enum { MOST_WORDS = 64, LINE_15 = 2047 /* with the LF */ };

/* What differs between releases. Each row holds from its release on, until the next. */
struct rules {
    uint16_t from;
    bool quotes;       /* '…', "…", \' \" and variables */
    bool scopes;       /* [scope] lines */
    bool dot_names;    /* "${.LINE}" */
    bool many;         /* "${X[*]}" */
    bool defaults;     /* "${X-default}" */
    bool nul_is_fatal; /* else it ends the line */
    bool blanks_count; /* blanks behind the 64th word are one too many; else only a comment behind them was,
                          see comment_counts */
    bool comment_counts;
    bool unset_joins;    /* an unset variable before the closing quote takes the blanks with it */
    bool empty_is_fatal; /* an empty word … */
    bool but_first;      /* … unless it is the first */
    bool needs_text;     /* what came to nothing is a word only as "" or as a variable that is not set */
    bool splits_join;    /* what "${X[*]}" begins behind a blank is no word yet for a blank of another one */
};

static const struct rules table[] = {
    /* from           quotes scopes dots   many   defaults nul   blanks comment joins empty  but_first needs_text splits */
    {KHAP_RELEASE(1, 5), false, false, false, false, false, false, false, true, false, false, false, false,
     false},
    {KHAP_RELEASE(1, 6), true, false, false, false, false, false, false, true, false, false, false, false,
     false},
    {KHAP_RELEASE(1, 7), true, true, false, false, false, false, false, true, false, false, false, false,
     false},
    {KHAP_RELEASE(2, 2), true, true, false, false, false, false, true, true, false, false, false, false,
     false},
    {KHAP_RELEASE(2, 3), true, true, false, true, false, true, true, true, false, false, false, false, false},
    {KHAP_RELEASE(2, 4), true, true, true, true, false, true, true, true, false, false, false, false, false},
    {KHAP_RELEASE(2, 5), true, true, true, true, true, true, true, true, false, false, false, false, false},
    {KHAP_RELEASE(2, 9), true, true, true, true, true, true, true, true, true, false, false, false, false},
    {KHAP_RELEASE(3, 2), true, true, true, true, true, true, false, false, true, false, false, false, true},
    {KHAP_RELEASE(3, 3), true, true, true, true, true, true, false, false, false, true, false, true, false},
    {KHAP_RELEASE(3, 4), true, true, true, true, true, true, false, false, false, true, true, true, false},
};

struct lexer {
    const struct rules *rules;
    const char *p; /* the line */
    uint32_t n, i; /* its length up to where it ends for HAProxy; the next byte */
    char *to;      /* decoded bytes go here; NULL when every word can be a slice of the line */
    char *to_end;
    struct arena *arena;
    const struct lex_environment *environment; /* or NULL */
    enum khap_status status;
    char quote;       /* the open one, or 0 */
    bool inside;      /* of a word */
    bool real;        /* the open word is one, whatever it holds; else it has no text yet (needs_text) */
    bool split;       /* the open word began behind a blank of a variable */
    bool bare_quotes; /* nothing has been in the open quotes so far */
    bool cut;         /* the open word had a \x00: the rest of it is lost */
    uint32_t quote_at;
    struct lex_line *out;
    struct lex_word words[MOST_WORDS];
};

/* A blank, as isspace() of the C locale has it. */
static bool is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool is_name(char c)
{
    return khap__is_alnum((unsigned char)c) || c == '_';
}

/* The byte at i, or LF at the end, which no rule takes for anything else. */
static char byte_at(const struct lexer *x, uint32_t i)
{
    return i < x->n ? x->p[i] : '\n';
}

static void fail_at(struct lexer *x, enum lex_error error, uint32_t from, uint32_t to)
{
    x->out->error = error;
    x->out->error_offset = from;
    x->out->error_len = (to < x->n ? to : x->n) - from;
}

static struct lex_word *word(struct lexer *x)
{
    return &x->words[x->out->n];
}

static bool begin_word(struct lexer *x)
{
    if (x->inside)
        return true;
    if (x->out->n == MOST_WORDS) {
        fail_at(x, LEX_TOO_MANY, x->i, x->n);
        return false;
    }
    x->inside = true;
    x->cut = false;
    x->split = false;
    x->real = !x->rules->needs_text;
    *word(x) = (struct lex_word){.offset = x->i, .value = {x->to != NULL ? x->to : x->p + x->i, 0}};
    return true;
}

static void end_word(struct lexer *x)
{
    if (!x->inside)
        return;
    x->inside = false;
    if (!x->real)
        return;
    word(x)->len = x->i - word(x)->offset;
    x->out->n++;
}

/* Words are strings of C in HAProxy: a NUL that was made by \x00 ends them. */
static void emit(struct lexer *x, char c)
{
    x->real = true;
    x->bare_quotes = false;
    if (c == '\0')
        x->cut = true;
    if (x->cut)
        return;
    if (x->to != NULL)
        *x->to++ = c;
    word(x)->value.len++;
}

/* At a backslash, outside of single quotes. */
static bool escape(struct lexer *x)
{
    char c = byte_at(x, x->i + 1);
    bool known = c == '\\' || c == ' ' || c == '#' || (x->rules->quotes && (c == '"' || c == '\''));
    if (known || (c == '$' && x->quote == '"')) {
        emit(x, c);
    } else if (c == 'n' || c == 'r' || c == 't') {
        emit(x, c == 'n' ? '\n' : c == 'r' ? '\r' : '\t');
    } else if (c == 'x') {
        int high = khap__hex((unsigned char)byte_at(x, x->i + 2));
        int low = high < 0 ? -1 : khap__hex((unsigned char)byte_at(x, x->i + 3));
        if (low < 0) {
            fail_at(x, LEX_HEX, x->i, x->i + 4);
            return false;
        }
        emit(x, (char)(unsigned char)(high * 16 + low));
        x->i += 2;
    } else {
        emit(x, '\\'); /* means itself, and what follows is read as if nothing had been before it */
        x->i++;
        return true;
    }
    x->i += 2;
    return true;
}

/* Room for what a variable holds and for all that may still come. The finished words stay where they are. */
static bool make_room(struct lexer *x, size_t more)
{
    size_t have = x->inside ? word(x)->value.len : 0, rest = x->n - x->i;
    if ((size_t)(x->to_end - x->to) >= more + rest)
        return true;
    if (more >= UINT32_MAX) {
        x->status = KHAP_ELIMIT;
        return false;
    }
    size_t room = 2 * (have + more + rest);
    char *to = khap__arena_bytes(x->arena, room);
    if (to == NULL) {
        x->status = KHAP_ENOMEM;
        return false;
    }
    if (have > 0)
        memcpy(to, word(x)->value.ptr, have);
    if (x->inside)
        word(x)->value.ptr = to;
    x->to = to + have;
    x->to_end = to + room;
    return true;
}

/* Puts in what a variable holds. That of "${X[*]}" is split at blanks. */
static bool put_in(struct lexer *x, enum khap_status found, struct khap_str value, bool many,
                   const struct khap_str *otherwise)
{
    if (found != KHAP_OK && found != KHAP_ENOENT) {
        x->status = found;
        return false;
    }
    bool unset = found == KHAP_ENOENT;
    if (unset)
        value = otherwise != NULL ? *otherwise : (struct khap_str){NULL, 0};
    if (!make_room(x, value.len))
        return false;
    for (size_t i = 0; i < value.len; i++) {
        if (!many || !is_blank(value.ptr[i])) {
            if (!begin_word(x))
                return false;
            emit(x, value.ptr[i]);
            continue;
        }
        if (!x->rules->splits_join || !x->split || !x->inside || word(x)->value.len > 0)
            end_word(x);
        while (i + 1 < value.len && is_blank(value.ptr[i + 1]))
            i++;
        if (!x->rules->needs_text && !begin_word(x))
            return false;
        x->split = true;
    }
    if (many)
        x->bare_quotes = false;
    if (!unset || otherwise != NULL)
        return true;
    if (!many)
        x->real = true;
    if (x->rules->unset_joins && byte_at(x, x->i) == '"') {
        /* the bug of 2.9 to 3.2: the closing quote and the blanks behind it are lost */
        x->quote = 0;
        for (x->i++; x->i < x->n && is_blank(x->p[x->i]); x->i++)
            ;
    }
    return true;
}

/* From 2.4 on HAProxy has three names of its own. */
static bool is_dot_name(struct khap_str name)
{
    return khap__str_eq(name, S(".LINE")) || khap__str_eq(name, S(".FILE")) ||
           khap__str_eq(name, S(".SECTION"));
}

/* At a $ in double quotes. */
static bool variable(struct lexer *x)
{
    uint32_t at = x->i, i = at + 1;
    bool brace = byte_at(x, i) == '{', whole = true, many = false, defaulted = false;
    struct khap_str name, otherwise = {NULL, 0};
    i += brace;
    uint32_t name_at = i;
    char c = byte_at(x, i);
    if (!khap__is_alpha((unsigned char)c) && c != '_' && !(c == '.' && x->rules->dot_names)) {
        fail_at(x, LEX_VARNAME, at, i + 1);
        return false;
    }
    for (i++; is_name(byte_at(x, i)); i++)
        ;
    name = (struct khap_str){x->p + name_at, i - name_at};
    if (c == '.' && !is_dot_name(name)) {
        fail_at(x, LEX_VARNAME, at, i);
        return false;
    }
    if (brace) {
        if (x->rules->many && byte_at(x, i) == '[') {
            whole = byte_at(x, i + 1) == '*' && byte_at(x, i + 2) == ']';
            many = whole;
            i += whole ? 3 : 0;
        }
        if (whole && x->rules->defaults && byte_at(x, i) == '-') {
            const char *end = memchr(x->p + i, '}', x->n - i); /* whatever lies in between, a CR too */
            otherwise.ptr = x->p + i + 1;
            i = end == NULL ? x->n : (uint32_t)(end - x->p);
            otherwise.len = (size_t)(x->p + i - otherwise.ptr);
            defaulted = true;
        }
        if (byte_at(x, i) != '}') {
            fail_at(x, LEX_BRACE, at, i + 1);
            return false;
        }
        i++;
    }
    x->i = i;
    struct khap_str value = {NULL, 0};
    enum khap_status found =
        x->environment == NULL ? KHAP_EREFUSED : x->environment->get(x->environment->ctx, name, &value);
    if (found != KHAP_EREFUSED)
        return put_in(x, found, value, many, defaulted ? &otherwise : NULL);
    x->real = true;
    word(x)->variable = true;
    word(x)->many |= many;
    word(x)->joins |= x->rules->unset_joins && !defaulted && byte_at(x, i) == '"';
    return true;
}

/* At a blank outside of quotes: ends the word and takes the whole run. */
static bool blanks(struct lexer *x)
{
    end_word(x);
    uint32_t from = x->i;
    while (x->i < x->n && is_blank(x->p[x->i]))
        x->i++;
    if (x->out->n < MOST_WORDS)
        return true;
    if (x->rules->blanks_count || (x->rules->comment_counts && byte_at(x, x->i) == '#')) {
        fail_at(x, LEX_TOO_MANY, from, x->n);
        return false;
    }
    return true;
}

/* The bytes that end a plain word, and the blanks among them. */
enum { ENDS = 1, BLANK = 2 };
static const uint8_t plain_ends[256] = {
    ['\t'] = ENDS | BLANK, ['\n'] = ENDS | BLANK, ['\v'] = ENDS | BLANK, ['\f'] = ENDS | BLANK,
    ['\r'] = ENDS | BLANK, [' '] = ENDS | BLANK,  ['#'] = ENDS,
};

/* A line without quotes, escapes and CR: words are slices between blanks. False when there may be over 64,
 * which tokenize() finds out. */
static bool split(struct lexer *x)
{
    const char *p = x->p + x->i, *end = x->p + x->n;
    uint32_t n = 0;
    while (p < end) {
        if (*p == '#') {
            x->out->comment = (uint32_t)(p - x->p);
            break;
        }
        const char *from = p;
        while (p < end && plain_ends[(unsigned char)*p] == 0)
            p++;
        if (n == MOST_WORDS)
            return false;
        x->words[n++] = (struct lex_word){.offset = (uint32_t)(from - x->p),
                                          .len = (uint32_t)(p - from),
                                          .value = {from, (size_t)(p - from)}};
        while (p < end && (plain_ends[(unsigned char)*p] & BLANK) != 0)
            p++;
    }
    if (n == MOST_WORDS)
        return false;
    x->out->n = n;
    return true;
}

static void tokenize(struct lexer *x)
{
    while (x->i < x->n) {
        char c = x->p[x->i];
        if (c == '\n' || c == '\r')
            break;
        if (x->quote == 0) {
            if (c == '#') {
                x->out->comment = x->i;
                break;
            }
            if (is_blank(c)) {
                if (!blanks(x))
                    return;
                continue;
            }
        }
        if (!x->inside && c == x->quote && !x->bare_quotes) { /* what stood in these quotes came to nothing */
            x->quote = 0;
            x->i++;
            continue;
        }
        if (!begin_word(x))
            return;
        if (x->rules->quotes && (c == '"' || c == '\'') && (x->quote == 0 || x->quote == c)) {
            x->quote_at = x->i++;
            x->real |= x->quote != 0 && x->bare_quotes;
            x->bare_quotes = x->quote == 0;
            x->split = false;
            x->quote = x->quote == 0 ? c : 0;
        } else if (c == '\\' && x->quote != '\'') {
            if (!escape(x))
                return;
        } else if (c == '$' && x->quote == '"') {
            if (!variable(x))
                return;
        } else {
            emit(x, c);
            x->i++;
        }
    }
    if (x->quote != 0)
        fail_at(x, LEX_QUOTE, x->quote_at, x->i);
    else
        end_word(x);
}

/* At a [: the whole line is "[name]", blanks, comment. */
static void scope(struct lexer *x)
{
    uint32_t from = x->i++;
    while (is_name(byte_at(x, x->i)) || byte_at(x, x->i) == '.' || byte_at(x, x->i) == ':' ||
           byte_at(x, x->i) == '-')
        x->i++;
    if (byte_at(x, x->i) != ']' || x->i == from + 1) {
        fail_at(x, LEX_SCOPE, from, x->i + 1);
        return;
    }
    for (x->i++; x->i < x->n && is_blank(x->p[x->i]); x->i++)
        ;
    if (x->i < x->n && x->p[x->i] != '#') {
        fail_at(x, LEX_SCOPE, x->i, x->n);
        return;
    }
    x->out->scope = true;
    if (x->i < x->n)
        x->out->comment = x->i;
}

static void find_empty_word(struct lexer *x)
{
    struct lex_line *out = x->out;
    if (!x->rules->empty_is_fatal)
        return;
    for (uint32_t k = 0; k < out->n; k++) {
        if (x->words[k].value.len > 0 || x->words[k].variable)
            continue;
        if (k > 0 || !x->rules->but_first)
            fail_at(x, LEX_EMPTY_WORD, x->words[k].offset, x->words[k].offset + x->words[k].len);
        return;
    }
}

/* Sixteen bytes at once, wherever the compiler has them. */
typedef uint8_t bytes16 __attribute__((vector_size(16)));

static inline bytes16 load16(const char *p)
{
    bytes16 v;
    memcpy(&v, p, sizeof v);
    return v;
}

/* All bits of those bytes that are a NUL, CR, quote or backslash. */
static inline bytes16 odd(bytes16 v)
{
    return (bytes16)(v == 0) | (bytes16)(v == '\r') | (bytes16)(v == '"') | (bytes16)(v == '\'') |
           (bytes16)(v == '\\');
}

bool khap__lex_plain(struct khap_str line)
{
    bytes16 all;
    if (line.len >= sizeof all) {
        all = odd(load16(line.ptr + line.len - sizeof all));
        for (size_t i = 0; i + sizeof all < line.len; i += sizeof all)
            all |= odd(load16(line.ptr + i));
    } else {
        char padded[sizeof all];
        memset(padded, ' ', sizeof padded);
        for (size_t i = 0; i < line.len; i++)
            padded[i] = line.ptr[i];
        all = odd(load16(padded));
    }
    uint64_t halves[2];
    memcpy(halves, &all, sizeof halves);
    return (halves[0] | halves[1]) == 0;
}

bool khap__lex_next(struct khap_str *line, struct khap_str *word)
{
    static const uint8_t classes[256] = {
        ['\t'] = ENDS | BLANK, ['\n'] = ENDS | BLANK, ['\v'] = ENDS | BLANK, ['\f'] = ENDS | BLANK,
        [' '] = ENDS | BLANK,  ['\r'] = ENDS,         ['#'] = ENDS,          ['\0'] = ENDS,
        ['"'] = ENDS,          ['\''] = ENDS,         ['\\'] = ENDS,
    };
    const char *p = line->ptr, *end = p + line->len;
    while (p < end && (classes[(unsigned char)*p] & BLANK) != 0)
        p++;
    const char *from = p;
    while (p < end && classes[(unsigned char)*p] == 0)
        p++;
    *word = (struct khap_str){from, (size_t)(p - from)};
    if (p < end && (classes[(unsigned char)*p] & BLANK) == 0)
        return false;
    while (p < end && (classes[(unsigned char)*p] & BLANK) != 0)
        p++;
    *line = (struct khap_str){p, (size_t)(end - p)};
    return word->len > 0;
}

static const struct rules *rules_of(uint16_t release)
{
    const struct rules *rules = &table[sizeof table / sizeof *table - 1];
    while (rules->from > release)
        rules--;
    return rules;
}

uint16_t khap__lex_next_rules(uint16_t release)
{
    const struct rules *rules = rules_of(release);
    return rules == &table[sizeof table / sizeof *table - 1] ? 0 : rules[1].from;
}

enum khap_status khap__lex_line(struct arena *arena, uint16_t release, struct khap_str line,
                                struct lex_line *out)
{
    return khap__lex_line_with(arena, release, line, NULL, out);
}

enum khap_status khap__lex_line_with(struct arena *arena, uint16_t release, struct khap_str line,
                                     const struct lex_environment *environment, struct lex_line *out)
{
    struct lexer x;
    memset(out, 0, sizeof *out);
    if (release < KHAP_OLDEST)
        return KHAP_EINVAL;
    if (line.len >= UINT32_MAX)
        return KHAP_ELIMIT;
    x.rules = rules_of(release);
    x.p = line.len == 0 ? "" : line.ptr;
    x.n = out->comment = (uint32_t)line.len;
    x.i = 0;
    x.to = x.to_end = NULL;
    x.arena = arena;
    x.environment = environment;
    x.status = KHAP_OK;
    x.quote = 0;
    x.inside = x.cut = x.real = x.bare_quotes = false;
    x.quote_at = 0;
    x.out = out;

    if (release == KHAP_RELEASE(1, 5) && x.n >= LINE_15) {
        fail_at(&x, LEX_TOO_LONG, LINE_15 - 1, x.n);
        return KHAP_OK;
    }
    bool plain = khap__lex_plain(line);
    if (!plain) {
        x.n = (uint32_t)khap__str_find(line, '\0');
        x.to = khap__arena_bytes(arena, x.n); /* nothing becomes longer by being decoded */
        if (x.to == NULL)
            return KHAP_ENOMEM;
        x.to_end = x.to + x.n;
    }
    while (x.i < x.n && is_blank(x.p[x.i]))
        x.i++;
    out->ended = x.n;
    if (x.rules->scopes && byte_at(&x, x.i) == '[') {
        scope(&x);
    } else if (!plain || !split(&x)) {
        out->comment = (uint32_t)line.len;
        tokenize(&x);
        out->ended = x.i;
        if (x.status != KHAP_OK)
            return x.status;
        if (out->error == LEX_OK)
            find_empty_word(&x);
    }
    if (x.n < line.len && x.rules->nul_is_fatal) { /* HAProxy looks for it before anything else */
        out->error = LEX_NUL;
        out->error_offset = x.n;
        out->error_len = 1;
        out->scope = false;
    }
    if (out->n == 0)
        return KHAP_OK;
    out->words = khap__arena_alloc(arena, out->n, sizeof *out->words);
    if (out->words == NULL)
        return KHAP_ENOMEM;
    memcpy(out->words, x.words, out->n * sizeof *out->words);
    return KHAP_OK;
}
