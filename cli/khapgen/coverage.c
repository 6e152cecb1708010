/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "khapgen/coverage.h"

#include <stdlib.h>
#include <string.h>

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static struct khap_str trimmed(struct khap_str text)
{
    while (text.len > 0 && is_blank(text.ptr[0]))
        text.ptr++, text.len--;
    while (text.len > 0 && is_blank(text.ptr[text.len - 1]))
        text.len--;
    return text;
}

/* Keywords of rules about requests, and the words behind them that make no rule. */
static bool is_rule(const struct khap_words *words)
{
    static const char keywords[][16] = {"http-request", "tcp-request", "use_backend", "default_backend",
                                        "use-server",   "redirect",    "block"};
    struct khap_str first = khap_words_value(words, 0), second = khap_words_value(words, 1);
    if (khap_words_count(words) < 2 || (second.len == 13 && memcmp(second.ptr, "inspect-delay", 13) == 0))
        return false;
    for (size_t i = 0; i < sizeof keywords / sizeof *keywords; i++) {
        if (first.len == strlen(keywords[i]) && memcmp(first.ptr, keywords[i], first.len) == 0)
            return true;
    }
    return false;
}

/* The bytes of a line stand still, and so tell which line it is. */
static int compare(const void *left, const void *right)
{
    const struct covered_rule *a = left, *b = right;
    uintptr_t one = (uintptr_t)a->text.ptr, other = (uintptr_t)b->text.ptr;
    return one < other ? -1 : one > other;
}

static int by_order(const void *left, const void *right)
{
    const struct covered_rule *a = left, *b = right;
    return a->order < b->order ? -1 : a->order > b->order;
}

static bool add(struct coverage *c, size_t *room, const struct khap_view_section *section,
                const struct khap_line *line, struct khap_words *words)
{
    if (c->n == *room) {
        size_t more = *room < 64 ? 64 : *room * 2;
        struct covered_rule *rules =
            more > SIZE_MAX / sizeof *rules ? NULL : realloc(c->rules, more * sizeof *rules);
        if (rules == NULL)
            return false;
        c->rules = rules;
        *room = more;
    }
    struct khap_str text = trimmed(khap_line_text(line)), comment = khap_words_comment(words);
    if (comment.len > 0 && comment.len < text.len)
        text.len -= comment.len;
    c->rules[c->n] =
        (struct covered_rule){.place = khap_line_origin(khap_bundle_file_document(section->file), line),
                              .text = trimmed(text),
                              .section = section->name,
                              .order = c->n};
    c->n++;
    return true;
}

int coverage_of(struct report *r, const struct khap_bundle *bundle, const struct khap_target *target,
                struct coverage *c)
{
    struct khap_words *words = NULL;
    struct khap_view_section section = {.size = sizeof section};
    size_t room = 0;
    int status = report_status(r, khap_words_new(NULL, &words));
    if (status == EXIT_DONE)
        status = report_status(r, khap_view_new(NULL, bundle, target, NULL, NULL, &c->view));
    for (size_t i = 0; status == EXIT_DONE && khap_view_section_at(c->view, i, &section) == KHAP_OK; i++) {
        const struct khap_document *doc = khap_bundle_file_document(section.file);
        if (section.read == KHAP_FALSE)
            continue;
        for (const struct khap_line *line = section.head; line != section.last && status == EXIT_DONE;) {
            line = khap_line_next(doc, line);
            enum khap_status read = khap_words_read(words, doc, line);
            if (read == KHAP_OK && is_rule(words) && !add(c, &room, &section, line, words))
                read = KHAP_ENOMEM;
            if (read == KHAP_ENOMEM)
                status = report_status(r, read);
        }
    }
    khap_words_free(words);
    if (c->n > 1)
        qsort(c->rules, c->n, sizeof *c->rules, compare);
    return status;
}

void coverage_add(struct coverage *c, const struct khap_route_answer *answer)
{
    struct khap_route_outcome o = {.size = sizeof o};
    struct khap_route_step step = {.size = sizeof step};
    for (size_t i = 0; c->n > 0 && khap_route_outcome_at(answer, i, &o) == KHAP_OK; i++) {
        for (size_t k = 0; khap_route_step_at(answer, i, k, &step) == KHAP_OK; k++) {
            const struct covered_rule wanted = {.text = step.text};
            struct covered_rule *found = bsearch(&wanted, c->rules, c->n, sizeof *c->rules, compare);
            if (found == NULL || step.held == KHAP_FALSE || found->reached)
                continue;
            found->reached = true;
            c->reached++;
        }
    }
}

void coverage_finish(struct coverage *c)
{
    if (c->n > 1)
        qsort(c->rules, c->n, sizeof *c->rules, by_order);
}

void coverage_free(struct coverage *c)
{
    khap_view_free(c->view);
    free(c->rules);
}
