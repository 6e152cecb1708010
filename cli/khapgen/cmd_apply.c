/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "khapgen/apply_pass.h"
#include "khapgen/commands.h"

#ifdef HAVE_KHAPD
#include "khapd/pass.h"
#endif

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct apply {
    struct report report;
    struct operands operands;
    struct apply_pass pass;
    const char *config;
    bool help;
};

static int take(void *ctx, const struct options *o)
{
    struct apply *a = ctx;
    struct apply_pass *p = &a->pass;
    switch (o->id) {
    case OPTION_DIRECTORY:
        p->directory = o->value;
        break;
    case OPTION_CONFIG:
        a->config = o->value;
        break;
    case OPTION_BINARY:
        p->binary = strcmp(o->value, "none") == 0 ? NULL : o->value;
        break;
    case OPTION_TARGET:
        p->stated = o->value;
        break;
    case OPTION_SOCKET:
        p->socket = o->value;
        break;
    case OPTION_MASTER:
        p->master = o->value;
        break;
    case OPTION_DRY_RUN:
        p->dry_run = true;
        break;
    case OPTION_FORCE:
        p->overwrite = true;
        break;
    case OPTION_ALLOW:
        p->allow = o->value;
        break;
    case OPTION_HELP:
        a->help = true;
        break;
    case OPTION_FORMAT:
    case OPTION_JSON:
        return command_format(&a->report, o) ? EXIT_DONE : EXIT_UNUSABLE;
    default:
        break;
    }
    return EXIT_DONE;
}

static void summary(const struct apply *a)
{
    const struct apply_pass *p = &a->pass;
    bool reload = p->reloaded || (p->dry_run && p->must_reload);
    size_t n = p->diff != NULL ? diff_show(&a->report, p->diff) : 0;
    printf("%zu at run time, %d reload%s\n", reload ? 0 : n, reload, reload ? "" : "s");
}

#ifdef HAVE_KHAPD
static int carry_out(struct apply *a, struct settings *s)
{
    struct outcome o;
    const struct pass_asked asked = {.dry_run = a->pass.dry_run};
    if (a->pass.overwrite)
        s->values[KEY_HAPROXY_OVERWRITE].flag = true;
    pass_run(s, &asked, &o);
    int status = o.status;
    (void)fwrite(o.said[SAID_DIAGS].ptr, 1, o.said[SAID_DIAGS].len, stderr);
    if (status == EXIT_DONE) {
        bool reload = o.reloaded || (asked.dry_run && o.must_reload);
        (void)fwrite(o.said[SAID_CHANGES].ptr, 1, o.said[SAID_CHANGES].len, stdout);
        printf("%" PRIu32 " at run time, %d reload%s\n", reload ? 0 : o.changes, reload, reload ? "" : "s");
    }
    if (status == EXIT_DONE && o.degraded + o.faults > 0)
        status = EXIT_UNUSABLE;
    outcome_free(&o);
    return status;
}

/* One pass as khapd makes it. */
static int by_settings(struct apply *a)
{
    struct settings s;
    if (a->operands.n > 0 || a->pass.directory != NULL || a->pass.socket != NULL || a->pass.master != NULL) {
        report_about(&a->report, "apply-config", a->config, WORD(""), WORD(""));
        return EXIT_UNUSABLE;
    }
    int status = settings_read(&a->report, a->config, &s);
    (void)report_show(&a->report);
    report_close(&a->report);
    if (status == EXIT_DONE) {
        s.values[KEY_LOG_FORMAT].text = a->report.json ? "json" : "text";
        status = carry_out(a, &s);
    }
    settings_free(&s);
    int opened = report_open(&a->report);
    return status > opened ? status : opened;
}
#else
static int by_settings(struct apply *a)
{
    report_about(&a->report, "apply-config", a->config, WORD(""), WORD(""));
    return EXIT_UNUSABLE;
}
#endif

static int run(struct apply *a, const char *const *words)
{
    int status = command_read(&a->report, COMMAND_APPLY, words, a, take, &a->operands);
    if (status != EXIT_DONE)
        return status;
    if (a->help) {
        options_help(COMMAND_APPLY, stdout);
        return command_finish_output(&a->report);
    }
    if (a->config != NULL) {
        status = by_settings(a);
        int shown = command_finish_output(&a->report);
        return status > shown ? status : shown;
    }
    if (a->pass.directory == NULL || *a->pass.directory == '\0') {
        report_about(&a->report, "apply-option", "apply", WORD("--directory DIR"), WORD(""));
        return EXIT_UNUSABLE;
    }
    a->pass.maps = a->operands.of;
    a->pass.n_maps = a->operands.n;
    if (a->operands.n == 0) {
        report_about(&a->report, "apply-no-map", a->pass.directory, WORD(""), WORD(""));
        return EXIT_UNUSABLE;
    }
    status = apply_pass(&a->pass);
    if (status == EXIT_DONE)
        summary(a);
    int written = command_finish_output(&a->report);
    return status > written ? status : written;
}

int cmd_apply(const char *const *words)
{
    struct apply *a = calloc(1, sizeof *a);
    if (a == NULL)
        return report_no_memory();
    a->pass.report = &a->report;
    a->pass.binary = "/usr/sbin/haproxy";
    a->pass.lock = -1;
    int status = report_open(&a->report);
    if (status == EXIT_DONE) {
        status = run(a, words);
        (void)report_show(&a->report);
        report_close(&a->report);
    }
    apply_pass_free(&a->pass);
    free(a->operands.of);
    free(a);
    return status;
}
