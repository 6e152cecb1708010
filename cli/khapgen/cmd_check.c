/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "khapgen/asked.h"
#include "khapgen/commands.h"
#include "khapgen/diff_text.h"
#include "khapgen/file_type.h"
#include "khapgen/fix.h"
#include "khapgen/input.h"
#include "khapgen/output.h"
#include "khapgen/target.h"

#include <khap/khap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#ifdef HAVE_OPENSSL
#include "cert.h"
#endif

enum { LARGEST_RULES = 1 << 20 };

struct check {
    struct report report;
    struct inputs inputs;
    struct input_files opened;
    const char **files;
    size_t n_files;
    const char *target, *type;
    enum khap_severity fail_on;
    uint32_t expires_days;
    bool help;
    struct khap_bundle *bundle;
    bool maps;          /* the files are service maps or manifests */
    struct asked asked; /* what they become */
    struct khap_rules *rules;
    struct khap_target for_target;
    struct fixed fixed;
    bool fix, dry_run, look_at_files, env_only;
    const char **variables; /* NAME=VALUE, or NAME of this environment */
    size_t n_variables;
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

/* Days, at most a hundred years of them. */
static int take_days(struct check *c, const struct options *o)
{
    uint32_t n = 0;
    const char *at = o->value;
    for (; *at >= '0' && *at <= '9' && n <= 36500; at++)
        n = n * 10 + (uint32_t)(*at - '0');
    if (at == o->value || *at != '\0' || n > 36500) {
        report_about(&c->report, "option-value", "check", word(o->name), word(o->value));
        return EXIT_UNUSABLE;
    }
    c->expires_days = n;
    return EXIT_DONE;
}

static int take_option(struct check *c, const struct options *o)
{
    switch (o->id) {
    case OPTION_TARGET:
        c->target = o->value;
        break;
    case OPTION_TYPE:
        c->type = o->value;
        break;
    case OPTION_ALLOW:
        c->asked.allow = o->value;
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
    case OPTION_ENV:
        c->variables[c->n_variables++] = o->value;
        break;
    case OPTION_ENV_ONLY:
        c->env_only = true;
        break;
    case OPTION_EXPIRES:
        return take_days(c, o);
    case OPTION_FILES:
        c->look_at_files = true;
        break;
    case OPTION_FIX:
        c->fix = true;
        break;
    case OPTION_DRY_RUN:
        c->dry_run = true;
        break;
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
    c->variables = malloc((n + 1) * sizeof *c->variables);
    if (c->files == NULL || c->variables == NULL)
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
    for (size_t i = 0; i < c->n_files && c->fix; i++) {
        if (strcmp(c->files[i], "-") == 0) {
            report_about(&c->report, "option-needs", "check", WORD("--fix"),
                         WORD("files, not standard input"));
            status = EXIT_UNUSABLE;
        }
    }
    if (c->dry_run && !c->fix) {
        report_about(&c->report, "option-needs", "check", WORD("--dry-run"), WORD("--fix"));
        status = EXIT_UNUSABLE;
    }
    if (status == EXIT_DONE && !c->help && c->n_files == 0) {
        report_about(&c->report, "no-file", "check", WORD(""), WORD(""));
        status = EXIT_UNUSABLE;
    }
    return status;
}

/* The last one given of a name holds. */
static enum khap_status environment(void *ctx, struct khap_str name, struct khap_str *value)
{
    const struct check *c = ctx;
    for (size_t i = c->n_variables; i-- > 0;) {
        const char *given = c->variables[i], *equals = strchr(given, '=');
        size_t len = equals != NULL ? (size_t)(equals - given) : strlen(given);
        if (len != name.len || memcmp(given, name.ptr, len) != 0)
            continue;
        const char *text = equals != NULL ? equals + 1 : getenv(given);
        if (text == NULL)
            return KHAP_ENOENT;
        *value = word(text);
        return KHAP_OK;
    }
    /* those that HAProxy sets itself are set in any case */
    bool own =
        name.len > 0 && (name.ptr[0] == '.' || (name.len >= 8 && memcmp(name.ptr, "HAPROXY_", 8) == 0));
    return c->env_only && !own ? KHAP_ENOENT : KHAP_EREFUSED;
}

static bool is(struct khap_str text, const char *wanted)
{
    return text.len == strlen(wanted) && memcmp(text.ptr, wanted, text.len) == 0;
}

/* What `.if` asks for: variables, and features of the build that -t names. */
static int ask(void *ctx, struct khap_str predicate, struct khap_str argument)
{
    const struct check *c = ctx;
    if (is(predicate, "defined")) {
        struct khap_str value;
        enum khap_status found = environment(ctx, argument, &value);
        return found == KHAP_OK ? KHAP_TRUE : found == KHAP_ENOENT ? KHAP_FALSE : KHAP_UNKNOWN;
    }
    /* PCRE and PCRE2 are two features to HAProxy, and one here */
    if (is(predicate, "feature") && !(argument.len >= 4 && memcmp(argument.ptr, "PCRE", 4) == 0)) {
        enum khap_feature there = khap_target_feature(&c->for_target, argument);
        return there == KHAP_FEATURE_PRESENT  ? KHAP_TRUE
               : there == KHAP_FEATURE_ABSENT ? KHAP_FALSE
                                              : KHAP_UNKNOWN;
    }
    return KHAP_UNKNOWN;
}

/* What a map or manifests become is checked, and told at the places that ask for it. */
static int read_maps(struct check *c, struct report *r, const struct khap_bundle **bundle)
{
    int status = asked_read(r, &c->asked, c->files, c->n_files, c->target, c->type);
    c->for_target = c->asked.target;
    *bundle = c->asked.bundle;
    return status;
}

/* Reads the files and checks them. */
static int check_files(void *ctx, struct report *r, struct inputs *in, struct input_files *files,
                       struct khap_bundle **bundle)
{
    struct check *c = ctx;
    struct khap_check_options options;
    khap_check_options_init(&options);
    options.rules = c->rules;
    options.now = (int64_t)time(NULL);
    options.expires_days = c->expires_days;
    const struct khap_if_facts facts = {
        .size = sizeof facts, .ctx = c, .ask = ask, .environment = environment};
    options.facts = &facts;
    struct khap_file_source source = input_file_source(files);
    if (c->look_at_files)
        options.files = &source;
    options.sources = r->sources;
#ifdef HAVE_OPENSSL
    struct khap_cert_reader certs = cert_reader();
    if (c->look_at_files)
        options.certs = &certs;
#endif
    const struct khap_bundle *made = NULL;
    int status = c->maps ? read_maps(c, r, &made)
                         : input_bundle(r, in, files, &c->for_target, c->files, c->n_files, bundle);
    if (status == EXIT_DONE)
        status =
            report_status(r, khap_check(NULL, c->maps ? made : *bundle, &c->for_target, &options, r->diags));
    return status;
}

static enum khap_status print_now(void *ctx, const struct khap_sink *sink)
{
    const struct fixed_file *file = ctx;
    return sink->write(sink->ctx, file->now.ptr, file->now.len) == 0 ? KHAP_OK : KHAP_EIO;
}

static enum khap_status print_diff(void *ctx, const struct khap_sink *sink)
{
    const struct fixed_file *file = ctx;
    return diff_text(file->old, file->now, word(file->path), word(file->path), sink);
}

/* Puts the fixes into the files, or shows them. */
static int fix_files(struct check *c)
{
    int status = fix_find(&c->report, check_files, c, &c->fixed);
    for (size_t i = 0; i < c->fixed.n && status == EXIT_DONE; i++) {
        struct fixed_file *file = &c->fixed.files[i];
        if (file->made > 0)
            status = c->dry_run ? output_print(&c->report, file, print_diff)
                                : output_in_place(&c->report, file->path, file->old, file, print_now);
    }
    if (!c->dry_run) {
        c->opened.laid = c->fixed.laid;
        c->opened.n_laid = c->fixed.n;
    }
    return status;
}

/* How many fixes each file has got, and how many it has not. */
static void tell_fixes(struct check *c)
{
    char made[64], left[24];
    for (size_t i = 0; i < c->fixed.n; i++) {
        const struct fixed_file *file = &c->fixed.files[i];
        size_t n = fix_left(&c->report, file->path);
        if (c->dry_run)
            n -= n < file->made ? n : file->made;
        if (file->made == 0 && n == 0)
            continue;
        snprintf(made, sizeof made, "%s: %zu", c->dry_run ? "that would be made" : "made", file->made);
        snprintf(left, sizeof left, "%zu", n);
        report_about(&c->report, "fixes", file->path, word(made), word(left));
    }
}

static int run(struct check *c, const char *const *words)
{
    int status = read_options(c, words);
    if (status != EXIT_DONE)
        return status;
    if (c->help) {
        options_help(COMMAND_CHECK, stdout);
        return command_finish_output(&c->report);
    }
    khap_target_init(&c->for_target);
    c->for_target.first = c->for_target.last = KHAP_NEWEST;
    if (c->target != NULL)
        status = target_read(&c->report, c->target, &c->for_target);
    enum file_type type = FILE_CONFIGURATION;
    if (status == EXIT_DONE)
        status = file_types(&c->report, &c->asked.inputs, c->files, c->n_files, c->type, &type);
    c->maps = type == FILE_MAP;
    if (c->asked.inputs.standard.ptr != NULL && !c->maps) /* it was looked into, and is read once */
        c->inputs.standard = c->asked.inputs.standard;
    if (status == EXIT_DONE && c->fix && c->maps) {
        report_about(&c->report, "option-needs", "check", WORD("--fix"), WORD("configurations"));
        status = EXIT_UNUSABLE;
    }
    if (status == EXIT_DONE && c->fix)
        status = fix_files(c);
    if (status == EXIT_DONE)
        status = check_files(c, &c->report, &c->inputs, &c->opened, &c->bundle);
    if (status == EXIT_DONE && khap_diags_count(c->report.diags, c->fail_on) > 0)
        status = EXIT_NO;
    if (c->fix)
        tell_fixes(c);
    return status;
}

static enum khap_status print_sarif(void *ctx, const struct khap_sink *sink)
{
    const struct report *r = ctx;
    return khap_diags_print_sarif(r->diags, sink);
}

int cmd_check(const char *const *words)
{
    struct khap_check_options defaults;
    khap_check_options_init(&defaults);
    struct check c = {.fail_on = KHAP_ERROR, .expires_days = defaults.expires_days};
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
    if (!report_show(&c.report)) /* what is told is the answer */
        status = EXIT_FAILED;
    khap_bundle_free(c.bundle);
    khap_rules_free(c.rules);
    fix_free(&c.fixed);
    report_close(&c.report);
    inputs_free(&c.inputs);
    asked_free(&c.asked);
    free(c.files);
    free(c.variables);
    return status;
}
