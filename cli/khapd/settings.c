/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "khapd/settings.h"
#include "khapgen/input.h"
#include "khapgen/nearest.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

enum { LARGEST = 16 << 20, PATH_ROOM = 128, SAID = 200 };

enum key_type {
    TYPE_OBJECT,
    TYPE_YAML,
    TYPE_LIST_OBJECT,
    TYPE_LIST_PATH,
    TYPE_LIST_TEXT,
    TYPE_LIST_ADDRESSES,
    TYPE_LIST_WORD,
    TYPE_PATH,
    TYPE_TEXT,
    TYPE_BOOL,
    TYPE_TIME,
    TYPE_INT,
    TYPE_ADDRESS,
    TYPE_WORD
};

struct key_row {
    const char *path;
    enum key_type type;
    const char *words, *standard;
};

#define KHAPD_KEY_TABLES

#include "khapd/key_table.h"

struct reader {
    struct report *report;
    struct settings *settings;
    yaml_document_t doc;
    uint32_t source;
    bool wrong;
};

/* ---- what is wrong, and where */

/* libyaml counts characters. */
static uint32_t offset_of(struct khap_str text, yaml_mark_t mark)
{
    size_t at = 0;
    for (size_t line = mark.line; line > 0 && at < text.len; at++)
        line -= text.ptr[at] == '\n';
    for (size_t column = mark.column; column > 0 && at < text.len; column--)
        while (++at < text.len && ((unsigned char)text.ptr[at] & 0xC0) == 0x80)
            ;
    return (uint32_t)at;
}

static struct khap_place place_of(const struct reader *r, const yaml_node_t *node)
{
    uint32_t from = offset_of(r->settings->text, node->start_mark),
             to = offset_of(r->settings->text, node->end_mark);
    return (struct khap_place){r->source, from, to > from ? to - from : 0};
}

static void say(struct reader *r, const char *code, const yaml_node_t *node, const char *first,
                const char *second, const char *third)
{
    struct khap_str words[3] = {word(first), word(second), word(third)};
    r->wrong = true;
    if (khap_diags_report(r->report->diags, word(code), place_of(r, node), words, 3) != KHAP_OK)
        r->report->no_memory = true;
}

static const char *shape_of(const yaml_node_t *node)
{
    return node->type == YAML_MAPPING_NODE    ? "a mapping"
           : node->type == YAML_SEQUENCE_NODE ? "a list"
                                              : "one value";
}

static const char *wanted(const struct key_row *row)
{
    switch (row->type) {
    case TYPE_OBJECT:
    case TYPE_YAML:
        return "a mapping";
    case TYPE_LIST_OBJECT:
        return "a list of mappings";
    case TYPE_LIST_PATH:
        return "a list of paths";
    case TYPE_LIST_TEXT:
        return "a list of names";
    case TYPE_LIST_ADDRESSES:
        return "addresses: 192.0.2.10, FIRST-LAST, or NETWORK/BITS, at most 65536";
    case TYPE_PATH:
        return "a path";
    case TYPE_TEXT:
        return "a text";
    case TYPE_BOOL:
        return "true or false";
    case TYPE_TIME:
        return "a time such as 5s";
    case TYPE_INT:
        return "a whole number in its range";
    case TYPE_ADDRESS:
        return "an address such as 127.0.0.1:9110";
    case TYPE_LIST_WORD:
    case TYPE_WORD:
        break;
    }
    return row->words;
}

/* ---- values */

static char *keep(struct settings *c, const char *text, size_t len)
{
    return files_add(&c->kept, text, len) ? c->kept.of[c->kept.n - 1] : NULL;
}

static bool read_time(const char *text, uint64_t *ms)
{
    static const struct {
        const char *unit;
        uint64_t ms;
    } units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}, {"", 1}};
    uint64_t n = 0;
    size_t digits = 0;
    for (; text[digits] >= '0' && text[digits] <= '9'; digits++) {
        if (digits >= 9)
            return false;
        n = n * 10 + (uint64_t)(text[digits] - '0');
    }
    for (size_t i = 0; digits > 0 && i < sizeof units / sizeof *units; i++)
        if (strcmp(text + digits, units[i].unit) == 0) {
            *ms = n * units[i].ms;
            return *ms <= UINT64_C(86400000) * 365;
        }
    return false;
}

/* Of a range such as 1-1000. */
static bool read_int(const char *text, const char *range, uint64_t *n)
{
    size_t len = strlen(text);
    if (len == 0 || len > 9 || strspn(text, "0123456789") != len)
        return false;
    *n = strtoull(text, NULL, 10);
    return *n >= strtoull(range, NULL, 10) && *n <= strtoull(strchr(range, '-') + 1, NULL, 10);
}

static bool is_one_of(const char *words, const char *text)
{
    size_t len = strlen(text);
    while (*words != '\0') {
        size_t n = strcspn(words, "|");
        if (n == len && memcmp(words, text, n) == 0)
            return true;
        words += n + (words[n] == '|');
    }
    return false;
}

/* HOST:PORT, of which the host is a number, in brackets for IPv6 */
static bool is_address(const char *text)
{
    const char *colon = strrchr(text, ':');
    unsigned long port = 0;
    if (colon == NULL || colon == text || strlen(colon) < 2 || strlen(colon) > 6 ||
        strspn(colon + 1, "0123456789") != strlen(colon + 1))
        return false;
    port = strtoul(colon + 1, NULL, 10);
    size_t host = (size_t)(colon - text);
    bool v6 = text[0] == '[' && colon[-1] == ']' && strspn(text + 1, "0123456789abcdefABCDEF:.") == host - 2;
    return port > 0 && port < 65536 && (v6 || strspn(text, "0123456789.") == host);
}

/* False for a text that the type does not take, or when memory is short. */
static bool set_value(struct settings *c, const struct key_row *row, const char *text, size_t len)
{
    struct setting *v = &c->values[row - key_rows];
    if (strlen(text) != len)
        return false;
    switch (row->type) {
    case TYPE_BOOL:
        v->flag = strcmp(text, "true") == 0;
        return v->flag || strcmp(text, "false") == 0;
    case TYPE_TIME:
        return read_time(text, &v->ms);
    case TYPE_INT:
        return read_int(text, row->words, &v->ms);
    case TYPE_ADDRESS:
        if (!is_address(text))
            return false;
        break;
    case TYPE_WORD:
        if (!is_one_of(row->words, text))
            return false;
        break;
    case TYPE_LIST_PATH:
    case TYPE_LIST_TEXT:
    case TYPE_LIST_ADDRESSES:
    case TYPE_LIST_WORD: {
        bool good = len > 0 && (row->type != TYPE_LIST_WORD || is_one_of(row->words, text)) &&
                    (row->type != TYPE_LIST_ADDRESSES || khap_kube_pool_check(word(text)) == KHAP_OK);
        char **list = !good ? NULL : realloc(v->list, (v->n + 1) * sizeof *list);
        if (list == NULL)
            return false;
        v->list = list;
        return (list[v->n] = keep(c, text, len)) != NULL && ++v->n > 0;
    }
    case TYPE_PATH:
    case TYPE_TEXT:
        if (len == 0)
            return false;
        break;
    case TYPE_OBJECT:
    case TYPE_YAML:
    case TYPE_LIST_OBJECT:
        return false;
    }
    return (v->text = keep(c, text, len)) != NULL;
}

static bool is_null(const yaml_node_t *node)
{
    const char *text = (const char *)node->data.scalar.value;
    return node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
           (*text == '\0' || strcmp(text, "~") == 0 || strcmp(text, "null") == 0);
}

static void read_scalar(struct reader *r, const struct key_row *row, const yaml_node_t *node)
{
    if (node->type != YAML_SCALAR_NODE)
        say(r, "wrong-type", node, row->path, wanted(row), shape_of(node));
    else if (is_null(node))
        say(r, "missing-value", node, row->path, "", "");
    else if (!set_value(r->settings, row, (const char *)node->data.scalar.value, node->data.scalar.length)) {
        char text[SAID];
        snprintf(text, sizeof text, "%s", (const char *)node->data.scalar.value);
        say(r, "wrong-type", node, row->path, wanted(row), text);
    }
}

/* ---- keys */

static const struct key_row *find(const char *path)
{
    for (size_t i = 0; i < KEY_COUNT; i++)
        if (strcmp(key_rows[i].path, path) == 0)
            return &key_rows[i];
    return NULL;
}

static void unknown(struct reader *r, const char *prefix, const yaml_node_t *key, const char *name)
{
    struct nearest near;
    char text[SAID] = "";
    size_t len = strlen(prefix);
    nearest_start(&near, name);
    for (size_t i = 0; i < KEY_COUNT; i++)
        if (strncmp(key_rows[i].path, prefix, len) == 0 && key_rows[i].path[len] == '.' &&
            strchr(key_rows[i].path + len + 1, '.') == NULL)
            nearest_offer(&near, key_rows[i].path + len + 1);
    if (near.best != NULL)
        snprintf(text, sizeof text, "; did you mean `%s`?", near.best);
    say(r, "unknown-key", key, name, text, "");
}

static void read_mapping(struct reader *r, const char *prefix, const yaml_node_t *node, unsigned depth);

/* Of values; one that stands alone is a list of it. */
static bool is_list(const struct key_row *row)
{
    return row->type == TYPE_LIST_PATH || row->type == TYPE_LIST_TEXT || row->type == TYPE_LIST_ADDRESSES ||
           row->type == TYPE_LIST_WORD;
}

static void read_list(struct reader *r, const struct key_row *row, const yaml_node_t *node, unsigned depth)
{
    char path[PATH_ROOM];
    if (node->type != YAML_SEQUENCE_NODE) {
        if (is_list(row))
            read_scalar(r, row, node);
        else
            say(r, "wrong-type", node, row->path, wanted(row), shape_of(node));
        return;
    }
    snprintf(path, sizeof path, "%s[]", row->path);
    for (yaml_node_item_t *i = node->data.sequence.items.start; i < node->data.sequence.items.top; i++) {
        const yaml_node_t *item = yaml_document_get_node(&r->doc, *i);
        if (is_list(row))
            read_scalar(r, row, item);
        else if (item->type != YAML_MAPPING_NODE)
            say(r, "wrong-type", item, path, "a mapping", shape_of(item));
        else
            read_mapping(r, path, item, depth + 1);
    }
}

static void read_value(struct reader *r, const struct key_row *row, const yaml_node_t *node, unsigned depth)
{
    struct setting *v = &r->settings->values[row - key_rows];
    if (row == &key_rows[KEY_SOURCES_KUBERNETES] && v->given)
        say(r, "duplicate-key", node, "kubernetes", "", ""); /* one cluster */
    v->given = true;
    if (row->type == TYPE_YAML) {
        if (node->type != YAML_MAPPING_NODE)
            say(r, "wrong-type", node, row->path, wanted(row), shape_of(node));
        return;
    }
    if (row->type == TYPE_LIST_OBJECT || is_list(row))
        read_list(r, row, node, depth);
    else if (row->type != TYPE_OBJECT)
        read_scalar(r, row, node);
    else if (node->type != YAML_MAPPING_NODE)
        say(r, "wrong-type", node, row->path, wanted(row), shape_of(node));
    else
        read_mapping(r, row->path, node, depth + 1);
}

static bool stands_before(struct reader *r, const yaml_node_t *node, const yaml_node_pair_t *pair,
                          const char *name)
{
    for (yaml_node_pair_t *p = node->data.mapping.pairs.start; p < pair; p++) {
        const yaml_node_t *key = yaml_document_get_node(&r->doc, p->key);
        if (key->type == YAML_SCALAR_NODE && strcmp((const char *)key->data.scalar.value, name) == 0)
            return true;
    }
    return false;
}

/* Takes the lines from this key to the next one out of the ground. */
static void take_out(struct reader *r, const yaml_node_t *key, const yaml_node_t *next)
{
    struct khap_str *ground = &r->settings->ground;
    char *text = (char *)(uintptr_t)ground->ptr;
    size_t to = next != NULL ? offset_of(*ground, next->start_mark) : ground->len;
    for (size_t at = offset_of(*ground, key->start_mark); at < to; at++)
        if (text[at] != '\n')
            text[at] = ' ';
}

static void read_mapping(struct reader *r, const char *prefix, const yaml_node_t *node, unsigned depth)
{
    char path[PATH_ROOM];
    yaml_node_pair_t *end = node->data.mapping.pairs.top;
    for (yaml_node_pair_t *p = node->data.mapping.pairs.start; p < end; p++) {
        const yaml_node_t *key = yaml_document_get_node(&r->doc, p->key),
                          *value = yaml_document_get_node(&r->doc, p->value);
        if (key->type != YAML_SCALAR_NODE) {
            say(r, "yaml-key-not-scalar", key, shape_of(key), "", "");
            continue;
        }
        const char *name = (const char *)key->data.scalar.value;
        int n = snprintf(path, sizeof path, "%s%s%s", prefix, *prefix != '\0' ? "." : "", name);
        const struct key_row *row = n > 0 && n < PATH_ROOM ? find(path) : NULL;
        if (*prefix == '\0' && strcmp(name, "source") == 0)
            row = &key_rows[KEY_SOURCES];
        if (stands_before(r, node, p, name)) {
            say(r, "duplicate-key", key, name, "", "");
        } else if (row == NULL) {
            if (*prefix != '\0' && strncmp(name, "x-", 2) != 0)
                unknown(r, prefix, key, name);
        } else if (depth == 0) {
            take_out(r, key, p + 1 < end ? yaml_document_get_node(&r->doc, p[1].key) : NULL);
            if (strcmp(name, "source") == 0 && value->type == YAML_MAPPING_NODE) {
                r->settings->values[KEY_SOURCES].given = true;
                read_mapping(r, "sources[]", value, 1);
            } else {
                read_value(r, row, value, 0);
            }
        } else {
            read_value(r, row, value, depth);
        }
    }
}

/* ---- the file */

static bool is_blank(struct khap_str text)
{
    bool comment = false;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (c == '\n')
            comment = false;
        else if (c == '#')
            comment = true;
        else if (!comment && c != ' ' && c != '\t' && c != '\r')
            return false;
    }
    return true;
}

static void missing(struct reader *r, const char *who, enum key_id id)
{
    report_about(r->report, "missing-key", r->settings->path, word(who), word(key_rows[id].path));
    r->wrong = true;
}

static void read_document(struct reader *r)
{
    struct settings *c = r->settings;
    const yaml_node_t *root = yaml_document_get_root_node(&r->doc);
    if (root == NULL || root->type != YAML_MAPPING_NODE) {
        report_about(r->report, "wrong-type", c->path, WORD("khapd.yaml"), WORD("a mapping"));
        r->wrong = true;
        return;
    }
    read_mapping(r, "", root, 0);
    if (is_blank(c->ground)) {
        free((char *)(uintptr_t)c->ground.ptr);
        c->ground = (struct khap_str){0};
    } else if (root->data.mapping.style == YAML_FLOW_MAPPING_STYLE) {
        say(r, "wrong-type", root, "khapd.yaml", "written in lines", "in brackets");
    }
    const char *name = setting_text(c, KEY_SOURCES_KUBERNETES_NAME);
    if (!c->values[KEY_SOURCES_FILES].given && !c->values[KEY_SOURCES_KUBERNETES].given)
        missing(r, "khapd", KEY_SOURCES_FILES);
    if (!c->values[KEY_HAPROXY_DIRECTORY].given)
        missing(r, "khapd", KEY_HAPROXY_DIRECTORY);
    if (setting_flag(c, KEY_HAPROXY_MANAGE) && setting_text(c, KEY_HAPROXY_MASTER) == NULL)
        missing(r, "`haproxy.manage`", KEY_HAPROXY_MASTER);
    if (settings_binary(c) == NULL && !c->values[KEY_HAPROXY_SOCKET].given &&
        !c->values[KEY_HAPROXY_TARGET].given)
        missing(r, "`haproxy.binary: none`", KEY_HAPROXY_TARGET);
    if (settings_binary(c) == NULL && setting_flag(c, KEY_HAPROXY_MANAGE))
        missing(r, "`haproxy.manage`", KEY_HAPROXY_BINARY);
    if (c->values[KEY_SOURCES_KUBERNETES].given && setting_text(c, KEY_STATE) == NULL)
        missing(r, "`sources[].kubernetes`", KEY_STATE);
    if (name != NULL &&
        (strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") != strlen(name) || strlen(name) > 63)) {
        report_about(r->report, "wrong-type", c->path, WORD("sources[].kubernetes.name"),
                     WORD("at most 63 small letters, digits and hyphens"));
        r->wrong = true;
    }
}

static void parse(struct reader *r)
{
    yaml_parser_t parser;
    struct settings *c = r->settings;
    if (!yaml_parser_initialize(&parser)) {
        r->report->no_memory = true;
        return;
    }
    yaml_parser_set_input_string(&parser, (const unsigned char *)c->text.ptr, c->text.len);
    if (yaml_parser_load(&parser, &r->doc)) {
        read_document(r);
        yaml_document_delete(&r->doc);
    } else {
        struct khap_place place = {r->source, offset_of(c->text, parser.problem_mark), 0};
        r->wrong = true;
        report_say(r->report, "yaml-syntax", place,
                   word(parser.problem != NULL ? parser.problem : "this is no YAML"), WORD(""));
    }
    yaml_parser_delete(&parser);
}

/* By who knows what it is about, with the places that it has here. */
static enum khap_status read_allow(struct reader *r)
{
    struct khap_yaml *yaml = NULL;
    const struct khap_yaml_node *root = NULL;
    struct khap_diags *diags = r->report->diags;
    if (!r->settings->values[KEY_ALLOW].given)
        return KHAP_OK;
    enum khap_status status = khap_yaml_open(NULL, diags, r->source, &yaml);
    if (status == KHAP_OK)
        status = khap_yaml_next(yaml, &root);
    if (status == KHAP_OK)
        status =
            khap_kube_allow_read(NULL, yaml, khap_yaml_get(root, WORD("allow")), diags, &r->settings->allow);
    khap_yaml_free(yaml);
    return status;
}

int settings_read(struct report *report, const char *path, struct settings *settings)
{
    struct reader r = {.report = report, .settings = settings};
    struct khap_str text;
    *settings = (struct settings){0};
    settings->path = strdup(path);
    if (settings->path == NULL)
        return report_status(report, KHAP_ENOMEM);
    enum input_result result = input_read(path, LARGEST, &text);
    if (result == INPUT_NO_MEMORY)
        return report_status(report, KHAP_ENOMEM);
    if (result != INPUT_READ) {
        report_about(report, "input-unreadable", path,
                     word(result == INPUT_ERROR       ? strerror(errno)
                          : result == INPUT_DIRECTORY ? strerror(EISDIR)
                                                      : strerror(EFBIG)),
                     WORD(""));
        return EXIT_UNUSABLE;
    }
    settings->text = text;
    char *ground = malloc(text.len + 1);
    if (ground == NULL ||
        khap_sources_add(report->sources, word(settings->path), text, &r.source) != KHAP_OK) {
        free(ground);
        return report_status(report, KHAP_ENOMEM);
    }
    memcpy(ground, text.ptr, text.len + 1);
    settings->ground = (struct khap_str){ground, text.len};
    for (size_t i = 0; i < KEY_COUNT; i++)
        if (key_rows[i].standard[0] != '\0' &&
            !set_value(settings, &key_rows[i], key_rows[i].standard, strlen(key_rows[i].standard)))
            return report_status(report, KHAP_ENOMEM);
    parse(&r);
    enum khap_status allowed = r.wrong ? KHAP_OK : read_allow(&r);
    if (allowed != KHAP_OK)
        return report_status(report, allowed);
    return report->no_memory ? EXIT_FAILED : r.wrong ? EXIT_UNUSABLE : EXIT_DONE;
}

void settings_free(struct settings *c)
{
    for (size_t i = 0; i < KEY_COUNT; i++)
        free(c->values[i].list);
    files_free(&c->kept);
    khap_kube_allow_free(c->allow);
    free(c->path);
    free((char *)(uintptr_t)c->text.ptr);
    free((char *)(uintptr_t)c->ground.ptr);
    *c = (struct settings){0};
}

const char *cluster_name(const struct settings *s)
{
    const char *name = setting_text(s, KEY_SOURCES_KUBERNETES_NAME);
    return name != NULL ? name : "cluster";
}

bool cluster_is_set(const struct settings *s)
{
    return s->values[KEY_SOURCES_KUBERNETES].given;
}

bool cluster_path(const struct settings *s, char *path, size_t room)
{
    int n = snprintf(path, room, "%s/kubernetes/%s.yaml", setting_text(s, KEY_STATE), cluster_name(s));
    return n > 0 && (size_t)n < room;
}
