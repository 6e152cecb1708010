/* SPDX-License-Identifier: MIT */
#include "base/yaml_reader.h"

enum { DEFAULT_DEPTH = 64, DEFAULT_ALIAS_NODES = 1000000 };

enum khap_status khap__yaml_open(const struct khap_alloc *alloc, struct khap_diags *diags, uint32_t source,
                                 const struct yaml_limits *limits, struct yaml_reader **out)
{
    struct khap_alloc a = khap__alloc_or_default(alloc);
    struct yaml_position at = {.text = khap_sources_text(khap__diags_sources(diags), source)};
    if (khap__yaml_check_text(diags, source, &at) != KHAP_OK)
        return KHAP_EINPUT;
    struct yaml_reader *r = khap__alloc(&a, 1, sizeof *r);
    if (r == NULL)
        return KHAP_ENOMEM;
    memset(r, 0, sizeof *r);
    if (!yaml_parser_initialize(&r->parser)) {
        khap__free(&a, r, 1, sizeof *r);
        return KHAP_ENOMEM;
    }
    r->alloc = a;
    r->diags = diags;
    r->source = source;
    r->at = at;
    r->limits.depth = limits != NULL && limits->depth != 0 ? limits->depth : DEFAULT_DEPTH;
    r->limits.alias_nodes =
        limits != NULL && limits->alias_nodes != 0 ? limits->alias_nodes : DEFAULT_ALIAS_NODES;
    khap__map_init(&r->anchor_names, &a);
    khap__map_init(&r->keys, &a);
    yaml_parser_set_encoding(&r->parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&r->parser, (const unsigned char *)(at.text.len == 0 ? "" : at.text.ptr),
                                 at.text.len);
    *out = r;
    return KHAP_OK;
}

void khap__yaml_close(struct yaml_reader *r)
{
    if (r == NULL)
        return;
    struct khap_alloc a = r->alloc;
    yaml_parser_delete(&r->parser);
    VEC_FREE(&a, &r->frames);
    VEC_FREE(&a, &r->anchors);
    khap__map_free(&r->anchor_names);
    khap__map_free(&r->keys);
    khap__free(&a, r, 1, sizeof *r);
}

struct khap_place khap__yaml_place_of(const struct yaml_reader *r, const struct yaml_node *n)
{
    return (struct khap_place){r->source, n->offset, n->len};
}

static struct khap_str event_text(const yaml_char_t *s)
{
    return khap__str((const char *)s);
}

static const char *kind_name(const struct yaml_node *n)
{
    return n->kind == YAML_MAPPING ? "mapping" : n->kind == YAML_SEQUENCE ? "list" : "plain text";
}

/* The length of the line's end at p, 0 when there is none. YAML 1.1 knows five. */
static size_t line_end(const char *p, const char *stop)
{
    if (*p == '\n' || *p == '\r')
        return 1;
    if (stop - p >= 2 && memcmp(p, "\xc2\x85", 2) == 0)
        return 2;
    return stop - p >= 3 && (memcmp(p, "\xe2\x80\xa8", 3) == 0 || memcmp(p, "\xe2\x80\xa9", 3) == 0) ? 3 : 0;
}

static bool is_space(const char *p, const char *stop)
{
    return *p == ' ' || *p == '\t' || line_end(p, stop) > 0;
}

/* An anchor or a tag before a value is not the value: its place begins after them. */
static uint32_t skip_properties(const struct yaml_reader *r, uint32_t offset, uint32_t end)
{
    const char *p = r->at.text.ptr, *const stop = p + (end - r->at.skipped);
    p += offset - r->at.skipped;
    while (p < stop && (*p == '&' || *p == '!')) {
        while (p < stop && !is_space(p, stop))
            p++;
        for (;;) {
            while (p < stop && is_space(p, stop))
                p += *p == ' ' || *p == '\t' ? 1 : line_end(p, stop);
            if (p == stop || *p != '#')
                break;
            while (p < stop && line_end(p, stop) == 0)
                p++;
        }
    }
    return (uint32_t)(p - r->at.text.ptr) + r->at.skipped;
}

static struct yaml_node *new_node(struct yaml_reader *r, const yaml_event_t *event, enum yaml_kind kind)
{
    struct yaml_node *n = khap__arena_alloc(r->arena, 1, sizeof *n);
    if (n == NULL)
        return NULL;
    *n = (struct yaml_node){.kind = (uint8_t)kind};
    n->offset = khap__yaml_offset(&r->at, event->start_mark.index);
    n->len = khap__yaml_offset(&r->at, event->end_mark.index) - n->offset;
    r->made++;
    return n;
}

/*
 * Joins a node to the collection being read. A value that cannot be one where it stands is told here; reading
 * goes on, so that all errors of a document are told in one run.
 */
static void attach(struct yaml_reader *r, struct yaml_node *n, uint32_t height)
{
    if (r->frames.len == 0) {
        r->root = n;
        return;
    }
    struct yaml_frame *f = &r->frames.ptr[r->frames.len - 1];
    if (f->last == NULL)
        f->node->child = n;
    else
        f->last->next = n;
    if (f->node->kind == YAML_MAPPING && f->children % 2 == 0) {
        if (n->kind == YAML_MAPPING || n->kind == YAML_SEQUENCE) {
            SAY(r->diags, MSG_YAML_KEY_NOT_SCALAR, khap__yaml_place_of(r, n), khap__str(kind_name(n)));
            f->bad_keys = true;
        } else {
            n->kind = YAML_SCALAR; /* a key is its text, "null" too */
            f->merges = f->merges || (n->text_len == 2 && !n->quoted && memcmp(n->text, "<<", 2) == 0);
        }
    }
    f->last = n;
    f->children++;
    if (height + 1 > f->height)
        f->height = height + 1;
}

static enum khap_status add_anchor(struct yaml_reader *r, const yaml_char_t *name, struct yaml_node *n,
                                   bool open, uint32_t *index)
{
    struct khap_str copy;
    struct yaml_anchor anchor = {n, 1, 0, open};
    *index = 0;
    if (name == NULL)
        return KHAP_OK;
    if (khap__arena_dup(r->arena, event_text(name), &copy) != KHAP_OK ||
        !VEC_PUSH(&r->alloc, &r->anchors, anchor) ||
        khap__map_set(&r->anchor_names, copy, r->anchors.len - 1) != KHAP_OK)
        return KHAP_ENOMEM;
    *index = r->anchors.len;
    return KHAP_OK;
}

/* The name of a tag of YAML's core schema, "" for the tag "!", NULL pointer for others. */
static struct khap_str core_tag(const yaml_char_t *tag)
{
    static const char names[][8] = {"str", "int", "bool", "null", "float", "map", "seq"};
    struct khap_str prefix = S("tag:yaml.org,2002:"), s = event_text(tag);
    if (khap__str_eq(s, S("!")))
        return S("");
    if (khap__str_starts(s, prefix)) {
        s = khap__str_sub(s, prefix.len, SIZE_MAX);
        for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
            if (khap__str_eq(s, khap__str(names[i])))
                return khap__str(names[i]);
        }
    }
    return (struct khap_str){NULL, 0};
}

/* The tag among the properties that stand from `from` to the value. */
static struct khap_place tag_place(const struct yaml_reader *r, uint32_t from, uint32_t to)
{
    struct khap_str s = khap__str_sub(r->at.text, from - r->at.skipped, to - from);
    size_t begin = s.len > 0 && *s.ptr == '!' ? 0 : khap__str_find(s, '!'), end = begin;
    while (end < s.len && !is_space(s.ptr + end, s.ptr + s.len))
        end++;
    return (struct khap_place){r->source, from + (uint32_t)begin, (uint32_t)(end - begin)};
}

/* Tells a tag that is not known or does not fit. *name is that of a core tag, "" for "!" and for none. */
static void check_tag(struct yaml_reader *r, const yaml_char_t *tag, uint32_t from, const struct yaml_node *n,
                      struct khap_str *name)
{
    *name = S("");
    if (tag == NULL)
        return;
    struct khap_str core = core_tag(tag);
    struct khap_place place = tag_place(r, from, n->offset);
    if (core.ptr == NULL) {
        SAY(r->diags, MSG_YAML_TAG, place,
            khap__str_sub(r->at.text, place.offset - r->at.skipped, place.len));
        return;
    }
    bool map = khap__str_eq(core, S("map")), seq = khap__str_eq(core, S("seq"));
    if (core.len > 0 && (n->kind == YAML_MAPPING ? !map : n->kind == YAML_SEQUENCE ? !seq : map || seq)) {
        char shown[8] = "!!";
        memcpy(shown + 2, core.ptr, core.len);
        SAY(r->diags, MSG_YAML_TAG_MISMATCH, place, ((struct khap_str){shown, core.len + 2}),
            khap__str(kind_name(n)));
        return;
    }
    *name = core;
}

static bool means_null(const char *s, size_t n)
{
    return n == 0 || (n == 1 && *s == '~') ||
           (n == 4 && (memcmp(s, "null", 4) == 0 || memcmp(s, "Null", 4) == 0 || memcmp(s, "NULL", 4) == 0));
}

/* A block's end, as libyaml sees it, is behind the empty lines after it. */
static void trim_block(const struct yaml_reader *r, struct yaml_node *n)
{
    const char *begin = r->at.text.ptr + (n->offset - r->at.skipped), *end = begin + n->len;
    for (;;) {
        size_t step = end - begin >= 1 && is_space(end - 1, end)        ? 1
                      : end - begin >= 2 && line_end(end - 2, end) == 2 ? 2
                      : end - begin >= 3 && line_end(end - 3, end) == 3 ? 3
                                                                        : 0;
        if (step == 0)
            break;
        end -= step;
    }
    n->len = (uint32_t)(end - begin);
}

static enum khap_status read_scalar(struct yaml_reader *r, const yaml_event_t *event)
{
    yaml_scalar_style_t style = event->data.scalar.style;
    const char *value = (const char *)event->data.scalar.value;
    size_t len = event->data.scalar.length;
    struct yaml_node *n = new_node(r, event, YAML_SCALAR);
    char *text = n == NULL ? NULL : khap__arena_bytes(r->arena, len + 1);
    if (text == NULL)
        return KHAP_ENOMEM;
    memcpy(text, value, len);
    text[len] = '\0';
    n->text = text;
    n->text_len = (uint32_t)len;
    if (style != YAML_PLAIN_SCALAR_STYLE) {
        n->quoted = true;
        n->block = style == YAML_LITERAL_SCALAR_STYLE || style == YAML_FOLDED_SCALAR_STYLE;
    } else if (means_null(value, len)) {
        n->kind = YAML_NULL;
    }
    if (event->data.scalar.anchor != NULL || event->data.scalar.tag != NULL) {
        uint32_t from = n->offset, end = from + n->len, index;
        struct khap_str tag;
        n->offset = skip_properties(r, from, end);
        n->len = end - n->offset;
        check_tag(r, event->data.scalar.tag, from, n, &tag);
        if (khap__str_eq(tag, S("str")) || (event->data.scalar.tag != NULL && tag.len == 0)) {
            n->kind = YAML_SCALAR;
            n->quoted = true;
        } else if (khap__str_eq(tag, S("null"))) {
            n->kind = YAML_NULL;
        }
        if (add_anchor(r, event->data.scalar.anchor, n, false, &index) != KHAP_OK)
            return KHAP_ENOMEM;
    }
    if (n->block)
        trim_block(r, n);
    attach(r, n, 0);
    return KHAP_OK;
}

static enum khap_status too_deep(struct yaml_reader *r, struct khap_place place)
{
    char room[20];
    place.len = place.len > 1 ? 1 : place.len;
    SAY(r->diags, MSG_YAML_TOO_DEEP, place, khap__str_uint(room, r->limits.depth));
    return KHAP_EINPUT;
}

static enum khap_status begin_collection(struct yaml_reader *r, const yaml_event_t *event,
                                         enum yaml_kind kind, const yaml_char_t *anchor,
                                         const yaml_char_t *tag, bool flow)
{
    struct yaml_node *n = new_node(r, event, kind);
    struct yaml_frame frame = {.node = n, .flow = flow, .height = 1, .made_before = r->made - 1};
    struct khap_str name;
    if (n == NULL)
        return KHAP_ENOMEM;
    if (anchor != NULL || tag != NULL) {
        uint32_t from = n->offset;
        n->offset = skip_properties(r, from, (uint32_t)r->at.text.len + r->at.skipped);
        n->len = 1;
        check_tag(r, tag, from, n, &name);
        if (add_anchor(r, anchor, n, true, &frame.anchor) != KHAP_OK)
            return KHAP_ENOMEM;
    }
    if (r->frames.len >= r->limits.depth)
        return too_deep(r, khap__yaml_place_of(r, n));
    return VEC_PUSH(&r->alloc, &r->frames, frame) ? KHAP_OK : KHAP_ENOMEM;
}

static enum khap_status end_collection(struct yaml_reader *r, const yaml_event_t *event)
{
    struct yaml_frame f = r->frames.ptr[r->frames.len - 1];
    uint32_t end = 0;
    if (f.flow)
        end = khap__yaml_offset(&r->at, event->end_mark.index);
    else if (f.last !=
             NULL) /* libyaml ends a block where the next thing begins, behind empty lines and comments */
        end = f.last->offset + f.last->len;
    f.node->len = end > f.node->offset ? end - f.node->offset : 0;
    if (f.node->kind == YAML_MAPPING) {
        enum khap_status st = khap__yaml_finish_mapping(r, &f);
        if (st != KHAP_OK)
            return st;
    }
    if (f.anchor != 0) {
        struct yaml_anchor *anchor = &r->anchors.ptr[f.anchor - 1];
        anchor->open = false;
        anchor->size = r->made - f.made_before;
        anchor->height = f.height;
    }
    r->frames.len--;
    attach(r, f.node, f.height);
    return KHAP_OK;
}

/* An alias is a copy of the top of what it names; what is below is shared. The limits are on what a reader of
 * the tree meets. */
static enum khap_status read_alias(struct yaml_reader *r, const yaml_event_t *event)
{
    struct khap_str name = event_text(event->data.alias.anchor);
    struct yaml_node *n = new_node(r, event, YAML_NULL);
    uint32_t index;
    if (n == NULL)
        return KHAP_ENOMEM;
    struct khap_place place = khap__yaml_place_of(r, n);
    n->text = "";
    if (!khap__map_get(&r->anchor_names, name, &index)) {
        SAY(r->diags, MSG_YAML_UNKNOWN_ANCHOR, place, name);
        n->damaged = true;
        attach(r, n, 0);
        return KHAP_OK;
    }
    const struct yaml_anchor *anchor = &r->anchors.ptr[index];
    if (anchor->open) {
        SAY(r->diags, MSG_YAML_RECURSIVE_ALIAS, place, name);
        khap__diags_relate(r->diags, khap__yaml_place_of(r, anchor->node),
                           S("the anchored value begins here"));
        n->damaged = true;
        attach(r, n, 0);
        return KHAP_OK;
    }
    r->made += anchor->size - 1;
    r->aliased += anchor->size;
    if (r->aliased > r->limits.alias_nodes) {
        char room[20];
        SAY(r->diags, MSG_YAML_ALIAS_BOMB, place, khap__str_uint(room, r->limits.alias_nodes));
        return KHAP_EINPUT;
    }
    if (r->frames.len + anchor->height > r->limits.depth)
        return too_deep(r, place);
    *n = *anchor->node;
    n->next = NULL;
    n->offset = place.offset;
    n->len = place.len;
    attach(r, n, anchor->height);
    return KHAP_OK;
}

static enum khap_status read_event(struct yaml_reader *r, const yaml_event_t *event)
{
    switch (event->type) {
    case YAML_SCALAR_EVENT:
        return read_scalar(r, event);
    case YAML_ALIAS_EVENT:
        return read_alias(r, event);
    case YAML_MAPPING_START_EVENT:
        return begin_collection(r, event, YAML_MAPPING, event->data.mapping_start.anchor,
                                event->data.mapping_start.tag,
                                event->data.mapping_start.style == YAML_FLOW_MAPPING_STYLE);
    case YAML_SEQUENCE_START_EVENT:
        return begin_collection(r, event, YAML_SEQUENCE, event->data.sequence_start.anchor,
                                event->data.sequence_start.tag,
                                event->data.sequence_start.style == YAML_FLOW_SEQUENCE_STYLE);
    case YAML_MAPPING_END_EVENT:
    case YAML_SEQUENCE_END_EVENT:
        return end_collection(r, event);
    default:
        return KHAP_OK;
    }
}

static void begin_document(struct yaml_reader *r, struct arena *arena)
{
    r->arena = arena;
    r->root = NULL;
    r->frames.len = r->anchors.len = 0;
    r->made = r->aliased = 0;
    khap__map_clear(&r->anchor_names);
    khap__map_clear(&r->keys);
}

enum khap_status khap__yaml_next(struct yaml_reader *r, struct arena *arena, struct yaml_node **root)
{
    enum khap_status st = r->broken ? KHAP_EINPUT : KHAP_OK;
    *root = NULL;
    begin_document(r, arena);
    while (st == KHAP_OK && !r->ended && r->root == NULL) {
        yaml_event_t event;
        if (!yaml_parser_parse(&r->parser, &event)) {
            st = khap__yaml_problem(r);
            break;
        }
        r->ended = event.type == YAML_STREAM_END_EVENT;
        st = read_event(r, &event);
        yaml_event_delete(&event);
    }
    r->broken = st != KHAP_OK;
    *root = st == KHAP_OK ? r->root : NULL;
    return st;
}
