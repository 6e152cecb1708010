/* model/set.c - one key from outside: a path with names in place, and a value as YAML.
 * SPDX-License-Identifier: MIT */
#include "model/read.h"

enum { MAX_PARTS = 16 }; /* deeper than keys.tsv is */

struct part {
    struct khap_str text;
    bool quoted;
};

struct path {
    struct part parts[MAX_PARTS];
    uint32_t n;
    enum key keys[MAX_PARTS]; /* the row of each part */
};

/* a.b."c.d".0: no escapes in quotes. */
static bool split(struct khap_str text, struct path *out, struct khap_str *why)
{
    size_t at = 0;
    out->n = 0;
    *why = S("a part of it is empty");
    for (;;) {
        if (out->n == MAX_PARTS) {
            *why = S("it is too deep");
            return false;
        }
        struct part *part = &out->parts[out->n++];
        part->quoted = at < text.len && text.ptr[at] == '"';
        if (part->quoted) {
            struct khap_str rest = khap__str_sub(text, at + 1, text.len);
            size_t end = khap__str_find(rest, '"');
            if (end == rest.len) {
                *why = S("a quote stays open");
                return false;
            }
            part->text = khap__str_sub(rest, 0, end);
            at += end + 2;
        } else {
            struct khap_str rest = khap__str_sub(text, at, text.len);
            part->text = khap__str_sub(rest, 0, khap__str_find(rest, '.'));
            at += part->text.len;
        }
        if (part->text.len == 0)
            return false;
        if (at >= text.len)
            return true;
        if (text.ptr[at] != '.') {
            *why = S("behind a quote stands a dot, or nothing");
            return false;
        }
        at++;
    }
}

/* The rows along the path; says what is wrong. */
static bool find_rows(struct reader *r, struct khap_str text, struct path *path)
{
    enum key at = KEY_ROOT;
    for (uint32_t i = 0; i < path->n; i++) {
        const struct key_row *row = khap__key_row(at);
        struct khap_str name = path->parts[i].text;
        switch ((enum row_kind)row->kind) {
        case ROW_OBJECT: {
            enum key member = khap__key_member(at, name);
            if (member == KEY_NONE) {
                enum key meant;
                struct khap_str suggestion = khap__suggest_key(r, at, name, &meant);
                READER_SAY(r, MSG_UNKNOWN_KEY, r->fixed_place, name, suggestion);
                return false;
            }
            at = member;
            break;
        }
        case ROW_MAP:
            if (!khap__check_entry_name(r, at, name, r->fixed_place))
                return false;
            at = (enum key)row->entry;
            break;
        case ROW_LIST: {
            int64_t n;
            if (path->parts[i].quoted ||
                (!khap__str_eq(name, S("+")) && khap__int_parse(name, 0, 1000000, &n) != VALUE_OK)) {
                READER_SAY(r, MSG_BAD_KEY_PATH, r->fixed_place, text,
                           S("an item of a list is a number, or +"));
                return false;
            }
            if (row->entry != KEY_NONE)
                at = (enum key)row->entry;
            else if (i + 1 < path->n) {
                READER_SAY(r, MSG_BAD_KEY_PATH, r->fixed_place, text, S("an item of this list has no keys"));
                return false;
            }
            break;
        }
        case ROW_SCALAR:
            READER_SAY(r, MSG_BAD_KEY_PATH, r->fixed_place, text, S("it goes on behind a single value"));
            return false;
        }
        path->keys[i] = at;
    }
    return true;
}

/* Whether the last part is an item of a list of scalars, whose row is the list's own. */
static bool is_item(const struct path *path)
{
    if (path->n < 2)
        return false;
    const struct key_row *row = khap__key_row(path->keys[path->n - 2]);
    return row->kind == ROW_LIST && row->entry == KEY_NONE;
}

/* The setting that a part names below `parent`, or NULL when there is none yet. */
static struct setting *below(struct reader *r, struct setting *parent, const struct path *path, uint32_t i,
                             enum khap_status *status)
{
    *status = KHAP_OK;
    const struct key_row *row = khap__key_row((enum key)parent->key);
    if (row->kind == ROW_MAP)
        return khap__map_entry(r->model, parent, path->parts[i].text, status);
    struct setting *s = parent->child;
    if (row->kind == ROW_LIST) {
        int64_t n;
        if (khap__str_eq(path->parts[i].text, S("+")))
            return NULL;
        khap__int_parse(path->parts[i].text, 0, 1000000, &n);
        while (s && n-- > 0)
            s = s->next;
        return s;
    }
    while (s && s->key != path->keys[i])
        s = s->next;
    return s;
}

/* A list can grow by one item only; looked at before anything is changed. */
static enum khap_status check_items(struct reader *r, const struct path *path, struct khap_str text)
{
    struct setting *at = r->model->root;
    enum khap_status status;
    for (uint32_t i = 0; i < path->n; i++) {
        enum key above = i ? path->keys[i - 1] : KEY_ROOT;
        int64_t n = 0;
        if (khap__key_row(above)->kind == ROW_LIST && !khap__str_eq(path->parts[i].text, S("+")))
            khap__int_parse(path->parts[i].text, 0, 1000000, &n);
        if ((uint64_t)n > (at && at->kind == SETTING_LIST ? at->n_children : 0)) {
            READER_SAY(r, MSG_BAD_KEY_PATH, r->fixed_place, text, S("the list has fewer items"));
            return KHAP_EINPUT;
        }
        if (at) {
            at = below(r, at, path, i, &status);
            if (status != KHAP_OK)
                return status;
        }
    }
    return KHAP_OK;
}

static enum setting_kind container_kind(enum key key)
{
    return khap__key_row(key)->kind == ROW_LIST ? SETTING_LIST : SETTING_OBJECT;
}

static enum khap_status name_it(struct reader *r, const struct setting *parent, struct setting *s,
                                struct khap_str name)
{
    struct khap_str copy;
    if (khap__key_row((enum key)parent->key)->kind != ROW_MAP)
        return KHAP_OK;
    if (khap__arena_dup(&r->model->arena, name, &copy) != KHAP_OK)
        return KHAP_ENOMEM;
    s->name = copy.ptr;
    s->name_len = (uint16_t)copy.len;
    return KHAP_OK;
}

/* Walks down, making what is missing, and puts the value where the path ends. */
static enum khap_status put(struct reader *r, const struct path *path, struct khap_str text,
                            struct setting *value)
{
    struct setting *at = r->model->root;
    enum khap_status status = check_items(r, path, text);
    for (uint32_t i = 0; i < path->n && status == KHAP_OK; i++) {
        bool last = i + 1 == path->n;
        struct setting *s = below(r, at, path, i, &status);
        if (status != KHAP_OK)
            return status;
        if (!s) {
            s = last ? value
                     : khap__setting_new(&r->model->arena, path->keys[i], container_kind(path->keys[i]),
                                         r->fixed_place);
            if (!s)
                return KHAP_ENOMEM;
            r->model->seen[path->keys[i]] = true;
            status = name_it(r, at, s, path->parts[i].text);
            if (status != KHAP_OK)
                return status;
            khap__setting_append(at, s);
        } else if (last) {
            /* in place, so that order, name and the index of names stay */
            struct setting *next = s->next;
            const char *name = s->name;
            uint16_t name_len = s->name_len;
            if (s->kind == SETTING_OBJECT || s->kind == SETTING_LIST)
                khap__forget_indices(r->model);
            *s = *value;
            s->next = next;
            s->name = name;
            s->name_len = name_len;
        } else if (s->kind != SETTING_OBJECT && s->kind != SETTING_LIST) { /* switched off before */
            s->kind = (uint8_t)container_kind(path->keys[i]);
            s->child = NULL;
            s->n_children = 0;
            s->place = r->fixed_place;
        }
        at = s;
    }
    return status;
}

/* Reads the value's text as YAML. Its positions mean nothing to the caller, so what YAML has to say becomes
 * the words of a diagnostic of ours. */
static enum khap_status read_yaml(struct reader *r, struct khap_str path, struct khap_str value,
                                  struct arena *tree, struct yaml_node **root)
{
    const struct khap_alloc *alloc = &r->model->alloc;
    struct khap_sources *sources = NULL;
    struct khap_diags *diags = NULL;
    struct yaml_reader *yaml = NULL;
    struct yaml_node *second = NULL;
    uint32_t id = 0;
    *root = NULL;
    enum khap_status status = khap_sources_new(alloc, &sources);
    if (status == KHAP_OK)
        status = khap_sources_add(sources, S("value"), value, &id);
    if (status == KHAP_OK)
        status = khap_diags_new(alloc, sources, &diags);
    if (status == KHAP_OK)
        status = khap__yaml_open(alloc, diags, id, NULL, &yaml);
    if (status == KHAP_OK)
        status = khap__yaml_next(yaml, tree, root);
    if (status == KHAP_OK && *root)
        status = khap__yaml_next(yaml, tree, &second);
    if (yaml)
        khap__yaml_close(yaml);
    if (status != KHAP_ENOMEM &&
        (status != KHAP_OK || second || (diags && khap_diags_count(diags, KHAP_ERROR)))) {
        const struct khap_diag *d = diags ? khap_diags_next(diags, NULL) : NULL;
        READER_SAY(r, MSG_UNREADABLE_VALUE, r->fixed_place, path,
                   d ? khap_diag_text(d) : S("it is more than one document"));
        status = KHAP_EINPUT;
    }
    khap_diags_free(diags);
    khap_sources_free(sources);
    return status;
}

static enum khap_status set_value(struct reader *r, struct khap_str text, const struct path *path,
                                  struct khap_str value)
{
    struct arena tree;
    struct yaml_node *root = NULL, nothing = {.kind = YAML_NULL};
    khap__arena_init(&tree, &r->model->alloc);
    enum khap_status status = read_yaml(r, text, value, &tree, &root);
    if (status == KHAP_OK) {
        enum key key = path->keys[path->n - 1];
        const struct yaml_node *node = root ? root : &nothing;
        struct setting *s;
        if (is_item(path)) {
            s = khap__setting_new(&r->model->arena, key, SETTING_TEXT, r->fixed_place);
            if (!s)
                r->no_memory = true;
            else if (!khap__read_scalar(r, key, node, s))
                s = NULL;
        } else {
            s = khap__read_value(r, key, node, r->fixed_place);
        }
        status = r->no_memory ? KHAP_ENOMEM : !s || r->bad ? KHAP_EINPUT : put(r, path, text, s);
    }
    khap__arena_free(&tree);
    return status;
}

enum khap_status khap_model_set(struct khap_model *model, struct khap_str path, struct khap_str value,
                                struct khap_place place, struct khap_diags *diags)
{
    if (!model)
        return KHAP_EINVAL;
    struct reader r;
    struct path parts;
    struct khap_str why;
    enum khap_status status = KHAP_EINPUT;
    khap__reader_init(&r, model, diags);
    r.fixed = true;
    r.fixed_place = place;
    if (!split(path, &parts, &why))
        READER_SAY(&r, MSG_BAD_KEY_PATH, place, path, why);
    else if (find_rows(&r, path, &parts))
        status = set_value(&r, path, &parts, value);
    if (r.scratch.failed || r.no_memory)
        status = KHAP_ENOMEM;
    khap__reader_free(&r);
    return status;
}

enum khap_status khap_model_find(struct khap_model *model, struct khap_str path, struct khap_place *place)
{
    if (!model)
        return KHAP_EINVAL;
    struct reader r;
    struct path parts;
    struct khap_str why;
    khap__reader_init(&r, model, NULL);
    struct setting *at = model->root;
    enum khap_status status =
        split(path, &parts, &why) && find_rows(&r, path, &parts) ? KHAP_OK : KHAP_EINPUT;
    if (r.scratch.failed || r.no_memory)
        status = KHAP_ENOMEM;
    for (uint32_t i = 0; status == KHAP_OK && i < parts.n; i++) {
        bool holds = at->kind == SETTING_OBJECT || at->kind == SETTING_LIST;
        at = holds ? below(&r, at, &parts, i, &status) : NULL;
        if (status == KHAP_OK && !at)
            status = KHAP_ENOENT;
    }
    if (status == KHAP_OK && place)
        *place = at->place;
    khap__reader_free(&r);
    return status;
}
