/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "khapgen/commands.h"
#include "khapgen/explain_line.h"
#include "khapgen/nearest.h"

#include <khap/khap.h>
#include <khap/model.h>
#include <string.h>

/* ---- writing ---- */

static void json_text(const char *name, const char *text)
{
    printf("\"%s\":\"", name);
    for (const unsigned char *p = (const unsigned char *)text; *p != '\0'; p++) {
        if (*p == '"' || *p == '\\')
            printf("\\%c", *p);
        else if (*p < 0x20)
            printf("\\u%04x", *p);
        else
            putchar(*p);
    }
    putchar('"');
}

static void release_text(uint16_t release, char out[16])
{
    snprintf(out, 16, "%u.%u", release / 100u, release % 100u);
}

/* A text of several lines or one, each line indented. */
static void indented(const char *text)
{
    fputs("    ", stdout);
    for (; *text != '\0'; text++) {
        putchar(*text);
        if (*text == '\n' && text[1] != '\0' && text[1] != '\n')
            fputs("    ", stdout);
    }
    putchar('\n');
}

/* Prose, filled to 79 columns. */
static void filled(const char *text)
{
    size_t column = 0;
    while (*text != '\0') {
        size_t len = strcspn(text, " \n");
        if (column == 0 || column + 1 + len > 79) {
            printf("%s    ", column == 0 ? "" : "\n");
            column = 4;
        } else {
            putchar(' ');
            column++;
        }
        fwrite(text, 1, len, stdout);
        column += len;
        text += len + strspn(text + len, " \n");
    }
    putchar('\n');
}

static bool given(const char *text)
{
    return text[0] != '\0' && strcmp(text, "-") != 0;
}

static const char *severity_name(uint32_t severity)
{
    return severity == KHAP_ERROR ? "error" : severity == KHAP_WARNING ? "warning" : "note";
}

static void show_message(const struct khap_message *m, bool json)
{
    if (json) {
        fputs("{\"type\":\"message\",", stdout);
        json_text("code", m->code);
        putchar(',');
        json_text("severity", severity_name(m->severity));
        putchar(',');
        json_text("text", m->text);
        putchar(',');
        json_text("meaning", m->meaning);
        putchar(',');
        json_text("example", m->example);
        putchar(',');
        json_text("remedy", m->remedy);
        fputs("}\n", stdout);
        return;
    }
    printf("%s: %s: %s\n", m->code, severity_name(m->severity), m->text);
    if (given(m->meaning)) {
        fputs("\nMeaning\n", stdout);
        filled(m->meaning);
    }
    if (given(m->example)) {
        fputs("\nExample\n", stdout);
        indented(m->example);
    }
    if (given(m->remedy)) {
        fputs("\nRemedy\n", stdout);
        filled(m->remedy);
    }
}

/* Prints text up to its end or to one of the characters in stop, with blanks around the bars of a choice. */
static void print_until(const char *text, const char *stop)
{
    size_t n = strcspn(text, stop);
    for (size_t i = 0; i < n; i++)
        fputs(text[i] == '|' ? " | " : (char[2]){text[i], '\0'}, stdout);
}

/* The type of a key in words, the same as on khap-services(5). */
static void print_type(const char *type)
{
    static const struct {
        char type[16];
        char words[48];
    } known[] = {
        {"object", "mapping"},
        {"object|false", "mapping or false"},
        {"list(object)", "list of mappings"},
        {"time", "time; a bare number is milliseconds"},
        {"time(s)", "time; a bare number is seconds"},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (strcmp(type, known[i].type) == 0) {
            fputs(known[i].words, stdout);
            return;
        }
    }
    if (strcmp(type, "same(services.*)") == 0) {
        fputs("the keys of a service", stdout);
    } else if (strncmp(type, "same(", 5) == 0) {
        fputs("the same as ", stdout);
        print_until(type + 5, ")");
    } else if (strncmp(type, "map(", 4) == 0) {
        fputs("mapping by name", stdout);
    } else if (strncmp(type, "object(", 7) == 0) {
        fputs("mapping, short for ", stdout);
        const char *flag = strchr(type, '|');
        bool word = flag != NULL && flag < strchr(type, ')'), off = strstr(type, ")|false") != NULL;
        print_until(type + 7, word ? "|" : ")");
        fputs(word ? ": VALUE; the word " : ": VALUE", stdout);
        if (word)
            print_until(flag + 1, ")");
        fputs(!off ? "" : word ? "; or false" : ", or false", stdout);
    } else if (strncmp(type, "list(enum(", 10) == 0) {
        fputs("list of ", stdout);
        print_until(type + 10, ")");
    } else if (strncmp(type, "list(", 5) == 0) {
        fputs("list of ", stdout);
        print_until(type + 5, ")");
    } else if (strncmp(type, "enum(", 5) == 0) {
        print_until(type + 5, ")");
    } else {
        fputs(type, stdout);
    }
}

static void show_key(const struct khap_key *k, bool json)
{
    char since[16];
    release_text(k->since, since);
    if (json) {
        fputs("{\"type\":\"key\",", stdout);
        json_text("path", k->path);
        putchar(',');
        json_text("valueType", k->type);
        putchar(',');
        json_text("applies", k->applies);
        putchar(',');
        json_text("since", since);
        printf(",\"annotation\":%s,", k->annotation != 0 ? "true" : "false");
        json_text("default", k->default_text);
        putchar(',');
        json_text("example", k->example);
        putchar(',');
        json_text("text", k->text);
        fputs("}\n", stdout);
        return;
    }
    printf("%s\n", k->path);
    filled(k->text);
    fputs("    Type:        ", stdout);
    print_type(k->type);
    putchar('\n');
    if (given(k->default_text))
        printf("    Default:     %s\n", k->default_text);
    if (given(k->example))
        printf("    Example:     %s\n", k->example);
    if (given(k->applies))
        printf("    Services:    %s\n", k->applies);
    printf("    HAProxy:     from %s\n", since);
    if (k->annotation != 0)
        printf("    Annotation:  yes\n");
}

static void show_keyword(const struct khap_keyword *k, const char *where, bool json)
{
    char first[16], last[16], warns[16];
    release_text(k->first, first);
    release_text(k->last, last);
    release_text(k->warns, warns);
    if (json) {
        fputs("{\"type\":\"keyword\",", stdout);
        json_text("words", k->words);
        putchar(',');
        json_text("where", where);
        putchar(',');
        json_text("arguments", k->arguments);
        putchar(',');
        json_text("since", first);
        putchar(',');
        json_text("until", k->last != 0 ? last : "");
        putchar(',');
        json_text("deprecated", k->warns != 0 ? warns : "");
        putchar(',');
        json_text("instead", k->instead);
        fputs("}\n", stdout);
        return;
    }
    printf("%s (HAProxy)\n", k->words);
    printf("    Where:       %s\n", where);
    printf("    Arguments:   %s\n", given(k->arguments) ? k->arguments : "none");
    if (k->last != 0)
        printf("    Releases:    %s to %s\n", first, last);
    else
        printf("    Releases:    from %s on\n", first);
    if ((k->flags & KHAP_KEYWORD_IGNORED) != 0)
        printf("    Effect:      none here; HAProxy warns of it\n");
    else if (k->warns != 0)
        printf("    Deprecated:  from %s on\n", warns);
    if (given(k->instead))
        printf("    Instead:     %s\n", k->instead);
    unsigned before = k->flags & (KHAP_KEYWORD_NO | KHAP_KEYWORD_DEFAULT);
    if (before != 0)
        printf("    Behind:      %s\n", before == KHAP_KEYWORD_NO        ? "no"
                                        : before == KHAP_KEYWORD_DEFAULT ? "default"
                                                                         : "no, default");
}

/* ---- finding ---- */

struct segment {
    const char *ptr;
    size_t len; /* 0 at the end */
};

/* The next part of a path: a name, "*", or "[]"; names may stand in double quotes, items are numbers, "+" or
 * []. */
static struct segment next_segment(const char **path)
{
    const char *p = *path;
    if (*p == '.') {
        p++;
        if (*p == '.' || *p == '\0') { /* nothing between two dots or behind the last: no part of any path */
            *path = p;
            return (struct segment){".", 1};
        }
    }
    const char *start = p;
    if (*p == '[') {
        size_t len = strcspn(p, "]");
        p += p[len] == ']' ? len + 1 : len;
        *path = p;
        return (struct segment){"[]", 2};
    }
    if (*p == '"') {
        size_t len = strcspn(p + 1, "\"") + 1;
        p += p[len] == '"' ? len + 1 : len;
    } else {
        p += strcspn(p, ".[");
    }
    *path = p;
    return (struct segment){start, (size_t)(p - start)};
}

static bool is_item(struct segment s)
{
    if (s.len == 1 && s.ptr[0] == '+')
        return true;
    size_t i = 0;
    while (i < s.len && s.ptr[i] >= '0' && s.ptr[i] <= '9')
        i++;
    return s.len > 0 && i == s.len;
}

/* Whether what was asked for is the whole of a path of keys.tsv from `key` on. */
static bool same_path(const char *key, const char *asked)
{
    for (;;) {
        struct segment k = next_segment(&key), a = next_segment(&asked);
        if (k.len == 0 || a.len == 0)
            return k.len == 0 && a.len == 0;
        if (k.len == 1 && k.ptr[0] == '*')
            continue;
        if (k.len == 2 && k.ptr[0] == '[') {
            if (!is_item(a) && !(a.len == 2 && a.ptr[0] == '['))
                return false;
            continue;
        }
        if (k.len != a.len || memcmp(k.ptr, a.ptr, k.len) != 0)
            return false;
    }
}

/* How a key fits: 2 as a whole, 1 by its end, 0 not. */
static int fits(const char *path, const char *asked)
{
    if (same_path(path, asked))
        return 2;
    if (strcmp(asked, "*") == 0)
        return 0;
    for (const char *rest = path; *rest != '\0';) {
        next_segment(&rest);
        const char *tail = *rest == '.' ? rest + 1 : rest;
        /* an end that begins with any name would fit nearly everything */
        if (*tail != '\0' && *tail != '*' && *tail != '[' && same_path(tail, asked))
            return 1;
    }
    return 0;
}

static size_t show_keys(const char *asked, int how, bool json, size_t shown)
{
    struct khap_key k = {.size = sizeof k};
    for (size_t i = 0; khap_key_at(i, &k) == KHAP_OK; i++) {
        if (fits(k.path, asked) != how)
            continue;
        if (shown++ > 0 && !json)
            putchar('\n');
        show_key(&k, json);
    }
    return shown;
}

/* The same row of the tables, for another place. */
static bool same_row(const struct khap_keyword *a, const struct khap_keyword *b)
{
    return strcmp(a->words, b->words) == 0 && a->arguments == b->arguments && a->instead == b->instead &&
           a->first == b->first && a->last == b->last && a->warns == b->warns && a->flags == b->flags;
}

enum how { WHOLE, BEGINS, LAST_WORD, OF_LINE };

/* Whether a keyword is what was asked for: all of it, or without the ( or # that it has behind it; one that begins so; its last word. */
static bool keyword_is(const char *words, const char *asked, enum how how)
{
    size_t n = strlen(asked);
    const char *last = strrchr(words, ' ');
    if (how == BEGINS)
        return strncmp(words, asked, n) == 0 && words[n] == ' ';
    if (how == LAST_WORD && last == NULL)
        return false;
    if (how == LAST_WORD)
        words = last + 1;
    size_t len = strcspn(words, "(#*");
    return len > 0 && n == len && memcmp(words, asked, len) == 0;
}

/* `line` is NULL, or what was asked for. */
static size_t show_keywords(const char *asked, enum how how, const struct explain_line *line, bool json,
                            size_t shown)
{
    struct khap_keyword k = {.size = sizeof k}, other = {.size = sizeof other};
    for (size_t i = 0; khap_keyword_at(i, &k) == KHAP_OK; i++) {
        char where[400] = "";
        size_t n = 0;
        bool first = true;
        bool fits = line != NULL ? explain_is_there(line, &k) : keyword_is(k.words, asked, how);
        if (!fits || strcmp(k.where, "misnomer") == 0)
            continue;
        for (size_t j = 0; khap_keyword_at(j, &other) == KHAP_OK; j++) {
            if (!same_row(&k, &other) || (line != NULL && !explain_is_there(line, &other)))
                continue;
            first = first && j >= i;
            int len = snprintf(where + n, sizeof where - n, "%s%s", n > 0 ? ", " : "", other.where);
            n += len > 0 && (size_t)len < sizeof where - n ? (size_t)len : 0;
        }
        if (!first)
            continue;
        if (shown++ > 0 && !json)
            putchar('\n');
        show_keyword(&k, where, json);
    }
    return shown;
}

static void offer_key(struct nearest *near, const char *path)
{
    nearest_offer(near, path);
    for (const char *rest = path; *rest != '\0';) {
        next_segment(&rest);
        const char *tail = *rest == '.' ? rest + 1 : rest;
        if (*tail != '\0' && *tail != '*' && *tail != '[')
            nearest_offer(near, tail);
    }
}

static int unknown(struct report *r, const char *asked)
{
    struct nearest near;
    nearest_start(&near, asked);
    struct khap_message m = {.size = sizeof m};
    for (size_t i = 0; khap_message_at(i, &m) == KHAP_OK; i++)
        nearest_offer(&near, m.code);
    struct khap_key k = {.size = sizeof k};
    for (size_t i = 0; khap_key_at(i, &k) == KHAP_OK; i++)
        offer_key(&near, k.path);
    struct khap_keyword keyword = {.size = sizeof keyword};
    for (size_t i = 0; khap_keyword_at(i, &keyword) == KHAP_OK; i++)
        nearest_offer(&near, keyword.words);
    char text[200] = "";
    if (near.best != NULL)
        snprintf(text, sizeof text, "; did you mean %s?", near.best);
    report_about(r, "unknown-word", "explain", word(asked), word(text));
    return EXIT_UNUSABLE;
}

static int explain(struct report *r, const char *asked, size_t *shown)
{
    size_t before = *shown;
    struct khap_message m = {.size = sizeof m};
    if (khap_message_find(word(asked), &m) == KHAP_OK) {
        if ((*shown)++ > 0 && !r->json)
            putchar('\n');
        show_message(&m, r->json);
    }
    *shown = show_keys(asked, 2, r->json, *shown);
    if (*shown == before)
        *shown = show_keys(asked, 1, r->json, *shown);
    /* as they are typed: with `no` before them, an alias of a log format with its %, with blanks between words */
    struct explain_line line;
    const char *typed = asked + (strncmp(asked, "no ", 3) == 0        ? 3
                                 : strncmp(asked, "default ", 8) == 0 ? 8
                                 : asked[0] == '%' && asked[1] != '[' ? 1
                                                                      : 0);
    typed += strspn(typed, " ");
    *shown = show_keywords(typed, WHOLE, NULL, r->json, *shown);
    if (*shown == before && explain_line(typed, &line))
        *shown = show_keywords(typed, OF_LINE, &line, r->json, *shown);
    if (*shown == before)
        *shown = show_keywords(typed, BEGINS, NULL, r->json, *shown);
    if (*shown == before)
        *shown = show_keywords(typed, LAST_WORD, NULL, r->json, *shown);
    if (*shown == before && strchr(typed, '(') != NULL) { /* `hdr(host)` */
        char name[64];
        size_t len = strcspn(typed, "(");
        snprintf(name, sizeof name, "%.*s", (int)(len < sizeof name ? len : sizeof name - 1), typed);
        *shown = show_keywords(name, WHOLE, NULL, r->json, *shown);
    }
    return *shown > before ? EXIT_DONE : unknown(r, asked);
}

/* All words together, when they are one keyword and what stands behind it: `http-request deny`. */
static bool explain_together(struct report *r, const char *const *words, size_t *shown)
{
    struct options o;
    enum option_result result;
    struct explain_line line;
    char text[256];
    size_t n = 0, count = 0;
    options_start(&o, COMMAND_EXPLAIN, words);
    while ((result = options_next(&o)) != OPTION_END) {
        if (result != OPTION_OPERAND)
            continue;
        int len = snprintf(text + n, sizeof text - n, "%s%s", count++ > 0 ? " " : "", o.value);
        if (len < 0 || (size_t)len >= sizeof text - n)
            return false;
        n += (size_t)len;
    }
    const char *typed = text + (strncmp(text, "no ", 3) == 0 ? 3 : strncmp(text, "default ", 8) == 0 ? 8 : 0);
    if (count < 2 || !explain_line(typed, &line) || !line.whole)
        return false;
    *shown = show_keywords(typed, OF_LINE, &line, r->json, *shown);
    return *shown > 0;
}

static void list_all(bool json)
{
    struct khap_message m = {.size = sizeof m};
    struct khap_key k = {.size = sizeof k};
    if (!json)
        puts("Codes of diagnostics:");
    for (size_t i = 0; khap_message_at(i, &m) == KHAP_OK; i++) {
        if (json)
            show_message(&m, json);
        else
            printf("  %-32s %s: %s\n", m.code, severity_name(m.severity), m.text);
    }
    if (!json)
        puts("\nKeys of the service map:");
    for (size_t i = 0; khap_key_at(i, &k) == KHAP_OK; i++) {
        if (json)
            show_key(&k, json);
        else
            printf("  %-44s %s\n", k.path, k.text);
    }
}

int cmd_explain(const char *const *words)
{
    struct report r;
    int status = report_open(&r);
    if (status != EXIT_DONE)
        return status;
    struct options o;
    enum option_result result;
    bool asked = false, help = false;
    options_start(&o, COMMAND_EXPLAIN, words);
    while (status == EXIT_DONE && (result = options_next(&o)) != OPTION_END) {
        if (result == OPTION_OPERAND)
            asked = true;
        else if (result != OPTION_READ)
            status = command_bad_option(&r, &o, result);
        else if (o.id == OPTION_HELP)
            help = true;
        else if (!command_format(&r, &o))
            status = EXIT_UNUSABLE;
    }
    if (status == EXIT_DONE && help) {
        options_help(COMMAND_EXPLAIN, stdout);
    } else if (status == EXIT_DONE && !asked) {
        list_all(r.json);
    } else if (status == EXIT_DONE) {
        size_t shown = 0;
        bool together = explain_together(&r, words, &shown);
        options_start(&o, COMMAND_EXPLAIN, words);
        while ((result = options_next(&o)) != OPTION_END)
            if (!together && result == OPTION_OPERAND && explain(&r, o.value, &shown) != EXIT_DONE)
                status = EXIT_UNUSABLE;
    }
    int written = command_finish_output(&r);
    (void)report_show(&r);
    report_close(&r);
    return written != EXIT_DONE ? written : status;
}
