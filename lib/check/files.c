/* check/files.c - the files that a configuration names: whether they are there, and hold what they should. SPDX-License-Identifier: MIT */
#include "config.h"

#include "check/content.h"

/* `path` below `directory`; absolute ones stay. */
static struct khap_str below(struct check *c, struct khap_str directory, struct khap_str path)
{
    struct khap_str whole = path;
    if (khap__view_below(&c->all, directory, path, &whole) != KHAP_OK)
        c->no_memory = true;
    return whole;
}

struct khap_str khap__check_keep(struct check *c, struct khap_str text)
{
    struct khap_str kept = {NULL, 0};
    if (khap__arena_dup(&c->all, text, &kept) != KHAP_OK)
        c->no_memory = true;
    return kept;
}

static void note_size(struct khap_str text, uint32_t *size, bool *unknown)
{
    uint64_t n = 0;
    size_t at = 0;
    for (; at < text.len && at < 9 && khap__is_digit((unsigned char)text.ptr[at]); at++)
        n = n * 10 + (uint64_t)(text.ptr[at] - '0');
    *unknown = at == 0 || at < text.len;
    *size = (uint32_t)n;
}

/* Lines that say where files are looked for, and how large they may be. */
static void note_directories(struct check *c)
{
    if (c->n > 0 && c->table == TABLE_GLOBAL && khap__str_eq(c->words[0].text, S("ssl-load-extra-del-ext")))
        c->extra.cut = true;
    if (c->n < 2 || c->words[1].variable)
        return;
    struct khap_str word = c->words[0].text, value = c->words[1].text;
    if (c->table != TABLE_GLOBAL) {
        if (c->table == TABLE_CRT_STORE && khap__str_eq(word, S("crt-base")))
            c->store_base = khap__check_keep(c, value);
        else if (c->table == TABLE_CRT_STORE && khap__str_eq(word, S("key-base")))
            c->key_base = khap__check_keep(c, value);
        return;
    }
    if (khap__str_eq(word, S("crt-base")))
        c->crt_base = khap__check_keep(c, value);
    else if (khap__str_eq(word, S("ca-base")))
        c->ca_base = khap__check_keep(c, value);
    else if (khap__str_eq(word, S("tune.bufsize")))
        note_size(c->words[1].text, &c->buffer.size, &c->buffer.unknown);
    else if (khap__str_eq(word, S("tune.maxrewrite")))
        note_size(c->words[1].text, &c->buffer.rewrite, &c->buffer.rewrite_unknown);
    else if (khap__str_eq(word, S("issuers-chain-path")))
        c->extra.chain = true;
    else if (khap__str_eq(word, S("ssl-load-extra-files"))) {
        c->extra.no_key = true;
        for (size_t i = 1; i < c->n; i++) {
            if (khap__str_eq(c->words[i].text, S("key")) || khap__str_eq(c->words[i].text, S("all")))
                c->extra.no_key = false;
        }
    } else if (khap__view_note_path(&c->all, c->words, c->n, &c->paths) != KHAP_OK) {
        c->no_memory = true;
    }
}

static enum khap_status no_entry(void *ctx, struct khap_str name)
{
    (void)ctx;
    (void)name;
    return KHAP_OK;
}

static enum khap_status read(const struct check *c, struct khap_str path, struct khap_str *text)
{
    return c->files->read(c->files->ctx, path, text);
}

static void done(const struct check *c, struct khap_str text)
{
    if (c->files->done != NULL)
        c->files->done(c->files->ctx, text);
}

bool khap__look_beside(struct check *c, struct khap_str path, struct khap_str suffix)
{
    struct khap_str text;
    khap__buf_clear(&c->more);
    khap__buf_add(&c->more, path);
    khap__buf_add(&c->more, suffix);
    if (read(c, khap__buf_str(&c->more), &text) != KHAP_OK)
        return false;
    done(c, text);
    return true;
}

/* HAProxy takes FILE.rsa and the like together for FILE. */
static bool is_split(struct check *c, struct khap_str holds, struct khap_str path)
{
    return (khap__str_eq(holds, S("cert")) || khap__str_eq(holds, S("listed"))) &&
           (khap__look_beside(c, path, S(".rsa")) || khap__look_beside(c, path, S(".ecdsa")) ||
            khap__look_beside(c, path, S(".dsa")));
}

bool khap__look_again(struct check *c, struct khap_str way)
{
    bool found = true;
    uint32_t old;
    if (khap__map_get(&c->looked_at, way, &old))
        return true;
    if (khap__map_add(&c->looked_at, khap__check_keep(c, way), 0, &found, &old) != KHAP_OK)
        c->no_memory = true;
    return found;
}

static void tell(struct check *c, unsigned verdict, enum message_id error, const struct check_spot *spot,
                 struct khap_str path, struct khap_str error_text, struct khap_str warning_text)
{
    if (verdict == FILE_ERROR || verdict == FILE_ONLY)
        SAY(c->diags, error, khap__spot_place(c, spot), path, error_text);
    else if (verdict == FILE_WARNING)
        SAY(c->diags, MSG_FILE_UNUSED, khap__spot_place(c, spot), path, warning_text);
}

/* A text that was read. */
static bool look_into(struct check *c, const struct schema_file *row, struct khap_str path,
                      struct khap_str text, const struct check_spot *spot)
{
    struct check_inside in = {.path = path, .text = text, .spot = spot};
    if (text.len == 0 && row->empty == FILE_WARNING && row->content == CONTENT_BODY)
        SAY(c->diags, MSG_FILE_ODD, khap__spot_place(c, spot), path, S("nothing"));
    else if (text.len == 0 && row->empty != FILE_FINE)
        tell(c, row->empty, MSG_FILE_BAD, spot, path, S("nothing"), S("it is empty"));
    else
        khap__check_content(c, row, &in);
    return in.told == 0 && (text.len > 0 || row->empty != FILE_ERROR);
}

/* The certificates in a directory. */
struct directory {
    struct check *c;
    const struct schema_file *row;
    struct khap_str path;
    const struct check_spot *spot;
    uint32_t good;
};

static enum khap_status look_at_entry(void *ctx, struct khap_str name)
{
    struct directory *d = ctx;
    struct khap_str text, path = below(d->c, d->path, name);
    bool beside = khap__str_ends(name, S(".issuer")) || khap__str_ends(name, S(".ocsp")) ||
                  khap__str_ends(name, S(".sctl")) ||
                  (khap__str_ends(name, S(".key")) && d->c->release >= KHAP_RELEASE(2, 2));
    if (d->c->no_memory)
        return KHAP_ENOMEM;
    bool hidden = name.ptr[0] == '.' && d->c->release >= KHAP_RELEASE(2, 4);
    if (beside || hidden)
        return KHAP_OK;
    enum khap_status status = read(d->c, path, &text);
    if (status == KHAP_OK) {
        d->c->provided++;
        (void)look_into(d->c, d->row, path, text, d->spot);
        done(d->c, text);
    } else if (status == KHAP_ENOENT)
        SAY(d->c->diags, MSG_FILE_MISSING, khap__spot_place(d->c, d->spot), path);
    else
        d->c->provided++;
    return status == KHAP_ENOMEM ? status : KHAP_OK;
}

/* One of the files of a directory, which HAProxy goes on without. */
static enum khap_status look_at_some(void *ctx, struct khap_str name)
{
    struct directory *d = ctx;
    struct khap_str text;
    bool fits = d->row->directory == FILE_ONLY || khap__str_ends(name, S(".pem")) ||
                khap__str_ends(name, S(".crt")) || khap__str_ends(name, S(".cer")) ||
                khap__str_ends(name, S(".crl"));
    struct khap_str path = fits ? below(d->c, d->path, name) : S("");
    if (d->c->no_memory)
        return KHAP_ENOMEM;
    if (!fits)
        return KHAP_OK;
    enum khap_status status = read(d->c, path, &text);
    if (status != KHAP_OK && status != KHAP_ENOENT) {
        d->good += status != KHAP_ENOMEM;
        return status == KHAP_ENOMEM ? status : KHAP_OK;
    }
    if (status == KHAP_OK && khap__has_certs(d->c, text))
        d->good++;
    else
        SAY(d->c->diags, MSG_FILE_UNUSED, khap__spot_place(d->c, d->spot), path,
            S("it holds no certificate"));
    if (status == KHAP_OK)
        done(d->c, text);
    return KHAP_OK;
}

static bool look_at_directory(struct check *c, const struct schema_file *row, struct khap_str path,
                              const struct check_spot *spot)
{
    struct directory d = {c, row, path, spot, 0};
    if (row->directory == FILE_FILES && c->files->list(c->files->ctx, path, look_at_entry, &d) == KHAP_ENOMEM)
        c->no_memory = true;
    if ((row->directory == FILE_SOME || row->directory == FILE_ONLY) &&
        c->files->list(c->files->ctx, path, look_at_some, &d) == KHAP_ENOMEM)
        c->no_memory = true;
    if (row->directory == FILE_SOME && d.good == 0)
        SAY(c->diags, MSG_FILE_UNUSED, khap__spot_place(c, spot), path,
            S("no certificate is in the directory"));
    if (row->directory == FILE_ERROR || row->directory == FILE_WARNING)
        tell(c, row->directory, MSG_FILE_BAD, spot, path, S("other files: it is a directory"),
             S("it is a directory"));
    return row->directory != FILE_ERROR;
}

bool khap__look(struct check *c, struct khap_str holds, struct khap_str path, const struct check_spot *spot)
{
    struct khap_str text;
    const struct schema_file *row = khap__schema_file(holds, c->release);
    if (row == NULL)
        return true;
    bool client = khap__str_eq(holds, S("client")) || khap__str_eq(holds, S("sign"));
    c->shown.use = client ? CERT_OF_CLIENT : CERT_OF_SERVER;
    c->shown.shows = !client && c->table != TABLE_CRT_STORE;
    c->shown.read = false;
    enum khap_status status = read(c, path, &text);
    if (status == KHAP_ENOMEM) {
        c->no_memory = true;
        return false;
    }
    if (status == KHAP_OK) {
        bool good = row->directory != FILE_ONLY;
        if (!good)
            SAY(c->diags, MSG_FILE_BAD, khap__spot_place(c, spot), path,
                S("no files, for it is no directory"));
        else
            good = look_into(c, row, path, text, spot);
        c->provided += row->content == CONTENT_CERT;
        done(c, text);
        return good;
    }
    if (status == KHAP_ENOENT) {
        if (is_split(c, holds, path)) {
            c->provided++;
            return true;
        }
        tell(c, row->missing, MSG_FILE_MISSING, spot, path, S(""), S("it is not there"));
        return false;
    }
    khap__buf_clear(&c->text);
    khap__buf_add(&c->text, c->files->reason != NULL ? c->files->reason(c->files->ctx) : S(""));
    if (c->files->list != NULL && c->files->list(c->files->ctx, path, no_entry, NULL) == KHAP_OK)
        return look_at_directory(c, row, path, spot);
    c->provided++;
    if (khap__str_eq(holds, S("netns"))) /* it is there, and nobody can read it */
        return true;
    SAY(c->diags, MSG_FILE_UNREAD, khap__spot_place(c, spot), path, khap__buf_str(&c->text));
    return true;
}

struct khap_str khap__look_path(struct check *c, struct khap_str holds, struct khap_str path)
{
    bool store = c->table == TABLE_CRT_STORE;
    if (khap__str_eq(holds, S("netns")))
        return below(c, S("/var/run/netns"), path);
    if (khap__str_eq(holds, S("cert")) || khap__str_eq(holds, S("client")) || khap__str_eq(holds, S("load")))
        path = below(c, store && c->store_base.len > 0 ? c->store_base : c->crt_base, path);
    else if (khap__str_eq(holds, S("ca")) || khap__str_eq(holds, S("crl")))
        path = below(c, c->ca_base, path);
    else if (store && khap__str_eq(holds, S("key")))
        path = below(c, c->key_base, path);
    struct khap_str whole = path;
    if (khap__view_path(c->view, c->at.doc, &c->paths, &c->all, path, &whole) != KHAP_OK)
        c->no_memory = true;
    return whole;
}

void khap__look_arguments(struct check *c, const struct schema_line *line)
{
    for (uint32_t i = 0; i < line->n_arguments; i++) {
        const struct schema_argument *a = &line->arguments[i];
        struct khap_str holds = khap__schema_parameter(a);
        /* what changes a map or ACL names one that others read */
        if ((a->type != TYPE_FILE && a->type != TYPE_DIR) || holds.len == 0 || c->words[a->word].variable ||
            khap__str_eq(holds, S("map")) || khap__str_eq(holds, S("acl")))
            continue;
        struct khap_span span = {a->word, a->offset, a->word, a->offset + a->len};
        struct check_spot spot = {.place = khap__check_place(c, span)};
        (void)khap__look(c, holds,
                         khap__look_path(c, holds, khap__str_sub(c->words[a->word].text, a->offset, a->len)),
                         &spot);
    }
}

/* What a line of a crt-store names as the certificate, and as its key. */
static void check_pair(struct check *c, const struct schema_line *line)
{
    struct khap_str paths[2] = {S(""), S("")};
    struct check_spot spot = {0};
    for (uint32_t i = 0; i < line->n_arguments; i++) {
        const struct schema_argument *a = &line->arguments[i];
        struct khap_str holds = khap__schema_parameter(a);
        bool key = khap__str_eq(holds, S("key"));
        if (a->type != TYPE_FILE || (!key && !khap__str_eq(holds, S("load"))))
            continue;
        if (c->words[a->word].variable)
            return;
        if (key || paths[1].len == 0)
            spot.place =
                khap__check_place(c, (struct khap_span){a->word, a->offset, a->word, a->offset + a->len});
        paths[key] = khap__look_path(c, holds, khap__str_sub(c->words[a->word].text, a->offset, a->len));
    }
    if (paths[0].len > 0)
        khap__check_cert_pair(c, paths[0], paths[1], &spot);
}

/* Certificates that a bind names, in a directory or a list, and none is there. */
static void check_provided(struct check *c, const struct schema_line *line)
{
    bool strict = false;
    for (uint32_t i = 0; i < line->n_options; i++) {
        struct khap_str words = khap__schema_text(line->options[i].row->words);
        strict = strict || khap__str_eq(words, S("strict-sni"));
    }
    if (strict)
        SAY(c->diags, MSG_LACKS_WARNING,
            khap__check_place(c, (struct khap_span){0, 0, 0, (uint32_t)c->words[0].text.len}),
            c->words[0].text, S("a certificate"));
    else
        SAY(c->diags, MSG_LACKS,
            khap__check_place(c, (struct khap_span){0, 0, 0, (uint32_t)c->words[0].text.len}),
            c->words[0].text, S("a certificate"));
}

void khap__check_files(struct check *c, const struct schema_line *line)
{
    if (c->files == NULL || c->at.read != KHAP_TRUE)
        return;
    if (c->table == TABLE_SECTION) {
        c->store_base = c->key_base = S("");
        return;
    }
    note_directories(c);
    khap__check_shown_begin(c);
    bool ssl = false;
    uint32_t named = 0, crts;
    size_t told = khap_diags_count(c->diags, KHAP_ERROR);
    c->provided = 0;
    khap__look_arguments(c, line);
    if (c->table == TABLE_CRT_STORE)
        check_pair(c, line);
    for (uint32_t i = 0; i < line->n_options; i++) {
        struct khap_str words = khap__schema_text(line->options[i].row->words);
        ssl = ssl || khap__str_eq(words, S("ssl"));
        named += khap__str_eq(words, S("crt")) || khap__str_eq(words, S("crt-list"));
    }
    crts = named;
    /* others are in a crt-store, or in a variable */
    for (uint32_t i = 0; i < line->n_arguments; i++) {
        struct khap_str holds = khap__schema_parameter(&line->arguments[i]);
        bool one = line->arguments[i].type == TYPE_FILE &&
                   (khap__str_eq(holds, S("cert")) || khap__str_eq(holds, S("crtlist")));
        if (one && c->words[line->arguments[i].word].variable)
            return;
        named -= one && named > 0;
    }
    if (ssl && crts > 0 && named == 0 && c->provided == 0 && told == khap_diags_count(c->diags, KHAP_ERROR) &&
        c->n > 0 && khap__str_eq(c->words[0].text, S("bind")))
        check_provided(c, line);
}

/* The converter's; those of an ACL are looked at with its patterns. */
void khap__check_item_files(struct check *c, const struct schema_item *item)
{
    if (c->at.read == KHAP_TRUE && c->release == c->view->target.last &&
        item->kind == SCHEMA_ITEM_CONVERTER && item->row != NULL && item->line != NULL)
        khap__check_map_files(c, item);
}
