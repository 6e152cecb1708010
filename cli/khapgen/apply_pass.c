/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "khapgen/apply_pass.h"
#include "khapgen/apply_reload.h"
#include "khapgen/apply_states.h"
#include "khapgen/apply_talk.h"
#include "khapgen/target.h"

#include <errno.h>
#include <fcntl.h>
#include <khap/apply.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { KEEP = 3, LOCK_MS = 10000, CHECK_MS = 120000, SAID = 1 << 20 };

static int about(struct apply_pass *a, const char *code, const char *text, int status)
{
    report_about(a->report, code, a->directory != NULL ? a->directory : "apply", word(text), WORD(""));
    return status;
}

static int directory_failed(struct apply_pass *a, int error)
{
    return about(a, "apply-directory", khap_apply_error_text(error), EXIT_FAILED);
}

static bool join(char room[APPLY_PATH], const char *directory, const char *rest)
{
    int n = snprintf(room, APPLY_PATH, "%s%s", directory, rest);
    return n > 0 && n < APPLY_PATH;
}

/* ---- what stands there */

/* One run at a time; the lock ends with the process. */
static int take_lock(struct apply_pass *a)
{
    if ((mkdir(a->directory, 0777) != 0 && errno != EEXIST) ||
        (mkdir(a->below, 0777) != 0 && errno != EEXIST))
        return directory_failed(a, errno);
    a->lock = open(a->below, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (a->lock < 0)
        return directory_failed(a, errno);
    for (int waited = 0; flock(a->lock, LOCK_EX | LOCK_NB) != 0; waited += 50) {
        if (errno != EWOULDBLOCK && errno != EINTR)
            return EXIT_DONE; /* where nothing can be locked, that is no failure */
        if (waited >= LOCK_MS)
            return about(a, "apply-directory", "another khapgen apply is at work", EXIT_FAILED);
        (void)nanosleep(&(struct timespec){.tv_nsec = 50 * 1000000L}, NULL);
    }
    return EXIT_DONE;
}

/* Once a pass, so that all of it is for one release. */
static int choose_target(struct apply_pass *a)
{
    char release[RELEASE_ROOM];
    if (a->binary != NULL)
        return join(a->target, "binary:", a->binary) ? EXIT_DONE : directory_failed(a, ENAMETOOLONG);
    if (a->socket != NULL && target_running(a->socket, release))
        return join(a->target, "", release) ? EXIT_DONE : EXIT_FAILED;
    if (a->stated != NULL && join(a->target, "", a->stated))
        return EXIT_DONE;
    return about(a, "apply-target",
                 a->socket != NULL ? "none answers at the socket, and no target is stated"
                                   : "there is neither a program nor a socket, and no target is stated",
                 EXIT_FAILED);
}

static int look(struct apply_pass *a)
{
    int32_t error = 0;
    if (!join(a->current, a->directory, "/current") || !join(a->mark, a->directory, "/pending") ||
        !join(a->below, a->directory, "/generations"))
        return directory_failed(a, ENAMETOOLONG);
    int status = choose_target(a);
    if (status == EXIT_DONE && !a->dry_run)
        status = take_lock(a);
    if (status != EXIT_DONE)
        return status;
    enum khap_status found = khap_generation_current(word(a->directory), &a->was, &error);
    if (found != KHAP_OK && found != KHAP_ENOENT && error != ENOTDIR)
        return directory_failed(a, error);
    a->first = found != KHAP_OK;
    a->pending = access(a->mark, F_OK) == 0;
    return EXIT_DONE;
}

static int is_renewed(void *ctx, struct khap_str path, struct khap_str text)
{
    struct apply_pass *a = ctx;
    bool renewed = apply_sums_differ(&a->sums, path, text);
    a->is_renewed = a->is_renewed || renewed;
    return renewed;
}

/* Once for both sides: the program takes its time to answer. */
static int read_target(struct apply_pass *a)
{
    struct khap_target target;
    khap_target_init(&target);
    target.first = target.last = KHAP_NEWEST;
    int status = EXIT_DONE;
    if (a->binary != NULL && a->known != NULL)
        target = *a->known;
    else
        status = target_read(a->report, a->target, &target);
    if (status == EXIT_DONE)
        a->reads = target;
    return status;
}

static int read_both(struct apply_pass *a)
{
    a->sides[1].in_use = true;
    a->sides[1].kube_options = a->kube_options;
    a->sides[1].aside = a->aside;
    a->sides[1].allow = a->allow;
    a->sides[1].certs = a->certs;
    a->sides[1].inputs.laid = a->laid;
    a->sides[1].inputs.n_laid = a->n_laid;
    a->sides[1].sides.seen_ctx = a->seen_ctx;
    a->sides[1].sides.seen = a->seen;
    a->sides[1].beside = a->first ? NULL : a->current;
    int status = read_target(a);
    if (status != EXIT_DONE)
        return status;
    a->sides[0].known = a->sides[1].known = a->observed.known = &a->reads;
    if (!a->first) {
        a->read_from[0] = a->current;
        status = asked_read(a->report, &a->sides[0], a->read_from, 1, a->target, "configuration");
    }
    if (status == EXIT_DONE && !a->first && a->drain_ms > 0) {
        a->leaving.drain_ms = a->drain_ms;
        a->sides[1].leaving = &a->leaving;
        if (!apply_leaving_open(&a->leaving, a->directory, a->sides[0].bundle))
            status = report_status(a->report, KHAP_ENOMEM);
    }
    if (status == EXIT_DONE)
        status = asked_read(a->report, &a->sides[1], a->maps, a->n_maps, a->target, "map");
    if (status != EXIT_DONE)
        return status;
    a->outside = a->sides[1].sides;
    const struct khap_file_source files = input_file_source(&a->outside);
    struct khap_diff_options options;
    khap_diff_options_init(&options);
    options.files = &files;
    options.ctx = a;
    options.renewed = is_renewed;
    if (!a->first && !apply_sums_read(&a->sums, a->directory))
        return report_status(a->report, KHAP_ENOMEM);
    return report_status(a->report, khap_diff_new(NULL, a->sides[a->first ? 1 : 0].bundle, a->sides[1].bundle,
                                                  &a->sides[1].target, &options, a->report->diags, &a->diff));
}

static void told_of_others(void *ctx, const struct khap_save_event *event)
{
    struct apply_pass *a = ctx;
    char path[APPLY_PATH];
    if (event->kind != KHAP_SAVE_EDITED && event->kind != KHAP_SAVE_OF_OTHERS)
        return;
    a->edited = true;
    snprintf(path, sizeof path, "%.*s", (int)event->path.len, event->path.ptr);
    report_about(a->report, a->overwrite ? "apply-overwritten" : "apply-edited", path, WORD(""), WORD(""));
}

/* Whether the files are the same, to the byte; `edited`: somebody changed one that an earlier run wrote. */
static bool is_same(struct apply_pass *a, bool *edited)
{
    struct khap_save_options save;
    uint32_t changed = 1;
    khap_save_options_init(&save);
    save.flags = KHAP_SAVE_CHECK;
    save.ctx = a;
    save.event = told_of_others;
    bool same = !a->first &&
                khap_save_bundle(&save, word(a->current), a->sides[1].bundle, &changed) == KHAP_OK &&
                changed == 0;
    *edited = a->edited;
    return same;
}

/* ---- HAProxy's own check */

/* Where the line came from that HAProxy speaks of: `[haproxy.cfg:12]`. */
static struct khap_place origin_of(const struct apply_pass *a, struct khap_str line)
{
    static const char file[] = "[haproxy.cfg:";
    const struct khap_bundle_file *first = khap_bundle_next(a->sides[1].bundle, NULL);
    const struct khap_document *doc = khap_bundle_file_document(first);
    const struct khap_line *l = NULL;
    for (size_t i = 0; i + sizeof file < line.len; i++) {
        unsigned n = 0;
        if (memcmp(line.ptr + i, file, sizeof file - 1) != 0)
            continue;
        for (i += sizeof file - 1; i < line.len && line.ptr[i] >= '0' && line.ptr[i] <= '9' && n < 100000000;
             i++)
            n = n * 10 + (unsigned)(line.ptr[i] - '0');
        while (doc != NULL && n-- > 0 && (l = khap_line_next(doc, l)) != NULL)
            ;
        break;
    }
    return l != NULL ? khap_line_origin(doc, l) : (struct khap_place){0};
}

static void tell_check(struct apply_pass *a, struct khap_str said)
{
    static const char alert[] = "[ALERT]";
    size_t told = 0;
    while (said.len > 0) {
        const char *end = memchr(said.ptr, '\n', said.len);
        struct khap_str line = {said.ptr, end != NULL ? (size_t)(end - said.ptr) : said.len};
        size_t all = line.len + (end != NULL);
        said.ptr += all;
        said.len -= all;
        if (line.len < sizeof alert || memcmp(line.ptr, alert, sizeof alert - 1) != 0)
            continue;
        struct khap_place place = origin_of(a, line);
        for (size_t i = 0; i + 3 < line.len; i++)
            if (memcmp(line.ptr + i, " : ", 3) == 0) {
                line.ptr += i + 3;
                line.len -= i + 3;
                break;
            }
        if (place.source != 0)
            report_say(a->report, "apply-refused", place, line, WORD(""));
        else if (told == 0 || memchr(line.ptr, ':', line.len) != NULL)
            report_about(a->report, "apply-refused", a->directory, line, WORD(""));
        told++;
    }
    if (told == 0)
        (void)about(a, "apply-refused", "it does not say why", EXIT_FAILED);
}

static int check(struct apply_pass *a)
{
    struct khap_run run = {.size = sizeof run, .timeout_ms = CHECK_MS};
    char path[APPLY_PATH + 16];
    size_t len = 0;
    if (a->binary == NULL)
        return EXIT_DONE; /* the process is the judge, when it is reloaded */
    snprintf(path, sizeof path, "%s/%u", a->below, (unsigned)a->now);
    a->said = malloc(SAID);
    if (a->said == NULL)
        return report_status(a->report, KHAP_ENOMEM);
    enum khap_status status = khap_haproxy_check(word(a->binary), word(path), a->said, SAID, &len, &run);
    if (status == KHAP_OK)
        return EXIT_DONE;
    if (run.error != 0)
        (void)about(a, "apply-check", khap_apply_error_text(run.error), EXIT_FAILED);
    else
        tell_check(a, (struct khap_str){a->said, len});
    return EXIT_FAILED;
}

/* ---- files */

static void told(void *ctx, const struct khap_save_event *event)
{
    struct apply_pass *a = ctx;
    struct khap_place place = {0};
    if (event->kind == KHAP_SAVE_FAILED &&
        khap_sources_add(a->report->sources, event->path, (struct khap_str){0}, &place.source) == KHAP_OK)
        report_say(a->report, "output-unwritable", place, event->text, WORD(""));
}

static bool write_mark(struct apply_pass *a)
{
    struct khap_save_options save;
    khap_save_options_init(&save);
    save.ctx = a;
    save.event = told;
    return khap_save_text(&save, word(a->mark), WORD("khapgen apply did not come to its end\n"), NULL) ==
           KHAP_OK;
}

static bool counts(const struct apply_pass *a, uint32_t number)
{
    uint32_t current = 0;
    return khap_generation_current(word(a->directory), &current, NULL) == KHAP_OK && current == number;
}

/* The new generation counts, and a mark says that the process may not have it yet. */
static int write_files(struct apply_pass *a)
{
    struct khap_save_options save;
    int32_t error = 0;
    /* what a run left that was killed: nobody is to go back to half of a configuration */
    if (!a->first)
        (void)khap_generation_prune(word(a->directory), KEEP, NULL);
    khap_save_options_init(&save);
    save.ctx = a;
    save.event = told;
    if (khap_generation_write(&save, word(a->directory), a->sides[1].bundle, &a->now) != KHAP_OK)
        return EXIT_FAILED;
    /* HAProxy wants the file to be there */
    int status = apply_states_empty(a->directory) ? EXIT_DONE : directory_failed(a, errno);
    if (status == EXIT_DONE && (a->first || khap_diff_may_be_refused(a->diff)))
        status = check(a);
    if (status == EXIT_DONE && a->drain_ms > 0 && !a->first)
        apply_leaving_write(&a->leaving, false);
    if (status == EXIT_DONE && !write_mark(a))
        status = EXIT_FAILED;
    if (status == EXIT_DONE && khap_generation_use(&save, word(a->directory), a->now, &error) != KHAP_OK) {
        status = directory_failed(a, error);
        /* it may count all the same, and only not be on the disk for sure */
        if (!a->pending && !counts(a, a->now))
            (void)unlink(a->mark);
    }
    if (status != EXIT_DONE)
        (void)khap_generation_remove(word(a->directory), a->now, NULL);
    return status;
}

/* What HAProxy says of it, without a word to what runs. */
static int only_check(struct apply_pass *a)
{
    struct khap_save_options save;
    khap_save_options_init(&save);
    save.flags = KHAP_SAVE_NO_SYNC;
    if (a->dry_run)
        return EXIT_DONE;
    if (khap_generation_write(&save, word(a->directory), a->sides[1].bundle, &a->now) != KHAP_OK)
        return EXIT_FAILED;
    int status = check(a);
    (void)khap_generation_remove(word(a->directory), a->now, NULL);
    return status;
}

static struct apply_reloader reloader(const struct apply_pass *a)
{
    return (struct apply_reloader){a->master, a->reload_command, a->n_reload_command, a->socket};
}

/* The last generation counts again. `touched`: the process may have something of the new one. */
static void bring_back(struct apply_pass *a, bool touched)
{
    const struct apply_reloader r = reloader(a);
    char why[WHY];
    bool answers;
    if (a->first || a->was == a->now ||
        khap_generation_use(NULL, word(a->directory), a->was, NULL) != KHAP_OK)
        return;
    (void)khap_generation_remove(word(a->directory), a->now, NULL);
    if (!a->pending && (!touched || apply_reload(&r, &answers, why)))
        (void)unlink(a->mark);
}

/* ---- the process */

/* Nobody listens. One that hangs is not down. */
static bool is_down(const char *path)
{
    struct khap_dialogue *d = NULL;
    struct khap_talk *talk = NULL;
    int32_t error = 0;
    bool down = path != NULL && khap_dialogue_new(NULL, 0, 0, &d) == KHAP_OK &&
                khap_talk_new(NULL, word(path), d, 0, &error, &talk) == KHAP_EIO &&
                (error == ENOENT || error == ECONNREFUSED);
    khap_talk_free(talk);
    khap_dialogue_free(d);
    return down;
}

static int reload(struct apply_pass *a, bool touched)
{
    const struct apply_reloader r = reloader(a);
    char why[WHY];
    bool answers;
    /* without them all servers begin anew, as up */
    bool saved =
        !a->first && apply_states_save(a->socket, a->directory, a->sides[0].bundle, a->sides[1].bundle);
    bool good = apply_reload(&r, &answers, why);
    if (saved)
        (void)apply_states_empty(a->directory);
    if (good) {
        a->reloaded = true;
        return EXIT_DONE;
    }
    if (!answers &&
        (a->first || (a->may_be_down && is_down(a->n_reload_command > 0 ? a->socket : a->master)))) {
        a->down = true;
        report_about(a->report, "apply-not-running", a->directory, word(a->directory), WORD(""));
        return EXIT_DONE;
    }
    bring_back(a, touched);
    return about(a, "apply-reload", why, EXIT_FAILED);
}

static bool has_commands(const struct apply_pass *a)
{
    struct khap_command c = {.size = sizeof c};
    return khap_diff_command_at(a->diff, 0, &c) == KHAP_OK;
}

static bool has_changes(const struct apply_pass *a)
{
    struct khap_change c = {.size = sizeof c};
    return a->diff != NULL && khap_diff_change_at(a->diff, 0, &c) == KHAP_OK;
}

static bool must_reload(const struct apply_pass *a)
{
    return a->first || a->pending || khap_diff_reloads(a->diff) || (a->socket == NULL && has_changes(a));
}

static int follow(struct apply_pass *a)
{
    char why[WHY];
    if (must_reload(a))
        return reload(a, false);
    if (!has_commands(a) || apply_at_run_time(a->socket, a->diff, a->sides[1].bundle, a->current,
                                              a->drain_ms > 0 ? &a->leaving : NULL, why))
        return EXIT_DONE;
    (void)about(a, "apply-fallback", why, EXIT_DONE);
    return reload(a, true);
}

/* ---- what nobody asked for */

static void told_held(void *ctx, struct khap_str backend, struct khap_str server)
{
    const struct apply_pass *a = ctx;
    report_about(a->report, "apply-held", a->directory, backend, server);
}

/* Nothing changed: what the process has is held against what its files say. One that does not answer is not our matter here. */
static int mend(struct apply_pass *a)
{
    struct khap_diff *diff = NULL;
    if (a->socket == NULL ||
        !apply_observe(a->socket, a->current, a->sides[1].bundle, &a->drift, a, told_held))
        return a->drift.no_memory ? report_status(a->report, KHAP_ENOMEM) : EXIT_DONE;
    if (a->drift.n == 0)
        return EXIT_DONE;
    a->observed.inputs.laid = a->observed.opened.laid = a->drift.laid;
    a->observed.inputs.n_laid = a->observed.opened.n_laid = a->drift.n;
    int status = asked_read(a->report, &a->observed, a->read_from, 1, a->target, "configuration");
    const struct khap_file_source files = input_file_source(&a->outside);
    struct khap_diff_options options;
    khap_diff_options_init(&options);
    options.files = &files;
    if (status == EXIT_DONE)
        status =
            report_status(a->report, khap_diff_new(NULL, a->observed.bundle, a->sides[1].bundle,
                                                   &a->sides[1].target, &options, a->report->diags, &diff));
    if (status != EXIT_DONE)
        return status;
    khap_diff_free(a->diff);
    a->diff = diff;
    a->differs = a->drifted = has_changes(a);
    a->must_reload = a->drifted && khap_diff_reloads(diff);
    if (!a->drifted)
        return EXIT_DONE;
    report_about(a->report, "apply-drift", a->directory, WORD(""), WORD(""));
    if (a->must_reload && a->put_off_reloads) {
        a->put_off = true;
        return EXIT_DONE;
    }
    a->now = a->was;
    return a->dry_run ? EXIT_DONE : follow(a);
}

static int carry_out(struct apply_pass *a)
{
    bool edited = false, same = is_same(a, &edited);
    if (a->check_only)
        return same ? EXIT_DONE : only_check(a);
    if (same && !a->pending && !a->is_renewed) {
        if (a->sums.text.ptr == NULL && !a->dry_run)
            apply_sums_write(a->directory, a->diff);
        return mend(a);
    }
    a->differs = true;
    if (edited && !a->overwrite)
        return EXIT_FAILED;
    a->must_reload = must_reload(a);
    if (a->dry_run)
        return EXIT_DONE;
    if (a->must_reload && !a->first && a->put_off_reloads) {
        a->put_off = true;
        return EXIT_DONE;
    }
    const struct apply_reloader r = reloader(a);
    if (!a->first && a->must_reload && !apply_can_reload(&r))
        return about(a, "apply-reload",
                     "nothing is said of how it is reloaded, and not all can be done at run time",
                     EXIT_FAILED);
    int status = EXIT_DONE;
    if (same)
        a->now = a->was;
    else
        status = write_files(a);
    if (status == EXIT_DONE)
        status = follow(a);
    if (status != EXIT_DONE)
        return status;
    /* one that starts at this moment may have read the last generation: the mark lets the next pass reload it */
    if ((!a->down || a->first) && unlink(a->mark) != 0 && errno != ENOENT)
        return directory_failed(a, errno);
    apply_sums_write(a->directory, a->diff);
    if (a->drain_ms > 0 && !a->first)
        apply_leaving_write(&a->leaving, true);
    /* what is old harms nobody: the next run tries again */
    (void)khap_generation_prune(word(a->directory), KEEP, NULL);
    return EXIT_DONE;
}

int apply_pass(struct apply_pass *a)
{
    a->lock = -1;
    int status = look(a);
    if (status == EXIT_DONE)
        status = read_both(a);
    if (status == EXIT_DONE)
        status = carry_out(a);
    return status;
}

void apply_pass_free(struct apply_pass *a)
{
    khap_diff_free(a->diff);
    a->diff = NULL;
    apply_sums_free(&a->sums);
    asked_free(&a->sides[0]);
    asked_free(&a->sides[1]);
    asked_free(&a->observed);
    apply_drift_free(&a->drift);
    apply_leaving_free(&a->leaving);
    if (a->lock >= 0)
        (void)close(a->lock);
    a->lock = -1;
    free(a->said);
    a->said = NULL;
}
