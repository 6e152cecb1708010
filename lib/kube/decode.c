/* kube/decode.c - lists, events and objects out of the bytes of answers; of objects the fields that matter. SPDX-License-Identifier: MIT */
#include "config.h"

#include "kube/mirror.h"

enum { LONGEST_STRING = 2 << 20 };

/* What becomes of a value. */
enum { DROP, INTO, KEEP };

/* What is caught, wherever else it goes. */
enum {
    CAUGHT_NAME,
    CAUGHT_NS,
    CAUGHT_VERSION,
    CAUGHT_KIND,
    CAUGHT_CODE,
    CAUGHT_MESSAGE,
    CAUGHT_RETRY,
    CAUGHT_INITIAL_END,
    CAUGHT_REF,
    CAUGHT_REF_NS,
    /* around objects */
    AROUND,
    AROUND_VERSION = AROUND,
    AROUND_CONTINUE,
    AROUND_TYPE,
    AROUND_CODE,
    AROUND_MESSAGE,
    AROUND_RETRY,
    CAUGHT_COUNT
};
_Static_assert((int)CAUGHT_COUNT <= (int)CAUGHT_ROOM, "room for what is caught");

struct caught {
    struct khap_str path;
    uint8_t caught;
    uint8_t longest; /* in units of 64 bytes */
    bool kept;
};
#define T(literal)                                                                                           \
    {                                                                                                        \
        "" literal, sizeof(literal) - 1                                                                      \
    }

static const struct caught in_object[] = {
    {T("metadata.name"), CAUGHT_NAME, 4, true},
    {T("metadata.namespace"), CAUGHT_NS, 4, true},
    {T("metadata.creationTimestamp"), CAUGHT_COUNT, 1, true},
    {T("metadata.deletionTimestamp"), CAUGHT_COUNT, 1, true},
    {T("metadata.resourceVersion"), CAUGHT_VERSION, LONGEST_VERSION / 64, false},
    {T("metadata.annotations.k8s.io/initial-events-end"), CAUGHT_INITIAL_END, 1, false},
    {T("kind"), CAUGHT_KIND, 1, false},
    {T("apiVersion"), CAUGHT_COUNT, 1, false},
    {T("code"), CAUGHT_CODE, 1, false},
    {T("message"), CAUGHT_MESSAGE, LONGEST_SAID / 64, false},
    {T("details.retryAfterSeconds"), CAUGHT_RETRY, 1, false},
};
static const struct caught around[] = {
    {T("metadata.resourceVersion"), AROUND_VERSION, LONGEST_VERSION / 64, false},
    {T("metadata.continue"), AROUND_CONTINUE, LONGEST_CONTINUE / 64, false},
    {T("type"), AROUND_TYPE, 1, false},
    {T("code"), AROUND_CODE, 1, false},
    {T("message"), AROUND_MESSAGE, LONGEST_SAID / 64, false},
    {T("details.retryAfterSeconds"), AROUND_RETRY, 1, false},
};

static struct khap_str caught(const struct decode *d, int what)
{
    return khap__kube_text(&d->caught[what]);
}

/* ---- where a value stands */

/* In the object, or outside of all of them. */
static struct khap_str path_of(const struct decode *d)
{
    return khap__kube_rest(khap__kube_text(&d->path), d->inside ? d->base : 0);
}

static bool is_below(struct khap_str longer, struct khap_str path)
{
    return longer.len > path.len && longer.ptr[path.len] == '.' && khap__kube_begins(longer, path);
}

static const struct caught *place_of(const struct decode *d, struct khap_str path, unsigned *fate)
{
    const struct caught *rows = d->inside ? in_object : around;
    size_t n = d->inside ? sizeof in_object / sizeof *in_object : sizeof around / sizeof *around;
    for (size_t i = 0; i < n; i++) {
        if (khap__kube_same(rows[i].path, path)) {
            *fate = rows[i].kept ? KEEP : INTO;
            return &rows[i];
        }
        if (is_below(rows[i].path, path))
            *fate = INTO;
    }
    return NULL;
}

static unsigned kept_fields(struct khap_str keep, struct khap_str path)
{
    unsigned fate = DROP;
    while (keep.len > 0) {
        const char *blank = memchr(keep.ptr, ' ', keep.len);
        struct khap_str row = {keep.ptr, blank ? (size_t)(blank - keep.ptr) : keep.len};
        keep = khap__kube_rest(keep, row.len + 1);
        bool open_end = row.ptr[row.len - 1] == '*';
        struct khap_str beginning = {row.ptr, row.len - open_end};
        if (open_end ? khap__kube_begins(path, beginning) : khap__kube_same(path, row))
            return KEEP;
        if (is_below(row, path))
            fate = INTO;
    }
    return fate;
}

static void decide(struct decode *d, uint32_t depth)
{
    struct khap_str path = path_of(d);
    unsigned fate = DROP;
    d->place = place_of(d, path, &fate);
    if (d->inside && depth > d->kept_at)
        fate = KEEP;
    else if (d->inside && d->kind && fate != KEEP) {
        unsigned kept = kept_fields(d->kind->keep, path);
        fate = kept > fate ? kept : fate;
    }
    if (!d->inside && khap__kube_same(path, d->as == AS_LIST ? S("items") : S("object")))
        fate = INTO;
    d->fate = fate;
}

static uint32_t number_of(struct khap_str text)
{
    uint32_t n = 0;
    return khap__kube_number(text, 0, 1000000, &n) ? n : 0;
}

/* ---- what is written of an object */

static bool writes(struct decode *d)
{
    if (d->out.len > d->largest)
        d->too_large = true;
    return d->inside && !d->too_large;
}

/* Comma and key of a value. */
static void write_before(struct decode *d, uint32_t depth, bool array)
{
    if (d->some >> depth & 1)
        khap__kube_add(&d->out, S(","));
    d->some |= UINT64_C(1) << depth;
    if (!array) {
        khap__json_add_quoted(&d->out, khap__kube_text(&d->key));
        khap__kube_add(&d->out, S(":"));
    }
}

static bool in_array(const struct decode *d, uint32_t depth)
{
    return depth > 0 && (d->json.arrays >> (depth - 1) & 1) != 0;
}

/* ---- objects */

static void begin_object(struct decode *d, uint32_t depth)
{
    d->inside = d->has_object = true;
    d->content = depth + 1;
    d->kept_at = d->dropped_at = UINT32_MAX;
    d->kind = d->only;
    d->out.len = d->refs.len = 0;
    d->too_large = false;
    for (int i = 0; i < AROUND; i++)
        d->caught[i].len = 0;
    d->base = d->path_len[depth + 1] = (uint32_t)d->path.len;
    d->some = 0;
    khap__kube_add(&d->out, S("{"));
    if (d->kind) {
        khap__kube_add(&d->out, S("\"apiVersion\":"));
        khap__json_add_quoted(&d->out, d->api_version);
        khap__kube_add(&d->out, S(",\"kind\":"));
        khap__json_add_quoted(&d->out, d->kind->kind);
        d->some |= UINT64_C(1) << d->content;
    } else {
        d->kept_at = depth; /* what was kept before is kept */
    }
}

static bool deliver(struct decode *d)
{
    struct found f = {.kind = d->kind,
                      .type = caught(d, AROUND_TYPE),
                      .ns = caught(d, CAUGHT_NS),
                      .name = caught(d, CAUGHT_NAME),
                      .version = caught(d, CAUGHT_VERSION),
                      .text = khap__kube_text(&d->out),
                      .refs = khap__kube_text(&d->refs),
                      .initial_end = khap__kube_same(caught(d, CAUGHT_INITIAL_END), S("true")),
                      .too_large = d->too_large,
                      .message = caught(d, CAUGHT_MESSAGE),
                      .retry_s = number_of(caught(d, CAUGHT_RETRY)),
                      .code = number_of(caught(d, CAUGHT_CODE))};
    if (!f.kind)
        f.kind = khap__kube_followed_kind(caught(d, CAUGHT_KIND));
    return !khap__decode_failed(d) && d->told(d->ctx, &f);
}

static bool end_object(struct decode *d)
{
    khap__kube_add(&d->out, S("}"));
    d->inside = false;
    d->whole = d->as == AS_ONE;
    return d->as == AS_WATCH || deliver(d);
}

static void end_ref(struct decode *d)
{
    struct khap_str name = caught(d, CAUGHT_REF), ns = caught(d, CAUGHT_REF_NS);
    if (name.len > 0 && d->refs.len < LONGEST_CONTINUE) {
        khap__kube_add(&d->refs, ns);
        khap__kube_add(&d->refs, S("/"));
        khap__kube_add(&d->refs, name);
        khap__kube_add(&d->refs, S("\n"));
    }
    d->caught[CAUGHT_REF].len = d->caught[CAUGHT_REF_NS].len = 0;
}

/* ---- values */

static void keep_caught(struct decode *d, int what, struct khap_str text, size_t longest)
{
    d->caught[what].len = 0;
    if (text.len > longest && (what == CAUGHT_MESSAGE || what == AROUND_MESSAGE))
        text.len = longest;
    if (text.len <= longest)
        khap__kube_add(&d->caught[what], text);
}

static void set_path(struct decode *d, uint32_t depth, struct khap_str key)
{
    d->path.len = d->path_len[depth];
    if (d->path.len > (d->inside ? d->base : 0))
        khap__kube_add(&d->path, S("."));
    khap__kube_add(&d->path, key);
}

static const struct followed *kind_at(const struct decode *d)
{
    return d->kind ? d->kind : khap__kube_followed_kind(caught(d, CAUGHT_KIND));
}

static bool take_key(struct decode *d, uint32_t depth, struct khap_str key)
{
    if (d->dropped)
        return true;
    set_path(d, depth, key);
    d->key.len = 0;
    khap__kube_add(&d->key, key);
    decide(d, depth);
    d->json.passing = d->fate == DROP && !d->place;
    return true;
}

static bool take_scalar(struct decode *d, enum json_event event, uint32_t depth, struct khap_str text)
{
    bool array = in_array(d, depth);
    d->json.passing = d->dropped;
    if (d->dropped)
        return true;
    if (array) {
        d->fate = d->inside && depth > d->kept_at ? KEEP : DROP;
    } else {
        struct khap_str path = path_of(d);
        const struct caught *place = d->place;
        if (place && place->caught != CAUGHT_COUNT)
            keep_caught(d, place->caught, text, place->longest * (size_t)64);
        const struct followed *kind = d->inside ? kind_at(d) : NULL;
        if (kind && kind->refs.len > 0 && is_below(path, kind->refs)) {
            struct khap_str key = khap__kube_rest(path, kind->refs.len + 1);
            if (khap__kube_same(key, kind->refs_key))
                keep_caught(d, CAUGHT_REF, text, 253);
            else if (khap__kube_same(key, S("namespace")))
                keep_caught(d, CAUGHT_REF_NS, text, 253);
        }
    }
    if (d->fate == KEEP && writes(d)) {
        write_before(d, depth, array);
        if (event == JSON_STRING)
            khap__json_add_quoted(&d->out, text);
        else
            khap__kube_add(&d->out, text);
    }
    return true;
}

static bool take_open(struct decode *d, enum json_event event, uint32_t depth)
{
    bool array = in_array(d, depth), object = event == JSON_OBJECT;
    d->json.passing = d->dropped;
    if (d->dropped)
        return true;
    if (array)
        d->path.len = d->path_len[depth];
    if (!d->inside) {
        struct khap_str path = path_of(d);
        if (object && (d->as == AS_ONE     ? depth == 0
                       : d->as == AS_WATCH ? depth == 1 && khap__kube_same(path, S("object"))
                                           : depth == 2 && array && khap__kube_same(path, S("items")))) {
            begin_object(d, depth);
            return true;
        }
        if (depth == 0) {
            d->path.len = 0;
            d->whole = d->has_object = false;
            for (int i = AROUND; i < CAUGHT_COUNT; i++)
                d->caught[i].len = 0;
            d->path_len[1] = 0;
            return object; /* an answer is an object */
        }
    }
    if (array)
        d->fate = d->inside && depth > d->kept_at ? KEEP : d->inside ? INTO : DROP;
    if (d->fate == DROP) {
        d->dropped = d->json.passing = true;
        d->dropped_at = depth;
        return true;
    }
    d->path_len[depth + 1] = (uint32_t)d->path.len;
    if (!d->inside)
        return true;
    if (d->fate == KEEP && d->kept_at > depth)
        d->kept_at = depth;
    d->mark[depth] = d->out.len;
    if (writes(d)) {
        bool before = (d->some >> depth & 1) != 0;
        write_before(d, depth, array);
        khap__kube_add(&d->out, object ? S("{") : S("["));
        if (d->fate == INTO && !before) /* nothing may come of it */
            d->some &= ~(UINT64_C(1) << depth);
    }
    d->some &= ~(UINT64_C(1) << (depth + 1));
    return true;
}

static bool take_close(struct decode *d, enum json_event event, uint32_t depth)
{
    if (d->dropped) {
        d->dropped = d->dropped_at != depth;
        d->json.passing = d->dropped;
        return true;
    }
    if (!d->inside) {
        if (depth > 0 || event != JSON_OBJECT_END)
            return true;
        d->whole = true;
        return d->as != AS_WATCH || (d->has_object && deliver(d));
    }
    if (depth + 1 == d->content)
        return end_object(d);
    const struct followed *kind = kind_at(d);
    if (kind && kind->refs.len > 0 && event == JSON_OBJECT_END &&
        d->path_len[depth + 1] - d->base == kind->refs.len && khap__kube_begins(path_of(d), kind->refs))
        end_ref(d);
    bool empty = (d->some >> (depth + 1) & 1) == 0;
    if (empty && depth < d->kept_at) {
        d->out.len = d->mark[depth] < d->out.len ? d->mark[depth] : d->out.len;
    } else {
        d->some |= UINT64_C(1) << depth;
        if (writes(d))
            khap__kube_add(&d->out, event == JSON_OBJECT_END ? S("}") : S("]"));
    }
    if (depth == d->kept_at)
        d->kept_at = UINT32_MAX;
    return true;
}

static bool told(void *ctx, enum json_event event, uint32_t depth, struct khap_str text)
{
    struct decode *d = ctx;
    bool good = false;
    switch (event) {
    case JSON_OBJECT:
    case JSON_ARRAY:
        good = take_open(d, event, depth);
        break;
    case JSON_OBJECT_END:
    case JSON_ARRAY_END:
        good = take_close(d, event, depth);
        break;
    case JSON_KEY:
        good = take_key(d, depth, text);
        break;
    case JSON_STRING:
    case JSON_OTHER:
        good = depth > 0 && take_scalar(d, event, depth, text);
        break;
    }
    return good && !d->out.failed && !d->path.failed;
}

void khap__decode_init(struct decode *d, const struct khap_alloc *alloc, size_t largest,
                       bool (*to)(void *ctx, const struct found *found), void *ctx)
{
    *d = (struct decode){.told = to, .ctx = ctx, .largest = largest};
    khap__json_init(&d->json, alloc, LONGEST_STRING, told, d);
    khap__kube_text_init(&d->path, alloc);
    khap__kube_text_init(&d->key, alloc);
    khap__kube_text_init(&d->out, alloc);
    khap__kube_text_init(&d->refs, alloc);
    for (int i = 0; i < CAUGHT_COUNT; i++)
        khap__kube_text_init(&d->caught[i], alloc);
}

void khap__decode_free(struct decode *d)
{
    khap__json_free(&d->json);
    khap__kube_text_free(&d->path);
    khap__kube_text_free(&d->key);
    khap__kube_text_free(&d->out);
    khap__kube_text_free(&d->refs);
    for (int i = 0; i < CAUGHT_COUNT; i++)
        khap__kube_text_free(&d->caught[i]);
}

void khap__decode_start(struct decode *d, enum decode_as as, const struct followed *kind,
                        struct khap_str api_version)
{
    khap__json_restart(&d->json);
    d->as = as;
    d->only = kind;
    d->api_version = api_version;
    d->inside = d->dropped = d->whole = false;
    d->path.failed = d->key.failed = d->out.failed = d->refs.failed = false;
    for (int i = 0; i < CAUGHT_COUNT; i++) {
        d->caught[i].len = 0;
        d->caught[i].failed = false;
    }
}

bool khap__decode_take(struct decode *d, struct khap_str bytes)
{
    return khap__json_take(&d->json, bytes) && !khap__decode_failed(d);
}

bool khap__decode_failed(const struct decode *d)
{
    bool failed = d->json.token.failed || d->path.failed || d->key.failed || d->out.failed || d->refs.failed;
    for (int i = 0; i < CAUGHT_COUNT; i++)
        failed |= d->caught[i].failed;
    return failed;
}

bool khap__decode_whole(const struct decode *d)
{
    return d->whole && khap__json_between(&d->json);
}

struct khap_str khap__decode_version(const struct decode *d)
{
    return caught(d, AROUND_VERSION);
}

struct khap_str khap__decode_continue(const struct decode *d)
{
    return caught(d, AROUND_CONTINUE);
}

struct khap_str khap__decode_message(const struct decode *d)
{
    return caught(d, AROUND_MESSAGE);
}

uint32_t khap__decode_code(const struct decode *d)
{
    return number_of(caught(d, AROUND_CODE));
}

uint32_t khap__decode_retry_s(const struct decode *d)
{
    return number_of(caught(d, AROUND_RETRY));
}
