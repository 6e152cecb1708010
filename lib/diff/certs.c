/* diff/certs.c - certificates that are renewed, come and go while HAProxy runs; lines of crt-lists. SPDX-License-Identifier: MIT */
#include "config.h"

#include "diff/diff.h"

/* A line of a crt-list. */
struct listed {
    struct khap_str path; /* as HAProxy calls it */
    struct khap_str rest; /* options and names, one blank between words */
    struct khap_str names;
    uint32_t twin;
};
struct lines {
    VEC(struct listed) all;
    struct map by_line; /* path, blank, rest */
    bool twice;         /* one certificate stands there twice: nobody can say which is meant */
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/* The next word; what stands in brackets is one. */
static struct khap_str next_word(struct khap_str *line)
{
    size_t from = 0, to;
    while (from < line->len && is_blank(line->ptr[from]))
        from++;
    bool bracket = from < line->len && line->ptr[from] == '[';
    for (to = from; to < line->len && (bracket || !is_blank(line->ptr[to])); to++)
        bracket = bracket && line->ptr[to] != ']';
    struct khap_str word = khap__str_sub(*line, from, to - from);
    *line = khap__str_sub(*line, to, line->len);
    return word;
}

static enum khap_status read_lines(struct khap_diff *d, const struct diff_file *file, struct lines *out)
{
    struct khap_str rest = file->text;
    struct buf text;
    struct map paths;
    enum khap_status status = KHAP_OK;
    khap__buf_init(&text, &d->alloc);
    khap__map_init(&paths, &d->alloc);
    while (rest.len > 0 && status == KHAP_OK) {
        size_t end = khap__str_find(rest, '\n');
        struct khap_str line = khap__str_sub(rest, 0, end), word = next_word(&line);
        struct listed l = {.twin = DIFF_NONE};
        bool found;
        uint32_t old;
        rest = khap__str_sub(rest, end + 1, rest.len);
        if (word.len == 0 || word.ptr[0] == '#')
            continue;
        status = khap__view_below(&d->arena, file->base, word, &l.path);
        khap__buf_clear(&text);
        khap__buf_add(&text, l.path);
        size_t names = 0, path = text.len;
        while ((word = next_word(&line)).len > 0) {
            khap__buf_char(&text, ' ');
            names = word.ptr[0] != '[' && names == 0 ? text.len : names;
            khap__buf_add(&text, word);
        }
        struct khap_str all = khap__diff_keep(d, khap__buf_str(&text));
        if (text.failed || d->status != KHAP_OK)
            status = KHAP_ENOMEM;
        l.path = khap__str_sub(all, 0, path);
        l.rest = khap__str_sub(all, path + 1, all.len);
        l.names = names > 0 ? khap__str_sub(all, names, all.len) : S("");
        if (status == KHAP_OK)
            status = khap__map_add(&paths, l.path, 0, &found, &old);
        out->twice = out->twice || (status == KHAP_OK && found);
        if (status == KHAP_OK)
            status = khap__map_set(&out->by_line, all, out->all.len);
        if (status == KHAP_OK && !VEC_PUSH(&d->alloc, &out->all, l))
            status = KHAP_ENOMEM;
    }
    khap__buf_free(&text);
    khap__map_free(&paths);
    return status;
}

/* ---- what a new certificate needs */

static bool contains(struct khap_str text, const char *what)
{
    size_t len = strlen(what);
    for (size_t i = 0; i + len <= text.len; i++)
        if (memcmp(text.ptr + i, what, len) == 0)
            return true;
    return false;
}

static bool is_beside(struct khap_diff *d, struct khap_str path, const char *suffix)
{
    const struct khap_bundle_file *file;
    struct khap_str text;
    struct buf name;
    khap__buf_init(&name, &d->alloc);
    khap__buf_add(&name, path);
    khap__buf_add(&name, khap__str(suffix));
    if (name.failed)
        d->status = KHAP_ENOMEM;
    struct khap_str whole = khap__diff_keep(d, khap__buf_str(&name));
    khap__buf_free(&name);
    if (d->status != KHAP_OK)
        return false;
    enum khap_status status = khap_bundle_side(d->after.bundle, whole, &file);
    if (status == KHAP_ENOMEM)
        d->status = status;
    if (status == KHAP_OK || d->files.read == NULL || whole.ptr[0] != '/')
        return status == KHAP_OK;
    bool there = d->files.read(d->files.ctx, whole, &text) == KHAP_OK;
    if (there && d->files.done != NULL)
        d->files.done(d->files.ctx, text);
    return there;
}

/* NULL when a command can give HAProxy what it would read when it starts. */
static const char *cannot_set(struct khap_diff *d, const struct diff_file *file)
{
    static const char *const more[] = {".ocsp", ".issuer", ".sctl"};
    if (!file->known)
        return "it cannot be read";
    if (!contains(file->text, "PRIVATE KEY-----"))
        return "its key stands in another file";
    for (size_t i = 0; i < sizeof more / sizeof *more; i++)
        if (is_beside(d, file->path, more[i]))
            return "HAProxy reads a file beside it, too";
    return NULL;
}

static bool say(struct khap_diff *d, enum diff_phase phase, const char *words, struct khap_str name,
                struct khap_str payload)
{
    struct diff_command c;
    khap__command_begin(&c, d, phase, words);
    khap__command_word(&c, name);
    c.is.payload = payload;
    return khap__command_end(&c);
}

static const char cannot_stand[] = "its name cannot stand in a command";

const char *khap__plan_cert(struct khap_diff *d, const struct diff_file *file, bool is_new)
{
    const char *why = cannot_set(d, file);
    if (why != NULL)
        return why;
    bool good = (!is_new || say(d, PHASE_NEW, "new ssl cert", file->name, S(""))) &&
                say(d, PHASE_NEW, "set ssl cert", file->name, file->path) &&
                say(d, PHASE_NEW, "commit ssl cert", file->name, S(""));
    return good ? NULL : cannot_stand;
}

/* ---- lines that come and go */

struct comparison {
    struct khap_diff *d;
    const struct diff_file *file; /* as it is */
    struct lines old, now;
};

static struct diff_file *cert_of(struct khap_diff *d, struct diff_side *side, struct khap_str path)
{
    struct buf key;
    uint32_t at;
    khap__buf_init(&key, &d->alloc);
    khap__buf_add(&key, S("cert"));
    khap__buf_char(&key, '\0');
    khap__buf_add(&key, path);
    if (key.failed)
        d->status = KHAP_ENOMEM;
    bool found = khap__map_get(&side->by_path, khap__buf_str(&key), &at);
    khap__buf_free(&key);
    return found ? &side->files.ptr[at] : NULL;
}

/* Whether every bind with the list has a certificate before it: else the first one of the list is shown for names that nobody has. */
static bool has_default(const struct comparison *c)
{
    const struct diff_side *side = &c->d->after;
    for (uint32_t i = 0; i < side->lines.len; i++) {
        const struct diff_line *line = &side->lines.ptr[i];
        bool before = false, list = false;
        for (uint32_t k = 1; k + 1 < line->n && khap__str_eq(line->words[0], S("bind")); k++) {
            list = khap__str_eq(line->words[k], S("crt-list")) &&
                   khap__str_eq(line->words[k + 1], c->file->name);
            if (list && !before)
                return false;
            before = before || khap__str_eq(line->words[k], S("crt"));
        }
    }
    return true;
}

static bool share_a_name(struct khap_str a, struct khap_str b)
{
    for (struct khap_str x; (x = next_word(&a)).len > 0;) {
        struct khap_str rest = b;
        for (struct khap_str y; (y = next_word(&rest)).len > 0;)
            if (khap__str_eq_nocase(x, y))
                return true;
    }
    return false;
}

/* Where HAProxy has a line: what is added stands behind the others. */
static uint32_t rank(const struct comparison *c, uint32_t i)
{
    uint32_t twin = c->now.all.ptr[i].twin;
    return twin != DIFF_NONE ? twin : c->old.all.len + i;
}

/* Whether two lines stand the other way round than in the file, and may have a name in common. */
static bool order_matters(const struct comparison *c)
{
    uint32_t highest = 0;
    for (uint32_t k = 0; k < c->now.all.len; k++) {
        const struct listed *l = &c->now.all.ptr[k];
        for (uint32_t i = 0; i < k && rank(c, k) < highest; i++) {
            const struct listed *other = &c->now.all.ptr[i];
            if (rank(c, i) > rank(c, k) &&
                (l->names.len == 0 || other->names.len == 0 || share_a_name(l->names, other->names)))
                return true;
        }
        highest = rank(c, k) > highest ? rank(c, k) : highest;
    }
    return false;
}

/* For all lines at once: why they cannot change at run time. */
static const char *whole_reason(const struct comparison *c)
{
    const struct listed *first = c->old.all.ptr, *now = c->now.all.ptr;
    bool same_first = c->old.all.len > 0 && c->now.all.len > 0 && now->twin == 0;
    if (c->old.twice || c->now.twice)
        return "a certificate stands in the list twice";
    if (!same_first && !has_default(c))
        return "the first certificate of a bind is read when HAProxy starts";
    if (order_matters(c))
        return "no command puts a line before others, and they may have names in common";
    for (uint32_t i = 0; i < c->old.all.len; i++)
        for (uint32_t k = 0; first[i].twin == DIFF_NONE && k < c->now.all.len; k++)
            if (khap__str_eq(first[i].path, now[k].path))
                return "its options are read when HAProxy starts";
    return NULL;
}

static const char *plan_added(struct comparison *c, const struct listed *l)
{
    struct diff_file *file = cert_of(c->d, &c->d->after, l->path);
    struct diff_command command;
    struct buf line;
    const char *why = NULL;
    if (file == NULL)
        return "it cannot be read";
    if (cert_of(c->d, &c->d->before, l->path) == NULL && !file->planned)
        why = khap__plan_cert(c->d, file, true);
    if (why != NULL)
        return why;
    file->planned = true;
    khap__command_begin(&command, c->d, PHASE_ADD, "add ssl crt-list");
    khap__command_word(&command, c->file->name);
    khap__buf_init(&line, &c->d->alloc);
    khap__buf_add(&line, l->path);
    khap__buf_char(&line, ' ');
    khap__buf_add(&line, l->rest);
    khap__buf_char(&line, '\n');
    if (line.failed)
        c->d->status = KHAP_ENOMEM;
    command.is.content = khap__diff_keep(c->d, khap__buf_str(&line));
    khap__buf_free(&line);
    return khap__command_end(&command) ? NULL : cannot_stand;
}

static const char *plan_removed(struct comparison *c, const struct listed *l)
{
    struct diff_file *file = cert_of(c->d, &c->d->before, l->path);
    struct diff_command command;
    khap__command_begin(&command, c->d, PHASE_DELETE, "del ssl crt-list");
    khap__command_word(&command, c->file->name);
    khap__command_word(&command, l->path);
    if (!khap__command_end(&command))
        return cannot_stand;
    if (file == NULL || file->planned || cert_of(c->d, &c->d->after, l->path) != NULL)
        return NULL;
    file->planned = true;
    return say(c->d, PHASE_LEAVE, "del ssl cert", l->path, S("")) ? NULL : cannot_stand;
}

static void tell_line(struct comparison *c, const struct listed *l, bool added, const char *why)
{
    struct khap_diff *d = c->d;
    uint32_t so_far = d->commands.len;
    struct khap_change *change =
        khap__diff_change(d, added ? KHAP_CHANGE_ADDED : KHAP_CHANGE_REMOVED, KHAP_CHANGE_ENTRY);
    if (change == NULL)
        return;
    change->name = c->file->name;
    change->keyword = l->path;
    *(added ? &change->after : &change->before) = l->rest;
    change->before_place = change->after_place = c->file->place;
    if (why == NULL)
        why = added ? plan_added(c, l) : plan_removed(c, l);
    if (why == NULL)
        return;
    d->commands.len = so_far;
    khap__diff_reload(d, change, khap__str(why));
}

static void match(struct comparison *c)
{
    struct buf key;
    khap__buf_init(&key, &c->d->alloc);
    for (uint32_t i = 0; i < c->now.all.len; i++) {
        struct listed *l = &c->now.all.ptr[i];
        khap__buf_clear(&key);
        khap__buf_add(&key, l->path);
        if (l->rest.len > 0)
            khap__buf_char(&key, ' ');
        khap__buf_add(&key, l->rest);
        if (khap__map_get(&c->old.by_line, khap__buf_str(&key), &l->twin))
            c->old.all.ptr[l->twin].twin = i;
    }
    if (key.failed)
        c->d->status = KHAP_ENOMEM;
    khap__buf_free(&key);
}

void khap__diff_crt_list(struct khap_diff *d, const struct diff_file *before, const struct diff_file *after)
{
    struct comparison c = {.d = d, .file = after};
    khap__map_init(&c.old.by_line, &d->alloc);
    khap__map_init(&c.now.by_line, &d->alloc);
    d->status = read_lines(d, before, &c.old);
    if (d->status == KHAP_OK)
        d->status = read_lines(d, after, &c.now);
    if (d->status == KHAP_OK)
        match(&c);
    const char *why = d->status == KHAP_OK ? whole_reason(&c) : NULL;
    uint32_t told = d->changes.len;
    for (uint32_t i = 0; i < c.now.all.len && d->status == KHAP_OK; i++)
        if (c.now.all.ptr[i].twin == DIFF_NONE)
            tell_line(&c, &c.now.all.ptr[i], true, why);
    for (uint32_t i = 0; i < c.old.all.len && d->status == KHAP_OK; i++)
        if (c.old.all.ptr[i].twin == DIFF_NONE)
            tell_line(&c, &c.old.all.ptr[i], false, why);
    /* comments and blanks are no change, another order may be one */
    if (d->status == KHAP_OK && d->changes.len == told && order_matters(&c)) {
        struct khap_change *change = khap__diff_file_change(d, KHAP_CHANGE_ORDER, after);
        if (change != NULL)
            khap__diff_reload(d, change, S("no command moves a line, and the first that fits counts"));
    }
    VEC_FREE(&d->alloc, &c.old.all);
    VEC_FREE(&d->alloc, &c.now.all);
    khap__map_free(&c.old.by_line);
    khap__map_free(&c.now.by_line);
}
