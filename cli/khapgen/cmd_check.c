/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "khapgen/commands.h"
#include "khapgen/input.h"
#include "khapgen/output.h"
#include "khapgen/target.h"

#include <khap/khap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LARGEST_RULES = 1 << 20 };

struct check {
    struct report report;
    struct inputs inputs;
    struct input_files opened;
    const char **files;
    size_t n_files;
    const char *target;
    enum khap_severity fail_on;
    bool help;
    struct khap_bundle *bundle;
    struct khap_rules *rules;
};

static int take_fail_on(struct check *c, const struct options *o)
{
    static const char *const names[] = {
        [KHAP_NOTE] = "note", [KHAP_WARNING] = "warning", [KHAP_ERROR] = "error"};
    for (int severity = KHAP_NOTE; severity <= KHAP_ERROR; severity++) {
        if (strcmp(o->value, names[severity]) == 0) {
            c->fail_on = (enum khap_severity)severity;
            return EXIT_DONE;
        }
    }
    report_about(&c->report, "option-value", "check", word(o->name), word(o->value));
    return EXIT_UNUSABLE;
}

/* Reads rules; `name` is what they are called where one of them is wrong. */
static int take_rules(struct check *c, struct khap_str name, struct khap_str text, uint32_t source)
{
    int status = source != 0
                     ? EXIT_DONE
                     : report_status(&c->report, khap_sources_add(c->report.sources, name, text, &source));
    return status != EXIT_DONE
               ? status
               : report_status(&c->report, khap_rules_read(c->rules, text, source, c->report.diags));
}

static int take_rules_file(struct check *c, const char *path)
{
    struct khap_str text;
    uint32_t source;
    int status = input_text(&c->report, &c->inputs, path, LARGEST_RULES, &text, &source);
    return status != EXIT_DONE ? status : take_rules(c, word(path), text, source);
}

/* The words of --ignore and --severity are rules, too: each code and what becomes of it is a line. */
static int take_rule_words(struct check *c, const struct options *o)
{
    static const char ignore[] = " ignore\n";
    const bool severity = o->id == OPTION_SEVERITY;
    const size_t len = strlen(o->value);
    if (len > SIZE_MAX / sizeof ignore - 1)
        return report_status(&c->report, KHAP_ENOMEM);
    char *text = malloc((len + 1) * sizeof ignore), *out = text;
    if (text == NULL)
        return report_status(&c->report, KHAP_ENOMEM);
    for (const char *at = o->value; *at != '\0'; at++) {
        bool part = *at == (severity ? '=' : ',');
        if (part && !severity)
            out = (char *)memcpy(out, ignore, sizeof ignore - 1) + (sizeof ignore - 1);
        else
            *out++ = part || *at == '\n' ? ' ' : *at;
    }
    if (!severity)
        out = (char *)memcpy(out, ignore, sizeof ignore - 1) + (sizeof ignore - 1);
    struct khap_str rules = {text, (size_t)(out - text)};
    if (!inputs_keep(&c->inputs, rules))
        return report_status(&c->report, KHAP_ENOMEM);
    return take_rules(c, severity ? WORD("--severity") : WORD("--ignore"), rules, 0);
}

static int take_option(struct check *c, const struct options *o)
{
    switch (o->id) {
    case OPTION_TARGET:
        c->target = o->value;
        break;
    case OPTION_FAIL_ON:
        return take_fail_on(c, o);
    case OPTION_IGNORE:
    case OPTION_SEVERITY:
        return take_rule_words(c, o);
    case OPTION_RULES:
        return take_rules_file(c, o->value);
    case OPTION_FORMAT:
    case OPTION_JSON:
        return command_format(&c->report, o) ? EXIT_DONE : EXIT_UNUSABLE;
    case OPTION_HELP:
        c->help = true;
        break;
    default:
        break;
    }
    return EXIT_DONE;
}

static int read_options(struct check *c, const char *const *words)
{
    struct options o;
    enum option_result result;
    int status = EXIT_DONE;
    size_t n = 0;
    while (words[n] != NULL)
        n++;
    int rules = report_status(&c->report, khap_rules_new(NULL, &c->rules));
    if (rules != EXIT_DONE)
        return rules;
    c->files = malloc((n + 1) * sizeof *c->files);
    if (c->files == NULL)
        return report_status(&c->report, KHAP_ENOMEM);
    options_start(&o, COMMAND_CHECK, words);
    while ((result = options_next(&o)) != OPTION_END) {
        int one = EXIT_DONE;
        if (result == OPTION_OPERAND)
            c->files[c->n_files++] = o.value;
        else
            one = result == OPTION_READ ? take_option(c, &o) : command_bad_option(&c->report, &o, result);
        if (one != EXIT_DONE)
            status = one;
    }
    if (status == EXIT_DONE && !c->help && c->n_files == 0) {
        report_about(&c->report, "no-file", "check", WORD(""), WORD(""));
        status = EXIT_UNUSABLE;
    }
    return status;
}

static int run(struct check *c, const char *const *words)
{
    struct khap_target target;
    int status = read_options(c, words);
    if (status != EXIT_DONE)
        return status;
    if (c->help) {
        options_help(COMMAND_CHECK, stdout);
        return command_finish_output(&c->report);
    }
    khap_target_init(&target);
    target.first = target.last = KHAP_NEWEST;
    if (c->target != NULL)
        status = target_read(&c->report, c->target, &target);
    if (status == EXIT_DONE)
        status = input_bundle(&c->report, &c->inputs, &c->opened, &target, c->files, c->n_files, &c->bundle);
    if (status == EXIT_DONE) {
        struct khap_check_options options;
        khap_check_options_init(&options);
        options.rules = c->rules;
        status = report_status(&c->report, khap_check(NULL, c->bundle, &target, &options, c->report.diags));
        if (status == EXIT_DONE && khap_diags_count(c->report.diags, c->fail_on) > 0)
            status = EXIT_NO;
    }
    return status;
}

static enum khap_status print_sarif(void *ctx, const struct khap_sink *sink)
{
    const struct report *r = ctx;
    return khap_diags_print_sarif(r->diags, sink);
}

int cmd_check(const char *const *words)
{
    struct check c = {.fail_on = KHAP_ERROR};
    int status = report_open(&c.report);
    if (status != EXIT_DONE)
        return status;
    status = run(&c, words);
    if (c.report.sarif) {
        int printed = output_print(&c.report, &c.report, print_sarif);
        if (printed != EXIT_DONE)
            status = printed;
        c.report.sarif = printed == EXIT_DONE; /* else that is told as text */
    }
    report_show(&c.report);
    khap_bundle_free(c.bundle);
    khap_rules_free(c.rules);
    report_close(&c.report);
    inputs_free(&c.inputs);
    free(c.files);
    return status;
}
