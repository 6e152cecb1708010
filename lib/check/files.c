/* check/files.c - the files that a configuration names: whether they are there, and hold what they should. SPDX-License-Identifier: MIT */
#include "config.h"

#include "check/check.h"
#include "value/tree.h"

#include <khap/cert.h>

/* What a file is for; certificates and CAs may be directories of such. */
static bool may_be_directory(struct khap_str what)
{
    return khap__str_eq(what, S("cert")) || khap__str_eq(what, S("ca")) || khap__str_eq(what, S("crl"));
}

/* `path` below `directory`, in c->more; absolute ones stay. */
static struct khap_str below(struct check *c, struct khap_str directory, struct khap_str path)
{
    if (directory.len == 0 || khap__str_starts(path, S("/")))
        return path;
    khap__buf_clear(&c->more);
    khap__buf_add(&c->more, directory);
    if (!khap__str_ends(directory, S("/")))
        khap__buf_char(&c->more, '/');
    khap__buf_add(&c->more, path);
    struct khap_str kept = {NULL, 0};
    if (khap__arena_dup(&c->all, khap__buf_str(&c->more), &kept) != KHAP_OK)
        c->no_memory = true;
    return kept;
}

static struct khap_str without_last(struct khap_str path)
{
    while (path.len > 0 && path.ptr[path.len - 1] != '/')
        path.len--;
    while (path.len > 1 && path.ptr[path.len - 1] == '/')
        path.len--;
    return path;
}

/* Where HAProxy stands while it reads the line: `default-path`. */
static struct khap_str directory(struct check *c)
{
    struct khap_str file = {NULL, 0};
    if (!c->from_config)
        return c->directory;
    for (uint32_t i = 0; i < c->view->files.len; i++) {
        if (c->view->files.ptr[i].doc == c->at.doc)
            file = khap_bundle_file_name(c->view->files.ptr[i].file);
    }
    file = without_last(file);
    return c->parent ? below(c, file, S("..")) : file;
}

static struct khap_str keep(struct check *c, struct khap_str text)
{
    struct khap_str kept = {NULL, 0};
    if (khap__arena_dup(&c->all, text, &kept) != KHAP_OK)
        c->no_memory = true;
    return kept;
}

/* Lines that say where files are looked for. */
static void note_directories(struct check *c)
{
    if (c->n < 2 || c->words[1].variable)
        return;
    struct khap_str word = c->words[0].text, value = c->words[1].text;
    if (c->table != TABLE_GLOBAL) {
        if (c->table == TABLE_CRT_STORE && khap__str_eq(word, S("crt-base")))
            c->store_base = keep(c, value);
        else if (c->table == TABLE_CRT_STORE && khap__str_eq(word, S("key-base")))
            c->key_base = keep(c, value);
        return;
    }
    if (khap__str_eq(word, S("crt-base")))
        c->crt_base = keep(c, value);
    else if (khap__str_eq(word, S("ca-base")))
        c->ca_base = keep(c, value);
    else if (khap__str_eq(word, S("default-path"))) {
        c->parent = khap__str_eq(value, S("parent"));
        c->from_config = c->parent || khap__str_eq(value, S("config"));
        c->directory = khap__str_eq(value, S("origin")) && c->n > 2 ? keep(c, c->words[2].text) : S("");
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

/* Whether there is `path` with that behind it. */
static bool is_beside(struct check *c, struct khap_str path, struct khap_str suffix)
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

/* A PEM with a certificate and its key, which may stand in a file of its own. */
static void look_at_cert(struct check *c, struct khap_str path, struct khap_str pem, bool with_key,
                         struct khap_place place)
{
    struct khap_cert_info info = {.size = sizeof info};
    if (c->certs == NULL)
        return;
    enum khap_status status = c->certs->read(c->certs->ctx, pem, S(""), &info);
    if (status == KHAP_ENOMEM)
        c->no_memory = true;
    else if (status != KHAP_OK || info.certs == 0)
        SAY(c->diags, MSG_FILE_BAD, place, path, S("no certificate"));
    else if (with_key && info.keys == 0 && !is_beside(c, path, S(".key")))
        SAY(c->diags, MSG_FILE_BAD, place, path, S("no private key"));
    else if (with_key && info.key == KHAP_CERT_KEY_DIFFERS)
        SAY(c->diags, MSG_FILE_BAD, place, path, S("the key of another certificate"));
}

/* HAProxy takes FILE.rsa and the like together for FILE. */
static bool is_split(struct check *c, struct khap_str path)
{
    return is_beside(c, path, S(".rsa")) || is_beside(c, path, S(".ecdsa")) || is_beside(c, path, S(".dsa"));
}

static void look(struct check *c, struct khap_str what, struct khap_str path, struct khap_place place)
{
    struct khap_str text;
    bool cert = khap__str_eq(what, S("cert"));
    path = below(c, directory(c), path);
    enum khap_status status = read(c, path, &text);
    if (status == KHAP_OK) {
        /* what a server shows, and what a crt-store loads, has its key there or elsewhere */
        if (cert)
            look_at_cert(c, path, text, c->table != TABLE_CRT_STORE, place);
        done(c, text);
        return;
    }
    if (status == KHAP_ENOMEM) {
        c->no_memory = true;
        return;
    }
    if (status == KHAP_ENOENT) {
        if (!cert || !is_split(c, path))
            SAY(c->diags, MSG_FILE_MISSING, place, path);
        return;
    }
    khap__buf_clear(&c->text);
    khap__buf_add(&c->text, c->files->reason != NULL ? c->files->reason(c->files->ctx) : S(""));
    bool directory = c->files->list != NULL && c->files->list(c->files->ctx, path, no_entry, NULL) == KHAP_OK;
    if (directory && may_be_directory(what))
        return;
    if (directory)
        SAY(c->diags, MSG_FILE_BAD, place, path, S("other files: it is a directory"));
    else
        SAY(c->diags, MSG_FILE_UNREAD, place, path, khap__buf_str(&c->text));
}

/* A file that a line names. */
static void on_argument(struct check *c, const struct schema_argument *a)
{
    struct khap_str what = khap__schema_parameter(a),
                    path = khap__str_sub(c->words[a->word].text, a->offset, a->len);
    /* without a word for what it holds HAProxy does not read it when it starts; what changes a map names one that others read */
    if (what.len == 0 || c->words[a->word].variable || khap__str_eq(what, S("map")) ||
        khap__str_eq(what, S("acl")))
        return;
    struct khap_span span = {a->word, a->offset, a->word, a->offset + a->len};
    struct khap_place place = khap__check_place(c, span);
    bool store = c->table == TABLE_CRT_STORE;
    if (khap__str_eq(what, S("cert")))
        path = below(c, store && c->store_base.len > 0 ? c->store_base : c->crt_base, path);
    else if (khap__str_eq(what, S("ca")) || khap__str_eq(what, S("crl")))
        path = below(c, c->ca_base, path);
    else if (store && khap__str_eq(what, S("key")))
        path = below(c, c->key_base, path);
    look(c, what, path, place);
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
    for (uint32_t i = 0; i < line->n_arguments; i++) {
        if (line->arguments[i].type == TYPE_FILE)
            on_argument(c, &line->arguments[i]);
    }
}

/* `opt@` may be missing, `virt@` is no file. */
static void look_at_patterns(struct check *c, struct khap_str what, struct khap_str path,
                             struct khap_place place)
{
    if (c->release >= KHAP_RELEASE(3, 0)) {
        if (khap__str_starts(path, S("opt@")) || khap__str_starts(path, S("virt@")))
            return;
        if (khap__str_starts(path, S("file@")))
            path = khap__str_sub(path, 5, path.len);
    }
    look(c, what, path, place);
}

/* Files of patterns: the argument of a converter, `-f` of an ACL. */
void khap__check_item_files(struct check *c, const struct schema_item *item)
{
    if (c->files == NULL || c->at.read != KHAP_TRUE || c->release != c->view->target.last)
        return;
    struct khap_place place = khap__check_place(c, item->span);
    if (item->kind == SCHEMA_ITEM_CONVERTER && item->row != NULL && item->line != NULL) {
        for (uint32_t i = 0; i < item->line->n_arguments; i++) {
            const struct schema_argument *a = &item->line->arguments[i];
            if (a->type == TYPE_FILE && a->word < item->n_arguments && !item->arguments[a->word]->variable)
                look_at_patterns(c, khap__schema_parameter(a), item->arguments[a->word]->text, place);
        }
    }
    for (const struct khap_node *flag = item->node->first; item->kind == SCHEMA_ITEM_ACL && flag != NULL;
         flag = flag->next) {
        if (flag->kind == KHAP_NODE_FLAG && khap__str_eq(flag->text, S("-f")) && flag->first != NULL &&
            !flag->first->variable)
            look_at_patterns(c, S("acl"), flag->first->text, place);
    }
}
