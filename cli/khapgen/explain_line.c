/* khapgen/explain_line.c - keywords of HAProxy as people type them. SPDX-License-Identifier: MIT */
#include "config.h"

#include "khapgen/explain_line.h"

#include <string.h>

static bool has(const struct explain_places *places, const char *name, size_t len)
{
    for (size_t i = 0; i < places->n; i++) {
        if (strncmp(places->names[i], name, len) == 0 && places->names[i][len] == '\0')
            return true;
    }
    return false;
}

/* A place is known by the keywords that stand in it. */
static void add(struct explain_places *places, const char *name, size_t len)
{
    struct khap_keyword k = {.size = sizeof k};
    if (has(places, name, len) || places->n == sizeof places->names / sizeof *places->names)
        return;
    for (size_t i = 0; khap_keyword_at(i, &k) == KHAP_OK; i++) {
        if (strncmp(k.where, name, len) == 0 && k.where[len] == '\0') {
            places->names[places->n++] = k.where;
            return;
        }
    }
}

static void add_sections(struct explain_places *places)
{
    struct khap_keyword k = {.size = sizeof k};
    for (size_t i = 0; khap_keyword_at(i, &k) == KHAP_OK; i++) {
        if (strcmp(k.where, "section") == 0)
            add(places, k.words, strlen(k.words));
    }
}

/* The vocabularies that arguments name: `<server>`. */
static void add_vocabularies(struct explain_places *places, const char *arguments)
{
    for (const char *p = strchr(arguments, '<'); p != NULL; p = strchr(p + 1, '<')) {
        size_t len = strcspn(p + 1, ">");
        if (len > 0 && p[1 + len] == '>')
            add(places, p + 1, len);
    }
}

/* How many bytes of a line are this keyword; 0: it is another one. `name()` is also `name` or `name(x)`, `name#` also `name0`. */
static size_t matches(const char *words, const char *line)
{
    size_t len = strcspn(words, "(#*");
    if (len == 0 || strncmp(line, words, len) != 0)
        return 0;
    if (words[len] == '(' && line[len] == '(')
        len += strcspn(line + len, ")") + (strchr(line + len, ')') != NULL ? 1 : 0);
    else if (words[len] == '#')
        len += strspn(line + len, "0123456789");
    return line[len] == '\0' || line[len] == ' ' ? len : 0;
}

/* Whether arguments can be that word: any, or one of those that stand there. */
static bool takes(const char *arguments, const char *line)
{
    size_t len = strcspn(line, " ");
    const char *first = arguments + strspn(arguments, "[{(");
    if (*first >= 'A' && *first <= 'Z')
        return true;
    for (const char *p = strchr(arguments, line[0]); p != NULL; p = strchr(p + 1, line[0])) {
        if (strncmp(p, line, len) == 0 && strchr("|}] ", p[len]) != NULL &&
            (p == arguments || strchr("|{[ ", p[-1]) != NULL))
            return true;
    }
    return false;
}

bool explain_is_there(const struct explain_line *line, const struct khap_keyword *k)
{
    size_t len = matches(k->words, line->words);
    bool end = len > 0 && (line->words[len] == '\0' || !line->whole);
    return end && has(&line->places, k->where, strlen(k->where));
}

bool explain_line(const char *text, struct explain_line *out)
{
    struct khap_keyword k = {.size = sizeof k};
    struct explain_places places = {.n = 0};
    bool found = false;
    const char *arguments = "";
    *out = (struct explain_line){.whole = true};
    add_sections(&places);
    for (const char *rest = text; *rest != '\0';) {
        struct explain_places more = {.n = 0};
        size_t longest = 0;
        const char *longest_arguments = "";
        for (size_t i = 0; khap_keyword_at(i, &k) == KHAP_OK; i++) {
            size_t len = has(&places, k.where, strlen(k.where)) ? matches(k.words, rest) : 0;
            if (len == 0 || len < longest)
                continue;
            if (len > longest)
                more.n = 0, longest_arguments = "";
            longest = len;
            if ((k.flags & KHAP_KEYWORD_IGNORED) == 0)
                longest_arguments = k.arguments;
            add_vocabularies(&more, k.arguments);
        }
        if (longest == 0) {
            /* an argument, which some keywords take and others do not */
            if (!found || !(takes(arguments, rest) || !out->whole))
                return false;
            out->whole = false;
            rest += strcspn(rest, " ");
        } else {
            arguments = longest_arguments;
            out->places = places;
            out->words = rest;
            for (size_t i = 0; found && i < places.n; i++)
                add(&more, places.names[i], strlen(places.names[i]));
            places = more;
            found = true;
            rest += longest;
        }
        rest += strspn(rest, " ");
    }
    return found;
}
