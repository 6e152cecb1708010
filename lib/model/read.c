/* model/read.c - from YAML trees to settings; keys.tsv says what may stand where. SPDX-License-Identifier:
 * MIT */
#include "base/nearest.h"
#include "model/read.h"

void khap__reader_init(struct reader *r, struct khap_model *model, struct khap_diags *diags)
{
    *r = (struct reader){.model = model, .diags = diags};
    khap__buf_init(&r->scratch, &model->alloc);
}

void khap__reader_free(struct reader *r)
{
    khap__buf_free(&r->scratch);
}

static struct setting *no_memory(struct reader *r)
{
    r->no_memory = true;
    return NULL;
}

static struct khap_str found_kind(const struct yaml_node *n)
{
    switch ((enum yaml_kind)n->kind) {
    case YAML_NULL:
        return S("nothing");
    case YAML_SEQUENCE:
        return S("a list");
    case YAML_MAPPING:
        return S("a mapping");
    case YAML_SCALAR:
        break;
    }
    return S("a single value");
}

static struct khap_str wanted_kind(const struct key_row *row)
{
    switch ((enum row_kind)row->kind) {
    case ROW_OBJECT:
        return row->off ? S("a mapping or false") : S("a mapping");
    case ROW_MAP:
        return S("a mapping of names");
    case ROW_LIST:
        return S("a list");
    case ROW_SCALAR:
        break;
    }
    return S("a single value");
}

static void say_wrong_type(struct reader *r, enum key key, const struct yaml_node *node)
{
    const struct key_row *row = khap__key_row(key);
    struct khap_str name = key == KEY_ROOT ? S("the service map") : khap__key_path(key);
    READER_SAY(r, MSG_WRONG_TYPE, khap__reader_place(r, node), name, wanted_kind(row), found_kind(node));
}

/* The member that has a member of this name itself: a key may only be one level too high. */
static enum key member_above(enum key parent, struct khap_str name)
{
    enum key member;
    for (size_t i = 0; (member = khap__key_member_at(parent, i)) != KEY_NONE; i++) {
        const struct key_row *row = khap__key_row(member);
        enum key holder = row->kind == ROW_LIST ? (enum key)row->entry : member;
        if (holder != KEY_NONE && row->kind != ROW_MAP && khap__key_member(holder, name) != KEY_NONE)
            return member;
    }
    return KEY_NONE;
}

struct khap_str khap__suggest_key(struct reader *r, enum key parent, struct khap_str name, enum key *meant)
{
    struct buf *out = &r->scratch;
    struct nearest nearest;
    enum key member, above = member_above(parent, name);
    size_t n = 0;
    khap__buf_clear(out);
    khap__nearest_start(&nearest, name);
    for (; (member = khap__key_member_at(parent, n)) != KEY_NONE; n++)
        khap__nearest_offer(&nearest, khap__key_name(member));
    if (above != KEY_NONE && nearest.distance == NEAR_ENOUGH) /* hardly two slips of the pen */
        nearest.best.len = 0;
    *meant = nearest.best.len ? khap__key_member(parent, nearest.best) : KEY_NONE;
    if (nearest.best.len) {
        khap__nearest_add(&nearest, out);
    } else if (above != KEY_NONE) {
        khap__buf_add(out, S("; it stands in `"));
        khap__buf_add(out, khap__key_name(above));
        khap__buf_char(out, '`');
    } else if (n <= 16) {
        for (size_t i = 0; i < n; i++) {
            khap__buf_add(out, i == 0 ? S("; here may stand `") : i + 1 == n ? S(" and `") : S(", `"));
            khap__buf_add(out, khap__key_name(khap__key_member_at(parent, i)));
            khap__buf_char(out, '`');
        }
    }
    return khap__buf_str(out);
}

static bool ignored_key(struct khap_str name)
{
    return name.len >= 2 && name.ptr[0] == 'x' && name.ptr[1] == '-';
}

static struct setting *read_object(struct reader *r, enum key key, const struct yaml_node *node,
                                   struct khap_place at)
{
    const struct key_row *row = khap__key_row(key);
    struct setting *object = khap__setting_new(&r->model->arena, key, SETTING_OBJECT, at);
    if (!object)
        return no_memory(r);
    if (node->damaged)
        khap__setting_spoil(object, KEY_NONE);
    if (node->kind != YAML_MAPPING && row->short_key != KEY_NONE && node->kind != YAML_NULL) {
        bool flag = node->kind == YAML_SCALAR && row->flag_key != KEY_NONE &&
                    khap__str_eq(khap__yaml_text(node), khap__key_name((enum key)row->flag_key));
        struct setting *only =
            flag ? khap__setting_new(&r->model->arena, (enum key)row->flag_key, SETTING_BOOL,
                                     khap__reader_place(r, node))
                 : khap__read_value(r, (enum key)row->short_key, node, khap__reader_place(r, node));
        if (!only)
            return flag ? no_memory(r) : NULL;
        if (flag)
            only->number = 1;
        khap__setting_append(object, only);
        return object;
    }
    if (node->kind == YAML_NULL)
        return object;
    if (node->kind != YAML_MAPPING) {
        say_wrong_type(r, key, node);
        return NULL;
    }
    for (const struct yaml_node *name = node->child; name && name->next; name = name->next->next) {
        struct khap_str text = khap__yaml_text(name);
        enum key member = khap__key_member(key, text);
        if (member == KEY_NONE) {
            if (ignored_key(text))
                continue;
            enum key meant;
            struct khap_str suggestion = khap__suggest_key(r, key, text, &meant);
            READER_SAY(r, MSG_UNKNOWN_KEY, khap__reader_place(r, name), text, suggestion);
            khap__setting_spoil(object, meant);
            continue;
        }
        struct setting *value = khap__read_value(r, member, name->next, khap__reader_place(r, name));
        if (r->no_memory)
            return NULL;
        if (value)
            khap__setting_append(object, value);
        if (!value || (value->kind == SETTING_LIST && value->damaged))
            khap__setting_spoil(object, member);
    }
    return object;
}

/* What the names of a map's entries are names of. */
static struct khap_str named_thing(enum key container)
{
    switch ((int)container) {
    case KEY_NODES:
        return S("node");
    case KEY_FRONTENDS:
        return S("frontend");
    case KEY_SERVICES:
        return S("service");
    case KEY_NODE_LABELS:
    case KEY_SERVICE_NODES_SELECTOR:
        return S("label");
    case KEY_SERVICE_ROUTE_MATCH_QUERY:
        return S("query parameter");
    case KEY_SERVICE_BASIC_AUTH_USERS:
        return S("user");
    case KEY_SERVICE_ERROR_PAGES:
        return S("page");
    default:
        return S("header");
    }
}

bool khap__check_entry_name(struct reader *r, enum key container, struct khap_str name, struct khap_place at)
{
    struct khap_str thing = named_thing(container);
    size_t bad_at = 0;
    if (container == KEY_NODES || container == KEY_FRONTENDS || container == KEY_SERVICES) {
        if (!khap__name_valid(name, &bad_at)) {
            struct khap_str why = name.len == 0    ? S("it is empty")
                                  : name.len > 255 ? S("it is longer than 255 bytes")
                                                   : S("it may hold letters, digits and . _ : - only");
            READER_SAY(r, MSG_BAD_NAME, at, thing, name, why);
            return false;
        }
        if (container != KEY_NODES && khap__str_starts(name, S("khap-"))) {
            READER_SAY(r, MSG_RESERVED_NAME, at, thing, name);
            return false;
        }
        return true;
    }
    if (container == KEY_NODE_LABELS || container == KEY_SERVICE_NODES_SELECTOR) {
        bool good = name.len > 0 && name.len <= 512;
        for (size_t i = 0; good && i < name.len; i++)
            good = (unsigned char)name.ptr[i] > 0x20 && (unsigned char)name.ptr[i] != 0x7f;
        if (!good)
            READER_SAY(r, MSG_BAD_NAME, at, thing, name,
                       S("it is from 1 to 512 bytes without blanks and control characters"));
        return good;
    }
    if (container == KEY_SERVICE_ROUTE_MATCH_QUERY) { /* it becomes an argument of HAProxy's url_param() */
        bool good = name.len > 0 && name.len <= 255;
        for (size_t i = 0; good && i < name.len; i++)
            good = khap__is_alnum((unsigned char)name.ptr[i]) || memchr("-._~%[]", name.ptr[i], 7);
        if (!good)
            READER_SAY(r, MSG_BAD_NAME, at, thing, name,
                       S("it has from 1 to 255 letters, digits and - . _ ~ % [ ], as sent"));
        return good;
    }
    if (container == KEY_SERVICE_BASIC_AUTH_USERS) {
        bool good = name.len > 0 && name.len <= 255;
        for (size_t i = 0; good && i < name.len; i++)
            good = (unsigned char)name.ptr[i] >= 0x20 && (unsigned char)name.ptr[i] != 0x7f &&
                   name.ptr[i] != ':';
        if (!good)
            READER_SAY(r, MSG_BAD_NAME, NOWHERE, thing, name,
                       S("it is from 1 to 255 bytes without colons and control characters"));
        return good;
    }
    if (container == KEY_SERVICE_ERROR_PAGES) {
        static const char statuses[][4] = {"400", "403", "404", "405", "408", "410", "425",
                                           "429", "500", "501", "502", "503", "504"};
        for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++) {
            if (khap__str_eq(name, khap__str(statuses[i])))
                return true;
        }
        READER_SAY(r, MSG_BAD_NAME, at, thing, name,
                   S("it is one of 400, 403, 404, 405, 408, 410, 425, 429, 500, 501, 502, 503 and 504"));
        return false;
    }
    if (container == KEY_SERVICE_ROUTE_MATCH_HEADERS && name.len > 0 && memchr(name.ptr, '\'', name.len)) {
        READER_SAY(r, MSG_BAD_NAME, at, thing, name, S("a match has no way to name one with a quote"));
        return false;
    }
    if (name.len > 255 || !khap__header_name_valid(name)) {
        READER_SAY(r, MSG_BAD_HEADER_NAME, at, khap__key_path(container), name);
        return false;
    }
    return true;
}

static struct setting *read_map(struct reader *r, enum key key, const struct yaml_node *node,
                                struct khap_place at)
{
    const struct key_row *row = khap__key_row(key);
    if (node->kind != YAML_MAPPING && node->kind != YAML_NULL) {
        say_wrong_type(r, key, node);
        return NULL;
    }
    struct setting *map = khap__setting_new(&r->model->arena, key, SETTING_OBJECT, at);
    if (!map)
        return no_memory(r);
    map->damaged = node->damaged;
    for (const struct yaml_node *name = node->child; name && name->next; name = name->next->next) {
        struct khap_place place = khap__reader_place(r, name);
        struct khap_str text = khap__yaml_text(name), copy;
        bool good = khap__check_entry_name(r, key, text, place);
        struct setting *entry = khap__read_value(r, (enum key)row->entry, name->next, place);
        if (r->no_memory)
            return NULL;
        if (!good || !entry) {
            map->damaged = true;
            continue;
        }
        if (khap__arena_dup(&r->model->arena, text, &copy) != KHAP_OK)
            return no_memory(r);
        entry->name = copy.ptr;
        entry->name_len = (uint16_t)copy.len;
        khap__setting_append(map, entry);
    }
    return map;
}

static struct setting *read_list(struct reader *r, enum key key, const struct yaml_node *node,
                                 struct khap_place at)
{
    const struct key_row *row = khap__key_row(key);
    if (node->kind == YAML_MAPPING && row->entry == KEY_NONE) {
        say_wrong_type(r, key, node);
        return NULL;
    }
    struct setting *list = khap__setting_new(&r->model->arena, key, SETTING_LIST, at);
    if (!list)
        return no_memory(r);
    if (node->kind == YAML_NULL) {
        READER_SAY(r, MSG_MISSING_VALUE, at, khap__key_path(key));
        return NULL;
    }
    /* a single value stands for a list of one */
    bool single = node->kind != YAML_SEQUENCE;
    for (const struct yaml_node *n = single ? node : node->child; n; n = single ? NULL : n->next) {
        struct setting *item;
        if (row->entry != KEY_NONE) {
            item = khap__read_value(r, (enum key)row->entry, n, khap__reader_place(r, n));
        } else {
            item = khap__setting_new(&r->model->arena, key, SETTING_TEXT, khap__reader_place(r, n));
            if (!item)
                return no_memory(r);
            if (!khap__read_scalar(r, key, n, item))
                item = NULL;
        }
        if (r->no_memory)
            return NULL;
        if (item)
            khap__setting_append(list, item);
        else
            list->damaged = true;
    }
    return list;
}

bool khap__told_already(struct reader *r, const struct yaml_node *node)
{
    bool told = node->damaged && node->kind != YAML_MAPPING;
    r->bad = r->bad || told;
    return told;
}

/* A truth value that is no text between quotes. */
static bool is_bool(const struct yaml_node *n, bool *value)
{
    return n->kind == YAML_SCALAR && !n->quoted && khap__bool_parse(khap__yaml_text(n), value);
}

struct setting *khap__read_value(struct reader *r, enum key key, const struct yaml_node *node,
                                 struct khap_place at)
{
    const struct key_row *row = khap__key_row(key);
    r->model->seen[key] = true;
    if (khap__told_already(r, node))
        return NULL;
    bool on = false;
    if (row->off && is_bool(node, &on) && on) { /* not a cookie of the name "true" */
        READER_SAY(r, MSG_WRONG_TYPE, khap__reader_place(r, node), khap__key_path(key), wanted_kind(row),
                   S("true"));
        return NULL;
    }
    if (row->off && is_bool(node, &on)) {
        struct setting *off =
            khap__setting_new(&r->model->arena, key, SETTING_OFF, khap__reader_place(r, node));
        return off ? off : no_memory(r);
    }
    switch ((enum row_kind)row->kind) {
    case ROW_OBJECT:
        return read_object(r, key, node, at);
    case ROW_MAP:
        return read_map(r, key, node, at);
    case ROW_LIST:
        return read_list(r, key, node, at);
    case ROW_SCALAR:
        break;
    }
    struct setting *s = khap__setting_new(&r->model->arena, key, SETTING_TEXT, khap__reader_place(r, node));
    if (!s)
        return no_memory(r);
    return khap__read_scalar(r, key, node, s) ? s : NULL;
}

enum khap_status khap_model_read(struct khap_model *model, uint32_t source, struct khap_diags *diags)
{
    if (!model || !diags)
        return KHAP_EINVAL;
    if (source == 0) {
        model->incomplete = model->damaged = true;
        return KHAP_OK;
    }
    struct yaml_reader *yaml = NULL;
    struct reader r;
    khap__reader_init(&r, model, diags);
    r.source = source;
    bool anything = false;
    size_t errors = khap_diags_count(diags, KHAP_ERROR);
    enum khap_status status = khap__yaml_open(&model->alloc, diags, source, NULL, &yaml);
    if (status == KHAP_EINPUT)
        model->incomplete = true;
    while (status == KHAP_OK) {
        /* the tree goes away with its document; the settings copy what they need */
        struct arena tree;
        struct yaml_node *root = NULL;
        khap__arena_init(&tree, &model->alloc);
        status = khap__yaml_next(yaml, &tree, &root);
        bool end = !root;
        if (status == KHAP_EINPUT)
            model->incomplete = true;
        enum khap_status merged = KHAP_OK;
        if (root && (status == KHAP_OK || status == KHAP_EINPUT) && root->kind != YAML_NULL) {
            anything = true;
            struct setting *settings = khap__read_value(&r, KEY_ROOT, root, khap__reader_place(&r, root));
            if (settings)
                merged = khap__merge_root(&r, settings);
        }
        khap__arena_free(&tree);
        if (r.no_memory || r.scratch.failed || merged == KHAP_ENOMEM)
            status = KHAP_ENOMEM;
        if (end)
            break;
    }
    khap__yaml_close(yaml);
    if (status == KHAP_OK && !anything) {
        SAY0(diags, MSG_EMPTY_MAP, ((struct khap_place){source, 0, 0}));
        status = KHAP_EINPUT;
    }
    khap__reader_free(&r);
    /* a key that stands twice is said by the YAML reader, which goes on */
    if (status == KHAP_OK && khap_diags_count(diags, KHAP_ERROR) > errors)
        status = KHAP_EINPUT;
    if (status != KHAP_OK)
        model->damaged = true;
    return status;
}
