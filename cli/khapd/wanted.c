/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "khapd/wanted.h"

#include <khap/khap.h>
#include <khap/yaml.h>
#include <string.h>

enum { LONGEST_MESSAGE = 900, LONGEST_REASON = 100 };

static bool add_field(struct pass_text *t, struct khap_str text, char end)
{
    return text_add_bytes(t, text.ptr, text.len) && text_add_bytes(t, &end, 1);
}

void wanted_status(void *ctx, const struct khap_kube_status *s)
{
    struct pass_text *t = ctx;
    if (s == NULL) {
        t->len = 0;
        return;
    }
    /* what cannot be added is wanted by the next pass */
    (void)(add_field(t, s->kind, WANTED_BETWEEN) && add_field(t, s->ns, WANTED_BETWEEN) &&
           add_field(t, s->name, WANTED_BETWEEN) && add_field(t, WORD(""), WANTED_BETWEEN) &&
           add_field(t, WORD(""), WANTED_BETWEEN) && add_field(t, s->wanted, '\n'));
}

/* ---- events */

/* The object that stands in the line of a place: what is known of a cluster has one in each. */
static bool object_at(struct khap_str text, uint32_t offset, struct khap_str *line)
{
    size_t from = offset, to = offset;
    if (offset >= text.len)
        return false;
    while (from > 0 && text.ptr[from - 1] != '\n')
        from--;
    while (to < text.len && text.ptr[to] != '\n')
        to++;
    *line = (struct khap_str){text.ptr + from, to - from};
    return line->len > 0 && line->ptr[0] == '{';
}

static struct khap_str get(const struct khap_yaml_node *node, struct khap_str key)
{
    return khap_yaml_text(khap_yaml_get(node, key));
}

/* KIND, NAMESPACE and NAME of the object in a line; nothing when there is none. */
static bool add_object(struct pass_text *t, struct khap_str line)
{
    struct khap_sources *sources = NULL;
    struct khap_diags *diags = NULL;
    struct khap_yaml *yaml = NULL;
    const struct khap_yaml_node *root = NULL;
    uint32_t source = 0;
    bool good = khap_sources_new(NULL, &sources) == KHAP_OK &&
                khap_sources_add(sources, WORD("object"), line, &source) == KHAP_OK &&
                khap_diags_new(NULL, sources, &diags) == KHAP_OK &&
                khap_yaml_open(NULL, diags, source, &yaml) == KHAP_OK &&
                khap_yaml_next(yaml, &root) == KHAP_OK;
    const struct khap_yaml_node *metadata = khap_yaml_get(root, WORD("metadata"));
    good = good && add_field(t, get(root, WORD("kind")), WANTED_BETWEEN) &&
           add_field(t, get(metadata, WORD("namespace")), WANTED_BETWEEN) &&
           add_field(t, get(metadata, WORD("name")), WANTED_BETWEEN);
    khap_yaml_free(yaml);
    khap_diags_free(diags);
    khap_sources_free(sources);
    return good;
}

/* "kube-no-node-port" is NoNodePort. */
static bool add_reason(struct pass_text *t, struct khap_str code)
{
    static const char beginning[] = "kube-";
    size_t at = code.len > 5 && memcmp(code.ptr, beginning, 5) == 0 ? 5 : 0;
    bool good = true, large = true;
    for (size_t n = 0; at < code.len && n < LONGEST_REASON && good; at++) {
        char c = code.ptr[at];
        if (c == '-') {
            large = true;
            continue;
        }
        c = large && c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
        large = false;
        good = text_add_bytes(t, &c, 1);
        n++;
    }
    return good;
}

static bool add_message(struct pass_text *t, struct khap_str text)
{
    bool good = true;
    size_t len = text.len < LONGEST_MESSAGE ? text.len : LONGEST_MESSAGE;
    for (size_t i = 0; i < len && good; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        char out = c < ' ' || c == 0x7f ? ' ' : (char)c;
        good = text_add_bytes(t, &out, 1);
    }
    return good;
}

bool wanted_events(struct pass_text *t, const struct report *r, const char *path)
{
    static const char between = WANTED_BETWEEN;
    bool good = true;
    for (const struct khap_diag *d = NULL; good && (d = khap_diags_next(r->diags, d)) != NULL;) {
        struct khap_place place = khap_diag_place(d);
        struct khap_str name = khap_sources_name(r->sources, place.source), line;
        enum khap_severity severity = khap_diag_severity(d);
        if ((severity != KHAP_ERROR && severity != KHAP_WARNING) || name.len != strlen(path) ||
            memcmp(name.ptr, path, name.len) != 0 ||
            !object_at(khap_sources_text(r->sources, place.source), place.offset, &line))
            continue;
        good = add_object(t, line) && add_reason(t, word(khap_diag_code(d))) &&
               text_add_bytes(t, &between, 1) && add_message(t, khap_diag_text(d)) &&
               text_add_bytes(t, &between, 1) && add_field(t, WORD("Warning"), '\n');
    }
    return good;
}
