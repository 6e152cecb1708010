/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "khapgen/commands.h"
#include "khapgen/nearest.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <khap/khap.h>

int command_bad_option(struct report *r, const struct options *o, enum option_result result)
{
    char nearest[64], text[96] = "";
    const char *name = command_name(o->command);
    if (result == OPTION_UNKNOWN) {
        if (options_nearest(o->command, o->name, nearest) != NULL)
            snprintf(text, sizeof text, "; did you mean %s?", nearest);
        report_about(r, "unknown-option", name, word(o->name), word(text));
    } else {
        report_about(r, result == OPTION_NO_VALUE ? "option-without-value" : "option-with-value", name,
                     word(o->name), WORD(""));
    }
    return EXIT_UNUSABLE;
}

int command_read(struct report *r, enum command_id command, const char *const *words, void *ctx,
                 int (*take)(void *ctx, const struct options *o), struct operands *operands)
{
    struct options o;
    enum option_result result;
    int status = EXIT_DONE;
    size_t n = 0;
    while (words[n] != NULL)
        n++;
    operands->n = 0;
    operands->of = malloc((n + 1) * sizeof *operands->of);
    if (operands->of == NULL)
        return report_status(r, KHAP_ENOMEM);
    options_start(&o, command, words);
    while ((result = options_next(&o)) != OPTION_END) {
        int one = EXIT_DONE;
        if (result == OPTION_OPERAND)
            operands->of[operands->n++] = o.value;
        else
            one = result == OPTION_READ ? take(ctx, &o) : command_bad_option(r, &o, result);
        if (one != EXIT_DONE)
            status = one;
    }
    return status;
}

bool command_format(struct report *r, const struct options *o)
{
    const bool json = o->id == OPTION_JSON || strcmp(o->value, "json") == 0;
    const bool sarif = !json && o->command == COMMAND_CHECK && strcmp(o->value, "sarif") == 0;
    r->json = json;
    r->sarif = sarif;
    if (!json && !sarif && strcmp(o->value, "text") != 0) {
        report_about(r, "format-unknown", command_name(o->command), word(o->name), word(o->value));
        return false;
    }
    return true;
}

int command_finish_output(struct report *r)
{
    errno = 0;
    if (fflush(stdout) == 0 && !ferror(stdout))
        return EXIT_DONE;
    report_about(r, "output-unwritable", "<stdout>", word(strerror(errno != 0 ? errno : EIO)), WORD(""));
    return EXIT_FAILED;
}

/* Of help and version, before there is a report. */
static int finish(void)
{
    struct report r;
    int status = report_open(&r);
    if (status != EXIT_DONE)
        return status;
    status = command_finish_output(&r);
    (void)report_show(&r);
    report_close(&r);
    return status;
}

/*
 * A file opened while one of the standard descriptors is closed would take its number, and diagnostics or
 * output would go into it. Each is filled with one that fails as the closed one would have.
 */
static bool fill_standard_descriptors(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) != fd)
            return false;
    return true;
}

/* Says which command a first word may mean that is neither a command nor a file; false when it is not near one. */
static bool misspelled(const char *first, int *status)
{
    struct nearest near;
    char text[64];
    struct report r;
    nearest_start(&near, first);
    for (int i = 0; i < COMMAND_COUNT; i++)
        nearest_offer(&near, command_name((enum command_id)i));
    if (near.best == NULL || strpbrk(first, "./-") != NULL || access(first, F_OK) == 0)
        return false;
    *status = report_open(&r);
    if (*status != EXIT_DONE)
        return true;
    snprintf(text, sizeof text, "; did you mean %s?", near.best);
    report_about(&r, "unknown-command", "khapgen", word(first), word(text));
    (void)report_show(&r);
    report_close(&r);
    *status = EXIT_UNUSABLE;
    return true;
}

int main(int argc, char **argv)
{
    if (!fill_standard_descriptors())
        return EXIT_FAILED;
    signal(SIGPIPE, SIG_IGN); /* a reader that went away is told like any other failure to write */
    if (argc < 1)
        return EXIT_UNUSABLE;
    const char *const *words = (const char *const *)argv + 1;
    if (words[0] != NULL) {
        if (strcmp(words[0], "--help") == 0 || strcmp(words[0], "-h") == 0) {
            options_help(COMMAND_COUNT, stdout);
            return finish();
        }
        if (strcmp(words[0], "--version") == 0) {
            printf("khapgen %s\n", khap_version());
            return finish();
        }
        switch (command_find(words[0])) {
        case COMMAND_APPLY:
            return cmd_apply(words + 1);
        case COMMAND_GENERATE:
            return cmd_generate(words + 1);
        case COMMAND_CHECK:
            return cmd_check(words + 1);
        case COMMAND_IMPORT:
            return cmd_import(words + 1);
        case COMMAND_MIGRATE:
            return cmd_migrate(words + 1);
        case COMMAND_EXPLAIN:
            return cmd_explain(words + 1);
        case COMMAND_PARSE:
            return cmd_parse(words + 1);
        case COMMAND_FMT:
            return cmd_fmt(words + 1);
        case COMMAND_DIFF:
            return cmd_diff(words + 1);
        case COMMAND_ROUTE:
            return cmd_route(words + 1);
        case COMMAND_GRAPH:
            return cmd_graph(words + 1);
        case COMMAND_TEST:
            return cmd_test(words + 1);
        case COMMAND_COUNT:
            break;
        }
        int status;
        if (misspelled(words[0], &status))
            return status;
    }
    return cmd_generate(words);
}
