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
};

static const struct rules table[] = {
    /* from           quotes scopes dots   many   defaults nul   blanks comment joins empty  but_first */
    {KHAP_RELEASE(1, 5), false, false, false, false, false, false, false, true, false, false, false},
    {KHAP_RELEASE(1, 6), true, false, false, false, false, false, false, true, false, false, false},
    {KHAP_RELEASE(1, 7), true, true, false, false, false, false, false, true, false, false, false},
    {KHAP_RELEASE(2, 2), true, true, false, false, false, false, true, true, false, false, false},
    {KHAP_RELEASE(2, 3), true, true, false, true, false, true, true, true, false, false, false},
    {KHAP_RELEASE(2, 4), true, true, true, true, false, true, true, true, false, false, false},
    {KHAP_RELEASE(2, 5), true, true, true, true, true, true, true, true, false, false, false},
    {KHAP_RELEASE(2, 9), true, true, true, true, true, true, true, true, true, false, false},
    {KHAP_RELEASE(3, 2), true, true, true, true, true, true, false, false, true, false, false},
    {KHAP_RELEASE(3, 3), true, true, true, true, true, true, false, false, false, true, false},
    {KHAP_RELEASE(3, 4), true, true, true, true, true, true, false, false, false, true, true},
};

struct lexer {
    const struct rules *rules;
    const char *p; /* the line */
    uint32_t n, i; /* its length up to where it ends for HAProxy; the next byte */
    char *to;      /* decoded bytes go here; NULL when every word can be a slice of the line */
    char quote;    /* the open one, or 0 */
    bool inside;   /* of a word */
    bool cut;      /* the open word had a \x00: the rest of it is lost */
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
    *word(x) = (struct lex_word){.offset = x->i, .value = {x->to != NULL ? x->to : x->p + x->i, 0}};
    return true;
}

static void end_word(struct lexer *x)
{
    if (!x->inside)
        return;
    word(x)->len = x->i - word(x)->offset;
    x->inside = false;
    x->out->n++;
}

/* Words are strings of C in HAProxy: a NUL that was made by \x00 ends them. */
static void emit(struct lexer *x, char c)
{
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

/* At a $ in double quotes. */
static bool variable(struct lexer *x)
{
    uint32_t at = x->i, i = at + 1;
    bool brace = byte_at(x, i) == '{', whole = true, defaulted = false;
    i += brace;
    char c = byte_at(x, i);
    if (!khap__is_alpha((unsigned char)c) && c != '_' && !(c == '.' && x->rules->dot_names)) {
        fail_at(x, LEX_VARNAME, at, i + 1);
        return false;
    }
    for (i++; is_name(byte_at(x, i)); i++)
        ;
    if (brace) {
        if (x->rules->many && byte_at(x, i) == '[') {
            whole = byte_at(x, i + 1) == '*' && byte_at(x, i + 2) == ']';
            word(x)->many |= whole;
            i += whole ? 3 : 0;
        }
        if (whole && x->rules->defaults && byte_at(x, i) == '-') {
            const char *end = memchr(x->p + i, '}', x->n - i); /* whatever lies in between, a CR too */
            i = end == NULL ? x->n : (uint32_t)(end - x->p);
            defaulted = true;
        }
        if (byte_at(x, i) != '}') {
            fail_at(x, LEX_BRACE, at, i + 1);
            return false;
        }
        i++;
    }
    word(x)->variable = true;
    word(x)->joins |= x->rules->unset_joins && !defaulted && byte_at(x, i) == '"';
    x->i = i;
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
        if (!begin_word(x))
            return;
        if (x->rules->quotes && (c == '"' || c == '\'') && (x->quote == 0 || x->quote == c)) {
            x->quote_at = x->i++;
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

static bool has(struct khap_str s, char c)
{
    return s.len > 0 && memchr(s.ptr, c, s.len) != NULL;
}

enum khap_status khap__lex_line(struct arena *arena, uint16_t release, struct khap_str line,
                                struct lex_line *out)
{
    struct lexer x;
    memset(out, 0, sizeof *out);
    if (release < KHAP_OLDEST)
        return KHAP_EINVAL;
    if (line.len >= UINT32_MAX)
        return KHAP_ELIMIT;
    x.rules = &table[sizeof table / sizeof *table - 1];
    while (x.rules->from > release)
        x.rules--;
    x.p = line.ptr;
    x.n = out->comment = (uint32_t)line.len;
    x.i = 0;
    x.to = NULL;
    x.quote = 0;
    x.inside = x.cut = false;
    x.quote_at = 0;
    x.out = out;

    uint32_t nul = (uint32_t)khap__str_find(line, '\0');
    if (nul < x.n && x.rules->nul_is_fatal) {
        fail_at(&x, LEX_NUL, nul, nul + 1);
        return KHAP_OK;
    }
    if (release == KHAP_RELEASE(1, 5) && x.n >= LINE_15) {
        fail_at(&x, LEX_TOO_LONG, LINE_15 - 1, x.n);
        return KHAP_OK;
    }
    x.n = nul;
    if (has(line, '\\') || (x.rules->quotes && (has(line, '"') || has(line, '\'')))) {
        x.to = khap__arena_bytes(arena, x.n); /* nothing becomes longer by being decoded */
        if (x.to == NULL)
            return KHAP_ENOMEM;
    }
    while (x.i < x.n && is_blank(x.p[x.i]))
        x.i++;
    if (x.rules->scopes && byte_at(&x, x.i) == '[') {
        scope(&x);
        return KHAP_OK;
    }
    tokenize(&x);
    if (out->error == LEX_OK)
        find_empty_word(&x);
    if (out->n == 0)
        return KHAP_OK;
    out->words = khap__arena_alloc(arena, out->n, sizeof *out->words);
    if (out->words == NULL)
        return KHAP_ENOMEM;
    memcpy(out->words, x.words, out->n * sizeof *out->words);
    return KHAP_OK;
}
