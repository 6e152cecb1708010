/* SPDX-License-Identifier: MIT */
#include "base/diag.h"
#include "base/json.h"
#include "base/message.h"

static const char severity_names[][8] = {"", "note", "warning", "error"};

static void put_place(struct json_writer *w, const struct khap_sources *sources, struct khap_place place)
{
    uint32_t line, column, end_line, end_column;
    if (place.source == 0)
        return;
    khap__json_string(w, S("source"), khap_sources_name(sources, place.source));
    khap_sources_locate(sources, place, &line, &column);
    if (line == 0)
        return;
    uint32_t room = UINT32_MAX - place.offset;
    place.offset += place.len > room ? room : place.len;
    khap_sources_locate(sources, place, &end_line, &end_column);
    khap__json_int(w, S("line"), line);
    khap__json_int(w, S("column"), column);
    khap__json_int(w, S("endLine"), end_line);
    khap__json_int(w, S("endColumn"), end_column);
}

static void put_diag(struct buf *out, const struct khap_sources *sources, const struct khap_diag *d)
{
    struct json_writer w = {out, false};
    struct khap_place place;
    struct khap_str text;
    khap__json_object(&w, S(""));
    khap__json_string(&w, S("code"), khap__str(khap_diag_code(d)));
    khap__json_string(&w, S("severity"), khap__str(severity_names[khap_diag_severity(d)]));
    khap__json_string(&w, S("message"), khap_diag_text(d));
    put_place(&w, sources, khap_diag_place(d));
    khap__json_array(&w, S("related"));
    for (size_t i = 0; khap_diag_related(d, i, &place, &text) == KHAP_OK; i++) {
        khap__json_object(&w, S(""));
        khap__json_string(&w, S("message"), text);
        put_place(&w, sources, place);
        khap__json_object_end(&w);
    }
    khap__json_array_end(&w);
    bool fix = khap_diag_edit(d, 0, &place, &text) == KHAP_OK;
    if (fix)
        khap__json_array(&w, S("edits"));
    for (size_t i = 0; khap_diag_edit(d, i, &place, &text) == KHAP_OK; i++) {
        khap__json_object(&w, S(""));
        put_place(&w, sources, place);
        khap__json_bytes(&w, S("text"), text);
        khap__json_object_end(&w);
    }
    if (fix)
        khap__json_array_end(&w);
    khap__json_object_end(&w);
    khap__buf_char(out, '\n');
}

/* The last line, when there were more than the list keeps. */
static void put_dropped(struct buf *out, size_t dropped)
{
    struct json_writer w = {out, false};
    khap__json_object(&w, S(""));
    khap__json_string(&w, S("code"), khap__str(khap__message_code(MSG_MORE_DIAGNOSTICS)));
    khap__json_string(&w, S("severity"), S("note"));
    khap__json_string(&w, S("message"), S("more diagnostics are not shown"));
    khap__json_int(&w, S("count"), (int64_t)dropped);
    khap__json_object_end(&w);
    khap__buf_char(out, '\n');
}

enum khap_status khap_diags_print_json(const struct khap_diags *diags, const struct khap_sink *sink)
{
    struct buf out;
    enum khap_status st = KHAP_OK;
    if (diags == NULL || sink == NULL || sink->write == NULL)
        return KHAP_EINVAL;
    khap__buf_init(&out, khap__diags_alloc(diags));
    for (const struct khap_diag *d = khap_diags_next(diags, NULL); d != NULL && st == KHAP_OK;
         d = khap_diags_next(diags, d)) {
        put_diag(&out, khap__diags_sources(diags), d);
        st = khap__buf_flush(&out, sink);
    }
    if (st == KHAP_OK && khap__diags_dropped(diags) > 0) {
        put_dropped(&out, khap__diags_dropped(diags));
        st = khap__buf_flush(&out, sink);
    }
    khap__buf_free(&out);
    return st;
}
