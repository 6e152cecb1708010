/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "khapgen/commands.h"
#include "khapgen/maps.h"
#include "khapgen/output.h"
#include "khapgen/target.h"

#include <errno.h>
#include <khap/khap.h>
#include <khap/gen.h>
#include <khap/model.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#ifdef HAVE_OPENSSL
#include "cert.h"
#endif

#define DEFAULT_MAX_INPUT (UINT64_C(256) << 20)

struct generate {
    struct report report;
    struct inputs inputs;
    const char *const *words;
    const char *target, *output, *directory, *into, *allow;
    struct khap_str old; /* what stands in `into` */
    struct output_options out;
    uint64_t max_input;
    size_t maps;
    bool help;
    struct khap_model *model;
    struct khap_kube *kube;
    struct khap_bundle *bundle;
    uint16_t oldest; /* release that the bundle is for */
    int64_t now;
    struct khap_str placeholder; /* what was made anew */
};

static int worse(int a, int b)
{
    return a > b ? a : b;
}

/* Digits, and k, m or g. False when it is no size that fits. */
static bool read_size(const char *text, uint64_t *out)
{
    uint64_t n = 0;
    const char *p = text;
    for (; *p >= '0' && *p <= '9'; p++) {
        uint64_t digit = (uint64_t)(*p - '0');
        if (n > (UINT64_MAX - digit) / 10)
            return false;
        n = n * 10 + digit;
    }
    if (p == text)
        return false;
    unsigned shift = 0;
    switch (*p) {
    case 'k':
    case 'K':
        shift = 10;
        break;
    case 'm':
    case 'M':
        shift = 20;
        break;
    case 'g':
    case 'G':
        shift = 30;
        break;
    default:
        break;
    }
    if (shift > 0)
        p++;
    if (*p != '\0' || n > UINT64_MAX >> shift)
        return false;
    *out = n << shift;
    return true;
}

static int take_option(struct generate *g, const struct options *o)
{
    struct report *r = &g->report;
    switch (o->id) {
    case OPTION_TARGET:
        g->target = o->value;
        break;
    case OPTION_OUTPUT:
        g->output = o->value;
        break;
    case OPTION_OUTPUT_DIR:
        g->directory = o->value;
        break;
    case OPTION_INTO:
        g->into = o->value;
        break;
    case OPTION_ALLOW:
        g->allow = o->value;
        break;
    case OPTION_FORCE:
        g->out.force = true;
        break;
    case OPTION_CHECK:
        g->out.check = true;
        break;
    case OPTION_DRY_RUN:
        g->out.dry_run = true;
        break;
    case OPTION_HELP:
        g->help = true;
        break;
    case OPTION_MAX_INPUT:
        if (!read_size(o->value, &g->max_input)) {
            report_about(r, "option-value", "generate", word(o->name), word(o->value));
            return EXIT_UNUSABLE;
        }
        break;
    case OPTION_FORMAT:
    case OPTION_JSON:
        return command_format(r, o) ? EXIT_DONE : EXIT_UNUSABLE;
    default: /* OPTION_SET is read later, over the maps */
        break;
    }
    return EXIT_DONE;
}

static int read_options(struct generate *g)
{
    struct report *r = &g->report;
    struct options o;
    enum option_result result;
    int status = EXIT_DONE;
    options_start(&o, COMMAND_GENERATE, g->words);
    while ((result = options_next(&o)) != OPTION_END) {
        if (result == OPTION_OPERAND)
            g->maps++;
        else
            status =
                worse(status, result == OPTION_READ ? take_option(g, &o) : command_bad_option(r, &o, result));
    }
    if (status != EXIT_DONE || g->help)
        return status;
    if (g->into != NULL && (g->output != NULL || g->directory != NULL)) {
        report_about(r, "options-exclude", "generate", WORD("--into"),
                     g->output != NULL ? WORD("--output") : WORD("--output-dir"));
        return EXIT_UNUSABLE;
    }
    if (g->output != NULL && strcmp(g->output, "-") == 0)
        g->output = NULL;
    else if (g->output != NULL && g->directory != NULL) {
        report_about(r, "options-exclude", "generate", WORD("--output"), WORD("--output-dir"));
        return EXIT_UNUSABLE;
    }
    if (g->into != NULL && strcmp(g->into, "-") == 0) {
        report_about(r, "option-value", "generate", WORD("--into"), WORD("-"));
        return EXIT_UNUSABLE;
    }
    if (g->out.check && g->output == NULL && g->directory == NULL && g->into == NULL) {
        report_about(r, "option-needs", "generate", WORD("--check"),
                     WORD("-o FILE, --output-dir DIR or --into FILE"));
        return EXIT_UNUSABLE;
    }
    if (g->maps == 0) {
        report_about(r, "no-input", "generate", WORD(""), WORD(""));
        return EXIT_UNUSABLE;
    }
    return EXIT_DONE;
}

static int read_maps(struct generate *g)
{
    struct options o;
    enum option_result result;
    int status = EXIT_DONE;
    struct maps maps = {.report = &g->report, .inputs = &g->inputs, .model = g->model, .allow = g->allow};
    options_start(&o, COMMAND_GENERATE, g->words);
    while (status != EXIT_FAILED && (result = options_next(&o)) != OPTION_END) {
        if (result == OPTION_OPERAND)
            status = worse(status, maps_read(&maps, o.value, g->max_input));
    }
    status = worse(status, maps_finish(&maps, false));
    g->kube = maps.kube;
    return status;
}

/* KEY=VALUE, where a name in KEY may stand in double quotes and hold anything. */
static int set_one(struct generate *g, const char *text)
{
    struct report *r = &g->report;
    struct khap_place place = {.len = (uint32_t)strlen(text)};
    int status = report_status(r, khap_sources_add(r->sources, WORD("--set"), word(text), &place.source));
    if (status != EXIT_DONE)
        return status;
    size_t at = 0;
    bool quoted = false;
    while (text[at] != '\0' && (quoted || text[at] != '=')) {
        if (text[at] == '"')
            quoted = !quoted;
        at++;
    }
    if (at == 0 || text[at] == '\0') {
        report_say(r, "set-syntax", place, WORD(""), WORD(""));
        return EXIT_UNUSABLE;
    }
    return report_status(
        r, khap_model_set(g->model, (struct khap_str){text, at}, word(text + at + 1), place, r->diags));
}

static int apply_sets(struct generate *g)
{
    struct options o;
    enum option_result result;
    int status = EXIT_DONE;
    options_start(&o, COMMAND_GENERATE, g->words);
    while ((result = options_next(&o)) != OPTION_END) {
        if (result != OPTION_READ || o.id != OPTION_SET)
            continue;
        int one = set_one(g, o.value);
        if (one == EXIT_FAILED)
            return one;
        status = worse(status, one);
    }
    return status;
}

/* Whether a map is the file that the block would go into. */
static bool into_a_map(struct generate *g)
{
    struct options o;
    enum option_result result;
    struct stat own, map;
    options_start(&o, COMMAND_GENERATE, g->words);
    while ((result = options_next(&o)) != OPTION_END) {
        if (result != OPTION_OPERAND || stat(g->into, &own) != 0 || stat(o.value, &map) != 0 ||
            own.st_dev != map.st_dev || own.st_ino != map.st_ino)
            continue;
        report_about(&g->report, "into-the-map", g->into, WORD(""), WORD(""));
        return true;
    }
    return false;
}

/* The file of one's own. An empty one is good, one that is not there is most likely misspelled. */
static int read_into(struct generate *g, struct khap_generate_options *options)
{
    struct report *r = &g->report;
    struct stat st;
    if (into_a_map(g))
        return EXIT_UNUSABLE;
    if (stat(g->into, &st) == 0 && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode)) {
        report_about(r, "into-no-file", g->into, WORD(""), WORD(""));
        return EXIT_UNUSABLE;
    }
    int status = input_text(r, &g->inputs, g->into, g->max_input, &g->old, &options->into_source);
    if (status != EXIT_DONE)
        return status;
    options->into = g->old;
    options->into_force = g->out.force;
    return EXIT_DONE;
}

#ifdef HAVE_OPENSSL
/* A certificate that is there, with its key, and good for a month. */
static bool is_good(const struct generate *g, struct khap_str pem)
{
    struct khap_cert_info info = {.size = sizeof info};
    const struct khap_cert_reader reader = cert_reader();
    return reader.read(reader.ctx, pem, WORD(""), &info) == KHAP_OK && info.certs > 0 &&
           info.key == KHAP_CERT_KEY_MATCHES && info.not_before <= g->now &&
           info.not_after >= g->now + 30 * INT64_C(86400);
}

/* The certificate of the last time, or a new one: saving tells when it would replace one of somebody else. */
static enum khap_status placeholder(void *ctx, struct khap_str name, struct khap_str *pem)
{
    enum { LARGEST = 1 << 20 };
    struct generate *g = ctx;
    enum input_result result = input_below(&g->inputs, g->directory, name, LARGEST, pem);
    int error = errno;
    if (result == INPUT_NO_MEMORY)
        return KHAP_ENOMEM;
    if (result == INPUT_READ && is_good(g, *pem))
        return KHAP_OK;
    if (result == INPUT_ERROR && error != ENOENT && error != ENOTDIR)
        return KHAP_EIO;
    enum khap_status status = cert_self_signed(g->now, &g->placeholder);
    *pem = g->placeholder;
    return status;
}
#endif

/* What the maps ask for, as a bundle. All that is wrong with them is found in one run: what could be read is
 * looked at, too. */
static int make_bundle(struct generate *g)
{
    struct report *r = &g->report;
    struct khap_generate_options options;
    khap_generate_options_init(&options);
    int status = EXIT_DONE;
    if (g->target != NULL) {
        status = target_read(r, g->target, &options.target);
    } else {
        enum khap_status found = khap_model_target(g->model, &options.target, r->diags);
        if (found != KHAP_ENOENT)
            status = report_status(r, found);
    }
    if (status != EXIT_DONE)
        return status;
    g->oldest = options.target.first;
    struct input_files opened = {0};
    struct khap_file_source files = input_file_source(&opened);
    options.files = &files;
    options.bundle = g->directory != NULL;
    options.held = maps_held;
    options.held_ctx = g->kube;
#ifdef HAVE_OPENSSL
    struct khap_cert_reader certs = cert_reader();
    options.certs = &certs;
    options.placeholder = placeholder;
    options.placeholder_ctx = g;
#endif
    options.now = g->now = (int64_t)time(NULL);
    status = g->into != NULL ? read_into(g, &options) : EXIT_DONE;
    if (status != EXIT_DONE)
        return status;
    return report_status(r, khap_generate(g->model, &options, r->diags, &g->bundle));
}

/* A word as a shell takes it. */
static void print_shell_word(const char *text)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/._-+:,@%";
    bool quoted = text[strspn(text, plain)] != '\0';
    if (quoted)
        putchar('\'');
    for (; *text; text++) {
        if (*text == '\'')
            fputs("'\\''", stdout);
        else
            putchar(*text);
    }
    if (quoted)
        putchar('\'');
}

/* Paths in a bundle are relative; from 2.4 on the configuration itself says to what. */
static void say_how_to_run(const struct generate *g)
{
    bool relative = g->oldest < KHAP_RELEASE(2, 4);
    fputs(relative ? "run it with: haproxy -C " : "run it with: haproxy -f ", stdout);
    print_shell_word(g->directory);
    if (relative)
        puts(" -f haproxy.cfg");
    else
        puts(g->directory[strlen(g->directory) - 1] == '/' ? "haproxy.cfg" : "/haproxy.cfg");
}

static int run(struct generate *g)
{
    int status = read_options(g);
    if (status != EXIT_DONE)
        return status;
    if (g->help) {
        options_help(COMMAND_GENERATE, stdout);
        return command_finish_output(&g->report);
    }
    status = report_status(&g->report, khap_model_new(NULL, &g->model));
    if (status != EXIT_DONE)
        return status;
    status = read_maps(g);
    if (status != EXIT_FAILED)
        status = worse(status, apply_sets(g));
    if (status != EXIT_FAILED)
        status = worse(status, make_bundle(g));
    if (status != EXIT_DONE)
        return status;
    if (g->directory != NULL) {
        status = output_to_directory(&g->report, g->bundle, g->directory, &g->out);
        if (status == EXIT_DONE && !g->out.check && !g->out.dry_run)
            say_how_to_run(g);
    } else if (g->into != NULL)
        status = output_into_file(&g->report, g->bundle, g->into, g->old, &g->out);
    else if (g->output != NULL)
        status = output_to_file(&g->report, g->bundle, g->output, &g->out);
    else if (!g->out.dry_run)
        return output_to_stdout(&g->report, g->bundle);
    return worse(status, command_finish_output(&g->report));
}

int cmd_generate(const char *const *words)
{
    struct generate g = {.words = words, .max_input = DEFAULT_MAX_INPUT};
    int status = report_open(&g.report);
    if (status != EXIT_DONE)
        return status;
    status = run(&g);
    (void)report_show(&g.report);
    khap_bundle_free(g.bundle);
    khap_model_free(g.model);
    khap_kube_free(g.kube);
#ifdef HAVE_OPENSSL
    cert_pem_free(g.placeholder);
#endif
    report_close(&g.report);
    inputs_free(&g.inputs);
    return status;
}
