/* Saving a bundle: first look, then write everything beside, then put it into place. SPDX-License-Identifier:
 * MIT */
#include "config.h"

#include "apply/save.h"
#include "apply/sums.h"

#include <khap/gen.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum { PIECE = 16 * 1024, TEXT_MAX = 1 << 30 };

/* One file of the bundle. */
struct item {
    const struct khap_bundle_file *file;
    uint32_t kind;    /* enum khap_save_kind: what is, or would be, done */
    size_t stage_len; /* staged: how much of the path is the temporary file's directory */
    bool staged, is_sums;
};

struct text {
    char *ptr;
    size_t len, cap;
};

struct job {
    struct khap_save_options options;
    const struct khap_bundle *bundle;
    struct khap_str directory; /* with a slash at the end */
    char directory_space[PATH_MAX];
    struct text old_sums;
    struct item *items;
    size_t n;
    int lock;
    uint32_t changes;
    struct item *sums;      /* of items, or NULL */
    struct failure failure; /* its status is the job's when something fails */
    struct save save;       /* large, and used for one file after the other */
};

/* ---- memory ---- */

static bool no_memory(struct job *j)
{
    j->failure = (struct failure){KHAP_STEP_NONE, 0, KHAP_ENOMEM};
    return false;
}

static bool text_reserve(struct job *j, struct text *t, size_t more)
{
    if (more <= t->cap - t->len)
        return true;
    size_t cap = t->cap < PIECE ? PIECE : t->cap;
    while (cap - t->len < more)
        cap *= 2;
    char *p = khap__save_resize(&j->options, t->ptr, t->cap, cap);
    if (p == NULL)
        return no_memory(j);
    t->ptr = p;
    t->cap = cap;
    return true;
}

static void text_free(struct job *j, struct text *t)
{
    if (t->ptr != NULL)
        khap__save_resize(&j->options, t->ptr, t->cap, 0);
    *t = (struct text){0};
}

/* ---- paths and events ---- */

/* DIRECTORY/NAME, NUL-terminated */
static bool join(struct job *j, struct khap_str name, char path[PATH_MAX], struct khap_str *out)
{
    if (j->directory.len + name.len >= PATH_MAX)
        return khap__fail(&j->failure, KHAP_STEP_PATH, ENAMETOOLONG);
    memcpy(path, j->directory.ptr, j->directory.len);
    memcpy(path + j->directory.len, name.ptr, name.len);
    *out = (struct khap_str){path, j->directory.len + name.len};
    path[out->len] = '\0';
    return true;
}

static void tell(struct job *j, uint32_t kind, struct khap_str name)
{
    char path[PATH_MAX];
    struct khap_str whole = name;
    struct failure failure = j->failure;
    (void)join(j, name, path, &whole);
    khap__save_tell(&j->options, kind, whole, kind == KHAP_SAVE_FAILED ? &failure : NULL, "");
    j->failure = failure;
}

static bool fail_on(struct job *j, struct khap_str name)
{
    if (j->failure.status == KHAP_EIO)
        tell(j, KHAP_SAVE_FAILED, name);
    return false;
}

static enum khap_status print_item(void *ctx, const struct khap_sink *sink)
{
    const struct item *item = ctx;
    return khap_bundle_file_print(item->file, sink);
}

/* j->save, ready for one file */
static bool prepare(struct job *j, struct item *item)
{
    char path[PATH_MAX];
    struct khap_str whole;
    if (!join(j, khap_bundle_file_name(item->file), path, &whole))
        return false;
    struct save *s = &j->save;
    s->options = j->options;
    if (khap_bundle_file_secret(item->file) != 0)
        s->options.flags |= KHAP_SAVE_SECRET;
    s->ctx = item;
    s->print = print_item;
    s->staged = item->staged;
    s->failure = (struct failure){0};
    bool good = khap__save_find(s, whole);
    if (good && s->kind == TARGET_STREAM) /* nobody keeps a FIFO among configuration files */
        good = khap__fail(&s->failure, KHAP_STEP_PATH, EINVAL);
    if (good && item->staged)
        (void)khap__save_name_temporary(s, item->stage_len);
    j->failure = s->failure;
    return s->failure.status == KHAP_OK;
}

/* ---- looking ---- */

/* Reads all of a file, as far as `whole` wants it, and its sum. False with the failure set; a file that is
 * not there has *there false. */
static bool read_file(struct job *j, const char *path, struct text *whole, uint64_t *sum, bool *there)
{
    char piece[PIECE];
    struct stat st;
    *there = false;
    *sum = KHAP__SUM_START;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0)
        return errno == ENOENT || errno == ENOTDIR || khap__fail(&j->failure, KHAP_STEP_READ, errno);
    bool good = fstat(fd, &st) == 0 || khap__fail(&j->failure, KHAP_STEP_READ, errno);
    if (good && !S_ISREG(st.st_mode))
        good = khap__fail(&j->failure, KHAP_STEP_READ, S_ISDIR(st.st_mode) ? EISDIR : EINVAL);
    *there = good;
    while (good) {
        ssize_t n = read(fd, piece, sizeof piece);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            good = khap__fail(&j->failure, KHAP_STEP_READ, errno);
        if (n <= 0)
            break;
        *sum = khap__sums_add(*sum, piece, (size_t)n);
        if (whole == NULL)
            continue;
        if (whole->len > TEXT_MAX)
            good = khap__fail(&j->failure, KHAP_STEP_READ, EFBIG);
        else if ((good = text_reserve(j, whole, (size_t)n))) {
            memcpy(whole->ptr + whole->len, piece, (size_t)n);
            whole->len += (size_t)n;
        }
    }
    (void)close(fd);
    return good;
}

static struct khap_str old_sums(const struct job *j)
{
    return (struct khap_str){j->old_sums.ptr, j->old_sums.len};
}

/* Whether an earlier run wrote what stands at `path`. *kind is KHAP_SAVE_EDITED or KHAP_SAVE_OF_OTHERS when
 * not. */
static bool is_ours(struct job *j, struct khap_str name, const char *path, bool *ours, uint32_t *kind)
{
    uint64_t sum;
    bool there;
    if (!read_file(j, path, NULL, &sum, &there))
        return false;
    *kind = khap__sums_find(old_sums(j), name, sum, ours) ? KHAP_SAVE_EDITED : KHAP_SAVE_OF_OTHERS;
    if (*ours)
        return true;
    /* A configuration says itself who wrote it, perhaps alone since. */
    struct text text = {0};
    bool good = read_file(j, path, &text, &sum, &there);
    if (good) {
        enum khap_written whose = khap_written_state((struct khap_str){text.ptr, text.len});
        *ours = whose == KHAP_WRITTEN_BY_KHAPGEN;
        if (whose == KHAP_WRITTEN_THEN_CHANGED)
            *kind = KHAP_SAVE_EDITED;
    }
    text_free(j, &text);
    return good;
}

static bool look_at(struct job *j, struct item *item, bool *refused)
{
    struct khap_str name = khap_bundle_file_name(item->file);
    struct save *s = &j->save;
    if (!prepare(j, item))
        return fail_on(j, name);
    if (!khap__save_compare(s)) {
        j->failure = s->failure;
        return fail_on(j, name);
    }
    item->kind = s->differs      ? (s->kind == TARGET_NEW ? KHAP_SAVE_CREATED : KHAP_SAVE_REPLACED)
                 : s->wrong_mode ? KHAP_SAVE_MODE
                                 : KHAP_SAVE_UNCHANGED;
    j->changes += item->kind != KHAP_SAVE_UNCHANGED;
    if (item->kind != KHAP_SAVE_REPLACED || item->is_sums || (j->options.flags & KHAP_SAVE_FORCE) != 0)
        return true;
    bool ours;
    uint32_t kind;
    if (!is_ours(j, name, s->path, &ours, &kind))
        return fail_on(j, name);
    if (!ours) {
        tell(j, kind, name);
        *refused = true;
    }
    return true;
}

/* Whether the name stands in the lines of `before` already: after a run that was killed it may stand twice.
 */
static bool is_repeated(struct khap_str before, struct khap_str name)
{
    struct sum_line line;
    while (khap__sums_next(&before, &line))
        if (line.name.len == name.len && memcmp(line.name.ptr, name.ptr, name.len) == 0)
            return true;
    return false;
}

/* Removes a file, and the directories below ours that it leaves empty. */
static bool remove_file(struct job *j, char *path)
{
    if (unlink(path) != 0 && errno != ENOENT)
        return khap__fail(&j->failure, KHAP_STEP_REMOVE, errno);
    for (char *p; (p = strrchr(path, '/')) != NULL && (size_t)(p - path) >= j->directory.len;) {
        *p = '\0';
        if (rmdir(path) != 0)
            break;
    }
    return true;
}

/* One file that the old sums name and the bundle has no more. `act` removes it, else it is counted. */
static bool handle_stale(struct job *j, struct khap_str name, bool act)
{
    char path[PATH_MAX];
    struct khap_str whole;
    struct stat st;
    uint64_t sum;
    bool there, match = false;
    if (!join(j, name, path, &whole))
        return false;
    if (lstat(path, &st) != 0)
        return true;
    if (S_ISREG(st.st_mode)) {
        if (!read_file(j, path, NULL, &sum, &there))
            return false;
        (void)khap__sums_find(old_sums(j), name, sum, &match);
    }
    if (act) {
        if (!match)
            return true;
        if (!remove_file(j, path))
            return false;
        tell(j, KHAP_SAVE_REMOVED, name);
        return true;
    }
    j->changes += match;
    if (!match || (j->options.flags & KHAP_SAVE_CHECK) != 0)
        tell(j, match ? KHAP_SAVE_REMOVED : KHAP_SAVE_LEFT, name);
    return true;
}

static bool go_through_stale(struct job *j, bool act)
{
    struct khap_str rest = old_sums(j);
    struct sum_line line;
    for (const char *from = rest.ptr; khap__sums_next(&rest, &line);) {
        struct khap_str before = {from, (size_t)(line.name.ptr - from) - KHAP__SUM_NAME_AT};
        if (khap_bundle_find(j->bundle, line.name) == NULL && !is_repeated(before, line.name) &&
            !handle_stale(j, line.name, act))
            return fail_on(j, line.name);
    }
    return true;
}

/* Temporary files of runs that were killed; whoever holds the lock knows that nobody is at work on them.
 * `name`: a file in the directory to sweep. */
static void sweep(struct job *j, struct khap_str name)
{
    static const char suffix[] = KHAP__SAVE_SUFFIX;
    char path[PATH_MAX];
    struct khap_str whole;
    if (j->lock < 0 || !join(j, name, path, &whole))
        return;
    char *file = strrchr(path, '/') + 1;
    memcpy(file, ".", 2);
    DIR *d = opendir(path);
    if (d == NULL)
        return;
    for (const struct dirent *e; (e = readdir(d)) != NULL;) {
        size_t len = strlen(e->d_name), end = len;
        if (len > 0 && e->d_name[len - 1] == '2')
            end--;
        if (e->d_name[0] != '.' || end < sizeof suffix ||
            memcmp(e->d_name + end - (sizeof suffix - 1), suffix, sizeof suffix - 1) != 0 ||
            (size_t)(file - path) + len >= sizeof path)
            continue;
        memcpy(file, e->d_name, len + 1);
        (void)unlink(path);
    }
    (void)closedir(d);
}

/* The directory of a file, unless it is that of *seen. */
static void sweep_beside(struct job *j, struct khap_str name, struct khap_str *seen)
{
    struct khap_str parent = name;
    while (parent.len > 0 && parent.ptr[parent.len - 1] != '/')
        parent.len--;
    if (parent.len == seen->len && (parent.len == 0 || memcmp(parent.ptr, seen->ptr, seen->len) == 0))
        return;
    sweep(j, name);
    *seen = parent;
}

static void sweep_all(struct job *j)
{
    struct khap_str seen = {"", 0}, rest = old_sums(j);
    struct sum_line line;
    sweep(j, seen);
    for (size_t i = 0; i < j->n; i++)
        sweep_beside(j, khap_bundle_file_name(j->items[i].file), &seen);
    while (khap__sums_next(&rest, &line))
        sweep_beside(j, line.name, &seen);
}

static bool look(struct job *j)
{
    char path[PATH_MAX];
    struct khap_str whole, sums_name = {SUMS_NAME, sizeof SUMS_NAME - 1};
    uint64_t sum;
    bool there, refused = false;
    if (!join(j, sums_name, path, &whole) || !read_file(j, path, &j->old_sums, &sum, &there))
        return fail_on(j, sums_name);
    if (!khap__sums_valid(old_sums(j))) {
        if ((j->options.flags & KHAP_SAVE_FORCE) == 0) {
            tell(j, KHAP_SAVE_OF_OTHERS, sums_name);
            refused = true;
        }
        j->old_sums.len = 0;
    }
    sweep_all(j);
    for (size_t i = 0; i < j->n; i++)
        if (!look_at(j, &j->items[i], &refused))
            return false;
    if (refused) {
        j->failure = (struct failure){KHAP_STEP_NONE, 0, KHAP_EREFUSED};
        return false;
    }
    return go_through_stale(j, false);
}

/* ---- writing ---- */

/* The directories between the output directory and the file. */
static bool make_directories(struct job *j, struct khap_str name)
{
    char path[PATH_MAX];
    struct khap_str whole;
    if (!join(j, name, path, &whole))
        return false;
    for (char *p = path + j->directory.len; (p = strchr(p, '/')) != NULL; *p++ = '/') {
        *p = '\0';
        if (mkdir(path, 0777) != 0 && errno != EEXIST)
            return khap__fail(&j->failure, KHAP_STEP_DIRECTORY, errno);
    }
    return true;
}

static bool is_written(const struct item *item)
{
    return item->kind == KHAP_SAVE_CREATED || item->kind == KHAP_SAVE_REPLACED;
}

/*
 * Where a new file is written: its directory, or, while that is still to be made, the nearest one that is
 * there. So nothing but temporary files is made before all of them stand. Behind a link nothing is made.
 */
static size_t stage_directory(const struct job *j, struct khap_str name)
{
    const struct save *s = &j->save;
    char path[PATH_MAX];
    struct stat st;
    size_t len = s->directory_len;
    if (strlen(s->path) != j->directory.len + name.len ||
        memcmp(s->path, j->directory.ptr, j->directory.len) != 0)
        return len;
    memcpy(path, s->path, len);
    while (len > j->directory.len) {
        path[len] = '\0';
        if (lstat(path, &st) == 0 || errno != ENOENT)
            break;
        do {
            len--;
        } while (path[len - 1] != '/');
    }
    return len;
}

static bool stage(struct job *j, struct item *item)
{
    struct khap_str name = khap_bundle_file_name(item->file);
    struct save *s = &j->save;
    if (!prepare(j, item))
        return fail_on(j, name);
    item->stage_len = stage_directory(j, name);
    if (!khap__save_name_temporary(s, item->stage_len) || !khap__save_stage(s)) {
        j->failure = s->failure;
        return fail_on(j, name);
    }
    item->staged = true;
    return true;
}

static bool sync_parent(struct job *j)
{
    int fd;
    struct save *s = &j->save;
    char path[PATH_MAX];
    if ((j->options.flags & KHAP_SAVE_NO_SYNC) != 0)
        return true;
    memcpy(path, s->path, s->directory_len);
    memcpy(path + s->directory_len, ".", 2);
    fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool good = khap__save_sync_directory(&j->options, fd, &j->failure);
    if (fd >= 0)
        (void)close(fd);
    return good;
}

static bool place(struct job *j, struct item *item)
{
    struct khap_str name = khap_bundle_file_name(item->file);
    struct save *s = &j->save;
    if (item->kind == KHAP_SAVE_UNCHANGED)
        return true;
    if (!make_directories(j, name) || !prepare(j, item))
        return fail_on(j, name);
    bool good = item->kind == KHAP_SAVE_MODE ? khap__save_mode(s) : khap__save_place(s);
    item->staged = s->staged;
    if (!good) {
        j->failure = s->failure;
        return fail_on(j, name);
    }
    if (!sync_parent(j))
        return fail_on(j, name);
    tell(j, item->kind, name);
    return true;
}

static enum khap_status print_both_sums(void *ctx, const struct khap_sink *sink)
{
    struct job *j = ctx;
    enum khap_status status = khap_bundle_file_print(j->sums->file, sink);
    if (status == KHAP_OK && j->old_sums.len > 0 &&
        sink->write(sink->ctx, j->old_sums.ptr, j->old_sums.len) != 0)
        status = KHAP_EIO;
    return status;
}

/* From here on old and new files may stand side by side, and whoever comes after us must know both. */
static bool save_both_sums(struct job *j)
{
    struct khap_str name = khap_bundle_file_name(j->sums->file);
    struct item unstaged = *j->sums;
    unstaged.staged = false;
    if (!prepare(j, &unstaged))
        return fail_on(j, name);
    /* The final sums are staged under the usual name already. */
    struct save *s = &j->save;
    size_t len = strlen(s->temporary);
    if (len + 2 >= sizeof s->temporary)
        return khap__fail(&j->failure, KHAP_STEP_PATH, ENAMETOOLONG) || fail_on(j, name);
    memcpy(s->temporary + len, "2", 2);
    s->ctx = j;
    s->print = print_both_sums;
    if (!khap__save_stage(s) || !khap__save_place(s)) {
        j->failure = s->failure;
        return fail_on(j, name);
    }
    return sync_parent(j) || fail_on(j, name);
}

static bool write_all(struct job *j)
{
    for (size_t i = 0; i < j->n; i++)
        if (is_written(&j->items[i]) && !stage(j, &j->items[i]))
            return false;
    if (j->sums != NULL && is_written(j->sums) && !save_both_sums(j))
        return false;
    /* The configuration names the others, so they come first. */
    for (int configuration = 0; configuration < 2; configuration++)
        for (size_t i = 0; i < j->n; i++) {
            struct item *item = &j->items[i];
            if (!item->is_sums && (khap_bundle_file_document(item->file) != NULL) == configuration &&
                !place(j, item))
                return false;
        }
    return go_through_stale(j, true) && (j->sums == NULL || place(j, j->sums));
}

static void drop_staged(struct job *j)
{
    for (size_t i = 0; i < j->n; i++)
        if (j->items[i].staged && prepare(j, &j->items[i]))
            khap__save_drop(&j->save);
}

/* ---- the whole ---- */

static bool make_items(struct job *j)
{
    static const struct khap_str sums_name = {SUMS_NAME, sizeof SUMS_NAME - 1};
    const struct khap_bundle_file *f = NULL;
    while ((f = khap_bundle_next(j->bundle, f)) != NULL)
        j->n++;
    if (j->n == 0)
        return true;
    j->items = khap__save_resize(&j->options, NULL, 0, j->n * sizeof *j->items);
    if (j->items == NULL) {
        j->n = 0;
        return no_memory(j);
    }
    for (size_t i = 0; i < j->n; i++) {
        f = khap_bundle_next(j->bundle, f);
        struct khap_str name = khap_bundle_file_name(f);
        j->items[i] = (struct item){.file = f,
                                    .is_sums = name.len == sums_name.len &&
                                               memcmp(name.ptr, sums_name.ptr, name.len) == 0};
        if (j->items[i].is_sums)
            j->sums = &j->items[i];
        /* a bundle that was read has the names that it was read by */
        if (!khap__sums_inside(name) || khap_bundle_find(j->bundle, name) != f) {
            j->failure = (struct failure){KHAP_STEP_NONE, 0, KHAP_EINVAL};
            return false;
        }
    }
    return true;
}

static bool take_directory(struct job *j, struct khap_str directory)
{
    if (directory.len + 2 > sizeof j->directory_space)
        return khap__fail(&j->failure, KHAP_STEP_PATH, ENAMETOOLONG);
    memcpy(j->directory_space, directory.ptr, directory.len);
    if (directory.ptr[directory.len - 1] != '/')
        j->directory_space[directory.len++] = '/';
    j->directory = (struct khap_str){j->directory_space, directory.len};
    return true;
}

/* Makes the directory when it is not there, and locks it. */
static bool open_directory(struct job *j)
{
    char path[PATH_MAX];
    struct khap_str whole;
    if ((j->options.flags & KHAP_SAVE_CHECK) != 0)
        return true;
    if (!join(j, (struct khap_str){".", 1}, path, &whole))
        return false;
    path[j->directory.len > 1 ? j->directory.len - 1 : 1] = '\0';
    if (mkdir(path, 0777) != 0 && errno != EEXIST)
        return khap__fail(&j->failure, KHAP_STEP_DIRECTORY, errno);
    return khap__save_lock(&j->options, j->directory.ptr, j->directory.len, &j->lock, &j->failure);
}

static enum khap_status run(struct job *j)
{
    bool good = make_items(j);
    if (good && !open_directory(j))
        good = fail_on(j, (struct khap_str){"", 0});
    good = good && look(j);
    if (good && (j->options.flags & KHAP_SAVE_CHECK) != 0)
        for (size_t i = 0; i < j->n; i++)
            tell(j, j->items[i].kind, khap_bundle_file_name(j->items[i].file));
    else if (good && j->changes > 0)
        good = write_all(j);
    enum khap_status status = good ? KHAP_OK : j->failure.status;
    if (!good)
        drop_staged(j);
    return status;
}

enum khap_status khap_save_bundle(const struct khap_save_options *options, struct khap_str directory,
                                  const struct khap_bundle *bundle, uint32_t *changed)
{
    struct khap_save_options o;
    if (changed != NULL)
        *changed = 0;
    if (bundle == NULL || directory.len == 0 || memchr(directory.ptr, '\0', directory.len) != NULL ||
        !khap__save_options(options, &o))
        return KHAP_EINVAL;
    struct job empty = {.options = o, .bundle = bundle, .lock = -1};
    struct job *j = khap__save_resize(&o, NULL, 0, sizeof *j);
    if (j == NULL)
        return KHAP_ENOMEM;
    *j = empty;
    enum khap_status status;
    if (take_directory(j, directory)) {
        status = run(j);
    } else {
        status = j->failure.status;
        khap__save_tell(&j->options, KHAP_SAVE_FAILED, directory, &j->failure, "");
    }
    if (changed != NULL && status == KHAP_OK)
        *changed = j->changes;
    if (j->lock >= 0)
        (void)close(j->lock);
    text_free(j, &j->old_sums);
    if (j->items != NULL)
        khap__save_resize(&j->options, j->items, j->n * sizeof *j->items, 0);
    khap__save_resize(&o, j, sizeof *j, 0);
    return status;
}
