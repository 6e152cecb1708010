/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "khapgen/input.h"
#include "khapgen/output.h"

#include <errno.h>
#include <khap/apply.h>
#include <khap/gen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- standard output ---- */

enum { PIECE = 64 * 1024, LARGEST_OLD_FILE = 1 << 30 };

struct stream {
    size_t len;
    int error; /* errno of what failed */
    char buffer[PIECE];
};

static int stream_out(struct stream *s, const char *data, size_t len)
{
    while (len > 0) {
        ssize_t n = write(STDOUT_FILENO, data, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            s->error = errno;
            return -1;
        }
        data += n;
        len -= (size_t)n;
    }
    return 0;
}

static int stream_flush(struct stream *s)
{
    size_t len = s->len;
    s->len = 0;
    return stream_out(s, s->buffer, len);
}

static int stream_write(void *ctx, const char *data, size_t len)
{
    struct stream *s = ctx;
    if (len > PIECE - s->len && stream_flush(s) != 0)
        return -1;
    if (len > PIECE)
        return stream_out(s, data, len);
    memcpy(s->buffer + s->len, data, len);
    s->len += len;
    return 0;
}

int output_print(struct report *r, void *ctx, output_printer *print)
{
    struct stream *s = malloc(sizeof *s);
    if (s == NULL) {
        r->no_memory = true;
        return EXIT_FAILED;
    }
    s->len = 0;
    s->error = 0;
    struct khap_sink sink = {.ctx = s, .write = stream_write};
    enum khap_status status = print(ctx, &sink);
    if (status == KHAP_OK && stream_flush(s) != 0)
        status = KHAP_EIO;
    /* some file systems tell only at the close that the disk is full; the descriptor itself stays open */
    int copy = status == KHAP_OK ? dup(STDOUT_FILENO) : -1;
    if (copy >= 0 && close(copy) != 0) {
        s->error = errno;
        status = KHAP_EIO;
    }
    int error = s->error;
    free(s);
    if (status == KHAP_EIO && error != 0) {
        report_about(r, "output-unwritable", "<stdout>", word(strerror(error)), WORD(""));
        return EXIT_FAILED;
    }
    return report_status(r, status);
}

static enum khap_status print_first(void *ctx, const struct khap_sink *sink)
{
    const struct khap_bundle *const *bundle = ctx;
    return khap_bundle_file_print(khap_bundle_next(*bundle, NULL), sink);
}

int output_to_stdout(struct report *r, const struct khap_bundle *bundle)
{
    return output_print(r, &bundle, print_first);
}

/* ---- files ---- */

struct saving {
    struct report *report;
    const struct output_options *options;
    int status;
    bool verbose; /* tells of every file that changes */
};

static void say_text(struct report *r, const char *code, const struct khap_save_event *event)
{
    struct khap_place place = {0};
    if (khap_sources_add(r->sources, event->path, (struct khap_str){0}, &place.source) != KHAP_OK)
        r->no_memory = true;
    report_say(r, code, place, event->text, WORD(""));
}

static void done(const struct saving *s, const struct khap_save_event *event, const char *now,
                 const char *later)
{
    if (!s->verbose)
        return;
    fputs(s->options->check || s->options->dry_run ? later : now, stdout);
    fwrite(event->path.ptr, 1, event->path.len, stdout);
    putchar('\n');
}

static void told(void *ctx, const struct khap_save_event *event)
{
    struct saving *s = ctx;
    switch (event->kind) {
    case KHAP_SAVE_CREATED:
        done(s, event, "created ", "would create ");
        break;
    case KHAP_SAVE_REPLACED:
        done(s, event, "replaced ", "would replace ");
        break;
    case KHAP_SAVE_MODE:
        done(s, event, "made unreadable for others ", "would make unreadable for others ");
        break;
    case KHAP_SAVE_REMOVED:
        done(s, event, "removed ", "would remove ");
        break;
    case KHAP_SAVE_LEFT:
        say_text(s->report, "output-stale", event);
        break;
    case KHAP_SAVE_OF_OTHERS:
        say_text(s->report, "output-of-others", event);
        s->status = EXIT_FAILED;
        break;
    case KHAP_SAVE_EDITED:
        say_text(s->report, "output-changed", event);
        s->status = EXIT_FAILED;
        break;
    case KHAP_SAVE_CHANGED_MEANWHILE:
        say_text(s->report, "file-changed-meanwhile", event);
        s->status = EXIT_FAILED;
        break;
    case KHAP_SAVE_SEVERAL_NAMES:
        say_text(s->report, "file-several-names", event);
        s->status = EXIT_FAILED;
        break;
    case KHAP_SAVE_FAILED:
        say_text(s->report, "output-unwritable", event);
        s->status = EXIT_FAILED;
        break;
    default:
        break;
    }
}

static void prepare(struct saving *s, struct khap_save_options *save)
{
    khap_save_options_init(save);
    save->ctx = s;
    save->event = told;
    if (s->options->check || s->options->dry_run)
        save->flags |= KHAP_SAVE_CHECK;
    if (s->options->force)
        save->flags |= KHAP_SAVE_FORCE;
}

/* The exit status of a save that came to `status`. */
static int finish(struct saving *s, enum khap_status status, uint32_t changed)
{
    if (status != KHAP_OK) {
        int exit_status = s->status != EXIT_DONE ? s->status : report_status(s->report, status);
        return exit_status == EXIT_UNUSABLE ? EXIT_FAILED : exit_status;
    }
    return s->options->check && changed > 0 ? EXIT_NO : EXIT_DONE;
}

/* Whether a file may be replaced; false after having said why not. */
static bool is_ours(struct report *r, const char *path)
{
    struct stat st;
    if (stat(path, &st) != 0 || !S_ISREG(st.st_mode))
        return true; /* nothing to lose; saving tells what is wrong with it */
    struct khap_str old = {0};
    enum input_result result = input_read(path, LARGEST_OLD_FILE, &old);
    if (result == INPUT_NO_MEMORY || result == INPUT_ERROR) {
        report_about(r, "output-unwritable", path,
                     word(result == INPUT_ERROR ? strerror(errno) : "out of memory"), WORD(""));
        return false;
    }
    enum khap_written whose = result == INPUT_READ ? khap_written_state(old) : KHAP_WRITTEN_BY_OTHERS;
    free((char *)(uintptr_t)old.ptr);
    if (whose == KHAP_WRITTEN_BY_KHAPGEN)
        return true;
    report_about(r, whose == KHAP_WRITTEN_BY_OTHERS ? "output-of-others" : "output-changed", path, WORD(""),
                 WORD(""));
    return false;
}

int output_to_file(struct report *r, const struct khap_bundle *bundle, const char *path,
                   const struct output_options *options)
{
    struct saving s = {.report = r, .options = options, .verbose = options->check || options->dry_run};
    struct khap_save_options save;
    uint32_t changed = 0;
    prepare(&s, &save);
    if (!options->force && !is_ours(r, path))
        return EXIT_FAILED;
    enum khap_status status = khap_save_file(&save, word(path), khap_bundle_next(bundle, NULL), &changed);
    return finish(&s, status, changed);
}

/* Whether a regular file stands there that holds something else. */
static int differs(struct report *r, const char *path, void *ctx, output_printer *print, bool *yes)
{
    static const struct output_options look = {.check = true};
    struct stat st;
    uint32_t changed = 0;
    if (stat(path, &st) != 0 || !S_ISREG(st.st_mode))
        return EXIT_DONE; /* nothing to lose; saving tells what is wrong with it */
    struct saving s = {.report = r, .options = &look};
    struct khap_save_options save;
    prepare(&s, &save);
    enum khap_status status = khap_save(&save, word(path), ctx, print, &changed);
    *yes = changed > 0;
    return status == KHAP_OK ? EXIT_DONE : finish(&s, status, 0);
}

int output_in_place(struct report *r, const char *path, struct khap_str old, void *ctx, output_printer *print)
{
    const struct output_options options = {0};
    struct saving s = {.report = r, .options = &options};
    struct khap_save_options save;
    prepare(&s, &save);
    return finish(&s, khap_save_in_place(&save, word(path), old, ctx, print, NULL), 0);
}

int output_print_to_file(struct report *r, const char *path, bool force, void *ctx, output_printer *print)
{
    const struct output_options options = {.force = force};
    struct saving s = {.report = r, .options = &options};
    struct khap_save_options save;
    bool other = false;
    int looked = force ? EXIT_DONE : differs(r, path, ctx, print, &other);
    if (looked != EXIT_DONE)
        return looked;
    if (other) {
        report_about(r, "output-differs", path, WORD(""), WORD(""));
        return EXIT_FAILED;
    }
    prepare(&s, &save);
    return finish(&s, khap_save(&save, word(path), ctx, print, NULL), 0);
}

static enum khap_status print_file(void *ctx, const struct khap_sink *sink)
{
    return khap_bundle_file_print(ctx, sink);
}

int output_into_file(struct report *r, const struct khap_bundle *bundle, const char *path,
                     struct khap_str old, const struct output_options *options)
{
    struct saving s = {.report = r, .options = options, .verbose = options->check || options->dry_run};
    struct khap_save_options save;
    const struct khap_bundle_file *file = khap_bundle_next(bundle, NULL);
    uint32_t changed = 0;
    struct stat st;
    prepare(&s, &save);
    save.flags &= ~(uint32_t)KHAP_SAVE_FORCE; /* it was for the blocks */
    if (khap_bundle_file_secret(file) && stat(path, &st) == 0 && (st.st_mode & S_IROTH) != 0) {
        report_about(r, "secret-readable", path, WORD(""), WORD(""));
        return EXIT_FAILED;
    }
    enum khap_status status =
        khap_save_in_place(&save, word(path), old, (void *)(uintptr_t)file, print_file, &changed);
    return finish(&s, status, changed);
}

int output_to_directory(struct report *r, const struct khap_bundle *bundle, const char *directory,
                        const struct output_options *options)
{
    struct saving s = {.report = r, .options = options, .verbose = true};
    struct khap_save_options save;
    uint32_t changed = 0;
    prepare(&s, &save);
    enum khap_status status = khap_save_bundle(&save, word(directory), bundle, &changed);
    return finish(&s, status, changed);
}
