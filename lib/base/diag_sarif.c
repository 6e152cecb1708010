/* base/diag_sarif.c - diagnostics as SARIF 2.1.0, which code scanners and editors read. SPDX-License-Identifier: MIT */
#include "base/diag.h"
#include "base/json.h"
#include "base/message.h"
#include "base/utf8.h"

static const char levels[][8] = {"none", "note", "warning", "error"};

struct sarif {
    struct json_writer w;
    struct buf text; /* of one value */
    const struct khap_sources *sources;
    uint32_t index[MSG__COUNT]; /* of a code among those that are described, from 1 */
};

/* A path as a URI: relative ones stay so. */
static struct khap_str uri_of(struct sarif *s, struct khap_str path)
{
    khap__buf_clear(&s->text);
    if (khap__str_starts(path, S("/")))
        khap__buf_add(&s->text, S("file://"));
    for (size_t i = 0; i < path.len; i++) {
        unsigned char c = (unsigned char)path.ptr[i];
        if (khap__is_alnum(c) || memchr("-._~/", c, 5) != NULL) {
            khap__buf_char(&s->text, (char)c);
            continue;
        }
        khap__buf_char(&s->text, '%');
        khap__buf_char(&s->text, "0123456789ABCDEF"[c >> 4]);
        khap__buf_char(&s->text, "0123456789ABCDEF"[c & 15]);
    }
    return khap__buf_str(&s->text);
}

static void put_text(struct sarif *s, struct khap_str key, struct khap_str text)
{
    khap__json_object(&s->w, key);
    khap__json_string(&s->w, S("text"), text);
    khap__json_object_end(&s->w);
}

static void put_artifact(struct sarif *s, uint32_t source)
{
    khap__json_object(&s->w, S("artifactLocation"));
    khap__json_string(&s->w, S("uri"), uri_of(s, khap_sources_name(s->sources, source)));
    khap__json_object_end(&s->w);
}

/* Line and column of an offset, in characters; what is no UTF-8 counts a byte as one. */
static void put_position(struct sarif *s, struct khap_place place, uint32_t offset, struct khap_str line_key,
                         struct khap_str column_key)
{
    struct khap_str text = khap_sources_text(s->sources, place.source);
    uint32_t line, column, characters = 1;
    place.offset = offset > text.len ? (uint32_t)text.len : offset;
    khap_sources_locate(s->sources, place, &line, &column);
    const char *at = text.ptr + place.offset - (column - 1), *end = text.ptr + place.offset;
    for (; at < end; characters++) {
        uint32_t character;
        unsigned len = khap__utf8_decode(at, (size_t)(end - at), &character);
        at += len > 0 ? len : 1;
    }
    khap__json_int(&s->w, line_key, line);
    khap__json_int(&s->w, column_key, characters);
}

static void put_region(struct sarif *s, struct khap_str key, struct khap_place place)
{
    uint32_t room = UINT32_MAX - place.offset;
    khap__json_object(&s->w, key);
    put_position(s, place, place.offset, S("startLine"), S("startColumn"));
    put_position(s, place, place.offset + (place.len > room ? room : place.len), S("endLine"),
                 S("endColumn"));
    khap__json_object_end(&s->w);
}

static void put_location(struct sarif *s, struct khap_place place)
{
    khap__json_object(&s->w, S("physicalLocation"));
    put_artifact(s, place.source);
    if (khap_sources_text(s->sources, place.source).len > 0)
        put_region(s, S("region"), place);
    khap__json_object_end(&s->w);
}

static void put_related(struct sarif *s, const struct khap_diag *d)
{
    struct khap_place place;
    struct khap_str text;
    if (khap_diag_related(d, 0, &place, &text) != KHAP_OK)
        return;
    khap__json_array(&s->w, S("relatedLocations"));
    for (size_t i = 0; khap_diag_related(d, i, &place, &text) == KHAP_OK; i++) {
        khap__json_object(&s->w, S(""));
        if (place.source != 0)
            put_location(s, place);
        put_text(s, S("message"), text);
        khap__json_object_end(&s->w);
    }
    khap__json_array_end(&s->w);
}

/* The fix; the edits of one file stand together, because each file may be named once. */
static void put_fix(struct sarif *s, const struct khap_diag *d)
{
    struct khap_place place;
    struct khap_str text;
    uint32_t source = 0;
    if (khap_diag_edit(d, 0, &place, &text) != KHAP_OK)
        return;
    khap__json_array(&s->w, S("fixes"));
    khap__json_object(&s->w, S(""));
    khap__json_array(&s->w, S("artifactChanges"));
    for (size_t i = 0; khap_diag_edit(d, i, &place, &text) == KHAP_OK; i++) {
        if (place.source != source) {
            if (source != 0) {
                khap__json_array_end(&s->w);
                khap__json_object_end(&s->w);
            }
            source = place.source;
            khap__json_object(&s->w, S(""));
            put_artifact(s, source);
            khap__json_array(&s->w, S("replacements"));
        }
        khap__json_object(&s->w, S(""));
        put_region(s, S("deletedRegion"), place);
        put_text(s, S("insertedContent"), text);
        khap__json_object_end(&s->w);
    }
    khap__json_array_end(&s->w);
    khap__json_object_end(&s->w);
    khap__json_array_end(&s->w);
    khap__json_object_end(&s->w);
    khap__json_array_end(&s->w);
}

static void put_result(struct sarif *s, const struct khap_diag *d)
{
    enum message_id id = khap__message_id(khap__str(khap_diag_code(d)));
    struct khap_place place = khap_diag_place(d);
    khap__json_object(&s->w, S(""));
    khap__json_string(&s->w, S("ruleId"), khap__str(khap_diag_code(d)));
    khap__json_int(&s->w, S("ruleIndex"), (int64_t)s->index[id] - 1);
    khap__json_string(&s->w, S("level"), khap__str(levels[khap_diag_severity(d)]));
    put_text(s, S("message"), khap_diag_text(d));
    if (place.source != 0) {
        khap__json_array(&s->w, S("locations"));
        khap__json_object(&s->w, S(""));
        put_location(s, place);
        khap__json_object_end(&s->w);
        khap__json_array_end(&s->w);
    }
    put_related(s, d);
    put_fix(s, d);
    khap__json_object_end(&s->w);
}

/* What is known of a code, as `khapgen explain` tells it. */
static void put_rule(struct sarif *s, enum message_id id)
{
    struct khap_message m = {.size = sizeof m};
    if (khap_message_at((size_t)id, &m) != KHAP_OK)
        return;
    khap__json_object(&s->w, S(""));
    khap__json_string(&s->w, S("id"), khap__str(m.code));
    khap__buf_clear(&s->text);
    for (const char *at = m.text; *at != '\0'; at++) {
        /* what stands for %1 is another word each time */
        if (at[0] == '%' && at[1] >= '1' && at[1] <= '9') {
            khap__buf_add(&s->text, S("..."));
            at++;
        } else {
            khap__buf_char(&s->text, *at);
        }
    }
    put_text(s, S("shortDescription"), khap__buf_str(&s->text));
    put_text(s, S("fullDescription"), khap__str(m.meaning));
    khap__buf_clear(&s->text);
    khap__buf_add(&s->text, khap__str(m.remedy));
    if (!khap__str_eq(khap__str(m.example), S("-"))) {
        khap__buf_add(&s->text, S("\nExample: "));
        khap__buf_add(&s->text, khap__str(m.example));
    }
    put_text(s, S("help"), khap__buf_str(&s->text));
    khap__json_object(&s->w, S("defaultConfiguration"));
    khap__json_string(&s->w, S("level"), khap__str(levels[m.severity]));
    khap__json_object_end(&s->w);
    khap__json_object_end(&s->w);
}

static void put_tool(struct sarif *s, const struct khap_diags *diags)
{
    uint32_t n = 0;
    bool seen[MSG__COUNT] = {false};
    for (const struct khap_diag *d = khap_diags_next(diags, NULL); d != NULL; d = khap_diags_next(diags, d))
        seen[khap__message_id(khap__str(khap_diag_code(d)))] = true;
    khap__json_object(&s->w, S("tool"));
    khap__json_object(&s->w, S("driver"));
    khap__json_string(&s->w, S("name"), S("khapgen"));
    khap__json_string(&s->w, S("version"), khap__str(khap_version()));
    khap__json_array(&s->w, S("rules"));
    for (unsigned id = 0; id < MSG__COUNT; id++) {
        if (!seen[id])
            continue;
        s->index[id] = ++n;
        put_rule(s, (enum message_id)id);
    }
    khap__json_array_end(&s->w);
    khap__json_object_end(&s->w);
    khap__json_object_end(&s->w);
}

/* That the run came to its end, and how much the list did not keep. */
static void put_invocation(struct sarif *s, size_t dropped)
{
    khap__json_array(&s->w, S("invocations"));
    khap__json_object(&s->w, S(""));
    khap__json_bool(&s->w, S("executionSuccessful"), true);
    if (dropped > 0) {
        char digits[20];
        khap__buf_clear(&s->text);
        khap__buf_add(&s->text, khap__str_uint(digits, dropped));
        khap__buf_add(&s->text, S(" more diagnostics are not shown"));
        khap__json_array(&s->w, S("toolExecutionNotifications"));
        khap__json_object(&s->w, S(""));
        khap__json_string(&s->w, S("level"), S("warning"));
        put_text(s, S("message"), khap__buf_str(&s->text));
        khap__json_object_end(&s->w);
        khap__json_array_end(&s->w);
    }
    khap__json_object_end(&s->w);
    khap__json_array_end(&s->w);
}

enum khap_status khap_diags_print_sarif(const struct khap_diags *diags, const struct khap_sink *sink)
{
    struct buf out;
    struct sarif s = {.w = {&out, false}};
    enum khap_status st = KHAP_OK;
    if (diags == NULL || sink == NULL || sink->write == NULL)
        return KHAP_EINVAL;
    khap__buf_init(&out, khap__diags_alloc(diags));
    khap__buf_init(&s.text, khap__diags_alloc(diags));
    s.sources = khap__diags_sources(diags);
    khap__json_object(&s.w, S(""));
    khap__json_string(
        &s.w, S("$schema"),
        S("https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"));
    khap__json_string(&s.w, S("version"), S("2.1.0"));
    khap__json_array(&s.w, S("runs"));
    khap__json_object(&s.w, S(""));
    put_tool(&s, diags);
    put_invocation(&s, khap__diags_dropped(diags));
    khap__json_string(&s.w, S("columnKind"), S("unicodeCodePoints"));
    khap__json_array(&s.w, S("results"));
    for (const struct khap_diag *d = khap_diags_next(diags, NULL); d != NULL && st == KHAP_OK;
         d = khap_diags_next(diags, d)) {
        khap__buf_char(&out, '\n');
        put_result(&s, d);
        if (s.text.failed)
            st = KHAP_ENOMEM;
        else
            st = khap__buf_flush(&out, sink);
    }
    khap__json_array_end(&s.w);
    khap__json_object_end(&s.w);
    khap__json_array_end(&s.w);
    khap__json_object_end(&s.w);
    khap__buf_char(&out, '\n');
    if (st == KHAP_OK)
        st = s.text.failed ? KHAP_ENOMEM : khap__buf_flush(&out, sink);
    khap__buf_free(&out);
    khap__buf_free(&s.text);
    return st;
}
