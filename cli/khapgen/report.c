/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "khapgen/report.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct khap_str word(const char *nul_terminated)
{
    return (struct khap_str){nul_terminated, strlen(nul_terminated)};
}

static int to_standard_error(void *ctx, const char *data, size_t len)
{
    (void)ctx;
    while (len > 0) {
        ssize_t n = write(STDERR_FILENO, data, len);
        if (n < 0)
            return -1;
        data += n;
        len -= (size_t)n;
    }
    return 0;
}

int report_no_memory(void)
{
    static const char text[] = "khapgen: error: out of memory\n";
    to_standard_error(NULL, text, sizeof text - 1);
    return EXIT_FAILED;
}

int report_open(struct report *r)
{
    *r = (struct report){0};
    if (khap_sources_new(NULL, &r->sources) != KHAP_OK ||
        khap_diags_new(NULL, r->sources, &r->diags) != KHAP_OK) {
        report_close(r);
        return report_no_memory();
    }
    return EXIT_DONE;
}

void report_close(struct report *r)
{
    khap_diags_free(r->diags);
    khap_sources_free(r->sources);
    r->diags = NULL;
    r->sources = NULL;
}

/* https://no-color.org: any value but an empty one */
static bool in_colour(void)
{
    const char *no = getenv("NO_COLOR"), *term = getenv("TERM");
    if (no != NULL && no[0] != '\0')
        return false;
    return isatty(STDERR_FILENO) && term != NULL && strcmp(term, "dumb") != 0;
}

bool report_show(struct report *r)
{
    struct khap_sink sink = {.write = to_standard_error};
    enum khap_status status = r->sarif ? KHAP_OK
                              : r->json
                                  ? khap_diags_print_json(r->diags, &sink)
                                  : khap_diags_print(r->diags, in_colour() ? KHAP_PRINT_COLOUR : 0, &sink);
    bool whole = status != KHAP_ENOMEM && !r->no_memory;
    if (!whole)
        report_no_memory();
    return whole;
}

void report_say(struct report *r, const char *code, struct khap_place place, struct khap_str first,
                struct khap_str second)
{
    struct khap_str words[2] = {first, second};
    if (khap_diags_report(r->diags, word(code), place, words, 2) != KHAP_OK)
        r->no_memory = true;
}

void report_about(struct report *r, const char *code, const char *name, struct khap_str first,
                  struct khap_str second)
{
    struct khap_place place = {0};
    if (khap_sources_add(r->sources, word(name), (struct khap_str){0}, &place.source) != KHAP_OK)
        r->no_memory = true;
    report_say(r, code, place, first, second);
}

int report_status(struct report *r, enum khap_status status)
{
    switch (status) {
    case KHAP_OK:
        return EXIT_DONE;
    case KHAP_EINPUT:
    case KHAP_ELIMIT:
    case KHAP_ENOENT:
        if (khap_diags_count(r->diags, KHAP_ERROR) == 0)
            report_about(r, "operation-failed", "khapgen", word(khap_status_text(status)), WORD(""));
        return EXIT_UNUSABLE;
    case KHAP_ENOMEM:
        r->no_memory = true;
        return EXIT_FAILED;
    case KHAP_EINVAL:
    case KHAP_EIO:
    case KHAP_EREFUSED:
        break;
    }
    if (khap_diags_count(r->diags, KHAP_ERROR) == 0)
        report_about(r, "operation-failed", "khapgen", word(khap_status_text(status)), WORD(""));
    return EXIT_FAILED;
}
